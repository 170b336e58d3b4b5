"""How unusual is what shares did on the day of an event, among days without one?

The same statistics are computed on the day of each event and on placebo days, days on which nothing
of the kind happened, by the same engine: same firms, same normal returns estimated before each day,
same length of window. How often a placebo day gives a statistic as large is the p-value. Nothing is
assumed of how firms move together or of which have large variances: both are in the placebo days.

Every statistic is studentised, so that calm and wild years can be compared: an estimate over
``s √(w'Ωw)``, with w the weights of the firms, Ω the covariance of their cumulative returns as their
estimation windows let expect it (correlations shrunk, variances with prediction error), and s² by how
much that day's residuals exceed it, which allows for variance that the event itself adds.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.stats.covariance import ledoit_wolf
from tariffmodel.stats.event_results import EventStudy
from tariffmodel.stats.normal_returns import Array, Window
from tariffmodel.stats.randomisation import indicator
from tariffmodel.stats.resampling import TIE, Resampled, p_value

FEWEST = 99  # placebo days, below which a p-value has no resolution
BLOCK = 10  # placebo days that stay together when they are held out
_POWER = 0.8
_ALL = slice(None)
_FLAT = 1e-12  # of a sum of squares that is rounding

__all__ = ["Days", "Drawn", "Randomised", "Reference", "pooled", "randomised", "reference"]


@dataclass(frozen=True, eq=False)
class Days:
    """Cumulative abnormal returns of firms over a window that begins on each of several days.

    Attributes
    ----------
    labels : Index
        Of the days (D): events, or dates.
    dates : DatetimeIndex
        First day 0 of each.
    firms : Index
        N of them.
    car, se : (D, N)
        Fractions; NaN where a firm has no return.
    correlation : (D, N, N)
        Of the residuals of the estimation window, shrunk.
    length : int
        Sessions of the window.

    Examples
    --------
    >>> days = Days(pd.Index(["a", "b", "c"]), pd.to_datetime(["2025-05-05", "2025-05-06", "2025-05-08"]),
    ...             pd.Index(["BMW"]), np.zeros((3, 1)), np.ones((3, 1)), np.ones((3, 1, 1)), length=2)
    >>> days.apart, days.group.tolist()
    (2, [0, 0, 1])
    """

    labels: pd.Index
    dates: pd.DatetimeIndex
    firms: pd.Index
    car: Array
    se: Array
    correlation: Array
    length: int

    @property
    def apart(self) -> int:
        """How many of the days have windows that do not overlap: the effective number of placebo days."""
        count, free = 0, None
        for day in np.sort(self.dates.to_numpy().astype("datetime64[D]")):
            if free is None or day >= free:
                count, free = count + 1, np.busday_offset(day, self.length, roll="forward")
        return count

    @property
    def group(self) -> Array:
        """A number that days share when their windows overlap, or are linked by such, (D,)."""
        days = self.dates.to_numpy().astype("datetime64[D]")
        order = np.argsort(days, kind="stable")
        group = np.zeros(len(days), dtype=int)
        group[order[1:]] = np.cumsum(np.busday_count(days[order][:-1], days[order][1:]) >= self.length)
        return group


@dataclass(frozen=True, eq=False)
class Reference:
    """Event days and the placebo days that they are judged by, of the same firms.

    Attributes
    ----------
    events, placebo : Days

    Examples
    --------
    >>> dates, one = pd.bdate_range("2025-05-05", periods=3), np.ones((3, 1))
    >>> days = Days(dates, dates, pd.Index(["BMW"]), 0 * one, one, one[..., None], length=1)
    >>> Reference(days, days).text.split(", ")[0]
    '3 days without events'
    >>> Reference(days, days).of(["BMW"]).events.firms.tolist()
    ['BMW']
    """

    events: Days
    placebo: Days

    def __post_init__(self) -> None:
        if not self.events.firms.equals(self.placebo.firms) or self.events.length != self.placebo.length:
            raise DataError("event days and placebo days are not of the same firms and length of window")

    @property
    def text(self) -> str:
        """What stands behind a p-value, in words."""
        days = self.placebo.dates
        return (
            f"{len(days)} days without events, {days.min():%Y-%m-%d} to {days.max():%Y-%m-%d}, "
            f"{self.placebo.apart} of them with windows that do not overlap"
        )

    def of(self, firms: Collection[Hashable]) -> Reference:
        """The same days of some of the firms."""
        if missing := [firm for firm in firms if firm not in self.events.firms]:
            raise DataError(f"the reference has no firm {missing[0]}; it has {', '.join(self.events.firms)}")
        mine = self.events.firms.isin(list(firms))
        return Reference(_some(self.events, mine), _some(self.placebo, mine))


def _some(days: Days, mine: Array) -> Days:
    correlation = days.correlation[:, mine][:, :, mine]
    car, se = days.car[:, mine], days.se[:, mine]
    return replace(days, firms=days.firms[mine], car=car, se=se, correlation=correlation)


def reference(
    events: EventStudy, placebo: EventStudy, window: Window, names: Mapping[str, str] | None = None
) -> Reference:
    """Event days and placebo days out of two studies that differ in nothing but their days.

    Residuals are lined up by days of the calendar counted from each firm's own day 0, so exchanges that
    react on different days are compared as they react. Standardised and filled with zeros where an
    exchange was closed, they give correlations that are positive definite, shrunk by `ledoit_wolf`.

    Parameters
    ----------
    events, placebo : EventStudy
        Of one model, method and estimation window.
    window : (first, last)
        Days relative to the event. A placebo day counts for a firm with a return on all of them.
    names : mapping, optional
        What the firms shall be called. Default: as in the studies.

    Raises
    ------
    DataError
        Studies made in different ways, or two firms of one name.

    Examples
    --------
    >>> from tariffmodel.stats.event_study import study
    >>> random, days = np.random.default_rng(0), pd.bdate_range("2025-01-02", periods=90)
    >>> returns = pd.DataFrame(random.normal(0, 0.01, (90, 3)), days, ["BMW", "VW", "F"])
    >>> made = {"model": "mean", "estimation": (-60, -6), "window": (0, 1)}
    >>> event, others = study(returns, "2025-04-03", **made), study(returns, list(days[70:80]), **made)
    >>> found = reference(event, others, (0, 1))
    >>> found.events.car.shape, found.placebo.correlation.shape, found.placebo.apart
    ((1, 3), (10, 3, 3), 5)
    """
    for name in ("model", "method", "estimation", "kind"):
        if events.settings[name] != placebo.settings[name]:
            raise DataError(
                f"{name} is {events.settings[name]} for the events and {placebo.settings[name]} for the "
                "placebo days; make both studies alike"
            )
    firms = events.firm_events.index.unique("firm")
    called = pd.Index([(names or {}).get(firm, firm) for firm in firms], name="firm")
    if called.has_duplicates:
        raise DataError(f"two firms are called {called[called.duplicated()][0]}; give each its own name")
    return Reference(
        _cumulated(events, window, firms, called, whole=False),
        _cumulated(placebo, window, firms, called, whole=True),
    )


def _cumulated(study: EventStudy, window: Window, firms: pd.Index, called: pd.Index, whole: bool) -> Days:
    rows = study.firm_events
    ours = rows.index.get_level_values("firm").isin(firms)
    labels = rows.index[ours].unique("event")
    day = labels.get_indexer(rows.index[ours].get_level_values("event"))
    firm = firms.get_indexer(rows.index[ours].get_level_values("firm"))
    length = window[1] - window[0] + 1
    sums = study.car(window)[ours]
    sums = sums.where(sums["days"] == length) if whole else sums
    car, se = np.full((2, len(labels), len(firms)), np.nan)
    car[day, firm], se[day, firm] = sums["car"], sums["se"]
    dates = rows["date"][ours].groupby(level="event", sort=False).min()
    series = _residuals(study, ours, day, firm, (len(labels), len(firms)))
    return Days(labels, pd.DatetimeIndex(dates), called, car, se, _correlations(series), length)


def _residuals(study: EventStudy, ours: Array, day: Array, firm: Array, shape: tuple[int, int]) -> Array:
    """Of the estimation, by day of the calendar from day 0, (D, days, N): squares of each firm sum to one."""
    first, last = study.settings["estimation"]
    relative = (study.timing.dates(np.arange(first, last + 1)) - study.timing.dates(np.array([0])))[ours]
    residuals = study.estimates.residuals[ours]
    seen = np.isfinite(residuals)
    start = relative[seen].min()
    series = np.zeros((shape[0], relative[seen].max() - start + 1, shape[1]))
    event, column = np.broadcast_to(day[:, None], seen.shape), np.broadcast_to(firm[:, None], seen.shape)
    scaled = residuals / np.sqrt(np.nansum(residuals**2, axis=1, keepdims=True))
    series[event[seen], relative[seen] - start, column[seen]] = scaled[seen]
    return series


def _correlations(series: Array) -> Array:
    """Shrunk, (D, N, N); a firm without residuals has none with others."""
    held = (series != 0).any(axis=2).sum(axis=1)
    covariance = ledoit_wolf(series * np.sqrt(held)[:, None, None], held)[0]
    size = np.sqrt(np.einsum("dnn->dn", covariance))
    size = np.where(size > 0, size, 1.0)
    correlation = covariance / (size[:, :, None] * size[:, None, :])
    every = np.arange(correlation.shape[1])
    correlation[:, every, every] = 1.0
    return np.asarray(correlation)


@dataclass(frozen=True, eq=False)
class Randomised:
    """A statistic on the day of each event, and on the placebo days.

    Attributes
    ----------
    estimate, error : Series
        By event; the error is ``s √(w'Ωw)``, NaN where the statistic is not defined.
    drawn, drawn_error : (E, B)
        The same statistic of each event on each placebo day; NaN where a firm of the event has no return.

    Examples
    --------
    >>> drawn, index = np.random.default_rng(0).normal(size=(1, 199)), ["deal"]
    >>> found = Randomised(pd.Series(2.5, index), pd.Series(1.0, index), drawn, np.ones((1, 199)))
    >>> found.t.item(), found.days.item(), round(found.p.item(), 3), found.drawn_t.shape
    (2.5, 199, 0.005, (1, 199))
    >>> found.critical().round(2), found.interval().round(2).to_numpy()
    (array([1.9]), array([[0.6, 4.4]]))
    >>> round(found.minimum_detectable().item(), 1), round(found.power(pd.Series(-2.7, index)).item(), 1)
    (2.7, 0.8)
    >>> round(found.held_out_size().item(), 2), round(found.stepdown(np.array([True])).item(), 3)
    (0.05, 0.005)
    """

    estimate: pd.Series
    error: pd.Series
    drawn: Array
    drawn_error: Array

    @property
    def t(self) -> pd.Series:
        """Studentised estimates."""
        return self.estimate / self.error

    @property
    def drawn_t(self) -> Array:
        """The same on the placebo days, (E, B)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(self.drawn / self.drawn_error)

    @property
    def days(self) -> pd.Series:
        """Placebo days of each event."""
        return pd.Series(np.isfinite(self.drawn_t).sum(axis=1), self.estimate.index)

    @property
    def p(self) -> pd.Series:
        """Two-sided: (1 + #{|t*| ≥ |t|}) / (1 + B); NaN with fewer than `FEWEST` placebo days."""
        t = self.t.abs().to_numpy()[:, None]
        with np.errstate(invalid="ignore"):
            count = (np.abs(self.drawn_t) >= t * (1 - TIE)).sum(axis=1)
        p: pd.Series = (1 + count) / (1 + self.days)
        return p.where(self.t.notna() & (self.days >= FEWEST))

    def critical(self, size: float = 0.05) -> Array:
        """What |t| must exceed for a p of at most `size`, (E,); NaN with fewer than `FEWEST` placebo days."""
        return np.where(self.days >= FEWEST, _critical(np.abs(self.drawn_t), size), np.nan)

    def interval(self, level: float = 0.95) -> pd.DataFrame:
        """Effects that are not rejected, `low` and `high`; zero lies outside when p is at most 1 − level."""
        reach = self.critical(1 - level) * self.error
        return pd.DataFrame({"low": self.estimate - reach, "high": self.estimate + reach})

    def power(self, effect: pd.Series, size: float = 0.05) -> pd.Series:
        """Share of placebo days on which the test rejects once an effect of this size is added.

        The effect moves the estimate and leaves the residuals, and with them the error, as they are.
        """
        moved = np.abs(self.drawn_t + effect.to_numpy()[:, None] / self.drawn_error)
        share: pd.Series = (moved > self.critical(size)[:, None]).sum(axis=1) / self.days
        return share.where(effect.notna() & (self.days >= FEWEST))

    def minimum_detectable(self, power: float = _POWER, size: float = 0.05) -> pd.Series:
        """Effect, of either sign, that the test finds with this power on the placebo days."""
        cut = self.critical(size)[:, None]
        needed = np.concatenate([(cut - sign * self.drawn_t) * self.drawn_error for sign in (-1, 1)], axis=1)
        known = np.isfinite(needed).any(axis=1)
        found = np.full(len(needed), np.nan)
        if known.any():
            found[known] = np.nanquantile(needed[known], power, axis=1)
        return pd.Series(found, self.estimate.index)

    def held_out_size(self, size: float = 0.05, block: int = BLOCK) -> pd.Series:
        """Share of placebo days with a p of at most `size`, each judged by days held out.

        Every other block of `block` placebo days is judged by the rest, and the rest by them.
        """
        t = np.abs(self.drawn_t)
        odd = np.arange(t.shape[1]) // block % 2 == 0
        rejected = [(t[:, mine] > _critical(t[:, ~mine], size)[:, None]).sum(axis=1) for mine in (odd, ~odd)]
        share: pd.Series = sum(rejected) / self.days
        return share.where(self.days >= 2 * FEWEST)

    def stepdown(self, family: Array) -> pd.Series:
        """p-values of Romano and Wolf (2005) for the events in a family; the others have none.

        The largest |t| of days that are drawn for each event by itself: events of different days are
        independent, and to take neighbouring ones for it is cautious. It exceeds t with the probability
        1 − Π_e (1 − p_e(t)) over the events not yet rejected, p_e(t) the p of t among the placebo days of
        event e. So F tests on B days cannot give less than 1 − (1 − 1 / (1 + B))ᶠ.
        """
        p = self.p
        member = np.asarray(family) & p.notna().to_numpy()
        t, drawn = self.t.abs().to_numpy()[member], np.abs(self.drawn_t[member])
        order = np.argsort(-t, kind="stable")
        with np.errstate(invalid="ignore"):
            count = (drawn[order] >= t[order][:, None, None] * (1 - TIE)).sum(axis=2)  # of each t, each event
        tail = np.triu((1 + count) / (1 + self.days.to_numpy()[member][order]))
        stepped = np.maximum.accumulate(1 - np.prod(1 - tail, axis=1))
        adjusted = pd.Series(np.nan, p.index)
        adjusted[p.index[member][order]] = stepped
        return adjusted


def _critical(t: Array, size: float) -> Array:
    """The k-th largest |t| of each row, k = ⌊size (1 + B)⌋; infinite where there is none."""
    known = np.isfinite(t)
    k = np.floor(size * (1 + known.sum(axis=1)) + TIE).astype(int)
    ranked = -np.sort(-np.where(known, t, -np.inf), axis=1)
    cut = ranked[np.arange(len(t)), np.clip(k - 1, 0, t.shape[1] - 1)]
    return np.where(k > 0, cut, np.inf)


def randomised(
    reference: Reference, delta: pd.DataFrame | None = None, homes: pd.Series | None = None
) -> dict[str, Randomised]:
    """Mean and slopes of every event, each with its distribution over the placebo days.

    Parameters
    ----------
    reference : Reference
    delta : DataFrame, optional
        Events × firms; NaN leaves a firm out of the slopes of an event. Without it there are no slopes.
    homes : Series, optional
        Home of each firm. Without it there are no home effects.

    Returns
    -------
    dict of str to Randomised
        "mean", the average of all firms; "slope" of the cumulative return on delta, least squares;
        "slope_home", the same within homes, to which a home of one firm adds nothing; "slope_gls", with
        home effects by generalised least squares (Aitken 1935) under the covariance of the day. A
        placebo day counts for an event if each of its firms has a return there.

    Notes
    -----
    With M = Ω⁻¹ − Ω⁻¹Z(Z'Ω⁻¹Z)⁻¹Z'Ω⁻¹ for nuisance regressors Z (a constant, or homes) and x = delta, the GLS
    slope is x'My / x'Mx and s² = (y'My − (x'My)² / x'Mx) / (n − rank Z − 1); for the mean, s² = y'My /
    (n − 1). Scaling delta scales estimates and errors alike.

    Examples
    --------
    >>> random, firms = np.random.default_rng(0), pd.Index(["Honda", "Mazda", "Subaru", "GM", "Ford"])
    >>> def drawn(labels):
    ...     shape = (len(labels), 5)
    ...     car, one = random.normal(0, 0.01, shape), np.broadcast_to(np.eye(5), (*shape, 5))
    ...     return Days(pd.Index(labels), labels, firms, car, np.full(shape, 0.01), one, 1)
    >>> others = drawn(pd.bdate_range("2024-01-01", periods=199))
    >>> reference = Reference(drawn(pd.DatetimeIndex(["2025-07-23"])), others)
    >>> delta = pd.DataFrame([[-0.02, -0.06, -0.04, 0, 0]], reference.events.labels, firms)
    >>> homes = pd.Series(["JP", "JP", "JP", "US", "US"], firms)
    >>> found = randomised(reference, delta, homes)
    >>> list(found), found["slope"].p.round(2).tolist()
    (['mean', 'slope', 'slope_home', 'slope_gls'], [0.8])
    """
    events, placebo = reference.events, reference.placebo
    present = np.isfinite(events.car)
    means = _blank(1, reference)
    for mask, rows in _alike(present):
        own, other = _taken(events, rows, mask), _taken(placebo, _ALL, mask)
        _fill(means, rows, [_mean(own, len(rows))], [_mean(other, len(rows))])
    found = {"mean": _wrapped(reference, means[0])}
    if delta is None:
        return found
    x = delta.reindex(index=events.labels, columns=events.firms).to_numpy(dtype=float)
    where = None if homes is None else homes.reindex(events.firms)
    if where is not None and where.isna().any():
        raise DataError(f"homes names no home for {where.index[where.isna()][0]}; add it")
    names = ["slope"] if where is None else ["slope", "slope_home", "slope_gls"]
    slopes = _blank(len(names), reference)
    for mask, rows in _alike(present & np.isfinite(x)):
        own, other = _taken(events, rows, mask), _taken(placebo, _ALL, mask)
        home = None if where is None else pd.factorize(where[mask])[0]
        moved = x[np.ix_(rows, mask)]
        _fill(slopes, rows, _slopes(own, moved, home), _slopes(other, moved, home))
    return found | {name: _wrapped(reference, part) for name, part in zip(names, slopes, strict=True)}


class Drawn(NamedTuple):
    """A number of several events, its error, its p-value and the interval of what is not rejected.

    `minimum` is what is found, whatever its sign, with a power of 80%.
    """

    estimate: float
    error: float
    found: Resampled
    interval: tuple[float, float]
    minimum: float


def pooled(
    reference: Reference,
    weights: pd.DataFrame,
    *,
    draws: int = 9_999,
    level: float = 0.95,
    seed: int = 0,
) -> Drawn:
    """One number of several events, ``Σ_e w_e'y_e``, against the same number of placebo days.

    Every event draws a placebo day of its own; events whose windows overlap draw the same one, which
    takes them for as dependent as they can be.

    Parameters
    ----------
    weights : DataFrame
        Events × firms, NaN for those that do not enter: of a pooled slope, delta less its event
        effects (and controls) over its sum of squares.
    draws : int
    level : float
        Of the interval.

    Returns
    -------
    Drawn
        The number, its error ``√(Σ_e s_e² w_e'Ω_e w_e)``, its p-value, the interval that goes with it, and
        what is found with a power of 80%.

    Raises
    ------
    DataError
        Events that the reference lacks, firms without a return there, or too few placebo days on which
        all of them have one.

    Examples
    --------
    >>> random, firms = np.random.default_rng(0), pd.Index(["Honda", "Mazda", "Subaru", "GM", "Ford"])
    >>> def drawn(labels):
    ...     shape = (len(labels), 5)
    ...     car, one = random.normal(0, 0.01, shape), np.broadcast_to(np.eye(5), (*shape, 5))
    ...     return Days(pd.Index(labels), labels, firms, car, np.full(shape, 0.01), one, 1)
    >>> both = pd.DatetimeIndex(["2025-07-23", "2025-09-05"])
    >>> reference = Reference(drawn(both), drawn(pd.bdate_range("2024-01-01", periods=199)))
    >>> delta = pd.DataFrame([[-0.03, 0.0, 0.03, 0, 0], [0, 0.02, -0.02, 0, 0]], both, firms)
    >>> both = pooled(reference, delta / (delta**2).to_numpy().sum(), draws=999)
    >>> 0 < both.found.p <= 1, both.interval[0] < both.estimate < both.interval[1]
    (True, True)
    """
    events, days = reference.events, reference.placebo
    at = events.labels.get_indexer(weights.index)
    w = weights.reindex(columns=events.firms).to_numpy(dtype=float)
    enters = np.isfinite(w)
    if (at < 0).any() or (unknown := weights.columns.difference(events.firms)).size:
        missing = weights.index[at < 0][0] if (at < 0).any() else unknown[0]
        raise DataError(f"the reference has no {missing}; make it of the study that the panel is of")
    if np.isnan(events.car[at][enters]).any():
        raise DataError("a firm with a weight has no return on the day of its event")
    value, error = np.empty((2, len(at)))
    drawn, drawn_error = np.empty((2, len(at), len(days.labels)))
    for row, event in enumerate(at):
        own = w[row, enters[row]]
        value[row : row + 1], error[row : row + 1] = _contrast(
            _taken(events, np.array([event]), enters[row]), own
        )
        drawn[row], drawn_error[row] = _contrast(_taken(days, _ALL, enters[row]), own)
    usable = np.flatnonzero(np.isfinite(drawn_error).all(axis=0))
    if len(usable) < FEWEST:
        raise DataError(f"{len(usable)} placebo days with a return of every firm; {FEWEST} are needed")
    group = np.unique(events.group[at], return_inverse=True)[1]
    places = np.random.default_rng(seed).integers(len(usable), size=(draws, group.max() + 1))
    chosen = usable[places[:, group]]
    every = np.arange(len(at))
    spread = np.sqrt((drawn_error[every, chosen] ** 2).sum(axis=1))
    t = drawn[every, chosen].sum(axis=1) / spread
    total, whole = float(value.sum()), float(np.sqrt((error**2).sum()))
    p = p_value(np.abs(t), abs(total / whole), exact=False)
    found = Resampled(p, draws, False, f"out of {len(usable)} days without events, one for each event")
    cut = float(_critical(np.abs(t)[None], 1 - level)[0])
    needed = np.concatenate([(cut - t) * spread, (cut + t) * spread])
    low, high = total - cut * whole, total + cut * whole
    return Drawn(total, whole, found, (low, high), float(np.quantile(needed, _POWER)))


@dataclass(frozen=True, eq=False)
class _Taken:
    """Some firms on some days: returns (D, n), covariances and their inverses (D, n, n)."""

    y: Array
    omega: Array
    inverse: Array


def _taken(days: Days, rows: Array | slice, mask: Array) -> _Taken:
    """NaN on the days on which a firm has no return."""
    y, se = days.car[rows][:, mask], days.se[rows][:, mask]
    whole = np.isfinite(y).all(axis=1)
    scale = np.where(whole[:, None], se, 1.0)
    omega = days.correlation[rows][:, mask][:, :, mask] * scale[:, :, None] * scale[:, None, :]
    return _Taken(np.where(whole[:, None], y, np.nan), omega, np.linalg.inv(omega))


def _alike(masks: Array) -> Iterator[tuple[Array, Array]]:
    """Events by the firms that they have."""
    patterns, code = np.unique(masks, axis=0, return_inverse=True)
    for number, mask in enumerate(patterns):
        if mask.any():
            yield mask, np.flatnonzero(code.ravel() == number)


def _blank(kinds: int, reference: Reference) -> list[list[Array]]:
    """For each kind: estimates and errors of the events, and of the events on placebo days."""
    events, days = len(reference.events.labels), len(reference.placebo.labels)
    shapes = ((events,), (events,), (events, days), (events, days))
    return [[np.full(shape, np.nan) for shape in shapes] for _ in range(kinds)]


def _fill(
    out: list[list[Array]],
    rows: Array,
    own: list[tuple[Array, Array]],
    other: list[tuple[Array, Array]],
) -> None:
    """Set some events: what each has on its own day, and on every placebo day."""
    for part, (value, error), (drawn, drawn_error) in zip(out, own, other, strict=True):
        part[0][rows], part[1][rows] = np.diagonal(value), np.diagonal(error)
        part[2][rows], part[3][rows] = drawn.T, drawn_error.T


def _wrapped(reference: Reference, part: list[Array]) -> Randomised:
    value, error, drawn, drawn_error = part
    labels = reference.events.labels
    return Randomised(pd.Series(value, labels), pd.Series(error, labels), drawn, drawn_error)


def _cleared(days: _Taken, z: Array) -> Array:
    """Ω⁻¹ less what regressors z (n, k) explain, (D, n, n)."""
    pz = days.inverse @ z
    return np.asarray(days.inverse - pz @ np.linalg.solve(z.T @ pz, np.swapaxes(pz, 1, 2)))


def _square(y: Array, matrix: Array) -> Array:
    return np.asarray(np.einsum("dn,dnm,dm->d", y, matrix, y))


def _scaled(days: _Taken, w: Array, s2: Array) -> tuple[Array, Array]:
    """Estimates (D, E) with weights (E, n), and their errors."""
    spread = np.einsum("en,dnm,em->de", w, days.omega, w, optimize=True)
    return days.y @ w.T, np.sqrt(s2 * spread)


def _mean(days: _Taken, events: int) -> tuple[Array, Array]:
    n = days.y.shape[1]
    one = np.ones((n, 1))
    s2 = _square(days.y, _cleared(days, one)) / (n - 1) if n > 1 else np.ones(len(days.y))
    return _scaled(days, np.repeat(one.T / n, events, axis=0), s2[:, None])


def _contrast(days: _Taken, w: Array) -> tuple[Array, Array]:
    """A weighted sum, with the day's own spread about mean and contrast."""
    n, one = len(w), np.ones((len(w), 1))
    if np.ptp(w) <= _FLAT * np.abs(w).max():  # a mean leaves nothing but itself to clear
        rss, left = _square(days.y, _cleared(days, one)), n - 1
    else:
        rss, left = _gls(days, one, w[None])[2][:, 0], n - 2
    value, error = _scaled(days, w[None], (rss / left if left > 0 else np.ones(len(days.y)))[:, None])
    return value[:, 0], error[:, 0]


def _gls(days: _Taken, z: Array, x: Array) -> tuple[Array, Array, Array]:
    """Slopes x'My / x'Mx, the x'Mx and the residual sums of squares, (D, E)."""
    matrix = _cleared(days, z)
    mx = np.einsum("dnm,em->den", matrix, x, optimize=True)
    xx = np.einsum("en,den->de", x, mx)
    xy = np.einsum("den,dn->de", mx, days.y)
    slope = xy / xx
    return slope, xx, _square(days.y, matrix)[:, None] - slope * xy


def _slopes(days: _Taken, x: Array, home: Array | None) -> list[tuple[Array, Array]]:
    """Slopes on the rows of x (E, n): least squares, within homes, and by GLS within homes."""
    plain = _least_squares(days, np.ones((x.shape[1], 1)), x)
    if home is None:
        return [plain[:2]]
    own = _least_squares(days, indicator(home), x)
    return [plain[:2], own[:2], own[2:]]


def _least_squares(days: _Taken, z: Array, x: Array) -> tuple[Array, Array, Array, Array]:
    """Slopes by least squares and by GLS, with their errors; NaN where z explains x."""
    left = x - x @ z @ np.linalg.solve(z.T @ z, z.T)
    size = (left**2).sum(axis=1)
    free = x.shape[1] - z.shape[1] - 1
    known = (size > _FLAT * np.maximum((x**2).sum(axis=1), np.finfo(float).tiny)) & (free > 0)
    left, size = np.where(known[:, None], left, np.nan), np.where(known, size, np.nan)
    slope, xx, rss = _gls(days, z, left)
    s2 = rss / max(free, 1)
    value, error = _scaled(days, left / size[:, None], s2)
    return value, error, slope, np.sqrt(s2 / xx)
