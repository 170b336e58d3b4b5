"""What is a tree worth, draw by draw, on one machine or on many?

Blocks of draws are counted into a `Tally` of bounded size, batch by batch; the batches can be mapped over by
anything that maps in order: the built-in ``map``, a pool's, or `on_cluster` for ``dask.distributed``. A batch
is always the same blocks and batches are added in their order, so the result is the same to the last bit
whatever the number of workers. A worker that is lost has its batch done again by another; one that cannot be
done raises, and there is no result: a part is never taken for the whole.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import date
from functools import partial
from typing import Any, Protocol, TypeVar

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError, TariffModelError
from tariffmodel.facts import Facts
from tariffmodel.facts.periods import Period, parse
from tariffmodel.markets import valuation
from tariffmodel.scenarios import bills, draws
from tariffmodel.scenarios.draws import BLOCK, Drawn, Spec
from tariffmodel.scenarios.tree import Branch, Scenario, joined
from tariffmodel.tariff import policy as policies
from tariffmodel.tariff.case import Case
from tariffmodel.tariff.entries import Policy
from tariffmodel.tariff.exposure import ALL
from tariffmodel.tariff.goods import DAYS_A_YEAR, INPUTS, entered

BATCH = 20  # blocks that are counted together: the unit of work
BINS = 512  # of each distribution; within one it is a point at the mean of what fell there
_RETRIES = 3  # of a batch whose worker was lost
# Dask has glibc give back every array at once, and that takes as long as the sums do: keep up to 256 MB
_ALLOCATION = dict.fromkeys(("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"), str(2**28))
_AHEAD = 4  # batches under way for each thread of a cluster

Executor = Callable[[Callable[[int], Any], Iterable[int]], Iterable[Any]]


class Measure(Protocol):
    """What draws are counted of: amounts by branch, quantity and column, such as a `Study`.

    >>> import tariffmodel as tm
    >>> one: Measure = tm.scenarios.run("canada-and-deals", draws=200).study
    >>> len(one.weight) == len(one.outcome), one.low.shape == one.high.shape
    (True, True)
    >>> one.measured(seed=1, number=0, size=3).shape == (len(one.weight), 6, len(one.columns), 3)
    True
    """

    @property
    def weight(self) -> np.ndarray:
        """Probability (branches,) of each branch."""

    @property
    def outcome(self) -> np.ndarray:
        """Leaf (branches,) of each branch."""

    @property
    def low(self) -> np.ndarray | None:
        """Lower end (outcomes, Q, C) of the bins."""

    @property
    def high(self) -> np.ndarray | None:
        """Upper end (outcomes, Q, C) of the bins."""

    @property
    def columns(self) -> list[str]:
        """Names of the C columns."""

    def measured(self, seed: int, number: int, size: int = BLOCK) -> np.ndarray:
        """Amounts (branches, Q, C, size) of block `number` of a seed."""


_M = TypeVar("_M", bound=Measure)


@dataclass(frozen=True)
class Study:
    """A tree made ready: what is sent to a worker.

    `weight` (branches,) are probabilities, `outcome` (branches,) the leaf of each; `ends` (Y + 1,) the years
    since the start at which the parts of the period begin and end; `kept`, `rate` (M,) are 1 − tax and the
    discount rate; `currency` (M,) counts in `spec.currencies`, −1 for none; `jump` (branches, C) is that of
    currencies. `baskets` holds the makers of each. `low` and `high` (outcomes, Q, C) place the bins.

    >>> import tariffmodel as tm
    >>> study = tm.scenarios.run("canada-and-deals", draws=200).study
    >>> study.columns[-3:], study.measured(seed=1, number=0, size=3).shape[-1]
    (['KR', 'US', 'ALL'], 3)
    """

    plan: bills.Plan
    spec: Spec
    branches: tuple[Branch, ...]
    weight: np.ndarray
    outcome: np.ndarray
    ends: np.ndarray
    kept: np.ndarray
    rate: np.ndarray
    currency: np.ndarray
    jump: np.ndarray
    baskets: tuple[tuple[str, np.ndarray], ...]
    quantities: tuple[str, ...]
    low: np.ndarray | None = None
    high: np.ndarray | None = None

    @property
    def columns(self) -> list[str]:
        """Makers, then baskets."""
        return [*self.plan.makers, *(name for name, _ in self.baskets)]

    def measured(self, seed: int, number: int, size: int = BLOCK) -> np.ndarray:
        """`evaluated` for block `number` of a seed."""
        return evaluated(self, draws.block(self.spec, seed, number, size))


@dataclass(frozen=True)
class Tally:
    """Draws counted: what batches add up to.

    `draws`; by branch, quantity and column the `total` and `square` of what was drawn less the `middle` of
    its bins; `mixed` and `mixed_square` (Q, C) of the draw's mean over branches; by outcome the `weight` and
    the `mass` (outcomes, Q, C, bins) of every bin.
    """

    draws: int
    total: np.ndarray
    square: np.ndarray
    mixed: np.ndarray
    mixed_square: np.ndarray
    weight: np.ndarray
    mass: np.ndarray

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


def prepare(scenario: Scenario, facts: Facts, seed: int = 1) -> Study:
    """Read the law of every branch, and place the bins with the first block of a seed.

    Raises
    ------
    DataError
        A policy with volume credits, a figure that is no number, correlations that contradict each other, a
        jump of a currency without volatility.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> study = prepare(tm.scenarios.load("june-2025-proposal"), tm.facts.load())
    >>> study.quantities[-1], study.columns[-1], len(study.branches)
    ('value', 'ALL', 29)
    """
    branches = scenario.branches()
    paths, against = _law(scenario, facts, branches)
    years = _years(scenario.period)
    goods = entered(facts, scenario.period, [*paths, against], {year.start for year in years})
    plan = bills.plan(facts, paths, against, goods, years, scenario.shape)
    spec = draws.spec(scenario, facts, list(INPUTS), plan.makers)
    for branch in branches:
        if unknown := sorted(set(branch.fx_jump) - set(spec.currencies)):
            raise DataError(
                f"{scenario.name}: outcome.{branch.outcome}.fx_jump names {unknown[0]}, which has no "
                f"[fx.{unknown[0]}]; add its volatility"
            )
    worth = valuation.inputs(facts)["central"]
    makers = facts.makers.loc[list(plan.makers)]
    paid_in = makers["reporting_currency"]
    study = Study(
        plan=plan,
        spec=spec,
        branches=tuple(branches),
        weight=np.array([branch.probability for branch in branches]),
        outcome=np.array([branch.number for branch in branches]),
        ends=np.array([0.0, *((year.end - scenario.start).days + 1 for year in years)]) / DAYS_A_YEAR,
        kept=1 - worth["tax_rate"].loc[list(plan.makers)].to_numpy(dtype=float),
        rate=np.log1p(worth["discount_rate"].loc[list(plan.makers)].to_numpy(dtype=float)),
        currency=np.array([spec.currencies.index(c) if c in spec.currencies else -1 for c in paid_in]),
        jump=np.array([[branch.fx_jump.get(c, 0.0) for c in spec.currencies] for branch in branches]),
        baskets=_baskets(makers),
        quantities=(*(f"bill_{year.end.year}" for year in years), "value"),
    )
    return placed(study, seed)


def placed(measure: _M, seed: int) -> _M:
    """The same with bins, from the first block of a seed.

    >>> import tariffmodel as tm
    >>> study = tm.scenarios.run("canada-and-deals", draws=200).study
    >>> bool((placed(study, seed=1).low == study.low).all())
    True
    """
    pilot = measure.measured(seed, 0)
    low, high = (
        np.stack([end(pilot[measure.outcome == k], axis=(0, 3)) for k in range(measure.outcome.max() + 1)])
        for end in (np.min, np.max)
    )
    reach = 0.25 * (high - low)  # later draws go further than the first ones
    return replace(measure, low=low - reach, high=high + reach)  # type: ignore[type-var]


def case_of(scenario: Scenario, facts: Facts, branch: Branch) -> Case:
    """The central case of a branch, over the last whole year of the scenario.

    >>> import tariffmodel as tm
    >>> known, tree = tm.facts.load(), tm.scenarios.load("canada-and-deals")
    >>> str(case_of(tree, known, tree.branches()[0]).period)
    'CY2030'
    """
    parts, against = _law(scenario, facts, [branch])
    year = scenario.end.year if (scenario.end.month, scenario.end.day) == (12, 31) else scenario.end.year - 1
    return Case(facts, parts[0], against, parse(f"CY{year}"), facts.as_of)


def _law(scenario: Scenario, facts: Facts, branches: Sequence[Branch]) -> tuple[list[Policy], Policy]:
    """The joined policy of each branch, and the counterfactual."""

    def read(name: str) -> Policy:
        one = policies.load(name, facts.folder)
        return one if scenario.law_as_of is None else policies.as_known(one, scenario.law_as_of)

    names = {scenario.against, *(name for branch in branches for name, _ in branch.path)}
    loaded = {name: read(name) for name in names}
    paths = [joined([(loaded[name], day) for name, day in branch.path]) for branch in branches]
    return paths, loaded[scenario.against]


def evaluated(study: Study, drawn: Drawn) -> np.ndarray:
    r"""What a block comes to, USD (branches, Q, C, B): bills added up to each year's end, then value.

    Notes
    -----
    A bill adds up over the steps of its branch. To shareholders it is worth what it costs until the end of a
    life L, after which whatever law there was is taken to be gone:

    .. math:: V = -(1 - \tau)(1 - \pi) \int_0^L T(t)\,f(t)\,e^{-\rho t}\,dt,

    with ρ = ln(1 + r), the exchange rate f relative to today's (lognormal, ln f normal with mean jump − σ²t/2
    and variance σ²t, at the middle of each year), and the last year's rate for whatever comes after the
    period. With an exponential life of mean 1/h, a constant T and f = 1 its mean is −(1 − τ)(1 − π)·T / (ρ +
    h).

    >>> import tariffmodel as tm
    >>> study = tm.scenarios.run("canada-and-deals", draws=200).study
    >>> found = evaluated(study, draws.block(study.spec, 1, 0, 3))
    >>> found.shape == (len(study.branches), len(study.quantities), len(study.columns), 3)
    True
    """
    owed = bills.attributable(study.plan, drawn)
    branches, years, makers, size = owed.shape
    out = np.empty((branches, years + 1, len(study.columns), size))
    lived: dict[float | None, np.ndarray] = {}
    kept = study.kept[:, None] * (1 - drawn.pass_through)
    for number, branch in enumerate(study.branches):
        if branch.life_years not in lived:
            lived[branch.life_years] = _lasting(study, branch.life_years, drawn)
        out[number, :-1, :makers] = np.cumsum(owed[number], axis=0)
        fx = _fx(study, number, drawn)
        flow = np.concatenate([owed[number], owed[number, -1:]])  # the last year's goes on
        out[number, -1, :makers] = -kept * np.einsum("ymb,ymb,ymb->mb", flow, lived[branch.life_years], fx)
    for place, (_, members) in enumerate(study.baskets):
        out[:, :, makers + place] = out[:, :, members].sum(axis=2)
    return out


def batch(study: Measure, seed: int, total: int, number: int) -> Tally:
    """Count the blocks of one batch; `total` is how many draws there are in all.

    >>> import tariffmodel as tm
    >>> study = tm.scenarios.run("canada-and-deals", draws=200).study
    >>> batch(study, seed=1, total=120, number=0).draws
    120
    """
    first = number * BATCH
    found = None
    for index in range(first, min(first + BATCH, -(-total // BLOCK))):
        size = min(BLOCK, total - index * BLOCK)
        counted = _counted(study, study.measured(seed, index, size))
        found = counted if found is None else found + counted
    assert found is not None
    return found


def tally(
    study: Measure, total: int, seed: int, executor: Executor = map, step: Callable[[], Any] | None = None
) -> Tally:
    """Count all draws, batch by batch, over any executor that maps in order.

    Parameters
    ----------
    total : int
        Draws.
    executor : callable
        As ``map``: takes a function and numbers, gives its results in their order.
    step : callable, optional
        Called after each batch.

    Raises
    ------
    TariffModelError
        If the executor gives fewer results than there are batches: a part is no result.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> study = tm.scenarios.run("canada-and-deals", draws=200).study
    >>> tally(study, total=600, seed=1).draws
    600
    """
    batches = -(-total // (BLOCK * BATCH))
    found: Tally | None = None
    for counted in executor(partial(batch, study, seed, total), range(batches)):
        found = counted if found is None else found + counted
        if step:
            step()
    done = 0 if found is None else found.draws
    if found is None or done != total:
        raise TariffModelError(
            f"the executor gave {done:,} of {total:,} draws; a part is no result: run it again"
        )
    return found


def on_cluster(client: Any) -> Executor:
    """An executor for a ``dask.distributed`` client; the work of a lost worker is done again.

    >>> on_cluster(None)  # doctest: +ELLIPSIS
    <function on_cluster.<locals>.run at ...>
    """

    def run(function: Callable[[int], Any], numbers: Iterable[int]) -> Iterator[Any]:
        held = client.scatter(function, broadcast=True, hash=False)  # sent once, not with every batch
        ahead = _AHEAD * max(1, sum(client.nthreads().values()))
        waiting: deque[Any] = deque()
        for number in numbers:
            waiting.append(client.submit(_call, held, number, retries=_RETRIES, pure=False))
            if len(waiting) >= ahead:  # results wait on the workers: no more of them than that
                yield _done(waiting.popleft())
        while waiting:
            yield _done(waiting.popleft())

    return run


@contextmanager
def cluster(address: str | None = None, workers: int = 2) -> Iterator[Executor]:
    """Executor of a running cluster, by its scheduler's address, or of a local one: one thread a worker.

    Raises
    ------
    TariffModelError
        Without the extra ``cluster``; no scheduler at the address.

    Examples
    --------
    >>> with cluster("tcp://127.0.0.1") as executor:  # doctest: +IGNORE_EXCEPTION_DETAIL
    ...     pass
    Traceback (most recent call last):
    tariffmodel.errors.TariffModelError: no scheduler answers at tcp://127.0.0.1
    """
    try:
        import dask
        from distributed import Client, LocalCluster
    except ModuleNotFoundError:
        raise TariffModelError(
            "a cluster needs dask.distributed, which is not installed; pip install 'tariffmodel[cluster]'"
        ) from None
    if address is None:
        with (
            dask.config.set({f"distributed.nanny.pre-spawn-environ.{k}": v for k, v in _ALLOCATION.items()}),
            LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as local,
            Client(local) as client,
        ):
            yield on_cluster(client)
        return
    try:
        client = Client(address, timeout="5s")
    except (OSError, ValueError) as error:
        raise TariffModelError(
            f"no scheduler answers at {address} ({error}); start one with `dask scheduler`, or "
            "give its address"
        ) from None
    with client:
        yield on_cluster(client)


def _done(future: Any) -> Any:
    """Result of a batch; one that its workers were lost with time and again is named."""
    from distributed import KilledWorker

    try:
        return future.result()
    except KilledWorker as error:
        raise TariffModelError(
            f"a batch was lost with its worker time and again ({error}); give workers more memory (350 MB "
            "each), and run it again: nothing of this run is kept"
        ) from None


def _call(function: Callable[[int], Any], number: int) -> Any:
    return function(number)


def _years(period: Period) -> list[Period]:
    """Calendar years of a period."""
    return [
        Period(max(period.start, date(y, 1, 1)), min(period.end, date(y, 12, 31)))
        for y in range(period.start.year, period.end.year + 1)
    ]


def _baskets(makers: pd.DataFrame) -> tuple[tuple[str, np.ndarray], ...]:
    """Makers by home where there are several, and all; none that another one contains."""
    whole, homes = makers["consolidated_in"].isna().to_numpy(), makers["home"].to_numpy()
    groups = [(str(home), np.flatnonzero(whole & (homes == home))) for home in sorted(set(homes))]
    return (*(group for group in groups if len(group[1]) > 1), (ALL, np.flatnonzero(whole)))


def _lasting(study: Study, mean: float | None, drawn: Drawn) -> np.ndarray:
    """What a dollar owed in each year, and a year after the last, is worth until life's end (Y + 1, M, B)."""
    ends, span = study.ends, np.diff(study.ends)
    life = np.full(drawn.life.shape, np.inf) if mean is None else mean * drawn.life
    rates, place = np.unique(study.rate, return_inverse=True)
    until = np.minimum(np.append(ends[1:], np.inf)[:, None], np.maximum(life, ends[:, None]))
    discounted = np.exp(-rates[:, None, None] * ends[:, None]) - np.exp(-rates[:, None, None] * until)
    a_year = np.append(span, span[-1])[:, None]  # what is owed in a part of a year, at an annual rate
    annuity = discounted / rates[:, None, None] / a_year
    return np.moveaxis(annuity[place], 0, 1)


def _fx(study: Study, number: int, drawn: Drawn) -> np.ndarray:
    """Exchange rate relative to today's (Y + 1, M, B): how many of a maker's own units a dollar costs."""
    middle = np.append((study.ends[:-1] + study.ends[1:]) / 2, study.ends[-1])[:, None, None]
    vol = study.spec.vol[:, None]
    move = study.jump[number][:, None] + vol * np.sqrt(middle) * drawn.fx - vol**2 * middle / 2
    every = np.concatenate([np.exp(move), np.ones((len(middle), 1, drawn.fx.shape[1]))], axis=1)
    return np.asarray(every[:, study.currency])


def _counted(study: Measure, values: np.ndarray) -> Tally:
    """Values (branches, Q, C, B) of a block, counted."""
    assert study.low is not None and study.high is not None
    outcomes, shape, size = len(study.low), values.shape[1:3], values.shape[3]
    middle = ((study.low + study.high) / 2)[study.outcome]
    apart = values - middle[..., None]
    mixed = np.einsum("b,bqcn->qcn", study.weight, values)
    cells = int(np.prod(shape))
    weight, mass = np.zeros((2, outcomes, cells * BINS))
    width = study.high - study.low
    scale = np.divide(BINS, width, out=np.zeros_like(width), where=width > 0)
    offset = np.arange(cells).reshape(*shape, 1) * BINS
    for number, k in enumerate(study.outcome):
        places = ((values[number] - study.low[k][..., None]) * scale[k][..., None]).astype(np.int64)
        at = (np.clip(places, 0, BINS - 1) + offset).ravel()
        share = study.weight[number]
        weight[k] += share * np.bincount(at, minlength=cells * BINS)
        mass[k] += share * np.bincount(at, weights=apart[number].ravel(), minlength=cells * BINS)
    binned = (outcomes, *shape, BINS)
    return Tally(
        draws=size,
        total=apart.sum(axis=-1),
        square=np.einsum("bqcn,bqcn->bqc", apart, apart),
        mixed=mixed.sum(axis=-1),
        mixed_square=np.einsum("qcn,qcn->qc", mixed, mixed),
        weight=weight.reshape(binned),
        mass=mass.reshape(binned),
    )
