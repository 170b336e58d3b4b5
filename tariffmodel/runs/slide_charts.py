"""How is a chart put on a slide: drawn by PowerPoint from its figures, or as its picture?

What stands beside the rows of a picture is a table beside the native chart, row by row: the place of its
drawing area is fixed, so that both agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib import rcParams
from matplotlib.colors import to_hex
from matplotlib.ticker import MaxNLocator
from PIL import Image

from tariffmodel.charts import house
from tariffmodel.runs.slide_template import ACCENTS, Box

_CM, _PT = 360_000, 12_700
_PLAIN_TABLE = "{2D5ABB26-0587-4C30-8999-92F81FD0307C}"  # of Office: no style, no grid
_SMALL, _LARGE = 8.0, 12.0  # points
_MOST_NAMES = 0.4  # of the width, for the names of rows


def picture(slide: Any, raw: bytes, box: Box, above: float, below: float = 0.0) -> Any:
    """A PNG without white edges and those parts of its height, as large as `box` takes it.

    >>> from tariffmodel.runs.slide_template import opened
    >>> with house.house_style():
    ...     raw = house.render(house.figure("Toyota owes most", "", [], 9, body_cm=1), "png", "A title.")
    >>> shape = picture(opened().slide("Toyota owes most"), raw, Box(0, 0, 9_000_000, 9_000_000), above=0.0)
    >>> shape.width, shape.height < 9_000_000
    (9000000, True)
    """
    with Image.open(BytesIO(raw)) as image:
        ink = np.asarray(image.convert("L")) < 250
    height, width = ink.shape
    ink[: round(above * height)] = False
    ink[round((1 - below) * height) :] = False
    rows, across = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    left, right = (int(across[0]), int(across[-1]) + 1) if len(across) else (0, width)
    top, bottom = (int(rows[0]), int(rows[-1]) + 1) if len(rows) else (0, height)
    scale = min(box.width / (right - left), box.height / (bottom - top))
    size = round((right - left) * scale), round((bottom - top) * scale)
    place = box.left + (box.width - size[0]) // 2, box.top + (box.height - size[1]) // 2
    shape = slide.shapes.add_picture(BytesIO(raw), *place, *size)
    shape.crop_left, shape.crop_right = left / width, 1 - right / width
    shape.crop_top, shape.crop_bottom = top / height, 1 - bottom / height
    return shape


def native(slide: Any, about: Mapping[str, Any], box: Box, *, themed: bool) -> Any:
    """A chart from what `charts.native.Native.stated` says, with a table of what stands beside its rows.

    >>> from tariffmodel.runs.slide_template import opened
    >>> series = [{"name": "bill", "values": [6.3], "low": [5.2], "high": [7.6]}]
    >>> about = {"kind": "bar", "labels": ["Toyota"], "series": series, "unit": "USD bn", "x_unit": ""}
    >>> about |= {"form": "General", "row_colors": [], "series_colors": [], "key": [], "columns": []}
    >>> ground, about["limits"] = opened(), [0, 8]
    >>> shape = native(ground.slide("Toyota owes most"), about, ground.body, themed=False)
    >>> list(shape.chart.plots[0].categories), shape.chart.value_axis.maximum_scale
    (['Toyota'], 8.0)
    """
    box = _keyed(slide, about, box, themed)
    names, columns, line = about["labels"], about["columns"], about["kind"] == "line"
    head = round(0.55 * _CM) if columns or not line else round(0.2 * _CM)
    several = len(about["series"]) > 1 and not about["row_colors"]
    foot = round((1.5 + 0.7 * several + 0.4 * line) * _CM)
    deep = box.height - head - foot
    largest = min(_LARGE, max(_SMALL, 0.62 * box.width / _CM))
    points = float(np.clip(0.72 * deep / max(len(names), 1) / _PT, _SMALL, largest))
    beside = [_wide([one["heading"], *one["texts"]], points) for one in columns]
    width = box.width - sum(beside)
    shape = _chart(slide, about, Box(box.left, box.top, width, box.height), themed)
    chart = shape.chart
    chart.font.size = _points(largest if line else points)
    left = (
        round(1.6 * _CM)
        if line
        else min(_wide([f"{n} ▸" for n in names], points), round(_MOST_NAMES * width))
    )
    inner = (left / width, head / box.height, 1 - (left + 0.4 * _CM) / width, deep / box.height)
    _place_drawing(chart, inner)
    if columns:
        place = Box(box.left + width, box.top, sum(beside), head + deep)
        _table(slide, columns, beside, place, head, points)
    return shape


def _chart(slide: Any, about: Mapping[str, Any], box: Box, themed: bool) -> Any:
    from pptx.chart.data import CategoryChartData
    from pptx.enum.chart import XL_CHART_TYPE, XL_LEGEND_POSITION, XL_TICK_LABEL_POSITION

    low, high, step = _scale(about, max(4, round(box.width / (3 * _CM))))
    data = CategoryChartData()
    data.categories = _named(about, low, high)
    for one in about["series"]:
        data.add_series(one["name"], one["values"])
    kinds = {
        "bar": XL_CHART_TYPE.BAR_CLUSTERED,
        "stacked": XL_CHART_TYPE.BAR_STACKED,
        "line": XL_CHART_TYPE.LINE_MARKERS,
    }
    line = about["kind"] == "line"
    frame = slide.shapes.add_chart(kinds[about["kind"]], box.left, box.top, box.width, box.height, data)
    chart = frame.chart
    chart.has_title = False  # or PowerPoint sets the name of a single series there
    chart.has_legend = len(about["series"]) > 1 and not about["row_colors"]
    if chart.has_legend:
        chart.legend.position, chart.legend.include_in_layout = XL_LEGEND_POSITION.BOTTOM, False
    chart.category_axis.tick_label_position = XL_TICK_LABEL_POSITION.LOW  # clear of bars below zero
    for axis, unit in ((chart.value_axis, about["unit"]), (chart.category_axis, about["x_unit"])):
        axis.format.line.color.rgb = _rgb("#888888")
        if unit:
            axis.has_title, axis.axis_title.text_frame.text = True, unit
            axis.axis_title.text_frame.paragraphs[0].runs[0].font.bold = False
    axis = chart.value_axis
    axis.minimum_scale, axis.maximum_scale, axis.major_unit = low, high, step
    digits = next(d for d in range(9) if d == 8 or round(step * 10**d, 6) % 1 == 0)  # or zero is 1E-16
    plain = "#,##0" + "." * bool(digits) + "0" * digits
    form = about["form"] if about["form"] != "General" else plain
    axis.tick_labels.number_format, axis.tick_labels.number_format_is_linked = form, False
    axis.has_major_gridlines = True
    axis.major_gridlines.format.line.width = _points(0.5)
    axis.major_gridlines.format.line.color.rgb = _rgb("#DDDDDD")
    if not line:
        _rows_down(chart)
        chart.plots[0].gap_width = 40 if len(about["series"]) == 1 or about["kind"] == "stacked" else 50
    _paint(chart, about, themed)
    whole = np.zeros(len(about["labels"]))
    for drawn, one in zip(chart.plots[0].series, about["series"], strict=True):
        values = np.array([np.nan if v is None else v for v in one["values"]])
        whole = whole + np.nan_to_num(values)
        if one["low"]:
            ends = [np.array(one[end], dtype=float) for end in ("low", "high")]
            value = whole if about["kind"] == "stacked" else values
            _error_bars(drawn, value - ends[0], ends[1] - value, about["kind"])
    return frame


def _scale(about: Mapping[str, Any], steps: int) -> tuple[float, float, float]:
    """An axis as far as that of the picture, from one round figure to another, and the step between."""
    low, high = about["limits"]
    if about["kind"] != "stacked":
        ends = np.clip([0.0, *_drawn(about, range(len(about["labels"])))], low, high)
        low, high = float(ends.min()), float(ends.max())
    for most in (
        steps,
        2 * steps if steps > 5 else steps,
    ):  # a finer scale where a rough one would leave a tenth of it empty
        ticks = MaxNLocator(most, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
        step = ticks[1] - ticks[0]
        first = max(t for t in ticks if t <= low + 1e-9 * step)
        last = min(t for t in ticks if t >= high - 1e-9 * step)
        if (last - first) < 1.1 * (high - low):
            break
    return round(float(first), 10), round(float(last), 10), round(float(step), 10)


def _drawn(about: Mapping[str, Any], rows: Sequence[int]) -> list[float]:
    """Figures and ends of ranges in some rows."""
    parts = [one[part] for one in about["series"] for part in ("values", "low", "high") if one[part]]
    return [part[row] for part in parts for row in rows if part[row] is not None]


def _named(about: Mapping[str, Any], low: float, high: float) -> list[str]:
    """The names of the rows, with a mark where one goes on beyond the axis."""
    names = []
    for row, name in enumerate(about["labels"]):
        drawn = _drawn(about, [row])
        names.append(name + " ◂" * any(v < low for v in drawn) + " ▸" * any(v > high for v in drawn))
    return names


def _rows_down(chart: Any) -> None:
    """The first row on top and the value axis below, as in the picture; no name is left out."""
    from pptx.oxml import parse_xml
    from pptx.oxml.ns import nsdecls

    chart.category_axis.reverse_order = True
    element = chart.category_axis._element  # noqa: SLF001  python-pptx has no way round it
    for crossing in element.xpath("../c:valAx/c:crosses"):
        crossing.set("val", "max")
    for old in element.xpath("./c:tickLblSkip"):
        element.remove(old)
    after = [
        part for part in element if part.tag.rpartition("}")[2] in ("tickMarkSkip", "noMultiLvlLbl", "extLst")
    ]
    place = element.index(after[0]) if after else len(element)
    element.insert(place, parse_xml(f'<c:tickLblSkip {nsdecls("c")} val="1"/>'))


def _paint(chart: Any, about: Mapping[str, Any], themed: bool) -> None:
    """Rows or series in the colours of the picture, or in those of the theme."""
    with house.house_style():
        colors = about["series_colors"] or rcParams["axes.prop_cycle"].by_key()["color"]
    kinds = _kinds(about)
    for at, (one, color) in enumerate(zip(chart.plots[0].series, cycle(map(_hex, colors)))):
        if about["kind"] == "line":
            from pptx.enum.chart import XL_MARKER_STYLE

            one.smooth, one.format.line.width = False, _points(2)
            one.marker.style, one.marker.size = XL_MARKER_STYLE.CIRCLE, 5
            for look in (one.marker.format.fill, one.format.line.fill, one.marker.format.line.fill):
                look.solid()
                _colored(look.fore_color, color, at, themed)
            continue
        one.invert_if_negative = False
        one.format.fill.solid()
        _colored(one.format.fill.fore_color, color, at, themed)
        for row, shade in enumerate(about["row_colors"]):
            fill = one.points[row].format.fill
            fill.solid()
            pale = at > 0  # a part on top of another, as light as it is in the picture
            lit = to_hex(house.tint(shade)) if pale else shade
            _colored(fill.fore_color, lit, kinds.index(shade), themed)
            if pale and themed:
                fill.fore_color.brightness = 0.6


def _colored(look: Any, color: str, at: int, themed: bool) -> None:
    from pptx.enum.dml import MSO_THEME_COLOR

    if themed:
        look.theme_color = getattr(MSO_THEME_COLOR, f"ACCENT_{at % ACCENTS + 1}")
    else:
        look.rgb = _rgb(color)


def _kinds(about: Mapping[str, Any]) -> list[str]:
    """The colours of rows in the order of the key."""
    keyed = [color for _, color in about["key"] if color in about["row_colors"]]
    return list(dict.fromkeys([*keyed, *about["row_colors"]]))


def _keyed(slide: Any, about: Mapping[str, Any], box: Box, themed: bool) -> Box:
    """The key of colours by row, which no legend of Office has, above the chart; what is left of the box."""
    if not about["key"]:
        return box
    high = round(0.6 * _CM)
    frame = textbox(slide, Box(box.left, box.top, box.width, high))
    paragraph = frame.paragraphs[0]
    kinds = _kinds(about)
    for label, color in about["key"]:
        spot, words = paragraph.add_run(), paragraph.add_run()
        spot.text, words.text = "■ ", f"{label}     "
        of_rows = color in kinds  # else of what all have, such as a part of each bar
        _colored(spot.font.color, color, kinds.index(color) if of_rows else 0, themed and of_rows)
        spot.font.size = words.font.size = _points(11)
    return Box(box.left, box.top + high, box.width, box.height - high)


def _table(
    slide: Any,
    columns: Sequence[Mapping[str, Any]],
    widths: Sequence[int],
    box: Box,
    head: int,
    points: float,
) -> None:
    """Figures beside the rows of a chart, each as high as its row."""
    from pptx.enum.text import MSO_ANCHOR, PP_ALIGN

    rows = len(columns[0]["texts"])
    frame = slide.shapes.add_table(rows + 1, len(columns), box.left, box.top, box.width, box.height)
    table = plain_table(frame)
    described(
        frame, "What stands beside the rows: " + ", ".join(filter(None, (c["heading"] for c in columns)))
    )
    edges = head + np.round(np.arange(rows + 1) * (box.height - head) / rows).astype(int)
    for row, high in zip(table.rows, [head, *np.diff(edges)], strict=True):
        row.height = int(high)
    for at, (one, wide) in enumerate(zip(columns, widths, strict=True)):
        table.columns[at].width = wide
        for row, text in enumerate([one["heading"], *one["texts"]]):
            cell = table.cell(row, at)
            side = PP_ALIGN.LEFT if one["align"] == "left" else PP_ALIGN.RIGHT
            write_cell(cell, text, points, side, soft=row == 0)
            cell.vertical_anchor = MSO_ANCHOR.BOTTOM if row == 0 else MSO_ANCHOR.MIDDLE


def plain_table(frame: Any) -> Any:
    """A table without the style that PowerPoint gives to it.

    >>> from tariffmodel.runs.slide_template import opened
    >>> frame = opened().slide("A title").shapes.add_table(1, 1, 0, 0, 100, 100)
    >>> plain_table(frame).first_row
    False
    """
    table = frame.table
    table.first_row = table.horz_banding = False
    for style in frame.element.xpath(".//a:tableStyleId"):
        style.text = _PLAIN_TABLE
    return table


def write_cell(
    cell: Any, text: str, points: float, align: Any, *, soft: bool = False, bold: bool = False
) -> None:
    """A cell of a table, without the air that PowerPoint puts around its text.

    >>> from tariffmodel.runs.slide_template import opened
    >>> cell = opened().slide("A title").shapes.add_table(1, 1, 0, 0, 100, 100).table.cell(0, 0)
    >>> write_cell(cell, "6.3", 9.0, None)
    >>> cell.text, cell.margin_top
    ('6.3', 0)
    """
    cell.margin_top = cell.margin_bottom = 0
    cell.margin_left = cell.margin_right = round(0.1 * _CM)
    cell.text_frame.text = text
    paragraph = cell.text_frame.paragraphs[0]
    paragraph.alignment, paragraph.font.size, paragraph.font.bold = align, _points(points), bold
    if soft:
        soften(paragraph.font)


def soften(font: Any) -> None:
    """Letters of what is not read first.

    >>> from tariffmodel.runs.slide_template import opened
    >>> paragraph = textbox(opened().slide("A title"), Box(0, 0, 100, 100)).paragraphs[0]
    >>> soften(paragraph.font)
    >>> str(paragraph.font.color.rgb)
    '666666'
    """
    font.color.rgb = _rgb(house.SOFT)


def textbox(slide: Any, box: Box) -> Any:
    """An empty text without margins.

    >>> from tariffmodel.runs.slide_template import opened
    >>> textbox(opened().slide("A title"), Box(0, 0, 100, 100)).margin_left
    0
    """
    frame = slide.shapes.add_textbox(box.left, box.top, box.width, box.height).text_frame
    frame.word_wrap = True
    frame.margin_left = frame.margin_right = frame.margin_top = frame.margin_bottom = 0
    return frame


def described(shape: Any, text: str) -> None:
    """Say what a reader hears who cannot see a shape.

    >>> from tariffmodel.runs.slide_template import opened
    >>> title = opened().slide("A title").shapes.title
    >>> described(title, "A title.")
    >>> title.element.xpath("./*/p:cNvPr")[0].get("descr")
    'A title.'
    """
    shape.element.xpath("./*/p:cNvPr")[0].set("descr", text)


def _place_drawing(chart: Any, inner: Sequence[float]) -> None:
    """Where in its frame a chart draws: left, top, width, height as parts of it."""
    from pptx.oxml import parse_xml
    from pptx.oxml.ns import nsdecls

    area = chart._chartSpace.chart.plotArea  # noqa: SLF001  python-pptx leaves it to PowerPoint
    for old in area.xpath("./c:layout"):
        area.remove(old)
    ends = "".join(f'<c:{name} val="{share:.5f}"/>' for name, share in zip("xywh", inner, strict=True))
    mode = '<c:layoutTarget val="inner"/><c:xMode val="edge"/><c:yMode val="edge"/>'
    area.insert(
        0, parse_xml(f"<c:layout {nsdecls('c')}><c:manualLayout>{mode}{ends}</c:manualLayout></c:layout>")
    )


def _error_bars(series: Any, minus: np.ndarray, plus: np.ndarray, kind: str) -> None:
    """The range of each figure, which python-pptx cannot draw itself."""
    from pptx.oxml import parse_xml
    from pptx.oxml.ns import nsdecls

    def literal(tag: str, lengths: np.ndarray) -> str:
        known = {k: float(max(v, 0.0)) for k, v in enumerate(lengths) if np.isfinite(v)}
        points = "".join(f'<c:pt idx="{k}"><c:v>{v!r}</c:v></c:pt>' for k, v in known.items())
        return f'<c:{tag}><c:numLit><c:ptCount val="{len(lengths)}"/>{points}</c:numLit></c:{tag}>'

    xml = (
        f"<c:errBars {nsdecls('c', 'a')}>"
        + ('<c:errDir val="y"/>' if kind == "line" else "")
        + '<c:errBarType val="both"/><c:errValType val="cust"/><c:noEndCap val="0"/>'
        + literal("plus", plus)
        + literal("minus", minus)
        + '<c:spPr><a:ln w="9525"><a:solidFill><a:schemeClr val="tx1"/></a:solidFill>'
        + "</a:ln></c:spPr></c:errBars>"
    )
    after = {"cat", "val", "smooth", "extLst"}
    element = series._element  # noqa: SLF001  python-pptx has no way round it
    place = next(k for k, part in enumerate(element) if part.tag.rpartition("}")[2] in after)
    element.insert(place, parse_xml(xml))


def _wide(texts: Sequence[str], points: float) -> int:
    """What the longest text takes, with some air."""
    return round(max(house.text_width(text, points) for text in ("", *texts)) * 914_400 + 0.35 * _CM)


def _points(size: float) -> Any:
    from pptx.util import Pt

    return Pt(size)


def _hex(color: str) -> str:
    return f"#{color.removeprefix('#')}".upper()


def _rgb(color: str) -> Any:
    from pptx.dml.color import RGBColor

    return RGBColor.from_string(color.removeprefix("#").upper())
