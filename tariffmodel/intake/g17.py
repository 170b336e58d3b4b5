"""What does the Federal Reserve count of motor vehicles assembled in the US, month by month?

`refresh` takes the series MVATOTASSS of the statistical release G.17 (motor vehicle assemblies, total,
millions of units at a seasonally adjusted annual rate) from FRED's graph file, a CSV with a date column and
one named for the series, missing months written as a point. No key is needed. What was revised is stored as a
vintage of the day of the file beside the older one, and nothing is stored where the layout is another.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from io import StringIO
from typing import Any

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import Facts, Fault, conform, periods, refuse, seasons, store, trade
from tariffmodel.intake.fetching import LAYOUT, RefusedError, fetch

SERIES = "MVATOTASSS"
ADDRESS = "https://fred.stlouisfed.org/graph/fredgraph.csv"
FIRST_YEAR = 2015
_MILLION = 1e6
_PLAUSIBLE = (0.05, 25.0)  # millions of vehicles a year; less than a million were built in April 2020
_DATES = ("observation_date", "DATE", "date")


def refresh(
    facts: Facts,
    *,
    session: Any = None,
    now: datetime | None = None,
    timeout: float = 60.0,
    sleep: Callable[[float], None] = time.sleep,
) -> pd.DataFrame:
    """Bring US motor vehicle assemblies up to date. Load the facts again to use what came in.

    Parameters
    ----------
    session : curl_cffi.requests.Session, optional
    now : datetime, optional
        With a time zone. Default: the clock.
    timeout : float
        Seconds until a request counts as failed.
    sleep : callable (seconds)

    Returns
    -------
    DataFrame
        The figures that were new or revised, as they are stored: `period`, `value` (vehicles a year),
        `before` (NaN where there was none), `vintage`. Empty where nothing was new.

    Raises
    ------
    DataError
        The address does not answer, or in another layout; nothing has changed then.

    Examples
    --------
    >>> from types import SimpleNamespace as Fake
    >>> import tariffmodel as tm
    >>> page = Fake(status_code=200, content=b"<html>", headers={})
    >>> refresh(tm.facts.load(), session=Fake(get=lambda url, **_: page))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    tariffmodel.errors.DataError: .../fredgraph.csv begins with '<html>'; expected a header of a date ...
    """
    moment = pd.Timestamp(now or pd.Timestamp.now("UTC"))
    if moment.tz is None:
        raise DataError(f"now is {now!r}, without a time zone; write datetime(..., tzinfo=UTC)")
    if session is None:
        from curl_cffi.requests import Session  # slow to import

        session = Session()
    params = {"id": SERIES, "cosd": f"{FIRST_YEAR}-01-01"}
    try:
        answer = fetch(session, ADDRESS, params, timeout=timeout, sleep=sleep)
        months = read(answer.content)
    except RefusedError as refused:
        raise DataError(str(refused)) from None
    vintage = str(answer.modified or moment.date())
    found = pd.concat([months, _years(months)], ignore_index=True)
    facts = replace(facts)  # a copy that reads the tables in use now
    held = store.path(facts.folder, seasons.OUTPUT)
    stored = pd.read_csv(held, dtype=str, keep_default_na=False)
    changed = _changed(found, stored, vintage)
    if changed.empty:
        return changed
    rows = _rows(changed, vintage, str(moment.date()))
    again = (stored["vintage"] == vintage) & stored["period"].isin(rows["period"])
    table = pd.concat([stored[~again], rows[stored.columns]], ignore_index=True)
    with store.writing(facts.folder, "US motor vehicle assemblies (G.17)") as staging:
        _write(table, staging / seasons.OUTPUT)
    return changed


def read(content: bytes) -> pd.DataFrame:
    r"""Months of a body in FRED's layout: `period` and `value`, vehicles at a yearly rate.

    Raises
    ------
    RefusedError
        Where the layout is another, or a figure is none that can be.

    Examples
    --------
    >>> read(b"observation_date,MVATOTASSS\n2026-01-01,10.52\n2026-02-01,.\n").to_numpy().tolist()
    [['2026-01', 10520000.0]]
    """
    text = content.decode("utf-8-sig", "replace")
    lines = text.splitlines()
    head = [cell.strip().strip('"') for cell in lines[0].split(",")] if lines else []
    if len(head) != 2 or head[0] not in _DATES or head[1] != SERIES:
        start = text[:40].splitlines()[0] if text.strip() else ""
        raise RefusedError(
            LAYOUT,
            f"{ADDRESS} begins with {start!r}; expected a header of a date and {SERIES}; nothing was stored",
        )
    table = pd.read_csv(StringIO(text), names=["day", "figure"], skiprows=1, dtype=str, keep_default_na=False)
    table = table[~table["figure"].isin([".", ""])]
    day = pd.to_datetime(table["day"], format="%Y-%m-%d", errors="coerce")
    figure = pd.to_numeric(table["figure"], errors="coerce")
    wrong = day.isna() | (day.dt.day != 1) | ~figure.between(*_PLAUSIBLE) | day.duplicated()
    if wrong.any() or table.empty:
        line = int(np.flatnonzero(wrong)[0]) if wrong.any() else 0
        cells = ",".join(table.iloc[line]) if len(table) else "nothing"
        raise RefusedError(
            LAYOUT,
            f"{ADDRESS} holds {cells!r}; expected the first of a month, once, and millions of vehicles a "
            f"year from {_PLAUSIBLE[0]} to {_PLAUSIBLE[1]:g}; nothing was stored",
        )
    return pd.DataFrame(
        {"period": day.dt.strftime("%Y-%m"), "value": (figure * _MILLION).round()}
    ).reset_index(drop=True)


def _years(months: pd.DataFrame) -> pd.DataFrame:
    """Means of the years that have all twelve months."""
    year = months["period"].str[:4]
    found = months.groupby(year)["value"].agg(["mean", "size"])
    found = found[found["size"] == 12]
    return pd.DataFrame({"period": [f"CY{one}" for one in found.index], "value": found["mean"].round()})


def _changed(found: pd.DataFrame, stored: pd.DataFrame, vintage: str) -> pd.DataFrame:
    """What no stored vintage up to this one says already, beside the newest that says something else."""
    mine = stored[stored["series"] == seasons.ASSEMBLIES]
    order = pd.to_datetime([periods.parse(label).start for label in mine["vintage"]])
    mine = mine.assign(order=order)[order <= pd.Timestamp(periods.parse(vintage).end)]
    newest = trade.newest(mine.sort_values("order", kind="stable"), ["period"]).set_index("period")["value"]
    before = found["period"].map(newest).astype(float)
    new = before.isna() | ((before - found["value"]).abs() > 0.5)
    return found[new].assign(before=before[new], vintage=vintage).reset_index(drop=True)


def _rows(changed: pd.DataFrame, vintage: str, today: str) -> pd.DataFrame:
    yearly = changed["period"].str.startswith("CY")
    revised = changed["before"].notna()
    return pd.DataFrame(
        {
            "series": seasons.ASSEMBLIES,
            "period": changed["period"],
            "value": changed["value"].map("{:.0f}".format),
            "unit": "vehicles_a_year",
            "vintage": vintage,
            "quality": np.where(yearly, "derived", "reported"),
            "source_title": f"Federal Reserve G.17, {SERIES}, through FRED",
            "source_url": f"{ADDRESS}?id={SERIES}",
            "known_on": np.where(revised, vintage, ""),
            "read_on": today,
            "note": np.where(yearly, "mean of its twelve months", ""),
        }
    )


def _write(table: pd.DataFrame, place: Any) -> None:
    """Write the table, once it is found to fit its schema."""
    from tariffmodel.facts.schemas.watch import US_OUTPUT  # slow to import

    text = table.to_csv(index=False, lineterminator="\n")
    raw = pd.read_csv(StringIO(text), dtype=str, keep_default_na=False, na_values=[""])
    faults: list[Fault] = []
    conform(raw, US_OUTPUT, f"data/{seasons.OUTPUT} as it would be", faults)
    refuse(faults)
    store.write_whole(place, text.encode())
