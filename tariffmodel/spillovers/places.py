"""Where are a maker's US vehicles put together, and by how many people?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import Facts
from tariffmodel.facts.protected import kept_with, kept_with_files, protected
from tariffmodel.facts.tables import read

PLANTS = "watch/plants.csv"
_BY = {"units": "capacity", "employees": "staff"}  # what spreads output over plants, best first
_AT_REST = r"\bidle|not started|building"
_ALL_US = {
    "maker": "Total US",
    "variable": "us_production_units",
    "scope": "US (light vehicles)",
    "period": "CY2024",
}


@kept_with
def plants(facts: Facts) -> pd.DataFrame:
    """Running US assembly plants, and the part of its maker's vehicles that each is taken to build.

    A maker's vehicles are spread over its plants by capacity where the data have that of all of them,
    else by staff; a joint plant counts in equal parts. Plants that are planned, idle or being built do not
    count.

    Returns
    -------
    DataFrame
        One row per maker and plant: `maker`, `plant`, `state`, `employees` (people; of a joint plant the
        maker's part), `share` of the maker's US output, a fraction, and `spread_by`: capacity, staff, or
        equally, where the data have neither of all plants.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = tm.places.plants(tm.facts.load())
    >>> bool(np.allclose(found.groupby("maker")["share"].sum(), 1))
    True
    >>> found.loc[found["maker"] == "Subaru", ["state", "share"]].to_numpy().tolist()
    [['IN', 1.0]]
    """
    table = _running(facts)
    partners = table["company"].str.split("|")
    parts = table["company"].str.count(r"\|") + 1
    each = table.assign(
        maker=partners,
        employees=table["employees"].astype(float) / parts,
        units=table["capacity_units"].astype(float) / parts,
    ).explode("maker")
    grouped = each.groupby("maker")
    known = {name: grouped[name].transform(lambda column: column.notna().all()) for name in _BY}
    basis = np.select([known[name] for name in _BY], list(_BY), "equally")
    weight = np.select([known[name] for name in _BY], [each[name] for name in _BY], 1.0)
    share = weight / pd.Series(weight, each.index).groupby(each["maker"]).transform("sum")
    found = each.assign(share=share, spread_by=pd.Series(basis, each.index).replace(_BY))
    found = found[["maker", "plant", "state", "employees", "share", "spread_by"]]
    return protected(found.reset_index(drop=True))


def us_output(facts: Facts) -> float:
    """Light vehicles built in the US in 2024.

    Raises
    ------
    DataError
        If the facts have no such row, or had none on their day.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> tm.places.us_output(tm.facts.load())
    10260000.0
    """
    rows = facts.table
    found = rows[np.logical_and.reduce([rows[name] == value for name, value in _ALL_US.items()])]
    if found.empty:
        raise DataError(
            f"data/facts/aggregates.csv has no row of {', '.join(_ALL_US.values())} known on that day; "
            "add it: values and jobs by vehicle rest on it"
        )
    return float(found["value"].iloc[0])


def assembly_jobs(facts: Facts) -> float:
    """People in running US assembly plants by light vehicle built in 2024, jobs a vehicle and year.

    Staff of most plants is an estimate, and plants without a figure count as having none.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> 0.015 < assembly_jobs(tm.facts.load()) < 0.04
    True
    """
    return float(_running(facts)["employees"].sum()) / us_output(facts)


@kept_with_files
def _running(facts: Facts) -> pd.DataFrame:
    table = read(facts, PLANTS)
    builds = table["kind"].str.split("|").map(lambda kinds: "assembly" in kinds)
    rest = table["status"].str.contains(_AT_REST, regex=True, na=False)
    return protected(table[builds & (table["country"] == "US") & ~table["opened_planned"] & ~rest])
