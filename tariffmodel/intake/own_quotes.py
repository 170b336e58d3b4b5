"""How do the user's quotes of options enter, in the units that they are in and no other?

A file is read and checked before anything is written. Nothing about a unit is guessed: a volatility of 0.12
under percent, or of 12 under fraction, is refused. Accepted rows go into ``market/own_quotes.csv`` of a
snapshot of `store`, where they go before bundled quotes of the same option and day.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tariffmodel import files
from tariffmodel.errors import DataError
from tariffmodel.facts import OWN_QUOTES, Facts, Fault, conform_own, refuse, store
from tariffmodel.intake import spreadsheet
from tariffmodel.intake.own_disclosures import iso_day
from tariffmodel.markets import quotes

__all__ = ["add_quotes", "check_quotes", "preview_quotes", "read_quotes"]

_HEADINGS = {
    "day": "date", "quoted": "date", "pair": "underlying", "ticker": "underlying", "symbol": "underlying",
    "kind": "type", "option type": "type", "maturity": "expiry", "expiration": "expiry", "expires": "expiry",
    "k": "strike", "iv": "mid", "vol": "mid", "implied vol": "mid", "implied volatility": "mid",
    "volatility": "mid", "price": "mid", "premium": "mid", "offer": "ask", "source": "source_title",
    "url": "source_url",
}  # fmt: skip
_TYPES = {
    "c": "call", "calls": "call", "p": "put", "puts": "put", "at the money": "atm", "atmf": "atm",
    "rr": "risk_reversal", "risk reversal": "risk_reversal",
}  # fmt: skip
_UNITS = {
    "%": "percent_a_year", "percent": "percent_a_year", "percent a year": "percent_a_year",
    "pct": "percent_a_year", "fraction": "fraction_a_year", "decimal": "fraction_a_year",
    "fraction a year": "fraction_a_year", "vol points": "vol_points", "vols": "vol_points",
}  # fmt: skip
_UNIT = (
    "percent_a_year (12.8), fraction_a_year (0.128), vol_points or price, in a column unit or with --unit: "
    "what a number means is not guessed"
)


def read_quotes(
    path: str | Path,
    *,
    sheet: str | None = None,
    encoding: str | None = None,
    decimal: str | None = None,
    **columns: str,
) -> pd.DataFrame:
    """Quotes of options from a CSV or Excel file, as text.

    One option on one day a row, in any order. Needed are `date`, `underlying`, `expiry` or `tenor`, `mid` or
    `bid` and `ask`, and `unit`; `type` (at the money where left out), `strike`, `delta` and the source.

    Parameters
    ----------
    sheet, encoding, decimal
        See `spreadsheet.read` and `spreadsheet.numbers`.
    **columns : str
        Values for columns that the file leaves out or empty: ``unit="percent_a_year"``.

    Returns
    -------
    DataFrame
        The columns of ``market/quotes.csv`` and `row` of the file. Where left out, `quality` is reported,
        `source_title` the name of the file and `source_date` today.

    Raises
    ------
    DataError
        Where the layout is not understood, or a column is missing.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import tariffmodel as tm
    >>> said = pd.DataFrame({"date": ["3 Apr 2025"], "pair": ["usd/jpy"], "tenor": ["1m"], "vol": [12.8]})
    >>> with TemporaryDirectory() as place:
    ...     said.to_csv(file := Path(place) / "mine.csv", index=False)
    ...     rows = tm.own_quotes.read_quotes(file, unit="percent")
    >>> rows[["date", "underlying", "type", "tenor", "mid", "unit"]].to_numpy().tolist()
    [['2025-04-03', 'USDJPY', 'atm', '1M', '12.8', 'percent_a_year']]
    """
    from tariffmodel.facts.schemas.market import QUOTES  # slow to import

    known = list(QUOTES.columns)
    sheet_read = spreadsheet.read(path, sheet=sheet, encoding=encoding)
    cells = spreadsheet.below_headings(sheet_read, known, _HEADINGS, columns)
    for needed in (("date",), ("underlying",), ("expiry", "tenor"), ("mid", "bid"), ("unit",)):
        if not {*cells, *columns} & set(needed):
            remedy = f"expected {_UNIT}" if needed == ("unit",) else "add it"
            raise DataError(f"{sheet_read.file} has no column {' or '.join(needed)}; {remedy}")
    if cells.empty:
        raise DataError(f"{sheet_read.file} has no quote below its header; expected at least one row")
    numbers = [name for name in ("bid", "mid", "ask", "strike", "delta") if name in cells]
    cells[numbers] = _as_numbers(cells[numbers], sheet_read, decimal)
    cells = cells.map(spreadsheet.text)
    rows = cells.reindex(columns=known, fill_value="").replace("", np.nan).astype("str").fillna(columns)
    usual = {"type": "atm", "quality": "reported", "source_title": sheet_read.file}
    rows = rows.fillna(usual | {"source_date": str(date.today())}).assign(row=rows.index)
    rows.attrs = sheet_read.about
    return _plain(rows.reset_index(drop=True))


def check_quotes(rows: pd.DataFrame) -> list[Fault]:
    """What is wrong with rows from `read_quotes`.

    >>> rows = {"date": "2025-04-03", "underlying": "USDJPY", "type": "atm", "tenor": "1M", "mid": "0.128"}
    >>> rows |= {"unit": "percent_a_year", "quality": "reported", "source_title": "mine"}
    >>> rows |= {"source_date": "2025-04-03", "row": 2}
    >>> fault = check_quotes(pd.DataFrame([rows]))[0]
    >>> fault.row, fault.column, fault.expected.partition("; ")[2]
    (2, 'unit', 'is it the other?')
    """
    return _typed(rows)[1]


def preview_quotes(rows: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    """What the quotes of `read_quotes` mean, and which they would replace.

    Returns
    -------
    DataFrame
        In the order of the file: `row`, `date`, `underlying`, `type`, `expiry`, `tenor`, `strike`, `delta`,
        `bid`, `mid`, `ask`, `unit`, and `replaces` (bool: a quote in use of the same option and day).

    Raises
    ------
    DataError
        Listing every fault with row and column.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> rows = tm.quotes.table(known).head(1)
    >>> preview_quotes(rows[[*quotes.KEY, "mid", "unit"]].assign(
    ...     quality="reported", source_title="mine", source_date="2025", row=2), known)["replaces"].item()
    True
    """
    typed, faults = _typed(rows)
    refuse(faults)
    held = pd.MultiIndex.from_frame(quotes.table(facts)[quotes.KEY])
    columns = ["row", *quotes.KEY, "bid", "mid", "ask", "unit"]
    return typed[columns].assign(replaces=pd.MultiIndex.from_frame(typed[quotes.KEY]).isin(held))


def add_quotes(
    facts: Facts,
    path: str | Path,
    *,
    sheet: str | None = None,
    encoding: str | None = None,
    decimal: str | None = None,
    **columns: str,
) -> int:
    """Add the quotes of a file to ``market/own_quotes.csv``; how many there are.

    A row replaces an earlier one of the same option and day. Parameters as for `read_quotes`.

    Raises
    ------
    DataError
        Listing every fault with row and column; nothing has changed then.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from tempfile import TemporaryDirectory
    >>> import tariffmodel as tm
    >>> said = pd.DataFrame({"date": ["2025-04-03"], "pair": ["USDJPY"], "tenor": ["1M"], "vol": [12.8]})
    >>> with TemporaryDirectory() as place:  # instead of the data folder
    ...     said.to_csv(file := Path(place) / "mine.csv", index=False)
    ...     tm.own_quotes.add_quotes(replace(tm.facts.load(), folder=Path(place)), file, unit="percent")
    1
    """
    from tariffmodel.facts.schemas.market import QUOTES

    rows = read_quotes(path, sheet=sheet, encoding=encoding, decimal=decimal, **columns)
    refuse(check_quotes(rows))
    new = rows[list(QUOTES.columns)].astype("str")
    with store.writing(facts.folder, f"own quotes from {rows.attrs['file']}") as staging:
        if (held := store.path(facts.folder, OWN_QUOTES)).is_file():
            old = files.csv(held)
            stays = ~_key(old).isin(_key(new))
            new = pd.concat([old[stays], new])
        (staging / OWN_QUOTES).parent.mkdir(exist_ok=True)
        new.sort_values(quotes.KEY).to_csv(staging / OWN_QUOTES, index=False, lineterminator="\n")
    return len(rows)


def _as_numbers(cells: pd.DataFrame, read: spreadsheet.Sheet, decimal: str | None) -> pd.DataFrame:
    """Cells of numbers with one decimal mark; what is none stays for the check to name."""
    long: Any = cells.stack(future_stack=True)  # a Series: the columns have one level
    found, _ = spreadsheet.numbers(
        long.reset_index(drop=True), read.file, delimiter=read.found.get("delimiter", ""), decimal=decimal
    )
    return found.set_axis(long.index).unstack().astype(object).where(lambda cell: cell.notna(), "")


def _plain(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows in the words of ``market/quotes.csv``."""
    for name in ("date", "expiry"):
        rows[name] = rows[name].map(iso_day, na_action="ignore")
    rows["underlying"] = rows["underlying"].str.strip()
    pair = rows["underlying"].str.fullmatch(r"[A-Za-z]{3}[/ ]?[A-Za-z]{3}", na=False)
    rows.loc[pair, "underlying"] = (
        rows.loc[pair, "underlying"].str.upper().str.replace(r"[/ ]", "", regex=True)
    )
    rows["tenor"] = rows["tenor"].str.replace(" ", "").str.upper()
    for name, words in (("type", _TYPES), ("unit", _UNITS)):
        said = rows[name].str.strip().str.lower()
        rows[name] = said.map(words).fillna(said)
    return rows


def _typed(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[Fault]]:
    from tariffmodel.facts.schemas.market import QUOTES

    file = rows.attrs.get("file", "own rows")
    plain = rows.reindex(columns=[*QUOTES.columns, "row"])
    plain.attrs = {"file": file}
    vague = plain["unit"].notna() & ~plain["date"].str.fullmatch(r"\d{4}-\d{2}-\d{2}", na=False)
    wanted = {
        "unit": (plain["unit"].isna(), _UNIT),
        "date": (vague, "a day such as 2025-04-03 or 3 Apr 2025"),
    }
    early = [
        Fault(file, int(row), column, value, expected)
        for column, (wrong, expected) in wanted.items()
        for row, value in zip(plain.loc[wrong, "row"], plain.loc[wrong, column], strict=True)
    ]
    named = {fault.row for fault in early}
    typed, faults = conform_own(plain, QUOTES)
    faults = early + [fault for fault in faults if fault.row not in named]
    return typed, sorted(faults, key=lambda fault: fault.row or 0)


def _key(rows: pd.DataFrame) -> pd.MultiIndex:
    """What an option and its day are, strikes as numbers."""
    plain = rows[quotes.KEY].assign(
        **{name: pd.to_numeric(rows[name], errors="coerce") for name in ("strike", "delta")}
    )
    return pd.MultiIndex.from_frame(plain.fillna(dict.fromkeys(("expiry", "tenor"), "")))
