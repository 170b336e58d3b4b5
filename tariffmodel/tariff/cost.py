"""What does a maker book, and when?

The bill is duty owed at the border; a cost in the books comes later and may be another one. What lies
between them is computed from facts of its own, none of them taken from a disclosure:

    cost of a period = duty owed on the goods that entered `inventory_days` earlier        (lag)
                     + relief that could not be claimed yet, or − when it could at last    (refunds)
                     + steel and aluminium duties in vehicles built in the US              (metals)

A duty is part of the cost of stock until the vehicle is sold (IAS 2.10-11, IAS 2.34). A refund is an
asset when it is virtually certain (IAS 37.33), under US GAAP when it is probable (ASC 410-30-35-8,
applied by analogy): makers differ by `relief_accrued_share`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd

from tariffmodel.facts import IMPORTS, PRODUCTION, Facts, resolve
from tariffmodel.facts.periods import Period
from tariffmodel.tariff import uncertainty
from tariffmodel.tariff.case import Case
from tariffmodel.tariff.duty import bill, by_span
from tariffmodel.tariff.goods import INPUTS, Goods, entered, membership
from tariffmodel.tariff.policy import Additional, Policy

STEPS = ("owed", "lag", "refunds", "metals")
BASES = ("owed", "cash", "booked")  # which cost a figure is of, see `bases`
BOOK_INPUTS = (*INPUTS, "inventory_days", "relief_accrued_share", "metals_cost", "phasing")
# The first day on which customs accepted a claim with the entry. Duty paid before that comes back by a
# correction of the old entry, which customs closes and pays about 314 days after entry.
REFUND_DAYS = 314
# A year's imports are spread over months as the official ones of their origin were, and a maker may be off
# that: of twelve makers in Mexico a quarter was off by 13% (root mean square by vehicles, 12.5% in 2023 and
# 13.6% in 2024, data/trade/mexico_exports.csv), about as far as from an even year, and a whole year is not
# off at all. A maker whose own months are known is not off either.
PHASING = 0.13 / 0.75
CLAIMABLE = {
    "us_content": date(2025, 7, 16),  # CBP message of that day on 90 FR 21450
    "offset": date(2025, 11, 3),  # CBP message 66684128: the offset opens in the entry system
}


@dataclass(frozen=True)
class Course:
    """What has built up by the start of each of K days, USD.

    `trading` holds the positions of the makers that import or build in the US.
    `owed` and every array of `relief` are (K, runs, M) with the runs of `goods.Goods`; `metals` is
    (K, 3, M): central, low and high. Between the days, months among them, everything grows evenly.

    >>> days = np.array([date(2025, 1, 1).toordinal(), date(2026, 12, 31).toordinal()], dtype=float)
    >>> built_up = np.array([[[0.0]], [[729.0]]])  # a dollar a day
    >>> relief, metals = {"offset": built_up}, np.zeros((2, 3, 1))
    >>> course = Course(["Honda"], np.array([0]), days, built_up, relief, metals)
    >>> course.at(course.owed, np.array([[days[0] + 30]])).tolist()
    [[[30.0]]]
    >>> course.paid_back("offset", days[1], lag=np.array([0.0])).tolist()
    [[729.0]]
    """

    makers: list[str]
    trading: np.ndarray
    days: np.ndarray
    owed: np.ndarray
    relief: dict[str, np.ndarray]
    metals: np.ndarray

    def at(self, course: np.ndarray, when: np.ndarray) -> np.ndarray:
        """Level of `course` at a day of each maker's own (runs, M)."""
        when = np.clip(when, self.days[0], self.days[-1])  # nothing is owed before the course begins
        after = np.clip(np.searchsorted(self.days, when, side="right"), 1, len(self.days) - 1)
        share = (when - self.days[after - 1]) / (self.days[after] - self.days[after - 1])
        each = np.arange(len(self.makers))
        level = course[after - 1, :, each].T * (1 - share) + course[after, :, each].T * share
        return np.asarray(level)

    def paid_back(self, name: str, day: float, lag: np.ndarray) -> np.ndarray:
        """Relief in the cost of what was sold before `day`, where none is booked before it is paid."""
        relief, opens = self.relief[name], CLAIMABLE[name].toordinal()
        sold = day - lag
        before = np.minimum(sold, opens)
        closed = np.minimum(before, day - REFUND_DAYS)
        return np.asarray(self.at(relief, sold) - self.at(relief, before) + self.at(relief, closed))


def recognised(case: Case, metals: bool = True) -> pd.DataFrame:
    """Cost in the books of every maker over a period, and how it follows from the duty owed.

    Parameters
    ----------
    metals : bool
        Whether the figure to compare with includes steel and aluminium in US-built vehicles.

    Returns
    -------
    DataFrame
        Indexed by maker, USD: `owed` (the bill of `exposure.table`), `lag`, `refunds`, `metals`,
        their sum `model`, and `model_low`, `model_high` from the ranges of all estimated inputs,
        those of `goods.INPUTS` and those of the three steps.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> books = tm.cost.recognised(tm.case(period="2025Q2"))
    >>> list(books)[-3:]
    ['model', 'model_low', 'model_high']
    >>> steps = books[list(tm.cost.STEPS)].sum(axis=1)
    >>> bool(np.allclose(steps, books["model"]))
    True
    """
    return booked(case.facts, course_of(case, [case.period]), case.period, metals)


def bases(case: Case, metals: float = True) -> pd.DataFrame:
    """Duty owed, duty paid and cost booked of every maker over a period, side by side.

    - *owed*: duty at the rate that was law on the day of entry, the bill of `exposure.table`;
    - *cash*: what customs took in the period: relief that it could not accept yet was paid first and
      comes back when the entry is closed;
    - *booked*: what the income statement shows, see `recognised`. This is what `validation` judges.

    Parameters
    ----------
    metals : float
        How often steel and aluminium duties in US-built vehicles count in what is booked: 1, 0, or −1
        where the counterfactual alone has them. Suppliers owe and pay them, so they are in neither of the
        other two.

    Returns
    -------
    DataFrame
        Indexed by maker, USD: `owed_usd`, `cash_usd`, `booked_usd`, each with `_low_usd` and
        `_high_usd` from the ranges of all estimated inputs.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> quarter = bases(tm.case(period="2025Q2")).loc["Toyota"]
    >>> bool(quarter["cash_usd"] > quarter["owed_usd"])  # no claim was accepted before July 2025
    True
    """
    facts, asked = case.facts, case.period
    course = course_of(case, [asked])
    start, stop = float(asked.start.toordinal()), float(asked.end.toordinal() + 1)
    at_once = np.zeros(len(course.makers))

    def over(total: np.ndarray) -> np.ndarray:
        return np.asarray(course.at(total, stop - at_once) - course.at(total, start - at_once))

    paid = over(course.owed)
    for name, relief in course.relief.items():
        back = course.paid_back(name, stop, at_once) - course.paid_back(name, start, at_once)
        paid = paid + over(relief) - back
    runs = {"owed": over(course.owed), "cash": paid, "booked": booked_runs(facts, course, asked, metals)[1]}
    columns: dict[str, np.ndarray] = {}
    for name, of in runs.items():
        low, high = uncertainty.interval(of)
        columns |= {f"{name}_usd": of[0], f"{name}_low_usd": low, f"{name}_high_usd": high}
    return pd.DataFrame(columns, index=pd.Index(course.makers, name="maker"))


def course_of(case: Case, asked: list[Period]) -> Course:
    """Duty owed, relief and metals from before the first period to the end of the last one.

    >>> import tariffmodel as tm
    >>> asked = tm.case(period="2025Q2")
    >>> course = course_of(asked, [asked.period])
    >>> sorted(course.relief), bool((np.diff(course.days) > 0).all())
    (['offset', 'us_content'], True)
    """
    facts, both = case.facts, [case.policy, case.against]
    longest = facts.selected.loc[facts.selected["variable"] == "inventory_days", "high"].max()
    relieved = [e.start for one in both for e in (*_content_entries(one), *one.offset)]
    first = min([*(p.start - timedelta(days=int(longest)) for p in asked), *relieved])
    whole = Period(first, max(p.end for p in asked))
    metal = facts.selected[facts.selected["variable"] == "metals_cost"]
    goods = entered(facts, whole, both, {*metal["start"], *(month.start for month in _months(whole))})
    makers = goods.makers
    builders = np.flatnonzero(goods.production[0].any(axis=0))
    spans = [span for span, within in zip(goods.spans, goods.inside, strict=True) if within]
    days = [*(span.start for span in spans), whole.end + timedelta(days=1)]
    if any(one.credit for one in both):  # settled by calendar year, not span by span
        totals = [_until(facts, both, whole.start, day) for day in days[1:]]
        grown = {name: np.stack([one[name] for one in totals]) for name in totals[0]}
    else:
        grown = _grown(facts, both, goods)

    def course(name: str) -> np.ndarray:
        return np.concatenate([np.zeros((1, *grown[name].shape[1:])), grown[name]])

    built = resolve(facts, [(makers[k], PRODUCTION, "US") for k in builders], spans).value
    cost = resolve(facts, [(makers[k], "metals_cost", "US") for k in builders], spans)
    metals = np.zeros((len(days), 3, len(makers)))
    for number, level in enumerate((cost.value, cost.low, cost.high)):
        metals[1:, number, builders] = np.cumsum(built * level, axis=0)
    return Course(
        makers,
        np.unique(goods.owner),
        np.array([day.toordinal() for day in days], dtype=float),
        course("owed"),
        {name: course(name) for name in CLAIMABLE},
        metals,
    )


def _grown(facts: Facts, both: list[Policy], goods: Goods) -> dict[str, np.ndarray]:
    """Duty owed and relief by the end of each span of the period (K, runs, M), first policy less second."""

    def of(one: Policy) -> dict[str, np.ndarray]:
        vehicles, parts, offset = by_span(facts, one, goods)
        gross = by_span(facts, _without_content(one), goods)[0] if _content_entries(one) else vehicles
        return {"owed": vehicles + parts - offset, "us_content": gross - vehicles, "offset": offset}

    mine, other = map(of, both)
    change = {name: mine[name] - other[name] + np.zeros((len(goods.units), 1, 1)) for name in mine}
    return {
        name: np.moveaxis(np.cumsum(each[:, goods.inside], axis=1), 1, 0) for name, each in change.items()
    }


def _until(facts: Facts, both: list[Policy], first: date, day: date) -> dict[str, np.ndarray]:
    """The same from `first` up to but not on `day` (runs, M), whatever the policies hold."""
    goods = entered(facts, Period(first, day - timedelta(days=1)), both)

    def of(one: Policy) -> dict[str, np.ndarray]:
        mine = bill(facts, one, goods)
        gross = bill(facts, _without_content(one), goods) if _content_entries(one) else mine
        return {"owed": mine.total, "us_content": gross.vehicles - mine.vehicles, "offset": mine.offset}

    mine, other = map(of, both)
    runs = np.zeros((len(goods.units), 1))
    return {name: mine[name] - other[name] + runs for name in mine}


def _without_content(policy: Policy) -> Policy:
    """The policy, with duty on the US content of vehicles too."""
    entries = _content_entries(policy)
    undeducted = [e.model_copy(update={"usmca": "full"}) if e in entries else e for e in policy.additional]
    return policy.model_copy(update={"additional": undeducted})


def _content_entries(policy: Policy) -> list[Additional]:
    return [entry for entry in policy.additional if entry.usmca == "non_us_content"]


def _months(asked: Period) -> list[Period]:
    """The period cut at the first days of months."""
    cuts = [date(y, m, 1) for y in range(asked.start.year, asked.end.year + 1) for m in range(1, 13)]
    edges = [asked.start, *(day for day in cuts if asked.start < day <= asked.end)]
    return [Period(a, b - timedelta(days=1)) for a, b in pairwise([*edges, asked.end + timedelta(days=1)])]


def _uneven(asked: Period) -> float:
    """How far a maker's goods of the period may be from the official months of its years, as a fraction."""
    years = range(asked.start.year, asked.end.year + 1)
    whole = [Period(date(year, 1, 1), date(year, 12, 31)) for year in years]
    days = [(min(asked.end, y.end) - max(asked.start, y.start)).days + 1 for y in whole]
    off = [PHASING * (1 - part / y.days) * part / asked.days for part, y in zip(days, whole, strict=True)]
    return float(np.sqrt(np.square(off).sum()))


def _not_its_own(facts: Facts, makers: list[str], asked: Period) -> np.ndarray:
    """Share (M,) of what each maker imports in the period that no row of its own months is about."""
    keys = [(maker, IMPORTS, origin) for maker in makers for origin in facts.origins(maker, IMPORTS)]
    got = resolve(facts, keys, _months(asked))
    owner = membership(np.array([makers.index(maker) for maker, _, _ in keys]), len(makers))
    whole = got.value.sum(axis=0) @ owner
    spread = (got.value * (got.basis > 0)).sum(axis=0) @ owner
    return np.asarray(np.divide(spread, whole, out=np.ones(len(makers)), where=whole > 0))


def booked(facts: Facts, course: Course, asked: Period, metals: bool) -> pd.DataFrame:
    """`recognised` over one period of a course.

    >>> import tariffmodel as tm
    >>> asked = tm.case(period="2025Q2")
    >>> costs = booked(asked.facts, course_of(asked, [asked.period]), asked.period, metals=False)
    >>> costs.index.name, bool((costs["metals"] == 0).all())
    ('maker', True)
    """
    central, runs = booked_runs(facts, course, asked, metals)
    low, high = uncertainty.interval(runs)
    return pd.DataFrame(
        {
            **{name: step[0] for name, step in central.items()},
            "model": runs[0],
            "model_low": low,
            "model_high": high,
        },
        index=pd.Index(course.makers, name="maker"),
    )


def booked_runs(
    facts: Facts, course: Course, asked: Period, metals: float
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The steps to the books, and the cost in every run (1 + 2K, M) of the K `BOOK_INPUTS`, USD.

    >>> import tariffmodel as tm
    >>> asked = tm.case(period="2025Q2")
    >>> steps, runs = booked_runs(asked.facts, course_of(asked, [asked.period]), asked.period, metals=True)
    >>> bool(np.allclose(sum(step[0] for step in steps.values()), runs[0]))
    True
    """
    makers = course.makers

    def levels(variable: str) -> np.ndarray:
        """Central, low and high of every maker (3, M)."""
        got = resolve(facts, [(makers[k], variable, "US") for k in course.trading], [asked])
        out = np.zeros((3, len(makers)))
        out[:, course.trading] = got.value[0], got.low[0], got.high[0]
        return out

    lag, accrued = levels("inventory_days"), levels("relief_accrued_share")
    start, stop = float(asked.start.toordinal()), float(asked.end.toordinal() + 1)

    def over(total: np.ndarray, days: np.ndarray) -> np.ndarray:
        return np.asarray(course.at(total, stop - days) - course.at(total, start - days))

    def steps(days: np.ndarray, share: np.ndarray, metal: int) -> dict[str, np.ndarray]:
        late = np.zeros((1, len(makers)))
        for name, relief in course.relief.items():
            booked = course.paid_back(name, stop, days) - course.paid_back(name, start, days)
            late = late + (1 - share) * (over(relief, days) - booked)
        owed = over(course.owed, 0 * days)
        return {
            "owed": owed,
            "lag": over(course.owed, days) - owed,
            "refunds": late,
            "metals": over(course.metals, days)[[metal]] * metals,
        }

    central = steps(lag[0], accrued[0], 0)
    runs = sum(central.values(), start=np.zeros(1))
    for days, share, metal in (
        (lag[1], accrued[0], 0),
        (lag[2], accrued[0], 0),
        (lag[0], accrued[1], 0),
        (lag[0], accrued[2], 0),
        (lag[0], accrued[0], 1),
        (lag[0], accrued[0], 2),
    ):
        varied = sum(steps(days, share, metal).values(), start=np.zeros(1))
        runs = np.concatenate([runs, varied[:1]])
    uneven = _uneven(asked) * _not_its_own(facts, makers, asked)
    return central, np.concatenate([runs, runs[:1] * (1 - uneven), runs[:1] * (1 + uneven)])
