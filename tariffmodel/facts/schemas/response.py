"""What must hold in the tables of `data/response`: elasticities, capacity, costs of moving?"""

from __future__ import annotations

import pandera.pandas as pa

from tariffmodel.facts.schemas.kinds import (
    _FINITE,
    WITHIN_RANGE,
    _like,
    _number,
    _one_of,
    _period,
    _table,
    _text,
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
