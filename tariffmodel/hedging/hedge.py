"""How much of which instrument hedges a share, and does it help out of sample?

All functions take simple returns as P&L per unit of notional in one currency (`pnl` builds them): a
`position` (T,) and `instruments` (T, k). A **ratio** is the notional of an instrument *sold* per unit
of position held: the hedged return is position − Σ ratio · instrument, and a negative ratio buys.
Ratios dated t use nothing after t. Rows in which any column is empty are left out, never filled.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from scipy.linalg import null_space
from scipy.optimize import minimize
from scipy.signal import lfilter
from scipy.stats import t as student

from tariffmodel.facts import store
from tariffmodel.markets import market, sensitivity
from tariffmodel.errors import DataError
from tariffmodel.facts import Facts
from tariffmodel.markets.market import Horizon

if TYPE_CHECKING:
    import cvxpy

WEEKS, DAYS = 52, 252  # periods per year
PEERS = "peers"  # in the record: the basket of `peers`
NO_HELP = "does not help out of sample"
_SINGULAR = 1e-10  # share of an instrument's variance that the others must leave
_CHUNK = 250  # draws at a time, so that they stay in the processor's cache
_LEAST_GARCH = 100
_LEAST_OUT = 20  # rows out of sample, below which an interval says nothing


# What is hedged, and with what -----------------------------------------------------------------------


def pnl(
    facts: Facts,
    ticker: str,
    instruments: Sequence[str],
    *,
    currency: str = "USD",
    horizon: Horizon = "weekly",
    overlapping: bool = False,
) -> pd.DataFrame:
    """P&L of a share and of instruments, per unit of notional, measured in `currency`.

    The share is paid for in `currency`: (1 + r)(1 + e) − 1, where r is its return where it is listed
    and e the change of that currency's value in `currency`. An instrument is financed in its own
    currency (future, forward, borrowed share), so only its gain is exposed: r (1 + e). Carry, and
    the dividends of price indices, are left out.

    Parameters
    ----------
    instruments : sequence of str
        Tickers, or currency codes: ``"JPY"`` is dollars bought forward against yen and gains when
        the yen weakens.
    currency : str
        Of the investor. ``"JPY"`` for a Tokyo share: the exchange rate enters only through the share.
    horizon : int or "weekly"
        See `market.returns`. Tokyo closes before the ECB fixes and New York opens, so daily rows
        understate what they have in common; weeks hide one day in five. Daily rows ask for the
        leads and lags of `static`.
    overlapping : bool
        Keep a row per session where `horizon` is several, for `static` with its `horizon`. By
        default only each `horizon`-th, which is what `effectiveness` needs.

    Returns
    -------
    DataFrame
        Sessions of the share's exchange (or weeks) × ``[ticker, *instruments]``.

    Raises
    ------
    DataError
        Unknown names, or a share that is to hedge itself.
    """
    market.prices(facts, [ticker])
    if isinstance(instruments, str) or not len(instruments):
        raise DataError(f"instruments is {instruments!r}; pass a list of tickers or currencies: ['JPY']")
    if ticker in instruments or len(set(instruments)) < len(instruments):
        raise DataError(
            f"{ticker} with {', '.join(instruments)}: an instrument is the position or occurs twice; "
            "name each once"
        )
    listed = facts.instruments["currency"]
    settled = {name: listed.get(name, name) for name in [ticker, *instruments]}
    money = sorted({currency, *settled.values()} - {"USD"})
    names = list(dict.fromkeys([ticker, *instruments, *money]))
    calendar = facts.instruments.at[ticker, "exchange_calendar"]
    moves = market.factors(facts, names, calendar, kind="simple", horizon=horizon)
    if isinstance(horizon, int) and not overlapping:
        moves = moves.iloc[::horizon]
    per_usd = 1 + moves.reindex(columns=[*money, "USD"]).assign(USD=0.0)
    worth = {name: per_usd[currency] / per_usd[unit] for name, unit in settled.items()}
    gains = {name: moves[name] * worth[name] for name in instruments}
    return pd.DataFrame({ticker: (1 + moves[ticker]) * worth[ticker] - 1, **gains})


def periods_per_year(horizon: Horizon) -> float:
    """52 weeks, or 252 days in returns of `horizon` days."""
    return WEEKS if horizon == "weekly" else DAYS / horizon


def contracts(facts: Facts) -> pd.DataFrame:
    """What can be traded in which size: one row per contract, see data/market/contracts.csv."""
    return pd.read_csv(store.path(facts.folder, "market/contracts.csv"))


def candidates(facts: Facts, ticker: str) -> list[tuple[str, ...]]:
    """Hedges to try on a share: each instrument of its maker's home, and its currency with its index.

    The pair comes first. Home is the maker's, so an ADR is hedged like its home line; other lines
    take the market they are listed in.
    """
    line = facts.instruments.loc[ticker]
    home = facts.makers["home"].get(line["company"], {"DE": "EU"}.get(line["market"], line["market"]))
    book = contracts(facts)
    here = book[(book["home"] == home) & (book["underlying"] != ticker)]
    if here.empty:
        raise DataError(
            f"no hedge of home {home} for {ticker} in data/market/contracts.csv; pass instruments"
        )
    names = here["underlying"].unique()
    money = here.loc[here["kind"].str.startswith("currency"), "underlying"].unique()
    equity = [name for name in names if name not in money]
    pair = [(money[0], equity[0])] if len(money) and equity else []
    return [*pair, *((str(name),) for name in names)]


def peers(facts: Facts, ticker: str) -> list[str]:
    """Main lines with prices of the other makers with the same home; none for a share of no maker."""
    maker, makers = facts.instruments.at[ticker, "company"], facts.makers
    if maker not in makers.index:
        return []
    others = makers[(makers["home"] == makers.at[maker, "home"]) & (makers.index != maker)]
    return [line for line in others["ticker"].dropna() if line in facts.prices]


def label(facts: Facts, instrument: str) -> str:
    """What an instrument is called on a page: ``USD/JPY``, ``DAX``, ``TOPIX-17 automobile ETF``."""
    if instrument == PEERS:
        return "peers"
    if instrument not in facts.prices:
        return f"USD/{instrument}"
    book = contracts(facts)
    funds = book[book["kind"] == "fund"].set_index("underlying")["name"]
    return str(funds.get(instrument, facts.instruments.at[instrument, "name"])).removesuffix(" index")


def one_for_one(facts: Facts, ticker: str, instruments: Sequence[str], currency: str = "USD") -> pd.Series:
    """Ratios of the hedge of someone who estimates nothing, by instrument.

    The whole position is turned from the currency of its maker into the investor's: dollars are
    bought against the maker's (−1) and sold against the investor's (1). What is no currency is sold,
    one unit in equal parts.
    """
    line = facts.instruments.loc[ticker]
    home = facts.makers["reporting_currency"].get(line["company"], line["currency"])
    shares = [name for name in instruments if name in facts.prices]
    return pd.Series(
        {
            name: 1 / len(shares) if name in shares else -1.0 if name == home != currency else 1.0
            for name in instruments
        },
        name="ratio",
    )


# Ratios ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Ratios:
    """Minimum-variance ratios of one sample.

    Attributes
    ----------
    table : DataFrame
        Indexed by instrument: `ratio` (sold per unit of position), `standard_error`, `low`, `high`,
        `p`.
    reduction : float
        1 − variance hedged / variance unhedged, in this sample.
    n, first, last
        Rows used and their span.
    errors : str
        What the standard errors allow for.
    """

    table: pd.DataFrame
    reduction: float
    n: int
    first: date
    last: date
    errors: str


def static(
    position: pd.Series,
    instruments: pd.DataFrame,
    *,
    leads: int = 0,
    lags: int = 0,
    hac_lags: int | None = None,
    horizon: int = 1,
    level: float = 0.95,
) -> Ratios:
    """Minimum-variance hedge ratios by least squares over the whole sample.

    h = Var(x)⁻¹ Cov(x, y): Johnson (1960), Ederington (1979). Errors are those of
    `sensitivity.regress` (Newey-West), intervals Student's t.

    Parameters
    ----------
    leads, lags : int
        Rows of the instruments after and before to add; the ratio is the sum of the coefficients
        (Dimson 1979), for daily returns of exchanges that close at different hours.
    hac_lags, horizon : int
        See `sensitivity.regress`; `horizon` is the rows that overlapping returns span.

    Raises
    ------
    DataError
        No common rows, fewer rows than coefficients, or instruments that repeat each other.
    """
    shifted = {
        f"{name}_{word}{step}": instruments[name].shift(sign * step)
        for name in instruments
        for word, sign, reach in (("lead", -1, leads), ("lag", 1, lags))
        for step in range(1, reach + 1)
    }
    wide = instruments.assign(**shifted)
    fit = sensitivity.regress(position, wide, hac_lags=hac_lags, horizon=horizon)
    table = pd.DataFrame({name: fit.total(name, level) for name in instruments}).T
    table = table.rename(columns={"value": "ratio"}).drop(columns="t").rename_axis("instrument")
    used = fit.residuals.index
    y, x = position.loc[used], instruments.loc[used]
    left = (y - x @ table["ratio"]).var() / y.var()
    return Ratios(table, float(1 - left), fit.n, *_ends(used), fit.errors)


def on_events(
    position: pd.Series,
    instruments: pd.DataFrame,
    dates: Iterable[date | str],
    *,
    rows: int = 1,
    hac_lags: int | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Ratios on event rows beside those of all other rows.

    One regression in which events have their own intercept and slopes; errors as in `static`.

    Parameters
    ----------
    dates : iterable of dates
        First sessions on which the position could react. In weekly rows a Friday stands for its
        week. Dates without a row are ignored.
    rows : int
        Rows from there on that count as event rows.

    Returns
    -------
    DataFrame
        Indexed by instrument: `ratio_event` with `event_low`, `event_high`, `ratio_other`,
        `difference` (event less other), its `standard_error` and `p`, and `n_event` rows.

    Raises
    ------
    DataError
        Too few event rows for that many ratios.
    """
    index, y, x = _sample(position, instruments, 4)
    k, hit = x.shape[1], event_rows(index, dates, rows)
    if min(hit.sum(), (~hit).sum()) < k + 2:
        raise DataError(
            f"{hit.sum()} event rows of {len(y)} are too few for {k} ratios with an error; "
            f"give {k + 2} dates inside the sample, or more rows per event"
        )
    event, other = (instruments.loc[index].mul(flag, axis=0) for flag in (hit, ~hit))
    parts = [
        other.add_suffix(" other"),
        pd.Series(hit * 1.0, index, name="event"),
        event.add_suffix(" event"),
    ]
    fit = sensitivity.regress(position.loc[index], pd.concat(parts, axis=1), hac_lags=hac_lags)
    table, cov = fit.table(level), fit.covariance
    here, there = list(parts[2]), list(parts[0])
    gap = table["value"][here].to_numpy() - table["value"][there].to_numpy()
    cross = np.diag(cov.loc[here, there])
    error = np.sqrt(np.diag(cov.loc[here, here]) + np.diag(cov.loc[there, there]) - 2 * cross)
    return pd.DataFrame(
        {
            "ratio_event": table["value"][here].to_numpy(),
            "event_low": table["low"][here].to_numpy(),
            "event_high": table["high"][here].to_numpy(),
            "ratio_other": table["value"][there].to_numpy(),
            "difference": gap,
            "standard_error": error,
            "p": 2 * student.sf(np.abs(gap / error), fit.df),
            "n_event": hit.sum(),
        },
        index=instruments.columns.rename("instrument"),
    )


def event_rows(index: pd.DatetimeIndex, dates: Iterable[date | str], rows: int = 1) -> np.ndarray:
    """Which rows events fall on, (T,) of bool; see `on_events`."""
    days = pd.DatetimeIndex(sorted({pd.Timestamp(day) for day in dates}))
    place = index.searchsorted(days)
    place, days = place[place < len(index)], days[place < len(index)]
    # a row covers the days since the one before; where that of the event is missing the next is not it
    span = pd.Timedelta(np.diff(index).min() if len(index) > 1 else 0)
    place = place[index[place] - days < max(span, pd.Timedelta(days=1))]
    hit = np.zeros(len(index) + rows, dtype=bool)
    hit[(place[:, None] + np.arange(rows)).ravel()] = True
    return hit[: len(index)]


def rolling(position: pd.Series, instruments: pd.DataFrame, window: int = 52) -> pd.DataFrame:
    """Least-squares ratios of the last `window` rows, date × instrument, from the first full window on.

    Raises
    ------
    DataError
        A window longer than the data or shorter than its ratios need; instruments that repeat each
        other in every window. Where they do so in some, those rows are left out.
    """
    index, _, _ = _sample(position, instruments, 2)
    y = position.loc[index].rename("position").to_frame()
    paths = sensitivity.rolling(y, instruments.loc[index], window=window, min_obs=window)
    return paths.beta["position"][list(instruments)].dropna().rename_axis(columns="instrument")


def ewma(
    position: pd.Series, instruments: pd.DataFrame, decay: float = 0.94, start: int = 26
) -> pd.DataFrame:
    """Ratios from exponentially weighted second moments, date × instrument, from row `start` on.

    Σ(t) = λ Σ(t−1) + (1 − λ) z z′ with zero means (RiskMetrics 1996), started at the mean of the
    first `start` rows. λ = 0.94 is RiskMetrics' for days, 0.97 for months.
    """
    if not 0 < decay < 1:
        raise DataError(f"decay {decay!r}: write a fraction between 0 and 1, such as 0.94")
    index, y, x = _sample(position, instruments, start + 1, f"a start of {start} rows")
    z = np.column_stack([y, x])
    products = z[:, :, None] * z[:, None, :]
    first = products[:start].mean(axis=0)
    cov = lfilter([1 - decay], [1, -decay], products[start:], axis=0, zi=decay * first[None])[0]
    return _path(cov, index[start:], instruments.columns)


def dcc(position: pd.Series, instruments: pd.DataFrame, *, fit_on: int | None = None) -> pd.DataFrame:
    """Ratios from dynamic conditional correlations, date × instrument: the forecast for the next row.

    Engle (2002), two steps: GARCH(1,1) with a constant mean per series, then
    Q(t+1) = (1 − a − b) S + a ε ε′ + b Q(t), R = Q scaled to a unit diagonal, with S the mean of
    ε ε′ and (a, b) by maximum likelihood (his eq. 26). A series whose own past is told no better
    by GARCH than by one variance (BIC) has one: on a hundred weeks GARCH without its effect has a
    variance that grows for ever. `arch` fits the first step; it has no second one.

    Parameters
    ----------
    fit_on : int, optional
        Parameters come from the first `fit_on` rows, and ratios start there: needed to judge them
        out of sample. Default: the whole sample, so that the path has seen its own future.

    Raises
    ------
    DataError
        Fewer than 100 rows to fit on, or a GARCH that does not converge.
    """
    need = _LEAST_GARCH if fit_on is None else max(fit_on, _LEAST_GARCH)
    index, y, x = _sample(position, instruments, need, "GARCH")
    if fit_on is not None and fit_on < _LEAST_GARCH:
        raise DataError(f"fit_on {fit_on}: GARCH needs {_LEAST_GARCH} rows at least")
    fitted = fit_on or len(y)
    names = [position.name, *instruments.columns]
    z = np.column_stack([y, x])
    ahead, shocks = zip(*(_garch(column, fitted, name) for column, name in zip(z.T, names)))
    ahead, shocks = np.column_stack(ahead), np.column_stack(shocks)
    outer = shocks[:, :, None] * shocks[:, None, :]
    mean = outer[:fitted].mean(axis=0)

    def correlations(a: float, b: float) -> np.ndarray:
        q = lfilter([1], [1, -b], (1 - a - b) * mean + a * outer, axis=0, zi=b * mean[None])[0]
        return _correlation(q)

    def loss(parameters: np.ndarray) -> float:
        r = np.concatenate([_correlation(mean[None]), correlations(*parameters)[: fitted - 1]])
        back = np.linalg.solve(r, shocks[:fitted, :, None])[..., 0]
        return float(np.mean(np.linalg.slogdet(r)[1] + (shocks[:fitted] * back).sum(axis=1)))

    stationary = {"type": "ineq", "fun": lambda p: 0.999 - p.sum()}
    best = minimize(loss, [0.03, 0.9], bounds=[(0, 0.5), (0, 0.999)], constraints=stationary)
    cov = correlations(*best.x) * ahead[:, :, None] * ahead[:, None, :]
    begin = fitted - 1 if fit_on else 0
    return _path(cov[begin:], index[begin:], instruments.columns)


def constrained(
    position: pd.Series,
    instruments: pd.DataFrame,
    *,
    side: Literal["any", "buy", "sell"] = "any",
    gross: float | None = None,
    max_weight: float | None = None,
    net: float | None = None,
    betas: pd.DataFrame | None = None,
) -> pd.Series:
    """Ratios with the least variance among those allowed, by instrument (sold per unit of position).

    Parameters
    ----------
    side : "any", "buy" or "sell"
        ``"buy"`` is a long-only overlay: no ratio above zero.
    gross : float, optional
        Σ |ratio| at most.
    max_weight : float, optional
        Each |ratio| at most.
    net : float, optional
        Σ ratio exactly: 1 sells as much as is held (dollar-neutral).
    betas : DataFrame, optional
        Rows the position's name and the instruments', columns factors: the hedged position has
        none of them.

    Raises
    ------
    DataError
        If nothing is allowed; the message names the constraints of which any one must give way.
    """
    import cvxpy  # slow to import: only where a constraint needs a solver

    _, y, x = _sample(position, instruments, instruments.shape[1] + 2)
    k = x.shape[1]
    for name, bound in (("gross", gross), ("max_weight", max_weight)):
        if bound is not None and not bound > 0:
            raise DataError(f"{name} is {bound!r}; expected a number above 0, in units of the position")
    if side not in ("any", "buy", "sell"):
        raise DataError(f"side {side!r}: write any, buy or sell")
    equal: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    if net is not None:
        equal[f"net = {net:g}"] = np.ones((1, k)), np.array([net])
    if betas is not None:
        try:
            own, theirs = betas.loc[position.name], betas.loc[instruments.columns]
        except KeyError as error:
            raise DataError(f"betas has no row for {error}; give one per instrument and position") from None
        equal |= {f"neutral to {f}": (theirs[[f]].to_numpy().T, own[[f]].to_numpy()) for f in betas}
    y, x = y - y.mean(), x - x.mean(axis=0)
    size = y.std()

    def bounds(h: cvxpy.Expression) -> dict[str, cvxpy.Constraint]:
        rules = {}
        if side != "any":
            rules[f"side = {side}"] = h <= 0 if side == "buy" else h >= 0
        if gross is not None:
            rules[f"gross <= {gross:g}"] = cvxpy.norm1(h) <= gross
        if max_weight is not None:
            rules[f"max_weight <= {max_weight:g}"] = cvxpy.abs(h) <= max_weight
        return rules

    def solve(without: str = "") -> np.ndarray | None:
        """The best ratios with one constraint left out; nothing if the others rule each other out."""
        try:
            base, free = _solutions([pair for name, pair in equal.items() if name != without], k)
        except np.linalg.LinAlgError:
            return None
        h = cvxpy.Constant(base) + (free @ cvxpy.Variable(free.shape[1]) if free.size else 0)
        kept = [rule for name, rule in bounds(h).items() if name != without]
        problem = cvxpy.Problem(cvxpy.Minimize(cvxpy.sum_squares((y - x @ h) / size)), kept)
        return h.value if _solved(problem) else None

    found = solve()
    if found is None:
        rules = [*equal, *bounds(cvxpy.Variable(k))]
        relax = [name for name in rules if solve(name) is not None] or rules
        raise DataError(
            f"no hedge of {position.name} satisfies {'; '.join(rules)}; relax {' or '.join(relax)}"
        )
    return pd.Series(found, index=instruments.columns.rename("instrument"), name="ratio")


def rolling_constrained(
    position: pd.Series, instruments: pd.DataFrame, window: int = 52, every: int = 4, **limits: Any
) -> pd.DataFrame:
    """`constrained` on the last `window` rows, solved again each `every` rows and kept in between.

    Returns
    -------
    DataFrame
        Ratios, date × instrument, from the first full window on: a path for `effectiveness`.

    Raises
    ------
    DataError
        A window longer than the data, or whatever `constrained` refuses.
    """
    index, _, _ = _sample(position, instruments, window, f"a window of {window} rows")
    renewed = {}
    for end in range(window, len(index) + 1, every):
        past = index[end - window : end]
        renewed[past[-1]] = constrained(position.loc[past], instruments.loc[past], **limits)
    path = pd.DataFrame(renewed).T.reindex(index[window - 1 :]).ffill()
    return path.rename_axis(columns="instrument")


# Effectiveness ---------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Effectiveness:
    """How a hedge did on days that its ratios had not seen.

    Attributes
    ----------
    position, instruments
        Names.
    returns : DataFrame
        Rows out of sample × `unhedged`, `hedged`, `one_to_one`; net of cost.
    ratios : DataFrame
        In force on those rows, date × instrument.
    risk : DataFrame
        Of each column of `returns`: `volatility` per year, `expected_shortfall` per row (mean loss
        in the worst `tail`), `turnover` per year (units of position) and `cost_bp` per year.
    reduction : DataFrame
        Rows ``hedged`` and ``one_to_one`` against no hedge, and ``hedged, against one_to_one``;
        1 − risk ratio for `variance` and `shortfall`, each with `_low` and `_high`.
    in_sample : float
        Variance reduction of least squares over all rows, for comparison.
    choices : dict
        Everything that was asked for or chosen.
    """

    position: str
    instruments: tuple[str, ...]
    returns: pd.DataFrame
    ratios: pd.DataFrame
    risk: pd.DataFrame
    reduction: pd.DataFrame
    in_sample: float
    choices: dict[str, object]

    @property
    def helps(self) -> bool:
        """Whether the interval of the variance reduction lies above zero."""
        return bool(self.reduction.at["hedged", "variance_low"] > 0)

    @property
    def unit(self) -> str:
        """What a row is."""
        return "weeks" if self.choices["periods_per_year"] == WEEKS else "rows"

    @property
    def verdict(self) -> str:
        value, low, high = self.reduction.loc["hedged", ["variance", "variance_low", "variance_high"]]
        return (
            f"{'helps out of sample' if self.helps else NO_HELP}: variance changes by {-value:+.0%} "
            f"({self.choices['level']:.0%} interval {-high:+.0%} to {-low:+.0%}), {len(self.returns)} {self.unit}"
        )


def effectiveness(
    position: pd.Series,
    instruments: pd.DataFrame,
    ratios: pd.DataFrame | None = None,
    *,
    naive: pd.Series | None = None,
    window: int = 52,
    every: int = 4,
    cost_bp: float = 2.0,
    tail: float = 0.05,
    level: float = 0.95,
    draws: int = 10_000,
    block: float | None = None,
    periods_per_year: float = WEEKS,
    seed: int = 0,
) -> Effectiveness:
    """Walk forward: ratios known at the end of a row hedge the next ones, until they are renewed.

    Rows must not overlap: see `pnl`.

    Parameters
    ----------
    ratios : DataFrame, optional
        A path dated by when it is known, from `rolling`, `ewma` or `dcc` with `fit_on`. Default:
        `rolling` over `window` rows.
    naive : Series, optional
        By instrument, the ratios of the hedge to compare with, see `one_for_one`. Default: one unit
        sold, in equal parts.
    every : int
        Rows between renewals. In between the hedge is kept at its ratio, which is traded for too.
    cost_bp : float
        Of the notional traded, opening included, taken off the returns.
    tail : float
        Share of rows in the expected shortfall.
    draws, block, level, seed
        Percentile intervals of the stationary bootstrap (Politis and Romano 1994), which resamples
        rows of hedged and unhedged returns together. Mean `block` length in rows: by default that
        of Politis and White (2004) for the squared returns.

    Notes
    -----
    The interval is for the ratios as they were, not for the luck of estimating others. Among forty
    useless hedges one passes by chance.

    Raises
    ------
    DataError
        A window that leaves fewer than 20 rows, or whatever `rolling` refuses.
    """
    for name, given, right, expected in (
        ("every", every, every >= 1, "a number of rows >= 1"),
        ("draws", draws, draws >= 1, "a number >= 1"),
        ("cost_bp", cost_bp, cost_bp >= 0, "basis points >= 0"),
        ("tail", tail, 0 < tail < 1, "a share between 0 and 1"),
        ("level", level, 0 < level < 1, "a share between 0 and 1"),
    ):
        if not right:
            raise DataError(f"{name} is {given!r}; expected {expected}")
    if naive is not None and not set(instruments) <= set(naive.index):
        raise DataError(
            f"naive has ratios on {', '.join(naive.index)}; give one for each of {', '.join(instruments)}"
        )
    index, y, x = _sample(position, instruments, 2)
    if ratios is None and len(y) < window + _LEAST_OUT:
        raise DataError(
            f"window of {window} rows leaves {max(len(y) - window, 0)} of {len(y)} out of sample, "
            f"{_LEAST_OUT} are needed; shorten the window or take shorter returns"
        )
    path = rolling(position, instruments, window) if ratios is None else ratios[list(instruments)].dropna()
    renewed = path.iloc[::every].reindex(index, method="ffill", limit=every - 1).shift(1).dropna()
    if len(renewed) < _LEAST_OUT:
        raise DataError(
            f"the ratios leave {len(renewed)} rows out of sample, {_LEAST_OUT} are needed; start them earlier"
        )
    out = index.get_indexer(renewed.index)
    y, x, h = y[out], x[out], renewed.to_numpy()
    ones = np.full_like(h, 1 / h.shape[1])
    if naive is not None:
        ones[:] = naive[list(instruments)]
    traded = np.column_stack([np.zeros(len(y)), _traded(y, x, h), _traded(y, x, ones)])
    cost = traded * cost_bp / 1e4
    panel = np.column_stack([y, y - (h * x).sum(axis=1), y - (ones * x).sum(axis=1)]) - cost
    block = block or _block_length(panel)
    variance, shortfall = _risks(panel, np.ones((1, len(y))), tail)
    resampled = _resampled(panel, block, draws, tail, seed)
    names = ["unhedged", "hedged", "one_to_one"]
    years = len(y) / periods_per_year
    risk = {
        "volatility": np.sqrt(variance[0] * periods_per_year),
        "expected_shortfall": shortfall[0],
        "turnover": traded.sum(axis=0) / years,
        "cost_bp": cost.sum(axis=0) * 1e4 / years,
    }
    against = {"hedged": (1, 0), "one_to_one": (2, 0), "hedged, against one_to_one": (1, 2)}
    reduction = {}
    for name, (this, other) in against.items():
        reduction[name] = {}
        for what, point, many in zip(("variance", "shortfall"), (variance, shortfall), resampled):
            cut = np.quantile(1 - many[:, this] / many[:, other], [(1 - level) / 2, (1 + level) / 2])
            reduction[name] |= {what: 1 - point[0, this] / point[0, other], f"{what}_low": cut[0]}
            reduction[name] |= {f"{what}_high": cut[1]}
    return Effectiveness(
        str(position.name),
        tuple(map(str, instruments)),
        pd.DataFrame(panel, renewed.index, names),
        renewed,
        pd.DataFrame(risk, index=names),
        pd.DataFrame(reduction).T,
        static(position, instruments).reduction,
        {
            "estimator": f"rolling {window}" if ratios is None else "given",
            "every": every, "cost_bp": cost_bp, "tail": tail, "level": level,
            "draws": draws, "block": float(block), "periods_per_year": periods_per_year, "seed": seed,
        },
    )  # fmt: skip


def record(
    facts: Facts,
    tickers: Sequence[str] | None = None,
    hedges: Sequence[Sequence[str]] | None = None,
    *,
    currency: str = "USD",
    horizon: Horizon = "weekly",
    **choices: float,
) -> pd.DataFrame:
    """What each hedge of each share did out of sample.

    Parameters
    ----------
    tickers : sequence of str, optional
        Default: the makers' main lines with prices.
    hedges : sequence of sequences of str, optional
        Such as ``[["JPY"], ["JPY", "TOPIX"]]``. Default: `candidates` of each share, and its `peers`
        in equal parts as one instrument.
    currency, horizon
        See `pnl`.
    **choices
        Passed to `effectiveness`.

    Returns
    -------
    DataFrame
        Indexed by `ticker`, `hedge`: `called`, the hedge in words; variance reduction `in_sample` and
        `out_of_sample` with `low` and `high`; `one_to_one`, that of `one_for_one`, and what the
        estimated ratios remove of the variance which that leaves, `over_one_to_one` with `over_low`,
        `over_high`; `shortfall_reduction`, `turnover` and `cost_bp` per year, rows `n` from `first` to
        `last`, `helps` and `verdict`. A hedge that cannot be computed has empty figures and the reason
        as its verdict.
    """
    lines = facts.makers["ticker"].dropna()
    chosen = list(lines[lines.isin(facts.prices.columns)]) if tickers is None else list(tickers)
    scale = {"periods_per_year": periods_per_year(horizon), **choices}
    rows = {}
    for ticker in chosen:
        basket = peers(facts, ticker)
        tried = [*candidates(facts, ticker), *([basket] if basket else [])] if hedges is None else hedges
        for names in tried:
            title = PEERS if names is basket else " + ".join(names)
            try:
                frame = pnl(facts, ticker, list(names), currency=currency, horizon=horizon)
                position, sold, naive = frame[ticker], frame[list(names)], None
                if names is basket:
                    sold = sold.mean(axis=1, skipna=False).to_frame(PEERS)
                else:
                    naive = one_for_one(facts, ticker, names, currency)
                row = _told(effectiveness(position, sold, naive=naive, **scale))
            except DataError as error:
                row = {"helps": False, "verdict": str(error)}
            called = label(facts, PEERS) if names is basket else " + ".join(label(facts, n) for n in names)
            rows[ticker, title] = {"called": called, **row}
    table = pd.DataFrame.from_dict(rows, orient="index")
    return table.rename_axis(["ticker", "hedge"])


def _told(result: Effectiveness) -> dict[str, object]:
    hedged, over = result.reduction.loc["hedged"], result.reduction.loc["hedged, against one_to_one"]
    return {
        "in_sample": result.in_sample,
        "out_of_sample": hedged["variance"],
        "low": hedged["variance_low"],
        "high": hedged["variance_high"],
        "one_to_one": result.reduction.at["one_to_one", "variance"],
        "over_one_to_one": over["variance"],
        "over_low": over["variance_low"],
        "over_high": over["variance_high"],
        "shortfall_reduction": hedged["shortfall"],
        "turnover": result.risk.at["hedged", "turnover"],
        "cost_bp": result.risk.at["hedged", "cost_bp"],
        "n": len(result.returns),
        "first": result.returns.index[0],
        "last": result.returns.index[-1],
        "helps": result.helps,
        "verdict": result.verdict,
    }


# Long-short ideas ------------------------------------------------------------------------------------


def pairs(
    returns: pd.DataFrame,
    exposure: pd.Series,
    factors: pd.DataFrame,
    *,
    window: int = 26,
    cost_bp: float | pd.Series = 10.0,
    overlay_cost_bp: float = 2.0,
    periods_per_year: float = WEEKS,
) -> pd.DataFrame:
    """Every pair, long the less exposed share and short the more exposed one, without market or FX.

    One unit each side is dollar-neutral; the difference of the two shares' betas on `factors`
    (joint least squares) is sold in the factors' own instruments, so that the pair has no covariance
    with any of them in the sample.

    Parameters
    ----------
    returns : DataFrame (T, N)
        Of shares, by date; common rows with `factors` are used.
    exposure : Series (N,)
        Tariff bill as a share of market value. Shares without one are left out.
    factors : DataFrame (T, K)
        Of tradable market and currency instruments.
    window : int
        Rows of each rolling correlation between the two sides.
    cost_bp : float or Series by share, overlay_cost_bp : float
        To open one unit of a share, of a factor instrument.

    Returns
    -------
    DataFrame
        Best `rank` first: the mean of three ranks, by `exposure_gap` (large), by
        `correlation_spread` (90th less 10th percentile of the rolling correlations, small) and by
        `cost_bp` (small). With `long`, `short`, `correlation`, `volatility` of what remains (per
        year), `gross`, and one column ``sell <factor>`` per factor (negative: buy).
    """
    names, z, f, beta = _betas(returns, exposure, factors, window)
    worth, t = exposure[names].to_numpy(), len(z)
    one, two = np.array(list(combinations(range(len(names)), 2))).T
    swap = worth[one] > worth[two]
    long, short = np.where(swap, two, one), np.where(swap, one, two)
    overlay = beta[:, long] - beta[:, short]
    left = z[:, long] - z[:, short] - f @ overlay
    z = z - z.mean(axis=0)
    sums = {
        name: _running(part, window)
        for name, part in (("x", z), ("xx", z**2), ("xy", z[:, long] * z[:, short]))
    }
    spread = np.sqrt(sums["xx"] - sums["x"] ** 2 / window)
    both = sums["xy"] - sums["x"][:, long] * sums["x"][:, short] / window
    low, high = np.quantile(both / (spread[:, long] * spread[:, short]), [0.1, 0.9], axis=0)
    leg = np.broadcast_to(cost_bp if np.isscalar(cost_bp) else cost_bp[names], len(names))
    table = pd.DataFrame(
        {
            "long": names[long],
            "short": names[short],
            "exposure_gap": worth[short] - worth[long],
            "correlation": np.corrcoef(z.T)[long, short],
            "correlation_spread": high - low,
            "volatility": np.sqrt((left - left.mean(axis=0)).var(axis=0) * periods_per_year),
            "gross": 2 + np.abs(overlay).sum(axis=0),
            "cost_bp": leg[long] + leg[short] + overlay_cost_bp * np.abs(overlay).sum(axis=0),
            **{f"sell {name}": row for name, row in zip(factors, overlay)},
        }
    )
    ranks = [
        table["exposure_gap"].rank(ascending=False),
        *(table[c].rank() for c in ("correlation_spread", "cost_bp")),
    ]
    table.insert(0, "rank", sum(ranks) / 3)
    table = table.sort_values(["rank", "exposure_gap"], ascending=[True, False], ignore_index=True)
    table.attrs = {"rows": t, "left_out": sorted(set(returns) - set(names))}
    return table


def basket(
    returns: pd.DataFrame,
    exposure: pd.Series,
    factors: pd.DataFrame,
    *,
    gross: float = 2.0,
    max_weight: float = 0.4,
) -> pd.Series:
    """Weights with the widest exposure gap that hold no dollars, market or currency by themselves.

    Maximises −Σ w·exposure subject to Σ w = 0, β′w = 0 for every factor, Σ |w| ≤ gross and
    |w| ≤ max_weight; positive is long. Unlike `pairs` it needs no overlay, only more shares than
    factors. The equalities hold to rounding, by construction.

    Raises
    ------
    DataError
        Too few shares for that many factors, or no gap to be had.
    """
    import cvxpy

    names, _, _, beta = _betas(returns, exposure, factors, 2)
    rules = [(np.ones((1, len(names))), np.zeros(1)), (beta, np.zeros(len(beta)))]
    _, free = _solutions(rules, len(names))
    if not free.size:
        raise DataError(
            f"{len(names)} shares cannot be neutral to dollars and {len(beta)} factors; "
            f"give {len(beta) + 2} or drop factors"
        )
    w = free @ cvxpy.Variable(free.shape[1])
    worth = exposure[names].to_numpy()
    goal = cvxpy.Minimize(w @ (worth / np.abs(worth).max()))
    problem = cvxpy.Problem(goal, [cvxpy.norm1(w) <= gross, cvxpy.abs(w) <= max_weight])
    if not _solved(problem) or -(w.value @ worth) < _SINGULAR:
        raise DataError("no neutral basket has an exposure gap; drop a factor or widen gross and max_weight")
    return pd.Series(w.value, names, name="weight")


# Arrays ----------------------------------------------------------------------------------------------


def _sample(
    position: pd.Series, instruments: pd.DataFrame, need: int, what: str = "this"
) -> tuple[pd.DatetimeIndex, np.ndarray, np.ndarray]:
    """Rows on which everything is known: dates, y (T,), x (T, k)."""
    both = pd.concat([position.rename("y"), instruments], axis=1, join="inner").dropna()
    names = f"{position.name} and {', '.join(map(str, instruments))}"
    if both.empty:
        ends = ", ".join(
            f"{name} {series.first_valid_index()!s:.10} to {series.last_valid_index()!s:.10}"
            for name, series in [(position.name, position), *instruments.items()]
        )
        raise DataError(f"no date on which {names} all have a return ({ends}); change the instrument")
    if len(both) < need:
        raise DataError(f"{what} needs {need} rows; {names} have {len(both)} in common")
    values = both.to_numpy(dtype=float)
    return both.index, values[:, 0], values[:, 1:]


def _ends(index: pd.DatetimeIndex) -> tuple[date, date]:
    return index[0].date(), index[-1].date()


def _running(values: np.ndarray, window: int) -> np.ndarray:
    """Sums over every `window` rows, (T − window + 1, …)."""
    total = np.concatenate([np.zeros_like(values[:1]), np.cumsum(values, axis=0)])
    return total[window:] - total[:-window]


def _path(cov: np.ndarray, index: pd.DatetimeIndex, names: pd.Index) -> pd.DataFrame:
    """Ratios Var(x)⁻¹ Cov(x, y) of covariances (T, 1 + k, 1 + k), position first."""
    inner = cov[:, 1:, 1:]
    if (np.linalg.cond(_correlation(inner)) > 1 / _SINGULAR).any():
        raise DataError(f"{', '.join(map(str, names))} repeat each other; drop one of them")
    ratio = np.linalg.solve(inner, cov[:, 1:, :1])[..., 0]
    return pd.DataFrame(ratio, index, names.rename("instrument"))


def _correlation(cov: np.ndarray) -> np.ndarray:
    scale = np.sqrt(np.diagonal(cov, axis1=1, axis2=2))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.nan_to_num(cov / (scale[:, :, None] * scale[:, None, :]))


def _garch(values: np.ndarray, fitted: int, name: object) -> tuple[np.ndarray, np.ndarray]:
    """Volatility forecast for the next row, and shocks in units of the volatility forecast, both (T,)."""
    from arch import arch_model  # slow to import

    past = values[:fitted]
    scale = 1 / past.std()  # the optimiser wants numbers near one
    model = arch_model(past * scale, mean="Constant", vol="GARCH", p=1, q=1, rescale=False)
    fit = model.fit(disp="off", show_warning=False)
    if fit.convergence_flag:
        raise DataError(f"GARCH(1,1) of {name} does not converge; use rolling or ewma")
    n = len(past)
    if fit.bic > n * (np.log(2 * np.pi) + 1) + 2 * np.log(n):  # that of one variance, here 1
        return np.full(len(values), 1 / scale), (values - past.mean()) * scale
    mean, omega, alpha, beta = fit.params
    first = fit.conditional_volatility[0] ** 2
    shock = values * scale - mean
    ahead, _ = lfilter([1], [1, -beta], omega + alpha * shock**2, zi=[beta * first])
    now = np.concatenate([[first], ahead[:-1]])
    return np.sqrt(ahead) / scale, shock / np.sqrt(now)


def _solved(problem: cvxpy.Problem) -> bool:
    """Whether the problem has a solution, which its variables then hold."""
    problem.solve(solver="CLARABEL")
    if problem.status not in ("optimal", "infeasible"):
        raise DataError(f"the solver stopped with {problem.status!r}; scale the returns or drop constraints")
    return bool(problem.status == "optimal")


def _solutions(equal: Sequence[tuple[np.ndarray, np.ndarray]], k: int) -> tuple[np.ndarray, np.ndarray]:
    """One solution (k,) of a h = b for all (a, b), and a basis (k, m) of the others' differences."""
    if not equal:
        return np.zeros(k), np.eye(k)
    a, b = np.vstack([a for a, _ in equal]), np.concatenate([b for _, b in equal])
    base = np.linalg.lstsq(a, b)[0]
    if not np.allclose(a @ base, b, atol=1e-12):
        raise np.linalg.LinAlgError("no solution")
    return base, null_space(a)


def _betas(
    returns: pd.DataFrame, exposure: pd.Series, factors: pd.DataFrame, window: int
) -> tuple[pd.Index, np.ndarray, np.ndarray, np.ndarray]:
    """Shares with an exposure, their returns (T, N), factors (T, K) and betas (K, N)."""
    names = returns.columns[returns.columns.isin(exposure.dropna().index)]
    if len(names) < 2:
        raise DataError(f"{len(names)} shares have returns and an exposure; two are needed")
    both = pd.concat([returns[names], factors], axis=1, join="inner").dropna()
    need = max(window, len(factors.columns) + 3)
    if len(both) < need:
        raise DataError(f"{len(both)} rows are common to all shares and factors; {need} are needed")
    z, f = both[names].to_numpy(), both[list(factors)].to_numpy()
    if np.linalg.matrix_rank((f - f.mean(axis=0)) / f.std(axis=0)) < f.shape[1]:
        raise DataError(f"factors {', '.join(map(str, factors))} repeat each other; drop one of them")
    beta = np.linalg.lstsq(np.column_stack([np.ones(len(f)), f]), z)[0][1:]
    return names, z, f, beta


def _traded(y: np.ndarray, x: np.ndarray, h: np.ndarray) -> np.ndarray:
    """Notional traded at the start of each row to hold h (T, k), in units of the position, (T,)."""
    drifted = h[:-1] * (1 + x[:-1]) / (1 + y[:-1, None])
    return np.abs(np.vstack([h[:1], h[1:] - drifted])).sum(axis=1)


def _block_length(panel: np.ndarray) -> float:
    from arch.bootstrap import optimal_block_length  # slow to import

    squares = (panel[:, :2] - panel[:, :2].mean(axis=0)) ** 2
    return float(np.clip(optimal_block_length(squares)["stationary"].max(), 1, len(panel) / 4))


def _resampled(
    panel: np.ndarray, block: float, draws: int, tail: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Variance and expected shortfall (draws, S) of the columns of panel (n, S) in each resample."""
    chunks = [min(_CHUNK, draws - start) for start in range(0, draws, _CHUNK)]
    seeds = np.random.SeedSequence(seed).spawn(len(chunks))  # so that threads change nothing

    def part(size: int, own: np.random.SeedSequence) -> tuple[np.ndarray, np.ndarray]:
        return _risks(panel, _counts(len(panel), block, size, np.random.default_rng(own)), tail)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        variance, shortfall = zip(*pool.map(part, chunks, seeds))
    return np.concatenate(variance), np.concatenate(shortfall)


def _counts(n: int, block: float, draws: int, rng: np.random.Generator) -> np.ndarray:
    """How often each row enters a stationary bootstrap resample (Politis and Romano 1994), (draws, n)."""
    row = np.arange(n)
    begins = rng.random((draws, n)) < 1 / block
    begins[:, 0] = True
    begun = np.maximum.accumulate(np.where(begins, row, 0), axis=1)
    origin = np.take_along_axis(rng.integers(n, size=(draws, n)), begun, axis=1)
    drawn = (origin + row - begun) % n
    flat = (drawn + n * np.arange(draws)[:, None]).ravel()
    return np.bincount(flat, minlength=draws * n).reshape(draws, n).astype(float)


def _risks(panel: np.ndarray, counts: np.ndarray, tail: float) -> tuple[np.ndarray, np.ndarray]:
    """Variance and expected shortfall, (draws, S), of panel (n, S) with rows counted (draws, n) times.

    Expected shortfall: mean loss over the worst `tail` of the distribution, the row on the edge
    taken in part (Acerbi and Tasche 2002).
    """
    n = len(panel)
    centred = panel - panel.mean(axis=0)
    variance = counts @ centred**2 / n - (counts @ centred / n) ** 2
    mass = tail * n
    shortfall = np.empty_like(variance)
    for column, values in enumerate(panel.T):
        order = np.argsort(values)
        few = order[: min(n, int(np.ceil(6 * mass)))]  # the worst rows nearly always hold the tail
        for rows in (few, order):
            count = counts[:, rows]
            weight = np.clip(mass - (np.cumsum(count, axis=1) - count), 0, count)
            if weight.sum(axis=1).min() > mass * (1 - 1e-9):
                break
        shortfall[:, column] = -(weight @ values[rows]) / mass
    return variance, shortfall
