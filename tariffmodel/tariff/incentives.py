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

from tariffmodel.tariff import contribution
from tariffmodel.tariff.contribution import CONTRIBUTIONS
from tariffmodel.tariff.duty import Goods, bill, goods, membership
from tariffmodel.errors import TariffModelError
from tariffmodel.facts import EXPORTS, PRODUCTION, Facts
from tariffmodel.tariff.policy import Policy, Relief
from tariffmodel.tariff.rates import contribution_of, rates

UNITS = dict(zip(CONTRIBUTIONS, ("us_built", "exported", "job", "usd_invested")))
_STEP = 1e-20  # no subtraction takes place, so the step can be as small as numbers go
_MOST = 20e6  # vehicles a year: more than the whole US market


def marginal(facts: Facts, policy: Policy, against: Policy, period: str = "FY2026-03") -> pd.DataFrame:
    """USD that one more unit of contribution a year takes off the attributable bill.

    Imports and sales are held constant; output brings its own imported parts and offset with it,
    except that of a maker without US plants, whose parts are not known.

    Returns
    -------
    DataFrame
        Indexed by maker. For each of `us_built`, `exported`, `job`, `usd_invested`:
        `worth_<unit>_usd` (positive: the bill falls) and `others_<unit>_usd`, what the other makers
        save by it, which is not zero where relief is earned at country level.
    """
    stock = goods(facts, period, [policy, against])
    makers, each = len(stock.makers), len(CONTRIBUTIONS)
    shift = {name: np.zeros((each * makers, makers), dtype=complex) for name in CONTRIBUTIONS}
    for k, name in enumerate(CONTRIBUTIONS):
        shift[name][k * makers : (k + 1) * makers] = 1j * _STEP * np.eye(makers)
    total = bill(facts, policy, stock, shift=shift).total - bill(facts, against, stock, shift=shift).total
    total = np.broadcast_to(total, (each * makers, makers))
    saving = 0.0 - total.imag.reshape(each, makers, makers) / _STEP
    whole = facts.makers["consolidated_in"].isna().to_numpy()
    columns = {}
    for k, name in enumerate(CONTRIBUTIONS):
        own = np.diagonal(saving[k])
        columns[f"worth_{UNITS[name]}_usd"] = own
        columns[f"others_{UNITS[name]}_usd"] = (saving[k] * whole).sum(axis=1) - own * whole
    return pd.DataFrame(columns, index=pd.Index(stock.makers, name="maker"))


def by_policy(
    facts: Facts,
    policies: Sequence[Policy],
    against: Policy,
    period: str = "FY2026-03",
    unit: str = "us_built",
) -> pd.DataFrame:
    """USD that one more `unit` a year takes off each maker's bill, makers × policies.

    Parameters
    ----------
    unit : str
        One of `UNITS`: ``us_built``, ``exported``, ``job`` or ``usd_invested``.
    """
    if unit not in UNITS.values():
        raise TariffModelError(f"{unit!r} is no contribution; choose from {', '.join(UNITS.values())}")
    return pd.DataFrame(
        {policy.name: marginal(facts, policy, against, period)[f"worth_{unit}_usd"] for policy in policies}
    )


def breakeven(
    facts: Facts,
    policy: Policy,
    rate: float,
    period: str = "FY2026-03",
    by: str = PRODUCTION,
) -> pd.DataFrame:
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
    """
    if not 0 <= rate <= 1:
        raise TariffModelError(f"rate is {rate:g}; write a fraction from 0 to 1, 0.15 for 15%")
    if by not in (PRODUCTION, EXPORTS):
        raise TariffModelError(f"breakeven counts {PRODUCTION} or {EXPORTS}, not {by!r}")
    stock = goods(facts, period, [policy])
    count = len(stock.makers)
    customs = _customs(stock)

    def average(vehicles: np.ndarray) -> np.ndarray:
        owed = bill(facts, policy, stock, shift={by: np.diag(vehicles)})
        duty = owed.vehicles - owed.saved + owed.repaid
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.diagonal(np.broadcast_to(duty, (count, count))) / customs

    # More is not always cheaper: exports leave less output for local sale. So look for the first
    # crossing on a grid, then bisect for all makers at once.
    grid = np.concatenate([[0.0], np.geomspace(1e3, _MOST, 64)])
    found = np.array([average(np.full(count, vehicles)) for vehicles in grid])
    reached = found <= rate
    first = reached.argmax(axis=0)
    low, high = grid[np.maximum(first - 1, 0)], grid[first]
    for _ in range(60):
        middle = (low + high) / 2
        there = average(middle) <= rate
        low, high = np.where(there, low, middle), np.where(there, middle, high)
    now = found[0]
    vehicles = np.where(reached[0], 0.0, np.where(reached.any(axis=0), high, np.nan))
    return pd.DataFrame({"rate_now": now, "vehicles": vehicles}, index=pd.Index(stock.makers, name="maker"))


def kinks(facts: Facts, policy: Policy, period: str = "FY2026-03") -> pd.DataFrame:
    """Where the incentives of a policy change: brackets, floors, targets, quotas, credits, offset.

    Returns
    -------
    DataFrame
        One row per maker and kink: `maker`, `instrument` (kind.id), `what`, `now` and `kink` in the
        unit that `what` names. Above the kink the derivative is another one.
    """
    stock = goods(facts, period, [policy])
    rows: list[tuple[str, str, str, float, float]] = []
    imported = np.unique(stock.flows.maker[stock.flows.product != "part"])
    for entry in policy.relief:
        able = [
            m
            for m in stock.makers
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
            if mfn.start <= stock.period.end and mfn.end >= stock.period.start
            if "*" in (*mfn.origin, *entry.origin) or set(mfn.origin) & set(entry.origin)
        }
        edges = [edge for edge in _edges(entry, ordinary) if 0 < edge <= limit]
        for maker, now in zip(able, np.ravel(scores)):
            rows += [(maker, f"relief.{entry.id}", entry.metric or "score", now, edge) for edge in edges]
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
            for maker, found in zip(able, ratios):
                rows += [
                    (maker, f"relief.{entry.id}", f"{name} of the {level}", now, metric.target)
                    for (name, metric), now in zip(entry.score.items(), found)
                    if np.isfinite(now)
                ]
    for entry in policy.additional:
        if entry.quota_units_per_year is None:
            continue
        year = stock.period.end.year
        first, last = date(year, 1, 1), date(year, 12, 31)
        within = [
            first <= span.start <= last and entry.start <= span.start <= entry.end for span in stock.spans
        ]
        goods_of = np.isin(stock.flows.origin, entry.origin) | ("*" in entry.origin)
        goods_of &= np.isin(stock.flows.product, entry.product)
        opens = max(entry.quota_counted_from or entry.start, first)
        quota = entry.quota_units_per_year * ((last - opens).days + 1) / ((last - first).days + 1)
        arriving = stock.units[0][within][:, goods_of].sum()
        rows.append(("all makers", f"additional.{entry.id}", f"vehicles in {year}", arriving, quota))
    owed = bill(facts, policy, stock)
    for entry, entitled, payable in zip(policy.credit, owed.entitled, owed.payable):
        what = f"{entry.unit} in {stock.spans[-1].start.year} that the credit may pay for"
        rows += [
            (maker, f"credit.{entry.id}", what, now, most)
            for maker, now, most in zip(stock.makers, entitled, payable)
            if most > 0
        ]
    if policy.offset:
        card = rates(policy, facts, stock.flows, stock.spans, stock.units[:1])
        used = owed.offset[0]
        due = np.zeros(len(stock.makers))
        parts = membership(stock.owner, len(stock.makers)) * (stock.flows.product == "part")[:, None]
        for measure in sorted({entry.measure for entry in policy.offset} & set(card.components)):
            opens = min(entry.usable_from for entry in policy.offset if entry.measure == measure)
            usable = stock.inside & np.array([opens <= span.start for span in stock.spans])
            owed = stock.value_usd[:1] * card.effective(stock.qualifying[:1], stock.us_content[:1], measure)
            due = due + owed[0][usable].sum(axis=0) @ parts
        rows += [
            (maker, "offset", "USD of duty on parts that the offset pays", paid, most)
            for maker, paid, most in zip(stock.makers, used, due)
            if most > 0
        ]
    return pd.DataFrame(rows, columns=["maker", "instrument", "what", "now", "kink"])


def _edges(entry: Relief, ordinary: set[float]) -> list[float]:
    """Contributions at which a relief bends: its brackets, its cap, its floor and the ordinary duty.

    An inclusive rate below the ordinary duty changes nothing, so there the incentive ends.
    """
    if entry.schedule == "tiered":
        return [step.reach for step in entry.bracket]
    if entry.slope == 0:
        return []
    bounds = [entry.cap, *sorted({max(entry.floor, rate) for rate in ordinary} or {entry.floor})]
    falls = [(entry.base - bound) / entry.slope for bound in bounds]
    if entry.schedule == "linear":
        return falls
    if entry.steepness is None:
        return [fall ** (1 / entry.exponent) for fall in falls if fall > 0]
    return [
        entry.midpoint + float(np.log(fall / (1 - fall))) / entry.steepness for fall in falls if 0 < fall < 1
    ]


def _customs(stock: Goods) -> np.ndarray:
    vehicles = membership(stock.owner, len(stock.makers)) * (stock.flows.product != "part")[:, None]
    return stock.value_usd[0][stock.inside].sum(axis=0) @ vehicles
