"""What do makers move to US plants from every origin at once, and what is then left of each bill?

Each origin's makers settle as in `game.nash`, at the volumes and prices of before; origins share what a maker
can build. The one from which a vehicle saves most, duty less cost gap, comes first.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.response import capacity, equilibrium
from tariffmodel.response.game import Costs, Horizon, costs, nash
from tariffmodel.response.schedule import Schedule, schedule
from tariffmodel.tariff.case import Case


def known_origins(case: Case) -> list[str]:
    """Origins of which the cost gap to the US is known, so that it can be said what moves.

    >>> import tariffmodel as tm
    >>> "JP" in known_origins(tm.case(period="CY2026")), "XX" in known_origins(tm.case(period="CY2026"))
    (True, False)
    """
    flows = case.goods.flows
    found = []
    for origin in dict.fromkeys(flows.origin[~case.goods.is_part]):
        try:
            capacity.cost_gap(case.facts, origin)
        except DataError:  # no labour cost: its vehicles stay, and the caller can say which
            continue
        found.append(str(origin))
    return found


def table(case: Case, *, horizon: Horizon = "long", cost: capacity.End = "central") -> pd.DataFrame:
    """Vehicles that makers move under the policy of a case, each for itself, law and rates of its last day.

    Parameters
    ----------
    horizon, cost : str
        See `game.costs`.

    Returns
    -------
    DataFrame
        Indexed by `maker` and `origin`, as `moved` of `equilibrium.table`: `units` over the period;
        `extra_cost_usd` of each, cost gap and capital charge less the duty of the counterfactual that it no
        longer pays; `duty_change_usd` of each that is still shipped in, where the rate answers what moves.
        Vehicles of other origins than `known_origins` stay.

    Raises
    ------
    DataError
        Makers of one origin do not settle; a relief that several countries earn together.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case(period="CY2026")
    >>> found = table(asked)
    >>> bool((found["units"] >= 0).all()), bool((found["duty_change_usd"] == 0).all())
    (True, True)
    >>> tm.net_bill.table(asked, "plants", found).index.name
    'maker'
    """
    return under(case, *_rates(case), horizon=horizon, cost=cost)


def net_bills(case: Case) -> pd.DataFrame:
    """Gross bill, what is left of it once prices have settled, and once plants have moved as well.

    Returns
    -------
    DataFrame
        Indexed by maker, largest gross bill first: `home`, `bill_usd`; `net_bill_usd` with low and high, at
        plants as they are; `net_with_plants_usd` with low and high, which hold low and high costs of moving
        beside the ranges of all inputs; `moved_units` over the period, with `moved_low_units` and
        `moved_high_units`, the least and the most at the three costs of `capacity.options`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = net_bills(tm.case(period="CY2026"))
    >>> held = found["net_with_plants_usd"].between(found["net_with_plants_low_usd"], found["net_bill_usd"])
    >>> bool(held["BMW"]), bool((found["moved_low_units"] <= found["moved_units"]).all())
    (True, True)
    """
    prices = equilibrium.table(case)
    rates = _rates(case)
    moves = {end: under(case, *rates, cost=end) for end in capacity.ENDS}
    nets = {end: equilibrium.table(case, "long", one).reindex(prices.index) for end, one in moves.items()}
    units = pd.concat([one["units"].groupby(level="maker").sum() for one in moves.values()], axis=1)
    units = units.reindex(prices.index).fillna(0.0)
    low, high = (
        pd.concat([one[f"net_bill_{side}_usd"] for one in nets.values()], axis=1) for side in ("low", "high")
    )
    shown = ["home", "bill_usd", "net_bill_usd", "net_bill_low_usd", "net_bill_high_usd"]
    return prices[shown].assign(
        net_with_plants_usd=nets["central"]["net_bill_usd"],
        net_with_plants_low_usd=low.min(axis=1),
        net_with_plants_high_usd=high.max(axis=1),
        moved_units=units.iloc[:, capacity.ENDS.index("central")],
        moved_low_units=units.min(axis=1),
        moved_high_units=units.max(axis=1),
    )


def _rates(case: Case) -> tuple[dict[str, Schedule], dict[str, Schedule]]:
    """Under the policy and under the counterfactual, by origin."""
    before = case.replace(policy=case.against)
    origins = known_origins(case)
    rates, those = ({origin: schedule(one, origin) for origin in origins} for one in (case, before))
    return rates, those


def under(
    case: Case, rates: Mapping[str, Schedule], before: Mapping[str, Schedule] | None = None, *,
    horizon: Horizon = "long", cost: capacity.End = "central",
) -> pd.DataFrame:  # fmt: skip
    """The same under other rates, such as those of a study.

    Parameters
    ----------
    rates, before : dict of origin to Schedule
        Under the policy and, as far as there is duty, under the counterfactual.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case("flat-25", period="CY2026")
    >>> found = under(asked, {"JP": tm.schedule.schedule(asked, "JP")})
    >>> found.index.unique("origin").tolist(), bool((found["units"] > 0).any())
    (['JP'], True)
    """
    gaps = {origin: capacity.cost_gap(case.facts, origin)[cost] for origin in rates}
    saves = {
        origin: np.average(one.value_usd * one.rate(0.0, 0.0), weights=one.imports) - gaps[origin]
        for origin, one in rates.items()
    }
    used: dict[str, float] = {}
    frames = []
    for origin in sorted(rates, key=lambda one: -saves[one]):
        one = rates[origin]
        able = costs(case, one, horizon=horizon, cost=cost, used=used)
        settled = nash(one, able)
        if not settled.settled:
            raise DataError(
                f"makers that ship in from {origin} do not settle on what they move under {one.label}; "
                "give `moved` by hand"
            )
        used |= {maker: used.get(maker, 0.0) + x for maker, x in zip(one.makers, settled.moved, strict=True)}
        frames.append(_frame(one, able, settled.moved, before[origin] if before else None, case.goods.years))
    found = pd.concat(frames)
    whole = case.facts.makers["consolidated_in"].isna()
    return found[whole.reindex(found.index.get_level_values("maker")).to_numpy()]


def _frame(
    rates: Schedule, able: Costs, moved: np.ndarray, before: Schedule | None, years: float
) -> pd.DataFrame:
    """Of one origin; duty on parts is left to `equilibrium`, that of the counterfactual aside."""
    none = np.zeros(len(moved))
    some = np.maximum(moved, 1e-9)
    each = able.of(some) / some - np.nan_to_num(rates.parts_usd)
    if before is not None:
        each += np.nan_to_num(before.parts_usd) - before.value_usd * before.rate(none, 0.0)
    eased = rates.value_usd * (rates.rate(moved, moved.sum()) - rates.rate(none, 0.0))
    index = pd.MultiIndex.from_product([rates.makers, [rates.origin]], names=["maker", "origin"])
    columns = {"units": moved * years, "extra_cost_usd": each, "duty_change_usd": eased}
    return pd.DataFrame(columns, index)
