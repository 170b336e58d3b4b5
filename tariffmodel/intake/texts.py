"""How is a large table of text read, so that a cell takes its bytes and no more?

The cells stay in columns as Arrow holds them, from the file to the numbers. What is not plain is handed
back, or to `spreadsheet`, which looks at each cell.
"""

from __future__ import annotations

import codecs
import csv
import unicodedata
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa  # slow to import

LARGE = 4 * 2**20  # bytes from which a table is read in columns
COLUMNS, CELLS = 20_000, 100_000_000  # of a table
_ORDINARY = bytes(range(0x20, 0x7F)) + b"\t\n\r"
_ENDS = 40  # lines above and below a table that may have fewer cells
_BLOCK = 2**20  # bytes that are read at once, of a table with few columns
_BESIDE = "[\\s\u00a0\u202f'’]"  # between the digits of a number


def plain(raw: bytes) -> bool:
    r"""Whether bytes are UTF-8 without characters that nobody sees.

    >>> plain(b"Date,GM\n"), plain("Date,\u200bGM\n".encode()), plain(b"Date,GM\0\n"), plain(b"\xfcber")
    (True, False, False, False)
    """
    beside = raw.translate(None, _ORDINARY).removeprefix(codecs.BOM_UTF8)
    try:
        signs = set(beside.decode("utf-8"))
    except UnicodeDecodeError:
        return False
    return all(sign.isprintable() or unicodedata.category(sign) == "Zs" for sign in signs)


def last_lines(raw: bytes, count: int) -> list[str]:
    r"""The last lines of a text, whole.

    >>> last_lines(b"Date,GM\n2026-01-05,80\n", 1)
    ['2026-01-05,80']
    """
    return raw[_back(raw, _end(raw), count) : _end(raw)].decode("utf-8", "replace").splitlines()


def table(raw: bytes, delimiter: str, file: str) -> pa.Table | None:
    r"""The cells of a text in columns, stripped; None where rows within it differ in how many they have.

    Parameters
    ----------
    raw : bytes
        That are `plain`.

    Raises
    ------
    DataError
        If there are too many cells.

    Examples
    --------
    >>> table(b"My export\nDate,GM\n2026-01-05, 80\n", ",", "mine.csv").to_pydict()
    {'f0': ['My export', 'Date', '2026-01-05'], 'f1': ['', 'GM', '80']}
    """
    import pyarrow as pa
    from pyarrow import compute
    from pyarrow import csv as columns

    raw, width = _evened(raw.removeprefix(codecs.BOM_UTF8), delimiter)
    if not 2 <= width <= COLUMNS:
        return None
    whole = pa.py_buffer(raw)
    try:
        found = columns.read_csv(
            pa.BufferReader(whole.slice(0, _end(raw))),
            columns.ReadOptions(
                column_names=[f"f{at}" for at in range(width)],
                block_size=min(max(_BLOCK, 2**14 * width), 2**26),
            ),
            columns.ParseOptions(
                delimiter=delimiter, ignore_empty_lines=False, newlines_in_values=b'"' in raw
            ),
            columns.ConvertOptions(
                column_types={f"f{at}": pa.string() for at in range(width)}, strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid:
        return None
    if width * len(found) > CELLS:
        raise DataError(
            f"{file} row {CELLS // width + 1}: {width:,} columns and {len(found):,} rows are too large a "
            "table; divide it, and delete what stands far from the table"
        )
    if not raw.isascii() or any(mark in raw for mark in (b" ", b"\t", b"\r", b'"')):
        plainly = [compute.utf8_trim_whitespace(column) for column in found.columns]
        found = pa.table(plainly, found.column_names)
    return found


def objects(found: pa.Table) -> np.ndarray:
    """Cells as an array of texts (rows, columns); one that occurs often is kept once.

    >>> import pyarrow as pa
    >>> objects(pa.table({"a": ["Date", "2026-01-05"], "b": ["GM", "80"]})).tolist()
    [['Date', 'GM'], ['2026-01-05', '80']]
    """
    cells = np.empty(found.shape, dtype=object)
    for at in range(found.num_columns):
        column = found.column(at).combine_chunks()
        coded = column.dictionary_encode()
        if 2 * len(coded.dictionary) < len(column):
            once = np.array(coded.dictionary.to_pylist(), dtype=object)
            cells[:, at] = once[coded.indices.to_numpy()]
        else:
            cells[:, at] = column.to_numpy(zero_copy_only=False)
    return cells


def filled(column: pa.ChunkedArray) -> np.ndarray:
    """Which texts are not empty.

    >>> import pyarrow as pa
    >>> filled(pa.chunked_array([["80", ""]])).tolist()
    [True, False]
    """
    from pyarrow import compute

    told: np.ndarray = compute.not_equal(column, "").to_numpy()
    return told


def stacked(found: pa.Table, columns: Sequence[int | None], rows: np.ndarray) -> pd.Series:
    """Cells of some rows (counted from 0, rising), column below column, missing where one is None.

    >>> import pyarrow as pa
    >>> held = pa.table({"a": ["Date", "2026-01-05"], "b": ["GM", "80"]})
    >>> stacked(held, [1, None], np.array([1])).tolist()
    ['80', nan]
    """
    import pyarrow as pa

    blank = pa.nulls(len(rows), pa.string())
    together = len(rows) and rows[-1] - rows[0] + 1 == len(rows)

    def picked(column: pa.ChunkedArray) -> list[pa.Array]:
        some = column.slice(rows[0], len(rows)) if together else column.take(pa.array(rows))
        chunks: list[pa.Array] = some.chunks
        return chunks

    parts = [[blank] if at is None else picked(found.column(at)) for at in columns]
    whole: pd.Series = pa.chunked_array(chain.from_iterable(parts), pa.string()).to_pandas()
    return whole.astype("str")


def worded(found: pa.Table) -> list[str]:
    """Texts that begin with no number, each once.

    >>> import pyarrow as pa
    >>> worded(pa.table({"a": ["Date", "2026-01-05"], "b": ["GM", "-1.5"]}))
    ['Date', 'GM']
    """
    from pyarrow import compute

    every: dict[str, None] = {}
    for column in found.columns:
        told = compute.match_substring_regex(column, r"^[+.-]*[^0-9+.-]")
        every |= dict.fromkeys(compute.unique(column.filter(told)).to_pylist())
    return list(every)


def places(found: pa.Table, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of each cell that is one of some texts, counted from 0, row by row; and which of them.

    >>> import pyarrow as pa
    >>> where, which = places(pa.table({"a": ["Date", "GM"], "b": ["GM", "80"]}), ["F", "GM"])
    >>> where.tolist(), which.tolist()
    ([[0, 1], [1, 0]], [1, 1])
    """
    import pyarrow as pa
    from pyarrow import compute

    there = [np.empty((0, 3), dtype=int)]
    for at, column in enumerate(found.columns):
        which = compute.fill_null(compute.index_in(column, pa.array(words, pa.string())), -1).to_numpy()
        rows = np.flatnonzero(which >= 0)
        there.append(np.column_stack([rows, np.full(len(rows), at), which[rows]]))
    every = np.concatenate(there)
    every = every[np.lexsort((every[:, 1], every[:, 0]))]
    return every[:, :2], every[:, 2]


def without(found: pa.Table, places: np.ndarray) -> pa.Table:
    """A table with nothing in some cells (row and column, counted from 0).

    >>> import pyarrow as pa
    >>> without(pa.table({"a": ["Date", "#NAME?"]}), np.array([[1, 0]])).to_pydict()
    {'a': ['Date', '']}
    """
    import pyarrow as pa
    from pyarrow import compute

    for at in np.unique(places[:, 1]).tolist():
        there = np.zeros(len(found), dtype=bool)
        there[places[places[:, 1] == at, 0]] = True
        plain = compute.if_else(pa.chunked_array([there]), "", found.column(at))
        found = found.set_column(at, found.field(at).name, plain)
    return found


def are(cells: pd.Series) -> bool:
    """Whether cells are held as texts, missing ones apart, and not as objects of any kind.

    >>> are(pd.Series(["80"])), are(pd.Series(["80", 80.0]))
    (True, False)
    """
    return isinstance(cells.dtype, pd.StringDtype)


def match(cells: pd.Series, pattern: str) -> np.ndarray:
    """Which texts match a pattern from their first to their last character; missing ones do not.

    >>> match(pd.Series(["80", "80 EUR", None]), "[0-9]+").tolist()
    [True, False, False]
    """
    from pyarrow import compute

    told = compute.match_substring_regex(_held(cells), f"^(?:{pattern})$")
    whole: np.ndarray = compute.fill_null(told, False).to_numpy()
    return whole


def named(names: pd.Index, codes: np.ndarray) -> pd.Series:
    """Names by their numbers as texts; -1 is none.

    >>> named(pd.Index(["F", "GM"]), np.array([1, -1, 0])).tolist()
    ['GM', nan, 'F']
    """
    import pyarrow as pa

    coded = pa.DictionaryArray.from_arrays(
        pa.array(codes, mask=codes < 0), pa.array(names, pa.large_string())
    )
    return pd.Series(pd.array(coded.cast(pa.large_string()), dtype="str"))


def numbers(cells: pd.Series, mark: str, largest: float) -> tuple[np.ndarray, np.ndarray]:
    """Texts as numbers with a decimal mark, and the positions of those that are none.

    Parameters
    ----------
    cells : Series
        That `are` texts.
    mark : "." or ","
        The other one stands between thousands.
    largest : float
        What is larger is handed back.

    Returns
    -------
    array of float, array of int
        NaN where a cell is empty, missing or none.

    Examples
    --------
    >>> numbers(pd.Series(["1.234,5", "", "n/a", "7"]), ",", 1e300)
    (array([1234.5,    nan,    nan,    7. ]), array([2]))
    """
    from pyarrow import compute

    value, other, first = np.full(len(cells), np.nan), [np.arange(0)], 0
    for part in _held(cells).chunks:
        number, part = _numbers(part, mark), compute.fill_null(part, "")
        value[first : first + len(part)] = number
        unread = ~(np.abs(number) <= largest)
        if unread.any():
            filled = compute.not_equal(part, "").to_numpy(zero_copy_only=False)
            other.append(first + np.flatnonzero(unread & filled))
        first += len(part)
    at = np.concatenate(other)
    value[at] = np.nan
    value += 0.0  # no zero below zero
    return value, at


def _held(cells: pd.Series) -> pa.ChunkedArray:
    """Texts as Arrow has them."""
    import pyarrow as pa

    held = cells.array.__arrow_array__()
    return held if isinstance(held, pa.ChunkedArray) else pa.chunked_array([held])


def _numbers(part: pa.Array, mark: str) -> np.ndarray:
    """Numbers of a part of the cells, NaN where there is none."""
    import pyarrow as pa
    from pyarrow import compute

    def read(texts: pa.Array, where: pa.Array) -> np.ndarray:
        kept = compute.if_else(where, texts, pa.scalar(None, texts.type))
        found: np.ndarray = compute.cast(kept, pa.float64()).to_numpy(zero_copy_only=False)
        return found

    if mark == ".":
        try:
            return read(part, compute.not_equal(part, ""))
        except pa.ArrowInvalid:
            pass
    group, point = ("," if mark == "." else "."), f"[{mark}]"
    part = compute.replace_substring_regex(part, _BESIDE, "")
    whole = rf"(?:\d{{1,3}}(?:[{group}]\d{{3}})+|\d+)(?:{point}\d*)?|{point}\d+"
    valid = compute.match_substring_regex(part, rf"^[+-]?(?:{whole})(?:[eE][+-]?\d+)?$")
    part = compute.replace_substring(compute.replace_substring(part, group, ""), mark, ".")
    return read(part, valid)


def alike(cells: pd.Series) -> pd.Series:
    """The first of all texts that differ in no more than their digits, zeros apart.

    >>> alike(pd.Series(["80,5", "79,5", "100,0", "n/a"])).tolist()
    ['80,5', '79,5', '100,0', 'n/a']
    >>> alike(pd.Series(["81,5", "79,5", "112,7"])).tolist()
    ['81,5', '112,7']
    """
    shapes = cells.str.replace("[1-9]", "9", regex=True)
    return cells[~shapes.duplicated()]


def _end(raw: bytes) -> int:
    """Where a text ends, without empty lines below it."""
    end = len(raw)
    while end and raw[end - 1] in b"\r\n":
        end -= 1
    return end


def _back(raw: bytes, end: int, count: int) -> int:
    """Where the last `count` lines begin."""
    at = end
    for _ in range(count):
        at = raw.rfind(b"\n", 0, at)
        if at < 0:
            return 0
    return at + 1


def _evened(raw: bytes, delimiter: str) -> tuple[bytes, int]:
    """A text whose first and last lines have as many cells as its table, and how many that are."""
    first = 0
    for _ in range(_ENDS):
        first = raw.find(b"\n", first) + 1 or len(raw)
    last = max(_back(raw, _end(raw), _ENDS), first)
    head, tail = (raw[part].decode("utf-8").splitlines() for part in (slice(first), slice(last, _end(raw))))
    try:
        sizes = [[len(row) for row in csv.reader(lines, delimiter=delimiter)] for lines in (head, tail)]
    except csv.Error:
        return raw, 0
    width = max(sizes[0] + sizes[1], default=0)
    short = [min(size, default=width) < width for size in sizes]
    if not any(short) or [len(head), len(tail)] != [len(size) for size in sizes]:  # a cell over two lines
        return raw, width
    new = [
        "".join(f"{line}{delimiter * (width - max(n, 1))}\n" for line, n in zip(lines, size, strict=True))
        for lines, size in zip((head, tail), sizes, strict=True)
    ]
    return b"".join([new[0].encode(), raw[first:last], new[1].encode()]), width
