"""How strongly do firms move together, each pair on the days both have?

Rows are firms or firm-events, columns are days, NaN is a missing day.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tariffmodel.stats.normal_returns import Array

_CELLS = 4_000_000  # of a matrix of pairs held at once

__all__ = ["Timing", "average_correlation", "correlation_sum", "paired_correlations"]


def average_correlation(residuals: Array) -> float:
    """Mean pairwise correlation of the rows, each pair over the days both have; N(N − 1)/2 pairs.

    The r̄ of Kolari and Pynnönen (2010).

    >>> rows = np.array([[1.0, 2, 3, 4], [2.0, 1, 4, 3], [4.0, 3, 2, 1]])
    >>> round(average_correlation(rows), 3)
    -0.333
    """
    n = len(residuals)
    return correlation_sum(residuals) / (n * (n - 1)) if n > 1 else 0.0


def correlation_sum(first: Array, second: Array | None = None) -> float:
    """Sum of the correlations of every row of `first` with every row of `second`.

    Without `second`: over ordered pairs of different rows of `first`. Pairs with fewer than three
    common days, or a constant row, count zero. Columns are the same days in both.

    >>> rows = np.array([[1.0, 2, 3, 4], [2.0, 1, 4, 3], [4.0, 3, 2, 1]])
    >>> round(correlation_sum(rows[:1], rows[1:]), 3)
    -0.4
    """
    within = second is None
    other = first if second is None else second
    first, other = (block - _row_mean(block)[:, None] for block in (first, other))
    if np.isfinite(first).all() and np.isfinite(other).all():  # |Σz|² in place of N² products
        one, two = (_unit(block).sum(axis=0) for block in (first, other))
        return float(one @ two) - within * float((_unit(first) ** 2).sum())
    there = np.isfinite(other).astype(float)
    filled = np.nan_to_num(other)
    total, step = 0.0, max(1, _CELLS // max(len(other), 1))
    for start in range(0, len(first), step):
        rows = first[start : start + step]
        here, mine = np.isfinite(rows).astype(float), np.nan_to_num(rows)
        n = here @ there.T
        x, y = mine @ there.T, here @ filled.T
        spread = (n * (mine**2 @ there.T) - x**2) * (n * (here @ (filled**2).T) - y**2)
        usable = (n >= 3) & (spread > 0)
        if within:
            usable[np.arange(len(rows)), start + np.arange(len(rows))] = False
        product = n * (mine @ filled.T) - x * y
        total += (product[usable] / np.sqrt(spread[usable])).sum()
    return float(total)


def _row_mean(values: Array) -> Array:
    count = np.isfinite(values).sum(axis=1)
    return np.asarray(np.nansum(values, axis=1) / np.maximum(count, 1))


def _unit(centred: Array) -> Array:
    norm = np.sqrt((centred**2).sum(axis=1))
    return centred / np.where(norm > 0, norm, np.inf)[:, None]


@dataclass(frozen=True, eq=False)
class Timing:
    """When the firm-events took place.

    Attributes
    ----------
    event : (n,) int
        Number of the event.
    exchange, position : (n,) int
        The exchange, and day 0 among its sessions.
    sessions : tuple of arrays
        For each exchange, its sessions as rows of one calendar.

    Examples
    --------
    >>> when = Timing(np.array([0, 1]), np.array([0, 0]), np.array([2, 3]), (np.array([0, 1, 2, 4, 5]),))
    >>> when.dates(np.array([-1, 0, 1, 2])).tolist()
    [[1, 2, 4, 5], [2, 4, 5, -1]]
    >>> when.take(np.array([1])).position.tolist()
    [3]
    """

    event: Array
    exchange: Array
    position: Array
    sessions: tuple[Array, ...]

    def take(self, rows: Array) -> Timing:
        """The same for some rows."""
        return Timing(self.event[rows], self.exchange[rows], self.position[rows], self.sessions)

    def dates(self, days: Array) -> Array:
        """Rows of the calendar, (n, days relative to the event); −1 beyond its ends."""
        out = np.full((len(self.event), len(days)), -1)
        for number, sessions in enumerate(self.sessions):
            here = np.flatnonzero(self.exchange == number)
            place = self.position[here, None] + days
            inside = (place >= 0) & (place < len(sessions))
            out[here] = np.where(inside, sessions[np.where(inside, place, 0)], -1)
        return out


def paired_correlations(residuals: Array, timing: Timing, days: Array, reach: int) -> tuple[Array, Array]:
    """Correlations of residuals, added up over ordered pairs of firm-events of the same calendar dates.

    Pairs within an event are lined up by rows of the calendar from each firm's own day 0, so that
    exchanges that react on different days are compared as they react. Pairs of different events are
    lined up by date; residuals are then standardised over each firm's own estimation window.

    Parameters
    ----------
    residuals : (n, T)
    days : (T,)
        Days of estimation relative to the event.
    reach : int
        Events this many calendar rows or more apart cannot overlap.

    Returns
    -------
    distance : (m,) rows of the calendar between two events; 0 within an event.
    total : (m,) sums of correlations.

    Examples
    --------
    >>> timing = Timing(np.array([0, 0]), np.array([0, 0]), np.array([4, 4]), (np.arange(6),))
    >>> residuals = np.array([[0.1, -0.2, 0.1], [0.2, -0.2, 0.0]])
    >>> distance, total = paired_correlations(residuals, timing, np.array([-3, -2, -1]), reach=2)
    >>> distance, total.round(3)
    (array([0]), array([1.732]))
    """
    zero = timing.dates(np.zeros(1, dtype=int))[:, 0]
    order = np.argsort(timing.event, kind="stable")
    events = np.split(order, np.flatnonzero(np.diff(timing.event[order])) + 1)
    within = 0.0
    for rows in events:
        one = timing.take(rows)
        aligned = np.ptp(one.exchange) == 0 and np.ptp(one.position) == 0
        block = residuals[rows] if len(rows) < len(residuals) else residuals
        within += correlation_sum(block if aligned else _line_up(block, one.dates(days) - zero[rows, None]))
    first = np.array([zero[rows].min() for rows in events])
    near = np.triu(np.abs(first[:, None] - first) < reach, 1)
    distance, total = [0], [within]
    unit: dict[int, Array] = {}
    size = max(len(sessions) and sessions[-1] for sessions in timing.sessions) + 1
    for one, two in zip(*np.nonzero(near), strict=True):
        for number in (one, two):
            if number not in unit:
                unit[number] = _unit_by_date(residuals, timing, events[number], days, size)
        distance.append(abs(first[one] - first[two]))
        total.append(2 * float(unit[one] @ unit[two]))
    return np.array(distance), np.array(total)


def _unit_by_date(residuals: Array, timing: Timing, rows: Array, days: Array, size: int) -> Array:
    """Residuals of one event at unit length, added up over firms by row of the calendar."""
    block = residuals[rows]
    unit = _unit(np.nan_to_num(block - _row_mean(block)[:, None]))
    dates = timing.take(rows).dates(days)
    return np.bincount(np.where(dates < 0, size, dates).ravel(), unit.ravel(), size + 1)[:size]


def _line_up(values: Array, place: Array) -> Array:
    """Put the values of each row into its columns `place`, NaN elsewhere."""
    place = place - place.min()
    lined = np.full((len(values), int(place.max()) + 1), np.nan)
    row, column = np.nonzero(np.isfinite(values))
    lined[row, place[row, column]] = values[row, column]
    return lined
