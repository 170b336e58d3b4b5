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
    """Credit used inside the period, USD (runs or variants, M).

    >>> import tariffmodel as tm
    >>> asked = tm.case("mfn-only", period="CY2025")
    >>> goods = asked.goods
    >>> card = tm.rates.rates(asked.policy, asked.facts, goods.flows, goods.spans, goods.units)
    >>> float(offset(asked.policy, goods, card, {}).max())  # no measure, so no offset
    0.0
    """
    used = np.zeros((1, len(goods.makers)))
    for number, drawn in draws(policy, goods, card, variants):
        used = used + drawn * goods.inside[number]
    return used


def draws(policy: Policy, goods: Goods, card: Rates, variants: Variants) -> Iterator[tuple[int, np.ndarray]]:
    """Credit used, USD (runs or variants, M), with the number of the span, which may come several times.

    Each entry keeps its own account: credit accrues with assembly, is drawn by duty of its measure
    on parts once usable, and carries forward or lapses. What lapses is used before what keeps. Over a
    span duty and credit keep their proportion, so what it draws is min(duty, balance + its credit).

    >>> import tariffmodel as tm
    >>> asked = tm.case(period="2025Q3")
    >>> goods = asked.goods
    >>> card = tm.rates.rates(asked.policy, asked.facts, goods.flows, goods.spans, goods.units)
    >>> all((used >= 0).all() for _, used in draws(asked.policy, goods, card, {}))
    True
    """
    parts = np.flatnonzero(goods.is_part)
    member = goods.member[parts]
    for measure in sorted({entry.measure for entry in policy.offset} & set(card.components)):
        entries = [entry for entry in policy.offset if entry.measure == measure]
        entries.sort(key=lambda entry: (entry.carry_forward, entry.end))
        balance: list[np.ndarray | float] = [0.0] * len(entries)
        rate = card.effective(goods.qualifying, goods.us_content, measure)
        due = (goods.value_usd[..., parts] * rate[..., parts]) @ member
        for number, span in enumerate(goods.spans):
            left = due[:, number]
            for k, entry in enumerate(entries):
                if entry in _in_force(entries, span.start):
                    earned = np.reshape(variants.get(f"offset.{entry.id}.rate", entry.rate), (-1, 1))
                    balance[k] = balance[k] + earned * goods.assembled_msrp_usd[:, number]
                if entry.usable_from <= span.start:
                    drawn = np.minimum(left, balance[k])
                    left, balance[k] = left - drawn, balance[k] - drawn
                    yield number, drawn
                if entry.end == span.end and not entry.carry_forward:
                    balance[k] = 0.0


def _in_force(entries: Sequence[Offset], day: date) -> list[Offset]:
    """Offsets that earn on a day: those of an overlay take the place of its base's on their dates."""
    dated = [entry for entry in entries if entry.start <= day <= entry.end]
    return [entry for entry in dated if entry.layer == max(one.layer for one in dated)]
