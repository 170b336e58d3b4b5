"""What comes out next, what becomes law when, what hangs on it, and what came in since?

Days of statistics move with weekends: a release has a first and a last day that it may come on. `ics` writes
the list as a calendar file (RFC 5545, Desruisseaux 2009): CRLF, lines of at most 75 octets, text escaped, and
for each release an identifier that stays, so that a second import changes the first.
"""

from __future__ import annotations

import calendar as days_of
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pandas as pd

from tariffmodel.facts import FLOWS, OWN, Facts, periods, publication
from tariffmodel.watch import announcements
from tariffmodel.watch.surprises import INDICATORS, releases

_OCTETS = 75


def upcoming(
    facts: Facts, start: date | None = None, days: int = 60, at_stake: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Releases from a day on, and legal dates however far they are, the next first.

    Parameters
    ----------
    start : date, optional
        Default: the day after that of the facts.
    days : int
        How far ahead releases are listed.
    at_stake : DataFrame, optional
        From `surprises.table`: says what hangs on each.

    Returns
    -------
    DataFrame
        `first_day`, `last_day`, `what`, `countries`, `kind`, `indicators` (words), `at_stake_usd` (of the
        makers at home in its countries; NaN without `at_stake`, and for legal dates), `release`, `quality`,
        `note`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> ahead = tm.calendar.upcoming(tm.facts.load(), date(2026, 12, 1), days=31)
    >>> ahead.query("release == 'g17'")["first_day"].dt.strftime("%Y-%m-%d").tolist()
    ['2026-12-15']
    """
    begin = start or facts.as_of + timedelta(days=1)
    end = begin + timedelta(days=days)
    found = []
    for row in releases(facts).to_dict("records"):
        for first, last in _days(row, begin, end):
            if last >= begin and (row["kind"] != "release" or first <= end):
                found.append({**row, "first_day": pd.Timestamp(first), "last_day": pd.Timestamp(last)})
    columns = [
        "first_day",
        "last_day",
        "what",
        "countries",
        "kind",
        "indicators",
        "release",
        "quality",
        "note",
    ]
    table = pd.DataFrame(found, columns=columns)
    stakes = [_stake(row, facts, at_stake) for row in table.to_dict("records")]
    named = [
        ", ".join(INDICATORS[name].label for name in text.split("|")) if isinstance(text, str) else ""
        for text in table["indicators"]
    ]
    table = table.assign(indicators=named)
    table.insert(6, "at_stake_usd", pd.Series(stakes, table.index, dtype=float))
    return table.sort_values(["first_day", "last_day"], kind="stable", ignore_index=True)


def _days(row: Mapping[Any, Any], begin: date, end: date) -> list[tuple[date, date]]:
    """First and last day of each time that a row of the calendar comes between two days."""
    if isinstance(row["date"], str):
        span = periods.parse(row["date"])
        return [(span.start, span.end)]
    text = str(row["months"])
    months = range(1, 13) if text == "*" else [int(month) for month in text.split("|")]
    out = []
    for year in range(begin.year, end.year + 1):
        for month in months:
            longest = days_of.monthrange(year, month)[1]
            first, last = (min(int(str(row[name])), longest) for name in ("first_day", "last_day"))
            out.append((date(year, month, first), date(year, month, last)))
    return [one for one in out if one[0] <= end]


def _stake(row: Mapping[Any, Any], facts: Facts, at_stake: pd.DataFrame | None) -> float:
    if at_stake is None or row["kind"] != "release" or not isinstance(row["indicators"], str):
        return float("nan")
    countries = str(row["countries"]).split("|")
    homes = facts.makers["home"].reindex(at_stake["maker"]).to_numpy()
    near = pd.Series(homes, at_stake.index).isin(countries) | ("ALL" in countries) | ("US" in countries)
    named = at_stake["indicator"].isin(row["indicators"].split("|"))
    return float(at_stake.loc[near & named, "at_stake_usd"].sum())


def came_in(facts: Facts, since: date) -> pd.DataFrame:
    """Volumes and announcements that became known, or that the user added, after a day, the newest first.

    Returns
    -------
    DataFrame
        `known_day`, `maker`, `what` (the figure in words), `period`, `value`, `selected` (whether the model
        uses it).

    Examples
    --------
    >>> import tariffmodel as tm
    >>> news = tm.calendar.came_in(tm.facts.load(), date(2026, 5, 1))
    >>> bool((news["known_day"] > "2026-05-01").all()), "Nissan" in set(news["maker"])
    (True, True)
    """
    rows = facts.table[facts.table["variable"].isin(FLOWS) & facts.table["maker"].isin(facts.makers.index)]
    added = publication.last_day(rows["read_on"]) > pd.Timestamp(
        since
    )  # the user's, whenever they were public
    fresh = (rows["known_day"] > pd.Timestamp(since)) | (added & (rows["file"] == f"data/{OWN}"))
    rows = rows[fresh & (rows["quality"] != "estimated")]
    words = rows["variable"].str.removesuffix("_units").str.replace("_", " ").str.replace("us ", "US ")
    origin = rows["origin"].where(rows["origin"] != "US", "")
    figures = pd.DataFrame(
        {
            "known_day": rows["known_day"],
            "maker": rows["maker"],
            "what": (words + " " + origin).str.strip(),
            "period": rows["period"],
            "value": rows["value"],
            "selected": rows["selected"].astype(bool),
        }
    )
    said = announcements.table(facts)
    said = said[(said["day"] > pd.Timestamp(since)) & (said["day"] <= pd.Timestamp(facts.as_of))]
    told = pd.DataFrame(
        {
            "known_day": said["day"],
            "maker": said["company"],
            "what": [text.partition(": ")[2] for text in announcements.names(said)],
            "period": [
                f"from {year:.0f}" if year == year else "" for year in said["start_year"].astype(float)
            ],
            "value": float("nan"),
            "selected": False,
        }
    )
    both = pd.concat([figures, told], ignore_index=True)
    return both.sort_values(["known_day", "maker"], ascending=[False, True], kind="stable", ignore_index=True)


def ics(ahead: pd.DataFrame, made_on: date) -> str:
    r"""A calendar file of the rows of `upcoming`, one event each.

    Parameters
    ----------
    made_on : date
        Stamp of every event: the same list on the same day is the same file.

    Examples
    --------
    >>> day = pd.Timestamp("2027-01-01")
    >>> row = {"first_day": day, "last_day": day, "what": "Canada: cars, trucks to 50%", "kind": "threat"}
    >>> row |= {"countries": "CA", "indicators": "imports", "release": "canada-50", "note": ""}
    >>> text = ics(pd.DataFrame([row | {"at_stake_usd": float("nan")}]), date(2026, 11, 28))
    >>> text.split("\r\n")[4:6]
    ['UID:canada-50-20270101@tariffmodel', 'DTSTAMP:20261128T000000Z']
    """
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//tariffmodel//watch list//EN"]
    for row in ahead.to_dict("records"):
        first, last = row["first_day"].date(), row["last_day"].date()
        said = [f"On it hang: {row['indicators']}." if row["indicators"] else "", str(row["note"] or "")]
        if row["at_stake_usd"] == row["at_stake_usd"]:
            said.insert(1, f"At stake, probability times value: USD {row['at_stake_usd'] / 1e6:,.0f} m.")
        lines += [
            "BEGIN:VEVENT",
            f"UID:{row['release']}-{first:%Y%m%d}@tariffmodel",
            f"DTSTAMP:{made_on:%Y%m%d}T000000Z",
            f"DTSTART;VALUE=DATE:{first:%Y%m%d}",
            f"DTEND;VALUE=DATE:{last + timedelta(days=1):%Y%m%d}",
            f"SUMMARY:{_escaped(str(row['what']))}",
            f"DESCRIPTION:{_escaped(chr(10).join(filter(None, said)))}",
            f"CATEGORIES:{_escaped(str(row['kind']))}",
            "TRANSP:TRANSPARENT",
            "END:VEVENT",
        ]
    lines.append("END:VCALENDAR")
    return "".join(f"{_folded(line)}\r\n" for line in lines)


def _escaped(text: str) -> str:
    for mark, written in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\n", "\\n")):
        text = text.replace(mark, written)
    return text


def _folded(line: str) -> str:
    """A line in pieces of at most 75 octets, no letter cut in two."""
    pieces, piece, most = [], "", _OCTETS
    for letter in line:
        if len((piece + letter).encode()) > most:
            pieces.append(piece)
            piece, most = "", _OCTETS - 1  # a space stands before what goes on
        piece += letter
    return "\r\n ".join([*pieces, piece])
