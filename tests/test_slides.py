"""A slide keeps what its picture shows, stands on the desk's master, and is filled."""

from __future__ import annotations

import dataclasses
import json
import shutil
from datetime import date
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Patch
from PIL import Image
from pptx import Presentation
from pptx.enum.chart import XL_CHART_TYPE
from pptx.enum.dml import MSO_THEME_COLOR
from pptx.util import Cm

from tariffmodel import charts, exports, slides
from tariffmodel.charts import house
from tariffmodel.charts.native import lost
from tariffmodel.errors import DataError
from tariffmodel.runs import slide_template

DAY, SOURCE = date(2026, 1, 31), "tariffmodel, run of a test."
NAMES = ["Toyota", "GM", "Kia"]
VALUES = pd.DataFrame({"bill": [6.0, 5.0, -1.0]})
LOW, HIGH = pd.DataFrame({"bill": [5.0, 4.0, -2.5]}), pd.DataFrame({"bill": [8.0, 5.5, 0.5]})
COLORS = ["#D55E00", "#009E73", "#0072B2"]


def drawn(title: str = "Toyota owes most", native: charts.Native | None = None, **options) -> charts.Chart:
    """Three bars with ranges and figures beside them, as charts are drawn here."""

    def draw(width_cm: float = charts.PAGE_CM) -> charts.Chart:
        key = [Patch(color=color, label=name) for color, name in zip(COLORS, "JUK", strict=True)]
        fig = house.figure(title, "Bill, USD bn", ["Source: a source"], width_cm, 6, key=key)
        ax = fig.subplots()
        house.label_rows(ax, NAMES)
        ax.barh(np.arange(3), VALUES["bill"], color=COLORS)
        house.whiskers(ax, np.arange(3), *(f["bill"].to_numpy() for f in (VALUES, LOW, HIGH)))
        house.text_column(ax, ["6.0", "5.0", "-1.0"], 20, "bn")
        for name, arguments in options.items():
            getattr(ax, name)(*arguments)
        return house.finish(fig, f"Bars of {title}", native)

    return house.in_house_style(draw)()


WHOLE = charts.Native("bar", VALUES, LOW, HIGH, unit="USD bn", rows=COLORS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's charts: 01 and 02 show the same, 03 has a range that its native chart lacks."""
    place = tmp_path_factory.mktemp("run")
    for name, chart in {
        "01_bill": drawn(native=WHOLE),
        "02_bill": drawn(native=WHOLE),
        "03_bare": drawn("GM owes most", charts.Native("bar", VALUES)),
    }.items():
        charts.export(chart, name, VALUES.set_axis(NAMES), place)
    return place


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A desk's template: 4 by 3, an example slide, a logo, a layout of its own name."""
    show, logo = Presentation(), BytesIO()
    Image.new("RGB", (40, 20), "#004488").save(logo, "PNG")
    layout = show.slide_layouts[5]
    show.slides.add_slide(show.slide_layouts[1]).shapes.title.text = "An example"
    _, relation = layout.part.get_or_add_image_part(logo)
    tree = layout.shapes._spTree  # layouts have no add_picture
    tree.add_pic(99, "logo", "the desk's", relation, Cm(22), Cm(0.3), Cm(2), Cm(1))
    layout.name = "TariffModel"
    place = tmp_path_factory.mktemp("desk") / "desk.pptx"
    show.save(place)
    return place


@pytest.fixture(scope="module")
def plain(folder):
    return Presentation(slides.deck(folder, SOURCE, DAY))


def chart_of(slide):
    return next(shape.chart for shape in slide.shapes if shape.has_chart)


def test_a_native_chart_keeps_rows_ranges_key_and_what_stands_beside(plain):
    slide = plain.slides[0]
    chart = chart_of(slide)
    (series,) = chart.plots[0].series
    assert list(chart.plots[0].categories) == NAMES and tuple(series.values) == tuple(VALUES["bill"])
    assert chart.category_axis.reverse_order  # the first row on top
    ends = {
        side: [float(v.text) for v in series._element.xpath(f"./c:errBars/c:{side}//c:v")]
        for side in ("minus", "plus")
    }
    assert ends == {"minus": [1.0, 1.0, 1.5], "plus": [2.0, 0.5, 1.5]}
    fills = [f"#{series.points[k].format.fill.fore_color.rgb}" for k in range(3)]
    assert fills == COLORS
    table = next(shape.table for shape in slide.shapes if shape.has_table)
    assert [row.cells[0].text for row in table.rows] == ["bn", "6.0", "5.0", "−1.0"]
    said = "\n".join(shape.text_frame.text for shape in slide.shapes if shape.has_text_frame)
    assert all(
        words in said for words in ("Toyota owes most", "Bill, USD bn", "Source: a source", SOURCE, "■ J")
    )
    assert not chart.has_title and not chart.has_legend


def test_rows_of_the_table_lie_on_the_rows_of_the_chart(plain):
    shapes = plain.slides[0].shapes
    frame, table = next(s for s in shapes if s.has_chart), next(s for s in shapes if s.has_table)
    layout = frame.chart._chartSpace.xpath("./c:chart/c:plotArea/c:layout/c:manualLayout")[0]
    inner = {name: float(layout.xpath(f"./c:{name}")[0].get("val")) for name in "yh"}
    rows = [row.height for row in table.table.rows]
    top = frame.top + inner["y"] * frame.height
    assert table.top + rows[0] == pytest.approx(top, abs=2_000)
    assert sum(rows[1:]) == pytest.approx(inner["h"] * frame.height, abs=2_000)


def test_what_a_native_chart_would_lose_is_found_and_said(plain):
    slide = plain.slides[-1]
    assert not any(shape.has_chart for shape in slide.shapes)
    assert "it would lose a range in row Toyota" in slide.notes_slide.notes_text_frame.text


@pytest.mark.parametrize(
    ("native", "options", "why"),
    [
        (WHOLE, {}, ""),
        (dataclasses.replace(WHOLE, low=None, high=None), {}, "a range in row Toyota"),
        (dataclasses.replace(WHOLE, low=LOW - 1), {}, "a range in row Toyota"),
        (dataclasses.replace(WHOLE, figures=VALUES[::-1]), {}, "a mark in row Toyota"),
        (dataclasses.replace(WHOLE, figures=VALUES[:2]), {}, "rows: the picture has 3, the figures 2"),
        (dataclasses.replace(WHOLE, figures=VALUES.assign(more=9.0)), {}, "no such mark in row Toyota"),
        (dataclasses.replace(WHOLE, figures=VALUES.assign(more=np.nan)), {}, ""),
        (dataclasses.replace(WHOLE, figures=VALUES.assign(bill=[6.0, np.nan, -1.0])), {}, "a mark in row GM"),
        (dataclasses.replace(WHOLE, low=LOW * np.nan, high=HIGH * np.nan), {}, "a range in row Toyota"),
        (WHOLE, {"scatter": ([3.0], [1])}, "a mark in row GM"),
        (WHOLE, {"hlines": ([2], [-9.0], [3.0])}, "a range in row Kia"),
        (WHOLE, {"text": (3, 1, "pooled")}, "what is written in it: pooled"),
        (WHOLE, {"fill_between": ([0, 1], [0, 1], [1, 2])}, "an area"),
    ],
)  # fmt: skip
def test_a_chart_is_native_only_where_nothing_is_lost(native, options, why):
    found = lost(drawn(**options).figure, native)
    assert why in found and bool(why) == bool(found)


def test_more_rows_than_can_be_read_and_several_panels_are_a_picture():
    many = pd.DataFrame({"x": np.arange(29.0)})
    fig = drawn().figure
    assert lost(fig, charts.Native("bar", many)).startswith("rows: 29 of 1")
    fig.add_subplot(211)
    assert lost(fig, WHOLE) == "its 2 panels"


def test_lines_are_native_where_their_points_are_equally_far_apart():
    @house.in_house_style
    def lines(places, extra=(), width_cm=charts.PAGE_CM):
        fig = house.figure("A title", "A unit", [], width_cm, 4)
        ax = fig.subplots()
        ax.plot(places, [1.0, 3.0, 2.0])
        for name in extra:
            getattr(ax, name)(0.5)
        return house.finish(fig, "A line")

    native = charts.Native("line", pd.DataFrame({"all": [1.0, 3.0, 2.0]}, index=[0.0, 0.5, 1.0]))
    assert lost(lines([0.0, 0.5, 1.0]).figure, native) == ""
    assert lost(lines([0.0, 0.5, 1.0], ["axvline"]).figure, native) == "a place that is marked"
    uneven = dataclasses.replace(native, figures=native.figures.set_axis([0.0, 0.1, 1.0]))
    assert lost(lines([0.0, 0.1, 1.0]).figure, uneven).startswith("distances")


def test_the_same_chart_is_there_once(folder, tmp_path):
    place = shutil.copytree(folder, tmp_path / "run")
    exports.write(place, SOURCE, DAY)
    assert sorted(path.stem for path in (place / "charts").glob("*.png")) == ["02_bill", "03_bare"]
    assert not list(place.glob("charts/*/01_bill.*"))
    titles = [slide.shapes.title.text for slide in Presentation(place / "charts.pptx").slides]
    assert titles == ["Toyota owes most", "GM owes most"]


def filled(slide) -> float:
    """The part of the place between title and foot that chart, table or picture takes."""
    title = slide.shapes.title
    texts = [shape for shape in slide.shapes if shape.has_text_frame and not shape.is_placeholder]
    foot = max(texts, key=lambda shape: shape.top + shape.height)
    shown = [s for s in slide.shapes if s.has_chart or s.has_table or hasattr(s, "image")]
    below = title.top + title.height
    assert all(s.top >= below - 1 and s.top + s.height <= foot.top + 1 for s in shown)
    return sum(s.width * s.height for s in shown) / (title.width * (foot.top - below))


def test_chart_and_picture_fill_the_slide(plain):
    assert plain.slide_width / plain.slide_height == pytest.approx(16 / 9, rel=1e-3)
    assert len(plain.slides) == 2 and min(map(filled, plain.slides)) > 0.7


@pytest.mark.parametrize("body_cm", [5, 16])
def test_a_flat_and_a_tall_chart_are_drawn_anew_for_a_slide(tmp_path, body_cm):
    @house.in_house_style
    def tall(width_cm=charts.PAGE_CM):
        fig = house.figure("A title", "A unit", [], width_cm, body_cm)
        fig.subplots().plot([0, 1])
        return house.finish(fig, "A line")

    charts.export(tall(width_cm=charts.PAGE_CM), "x", pd.DataFrame({"x": [1]}), tmp_path)
    with Image.open(tmp_path / "charts/16x9/x.png") as image:
        assert image.width == 2560 and image.height == pytest.approx(1440, abs=1)
        ink = np.argwhere(np.asarray(image.convert("L")) < 250)
    assert np.prod(np.ptp(ink, axis=0) / (1440, 2560)) > 0.7


def test_a_page_that_stands_upright_is_shown_in_two_halves(tmp_path):
    with house.house_style():
        fig = house.Figure(figsize=(4, 6))
        for height in (0.95, 0.7, 0.3, 0.05):
            fig.text(0.05, height, "a line of a page")
    page = charts.Chart(fig, "A page.")
    charts.export(page, "x", pd.DataFrame({"x": [1]}), tmp_path)
    with Image.open(tmp_path / "charts/16x9/x.png") as image:
        ink = np.asarray(image.convert("L")) < 128
    half = ink.shape[1] // 2
    assert ink[:, :half].sum() == pytest.approx(ink[:, half:].sum(), rel=0.05)


def test_a_template_gives_size_layout_logo_fonts_and_colours(folder, desk):
    path = slides.deck(folder, SOURCE, DAY, desk)
    show = Presentation(path)
    assert show.slide_width / show.slide_height == pytest.approx(4 / 3)
    assert len(show.slides) == 2  # the example is gone
    for slide in show.slides:
        assert slide.slide_layout.name == "TariffModel"
        assert slide.shapes.title.is_placeholder and not slide.shapes.title.element.xpath(".//a:xfrm")
        assert filled(slide) > 0.55  # 4 by 3
        assert [s.placeholder_format.type.name for s in slide.placeholders] == ["TITLE", "SLIDE_NUMBER"]
    assert any(hasattr(s, "image") for s in show.slides[0].slide_layout.shapes)
    chart = chart_of(show.slides[0])
    colors = [chart.plots[0].series[0].points[k].format.fill.fore_color.theme_color for k in range(3)]
    assert colors == [MSO_THEME_COLOR.ACCENT_1, MSO_THEME_COLOR.ACCENT_2, MSO_THEME_COLOR.ACCENT_3]
    assert "latin" not in chart._chartSpace.xml  # the font is the theme's
    with ZipFile(path) as archive:
        assert b"An example" not in b"".join(archive.read(n) for n in archive.namelist() if "slides/" in n)


def changed(desk: Path, to: Path, edit) -> Path:
    show = Presentation(desk)
    edit(show)
    show.save(to)
    return to


def without_titles(show) -> None:
    for layout in show.slide_layouts:
        for shape in list(layout.placeholders):
            if "TITLE" in shape.placeholder_format.type.name:
                shape.element.getparent().remove(shape.element)


def test_a_template_that_cannot_be_used_is_refused_with_what_to_do(desk, tmp_path):
    def refused(content: bytes, name: str = "x.pptx") -> str:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError) as error:
            slide_template.opened(tmp_path / name)
        return str(error.value)

    assert "has a password or is of the format before 2007" in refused(b"\xd0\xcf\x11\xe0" + bytes(600))
    assert "is no PPTX; in PowerPoint save it as .pptx" in refused(b"text")
    book = BytesIO()
    pd.DataFrame({"x": [1]}).to_excel(book)
    assert "is no presentation" in refused(book.getvalue())
    with ZipFile(desk) as old:
        parts = {name: old.read(name) for name in old.namelist()}

    def packed(**other: bytes) -> bytes:
        content = BytesIO()
        with ZipFile(content, "w") as new:
            for name, part in (parts | other).items():
                new.writestr(name, part)
        return content.getvalue()

    assert "has macros" in refused(packed(**{"ppt/vbaProject.bin": b"x"}))
    assert "cannot be read: " in refused(packed(**{"ppt/presentation.xml": b"<p"}))
    bare = changed(desk, tmp_path / "bare.pptx", without_titles).read_bytes()
    assert "its layout “tariffmodel” has no place for a title; add a layout" in refused(bare)


def test_a_title_that_is_too_long_is_smaller_then_shorter(folder, tmp_path, desk):
    place = shutil.copytree(folder, tmp_path / "run")
    about = json.loads((place / "charts/02_bill.json").read_text(encoding="utf-8"))
    for words in ("owes more than others " * 4, "owes more than others " * 60):
        about["title"] = f"Toyota {words}".strip()
        (place / "charts/02_bill.json").write_text(json.dumps(about), encoding="utf-8")
        slide = next(iter(Presentation(slides.deck(place, SOURCE, DAY, desk)).slides))
        title = slide.shapes.title.text_frame
        assert title.paragraphs[0].runs[0].font.size.pt < 44
        assert about["title"] in slide.notes_slide.notes_text_frame.text
    assert title.text.endswith("…") and len(title.text) < 500


def test_stacked_bars_carry_the_range_of_their_sum():
    known = charts.bill_bars  # drawn of vehicles and parts: the range is that of both
    columns = [
        "vehicle_duty_usd",
        "parts_duty_usd",
        "offset_usd",
        "bill_usd",
        "bill_low_usd",
        "bill_high_usd",
    ]
    table = pd.DataFrame([[4e9, 3e9, 1e9, 6e9, 5e9, 8e9], [1e9, 0, 0, 1e9, 0.5e9, 2e9]], ["A", "B"], columns)
    table = table.assign(home="JP", consolidated_in=None, quality="reported")
    chart = known(table, case="a case", source="a source", as_of=DAY, width_cm=charts.PAGE_CM)
    assert lost(chart.figure, chart.native) == ""
    show = slide_template.opened()
    slide = show.slide("A title")
    from tariffmodel.runs import slide_charts

    frame = slide_charts.native(slide, chart.native.stated(chart.figure), show.body, themed=False)
    assert frame.chart.chart_type == XL_CHART_TYPE.BAR_STACKED
    ends = [float(v.text) for v in frame.chart._chartSpace.xpath(".//c:errBars/c:plus//c:v")]
    assert ends == pytest.approx([2, 1])
    saved = table.assign(parts_duty_usd=0.0, bill_usd=[3e9, 1e9], bill_low_usd=[2e9, 0.5e9])  # parts below 0
    chart = known(saved, case="a case", source="a source", as_of=DAY, width_cm=charts.PAGE_CM)
    assert lost(chart.figure, chart.native).startswith("a mark in row A")
