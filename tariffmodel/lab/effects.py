"""What does a policy do to every maker, computed fast enough to follow a slider?"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from tariffmodel.markets import pricing
from tariffmodel.tariff import duty, exposure, uncertainty
from tariffmodel.facts import EXPORTS, PRODUCTION, Facts
from tariffmodel.tariff.policy import Policy

_STEP = 1e-20  # of the complex step: nothing is subtracted, so it can be this small
_REWARDED = {"us_built": PRODUCTION, "exported": EXPORTS}


@dataclass(frozen=True)
class _Fixed:
    """What stays while only numbers of the policy change."""

    stock: duty.Goods
    customs_usd: np.ndarray
    against: duty.Bill
    baseline: duty.Bill
    worth_against: np.ndarray


@dataclass(frozen=True, eq=False)
class Case:
    """What the outcomes of a session are measured against and valued with.

    Bills are attributable against `against`; changes are from `baseline`. Shares are valued as in
    `pricing.implied_value`, at the market value of `as_of` (default: the last fixing).
    """

    facts: Facts
    against: Policy
    baseline: Policy
    period: str = "FY2026-03"
    as_of: date | None = None
    tax_rate: float = 0.25
    discount_rate: float = 0.08
    life_years: float = 5.0
    _kept: dict[tuple[date, ...], _Fixed] = field(default_factory=dict, init=False, repr=False)

    @property
    def day(self) -> date:
        return self.as_of or self.facts.as_of

    @cached_property
    def market_cap_usd(self) -> pd.Series:
        """USD by maker; NaN where there is no share price."""
        return exposure.table(self.facts, self.against, self.against, self.period, self.day)["market_cap_usd"]

    def _fixed(self, policy: Policy) -> _Fixed:
        """Goods and the other two bills, kept until a date of the policy moves."""
        dates = (*policy.boundaries(), *(entry.start for entry in (*policy.offset, *policy.credit)))
        if dates not in self._kept:
            self._kept.clear()
            stock = duty.goods(self.facts, self.period, [policy, self.against, self.baseline])
            of_maker = (
                duty.membership(stock.owner, len(stock.makers)) * (stock.flows.product != "part")[:, None]
            )
            self._kept[dates] = _Fixed(
                stock,
                stock.value_usd[0][stock.inside].sum(axis=0) @ of_maker,
                duty.bill(self.facts, self.against, stock),
                duty.bill(self.facts, self.baseline, stock),
                _worth(self.facts, self.against, stock),
            )
        return self._kept[dates]


def outcome(case: Case, policy: Policy) -> pd.DataFrame:
    """What `policy` charges every maker, and what it changes.

    Only the bill of `policy` is computed anew, unless one of its dates moved since the last call.

    Returns
    -------
    DataFrame
        Indexed by maker, the largest bill under the baseline first. `home`, `consolidated_in`;
        `effective_rate` on vehicles and `effective_rate_baseline`, fractions of customs value, NaN
        without imports; `bill_usd`, `baseline_usd` and `change_usd` = bill − baseline over the
        period, each with `_low` and `_high`; `worth_us_built_usd` and `worth_exported_usd`, what one
        more vehicle a year takes off the bill (`incentives.marginal`); `implied_usd` with `_low` and
        `_high`, what the change at a yearly rate is worth to shareholders, and
        `implied_share_of_market_cap` with `_low` and `_high`, NaN without a share price.
    """
    fixed = case._fixed(policy)
    stock, against, base = fixed.stock, fixed.against, fixed.baseline
    mine = duty.bill(case.facts, policy, stock)
    worth = _worth(case.facts, policy, stock) - fixed.worth_against
    runs = {
        "bill": mine.total - against.total,
        "baseline": base.total - against.total,
        "change": mine.total - base.total,
    }
    makers = case.facts.makers
    columns: dict[str, Any] = {
        "home": makers["home"].to_numpy(),
        "consolidated_in": makers["consolidated_in"].to_numpy(),
    }
    with np.errstate(divide="ignore", invalid="ignore"):
        for suffix, owed in (("", mine), ("_baseline", base)):
            vehicles = (owed.vehicles - owed.saved + owed.repaid)[0]
            columns[f"effective_rate{suffix}"] = np.where(
                fixed.customs_usd > 0, vehicles / fixed.customs_usd, np.nan
            )
    for name, run in runs.items():
        low, high = uncertainty.interval(run)
        columns |= {f"{name}_usd": run[0], f"{name}_low_usd": low, f"{name}_high_usd": high}
    columns |= {f"worth_{unit}_usd": usd for unit, usd in zip(_REWARDED, worth)}
    frame = pd.DataFrame(columns, index=pd.Index(stock.makers, name="maker"))

    years = stock.period.days / duty.DAYS_A_YEAR
    yearly = frame[["change_usd", "change_low_usd", "change_high_usd"]] / years
    yearly.columns = ["delta_bill_usd", "delta_bill_low_usd", "delta_bill_high_usd"]
    implied = pricing.implied_value(
        yearly, tax_rate=case.tax_rate, discount_rate=case.discount_rate, life_years=case.life_years
    ).drop(columns="years_of_bill")
    share = implied.div(case.market_cap_usd.reindex(frame.index), axis=0)
    share.columns = [f"implied_share_of_market_cap{end}" for end in ("", "_low", "_high")]
    frame = frame.join([implied, share])
    return frame.sort_values(["baseline_usd", "bill_usd"], ascending=False, kind="stable")


def _worth(facts: Facts, policy: Policy, stock: duty.Goods) -> np.ndarray:
    """USD off the bill of each maker for one more vehicle of `_REWARDED`, (2, M), by complex step."""
    makers, each = len(stock.makers), len(_REWARDED)
    shift = {name: np.zeros((each * makers, makers), dtype=complex) for name in _REWARDED.values()}
    for k, name in enumerate(_REWARDED.values()):
        shift[name][k * makers : (k + 1) * makers] = 1j * _STEP * np.eye(makers)
    total = duty.bill(facts, policy, stock, shift=shift).total.imag
    moved = np.broadcast_to(total, (each * makers, makers)).reshape(each, makers, makers)
    return 0.0 - np.diagonal(moved, axis1=1, axis2=2) / _STEP
