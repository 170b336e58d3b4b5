"""What does US assembly take off the duty on imported parts?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

import numpy as np

from tariffmodel.facts.periods import Period
from tariffmodel.tariff.entries import Offset, Policy
from tariffmodel.tariff.goods import Goods
from tariffmodel.tariff.rates import Rates
from tariffmodel.tariff.variants import Variants


def offset(policy: Policy, goods: Goods, card: Rates, variants: Variants) -> np.ndarray:
    """What the offset takes off the maker's bill inside the period, USD (runs or variants, M).

    Of what is drawn at the border a maker has the share that it bears of the duty itself.

    >>> import tariffmodel as tm
    >>> asked = tm.case("mfn-only", period="CY2025")
    >>> goods = asked.goods
    >>> card = tm.rates.rates(asked.policy, asked.facts, goods.flows, goods.spans, goods.units)
    >>> float(offset(asked.policy, goods, card, {}).max())  # no measure, so no offset
    0.0
    """
    return drawn(policy, goods, card, variants)[1]


def drawn(policy: Policy, goods: Goods, card: Rates, variants: Variants) -> tuple[np.ndarray, np.ndarray]:
    """Credit used inside the period, USD (runs or variants, M): at the border, and of it to the maker.

    >>> import tariffmodel as tm
    >>> asked = tm.case(period="CY2026")
    >>> goods = asked.goods
    >>> card = tm.rates.rates(asked.policy, asked.facts, goods.flows, goods.spans, goods.units)
    >>> used, reaching = drawn(asked.policy, goods, card, {})
    >>> bool((used >= reaching).all()), bool(reaching.sum() > 0)
    (True, True)
    """
    used, reaching = np.zeros((1, len(goods.makers))), np.zeros((1, len(goods.makers)))
    for number, draw, (theirs,) in draws(policy, goods, card, variants, goods.borne):
        used = used + draw * goods.inside[number]
        reaching = reaching + theirs * goods.inside[number]
    return used, reaching


def draws(
    policy: Policy, goods: Goods, card: Rates, variants: Variants, *shares: np.ndarray
) -> Iterator[tuple[int, np.ndarray, list[np.ndarray]]]:
    """Number of a span, which may come several times, credit used in it at the border, and parts of that.

    Credit is USD (runs or variants, M); the parts of it are those of the duty that `shares`, arrays
    (runs, S, F), are of that on each stream.

    Each entry keeps its own account: credit accrues with assembly, is drawn by the claimed share of the
    duty of its measure on parts once usable, whoever imports them in the maker's name, and carries forward
    or lapses. What lapses is used before what keeps. Over a span duty and credit keep their proportion, so
    what it draws is min(uptake × duty, balance + its credit).

    >>> import tariffmodel as tm
    >>> asked = tm.case(period="2025Q3")
    >>> goods = asked.goods
    >>> card = tm.rates.rates(asked.policy, asked.facts, goods.flows, goods.spans, goods.units)
    >>> drawn_by_span = draws(asked.policy, goods, card, {}, goods.borne)
    >>> all((used >= theirs).all() for _, used, (theirs,) in drawn_by_span)
    True
    """
    parts = np.flatnonzero(goods.is_part)
    for measure in sorted({entry.measure for entry in policy.offset} & set(card.components)):
        entries = in_order(entry for entry in policy.offset if entry.measure == measure)
        rate = card.effective(goods.qualifying, goods.us_content, measure)
        paid = goods.value_usd[..., parts] * rate[..., parts]
        due = goods.by_maker(paid, parts)
        of_due = [
            np.divide(
                goods.by_maker(paid * share[..., parts], parts), due, out=np.zeros_like(due), where=due != 0
            )
            for share in shares
        ]
        earning = {entry.id: _accrues_on(entry, goods) for entry in entries}
        for number, draw in settled(entries, goods.spans, due * goods.uptake, earning, variants):
            yield number, draw, [draw * share[:, number] for share in of_due]


def settled(
    entries: Sequence[Offset],
    spans: Sequence[Period],
    claimed: np.ndarray,
    earning: Mapping[str, np.ndarray],
    variants: Variants,
) -> Iterator[tuple[int, np.ndarray]]:
    """Number of a span, which may come several times, and what it draws on the account of an entry (runs, M).

    Parameters
    ----------
    entries : sequence of Offset
        Of one measure, in the order in which their accounts are used: see `in_order`.
    claimed : array (runs, S, M)
        Duty that the offset is claimed against, USD.
    earning : mapping of id to array (runs, S, M)
        What is assembled that an entry takes its rate of, USD.
    variants : mapping of key to array (variants,)
        Rates that vary.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> law, year = tm.policy.load("current-law"), tm.periods.parse("2025-06")
    >>> entries, hundred = in_order(law.offset), np.full((1, 1, 1), 100.0)
    >>> earning = {entry.id: hundred for entry in entries}
    >>> [draw.item() for _, draw in settled(entries, [year], hundred, earning, {})]
    [3.75]
    """
    balance: list[np.ndarray | float] = [0.0] * len(entries)
    for number, span in enumerate(spans):
        left, earn = claimed[:, number], {id(entry) for entry in in_force(entries, span.start)}
        for k, entry in enumerate(entries):
            if id(entry) in earn:
                earned = np.reshape(variants.get(f"offset.{entry.id}.rate", entry.rate), (-1, 1))
                balance[k] = balance[k] + earned * earning[entry.id][:, number]
            if entry.usable_from <= span.start:
                draw = np.minimum(left, balance[k])
                left, balance[k] = left - draw, balance[k] - draw
                yield number, draw
            if entry.end == span.end and not entry.carry_forward:
                balance[k] = 0.0


def in_order(entries: Iterable[Offset]) -> list[Offset]:
    """Offsets in the order in which their accounts are used: what lapses before what keeps.

    >>> import tariffmodel as tm
    >>> [entry.end.year for entry in in_order(tm.policy.load("current-law").offset)][:2]
    [2026, 2030]
    """
    return sorted(entries, key=lambda entry: (entry.carry_forward, entry.end))


def _accrues_on(entry: Offset, goods: Goods) -> np.ndarray:
    """What the maker assembles in the US that earns the credit, USD (runs, S, M)."""
    return goods.assembled_engines_usd if entry.accrues_on == "engines" else goods.assembled_msrp_usd


def in_force(entries: Sequence[Offset], day: date) -> list[Offset]:
    """Offsets that earn on a day: those of an overlay take the place of its base's like on their dates.

    >>> import tariffmodel as tm
    >>> [entry.id for entry in in_force(tm.policy.load("current-law").offset, date(2025, 6, 1))]
    ['msrp-offset']
    """
    dated = [entry for entry in entries if entry.start <= day <= entry.end]
    return [
        entry
        for entry in dated
        if entry.layer == max(one.layer for one in dated if one.accrues_on == entry.accrues_on)
    ]
