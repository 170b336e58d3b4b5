"""What does the lab answer to a browser: pages, charts, figures and makers' sheets, each from its link?"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tariffmodel import charts, escapes
from tariffmodel.charts import house
from tariffmodel.errors import TariffModelError
from tariffmodel.lab import drawing, links, tree_drawing
from tariffmodel.lab.effects import Workbench, bills, outcome
from tariffmodel.lab.knobs import Knob, Value, write_policy
from tariffmodel.lab.links import Shelf, State
from tariffmodel.lab.supply import supply
from tariffmodel.lab.trees import TreeBench, TreeKnob
from tariffmodel.runs import maker_sheet
from tariffmodel.scenarios import tree
from tariffmodel.tariff import policy as policies
from tariffmodel.tariff.entries import Policy

WEB = Path(__file__).resolve().parent / "web"
SHEET_FORMATS = ("html", "pdf", "png", "csv")
_BENCHES, _TREES = 6, 4  # baselines and trees whose computations are kept
_START = "canada-and-deals"
_PAGES = Environment(
    loader=FileSystemLoader(WEB), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
    lstrip_blocks=True,
)  # fmt: skip
# a sheet brings its own style; the way back stands above it
_BACK = (
    '<body>\n<p class="soft"><a href="/makers">All makers</a> · <a href="/lab">Policy lab</a> · '
    '<a href="/maker/{stem}.pdf">PDF</a> · <a href="/maker/{stem}.png">PNG</a> · '
    '<a href="/maker/{stem}.csv">figures, CSV</a></p>'
)


def rendered(template: str, **values: Any) -> str:
    """A page from its template, all values as text.

    >>> "&lt;b&gt;" in rendered("message.html.j2", title="<b>", text="", seconds=2, again=False)
    True
    """
    return _PAGES.get_template(template).render(**values)


@dataclass(eq=False)
class Desk:
    """Answers for one process of the server.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> desk = Desk(Shelf(tm.case(period="CY2025")))
    >>> found = desk.answer("chart", "policy=eu-25&additional.eu-25.rate=0.2")
    >>> found["query"], found["values"]["additional.eu-25.rate"], found["chart"][:4]
    ('policy=eu-25&additional.eu-25.rate=0.2', '0.2', '<h3>')
    """

    shelf: Shelf
    _benches: dict[tuple[Any, ...], Workbench] = field(default_factory=dict, repr=False)
    _trees: dict[str, TreeBench] = field(default_factory=dict, repr=False)
    _sheets: list[maker_sheet.Shared] = field(default_factory=list, repr=False)

    def answer(self, what: str, query: str) -> Any:
        """The page, chart or file that the query of a link asks for; `what` is the server's word.

        Raises
        ------
        DataError, PolicyError
            For what a link cannot ask, with the remedy.
        """
        return getattr(self, f"_{what}")(query)

    # The policy lab

    def _page(self, query: str) -> str:
        """The page around the sliders; its chart is asked for once it is open."""
        link = links.pairs(query)
        state = links.read(self.shelf, link)
        one = self.shelf.load(state.policy)
        changed = state.changed
        groups: dict[str, list[dict[str, Any]]] = {}
        for knob in state.knobs.values():
            groups.setdefault(knob.entry, []).append(_slider(knob, state.values[knob.key]))
        entries = [
            {
                "title": entry,
                "sliders": sliders,
                "open": at == 0 or any(key.startswith(f"{entry}.") for key in changed),
                "weights": any(slider["key"].endswith(".weight") for slider in sliders),
            }
            for at, (entry, sliders) in enumerate(groups.items())
        ]
        bundled = set(policies.names(self.shelf.case.facts.folder))
        chosen = [
            {"name": name, "label": self._label(name), "own": name not in bundled}
            for name in self.shelf.names
        ]
        return rendered(
            "lab.html.j2",
            about=one,
            state=state,
            chosen=chosen,
            entries=entries,
            query=state.query,
            asked=self._asked(),
            label=f"{one.label} in the policy lab",
        )

    def _chart(self, query: str) -> dict[str, Any]:
        """The chart of a link, and where its sliders stand."""
        link = links.pairs(query)
        width = links.width(link)
        state = links.read(self.shelf, link)
        bench, one = self._bench(state.baseline), state.chosen()
        frame, label = bills(bench, one), self._called(state, one)
        return {
            "query": state.query,
            "values": {key: links.said(value) for key, value in state.values.items()},
            "chart": drawing.chart(bench, label, frame, state.changed, width),
            "finding": drawing.headline(frame, label, bench.baseline.label),
        }

    def _details(self, query: str) -> dict[str, str]:
        """What takes longer: figures, what one more vehicle is worth, and what makers would build here."""
        state = links.read(self.shelf, links.pairs(query))
        bench, one = self._bench(state.baseline), state.chosen()
        try:
            output: Any = supply(bench, one)
        except TariffModelError as reason:  # a policy without relief is no fault: the page says so
            output = str(reason)
        return {"details": drawing.details(outcome(bench, one), output)}

    def _figures(self, query: str) -> str:
        """Every figure of `outcome` as CSV, not rounded."""
        state = links.read(self.shelf, links.pairs(query))
        frame = outcome(self._bench(state.baseline), state.chosen())
        return escapes.cells(frame.reset_index()).to_csv(index=False, lineterminator="\n")

    def _policy(self, query: str) -> str:
        """The policy of a link as the text of a policy file, see `write_policy`."""
        state = links.read(self.shelf, links.pairs(query))
        with tempfile.TemporaryDirectory(prefix="policy-lab-") as place:
            path = Path(place) / f"{state.policy}-lab.toml"
            folder = self.shelf.case.facts.folder
            write_policy(path, self.shelf.source(state.policy), state.settings, folder)
            return path.read_text(encoding="utf-8")

    # The tree

    def _tree_page(self, query: str) -> str:
        """The page around the sliders of a scenario."""
        link = links.pairs(query)
        bench, whose = self._tree(link)
        values = links.read_tree(bench, link)
        groups: dict[str, list[dict[str, Any]]] = {}
        for knob in bench.knobs:
            group = "probabilities" if knob.key.endswith(".probability") else "days"
            groups.setdefault(group, []).append(_tree_slider(knob, values[knob.key]))
        entries = [{"title": title, "sliders": sliders} for title, sliders in groups.items()]
        return rendered(
            "tree.html.j2",
            about=bench.scenario,
            scenarios=self.shelf.scenarios,
            columns=[(name, _whose(name)) for name in bench.columns],
            whose=whose,
            entries=entries,
            query=_tree_query(bench, whose, values),
            asked=self._asked(),
            label=f"{bench.scenario.label}: scenario tree",
        )

    def _tree_chart(self, query: str) -> dict[str, Any]:
        """The chart and figures of a tree, and where its sliders stand."""
        link = links.pairs(query)
        width = links.width(link)
        bench, whose = self._tree(link)
        values = links.read_tree(bench, link)
        changed = {knob.key: values[knob.key] for knob in bench.knobs if values[knob.key] != knob.value}
        as_of, frame = self.shelf.case.as_of, bench.paths(values, whose)
        return {
            "query": _tree_query(bench, whose, values),
            "values": {key: links.said(value) for key, value in values.items()},
            "chart": tree_drawing.page(frame, whose, bench.scenario, changed, as_of, width),
            "finding": tree_drawing.headline(frame, whose, bench.scenario),
        }

    # Makers

    def _makers(self, _query: str) -> str:
        """The page that leads to each maker's sheet."""
        makers = self.shelf.case.facts.makers
        listed = [
            {"stem": stem, "name": name, "home": charts.ORIGIN_NAME[home], "ticker": ticker}
            for stem, name, home, ticker in zip(
                self.shelf.makers, makers["name"], makers["home"], makers["ticker"].fillna("–"),
                strict=True,
            )
        ]  # fmt: skip
        return rendered(
            "makers.html.j2",
            makers=listed,
            law=self.shelf.case.policy.label,
            asked=self._asked(),
            label="Makers",
        )

    def _sheet(self, name: str) -> dict[str, bytes]:
        """The sheet of a maker in each of `SHEET_FORMATS`; what sheets share is computed for the first."""
        case = self.shelf.case
        maker = self.shelf.makers[name]
        if not self._sheets:
            others = [one for one in maker_sheet.POLICIES if one != case.policy.name]
            self._sheets.append(maker_sheet.shared(case, others))
        one = maker_sheet.sheet(self._sheets[0], maker)
        with tempfile.TemporaryDirectory(prefix="maker-sheet-") as place:
            paths = maker_sheet.write(one, place)
            found = {path.suffix[1:]: path.read_bytes() for path in paths}
        back = _BACK.format(stem=name).encode()
        return {kind: found[kind].replace(b"<body>", back, 1) for kind in SHEET_FORMATS}

    # What they have in common

    def _bench(self, baseline: str) -> Workbench:
        key = (baseline, self.shelf.stamp())  # a file may change while the server runs
        if key not in self._benches:
            case = self.shelf.case
            if baseline != case.policy.name:
                case = case.replace(policy=self.shelf.load(baseline))
            if len(self._benches) >= _BENCHES:
                self._benches.pop(next(iter(self._benches)))
            self._benches[key] = Workbench(case)
        return self._benches[key]

    def _tree(self, link: links.Pairs) -> tuple[TreeBench, str]:
        """The tree that a link asks for and whose bill, both taken out of it."""
        case = self.shelf.case
        name = links.known(link.pop("scenario", _START), self.shelf.scenarios, "scenario")
        asked = tree.load(name, case.facts.folder)
        bench = self._trees.get(name)
        if bench is None or bench.scenario != asked:
            if len(self._trees) >= _TREES:
                self._trees.pop(next(iter(self._trees)))
            bench = self._trees[name] = TreeBench.of(asked, case.facts)
        return bench, links.known(link.pop("whose", "ALL"), bench.columns, "maker or basket")

    def _called(self, state: State, one: Policy) -> str:
        label = policies.labels([one, self._bench(state.baseline).baseline])[one.name]
        return f"{label} with changes" if state.changed else label

    def _label(self, name: str) -> str:
        """What to call a policy in the list; one that cannot be read is there, under its name."""
        try:
            return self.shelf.load(name).label
        except TariffModelError:
            return f"{name} (has a fault)"

    def _asked(self) -> dict[str, str]:
        """What all pages say of the question and the data."""
        case = self.shelf.case
        against = f"against {case.against.label}, {house.period_text(str(case.period))}"
        note = f"Data {case.facts.version}, as of {house.day_text(case.as_of)}. Not advice to trade."
        return {"against": against, "note": note}


def _slider(knob: Knob, value: Value) -> dict[str, Any]:
    about: dict[str, Any] = {"key": knob.key, "label": knob.label, "value": links.said(value)}
    if isinstance(knob.value, date):
        low, high = knob.low, knob.high
        span = (high - low).days  # type: ignore[operator,union-attr]
        return about | {"kind": "day", "first": links.said(low), "low": 0, "high": span, "step": 1}
    percent = knob.unit == "%"
    digits = 2 if percent or knob.step < 1 else 0
    numbers = {"low": links.said(knob.low), "high": links.said(knob.high), "step": f"{knob.step:.12g}"}
    return about | numbers | {"kind": "percent" if percent else "number", "digits": digits}


def _tree_slider(knob: TreeKnob, value: Value) -> dict[str, Any]:
    about: dict[str, Any] = {"key": knob.key, "label": knob.label, "value": links.said(value), "low": 0}
    if knob.choices:
        choices = " ".join(map(links.said, knob.choices))
        return about | {"kind": "choice", "choices": choices, "high": len(knob.choices) - 1, "step": 1}
    low = 0.01 if knob.key.endswith(".hazard") else 0
    return about | {"kind": "percent", "low": low, "high": 1, "step": 0.01, "digits": 0}


def _tree_query(bench: TreeBench, whose: str, values: Mapping[str, Value]) -> str:
    changed: Iterable[TreeKnob] = (knob for knob in bench.knobs if values[knob.key] != knob.value)
    start = {"scenario": bench.scenario.name, "whose": whose}
    return urlencode(start | {knob.key: links.said(values[knob.key]) for knob in changed})


def _whose(column: str) -> str:
    return "All makers" if column == "ALL" else charts.ORIGIN_NAME.get(column, house.display_name(column))
