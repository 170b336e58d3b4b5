"""What will each maker have built, exported, imported, employed and invested this year, and how sure is that?

Vehicles are those of the bill: months that are known, what part of a year they usually are, and the year
before (`facts.seasons`, through `facts.resolve`), with the 80% that the rest may be. Exports that nobody has
counted yet are output times last year's X/P, which hardly moves (JAMA's members: 11.2%, 11.5% and 11.1% in
2017, 2018 and 2021). Jobs and investment are the last figure and what was announced since, as far as it will
be done (`announcements`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import (
    BASIS,
    EXPORTS,
    FLOWS,
    IMPORTS,
    KEY,
    OWN,
    PRODUCTION,
    SALES,
    Facts,
    periods,
    publication,
    resolve,
    seasons,
)
from tariffmodel.facts.protected import kept_with
from tariffmodel.tariff import uncertainty
from tariffmodel.tariff.case import Case
from tariffmodel.tariff.contribution import INVESTMENT, JOBS, Level, composite, measured
from tariffmodel.tariff.duty import bill
from tariffmodel.tariff.entries import Policy, Relief
from tariffmodel.tariff.goods import INPUTS, Goods
from tariffmodel.tariff.relief import earners, rate_at
from tariffmodel.watch import announcements

DRAWS = 10_000
VARIABLES = (PRODUCTION, EXPORTS, SALES, IMPORTS, JOBS, INVESTMENT)
_BLOCK = 500  # draws of a bill at a time
_SHARED = float(
    np.sqrt(0.5)
)  # what makers share of how far a year is off: the industry's half of the variance
_METHODS = {
    "own": "counted",
    "official": "counted",
    "mean": "counted",
    "projected": "months",
    "carried": "last year",
}


def this_year(facts: Facts) -> str:
    """The calendar year of the day of the facts.

    >>> import tariffmodel as tm
    >>> tm.nowcast.this_year(tm.facts.load())
    'CY2026'
    """
    return f"CY{facts.as_of.year}"


@kept_with
def table(facts: Facts, year: str = "") -> pd.DataFrame:
    """The year of every maker, from what is known of it.

    Parameters
    ----------
    year : str
        A calendar year. Default: `this_year`.

    Returns
    -------
    DataFrame
        Indexed by maker and `variable` (vehicles built, exported, sold and imported, people, USD): `value`,
        `low` and `high` (80% of what may be, and the range of the figures it rests on), `known` (vehicles of
        the months that are), `through` (the last of them), `method` (counted, months, last year, exports per
        output, announcements), `last_year` and `change` on it.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = tm.nowcast.table(tm.facts.load(), "CY2026").loc[("Nissan", "us_production_units")]
    >>> found["method"], found["through"], bool(found["known"] < found["low"] < found["value"])
    ('months', '2026-04', True)
    """
    year = year or this_year(facts)
    span, before = _calendar_year(year), _calendar_year(f"CY{int(year[-4:]) - 1}")
    makers = list(facts.makers.index)
    frames = []
    for variable in VARIABLES:
        pairs = [(m, o) for m in makers for o in facts.origins(m, variable)]
        keys = [(m, variable, o) for m, o in pairs]
        got = resolve(facts, keys, [span, before])
        rows = pd.DataFrame({"maker": [m for m, _ in pairs], "last_year": got.value[1]})
        rows = rows.assign(low=got.low[0], value=got.value[0], high=got.high[0], basis=got.basis[0])
        sums = rows.groupby("maker")[["low", "value", "high", "last_year"]].sum()
        worst = rows[rows["value"] > 0].groupby("maker")["basis"].max().reindex(sums.index).fillna(0)
        method = [_METHODS[BASIS[int(basis)]] for basis in worst]
        frames.append(sums.assign(variable=variable, method=method).reset_index())
    found = pd.concat(frames).set_index(["maker", "variable"])
    found = found.join(_months_known(facts, span)).sort_index()
    found = _exports(_announced(found, facts, span), facts, span)
    found["known"] = found["known"].fillna(0.0)
    found["change"] = found["value"] / found["last_year"].where(found["last_year"] > 0) - 1
    order = [(m, v) for m in makers for v in VARIABLES if (m, v) in found.index]
    columns = ["value", "low", "high", "known", "through", "method", "last_year", "change"]
    return found.loc[order][columns]


def _calendar_year(label: str) -> periods.Period:
    span = periods.parse(label)
    whole = (span.start.month, span.start.day, span.end.month, span.end.day) == (1, 1, 12, 31)
    if not whole or span.start.year != span.end.year:
        raise DataError(f"year is {label!r}; a nowcast is of a calendar year, such as CY2026")
    return span


def _months_known(facts: Facts, span: periods.Period) -> pd.DataFrame:
    """Vehicles of the months since January that rows in use hold, and the last of them."""
    rows = facts.selected[facts.selected["variable"].isin(list(FLOWS))]
    rows = rows[(rows["start"] >= span.start) & (rows["end"] <= span.end)]
    found = []
    for (maker, variable, _), one in rows.groupby(KEY):
        spans = [
            (start.month, end.month, value)
            for start, end, value in zip(one["start"], one["end"], one["value"], strict=True)
            if start.day == 1 and (end + timedelta(days=1)).day == 1
        ]
        sums = np.array(seasons.cumulated(spans))
        last = int(np.flatnonzero(np.isfinite(sums)).max())
        if last:
            found.append((maker, variable, sums[last], f"{span.start.year}-{last:02}"))
    columns = ["maker", "variable", "known", "through"]
    table = pd.DataFrame(found, columns=columns).groupby(columns[:2])
    return table.agg(known=("known", "sum"), through=("through", "max"))


def _announced(found: pd.DataFrame, facts: Facts, span: periods.Period) -> pd.DataFrame:
    """With what was announced since the last figure of jobs and of investment."""
    for variable, column in ((JOBS, "jobs"), (INVESTMENT, "investment_usd")):
        rows = facts.selected[facts.selected["variable"] == variable]
        since = pd.to_datetime(rows.groupby("maker")["end"].max())
        since = since[since < pd.Timestamp(span.end)]
        more = announcements.added(facts, span.end, since, column)
        index = pd.MultiIndex.from_product([more.index, [variable]], names=found.index.names)
        for name in ("low", "value", "high"):
            found.loc[index, name] = (found.loc[index, name] + more[name].to_numpy()).clip(lower=0.0)
        moved = more["high"].to_numpy() != 0
        found.loc[index[moved], "method"] = "announcements"
    return found


def _exports(found: pd.DataFrame, facts: Facts, span: periods.Period) -> pd.DataFrame:
    """With exports that nobody has counted yet at last year's exports per output."""
    one = found.xs(EXPORTS, level="variable")
    built = found.xs(PRODUCTION, level="variable").reindex(one.index)
    counted = facts.selected[(facts.selected["variable"] == EXPORTS) & (facts.selected["end"] >= span.start)]
    open_ = ~one.index.isin(counted["maker"]) & (built["last_year"] > 0) & (one["last_year"] > 0)
    ratio = one["last_year"] / built["last_year"].where(open_)
    value = built["value"] * ratio
    before = f"CY{span.start.year - 1}"
    keys = [(maker, EXPORTS, "US") for maker in one.index]
    got = resolve(facts, keys, [periods.parse(before)])
    ends = {}
    for name, end in (("low", got.low[0]), ("high", got.high[0])):
        own = end / np.where(one["last_year"] > 0, one["last_year"], 1.0) - 1
        output = built[name] / built["value"].where(built["value"] > 0) - 1
        ends[name] = value * (1 + np.sign(own + output) * np.hypot(own, output)).clip(lower=0.0)
    index = pd.MultiIndex.from_product([one.index[open_], [EXPORTS]], names=found.index.names)
    found.loc[index, "value"] = value[open_].to_numpy()
    for name, end in ends.items():
        found.loc[index, name] = end[open_].to_numpy()
    found.loc[index, "method"] = "exports per output"
    return found


def filled(facts: Facts, year: str = "") -> Facts:
    """Facts in which exports, jobs and investment of the year are those of the nowcast.

    Vehicles built, sold and imported are in the bill of every case as they are in `table`: one rule for both.
    What has no count of its own enters as an estimate; `score` of a policy that measures the year reads it.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> after = tm.nowcast.filled(tm.facts.load(), "CY2026")
    >>> after.selected.query("maker == 'Toyota' and period == 'CY2026'")["variable"].nunique()
    3
    """
    year = year or this_year(facts)
    span, found = _calendar_year(year), table(facts, year)
    wanted = found[found["method"].isin(["exports per output", "announcements"])].reset_index()
    units = {EXPORTS: "units", JOBS: "people", INVESTMENT: "usd"}
    rows = wanted[["maker", "variable", "value", "low", "high", "method"]].assign(
        origin="US", scope="total", period=year, quality="estimated", selected=True, solved=False,
        selection_reason="what-if, in place of last year: nowcast", source_title="tariffmodel nowcast",
        start=span.start, end=span.end, known_day=pd.Timestamp(facts.as_of), known_from="source",
        unit=wanted["variable"].map(units), file="nowcast", row=0,
    )  # fmt: skip
    held = facts.table
    again = pd.MultiIndex.from_frame(held[[*KEY, "start", "end"]]).isin(
        pd.MultiIndex.from_frame(rows[[*KEY, "start", "end"]])
    )
    own = rows.reindex(columns=held.columns).astype(held.dtypes.to_dict(), errors="ignore")
    changed = replace(facts, table=pd.concat([held[~again], own], ignore_index=True))
    vars(changed)["overlay"] = facts.overlay
    return changed


def draws(facts: Facts, year: str = "", n: int = DRAWS, seed: int = 1) -> dict[str, np.ndarray]:
    """Years that may be, of each variable of `table`, arrays (n, makers) in the order of ``facts.makers``.

    Lognormal on either side of the value, so that 80% lie between low and high; what makers share of it is
    the industry's half of the variance of a year. A figure that is not known is NaN.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> built = tm.nowcast.draws(known, "CY2026", n=2000)["us_production_units"][:, 2]
    >>> found = tm.nowcast.table(known, "CY2026").loc[("Nissan", "us_production_units")]
    >>> bool(0.75 < ((built >= found["low"]) & (built <= found["high"])).mean() < 0.85)
    True
    """
    found = table(facts, year or this_year(facts))
    makers, random = list(facts.makers.index), np.random.default_rng(np.random.SeedSequence(seed))
    out = {}
    for variable in VARIABLES:
        rows = found.xs(variable, level="variable").reindex(makers)
        low, value, high = (rows[name].to_numpy() for name in ("low", "value", "high"))
        common, own = random.standard_normal((n, 1)), random.standard_normal((n, len(makers)))
        shock = _SHARED * common + np.sqrt(1 - _SHARED**2) * own
        out[variable] = _at(shock, low, value, high)
    return out


def _at(shock: np.ndarray, low: np.ndarray, value: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Figures at standard normal shocks; a low end of nothing is reached on a straight line."""
    with np.errstate(divide="ignore", invalid="ignore"):
        up, down = np.log(high / value), np.log(value / low)
    up, down = np.where(np.isfinite(up), up, 0.0), np.where(np.isfinite(down), down, np.nan)
    steps = shock / seasons.Z
    falling = np.where(np.isnan(down), 1 + steps, np.exp(steps * np.nan_to_num(down)))
    return np.asarray(value * np.where(shock > 0, np.exp(steps * up), falling).clip(min=0.0))


def sd(rows: pd.DataFrame) -> pd.Series:
    """One standard deviation of each figure of `table`, in its unit: half of the 80% over 1.28.

    >>> rows = pd.DataFrame({"low": [90.0], "high": [115.63]})
    >>> sd(rows).round(1).tolist()
    [10.0]
    """
    return (rows["high"] - rows["low"]) / (2 * seasons.Z)


def measuring(policy: Policy, year: str) -> Policy:
    """The policy, with contributions measured in a year instead of its own.

    >>> import tariffmodel as tm
    >>> tm.nowcast.measuring(tm.policy.load("japan-flexible-linear-firm"), "CY2026").relief[0].year
    'CY2026'
    """
    entries = [entry.model_copy(update={"year": year}) for entry in policy.relief]
    return policy.model_copy(update={"relief": entries})


def at_level(policy: Policy, level: Level) -> Policy:
    """The policy, with contributions of each firm or of its country alone.

    >>> import tariffmodel as tm
    >>> tm.nowcast.at_level(tm.policy.load("japan-flexible-linear-firm"), "country").relief[0].firm_weight
    0.0
    """
    weight = 1.0 if level == "firm" else 0.0
    entries = [entry.model_copy(update={"firm_weight": weight}) for entry in policy.relief]
    return policy.model_copy(update={"relief": entries})


def bills(case: Case, year: str = "", n: int = 1000, seed: int = 1) -> pd.DataFrame:
    """Score, rate and bill of the year for every maker, with what is not known of the year in them.

    The policy of the case is asked over the calendar year, its contributions are those of the same year.
    Where a rate falls with contribution, both levels are given; else the level is ``law``. In a draw output,
    exports, jobs, investment, sales and imports move the score and its rate, output moves parts and their
    offset, and all other inputs move the bill as they do in `exposure.table`, with what makers share of their
    errors.

    Returns
    -------
    DataFrame
        Indexed by `level` and maker: `score`, `relief_rate` (a fraction of customs value) and `bill_usd` over
        the counterfactual, each with its 80% (`score_low`, …); NaN where a maker earns nothing by a score.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = tm.nowcast.bills(tm.case("japan-flexible-linear-firm"), "CY2026", n=200)
    >>> toyota = found.loc[("firm", "Toyota")]
    >>> bool(toyota["bill_low_usd"] < toyota["bill_usd"] < toyota["bill_high_usd"])
    True
    """
    year = year or this_year(case.facts)
    known = filled(case.facts, year)
    asked = case.replace(facts=known, period=year)
    central = table(case.facts, year)
    makers = list(known.makers.index)
    shifts = {}
    for name, drawn in draws(case.facts, year, n, seed).items():
        middle = central.xs(name, level="variable")["value"].reindex(makers).to_numpy()
        shifts[name] = np.nan_to_num(drawn - middle)
    others = _other_inputs(asked, n, seed)
    against = asked.owed[1].total[0]
    out = {}
    scored = [entry for entry in case.policy.relief if entry.metrics]
    levels: list[Level | None] = ["firm", "country"] if scored else [None]
    for level in levels:
        policy = at_level(measuring(case.policy, year), level) if level else case.policy
        goods = asked.replace(policy=policy).goods
        total = bill(known, policy, goods).total[0] - against
        drawn = _drawn(known, policy, goods, shifts, n) - against + others
        frame = pd.DataFrame(index=pd.Index(makers, name="maker"))
        if level:
            frame = frame.join(_scores(policy.relief[0], known, year, level, shifts))
        low, high = np.quantile(drawn, [0.1, 0.9], axis=0)
        out[level or "law"] = frame.assign(bill_usd=total, bill_low_usd=low, bill_high_usd=high)
    return pd.concat(out, names=["level"])


def _drawn(facts: Facts, policy: Policy, goods: Goods, shifts: dict[str, np.ndarray], n: int) -> np.ndarray:
    """Bills of every draw, block by block, (n, M)."""
    blocks = []
    for start in range(0, n, _BLOCK):
        some = {name: change[start : start + _BLOCK] for name, change in shifts.items()}
        blocks.append(bill(facts, policy, goods, shift=some).total)
    return np.concatenate(blocks)


def _other_inputs(case: Case, n: int, seed: int) -> np.ndarray:
    """How far inputs other than output move each bill in a draw, (n, M)."""
    runs = np.broadcast_to(case.runs_usd, (1 + 2 * len(INPUTS), len(case.goods.makers)))
    fall, rise = uncertainty.moves(runs)
    names = list(INPUTS)
    shared = uncertainty.sharing(case.facts, names, case.goods.makers)
    random = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1,)))
    out = np.zeros((n, runs.shape[1]))
    for k, name in enumerate(names):
        if name == "us_production":
            continue
        common = random.standard_normal((n, shared.together.shape[2])) @ shared.together[k].T
        own = random.standard_normal(out.shape)
        shock = shared.loading[k] * common + np.sqrt(1 - shared.loading[k] ** 2) * own
        out += np.where(shock > 0, rise[k], -fall[k]) * shock / seasons.Z
    return out


def _scores(
    entry: Relief, facts: Facts, year: str, level: Level, shifts: dict[str, np.ndarray]
) -> pd.DataFrame:
    """Score and rate of those who can earn a relief, with the 80% of the draws."""
    able = earners(entry, facts)
    weights = {name: metric.weight for name, metric in entry.score.items()}
    targets = {name: metric.target for name, metric in entry.score.items()}

    def scored(shift: dict[str, np.ndarray] | None) -> np.ndarray:
        found = measured(facts, entry.metrics, year, level, entry.missing, able, entry.relative_to, shift)
        return composite(found, weights, targets, entry.missing) if entry.score else np.asarray(found[..., 0])

    columns: dict[str, np.ndarray] = {}
    central, drawn = scored(None)[0], scored(shifts)
    for name, middle, every in (
        ("score", central, drawn),
        ("relief_rate", rate_at(entry, central), rate_at(entry, drawn)),
    ):
        low, high = np.nanquantile(every, [0.1, 0.9], axis=0)
        columns |= {name: middle, f"{name}_low": low, f"{name}_high": high}
    return pd.DataFrame(columns, index=pd.Index(able, name="maker"))


def errors(
    facts: Facts, years: Sequence[int] = (), with_last_year: bool = True, with_industry: bool = False
) -> pd.DataFrame:
    """Every nowcast that could have been made of a year that is over, walking forward, beside what came.

    Only years before the one that is read are used for its season and for how far years move.

    Parameters
    ----------
    years : sequence of int
        Default: all that are over.
    with_last_year : bool
        False: the months alone, without weighing the year before.
    with_industry : bool
        Last year's vehicles move with US assemblies of the year, as if those were known already: the most
        that an industry term could bring.

    Returns
    -------
    DataFrame
        One row per series, year and number of months known: `maker`, `variable`, `origin`, `year`, `months`,
        `value`, `low`, `high`, `outcome`, `error` = ln(value / outcome), `inside`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = tm.nowcast.errors(tm.facts.load())
    >>> bool((found["value"] > 0).all()), bool((found["low"] <= found["value"]).all())
    (True, True)
    """
    series = seasons.series(facts)
    over = series[(series[12] > 0) & (series.index.isin(years, level="year") | (not years))]
    level, found = seasons.industry_years(facts), []
    for year in sorted(set(over.index.get_level_values("year").astype(int))):
        rows = over[over.index.get_level_values("year") == year]
        keys = list(rows.droplevel("year").index)
        before = [(*key, year - 1) for key in keys]
        last = series[12].reindex(pd.MultiIndex.from_tuples(before)).to_numpy() * with_last_year
        if with_industry and {year, year - 1} <= set(level.index):
            last = last * level[year] / level[year - 1]
        spread = seasons.growth_sd(facts, year)
        for month in range(1, 12):
            known = np.repeat([1.0, 0.0], [month, 12 - month])
            season = seasons.season(series, keys, year, known)
            if season is None:
                continue
            value, error = seasons.year_end(rows[month].to_numpy(), season, month / 12, last, spread)
            low, high = seasons.ends(value, error, rows[month].to_numpy())
            ends = {"months": month, "value": value, "low": low, "high": high, "outcome": rows[12]}
            found.append(pd.DataFrame(ends, rows.index)[(rows[month] > 0).to_numpy()].reset_index())
    columns = [*KEY, "year", "months", "value", "low", "high", "outcome"]
    every = pd.concat(found, ignore_index=True)[columns]
    inside = (every["low"] <= every["outcome"]) & (every["outcome"] <= every["high"])
    return every.assign(error=np.log(every["value"] / every["outcome"]), inside=inside)


def coverage(found: pd.DataFrame) -> pd.DataFrame:
    """How often the 80% held the year, by the number of months known, and over all.

    Parameters
    ----------
    found : DataFrame
        From `errors`.

    Returns
    -------
    DataFrame
        Indexed by `months` (1 to 11, then ``all``): `n` nowcasts, `inside_share`, `error_rms` (of the
        logarithm) and `half_width`, the mean of half the interval over the value.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> held = tm.nowcast.coverage(tm.nowcast.errors(tm.facts.load()))
    >>> 0.7 <= float(held.at["all", "inside_share"]) <= 0.9
    True
    """
    width = (found["high"] - found["low"]) / (2 * found["value"])
    rows = found.assign(half_width=width, squared=found["error"] ** 2)
    groups = {**{str(month): one for month, one in rows.groupby("months")}, "all": rows}
    figures = {
        name: {
            "n": len(one),
            "inside_share": one["inside"].mean(),
            "error_rms": float(np.sqrt(one["squared"].mean())),
            "half_width": one["half_width"].mean(),
        }
        for name, one in groups.items()
    }
    return pd.DataFrame(figures).T.rename_axis("months")


def as_read(facts: Facts, maker: str, year: int, months: int, variable: str = PRODUCTION) -> pd.DataFrame:
    """One nowcast, three ways: last year's shape, months alone, and months with the year before.

    Returns
    -------
    DataFrame
        Indexed by `reading`: `value`, `low`, `high` (empty for last year's shape, which has none) and
        `outcome`, the year where it is over.

    Raises
    ------
    DataError
        If the sum of the months, or the year before, is not known.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = tm.nowcast.as_read(tm.facts.load(), "Nissan", 2025, 4)
    >>> round(found.at["last year's shape", "value"] / 1e3), round(found["outcome"].iloc[0] / 1e3)
    (439, 486)
    """
    series = seasons.series(facts)
    here, before = ((maker, variable, "US", one) for one in (year, year - 1))
    had = series[months].get(here, np.nan)
    shape = series[months].get(before, np.nan) / series[12].get(before, np.nan)
    if not (had > 0 and shape > 0):
        raise DataError(
            f"{variable} of {maker}: {months} months of {year}, or of {year - 1} and that year, are not "
            f"known; add them to data/{seasons.MONTHLY} or by add facts"
        )
    known = np.repeat([1.0, 0.0], [months, 12 - months])
    season = seasons.season(series, [(maker, variable, "US")], year, known)
    spread, last = seasons.growth_sd(facts, year), series[12].get(before, np.nan)
    rows = {"last year's shape": (had / shape, np.nan, np.nan)}
    for name, prior in (("months alone", np.nan), ("months and the year before", last)):
        value, error = seasons.year_end(np.array([had]), season, months / 12, np.array([prior]), spread)
        low, high = seasons.ends(value, error, np.array([had]))
        rows[name] = (value[0], low[0], high[0])
    found = pd.DataFrame(rows, index=["value", "low", "high"]).T.rename_axis("reading")
    return found.assign(outcome=series[12].get(here, np.nan))


def moved(case: Case, since: str) -> pd.DataFrame:
    """Bills of the year as they were read on an earlier day and as they are read now.

    Parameters
    ----------
    since : str
        ISO day: facts and law that were known on it; what the user added later is left out.

    Returns
    -------
    DataFrame
        Indexed by maker: `bill_before_usd`, `bill_usd`, `change_usd`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> list(tm.nowcast.moved(tm.case(period="CY2026"), "2026-05-01"))
    ['bill_before_usd', 'bill_usd', 'change_usd']
    """
    own = case.facts.table["file"] == f"data/{OWN}"
    late = own & (publication.last_day(case.facts.table["read_on"]) > pd.Timestamp(since))
    earlier = replace(case.facts, table=case.facts.table[~late]) if late.any() else case.facts
    vars(earlier)["overlay"] = case.facts.overlay
    before, now = replace(case, facts=earlier).as_known(since).runs_usd[0], case.runs_usd[0]
    found = {"bill_before_usd": before, "bill_usd": now, "change_usd": now - before}
    return pd.DataFrame(found, index=pd.Index(case.goods.makers, name="maker"))
