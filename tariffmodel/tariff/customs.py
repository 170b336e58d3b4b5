"""Where does the model stand beside what customs counted, by origin and month?

The one yardstick that no company's wording touches. The model's imports and the duty on them are set
beside ``data/trade/us_imports.csv`` record by record, each for its own days:

    ratio of duty = ratio of value × ratio of rates
    ratio of value = ratio of units × ratio of values per unit     (where customs counts units)

Customs books the duty of the day of entry. Where a cut was backdated the law is lower than that, and the
difference came back as refunds that these statistics never saw: `entry_duty_usd` is what the law as it was
known on each day made of the same goods.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import IMPORTS, QUALITY, Facts, periods, resolve, trade
from tariffmodel.facts.periods import Period
from tariffmodel.tariff import policy as policies
from tariffmodel.tariff.case import Case
from tariffmodel.tariff.duty import bill
from tariffmodel.tariff.entries import PARTS, Policy
from tariffmodel.tariff.goods import entered

PRODUCTS = {
    "car": ("car",),
    "light_truck": ("light_truck",),
    "vehicle": ("car", "light_truck"),
    "part": PARTS,
    "part_listed": ("listed_part", "service_part"),
}
ALL = "ALL"
# How far vehicle value and duty may be off before the model is to be mended, as a share of the official one.
TOLERANCE = {"JP": 0.05, "KR": 0.05, "EU": 0.05, "MX": 0.05, "CA": 0.1, "GB": 0.2}
_SUMS = [
    "units", "customs_value_usd", "duty_usd", "entry_duty_usd", "usmca_value_usd",
    "official_units", "official_value_usd", "official_duty_usd", "official_usmca_usd",
]  # fmt: skip
_WORTH_A_WORD = 0.005  # of the duty: from here on the difference between entry and law is named
_BACKDATED = "law backdated"


def table(case: Case) -> pd.DataFrame:
    """The model beside every official record that lies within the period of a case.

    The model's figures are those of the case's policy; its counterfactual plays no part, and a maker inside
    another is counted there. Where customs counted cars and light trucks of an origin apart, their sum is
    a row too.

    Returns
    -------
    DataFrame
        One row per record: `goods`, `origin` (``ALL``: every one), `period`, its `months`; then of the model
        and of customs, `official_…`, units, value, value per unit, duty, rate and the share of value under
        USMCA; the ratios model over customs; `inside`, whether value and duty are within `TOLERANCE` (only of
        vehicles, and of the duty where customs has it); `reason`, why they may differ, where known;
        `vintage`, `quality` and `source_url` of the official figure. `entry_duty_usd` is duty at the rate of
        the day of entry, and `duty_ratio` compares that one.

    Raises
    ------
    DataError
        If no official record lies within the period.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = tm.customs.table(tm.case(period="2025-09")).set_index(["goods", "origin"])
    >>> bool(0.8 < found.loc[("vehicle", "ALL"), "duty_ratio"] < 1.3)
    True
    """
    official = _official(case)
    modelled = pd.concat(
        [_modelled(case, periods.parse(label)).assign(period=label) for label in official["period"].unique()]
    )
    rows = official.merge(modelled, on=["goods", "origin", "period"], how="inner")
    reasons = trade.differences(case.facts)
    rows["reason"] = [_reason(row, reasons) for row in rows.itertuples()]
    spans = [periods.parse(label) for label in rows["period"]]
    rows["months"] = [_months(span.start, span.end) for span in spans]
    return _compared(rows)


def totals(rows: pd.DataFrame) -> pd.DataFrame:
    """`table` summed over the days that customs counted, by goods and origin, with what the gap is made of.

    Months are added up; where one record covers more days than the months, it stands for them. So
    `period` differs by row, and so does `months`.

    Returns
    -------
    DataFrame
        Indexed by `goods` and `origin`: the columns of `table`, and `value_gap_usd` (model less customs),
        `units_gap_usd` and `price_gap_usd` (the parts of it that units and value per unit make, where customs
        counts units), `duty_gap_usd`, and its parts `duty_of_value_usd` (the value's gap at the official
        rate) and `duty_of_rate_usd` (the rate's gap at the model's value).

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = totals(tm.customs.table(tm.case(period="2025-04..2025-12")))
    >>> found.loc[("vehicle", "ALL"), "period"]
    '2025-04..2025-12'
    """
    chosen = [_longest(group) for _, group in rows.groupby(["goods", "origin"], sort=False)]
    out = _compared(pd.DataFrame(chosen))
    out["value_gap_usd"] = out["customs_value_usd"] - out["official_value_usd"]
    out["units_gap_usd"] = (out["units"] - out["official_units"]) * out["official_value_per_unit_usd"]
    out["price_gap_usd"] = out["value_gap_usd"] - out["units_gap_usd"]
    out["duty_gap_usd"] = out["entry_duty_usd"] - out["official_duty_usd"]
    out["duty_of_value_usd"] = out["value_gap_usd"] * out["official_rate"]
    out["duty_of_rate_usd"] = out["duty_gap_usd"] - out["duty_of_value_usd"]
    order = list(PRODUCTS)
    out["rank"] = [order.index(goods) for goods in out["goods"]]
    out = out.sort_values(["rank", "official_value_usd"], ascending=[True, False], kind="stable")
    return out.drop(columns="rank").set_index(["goods", "origin"])


def mexico(case: Case) -> pd.DataFrame:
    """Vehicles from Mexico by maker, beside those that INEGI counted as exported to the US.

    Only months that INEGI has within the period of the case; a vehicle is exported some days before it
    enters, and a maker that INEGI counts with another has no row.

    Returns
    -------
    DataFrame
        Indexed by maker, with ``ALL`` last: `period`, `months`, `units`, `official_units`, `units_ratio`,
        `units_gap` and `quality` of the model's figure.

    Raises
    ------
    DataError
        If INEGI has no month in the period.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> int(mexico(tm.case(period="CY2024")).loc["Mercedes-Benz", "official_units"])
    15918
    """
    facts = case.facts
    every = trade.in_use(facts, trade.MEXICO_EXPORTS)
    rows = every[(every["start"] >= case.period.start) & (every["end"] <= case.period.end)]
    rows = rows[rows["maker"].notna()]
    if rows.empty:
        raise DataError(_nothing(case, "data/trade/mexico_exports.csv", every))
    months = sorted(set(rows["period"]))
    counted = rows.groupby("maker")["units"].sum().astype(float)
    owned = facts.makers["consolidated_in"]
    pairs = [
        (maker, IMPORTS, "MX")
        for maker in facts.makers.index
        if pd.isna(owned[maker]) and (maker, IMPORTS, "MX") in facts.readings
    ]
    got = resolve(facts, pairs, [periods.parse(month) for month in months])
    units = pd.Series(got.value.sum(axis=0), [maker for maker, _, _ in pairs])
    worst = pd.Series(got.quality.max(axis=0), units.index)
    # where INEGI counts two makers as one brand, so does this table
    together = _counted_together(facts)
    units = units.groupby(units.index.map(lambda maker: together.get(maker, maker))).sum()
    out = pd.DataFrame({"units": units, "official_units": counted}).fillna({"units": 0.0})
    out = out[out["official_units"].notna()].sort_values("official_units", ascending=False)
    out.loc[ALL] = out.sum()
    out["units_ratio"] = _ratio(out["units"], out["official_units"])
    out["units_gap"] = out["units"] - out["official_units"]
    out["quality"] = [_quality(worst, maker) for maker in out.index]
    out.insert(0, "period", _spelt(months))
    out.insert(1, "months", len(months))
    return out.rename_axis("maker")


def vehicles(found: pd.DataFrame) -> pd.DataFrame:
    """One row per origin of `totals`: vehicles where customs counted them, else cars; largest gap first.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = totals(tm.customs.table(tm.case(period="CY2025")))
    >>> vehicles(found).loc["JP", "goods"], vehicles(found).loc["MX", "goods"]
    ('car', 'vehicle')
    """
    rows = found.reset_index()
    rows = rows[rows["goods"].isin(["vehicle", "car"])].sort_values("goods", ascending=False, kind="stable")
    rows = rows[~rows.duplicated("origin")].set_index("origin")
    return rows.sort_values("value_gap_usd", key=abs, ascending=False)


def in_words(found: pd.DataFrame) -> str:
    """How far the model's vehicles are from those of customs, in a sentence.

    Parameters
    ----------
    found : DataFrame
        From `totals`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> in_words(totals(tm.customs.table(tm.case(period="2025-04..2025-12")))).startswith("All origins")
    True
    """
    rows = vehicles(found).sort_index(key=lambda origins: origins != ALL, kind="stable")
    said = []
    for origin, row in rows.iterrows():
        name = "All origins" if origin == ALL else str(origin)
        duty = "" if np.isnan(row["duty_ratio"]) else f", duty {row['duty_ratio'] - 1:+z.0%}"
        said.append(f"{name} ({row['period']}): value {row['value_ratio'] - 1:+z.0%}{duty}")
    return "; ".join(said) + "."


# ---- the official side


def _official(case: Case) -> pd.DataFrame:
    """Records within the period, with sums of cars and light trucks where customs counted them apart."""
    every = trade.in_use(case.facts)
    rows = every[(every["start"] >= case.period.start) & (every["end"] <= case.period.end)]
    if rows.empty:
        raise DataError(_nothing(case, "data/trade/us_imports.csv", every))
    names = {"value_usd": "official_value_usd", "duty_usd": "official_duty_usd"}
    names |= {"usmca_usd": "official_usmca_usd", "units": "official_units"}
    rows = rows.rename(columns=names)
    rows = rows[["goods", "origin", "period", *names.values(), *_ABOUT]]
    return pd.concat([rows, _vehicles(rows)], ignore_index=True)


_ABOUT = ["vintage", "quality", "source_url", "note"]


def _vehicles(rows: pd.DataFrame) -> pd.DataFrame:
    """Cars and light trucks together, for origins and periods that have both and no count of vehicles."""
    both = rows[rows["goods"].isin(PRODUCTS["vehicle"])]
    key = ["origin", "period"]
    whole = both.groupby(key)["goods"].transform("nunique") == len(PRODUCTS["vehicle"])
    there = pd.MultiIndex.from_frame(rows.loc[rows["goods"] == "vehicle", key])
    both = both[whole & ~pd.MultiIndex.from_frame(both[key]).isin(there)]
    figures = [name for name in rows if str(name).startswith("official_")]
    sums = both.groupby(key, sort=False)[figures].sum(min_count=len(PRODUCTS["vehicle"]))
    about = both.groupby(key, sort=False)[_ABOUT].first()
    return sums.join(about).reset_index().assign(goods="vehicle", quality="derived")


def _nothing(case: Case, file: str, every: pd.DataFrame) -> str:
    if every.empty:
        return f"{file} has nothing that was known on {case.facts.day}; choose a later as-of day"
    return (
        f"{file} has no record within {case.period}; it reaches from {min(every['start'])} to "
        f"{max(every['end'])}: ask for a period in it, or bring newer months with `tariffmodel refresh trade`"
    )


def _reason(row: Any, known: pd.DataFrame) -> str:
    """Why model and customs may differ in a record, where something is known."""
    span = periods.parse(row.period)
    said = [row.note] if isinstance(row.note, str) else []
    for one in known.itertuples():
        concerned: Any = one
        goods, origins = concerned.goods.split("|"), concerned.origin.split("|")
        overlaps = concerned.start <= span.end and span.start <= concerned.end
        if row.goods in goods and (row.origin in origins or origins == ["*"]) and overlaps:
            said.append(concerned.reason)
    return "; ".join(said)


def _with_backdated(row: Any) -> str:
    """A reason, and what duty at entry makes beside the law where the difference is worth a word."""
    refunded = row.entry_duty_usd - row.duty_usd
    if not abs(refunded) > _WORTH_A_WORD * row.duty_usd:
        return str(row.reason)
    said = f"{_BACKDATED}: at the rates of the days of entry {refunded / 1e6:+,.0f}m USD on the law of today"
    return "; ".join(filter(None, [row.reason, said]))


# ---- the model's side


def _modelled(case: Case, span: Period) -> pd.DataFrame:
    """Units, value and duty of the model over some days, by goods and origin, under the policy of a case."""
    law = case.policy
    streams = _streams(case.facts, span, law)
    pieces = [_streams(case.facts, piece, known)["duty_usd"] for piece, known in _as_enacted(law, span)]
    streams["entry_duty_usd"] = sum(pieces, start=pd.Series(0.0, streams.index))
    out = []
    for goods, products in PRODUCTS.items():
        chosen = streams.loc[streams.index.get_level_values("product").isin(products)]
        sums = chosen.groupby("origin").sum()
        sums.loc[ALL] = chosen.sum()
        out.append(sums.rename_axis("origin").reset_index().assign(goods=goods))
    found = pd.concat(out, ignore_index=True)
    return found.assign(units=found["units"].where(~found["goods"].str.startswith("part")))


def _streams(facts: Facts, span: Period, law: Policy) -> pd.DataFrame:
    """By product and origin; a maker inside another is counted there and only there."""
    goods = entered(facts, span, [law])
    apart = facts.makers["consolidated_in"].isna()[goods.flows.maker].to_numpy()
    worth = goods.value_usd[0][goods.inside]
    frame = pd.DataFrame(
        {
            "units": goods.units[0][goods.inside].sum(axis=0),
            "customs_value_usd": worth.sum(axis=0),
            "usmca_value_usd": (worth * goods.qualifying[0][goods.inside]).sum(axis=0),
            "duty_usd": bill(facts, law, goods).duty[0],
            "product": goods.flows.product,
            "origin": goods.flows.origin,
        }
    )
    return frame[apart].groupby(["product", "origin"]).sum()


def _as_enacted(law: Policy, span: Period) -> list[tuple[Period, Policy]]:
    """The days between enactments, each with the law as far as it was enacted on the first of them."""
    # what was void or withdrawn later was law, or law to come, on its days
    known = [*law.entries, *law.void]
    days = {day for entry in known for day in (entry.enacted, entry.to_enacted, entry.voided)}
    inside = {day for day in days if day is not None and span.start < day <= span.end}
    edges = sorted({span.start, *inside, span.end + timedelta(days=1)})
    return [
        (Period(first, after - timedelta(days=1)), policies.as_known(law, first))
        for first, after in pairwise(edges)
    ]


def _counted_together(facts: Facts) -> dict[str, str]:
    """Makers that INEGI's months hold under another one: those of the models that its brand's months hold."""
    brand = trade.in_use(facts, trade.MEXICO_EXPORTS).drop_duplicates("brand").set_index("brand")["maker"]
    models = trade.in_use(facts, trade.MEXICO_MODELS)
    models = models.assign(under=models["brand"].map(brand))
    apart = models[models["maker"].notna() & (models["maker"] != models["under"])]
    return dict(zip(apart["maker"], apart["under"], strict=True))


def _quality(worst: pd.Series, maker: str) -> str:
    found = worst if maker == ALL else worst[worst.index == maker]
    return QUALITY[int(found.max())] if len(found) else ""


# ---- both


def _compared(rows: pd.DataFrame) -> pd.DataFrame:
    """Values per unit, rates, shares and ratios of rows with the sums of both sides."""
    vehicles = rows["goods"].isin(["car", "light_truck", "vehicle"])
    per_unit = _ratio(rows["customs_value_usd"], rows["units"])
    official_per_unit = _ratio(rows["official_value_usd"], rows["official_units"])
    near = rows["origin"].isin(["MX", "CA"])
    value_ratio = _ratio(rows["customs_value_usd"], rows["official_value_usd"])
    duty_ratio = _ratio(rows["entry_duty_usd"], rows["official_duty_usd"])
    off = pd.concat([value_ratio - 1, duty_ratio - 1], axis=1).abs().max(axis=1)
    tolerance = rows["origin"].map(TOLERANCE)
    inside = (off <= tolerance).astype(object).where(vehicles & tolerance.notna())
    return pd.DataFrame(
        {
            "goods": rows["goods"],
            "origin": rows["origin"],
            "period": rows["period"],
            "months": rows["months"],
            "units": rows["units"],
            "official_units": rows["official_units"],
            "units_ratio": _ratio(rows["units"], rows["official_units"]),
            "customs_value_usd": rows["customs_value_usd"],
            "official_value_usd": rows["official_value_usd"],
            "value_ratio": value_ratio,
            "value_per_unit_usd": per_unit,
            "official_value_per_unit_usd": official_per_unit,
            "value_per_unit_ratio": _ratio(per_unit, official_per_unit),
            "duty_usd": rows["duty_usd"],
            "entry_duty_usd": rows["entry_duty_usd"],
            "official_duty_usd": rows["official_duty_usd"],
            "duty_ratio": duty_ratio,
            "rate": _ratio(rows["entry_duty_usd"], rows["customs_value_usd"]),
            "official_rate": _ratio(rows["official_duty_usd"], rows["official_value_usd"]),
            "usmca_value_usd": rows["usmca_value_usd"].where(near),
            "official_usmca_usd": rows["official_usmca_usd"],
            "usmca_share": _ratio(rows["usmca_value_usd"], rows["customs_value_usd"]).where(near),
            "official_usmca_share": _ratio(rows["official_usmca_usd"], rows["official_value_usd"]),
            "inside": inside,
            "reason": [_with_backdated(row) for row in rows.itertuples()],
            "vintage": rows["vintage"],
            "quality": rows["quality"],
            "source_url": rows["source_url"],
        }
    )


def _longest(group: pd.DataFrame) -> dict[str, Any]:
    """One row for the records of one kind of goods and origin: the months together, or what covers more."""
    months = group[group["months"] == 1].sort_values("period")
    longer = group[group["months"] > len(months)].sort_values("months")
    if len(longer):
        one = dict(longer.iloc[-1])
        return one | {"reason": "; ".join(_apart([one["reason"]]))}
    row = {name: months[name].sum(skipna=False) for name in _SUMS}
    kept = {name: months[name].iloc[-1] for name in ("goods", "origin", "vintage", "quality", "source_url")}
    said = {"period": _spelt(months["period"]), "months": len(months)}
    return row | kept | said | {"reason": "; ".join(_apart(months["reason"]))}


def _apart(reasons: Iterable[str]) -> list[str]:
    """Each reason once; what was backdated is summed anew."""
    parts = dict.fromkeys(part for text in reasons for part in text.split("; "))
    return [part for part in parts if part and not part.startswith(_BACKDATED)]


def _spelt(months: Iterable[str]) -> str:
    """Months as ranges: ``2025-06, 2025-08..2025-09``."""
    runs: list[list[str]] = []
    for month in months:
        start = periods.parse(month).start
        before = f"{start - timedelta(days=1):%Y-%m}"
        if runs and runs[-1][-1] == before:
            runs[-1].append(month)
        else:
            runs.append([month])
    return ", ".join(run[0] if len(run) == 1 else f"{run[0]}..{run[-1]}" for run in runs)


def _months(first: date, last: date) -> int:
    return 12 * (last.year - first.year) + last.month - first.month + 1


def _ratio(over: pd.Series, under: pd.Series) -> pd.Series:
    return over / under.where(under > 0)
