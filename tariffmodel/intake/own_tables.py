"""How do markets and makers of the user's own enter, and with them currencies and homes that are new?

Each is a row of a table of the data folder. A file of such rows is read and checked before anything is
written; what is accepted goes into a snapshot of `store`, and rows in use of the same key are replaced.
"""

from __future__ import annotations

import difflib
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import Facts, Fault, conform_own, in_use, refuse, store
from tariffmodel.intake import spreadsheet
from tariffmodel.stats.sessions import exchange

__all__ = ["add_makers", "add_markets", "check_makers", "check_markets", "read_rows"]

MARKETS, MAKERS = "market/markets.csv", "companies/makers.csv"
CURRENCIES, HOMES, LINES = "market/currencies.csv", "companies/homes.csv", "market/instruments.csv"
_EXTRA = {MARKETS: ("currency_name", "pair"), MAKERS: ("home_name",)}  # of a currency, a home that is new
_CODES = ("space_codes", "dash_codes", "dot_codes", "colon_codes")
_YES = {"yes": "true", "y": "true", "1": "true", "no": "false", "n": "false", "0": "false"}


def read_rows(
    path: str | Path, table: str, *, sheet: str | None = None, encoding: str | None = None
) -> pd.DataFrame:
    """Rows of ``market/markets.csv`` or ``companies/makers.csv`` from a CSV or Excel file, as text.

    Parameters
    ----------
    table : str
        Which of the two. A market may have `currency_name` and `pair` of a currency that is new, a maker
        `home_name` of a home that is.
    sheet, encoding
        See `spreadsheet.read`.

    Returns
    -------
    DataFrame
        The columns of the table, those named above, and `row` of the file. Where left out, `quality` is
        derived, `source_title` the name of the file and `source_date` today.

    Raises
    ------
    DataError
        Columns that are unknown or double, or no row.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> given = pd.DataFrame({"market": ["HK"], "Exchange calendar": ["XHKG"], "currency": ["HKD"]})
    >>> with TemporaryDirectory() as place:
    ...     given.to_csv(file := Path(place) / "mine.csv", index=False)
    ...     rows = read_rows(file, MARKETS)
    >>> rows[["market", "exchange_calendar", "source_title"]].to_numpy().tolist()
    [['HK', 'XHKG', 'mine.csv']]
    """
    from tariffmodel.facts.schemas import TABLES  # slow to import

    known = [*TABLES[table].columns, *_EXTRA[table]]
    cells = spreadsheet.read(path, sheet=sheet, encoding=encoding)
    body = spreadsheet.below_headings(cells, known).map(spreadsheet.text)
    if body.empty:
        raise DataError(f"{cells.file} has no row below its header; expected at least one")
    rows = body.reindex(columns=known, fill_value="").replace("", np.nan).astype("str")
    usual = {"quality": "derived", "source_title": cells.file, "source_date": str(date.today())}
    rows = rows.fillna(usual).assign(row=rows.index).reset_index(drop=True)
    rows.attrs = cells.about
    return rows


def check_markets(rows: pd.DataFrame, facts: Facts) -> list[Fault]:
    """What is wrong with markets of `read_rows`, and, as warnings, what is doubtful.

    >>> import tariffmodel as tm
    >>> rows = pd.DataFrame({"market": ["HK"], "name": ["Hong Kong"], "exchange_calendar": ["XXXX"]})
    >>> faults = check_markets(rows.assign(currency="HKD", suffix=".T", row=2), tm.facts.load())
    >>> [(fault.column, fault.expected.split(",")[0]) for fault in faults if not fault.warning]
    [('exchange_calendar', 'a code of the exchange_calendars package'), ('suffix', 'an ending of its own')]
    """
    return _markets(rows, facts)[1]


def add_markets(
    facts: Facts, path: str | Path, *, sheet: str | None = None, encoding: str | None = None
) -> pd.DataFrame:
    """Add the markets of a file to ``market/markets.csv``, and currencies that are new.

    Returns
    -------
    DataFrame
        The rows that were added; ``attrs["warnings"]`` list what is doubtful, ``attrs["new"]`` currencies.

    Raises
    ------
    DataError
        Listing every fault with row and column; nothing has changed then.

    Examples
    --------
    >>> import dataclasses, shutil, tempfile
    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> given = {"market": ["HK"], "name": ["Hong Kong"], "exchange_calendar": ["XHKG"], "currency": ["HKD"]}
    >>> with tempfile.TemporaryDirectory() as place:  # instead of the data folder
    ...     _ = shutil.copytree(known.folder / "market", Path(place) / "market")
    ...     pd.DataFrame(given | {"suffix": [".HK"]}).to_csv(file := Path(place) / "mine.csv", index=False)
    ...     tm.own_tables.add_markets(dataclasses.replace(known, folder=Path(place)), file).attrs["new"]
    ['HKD']
    """
    rows = read_rows(path, MARKETS, sheet=sheet, encoding=encoding)
    typed, faults = _markets(rows, facts)
    refuse([fault for fault in faults if not fault.warning])
    held = _held(facts, CURRENCIES)
    fresh = rows[~rows["currency"].isin(held["currency"])].drop_duplicates("currency")
    currencies = fresh.assign(
        name=fresh["currency_name"].fillna(fresh["currency"]),
        pair=fresh["pair"].fillna("USD" + fresh["currency"]),
    )
    file = rows.attrs["file"]
    with store.writing(facts.folder, f"own markets from {file}") as staging:
        _put(facts, staging, MARKETS, rows, ["market"])
        if len(fresh):
            _put(facts, staging, CURRENCIES, currencies, ["currency"])
    typed.attrs = {"file": file, "warnings": [str(f) for f in faults], "new": fresh["currency"].tolist()}
    return typed


def check_makers(rows: pd.DataFrame, facts: Facts) -> list[Fault]:
    """What is wrong with makers of `read_rows`, and, as warnings, what is doubtful.

    >>> import tariffmodel as tm
    >>> rows = pd.DataFrame({"maker": ["BYD"], "name": ["BYD"], "headquarters": ["CN"], "home": ["CN"]})
    >>> rows = rows.assign(reporting_currency="XYZ", fiscal_year_end_month="12", ticker="9.HK", row=2)
    >>> rows = rows.assign(has_us_plant="no")
    >>> [fault.column for fault in check_makers(rows, tm.facts.load()) if not fault.warning]
    ['reporting_currency', 'ticker']
    """
    return _makers(rows, facts)[1]


def add_makers(
    facts: Facts, path: str | Path, *, sheet: str | None = None, encoding: str | None = None
) -> pd.DataFrame:
    """Add the makers of a file to ``companies/makers.csv``, and homes that are new.

    The lines of a maker in ``instruments.csv`` get its name and the role of a maker.

    Returns
    -------
    DataFrame
        The rows that were added; ``attrs["warnings"]`` list what is doubtful, ``attrs["new"]`` the homes.

    Raises
    ------
    DataError
        Listing every fault with row and column; nothing has changed then.

    Examples
    --------
    >>> import dataclasses, shutil, tempfile
    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> given = {"maker": ["Acme"], "name": ["Acme Motors plc"], "headquarters": ["GB"], "home": ["GB"]}
    >>> given |= {"reporting_currency": ["GBP"], "fiscal_year_end_month": [12], "has_us_plant": ["no"]}
    >>> with tempfile.TemporaryDirectory() as place:  # instead of the data folder
    ...     for name in ("market", "companies"):
    ...         _ = shutil.copytree(known.folder / name, Path(place) / name)
    ...     pd.DataFrame(given).to_csv(file := Path(place) / "mine.csv", index=False)
    ...     added = tm.own_tables.add_makers(dataclasses.replace(known, folder=Path(place)), file)
    >>> added["maker"].tolist(), added.attrs["new"]
    (['Acme'], [])
    """
    rows = read_rows(path, MAKERS, sheet=sheet, encoding=encoding)
    rows["has_us_plant"] = rows["has_us_plant"].str.lower().replace(_YES)
    rows["share_lines"] = rows["share_lines"].fillna(rows["ticker"])
    typed, faults = _makers(rows, facts)
    refuse([fault for fault in faults if not fault.warning])
    fresh = rows[~rows["home"].isin(_held(facts, HOMES)["home"])].drop_duplicates("home")
    file = rows.attrs["file"]
    with store.writing(facts.folder, f"own makers from {file}") as staging:
        _put(facts, staging, MAKERS, rows, ["maker"])
        if len(fresh):
            _put(facts, staging, HOMES, fresh.assign(name=fresh["home_name"].fillna(fresh["home"])), ["home"])
        lines = _held(facts, LINES).set_index("ticker", drop=False)
        shares = zip(rows["maker"], rows["share_lines"], strict=True)
        of = {line: maker for maker, listed in shares for line in str(listed).split("|")}
        mine = lines[lines.index.isin(list(of))]
        if len(mine):
            _put(facts, staging, LINES, mine.assign(company=mine.index.map(of), role="maker"), ["ticker"])
    typed.attrs = {"file": file, "warnings": [str(f) for f in faults], "new": fresh["home"].tolist()}
    return typed


def _markets(rows: pd.DataFrame, facts: Facts) -> tuple[pd.DataFrame, list[Fault]]:
    typed, faults, report = _typed(rows, MARKETS, ["market"])
    held = _held(facts, MARKETS)
    others = held[~held["market"].isin(rows["market"])]
    row: Any  # a named tuple of its columns
    for row in typed.itertuples():
        if (code := row.exchange_calendar) == code and not _calendar(str(code)):
            report(row.Index, "exchange_calendar", "a code of the exchange_calendars package, such as XHKG")
        if row.suffix != row.suffix and "" in set(others["suffix"]):
            report(
                row.Index,
                "suffix",
                "an ending of its own, such as .HK: without one, tickers are those of New York",
            )
        elif row.suffix in set(others["suffix"]):
            owner = others.loc[others["suffix"] == row.suffix, "market"].iloc[0]
            report(row.Index, "suffix", f"an ending of its own, as {owner} has this one")
        for column in _CODES:
            taken = {code for cell in others[column] for code in cell.split("|") if code}
            if twice := sorted(set(str(getattr(row, column)).split("|")) & taken):
                report(row.Index, column, f"codes that no other market has: {', '.join(twice)}")
        index = str(row.benchmark).split("|") if row.benchmark == row.benchmark else []
        if not set(index) & set(facts.prices.columns):
            expected = "a ticker with prices: until then its lines have no market model (event --model mean)"
            report(row.Index, "benchmark", expected, warning=True)
        if row.currency != "USD" and not _has_rate(facts, row.currency):
            expected = "a currency with exchange rates: add them with `tariffmodel add fx`"
            report(row.Index, "currency", expected, warning=True)
    return typed, faults


def _makers(rows: pd.DataFrame, facts: Facts) -> tuple[pd.DataFrame, list[Fault]]:
    typed, faults, report = _typed(rows, MAKERS, ["maker"])
    currencies, homes = set(_held(facts, CURRENCIES)["currency"]), set(_held(facts, HOMES)["home"])
    makers = {*facts.makers.index, *typed["maker"]}
    row: Any  # a named tuple of its columns
    for row in typed.itertuples():
        if row.reporting_currency not in currencies:
            known = ", ".join(sorted(currencies))
            report(row.Index, "reporting_currency", f"one of {known}; `tariffmodel add market` adds one")
        elif row.reporting_currency != "USD" and not _has_rate(facts, row.reporting_currency):
            report(
                row.Index,
                "reporting_currency",
                "a currency with exchange rates: `tariffmodel add fx` adds them",
            )
        for line in str(row.ticker).split("|") if row.ticker == row.ticker else []:
            if line not in facts.prices:
                near = difflib.get_close_matches(line, facts.prices.columns, 1)
                like = f" ({near[0]}?)" if near else ""
                report(
                    row.Index, "ticker", f"a line with prices{like}: add them first, `tariffmodel add prices`"
                )
        if row.consolidated_in == row.consolidated_in and row.consolidated_in not in makers:
            report(row.Index, "consolidated_in", "a maker of companies/makers.csv")
        if row.home not in homes:
            expected = f"one of {', '.join(sorted(homes))}, or a new one that policies name as an origin"
            report(row.Index, "home", f"{expected}: it is added", warning=True)
    return typed, faults


def _typed(rows: pd.DataFrame, table: str, key: list[str]) -> tuple[pd.DataFrame, list[Fault], Any]:
    """Rows with the types of their table, what is wrong with them, and how to add to that."""
    from tariffmodel.facts.schemas import TABLES

    file = rows.attrs.get("file", "own rows")
    usual = {"quality": "derived", "source_title": file, "source_date": str(date.today())}
    plain = rows.reindex(columns=[*TABLES[table].columns, "row"])
    plain = plain.astype(dict.fromkeys(plain.columns.intersection(list(usual)), object)).fillna(usual)
    words = plain.columns.drop("row")
    plain = plain.astype(dict.fromkeys(words, "str")).replace("nan", np.nan)
    if "has_us_plant" in plain:
        plain["has_us_plant"] = plain["has_us_plant"].str.lower().replace(_YES)
    plain.attrs = {"file": file}
    typed, faults = conform_own(plain, TABLES[table])
    typed = typed if "row" in typed else typed.assign(row=plain["row"].to_numpy())

    def report(at: Any, column: str, expected: str, *, warning: bool = False) -> None:
        value = plain[column].iloc[at]
        faults.append(Fault(file, int(plain["row"].iloc[at]), column, value, expected, warning))

    for at in np.flatnonzero(plain.duplicated(key)):
        report(at, key[0], f"each {key[0]} once")
    return typed.reset_index(drop=True), faults, report


def _held(facts: Facts, name: str) -> pd.DataFrame:
    """A table in use, as text."""
    place = in_use(facts.folder, store.overlay(facts.folder), name)
    return pd.read_csv(place, dtype=str, keep_default_na=False)


def _put(facts: Facts, staging: Path, name: str, rows: pd.DataFrame, key: list[str]) -> None:
    """Write a table with rows laid over those of the same key."""
    place = staging / name
    held = pd.read_csv(place, dtype=str, keep_default_na=False) if place.is_file() else _held(facts, name)
    new = rows.reindex(columns=held.columns).astype("object").fillna("")
    stays = ~held[key[0]].isin(new[key[0]])
    place.parent.mkdir(exist_ok=True)
    pd.concat([held[stays], new]).to_csv(place, index=False, lineterminator="\n")


def _calendar(code: str) -> bool:
    try:
        exchange(code)
    except DataError:
        return False
    return True


def _has_rate(facts: Facts, currency: Any) -> bool:
    return f"USD{currency}" in facts.fx or f"{currency}USD" in facts.fx
