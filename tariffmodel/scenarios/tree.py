"""What could happen, how likely is it, and which law would then stand on which day?

A scenario is a TOML file in ``data/scenarios/``: outcomes with their probabilities, each a path of
policies through time. An outcome may have outcomes of its own, whose probabilities are conditional on it
and whose steps follow its own; what has none is a leaf. A step begins on a day, or on one of several, listed
with weights or drawn month by month (`When`). Every path that a leaf can take is a `Branch`, and the policies
of a branch are joined into one, so that whatever outlasts a change of policy does: an offset that was earned,
the quota of a year.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import product
from math import prod
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from scipy import stats

from tariffmodel import files
from tariffmodel.errors import DataError
from tariffmodel.escapes import short
from tariffmodel.facts import data_dir
from tariffmodel.facts.periods import Period
from tariffmodel.tariff import policy as policies
from tariffmodel.tariff.entries import FOREVER, KINDS, Day, Number, Offset, Policy

SUMS_TO = 1e-9  # how near to 1 the probabilities of a node must come
_MOST = 240  # branches of a scenario: each has its own bill in every draw
Positive = Annotated[Number, Field(gt=0)]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False)


class When(_Document):
    """A day that is not known: `dates` with their `weights`, or the first of a month.

    With `hazard` the step begins on `first` with that probability, else a month later with the same
    probability, and so on up to `last`: a geometric distribution, which is cut off there and scaled to sum to
    1.
    """

    dates: list[Day] = []
    weights: list[Annotated[Number, Field(ge=0)]] = []
    first: Day | None = None
    last: Day | None = None
    hazard: Annotated[Number, Field(gt=0, le=1)] | None = None

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        by_month = (self.first, self.last, self.hazard)
        if bool(self.dates) == any(one is not None for one in by_month):
            raise ValueError("give either dates (and weights), or first, last and hazard")
        if self.dates and (len(self.weights) != len(self.dates) or abs(sum(self.weights) - 1) > SUMS_TO):
            raise ValueError(
                f"{len(self.dates)} dates, and weights that sum to {sum(self.weights):.12g}; give each date "
                "one weight, 1 in all"
            )
        if self.dates != sorted(set(self.dates)):
            raise ValueError("dates must rise, each once; sort them")
        if not self.dates and (self.first is None or self.last is None or self.hazard is None):
            raise ValueError("a day drawn by month needs first, last and hazard; add what is missing")
        if self.first and self.last and self.last < self.first:
            raise ValueError(f"'last' ({self.last}) is before 'first' ({self.first}); swap them")
        return self

    @property
    def days(self) -> list[tuple[date, float]]:
        """Each day and its probability.

        >>> When(first="2026-11-01", last="2027-01-01", hazard=0.5).days[0][1]
        0.5714285714285714
        """
        if self.dates:
            return list(zip(self.dates, self.weights, strict=True))
        assert self.first and self.last and self.hazard
        months = [self.first]
        while (after := _next_month(months[-1])) <= self.last:
            months.append(after)
        weights = [self.hazard * (1 - self.hazard) ** k for k in range(len(months))]
        return [(day, weight / sum(weights)) for day, weight in zip(months, weights, strict=True)]


class Step(_Document):
    """From a day on, this policy; the first step of a path has no day: it is there at the start."""

    policy: str
    start: Day | When | None = Field(default=None, alias="from")

    @property
    def days(self) -> list[tuple[date | None, float]]:
        """Each day on which it may begin, and its probability.

        >>> Step(policy="repeal").days
        [(None, 1.0)]
        """
        return list(self.start.days) if isinstance(self.start, When) else [(self.start, 1.0)]


class Outcome(_Document):
    """One thing that could happen, with its probability given what stands above it in the tree.

    `life_years` is the mean of an exponential life, up to which the bill is valued (none: for good);
    `fx_jump` the move of a currency in units of it per USD, and `sector_jump` that of automakers' shares,
    both log changes on the day.
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: str = Field(min_length=3)
    probability: Annotated[Number, Field(ge=0, le=1)]
    step: list[Step] = []
    outcome: list[Outcome] = []
    life_years: Positive | None = None
    fx_jump: dict[str, Number] = {}
    sector_jump: Number | None = None
    quality: Literal["assumption", "reported", "derived", "estimated"] = "assumption"
    source: str = Field(min_length=3)
    url: str = ""
    note: str = ""


class PassThrough(_Document):
    """Share of the bill that customers bear: `most` times a Beta(`a`, `b`)."""

    most: Annotated[Number, Field(ge=0, le=1)] = 0.8
    a: Positive = 2.0
    b: Positive = 4.0


class Fx(_Document):
    """Implied volatility of a currency against USD, a year, as the user reads it off the market."""

    vol: Annotated[Number, Field(ge=0, le=2)]
    quality: Literal["assumption", "reported", "derived", "estimated"] = "assumption"
    source: str = Field(min_length=3)


class Correlation(_Document):
    """Correlation of two currencies against USD."""

    between: Annotated[list[str], Field(min_length=2, max_length=2)]
    value: Annotated[Number, Field(gt=-1, lt=1)]


class Scenario(_Document):
    """A tree of outcomes, and what is drawn beside them. Make one with `load`.

    With `days_drawn` no leaf has more branches than that: where its days would make more, that many are drawn
    of them, each as likely.

    >>> known = load("june-2025-proposal")
    >>> sum(branch.probability for branch in known.branches())
    1.0
    """

    name: str
    title: str = Field(min_length=3)
    label: str = Field(min_length=1)
    description: str = ""
    against: str = "before-april-2025"
    law_as_of: Day | None = None
    start: Day = Field(alias="from")
    end: Day = Field(alias="to")
    life_years: Positive | None = None
    days_drawn: Annotated[int, Field(ge=2, le=_MOST)] | None = None
    shape: Literal["triangular", "pert"] = "triangular"
    pass_through: PassThrough = PassThrough()
    fx: dict[str, Fx] = {}
    correlation: list[Correlation] = []
    outcome: Annotated[list[Outcome], Field(min_length=1)]

    @model_validator(mode="after")
    def _is_a_tree(self) -> Self:
        if self.end <= self.start:
            raise ValueError(f"'to' ({self.end}) is not after 'from' ({self.start}); move one of them")
        _refuse_sum(self.outcome, "outcome")
        names = [leaf.id for leaf, *_ in self._paths()]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"outcome {twice[0]!r} occurs twice; give each its own id")
        for outcome, _, steps, _ in self._paths():
            _refuse_order(self, outcome, steps)
        known = set(self.fx)
        for pair in self.correlation:
            if lacking := sorted(set(pair.between) - known):
                raise ValueError(f"correlation names {lacking[0]!r}, which has no [fx.{lacking[0]}]; add it")
        return self

    def _paths(self) -> Iterator[tuple[Outcome, float, list[Step], dict[str, Any]]]:
        """Leaves with their probability, steps, and what the nodes above them set."""

        def below(
            nodes: Sequence[Outcome], probability: float, steps: list[Step], inherited: dict[str, Any]
        ) -> Iterator[tuple[Outcome, float, list[Step], dict[str, Any]]]:
            for node in nodes:
                here, path = probability * node.probability, [*steps, *node.step]
                own = dict(inherited)
                own["life_years"] = node.life_years or inherited["life_years"]
                own["fx_jump"] = {**inherited["fx_jump"], **node.fx_jump}
                own["sector_jump"] = (
                    inherited["sector_jump"] if node.sector_jump is None else node.sector_jump
                )
                if node.outcome:
                    yield from below(node.outcome, here, path, own)
                else:
                    yield node, here, path, own

        nothing: dict[str, Any] = {"life_years": self.life_years, "fx_jump": {}, "sector_jump": 0.0}
        yield from below(self.outcome, 1.0, [], nothing)

    def branches(self) -> list[Branch]:
        """Every path that could be taken: a leaf, and one day for each of its steps.

        Of a leaf with more of them than `days_drawn`, that many: a Latin hypercube over the days of its steps
        (McKay and others 1979), so that each step's days come as often as they are likely, by less than one
        path. It has a seed of its own: the file's branches are always the same.

        >>> [branch.outcome for branch in load("canada-and-deals").branches()][0]
        'law-stays'
        """
        found = []
        for number, (leaf, probability, steps, own) in enumerate(self._paths()):
            days = [step.days for step in steps]
            for chosen, share in _paths_of(days, self.days_drawn, number):
                path = [(step.policy, day or self.start) for step, day in zip(steps, chosen, strict=True)]
                found.append(Branch(leaf.id, number, probability * share, tuple(path), **own))
        return found

    @property
    def paths(self) -> int:
        """How many branches there are at most.

        >>> known = load("june-2025-proposal")
        >>> known.paths == len(known.branches())
        True
        """
        counts = [prod(len(step.days) for step in steps) for _, _, steps, _ in self._paths()]
        return sum(min(count, self.days_drawn or count) for count in counts)

    def outcomes(self) -> pd.DataFrame:
        """The leaves of the tree.

        Returns
        -------
        DataFrame
            Indexed by outcome: `title`, `probability` (product of those on the way down), `path` in words,
            `life_years` (empty: for good), `quality`, `source_title`, `source_url`, `note`.

        Examples
        --------
        >>> load("june-2025-proposal").outcomes()["probability"].sum().round(9)
        np.float64(1.0)
        """
        rows = {
            leaf.id: {
                "title": leaf.title,
                "probability": probability,
                "path": "; ".join(_said(step) for step in steps),
                "life_years": own["life_years"] or float("nan"),
                "quality": leaf.quality,
                "source_title": leaf.source,
                "source_url": leaf.url or None,
                "note": leaf.note,
            }
            for leaf, probability, steps, own in self._paths()
        }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("outcome")

    @property
    def period(self) -> Period:
        """Days over which bills are added up.

        >>> str(load("canada-and-deals").period)
        '2026-12-01..2030-12-31'
        """
        return Period(self.start, self.end)

    def with_probabilities(self, probabilities: Mapping[str, float]) -> Scenario:
        """The scenario with other probabilities of its first outcomes, by id: what a slider does.

        Raises
        ------
        DataError
            If they do not sum to 1, or one is named that the tree has not.

        Examples
        --------
        >>> known = load("june-2025-proposal")
        >>> even = known.with_probabilities({node.id: 1 / len(known.outcome) for node in known.outcome})
        >>> even.outcomes()["probability"].nunique()
        1
        """
        if unknown := sorted(set(probabilities) - {node.id for node in self.outcome}):
            raise DataError(
                f"{self.name}: no outcome {unknown[0]!r}; choose from {', '.join(n.id for n in self.outcome)}"
            )
        document = self.model_dump(by_alias=True, exclude_unset=True)
        for node in document["outcome"]:
            node["probability"] = probabilities.get(node["id"], node["probability"])
        return _validated(document, self.name)


@dataclass(frozen=True)
class Branch:
    """One path: its leaf (by id and by number), its probability, and policies with first days."""

    outcome: str
    number: int
    probability: float
    path: tuple[tuple[str, date], ...]
    life_years: float | None
    fx_jump: Mapping[str, float]
    sector_jump: float


def names(data: str | Path | None = None) -> list[str]:
    """Scenarios that the data folder offers.

    >>> names()
    ['canada-and-deals', 'june-2025-proposal']
    """
    return sorted(path.stem for path in (data_dir(data) / "scenarios").glob("*.toml"))


def load(source: str | Path | Mapping[str, Any], data: str | Path | None = None) -> Scenario:
    """Read a scenario by name from the data folder, from the path of a TOML file, or from a mapping.

    Raises
    ------
    DataError
        Naming the file, the key and the remedy: probabilities that do not sum to 1, steps that overlap, a
        life that is not above zero, a policy that the data folder has not.

    Examples
    --------
    >>> load("canada-and-deals").start.isoformat()
    '2026-12-01'
    """
    if isinstance(source, Mapping):
        document, file = {"name": "scenario", **source}, str(source.get("name", "scenario"))
    else:
        path = (
            Path(source)
            if Path(source).suffix == ".toml"
            else data_dir(data) / "scenarios" / f"{source}.toml"
        )
        if not files.there(path):
            raise DataError(
                f"no scenario {short(str(source))}; choose from {', '.join(names(data))} or give the path "
                "of a file"
            )
        file = path.name
        document = {"name": path.stem, **files.toml(path)}
    known = _validated({"title": document["name"], "label": document["name"], **document}, file)
    for name in {known.against, *(policy for branch in known.branches() for policy, _ in branch.path)}:
        if name not in policies.names(data):
            raise DataError(f"{file}: no policy {name!r}; choose from {', '.join(policies.names(data))}")
    return known


def joined(parts: Sequence[tuple[Policy, date]]) -> Policy:
    """One policy in which each of several stands from its day until the next one's.

    Entries are cut at those days. What an offset has earned stays usable if the next policy has an offset of
    its measure, and lapses if it has none.

    >>> law, none = policies.load("current-law"), policies.load("none")
    >>> path = joined([(law, date(2025, 1, 1)), (none, date(2026, 1, 1))])
    >>> max(entry.end for entry in path.offset).isoformat()
    '2025-12-31'
    """
    if len(parts) == 1:
        return parts[0][0]
    kept: dict[str, list[Any]] = {kind: [] for kind in KINDS}
    for number, (one, since) in enumerate(parts):
        first = date.min if number == 0 else since
        last = FOREVER if number + 1 == len(parts) else parts[number + 1][1] - timedelta(days=1)
        for kind in KINDS:
            for entry in getattr(one, kind):
                start, end = max(entry.start, first), min(entry.end, last)
                if start > end:
                    continue
                changes: dict[str, Any] = {"start": start, "end": end}
                if isinstance(entry, Offset) and number + 1 < len(parts):
                    after = {other.measure for other in parts[number + 1][0].offset}
                    changes["carry_forward"] = entry.carry_forward and entry.measure in after
                kept[kind].append(entry.model_copy(update=changes))
    return parts[-1][0].model_copy(update=kept)


def _paths_of(
    days: list[list[tuple[date | None, float]]], most: int | None, seed: int
) -> list[tuple[tuple[date | None, ...], float]]:
    """Days of the steps together and their probability: all, or as many as may be drawn."""
    if most is None or prod(map(len, days)) <= most:
        return [(tuple(d for d, _ in one), prod(p for _, p in one)) for one in product(*days)]
    # of low discrepancy: else days of two steps are correlated by chance, and what a path costs hangs on both
    random = np.random.default_rng(seed)
    at = stats.qmc.LatinHypercube(len(days), rng=random, optimization="random-cd").random(most)
    picked = [
        np.searchsorted(np.cumsum([p for _, p in each]), column, side="right").clip(max=len(each) - 1)
        for each, column in zip(days, at.T, strict=True)
    ]
    drawn = Counter(
        tuple(each[k][0] for each, k in zip(days, row, strict=True)) for row in zip(*picked, strict=True)
    )
    return [(path, count / most) for path, count in drawn.items()]


def _next_month(day: date) -> date:
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def _said(step: Step) -> str:
    if isinstance(step.start, When):
        days = step.start.days
        return f"{step.policy} from a day between {days[0][0]} and {days[-1][0]}"
    return f"{step.policy} from {step.start}" if step.start else step.policy


def _refuse_sum(nodes: Sequence[Outcome], place: str) -> None:
    total = sum(node.probability for node in nodes)
    if abs(total - 1) > SUMS_TO:
        raise ValueError(
            f"{place}: the probabilities of {', '.join(node.id for node in nodes)} sum to {total:.12g}; "
            "they must sum to 1"
        )
    for node in nodes:
        if node.outcome:
            _refuse_sum(node.outcome, f"{place}.{node.id}")


def _refuse_order(scenario: Scenario, outcome: Outcome, steps: Sequence[Step]) -> None:
    """Steps must follow each other, whatever days are drawn, from the start of the scenario on."""
    if not steps:
        raise ValueError(f"outcome.{outcome.id}: no step; say under [[outcome.step]] which policy stands")
    latest = scenario.start
    for number, step in enumerate(steps):
        if number == 0:
            if step.start is not None:
                raise ValueError(
                    f"outcome.{outcome.id}.step.0 has 'from'; the first step stands from "
                    f"{scenario.start}: drop it"
                )
            continue
        days = [day for day, _ in step.days if day is not None]
        if not days:
            raise ValueError(
                f"outcome.{outcome.id}.step.{number}.from: missing; say when {step.policy} begins"
            )
        if days[0] <= latest:
            raise ValueError(
                f"outcome.{outcome.id}: step {number} ({step.policy}, from {days[0]}) overlaps the step "
                f"before it, which may begin as late as {latest}; begin it later"
            )
        latest = days[-1]
    if latest > scenario.end:
        raise ValueError(
            f"outcome.{outcome.id}: its last step may begin on {latest}, after 'to' ({scenario.end}); move "
            "one of them"
        )


def _validated(document: Mapping[str, Any], file: str) -> Scenario:
    try:
        known = Scenario.model_validate(document)
    except ValidationError as error:
        raise DataError("\n".join(f"{file}: {_fault(document, e)}" for e in error.errors())) from None
    if (count := known.paths) > _MOST:
        raise DataError(
            f"{file}: {count} paths once every day is drawn, at most {_MOST}; set days_drawn = 20, "
            "list fewer days, or shorten first to last"
        )
    return known


def _fault(document: Mapping[str, Any], error: Mapping[str, Any]) -> str:
    """Where, what and the remedy: `outcome.deal.probability` rather than `outcome.0.probability`."""
    parts: list[str] = []
    here: Any = document
    for step in error["loc"]:
        try:
            here = here[step]
        except (KeyError, IndexError, TypeError):
            here = {}
        parts.append(
            str(here.get("id", step)) if isinstance(step, int) and isinstance(here, dict) else str(step)
        )
    said = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        said = "unknown key; drop it or mend its spelling"
    if error["type"] == "missing":
        said = "missing; add it"
    given = "" if isinstance(error["input"], dict | BaseModel) else f" (got {short(error['input'])})"
    return f"{'.'.join(parts)}: {said}{given}" if parts else said


__all__ = [
    "Branch",
    "Outcome",
    "Scenario",
    "Step",
    "When",
    "joined",
    "load",
    "names",
]
