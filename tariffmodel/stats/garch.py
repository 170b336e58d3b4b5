"""How does a variance follow its own past?

GARCH(1,1) of Bollerslev (1986), fitted by `arch`, whose optimiser wants numbers near one: pass a series
over its standard deviation.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["Garch", "fit"]


class Garch(NamedTuple):
    """σ²(t+1) = ω + α e(t)² + β σ²(t), e the residuals of a regression.

    >>> found = Garch(np.array([0.0]), 0.1, 0.1, 0.8, np.array([2.0]), np.array([1.0]), 0.0, True)
    >>> found.ahead(3).round(3).tolist()
    [1.3, 1.27, 1.243]
    """

    coefficients: np.ndarray  #: (k,) of the regression
    omega: float
    alpha: float
    beta: float
    residuals: np.ndarray  #: (n,)
    variance: np.ndarray  #: (n,) conditional on the rows before
    bic: float
    converged: bool

    def ahead(self, steps: int) -> np.ndarray:
        """Variance expected in each of the rows after the last, (steps,)."""
        path = np.empty(steps)
        path[0] = self.omega + self.alpha * self.residuals[-1] ** 2 + self.beta * self.variance[-1]
        for step in range(1, steps):
            path[step] = self.omega + (self.alpha + self.beta) * path[step - 1]
        return path


def fit(y: np.ndarray, x: np.ndarray | None = None) -> Garch:
    """Least squares of y (n,) on x (n, k) with GARCH(1,1) errors, by maximum likelihood.

    Parameters
    ----------
    y : (n,)
        Near one in size.
    x : (n, k), optional
        Regressors, a column of ones among them. Default: that column alone.

    >>> calm, wild = np.random.default_rng(0).normal(size=(2, 200)) * [[1], [3]]
    >>> found = fit(np.concatenate([calm, wild]) / 2.2)
    >>> found.converged, bool(found.variance[-1] > 2 * found.variance[100])
    (True, True)
    """
    from arch.univariate import GARCH, LS, ConstantMean  # slow to import

    model = ConstantMean(y) if x is None else LS(y, x, constant=False)
    model.volatility = GARCH(1, 0, 1)
    found = model.fit(disp="off", show_warning=False)
    *coefficients, omega, alpha, beta = found.params.to_numpy()
    return Garch(
        coefficients=np.array(coefficients),
        omega=float(omega),
        alpha=float(alpha),
        beta=float(beta),
        residuals=np.asarray(found.resid),
        variance=np.asarray(found.conditional_volatility) ** 2,
        bic=float(found.bic),
        converged=found.convergence_flag == 0,
    )
