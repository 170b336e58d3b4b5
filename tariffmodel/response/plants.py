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
from scipy.sparse import coo_array

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
    formulation: Vielma, Ahmed and Nemhauser 2010, Operations Research 58, sec. 3).

    Examples
    --------
    >>> import tariffmodel as tm
    >>> case = tm.case("flat-25", period="CY2026")
    >>> duty = tm.schedule.schedule(case, "JP").curve("Subaru")
    >>> found = tm.plants.plan(duty, tm.capacity.options(case.facts, "Subaru", "JP"))
    >>> "spare" in found.starts.index, found.saved_usd > 0, found.gap < 1e-6
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
    return _solved(_programme(curves, options, later), curves, options, later, stay)


def table(
    case: Case, origin: str, *, cost: capacity.End = "central", years: int = 10, discount_rate: float = 0.08
) -> pd.DataFrame:
    """The cheapest plan of every maker that ships in from an origin, each alone, while nobody else moves.

    Parameters
    ----------
    cost : {'low', 'central', 'high'}
        See `capacity.options`.
    years : int
        Life of the tariff.

    Returns
    -------
    DataFrame
        Indexed by maker: `import_units` shipped in now, `moved_units` a year at the end, `saved_usd` in
        present value, `capital_usd`, `first_months` until the first of them is built (NaN: nothing
        moves), `options` taken, and the `flag` of `capacity.spare`.

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
        found = of_maker(case, rates, maker, cost=cost, years=years, discount_rate=discount_rate)
        moved = found.moved_units > 0.5
        starts = found.starts
        rows[maker] = {
            "import_units": units,
            "moved_units": found.moved_units,
            "saved_usd": found.saved_usd,
            "capital_usd": starts["capital_usd"].sum(),
            "first_months": (12 * starts["start_year"] + starts["months"]).min() if moved else np.nan,
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
        raise DataError(
            f"option {options.index[row]!s}: {_NEEDED[column]} is {numbers.iat[row, column]:g}; give a "
            "number, not below zero but for the gap, or leave the option out"
        )
    extra = options.get("export_margin_usd", margin)
    return numbers.assign(gap_usd=numbers["gap_usd"] + extra)


@dataclass(frozen=True, eq=False)
class _Programme:
    """Columns: decisions (J, T), vehicles (J, T), what lies in each piece of each year, which stretch."""

    cost: np.ndarray
    matrix: coo_array
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
    """Rows of the matrix, as they come."""

    def __init__(self) -> None:
        self.parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self.low: list[np.ndarray] = []
        self.high: list[np.ndarray] = []
        self.count = 0

    def add(
        self, high: np.ndarray, low: np.ndarray, *terms: tuple[np.ndarray, np.ndarray, np.ndarray]
    ) -> None:
        """Rows with bounds, and their entries: row (from 0 here), column, value."""
        self.parts += [(row + self.count, column, value) for row, column, value in terms]
        self.low.append(low)
        self.high.append(high)
        self.count += len(high)


def _programme(curves: list[Curve], options: pd.DataFrame, later: np.ndarray) -> _Programme:
    size, gap, capital, months = (
        options[name].to_numpy() for name in ("capacity_units", "gap_usd", "capital_usd", "months")
    )
    J, T = len(size), len(curves)
    built = _built(months, T)
    decide, move = np.arange(J * T).reshape(J, T), J * T + np.arange(J * T).reshape(J, T)
    rows, column = _Rows(), 2 * J * T
    j, s, t = np.nonzero(built)
    every = np.arange(J * T)
    rows.add(
        np.zeros(J * T), np.full(J * T, -np.inf),
        (every, move.ravel(), np.ones(J * T)),
        (j * T + t, decide[j, s], -size[j] * built[j, s, t] / _THOUSAND),
    )  # fmt: skip
    rows.add(np.ones(J), np.full(J, -np.inf), (every // T, decide.ravel(), np.ones(J * T)))
    cost = [
        (later[:T] * (size * capital)[:, None] / _MILLION).ravel(),
        (later[1:] * gap[:, None] * _THOUSAND / _MILLION).ravel(),
    ]
    most, whole = [np.ones(J * T), np.repeat(size / _THOUSAND, T)], [np.ones(J * T), np.zeros(J * T)]
    constant = 0.0
    for n, curve in enumerate(curves):
        stretch, length = _stretches(curve), np.diff(curve.vehicles) / _THOUSAND
        first = np.r_[0, np.flatnonzero(np.diff(stretch)) + 1]
        begins, intercept = curve.vehicles[first] / _THOUSAND, curve.start_usd[first] / _MILLION
        pieces = column + np.arange(len(length))
        column += len(pieces)
        zero = np.zeros(J, int), move[:, n], np.ones(J)
        filled = np.zeros(len(pieces), int), pieces, -np.ones(len(pieces))
        cost.append(later[n + 1] * curve.slope * _THOUSAND / _MILLION)
        most.append(length)
        whole.append(np.zeros(len(pieces)))
        if len(first) == 1:  # convex: the pieces fill themselves in order
            constant += later[n + 1] * intercept[0]
            rows.add(np.zeros(1), np.zeros(1), zero, filled)
            continue
        chosen = column + np.arange(len(first))
        column += len(first)
        nought = np.zeros(len(first), int)
        rows.add(np.zeros(1), np.zeros(1), zero, filled, (nought, chosen, -begins))
        rows.add(np.ones(1), np.ones(1), (nought, chosen, np.ones(len(first))))
        k = np.arange(len(pieces))
        rows.add(
            np.zeros(len(k)),
            np.full(len(k), -np.inf),
            (k, pieces, np.ones(len(k))),
            (k, chosen[stretch], -length),
        )
        cost.append(later[n + 1] * intercept)
        most.append(np.ones(len(first)))
        whole.append(np.ones(len(first)))
    at = tuple(np.concatenate(parts) for parts in zip(*rows.parts, strict=True))
    matrix = coo_array((at[2], (at[0], at[1])), shape=(rows.count, column))
    joined = (np.concatenate(parts) for parts in (cost, rows.low, rows.high, most, whole))
    c, low, high, upper, integral = joined
    return _Programme(c, matrix, low, high, upper, integral, constant)


def _solved(
    asked: _Programme, curves: list[Curve], options: pd.DataFrame, later: np.ndarray, stay: float
) -> Plan:
    J, T = len(options), len(curves)
    done = milp(
        asked.cost,
        integrality=asked.whole,
        bounds=Bounds(0, asked.most),
        constraints=LinearConstraint(asked.matrix.tocsr(), asked.low, asked.high),
        options={"mip_rel_gap": 1e-9},
    )
    if done.status != 0:
        raise DataError(f"no plan was found: {done.message}")
    decided = done.x[: J * T].reshape(J, T) > 0.5
    moved = _in_order(done.x[J * T : 2 * J * T].reshape(J, T).sum(axis=0) * _THOUSAND, decided, options)
    used = decided.any(axis=1) & (moved.sum(axis=1) > 1e-6)
    taken = options[used]
    starts = pd.DataFrame(
        {
            "start_year": decided[used].argmax(axis=1),
            "months": taken["months"],
            "capital_usd": taken["capital_usd"] * taken["capacity_units"],
            "capacity_units": taken["capacity_units"],
        },
        index=taken.index.rename("option"),
    )
    total = np.minimum(moved.sum(axis=0), [curve.vehicles[-1] for curve in curves])
    duty = np.array([curve.at(units) for curve, units in zip(curves, total, strict=True)])
    years = pd.DataFrame({"moved_units": total, "duty_usd": duty}, index=pd.RangeIndex(1, T + 1, name="year"))
    for name, units in zip(options.index, moved, strict=True):
        years[f"{name}_units"] = units
    cost = float(
        (later[1:] * (duty + options["gap_usd"].to_numpy() @ moved)).sum()
        + (later[starts["start_year"]] * starts["capital_usd"]).sum()
    )
    found = (done.fun + asked.constant) * _MILLION
    gap = max(abs(cost - found) / max(abs(stay), 1.0), float(done.mip_gap or 0.0))
    return Plan(cost, stay, starts, years, gap)


def _built(months: np.ndarray, years: int) -> np.ndarray:
    """Part of year t in which an option decided at the start of year s builds, (J, s, t)."""
    year = np.arange(years)
    part = year[None, None, :] + 1 - year[None, :, None] - months[:, None, None] / 12
    return np.asarray(np.clip(part, 0, 1))


def _in_order(total: np.ndarray, decided: np.ndarray, options: pd.DataFrame) -> np.ndarray:
    """What each option builds (J, T): the cheapest first, of equals the first."""
    months, size, gap = (options[name].to_numpy() for name in ("months", "capacity_units", "gap_usd"))
    able = size[:, None] * (decided[:, :, None] * _built(months, decided.shape[1])).sum(axis=1)
    order = np.argsort(gap, kind="stable")
    before = np.cumsum(able[order], axis=0) - able[order]
    moved = np.zeros_like(able)
    moved[order] = np.clip(total - before, 0.0, able[order])
    return moved
