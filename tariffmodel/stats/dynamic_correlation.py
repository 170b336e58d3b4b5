"""How do variances and correlations follow their own past?

The dynamic conditional correlations of Engle (2002), in two steps: GARCH(1,1) for each series, which
`arch` fits, and one recursion for their correlations, which it does not have.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.signal import lfilter

from tariffmodel.errors import DataError
from tariffmodel.stats import garch

LEAST = 100  # rows that a GARCH is fitted on

__all__ = ["LEAST", "Dynamic", "correlation", "dcc"]


class Dynamic(NamedTuple):
    """Covariances that move.

    >>> found = Dynamic(np.zeros(2), np.array([[[4.0, 1.0], [1.0, 2.0]]]), 0.05, 0.9)
    >>> found.slopes().tolist(), found.unexplained().tolist()
    ([[0.5]], [3.5])
    """

    mean: np.ndarray  #: (k,) of each series
    ahead: np.ndarray  #: (T, k, k) covariances forecast for the row after each
    a: float  #: weight of the newest shocks in the correlations
    b: float  #: weight of the correlations of the row before

    def slopes(self) -> np.ndarray:
        """Of the first series on the others, in the row after each, (T, k − 1)."""
        inner, cross = self.ahead[:, 1:, 1:], self.ahead[:, 1:, :1]
        return np.asarray(np.linalg.solve(inner, cross)[..., 0])

    def unexplained(self) -> np.ndarray:
        """Variance of the first series that the others do not explain, in the row after each, (T,)."""
        return np.asarray(self.ahead[:, 0, 0] - (self.slopes() * self.ahead[:, 0, 1:]).sum(axis=1))


def dcc(values: np.ndarray, fitted: int, names: list[Any]) -> Dynamic:
    """DCC(1,1) of series (T, k), parameters from the first `fitted` rows.

    GARCH(1,1) with a constant mean per series, then Q(t+1) = (1 − a − b) S + a ε ε′ + b Q(t),
    R = Q scaled to a unit diagonal, with S the mean of ε ε′ and (a, b) by maximum likelihood (Engle
    2002, eq. 26). A series whose own past is told no better by GARCH than by one variance (BIC) has
    one: on a hundred rows GARCH without its effect has a variance that grows for ever.

    Parameters
    ----------
    names : list
        Of the series, for the message.

    Raises
    ------
    DataError
        Fewer than 100 rows to fit on, or a GARCH that does not converge.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> market = random.normal(0, 0.01, 200)
    >>> found = dcc(np.column_stack([1.2 * market + random.normal(0, 0.01, 200), market]), 150, ["F", "SPX"])
    >>> found.ahead.shape, found.slopes()[[150, 199]].round(2).tolist()
    ((200, 2, 2), [[1.18], [1.18]])
    """
    if fitted < LEAST:
        raise DataError(f"{fitted} rows: GARCH needs {LEAST} rows at least")
    parts = [_garch(column, fitted, name) for column, name in zip(values.T, names, strict=True)]
    mean, ahead, shocks = (np.stack(part, axis=-1) for part in zip(*parts, strict=True))
    outer = shocks[:, :, None] * shocks[:, None, :]
    usual = outer[:fitted].mean(axis=0)

    def correlations(a: float, b: float) -> np.ndarray:
        b = min(b, 0.999 - a)  # the search may step over its constraint, where correlations explode
        q = lfilter([1], [1, -b], (1 - a - b) * usual + a * outer, axis=0, zi=b * usual[None])[0]
        return correlation(q)

    def loss(parameters: np.ndarray) -> float:
        r = np.concatenate([correlation(usual[None]), correlations(*parameters)[: fitted - 1]])
        back = np.linalg.solve(r, shocks[:fitted, :, None])[..., 0]
        return float(np.mean(np.linalg.slogdet(r)[1] + (shocks[:fitted] * back).sum(axis=1)))

    stationary: Any = {"type": "ineq", "fun": lambda p: 0.999 - p.sum()}
    start = np.array([0.03, 0.9])
    best = minimize(loss, start, bounds=[(0, 0.5), (0, 0.999)], constraints=stationary)
    cov = correlations(*best.x) * ahead[:, :, None] * ahead[:, None, :]
    return Dynamic(mean, cov, float(best.x[0]), float(best.x[1]))


def correlation(cov: np.ndarray) -> np.ndarray:
    """Covariances (T, k, k) scaled to a unit diagonal; 0 beside a variance of zero.

    >>> correlation(np.array([[[4.0, 1.0], [1.0, 1.0]]])).tolist()
    [[[1.0, 0.5], [0.5, 1.0]]]
    """
    scale = np.sqrt(np.diagonal(cov, axis1=1, axis2=2))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.nan_to_num(cov / (scale[:, :, None] * scale[:, None, :])))


def _garch(values: np.ndarray, fitted: int, name: object) -> tuple[float, np.ndarray, np.ndarray]:
    """Mean; volatility forecast for the next row, and shocks in units of the forecast, both (T,)."""
    past = values[:fitted]
    scale = 1 / past.std()
    found = garch.fit(past * scale)
    if not found.converged:
        raise DataError(f"GARCH(1,1) of {name} does not converge; let a window roll instead")
    n = len(past)
    if found.bic > n * (np.log(2 * np.pi) + 1) + 2 * np.log(n):  # that of one variance, here 1
        return past.mean(), np.full(len(values), 1 / scale), (values - past.mean()) * scale
    mean = float(found.coefficients[0])
    shock = values * scale - mean
    first = found.variance[0]
    ahead, _ = lfilter([1], [1, -found.beta], found.omega + found.alpha * shock**2, zi=[found.beta * first])
    now = np.concatenate([[first], ahead[:-1]])
    return mean / scale, np.sqrt(ahead) / scale, shock / np.sqrt(now)
