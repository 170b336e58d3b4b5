"""What does each maker owe under a policy, and how much does that matter to it?

The bill integrates dated rates day by day over dated volumes: the period is cut wherever a rate, a
fact or a calendar year changes, and within a cut everything is constant. It is gross: before price
rises, lost volume, relocation or cost savings.

    duty on vehicles = units × customs value × rate on the dutiable share
    duty on parts    = US-built units × imported parts per unit × rate − offset  (not below zero)
    bill             = both, under the policy, less both under the counterfactual
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from tariffmodel import periods, uncertainty
from tariffmodel.errors import DataError
from tariffmodel.facts import IMPORTS, PRODUCTION, QUALITY, SALES, Facts, fx_rate, resolve
from tariffmodel.periods import Period
from tariffmodel.policy import Flows, Policy, Rates, rates

DAYS_A_YEAR = 365.25
_BLOCK = 1024  # variants at a time, so that the arrays of a sweep stay in the processor's cache
INPUTS = {
    "imports": "vehicles imported, by origin",
    "us_production": "vehicles built in the US",
    "customs_value": "customs value per imported vehicle",
    "us_content_share": "US content of Mexican and Canadian vehicles",
    "usmca_share": "share that qualifies for USMCA",
    "light_truck_share": "light trucks among imports",
    "imported_parts": "imported parts per US-built vehicle",
    "msrp": "MSRP of US-built vehicles",
}
_USED = (
    IMPORTS,
    PRODUCTION,
    "customs_value",
    "us_content_share",
    "usmca_share_car",
    "usmca_share_light_truck",
    "usmca_share_part",
    "light_truck_share",
    "imported_parts",
    "msrp",
)
_NORTH_AMERICA = ("MX", "CA")


@dataclass(frozen=True)
class Goods:
    """Everything about a period that no policy changes: F streams of goods over S spans.

    Arrays are (runs, S, F) or, for what belongs to a maker, (runs, S, M). Run 0 is central; the
    others hold one input of `INPUTS` at its low or its high (see `uncertainty`). `inside` marks the
    spans of the period; the others complete its calendar years and reach back to the first offset.
    """

    period: Period
    makers: list[str]
    flows: Flows
    owner: np.ndarray
    spans: list[Period]
    inside: np.ndarray
    units: np.ndarray
    value_usd: np.ndarray
    qualifying: np.ndarray
    us_content: np.ndarray
    assembled_msrp_usd: np.ndarray
    quality: np.ndarray


@dataclass(frozen=True)
class Bill:
    """Duty of every maker under one policy, USD, before any counterfactual.

    `vehicles`, `parts` and `offset` are (runs or variants, M) over the period; `duty` is the duty
    per stream of goods before the offset, (runs or variants, F).
    """

    goods: Goods
    duty: np.ndarray
    vehicles: np.ndarray
    parts: np.ndarray
    offset: np.ndarray

    @property
    def total(self) -> np.ndarray:
        """Vehicles + parts − offset, USD (runs or variants, M)."""
        return self.vehicles + self.parts - self.offset


def goods(facts: Facts, period: str | Period, policies: Sequence[Policy]) -> Goods:
    """Volumes, values and shares over `period`, cut at every date that matters to `policies`.

    Raises
    ------
    DataError
        If a maker with imports or US plants lacks a fact that the bill needs.
    """
    asked = periods.parse(period) if isinstance(period, str) else period
    first = min([asked.start, *(entry.start for policy in policies for entry in policy.offset)])
    begin, finish = date(first.year, 1, 1), date(asked.end.year, 12, 31)
    makers = list(facts.makers.index)
    selected = facts.selected[facts.selected["variable"].isin(_USED)]
    cuts = {asked.start, asked.end + timedelta(days=1)}
    cuts |= set(selected["start"]) | {day + timedelta(days=1) for day in selected["end"]}
    cuts |= {date(year, 1, 1) for year in range(begin.year, finish.year + 1)}
    cuts |= {day for policy in policies for day in policy.boundaries()}
    edges = sorted({day for day in cuts if begin <= day <= finish} | {begin, finish + timedelta(days=1)})
    spans = [Period(start, end - timedelta(days=1)) for start, end in zip(edges, edges[1:])]

    trade = selected[(selected["variable"] == IMPORTS) & (selected["value"] > 0)]
    pairs = sorted(
        set(zip(trade["maker"], trade["origin"])), key=lambda pair: (makers.index(pair[0]), pair[1])
    )
    built = set(selected.loc[(selected["variable"] == PRODUCTION) & (selected["value"] > 0), "maker"])
    sourced = [(m, o) for m in makers if m in built for o in facts.origins(m, "imported_parts")]
    if lacking := sorted(built - {m for m, _ in sourced}):
        raise DataError(
            f"{lacking[0]} builds in the US but has no imported_parts; add its rows to data/facts/estimates.csv "
            "(one per origin, 0 if none)"
        )
    need = {
        "imports": [(m, IMPORTS, o) for m, o in pairs],
        "us_production": [(m, PRODUCTION, "US") for m in makers],
        "customs_value": [(m, "customs_value", o) for m, o in pairs],
        "light_truck_share": [(m, "light_truck_share", o) for m, o in pairs],
        "us_content_share": [(m, "us_content_share", o) for m, o in pairs if o in _NORTH_AMERICA],
        "usmca_car": [(m, "usmca_share_car", o) for m, o in pairs if o in _NORTH_AMERICA],
        "usmca_truck": [(m, "usmca_share_light_truck", o) for m, o in pairs if o in _NORTH_AMERICA],
        "imported_parts": [(m, "imported_parts", o) for m, o in sourced],
        "usmca_part": [(m, "usmca_share_part", o) for m, o in sourced if o in _NORTH_AMERICA],
        "msrp": [(m, "msrp", "US") for m in makers if m in built],
    }
    got = resolve(facts, [key for keys in need.values() for key in keys], spans)
    ends = np.cumsum([0, *(len(keys) for keys in need.values())])
    part = {name: slice(a, b) for name, a, b in zip(need, ends, ends[1:])}

    runs: dict[str, np.ndarray] = {}
    names = list(INPUTS)
    for name in need:
        position = names.index("usmca_share" if name.startswith("usmca") else name)
        low, value, high = (array[:, part[name]] for array in (got.low, got.value, got.high))
        runs[name] = uncertainty.one_at_a_time(low, value, high, position, len(names))

    def widen(array: np.ndarray, keys: list[tuple[str, str]]) -> np.ndarray:
        """Shares known for North America only, zero for every other origin."""
        full = np.zeros((*array.shape[:2], len(keys)))
        full[..., [o in _NORTH_AMERICA for _, o in keys]] = array
        return full

    trucks = runs["light_truck_share"]
    hauls = np.array([(trucks[..., k] > 0).any() for k in range(len(pairs))])
    truck_pairs = [pair for pair, carries in zip(pairs, hauls) if carries]
    content = widen(runs["us_content_share"], pairs)
    production = runs["us_production"]
    builder = np.array([makers.index(m) for m, _ in sourced])
    blocks = [
        # cars, light trucks, parts: units, value per unit, qualifying share, US content
        (runs["imports"] * (1 - trucks), runs["customs_value"], widen(runs["usmca_car"], pairs), content),
        tuple(
            array[..., hauls]
            for array in (
                runs["imports"] * trucks,
                runs["customs_value"],
                widen(runs["usmca_truck"], pairs),
                content,
            )
        ),
        (
            production[..., builder],
            runs["imported_parts"],
            widen(runs["usmca_part"], sourced),
            np.zeros_like(runs["imported_parts"]),
        ),
    ]
    units, value, qualifying, us_content = (np.concatenate(arrays, axis=-1) for arrays in zip(*blocks))
    labels = [
        *((m, o, "car") for m, o in pairs),
        *((m, o, "light_truck") for m, o in truck_pairs),
        *((m, o, "part") for m, o in sourced),
    ]
    flows = Flows(*(np.array(column) for column in zip(*labels)))
    owner = np.array([makers.index(m) for m in flows.maker])
    inside = np.array([asked.covers(span) for span in spans])
    msrp = np.zeros((*runs["msrp"].shape[:2], len(makers)))
    msrp[..., [makers.index(m) for m in makers if m in built]] = runs["msrp"]

    quality = np.zeros(len(makers), dtype=int)
    used = got.quality[inside].max(axis=0)
    keys = [key for group in need.values() for key in group]
    np.maximum.at(quality, [makers.index(m) for m, _, _ in keys], used)
    return Goods(
        asked,
        makers,
        flows,
        owner,
        spans,
        inside,
        units,
        units * value,
        qualifying,
        us_content,
        production * msrp,
        quality,
    )


def bill(
    facts: Facts,
    policy: Policy,
    stock: Goods,
    variants: Mapping[str, Sequence[float] | np.ndarray] | None = None,
) -> Bill:
    """Duty under `policy` on the goods of a period.

    Parameters
    ----------
    stock : Goods
        From `goods`, cut at the dates of this policy.
    variants : mapping of key to array (variants,), optional
        Numbers of the policy that vary (``{"relief.japan.slope": array}``). Inputs then stay at
        their central values, and the leading axis of the result runs over the variants.
    """
    central = slice(0, 1) if variants else slice(None)
    units, value = stock.units[central], stock.value_usd[central]
    card = rates(policy, facts, stock.flows, stock.spans, units, variants)
    q, u = stock.qualifying[central], stock.us_content[central]
    is_part = stock.flows.product == "part"

    member = _membership(stock.owner, len(stock.makers))
    dutiable = value * stock.inside[:, None]
    # spans are summed before components are added: only components that vary carry the variants axis
    duty = sum(
        ((dutiable * card.effective(q, u, name)).sum(axis=1) for name in card.components), start=np.zeros(1)
    )
    offset = _offset(policy, stock, card, value, q, u, variants or {})
    return Bill(stock, duty, (duty * ~is_part) @ member, (duty * is_part) @ member, offset)


def _membership(owner: np.ndarray, makers: int) -> np.ndarray:
    """(flows, makers): 1 where the flow is the maker's, so that `flows @ membership` sums by maker."""
    return (owner[:, None] == np.arange(makers)).astype(float)


def _offset(
    policy: Policy,
    stock: Goods,
    card: Rates,
    value: np.ndarray,
    q: np.ndarray,
    u: np.ndarray,
    variants: Mapping[str, Sequence[float] | np.ndarray],
) -> np.ndarray:
    """Credit used inside the period, USD (runs or variants, M).

    Credit accrues with assembly and is drawn by duty of its measure on parts; what is left carries
    forward. Both are constant over a span, so what it draws is min(duty, balance + its credit).
    """
    parts = np.flatnonzero(stock.flows.product == "part")
    assembled = stock.assembled_msrp_usd[: len(value)]
    used = np.zeros((1, len(stock.makers)))
    for measure in sorted({entry.measure for entry in policy.offset} & set(card.components)):
        entries = [entry for entry in policy.offset if entry.measure == measure]
        rates_of_parts = card.effective(q, u, measure)[..., parts]
        due = (value[..., parts] * rates_of_parts) @ _membership(stock.owner[parts], len(stock.makers))
        balance: np.ndarray | float = 0.0
        for number, span in enumerate(stock.spans):
            for entry in entries:
                if entry.start <= span.start <= entry.end:
                    rate = variants.get(f"offset.{entry.id}.rate", entry.rate)
                    balance = balance + np.reshape(rate, (-1, 1)) * assembled[:, number]
            if any(entry.usable_from <= span.start for entry in entries):
                drawn = np.minimum(due[:, number], balance)
                balance = balance - drawn
                used = used + drawn * stock.inside[number]
            if any(entry.end == span.end and not entry.carry_forward for entry in entries):
                balance = 0.0
    return used


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
    vehicle_of = _membership(stock.owner, len(stock.makers)) * (stock.flows.product != "part")[:, None]
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
                "bill_usd": total[0],
                "bill_low_usd": low,
                "bill_high_usd": high,
                "effective_rate": mine.vehicles[0] / customs,
                "effective_rate_against": other.vehicles[0] / customs,
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


def sweep(
    facts: Facts,
    policy: Policy,
    against: Policy,
    variants: Mapping[str, Sequence[float] | np.ndarray],
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
    """How far each estimated input moves each maker's bill, USD: rows (maker, input), `fall`, `rise`."""
    stock = goods(facts, period, [policy, against])
    fall, rise = uncertainty.moves(bill(facts, policy, stock).total - bill(facts, against, stock).total)
    index = pd.MultiIndex.from_product([list(INPUTS), stock.makers], names=["input", "maker"])
    frame = pd.DataFrame({"fall_usd": fall.ravel(), "rise_usd": rise.ravel()}, index=index)
    return frame.swaplevel().sort_index()


def disclosed(facts: Facts, policy: Policy, against: Policy, as_of: date | None = None) -> pd.DataFrame:
    """The model's gross bill beside what companies disclosed on a like basis, each for its own period.

    Only rows marked `like_for_like` in the disclosures count: gross of mitigation, duty on vehicles
    and parts, a period that has ended or full-year guidance.

    Returns
    -------
    DataFrame
        One row per disclosure: `maker`, `period`, `kind`, `disclosed`, `model`, `model_low`,
        `model_high` (billions of the reporting currency), `ratio` model/disclosed, `inside_range`,
        `latest` (the last word on its maker and period, an actual before any guidance), `said_on`,
        `source_title`, `source_url`.
    """
    as_of = as_of or facts.as_of
    rows = facts.disclosures[
        facts.disclosures["like_for_like"] & facts.disclosures["company"].isin(facts.makers.index)
    ]
    out = []
    for label, group in rows.groupby("period", sort=True):
        bills = table(facts, policy, against, str(label), as_of)
        for row in group.itertuples():
            mine = bills.loc[row.company]
            scale = mine["per_usd"] / 1e9
            model, low, high = (mine[c] * scale for c in ("bill_usd", "bill_low_usd", "bill_high_usd"))
            currency = row.unit.removesuffix("_bn").upper()
            said = row.value * mine["per_usd"] / fx_rate(facts, currency, periods.parse(str(label)), as_of)
            out.append(
                {
                    "maker": row.company,
                    "period": label,
                    "kind": row.kind,
                    "currency": mine["reporting_currency"],
                    "disclosed": said,
                    "model": model,
                    "model_low": low,
                    "model_high": high,
                    "ratio": model / said,
                    "inside_range": low <= said <= high,
                    "said_on": row.said_on,
                    "source_title": row.source_title,
                    "source_url": row.source_url,
                }
            )
    frame = pd.DataFrame(out).sort_values(
        ["maker", "period", "kind", "said_on"], ascending=[True, True, False, True]
    )
    frame["latest"] = ~frame.duplicated(["maker", "period"], keep="last")
    return frame.reset_index(drop=True)
