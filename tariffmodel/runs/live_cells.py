"""Cells of the live workbook: where each stands, what it says, what it computes.

Every sheet of spans has the same columns, so that a column is the same days wherever one looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from xlsxwriter.worksheet import Worksheet

from tariffmodel.facts.periods import Period

ROW, COLUMN = 6, 6  # first row and column of the figures by span
INSIDE = 4  # row that says which spans are in the period
_LONGEST_LINK = 2_000  # characters; Excel refuses more than 2,079
_PLAIN = {"font_name": "Arial", "font_size": 9}
STYLES: dict[str, dict[str, Any]] = {
    "text": {},
    "bold": {"bold": True},
    "title": {"bold": True, "font_size": 13},
    "soft": {"font_color": "#666666", "italic": True},
    "wrap": {"text_wrap": True, "valign": "top"},
    "head": {"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"},
    "day": {"num_format": "yyyy-mm-dd", "bold": True},
    "link": {"font_color": "#0072B2", "underline": 1},
    "number": {"num_format": "#,##0"},
    "million": {"num_format": "#,##0.0"},
    "cell": {"num_format": "#,##0.00"},
    "rate": {"num_format": "0.00%"},
    "share": {"num_format": "0.0000"},
    "general": {},
    "flag": {"num_format": "0", "font_color": "#666666"},
    "good": {"bold": True, "font_color": "#00664B"},
}
_INPUT = {"bg_color": "#FFF6D6", "font_color": "#1F3FBF", "border": 1, "border_color": "#D8C98A"}


class _Plain(Worksheet):  # type: ignore[misc]  # has no types
    """A worksheet that takes formulas as they are: none here has a function that needs a prefix.

    Looking for each of those takes more time than all else that is written.
    """

    def _prepare_formula(self, formula: str, expand_future_functions: bool = False) -> str:  # noqa: ARG002
        return formula.removeprefix("=")


class Book:
    """A workbook and its styles; a shaded cell is one to write into.

    >>> from io import BytesIO
    >>> from xlsxwriter import Workbook
    >>> Book(Workbook(BytesIO())).sheet("Law", "Rules of the policies", "Fractions of customs value").name
    'Law'
    """

    def __init__(self, book: Any) -> None:
        self.book = book
        self.styles = {name: book.add_format({**_PLAIN, **style}) for name, style in STYLES.items()}
        self.inputs = {name: book.add_format({**_PLAIN, **style, **_INPUT}) for name, style in STYLES.items()}

    def sheet(self, name: str, title: str, note: str) -> Sheet:
        """A new sheet under its title, with what is to be known about it below that."""
        sheet = Sheet(self, name)
        sheet.text(0, 0, title, "title")
        sheet.text(1, 0, note, "soft")
        return sheet


class Sheet:
    """A worksheet that knows its name in formulas.

    >>> from io import BytesIO
    >>> from xlsxwriter import Workbook
    >>> from tariffmodel.facts import periods
    >>> sheet = Book(Workbook(BytesIO())).sheet("Units", "Vehicles that enter", "A year × its pace")
    >>> sheet.spans([periods.parse("2025-09")], np.array([True]), ["Maker"])
    >>> sheet.heads(3, ["Maker"]), sheet.text(ROW, 0, "=Toyota"), sheet.number(ROW, COLUMN, 2.0)
    (None, None, None)
    >>> sheet.formula(ROW, COLUMN + 1, f"2*{sheet.at(ROW, COLUMN)}", 4.0)
    >>> sheet.across(ROW, spans=2)
    'Units!$G$7:$H$7'
    """

    def __init__(self, book: Book, name: str) -> None:
        self.book, self.name = book, name
        self.sheet = book.book.add_worksheet(name, worksheet_class=_Plain)

    def text(self, row: int, column: int, text: object, style: str = "text", url: str = "") -> None:
        """Text as text, whatever it begins with; with a web address it is a link."""
        said = str(text)
        if url.startswith(("https://", "http://")) and len(url) < _LONGEST_LINK:
            self.sheet.write_url(row, column, url, self.book.styles["link"], said[:255])
        else:
            self.sheet.write_string(row, column, said, self.book.styles[style])

    def number(
        self, row: int, column: int, value: float, style: str = "number", shaded: bool = False
    ) -> None:
        """A figure."""
        styles = self.book.inputs if shaded else self.book.styles
        self.sheet.write_number(row, column, float(value), styles[style])

    def formula(self, row: int, column: int, formula: str, value: Any, style: str = "number") -> None:
        """What the cell computes, with its value for programs that do not."""
        kept = value if isinstance(value, str) else float(value)
        self.sheet.write_formula(row, column, f"={formula}", self.book.styles[style], kept)

    def at(self, row: int, column: int) -> str:
        """The cell, as formulas of any sheet write it."""
        return f"{self.name}!{here(row, column)}"

    def across(self, row: int, spans: int) -> str:
        """The figures of a row over all spans."""
        return f"{self.at(row, COLUMN)}:{here(row, COLUMN + spans - 1)}"

    def heads(self, row: int, names: Sequence[str]) -> None:
        """Headings."""
        for column, name in enumerate(names):
            self.text(row, column, name, "head")

    def spans(self, spans: Sequence[Period], inside: np.ndarray, labels: Sequence[str]) -> None:
        """The head of a sheet of spans: their days, whether they are in the period, and headings."""
        for row, name in ((2, "first day"), (3, "last day"), (INSIDE, "in the period (1 yes, 0 no)")):
            self.text(row, COLUMN - 1, name, "soft")
        self.heads(ROW - 1, labels)
        for number, (span, within) in enumerate(zip(spans, inside, strict=True)):
            column = COLUMN + number
            for row, day in ((2, span.start), (3, span.end)):
                self.sheet.write_datetime(row, column, day, self.book.styles["day"])
            self.number(INSIDE, column, within, "flag")
            self.text(ROW - 1, column, "", "head")
        self.sheet.set_column(0, 0, 18)
        self.sheet.set_column(1, COLUMN - 1, 13)
        self.sheet.set_column(COLUMN, COLUMN + len(spans), 12)
        self.sheet.freeze_panes(ROW, COLUMN)


@cache
def here(row: int, column: int, absolute: bool = True) -> str:
    """The cell, as formulas of its own sheet write it.

    >>> here(0, 27), here(0, 27, absolute=False)
    ('$AB$1', 'AB1')
    """
    letters, rest = "", column + 1
    while rest:
        rest, letter = divmod(rest - 1, 26)
        letters = chr(ord("A") + letter) + letters
    mark = "$" if absolute else ""
    return f"{mark}{letters}{mark}{row + 1}"
