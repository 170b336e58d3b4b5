"""The page of a maker: every figure is that of the functions, gaps say why, nothing is cut or overlaps."""

from __future__ import annotations

import json
import re
from functools import cache

import pandas as pd
import pytest
from matplotlib.text import Text
from pptx import Presentation

import tariffmodel as tm
from tariffmodel import charts, maker_sheet
from tariffmodel.charts.house import true_minus as minus
from tariffmodel.errors import DataError
from tariffmodel.facts import companies
from tariffmodel.lab.desk import Desk
from tariffmodel.lab.links import Shelf

ODD = {
    "Porsche AG": "Volkswagen",  # inside a group, no line with prices
    "Suzuki": "owes nothing",  # no imports
    "GM": "there is no home currency",  # reports in dollars
}


@pytest.fixture(scope="module")
def common(known):
    return maker_sheet.shared(tm.case(data=known), ["japan-flexible-linear-firm"])


@pytest.fixture(scope="module")
def page(common):
    """The sheet of a maker, made once."""
    return cache(lambda maker: maker_sheet.sheet(common, maker))


@pytest.fixture(scope="module")
def toyota(page):
    return page("Toyota")


def test_figures_beside_the_page_are_those_of_the_functions(common, toyota, tmp_path):
    files = maker_sheet.write(toyota, tmp_path, ["html"])
    assert [path.name for path in files] == ["toyota.html", "toyota.csv", "toyota.json"]
    case, facts = common.case, common.case.facts
    tables = {
        name: pd.DataFrame(**part["table"])
        for name, part in json.loads(files[2].read_text(encoding="utf-8"))["parts"].items()
        if part["table"]
    }
    figures = pd.read_csv(files[1]).set_index(["part", "row", "column"])["value"]

    def stated(part: str, row: str, column: str) -> float:
        assert float(figures[part, row, column]) == pytest.approx(tables[part].loc[row, column], rel=1e-9)
        return float(figures[part, row, column])

    law = tm.booked.table(case).loc["Toyota"]
    net = tm.moved.net_bills(case).loc["Toyota"]
    for column in ("bill_usd", "bill_high_usd", "booked_usd", "booked_low_usd", "effective_rate"):
        assert stated("policies", "law in force", column) == pytest.approx(law[column])
    for column in ("net_bill_usd", "net_with_plants_low_usd"):
        assert stated("policies", "law in force", column) == pytest.approx(net[column])
    firm = tm.policy.load("japan-flexible-linear-firm").relief[0]
    score = tm.relief.scores(firm, facts, ["Toyota"])["firm_score"].item()
    assert stated("policies", "Japan flexible (firm)", "firm_score") == pytest.approx(score)
    pays = tm.currency.offset(case).loc["Toyota"]
    assert stated("move", "FY2026-03", "ahead_rate_needed") == pytest.approx(pays["rate_needed"])
    assert stated("move", "next 12 months", "ahead_rate_needed_low") == pytest.approx(
        pays["ahead_rate_needed_low"]
    )
    beta = tm.sensitivity.table(facts, makers=["Toyota"]).loc["Toyota"]
    assert stated("betas", "given markets", "low") == pytest.approx(beta["low"])
    best = tables["hedge"].iloc[0]
    feared = case.replace(policy=common.others[0].policy, against=case.policy, period="CY2027")
    one = tm.ticket.ticket(feared, "7203.T", 10e6)  # as `hedge`, `book` and notebook 07 choose it
    for name, of in (("out_of_sample", "variance"), ("low", "variance_low"), ("high", "variance_high")):
        assert best[name] == pytest.approx(one.effectiveness.reduction.at["hedged", of])
    # what is written in words is the same
    owed = ", ".join(f"{law[f'bill{end}_usd'] / 1e9:.1f}" for end in ("", "_low", "_high"))
    assert ", ".join(re.findall(r"\d+\.\d", toyota.findings[0])[:3]) == owed


def test_one_share_is_judged_as_the_placebo_days_judge_it(common, toyota):
    """The p-value by hand: the share of placebo days whose t of that share is as large."""
    days, own = common.reference.of(["Toyota"]), toyota.parts["reactions"].frame
    at = days.events.labels.get_loc("2025-07-22-japan-deal")
    t = abs(days.events.car[at, 0] / days.events.se[at, 0])
    drawn = abs(days.placebo.car[:, 0] / days.placebo.se[:, 0])
    drawn = drawn[drawn == drawn]
    assert own.loc["2025-07-22-japan-deal", "p_value"] == pytest.approx(
        (1 + (drawn >= t).sum()) / (1 + len(drawn))
    )
    assert own["counted"].all()


@pytest.mark.parametrize("maker", ODD)
def test_page_without_shares_imports_or_home_currency_says_so(page, maker, tmp_path):
    one = page(maker)
    html = maker_sheet.write(one, tmp_path, ["html"])[0].read_text(encoding="utf-8")
    assert ODD[maker] in html and "Not computed" in html
    assert not re.search(r"\bnan\b|\binf\b|None|NaT", re.sub(r"base64,[^\"]*", "", html))
    assert not any(part.lacks and len(part.frame) for part in one.parts.values())


@pytest.mark.parametrize("maker", ["Toyota", "Hyundai Motor", "Porsche AG"])
def test_nothing_on_the_page_is_cut_off_or_overlaps(page, maker):
    drawn = charts.maker_page(page(maker)).figure
    drawn.draw_without_rendering()
    hidden = set()  # ticks beyond the ends of an axis, which nobody sees
    for axis in (axis for ax in drawn.axes for axis in (ax.xaxis, ax.yaxis)):
        low, high = sorted(axis.get_view_interval())
        ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
        hidden |= {tick.label1 for tick in ticks if not low <= tick.get_loc() <= high}
    texts = set(drawn.findobj(Text)) - hidden
    shown = [one for one in texts if one.get_text().strip() and one.get_visible()]
    boxes = [(one.get_text(), one.get_window_extent().padded(-1.5)) for one in shown]
    paper = drawn.bbox
    assert [
        text for text, box in boxes if box.x0 < paper.x0 + 30 or box.x1 > paper.x1 - 30 or box.y0 < 10
    ] == []
    clash = [
        (text, other)
        for at, (text, box) in enumerate(boxes)
        for other, beside in boxes[at + 1 :]
        if box.overlaps(beside)
    ]
    assert clash == []


def test_page_of_a_past_day_says_what_was_not_known_then(known):
    then = maker_sheet.shared(tm.case(as_of="2025-12-31", data=known), prices=False)
    one = maker_sheet.sheet(then, "Toyota")
    assert "no inventory_days" in one.parts["quarters"].lacks and "books" not in one.findings[0]
    assert one.parts["policies"].frame["booked_usd"].isna().all()
    assert one.parts["policies"].frame["bill_usd"].gt(0).all()


def test_next_dates_are_those_of_the_home_and_the_us(page):
    says = page("Toyota").parts["watch"].says
    assert says and not any("Korea" in line for line in says)


@pytest.mark.parametrize(
    ("text", "maker"), [("7203", "Toyota"), ("hmc", "Honda"), ("VW", "Volkswagen"), ("トヨタ", "Toyota")]
)
def test_makers_are_found_by_name_alias_or_ticker(known, text, maker):
    assert companies.find(known, text) == maker


def test_commands_refuse_what_they_do_not_know(tm, tmp_path):
    code, _, err = tm("maker", "Rivian", "--output", tmp_path)
    assert code == 1 and "'Rivian'" in err and "Toyota" in err
    code, _, err = tm("maker", "VW", "--policy", "flat-25", "--policy", "flat-25", "--output", tmp_path)
    assert code == 1 and "twice" in err
    assert list(tmp_path.iterdir()) == []


def test_unknown_format_is_refused(toyota, tmp_path):
    with pytest.raises(DataError, match="docx"):
        maker_sheet.write(toyota, tmp_path, ["docx"])


def test_a_browser_gets_each_form_and_a_way_back(common):
    desk = Desk(Shelf(common.case))
    desk._sheets.append(common)
    found = desk.answer("sheet", "suzuki")
    starts = {"html": b"<!DOCTYPE html>", "pdf": b"%PDF", "png": b"\x89PNG", "csv": b"part,"}
    assert {kind: text[: len(starts[kind])] for kind, text in found.items()} == starts
    assert b'href="/makers"' in found["html"] and b"<script" not in found["html"]


@pytest.mark.parametrize("maker", ["Toyota", "Porsche AG"])
def test_slides_of_a_maker_say_what_the_page_says(page, maker, tmp_path):
    one = page(maker)
    slides = list(Presentation(maker_sheet.write(one, tmp_path, ["pptx"])[0]).slides)
    assert len(slides) == (2 if maker == "Toyota" else 1)  # the second is for the share
    shapes = [shape for slide in slides for shape in slide.shapes]
    texts = "\n".join(shape.text_frame.text for shape in shapes if shape.has_text_frame)
    tables = [[[c.text for c in row.cells] for row in s.table.rows] for s in shapes if s.has_table]
    assert all(finding.removesuffix(".") in texts for finding in one.findings)
    assert one.source in texts and one.line in texts
    for part in one.parts.values():
        assert (part.lacks or part.title) in texts
        if part.shown and len(part.frame):
            heads, rows = part.cells()
            assert [heads, *([minus(cell) for cell in row] for row in rows)] in tables
    for shape in shapes:
        assert shape.left >= 0 and shape.left + shape.width <= 12_192_200
        if not shape.is_placeholder:
            assert shape.top + shape.height <= 6_858_000
    charts_ = [shape.chart for shape in shapes if shape.has_chart]
    if maker == "Toyota":
        (reactions,) = charts_
        moved = 100 * one.parts["reactions"].frame["car"].to_numpy()
        assert list(reactions.plots[0].series[0].values) == pytest.approx(list(moved))
        assert len(reactions._chartSpace.xpath(".//c:errBars/c:minus//c:pt")) == len(moved)


def test_blocks_on_the_slides_of_a_maker_do_not_overlap(page, tmp_path):
    for slide in Presentation(maker_sheet.write(page("Toyota"), tmp_path, ["pptx"])[0]).slides:
        shapes = [shape for shape in slide.shapes if not shape.is_placeholder]
        beside = [
            shape for shape in shapes if shape.has_table or hasattr(shape, "image") or shape.has_text_frame
        ]
        for at, one in enumerate(beside):
            for other in beside[at + 1 :]:
                across = min(one.left + one.width, other.left + other.width) - max(one.left, other.left)
                down = min(one.top + one.height, other.top + other.height) - max(one.top, other.top)
                assert across <= 0 or down <= 20_000, (one.name, other.name)


def test_a_template_that_cannot_be_used_is_refused_before_anything_is_written(tm, tmp_path):
    (tmp_path / "desk.pptx").write_bytes(b"no archive")
    for words in (["maker", "Suzuki", "--format", "pptx"], ["run", "--only", "02"]):
        code, _, err = tm(*words, "--template", tmp_path / "desk.pptx", "--output", tmp_path / "out")
        assert code == 1 and "desk.pptx is no PPTX; in PowerPoint save it as .pptx" in err
    assert not (tmp_path / "out").exists()
