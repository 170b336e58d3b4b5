"""What does US assembly take off the duty on imported parts?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

import numpy as np

from tariffmodel.tariff.goods import Goods
from tariffmodel.tariff.policy import Offset, Policy
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
    member = goods.member[parts]
    for measure in sorted({entry.measure for entry in policy.offset} & set(card.components)):
        entries = [entry for entry in policy.offset if entry.measure == measure]
        entries.sort(key=lambda entry: (entry.carry_forward, entry.end))
        balance: list[np.ndarray | float] = [0.0] * len(entries)
        rate = card.effective(goods.qualifying, goods.us_content, measure)
        paid = goods.value_usd[..., parts] * rate[..., parts]
        due = paid @ member
        of_due = [
            np.divide((paid * share[..., parts]) @ member, due, out=np.zeros_like(due), where=due != 0)
            for share in shares
        ]
        claimed = due * goods.uptake
        for number, span in enumerate(goods.spans):
            left = claimed[:, number]
            for k, entry in enumerate(entries):
                if entry in _in_force(entries, span.start):
                    earned = np.reshape(variants.get(f"offset.{entry.id}.rate", entry.rate), (-1, 1))
                    balance[k] = balance[k] + earned * _accrues_on(entry, goods)[:, number]
                if entry.usable_from <= span.start:
                    draw = np.minimum(left, balance[k])
                    left, balance[k] = left - draw, balance[k] - draw
                    yield number, draw, [draw * share[:, number] for share in of_due]
                if entry.end == span.end and not entry.carry_forward:
                    balance[k] = 0.0


def _accrues_on(entry: Offset, goods: Goods) -> np.ndarray:
    """What the maker assembles in the US that earns the credit, USD (runs, S, M)."""
    return goods.assembled_engines_usd if entry.accrues_on == "engines" else goods.assembled_msrp_usd


def _in_force(entries: Sequence[Offset], day: date) -> list[Offset]:
    """Offsets that earn on a day: those of an overlay take the place of its base's like on their dates."""
    dated = [entry for entry in entries if entry.start <= day <= entry.end]
    return [
        entry
        for entry in dated
        if entry.layer == max(one.layer for one in dated if one.accrues_on == entry.accrues_on)
    ]
