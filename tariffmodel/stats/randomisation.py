"""How rare is a slope when shares are shuffled within groups, or their residuals change sign?

The slope of y on x, both what an orthonormal `basis` of the other regressors leaves of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
from scipy import optimize

from tariffmodel.stats.resampling import TIE, Resampled, orders, p_value
from tariffmodel.stats.resampling import weights as drawn_weights

Weights = Literal["webb", "rademacher"]

WEBB = tuple(sign * math.sqrt(step / 2) for sign in (-1, 1) for step in (1, 2, 3))
FEW_CLUSTERS = 12  # up to here two-point weights give too few distinct draws

_RANK = 1e-10  # of the largest singular value, below which a direction is rounding

__all__ = ["FEW_CLUSTERS", "WEBB", "Weights", "indicator", "permuted_within", "residual", "wild_bootstrap"]


def permuted_within(
    x: np.ndarray,
    y: np.ndarray,
    group: np.ndarray,
    others: np.ndarray,
    draws: int,
    random: np.random.Generator,
    scheme: str,
) -> tuple[float, Resampled | None]:
    """Slope of `y` on `x` with an effect for each group, and its p-value over orders within groups.

    The statistic is the squared partial correlation; with other regressors the residuals of the model
    without `x` are reordered (Freedman and Lane 1983). Both are empty where groups and others explain `x`.

    Parameters
    ----------
    x, y : (n,)
    group : (n,)
        Codes.
    others : (n, k)
    draws : int
        All orders within groups when these are not more, else so many random ones.

    Examples
    --------
    >>> x, y, one = np.array([-2.0, -1, 1, 2]), np.array([1.5, 1, -1, -1.5]), np.zeros(4, dtype=int)
    >>> slope, found = permuted_within(x, y, one, np.empty((4, 0)), 99, np.random.default_rng(0), "rows")
    >>> slope, str(found)
    (-0.8, 'p 0.0833 (± 0.0000; 24 draws, all: rows)')
    """
    design = np.column_stack([indicator(group), others])
    left, size, _ = np.linalg.svd(design, full_matrices=False)
    basis = left[:, size > size[0] * _RANK]
    tilted, moved = residual(basis, x), residual(basis, y)
    if np.abs(tilted).max() <= TIE * np.abs(x).max() or np.abs(moved).max() <= TIE * np.abs(y).max():
        return math.nan, None
    rows, exact = orders(group, draws, random)
    drawn = residual(basis, moved[rows])
    spread = (drawn**2).sum(axis=1)
    statistic = np.divide((drawn @ tilted) ** 2, spread, out=np.zeros(len(drawn)), where=spread > 0)
    p = p_value(statistic, (moved @ tilted) ** 2 / (moved @ moved), exact=exact)
    return float(tilted @ moved / (tilted @ tilted)), Resampled(p, len(rows), exact, scheme)


def wild_bootstrap(
    x: np.ndarray,
    car: np.ndarray,
    basis: np.ndarray,
    sides: dict[str, np.ndarray],
    weights: Weights | None,
    draws: int,
    level: float,
    rng: np.random.Generator,
) -> tuple[Resampled, tuple[float, float]]:
    """WCR bootstrap of the slope of `car` on `x`, both residuals of what `basis` spans.

    `sides` are the codes of the one or two dimensions of clustering.

    >>> x, y = np.array([-2.0, -1, 1, 2, 1, -1]), np.array([1.5, 1.2, -1, -1.9, 0.1, 0.1])
    >>> by = {"event": np.array([0, 0, 1, 1, 2, 2])}
    >>> one, random = np.full((6, 1), 6**-0.5), np.random.default_rng(0)
    >>> found, interval = wild_bootstrap(x, y, one, by, None, draws=999, level=0.95, rng=random)
    >>> round(found.p, 3), found.draws, found.exact
    (0.296, 216, True)
    """
    by = min(sides, key=lambda side: sides[side].max())
    drawn_by = indicator(sides[by])
    groups = drawn_by.shape[1]
    weights = weights or ("webb" if groups <= FEW_CLUSTERS else "rademacher")
    points = WEBB if weights == "webb" else (-1.0, 1.0)
    drawn, exact = drawn_weights(points, groups, draws, rng)
    members = [indicator(code) for code in sides.values()]
    factors = [member.shape[1] / (member.shape[1] - 1) for member in members]
    if len(sides) == 2:  # less the intersection: every row is its own event and maker
        members.append(np.eye(len(x)))
        factors.append(-len(x) / (len(x) - 1))
    size = x @ x
    slope = x @ car / size
    scores = [(x * (car - slope * x)) @ member for member in members]
    variance = sum(factor * score @ score for factor, score in zip(factors, scores, strict=True)) / size**2

    def at(null: float) -> float:
        own = ((car - null * x)[:, None] * drawn_by).T  # residuals under the null, one row a cluster
        shift = drawn @ (own @ x) / size
        moved = residual(basis, own) * x
        spread = np.zeros(len(drawn))
        for factor, member in zip(factors, members, strict=True):
            score = drawn @ (moved @ member) - shift[:, None] * (x**2 @ member)
            spread += factor * (score**2).sum(axis=1)
        statistic = np.full(len(drawn), math.inf)
        np.divide(shift**2 * size**2, spread, out=statistic, where=spread > 0)
        return p_value(statistic, (slope - null) ** 2 / variance, exact=exact)

    scheme = f"wild cluster bootstrap by {by}, {weights} weights, null imposed"
    low, high = (_edge(at, slope, sign * math.sqrt(variance), 1 - level) for sign in (-1, 1))
    return Resampled(at(0.0), len(drawn), exact, scheme), (low, high)


def _edge(at: Callable[[float], float], centre: float, step: float, size: float) -> float:
    """Where the p-value of a null falls below `size`, going from `centre` by `step`.

    A bootstrap p-value need not fall monotonically: the first crossing is taken, looked for at every quarter
    of a step and later at reaches that grow by a quarter. Zero is on the side that its own p-value says.
    """
    zero = -centre / step

    def over(reach: float) -> float:
        return at(0.0 if reach == zero else centre + reach * step) - size

    inside = zero if zero > 0 and over(zero) >= 0 else 0.0
    last = zero if zero > inside else math.inf  # rejected itself: the edge lies before it
    reach = min(inside + 0.25, last)
    while over(reach) >= 0:
        inside, reach = reach, min(max(reach + 0.25, 1.25 * reach) if reach >= 4 else reach + 0.25, last)
        if reach > 1_000:
            return math.copysign(math.inf, step)
    return centre + step * optimize.brentq(over, inside, reach, xtol=1e-3)


def indicator(code: np.ndarray) -> np.ndarray:
    """Rows × groups, 1 where the row belongs to the group.

    >>> indicator(np.array([0, 1, 1]))
    array([[1., 0.],
           [0., 1.],
           [0., 1.]])
    """
    return np.asarray(code[:, None] == np.arange(code.max() + 1), dtype=float)


def residual(basis: np.ndarray, values: np.ndarray) -> np.ndarray:
    """What an orthonormal basis (n, k) leaves of the vectors in the last axis of `values`.

    >>> residual(np.full((4, 1), 0.5), np.array([1.0, 2, 3, 6]))  # less their mean
    array([-2., -1.,  0.,  3.])
    """
    return np.asarray(values - (values @ basis) @ basis.T)
