"""What if an outcome were likelier, or came on another day?

Every branch that the sliders can reach is drawn when the lab opens; a slider then changes weights alone. So a
probability, a hazard by month and the weights of listed days can take any value, and a single day is moved
to the first of a month within half a year.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from html import escape
from itertools import product
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import numpy as np
import pandas as pd

from tariffmodel.charts.events import id_title
from tariffmodel.errors import DataError, TariffModelError
from tariffmodel.facts import Facts
from tariffmodel.facts import load as load_facts
from tariffmodel.lab.drawing import STYLE
from tariffmodel.lab.knobs import Value, reweighted
from tariffmodel.lab.tree_drawing import WHOLE, page
from tariffmodel.scenarios import engine, quantile, tree
from tariffmodel.scenarios.tree import Outcome, Scenario, Step, When

DRAWS = 200
_REACH = 6  # months either way of a single day
_MOST = 240
_LOOK: dict[str, Any] = {"layout": {"width": "420px"}, "style": {"description_width": "230px"}}


@dataclass(frozen=True)
class TreeKnob:
    """Something that a slider can turn: ``canada.probability``, ``canada.1.from``, ``canada.1.hazard``.

    `group` is shared by those that sum to 1; `choices` are the days of a single day that moves.

    >>> TreeKnob("korea.probability", "korea, probability", 0.1, "").value
    0.1
    """

    key: str
    label: str
    value: Value
    group: str
    choices: tuple[date, ...] = ()


@dataclass(frozen=True, eq=False)
class TreeBench:
    """A tree with every branch that its sliders can reach, drawn.

    `amounts` (branches, Y, C, B) are bills added up to each year's end, USD.

    >>> import tariffmodel as tm
    >>> law = {"id": "law", "title": "the law", "probability": 1, "source": "an example"}
    >>> law["step"] = [{"policy": "current-law"}, {"policy": "flat-25", "from": "2027-07-01"}]
    >>> asked = tm.scenarios.load({"from": "2027-01-01", "to": "2027-12-31", "outcome": [law]})
    >>> bench = TreeBench.of(asked, tm.facts.load(), draws=20)
    >>> [knob.key for knob in bench.knobs], len(bench.wide.branches())
    (['law.probability', 'law.1.from'], 11)
    >>> bench.weights({}).sum(), bench.weights({"law.1.from": date(2027, 9, 1)}).argmax()
    (np.float64(1.0), np.int64(7))
    >>> bench.paths({}, "ALL")["probability"].tolist(), bench.columns[-1]
    ([1.0, 1.0], 'ALL')
    """

    scenario: Scenario
    facts: Facts
    wide: Scenario
    knobs: tuple[TreeKnob, ...]
    columns: list[str]
    days: list[pd.Timestamp]
    outcome: np.ndarray
    amounts: np.ndarray
    _of: list[list[tuple[str, Any]]] = field(repr=False)

    @classmethod
    def of(cls, scenario: Scenario, facts: Facts, draws: int = DRAWS, seed: int = 1) -> TreeBench:
        """Draw every branch in reach.

        Raises
        ------
        DataError
            A tree whose days are drawn, or with more branches in reach than can be held.
        """
        if scenario.days_drawn is not None:
            raise DataError(
                f"{scenario.name}: days_drawn leaves no single day to turn; open the lab on a tree without it"
            )
        wide = next((one for one in _widened(scenario) if one.paths <= _MOST), None)
        if wide is None:
            raise DataError(f"{scenario.name}: more than {_MOST} paths; shorten first to last")
        study, last = engine.prepare(wide, facts, seed), pd.Timestamp(scenario.end)
        return cls(
            scenario=scenario,
            facts=facts,
            wide=wide,
            knobs=tuple(_knobs(scenario, wide)),
            columns=study.columns,
            days=[min(pd.Timestamp(f"{q[5:]}-12-31"), last) for q in study.quantities[:-1]],
            outcome=study.outcome,
            amounts=study.measured(seed, 0, draws)[:, :-1],
            _of=list(_turned_by(wide)),
        )  # fmt: skip

    def weights(self, values: Mapping[str, Value]) -> np.ndarray:
        """Probability (branches,) of each branch with some knobs turned."""
        state = {knob.key: values.get(knob.key, knob.value) for knob in self.knobs}
        hazards = {
            key.removesuffix(".hazard"): float(value)
            for key, value in state.items()
            if key.endswith(".hazard") and not isinstance(value, date)
        }
        steps = {f"{node.id}.{n}": step.start for node, n, step in _dated(self.wide.outcome)}
        odds = {
            key: dict(when.model_copy(update={"hazard": hazards[key]}).days)
            for key, when in steps.items()
            if key in hazards and isinstance(when, When)
        }

        def share(key: str, day: date | None) -> float:
            if day is None:
                value = state[key]
                return 0.0 if isinstance(value, date) else float(value)
            if key in odds:
                return odds[key][day]
            if (chosen := state.get(f"{key}.from")) is not None:
                return float(chosen == day)
            weight = state.get(f"{key}.{day}.weight", 1.0)
            return 1.0 if isinstance(weight, date) else float(weight)

        return np.array([np.prod([share(key, day) for key, day in branch]) for branch in self._of])

    def paths(self, values: Mapping[str, Value], column: str = "ALL", tail: float = 0.05) -> pd.DataFrame:
        """The bill of a maker or basket as it adds up under each leaf; as `scenarios.Result.paths`.

        The whole tree stands last, under the name ``all outcomes``.
        """
        if column not in self.columns:
            raise DataError(f"no maker or basket {column!r}; choose from {', '.join(self.columns)}")
        weight = self.weights(values)
        amounts = self.amounts[:, :, self.columns.index(column)]  # (branches, Y, B)
        names = list(self.wide.outcomes().index)
        leaves = [(name, self.outcome == k) for k, name in enumerate(names)]
        frames = []
        for name, mine in [*leaves, (WHOLE, np.ones(len(weight), dtype=bool))]:
            total = weight[mine].sum()
            inside = weight[mine] / total if total > 0 else np.full(mine.sum(), 1 / mine.sum())
            points = np.moveaxis(amounts[mine], 1, 0).reshape(len(self.days), -1)
            spread = np.broadcast_to(np.repeat(inside, amounts.shape[-1]), points.shape)
            figures = {
                "probability": total,
                "mean_usd": np.einsum("b,byn->y", inside, amounts[mine]) / amounts.shape[-1],
                "low_usd": quantile(points, spread, tail),
                "high_usd": quantile(points, spread, 1 - tail),
            }
            index = pd.MultiIndex.from_product([[name], self.days], names=["outcome", "day"])
            frames.append(pd.DataFrame(figures, index))
        return pd.concat(frames)


def turned(
    knobs: Mapping[str, TreeKnob], values: Mapping[str, Value], key: str, value: Value
) -> dict[str, Value]:
    """Where knobs stand once one of them is moved; others of a sum make room.

    Raises
    ------
    DataError
        No such knob, a number outside 0 and 1, or a day out of reach.

    Examples
    --------
    >>> both = {key: TreeKnob(key, key, 0.5, "the tree") for key in ("law", "flat")}
    >>> turned(both, {"law": 0.5, "flat": 0.5}, "flat", 0.6)
    {'law': 0.4, 'flat': 0.6}
    """
    if key not in knobs:
        raise DataError(f"no knob {key!r}; choose from {', '.join(knobs)}")
    knob = knobs[key]
    if isinstance(value, date):
        if value not in knob.choices:
            raise DataError(
                f"{key}: {value} is out of reach; choose a first of a month from {knob.choices[0]} to "
                f"{knob.choices[-1]}" if knob.choices else f"{key} is a number; write one from 0 to 1"
            )  # fmt: skip
        return {**values, key: value}
    if knob.choices or not 0 <= value <= 1 or (key.endswith(".hazard") and value == 0):
        raise DataError(f"{key} cannot be {value}; write {'a day' if knob.choices else 'one from 0 to 1'}")
    group = {
        k: float(values[k])  # type: ignore[arg-type]
        for k, other in knobs.items()
        if other.group == knob.group != ""
    }
    return {**values, **(reweighted(group, key, value) if len(group) > 1 else {key: value})}


class TreeLab:
    """Sliders for the probabilities and days of a tree beside the bills that they lead to.

    `values` says where the knobs stand, `frame` is the last `TreeBench.paths`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> law = {"id": "law", "title": "the law", "probability": 0.7, "source": "an example"}
    >>> flat = law | {"id": "flat", "probability": 0.3}
    >>> law["step"] = [{"policy": "current-law"}]
    >>> flat["step"] = [*law["step"], {"policy": "flat-25", "from": "2027-07-01"}]
    >>> tree = {"from": "2027-01-01", "to": "2027-12-31", "outcome": [law, flat]}
    >>> lab = open_tree(tm.scenarios.load(tree), tm.facts.load(), draws=20)
    >>> lab.turn("flat.probability", 0.6)  # the others make room
    >>> lab.turn("flat.1.from", date(2027, 9, 1))
    >>> lab.show("Toyota")
    >>> lab.changed["law.probability"], lab.frame["probability"]["flat"].iloc[0]
    (0.4, np.float64(0.6))
    >>> lab.refresh()
    >>> lab.reset()
    >>> lab.changed
    {}
    """

    def __init__(self, bench: TreeBench) -> None:
        self.bench, self.column = bench, "ALL"
        self.knobs = {knob.key: knob for knob in bench.knobs}
        self.values: dict[str, Value] = {key: knob.value for key, knob in self.knobs.items()}
        self.sliders = {key: self._slider(knob) for key, knob in self.knobs.items()}
        self._page, self._message = widgets.HTML(), widgets.HTML()
        whose = widgets.Dropdown(options=bench.columns, value="ALL", description="Whose bill", **_LOOK)
        whose.observe(lambda change: self._try(lambda: self.show(change["new"])), "value")
        reset = widgets.Button(description="Reset", layout={"width": "auto"})
        reset.on_click(lambda _: self._try(self.reset))
        controls = widgets.VBox([whose, *self.sliders.values(), reset, self._message])
        row = widgets.HBox([controls, self._page], layout={"flex_flow": "row wrap"})
        self.box = widgets.VBox([widgets.HTML(STYLE), row])
        self.refresh()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return self.box._repr_mimebundle_(**kwargs)

    @property
    def changed(self) -> dict[str, Value]:
        """Knobs that do not stand where the file has them."""
        return {key: value for key, value in self.values.items() if value != self.knobs[key].value}

    def turn(self, key: str, value: Value) -> None:
        """Set a probability, a weight, a hazard or a day; others of a sum make room.

        Raises
        ------
        DataError
            No such knob, a number outside 0 and 1, or a day out of reach.
        """
        self.values = turned(self.knobs, self.values, key, value)
        for other, slider in self.sliders.items():
            if self._shown(other) != slider.value:
                slider.value = self._shown(other)
        self.refresh()

    def reset(self) -> None:
        """Put every knob where the file has it."""
        self.values = {key: knob.value for key, knob in self.knobs.items()}
        for key, slider in self.sliders.items():
            slider.value = self._shown(key)
        self.refresh()

    def show(self, column: str) -> None:
        """Show the bill of another maker or basket."""
        self.bench.paths({}, column)  # refuses one that is none
        self.column = column
        self.refresh()

    def refresh(self) -> None:
        """Compute and draw the state of `values`."""
        self.frame = self.bench.paths(self.values, self.column)
        self._page.value = page(self.frame, self.column, self.bench.scenario, self.changed,
                                     self.bench.facts.as_of)  # fmt: skip

    def _slider(self, knob: TreeKnob) -> widgets.ValueWidget:
        if knob.choices:
            days = [(f"{day:%Y-%m-%d}", day) for day in knob.choices]
            slider = widgets.SelectionSlider(options=days, value=knob.value, description=knob.label, **_LOOK)
        else:
            least = 1 if knob.key.endswith(".hazard") else 0
            slider = widgets.FloatSlider(
                value=self._shown(knob.key), min=least, max=100, step=1, description=f"{knob.label}, %",
                readout_format=".0f", **_LOOK,
            )  # fmt: skip
        slider.observe(lambda change: self._try(lambda: self._turned(knob, change["new"])), "value")
        return slider

    def _turned(self, knob: TreeKnob, shown: Value) -> None:
        """A slider that was moved by hand; one that follows its knob is left alone."""
        if shown != self._shown(knob.key):
            self.turn(knob.key, shown if isinstance(shown, date) else round(shown / 100, 12))

    def _shown(self, key: str) -> Value:
        value = self.values[key]
        return value if isinstance(value, date) else round(100 * value, 10)

    def _try(self, action: Any) -> None:
        try:
            action()
            self._message.value = ""
        except TariffModelError as error:
            self._message.value = f'<div role="status" style="color: #b00020">{escape(str(error))}</div>'


def open_tree(
    scenario: str | Path | Scenario = "canada-and-deals", data: Facts | str | Path | None = None,
    draws: int = DRAWS,
) -> TreeLab:  # fmt: skip
    """A lab for a notebook: turn the probabilities and days of a tree, see what bills become.

    Parameters
    ----------
    scenario : str, path or Scenario
        As for `scenarios.load`.
    draws : int
        Of the inputs, through every branch in reach.

    Raises
    ------
    DataError
        As `TreeBench.of`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> law = {"id": "law", "title": "the law", "probability": 1, "source": "an example"}
    >>> law["step"] = [{"policy": "current-law"}, {"policy": "flat-25", "from": "2027-07-01"}]
    >>> tree = {"from": "2027-01-01", "to": "2027-12-31", "outcome": [law]}
    >>> list(open_tree(tm.scenarios.load(tree), tm.facts.load(), draws=20).sliders)
    ['law.probability', 'law.1.from']
    """
    known = data if isinstance(data, Facts) else load_facts(data)
    asked = scenario if isinstance(scenario, Scenario) else tree.load(scenario, known.folder)
    return TreeLab(TreeBench.of(asked, known, draws))


def _walked(nodes: Sequence[Outcome], above: tuple[Outcome, ...] = ()) -> Iterator[tuple[Outcome, ...]]:
    """Nodes on the way to each leaf, in the order of the tree's branches."""
    for node in nodes:
        way = (*above, node)
        yield from _walked(node.outcome, way) if node.outcome else [way]


def _dated(nodes: Sequence[Outcome]) -> Iterator[tuple[Outcome, int, Step]]:
    """Steps that begin on a day, each once."""
    for node in nodes:
        yield from ((node, n, step) for n, step in enumerate(node.step) if step.start is not None)
        yield from _dated(node.outcome)


def _turned_by(wide: Scenario) -> Iterator[list[tuple[str, date | None]]]:
    """For each branch the probabilities (no day) and days that its weight is the product of."""
    for way in _walked(wide.outcome):
        odds: list[tuple[str, date | None]] = [(f"{node.id}.probability", None) for node in way]
        steps = [(f"{node.id}.{n}", step.days) for node in way for n, step in enumerate(node.step)]
        for chosen in product(*(days for _, days in steps)):
            yield odds + [(key, day) for (key, _), (day, _) in zip(steps, chosen, strict=True) if day]


def _knobs(scenario: Scenario, wide: Scenario) -> Iterator[TreeKnob]:
    reach = {f"{node.id}.{n}": step.days for node, n, step in _dated(wide.outcome)}

    def odds(nodes: Sequence[Outcome], group: str) -> Iterator[TreeKnob]:
        for node in nodes:
            label = f"{id_title(node.id)}, probability"
            yield TreeKnob(f"{node.id}.probability", label, node.probability, group)
            yield from odds(node.outcome, node.id)

    yield from odds(scenario.outcome, "the tree")
    for node, n, step in _dated(scenario.outcome):
        key, name = f"{node.id}.{n}", id_title(node.id)
        when = step.start
        if not isinstance(when, When):
            assert when is not None
            yield TreeKnob(
                f"{key}.from", f"{name}, from", when, "", tuple(day for day, _ in reach[key] if day)
            )
        elif when.hazard:
            yield TreeKnob(f"{key}.hazard", f"{name}, begins in a month", when.hazard, "")
        else:
            for day, weight in when.days:
                yield TreeKnob(f"{key}.{day}.weight", f"{name}, from {day}", weight, key)


def _widened(scenario: Scenario) -> Iterator[Scenario]:
    """The tree with single days as all that they could be moved to, widest reach first."""
    for reach in range(_REACH, -1, -1):
        document = scenario.model_dump(by_alias=True, exclude_unset=True)
        _widen(document["outcome"], scenario, reach, scenario.start)
        yield Scenario.model_validate(document)


def _widen(nodes: list[dict[str, Any]], scenario: Scenario, reach: int, after: date) -> None:
    """Set the days of each step, which follow `after` and come before those of the steps below."""
    for node in nodes:
        latest = after
        for n, step in enumerate(node.get("step", [])):
            if isinstance(step.get("from"), date):
                until = _earliest(node, n + 1) or scenario.end
                step["from"] = _around(step["from"], reach, latest, until)
                latest = max(step["from"]["dates"])
            elif step.get("from"):
                latest = When.model_validate(step["from"]).days[-1][0]
        _widen(node.get("outcome", []), scenario, reach, latest)


def _earliest(node: dict[str, Any], number: int) -> date | None:
    """First day on which a step after this one may begin, below it as well."""
    own = [step["from"] for step in node.get("step", [])[number:] if step.get("from")]
    if own:
        return own[0] if isinstance(own[0], date) else When.model_validate(own[0]).days[0][0]
    below = [day for child in node.get("outcome", []) if (day := _earliest(child, 0))]
    return min(below, default=None)


def _around(day: date, reach: int, after: date, until: date) -> dict[str, Any]:
    """Firsts of months around a day, and the day itself, later than one day and earlier than another."""
    months = [day.year * 12 + day.month - 1 + k for k in range(-reach, reach + 1)]
    firsts = {date(m // 12, m % 12 + 1, 1) for m in months}
    inside = sorted({day, *(one for one in firsts if after < one < until)})
    return {"dates": inside, "weights": [1 / len(inside)] * len(inside)}


__all__ = ["DRAWS", "TreeBench", "TreeKnob", "TreeLab", "open_tree"]
