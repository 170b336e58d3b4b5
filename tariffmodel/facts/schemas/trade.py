"""What must hold in the official statistics of `data/trade`?"""

from __future__ import annotations

import pandera.pandas as pa

from tariffmodel.facts.schemas.kinds import (
    KNOWN,
    READ,
    _date,
    _like,
    _number,
    _one_of,
    _period,
    _some_of,
    _table,
    _text,
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
