"""When did makers speak for themselves, and what else moved markets on the days of tariff news?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from tariffmodel.facts import publication, tables
from tariffmodel.facts.protected import kept_with_files
from tariffmodel.facts.tables import Facts

MACRO_NEWS = "events/macro_news.csv"
YAHOO = "Yahoo Finance, earnings calendar"  # source_title of rows that a refresh brings
SAME = 3  # days within which a row of Yahoo's is the announcement of a sourced row
_KEY = ["maker", "date", "kind"]


@kept_with_files
def company(facts: Facts) -> pd.DataFrame:
    """Makers' own news: the bundled rows and the user's, in order of day.

    A row of the user's stands for the bundled one of the same maker, day and kind. A row of Yahoo's
    stands for nothing: where a source tells of results of the maker within three days, it is left out.

    Returns
    -------
    DataFrame
        Columns of ``events/company_news.csv``; `day` (NaT where only the month is known), `announced`
        (UTC, NaT where no time is known) and `timing`: stated, assumed or unknown.

    Raises
    ------
    DataError
        Listing every fault of the two files.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> rows = company(tm.facts.load())
    >>> sorted(set(rows["timing"])), bool((rows["announced"].isna() == (rows["timing"] == "unknown")).all())
    (['assumed', 'stated', 'unknown'], True)
    """
    rows = tables.read(facts, tables.COMPANY_NEWS)
    if (facts.overlay / tables.OWN_COMPANY_NEWS).is_file():
        own = tables.read(facts, tables.OWN_COMPANY_NEWS)
        key, mine = (pd.MultiIndex.from_frame(part[_KEY]) for part in (rows, own))
        rows = pd.concat([rows[~key.isin(mine)], own], ignore_index=True)
        rows = rows[~told_already(rows)]
    return _known(facts, rows)


@kept_with_files
def macro(facts: Facts) -> pd.DataFrame:
    """News that moved whole markets and is not of the tariffs on cars, in order of day.

    Returns
    -------
    DataFrame
        Columns of ``events/macro_news.csv``, and `day`, `announced` and `timing` as in `company`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> rows = macro(tm.facts.load()).set_index("news")
    >>> f"{rows.at['2025-05-12-us-china-truce', 'announced']:%H:%M}"  # 15:00 in Beijing
    '07:00'
    """
    return _known(facts, tables.read(facts, MACRO_NEWS))


def of_market(facts: Facts, market: str) -> pd.Series:
    """The moments of `macro` news that concerns a market (US, JP, KR, DE), by `news`, in UTC.

    Where no time is known it is midnight, so that the session of the day is the first.

    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> ["2025-10-04-takaichi-elected" in of_market(known, market) for market in ("JP", "US")]
    [True, False]
    """
    rows = macro(facts).set_index("news")
    near = {"ALL", market, "EU" if market == "DE" else market}
    here = rows["countries"].str.split("|").map(lambda countries: bool(near & set(countries)))
    return rows["announced"].fillna(rows["day"].dt.tz_localize("UTC"))[here].dropna()


def told_already(rows: pd.DataFrame) -> pd.Series:
    """Which rows are Yahoo's and within three days of results of the maker that another source tells of.

    >>> news = pd.DataFrame({"maker": "GM", "date": ["2025-10-21", "2025-10-22", "2026-01-27"]})
    >>> news = news.assign(kind="results", source_title=["Reuters", YAHOO, YAHOO])
    >>> told_already(news).tolist()
    [False, True, False]
    """
    yahoo = rows["source_title"] == YAHOO
    day = pd.to_datetime(rows["date"], format="%Y-%m-%d", errors="coerce")
    sourced = rows.assign(day=day)[~yahoo & (rows["kind"] == "results")]
    pairs = rows.assign(day=day, place=np.arange(len(rows)))[yahoo].merge(sourced, on="maker")
    near = (pairs["day_x"] - pairs["day_y"]).abs() <= pd.Timedelta(days=SAME)
    return pd.Series(np.isin(np.arange(len(rows)), pairs.loc[near, "place"]), rows.index)


def timed(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of news with `day`, `announced` (UTC) and `timing`, see `company`.

    >>> row = {"date": ["2025-07-24"], "time": ["15:30"], "time_assumed": [None], "zone": ["Asia/Tokyo"]}
    >>> timed(pd.DataFrame(row)).loc[0, ["announced", "timing"]].tolist()
    [Timestamp('2025-07-24 06:30:00+0000', tz='UTC'), 'stated']
    """
    known = [rows["time"].notna(), rows["time_assumed"].notna()]
    return rows.assign(
        day=pd.to_datetime(rows["date"], format="%Y-%m-%d", errors="coerce"),
        announced=_announced(rows),
        timing=np.select(known, ["stated", "assumed"], "unknown"),
    )


def _known(facts: Facts, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with their times, in order, as far as they were known on the day of the facts."""
    rows, last = timed(rows), publication.last_day(rows["date"])
    if facts.day is not None:
        rows = rows[last <= pd.Timestamp(facts.day)]
    return rows.iloc[last[rows.index].argsort(kind="stable")].reset_index(drop=True)


def _announced(rows: pd.DataFrame) -> pd.Series:
    """The moment of each row in UTC, from its local time and zone."""
    clock = rows["time"].fillna(rows["time_assumed"])
    local = pd.to_datetime(rows["date"] + " " + clock, format="%Y-%m-%d %H:%M")
    moment = pd.Series(pd.NaT, rows.index, dtype="datetime64[ns, UTC]")
    for zone, here in local[clock.notna()].groupby(rows["zone"]):
        # in the hour that a change of the clocks skips or repeats no exchange of ours is open
        there = here.dt.tz_localize(zone, ambiguous=np.ones(len(here), bool), nonexistent="shift_forward")
        moment[here.index] = there.dt.tz_convert("UTC").astype(moment.dtype)
    return moment
