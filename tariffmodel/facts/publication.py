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
_NEVER = np.datetime64("NaT")
# the column that says what kind of figure a row is
KINDS = {"facts": "variable", "financials": "metric", "fx_sensitivity": "kind"}


def last_day(dates: pd.Series) -> pd.Series:
    """The last day that each date may mean: 2025-03-31 for 2025-03, NaT where there is none.

    >>> last_day(pd.Series(["2025-03", "2025-03-15"])).dt.day.tolist()
    [31, 15]
    """
    return pd.Series(_edge(dates, "end"), dates.index)


def _edge(labels: pd.Series, side: str) -> np.ndarray:
    """First or last day of each period."""
    known = {label: np.datetime64(getattr(periods.parse(label), side)) for label in labels.dropna().unique()}
    return np.array([known.get(label, _NEVER) for label in labels], dtype="datetime64[ns]")


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

    Examples
    --------
    >>> rows = pd.DataFrame({"variable": ["us_sales_units"], "period": "2025-03", "quality": "reported"})
    >>> lags = pd.DataFrame({"table": ["facts"], "variable": "*", "row_quality": None, "days": 21})
    >>> lags = lags.assign(counted_from="end", regular=True)
    >>> days(rows.assign(known_on=None, read_on="2026-01-31"), lags, "facts")
       known_day known_from
    0 2025-04-21  usual_lag
    """
    start, end = (_edge(rows["period"], side) for side in ("start", "end"))
    kind, quality = rows[KINDS[table]].to_numpy(dtype=object), rows["quality"].to_numpy(dtype=object)
    usual = np.full(len(rows), _NEVER, dtype="datetime64[ns]")
    repeated = np.zeros(len(rows), bool)
    mine = lags[lags["table"] == table]
    order = (2 * (mine["variable"] != "*") + mine["row_quality"].notna()).sort_values(kind="stable").index
    lag: Any  # a named tuple of the table's columns
    for lag in mine.loc[order].itertuples():
        here = np.full(len(rows), True) if lag.variable == "*" else kind == lag.variable
        if isinstance(lag.row_quality, str):
            here = here & (quality == lag.row_quality)
        counted = start if lag.counted_from == "start" else end
        usual[here] = counted[here] + np.timedelta64(int(lag.days), "D")
        repeated[here] = lag.regular
    if len(without := kind[np.isnat(usual)]):
        raise DataError(
            f"data/facts/usual_lags.csv has no lag for {without[0]} of {table}; add a row for it, or one "
            "with variable * for all"
        )
    if stands is not None:
        repeated &= ~stands.to_numpy(dtype=bool)
    said, read = (_edge(rows[column], "end") for column in ("known_on", "read_on"))
    lagged = np.isnat(said) | (repeated & (usual < said))
    day = np.where(lagged, usual, said)
    early = read < day  # whoever read the copy knew it
    since = np.where(lagged & ~early, USUAL_LAG, SOURCE)
    return pd.DataFrame({"known_day": np.where(early, read, day), "known_from": since}, rows.index)
