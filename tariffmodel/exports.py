"""How do the tables and charts of a run reach a note: workbook, slides, LaTeX, Markdown?

All read a run's folder, where `charts.export` and `charts.export_table` left the data behind each
chart and table with its title and units, so what they write can be made again from it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd

from tariffmodel.errors import DataError

WORKBOOK, DECK = "tables.xlsx", "charts.pptx"
_SHEET_NAME = 31  # characters that Excel allows
_FRACTION, _WHOLE, _DECIMAL = "0.0%", "#,##0", "#,##0.00"


def tables(folder: str | Path) -> dict[str, tuple[pd.DataFrame, dict[str, Any]]]:
    """Every exported table of a run by name, with its `title` and `units`.

    Raises
    ------
    DataError
        If the folder holds no tables.
    """
    found = {}
    for about in sorted((Path(folder) / "tables").glob("*.json")):
        frame = pd.read_csv(about.with_suffix(".csv"))
        found[about.stem] = (frame, json.loads(about.read_text(encoding="utf-8")))
    if not found:
        raise DataError(f"{folder} holds no tables; give the folder of a run, such as output/latest")
    return found


def workbook(folder: str | Path, source: str) -> Path:
    """Write `tables.xlsx`: a sheet per table with title, units and source, headings frozen.

    Parameters
    ----------
    source : str
        What stands under each title: who made the table, from what, as of when.
    """
    from xlsxwriter import Workbook  # slow to import: only where a workbook is written

    path = Path(folder) / WORKBOOK
    content = BytesIO()
    book = Workbook(content, {"in_memory": True, "nan_inf_to_errors": True})
    plain = {"font_name": "Arial", "font_size": 9}
    bold = book.add_format({**plain, "bold": True})
    head = book.add_format({**plain, "bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
    soft = book.add_format({**plain, "font_color": "#666666", "italic": True})
    link = book.add_format({**plain, "font_color": "#0072B2", "underline": 1})
    cells = {form: book.add_format({**plain, "num_format": form}) for form in (_FRACTION, _WHOLE, _DECIMAL)}
    text = book.add_format(plain)
    contents = book.add_worksheet("Contents")
    contents.write(0, 0, "Tables", bold)
    contents.write(1, 0, source, soft)
    contents.set_column(0, 0, 34)
    contents.set_column(1, 1, 100)
    for number, (name, (frame, about)) in enumerate(tables(folder).items()):
        sheet = book.add_worksheet(name[:_SHEET_NAME])
        contents.write_url(number + 3, 0, f"internal:'{name[:_SHEET_NAME]}'!A1", link, name)
        contents.write(number + 3, 1, about["title"], text)
        sheet.write(0, 0, about["title"], bold)
        sheet.write(1, 0, source, soft)
        for place, column in enumerate(frame):
            unit = about["units"].get(column, "")
            form = cells.get(_number_format(frame[column], unit), text)
            sheet.write(3, place, unit, soft)
            sheet.write(4, place, column, head)
            for row, value in enumerate(frame[column], start=5):
                if pd.isna(value):
                    continue
                if isinstance(value, str):
                    sheet.write_string(row, place, value, text)
                else:
                    sheet.write(row, place, value, form)
            widest = max([len(str(column)), len(unit), *(len(str(v)) for v in frame[column].head(50))])
            sheet.set_column(place, place, min(max(widest, 8), 40))
        sheet.freeze_panes(5, 1)
        sheet.autofilter(4, 0, 4 + len(frame), max(len(frame.columns) - 1, 0))
    book.close()
    path.write_bytes(content.getvalue())
    return path


def deck(folder: str | Path, source: str) -> Path:
    """Write `charts.pptx`: a slide per chart, drawn by PowerPoint itself where it can draw it.

    Native charts carry their figures and can be restyled; the others are the picture. The
    alternative text goes with each and into the notes.

    Raises
    ------
    DataError
        If the folder holds no charts.
    """
    from pptx import Presentation  # slow to import: only where slides are written
    from pptx.util import Cm, Pt

    found = sorted((Path(folder) / "charts").glob("*.json"))
    if not found:
        raise DataError(f"{folder} holds no charts; give the folder of a run, such as output/latest")
    show = Presentation()
    show.slide_width, show.slide_height = Cm(33.87), Cm(19.05)  # 16:9
    for path in found:
        about = json.loads(path.read_text(encoding="utf-8"))
        slide = show.slides.add_slide(show.slide_layouts[5])
        heading = slide.shapes.title
        heading.left, heading.top, heading.width, heading.height = Cm(1), Cm(0.5), Cm(31.8), Cm(2.2)
        heading.text = about["title"]
        heading.text_frame.word_wrap = True
        heading.text_frame.paragraphs[0].runs[0].font.size = Pt(24)
        if about["native"]:
            shape = _native(slide, pd.read_csv(path.with_suffix(".csv")), about["native"])
        else:
            picture = slide.shapes.add_picture(str(path.with_suffix(".png")), Cm(1), Cm(3), height=Cm(14.5))
            if picture.width > Cm(31.8):
                picture.height = int(picture.height * Cm(31.8) / picture.width)
                picture.width = Cm(31.8)
            picture.left = (show.slide_width - picture.width) // 2
            shape = picture
        shape.element.xpath("./*/p:cNvPr")[0].set("descr", about["alt"])
        foot = slide.shapes.add_textbox(Cm(1), Cm(17.9), Cm(31.8), Cm(0.9)).text_frame
        foot.text = f"{source} Chart {path.stem}."
        foot.paragraphs[0].runs[0].font.size = Pt(10)
        slide.notes_slide.notes_text_frame.text = about["alt"]
    out = Path(folder) / DECK
    show.save(str(out))
    return out


def latex(folder: str | Path, name: str) -> str:
    """One exported table as LaTeX (booktabs), title as caption and units under the headings."""
    frame, about = _one(folder, name)
    shown = _formatted(frame, about["units"])
    shown.columns = [
        f"{_escaped(c)} ({_escaped(about['units'][c])})" if c in about["units"] else _escaped(c)
        for c in frame
    ]
    body = shown.map(_escaped).to_latex(index=False, escape=False, na_rep="", column_format=_align(frame))
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{_escaped(about['title'])}}}",
            body.rstrip(),
            r"\end{table}",
            "",
        ]
    )


def markdown(folder: str | Path, name: str) -> str:
    """One exported table as a Markdown table under its title."""
    frame, about = _one(folder, name)
    shown = _formatted(frame, about["units"])
    heads = [f"{c} ({about['units'][c]})" if c in about["units"] else c for c in frame]
    rule = ["---:" if mark == "r" else "---" for mark in _align(frame)]
    rows = [heads, rule, *([str(v).replace("|", "\\|") for v in row] for row in shown.to_numpy())]
    return f"**{about['title']}**\n\n" + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _one(folder: str | Path, name: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    known = tables(folder)
    if name not in known:
        raise DataError(f"no table {name!r} in {folder}; choose from {', '.join(known)}")
    return known[name]


def _native(slide: Any, data: pd.DataFrame, native: dict[str, str]) -> Any:
    from pptx.chart.data import CategoryChartData, XyChartData
    from pptx.enum.chart import XL_CHART_TYPE, XL_LEGEND_POSITION
    from pptx.util import Cm, Pt

    columns, scale = native["columns"].split(), float(native.get("scale", 1))
    values = data[columns].astype(float) / scale
    labels = data.iloc[:, 0].astype(str).to_list()
    chart_data: CategoryChartData | XyChartData
    if native["kind"] == "scatter":
        chart_data = XyChartData()
        series = chart_data.add_series(columns[1])
        for x, y in values.dropna().itertuples(index=False):
            series.add_data_point(x, y)
        kind = XL_CHART_TYPE.XY_SCATTER
    else:
        chart_data = CategoryChartData()
        chart_data.categories = labels
        for column in columns:
            chart_data.add_series(column, [None if pd.isna(v) else v for v in values[column]])
        kind = XL_CHART_TYPE.BAR_CLUSTERED if native["kind"] == "bar" else XL_CHART_TYPE.LINE
    frame = slide.shapes.add_chart(kind, Cm(1), Cm(3), Cm(31.8), Cm(14.7), chart_data)
    chart = frame.chart
    chart.font.size = Pt(12)
    chart.has_legend = len(columns) > 1 and native["kind"] != "scatter"
    if chart.has_legend:
        chart.legend.position, chart.legend.include_in_layout = XL_LEGEND_POSITION.BOTTOM, False
    axis = chart.value_axis
    axis.has_title, axis.axis_title.text_frame.text = True, native["unit"]
    axis.major_gridlines.format.line.width = Pt(0.5)
    if native["kind"] == "bar":
        chart.category_axis.reverse_order = True  # the first row on top, as in the picture
    return frame


def _number_format(column: pd.Series, unit: str) -> str:
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return ""
    if unit.startswith(("fraction", "probability")):
        return _FRACTION
    return _WHOLE if column.abs().max() >= 1000 or pd.api.types.is_integer_dtype(column) else _DECIMAL


def _formatted(frame: pd.DataFrame, units: dict[str, str]) -> pd.DataFrame:
    forms = {_FRACTION: "{:.1%}", _WHOLE: "{:,.0f}", _DECIMAL: "{:,.2f}", "": "{}"}
    return pd.DataFrame(
        {
            column: [
                "" if pd.isna(v) else forms[_number_format(frame[column], units.get(column, ""))].format(v)
                for v in frame[column]
            ]
            for column in frame
        }
    )


def _align(frame: pd.DataFrame) -> str:
    return "".join("r" if pd.api.types.is_numeric_dtype(frame[c]) else "l" for c in frame)


def _escaped(text: object) -> str:
    marks: Iterable[str] = "&%$#_{}"
    plain = str(text).replace("\\", r"\textbackslash ")
    for mark in marks:
        plain = plain.replace(mark, f"\\{mark}")
    return plain.replace("~", r"\textasciitilde{}").replace("^", r"\textasciicircum{}")
