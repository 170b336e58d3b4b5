"""Did the coefficients of a regression change on a day, known beforehand or not?

Rows and missing values as in `regression.fit`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd
from scipy import linalg, special, stats

from tariffmodel.errors import DataError
from tariffmodel.stats import regression
from tariffmodel.stats.regression import Fit, design, long_run
from tariffmodel.stats.resampling import weights

__all__ = ["Regimes", "UnknownBreak", "regimes", "sup_wald_p", "unknown_break"]


@dataclass(frozen=True)
class Regimes:
    """Coefficients before and from a day on.

    `fit` holds the coefficients before it, and under ``change:…`` what was added to each;
    ``fit.total("change:fx")`` sums over leads and lags. `wald` tests that nothing changed with
    Newey-West errors, `chow` is the F of Chow (1960), which takes the errors as alike and
    independent.

    >>> days = pd.bdate_range("2025-01-02", periods=60)
    >>> fx = pd.DataFrame({"fx": np.sin(np.arange(60))}, days)
    >>> share = fx["fx"] * np.where(np.arange(60) < 30, 0.5, 0.8) + 0.01 * np.cos(7 * np.arange(60))
    >>> found = regimes(share, fx, days[30].date()).table()
    >>> found.loc["fx", ["before", "after", "change"]].round(1).to_dict()
    {'before': 0.5, 'after': 0.8, 'change': 0.3}
    """

    day: date
    fit: Fit
    n_before: int
    n_after: int
    wald: float
    wald_p: float
    chow: float
    chow_p: float

    def table(self, level: float = 0.95) -> pd.DataFrame:
        """One row per regressor: `before`, `after`, and the `change` with its error, p and range."""
        rows = self.fit.table(level)
        half = len(rows) // 2
        before, change = rows.iloc[:half], rows.iloc[half:].set_axis(rows.index[:half])
        both = pd.DataFrame({"before": before["value"], "after": before["value"] + change["value"]})
        return both.join(change.rename(columns={"value": "change"}))


def regimes(
    returns: pd.Series,
    factors: pd.DataFrame,
    day: date,
    *,
    hac_lags: int | None = None,
    horizon: int = 1,
) -> Regimes:
    """Did the coefficients change on a day known beforehand? Rows dated `day` or later are after.

    Parameters and errors as in `regression.fit`; either side must have more rows than coefficients.

    >>> days = pd.date_range("2024-01-05", periods=80, freq="W-FRI")
    >>> random = np.random.default_rng(0)
    >>> x = pd.DataFrame({"fx": random.normal(0, 0.01, 80)}, days)
    >>> y = x["fx"] * np.where(days < "2025-04-03", 0.4, 1.2) + random.normal(0, 0.005, 80)
    >>> regimes(y, x, date(2025, 4, 3)).table().loc["fx", ["before", "after"]].round(2).to_dict()
    {'before': 0.43, 'after': 1.03}
    """
    y, x = design(returns, factors)
    n, k = x.shape
    later = (x.index >= pd.Timestamp(day)).astype(float)
    n_after = int(later.sum())
    if min(n_after, n - n_after) <= k:
        raise DataError(
            f"{n - n_after} rows before {day} and {n_after} after it; each side needs more than {k}: "
            "move the day or lengthen the sample"
        )
    change = (x * later[:, None]).add_prefix("change:")
    fit = regression.fit(y, x.drop(columns="const").join(change), hac_lags=hac_lags, horizon=horizon)
    moved = list(change.columns)
    order = [*x.columns, *moved]
    fit = replace(fit, params=fit.params[order], covariance=fit.covariance.loc[order, order])
    shift = fit.params[moved].to_numpy()
    wald = float(shift @ linalg.solve(fit.covariance.loc[moved, moved], shift, assume_a="pos"))
    pooled = regression.fit(y, x.drop(columns="const"), hac_lags=0)
    free, one = (float((left.residuals.to_numpy() ** 2).sum()) for left in (fit, pooled))
    chow = (one - free) / k / (free / (n - 2 * k))
    return Regimes(
        day=day,
        fit=fit,
        n_before=n - n_after,
        n_after=n_after,
        wald=wald,
        wald_p=float(stats.chi2.sf(wald, k)),
        chow=chow,
        chow_p=float(stats.f.sf(chow, k, n - 2 * k)),
    )


@dataclass(frozen=True)
class UnknownBreak:
    """Largest evidence for a change over all days, and its p-value for having looked at all of them.

    `wald` is by first day of the later regime; `day` is where it peaks; `method` says how `p` was
    computed. `cusum` is the test of
    Ploberger and Krämer (1992), which sees drifts of the mean and is blind to changes of a slope.
    """

    day: pd.Timestamp
    sup_wald: float
    p: float
    method: str
    wald: pd.Series
    tested: list[str]
    cusum: float
    cusum_p: float


def unknown_break(
    returns: pd.Series,
    factors: pd.DataFrame,
    *,
    tested: Sequence[str] | None = None,
    trim: float = 0.15,
    hac_lags: int | None = None,
    horizon: int = 1,
    draws: int = 0,
    seed: int = 0,
) -> UnknownBreak:
    """Did the coefficients change on some day? Sup-Wald test of Andrews (1993).

    All coefficients may differ between the regimes; the Wald statistic with Newey-West errors (as in
    `regimes`) is taken for those `tested`, on every day that leaves the share `trim` of the rows on
    either side.

    Parameters
    ----------
    tested : sequence of str, optional
        Regressors, such as ``["fx"]``. Default: all, the intercept included.
    draws, seed : int
        0: the p-value of `sup_wald_p`, which at 5% rejects about 13% of true nulls on 176 rows with
        the default lags. Else that of a wild bootstrap with the factors held fixed (Hansen 2000): the
        residuals without a break change sign at random, `horizon` neighbours together.

    Raises
    ------
    DataError
        As `regression.fit`; unknown regressors; `trim` outside (0, 0.5) or too short for the coefficients.

    Examples
    --------
    >>> days = pd.date_range("2024-01-05", periods=80, freq="W-FRI")
    >>> random = np.random.default_rng(0)
    >>> x = pd.DataFrame({"fx": random.normal(0, 0.01, 80)}, days)
    >>> y = x["fx"] * np.where(days < "2025-04-03", 0.4, 1.2) + random.normal(0, 0.005, 80)
    >>> found = unknown_break(y, x, tested=["fx"])
    >>> f"{found.day:%Y-%m-%d}", round(found.p, 4)
    ('2025-04-04', 0.0003)
    """
    from statsmodels.stats.diagnostic import breaks_cusumolsresid  # slow to import

    y, x = design(returns, factors)
    n, k = x.shape
    chosen = list(x.columns) if tested is None else list(tested)
    unknown = [name for name in chosen if name not in x.columns]
    if unknown or not chosen:
        raise DataError(f"{', '.join(unknown) or 'nothing'} to test; choose from {', '.join(x.columns)}")
    edge = int(np.ceil(trim * n))
    if not 0 < trim < 0.5 or edge <= k:
        raise DataError(
            f"trim {trim} leaves {edge} of {n} rows at the edge; use a share below 0.5 that leaves more "
            f"than {k}, or a longer sample"
        )
    cuts = np.arange(edge, n - edge + 1)
    lags = regression.hac_lags(n, horizon) if hac_lags is None else hac_lags
    residuals = regression.fit(y, x.drop(columns="const"), hac_lags=0).residuals.to_numpy()
    flips = weights((-1.0, 1.0), -(-n // horizon), draws, np.random.default_rng(seed))[0]
    # the statistic does not depend on the coefficients, so the draws need no fitted part
    series = np.vstack([y, np.repeat(flips, horizon, axis=1)[:, :n] * residuals])
    walds = _wald_paths(x.to_numpy(), series, cuts, x.columns.get_indexer(pd.Index(chosen)), lags)
    path = pd.Series(walds[0], x.index[cuts], name="wald")
    sup = walds.max(axis=1)
    cusum, cusum_p, _ = breaks_cusumolsresid(residuals, ddof=k)
    return UnknownBreak(
        day=pd.Timestamp(path.index[int(path.to_numpy().argmax())]),
        sup_wald=float(sup[0]),
        p=float((sup >= sup[0]).mean()) if draws else sup_wald_p(float(sup[0]), len(chosen), trim),
        method=f"wild bootstrap, {draws} draws" if draws else "asymptotic",
        wald=path,
        tested=chosen,
        cusum=float(cusum),
        cusum_p=float(cusum_p),
    )


def sup_wald_p(statistic: float, q: int, trim: float = 0.15) -> float:
    """P-value of a sup-Wald statistic over [trim, 1 − trim] for q coefficients.

    Tail of the squared Bessel process, P ≈ x^(q/2) e^(−x/2) / (2^(q/2) Γ(q/2)) · [(1 − q/x) λ + 2/x]
    with λ = 2 ln((1 − trim)/trim) (James, James and Siegmund 1987; Estrella 2003). At the critical
    values of Andrews (2003) it is within a tenth of 10%, 5% and 1%. Left of its maximum, about one
    half, the value returned is a straight line to 1 and means no more than "large".

    >>> round(sup_wald_p(8.68, q=1), 3)  # the 5% value of Andrews (2003)
    0.051
    """
    width = 2 * np.log((1 - trim) / trim)

    def tail(x: np.ndarray) -> np.ndarray:
        size = np.exp(q / 2 * np.log(x / 2) - x / 2 - special.gammaln(q / 2))
        return np.asarray(size * ((1 - q / x) * width + 2 / x))

    grid = np.linspace(0.05, 10.0 * q, 2000)
    falls = np.maximum.accumulate(tail(grid)[::-1])[::-1]  # with wide trims it may rise again once
    start, high = grid[int(tail(grid).argmax())], min(float(falls[0]), 1.0)
    if statistic < start:
        return float(1 - (1 - high) * statistic / start)
    if statistic < grid[-1]:
        return min(float(np.interp(statistic, grid, falls)), 1.0)
    return min(float(tail(np.array(statistic))), 1.0)


def _wald_paths(
    x: np.ndarray, series: np.ndarray, cuts: np.ndarray, tested: np.ndarray, lags: int
) -> np.ndarray:
    """Wald statistics (B, C) of no change in the `tested` columns of x (n, k) after each of C cuts.

    For B series (B, n).
    """
    n, k = x.shape
    squares = np.cumsum(x[:, :, None] * x[:, None, :], axis=0)
    early = np.linalg.inv(squares[cuts - 1])
    late = np.linalg.inv(squares[-1] - squares[cuts - 1])
    is_early = np.arange(n) < cuts[:, None]
    # what each row's residual contributes to the error of (second − first)
    weight = np.where(is_early[..., None], -(x @ early[:, :, tested]), x @ late[:, :, tested])
    walds = np.empty((len(series), len(cuts)))
    for b, y in enumerate(series):  # one at a time: each is an array of cuts × rows already
        products = np.cumsum(x * y[:, None], axis=0)
        first = np.einsum("ckl,cl->ck", early, products[cuts - 1])
        second = np.einsum("ckl,cl->ck", late, products[-1] - products[cuts - 1])
        residuals = y - np.where(is_early, first @ x.T, second @ x.T)
        covariance = n / (n - 2 * k) * long_run(weight * residuals[..., None], lags)
        change = (second - first)[:, tested]
        walds[b] = (change * np.linalg.solve(covariance, change[..., None])[..., 0]).sum(axis=-1)
    return walds
