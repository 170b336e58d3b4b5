"""Which prices does the export of a data vendor hold, in our tickers and columns?"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.intake import cells, spreadsheet, texts
from tariffmodel.intake.sheets import Sheet
from tariffmodel.intake.vocabulary import Vocabulary, heading, is_line, symbol, vocabulary

__all__ = ["PRICES", "heading", "read_prices", "symbol"]

PRICES = ["close", "adj_close"]
_READ = ("open", *PRICES, "volume", "dividend")
_TOP = 40  # rows within which a header is looked for
_GRIDS = ((1_000, 0.01), (10_000, 0.1), (np.inf, 1.0))  # below a price, what quotes are multiples of
_ENOUGH, _QUOTED = 20, 5  # closes between the ticks and, after them, on the ticks that tell an adjusted file
_ROUNDED = 0.006  # of a price that was written with two decimals
_SINGLE = 2e-7  # of a price: numbers stored with 24 bits


class _Column(NamedTuple):
    at: int
    day: int  # column of its dates
    line: str  # "" where a column of the file names it
    field: str
    currency: str


def read_prices(
    path: str | Path,
    *,
    sheet: str | None = None,
    ticker: str | None = None,
    currency: str | None = None,
    date_format: str | None = None,
    adjusted: bool | None = None,
    encoding: str | None = None,
    decimal: str | None = None,
    folder: Path | None = None,
) -> pd.DataFrame:
    """Prices of a CSV or Excel file, in the layouts of the usual vendors.

    Understood are one row per day and line; dates down and lines across; several columns of one line;
    and exports with lines of text above the header: Bloomberg (tickers in a row above ``PX_LAST``, one
    or several columns of dates), FactSet (``7203-TKS``), LSEG (a name with its RIC above), stooq,
    Investing.com and yfinance (three header rows). Headings, months and units of volume may be in
    any language of ``market/vendor_words.csv``. Errors of a terminal or a spreadsheet (``#NAME?``) are left
    out and named.

    Parameters
    ----------
    sheet : str, optional
        Of a workbook with more than one.
    ticker, currency : str, optional
        Where the file names no line, or no currency.
    date_format : "day-first", "month-first" or a pattern such as "%d.%m.%y", optional
        Where the dates have two readings.
    adjusted : bool, optional
        Whether prices headed Close or by a ticker have dividends and splits in them. Default: where that can
        be told, see the notes.
    encoding, decimal : str, optional
        See `spreadsheet.read` and `spreadsheet.numbers`.
    folder : Path, optional
        Data folder whose words and lines count, see `vocabulary.vocabulary`.

    Returns
    -------
    DataFrame
        `row` of the file, `date`, `ticker`, `open`, `close`, `adj_close`, `volume`, `currency`, in the
        order of the file. Rows without a close are left out and counted; a price that is not a number
        stays text, for `own.check_prices` to name; such a volume is NaN. ``attrs`` say how the file
        was read, and in ``notes`` what was left out or recognised.

    Raises
    ------
    DataError
        Where the layout, the dates or the numbers are not understood, or have two readings.

    Notes
    -----
    Closes are taken as adjusted where Close equals Adj Close through a dividend of the file, and where all up
    to some row lie between the prices that exchanges quote, and all later ones on them: a vendor has scaled
    them for the dividend of that day.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import tariffmodel as tm
    >>> export = pd.DataFrame({"Date": ["15/04/2025", "16/04/2025"], "7203 JT Equity": [2500, 2520]})
    >>> with TemporaryDirectory() as place:
    ...     export.to_csv(file := Path(place) / "mine.csv", index=False)
    ...     found = tm.vendors.read_prices(file)
    >>> found[["date", "ticker", "close"]]
            date  ticker   close
    0 2025-04-15  7203.T  2500.0
    1 2025-04-16  7203.T  2520.0
    """
    words = vocabulary(folder)
    table, wrong, notes = cells.errors(spreadsheet.read(path, sheet=sheet, encoding=encoding), words)
    head = table.top(_TOP)
    header, days = _header(head, words)
    columns = _columns(table, head, header, days, ticker, words)
    frame, orders = _stacked(table, header, days, columns, wrong, notes, date_format, words)
    delimiter, about = table.found.get("delimiter", ""), table.about
    del table  # its cells may be most of what is in memory
    frame, mark = _numbers(frame, head.file, delimiter, decimal, words)
    if adjusted and "close" in frame and ("adj_close" not in frame or frame["adj_close"].isna().all()):
        frame = frame.assign(adj_close=frame["close"], close=np.nan)
    priced = frame[frame.columns.intersection(PRICES)].notna().any(axis=1)
    said = frame["currency"].cat
    frame["currency"] = _named([name or currency for name in said.categories], said.codes.to_numpy())
    if not priced.all():
        frame = frame[priced].reset_index(drop=True)
    if lost := sorted({symbol(c.line, words) for c in columns if c.line} - set(frame["ticker"].unique())):
        why = f": {'; '.join(notes)}" if notes else ""
        raise DataError(f"{head.file} has no price of {', '.join(lost)}{why}; mend the column or delete it")
    if adjusted is None:
        frame, seen = _recognised(frame)
        notes += [f"{head.file}: {text}" for text in seen]
    for name in ("ticker", "currency"):
        frame[name] = texts.named(frame[name].cat.categories, frame[name].cat.codes.to_numpy())
    frame = frame.reindex(columns=["row", "date", "ticker", "open", *PRICES, "volume", "currency"])
    frame.attrs = {
        **about,
        "decimal": mark,
        "dates": ", ".join(dict.fromkeys(orders)),
        "rows_without_price": int((~priced).sum()),
        "notes": notes,
    }
    return frame


def _stacked(
    table: Sheet,
    header: int,
    days: list[int],
    columns: list[_Column],
    wrong: np.ndarray,
    notes: list[str],
    date_format: str | None,
    words: Vocabulary,
) -> tuple[pd.DataFrame, list[str]]:
    """The cells of the columns, line below line, with their days; and how each column of days is written."""
    lines = {line: at for at, line in enumerate(dict.fromkeys(column.line for column in columns))}
    moneys = {name: at for at, name in enumerate(dict.fromkeys(column.currency for column in columns))}
    fields = [f for f in (*_READ, "ticker", "currency") if any(column.field == f for column in columns)]
    groups: dict[int, list[_Column]] = {}
    for column in columns:
        groups.setdefault(column.day, []).append(column)
    parts: dict[str, list[Any]] = {name: [] for name in ("row", "date", "line", "money", *fields)}
    orders = []
    for day, mine in groups.items():
        rows = _data_rows(table, header, day, [column.at for column in mine], wrong, notes, words)
        when, order = _days(table, rows, day, days, date_format, words, header)
        orders.append(order)
        place = {(column.line, column.field): column.at for column in mine}
        here = list(dict.fromkeys(column.line for column in mine))
        given = {column.line: column.currency for column in reversed(mine)}
        parts["row"].append(_again(rows + 1, len(here)))
        parts["date"].append(_again(when.to_numpy(), len(here)))
        parts["line"].append(np.repeat(np.array([lines[line] for line in here], "int32"), len(rows)))
        parts["money"].append(np.repeat(np.array([moneys[given[line]] for line in here], "int16"), len(rows)))
        for field in fields:
            parts[field].append(table.stacked([place.get((line, field)) for line in here], rows))

    del rows, when  # much of the memory in use, as below

    def whole(name: str) -> Any:
        mine = parts.pop(name)
        if len(mine) == 1:
            return mine[0]
        return np.concatenate(mine) if isinstance(mine[0], np.ndarray) else pd.concat(mine, ignore_index=True)

    frame = pd.DataFrame({"row": whole("row"), "date": whole("date")}, copy=False)
    for name, numbered, of in (("ticker", lines, "line"), ("currency", moneys, "money")):
        first: Iterable[object] = numbered
        which = whole(of)
        if name in fields:
            first, which = spreadsheet.once(whole(name))
        if name == "ticker":
            first = [symbol(spreadsheet.text(cell), words) for cell in first]
        frame[name] = _named(first, which)
    for field in fields:
        if field not in frame:
            frame[field] = whole(field)
    return frame, orders


def _again(values: np.ndarray, times: int) -> np.ndarray:
    """Values one after the other, so many times; themselves where that is once."""
    return values if times == 1 else np.tile(values, times)


def _named(names: Iterable[object], which: np.ndarray) -> pd.Categorical:
    """Names by their numbers, in order and each once; missing where there is none."""
    given = pd.Index(list(names), dtype="str")
    every = given.dropna().unique().sort_values()
    return pd.Categorical.from_codes(every.get_indexer(given).astype("int32")[which], every)


def _header(table: Sheet, words: Vocabulary) -> tuple[int, list[int]]:
    """Row of the headings, and the columns that hold dates."""
    for number, row in enumerate(table.cells[:_TOP]):
        fields = [words.field(cell, rank=True) for cell in row]
        best = "date" if "date" in fields else "date?"
        days = [at for at, field in enumerate(fields) if field == best]
        if days and not any(cells.is_day(cell, words) for cell in row):
            return number, days
    for number, cell in enumerate(table.cells[:_TOP, 0]):
        if cells.is_day(cell, words):
            above = (table.cells[:number] != "").any(axis=1).nonzero()[0]
            if not above.size:
                raise DataError(f"{table.file} starts with data; put a header such as Date,7203.T,GM above")
            return int(above[-1]), [0]
    raise DataError(f"{table.file} has no column of dates; head it Date, with one day per row below")


def _columns(
    table: Sheet, head: Sheet, header: int, days: list[int], ticker: str | None, words: Vocabulary
) -> list[_Column]:
    """The columns to read: what each holds, of which line, and where its dates are."""
    width = table.shape[1]
    names = [spreadsheet.text(cell) for cell in head.cells[header]]
    fields = [words.field(name, rank=True) for name in names]
    fields = ["" if at in days else field for at, field in enumerate(fields)]
    long = "ticker" in fields
    if not long and not {field.removesuffix("?") for field in fields} & set(PRICES):
        lines, fields = _lines_across(head, header, days, names, words)
    elif long:
        lines = [""] * width
    else:
        lines = _tickers(head, header, words) or [""] * width
    _daily(table, head, header, fields, words)
    fields = _first_choice(fields, lines)
    values = [at for at in range(width) if at not in days]
    if ticker and not long and len({lines[at] for at in values if fields[at] in PRICES}) == 1:
        lines = [ticker] * width
    above = _above(head, header, "currency", words) or [""] * width
    read = {*_READ, *(("ticker", "currency") if long else ())}
    found = []
    for at in values:
        if not names[at] and not fields[at] and (there := table.filled(at)[header:]).any():
            row = header + there.argmax() + 1
            raise DataError(
                f"{table.file} row {row} has a value in column {at + 1}, which has no heading; "
                "is a decimal comma taken for one between columns?"
            )
        if fields[at] in read:
            day = max((day for day in days if day < at), default=days[0])
            money = above[at] or words.without_currency(heading(names[at]))[1] * (fields[at] in PRICES)
            found.append(_Column(at, day, lines[at], fields[at], money))
    if not any(column.field in PRICES for column in found):
        raise DataError(
            f"{table.file} has no prices; head their columns with tickers, or with Close or PX_LAST"
        )
    if not long and not all(column.line for column in found):
        raise DataError(
            f"{table.file} does not say whose prices it has; pass --ticker, {_like(table, words)}"
        )
    _refuse_twice(table, found)
    return found


def _like(table: Sheet, words: Vocabulary) -> str:
    """The line that the name of a file seems to mean, for the user to say so."""
    for part in (Path(table.file).stem, *re.split(r"[ _]", Path(table.file).stem)):
        if (line := symbol(part, words)) in words.known:
            return f"{line} by the file's name"
    if re.match(r"[A-Z]{3}[_ /-]?[A-Z]{3}(?![A-Z])", table.file):
        return "such as 7203.T; exchange rates go in with `tariffmodel add fx`"
    return "such as 7203.T"


def _refuse_twice(table: Sheet, found: list[_Column]) -> None:
    seen = set()
    for column in found:
        if (column.line, column.field) in seen:
            raise DataError(
                f"{table.file} has two columns of {column.field} {column.line or 'prices'}; "
                "delete one of them"
            )
        seen.add((column.line, column.field))


def _first_choice(fields: list[str], lines: list[str]) -> list[str]:
    """Fields where Price gives way to Close of the same line, and all volumes to the first."""
    pairs = list(zip(fields, lines, strict=True))
    sure = {(field, line) for field, line in pairs if not field.endswith("?")}
    chosen = [
        "unused" if (f[:-1], line) in sure and f[-1:] == "?" else f.removesuffix("?") for f, line in pairs
    ]
    for at, (field, line) in enumerate(zip(chosen, lines, strict=True)):
        if field == "volume" and (field, line) in list(zip(chosen[:at], lines[:at], strict=True)):
            chosen[at] = "unused"
    return chosen


def _daily(table: Sheet, head: Sheet, header: int, fields: list[str], words: Vocabulary) -> None:
    """Refuse bars of another length than a day, where the file says how long they are."""
    said = {
        (row, 1): head.cells[row, 1] for row in range(header) if words.field(head.cells[row, 0]) == "interval"
    }
    if "interval" in fields:
        at = fields.index("interval")
        first, _ = spreadsheet.once(table.column(at, np.arange(header + 1, table.shape[0])))
        said |= {(int(row) - 1, at): cell for row, cell in zip(first.index, first, strict=True)}
    for place, cell in said.items():
        word = spreadsheet.text(cell)
        if word and word.lower() not in words.daily:
            raise DataError(f"{table.file} {cells.address(*place)}: bars of {word!r}; export daily ones")


def _lines_across(
    table: Sheet, header: int, days: list[int], names: list[str], words: Vocabulary
) -> tuple[list[str], list[str]]:
    """Lines and fields of columns whose headings are not fields."""
    above = next(
        (
            number
            for number in reversed(range(header))
            if {words.field(cell) for cell in table.cells[number]} & set(PRICES)
        ),
        None,
    )
    if above is None:  # headings of other fields alone are no tickers, but LOW beside GM is one
        fields = ["" if all(map(words.field, filter(None, names))) else "close"] * len(names)
    else:
        fields = [words.field(cell, rank=True) for cell in _carried(table.cells[above])]
    across = [name for at, name in enumerate(names) if at not in days]
    lines = names if any(across) else _tickers(table, header, words) or names
    return lines, [field if line else "" for line, field in zip(lines, fields, strict=False)]


def _tickers(table: Sheet, header: int, words: Vocabulary) -> list[str] | None:
    """The row of tickers above a header of fields; each stands for the columns up to the next."""
    if row := _above(table, header, "ticker", words):
        return row
    for number in reversed(range(header)):
        texts = [spreadsheet.text(cell) for cell in table.cells[number]]
        given = [cell for cell in texts if cell]
        if given and all(is_line(cell, words) for cell in given):
            return _carried(texts)
    titles = [spreadsheet.text(cell) for row in table.cells[:header] for cell in row]
    named = {found for title in titles if (found := _in_brackets(title, words))}
    return [named.pop()] * table.cells.shape[1] if len(named) == 1 else None


def _in_brackets(title: str, words: Vocabulary) -> str:
    """The line of a title such as ``Toyota Motor Corp (7203.T)`` or ``Ticker: GM``."""
    plain = unicodedata.normalize("NFKC", title)
    found = re.search(r"[(\[]([^()\[\]]+)[)\]]\s*$", plain) or re.fullmatch(r"[^:]{1,20}: ?(\S+)", plain)
    line = symbol(found[1].strip(), words) if found else ""
    ending = re.search(r"\.[A-Z]+$", line)
    return line if line in words.known or (ending and ending[0] in words.endings) else ""


def _above(table: Sheet, header: int, field: str, words: Vocabulary) -> list[str] | None:
    """A row above the header that starts with the heading of a field."""
    for row in table.cells[:header]:
        if words.field(row[0]) == field and (row[1:] != "").any():
            return _carried(["", *row[1:]])
    return None


def _carried(row: Iterable[object]) -> list[str]:
    """Cells of a row, each empty one with the text to its left."""
    out, last = [], ""
    for cell in row:
        last = spreadsheet.text(cell) or last
        out.append(last)
    return out


def _data_rows(
    table: Sheet,
    header: int,
    day: int,
    columns: list[int],
    wrong: np.ndarray,
    notes: list[str],
    words: Vocabulary,
) -> np.ndarray:
    """Rows with a date and a value; text below the data has no value and is passed over."""
    height = table.shape[0]
    dated = _values(table, day, np.arange(height), words)
    filled = np.logical_or.reduce([table.filled(at) for at in columns])
    below = np.arange(height) > header
    undated = below & filled & ~dated
    undated[wrong[wrong[:, 1] == day, 0]] = False
    if undated.any():
        missed = np.flatnonzero(undated)
        lost = np.logical_or.reduce([_values(table, at, missed, words) for at in columns])
        if lost.any():
            row = missed[lost][0] + 1
            raise DataError(f"{table.file} row {row} has a price and no date; fill in the date")
    rows: np.ndarray = np.flatnonzero(below & filled & dated)
    if not rows.size:
        said = "".join(f"; {note}" for note in notes)
        raise DataError(f"{table.file} has no rows of data below its header in row {header + 1}{said}")
    return rows


def _values(table: Sheet, at: int, rows: np.ndarray, words: Vocabulary) -> np.ndarray:
    """Which cells of a column hold more than a word for nothing."""
    first, which = spreadsheet.once(table.column(at, rows))
    told: np.ndarray = np.array([words.is_value(cell) for cell in first], dtype=bool)[which]
    return told


def _days(
    table: Sheet,
    rows: np.ndarray,
    day: int,
    days: list[int],
    date_format: str | None,
    words: Vocabulary,
    header: int,
) -> tuple[pd.Series, str]:
    """The dates of one column; where day and month may change places, as the other columns have them."""

    def read(at: int, where: np.ndarray, order: str | None) -> tuple[pd.Series, str]:
        return cells.days(table.column(at, where), table.file, words, order)

    try:
        return read(day, rows, date_format)
    except DataError as error:
        if date_format or "may change places in every date" not in str(error):
            raise
        told = set()
        for other in days:
            where = np.flatnonzero(table.filled(other))
            where = where[where > header]
            try:
                told.add(read(other, where, None)[1])
            except DataError:
                continue
        if len(told & {"day-first", "month-first"}) != 1:
            raise
        return read(day, rows, (told & {"day-first", "month-first"}).pop())


def _numbers(
    frame: pd.DataFrame, file: str, delimiter: str, decimal: str | None, words: Vocabulary
) -> tuple[pd.DataFrame, str]:
    """Prices and volumes as numbers, by one convention for the whole file."""
    fields = [name for name in ("open", *PRICES, "dividend") if name in frame]
    every = pd.concat([frame.pop(name) for name in fields])
    plain, money = cells.prices(every.set_axis(_again(frame["row"].to_numpy(), len(fields))), words)
    volume = frame.pop("volume") if "volume" in frame else pd.Series(dtype="str")
    decimal = decimal or _mark_of_volumes(volume)
    values, mark = spreadsheet.numbers(plain, file, delimiter=delimiter, decimal=decimal)
    for name, part in zip(fields, np.split(values.to_numpy(), len(fields)), strict=True):
        frame[name] = pd.to_numeric(part, errors="coerce") if name == "dividend" else part
    if len(volume):
        frame["volume"] = cells.volumes(volume, file, words, mark).to_numpy()
    if (money != "").any():
        signs = dict(zip(fields, np.split(money.astype(object).to_numpy(), len(fields)), strict=True))
        sign = pd.Series(signs.get("close", signs.get("adj_close")), frame.index)
        said = frame["currency"].astype(object)
        frame["currency"] = said.where(said != "", sign).astype("category")
    return frame, mark


def _mark_of_volumes(volume: pd.Series) -> str | None:
    """The decimal mark that volumes with two marks of thousands, such as 12,345,678, leave for prices."""
    if not texts.are(volume):
        volume = volume[volume.map(lambda cell: isinstance(cell, str)).astype(bool)].astype("str")
    points, commas = (
        texts.match(volume, rf"\d{{1,3}}(?:{group}\d{{3}}){{2,}}").any() for group in (r"\.", ",")
    )
    return {(True, False): ",", (False, True): "."}.get((bool(points), bool(commas)))


def _recognised(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Closes that a vendor has adjusted, moved to `adj_close`, and how that was told."""
    said: list[str] = []
    if not all(pd.api.types.is_numeric_dtype(frame[name]) for name in frame.columns.intersection(PRICES)):
        return frame, said
    columns = {name: frame[name].to_numpy() for name in (*PRICES, "dividend") if name in frame}
    codes, days = frame["ticker"].cat.codes.to_numpy(), frame["date"].to_numpy()
    order = _by_line_and_day(codes, days)
    both, moved = [order[:0]], [order[:0]]
    for rows in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1):
        line, blank = frame["ticker"].cat.categories[codes[rows[0]]], np.full(len(rows), np.nan)
        close, total, dividend = (
            columns[name][rows] if name in columns else blank for name in (*PRICES, "dividend")
        )
        if not np.isnan(total + close).any() and np.allclose(close, total, rtol=1e-6, atol=0):
            if (paid := np.flatnonzero(dividend[1:] > 0)).size:
                day = str(days[rows[paid[-1] + 1]])[:10]
                said.append(
                    f"Close equals Adj Close of {line} through the dividend of {day}: both are adjusted"
                )
                both.append(rows)
        elif np.isnan(total).all() and (first := _first_quoted(close)):
            said.append(
                f"closes of {line} before {str(days[rows[first]])[:10]} lie between the prices that are "
                "quoted and later ones do not: they are taken as adjusted for dividends (pass --not-adjusted "
                "if they are not)"
            )
            moved.append(rows)
    if said:
        adjusted, unquoted = np.concatenate(moved), np.concatenate([*both, *moved])
        total = columns.get("adj_close", np.full(len(frame), np.nan)).copy()
        close = columns["close"].copy()
        total[adjusted], close[unquoted] = close[adjusted], np.nan
        frame = frame.assign(close=close, adj_close=total)
    return frame, said


def _by_line_and_day(codes: np.ndarray, days: np.ndarray) -> np.ndarray:
    """The order of rows by line and day; often they stand so already."""
    line = np.diff(codes)
    if ((line > 0) | ((line == 0) & (days[1:] >= days[:-1]))).all():
        return np.arange(len(codes))
    order: np.ndarray = np.lexsort((days, codes))
    return order


def _first_quoted(close: np.ndarray) -> int:
    """Position of the first close from which on all are multiples of a tick, many before not; else 0."""
    level = np.nanmedian(close) if len(close) else 0.0
    tick = next(step for bound, step in _GRIDS if level < bound)
    off = _between(close, tick, close * _SINGLE)
    first = int(np.flatnonzero(off)[-1]) + 1 if off.any() else 0
    before = close[:first][off[:first]]
    if first < _ENOUGH or len(close) - first < _QUOTED or off[:first].mean() < 0.6:
        return 0
    for factor in range(2, 11):  # closes before a split are multiples of what was quoted
        slack = factor * _ROUNDED
        if slack < 0.4 * tick and _between(before * factor, tick, slack).mean() < 0.05:
            return 0
    return first


def _between(close: np.ndarray, tick: float, slack: np.ndarray | float) -> np.ndarray:
    """Which prices are no multiple of a tick."""
    return np.asarray(np.abs(close - tick * np.round(close / tick)) > np.maximum(slack, 1e-6))
