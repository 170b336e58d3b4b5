"""What do makers move when one rate is earned by all of them together?

Each pays for what it moves and shares what that earns: outputs are strategic substitutes, as in Cournot's
game. Three answers are set side by side: each maker for itself (Nash), all as one (a ministry that allots),
and relief that each earns alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.response import capacity
from tariffmodel.response.schedule import Schedule, offered
from tariffmodel.tariff.case import Case

Horizon = Literal["short", "long", "unlimited"]
RULES = ("nash", "coordinated", "firm")
_GRID = 401  # points of a search, which is then repeated around the best of them
_ZOOMS = 4


@dataclass(frozen=True, eq=False)
class Costs:
    """What moving vehicles costs each maker a year, in steps of rising cost: arrays (M, J).

    Attributes
    ----------
    units : array
        Vehicles of each step.
    each_usd : array
        Cost of a vehicle on it, without the duty saved.

    Examples
    --------
    >>> each = Costs(np.array([[10.0, 20.0]]), np.array([[1.0, 3.0]]))
    >>> each.of(np.array([15.0])).tolist(), each.most.tolist(), each.only(0).most.tolist()
    ([25.0], [30.0], [30.0])
    """

    units: np.ndarray
    each_usd: np.ndarray

    def __post_init__(self) -> None:
        if not (np.isfinite(self.units) & np.isfinite(self.each_usd) & (self.units >= 0)).all():
            raise DataError(
                "a step of the cost of moving lacks its vehicles or its cost; leave it out instead"
            )
        if (np.diff(self.each_usd, axis=1) < 0).any():
            raise DataError("steps of the cost of moving must rise; sort them")

    def of(self, moved: np.ndarray) -> np.ndarray:
        """USD a year (..., M) of moving `moved` (..., M)."""
        before = np.cumsum(self.units, axis=1) - self.units
        filled = np.clip(moved[..., None] - before, 0.0, self.units)
        return np.asarray((filled * self.each_usd).sum(axis=-1))

    @property
    def most(self) -> np.ndarray:
        """Vehicles (M,) that a maker can move."""
        return np.asarray(self.units.sum(axis=1))

    def only(self, k: int) -> Costs:
        """Those of one maker."""
        return Costs(self.units[[k]], self.each_usd[[k]])


def costs(
    case: Case, rates: Schedule, *, horizon: Horizon = "long", cost: capacity.End = "central",
    gap_usd: float | None = None, years: float = 10.0, discount_rate: float = 0.08,
    used: Mapping[str, float] | None = None,
) -> Costs:  # fmt: skip
    """Cost of moving, from each maker's options: gap, duty on parts, and capital as a yearly charge.

    Parameters
    ----------
    horizon : {'short', 'long', 'unlimited'}
        Short: what builds within a year. Long: every option. Unlimited: as much as is shipped in, at the
        gap alone, without parts and capital.
    cost : {'low', 'central', 'high'}
        See `capacity.options`.
    gap_usd : float, optional
        In place of `capacity.cost_gap`.
    years : float
        Over which capital is paid back: capital × r / (1 − (1 + r)^−years).
    used : dict of maker to vehicles, optional
        What is taken off its cheapest options, since vehicles of other origins are built there.

    Raises
    ------
    DataError
        An unknown horizon, or years not above zero.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case("flat-25", period="CY2026")
    >>> rates = tm.schedule.schedule(asked, "JP")
    >>> near, far = (tm.game.costs(asked, rates, horizon=horizon).most for horizon in ("short", "long"))
    >>> bool((near <= far).all()), bool((far <= rates.imports + 1e-6).all())
    (True, True)
    """
    if horizon not in ("short", "long", "unlimited") or not years > 0:
        raise DataError(
            f"horizon is {horizon!r}, years {years:g}; write short, long or unlimited, and above 0"
        )
    gap = capacity.cost_gap(case.facts, rates.origin)[cost] if gap_usd is None else gap_usd
    if horizon == "unlimited":
        return Costs(rates.imports[:, None], np.full((len(rates.makers), 1), gap))
    charge = discount_rate / -np.expm1(-years * np.log1p(discount_rate)) if discount_rate else 1 / years
    shape = (len(rates.makers), 5)
    units, each = np.zeros(shape), np.zeros(shape)
    for k, maker in enumerate(rates.makers):
        able = capacity.options(case.facts, maker, rates.origin, cost)
        able = able[able["months"] <= 12] if horizon == "short" else able
        parts = 0.0 if np.isnan(rates.parts_usd[k]) else rates.parts_usd[k]
        able = able.assign(each=gap + parts + charge * able["capital_usd"]).sort_values("each", kind="stable")
        size = able["capacity_units"].to_numpy()
        size = np.clip(np.cumsum(size) - (used or {}).get(maker, 0.0), 0.0, size)
        left = np.clip(rates.imports[k] - (np.cumsum(size) - size), 0.0, size)
        units[k, : len(left)] = left
        each[k] = able["each"].iloc[-1] if len(able) else gap
        each[k, : len(left)] = able["each"]
    return Costs(units, each)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What each maker moves.

    Attributes
    ----------
    moved : array (M,)
        Vehicles a year; NaN where the makers do not settle.
    settled : bool
    rounds : int
        Of best replies.
    contraction : float
        By how much the last rounds shrank the change from one to the next; NaN after too few of them.
    cycle : array (period, M) or None
        What they go round in if they do not settle.
    """

    rates: Schedule
    costs: Costs
    moved: np.ndarray
    settled: bool = True
    rounds: int = 0
    contraction: float = np.nan
    cycle: np.ndarray | None = None

    @property
    def total(self) -> float:
        """Vehicles a year that all move.

        >>> import tariffmodel as tm
        >>> asked = tm.case("flat-25", period="CY2026")
        >>> rates = tm.schedule.schedule(asked, "JP")
        >>> nash(rates, tm.game.costs(asked, rates, horizon="unlimited", gap_usd=1e5)).total
        0.0
        """
        return float(self.moved.sum())

    def table(self) -> pd.DataFrame:
        """Per maker.

        Returns
        -------
        DataFrame
            Indexed by maker: `import_units`, `moved_units`, `rate`, `duty_usd` a year on what is still
            shipped in, `moving_usd` a year, and `others_usd`, what one more vehicle of this maker takes off
            the duty of the others, which it does not reckon with.

        Examples
        --------
        >>> import tariffmodel as tm
        >>> asked = tm.case("japan-flexible-linear-country", period="CY2026")
        >>> rates = tm.schedule.schedule(asked, "JP")
        >>> found = tm.game.nash(rates, tm.game.costs(asked, rates)).table()
        >>> bool((found["others_usd"] > 0).all())
        True
        """
        duty = self.rates.duty(self.moved, self.total)
        each = np.eye(len(self.moved))
        after = self.rates.duty(self.moved + each, self.total + 1.0)
        others = (duty - after) * (1 - each)
        return pd.DataFrame(
            {
                "import_units": self.rates.imports,
                "moved_units": self.moved,
                "rate": self.rates.rate(self.moved, self.total),
                "duty_usd": duty,
                "moving_usd": self.costs.of(self.moved),
                "others_usd": others.sum(axis=1),
            },
            index=pd.Index(self.rates.makers, name="maker"),
        )


def nash(
    rates: Schedule, costs: Costs, *, damping: float = 0.8, rounds: int = 500, start: np.ndarray | None = None
) -> Outcome:
    """Every maker for itself, given what the others move: best replies in turn until nobody changes.

    Parameters
    ----------
    damping : float
        Share of the way to the best reply that a maker goes, above 0 and below 2.
    start : array (M,), optional
        Where they begin; with cliffs there can be several equilibria. Default: nothing moves.

    Raises
    ------
    DataError
        If `damping` is out of bounds.

    Notes
    -----
    Maker i minimises v_i (M_i − x_i) r + c_i x_i. With r = r0 − k X the best reply is
    x_i = (r0 − k X_−i + k M_i − c_i / v_i) / 2k within [0, cap]. Divided by v_i, the first-order conditions
    are the gradient of Φ = ½ k (X² + Σ x_i²) − Σ (r0 + k M_i − c_i / v_i) x_i: a potential (Monderer and
    Shapley 1996, Games and Economic Behavior 14), strictly convex, so there is one equilibrium; best replies
    in turn are projected over-relaxation on it, which converges for 0 < damping < 2 (Cryer 1971, SIAM Journal
    on Control 9). If all are interior X = (n r0 + k ΣM − Σc/v) / ((n + 1) k). With cliffs or bends none of
    this holds, there can be several equilibria or none, and makers that do not settle give their cycle.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case("japan-increments", period="CY2026")
    >>> rates = tm.schedule.schedule(asked, "JP", from_now=True).with_relief(slope=0.4, firm_weight=0.0)
    >>> found = tm.game.nash(rates, tm.game.costs(asked, rates))
    >>> found.settled, found.contraction < 1, found.cycle is None
    (True, True, True)
    """
    if not 0 < damping < 2:
        raise DataError(f"damping is {damping:g}; write a number above 0 and below 2")
    reply = _LinearReply(rates, costs) if rates.linear else _SearchedReply(rates, costs)
    top = np.minimum(costs.most, rates.imports)
    moved = np.zeros(len(top)) if start is None else np.clip(np.asarray(start, dtype=float), 0, top)
    path, changes = [moved.copy()], []
    close = 1e-7 * top.sum() if rates.linear else 1.0
    for number in range(1, rounds + 1):
        for k in range(len(moved)):
            step = reply(k, moved.sum() - moved[k]) - moved[k]
            # the last vehicle is not damped: what stops short of a cliff does not earn it
            moved[k] = np.clip(moved[k] + (step if abs(step) <= 1.0 else damping * step), 0.0, top[k])
        changes.append(float(np.abs(moved - path[-1]).max()))
        path.append(moved.copy())
        if changes[-1] <= close:
            return Outcome(rates, costs, moved, True, number, _shrinking(changes))
    states = np.array(path[1:])
    return Outcome(
        rates, costs, np.full(len(top), np.nan), False, rounds, _shrinking(changes), _cycle(states)
    )


def coordinated(rates: Schedule, costs: Costs) -> Outcome:
    """All as one: what is moved, and by whom, for the least duty and cost of all together.

    Given how much is moved the rate is given, and the cheapest allotment is to fill the steps that save most
    first (a fractional knapsack: Dantzig 1957, Operations Research 5). One dimension is left and searched, so
    that values that differ between makers, with which the problem is not convex, do no harm.

    Raises
    ------
    DataError
        If the relief is not earned at country level alone.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case("japan-flexible-linear-country", period="CY2026")
    >>> rates = tm.schedule.schedule(asked, "JP")
    >>> each = tm.game.costs(asked, rates)
    >>> tm.game.coordinated(rates, each).total >= tm.game.nash(rates, each).total
    True
    """
    if rates.entry is not None and rates.entry.firm_weight != 0:
        raise DataError("what makers allot together is asked of relief with firm_weight = 0; see with_relief")
    low, high = 0.0, float(np.minimum(costs.most, rates.imports).sum())
    best = np.zeros(len(rates.makers))
    for _ in range(_ZOOMS):
        totals = np.linspace(low, high, 4 * _GRID)
        moved = _allotted(rates, costs, totals)
        spent = (rates.duty(moved, totals[:, None]) + costs.of(moved)).sum(axis=1)
        at = int(spent.argmin())
        best = moved[at]
        low, high = totals[max(at - 1, 0)], totals[min(at + 1, len(totals) - 1)]
    return Outcome(rates, costs, best)


def _allotted(rates: Schedule, costs: Costs, totals: np.ndarray) -> np.ndarray:
    """Cheapest allotment (T, M) of each total."""
    rate = rates.rate(np.zeros((len(totals), len(rates.makers))), totals[:, None])
    worth = ((rates.value_usd * rate)[..., None] - costs.each_usd).reshape(len(totals), -1)
    order = np.argsort(-worth, axis=1, kind="stable")
    size = costs.units.ravel()[order]
    filled = np.clip(totals[:, None] - (np.cumsum(size, axis=1) - size), 0.0, size)
    moved = np.zeros_like(filled)
    np.put_along_axis(moved, order, filled, axis=1)
    return np.asarray(moved.reshape(len(totals), *costs.units.shape).sum(axis=2))


def supply(
    case: Case, origin: str, slopes: Sequence[float], *, base: float | None = None, horizon: Horizon = "long",
    gap_usd: Sequence[float] | None = None, years: float = 10.0,
) -> pd.DataFrame:  # fmt: skip
    """US output against the slope of a linear relief, under the three rules.

    The relief of the policy counts from now: what is added to its contribution takes the rate down from
    `base`.

    Parameters
    ----------
    slopes : sequence of float
        Fall of the rate for each unit of contribution.
    base : float, optional
        All-in rate at what is built now; default: that of the law in force on the last day of the period.
    gap_usd : three floats, optional
        Low, central and high, in place of `capacity.cost_gap`.
    years : float
        Over which capital is paid back.

    Returns
    -------
    DataFrame
        Indexed by `slope` and `rule` (`RULES`): `moved_units` at central costs, `moved_low_units` at high and
        `moved_high_units` at low ones; `rate`, mean by value; `duty_usd` a year; `settled`, `rounds`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = tm.game.supply(tm.case("japan-increments", period="CY2026"), "JP", [0.2], base=0.15)
    >>> found.loc[0.2, "moved_units"].idxmin()
    'nash'
    """
    now, start = offered(case, origin, base)
    gaps = gap_usd or (None, None, None)
    ends = [
        costs(case, now, horizon=horizon, cost=end, gap_usd=gap, years=years)
        for end, gap in zip(capacity.ENDS, gaps, strict=True)
    ]
    rows = {}
    for slope in slopes:
        for rule in RULES:
            rates = now.straight(start, slope, firm_weight=1.0 if rule == "firm" else 0.0)
            found = [(coordinated if rule == "coordinated" else nash)(rates, one) for one in ends]
            cheap, central, dear = found
            rows[float(slope), rule] = {
                "moved_units": central.total,
                "moved_low_units": dear.total,
                "moved_high_units": cheap.total,
                "rate": rates.mean_rate(central.moved),
                "duty_usd": rates.duty(central.moved, central.total).sum(),
                "settled": all(one.settled for one in found),
                "rounds": central.rounds,
            }
    frame = pd.DataFrame.from_dict(rows, orient="index")
    frame.index = pd.MultiIndex.from_tuples(rows, names=["slope", "rule"])
    return frame


class _LinearReply:
    """Best reply where the rate falls on a straight line: its own closed form on each step of cost."""

    def __init__(self, rates: Schedule, costs: Costs) -> None:
        zero, one = np.zeros(len(rates.makers)), rates.imports
        total = float(rates.totals[-1]) or 1.0
        self.rate = rates.rate(zero, 0.0)
        self.common = (self.rate - rates.rate(zero, total)) / total
        self.steep = (self.rate - rates.rate(one, 0.0)) / one + self.common
        self.top = np.minimum(np.cumsum(costs.units, axis=1), rates.imports[:, None])
        self.ratio = costs.each_usd / rates.value_usd[:, None]
        self.imports = rates.imports

    def __call__(self, k: int, others: float) -> float:
        rate = self.rate[k] - self.common[k] * others
        if self.steep[k] <= 0:
            return float(np.max(np.where(self.ratio[k] < rate, self.top[k], 0.0)))
        best = (rate + self.steep[k] * self.imports[k] - self.ratio[k]) / (2 * self.steep[k])
        return float(max(np.max(np.minimum(best, self.top[k])), 0.0))


class _SearchedReply:
    """Best reply on a grid, repeated around the best of its points."""

    def __init__(self, rates: Schedule, costs: Costs) -> None:
        self.rates = [rates.only(k) for k in range(len(rates.makers))]
        self.costs = [costs.only(k) for k in range(len(rates.makers))]
        self.top = np.minimum(costs.most, rates.imports)

    def __call__(self, k: int, others: float) -> float:
        low, high = 0.0, float(self.top[k])
        rates, costs, best = self.rates[k], self.costs[k], 0.0
        for _ in range(_ZOOMS):
            grid = np.linspace(low, high, _GRID)[:, None]
            spent = rates.duty(grid, grid + others)[:, 0] + costs.of(grid)[:, 0]
            at = int(spent.argmin())
            best = float(grid[at, 0])
            low, high = float(grid[max(at - 1, 0), 0]), float(grid[min(at + 1, _GRID - 1), 0])
        return best


def _shrinking(changes: list[float]) -> float:
    """Geometric mean of the ratios of the last changes above nothing."""
    kept = [change for change in changes if change > 0][-6:]
    return float((kept[-1] / kept[0]) ** (1 / (len(kept) - 1))) if len(kept) > 1 else np.nan


def _cycle(states: np.ndarray) -> np.ndarray | None:
    """The last states from one to the next of its like; None where none comes back within a vehicle."""
    for period in range(1, len(states) // 2):
        if np.abs(states[-1] - states[-1 - period]).max() < 1.0:
            return states[-period:]
    return None
