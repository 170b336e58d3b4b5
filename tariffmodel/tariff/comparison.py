"""Who gains and who loses when one policy takes the place of another?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd

from tariffmodel.tariff import uncertainty
from tariffmodel.tariff.duty import bill, goods
from tariffmodel.errors import PolicyError
from tariffmodel.tariff.exposure import table
from tariffmodel.facts import Facts
from tariffmodel.tariff.policy import Policy

TREASURY = "US Treasury"


def bills(
    facts: Facts, policies: Sequence[Policy], against: Policy, period: str = "FY2026-03"
) -> pd.DataFrame:
    """Attributable bill, USD, makers × policies.

    The last row, `TREASURY`, is the revenue: the sum over makers that are not part of another.
    """
    _refuse_twice(policies)
    stock = goods(facts, period, [*policies, against])
    floor = bill(facts, against, stock).total[0]
    frame = pd.DataFrame(
        {policy.name: bill(facts, policy, stock).total[0] - floor for policy in policies},
        index=pd.Index(stock.makers, name="maker"),
    )
    frame.loc[TREASURY] = frame[facts.makers["consolidated_in"].isna()].sum()
    return frame


def changes(
    facts: Facts, policies: Sequence[Policy], baseline: Policy, period: str = "FY2026-03"
) -> pd.DataFrame:
    """What each policy in place of the baseline adds to every bill, with the range of the inputs.

    Both bills of a run rest on the same inputs, so that a volume which is uncertain under either law
    does not make their difference so. The makers' moves are taken as independent in the sum.

    Returns
    -------
    DataFrame
        Indexed by policy and maker, the last one `TREASURY`: `change_usd` (negative: the bill falls),
        `low_usd`, `high_usd` (see `uncertainty`), and `sign_open`: zero lies between them.
    """
    _refuse_twice(policies)
    stock = goods(facts, period, [*policies, baseline])
    floor = bill(facts, baseline, stock).total + np.zeros((len(stock.units), 1))
    counted = facts.makers["consolidated_in"].isna().to_numpy()
    out = {}
    for policy in policies:
        runs = bill(facts, policy, stock).total - floor
        change, (low, high) = runs[0], uncertainty.interval(runs)
        moves = (change - low, high - change)
        down, up = (np.append(move, np.sqrt((move[counted] ** 2).sum())) for move in moves)
        change = np.append(change, change[counted].sum())
        columns = {"change_usd": change, "low_usd": change - down, "high_usd": change + up}
        out[policy.name] = pd.DataFrame(columns, index=pd.Index([*stock.makers, TREASURY], name="maker"))
    frame = pd.concat(out, names=["policy"])
    return frame.assign(sign_open=(frame["low_usd"] < 0) & (frame["high_usd"] > 0))


def _refuse_twice(policies: Sequence[Policy]) -> None:
    names = [policy.name for policy in policies]
    if len(set(names)) < len(names):
        raise PolicyError(f"a policy occurs twice among {', '.join(names)}; name each once")


def ranked(
    facts: Facts,
    policy: Policy,
    baseline: Policy,
    against: Policy,
    period: str = "FY2026-03",
    as_of: date | None = None,
) -> pd.DataFrame:
    """Change of each maker's bill when `policy` replaces `baseline`, gainers first.

    Returns
    -------
    DataFrame
        Indexed by maker: `bill_usd`, `baseline_usd`, `change_usd` (negative: the maker gains),
        `change_share_of_operating_profit`, `relief_usd` (= −change), `relief_per_us_built_usd` (per
        vehicle that the maker contributes to US output), `rate` and `rate_baseline` on vehicles.
    """
    mine, base = (table(facts, one, against, period, as_of) for one in (policy, baseline))
    base = base.reindex(mine.index)
    change = mine["bill_usd"] - base["bill_usd"]
    relief = 0.0 - change  # no minus before a zero
    with np.errstate(divide="ignore", invalid="ignore"):
        frame = pd.DataFrame(
            {
                "bill_usd": mine["bill_usd"],
                "baseline_usd": base["bill_usd"],
                "change_usd": change,
                "change_share_of_operating_profit": mine["share_of_operating_profit"]
                - base["share_of_operating_profit"],
                "relief_usd": relief,
                "relief_per_us_built_usd": relief
                / mine["us_production_units"].where(mine["us_production_units"] > 0),
                "rate": mine["effective_rate"],
                "rate_baseline": base["effective_rate"],
            }
        )
    return frame.sort_values("change_usd", kind="stable")
