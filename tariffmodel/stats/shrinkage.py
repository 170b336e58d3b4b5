"""What do several uncertain estimates of like things say together, and of each other?

Each estimate is the sum of its own truth and its own error, and the truths scatter about a mean: an
estimate that is known badly is drawn towards the mean, one that is known well stays (empirical Bayes,
Efron and Morris 1973, Morris 1983).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy import optimize, stats

from tariffmodel.errors import DataError

Method = Literal["reml", "dl"]
FEWEST = 4  # Morris' correction leaves nothing to draw with three

__all__ = ["FEWEST", "Method", "Pooled", "pooled"]


@dataclass(frozen=True, eq=False)
class Pooled:
    """Estimates, and what they are when they inform each other.

    Attributes
    ----------
    table : DataFrame
        On the index of the estimates: `estimate`, `standard_error`, `weight` (what of the distance to
        the mean is taken off, 0 to 1), `shrunk` with `shrunk_error`, `shrunk_low`, `shrunk_high`.
    mean, mean_error : float
        Mean of the truths and its standard error.
    tau, tau_low, tau_high : float
        Standard deviation of the truths; its interval by the Q-profile (Viechtbauer 2007).
    q, q_p : float
        Cochran's statistic that the truths are one, and its p-value.
    i_squared : float
        Share of the scatter that is not error (Higgins and Thompson 2002).
    n : int

    Examples
    --------
    >>> found = pooled(pd.Series([0.0, 1.0, 2.0, 3.0]), pd.Series(0.1, range(4)))
    >>> found.n, round(found.mean, 2), bool(found.tau_low < found.tau < found.tau_high)
    (4, 1.5, True)
    """

    table: pd.DataFrame
    mean: float
    mean_error: float
    tau: float
    tau_low: float
    tau_high: float
    q: float
    q_p: float
    i_squared: float
    n: int


def pooled(
    estimate: pd.Series, standard_error: pd.Series, *, method: Method = "reml", level: float = 0.95
) -> Pooled:
    r"""Draw estimates towards their mean, by as much as their errors and their scatter say.

    Parameters
    ----------
    estimate, standard_error : Series
        On one index, of one unit; errors independent of each other.
    method : "reml" or "dl"
        How the variance of the truths is found: restricted maximum likelihood, or the moments of
        DerSimonian and Laird (1986).
    level : float
        Of the intervals.

    Notes
    -----
    With :math:`B_i = \frac{k-3}{k-1} \frac{s_i^2}{s_i^2 + \tau^2}` the truth of an estimate is put at
    :math:`y_i - B_i (y_i - \mu)`; the factor in front makes up for a variance that is estimated too
    (Morris 1983, equations 1.14 to 1.17; with equal errors and the moments this is Efron and Morris
    1975). Its variance is :math:`s_i^2 (1 - B_i (1 - w_i)) + \frac{2}{k-3} B_i^2 (y_i - \mu)^2` in
    which :math:`w_i` is the weight of the estimate in the mean.

    Raises
    ------
    DataError
        Fewer than `FEWEST` estimates, one without an error above zero, different indices.

    Examples
    --------
    >>> found = pooled(pd.Series([0.1, 0.3, 0.2, 0.9]), pd.Series([0.1, 0.1, 0.1, 0.5]))
    >>> bool(found.table["shrunk"].iloc[3] < 0.9), bool((found.table["weight"] <= 1).all())
    (True, True)
    """
    if method not in ("reml", "dl"):
        raise DataError(f"method {method!r}: write 'reml' or 'dl'")
    if not estimate.index.equals(standard_error.index):
        raise DataError("estimate and standard_error have different indices; give them on one")
    y, variance = estimate.to_numpy(dtype=float), standard_error.to_numpy(dtype=float) ** 2
    k = len(y)
    if k < FEWEST:
        raise DataError(f"{k} estimates; {FEWEST} or more can inform each other")
    if not (np.isfinite(y).all() and np.isfinite(variance).all() and (variance > 0).all()):
        raise DataError("an estimate is missing or has no standard error above zero; leave it out")
    between = _reml(y, variance) if method == "reml" else _moments(y, variance)
    share, mean = _mean(y, variance, between)
    fixed = 1 / variance
    q = float(fixed @ (y - fixed @ y / fixed.sum()) ** 2)
    drawn = (k - 3) / (k - 1) * variance / (variance + between)
    shrunk = y - drawn * (y - mean)
    spread = variance * (1 - drawn * (1 - share)) + 2 / (k - 3) * drawn**2 * (y - mean) ** 2
    error, reach = np.sqrt(spread), stats.norm.ppf((1 + level) / 2)
    low, high = _profile(y, variance, level)
    table = pd.DataFrame(
        {
            "estimate": y,
            "standard_error": np.sqrt(variance),
            "weight": drawn,
            "shrunk": shrunk,
            "shrunk_error": error,
            "shrunk_low": shrunk - reach * error,
            "shrunk_high": shrunk + reach * error,
        },
        index=estimate.index,
    )
    return Pooled(
        table=table,
        mean=mean,
        mean_error=float((1 / (variance + between)).sum() ** -0.5),
        tau=float(np.sqrt(between)),
        tau_low=low,
        tau_high=high,
        q=q,
        q_p=float(stats.chi2.sf(q, k - 1)),
        i_squared=_i_squared(variance, between),
        n=k,
    )


def _mean(y: np.ndarray, variance: np.ndarray, between: float) -> tuple[np.ndarray, float]:
    """Share of each estimate in the mean, and the mean."""
    weight = 1 / (variance + between)
    share = weight / weight.sum()
    return share, float(share @ y)


def _moments(y: np.ndarray, variance: np.ndarray) -> float:
    weight = 1 / variance
    total = weight.sum()
    q = weight @ (y - weight @ y / total) ** 2
    return float(max(0.0, (q - (len(y) - 1)) / (total - (weight**2).sum() / total)))


def _reml(y: np.ndarray, variance: np.ndarray) -> float:
    """Variance of the truths of most restricted likelihood; the search is over its root."""

    def surprise(tau: float) -> float:
        total = variance + tau**2
        _, mean = _mean(y, variance, tau**2)
        return float(np.log(total).sum() + np.log((1 / total).sum()) + ((y - mean) ** 2 / total).sum())

    widest = float(np.ptp(y)) + 1e-300
    grid = np.linspace(0, widest, 65)
    best = int(np.argmin([surprise(tau) for tau in grid]))
    ends = grid[max(best - 1, 0)], grid[min(best + 1, 64)]
    found = optimize.minimize_scalar(
        surprise, bounds=ends, method="bounded", options={"xatol": 1e-10 * widest}
    )
    return 0.0 if surprise(0.0) <= found.fun else float(found.x**2)


def _profile(y: np.ndarray, variance: np.ndarray, level: float) -> tuple[float, float]:
    """Interval of the standard deviation of the truths: where Q is not surprising."""

    def q(tau: float) -> float:
        _, mean = _mean(y, variance, tau**2)
        return float(((y - mean) ** 2 / (variance + tau**2)).sum())

    ends = []
    for chance in ((1 + level) / 2, (1 - level) / 2):
        limit = stats.chi2.ppf(chance, len(y) - 1)
        if q(0.0) <= limit:
            ends.append(0.0)
            continue
        high = float(np.ptp(y))
        while q(high) > limit:
            high *= 2
        ends.append(float(optimize.brentq(lambda tau, at=limit: q(tau) - at, 0.0, high, xtol=1e-12 * high)))
    return ends[0], ends[1]


def _i_squared(variance: np.ndarray, between: float) -> float:
    """With the typical variance of Higgins and Thompson (2002, equation 9)."""
    weight = 1 / variance
    typical = (len(variance) - 1) * weight.sum() / (weight.sum() ** 2 - (weight**2).sum())
    return float(between / (between + typical))
