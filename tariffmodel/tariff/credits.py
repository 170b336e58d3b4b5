"""What do volume credits save, who is left with some, and who pays some back?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np

from tariffmodel.errors import DataError, PolicyError
from tariffmodel.facts import FLOWS, PRODUCTION, Facts, periods, resolve
from tariffmodel.facts.periods import Period
from tariffmodel.tariff.contribution import clip, less
from tariffmodel.tariff.entries import Credit, Policy
from tariffmodel.tariff.goods import Goods, membership, year_share
from tariffmodel.tariff.variants import Shift, Variants

_NO_GAIN = 1e-9  # a difference of rates below this is rounding, not a saving


@dataclass(frozen=True)
class Settlement:
    """What volume credits do to every maker, USD, (runs or variants, M) over the period.

    `saved` is what they saved, `repaid` what was clawed back of them, `sold` the proceeds of credits
    sold, which are in no bill. `entitled` and `payable` (credits, M) are, for the last calendar year,
    what each credit entitled to and the goods that were there to use it on, in the unit of the credit.
    """

    saved: np.ndarray
    repaid: np.ndarray
    sold: np.ndarray
    entitled: np.ndarray
    payable: np.ndarray


def settle(
    facts: Facts, policy: Policy, goods: Goods, per_value: np.ndarray, variants: Variants, shift: Shift
) -> Settlement:
    """What the credits of a policy do.

    Settled by calendar year, as a tax return is: what the year earns and what was carried into it
    pay for the goods of that year, the dearest first, whenever in the year they came in. So a bill
    does not depend on where a period or another policy happens to cut the year.

    >>> import tariffmodel as tm
    >>> from tariffmodel.tariff.rates import rates
    >>> asked = tm.case("japan-export-credit", period="CY2026")
    >>> goods = asked.goods
    >>> card = rates(asked.policy, asked.facts, goods.flows, goods.spans, goods.units)
    >>> per_value = card.effective(goods.qualifying, goods.us_content)
    >>> bool((settle(asked.facts, asked.policy, goods, per_value, {}, {}).saved >= 0).all())
    True
    """
    makers = goods.makers
    home = facts.makers["home"].to_numpy()
    for entry in policy.credit:
        if unknown := sorted(set(entry.granted) - set(makers)):
            raise PolicyError(
                f"{policy.name}: credit.{entry.id}.granted names {unknown[0]!r}; "
                f"choose from {', '.join(makers)}"
            )
    starts = np.array([span.start.toordinal() for span in goods.spans])
    years = np.array([span.start.year for span in goods.spans])
    zero = np.zeros((1, len(makers)))
    saved, repaid, sold = zero, zero, zero
    balance, spared_before_claw = [zero] * len(policy.credit), [zero] * len(policy.credit)
    entitled, payable = np.zeros((2, len(policy.credit), len(makers)))
    for year in np.unique(years):
        entitled[:], payable[:] = 0.0, 0.0
        left = np.ones((1, len(goods.spans), len(goods.owner)))  # share no credit has paid for yet
        year_end = goods.inside[years == year][-1]
        for k, entry in enumerate(policy.credit):
            here = np.flatnonzero(
                (years == year) & (starts >= entry.start.toordinal()) & (starts <= entry.end.toordinal())
            )
            if not here.size:
                continue
            anywhere = "*" in entry.origin
            able = np.isin(home, entry.origin) | (entry.makers == "all" or anywhere)
            flows = np.flatnonzero(
                np.isin(goods.flows.product, entry.product)
                & (np.isin(goods.flows.origin, entry.origin) | anywhere)
                & able[goods.owner]
            )
            cells: Any = (slice(None), *np.ix_(here, flows))  # of every variant
            owner = goods.owner[flows]
            worth = goods.value_usd[cells]
            amount = goods.units[cells] if entry.unit == "vehicles" else worth
            rate = np.reshape(variants.get(f"credit.{entry.id}.rate", entry.rate), (-1, 1, 1))
            spread = per_value[cells] - rate
            gain = np.where((amount.real > 0) & (spread.real > _NO_GAIN), spread, 0.0) * worth
            gain = gain / np.where(amount == 0, 1.0, amount)  # USD per vehicle or per USD of value
            want = np.where(gain.real > 0, amount * left[cells], 0.0)
            earned = _earned(facts, entry, goods, here, np.unique(owner), variants, shift)
            purse = balance[k] + able * earned
            share = _served(want, gain, purse, owner, alike=entry.order == "pro_rata")
            member = membership(owner, len(makers))
            taken = share * want
            entitled[k], payable[k] = purse[0].real, (want.sum(axis=1) @ member)[0].real
            spared = (taken * gain) @ member
            saved = saved + (spared * goods.inside[here, None]).sum(axis=1)
            if entry.claw_back_on is not None:
                early = starts[here, None] < entry.claw_back_on.toordinal()
                spared_before_claw[k] = spared_before_claw[k] + (spared * early).sum(axis=1)
            kept = np.ones((len(share), *left.shape[1:]), dtype=share.dtype)
            kept[cells] = 1 - share
            left = left * kept
            balance[k] = purse - taken.sum(axis=1) @ member
            if entry.unused == "sell":
                sold = sold + balance[k] * entry.price_usd * year_end
            if entry.unused != "carry_over":
                balance[k] = zero
    for entry, spared in zip(policy.credit, spared_before_claw, strict=True):
        if entry.claw_back_on is not None and goods.period.start <= entry.claw_back_on <= goods.period.end:
            repaid = repaid + _shortfall(facts, entry, makers, shift) * spared
    return Settlement(saved, repaid, sold, entitled, payable)


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
    served: np.ndarray = share.reshape(shape)
    return served


def _earned(
    facts: Facts,
    entry: Credit,
    goods: Goods,
    here: np.ndarray,
    users: np.ndarray,
    variants: Variants,
    shift: Shift,
) -> np.ndarray:
    """Entitlement that accrues over the spans `here` of one calendar year (variants, M)."""
    of_year = year_share([goods.spans[number] for number in here])
    if entry.granted:
        yearly = np.array([entry.granted.get(maker, 0.0) for maker in goods.makers])
        return np.asarray(entry.multiple * yearly * of_year.sum())[None]
    variable = entry.earned_by
    assert variable is not None
    keys = [(m, variable, "US") for m in goods.makers if "US" in facts.origins(m, variable)]
    have = [goods.makers.index(m) for m, _, _ in keys]
    if entry.missing == "error" and (lacking := sorted(set(users.tolist()) - set(have))):
        raise DataError(
            f"{variable} of {goods.makers[lacking[0]]} is missing; add the fact, or let "
            f'credit.{entry.id} say missing = "zero"'
        )

    def known(spans: Sequence[Period]) -> np.ndarray:
        out = np.zeros((len(spans), len(goods.makers)))
        out[:, have] = resolve(facts, keys, spans).value
        return out

    if variable == PRODUCTION:
        now = goods.production[:, here].sum(axis=1)
    else:
        found = known([goods.spans[number] for number in here])
        now = (found if variable in FLOWS else found * of_year).sum(axis=0)[None]
        now = now + shift.get(variable, np.zeros((1, 1))) * of_year.sum()
    if entry.above is not None:
        usual = known([periods.parse(entry.above)]) * of_year.sum()
        now = np.where(less(usual, now), now - usual, 0.0)
    each = np.reshape(variants.get(f"credit.{entry.id}.per_unit", entry.per_unit), (-1, 1))
    return np.asarray(each * now)


def _shortfall(facts: Facts, entry: Credit, makers: list[str], shift: Shift) -> np.ndarray:
    """Share of what was granted that US output has not grown by (variants, M), the day before."""
    assert entry.claw_back_on is not None
    year = periods.parse(str((entry.claw_back_on - timedelta(days=1)).year))
    got = resolve(facts, [(m, PRODUCTION, "US") for m in makers], [periods.parse(entry.grown_since), year])
    grown = got.value[1] - got.value[0] + shift.get(PRODUCTION, np.zeros((1, 1)))
    promised = np.array([entry.granted.get(maker, 0.0) for maker in makers])
    share = 1 - grown / np.where(promised > 0, promised, 1.0)
    return np.where(promised > 0, clip(share, 0.0, 1.0), 0.0)
