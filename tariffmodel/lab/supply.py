"""How much more would makers build in the US under a relief, and how does that change with its numbers?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.lab.effects import Workbench
from tariffmodel.response import capacity
from tariffmodel.response.game import Costs, costs, nash
from tariffmodel.response.schedule import Schedule, schedule
from tariffmodel.tariff.entries import Policy, Relief

TURNED = {"slope": 0.5, "base": 0.5}  # numbers of a relief that its curves are drawn over, and how far
_SHAPES = ("linear", "smooth")  # of a relief that has a slope and a base
_POINTS = 5
_RATE = {"schedule", "basis", "base", "slope", "floor", "cap", "bracket", "firm_weight"} | {
    "steepness",
    "exponent",
    "midpoint",
}  # what the rate of a relief is made of, beside its score
_KEPT = 500  # answers of the game


@dataclass(frozen=True, eq=False)
class Supply:
    """Vehicles a year that makers move to US plants in the long run, each for itself (`game.nash`).

    Attributes
    ----------
    relief : Relief
    origin : str
        Where the vehicles are shipped in from now.
    makers : DataFrame
        Indexed by maker: `moved_units`, with `moved_low_units` and `moved_high_units`, the least and the most
        at the three costs of moving; NaN where the makers do not settle.
    curves : DataFrame
        Indexed by `knob` (`TURNED`) and `value`: `moved_units` of all together at central costs, were this
        number of the relief another one. Empty for a relief without a slope.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = supply(Workbench(tm.case(period="CY2025")), tm.policy.load("japan-flexible-linear-firm"))
    >>> found.origin, found.curves.index.unique("knob").tolist(), len(found.total)
    ('JP', ['slope', 'base'], 3)
    """

    relief: Relief
    origin: str
    makers: pd.DataFrame
    curves: pd.DataFrame

    @property
    def total(self) -> pd.Series:
        """Of all makers together; NaN unless all settle."""
        return self.makers.sum(skipna=False)


def supply(bench: Workbench, policy: Policy) -> Supply:
    """What the makers of the origin of a policy's relief move, and its curves over slope and level.

    Raises
    ------
    DataError
        The policy has no relief for one named origin, or more than one; the labour cost there is not known.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> bench = Workbench(tm.case(period="CY2025"))
    >>> some = supply(bench, tm.policy.load("japan-increments")).makers
    >>> bool((some["moved_low_units"] <= some["moved_high_units"]).all())
    True
    >>> supply(bench, bench.baseline)
    Traceback (most recent call last):
    tariffmodel.errors.DataError: current-law has no relief for one origin, by which output could be rewarded
    """
    day = bench.case.period.end
    reliefs = [one for one in policy.relief if one.start <= day <= one.end and len(one.origin) == 1]
    reliefs = [one for one in reliefs if one.origin[0] != "*"]
    if len(reliefs) != 1:
        many = "several reliefs; ask about one of them" if reliefs else "no relief for one origin"
        raise DataError(f"{policy.name} has {many}, by which output could be rewarded")
    relief = reliefs[0]
    asked, origin = bench.asked(policy), str(relief.origin[0])
    rates = schedule(asked, origin)
    able = {end: costs(asked, rates, cost=end) for end in capacity.ENDS}
    ends = {end: _settled(bench, rates, one) for end, one in able.items()}
    moved = pd.DataFrame(ends, index=rates.makers)
    makers = pd.DataFrame(
        {
            "moved_units": moved["central"],
            "moved_low_units": moved.min(axis=1, skipna=False),
            "moved_high_units": moved.max(axis=1, skipna=False),
        }
    ).rename_axis("maker")
    points = [
        (knob, value, _settled(bench, rates.with_relief(**_with(relief, knob, value)), able["central"]).sum())
        for knob in (TURNED if relief.schedule in _SHAPES else ())
        for value in _reach(relief, knob)
    ]
    curves = pd.DataFrame(points, columns=["knob", "value", "moved_units"])
    return Supply(relief, origin, makers, curves.set_index(["knob", "value"]))


def _settled(bench: Workbench, rates: Schedule, able: Costs) -> np.ndarray:
    """What each maker moves (M,), kept: of two curves over two numbers one stays when the other one moves."""
    assert rates.entry is not None
    arrays = [rates.imports, rates.value_usd, rates.weight, rates.ordinary, rates.other, rates.able]
    arrays += [rates.own_score, rates.total_score, able.units, able.each_usd]
    key = b"".join([rates.entry.model_dump_json(include=_RATE).encode(), *(one.tobytes() for one in arrays)])
    if key not in bench.settled:
        if len(bench.settled) >= _KEPT:
            bench.settled.clear()
        bench.settled[key] = nash(rates, able).moved
    return bench.settled[key]


def _reach(relief: Relief, knob: str) -> list[float]:
    """Where a curve is computed: evenly, and where the relief stands."""
    now = float(getattr(relief, knob))
    even = np.linspace(relief.floor if knob == "base" else 0.0, max(TURNED[knob], now), _POINTS)
    return sorted({*map(float, even), now})


def _with(relief: Relief, knob: str, value: float) -> dict[str, float]:
    """The change; a cap that is the base itself goes with it."""
    return {knob: value, "cap": value} if knob == "base" and relief.cap == relief.base else {knob: value}
