"""How do the tables and charts of a run reach a note: workbook, slides, LaTeX, Markdown?

All read a run's folder, where `charts.export` and `charts.export_table` left the data behind each
chart and table with its title and units, so what they write can be made again from it: the same
folder gives the same bytes. A missing value is an empty cell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from io import BytesIO
from itertools import cycle
from pathlib import Path
from typing import Any, TypeVar
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import numpy as np
import pandas as pd

from tariffmodel import files
from tariffmodel.errors import DataError
from tariffmodel.escapes import latex as latex_text
from tariffmodel.escapes import markdown as markdown_text
from tariffmodel.escapes import uncelled, visible

WORKBOOK, DECK = "tables.xlsx", "charts.pptx"
_SHEET_NAME = 31  # characters that Excel allows

Table = tuple[pd.DataFrame, dict[str, Any]]  # figures, and about them `title` and `units`
Held = TypeVar("Held", dict[str, Table], list[Path])


def write(folder: str | Path, source: str, as_of: date) -> list[Path]:
    """Write all there is to write for the tables and charts in `folder`; returns the files.

    A workbook of all tables, each table as Markdown and LaTeX beside its CSV, and a slide for each
    chart. Without tables there is no workbook, without charts there are no slides.

    Parameters
    ----------
    source : str
        What stands under each title: who made it, from what, as of when.
    as_of : date
        The day that workbook and slides name as their own.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import tariffmodel as tm
    >>> bills = pd.DataFrame({"bill_usd": [6.3e9]}, index=pd.Index(["Toyota"], name="maker"))
    >>> with TemporaryDirectory() as place:
    ...     tm.charts.export_table(bills, "02_bill", place, title="Bills", as_of=date(2026, 10, 30))
    ...     [path.name for path in tm.exports.write(place, "A source.", date(2026, 10, 30))]
    ['tables.xlsx', '02_bill.md', '02_bill.tex']
    """
    folder, written = Path(folder), []
    if known := _tables(folder):
        written.append(_workbook(folder, known, source, as_of))
        for name, table in known.items():
            for kind, text in ((".md", _markdown(*table, source)), (".tex", _latex(*table, source))):
                written.append(folder / "tables" / f"{name}{kind}")
                written[-1].write_text(text, encoding="utf-8")
    if _charts(folder):
        written.append(deck(folder, source, as_of))
    return written


def tables(folder: str | Path) -> dict[str, Table]:
    """Every exported table of a run by name, with its `title` and `units`.

    Raises
    ------
    DataError
        If the folder holds no tables.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import tariffmodel as tm
    >>> bills = pd.DataFrame({"bill_usd": [6.3e9]}, index=pd.Index(["Toyota"], name="maker"))
    >>> with TemporaryDirectory() as place:
    ...     tm.charts.export_table(bills, "02_bill", place, title="Bills", as_of=date(2026, 10, 30))
    ...     frame, about = tm.exports.tables(place)["02_bill"]
    >>> about["title"], about["units"], list(frame)
    ('Bills', {'bill_usd': 'usd'}, ['maker', 'bill_usd'])
    """
    return _held(_tables(Path(folder)), "tables", folder)


def workbook(folder: str | Path, source: str, as_of: date) -> Path:
    """Write `tables.xlsx`: a sheet per table with title, units and source, headings frozen.

    `source` and `as_of` as in `write`.

    Raises
    ------
    DataError
        If the folder holds no tables.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import tariffmodel as tm
    >>> bills = pd.DataFrame({"bill_usd": [6.3e9]}, index=pd.Index(["Toyota"], name="maker"))
    >>> with TemporaryDirectory() as place:
    ...     tm.charts.export_table(bills, "02_bill", place, title="Bills", as_of=date(2026, 10, 30))
    ...     list(pd.read_excel(tm.exports.workbook(place, "A source.", date(2026, 10, 30)), sheet_name=None))
    ['Contents', '02_bill']
    """
    return _workbook(Path(folder), tables(folder), source, as_of)


def deck(folder: str | Path, source: str, as_of: date) -> Path:
    """Write `charts.pptx`: a slide per chart, drawn by PowerPoint itself where it can draw it.

    Native charts carry their figures, with ranges as error bars, and can be restyled; the others are
    the picture. The alternative text goes with each and into the notes. `source` and `as_of` as in `write`.

    Raises
    ------
    DataError
        If the folder holds no charts.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> tm.exports.deck("output/one", "A source.", date(2026, 10, 30))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    tariffmodel.errors.DataError: output/one holds no charts; give the folder of a run, such as ...
    """
    from pptx import Presentation  # slow to import: only where slides are written
    from pptx.util import Cm, Pt

    found = _held(_charts(Path(folder)), "charts", folder)
    show = Presentation()
    show.core_properties.author, show.core_properties.title = "tariffmodel", source
    show.core_properties.last_modified_by = "tariffmodel"
    show.slide_width, show.slide_height = Cm(33.87), Cm(19.05)  # 16:9
    for path in found:
        about = files.json(path)
        slide = show.slides.add_slide(show.slide_layouts[5])
        heading = slide.shapes.title
        heading.left, heading.top, heading.width, heading.height = Cm(1), Cm(0.5), Cm(31.8), Cm(2.2)
        heading.text = about["title"]
        heading.text_frame.word_wrap = True
        heading.text_frame.paragraphs[0].runs[0].font.size = Pt(24)
        native, data = about["native"], _uncelled(files.csv(path.with_suffix(".csv"), typed=True))
        if native and data[native["columns"]].notna().any(axis=None):  # else Office draws nothing
            shape = _native(slide, data, native)
        else:
            shape = slide.shapes.add_picture(str(path.with_suffix(".png")), Cm(1), Cm(3))
            shape.crop_top = about.get("title_share", 0.0)  # it stands above the picture already
            shape.height = int(shape.height * (1 - shape.crop_top))
            shape.width, shape.height = int(shape.width * Cm(14.5) / shape.height), Cm(14.5)
            if shape.width > Cm(31.8):
                shape.height = int(shape.height * Cm(31.8) / shape.width)
                shape.width = Cm(31.8)
            shape.left = (show.slide_width - shape.width) // 2
        shape.element.xpath("./*/p:cNvPr")[0].set("descr", about["alt"])
        foot = slide.shapes.add_textbox(Cm(1), Cm(17.9), Cm(31.8), Cm(0.9)).text_frame
        foot.text = f"{source} Chart {path.stem}."
        foot.paragraphs[0].runs[0].font.size = Pt(10)
        slide.notes_slide.notes_text_frame.text = about["alt"]
    content = BytesIO()
    show.save(content)
    out = Path(folder) / DECK
    out.write_bytes(_dated(content.getvalue(), as_of))
    return out


def latex(folder: str | Path, name: str, source: str) -> str:
    """One exported table as LaTeX (booktabs): title as caption, units in the headings, source below.

    >>> from tempfile import TemporaryDirectory
    >>> import tariffmodel as tm
    >>> bills = pd.DataFrame({"bill_usd": [6.3e9]}, index=pd.Index(["Toyota"], name="maker"))
    >>> with TemporaryDirectory() as place:
    ...     tm.charts.export_table(bills, "02_bill", place, title="Bills", as_of=date(2026, 10, 30))
    ...     text = tm.exports.latex(place, "02_bill", "A source.")
    >>> "booktabs" in text, "Toyota & 6,300,000,000" in text
    (True, True)
    """
    return _latex(*_one(folder, name), source)


def markdown(folder: str | Path, name: str, source: str) -> str:
    """One exported table as a Markdown table under its title, with its source below.

    >>> from tempfile import TemporaryDirectory
    >>> import tariffmodel as tm
    >>> bills = pd.DataFrame({"bill_usd": [6.3e9]}, index=pd.Index(["Toyota"], name="maker"))
    >>> with TemporaryDirectory() as place:
    ...     tm.charts.export_table(bills, "02_bill", place, title="Bills", as_of=date(2026, 10, 30))
    ...     tm.exports.markdown(place, "02_bill", "A source.").splitlines()[2:5]
    ['| Maker | Bill (usd) |', '| --- | ---: |', '| Toyota | 6,300,000,000 |']
    """
    return _markdown(*_one(folder, name), source)


def _held(found: Held, what: str, folder: str | Path) -> Held:
    if not found:
        raise DataError(f"{folder} holds no {what}; give the folder of a run, such as output/latest")
    return found


def _tables(folder: Path) -> dict[str, Table]:
    found = {}
    for about in sorted(folder.glob("tables/*.json")):
        if (table := about.with_suffix(".csv")).is_file():  # else it is not ours
            frame = _uncelled(files.csv(table, typed=True, na_values=[""], keep_default_na=False))
            frame.columns = ["" if str(c).startswith("Unnamed: ") else c for c in frame]
            found[about.stem] = (frame, files.json(about))
    return found


def _one(folder: str | Path, name: str) -> Table:
    known = tables(folder)
    if name not in known:
        raise DataError(f"no table {name!r} in {folder}; choose from {', '.join(known)}")
    return known[name]


def _charts(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("charts/*.json") if path.with_suffix(".csv").is_file())


# Workbook and slides ------------------------------------------------------------------------------


def _workbook(folder: Path, known: Mapping[str, Table], source: str, as_of: date) -> Path:
    from xlsxwriter import Workbook  # slow to import: only where a workbook is written

    content = BytesIO()
    as_text = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = Workbook(content, {"in_memory": True, **as_text})
    book.set_properties({"title": visible(source), "author": "tariffmodel"})
    plain = {"font_name": "Arial", "font_size": 9}
    bold = book.add_format({**plain, "bold": True})
    head = book.add_format({**plain, "bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
    soft = book.add_format({**plain, "font_color": "#666666", "italic": True})
    link = book.add_format({**plain, "font_color": "#0072B2", "underline": 1})
    text = book.add_format(plain)
    contents = book.add_worksheet("Contents")
    contents.write(0, 0, "Tables", bold)
    contents.write(1, 0, source, soft)
    contents.set_column(0, 0, 34)
    contents.set_column(1, 1, 100)
    for number, (name, (frame, about)) in enumerate(known.items(), start=1):
        # Excel cuts nothing itself: a longer name is refused, and so is one that occurs twice
        short = name if len(name) <= _SHEET_NAME else f"{name[: _SHEET_NAME - 4]}~{number:03d}"
        sheet = book.add_worksheet(short)
        contents.write_url(number + 2, 0, f"internal:'{short}'!A1", link, name)
        contents.write_string(number + 2, 1, about["title"], text)
        sheet.write_string(0, 0, about["title"], bold)
        sheet.write_string(1, 0, source, soft)
        for place, column in enumerate(map(str, frame)):
            unit, values = about["units"].get(column, ""), frame.iloc[:, place]
            form = book.add_format({**plain, "num_format": _excel_format(values, unit)})
            sheet.write(2, place, about["headings"].get(column), bold)
            sheet.write(3, place, unit or None, soft)
            sheet.write_string(4, place, column, head)
            for row, value in enumerate(values.to_list(), start=5):
                if pd.isna(value):
                    continue
                if isinstance(value, str) or value in (np.inf, -np.inf):
                    sheet.write_string(row, place, str(value), text)
                else:
                    sheet.write(row, place, value, form)
            widest = max([len(column), len(unit), *(len(str(value)) for value in values.head(50))])
            sheet.set_column(place, place, min(max(widest, 8), 40))
        sheet.freeze_panes(5, 1)
        sheet.autofilter(4, 0, 4 + len(frame), max(len(frame.columns) - 1, 0))
    book.close()
    path = folder / WORKBOOK
    path.write_bytes(_dated(content.getvalue(), as_of))
    return path


def _native(slide: Any, data: pd.DataFrame, native: Mapping[str, Any]) -> Any:
    from pptx.chart.data import CategoryChartData, XyChartData
    from pptx.enum.chart import XL_CHART_TYPE, XL_LEGEND_POSITION, XL_TICK_LABEL_POSITION
    from pptx.util import Cm, Pt

    columns, scatter = native["columns"], native["kind"] == "scatter"
    if scatter:
        data = data[np.isfinite(data[columns].astype(float)).all(axis=1)]
    labels = data.iloc[:, 0].astype(str).to_list()
    figures = _scaled(data, columns, native)
    chart_data: CategoryChartData | XyChartData
    if scatter:
        chart_data = XyChartData()
        series = chart_data.add_series(columns[1])
        for x, y in figures.itertuples(index=False):
            series.add_data_point(x, y)
        kind = XL_CHART_TYPE.XY_SCATTER
    else:
        chart_data = CategoryChartData()
        chart_data.categories = labels
        for column in columns:
            name = column.removesuffix("_usd").replace("_", " ")
            chart_data.add_series(name, [None if pd.isna(v) else v for v in figures[column]])
        kind = XL_CHART_TYPE.BAR_CLUSTERED if native["kind"] == "bar" else XL_CHART_TYPE.LINE
    frame = slide.shapes.add_chart(kind, Cm(1), Cm(3), Cm(31.8), Cm(14.7), chart_data)
    chart = frame.chart
    chart.font.size = Pt(12)
    chart.has_title = False  # or PowerPoint sets the name of a single series there
    chart.has_legend = len(columns) > 1 and not scatter
    if chart.has_legend:
        chart.legend.position, chart.legend.include_in_layout = XL_LEGEND_POSITION.BOTTOM, False
    for axis, unit in ((chart.value_axis, native["unit"]), (chart.category_axis, native.get("x_unit"))):
        axis.tick_label_position = XL_TICK_LABEL_POSITION.LOW  # clear of bars and points below zero
        if unit:
            axis.has_title, axis.axis_title.text_frame.text = True, unit
    chart.value_axis.major_gridlines.format.line.width = Pt(0.5)
    chart.value_axis.major_gridlines.format.line.color.rgb = _rgb("#DDDDDD")
    if native["kind"] == "bar":
        chart.category_axis.reverse_order = True  # the first row on top, as in the picture
        chart.plots[0].gap_width = 40
    _paint(chart.plots[0].series, figures, data, labels, scatter)
    for drawn, column in zip(chart.plots[0].series, columns[-1:] if scatter else columns, strict=True):
        if ends := _ends(data, column, alone=len(columns) == 1 or scatter):
            low, high = (_scaled(data, [end], native)[end] for end in ends)
            _error_bars(drawn, figures[column] - low, high - figures[column], native["kind"])
    return frame


def _scaled(data: pd.DataFrame, columns: list[str], native: Mapping[str, Any]) -> pd.DataFrame:
    """Figures in the unit of the chart; Office knows no infinite ones."""
    values: pd.DataFrame = data[columns].astype(float) / native["scale"]
    return values.replace([np.inf, -np.inf], np.nan)


def _rgb(color: str) -> Any:
    from pptx.dml.color import RGBColor

    return RGBColor.from_string(color.removeprefix("#"))


def _paint(
    series: Sequence[Any], figures: pd.DataFrame, data: pd.DataFrame, labels: list[str], scatter: bool
) -> None:
    """The colours of the pictures: makers by home, other series by the house cycle; points by name."""
    from matplotlib import rcParams
    from pptx.enum.chart import XL_LABEL_POSITION, XL_MARKER_STYLE
    from pptx.util import Pt

    from tariffmodel.charts import house

    with house.house_style():
        colors = rcParams["axes.prop_cycle"].by_key()["color"]
    for one, color in zip(series, cycle(colors)):
        look = one.marker.format if scatter else one.format
        if "home" in data and len(series) == 1:
            color = house.OTHER_COLOR
            for row, home in enumerate(data["home"]):
                point = one.points[row]
                spot = point.marker.format if scatter else point.format
                spot.fill.solid()
                spot.fill.fore_color.rgb = _rgb(house.HOME_COLOR.get(home, house.OTHER_COLOR))
        if scatter:
            one.marker.style, one.marker.size = XL_MARKER_STYLE.CIRCLE, 8
            one.format.line.fill.background()  # points, not a path through them
            for row in _apart(figures):
                text = one.points[row].data_label
                text.position = XL_LABEL_POSITION.RIGHT
                text.text_frame.text = labels[row]
                text.text_frame.paragraphs[0].runs[0].font.size = Pt(10)
        elif one.__class__.__name__ == "LineSeries":
            one.smooth, one.format.line.width = False, Pt(2)
            one.format.line.color.rgb, one.marker.style = _rgb(color), XL_MARKER_STYLE.NONE
            continue
        look.fill.solid()
        look.fill.fore_color.rgb = _rgb(color)


def _apart(points: pd.DataFrame) -> list[int]:
    """Rows with room for a name: no point that is named before lies beside it."""
    place = (points / (points.max() - points.min()).replace(0, 1)).to_numpy()
    named: list[int] = []
    for row, (x, y) in enumerate(place):
        if not any(abs(x - place[k, 0]) < 0.12 and abs(y - place[k, 1]) < 0.05 for k in named):
            named.append(row)
    return named


def _ends(data: pd.DataFrame, column: str, alone: bool) -> tuple[str, str] | None:
    """The columns that hold the range of `column`: ``bill_low_usd`` for ``bill_usd``, else ``low``."""
    stem, unit = (column.removesuffix("_usd"), "_usd") if column.endswith("_usd") else (column, "")
    for pair in ((f"{stem}_low{unit}", f"{stem}_high{unit}"), ("low", "high") if alone else ()):
        if pair and set(pair) <= set(data):
            return pair
    return None


def _error_bars(series: Any, minus: pd.Series, plus: pd.Series, kind: str) -> None:
    """The range of each figure, which python-pptx cannot draw itself."""
    from pptx.oxml import parse_xml
    from pptx.oxml.ns import nsdecls

    def literal(tag: str, values: pd.Series) -> str:
        filled = values.clip(lower=0).reset_index(drop=True).dropna()
        points = "".join(f'<c:pt idx="{k}"><c:v>{v!r}</c:v></c:pt>' for k, v in filled.items())
        return f'<c:{tag}><c:numLit><c:ptCount val="{len(values)}"/>{points}</c:numLit></c:{tag}>'

    xml = (
        f"<c:errBars {nsdecls('c', 'a')}>"
        + ("" if kind == "bar" else '<c:errDir val="y"/>')
        + '<c:errBarType val="both"/><c:errValType val="cust"/><c:noEndCap val="0"/>'
        + literal("plus", plus)
        + literal("minus", minus)
        + '<c:spPr><a:ln w="9525"><a:solidFill><a:srgbClr val="222222"/></a:solidFill>'
        + "</a:ln></c:spPr></c:errBars>"
    )
    after = {"cat", "val", "xVal", "yVal", "smooth", "bubbleSize"}
    element = series._element  # noqa: SLF001  python-pptx has no way round it
    place = next(k for k, part in enumerate(element) if part.tag.rpartition("}")[2] in after)
    element.insert(place, parse_xml(xml))


def _dated(content: bytes, as_of: date) -> bytes:
    """An Office file, and those inside it, as if made on the morning of `as_of`: it is a zip archive."""
    day, fresh = datetime(as_of.year, as_of.month, as_of.day), BytesIO()  # noqa: DTZ001  nor has the archive
    with ZipFile(BytesIO(content)) as old, ZipFile(fresh, "w", ZIP_DEFLATED) as new:
        for name in old.namelist():
            part = old.read(name)
            if name.endswith(".xlsx"):  # the figures behind a native chart
                part = _dated(part, as_of)
            elif name == "docProps/core.xml":
                stamp = f">{day.isoformat()}Z<".encode()
                part = re.sub(rb">\d{4}-\d\d-\d\dT[\d:]+Z<", stamp, part)
            new.writestr(ZipInfo(name, day.timetuple()[:6]), part, ZIP_DEFLATED)
    return fresh.getvalue()


# Numbers and text ---------------------------------------------------------------------------------


def _digits(values: pd.Series, unit: str) -> int | None:
    """Digits after the point that show the smallest figure of a column; None if no number does for all."""
    if unit.startswith("as in "):
        return None  # each row has a unit of its own
    sizes = values.astype(float).abs()
    sizes = sizes[(sizes > 0) & np.isfinite(sizes)]
    if (sizes % 1 == 0).all():
        return 0
    low, high = sizes.min(), sizes.max()
    if high >= 1e6 and low < 1 and not unit.startswith("usd"):
        return None  # a column of different things
    most = 4 if high < 10 else 3 if high < 1_000 else 2 if high < 1e5 else 0
    return int(np.clip(2 - np.floor(np.log10(low)), 0, most))


def _is_share(unit: str) -> bool:
    return unit.startswith("fraction") and not unit.startswith("fraction per")


def _is_number(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def _share_digits(values: pd.Series) -> int:
    return 1 if values.abs().replace(np.inf, np.nan).max() >= 0.1 else 2


def _excel_format(values: pd.Series, unit: str) -> str:
    if not _is_number(values):
        return "General"
    if _is_share(unit):
        return f"0.{'0' * _share_digits(values)}%"
    digits = _digits(values, unit)
    return "General" if digits is None else "#,##0" + "." * bool(digits) + "0" * digits


def _formatted(frame: pd.DataFrame, units: Mapping[str, str]) -> list[list[str]]:
    """Rows of text, with figures as the workbook would show them."""
    columns = [
        _texts(frame.iloc[:, place], units.get(column, "")) for place, column in enumerate(map(str, frame))
    ]
    return [list(row) for row in zip(*columns, strict=True)]


def _texts(values: pd.Series, unit: str) -> list[str]:
    if not _is_number(values):
        return ["" if pd.isna(value) else str(value) for value in values]
    digits = _digits(values, unit)
    if _is_share(unit):
        form = f"z.{_share_digits(values)}%"
    elif digits is not None:
        form = f"z,.{digits}f"
    else:
        form = ",.10g"
    return ["" if pd.isna(value) else format(value, form) for value in values]


def _headings(frame: pd.DataFrame, about: Mapping[str, Any]) -> list[str]:
    names = [(about["headings"].get(name, name), about["units"].get(name)) for name in map(str, frame)]
    return [f"{name} ({unit})" if unit else name for name, unit in names]


def _align(frame: pd.DataFrame) -> list[str]:
    return ["r" if _is_number(frame.iloc[:, k]) else "l" for k in range(frame.shape[1])]


def _markdown(frame: pd.DataFrame, about: Mapping[str, Any], source: str) -> str:
    rule = ["---:" if mark == "r" else "---" for mark in _align(frame)]
    body = [_headings(frame, about), *_formatted(frame, about["units"])]
    head, *rows = [list(map(markdown_text, row)) for row in body]
    lines = [f"| {' | '.join(row)} |" for row in (head, rule, *rows)]
    return "\n".join([f"**{markdown_text(about['title'])}**", "", *lines, "", markdown_text(source), ""])


def _latex(frame: pd.DataFrame, about: Mapping[str, Any], source: str) -> str:
    body = [_headings(frame, about), *_formatted(frame, about["units"])]
    head, *rows = [" & ".join(map(latex_text, row)) + r" \\" for row in body]
    lines = [
        r"\begin{table}  % needs \usepackage{booktabs}",
        r"\centering",
        rf"\caption{{{latex_text(about['title'])}}}",
        rf"\begin{{tabular}}{{{''.join(_align(frame))}}}",
        r"\toprule",
        head,
        r"\midrule",
        *rows,
        r"\bottomrule",
        r"\end{tabular}",
        "",
        rf"\smallskip\footnotesize {latex_text(source)}",
        r"\end{table}",
        "",
    ]
    return "\n".join(lines)


def _uncelled(frame: pd.DataFrame) -> pd.DataFrame:
    """A table that was written for spreadsheets, with its texts as they were."""
    return frame.rename(columns=uncelled).map(
        lambda value: uncelled(value) if isinstance(value, str) else value
    )
