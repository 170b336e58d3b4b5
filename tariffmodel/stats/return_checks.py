"""Are these returns, in fractions, of firms that trade on the same days?

Prices, percents and firms of several exchanges give results that look like any other and are wrong. What
can be told from the numbers is refused here. It is told by medians, so that a day of −70% or a month
of crypto currencies passes. What cannot be told: simple from log returns, percents of something that hardly
moves (below 0.2% on its median day), and rows that were filled or dropped before.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.stats.normal_returns import Array
from tariffmodel.stats.sessions import trading_hours

PERCENT = 0.2  # median size of a daily return beyond which it is no fraction; wild shares reach 0.05
MIXED, APART = 0.08, 30.0  # beyond the first, if so many times the size of the calmest column
RATE = 0.005  # median size of a day's risk-free rate: 250% a year
LEVEL, ENOUGH = 0.02, 20  # so many values, all positive and of this median size, are levels
_SCATTERED = 3  # gaps of a column, each begun on another day, that its calendar may explain
_TOGETHER, _ALONE = 0.6, 0.4  # share of gaps in common: within an exchange, between two
_EXCHANGES = (
    "XNYS", "XTSE", "XMEX", "BVMF", "XLON", "XETR", "XSTO", "XTKS", "XKRX", "XHKG", "XSHG", "XTAI", "XBOM",
    "XASX",
)  # fmt: skip
_OLDEST, _LONGEST = pd.Timestamp("2000-01-01"), pd.Timedelta(days=1500)  # holidays that are looked up
_WIDEST = 400  # columns compared

__all__ = ["check_scale", "check_sessions"]


def check_scale(
    returns: pd.DataFrame,
    market: pd.Series | pd.DataFrame | None = None,
    risk_free: pd.Series | None = None,
    limit: float = PERCENT,
) -> None:
    """Raise a `DataError` if returns, market or risk-free rate look like levels or percents.

    Parameters
    ----------
    limit : float
        Median size of a return that is no fraction; smaller for returns over less than a day.

    Raises
    ------
    DataError
        Naming the columns, and what to do.

    Examples
    --------
    >>> random, days = np.random.default_rng(0), pd.bdate_range("2025-01-02", periods=60)
    >>> moves = pd.DataFrame(random.normal(0, 1.5, (60, 2)), days, ["BMW", "VW"])
    >>> check_scale(moves)
    Traceback (most recent call last):
        ...
    tariffmodel.errors.DataError: returns looks like percent in BMW, VW (median size 0.97); divide by 100
    """
    size = _sizes(returns, "returns", limit)
    if market is not None:
        market = market.to_frame("market") if isinstance(market, pd.Series) else market
        found = _sizes(market, "market", limit)
        if len(size) and len(found):
            _comparable(pd.Series({"returns": size.median(), "market": found.median()}), "inputs", limit)
    if risk_free is not None and (typical := float(risk_free.abs().median())) > RATE:
        raise DataError(
            f"risk_free has the median {typical:.2g}, which is no rate of one day in fractions; divide "
            "percents by 100 and yearly rates by the days of a year"
        )


def _sizes(frame: pd.DataFrame, name: str, limit: float) -> pd.Series:
    """Median size of the moves of each column that has any."""
    values = frame.to_numpy(dtype=float)
    known = np.isfinite(values)
    moved = np.where(known & (values != 0), np.abs(values), np.nan)
    some = np.isfinite(moved).any(axis=0)
    size = pd.Series(np.nanmedian(moved[:, some], axis=0), frame.columns[np.flatnonzero(some)], dtype=float)
    positive = (~known | (values > 0)).all(axis=0) & (known.sum(axis=0) >= ENOUGH)
    if (levels := pd.Series(positive[some], size.index) & (size > LEVEL * limit / PERCENT)).any():
        raise DataError(
            f"{name} is never negative in {_named(size.index[levels])} (median {size[levels].iloc[0]:.3g}): "
            "prices, or gross returns? Pass prices.pct_change(fill_method=None), or subtract 1"
        )
    if (percent := size > limit).any():
        rest = "" if percent.all() else ", and not in the other columns"
        raise DataError(
            f"{name} looks like percent in {_named(size.index[percent])} (median size "
            f"{size[percent].iloc[0]:.2g}){rest}; divide by 100"
        )
    _comparable(size, name, limit)
    return size


def _comparable(size: pd.Series, name: str, limit: float) -> None:
    large = (size > MIXED * limit / PERCENT) & (size > APART * size.min())
    if large.any():
        raise DataError(
            f"{name}: mixed scales, the median move is {size[large].iloc[0]:.2g} in "
            f"{_named(size.index[large])} and {size.min():.2g} in {size.idxmin()}; percents beside "
            "fractions? Divide those by 100"
        )


def _named(columns: pd.Index) -> str:
    more = f" and {len(columns) - 3} more" if len(columns) > 3 else ""
    return ", ".join(map(str, columns[:3])) + more


def check_sessions(returns: pd.DataFrame) -> None:
    """Raise a `DataError` if firms seem to trade on the days of several exchanges.

    Told from the gaps inside each column's span, by three signs: a column has weekends and another has
    none; columns share scattered gaps on which others have returns; or the gaps of a column are holidays
    of a large exchange on which another has returns. Gaps at random are none of these.

    Raises
    ------
    DataError
        Naming two firms and a day.

    Examples
    --------
    >>> days = pd.bdate_range("2025-01-06", periods=80)
    >>> moves = pd.DataFrame(np.random.default_rng(0).normal(0, 0.01, (80, 2)), days, ["7203.T", "GM"])
    >>> moves.loc[["2025-01-13", "2025-02-11", "2025-02-24", "2025-03-20"], "7203.T"] = np.nan
    >>> check_sessions(moves)
    Traceback (most recent call last):
        ...
    tariffmodel.errors.DataError: 7203.T and GM do not trade on the same days (2025-01-13: GM alone); pass \
calendars={firm: exchange}, such as XTKS or XNYS, so that event time counts the sessions of each, or \
calendars='union' if every row is to count for all
    """
    step = -(-max(returns.shape[1], 1) // _WIDEST)
    seen = np.isfinite(returns.iloc[:, ::step].to_numpy(dtype=float))
    seen, names = seen[:, seen.any(axis=0)], returns.columns[::step][seen.any(axis=0)]
    if seen.shape[1] < 2:
        return
    days = pd.DatetimeIndex(returns.index)
    worked = seen[days.day_of_week >= 5].sum(axis=0)
    if (worked >= _SCATTERED).any() and (worked == 0).any():
        _refuse(days, seen, names, int(worked.argmin()), int(worked.argmax()))
    inside = np.maximum.accumulate(seen, axis=0) & np.maximum.accumulate(seen[::-1], axis=0)[::-1]
    gap = inside & ~seen & seen.any(axis=1)[:, None]
    if not (gap.sum(axis=0) >= _SCATTERED).any():
        return
    begun = gap & ~np.vstack([np.zeros((1, gap.shape[1]), dtype=bool), gap[:-1]])
    pair = _families(begun, inside) or _holidays_of_one(days, gap, inside, seen)
    if pair:
        _refuse(days, seen, names, *pair)


def _families(begun: Array, inside: Array) -> tuple[int, int] | None:
    """A column that shares its gaps with a second, and one that has returns on them."""
    flags = begun.astype(np.float32)
    own, joint = flags.sum(axis=0), flags.T @ flags
    either = own[:, None] + own - joint
    alike = np.divide(joint, either, out=np.zeros_like(joint), where=either > 0)
    family = (alike >= _TOGETHER) & (joint > _SCATTERED)
    np.fill_diagonal(family, val=False)
    open_to = flags.T @ inside.astype(np.float32)  # gaps of the row's column in the span of the other
    differs = (open_to > _SCATTERED) & (joint < _ALONE * open_to) & family.any(axis=1)[:, None]
    return _pair(differs)


def _holidays_of_one(
    index: pd.DatetimeIndex, gap: Array, inside: Array, seen: Array
) -> tuple[int, int] | None:
    """A column whose gaps are holidays of an exchange, and one that has returns on them."""
    first = max(index[0], index[-1] - _LONGEST, _OLDEST)
    last = min(index[-1], pd.Timestamp.today().normalize())
    rows = np.arange(index.searchsorted(first), index.searchsorted(last, side="right"))
    if not len(rows):
        return None
    gaps = gap[rows].astype(float)
    open_to = inside[rows] & seen[rows].any(axis=1, keepdims=True)
    for exchange in _EXCHANGES:
        closed = index[rows].isin(_closed(exchange, first, last))[:, None]
        fit = (gaps * closed).sum(axis=0)
        expected = (open_to * closed).sum(axis=0)
        often = (fit >= _SCATTERED) & (fit >= _TOGETHER * np.maximum(gaps.sum(axis=0), expected))
        if often.any():  # then on how many of these holidays does each of the others trade?
            elsewhere = (gaps * closed).T @ seen[rows]
            if pair := _pair((elsewhere >= _SCATTERED) & often[:, None]):
                return pair
    return None


def _pair(found: Array) -> tuple[int, int] | None:
    rows, others = np.nonzero(found)
    return (int(rows[0]), int(others[0])) if len(rows) else None


@lru_cache(maxsize=64)
def _closed(exchange: str, first: pd.Timestamp, last: pd.Timestamp) -> pd.DatetimeIndex:
    """Weekdays without a session."""
    return pd.bdate_range(first, last).difference(
        pd.DatetimeIndex(trading_hours(exchange, first, last).index)
    )


def _refuse(index: pd.DatetimeIndex, seen: Array, names: pd.Index, one: int, other: int) -> None:
    day = index[np.flatnonzero(seen[:, other] & ~seen[:, one])[0]]
    raise DataError(
        f"{names[one]} and {names[other]} do not trade on the same days ({day:%Y-%m-%d}: {names[other]} "
        "alone); pass calendars={firm: exchange}, such as XTKS or XNYS, so that event time counts the "
        "sessions of each, or calendars='union' if every row is to count for all"
    )
