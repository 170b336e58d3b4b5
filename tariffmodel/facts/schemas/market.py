"""What must hold in the tables of `data/market`: prices, exchange rates, lines, exchanges, quotes?"""

from __future__ import annotations

import pandas as pd
import pandera.pandas as pa

from tariffmodel.facts.schemas.kinds import (
    _ABOVE_0,
    _FINITE,
    _FROM_0,
    _codes,
    _date,
    _day,
    _flag,
    _like,
    _number,
    _one_of,
    _table,
    _text,
)

# Columns that a refreshed or the user's own table has and the bundled one has not.
_SOURCE = {"source": pa.Column(str, required=False)}
_REFRESHED = {
    "open": pa.Column(float, _ABOVE_0, nullable=True, required=False),
    "close": pa.Column(float, _ABOVE_0, nullable=True, required=False),
    "volume": pa.Column(float, _FROM_0, nullable=True, required=False),
    **_SOURCE,
}

PRICES = _table(
    {
        "date": _day(),
        "ticker": _text(),
        "adj_close": pa.Column(float, _ABOVE_0),
        "records": _number(0, whole=True),
        "basis": _one_of("total_return", "price_return"),
        **_REFRESHED,
    },
    checks=[
        pa.Check(
            lambda table: "open" not in table or table["open"].isna() | table["close"].notna(),
            error="open: expected a close beside it, in the same unit",
        ),
    ],
    key=["ticker", "date"],
    provenance=False,
)

PRICE_RECORDS = _table(
    {
        "date": _day(),
        "ticker": _text(),
        "record": _text(),
        "close": pa.Column(float, _ABOVE_0),
        "adjusted": _flag(),
        "dividend": pa.Column(float, _FROM_0, nullable=True),
    },
    key=["ticker", "date", "record"],
    checks=[
        pa.Check(
            lambda table: ~table["adjusted"].astype(bool) | table["dividend"].isna(),
            error="dividend: expected an empty value where adjusted is true: it is in the close",
        ),
    ],
    provenance=False,
)

FX = _table(
    {
        "date": _day(),
        "pair": _like(r"[A-Z]{6}$", "a currency pair such as USDJPY"),
        "rate": pa.Column(float, _ABOVE_0),
        **_SOURCE,
    },
    key=["pair", "date"],
    provenance=False,
)

CURRENCIES = _table(
    {
        "currency": _like(r"[A-Z]{3}$", "a currency code such as JPY"),
        "name": _text(),
        "pair": _like(r"(?:USD[A-Z]{3}|[A-Z]{3}USD)$", "a pair against the dollar: USDHKD", nullable=True),
    },
    key=["currency"],
)

VENDOR_WORDS = _table(
    {
        "meaning": _one_of(
            *("date", "ticker", "currency", "interval", "close", "adj_close", "volume", "open", "dividend"),
            *("unused", "missing", "error", "daily", "currency_word", "times", "month", "era", "line"),
        ),
        "word": _text(),
        "value": _text(nullable=True),
        "language": _text(nullable=True),
        "remedy": _text(nullable=True),
    },
    checks=[
        pa.Check(
            lambda table: (table["meaning"] != "error") | table["remedy"].notna(),
            error="remedy: expected what to do about an error",
        )
    ],
    provenance=False,
)

MARKETS = _table(
    {
        "market": _like(r"[A-Z]{2}$", "a country code"),
        "name": _text(),
        "exchange_calendar": _like(r"[A-Z]{4}$", "a code of the exchange_calendars package, such as XTKS"),
        "currency": _text(),
        "benchmark": _text(nullable=True),
        "suffix": _like(r"\.[A-Z]{1,3}$", "the ending of its tickers at Yahoo, such as .HK", nullable=True),
        "space_codes": _codes(),
        "dash_codes": _codes(),
        "dot_codes": _codes(),
        "colon_codes": _codes(),
    },
    key=["market"],
)

CONTRACTS = _table(
    {
        "underlying": _text(),
        "contract": _text(),
        "name": _text(),
        "exchange": _text(nullable=True),
        "home": _text(nullable=True),
        "kind": _one_of("currency_future", "currency_forward", "index_future", "fund", "share_lot"),
        "size": _number(0, nullable=True),
        "size_unit": _text(nullable=True),
    },
    key=["underlying", "contract"],
)

INSTRUMENTS = _table(
    {
        "ticker": _text(),
        "name": _text(),
        "company": _text(nullable=True),
        "market": _text(),
        "exchange_calendar": _text(),
        "currency": _text(),
        "role": _one_of(
            "maker",
            "supplier",
            "steel",
            "aluminium",
            "rail",
            "dealer",
            "car_carrier",
            "tyres",
            "holding",
            "index",
            "sector_etf",
            "country_etf",
            "own",
        ),
        "share_line_of": _text(nullable=True),
        "prices_first": _day(nullable=True),
        "prices_last": _day(nullable=True),
        "rows": _number(0, whole=True),
        "total_return_share": _number(0, 1, nullable=True),
    },
    key=["ticker"],
)

# a quote below or above is in another unit
_VOLATILITIES = {"percent_a_year": (1, 500), "fraction_a_year": (0, 3)}
_PRICED = ["bid", "mid", "ask"]


def _plausible(table: pd.DataFrame) -> pd.Series:
    """Whether quotes of volatility are above zero and of the size that their unit has."""
    good = pd.Series(True, table.index)
    for unit, (least, most) in _VOLATILITIES.items():
        here = (table["unit"] == unit) & (table["type"] != "risk_reversal")
        wrong = (table[_PRICED] <= 0) | (table[_PRICED] < least) | (table[_PRICED] > most)
        good &= ~(here & wrong.any(axis=1))
    return good


def _in_order(table: pd.DataFrame) -> pd.Series:
    return ~((table["bid"] > table["ask"]) | (table["bid"] > table["mid"]) | (table["mid"] > table["ask"]))


QUOTES = _table(
    {
        "date": _date(),
        "underlying": _text(),
        "type": _one_of("atm", "call", "put", "straddle", "risk_reversal"),
        "expiry": _day(nullable=True),
        "tenor": _like(r"[1-9]\d*[DWMY]$", "a tenor such as 90D, 1W, 1M or 1Y", nullable=True),
        "strike": pa.Column(
            float, [_FINITE, pa.Check.gt(0, error="expected a strike above 0")], nullable=True
        ),
        "delta": pa.Column(
            float, pa.Check.in_range(0, 1, False, False, error="expected 0 to 1, as 0.25"), nullable=True
        ),
        **{name: _number(nullable=True) for name in _PRICED},
        "unit": _one_of("percent_a_year", "fraction_a_year", "vol_points", "price"),
    },
    key=["date", "underlying", "type", "expiry", "tenor", "strike", "delta"],
    checks=[
        pa.Check(
            lambda table: table["expiry"].isna() != table["tenor"].isna(),
            error="expiry: expected a day, or else a tenor, and not both",
        ),
        pa.Check(
            lambda table: (
                table["expiry"].isna()
                | (table["expiry"] > pd.to_datetime(table["date"], format="%Y-%m-%d", errors="coerce"))
            ),
            error="expiry: expected a day after the date of the quote",
        ),
        pa.Check(
            lambda table: table["mid"].notna() | (table["bid"].notna() & table["ask"].notna()),
            error="mid: expected a number, or both bid and ask",
        ),
        pa.Check(_in_order, error="bid: expected bid <= mid <= ask"),
        pa.Check(
            _plausible,
            error="unit: expected volatilities of 1 to 500 under percent_a_year, above 0 and up to 3 under "
            "fraction_a_year; is it the other?",
        ),
        pa.Check(
            lambda table: (table["unit"] != "price") | ~(table[_PRICED] < 0).any(axis=1),
            error="mid: expected prices >= 0",
        ),
        pa.Check(
            lambda table: (table["type"] == "risk_reversal") == (table["unit"] == "vol_points"),
            error="unit: expected vol_points for a risk_reversal, and for nothing else",
        ),
        pa.Check(
            lambda table: (
                ~table["type"].isin(["call", "put", "risk_reversal"])
                | table["strike"].notna()
                | table["delta"].notna()
            ),
            error="strike: expected a strike or a delta of a call, a put or a risk_reversal",
        ),
    ],
)
