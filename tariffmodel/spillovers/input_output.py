"""Which industries produce, hire and import for a light vehicle that is built in the US?

Two tables answer. The benchmark of 2017 knows cars and light trucks by themselves: their output is set,
and what they set in motion follows (Miller and Blair 2009, ch. 13). The summary of 2024 knows one industry
of vehicles, bodies, trailers and parts, which stands for them: its requirements are computed here from use,
make and imports. What the two say apart is the range.

All is in dollars of 2024 and scales with the number of vehicles: coefficients are averages of the whole
industry, not of the vehicle that moves, and nothing here is by a maker.
"""

from __future__ import annotations

from difflib import SequenceMatcher
from itertools import takewhile
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import linalg

from tariffmodel.errors import DataError
from tariffmodel.facts import Facts
from tariffmodel.facts.protected import kept_with_files, protected
from tariffmodel.facts.tables import read
from tariffmodel.spillovers import places
from tariffmodel.tariff import parts_account

SUMMARY, REQUIREMENTS, DEPENDENCE, SECTORS, OUTPUT, JOBS, DEFLATOR, PUBLISHED = (
    f"spillovers/{name}.csv"
    for name in (
        "summary_2024",
        "requirements_2017",
        "dependence_2017",
        "sectors",
        "gross_output",
        "jobs_per_output",
        "deflator",
        "published",
    )
)
YEAR = 2024  # of the dollars
JOBS_YEAR = 2018  # of the dollars that jobs are counted by
VEHICLES = ["336111", "336112"]  # cars; light trucks and utility vehicles
MOTOR = "3361MV"  # vehicles, bodies, trailers and parts
ASSEMBLY, SMALL = "assembly", "unlisted"
LEAST = 0.005  # of what the vehicles are worth: below it a spillover is not printed
_NAMES = {
    ASSEMBLY: "Light vehicles",
    MOTOR: "Vehicle parts, bodies and trailers",
    SMALL: "Cells of the benchmark too small to be listed",
}


class _Structure(NamedTuple):
    """Domestic total requirements, industry by commodity, and imports by dollar of industry output."""

    total: pd.DataFrame
    imported: pd.DataFrame


@kept_with_files
def _held(facts: Facts, name: str) -> pd.DataFrame:
    return protected(read(facts, name))


@kept_with_files
def _structure(facts: Facts) -> _Structure:
    cells = read(facts, SUMMARY)
    use, make, imported, totals = (
        cells[cells["table"] == name].pivot(index="line", columns="column", values="value")
        for name in ("use", "make", "import_use", "output")
    )
    industries, commodities = make.index, make.columns
    by_industry, by_commodity = totals["all"].reindex(industries), totals.loc["all"].reindex(commodities)
    use, imported = (
        each.reindex(index=commodities, columns=industries).fillna(0.0) for each in (use, imported)
    )
    made = make.fillna(0.0).div(by_commodity, axis=1).to_numpy()
    needed = (use - imported).div(by_industry, axis=1).to_numpy()
    left = np.eye(len(commodities)) - needed @ made
    total = pd.DataFrame(linalg.solve(left.T, made.T).T, industries, commodities)
    bought = imported.div(by_industry, axis=1)
    return _Structure(*(protected(each.rename_axis(index=None, columns=None)) for each in (total, bought)))


def requirements(facts: Facts) -> pd.DataFrame:
    """Domestic total requirements of 2024, USD of output by USD of a commodity delivered to final use.

    D(I − B_d D)⁻¹, industry by commodity: D the shares of industries in a commodity, B_d what an industry
    uses of US-made commodities by dollar of output (Miller and Blair 2009, ch. 5).

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = requirements(tm.facts.load())
    >>> found.shape, round(float(found["3361MV"].sum()), 3)
    ((71, 73), 2.114)
    """
    return _structure(facts).total


def multipliers(facts: Facts) -> pd.DataFrame:
    """Output of all US industries by dollar of vehicles, beside what BEA publishes.

    Returns
    -------
    DataFrame
        Indexed by `sector`: `multiplier` and `published`, USD by USD, `difference`, `year` of the table and
        `computed`: True where it is computed here from use, make and imports, False where it is the sum of a
        column that came with the data.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> multipliers(tm.facts.load())["multiplier"].round(3).to_dict()
    {'336111': 2.158, '336112': 2.197, '3361MV': 2.114}
    """
    said = _published(facts, "domestic_output_multiplier")
    ours = _cells(facts).loc["all"]
    ours[MOTOR] = requirements(facts)[MOTOR].sum()
    found = pd.DataFrame({"multiplier": ours, "published": said["value"].reindex(ours.index)})
    found = found.assign(
        difference=found["multiplier"] - found["published"],
        year=said["year"].reindex(ours.index).astype(int),
        computed=found.index == MOTOR,
    )
    return found.rename_axis("sector")


def value_per_vehicle(facts: Facts) -> float:
    """What a light vehicle built in the US is worth at its plant's gate, USD of 2024.

    Output of cars and light trucks over light vehicles built.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> 30_000 < value_per_vehicle(tm.facts.load()) < 45_000
    True
    """
    return float(_output(facts).sum() * 1e6 / places.us_output(facts))


def in_dollars_of(facts: Facts, usd: float, year: int, of: int) -> float:
    """An amount in dollars of the year `of`, in those of `year`, by the price index of GDP.

    Raises
    ------
    DataError
        If the index lacks one of the years: dollars of two years are not mixed.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> round(in_dollars_of(known, 100.0, 2018, of=2024), 1), in_dollars_of(known, 100.0, 2030, of=2030)
    (81.6, 100.0)
    """
    if year == of:
        return usd
    index = _held(facts, DEFLATOR).set_index("year")["value"]
    for one in (year, of):
        if one not in index.index:
            raise DataError(
                f"dollars of {of} cannot be set beside dollars of {year}: data/{DEFLATOR} has no index of "
                f"{one}; add a row, or give the amount in dollars of {index.index.max()}"
            )
    return float(usd * index[year] / index[of])


def sector(facts: Facts, code: str) -> str:
    """Name of an industry, of the summary or of the benchmark.

    Raises
    ------
    DataError
        If no table has the code: the nearest are named.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> sector(tm.facts.load(), "336370")
    'Motor vehicle metal stamping'
    """
    names = _held(facts, SECTORS).drop_duplicates("code").set_index("code")["name"]
    if code in names.index:
        return str(names[code])
    near = sorted(names.index, key=lambda one: -_likeness(code, one, names[one]))[:3]
    said = "; ".join(f"{each} ({names[each]})" for each in near)
    raise DataError(f"data/{SECTORS} has no industry {code!r}; the nearest: {said}")


def table(
    facts: Facts, vehicles: float = 100_000, value_usd: float | None = None, *, year: int = YEAR
) -> pd.DataFrame:
    """What each industry produces, hires and imports when vehicles are built in the US that were not.

    Parameters
    ----------
    vehicles : float
        Light vehicles a year; below zero for a loss.
    value_usd : float, optional
        Of one at its plant's gate. Default: `value_per_vehicle`.
    year : int
        Of the dollars of `value_usd`.

    Returns
    -------
    DataFrame
        Indexed by `sector`, the vehicles first (``assembly``), then the largest output, last the cells of the
        benchmark that are not listed: `sector_name`; `output_usd` a year, dollars of 2024, by the benchmark
        of 2017, with `output_low_usd` and `output_high_usd`, which hold the summary of 2024; `jobs` with
        `jobs_low` and `jobs_high`, empty where no employment is known; `imports_usd` of that commodity by all
        industries, by the summary. Those who assemble are counted at their plants (`places.assembly_jobs`);
        the high end counts them by the average of vehicles and parts.

    Raises
    ------
    DataError
        If `year` has no price index.

    Notes
    -----
    With L the benchmark's requirements and v the two kinds of vehicles, x = L[:, v] Δf and
    Δf = L[v, v]⁻¹ Δx_v, Δx_v split as output of 2024 is. The summary has no such column: x = L[:, 3361MV] Δf,
    Δf the vehicles.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> found = table(known)
    >>> twice = table(known, 200_000)["jobs"].sum() / found["jobs"].sum()
    >>> found.index[:3].tolist(), round(float(twice), 6)
    (['assembly', '3361MV', '42'], 2.0)
    """
    each = value_per_vehicle(facts) if value_usd is None else in_dollars_of(facts, value_usd, YEAR, of=year)
    usd = vehicles * each
    output = _both(facts) * usd
    hired = output.mul(_jobs_by_dollar(facts), axis=0)
    hired.loc[ASSEMBLY, "benchmark"] = vehicles * places.assembly_jobs(facts)
    frame = pd.DataFrame({"sector_name": _named(facts, list(output.index))}, output.index)
    for name, of, unit in (("output", output, "_usd"), ("jobs", hired, "")):
        frame[f"{name}{unit}"] = of["benchmark"]
        frame[f"{name}_low{unit}"], frame[f"{name}_high{unit}"] = of.min(axis=1), of.max(axis=1)
    parts = _structure(facts)
    frame["imports_usd"] = (parts.imported @ parts.total[MOTOR]).reindex(frame.index).fillna(0.0) * usd
    last = pd.Series(frame.index, frame.index).map({ASSEMBLY: -1, SMALL: 1}).fillna(0)
    order = pd.DataFrame({"last": last, "size": -frame["output_usd"].abs()}).sort_values(["last", "size"])
    return frame.loc[order.index].rename_axis("sector")


def job_multipliers(facts: Facts) -> pd.DataFrame:
    """All jobs for each job at the assembly plants, by how these are counted, beside a published figure.

    Returns
    -------
    DataFrame
        Indexed by `reading`: `jobs_per_job` and `covers`. The published one has wages spent in it.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> job_multipliers(tm.facts.load())["jobs_per_job"].round(2).to_dict()["summary of 2024"]
    3.1
    """
    hired = _both(facts).mul(_jobs_by_dollar(facts), axis=0)
    staff = places.assembly_jobs(facts) / value_per_vehicle(facts)
    at_plants = float(hired["benchmark"][ASSEMBLY])
    first, whole = hired["benchmark"].sum() - at_plants, hired["summary"].sum()
    said = _published(facts, "jobs_multiplier").iloc[0]
    rows = {
        "benchmark, staff of plants": (first / staff + 1, "assembly plants by their staff"),
        "benchmark": (first / at_plants + 1, "plants like vehicles and parts together"),
        "summary of 2024": (whole / at_plants, "the same"),
        "published": (float(said["value"]), f"{said['source_title']}: {said['note']}"),
    }
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=["jobs_per_job", "covers"])
    return frame.rename_axis("reading")


def printed(found: pd.DataFrame, least: float = LEAST) -> pd.DataFrame:
    """Rows of `table` that are worth a line; the others are one row, ``others``.

    Parameters
    ----------
    least : float
        Output and imports below this fraction of the vehicles' value are not shown.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = table(tm.facts.load())
    >>> shown = printed(found)
    >>> len(shown) < len(found), bool(np.isclose(shown["output_usd"].sum(), found["output_usd"].sum()))
    (True, True)
    """
    size = found[["output_usd", "imports_usd"]].abs().max(axis=1)
    small = (size <= least * abs(found["output_usd"][ASSEMBLY])) & (found.index != ASSEMBLY)
    small |= found.index == SMALL
    rest = found[small].drop(columns="sector_name").sum(min_count=1)
    others = pd.DataFrame(rest.to_dict() | {"sector_name": f"{int(small.sum())} others"}, index=["others"])
    shown: pd.DataFrame = pd.concat([found[~small], others[found.columns]])
    return shown.rename_axis("sector")


def detail(facts: Facts, vehicles: float = 100_000) -> pd.DataFrame:
    """How far the output of each industry of the benchmark hangs on US light vehicles.

    Returns
    -------
    DataFrame
        Indexed by `sector`, the most dependent first, without the vehicles: `sector_name`, `share_carried`
        (of its output, directly and through others, a fraction) and `output_change` (a fraction of its
        output, for `vehicles` more than the US built in 2024).

    Examples
    --------
    >>> import tariffmodel as tm
    >>> detail(tm.facts.load())["share_carried"].head(2).round(2).to_dict()
    {'336370': 0.8, '336360': 0.73}
    """
    share = _held(facts, DEPENDENCE).set_index("sector")["value"].drop(VEHICLES)
    share = share.sort_values(ascending=False)
    frame = pd.DataFrame(
        {
            "sector_name": _named(facts, list(share.index)),
            "share_carried": share,
            "output_change": share * vehicles / places.us_output(facts),
        },
        share.index,
    )
    return frame.rename_axis("sector")


def parts_content(facts: Facts) -> pd.DataFrame:
    """Imported content of a vehicle by the input-output tables, beside the readings of the parts account.

    Returns
    -------
    DataFrame
        Indexed by `reading`: `value_usd` a year, `per_us_built_usd`, `period`, `covers`. The first rows are
        those of `parts_account.readings`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = parts_content(tm.facts.load())["per_us_built_usd"]
    >>> bool(found["input-output 2024: motor vehicle goods"] < found["model: all parts for US plants"])
    True
    """
    parts = _structure(facts)
    content = parts.imported @ parts.total[MOTOR]
    published = {
        name: float(_published(facts, name)["value"].iloc[0])
        for name in ("import_content", "import_content_of_parts")
    }
    through = "in a dollar of vehicles, through domestic suppliers too"
    shares = {
        "input-output 2024: motor vehicle goods": (content[MOTOR], f"imported goods of 3361MV {through}"),
        "input-output 2024: all goods": (content.sum(), f"all imports {through}"),
        "input-output 2017: parts (3363)": (published["import_content_of_parts"], f"imported 3363 {through}"),
        "input-output 2017: all goods": (published["import_content"], f"all imports {through}"),
    }
    each = value_per_vehicle(facts)
    rows = {
        name: {
            "value_usd": share * each * places.us_output(facts),
            "per_us_built_usd": share * each,
            "period": f"CY{YEAR}",
            "covers": covers,
        }
        for name, (share, covers) in shares.items()
    }
    columns = ["value_usd", "per_us_built_usd", "period", "covers"]
    ours = pd.DataFrame.from_dict(rows, orient="index")
    return pd.concat([parts_account.readings(facts)[columns], ours[columns]]).rename_axis("reading")


def _cells(facts: Facts) -> pd.DataFrame:
    """Benchmark requirements of the two kinds of vehicles, industries and ``all`` by product."""
    rows = _held(facts, REQUIREMENTS)
    found = rows.pivot(index="sector", columns="product", values="value").fillna(0.0)
    return found[VEHICLES].rename_axis(index=None, columns=None)


def _output(facts: Facts) -> pd.Series:
    """Gross output of cars and light trucks, USD m."""
    rows = _held(facts, OUTPUT)
    found: pd.Series = rows[rows["year"] == YEAR].set_index("sector")["value"].reindex(VEHICLES)
    return found


def _benchmark(facts: Facts) -> pd.Series:
    """Output of each industry of the benchmark by dollar of light vehicles, and ``unlisted``."""
    cells, output = _cells(facts), _output(facts)
    mix = (output / output.sum()).to_numpy()
    final = linalg.solve(cells.loc[VEHICLES].to_numpy(), mix)
    moved = pd.Series(cells.to_numpy() @ final, cells.index)
    listed = moved.drop("all")
    listed[SMALL] = moved["all"] - listed.sum()
    return listed


def _by_summary(facts: Facts) -> pd.Series:
    """The same by industry of the summary, the vehicles apart."""
    codes = _held(facts, SECTORS)
    homes = codes[codes["level"] == "detail"].set_index("code")["summary"]
    moved = _benchmark(facts)
    home = homes.reindex(moved.index)
    home[VEHICLES], home[SMALL] = ASSEMBLY, SMALL
    return moved.groupby(home).sum().rename_axis(None)


@kept_with_files
def _both(facts: Facts) -> pd.DataFrame:
    """Output by dollar of vehicles, by industry, in the benchmark and in the summary."""
    both = pd.DataFrame({"benchmark": _by_summary(facts), "summary": _by_industry(facts)}).fillna(0.0)
    both.loc[SMALL, "summary"] = both["benchmark"][SMALL]
    return protected(both)


def _by_industry(facts: Facts) -> pd.Series:
    """Output of each industry of the summary by dollar of vehicles, these apart."""
    moved = requirements(facts)[MOTOR].copy()
    moved[ASSEMBLY] = 1.0
    moved[MOTOR] -= 1.0
    return moved


def _jobs_by_dollar(facts: Facts) -> pd.Series:
    """Jobs by dollar of output of 2024, by industry of the summary; vehicles like vehicles and parts."""
    jobs = _held(facts, JOBS).set_index("sector")["value"] / 1e6
    jobs[ASSEMBLY] = jobs[MOTOR]
    return jobs * in_dollars_of(facts, 1.0, JOBS_YEAR, of=YEAR)


def _published(facts: Facts, metric: str) -> pd.DataFrame:
    rows = _held(facts, PUBLISHED)
    return rows[rows["metric"] == metric].set_index("sector")


def _likeness(asked: str, code: str, name: str) -> float:
    """How near a code or a word comes to an industry."""
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(asked, code, strict=False)))
    start = same / max(len(asked), len(code))
    words = name.lower().replace(",", "").split()
    return max(start, *(SequenceMatcher(None, asked.lower(), word).ratio() for word in words))


def _named(facts: Facts, codes: list[str]) -> list[str]:
    names = _held(facts, SECTORS).drop_duplicates("code").set_index("code")["name"]
    return [_NAMES[code] if code in _NAMES else str(names[code]) for code in codes]
