"""What does a maker book, and when?

The bill is duty owed at the border; a cost in the books comes later and may be another one. What lies
between them is computed from facts of its own, none of them taken from a disclosure::

    cost of a period = duty owed on the goods that entered `inventory_days` earlier, that
                       of suppliers `supplier_delay_days` later still                      (lag)
                     + relief that could not be claimed yet, or − when it could at last    (refunds)
                     + steel and aluminium duties in vehicles built in the US              (metals)

Relief of two kinds is late. What is taken off for US content was paid at first and comes back on the dates
that the policy states (`claimable_from`, `refund_days`). Since claims opened customs granted a part of it
with the entry (`content_granted_share`), and the rest comes back when the entry is closed: so it is in what
is paid. The books may have all of it once it can be claimed, or what was granted: that is in their range.
The offset comes `offset_delay_days` after the duty that it pays; what is never claimed of it is duty owed
(see `goods`, `offset_uptake`).

A duty is part of the cost of stock until the vehicle is sold (IAS 2.10-11, IAS 2.34). A refund is an
asset when it is virtually certain (IAS 37.33), under US GAAP when it is probable (ASC 410-30-35-8,
applied by analogy): makers differ by `relief_accrued_share`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache, cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd

from tariffmodel.facts import IMPORTS, PRODUCTION, Facts, resolve
from tariffmodel.facts.periods import Period
from tariffmodel.tariff import uncertainty
from tariffmodel.tariff.case import Case
from tariffmodel.tariff.duty import bill, by_span
from tariffmodel.tariff.entries import Additional, Policy
from tariffmodel.tariff.goods import INPUTS, NORTH_AMERICA, Goods, entered, membership
from tariffmodel.tariff.policy import as_paid

STEPS = ("owed", "lag", "refunds", "metals")
BASES = ("owed", "cash", "booked")  # which cost a figure is of, see `bases`
BOOK_INPUTS = (
    *INPUTS,
    *("inventory_days", "relief_accrued_share", "metals_cost"),
    *("supplier_delay_days", "offset_delay_days", "content_granted_share", "phasing"),
)
_DELAYS = ("supplier_delay_days", "offset_delay_days")
GRANTED = "content_granted_share"
_WITH_RUNS = (  # what of `goods.Goods` has an axis of runs
    *("units", "value_usd", "qualifying", "us_content", "borne", "passed"),
    *("production", "assembled_msrp_usd", "assembled_engines_usd", "uptake"),
)
# A year's imports are spread over months as the official ones of their origin were, and a maker may be off
# that. Of twelve makers in Mexico a quarter was off by 13% (root mean square by vehicles, 12.5% in 2023 and
# 13.6% in 2024, data/trade/mexico_exports.csv) and the first third of 2025 by 13.7% of what the year's rows
# make of it; a whole year is not off at all, nor a maker whose own months are known. As other ranges are
# thought to hold four in five, so is this one: 1.28 times the root mean square.
PHASING = 1.28 * 0.137 / (1 - 1 / 3)


class Terms(NamedTuple):
    """Since when relief can be claimed with the entry, and days after which earlier entries are paid back.

    Without `opens` it is never late; what is never granted with the entry opens on the last day there is.
    """

    opens: date | None
    refund_days: float


@dataclass(frozen=True)
class Course:
    """What has built up by the start of each of K days, USD.

    `trading` holds the positions of the makers that import or build in the US.
    `owed`, `offset`, `suppliers` (duty that suppliers pay and pass on, net of the offset) and every array of
    `content` (relief for US content, by its terms) are (K, runs, M) with the runs of `goods.Goods`, `content`
    as if customs granted all of it with the entry once it can be claimed; `granted` has it three times with
    what customs grants, at its central value, and (K, 1, M) at its low and its high. `metals` is (K, 3, M):
    central, low and high. Between the days, months among them, everything grows evenly.

    >>> days = np.array([date(2025, 1, 1).toordinal(), date(2026, 12, 31).toordinal()], dtype=float)
    >>> a_dollar_a_day, none = np.array([[[0.0]], [[729.0]]]), np.zeros((2, 1, 1))
    >>> content, metals = {Terms(date(2025, 7, 16), 314): a_dollar_a_day}, np.zeros((2, 3, 1))
    >>> relief = (content, [content] * 3)
    >>> course = Course(["Honda"], np.array([0]), days, a_dollar_a_day, *relief, none, none, metals)
    >>> course.at(course.owed, np.array([[days[0] + 30]])).tolist()
    [[[30.0]]]
    >>> course.paid_back(content, days[1], lag=np.array([0.0])).tolist()
    [[729.0]]
    >>> course.central.owed.shape
    (2, 1, 1)
    """

    makers: list[str]
    trading: np.ndarray
    days: np.ndarray
    owed: np.ndarray
    content: dict[Terms, np.ndarray]
    granted: list[dict[Terms, np.ndarray]]
    offset: np.ndarray
    suppliers: np.ndarray
    metals: np.ndarray

    def at(self, course: np.ndarray, when: np.ndarray) -> np.ndarray:
        """Level of `course` at a day of each maker's own (runs, M)."""
        # nothing is owed before the course begins
        when = np.minimum(np.maximum(when, self.days[0]), self.days[-1])
        after = np.searchsorted(self.days, when, side="right")
        after = np.minimum(np.maximum(after, 1), len(self.days) - 1)
        share = (when - self.days[after - 1]) / (self.days[after] - self.days[after - 1])
        each = np.arange(len(self.makers))
        level = course[after - 1, :, each].T * (1 - share) + course[after, :, each].T * share
        return np.asarray(level)

    @cached_property
    def central(self) -> Course:
        """The same without other runs than the central one; metals are whole."""

        def first(content: dict[Terms, np.ndarray]) -> dict[Terms, np.ndarray]:
            return {terms: relief[:, :1] for terms, relief in content.items()}

        return replace(
            self,
            owed=self.owed[:, :1],
            content=first(self.content),
            granted=[first(one) for one in self.granted],
            offset=self.offset[:, :1],
            suppliers=self.suppliers[:, :1],
        )

    def paid_back(self, content: dict[Terms, np.ndarray], day: float, lag: np.ndarray) -> np.ndarray:
        """Relief for content in the cost of what was sold before `day`, if it is booked when it is paid."""
        sold, paid = day - lag, np.zeros(1)
        for terms, relief in content.items():
            paid = paid + self.at(relief, sold)
            if terms.opens is not None:
                before = np.minimum(sold, float(terms.opens.toordinal()))
                closed = np.minimum(before, day - terms.refund_days)
                paid = paid + self.at(relief, closed) - self.at(relief, before)
        return np.asarray(paid)


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
    - *cash*: what the maker paid out in the period. Duty on what enters in its own name it pays to customs
      on the day. Duty of suppliers they pay, and the maker pays them what they pass on of it
      `supplier_delay_days` later. Relief for US content that customs could not accept yet was paid first
      and comes back when the entry is closed, the offset `offset_delay_days` after the duty. Duty that was
      void was paid too, and comes back evenly over twice `void_refund_days` from the day since which customs
      took requests (`refundable_from`); what suppliers passed on of it they are taken to pass back;
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
    >>> bool(quarter["cash_usd"] > quarter["owed_usd"])  # no relief was paid yet
    True
    """
    facts, asked = case.facts, case.period
    course = course_of(case, [asked])
    runs = {
        "owed": _over(course, course.owed, asked, np.zeros(len(course.makers))),
        "cash": _paid_runs(case, course),
        "booked": booked_runs(facts, course, asked, metals)[1],
    }
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
    >>> [str(terms.opens) for terms in course.content], bool((np.diff(course.days) > 0).all())
    (['2025-07-16', 'None'], True)
    """
    facts, both = case.facts, [case.policy, case.against]
    delays = facts.selected[facts.selected["variable"].isin(["inventory_days", *_DELAYS])]
    longest = delays.groupby("variable")["high"].max().sum()
    relieved = [e.start for one in both for e in (*_content_entries(one), *one.offset)]
    first = min([*(p.start - timedelta(days=int(longest)) for p in asked), *relieved])
    whole = Period(first, max(p.end for p in asked))
    dated = facts.selected[facts.selected["variable"].isin(["metals_cost", GRANTED])]
    goods = entered(facts, whole, both, {*dated["start"], *(month.start for month in _months(whole))})
    makers = goods.makers
    builders = np.flatnonzero(goods.production[0].any(axis=0))
    spans = [span for span, within in zip(goods.spans, goods.inside, strict=True) if within]
    days = [*(span.start for span in spans), whole.end + timedelta(days=1)]
    grown, (content, *granted) = _grown(facts, both, goods)
    if any(one.credit for one in both):  # settled by calendar year, not span by span
        grown["owed"] = grown["owed"] - np.stack([_credited(facts, both, whole.start, d) for d in days[1:]])

    def course(built_up: np.ndarray) -> np.ndarray:
        return np.concatenate([np.zeros((1, *built_up.shape[1:])), built_up])

    built = resolve(facts, [(makers[k], PRODUCTION, "US") for k in builders], spans).value
    cost = resolve(facts, [(makers[k], "metals_cost", "US") for k in builders], spans)
    metals = np.zeros((len(days), 3, len(makers)))
    for number, level in enumerate((cost.value, cost.low, cost.high)):
        metals[1:, number, builders] = np.cumsum(built * level, axis=0)
    return Course(
        makers,
        np.unique(goods.owner),
        np.array([day.toordinal() for day in days], dtype=float),
        course(grown["owed"]),
        {terms: course(relief) for terms, relief in content.items()},
        [{terms: course(relief) for terms, relief in one.items()} for one in granted],
        course(grown["offset"]),
        course(grown["suppliers"]),
        metals,
    )


def _grown(
    facts: Facts, both: list[Policy], goods: Goods
) -> tuple[dict[str, np.ndarray], list[dict[Terms, np.ndarray]]]:
    """All but credits, and relief for content, by the end of each span of the period (K, runs, M).

    First policy less second. Relief is given four times: all of it granted with the entry, then as much as
    customs grants, at its central value, and, without other runs, at its low and its high.
    """
    change: dict[str, np.ndarray] = {}
    contents: list[dict[Terms, np.ndarray]] = [{}, {}, {}, {}]
    granted = _granted(facts, goods)
    central = replace(goods, **{name: getattr(goods, name)[:1] for name in _WITH_RUNS})

    def until(each: np.ndarray) -> np.ndarray:
        return np.asarray(np.moveaxis(np.cumsum(each[:, goods.inside], axis=1), 1, 0))

    for one, sign in zip(both, (1, -1), strict=True):
        mine = by_span(facts, one, goods)
        gross = by_span(facts, _without_content(one), goods) if _content_entries(one) else mine
        owed = _after_offset(mine)
        for name, of in (("owed", owed), ("offset", mine["offset"]), ("suppliers", mine["suppliers"])):
            change[name] = change.get(name, 0.0) + sign * until(of)
        terms = _terms(one)
        relief = {terms: gross["vehicles"] - mine["vehicles"]}
        parts = [relief] * 4
        if _content_entries(one):
            for number, (share, stock) in enumerate(zip(granted, (goods, central, central), strict=True), 1):
                some = by_span(facts, one, replace(stock, us_content=stock.us_content * share))["vehicles"]
                at_once = gross["vehicles"][: len(some)] - some
                late = some - mine["vehicles"][: len(some)]
                parts[number] = {terms: at_once, terms._replace(opens=date.max): late}
        for content, part in zip(contents, parts, strict=True):
            for when, usd in part.items():
                content[when] = content.get(when, 0.0) + sign * until(usd)
    return change, contents


def _granted(facts: Facts, goods: Goods) -> np.ndarray:
    """Share of relief for US content that customs grants with the entry (3, S, F): central, low and high."""
    flows = goods.flows
    near = np.flatnonzero(np.isin(flows.origin, NORTH_AMERICA) & ~goods.is_part)
    keys = [(str(flows.maker[k]), GRANTED, str(flows.origin[k])) for k in near]
    got = resolve(facts, keys, goods.spans)
    share = np.ones((3, len(goods.spans), len(flows)))
    share[..., near] = got.value, got.low, got.high
    return share


def _terms(policy: Policy) -> Terms:
    """When relief for US content is paid under a policy."""
    dated = [entry for entry in _content_entries(policy) if entry.claimable_from]
    opens = min((entry.claimable_from for entry in dated if entry.claimable_from), default=None)
    return Terms(opens, max((float(entry.refund_days or 0.0) for entry in dated), default=0.0))


def _credited(facts: Facts, both: list[Policy], first: date, day: date) -> np.ndarray:
    """What credits saved less what was clawed back from `first` up to but not on `day` (runs, M)."""
    goods = entered(facts, Period(first, day - timedelta(days=1)), both)
    mine, other = (bill(facts, one, goods).credits for one in both)
    runs = np.zeros((len(goods.units), 1))
    return np.asarray(mine.saved - mine.repaid - (other.saved - other.repaid) + runs)


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
    >>> len(runs) == 1 + 2 * len(BOOK_INPUTS)
    True
    """
    lag = _levels(facts, course, asked, "inventory_days")
    accrued = _levels(facts, course, asked, "relief_accrued_share")
    supplier, offset = (_levels(facts, course, asked, name, "imported_parts") for name in _DELAYS)

    owed = _over(course, course.owed, asked, 0 * lag[0])

    @cache  # most of what is varied leaves the days as they are
    def lagging(days: int) -> tuple[np.ndarray, np.ndarray]:
        now, of = lag[days], course.central if days else course
        return _over(of, of.owed, asked, now), _over(of, of.metals, asked, now)

    @cache
    def later(days: int, through: int, back: int, granted: int) -> tuple[np.ndarray, np.ndarray]:
        of = course.central if days or through or back or granted else course
        content = of.granted[0] if granted == 1 else of.content  # the books may have all that is due
        return _late(of, content, asked, lag[days], supplier[through], offset[back])

    def steps(
        days: int = 0, share: int = 0, metal: int = 0, through: int = 0, back: int = 0, granted: int = 0
    ) -> dict[str, np.ndarray]:
        """The steps with each figure at its central value, low or high: 0, 1 or 2."""
        (then, metals_then), (passed, late) = lagging(days), later(days, through, back, granted)
        return {
            "owed": owed,
            "lag": then - owed[: len(then)] + passed,
            "refunds": (1 - accrued[share]) * late,
            "metals": metals_then[[metal]] * metals,
        }

    central = steps()
    runs = sum(central.values(), start=np.zeros(1))
    for name in ("days", "share", "metal", "through", "back", "granted"):
        for end in (1, 2):
            varied = sum(steps(**{name: end}).values(), start=np.zeros(1))
            runs = np.concatenate([runs, varied[:1]])
    uneven = _uneven(asked) * _not_its_own(facts, course.makers, asked)
    return central, np.concatenate([runs, runs[:1] * (1 - uneven), runs[:1] * (1 + uneven)])


def _paid_runs(case: Case, course: Course) -> np.ndarray:
    """What each maker pays out over the period, USD, in every run of `INPUTS`, delays and what is granted."""
    facts, asked = case.facts, case.period
    supplier, offset = (_levels(facts, course, asked, name, "imported_parts") for name in _DELAYS)
    void = [entry.refundable_from for one in (case.policy, case.against) for entry in one.void]
    if any(opens is not None and opens <= asked.end for opens in void):
        refunds = _levels(facts, course, asked, "void_refund_days")
    else:
        refunds = np.zeros((3, len(course.makers)))
    net = _void(case, refunds)
    at_once = np.zeros(len(course.makers))

    def paid(through: int = 0, back: int = 0, refund: int = 0, granted: int = 0) -> np.ndarray:
        passed, late = _late(course, course.granted[granted], asked, at_once, supplier[through], offset[back])
        return np.asarray(_over(course, course.owed, asked, at_once) + passed + late + net[refund])

    varied = [{name: end} for name in ("through", "back", "refund", "granted") for end in (1, 2)]
    return np.concatenate([paid(), *(paid(**one)[:1] for one in varied)])


def _void(case: Case, days: np.ndarray) -> np.ndarray:
    """Void duty paid in the period less what came back of it in the period (D, runs, M), USD.

    `days` (D, M) is the mean time from the day on which refunds could be requested to their payment.
    """
    both, asked = [case.policy, case.against], case.period
    void = [entry for one in both for entry in one.void if entry.start <= asked.end]
    if not void:
        return np.zeros((len(days), 1, 1))
    whole = Period(min(asked.start, *(entry.start for entry in void)), asked.end)
    goods = entered(case.facts, whole, [as_paid(one) for one in both], {asked.start})
    here = np.array([asked.covers(span) for span in goods.spans])
    ends = np.array(_ends(asked))[:, None, None]
    net = np.zeros((len(days), 1, 1))
    for one, sign in zip(both, (1, -1), strict=True):
        owed = _after_offset(by_span(case.facts, one, goods))
        for opens in {entry.refundable_from for entry in one.void}:
            paid = _after_offset(by_span(case.facts, as_paid(one, opens), goods)) - owed
            back = np.zeros_like(days)
            if opens is not None:
                first, last = np.clip((ends - opens.toordinal()) / np.maximum(2 * days, 1.0), 0, 1)
                back = last - first
            stays = paid[:, here].sum(axis=1) - paid[:, goods.inside].sum(axis=1) * back[:, None]
            net = net + sign * stays
    return np.asarray(net)


def _after_offset(mine: dict[str, np.ndarray]) -> np.ndarray:
    """What a maker owes of `by_span` before credits."""
    return np.asarray(mine["vehicles"] + mine["parts"] - mine["offset"])


def _levels(facts: Facts, course: Course, asked: Period, variable: str, of: str | None = None) -> np.ndarray:
    """Central, low and high of every maker, or of those that have some `of` (3, M)."""
    makers = course.makers
    have = [k for k in course.trading if of is None or facts.origins(makers[k], of)]
    got = resolve(facts, [(makers[k], variable, "US") for k in have], [asked])
    out = np.zeros((3, len(makers)))
    out[:, have] = got.value[0], got.low[0], got.high[0]
    return out


def _over(course: Course, total: np.ndarray, asked: Period, lag: np.ndarray) -> np.ndarray:
    """What of `total` built up in the days that lie each maker's `lag` before those of a period (runs, M)."""
    start, stop = _ends(asked)
    return np.asarray(course.at(total, stop - lag) - course.at(total, start - lag))


def _late(
    course: Course,
    content: dict[Terms, np.ndarray],
    asked: Period,
    lag: np.ndarray,
    supplier: np.ndarray,
    offset: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """What a period has more since suppliers bill later, and since relief is not there yet (runs, M)."""

    def more(total: np.ndarray, delay: np.ndarray) -> np.ndarray:
        return np.asarray(_over(course, total, asked, lag + delay) - _over(course, total, asked, lag))

    start, stop = _ends(asked)
    back = course.paid_back(content, stop, lag) - course.paid_back(content, start, lag)
    entitled = sum(_over(course, relief, asked, lag) for relief in content.values())
    relief = entitled - back - more(course.offset, offset)
    return more(course.suppliers, supplier), relief


def _ends(asked: Period) -> tuple[float, float]:
    """First day of a period and the first one after it."""
    return float(asked.start.toordinal()), float(asked.end.toordinal() + 1)
