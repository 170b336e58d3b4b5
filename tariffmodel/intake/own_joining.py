"""How do own prices of thousands of lines join on to stored ones?

Lines stand below each other, by ticker and day, and are computed together, some whole lines at a time: the
memory in use does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tariffmodel.facts import Facts
from tariffmodel.intake.vendors import PRICES

_ROWS = 1_000_000  # of a block, unless a single line has more
_NAMES = ["ticker", "basis", "source"]
_ADDED = {"open": np.nan, "close": np.nan, "volume": np.nan, "source": "bundled"}  # to a table without them
_DAYS = 2**22  # more than the days that a calendar has


def in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """Prices by ticker and date, the tickers as categories.

    >>> days = pd.to_datetime(["2026-01-06", "2026-01-05", "2026-01-05"])
    >>> in_order(pd.DataFrame({"date": days, "ticker": ["GM", "GM", "F"]})).index.tolist()
    [2, 1, 0]
    """
    if not isinstance(frame["ticker"].dtype, pd.CategoricalDtype):
        numbers, names = pd.factorize(frame["ticker"], sort=True)
        frame = frame.assign(ticker=pd.Categorical.from_codes(numbers, pd.Index(names)))
    codes, days = frame["ticker"].cat.codes.to_numpy(), frame["date"].to_numpy()
    line = np.diff(codes)
    if ((line > 0) | ((line == 0) & (np.diff(days) > np.timedelta64(0)))).all():
        return frame
    return frame.take(np.lexsort((days, codes)))


def blocks(frame: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Some whole lines at a time of prices that are `in_order`.

    >>> frame = pd.DataFrame({"date": pd.to_datetime(["2026-01-05"] * 2), "ticker": ["F", "GM"]})
    >>> [len(block) for block in blocks(in_order(frame))]
    [2]
    """
    codes = frame["ticker"].cat.codes.to_numpy()
    ends = np.append(np.flatnonzero(np.diff(codes)) + 1, len(codes))
    first = 0
    while first < len(codes):
        fits = ends[(ends > first) & (ends <= first + _ROWS)]
        last = int(fits[-1] if len(fits) else ends[ends > first][0])
        yield frame.iloc[first:last]
        first = last


def beside_stored(frame: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    """Own prices of whole lines beside the stored ones, with the returns of both.

    Parameters
    ----------
    frame : DataFrame
        `in_order`.

    Returns
    -------
    DataFrame
        By ticker and date: `row`, `open`, `close`, `adj_close` and `volume` as given, `total` (the line has
        adjusted closes), `price` (those, else closes), `stored`, `previous` price, `change` to it and its
        `difference` to the stored return (fractions), and `ratio` of price to stored.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> mine = known.prices["GM"].dropna().tail(2).rename("close").reset_index().assign(ticker="GM")
    >>> beside_stored(in_order(mine), known)["ratio"].tolist()
    [1.0, 1.0]
    """
    frame = frame.reindex(columns=["row", "date", "ticker", "open", *PRICES, "volume"])
    frame = frame.reset_index(drop=True)
    codes = frame["ticker"].cat.codes.to_numpy()
    total = _anywhere(codes, frame["adj_close"].notna().to_numpy())
    price = np.where(total, frame["adj_close"], frame["close"]).astype(float)
    stored = _stored(facts, frame, codes)
    again = np.append(False, codes[1:] == codes[:-1])
    previous, before = (np.where(again, np.roll(column, 1), np.nan) for column in (price, stored))
    change = price / previous - 1
    return frame.assign(
        total=total,
        price=price,
        stored=stored,
        previous=previous,
        change=change,
        difference=change - (stored / before - 1),
        ratio=price / stored,
    )


def _anywhere(codes: np.ndarray, flag: np.ndarray) -> np.ndarray:
    """Whether a flag is up in any row of the same line."""
    starts = np.append(0, np.flatnonzero(np.diff(codes)) + 1)
    sizes = np.diff(np.append(starts, len(codes)))
    return np.repeat(np.logical_or.reduceat(flag, starts), sizes) if len(codes) else flag


def _stored(facts: Facts, frame: pd.DataFrame, codes: np.ndarray) -> np.ndarray:
    """The stored price of each row, NaN where there is none."""
    prices = facts.prices
    day = prices.index.get_indexer(pd.Index(frame["date"]))
    column = prices.columns.get_indexer(frame["ticker"].cat.categories)[codes]
    return np.where((day >= 0) & (column >= 0), prices.to_numpy()[day, column], np.nan)


def write(
    place: Path, target: Path, moves: Iterator[pd.DataFrame], replace: bool, source: str
) -> pd.DataFrame:
    """The table of prices in `place` with own lines joined in, written to `target`.

    Parameters
    ----------
    moves : iterator of DataFrame
        Blocks of `beside_stored`, their tickers rising.
    replace : bool
        Own prices take the place of the stored ones from their first to their last day; else they enter on
        days that have none.

    Returns
    -------
    DataFrame
        Of the lines that own prices have: `first` and `last` day, `rows`, and `total_return_share` (share
        of their returns that are total returns), by ticker.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import tariffmodel as tm
    >>> known, days = tm.facts.load(), pd.to_datetime(["2026-01-05", "2026-01-06"])
    >>> mine = in_order(pd.DataFrame({"date": days, "ticker": "OWN", "close": [10.0, 11.0]}))
    >>> panel = known.folder / "market" / "prices.parquet"
    >>> with TemporaryDirectory() as folder:
    ...     target = Path(folder) / "prices.parquet"
    ...     write(panel, target, iter([beside_stored(mine, known)]), False, "own: mine.csv")["rows"].to_dict()
    {'OWN': 2}
    """
    held, names = _read(place)
    spans, done = [], 0
    with pq.ParquetWriter(target, _schema(held)) as writer:
        for block in moves:
            own = block["ticker"].cat.remove_unused_categories().cat.categories
            first, last = np.searchsorted(names, own[0]), np.searchsorted(names, own[-1], side="right")
            _put(writer, held.slice(done, first - done))
            lines = joined(held.slice(first, last - first).to_pandas(), block, replace, source)
            _put(writer, pa.Table.from_pandas(lines, preserve_index=False))
            spans.append(spans_of(lines[lines["ticker"].isin(own)]))
            done = last
        _put(writer, held.slice(done))
    return pd.concat(spans)


def joined(stored: pd.DataFrame, own: pd.DataFrame, replace: bool, source: str) -> pd.DataFrame:
    """Rows of the table of prices after own prices entered; lines without own prices stay as they are.

    The lines are `linked`; the base is the stored one, or the own one where it replaces. The last level of a
    line is a traded price.

    >>> days = pd.to_datetime(["2026-01-05", "2026-01-06", "2026-01-07"])
    >>> stored = pd.DataFrame({"date": days[:2], "ticker": "F", "adj_close": [100.0, 110.0]})
    >>> stored = stored.assign(records=[0, 2], basis="total_return", source="bundled")
    >>> stored = stored.assign(open=np.nan, close=np.nan, volume=np.nan)
    >>> own = pd.DataFrame({"date": days[1:], "ticker": "F", "price": [11.0, 12.1], "close": [11.0, 12.1]})
    >>> own = own.assign(open=np.nan, volume=np.nan, total=False)
    >>> joined(stored, own, False, "own: mine.csv")["adj_close"].round(6).tolist()
    [10.0, 11.0, 12.1]
    """
    both = [one["ticker"].astype("category").cat.remove_unused_categories() for one in (stored, own)]
    names = pd.Index(sorted({*both[0].cat.categories, *both[1].cat.categories}), dtype="str")
    codes = np.concatenate([names.get_indexer(one.cat.categories)[one.cat.codes] for one in both])
    days = np.concatenate([one["date"].to_numpy("datetime64[D]").astype(int) for one in (stored, own)])
    key = codes * _DAYS + days
    kept, mine = key[: len(stored)], key[len(stored) :]
    if replace:
        stay = _outside(kept, mine, len(names)) | np.isin(kept, mine)
        stored, kept = stored[stay], kept[stay]
    every = np.sort(np.concatenate([kept, mine]), kind="stable")  # two runs in order: merged in one pass
    every = every[np.append(True, np.diff(every) > 0)]
    at_stored, at_own = np.searchsorted(every, kept), np.searchsorted(every, mine)
    line = every // _DAYS
    held, given = np.full(len(every), np.nan), np.full(len(every), np.nan)
    held[at_stored], given[at_own] = stored["adj_close"], own["price"]
    base, filler = (given, held) if replace else (held, given)
    level = linked(base, filler, line)

    taken = np.zeros(len(every), dtype=bool)
    taken[at_own] = True
    touched = np.isin(line, line[taken])
    if not replace:
        taken[at_stored] = False
    row_of = np.full(len(every), -1)
    row_of[at_own] = np.arange(len(own))
    entered = own.iloc[row_of[taken]]
    traded = held.copy()
    traded[taken] = entered["close"].fillna(entered["price"])
    last = np.append(np.flatnonzero(np.diff(line)), len(line) - 1)
    scale = np.repeat(traded[last] / level[last], np.diff(np.append(-1, last)))

    place = np.full(len(every), -1)
    place[at_stored] = np.arange(len(stored))
    plain = stored.drop(columns=_NAMES).reset_index(drop=True)
    out = plain.reindex(place).reset_index(drop=True) if len(plain) else plain.reindex(range(len(every)))
    out["ticker"] = pd.Categorical.from_codes(line, names)
    out["date"] = (every - line * _DAYS).astype("datetime64[D]").astype("datetime64[us]")
    out["adj_close"] = np.where(touched, level * scale, held)
    whole = entered["close"].notna().to_numpy()
    out.loc[taken, "open"] = np.where(whole, entered["open"], np.nan)  # else in a unit that is not stored
    for column in ("close", "volume"):
        out.loc[taken, column] = entered[column].to_numpy()
    basis = np.where(entered["total"], "total_return", "price_return")
    out["basis"] = _words(stored["basis"], at_stored, basis, taken)
    out["source"] = _words(stored["source"], at_stored, np.array([source]), taken)
    records = out["records"].to_numpy(dtype=float, na_value=np.nan, copy=True)
    records[taken] = 1
    first = np.append(0, last[:-1] + 1)
    records[touched] = np.maximum(records[touched], 1)  # 0 marks the first row, which has no return
    records[first[touched[first]]] = 0
    return out.assign(records=records.astype("int64"))[stored.columns]


def _words(held: pd.Series, at: np.ndarray, new: np.ndarray, taken: np.ndarray) -> pd.Categorical:
    """Words of the stored rows, in their places, and new ones on the rows that are taken."""
    held, added = held.astype("category"), pd.Categorical(new)
    every = held.cat.categories.union(added.categories, sort=False)
    codes = np.full(len(taken), -1)
    codes[at] = every.get_indexer(held.cat.categories)[held.cat.codes]
    codes[taken] = every.get_indexer(added.categories)[added.codes]
    return pd.Categorical.from_codes(codes, every)


def _outside(kept: np.ndarray, mine: np.ndarray, lines: int) -> np.ndarray:
    """Stored rows before the first or after the last own row of their line."""
    number = np.arange(lines)
    first, last = np.full(lines, np.iinfo(np.int64).max), np.full(lines, -1)
    np.minimum.at(first, mine // _DAYS, mine)
    np.maximum.at(last, mine // _DAYS, mine)
    line = number[kept // _DAYS]
    return np.asarray((kept < first[line]) | (kept > last[line]))


def linked(base: np.ndarray, filler: np.ndarray, line: np.ndarray) -> np.ndarray:
    """`base`, and on other days `filler` in the units of `base`: two indices of each line linked.

    ``filler_t · base_c / filler_c`` with c the nearest earlier day of the line that both have, else the
    nearest later one, so that each return of the result is one of base or of filler.

    Parameters
    ----------
    base, filler : array (n,)
        By line and day, NaN where one has no level.
    line : array (n,)
        Number of the line, rising.

    Examples
    --------
    >>> base, filler = np.array([100.0, 110.0, np.nan]), np.array([np.nan, 11.0, 12.1])
    >>> linked(base, filler, np.zeros(3)).tolist()
    [100.0, 110.0, 121.0]
    """
    link = base / filler
    number, there = np.arange(len(link)), ~np.isnan(link)
    before = np.maximum.accumulate(np.where(there, number, -1))
    after = np.minimum.accumulate(np.where(there, number, len(link))[::-1])[::-1]
    earlier = (before >= 0) & (line[before] == line)
    after = np.minimum(after, len(link) - 1)
    later = there[after] & (line[after] == line)
    scale = np.select([earlier, later], [link[before], link[after]], 1.0)
    return np.where(np.isnan(base), filler * scale, base)


def spans_of(lines: pd.DataFrame) -> pd.DataFrame:
    """First and last day, rows and share of total returns of each line of stored prices `in_order`.

    >>> days = pd.to_datetime(["2026-01-05", "2026-01-06"])
    >>> rows = pd.DataFrame({"date": days, "ticker": "F", "basis": "total_return"})
    >>> spans_of(in_order(rows))["rows"].to_dict()
    {'F': 2}
    """
    ticker = lines["ticker"].cat.remove_unused_categories()
    by = lines.groupby(ticker, observed=True)
    total = lines["basis"].eq("total_return") & by.cumcount().gt(0)
    share = total.groupby(ticker, observed=True).sum() / (by.size() - 1).clip(lower=1)
    table = pd.DataFrame(
        {
            "first": by["date"].min(),
            "last": by["date"].max(),
            "rows": by.size(),
            "total_return_share": share,
        }
    )
    return table.set_axis(table.index.astype("str").rename("ticker"))


def _read(place: Path) -> tuple[pa.Table, np.ndarray]:
    """The stored table by ticker and date, its words as dictionaries; and the ticker of each row."""
    table = pq.read_table(place, read_dictionary=_NAMES)
    for name, value in _ADDED.items():
        if name not in table.column_names:
            kind = pa.string() if isinstance(value, str) else pa.float64()
            table = table.append_column(name, pa.repeat(pa.scalar(value, kind), len(table)))
    table = table.replace_schema_metadata().unify_dictionaries().combine_chunks()
    tickers = table["ticker"].chunk(0)
    codes, names = tickers.indices.to_numpy(), np.asarray(tickers.dictionary.to_pylist(), dtype=object)
    days, place_of = table["date"].to_numpy(), np.argsort(np.argsort(names))[codes]
    line = np.diff(place_of)
    if not ((line > 0) | ((line == 0) & (np.diff(days) > np.timedelta64(0)))).all():
        order = np.lexsort((days, place_of))
        table, codes = table.take(pa.array(order)), codes[order]
    return table, names[codes]


def _schema(table: pa.Table) -> pa.Schema:
    words = [name for name in table.column_names if name in _NAMES]
    fields = [
        pa.field(one.name, pa.large_string() if one.name in words else one.type) for one in table.schema
    ]
    return pa.schema(fields)


def _put(writer: pq.ParquetWriter, rows: pa.Table) -> None:
    if len(rows):
        writer.write_table(rows.cast(writer.schema))
