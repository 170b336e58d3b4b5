"""How do the tables and charts of a run reach a note: workbook, LaTeX, Markdown, and slides (`slides`)?

All read a run's folder, where `charts.export` and `charts.export_table` left the data behind each
chart and table with its title and units, so what they write can be made again from it: the same
folder gives the same bytes. A missing value is an empty cell.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tariffmodel import files
from tariffmodel.errors import DataError
from tariffmodel.escapes import latex as latex_text
from tariffmodel.escapes import markdown as markdown_text
from tariffmodel.escapes import uncelled, visible
from tariffmodel.runs import slides
from tariffmodel.runs.office import dated

WORKBOOK, DECK = "tables.xlsx", slides.DECK
_SHEET_NAME = 31  # characters that Excel allows

Table = tuple[pd.DataFrame, dict[str, Any]]  # figures, and about them `title` and `units`


def write(folder: str | Path, source: str, as_of: date, template: str | Path | None = None) -> list[Path]:
    """Write all there is to write for the tables and charts in `folder`; returns the files.

    A workbook of all tables, each table as Markdown and LaTeX beside its CSV, and a slide for each
    chart. Without tables there is no workbook, without charts there are no slides. A chart that a later
    notebook has again, word for word, is taken out of `folder`: it is there once.

    Parameters
    ----------
    source : str
        What stands under each title: who made it, from what, as of when.
    as_of : date
        The day that workbook and slides name as their own.
    template : path, optional
        A desk's .pptx for the slides.

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
    if known_charts := slides.charts(folder):
        for repeated in set(known_charts) - set(slides.once(known_charts)):
            for copy in folder.glob(f"charts/**/{repeated.stem}.*"):
                copy.unlink()
        written.append(slides.deck(folder, source, as_of, template))
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
    if not (found := _tables(Path(folder))):
        raise DataError(f"{folder} holds no tables; give the folder of a run, such as output/latest")
    return found


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


# Workbook ----------------------------------------------------------------------------------------


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
    path.write_bytes(dated(content.getvalue(), as_of))
    return path


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
