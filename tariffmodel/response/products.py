"""Which vehicles are sold in the US, for how much, and what duty lies on each?

A product is a maker's vehicles of one segment (cars and SUVs, or light trucks) from one origin; what its US
plants build for the US is one too. Imports are taken to be sold in the period in which they enter.

What US plants build: list price × what buyers pay of a list price. Of imports only the customs value is
known: retail prices are customs value × the median of (price of what a maker builds in the US / customs value
of what it imports). Prices, volumes and markups are those of maker and dealer as one.

Duty per vehicle is policy less counterfactual: of imports the duty on the vehicle, less what credits save; of
US-built ones that on the parts built in, net of the offset; of both that on service parts. What is owed on
parts of vehicles that leave the US again is beside the market (`aside_usd`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tariffmodel import files
from tariffmodel.errors import DataError
from tariffmodel.facts import EXPORTS, Facts, resolve
from tariffmodel.facts.tables import in_use
from tariffmodel.response import capacity
from tariffmodel.tariff.case import Case
from tariffmodel.tariff.duty import Bill
from tariffmodel.tariff.goods import INPUTS

SEGMENTS = ("car", "light_truck")
ELASTICITIES, MARKET = "response/elasticities.csv", "response/market.csv"
OF_MARKET = {
    "own_elasticity": "own-price elasticity of a model",
    "aggregate_elasticity": "price elasticity of all vehicles",
    "retail_ratio": "retail price of imports over customs value",
    "transaction_ratio": "price paid over list price",
    "us_truck_share": "light trucks among US-built vehicles",
    "buyers": "households that may buy",
    "us_spare": "idle capacity of US plants",
}
ALL_INPUTS = (*INPUTS, *OF_MARKET)


class Range(NamedTuple):
    """A figure with its range.

    >>> Range(1.0, 2.0, 4.0).runs(0, 1).tolist()
    [2.0, 1.0, 4.0]
    """

    low: float
    value: float
    high: float

    def runs(self, position: int, inputs: int) -> np.ndarray:
        """(1 + 2·inputs,): central but for the two runs of this input, see `uncertainty`."""
        out = np.full(1 + 2 * inputs, self.value)
        out[1 + 2 * position], out[2 + 2 * position] = self.low, self.high
        return out


@dataclass(frozen=True, eq=False)
class Products:
    """J products of F makers, in the R runs of `ALL_INPUTS`: central, then each input at its low, its high.

    Attributes
    ----------
    makers : list of str
        Those inside no other.
    firm : array (J,)
        Position in `makers`; products are in their order.
    origin, segment : arrays of str (J,)
    units, price_usd, duty_usd : arrays (R, J)
        Vehicles over the period; USD per vehicle before the policy, and of duty, policy less counterfactual.
    aside_usd, gross_usd : arrays (R, F)
        What is owed beside the market, and the whole bill.
    own, aggregate, buyers : arrays (R, 1)
        Elasticities, and buyers over the period.
    customs_usd : array (R, J)
        Customs value of each vehicle, 0 for US-built ones.
    parts_usd : array (R, F)
        Duty on the parts of a vehicle built in the US, its share of service parts included.
    us_share : array (J,)
        Part of the vehicles that is built in the US: 1 or 0 as long as plants are where they were.
    spare_units : array (R, F)
        What US plants could build beyond what they do, over the period, see `capacity.spare`; none at the low
        end, since what a plant could build needs a crew that it may not have; where it is not known none,
        and without limit at the high end.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> sold = of_case(tm.case(period="CY2025"))
    >>> whole = sold.by_maker(sold.units * sold.duty_usd) + sold.aside_usd
    >>> bool(np.allclose(whole, sold.gross_usd)), len(sold.names) == len(sold.firm)
    (True, True)
    >>> bool((sold.nest[sold.segment == "light_truck"] == 1).all())
    True
    """

    makers: list[str]
    firm: np.ndarray
    origin: np.ndarray
    segment: np.ndarray
    units: np.ndarray
    price_usd: np.ndarray
    duty_usd: np.ndarray
    aside_usd: np.ndarray
    gross_usd: np.ndarray
    own: np.ndarray
    aggregate: np.ndarray
    buyers: np.ndarray
    customs_usd: np.ndarray
    parts_usd: np.ndarray
    us_share: np.ndarray
    spare_units: np.ndarray

    @property
    def nest(self) -> np.ndarray:
        """(J,): position of the segment in `SEGMENTS`."""
        return np.array([SEGMENTS.index(one) for one in self.segment])

    @property
    def names(self) -> list[str]:
        """What a message calls each product."""
        return [
            f"{self.makers[f]} {segment} from {origin}"
            for f, origin, segment in zip(self.firm, self.origin, self.segment, strict=True)
        ]

    def by_maker(self, figure: np.ndarray) -> np.ndarray:
        """Its sum over the products of each maker, (..., J) to (..., F).

        >>> import tariffmodel as tm
        >>> sold = of_case(tm.case(period="CY2025"))
        >>> sold.by_maker(sold.units).shape == sold.gross_usd.shape
        True
        """
        return _by_firm(figure, self.firm, len(self.makers))


def of_case(case: Case) -> Products:
    """Products of a case, in every run of its inputs and of those of the market.

    Raises
    ------
    DataError
        A maker that builds in the US has no `us_built_light_truck_share` in ``response/market.csv``, exports
        more than it builds, or a figure of the market is missing.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> sold = of_case(tm.case(period="CY2025"))
    >>> sold.units.shape == sold.price_usd.shape == (1 + 2 * len(ALL_INPUTS), len(sold.firm))
    True
    >>> bool(20e3 < (sold.price_usd * sold.units)[0].sum() / sold.units[0].sum() < 80e3)
    True
    """
    facts, goods = case.facts, case.goods
    whole = facts.makers["consolidated_in"].isna().to_numpy()
    makers = [maker for maker, counts in zip(goods.makers, whole, strict=True) if counts]
    columns = np.flatnonzero(whole)
    own, aggregate = elasticities(facts)
    figures = market_figures(facts)

    built = _runs(goods.production[:, goods.inside].sum(axis=1))[:, columns]
    at_home = _kept_at_home(case, makers, built)
    flows = _vehicle_flows(case, makers)
    charges = _charges(case, columns, flows, built, at_home)
    imports = _Stream(
        flows.firm,
        flows.origin,
        flows.segment,
        flows.units,
        flows.value_each[0] * _of_runs(retail_ratio(case), "retail_ratio")[:, None],
        flows.duty_each + charges.imports[:, flows.firm],
        flows.value_each,
    )
    trucks = _truck_shares(figures, makers, built[0] > 0)
    price = _home_price(case, columns, built, figures)
    here, count = np.arange(len(makers)), len(makers)
    home = [
        _Stream(
            here,
            np.full(count, "US"),
            np.full(count, segment),
            units,
            price,
            charges.home,
            np.zeros_like(price),
        )
        for segment, units in zip(SEGMENTS, (at_home * (1 - trucks), at_home * trucks), strict=True)
    ]
    stream = _joined([imports, *home])
    gross = _runs(case.runs_usd)[:, columns]
    return Products(
        makers=makers,
        firm=stream.firm,
        origin=stream.origin,
        segment=stream.segment,
        units=stream.units,
        price_usd=stream.price,
        duty_usd=stream.duty,
        aside_usd=gross - _by_firm(stream.units * stream.duty, stream.firm, count),
        gross_usd=gross,
        own=_of_runs(own, "own_elasticity")[:, None],
        aggregate=_of_runs(aggregate, "aggregate_elasticity")[:, None],
        buyers=_of_runs(figures["potential_buyers", "US households"], "buyers")[:, None] * goods.years,
        customs_usd=stream.customs,
        parts_usd=charges.home,
        us_share=(stream.origin == "US").astype(float),
        spare_units=_spare(case, makers),
    )


class _Stream(NamedTuple):
    """Products from one side of the border: whose, and in every run (R, products)."""

    firm: np.ndarray
    origin: np.ndarray
    segment: np.ndarray
    units: np.ndarray
    price: np.ndarray
    duty: np.ndarray
    customs: np.ndarray


def _joined(streams: Sequence[_Stream]) -> _Stream:
    """Those that are sold, in the order of makers, origins and segments."""
    labels = [np.concatenate([one[k] for one in streams]) for k in range(3)]
    figures = [np.concatenate([one[k] for one in streams], axis=1) for k in range(3, 7)]
    order = np.lexsort(labels[::-1])
    order = order[figures[0][0, order] > 0]
    firm, origin, segment = (label[order] for label in labels)
    units, price, duty, customs = (figure[:, order] for figure in figures)
    # one that a low estimate does away with keeps a vehicle
    return _Stream(firm, origin, segment, np.maximum(units, 1.0), price, duty, customs)


def _home_price(
    case: Case, columns: np.ndarray, built: np.ndarray, figures: dict[tuple[str, str], Range]
) -> np.ndarray:
    """What buyers pay for a vehicle that a maker builds in the US, (R, F); 0 where it builds none."""
    goods = case.goods
    msrp = _runs(goods.assembled_msrp_usd[:, goods.inside].sum(axis=1))[:, columns]
    paid = _of_runs(figures["transaction_to_list_price", "all new vehicles"], "transaction_ratio")[:, None]
    return np.asarray(np.divide(msrp * paid, built, out=np.zeros_like(msrp), where=built > 0))


def elasticities(facts: Facts) -> tuple[Range, Range]:
    """Own-price elasticity of a model, and that of all vehicles together: least, median and most elastic.

    Raises
    ------
    DataError
        One that is not below zero, with its row.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> own, aggregate = elasticities(tm.facts.load())
    >>> own.high < own.value < own.low < aggregate.high < aggregate.low < 0
    True
    """
    path = in_use(facts.folder, facts.overlay, ELASTICITIES)
    rows = files.csv(path, typed=True)
    wrong = rows.index[~(rows["value"] < 0)]
    if len(wrong):
        row = rows.loc[wrong[0]]
        raise DataError(
            f"data/{ELASTICITIES} row {wrong[0] + 2}: {row['metric']} of {row['what']} is {row['value']:g}; "
            "buyers buy less of what costs more, so write a number below zero"
        )

    def of(metric: str) -> Range:
        values = rows.loc[rows["metric"] == metric, "value"]
        if values.empty:
            raise DataError(f"data/{ELASTICITIES} has no row of {metric}; add one")
        return Range(float(values.max()), float(values.median()), float(values.min()))

    return of("own_price_elasticity"), of("aggregate_elasticity")


def market_figures(facts: Facts) -> dict[tuple[str, str], Range]:
    """Figures of ``response/market.csv`` by metric and what it is of.

    >>> import tariffmodel as tm
    >>> market_figures(tm.facts.load())["transaction_to_list_price", "all new vehicles"].value < 1
    True
    """
    rows = files.csv(in_use(facts.folder, facts.overlay, MARKET), typed=True)
    columns = (rows[name] for name in ("metric", "what", "low", "value", "high"))
    found = {(metric, what): Range(*map(float, ends)) for metric, what, *ends in zip(*columns, strict=True)}
    for needed in (("potential_buyers", "US households"), ("transaction_to_list_price", "all new vehicles")):
        if needed not in found:
            raise DataError(f"data/{MARKET} has no row of {needed[0]} of {needed[1]}; add it")
    return found


def retail_ratio(case: Case) -> Range:
    """Retail price of an import over its customs value: quartiles and median over makers that do both.

    >>> import tariffmodel as tm
    >>> low, value, high = retail_ratio(tm.case(period="CY2025"))
    >>> 1 < low < value < high
    True
    """
    goods = case.goods
    paid = market_figures(case.facts)["transaction_to_list_price", "all new vehicles"].value
    built, msrp = (
        array[0][goods.inside].sum(axis=0) for array in (goods.production, goods.assembled_msrp_usd)
    )
    both = (built > 0) & (goods.imported_units > 0)
    if not both.any():
        raise DataError("no maker both builds in the US and imports; retail prices of imports are not known")
    ratios = paid * (msrp[both] / built[both]) / (goods.customs_usd[both] / goods.imported_units[both])
    return Range(*(float(np.quantile(ratios, q)) for q in (0.25, 0.5, 0.75)))


class _Flows(NamedTuple):
    """Imported vehicles by stream: whose, and per vehicle (R, streams)."""

    firm: np.ndarray
    origin: np.ndarray
    segment: np.ndarray
    units: np.ndarray
    value_each: np.ndarray
    duty_each: np.ndarray


def _vehicle_flows(case: Case, makers: list[str]) -> _Flows:
    goods, (mine, other) = case.goods, case.owed
    theirs = np.isin(goods.flows.maker, makers) & ~goods.is_part
    units = goods.units[:, goods.inside].sum(axis=1)[:, theirs]
    worth = goods.value_usd[:, goods.inside].sum(axis=1)[:, theirs]
    duty = (mine.duty - other.duty)[:, theirs]

    def each(of: np.ndarray) -> np.ndarray:
        return np.asarray(np.divide(of, units, out=np.zeros_like(units), where=units > 0))

    firm = np.array([makers.index(maker) for maker in goods.flows.maker[theirs]])
    here = (goods.flows.origin[theirs], goods.flows.product[theirs])
    return _Flows(firm, *here, *map(_runs, (units, each(worth), each(np.broadcast_to(duty, units.shape)))))


class _Charges(NamedTuple):
    """USD per imported vehicle beside its own duty, and per US-built one, (R, F)."""

    imports: np.ndarray
    home: np.ndarray


def _charges(
    case: Case, columns: np.ndarray, flows: _Flows, built: np.ndarray, at_home: np.ndarray
) -> _Charges:
    goods, (mine, other) = case.goods, case.owed
    service = goods.is_part & ~goods.is_built_in

    def change(of: np.ndarray, before: np.ndarray) -> np.ndarray:
        wide = np.broadcast_to(of - before, (len(goods.units), len(goods.makers)))
        return _runs(wide)[:, columns]

    def serviced(of: Bill) -> np.ndarray:
        return np.asarray((of.duty * service) @ goods.member)

    dealers = change(serviced(mine), serviced(other))
    parts = change(mine.parts - mine.offset, other.parts - other.offset) - dealers
    credits = change(mine.after_credits - mine.vehicles, other.after_credits - other.vehicles)
    imported = _by_firm(flows.units, flows.firm, len(columns))

    def each(of: np.ndarray, units: np.ndarray) -> np.ndarray:
        return np.asarray(np.divide(of, units, out=np.zeros_like(of), where=units > 0))

    per_sale = each(dealers, imported + at_home)
    return _Charges(per_sale + each(credits, imported), per_sale + each(parts, built))


def _kept_at_home(case: Case, makers: list[str], built: np.ndarray) -> np.ndarray:
    """Vehicles built in the US less those shipped abroad in the period, (R, F)."""
    goods = case.goods
    inside = [span for span, within in zip(goods.spans, goods.inside, strict=True) if within]
    exported = resolve(case.facts, [(m, EXPORTS, "US") for m in makers], inside).value.sum(axis=0)
    kept = np.asarray(built - exported)
    if (kept < 0).any():
        short = int(np.argmax((kept < 0).any(axis=0)))
        raise DataError(
            f"{makers[short]} exports {exported[short]:,.0f} vehicles of {built[:, short].min():,.0f} "
            "built in the US; correct us_export_units or us_production_units in data/facts"
        )
    return kept


def _truck_shares(figures: dict[tuple[str, str], Range], makers: list[str], builds: np.ndarray) -> np.ndarray:
    """Light trucks among what each maker builds in the US for the US, (R, F)."""
    metric = "us_built_light_truck_share"
    lacking = [m for m, some in zip(makers, builds, strict=True) if some and (metric, m) not in figures]
    if lacking:
        raise DataError(
            f"{lacking[0]} builds in the US, but data/{MARKET} has no {metric} of it; add the row"
        )
    none = Range(0.0, 0.0, 0.0)
    return np.stack([_of_runs(figures.get((metric, m), none), "us_truck_share") for m in makers], axis=1)


def _spare(case: Case, makers: list[str]) -> np.ndarray:
    idle = capacity.spare(case.facts).reindex(makers)
    unknown = {"spare_units": 0.0, "spare_high_units": np.inf}
    known = idle[list(unknown)].fillna(unknown).to_numpy() * case.goods.years
    ends = np.insert(known, 0, 0.0, axis=1)
    return np.stack([_of_runs(Range(*row), "us_spare") for row in ends], axis=1)


def _by_firm(figure: np.ndarray, firm: np.ndarray, count: int) -> np.ndarray:
    return np.asarray(figure @ (firm[:, None] == np.arange(count)))


def _of_runs(figure: Range, name: str) -> np.ndarray:
    return figure.runs(ALL_INPUTS.index(name), len(ALL_INPUTS))


def _runs(of_goods: np.ndarray) -> np.ndarray:
    """Runs of the bill's inputs, with the central one again for each run of those of the market."""
    wide = np.broadcast_to(of_goods, (1 + 2 * len(INPUTS), *of_goods.shape[1:]))
    return np.concatenate([wide, np.repeat(wide[:1], 2 * len(OF_MARKET), axis=0)])
