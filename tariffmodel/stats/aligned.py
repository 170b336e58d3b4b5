"""What do abnormal returns say that somebody else has computed and aligned on their events?

Tables in event time, as `estudy` of Stata and `eventstudies` of R give them, become an `EventStudy`:
its averages and tests are then those of `event_study.study`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.stats import event_tests as et
from tariffmodel.stats import normal_returns as nr
from tariffmodel.stats.event_results import EventStudy
from tariffmodel.stats.normal_returns import Array, Window
from tariffmodel.stats.return_checks import check_scale

__all__ = ["from_event_time"]


def from_event_time(
    ar_estimation: pd.DataFrame,
    ar_event: pd.DataFrame,
    *,
    dates: Mapping[Any, str | date] | None = None,
    parameters: int = 2,
) -> EventStudy:
    """An event study of abnormal returns that are already aligned on day 0.

    What is not in such tables is not there afterwards: no coefficients, no normal returns, so no
    buy-and-hold returns. The prediction error of a day is that of the mean, 1/T; the part of the market's
    move is unknown.

    Parameters
    ----------
    ar_estimation, ar_event : DataFrame
        Abnormal returns, firm × relative day, fractions; NaN is a missing day. Columns are consecutive
        days, those of the estimation window before those of the event window. Rows are firms, or events
        and firms; firms without an event share one.
    dates : mapping, optional
        Event → day 0. Events then overlap as far as business days say, and calendar-time portfolios
        exist; without it each event has days of its own.
    parameters : int
        Coefficients of the model that gave the returns: 2 for the market model.

    Raises
    ------
    DataError
        Tables that do not fit together or look like percents.

    Examples
    --------
    >>> random, firms = np.random.default_rng(0), ["BMW", "VW", "F"]
    >>> before = pd.DataFrame(random.normal(0, 0.01, (3, 60)), firms, range(-70, -10))
    >>> around = pd.DataFrame(random.normal(0, 0.01, (3, 21)), firms, range(-10, 11))
    >>> around[0] -= 0.05
    >>> found = from_event_time(before, around)
    >>> found.car((0, 1))["car"].round(3).tolist()
    [-0.083, -0.035, -0.022]
    >>> found.tests((0, 1), "kp_bmp")["n"].tolist()
    [3]
    """
    before, around = _aligned(ar_estimation, "ar_estimation"), _aligned(ar_event, "ar_event")
    check_scale(ar_estimation.T)
    rows, estimation, window = _fitting(before, around)
    residuals, ar = before.to_numpy(dtype=float), around.to_numpy(dtype=float)
    n = np.isfinite(residuals).sum(axis=1).astype(float)
    if (few := n <= max(parameters, 9)).any():
        raise DataError(
            f"ar_estimation has {n[few][0]:.0f} returns of {rows[few][0]}; 10 or more are needed, better 100"
        )
    nothing, none = np.full(len(rows), np.nan), np.empty((len(rows), 0))
    whitened = np.repeat(1 / np.sqrt(n)[:, None, None], ar.shape[1], axis=1)
    estimates = nr.Estimates(
        ar=ar,
        expected=np.full_like(ar, np.nan),
        residuals=residuals,
        whitened=whitened,
        rss=np.nansum(residuals**2, axis=1),
        tss=nothing,
        observations=n,
        parameters=np.full(len(rows), float(parameters)),
        coefficients=none,
        errors=none,
        gap_t=nothing,
    )
    events = rows.get_level_values("event")
    position, days, zero = _axis(events, dates, min(estimation[0], window[0], 0), max(window[1], 0))
    timing = et.Timing(
        pd.factorize(events)[0], np.zeros(len(rows), dtype=int), position, (np.arange(len(days)),)
    )
    table = pd.DataFrame(
        {
            "asked": zero,
            "date": zero,
            "rolled": False,
            "overlaps": False,
            "days": np.isfinite(ar).sum(axis=1),
        },
        index=rows,
    )
    settings = {
        "model": "given", "method": "given", "estimation": estimation, "window": window, "needed": 10,
        "kind": "simple", "part": "given", "calendars": False, "roll": "error", "duplicates": "keep",
    }  # fmt: skip
    skipped = pd.DataFrame(columns=["event", "firm", "date", "reason"])
    return EventStudy(table, skipped, settings, (), days, estimates, timing)


def _aligned(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """The table with its columns as whole days, in order and without a gap."""
    if not isinstance(frame, pd.DataFrame):
        raise DataError(f"{name} is a {type(frame).__name__}; pass a DataFrame, firms × relative days")
    try:
        days = frame.columns.astype(float)
        values = frame.astype(float).set_axis(days, axis=1)
    except (TypeError, ValueError):
        raise DataError(
            f"{name} needs numbers under relative days such as -10 … 10; days down and firms across: pass .T"
        ) from None
    if not len(days) or (np.diff(days) != 1).any() or (days != np.round(days)).any():
        raise DataError(f"{name}: its columns are not consecutive days; sort them and name each day once")
    if np.isinf(values.to_numpy()).any():
        raise DataError(f"{name} holds infinite values; use NaN for no return")
    return values.set_axis(days.astype(int), axis=1)


def _fitting(before: pd.DataFrame, around: pd.DataFrame) -> tuple[pd.MultiIndex, Window, Window]:
    """Firm-events, and both windows."""
    estimation, window = ((int(frame.columns[0]), int(frame.columns[-1])) for frame in (before, around))
    if estimation[1] >= window[0]:
        raise DataError(f"estimation {estimation} overlaps the event window {window}; let it end before")
    if not before.index.equals(around.index):
        raise DataError("ar_estimation and ar_event have different rows; reindex one to the other")
    if before.index.nlevels > 2 or not before.index.is_unique:
        raise DataError("rows are firms, or events and firms, each once; name the event of each row")
    if before.index.nlevels == 2:
        return pd.MultiIndex.from_tuples(list(before.index), names=["event", "firm"]), estimation, window
    return pd.MultiIndex.from_product([["event"], before.index], names=["event", "firm"]), estimation, window


def _axis(
    events: pd.Index, dates: Mapping[Any, str | date] | None, first: int, last: int
) -> tuple[Array, pd.DatetimeIndex, pd.DatetimeIndex]:
    """Position of each row's day 0 on an axis of days, the axis, and the dates of day 0."""
    if dates is None:
        number = pd.factorize(events)[0]
        span = last - first + 1
        axis = pd.DatetimeIndex([pd.NaT] * (span * (number.max() + 1)))
        return number * span - first, axis, pd.DatetimeIndex([pd.NaT] * len(events))
    if missing := [event for event in events.unique() if event not in dates]:
        raise DataError(f"dates has nothing for {missing[0]!r}; add its day 0")
    zero = pd.DatetimeIndex([pd.Timestamp(dates[event]) for event in events])
    step = pd.offsets.BDay()
    axis = pd.bdate_range(zero.min() + (first - 1) * step, zero.max() + (last + 1) * step)
    return axis.searchsorted(zero), axis, zero
