"""What would one maker build in the US, where, and from when, if it did the cheapest?

A mixed-integer programme, solved exactly by HiGHS (Huangfu and Hall 2018, Mathematical Programming
Computation 10) through `scipy.optimize.milp`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array, csr_array

from tariffmodel.errors import DataError
from tariffmodel.response import capacity
from tariffmodel.response.schedule import Curve, Schedule, schedule
from tariffmodel.tariff.case import Case

_NEEDED = ["capacity_units", "capital_usd", "months", "gap_usd"]
_THOUSAND, _MILLION = 1e3, 1e6  # vehicles and USD in the programme, so that its numbers are alike


@dataclass(frozen=True, eq=False)
class Plan:
    """The cheapest plan.

    Attributes
    ----------
    cost_usd, stay_usd : float
        Present value of duty, capital and higher cost under the plan, and of the duty if nothing moves.
    starts : DataFrame
        Indexed by option taken: `start_year` after today in which it is decided, `months` until it
        builds, `capital_usd`, `capacity_units`.
    years : DataFrame
        Indexed by `year`, from 1: `moved_units`, `duty_usd`, and what each option builds (`spare_units`).
    gap : float
        Between the cost and the lowest that any plan could have, a share of the cost: zero if solved exactly.

    Examples
    --------
    >>> duty = Curve(np.array([0.0, 100.0]), np.array([1000.0]), np.array([0.0]))
    >>> idle = {"capacity_units": 60.0, "capital_usd": 0.0, "months": 0.0, "gap_usd": 4.0}
    >>> found = plan(duty, pd.DataFrame([idle], index=["spare"]), years=2, discount_rate=0.0)
    >>> found.cost_usd, found.stay_usd, found.saved_usd, found.moved_units
    (1280.0, 2000.0, 720.0, 60.0)
    """

    cost_usd: float
    stay_usd: float
    starts: pd.DataFrame
    years: pd.DataFrame
    gap: float

    @property
    def saved_usd(self) -> float:
        """What the plan is worth against staying."""
        return self.stay_usd - self.cost_usd if len(self.starts) else 0.0

    @property
    def moved_units(self) -> float:
        """Vehicles a year at the end."""
        return float(self.years["moved_units"].iloc[-1])


def plan(
    duty: Curve | Sequence[Curve],
    options: pd.DataFrame,
    *,
    discount_rate: float = 0.08,
    years: int | None = None,
    export_margin_usd: float = 0.0,
) -> Plan:
    """Least present value of duty, capital, higher unit cost and margin lost, over the life of a tariff.

    Parameters
    ----------
    duty : Curve, or one for each year
        Duty a year against vehicles moved, from `Schedule.curve`; of uncertain law the expected one.
    options : DataFrame
        As from `capacity.options`: `capacity_units`, `capital_usd` per vehicle of capacity, spent when
        decided, `months`, `gap_usd`; optionally `export_margin_usd`.
    discount_rate : float
        A year. Duty and unit costs fall due at the end of each year, capital at its start.
    years : int, optional
        Life of the tariff. Default: as many as `duty` has curves, or 10.
    export_margin_usd : float
        Margin per vehicle that the plant abroad loses, or that a US plant gave up in export sales.

    Raises
    ------
    DataError
        An option without capacity, capital, lead time or gap; no curve; a discount rate of -1 or less.

    Notes
    -----
    With y_js = 1 if option j is decided at the start of year s, x_jt vehicles and d the discount factor:
    min Σ_t d_t [D_t(Σ_j x_jt) + Σ_j (gap_j + margin) x_jt] + Σ_js d_s K_j cap_j y_js, Σ_s y_js ≤ 1, x_jt ≤
    cap_j Σ_s a(t − s) y_js, where a is the part of year t that lies after the months of the option. Stretches
    where D_t is convex need no binary variable; for each further one there is one (multiple choice
    formulation: Vielma, Ahmed and Nemhauser 2010, Operations Research 58, sec. 3). Under one convex curve for
    all years what an option saves never rises as others start, so it is started at once or never.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> case = tm.case("flat-25", period="CY2026")
    >>> duty = tm.schedule.schedule(case, "JP").curve("Subaru")
    >>> found = tm.plants.plan(duty, tm.capacity.options(case.facts, "Subaru", "JP"))
    >>> "spare" in found.starts.index, found.saved_usd > 0, bool(found.gap < 1e-6)
    (True, True, True)
    """
    options = _usable(options, export_margin_usd)
    curves = [duty] if isinstance(duty, Curve) else list(duty)
    if not curves or not discount_rate > -1:
        raise DataError("a plan needs a duty curve for every year and a discount rate above -1")
    count = years or (10 if len(curves) == 1 else len(curves))
    if len(curves) not in (1, count):
        raise DataError(f"{len(curves)} duty curves for {count} years; give one, or one for every year")
    curves = curves * count if len(curves) == 1 else curves
    later = (1 + discount_rate) ** -np.arange(count + 1.0)
    stay = float(sum(d * curve.at(0.0) for d, curve in zip(later[1:], curves, strict=True)))
    when = _when(curves, options["months"].to_numpy(), later)
    return _solved(_programme(curves, options, when), curves, options, when, stay)


def table(case: Case, origin: str, *, years: int = 10, discount_rate: float = 0.08) -> pd.DataFrame:
    """The cheapest plan of every maker that ships in from an origin, each alone, while nobody else moves.

    Parameters
    ----------
    years : int
        Life of the tariff.

    Returns
    -------
    DataFrame
        Indexed by maker: `import_units` shipped in now; `moved_units` a year at the end, with
        `moved_low_units` and `moved_high_units`, the least and the most at the three costs of
        `capacity.options`; at central costs `saved_usd` in present value, `capital_usd`, `first_months` until
        the first of them is built (NaN: nothing moves) and `options` taken; the `flag` of `capacity.spare`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = tm.plants.table(tm.case("flat-25", period="CY2026"), "KR")
    >>> bool((found["moved_units"] <= found["import_units"] + 1e-6).all()), found.at["Kia", "flag"] != ""
    (True, True)
    """
    rates, idle = schedule(case, origin), capacity.spare(case.facts)["flag"]
    rows = {}
    for maker, units in zip(rates.makers, rates.imports, strict=True):
        plans = [
            of_maker(case, rates, maker, cost=end, years=years, discount_rate=discount_rate)
            for end in capacity.ENDS
        ]
        moved, central = [one.moved_units for one in plans], plans[capacity.ENDS.index("central")]
        starts = central.starts
        rows[maker] = {
            "import_units": units,
            "moved_units": central.moved_units,
            "moved_low_units": min(moved),
            "moved_high_units": max(moved),
            "saved_usd": central.saved_usd,
            "capital_usd": starts["capital_usd"].sum(),
            "first_months": (12 * starts["start_year"] + starts["months"]).min() if len(starts) else np.nan,
            "options": ", ".join(map(str, starts.index)),
            "flag": idle.get(maker, ""),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("maker")


def of_maker(
    case: Case, rates: Schedule, maker: str, *, cost: capacity.End = "central", others: float = 0.0,
    years: int = 10, discount_rate: float = 0.08,
) -> Plan:  # fmt: skip
    """The cheapest plan of one maker with its own options, duty on parts for what it builds among the costs.

    Parameters
    ----------
    rates : Schedule
    others : float
        Vehicles that the other makers move.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case("flat-25", period="CY2026")
    >>> found = tm.plants.of_maker(asked, tm.schedule.schedule(asked, "JP"), "Subaru", cost="high")
    >>> found.cost_usd <= found.stay_usd
    True
    """
    able = capacity.options(case.facts, maker, rates.origin, cost)
    parts = rates.parts_usd[rates.makers.index(maker)]
    able["gap_usd"] += 0.0 if np.isnan(parts) else parts
    return plan(rates.curve(maker, others), able, years=years, discount_rate=discount_rate)


def _usable(options: pd.DataFrame, margin: float) -> pd.DataFrame:
    lacking = [column for column in _NEEDED if column not in options]
    if lacking:
        raise DataError(f"options lack the column {lacking[0]}; see capacity.options")
    numbers = options[_NEEDED].astype(float)
    bad = (
        numbers.isna()
        | np.isinf(numbers)
        | (numbers[_NEEDED[:3]] < 0).reindex(columns=_NEEDED, fill_value=False)
    )
    if bad.to_numpy().any():
        row, column = np.argwhere(bad.to_numpy())[0]
        named = f"option {options.index[row]!r}: {_NEEDED[column]}"
        raise DataError(
            f"{named} is {numbers.to_numpy()[row, column]:g}; give a number, not below zero but for the gap, "
            "or leave the option out"
        )
    extra = options.get("export_margin_usd", margin)
    return numbers.assign(gap_usd=numbers["gap_usd"] + extra)


@dataclass(frozen=True, eq=False)
class _When:
    """Years that differ, T of them: years alike are reckoned as one.

    `built` (J, S, T) is the part of a year in which an option decided at the start of year s builds. `start`
    (S,) discounts capital, `weight` (T,) what falls due in those years. `place` says which of the T each year
    is, `first` which year stands for each.
    """

    built: np.ndarray
    start: np.ndarray
    weight: np.ndarray
    place: np.ndarray
    first: np.ndarray


def _when(curves: list[Curve], months: np.ndarray, later: np.ndarray) -> _When:
    year = np.arange(len(curves))
    part = year[None, None, :] + 1 - year[None, :, None] - months[:, None, None] / 12
    built = np.clip(part, 0, 1)
    if len({id(curve) for curve in curves}) > 1 or _stretches(curves[0])[-1] > 0:
        return _When(built, later[:-1], later[1:], year, year)
    # under one convex curve options only take from each other: what is worth starting is worth it at once
    built = built[:, :1]
    _, first, place = np.unique(built[:, 0].T, axis=0, return_index=True, return_inverse=True)
    place = place.ravel()
    return _When(built[:, :, first], later[:1], np.bincount(place, later[1:]), place, first)


@dataclass(frozen=True, eq=False)
class _Programme:
    """Columns: decisions (J, S), vehicles (J, T), what lies in each piece of each year, which stretch."""

    cost: np.ndarray
    matrix: csr_array
    low: np.ndarray
    high: np.ndarray
    most: np.ndarray
    whole: np.ndarray
    constant: float


def _stretches(curve: Curve) -> np.ndarray:
    """Number of the convex stretch of each piece: a new one at a cliff or where the slope falls."""
    scale = max(np.abs(curve.start_usd).max(), 1.0)
    cliff = np.abs(curve.start_usd[1:] - curve.end_usd[:-1]) > 1e-6 * scale
    falls = np.diff(curve.slope) < -1e-7 * np.abs(curve.slope).max()
    return np.asarray(np.r_[0, np.cumsum(cliff | falls)])


class _Rows:
    """Rows and columns of the programme, as they come."""

    def __init__(self) -> None:
        self.parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self.bounds: list[tuple[np.ndarray, np.ndarray]] = []
        self.columns: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self.rows = self.width = 0

    def add(self, cost: np.ndarray, most: np.ndarray | float, whole: float) -> np.ndarray:
        """Columns with a cost, between zero and `most`; their numbers."""
        flat = cost.ravel()
        self.columns.append((flat, np.broadcast_to(most, flat.shape), np.full(flat.shape, whole)))
        self.width += len(flat)
        return np.arange(self.width - len(flat), self.width).reshape(cost.shape)

    def hold(
        self, low: float, high: float, count: int, *terms: tuple[np.ndarray, np.ndarray, np.ndarray]
    ) -> None:
        """Rows with bounds, and their entries: row (from 0 here), column, value."""
        self.parts += [(row + self.rows, column, value) for row, column, value in terms]
        self.bounds.append((np.full(count, low), np.full(count, high)))
        self.rows += count

    def programme(self, constant: float) -> _Programme:
        """All of them."""
        row, column, value = (np.concatenate(part) for part in zip(*self.parts, strict=True))
        low, high = (np.concatenate(part) for part in zip(*self.bounds, strict=True))
        cost, most, whole = (np.concatenate(part) for part in zip(*self.columns, strict=True))
        matrix = coo_array((value, (row, column)), shape=(self.rows, self.width)).tocsr()
        return _Programme(cost, matrix, low, high, most, whole, constant)


def _programme(curves: list[Curve], options: pd.DataFrame, when: _When) -> _Programme:
    size, gap, capital = (options[name].to_numpy() for name in ("capacity_units", "gap_usd", "capital_usd"))
    count, rows, constant = len(size), _Rows(), 0.0
    decide = rows.add(when.start * (size * capital)[:, None] / _MILLION, 1.0, 1.0)
    room = np.broadcast_to((size / _THOUSAND)[:, None], (count, len(when.weight)))
    move = rows.add(when.weight * gap[:, None] * _THOUSAND / _MILLION, room.ravel(), 0.0)
    j, s, t = np.nonzero(when.built)
    rows.hold(
        -np.inf, 0.0, move.size,
        (np.arange(move.size), move.ravel(), np.ones(move.size)),
        (j * move.shape[1] + t, decide[j, s], -size[j] * when.built[j, s, t] / _THOUSAND),
    )  # fmt: skip
    once = np.repeat(np.arange(count), len(when.start))
    rows.hold(-np.inf, 1.0, count, (once, decide.ravel(), np.ones(decide.size)))
    for n, year in enumerate(when.first):
        constant += _duty(rows, curves[year], float(when.weight[n]), move[:, n])
    return rows.programme(constant)


def _duty(rows: _Rows, curve: Curve, weight: float, move: np.ndarray) -> float:
    """Duty of a year on what its options move; what of it is owed whatever happens."""
    stretch, length = _stretches(curve), np.diff(curve.vehicles) / _THOUSAND
    first = np.r_[0, np.flatnonzero(np.diff(stretch)) + 1]
    begins, intercept = curve.vehicles[first] / _THOUSAND, weight * curve.start_usd[first] / _MILLION
    pieces = rows.add(weight * curve.slope * _THOUSAND / _MILLION, length, 0.0)
    k = np.arange(len(pieces))
    moved, filled = (0 * move, move, np.ones(len(move))), (0 * k, pieces, -np.ones(len(k)))
    if len(first) == 1:  # convex: the pieces fill themselves in order
        rows.hold(0.0, 0.0, 1, moved, filled)
        return float(intercept[0])
    chosen = rows.add(intercept, 1.0, 1.0)
    one = 0 * chosen
    rows.hold(0.0, 0.0, 1, moved, filled, (one, chosen, -begins))
    rows.hold(1.0, 1.0, 1, (one, chosen, np.ones(len(chosen))))
    rows.hold(-np.inf, 0.0, len(k), (k, pieces, np.ones(len(k))), (k, chosen[stretch], -length))
    return 0.0


def _solved(asked: _Programme, curves: list[Curve], options: pd.DataFrame, when: _When, stay: float) -> Plan:
    count, starts, different = when.built.shape
    done = milp(
        asked.cost,
        integrality=asked.whole,
        bounds=Bounds(0, asked.most),
        constraints=LinearConstraint(asked.matrix, asked.low, asked.high),
        options={"mip_rel_gap": 1e-9},
    )
    if done.status != 0:
        raise DataError(f"no plan was found: {done.message}")
    decided = done.x[: count * starts].reshape(count, starts) > 0.5
    total = done.x[count * starts : count * (starts + different)].reshape(count, different).sum(axis=0)
    ends = np.array([curves[year].vehicles[-1] for year in when.first])
    moved = _in_order(np.minimum(total * _THOUSAND, ends), decided, options, when)
    total = moved.sum(axis=0)
    duty = np.array([curves[year].at(units) for year, units in zip(when.first, total, strict=True)])
    used = decided.any(axis=1) & (moved.sum(axis=1) > 1e-6)
    taken, year_of = options[used], decided[used].argmax(axis=1)
    spent = (taken["capital_usd"] * taken["capacity_units"]).to_numpy()
    cost = float(
        (when.weight * (duty + options["gap_usd"].to_numpy() @ moved)).sum()
        + (when.start[year_of] * spent).sum()
    )
    found = (done.fun + asked.constant) * _MILLION
    gap = max(abs(cost - found) / max(abs(stay), 1.0), float(done.mip_gap or 0.0))
    whole = {"capital_usd": spent, "capacity_units": taken["capacity_units"].to_numpy()}
    first = pd.DataFrame(
        {"start_year": year_of, "months": taken["months"].to_numpy(), **whole},
        index=taken.index.rename("option"),
    )
    each = {f"{name}_units": units for name, units in zip(options.index, moved[:, when.place], strict=True)}
    years = pd.DataFrame(
        {"moved_units": total[when.place], "duty_usd": duty[when.place], **each},
        index=pd.RangeIndex(1, len(when.place) + 1, name="year"),
    )
    return Plan(cost, stay, first, years, gap)


def _in_order(total: np.ndarray, decided: np.ndarray, options: pd.DataFrame, when: _When) -> np.ndarray:
    """What each option builds (J, T): the cheapest first, of equals the first."""
    size, gap = (options[name].to_numpy() for name in ("capacity_units", "gap_usd"))
    able = size[:, None] * (decided[:, :, None] * when.built).sum(axis=1)
    order = np.argsort(gap, kind="stable")
    before = np.cumsum(able[order], axis=0) - able[order]
    moved = np.zeros(able.shape)
    moved[order] = np.clip(total - before, 0.0, able[order])
    return moved
