"""By how much does a weaker home currency move profit, as companies and analysts say?"""

from __future__ import annotations

from typing import Any

import pandas as pd

from tariffmodel import facts as fact_tables
from tariffmodel import files
from tariffmodel.errors import DataError
from tariffmodel.facts import Facts, fx_rate, periods, publication, store

TABLE = "companies/fx_sensitivity.csv"
DISCLOSED = "disclosed"
ANALYST = "estimated by an analyst"
STALE_MONTHS = 24  # a figure said longer ago is used, and said to be old
PER_UNIT = ("profit_per_unit_bn", "profit_per_unit_low_bn", "profit_per_unit_high_bn")


def disclosed(facts: Facts) -> pd.DataFrame:
    """Operating profit per unit of home currency per dollar, by the companies' or an analyst's account.

    The selected rows of ``data/companies/fx_sensitivity.csv`` for the pair of the dollar and the
    reporting currency, quoted either way: a euro that weakens by a cent is 0.01 usd of EURUSD. These
    are headlines for the dollar alone; a plan's whole currency line can be larger. The note beside
    the file says whose figure is weak.

    Returns
    -------
    DataFrame
        Indexed by maker: `currency`; `profit_per_unit_bn` with `profit_per_unit_low_bn` and
        `profit_per_unit_high_bn` (home currency, a year, > 0: a weaker home currency raises profit);
        `basis` ("disclosed", or "estimated by an analyst"); `period`, `as_of`, `stale` (said more than
        `STALE_MONTHS` before the day of the facts), `selection_reason`, `quality`, `source_title`,
        `source_url`, `known_on`, `note`.

    Raises
    ------
    DataError
        Faults of the table, a move that is missing or not in the currency the pair is quoted in, an
        effect that is not in the maker's reporting currency.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> said = tm.currency.disclosed(tm.facts.load())
    >>> said.at["Toyota", "currency"], bool(said.at["Toyota", "profit_per_unit_bn"] > 0)
    ('JPY', True)
    """
    from tariffmodel.facts.schemas import TABLES  # slow to import: only when data are read

    raw = files.csv(store.path(facts.folder, TABLE))
    faults: list[fact_tables.Fault] = []
    rows = fact_tables.conform(raw, TABLES[TABLE], f"data/{TABLE}", faults)
    fact_tables.refuse(faults)
    if facts.day:
        known = publication.days(rows, facts.lags, "fx_sensitivity")["known_day"]
        rows = rows[known <= pd.Timestamp(facts.day)]
    rows = rows[rows["selected"] & rows["company"].isin(facts.makers.index)].set_index("company")
    home = facts.makers["reporting_currency"].reindex(rows.index)
    suits = (rows["kind"] == "sensitivity") & (rows["profit_line"] == "operating_profit")
    rows = rows[suits & ((rows["pair"] == "USD" + home) | (rows["pair"] == home + "USD"))]
    rows, home = rows.rename_axis("maker"), home[rows.index]
    twice = rows.index[rows.index.duplicated()]
    if len(twice):
        raise DataError(
            f"data/{TABLE}: {twice[0]} has two selected sensitivities to the dollar; keep one selected"
        )
    told = zip(rows.index, rows.itertuples(), home, strict=True)
    units = pd.Series({maker: _move_per_usd(facts, row, str(unit)) for maker, row, unit in told}, dtype=float)
    per_unit = pd.DataFrame(
        {
            "currency": home,
            "profit_per_unit_bn": rows["effect"] / units,
            "profit_per_unit_low_bn": rows["low"].fillna(rows["effect"]) / units,
            "profit_per_unit_high_bn": rows["high"].fillna(rows["effect"]) / units,
            "basis": rows["quality"].map({"estimated": ANALYST}).fillna(DISCLOSED),
            "stale": _age_months(rows, facts) > STALE_MONTHS,
        }
    )
    said = ["period", "as_of", "selection_reason", "quality", "source_title", "source_url", "known_on"]
    return per_unit.join(rows[[*said, "note"]])


def _age_months(rows: pd.DataFrame, facts: Facts) -> pd.Series:
    """Months from when each figure was said to the day of the facts."""
    said = publication.last_day(rows["as_of"].astype(str))
    now = pd.Timestamp(facts.as_of)
    months: pd.Series = (now.year - said.dt.year) * 12 + now.month - said.dt.month
    return months


def _move_per_usd(facts: Facts, row: Any, home: str) -> float:
    """Size of a row's move in home currency per USD, at the mean rate of its period where it needs one.

    S = 1/Q for a pair quoted in dollars, so a small fall of Q by q is a rise of S by q S².
    """
    for column, expected, why in (
        ("effect_unit", home.lower() + "_bn", f"the currency in which {row.Index} reports"),
        ("move_unit", row.pair[3:].lower(), f"the currency in which {row.pair} is quoted, or fraction"),
    ):
        given = getattr(row, column)
        if given != expected and not (column == "move_unit" and given == "fraction"):
            raise DataError(f"{row.file} row {row.row}: {column} is {given!r}; expected {expected}, {why}")
    if pd.isna(row.move):
        raise DataError(f"{row.file} row {row.row}: move is empty; say by how much the currency weakens")
    if row.move_unit == home.lower():
        return float(row.move)
    rate = fx_rate(facts, home, periods.parse(row.period), facts.as_of)
    return float(row.move * (rate if row.move_unit == "fraction" else rate**2))
