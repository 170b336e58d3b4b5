"""The workbook's formulas, computed from the file alone, are the engine's bills and follow a changed cell."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter
from spreadsheet_formulas import Workbook

from tariffmodel import case, exposure, live_workbook, policy, two_way
from tariffmodel.errors import PolicyError
from tariffmodel.runs.live_cells import Book

JAPAN, TOLERANCE = "japan-flexible-linear-firm", 1e-3  # USD m
TOYOTA = ("Toyota", "us_import_units", "JP")


@pytest.fixture(scope="module")
def asked(known):
    return case(period="2025-08..2025-12", data=known)


@pytest.fixture(scope="module")
def path(asked, tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("workbook") / "bill.xlsx"
    return live_workbook.write(asked, place, ["flat-15", JAPAN, "eu-netting"])


@pytest.fixture(scope="module")
def book(path) -> Workbook:
    sys.setrecursionlimit(max(sys.getrecursionlimit(), 10_000))  # a cell asks for those that it rests on
    return Workbook(path)


@pytest.fixture(autouse=True)
def as_written(request):
    """A test that changes cells leaves the file as it was."""
    book = request.getfixturevalue("book")
    kept = {name: dict(cells) for name, cells in book.raw.items()}
    yield
    book.raw = kept
    book.known.clear()


def of(book: Workbook, sheet: str, column: str) -> dict[str, float]:
    """A column of Bill or Check by maker."""
    return {book[sheet, f"A{row}"]: book[sheet, f"{column}{row}"] for row in range(7, 27)}


def where(book: Workbook, sheet: str, *words: str) -> list[int]:
    """Rows whose first cells are these words."""
    rows = sorted({row for _, row in book.raw[sheet]})
    return [r for r in rows if all(book.raw[sheet].get((c, r)) == w for c, w in enumerate(words, start=1))]


def test_every_formula_has_the_value_that_it_computes(book, path):
    kept, count = openpyxl.load_workbook(path, data_only=True), 0
    for name, cells in book.raw.items():
        for (column, row), said in cells.items():
            if isinstance(said, str) and said.startswith("="):
                count += 1
                value, stored = book.at(name, column, row), kept[name].cell(row, column).value
                # a difference of millions that comes to nothing has an error of its own
                nothing = isinstance(stored, float) and max(abs(value), abs(stored)) < 1e-9
                assert nothing or value == pytest.approx(stored)
    assert count > 10_000 and book["Check", "B4"] == "OK"


@pytest.mark.parametrize(("name", "against"), [("flat-15", "before-april-2025"), (JAPAN, "current-law")])
def test_a_switch_gives_the_bills_of_another_policy(book, asked, name, against):
    book["Start", "B5"], book["Start", "B6"] = name, against
    bills = exposure.table(asked.replace(policy=name, against=against))["bill_usd"] / 1e6
    assert of(book, "Bill", "H") == pytest.approx(bills.to_dict(), abs=TOLERANCE)
    assert set(of(book, "Check", "E").values()) == {"OK"}


def test_a_changed_cell_moves_the_bill_as_the_same_what_if_does(book, asked, known):
    """Ten per cent more vehicles of Toyota from Japan, and another rate on Japanese cars."""
    [row] = where(book, "Inputs", "Toyota", "US import units", "JP", "2025-01-01..2025-12-31")
    book["Inputs", f"F{row}"] *= 1.1
    jp = next(e for e in asked.policy.additional if e.id == "japan-deal")
    [rule] = [r for r in where(book, "Law", jp.id) if "rate" in book.raw["Law"][8, r]]
    book["Law", f"I{rule}"] = 0.2
    more = known.with_values({TOYOTA: lambda units: 1.1 * units}, "CY2025")
    steeper = policy.load("current-law", settings={f"additional.{jp.id}.rate": 0.2})
    bills = exposure.table(asked.replace(facts=more, policy=steeper))["bill_usd"] / 1e6
    found = of(book, "Bill", "H")
    assert found == pytest.approx(bills.to_dict(), abs=TOLERANCE)
    assert of(book, "Check", "E")["Toyota"] == "no" and book["Check", "B4"] == "no"


def test_the_offset_is_an_account_that_follows_what_is_assembled(book, asked, known):
    [row] = where(book, "Inputs", "Ford", "US production units", "US", "2025-01-01..2025-12-31")
    book["Inputs", f"F{row}"] *= 0.9
    fewer = known.with_values({("Ford", "us_production_units", "US"): lambda units: 0.9 * units}, "CY2025")
    offset = exposure.table(asked.replace(facts=fewer)).at["Ford", "offset_usd"] / 1e6
    assert of(book, "Bill", "E")["Ford"] == pytest.approx(offset, abs=TOLERANCE)


def test_two_way_tables_follow_the_bill(book, asked):
    """A cell of each is the engine's, and what is booked moves it."""
    [row] = where(book, "Profit", 0.15)[:1]
    profit = two_way.duty_and_currency(asked, "Toyota")["operating_profit_bn"].unstack()
    assert book["Profit", f"C{row}"] == pytest.approx(profit.loc[0.15].iloc[1])
    [row] = where(book, "Value", 0.5)
    value = two_way.probability_and_life(asked, "Toyota")["value_usd"].unstack()
    assert book["Value", f"D{row}"] == pytest.approx(value.loc[0.5, 5.0] / 1e9)
    assert "Japan flexible (firm)" in book["Relief", "A2"] and book["Relief", "B7"] > 0
    book["Start", "B5"] = "before-april-2025"  # asked against itself: nothing is booked
    assert book["Value", f"D{row}"] == 0


def test_what_no_formula_does_is_refused_and_named(book, asked, tmp_path):
    assert [book["Start", f"A{row}"] for row in where(book, "Start", "eu-netting")] == ["eu-netting"]
    with pytest.raises(PolicyError, match="japan-export-credit cannot be a workbook of formulas: credits"):
        live_workbook.write(asked.replace(policy="japan-export-credit"), tmp_path / "x.xlsx")


def test_text_from_outside_is_no_formula(tmp_path):
    with xlsxwriter.Workbook(tmp_path / "t.xlsx") as file:
        sheet = Book(file).sheet("T", "=1+1", "@SUM(1)")
        sheet.text(2, 0, '=HYPERLINK("http://x")', url="javascript:alert(1)")
    cells = openpyxl.load_workbook(tmp_path / "t.xlsx")["T"]
    assert [cells[f"A{row}"].data_type for row in (1, 2, 3)] == ["s"] * 3 and cells["A3"].hyperlink is None


@pytest.mark.skipif(not shutil.which("soffice"), reason="LibreOffice (soffice) is not installed here")
def test_libreoffice_computes_the_same(path, tmp_path):
    sheet = openpyxl.load_workbook(path)  # what openpyxl writes has no values: all must be computed
    sheet["Start"]["B5"] = "flat-15"
    sheet.save(tmp_path / "bill.xlsx")
    profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    words = ["soffice", profile, "--headless", "--convert-to", "xlsx", "--outdir", tmp_path / "out"]
    subprocess.run([*words, tmp_path / "bill.xlsx"], check=True, capture_output=True, timeout=300)
    check = openpyxl.load_workbook(tmp_path / "out" / "bill.xlsx", data_only=True)["Check"]
    assert check["B4"].value == "OK" and check["B7"].value > 0
