"""How does an analyst audit the bill in a spreadsheet? A workbook whose bill is formulas from input cells.

Units × customs value × rate, less what US content takes off; duty on parts × the share that reaches the
maker; the offset as accounts that earn, are drawn and carry; switches for the policy, the counterfactual and
the exchange rate. A sheet holds the engine's own bills beside the formulas' and says where they differ.
Every formula carries its value, so that a viewer which computes nothing shows the same figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError, PolicyError
from tariffmodel.facts import fx_rate, periods
from tariffmodel.runs import live_duty, live_grids, live_inputs
from tariffmodel.runs.live_cells import Book, Sheet, here
from tariffmodel.runs.live_law import Law
from tariffmodel.tariff import cost, exposure
from tariffmodel.tariff.case import Case, PolicySource
from tariffmodel.tariff.duty import bill
from tariffmodel.tariff.entries import Policy
from tariffmodel.tariff.goods import entered

OTHERS = (
    "current-law",
    "before-april-2025",
    "flat-15",
    "flat-25",
    "mfn-only",
    "japan-flexible-linear-firm",
    "japan-flexible-linear-country",
)  # beside the two of the case, where the data folder has them
TOLERANCE_USD = 1e6  # within which a formula agrees with the engine
_STEPS = ("lag", "refunds", "metals")
_RATES = ("mean of the period", "last fixing", "own")
_HEAD = 5  # row of the headings on Bill and Check
_FIRST = _HEAD + 1


class _Made(NamedTuple):
    """What the first sheets refer to."""

    law: Law
    sides: tuple[live_duty.Side, live_duty.Side]
    engine: Sheet
    steps: np.ndarray  # (steps, policies, makers) USD
    owed: np.ndarray  # (policies, makers) USD


def refused(case: Case, others: Sequence[PolicySource] = OTHERS) -> pd.DataFrame:
    """Which policies a live workbook cannot switch to, and why.

    Returns
    -------
    DataFrame
        Indexed by `policy`: `reason`. None of those of the case may be among them.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> refused(tm.case(), ["flat-25", "eu-netting"])["reason"].to_dict()
    {'eu-netting': 'credits pay for the goods with the highest duty first, which no cell formula sorts'}
    """
    found = {one.name: _fault(one) for one in _policies(case, others)}
    rows = {name: reason for name, reason in found.items() if reason}
    return pd.DataFrame({"reason": pd.Series(rows, dtype=object)}).rename_axis("policy")


def write(
    case: Case, path: str | Path, others: Sequence[PolicySource] = OTHERS, maker: str | None = None
) -> Path:
    """Write the live workbook of a case.

    Parameters
    ----------
    path : path
        Of the .xlsx file.
    others : sequence of policies, optional
        Those that can be switched to beside the two of the case. What a formula cannot do is left out and
        listed on the first sheet with the reason, see `refused`.
    maker : str, optional
        Whose two-way tables go in as well, see `live_grids`. Default: that with the largest bill.

    Returns
    -------
    Path
        Of the file: sheets Start (switches), Bill, Check, Inputs, Law and those between them.

    Raises
    ------
    PolicyError
        If a policy of the case itself cannot be a formula, or two policies have offsets of two measures.
    DataError
        As `goods.entered`; an unknown maker.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> tm.live_workbook.write(tm.case("eu-netting"), "bill.xlsx")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    tariffmodel.errors.PolicyError: eu-netting cannot be a workbook of formulas: credits pay for the goods ...
    """
    from xlsxwriter import Workbook  # slow to import: only where a workbook is written

    if maker is not None and maker not in case.facts.makers.index:
        raise DataError(f"{maker!r} is not a maker; choose from {', '.join(case.facts.makers.index)}")
    policies = _policies(case, others)
    for one in policies[:2]:
        if reason := _fault(one):
            raise PolicyError(f"{one.name} cannot be a workbook of formulas: {reason}; choose another policy")
    left_out = {one.name: reason for one in policies if (reason := _fault(one))}
    policies = [one for one in policies if one.name not in left_out]
    if len(measures := sorted({entry.measure for one in policies for entry in one.offset})) > 1:
        raise PolicyError(
            f"offsets of {' and of '.join(measures)} in one workbook, and its accounts are of one measure; "
            "leave one of these policies out of the others"
        )
    content = BytesIO()
    with Workbook(content, {"in_memory": True}) as file:
        file.set_properties(
            {
                "title": f"Live workbook: {case.label}",
                "author": "tariffmodel",
                "created": pd.Timestamp(case.as_of).to_pydatetime(),
            }
        )
        book = Book(file)
        start = book.sheet("Start", f"The tariff bill as formulas: {case.label}", _about(case))
        shown = book.sheet("Bill", "What each maker owes and books under the switches, USD m", _units(case))
        check = book.sheet("Check", "Do the formulas agree with the engine?", _CHECK)
        made = _sheets(case, policies, book)
        rows = _start(start, case, policies, left_out)
        _bill(shown, case, made, rows)
        _check(check, case, shown, made)
        makers = made.law.inputs.goods.makers
        row = int((made.owed[0] - made.owed[1]).argmax()) if maker is None else makers.index(maker)
        live_grids.write(book, case, policies, makers[row], shown.at(_FIRST + row, _BOOKED))
    out = Path(path)
    out.write_bytes(content.getvalue())
    return out


_CHECK = (
    "Formula against the bill of the package, stored as numbers when this file was written. A difference "
    "after you have changed a cell is what your change does."
)


def _about(case: Case) -> str:
    return (
        f"As of {case.as_of}. Shaded cells are inputs; all else follows. USD unless a heading says otherwise."
    )


def _units(case: Case) -> str:
    return (
        f"Duty on what enters in {case.period}; booked: with what the lag of stock, late refunds and metals "
        "add (from the engine, policy by policy)"
    )


def _policies(case: Case, others: Sequence[PolicySource]) -> list[Policy]:
    """The two of the case and the others, each once, as known on its day."""
    found = {one.name: one for one in (case.policy, case.against)}
    for other in others:
        one = case.beside(other)
        found.setdefault(one.name, one)
    return list(found.values())


def _fault(one: Policy) -> str:
    """Why a policy cannot be formulas; empty if it can."""
    if one.credit:
        return "credits pay for the goods with the highest duty first, which no cell formula sorts"
    if len({entry.measure for entry in one.offset}) > 1:
        return "it has offsets of several measures, and the accounts here are of one"
    return ""


def _sheets(case: Case, policies: list[Policy], book: Book) -> _Made:
    goods = entered(case.facts, case.period, policies)
    inputs = live_inputs.Inputs(case.facts, goods, book)
    units, values, rows = live_inputs.units_and_values(inputs)
    law = Law(inputs, policies, book, values, units, rows)
    used = live_duty.in_use(law, (0, 1))
    sides = (live_duty.Side(law, used, 0, 0), live_duty.Side(law, used, 1, 1))
    owed = np.stack([bill(case.facts, one, goods).total[0] for one in policies])
    steps = np.stack([_booked(case, one) for one in policies], axis=1)
    return _Made(law, sides, _engine(book, goods.makers, policies, owed, steps), steps, owed)


def _booked(case: Case, one: Policy) -> np.ndarray:
    """What the engine books beyond duty owed under a policy, over the counterfactual (steps, M), USD."""
    asked = case.replace(policy=one)
    found = cost.recognised(asked)
    found["metals"] *= exposure.has_metals(one, case.facts)
    return found[list(_STEPS)].to_numpy().T


def _engine(
    book: Book, makers: list[str], policies: list[Policy], owed: np.ndarray, steps: np.ndarray
) -> Sheet:
    sheet = book.sheet(
        "Engine",
        "Figures of the package when this file was written, USD: numbers, not formulas",
        "Duty owed under each policy; and what is booked beyond it, over the counterfactual of the case",
    )
    names = [("duty owed", owed), *zip((f"booked: {step}" for step in _STEPS), steps, strict=True)]
    sheet.heads(_HEAD, ["Maker"])
    for block, (name, figures) in enumerate(names):
        for k, one in enumerate(policies):
            column = 1 + block * len(policies) + k
            sheet.text(_HEAD - 1, column, name, "soft")
            sheet.text(_HEAD, column, one.name, "head")
            for row, figure in enumerate(figures[k], start=_FIRST):
                sheet.number(row, column, figure)
    for row, maker in enumerate(makers, start=_FIRST):
        sheet.text(row, 0, maker)
    sheet.sheet.set_column(0, 0, 16)
    sheet.sheet.set_column(1, 4 * len(policies), 15)
    sheet.sheet.freeze_panes(_FIRST, 1)
    return sheet


def _start(
    sheet: Sheet, case: Case, policies: list[Policy], left_out: Mapping[str, str]
) -> dict[str, tuple[int, list[float]]]:
    """Switches, policies and exchange rates; returns the row and the rates of each currency."""
    book = sheet.book.book
    sheet.sheet.set_column(0, 0, 34)
    sheet.sheet.set_column(1, 1, 34)
    sheet.sheet.set_column(2, 4, 18)
    top = 10
    options = f"=$A${top + 1}:$A${top + len(policies)}"
    switches = (
        ("Policy", case.policy.name, options, "what is asked about"),
        ("Against", case.against.name, options, "the counterfactual: bills are the difference"),
        ("ExchangeRate", _RATES[0], list(_RATES), "of the amounts in reporting currency"),
    )
    sheet.heads(3, ["Switch", "Choose", ""])
    for row, (name, chosen, source, said) in enumerate(switches, start=4):
        sheet.text(row, 0, name, "bold")
        sheet.sheet.write_string(row, 1, chosen, sheet.book.inputs["text"])
        sheet.text(row, 2, said, "soft")
        sheet.sheet.data_validation(row, 1, row, 1, {"validate": "list", "source": source})
        book.define_name(name, f"=Start!{here(row, 1)}")
    for row, (name, key, number) in enumerate(
        (("PolicyNumber", "Policy", 1), ("AgainstNumber", "Against", 2)), start=4
    ):
        place = f"MATCH({key},{sheet.at(top, 0)}:{here(top + len(policies) - 1, 0)},0)"
        sheet.formula(row, 5, place, number, "flag")
        book.define_name(name, f"=Start!{here(row, 5)}")
    sheet.heads(top - 1, ["Policy", "On charts", "Status"])
    for row, one in enumerate(policies, start=top):
        for column, text in enumerate((one.name, one.label, one.status)):
            sheet.text(row, column, text)
    row = top + len(policies) + 1
    rates = _exchange(sheet, case, row)
    row += len(rates) + 3
    if len(left_out):
        sheet.heads(row, ["Cannot be switched to", "Why", ""])
        for line, (name, reason) in enumerate(left_out.items(), start=row + 1):
            sheet.text(line, 0, name)
            sheet.text(line, 1, reason)
    return rates


def _exchange(sheet: Sheet, case: Case, row: int) -> dict[str, tuple[int, list[float]]]:
    days = periods.Period(case.as_of, case.as_of)
    rates: dict[str, tuple[int, list[float]]] = {}
    sheet.heads(row, ["Reporting currency per USD", *(name.capitalize() for name in _RATES)])
    for line, unit in enumerate(sorted(set(case.facts.makers["reporting_currency"])), start=row + 1):
        mean, last = (fx_rate(case.facts, unit, when, case.as_of) for when in (case.period, days))
        rates[unit] = line, [mean, last, mean]
        sheet.text(line, 0, unit)
        for column, rate in enumerate(rates[unit][1], start=1):
            sheet.number(line, column, rate, "share", shaded=True)
    choice = f"MATCH(ExchangeRate,{sheet.at(row, 5)}:{here(row, 7)},0)"
    for column, name in enumerate(_RATES, start=5):
        sheet.text(row, column, name, "soft")
    sheet.formula(6, 5, choice, 1, "flag")
    sheet.book.book.define_name("RateNumber", f"=Start!{here(6, 5)}")
    return rates


_BILL = (
    *("Maker", "Inside", "Vehicles", "Parts", "Offset", "Owed under the policy", "Owed under the other"),
    *("Bill: owed", "Lag of stock", "Late refunds", "Metals", "Booked", "Currency", "Per USD"),
    *("Bill, bn of currency", "Booked, bn of currency"),
)
_OWED, _STEP, _BOOKED = 7, 8, 11  # columns of Bill


def _bill(sheet: Sheet, case: Case, made: _Made, rates: dict[str, tuple[int, list[float]]]) -> None:
    sheet.heads(_HEAD, _BILL)
    units = [""] * 2 + ["USD m"] * 10 + ["", "currency per USD", "bn", "bn"]
    for column, unit in enumerate(units):
        sheet.text(_HEAD - 1, column, unit, "soft")
    sheet.sheet.set_column(0, len(_BILL), 13)
    sheet.sheet.freeze_panes(_FIRST, 1)
    inside = case.facts.makers["consolidated_in"].fillna("")
    units_of = case.facts.makers["reporting_currency"]
    for m, maker in enumerate(made.law.inputs.goods.makers):
        row = _FIRST + m
        sheet.text(row, 0, maker)
        sheet.text(row, 1, inside[maker])
        figures = _duties(sheet, row, maker, made)
        for k in range(len(_STEPS)):
            text, figure = _step(made, k, m)
            sheet.formula(row, _STEP + k, text, figure / 1e6, "million")
            figures += figure
        cells = "+".join(here(row, column, absolute=False) for column in range(_OWED, _BOOKED))
        sheet.formula(row, _BOOKED, cells, figures / 1e6, "million")
        unit = str(units_of[maker])
        line, kinds = rates[unit]
        sheet.text(row, 12, unit)
        sheet.formula(row, 13, f"INDEX(Start!{here(line, 1)}:{here(line, 3)},RateNumber)", kinds[0], "share")
        owed = made.owed[0, m] - made.owed[1, m]
        for column, source, value in ((14, _OWED, owed), (15, _BOOKED, figures)):
            text = f"{here(row, source, False)}*{here(row, 13, False)}/1000"
            sheet.formula(row, column, text, value * kinds[0] / 1e9, "million")


def _duties(sheet: Sheet, row: int, maker: str, made: _Made) -> float:
    """Columns of duty owed; returns the bill, USD."""
    mine, other = made.sides
    if maker not in mine.places:  # nothing of it enters
        for column in range(2, _OWED + 1):
            sheet.number(row, column, 0.0, "million")
        return 0.0
    for column, name in enumerate(live_duty.TOTALS[:3], start=2):
        (text, figure), (less, taken) = mine.total(maker, name), other.total(maker, name)
        sheet.formula(row, column, f"({text}-{less})/1000000", (figure - taken) / 1e6, "million")
    owed = [side.total(maker, "owed") for side in made.sides]
    for column, (text, figure) in enumerate(owed, start=5):
        sheet.formula(row, column, f"{text}/1000000", figure / 1e6, "million")
    change = owed[0][1] - owed[1][1]
    text = f"{here(row, 5, False)}-{here(row, 6, False)}"
    sheet.formula(row, _OWED, text, change / 1e6, "million")
    return change


def _engine_at(made: _Made, block: int, m: int, number: str) -> str:
    count = len(made.owed)
    first = 1 + block * count
    row = _FIRST + m
    return f"INDEX({made.engine.at(row, first)}:{here(row, first + count - 1)},{number})"


def _step(made: _Made, k: int, m: int) -> tuple[str, float]:
    mine, other = (_engine_at(made, 1 + k, m, number) for number in live_duty.NUMBERS)
    return f"({mine}-{other})/1000000", float(made.steps[k, 0, m] - made.steps[k, 1, m])


def _check(sheet: Sheet, case: Case, shown: Sheet, made: _Made) -> None:
    heads = ["Maker", "Bill: formula", "Bill: engine", "Difference", "Agrees", "", "Booked: formula"]
    sheet.heads(_HEAD, [*heads, "Booked: engine", "Difference", "Agrees"])
    for column in (1, 2, 3, 6, 7, 8):
        sheet.text(_HEAD - 1, column, "USD m", "soft")
    sheet.sheet.set_column(0, 0, 25)
    sheet.sheet.set_column(1, 9, 15)
    sheet.sheet.freeze_panes(_FIRST, 1)
    booked = exposure.burden(case)["booked_usd"]
    makers = made.law.inputs.goods.makers
    asked = "AND(PolicyNumber=1,AgainstNumber=2)"
    for m, maker in enumerate(makers):
        row = _FIRST + m
        sheet.text(row, 0, maker)
        sheet.formula(row, 1, shown.at(row, _OWED), (made.owed[0, m] - made.owed[1, m]) / 1e6, "million")
        mine, other = (_engine_at(made, 0, m, number) for number in live_duty.NUMBERS)
        sheet.formula(
            row, 2, f"({mine}-{other})/1000000", (made.owed[0, m] - made.owed[1, m]) / 1e6, "million"
        )
        _agrees(sheet, row, 1)
        sheet.formula(row, 6, shown.at(row, _BOOKED), booked[maker] / 1e6, "million")
        sheet.number(row, 7, booked[maker] / 1e6, "million")
        _agrees(sheet, row, 6, f"IF({asked},{{}},0)")
    row = 3
    places = [f"{here(_FIRST, column)}:{here(_FIRST + len(makers) - 1, column)}" for column in (4, 9)]
    both = "+".join(f'COUNTIF({place},"OK")' for place in places)
    sheet.text(row, 0, "All agree within USD 1m", "bold")
    sheet.formula(row, 1, f'IF({both}={2 * len(makers)},"OK","no")', "OK", "good")
    sheet.text(row, 2, "What is booked is compared for the two policies of the case only", "soft")


def _agrees(sheet: Sheet, row: int, column: int, only: str = "{}") -> None:
    """Difference of two figures, and whether it is small."""
    mine, other, gap = (here(row, column + k, absolute=False) for k in range(3))
    sheet.formula(row, column + 2, only.format(f"{mine}-{other}"), 0.0, "million")
    text = f'IF(ABS({gap})<={TOLERANCE_USD / 1e6:g},"OK","no")'
    sheet.formula(row, column + 3, text, "OK", "good")
