"""What must hold in the tables of `data/spillovers`: input and output, jobs, states?"""

from __future__ import annotations

import pandera.pandas as pa

from tariffmodel.facts.schemas.kinds import _like, _number, _one_of, _table, _text

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
