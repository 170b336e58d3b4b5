"""What does a tree say once it is drawn: how much, how sure, and is it policy or the inputs?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tariffmodel import facts as fact_tables
from tariffmodel.errors import DataError
from tariffmodel.facts import Facts, market_value
from tariffmodel.scenarios import engine, net
from tariffmodel.scenarios.distribution import Distribution, quantile, shortfall
from tariffmodel.scenarios.draws import BLOCK
from tariffmodel.scenarios.engine import BATCH, Executor, Study, Tally
from tariffmodel.scenarios.tree import Scenario, load

DRAWS = 10_000


@dataclass(frozen=True)
class Result:
    """A tree, drawn. Amounts are USD; `bill` is the cumulated bill over the period, before any response.

    >>> import tariffmodel as tm
    >>> drawn = tm.scenarios.run("canada-and-deals", draws=200)
    >>> drawn.summary()["mean_usd"].idxmax(), drawn.draws, drawn.column("Toyota")
    ('ALL', 200, 0)
    >>> drawn.study.quantities[drawn.quantity("value")]
    'value'
    >>> drawn.by_outcome()["probability"].groupby("outcome").first().sum().round(9)
    np.float64(1.0)
    >>> fan = drawn.paths("Toyota")["mean_usd"]
    >>> bool((fan.groupby("outcome").diff().dropna() >= 0).all())
    True
    >>> bool((drawn.exceeding(-1e15) == 1).all())
    True
    >>> gross = drawn.net("none")
    >>> bool((gross["net_usd"] == gross["mean_usd"]).all())
    True
    """

    scenario: Scenario
    facts: Facts
    study: Study
    tally: Tally
    seed: int
    kept: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)  # by `of_tree`

    @property
    def draws(self) -> int:
        """How many there are."""
        return self.tally.draws

    @cached_property
    def _held(self) -> Distribution:
        return Distribution(self.study, self.tally)

    @cached_property
    def _titles(self) -> pd.DataFrame:
        return self.scenario.outcomes()

    def summary(self, of: str = "bill", tail: float = 0.05) -> pd.DataFrame:
        """Each maker and basket over the whole tree.

        Parameters
        ----------
        of : str
            ``bill``, or ``value``: what it is worth to shareholders, negative where they lose, in USD of
            today and before the sector's jump.
        tail : float
            Probability of the tail of the expected shortfall and of the outer quantiles.

        Returns
        -------
        DataFrame
            Indexed by maker, then basket: `mean_usd`, `mean_se_usd` (simulation error), `sd_usd`, `low_usd`,
            `median_usd`, `high_usd` (quantiles), `shortfall_usd` (mean of the worst `tail`: Rockafellar and
            Uryasev 2000), and the shares of the variance by the law of total variance: `outcome_share` (which
            leaf), `timing_share` (when, within it), `input_share` (all else that is drawn; of a value its
            life, pass-through and currencies are part of it, see `of_tree`).

        Raises
        ------
        DataError
            Fewer than five draws in the tail: 100 for one of 5%.
        """
        self._held.refuse_thin(tail)
        q = self.quantity(of)
        points, weights = self._held.points(q)
        cut = [quantile(points, weights, at) for at in (tail, 0.5, 1 - tail)]
        worst = shortfall(points if of == "bill" else -points, weights, tail)
        mean, sd, parts = self._held.moments(q)
        return pd.DataFrame(
            {
                "mean_usd": mean,
                "mean_se_usd": self._held.spread(q),
                "sd_usd": sd,
                **dict(zip(("low_usd", "median_usd", "high_usd"), cut, strict=True)),
                "shortfall_usd": worst if of == "bill" else -worst,
                **parts,
            },
            index=pd.Index(self.study.columns, name="maker"),
        )

    def by_outcome(self, of: str = "bill", tail: float = 0.05) -> pd.DataFrame:
        """Each maker and basket under each leaf of the tree.

        Returns
        -------
        DataFrame
            Indexed by outcome and maker: `probability`, `mean_usd`, `low_usd`, `high_usd`, and
            `market_cap_share`: the mean over the maker's market value (missing for baskets and what has
            none).
        """
        self._held.refuse_thin(tail)
        q = self.quantity(of)
        worth = market_value(self.facts, self.facts.as_of)["market_cap_usd"].reindex(self.study.columns)
        frames: dict[str, pd.DataFrame] = {}
        for number, name in enumerate(map(str, self._titles.index)):
            points, weights = self._held.points(q, number)
            mean = self._held.mean(q, number)
            frames[name] = pd.DataFrame(
                {
                    "probability": self._titles.loc[name, "probability"],
                    "mean_usd": mean,
                    "low_usd": quantile(points, weights, tail),
                    "high_usd": quantile(points, weights, 1 - tail),
                    "market_cap_share": mean / worth.to_numpy(dtype=float),
                },
                index=pd.Index(self.study.columns, name="maker"),
            )
        return pd.concat(frames, names=["outcome"])

    def paths(self, column: str = "ALL", tail: float = 0.05) -> pd.DataFrame:
        """The bill of a maker or basket as it adds up, year by year, under each leaf.

        Returns
        -------
        DataFrame
            Indexed by outcome and `day`, the end of a year: `probability`, `mean_usd`, `low_usd`, `high_usd`.
        """
        self._held.refuse_thin(tail)
        place = self.column(column)
        days = [*(q.removeprefix("bill_") for q in self.study.quantities[:-1])]
        rows = []
        for number, name in enumerate(self._titles.index):
            for q, year in enumerate(days):
                points, weights = (one[place] for one in self._held.points(q, number))
                rows.append(
                    {
                        "outcome": name,
                        "day": min(pd.Timestamp(f"{year}-12-31"), pd.Timestamp(self.scenario.end)),
                        "probability": self._titles.loc[name, "probability"],
                        "mean_usd": self._held.mean(q, number)[place],
                        "low_usd": quantile(points, weights, tail).item(),
                        "high_usd": quantile(points, weights, 1 - tail).item(),
                    }
                )
        return pd.DataFrame(rows).set_index(["outcome", "day"])

    def exceeding(self, usd: float, of: str = "bill") -> pd.Series:
        """Probability that a bill, or a value, is above an amount, by maker and basket."""
        above = self._held.above(self.quantity(of), usd)
        return pd.Series(above, pd.Index(self.study.columns, name="maker"), name="probability")

    def net(
        self,
        response: str = "prices",
        by_outcome: bool = True,
        tail: float = 0.05,
        executor: Executor = map,
    ) -> pd.DataFrame:
        """Gross and net bill side by side, over the same draws and over draws of the elasticities.

        Prices and volumes settle as in `response`, see `scenarios.net`.

        Parameters
        ----------
        response : str
            ``prices``, or ``none``: the net bill is the gross one.
        by_outcome : bool
            Under each leaf, or over the whole tree.
        tail : float
            Beyond each of the outer quantiles.
        executor : callable
            As for `run`.

        Returns
        -------
        DataFrame
            Indexed by outcome and maker (and basket), or by maker: `mean_usd`, `low_usd`, `high_usd` of the
            gross bill, `net_usd`, `net_low_usd`, `net_high_usd`, and `net_share`, net over gross mean. Net
            figures are missing for a maker that the response does not know.
        """
        self._held.refuse_thin(tail)
        held = self._netted(response, executor)
        inside = self.facts.makers["consolidated_in"].reindex(self.study.columns).notna()

        def frame(outcome: int | None) -> pd.DataFrame:
            columns: dict[str, np.ndarray] = {}
            for q, name in enumerate(("", "net_")):
                points, weights = held.points(q, outcome)
                mean = held.moments(q)[0] if outcome is None else held.mean(q, outcome)
                ends = (quantile(points, weights, at) for at in (tail, 1 - tail))
                figures = zip(("low_usd", "high_usd"), ends, strict=True)
                columns["net_usd" if q else "mean_usd"] = mean
                columns |= {f"{name}{end}": figure for end, figure in figures}
            made = pd.DataFrame(columns, pd.Index(self.study.columns, name="maker"))
            if response != "none":
                made.loc[inside, ["net_usd", "net_low_usd", "net_high_usd"]] = np.nan
            return made.assign(
                net_share=made["net_usd"] / made["mean_usd"].where(made["mean_usd"].abs() >= 1)
            )

        if not by_outcome:
            return frame(None)
        return pd.concat(
            {str(name): frame(k) for k, name in enumerate(self._titles.index)}, names=["outcome"]
        )

    def _netted(self, response: str, executor: Executor) -> Distribution:
        """Gross and net bills, drawn once for each response."""
        kept = vars(self).setdefault("_of_response", {})
        if response not in kept:
            book = engine.placed(net.book(self.study, self.scenario, self.facts, response), self.seed)
            kept[response] = Distribution(book, engine.tally(book, self.draws, self.seed, executor))
        found: Distribution = kept[response]
        return found

    def quantity(self, of: str) -> int:
        """Which of the study's quantities ``bill`` or ``value`` is."""
        if of not in ("bill", "value"):
            raise DataError(f"no result {of!r}; choose bill or value")
        return len(self.study.quantities) - (1 if of == "value" else 2)

    def column(self, name: str) -> int:
        """Which of the study's columns a maker or basket is."""
        if name not in self.study.columns:
            raise DataError(f"no maker or basket {name!r}; choose from {', '.join(self.study.columns)}")
        return self.study.columns.index(name)


def run(
    scenario: str | Path | Scenario,
    data: Facts | str | Path | None = None,
    draws: int = DRAWS,
    seed: int = 1,
    executor: Executor = map,
    progress: bool = False,
) -> Result:
    """Draw a tree.

    Parameters
    ----------
    scenario : str, path or Scenario
        As for `load`.
    data : Facts or path, optional
        Loaded facts, or a data folder.
    draws : int
        Of the inputs; every draw is taken through every branch.
    executor : callable
        As ``map``; ``with tm.scenarios.cluster() as executor`` gives one of several workers.
    progress : bool
        Whether to show a bar on a terminal.

    Raises
    ------
    DataError
        What cannot be read or used, with the remedy.
    TariffModelError
        If not all draws came back.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> drawn = tm.scenarios.run("canada-and-deals", draws=200)
    >>> drawn.by_outcome().loc["korea", "mean_usd"].idxmax()
    'ALL'
    """
    if draws < 1:
        raise DataError(f"draws is {draws}; write a number above zero, such as {DRAWS}")
    known = data if isinstance(data, Facts) else fact_tables.load(data)
    asked = scenario if isinstance(scenario, Scenario) else load(scenario, known.folder)
    study = engine.prepare(asked, known, seed)
    with _bar(-(-draws // (BLOCK * BATCH)), progress) as step:
        tally = engine.tally(study, draws, seed, executor, step)
    return Result(asked, known, study, tally, seed)


@contextmanager
def _bar(batches: int, shown: bool) -> Iterator[Callable[[], Any]]:
    """A progress bar on a terminal, and what moves it on by a batch."""
    console = Console(stderr=True, quiet=not shown)
    columns = (TextColumn("draws"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=batches)
        yield lambda: bar.advance(task)


__all__ = ["DRAWS", "Result", "run"]
