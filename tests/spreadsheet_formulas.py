"""The few functions of a spreadsheet that the live workbook uses, computed cell by cell from the file alone.

An implementation of its own: it knows no engine, only the formulas and the numbers that stand in cells.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.utils import column_index_from_string

_TOKEN = re.compile(
    r'"[^"]*"'  # text
    r"|(?:'[^']+'!|[A-Za-z_]\w*!)?\$?[A-Z]{1,3}\$?\d+(?::\$?[A-Z]{1,3}\$?\d+)?"  # cells, with their sheet
    r"|[A-Za-z_]\w*\(?"  # functions and names
    r"|\d+\.?\d*(?:[eE][-+]?\d+)?|<=|>=|<>|[-+*/^(),=<>]"
)
_CELL = re.compile(r"\$?([A-Z]{1,3})\$?(\d+)")
_SIGNS = {"^": "**", "=": "==", "<>": "!="}


class Area:
    """A range of cells, read when they are asked for."""

    def __init__(self, book: Workbook, sheet: str, first: str, last: str) -> None:
        self.book, self.sheet = book, sheet
        (left, top), (right, bottom) = _place(first), _place(last)
        self.cells = [(c, r) for r in range(top, bottom + 1) for c in range(left, right + 1)]

    def __iter__(self):
        return (self[k] for k in range(len(self.cells)))

    def __len__(self):
        return len(self.cells)

    def __getitem__(self, k: int) -> Any:
        return self.book.at(self.sheet, *self.cells[k])


def _place(cell: str) -> tuple[int, int]:
    letters, row = _CELL.fullmatch(cell).groups()
    return column_index_from_string(letters), int(row)


def _numbers(*values: Any):
    for value in values:
        if isinstance(value, Area):
            yield from (one for one in value if isinstance(one, int | float))
        else:
            yield value or 0.0


class Workbook:
    """Formulas of a file, with cells that can be set; what depends on them follows."""

    def __init__(self, path: Path) -> None:
        book = openpyxl.load_workbook(path)
        self.raw = {
            sheet.title: {(c.column, c.row): c.value for row in sheet.iter_rows() for c in row}
            for sheet in book
        }
        self.names = {name: defined.attr_text for name, defined in book.defined_names.items()}
        self.code: dict[tuple[str, int, int], Any] = {}
        self.known: dict[tuple[str, int, int], Any] = {}
        self.reads = {
            "SUM": lambda *a: math.fsum(_numbers(*a)),
            "SUMPRODUCT": lambda a, b: math.fsum((x or 0) * (y or 0) for x, y in zip(a, b, strict=True)),
            "INDEX": lambda area, k: area[round(k) - 1],
            "MATCH": lambda what, area, exact: list(area).index(what) + 1,
            "MIN": lambda *a: min(_numbers(*a)),
            "MAX": lambda *a: max(_numbers(*a)),
            "IF": lambda test, yes, no: yes() if test else no(),
            "AND": lambda *a: all(a),
            "ABS": abs,
            "EXP": math.exp,
            "COUNTIF": lambda area, what: sum(one == what for one in area),
            "cell": self.at,
            "area": lambda *a: Area(self, *a),
        }

    def __getitem__(self, place: tuple[str, str]) -> Any:
        return self.at(place[0], *_place(place[1]))

    def __setitem__(self, place: tuple[str, str], value: Any) -> None:
        self.raw[place[0]][_place(place[1])] = value
        self.known.clear()

    def at(self, sheet: str, column: int, row: int) -> Any:
        key = sheet, column, row
        if key not in self.known:
            value = self.raw[sheet].get((column, row))
            if isinstance(value, str) and value.startswith("="):
                if key not in self.code:
                    self.code[key] = compile(self._python(sheet, value[1:]), value, "eval")
                value = eval(self.code[key], self.reads)  # formulas of our own file
            self.known[key] = value
        return self.known[key]

    def _python(self, sheet: str, formula: str) -> str:
        words, depth = [], []  # of each open bracket: whether it is of an IF, and its argument
        for token in _TOKEN.findall(formula):
            if token.endswith("("):
                depth.append([token == "IF(", 0])
                words.append(token)
            elif token == "(":
                depth.append([False, 0])
                words.append(token)
            elif token == ")":
                depth.pop()
                words.append(token)
            elif token == ",":
                depth[-1][1] += 1
                words.append(",lambda:" if depth[-1][0] else ",")
            elif token in self.names:
                words.append(self._cells(sheet, self.names[token]))
            elif re.match(r"[A-Za-z'$]", token):
                words.append(self._cells(sheet, token))
            else:
                words.append(_SIGNS.get(token, token))
        return "".join(words)

    @staticmethod
    def _cells(sheet: str, token: str) -> str:
        name, _, cells = token.rpartition("!")
        name, (first, _, last) = name.strip("'") or sheet, cells.partition(":")
        if last:
            return f"area({name!r},{first!r},{last!r})"
        return "cell({!r},{},{})".format(name, *_place(first))
