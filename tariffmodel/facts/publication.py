"""On which day did a figure become public?

The date of its source says so: the figure was public by then. Where no source gives a date it counts as
known the usual lag of its kind after its period, see ``data/facts/usual_lags.csv``. The same lag holds
for kinds that come out on a calendar where the source is later: a report of 2026 that repeats the sales
of 2024 did not make those public. Nothing became known after its copy was read.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import periods

SOURCE, USUAL_LAG = "source", "usual_lag"
# the column that says what kind of figure a row is
KINDS = {"facts": "variable", "financials": "metric", "fx_sensitivity": "kind"}


def last_day(dates: pd.Series) -> pd.Series:
    """The last day that each date may mean: 2025-03-31 for 2025-03, NaT where there is none."""
    ends = {label: pd.Timestamp(periods.parse(label).end) for label in dates.dropna().unique()}
    return pd.to_datetime(dates.map(ends))


def days(rows: pd.DataFrame, lags: pd.DataFrame, table: str, stands: pd.Series | None = None) -> pd.DataFrame:
    """When each row became known, and whether its source says so.

    Parameters
    ----------
    rows : DataFrame
        With `period`, `known_on` (day, month or year of the source, or nothing), `read_on` (of the copy),
        `quality` and the kind of row.
    lags : DataFrame
        ``data/facts/usual_lags.csv``. A row that names the kind goes before one for all (``*``), then one
        that names the quality before one for any.
    table : str
        "facts", "financials" or "fx_sensitivity".
    stands : Series of bool, optional
        Rows whose `known_on` stands even where the usual lag is earlier.

    Returns
    -------
    DataFrame
        Index of `rows`: `known_day`, and `known_from`, "source" or "usual_lag".

    Raises
    ------
    DataError
        If no lag applies to a row.
    """
    spans = {label: periods.parse(label) for label in rows["period"].unique()}
    start, end = (
        pd.to_datetime(rows["period"].map({label: getattr(span, side) for label, span in spans.items()}))
        for side in ("start", "end")
    )
    kind, said = rows[KINDS[table]], last_day(rows["known_on"])
    usual = pd.Series(pd.NaT, rows.index, dtype=start.dtype)
    repeated = np.zeros(len(rows), bool)
    mine = lags[lags["table"] == table]
    order = (2 * (mine["variable"] != "*") + mine["row_quality"].notna()).sort_values(kind="stable").index
    lag: Any  # a named tuple of the table's columns
    for lag in mine.loc[order].itertuples():
        here = np.full(len(rows), True) if lag.variable == "*" else (kind == lag.variable).to_numpy()
        if isinstance(lag.row_quality, str):
            here = here & (rows["quality"] == lag.row_quality).to_numpy()
        counted = start if lag.counted_from == "start" else end
        usual = usual.mask(here, counted + pd.Timedelta(days=lag.days))
        repeated[here] = lag.regular
    if usual.isna().any():
        raise DataError(
            f"data/facts/usual_lags.csv has no lag for {kind[usual.isna()].iloc[0]} of {table}; "
            "add a row for it, or one with variable * for all"
        )
    if stands is not None:
        repeated = repeated & ~stands.to_numpy()
    lagged = said.isna() | (repeated & (usual < said))
    day, read = usual.where(lagged, said), last_day(rows["read_on"])
    early = read < day  # whoever read the copy knew it
    since = np.where(lagged & ~early, USUAL_LAG, SOURCE)
    return pd.DataFrame({"known_day": day.mask(early, read), "known_from": since}, rows.index)
