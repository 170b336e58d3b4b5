"""How much does a share move with its currency and its market, how surely, and did that change?

The sign, everywhere: the currency factor is the log change of HOME currency per US dollar, so a
positive beta means that the share gains when its home currency weakens (Adler and Dumas 1984; Jorion
1990). Functions on plain frames come first: `regress` (least squares, Newey-West errors), `rolling`,
`kalman`, `regimes`, `unknown_break`, `panel`. Below them, `sample` builds the frame of one maker, and
`table`, `choices` and `breaks` run them for all makers.

Missing values: a regression uses the rows on which the share and every factor are present; nothing
is filled. Rows left out are closed up, so a lag of the Newey-West sum is a lag in rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

import numpy as np
import pandas as pd
from scipy import linalg, optimize, special, stats

from tariffmodel.markets import market
from tariffmodel.errors import DataError
from tariffmodel.facts import Facts
from tariffmodel.markets.market import Horizon

Effect = Literal["residual", "total"]

TARIFF_DAY = date(2025, 4, 3)  # the 25% duty on cars takes effect
CHOICES: dict[str, tuple[Horizon, int, int]] = {  # horizon, leads, lags
    "daily": (1, 0, 0),
    "daily, one lead and one lag": (1, 1, 1),
    "two days, overlapping": (2, 0, 0),
    "five days, overlapping": (5, 0, 0),
    "weekly": ("weekly", 0, 0),
}
_SINGULAR = 1e-10  # share of a factor's variance that the other factors must leave unexplained
_BLOCK = 64  # series at a time, so that rolling sums stay in memory that is quick to reach


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
        return pd.DataFrame({name: self._estimate([name], level) for name in self.params.index}).T

    def total(self, name: str, level: float = 0.95) -> pd.Series:
        """Sum of the coefficients of `name` and its leads and lags (Dimson 1979), as a row of
        `table`. The standard error is that of the sum, covariances included."""
        pattern = re.compile(re.escape(name) + r"(_(lead|lag)\d+)?")
        names = [column for column in self.params.index if pattern.fullmatch(column)]
        if not names:
            raise DataError(f"{name!r} is not a regressor; choose from {', '.join(self.params.index)}")
        return self._estimate(names, level)

    def _estimate(self, names: list[str], level: float) -> pd.Series:
        value = self.params[names].sum()
        with np.errstate(invalid="ignore"):  # two-way clustered variances can be negative: then NaN
            error = np.sqrt(self.covariance.loc[names, names].to_numpy().sum())
        reach = stats.t.ppf((1 + level) / 2, self.df) * error
        t = value / error
        return pd.Series(
            {
                "value": value,
                "standard_error": error,
                "t": t,
                "p": 2 * stats.t.sf(abs(t), self.df),
                "low": value - reach,
                "high": value + reach,
            },
            name=names[0],
        )


def regress(
    returns: pd.Series, factors: pd.DataFrame, *, hac_lags: int | None = None, horizon: int = 1
) -> Fit:
    """Least squares with an intercept and the errors of Newey and West (1987), Bartlett weights.

    Parameters
    ----------
    returns : Series
        By date, fractions.
    factors : DataFrame
        Date × factor, fractions; leads and lags named as `market.factors` does.
    hac_lags : int, optional
        Default: ⌊4 (n/100)^(2/9)⌋ (Newey and West 1994, Bartlett kernel), and at least `horizon`.
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
    """
    y, x = _design(returns, factors)
    n, k = x.shape
    lags = _lags(n, horizon) if hac_lags is None else hac_lags
    if not 0 <= lags < n:
        raise DataError(f"hac_lags is {lags} with {n} rows; use a number from 0 to {n - 1}")
    solver = linalg.pinv(x)  # (X'X)⁻¹X', without squaring the condition of X
    params = solver @ y
    residuals = y - x.to_numpy() @ params
    influence = solver.T * residuals.to_numpy()[:, None]
    names = x.columns
    return Fit(
        params=pd.Series(params, names),
        covariance=pd.DataFrame(n / (n - k) * _long_run(influence, lags), names, names),
        residuals=residuals,
        n=n,
        df=n - k,
        r_squared=1 - float(residuals @ residuals / ((y - y.mean()) ** 2).sum()),
        errors=f"Newey-West, {lags} lags",
    )


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
    """
    names, series = list(factors.columns), list(returns.columns)
    k, rows = len(names), len(returns)
    least = -(-4 * window // 5) if min_obs is None else min_obs
    _refuse_dates(returns=returns.index, factors=factors.index)
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
    _refuse_singular(x[complete])
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


def kalman(returns: pd.Series, factors: pd.DataFrame) -> Path:
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

    Raises
    ------
    DataError
        As `regress`.
    """
    from statsmodels.tsa.statespace.initialization import Initialization  # slow to import
    from statsmodels.tsa.statespace.kalman_smoother import KalmanSmoother

    y, x = _design(returns, factors)
    first, last = x.index[[0, -1]]
    days = returns.loc[first:last].index
    spread, scale = y.std(), x.std().replace(0, 1).to_numpy()  # the constant keeps its size
    x, y = x.reindex(days) / scale, y.reindex(days) / spread
    k = x.shape[1]
    model = KalmanSmoother(k_endog=1, k_states=k, k_posdef=k - 1)
    model.bind(y.to_numpy()[:, None].copy())
    model["design"] = x.fillna(0.0).to_numpy().T[None]
    model["transition"] = np.eye(k)
    model["selection"] = np.eye(k)[:, 1:]
    model.initialize(Initialization(k, "diffuse"))

    def surprise(log_sd: np.ndarray) -> float:
        model["obs_cov", 0, 0] = np.exp(2 * log_sd[0])
        model["state_cov"] = np.diag(np.exp(2 * log_sd[1:]))
        return -float(model.loglike()) / len(y)

    bounds = [(-6.0, 2.0), *[(-12.0, 1.0)] * (k - 1)]
    starts = [np.r_[np.log(0.7), np.full(k - 1, np.log(step))] for step in (0.01, 0.1)]
    found = [optimize.minimize(surprise, start, method="L-BFGS-B", bounds=bounds) for start in starts]
    best = min(found, key=lambda one: one.fun)
    surprise(best.x)
    path = model.smooth()
    unit = spread / scale
    variance = np.diagonal(path.smoothed_state_cov, axis1=0, axis2=1)
    sd = np.exp(best.x)
    return Path(
        smoothed=pd.DataFrame(path.smoothed_state.T * unit, days, x.columns),
        standard_error=pd.DataFrame(np.sqrt(variance) * unit, days, x.columns),
        step=pd.Series(sd[1:] * unit[1:], x.columns[1:]),
        noise=float(sd[0] * spread),
        log_likelihood=-best.fun * len(y) - int(y.notna().sum()) * float(np.log(spread)),
        n=int(y.notna().sum()),
    )


@dataclass(frozen=True)
class Regimes:
    """Coefficients before and from a day on.

    `fit` holds the coefficients before it, and under ``change:…`` what was added to each;
    ``fit.total("change:fx")`` sums over leads and lags. `wald` tests that nothing changed with
    Newey-West errors, `chow` is the F of Chow (1960), which takes the errors as alike and
    independent.
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

    Parameters and errors as in `regress`; either side must have more rows than coefficients.
    """
    y, x = _design(returns, factors)
    n, k = x.shape
    later = (x.index >= pd.Timestamp(day)).astype(float)
    n_after = int(later.sum())
    if min(n_after, n - n_after) <= k:
        raise DataError(
            f"{n - n_after} rows before {day} and {n_after} after it; each side needs more than {k}: "
            "move the day or lengthen the sample"
        )
    change = (x * later[:, None]).add_prefix("change:")
    fit = regress(y, x.drop(columns="const").join(change), hac_lags=hac_lags, horizon=horizon)
    moved = list(change.columns)
    order = [*x.columns, *moved]
    fit = replace(fit, params=fit.params[order], covariance=fit.covariance.loc[order, order])
    shift = fit.params[moved].to_numpy()
    wald = float(shift @ linalg.solve(fit.covariance.loc[moved, moved], shift, assume_a="pos"))
    pooled = regress(y, x.drop(columns="const"), hac_lags=0).residuals
    free = float(fit.residuals @ fit.residuals)
    chow = (float(pooled @ pooled) - free) / k / (free / (n - 2 * k))
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
        As `regress`; unknown regressors; `trim` outside (0, 0.5) or too short for the coefficients.
    """
    from statsmodels.stats.diagnostic import breaks_cusumolsresid  # slow to import

    y, x = _design(returns, factors)
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
    lags = _lags(n, horizon) if hac_lags is None else hac_lags
    residuals = regress(y, x.drop(columns="const"), hac_lags=0).residuals.to_numpy()
    flips = np.random.default_rng(seed).choice([-1.0, 1.0], (draws, -(-n // horizon)))
    # the statistic does not depend on the coefficients, so the draws need no fitted part
    series = np.vstack([y, np.repeat(flips, horizon, axis=1)[:, :n] * residuals])
    walds = _wald_paths(x.to_numpy(), series, cuts, x.columns.get_indexer(chosen), lags)
    path = pd.Series(walds[0], x.index[cuts], name="wald")
    sup = walds.max(axis=1)
    cusum, cusum_p, _ = breaks_cusumolsresid(residuals, ddof=k)
    return UnknownBreak(
        day=path.idxmax(),
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
    """
    width = 2 * np.log((1 - trim) / trim)

    def tail(x: np.ndarray) -> np.ndarray:
        size = np.exp(q / 2 * np.log(x / 2) - x / 2 - special.gammaln(q / 2))
        return np.asarray(size * ((1 - q / x) * width + 2 / x))

    grid = np.linspace(0.05, 10.0 * q, 2000)
    falls = np.maximum.accumulate(tail(grid)[::-1])[::-1]  # with wide trims it may rise again once
    start, high = grid[int(tail(grid).argmax())], min(float(falls[0]), 1.0)
    if statistic < start:
        return 1 - (1 - high) * statistic / start
    if statistic < grid[-1]:
        return min(float(np.interp(statistic, grid, falls)), 1.0)
    return min(float(tail(np.array(statistic))), 1.0)


def panel(data: pd.DataFrame, factors: Sequence[str], *, returns: str = "share") -> Fit:
    """One set of coefficients for many firms, with firm effects, errors clustered by firm and by day.

    Parameters
    ----------
    data : DataFrame
        Indexed by (firm, date), as `pd.concat` of `sample` frames by maker; rows with a missing value
        are left out.
    factors : sequence of str
        Columns of `data`; add columns such as ``fx`` × after for changes.

    Notes
    -----
    Two-way clustering (Cameron, Gelbach and Miller 2011) through `linearmodels`. With few firms it
    understates the errors; p-values and ranges use Student's t with the smaller number of clusters
    less one, which helps and does not cure.

    Raises
    ------
    DataError
        A single firm, or unknown, constant or collinear columns.
    """
    from linearmodels.panel import PanelOLS  # slow to import

    absent = [name for name in [returns, *factors] if name not in data.columns]
    if absent:
        raise DataError(f"no column {', '.join(absent)} in the panel; it has {', '.join(data.columns)}")
    rows = data[[returns, *factors]].dropna()
    firms, days = (level.nunique() for level in map(rows.index.get_level_values, (0, 1)))
    if firms < 2:
        raise DataError(f"{firms} firm with complete rows; a panel needs two, use `regress` for one")
    within = rows - rows.groupby(level=0).transform("mean")
    _refuse_singular(within[list(factors)])
    found = PanelOLS(rows[returns], rows[list(factors)], entity_effects=True).fit(
        cov_type="clustered", cluster_entity=True, cluster_time=True
    )
    return Fit(
        params=found.params,
        covariance=found.cov,
        residuals=found.resids,
        n=int(found.nobs),
        df=min(firms, days) - 1,
        r_squared=float(found.rsquared_within),
        errors=f"clustered by firm ({firms}) and day ({days})",
    )


def sample(
    facts: Facts,
    maker: str,
    *,
    ticker: str | None = None,
    rival: str = "JPY",
    horizon: Horizon = "weekly",
    leads: int = 0,
    lags: int = 0,
    start: date | None = None,
    end: date | None = None,
) -> pd.DataFrame:
    """Log returns of a maker's share with its currency and its market, on the share's sessions.

    Returns are in HOME currency, the one the maker reports in: a line quoted in another (Stellantis and
    Ferrari in New York, the ADRs of Toyota and Honda) gets the change of home per listing currency
    added. The market is the benchmark of the home currency, in that currency.

    Parameters
    ----------
    ticker : str, optional
        Default: the maker's line in data/companies/makers.csv.
    rival : str
        Currency for makers that report in dollars: a positive beta means that the share gains when
        the rivals' currency weakens.
    horizon, leads, lags
        As in `market.factors`. Weekly by default: the fixing comes six hours after Tokyo's close and
        eight before New York's, which is little in a week and much in a day.
    start, end : date, optional
        First and last row.

    Returns
    -------
    DataFrame
        By date: `share`, `fx` (log change of home, or rival, currency per USD), `market`, then their
        leads and lags, fractions. `attrs`: `ticker`, `currency`, `role` (home or rival), `market`.

    Raises
    ------
    DataError
        A maker without a line with prices, or a currency without a benchmark index.
    """
    if maker not in facts.makers.index:
        raise DataError(f"{maker!r} is not a maker; choose from {', '.join(facts.makers.index)}")
    line = ticker or facts.makers.at[maker, "ticker"]
    if not isinstance(line, str):
        raise DataError(f"{maker} has no share line with prices; name one with ticker=")
    home = str(facts.makers.at[maker, "reporting_currency"])
    share = market.returns(facts, [line], horizon=horizon)[line]
    calendar, listing = facts.instruments.loc[line, ["exchange_calendar", "currency"]]
    currency = rival if home == "USD" else home
    index = _benchmark(facts, line, home)

    def changes(name: str, role: str) -> pd.DataFrame:
        moves = market.factors(facts, [name], calendar, horizon=horizon, leads=leads, lags=lags)
        return moves.rename(columns=lambda column: role + column.removeprefix(name))

    if listing != home:
        for unit, sign in ((home, 1), (listing, -1)):
            if unit != "USD":
                share = share + sign * market.factors(facts, [unit], calendar, horizon=horizon)[unit]
    parts = [share.rename("share"), changes(currency, "fx"), changes(index, "market")]
    frame = pd.concat(parts, axis=1).loc[_stamp(start) : _stamp(end)]
    frame.attrs = {
        "unit": f"log return in {home}, horizon {horizon}",
        "ticker": line,
        "currency": currency,
        "role": "rival" if home == "USD" else "home",
        "market": index,
    }
    return frame


def table(
    facts: Facts,
    *,
    makers: Sequence[str] | None = None,
    effect: Effect = "residual",
    horizon: Horizon = "weekly",
    leads: int = 0,
    lags: int = 0,
    rival: str = "JPY",
    start: date | None = None,
    end: date | None = None,
    hac_lags: int | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Currency and market betas of every maker's share.

    Parameters
    ----------
    effect : "residual" or "total"
        Residual: given the market. Total: what a currency move does in all, through the market as
        well; the market is left out, which gives the same coefficient as a market orthogonalised on
        the currency, with an error that does not treat the first step as known.
    makers : sequence of str, optional
        Default: all. The other parameters are those of `sample` and `regress`.

    Returns
    -------
    DataFrame
        Indexed by maker: `beta_fx` (share's log return per log change of `currency` per USD; > 0: gains
        when `currency` weakens; summed over leads and lags), `standard_error`, `low`, `high`, `p`,
        `n`; `beta_market` and `r_squared` of the regression with both; the choices `ticker`,
        `currency`, `role` (home, or a rival's for makers that report in dollars), `market`, `effect`,
        `horizon`, `leads`, `lags`, `hac_lags`; `first`, `last` row used; `note`, why a row is empty.
    """
    if effect not in ("residual", "total"):
        raise DataError(f"effect {effect!r}: write 'residual' or 'total'")

    def row(maker: str) -> dict[str, object]:
        data = sample(
            facts, maker, rival=rival, horizon=horizon, leads=leads, lags=lags, start=start, end=end
        )
        share, moves = data["share"], data.drop(columns="share")
        # the market is present on both so that the two effects are of the same days
        rows = moves.dropna().index
        span = _rows_per_return(horizon)
        both = regress(share.loc[rows], moves.loc[rows], hac_lags=hac_lags, horizon=span)
        alone = moves.loc[rows].filter(regex="^fx")
        fit = both if effect == "residual" else regress(share, alone, hac_lags=hac_lags, horizon=span)
        found = fit.total("fx", level)
        return {
            "beta_fx": found["value"],
            **found[["standard_error", "low", "high", "p"]],
            "n": fit.n,
            "beta_market": both.total("market", level)["value"],
            "r_squared": both.r_squared,
            "ticker": data.attrs["ticker"],
            "currency": data.attrs["currency"],
            "role": data.attrs["role"],
            "market": data.attrs["market"],
            "effect": effect,
            "horizon": str(horizon),
            "leads": leads,
            "lags": lags,
            "hac_lags": _lags(fit.n, span) if hac_lags is None else hac_lags,
            "first": fit.residuals.index[0],
            "last": fit.residuals.index[-1],
        }

    return _by_maker(facts, makers, row)


def choices(
    facts: Facts,
    *,
    makers: Sequence[str] | None = None,
    effect: Effect = "residual",
    rival: str = "JPY",
    start: date | None = None,
    end: date | None = None,
) -> pd.DataFrame:
    """How the currency beta depends on how the different closing hours are dealt with.

    Returns
    -------
    DataFrame
        Rows (maker, choice) for the entries of `CHOICES`, columns of `table`. A daily beta without leads
        and lags is biased to zero where share and currency are observed hours apart.
    """
    span = {"effect": effect, "rival": rival, "start": start, "end": end}
    parts = {
        name: table(facts, makers=makers, horizon=horizon, leads=leads, lags=lags, **span)
        for name, (horizon, leads, lags) in CHOICES.items()
    }
    together = pd.concat(parts, names=["choice"]).swaplevel()
    return together.loc[[(maker, name) for maker in parts["daily"].index for name in CHOICES]]


def breaks(
    facts: Facts,
    *,
    day: date = TARIFF_DAY,
    makers: Sequence[str] | None = None,
    horizon: Horizon = "weekly",
    leads: int = 0,
    lags: int = 0,
    rival: str = "JPY",
    trim: float = 0.15,
    draws: int = 199,
    seed: int = 0,
    level: float = 0.95,
) -> pd.DataFrame:
    """Currency beta of every maker before and from `day` on, and whether another day fits better.

    Returns
    -------
    DataFrame
        Indexed by maker: `before`, `after`, `change`, its `standard_error`, `low`, `high`, `p`; `n_before`,
        `n_after`; `sup_wald`, `sup_wald_p`, `break_day` for a change of the currency beta (leads and
        lags included) on a day not known beforehand (`draws`: see `unknown_break`); `currency`, `role`;
        `note`, why a row is empty. A weekly return that contains `day` counts as after.
    """

    def row(maker: str) -> dict[str, object]:
        data = sample(facts, maker, rival=rival, horizon=horizon, leads=leads, lags=lags)
        share, moves, span = data["share"], data.drop(columns="share"), _rows_per_return(horizon)
        known = regimes(share, moves, day, horizon=span)
        tested = [column for column in moves if column.startswith("fx")]
        sought = unknown_break(share, moves, tested=tested, trim=trim, horizon=span, draws=draws, seed=seed)
        before, change = known.fit.total("fx", level), known.fit.total("change:fx", level)
        return {
            "before": before["value"],
            "after": before["value"] + change["value"],
            "change": change["value"],
            **change[["standard_error", "low", "high", "p"]],
            "n_before": known.n_before,
            "n_after": known.n_after,
            "sup_wald": sought.sup_wald,
            "sup_wald_p": sought.p,
            "break_day": sought.day,
            "currency": data.attrs["currency"],
            "role": data.attrs["role"],
        }

    return _by_maker(facts, makers, row)


def _by_maker(
    facts: Facts, makers: Sequence[str] | None, row: Callable[[str], dict[str, object]]
) -> pd.DataFrame:
    """One row per maker; where data do not suffice, an empty one with the reason in `note`."""
    rows = {}
    for maker in facts.makers.index if makers is None else makers:
        try:
            rows[maker] = {**row(maker), "note": ""}
        except DataError as error:
            rows[maker] = {"note": str(error)}
    frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("maker")
    return frame[[*frame.columns.drop("note"), "note"]]


def _stamp(day: date | None) -> pd.Timestamp | None:
    return None if day is None else pd.Timestamp(day)


def _rows_per_return(horizon: Horizon) -> int:
    return horizon if isinstance(horizon, int) else 1


def _benchmark(facts: Facts, line: str, home: str) -> str:
    """Benchmark in the home currency: that of the line's own market if it fits, else of any other."""
    indices = market.benchmarks(facts)
    fitting = indices[facts.markets["currency"].reindex(indices.index) == home]
    if fitting.empty:
        raise DataError(
            f"no benchmark index in {home} for {line}; name one in data/market/markets.csv, column benchmark"
        )
    return str(fitting.get(facts.instruments.at[line, "market"], fitting.iloc[0]))


def _lags(n: int, horizon: int) -> int:
    return min(max(int(4 * (n / 100) ** (2 / 9)), horizon if horizon > 1 else 0), n - 1)


def _long_run(scores: np.ndarray, lags: int) -> np.ndarray:
    """Bartlett-weighted sum of autocovariances over the rows: (..., n, k) to (..., k, k)."""
    turned = np.swapaxes(scores, -1, -2)
    total = turned @ scores
    for lag in range(1, lags + 1):
        moment = turned[..., lag:] @ scores[..., :-lag, :]
        total = total + (1 - lag / (lags + 1)) * (moment + np.swapaxes(moment, -1, -2))
    return np.asarray(total)


def _wald_paths(
    x: np.ndarray, series: np.ndarray, cuts: np.ndarray, tested: np.ndarray, lags: int
) -> np.ndarray:
    """Wald statistics (B, C) of no change in the `tested` columns of x (n, k) after each of C cuts, for
    B series (B, n)."""
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
        covariance = n / (n - 2 * k) * _long_run(weight * residuals[..., None], lags)
        change = (second - first)[:, tested]
        walds[b] = (change * np.linalg.solve(covariance, change[..., None])[..., 0]).sum(axis=-1)
    return walds


def _design(returns: pd.Series, factors: pd.DataFrame) -> tuple[pd.Series, pd.DataFrame]:
    """Rows with everything present, factors after a column of ones; refuses what cannot be estimated."""
    _refuse_dates(returns=returns.index, factors=factors.index)
    rows = pd.concat([returns.rename("returns"), factors], axis=1, join="inner").dropna()
    k = factors.shape[1] + 1
    if rows.empty:
        raise DataError("no date has both returns and all factors; check calendars and spans")
    if len(rows) <= k:
        raise DataError(
            f"{len(rows)} complete rows for {k} coefficients; lengthen the sample or drop factors"
        )
    y, x = rows.iloc[:, 0].astype(float), rows.iloc[:, 1:].astype(float)
    endless = np.isinf(y) | np.isinf(x).any(axis=1)
    if endless.any():
        raise DataError(
            f"an infinite value on {endless.idxmax()}: the return of a price of zero; correct the price"
        )
    if y.max() == y.min():
        raise DataError(f"returns are {y.iloc[0]:g} on all {len(y)} dates; a constant series has no beta")
    _refuse_singular(x)
    x.insert(0, "const", 1.0)
    return y, x


def _refuse_dates(**tables: pd.Index) -> None:
    for name, index in tables.items():
        if not index.is_unique:
            raise DataError(f"{name} has {index[index.duplicated()][0]} twice; keep one row per date")
        if not index.is_monotonic_increasing:
            raise DataError(f"the dates of {name} are not in order; call sort_index() first")


def _refuse_singular(factors: pd.DataFrame) -> None:
    """Each factor must keep a share of its variance that the factors before it do not explain."""
    x = factors.to_numpy(dtype=float)
    if not x.shape[1]:
        raise DataError("no factors; name at least one column")
    moved = np.ptp(x, axis=0) > 0
    if not moved.all():
        name = factors.columns[~moved][0]
        raise DataError(f"factor {name} is constant over the sample; drop it or lengthen the sample")
    left = np.abs(np.diag(linalg.qr((x - x.mean(axis=0)) / x.std(axis=0), mode="r")[0])) ** 2 / len(x)
    if len(left) < x.shape[1] or left.min() < _SINGULAR:
        name = factors.columns[int(left.argmin())] if len(left) == x.shape[1] else factors.columns[-1]
        raise DataError(f"factor {name} is a combination of the other factors; drop one of them")


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
    least_pivot = _SINGULAR * np.stack([cross[j, j] for j in range(k)])
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
