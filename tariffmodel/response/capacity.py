"""How much more can each maker build in the US, what does that cost, and when would it be there?"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import PRODUCTION, Facts, periods, resolve
from tariffmodel.facts.protected import kept_with, protected
from tariffmodel.facts.tables import read

UTILISATION, COSTS, MOVES, PLANTS = (
    *(f"response/{name}.csv" for name in ("capacity", "relocation_costs", "moves")),
    "watch/plants.csv",
)
LABOUR, OTHER = "labour_cost_per_vehicle", "other_cost_gap"
End = Literal["low", "central", "high"]
ENDS: tuple[End, ...] = ("low", "central", "high")
_OF_BLOC = {"EU": ("DE", "FR", "IT", "RO")}  # the first is the central one
_SUFFIX = {"low": "_low", "central": "", "high": "_high"}


@kept_with
def spare(facts: Facts, year: str = "CY2025") -> pd.DataFrame:
    """What US assembly plants could build beyond what they do, by two readings.

    Plants that are planned or being built do not count; a joint plant counts in equal parts.

    Parameters
    ----------
    year : str
        Period whose output, at its yearly rate, is taken off the capacity.

    Returns
    -------
    DataFrame
        Indexed by maker with US output, vehicles a year: `capacity_units` as far as plants have one,
        `output_units`, `spare_by_output` (capacity − output), `spare_by_utilisation` (from the share of
        capacity in use at the end of 2024), and what is used: `spare_low_units`, `spare_units`,
        `spare_high_units`, the lower, the middle and the higher of the two. `flag` says which reading was
        not used, and where it stands, or that none is known.

    Notes
    -----
    A capacity below output says that one of the two is wrong: that reading is never used.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = tm.capacity.spare(tm.facts.load())
    >>> found.at["Kia", "flag"][:61]
    'data/watch/plants.csv row 57: capacity of Kia (350,000) is be'
    >>> bool((found["spare_units"].dropna() >= 0).all())
    True
    """
    span = periods.parse(year)
    makers = list(facts.makers.index)
    built = resolve(facts, [(maker, PRODUCTION, "US") for maker in makers], [span]).value[0]
    output = pd.Series(built * 365.25 / span.days if span.days not in (365, 366) else built, makers)
    output = output[output > 0]
    plants = _plants(facts)
    capacity = plants.groupby("maker")["units"].sum().reindex(output.index)
    share = read(facts, UTILISATION).set_index("maker")["utilisation"].reindex(output.index)
    whole = capacity.fillna(output / share)
    by_output, by_use = capacity - output, whole * (1 - share)
    readings = pd.concat([by_output.where(by_output >= 0), by_use], axis=1)
    low, high = readings.min(axis=1), readings.max(axis=1)
    flags = [_flag(str(maker), plants, capacity, output, low) for maker in output.index]
    found = pd.DataFrame(
        {
            "capacity_units": whole,
            "output_units": output,
            "spare_by_output": by_output,
            "spare_by_utilisation": by_use,
            "spare_low_units": low,
            "spare_units": (low + high) / 2,
            "spare_high_units": high,
            "flag": flags,
        }
    )
    return protected(found.rename_axis("maker"))


def _flag(maker: str, plants: pd.DataFrame, capacity: pd.Series, output: pd.Series, low: pd.Series) -> str:
    """What a reader must know of the spare capacity of a maker."""
    whole, built = float(capacity[maker]), float(output[maker])
    if whole < built:
        row = plants.loc[plants["maker"] == maker, "row"].iloc[0]
        kept = "no spare capacity is known" if np.isnan(low[maker]) else "the reading by utilisation stands"
        return (
            f"data/{PLANTS} row {row}: capacity of {maker} ({whole:,.0f}) is below its output "
            f"({built:,.0f}), so spare would be {whole - built:,.0f}; not used, {kept}"
        )
    if np.isnan(low[maker]):
        return f"no capacity in data/{PLANTS} and no row in data/{UTILISATION}: none is known"
    return ""


def _plants(facts: Facts) -> pd.DataFrame:
    """Running US assembly plants with a capacity, one row per plant and partner."""
    table = read(facts, PLANTS)
    kinds = table["kind"].str.split("|").map(lambda kinds: "assembly" in kinds)
    table = table[
        kinds & (table["country"] == "US") & ~table["opened_planned"] & table["capacity_units"].notna()
    ]
    count = table["company"].str.count(r"\|") + 1
    units = table["capacity_units"].astype(float) / count
    each = table.assign(maker=table["company"].str.split("|"), units=units)
    return each.explode("maker")[["maker", "plant", "units", "row"]]


@kept_with
def _held(facts: Facts, name: str) -> pd.DataFrame:
    return protected(read(facts, name))


def cost_gap(facts: Facts, origin: str) -> pd.Series:
    """What a vehicle built in the US costs more than one from an origin, USD: `low`, `central`, `high`.

    Labour of assembly, by country, and all the rest, of which the data have an assumption only. For the
    EU the central labour cost is that of Germany, the ends those of the dearest and the cheapest country;
    where the row of a country has a range, as that of Canada, the ends are those of it.

    Raises
    ------
    DataError
        If the labour cost of the origin is not known.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> tm.capacity.cost_gap(known, "JP").to_dict(), bool(tm.capacity.cost_gap(known, "EU")["low"] < 0)
    ({'low': 573.0, 'central': 4500.0, 'high': 8427.0}, True)
    """
    table = _held(facts, COSTS)
    known = table[table["metric"] == LABOUR].set_index("country")
    labour = known["value"]
    countries = _OF_BLOC.get(origin, (origin,))
    for country in (*countries, "US"):
        if country not in labour.index:
            raise DataError(
                f"no {LABOUR} of {country} in data/{COSTS}, so the cost gap to {origin} is unknown; add a row"
            )
    abroad, there = labour[list(countries)], known.loc[list(countries)]
    least, most = (there[end].astype(float).fillna(abroad) for end in ("low", "high"))
    rest = table[table["metric"] == OTHER].iloc[0]
    gap = {
        "low": labour["US"] - most.max() + rest["low"],
        "central": labour["US"] - abroad.iloc[0] + rest["value"],
        "high": labour["US"] - least.min() + rest["high"],
    }
    return pd.Series(gap, name="cost_gap_usd")


def moves(facts: Facts) -> pd.DataFrame:
    """Capital, time and size of every way to build more in the US, as in ``data/response/moves.csv``.

    >>> import tariffmodel as tm
    >>> list(tm.capacity.moves(tm.facts.load()).index)
    ['spare', 'shift', 'retool', 'expand', 'greenfield']
    """
    return _held(facts, MOVES).set_index("option")


def options(
    facts: Facts, maker: str, origin: str, cost: End = "central", year: str = "CY2025"
) -> pd.DataFrame:
    """Ways in which a maker can build more in the US, as `plants.plan` takes them.

    Parameters
    ----------
    origin : str
        Where the vehicles come from now, for the cost gap.
    cost : {'low', 'central', 'high'}
        Low is everything in favour of moving: cheap, soon and much of it; high the contrary.
    year : str
        Of the output, see `spare`.

    Returns
    -------
    DataFrame
        Indexed by option, those that the maker has: `capacity_units` a year, `capital_usd` per vehicle of
        yearly capacity, `months` to the first vehicles, `gap_usd` a vehicle.

    Raises
    ------
    DataError
        If the maker is unknown.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> list(tm.capacity.options(known, "Toyota", "JP").index)
    ['spare', 'shift', 'retool', 'expand', 'greenfield']
    >>> list(tm.capacity.options(known, "Mitsubishi Motors", "JP").index)
    ['greenfield']
    """
    return _options(facts, maker, origin, cost, year).copy()  # games ask for the same ones many times


@kept_with
def _options(facts: Facts, maker: str, origin: str, cost: End, year: str) -> pd.DataFrame:
    if maker not in facts.makers.index:
        raise DataError(f"no maker {maker!r}; choose from {', '.join(facts.makers.index)}")
    if cost not in ENDS:
        raise DataError(f"cost is {cost!r}; write low, central or high")
    table = moves(facts)
    end, size = _SUFFIX[cost], _SUFFIX[{"low": "high", "high": "low", "central": "central"}[cost]]
    idle = spare(facts, year)
    there = maker in idle.index
    # of what a plant builds, if that is more than the capacity that the data give it
    present = idle.loc[maker, ["capacity_units", "output_units"]].max() if there else np.nan
    units = table[f"units{size}"].fillna(table[f"share{size}"] * present)
    units["spare"] = idle.at[maker, f"spare{size}_units"] if there else np.nan
    found = pd.DataFrame(
        {
            "capacity_units": units,
            "capital_usd": table[f"capital{end}_usd"],
            "months": table[f"months{end}"],
            "gap_usd": cost_gap(facts, origin)[cost],
        }
    )
    if not there:
        found = found.loc[["greenfield"]]
    return protected(found[found["capacity_units"] > 0])
