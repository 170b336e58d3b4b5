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

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError, PolicyError
from tariffmodel.facts import FLOWS, OWN, Facts, periods, publication
from tariffmodel.facts.periods import Period
from tariffmodel.markets import valuation
from tariffmodel.tariff import booked, uncertainty
from tariffmodel.tariff.case import LAW, Case, case
from tariffmodel.tariff.exposure import ALL
from tariffmodel.tariff.goods import INPUTS
from tariffmodel.watch import announcements
from tariffmodel.watch.surprises import CALENDAR, INDICATORS, releases

_OCTETS = 75
_STAKES = ["bill_change_usd", "low_usd", "high_usd", "value_change_usd", "value_low_usd", "value_high_usd"]


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
        `first_day`, `last_day`, `what`, `countries`, `kind`, `indicators` (words), `release`, `quality`,
        `note`; `policy`, what hangs on a legal date, or `no_policy`, why none does, and the columns of
        `stakes`; `at_stake_usd`: of a release probability times value, of the makers at home in its
        countries, of a legal date the value to all makers if it comes, whatever the sign. Amounts are NaN
        without `at_stake`.

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
        "policy",
        "no_policy",
        "release",
        "quality",
        "note",
    ]
    table = pd.DataFrame(found, columns=columns)
    known = [_stake(row, facts, at_stake) for row in table.to_dict("records")]
    named = [
        ", ".join(INDICATORS[name].label for name in text.split("|")) if isinstance(text, str) else ""
        for text in table["indicators"]
    ]
    table = table.assign(indicators=named)
    text = {name: table[name].astype("object").fillna("") for name in ("policy", "no_policy")}
    table = table.assign(**text, **dict.fromkeys(_STAKES, np.nan))
    if at_stake is not None:
        table[_STAKES] = stakes(facts).xs(ALL, level="maker").reindex(table["release"]).to_numpy()
    of_dates = table["value_change_usd"].abs()
    table.insert(6, "at_stake_usd", of_dates.fillna(pd.Series(known, table.index, dtype=float)))
    return table.sort_values(["first_day", "last_day"], kind="stable", ignore_index=True)


def stakes(facts: Facts) -> pd.DataFrame:
    """What hangs on each legal date: bills and value under its policy less those under the law in force.

    Over the twelve months from the date, by maker and, of those inside no other, together as ``ALL``, where
    what makers share of an error moves them together. It is what the policy is worth if it comes, whatever
    its probability; a date on which the data name no policy has no row.

    Returns
    -------
    DataFrame
        Indexed by `release` and `maker`: `bill_change_usd` a year, with `low_usd`, `high_usd` of the inputs,
        and `value_change_usd` to shareholders (a loss below zero), as `valuation.draws`, with 95% in
        `value_low_usd`, `value_high_usd`.

    Raises
    ------
    DataError
        A policy that cannot be read.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = stakes(tm.facts.load()).loc["canada-50"]
    >>> bool((found["bill_change_usd"] >= 0).all()), bool(found.loc["ALL", "value_high_usd"] < 0)
    (True, True)
    """
    law = case(LAW, against=LAW, data=facts)
    rows = releases(facts)
    found = {row["release"]: _hanging(law, row) for row in rows[rows["policy"].notna()].to_dict("records")}
    index = ["release", "maker"]
    return pd.concat(found, names=index) if found else pd.DataFrame(
        columns=_STAKES, index=pd.MultiIndex.from_arrays([[], []], names=index), dtype=float
    )  # fmt: skip


def _hanging(law: Case, row: Mapping[Any, Any]) -> pd.DataFrame:
    """What the policy of one legal date changes, by maker."""
    first = periods.parse(row["date"]).start
    last = (pd.Timestamp(first) + pd.DateOffset(years=1, days=-1)).date()
    try:
        change = law.replace(policy=row["policy"], period=Period(first, last))
    except PolicyError as error:
        raise DataError(f"data/{CALENDAR} row {row['row']}: policy: {error}") from None
    makers, whole = change.goods.makers, change.facts.makers["consolidated_in"].isna().to_numpy()
    runs = np.broadcast_to(change.runs_usd, (1 + 2 * len(INPUTS), len(makers)))
    shared = uncertainty.sharing(change.facts, list(INPUTS), makers)
    each, sums = uncertainty.interval(runs), uncertainty.total(runs, whole[None].astype(float), shared)
    bills = pd.DataFrame({"delta_bill_usd": runs[0]}, makers)
    bills["delta_bill_low_usd"], bills["delta_bill_high_usd"] = each
    errors = pd.DataFrame(uncertainty.correlation(runs, shared), makers, makers)
    drawn = valuation.draws(change.facts, bills, widening=booked.widening(change), correlation=errors)
    drawn[ALL] = drawn.loc[:, whole].sum(axis=1)
    columns = [
        np.append(runs[0], runs[0] @ whole),
        *(np.append(*ends) for ends in zip(each, sums, strict=True)),
    ]
    frame = pd.DataFrame(dict(zip(_STAKES, columns, strict=False)), [*makers, ALL])
    return frame.join(valuation.quantiles(drawn).set_axis(_STAKES[3:], axis=1))


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
    >>> row["policy"] = "canada-50-from-2027"
    >>> text = ics(pd.DataFrame([row | {"at_stake_usd": float("nan")}]), date(2026, 11, 28))
    >>> text.split("\r\n")[4:6]
    ['UID:canada-50-20270101@tariffmodel', 'DTSTAMP:20261128T000000Z']
    """
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//tariffmodel//watch list//EN"]
    for row in ahead.to_dict("records"):
        first, last = row["first_day"].date(), row["last_day"].date()
        said = [f"On it hang: {row['indicators']}." if row["indicators"] else "", str(row["note"] or "")]
        if row["at_stake_usd"] == row["at_stake_usd"]:
            what = f"value of {row['policy']} if it comes" if row["policy"] else "probability times value"
            said.insert(1, f"At stake, {what}: USD {row['at_stake_usd'] / 1e6:,.0f} m.")
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
