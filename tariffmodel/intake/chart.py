"""What does Yahoo's chart of a line say, and is it a chart of that line?

The body is read strictly: another symbol, currency or time zone, bars of weeks or minutes, lists of unequal
length, texts in place of numbers and bars in the future are refused with the reason, whatever the status of
the answer. What passes are closes of sessions that are over, in the line's currency.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

LAST_TRADE = pd.Timedelta("5min")  # before the exchange's close: an earlier quote is no close
ROUNDING = 1e-4  # of Yahoo's highs and lows
HUNDREDTHS = {"GBp": "GBP", "GBX": "GBP", "ZAc": "ZAR", "ILA": "ILS"}
CURRENCY = "CURRENCY"
PRICES = ["open", "high", "low", "close", "adj_close"]
SHOWN = 4  # days that a detail lists
_AHEAD = pd.Timedelta(days=7)  # a later bar than this after the last session is no bar still being traded
_DAILY, _ENOUGH = 0.5, 10  # share of the sessions with a bar, from so many sessions on
_NEVER = 2.0**33  # seconds since 1970, in the year 2242
_MIDNIGHT = (22, 23)  # hours that Yahoo writes for midnight where it mistakes summer time

BOOK = "data/market/instruments.csv"
_IDENTITY = f"correct {BOOK}, or bring prices of your own with `tariffmodel add prices FILE --replace`"


@dataclass(frozen=True)
class Line:
    """A share, index or currency pair to ask for.

    Attributes
    ----------
    name, symbol : str
        Ticker or pair, and what Yahoo calls it.
    currency, zone : str
        As in ``instruments.csv``, and of its exchange.
    start : Timestamp
        First day to ask for.
    closes : Series
        The exchange's close by day, of the sessions that are over.
    stored : DataFrame
        Its rows.

    Examples
    --------
    >>> days = pd.to_datetime(["2026-07-01", "2026-07-02"])
    >>> closes = pd.Series((days + pd.Timedelta("16h")).tz_localize("America/New_York"), days)
    >>> line = Line("F", "F", "USD", "America/New_York", days[0], closes, pd.DataFrame())
    >>> line.behind(days[0]), len(line.days)
    (1, 2)
    """

    name: str
    symbol: str
    currency: str
    zone: str
    start: pd.Timestamp
    closes: pd.Series
    stored: pd.DataFrame

    @property
    def days(self) -> pd.DatetimeIndex:
        """Sessions that are over; see `Line`."""
        return pd.DatetimeIndex(self.closes.index)

    def behind(self, last: pd.Timestamp) -> int:
        """Sessions that are over since a day."""
        return int((self.days > last).sum())


@dataclass(frozen=True)
class Answer:
    """Final bars of a line, by session: `open`, `close`, `adj_close`, `volume`, `dividend`, `split`."""

    frame: pd.DataFrame
    index: bool  # a price index, which pays nothing
    notes: list[str]


class RefusedError(Exception):
    """A line that brings nothing: the outcome, why, and what to do."""

    def __init__(self, outcome: str, detail: str, remedy: str = "") -> None:
        super().__init__(detail)
        self.outcome, self.detail, self.remedy = outcome, detail, remedy


def read(body: bytes, line: Line) -> Answer:
    """Closes of sessions that are over, of a body of Yahoo's chart API.

    Raises
    ------
    RefusedError
        not found, empty, failed (the body is no chart) or conflict (it is another line's, or not in days).
    ValueError
        The body is no JSON.

    Examples
    --------
    >>> body = b'{"chart": {"result": null, "error": {"description": "No data found"}}}'
    >>> days = pd.to_datetime(["2026-07-01"])
    >>> closes = pd.Series((days + pd.Timedelta("16h")).tz_localize("America/New_York"), days)
    >>> read(body, Line("F", "F", "USD", "America/New_York", days[0], closes, pd.DataFrame()))
    Traceback (most recent call last):
        ...
    tariffmodel.intake.chart.RefusedError: Yahoo: No data found
    """
    chart = json.loads(body)
    chart = chart.get("chart") if isinstance(chart, dict) else None
    if not isinstance(chart, dict):
        raise _no_chart("it holds no chart")
    _told(chart.get("error"))
    result = chart.get("result")
    if not isinstance(result, list) or not result or not isinstance(result[0], dict):
        raise _no_chart("it holds no chart")
    about = result[0].get("meta")
    if not isinstance(about, dict):
        raise _no_chart("it does not say what it is about")
    _identify(line, about)
    return _final(line, _bars(line, result[0], about), about)


def _no_chart(why: str) -> RefusedError:
    return RefusedError("failed", f"Yahoo's answer cannot be read: {why}")


def _told(error: Any) -> None:
    """Refuse with Yahoo's own reason, if there is one."""
    if not error:
        return
    said = error if isinstance(error, dict) else {}
    reason = str(said.get("description") or said.get("code") or error)[:120]
    if "No data found" in reason:
        raise RefusedError("not found", f"Yahoo: {reason}")
    if "Data doesn't exist" in reason:
        raise RefusedError("empty", f"Yahoo: {reason}")
    raise RefusedError("failed", f"Yahoo's answer holds no chart: {reason}")


def _identify(line: Line, about: Mapping[str, Any]) -> None:
    """Refuse a chart of another line, in other units, or not of days."""
    symbol, bars, zone = (about.get(key) for key in ("symbol", "dataGranularity", "exchangeTimezoneName"))
    if str(symbol).upper() != line.symbol.upper():
        told = f"is about {symbol!r}, not {line.symbol}" if symbol else "does not say which line it is about"
        raise RefusedError("conflict", f"Yahoo's answer {told}", "repeat; if it stays, " + _IDENTITY)
    if bars not in (None, "1d"):
        raise RefusedError("conflict", f"Yahoo's bars are of {bars!r}, not of days", "repeat in an hour")
    pair = about.get("instrumentType") == CURRENCY
    if pair != line.symbol.endswith("=X"):
        kind = about.get("instrumentType")
        raise RefusedError("conflict", f"Yahoo says that {line.symbol} is of the kind {kind}", _IDENTITY)
    currency = about.get("currency") or "a currency it does not name"
    if currency != line.currency and HUNDREDTHS.get(str(currency)) != line.currency:
        text = f"Yahoo quotes it in {currency}, instruments.csv in {line.currency}"
        raise RefusedError("conflict", text, _IDENTITY)
    try:
        apart = [line.closes.iloc[-1].tz_convert(name).utcoffset() for name in (str(zone), line.zone)]
    except (KeyError, ValueError):
        raise _no_chart(f"its time zone is {zone!r}") from None
    if apart[0] != apart[1]:
        text = f"Yahoo's exchange is in {zone}, that of instruments.csv in {line.zone}"
        raise RefusedError("conflict", text, _IDENTITY)


def _bars(line: Line, chart: Mapping[str, Any], about: Mapping[str, Any]) -> pd.DataFrame:
    """Bars by day, as they are, with the dividends and splits of the day."""
    quote, adjusted = _quotes(chart)
    stamps = chart.get("timestamp")
    if not quote or not stamps:
        raise RefusedError("empty", "Yahoo: no price data found")
    if not isinstance(stamps, list):
        raise _no_chart("it has no list of times")
    days = _days(line, stamps)
    columns = {name: quote.get(name) for name in ("open", "high", "low", "close", "volume")}
    # a pair has no adjusted close; of a share, its close is none
    columns["adj_close"] = adjusted if about.get("instrumentType") != CURRENCY else quote.get("close")
    needed = {"close", "adj_close"}
    frame = pd.DataFrame(
        {name: _numbers(name, values, len(days), needed=name in needed) for name, values in columns.items()},
        index=days,
    )
    frame = _once(frame.sort_index(kind="stable"))
    spell = line.days[(line.days >= max(line.start, frame.index[0])) & (line.days <= frame.index[-1])]
    if len(spell) >= _ENOUGH and frame.index.isin(spell).sum() < _DAILY * len(spell):
        count = frame.index.isin(spell).sum()
        text = f"Yahoo has bars on {count} of {len(spell)} sessions: they are not of days"
        raise RefusedError("conflict", text, "repeat in an hour; else " + _IDENTITY)
    dividend, split = _actions(line, chart, pd.DatetimeIndex(frame.index))
    return frame.assign(dividend=dividend, split=split)


def _quotes(chart: Mapping[str, Any]) -> tuple[Mapping[str, Any], Any]:
    """Lists of quotes by name, and that of adjusted closes."""
    held = chart.get("indicators")
    if not isinstance(held, dict):
        raise _no_chart("it has no indicators")
    found = []
    for name in ("quote", "adjclose"):
        lists = held.get(name) or [{}]
        if not isinstance(lists, list) or not isinstance(lists[0], dict):
            raise _no_chart(f"its {name} is no list of series")
        found.append(lists[0])
    return found[0], found[1].get("adjclose")


def _days(line: Line, stamps: Sequence[Any]) -> pd.DatetimeIndex:
    """Days of the bars at the exchange."""
    seconds = _numbers("timestamp", stamps, len(stamps), needed=True)
    if not np.isfinite(seconds).all():
        raise _no_chart("a bar has no time")
    last = line.closes.iloc[-1].timestamp() + _AHEAD.total_seconds()
    if not ((seconds > 0) & (seconds <= last)).all():
        wrong = seconds[(seconds <= 0) | (seconds > last)][0]
        raise _no_chart(f"a bar has the time {wrong:.0f}, in seconds since 1970")
    moments = pd.to_datetime(seconds, unit="s", utc=True).tz_convert(line.zone).tz_localize(None)
    mistaken = moments.hour.isin(_MIDNIGHT) & (moments.minute == 0)
    days = (moments + pd.to_timedelta(np.where(mistaken, 2, 0), "h")).normalize()
    return pd.DatetimeIndex(days).as_unit("us")


def _numbers(name: str, values: Any, length: int, *, needed: bool) -> np.ndarray:
    """A list of numbers and gaps as an array; infinite ones are gaps."""
    if values is None and not needed:
        return np.full(length, np.nan)
    if not isinstance(values, list):
        raise _no_chart(f"it has no list of {name}")
    if len(values) != length:
        raise _no_chart(f"{len(values)} of {name} for {length} bars")
    for value in values:
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
            raise _no_chart(f"{name} is {str(value)[:40]!r}, which is no number")
    numbers = np.array([np.nan if value is None else value for value in values], dtype=float)
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _once(frame: pd.DataFrame) -> pd.DataFrame:
    """One bar a day: Yahoo writes a day that is being traded twice, the second time up to date."""
    frame = frame[~(frame.index.duplicated(keep="last") & (frame.index == frame.index[-1]))]
    again = frame.index.duplicated(keep="first")
    if again.any():
        first = frame[~frame.index.duplicated()]
        same = frame["close"][again].to_numpy() == first["close"][frame.index[again]].to_numpy()
        if not same.all():
            day = frame.index[again][~same][0]
            text = f"Yahoo has several bars of {day:%Y-%m-%d}: they are not of days"
            raise RefusedError("conflict", text, "repeat in an hour; else " + _IDENTITY)
    return frame[~again]


def _actions(line: Line, chart: Mapping[str, Any], days: pd.DatetimeIndex) -> tuple[pd.Series, pd.Series]:
    """Dividends (with distributed gains) and splits, each on the first bar from its day on."""
    events = chart.get("events") or {}
    if not isinstance(events, dict):
        raise _no_chart("its events are no table")
    dividend, split = pd.Series(0.0, days), pd.Series(1.0, days)
    for kind in ("dividends", "capitalGains", "splits"):
        of = events.get(kind) or {}
        rows = list(of.values()) if isinstance(of, dict) else of
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise _no_chart(f"its {kind} are no table")
        if not rows:
            continue
        fields = ["numerator", "denominator"] if kind == "splits" else ["amount"]
        values = [
            _numbers(f"{kind} {f}", [row.get(f) for row in rows], len(rows), needed=True) for f in fields
        ]
        when = _days(line, [row.get("date") for row in rows])
        # before the first bar nothing is compared, after the last one its session has no bar yet
        place = np.where(when < days[0], len(days), days.searchsorted(when))
        least = np.nextafter(0, 1) if kind == "splits" else 0.0  # a payment of nothing is none
        if not all((np.isfinite(value) & (value >= least)).all() for value in values):
            raise _no_chart(f"one of its {kind} is not positive")
        for at, *figures in zip(place, *values, strict=True):
            if at == len(days):
                continue
            if kind == "splits":
                split.iloc[at] *= figures[0] / figures[1]
            else:
                dividend.iloc[at] += figures[0]
    return dividend, split


def _final(line: Line, frame: pd.DataFrame, about: Mapping[str, Any]) -> Answer:
    """Closes of sessions that are over, in the line's currency.

    The last adjusted close is set to the last close: Yahoo has already taken a dividend of a
    session that is not over out of the earlier ones.
    """
    frame = frame[frame.index >= line.start]  # an answer may reach further back than was asked
    known = frame.dropna(subset=["close", "adj_close"])
    late = (known.index > line.days[-1]) | (known.index == _still_open(line, about))
    pair, currency = about.get("instrumentType") == CURRENCY, str(about.get("currency"))
    # on a holiday that the calendar does not know, Yahoo repeats the close of the day before
    traded = (known["volume"] > 0) | (known["close"].diff() != 0) | pair
    final = known[known.index.isin(line.days) & ~late & traded]
    counts = {
        f"without a close (last {last_of(frame.index.difference(known.index))})": len(frame) - len(known),
        f"not final (last {last_of(known.index)})": late.sum(),
        "of days without a session or a trade": len(known) - late.sum() - len(final),
    }
    notes = [f"left out {number} {what}" for what, number in counts.items() if number]
    if final.empty:
        raise RefusedError("empty", "; ".join(["Yahoo has no close in this span", *notes]))
    final = _with_actions(final, frame)
    if currency != line.currency:
        final[[*PRICES, "dividend"]] /= 100
        notes.append(f"{currency} divided by 100")
    bad = final.index[(final[["close", "adj_close"]] <= 0).any(axis=1)]
    if len(bad):
        raise RefusedError("conflict", f"prices that are not positive on {list_of(bad)}", "repeat in an hour")
    final["adj_close"] *= final["close"].iloc[-1] / final["adj_close"].iloc[-1]
    opening = final["open"]
    inside = (opening >= final["low"] * (1 - ROUNDING)) & (opening <= final["high"] * (1 + ROUNDING))
    believed = (opening > 0) & inside
    if not believed.all():
        notes.append(f"left out {(~believed).sum()} opens that are missing or outside the day's range")
        final["open"] = opening.where(believed)
    return Answer(final.drop(columns=["high", "low"]), about.get("instrumentType") == "INDEX", notes)


def _with_actions(final: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """Final bars, with what was paid or split on a day without one on the next."""
    place = final.index.searchsorted(frame.index)
    inside = place < len(final)
    by = place[inside]
    paid = frame["dividend"][inside].groupby(by).sum()
    parted = frame["split"][inside].groupby(by).prod()
    return final.assign(dividend=paid.to_numpy(), split=parted.to_numpy())


def _still_open(line: Line, about: Mapping[str, Any]) -> pd.Timestamp | None:
    """Day of Yahoo's last quote if it is from before the close, whatever the clock says by now."""
    quoted = about.get("regularMarketTime")
    if quoted is None:
        return None
    number = isinstance(quoted, (int, float)) and not isinstance(quoted, bool)
    if not number or not 0 <= quoted < _NEVER:
        raise _no_chart(f"regularMarketTime is {str(quoted)[:40]!r}, not seconds since 1970")
    moment = pd.to_datetime(quoted, unit="s", utc=True)
    day = moment.tz_convert(line.zone).tz_localize(None).normalize()
    return day if day in line.closes and moment < line.closes[day] - LAST_TRADE else None


def last_of(days: pd.Index) -> str:
    """The last of some days, in words.

    >>> last_of(pd.to_datetime(["2026-07-01", "2026-07-02"])), last_of(pd.DatetimeIndex([]))
    ('2026-07-02', 'none')
    """
    return f"{days[-1]:%Y-%m-%d}" if len(days) else "none"


def list_of(days: pd.Index) -> str:
    """Some days, in words.

    >>> list_of(pd.bdate_range("2026-07-01", periods=5))
    '2026-07-01, 2026-07-02, 2026-07-03, 2026-07-06 and 1 more days'
    """
    more = f" and {len(days) - SHOWN} more days" if len(days) > SHOWN else ""
    return ", ".join(f"{day:%Y-%m-%d}" for day in days[:SHOWN]) + more
