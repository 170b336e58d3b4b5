"""Workbook, slides, LaTeX and Markdown hold the figures of the run, in the units it states."""

from __future__ import annotations

import dataclasses
import json
import time
from datetime import date
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from pptx import Presentation

from tariffmodel import charts, exports, slides
from tariffmodel.errors import DataError

SOURCE = "tariffmodel, run of a test."
SHARE = "share_of_operating_profit"
DAY = date(2026, 1, 31)
BILLS = pd.DataFrame(
    {
        "bill_usd": [6.3e9, 0.0, np.nan],
        SHARE: [0.173, 0.0, np.nan],
        "quality": ["estimated", "reported", None],
    },
    index=pd.Index(["Toyota", "Suzuki", "A & B_C"], name="maker"),
)


def figured(title: str, alt: str) -> charts.Chart:
    draw = charts.house.in_house_style(
        lambda width_cm: charts.house.finish(charts.house.figure(title, "", [], width_cm, 3), alt)
    )
    return dataclasses.replace(draw(width_cm=9), alt=alt)


def tabled(folder: Path, frame: pd.DataFrame, units: dict[str, str]) -> None:
    """Table `t` as a run leaves it, with units that need not be those of any result."""
    (folder / "tables").mkdir()
    frame.to_csv(folder / "tables" / "t.csv", index=False)
    about = {"title": "t", "units": units, "headings": {}}
    (folder / "tables" / "t.json").write_text(json.dumps(about))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("run")
    charts.export_table(BILLS, "02_bill", place, as_of=date(2026, 1, 1), title="Bill by maker, 100% of it")
    charts.export_table(BILLS[[SHARE]], "02_share", place, as_of=date(2026, 1, 1), title="Share")
    charts.export(figured("Bill", "Bars."), "02_bars", BILLS, place)
    return place


def test_workbook_holds_every_table_with_title_units_and_source(folder):
    book = openpyxl.load_workbook(exports.workbook(folder, SOURCE, DAY))
    assert book.sheetnames == ["Contents", "02_bill", "02_share"]
    assert [row[0].value for row in book["Contents"].iter_rows(min_row=4)] == ["02_bill", "02_share"]
    assert book["Contents"]["A4"].hyperlink.location == "'02_bill'!A1"
    sheet = book["02_bill"]
    assert sheet["A1"].value == "Bill by maker, 100% of it" and sheet["A2"].value == SOURCE
    assert [cell.value for cell in sheet[4]] == [None, "usd", "fraction", None]
    assert [cell.value for cell in sheet[3]] == ["Maker", "Bill", "Bill, % of operating profit", "Quality"]
    assert [cell.value for cell in sheet[5]] == ["maker", "bill_usd", SHARE, "quality"]
    assert [cell.value for cell in sheet[6]] == ["Toyota", 6.3e9, 0.173, "estimated"]
    assert [cell.value for cell in sheet[8]] == ["A & B_C", None, None, None]  # missing is empty, not 0
    assert sheet["B6"].number_format == "#,##0" and sheet["C6"].number_format == "0.0%"
    assert sheet.freeze_panes == "B6" and sheet.auto_filter.ref == "A5:D8"


def test_latex_escapes_what_latex_would_read(folder):
    text = exports.latex(folder, "02_bill", SOURCE)
    assert r"\caption{Bill by maker, 100\% of it}" in text
    assert r"Maker & Bill (usd) & Bill, \% of operating profit (fraction) & Quality \\" in text
    assert r"Toyota & 6,300,000,000 & 17.3\% & estimated \\" in text
    assert r"A \& B\_C &  &  &  \\" in text
    assert r"\begin{tabular}{lrrl}" in text


def test_markdown_is_a_table(folder):
    lines = exports.markdown(folder, "02_bill", SOURCE).splitlines()
    assert lines[0] == "**Bill by maker, 100% of it**"
    assert lines[3] == "| --- | ---: | ---: | --- |"
    assert lines[4] == "| Toyota | 6,300,000,000 | 17.3% | estimated |"


def test_what_is_not_there_is_named(folder, tmp_path):
    with pytest.raises(DataError, match="no table '9' in .*; choose from 02_bill, 02_share"):
        exports.latex(folder, "9", SOURCE)
    for make in (exports.workbook, slides.deck):
        with pytest.raises(DataError, match="give the folder of a run, such as output/latest"):
            make(tmp_path, SOURCE, DAY)


def test_pdf_is_the_same_every_time(folder, tmp_path):
    path = pd.DataFrame({"JP": [0.1, 0.2]}, index=pd.to_datetime(["2025-01-01", "2025-05-01"]))
    for name in "ab":
        drawn = charts.rate_path(path, policy="p", until=date(2026, 1, 1), source="s", as_of=date(2026, 1, 1))
        charts.export(drawn, name, path, tmp_path)
    assert (tmp_path / "charts/a.pdf").read_bytes() == (tmp_path / "charts/b.pdf").read_bytes()


def test_everything_is_written_at_once_and_opens(folder):
    written = exports.write(folder, SOURCE, DAY)
    names = [path.relative_to(folder).as_posix() for path in written]
    texts = ["tables/02_bill.md", "tables/02_bill.tex", "tables/02_share.md", "tables/02_share.tex"]
    assert names == ["tables.xlsx", *texts, "charts.pptx"]
    assert all(
        SOURCE in path.read_text(encoding="utf-8") for path in written if path.suffix in (".md", ".tex")
    )
    assert openpyxl.load_workbook(folder / "tables.xlsx").properties.creator == "tariffmodel"
    about = Presentation(folder / "charts.pptx").core_properties
    assert (about.author, about.title, about.created.date()) == ("tariffmodel", SOURCE, DAY)


def test_the_same_folder_gives_the_same_bytes_whenever_it_is_written(folder):
    before = {path: path.read_bytes() for path in exports.write(folder, SOURCE, DAY)}
    time.sleep(2.1)  # zip archives keep time in steps of two seconds
    assert {path: path.read_bytes() for path in exports.write(folder, SOURCE, DAY)} == before


def test_nothing_is_written_where_nothing_was_exported(tmp_path):
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "settings.json").write_text("{}")  # another program's
    assert exports.write(tmp_path, SOURCE, DAY) == []


def test_infinity_is_a_word_in_the_workbook(tmp_path):
    frame = pd.DataFrame({"implied_life_years": [1.0, np.inf]}, index=pd.Index(["a", "b"], name="maker"))
    charts.export_table(frame, "01_x", tmp_path, as_of=date(2026, 1, 1), title="t")
    exports.write(tmp_path, SOURCE, DAY)
    assert openpyxl.load_workbook(tmp_path / "tables.xlsx")["01_x"]["B7"].value == "inf"


def test_names_too_long_for_a_sheet_stay_apart(tmp_path):
    names = ["01_" + "x" * 40 + end for end in "ab"]
    for name in names:
        charts.export_table(BILLS[[SHARE]], name, tmp_path, as_of=date(2026, 1, 1), title=name)
    book = openpyxl.load_workbook(exports.workbook(tmp_path, SOURCE, DAY))
    assert [row[0].value for row in book["Contents"].iter_rows(min_row=4)] == names
    assert len(set(book.sheetnames)) == 3


@pytest.mark.parametrize(
    ("values", "unit", "shown"),
    [
        ([0.0098, 4584.757], "billions", ["0.01", "4,584.76"]),  # Korean beside Japanese makers: none is 0
        ([0.153, 0.55], "0 to 1", ["0.153", "0.550"]),
        ([6.3e9, 0.4], "usd", ["6,300,000,000", "0"]),
        ([3.74e9, 0.0119], "as what says", ["3,740,000,000", "0.0119"]),
        ([35.4, 23.0], "as in Unit", ["35.4", "23"]),  # each row has its own
        ([0.173, -0.004], "fraction", ["17.3%", "-0.4%"]),
        ([0.0119, 0.002], "fraction of sales", ["1.19%", "0.20%"]),
        ([0.5, 1.25], "fraction per fraction", ["0.500", "1.250"]),  # a beta is no percentage
        ([12.0, np.inf], "degrees of freedom", ["12", "inf"]),
        ([-1e-9, 5.0], "ratio", ["0.0000", "5.0000"]),  # zero has no sign
        ([np.nan, np.nan], "usd", ["", ""]),
    ],
)
def test_figures_keep_the_digits_that_matter(tmp_path, values, unit, shown):
    tabled(tmp_path, pd.DataFrame({"x": values}), {"x": unit})
    rows = exports.markdown(tmp_path, "t", SOURCE).splitlines()[4:6]
    assert [row.strip("| ") for row in rows] == shown


def test_workbook_shows_the_digits_that_the_text_shows(tmp_path):
    frame = pd.DataFrame({"bn": [0.0098, 4584.757], "beta": [0.5, 1.25], "mixed": [3.74e9, 0.0119]})
    tabled(tmp_path, frame, {"bn": "billions", "beta": "fraction per fraction", "mixed": "as what says"})
    sheet = openpyxl.load_workbook(exports.workbook(tmp_path, SOURCE, DAY))["t"]
    assert [sheet[f"{column}6"].number_format for column in "ABC"] == ["#,##0.00", "#,##0.000", "General"]
    assert [sheet[f"{column}6"].value for column in "ABC"] == [0.0098, 0.5, 3.74e9]  # nothing is rounded
