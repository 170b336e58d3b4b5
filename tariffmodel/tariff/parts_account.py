"""What duty do parts owe, line by line, who pays it, and how much of it does the offset take back?

A car maker's parts reach the US in two ways: built into US vehicles, imported by the maker or by its
suppliers, and sold to its dealers. The law makes four lines of them:

``listed``
    on the Section 232 list, for production
``certified``
    off it, but certified for production or repair in the US (law since November 2025)
``general``
    neither: Section 122 and Section 301 in turn
``service``
    on the list, for dealers

The account is the same computation as the bill (`duty`): its lines are the bill's streams, and what reaches a
maker is what the bill holds.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from tariffmodel import files
from tariffmodel.facts import Facts, data_dir
from tariffmodel.tariff import uncertainty
from tariffmodel.tariff.case import Case
from tariffmodel.tariff.case import case as asked
from tariffmodel.tariff.entries import Policy
from tariffmodel.tariff.parts import drawn
from tariffmodel.tariff.rates import rates

OFFSET = "offset"


def table(case: Case) -> pd.DataFrame:
    """Parts account of every maker in the period of a case.

    Returns
    -------
    DataFrame
        One row per maker, origin and line, and one with the line ``offset`` per maker that builds in the US:
        `maker`, `origin`, `line`; `value_usd` with its low and high; `usmca_share`; `rate` at the border
        under the policy; `duty_usd` at the border, policy less counterfactual, whoever pays it, with its low
        and high; `by_suppliers` (the share that suppliers import); `reaches_maker_usd`, with its low and
        high: the duty less what suppliers keep. The offset is negative: it takes back.
        `reaches_maker_usd` summed over a maker is `parts_duty_usd` − `offset_usd` of `exposure.table`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case(period="CY2025")
    >>> mine = table(asked).groupby("maker")["reaches_maker_usd"].sum()
    >>> bills = tm.exposure.table(asked)
    >>> bool(abs(mine["GM"] - (bills["parts_duty_usd"] - bills["offset_usd"])["GM"]) < 1)
    True
    """
    goods, kinds = case.goods, case.goods.is_part
    duty = case.owed[0].duty[:, kinds] - case.owed[1].duty[:, kinds]
    worth = goods.value_usd[:, goods.inside][..., kinds]
    value = worth.sum(axis=1)

    def mean(share: np.ndarray) -> np.ndarray:
        """Over the period, by value."""
        total = (worth * share[:, goods.inside][..., kinds]).sum(axis=1)
        return np.asarray(np.divide(total, value, out=np.zeros_like(total), where=value != 0))

    reaches = _reaching(case)
    paid = case.owed[0].duty[0, kinds]
    borne, passed = mean(goods.borne)[0], mean(goods.passed)[0]
    frame = pd.DataFrame(
        {
            "maker": goods.flows.maker[kinds],
            "origin": goods.flows.origin[kinds],
            "line": [product.removesuffix("_part") for product in goods.flows.product[kinds]],
            **_with_range("value_usd", value),
            "usmca_share": mean(goods.qualifying)[0],
            "rate": np.divide(paid, value[0], out=np.full_like(paid, np.nan), where=value[0] > 0),
            **_with_range("duty_usd", duty),
            "by_suppliers": 1 - borne + passed,
            **_with_range("reaches_maker_usd", reaches),
        }
    )
    back = pd.concat([frame, _offset(case)], ignore_index=True)
    order = {maker: number for number, maker in enumerate(goods.makers)}
    return back.sort_values("maker", key=lambda makers: makers.map(order), kind="stable", ignore_index=True)


def _reaching(case: Case) -> np.ndarray:
    """Duty that reaches the maker, policy less counterfactual (runs, parts)."""
    goods, kinds = case.goods, case.goods.is_part

    def of(policy: Policy) -> np.ndarray:
        card = rates(policy, case.facts, goods.flows, goods.spans, goods.units)
        worth = goods.value_usd * goods.borne
        every = card.paid(worth, goods.qualifying, goods.us_content, goods.inside)
        return np.asarray(sum((paid[..., kinds].sum(axis=1) for paid in every), start=np.zeros(1)))

    return np.asarray(of(case.policy) - of(case.against))


def _offset(case: Case) -> pd.DataFrame:
    """The rows of the offset, by maker."""
    goods = case.goods

    def of(policy: Policy) -> tuple[np.ndarray, np.ndarray]:
        card = rates(policy, case.facts, goods.flows, goods.spans, goods.units)
        return drawn(policy, goods, card, {})

    (used, reaching), (used_before, reaching_before) = of(case.policy), of(case.against)
    still = np.zeros((len(goods.units), 1))
    used, reaching = used - used_before + still, reaching - reaching_before + still
    rows = pd.DataFrame(
        {
            "maker": goods.makers,
            "origin": "US",
            "line": OFFSET,
            **_with_range("duty_usd", -used),
            **_with_range("reaches_maker_usd", -reaching),
        }
    )
    builds: pd.Series = pd.Series(goods.production[0].any(axis=0))
    return rows[builds]


def _with_range(name: str, runs: np.ndarray) -> dict[str, np.ndarray]:
    """Central, low and high; a range that sums of squares make does not reach over zero."""
    low, high = uncertainty.interval(runs)
    paid_back = runs[0] < 0
    low = np.where(paid_back, low, np.maximum(low, 0.0))
    high = np.where(paid_back, np.minimum(high, 0.0), high)
    stem = name.removesuffix("_usd")
    return {name: runs[0] + 0.0, f"{stem}_low_usd": low + 0.0, f"{stem}_high_usd": high + 0.0}


def readings(facts: Facts) -> pd.DataFrame:
    """How large the base is: customs, the input-output table and this model, side by side.

    Returns
    -------
    DataFrame
        Indexed by `reading`: `value_usd` of imported parts in a year, `low_usd` and `high_usd` (this model's
        only), `period`, `covers` (what is in it), `source_title` and `source_url`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> readings(tm.facts.load())["value_usd"].div(1e9).round().astype(int).tolist()[:2]
    [142, 69]
    """
    path = data_dir(facts.folder) / "trade" / "parts_base.csv"
    official = files.csv(path, typed=True).set_index("reading")[
        ["value_usd", "period", "covers", "source_title", "source_url"]
    ]
    goods = asked(period="CY2025", data=facts).goods
    whole = facts.makers["consolidated_in"].isna().to_numpy()
    worth = goods.value_usd[:, goods.inside].sum(axis=1)
    lines = {
        "model: listed parts for US plants": goods.flows.product == "listed_part",
        "model: all parts for US plants": goods.is_built_in,
        "model: service parts": goods.flows.product == "service_part",
    }
    mine = []
    for name, chosen in lines.items():
        total = (worth * chosen) @ goods.member[:, whole].sum(axis=1)
        low, high = uncertainty.interval(total)
        mine.append({"reading": name, "value_usd": total[0], "low_usd": low, "high_usd": high})
    ours = (
        pd.DataFrame(mine)
        .set_index("reading")
        .assign(
            period="CY2025",
            covers="makers of the model, by its facts",
            source_title="this model: data/facts/estimates.csv",
        )
    )
    built = goods.production[0][goods.inside].sum(axis=0)[whole].sum()
    frame = pd.concat([official, ours])
    frame["per_us_built_usd"] = frame["value_usd"] / built
    return frame[
        [
            "value_usd",
            "low_usd",
            "high_usd",
            "per_us_built_usd",
            "period",
            "covers",
            "source_title",
            "source_url",
        ]
    ]
