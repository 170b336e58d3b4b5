"""What would a share have earned without the event?

A normal return is estimated for each firm-event over the days before it, in blocks of firm-events,
and carried into the event window; the difference is the abnormal return.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import special, stats

from tariffmodel.errors import DataError
from tariffmodel.stats import garch

Array = np.ndarray
Window = tuple[int, int]

MODELS = ("mean", "market_adjusted", "market", "factors", "rolling", "dcc")
METHODS = ("ols", "scholes-williams", "dimson", "fowler-rorke", "garch")
_SINGULAR = 1e-10  # smallest eigenvalue of the scaled regressors' second moments
_ROWS = 1024  # firm-events estimated at a time
_OPTIONAL = ("noise", "slopes")
_LAGS = 5  # of the Ljung-Box and ARCH-LM diagnostics

__all__ = [
    "METHODS",
    "MODELS",
    "Array",
    "Estimates",
    "Setup",
    "Window",
    "day_mean",
    "diagnostics",
    "estimate",
    "positive_share",
]


class Setup(NamedTuple):
    """Model, method, leads and lags of the Dimson betas, and the two windows."""

    model: str
    method: str
    lags: int
    estimation: Window
    window: Window


@dataclass(frozen=True, eq=False)
class Estimates:
    """Arrays of the estimation, one row per firm-event (T days of estimation, W of event window).

    >>> whole, each = np.zeros((2, 3)), np.array([1.0, 4.0])
    >>> found = Estimates(whole, whole, whole, whole[..., None], each, each, each, each, whole, whole, each)
    >>> found.take(np.array([1])).rss.tolist()
    [4.0]
    """

    ar: Array  #: (n, W) abnormal returns
    expected: Array  #: (n, W) normal returns
    residuals: Array  #: (n, T) abnormal returns of the estimation window
    whitened: Array  #: (n, W, K) rows a_t with a_s'a_t = x_s'(X'X)⁻¹x_t, the prediction error over σ²
    rss: Array  #: (n,) sum of squared residuals
    tss: Array  #: (n,) sum of squared returns about their mean
    observations: Array  #: (n,) days of estimation used
    parameters: Array  #: (n,) coefficients estimated, k
    coefficients: Array  #: (n, p) intercept and slopes; NaN where the firm's model has no such term
    errors: Array  #: (n, p) their standard errors
    gap_t: Array  #: (n,) t of the sum of abnormal returns between the two windows; NaN without a gap
    noise: Array | None = None  #: (n, W, W) covariance of the days' own noise over σ²; None: the identity
    slopes: Array | None = None  #: (n, W, p) `coefficients` of each day of the event window, where they move

    def take(self, rows: Array) -> Estimates:
        """The same arrays for some rows."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return Estimates(**{name: value[rows] for name, value in found.items() if value is not None})


class Block(NamedTuple):
    """Firm-events that are fitted at once, of the same factors."""

    returns: Array  #: (c, days), with `reach` days more at each end than the two windows and their gap
    x: Array  #: (days, k) shared by all, or (c, days, k)
    reach: int
    rows: pd.DataFrame  #: of all firm-events
    at: Array  #: (c,) places of these in `rows`
    factors: tuple[object, ...]  #: names of the columns of `x`

    def inner(self) -> tuple[Array, Array]:
        """Returns (c, D) and factors (c, D, k), from the first day of estimation to the last of the event.

        >>> block = Block(np.arange(5.0)[None], np.zeros((5, 0)), 1, pd.DataFrame(), np.arange(1), ())
        >>> block.inner()[0].tolist(), block.inner()[1].shape
        ([[1.0, 2.0, 3.0]], (1, 3, 0))
        """
        days = slice(self.reach, self.returns.shape[1] - self.reach)
        r, x = self.returns[:, days], self.x[..., days, :]
        return r, np.broadcast_to(x, (*r.shape, x.shape[-1]))


Fitting = Callable[[Block, Setup], dict[str, Array]]


def estimate(
    returns: Array,
    regressors: Mapping[object, pd.DataFrame],
    rows: pd.DataFrame,
    sessions: Mapping[str, Array],
    setup: Setup,
    excluded: Array | None = None,
    fit: Fitting | None = None,
) -> tuple[tuple[str, ...], Estimates]:
    """Fit every firm-event, in blocks that share regressors where they can.

    Parameters
    ----------
    returns : (days, firms)
        Fractions; NaN is a missing day, which drops out.
    regressors : mapping
        Factors by day: one frame under None for all firms, or one for each firm.
    rows : DataFrame
        One row per firm-event: `firm`, `column` of returns, `exchange`, `position` of day 0 among its
        sessions.
    sessions : mapping
        Exchange → rows of returns that are its sessions.
    excluded : (days, firms) of bool, optional
        Days that are missing in estimation windows, and there only.
    fit : callable, optional
        What fits a block of firm-events. Default: `fit_block`.

    Returns
    -------
    Names of the coefficients, and the estimates; what `unusable` names must not be used.

    Raises
    ------
    DataError
        If a firm has no regressors.

    Examples
    --------
    >>> rows = pd.DataFrame({"firm": ["F"], "column": [0], "exchange": ["NYSE"], "position": [12]})
    >>> market = np.array([0.01, -0.01, 0.02, -0.02, 0.0, 0.01, -0.01, 0.02, -0.02, 0.0, 0.01, -0.01, 0.01])
    >>> noise = 0.001 * np.array([1, -1, 1, 1, -1, -1, 1, -1, 0, 1, -1, 1, 0])
    >>> setup = Setup("market", "ols", 1, (-12, -1), (0, 0))
    >>> terms, found = estimate(
    ...     (1.2 * market + noise)[:, None], {None: pd.DataFrame({"market": market})}, rows,
    ...     {"NYSE": np.arange(13)}, setup,
    ... )
    >>> dict(zip(terms, found.coefficients[0].round(2).tolist())), found.ar.round(4)
    ({'alpha': 0.0, 'market': 1.18}, array([[0.0001]]))
    """
    names = list(dict.fromkeys(name for frame in regressors.values() for name in frame.columns))
    adjusted = setup.model == "market_adjusted"
    terms = ("mean",) if adjusted else ("alpha", *map(str, names))
    out, out_of = _empty(len(rows), len(terms), setup), {field.name for field in fields(Estimates)}
    reach = setup.lags if setup.method in ("dimson", "fowler-rorke") else 1
    first, last = setup.estimation[0] - reach, setup.window[1] + reach
    span, edge = last - first + 1, max(-first, last, 0) + 1
    starts, columns = rows["position"].to_numpy() + first + edge, rows["column"].to_numpy()
    owners = rows["firm"].to_numpy()
    for label, places in rows.groupby("exchange").indices.items():
        here, days = np.asarray(places), sessions[str(label)]
        moves = _windows(returns[days].T, span, edge)  # firm × start × day
        barred = None if excluded is None else _windows(excluded[days].T, span, edge)
        for factors, members in _alike(regressors, owners[here]).items():
            table = np.stack([regressors[firm].to_numpy(dtype=float)[days] for firm in members])
            x = _windows(table.transpose(0, 2, 1), span, edge)  # member × factor × start × day
            shared = members == [None]
            block, owner = here, np.zeros(len(here), dtype=int)
            if not shared:
                place = pd.Index(members).get_indexer(pd.Index(owners[here]))
                block, owner = here[place >= 0], place[place >= 0]
            slots = [0] if adjusted else [0, *(1 + names.index(name) for name in factors)]
            for part in _parts(starts[block], shared):
                at = block[part]
                design = (
                    x[0, :, starts[at[0]]].T if shared else x[owner[part], :, starts[at]].transpose(0, 2, 1)
                )
                block_moves = moves[columns[at], starts[at]]
                if barred is not None:
                    estimated = slice(reach, reach + out.residuals.shape[1])
                    gone = barred[columns[at], starts[at], estimated] > 0
                    block_moves[:, estimated][gone] = np.nan
                alike = Block(block_moves, design, reach, rows, at, tuple(factors))
                for name, found in (fit or fit_block)(alike, setup).items():
                    if name not in out_of:
                        continue
                    if name in _OPTIONAL and getattr(out, name) is None:
                        deep = len(terms) if name == "slopes" else found.shape[2]
                        out = replace(out, **{name: np.full((len(rows), found.shape[1], deep), np.nan)})
                    target = getattr(out, name)
                    if name in ("coefficients", "errors"):
                        target[at[:, None], slots] = found
                    elif name == "slopes":
                        target[at[:, None], :, slots] = found.transpose(0, 2, 1)
                    elif name == "whitened":
                        target[at, :, : found.shape[-1]] = found
                    else:
                        target[at] = found
    return terms, out


def _empty(n: int, terms: int, setup: Setup) -> Estimates:
    days, width = (last - first + 1 for first, last in (setup.estimation, setup.window))
    one = {field.name: np.empty(n) for field in fields(Estimates) if field.name not in _OPTIONAL}
    return Estimates(
        **one
        | {name: np.empty((n, width)) for name in ("ar", "expected")}
        | {name: np.full((n, terms), np.nan) for name in ("coefficients", "errors")}
        | {"residuals": np.empty((n, days)), "whitened": np.zeros((n, width, terms))}
    )


def _alike(regressors: Mapping[object, pd.DataFrame], firms: Array) -> dict[tuple[str, ...], list[object]]:
    """Firms by the names of their factors; [None] where all firms share one frame."""
    groups: dict[tuple[str, ...], list[object]] = {}
    for firm in [None] if None in regressors else dict.fromkeys(firms):
        if firm not in regressors:
            raise DataError(f"market= or factors= has nothing for {firm!r}; add it, or leave its events out")
        groups.setdefault(tuple(regressors[firm].columns), []).append(firm)
    return groups


def _windows(series: Array, span: int, edge: int) -> Array:
    """All windows of `span` days over the last axis, with `edge` days of NaN at both ends: a view."""
    beyond = np.full((*series.shape[:-1], edge), np.nan)
    padded = np.concatenate([beyond, np.ascontiguousarray(series), beyond], axis=-1)
    return np.lib.stride_tricks.sliding_window_view(padded, span, axis=-1)


def _parts(starts: Array, shared: bool) -> list[Array]:
    """Blocks of firm-events; those with shared regressors have one day 0 each."""
    order = np.argsort(starts, kind="stable")
    edges = np.flatnonzero(np.diff(starts[order])) + 1 if shared else np.zeros(0, dtype=int)
    return [
        part[start : start + _ROWS] for part in np.split(order, edges) for start in range(0, len(part), _ROWS)
    ]


def _dot(left: Array, right: Array) -> Array:
    """(c, d) with (d, k) or (c, d, k): (c, k)."""
    return np.asarray(left @ right if right.ndim == 2 else np.einsum("cd,cdk->ck", left, right))


def _along(design: Array, coefficients: Array) -> Array:
    """Regressors (d, k) or (c, d, k) times coefficients (c, k): (c, d)."""
    flat = design.ndim == 2
    return np.asarray(coefficients @ design.T if flat else np.einsum("cdk,ck->cd", design, coefficients))


def fit_block(block: Block, setup: Setup, *, turned: bool = False) -> dict[str, Array]:
    """Normal and abnormal returns of a block: arrays under the names of `Estimates`, and `here`.

    The regressors are centred and scaled on the estimation window before the normal equations are
    solved by Cholesky factors: slopes, residuals and prediction errors do not depend on it, rounding
    does.

    Returns
    -------
    dict
        Beside the estimates: `here` (c, D), which days count; with `turned` also `design` (c, D, k), the
        regressors turned so that those of the estimation window are orthonormal, and `turn` (c, k, k), which
        turns their coefficients into those of the regressors.

    Examples
    --------
    >>> returns = np.array([[0.0, 0.01, -0.01, 0.03, -0.03, 0.05, 0.0]])  # a day more at each end
    >>> block = Block(returns, np.zeros((7, 0)), 1, pd.DataFrame(), np.arange(1), ())
    >>> found = fit_block(block, Setup("mean", "ols", 1, (-4, -1), (0, 0)))
    >>> found["ar"].tolist(), found["here"].shape
    ([[0.05]], (1, 5))
    """
    returns, x, reach = block.returns, block.x, block.reach
    inner = slice(reach, returns.shape[1] - reach)
    at, gap, tested = spans(setup)
    r, factors = returns[:, inner], x[..., inner, :]
    adjusted = setup.model == "market_adjusted"
    if adjusted:
        r, factors = r - factors[..., 0], factors[..., :0]
    center, scale = _moments(factors[..., at, :])
    here = np.isfinite(r) & np.isfinite(factors).all(axis=-1)
    ones = np.ones((*factors.shape[:-1], 1))
    design = np.concatenate([ones, np.nan_to_num((factors - center) / scale)], axis=-1)
    y, used = np.where(here, r, 0.0)[:, at], here[:, at].astype(float)
    n, k = used.sum(axis=1), design.shape[-1]
    scaled, root, safe = _normal_equations(y, used, design[..., at, :])
    back = _unscale(center, scale, len(r))
    variance = None
    if setup.method == "garch":
        scaled, variance = _garch(np.where(here, r, np.nan), design, at, tested, safe, scaled)
    elif setup.method != "ols":
        slope = _thin_trading_beta(returns, x, setup, reach) / back[:, 1, 1]
        mean = _dot(used, design[..., at, 1:])[:, 0] / np.maximum(n, 1)
        scaled = np.column_stack([y.sum(axis=1) / np.maximum(n, 1) - slope * mean, slope])

    ar = np.where(here & safe[:, None], r - _along(design, scaled), np.nan)
    rss = np.where(safe, np.nansum(ar[:, at] ** 2, axis=1), np.nan)
    if variance is not None:
        rss = variance * (n - k)
    sigma2 = rss / np.maximum(n - k, 1)
    errors = np.sqrt(sigma2[:, None] * (np.einsum("cij,ckj->cik", back, root) ** 2).sum(axis=2))
    whitened = design[..., gap.start :, :] @ root.transpose(0, 2, 1)
    if adjusted:  # nothing but the variance is estimated, about the mean
        ar, whitened = ar + scaled[:, :1], np.zeros_like(whitened)
    width = gap.stop - gap.start
    more = {}
    if turned:
        more = {"design": design @ root.transpose(0, 2, 1), "turn": back @ root.transpose(0, 2, 1)}
    return more | {
        "ar": ar[:, tested],
        "expected": returns[:, inner][:, tested] - ar[:, tested],
        "residuals": ar[:, at],
        "whitened": whitened[:, width:],
        "rss": rss,
        "tss": (used * (y - (y.sum(axis=1) / np.maximum(n, 1))[:, None]) ** 2).sum(axis=1),
        "observations": n,
        "parameters": np.full(len(r), float(k)),
        "coefficients": np.einsum("cij,cj->ci", back, scaled),
        "errors": errors,
        "gap_t": _sum_t(ar[:, gap], whitened[:, :width], sigma2),
        "here": here & safe[:, None],
    }


def spans(setup: Setup) -> tuple[slice, slice, slice]:
    """Columns of the estimation window, of the gap and of the event window.

    >>> spans(Setup("market", "ols", 1, (-250, -11), (-1, 1)))
    (slice(0, 240, None), slice(240, 249, None), slice(249, 252, None))
    """
    start, end = setup.estimation
    days, before = end - start + 1, setup.window[0] - start
    return slice(0, days), slice(days, before), slice(before, setup.window[1] - start + 1)


def _normal_equations(y: Array, used: Array, x: Array) -> tuple[Array, Array, Array]:
    """Coefficients (c, k), root with root'root = (X'X)⁻¹, and where the regressors allow for it."""
    n, k = used.sum(axis=1), x.shape[-1]
    pairs = (x[..., :, None] * x[..., None, :]).reshape(*x.shape[:-1], k * k)
    gram = _dot(used, pairs).reshape(-1, k, k)
    least = np.linalg.eigvalsh(gram / np.maximum(n, 1)[:, None, None])[:, 0]
    safe = (n > k) & (least > _SINGULAR)
    gram[~safe] = np.eye(k)
    root = np.linalg.inv(np.linalg.cholesky(gram))
    return np.einsum("cij,cik,ck->cj", root, root, _dot(y, x)), root, safe


def _unscale(center: Array, scale: Array, count: int) -> Array:
    """Matrices (c, k, k) that turn coefficients of scaled regressors into those of the regressors."""
    center, scale = (np.broadcast_to(part[..., 0, :], (count, part.shape[-1])) for part in (center, scale))
    back = np.zeros((count, center.shape[1] + 1, center.shape[1] + 1))
    back[:, 0, 0] = 1.0
    slopes = np.arange(1, back.shape[1])
    back[:, 0, 1:] = -center / scale
    back[:, slopes, slopes] = 1 / scale
    return back


def _sum_t(ar: Array, whitened: Array, sigma2: Array) -> Array:
    """Return the t of the sum of abnormal returns over all columns, (c,)."""
    here = np.isfinite(ar)
    spread = here.sum(axis=1) + (np.einsum("cd,cdk->ck", here.astype(float), whitened) ** 2).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.nansum(ar, axis=1) / np.sqrt(sigma2 * spread))


def _moments(x: Array) -> tuple[Array, Array]:
    """Mean and standard deviation over days, for scaling; 0 and 1 where there is nothing to scale by."""
    seen = np.isfinite(x)
    count = np.maximum(seen.sum(axis=-2, keepdims=True), 1)
    center = np.where(seen, x, 0).sum(axis=-2, keepdims=True) / count
    scale = np.sqrt(np.where(seen, (x - center) ** 2, 0).sum(axis=-2, keepdims=True) / count)
    flat = scale <= 1e-12 * np.abs(center)  # rounding of a constant is no variation
    return center, np.where(flat | (scale == 0), np.inf, scale)


def _thin_trading_beta(returns: Array, x: Array, setup: Setup, reach: int) -> Array:
    """Market beta that allows for prices that are not of the same hour, (c,).

    Scholes and Williams (1977): (β₋₁ + β₀ + β₊₁)/(1 + 2ρ), each a simple slope, ρ the market's first
    autocorrelation. Dimson (1979): the sum of the slopes of one regression on J leads and lags; Fowler
    and Rorke (1983) weigh the slopes of lead and lag j by (D − ρ_{J−j+1} − … − ρ_J)/D with D = 1 + 2Σρ,
    which for J = 1 is (1 + ρ₁)/(1 + 2ρ₁).
    """
    days = setup.estimation[1] - setup.estimation[0] + 1
    x = x[..., 0]
    shifts = range(-reach, reach + 1)
    m = np.stack([x[..., reach + s : reach + s + days] for s in shifts], axis=-1)
    m = np.broadcast_to(m, (len(returns), *m.shape[-2:]))
    r = returns[:, reach : reach + days]
    if setup.method == "scholes-williams":
        slopes = sum(_slope(r, m[..., place]) for place in range(3))
        return slopes / (1 + 2 * _correlation(m[..., 1], m[..., 0]))
    here = np.isfinite(r) & np.isfinite(m).all(axis=-1)
    count = np.maximum(here.sum(axis=1), 1)[:, None]
    r, m = np.where(here, r, 0), np.where(here[..., None], m, 0)
    r, m = (
        r - here * (r.sum(axis=1) / count[:, 0])[:, None],
        m - here[..., None] * (m.sum(axis=1) / count)[:, None],
    )
    slopes = np.einsum(
        "cij,cj->ci", np.linalg.pinv(np.einsum("cdi,cdj->cij", m, m)), np.einsum("cdi,cd->ci", m, r)
    )
    if setup.method == "dimson":
        return np.asarray(slopes.sum(axis=1))
    rho = np.stack([_correlation(m[..., reach], m[..., reach - j]) for j in range(1, reach + 1)], axis=1)
    total = 1 + 2 * rho.sum(axis=1)
    beta: Array = slopes[:, reach].copy()
    for j in range(1, reach + 1):
        weight = (total - rho[:, reach - j :].sum(axis=1)) / total
        beta += weight * (slopes[:, reach - j] + slopes[:, reach + j])
    return beta


def _slope(y: Array, x: Array) -> Array:
    here = np.isfinite(y) & np.isfinite(x)
    count = np.maximum(here.sum(axis=1), 1)
    x, y = np.where(here, x, 0), np.where(here, y, 0)
    covariance = (x * y).sum(axis=1) - x.sum(axis=1) * y.sum(axis=1) / count
    variance = (x**2).sum(axis=1) - x.sum(axis=1) ** 2 / count
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(covariance / variance)


def _correlation(y: Array, x: Array) -> Array:
    slope = _slope(y, x)
    return np.asarray(np.sign(slope) * np.sqrt(np.maximum(slope * _slope(x, y), 0)))


def _garch(
    r: Array, design: Array, at: slice, tested: slice, safe: Array, start: Array
) -> tuple[Array, Array]:
    """Coefficients and the mean variance forecast for the event window, one firm-event at a time."""
    coefficients, variance = start.copy(), np.full(len(r), np.nan)
    for row in np.flatnonzero(safe):
        x = design[at] if design.ndim == 2 else design[row, at]
        here = np.isfinite(r[row, at])
        y = r[row, at][here]
        unit = y.std() or 1.0
        found = garch.fit(y / unit, x[here])
        coefficients[row] = found.coefficients * unit
        variance[row] = found.ahead(tested.stop - at.stop)[tested.start - at.stop :].mean() * unit**2
    return coefficients, variance


def unusable(estimates: Estimates, needed: int, known: Array) -> Array:
    """Why a firm-event cannot be used, None where it can.

    >>> whole, each = np.ones((2, 3)), np.ones(2)
    >>> spent = (each, each, 20 * each, each)  # rss, tss, observations, parameters
    >>> found = Estimates(whole, whole, whole, whole[..., None], *spent, whole, whole, each)
    >>> unusable(found, needed=10, known=np.array([True, False])).tolist()
    [None, 'no returns at all']
    """
    n, k = estimates.observations, estimates.parameters
    reason = np.full(len(n), None, dtype=object)
    tiny = 1e-24 * np.maximum(n, 1)
    reason[~np.isfinite(estimates.ar).any(axis=1)] = "no return in the event window"
    reason[~np.isfinite(estimates.rss)] = "market or factors constant or collinear in the estimation window"
    flat = (estimates.tss <= tiny) | (estimates.rss <= tiny)
    reason[flat] = "returns constant, or exactly explained, in the estimation window"
    reason[n < np.maximum(needed, k + 3)] = (
        f"fewer than {needed} days with return, market and factors in the estimation window"
    )
    reason[~known] = "no returns at all"
    return reason


def residual_sd(of: Estimates) -> Array:
    """Standard deviation of the residuals, divisor T − k, (n,).

    >>> whole, each = np.ones((2, 3)), np.ones(2)
    >>> spent = (18 * each, each, 20 * each, 2 * each)  # rss, tss, observations, parameters
    >>> found = Estimates(whole, whole, whole, whole[..., None], *spent, whole, whole, each)
    >>> residual_sd(found).tolist()
    [1.0, 1.0]
    """
    return np.asarray(np.sqrt(of.rss / (of.observations - of.parameters)))


def own_noise(of: Estimates) -> Array:
    """Variance of each day's own noise over σ², (n, W): 1 unless the model has it move.

    >>> whole, each = np.ones((1, 2)), np.ones(1)
    >>> found = Estimates(whole, whole, whole, whole[..., None], each, each, each, each, whole, whole, each)
    >>> own_noise(found).tolist(), own_noise(replace(found, noise=np.diag([1.0, 4.0])[None])).tolist()
    ([[1.0, 1.0]], [[1.0, 4.0]])
    """
    return np.ones(of.ar.shape) if of.noise is None else np.asarray(np.einsum("nww->nw", of.noise))


def leverage(of: Estimates) -> Array:
    """x_t'(X'X)⁻¹x_t of each day of the event window: the prediction error over σ².

    >>> whole, each = np.ones((1, 2)), np.ones(1)
    >>> whitened = np.array([[[0.1, 0.2], [0.0, 0.3]]])
    >>> found = Estimates(whole, whole, whole, whitened, each, each, each, each, whole, whole, each)
    >>> leverage(found).round(2).tolist()
    [[0.05, 0.09]]
    """
    return np.asarray((of.whitened**2).sum(axis=2))


def day_mean(values: Array) -> Array:
    """Mean over the rows present on each day.

    >>> day_mean(np.array([[0.01, np.nan], [0.03, 0.02]]))
    array([0.02, 0.02])
    """
    here = np.isfinite(values)
    if len(values) and here.all():  # the same, without a copy
        return np.asarray(values.mean(axis=0))
    count = here.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count > 0, np.where(here, values, 0).sum(axis=0) / count, np.nan)


def positive_share(residuals: Array) -> Array:
    """Share of positive residuals of each firm-event.

    >>> positive_share(np.array([[0.01, -0.02, 0.03], [0.01, np.nan, -0.01]]))
    array([0.66666667, 0.5       ])
    """
    return np.asarray((residuals > 0).sum(axis=1) / np.isfinite(residuals).sum(axis=1))


def diagnostics(residuals: Array) -> dict[str, Array]:
    """p-values of normality, autocorrelation, ARCH and stability, each (n,).

    >>> tests = diagnostics(np.random.default_rng(0).normal(size=(1, 250)))
    >>> {name: round(float(p[0]), 2) for name, p in tests.items()}
    {'jarque_bera_p': 0.95, 'ljung_box_p': 0.95, 'arch_lm_p': 0.55, 'cusum_p': 0.59}
    """
    here = np.isfinite(residuals)
    n = here.sum(axis=1)
    mean = np.where(here, residuals, 0).sum(axis=1) / n
    e = np.where(here, residuals - mean[:, None], 0.0)
    moment = [(e**power).sum(axis=1) / n for power in (2, 3, 4)]
    skew, kurtosis = moment[1] / moment[0] ** 1.5, moment[2] / moment[0] ** 2
    jarque_bera = n / 6 * (skew**2 + (kurtosis - 3) ** 2 / 4)
    # missing days close up: lags count the days present
    e = np.take_along_axis(e, np.argsort(~here, axis=1, kind="stable"), axis=1)
    there = np.arange(e.shape[1]) < n[:, None]
    box = sum(
        ((e[:, lag:] * e[:, :-lag]).sum(axis=1) / (e**2).sum(axis=1)) ** 2 / (n - lag)
        for lag in range(1, _LAGS + 1)
    )
    square = e**2
    x = np.stack(
        [np.ones_like(square[:, _LAGS:])] + [square[:, _LAGS - lag : -lag] for lag in range(1, _LAGS + 1)],
        axis=-1,
    )
    x[..., 1:] /= moment[0][:, None, None]  # of order one
    seen = there[:, _LAGS:]
    y, x = np.where(seen, square[:, _LAGS:] / moment[0][:, None], 0), x * seen[..., None]
    slopes = np.einsum(
        "cij,cj->ci", np.linalg.pinv(np.einsum("cdi,cdj->cij", x, x)), np.einsum("cdi,cd->ci", x, y)
    )
    count = seen.sum(axis=1)
    rest = ((y - np.einsum("cdk,ck->cd", x, slopes)) ** 2).sum(axis=1)
    total = (y**2).sum(axis=1) - y.sum(axis=1) ** 2 / count
    swing = np.abs(np.cumsum(e, axis=1)).max(axis=1) / np.sqrt(n * moment[0])
    return {
        "jarque_bera_p": stats.chi2.sf(jarque_bera, 2),
        "ljung_box_p": stats.chi2.sf(n * (n + 2) * box, _LAGS),
        "arch_lm_p": stats.chi2.sf(count * (1 - rest / total), _LAGS),
        "cusum_p": special.kolmogorov(swing),
    }
