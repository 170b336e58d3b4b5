"""How did the coefficients of a regression move over time?

`rolling` over windows of rows, for many series at once; `kalman` as random walks seen from the whole
sample. Nothing is filled: see each for what a missing value does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize, stats

from tariffmodel.errors import DataError
from tariffmodel.stats.regression import SINGULAR, design, refuse_collinear, refuse_dates

_BLOCK = 64  # series at a time, so that rolling sums stay in memory that is quick to reach

__all__ = ["Path", "Rolling", "kalman", "rolling"]


@dataclass(frozen=True)
class Rolling:
    """Coefficients of every window, labelled by its last row.

    `beta` and `standard_error` are date × (series, regressor); `n` is date × series, the rows used.
    """

    beta: pd.DataFrame
    standard_error: pd.DataFrame
    n: pd.DataFrame


def rolling(
    returns: pd.DataFrame, factors: pd.DataFrame, *, window: int = 250, min_obs: int | None = None
) -> Rolling:
    """Regressions of many series on the same factors over every window of rows, at once.

    A window uses the rows on which the series and all factors are present. It is left empty with
    fewer than `min_obs` of them (default: four fifths of `window`), or if the factors are constant
    or combinations of each other inside it.

    Parameters
    ----------
    returns : DataFrame
        Date × series; `factors` is date × factor and is aligned to its dates.

    Notes
    -----
    Windowed sums of products are put together from running sums that start anew every `window`
    rows, so no difference of large sums is ever taken; the normal equations are solved by the sweep
    operator (Goodnight 1979). Standard errors are the classical ones, s² (X'X)⁻¹: neighbouring
    windows share most of their rows, so use them for scale and not as a test over time.

    Raises
    ------
    DataError
        A window longer than the data or too short for the factors; singular or constant input.

    Examples
    --------
    >>> days = pd.date_range("2025-01-03", periods=6, freq="W-FRI")
    >>> fx = pd.DataFrame({"fx": [0.01, -0.02, 0.0, 0.03, -0.01, 0.02]}, days)
    >>> shares = pd.DataFrame({"BMW": [0.008, -0.016, 0.0, 0.03, -0.01, 0.02]}, days)
    >>> rolling(shares, fx, window=3).beta["BMW", "fx"].dropna().round(2).tolist()
    [0.8, 0.93, 1.0, 1.0]
    """
    names, series = list(factors.columns), list(returns.columns)
    k, rows = len(names), len(returns)
    least = -(-4 * window // 5) if min_obs is None else min_obs
    refuse_dates(returns=returns.index, factors=factors.index)
    if window > rows:
        raise DataError(f"window of {window} rows is longer than the data, {rows} rows; shorten it")
    if window < k + 2:
        raise DataError(f"window of {window} rows is too short for {k} factors; use {k + 2} or more")
    if not k + 2 <= least <= window:
        raise DataError(f"min_obs is {least}; with {k} factors and this window use {k + 2} to {window}")
    x = factors.reindex(returns.index)
    complete = x.notna().all(axis=1)
    if not complete.any():
        raise DataError("no date has both returns and all factors; check calendars and spans")
    refuse_collinear(x[complete] - x[complete].mean(), before=x[complete])
    constant = returns.max() == returns.min()
    if constant.any():
        raise DataError(f"returns of {constant.idxmax()} never change; leave out the series, it has no beta")
    beta = np.full((rows, len(series), k + 1), np.nan)
    error, count = beta.copy(), np.zeros(beta.shape[:2], dtype=int)
    for start in range(0, len(series), _BLOCK):
        block = slice(start, start + _BLOCK)
        y = returns.iloc[:, block].to_numpy(dtype=float)
        results = _windows(y, x.to_numpy(dtype=float), window, least)
        beta[window - 1 :, block], error[window - 1 :, block], count[window - 1 :, block] = results
    columns = pd.MultiIndex.from_product([series, ["const", *names]], names=["series", "regressor"])
    return Rolling(
        pd.DataFrame(beta.reshape(rows, -1), returns.index, columns),
        pd.DataFrame(error.reshape(rows, -1), returns.index, columns),
        pd.DataFrame(count, returns.index, returns.columns),
    )


@dataclass(frozen=True)
class Path:
    """Coefficients that drift, as seen from the whole sample.

    `smoothed` and `standard_error` are date × regressor; `step` is the standard deviation of one
    row's random-walk step per factor (0 = it never moved), `noise` that of the residual.

    >>> days = pd.to_datetime(["2025-04-04"])
    >>> smoothed, error = pd.DataFrame({"fx": [0.5]}, days), pd.DataFrame({"fx": [0.1]}, days)
    >>> low, high = Path(smoothed, error, pd.Series({"fx": 0.0}), 0.01, 0.0, 1).band()
    >>> low["fx"].round(2).tolist(), high["fx"].round(2).tolist()
    ([0.3], [0.7])
    """

    smoothed: pd.DataFrame
    standard_error: pd.DataFrame
    step: pd.Series
    noise: float
    log_likelihood: float
    n: int

    def band(self, level: float = 0.95) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Low and high of every coefficient on every date, given the estimated variances."""
        reach = stats.norm.ppf((1 + level) / 2) * self.standard_error
        return self.smoothed - reach, self.smoothed + reach


def kalman(returns: pd.Series, factors: pd.DataFrame, *, constant: bool = True) -> Path:
    """Factor coefficients as random walks, variances by maximum likelihood, smoothed.

    r_t = α + β_t'f_t + e_t,  β_t = β_{t−1} + u_t, with independent normal e and u; α is constant and
    all coefficients start diffuse (Durbin and Koopman 2012, chapters 3 and 5). On a date with a
    missing value the coefficients drift without being corrected. The band leaves out that the
    variances are estimated; a `step` near 0 on short data says little (pile-up at zero, Shephard and
    Harvey 1990).

    Parameters
    ----------
    returns : Series
        By date, fractions; `factors` is date × factor and is aligned to its dates.
    constant : bool
        False: without α. On one factor that is always 1 this is the local level model (Durbin and Koopman
        2012, equation 2.3), whose level is the coefficient.

    Raises
    ------
    DataError
        As `regress`; without α a factor may be constant, but none may be zero throughout.

    Examples
    --------
    >>> days = pd.date_range("2024-01-05", periods=60, freq="W-FRI")
    >>> random = np.random.default_rng(0)
    >>> fx = pd.DataFrame({"fx": random.normal(0, 0.01, 60)}, days)
    >>> share = fx["fx"] * np.linspace(0.2, 1.4, 60) + random.normal(0, 0.002, 60)
    >>> kalman(share, fx).smoothed["fx"].iloc[[0, -1]].round(1).tolist()
    [0.5, 1.2]
    """
    from statsmodels.tsa.statespace.initialization import Initialization  # slow to import
    from statsmodels.tsa.statespace.kalman_smoother import KalmanSmoother

    y, x = design(returns, factors, constant=constant)
    fixed = int(constant)  # how many coefficients do not walk
    first, last = x.index[[0, -1]]
    days = returns.loc[first:last].index
    spread, scale = y.std(), x.std().replace(0, 1).to_numpy()  # what is constant keeps its size
    x, y = x.reindex(days).div(scale), y.reindex(days).div(spread)
    k = x.shape[1]
    model = KalmanSmoother(k_endog=1, k_states=k, k_posdef=k - fixed)
    model.bind(y.to_numpy()[:, None].copy())
    model["design"] = x.fillna(0.0).to_numpy().T[None]
    model["transition"] = np.eye(k)
    model["selection"] = np.eye(k)[:, fixed:]
    model.initialize(Initialization(k, "diffuse"))

    def surprise(log_sd: np.ndarray) -> float:
        model["obs_cov", 0, 0] = np.exp(2 * log_sd[0])
        model["state_cov"] = np.diag(np.exp(2 * log_sd[1:]))
        return -float(model.loglike()) / len(y)

    bounds = [(-6.0, 2.0), *[(-12.0, 1.0)] * (k - fixed)]
    starts = [np.r_[np.log(0.7), np.full(k - fixed, np.log(step))] for step in (0.01, 0.1)]
    found = [  # the surface is flat: by default the search stops at three digits
        optimize.minimize(
            surprise, start, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-15, "gtol": 1e-8}
        )
        for start in starts
    ]
    best = min(found, key=lambda one: one.fun)
    surprise(best.x)
    path = model.smooth()
    unit = spread / scale
    variance = np.diagonal(path.smoothed_state_cov, axis1=0, axis2=1)
    sd = np.exp(best.x)
    return Path(
        smoothed=pd.DataFrame(path.smoothed_state.T * unit, days, x.columns),
        standard_error=pd.DataFrame(np.sqrt(variance) * unit, days, x.columns),
        step=pd.Series(sd[1:] * unit[fixed:], x.columns[fixed:]),
        noise=float(sd[0] * spread),
        log_likelihood=-best.fun * len(y) - int(y.notna().sum()) * float(np.log(spread)),
        n=int(y.notna().sum()),
    )


def _windows(
    y: np.ndarray, x: np.ndarray, window: int, least: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`rolling` for series y (T, S) on factors x (T, K): coefficients and errors (W, S, K + 1), rows used."""
    k = x.shape[1]
    used = np.isfinite(y) & np.isfinite(x).all(axis=1, keepdims=True)
    total = np.maximum(used.sum(axis=0), 1)
    columns, middles = [], []
    for column in (*x.T[:, :, None], y):  # centred first, on the rows that the series has
        filled = np.where(used, column, 0.0)
        middles.append(filled.sum(axis=0) / total)
        columns.append(np.where(used, filled - middles[-1], 0.0))
    count = _moving_sum(used.astype(float), window)
    enough = count >= least
    n = np.where(enough, count, np.nan)
    mean = np.stack([_moving_sum(column, window) for column in columns]) / n
    cross = np.empty((k + 1, *mean.shape))
    for i in range(k + 1):
        for j in range(i + 1):
            cross[i, j] = cross[j, i] = _moving_sum(columns[i] * columns[j], window)
    least_pivot = SINGULAR * np.stack([cross[j, j] for j in range(k)])
    cross -= n * mean[:, None] * mean
    for j in range(k):  # sweep: the block of X'X becomes −(X'X)⁻¹, that of X'y the slopes, y'y the rest
        pivot = np.where(cross[j, j] > least_pivot[j], cross[j, j], np.nan)
        row = cross[j] / pivot
        cross -= cross[:, [j]] * row
        cross[j] = cross[:, j] = row
        cross[j, j] = -1 / pivot
    slopes, inverse = cross[:k, k], -cross[:k, :k]
    variance = np.maximum(cross[k, k], 0.0) / (n - k - 1)
    middle = mean[:k] + np.array(middles[:k])[:, None]
    intercept = mean[k] + middles[k] - (slopes * middle).sum(axis=0)
    spread = 1 / n + (middle[:, None] * middle * inverse).sum(axis=(0, 1))
    factor = np.stack([spread, *(inverse[j, j] for j in range(k))])
    beta = np.concatenate([intercept[None], slopes])
    return np.moveaxis(beta, 0, -1), np.moveaxis(np.sqrt(variance * factor), 0, -1), count


def _moving_sum(values: np.ndarray, window: int) -> np.ndarray:
    """Sums of every `window` rows, from running sums that start anew at every multiple of `window`."""
    rows = len(values)
    blocks = np.zeros((rows // window + 1, window, values.shape[1]))
    blocks.reshape(-1, values.shape[1])[:rows] = values
    up_to = np.zeros_like(blocks)
    np.cumsum(blocks[:, :-1], axis=1, out=up_to[:, 1:])
    onwards = np.cumsum(blocks[:, ::-1], axis=1)[:, ::-1]
    flat = (-1, values.shape[1])
    return onwards.reshape(flat)[: rows - window + 1] + up_to.reshape(flat)[window : rows + 1]
