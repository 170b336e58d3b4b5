"""What is held: many lines, long and short, sized in money or in shares, at the last prices up to a day."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import Facts, companies
from tariffmodel.hedging.instruments import contracts, pnl
from tariffmodel.markets import market
from tariffmodel.markets.market import Horizon

__all__ = ["SHARES", "book_pnl", "find", "of", "priced", "whole"]

SHARES = "shares"  # as a unit of size
_VENUES = {  # of a Bloomberg code, and the suffix of the same line here
    "JP": ".T", "JT": ".T", "KS": ".KS", "KP": ".KS", "GR": ".DE", "GY": ".DE", "FP": ".PA", "IM": ".MI",
    "SS": ".ST", "HK": ".HK", "CH": ".SS", "LN": ".L", "US": "", "UN": "", "UW": "", "UQ": "",
}  # fmt: skip


def find(facts: Facts, text: str) -> str:
    """The line that a name, a ticker, a local code or a Bloomberg code means.

    Raises
    ------
    DataError
        None, or several; the nearest are named.

    Examples
    --------
    >>> from tariffmodel import facts
    >>> known = facts.load()
    >>> [find(known, text) for text in ("7203", "Toyota", "7203 JP Equity", "7203.T", "TM", "TM US Equity")]
    ['7203.T', '7203.T', '7203.T', '7203.T', 'TM', 'TM']
    """
    lines, given = facts.instruments.index, str(text).strip()
    code = re.fullmatch(r"(\S+) ([A-Za-z]{2})(?: (?:equity|corp))?", given, re.IGNORECASE)
    if code and code[2].upper() in _VENUES:
        wanted = f"{code[1].upper()}{_VENUES[code[2].upper()]}"
        if wanted in lines:
            return wanted
    if re.fullmatch(r"\d{4,6}", given):  # a local code without its exchange
        there = [str(line) for line in lines if str(line).split(".")[0] == given]
        if len(there) == 1:
            return there[0]
    return companies.line(facts, given)


def of(
    facts: Facts,
    long: Sequence[str] = (),
    short: Sequence[str] = (),
    sizes: Sequence[float] = (10e6,),
    currency: str = "USD",
) -> pd.DataFrame:
    """Rows for `priced` from names: one size for each, the long ones first, or one for all.

    Raises
    ------
    DataError
        No name, a name that is none, one that occurs twice, or sizes that are neither one nor as many.

    Examples
    --------
    >>> from tariffmodel import facts
    >>> of(facts.load(), ["Toyota", "Honda"], ["GM"], [10e6, 5e6, 8e6])["size"].to_dict()
    {'7203.T': 10000000.0, '7267.T': 5000000.0, 'GM': -8000000.0}
    """
    names = [*long, *short]
    if len(sizes) not in (1, len(names)):
        raise DataError(
            f"{len(sizes)} sizes for {len(names)} positions; give one, or one for each, the long first"
        )
    each = np.resize(np.asarray(sizes, dtype=float), len(names))
    for name, size in zip(names, map(float, each), strict=True):
        if not (np.isfinite(size) and size > 0):
            raise DataError(
                f"notional is {size!r} for {name}; expected an amount above 0 in {currency}: a short "
                "position is named as one"
            )
    sides = [1.0] * len(long) + [-1.0] * len(short)
    where = [f"{'long' if side > 0 else 'short'} {name}" for name, side in zip(names, sides, strict=True)]
    rows = {
        "line": [find(facts, name) for name in names], "size": each * sides,
        "unit": currency, "where": where,
    }  # fmt: skip
    return whole(pd.DataFrame(rows))


def whole(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of positions with their `line` as index, refused where a line occurs twice.

    >>> rows = pd.DataFrame({"line": ["GM"], "size": [1e6], "unit": ["USD"], "where": ["row 2"]})
    >>> whole(rows).index.tolist()
    ['GM']
    """
    if rows.empty:
        raise DataError("no position is named; give at least one, long or short")
    if (again := rows["line"].duplicated(keep=False)).any():
        first = rows[again].iloc[0]["line"]
        places = " and ".join(rows.loc[rows["line"] == first, "where"])
        raise DataError(f"{first} is held twice, in {places}; add the two into one position")
    return rows.set_index("line").rename_axis("ticker")


def priced(
    facts: Facts, rows: pd.DataFrame, currency: str, day: date, spot: Mapping[str, float]
) -> pd.DataFrame:
    """Positions in whole lots at the last prices and fixings up to `day`.

    Parameters
    ----------
    rows : DataFrame
        Indexed by line: `size`, below zero for short; `unit`, a currency or ``"shares"``; `where` it is said.
    spot : mapping of currency to units per dollar

    Returns
    -------
    DataFrame
        Indexed by ticker; `shares`, `notional_local` and `notional` (the investor's) are below 0 for short.

    Raises
    ------
    DataError
        An index, a line without prices, less than half a lot, a currency without an exchange rate.

    Examples
    --------
    >>> from tariffmodel import facts
    >>> known = facts.load()
    >>> held = priced(known, of(known, ["Toyota"]), "USD", date(2026, 6, 30), {"USD": 1.0, "JPY": 160.0})
    >>> held["side"].tolist(), held["lot"].tolist()
    (['long'], [100])
    """
    closes = {}
    for ticker, where in rows["where"].items():
        try:
            closes[ticker] = (
                market.prices(facts, [str(ticker)])[str(ticker)].loc[: pd.Timestamp(day)].dropna()
            )
        except DataError as error:
            raise error if len(rows) == 1 else DataError(f"{where}: {error}") from None
        if closes[ticker].empty:
            raise DataError(f"{where}: {ticker} has no prices up to {day}; choose a later as-of day")
    book = contracts(facts)
    found = {
        ticker: _position(facts, book, str(ticker), row, currency, closes[ticker], spot)
        for ticker, row in rows.iterrows()
    }
    return pd.DataFrame.from_dict(found, orient="index").rename_axis("ticker")


def rate(currency: str, spot: Mapping[str, float]) -> float:
    """Units of a currency per dollar.

    >>> rate("JPY", {"USD": 1.0, "JPY": 150.0})
    150.0
    """
    if currency not in spot:
        raise DataError(f"no exchange rate for {currency}; choose from {', '.join(sorted(spot))}")
    return spot[currency]


def _position(
    facts: Facts,
    book: pd.DataFrame,
    ticker: str,
    row: pd.Series,
    currency: str,
    closes: pd.Series,
    spot: Mapping[str, float],
) -> dict[str, object]:
    line = facts.instruments.T[ticker]
    own = str(line["currency"])
    per_local = rate(currency, spot) / rate(own, spot)  # investor's currency per listing currency
    lots = book.loc[book["underlying"] == line["exchange_calendar"], "size"]
    lot = int(lots.iloc[0]) if len(lots) else 1
    price, dated = closes.iloc[-1], closes.index[-1].date()
    if (book.loc[book["underlying"] == ticker, "kind"] == "index_future").any():
        raise DataError(f"{ticker} is an index and cannot be held; name a share or a fund")
    asked = row["size"] if row["unit"] == SHARES else row["size"] * rate(own, spot) / rate(row["unit"], spot)
    asked = asked if row["unit"] == SHARES else asked / price
    # shares that are counted are held as they are; money buys whole lots
    count = round(asked) if row["unit"] == SHARES else lot * round(asked / lot)
    if count == 0:
        raise DataError(
            f"notional of {row['unit']} {abs(row['size']):,.0f} is less than half a lot of {lot} {ticker} "
            f"({currency} {lot * price * per_local:,.0f}); raise it"
        )
    worth = count * price * per_local
    return {
        "name": line["name"], "maker": line["company"],
        "side": "long" if count > 0 else "short",
        "shares": count, "lot": lot, "listing_currency": own, "price": price,
        "price_date": dated, "notional_local": count * price, "exchange_rate": 1 / per_local,
        "notional": worth, "left_by_rounding": asked * price * per_local - worth,
    }  # fmt: skip


def book_pnl(
    facts: Facts,
    notional: pd.Series,
    instruments: Sequence[str],
    *,
    currency: str = "USD",
    horizon: Horizon = "weekly",
    name: str = "book",
) -> tuple[pd.Series, pd.DataFrame, pd.DataFrame]:
    """Return of a book on its gross value, those of its lines and of instruments, see `hedge.pnl`.

    Weights are those of today's positions on all rows.

    Parameters
    ----------
    notional : Series
        By ticker, below zero for short.

    Returns
    -------
    book : Series (T,)
    lines : DataFrame (T, positions)
    instruments : DataFrame (T, k)

    Examples
    --------
    >>> from tariffmodel import facts
    >>> held = pd.Series({"7203.T": 10e6, "GM": -10e6})
    >>> book, lines, legs = book_pnl(facts.load(), held, ["JPY"])
    >>> bool(np.allclose(book.dropna(), (lines @ [0.5, -0.5]).dropna()))
    True
    """
    tickers = [str(ticker) for ticker in notional.index]
    exchanges = {str(facts.instruments.at[ticker, "exchange_calendar"]) for ticker in tickers}
    if horizon != "weekly" and len(exchanges) > 1:
        raise DataError(
            f"horizon {horizon} of lines on {len(exchanges)} exchanges, which close on other hours and days; "
            "take weekly returns"
        )
    first = pnl(facts, tickers[0], instruments, currency=currency, horizon=horizon)
    others = [
        pnl(facts, ticker, instruments[:1], currency=currency, horizon=horizon)[ticker]
        for ticker in tickers[1:]
    ]
    lines = pd.concat([first[tickers[0]], *others], axis=1)
    weights = notional / notional.abs().sum()
    book = (lines * weights).sum(axis=1, skipna=False).rename(name)
    return book, lines, first[list(instruments)].reindex(lines.index)
