"""How much does a policy cost each maker, against another, and how much does that matter to it?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import (
    BASIS,
    PRODUCTION,
    QUALITY,
    SALES,
    Facts,
    fx_rate,
    market_value,
    resolve,
    share_counts,
)
from tariffmodel.tariff import uncertainty
from tariffmodel.tariff.case import Case, Valuation
from tariffmodel.tariff.cost import bases
from tariffmodel.tariff.duty import bill
from tariffmodel.tariff.entries import PARTS, Policy
from tariffmodel.tariff.goods import INPUTS, entered
from tariffmodel.tariff.rates import rates
from tariffmodel.tariff.variants import Variants

ALL = "ALL"  # the last row of `totals`
_BLOCK = 1024  # variants at a time, so that the arrays of a sweep stay in the processor's cache


def table(case: Case) -> pd.DataFrame:
    """Bill of every maker under the policy of a case over its counterfactual, with ranges and quality.

    The bill is duty *owed*: at the rate that was law on the day of entry. What is paid in cash and what is
    booked differ (`cost.bases`); `burden` sets what is booked against profit. It is gross, see below.

    Returns
    -------
    DataFrame
        Indexed by maker, largest bill first. USD unless the name says otherwise; columns are
        described in `columns`. `bill_low_usd` and `bill_high_usd` combine the ranges of all estimated
        inputs.

    See Also
    --------
    net_bill.table : Gross and net bill for ``response="none"``, ``"prices"`` or ``"plants"``: what is left of
        this one once prices and volumes, or plants too, have moved.
    net_bill.disclosed : The same beside what makers disclosed, each on its own basis.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> bills = table(tm.case(period="CY2025"))["bill_usd"]
    >>> bills.idxmax(), len(bills)
    ('Toyota', 20)
    """
    facts, goods = case.facts, case.goods
    mine, other = case.owed
    total = case.runs_usd
    low, high = uncertainty.interval(total)
    inside = [span for span, within in zip(goods.spans, goods.inside, strict=True) if within]
    sales, built = (
        resolve(facts, [(m, variable, "US") for m in goods.makers], inside).value.sum(axis=0)
        for variable in (SALES, PRODUCTION)
    )
    imports, customs = goods.imported_units, goods.customs_usd
    saved = [one.credits.saved - one.credits.repaid for one in (mine, other)]
    frame = pd.DataFrame(
        {
            "home": facts.makers["home"].to_numpy(),
            "consolidated_in": facts.makers["consolidated_in"].to_numpy(),
            "us_sales_units": sales,
            "us_production_units": built,
            "us_import_units": imports,
            "customs_value_usd": customs,
            "vehicle_duty_usd": mine.vehicles[0] - other.vehicles[0],
            "parts_duty_usd": mine.parts[0] - other.parts[0],
            "offset_usd": mine.offset[0] - other.offset[0],
            "credit_usd": saved[0][0] - saved[1][0],
            "credit_sales_usd": mine.credits.sold[0] - other.credits.sold[0],
            "bill_usd": total[0],
            "bill_low_usd": low,
            "bill_high_usd": high,
            "effective_rate": mine.average_rate[0],
            "effective_rate_against": other.average_rate[0],
            "bill_per_us_sale_usd": total[0] / np.where(sales > 0, sales, np.nan),
            "bill_per_import_usd": total[0] / np.where(imports > 0, imports, np.nan),
            "quality": [QUALITY[q] for q in goods.quality],
            "imports_basis": [
                BASIS[basis] if units else None
                for basis, units in zip(goods.imports_basis, imports, strict=True)
            ],
        },
        index=pd.Index(goods.makers, name="maker"),
    )
    frame = frame.join(_scale(case, frame))
    return frame.sort_values(["bill_usd", "us_sales_units"], ascending=False, kind="stable")


def _scale(case: Case, frame: pd.DataFrame) -> pd.DataFrame:
    """Duty owed in reporting currency and as a share of profit, revenue and market value.

    Profit and revenue are those of the last fiscal year before the tariff, and profit beside it that
    of the newest year that is over, which has borne the tariff; both are scaled to the length of the
    period. The market value is set against the bill at an annual rate.
    """
    facts, years = case.facts, case.goods.years
    currency = facts.makers.loc[frame.index, "reporting_currency"]
    mean = {unit: fx_rate(facts, unit, case.period, case.as_of) for unit in currency.unique()}
    per_usd = currency.map(mean)
    local_bn = frame["bill_usd"] * per_usd / 1e9
    profit, revenue = (facts.figure(name).reindex(frame.index) for name in ("operating_profit", "revenue"))
    newest = facts.figure("operating_profit", latest=True).reindex(frame.index)
    worth = market_value(facts, case.as_of).reindex(frame.index)
    return pd.DataFrame(
        {
            "reporting_currency": currency,
            "per_usd": per_usd,
            "bill_reporting_bn": local_bn,
            "share_of_operating_profit": local_bn / (profit * years).where(profit > 0),
            "latest_year": facts.fiscal_year("operating_profit", latest=True).reindex(frame.index),
            "share_of_latest_operating_profit": local_bn / (newest * years).where(newest > 0),
            "share_of_revenue": local_bn / (revenue * years),
            "share_of_market_cap": frame["bill_usd"] / years / worth["market_cap_usd"],
            "market_cap_usd": worth["market_cap_usd"],
            "price_date": worth["price_date"],
        }
    )


def burden(case: Case, valuation: Valuation | None = None) -> pd.DataFrame:
    """`table` with what each maker books of the cost, and what that does to its profit.

    Profit is touched when a cost is booked, not when duty is owed, so the shares of profit and revenue
    are of what is booked (`cost.bases`). Steel and aluminium duties in US-built vehicles count, as in
    `validation`, where they lie between the two policies: not beside a counterfactual that has them too.

    Parameters
    ----------
    valuation : Valuation, optional
        Its tax rate and pass-through stand between the cost and the earnings of a share.

    Returns
    -------
    DataFrame
        As `table`, the bill being what is owed, with `booked_usd`, `booked_low_usd`, `booked_high_usd`,
        `booked_reporting_bn`, `booked_per_share` (reporting currency, after tax and pass-through, over
        the period), and `share_of_operating_profit`, `share_of_latest_operating_profit` and
        `share_of_revenue` of what is booked.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case(period="CY2025")
    >>> booked, owed = burden(asked).loc["Toyota"], table(asked).loc["Toyota"]
    >>> bool(booked["share_of_operating_profit"] > owed["share_of_operating_profit"])
    True
    """
    facts, years, taken = case.facts, case.goods.years, valuation or Valuation()
    frame = table(case)
    metals = has_metals(case.policy, facts) - has_metals(case.against, facts)
    booked = bases(case, metals).reindex(frame.index)
    frame = frame.join(booked[["booked_usd", "booked_low_usd", "booked_high_usd"]])
    local_bn = frame["booked_usd"] * frame["per_usd"] / 1e9
    profit, revenue = (facts.figure(name).reindex(frame.index) for name in ("operating_profit", "revenue"))
    shares = share_counts(facts, case.as_of).reindex(frame.index)  # those that market value counts
    newest = facts.figure("operating_profit", latest=True).reindex(frame.index)
    kept = (1 - taken.tax_rate) * (1 - taken.pass_through)
    return frame.assign(
        booked_reporting_bn=local_bn,
        booked_per_share=local_bn * 1e3 * kept / shares,
        share_of_operating_profit=local_bn / (profit * years).where(profit > 0),
        share_of_latest_operating_profit=local_bn / (newest * years).where(newest > 0),
        share_of_revenue=local_bn / (revenue * years),
    )


def has_metals(one: Policy, facts: Facts) -> int:
    """1 where the duties on steel and aluminium of 2025 are in force beside a policy, else 0.

    They are unless it is a law of before them, or no law at all that adds to the ordinary duty.

    >>> import tariffmodel as tm
    >>> asked = tm.case()
    >>> has_metals(asked.policy, asked.facts), has_metals(asked.against, asked.facts)
    (1, 0)
    """
    rows = facts.selected[(facts.selected["variable"] == "metals_cost") & (facts.selected["value"] > 0)]
    first = rows["start"].min()
    return int(any((entry.enacted or entry.start) >= first for entry in one.additional))


def totals(case: Case) -> pd.DataFrame:
    """Bills of the makers of each home, and of all of them, with ranges that hold what makers share.

    Makers inside another are left out: the bill of that one has theirs.

    Returns
    -------
    DataFrame
        Indexed by `home`, largest bill first, then `ALL`: `makers`, `bill_usd`, `bill_low_usd` and
        `bill_high_usd` (see `uncertainty.total`), and `bill_low_independent_usd` and
        `bill_high_independent_usd`, which would hold if no maker shared an estimate with another.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = totals(tm.case(period="CY2025"))
    >>> found.index[-1], bool((found["bill_low_usd"] <= found["bill_low_independent_usd"]).all())
    ('ALL', True)
    """
    facts, runs = case.facts, case.runs_usd
    runs = np.broadcast_to(runs, (1 + 2 * len(INPUTS), runs.shape[-1]))
    homes = facts.makers["home"].to_numpy()
    names = sorted(set(homes))
    whole = facts.makers["consolidated_in"].isna().to_numpy()
    counted = np.array([(homes == home) & whole for home in names] + [whole]).astype(float)
    shared = uncertainty.sharing(facts, list(INPUTS), case.goods.makers)
    apart = replace(shared, loading=0 * shared.loading)
    (low, high), (least, most) = (uncertainty.total(runs, counted, one) for one in (shared, apart))
    frame = pd.DataFrame(
        {
            "makers": counted.sum(axis=1).astype(int),
            "bill_usd": counted @ runs[0],
            "bill_low_usd": low,
            "bill_high_usd": high,
            "bill_low_independent_usd": least,
            "bill_high_independent_usd": most,
        },
        index=pd.Index([*names, ALL], name="home"),
    )
    return pd.concat([frame.iloc[:-1].sort_values("bill_usd", ascending=False), frame.iloc[-1:]])


def by_origin(case: Case, inside: bool = False) -> pd.DataFrame:
    """Duty owed before the offset, by maker, origin and product.

    Parameters
    ----------
    inside : bool
        List makers inside another too, such as Porsche AG in Volkswagen, and say of whom in the column
        `consolidated_in`: their streams are in those of that one as well.

    Returns
    -------
    DataFrame
        One row per stream of goods: `maker`, `origin`, `product`, `units` (vehicles, for parts
        those they are built into, for service parts those sold), `customs_value_usd`, `duty_usd` at the
        border that is attributable to the policy, whoever pays it (what of it reaches the maker:
        `parts_account.table`), and the average rate under each policy. Without `inside` the table can
        be summed.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> streams = by_origin(tm.case(period="CY2025"))
    >>> "Volkswagen" in set(streams["maker"]), "Porsche AG" in set(streams["maker"])
    (True, False)
    """
    goods, (mine, other) = case.goods, case.owed
    worth = goods.value_usd[0][goods.inside].sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        frame = pd.DataFrame(
            {
                "maker": goods.flows.maker,
                "origin": goods.flows.origin,
                "product": goods.flows.product,
                "units": goods.units[0][goods.inside].sum(axis=0),
                "customs_value_usd": worth,
                "duty_usd": mine.duty[0] - other.duty[0],
                "rate": mine.duty[0] / worth,
                "rate_against": other.duty[0] / worth,
            }
        )
    within = frame["maker"].map(case.facts.makers["consolidated_in"])
    return frame.assign(consolidated_in=within) if inside else frame[within.isna()].reset_index(drop=True)


def car_rates(case: Case, origins: Sequence[str] = ("JP", "EU", "KR", "GB", "MX", "CA")) -> pd.DataFrame:
    """All-in duty rate on cars by origin, on each day it changes: the law as a car sees it.

    Averaged over makers by the value of their imports in the period, so that relief that differs
    by maker and the US content of Mexican and Canadian cars enter at an average maker's. British
    cars are those inside the quota.

    Returns
    -------
    DataFrame
        Fractions of customs value, indexed by the first `day` of each rate, one column per origin.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> car_rates(tm.case(period="2025-09"), ["JP"])["JP"].round(3).tolist()
    [0.275, 0.15]
    """
    goods = entered(case.facts, case.period, [case.policy])
    nothing_arrives = np.zeros_like(goods.units[:1])  # so a quota is never full
    card = rates(case.policy, case.facts, goods.flows, goods.spans, nothing_arrives)
    rate = card.effective(goods.qualifying[:1], goods.us_content[:1])[0][goods.inside]
    worth = goods.value_usd[0][goods.inside].sum(axis=0) * (goods.flows.product == "car")
    columns = {}
    for origin in origins:
        weight = worth * (goods.flows.origin == origin)
        if weight.any():
            columns[origin] = rate @ weight / weight.sum()
    days = [span.start for span, inside in zip(goods.spans, goods.inside, strict=True) if inside]
    return pd.DataFrame(columns, index=pd.Index(pd.to_datetime(days), name="day"))


def sweep(case: Case, variants: Variants) -> pd.DataFrame:
    """Attributable bill for many variants of the policy's numbers at once.

    Parameters
    ----------
    variants : mapping of key to array (n,)
        ``{"relief.japan.slope": np.linspace(0, 0.25, 10_000)}``; several keys vary together.

    Returns
    -------
    DataFrame (n, makers) of USD.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case("japan-flexible-linear-firm", period="CY2025")
    >>> sweep(asked, {"relief.slope": [0.1, 0.2]}).shape
    (2, 20)
    """
    lengths = {len(values) for values in variants.values()}
    if len(lengths) != 1:
        raise DataError("variants must be arrays of one length; repeat or grid them first")
    blocks = [
        bill(
            case.facts,
            case.policy,
            case.goods,
            {key: values[start : start + _BLOCK] for key, values in variants.items()},
        ).total
        for start in range(0, lengths.pop(), _BLOCK)
    ]
    attributable = np.concatenate(blocks) - case.owed[1].total[:1]
    return pd.DataFrame(attributable, columns=pd.Index(case.goods.makers, name="maker"))


def drivers(case: Case) -> pd.DataFrame:
    """How far each estimated input moves each maker's bill.

    Returns
    -------
    DataFrame
        Indexed by maker and input: `fall_usd`, `rise_usd` and the larger of the two, `swing_usd`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> drivers(tm.case(period="CY2025")).loc["Toyota", "swing_usd"].idxmax()
    'customs_value'
    """
    fall, rise = uncertainty.moves(case.runs_usd)
    index = pd.MultiIndex.from_product([list(INPUTS), case.goods.makers], names=["input", "maker"])
    frame = pd.DataFrame({"fall_usd": fall.ravel(), "rise_usd": rise.ravel()}, index=index)
    frame["swing_usd"] = frame.abs().max(axis=1)
    return frame.swaplevel().sort_index()


def whole(bills: pd.DataFrame) -> pd.DataFrame:
    """Makers that are inside no other, largest bill or saving first: rows of `table` that can be summed.

    >>> bills = pd.DataFrame({"consolidated_in": ["B", None, None], "bill_usd": [3.0, 4.0, 5.0]})
    >>> bills.index = pd.Index(["A", "B", "C"], name="maker")
    >>> whole(bills).index.tolist()
    ['C', 'B']
    """
    return bills[bills["consolidated_in"].isna()].sort_values("bill_usd", key=abs, ascending=False)


def origin_totals(streams: pd.DataFrame) -> pd.DataFrame:
    """`by_origin` summed over makers: `customs_value_usd`, `duty_usd`, average `rate`; by goods, origin.

    Makers inside another are left out where the streams say who they are.

    >>> streams = pd.DataFrame({"origin": "JP", "product": ["car", "light_truck"], "rate": [0.15, 0.25]})
    >>> streams = streams.assign(customs_value_usd=[300.0, 100.0], duty_usd=[37.5, 15.0])
    >>> origin_totals(streams).loc[("Vehicles", "JP")].to_dict()
    {'customs_value_usd': 400.0, 'duty_usd': 52.5, 'rate': 0.175}
    """
    if "consolidated_in" in streams:
        streams = streams[streams["consolidated_in"].isna()]
    goods_of = np.where(streams["product"].isin(PARTS), "Parts", "Vehicles")
    paid = streams.assign(goods=goods_of, paid=streams["rate"] * streams["customs_value_usd"])
    sums = paid.groupby(["goods", "origin"])[["customs_value_usd", "duty_usd", "paid"]].sum()
    sums["rate"] = sums.pop("paid") / sums["customs_value_usd"]
    return sums.sort_values(["goods", "duty_usd"], ascending=[False, False])
