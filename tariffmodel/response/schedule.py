"""Which rate does a maker pay once vehicles are built in the US that are shipped in now?

A vehicle that moves counts twice: it is built in the US, and it is not brought in. What the relief of a
policy earns by that is taken from the policy itself, at one maker's move (`own`) and at the sum of all that
move (`total`), which is what relief at country level is earned by. Jobs and investment that come with the
output are not counted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from tariffmodel.errors import DataError
from tariffmodel.facts import IMPORTS, PRODUCTION, Facts, periods, resolve
from tariffmodel.tariff.case import LAW, Case
from tariffmodel.tariff.contribution import HOME_IMPORTS
from tariffmodel.tariff.entries import Relief
from tariffmodel.tariff.goods import Goods
from tariffmodel.tariff.rates import rates
from tariffmodel.tariff.relief import contribution_of, earners, edges, rate_at

_POINTS = 401  # of the contribution, between which it is straight or nearly so
_LAST = 1e-6  # share of imports that stays when all have moved
_NOTHING = 1e-3  # of a vehicle: what a solver leaves undecided
_JUST = 1e-9  # share of a stretch, inside of which a cliff at its end is not met


@dataclass(frozen=True, eq=False)
class Schedule:
    """Makers that ship in from one origin, and the rate that each pays as a function of what moves.

    Attributes
    ----------
    makers : list of str
        M of them, with imports from `origin`.
    origin, label : str
        Of the vehicles, and of the policy.
    imports, value_usd : array (M,)
        Vehicles a year, and customs value of each, USD.
    parts_usd : array (M,)
        Duty on parts less offset that one more vehicle built in the US brings, USD; NaN where the maker
        builds none there, so that it is not known.
    entry : Relief or None
        The relief; without one the rate does not depend on what moves.
    weight, ordinary, other : array (4, M)
        Share in value of each product, outside and inside USMCA, its ordinary duty, and all else on it.
    moves, own_score : array (P, M)
        Grid of what each maker moves, and its own contribution there.
    totals, total_score : array (P,)
        Grid of what all move, and the contribution of the country there.
    able : array (M,)
        Who can earn the relief.
    from_now : bool
        Whether only what is added counts: the contribution of today is taken off.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = schedule(tm.case("japan-increments", period="CY2026"), "JP")
    >>> now, moved = found.rate(np.zeros(6), 0.0), found.rate(np.full(6, 2e4), 12e4)
    >>> len(found.makers), bool((moved <= now).all())
    (6, True)
    >>> bool((found.with_relief(slope=0.0).rate(0.0, 0.0) >= now).all())
    True
    >>> curve, half = found.curve("Toyota"), found.imports / 2
    >>> bool(curve.start_usd[0] > curve.end_usd[-1]), bool((curve.slope < 0).all())
    (True, True)
    >>> fewer = found.duty(half, half.sum()) < found.duty(0 * half, 0.0)
    >>> bool(fewer.all()), bool((found.score(half, 0.0) >= 0).all())
    (True, True)
    """

    makers: list[str]
    origin: str
    label: str
    imports: np.ndarray
    value_usd: np.ndarray
    parts_usd: np.ndarray
    entry: Relief | None
    weight: np.ndarray
    ordinary: np.ndarray
    other: np.ndarray
    moves: np.ndarray
    own_score: np.ndarray
    totals: np.ndarray
    total_score: np.ndarray
    able: np.ndarray
    from_now: bool = False

    def with_relief(self, **changes: object) -> Schedule:
        """The same makers under a relief with other numbers, such as ``slope`` or ``firm_weight``.

        What it is measured by stays; that asks for another policy.
        """
        if self.entry is None:
            raise DataError(f"{self.label} has no relief for vehicles from {self.origin} to change")
        wrong = sorted({"metric", "score", "year", "relative_to", "origin"} & set(changes))
        if wrong:
            raise DataError(f"{wrong[0]} says what is measured; load a policy that measures so instead")
        return replace(self, entry=Relief.model_validate(self.entry.model_dump(by_alias=True) | changes))

    def straight(self, base: float, slope: float, firm_weight: float) -> Schedule:
        """The same makers under a relief that takes the rate down from `base` in a straight line, all in.

        >>> import tariffmodel as tm
        >>> found = schedule(tm.case("japan-increments", period="CY2026"), "JP", from_now=True)
        >>> found.straight(0.15, 0.4, firm_weight=0.0).linear
        True
        """
        return self.with_relief(
            schedule="linear", basis="inclusive", base=base, cap=base, floor=0.0, slope=slope,
            firm_weight=firm_weight, bracket=[], steepness=None, exponent=1.0, midpoint=0.5,
        )  # fmt: skip

    def rate(self, own: np.ndarray | float, total: np.ndarray | float) -> np.ndarray:
        """All-in rate (..., M) of each maker that moves `own` (..., M) while all move `total` (..., 1).

        Fractions of customs value.
        """
        own = np.broadcast_arrays(np.asarray(own, dtype=float), np.zeros(len(self.makers)))[0]
        if self.entry is None:
            return np.asarray(np.broadcast_to((self.weight * self.other).sum(axis=0), own.shape))
        score = self.score(own, total)
        charged = rate_at(self.entry, score)[..., None, :]
        if self.entry.basis == "inclusive":
            charged = np.maximum(charged - self.ordinary, 0.0)
        whole = (self.weight * (self.ordinary + self.other + charged)).sum(axis=-2)
        return np.asarray(whole)

    def score(self, own: np.ndarray, total: np.ndarray | float) -> np.ndarray:
        """Contribution (..., M) that the relief counts, see `Relief`."""
        if self.entry is None:
            raise DataError(f"{self.label} measures no contribution")
        share = self.entry.firm_weight
        columns = zip(np.moveaxis(own, -1, 0), self.moves.T, self.own_score.T, strict=True)
        firm = np.stack([np.interp(*column) for column in columns], axis=-1)
        pooled = np.interp(np.asarray(total, dtype=float), self.totals, self.total_score)
        score = share * firm + (1 - share) * pooled
        if self.from_now:
            score = score - share * self.own_score[0] - (1 - share) * self.total_score[0]
        return np.asarray(np.where(self.able, score, 0.0))

    def only(self, k: int) -> Schedule:
        """Of one maker alone: what the others move is part of the total.

        >>> import tariffmodel as tm
        >>> found = schedule(tm.case("flat-25", period="CY2026"), "JP")
        >>> found.only(0).makers == found.makers[:1]
        True
        """
        one = [k]
        by_maker = ("imports", "value_usd", "parts_usd", "able")
        by_row = ("weight", "ordinary", "other", "moves", "own_score")
        cut = {name: getattr(self, name)[one] for name in by_maker}
        cut |= {name: getattr(self, name)[:, one] for name in by_row}
        return replace(self, makers=[self.makers[k]], **cut)

    def mean_rate(self, moved: np.ndarray | float = 0.0) -> float:
        """Rate on all that is shipped in, NaN where nothing is.

        >>> import tariffmodel as tm
        >>> round(schedule(tm.case("flat-25", period="CY2026"), "JP").mean_rate(), 3)
        0.275
        """
        own = np.broadcast_to(np.asarray(moved, dtype=float), self.imports.shape)
        worth = self.value_usd * (self.imports - own)
        paid = worth @ self.rate(own, own.sum())
        return float(paid / worth.sum()) if worth.sum() > 0 else np.nan

    @cached_property
    def linear(self) -> bool:
        """Whether every rate falls on one straight line in what moves, so that closed forms hold.

        >>> import tariffmodel as tm
        >>> schedule(tm.case("japan-tiered-production-ratio", period="CY2026"), "JP").linear
        False
        """
        if self.entry is None:
            return True
        grid = np.linspace(0, 1, 41)[:, None]
        rate = self.rate(grid * self.imports, grid * self.imports.sum())
        return bool(np.abs(np.diff(rate, 2, axis=0)).max() < 1e-10)

    def duty(self, own: np.ndarray, total: np.ndarray | float) -> np.ndarray:
        """USD a year (..., M) on what is still shipped in."""
        return np.asarray(self.value_usd * (self.imports - own) * self.rate(own, total))

    def curve(self, maker: str, others: float = 0.0, points: int = 24) -> Curve:
        """Duty of one maker in straight pieces, as `plants.plan` takes it; cliffs stay where they are.

        Parameters
        ----------
        others : float
            Vehicles that the other makers move.
        points : int
            Pieces, beside those that bends and cliffs add.
        """
        k = self._place(maker)
        ends = np.unique(np.r_[np.linspace(0.0, self.imports[k], points + 1), self._bends(k, others)])
        length = np.diff(ends)
        inside = np.c_[ends[:-1] + _JUST * length, ends[1:] - _JUST * length]
        own = np.zeros((*inside.shape, len(self.makers)))
        own[..., k] = inside
        usd = self.duty(own, (inside + others)[..., None])[..., k]
        return Curve(ends, usd[:, 0], usd[:, 1])

    def _bends(self, k: int, others: float) -> np.ndarray:
        """Moves of a maker at which its contribution reaches a bend of the relief."""
        if self.entry is None or not self.able[k]:
            return np.empty(0)
        # with the ends of every straight piece of the contribution, so that a cliff is found where it is
        grid = np.unique(np.r_[self.moves[:, k], self.totals - others])
        grid = grid[(grid >= 0) & (grid <= self.imports[k])]
        own = np.zeros((len(grid), len(self.makers)))
        own[:, k] = grid
        score = self.score(own, (grid + others)[:, None])[:, k]
        bends = np.array(edges(self.entry, set(np.unique(self.ordinary[:, k]))))
        bends = bends[(bends > score[0]) & (bends < score[-1])] if len(bends) else bends
        return np.asarray(np.interp(bends, score, grid))

    def _place(self, maker: str) -> int:
        if maker not in self.makers:
            raise DataError(
                f"{maker} ships in nothing from {self.origin} here; choose from {', '.join(self.makers)}"
            )
        return self.makers.index(maker)


@dataclass(frozen=True, eq=False)
class Curve:
    """Duty a year of one maker against the vehicles that it moves, in straight pieces.

    Piece k runs from ``vehicles[k]`` to ``vehicles[k + 1]`` and from ``start_usd[k]`` to ``end_usd[k]``.
    Where a piece does not start at the end of the one before there is a cliff, at which the lower duty holds.

    >>> cliff = Curve(np.array([0.0, 10.0, 20.0]), np.array([100.0, 60.0]), np.array([90.0, 40.0]))
    >>> cliff.at(10.0), cliff.slope.tolist()
    (60.0, [-1.0, -2.0])
    """

    vehicles: np.ndarray
    start_usd: np.ndarray
    end_usd: np.ndarray

    def __post_init__(self) -> None:
        if not (np.diff(self.vehicles) > 0).all():
            raise DataError("the vehicles of a duty curve must rise; sort them, each once")
        if not len(self.vehicles) - 1 == len(self.start_usd) == len(self.end_usd):
            raise DataError("a duty curve of n pieces has n starts, n ends and n + 1 numbers of vehicles")
        if not np.isfinite(np.r_[self.vehicles, self.start_usd, self.end_usd]).all():
            raise DataError("a duty curve has a number that is missing or infinite")

    @property
    def slope(self) -> np.ndarray:
        """USD per vehicle on each piece."""
        return np.asarray((self.end_usd - self.start_usd) / np.diff(self.vehicles))

    def at(self, vehicles: float) -> float:
        """Duty, USD a year, with so many vehicles moved; a thousandth of one does not miss a cliff."""
        if not self.vehicles[0] - _NOTHING <= vehicles <= self.vehicles[-1] + _NOTHING:
            raise DataError(f"{vehicles:g} vehicles are beyond the {self.vehicles[-1]:g} of this duty curve")
        length = np.diff(self.vehicles)
        part = np.clip((vehicles - self.vehicles[:-1]) / length, 0, 1)
        here = (vehicles >= self.vehicles[:-1] - _NOTHING) & (vehicles <= self.vehicles[1:] + _NOTHING)
        return float(np.min((self.start_usd + part * (self.end_usd - self.start_usd))[here]))


def schedule(case: Case, origin: str, *, from_now: bool = False) -> Schedule:
    """Rates of the makers that ship vehicles in from one origin, under the policy of a case.

    Law and rates are those of the last day of the case's period, volumes and values its own, by the year.

    Parameters
    ----------
    origin : str
        Such as ``JP``.
    from_now : bool
        Count only what is added to the contribution of the relief's year, whatever the policy says.

    Raises
    ------
    DataError
        If nobody ships in from there, two reliefs stand on the same goods, or the relief is earned by
        several countries together, each by its own score.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = schedule(tm.case("flat-25", period="CY2026"), "KR")
    >>> found.makers, float(found.rate(0.0, 0.0)[0].round(3)), found.linear
    (['Hyundai Motor', 'Kia', 'GM'], 0.25, True)
    """
    facts, goods = case.facts, case.goods
    flows = np.flatnonzero((goods.flows.origin == origin) & ~goods.is_part)
    inside, last = goods.inside, np.flatnonzero(goods.inside)[-1]
    units, value = (a[0][inside].sum(axis=0) / goods.years for a in (goods.units, goods.value_usd))
    flows = flows[units[flows] > 0]
    if not len(flows):
        raise DataError(f"no maker ships vehicles in from {origin} in {case.period}; name another origin")
    owner = goods.owner[flows]
    movers = sorted(set(owner.tolist()))
    makers = [goods.makers[k] for k in movers]
    entry = _relief(case, origin)
    if entry and from_now:  # growth since today: that since another year would be taken off as well
        entry = entry.model_copy(update={"relative_to": None})
    card = rates(case.policy, facts, goods.flows, goods.spans, goods.units[:1])
    measure = entry.measure if entry else None

    def of(component: str, part: int) -> np.ndarray:
        array = np.broadcast_to(card.components[component][part], (1, len(goods.spans), len(goods.flows)))
        return np.asarray(array[0, last, flows])

    rest = [name for name in card.components if name not in ("mfn", measure)]
    q, u = goods.qualifying[0, last, flows], goods.us_content[0, last, flows]
    classes = []
    for share, part in ((1 - q, 0), (q, 1)):
        ordinary = of("mfn", part)
        other = sum((of(name, part) + part * (1 - u) * of(name, 2) for name in rest), np.zeros(len(flows)))
        classes.append((share, ordinary, other if entry else other + ordinary))
    products = goods.flows.product[flows]
    weight, ordinary, other = (
        np.concatenate([_by_class(array, products, owner, movers) for array in arrays])
        for arrays in zip(*classes, strict=True)
    )
    worth = _by_class(value[flows], products, owner, movers)
    imports = np.bincount(owner, units[flows], len(goods.makers))[movers]
    weight = weight * np.concatenate([worth / worth.sum(axis=0)] * 2)
    blank = np.zeros((2, len(makers)))
    empty = Schedule(
        makers, origin, case.policy.label, imports, worth.sum(axis=0) / imports, _parts_usd(case, movers),
        entry, weight, ordinary, other, blank, blank, blank[:, 0], blank[:, 0], np.zeros(len(makers), bool),
        from_now,
    )  # fmt: skip
    return empty if entry is None else _scored(empty, facts, goods)


def offered(case: Case, origin: str, base: float | None = None) -> tuple[Schedule, float]:
    """Rates under a relief that counts from now, and the rate that it starts from.

    Parameters
    ----------
    base : float, optional
        Default: the mean rate of the law in force on the last day of the period.

    Raises
    ------
    DataError
        If the policy has no relief for the origin.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> round(offered(tm.case("japan-increments", period="CY2026"), "JP")[1], 3)
    0.15
    """
    found = schedule(case, origin, from_now=True)
    if found.entry is None:
        raise DataError(f"{case.policy.name} has no relief for {origin}; name a policy that has one")
    if base is None:
        base = schedule(case.replace(policy=LAW), origin).mean_rate()
    return found, base


def _by_class(array: np.ndarray, products: np.ndarray, owner: np.ndarray, movers: list[int]) -> np.ndarray:
    """One row a product, one column a maker."""
    out = np.zeros((2, len(movers)))
    rows = (products == "light_truck").astype(int)
    out[rows, np.searchsorted(movers, owner)] = array
    return out


def _relief(case: Case, origin: str) -> Relief | None:
    day = case.period.end
    here = [
        entry
        for entry in case.policy.relief
        if (origin in entry.origin or "*" in entry.origin) and entry.start <= day <= entry.end
    ]
    if len(here) > 1:
        raise DataError(
            f"{case.policy.name}: reliefs {here[0].id} and {here[1].id} both hold for vehicles from "
            f"{origin}; ask about a policy with one"
        )
    return here[0] if here else None


def _parts_usd(case: Case, movers: list[int]) -> np.ndarray:
    """Duty on parts built in, less offset, per vehicle that a maker builds in the US, under the policy."""
    owed, _ = case.owed
    service = case.goods.is_part & ~case.goods.is_built_in  # of vehicles from anywhere
    dealers = (owed.duty[0] * service) @ case.goods.member
    built = case.goods.production[0][case.goods.inside].sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        each = (owed.parts[0] - dealers - owed.offset[0]) / built
    return np.asarray(np.where(built > 0, each, np.nan)[movers])


def _scored(found: Schedule, facts: Facts, goods: Goods) -> Schedule:
    """With the contribution on a grid of moves, from the policy's own metrics."""
    entry = found.entry
    assert entry is not None
    able = np.isin(found.makers, earners(entry, facts))
    homes = set(facts.makers.loc[np.array(found.makers)[able], "home"])
    if entry.firm_weight < 1 and len(homes) > 1:
        raise DataError(
            f"relief {entry.id} is earned by makers of {', '.join(sorted(homes))}, each country by its own "
            "score; ask about one that a single country earns, or with firm_weight = 1"
        )
    place = [goods.makers.index(maker) for maker in found.makers]
    part = np.linspace(0.0, 1.0, _POINTS)[:, None]
    own = part * found.imports
    # of the relief's year, in which a maker may have shipped in another number: all of it is gone at the end,
    # but for a millionth, since a ratio to no imports has no value
    there = resolve(
        facts, [(maker, IMPORTS, found.origin) for maker in found.makers], [periods.parse(entry.year)]
    )
    gone = there.value[0] * (1 - _LAST) / found.imports
    at_home = facts.makers.loc[found.makers, "home"].to_numpy() == found.origin

    def scores(moved: np.ndarray, firm_weight: float) -> np.ndarray:
        shift = {
            name: np.zeros((len(moved), len(goods.makers))) for name in (PRODUCTION, IMPORTS, HOME_IMPORTS)
        }
        shift[PRODUCTION][:, place], shift[IMPORTS][:, place] = moved, -moved * gone
        shift[HOME_IMPORTS][:, place] = -moved * gone * at_home
        alone = entry.model_copy(update={"firm_weight": firm_weight})
        return contribution_of(alone, facts, np.array(found.makers), shift=shift)

    total = found.imports[able].sum() if able.any() else 1.0
    pooled = np.zeros((_POINTS, len(place)))
    pooled[:, np.flatnonzero(able)] = (part * found.imports)[:, able]
    country = scores(pooled, 0.0)[:, able] if able.any() else pooled
    return replace(
        found,
        moves=own,
        own_score=scores(own, 1.0),
        totals=part[:, 0] * total,
        total_score=country[:, 0],
        able=able,
    )
