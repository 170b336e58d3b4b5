"""Who gains and who loses when one policy takes the place of another?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tariffmodel.errors import PolicyError
from tariffmodel.tariff import uncertainty
from tariffmodel.tariff.case import Case, PolicySource, to_the_cent
from tariffmodel.tariff.duty import bill
from tariffmodel.tariff.entries import Policy
from tariffmodel.tariff.exposure import table
from tariffmodel.tariff.goods import INPUTS, entered
from tariffmodel.tariff.policy import names as policy_names

TREASURY = "US Treasury"
FLOORS = ("none", "mfn-only")


def library(case: Case) -> list[Policy]:
    """The policy of a case, then every other one of its data folder that is set beside it.

    The counterfactual is none of them, nor are `FLOORS`: policies without additional duties.

    >>> import tariffmodel as tm
    >>> named = [one.name for one in tm.comparison.library(tm.case())]
    >>> named[0], "flat-25" in named, {"none", "before-april-2025"} & set(named)
    ('current-law', True, set())
    """
    left_out = {case.policy.name, case.against.name, *FLOORS}
    named = [name for name in policy_names(case.facts.folder) if name not in left_out]
    return [case.policy, *map(case.beside, named)]


def bills(case: Case, others: Sequence[PolicySource]) -> pd.DataFrame:
    """Attributable bill, USD, makers × policies: that of the case first, then the others.

    The last row, `TREASURY`, is the revenue: the sum over makers that are not part of another.

    >>> import tariffmodel as tm
    >>> list(bills(tm.case(period="CY2025"), ["flat-25"]))
    ['current-law', 'flat-25']
    """
    policies = _each_once([case.policy, *map(case.beside, others)])
    goods = entered(case.facts, case.period, [*policies, case.against])
    floor = bill(case.facts, case.against, goods).total[0]
    frame = pd.DataFrame(
        {policy.name: to_the_cent(bill(case.facts, policy, goods).total[0] - floor) for policy in policies},
        index=pd.Index(goods.makers, name="maker"),
    )
    frame.loc[TREASURY] = frame[case.facts.makers["consolidated_in"].isna()].sum()
    return frame


def changes(case: Case, others: Sequence[PolicySource]) -> pd.DataFrame:
    """What each of the others, in place of the policy of a case, adds to every bill, with ranges.

    Both bills of a run rest on the same inputs, so that a volume which is uncertain under either law
    does not make their difference so. In the sum, what makers share of an estimate moves them together
    (`uncertainty.total`).

    Returns
    -------
    DataFrame
        Indexed by policy and maker, the last one `TREASURY`: `change_usd` (negative: the bill falls),
        `low_usd`, `high_usd` (see `uncertainty`), and `sign_open`: zero lies between them.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = tm.comparison.changes(tm.case(period="CY2025"), ["before-april-2025"])
    >>> list(found), found.index[-1]
    (['change_usd', 'low_usd', 'high_usd', 'sign_open'], ('before-april-2025', 'US Treasury'))
    """
    policies = _each_once([case.beside(other) for other in others])
    goods = entered(case.facts, case.period, [*policies, case.policy])
    floor = bill(case.facts, case.policy, goods).total + np.zeros((len(goods.units), 1))
    counted = case.facts.makers["consolidated_in"].isna().to_numpy().astype(float)
    shared = uncertainty.sharing(case.facts, list(INPUTS), goods.makers)
    out = {}
    for policy in policies:
        runs = to_the_cent(bill(case.facts, policy, goods).total - floor)
        each, sums = uncertainty.interval(runs), uncertainty.total(runs, counted[None], shared)
        low, high = (np.append(*ends) for ends in zip(each, sums, strict=True))
        columns = {"change_usd": np.append(runs[0], runs[0] @ counted), "low_usd": low, "high_usd": high}
        out[policy.name] = pd.DataFrame(columns, index=pd.Index([*goods.makers, TREASURY], name="maker"))
    frame = pd.concat(out, names=["policy"])
    return frame.assign(sign_open=(frame["low_usd"] < 0) & (frame["high_usd"] > 0))


def over_periods(case: Case, others: Sequence[PolicySource], periods: Sequence[str]) -> pd.DataFrame:
    """What each of the others adds to the sum of all bills, period by period.

    The same policy saves in one period and costs in another where the law it is set beside has changed:
    figures of different periods are only set beside each other with their periods.

    Parameters
    ----------
    periods : sequence of str
        Labels of the periods, as `case` takes them.

    Returns
    -------
    DataFrame
        Indexed by policy and period: `change_usd` (negative: the sum falls), makers inside another left out.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = tm.comparison.over_periods(tm.case(), ["flat-25"], ["CY2025", "CY2027"])
    >>> list(found.index), bool((found["change_usd"] > 0).all())
    ([('flat-25', 'CY2025'), ('flat-25', 'CY2027')], True)
    """
    sums = {
        period: bills(case.replace(period=period), others).loc[TREASURY] for period in dict.fromkeys(periods)
    }
    change = pd.DataFrame({period: (row - row[case.policy.name]).iloc[1:] for period, row in sums.items()})
    stacked = change.rename_axis("policy").rename_axis("period", axis=1).stack()
    return pd.DataFrame({"change_usd": stacked})


def ranked(case: Case, other: PolicySource) -> pd.DataFrame:
    """Change of each maker's bill when another policy takes the place of that of a case, gainers first.

    Gross: `net_bill.ranked` ranks by what is left once prices and volumes, or plants too, have moved.

    Returns
    -------
    DataFrame
        Indexed by maker: `bill_usd` under the other, `baseline_usd` under the policy of the case,
        `change_usd` (negative: the maker gains), `change_share_of_operating_profit`, `relief_usd`
        (= −change), `relief_per_us_built_usd` (per vehicle that the maker contributes to US output),
        `rate` and `rate_baseline` on vehicles.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> bool((ranked(tm.case(period="CY2025"), "flat-25")["change_usd"] >= 0).all())
    True
    """
    base, mine = table(case), table(case.replace(policy=other))
    base = base.reindex(mine.index)
    change = pd.Series(to_the_cent(mine["bill_usd"].to_numpy() - base["bill_usd"].to_numpy()), mine.index)
    relief = 0.0 - change  # no minus before a zero
    burden = "share_of_operating_profit"
    frame = pd.DataFrame(
        {
            "bill_usd": mine["bill_usd"],
            "baseline_usd": base["bill_usd"],
            "change_usd": change,
            f"change_{burden}": mine[burden] - base[burden],
            "relief_usd": relief,
            "relief_per_us_built_usd": relief
            / mine["us_production_units"].where(mine["us_production_units"] > 0),
            "rate": mine["effective_rate"],
            "rate_baseline": base["effective_rate"],
        }
    )
    return frame.sort_values("change_usd", kind="stable")


def _each_once(policies: list[Policy]) -> list[Policy]:
    names = [policy.name for policy in policies]
    if len(set(names)) < len(names):
        raise PolicyError(f"a policy occurs twice among {', '.join(names)}; name each once")
    return policies
