"""What must hold in the tables of `data/companies`: makers, their accounts and what they disclose?"""

from __future__ import annotations

import pandera.pandas as pa

from tariffmodel.facts.schemas.kinds import (
    _ABOVE_0,
    FRACTIONS,
    KNOWN,
    MONEY,
    READ,
    WITHIN_RANGE,
    _date,
    _flag,
    _like,
    _number,
    _one_of,
    _period,
    _selected_once,
    _table,
    _text,
    _unit,
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

NAMES = _table(
    {"maker": _text(), "language": _one_of("ja", "home"), "name": _text()}, key=["maker", "language"]
)

HOMES = _table({"home": _like(r"[A-Z]{2}$", "a code such as JP or EU"), "name": _text()}, key=["home"])

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
