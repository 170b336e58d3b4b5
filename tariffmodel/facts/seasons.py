r"""How much of a year is over once some of its months are known, and how far can the rest be off?

Two readings of the year are weighed by how sure each is, both on the scale of logarithms. The months that are
known are a share *s* of the year; s is Beta distributed, its mean that of all series of earlier years, drawn
towards the series' own by n / (n + k), its spread that across series (an empirical Bayes of shares: Casella
1985). The year before is the other reading: makers' years change as much again on their own as the industry
changes. With u = ψ(a) − ψ(a + b) and v = ψ′(a) − ψ′(a + b), the moments of log s,

.. math::

    \log \hat P = \frac{(\log \text{known} - u) / v + \log P_{-1} / \sigma^2}{1 / v + 1 / \sigma^2},
    \qquad \text{variance } \frac{1}{1 / v + 1 / \sigma^2}

One rule for the bill (`flows`) and for the watch list (`watch.nowcast`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby

import numpy as np
import pandas as pd
from scipy import special

from tariffmodel.errors import DataError
from tariffmodel.facts import periods, publication, trade
from tariffmodel.facts.faults import FLOWS, IMPORTS, KEY, PRODUCTION, SALES, Fault, refuse
from tariffmodel.facts.protected import kept_with, kept_with_files
from tariffmodel.facts.tables import Facts, read

MONTHLY, OUTPUT = "watch/monthly.csv", "watch/us_output.csv"
ASSEMBLIES = "motor_vehicle_assemblies"  # a year, seasonally adjusted
METRICS = {
    "us_production_units": (PRODUCTION, "US"),
    "us_sales_units": (SALES, "US"),
    "exports_japan_to_us_units": (IMPORTS, "JP"),
    "exports_korea_to_us_units": (IMPORTS, "KR"),
    "mexico_production_units": ("mexico_production_units", "MX"),  # for the shape of its year alone
}
# how vehicles are counted: to dealers or to customers, which differ by up to 8% (Hyundai, Kia)
BASES = {
    "wholesale": r"whole[ -]?sale|sell[ -]?in|卸売|도매|großhandel",
    "retail": r"retail|sell[ -]?out|registration|小売|登録|소매|zulassung",
}
WEIGHT = 2.0  # k: years of its own after which a series counts as much as all of them
Z = 1.2815515655446004  # 80% of a normal distribution lie within so many standard deviations
_FEWEST = 3  # series that make a pool, and changes of years that make a spread
_AGREES = 0.01  # two readings of a month that differ by less are one, rounded

Key = tuple[str, str, str]
_DAY = timedelta(days=1)


def basis(words: object) -> str:
    """Whether words say that vehicles were counted to dealers or to customers; empty if neither, or both.

    >>> basis("wholesale to dealers"), basis("retail sales"), basis("output")
    ('wholesale', 'retail', '')
    """
    found = {name for name, pattern in BASES.items() if re.search(pattern, str(words), re.IGNORECASE)}
    return found.pop() if len(found) == 1 else ""


@kept_with_files
def months(facts: Facts) -> pd.DataFrame:
    """Monthly and cumulative vehicles of ``data/watch/monthly.csv`` that were known on the day of the facts.

    Returns
    -------
    DataFrame
        `maker`, `variable`, `origin`, `period`, `start`, `end`, `value` (vehicles), `known_day`, `row`.

    Raises
    ------
    DataError
        A month twice with different figures; a sum of months below one of them; vehicles counted to dealers
        beside vehicles counted to customers.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> rows = months(tm.facts.load())
    >>> bool((rows["value"] >= 0).all()), "Nissan" in set(rows["maker"])
    (True, True)
    """
    rows = read(facts, MONTHLY)
    rows = rows[rows["metric"].isin(list(METRICS)) & rows["company"].isin(facts.makers.index)]
    where = [METRICS[metric] for metric in rows["metric"]]
    spans = [periods.parse(label) for label in rows["period"]]
    rows = rows.assign(
        maker=rows["company"],
        variable=[variable for variable, _ in where],
        origin=[origin for _, origin in where],
        start=[span.start for span in spans],
        end=[span.end for span in spans],
        known_on=rows["source_date"],
        read_on=None,
    )
    refuse(wrong(rows))
    rows = rows.assign(known_day=publication.days(rows, facts.lags, "facts")["known_day"])
    if facts.day is not None:
        rows = rows[rows["known_day"] <= pd.Timestamp(facts.day)]
    columns = [*KEY, "period", "start", "end", "value", "known_day", "row"]
    return rows[columns].reset_index(drop=True)


def wrong(rows: pd.DataFrame) -> list[Fault]:
    """What contradicts itself among monthly vehicles: see `months` for the columns.

    >>> day = pd.Timestamp("2026-01-01").date()
    >>> twice = pd.DataFrame({"maker": "Toyota", "variable": "us_production_units", "origin": "US",
    ...     "period": "2026-01", "start": day, "end": day.replace(day=31), "value": [10.0, 20.0],
    ...     "unit": "units", "file": "mine.csv", "row": [2, 3]})
    >>> print(wrong(twice)[0])
    mine.csv row 3: period is '2026-01'; expected each month once, and row 2 has it with 10; delete one
    """
    other = rows[rows["unit"] != "units"]
    faults = [
        Fault(str(file), int(row), "unit", unit, "units, which vehicles are counted in")
        for file, row, unit in zip(other["file"], other["row"], other["unit"], strict=True)
    ]
    for _, one in rows.groupby(KEY, sort=False):
        faults += _twice(one) + _shrinking(one) + _mixed(one)
    return faults


def _twice(rows: pd.DataFrame) -> list[Fault]:
    """Months that stand there again, with another figure."""
    faults, seen = [], dict[tuple[object, object], tuple[int, float]]()
    columns = (rows[name] for name in ("file", "row", "start", "end", "value", "period"))
    for file, row, start, end, value, period in zip(*columns, strict=True):
        first, before = seen.setdefault((start, end), (row, value))
        if abs(value - before) > _AGREES * max(value, before):
            expected = f"each month once, and row {first} has it with {before:,.0f}; delete one"
            faults.append(Fault(str(file), int(row), "period", period, expected))
    return faults


def _shrinking(rows: pd.DataFrame) -> list[Fault]:
    """Sums of months that are smaller than a part of them."""
    start, end, value = (rows[name].to_numpy() for name in ("start", "end", "value"))
    holds = (start[:, None] <= start) & (end[:, None] >= end)
    holds &= (start[:, None] != start) | (end[:, None] != end)
    less = holds & (value[:, None] < value * (1 - _AGREES))
    faults = []
    for place in np.flatnonzero(less.any(axis=1)):
        whole, part = rows.iloc[place], rows.iloc[int(less[place].argmax())]
        held = f"{part['value']:,.0f}, which row {part['row']} has for {part['period']}"
        expected = f"no less than {held}, a part of it"
        faults.append(Fault(whole["file"], int(whole["row"]), "value", float(whole["value"]), expected))
    return faults


def _mixed(rows: pd.DataFrame) -> list[Fault]:
    """Vehicles counted to dealers among vehicles counted to customers."""
    words = [name for name in ("metric", "source_title", "note") if name in rows]
    counted = [basis(" ".join(map(str, cells))) for cells in rows[words].to_numpy()]
    if not {"wholesale", "retail"} <= set(counted):
        return []
    place = counted.index("wholesale")
    row, other = rows.iloc[place], rows.iloc[counted.index("retail")]
    expected = f"retail figures only, as in row {other['row']}: they differ by up to a tenth"
    return [Fault(row["file"], int(row["row"]), "unit", "wholesale", expected)]


@kept_with
def series(facts: Facts) -> pd.DataFrame:
    """Vehicles from the first of January to the end of each month, of every series and year.

    Rows in use of `Facts`, the figures of `months`, and the vehicles that Mexico counts out to the US. Months
    that no row bounds are missing.

    Returns
    -------
    DataFrame
        Indexed by maker, variable, origin and year; columns 0 (nothing) to 12 (the year).

    Examples
    --------
    >>> import tariffmodel as tm
    >>> table = series(tm.facts.load())
    >>> float(table.at[("Nissan", "us_production_units", "US", 2025), 4])
    173093.0
    """
    selected = facts.selected
    stated = selected[selected["variable"].isin(FLOWS) & (selected["quality"] != "estimated")]
    spans = pd.concat([stated[[*KEY, "start", "end", "value"]], *_of_files(facts)], ignore_index=True)
    known: dict[tuple[str, str, str, int], list[tuple[int, int, float]]] = {}
    for maker, variable, origin, start, end, value in spans.itertuples(index=False):
        if start.day == 1 and start.year == end.year and (end + _DAY).day == 1:
            known.setdefault((maker, variable, origin, start.year), []).append(
                (start.month, end.month, value)
            )
    table = pd.DataFrame.from_dict(
        {key: cumulated(rows) for key, rows in known.items()}, orient="index", columns=range(13)
    )
    table.index = pd.MultiIndex.from_tuples(known, names=[*KEY, "year"])
    return table


@kept_with_files
def _of_files(facts: Facts) -> list[pd.DataFrame]:
    exported = trade.in_use(facts, trade.MEXICO_EXPORTS)
    mexico = exported.groupby(["maker", "start", "end"])[["units"]].sum().reset_index()
    mexico = mexico.rename(columns={"units": "value"}).assign(variable=IMPORTS, origin="MX")
    columns = [*KEY, "start", "end", "value"]
    return [months(facts)[columns], mexico[columns]]


def cumulated(spans: Sequence[tuple[int, int, float]]) -> list[float]:
    """Sums since January that spans of months bound, else NaN; the first reading of an end counts.

    >>> cumulated([(1, 1, 10.0), (2, 3, 30.0), (1, 12, 120.0)])[:5]
    [0.0, 10.0, nan, 40.0, nan]
    """
    total = {0: 0.0}
    found = 0
    while found < len(total):
        found = len(total)
        for first, last, value in spans:
            if first - 1 in total:
                total.setdefault(last, total[first - 1] + value)
            elif last in total and total[last] >= value:
                total[first - 1] = total[last] - value
    return [total.get(month, np.nan) for month in range(13)]


def part(cumulated: pd.DataFrame, known: np.ndarray) -> pd.Series:
    """Share of each year that lies in the known part of it; missing where months are.

    Parameters
    ----------
    cumulated : DataFrame
        From `series`.
    known : array (12,)
        Share of each month that is known, mostly 0 or 1.

    Examples
    --------
    >>> year = pd.DataFrame([np.arange(13) * 10.0])
    >>> float(part(year, np.array([1.0] * 3 + [0.0] * 9)).iloc[0])
    0.25
    """
    share = pd.Series(0.0, cumulated.index)
    at = 0
    for weight, run in groupby(known):
        length = len(list(run))
        if weight > 0:
            share = share + weight * (cumulated[at + length] - cumulated[at])
        at += length
    return share / cumulated[12].where(cumulated[12] > 0)


@dataclass(frozen=True)
class Season:
    """Moments of the logarithm of the share of a year that is known, arrays (n,)."""

    mean: np.ndarray
    sd: np.ndarray


def season(
    table: pd.DataFrame,
    keys: Sequence[Key],
    year: int,
    known: np.ndarray,
    theirs: tuple[np.ndarray, np.ndarray] | None = None,
) -> Season | None:
    """What share of a year its known months are, from the years before it.

    Parameters
    ----------
    table : DataFrame
        From `series`; only rows of earlier years are used.
    keys : sequence of (maker, variable, origin)
    known : array (12,)
        As for `part`.
    theirs : pair of arrays (n,), optional
        Shares by official months of the origin, and of how many years they are: they stand in where a series
        has no year of its own.

    Returns
    -------
    Season, or None where fewer than three series of earlier years bound these months.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> months = np.repeat([1.0, 0.0], [4, 8])
    >>> found = season(series(tm.facts.load()), [("Nissan", "us_production_units", "US")], 2026, months)
    >>> bool(0.3 < np.exp(found.mean[0]) < 0.4)
    True
    """
    past = table[table.index.get_level_values("year") < year]
    shares = part(past, known)
    shares = shares[(shares > 0) & (shares < 1)]
    if len(shares) < _FEWEST:
        return None
    by_key = shares.groupby(level=KEY).agg(["mean", "size"]).reindex(pd.MultiIndex.from_tuples(keys))
    count = by_key["size"].fillna(0.0).to_numpy()
    own = by_key["mean"].fillna(0.0).to_numpy()
    if theirs is not None:
        none = (count == 0) & (theirs[1] > 0) & (theirs[0] > 0) & (theirs[0] < 1)
        own, count = np.where(none, theirs[0], own), np.where(none, theirs[1], count)
    weight = count / (count + WEIGHT)
    middle = weight * own + (1 - weight) * shares.mean()
    variance = shares.var(ddof=1) * (1 + 1 / len(shares))
    total = np.maximum(middle * (1 - middle) / variance - 1, 2.0)  # a + b of the Beta distribution
    a = middle * total
    mean = special.digamma(a) - special.digamma(total)
    sd = np.sqrt(special.polygamma(1, a) - special.polygamma(1, total))
    return Season(mean, sd)


@kept_with_files
def growth_sd(facts: Facts, year: int) -> float:
    """Standard deviation of the logarithm of a maker's yearly change, from years before `year`.

    That of the industry's, times the root of two: a maker moves as much again on its own.

    Raises
    ------
    DataError
        Fewer than three changes are known.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> 0.05 < growth_sd(tm.facts.load(), 2026) < 0.2
    True
    """
    level = industry_years(facts)
    if (level.index < year).sum() > _FEWEST:
        level = level[level.index < year]  # of a year before all of them there is no other measure
    if len(level) <= _FEWEST:
        raise DataError(
            f"data/{OUTPUT} has {len(level)} years of {ASSEMBLIES} that were known; expected "
            f"{_FEWEST + 1} or more: without them nobody can say how far a year may be off the one before"
        )
    moves = np.diff(np.log(level.to_numpy(dtype=float)))
    return float(np.sqrt(2.0) * moves.std(ddof=1))


@kept_with_files
def industry_years(facts: Facts) -> pd.Series:
    """US motor vehicle assemblies of whole calendar years, vehicles, by year.

    >>> import tariffmodel as tm
    >>> float(industry_years(tm.facts.load())[2025])
    10290000.0
    """
    rows = industry(facts)
    spans = [periods.parse(label) for label in rows["period"]]
    years = {
        span.start.year: float(value)
        for span, value in zip(spans, rows["value"], strict=True)
        if span.years == 1.0 and span.start.month == 1
    }
    return pd.Series(years, dtype=float).sort_index()


@kept_with_files
def industry(facts: Facts) -> pd.DataFrame:
    """US motor vehicle assemblies at a yearly rate, the newest vintage that was known, by period.

    Returns
    -------
    DataFrame
        Columns of ``data/watch/us_output.csv`` with `start`, `end` and `known_day`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> bool((industry(tm.facts.load())["value"] > 5e6).all())
    True
    """
    rows = read(facts, OUTPUT)
    rows = rows[rows["series"] == ASSEMBLIES]
    spans = [periods.parse(label) for label in rows["period"]]
    rows = rows.assign(start=[s.start for s in spans], end=[s.end for s in spans], variable=rows["series"])
    rows = rows.assign(known_day=publication.days(rows, facts.lags, "facts")["known_day"])
    if facts.day is not None:
        rows = rows[rows["known_day"] <= pd.Timestamp(facts.day)]
    rows = rows.assign(order=[periods.parse(label).start for label in rows["vintage"]])
    rows = rows.sort_values(["start", "end", "order"], kind="stable")
    return trade.newest(rows.drop(columns="order"), ["period"])


def year_end(
    known: np.ndarray, found: Season | None, elapsed: float, last: np.ndarray, spread: float
) -> tuple[np.ndarray, np.ndarray]:
    """Expected vehicles of the year (n,) and the standard deviation of their logarithm (n,).

    Parameters
    ----------
    known : array (n,)
        Vehicles of the months that are known.
    found : Season or None
        Without one, the known days are the share `elapsed` of the year, and the rest is as unsure as a year.
    elapsed : float
        Share of the days of the year that is known.
    last : array (n,)
        Vehicles of the year before; NaN or 0 where they are not known.
    spread : float
        From `growth_sd`.

    Examples
    --------
    >>> months = Season(np.array([np.log(0.25)]), np.array([0.1]))
    >>> value, sd = year_end(np.array([100.0]), months, 0.25, np.array([400.0]), spread=0.1)
    >>> value.round(6).tolist(), sd.round(3).tolist()
    ([400.0], [0.071])
    """
    if found is None:
        found = Season(np.full(known.shape, np.log(elapsed)), np.full(known.shape, spread * (1 - elapsed)))
    some = known > 0
    reading = np.log(np.where(some, known, 1.0)) - found.mean
    sure = 1 / np.maximum(found.sd, 1e-9) ** 2
    before = np.nan_to_num(last) > 0
    prior = np.where(before, 1 / spread**2, 0.0)
    middle = (reading * sure + np.log(np.where(before, last, 1.0)) * prior) / (sure + prior)
    value = np.where(some, np.maximum(np.exp(middle), known), 0.0)
    return value, np.where(some, 1 / np.sqrt(sure + prior), 0.0)


def ends(value: np.ndarray, sd: np.ndarray, least: np.ndarray | float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Between which figures 80% of what may be lie; never less than is known already.

    >>> low, high = ends(np.array([400.0]), np.array([0.1]), least=360.0)
    >>> low.round(1).tolist(), high.round(1).tolist()
    ([360.0], [454.7])
    """
    low = np.maximum(value * np.exp(-Z * sd), np.minimum(least, value))
    return low, value * np.exp(Z * sd)
