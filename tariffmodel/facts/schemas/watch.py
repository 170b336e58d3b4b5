"""What must hold in the tables of `data/watch`: plants, plans, months, dates to come?"""

from __future__ import annotations

import pandera.pandas as pa

from tariffmodel.facts.schemas.kinds import (
    KNOWN,
    QUALITIES,
    WITHIN_RANGE,
    _date,
    _flag,
    _like,
    _number,
    _one_of,
    _period,
    _some_of,
    _table,
    _text,
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
    },
    key=["release"],
    checks=[
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
