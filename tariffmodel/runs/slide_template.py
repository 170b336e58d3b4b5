"""On what does a slide stand: the house's own look, or a desk's template with its master?

Of a template the slide size, one layout, fonts, colours and logo are taken; its own slides are not. What
a slide says goes into the places of the layout, so that the master goes on to govern it.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from tariffmodel import files
from tariffmodel.charts import house
from tariffmodel.errors import DataError

LAYOUT = "tariffmodel"  # the layout of a template that is meant for this
ACCENTS = 6  # colours that a theme has for series
_BYTES = 200 * 2**20
_CM, _PT = 360_000, 12_700  # in the units of Office
_LEAST_PT = 14  # of a title
_REPAIR = "in PowerPoint save it as .pptx, without password and macros"
_LAYOUT_REMEDY = (
    "add a layout with a title and nothing else (Slide Master, Insert Layout), or name the one to be used "
    f"“{LAYOUT}”"
)


@dataclass(frozen=True)
class Box:
    """A place on a slide, in the units of Office (360,000 to a centimetre).

    >>> Box(0, 0, 720_000, 360_000).bottom
    360000
    """

    left: int
    top: int
    width: int
    height: int

    @property
    def bottom(self) -> int:
        """Where it ends.

        >>> Box(0, 10, 20, 30).bottom
        40
        """
        return self.top + self.height


@dataclass(frozen=True, eq=False)
class Template:
    """A presentation without slides, and where on a slide of it things stand.

    Parameters
    ----------
    show : Presentation
        Of python-pptx.
    layout : SlideLayout
        On which every slide stands.
    body : Box
        What is left for chart and source.
    themed : bool
        Whether the colours of series are those of the theme, not of the house.

    Examples
    --------
    >>> opened().layout.name
    'Title Only'
    """

    show: Any
    layout: Any
    body: Box
    themed: bool

    def slide(self, title: str) -> Any:
        """A new slide with its title, in the size of the master where it fits, else smaller or shorter.

        >>> opened().slide("Toyota owes most").shapes.title.text_frame.text
        'Toyota owes most'
        """
        slide = self.show.slides.add_slide(self.layout)
        for shape in list(slide.placeholders):
            if shape.placeholder_format.idx != 0:
                shape.element.getparent().remove(shape.element)  # its place is taken by the chart
        place = next(shape for shape in self.layout.placeholders if _is_title(shape))
        size, bold = _title_look(place)
        text, fitting = fit(title, _inches(place.width) - 0.25, _inches(place.height) - 0.1, size, bold)
        slide.shapes.title.text_frame.text = text
        if fitting < size:
            from pptx.util import Pt

            slide.shapes.title.text_frame.paragraphs[0].runs[0].font.size = Pt(fitting)
        for shape in self.layout.placeholders:
            if _kind(shape) == "SLIDE_NUMBER":
                slide.shapes._spTree.append(deepcopy(shape.element))  # noqa: SLF001  no other way to have it
        return slide


def opened(path: str | Path | None = None) -> Template:
    """A desk's template, or without one the look of the house, 16 by 9.

    Parameters
    ----------
    path : path, optional
        A .pptx. Its layout is the one named “tariffmodel”, else the one with a title and nothing else, else
        one with a title and one place, which the chart takes.

    Raises
    ------
    DataError
        If it is no PPTX, has macros or a password, or no such layout; with what to do.

    Examples
    --------
    >>> plain = opened()
    >>> round(plain.show.slide_width / plain.show.slide_height, 2), plain.themed
    (1.78, False)
    >>> opened("desk.ppt")
    Traceback (most recent call last):
        ...
    tariffmodel.errors.DataError: desk.ppt is not a file; check the path
    """
    from pptx import Presentation  # slow to import: only where slides are written

    if path is None:
        return _plain(Presentation())
    raw = files.content(path, _BYTES)
    name = Path(path).name
    if raw.startswith(b"\xd0\xcf\x11\xe0"):
        raise DataError(f"{name} has a password or is of the format before 2007; {_REPAIR}")
    try:
        with ZipFile(BytesIO(raw)) as archive:
            inside, kinds = set(archive.namelist()), archive.read("[Content_Types].xml")
            size = sum(part.file_size for part in archive.infolist())
    except (BadZipFile, KeyError, OSError, NotImplementedError, RuntimeError):
        raise DataError(f"{name} is no PPTX; {_REPAIR}") from None
    if b"macroEnabled" in kinds or any(part.endswith("vbaProject.bin") for part in inside):
        raise DataError(f"{name} has macros, which a template may not; {_REPAIR}")
    if "ppt/presentation.xml" not in inside or b"presentationml.presentation.main" not in kinds:
        raise DataError(f"{name} is no presentation of PowerPoint; {_REPAIR}")
    if size > 5 * _BYTES:
        raise DataError(f"{name} unpacks to {size / 2**20:,.0f} MB; take pictures out of its master")
    try:
        show = Presentation(BytesIO(raw))
        layouts = [layout for master in show.slide_masters for layout in master.slide_layouts]
        _without_slides(show)
    except Exception as error:  # noqa: BLE001  lxml and python-pptx have many for a damaged file
        raise DataError(
            f"{name} cannot be read: {type(error).__name__}; open and save it in PowerPoint"
        ) from None
    layout = _chosen(layouts, name)
    return Template(show, layout, _body(show, layout, name), themed=True)


def fit(text: str, width: float, height: float, size: float, bold: bool) -> tuple[str, float]:
    """`text` and the size in points at which it stays within inches: smaller, at last shorter.

    >>> fit("Toyota owes most", 8, 1, 24, bold=False)
    ('Toyota owes most', 24)
    >>> text, size = fit("Toyota owes most " * 40, 4, 0.5, 24, bold=True)
    >>> size, text.endswith("…"), len(text) < 100
    (14, True, True)
    """
    weight, words = "bold" if bold else "normal", text.split()
    wide = [house.text_width(word, 1.0, weight) for word in words]
    space = house.text_width("n n", 1.0, weight) - house.text_width("nn", 1.0, weight)

    def fits(many: int, points: float) -> bool:
        lines, at = 1, 0.0
        for word in wide[:many]:
            if at and (at + space + word) * points > width:
                lines, at = lines + 1, 0.0
            at += word + space * (at > 0)
        cut = many < len(words) and (at + 2 * space) * points > width  # room for what says that it is cut
        return (lines + cut) * 1.2 * points / 72 <= height

    while size > _LEAST_PT and not fits(len(words), size):
        size = max(size - 1, _LEAST_PT)
    if fits(len(words), size):
        return text, size
    many = next((n for n in range(len(words) - 1, 0, -1) if fits(n, size)), 1)
    return " ".join(words[:many]) + " …", size


# Look of the house --------------------------------------------------------------------------------


def _plain(show: Any) -> Template:
    from pptx.util import Cm

    wide = Cm(33.867) / show.slide_width
    high = Cm(19.05) / show.slide_height
    master = show.slide_masters[0]
    for page in (master, *master.slide_layouts):  # python-pptx brings its own for 4 by 3
        for shape in page.placeholders:
            if shape.element.xpath("./p:spPr/a:xfrm"):
                ends = (shape.left * wide, shape.top * high, shape.width * wide, shape.height * high)
                shape.left, shape.top, shape.width, shape.height = map(round, ends)
    show.slide_width, show.slide_height = Cm(33.867), Cm(19.05)
    layout = next(one for one in master.slide_layouts if one.name == "Title Only")
    for shape in list(layout.placeholders):
        if _is_title(shape):
            shape.left, shape.top, shape.width, shape.height = Cm(1), Cm(0.5), Cm(31.87), Cm(2.0)
            _styled(shape, 'algn="l"', 'sz="2400" b="1"')
        elif _kind(shape) == "SLIDE_NUMBER":
            shape.left, shape.top, shape.width, shape.height = Cm(30.9), Cm(18.2), Cm(2), Cm(0.6)
            _styled(shape, 'algn="r"', 'sz="1000"')
        else:
            shape.element.getparent().remove(shape.element)
    body = Box(Cm(1), Cm(2.7), Cm(31.87), Cm(19.05 - 2.7 - 0.9))
    return Template(show, layout, body, themed=False)


def _styled(shape: Any, paragraph: str, letters: str) -> None:
    from pptx.oxml import parse_xml
    from pptx.oxml.ns import nsdecls

    body = shape.element.txBody
    for edges in body.xpath("./a:bodyPr"):
        edges.set("lIns", "0")  # flush with the chart
        edges.set("rIns", "0")
    for old in body.xpath("./a:lstStyle"):
        place = old.getparent().index(old)
        body.remove(old)
        style = f"<a:lvl1pPr {paragraph}><a:defRPr {letters}/></a:lvl1pPr>"
        body.insert(place, parse_xml(f"<a:lstStyle {nsdecls('a')}>{style}</a:lstStyle>"))


# Templates ----------------------------------------------------------------------------------------


def _without_slides(show: Any) -> None:
    """The slides of a template are examples; sections would name slides that are gone."""
    entries = show.slides._sldIdLst  # noqa: SLF001  python-pptx cannot take a slide out
    for entry in list(entries):
        show.part.drop_rel(entry.rId)
        entries.remove(entry)
    for section in show.element.xpath("//*[local-name()='sectionLst']"):
        holder = section.getparent()
        holder.getparent().remove(holder)


def _chosen(layouts: list[Any], name: str) -> Any:
    named = [one for one in layouts if one.name.strip().casefold() == LAYOUT]
    fitting = [one for one in named or layouts if sum(map(_is_title, one.placeholders)) == 1]
    fitting = [one for one in fitting if named or len(_places(one)) <= 1]
    if not fitting:
        which = f"its layout “{LAYOUT}” has no place for a title" if named else "no layout has just a title"
        raise DataError(f"{name} cannot be used: {which}; {_LAYOUT_REMEDY}")
    return min(fitting, key=lambda one: len(_places(one)))


def _body(show: Any, layout: Any, name: str) -> Box:
    """The place of a layout that is no title; without one, all between the title and the foot."""
    places = _places(layout)
    if len(places) == 1 and places[0].width:
        place = places[0]
        return Box(place.left, place.top, place.width, place.height)
    title = next(shape for shape in layout.placeholders if _is_title(shape))
    feet = [shape.top for shape in layout.placeholders if _kind(shape) in _FOOT and shape.top]
    feet = [top for top in feet if top > show.slide_height / 2]
    top = title.top + title.height + round(0.2 * _CM)
    bottom = min([show.slide_height - round(0.4 * _CM), *(foot - round(0.1 * _CM) for foot in feet)])
    across = max(show.slide_width - 2 * title.left, title.width)  # as far from the right as from the left
    marks = [
        shape for page in (layout, layout.slide_master) for shape in page.shapes if not shape.is_placeholder
    ]
    beside = [shape for shape in marks if shape.left > title.left + title.width / 2]
    if any(shape.top < bottom and shape.top + shape.height > top for shape in beside):
        across = title.width  # a logo stands there
    if bottom - top < 0.4 * show.slide_height or title.width < 0.4 * show.slide_width:
        raise DataError(
            f"{name} cannot be used: its layout “{layout.name}” leaves less than two fifths of the height "
            f"under the title; put the title at the top, or {_LAYOUT_REMEDY}"
        )
    return Box(title.left, top, across, bottom - top)


_FOOT = ("DATE", "FOOTER", "SLIDE_NUMBER")


def _kind(shape: Any) -> str:
    return str(shape.placeholder_format.type.name)


def _is_title(shape: Any) -> bool:
    return _kind(shape) == "TITLE"


def _places(layout: Any) -> list[Any]:
    return [shape for shape in layout.placeholders if not _is_title(shape) and _kind(shape) not in _FOOT]


def _title_look(place: Any) -> tuple[float, bool]:
    """Size in points and weight of a title: of the layout, else of the master."""
    master = place.part.slide_layout.slide_master.element
    looks = [
        *place.element.xpath(".//a:lstStyle/a:lvl1pPr/a:defRPr"),
        *master.xpath(".//p:sp[p:nvSpPr/p:nvPr/p:ph[@type='title']]//a:lstStyle/a:lvl1pPr/a:defRPr"),
        *master.xpath("./p:txStyles/p:titleStyle/a:lvl1pPr/a:defRPr"),
    ]
    size = next((int(look.get("sz")) for look in looks if look.get("sz")), 4400)
    bold = next((look.get("b") for look in looks if look.get("b")), "0")
    return size / 100, bold in ("1", "true")


def _inches(length: int) -> float:
    return length / 914_400
