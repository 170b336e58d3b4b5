"""What do all charts share: house style, frame, labels that keep apart, and how they are written?"""

from __future__ import annotations

import io
import json
import re
import struct
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache, wraps
from math import ceil
from pathlib import Path
from typing import Any, ParamSpec

import numpy as np
import pandas as pd
from matplotlib import rc_context, rcParams, style
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.layout_engine import ConstrainedLayoutEngine, PlaceHolderLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text
from matplotlib.textpath import text_to_path
from matplotlib.ticker import FuncFormatter
from matplotlib.transforms import offset_copy
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tariffmodel import columns as result_columns
from tariffmodel import escapes
from tariffmodel.charts import native as natives
from tariffmodel.charts.native import Color, Native
from tariffmodel.charts.spoken import fonts, refuse_unset, said
from tariffmodel.facts import periods
from tariffmodel.facts.store import write_whole

COLUMN_CM, PAGE_CM = 9.0, 18.0
CM = 1 / 2.54  # inches
POINT = 1 / 72
WIDE, SLIDE_PIXELS = 16 / 9, 2560  # a slide, and across one that is drawn for it
_SLIDE_CM, _FILLED = (14.0, 34.0), 0.85  # widths of a chart for a slide, and how much is filled enough
SCREEN_SCALE = 1.25  # print sizes are small on a screen: a page's width then fills a notebook's

# Okabe and Ito's palette: makers by home, because nobody can tell twenty hues apart
HOME_COLOR = {"JP": "#D55E00", "KR": "#0072B2", "EU": "#CC79A7", "GB": "#3D3D3D", "US": "#009E73"}
ORIGIN_COLOR = HOME_COLOR | {"MX": "#E69F00", "CA": "#56B4E9", "CN": "#F0E442", "XX": "#FFFFFF"}
ORIGIN_NAME = {
    "JP": "Japan", "KR": "Korea", "EU": "EU", "GB": "UK", "US": "US",
    "MX": "Mexico", "CA": "Canada", "CN": "China", "XX": "unknown",
}  # fmt: skip
OTHER_COLOR, INK, SOFT = "#999999", "#222222", "#666666"
RED = "#B2182B"  # what does not help, and nothing else
QUALITY_MARK = result_columns.MARKS
QUALITY_NOTE = {
    "reported": "● every input reported",
    "derived": "◐ derived from reported inputs",
    "estimated": "○ rests on at least one estimate",
}
PART_NOTE = "† part of another maker, in no sum"
SOLVED_NOTE = "In brackets: no test, a term was solved from the others or nothing is built in the US"

# where a line may end: after a word, and between the signs of Chinese and Japanese script
_SCRIPT = r"\u3040-\u30ff\u4e00-\u9fff"
_PARTS = re.compile(rf"\s*(?:\d*[{_SCRIPT}][、。)ー:;,.%]*|[^\s{_SCRIPT}]+)")

P = ParamSpec("P")


def house_style() -> AbstractContextManager[None]:
    """The house style, the user's own settings kept out.

    >>> with house_style():
    ...     rcParams["font.family"][0]
    'DejaVu Sans'
    """
    # DejaVu comes with matplotlib: the same chart on every machine, but for what it has no letters for
    return style.context(["tariffmodel.house", {"font.family": fonts()}], after_reset=True)


@dataclass(frozen=True, eq=False)
class Chart:
    """A chart as it was drawn, and all that is needed to show it elsewhere.

    Parameters
    ----------
    figure : Figure
        The drawing.
    alt : str
        What it shows, in a sentence or two, for readers who cannot see it.
    native : Native, optional
        What an office program needs to draw it. Without it a slide shows the picture.
    data : DataFrame, optional
        What is drawn, where that is not the table that the chart was given.
    redraw : callable, optional
        The same chart at another width, in cm. A sheet such as the ticket has one size, and none.

    Examples
    --------
    >>> with house_style():
    ...     drawn = finish(figure("Toyota owes most", "Bill, USD bn", [], COLUMN_CM, body_cm=1), "Bars")
    >>> drawn.title, drawn.alt, drawn.picture()[1:4]
    ('Toyota owes most', 'Bars. Bill, USD bn. Toyota owes most.', b'PNG')
    """

    figure: Figure
    alt: str
    native: Native | None = None
    data: pd.DataFrame | None = None
    redraw: Callable[[float], Chart] | None = None

    _picture: list[bytes] = field(default_factory=list, init=False, repr=False)

    @property
    def title(self) -> str:
        """The finding, as it stands over the drawing."""
        return self.figure.get_suptitle().replace("\n", " ")

    def picture(self) -> bytes:
        """The drawing as PNG: drawn once, and again only where the figure was changed since."""
        if self.figure.stale or not self._picture:
            self._picture[:] = [render(self.figure, "png", self.alt)]
            self.figure.stale = False
        return self._picture[0]


def in_house_style(draw: Callable[P, Chart]) -> Callable[P, Chart]:
    """A chart in the house style, which can be drawn again at another width.

    >>> @in_house_style
    ... def empty(width_cm: float = COLUMN_CM) -> Chart:
    ...     return finish(figure("Nothing", "No unit", [], width_cm, body_cm=1), "No marks")
    >>> [round(chart.figure.get_figwidth() / CM) for chart in (empty(), empty().redraw(PAGE_CM))]
    [9, 18]
    """

    @wraps(draw)
    def drawn(*args: P.args, **options: P.kwargs) -> Chart:
        with house_style():
            chart = draw(*args, **options)
        return replace(chart, redraw=lambda width_cm: drawn(*args, **{**options, "width_cm": width_cm}))  # type: ignore[arg-type]

    return drawn


# Notebook and files -------------------------------------------------------------------------------


def show(chart: Chart, name: str = "") -> None:
    """Display a chart in a notebook; `name` is what it is exported as, by which a report finds it.

    >>> with house_style():
    ...     drawn = finish(figure("Toyota owes most", "Bill, USD bn", [], COLUMN_CM, body_cm=1), "Bars")
    >>> show(drawn, "02_bill")
    <IPython.core.display.Image object>
    """
    from IPython import display  # only needed, and only quick, inside a notebook

    width = round(chart.figure.get_figwidth() * 96 * SCREEN_SCALE)
    about = {"chart": name} if name else {}
    display.display(display.Image(chart.picture(), width=width, alt=chart.alt, metadata=about))


def export(chart: Chart, name: str, data: pd.DataFrame, folder: str | Path | None) -> None:
    """Write `chart` and the `data` behind it: folder/charts/`name`.png, .svg, .pdf, .csv and .json.

    The same chart drawn for one column of a note goes to charts/9cm/`name`.png, .svg and .pdf, and
    one as broad as a slide, 16 by 9, to charts/16x9/`name`.png.

    Without a folder nothing is written, so that a notebook runs anywhere. The same figure gives
    the same bytes. The JSON holds its title, subtitle, note and `alt`, and `native` or, where an office
    program would lose something of the picture, what that is.

    >>> from tempfile import TemporaryDirectory
    >>> with house_style():
    ...     drawn = finish(figure("Toyota owes most", "Bill, USD bn", [], COLUMN_CM, body_cm=1), "Bars")
    >>> with TemporaryDirectory() as place:
    ...     export(drawn, "bill", pd.DataFrame({"bill_usd": [6.3e9]}), place)
    ...     sorted(path.name for path in (Path(place) / "charts").glob("*.*"))
    ['bill.csv', 'bill.json', 'bill.pdf', 'bill.png', 'bill.svg']
    """
    fig, alt = chart.figure, chart.alt
    if not folder:
        return
    slide, title_share = _slide(chart)
    drawings = {f"{name}.png": chart.picture(), f"16x9/{name}.png": slide}
    drawings |= {f"{name}.{kind}": render(fig, kind, alt) for kind in ("svg", "pdf")}
    if chart.redraw:
        column = chart.redraw(COLUMN_CM).figure
        drawings |= {f"9cm/{name}.{kind}": render(column, kind, alt) for kind in ("png", "svg", "pdf")}
    why = natives.lost(fig, chart.native) if chart.native else ""
    said = [text.get_text().replace("\n", " ") for text in fig.texts[1:3]] if _titles(fig) else ["", ""]
    about = {
        "title": chart.title,
        "subtitle": said[0],
        "note": said[1],
        "alt": alt,
        "native": chart.native.stated(fig) if chart.native and not why else {},
        "native_loses": why,
        "title_share": title_share,
    }
    for file, content in drawings.items():
        write_whole(Path(folder) / "charts" / file, content)
    write_whole(Path(folder) / "charts" / f"{name}.csv", _csv(data))
    write_whole(Path(folder) / "charts" / f"{name}.json", _json(about))


def export_table(
    frame: pd.DataFrame,
    name: str,
    folder: str | Path | None,
    *,
    title: str,
    as_of: date,
    result: str | None = None,
    of: str | None = None,
) -> None:
    """Write `frame` to folder/tables/`name`.csv, and what it is to `name`.json beside it.

    Units and headings are those of the table of result columns; a column of numbers that it does
    not have is an error.

    Parameters
    ----------
    as_of : date
        The day that the data are of.
    result, of : str, optional
        The result that `frame` is, and what columns named for something else hold: see `columns`.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> bills = pd.DataFrame({"bill_usd": [6.3e9]}, index=pd.Index(["Toyota"], name="maker"))
    >>> with TemporaryDirectory() as place:
    ...     export_table(bills, "bill", place, title="Bills", as_of=date(2026, 10, 30))
    ...     (Path(place) / "tables" / "bill.csv").read_text(encoding="utf-8").split()
    ['maker,bill_usd', 'Toyota,6300000000']
    """
    levels = frame.index.to_frame(index=False).astype(str)  # one without a row has no heading
    known = result_columns.described(levels, result) | result_columns.described(frame, result, of=of)
    if not folder:
        return
    about = {
        "title": title,
        "units": {str(name): row.unit for name, row in known.items() if row.unit},
        "headings": {str(name): row.title for name, row in known.items()},
        "as_of": str(as_of),
    }
    write_whole(Path(folder) / "tables" / f"{name}.csv", _csv(frame))
    write_whole(Path(folder) / "tables" / f"{name}.json", _json(about))


def render(fig: Figure, kind: str, alt: str, dpi: float = 0.0) -> bytes:
    """A figure as ``png``, ``svg`` or ``pdf``, with its title and `alt` inside: the same bytes every time.

    `dpi` of a PNG is that of the house style unless it is given.

    >>> with house_style():
    ...     drawn = figure("Toyota owes most", "Bill, USD bn", [], COLUMN_CM, body_cm=1)
    >>> b"Toyota owes most" in render(drawn, "svg", "An empty chart.")
    True
    """
    if not alt.strip():
        raise ValueError("alt is empty; say in a sentence what the chart shows")
    title = fig.get_suptitle().replace("\n", " ")
    about = {
        "svg": {"Title": title, "Description": alt, "Date": None, "Creator": None},
        "pdf": {"Title": title, "Subject": alt, "CreationDate": None, "Producer": None, "Creator": None},
    }
    with house_style():
        if kind == "png":
            dpi = dpi or rcParams["savefig.dpi"]
            return _png(_image(fig, dpi), title, alt, dpi)
        content = io.BytesIO()
        with _laid_out(fig):
            fig.savefig(content, format=kind, metadata=about[kind])
    return content.getvalue()


def _image(fig: Figure, dpi: float) -> Image.Image:
    content = io.BytesIO()
    with house_style(), _laid_out(fig):
        fig.savefig(content, format="rgba", dpi=dpi)
    size = int(fig.get_figwidth() * dpi), int(fig.get_figheight() * dpi)
    return Image.frombytes("RGBA", size, content.getvalue()).convert("RGB")


@contextmanager
def _laid_out(fig: Figure) -> Iterator[None]:
    """Whether or not `finish` has placed all: with a layout, matplotlib draws twice to save once."""
    engine = fig.get_layout_engine()
    if not isinstance(engine, PlaceHolderLayoutEngine):
        yield
        return
    with rc_context({"figure.constrained_layout.use": False}):
        fig.set_layout_engine(None)
        yield
    fig.set_layout_engine(engine)


def _png(image: Image.Image, title: str, alt: str, dpi: float) -> bytes:
    """A PNG whose rows are as they are: of so much white, filters take long and make more."""
    pixels = np.asarray(image).reshape(image.height, -1)
    rows = np.zeros((image.height, 1 + pixels.shape[1]), np.uint8)  # each row opens with its filter: none
    rows[:, 1:] = pixels
    said = PngInfo()
    said.add_text("Title", title)
    said.add_text("Description", alt)
    per_metre = round(dpi / 0.0254)
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", *image.size, 8, 2, 0, 0, 0)),
        (b"pHYs", struct.pack(">IIB", per_metre, per_metre, 1)),
        *(part[:2] for part in said.chunks),
        (b"IDAT", zlib.compress(rows.data, 3)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


def _titles(fig: Figure) -> list[Text]:
    """The title, where it stands over the drawing."""
    return [text for text in fig.texts[:1] if text.get_text() == fig.get_suptitle() and text.get_visible()]


def _slide(chart: Chart) -> tuple[bytes, float]:
    """A chart as broad as a slide and the part of its height that the title takes: a slide has its own.

    It is drawn anew where that fills a slide better; a page, which stands upright, is shown in two halves.
    """
    fig = chart.figure
    if chart.redraw and _filled(fig) < _FILLED:
        wanted = float(np.clip(fig.get_figheight() * WIDE / CM, *_SLIDE_CM))
        other = chart.redraw(wanted).figure
        fig = other if _filled(other) > 1.15 * _filled(fig) else fig  # for less, larger letters are better
    width, height = fig.get_size_inches()
    upright = width < height
    # half a pixel more, or rounding decides how many there are
    dpi = float((SLIDE_PIXELS + 0.5) / max(2 * width if upright else width, height * WIDE))
    if fig is chart.figure and not upright:
        image: Image.Image = Image.open(io.BytesIO(chart.picture()))
        dpi = image.info["dpi"][0]
    else:
        image = _image(fig, dpi)
    share = max((1 - one.get_window_extent().y0 / fig.bbox.height for one in _titles(fig)), default=0.0)
    parts = _halves(image) if upright else [image]
    across, high = sum(part.width for part in parts), max(part.height for part in parts)
    size = max(across, round(high * WIDE)), max(high, round(across / WIDE))
    slide, left = Image.new("RGB", size, "white"), (size[0] - across) // 2
    for part in parts:
        slide.paste(part, (left, 0))
        left += part.width
    title = fig.get_suptitle().replace("\n", " ")
    return _png(slide, title, chart.alt, dpi), round(share * image.height / slide.height, 4)


def _filled(fig: Figure) -> float:
    """The part of a slide that a figure fills."""
    share = fig.get_figwidth() / fig.get_figheight() / WIDE
    return float(min(share, 1 / share))


def _halves(page: Image.Image) -> list[Image.Image]:
    """A page cut where it is white, as near to its middle as that is."""
    white = np.flatnonzero((np.asarray(page.convert("L")) == 255).all(axis=1))
    cut = int(white[np.abs(white - page.height // 2).argmin()]) if len(white) else page.height // 2
    return [page.crop((0, 0, page.width, cut)), page.crop((0, cut, page.width, page.height))]


def _json(about: Mapping[str, object]) -> bytes:
    return (json.dumps(about, indent=2, ensure_ascii=False) + "\n").encode()


def _csv(frame: pd.DataFrame) -> bytes:
    numbered = frame.index.name is None and frame.index.equals(pd.RangeIndex(len(frame)))
    if not numbered and frame.index.names == [None]:
        frame = frame.rename_axis("name")
    text = escapes.cells(frame).to_csv(
        index=not numbered, float_format="%.10g", lineterminator="\n", date_format="%Y-%m-%d"
    )
    return text.encode()


# Parts of a chart ---------------------------------------------------------------------------------


def figure(
    title: str,
    subtitle: str,
    notes: Iterable[str],
    width_cm: float,
    body_cm: float,
    key: Sequence[Patch | Line2D] = (),
) -> Figure:
    """Figure with title, subtitle, key and notes set, and `body_cm` of height left to the axes.

    >>> with house_style():
    ...     wide = figure("Toyota owes most", "Bill, USD bn", ["Source: a source"], PAGE_CM, body_cm=4)
    >>> wide.get_suptitle(), round(wide.get_figwidth() / CM), bool(wide.get_figheight() / CM > 4)
    ('Toyota owes most', 18, True)
    """
    margin, leading = 0.06, 1.25
    width = width_cm * CM
    inner = width - 2 * margin
    size, weight = rcParams["figure.titlesize"], rcParams["figure.titleweight"]
    body, small, key_size = rcParams["font.size"], 0.78 * rcParams["font.size"], rcParams["legend.fontsize"]
    title = wrapped(true_minus(title), inner, size, weight)
    for handle in key:
        handle.set_label(said(str(handle.get_label())))
    subtitle, note = said(subtitle), ". ".join(said(note) for note in notes if note)
    refuse_unset([subtitle, note, *(str(handle.get_label()) for handle in key)])  # before it is measured
    subtitle, note = wrapped(true_minus(subtitle), inner, body), wrapped(true_minus(note), inner, small)
    columns = _columns([str(handle.get_label()) for handle in key], inner)

    def deep(text: str, points: float) -> float:
        return ((text.count("\n") + 1) * leading * points + 3) * POINT

    # from the top: title, subtitle, key, axes, note; all in inches until the height is known
    under_title = margin + deep(title, size)
    under_subtitle = under_title + deep(subtitle, body)
    under_key = under_subtitle + ceil(len(key) / columns) * 1.5 * key_size * POINT
    over_note = margin + deep(note, small)
    height = under_key + body_cm * CM + margin + over_note
    left = margin / width
    layout = ConstrainedLayoutEngine(rect=(0, (margin + over_note) / height, 1, body_cm * CM / height))
    fig = Figure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(fig)  # keeps its measures of texts; a plain canvas takes them anew at every question
    place: dict[str, Any] = {"x": left, "va": "top", "linespacing": 1.2, "in_layout": False}
    fig.suptitle(title, y=1 - margin / height, ha="left", size=size, weight=weight, **place)
    fig.text(y=1 - under_title / height, s=subtitle, **place)
    fig.text(y=over_note / height, s=note, size=small, color=SOFT, **place)
    if key:
        corner = (left, 1 - (under_subtitle + 0.02) / height)
        fig.legend(handles=key, loc="upper left", bbox_to_anchor=corner, ncols=columns).set_in_layout(False)
    return fig


def wrapped(text: str, width: float, size: float, weight: str = "normal") -> str:
    r"""`text` in lines no wider than `width` inches, in letters of `size` points.

    >>> wrapped("Toyota owes most", width=0.8, size=7)
    'Toyota owes\nmost'
    """
    parts, lines = _PARTS.findall(text.strip()), []
    while parts:
        counts = range(1, len(parts) + 1)
        fitting = bisect_right(
            counts, width, key=lambda n: text_width("".join(parts[:n]).strip(), size, weight)
        )
        lines.append("".join(parts[: max(fitting, 1)]).strip())
        del parts[: max(fitting, 1)]
    return "\n".join(" ".join(line.split()) for line in lines)


def text_width(text: str, size: float, weight: str = "normal") -> float:
    """Inches that `text` takes on one line.

    >>> text_width("Toyota Motor", 8) > text_width("Toyota", 8) > text_width("Toyota", 6)
    True
    """
    return _text_width(text, size, weight, tuple(rcParams["font.family"]))


@lru_cache(maxsize=16384)  # a chart is drawn at three widths, and its words are looked at for each line
def _text_width(text: str, size: float, weight: str, family: tuple[str, ...]) -> float:
    font = FontProperties(family=list(family), size=size, weight=weight)
    width, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return float(width * POINT)


def _columns(labels: Sequence[str], width: float) -> int:
    """In how many columns a key fits into `width` inches; matplotlib fills one column after the other."""
    size = rcParams["legend.fontsize"]
    widths = [text_width(label, size) + 2.5 * size * POINT for label in labels]
    fitting = (n for n in range(len(labels), 1, -1) if sum(map(max, np.array_split(widths, n))) <= width)
    return next(fitting, 1)


def lay_out(fig: Figure) -> None:
    """Give the axes their places, without drawing.

    >>> with house_style():
    ...     drawn = figure("A title", "A unit", [], COLUMN_CM, body_cm=4)
    ...     ax = drawn.add_subplot()
    ...     lay_out(drawn)
    >>> bool(ax.get_window_extent().width < drawn.bbox.width)
    True
    """
    engine = fig.get_layout_engine()
    if fig.axes and engine:
        engine.execute(fig)


def finish(fig: Figure, form: str, native: Native | None = None, data: pd.DataFrame | None = None) -> Chart:
    """Lay out while the house style holds, and keep it: whoever saves the figure gets this one.

    `form` is what is drawn ("Dots, one row per maker"): with subtitle and title it says in words what
    the chart shows.

    >>> with house_style():
    ...     drawn = figure("Toyota owes most", "Bill, USD bn", [], COLUMN_CM, body_cm=1)
    >>> finish(drawn, "Bars, one row per maker").alt
    'Bars, one row per maker. Bill, USD bn. Toyota owes most.'
    """
    for ax in fig.axes:
        heads = {ax.get_xlabel(), ax.get_ylabel(), ax.get_title(loc="left")}
        for text in ax.findobj(Text):
            if text.get_text() in heads:
                text.set_text(said(text.get_text()))
    refuse_unset(text.get_text() for text in fig.findobj(Text))
    lay_out(fig)
    fig.set_layout_engine("none")  # or each saving would lay it out anew, and a little differently
    FigureCanvasBase(fig)  # measured: what is kept of a chart needs no pixels
    title, subtitle = (text.get_text().replace("\n", " ") for text in fig.texts[:2])
    return Chart(fig, f"{form}. {subtitle}. {title}.", native, data)


def label_rows(ax: Axes, names: Sequence[str]) -> None:
    """One row per name, the first on top; the grid stands on the value axis.

    >>> ax = Figure().add_subplot()
    >>> label_rows(ax, ["Toyota", "Honda"])
    >>> [label.get_text() for label in ax.get_yticklabels()], bool(ax.yaxis_inverted())
    (['Toyota', 'Honda'], True)
    """
    ax.set_yticks(np.arange(len(names)), [said(name) for name in names])
    ax.set_ylim(max(len(names), 1) - 0.4, -0.6)
    ax.grid(visible=False, axis="y")
    ax.grid(visible=True, axis="x")


def whiskers(ax: Axes, y: np.ndarray, value: np.ndarray, low: np.ndarray, high: np.ndarray) -> None:
    """Thin lines from low to high across marks; an end on the wrong side of its mark is left out.

    >>> ax = Figure().add_subplot()
    >>> whiskers(ax, np.array([0]), np.array([2.0]), np.array([1.0]), np.array([4.0]))
    >>> ax.collections[0].get_segments()[0].tolist()
    [[1.0, 0.0], [4.0, 0.0]]
    """
    ends = np.array([value - low, high - value]).clip(min=0)
    ax.errorbar(
        value, y, xerr=ends, fmt="none", ecolor=INK, elinewidth=0.7, capsize=1.6, capthick=0.7, zorder=4
    )


def percent_ticks(axis: Axis) -> None:
    """Label the ticks of fractions in percent, with the decimals that they have.

    >>> ax = Figure().add_subplot()
    >>> percent_ticks(ax.xaxis)
    >>> ax.xaxis.get_major_formatter().format_ticks([-0.1, 0.025])
    ['−10%', '2.5%']
    """
    axis.set_major_formatter(FuncFormatter(lambda value, _: true_minus(f"{round(100 * value, 6) + 0.0:g}%")))


def text_column(
    ax: Axes, texts: Sequence[str], points: float, heading: str = "", align: str = "right"
) -> None:
    """Numbers in a column right of the axes, ending (or starting) `points` from its edge.

    >>> ax = Figure().add_subplot()
    >>> text_column(ax, ["6.3", "-0.2"], points=20, heading="USD bn")
    >>> [text.get_text() for text in ax.texts]
    ['6.3', '−0.2', 'USD bn']
    """
    fig = ax.get_figure(root=True)
    edge = offset_copy(ax.get_yaxis_transform(), fig, x=points, units="points")
    about: dict[str, Any] = {"ha": align, "size": 6.5, "label": f"{natives.COLUMN}{points}"}
    for row, text in enumerate(texts):
        ax.text(1, row, true_minus(said(text)), transform=edge, va="center", **about)
    if heading:
        above = offset_copy(ax.transAxes, fig, x=points, y=4, units="points")
        ax.text(1, 1, said(heading), transform=above, color=SOFT, **about)


def swatch(origin: str, label: str = "") -> Patch:
    """An origin in its colour; what comes from nobody knows where is hatched.

    >>> swatch("JP", "Japan").get_label(), swatch("XX").get_hatch()
    ('Japan', '//////')
    """
    if origin == "XX":
        return Patch(facecolor="white", edgecolor=SOFT, hatch="//////", label=label)
    return Patch(facecolor=ORIGIN_COLOR.get(origin, OTHER_COLOR), edgecolor="white", label=label)


def home_key(homes: Iterable[str]) -> list[Patch]:
    """The key of the homes that occur, in the order of their colours.

    >>> [patch.get_label() for patch in home_key(["US", "JP", "US"])]
    ['Japan', 'US']
    """
    return [swatch(home, ORIGIN_NAME[home]) for home in HOME_COLOR if home in set(homes)]


def widen(ax: Axes) -> None:
    """Some air at the ends of the bars, and a scale even where nothing is owed.

    >>> ax = Figure().add_subplot()
    >>> _ = ax.barh([0], [50.0])
    >>> widen(ax)
    >>> [float(end) for end in ax.get_xlim()]
    [0.0, 51.0]
    """
    low, high = ax.dataLim.intervalx
    low, high = min(low, 0.0), max(high, 0.0)
    room = 0.02 * (high - low)
    ax.set_xlim(low - room * (low < 0), high + room if high > low else 1.0)


# Words and numbers --------------------------------------------------------------------------------


def true_minus(text: str) -> str:
    """The sign as axes print it; hyphens inside words and dates stay.

    >>> true_minus("-0.2 from 2025-04 on")
    '−0.2 from 2025-04 on'
    """
    return re.sub(r"(?<!\w)-(?=\d)", "\u2212", text)


def display_name(label: str) -> str:
    """An origin by its name; what is no origin stays.

    >>> display_name("JP"), display_name("Toyota")
    ('Japan', 'Toyota')
    """
    return ORIGIN_NAME.get(label, label)


def marked(maker: str, whole: pd.Series) -> str:
    """The maker's name, with a dagger where `whole` says that something is left out.

    >>> marked("Porsche AG", pd.Series({"Porsche AG": False})), marked("JP", pd.Series(dtype=bool))
    ('Porsche AG †', 'Japan')
    """
    return display_name(maker) + ("" if whole.get(maker, True) else " †")


def band_columns(metric: str, unit: str = "") -> list[str]:
    """Names of the columns of a figure and of the ends of its range.

    >>> band_columns("bill", "_usd")
    ['bill_usd', 'bill_low_usd', 'bill_high_usd']
    """
    return [f"{metric}{unit}", f"{metric}_low{unit}", f"{metric}_high{unit}"]


def usd_scale(usd: pd.Series | pd.DataFrame) -> tuple[float, str]:
    """Billions, or for small bills millions: what to divide by, and its name.

    >>> usd_scale(pd.Series([6.3e9, -2e8])), usd_scale(pd.Series([4e7]))
    ((1000000000.0, 'bn'), (1000000.0, 'm'))
    """
    largest: Any = usd.abs().max(axis=None)
    return (1e9, "bn") if largest >= 1e8 else (1e6, "m")


def short_number(number: float) -> str:
    """Two digits that matter, all of those before the point.

    >>> short_number(123.4), short_number(6.31), short_number(-0.042)
    ('123', '6.3', '−0.04')
    """
    size = abs(number)
    digits = 0 if size >= 9.95 or size == 0 else 1 if size >= 0.95 else 2
    text = f"{size:.{digits}f}"
    return f"\u2212{text}" if number < 0 and float(text) > 0 else text


def gap_text(share: float, solved: bool, digits: int) -> str:
    """A relative gap with its sign, in brackets where the figure is `solved` for; a dash for none.

    >>> gap_text(0.0123, solved=False, digits=1), gap_text(0.0, solved=True, digits=1)
    ('+1.2%', '(0.0%)')
    """
    if np.isnan(share):
        return "–"
    text = f"{share:+.{digits}%}".replace("-", "\u2212")
    if round(share, digits + 2) == 0:
        text = text[1:]  # zero has no sign
    return f"({text})" if solved else text


def span_text(low: float, high: float) -> str:
    """Two shares, or one where they read alike.

    >>> span_text(0.025, 0.15), span_text(0.15, 0.15001)
    ('2.5% to 15.0%', '15.0%')
    """
    return f"{low:.1%}" if f"{low:.1%}" == f"{high:.1%}" else f"{low:.1%} to {high:.1%}"


def range_text(low: float, high: float) -> str:
    """Two figures; a word between them where a dash would read as a minus.

    >>> range_text(5.2, 7.6), range_text(-0.2, 0.3)
    ('5.2–7.6', '−0.20 to 0.30')
    """
    return (
        f"{short_number(low)} to {short_number(high)}"
        if low < 0
        else f"{short_number(low)}–{short_number(high)}"
    )


def month_text(day: date) -> str:
    """The month of a day as axes write it.

    >>> month_text(date(2025, 4, 3))
    'Apr'
    """
    return f"{day:%b}"


def day_text(day: date) -> str:
    """A day as charts write it: 3 Apr 2025.

    >>> day_text(date(2025, 4, 3))
    '3 Apr 2025'
    """
    return f"{day.day} {month_text(day)} {day:%Y}"


def dated(title: str, period: str) -> str:
    """A title that quotes an amount opens with the period that it is for, where there is one.

    >>> dated("Toyota owes most", "FY2026-03"), dated("Toyota owes most", "")
    ('FY2026-03: Toyota owes most', 'Toyota owes most')
    """
    return f"{period}: {title}" if period else title


def period_text(label: str) -> str:
    """A period with its first and last day.

    >>> period_text("FY2026-03")
    'FY2026-03 (1 Apr 2025 to 31 Mar 2026)'
    """
    span = periods.parse(label)
    return f"{label} ({day_text(span.start)} to {day_text(span.end)})"


def left_out(makers: Iterable[str], reason: str) -> str:
    """Whom a chart does not show, and why; nothing if it shows all.

    >>> left_out(["Mazda", "JP"], "no price"), left_out([], "no price")
    ('Not shown, no price: Mazda, Japan', '')
    """
    names = ", ".join(display_name(maker) for maker in makers)
    return f"Not shown, {reason}: {names}" if names else ""


def quality_notes(qualities: Iterable[str]) -> list[str]:
    """What the marks of those qualities that occur mean.

    >>> quality_notes(["estimated", "reported", "reported"])
    ['● every input reported', '○ rests on at least one estimate']
    """
    found = set(qualities)
    return [note for quality, note in QUALITY_NOTE.items() if quality in found]


def origin_note(source: str, as_of: date) -> list[str]:
    """Source and day of what is drawn, as notes under a chart.

    >>> origin_note("company reports.", date(2026, 10, 30))
    ['Source: company reports', 'As of 30 Oct 2026.']
    """
    return [f"Source: {source.rstrip('.')}", f"As of {day_text(as_of)}."]


def tint(color: Color) -> Color:
    """`color` mixed with white, for areas.

    >>> [round(part, 2) for part in tint("#000000")]
    [0.65, 0.65, 0.65]
    """
    red, green, blue = (1 - 0.35 * (1 - part) for part in to_rgb(color))
    return red, green, blue


def dark(color: Color) -> Color:
    """`color` mixed with black, for letters.

    >>> [round(part, 2) for part in dark("#ffffff")]
    [0.75, 0.75, 0.75]
    """
    red, green, blue = (0.75 * part for part in to_rgb(color))
    return red, green, blue


def readable_on(color: Color) -> str:
    """Ink or white, whichever is read on `color`.

    >>> readable_on("#ffffff") == INK, readable_on("#000000")
    (True, 'white')
    """
    red, green, blue = to_rgb(color)
    return INK if 0.3 * red + 0.59 * green + 0.11 * blue > 0.5 else "white"
