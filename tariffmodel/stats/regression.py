"""How does one series move with others, and how surely?

One least squares, one set of errors and one guard against regressors that repeat each other. Every
covariance is put together from `Least.influence`, what each row adds to the coefficients: squared
(White), row by row with its neighbours (`long_run`, Newey and West) or summed by cluster
(`clustered`).

Missing values: a regression uses the rows on which everything is present; nothing is filled. Rows
left out are closed up, so a lag of the Newey-West sum is a lag in rows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from scipy import linalg, stats

from tariffmodel.errors import DataError

SINGULAR = 1e-10  # share of a regressor's squares that the others must leave
_ROUNDING = 1e-12

__all__ = [
    "SINGULAR",
    "Fit",
    "Least",
    "betas",
    "clustered",
    "design",
    "fit",
    "hac_lags",
    "inference",
    "least_squares",
    "long_run",
    "panel",
    "refuse_collinear",
    "refuse_dates",
    "white",
    "within",
]


class Least(NamedTuple):
    """Least squares of y (n,) on X (n, k), in arrays."""

    params: np.ndarray  #: (k,)
    residuals: np.ndarray  #: (n,)
    influence: np.ndarray  #: (n, k) rows (X'X)⁻¹ x_t e_t, which sum to zero
    leverage: np.ndarray  #: (n,) x_t'(X'X)⁻¹x_t


def least_squares(y: np.ndarray, x: np.ndarray) -> Least:
    """Coefficients and what each row adds to them.

    >>> found = least_squares(np.array([1.0, 2.0, 4.0]), np.array([[1.0, 0], [1, 1], [1, 2]]))
    >>> found.params.round(3)
    array([0.833, 1.5  ])
    >>> found.leverage.round(3)  # sums to the number of coefficients
    array([0.833, 0.333, 0.833])
    """
    solver = linalg.pinv(x)  # (X'X)⁻¹X', without squaring the condition of X
    params = solver @ y
    residuals = y - x @ params
    return Least(params, residuals, solver.T * residuals[:, None], (x * solver.T).sum(axis=1))


def hac_lags(n: int, horizon: int = 1) -> int:
    """Lags of the Newey-West sum: the one rule of this package.

    ⌊4 (n/100)^(2/9)⌋ (Newey and West 1994, Bartlett kernel), and at least `horizon` where returns
    span several rows and so overlap.

    >>> hac_lags(250), hac_lags(250, horizon=10), hac_lags(4, horizon=10)
    (4, 10, 3)
    """
    return min(max(int(4 * (n / 100) ** (2 / 9)), horizon if horizon > 1 else 0), n - 1)


def long_run(scores: np.ndarray, lags: int) -> np.ndarray:
    """Bartlett-weighted sum of autocovariances over the rows: (..., n, k) to (..., k, k).

    >>> long_run(np.array([[1.0], [-1], [1], [-1]]), lags=1)  # 4 + ½ · 2 · (−3)
    array([[1.]])
    """
    turned = np.swapaxes(scores, -1, -2)
    total = turned @ scores
    for lag in range(1, lags + 1):
        moment = turned[..., lag:] @ scores[..., :-lag, :]
        total = total + (1 - lag / (lags + 1)) * (moment + np.swapaxes(moment, -1, -2))
    return np.asarray(total)


def white(found: Least, kind: Literal["HC1", "HC3"] = "HC3") -> np.ndarray:
    """Covariance (k, k) that lets each row have its own variance (MacKinnon and White 1985).

    HC1 scales by n/(n − k); HC3 divides each residual by 1 − its leverage.

    >>> x = np.column_stack([np.ones(5), np.arange(5)])
    >>> white(least_squares(np.array([1.0, 0, 2, 4, 3]), x)).round(3)
    array([[ 1.37 , -0.478],
           [-0.478,  0.239]])
    """
    n, k = found.influence.shape
    if kind == "HC1":
        return np.asarray(n / (n - k) * found.influence.T @ found.influence)
    outside = found.influence / (1 - found.leverage)[:, None]
    return np.asarray(outside.T @ outside)


def clustered(influence: np.ndarray, clusters: Sequence[np.ndarray], *, debias: bool = False) -> np.ndarray:
    """Covariance (k, k) that lets the rows of a cluster move together (Liang and Zeger 1986).

    Two clusterings: the sum of the two less that of their intersection (Cameron, Gelbach and Miller
    2011), which need not be positive.

    Parameters
    ----------
    influence : (n, k)
    clusters : one or two arrays (n,) of codes
    debias : bool
        Times G/(G − 1) · (n − 1)/n for the G clusters of each sum.

    >>> rows = np.array([[0.1], [0.2], [-0.1], [-0.2]])
    >>> clustered(rows, [np.array([0, 0, 1, 1])]).round(3)
    array([[0.18]])
    """
    n = len(influence)
    parts = [(1, np.unique(codes, return_inverse=True)[1]) for codes in clusters]
    if len(parts) == 2:
        both = np.stack([code for _, code in parts], axis=1)
        parts.append((-1, np.unique(both, axis=0, return_inverse=True)[1].ravel()))
    total = np.zeros((influence.shape[1],) * 2)
    for sign, code in parts:
        groups = int(code.max()) + 1
        sums = np.zeros((groups, influence.shape[1]))
        np.add.at(sums, code, influence)
        factor = groups / (groups - 1) * (n - 1) / n if debias else 1.0
        total += sign * factor * (sums.T @ sums)
    return total


def inference(value: pd.Series, error: pd.Series, df: int, level: float = 0.95) -> pd.DataFrame:
    """Estimates with their errors as a table: `value`, `standard_error`, `t`, `p`, `low`, `high`.

    Student's t with `df` degrees of freedom; `low` and `high` hold the value at `level`.

    >>> inference(pd.Series({"fx": 0.8}), pd.Series({"fx": 0.3}), df=60).round(3)
        value  standard_error      t     p  low  high
    fx    0.8             0.3  2.667  0.01  0.2   1.4
    """
    t = value / error
    reach = stats.t.ppf((1 + level) / 2, df) * error
    columns = {"value": value, "standard_error": error, "t": t, "p": 2 * stats.t.sf(t.abs(), df)}
    return pd.DataFrame(columns | {"low": value - reach, "high": value + reach})


@dataclass(frozen=True)
class Fit:
    """A linear regression: what was estimated, and how surely.

    Attributes
    ----------
    params : Series
        By regressor; ``const`` is the intercept, per row.
    covariance : DataFrame
        Of `params`; its kind is in `errors`.
    residuals : Series
        On the rows used.
    n, df : int
        Rows, and degrees of freedom of the Student t behind `p`, `low` and `high`.

    Examples
    --------
    >>> rows = pd.DataFrame({"fx": [0.0, 1.0, 2.0, 3.0], "fx_lag1": [1.0, 0.0, 0.0, 1.0]})
    >>> found = fit(pd.Series([1.0, 3.0, 5.0, 7.1]), rows)
    >>> found.table().index.tolist(), list(found.table())
    (['const', 'fx', 'fx_lag1'], ['value', 'standard_error', 't', 'p', 'low', 'high'])
    >>> bool(np.isclose(found.total("fx")["value"], found.params[["fx", "fx_lag1"]].sum()))
    True
    """

    params: pd.Series
    covariance: pd.DataFrame
    residuals: pd.Series
    n: int
    df: int
    r_squared: float
    errors: str

    def table(self, level: float = 0.95) -> pd.DataFrame:
        """One row per regressor: `value`, `standard_error`, `t`, `p`, `low`, `high`."""
        with np.errstate(invalid="ignore"):  # two-way clustered variances can be negative: then NaN
            error = np.sqrt(np.diag(self.covariance))
        return inference(self.params, pd.Series(error, self.params.index), self.df, level)

    def total(self, name: str, level: float = 0.95) -> pd.Series:
        """Sum of the coefficients of `name` and its leads and lags (Dimson 1979), as a row of `table`.

        The standard error is that of the sum, covariances included.
        """
        pattern = re.compile(re.escape(name) + r"(_(lead|lag)\d+)?")
        names = [column for column in self.params.index if pattern.fullmatch(column)]
        if not names:
            raise DataError(f"{name!r} is not a regressor; choose from {', '.join(self.params.index)}")
        value = self.params[names].sum()
        with np.errstate(invalid="ignore"):
            error = np.sqrt(self.covariance.loc[names, names].to_numpy().sum())
        return inference(pd.Series({name: value}), pd.Series({name: error}), self.df, level).iloc[0]


def fit(returns: pd.Series, factors: pd.DataFrame, *, hac_lags: int | None = None, horizon: int = 1) -> Fit:
    """Least squares with an intercept and the errors of Newey and West (1987), Bartlett weights.

    Parameters
    ----------
    returns : Series
        By date, fractions.
    factors : DataFrame
        Date × factor, fractions; leads and lags named ``fx_lead1``, ``fx_lag1``, for `Fit.total`.
    hac_lags : int, optional
        Default: the rule of `hac_lags` for these rows and this `horizon`.
    horizon : int
        Rows that a return spans: overlapping returns are correlated over `horizon` − 1 rows.

    Notes
    -----
    V = n/(n−k) (X'X)⁻¹ [Γ₀ + Σ_j (1 − j/(L+1)) (Γ_j + Γ_j')] (X'X)⁻¹ with Γ_j = Σ_t x_t e_t e_{t−j} x_{t−j}'.
    Student t with n − k degrees of freedom.

    Raises
    ------
    DataError
        No common dates, fewer rows than coefficients, a constant series, factors that are
        combinations of each other.

    Examples
    --------
    >>> fx = pd.Series([0.01, -0.02, 0.0, 0.03, -0.01, 0.02], pd.date_range("2025-01-03", periods=6))
    >>> share = 0.8 * fx + pd.Series([0.001, -0.001, 0.002, -0.002, 0.001, -0.001], fx.index)
    >>> fit(share, fx.to_frame("fx")).table().round(3)[["value", "standard_error", "p"]]
           value  standard_error      p
    const  0.000           0.000  0.665
    fx     0.766           0.038  0.000
    """
    y, x = design(returns, factors)
    n, k = x.shape
    lags = _lags(n, hac_lags, horizon)
    found = least_squares(y.to_numpy(), x.to_numpy())
    names = x.columns
    return Fit(
        params=pd.Series(found.params, names),
        covariance=pd.DataFrame(n / (n - k) * long_run(found.influence, lags), names, names),
        residuals=pd.Series(found.residuals, y.index),
        n=n,
        df=n - k,
        r_squared=1 - float(found.residuals @ found.residuals / ((y - y.mean()) ** 2).sum()),
        errors=f"Newey-West, {lags} lags",
    )


def within(
    y: pd.Series, x: pd.DataFrame, effect: np.ndarray, clusters: Sequence[np.ndarray], *, debias: bool = False
) -> Fit:
    """Least squares with one intercept per group, clustered errors.

    Parameters
    ----------
    y, x : Series (n,), DataFrame (n, k)
        Complete rows.
    effect : (n,)
        Codes of the groups whose intercepts are absorbed.
    clusters : one or two arrays (n,)
        See `clustered`, with `debias`.

    Notes
    -----
    V is scaled by n/(n − k), the groups counted in k unless they are the clusters themselves. `df` is
    the smaller number of clusters less one; `r_squared` is that within groups.

    >>> firm, day = np.repeat([0, 1, 2], 3), np.tile([0, 1, 2], 3)
    >>> x = pd.DataFrame({"fx": [1.0, 2, 4, 2, 3, 1, 0, 2, 5]})
    >>> y = 0.5 * x["fx"] + firm + [0.1, 0, -0.1, 0, 0.1, -0.1, -0.1, 0, 0.1]
    >>> found = within(y, x, firm, [day])
    >>> found.table().round(3)[["value", "standard_error", "p"]]
        value  standard_error    p
    fx  0.521           0.006  0.0
    """
    own, moved = (part - part.groupby(effect).transform("mean") for part in (y, x))
    found = least_squares(own.to_numpy(), moved.to_numpy())
    n, k = x.shape
    groups = len(np.unique(effect))
    pairs = (len(np.unique(np.stack([effect, codes], axis=1), axis=0)) for codes in clusters)
    nested = all(number == groups for number in pairs)
    covariance = clustered(found.influence, clusters, debias=debias) * n / (n - k - groups * (not nested))
    counts = [len(np.unique(codes)) for codes in clusters]
    return Fit(
        params=pd.Series(found.params, x.columns),
        covariance=pd.DataFrame(covariance, x.columns, x.columns),
        residuals=pd.Series(found.residuals, y.index),
        n=n,
        df=min(counts) - 1,
        r_squared=1
        - float(found.residuals @ found.residuals) / (float((own.to_numpy() ** 2).sum()) or np.nan),
        errors=f"clustered, {' and '.join(map(str, counts))} clusters",
    )


def panel(data: pd.DataFrame, factors: Sequence[str], *, returns: str = "share") -> Fit:
    """One set of coefficients for many firms, with firm effects, errors clustered by firm and by day.

    Parameters
    ----------
    data : DataFrame
        Indexed by (firm, date); rows with a missing value are left out.
    factors : sequence of str
        Columns of `data`; add columns such as ``fx`` × after for changes.

    Notes
    -----
    Two-way clustering (Cameron, Gelbach and Miller 2011). With few firms it understates the errors;
    p-values and ranges use Student's t with the smaller number of clusters less one, which helps and
    does not cure.

    Raises
    ------
    DataError
        A single firm, or unknown, constant or collinear columns.

    Examples
    --------
    >>> rows = pd.MultiIndex.from_product([["Toyota", "Honda"], pd.date_range("2025-01-03", periods=4)])
    >>> data = pd.DataFrame({"fx": [0.01, -0.02, 0.0, 0.03] * 2}, rows)
    >>> data["share"] = 0.8 * data["fx"] + [0.001, 0, -0.001, 0, 0.002, 0, 0, -0.002]
    >>> panel(data, ["fx"]).params.round(3).to_dict()
    {'fx': 0.788}
    """
    absent = [name for name in [returns, *factors] if name not in data.columns]
    if absent:
        raise DataError(f"no column {', '.join(absent)} in the panel; it has {', '.join(data.columns)}")
    rows = data[[returns, *factors]].dropna()
    firm, day = (pd.factorize(rows.index.get_level_values(level))[0] for level in (0, 1))
    firms, days = (len(np.unique(codes)) for codes in (firm, day))
    if firms < 2:
        raise DataError(f"{firms} firm with complete rows; a panel needs two, use `fit` for one")
    x = rows[list(factors)]
    moved = x - x.groupby(firm).transform("mean")
    refuse_collinear(moved, before=x)
    found = within(rows[returns], x, firm, [firm, day])
    return replace(found, errors=f"clustered by firm ({firms}) and day ({days})")


def betas(returns: pd.DataFrame, factors: pd.DataFrame) -> pd.DataFrame:
    """Slopes of many series on the same factors over the same rows, series × factor, intercept included.

    Raises
    ------
    DataError
        Factors that are constant or combinations of each other.

    Examples
    --------
    >>> index = pd.DataFrame({"market": [0.01, -0.02, 0.00, 0.03]})
    >>> shares = pd.DataFrame({"BMW": 1.2 * index["market"], "VW": 0.9 * index["market"] + 0.001})
    >>> betas(shares, index).round(3)
         market
    BMW     1.2
    VW      0.9
    """
    moved, own = factors - factors.mean(), returns - returns.mean()
    refuse_collinear(moved, before=factors)
    slopes = np.linalg.lstsq(moved.to_numpy(), own.to_numpy())[0]
    return pd.DataFrame(slopes.T, returns.columns, factors.columns)


def design(
    returns: pd.Series, factors: pd.DataFrame, *, constant: bool = True
) -> tuple[pd.Series, pd.DataFrame]:
    """Rows with everything present, factors after a column of ones; refuses what cannot be estimated.

    Without a `constant` there is no such column, and a factor may be one itself.

    >>> days = pd.date_range("2025-01-03", periods=4)
    >>> y, x = design(pd.Series([0.1, 0.2, None, 0.1], days), pd.DataFrame({"fx": [0.0, 1, 2, 3]}, days))
    >>> list(x), len(y)
    (['const', 'fx'], 3)
    """
    refuse_dates(returns=returns.index, factors=factors.index)
    rows = pd.concat([returns.rename("returns"), factors], axis=1, join="inner").dropna()
    k = factors.shape[1] + constant
    if rows.empty:
        raise DataError("no date has both returns and all factors; check calendars and spans")
    if len(rows) <= k:
        raise DataError(
            f"{len(rows)} complete rows for {k} coefficients; lengthen the sample or drop factors"
        )
    y, x = rows.iloc[:, 0].astype(float), rows.iloc[:, 1:].astype(float)
    endless = pd.Series(np.isinf(y.to_numpy()) | np.isinf(x.to_numpy()).any(axis=1), y.index)
    if endless.any():
        raise DataError(
            f"an infinite value on {endless.idxmax()}: the return of a price of zero; correct the price"
        )
    if y.max() == y.min():
        raise DataError(f"returns are {y.iloc[0]:g} on all {len(y)} dates; a constant series has no beta")
    refuse_collinear(x - x.mean() * constant, before=x)
    if constant:
        x.insert(0, "const", 1.0)
    return y, x


def refuse_dates(**tables: pd.Index) -> None:
    """Each date once and in order.

    >>> refuse_dates(returns=pd.DatetimeIndex(["2025-01-06", "2025-01-03"]))
    Traceback (most recent call last):
    tariffmodel.errors.DataError: the dates of returns are not in order; call sort_index() first
    """
    for name, index in tables.items():
        if not index.is_unique:
            raise DataError(f"{name} has {index[index.duplicated()][0]} twice; keep one row per date")
        if not index.is_monotonic_increasing:
            raise DataError(f"the dates of {name} are not in order; call sort_index() first")


def refuse_collinear(
    columns: pd.DataFrame,
    what: str = "factors",
    remedy: str = "drop it",
    *,
    before: pd.DataFrame | None = None,
) -> None:
    """Each column must keep a share of its squares that the columns before it do not explain.

    Parameters
    ----------
    columns : DataFrame (n, k)
        Less their means, if there is an intercept.
    what, remedy : str
        What the columns are, and what to do: for the message.
    before : DataFrame (n, k), optional
        The columns before their means were taken off: what is left of a constant is their rounding.

    >>> refuse_collinear(pd.DataFrame({"fx": [1.0, -1, 0], "again": [2.0, -2, 0]}))
    Traceback (most recent call last):
    tariffmodel.errors.DataError: again is constant or a combination of the other factors; drop it
    """
    if not columns.shape[1]:
        raise DataError(f"no {what}; name at least one column")
    norm = np.sqrt((columns**2).sum())
    if before is not None:
        norm = norm.where(norm > _ROUNDING * np.sqrt((before**2).sum()), np.inf)
    scaled = (columns / norm.where(norm > 0, np.inf)).to_numpy(dtype=float)
    left = np.zeros(columns.shape[1])
    diagonal = np.diag(linalg.qr(scaled, mode="r")[0])
    left[: len(diagonal)] = diagonal**2
    if left.min() < SINGULAR:
        name = columns.columns[int(left.argmin())]
        raise DataError(f"{name} is constant or a combination of the other {what}; {remedy}")


def _lags(n: int, given: int | None, horizon: int) -> int:
    lags = hac_lags(n, horizon) if given is None else given
    if not 0 <= lags < n:
        raise DataError(f"hac_lags is {lags} with {n} rows; use a number from 0 to {n - 1}")
    return lags
