"""What enters over a period, whose it is, and what it is worth: all that no policy changes.

The period is cut wherever a fact, a rate or a calendar year changes, so that within a cut rates and
values are constant. Vehicles of a cut are those of its days, see `facts.flows`: they need not be alike.
"""

from __future__ import annotations

import calendar
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from itertools import pairwise

import numpy as np

from tariffmodel.errors import DataError
from tariffmodel.facts import IMPORTS, PRODUCTION, SALES, Facts, periods, resolve
from tariffmodel.facts.periods import Period
from tariffmodel.tariff.entries import PARTS, Policy
from tariffmodel.tariff.rates import Flows

DAYS_A_YEAR = 365.25
_Pair = tuple[str, str]  # a maker and an origin
INPUTS = {
    "imports": "vehicles imported, by origin",
    "us_production": "vehicles built in the US",
    "customs_value": "customs value per imported vehicle",
    "us_content_share": "US content of Mexican and Canadian vehicles",
    "usmca_share": "share that qualifies for USMCA",
    "light_truck_share": "light trucks among imports",
    "imported_parts": "imported parts per US-built vehicle",
    "msrp": "MSRP of US-built vehicles, and value of US-built engines",
    "parts_mix": "parts off the Section 232 list, and service parts",
    "supplier_parts": "duty that suppliers pay and pass on",
    "offset_uptake": "duty on parts that the offset is claimed against",
}
INPUT_OF = {
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
    "us_engines_value": "msrp",
    "certified_parts_ratio": "parts_mix",
    "general_parts_ratio": "parts_mix",
    "service_parts": "parts_mix",
    "supplier_parts_share": "supplier_parts",
    "supplier_pass_share": "supplier_parts",
    "offset_uptake": "offset_uptake",
}
_FEW = 64  # makers up to which a product of matrices is the faster sum
_NORTH_AMERICA = ("MX", "CA")
_OF_BUILDERS = (
    "certified_parts_ratio",
    "general_parts_ratio",
    "supplier_parts_share",
    "supplier_pass_share",
    "offset_uptake",
)


@dataclass(frozen=True)
class Goods:
    """Everything about a period that no policy changes: F streams of goods over S spans.

    Arrays are (runs, S, F) or, for what belongs to a maker, (runs, S, M). Run 0 is central; the
    others hold one input of `INPUTS` at its low or its high (see `uncertainty`). `inside` marks the
    spans of the period; the others complete its calendar years and reach back to the first offset.
    `borne` is the share of a stream's duty that reaches the maker, `passed` that part of it which suppliers
    pay and pass on. `uptake` is the share of the duty on its parts that a maker's offset is claimed against.

    >>> import tariffmodel as tm
    >>> asked = tm.case(period="2025Q2")
    >>> goods = tm.goods.entered(asked.facts, asked.period, [asked.policy])
    >>> bool((goods.member.sum(axis=1) == 1).all()), len(goods.is_part) == len(goods.flows)
    (True, True)
    >>> bool(goods.customs_usd.sum() > goods.imported_units.sum()), round(goods.years, 3)
    (True, 0.249)
    >>> bool((goods.passed <= goods.borne).all()), bool((goods.is_built_in <= goods.is_part).all())
    (True, True)
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
    borne: np.ndarray
    passed: np.ndarray
    production: np.ndarray
    assembled_msrp_usd: np.ndarray
    assembled_engines_usd: np.ndarray
    uptake: np.ndarray
    quality: np.ndarray
    imports_basis: np.ndarray  # (M,), the worst within the period, indexes `flows.BASIS`

    @property
    def is_built_in(self) -> np.ndarray:
        """(F,): True where the flow is of parts that US plants build in: those of dealers are not."""
        return np.asarray(self.is_part & (self.flows.product != "service_part"))

    @property
    def is_part(self) -> np.ndarray:
        """(F,): True where the flow is of parts."""
        return np.isin(self.flows.product, PARTS)

    @cached_property
    def member(self) -> np.ndarray:
        """(F, M): 1 where the flow is the maker's, so that `flows @ member` sums by maker."""
        return membership(self.owner, len(self.makers))

    def by_maker(self, streams: np.ndarray, kept: np.ndarray | None = None) -> np.ndarray:
        """Sums by maker (..., M) of streams (..., F), or of those that are `kept` (positions or flags).

        >>> import tariffmodel as tm
        >>> goods = tm.case(period="2025Q2").goods
        >>> goods.by_maker(goods.units).shape == (*goods.units.shape[:2], len(goods.makers))
        True
        """
        if len(self.makers) <= _FEW:
            return np.asarray(streams @ (self.member if kept is None else self.member[kept]))
        owner = self.owner if kept is None else self.owner[kept]
        order = np.argsort(owner, kind="stable")
        found, first = np.unique(owner[order], return_index=True)
        sums = np.zeros((*streams.shape[:-1], len(self.makers)), dtype=streams.dtype)
        if len(found):
            sums[..., found] = np.add.reduceat(streams[..., order], first, axis=-1)
        return sums

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
        return self.by_maker(array[0][self.inside].sum(axis=0) * ~self.is_part)


def entered(
    facts: Facts, period: str | Period, policies: Sequence[Policy], cuts: Collection[date] = ()
) -> Goods:
    """Volumes, values and shares over `period`, cut at every date that matters to `policies`, and at `cuts`.

    Raises
    ------
    DataError
        If a maker with imports or US plants lacks a fact that the bill needs, or it was not known on the
        day of the facts.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case(period="2025Q2")
    >>> goods = tm.goods.entered(asked.facts, asked.period, [asked.policy])
    >>> goods.units.shape == (1 + 2 * len(tm.goods.INPUTS), len(goods.spans), len(goods.flows))
    True
    """
    asked = periods.parse(period) if isinstance(period, str) else period
    makers = list(facts.makers.index)
    spans = _spans(facts, asked, policies, cuts)
    inside = np.array([asked.covers(span) for span in spans])
    imported, builders = _imported(facts, makers), _builders(facts, makers)
    sourced, serviced = _sourced(facts, builders), sorted(_moved(facts, "service_parts"))
    inputs = _inputs(facts, _needed(facts, makers, imported, builders, sourced, serviced), spans)

    blocks = [*_vehicles(inputs, imported), *_parts(inputs, sourced), _service(inputs, serviced)]
    labels = [(maker, origin, block.product) for block in blocks for maker, origin in block.pairs]
    flows = Flows(*(np.array(column) for column in zip(*labels, strict=True)))
    units = np.concatenate([block.units for block in blocks], axis=-1)
    at_home = _in_the_us(makers)
    production = inputs.of(PRODUCTION, at_home)
    number = {maker: at for at, maker in enumerate(makers)}
    return Goods(
        period=asked,
        makers=makers,
        flows=flows,
        owner=np.array([number[maker] for maker in flows.maker]),
        spans=spans,
        inside=inside,
        units=units,
        value_usd=units * np.concatenate([block.each_usd for block in blocks], axis=-1),
        qualifying=np.concatenate([block.qualifying for block in blocks], axis=-1),
        us_content=np.concatenate([block.us_content for block in blocks], axis=-1),
        borne=np.concatenate([block.borne for block in blocks], axis=-1),
        passed=np.concatenate([block.passed for block in blocks], axis=-1),
        production=production,
        assembled_msrp_usd=production * inputs.of("msrp", at_home),
        assembled_engines_usd=production * inputs.of("us_engines_value", at_home),
        uptake=inputs.of("offset_uptake", at_home),
        quality=inputs.worst(makers, inside),
        imports_basis=inputs.basis_of(IMPORTS, makers, inside),
    )


def _moved(facts: Facts, variable: str) -> set[_Pair]:
    """Makers and origins with a flow above zero."""
    rows = facts.selected[(facts.selected["variable"] == variable) & (facts.selected["value"] > 0)]
    return set(zip(rows["maker"], rows["origin"], strict=True))


def _unknown(facts: Facts, variable: str) -> set[_Pair]:
    """Makers and origins of which nothing was known on the day of the facts: `resolve` refuses them."""
    return {(maker, origin) for maker, of, origin in facts.unknown if of == variable}


def _imported(facts: Facts, makers: list[str]) -> list[_Pair]:
    """Whose vehicles enter, and from where."""
    pairs = _moved(facts, IMPORTS) | _unknown(facts, IMPORTS)
    number = {maker: at for at, maker in enumerate(makers)}
    return sorted(pairs, key=lambda pair: (number[pair[0]], pair[1]))


def _builders(facts: Facts, makers: list[str]) -> list[str]:
    """Makers that build in the US."""
    building = {maker for maker, _ in _moved(facts, PRODUCTION) | _unknown(facts, PRODUCTION)}
    return [maker for maker in makers if maker in building]


def _sourced(facts: Facts, builders: list[str]) -> list[_Pair]:
    """Whose US plants use imported parts, and from where."""
    sourced = [(maker, origin) for maker in builders for origin in facts.origins(maker, "imported_parts")]
    unsure = {maker for maker, _ in _unknown(facts, PRODUCTION)}
    if lacking := sorted(set(builders) - unsure - {maker for maker, _ in sourced}):
        raise DataError(
            f"{lacking[0]} builds in the US but has no imported_parts; "
            "add its rows to data/facts/estimates.csv "
            "(one per origin, 0 if none)"
        )
    return sourced


def _needed(
    facts: Facts,
    makers: list[str],
    imported: list[_Pair],
    builders: list[str],
    sourced: list[_Pair],
    serviced: list[_Pair],
) -> dict[str, list[_Pair]]:
    """What the bill needs to know, and of which makers and origins."""
    with_parts = sorted({*sourced, *serviced})
    near, near_parts = (
        [pair for pair in some if pair[1] in _NORTH_AMERICA] for some in (imported, with_parts)
    )
    building = _in_the_us(builders)
    return {
        IMPORTS: imported,
        PRODUCTION: _in_the_us(makers),
        "customs_value": imported,
        "light_truck_share": imported,
        "us_content_share": near,
        "usmca_share_car": near,
        "usmca_share_light_truck": near,
        "imported_parts": sourced,
        "usmca_share_part": near_parts,
        "msrp": building,
        "us_engines_value": sorted(_moved(facts, "us_engines_value")),
        "service_parts": serviced,
        SALES: _in_the_us(sorted({maker for maker, _ in serviced})),
        **dict.fromkeys(_OF_BUILDERS, building),
    }


def _in_the_us(makers: Sequence[str]) -> list[_Pair]:
    return [(maker, "US") for maker in makers]


@dataclass(frozen=True)
class _Inputs:
    """Figures over the spans in every run, (runs, S, keys), and their `quality` and `basis` (S, keys)."""

    keys: list[tuple[str, str, str]]
    runs: np.ndarray
    quality: np.ndarray
    basis: np.ndarray

    @cached_property
    def place(self) -> dict[tuple[str, str, str], int]:
        """Where each (maker, variable, origin) is."""
        return {key: number for number, key in enumerate(self.keys)}

    def of(self, variable: str, pairs: Sequence[_Pair]) -> np.ndarray:
        """(runs, S, pairs); zero where there is no such figure, as for USMCA overseas."""
        out = np.zeros((*self.runs.shape[:2], len(pairs)))
        keys = [(maker, variable, origin) for maker, origin in pairs]
        have = [number for number, key in enumerate(keys) if key in self.place]
        out[..., have] = self.runs[..., [self.place[keys[number]] for number in have]]
        return out

    def worst(self, makers: list[str], inside: np.ndarray) -> np.ndarray:
        """Worst quality of each maker's figures within the period, (M,)."""
        quality, number = np.zeros(len(makers), dtype=int), {maker: at for at, maker in enumerate(makers)}
        np.maximum.at(quality, [number[maker] for maker, _, _ in self.keys], self.quality[inside].max(axis=0))
        return quality

    def basis_of(self, variable: str, makers: list[str], inside: np.ndarray) -> np.ndarray:
        """Worst basis of each maker's figures of a variable above zero within the period, (M,)."""
        mine = np.array([key[1] == variable for key in self.keys])
        number = {maker: at for at, maker in enumerate(makers)}
        owner = [number[key[0]] for key in self.keys if key[1] == variable]
        some = self.runs[0][:, mine] > 0
        found = np.where(some, self.basis[:, mine], 0)[inside].max(axis=0, initial=0)
        basis = np.zeros(len(makers), dtype=int)
        np.maximum.at(basis, owner, found)
        return basis


def _inputs(facts: Facts, needed: Mapping[str, Sequence[_Pair]], spans: Sequence[Period]) -> _Inputs:
    """Central figures in run 0; in the others those of one input of `INPUTS` at their low or their high."""
    keys = [(maker, variable, origin) for variable, pairs in needed.items() for maker, origin in pairs]
    got = resolve(facts, keys, spans)
    runs = np.repeat(got.value[None], 1 + 2 * len(INPUTS), axis=0)
    each = np.array([number for number, (_, variable, _) in enumerate(keys) if variable in INPUT_OF])
    input_of = np.array([list(INPUTS).index(INPUT_OF[keys[number][1]]) for number in each])
    runs[1 + 2 * input_of, :, each], runs[2 + 2 * input_of, :, each] = got.low.T[each], got.high.T[each]
    return _Inputs(keys, runs, got.quality, got.basis)


@dataclass(frozen=True)
class _Block:
    """The streams of one product: whose, from where, how many, worth what each, and what shares of them.

    Arrays are (runs, S, pairs); `qualifying` for USMCA, `borne` and `passed` as in `Goods`.
    """

    product: str
    pairs: list[_Pair]
    units: np.ndarray
    each_usd: np.ndarray
    qualifying: np.ndarray
    us_content: np.ndarray
    borne: np.ndarray
    passed: np.ndarray


def _vehicles(inputs: _Inputs, pairs: list[_Pair]) -> list[_Block]:
    """Imported cars, and light trucks from where there are any."""
    imports, trucks = inputs.of(IMPORTS, pairs), inputs.of("light_truck_share", pairs)
    hauls = np.asarray((trucks > 0).any(axis=(0, 1)))
    carried = [pair for pair, some in zip(pairs, hauls, strict=True) if some]

    def block(product: str, pairs: list[_Pair], units: np.ndarray) -> _Block:
        said = ("customs_value", f"usmca_share_{product}", "us_content_share")
        each, qualifying, content = (inputs.of(variable, pairs) for variable in said)
        whole, none = np.ones_like(units), np.zeros_like(units)
        return _Block(product, pairs, units, each, qualifying, content, whole, none)

    return [
        block("car", pairs, imports * (1 - trucks)),
        block("light_truck", carried, imports[..., hauls] * trucks[..., hauls]),
    ]


def _parts(inputs: _Inputs, pairs: list[_Pair]) -> list[_Block]:
    """Imported parts of US-built vehicles, by what the law makes of them."""
    plants = _in_the_us([maker for maker, _ in pairs])
    built, listed = inputs.of(PRODUCTION, plants), inputs.of("imported_parts", pairs)
    qualifying, none = inputs.of("usmca_share_part", pairs), np.zeros_like(built)
    theirs, share = (inputs.of(f"supplier_{what}_share", plants) for what in ("parts", "pass"))
    passed = theirs * share
    return [
        _Block(f"{line}_part", pairs, built, each, qualifying, none, 1 - theirs + passed, passed)
        for line, each in (
            ("listed", listed),
            ("certified", listed * inputs.of("certified_parts_ratio", plants)),
            ("general", listed * inputs.of("general_parts_ratio", plants)),
        )
    ]


def _service(inputs: _Inputs, pairs: list[_Pair]) -> _Block:
    """Parts that makers import for their US dealers; their number follows US sales."""
    sold, each = (
        inputs.of(SALES, _in_the_us([maker for maker, _ in pairs])),
        inputs.of("service_parts", pairs),
    )
    qualifying = inputs.of("usmca_share_part", pairs)
    none = np.zeros_like(sold)
    return _Block("service_part", pairs, sold, each, qualifying, none, np.ones_like(sold), none)


def _spans(
    facts: Facts, asked: Period, policies: Sequence[Policy], further: Collection[date]
) -> list[Period]:
    """Whole calendar years around a period, cut where a fact or a policy changes."""
    # what was earned before the period can pay in it
    first = min([asked.start, *(e.start for policy in policies for e in (*policy.offset, *policy.credit))])
    begin, finish = date(first.year, 1, 1), date(asked.end.year, 12, 31)
    rows = facts.selected[facts.selected["variable"].isin(INPUT_OF)]
    cuts = {asked.start, asked.end + timedelta(days=1), *further}
    cuts |= set(rows["start"]) | {day + timedelta(days=1) for day in rows["end"]}
    cuts |= {date(year, 1, 1) for year in range(begin.year, finish.year + 1)}
    cuts |= {day for policy in policies for day in policy.boundaries()}
    if any(policy.quarterly for policy in policies):
        years = range(begin.year, finish.year + 1)
        cuts |= {date(year, month, 1) for year in years for month in (4, 7, 10)}
    edges = sorted({day for day in cuts if begin <= day <= finish} | {begin, finish + timedelta(days=1)})
    return [Period(start, end - timedelta(days=1)) for start, end in pairwise(edges)]


def membership(owner: np.ndarray, makers: int) -> np.ndarray:
    """(flows, makers): 1 where the flow is the maker's.

    >>> membership(np.array([0, 1, 1]), makers=2).tolist()
    [[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]
    """
    return np.asarray(owner[:, None] == np.arange(makers)).astype(float)


def year_share(spans: Sequence[Period]) -> np.ndarray:
    """Part of its calendar year that each span is (spans, 1); no span crosses a new year.

    >>> year_share([periods.parse("CY2024"), periods.parse("2025-04")]).round(3).tolist()
    [[1.0], [0.082]]
    """
    return np.array([span.days / (366 if calendar.isleap(span.start.year) else 365) for span in spans])[
        :, None
    ]
