"""How do the charts of a run become slides?

A slide to each chart: the finding as title, the chart from side to side, source and day below. The chart
can be edited where an office program keeps all that its picture shows (`charts.native.lost`), else it is
the picture, drawn for 16 by 9.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

from tariffmodel import files
from tariffmodel.charts import house
from tariffmodel.errors import DataError
from tariffmodel.runs import office
from tariffmodel.runs.slide_charts import described, native, picture, soften, textbox
from tariffmodel.runs.slide_template import Box, Template, fit, opened

DECK = "charts.pptx"
_CM = 360_000
_FOOT_PT, _SUBTITLE_PT = 9.0, 12.0
_FOOT_CM = 1.2  # three lines


def deck(folder: str | Path, source: str, as_of: date, template: str | Path | None = None) -> Path:
    """Write `charts.pptx`: a slide per chart, drawn by PowerPoint itself where that loses nothing.

    Of charts that say the same, word for word, in two notebooks the later has a slide: a summary repeats
    what is told in full elsewhere.

    Parameters
    ----------
    folder : path
        Of a run.
    source : str
        What stands under each chart: who made it, from what, as of when.
    as_of : date
        The day that the slides name as their own.
    template : path, optional
        A desk's .pptx, see `slide_template.opened`.

    Raises
    ------
    DataError
        If the folder holds no charts, or the template cannot be used.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> tm.slides.deck("output/one", "A source.", date(2026, 10, 30))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    tariffmodel.errors.DataError: output/one holds no charts; give the folder of a run, such as ...
    """
    found = once(charts(folder))
    if not found:
        raise DataError(f"{folder} holds no charts; give the folder of a run, such as output/latest")
    ground = opened(template)
    for path in found:
        _slide(ground, path, source)
    out = Path(folder) / DECK
    out.write_bytes(content(ground, source, as_of))
    return out


def charts(folder: str | Path) -> list[Path]:
    """What is said about each exported chart of a run, in order.

    >>> charts("output/one")
    []
    """
    found = sorted(Path(folder).glob("charts/*.json"))
    return [path for path in found if path.with_suffix(".csv").is_file()]


def once(found: Iterable[Path]) -> list[Path]:
    """Charts without those that a later notebook has again: the same form, subtitle and title.

    >>> once([])
    []
    """
    said = {path: (files.json(path)["alt"], path.stem[:2]) for path in found}
    last = dict(said.values())
    return [path for path, (alt, number) in said.items() if last[alt] == number]


def content(ground: Template, title: str, as_of: date) -> bytes:
    """A presentation as a file, as of a day: the same slides are the same bytes.

    >>> content(opened(), "Nothing", date(2026, 10, 30))[:2]
    b'PK'
    """
    about = ground.show.core_properties
    about.author = about.last_modified_by = "tariffmodel"
    about.title = title
    written = BytesIO()
    ground.show.save(written)
    return office.dated(written.getvalue(), as_of)


def _foot(ground: Template, slide: Any, text: str, lines: float) -> None:
    """The last lines of a slide: source and day, in small letters."""
    from pptx.enum.text import MSO_ANCHOR
    from pptx.util import Pt

    body, high = ground.body, round(lines * _CM)
    frame = textbox(slide, Box(body.left, body.bottom - high, body.width, high))
    frame.vertical_anchor = MSO_ANCHOR.BOTTOM
    said, size = fit(text, body.width / 914_400, lines / 2.54, _FOOT_PT, bold=False)
    frame.text = said
    frame.paragraphs[0].font.size = Pt(size)
    soften(frame.paragraphs[0].font)


def _slide(ground: Template, path: Path, source: str) -> None:
    """The slide of the chart that `path` is about."""
    about, body = files.json(path), ground.body
    slide = ground.slide(about["title"])
    name = path.stem
    # what a picture says under itself stands in it; a native chart has it in the foot
    said = [about["note"], source, f"Chart {name}."] if about["native"] else [source, f"Chart {name}."]
    deep = _FOOT_CM if about["native"] else 0.5
    _foot(ground, slide, " ".join(filter(None, said)), deep)
    place = Box(body.left, body.top, body.width, body.height - round((deep + 0.1) * _CM))
    if about["native"]:
        inner = _under_subtitle(slide, about["subtitle"], place)
        shape = native(slide, about["native"], inner, themed=ground.themed)
    else:
        wide = path.with_name("16x9") / f"{name}.png"
        drawn = wide if wide.is_file() else path.with_suffix(".png")
        above = about["title_share"] if wide.is_file() else 0.0  # the slide says it already
        shape = picture(slide, drawn.read_bytes(), place, above)
    described(shape, about["alt"])
    notes = [about["title"], about["alt"], f"Data: charts/{name}.csv.", source]
    if why := about.get("native_loses"):
        notes.insert(3, f"A picture: drawn by PowerPoint it would lose {why}.")
    slide.notes_slide.notes_text_frame.text = "\n".join(notes)


def _under_subtitle(slide: Any, text: str, box: Box) -> Box:
    """What is drawn, in which unit and for which period; the place below it."""
    from pptx.util import Pt

    if not text:
        return box
    lines = house.wrapped(text, box.width / 914_400, _SUBTITLE_PT).count("\n") + 1
    high = round(min(lines, 2) * 0.52 * _CM)
    said, size = fit(text, box.width / 914_400, high / 914_400 + 0.01, _SUBTITLE_PT, bold=False)
    frame = textbox(slide, Box(box.left, box.top, box.width, high))
    frame.text = said
    frame.paragraphs[0].font.size = Pt(size)
    below = high + round(0.15 * _CM)
    return Box(box.left, box.top + below, box.width, box.height - below)
