"""What is one more vehicle built, exported, one more job or dollar invested worth under a policy?

Derivatives are exact: a contribution is shifted along the imaginary axis and the imaginary part of
the bill, divided by the shift, is the derivative (complex step; Squire and Trapp 1998, SIAM Review
40). At a kink they are those of one unit more; they hold up to the next one, which `kinks` lists.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd

from tariffmodel.errors import TariffModelError
from tariffmodel.facts import EXPORTS, PRODUCTION, Facts
from tariffmodel.tariff import contribution
from tariffmodel.tariff.case import Case, PolicySource
from tariffmodel.tariff.contribution import CONTRIBUTIONS
from tariffmodel.tariff.duty import bill
from tariffmodel.tariff.entries import Policy
from tariffmodel.tariff.goods import Goods, entered
from tariffmodel.tariff.rates import rates
from tariffmodel.tariff.relief import contribution_of, edges

UNITS = dict(zip(CONTRIBUTIONS, ("us_built", "exported", "job", "usd_invested"), strict=True))
_STEP = 1e-20  # no subtraction takes place, so the step can be as small as numbers go
_MOST = 20e6  # vehicles a year: more than the whole US market


def marginal(case: Case) -> pd.DataFrame:
    """USD that one more unit of contribution a year takes off the attributable bill.

    Imports and sales are held constant; output brings its own imported parts and offset with it,
    except that of a maker without US plants, whose parts are not known.

    Returns
    -------
    DataFrame
        Indexed by maker. For each of `us_built`, `exported`, `job`, `usd_invested`:
        `worth_<unit>_usd` (positive: the bill falls) and `others_<unit>_usd`, what the other makers
        save by it, which is not zero where relief is earned at country level.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case("japan-flexible-linear-firm", period="CY2025")
    >>> bool(marginal(asked).at["Toyota", "worth_us_built_usd"] > 0)
    True
    """
    goods = case.goods
    saving = _saving(case.facts, case.policy, goods, CONTRIBUTIONS) - _saving(
        case.facts, case.against, goods, CONTRIBUTIONS
    )
    whole = case.facts.makers["consolidated_in"].isna().to_numpy()
    columns = {}
    for k, name in enumerate(CONTRIBUTIONS):
        own = np.diagonal(saving[k])
        columns[f"worth_{UNITS[name]}_usd"] = own
        columns[f"others_{UNITS[name]}_usd"] = (saving[k] * whole).sum(axis=1) - own * whole
    return pd.DataFrame(columns, index=pd.Index(goods.makers, name="maker"))


def own_worth(facts: Facts, policy: Policy, goods: Goods, names: Sequence[str]) -> np.ndarray:
    """USD that one more unit a year of each contribution takes off its maker's bill, (names, M).

    >>> import tariffmodel as tm
    >>> asked = tm.case("japan-flexible-linear-firm", period="CY2025")
    >>> worth = own_worth(asked.facts, asked.policy, asked.goods, ["us_production_units"])
    >>> worth.shape == (1, len(asked.goods.makers))
    True
    """
    return np.diagonal(_saving(facts, policy, goods, names), axis1=1, axis2=2)


def _saving(facts: Facts, policy: Policy, goods: Goods, names: Sequence[str]) -> np.ndarray:
    """USD that one more unit of each contribution of a maker takes off every bill (names, makers, M)."""
    makers, each = len(goods.makers), len(names)
    shift = {name: np.zeros((each * makers, makers), dtype=complex) for name in names}
    for k, name in enumerate(names):
        shift[name][k * makers : (k + 1) * makers] = 1j * _STEP * np.eye(makers)
    total = bill(facts, policy, goods, shift=shift).total.imag
    saved: np.ndarray = np.broadcast_to(total, (each * makers, makers)).reshape(each, makers, makers) / _STEP
    return 0.0 - saved


def by_policy(case: Case, others: Sequence[PolicySource], unit: str = "us_built") -> pd.DataFrame:
    """USD that one more `unit` a year takes off each maker's bill, makers × policies, that of the case first.

    Parameters
    ----------
    unit : str
        One of `UNITS`: ``us_built``, ``exported``, ``job`` or ``usd_invested``.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case("japan-flexible-linear-firm", period="CY2025")
    >>> worth = tm.incentives.by_policy(asked, ["mfn-only"])
    >>> (worth.loc["Toyota"] > 0).to_dict()
    {'japan-flexible-linear-firm': True, 'mfn-only': False}
    """
    if unit not in UNITS.values():
        raise TariffModelError(f"{unit!r} is no contribution; choose from {', '.join(UNITS.values())}")
    name = {short: long for long, short in UNITS.items()}[unit]
    policies = [case.policy, *map(case.beside, others)]
    goods = entered(case.facts, case.period, [*policies, case.against])
    of_base = own_worth(case.facts, case.against, goods, [name])[0]
    worth = {one.name: own_worth(case.facts, one, goods, [name])[0] - of_base for one in policies}
    return pd.DataFrame(worth, index=pd.Index(goods.makers, name="maker"))


def breakeven(case: Case, rate: float, by: str = PRODUCTION) -> pd.DataFrame:
    """How many more US-built or exported vehicles a year bring each maker's average rate to `rate`.

    Parameters
    ----------
    rate : float
        Duty on vehicles after credits over customs value, a fraction.
    by : str
        ``us_production_units`` or ``us_export_units``.

    Returns
    -------
    DataFrame
        Indexed by maker: `rate_now`, `vehicles` (0 where the rate is there already, NaN where no
        number of vehicles reaches it or nothing is imported). The fewest that do it, unless the rate
        dips below `rate` and rises again within a sixth of that number.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case("japan-flexible-linear-firm", period="CY2025")
    >>> float(breakeven(asked, 0.5)["vehicles"].max())
    0.0
    """
    if not 0 <= rate <= 1:
        raise TariffModelError(f"rate is {rate:g}; write a fraction from 0 to 1, 0.15 for 15%")
    if by not in (PRODUCTION, EXPORTS):
        raise TariffModelError(f"breakeven counts {PRODUCTION} or {EXPORTS}, not {by!r}")
    goods = entered(case.facts, case.period, [case.policy])
    count = len(goods.makers)

    def average(vehicles: np.ndarray) -> np.ndarray:
        owed = bill(case.facts, case.policy, goods, shift={by: np.diag(vehicles)})
        return np.diagonal(np.broadcast_to(owed.average_rate, (count, count)))

    # More is not always cheaper: exports leave less output for local sale. So look for the first
    # crossing on a grid, then bisect for all makers at once.
    grid = np.concatenate([[0.0], np.geomspace(1e3, _MOST, 64)])
    found = np.array([average(np.full(count, vehicles)) for vehicles in grid])
    reached = found <= rate
    first = reached.argmax(axis=0)
    low, high = grid[np.maximum(first - 1, 0)], grid[first]
    sought = reached.any(axis=0) & ~reached[0]
    while (high - low > 1e-12 * high)[sought].any():
        middle = (low + high) / 2
        there = average(middle) <= rate
        low, high = np.where(there, low, middle), np.where(there, middle, high)
    now = found[0]
    vehicles = np.where(reached[0], 0.0, np.where(reached.any(axis=0), high, np.nan))
    return pd.DataFrame({"rate_now": now, "vehicles": vehicles}, index=pd.Index(goods.makers, name="maker"))


def breakeven_by_policy(case: Case, others: Sequence[PolicySource], rate: float) -> pd.DataFrame:
    """How many more vehicles a year bring each maker's average rate to `rate` under each of several policies.

    Returns
    -------
    DataFrame
        Makers that bring vehicles in × (policy, ``built`` or ``exported``): `vehicles` of `breakeven`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case(period="CY2025")
    >>> needed = tm.incentives.breakeven_by_policy(asked, ["mfn-only"], rate=0.5)
    >>> list(needed), bool((needed == 0).all(axis=None))
    ([('mfn-only', 'built'), ('mfn-only', 'exported')], True)
    """
    needed = {}
    for other in others:
        one = case.replace(policy=other)
        for way, by in (("built", PRODUCTION), ("exported", EXPORTS)):
            found = breakeven(one, rate, by)
            needed[one.policy.name, way] = found.loc[found["rate_now"].notna(), "vehicles"]
    return pd.DataFrame(needed)


def kinks(case: Case) -> pd.DataFrame:
    """Where the incentives of a policy change: brackets, floors, targets, quotas, credits, offset.

    Returns
    -------
    DataFrame
        One row per maker and kink: `maker`, `instrument` (kind.id), `what`, `now` and `kink` in the
        unit that `what` names. Above the kink the derivative is another one.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> bends = tm.incentives.kinks(tm.case("japan-flexible-linear-firm", period="CY2025"))
    >>> list(bends), bool(bends["instrument"].str.startswith("relief.").any())
    (['maker', 'instrument', 'what', 'now', 'kink'], True)
    """
    facts, policy = case.facts, case.policy
    goods = entered(facts, case.period, [policy])
    rows: list[tuple[str, str, str, float, float]] = []
    imported = np.unique(goods.flows.maker[~goods.is_part])
    for entry in policy.relief:
        able = [
            m
            for m in goods.makers
            if m in imported
            and (
                entry.earned_by == "all" or "*" in entry.origin or facts.makers.at[m, "home"] in entry.origin
            )
        ]
        scores = contribution_of(entry, facts, np.array(able))
        limit = np.inf if entry.metric else 1.0
        ordinary = {
            mfn.rate
            for mfn in policy.mfn
            if entry.basis == "inclusive" and not mfn.usmca and set(mfn.product) & set(entry.product)
            if mfn.start <= goods.period.end and mfn.end >= goods.period.start
            if "*" in (*mfn.origin, *entry.origin) or set(mfn.origin) & set(entry.origin)
        }
        bends = [edge for edge in edges(entry, ordinary) if 0 < edge <= limit]
        for maker, now in zip(able, np.ravel(scores), strict=True):
            rows += [(maker, f"relief.{entry.id}", entry.metric or "score", now, edge) for edge in bends]
        levels: list[tuple[contribution.Level, float]] = [
            ("firm", entry.firm_weight),
            ("country", 1 - entry.firm_weight),
        ]
        for level, weight in levels if entry.score else []:
            if weight == 0:
                continue
            ratios = contribution.measured(
                facts, entry.metrics, entry.year, level, entry.missing, able, entry.relative_to
            )[0]
            for maker, found in zip(able, ratios, strict=True):
                rows += [
                    (maker, f"relief.{entry.id}", f"{name} of the {level}", now, metric.target)
                    for (name, metric), now in zip(entry.score.items(), found, strict=True)
                    if np.isfinite(now)
                ]
    for extra in policy.additional:
        if extra.quota_units_per_year is None:
            continue
        year = goods.period.end.year
        first, last = date(year, 1, 1), date(year, 12, 31)
        within = [
            first <= span.start <= last and extra.start <= span.start <= extra.end for span in goods.spans
        ]
        goods_of = np.isin(goods.flows.origin, extra.origin) | ("*" in extra.origin)
        goods_of &= np.isin(goods.flows.product, extra.product)
        opens = max(extra.quota_counted_from or extra.start, first)
        quota = extra.quota_units_per_year * ((last - opens).days + 1) / ((last - first).days + 1)
        arriving = goods.units[0][within][:, goods_of].sum()
        rows.append(("all makers", f"additional.{extra.id}", f"vehicles in {year}", arriving, quota))
    owed = bill(facts, policy, goods)
    for credit, entitled, payable in zip(
        policy.credit, owed.credits.entitled, owed.credits.payable, strict=True
    ):
        what = f"{credit.unit} in {goods.spans[-1].start.year} that the credit may pay for"
        rows += [
            (maker, f"credit.{credit.id}", what, now, most)
            for maker, now, most in zip(goods.makers, entitled, payable, strict=True)
            if most > 0
        ]
    if policy.offset:
        card = rates(policy, facts, goods.flows, goods.spans, goods.units[:1])
        used = owed.offset[0]
        due = np.zeros(len(goods.makers))
        parts = goods.member * goods.is_part[:, None]
        for measure in sorted({entry.measure for entry in policy.offset} & set(card.components)):
            opens = min(entry.usable_from for entry in policy.offset if entry.measure == measure)
            usable = goods.inside & np.array([opens <= span.start for span in goods.spans])
            duty = goods.value_usd[:1] * card.effective(goods.qualifying[:1], goods.us_content[:1], measure)
            duty = duty * goods.borne[:1] * goods.uptake[:1][..., goods.owner]
            due = due + duty[0][usable].sum(axis=0) @ parts
        rows += [
            (maker, "offset", "USD of duty on parts that the offset pays", paid, most)
            for maker, paid, most in zip(goods.makers, used, due, strict=True)
            if most > 0
        ]
    return pd.DataFrame(rows, columns=["maker", "instrument", "what", "now", "kink"])


def nearest(kinks: pd.DataFrame) -> pd.DataFrame:
    """Of the kinks ahead of each maker the one that the smallest part of the way is left to.

    The offset is none of them: it ends with the duty on parts, not with a contribution.

    Parameters
    ----------
    kinks : DataFrame
        From `kinks`, of one policy, or of several with a column `policy`.

    Examples
    --------
    >>> ahead = pd.DataFrame({"maker": ["Honda", "Honda"], "now": [0.5, 80.0], "kink": [1.0, 100.0]})
    >>> nearest(ahead.assign(instrument="relief.japan", what=["score", "jobs"]))["what"].tolist()
    ['jobs']
    """
    distance = kinks["kink"] - kinks["now"]
    ahead = kinks[(distance > 0) & (kinks["instrument"] != "offset")]
    order = (distance / kinks["kink"]).loc[ahead.index].sort_values(kind="stable").index
    by = [name for name in ("policy", "maker") if name in kinks]
    return ahead.loc[order].groupby(by, as_index=False).first()
