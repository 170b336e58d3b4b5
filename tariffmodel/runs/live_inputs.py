"""The facts of the live workbook: a cell for each figure, with its source beside it.

A flow (vehicles) is one figure a calendar year, spread over the spans by its pace; a level (a value, a
share) is one figure for as long as it stands. Numbers are those of the central run.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from typing import NamedTuple

import numpy as np

from tariffmodel.facts import BASIS, FLOWS, IMPORTS, PRODUCTION, QUALITY, SALES, Facts, Resolved, resolve
from tariffmodel.facts.periods import Period
from tariffmodel.runs.live_cells import COLUMN, ROW, Book, Sheet
from tariffmodel.tariff.goods import Goods

Key = tuple[str, str, str]  # maker, variable, origin
LABELS = ["Maker", "Origin", "Product", "What", "Unit", ""]
_NEAR = ("MX", "CA")
_FIRST = 5  # row of the first figure on the sheet of inputs
_VALUE = 5  # its column
_HEADS = ["Maker", "What", "Origin", "Days", "Unit", "Figure", "Low", "High", "Quality", "Found from"]
_FOUND = dict(
    zip(
        BASIS,
        (
            "rows of these days",
            "a year, by its official months",
            "a year, by the mean pace of earlier ones",
            "a part of the year",
            "another year",
        ),
        strict=True,
    )
)
_PLANT = ("msrp", "offset_uptake", "supplier_parts_share", "supplier_pass_share")
_RATIO = {"certified_part": "certified_parts_ratio", "general_part": "general_parts_ratio"}


class _Row(NamedTuple):
    """What is said of a figure where it stands in the data."""

    start: date
    end: date
    source_title: str
    source_url: str
    unit: str


@dataclass
class Inputs:
    """Where each figure stands: `places` gives the cell of a key in each span, `flows` its row on Pace.

    >>> from io import BytesIO
    >>> from xlsxwriter import Workbook
    >>> import tariffmodel as tm
    >>> asked = tm.case(period="2025-09")
    >>> inputs = Inputs(asked.facts, asked.goods, Book(Workbook(BytesIO())))
    >>> key = ("Toyota", "us_import_units", "JP")
    >>> inputs.has(key), inputs.amount(key, span=3).startswith(inputs.cell(key, span=3) + "*Pace!")
    (True, True)
    >>> len(list(inputs.streams())) == len(asked.goods.flows)
    True
    """

    facts: Facts
    goods: Goods
    book: Book
    order: np.ndarray = field(init=False)
    places: dict[Key, list[str]] = field(default_factory=dict)
    values: dict[Key, np.ndarray] = field(default_factory=dict)
    flows: dict[Key, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        goods = self.goods
        rank = {name: k for k, name in enumerate(("car", "light_truck", "listed_part"))} | {"service_part": 9}
        kind = np.array([rank.get(product, 5) for product in goods.flows.product])
        self.order = np.lexsort((goods.flows.origin, kind, goods.owner))
        keys = list(dict.fromkeys(self._keys()))
        found = resolve(self.facts, keys, goods.spans)
        self.sheet = self.book.sheet(
            "Inputs",
            "Figures that the bill rests on: change a shaded cell and everything follows",
            "Low and high are the range of a figure; its source opens from the last column",
        )
        self.pace = self.book.sheet(
            "Pace",
            "Share of a calendar year's vehicles in each span of days (from the engine)",
            "Own months where a maker publishes them, else the official months of the origin",
        )
        self.pace.spans(goods.spans, goods.inside, LABELS)
        self._write(keys, found)

    def cell(self, key: Key, span: int) -> str:
        """The input cell of a figure in a span; a flow is that of its year."""
        return self.places[key][span]

    def amount(self, key: Key, span: int) -> str:
        """Vehicles of a span: those of the year times the pace."""
        return f"{self.cell(key, span)}*{self.pace.at(self.flows[key], COLUMN + span)}"

    def has(self, key: Key) -> bool:
        """Whether there is such a figure."""
        return key in self.places

    def streams(self) -> Iterable[tuple[int, str, str, str]]:
        """Number of each stream of `Goods`, its maker, origin and product, in the order of the sheets."""
        flows = self.goods.flows
        for k in self.order:
            yield int(k), str(flows.maker[k]), str(flows.origin[k]), str(flows.product[k])

    def _keys(self) -> Iterable[Key]:
        engines = self.facts.selected.loc[self.facts.selected["variable"] == "us_engines_value", "maker"]
        for _, maker, origin, product in self.streams():
            vehicle, service = product in ("car", "light_truck"), product == "service_part"
            near = origin in _NEAR
            if vehicle:
                names = [IMPORTS, "light_truck_share", "customs_value"]
                names += ["us_content_share", f"usmca_share_{product}"] if near else []
            else:
                names = ["service_parts" if service else "imported_parts"]
                names += ["usmca_share_part"] if near else []
            yield from ((maker, name, origin) for name in names)
            if service:
                yield (maker, SALES, "US")
            elif not vehicle:
                yield from ((maker, name, "US") for name in (PRODUCTION, *_PLANT, *_RATIO.values()))
                if (engines == maker).any():
                    yield (maker, "us_engines_value", "US")

    def _write(self, keys: list[Key], found: Resolved) -> None:
        spans, row, line = self.goods.spans, _FIRST, ROW
        self.sheet.heads(_FIRST - 1, [*_HEADS, "Source"])
        self.sheet.sheet.freeze_panes(_FIRST, 3)
        for column, width in enumerate((16, 34, 8, 24, 22, 14, 12, 12, 11, 26, 70)):
            self.sheet.sheet.set_column(column, column, width)
        figures = (found.value, found.low, found.high, found.quality, found.basis)
        rows = self.facts.selected
        sources: dict[Key, list[_Row]] = {}
        said = [rows[name] for name in ("maker", "variable", "origin", *_Row._fields)]
        for maker, variable, origin, *rest in zip(*said, strict=True):
            sources.setdefault((maker, variable, origin), []).append(_Row(*rest))
        for k, key in enumerate(keys):
            value, low, high, quality, basis = (figure[:, k] for figure in figures)
            self.values[key], flow = value, key[1] in FLOWS
            cells: list[str] = []
            runs = _years(spans) if flow else _alike(np.stack([value, low, high]).T)
            for run in runs:
                add = np.sum if flow else np.max  # a level is one figure all along
                days = Period(spans[run[0]].start, spans[run[-1]].end)
                title, url, unit = _source(sources[key], days)
                said_unit = f"{unit} a year" if flow else unit.replace("_", " ")
                self._line(row, key, days, said_unit, [float(add(of[run])) for of in (value, low, high)])
                self.sheet.text(row, 8, QUALITY[int(quality[run].max())])
                self.sheet.text(row, 9, _FOUND[BASIS[int(basis[run].max())]])
                self.sheet.text(row, 10, title, url=url)
                cells += [self.sheet.at(row, _VALUE)] * len(run)
                if flow:
                    self._paced(line, run, value)
                row += 1
            self.places[key] = cells
            if flow:
                for column, text in enumerate((key[0], key[2], "", _name(key[1]), "share of the year")):
                    self.pace.text(line, column, text)
                self.flows[key] = line
                line += 1

    def _line(self, row: int, key: Key, days: Period, unit: str, figures: list[float]) -> None:
        maker, variable, origin = key
        for column, text in enumerate((maker, _name(variable), origin, str(days), unit)):
            self.sheet.text(row, column, text)
        style = "number" if max(figures) > 10 else "share"
        for column, figure in enumerate(figures):
            self.sheet.number(row, _VALUE + column, figure, style, shaded=column == 0)

    def _paced(self, line: int, run: list[int], value: np.ndarray) -> None:
        """The pace of a year; where nothing moved, that of its days."""
        days = np.array([self.goods.spans[k].days for k in run], dtype=float)
        weight = value[run] if value[run].sum() > 0 else days
        for k, share in zip(run, weight / weight.sum(), strict=True):
            self.pace.number(line, COLUMN + k, share, "share")


def units_and_values(inputs: Inputs) -> tuple[Sheet, Sheet, dict[int, int]]:
    """Sheets of vehicles, and of customs value, stream by stream, and the row of each stream on both.

    >>> from io import BytesIO
    >>> from xlsxwriter import Workbook
    >>> import tariffmodel as tm
    >>> asked = tm.case(period="2025-09")
    >>> inputs = Inputs(asked.facts, asked.goods, Book(Workbook(BytesIO())))
    >>> units, values, rows = units_and_values(inputs)
    >>> units.name, values.name, len(rows) == len(asked.goods.flows)
    ('Units', 'Values', True)
    """
    goods, book = inputs.goods, inputs.book
    units = book.sheet(
        "Units",
        "Vehicles that enter, and for parts those they are built into or, of service parts, those sold",
        "Vehicles of the year × pace × share of cars or light trucks",
    )
    values = book.sheet(
        "Values", "Customs value of what enters, USD", "Units × value of each (× ratio to listed parts)"
    )
    for sheet in (units, values):
        sheet.spans(goods.spans, goods.inside, LABELS)
    rows = {}
    for line, (k, maker, origin, product) in enumerate(inputs.streams(), start=ROW):
        rows[k] = line
        for sheet, unit in ((units, "vehicles"), (values, "USD")):
            for column, text in enumerate((maker, origin, product, "", unit)):
                sheet.text(line, column, text)
        for span in range(len(goods.spans)):
            place = line, COLUMN + span
            units.formula(*place, _units(inputs, maker, origin, product, span), goods.units[0, span, k])
            worth = f"{units.at(*place)}*{_each(inputs, maker, origin, product, span)}"
            values.formula(*place, worth, goods.value_usd[0, span, k])
    return units, values, rows


def _units(inputs: Inputs, maker: str, origin: str, product: str, span: int) -> str:
    if product == "service_part":
        return inputs.amount((maker, SALES, "US"), span)
    if product not in ("car", "light_truck"):
        return inputs.amount((maker, PRODUCTION, "US"), span)
    trucks = inputs.cell((maker, "light_truck_share", origin), span)
    share = trucks if product == "light_truck" else f"(1-{trucks})"
    return f"{inputs.amount((maker, IMPORTS, origin), span)}*{share}"


def _each(inputs: Inputs, maker: str, origin: str, product: str, span: int) -> str:
    if product in ("car", "light_truck"):
        return inputs.cell((maker, "customs_value", origin), span)
    if product == "service_part":
        return inputs.cell((maker, "service_parts", origin), span)
    each = inputs.cell((maker, "imported_parts", origin), span)
    if product in _RATIO:
        each += "*" + inputs.cell((maker, _RATIO[product], "US"), span)
    return each


def _years(spans: list[Period]) -> list[list[int]]:
    return [list(run) for _, run in groupby(range(len(spans)), key=lambda k: spans[k].start.year)]


def _alike(figures: np.ndarray) -> list[list[int]]:
    """Spans one after another in which central, low and high figure (S, 3) stay."""
    return [list(run) for _, run in groupby(range(len(figures)), key=lambda k: tuple(figures[k]))]


def _source(rows: list[_Row], days: Period) -> tuple[str, str, str]:
    """Title and address of the row that a figure rests on, with how many more there are, and its unit."""
    chosen = [one for one in rows if one.start <= days.end and one.end >= days.start] or rows
    first = chosen[0]
    more = f" (and {len(chosen) - 1} more)" if len(chosen) > 1 else ""
    return f"{first.source_title}{more}", str(first.source_url), str(first.unit)


def _name(variable: str) -> str:
    return variable.replace("_", " ").replace("us ", "US ").replace("usmca", "USMCA").replace("msrp", "MSRP")
