"""What does a link to the lab say, and what may it ask for?

A link is the whole state: the policy, the one it replaces, and every number or date that was moved.
``policy=japan-flexible-linear-firm&relief.japan.slope=0.1``
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

from tariffmodel.errors import DataError, PolicyError
from tariffmodel.escapes import short
from tariffmodel.facts.periods import day
from tariffmodel.lab import knobs, trees
from tariffmodel.lab.drawing import WIDE
from tariffmodel.lab.knobs import Knob, Value
from tariffmodel.tariff import policy as policies
from tariffmodel.tariff.case import Case
from tariffmodel.tariff.entries import Policy

WIDTHS = (340, 480, WIDE, 820)  # of a chart, pixels
_MOST, _POLICIES = 200, 64  # numbers in a link, and policies whose knobs are kept
Pairs = dict[str, str]
Stamp = tuple[tuple[str, int, int], ...]  # path, time and size of each file


@dataclass(frozen=True, eq=False)
class Shelf:
    """What a link may name: policies of the data folder and files of one's own, by their stems.

    No link says a path, so none leads out of them. `case` asks the question; its policy is the baseline where
    a link names no other. `start` is the policy to begin with, the first one where there is none of the name.

    >>> import tariffmodel as tm
    >>> shelf = Shelf(tm.case(period="CY2025"))
    >>> shelf.source("flat-25"), len(shelf.names) == len(tm.policy.names()), len(shelf.stamp()) > 20
    ('flat-25', True, True)
    >>> shelf.source("flat25")
    Traceback (most recent call last):
    tariffmodel.errors.DataError: there is no policy 'flat25'; did you mean flat-25?
    >>> shelf.scenarios, shelf.makers["hyundai_motor"]
    (['canada-and-deals', 'june-2025-proposal'], 'Hyundai Motor')
    """

    case: Case
    own: Mapping[str, Path] = field(default_factory=dict)
    start: str = "japan-flexible-linear-firm"
    _knobs: dict[tuple[str, Stamp], dict[str, Knob]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        for stem in self.own:
            if stem in policies.names(self.case.facts.folder):
                raise PolicyError(f"{stem}.toml has the name of a bundled policy; give your file another one")

    @property
    def names(self) -> list[str]:
        """Names of all policies, one's own first."""
        return [*self.own, *policies.names(self.case.facts.folder)]

    @property
    def scenarios(self) -> list[str]:
        """Names of the trees."""
        return sorted(path.stem for path in (self.case.facts.folder / "scenarios").glob("*.toml"))

    @property
    def makers(self) -> dict[str, str]:
        """Makers by what an address calls them."""
        return {maker.lower().replace(" ", "_"): maker for maker in map(str, self.case.facts.makers.index)}

    def source(self, name: str) -> str | Path:
        """What `policy.load` reads a name from; `DataError` where nothing is called so."""
        return self.own.get(name) or known(name, self.names, "policy")

    def load(self, name: str) -> Policy:
        """The policy of a name as its file has it; raises as `source` and `policy.load` do.

        >>> import tariffmodel as tm
        >>> Shelf(tm.case(period="CY2025")).load("flat-25").label
        'flat 25%'
        """
        return policies.load(self.source(name), self.case.facts.folder)

    def knobs(self, name: str) -> dict[str, Knob]:
        """What can be turned in a policy, see `adjustable`; kept until a file changes.

        >>> import tariffmodel as tm
        >>> list(Shelf(tm.case(period="CY2025")).knobs("eu-25"))
        ['additional.eu-25.rate', 'additional.eu-25.from']
        """
        key = (name, self.stamp())
        if key not in self._knobs:
            if len(self._knobs) >= _POLICIES:
                self._knobs.clear()
            found = knobs.adjustable(self.source(name), self.case.facts.folder)
            self._knobs[key] = {knob.key: knob for knob in found}
        return self._knobs[key]

    def stamp(self) -> Stamp:
        """When the files were written and how long they are: what was computed from others is out of date."""
        folder = self.case.facts.folder
        paths = [*self.own.values(), *folder.glob("policies/*.toml"), *folder.glob("scenarios/*.toml")]
        stats = [(path, path.stat()) for path in paths if path.exists()]
        return tuple((str(path), stat.st_mtime_ns, stat.st_size) for path, stat in stats)


@dataclass(frozen=True, eq=False)
class State:
    """Where the sliders of a policy stand; `read` makes one.

    >>> import tariffmodel as tm
    >>> shelf = Shelf(tm.case(period="CY2025"))
    >>> state = read(shelf, pairs("policy=japan-flexible-linear-firm&relief.japan.slope=0.1"))
    >>> state.changed, state.chosen().relief[0].slope, state.query
    ({'relief.japan.slope': 0.1}, 0.1, 'policy=japan-flexible-linear-firm&relief.japan.slope=0.1')
    >>> state.baseline, state.settings == state.changed
    ('current-law', True)
    """

    shelf: Shelf
    policy: str
    baseline: str
    knobs: Mapping[str, Knob]
    values: Mapping[str, Value]

    @property
    def changed(self) -> dict[str, Value]:
        """Knobs that do not stand where the policy has them."""
        return {key: value for key, value in self.values.items() if value != self.knobs[key].value}

    @property
    def settings(self) -> dict[str, Any]:
        """The same as `policy.load` takes it."""
        return knobs.settings_of(list(self.knobs.values()), self.values)

    @property
    def query(self) -> str:
        """The state as a link says it."""
        start = {"policy": self.policy}
        if self.baseline != self.shelf.case.policy.name:
            start["baseline"] = self.baseline
        return urlencode({**start, **{key: said(value) for key, value in self.changed.items()}})

    def chosen(self) -> Policy:
        """The policy with what was moved; raises as `policy.load` does."""
        return policies.load(self.shelf.source(self.policy), self.shelf.case.facts.folder, self.settings)


def shelf(case: Case, wanted: Sequence[str]) -> Shelf:
    """What is offered where some policies are `wanted`: bundled ones by name, own ones by their files.

    The first of them is where to begin.

    Raises
    ------
    PolicyError
        An own file has a fault or the name of another policy.
    DataError
        No policy has such a name.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> shelf(tm.case(period="CY2025"), ["flat-25"]).start
    'flat-25'
    """
    own: dict[str, Path] = {}
    for path in [Path(name) for name in wanted if name.endswith(".toml")]:
        if path.stem in own:
            raise PolicyError(f"{own[path.stem]} and {path} have one name; rename one of them")
        own[path.stem] = path
    names = [Path(name).stem if name.endswith(".toml") else name for name in wanted]
    found = Shelf(case, own, *names[:1])
    for name in names:
        found.load(name)  # its faults are named before anybody opens it
    return found


def pairs(query: str) -> Pairs:
    """Names and values of a query.

    Raises
    ------
    DataError
        Too many of them, one twice, or no text.

    Examples
    --------
    >>> pairs("policy=flat-25&additional.flat.rate=0.1")
    {'policy': 'flat-25', 'additional.flat.rate': '0.1'}
    >>> pairs("a=1&a=2")
    Traceback (most recent call last):
    tariffmodel.errors.DataError: the link says 'a' twice; leave one of them out
    """
    try:
        found = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=_MOST)
    except ValueError:
        raise DataError(f"the link is no text or says more than {_MOST} numbers; copy it again") from None
    names = [name for name, _ in found]
    twice = next((name for at, name in enumerate(names) if name in names[:at]), None)
    if twice is not None:
        raise DataError(f"the link says {short(twice)} twice; leave one of them out")
    return dict(found)


def read(shelf: Shelf, link: Pairs) -> State:
    """The state that a link says; ``moved`` names the knob that others make room for.

    Raises
    ------
    DataError
        A policy, knob or value that there is none of: the message says what there is.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> shelf = Shelf(tm.case(period="CY2025"))
    >>> read(shelf, {"policy": "eu-25", "additional.eu-25.rate": "9"})
    Traceback (most recent call last):
    tariffmodel.errors.DataError: additional.eu-25.rate is '9'; write a number from 0 to 0.5
    """
    asked, law = dict(link), shelf.case.policy.name
    name, baseline = asked.pop("policy", law), asked.pop("baseline", law)
    moved = asked.pop("moved", "")
    if baseline != law:
        shelf.source(baseline)
    there = shelf.knobs(name)
    values: dict[str, Value] = {key: knob.value for key, knob in there.items()}
    for key, text in asked.items():
        known(key, list(there), "number")
        values[key] = _value(there[key], text)
    if moved:
        values = knobs.turned(values, known(moved, list(asked), "moved number"), values[moved])
    return State(shelf, name, baseline, there, values)


def read_tree(bench: trees.TreeBench, link: Pairs) -> dict[str, Value]:
    """Where the sliders of a tree stand: all of them, by key; raises as `read` does.

    >>> import tariffmodel as tm
    >>> law = {"id": "law", "title": "the law", "probability": 1, "source": "an example"}
    >>> law["step"] = [{"policy": "current-law"}, {"policy": "flat-25", "from": "2027-07-01"}]
    >>> tree = tm.scenarios.load({"from": "2027-01-01", "to": "2027-12-31", "outcome": [law]})
    >>> read_tree(trees.TreeBench.of(tree, tm.facts.load(), draws=20), {"law.1.from": "2027-09-01"})
    {'law.probability': 1.0, 'law.1.from': datetime.date(2027, 9, 1)}
    """
    there = {knob.key: knob for knob in bench.knobs}
    values: dict[str, Value] = {key: knob.value for key, knob in there.items()}
    asked, moved = dict(link), link.get("moved", "")
    asked.pop("moved", "")
    for key, text in asked.items():
        knob = there[known(key, list(there), "number")]
        value = _day(key, text) if knob.choices else _number(key, text, 0.0, 1.0)
        alone = {key: trees.TreeKnob(key, knob.label, knob.value, "", knob.choices)}
        values |= trees.turned(alone, {}, key, value)  # refuses what is out of reach
    if moved:
        values = trees.turned(there, values, known(moved, list(asked), "moved number"), values[moved])
    for group in {knob.group for knob in bench.knobs if knob.group}:
        total = math.fsum(float(values[key]) for key, knob in there.items() if knob.group == group)  # type: ignore[arg-type]
        if not math.isclose(total, 1.0, abs_tol=1e-6):
            raise DataError(f"probabilities of {group} sum to {total:.6g}; they must sum to 1")
    return values


def width(link: Pairs) -> int:
    """How wide the chart is to be, taken out of a link.

    >>> width({"width": "340"}), width({})
    (340, 665)
    """
    return int(known(link.pop("width", str(WIDE)), [str(one) for one in WIDTHS], "width"))


def known(name: str, names: Sequence[str], what: str) -> str:
    """A name that is one of several; another one is refused with the nearest.

    >>> known("flat-25", ["flat-25"], "policy")
    'flat-25'
    """
    if name in names:
        return name
    near = get_close_matches(name, names, 1)
    remedy = f"did you mean {near[0]}?" if near else f"choose from {', '.join(names)}"
    raise DataError(f"there is no {what} {short(name)}; {remedy}")


def said(value: Value) -> str:
    """A value as a link says it.

    >>> said(0.1), said(date(2026, 1, 1))
    ('0.1', '2026-01-01')
    """
    return value.isoformat() if isinstance(value, date) else f"{value:.12g}"


def _value(knob: Knob, text: str) -> Value:
    if not isinstance(knob.value, date):
        return _number(knob.key, text, knob.low, knob.high)  # type: ignore[arg-type]
    value = _day(knob.key, text)
    if not knob.low <= value <= knob.high:  # type: ignore[operator]
        raise DataError(f"{knob.key} is {value}; write a day from {knob.low} to {knob.high}")
    return value


def _number(key: str, text: str, low: float, high: float) -> float:
    try:
        value = round(float(text), 12)
    except ValueError:
        value = math.nan
    if not low <= value <= high:  # what is no number is not either
        raise DataError(f"{key} is {short(text)}; write a number from {low:g} to {high:g}")
    return value


def _day(key: str, text: str) -> date:
    try:
        return day(text)
    except ValueError:
        raise DataError(f"{key} is {short(text)}; write a day as YYYY-MM-DD") from None
