"""What does a hedge earn in each branch and draw of a tree, and what of the risk does it leave?

A ticket's positions, one or a book of many, and its legs are taken through the draws of a tree (common random
numbers: the block that gives a bill gives the profit and loss). On news that an outcome has come

- a maker's share moves by the change of what its bill is worth over its market value, and with the sector
  and currencies by its slopes;
- a currency by its `fx_jump`;
- any other share or leg by its slopes on the automakers of the homes of the makers held (their bills and
  `sector_jump`) and on currencies.

Moves are counted from what the price holds: the mean over the tree, by its own probabilities unless others
are given. Slopes are least squares on weeks with tariff events; their errors, correlated over legs (Zellner
1962, for one set of regressors), are drawn. Ordinary moves of the holding period are whole rows drawn from
weeks without events, less their mean: no drift is claimed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import Facts, market_value
from tariffmodel.hedging import instruments
from tariffmodel.hedging.positions import book_pnl
from tariffmodel.hedging.ratios import event_rows
from tariffmodel.hedging.ticket import Ticket, event_days
from tariffmodel.markets import market, pricing
from tariffmodel.markets.market import Horizon
from tariffmodel.scenarios import draws, engine
from tariffmodel.scenarios.distribution import Distribution, quantile, shortfall
from tariffmodel.scenarios.draws import BLOCK
from tariffmodel.scenarios.engine import Executor, Study, Tally
from tariffmodel.scenarios.results import Result
from tariffmodel.scenarios.tree import Scenario
from tariffmodel.tariff.case import Case

UNHEDGED, HEDGED, SECTOR = "unhedged", "hedged", "sector"
_FEWEST = 10  # weeks with events from which slopes are taken; with fewer, all weeks
_STREAM = 2  # of a block's seeds: 1 is that of `importance`


@dataclass(frozen=True, eq=False)
class Slopes:
    """Slopes of A assets on F factors, from T rows.

    `value` (A, F), `root` (F, F) and `noise` (A, A): triangles whose squares are the inverse of the factors'
    cross products and the covariance of the residuals; `df` is that of the Student t.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> x = random.normal(0, 0.02, (400, 2))
    >>> found = Slopes.of(x @ [[0.5, 1.0], [0.0, -0.4]] + random.normal(0, 0.001, (400, 2)), x)
    >>> known = [[0.5, 0.0], [1.0, -0.4]]
    >>> bool(np.allclose(found.value, known, atol=0.01))
    True
    >>> bool(np.allclose(found.drawn(random, 999).mean(axis=0), found.value, atol=0.001))
    True
    >>> bool((found.errors < 0.01).all())
    True
    """

    value: np.ndarray
    root: np.ndarray
    noise: np.ndarray
    df: int

    @classmethod
    def of(cls, moves: np.ndarray, factors: np.ndarray) -> Slopes:
        """Least squares with an intercept of moves (T, A) on factors (T, F)."""
        x, y = factors - factors.mean(axis=0), moves - moves.mean(axis=0)
        df = len(x) - x.shape[1] - 1
        if df < 2 or np.linalg.matrix_rank(x) < x.shape[1]:
            raise DataError(
                f"{len(x)} rows of {x.shape[1]} factors give no slopes; ask for a longer history or another "
                "horizon of the ticket"
            )
        value = np.linalg.lstsq(x, y, rcond=None)[0].T
        left = y - x @ value.T
        noise = left.T @ left / df
        values, vectors = np.linalg.eigh(noise)  # may be singular: an instrument can be the sector itself
        return cls(value, np.linalg.cholesky(np.linalg.inv(x.T @ x)), vectors * np.sqrt(values.clip(0)), df)

    @property
    def errors(self) -> np.ndarray:
        """Standard errors (A, F)."""
        sds = (np.sqrt((one**2).sum(axis=1)) for one in (self.noise, self.root))
        return np.asarray(np.multiply.outer(*sds))

    def drawn(self, random: np.random.Generator, size: int) -> np.ndarray:
        """Slopes (size, A, F), Student t around `value`, errors as correlated as they are."""
        normal = random.standard_normal((size, *self.value.shape))
        scale = np.sqrt(self.df / random.chisquare(self.df, size))[:, None, None]
        return np.asarray(
            self.value + scale * np.einsum("ac,scd,fd->saf", self.noise, normal, self.root, optimize=False)
        )


@dataclass(frozen=True, eq=False)
class _Book:
    """A ticket made ready to be drawn over a tree: what is sent to a worker; one of `engine.Measure`.

    A assets move by slopes: P positions, then legs that are no currency. `notional` (P,) is money, below zero
    for short. `maker` (A,) counts in
    `plan.makers`, −1 for none; `worth` (M,) are market values (empty: none), `home` (M,) weights of makers in
    the sector; `jump` (branches, F) and `fixed` (branches, currency legs) are moves from what the price
    holds, `priced` (branches,) its probabilities. `ordinary` (T, P + K) are rows without events; `order` (K,)
    the place of each leg among assets and currency legs; `sold` (K,) is money.
    """

    study: Study
    names: tuple[str, ...]
    notional: np.ndarray
    sold: np.ndarray
    maker: np.ndarray
    worth: np.ndarray
    home: np.ndarray
    slopes: Slopes
    factors: tuple[str, ...]
    jump: np.ndarray
    fixed: np.ndarray
    order: np.ndarray
    priced: np.ndarray
    ordinary: np.ndarray
    rows: int
    low: np.ndarray | None = None
    high: np.ndarray | None = None

    @property
    def weight(self) -> np.ndarray:
        """Probability (branches,) of each branch."""
        return self.study.weight

    @property
    def outcome(self) -> np.ndarray:
        """Leaf (branches,) of each branch."""
        return self.study.outcome

    @property
    def columns(self) -> list[str]:
        """The positions, the legs, and all together."""
        return [UNHEDGED, *self.names, HEDGED]

    def measured(self, seed: int, number: int, size: int = BLOCK) -> np.ndarray:
        """Profit and loss (branches, 1, 2 + K, size) of block `number`, money of the investor."""
        drawn = draws.block(self.study.spec, seed, number, size)
        random = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number, _STREAM)))
        slope = self.slopes.drawn(random, size)
        picks = random.integers(0, len(self.ordinary), (size, self.rows))
        ordinary = self.ordinary[picks].sum(axis=1).T  # (P + K, size)
        own = _news(self.study, self.worth, self.priced, drawn)
        sector = np.einsum("m,bmn->bn", self.home, np.where(self.home[:, None] > 0, own, 0.0))
        by_factor = np.einsum("naf,bf->ban", slope, self.jump)
        bills = np.where(
            (self.maker >= 0)[:, None], own[:, self.maker], slope[:, :, 0].T * sector[:, None]
        )  # a maker's share moves by its own bill, what is no maker's by that of the sector
        count = len(self.notional)
        places = np.append(np.arange(count), self.order)
        flat = np.broadcast_to(self.fixed[..., None], (*self.fixed.shape, size))
        moves = np.concatenate([by_factor + bills, flat], axis=1)[:, places] + ordinary
        moves = np.maximum(moves, -1.0)  # limited liability
        legs = -self.sold[:, None] * moves[:, count:]
        held = np.einsum("p,bpn->bn", self.notional, moves[:, :count])[:, None]
        return np.concatenate([held, legs, held + legs.sum(axis=1, keepdims=True)], axis=1)[:, None]


@dataclass(frozen=True, eq=False)
class Hedged:
    """Profit and loss of a ticket over a tree, in the investor's money.

    `notes` say what is not in it.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> drawn = tm.scenarios.run("canada-and-deals", draws=200)
    >>> found = hedged(drawn, tm.ticket.ticket(feared(drawn, "7203.T"), "7203.T", draws=49))
    >>> list(found.summary().index), found.draws
    (['unhedged', 'TOPIX', 'hedged'], 200)
    >>> found.by_outcome().index.names, found.slopes().index.names
    (FrozenList(['outcome', 'part']), FrozenList(['part', 'factor']))
    >>> bool(found.below(-1e12).eq(0).all()), bool(found.reduction()["variance"] < 1)
    (True, True)
    """

    ticket: Ticket
    result: Result
    book: _Book
    tally: Tally
    notes: tuple[str, ...]

    @property
    def draws(self) -> int:
        """How many there are."""
        return self.tally.draws

    @cached_property
    def _held(self) -> Distribution:
        return Distribution(self.book, self.tally)

    @property
    def _index(self) -> pd.Index:
        return pd.Index(self.book.columns, name="part")

    def summary(self, tail: float = 0.05) -> pd.DataFrame:
        """The position, each leg, and all together, over the whole tree.

        Returns
        -------
        DataFrame
            Indexed by `part` (``unhedged``, legs, ``hedged``): `mean_money`, `mean_se_money` (simulation
            error), `sd_money`, `low_money`, `median_money`, `high_money`, `shortfall_money` (mean of the
            worst `tail`, a loss below zero), and the shares of the variance `outcome_share`, `timing_share`,
            `input_share`: the last holds ordinary moves, errors of slopes and inputs.
        """
        self._held.refuse_thin(tail)
        points, weights = self._held.points(0)
        mean, sd, parts = self._held.moments(0)
        cuts = {name: quantile(points, weights, at) for name, at in _cuts(tail).items()}
        return pd.DataFrame(
            {
                "mean_money": mean,
                "mean_se_money": self._held.spread(0),
                "sd_money": sd,
                **{f"{name}_money": cut for name, cut in cuts.items()},
                "shortfall_money": -shortfall(-points, weights, tail),
                **parts,
            },
            self._index,
        )

    def by_outcome(self, tail: float = 0.05) -> pd.DataFrame:
        """Each part under each leaf of the tree.

        Returns
        -------
        DataFrame
            Indexed by outcome and part: `probability`, `mean_money`, `low_money`, `high_money`.
        """
        self._held.refuse_thin(tail)
        leaves = self.result.scenario.outcomes()
        frames: dict[str, pd.DataFrame] = {}
        for number, (name, probability) in enumerate(leaves["probability"].items()):
            points, weights = self._held.points(0, number)
            columns = {"probability": probability, "mean_money": self._held.mean(0, number)}
            for end in ("low", "high"):
                columns[f"{end}_money"] = quantile(points, weights, _cuts(tail)[end])
            frames[str(name)] = pd.DataFrame(columns, self._index)
        return pd.concat(frames, names=["outcome"])

    def below(self, money: float) -> pd.Series:
        """Probability of a profit of no more than `money`, by part."""
        return pd.Series(1 - self._held.above(0, money), self._index, name="probability")

    def reduction(self, tail: float = 0.05) -> pd.Series:
        """Share that the hedge takes of the `variance`, of that between `outcomes`, and of the `shortfall`.

        Below zero it adds. The second is what it does against the policy itself.
        """
        frame = self.summary(tail).T
        bare, covered = frame[UNHEDGED], frame[HEDGED]
        variance = (covered["sd_money"] / bare["sd_money"]) ** 2
        with np.errstate(divide="ignore", invalid="ignore"):
            between = variance * covered["outcome_share"] / bare["outcome_share"]
            worst = covered["shortfall_money"] / bare["shortfall_money"]
        return pd.Series({"variance": 1 - variance, "outcomes": 1 - between, "shortfall": 1 - worst})

    def slopes(self) -> pd.DataFrame:
        """By how much the position and legs move with the sector and currencies.

        Returns
        -------
        DataFrame
            Indexed by part (``unhedged`` where one share is held, else its lines) and factor: `value` and
            `standard_error`.
        """
        held = self.book.slopes
        money, tickers = len(self.book.jump[0]), [str(line) for line in self.ticket.positions.index]
        legs = [n for n, k in zip(self.book.names, self.book.order, strict=True) if k < len(held.value)]
        parts = [*([UNHEDGED] if len(tickers) == 1 else tickers), *legs]
        index = pd.MultiIndex.from_product([parts, self.book.factors], names=["part", "factor"])
        columns = {"value": held.value.reshape(-1, money), "standard_error": held.errors.reshape(-1, money)}
        return pd.DataFrame({name: each.ravel() for name, each in columns.items()}, index)


def hedged(
    result: Result,
    ticket: Ticket,
    *,
    priced: Mapping[str, float] | None = None,
    rows: int = 4,
    executor: Executor = map,
) -> Hedged:
    """Take a ticket through the draws of a tree.

    Parameters
    ----------
    result : Result
        Its draws and seed are used again.
    ticket : Ticket
        At least one position of a maker in the tree.
    priced : mapping of outcome to probability, optional
        What the price holds, such as implied probabilities. Default: the tree's own.
    rows : int
        Rows of the ticket (weeks) that it is held; 0 leaves only the news.
    executor : callable
        As for `run`.

    Raises
    ------
    DataError
        No share of a maker in the tree, or one of a maker without market value; probabilities that are not
        those of all leaves or do not sum to 1; a bill that would be worth more of a share than can be.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> drawn = tm.scenarios.run("canada-and-deals", draws=200)
    >>> one = tm.ticket.ticket(feared(drawn, "7203.T"), "7203.T", instruments=["JPY"], draws=49)
    >>> hedged(drawn, one, rows=0).summary().at["JPY", "mean_money"]  # none moves the yen
    np.float64(0.0)
    """
    book = engine.placed(_prepared(result, ticket, priced=priced, rows=rows), result.seed)
    tally = engine.tally(book, result.draws, result.seed, executor)
    return Hedged(ticket, result, book, tally, _notes(book, ticket, result.scenario))


def feared(result: Result, ticker: str) -> Case:
    """The case of a ticket on a share: its maker's worst leaf against the likeliest, in the last whole year.

    >>> import tariffmodel as tm
    >>> asked = feared(tm.scenarios.run("canada-and-deals", draws=200), "000270.KS")
    >>> asked.policy.name, asked.against.name, str(asked.period)
    ('korea-25', 'current-law', 'CY2030')
    """
    study = result.study
    market.prices(result.facts, [ticker])
    maker = str(result.facts.instruments.at[ticker, "company"])
    column, value = result.column(maker), result.quantity("value")
    counted = Distribution(study, result.tally)
    worth = [float(counted.mean(value, k)[column]) for k in range(int(study.outcome.max()) + 1)]
    odds = np.bincount(study.outcome, study.weight)
    cases = [
        engine.case_of(result.scenario, result.facts, study.branches[int(of[study.weight[of].argmax()])])
        for of in (np.flatnonzero(study.outcome == k) for k in (np.argmin(worth), np.argmax(odds)))
    ]
    return cases[0].replace(against=cases[1].policy)


def _prepared(
    result: Result, ticket: Ticket, *, priced: Mapping[str, float] | None = None, rows: int = 4
) -> _Book:
    """A ticket made ready, see `hedged`."""
    if rows < 0 or rows != int(rows):
        raise DataError(f"rows is {rows}; write a whole number from 0 on")
    facts, study = result.facts, result.study
    makers, names = list(study.plan.makers), [str(name) for name in ticket.instruments.index]
    held = ticket.positions
    tickers, own = [str(line) for line in held.index], [str(maker) for maker in held["maker"]]
    day = date.fromisoformat(str(ticket.choices["as_of"]))
    worth = market_value(facts, day)["market_cap_usd"].reindex(makers).to_numpy(dtype=float)
    there = {maker for maker, value in zip(makers, worth, strict=True) if np.isfinite(value)}
    if not there & set(own) or (set(own) & set(makers)) - there:
        bad = [f"{line} is of {one}" for line, one in zip(tickers, own, strict=True) if one not in there]
        raise DataError(
            f"{', '.join(bad)}, which has no bill in the tree or no market value; hold a share of "
            f"{', '.join(maker for maker in makers if maker in there)}"
        )
    about = facts.makers.loc[makers]
    ours = [maker for maker in dict.fromkeys(own) if maker in there]
    home = about["home"].isin(about.loc[ours, "home"]) & about["consolidated_in"].isna()
    sector = np.where(home, np.nan_to_num(worth), 0.0)
    sector = sector / sector.sum()
    priced_ = _priced(result, priced)
    money = _currencies(study, facts, ours, names)
    moves, factors, quiet = _history(facts, ticket, names, money, dict(zip(makers, sector, strict=True)))
    assets = [*tickers, *(name for name in names if name in facts.prices)]
    legs = [name for name in names if name not in facts.prices]
    jump = np.column_stack([np.array([branch.sector_jump for branch in study.branches]),
                            *(study.jump[:, study.spec.currencies.index(one)] for one in money)])  # fmt: skip
    jump = jump - priced_ @ jump
    placed = [*assets, *legs]
    companies = [str(facts.instruments.at[name, "company"]) for name in assets]
    for name, one in zip(assets[len(tickers) :], companies[len(tickers) :], strict=True):
        if one in makers and not np.isfinite(worth[makers.index(one)]):
            raise DataError(f"{name} is of {one}, which has no market value on {day}; take another leg")
    book = _Book(
        study=study,
        names=tuple(names),
        notional=held["notional"].to_numpy(dtype=float),
        sold=ticket.instruments["notional"].to_numpy(dtype=float),
        maker=np.array([makers.index(one) if one in makers else -1 for one in companies]),
        worth=worth,
        home=sector,
        slopes=Slopes.of(moves[assets].to_numpy(), factors.to_numpy()),
        factors=(SECTOR, *money),
        jump=np.expm1(jump),
        fixed=_currency_legs(legs, money, jump, ticket.currency),
        order=np.array([placed.index(name) for name in names]),
        priced=priced_,
        ordinary=quiet[[*tickers, *names]].to_numpy(),
        rows=int(rows),
    )
    _refuse_implausible(book, result.seed)
    return book


def _priced(result: Result, priced: Mapping[str, float] | None) -> np.ndarray:
    """Probabilities (branches,) that the price holds: days within a leaf are as likely as in the tree."""
    study, leaves = result.study, result.scenario.outcomes()
    if priced is None:
        return study.weight
    if set(priced) != set(leaves.index) or min(priced.values()) < 0 or abs(sum(priced.values()) - 1) > 1e-9:
        raise DataError(
            f"priced names {', '.join(priced)} and sums to {sum(priced.values()):.12g}; give each of "
            f"{', '.join(leaves.index)} a probability, 1 in all"
        )
    total = np.bincount(study.outcome, study.weight, len(leaves))
    empty = [name for name, own in zip(leaves.index, total, strict=True) if own == 0 and priced[name] > 0]
    if empty:
        raise DataError(
            f"priced gives {empty[0]} a probability that the tree gives none; give it one there as well"
        )
    share = study.weight / np.where(total > 0, total, 1.0)[study.outcome]
    return np.asarray(leaves.index.map(priced).to_numpy(dtype=float)[study.outcome] * share)


def _currencies(study: Study, facts: Facts, makers: list[str], names: list[str]) -> list[str]:
    """Currencies of the tree that a position or a leg may move with."""
    wanted = {
        *facts.makers.loc[makers, "reporting_currency"].map(str),
        *(n for n in names if n not in facts.prices),
    }
    return [one for one in study.spec.currencies if one in wanted]


def _history(
    facts: Facts, ticket: Ticket, names: list[str], money: list[str], sector: dict[str, float]
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Moves of positions and legs, and of factors, on rows with events; of the first on those without."""
    held, year = ticket.positions["notional"], ticket.effectiveness.choices["periods_per_year"]
    horizon: Horizon = "weekly" if year == instruments.WEEKS else round(instruments.DAYS / float(str(year)))
    _, own, legs = book_pnl(facts, held, names, currency=ticket.currency, horizon=horizon)
    tickers, moves = [str(line) for line in held.index], pd.concat([own, legs], axis=1)
    lines = {str(facts.makers.at[maker, "ticker"]): part for maker, part in sector.items() if part > 0}
    calendar = str(facts.instruments.at[tickers[0], "exchange_calendar"])
    raw = market.factors(facts, [*lines, *money], calendar, kind="simple", horizon=horizon)
    factors = raw[money].copy()
    factors.insert(0, SECTOR, (raw[list(lines)] * pd.Series(lines)).sum(axis=1, skipna=False))
    both = pd.concat([moves, factors.add_prefix("factor ")], axis=1, join="inner").dropna()
    both = both.loc[: str(ticket.choices["as_of"])]
    moves, factors = both[[*tickers, *names]], both.filter(regex="^factor ")
    days = sorted({day for line in tickers for day in event_days(facts, line)})
    hit = event_rows(pd.DatetimeIndex(both.index), days)
    quiet = moves[~hit] - moves[~hit].mean()
    chosen = hit if hit.sum() >= _FEWEST else np.ones(len(hit), dtype=bool)
    return moves[chosen], factors[chosen], quiet


def _currency_legs(legs: list[str], money: list[str], jump: np.ndarray, investor: str) -> np.ndarray:
    """Gain of dollars bought against each currency, in the investor's money (branches, legs)."""

    def of(unit: str) -> np.ndarray:
        return jump[:, 1 + money.index(unit)] if unit in money else np.zeros(len(jump))

    gains = [np.expm1(of(leg)) * np.exp(of(investor) - of(leg)) for leg in legs]
    return np.column_stack(gains) if gains else np.zeros((len(jump), 0))


def _news(study: Study, worth: np.ndarray, priced: np.ndarray, drawn: draws.Drawn) -> np.ndarray:
    """Change of each maker's value on the news of each branch over its market value (branches, M, B).

    From what the price holds in the same draw: an input that is not known moves how much news is worth.
    """
    value = engine.evaluated(study, drawn)[:, -1, : len(worth)] / worth[:, None]
    return np.asarray(value - np.einsum("b,bmn->mn", priced, value))


def _refuse_implausible(book: _Book, seed: int) -> None:
    news = _news(book.study, book.worth, book.priced, draws.block(book.study.spec, seed, 0)).mean(axis=-1)
    for maker in dict.fromkeys(book.maker[: len(book.notional)]):
        worst = int(np.abs(news[:, maker]).argmax()) if maker >= 0 else 0
        reading = pricing.implausible(float(news[worst, maker])) if maker >= 0 else ""
        if reading:
            raise DataError(
                f"{book.study.plan.makers[maker]} under {book.study.branches[worst].outcome}: {reading}; "
                "shorten life_years of the tree or hold another share"
            )


def _notes(book: _Book, ticket: Ticket, tree: Scenario) -> tuple[str, ...]:
    """What the figures leave out."""
    legs = [name for name, k in zip(book.names, book.order, strict=True) if k >= len(book.maker)]
    still = [
        one for one in legs if one not in book.factors or not book.jump[:, book.factors.index(one)].any()
    ]
    lines = [f"No outcome moves USD/{one}: its leg has ordinary moves alone." for one in still]
    if not book.jump[:, 0].any():
        lines.append("No outcome has a sector_jump: shares move by their bills and currencies alone.")
    none = [str(n) for n, k in zip(ticket.positions.index, book.maker, strict=False) if k < 0]
    if none:
        lines.append(f"No bill in the tree: {', '.join(none)}; moved by slopes on the sector and currencies.")
    if tree.law_as_of is not None:
        lines.append(
            f"The tree has the law known on {tree.law_as_of}, position and slopes the prices up to "
            f"{ticket.choices['as_of']}."
        )
    unit, rows = ticket.effectiveness.unit, book.slopes.df + book.jump.shape[1] + 1
    where = "with tariff events" if rows < len(book.ordinary) else "with and without tariff events"
    lines.append(
        f"Held for {book.rows} {unit}; slopes from {rows} {unit} {where}, ordinary moves from "
        f"{len(book.ordinary)} without; carry and dividends are in no figure."
    )
    return tuple(lines)


def _cuts(tail: float) -> dict[str, float]:
    return {"low": tail, "median": 0.5, "high": 1 - tail}


__all__ = ["Hedged", "Slopes", "feared", "hedged"]
