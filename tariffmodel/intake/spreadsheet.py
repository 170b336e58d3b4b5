"""What do the cells of a CSV or Excel file say, whoever exported it?

`read` finds encoding and delimiter, `numbers` the decimal mark and `dates` the order of day and month.
Each looks at the whole file or column, says what it found, and asks where two readings are possible:
a price that is wrong by a thousand or a day in the wrong month is worse than a question.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, time, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tariffmodel import files
from tariffmodel.errors import DataError
from tariffmodel.escapes import short, unseen, visible
from tariffmodel.intake import encodings, texts, workbooks
from tariffmodel.intake.sheets import Sheet
from tariffmodel.intake.vocabulary import heading

if TYPE_CHECKING:
    import pyarrow as pa

DELIMITERS = ("\t", ";", "|", ",")  # the comma last: it may be a decimal mark in the others' files
CSV_BYTES = 2**30  # of a file of text
MISSING = {"", "-", "--", ".", "n/a", "na", "#n/a", "#n/a n/a", "@na", "nan", "none", "null"}
_MIDNIGHT = r"(?:[T ]00:00(?::00(?:\.0+)?)?(?:Z|[+-]\d\d:?\d\d)?|[T ]\d\d?:\d\d(?::\d\d(?:\.\d+)?)?)?"
_YEAR_FIRST = rf"(\d{{4}})[-/.年년] ?(\d{{1,2}})[-/.月월] ?(\d{{1,2}})[.日일]?{_MIDNIGHT}"
_YEAR_LAST = rf"(\d{{1,2}})[-/.](\d{{1,2}})[-/.](\d{{4}}|\d{{2}}){_MIDNIGHT}"
_NAMED = ("%d-%b-%Y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%d-%b-%y")
_HARMLESS = dict.fromkeys([0x200E, 0x200F, 0xFEFF, 0xAD, 0x0D, 0x200B])
_EXCEL_DAY_0 = pd.Timestamp("1899-12-30")
LARGEST = 1e300  # beyond it sums are infinite
_SERIALS = (20_000, 80_000)  # 1954 to 2119


def read(path: str | Path, *, sheet: str | None = None, encoding: str | None = None) -> Sheet:
    """Cells of a CSV, TSV or .xlsx file.

    Parameters
    ----------
    sheet : str, optional
        Of a workbook with more than one.
    encoding : str, optional
        Where the bytes can be read in two ways, such as ``"cp932"`` (Shift-JIS) or ``"cp949"``.

    Raises
    ------
    DataError
        No such file, nothing in it, one column only, or an encoding or a sheet that must be named.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import tariffmodel as tm
    >>> closes = pd.DataFrame({"Date": ["2026-01-05"], "GM": [80.5]})
    >>> with TemporaryDirectory() as place:
    ...     closes.to_csv(file := Path(place) / "mine.csv", index=False)
    ...     sheet = tm.spreadsheet.read(file)
    >>> sheet.cells.tolist(), sheet.found
    ([['Date', 'GM'], ['2026-01-05', '80.5']], {'encoding': 'utf-8-sig', 'delimiter': ','})
    """
    place = files.regular(path)
    rows: Any  # lists of cells, texts or of every kind, or columns of texts
    with place.open("rb") as file:
        kind = encodings.kind(file.read(4096))
    ending = place.suffix.lower()
    if ending in (".xlsx", ".xlsm") or (kind == "workbook" and ending not in (".ods", ".xlsb")):
        if kind == "web page":
            rows, found = _page(place, encoding)
        else:
            rows, found = _workbook(place, sheet)
    elif kind in ("old workbook", "PDF", "parquet", "XML", "workbook"):
        raise DataError(f"{place.name} is a file of the kind {kind}; save it as .xlsx or as .csv (UTF-8)")
    elif kind == "web page":
        rows, found = _page(place, encoding)
    else:
        rows, found = _text(place, encoding)
    cells = rows
    if isinstance(rows, list):
        if not any(any(row) for row in rows):
            raise DataError(f"{place.name} is empty; expected a header and rows of data")
        cells = np.full((len(rows), max(map(len, rows))), "", dtype=object)
        for number, row in enumerate(rows):
            cells[number, : len(row)] = row
        _refuse_unseen(cells, place.name)
    table = Sheet(place.name, cells, found)
    full = [at for at in range(table.shape[1]) if table.filled(at).any()]
    if len(full) < 2:
        marks = "a comma, a semicolon, a tab or |"
        raise DataError(f"{place.name} has one column only; expected columns separated by {marks}")
    if full[-1] + 1 < table.shape[1]:
        kept = range(full[-1] + 1)
        table = Sheet(
            place.name, cells[:, kept] if isinstance(cells, np.ndarray) else cells.select(kept), found
        )
    return table


def numbers(
    cells: pd.Series, file: str, *, delimiter: str = "", decimal: str | None = None
) -> tuple[pd.Series, str]:
    """Cells as numbers, and the decimal mark that makes them so.

    Empty cells and marks such as ``#N/A N/A`` (Bloomberg) or ``@NA`` (FactSet) become NaN. What is
    not a number stays as text, and the series is then of objects: the caller names it.

    Parameters
    ----------
    cells : Series
        Indexed by row of the file, all cells that share one convention.
    decimal : "." or ",", optional
        Where it cannot be told: ``1.234`` may be a thousand.

    Raises
    ------
    DataError
        Two decimal marks in one file, or a mark that may be either.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found, mark = tm.spreadsheet.numbers(pd.Series(["1.234,5", "#N/A N/A", "7"]), "mine.csv")
    >>> found.tolist(), mark
    ([1234.5, nan, 7.0], ',')
    """
    if decimal not in (None, ".", ","):
        raise DataError(f"decimal is {decimal!r}; write '.' or ','")
    clear = decimal == "." or (decimal is None and delimiter == ",")
    if texts.are(cells):
        return _numbers_of_texts(cells, file, delimiter, decimal, clear)
    if clear and (quick := _plain_numbers(cells)) is not None:
        return quick, "."
    words = _words(cells)
    mark = decimal or _decimal_mark(words, file, delimiter)
    return _read_numbers(cells, words, mark), mark


def _numbers_of_texts(
    cells: pd.Series, file: str, delimiter: str, decimal: str | None, clear: bool
) -> tuple[pd.Series, str]:
    """`numbers` of texts: what is plain is read at once, the rest one by one."""
    mark = decimal or "."
    if decimal or clear:
        value, other = texts.numbers(cells, mark, LARGEST)
        if all(str(cell).lower() in MISSING for cell in cells.iloc[other].unique()):
            return pd.Series(value, cells.index), mark
    if decimal is None:
        mark = _mark_of_texts(cells.dropna(), file, delimiter)
        value, other = texts.numbers(cells, mark, LARGEST)
    rest = cells.iloc[other].astype(object)
    read = _read_numbers(rest, _words(rest), mark)
    if read.dtype == object:
        value = value.astype(object)
    value[other] = read.to_numpy()
    return pd.Series(value, cells.index), mark


def _mark_of_texts(cells: pd.Series, file: str, delimiter: str) -> str:
    try:
        return _decimal_mark(_words(texts.alike(cells).astype(object)), file, delimiter)
    except DataError:  # which says how many cells there are of a kind
        return _decimal_mark(_words(cells.astype(object)), file, delimiter)


def _words(cells: pd.Series) -> pd.Series:
    """Those cells that are text, without what stands between digits; empty where they mean nothing."""
    words = cells[cells.map(lambda cell: isinstance(cell, str)).astype(bool)].astype(str)
    return words.str.replace(r"[\s\u00a0\u202f'’]", "", regex=True).mask(words.str.lower().isin(MISSING), "")


def _read_numbers(cells: pd.Series, words: pd.Series, mark: str) -> pd.Series:
    """Cells as numbers where they are, see `numbers`; `words` those that are text."""
    is_text = cells.map(lambda cell: isinstance(cell, str)).astype(bool)
    group = "," if mark == "." else "."
    valid = words.str.fullmatch(
        rf"[+-]?(?=[{mark}]?[0-9])(?:[0-9]{{1,3}}(?:[{group}][0-9]{{3}})+|[0-9]*)(?:[{mark}][0-9]*)?"
        r"(?:[eE][+-]?[0-9]+)?"
    )
    plain = words.str.replace(group, "", regex=False).str.replace(mark, ".", regex=False)
    value = cells.copy().astype(object)
    value[is_text] = pd.to_numeric(plain.where(valid), errors="coerce").to_numpy()
    unreadable = is_text.copy()
    unreadable[is_text] = (~valid & (words != "")).to_numpy()
    # what Excel has for a date or a time is no number, and one that is too large is named as it stands
    typed = value.map(lambda cell: isinstance(cell, (bool, date, time, timedelta)))
    beyond = value.map(lambda cell: isinstance(cell, (int, float)) and abs(cell) > LARGEST)
    if (unreadable | typed | beyond).any():
        return value.mask(unreadable | beyond, cells.map(_as_found)).mask(typed, cells.map(_as_found))
    return value.astype(float) + 0.0  # no zero below zero


def _plain_numbers(cells: pd.Series) -> pd.Series | None:
    """Cells of text that are numbers with a point, or missing; None where one may be something else."""
    if pd.api.types.infer_dtype(cells.to_numpy(dtype=object), skipna=True) not in ("string", "empty"):
        return None
    value = pd.to_numeric(cells, errors="coerce")
    other = cells[value.isna() & cells.notna()]
    written = pd.Series([str(cell).lower() for cell in other.unique()], dtype=object)
    sound = bool(written.isin(MISSING).all() and (value.abs().fillna(0) <= LARGEST).all())
    return value.astype(float) + 0.0 if sound else None


def dates(cells: pd.Series, file: str, date_format: str | None = None) -> tuple[pd.Series, str]:
    """Cells as days, and how they were written.

    Excel dates and serial numbers, 20250403, 2025-04-03 (also with a time or as 2025年4月3日),
    03/04/2025 and 3 Apr 2025 are understood; all cells must be of one kind.

    Parameters
    ----------
    cells : Series
        Indexed by row of the file, none empty.
    date_format : str, optional
        ``"day-first"``, ``"month-first"``, or a pattern of `strptime` such as ``"%d.%m.%y"``.

    Raises
    ------
    DataError
        Cells that are no date, mixed kinds, or a day and a month that may change places.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found, order = tm.spreadsheet.dates(pd.Series(["03/04/2025", "15/04/2025"]), "mine.csv")
    >>> found.dt.strftime("%Y-%m-%d").tolist(), order
    (['2025-04-03', '2025-04-15'], 'day-first')
    """
    if date_format and "%" not in date_format and date_format not in ("day-first", "month-first"):
        raise DataError(
            f"date format {date_format!r}: write day-first, month-first or a pattern like %d.%m.%Y"
        )
    if (told := _dates_once(cells, file, date_format)) is not None:
        return told
    cells = cells.astype(object)
    typed = cells.map(lambda cell: isinstance(cell, date)).astype(bool)
    words = cells.map(lambda cell: "" if isinstance(cell, date) else text(cell))
    if date_format and "%" in date_format:
        day = pd.to_datetime(cells.where(typed), errors="coerce").fillna(
            pd.to_datetime(words, format=date_format, errors="coerce")
        )
        return _all_days(day, cells, file), date_format
    serial = pd.to_numeric(words.where(words.str.fullmatch(r"\d{5}(?:\.\d+)?")), errors="coerce")
    kinds = {
        "an Excel date": typed,
        "an Excel serial number": serial.between(*_SERIALS),
        "YYYYMMDD": words.str.fullmatch(r"(?:19|20)\d{6}"),
        "year first": words.str.fullmatch(_YEAR_FIRST),
        "day or month first": words.str.fullmatch(_YEAR_LAST),
        "month by name": words.str.fullmatch(r"(?=.*[A-Za-z]{3})(?=.*\d\d)[\w ,-]{8,18}"),
    }
    number = np.select(list(kinds.values()), range(len(kinds)), -1)
    _all_days(pd.Series(number, cells.index).mask(number < 0), cells, file)
    present = [list(kinds)[kind] for kind in np.unique(number)]
    if len(present) > 1:
        shown = [f"{kind}: {_rows(cells[kinds[kind]])}" for kind in present]
        raise DataError(
            f"{file} mixes formats in one column of dates ({'; '.join(shown)}); "
            "write them all alike, such as 2025-04-03, or pass --date-format"
        )
    kind = present[0]
    if kind == "an Excel date":
        day = pd.to_datetime(cells)
    elif kind == "an Excel serial number":
        day = _EXCEL_DAY_0 + pd.to_timedelta(serial // 1, unit="D")
    elif kind == "YYYYMMDD":
        day = pd.to_datetime(words, format="%Y%m%d", errors="coerce")
    elif kind == "month by name":
        day = pd.Series(pd.NaT, cells.index, dtype="datetime64[us]")
        for pattern in _NAMED:
            day = day.fillna(pd.to_datetime(words, format=pattern, errors="coerce"))
    elif kind == "year first":
        day = _days(*(words.str.extract(_YEAR_FIRST)[part] for part in (0, 1, 2)))
    else:
        first, second, year = (words.str.extract(_YEAR_LAST)[part].astype(int) for part in (0, 1, 2))
        year = year.mask(year < 70, year + 2000).mask(year.between(70, 99), year + 1900)
        kind = date_format or _order(first, second, cells, file)
        day = _days(year, second, first) if kind == "day-first" else _days(year, first, second)
    return _all_days(day, cells, file).dt.normalize(), kind


def _dates_once(cells: pd.Series, file: str, date_format: str | None) -> tuple[pd.Series, str] | None:
    """The days of many lines one below the other, each read once; None where they hardly repeat."""
    first, codes = once(cells)
    if 2 * len(first) >= len(cells):
        return None
    day, kind = dates(first, file, date_format)
    return pd.Series(day.to_numpy()[codes], cells.index), kind


def once(cells: pd.Series) -> tuple[pd.Series, np.ndarray]:
    """The first of all equal cells, as objects in their order, and for each cell which one it is.

    >>> first, which = once(pd.Series(["GM", "F", "GM"], [2, 3, 4]))
    >>> first.to_dict(), which.tolist()
    ({2: 'GM', 3: 'F'}, [0, 1, 0])
    """
    codes, _ = pd.factorize(cells.array if texts.are(cells) else cells.to_numpy(), use_na_sentinel=False)
    codes = codes.astype("int32")
    new = np.flatnonzero(
        np.diff(np.maximum.accumulate(codes), prepend=np.int32(-1))
    )  # numbers rise as they come
    return cells.iloc[new].astype(object), codes


def text(cell: object) -> str:
    """A cell as text: a date as 2025-04-03, 45000.0 as 45000, a truth value as true or false.

    >>> import tariffmodel as tm
    >>> [tm.spreadsheet.text(cell) for cell in (date(2025, 4, 3), 45000.0, True, None)]
    ['2025-04-03', '45000', 'true', '']
    """
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, date):
        return f"{cell:%Y-%m-%d}"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, int) and abs(cell) > LARGEST:
        return short(cell)
    return "" if cell is None or cell != cell else str(cell).strip()


def _as_found(cell: object) -> str:
    return cell if isinstance(cell, str) else short(cell) if isinstance(cell, (int, float)) else str(cell)


def below_headings(
    read: Sheet, known: Sequence[str], called: Mapping[str, str] | None = None, given: Iterable[str] = ()
) -> pd.DataFrame:
    """Cells below a sheet's headings, by our names of columns; the index is the row in the file, from 1.

    Parameters
    ----------
    known : sequence of str
        Columns that there can be.
    called : mapping, optional
        Other headings that a column may have, as `vocabulary.heading` writes them.
    given : iterable of str
        Columns that are said beside the file.

    Raises
    ------
    DataError
        A column that is none of `known`, or comes twice.

    Examples
    --------
    >>> cells = np.array([["Line", "", "Close"], ["GM", "", "80"]], dtype=object)
    >>> below_headings(Sheet("mine.csv", cells, {}), ["ticker", "close"], {"line": "ticker"}).to_dict("index")
    {2: {'ticker': 'GM', 'close': '80'}}
    """
    filled = (read.cells != "").any(axis=1).nonzero()[0]
    body = read.cells[filled[1:]]
    names, others = [], called or {}
    for cell in read.cells[filled[0]]:
        plain = heading(cell)
        name = plain.replace(" ", "_")
        names.append(name if name in known else others.get(plain, others.get(name, name)))
    used = [at for at, name in enumerate(names) if name or (body[:, at] != "").any()]
    there = [names[at] for at in used]
    if wrong := [name for name in [*there, *given] if name not in known]:
        near = get_close_matches(wrong[0], known, 1)
        like = f" ({near[0]}?)" if near else ""
        raise DataError(f"{read.file}: {wrong[0]!r} is not a column{like}; there are {', '.join(known)}")
    if twice := sorted({name for name in there if there.count(name) > 1}):
        raise DataError(f"{read.file} has two columns for {twice[0]}; delete one of them")
    return pd.DataFrame(body[:, used], index=filled[1:] + 1, columns=there, dtype=object)


def looks_like_a_date(cell: object) -> bool:
    """Whether a cell can only be a date: serial numbers and 20250403 may be prices.

    >>> import tariffmodel as tm
    >>> [tm.spreadsheet.looks_like_a_date(cell) for cell in ("2025-04-03", "3/4/2025", "20250403")]
    [True, True, False]
    """
    if isinstance(cell, date):
        return True
    text = str(cell).strip()
    return any(re.fullmatch(pattern, text) for pattern in (_YEAR_FIRST, _YEAR_LAST))


def _delimiter(lines: list[str]) -> str:
    tail = [line for line in lines if line.strip()][-20:]  # data come last, whatever stands above them
    share = {mark: sum(mark in re.sub('"[^"]*"', "", line) for line in tail) for mark in DELIMITERS}
    return next((mark for mark in DELIMITERS if 2 * share[mark] > len(tail)), ",")


def _large(raw: bytes, encoding: str | None, file: str) -> tuple[pa.Table, dict[str, str]] | None:
    """A large text in columns; None where its cells must be looked at one by one."""
    if encoding in (None, "utf-8", "utf-8-sig") and texts.plain(raw):
        encoding = "utf-8-sig"
    else:
        words, encoding = encodings.decode(raw, encoding, file)
        raw = words.encode("utf-8", "surrogatepass")
        if not texts.plain(raw):
            return None
    delimiter = _delimiter(texts.last_lines(raw, 20))
    table = texts.table(raw, delimiter, file)
    return None if table is None else (table, {"encoding": encoding, "delimiter": delimiter})


def _text(place: Path, encoding: str | None) -> tuple[list[list[str]] | pa.Table, dict[str, str]]:
    raw = files.content(place, CSV_BYTES)
    if len(raw) > texts.LARGE and (found := _large(raw, encoding, place.name)) is not None:
        return found
    text, encoding = encodings.decode(raw, encoding, place.name)
    if "\0" in text:
        raise DataError(
            f"{place.name} is not a text file (it has bytes of zero); save it as .csv (UTF-8) or .xlsx"
        )
    delimiter = _delimiter(text.splitlines())
    read = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows, width = [], 0
    try:
        for row in read:
            rows.append([cell.strip() for cell in row])
            width = max(width, len(row))
            if width > texts.COLUMNS or width * len(rows) > texts.CELLS:
                raise DataError(
                    f"{place.name} row {read.line_num}: {width:,} columns and {len(rows):,} rows are too "
                    "large a table; divide it, and delete what stands far from the table"
                )
    except csv.Error as error:
        raise DataError(f"{place.name} row {read.line_num}: {error}; check its quotes") from None
    return rows, {"encoding": encoding, "delimiter": delimiter}


def _page(place: Path, encoding: str | None) -> tuple[list[list[str]], dict[str, str]]:
    text, encoding = encodings.decode(files.content(place, CSV_BYTES), encoding, place.name)
    rows, which = encodings.web_table(text, place.name)
    return rows, {"encoding": encoding, "table": which}


def _workbook(place: Path, sheet: str | None) -> tuple[list[list[object]], dict[str, str]]:
    try:
        sheets = workbooks.sheets(place)
    except DataError:
        raise
    except MemoryError:
        raise DataError(f"{place.name} does not fit into memory; save the sheet as .csv (UTF-8)") from None
    except Exception as error:  # noqa: BLE001  a broken workbook fails in zipfile, in openpyxl or in its XML
        raise DataError(
            f"{place.name} cannot be read as a workbook ({visible(error)[:100]}); save it again as .xlsx"
        ) from None
    full = {name: frame for name, frame in sheets.items() if frame.size}
    if sheet is None and len(full) > 1:
        raise DataError(f"{place.name} has the sheets {', '.join(full)}; pass sheet= with one of them")
    if sheet is not None and sheet not in sheets:
        raise DataError(f"{place.name} has no sheet {sheet!r}; it has {', '.join(sheets)}")
    chosen = sheet or next(iter(full), "")
    encodings.refuse_uncomputed(place, chosen)
    rows = full[chosen].to_numpy().tolist() if chosen in full else []
    tidy = [[cell.strip() if isinstance(cell, str) else _plain(cell) for cell in row] for row in rows]
    return tidy, {"sheet": chosen}


def _plain(cell: object) -> object:
    return "" if cell is None or cell is pd.NaT else cell


def _refuse_unseen(cells: np.ndarray, file: str) -> None:
    """Refuse text with characters that nobody sees; the marks that some programs add are dropped."""
    for number, row in enumerate(cells, start=1):
        for at, cell in enumerate(row):
            if isinstance(cell, str) and not cell.isprintable():
                plain = row[at] = cell.translate(_HARMLESS)
                if found := unseen(plain):
                    raise DataError(
                        f"{file} row {number}: {short(cell)} holds {found}, which nobody sees; take it out"
                    )


def _decimal_mark(text: pd.Series, file: str, delimiter: str) -> str:
    sure = {mark: text[text.str.fullmatch(_only(mark))] for mark in ".,"}
    if all(map(len, sure.values())):
        shown = [f"{mark!r}: {_rows(rows)}" for mark, rows in sure.items()]
        raise DataError(
            f"{file} has two decimal marks ({'; '.join(shown)}); write the numbers alike or pass decimal="
        )
    for mark, rows in sure.items():
        if len(rows):
            return mark
    either = text[text.str.fullmatch(r"[+-]?\d{1,3}[.,]\d{3}")]
    if len(either) and delimiter != ",":  # a file with comma between columns writes decimals with a point
        raise DataError(
            f"{file} {_rows(either)} may be a decimal or a thousand; pass decimal='.' or decimal=','"
        )
    return "."


def _only(mark: str) -> str:
    """Numbers in which `mark` can be nothing but the decimal mark."""
    group, mark = ("," if mark == "." else r"\."), re.escape(mark)
    grouped = rf"\d{{1,3}}(?:{group}\d{{3}})+{mark}\d+|\d{{1,3}}(?:{group}\d{{3}}){{2,}}"
    return rf"[+-]?(?:{grouped}|\d*{mark}(?!\d{{3}}$)\d*|(?:0\d*|\d{{4,}}|){mark}\d{{3}})(?:[eE][+-]?\d+)?"


def _order(first: pd.Series, second: pd.Series, cells: pd.Series, file: str) -> str:
    """Which of the two numbers before the year is the day."""
    over = {"day-first": first > 12, "month-first": second > 12}
    if all(rows.any() for rows in over.values()):
        shown = [f"{order}: {_rows(cells[rows])}" for order, rows in over.items()]
        raise DataError(
            f"{file} mixes formats in one column of dates ({'; '.join(shown)}); "
            "write them all alike, such as 2025-04-03"
        )
    for order, rows in over.items():
        if rows.any():
            return order
    raise DataError(
        f"{file} {_rows(cells)}: day and month may change places in every date; "
        "pass --date-format day-first or --date-format month-first"
    )


def _days(year: pd.Series, month: pd.Series, day: pd.Series) -> pd.Series:
    parts = pd.DataFrame({"year": year, "month": month, "day": day}).astype(int)
    return pd.to_datetime(parts, errors="coerce")


def _all_days(day: pd.Series, cells: pd.Series, file: str) -> pd.Series:
    if day.isna().any():
        wrong = _rows(cells[day.isna()])
        raise DataError(
            f"{file} {wrong} is not a date; expected a day such as 2025-04-03, without a time zone"
        )
    return day


def _rows(cells: pd.Series) -> str:
    """The first rows of some cells, as ``row 4 '03/04/2025', row 5 …``."""
    shown = [f"row {row} {short(_as_found(cell))}" for row, cell in cells.iloc[:3].items()]
    return ", ".join([*shown, f"and {len(cells) - 3} more"] if len(cells) > 3 else shown)
