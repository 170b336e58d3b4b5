"""What must hold in every data table before a number from it is used?

`TABLES` maps a path below the data folder to a `pandera` schema. Schemas are strict (an unknown
column is an error) and coerce text to types, so a CSV is read with ``dtype=str,
keep_default_na=False, na_values=[""]`` and comes back typed: numbers as floats, whole numbers as
``Int64``, ``true``/``false`` as ``boolean``, days as timestamps. Period labels and dates that may be
known to the month only stay text. The ``error`` text of a check says what was expected; that of a rule
across columns starts with the column to mend and a colon.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pandera.pandas as pa

from tariffmodel.errors import TariffModelError
from tariffmodel.facts import periods
from tariffmodel.facts.publication import KINDS

QUALITIES = ("reported", "derived", "estimated")
MONEY = r"[a-z]{3}_bn"
# lists that are data: what a column may hold is a column of another table; the currency of a unit too
LISTS = {
    "home": "companies/homes.csv",
    "currency": "market/currencies.csv",
    "market": "market/markets.csv",
    "exchange_calendar": "market/markets.csv",
}
LISTED = {
    ("companies/makers.csv", "home"): "home",
    ("companies/makers.csv", "reporting_currency"): "currency",
    ("companies/financials.csv", "unit"): "currency",
    ("companies/disclosures.csv", "unit"): "currency",
    ("companies/own_disclosures.csv", "unit"): "currency",
    ("companies/refunded.csv", "unit"): "currency",
    ("market/markets.csv", "currency"): "currency",
    ("market/contracts.csv", "home"): "home",
    ("market/instruments.csv", "market"): "market",
    ("market/instruments.csv", "exchange_calendar"): "exchange_calendar",
    ("market/instruments.csv", "currency"): "currency",
}
FRACTIONS = (
    "fraction",
    "fraction_of_revenue",
    "fraction_of_ebitda",
    "fraction_of_operating_profit",
    "fraction_of_gross_tariff",
    "us_built_fraction_of_us_sales",
    "us_imports_fraction_of_world_sales",
)


def _text(*checks: pa.Check, nullable: bool = False) -> pa.Column:
    # no type: `conform` makes it text, and pandera would look through every cell whether it is
    return pa.Column(None, list(checks), nullable=nullable)


def _one_of(*allowed: str, nullable: bool = False) -> pa.Column:
    return _text(pa.Check.isin(allowed, error=f"expected one of {', '.join(allowed)}"), nullable=nullable)


def _unit(*others: str, money: str = MONEY) -> pa.Column:
    """Money in a currency that `LISTED` has checked, or one of other units."""
    expected = (
        f"one of usd_bn, sek_bn and so on (currencies of data/market/currencies.csv), {', '.join(others)}"
    )
    return _like(f"(?:{'|'.join([money, *others])})$", expected.rstrip(", "))


def _some_of(*allowed: str) -> pa.Column:
    def known(cell: str) -> bool:
        return set(cell.split("|")) <= set(allowed)

    expected = f"expected one or more of {', '.join(allowed)}, separated by |"
    return _text(pa.Check(known, element_wise=True, error=expected))


def _like(pattern: str, expected: str, nullable: bool = False) -> pa.Column:
    return _text(pa.Check.str_matches(re.compile(pattern), error=f"expected {expected}"), nullable=nullable)


# 1e309 is infinite, and one such figure leaves no sum
_FINITE = pa.Check(np.isfinite, error="expected a number that is not infinite")


_ABOVE_0 = [_FINITE, pa.Check.gt(0, error="expected a value > 0")]
_FROM_0 = [_FINITE, pa.Check.ge(0, error="expected a value >= 0")]


def _number(
    low: float | None = None, high: float | None = None, *, nullable: bool = False, whole: bool = False
) -> pa.Column:
    checks = [] if whole else [_FINITE]
    if low is not None:
        checks.append(pa.Check.ge(low, error=f"expected a value >= {low}"))
    if high is not None:
        checks.append(pa.Check.le(high, error=f"expected a value <= {high}"))
    return pa.Column("Int64" if whole else float, checks, nullable=nullable)


def _flag(nullable: bool = False) -> pa.Column:
    # bool("false") is True, so the words are turned into values before the column is coerced.
    words = pa.Parser(lambda column: column.astype(object).replace({"true": True, "false": False}))
    return pa.Column("boolean", parsers=words, nullable=nullable)


def _day(nullable: bool = False) -> pa.Column:
    return pa.Column("datetime64[ns]", nullable=nullable)


def _is_period(label: str) -> bool:
    try:
        periods.parse(label)
    except TariffModelError:
        return False
    return True


def _period(nullable: bool = False) -> pa.Column:
    return _text(
        pa.Check(_is_period, element_wise=True, error=f"expected {periods.GRAMMAR}"), nullable=nullable
    )


def _date(nullable: bool = False) -> pa.Column:
    return _like(
        r"\d{4}(-\d{2}(-\d{2})?)?$", "a day, month or year such as 2025-05-08, 2025-05 or 2025", nullable
    )


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # of a folder, of a name that is none
        return False
    return True


def _codes() -> pa.Column:
    return _like(r"[A-Z]+(\|[A-Z]+)*$", "codes in capitals, separated by |", nullable=True)


def _clock() -> pa.Column:
    return _like(r"([01]\d|2[0-3]):[0-5]\d$", "a time such as 16:30", nullable=True)


ZONE = "a time zone such as Asia/Tokyo"


# when a row became public and when its copy was read; elsewhere one date of the source
KNOWN = {"known_on": _date(nullable=True), "read_on": _date(nullable=True)}
READ = {"read_on": _date(nullable=True)}
DATED = {"source_date": _date()}


def _provenance(dates: dict[str, pa.Column]) -> dict[str, pa.Column]:
    """Columns that every CSV ends with: how good the row is, who says so and since when."""
    return {
        "quality": _one_of(*QUALITIES),
        "source_title": _text(),
        "source_url": _like(r"https?://", "an address starting with http:// or https://", nullable=True),
        **dates,
        "note": _text(nullable=True),
    }


def _within_range(table: pd.DataFrame) -> pd.Series:
    low, value, high = table["low"], table["value"], table["high"]
    return (low.isna() | (low <= value)) & (high.isna() | (value <= high))


WITHIN_RANGE = pa.Check(_within_range, error="value: expected low <= value <= high")


def _selected_once(*keys: str, flag: str = "selected") -> pa.Check:
    def once(table: pd.DataFrame) -> pd.Series:
        repeated = table[table[flag]].duplicated(list(keys), keep=False)
        return ~repeated.reindex(table.index, fill_value=False)

    return pa.Check(once, error=f"{flag}: expected at most one {flag} row per {', '.join(keys)}")


def _table(
    columns: dict[str, pa.Column],
    *,
    key: Iterable[str] | None = None,
    checks: Iterable[pa.Check] = (),
    dates: dict[str, pa.Column] = DATED,
    provenance: bool = True,
) -> pa.DataFrameSchema:
    columns = columns | _provenance(dates) if provenance else columns
    return pa.DataFrameSchema(
        columns,
        checks=list(checks),
        strict=True,
        coerce=True,
        unique=list(key) if key else None,
    )


MAKERS = _table(
    {
        "maker": _text(),
        "name": _text(),
        "headquarters": _like(r"[A-Z]{2}$", "a two-letter country code"),
        "home": _text(),
        "reporting_currency": _text(),
        "fiscal_year_end_month": _number(1, 12, whole=True),
        "ticker": _text(nullable=True),
        "share_lines": _text(nullable=True),
        "consolidated_in": _text(nullable=True),
        "has_us_plant": _flag(),
    },
    key=["maker"],
)

ALIASES = _table({"alias": _text(), "maker": _text()}, key=["alias"])

FINANCIALS = _table(
    {
        "company": _text(),
        "metric": _one_of(
            "revenue",
            "operating_profit",
            "ordinary_profit",
            "pre_tax_profit",
            "net_income",
            "eps",
            "dividend_per_share",
            "industrial_free_cash_flow",
            "ev_related_losses",
            "operating_margin",
            "shares_outstanding",
            "share_price",
            "market_cap",
            "north_america_revenue",
            "north_america_operating_profit",
            "international_operating_profit",
            "north_america_units",
            "north_america_share_of_units",
            "us_share_of_units",
            "us_share_of_revenue",
        ),
        "period": _period(),
        "value": _number(),
        "low": _number(nullable=True),
        "high": _number(nullable=True),
        "unit": _unit(
            "usd_per_adr", "million_shares", "units", "fraction", money=rf"{MONEY}|[a-z]{{3}}_per_share"
        ),
        "basis": _text(),
        "selected": _flag(),
        "latest": _flag(),
        "selection_reason": _text(nullable=True),
    },
    checks=[
        WITHIN_RANGE,
        _selected_once("company", "metric"),
        _selected_once("company", "metric", flag="latest"),
        pa.Check(
            lambda table: ~table["latest"] | ~table["basis"].str.contains("forecast|guidance"),
            error="latest: expected false for a forecast: it marks years that are over",
        ),
    ],
    dates=KNOWN,
)

DISCLOSURES = _table(
    {
        "company": _text(),
        "kind": _one_of("actual", "guidance", "third_party"),
        "period": _period(),
        "value": _number(nullable=True),
        "low": _number(nullable=True),
        "high": _number(nullable=True),
        "bound": _one_of("exact", "about", "at_least", "at_most", "range", "unquantified"),
        "unit": _unit(*FRACTIONS, "usd_per_vehicle", "units"),
        "basis": _one_of(
            "gross",
            "net",
            "operating_profit_bridge",
            "direct_duties",
            "one_off",
            "refund",
            "impairment",
            "ebitda_share",
            "sum",
            "per_vehicle",
            "import_share",
            "other",
        ),
        "basis_text": _text(),
        "scope": _one_of("vehicles_and_parts", "all_tariffs", "incl_motorcycles", "part_of_group", "unknown"),
        "like_for_like": _flag(),
        "like_for_like_reason": _text(),
        "said_on": _date(),
    },
    checks=[
        pa.Check(
            lambda table: (table["bound"] == "unquantified") == table["value"].isna(),
            error="value: expected an empty value exactly where bound is unquantified",
        ),
        WITHIN_RANGE,
        pa.Check(
            lambda table: ~table["like_for_like"] | (table["basis"] != "net"),
            error="like_for_like: expected a net figure not to be like_for_like: "
            "the model's bill is before own mitigation",
        ),
        pa.Check(
            lambda table: ~table["like_for_like"] | table["unit"].str.fullmatch(MONEY) & (table["value"] > 0),
            error="like_for_like: expected an amount of money above zero where it is true",
        ),
    ],
    dates=READ,
)

REFUNDED = _table(
    {
        "company": _text(),
        "duty": _one_of("ieepa"),
        "paid_over": _period(),
        "value": pa.Column(float, _ABOVE_0),
        "unit": _unit(),
        "said_on": _date(),
    },
    key=["company", "duty"],
    dates=READ,
)

FX_SENSITIVITY = _table(
    {
        "company": _text(),
        "pair": _like(r"[A-Z]{6}$", "a currency pair such as USDJPY", nullable=True),
        "kind": _one_of(
            "sensitivity",
            "bridge",
            "realised_effect",
            "assumed_rate",
            "realised_rate",
            "hedging_policy",
            "exposure_share",
        ),
        "move": pa.Column(float, _ABOVE_0, nullable=True),
        "move_unit": _like(r"(?:[a-z]{3}|fraction)$", "a currency such as jpy, or fraction", nullable=True),
        "effect": _number(),
        "effect_unit": _unit(
            "jpy_per_usd",
            "jpy_per_eur",
            "jpy_per_thb",
            "jpy_per_mxn",
            "krw_per_usd",
            "months_of_cover",
            "fraction_of_revenue",
            "fraction_of_production",
        ),
        "low": _number(nullable=True),
        "high": _number(nullable=True),
        "profit_line": _one_of("operating_profit", "pre_tax", "net", nullable=True),
        "period": _period(),
        "as_of": _date(nullable=True),
        "selected": _flag(),
        "selection_reason": _text(nullable=True),
    },
    checks=[_selected_once("company", "pair")],
    dates=KNOWN,
)

VALUATION = _table(
    {
        "parameter": _one_of("tax_rate", "pass_through", "life_years", "persistence", "discount_rate"),
        "applies_to": _text(),
        "low": _number(0),
        "central": _number(0),
        "high": _number(0),
        "unit": _one_of("fraction", "years"),
    },
    key=["parameter", "applies_to"],
    checks=[
        pa.Check(
            lambda table: (table["low"] <= table["central"]) & (table["central"] <= table["high"]),
            error="central: expected low <= central <= high",
        ),
        pa.Check(
            lambda table: (table["unit"] == "years") == (table["parameter"] == "life_years"),
            error="unit: expected years for life_years and fraction for the others",
        ),
        pa.Check(
            lambda table: (table["unit"] == "years") | (table["high"] <= 1),
            error="high: expected a fraction of at most 1",
        ),
        pa.Check(
            lambda table: (table["parameter"] != "life_years") | (table["low"] > 0),
            error="low: expected a life above zero",
        ),
    ],
    dates=KNOWN,
)

EVENT = r"\d{4}-\d{2}-\d{2}(-[a-z0-9]+)+$"
REFERENCE = r"([a-z0-9-]+)(?:@(\d{4}-\d{2}-\d{2}))?(?: without ([a-z0-9-]+(?: [a-z0-9-]+)*))?$"


def _event(*, unique: bool = False) -> pa.Column:
    expected = "expected its day in Washington and a slug, such as 2025-07-22-japan-deal"
    matches = pa.Check.str_matches(re.compile(EVENT), error=expected)
    return pa.Column(str, matches, nullable=not unique, unique=unique)


def _reference() -> pa.Column:
    expected = (
        "a policy, a day on which it is frozen, entries to leave out: NAME[@YYYY-MM-DD][ without ID ...]"
    )
    return _like(REFERENCE, expected, nullable=True)


EVENTS = _table(
    {
        "event": _event(unique=True),
        "date": _day(),
        "time_et": _clock(),
        "time_assumed_et": _clock(),
        "time_zone": pa.Column(
            str,
            pa.Check(_is_zone, element_wise=True, error="a time zone such as Asia/Tokyo"),
            nullable=True,
            required=False,
        ),
        "time_basis": _text(),
        "time_confidence": _one_of("high", "medium", "low"),
        "label": _text(),
        "kind": _one_of("threat", "proposal", "imposition", "relief", "deal", "legal"),
        "scope": _one_of("auto", "macro", "trucks", "canada_duty"),
        "countries": _like(r"(ALL|[A-Z]{2}(\|[A-Z]{2})*)$", "ALL or country codes separated by |"),
        "scheduled": _flag(),
        "rate_before_text": _text(),
        "rate_after_text": _text(),
        "rate_before": _number(0, 1, nullable=True),
        "rate_after": _number(0, 1, nullable=True),
    },
    checks=[
        pa.Check(
            lambda table: table["event"].str[:10] == table["date"].dt.strftime("%Y-%m-%d"),
            error="event: expected it to begin with the day in column date",
        ),
        pa.Check(
            lambda table: table["time_et"].isna() == table["time_assumed_et"].notna(),
            error="time_et: expected a time here, or in time_assumed_et where none was found",
        ),
        pa.Check(
            lambda table: table["time_et"].isna() == (table["time_confidence"] == "low"),
            error="time_confidence: expected low exactly where time_et is empty",
        ),
    ],
)

EVENT_POLICIES = _table(
    {
        "event": _event(unique=True),
        "policy_before": _reference(),
        "policy_after": _reference(),
        "basis": _one_of("law", "announced", "threat", "our reading", "none"),
        "restates": _event(),
        "main": _flag(),
        "quality": _one_of(*QUALITIES, nullable=True),
        "reason": _text(),
    },
    checks=[
        pa.Check(
            lambda table, column=column: (table["basis"] == "none") == table[column].isna(),
            error=f"{column}: expected a value, except where basis is none",
        )
        for column in ("policy_before", "policy_after", "quality")
    ]
    + [
        pa.Check(
            lambda table: ~table["main"].astype(bool) | (table["basis"] != "none"),
            error="main: expected false where basis is none: a main event has a computed bill",
        ),
    ],
    provenance=False,
)

_LOCAL_TIME = {
    "time": _clock(),
    "time_assumed": _clock(),
    "zone": _text(pa.Check(_is_zone, element_wise=True, error=f"expected {ZONE}"), nullable=True),
    "time_basis": _text(),
}
_TIMED = [
    pa.Check(
        lambda table: table["time"].isna() | table["time_assumed"].isna(),
        error="time_assumed: expected no time here where the time is known",
    ),
    pa.Check(
        lambda table: table["zone"].notna() | (table["time"].isna() & table["time_assumed"].isna()),
        error=f"zone: expected {ZONE} where there is a time",
    ),
    pa.Check(
        lambda table: (table["date"].str.len() == 10) | (table["time"].isna() & table["time_assumed"].isna()),
        error="date: expected a day where there is a time",
    ),
]

COMPANY_NEWS = _table(
    {
        "maker": _text(),
        "date": _date(),
        **_LOCAL_TIME,
        "kind": _one_of("results", "guidance", "trading_statement", "filing"),
        "what": _text(),
    },
    key=["maker", "date", "kind"],
    checks=_TIMED,
)

MACRO_NEWS = _table(
    {
        "news": _event(unique=True),
        "date": _date(),
        **_LOCAL_TIME,
        "what": _text(),
        "kind": _one_of("trade", "monetary_policy", "politics", "data"),
        "countries": _like(r"(ALL|[A-Z]{2}(\|[A-Z]{2})*)$", "ALL or country codes separated by |"),
    },
    checks=_TIMED,
)

EVENT_PROBABILITIES = _table(
    {
        "platform": _text(),
        "country": _like(r"[A-Z]{2}$", "a two-letter country code"),
        "contract": _text(),
        "date": _day(),
        "price": _number(0, 1),
        "closes": _day(),
        "outcome": _number(0, 1, nullable=True, whole=True),
        "outcome_date": _day(nullable=True),
        "outcome_basis": _text(nullable=True),
    },
    key=["platform", "country", "contract", "date"],
    checks=[
        pa.Check(
            lambda table: table["outcome"].isna() == table["outcome_basis"].isna(),
            error="outcome_basis: expected what settles the outcome, and nothing where there is none",
        ),
        pa.Check(
            lambda table: (
                table["outcome"].eq(1).fillna(value=False).astype(bool) == table["outcome_date"].notna()
            ),
            error="outcome_date: expected the day on which it happened, where it did",
        ),
    ],
)

STORIES = _table(
    {
        "story": _like(r"[a-z0-9]+(-[a-z0-9]+)*$", "a name such as japan-deal"),
        "outcome": _text(),
        "bill_event": _event(),
        "event": _event(),
        "p_before": _number(0, 1, nullable=True),
        "p_after": _number(0, 1, nullable=True),
    },
    key=["story", "event"],
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

HOMES = _table({"home": _like(r"[A-Z]{2}$", "a code such as JP or EU"), "name": _text()}, key=["home"])

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

PLANTS = _table(
    {
        "country": _one_of("US", "MX", "CA"),
        "company": _text(),
        "plant": _text(),
        "kind": _some_of(
            "assembly", "commercial_assembly", "engine", "transmission", "transaxle", "battery", "drive_units"
        ),
        "city": _text(),
        "state": _text(),
        "lat": _number(14, 72),
        "lon": _number(-170, -50),
        "latlon_quality": _one_of(*QUALITIES),
        "opened": _number(1900, 2035, whole=True),
        "opened_planned": _flag(),
        "models": _text(),
        "capacity_units": _number(0, nullable=True, whole=True),
        "capacity_quality": _one_of(*QUALITIES, nullable=True),
        "output_units": _number(0, nullable=True, whole=True),
        "output_period": _period(nullable=True),
        "output_quality": _one_of(*QUALITIES, nullable=True),
        "output_source": _text(nullable=True),
        "employees": _number(0, nullable=True, whole=True),
        "employees_year": _number(2000, 2035, nullable=True, whole=True),
        "employees_planned": _flag(nullable=True),
        "employees_quality": _one_of(*QUALITIES, nullable=True),
        "export_share": _number(0, 1, nullable=True),
        "export_share_quality": _one_of(*QUALITIES, nullable=True),
        "status": _text(nullable=True),
    },
    key=["company", "plant"],
)

ANNOUNCEMENTS = _table(
    {
        "date": _date(),
        "company": _text(),
        "country": _one_of("US", "MX", "CA", "JP"),
        "state": _text(nullable=True),
        "plant": _text(nullable=True),
        "investment_usd": _number(0, nullable=True),
        "jobs": _number(0, nullable=True, whole=True),
        "start_year": _number(2000, 2035, nullable=True, whole=True),
        "product": _text(nullable=True),
        "kind": _one_of(
            "new_plant",
            "expansion",
            "reopening",
            "hiring",
            "model_shift",
            "export_plan",
            "restructuring",
            "delay",
            "outage",
            "layoff",
            "cancellation",
        ),
    }
)

MONTHLY = _table(
    {
        "company": _text(),
        "metric": _like(r"[a-z][a-z0-9_]*$", "a lower_snake_case name"),
        "period": _period(),
        "value": _number(),
        "unit": _one_of("units", "fraction", "usd_bn", "jpy_bn", "cad_bn", "jpy_per_vehicle"),
    }
)

US_OUTPUT = _table(
    {
        "series": _like(r"[a-z][a-z0-9_]*$", "a lower_snake_case name"),
        "period": _period(),
        "value": pa.Column(float, pa.Check.gt(0, error="expected a value > 0")),
        "unit": _one_of("vehicles_a_year"),
        "vintage": _date(),
    },
    key=["series", "period", "vintage"],
    dates=KNOWN,
)

CALENDAR = _table(
    {
        "release": _like(r"[a-z0-9]+(-[a-z0-9]+)*$", "a slug such as jama-yearly"),
        "what": _text(),
        "countries": _like(r"(ALL|[A-Z]{2}(\|[A-Z]{2})*)$", "ALL or country codes separated by |"),
        "kind": _one_of("threat", "expiry", "review", "window", "release"),
        "date": _like(
            r"\d{4}-\d{2}(-\d{2})?$", "a day or a month such as 2027-01-01 or 2027-01", nullable=True
        ),
        "months": _like(
            r"(\*|\d{1,2}(\|\d{1,2})*)$", "months 1 to 12 separated by |, or * for all", nullable=True
        ),
        "first_day": _number(1, 31, nullable=True, whole=True),
        "last_day": _number(1, 31, nullable=True, whole=True),
        "indicators": _like(r"[a-z_]+(\|[a-z_]+)*$", "indicators separated by |", nullable=True),
        "policy": _like(r"[a-z0-9]+(-[a-z0-9]+)*$", "the name of a policy", nullable=True),
        "no_policy": _text(nullable=True),
        "known_on": _date(nullable=True),
    },
    key=["release"],
    checks=[
        pa.Check(
            lambda table: table["policy"].isna() | table["date"].notna(),
            error="policy: expected a date beside it, from which it would be in force",
        ),
        pa.Check(
            lambda table: (
                (table["kind"] == "release") | (table["policy"].notna() != table["no_policy"].notna())
            ),
            error="policy: expected the policy that hangs on a legal date, or in no_policy why none does",
        ),
        pa.Check(
            lambda table: (
                table["date"].isna() == table[["months", "first_day", "last_day"]].notna().all(axis=1)
            ),
            error="date: expected a date, or months with first_day and last_day",
        ),
        pa.Check(
            lambda table: ~(table["first_day"] > table["last_day"]).fillna(False),
            error="last_day: expected first_day <= last_day",
        ),
    ],
)

PRESS_LABELS = _table(
    {
        "section": _one_of("production", "sales", "exports", nullable=True),
        "label": _text(),
        "variable": _one_of(*(f"us_{what}_units" for what in ("production", "sales", "import"))),
        "origin": _like(r"[A-Z]{2}$", "a two-letter country code"),
    },
    key=["section", "label"],
)

SPILLOVER = _table(
    {
        "ticker": _text(),
        "metric": _like(r"[a-z][a-z0-9_]*$", "a lower_snake_case name"),
        "period": _period(),
        "value": _number(),
        "low": _number(nullable=True),
        "high": _number(nullable=True),
        "unit": _one_of(
            "fraction", "usd_bn", "usd_bn_per_year", "usd_per_vehicle", "usd_per_net_ton", "units", "jobs"
        ),
    },
    checks=[WITHIN_RANGE],
)

# The unit and bounds of every variable that the model computes with.
MODEL_UNITS = {
    "us_sales_units": "units",
    "us_production_units": "units",
    "us_export_units": "units",
    "us_import_units": "units",
    "us_employment": "people",
    "us_investment_cumulative": "usd",
    "us_content": "fraction_of_value",
    "us_content_share": "fraction_of_value",
    "usmca_share_car": "fraction_of_units",
    "usmca_share_light_truck": "fraction_of_units",
    "usmca_share_part": "fraction_of_value",
    "light_truck_share": "fraction_of_units",
    "customs_value": "usd_per_unit",
    "imported_parts": "usd_per_unit",
    "certified_parts_ratio": "ratio_to_listed_parts",
    "general_parts_ratio": "ratio_to_listed_parts",
    "service_parts": "usd_per_unit",
    "supplier_parts_share": "fraction_of_value",
    "supplier_pass_share": "fraction_of_duty",
    "supplier_delay_days": "days",
    "offset_uptake": "fraction_of_duty",
    "offset_delay_days": "days",
    "void_refund_days": "days",
    "msrp": "usd_per_unit",
    "us_engines_value": "usd_per_unit",
    "inventory_days": "days",
    "metals_cost": "usd_per_unit",
    "relief_accrued_share": "fraction_of_relief",
}


BOUNDS = "a value >= 0, and <= 1 for a fraction, not infinite"


def bounds(unit: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Least and most that figures in these units can be: `BOUNDS`; a change may be of either sign.

    >>> least, most = bounds(pd.Series(["units", "fraction_of_units", "fraction_change_on_year"]))
    >>> least.tolist(), most.tolist()
    ([0.0, 0.0, -inf], [inf, 1.0, inf])
    """
    signed = unit.str.contains("change", na=False)
    share = unit.str.startswith("fraction_of", na=False) & ~signed
    return np.where(signed, -np.inf, 0.0), np.where(share, 1.0, np.inf)


def in_bounds(value: pd.Series, unit: pd.Series) -> pd.Series:
    """Whether figures in these units are `BOUNDS`; one that is missing is not.

    >>> in_bounds(pd.Series([3.0, 1.2]), pd.Series(["units", "fraction_of_units"])).tolist()
    [True, False]
    """
    least, most = bounds(unit)
    found: pd.Series = np.isfinite(value) & (value >= least) & (value <= most)
    return found


FACTS = _table(
    {
        "maker": _text(),
        "variable": _like(r"[a-z][a-z0-9_]*$", "a lower_snake_case name listed in data/codebook.csv"),
        "origin": _like(
            r"(ALL|[A-Z]{2}(\+[A-Z]{2})*)$", "a country code, EU, XX (unknown), ALL or a sum such as MX+CA"
        ),
        "scope": _text(),
        "period": _period(),
        "value": pa.Column(float, nullable=True),
        "unit": _like(r"[a-z][a-z0-9_]*$", "a lower_snake_case unit listed in data/codebook.csv"),
        "low": _number(nullable=True),
        "high": _number(nullable=True),
        "quality": _one_of(*QUALITIES),
        "selected": _flag(),
        "selection_reason": _text(nullable=True),
        "solved": _flag(),
        "method": _text(nullable=True),
        "source_title": _text(),
        "source_url": _like(r"https?://", "an address starting with http:// or https://", nullable=True),
        **KNOWN,
        "note": _text(nullable=True),
    },
    checks=[
        pa.Check(
            lambda table: table["value"].isna() | in_bounds(table["value"], table["unit"]),
            error=f"value: expected {BOUNDS}",
        ),
        pa.Check(
            lambda table: (
                table["unit"].eq(table["variable"].map(MODEL_UNITS)) | ~table["selected"].astype(bool)
            ),
            error="unit: expected the unit that the model computes this variable in; "
            "see MODEL_UNITS in schemas.py",
        ),
    ],
    provenance=False,
)

PARTS_BASE = _table(
    {
        "reading": _text(),
        "value_usd": _number(0),
        "period": _period(),
        "covers": _text(),
    },
    key=["reading"],
    dates=READ,
)

USUAL_LAGS = _table(
    {
        "table": _one_of(*KINDS),
        "variable": _like(r"(\*|[a-z][a-z0-9_]*)$", "a variable, metric or kind of that table, or * for all"),
        "row_quality": _one_of(*QUALITIES, nullable=True),
        "counted_from": _one_of("start", "end"),
        "days": _number(0, 1000, whole=True),
        "regular": _flag(),
        "reason": _text(),
    },
    key=["table", "variable", "row_quality"],
    dates=READ,
)

SHARED_ERRORS = _table(
    {
        "input": _like(r"[a-z][a-z0-9_]*$", "an input of goods.INPUTS, or of a step to the books"),
        "shared_by": _one_of("all", "home", "none"),
        "loading": _number(0, 1),
        "low": _number(0, 1),
        "high": _number(0, 1),
    },
    key=["input"],
    checks=[
        pa.Check(
            lambda table: (table["low"] <= table["loading"]) & (table["loading"] <= table["high"]),
            error="loading: expected low <= loading <= high",
        ),
        pa.Check(
            lambda table: (table["shared_by"] != "none") | (table["loading"] == 0),
            error="loading: expected 0 where shared_by is none",
        ),
    ],
    dates=KNOWN,
)

FORECASTS = _table(
    {
        "maker": _text(),
        "quarter": _like(r"\d{4}Q[1-4]$", "a quarter such as 2026Q4"),
        "basis": _one_of("owed", "cash", "booked"),
        "unit": _one_of("usd_bn"),
        "low": _number(),
        "central": _number(),
        "high": _number(),
        "inputs_low": _number(),
        "inputs_high": _number(),
        "metals": _number(0),
        "policy": _text(),
        "against": _text(),
        "made_on": _day(),
        "version": _text(),
        "code": _like(r"[0-9a-f]{8}$", "the first 8 digits of a digest of the program"),
        "digest": _like(r"(\d{4}-\d{2}-\d{2}|undated)-[0-9a-f]{8}$", "a version of the data"),
    },
    key=["maker", "quarter", "basis", "policy", "against", "code", "digest"],
    checks=[
        pa.Check(
            lambda table: (table["low"] <= table["central"]) & (table["central"] <= table["high"]),
            error="central: expected low <= central <= high",
        ),
        pa.Check(
            lambda table: (
                (table["inputs_low"] <= table["central"]) & (table["central"] <= table["inputs_high"])
            ),
            error="central: expected inputs_low <= central <= inputs_high",
        ),
    ],
    provenance=False,
)

NOT_MODELLED = _table(
    {
        "country": _text(),
        "product": _text(),
        "valid_from": _day(),
        "valid_to": _day(nullable=True),
        "rate": _number(0, 5),
        "basis": _one_of("additional", "additive to MFN", "unstated"),
        "status": _one_of("law", "announced"),
        "checked_through": _day(),
        "hts_revision": _text(nullable=True),
    }
)


def _at_most_value(column: str) -> pa.Check:
    return pa.Check(
        lambda table: table[column].isna() | (table[column] <= table["value_usd"]),
        error=f"{column}: expected at most value_usd",
    )


# vintage: the release that a figure is of; the newest is in use, older ones stay
US_IMPORTS = _table(
    {
        "goods": _one_of("car", "light_truck", "vehicle", "part", "part_listed", "chapter_87"),
        "origin": _like(r"(ALL|[A-Z]{2})$", "a country code, EU or ALL"),
        "period": _period(),
        "value_usd": _number(0),
        "dutiable_usd": _number(0, nullable=True),
        "duty_usd": _number(0, nullable=True),
        "usmca_usd": _number(0, nullable=True),
        "units": _number(0, nullable=True),
        "vintage": _date(),
    },
    key=["goods", "origin", "period", "vintage"],
    checks=[_at_most_value("dutiable_usd"), _at_most_value("usmca_usd")],
    dates=KNOWN,
)

_EXPORTED = {"period": _period(), "units": _number(0, whole=True), "vintage": _date()}

MEXICO_EXPORTS = _table(
    {"brand": _text(), "maker": _text(nullable=True), **_EXPORTED},
    key=["brand", "period", "vintage"],
    dates=KNOWN,
)

MEXICO_MODELS = _table(
    {
        "brand": _text(),
        "maker": _text(nullable=True),
        "model": _text(),
        "type": _text(),
        "segment": _text(),
        **_EXPORTED,
    },
    key=["brand", "model", "type", "segment", "period", "vintage"],
    dates=KNOWN,
)

DIFFERENCES = _table(
    {
        "goods": _some_of("car", "light_truck", "vehicle", "part", "part_listed"),
        "origin": _like(r"(\*|[A-Z]{2,3}(\|[A-Z]{2,3})*)$", "country codes, EU or ALL separated by |, or *"),
        "period": _period(),
        "kind": _one_of("coverage", "outside_model", "break"),
        "reason": _text(),
    },
    dates=READ,
)

ELASTICITIES = _table(
    {
        "metric": _one_of("own_price_elasticity", "aggregate_elasticity"),
        "what": _text(),
        "value": pa.Column(
            float, [_FINITE, pa.Check.lt(0, error="expected an elasticity of demand, below zero")]
        ),
        "unit": _one_of("elasticity"),
    },
    key=["metric", "what"],
)

MARKET_FIGURES = _table(
    {
        "metric": _one_of("potential_buyers", "transaction_to_list_price", "us_built_light_truck_share"),
        "what": _text(),
        "low": _number(0),
        "value": _number(0),
        "high": _number(0),
        "unit": _one_of("units", "fraction"),
    },
    key=["metric", "what"],
    checks=[
        WITHIN_RANGE,
        pa.Check(
            lambda table: (table["unit"] != "fraction") | (table["high"] <= 1),
            error="high: expected a fraction of at most 1",
        ),
    ],
)

PUBLISHED = _table(
    {
        "study": _text(),
        "figure": _like(r"[a-z][a-z0-9_]*$", "a figure of published.FIGURES"),
        "origin": _one_of("all", "outside_north_america", "as_law"),
        "goods": _one_of("vehicles", "vehicles_and_parts", "vehicles_and_all_parts"),
        "rate": _number(0, 1, nullable=True),
        "home_cost": _number(0, 1),
        "volumes": _period(nullable=True),
        "horizon": _one_of("posted", "short", "equilibrium", "long"),
        "low": _number(),
        "high": _number(),
        "unit": _one_of("fraction", "usd_bn"),
        "differs": _text(nullable=True),
    },
    key=["study", "figure", "goods", "home_cost"],
    checks=[
        pa.Check(lambda table: table["low"] <= table["high"], error="low: expected low <= high"),
        pa.Check(
            lambda table: table["rate"].notna() | (table["origin"] == "as_law"),
            error="rate: expected the study's rate, a fraction, unless it is of the law as it is",
        ),
    ],
)

US_CAPACITY = _table(
    {
        "maker": _text(),
        "period": _period(),
        "utilisation": pa.Column(
            float, pa.Check.in_range(0.05, 1.5, error="expected a value from 0.05 to 1.5")
        ),
    },
    key=["maker", "period"],
)

RELOCATION_COSTS = _table(
    {
        "metric": _like(r"[a-z][a-z0-9_]*$", "a lower_snake_case name listed in data/codebook.csv"),
        "country": _like(r"(ALL|[A-Z]{2})$", "a country code or ALL"),
        "detail": _text(nullable=True),
        "period": _period(),
        "value": _number(),
        "low": _number(nullable=True),
        "high": _number(nullable=True),
        "unit": _one_of(
            "usd_per_vehicle", "usd_per_yearly_vehicle", "usd_per_plant", "usd", "eur", "months", "fraction"
        ),
    },
    key=["metric", "country", "detail", "period"],
    checks=[WITHIN_RANGE],
)


def _rising(low: str, value: str, high: str) -> pa.Check:
    return pa.Check(
        lambda table: (
            table[[low, value, high]].isna().all(axis=1)
            | ((table[low] <= table[value]) & (table[value] <= table[high]))
        ),
        error=f"{value}: expected {low} <= {value} <= {high}, or none of them",
    )


MOVES = _table(
    {
        "option": _one_of("spare", "shift", "retool", "expand", "greenfield"),
        "capital_low_usd": _number(0),
        "capital_usd": _number(0),
        "capital_high_usd": _number(0),
        "months_low": _number(0),
        "months": _number(0),
        "months_high": _number(0),
        "share_low": _number(0, nullable=True),
        "share": _number(0, nullable=True),
        "share_high": _number(0, nullable=True),
        "units_low": _number(0, nullable=True),
        "units": _number(0, nullable=True),
        "units_high": _number(0, nullable=True),
    },
    key=["option"],
    checks=[
        _rising("capital_low_usd", "capital_usd", "capital_high_usd"),
        _rising("months_low", "months", "months_high"),
        _rising("share_low", "share", "share_high"),
        _rising("units_low", "units", "units_high"),
    ],
)

_SECTOR = _like(r"[0-9A-Za-z]+$", "a code of data/spillovers/sectors.csv")
_YEAR = _number(2000, 2035, whole=True)

IO_SUMMARY = _table(
    {
        "table": _one_of("use", "make", "import_use", "output"),
        "line": _SECTOR,
        "column": _SECTOR,
        "value": _number(),
        "unit": _one_of("usd_m"),
        "year": _YEAR,
    },
    key=["table", "line", "column", "year"],
)

IO_REQUIREMENTS = _table(
    {
        "product": _SECTOR,
        "sector": _SECTOR,
        "metric": _one_of("total_requirement_domestic", "domestic_output_multiplier"),
        "value": _number(0),
        "unit": _one_of("usd_per_usd"),
        "year": _YEAR,
    },
    key=["product", "sector", "metric"],
)

IO_DEPENDENCE = _table(
    {
        "sector": _SECTOR,
        "metric": _one_of("share_carried"),
        "value": _number(0, 1),
        "unit": _one_of("fraction"),
        "year": _YEAR,
    },
    key=["sector", "metric"],
)

IO_SECTORS = _table(
    {
        "code": _SECTOR,
        "name": _text(),
        "level": _one_of("summary", "detail"),
        "summary": _SECTOR,
    },
    key=["code", "level"],
)

GROSS_OUTPUT = _table(
    {"sector": _SECTOR, "year": _YEAR, "value": _number(0), "unit": _one_of("usd_m")}, key=["sector", "year"]
)

JOBS_PER_OUTPUT = _table(
    {"sector": _SECTOR, "value": _number(0), "unit": _one_of("jobs_per_usd_m"), "year": _YEAR},
    key=["sector"],
)

STATE = _like(r"[A-Z]{2}$", "the two letters of a state, or US")

STATE_EMPLOYMENT = _table(
    {"state": STATE, "sector": _SECTOR, "year": _YEAR, "value": _number(0), "unit": _one_of("jobs")},
    key=["state", "sector", "year"],
)

DEFLATOR = _table(
    {
        "year": _YEAR,
        "value": pa.Column(float, pa.Check.gt(0, error="expected a value > 0")),
        "unit": _one_of("index_2017"),
    },
    key=["year"],
)

IO_PUBLISHED = _table(
    {
        "metric": _one_of(
            "domestic_output_multiplier", "import_content", "import_content_of_parts", "jobs_multiplier"
        ),
        "sector": _SECTOR,
        "value": _number(0),
        "unit": _one_of("usd_per_usd", "fraction", "jobs_per_job"),
        "year": _YEAR,
    },
    key=["metric", "sector"],
)

SPILLOVER_TICKERS = _table(
    {
        "ticker": _text(),
        "sector": _like(r"[0-9A-Za-z]+$", "a code of data/spillovers/sectors.csv", nullable=True),
        "driver": _one_of("us_output", "imports", "sales"),
    },
    key=["ticker"],
    checks=[
        pa.Check(
            lambda table: table["sector"].notna() | (table["driver"] != "us_output"),
            error="sector: expected a code for a line that US output drives",
        )
    ],
)

STATES = _table({"state": STATE, "fips": _like(r"\d{2}$", "two digits"), "name": _text()}, key=["state"])

TABLES: dict[str, pa.DataFrameSchema] = {
    **{
        f"facts/{name}.csv": FACTS
        for name in ("volumes", "contribution", "values", "estimates", "aggregates")
    },
    "trade/parts_base.csv": PARTS_BASE,
    "facts/usual_lags.csv": USUAL_LAGS,
    "facts/shared_errors.csv": SHARED_ERRORS,
    "companies/makers.csv": MAKERS,
    "companies/aliases.csv": ALIASES,
    "companies/financials.csv": FINANCIALS,
    "companies/disclosures.csv": DISCLOSURES,
    "companies/refunded.csv": REFUNDED,
    "companies/fx_sensitivity.csv": FX_SENSITIVITY,
    "companies/valuation.csv": VALUATION,
    "policies/not_modelled.csv": NOT_MODELLED,
    "events/events.csv": EVENTS,
    "events/policies.csv": EVENT_POLICIES,
    "events/company_news.csv": COMPANY_NEWS,
    "events/macro_news.csv": MACRO_NEWS,
    "events/event_probabilities.csv": EVENT_PROBABILITIES,
    "events/stories.csv": STORIES,
    "forecasts/ledger.csv": FORECASTS,
    "market/prices.parquet": PRICES,
    "market/price_records.parquet": PRICE_RECORDS,
    "market/fx.parquet": FX,
    "market/contracts.csv": CONTRACTS,
    "market/instruments.csv": INSTRUMENTS,
    "market/markets.csv": MARKETS,
    "market/currencies.csv": CURRENCIES,
    "market/vendor_words.csv": VENDOR_WORDS,
    "companies/homes.csv": HOMES,
    "market/quotes.csv": QUOTES,
    "response/elasticities.csv": ELASTICITIES,
    "response/market.csv": MARKET_FIGURES,
    "response/published.csv": PUBLISHED,
    "trade/us_imports.csv": US_IMPORTS,
    "trade/mexico_exports.csv": MEXICO_EXPORTS,
    "trade/mexico_models.csv": MEXICO_MODELS,
    "trade/differences.csv": DIFFERENCES,
    "response/capacity.csv": US_CAPACITY,
    "response/relocation_costs.csv": RELOCATION_COSTS,
    "response/moves.csv": MOVES,
    "watch/plants.csv": PLANTS,
    "watch/announcements.csv": ANNOUNCEMENTS,
    "watch/monthly.csv": MONTHLY,
    "watch/us_output.csv": US_OUTPUT,
    "watch/calendar.csv": CALENDAR,
    "watch/press_labels.csv": PRESS_LABELS,
    "watch/spillover.csv": SPILLOVER,
    "spillovers/summary_2024.csv": IO_SUMMARY,
    "spillovers/requirements_2017.csv": IO_REQUIREMENTS,
    "spillovers/dependence_2017.csv": IO_DEPENDENCE,
    "spillovers/sectors.csv": IO_SECTORS,
    "spillovers/gross_output.csv": GROSS_OUTPUT,
    "spillovers/jobs_per_output.csv": JOBS_PER_OUTPUT,
    "spillovers/state_employment.csv": STATE_EMPLOYMENT,
    "spillovers/deflator.csv": DEFLATOR,
    "spillovers/published.csv": IO_PUBLISHED,
    "spillovers/tickers.csv": SPILLOVER_TICKERS,
    "spillovers/states.csv": STATES,
}
