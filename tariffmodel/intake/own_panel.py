"""How does a panel of the user's own take the place of the stored one?

A file with many lines, wide or long, as CSV, workbook or Parquet, or a vendor's folder with a file per line.
What it holds of a line replaces the whole of that line; the other lines stay, or go where the user says so.
It passes the gate of `own.check_prices` and is one snapshot of `store`: all of it or nothing.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tariffmodel import files
from tariffmodel.errors import DataError
from tariffmodel.facts import Facts, Fault, in_use, refuse, store
from tariffmodel.intake import own_joining, own_prices
from tariffmodel.intake.vendors import PRICES, read_prices, symbol

ENDINGS = (".csv", ".txt", ".tsv", ".xlsx", ".xlsm", ".parquet")
_FILE = "market/prices.parquet"
_COLUMNS = ["row", "date", "ticker", "open", *PRICES, "volume", "currency"]
_PARTS = "parts"  # in attrs: names of the files and the number of rows before theirs


def read_panel(path: str | Path, *, adjusted: bool = False, **reading: Any) -> pd.DataFrame:
    """Prices of a file, or of every file in a folder; the name of a file names its line where it does not.

    Parameters
    ----------
    adjusted : bool
        Prices headed Close or by a ticker have dividends and splits in them.
    reading
        See `vendors.read_prices`.

    Returns
    -------
    DataFrame
        As from `vendors.read_prices`; `row` counts on from file to file.

    Raises
    ------
    DataError
        Nothing to read, or a file that is not understood.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> days = pd.to_datetime(["2026-01-05", "2026-01-06"])
    >>> closes = pd.DataFrame({"GM": [50.0, 51.0], "F": [12.0, 12.1]}, days)
    >>> with TemporaryDirectory() as place:
    ...     closes.to_parquet(file := Path(place) / "panel.parquet")
    ...     read_panel(file).groupby("ticker")["close"].last().to_dict()
    {'F': 12.1, 'GM': 51.0}
    """
    place = Path(path)
    files = [place]
    if place.is_dir():
        files = sorted(
            p for p in place.rglob("*") if p.suffix.lower() in ENDINGS and not p.name.startswith(".")
        )
    if not files or not place.exists():
        what = f"holds no file of prices ({', '.join(ENDINGS)})" if place.exists() else "is not there"
        raise DataError(f"{place.name} {what}")
    frames, parts, before = [], [], 0
    for file in files:
        frame = _read(file, adjusted, reading)
        parts.append((frame.attrs.get("file", file.name), before))
        frames.append(frame.assign(row=frame["row"] + before).reindex(columns=_COLUMNS))
        before += int(frame["row"].max()) if len(frame) else 0
    panel = pd.concat([frame.astype({"date": "datetime64[us]"}) for frame in frames], ignore_index=True)
    panel.attrs = {"file": place.name, _PARTS: parts}
    return panel


def check_panel(frame: pd.DataFrame, facts: Facts, *, market: str | None = None) -> list[Fault]:
    """What is wrong with a panel before it replaces the stored one, each fault under its file and row.

    A `warning` is shown and stops nothing. Parameters as of `own.check_prices`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> mine = pd.DataFrame({"date": pd.to_datetime(["2026-01-05"]), "ticker": ["GM"], "close": [-3.0]})
    >>> [str(fault) for fault in check_panel(mine, tm.facts.load())]
    ['prices row 2: close is -3.0; expected a price > 0']
    """
    bare = dataclasses.replace(facts)  # the lines themselves are not joined to what is stored of them
    vars(bare)["prices"] = facts.prices.drop(columns=frame["ticker"].unique(), errors="ignore")
    faults = own_prices.check_prices(frame, bare, market=market)
    parts = frame.attrs.get(_PARTS)
    return [_placed(fault, parts) for fault in faults] if parts else faults


def preview_panel(frame: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    """What a panel would change, a row per ticker, as `own.preview`; ``attrs["kept"]`` lists the other lines.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> mine = known.prices["GM"].dropna().tail(5).rename("close").reset_index().assign(ticker="GM")
    >>> seen = preview_panel(mine, known)
    >>> int(seen.loc["GM", "replaced_rows"]), "F" in seen.attrs["kept"]
    (5, True)
    """
    table = own_prices.preview(frame, facts, replace=True)
    table.attrs["kept"] = [line for line in facts.prices if line not in table.index]
    return table


def replace_panel(
    facts: Facts,
    path: str | Path,
    *,
    market: str | None = None,
    only: bool = False,
    adjusted: bool = False,
    **reading: Any,
) -> pd.DataFrame:
    """Replace the stored history of every line of a file or folder. Load the facts again to use it.

    Parameters
    ----------
    market : str, optional
        Of lines that are not in ``instruments.csv``: an index value of `Facts.markets`.
    only : bool
        Lines that are not in the file lose their prices. Default: they stay.
    adjusted, reading
        See `read_panel`.

    Returns
    -------
    DataFrame
        The `preview_panel`; ``attrs["warnings"]`` lists what the gate doubts.

    Raises
    ------
    DataError
        Listing every fault with its file and row; nothing has changed then.

    Examples
    --------
    >>> from shutil import copytree
    >>> from tempfile import TemporaryDirectory
    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> with TemporaryDirectory() as place:  # a copy: what is added goes beside the data
    ...     _ = copytree(known.folder / "market", Path(place) / "market")
    ...     mine = dataclasses.replace(known, folder=Path(place))
    ...     known.prices[["GM"]].dropna().tail(5).to_parquet(file := Path(place) / "mine.parquet")
    ...     added = replace_panel(mine, file)
    ...     dataclasses.replace(mine).prices["GM"].count()
    np.int64(5)
    """
    frame = own_joining.in_order(read_panel(path, adjusted=adjusted, **reading))
    file = frame.attrs["file"]
    facts = dataclasses.replace(facts)  # a copy, which reads the prices in use now
    faults = check_panel(frame, facts, market=market)
    refuse([fault for fault in faults if not fault.warning])
    lines = own_prices._lines(facts, pd.Index(frame["ticker"].unique()), market)
    frame = frame[own_prices._in_session(frame, lines)]
    table = preview_panel(frame, facts)
    table.attrs |= {"file": file, "warnings": [str(fault) for fault in faults]}
    source = f"own: {file}"
    doubts: dict[str, str] = {}
    with store.writing(facts.folder, f"panel of prices from {file}", doubts) as staging:
        stored = files.parquet(in_use(facts.folder, store.overlay(facts.folder), _FILE))
        own = _rows(frame, source)
        kept = stored[~stored["ticker"].isin(own["ticker"])] if not only else stored.iloc[:0]
        panel = pd.concat([kept, own.astype({"ticker": str})], ignore_index=True).sort_values(
            ["ticker", "date"], ignore_index=True
        )
        panel["source"] = panel["source"].fillna("bundled")
        book = own_prices._book(
            facts, own_joining.spans_of(own), lines[~lines.index.isin(facts.instruments.index)], None, source
        )
        if only:
            gone = ~book.index.isin(own["ticker"])
            book.loc[gone, ["prices_first", "prices_last", "total_return_share"]] = ""
            book.loc[gone, "rows"] = "0"
        for ticker in own["ticker"].unique():
            doubts.pop(ticker, None)
        (staging / "market").mkdir(exist_ok=True)
        panel.to_parquet(staging / _FILE, index=False)
        book.to_csv(staging / "market" / "instruments.csv", lineterminator="\n")
    return table


def _read(file: Path, adjusted: bool, reading: dict[str, Any]) -> pd.DataFrame:
    """Prices of one file; its name is that of its line where it has none."""
    if file.suffix.lower() == ".parquet":
        return _parquet(file, adjusted)
    try:
        return read_prices(file, adjusted=adjusted, **reading)
    except DataError as error:
        if "whose prices" not in str(error):
            raise
        return read_prices(file, adjusted=adjusted, **{**reading, "ticker": symbol(file.stem.upper())})


def _parquet(file: Path, adjusted: bool) -> pd.DataFrame:
    """Prices of a Parquet file: date and ticker a row, or days down and lines across."""
    try:
        found = pd.read_parquet(file)
    except Exception as error:  # noqa: BLE001  whatever pyarrow raises of a damaged file
        raise DataError(f"{file.name} is no Parquet file that can be read ({type(error).__name__})") from None
    found = found.reset_index() if not isinstance(found.index, pd.RangeIndex) else found
    found.columns = [str(name).strip() for name in found.columns]
    names = {str(name): str(name).lower().replace(" ", "_") for name in found}
    if "ticker" in names.values():
        found = found.rename(columns=names)
    else:
        first = found.columns[0]
        found = found.rename(columns={first: "date"}).melt("date", var_name="ticker", value_name="close")
    if "date" not in found or not set(PRICES) & set(found):
        expected = "date, ticker, and close or adj_close; or days down and tickers across"
        raise DataError(f"{file.name} has the columns {', '.join(map(str, found))}; expected {expected}")
    try:
        days = pd.to_datetime(found["date"])
    except (ValueError, TypeError):
        raise DataError(f"{file.name}: the column {found.columns[0]!r} holds no days") from None
    found = found.assign(row=np.arange(len(found)) + 1, date=days.dt.tz_localize(None).dt.normalize())
    found = found.reindex(columns=_COLUMNS)
    if adjusted and found["adj_close"].isna().all():
        found = found.assign(adj_close=found["close"], close=np.nan)
    found = found[found[PRICES].notna().any(axis=1)].reset_index(drop=True)
    found["ticker"] = (
        found["ticker"].astype(str).map({t: symbol(t) for t in found["ticker"].astype(str).unique()})
    )
    found.attrs["file"] = file.name
    return found


def _placed(fault: Fault, parts: list[tuple[str, int]]) -> Fault:
    """A fault under the file that has it, where the row counts over all files."""
    if fault.row is None:
        return fault
    name, before = next((name, before) for name, before in reversed(parts) if before < fault.row)
    return dataclasses.replace(fault, file=name, row=fault.row - before)


def _rows(frame: pd.DataFrame, source: str) -> pd.DataFrame:
    """Rows of the table of prices; the last of a line is a traded price."""
    rows = frame.sort_values(["ticker", "date"], ignore_index=True)
    by = rows["ticker"].cat.remove_unused_categories()
    total = rows["adj_close"].notna().groupby(by, observed=True).transform("any")
    level = rows["adj_close"].where(total, rows["close"]).astype(float)
    traded = rows["close"].astype(float).fillna(level)
    scale = (traded / level).groupby(by, observed=True).transform("last")
    opening = rows["open"].astype(float).where(rows["close"].notna())
    return pd.DataFrame(
        {
            "date": rows["date"],
            "ticker": by,
            "adj_close": level * scale,
            "records": by.duplicated().astype("int64"),  # no return ends in the first row
            "basis": np.where(total, "total_return", "price_return"),
            "open": opening,
            "close": rows["close"].astype(float),
            "volume": pd.to_numeric(rows["volume"], errors="coerce"),
            "source": source,
        }
    )
