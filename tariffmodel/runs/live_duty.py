"""Duty of the live workbook: the rates in use, duty on each stream of goods, and each maker's account.

Twice, alike: for the policy that the switch names, and for the counterfactual.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from tariffmodel.facts import PRODUCTION
from tariffmodel.runs.live_cells import COLUMN, INSIDE, ROW, Sheet, here
from tariffmodel.runs.live_inputs import LABELS, Inputs
from tariffmodel.runs.live_law import LABELS as LAW_LABELS
from tariffmodel.runs.live_law import PIECES, SLOTS, Law

NUMBERS = ("PolicyNumber", "AgainstNumber")  # names of the cells that say which policy is in use
SIDES = ("Policy", "Against")
_Put = Callable[[str, list[str], np.ndarray], None]  # writes a line of an account
TOTALS = ("vehicles", "parts", "offset", "owed")  # rows of an account that the bill takes
_VEHICLES = ("car", "light_truck")
_KIND = {**dict.fromkeys(_VEHICLES, "vehicles"), "service_part": "service"}  # the rest is for plants


def in_use(law: Law, chosen: Sequence[int]) -> Sheet:
    """Sheet of the rates that the two switches pick, the policy's block above the counterfactual's.

    >>> from io import BytesIO
    >>> from xlsxwriter import Workbook
    >>> import tariffmodel as tm
    >>> asked = tm.case(period="2025-09")
    >>> from tariffmodel.runs.live_cells import Book
    >>> from tariffmodel.runs.live_inputs import units_and_values
    >>> book = Book(Workbook(BytesIO()))
    >>> inputs = Inputs(asked.facts, asked.goods, book)
    >>> law = Law(inputs, [asked.policy, asked.against], book, *units_and_values(inputs))
    >>> in_use(law, (0, 1)).name
    'InUse'
    """
    goods, height = law.inputs.goods, law.height
    sheet = law.book.sheet(
        "InUse", "Rates in use: those of the policy, then those of the counterfactual", "Picked from Rates"
    )
    sheet.spans(goods.spans, goods.inside, LAW_LABELS)
    last = ROW + height * len(law.policies) - 1
    for side, number in enumerate(chosen):
        for k in range(height):
            row = ROW + side * height + k
            line = law.lines[k] if k < len(law.lines) else None
            slot = law.slots[k - len(law.lines)] if line is None else None
            texts = (
                (SIDES[side], line.origin, line.product, line.maker, line.measure or "all duties", line.piece)
                if line
                else (SIDES[side], "", "", "", f"account {slot.account + 1}", slot.what)  # type: ignore[union-attr]
            )
            for column, text in enumerate(texts):
                sheet.text(row, column, text)
            for span in range(len(goods.spans)):
                column = COLUMN + span
                block = f"{law.rates.at(ROW, column)}:{here(last, column)}"
                pick = f"INDEX({block},({NUMBERS[side]}-1)*{height}+{k + 1})"
                sheet.formula(row, column, pick, law.table[number, k, span], "rate")
    return sheet


@dataclass
class Side:
    """Duty under one of the two policies: sheets, and their figures by maker and line, (S,) USD.

    >>> from io import BytesIO
    >>> from xlsxwriter import Workbook
    >>> import tariffmodel as tm
    >>> asked = tm.case(period="2025-09")
    >>> from tariffmodel.runs.live_cells import Book
    >>> from tariffmodel.runs.live_inputs import units_and_values
    >>> book = Book(Workbook(BytesIO()))
    >>> inputs = Inputs(asked.facts, asked.goods, book)
    >>> law = Law(inputs, [asked.policy, asked.against], book, *units_and_values(inputs))
    >>> side = Side(law, in_use(law, (0, 1)), side=0, number=0)
    >>> side.inputs is inputs, side.total("Toyota", "owed")[0][:11]
    (True, 'SUMPRODUCT(')
    >>> owed = asked.owed[0].total[0, asked.goods.makers.index("Toyota")]
    >>> bool(np.isclose(side.total("Toyota", "owed")[1], owed))
    True
    """

    law: Law
    used: Sheet
    side: int
    number: int
    places: dict[str, dict[str, int]] = field(default_factory=dict)  # maker: row of each line of its account
    figures: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        goods, name = self.inputs.goods, SIDES[self.side]
        self.table = self.law.table[self.number]
        self.duty = self.law.book.sheet(
            f"Duty{name}",
            f"Duty on each stream of goods, USD, under the {('policy', 'counterfactual')[self.side]}",
            "Customs value × ((1 − q) × general + q × (qualifying + (1 − u) × content)); q share that "
            "qualifies for USMCA, u US content. Below: of the duty on parts, that which the offset can pay",
        )
        self.duty.spans(goods.spans, goods.inside, LABELS)
        self.rows: dict[tuple[str, str], list[int]] = {}  # of a maker's streams by kind
        self.each: dict[int, np.ndarray] = {}
        line = ROW
        for measure in ("", self.law.measure) if self.law.measure else ("",):
            line = self._streams(line, measure) + 1
        self.account = self.law.book.sheet(
            f"Account{name}",
            f"What each maker owes, USD, under the {('policy', 'counterfactual')[self.side]}",
            "Vehicles + parts that reach it − offset; each account of the offset: earned, drawn, carried",
        )
        self.account.spans(goods.spans, goods.inside, ["Maker", "Line", "", "", "Unit", ""])
        line = ROW
        for maker in dict.fromkeys(maker for _, maker, _, _ in self.inputs.streams()):
            line = self._account(line, maker) + 1

    @property
    def inputs(self) -> Inputs:
        """The facts, and where they stand."""
        return self.law.inputs

    def total(self, maker: str, name: str) -> tuple[str, float]:
        """Formula and figure of a line of an account over the period."""
        goods = self.inputs.goods
        row, spans = self.places[maker][name], len(goods.spans)
        within = self.account.across(INSIDE, spans)
        figure = float(self.figures[maker][name][goods.inside].sum())
        return f"SUMPRODUCT({within},{self.account.across(row, spans)})", figure

    def _rate(self, stream: int, measure: str, span: int) -> tuple[str, float]:
        """Formula and figure of the rate on the whole value of a stream."""
        flows, goods = self.inputs.goods.flows, self.inputs.goods
        maker, origin, product = (str(of[stream]) for of in (flows.maker, flows.origin, flows.product))
        near = origin in ("MX", "CA")
        lines = [self.law.line(origin, product, maker, measure, piece) for piece in PIECES[: 1 + 2 * near]]
        cells = [self.used.at(ROW + self.side * self.law.height + k, COLUMN + span) for k in lines]
        rates = [self.table[k, span] for k in lines]
        if not near:
            return cells[0], rates[0]
        q, u = goods.qualifying[0, span, stream], goods.us_content[0, span, stream]
        kind = product if product in _VEHICLES else "part"
        share = self.inputs.cell((maker, f"usmca_share_{kind}", origin), span)
        foreign = "1"
        if product in _VEHICLES:
            foreign = f"(1-{self.inputs.cell((maker, 'us_content_share', origin), span)})"
        text = f"((1-{share})*{cells[0]}+{share}*({cells[1]}+{foreign}*{cells[2]}))"
        return text, (1 - q) * rates[0] + q * (rates[1] + (1 - u) * rates[2])

    def _streams(self, line: int, measure: str) -> int:
        goods = self.inputs.goods
        for k, maker, origin, product in self.inputs.streams():
            if measure and product in _VEHICLES:
                continue
            what = f"of it: {measure}" if measure else "duty"
            for column, text in enumerate((maker, origin, product, what, "USD")):
                self.duty.text(line, column, text)
            kind = _KIND.get(product, "plants")
            self.rows.setdefault((maker, kind + measure), []).append(line)
            figures = np.zeros(len(goods.spans))
            for span in range(len(goods.spans)):
                rate, figure = self._rate(k, measure, span)
                figures[span] = goods.value_usd[0, span, k] * figure
                worth = self.law.values.at(self.law.rows[k], COLUMN + span)
                self.duty.formula(line, COLUMN + span, f"{worth}*{rate}", figures[span])
            self.each[line] = figures
            line += 1
        return line

    def _account(self, line: int, maker: str) -> int:
        """The lines of a maker's account; returns the row after them."""
        goods, measure = self.inputs.goods, self.law.measure
        spans, m = len(goods.spans), goods.makers.index(maker)
        places, figures = self.places.setdefault(maker, {}), self.figures.setdefault(maker, {})
        builds = self.inputs.has((maker, "offset_uptake", "US"))

        def put(name: str, texts: list[str], values: np.ndarray, unit: str = "USD") -> None:
            nonlocal line
            for column, text in ((0, maker), (1, name), (4, unit)):
                self.account.text(line, column, text)
            style = "share" if unit == "fraction" else "number"
            for span in range(spans):
                self.account.formula(line, COLUMN + span, texts[span], values[span], style)
            places[name], figures[name] = line, values
            line += 1

        def cells(name: str) -> list[str]:
            return [here(places[name], COLUMN + span, absolute=False) for span in range(spans)]

        def summed(name: str, kind: str) -> None:
            rows = self.rows.get((maker, kind), [])
            values = sum((self.each[row] for row in rows), start=np.zeros(spans))
            ends = (rows[0], rows[-1]) if rows else None
            texts = [
                f"SUM({self.duty.at(ends[0], COLUMN + s)}:{here(ends[1], COLUMN + s)})" if ends else "0"
                for s in range(spans)
            ]
            put(name, texts, values)

        def inputs_of(name: str) -> list[str]:
            return [self.inputs.cell((maker, name, "US"), span) for span in range(spans)]

        summed("vehicles", "vehicles")
        summed("duty on parts for plants", "plants")
        summed("duty on service parts", "service")
        ones = np.ones(spans)
        reach, reaching = ["1"] * spans, ones
        if builds:
            shares = ("supplier_parts_share", "supplier_pass_share")
            theirs, passed = (self.inputs.values[maker, name, "US"] for name in shares)
            pairs = zip(*map(inputs_of, shares), strict=True)
            reach, reaching = [f"1-{a}*(1-{b})" for a, b in pairs], 1 - theirs * (1 - passed)
        put("share that reaches it", reach, reaching, "fraction")
        plants, service, share = map(
            cells, ("duty on parts for plants", "duty on service parts", "share that reaches it")
        )
        put(
            "parts",
            [f"{c}*{a}+{b}" for a, b, c in zip(plants, service, share, strict=True)],
            reaching * figures["duty on parts for plants"] + figures["duty on service parts"],
        )
        taken: list[list[str]] = []
        total = np.zeros(spans)
        if measure and builds:
            summed("plants, offset can pay", "plants" + measure)
            summed("service, offset can pay", "service" + measure)
            a, b = cells("plants, offset can pay"), cells("service, offset can pay")
            own, dealers = figures["plants, offset can pay"], figures["service, offset can pay"]
            due = own + dealers
            put(
                "of that, reaches it",
                [f"IF({x}+{y}=0,0,({z}*{x}+{y})/({x}+{y}))" for x, y, z in zip(a, b, share, strict=True)],
                np.divide(reaching * own + dealers, due, out=np.zeros(spans), where=due != 0),
                "fraction",
            )
            put(
                "claimed",
                [f"{u}*({x}+{y})" for u, x, y in zip(inputs_of("offset_uptake"), a, b, strict=True)],
                goods.uptake[0, :, m] * due,
            )
            built = [self.inputs.amount((maker, PRODUCTION, "US"), span) for span in range(spans)]
            for name, variable, worth in (
                ("assembled at MSRP", "msrp", goods.assembled_msrp_usd),
                ("engines assembled", "us_engines_value", goods.assembled_engines_usd),
            ):
                known = self.inputs.has((maker, variable, "US"))
                each = inputs_of(variable) if known else ["0"] * spans
                put(name, [f"{n}*{v}" for n, v in zip(built, each, strict=True)], worth[0, :, m])
            taken, total = self._accounts(maker, put, cells)
        texts = ["+".join(span) for span in zip(*taken, strict=True)] if taken else ["0"] * spans
        share_of = cells("of that, reaches it") if taken else ["1"] * spans
        reached = figures["of that, reaches it"] if taken else ones
        put("offset", [f"{s}*({t})" for s, t in zip(share_of, texts, strict=True)], reached * total)
        put(
            "owed",
            [f"{v}+{p}-{o}" for v, p, o in zip(*map(cells, ("vehicles", "parts", "offset")), strict=True)],
            figures["vehicles"] + figures["parts"] - figures["offset"],
        )
        return line

    def _accounts(
        self, maker: str, put: _Put, cells: Callable[[str], list[str]]
    ) -> tuple[list[list[str]], np.ndarray]:
        """Every account: earned, drawn, carried. Returns what is drawn on each, and the sum of it."""
        figures, places = self.figures[maker], self.places[maker]
        spans, claimed = len(self.inputs.goods.spans), cells("claimed")
        base = ROW + self.side * self.law.height + len(self.law.lines)
        left, left_texts = figures["claimed"].copy(), list(claimed)
        msrp, engines = cells("assembled at MSRP"), cells("engines assembled")
        taken, total = [], np.zeros(spans)
        for account in range(len(self.law.slots) // len(SLOTS)):
            rows = [base + account * len(SLOTS) + k for k in range(len(SLOTS))]
            on_msrp, on_engines, usable, lapses = (
                [self.used.at(row, COLUMN + span) for span in range(spans)] for row in rows
            )
            rule = self.table[[row - ROW - self.side * self.law.height for row in rows]]
            earned = rule[0] * figures["assembled at MSRP"] + rule[1] * figures["engines assembled"]
            drawn, carried, balance = np.zeros(spans), np.zeros(spans), 0.0
            for span in range(spans):
                balance += earned[span]
                drawn[span] = rule[2, span] * min(left[span], balance)
                balance = carried[span] = (balance - drawn[span]) * (1 - rule[3, span])
            left = left - drawn
            name = f"account {account + 1}: "
            put(
                name + "earned",
                [f"{r}*{m}+{e}*{n}" for r, m, e, n in zip(on_msrp, msrp, on_engines, engines, strict=True)],
                earned,
            )
            mine = cells(name + "earned")
            row = places[name + "earned"]
            draws, carries = (
                [here(row + k, COLUMN + span, absolute=False) for span in range(spans)] for k in (1, 2)
            )
            held = [f"({'' if s == 0 else carries[s - 1] + '+'}{mine[s]})" for s in range(spans)]
            put(
                name + "drawn",
                [f"{u}*MIN({x},{h})" for u, x, h in zip(usable, left_texts, held, strict=True)],
                drawn,
            )
            put(
                name + "carried",
                [f"({h}-{d})*(1-{z})" for h, d, z in zip(held, draws, lapses, strict=True)],
                carried,
            )
            left_texts = [f"{x}-{d}" for x, d in zip(left_texts, draws, strict=True)]
            taken.append(draws)
            total = total + drawn
        return taken, total
