"""What does US assembly take off the duty on imported parts?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np

from tariffmodel.tariff.goods import Goods
from tariffmodel.tariff.policy import Offset, Policy
from tariffmodel.tariff.rates import Rates
from tariffmodel.tariff.variants import Variants


def offset(policy: Policy, goods: Goods, card: Rates, variants: Variants) -> np.ndarray:
    """What the offset takes off the maker's bill inside the period, USD (runs or variants, M).

    Of what is drawn at the border a maker has the share that it bears of the duty itself.
    """
    return drawn(policy, goods, card, variants)[1]


def drawn(policy: Policy, goods: Goods, card: Rates, variants: Variants) -> tuple[np.ndarray, np.ndarray]:
    """Credit used inside the period, USD (runs or variants, M): at the border, and of it to the maker.

    Each entry keeps its own account: credit accrues with assembly, is drawn by the claimed share of the
    duty of its measure on parts once usable, whoever imports them in the maker's name, and carries forward
    or lapses. What lapses is used before what keeps. All of it is constant over a span, so what a span
    draws is min(uptake × duty, balance + its credit).
    """
    parts = np.flatnonzero(goods.is_part)
    member = goods.member[parts]
    used, reaching = np.zeros((1, len(goods.makers))), np.zeros((1, len(goods.makers)))
    for measure in sorted({entry.measure for entry in policy.offset} & set(card.components)):
        entries = [entry for entry in policy.offset if entry.measure == measure]
        entries.sort(key=lambda entry: (entry.carry_forward, entry.end))
        balance: list[np.ndarray | float] = [0.0] * len(entries)
        rate = card.effective(goods.qualifying, goods.us_content, measure)
        paid = goods.value_usd[..., parts] * rate[..., parts]
        due, borne = paid @ member, (paid * goods.borne[..., parts]) @ member
        share = np.divide(borne, due, out=np.zeros_like(due), where=due != 0)
        claimed = due * goods.uptake
        for number, span in enumerate(goods.spans):
            left = claimed[:, number]
            for k, entry in enumerate(entries):
                if entry in _in_force(entries, span.start):
                    earned = np.reshape(variants.get(f"offset.{entry.id}.rate", entry.rate), (-1, 1))
                    balance[k] = balance[k] + earned * goods.assembled_msrp_usd[:, number]
                if entry.usable_from <= span.start:
                    draw = np.minimum(left, balance[k])
                    left, balance[k] = left - draw, balance[k] - draw
                    used = used + draw * goods.inside[number]
                    reaching = reaching + draw * share[:, number] * goods.inside[number]
                if entry.end == span.end and not entry.carry_forward:
                    balance[k] = 0.0
    return used, reaching


def _in_force(entries: Sequence[Offset], day: date) -> list[Offset]:
    """Offsets that earn on a day: those of an overlay take the place of its base's on their dates."""
    dated = [entry for entry in entries if entry.start <= day <= entry.end]
    return [entry for entry in dated if entry.layer == max(one.layer for one in dated)]
