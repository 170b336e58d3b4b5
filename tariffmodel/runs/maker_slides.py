"""How does the page of a maker become slides: what it owes on the first, its share on the second?

Headline, statements and refusals are text, figures are tables, reactions a chart that can be edited; the
quarters are a picture. All has the largest letters at which it fits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tariffmodel import charts
from tariffmodel.charts import house
from tariffmodel.charts.makers import MakerSheet, Part
from tariffmodel.charts.native import lost
from tariffmodel.runs import slide_charts
from tariffmodel.runs.slide_template import Box, Template, opened

_CM, _INCH, _PT = 360_000, 914_400, 12_700
_SIZES = (11.0, 10.5, 10.0, 9.5, 9.0, 8.5, 8.0, 7.5, 7.0)  # points, the largest first
_GAP, _BETWEEN = round(0.25 * _CM), round(0.8 * _CM)
_CHART, _ROW = round(2.4 * _CM), round(0.42 * _CM)  # height of a chart and of a row in it, at the least
_PICTURE = 5  # rows as high as a picture is
_AIR = 0.5 * _CM  # in a cell
# per slide: across, two columns, across
_PAGES: tuple[tuple[tuple[str, ...], ...], ...] = (
    (("policies", "contribution"), ("quarters",), ("origins", "statements"), ("watch",)),
    ((), ("reactions",), ("move", "probability", "betas"), ("hedge",)),
)
_DRAWN = {"quarters": charts.maker_quarters, "reactions": charts.maker_reactions}


@dataclass(frozen=True, eq=False)
class _Block:
    title: str
    says: tuple[str, ...]
    heads: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    chart: charts.Chart | None = None

    def widths(self, width: int, points: float) -> list[int]:
        """Of the columns of its table; more than `width` where it does not fit."""
        parts = []
        for at, head in enumerate(self.heads):
            weight = "normal" if at else "bold"
            texts = [*(row[at] for row in self.rows), *head.split()]
            parts.append(round(_AIR + max(_wide(text, points, weight) for text in texts)))
        free = max(width - sum(parts), 0) // max(len(parts), 1)
        return [part + min(free, round(1.2 * _CM)) for part in parts]

    def height(self, width: int, points: float) -> float:
        """What it takes, without its chart."""
        deep = 1.4 * points * bool(self.title)
        if self.rows:
            widths = self.widths(width, points)
            if sum(widths) > width:
                return float("inf")
            deep += (len(self.rows) + self.head_lines(widths, points)) * 1.25 * points
        deep += sum(_lines(text, width, points - 1) for text in self.says) * 1.22 * (points - 1)
        return deep * _PT + _GAP

    @property
    def least(self) -> int:
        """The least height of its chart."""
        if self.chart is None:
            return 0
        return _CHART + _ROW * (len(self.chart.native.figures) if self.chart.native else _PICTURE)

    def head_lines(self, widths: Sequence[int], points: float) -> int:
        """Lines that the headings take."""
        return max(
            _lines(head, wide - round(0.2 * _CM), points)
            for head, wide in zip(self.heads, widths, strict=True)
        )


def drawn(one: MakerSheet, template: str | Path | None = None) -> Template:
    """A maker on two slides, or one where it has no share, as a presentation to save.

    Parameters
    ----------
    one : MakerSheet
        From `maker_sheet.sheet`.
    template : path, optional
        A desk's .pptx, see `slide_template.opened`.

    Raises
    ------
    DataError
        If the template cannot be used.

    Examples
    --------
    >>> from datetime import date
    >>> about = ("a case", "a source", date(2026, 10, 30))
    >>> ground = drawn(MakerSheet("Acme", "Acme plc", "not listed", ("It owes nothing.",), {}, *about))
    >>> [slide.shapes.title.text_frame.text for slide in ground.show.slides]
    ['Acme plc: It owes nothing']
    """
    ground = opened(template)
    blocks = {name: _block(name, part, one) for name, part in one.parts.items() if not part.lacks}
    pages = [page for page in _PAGES if any(name in blocks for names in page for name in names)] or _PAGES[:1]
    columns = {page: any(name in blocks for names in page[1:-1] for name in names) for page in pages}
    bare = next((page for page in pages if not columns[page]), pages[-1])  # has room for what is not there
    for page in pages:
        finding = next(iter(one.findings[:1] if page is pages[0] else one.findings[-1:]), one.title)
        slide = ground.slide(f"{one.name}: {finding.removesuffix('.')}")
        top, *sides, bottom = ([blocks[name] for name in names if name in blocks] for names in page)
        if page is pages[0]:
            top.insert(0, _Block("", (one.line, *one.findings[1:])))
        if page is bare and (lacking := _lacking(one.parts)):
            bottom.append(lacking)
        if not columns[page]:  # nothing that could fill the middle: one block after the other
            top, bottom = [*top, *bottom], []
        foot = f"Sources: {one.source}. As of {house.day_text(one.as_of)}. Not advice to trade."
        body, high = ground.body, round(_lines(foot, ground.body.width, 8.0) * 8 * 1.25 * _PT)
        _write(slide, Box(body.left, body.bottom - high, body.width, high), [foot], 8.0, soft=True)
        place = Box(body.left, body.top, body.width, body.height - high - _GAP)
        _lay(slide, place, top, [side for side in sides if side], bottom, ground.themed)
        notes = [one.title, f"On {one.maker}: {one.label}.", *one.findings]
        slide.notes_slide.notes_text_frame.text = "\n".join(notes)
    return ground


def _block(name: str, part: Part, one: MakerSheet) -> _Block:
    says = tuple(house.true_minus(text) for text in part.says)
    if name in _DRAWN:
        about: dict[str, Any] = {"case": one.label, "source": one.source, "as_of": one.as_of}
        return _Block(part.title, says, chart=_DRAWN[name](part.frame, one.maker, **about, width_cm=14.0))
    heads, rows = part.cells() if part.shown and len(part.frame) else ([], [])
    return _Block(part.title, says, heads, [[house.true_minus(cell) for cell in row] for row in rows])


def _lacking(parts: Mapping[str, Part]) -> _Block | None:
    """What is not on the slides, and why."""
    said = tuple(f"{part.title}: {part.lacks}." for part in parts.values() if part.lacks)
    return _Block("Not computed", said) if said else None


def _lay(
    slide: Any,
    place: Box,
    top: list[_Block],
    sides: list[list[_Block]],
    bottom: list[_Block],
    themed: bool,
) -> None:
    """Blocks across, columns, blocks across: letters as large as they fit, and charts take the rest."""
    half = (place.width - _BETWEEN) // 2 if len(sides) > 1 else place.width

    def room(points: float) -> float:
        across = sum(block.height(place.width, points) for block in (*top, *bottom))
        return place.height - across

    def needs(side: list[_Block], points: float) -> float:
        return sum(block.height(half, points) + block.least for block in side)

    fitting = (p for p in _SIZES if max((needs(side, p) for side in sides), default=0.0) <= room(p))
    points = next(fitting, _SIZES[-1])
    at = place.top
    for block in top:
        at = _set(slide, block, Box(place.left, at, place.width, 0), points, themed)
    end = at + round(room(points))
    for number, side in enumerate(sides):
        left, below = place.left + number * (half + _BETWEEN), at
        many = sum(block.chart is not None for block in side)
        fixed = sum(block.height(half, points) for block in side)
        each = round((end - at - fixed) / many) if many else 0
        for block in side:
            below = _set(slide, block, Box(left, below, half, each if block.chart else 0), points, themed)
    for block in bottom:
        end = _set(slide, block, Box(place.left, end, place.width, 0), points, themed)


def _set(slide: Any, block: _Block, box: Box, points: float, themed: bool) -> int:
    """A block at the top of `box`, whose height is that of its chart; where the next one begins."""
    at = box.top
    if block.title:
        high = round(1.4 * points * _PT)
        _write(slide, Box(box.left, at, box.width, high), [block.title], points, bold=True)
        at += high
    if block.chart:
        _chart(slide, block.chart, Box(box.left, at, box.width, box.height), themed)
        at += box.height
    if block.rows:
        at += _table(slide, block, Box(box.left, at, box.width, 0), points)
    if block.says:
        high = round(
            sum(_lines(text, box.width, points - 1) for text in block.says) * 1.22 * (points - 1) * _PT
        )
        _write(slide, Box(box.left, at, box.width, high), block.says, points - 1, soft=bool(block.title))
        at += high
    return at + _GAP


def _chart(slide: Any, chart: charts.Chart, box: Box, themed: bool) -> None:
    if chart.native and not lost(chart.figure, chart.native):
        shape = slide_charts.native(slide, chart.native.stated(chart.figure), box, themed=themed)
    else:
        _, subtitle, note = (text.get_window_extent() for text in chart.figure.texts[:3])
        high = chart.figure.bbox.height  # the slide says title, source and case itself
        shape = slide_charts.picture(slide, chart.picture(), box, 1 - subtitle.y0 / high, note.y1 / high)
    slide_charts.described(shape, chart.alt)


def _table(slide: Any, block: _Block, box: Box, points: float) -> int:
    """The table of a block; how high it is."""
    from pptx.enum.text import MSO_ANCHOR, PP_ALIGN

    widths = block.widths(box.width, points)
    high = round(1.25 * points * _PT)
    heights = [high * block.head_lines(widths, points), *[high] * len(block.rows)]
    shape = slide.shapes.add_table(len(heights), len(widths), box.left, box.top, sum(widths), sum(heights))
    slide_charts.described(shape, f"Table: {block.title}")
    table = slide_charts.plain_table(shape)
    for column, wide in zip(table.columns, widths, strict=True):
        column.width = wide
    for row, (texts, deep) in enumerate(zip([block.heads, *block.rows], heights, strict=True)):
        table.rows[row].height = deep
        for at, text in enumerate(texts):
            cell = table.cell(row, at)
            side = PP_ALIGN.RIGHT if at else PP_ALIGN.LEFT
            slide_charts.write_cell(cell, text, points, side, soft=row == 0, bold=row > 0 and at == 0)
            cell.vertical_anchor = MSO_ANCHOR.BOTTOM if row == 0 else MSO_ANCHOR.MIDDLE
    return sum(heights)


def _write(
    slide: Any, box: Box, texts: Sequence[str], points: float, *, bold: bool = False, soft: bool = False
) -> None:
    from pptx.util import Pt

    frame = slide_charts.textbox(slide, box)
    for at, text in enumerate(texts):
        paragraph = frame.paragraphs[0] if at == 0 else frame.add_paragraph()
        paragraph.text, paragraph.font.size, paragraph.font.bold = text, Pt(points), bold
        if soft:
            slide_charts.soften(paragraph.font)


def _lines(text: str, width: int, points: float) -> int:
    return house.wrapped(text, width / _INCH, points).count("\n") + 1


def _wide(text: str, points: float, weight: str = "normal") -> float:
    return house.text_width(text, points, weight) * _INCH
