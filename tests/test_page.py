"""Does HTML from a notebook become a page that reads well and fetches nothing?"""

from __future__ import annotations

from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
from bs4 import BeautifulSoup

from tariffmodel import page


def test_columns_of_numbers_are_aligned_with_their_heads():
    soup = BeautifulSoup(
        "<table><thead><tr><th></th><th>maker</th><th>share</th><th>day</th></tr></thead><tbody>"
        "<tr><th>0</th><td>Kia</td><td>-3.1%</td><td>2025-04-03</td></tr>"
        "<tr><th>1</th><td>GM</td><td>NaN</td><td>2025-05-03</td></tr></tbody></table>",
        "html.parser",
    )
    page._shape_tables(soup)
    assert [cell.text for cell in soup.select(".number")] == ["share", "-3.1%", "NaN"]
    assert "table" in soup.table.parent["class"]


@pytest.mark.parametrize("text", ["1,234", "-0.5", "−2%", "$1.2bn", "(3)", "1e-05", "12 pp", "€4"])
def test_reads_as_a_number(text):
    assert page.NUMBER.fullmatch(text)


@pytest.mark.parametrize("text", ["2025-04-03", "FY2026-03", "7203.T", "1 to 2", "Toyota", "2025Q3"])
def test_does_not_read_as_a_number(text):
    assert not page.NUMBER.fullmatch(text)


def test_a_formula_is_drawn_and_described():
    image = BeautifulSoup(page._formula(r"\frac{M_i}{1+r} < 1"), "html.parser").img
    assert image["src"].startswith("data:image/svg+xml;base64,") and image["alt"] == r"\frac{M_i}{1+r} < 1"


def test_a_formula_that_cannot_be_drawn_is_shown_as_written():
    written = r"\begin{align} a &= b \end{align}"
    assert BeautifulSoup(page._formula(written), "html.parser").code.text == written


def test_short_words_stay_in_one_line_and_long_ones_may_break():
    soup = BeautifulSoup(
        "<table><tbody><tr><td>2025-04-03</td><td>Jaguar Land Rover</td>"
        "<td>see https://example.com/a/very/long/address</td></tr></tbody></table>",
        "html.parser",
    )
    page._shape_tables(soup)
    assert [cell.get("class") for cell in soup("td")] == ["short", None, "long"]


SVG = """<?xml version="1.0"?>
<svg xmlns="http://www.w3.org/2000/svg" width="9pt">
 <title>Bill &amp; "burden" of 100%</title>
 <path d="M 0 1
L 2 3" style="fill: #888888"/>
</svg>"""


@pytest.fixture
def charts(tmp_path):
    (tmp_path / "9cm").mkdir()
    for file in ("02_bill.png", "02_bill.svg", "02_bill.csv", "9cm/02_bill.png"):
        (tmp_path / file).write_text(SVG)
    return {"02_bill": tmp_path / "02_bill.json"}


def test_an_exported_chart_stands_under_its_name_with_links_to_its_files(charts):
    soup = BeautifulSoup(
        "<p><img src='data:image/png;base64,AA' alt='Bars.' data-chart='02_bill' width='850'></p>",
        "html.parser",
    )
    page._name_charts(soup, charts, {})
    assert soup.figure["id"] == "chart-02_bill" and soup.img["width"] == "850" and soup.img["alt"] == "Bars."
    assert [(a.text, a["href"]) for a in soup("a")] == [
        ("PNG", "charts/02_bill.png"), ("SVG", "charts/02_bill.svg"), ("CSV", "charts/02_bill.csv"),
        ("9 cm", "charts/9cm/02_bill.png"),
    ]  # fmt: skip


def test_the_drawing_in_the_page_is_the_exported_one(charts):
    soup = BeautifulSoup(
        "<img src='data:image/png;base64,AA' alt='Bars.' data-chart='02_bill'>", "html.parser"
    )
    page._name_charts(soup, charts, {})
    kind, drawing = BeautifulSoup(str(soup), "html.parser").img["src"].split(",", 1)
    assert kind == "data:image/svg+xml" and not set(drawing) & set('<>#"\n')
    shown, exported = (list(ElementTree.fromstring(text).iter()) for text in (unquote(drawing), SVG))
    assert [(e.tag, (e.text or "").strip()) for e in shown] == [
        (e.tag, (e.text or "").strip()) for e in exported
    ]
    numbers = [{name: value.split() for name, value in e.attrib.items()} for e in shown]
    assert numbers == [{name: value.split() for name, value in e.attrib.items()} for e in exported]


def test_a_chart_shown_twice_has_one_anchor(charts):
    image = "<img src='data:image/png;base64,AA' alt='Bars.' data-chart='02_bill'>"
    soup = BeautifulSoup(image + image, "html.parser")
    page._name_charts(soup, charts, {"Bars.": charts["02_bill"]})
    assert [figure.get("id") for figure in soup("figure")] == ["chart-02_bill", None]
    assert len(soup.select('a[href="charts/02_bill.csv"]')) == 2  # as one exported with a later notebook


def test_a_link_to_a_notebook_that_is_not_in_the_report_becomes_text():
    soup = BeautifulSoup(
        "<p>See <a href='02_exposure.ipynb#Sources'>02</a>, <a href='04_event_study.ipynb'>04</a>, "
        "<a href='policy_lab.ipynb'>the lab</a>, <a href='https://a.test/x.ipynb'>far</a>.</p>",
        "html.parser",
    )
    page._keep_anchors_apart(soup, "01_contribution", {"01_contribution", "02_exposure"})
    assert soup.get_text() == "See 02, 04, the lab, far."
    assert [a["href"] for a in soup("a")] == ["#02_exposure-Sources", "https://a.test/x.ipynb"]
