"""What does a policy do to every maker, computed fast enough to follow a slider?"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from tariffmodel.facts import EXPORTS, PRODUCTION, Facts, market_value
from tariffmodel.markets import pricing
from tariffmodel.response import net_bill
from tariffmodel.tariff import uncertainty
from tariffmodel.tariff.case import Case, Valuation
from tariffmodel.tariff.duty import Bill, bill
from tariffmodel.tariff.entries import Policy
from tariffmodel.tariff.goods import Goods, entered
from tariffmodel.tariff.incentives import own_worth

_REWARDED = {"us_built": PRODUCTION, "exported": EXPORTS}


@dataclass(frozen=True)
class _Fixed:
    """What stays while only numbers of the policy change."""

    goods: Goods
    against: Bill
    baseline: Bill
    worth_against: np.ndarray


@dataclass(frozen=True, eq=False)
class Workbench:
    """What the outcomes of a lab are measured against and valued with.

    Bills are attributable against the counterfactual of `case`; changes are from its policy, the
    baseline. Shares are valued by `valuation`, at the market value of the day of the case. `settled` keeps
    what makers were found to move, see `supply`.

    >>> import tariffmodel as tm
    >>> bench = Workbench(tm.case(period="CY2025"))
    >>> bench.baseline.name, bench.facts is bench.case.facts, bool(bench.market_cap_usd["Toyota"] > 0)
    ('current-law', True, True)
    """

    case: Case
    valuation: Valuation = field(default_factory=Valuation)
    _kept: dict[tuple[date, ...], _Fixed] = field(default_factory=dict, init=False, repr=False)
    settled: dict[bytes, np.ndarray] = field(default_factory=dict, init=False, repr=False)
    _last: list[Case] = field(default_factory=list, init=False, repr=False)

    @property
    def facts(self) -> Facts:
        """Those of the case."""
        return self.case.facts

    @property
    def baseline(self) -> Policy:
        """The policy of the case, which another one replaces."""
        return self.case.policy

    @cached_property
    def market_cap_usd(self) -> pd.Series:
        """USD by maker; NaN without a share price or a count of shares."""
        return market_value(self.facts, self.case.as_of)["market_cap_usd"]

    def asked(self, policy: Policy) -> Case:
        """The case under another policy; the last one is kept with all that it has computed.

        >>> import tariffmodel as tm
        >>> bench, flat = Workbench(tm.case(period="CY2025")), tm.policy.load("flat-25")
        >>> bench.asked(flat) is bench.asked(flat)
        True
        """
        if not (self._last and self._last[0].policy is policy):
            self._last[:] = [self.case.replace(policy=policy)]
        return self._last[0]

    def _fixed(self, policy: Policy) -> _Fixed:
        """Goods and the other two bills, kept until a date of the policy moves."""
        dates = (*policy.boundaries(), *(entry.start for entry in (*policy.offset, *policy.credit)))
        if dates not in self._kept:
            self._kept.clear()
            facts, against = self.facts, self.case.against
            goods = entered(facts, self.case.period, [policy, against, self.baseline])
            self._kept[dates] = _Fixed(
                goods,
                bill(facts, against, goods),
                bill(facts, self.baseline, goods),
                own_worth(facts, against, goods, list(_REWARDED.values())),
            )
        return self._kept[dates]


def outcome(bench: Workbench, policy: Policy) -> pd.DataFrame:
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
        `implied_share_of_market_cap` with `_low` and `_high`, NaN without a market value; `net_bill_usd` with
        `_low` and `_high`, what is left of the bill once prices and volumes have settled (`net_bill.table`),
        NaN for makers inside another.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> bench = Workbench(tm.case(period="CY2025"))
    >>> same = outcome(bench, bench.baseline)
    >>> bool((same["change_usd"] == 0).all()), list(same)[:3]
    (True, ['home', 'consolidated_in', 'effective_rate'])
    """
    fixed = bench._fixed(policy)
    goods, against, base = fixed.goods, fixed.against, fixed.baseline
    mine = bill(bench.facts, policy, goods)
    worth = own_worth(bench.facts, policy, goods, list(_REWARDED.values())) - fixed.worth_against
    runs = {
        "bill": mine.total - against.total,
        "baseline": base.total - against.total,
        "change": mine.total - base.total,
    }
    makers = bench.facts.makers
    columns: dict[str, Any] = {
        "home": makers["home"].to_numpy(),
        "consolidated_in": makers["consolidated_in"].to_numpy(),
    }
    for suffix, owed in (("", mine), ("_baseline", base)):
        columns[f"effective_rate{suffix}"] = owed.average_rate[0]
    for name, run in runs.items():
        low, high = uncertainty.interval(run)
        columns |= {f"{name}_usd": run[0], f"{name}_low_usd": low, f"{name}_high_usd": high}
    columns |= {f"worth_{unit}_usd": usd for unit, usd in zip(_REWARDED, worth, strict=True)}
    frame = pd.DataFrame(columns, index=pd.Index(goods.makers, name="maker"))

    yearly = frame[["change_usd", "change_low_usd", "change_high_usd"]] / goods.years
    yearly.columns = ["delta_bill_usd", "delta_bill_low_usd", "delta_bill_high_usd"]
    implied = pricing.implied_value(yearly, bench.valuation).drop(columns="years_of_bill")
    share = implied.div(bench.market_cap_usd.reindex(frame.index), axis=0)
    share.columns = [f"implied_share_of_market_cap{end}" for end in ("", "_low", "_high")]
    net = net_bill.table(bench.asked(policy))
    frame = frame.join([implied, share, net[[f"net_bill{end}_usd" for end in ("", "_low", "_high")]]])
    return frame.sort_values(["baseline_usd", "bill_usd"], ascending=False, kind="stable")
