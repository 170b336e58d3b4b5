"""In which states are the jobs that come or go when makers answer a policy?

Vehicles are assembled where the plants are. Suppliers are spread by each state's part of the jobs of their
industry, never by its population, and only for industries of which the data have jobs by state; the others,
most services among them, stay without a place.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import Facts
from tariffmodel.facts.protected import kept_with_files, protected
from tariffmodel.facts.tables import read
from tariffmodel.response import equilibrium, moved
from tariffmodel.spillovers import input_output, places
from tariffmodel.spillovers.input_output import ASSEMBLY
from tariffmodel.tariff import uncertainty
from tariffmodel.tariff.case import Case, PolicySource

EMPLOYMENT = "spillovers/state_employment.csv"
NO_PLACE = "no place"  # jobs of which the data do not tell the state
ALL = "All makers"
_ENDS = ("", "_low", "_high")


def output_change(case: Case, horizon: str = "equilibrium") -> pd.DataFrame:
    """How many more vehicles each maker builds in the US than under the counterfactual of a case.

    Parameters
    ----------
    horizon : str
        As `equilibrium.table`; ``long`` moves the plants of `moved.table`.

    Returns
    -------
    DataFrame
        Indexed by maker, the sum last (``All makers``): `vehicles` a year built and sold in the US more, with
        `vehicles_low` and `vehicles_high` from the ranges of all inputs. Exports stay as they are.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case(period="CY2026")
    >>> bool(output_change(asked).at["Toyota", "vehicles"] > 0)
    True
    >>> float(output_change(asked, "posted")["vehicles"].abs().max())
    0.0
    """
    plants = moved.table(case) if horizon == "long" else None
    taken, market, then = equilibrium.answered(case, horizon, plants)
    was = equilibrium.case_products(case).us_share
    built = taken.by_maker(then.units * taken.us_share - market.units * was) / case.goods.years
    runs = np.round(np.column_stack([built, built.sum(axis=1)]), 6) + 0.0  # no vehicle is that small
    low, high = uncertainty.interval(runs)
    columns = {"vehicles": runs[0], "vehicles_low": low, "vehicles_high": high}
    return pd.DataFrame(columns, pd.Index([*taken.makers, ALL], name="maker"))


def table(case: Case, horizon: str = "equilibrium") -> pd.DataFrame:
    """Jobs by state once makers have answered the policy of a case.

    Parameters
    ----------
    horizon : str
        As `output_change`.

    Returns
    -------
    DataFrame
        Indexed by `state` (two letters), most jobs first, ``no place`` last: `vehicles` a year more than
        under the counterfactual, `assembly_jobs`, `supplier_jobs`, `jobs` with `jobs_low` and `jobs_high`,
        the ends of `input_output.table` at the same number of vehicles, whose own range is that of
        `output_change`. Without a place: vehicles of makers without a running US plant, and suppliers in
        industries or states of which no jobs are known.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case(period="CY2026")
    >>> found = table(asked)
    >>> vehicles = output_change(asked).at["All makers", "vehicles"]
    >>> bool(np.isclose(found["vehicles"].sum(), vehicles)), found.index[-1]
    (True, 'no place')
    """
    return of_output(case.facts, output_change(case, horizon)["vehicles"].drop(ALL))


def of_output(facts: Facts, change: pd.Series) -> pd.DataFrame:
    """The same for vehicles a year that each maker builds more.

    Parameters
    ----------
    change : Series
        Vehicles a year by maker.

    Raises
    ------
    DataError
        If a maker is unknown, or a number of vehicles is missing.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = of_output(tm.facts.load(), pd.Series({"Subaru": 100_000}))
    >>> found.index[0], float(found.at["IN", "vehicles"])
    ('IN', 100000.0)
    """
    if unknown := [str(maker) for maker in change.index if maker not in facts.makers.index]:
        raise DataError(f"no maker {unknown[0]!r}; choose from {', '.join(facts.makers.index)}")
    if change.isna().any():
        raise DataError(f"vehicles of {change.index[change.isna()][0]} are missing; give a number")
    at = places.plants(facts)
    spread = at.assign(units=at["share"] * at["maker"].map(change)).groupby("state")["units"].sum()
    shares, industries = _shares(facts), input_output.table(facts, float(change.sum()))
    states = [*shares.index.union(spread.index), NO_PLACE]
    vehicles = spread.reindex(states).fillna(0.0)
    vehicles[NO_PLACE] = np.round(change.sum() - vehicles.sum(), 6) + 0.0
    found = pd.DataFrame({"vehicles": vehicles})
    for end in _ENDS:
        jobs = industries[f"jobs{end}"].fillna(0.0)
        each = jobs[ASSEMBLY] / change.sum() if change.sum() else places.assembly_jobs(facts)
        found[f"assembly_jobs{end}"] = vehicles * each
        placed = (shares * jobs.reindex(shares.columns)).sum(axis=1)
        found[f"supplier_jobs{end}"] = placed.reindex(states).fillna(0.0)
        found.loc[NO_PLACE, f"supplier_jobs{end}"] = jobs.drop(ASSEMBLY).sum() - placed.sum()
        found[f"jobs{end}"] = found[f"assembly_jobs{end}"] + found[f"supplier_jobs{end}"]
    low, high = (found[["jobs", "jobs_low", "jobs_high"]].agg(end, axis=1) for end in ("min", "max"))
    found = found.assign(jobs_low=low, jobs_high=high)
    order = found.drop(index=NO_PLACE).sort_values("jobs", ascending=False, key=np.abs).index
    shown = ["vehicles", "assembly_jobs", "supplier_jobs", "jobs", "jobs_low", "jobs_high"]
    return found.loc[[*order, NO_PLACE], shown].rename_axis("state")


def by_policy(case: Case, others: Sequence[PolicySource], horizon: str = "equilibrium") -> pd.DataFrame:
    """Jobs by state under the policy of a case and under others, each against the counterfactual of the case.

    Returns
    -------
    DataFrame
        States × policies (by name), jobs, in the order of `table` for the policy of the case.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = by_policy(tm.case(period="CY2026"), ["flat-25"])
    >>> list(found), "MI" in found.index
    (['current-law', 'flat-25'], True)
    """
    asked = [case, *(case.replace(policy=other) for other in others)]
    columns = {one.policy.name: table(one, horizon)["jobs"] for one in asked}
    return pd.DataFrame(columns).reindex(columns[case.policy.name].index)


@kept_with_files
def _shares(facts: Facts) -> pd.DataFrame:
    """States × industries: part of the country's jobs, 0 where withheld."""
    rows = read(facts, EMPLOYMENT).pivot(index="state", columns="sector", values="value")
    return protected((rows.drop(index="US") / rows.loc["US"]).fillna(0.0))
