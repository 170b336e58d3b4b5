"""What is owed on the goods of a period, under one policy?

The bill integrates dated rates day by day over dated volumes: the period is cut wherever a rate, a
fact or a calendar year changes, and within a cut everything is constant. It is gross: before price
rises, lost volume, relocation or cost savings.

    duty on vehicles = units × customs value × rate on the dutiable share
    duty on parts    = US-built units × imported parts per unit × rate − offset  (not below zero)
    bill             = both, less what volume credits save
"""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from tariffmodel.facts import periods
from tariffmodel.tariff import uncertainty
from tariffmodel.tariff.contribution import clip, less
from tariffmodel.errors import DataError, PolicyError
from tariffmodel.facts import FLOWS, IMPORTS, PRODUCTION, Facts, resolve
from tariffmodel.facts.periods import Period
from tariffmodel.tariff.policy import Credit, Offset, Policy, full_key
from tariffmodel.tariff.rates import Flows, Rates, Shift, Variants, rates

DAYS_A_YEAR = 365.25
_NO_GAIN = 1e-9  # a difference of rates below this is rounding, not a saving
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
    production: np.ndarray
    assembled_msrp_usd: np.ndarray
    quality: np.ndarray


@dataclass(frozen=True)
class Bill:
    """Duty of every maker under one policy, USD, before any counterfactual.

    Arrays are (runs or variants, M) over the period, except `duty`: the duty per stream of goods
    before offset and credits, (runs or variants, F). `saved` is what volume credits saved, `repaid`
    what was clawed back of them, `sold` the proceeds of credits sold, which are not in the bill.
    `entitled` and `payable` (credits, M) are, for the last calendar year, what each credit of the
    policy entitled to and the goods that were there to use it on, in the unit of the credit.
    """

    goods: Goods
    duty: np.ndarray
    vehicles: np.ndarray
    parts: np.ndarray
    offset: np.ndarray
    saved: np.ndarray
    repaid: np.ndarray
    sold: np.ndarray
    entitled: np.ndarray
    payable: np.ndarray

    @property
    def total(self) -> np.ndarray:
        """Vehicles + parts − offset − credits + what was clawed back, USD."""
        return self.vehicles + self.parts - self.offset - self.saved + self.repaid


def goods(facts: Facts, period: str | Period, policies: Sequence[Policy]) -> Goods:
    """Volumes, values and shares over `period`, cut at every date that matters to `policies`.

    Raises
    ------
    DataError
        If a maker with imports or US plants lacks a fact that the bill needs, or it was not known on the
        day of the facts.
    """
    asked = periods.parse(period) if isinstance(period, str) else period
    # what was earned before the period can pay in it
    first = min([asked.start, *(e.start for policy in policies for e in (*policy.offset, *policy.credit))])
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
    later = [(m, o) for m, variable, o in facts.unknown if variable == IMPORTS]  # `resolve` refuses them
    pairs = sorted(
        {*zip(trade["maker"], trade["origin"]), *later}, key=lambda pair: (makers.index(pair[0]), pair[1])
    )
    built = set(selected.loc[(selected["variable"] == PRODUCTION) & (selected["value"] > 0), "maker"])
    built |= {m for m, variable, _ in facts.unknown if variable == PRODUCTION}
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
        production,
        production * msrp,
        quality,
    )


def bill(
    facts: Facts,
    policy: Policy,
    stock: Goods,
    variants: Variants | None = None,
    shift: Shift | None = None,
) -> Bill:
    """Duty under `policy` on the goods of a period.

    Parameters
    ----------
    stock : Goods
        From `goods`, cut at the dates of this policy.
    variants : mapping of key to array (variants,), optional
        Numbers of the policy that vary (``{"relief.slope": array}``). Inputs then stay at
        their central values, and the leading axis of the result runs over the variants.
    shift : mapping of variable to array (variants, M), optional
        Vehicles, jobs or USD a year added to what makers build, export, employ and invest; imports
        and sales stay. Complex values carry derivatives (see `incentives`).
    """
    central = slice(0, 1) if variants or shift else slice(None)
    variants = {full_key(policy, key): values for key, values in (variants or {}).items()}
    units, value = stock.units[central], stock.value_usd[central]
    assembled, production = stock.assembled_msrp_usd[central], stock.production[central]
    is_part = stock.flows.product == "part"
    if shift and PRODUCTION in shift:
        # parts and the offset grow with output
        added = shift[PRODUCTION][:, None, :] * year_share(stock.spans)
        growth = np.where(production > 0, 1 + added / np.where(production > 0, production, 1.0), 1.0)
        value = np.where(is_part, growth[..., stock.owner], 1.0) * value
        assembled, production = growth * assembled, production + added
    card = rates(policy, facts, stock.flows, stock.spans, units, variants, shift)
    q, u = stock.qualifying[central], stock.us_content[central]

    member = membership(stock.owner, len(stock.makers))
    dutiable = value * stock.inside[:, None]
    # spans are summed before components are added: only components that vary carry the variants axis
    duty = sum(
        ((dutiable * card.effective(q, u, name)).sum(axis=1) for name in card.components), start=np.zeros(1)
    )
    offset = _offset(policy, stock, card, value, assembled, q, u, variants)
    none = np.zeros((1, len(stock.makers)))
    credits = (none, none, none, none[:0], none[:0])
    if policy.credit:
        per_value = card.effective(q, u)
        credits = _credits(facts, policy, stock, units, value, per_value, production, variants, shift or {})
    return Bill(stock, duty, (duty * ~is_part) @ member, (duty * is_part) @ member, offset, *credits)


def membership(owner: np.ndarray, makers: int) -> np.ndarray:
    """(flows, makers): 1 where the flow is the maker's, so that `flows @ membership` sums by maker."""
    return (owner[:, None] == np.arange(makers)).astype(float)


def year_share(spans: Sequence[Period]) -> np.ndarray:
    """Part of its calendar year that each span is (spans, 1); no span crosses a new year."""
    return np.array([span.days / (366 if calendar.isleap(span.start.year) else 365) for span in spans])[
        :, None
    ]


def _offset(
    policy: Policy,
    stock: Goods,
    card: Rates,
    value: np.ndarray,
    assembled: np.ndarray,
    q: np.ndarray,
    u: np.ndarray,
    variants: Variants,
) -> np.ndarray:
    """Credit used inside the period, USD (runs or variants, M).

    Each entry keeps its own account: credit accrues with assembly, is drawn by duty of its measure
    on parts once usable, and carries forward or lapses. What lapses is used before what keeps. All
    of it is constant over a span, so what a span draws is min(duty, balance + its credit).
    """
    parts = np.flatnonzero(stock.flows.product == "part")
    member = membership(stock.owner[parts], len(stock.makers))
    used = np.zeros((1, len(stock.makers)))
    for measure in sorted({entry.measure for entry in policy.offset} & set(card.components)):
        entries = [entry for entry in policy.offset if entry.measure == measure]
        entries.sort(key=lambda entry: (entry.carry_forward, entry.end))
        balance: list[np.ndarray | float] = [0.0] * len(entries)
        due = (value[..., parts] * card.effective(q, u, measure)[..., parts]) @ member
        for number, span in enumerate(stock.spans):
            left = due[:, number]
            for k, entry in enumerate(entries):
                if entry in _in_force(entries, span.start):
                    rate = variants.get(f"offset.{entry.id}.rate", entry.rate)
                    balance[k] = balance[k] + np.reshape(rate, (-1, 1)) * assembled[:, number]
                if entry.usable_from <= span.start:
                    drawn = np.minimum(left, balance[k])
                    left, balance[k] = left - drawn, balance[k] - drawn
                    used = used + drawn * stock.inside[number]
                if entry.end == span.end and not entry.carry_forward:
                    balance[k] = 0.0
    return used


def _in_force(entries: Sequence[Offset], day: date) -> list[Offset]:
    """Offsets that earn on a day: those of an overlay take the place of its base's on their dates."""
    dated = [entry for entry in entries if entry.start <= day <= entry.end]
    return [entry for entry in dated if entry.layer == max(one.layer for one in dated)]


def _credits(
    facts: Facts,
    policy: Policy,
    stock: Goods,
    units: np.ndarray,
    value: np.ndarray,
    per_value: np.ndarray,
    production: np.ndarray,
    variants: Variants,
    shift: Shift,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The last five fields of `Bill`: what volume credits save, and what limits them.

    Settled by calendar year, as a tax return is: what the year earns and what was carried into it
    pay for the goods of that year, the dearest first, whenever in the year they came in. So a bill
    does not depend on where a period or another policy happens to cut the year.
    """
    makers = stock.makers
    home = facts.makers["home"].to_numpy()
    for entry in policy.credit:
        if unknown := sorted(set(entry.granted) - set(makers)):
            raise PolicyError(
                f"{policy.name}: credit.{entry.id}.granted names {unknown[0]!r}; choose from {', '.join(makers)}"
            )
    starts = np.array([span.start.toordinal() for span in stock.spans])
    years = np.array([span.start.year for span in stock.spans])
    zero = np.zeros((1, len(makers)))
    saved, repaid, sold = zero, zero, zero
    balance, spared_before_claw = [zero] * len(policy.credit), [zero] * len(policy.credit)
    entitled, payable = np.zeros((2, len(policy.credit), len(makers)))
    for year in np.unique(years):
        entitled[:], payable[:] = 0.0, 0.0
        left = np.ones((1, len(stock.spans), len(stock.owner)))  # share no credit has paid for yet
        year_end = stock.inside[years == year][-1]
        for k, entry in enumerate(policy.credit):
            here = np.flatnonzero(
                (years == year) & (starts >= entry.start.toordinal()) & (starts <= entry.end.toordinal())
            )
            if not here.size:
                continue
            anywhere = "*" in entry.origin
            able = np.isin(home, entry.origin) | (entry.makers == "all" or anywhere)
            flows = np.flatnonzero(
                np.isin(stock.flows.product, entry.product)
                & (np.isin(stock.flows.origin, entry.origin) | anywhere)
                & able[stock.owner]
            )
            cells = np.ix_(here, flows)
            owner = stock.owner[flows]
            worth = value[:, *cells]
            amount = units[:, *cells] if entry.unit == "vehicles" else worth
            rate = np.reshape(variants.get(f"credit.{entry.id}.rate", entry.rate), (-1, 1, 1))
            spread = per_value[:, *cells] - rate
            gain = np.where((amount.real > 0) & (spread.real > _NO_GAIN), spread, 0.0) * worth
            gain = gain / np.where(amount == 0, 1.0, amount)  # USD per vehicle or per USD of value
            want = np.where(gain.real > 0, amount * left[:, *cells], 0.0)
            earned = _earned(facts, entry, stock, here, np.unique(owner), production, variants, shift)
            purse = balance[k] + able * earned
            share = _served(want, gain, purse, owner, alike=entry.order == "pro_rata")
            member = membership(owner, len(makers))
            taken = share * want
            entitled[k], payable[k] = purse[0].real, (want.sum(axis=1) @ member)[0].real
            spared = (taken * gain) @ member
            saved = saved + (spared * stock.inside[here, None]).sum(axis=1)
            if entry.claw_back_on is not None:
                early = starts[here, None] < entry.claw_back_on.toordinal()
                spared_before_claw[k] = spared_before_claw[k] + (spared * early).sum(axis=1)
            kept = np.ones((len(share), *left.shape[1:]), dtype=share.dtype)
            kept[:, *cells] = 1 - share
            left = left * kept
            balance[k] = purse - taken.sum(axis=1) @ member
            if entry.unused == "sell":
                sold = sold + balance[k] * entry.price_usd * year_end
            if entry.unused != "carry_over":
                balance[k] = zero
    for entry, spared in zip(policy.credit, spared_before_claw):
        if entry.claw_back_on is not None and stock.period.start <= entry.claw_back_on <= stock.period.end:
            repaid = repaid + _shortfall(facts, entry, makers, shift) * spared
    return saved, repaid, sold, entitled, payable


def _served(
    want: np.ndarray, gain: np.ndarray, purse: np.ndarray, owner: np.ndarray, alike: bool
) -> np.ndarray:
    """Share of each want (variants, spans, flows) that the purse of its owner (variants, M) pays for.

    The wants of one owner are served in falling order of gain, equals in proportion; `alike` makes
    all of them equals.
    """
    shape = np.broadcast_shapes(want.shape, gain.shape, (len(purse), 1, 1))
    want, gain = (np.broadcast_to(array, shape).reshape(shape[0], -1) for array in (want, gain))
    owner = np.tile(owner, shape[1])
    rank = np.where(gain.real > 0, 1.0 if alike else gain.real, 0.0)
    order = np.lexsort((-rank, np.broadcast_to(owner, rank.shape)), axis=-1)
    want, rank = (np.take_along_axis(array, order, axis=-1) for array in (want, rank))
    owner = np.sort(owner)
    place = np.arange(len(owner))
    fresh = np.ones(rank.shape, dtype=bool)  # opens a group of equals; rounding does not
    fresh[:, 1:] = (owner[1:] != owner[:-1]) | (rank[:, :-1] - rank[:, 1:] > 1e-9 * rank[:, :-1])
    first = np.maximum.accumulate(np.where(fresh, place, 0), axis=-1)
    closes = np.roll(fresh, -1, axis=-1)
    last = np.minimum.accumulate(np.where(closes, place, len(owner))[:, ::-1], axis=-1)[:, ::-1]
    done = np.cumsum(want, axis=-1)
    before = np.take_along_axis(done - want, first, axis=-1)
    group = np.take_along_axis(done, last, axis=-1) - before
    earlier = before - (done - want)[:, np.searchsorted(owner, owner)]
    rest = purse[:, owner] - earlier
    partial = rest / np.where(group == 0, 1.0, group)
    partial = np.where(less(rest, group), partial, 1.0)
    # who wants nothing is not served, or the next credit would find these goods paid for
    partial = np.where(less(0.0, rest) & (group.real > 0), partial, 0.0)
    share = np.empty_like(partial)
    np.put_along_axis(share, order, partial, axis=-1)
    return share.reshape(shape)


def _earned(
    facts: Facts,
    entry: Credit,
    stock: Goods,
    here: np.ndarray,
    users: np.ndarray,
    production: np.ndarray,
    variants: Variants,
    shift: Shift,
) -> np.ndarray:
    """Entitlement that accrues over the spans `here` of one calendar year (variants, M)."""
    of_year = year_share([stock.spans[number] for number in here])
    if entry.granted:
        yearly = np.array([entry.granted.get(maker, 0.0) for maker in stock.makers])
        return (entry.multiple * yearly * of_year.sum())[None]
    variable = entry.earned_by
    assert variable is not None
    keys = [(m, variable, "US") for m in stock.makers if "US" in facts.origins(m, variable)]
    have = [stock.makers.index(m) for m, _, _ in keys]
    if entry.missing == "error" and (lacking := sorted(set(users.tolist()) - set(have))):
        raise DataError(
            f"{variable} of {stock.makers[lacking[0]]} is missing; add the fact, or let credit.{entry.id} say "
            'missing = "zero"'
        )

    def known(spans: Sequence[Period]) -> np.ndarray:
        out = np.zeros((len(spans), len(stock.makers)))
        out[:, have] = resolve(facts, keys, spans).value
        return out

    if variable == PRODUCTION:
        now = production[:, here].sum(axis=1)
    else:
        found = known([stock.spans[number] for number in here])
        now = (found if variable in FLOWS else found * of_year).sum(axis=0)[None]
        now = now + shift.get(variable, np.zeros((1, 1))) * of_year.sum()
    if entry.above is not None:
        usual = known([periods.parse(entry.above)]) * of_year.sum()
        now = np.where(less(usual, now), now - usual, 0.0)
    return np.reshape(variants.get(f"credit.{entry.id}.per_unit", entry.per_unit), (-1, 1)) * now


def _shortfall(facts: Facts, entry: Credit, makers: list[str], shift: Shift) -> np.ndarray:
    """Share of what was granted that US output has not grown by (variants, M), the day before."""
    assert entry.claw_back_on is not None
    year = periods.parse(str((entry.claw_back_on - timedelta(days=1)).year))
    got = resolve(facts, [(m, PRODUCTION, "US") for m in makers], [periods.parse(entry.grown_since), year])
    grown = got.value[1] - got.value[0] + shift.get(PRODUCTION, np.zeros((1, 1)))
    promised = np.array([entry.granted.get(maker, 0.0) for maker in makers])
    share = 1 - grown / np.where(promised > 0, promised, 1.0)
    return np.where(promised > 0, clip(share, 0.0, 1.0), 0.0)
