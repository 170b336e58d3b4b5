"""Two-way tables of one maker in the live workbook: formulas on its booked cost where cells can do it.

Duty × exchange rate → operating profit and earnings per share (`currency.grid`), probability × life → value
(`pricing.implied_value`), slope × floor → bill (from the engine: it computes the whole bill in each cell).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from tariffmodel.errors import TariffModelError
from tariffmodel.facts import fx_rate, periods
from tariffmodel.markets import currency, two_way
from tariffmodel.markets import valuation as values
from tariffmodel.runs.live_cells import Book, Sheet, here
from tariffmodel.tariff import exposure
from tariffmodel.tariff.case import Case
from tariffmodel.tariff.entries import Policy

_TOP, _LEFT = 4, 1  # first row and column of what the tables rest on
_Cell = Callable[[str, str], str]  # from the cells of a row's and a column's figure


def write(book: Book, case: Case, policies: Sequence[Policy], maker: str, booked: str) -> None:
    """Sheets Profit, Value and Relief of a maker; `booked` is the cell of what it books, USD m.

    Relief is that of the policy of the case, or else of the first of `policies` that has one with a slope.

    >>> from io import BytesIO
    >>> import xlsxwriter
    >>> import tariffmodel as tm
    >>> file, asked = xlsxwriter.Workbook(BytesIO()), tm.case()
    >>> write(Book(file), asked, [asked.policy], "GM", "Bill!L23")
    >>> [sheet.get_name() for sheet in file.worksheets()]
    ['Profit', 'Value', 'Relief']
    """
    sloping = (one for one in policies if any(entry.schedule != "tiered" for entry in one.relief))
    sloped = case.replace(policy=next(sloping, case.policy))
    for name, title, make in (
        ("Profit", "Operating profit and earnings per share by duty and exchange rate", _profit),
        ("Value", "Value of the policy to shareholders by probability and years that it lasts", _value),
        ("Relief", "Bill by slope and floor of the relief (from the engine)", _relief),
    ):
        note = "Follows Bill and the shaded cells" if name != "Relief" else "Numbers, not formulas"
        asked = sloped if make is _relief else case
        sheet = book.sheet(name, f"{maker}: {title}", f"{note}. {asked.label}, as of {case.as_of}")
        sheet.sheet.set_column(0, 0, 46)
        sheet.sheet.set_column(1, 8, 13)
        try:
            make(sheet, asked, maker, booked)
        except TariffModelError as error:
            sheet.text(_TOP, 0, f"No table: {error}", "soft")


def _profit(sheet: Sheet, case: Case, maker: str, booked: str) -> None:
    found = two_way.duty_and_currency(case, maker)
    if found["operating_profit_bn"].isna().all():
        sheet.text(_TOP, 0, f"No table: {found['reason'].iloc[0] or 'no operating profit is known'}", "soft")
        return
    facts, unit = case.facts, str(found["currency"].iloc[0])
    said, bills = currency.disclosed(facts), exposure.table(case)
    shares = float(found["shares_million"].iloc[0])
    tax = values.central(facts).tax_rate
    before, income = (float(facts.figure(name)[maker]) for name in ("operating_profit", "net_income"))
    base = fx_rate(facts, unit, periods.parse(currency.BASE), case.as_of)
    engine = "from the engine, for the two policies of the case"
    given = (
        (
            f"Profit per {unit} that a dollar gains, {unit} bn",
            said["profit_per_unit_bn"][maker],
            said["source_title"][maker],
        ),
        (f"Exchange rate before the tariff, {unit} per USD", base, f"mean of {currency.BASE}"),
        (f"Operating profit before the tariff, {unit} bn", before, found["profit_period"].iloc[0]),
        ("Average duty under the counterfactual", bills["effective_rate_against"][maker], engine),
        ("Average duty under the policy", bills["effective_rate"][maker], engine),
        ("Years of the period", case.period.years, str(case.period)),
        ("Tax rate", tax[maker] if isinstance(tax, pd.Series) else tax, "central, see valuation.inputs"),
        ("Shares, million", shares, "newest count"),
        (f"Net income before the tariff, {unit} bn", income, found["profit_period"].iloc[0]),
    )
    slope, start, profit, untaxed, taxed, years, rate, count, net = _given(sheet, given)

    def change(duty: str, spot: str) -> str:
        share = f"({duty}-{untaxed})/({taxed}-{untaxed})"
        return f"{slope}*({spot}-{start})-{booked}/1000/{years}*{share}*{spot}"

    def per_share(duty: str, spot: str) -> str:
        return f"1000/{count}*({net}+(1-{rate})*({change(duty, spot)}))"

    top = _TOP + len(given) + 2
    top = _table(
        sheet, top, found["operating_profit_bn"], f"Operating profit, {unit} bn", _plus(profit, change)
    )
    _table(sheet, top, found["eps"], f"Earnings per share, {unit}", per_share)


def _value(sheet: Sheet, case: Case, maker: str, booked: str) -> None:
    found, terms = two_way.probability_and_life(case, maker), values.central(case.facts)
    names = ("tax_rate", "pass_through", "discount_rate", "growth")
    held = [getattr(terms, name) for name in names]
    said = ("Tax rate", "Passed on to customers and suppliers", "Discount rate", "Growth of the cost a year")
    given = [
        (name, float(one[maker] if isinstance(one, pd.Series) else one), "central, see valuation.inputs")
        for name, one in zip(said, held, strict=True)
    ]
    given.append(("Years of the period", case.period.years, str(case.period)))
    tax, passed, discount, growth, years = _given(sheet, given)

    def worth(chance: str, life: str) -> str:
        paid = f"(1-((1+{growth})/(1+{discount}))^{life})/({discount}-{growth})"
        return f"-{booked}/1000/{years}*(1-{tax})*(1-{passed})*{chance}*{paid}"

    top = _TOP + len(given) + 2
    _table(sheet, top, found["value_usd"] / 1e9, "Value, USD bn", worth)


def _relief(sheet: Sheet, case: Case, maker: str, booked: str) -> None:  # noqa: ARG001  as the others
    found = two_way.slope_and_floor(case, maker)["bill_usd"] / 1e9
    _table(sheet, _TOP, found, "Bill, USD bn", None)


def _plus(cell: str, change: _Cell) -> _Cell:
    return lambda row, column: f"{cell}+{change(row, column)}"


def _given(sheet: Sheet, given: Sequence[tuple[str, float, object]]) -> list[str]:
    """What a table rests on, with where it is from; returns the cells."""
    for row, (name, figure, source) in enumerate(given, start=_TOP):
        sheet.text(row, 0, name)
        sheet.number(row, _LEFT, figure, "share", shaded=True)
        sheet.text(row, _LEFT + 1, source, "soft")
    return [here(_TOP + k, _LEFT) for k in range(len(given))]


def _table(sheet: Sheet, top: int, cells: pd.Series, heading: str, formula: _Cell | None) -> int:
    """A two-way table under its heading; returns the row for the next one."""
    table = cells.unstack()
    sheet.text(top, 0, heading, "bold")
    names = f"rows: {table.index.name}, columns: {table.columns.name}".replace("_", " ")
    sheet.text(top + 1, 0, names, "soft")
    for k, value in enumerate(table.columns.to_numpy(dtype=float)):
        sheet.number(top + 1, _LEFT + k, value, "general", shaded=formula is not None)
    for k, value in enumerate(table.index.to_numpy(dtype=float)):
        sheet.number(top + 2 + k, 0, value, "general", shaded=formula is not None)
    for (i, k), figure in np.ndenumerate(table.to_numpy(dtype=float)):
        place = top + 2 + i, _LEFT + k
        if not np.isfinite(figure):
            sheet.text(*place, "n/a")
        elif formula is None:
            sheet.number(*place, figure, "cell")
        else:
            text = formula(here(top + 2 + i, 0), here(top + 1, _LEFT + k))
            sheet.formula(*place, text, figure, "cell")
    return top + 4 + len(table)
