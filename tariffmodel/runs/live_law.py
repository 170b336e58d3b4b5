"""The law of the live workbook: a cell for each number of a rule, and the rates that follow from them.

Which rule is in force on which goods on which days is the engine's reading of the policies' dates; the rates
themselves are formulas. Every policy has the same rows, so that a switch picks the block of one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

import numpy as np

from tariffmodel.facts.periods import Period
from tariffmodel.runs.live_cells import COLUMN, ROW, Book, Sheet
from tariffmodel.runs.live_inputs import Inputs
from tariffmodel.tariff import parts
from tariffmodel.tariff.contribution import METRICS
from tariffmodel.tariff.entries import FOREVER, Additional, Entry, Mfn, Offset, Policy, Relief
from tariffmodel.tariff.rates import Rates, quota_part, quota_window, rates
from tariffmodel.tariff.relief import contribution_of, rate_at

_FIRST = 3  # row of the first rule on the sheet of the law
_HEADS = ["Rule", "Kind", "Measure", "Origin", "Product", "First day", "Last day", "What", "Figure", "Source"]
_FIGURE = 8
PIECES = ("general", "qualifying", "content")
LABELS = ["Policy", "Origin", "Product", "Maker", "What", ""]


Rule = tuple[str, str]  # which rule, and which number of it


class Line(NamedTuple):
    """A row of rates that every policy has: on which goods, and which piece of the rate."""

    origin: str
    product: str
    maker: str  # where relief differs by maker, else empty
    measure: str  # empty: all of them together
    piece: str


class Slot(NamedTuple):
    """A row on an account of the offset: the how-manieth account, and what is said of it."""

    account: int
    what: str


SLOTS = ("rate on MSRP", "rate on engines", "usable", "lapses")


@dataclass
class Law:
    """Rules of several policies, their rates by span, and where they stand.

    >>> from io import BytesIO
    >>> from xlsxwriter import Workbook
    >>> import tariffmodel as tm
    >>> asked = tm.case(period="2025-09")
    >>> from tariffmodel.runs.live_inputs import units_and_values
    >>> book = Book(Workbook(BytesIO()))
    >>> inputs = Inputs(asked.facts, asked.goods, book)
    >>> law = Law(inputs, [asked.policy, asked.against], book, *units_and_values(inputs))
    >>> law.table.shape == (2, law.height, len(asked.goods.spans))
    True
    >>> row = law.line("JP", "car", maker="Toyota", measure="", piece="general")
    >>> float(law.table[0, row, -1]), law.cell(asked.policy.mfn[0], "rate")[:5]
    (0.15, 'Law!$')
    """

    inputs: Inputs
    policies: Sequence[Policy]
    book: Book
    values: Sheet
    units: Sheet
    rows: dict[int, int]  # of streams, on the sheets of units and values
    cards: list[Rates] = field(init=False)
    measure: str = field(init=False)
    lines: list[Line] = field(init=False)
    slots: list[Slot] = field(init=False)
    cells: dict[Rule, str] = field(default_factory=dict)
    known: dict[int, str] = field(default_factory=dict)  # what a rule is, by its object
    sorted: dict[tuple[int, str, str], dict[str, list[Entry]]] = field(default_factory=dict)
    table: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        goods, facts = self.inputs.goods, self.inputs.facts
        self.cards = [rates(one, facts, goods.flows, goods.spans, goods.units[:1]) for one in self.policies]
        self.measure = next((o.measure for one in self.policies for o in one.offset), "")
        accounts = max(len(one.offset) for one in self.policies)
        self.slots = [Slot(k, what) for k in range(accounts) for what in SLOTS]
        self.lines = list(self._lines())
        self.sheet = self.book.sheet(
            "Law",
            "Rules of the policies: change a shaded cell, and every policy that has the rule follows",
            "Rates are fractions of customs value",
        )
        self._write_law()
        self._write_scores()
        self._write_quotas()
        self._write_rates()

    @property
    def height(self) -> int:
        """Rows of one policy."""
        return len(self.lines) + len(self.slots)

    def line(self, origin: str, product: str, maker: str, measure: str, piece: str) -> int:
        """Number of the row of a stream's rate."""
        own = Line(origin, product, maker, measure, piece)
        return self.places[own if own in self.places else own._replace(maker="")]

    def _lines(self) -> Iterator[Line]:
        by_maker = [entry for one in self.policies for entry in one.relief]

        def goods_of(entry: Relief, origin: str, product: str) -> bool:
            return product in entry.product and ("*" in entry.origin or origin in entry.origin)

        self.places: dict[Line, int] = {}
        self.streams_of: dict[Line, int] = {}
        for k, maker, origin, product in self.inputs.streams():
            own = maker if any(goods_of(entry, origin, product) for entry in by_maker) else ""
            near = origin in ("MX", "CA")
            vehicle = product in ("car", "light_truck")
            for measure in ("",) if vehicle or not self.measure else ("", self.measure):
                for piece in PIECES[: 1 + 2 * near]:
                    line = Line(origin, product, own, measure, piece)
                    if line not in self.places:
                        self.places[line] = len(self.places)
                        self.streams_of[line] = k
                        yield line

    # Rules ----------------------------------------------------------------------------------------

    def _write_law(self) -> None:
        self.sheet.heads(_FIRST - 1, _HEADS)
        self.sheet.sheet.freeze_panes(_FIRST, 1)
        for column, width in enumerate((34, 11, 22, 12, 24, 11, 11, 24, 12, 80)):
            self.sheet.sheet.set_column(column, column, width)
        row = _FIRST
        for policy in self.policies:
            for entry in policy.entries:
                for name, figure in _figures(entry):
                    if self._rule(entry, name) not in self.cells:
                        self._write_rule(row, entry, name, figure)
                        row += 1

    def _write_rule(self, row: int, entry: Entry, name: str, figure: float) -> None:
        said = (
            entry.id,
            type(entry).__name__.lower(),
            getattr(entry, "measure", "mfn"),
            ", ".join(getattr(entry, "origin", [])),
            ", ".join(getattr(entry, "product", [])),
            entry.start,
            "" if entry.end == FOREVER else entry.end,
            _terms(entry, name),
        )
        for column, text in enumerate(said):
            self.sheet.text(row, column, text)
        self.sheet.number(row, _FIGURE, figure, "general" if figure > 1 else "rate", shaded=True)
        self.sheet.text(row, _FIGURE + 1, entry.source, url=entry.url)
        self.cells[self._rule(entry, name)] = self.sheet.at(row, _FIGURE)

    def cell(self, entry: Entry, name: str) -> str:
        """The cell of a number of a rule."""
        return self.cells[self._rule(entry, name)]

    def _rule(self, entry: Entry, name: str) -> Rule:
        """One cell for a rule that several policies have alike."""
        if id(entry) not in self.known:
            self.known[id(entry)] = type(entry).__name__ + _alike(entry)
        return self.known[id(entry)], name

    # Relief ---------------------------------------------------------------------------------------

    def _write_scores(self) -> None:
        """What each maker has contributed (from the engine), and the rate it earns with that."""
        self.scored: dict[tuple[int, str, str], str] = {}
        relieved = [(n, entry) for n, one in enumerate(self.policies) for entry in one.relief]
        if not relieved:
            return
        sheet = self.book.sheet(
            "Scores",
            "Contribution of each maker, and the rate that it earns",
            "Contribution is from the engine: the score, or the ratio, that the policy names",
        )
        sheet.heads(_FIRST - 1, ["Policy", "Maker", "Measured by", "Year", "Contribution C", "Rate"])
        for column, width in enumerate((34, 16, 46, 12, 16, 12)):
            sheet.sheet.set_column(column, column, width)
        sheet.sheet.freeze_panes(_FIRST, 2)
        makers, row = np.unique(self.inputs.goods.flows.maker), _FIRST
        for number, entry in relieved:
            earned = contribution_of(entry, self.inputs.facts, makers)[0]
            by = ", ".join(METRICS.get(name, name) for name in entry.metrics)
            for maker, score in zip(makers, earned, strict=True):
                for column, text in enumerate((self.policies[number].label, maker, by, entry.year)):
                    sheet.text(row, column, text)
                sheet.number(row, 4, score, "share", shaded=True)
                rate = float(rate_at(entry, np.array([score]))[0])
                sheet.formula(row, 5, self._relief(entry, sheet.at(row, 4)), rate, "rate")
                self.scored[number, entry.id, str(maker)] = sheet.at(row, 5)
                row += 1

    def _relief(self, entry: Relief, score: str) -> str:
        def n(name: str) -> str:
            return self.cell(entry, name)

        if entry.schedule == "tiered":
            rate = n("base")
            for k, step in enumerate(entry.bracket):
                rate = f"IF({score}>={step.reach!r},{n(f'bracket {k + 1}')},{rate})"
        elif entry.steepness is not None:
            rate = f"{n('base')}-{n('slope')}/(1+EXP(-{n('steepness')}*({score}-{n('midpoint')})))"
        elif entry.schedule == "smooth":
            rate = f"{n('base')}-{n('slope')}*{score}^{n('exponent')}"
        else:
            rate = f"{n('base')}-{n('slope')}*{score}"
        return f"MAX({n('floor')},MIN({n('cap')},{rate}))"

    # Quotas ---------------------------------------------------------------------------------------

    def _write_quotas(self) -> None:
        """Share of the goods of a rule that enters within its quota, span by span."""
        self.within: dict[tuple[Rule, int], str] = {}
        entries = {
            self._rule(e, "quota units a year"): e
            for one in self.policies
            for e in one.additional
            if e.quota_rate is not None
        }
        if not entries:
            return
        sheet = self.book.sheet(
            "Quota",
            "Share of imports that enters within a quota",
            "Quota of the days it is open ÷ vehicles of its year or quarter, at most 1; pro rata",
        )
        goods, spans = self.inputs.goods, self.inputs.goods.spans
        sheet.spans(spans, goods.inside, ["Rule", "Origin", "Product", "", "Unit", ""])
        for line, (rule, entry) in enumerate(entries.items(), start=ROW):
            for column, text in enumerate((entry.id, entry.origin, entry.product, "", "fraction")):
                sheet.text(line, column, text if isinstance(text, str) else ", ".join(text))
            streams = [k for k, _, o, p in self.inputs.streams() if _covers(entry, o, p)]
            days = [k for k, span in enumerate(spans) if entry.start <= span.start and span.end <= entry.end]
            for span, same, part in _windows(entry, spans, days):
                arriving = ",".join(self.units.at(self.rows[k], COLUMN + s) for k in streams for s in same)
                units = float(goods.units[0][np.ix_(same, streams)].sum())
                quota = (entry.quota_units_per_year or 0.0) * part
                share = min(quota / units, 1.0) if units > 0 else 1.0
                total = f"SUM({arriving})" if arriving else "0"
                figure = self.cell(entry, "quota units a year")
                text = f"IF({total}>0,MIN({figure}*{part!r}/{total},1),1)"
                sheet.formula(line, COLUMN + span, text, share, "share")
                self.within[rule, span] = sheet.at(line, COLUMN + span)

    # Rates ----------------------------------------------------------------------------------------

    def _write_rates(self) -> None:
        goods, spans = self.inputs.goods, self.inputs.goods.spans
        self.rates = self.book.sheet(
            "Rates",
            "Duty rate of every policy on every kind of goods, span by span",
            "A share q that qualifies for USMCA, with US content u, pays (1−q)·general + q·(qualifying + "
            "(1−u)·content), fractions of customs value; then what the accounts of the offset earn",
        )
        self.rates.spans(spans, goods.inside, LABELS)
        self.table = np.zeros((len(self.policies), self.height, len(spans)))
        for number, policy in enumerate(self.policies):
            top = ROW + number * self.height
            for k, line in enumerate(self.lines):
                said = (policy.name, line.origin, line.product, line.maker, line.measure or "all duties")
                for column, text in enumerate((*said, line.piece)):
                    self.rates.text(top + k, column, text)
                value = self._value(number, line)
                self.table[number, k] = value
                for span in range(len(spans)):
                    text = self._rate(number, line, span)
                    self.rates.formula(top + k, COLUMN + span, text, value[span], "rate")
            self._write_accounts(number, top + len(self.lines))

    def _write_accounts(self, number: int, top: int) -> None:
        policy, spans = self.policies[number], self.inputs.goods.spans
        entries = parts.in_order(policy.offset)
        for k, slot in enumerate(self.slots):
            entry = entries[slot.account] if slot.account < len(entries) else None
            name = entry.id if entry else "none"
            for column, text in enumerate((policy.name, "", name, "", f"account {slot.account + 1}")):
                self.rates.text(top + k, column, text)
            self.rates.text(top + k, COLUMN - 1, slot.what)
            for span, days in enumerate(spans):
                place = top + k, COLUMN + span
                figure = _slot(entry, entries, slot.what, days.start, days.end)
                self.table[number, len(self.lines) + k, span] = figure
                if slot.what in SLOTS[:2] and figure and entry:
                    self.rates.formula(*place, self.cell(entry, "rate"), figure, "rate")
                else:
                    self.rates.number(*place, figure, "flag")

    def _value(self, number: int, line: Line) -> np.ndarray:
        card, k = self.cards[number], self.streams_of[line]
        chosen = [line.measure] if line.measure else list(card.components)
        piece, out = PIECES.index(line.piece), np.zeros(len(self.inputs.goods.spans))
        for measure in chosen:
            if measure in card.components:
                part = card.components[measure][piece]
                out = out + part[0, :, k if part.shape[-1] > 1 else 0]
        return out

    def _rate(self, number: int, line: Line, span: int) -> str:
        days = self.inputs.goods.spans[span]

        def last(name: str) -> Entry | None:
            """The rule that holds on these goods in these days: see `rates`."""
            holds = (e for e in rules[name] if e.start <= days.start and days.end <= e.end)
            return next(holds, None)

        rules = self._rules(number, line.origin, line.product)
        ordinary = last("mfn")
        base = ordinary if line.piece == "general" else last("preferred") or ordinary
        assert base is not None  # or the engine had refused
        duty = self.cell(base, "rate")
        terms = [duty] if not line.measure and line.piece != "content" else []
        for measure in sorted(set(rules) - {"mfn", "preferred"}):
            if line.measure in ("", measure) and (entry := last(measure)):
                treated = "full" if isinstance(entry, Relief) else getattr(entry, "usmca", "")
                wanted = {"qualifying": "full", "content": "non_us_content"}.get(line.piece, treated)
                if treated == wanted:
                    terms.append(self._charge(number, entry, line, duty, span))
        return "+".join(terms) or "0"

    def _rules(self, number: int, origin: str, product: str) -> dict[str, list[Entry]]:
        """Rules on some goods by measure, the one that goes before the others first: see `rates`."""
        if (number, origin, product) not in self.sorted:
            policy, found = self.policies[number], {"mfn": [], "preferred": []}  # type: ignore[var-annotated]
            for entry in (*policy.mfn, *policy.additional, *policy.relief):
                if _covers(entry, origin, product):
                    preferred = isinstance(entry, Mfn) and entry.usmca
                    kind = "preferred" if preferred else getattr(entry, "measure", "mfn")
                    found.setdefault(kind, []).append(entry)
            for entries in found.values():
                entries.reverse()  # of equals the last one holds
                entries.sort(key=lambda e: (-e.layer, "*" in e.origin))
            self.sorted[number, origin, product] = found
        return self.sorted[number, origin, product]

    def _charge(self, number: int, entry: Entry, line: Line, duty: str, span: int) -> str:
        def on_top(rate: str, basis: str) -> str:
            return f"MAX({rate}-{duty},0)" if basis == "inclusive" else rate

        if isinstance(entry, Relief):
            return on_top(self.scored[number, entry.id, line.maker], entry.basis)
        assert isinstance(entry, Additional)
        charge = on_top(self.cell(entry, "rate"), entry.basis)
        if entry.quota_rate is not None and line.piece == "general":
            share = self.within[self._rule(entry, "quota units a year"), span]
            inside = on_top(self.cell(entry, "quota rate"), entry.quota_basis)
            charge = f"({share}*{inside}+(1-{share})*{charge})"
        return charge if entry.covers == 1 else f"{self.cell(entry, 'covers')}*{charge}"


def _figures(entry: Entry) -> Iterator[tuple[str, float]]:
    """Numbers of a rule that the workbook has a cell for."""
    if isinstance(entry, Relief):
        names = ["base", "floor", "cap"] + ["slope"] * (entry.schedule != "tiered")
        if entry.schedule == "smooth":
            names += ["exponent"] if entry.steepness is None else ["steepness", "midpoint"]
        yield from ((name, float(getattr(entry, name))) for name in names)
        yield from ((f"bracket {k}", step.rate) for k, step in enumerate(entry.bracket, start=1))
    elif isinstance(entry, Mfn | Offset | Additional):
        yield "rate", entry.rate
        if isinstance(entry, Additional):
            if entry.covers != 1:
                yield "covers", entry.covers
            if entry.quota_rate is not None:
                yield "quota units a year", float(entry.quota_units_per_year or 0.0)
                yield "quota rate", entry.quota_rate


def _alike(entry: Entry) -> str:
    """What is one rule, though several policies have it: all but what is said about it."""
    return entry.model_dump_json(exclude={"layer", "note", "source", "url", "quality", "checked_through"})


def _terms(entry: Entry, name: str) -> str:
    said = [name]
    if getattr(entry, "basis", "") and name in ("rate", "base"):
        said.append({"inclusive": "all in", "additive": "on top of MFN"}[str(entry.basis)])  # type: ignore[attr-defined]
    if isinstance(entry, Additional) and name == "rate" and entry.usmca != "full":
        said.append({"non_us_content": "USMCA: on non-US content", "exempt": "USMCA: exempt"}[entry.usmca])
    return ", ".join(said)


def _covers(entry: Entry, origin: str, product: str) -> bool:
    origins = getattr(entry, "origin", [])
    return product in getattr(entry, "product", []) and ("*" in origins or origin in origins)


def _windows(
    entry: Additional, spans: Sequence[Period], days: Sequence[int]
) -> Iterator[tuple[int, list[int], float]]:
    """Each span of a quota, the spans of its window, and the part of a year's quota that is open in it."""
    quarterly = entry.quota_window == "quarter"
    windows = {k: quota_window(spans[k].start, quarterly) for k in days}
    for k in days:
        same = [other for other in days if windows[other] == windows[k]]
        yield k, same, quota_part(entry, *windows[k])


def _slot(entry: Offset | None, entries: Sequence[Offset], what: str, first: date, last: date) -> float:
    """What a row of an account says in a span."""
    if entry is None:
        return 0.0
    if what == "usable":
        return float(entry.usable_from <= first)
    if what == "lapses":
        return float(entry.end == last and not entry.carry_forward)
    on = "engines" if what == "rate on engines" else "msrp"
    earns = any(one is entry for one in parts.in_force(entries, first))
    return entry.rate if earns and entry.accrues_on == on else 0.0
