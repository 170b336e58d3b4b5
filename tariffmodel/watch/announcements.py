"""What was announced for US plants, when does it start, and how much of it is done?

A dollar announced is spent, and a job filled, on a straight line from the announcement to the start of what
it is for; without a year of its start, over the months that such a move takes (``data/response/moves.csv``).
Pledges of a whole company overlap with its plants' and are left out of sums, as are plans of others than
makers and places outside the US; of a plant the latest figure of each kind counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import numpy as np
import pandas as pd

from tariffmodel.facts import ANNOUNCEMENTS, OWN_ANNOUNCEMENTS, Facts, in_use, periods, tables
from tariffmodel.facts.protected import kept_with_files

KEY = ["date", "company", "plant", "kind", "product"]
MOVES = {
    "new_plant": "greenfield",
    "expansion": "expand",
    "reopening": "retool",
    "model_shift": "retool",
    "hiring": "shift",
    "layoff": "shift",
}
ENDED = ("cancellation",)  # of a plant: what was announced for it before does not come


@kept_with_files
def table(facts: Facts) -> pd.DataFrame:
    """Announcements that were public on the day of the facts, the user's too, the earliest first.

    Returns
    -------
    DataFrame
        `day` (the last that the date may mean), `company`, `country`, `state`, `plant`, `kind`, `product`,
        `investment_usd`, `jobs` (fewer are negative), `start_year`, `quality`, `note`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> said = tm.announcements.table(tm.facts.load())
    >>> cut = said.query("kind == 'layoff'")["jobs"].dropna()
    >>> bool(said["day"].is_monotonic_increasing), bool((cut < 0).all())
    (True, True)
    """
    parts = [tables.read(facts, ANNOUNCEMENTS)]
    if in_use(facts.folder, facts.overlay, OWN_ANNOUNCEMENTS).is_file():
        own = tables.read(facts, OWN_ANNOUNCEMENTS)
        key, mine = (pd.MultiIndex.from_frame(rows[KEY].fillna("").astype(str)) for rows in (*parts, own))
        parts = [parts[0][~key.isin(mine)], own]
    rows = pd.concat(parts, ignore_index=True)
    rows["day"] = [pd.Timestamp(periods.parse(label).end) for label in rows["date"]]
    if facts.day is not None:
        rows = rows[rows["day"] <= pd.Timestamp(facts.day)]
    cut = rows["kind"] == "layoff"
    jobs = rows["jobs"].astype(float)
    columns = ["day", "company", "country", "state", "plant", "kind", "product", "investment_usd", "jobs"]
    rows = rows.assign(jobs=jobs.where(~cut, -jobs))
    return rows.sort_values("day", kind="stable", ignore_index=True)[
        [*columns, "start_year", "quality", "note"]
    ]


def counted(facts: Facts) -> pd.DataFrame:
    """Announcements that may be added up: of a maker's US plant, the latest figure of each kind.

    Returns
    -------
    DataFrame
        Rows of `table` with `maker`; `starts` (day), `starts_early`, `starts_late`: the ends of how long such
        a move takes where the year of its start is not known.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> rows = tm.announcements.counted(tm.facts.load())
    >>> bool((rows["starts_early"] <= rows["starts_late"]).all()), set(rows["country"])
    (True, {'US'})
    """
    rows = table(facts)
    rows = rows[rows["company"].isin(facts.makers.index) & (rows["country"] == "US") & rows["plant"].notna()]
    gone = rows[rows["kind"].isin(list(ENDED))].groupby(["company", "plant"])["day"].max()
    at = pd.MultiIndex.from_frame(rows[["company", "plant"]])
    ended = pd.Series(gone.reindex(at).to_numpy(), rows.index)
    rows = rows[rows["kind"].isin(list(MOVES)) & ~(rows["day"] <= ended)]
    told = rows[["investment_usd", "jobs"]].notna().any(axis=1)
    rows = rows[told & rows["state"].notna()].assign(maker=rows["company"])
    rows = rows.drop_duplicates(["maker", "plant", "kind"], keep="last")
    takes = tables.read(facts, "response/moves.csv").set_index("option")
    takes = takes.loc[[MOVES[kind] for kind in rows["kind"]]]
    middle = rows["start_year"].astype("string") + "-07-01"
    stated = pd.to_datetime(middle, errors="coerce").astype("datetime64[ns]")
    columns = {}
    for name, months in (
        ("starts_early", "months_low"),
        ("starts", "months"),
        ("starts_late", "months_high"),
    ):
        usual = rows["day"] + pd.to_timedelta(takes[months].to_numpy() * 365.25 / 12, unit="D").floor("D")
        columns[name] = usual.where(stated.isna() | (stated <= rows["day"]), stated)
    return rows.assign(**columns).reset_index(drop=True)


def done(day: pd.Series, starts: pd.Series, on: date) -> pd.Series:
    """Share of what was announced that is done by the end of a day: none before it, all once it has started.

    >>> said, starts = (pd.to_datetime(pd.Series([text])) for text in ("2026-01-01", "2027-01-01"))
    >>> done(said, starts, date(2026, 7, 2)).round(2).tolist()
    [0.5]
    """
    passed = (pd.Timestamp(on) - day).dt.days
    whole = (starts - day).dt.days.clip(lower=1)
    share: pd.Series = (passed / whole).clip(0.0, 1.0)
    return share


def added(facts: Facts, on: date, since: pd.Series, column: str) -> pd.DataFrame:
    """What announcements add to each maker's last figure by the end of a day.

    Announced after the last figure: what is done of it. Announced before it, and not done when it was
    counted: whether the figure holds it already is not known, so that it is in the high end alone.

    Parameters
    ----------
    since : Series of Timestamp
        Last day of the period of each maker's last figure.
    column : str
        ``jobs`` or ``investment_usd``.

    Returns
    -------
    DataFrame
        Indexed by maker, as `since`: `low`, `value`, `high`, in the unit of the column.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> known, day = tm.facts.load(), pd.Series({"Toyota": pd.Timestamp("2025-12-31")})
    >>> found = tm.announcements.added(known, date(2026, 12, 31), day, "jobs")
    >>> bool((found["low"] <= found["value"]).all() and (found["value"] <= found["high"]).all())
    True
    """
    rows = counted(facts)
    rows = rows[rows["maker"].isin(since.index) & rows[column].notna()]
    figure, counted_on = rows[column].astype(float), rows["maker"].map(since)
    later = rows["day"] > counted_on
    ends = [figure * done(rows["day"], rows[name], on) for name in ("starts_early", "starts", "starts_late")]
    then = [
        figure * (1 - ((counted_on - rows["day"]).dt.days / (rows[name] - rows["day"]).dt.days.clip(lower=1)))
        for name in ("starts_early", "starts", "starts_late")
    ]
    open_then = np.maximum.reduce([np.where(figure > 0, part, 0.0) for part in then]).clip(min=0.0)
    least, most = np.minimum.reduce(ends), np.maximum.reduce(ends)
    found = pd.DataFrame(
        {
            "maker": rows["maker"],
            "low": np.where(later, least, 0.0),
            "value": np.where(later, ends[1], 0.0),
            "high": np.where(later, most, np.minimum(open_then, most.clip(min=0.0))),
        }
    )
    sums = found.groupby("maker")[["low", "value", "high"]].sum()
    return sums.reindex(since.index, fill_value=0.0)


def names(rows: pd.DataFrame) -> Iterable[str]:
    """Each announcement in a few words, for a list.

    >>> rows = pd.DataFrame({"company": ["Kia"], "plant": ["West Point"], "kind": ["new_plant"]})
    >>> list(names(rows.assign(day=pd.Timestamp("2026-05-31"), investment_usd=2e9, jobs=np.nan)))
    ['Kia, West Point: new plant, USD 2.0 bn (May 2026)']
    """
    for company, plant, kind, day, money, jobs in rows[
        ["company", "plant", "kind", "day", "investment_usd", "jobs"]
    ].itertuples(index=False):
        said = [str(kind).replace("_", " ")]
        said += [f"USD {money / 1e9:,.1f} bn"] if money == money else []
        said += [f"{jobs:+,.0f} jobs"] if jobs == jobs else []
        place = f", {plant}" if isinstance(plant, str) else ""
        yield f"{company}{place}: {', '.join(said)} ({day:%B %Y})"
