"""Which long-short portfolio of makers moves with the tariff bill, and with nothing else we can name?

The portfolio holds one unit of exposure to the bill and none of the market and currency factors, at
the least variance (the characteristic portfolio of Grinold and Kahn 2000, ch. 2; factor-mimicking as
in Huberman, Kandel and Stambaugh 1987). It is LONG the bill, so it LOSES when tariffs rise and gains
when a deal lowers them; its exposure comes from volumes and law, not from returns.

Tokyo, Seoul, Frankfurt and New York do not close together, and daily covariances between them are
too small. Estimate on weekly returns (``market.returns(horizon="weekly")``, the default here) or on
two-day overlapping ones (``horizon=2``), and judge events on windows that each share counts from its
own first session. Rows with a missing return or factor are not used; a day on which a holding has no
return gives no return of the portfolio.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import linalg

from tariffmodel.errors import DataError
from tariffmodel.facts import Facts
from tariffmodel.markets import market
from tariffmodel.markets.market import Horizon
from tariffmodel.stats import regression
from tariffmodel.stats.covariance import ledoit_wolf as shrunk_covariance
from tariffmodel.stats.regression import SINGULAR, Fit

SESSIONS_A_YEAR = 252


@dataclass(frozen=True)
class Portfolio:
    """Long-short portfolio with unit exposure to the bill.

    Attributes
    ----------
    weights : Series
        By name, as multiples of capital; w'x = 1, so its gross size grows as exposures shrink.
    constraints : DataFrame
        Indexed by exposure, each factor and, if asked, dollars: `target`, `reached`.
    betas : DataFrame
        Names × factors: OLS slopes over the estimation rows, all factors together.
    covariance : DataFrame
        Names × names, per row of returns, shrunk by `shrinkage` (0: sample, 1: one variance).
    horizon : int or "weekly"
        Span of the returns that it was estimated on.
    first, last : Timestamp
        Estimation rows; `rows` were complete.

    Examples
    --------
    >>> rows = pd.date_range("2025-01-03", periods=60, freq="W-FRI")
    >>> moves = np.random.default_rng(0).normal(0, 0.02, (60, 4))
    >>> returns = pd.DataFrame(moves, rows, list("ABCD"))
    >>> exposure = pd.Series([0.0, 0.1, 0.2, 0.4], returns.columns)
    >>> market = returns.sum(axis=1).to_frame("market")
    >>> held = portfolio(returns, exposure, market)
    >>> held.gross >= 1 and held.volatility() > held.volatility(5), held.returns(returns).name
    (True, 'portfolio')
    >>> list(held.loadings(returns)), list(held.neutrality(returns, market))
    (['loading', 'standard_error', 't', 'r2', 'rows'], ['beta', 'standard_error', 't'])
    >>> list(held.on_events(returns.tail(2), sessions=5))
    ['return', 'expected_sd', 'z']
    """

    weights: pd.Series
    constraints: pd.DataFrame
    betas: pd.DataFrame
    covariance: pd.DataFrame
    shrinkage: float
    horizon: Horizon
    first: pd.Timestamp
    last: pd.Timestamp
    rows: int

    @property
    def gross(self) -> float:
        """Sum of absolute weights, multiples of capital."""
        return float(self.weights.abs().sum())

    def volatility(self, sessions: float = SESSIONS_A_YEAR) -> float:
        """Expected standard deviation of the return over so many sessions (default: a year)."""
        weights = self.weights.to_numpy()
        variance = weights @ self.covariance.to_numpy() @ weights
        return float(np.sqrt(variance * sessions / _span(self.horizon)))

    def returns(self, returns: pd.DataFrame) -> pd.Series:
        """Return of the portfolio, rebalanced to its weights each row; simple returns in."""
        return _applied(self.weights, returns)

    def loadings(self, returns: pd.DataFrame, factors: pd.DataFrame | None = None) -> pd.DataFrame:
        """Regression of each name on the portfolio's return (and `factors`), HAC errors.

        A name that the portfolio holds is part of what it is regressed on.

        Returns
        -------
        DataFrame
            Indexed by name: `loading`, `standard_error`, `t`, `r2`, `rows`, over its complete rows;
            errors as in `regression.fit`.
        """
        own = self.returns(returns).rename("portfolio").to_frame()
        regressors = own if factors is None else own.join(factors)
        fits = {name: _regressed(returns[name], regressors, self.horizon) for name in returns}
        found = pd.DataFrame({name: fit.table().loc["portfolio"] for name, fit in fits.items()}).T
        table = found[["value", "standard_error", "t"]].rename(columns={"value": "loading"})
        table["r2"] = [fit.r_squared for fit in fits.values()]
        table["rows"] = [fit.n for fit in fits.values()]
        return table.rename_axis("name")

    def neutrality(self, returns: pd.DataFrame, factors: pd.DataFrame) -> pd.DataFrame:
        """Betas of the portfolio over these rows, HAC errors: pass rows it was not estimated on.

        Returns
        -------
        DataFrame
            Indexed by factor: `beta`, `standard_error`, `t`.
        """
        fit = _regressed(self.returns(returns), factors[list(self.betas)], self.horizon)
        table = fit.table()[["value", "standard_error", "t"]].rename(columns={"value": "beta"})
        return table.drop(index="const").rename_axis("factor")

    def on_events(self, moves: pd.DataFrame, sessions: float) -> pd.DataFrame:
        """What the portfolio earned over event windows, against what it expects of quiet ones.

        Parameters
        ----------
        moves : DataFrame
            Events × names: return of each name over the window, from its own first session.
        sessions : float
            Length of the window.

        Returns
        -------
        DataFrame
            Indexed by event: `return`, `expected_sd`, `z`; empty where a holding has no return.
        """
        earned = self.returns(moves)
        expected = self.volatility(sessions)
        return pd.DataFrame({"return": earned, "expected_sd": expected, "z": earned / expected})


@dataclass(frozen=True)
class Walk:
    """Portfolios re-estimated along the way, each used only after its estimation.

    Attributes
    ----------
    weights : DataFrame
        Day of estimation × names.
    returns : Series
        By day: out of sample, from the first row after the first estimation.
    turnover : Series
        By day of estimation from the second: Σ |change of weight| / 2, multiples of capital,
        before drift.
    """

    weights: pd.DataFrame
    returns: pd.Series
    turnover: pd.Series


def inputs(
    facts: Facts,
    exposure: pd.Series,
    *,
    factors: Sequence[str] = ("ACWI", "JPY"),
    horizon: Horizon = "weekly",
    on: str = "XNYS",
    currency: Literal["local", "USD"] = "USD",
) -> tuple[pd.DataFrame, pd.Series, pd.DataFrame]:
    """Returns, exposures and factors by maker, in the order in which `portfolio` takes them.

    Parameters
    ----------
    exposure : Series
        By maker, such as `share_of_market_cap` of `exposure.table`; makers without an exposure or
        without prices are left out.
    factors : sequence of str
        Tickers and currencies (`market.factors`), over the sessions of exchange `on`.
    currency : "USD" or "local"
        Of the returns; simple returns, as a portfolio needs.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> exposure = pd.Series({"Toyota": 0.01, "GM": 0.02, "Nobody": float("nan")})
    >>> returns, held, factors = tm.mimicking.inputs(tm.facts.load(), exposure)
    >>> list(returns), held.to_dict(), list(factors)
    (['Toyota', 'GM'], {'Toyota': 0.01, 'GM': 0.02}, ['ACWI', 'JPY'])
    """
    line = facts.makers["ticker"].reindex(exposure.dropna().index)
    line = line[line.isin(facts.prices.columns)]
    moves = market.returns(facts, list(line), kind="simple", horizon=horizon, currency=currency)
    changes = market.factors(facts, factors, on, kind="simple", horizon=horizon)
    return moves.set_axis(line.index, axis=1), exposure[line.index], changes


def event_moves(
    facts: Facts,
    firm_events: pd.DataFrame,
    sessions: int,
    *,
    currency: Literal["local", "USD"] = "USD",
) -> pd.DataFrame:
    """Simple return of each maker over the first `sessions` sessions of each event, events × makers.

    From the close before day 0 to that of the last session, on each share's own exchange; empty
    where either is missing.

    Parameters
    ----------
    firm_events : DataFrame
        From `event_calendar.firm_events`: event, firm (ticker), date of day 0.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> first = tm.event_calendar.firm_events(known, ["7203.T", "GM"], ["2025-07-22-japan-deal"])
    >>> tm.mimicking.event_moves(known, first, sessions=2).shape
    (1, 2)
    """
    tickers = [ticker for ticker in firm_events["firm"].unique() if ticker in facts.prices]
    closes = market.prices(facts, tickers, currency=currency)
    columns = {}
    for ticker in tickers:
        days = market.sessions(facts, str(facts.instruments.at[ticker, "exchange_calendar"]))
        of = firm_events[firm_events["firm"] == ticker].set_index("event")["date"]
        first = days.get_indexer(of)
        known = (first > 0) & (first + sessions <= len(days))
        path = closes[ticker].reindex(days)
        after, before = (path.iloc[first[known] + step].to_numpy() for step in (sessions - 1, -1))
        columns[facts.instruments.at[ticker, "company"]] = pd.Series(after / before - 1, of.index[known])
    return pd.DataFrame(columns).rename_axis("event")


def portfolio(
    returns: pd.DataFrame,
    exposure: pd.Series,
    factors: pd.DataFrame,
    *,
    until: date | None = None,
    without: Sequence[tuple[date, date]] = (),
    horizon: Horizon = "weekly",
    dollar_neutral: bool = False,
    shrink: bool = True,
    gross: float | None = None,
) -> Portfolio:
    """Minimum-variance portfolio with w'x = 1 and w'β = 0 for each factor.

    Parameters
    ----------
    returns : DataFrame
        Date × name, fractions.
    exposure : Series
        Yearly bill as a share of market value by name, positive when the name pays. Names of
        `exposure` are held; each needs returns.
    factors : DataFrame
        Date × factor: changes of markets and currencies over the same rows as `returns`.
    until : date, optional
        Last row to estimate on: before the events that the portfolio is to be judged on.
    without : sequence of (first, last) dates
        Rows left out of the estimation, such as event windows; both ends included.
    horizon : int or "weekly"
        Span of the returns in sessions, to scale volatilities.
    dollar_neutral : bool
        Also w'1 = 0.
    shrink : bool
        Ledoit and Wolf (2004) covariance, else the sample's.
    gross : float, optional
        Largest Σ |w|; solved as a quadratic programme (Clarabel through cvxpy) when given.

    Notes
    -----
    With A the matrix of the constraints, w = Σ⁻¹A (A'Σ⁻¹A)⁻¹ e₁.

    Raises
    ------
    DataError
        Names without returns or exposure, too few names or rows, exposures that the factors
        explain, collinear factors, a singular covariance, a gross limit that no portfolio meets.

    Examples
    --------
    >>> rows = pd.date_range("2025-01-03", periods=60, freq="W-FRI")
    >>> moves = np.random.default_rng(0).normal(0, 0.02, (60, 4))
    >>> returns = pd.DataFrame(moves, rows, list("ABCD"))
    >>> exposure = pd.Series([0.0, 0.1, 0.2, 0.4], returns.columns)
    >>> market = returns.sum(axis=1).to_frame("market")
    >>> held = portfolio(returns, exposure, market)
    >>> held.constraints.round(6).abs()
              target  reached
    exposure     1.0      1.0
    market       0.0      0.0
    """
    used, shocks = _complete(returns, exposure, factors, until, without)
    betas = regression.betas(used, shocks)
    conditions = betas.assign(dollars=1.0) if dollar_neutral else betas
    conditions = pd.concat([exposure.rename("exposure"), conditions], axis=1)
    if len(exposure) <= conditions.shape[1]:
        raise DataError(
            f"{len(exposure)} names for {conditions.shape[1]} constraints "
            f"({', '.join(map(str, conditions))}); add names or leave out a factor"
        )
    regression.refuse_collinear(
        conditions.iloc[:, ::-1], "constraints", "no portfolio carries it alone; leave out a factor"
    )
    covariance, shrinkage = ledoit_wolf(used) if shrink else (used.cov(ddof=0), 0.0)
    target = pd.Series(0.0, conditions.columns)
    target["exposure"] = 1.0
    weights = _solved(covariance, conditions, target, gross)
    return Portfolio(
        weights=weights,
        constraints=pd.DataFrame({"target": target, "reached": conditions.T @ weights}),
        betas=betas,
        covariance=covariance,
        shrinkage=shrinkage,
        horizon=horizon,
        first=used.index[0],
        last=used.index[-1],
        rows=len(used),
    )


def leave_one_event_out(
    returns: pd.DataFrame,
    exposure: pd.Series,
    factors: pd.DataFrame,
    moves: pd.DataFrame,
    windows: Mapping[str, tuple[date, date]],
    *,
    sessions: float,
    **options: Any,
) -> pd.DataFrame:
    """`Portfolio.on_events` for each event, by a portfolio estimated without that event's rows.

    Parameters
    ----------
    returns, exposure, factors, options
        See `portfolio`.
    moves, sessions
        See `Portfolio.on_events`.
    windows : mapping of event to (first, last) dates
        Rows to leave out of the estimation for that event.

    Examples
    --------
    >>> rows = pd.date_range("2025-01-03", periods=60, freq="W-FRI")
    >>> moves = np.random.default_rng(0).normal(0, 0.02, (60, 4))
    >>> returns = pd.DataFrame(moves, rows, list("ABCD"))
    >>> exposure = pd.Series([0.0, 0.1, 0.2, 0.4], returns.columns)
    >>> market = returns.sum(axis=1).to_frame("market")
    >>> news, weeks = returns.iloc[[30]].set_axis(["deal"]), {"deal": (rows[30], rows[30])}
    >>> list(leave_one_event_out(returns, exposure, market, news, weeks, sessions=5))
    ['return', 'expected_sd', 'z']
    """
    absent = [event for event in windows if event not in moves.index]
    if absent:
        raise DataError(f"moves has no row for event {absent[0]}; add it or leave the event out of windows")
    judged = [
        portfolio(returns, exposure, factors, without=[window], **options).on_events(
            moves.loc[[event]], sessions
        )
        for event, window in windows.items()
    ]
    return pd.concat(judged).rename_axis("event")


def walk_forward(
    returns: pd.DataFrame,
    exposure: pd.Series,
    factors: pd.DataFrame,
    *,
    window: int = 104,
    every: int = 13,
    **options: Any,
) -> Walk:
    """Re-estimate every so many rows on the rows before, and hold until the next time.

    Parameters
    ----------
    window, every : int
        Rows of `returns` to estimate on and to hold for; weekly: two years and a quarter.
    options
        See `portfolio`.

    Examples
    --------
    >>> rows = pd.date_range("2025-01-03", periods=60, freq="W-FRI")
    >>> moves = np.random.default_rng(0).normal(0, 0.02, (60, 4))
    >>> returns = pd.DataFrame(moves, rows, list("ABCD"))
    >>> exposure = pd.Series([0.0, 0.1, 0.2, 0.4], returns.columns)
    >>> market = returns.sum(axis=1).to_frame("market")
    >>> walk = walk_forward(returns, exposure, market, window=40, every=10)
    >>> walk.weights.shape, len(walk.returns), len(walk.turnover)
    ((2, 4), 20, 1)
    """
    if every < 1 or not 1 < window < len(returns):
        raise DataError(
            f"window is {window} and every {every} for {len(returns)} rows of returns; "
            "write 1 < window < rows and every >= 1"
        )
    starts = range(window, len(returns), every)
    held = {
        returns.index[start - 1]: portfolio(
            returns.iloc[start - window : start], exposure, factors, **options
        ).weights
        for start in starts
    }
    weights = pd.DataFrame(held).T
    earned = [
        _applied(row, returns.iloc[start : start + every])
        for start, (_, row) in zip(starts, weights.iterrows(), strict=True)
    ]
    return Walk(
        weights=weights,
        returns=pd.concat(earned),
        turnover=weights.diff().iloc[1:].abs().sum(axis=1) / 2,
    )


def ledoit_wolf(returns: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """Covariance shrunk towards one variance and no correlation, and the shrinkage in [0, 1].

    See `stats.covariance.ledoit_wolf`; returns are set in deviations from their means.

    >>> moves = pd.DataFrame(np.random.default_rng(0).normal(0, 0.02, (30, 3)), columns=list("ABC"))
    >>> covariance, shrinkage = ledoit_wolf(moves)
    >>> covariance.shape, 0 < shrinkage <= 1
    ((3, 3), True)
    """
    shrunk, shrinkage = shrunk_covariance((returns - returns.mean()).to_numpy())
    return pd.DataFrame(shrunk, returns.columns, returns.columns), float(shrinkage)


def _complete(
    returns: pd.DataFrame,
    exposure: pd.Series,
    factors: pd.DataFrame,
    until: date | None,
    without: Sequence[tuple[date, date]],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns of the names held, and factors, over the estimation rows that have all of them."""
    if exposure.isna().any() or exposure.index.has_duplicates:
        name = exposure.index[exposure.isna() | exposure.index.duplicated()][0]
        raise DataError(f"exposure of {name} is empty or given twice; pass one number per name")
    absent = exposure.index.difference(returns.columns)
    if len(absent):
        raise DataError(f"no returns for {', '.join(map(str, absent))}; drop it from exposure or add prices")
    together = pd.concat([returns[exposure.index], factors], axis=1, keys=["name", "factor"], join="inner")
    if until is not None:
        together = together.loc[: pd.Timestamp(until)]
    days = together.index
    for first, last in without:
        days = days[(days < pd.Timestamp(first)) | (days > pd.Timestamp(last))]
    together = together.loc[days].dropna()
    needed = factors.shape[1] + len(exposure) + 2
    if len(together) < needed:
        raise DataError(
            f"{len(together)} rows with all {len(exposure)} returns and {factors.shape[1]} factors; "
            f"{needed} are needed: lengthen the window or drop the name with the fewest returns, "
            f"{returns[exposure.index].count().idxmin()}"
        )
    names = exposure.shape[0]
    used, shocks = together.iloc[:, :names], together.iloc[:, names:]
    return used.droplevel(0, axis=1), shocks.droplevel(0, axis=1)


def _solved(
    covariance: pd.DataFrame, conditions: pd.DataFrame, target: pd.Series, gross: float | None
) -> pd.Series:
    sigma, a, b = covariance.to_numpy(), conditions.to_numpy(), target.to_numpy()
    if 1 / np.linalg.cond(sigma) < SINGULAR:
        raise DataError(
            "the covariance is singular: a name does not move, or repeats others; "
            "drop it, lengthen the window or use shrink=True"
        )
    factor = linalg.cho_factor(sigma)
    tilted = linalg.cho_solve(factor, a / (scale := np.abs(a).max(axis=0)))
    weights = tilted @ np.linalg.solve((a / scale).T @ tilted, b / scale)
    if gross is not None and np.abs(weights).sum() > gross:
        weights = _within(linalg.cholesky(sigma), a / scale, b / scale, gross)
    return pd.Series(weights, conditions.index, name="weight")


def _within(root: np.ndarray, a: np.ndarray, b: np.ndarray, gross: float) -> np.ndarray:
    """The same under a limit on gross size."""
    import cvxpy  # slow to import, needed for inequalities only
    from cvxpy.atoms.norm1 import norm1
    from cvxpy.atoms.sum_squares import sum_squares

    weights = cvxpy.Variable(len(a))
    size = norm1(weights)
    exact = a.T @ weights == b
    smallest = cvxpy.Problem(cvxpy.Minimize(size), [exact]).solve(solver=cvxpy.CLARABEL)
    if smallest > gross:
        raise DataError(
            f"gross is {gross:g}; no neutral portfolio with unit exposure is smaller than {smallest:.4g} "
            "times capital: raise gross to that, or hold a fraction of the portfolio"
        )
    scale = np.abs(root).max()
    least = cvxpy.Minimize(sum_squares(root / scale @ weights))
    cvxpy.Problem(least, [exact, size <= gross]).solve(solver=cvxpy.CLARABEL)
    # interior-point equalities hold to about 1e-8: the nearest weights that meet them to rounding
    found = np.asarray(weights.value)
    return np.asarray(found - a @ np.linalg.solve(a.T @ a, a.T @ found - b))


def _applied(weights: pd.Series, returns: pd.DataFrame) -> pd.Series:
    absent = weights.index.difference(returns.columns)
    if len(absent):
        raise DataError(f"no returns for {', '.join(map(str, absent))}, which the portfolio holds")
    return returns[weights.index].mul(weights).sum(axis=1, skipna=False).rename("portfolio")


def _regressed(left: pd.Series, right: pd.DataFrame, horizon: Horizon) -> Fit:
    rows = right.join(left.rename("left"), how="inner").dropna()
    if len(rows) < right.shape[1] + 3:
        raise DataError(
            f"{len(rows)} rows with {left.name} and {', '.join(map(str, right))}; "
            f"expected {right.shape[1] + 3}"
        )
    return regression.fit(rows.pop("left"), rows, horizon=1 if horizon == "weekly" else int(horizon))


def _span(horizon: Horizon) -> int:
    return 5 if horizon == "weekly" else int(horizon)
