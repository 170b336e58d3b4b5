"""How do the user's own days of results and guidance enter the calendar of makers' news?

A file is read and checked before anything is written; a time is understood or refused, never cut off.
Accepted rows go into ``events/own_company_news.csv`` of a snapshot of `store`, where they go before the
bundled rows of the same maker, day and kind.
"""

from __future__ import annotations

import difflib
import re
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from tariffmodel import files
from tariffmodel.errors import DataError
from tariffmodel.facts import OWN_COMPANY_NEWS, Facts, Fault, companies, conform_own, news, refuse, store
from tariffmodel.facts.protected import kept_with
from tariffmodel.intake import spreadsheet
from tariffmodel.intake.own_disclosures import iso_day
from tariffmodel.intake.vendors import heading
from tariffmodel.markets import own_news
from tariffmodel.stats.sessions import exchange

EXCHANGE = "exchange"  # as a zone: that of the exchange of the maker's home line
KEY = ["maker", "date", "kind"]
_FAR = timedelta(days=366)  # a day further ahead is doubted
_FIRST = pd.Timestamp("2023-01-01")  # no prices before
_HEADINGS = {
    "company": "maker", "ticker": "maker", "firm": "maker", "line": "maker", "day": "date",
    "timestamp": "date", "announced": "date", "timezone": "zone", "time zone": "zone", "tz": "zone",
    "news": "what", "event": "what", "headline": "what", "description": "what", "type": "kind",
    "source": "source_title", "url": "source_url",
}  # fmt: skip
# columns that only rows of events.csv and policies.csv have
_OF_EVENTS = {
    "scope",
    "countries",
    "scheduled",
    "time et",
    "policy before",
    "policy after",
    "basis",
    "restates",
}
_KINDS = {
    "results": "results, result, earnings, earnings release, quarterly results, 決算, 실적, ergebnisse",
    "guidance": "guidance, forecast, outlook, warning, profit warning, 業績予想, gewinnwarnung",
    "trading_statement": "trading statement, trading_statement, trading update, preliminary results",
    "filing": "filing, annual report, 20-f, 10-k",
}
# zones as people write them, and the abbreviations that their clocks show
_ZONES = {
    "Asia/Tokyo": {"JST"},
    "Asia/Seoul": {"KST"},
    "Europe/Berlin": {"CET", "CEST", "MEZ", "MESZ"},
    "Europe/London": {"BST"},
    "America/New_York": {"ET", "EST", "EDT"},
    "UTC": {"UTC", "GMT", "Z"},
}
_LOCAL_NAME = {"MEZ": "CET", "MESZ": "CEST", "ET": "", "Z": "UTC", "GMT": "UTC"}
_CLOCK = re.compile(
    r"(\d{1,2})(?:[:.h](\d{2}))?(?::\d{2}(?:\.\d+)?)?\s*(?:([ap])\.?m\.?(?![a-z]))?\s*(.*)", re.IGNORECASE
)
_OFFSET = re.compile(r"(?:UTC|GMT)?\s*([+-])(\d{1,2}):?(\d{2})?")
_WITH_TIME = re.compile(r"(.*?\d)(?:T|\s+|,\s*)(\d{1,2}[:.h]\d{2}.*|\d{1,2}\s*[ap]\.?m.*)", re.IGNORECASE)
_MIDNIGHT = re.compile(r"[T ]00:00:00(?:\.0+)?$")  # of a day that a program wrote as a moment
_A_TIME = "a time such as 16:30, 4:30 pm, 16:30 JST or 16:30+09:00"
_A_ZONE = "JST, KST, CET, ET, UTC or a name such as Asia/Tokyo"
_A_DAY = "a day such as 21 Oct 2025 or 2025-10-21 (of 03/04/2025 either may be the month)"


def read_events(
    path: str | Path, *, sheet: str | None = None, encoding: str | None = None, **columns: str
) -> pd.DataFrame:
    """Rows of makers' own news from a CSV or Excel file, as text.

    One piece of news per row, in any order. Needed are `maker` (by name, alias or ticker) and `date`;
    further `time`, `zone`, `kind`, `what`, `quality`, `source_title`, `source_url`, `source_date`, `note`. A
    time may stand in the column of the date, and its zone or offset after it: ``2025-10-30 19:45 JST``,
    ``2025-10-30T19:45+09:00``.

    Parameters
    ----------
    sheet, encoding
        See `spreadsheet.read`.
    **columns : str
        Values for columns that the file leaves out or empty: ``source_title="Kabutan"``.

    Returns
    -------
    DataFrame
        The columns named above and `row` of the file. Where left out, `kind` is results, `what` the kind,
        `quality` reported, `source_title` the name of the file and `source_date` today.

    Raises
    ------
    DataError
        Where the layout is not understood; rows of tariff events are refused, with where they go.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import tariffmodel as tm
    >>> said = pd.DataFrame({"maker": ["Toyota"], "date": ["8 May 2026"], "time": ["13:55 JST"]})
    >>> with TemporaryDirectory() as place:
    ...     said.to_csv(file := Path(place) / "mine.csv", index=False)
    ...     rows = tm.own_events.read_events(file)
    >>> rows[["date", "time", "kind", "source_title"]].to_numpy().tolist()
    [['8 May 2026', '13:55 JST', 'results', 'mine.csv']]
    """
    from tariffmodel.facts.schemas.events import COMPANY_NEWS  # slow to import

    known = [name for name in COMPANY_NEWS.columns if name not in ("time_assumed", "time_basis")]
    table = spreadsheet.read(path, sheet=sheet, encoding=encoding)
    header = table.cells[(table.cells != "").any(axis=1).argmax()]
    if of_events := sorted(_OF_EVENTS & set(map(heading, header))):
        raise DataError(
            f"{table.file} has the column {of_events[0]}: these are tariff events, which take a row each in "
            "events/events.csv and events/policies.csv of a data folder of your own (--data); makers' own "
            "news has the columns maker, date, time, zone, kind, what"
        )
    cells = spreadsheet.below_headings(table, known, _HEADINGS, columns).map(_text)
    if lacking := sorted({"maker", "date"} - {*cells, *columns}):
        raise DataError(f"{table.file} has no column {' and no column '.join(lacking)}; add it")
    if cells.empty:
        raise DataError(f"{table.file} has no news below its header; expected at least one row")
    rows = cells.reindex(columns=known, fill_value="").replace("", np.nan).astype("str").fillna(columns)
    usual = {
        "kind": "results",
        "quality": "reported",
        "source_title": table.file,
        "source_date": str(date.today()),
    }
    rows = rows.fillna(usual).assign(row=rows.index).reset_index(drop=True)
    rows = rows.fillna({"what": rows["kind"]})
    rows.attrs = table.about
    return rows


def check_events(rows: pd.DataFrame, facts: Facts, *, zone: str | None = None) -> list[Fault]:
    """What is wrong with rows from `read_events`, and, as warnings, what is doubtful.

    Parameters
    ----------
    zone : str, optional
        Of times that name none: a zone, or "exchange" for that of the maker's exchange.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> rows = pd.DataFrame({"maker": ["Subaro"], "date": ["2026-05-13"], "row": [2]})
    >>> [str(fault) for fault in tm.own_events.check_events(rows, tm.facts.load())]
    ["own rows row 2: maker is 'Subaro'; expected a maker of companies/makers.csv or its ticker; Subaru?"]
    """
    return _understood(rows, facts, zone)[1]


def preview_events(rows: pd.DataFrame, facts: Facts, *, zone: str | None = None) -> pd.DataFrame:
    """Where rows of `read_events` would fall, and what they would replace.

    Parameters
    ----------
    zone : str, optional
        As in `check_events`.

    Returns
    -------
    DataFrame
        In the order of the file: `row`, `maker`, `date`, `time` and `zone` (empty if unknown), `session` and
        `last_session` of the maker's home line (NaT without one), `kind`, `what`, and `replaces` (bool: a
        bundled or earlier row of the same maker, day and kind).

    Raises
    ------
    DataError
        Listing every fault with row and column.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> rows = pd.DataFrame({"maker": ["7203.T"], "date": ["2026-05-08 13:55 JST"], "row": [2]})
    >>> seen = tm.own_events.preview_events(rows, tm.facts.load())
    >>> seen.at[0, "maker"], f"{seen.at[0, 'session']:%Y-%m-%d}"
    ('Toyota', '2026-05-08')
    """
    typed, faults = _understood(rows, facts, zone)
    refuse([fault for fault in faults if not fault.warning])
    line = facts.makers["ticker"].reindex(typed["maker"])
    calendars = facts.instruments["exchange_calendar"]
    traded = calendars[facts.prices.columns.intersection(calendars.index)].unique()
    line = line[line.isin(calendars.index[calendars.isin(traded)])]
    found = own_news.placed(facts, news.timed(typed), list(dict.fromkeys(line)))
    own = found[found["maker"] == found["said_by"]].drop_duplicates(["maker", "date", "kind", "what"])
    held = news.company(facts)
    again = pd.MultiIndex.from_frame(typed[KEY]).isin(pd.MultiIndex.from_frame(held[KEY]))
    seen = typed.assign(replaces=again).merge(
        own[["maker", "date", "kind", "what", "session", "last_session"]],
        on=["maker", "date", "kind", "what"],
        how="left",
    )
    columns = ["row", "maker", "date", "time", "zone", "session", "last_session", "kind", "what", "replaces"]
    return seen[columns].fillna({"time": "", "zone": ""})


def add_events(
    facts: Facts,
    path: str | Path,
    *,
    zone: str | None = None,
    sheet: str | None = None,
    encoding: str | None = None,
    **columns: str,
) -> int:
    """Add the news of a file to ``events/own_company_news.csv``; how many rows there are.

    A row replaces an earlier one, own or bundled, of the same maker, day and kind. Parameters as for
    `read_events` and `check_events`.

    Raises
    ------
    DataError
        Listing every fault with row and column; nothing has changed then.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from shutil import copytree
    >>> from tempfile import TemporaryDirectory
    >>> import tariffmodel as tm
    >>> said = pd.DataFrame({"maker": ["Toyota"], "date": ["8 May 2026"], "time": ["13:55 JST"]})
    >>> with TemporaryDirectory() as place:  # instead of the data folder
    ...     said.to_csv(file := Path(place) / "mine.csv", index=False)
    ...     _ = copytree(tm.facts.data_dir() / "market", Path(place) / "market")
    ...     tm.own_events.add_events(replace(tm.facts.load(), folder=Path(place)), file)
    1
    """
    rows = read_events(path, sheet=sheet, encoding=encoding, **columns)
    typed, faults = _understood(rows, facts, zone)
    refuse([fault for fault in faults if not fault.warning])
    keep(facts, typed, f"own news from {rows.attrs['file']}")
    return len(typed)


def keep(facts: Facts, rows: pd.DataFrame, reason: str, gone: pd.DataFrame | None = None) -> None:
    """Write checked rows to ``events/own_company_news.csv`` of a new snapshot, over those of the same key.

    Parameters
    ----------
    gone : DataFrame, optional
        `maker`, `date` and `kind` of rows of that file that are to leave it.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from tempfile import TemporaryDirectory
    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> with TemporaryDirectory() as place:  # instead of the data folder
    ...     keep(replace(known, folder=Path(place)), news.company(known).head(3), "three rows")
    ...     store.snapshots(Path(place))["files"].tolist()
    ['events/own_company_news.csv']
    """
    from tariffmodel.facts.schemas.events import COMPANY_NEWS

    new = rows[list(COMPANY_NEWS.columns)].astype("str")
    with store.writing(facts.folder, reason) as staging:
        if (held := store.path(facts.folder, OWN_COMPANY_NEWS)).is_file():
            old = files.csv(held)
            leaving = new[KEY] if gone is None else pd.concat([new[KEY], gone[KEY]])
            stays = ~pd.MultiIndex.from_frame(old[KEY]).isin(pd.MultiIndex.from_frame(leaving))
            new = pd.concat([old[stays], new])
        (staging / "events").mkdir(exist_ok=True)
        new.sort_values(KEY).to_csv(staging / OWN_COMPANY_NEWS, index=False, lineterminator="\n")


def zone_of(facts: Facts, maker: str) -> str | None:
    """The time zone of the exchange of a maker's home line; None without one.

    >>> import tariffmodel as tm
    >>> [zone_of(tm.facts.load(), maker) for maker in ("Toyota", "Jaguar Land Rover")]
    ['Asia/Tokyo', None]
    """
    calendar = _calendar_of(facts, maker)
    return str(exchange(calendar).tz) if calendar else None


@kept_with
def _calendar_of(facts: Facts, maker: str) -> str | None:
    """The exchange calendar of a maker's home line; None without one."""
    line = facts.makers["ticker"].get(maker)
    if line not in facts.instruments.index:
        return None
    return str(facts.instruments.at[line, "exchange_calendar"])


def _text(cell: object) -> str:
    """A cell as text, with the time that an Excel cell has."""
    if isinstance(cell, datetime) and cell.time() != time():
        return cell.isoformat(sep=" ", timespec="minutes")
    return cell.isoformat("minutes") if isinstance(cell, time) else spreadsheet.text(cell)


def _understood(rows: pd.DataFrame, facts: Facts, zone: str | None) -> tuple[pd.DataFrame, list[Fault]]:
    """Rows with the columns and types of ``company_news.csv``, and what is wrong with or doubtful in them."""
    from tariffmodel.facts.schemas.events import COMPANY_NEWS

    file = rows.attrs.get("file", "own rows")
    default, faults = None, list[Fault]()
    if zone is not None and zone != EXCHANGE and (default := _zone(zone)) is None:
        raise DataError(f"zone {zone!r}: write {EXCHANGE}, {_A_ZONE}")
    usual = {"kind": "results", "quality": "reported", "source_title": file, "source_date": str(date.today())}
    rows = rows.reindex(columns=[*COMPANY_NEWS.columns, "row"]).fillna(usual)
    rows = rows.fillna({"what": rows["kind"]})
    read = []
    records: Any = rows.to_dict("records")
    for row in records:
        found, wrong = _row(row, facts, default, zone == EXCHANGE, file)
        read.append(found)
        faults += wrong
    plain = pd.DataFrame(read, rows.index).astype("str").assign(row=rows["row"])
    plain.attrs = {"file": file}
    named = {fault.row for fault in faults if not fault.warning}
    typed, wrong = conform_own(plain, COMPANY_NEWS)
    faults += [fault for fault in wrong if fault.row not in named and fault.column in plain]
    faults += _twice(plain, file)
    return typed, sorted(faults, key=lambda fault: fault.row or 0)


def _row(
    row: dict[str, Any], facts: Facts, default: str | None, exchange: bool, file: str
) -> tuple[dict[str, Any], list[Fault]]:
    """One row as ``company_news.csv`` has it, and its faults."""
    faults: list[Fault] = []

    def fault(column: str, expected: str, value: object = None, *, warning: bool = False) -> None:
        said = row[column] if value is None else value
        faults.append(Fault(file, int(row["row"]), column, said, expected, warning))

    maker, local = _maker(row["maker"], facts), None
    if maker in facts.makers.index:
        local = zone_of(facts, maker)
    else:
        near = difflib.get_close_matches(maker, list(facts.makers.index), 1)
        fault("maker", f"a maker of companies/makers.csv or its ticker{f'; {near[0]}?' if near else ''}")
    words, inside = _apart(row["date"])
    beside, zone = (row[name].strip() if isinstance(row[name], str) else "" for name in ("time", "zone"))
    told = dict(row) | _plain(row) | {"maker": maker, "date": (day := iso_day(words)), "zone": np.nan}
    if not _is_day(day):
        fault("date", _A_DAY)
        return told, faults
    if inside and beside:
        fault("time", f"no time here, as the date has one, {inside}; keep one of the two")
        return told, faults
    if clock := inside or beside:
        column = "date" if inside else "time"
        moment, why = _moment(day, clock, zone, default or (local if exchange else None), local)
        if moment is None:
            fault("zone" if zone and "zone" in why else column, why)
            return told, faults
        told |= dict(zip(("date", "time", "zone"), moment, strict=True))
        told["time_basis"] = f"as written in {file}"
        if why:
            fault(column, why, warning=True)
    for expected in _doubts(told, facts):
        fault("date", expected, told["date"], warning=True)
    return told, faults


def _is_day(word: str) -> bool:
    try:
        return date.fromisoformat(word).isoformat() == word
    except ValueError:
        return False


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """The words of a row as ``company_news.csv`` has them."""
    kind = str(row["kind"]).strip().lower()
    return {
        "kind": next((name for name, words in _KINDS.items() if kind in words.split(", ")), kind),
        "quality": str(row["quality"]).strip().lower(),
        "source_date": iso_day(str(row["source_date"])),
        "time_assumed": np.nan,
        "time_basis": "not given",
    }


def _maker(cell: object, facts: Facts) -> str:
    """The maker that a name, an alias or a ticker means; any other text as it stands."""
    try:
        return companies.find(facts, word := str(cell).strip())
    except DataError:
        return word


def _apart(cell: object) -> tuple[str, str]:
    """The day and the time that one cell holds."""
    words = "" if cell != cell else str(cell).strip()
    words = _MIDNIGHT.sub("", words)
    both = _WITH_TIME.fullmatch(words)
    return (both[1].rstrip(" ,"), both[2]) if both else (words, "")


def _zone(name: str) -> str | None:
    """A time zone by its name or an abbreviation in use; None where it is none."""
    word = name.strip()
    for zone, spellings in _ZONES.items():
        if word.upper() in spellings:
            return zone
    try:
        return ZoneInfo(word).key
    except (ValueError, OSError, KeyError):
        return None


def _moment(
    day: str, clock: str, zone: str, default: str | None, local: str | None
) -> tuple[tuple[str, str, str] | None, str]:
    """Local day, time and zone of a time as written; None and what was expected, or a doubt."""
    parts = _CLOCK.fullmatch(clock.strip())
    if not parts or not (parts[2] or parts[3]):
        return None, _A_TIME
    hour, minute, half, rest = int(parts[1]), int(parts[2] or 0), (parts[3] or "").lower(), parts[4].strip()
    if hour > (12 if half else 23) or minute > 59 or (half and not hour):
        return None, _A_TIME
    if rest and zone and rest != zone:
        return None, f"one zone, and the column zone says {zone}"
    said, hour = rest or zone, hour % 12 + 12 * (half == "p") if half else hour
    when = datetime.combine(date.fromisoformat(day), time(hour, minute))
    if offset := _OFFSET.fullmatch(said):
        ahead = timedelta(hours=int(offset[2]), minutes=int(offset[3] or 0)) * (1 if offset[1] == "+" else -1)
        there = pd.Timestamp(when - ahead, tz="UTC").tz_convert(local or "UTC")
        return (f"{there:%Y-%m-%d}", f"{there:%H:%M}", local or "UTC"), ""
    name = _zone(said) if said else default
    if name is None:
        expected = f"a zone with the time: {_A_ZONE}"
        return None, expected if said else f"{expected}; or pass zone={EXCHANGE!r} (--zone {EXCHANGE})"
    return (day, f"{hour:02}:{minute:02}", name), _clock_doubt(said.upper(), name, when)


def _clock_doubt(said: str, zone: str, when: datetime) -> str:
    """What is odd about an abbreviation that the clocks of its zone do not show that day."""
    shown, meant = when.replace(tzinfo=ZoneInfo(zone)).tzname(), _LOCAL_NAME.get(said, said)
    if said not in set().union(*_ZONES.values()) or meant in ("", shown):
        return ""
    return f"{shown}, which clocks of {zone} show that day: it is read as their time"


def _doubts(told: dict[str, Any], facts: Facts) -> list[str]:
    """What is odd about the day of a row."""
    day = date.fromisoformat(told["date"])
    doubts = []
    if day > date.today() + _FAR:
        doubts.append("a day no more than a year ahead; is the year right?")
    if day < _FIRST.date():
        doubts.append(f"a day since {_FIRST:%Y-%m-%d}, where prices begin; earlier news is not used")
    calendar = _calendar_of(facts, told["maker"])
    if day.weekday() >= 5:
        doubts.append(f"a day of trading, and it is a {day:%A}: the next session counts")
    elif calendar and day.year >= _FIRST.year:
        book, when = exchange(calendar), pd.Timestamp(day)
        if book.first_session <= when <= book.last_session and not book.is_session(when):
            doubts.append("a day of trading, and the maker's exchange was closed: the next session counts")
    return doubts


def _twice(rows: pd.DataFrame, file: str) -> list[Fault]:
    """News that the file has twice."""
    first = rows.groupby(KEY, sort=False)["row"].transform("first")
    again = rows[rows.duplicated(KEY)]
    return [
        Fault(file, int(row), "date", day, f"each day of a maker and kind once; row {first[at]} has it too")
        for at, row, day in zip(again.index, again["row"], again["date"], strict=True)
    ]
