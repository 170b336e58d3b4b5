"""The kinds of columns and rules that the tables are made of: text, numbers, days, units, sources."""

from __future__ import annotations

import re
from collections.abc import Iterable
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pandera.pandas as pa

from tariffmodel.errors import TariffModelError
from tariffmodel.facts import periods

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
