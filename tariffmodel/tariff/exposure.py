"""How much does a policy cost each maker, against another, and how much does that matter to it?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd

from tariffmodel.tariff import uncertainty
from tariffmodel.tariff.duty import DAYS_A_YEAR, INPUTS, bill, goods, membership
from tariffmodel.errors import DataError
from tariffmodel.facts import PRODUCTION, QUALITY, SALES, Facts, fx_rate, resolve
from tariffmodel.facts.periods import Period
from tariffmodel.tariff.policy import Policy
from tariffmodel.tariff.rates import Variants, rates

_BLOCK = 1024  # variants at a time, so that the arrays of a sweep stay in the processor's cache


def table(
    facts: Facts,
    policy: Policy,
    against: Policy,
    period: str = "FY2026-03",
    as_of: date | None = None,
) -> pd.DataFrame:
    """Bill attributable to `policy` against `against`, all makers, with ranges and quality.

    Parameters
    ----------
    period : str
        Period label, see `periods`.
    as_of : date, optional
        Exchange rates and share prices after this day are not used. Default: the last fixing.

    Returns
    -------
    DataFrame
        Indexed by maker, largest bill first. USD unless the name says otherwise; columns are
        described in ``data/codebook.csv`` (file ``exposure table``). `bill_low_usd` and
        `bill_high_usd` combine the ranges of all estimated inputs.
    """
    as_of = as_of or facts.as_of
    stock = goods(facts, period, [policy, against])
    mine, other = bill(facts, policy, stock), bill(facts, against, stock)
    total = mine.total - other.total
    low, high = uncertainty.interval(total)
    inside = [span for span, within in zip(stock.spans, stock.inside) if within]
    sales, built = (
        resolve(facts, [(m, variable, "US") for m in stock.makers], inside).value.sum(axis=0)
        for variable in (SALES, PRODUCTION)
    )
    vehicle_of = membership(stock.owner, len(stock.makers)) * (stock.flows.product != "part")[:, None]
    imports, customs = (
        array[0][stock.inside].sum(axis=0) @ vehicle_of for array in (stock.units, stock.value_usd)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
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
                "credit_usd": (mine.saved - mine.repaid - other.saved + other.repaid)[0],
                "credit_sales_usd": mine.sold[0] - other.sold[0],
                "bill_usd": total[0],
                "bill_low_usd": low,
                "bill_high_usd": high,
                "effective_rate": (mine.vehicles - mine.saved + mine.repaid)[0] / customs,
                "effective_rate_against": (other.vehicles - other.saved + other.repaid)[0] / customs,
                "bill_per_us_sale_usd": total[0] / np.where(sales > 0, sales, np.nan),
                "bill_per_import_usd": total[0] / np.where(imports > 0, imports, np.nan),
                "quality": [QUALITY[q] for q in stock.quality],
            },
            index=pd.Index(stock.makers, name="maker"),
        )
    frame = frame.join(_scale(facts, frame, stock.period, as_of))
    return frame.sort_values(["bill_usd", "us_sales_units"], ascending=False, kind="stable")


def _scale(facts: Facts, frame: pd.DataFrame, period: Period, as_of: date) -> pd.DataFrame:
    """The bill in reporting currency and as a share of profit, revenue and market value.

    Profit and revenue are those of the last fiscal year before the tariff, scaled to the length of
    the period; the market value is set against the bill at an annual rate.
    """
    makers = facts.makers.loc[frame.index]
    today = Period(as_of, as_of)
    mean = {
        currency: fx_rate(facts, currency, period, as_of)
        for currency in makers["reporting_currency"].unique()
    }
    per_usd = makers["reporting_currency"].map(mean)
    local_bn = frame["bill_usd"] * per_usd / 1e9
    years = period.days / DAYS_A_YEAR
    chosen = facts.financials[facts.financials["selected"]].set_index(["metric", "company"])["value"]
    profit, revenue, shares = (
        chosen[metric].reindex(frame.index)
        for metric in ("operating_profit", "revenue", "shares_outstanding")
    )
    closes = facts.prices[: pd.Timestamp(as_of)].ffill()
    last = closes.iloc[-1] if len(closes) else pd.Series(dtype=float)
    dated = facts.prices[: pd.Timestamp(as_of)].apply(pd.Series.last_valid_index).dt.date
    listing = makers["ticker"].map(facts.instruments["currency"])
    spot = {currency: fx_rate(facts, currency, today, as_of) for currency in listing.dropna().unique()}
    market_cap = shares * 1e6 * makers["ticker"].map(last) / listing.map(spot)
    return pd.DataFrame(
        {
            "reporting_currency": makers["reporting_currency"],
            "per_usd": per_usd,
            "bill_reporting_bn": local_bn,
            "share_of_operating_profit": local_bn / (profit * years).where(profit > 0),
            "share_of_revenue": local_bn / (revenue * years),
            "share_of_market_cap": frame["bill_usd"] / years / market_cap,
            "market_cap_usd": market_cap,
            "price_date": makers["ticker"].map(dated),
        }
    )


def by_origin(facts: Facts, policy: Policy, against: Policy, period: str = "FY2026-03") -> pd.DataFrame:
    """Duty before the offset, by maker, origin and product.

    Returns
    -------
    DataFrame
        One row per stream of goods: `maker`, `origin`, `product`, `units` (vehicles, or for parts
        the vehicles they are built into), `customs_value_usd`, `duty_usd` attributable to
        `policy`, and the average rate under each policy.
    """
    stock = goods(facts, period, [policy, against])
    mine, other = bill(facts, policy, stock), bill(facts, against, stock)
    worth = stock.value_usd[0][stock.inside].sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return pd.DataFrame(
            {
                "maker": stock.flows.maker,
                "origin": stock.flows.origin,
                "product": stock.flows.product,
                "units": stock.units[0][stock.inside].sum(axis=0),
                "customs_value_usd": worth,
                "duty_usd": mine.duty[0] - other.duty[0],
                "rate": mine.duty[0] / worth,
                "rate_against": other.duty[0] / worth,
            }
        )


def car_rates(
    facts: Facts, policy: Policy, period: str, origins: Sequence[str] = ("JP", "EU", "KR", "GB", "MX", "CA")
) -> pd.DataFrame:
    """All-in duty rate on cars by origin, on each day it changes: the law as a car sees it.

    Averaged over makers by the value of their imports in the period, so that relief that differs
    by maker and the US content of Mexican and Canadian cars enter at an average maker's. British
    cars are those inside the quota.

    Returns
    -------
    DataFrame
        Fractions of customs value, indexed by the first `day` of each rate, one column per origin.
    """
    stock = goods(facts, period, [policy])
    nothing_arrives = np.zeros_like(stock.units[:1])  # so a quota is never full
    card = rates(policy, facts, stock.flows, stock.spans, nothing_arrives)
    rate = card.effective(stock.qualifying[:1], stock.us_content[:1])[0][stock.inside]
    worth = stock.value_usd[0][stock.inside].sum(axis=0) * (stock.flows.product == "car")
    columns = {}
    for origin in origins:
        weight = worth * (stock.flows.origin == origin)
        if weight.any():
            columns[origin] = rate @ weight / weight.sum()
    days = [span.start for span, inside in zip(stock.spans, stock.inside, strict=True) if inside]
    return pd.DataFrame(columns, index=pd.Index(pd.to_datetime(days), name="day"))


def sweep(
    facts: Facts,
    policy: Policy,
    against: Policy,
    variants: Variants,
    period: str = "FY2026-03",
) -> pd.DataFrame:
    """Attributable bill for many variants of a policy's numbers at once.

    Parameters
    ----------
    variants : mapping of key to array (n,)
        ``{"relief.japan.slope": np.linspace(0, 0.25, 10_000)}``; several keys vary together.

    Returns
    -------
    DataFrame (n, makers) of USD.
    """
    lengths = {len(values) for values in variants.values()}
    if len(lengths) != 1:
        raise DataError("variants must be arrays of one length; repeat or grid them first")
    stock = goods(facts, period, [policy, against])
    blocks = [
        bill(
            facts, policy, stock, {key: values[start : start + _BLOCK] for key, values in variants.items()}
        ).total
        for start in range(0, lengths.pop(), _BLOCK)
    ]
    attributable = np.concatenate(blocks) - bill(facts, against, stock).total[:1]
    return pd.DataFrame(attributable, columns=pd.Index(stock.makers, name="maker"))


def drivers(facts: Facts, policy: Policy, against: Policy, period: str = "FY2026-03") -> pd.DataFrame:
    """How far each estimated input moves each maker's bill.

    Returns
    -------
    DataFrame
        Indexed by maker and input: `fall_usd`, `rise_usd` and the larger of the two, `swing_usd`.
    """
    stock = goods(facts, period, [policy, against])
    fall, rise = uncertainty.moves(bill(facts, policy, stock).total - bill(facts, against, stock).total)
    index = pd.MultiIndex.from_product([list(INPUTS), stock.makers], names=["input", "maker"])
    frame = pd.DataFrame({"fall_usd": fall.ravel(), "rise_usd": rise.ravel()}, index=index)
    frame["swing_usd"] = frame.abs().max(axis=1)
    return frame.swaplevel().sort_index()


def whole(bills: pd.DataFrame) -> pd.DataFrame:
    """Makers that are inside no other, largest bill or saving first: rows of `table` that can be summed."""
    return bills[bills["consolidated_in"].isna()].sort_values("bill_usd", key=abs, ascending=False)


def origin_totals(streams: pd.DataFrame) -> pd.DataFrame:
    """Sums over makers of `by_origin`: `customs_value_usd`, `duty_usd` and average `rate`, by goods and origin."""
    goods_of = streams["product"].map({"part": "Parts", "car": "Vehicles", "light_truck": "Vehicles"})
    paid = streams.assign(goods=goods_of, paid=streams["rate"] * streams["customs_value_usd"])
    sums = paid.groupby(["goods", "origin"])[["customs_value_usd", "duty_usd", "paid"]].sum()
    sums["rate"] = sums.pop("paid") / sums["customs_value_usd"]
    return sums.sort_values(["goods", "duty_usd"], ascending=[False, False])
