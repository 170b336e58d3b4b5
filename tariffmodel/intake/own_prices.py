"""How do the user's own prices enter the model?

A file is read and checked before anything is written: a faulty one changes nothing, and every fault
is listed with its row and column. What is accepted goes into a snapshot of `store`; the bundled files
stay as they are and `store.restore` goes back. Load the facts again to use what was added.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import Facts, Fault, in_use, refuse, store
from tariffmodel.intake import plausibility
from tariffmodel.intake.own_joining import beside_stored, blocks, in_order, write
from tariffmodel.intake.plausibility import JUMP, UNIT
from tariffmodel.intake.vendors import PRICES, read_prices
from tariffmodel.intake.vocabulary import vocabulary

_REBASED = 0.02  # log of the ratio of an own to a stored level, from which it is said
TOLERANCE = 0.005  # between an own and a stored return over the same days
_CAUSES = "a typo, another unit such as pence for pounds, or a split that the earlier prices leave out"
_PENCE = {"GBp", "GBX", "GBx"}


def check_prices(
    frame: pd.DataFrame, facts: Facts, *, market: str | None = None, replace: bool = False
) -> list[Fault]:
    """What is wrong with prices before they are added; a `warning` is shown and stops nothing.

    Parameters
    ----------
    frame : DataFrame
        `date`, `ticker`, and `close` or `adj_close` or both; see `vendors.read_prices`.
    market : str, optional
        Where lines are listed that are not in ``instruments.csv``: an index value of `Facts.markets`.
    replace : bool
        As in `add_prices`.

    Raises
    ------
    DataError
        If `market` is not in ``markets.csv``.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> mine = pd.DataFrame({"date": pd.to_datetime(["2026-01-05"]), "ticker": ["GM"], "close": [-3.0]})
    >>> [str(fault) for fault in tm.own.check_prices(mine, tm.facts.load())]
    ['prices row 2: close is -3.0; expected a price > 0']
    """
    file = frame.attrs.get("file", "prices")
    given = frame.columns.intersection(PRICES)
    lacking = [column for column in ("date", "ticker") if column not in frame]
    if lacking or given.empty:
        column = (lacking or ["close"])[0]
        return [Fault(file, None, column, "missing", "the columns date, ticker, and close or adj_close")]
    if frame.empty:
        return [Fault(file, None, "rows", 0, "at least one row with a date and a price")]
    if "row" not in frame:
        frame = frame.assign(row=np.arange(len(frame)) + 2)
    faults = _faults(file, frame[frame["date"].isna()], "date", "a day")
    for column in [*given, *frame.columns.intersection(["open"])]:
        number = pd.to_numeric(frame[column], errors="coerce")
        faults += _faults(file, frame[frame[column].notna() & ~np.isfinite(number)], column, "a number")
        faults += _faults(file, frame[number <= 0], column, "a price > 0")
    if faults:  # what follows computes with the cells
        return faults
    if {"open", "close"} <= set(frame.columns):
        apart = np.abs(np.log((frame["open"] / frame["close"]).astype(float)))
        faults += _faults(file, frame[apart > np.log(JUMP)], "open", "a price near the close of its row")
    today = pd.Timestamp(date.today())
    faults += _faults(file, frame[frame["date"] > today], "date", f"a day up to today, {today.date()}")
    frame = in_order(frame)
    lines = _lines(facts, frame["ticker"].cat.categories, market)
    doubts = []
    for block in blocks(frame):
        twice = block.duplicated(["ticker", "date"], keep=False)
        faults += _faults(file, block[twice], "date", "one row per ticker and day")
        faults += _identity(file, block, facts, lines)
        if not faults:
            doubts += _movement(file, block, facts, lines, replace)
    return sorted(faults or doubts, key=lambda fault: fault.row or 0)


def preview(frame: pd.DataFrame, facts: Facts, *, replace: bool = False) -> pd.DataFrame:
    """What adding prices would do, one row per ticker.

    Parameters
    ----------
    frame : DataFrame
        Without faults, see `check_prices`; days that are no sessions do not count.
    replace : bool
        As in `add_prices`.

    Returns
    -------
    DataFrame
        Indexed by ticker: `rows`, `first`, `last`, `new_rows` (days without a stored price),
        `replaced_rows`, `largest_return` in size from one row to the next, its day
        `largest_return_date`, `largest_difference` to the stored return over the same days
        (fractions), and `level_ratio`, own over stored price on the last common day. NaN where there
        is nothing to compare.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> mine = known.prices["GM"].dropna().tail(5).rename("close").reset_index().assign(ticker="GM")
    >>> seen = tm.own.preview(mine, known).loc["GM"]
    >>> int(seen["rows"]), int(seen["new_rows"]), float(seen["largest_difference"])
    (5, 0, 0.0)
    """
    frame = in_order(frame)
    lines = _lines(facts, frame["ticker"].cat.categories, None)
    if not (inside := _in_session(frame, lines)).all():
        frame = frame[inside]
    some = [_seen(beside_stored(block, facts), replace) for block in blocks(frame)]
    return pd.concat(some or [_seen(beside_stored(frame, facts), replace)])


def _seen(moves: pd.DataFrame, replace: bool) -> pd.DataFrame:
    """The rows of `preview` of some lines."""
    ticker = moves["ticker"].cat.remove_unused_categories().cat.rename_categories(str).rename("ticker")
    by = moves.groupby(ticker, observed=True)
    held = moves["stored"].notna()
    peak = moves["change"].abs().dropna().groupby(ticker, observed=True).idxmax()
    largest = moves.loc[peak].set_index(peak.index)
    table = pd.DataFrame(
        {
            "rows": by.size(),
            "first": by["date"].min(),
            "last": by["date"].max(),
            "new_rows": (~held).groupby(ticker, observed=True).sum(),
            "replaced_rows": held.groupby(ticker, observed=True).sum() * replace,
            "largest_return": largest["change"],
            "largest_return_date": largest["date"],
            "largest_difference": moves["difference"].abs().groupby(ticker, observed=True).max(),
            "level_ratio": by["ratio"].last(),
        }
    )
    return table.set_axis(table.index.astype("str"))


def add_prices(
    facts: Facts,
    path: str | Path | pd.DataFrame,
    *,
    market: str | None = None,
    name: str | None = None,
    replace: bool = False,
    sheet: str | None = None,
    ticker: str | None = None,
    currency: str | None = None,
    date_format: str | None = None,
    adjusted: bool | None = None,
    encoding: str | None = None,
    decimal: str | None = None,
) -> pd.DataFrame:
    """Add the prices of a file to those in use, on the sessions of each line's exchange.

    By default own prices extend a line: they enter on days without a stored price, and join on the
    nearest day that both have, so stored returns stay. The level of the whole line follows its last
    row, which is always a traded price: history is re-based, returns are not touched. An open is kept
    where the row has a close that is not adjusted, see `market.opens`.

    Parameters
    ----------
    path : str, path or DataFrame
        A file, or what `vendors.read_prices` made of it: what follows about reading is then not used.
    market, name : str, optional
        Of a line that is not in ``instruments.csv`` yet; it gets the market's exchange calendar and
        currency and the role ``own``.
    replace : bool
        Own prices take the place of the stored ones from their first to their last day.
    sheet, ticker, currency, date_format, adjusted, encoding, decimal
        See `vendors.read_prices`.

    Returns
    -------
    DataFrame
        The `preview` of what was added; ``attrs["warnings"]`` lists what `check_prices` doubts.

    Raises
    ------
    DataError
        Listing every fault with its row; nothing has changed then.

    Examples
    --------
    >>> from shutil import copytree
    >>> from tempfile import TemporaryDirectory
    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> mine = known.prices[["GM"]].dropna().tail(5)
    >>> with TemporaryDirectory() as place:  # a copy: what is added goes beside the data
    ...     _ = copytree(known.folder / "market", Path(place) / "market")
    ...     mine.to_csv(file := Path(place) / "mine.csv")
    ...     added = tm.own.add_prices(dataclasses.replace(known, folder=Path(place)), file, replace=True)
    ...     added["replaced_rows"].to_dict(), len(store.snapshots(Path(place)))
    ({'GM': 5}, 1)
    """
    if isinstance(path, pd.DataFrame):
        frame = path
    else:
        frame = read_prices(
            path,
            sheet=sheet,
            ticker=ticker,
            currency=currency,
            date_format=date_format,
            adjusted=adjusted,
            encoding=encoding,
            decimal=decimal,
            folder=facts.folder,
        )
    frame = in_order(frame)
    file = frame.attrs.get("file", "prices")
    facts = dataclasses.replace(facts)  # a copy, which reads the prices in use now
    faults = check_prices(frame, facts, market=market, replace=replace)
    refuse([fault for fault in faults if not fault.warning])
    lines = _lines(facts, frame["ticker"].cat.categories, market)
    new = lines.index.difference(facts.instruments.index)
    if name and len(new) != 1:
        raise DataError(f"name {name!r} is for one new line and {file} has {len(new)}; leave the name out")
    notes = frame.attrs.get("notes", [])
    if not (inside := _in_session(frame, lines)).all():
        frame = frame[inside]
    table = preview(frame, facts, replace=replace)
    table.attrs = {"file": file, "warnings": [*notes, *map(str, faults)]}
    if not table[["new_rows", "replaced_rows"]].any(axis=None):
        return table
    source = f"own: {file}"
    doubts: dict[str, str] = {}
    with store.writing(facts.folder, f"own prices from {file}", doubts) as staging:
        for line in lines.index if replace else []:
            doubts.pop(line, None)
        facts = dataclasses.replace(facts)  # nobody else writes from here on
        (staging / "market").mkdir(exist_ok=True)
        place = in_use(facts.folder, facts.overlay, "market/prices.parquet")
        moves = (beside_stored(block, facts) for block in blocks(frame))
        spans = write(place, staging / "market" / "prices.parquet", moves, replace, source)
        book = _book(facts, spans, lines.loc[new], name, source)
        book.to_csv(staging / "market" / "instruments.csv", lineterminator="\n")
    return table


def _faults(
    file: str, rows: pd.DataFrame, column: str, expected: str, *, warning: bool = False
) -> list[Fault]:
    shown = rows[column]
    if pd.api.types.is_datetime64_any_dtype(shown):
        shown = shown.dt.strftime("%Y-%m-%d") + " of " + rows["ticker"].astype("str")
    return [
        Fault(file, int(number), column, value, expected, warning)
        for number, value in zip(rows["row"], shown.tolist(), strict=True)
    ]


def _lines(facts: Facts, tickers: pd.Index, market: str | None) -> pd.DataFrame:
    """Market, exchange calendar and currency of each ticker; NaN where the ticker is unknown."""
    columns = ["market", "exchange_calendar", "currency"]
    lines = facts.instruments[columns].reindex(tickers).rename_axis("ticker")
    if market is None:
        return lines
    if market not in facts.markets.index:
        known = ", ".join(facts.markets.index)
        raise DataError(f"market {market!r} is not in data/market/markets.csv, which has {known}")
    home = facts.markets.loc[market]
    return lines.fillna({c: market if c == "market" else home[c] for c in columns})


def _identity(file: str, frame: pd.DataFrame, facts: Facts, lines: pd.DataFrame) -> list[Fault]:
    """Faults in what the lines are: unknown tickers, other currencies."""
    faults = []
    first = frame.drop_duplicates("ticker")
    words = vocabulary(facts.folder)
    for _, row in first[~first["ticker"].isin(facts.instruments.index)].iterrows():
        ticker = str(row["ticker"])
        home: Any = lines.at[ticker, "market"]
        ending = re.search(r"\.[A-Z]{1,3}$", ticker)
        abroad = words.endings.get(ending[0], "") if ending else home
        if pd.isna(home):
            near = difflib.get_close_matches(ticker.upper(), facts.instruments.index, 2, 0.6)
            near = [*words.bare.get(ticker.upper(), []), *near]
            like = f" ({' or '.join(dict.fromkeys(near))}?)" if near else ""
            expected = (
                f"a ticker of data/market/instruments.csv{like}; for a new line pass --market with one of "
                f"{', '.join(facts.markets.index)}, which sets its calendar and currency, and --name"
            )
        elif abroad != home:
            means = (
                f"stands for {abroad}"
                if abroad
                else "is of no market known; `tariffmodel add market` adds one"
            )
            expected = f"a ticker listed in {home}; this one's ending {means}"
        else:
            continue
        faults.append(Fault(file, int(row["row"]), "ticker", ticker, expected))
    if "currency" not in frame:
        return faults
    stated = frame.dropna(subset=["currency"]).drop_duplicates(["ticker", "currency"])
    mixed = stated.duplicated("ticker")
    faults += _faults(file, stated[mixed], "currency", "one currency per ticker")
    for _, row in stated[~mixed].iterrows():
        home = lines.at[row["ticker"], "currency"]
        if pd.notna(home) and row["currency"] != home:
            remedy = "divide pence by 100" if row["currency"] in _PENCE else "convert the prices"
            expected = f"{home}, the currency of {row['ticker']}; {remedy}"
            faults.append(Fault(file, int(row["row"]), "currency", row["currency"], expected))
    return faults


def _movement(
    file: str, frame: pd.DataFrame, facts: Facts, lines: pd.DataFrame, replace: bool
) -> list[Fault]:
    """Faults and doubts in how the prices move, by themselves and against the stored ones."""
    inside = _in_session(frame, lines)
    faults = []
    for ticker, rows in frame[~inside].groupby("ticker", observed=True):
        calendar: Any = lines.at[ticker, "exchange_calendar"]
        expected = f"sessions of {calendar}; {len(rows)} rows on other days are left out"
        faults += _faults(file, rows[:1], "date", expected, warning=True)
    moves = beside_stored(frame[inside], facts)
    gaps = moves[moves["price"].isna()]
    if len(gaps):
        return faults + _faults(file, gaps, "adj_close", "an adjusted close in all rows of a line or in none")
    faults += _doubted(file, moves, facts, lines)
    for ticker, rows in moves[moves["ticker"].isin(_unlike(moves, facts))].groupby("ticker", observed=True):
        faults += _junction(file, str(ticker), rows, facts, replace)
    return faults


def _doubted(file: str, moves: pd.DataFrame, facts: Facts, lines: pd.DataFrame) -> list[Fault]:
    """What the gate doubts of own prices; a move beyond `plausibility.JUMP` is a fault."""
    bars = moves[["ticker", "date", "close", "adj_close"]].astype({"close": float, "adj_close": float})
    found = plausibility.doubts(bars)
    if len(found):  # then what did the market do on those days?
        bars = bars[bars["ticker"].isin(found["ticker"])]
        around = _around(moves, facts, lines, found["date"])
        places = pd.MultiIndex.from_arrays([bars["ticker"].map(lines["market"]), bars["date"]])
        found = plausibility.doubts(bars.assign(peers=around.reindex(places).to_numpy()))
    found = found.merge(moves[["ticker", "date", "row", "price", "previous", "change"]])
    faults = []
    row: Any  # a named tuple of its columns
    for row in found.itertuples():
        warning = row.kind != "move" or bool(abs(np.log1p(row.change)) <= np.log(JUMP))
        expected = f"prices that go together: {row.doubt}"
        if row.kind == "move":
            expected = f"a price nearer to the {row.previous:g} of the row before ({row.doubt}); {_CAUSES}"
        faults.append(Fault(file, int(row.row), "price", row.price, expected, warning))
    return faults


def _around(moves: pd.DataFrame, facts: Facts, lines: pd.DataFrame, days: pd.Series) -> pd.Series:
    """What each market did on some days: stored returns, and own ones of lines without."""
    stored = facts.prices.apply(np.log).diff()
    stored = stored[stored.index.isin(days)].melt(ignore_index=False, value_name="log_return")
    stored = stored.dropna().rename_axis("date").reset_index()
    stored["market"] = stored["ticker"].map(facts.instruments["market"])
    own = moves[moves["date"].isin(days) & moves["stored"].isna()]
    own = own.assign(log_return=np.log1p(own["change"]), market=own["ticker"].map(lines["market"]))
    columns = ["market", "date", "log_return"]
    return plausibility.peers(pd.concat([stored[columns], own[columns]]))


def _unlike(moves: pd.DataFrame, facts: Facts) -> set[str]:
    """Stored lines that have no day in common with the own ones, or not the same level or returns."""
    held = moves[moves["ticker"].isin(facts.prices.columns)]
    level = held.dropna(subset=["stored"]).groupby("ticker", observed=True)["ratio"].last()
    same = level.index[np.abs(np.log(level)) <= _REBASED]
    apart = held.loc[held["difference"].abs() > TOLERANCE, "ticker"]
    return (set(held["ticker"]) - set(same)) | set(apart)


def _junction(file: str, ticker: str, rows: pd.DataFrame, facts: Facts, replace: bool) -> list[Fault]:
    """Whether own prices of a line join on to the stored ones."""
    stored = facts.prices[ticker].dropna() if ticker in facts.prices else pd.Series(dtype=float)
    common = rows.dropna(subset=["stored"])
    if not replace:
        left = stored
    else:
        left = stored[(stored.index < rows["date"].min()) | (stored.index > rows["date"].max())]
    if left.empty:
        return []
    if common.empty:
        span = f"{stored.index[0].date()} to {stored.index[-1].date()}"
        expected = f"a day that the stored prices of {ticker} have too ({span}), so that returns join"
        return _faults(file, rows[:1], "date", expected)
    last = common.iloc[-1:]
    ratio = last["ratio"].item()
    if not 1 / UNIT < ratio < UNIT:
        expected = f"a price near the stored {last['stored'].item():g}; {_CAUSES}"
        return _faults(file, last, "price", expected)
    faults = []
    if abs(np.log(ratio)) > _REBASED:
        expected = (
            f"the stored {last['stored'].item():g} on {last['date'].item():%Y-%m-%d}; the line is re-based, "
            f"and after "
            "a split shares_outstanding in data/companies/financials.csv must follow"
        )
        faults += _faults(file, last, "price", expected, warning=True)
    difference = rows["difference"].abs()
    apart = rows[difference > TOLERANCE]
    if len(apart) and difference.median() > TOLERANCE and not replace:
        expected = (
            f"prices of this line: more than half of its returns differ from the stored ones by more than "
            f"{TOLERANCE:.1%}; check the ticker, or pass replace=True if the stored ones are wrong"
        )
        return [*faults, *_faults(file, rows[:1], "ticker", expected)]
    if len(apart):
        worst = apart.loc[[difference[apart.index].idxmax()]]
        kept = "replaces them" if replace else "keeps them"
        expected = (
            f"the stored returns, from which {len(apart)} differ by more than {TOLERANCE:.1%}, most by "
            f"{difference.max():.1%} on {worst['date'].item():%Y-%m-%d}; replace={replace} {kept}"
        )
        faults += _faults(file, worst, "price", expected, warning=True)
    return faults


def _in_session(frame: pd.DataFrame, lines: pd.DataFrame) -> np.ndarray:
    """Whether each row of a frame `in_order` falls on a session of its line's exchange."""
    inside = np.ones(len(frame), dtype=bool)
    books = lines["exchange_calendar"].reindex(frame["ticker"].cat.categories).to_numpy(dtype=object)
    codes, days = frame["ticker"].cat.codes.to_numpy(), frame["date"].to_numpy("datetime64[D]")
    for calendar in dict.fromkeys(books[pd.notna(books)]):
        mine = (books == calendar)[codes]
        if mine.any():
            asked = days[mine]
            open_on = _sessions(calendar, pd.Timestamp(asked.min()), pd.Timestamp(asked.max()))
            held = open_on.to_numpy("datetime64[D]").astype(int)
            inside[mine] = np.isin(asked.astype(int), held, kind="table")
    return np.asarray(inside & (frame["date"].to_numpy() == days))  # a time of day is no session


@lru_cache(maxsize=32)
def _sessions(calendar: str, first: pd.Timestamp, last: pd.Timestamp) -> pd.DatetimeIndex:
    import exchange_calendars  # slow to import

    week = pd.Timedelta(days=7)  # so that the span holds a session
    book = exchange_calendars.get_calendar(calendar, start=first - 2 * week, end=last + week)
    days: pd.DatetimeIndex = book.sessions.tz_localize(None)
    return days


def _book(
    facts: Facts, spans: pd.DataFrame, new: pd.DataFrame, name: str | None, source: str
) -> pd.DataFrame:
    """The table of instruments, as text, with new lines and the spans of the prices that changed."""
    place = in_use(facts.folder, facts.overlay, "market/instruments.csv")
    book = pd.read_csv(place, dtype=str, keep_default_na=False).set_index("ticker")
    added = new.assign(
        name=name or new.index,
        role="own",
        quality="reported",
        source_title=source,
        source_date=str(date.today()),
        note="added by the user",
    )
    book = pd.concat([book, added.astype(str)]).fillna("").sort_index()
    spans = pd.DataFrame(
        {
            "prices_first": spans["first"].dt.strftime("%Y-%m-%d"),
            "prices_last": spans["last"].dt.strftime("%Y-%m-%d"),
            "rows": spans["rows"].astype(str),
            "total_return_share": spans["total_return_share"].map("{:.4g}".format),
        }
    )
    book.update(spans)
    return book
