"""How far did a share move in the minutes around an announcement, beyond what it does at that hour?

Returns are bars of some minutes. Event time counts minutes of trading: the night, the lunch break of Tokyo
and the weekend have none, so that what is announced outside the session meets the first bar that
trades, whose return spans the closure.

Volatility within a day is U-shaped, and the first bar holds a whole night (Wood, McInish and Ord 1985).
So nothing is assumed about it: the sum over the window is set against the sums over the same minutes
of the K sessions before, each less their mean. With S their standard deviation, the standard error is
S √(1 + 1/K), and the ratio is Student's with K − 1 degrees of freedom if the sums are normal and alike: the
prediction of one draw more. Whatever correlation there is from bar to bar is in the sums.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from tariffmodel.errors import DataError
from tariffmodel.stats.event_inputs import Events, asked_for, event_rows, pair, skips
from tariffmodel.stats.normal_returns import Array, Window
from tariffmodel.stats.return_checks import PERCENT, check_scale
from tariffmodel.stats.sessions import exchange

_DAY = pd.Timedelta(days=1)
_SESSION = 390  # minutes of a day of trading, by which the limit of a return's size is scaled
_SAME_HOURS = 0.87  # of the minutes of the day at which two firms of one exchange are seen
_FEWEST = 5  # sessions before, below which no standard error is given

__all__ = ["MinuteStudy", "minute_study"]


@dataclass(frozen=True, eq=False, repr=False)
class MinuteStudy:
    """Abnormal returns of firm-events by bar, and the same bars of the sessions before.

    Attributes
    ----------
    firm_events : DataFrame
        Indexed by event and firm: `announced` (UTC), `first_bar` (UTC, its label), `sessions` (of
        comparison), `beta` (NaN without a market).
    skipped : DataFrame
        `event`, `firm`, `date`, `reason`.
    window, width : (first, last), int
        In minutes of trading from the start of the first bar that could react; minutes of a bar.
    moves : (n, 1 + K, bars) array
        Abnormal returns: of the event, then of the K sessions before, the last one first.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> bars = pd.date_range("2025-07-01 09:00", "2025-07-31 15:25", freq="5min", tz="Asia/Tokyo")
    >>> bars = bars[(bars.day_of_week < 5) & (bars.hour >= 9) & (bars.hour < 15)]
    >>> returns = pd.DataFrame({"7203.T": random.normal(0, 0.001, len(bars))}, bars)
    >>> returns.loc["2025-07-30 10:15+09:00"] += 0.02
    >>> found = minute_study(returns, pd.Timestamp("2025-07-30 10:17", tz="Asia/Tokyo"), window=(-30, 60))
    >>> found, found.minutes.tolist()[:3]
    (MinuteStudy(1 firm-events, minutes -30 to 60, bars of 5), [-30, -25, -20])
    >>> found.car((0, 30))["car"].round(3).tolist(), found.by_event((0, 30))["n"].tolist()
    ([0.025], [1])
    >>> found.ar.shape == found.ar_se.shape
    True
    """

    firm_events: pd.DataFrame
    skipped: pd.DataFrame
    window: Window
    width: int
    moves: Array

    def __repr__(self) -> str:
        first, last = self.window
        return f"MinuteStudy({len(self)} firm-events, minutes {first} to {last}, bars of {self.width})"

    def __len__(self) -> int:
        return len(self.firm_events)

    @property
    def minutes(self) -> pd.Index:
        """First minute of each bar, relative to the event."""
        return pd.RangeIndex(*self.window, self.width, name="minute")

    @cached_property
    def ar(self) -> pd.DataFrame:
        """Abnormal returns, firm-event × first minute of the bar, less the mean of that minute before."""
        return pd.DataFrame(_less_mean(self.moves), self.firm_events.index, self.minutes)

    @cached_property
    def ar_se(self) -> pd.DataFrame:
        """Standard errors of `ar`, from the same minute of the sessions before."""
        return pd.DataFrame(_error(self.moves)[0], self.firm_events.index, self.minutes)

    def car(self, window: Window | None = None) -> pd.DataFrame:
        """Cumulative abnormal return of each firm-event over minutes of trading.

        Parameters
        ----------
        window : (first, last), optional
            Minutes, the last not included: (0, 30) is the first half hour. Default: all.

        Returns
        -------
        DataFrame
            Indexed by event and firm: `car`, `se`, `t`, `df`, `p_value` (two-sided). A session before
            counts if it has every bar that the event has; NaN with fewer than five.
        """
        sums = self._sums(window)
        return pd.DataFrame(_test(sums), index=self.firm_events.index)

    def by_event(self, window: Window | None = None) -> pd.DataFrame:
        """Mean cumulative abnormal return of the firms of each event.

        The mean of the same firms over the same minutes of the sessions before is the comparison, so that
        whatever they have in common at that hour is in the standard error.

        Returns
        -------
        DataFrame
            Indexed by event: `n`, then as `car`, with `caar` for the mean.
        """
        sums = self._sums(window)
        here = np.isfinite(sums[:, 0])
        events = self.firm_events.index.get_level_values("event")
        rows = {}
        for event in events.unique():
            mine = sums[(events == event) & here]
            found = _test(mine.mean(axis=0, keepdims=True) if len(mine) else np.full((1, 2), np.nan))
            rows[event] = {"n": len(mine)} | {name: values[0] for name, values in found.items()}
        frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("event")
        return frame.rename(columns={"car": "caar"})

    def _sums(self, window: Window | None) -> Array:
        """Sums over the bars that the event has: (n, 1 + K), NaN where a session lacks one of them."""
        first, last = self.window if window is None else pair("window", window)
        whole = first % self.width == 0 and last % self.width == 0
        if not (self.window[0] <= first < last <= self.window[1] and whole):
            raise DataError(
                f"window ({first}, {last}): minutes in steps of {self.width} inside {self.window}, the last "
                "one not included"
            )
        at = slice((first - self.window[0]) // self.width, (last - self.window[0]) // self.width)
        moves = self.moves[:, :, at]
        there = np.isfinite(moves)
        needed = there[:, :1]
        complete = (there | ~needed).all(axis=2) & needed.any(axis=2)
        return np.where(complete, np.where(needed & there, moves, 0.0).sum(axis=2), np.nan)


def _less_mean(values: Array) -> Array:
    """The first of axis 1 less the mean of the others present."""
    past = np.isfinite(values[:, 1:])
    count = past.sum(axis=1)
    mean = np.where(past, values[:, 1:], 0.0).sum(axis=1) / np.where(count, count, np.nan)
    return np.asarray(values[:, 0] - mean)


def _error(values: Array) -> tuple[Array, Array]:
    """S √(1 + 1/K) over axis 1 from its second place on, and K."""
    past = np.isfinite(values[:, 1:])
    count = past.sum(axis=1).astype(float)
    enough = np.where(count >= _FEWEST, count, np.nan)
    mean = np.where(past, values[:, 1:], 0.0).sum(axis=1) / enough
    squares = (np.where(past, values[:, 1:] - mean[:, None], 0.0) ** 2).sum(axis=1)
    return np.sqrt(squares / (enough - 1) * (1 + 1 / enough)), count


def _test(sums: Array) -> dict[str, Array]:
    car, (se, count) = _less_mean(sums), _error(sums)
    t, df = car / se, np.where(np.isfinite(se), count - 1, np.nan)
    return {"car": car, "se": se, "t": t, "df": df, "p_value": 2 * stats.t.sf(np.abs(t), df)}


def minute_study(
    returns: pd.DataFrame | pd.Series,
    events: Events,
    *,
    market: pd.Series | None = None,
    window: Window = (-30, 60),
    sessions: int = 20,
    calendars: Mapping[str, str] | None = None,
    zone: str | None = None,
    label: Literal["start", "end"] = "start",
) -> MinuteStudy:
    """Abnormal returns in the minutes around events, against the same minutes of the sessions before.

    Bars are put on the minutes of the day at which the firm's exchange is ever seen to trade, from the
    first to the last bar of each session, a day of its zone. A minute without a bar is a missing return,
    and a session before it that misses one of the event's minutes is not compared: for shares that do not
    trade in every bar use longer bars, or carry prices forward within the session before taking returns.

    Parameters
    ----------
    returns : DataFrame, or Series of one firm
        Bar × firm, fractions, such as ``prices.pct_change(fill_method=None)``, so that the first bar of a
        session holds the night. The index carries a time zone.
    events : as `study`
        Each a moment: with its offset or time zone, or a time of day and a `zone`. Minute 0 begins with
        the bar that holds the moment, or the first that trades after it.
    market : Series, optional
        Return of the market by bar: R − βR_m, β by least squares over all bars of the sessions before.
    window : (first, last)
        In minutes of trading, whole bars, the last not included: (−30, 60) is half an hour before and an
        hour after.
    sessions : int
        K, sessions before the event's that are compared.
    calendars : mapping, optional
        Firm → exchange, as codes of `exchange_calendars`, where firms trade at different hours. The time
        of day is then the exchange's own; else it is that of the index, which has to be in the zone
        of the exchange unless it trades round the clock.
    zone : str, optional
        Of times of day that state none.
    label : "start" or "end"
        What the timestamp of a bar is.

    Raises
    ------
    DataError
        An index without a zone, with repeated or odd timestamps; events without a time; returns that look
        like prices or percents; or no firm-event that can be used. Single ones are skipped.

    Examples
    --------
    See `MinuteStudy`.

    >>> minute_study(pd.Series([0.01], pd.to_datetime(["2025-07-23 10:00"]), name="F"), "2025-07-23 10:00")
    Traceback (most recent call last):
        ...
    tariffmodel.errors.DataError: returns has no time zone; returns.index.tz_localize('Asia/Tokyo')
    """
    returns = returns.to_frame() if isinstance(returns, pd.Series) else returns
    width = _bars(returns, "returns")
    if market is not None and _bars(market, "market") != width:
        raise DataError("market has bars of another length; resample it to those of returns")
    limit = PERCENT * np.sqrt(width / _SESSION)
    check_scale(returns, market, limit=limit)
    first, last = window = pair("window", window)
    if first >= last or first % width or last % width:
        raise DataError(f"window {window}: first and last minute in steps of {width}, the length of a bar")
    if sessions < _FEWEST:
        raise DataError(f"sessions {sessions}: compare {_FEWEST} or more, better 20")
    if label not in ("start", "end"):
        raise DataError(f"label {label!r}: write 'start' or 'end', whichever the timestamp of a bar is")
    asked, skipped = asked_for(event_rows(events, returns), zone)
    if (untimed := asked["announced"].isna()).any():
        day = asked.loc[untimed, "asked"].iloc[0]
        raise DataError(f"events: {day:%Y-%m-%d} has no time of day; write it with its zone, or use study")
    unknown = ~asked["firm"].isin(returns.columns)
    skipped += skips(asked[unknown], "the firm has no column in returns")
    asked = asked[~unknown]
    lag = pd.Timedelta(minutes=width) if label == "end" else pd.Timedelta(0)
    begun = returns.set_axis(pd.DatetimeIndex(returns.index) - lag, axis=0)
    index = None if market is None else market.set_axis(pd.DatetimeIndex(market.index) - lag, axis=0)
    parts, tables = [], []
    places = _exchanges(returns.columns, calendars)
    for place, rows in asked.groupby(asked["firm"].map(places)):
        firms = [firm for firm in returns if places[firm] == place]
        grid = _grid(begun[firms], index, width, str(place))
        if last > grid.cube.shape[1] * width:
            raise DataError(f"window {window} is longer than a session; use study for days")
        found, reason = _moves(grid, rows, window, sessions)
        skipped += skips(rows, reason)
        kept = pd.isna(reason)
        label_of = grid.starts + lag.to_timedelta64()
        parts.append(found.moves[kept])
        tables.append(
            pd.DataFrame(
                {
                    "announced": rows["announced"].array,
                    "first_bar": pd.DatetimeIndex(label_of[found.zero]).tz_localize("UTC"),
                    "sessions": found.sessions,
                    "beta": found.beta,
                },
                index=pd.MultiIndex.from_frame(rows[["event", "firm"]]),
            )[kept]
        )
    unused = pd.DataFrame(skipped, columns=["event", "firm", "date", "reason"])
    if not sum(map(len, parts)):
        found_reasons = "; ".join(f"{n} × {why}" for why, n in unused["reason"].value_counts().items())
        raise DataError(f"no firm-event can be used: {found_reasons}. Check the moments, firms and window")
    return MinuteStudy(pd.concat(tables), unused, window, width, np.concatenate(parts))


def _bars(frame: pd.DataFrame | pd.Series, name: str) -> int:
    """Minutes of a bar, after the index has been found fit."""
    index = frame.index
    if not isinstance(index, pd.DatetimeIndex):
        raise DataError(f"{name} is indexed by {type(index).__name__}; use the timestamps of its bars")
    if index.tz is None:
        raise DataError(f"{name} has no time zone; {name}.index.tz_localize('Asia/Tokyo')")
    if not index.is_unique:
        raise DataError(f"{name} has {index[index.duplicated()][0]} twice; keep one row per bar")
    if not index.is_monotonic_increasing:
        raise DataError(f"{name} is not in order of time; use sort_index()")
    if len(index) < 2:
        raise DataError(f"{name} has {len(index)} bars; event and comparison need some weeks of them")
    steps, counts = np.unique(np.diff(index.as_unit("ns").asi8), return_counts=True)
    step = pd.Timedelta(int(steps[counts.argmax()]), unit="ns")
    if step >= _DAY:
        raise DataError(f"{name} has a row every {step}; use study for days")
    if step % pd.Timedelta(minutes=1) or _DAY % step:
        raise DataError(f"{name} has bars of {step}; resample to whole minutes that divide the day")
    odd = (index.as_unit("ns").asi8 - index[0].as_unit("ns").value) % step.value != 0
    if odd.any():
        raise DataError(f"{name} has bars of {step} but also {index[odd][0]}; resample to one length")
    values = np.asarray(frame, dtype=float)
    if np.isinf(values).any():
        raise DataError(f"{name} is infinite in some bars; use NaN for no return")
    return int(step / pd.Timedelta(minutes=1))


def _exchanges(firms: pd.Index, calendars: Mapping[str, str] | None) -> dict[Any, str]:
    if calendars is None:
        return dict.fromkeys(firms, "")
    if missing := [firm for firm in firms if firm not in calendars]:
        raise DataError(f"calendars names no exchange for {', '.join(map(str, missing[:5]))}; add them")
    return {firm: str(calendars[firm]) for firm in firms}


class _Grid(NamedTuple):
    """Minutes of trading of one exchange, one after the other."""

    starts: Array  # (bars,) UTC
    session: Array  # (bars,) number of the session
    clock: Array  # (bars,) place in the day
    cube: Array  # (sessions, places, firms) returns, NaN where there are none
    market: Array  # (sessions, places)
    firms: pd.Index
    width: int


def _grid(returns: pd.DataFrame, market: pd.Series | None, width: int, place: str) -> _Grid:
    seen = returns.notna().any(axis=1).to_numpy()
    zone = exchange(place).tz if place else pd.DatetimeIndex(returns.index).tz
    index = pd.DatetimeIndex(returns.index[seen]).tz_convert(zone)
    if index.empty:
        raise DataError(f"returns of {', '.join(map(str, returns.columns[:3]))} are all empty")
    minute = index.hour.to_numpy() * 60 + index.minute.to_numpy()
    day, days = pd.factorize(index.tz_localize(None).normalize())
    at, clocks = pd.factorize(minute, sort=True)
    if not place and str(zone) == "UTC" and len(clocks) * width < 24 * 60:
        raise DataError(
            "returns is in UTC, where summer time moves the session; tz_convert to the zone of the exchange, "
            "or pass calendars={firm: exchange}, such as XNYS"
        )
    if not place:
        _same_hours(returns[seen], at)
    shape = len(days), len(clocks)
    cube = np.full((*shape, returns.shape[1]), np.nan)
    cube[day, at] = returns.to_numpy(dtype=float)[seen]
    other = np.full(shape, np.nan)
    if market is not None:
        other[day, at] = market.reindex(returns.index[seen]).to_numpy(dtype=float)
    traded = np.zeros(shape, dtype=bool)
    traded[day, at] = True
    span = np.maximum.accumulate(traded, axis=1) & np.maximum.accumulate(traded[:, ::-1], axis=1)[:, ::-1]
    session, clock = np.nonzero(span)
    local = days[session] + pd.to_timedelta(clocks[clock], unit="min")
    starts = pd.DatetimeIndex(local).tz_localize(zone, ambiguous=np.ones(len(local), bool), nonexistent="NaT")
    utc = starts.tz_convert("UTC").tz_localize(None).to_numpy()
    real = ~np.isnat(utc)
    return _Grid(utc[real], session[real], clock[real], cube, other, returns.columns, width)


def _same_hours(returns: pd.DataFrame, clock: Array) -> None:
    """Raise a `DataError` if firms are seen at other minutes of the day than others."""
    traded = pd.DataFrame(returns.notna().to_numpy()).groupby(clock).any().to_numpy().astype(float)
    joint, own = traded.T @ traded, traded.sum(axis=0)
    alike = joint / np.maximum(own[:, None] + own - joint, 1)
    if (alike < _SAME_HOURS).any():
        one, other = np.argwhere(alike < _SAME_HOURS)[0]
        raise DataError(
            f"{returns.columns[one]} and {returns.columns[other]} trade at different hours; pass "
            "calendars={firm: exchange}, such as XTKS or XNYS, so that each counts its own minutes"
        )


class _Found(NamedTuple):
    zero: Array
    sessions: Array
    beta: Array
    moves: Array


def _moves(grid: _Grid, rows: pd.DataFrame, window: Window, sessions: int) -> tuple[_Found, Array]:
    """Abnormal returns of each row around its first bar, and at the same minutes before; with reasons."""
    moment = rows["announced"].dt.tz_convert(None).to_numpy()
    bar = np.timedelta64(grid.width, "m")
    zero = np.searchsorted(grid.starts + bar, moment, side="right")  # the first bar that ends later
    first, last = (minute // grid.width for minute in window)
    reason = np.full(len(rows), None, dtype=object)
    outside = (zero >= len(grid.starts)) | (moment < grid.starts[0])
    short = ~outside & ((zero + first < 0) | (zero + last > len(grid.starts)))
    reason[short] = "the window reaches beyond the returns"
    reason[outside] = "the moment lies outside the returns of its exchange"
    zero = np.where(outside, 0, zero)
    at = np.clip(zero[:, None] + np.arange(first, last), 0, len(grid.starts) - 1)
    day = grid.session[at][:, None, :] - np.arange(sessions + 1)[:, None]  # (n, 1 + K, bars)
    clock = np.broadcast_to(grid.clock[at][:, None, :], day.shape)
    column = grid.firms.get_indexer(pd.Index(rows["firm"]))
    inside = day >= 0
    moves = np.where(inside, grid.cube[day, clock, column[:, None, None]], np.nan)
    beta = np.full(len(rows), np.nan)
    if np.isfinite(grid.market).any():
        beta = _betas(grid, grid.session[at[:, 0]], column, sessions)
        moves = moves - beta[:, None, None] * np.where(inside, grid.market[day, clock], np.nan)
    count = np.isfinite(moves[:, 1:]).any(axis=2).sum(axis=1)
    if first <= 0 < last:
        lost = ~np.isfinite(moves[:, 0, -first])
        reason[lost & pd.isna(reason)] = (
            "no return in the first bar that could react; does it lack the night before?"
        )
    reason[~np.isfinite(moves[:, 0]).any(axis=1) & pd.isna(reason)] = "no return in the event window"
    reason[pd.isna(reason) & (count < _FEWEST)] = f"fewer than {_FEWEST} sessions before with these minutes"
    return _Found(zero, count, beta, moves), reason


def _betas(grid: _Grid, session: Array, column: Array, sessions: int) -> Array:
    """Slope on the market over the bars of the sessions before, from sums by session."""
    y, x = grid.cube, grid.market[:, :, None]
    here = np.isfinite(y) & np.isfinite(x)
    y, x = np.where(here, y, 0.0), np.where(here, x, 0.0)
    sums = np.stack([part.sum(axis=1) for part in (here, x, y, x * y, x * x)])
    total = np.cumsum(np.pad(sums.astype(float), ((0, 0), (1, 0), (0, 0))), axis=1)
    n, sx, sy, sxy, sxx = total[:, session, column] - total[:, np.maximum(session - sessions, 0), column]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((n * sxy - sx * sy) / (n * sxx - sx**2))
