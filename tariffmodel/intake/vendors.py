"""Which prices does the export of a data vendor hold, in our tickers and columns?"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.intake import spreadsheet
from tariffmodel.intake.spreadsheet import Sheet

# suffix of our tickers: market, Bloomberg's exchange codes, FactSet's regions and exchanges
EXCHANGES = {
    "": ("US", ("US", "UN", "UQ", "UW", "UR", "UA", "UP"), ("US", "USA", "NYS", "NAS")),
    ".T": ("JP", ("JT", "JP"), ("JP", "TKS")),
    ".KS": ("KR", ("KS", "KP"), ("KR", "KRX")),
    ".DE": ("DE", ("GY", "GR"), ("DE", "ETR")),
    ".ST": ("SE", ("SS",), ("SE", "STO")),
    ".OL": ("NO", ("NO",), ("NO", "OSL")),
}
_BLOOMBERG = {code: suffix for suffix, (_, codes, _) in EXCHANGES.items() for code in codes}
_FACTSET = {code: suffix for suffix, (_, _, codes) in EXCHANGES.items() for code in codes}
ALIASES = {
    "TPX INDEX": "TOPIX",
    "NKY INDEX": "^N225",
    "KOSPI INDEX": "^KS11",
    "DAX INDEX": "^GDAXI",
    "SPX INDEX": "^GSPC",
    "VOLCARB SS EQUITY": "VOLCAR-B.ST",
}
# our columns by heading, in lower case and without underscores, brackets and stars
HEADINGS = {
    "date": "date, dates, day, time, timestamp, datetime, trade date, trading date, datum, 日付, 日期, "
    "날짜, 일자",
    "ticker": "ticker, symbol, security, securities, instrument, ric, code, identifier, 銘柄コード, 종목코드",
    "currency": "currency, crncy, ccy, curr",
    "close": "close, price, last, px last, last price, closing price, close price, price close, p price, "
    "fg price, 終値, 종가",
    "adj_close": "adj close, adj. close, adjclose, adjusted close, close adjusted, total return, "
    "total return index, tot return index gross dvds, tot return index net dvds, 調整後終値, 수정종가",
    "volume": "volume, vol, px volume, accumulated volume, 出来高, 거래량",
    "open": "open, px open, opening price, open price, price open, 始値, 시가",
    "unused": "high, low, px high, px low, change, change %, dividends, stock splits, name",
}
PRICES = ["close", "adj_close"]
_FIELD = {heading: field for field, headings in HEADINGS.items() for heading in headings.split(", ")}
_TICKER = re.compile(r"\^?[A-Z0-9][A-Z0-9.^-]{0,11}")
_TOP = 40  # rows within which a header is looked for


class _Column(NamedTuple):
    at: int
    day: int  # column of its dates
    line: str  # "" where a column of the file names it
    field: str
    currency: str


def symbol(text: str) -> str:
    """Our ticker of a line as Bloomberg or FactSet write it; any other text as it stands.

    ``7203 JT Equity`` and ``7203-TKS`` are ``7203.T``: the codes are in `EXCHANGES`.

    >>> import tariffmodel as tm
    >>> [tm.vendors.symbol(text) for text in ("7203 JT Equity", "7203-TKS", "TPX Index", "GM")]
    ['7203.T', '7203.T', 'TOPIX', 'GM']
    """
    plain = " ".join(text.split())
    for key in (plain.upper(), f"{plain.upper()} EQUITY"):
        if key in ALIASES:
            return ALIASES[key]
    bloomberg = re.fullmatch(r"(\S+) ([A-Z]{2})(?: EQUITY)?", plain.upper())
    if bloomberg and bloomberg[2] in _BLOOMBERG:
        return bloomberg[1].replace("/", "-") + _BLOOMBERG[bloomberg[2]]
    factset = re.fullmatch(r"(\S+)-([A-Z]{2,3})", plain.upper())
    if factset and factset[2] in _FACTSET:
        return factset[1].replace(".", "-") + _FACTSET[factset[2]]
    return plain


def read_prices(
    path: str | Path,
    *,
    sheet: str | None = None,
    ticker: str | None = None,
    currency: str | None = None,
    date_format: str | None = None,
    adjusted: bool = False,
    encoding: str | None = None,
    decimal: str | None = None,
) -> pd.DataFrame:
    """Prices of a CSV or Excel file, in the layouts of the usual vendors.

    Understood are one row per day and line; dates down and lines across; several columns of one line;
    and exports with lines of text above the header: Bloomberg (tickers in a row above ``PX_LAST``, one
    or several columns of dates), FactSet (``7203-TKS``) and yfinance (three header rows).

    Parameters
    ----------
    sheet : str, optional
        Of a workbook with more than one.
    ticker, currency : str, optional
        Where the file names no line, or no currency.
    date_format : "day-first", "month-first" or a pattern such as "%d.%m.%y", optional
        Where the dates have two readings.
    adjusted : bool
        Prices headed Close or by a ticker have dividends and splits in them.
    encoding, decimal : str, optional
        See `spreadsheet.read` and `spreadsheet.numbers`.

    Returns
    -------
    DataFrame
        `row` of the file, `date`, `ticker`, `open`, `close`, `adj_close`, `volume`, `currency`, in the
        order of the file. Rows without a close are left out and counted; a price that is not a number
        stays text, for `own.check_prices` to name; such a volume is NaN. ``attrs`` say how the file was read.

    Raises
    ------
    DataError
        Where the layout, the dates or the numbers are not understood, or have two readings.

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
    table = spreadsheet.read(path, sheet=sheet, encoding=encoding)
    header, days = _header(table)
    columns = _columns(table, header, days, ticker)
    blocks, orders = [], {}
    for day in dict.fromkeys(column.day for column in columns):
        mine = [column for column in columns if column.day == day]
        rows = _data_rows(table, header, day, [column.at for column in mine])
        when, orders[day] = spreadsheet.dates(
            pd.Series(table.cells[rows, day], rows + 1), table.file, date_format
        )
        for line in dict.fromkeys(column.line for column in mine):
            block = {"row": rows + 1, "date": when.to_numpy(), "ticker": line}
            block |= {"currency": next(c.currency for c in mine if c.line == line)}
            block |= {c.field: table.cells[rows, c.at] for c in mine if c.line == line}
            blocks.append(pd.DataFrame(block))
    frame = pd.concat(blocks, ignore_index=True)
    frame = frame.reindex(columns=["row", "date", "ticker", "open", *PRICES, "volume", "currency"])
    frame, mark = _numbers(frame, table, decimal)
    if adjusted and frame["adj_close"].isna().all():
        frame = frame.assign(adj_close=frame["close"], close=np.nan)
    priced = frame[PRICES].notna().any(axis=1)
    frame = frame.assign(
        ticker=frame["ticker"].map(spreadsheet.text).map(symbol),
        currency=frame["currency"].replace("", currency),
    )[priced].reset_index(drop=True)
    frame.attrs = {
        **table.about,
        "decimal": mark,
        "dates": ", ".join(dict.fromkeys(orders.values())),
        "rows_without_price": int((~priced).sum()),
    }
    return frame


def heading(cell: object) -> str:
    """A heading in lower case, without underscores, brackets and stars.

    >>> heading("Adj_Close (JPY)*")
    'adj close jpy'
    """
    return " ".join(re.sub(r"[_()\[\]*]", " ", str(cell)).lower().split())


def _header(table: Sheet) -> tuple[int, list[int]]:
    """Row of the headings, and the columns that hold dates."""
    for number, row in enumerate(table.cells[:_TOP]):
        days = [at for at, cell in enumerate(row) if _FIELD.get(heading(cell)) == "date"]
        if days and not any(map(spreadsheet.looks_like_a_date, row)):
            return number, days
    for number, cell in enumerate(table.cells[:_TOP, 0]):
        if spreadsheet.looks_like_a_date(cell):
            above = (table.cells[:number] != "").any(axis=1).nonzero()[0]
            if not above.size:
                raise DataError(f"{table.file} starts with data; put a header such as Date,7203.T,GM above")
            return int(above[-1]), [0]
    raise DataError(f"{table.file} has no column of dates; head it Date, with one day per row below")


def _columns(table: Sheet, header: int, days: list[int], ticker: str | None) -> list[_Column]:
    """The columns to read: what each holds, of which line, and where its dates are."""
    width = table.cells.shape[1]
    names = [spreadsheet.text(cell) for cell in table.cells[header]]
    fields = [_FIELD.get(heading(name), "") for name in names]
    long = "ticker" in fields
    if not long and not set(fields) & set(PRICES):
        lines, fields = _lines_across(table, header, days, names)
    elif long:
        lines = [""] * width
    else:
        lines = _tickers(table, header) or [""] * width
    values = [at for at in range(width) if at not in days]
    if ticker and not long and len({lines[at] for at in values if fields[at] in PRICES}) == 1:
        lines = [ticker] * width
    money = _above(table, header, "currency") or [""] * width
    read = {"open", *PRICES, "volume", *(("ticker", "currency") if long else ())}
    found = []
    for at in values:
        if not names[at] and not fields[at] and (table.cells[header:, at] != "").any():
            row = header + (table.cells[header:, at] != "").argmax() + 1
            raise DataError(
                f"{table.file} row {row} has a value in column {at + 1}, which has no heading; "
                "is a decimal comma taken for one between columns?"
            )
        if fields[at] in read:
            day = max((day for day in days if day < at), default=days[0])
            found.append(_Column(at, day, lines[at], fields[at], money[at]))
    if not any(column.field in PRICES for column in found):
        raise DataError(
            f"{table.file} has no prices; head their columns with tickers, or with Close or PX_LAST"
        )
    if not long and not all(column.line for column in found):
        raise DataError(f"{table.file} does not say whose prices it has; pass --ticker, such as 7203.T")
    seen = set()
    for column in found:
        if (column.line, column.field) in seen:
            raise DataError(
                f"{table.file} has two columns of {column.field} {column.line or 'prices'}; "
                "delete one of them"
            )
        seen.add((column.line, column.field))
    return found


def _lines_across(
    table: Sheet, header: int, days: list[int], names: list[str]
) -> tuple[list[str], list[str]]:
    """Lines and fields of columns whose headings are not fields."""
    above = next(
        (
            number
            for number in reversed(range(header))
            if {_FIELD.get(heading(cell)) for cell in table.cells[number]} & set(PRICES)
        ),
        None,
    )
    if above is None:  # headings of other fields alone are no tickers, but LOW beside GM is one
        fields = ["" if all(map(_FIELD.get, map(heading, filter(None, names)))) else "close"] * len(names)
    else:
        fields = [_FIELD.get(heading(cell), "") for cell in _carried(table.cells[above])]
    across = [name for at, name in enumerate(names) if at not in days]
    lines = names if any(across) else _tickers(table, header) or names
    return lines, [field if line else "" for line, field in zip(lines, fields, strict=False)]


def _tickers(table: Sheet, header: int) -> list[str] | None:
    """The row of tickers above a header of fields; each stands for the columns up to the next."""
    if row := _above(table, header, "ticker"):
        return row
    for number in reversed(range(header)):
        cells = [spreadsheet.text(cell) for cell in table.cells[number]]
        given = [cell for cell in cells if cell]
        if given and all(symbol(cell) != cell or _TICKER.fullmatch(cell) for cell in given):
            return _carried(cells)
    return None


def _above(table: Sheet, header: int, field: str) -> list[str] | None:
    """A row above the header that starts with the heading of a field."""
    for row in table.cells[:header]:
        if _FIELD.get(heading(row[0])) == field and (row[1:] != "").any():
            return _carried(["", *row[1:]])
    return None


def _carried(row: Iterable[object]) -> list[str]:
    """Cells of a row, each empty one with the text to its left."""
    out, last = [], ""
    for cell in row:
        last = spreadsheet.text(cell) or last
        out.append(last)
    return out


def _data_rows(table: Sheet, header: int, day: int, columns: list[int]) -> np.ndarray:
    """Rows with a date and a value; text below the data has no value and is passed over."""
    dated = table.cells[:, day] != ""
    filled = (table.cells[:, columns] != "").any(axis=1)
    below = np.arange(len(dated)) > header
    if (lost := (below & filled & ~dated).nonzero()[0]).size:
        raise DataError(f"{table.file} row {lost[0] + 1} has a price and no date; fill in the date")
    rows: np.ndarray = (below & filled & dated).nonzero()[0]
    if not rows.size:
        raise DataError(f"{table.file} has no rows of data below its header in row {header + 1}")
    return rows


def _numbers(frame: pd.DataFrame, table: Sheet, decimal: str | None) -> tuple[pd.DataFrame, str]:
    """Prices and volumes as numbers, by one convention for the whole file."""
    cells = pd.concat([frame.set_index("row")[column] for column in ("open", *PRICES)])
    delimiter = table.found.get("delimiter", "")
    values, mark = spreadsheet.numbers(cells, table.file, delimiter=delimiter, decimal=decimal)
    opening, close, adjusted = np.split(values.to_numpy(), 3)
    volume = spreadsheet.numbers(frame["volume"], table.file, decimal=mark)[0]
    numeric: dict[str, Any] = {
        "open": opening,
        "close": close,
        "adj_close": adjusted,
        "volume": pd.to_numeric(volume, errors="coerce"),
    }
    return frame.assign(**numeric), mark
