"""What does a maker book, and when?

The bill is duty owed at the border; a cost in the books comes later and may be another one. What lies
between them is computed from facts of its own, none of them taken from a disclosure:

    cost of a period = duty owed on the goods that entered `inventory_days` earlier, that
                       of suppliers `supplier_delay_days` later still                      (lag)
                     + relief that could not be claimed yet, or − when it could at last    (refunds)
                     + steel and aluminium duties in vehicles built in the US              (metals)

Relief of two kinds is late. What is taken off for US content was paid at first and comes back on the dates
that the policy states (`claimable_from`, `refund_days`). The offset comes `offset_delay_days` after the duty
that it pays; what is never claimed of it is duty owed (see `goods`, `offset_uptake`).

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

from tariffmodel.facts import PRODUCTION, Facts, resolve
from tariffmodel.facts.periods import Period
from tariffmodel.tariff import uncertainty
from tariffmodel.tariff.case import Case
from tariffmodel.tariff.duty import bill
from tariffmodel.tariff.goods import entered
from tariffmodel.tariff.policy import Additional, Policy

STEPS = ("owed", "lag", "refunds", "metals")
_DELAYS = ("supplier_delay_days", "offset_delay_days")
# Vehicles are known by calendar year and spread evenly over it. A quarter may be 15% off that, and a
# whole year not at all: shipments of eight makers from Mexico rose from 509,397 in 2025Q2 to 667,101 in
# 2025Q3 (data/facts/aggregates.csv).
PHASING = 0.2


@dataclass(frozen=True)
class Course:
    """What has built up by the start of each of K days, USD.

    `trading` holds the positions of the makers that import or build in the US.
    `owed`, `content` (relief for US content), `offset` and `suppliers` (duty that reaches the maker through
    suppliers, net of the offset) are (K, runs, M) with the runs of `goods.Goods`; `metals` is (K, 3, M):
    central, low and high. Between the days everything grows evenly. Relief for content can be claimed
    since `opens` and is paid back after `refund_days`; without `opens` it is never late.
    """

    makers: list[str]
    trading: np.ndarray
    days: np.ndarray
    owed: np.ndarray
    content: np.ndarray
    offset: np.ndarray
    suppliers: np.ndarray
    metals: np.ndarray
    opens: date | None
    refund_days: float

    def at(self, course: np.ndarray, when: np.ndarray) -> np.ndarray:
        """Level of `course` at a day of each maker's own (runs, M)."""
        when = np.clip(when, self.days[0], self.days[-1])  # nothing is owed before the course begins
        after = np.clip(np.searchsorted(self.days, when, side="right"), 1, len(self.days) - 1)
        share = (when - self.days[after - 1]) / (self.days[after] - self.days[after - 1])
        each = np.arange(len(self.makers))
        level = course[after - 1, :, each].T * (1 - share) + course[after, :, each].T * share
        return np.asarray(level)

    def paid_back(self, day: float, lag: np.ndarray) -> np.ndarray:
        """Relief for content in the cost of what was sold before `day`, if it is booked when it is paid."""
        sold = day - lag
        if self.opens is None:
            return self.at(self.content, sold)
        before = np.minimum(sold, float(self.opens.toordinal()))
        closed = np.minimum(before, day - self.refund_days)
        late = self.at(self.content, closed) - self.at(self.content, before)
        return np.asarray(self.at(self.content, sold) + late)


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
    """
    return booked(case.facts, course_of(case, [case.period]), case.period, metals)


def course_of(case: Case, asked: list[Period]) -> Course:
    """Duty owed, relief and metals from before the first period to the end of the last one."""
    facts, both = case.facts, [case.policy, case.against]
    delays = facts.selected[facts.selected["variable"].isin(["inventory_days", *_DELAYS])]
    longest = delays.groupby("variable")["high"].max().sum()
    relieved = [e.start for one in both for e in (*_content_entries(one), *one.offset)]
    first = min([*(p.start - timedelta(days=int(longest)) for p in asked), *relieved])
    whole = Period(first, max(p.end for p in asked))
    goods = entered(facts, whole, both)
    makers = goods.makers
    builders = np.flatnonzero(goods.production[0].any(axis=0))
    metal = facts.selected[facts.selected["variable"] == "metals_cost"]
    edges = {
        whole.start,
        whole.end + timedelta(days=1),
        *(span.start for span in goods.spans),
        *metal["start"],
    }
    days = sorted(day for day in edges if whole.start <= day <= whole.end + timedelta(days=1))

    totals = [_until(facts, both, whole.start, day) for day in days[1:]]
    nothing = np.zeros((1, *totals[0]["owed"].shape))

    def course(name: str) -> np.ndarray:
        return np.concatenate([nothing, [one[name] for one in totals]])

    spans = [Period(a, b - timedelta(days=1)) for a, b in pairwise(days)]
    built = resolve(facts, [(makers[k], PRODUCTION, "US") for k in builders], spans).value
    cost = resolve(facts, [(makers[k], "metals_cost", "US") for k in builders], spans)
    metals = np.zeros((len(days), 3, len(makers)))
    for number, level in enumerate((cost.value, cost.low, cost.high)):
        metals[1:, number, builders] = np.cumsum(built * level, axis=0)
    dated = [entry for entry in _content_entries(case.policy) if entry.claimable_from]
    return Course(
        makers,
        np.unique(goods.owner),
        np.array([day.toordinal() for day in days], dtype=float),
        course("owed"),
        course("content"),
        course("offset"),
        course("suppliers"),
        metals,
        opens=min((entry.claimable_from for entry in dated if entry.claimable_from), default=None),
        refund_days=max((float(entry.refund_days or 0.0) for entry in dated), default=0.0),
    )


def _until(facts: Facts, both: list[Policy], first: date, day: date) -> dict[str, np.ndarray]:
    """Duty owed and relief from `first` up to but not on `day`, first policy less second (runs, M)."""
    goods = entered(facts, Period(first, day - timedelta(days=1)), both)
    borne, passed = goods.through_suppliers

    def of(one: Policy) -> dict[str, np.ndarray]:
        mine = bill(facts, one, goods)
        entries = _content_entries(one)
        undeducted = [e.model_copy(update={"usmca": "full"}) if e in entries else e for e in one.additional]
        gross = bill(facts, one.model_copy(update={"additional": undeducted}), goods) if entries else mine
        built_in = (mine.duty * goods.is_built_in) @ goods.member
        net = built_in - mine.offset / np.where(borne > 0, borne, 1.0)
        return {
            "owed": mine.total,
            "content": gross.vehicles - mine.vehicles,
            "offset": mine.offset,
            "suppliers": passed * np.maximum(net, 0.0),
        }

    mine, other = map(of, both)
    runs = np.zeros((len(goods.units), 1))
    return {name: mine[name] - other[name] + runs for name in mine}


def _content_entries(policy: Policy) -> list[Additional]:
    return [entry for entry in policy.additional if entry.usmca == "non_us_content"]


def _uneven(asked: Period) -> float:
    """How far goods of the period may be from an even share of their calendar years, as a fraction."""
    years = range(asked.start.year, asked.end.year + 1)
    whole = [Period(date(year, 1, 1), date(year, 12, 31)) for year in years]
    days = [(min(asked.end, y.end) - max(asked.start, y.start)).days + 1 for y in whole]
    off = [PHASING * (1 - part / y.days) * part / asked.days for part, y in zip(days, whole, strict=True)]
    return float(np.sqrt(np.square(off).sum()))


def booked(facts: Facts, course: Course, asked: Period, metals: bool) -> pd.DataFrame:
    """`recognised` over one period of a course."""
    makers = course.makers

    def levels(variable: str, of: str | None = None) -> np.ndarray:
        """Central, low and high of every maker, or of those that have some `of` (3, M)."""
        have = [k for k in course.trading if of is None or facts.origins(makers[k], of)]
        got = resolve(facts, [(makers[k], variable, "US") for k in have], [asked])
        out = np.zeros((3, len(makers)))
        out[:, have] = got.value[0], got.low[0], got.high[0]
        return out

    lag, accrued = levels("inventory_days"), levels("relief_accrued_share")
    supplier, offset = (levels(name, "imported_parts") for name in _DELAYS)
    start, stop = float(asked.start.toordinal()), float(asked.end.toordinal() + 1)

    def over(total: np.ndarray, days: np.ndarray) -> np.ndarray:
        return np.asarray(course.at(total, stop - days) - course.at(total, start - days))

    def steps(
        days: int = 0, share: int = 0, metal: int = 0, through: int = 0, back: int = 0
    ) -> dict[str, np.ndarray]:
        """The steps with each figure at its central value, low or high: 0, 1 or 2."""
        lagging, unbooked = lag[days], 1 - accrued[share]
        content = course.paid_back(stop, lagging) - course.paid_back(start, lagging)
        late = over(course.content, lagging) - content
        late = late + over(course.offset, lagging) - over(course.offset, lagging + offset[back])
        owed = over(course.owed, 0 * lagging)
        passed = over(course.suppliers, lagging + supplier[through]) - over(course.suppliers, lagging)
        return {
            "owed": owed,
            "lag": over(course.owed, lagging) - owed + passed,
            "refunds": unbooked * late,
            "metals": over(course.metals, lagging)[[metal]] * metals,
        }

    central = steps()
    runs = sum(central.values(), start=np.zeros(1))
    for name in ("days", "share", "metal", "through", "back"):
        for end in (1, 2):
            varied = sum(steps(**{name: end}).values(), start=np.zeros(1))
            runs = np.concatenate([runs, varied[:1]])
    uneven = _uneven(asked)
    runs = np.concatenate([runs, runs[:1] * (1 - uneven), runs[:1] * (1 + uneven)])
    low, high = uncertainty.interval(runs)
    return pd.DataFrame(
        {
            **{name: step[0] for name, step in central.items()},
            "model": runs[0],
            "model_low": low,
            "model_high": high,
        },
        index=pd.Index(makers, name="maker"),
    )
