"""What must hold in the tables that a bill is computed from, in errors shared, and in forecasts?"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pandera.pandas as pa

from tariffmodel.facts.publication import KINDS
from tariffmodel.facts.schemas.kinds import (
    KNOWN,
    QUALITIES,
    READ,
    _day,
    _flag,
    _like,
    _number,
    _one_of,
    _period,
    _table,
    _text,
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
            "see MODEL_UNITS in schemas/model.py",
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
