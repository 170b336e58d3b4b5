"""Workbook, slides, LaTeX and Markdown hold the figures of the run, in the units it states."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from pptx import Presentation
from pptx.enum.chart import XL_CHART_TYPE

from tariffmodel import charts, exports
from tariffmodel.errors import DataError
from tariffmodel.facts import Facts

SOURCE = "tariffmodel, run of a test."
BILLS = pd.DataFrame(
    {"bill_usd": [6.3e9, 0.0, np.nan], "share": [0.173, 0.0, np.nan], "quality": ["estimated", "reported", None]},
    index=pd.Index(["Toyota", "Suzuki", "A & B_C"], name="maker"),
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(known: Facts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("run")
    units = {"bill_usd": "usd", "share": "fraction of operating profit"}
    charts.export_table(BILLS, "02_bill", place, title="Bill by maker, 100% of it", units=units)
    charts.export_table(BILLS[["share"]], "02_share", place, title="Share", units=units)
    path = pd.DataFrame(
        {"JP": [0.025, 0.275], "EU": [0.025, 0.15]}, index=pd.to_datetime(["2025-01-01", "2025-04-03"])
    )
    fig = charts.rate_path(path, policy="law", until=date(2026, 1, 1), source="s", as_of=date(2026, 1, 1))
    charts.export(
        fig, "02_rates", path.rename_axis("day"), place, alt="Steps of a rate.",
        native={"kind": "line", "columns": "JP EU", "unit": "% of customs value", "scale": "0.01"},
    )  # fmt: skip
    charts.export(fig, "02_picture", path, place, alt="The same as a picture.")
    charts.export(
        fig, "02_bars", BILLS, place, alt="Bars.",
        native={"kind": "bar", "columns": "bill_usd", "unit": "USD bn", "scale": "1e9"},
    )  # fmt: skip
    charts.export(
        fig, "02_points", BILLS.assign(x=1.0), place, alt="Points.",
        native={"kind": "scatter", "columns": "x share", "unit": "share"},
    )  # fmt: skip
    return place


def test_workbook_holds_every_table_with_title_units_and_source(folder):
    book = openpyxl.load_workbook(exports.workbook(folder, SOURCE))
    assert book.sheetnames == ["Contents", "02_bill", "02_share"]
    assert [row[0].value for row in book["Contents"].iter_rows(min_row=4)] == ["02_bill", "02_share"]
    assert book["Contents"]["A4"].hyperlink.location == "'02_bill'!A1"
    sheet = book["02_bill"]
    assert sheet["A1"].value == "Bill by maker, 100% of it" and sheet["A2"].value == SOURCE
    assert [cell.value for cell in sheet[4]] == [None, "usd", "fraction of operating profit", None]
    assert [cell.value for cell in sheet[5]] == ["maker", "bill_usd", "share", "quality"]
    assert [cell.value for cell in sheet[6]] == ["Toyota", 6.3e9, 0.173, "estimated"]
    assert [cell.value for cell in sheet[8]] == ["A & B_C", None, None, None]  # missing is empty, not 0
    assert sheet["B6"].number_format == "#,##0" and sheet["C6"].number_format == "0.0%"
    assert sheet.freeze_panes == "B6" and sheet.auto_filter.ref == "A5:D8"


def test_slide_draws_the_chart_itself_where_it_can(folder):
    show = Presentation(exports.deck(folder, SOURCE))
    assert show.slide_width / show.slide_height == pytest.approx(16 / 9, rel=1e-3)
    slides = {slide.notes_slide.notes_text_frame.text: slide for slide in show.slides}
    line = next(s.chart for s in slides["Steps of a rate."].shapes if s.has_chart)
    assert line.chart_type == XL_CHART_TYPE.LINE
    assert [(p.name, tuple(p.values)) for p in line.plots[0].series] == [
        ("JP", (pytest.approx(2.5), pytest.approx(27.5))), ("EU", (pytest.approx(2.5), pytest.approx(15.0))),
    ]  # fmt: skip
    assert list(line.plots[0].categories) == ["2025-01-01", "2025-04-03"]
    assert line.value_axis.axis_title.text_frame.text == "% of customs value"
    bars = next(s.chart for s in slides["Bars."].shapes if s.has_chart)
    assert tuple(bars.plots[0].series[0].values) == (pytest.approx(6.3), 0.0, None)
    points = next(s.chart for s in slides["Points."].shapes if s.has_chart)
    assert tuple(points.plots[0].series[0].values) == (0.173, 0.0)
    picture = slides["The same as a picture."]
    assert not any(s.has_chart for s in picture.shapes)
    assert any(
        s.element.xpath("./*/p:cNvPr")[0].get("descr") == "The same as a picture." for s in picture.shapes
    )
    for slide in show.slides:
        assert slide.shapes.title.text
        assert any(s.has_text_frame and s.text_frame.text.startswith(SOURCE) for s in slide.shapes)


def test_latex_escapes_what_latex_would_read(folder):
    text = exports.latex(folder, "02_bill")
    assert r"\caption{Bill by maker, 100\% of it}" in text
    assert r"maker & bill\_usd (usd) & share (fraction of operating profit) & quality \\" in text
    assert r"Toyota & 6,300,000,000 & 17.3\% & estimated \\" in text
    assert r"A \& B\_C &  &  &  \\" in text
    assert r"\begin{tabular}{lrrl}" in text


def test_markdown_is_a_table(folder):
    lines = exports.markdown(folder, "02_bill").splitlines()
    assert lines[0] == "**Bill by maker, 100% of it**"
    assert lines[3] == "| --- | ---: | ---: | --- |"
    assert lines[4] == "| Toyota | 6,300,000,000 | 17.3% | estimated |"


def test_what_is_not_there_is_named(folder, tmp_path):
    with pytest.raises(DataError, match="no table '9' in .*; choose from 02_bill, 02_share"):
        exports.latex(folder, "9")
    for make in (exports.workbook, exports.deck):
        with pytest.raises(DataError, match="give the folder of a run, such as output/latest"):
            make(tmp_path, SOURCE)


def test_native_chart_of_a_column_that_is_not_there_is_refused(folder):
    fig = charts.rate_path(pd.DataFrame({"JP": [0.1]}, index=pd.to_datetime(["2025-01-01"])), policy="p",
                           until=date(2026, 1, 1), source="s", as_of=date(2026, 1, 1))  # fmt: skip
    with pytest.raises(ValueError, match="native names EU, not columns of data"):
        charts.export(
            fig, "x", pd.DataFrame({"JP": [1]}), None, alt="a", native={"kind": "bar", "columns": "JP EU"}
        )


def test_pdf_is_the_same_every_time(folder, tmp_path):
    path = pd.DataFrame({"JP": [0.1, 0.2]}, index=pd.to_datetime(["2025-01-01", "2025-05-01"]))
    for name in "ab":
        fig = charts.rate_path(path, policy="p", until=date(2026, 1, 1), source="s", as_of=date(2026, 1, 1))
        charts.export(fig, name, path, tmp_path, alt="a")
    assert (tmp_path / "charts/a.pdf").read_bytes() == (tmp_path / "charts/b.pdf").read_bytes()
