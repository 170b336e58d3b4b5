"""What does the United States get for the duty that it gives up?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.response import capacity
from tariffmodel.response.game import Costs, Horizon, Outcome, costs, nash
from tariffmodel.response.schedule import Schedule, offered
from tariffmodel.tariff.case import Case

_TIERS = 4
_STEEPNESS = 8.0  # of the S: from 2% to 98% of its fall between nothing and half of all imports moved
DESIGNS = {
    "linear, country": "rate falls in a straight line with what the country adds",
    "linear, firm": "rate falls in a straight line with what the maker adds",
    "tiered, country": "rate falls in steps with what the country adds",
    "tiered, firm": "rate falls in steps with what the maker adds",
    "smooth, country": "rate falls along an S with what the country adds",
    "smooth, firm": "rate falls along an S with what the maker adds",
    "credit": "each vehicle added brings part of one in free of duty",
    "subsidy": "each vehicle added is paid a sum",
}


@dataclass(frozen=True, eq=False)
class _Setting:
    """Of the frontier: the law in force, what moving costs, what is given at which strength."""

    rates: Schedule
    costs: Costs
    base: float

    @property
    def owed_usd(self) -> np.ndarray:
        """Duty on a vehicle (M,) without relief."""
        flat = self.rates.straight(self.base, 0.0, 0.0)
        return np.asarray(flat.value_usd * flat.rate(0.0, 0.0))


def frontier(
    case: Case,
    origin: str,
    strengths: Sequence[float] = tuple(np.linspace(0, 1, 11)),
    *,
    designs: Sequence[str] = tuple(DESIGNS),
    most_slope: float = 1.0,
    horizon: Horizon = "long",
    base: float | None = None,
) -> pd.DataFrame:
    """US output and what it costs the Treasury, for several designs of relief at several strengths.

    What makers do is the equilibrium of `game.nash`, without agreement among them. Every design counts what
    is added from now, and takes the rate down from `base`.

    Parameters
    ----------
    case : Case
        Its policy has a relief for the origin; what that measures is what counts.
    strengths : sequence of float
        From 0 to 1, of `most_slope`; of a credit, vehicles free of duty for each added; of a subsidy, USD
        over the duty on a vehicle.
    most_slope : float
        Fall of the rate for each unit of contribution at strength 1.
    base : float, optional
        All-in rate without relief. Default: that of the law in force.

    Returns
    -------
    DataFrame
        Indexed by `design` and `strength`: `moved_units` a year; `revenue_usd` on what is shipped in from
        there, and on parts for what is added, less what is paid out; `relief_usd`, by how much that is below
        the revenue at strength 0 with what makers do then; `units_per_usd_m`, vehicles more than at strength
        0 for each million of relief (NaN without any); `maker_usd`, duty and cost of moving of the makers
        less what they are paid; `settled`; and over the low, central and high costs of moving
        `moved_low_units`, `moved_high_units`, `relief_low_usd`, `relief_high_usd`.

    Raises
    ------
    DataError
        An unknown design, a strength outside 0 to 1, or a policy without relief for the origin.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case("japan-increments", period="CY2026")
    >>> found = tm.government.frontier(asked, "JP", [0.0, 0.5], designs=["linear, firm"], base=0.15)
    >>> bool((found.xs(0.0, level="strength")["relief_usd"] == 0).all())
    True
    """
    if wrong := [design for design in designs if design not in DESIGNS]:
        raise DataError(f"no design {wrong[0]!r}; choose from {', '.join(DESIGNS)}")
    if not all(0 <= strength <= 1 for strength in strengths):
        raise DataError("strengths run from 0 to 1")
    now, start = offered(case, origin, base)
    ends = {
        end: _played_all(
            _Setting(now, costs(case, now, horizon=horizon, cost=end), start), designs, strengths, most_slope
        )
        for end in capacity.ENDS
    }
    found = ends["central"]
    for name in ("moved_units", "relief_usd"):
        stem, unit = name.rsplit("_", 1)
        three = pd.concat([ends[end][name] for end in capacity.ENDS], axis=1)
        found[f"{stem}_low_{unit}"], found[f"{stem}_high_{unit}"] = three.min(axis=1), three.max(axis=1)
    found["settled"] &= ends["low"]["settled"] & ends["high"]["settled"]
    return found


def _played_all(
    asked: _Setting, designs: Sequence[str], strengths: Sequence[float], most_slope: float
) -> pd.DataFrame:
    """The frontier at one end of the costs."""
    zero = _row(asked, *_linear(asked, 0.0, 0.0))
    rows = {}
    for design in designs:
        for strength in strengths:
            found = (
                _row(asked, *_played(asked, design, float(strength), most_slope)) if strength else dict(zero)
            )
            found["relief_usd"] = zero["revenue_usd"] - found["revenue_usd"]
            more, given = found["moved_units"] - zero["moved_units"], found["relief_usd"]
            found["units_per_usd_m"] = more / given * 1e6 if given > 1e6 else np.nan
            rows[design, float(strength)] = found
    frame = pd.DataFrame.from_dict(rows, orient="index")
    frame.index = pd.MultiIndex.from_tuples(rows, names=["design", "strength"])
    columns = ["moved_units", "revenue_usd", "relief_usd", "units_per_usd_m", "maker_usd", "settled"]
    return frame[columns].astype({"settled": bool})


def efficient(rows: pd.DataFrame) -> pd.DataFrame:
    """Of one design the strengths that move more than every one that costs less, the cheapest first.

    >>> index = pd.Index([0.0, 0.5, 1.0], name="strength")
    >>> rows = pd.DataFrame({"moved_units": [0.0, 5.0, 4.0], "relief_usd": [0.0, 1.0, 2.0]}, index)
    >>> efficient(rows).index.tolist()
    [0.0, 0.5]
    """
    line = rows.sort_values(["relief_usd", "moved_units"])
    return line[line["moved_units"] > line["moved_units"].cummax().shift(fill_value=-1.0)]


def best_within(frontier: pd.DataFrame, budget_usd: float) -> pd.DataFrame:
    """What every design moves for a yearly budget, the one that moves most first.

    The maker of the rule moves first and knows what makers will do (Stackelberg). Between the strengths asked
    figures lie on a straight line along `efficient`; a design that cannot cost so much stands at its end.

    Examples
    --------
    >>> index = pd.MultiIndex.from_product([["a", "b"], [0.0, 0.5]], names=["design", "strength"])
    >>> costed = {"moved_units": [0.0, 5.0, 0.0, 9.0], "relief_usd": [0.0, 1.0, 0.0, 4.0], "settled": True}
    >>> best_within(pd.DataFrame(costed, index), 2.0)["moved_units"].to_dict()
    {'a': 5.0, 'b': 4.5}
    """
    found = {}
    for design, rows in frontier[frontier["settled"]].groupby("design", sort=False):
        line = efficient(rows.reset_index("strength")).drop(columns="settled").astype(float)
        if line["relief_usd"].iloc[0] > budget_usd:
            continue
        at = {name: float(np.interp(budget_usd, line["relief_usd"], line[name])) for name in line}
        if "units_per_usd_m" in at:  # a ratio is not on the line of its parts
            more, cost = at["moved_units"] - rows["moved_units"].iloc[0], at["relief_usd"]
            at["units_per_usd_m"] = more / cost * 1e6 if cost else np.nan
        found[design] = {**at, "settled": True}
    best = pd.DataFrame.from_dict(found, orient="index", columns=["strength", *frontier])
    return best.rename_axis("design").sort_values("moved_units", ascending=False, kind="stable")


def _played(asked: _Setting, design: str, strength: float, slope: float) -> tuple[Outcome, float]:
    if design == "subsidy":
        return _subsidised(asked, strength)
    if design == "credit":
        return _credited(asked, strength)
    kind, _, level = design.partition(", ")
    weight = 1.0 if level == "firm" else 0.0
    if kind == "linear":
        return _linear(asked, slope * strength, weight)
    room = _room(asked.rates, weight)
    fall = min(slope * strength * room, asked.base)
    level_rate = asked.rates.straight(asked.base, 0.0, weight)
    if kind == "tiered":
        steps = np.arange(1, _TIERS + 1) / _TIERS
        bracket = [{"from": room * part, "rate": asked.base - fall * part} for part in steps]
        rates = level_rate.with_relief(schedule="tiered", bracket=bracket)
    else:
        steep = {"steepness": _STEEPNESS / room, "midpoint": room / 2}
        rates = level_rate.with_relief(schedule="smooth", slope=fall, **steep)
    return nash(rates, asked.costs), 0.0


def _room(rates: Schedule, weight: float) -> float:
    """Contribution that half of all imports would add, were they built in the US."""
    shared = rates.with_relief(firm_weight=weight)
    return float(np.mean(shared.score(rates.imports / 2, rates.imports.sum() / 2)[rates.able]))


def _linear(asked: _Setting, slope: float, weight: float) -> tuple[Outcome, float]:
    return nash(asked.rates.straight(asked.base, slope, weight), asked.costs), 0.0


def _subsidised(asked: _Setting, strength: float) -> tuple[Outcome, float]:
    """Each vehicle added is paid `strength` times the duty on a vehicle of mean value."""
    paid = strength * float(np.average(asked.owed_usd, weights=asked.rates.imports))
    found = _at_base(asked, asked.costs.units, asked.costs.each_usd - paid)
    return found, paid * found.total


def _credited(asked: _Setting, strength: float) -> tuple[Outcome, float]:
    """Each vehicle added brings `strength` vehicles in free, as long as there are any to bring in."""
    rates = asked.rates
    owed = asked.owed_usd
    # beyond this the credits exceed what is still shipped in, and one more is worth nothing
    last = rates.imports / (1 + strength)
    before = np.cumsum(asked.costs.units, axis=1) - asked.costs.units
    inside = np.clip(last[:, None] - before, 0.0, asked.costs.units)
    units = np.stack([inside, asked.costs.units - inside], axis=2).reshape(len(last), -1)
    # past the last credit a vehicle saves no duty: those left come in free
    dear = asked.costs.each_usd + owed[:, None]
    each = np.stack([asked.costs.each_usd - strength * owed[:, None], dear], axis=2).reshape(len(last), -1)
    order = np.argsort(each, axis=1, kind="stable")
    found = _at_base(asked, np.take_along_axis(units, order, 1), np.take_along_axis(each, order, 1))
    used = np.minimum(strength * found.moved, rates.imports - found.moved)
    return found, float((used * owed).sum())


def _at_base(asked: _Setting, units: np.ndarray, each_usd: np.ndarray) -> Outcome:
    """What makers do at the rate without relief, with other costs of moving."""
    return _linear(replace(asked, costs=Costs(units, each_usd)), 0.0, 0.0)[0]


def _row(asked: _Setting, found: Outcome, paid: float) -> dict[str, Any]:
    """Of an outcome: what is moved, what the Treasury gets, what makers bear; `paid` out on top."""
    duty = float(found.rates.duty(found.moved, found.total).sum())
    parts = float((np.nan_to_num(asked.rates.parts_usd) * found.moved).sum())
    moving = float(asked.costs.of(found.moved).sum())
    revenue = duty + parts - paid
    return {
        "moved_units": found.total,
        "revenue_usd": revenue,
        "maker_usd": duty + moving - paid,
        "settled": found.settled,
    }
