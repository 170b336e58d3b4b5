"""What enters over a period, whose it is, and what it is worth: all that no policy changes.

The period is cut wherever a fact, a rate or a calendar year changes, so that within a cut everything
is constant.
"""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from itertools import pairwise

import numpy as np

from tariffmodel.errors import DataError
from tariffmodel.facts import IMPORTS, PRODUCTION, Facts, periods, resolve
from tariffmodel.facts.periods import Period
from tariffmodel.tariff.policy import Policy
from tariffmodel.tariff.rates import Flows

DAYS_A_YEAR = 365.25
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
_INPUT_OF = {
    IMPORTS: "imports",
    PRODUCTION: "us_production",
    "customs_value": "customs_value",
    "us_content_share": "us_content_share",
    "usmca_share_car": "usmca_share",
    "usmca_share_light_truck": "usmca_share",
    "usmca_share_part": "usmca_share",
    "light_truck_share": "light_truck_share",
    "imported_parts": "imported_parts",
    "msrp": "msrp",
}
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
    production: np.ndarray
    assembled_msrp_usd: np.ndarray
    quality: np.ndarray

    @property
    def is_part(self) -> np.ndarray:
        """(F,): True where the flow is of parts."""
        return np.asarray(self.flows.product == "part")

    @cached_property
    def member(self) -> np.ndarray:
        """(F, M): 1 where the flow is the maker's, so that `flows @ member` sums by maker."""
        return membership(self.owner, len(self.makers))

    @cached_property
    def imported_units(self) -> np.ndarray:
        """Vehicles imported in the period, central, by maker (M,)."""
        return self._of_vehicles(self.units)

    @cached_property
    def customs_usd(self) -> np.ndarray:
        """Customs value of the vehicles imported in the period, central, by maker (M,)."""
        return self._of_vehicles(self.value_usd)

    @property
    def years(self) -> float:
        """Length of the period."""
        return self.period.days / DAYS_A_YEAR

    def _of_vehicles(self, array: np.ndarray) -> np.ndarray:
        total: np.ndarray = array[0][self.inside].sum(axis=0) @ (self.member * ~self.is_part[:, None])
        return total


def entered(facts: Facts, period: str | Period, policies: Sequence[Policy]) -> Goods:
    """Volumes, values and shares over `period`, cut at every date that matters to `policies`.

    Raises
    ------
    DataError
        If a maker with imports or US plants lacks a fact that the bill needs, or it was not known on the
        day of the facts.
    """
    asked = periods.parse(period) if isinstance(period, str) else period
    makers = list(facts.makers.index)
    spans = _spans(facts, asked, policies)
    inside = np.array([asked.covers(span) for span in spans])

    moved = facts.selected[facts.selected["value"] > 0]
    trade = moved[moved["variable"] == IMPORTS]
    later = [(m, o) for m, variable, o in facts.unknown if variable == IMPORTS]  # `resolve` refuses them
    pairs = sorted(
        {*zip(trade["maker"], trade["origin"], strict=True), *later},
        key=lambda pair: (makers.index(pair[0]), pair[1]),
    )
    built = set(moved.loc[moved["variable"] == PRODUCTION, "maker"])
    unsure = {m for m, variable, _ in facts.unknown if variable == PRODUCTION}
    builders = [maker for maker in makers if maker in built | unsure]
    sourced = [(m, o) for m in builders for o in facts.origins(m, "imported_parts")]
    if lacking := sorted(built - unsure - {m for m, _ in sourced}):
        raise DataError(
            f"{lacking[0]} builds in the US but has no imported_parts; "
            "add its rows to data/facts/estimates.csv "
            "(one per origin, 0 if none)"
        )
    near, near_parts = ([pair for pair in some if pair[1] in _NORTH_AMERICA] for some in (pairs, sourced))
    at_home, plants = ([(maker, "US") for maker in some] for some in (makers, builders))
    wanted = {
        IMPORTS: pairs,
        PRODUCTION: at_home,
        "customs_value": pairs,
        "light_truck_share": pairs,
        "us_content_share": near,
        "usmca_share_car": near,
        "usmca_share_light_truck": near,
        "imported_parts": sourced,
        "usmca_share_part": near_parts,
        "msrp": plants,
    }
    keys = [(maker, variable, origin) for variable, some in wanted.items() for maker, origin in some]
    got = resolve(facts, keys, spans)
    input_of = np.array([list(INPUTS).index(_INPUT_OF[variable]) for _, variable, _ in keys])
    runs = np.repeat(got.value[None], 1 + 2 * len(INPUTS), axis=0)
    each = np.arange(len(keys))
    runs[1 + 2 * input_of, :, each], runs[2 + 2 * input_of, :, each] = got.low.T, got.high.T
    place = {key: number for number, key in enumerate(keys)}

    def of(variable: str, some: Sequence[tuple[str, str]]) -> np.ndarray:
        """(runs, S, pairs); zero where there is no such figure, as for USMCA overseas."""
        out = np.zeros((*runs.shape[:2], len(some)))
        have = [k for k, (m, o) in enumerate(some) if (m, variable, o) in place]
        out[..., have] = runs[..., [place[some[k][0], variable, some[k][1]] for k in have]]
        return out

    trucks = of("light_truck_share", pairs)
    hauls = np.asarray((trucks > 0).any(axis=(0, 1)))
    carried = [pair for pair, some in zip(pairs, hauls, strict=True) if some]
    imports, share = of(IMPORTS, pairs), trucks[..., hauls]
    blocks = {
        # units, value per unit, share that qualifies for USMCA, US content
        "car": (pairs, imports * (1 - trucks), "customs_value", "usmca_share_car"),
        "light_truck": (carried, imports[..., hauls] * share, "customs_value", "usmca_share_light_truck"),
        "part": (
            sourced,
            of(PRODUCTION, [(m, "US") for m, _ in sourced]),
            "imported_parts",
            "usmca_share_part",
        ),
    }
    units = np.concatenate([block[1] for block in blocks.values()], axis=-1)
    value = np.concatenate([of(block[2], block[0]) for block in blocks.values()], axis=-1)
    qualifying = np.concatenate([of(block[3], block[0]) for block in blocks.values()], axis=-1)
    streams = [(m, o, product) for product, block in blocks.items() for m, o in block[0]]
    content = of("us_content_share", [(m, o) for m, o, product in streams if product != "part"])
    us_content = np.concatenate([content, np.zeros((*content.shape[:2], len(sourced)))], axis=-1)
    flows = Flows(*(np.array(column) for column in zip(*streams, strict=True)))
    production = of(PRODUCTION, at_home)

    quality = np.zeros(len(makers), dtype=int)
    np.maximum.at(quality, [makers.index(m) for m, _, _ in keys], got.quality[inside].max(axis=0))
    return Goods(
        period=asked,
        makers=makers,
        flows=flows,
        owner=np.array([makers.index(m) for m in flows.maker]),
        spans=spans,
        inside=inside,
        units=units,
        value_usd=units * value,
        qualifying=qualifying,
        us_content=us_content,
        production=production,
        assembled_msrp_usd=production * of("msrp", at_home),
        quality=quality,
    )


def _spans(facts: Facts, asked: Period, policies: Sequence[Policy]) -> list[Period]:
    """Whole calendar years around a period, cut where a fact or a policy changes."""
    # what was earned before the period can pay in it
    first = min([asked.start, *(e.start for policy in policies for e in (*policy.offset, *policy.credit))])
    begin, finish = date(first.year, 1, 1), date(asked.end.year, 12, 31)
    rows = facts.selected[facts.selected["variable"].isin(_INPUT_OF)]
    cuts = {asked.start, asked.end + timedelta(days=1)}
    cuts |= set(rows["start"]) | {day + timedelta(days=1) for day in rows["end"]}
    cuts |= {date(year, 1, 1) for year in range(begin.year, finish.year + 1)}
    cuts |= {day for policy in policies for day in policy.boundaries()}
    edges = sorted({day for day in cuts if begin <= day <= finish} | {begin, finish + timedelta(days=1)})
    return [Period(start, end - timedelta(days=1)) for start, end in pairwise(edges)]


def membership(owner: np.ndarray, makers: int) -> np.ndarray:
    """(flows, makers): 1 where the flow is the maker's."""
    return np.asarray(owner[:, None] == np.arange(makers)).astype(float)


def year_share(spans: Sequence[Period]) -> np.ndarray:
    """Part of its calendar year that each span is (spans, 1); no span crosses a new year."""
    return np.array([span.days / (366 if calendar.isleap(span.start.year) else 365) for span in spans])[
        :, None
    ]
