"""What stands in the cells of a workbook, whoever packed it?

A workbook is a zip of XML files, and a few kilobytes of it can unpack to gigabytes: files of nothing but
zeros, a million texts in one list, a cell in the last row and column. What it holds is counted before it is
read, and what is read is counted before it becomes a table.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError

UNPACKED = 512 * 2**20  # bytes of a workbook's parts: a million rows of ten columns have half of it
CELLS = 10_000_000  # of a sheet, from its first to its last one with a value
_LAST_ROW = 1_048_576  # of a sheet in Excel
_CHUNK = 2**20
# what openpyxl says of looks; that it takes a date for an error, say, is not among it
_LOOKS = (
    r".*(?:extension is not supported|openpyxl's default|header or footer|Print area|DrawingML|"
    r"conditional formatting)"
)
_WRITTEN = ("utf-8", "utf-16-le", "utf-16-be")
_DECLARED = [word.encode(how) for how in _WRITTEN for word in ("<!DOCTYPE", "<!ENTITY")]


def sheets(place: Path) -> dict[str, pd.DataFrame]:
    """Cells of every sheet by its name, as wide and long as its values reach; None where empty.

    An error such as ``#NAME?`` is NaN. Times, dates and durations are what Python has for them.

    Raises
    ------
    DataError
        If it is no workbook, or one that would not fit into memory.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     pd.DataFrame({"GM": [80.5]}).to_excel(file := Path(folder) / "mine.xlsx", index=False)
    ...     sheets(file)["Sheet1"].to_numpy().tolist()
    [['GM'], [80.5]]
    """
    from openpyxl import load_workbook  # slow to import: only where a workbook is read

    _refuse_bomb(place)
    with place.open("rb") as file, warnings.catch_warnings():
        warnings.filterwarnings("ignore", _LOOKS, UserWarning)  # nobody asked about them
        book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
        try:
            return {sheet.title: _frame(place.name, sheet) for sheet in book.worksheets}
        finally:
            book.close()


def _refuse_bomb(place: Path) -> None:
    """Refuse what unpacks to more than a workbook needs, and XML that declares words of its own."""
    with ZipFile(place) as packed:
        parts = packed.infolist()
        size = sum(part.file_size for part in parts)
        if size > UNPACKED or len(parts) > 10_000:
            raise DataError(
                f"{place.name} unpacks to {size / 2**20:,.0f} MB in {len(parts):,} parts, more than "
                f"{UNPACKED / 2**20:,.0f} MB; save the sheet that is needed as .csv (UTF-8)"
            )
        for part in parts:
            name = part.filename
            if name.endswith((".xml", ".rels")) and any(map(_declares, _chunks(packed, name))):
                raise DataError(
                    f"{place.name} declares entities in {name}, as no spreadsheet program does; save it "
                    "again as .xlsx"
                )


def _chunks(packed: ZipFile, name: str) -> Iterator[bytes]:
    """A part piece by piece, each with the end of the one before."""
    with packed.open(name) as part:
        end = b""
        while piece := part.read(_CHUNK):
            yield end + piece
            end = piece[-24:]


def _declares(piece: bytes) -> bool:
    return any(word in piece for word in _DECLARED)


def _frame(file: str, sheet: Any) -> pd.DataFrame:
    from openpyxl.utils import get_column_letter

    sheet.reset_dimensions()  # what the file says of them is not to be trusted
    rows: dict[int, list[Any]] = {}
    width = passed = 0
    for number, found in enumerate(islice(sheet.iter_rows(), _LAST_ROW), start=1):
        if not found:
            continue
        passed += len(found)
        row = [_value(cell) for cell in found]
        while row and (row[-1] is None or row[-1] == ""):
            row.pop()
        if row:
            rows[number], width = row, max(width, len(row))
        if max(passed, width * number * bool(row)) > CELLS:
            where = f"{get_column_letter(max(len(row), 1))}{number}"
            raise DataError(
                f"{file}, sheet {sheet.title}: with a cell at {where} it has over {CELLS:,} cells; delete "
                "what stands far from the table, or save the sheet as .csv (UTF-8)"
            )
    cells = np.full((max(rows, default=0), width), None, dtype=object)
    for number, row in rows.items():
        cells[number - 1, : len(row)] = row
    return pd.DataFrame(cells)


def _value(cell: Any) -> Any:
    if cell.data_type == "e":
        return np.nan
    value = cell.value
    # as people see it: a whole number has no decimals
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else value
