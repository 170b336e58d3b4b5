"""At which moment were events announced, and which session of a firm's exchange could react first?

An event is either a date, which is day 0 as it stands, or a moment: a date with a time of day and a
zone. Only a moment can be placed by the hours of an exchange; a time without a zone is neither, and is
refused.
"""

from __future__ import annotations

from datetime import time
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.stats.normal_returns import Array
from tariffmodel.stats.sessions import MARGIN, first_after, trading_hours

Part = Literal["close_to_close", "overnight", "open_to_close"]

PARTS = ("close_to_close", "overnight", "open_to_close")
_REACH = pd.Timedelta(days=30)  # of sessions around the moments: longer than any closure
_REMEDY = "or write the date of the first session that could react"

__all__ = ["PARTS", "Part", "Written", "reaction_days", "written"]


class Written(NamedTuple):
    """Dates of events as written, the moments among them, and the zone that each is written in."""

    asked: pd.Series  #: date, or date and time in its own zone
    announced: pd.Series  #: UTC; NaT where only a date is known
    zone: pd.Series  #: None where only a date is known


def written(events: pd.DataFrame, zone: str | None = None) -> Written:
    """Read the columns `date`, `time` and `zone` (or `time_zone`) of events.

    A date with an offset or a time zone is a moment, at midnight too. One with a time of day, or with a
    `time` beside it, is a moment in the zone of its row, else in `zone`. Any other is a date.

    Raises
    ------
    DataError
        Dates, times or zones that cannot be read; a time of day without a zone, or that the clocks of
        its zone skip or repeat.

    Examples
    --------
    >>> rows = pd.DataFrame({"date": ["2025-07-23 16:30", "2025-07-23"]})
    >>> found = written(rows, "Asia/Tokyo")
    >>> found.announced.dt.strftime("%H:%M").tolist(), found.zone.isna().tolist()
    (['07:30', nan], [False, True])
    """
    events = events.reset_index(drop=True)
    asked, announced, zones = _dates(events["date"])
    timed = (asked != asked.dt.normalize()) & asked.notna()
    if "time" in events:
        clock = _clock(events["time"])
        if (both := clock.notna() & (timed | announced.notna())).any():
            raise DataError(f"events row {_first(both)}: date holds a time and so does time; keep one")
        asked, timed = asked + clock.fillna(pd.Timedelta(0)), timed | clock.notna()
    own = _zones(events, zone)
    local = timed & announced.isna()
    if (lost := local & own.isna()).any():
        row = _first(lost)
        raise DataError(
            f"events row {row}: {asked[row]:%Y-%m-%d %H:%M} is a time of day without a zone; pass "
            f"zone='Asia/Tokyo', add a column zone, {_REMEDY}"
        )
    for name, rows in own[local].groupby(own[local]).groups.items():
        announced[rows] = _localized(asked[rows], str(name)).dt.tz_convert("UTC")
        zones[rows] = str(name)
    return Written(asked, announced, zones)


def _dates(values: pd.Series) -> tuple[pd.Series, pd.Series, pd.Series]:
    """Dates as they stand on the page, in UTC where they carry an offset, and that zone's name."""
    try:
        dates: Any = pd.to_datetime(values, format="ISO8601")
    except (TypeError, ValueError):  # perhaps of several zones, or with a zone in some rows only
        try:
            stamps = [pd.to_datetime(value, format="ISO8601") for value in values]
        except (TypeError, ValueError) as error:
            first = str(error).splitlines()[0].partition(". You might")[0]
            raise DataError(f"events: a date cannot be read ({first}); write 2025-07-23") from None
    else:
        if dates.dt.tz is None:
            dates = dates.dt.as_unit("us")
            return dates, pd.Series(pd.NaT, dates.index, dtype="datetime64[us, UTC]"), _none(dates.index)
        stamps = dates.tolist()
    asked = pd.Series([stamp.replace(tzinfo=None) for stamp in stamps], dtype="datetime64[us]")
    moments = [stamp if stamp.tzinfo else pd.NaT for stamp in stamps]
    zones = [str(stamp.tzinfo) if stamp.tzinfo else None for stamp in stamps]
    announced = pd.to_datetime(pd.Series(moments, dtype=object), utc=True).dt.as_unit("us")
    return asked, announced, pd.Series(zones, dtype=object)


def _none(index: pd.Index) -> pd.Series:
    return pd.Series(None, index, dtype=object)


def _clock(values: pd.Series) -> pd.Series:
    """Times such as 16:30 or 16:30:05 as the time since midnight; NaT for none."""
    text = values.map(lambda value: value.isoformat() if isinstance(value, time) else value)
    empty = text.isna() | (text.astype(str).str.strip() == "")
    good = text.astype(str).str.fullmatch(r"\s*([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?\s*")
    if (bad := ~empty & ~good).any():
        raise DataError(f"events row {_first(bad)}: time is {values[_first(bad)]!r}; write 16:30")
    text = text.where(~empty).astype(object)
    return pd.to_timedelta(text.where(empty | (text.astype(str).str.count(":") > 1), text + ":00"))


def _zones(events: pd.DataFrame, default: str | None) -> pd.Series:
    """The zone that is stated for each row."""
    named = [column for column in ("zone", "time_zone") if column in events]
    if len(named) > 1:
        raise DataError("events has the columns zone and time_zone; keep one")
    zones = events[named[0]].astype(object) if named else _none(events.index)
    zones = zones.where(zones.notna() & (zones != ""), default)
    for name in zones.dropna().unique():
        try:
            ZoneInfo(str(name))
        except (KeyError, ValueError, OSError):
            raise DataError(
                f"zone {name!r} is unknown; write one such as 'Asia/Tokyo' or 'America/New_York'"
            ) from None
    return zones


def _localized(local: pd.Series, zone: str) -> pd.Series:
    known: pd.Series = local.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    if (lost := known.isna()).any():
        row = _first(lost)
        raise DataError(
            f"events row {row}: the clocks of {zone} skip or repeat {local[row]:%Y-%m-%d %H:%M}; "
            "write it with its offset, such as 2025-11-02 01:30-05:00"
        )
    return known


def _first(rows: pd.Series) -> Any:
    return rows.index[rows.to_numpy()][0]


def reaction_days(rows: pd.DataFrame, part: Part = "close_to_close") -> tuple[Array, Array]:
    """Days on which each firm could first react, and why a row has no such return.

    A moment belongs to the first session of the firm's exchange that still has `sessions.MARGIN` to go
    before its close. Its overnight return, from the close before to the open, can only react if the
    moment lies that long before the open; else the row has a reason. A date is its own day.

    Parameters
    ----------
    rows : DataFrame
        `firm`, `asked`, `announced` (UTC or NaT) and `exchange`, a code of exchange_calendars.
    part : str
        What the returns span.

    Returns
    -------
    Array of days (NaT beyond the calendar), array of reasons (None where there is none).

    Raises
    ------
    DataError
        A moment of a firm without an exchange, or an exchange that is not known.

    Examples
    --------
    >>> rows = pd.DataFrame({"firm": ["7203.T"], "exchange": ["XTKS"]})
    >>> rows["asked"] = pd.to_datetime(["2025-07-23 16:30"])
    >>> rows["announced"] = pd.to_datetime(["2025-07-23 16:30+09:00"], utc=True)
    >>> reaction_days(rows)[0].astype(str).tolist()
    ['2025-07-24T00:00:00.000000']
    """
    days = rows["asked"].dt.normalize().to_numpy().astype("datetime64[us]")
    reasons = np.full(len(rows), None, dtype=object)
    timed = rows["announced"].notna().to_numpy()
    for label, places in rows[timed].groupby("exchange").groups.items():
        here = rows.index.get_indexer(pd.Index(places))
        announced = rows["announced"].iloc[here]
        if label == "":
            row = rows.iloc[here[0]]
            raise DataError(
                f"events: {row.firm!r} on {row.asked:%Y-%m-%d %H:%M} has a time of day and no exchange; "
                "pass calendars={firm: exchange} with codes of the exchange_calendars package such as "
                f"XTKS, {_REMEDY}"
            )
        near = announced.dt.tz_localize(None).dt.normalize()
        hours = trading_hours(str(label), near.min() - _REACH, near.max() + _REACH)
        if hours.empty:
            days[here] = np.datetime64("NaT")
            continue
        found = first_after(hours, announced)
        inside = found < len(hours)
        found = np.minimum(found, len(hours) - 1)
        days[here] = np.where(inside, hours.index.to_numpy()[found], np.datetime64("NaT"))
        if part == "overnight":
            late = inside & ((hours["open"].iloc[found] - MARGIN).array < announced.array)
            reasons[here[late]] = (
                "announced in a session or right before its open, so after the overnight return; "
                "use part='open_to_close'"
            )
    return days, reasons
