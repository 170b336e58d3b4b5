"""Do the tested days rank high among a firm's own days?

Rows are firm-events, columns are days, NaN is a missing day; results as in `mean_tests`.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from scipy import stats

from tariffmodel.stats.mean_tests import Result, deviation, over, two_sided
from tariffmodel.stats.normal_returns import Array

RankMissing = Literal["corrado-zivney", "kolari-pynnonen", "mean"]
_BLOCK = 1024  # rows ranked at a time, so that a block stays in the processor's cache

__all__ = ["RankDays", "RankMissing", "generalised_rank", "rank_days", "rank_test", "ranks", "wilcoxon"]


class RankDays(NamedTuple):
    """Ranks and signs of abnormal returns within each firm, summed over firms for each day."""

    scaled: Array  #: Σ_i (K_it/(1 + M_i) − ½), K the rank among the firm's M_i days
    rank: Array  #: Σ_i (K_it − (M_i + 1)/2)
    sign: Array  #: Σ_i sign(A_it − median A_i)
    n: Array  #: firms with a return that day


def rank_days(*values: Array) -> RankDays:
    """Rank each row over its own days (ties share the average rank) and add up by day.

    Arrays with the same rows are taken side by side.

    >>> days = rank_days(np.array([[0.1, -0.2, 0.3], [0.2, 0.1, 0.4]]))
    >>> days.rank, days.n
    (array([ 0., -2.,  2.]), array([2., 2., 2.]))
    """
    scaled, rank, sign, n = np.zeros((4, sum(part.shape[1] for part in values)))
    for start in range(0, len(values[0]), _BLOCK):
        block = np.hstack([part[start : start + _BLOCK] for part in values])
        order, ordered = _order(block)
        here = np.isfinite(block)
        count = here.sum(axis=1)
        deviation = _ranks(order, ordered) - (count[:, None] + 1) / 2
        deviation[~here] = 0.0
        n += here.sum(axis=0)
        rank += deviation.sum(axis=0)
        scaled += (1 / (1 + count)) @ deviation
        rows = np.arange(len(block))
        middle = (ordered[rows, (count - 1) // 2] + ordered[rows, count // 2]) / 2
        sign += np.where(here, np.sign(block - middle[:, None]), 0).sum(axis=0)
    return RankDays(scaled, rank, sign, n)


def ranks(values: Array) -> Array:
    """Rank of each value within its row, 1 the smallest; ties share their average, NaN stays NaN.

    >>> ranks(np.array([[0.3, 0.1, np.nan, 0.1]]))
    array([[3. , 1.5, nan, 1.5]])
    """
    placed = _ranks(*_order(values))
    placed[~np.isfinite(values)] = np.nan
    return placed


def _order(values: Array) -> tuple[Array, Array]:
    order = np.argsort(values, axis=1)  # NaN last
    return order, np.take_along_axis(values, order, axis=1)


def _ranks(order: Array, ordered: Array) -> Array:
    places = np.broadcast_to(np.arange(1.0, order.shape[1] + 1), order.shape)
    tied = ordered[:, 1:] == ordered[:, :-1]
    if tied.any():  # the mean of the first and the last place of each run of equal values
        edge = np.ones((len(order), 1), dtype=bool)
        first = np.where(np.hstack([edge, ~tied]), places, 0)
        last = np.where(np.hstack([~tied, edge]), places, np.inf)
        first = np.maximum.accumulate(first, axis=1)
        last = np.minimum.accumulate(last[:, ::-1], axis=1)[:, ::-1]
        places = (first + last) / 2
    placed = np.empty(order.shape)
    np.put_along_axis(placed, order, places, axis=1)
    return placed


def rank_test(
    total: Array,
    n: Array,
    window: slice,
    *,
    missing: RankMissing = "corrado-zivney",
) -> Result:
    """Ranks (or signs) of the tested days against their own variation over time.

    ``Z = Σ_{t∈window} k_t / (√L S)``, ``S² = Σ k_t²/T``. By `missing`:

    - ``"corrado-zivney"``: k_t = total_t/√N_t (Corrado and Zivney 1992);
    - ``"mean"``: k_t = total_t/N_t (Corrado 1989, who has no missing days);
    - ``"kolari-pynnonen"``: k_t = total_t/N_t, and S² weighs day t by N_t/N (Kolari and Pynnönen
      2011).

    They agree when no day is missing. Several days: sum over √L (Campbell and Wasley 1993; Cowan 1992).
    Standard normal; its degrees of freedom are T − 1 for those who prefer t.

    Parameters
    ----------
    total, n : (D,)
        From `rank_days`; D covers the estimation and the event window.
    window : slice
        Days tested; S is measured over all days, T those that any firm has.

    Examples
    --------
    >>> days = rank_days(np.random.default_rng(0).normal(size=(8, 60)))
    >>> round(rank_test(days.scaled, days.n, window=slice(59, 60)).statistic, 3)
    0.479
    """
    seen = n > 0
    safe = np.where(seen, n, 1)
    level = total / (np.sqrt(safe) if missing == "corrado-zivney" else safe)
    noise = level * np.sqrt(safe / safe.max()) if missing == "kolari-pynnonen" else level
    days = float(seen.sum())
    tested = seen[window].sum()
    scale = np.sqrt((noise**2).sum() / days) * np.sqrt(tested)
    return two_sided(over(level[window].sum(), scale), days - 1)


def generalised_rank(scar: Array, residuals: Array, sigma: Array | float = 1.0) -> tuple[Result, Result]:
    """GRANK-T and GRANK-Z of Kolari and Pynnönen (2011).

    SCAR, divided by its standard deviation across firms, is ranked as one more day among the firm's T
    standardised residuals: U = K/(M + 1) − ½. ``Z = Ū_0 / S``, ``S² = Σ_t (n_t/n) Ū_t² / (T + 1)``, and
    GRANK-T is ``Z √((T − 1)/(T − Z²))``, t with T − 1: the correlation of firms is inside S. GRANK-Z is
    Ū_0 over the standard deviation of a uniform rank, ``√(T/(12 N (T + 2)))``: firms independent.

    Parameters
    ----------
    scar : (N,)
    residuals : (N, T)
    sigma : (N,)
        Their standard deviations; ranks within a firm need only SCAR on the scale of the residuals.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> t, z = generalised_rank(random.normal(-1, 1, 8), random.normal(size=(8, 60)))
    >>> round(t.p_value, 3), round(z.p_value, 3)
    (0.009, 0.006)
    """
    n, days = residuals.shape
    spread = deviation(scar)
    if not spread > 0:
        return two_sided(np.nan, days - 1), two_sided(np.nan)
    table = rank_days(residuals, (scar / spread * sigma)[:, None])
    seen = table.n > 0
    mean = table.scaled / np.maximum(table.n, 1)
    points = seen.sum()
    z = over(mean[-1], np.sqrt((table.n / n * mean**2).sum() / points))
    t = z * np.sqrt((points - 2) / (points - 1 - z**2)) if z**2 < points - 1 else np.nan
    count = np.isfinite(residuals).sum(axis=1)
    uniform = np.sqrt((count / (12 * (count + 2))).sum()) / n
    return two_sided(t, points - 2), two_sided(over(mean[-1], uniform), points - 2)


def wilcoxon(car: Array) -> Result:
    """Signed ranks (Wilcoxon 1945), zeros dropped, ties averaged; exact p up to 50 firms without ties.

    ``(W⁺ − m(m + 1)/4) / √(m(m + 1)(2m + 1)/24 − Σ(t³ − t)/48)`` over m values that are not zero.

    >>> wilcoxon(np.array([-0.02, -0.03, -0.01, 0.004])).p_value
    0.25
    """
    car = car[car != 0]
    m = len(car)
    if m == 0:
        return two_sided(np.nan)
    positive = ranks(np.abs(car)[None])[0][car > 0].sum()
    _, runs = np.unique(np.abs(car), return_counts=True)
    variance = m * (m + 1) * (2 * m + 1) / 24 - (runs**3 - runs).sum() / 48
    z = two_sided(over(positive - m * (m + 1) / 4, np.sqrt(variance)))
    if m > 50 or (runs > 1).any():
        return z
    return z._replace(p_value=float(stats.wilcoxon(car, method="exact").pvalue))
