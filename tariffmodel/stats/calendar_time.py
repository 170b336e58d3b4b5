"""Did firms earn more than their risk explains while they were in their event window?

The calendar-time portfolio of Jaffe (1974) and Mandelker (1974), which Fama (1998) recommends for long
windows: one return a day, of all firms that are in their window on it, regressed on factors. However
many firms share a day, it is one row: their correlation is in the row's variance.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.stats.normal_returns import Array
from tariffmodel.stats.regression import Fit, design, fit, least_squares

Errors = Literal["hac", "ols", "wls"]

__all__ = ["Errors", "alpha", "portfolio"]


def portfolio(
    returns: Array, places: Array, dates: pd.DatetimeIndex, firm: Array | None = None
) -> pd.DataFrame:
    """Firms in their event window by date, and their mean return.

    Parameters
    ----------
    returns, places : (n, L)
        Return of each firm-event on each day of its window, and the row of `dates` it falls on.
    firm : (n,), optional
        Codes. A firm in the windows of several events on one date is then held once.

    Returns
    -------
    DataFrame
        Indexed by date: `firms` and `mean`; dates without a firm are left out.

    Examples
    --------
    >>> days = pd.to_datetime(["2025-04-03", "2025-04-04", "2025-04-07"])
    >>> held = portfolio(np.array([[-0.02, 0.01], [-0.03, np.nan]]), np.array([[0, 1], [1, 2]]), days)
    >>> held["firms"].tolist(), held["mean"].round(3).tolist()
    ([1, 2], [-0.02, -0.01])
    """
    here = np.isfinite(returns)
    if firm is not None:
        held = places + (int(places.max()) + 1) * firm[:, None]
        first = np.unique(np.where(here, held, -1), return_index=True)[1]
        here &= np.isin(np.arange(held.size), first).reshape(held.shape)
    by_date = pd.Series(returns[here], dates[places[here]]).groupby(level=0)
    return pd.DataFrame({"firms": by_date.size(), "mean": by_date.mean()}).rename_axis("date")


def alpha(held: pd.DataFrame, factors: pd.DataFrame, errors: Errors = "hac", fewest: int = 1) -> Fit:
    """Regress the portfolio's returns on factors: ``const`` is its abnormal return a day.

    Parameters
    ----------
    held : DataFrame
        By date: `firms` and `mean`, as `portfolio` gives it, in excess of the bill if the factors are.
    factors : DataFrame
        Date × factor, fractions: the market, or those of Fama and French (1993).
    errors : "hac", "ols" or "wls"
        Newey and West (1987); classical; or classical with each date weighted by its number of firms, which
        is efficient if firms are uncorrelated and their own noise is all there is.
    fewest : int
        Dates with fewer firms are left out.

    Raises
    ------
    DataError
        Too few dates with `fewest` firms and all factors, or factors that repeat each other.

    Examples
    --------
    >>> random, days = np.random.default_rng(0), pd.bdate_range("2025-01-02", periods=60)
    >>> market = pd.DataFrame({"market": random.normal(0, 0.01, 60)}, days)
    >>> mean = 0.002 + market["market"] + random.normal(0, 0.002, 60)
    >>> held = pd.DataFrame({"firms": 5, "mean": mean}, days)
    >>> alpha(held, market, "ols").table().loc["const", ["value", "standard_error"]].round(4).tolist()
    [0.0022, 0.0003]
    """
    if errors not in ("hac", "ols", "wls"):
        raise DataError(f"errors {errors!r}: write 'hac', 'ols' or 'wls'")
    kept = held[held["firms"] >= fewest]
    if kept.empty:
        raise DataError(
            f"no date has {fewest} firms in their event window; the most is {held['firms'].max()}"
        )
    if errors == "hac":
        return fit(kept["mean"], factors)
    y, x = design(kept["mean"], factors)
    weights = kept["firms"].reindex(y.index).to_numpy(dtype=float) if errors == "wls" else np.ones(len(y))
    root = np.sqrt(weights)
    found = least_squares(y.to_numpy() * root, x.to_numpy() * root[:, None])
    n, k = x.shape
    rest = float(found.residuals @ found.residuals)
    turned = np.linalg.inv((x.to_numpy() * weights[:, None]).T @ x.to_numpy())
    total = float(weights @ (y.to_numpy() - np.average(y, weights=weights)) ** 2)
    return Fit(
        params=pd.Series(found.params, x.columns),
        covariance=pd.DataFrame(rest / (n - k) * turned, x.columns, x.columns),
        residuals=pd.Series(found.residuals / root, y.index),
        n=n,
        df=n - k,
        r_squared=1 - rest / total,
        errors="weighted by number of firms" if errors == "wls" else "classical",
    )
