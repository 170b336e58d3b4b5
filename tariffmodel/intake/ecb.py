"""Which exchange rates has the European Central Bank fixed since?

`refresh` takes the euro reference rates, works out the pairs that are stored, holds the days in common
against the stored fixings, and puts the new ones in the place of the quotes of Yahoo that stood in for them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import Facts, store
from tariffmodel.intake import fetching, joining, yahoo
from tariffmodel.intake.chart import SHOWN
from tariffmodel.intake.plausibility import FX_JUMP

RECENT = "https://www.ecb.europa.eu/stats/eurofxref/eurofxref-hist-90d.xml"
WHOLE = "https://www.ecb.europa.eu/stats/eurofxref/eurofxref-hist.xml"
FIXED = "ECB"  # in the column `source`
_REACH = pd.Timedelta(days=80)  # of the file of recent fixings
_APART = 0.002  # between a stored fixing and one of the file; rounding of the euro rates makes 0.0001


def refresh(
    facts: Facts,
    *,
    session: Any = None,
    now: datetime | None = None,
    timeout: float = 60.0,
    sleep: Callable[[float], None] = time.sleep,
    progress: Callable[[int, int, str], None] | None = None,
) -> yahoo.Report:
    """Bring the fixings of exchange rates up to date from the ECB. Load the facts again to use them.

    A pair is the ratio of its two euro rates. Stored fixings stay; quotes of Yahoo go as far as the
    fixings reach, also on days on which nothing is fixed.

    Parameters
    ----------
    session : curl_cffi.requests.Session, optional
    now : datetime, optional
        With a time zone. Default: the clock.
    timeout : float
        Seconds until the request counts as failed.
    sleep : callable (seconds)
    progress : callable (done, total, what), optional

    Returns
    -------
    yahoo.Report
        With pairs for tickers: updated, unchanged, conflict (nothing joined), not found (a currency that the
        ECB does not fix), failed.

    Raises
    ------
    DataError
        `now` without a time zone, or the store cannot be written.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> tm.ecb.refresh(tm.facts.load()).table["outcome"].unique().tolist()  # doctest: +SKIP
    ['updated']
    """
    moment = pd.Timestamp(now or pd.Timestamp.now("UTC"))
    if moment.tz is None:
        raise DataError(f"now is {now!r}, without a time zone; write datetime(..., tzinfo=UTC)")
    facts = replace(facts)
    today = moment.tz_convert("Europe/Berlin").tz_localize(None).normalize()
    if session is None:
        from curl_cffi.requests import Session  # slow to import

        session = Session()
    with store.writing(facts.folder, "exchange rates from the ECB") as staging:
        rates = yahoo.stored_rates(facts.folder)
        pairs = yahoo.pairs_of(rates, facts.instruments)
        last = rates.loc[rates["source"] == FIXED, "date"].max()
        fixings, fault = pd.DataFrame(), ""
        try:
            address = RECENT if pd.notna(last) and today - last < _REACH else WHOLE
            fixings = read(fetching.fetch(session, address, timeout=timeout, sleep=sleep).content)
        except fetching.RefusedError as refused:
            fault = str(refused)
        rows, fresh = [], {}
        for pair in pairs:
            stored = rates[rates["pair"] == pair]
            if fault:
                rows.append(
                    _row(pair, stored, "failed", today, fault, remedy="repeat `tariffmodel refresh rates`")
                )
                continue
            fresh[pair], row = _joined(pair, stored, fixings, today)
            rows.append(row)
        table = pd.DataFrame(rows, columns=joining.COLUMNS).astype(
            {"first_new": "datetime64[us]", "last": "datetime64[us]"}
        )
        changed = set(table.loc[(table["rows_added"] > 0) | (table["revised"] > 0), "ticker"])
        yahoo.write(staging / yahoo.FX, rates, "pair", {pair: fresh[pair] for pair in changed})
    if progress:
        progress(1, 1, "exchange rates")
    return yahoo.Report(table, store.current(facts.folder) if changed else "")


def read(body: bytes) -> pd.DataFrame:
    """Euro rates of a file of the ECB: units of a currency for one euro, day × currency.

    Raises
    ------
    fetching.RefusedError
        The body is none of these files, or a rate is no positive number.

    Examples
    --------
    >>> body = b'<e><Cube><Cube time="2026-11-27"><Cube currency="USD" rate="1.16"/></Cube></Cube></e>'
    >>> read(body).to_dict("index")
    {Timestamp('2026-11-27 00:00:00'): {'USD': 1.16}}
    """
    try:
        days = [node for node in ElementTree.fromstring(body).iter() if node.get("time")]
        rates = pd.DataFrame(
            {
                pd.Timestamp(str(day.get("time"))): {
                    str(one.get("currency")): float(str(one.get("rate")).replace("N/A", "nan")) for one in day
                }
                for day in days
            }
        ).T.sort_index()
    except (ElementTree.ParseError, ValueError) as error:
        raise fetching.RefusedError(
            fetching.LAYOUT, f"the file of the ECB cannot be read ({error})"
        ) from None
    if (
        rates.empty
        or "USD" not in rates
        or not ((rates > 0) & np.isfinite(rates) | rates.isna()).all(axis=None)
    ):
        raise fetching.RefusedError(
            fetching.LAYOUT, "the file of the ECB holds no table of positive euro rates"
        )
    rates.index = pd.DatetimeIndex(rates.index).as_unit("us")
    return rates


def _joined(
    pair: str, stored: pd.DataFrame, fixings: pd.DataFrame, today: pd.Timestamp
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The pair's rows with the new fixings, and its row of the report."""
    euro = fixings.assign(EUR=1.0)
    lacking = [code for code in (pair[:3], pair[3:]) if code not in euro]
    if lacking:
        text = f"the ECB does not fix {lacking[0]}"
        return stored, _row(pair, stored, "not found", today, text, remedy="`tariffmodel refresh prices`")
    cross = (euro[pair[3:]] / euro[pair[:3]]).dropna()
    fixed = stored[stored["source"] == FIXED].set_index("date")["rate"]
    common = cross.index.intersection(fixed.index)
    if len(fixed) and common.empty:
        last, first = fixed.index[-1], cross.index[0]
        text = f"no day in common: stored up to {last:%Y-%m-%d}, the ECB from {first:%Y-%m-%d}"
        return stored, _row(pair, stored, "conflict", today, text, remedy="repeat tomorrow")
    apart = common[np.abs(np.log(cross[common] / fixed[common])) > _APART]
    first = fixed.index[-1] if len(fixed) else yahoo.FIRST_DAY
    new = cross[cross.index > first]
    move = cross.apply(np.log).diff()[new.index]
    leaps = move.index[move.abs() > np.log(FX_JUMP)]
    said = [f"{day:%Y-%m-%d}: stored {fixed[day]:g}, ECB {cross[day]:g}" for day in apart[:SHOWN]]
    said += [f"a move of ×{np.exp(move[day]):.3g} on {day:%Y-%m-%d}" for day in leaps[:SHOWN]]
    if said:
        text = "; ".join(said) + "; nothing joined"
        return stored, _row(pair, stored, "conflict", today, text, remedy="compare with the ECB's page")
    behind = cross.index[-1]
    gone = stored["source"].eq(joining.YAHOO) & stored["date"].between(first, behind, inclusive="right")
    if new.empty:
        return stored, _row(pair, stored, "unchanged", today, "")
    rows = pd.DataFrame({"date": new.index, "pair": pair, "rate": new.to_numpy(), "source": FIXED})
    joined = pd.concat([stored[~gone], rows]).sort_values("date", ignore_index=True)
    detail = f"{gone.sum()} quotes of Yahoo gave way to fixings" if gone.any() else ""
    return joined, _row(pair, joined, "updated", today, detail, new=new.index, revised=int(gone.sum()))


def _row(
    pair: str,
    rows: pd.DataFrame,
    outcome: str,
    today: pd.Timestamp,
    detail: str,
    *,
    remedy: str = "",
    new: pd.Index | None = None,
    revised: int = 0,
) -> dict[str, Any]:
    last = rows["date"].max()
    behind = len(pd.bdate_range(last, today)) - 2 if pd.notna(last) else 0  # the day before is up to date
    first, count = (pd.NaT, 0) if new is None else (new[0], len(new))
    values = (pair, outcome, count, first, last, max(behind, 0), np.nan, revised, detail, remedy)
    return dict(zip(joining.COLUMNS, values, strict=True))
