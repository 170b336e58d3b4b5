"""What is owed on the goods of a period, under one policy?

Dated rates meet dated volumes, cut by cut. The bill is gross: before price rises, lost volume,
relocation or cost savings.

    duty on vehicles = units × customs value × rate on the dutiable share
    duty on parts    = value of listed, certified, general and service parts × rate − offset  (not below zero)
    bill             = both, less what volume credits save

Parts for US plants enter in the name of the maker or of its suppliers. A supplier's duty is in the bill as
far as the supplier passes it on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tariffmodel.facts import PRODUCTION, Facts
from tariffmodel.tariff import parts
from tariffmodel.tariff.credits import Settlement, settle
from tariffmodel.tariff.entries import Policy
from tariffmodel.tariff.goods import Goods, year_share
from tariffmodel.tariff.policy import full_key
from tariffmodel.tariff.rates import rates
from tariffmodel.tariff.variants import Shift, Variants


@dataclass(frozen=True)
class Bill:
    """Duty of every maker under one policy, USD, before any counterfactual.

    Arrays are (runs or variants, M) over the period, except `duty`: the duty per stream of goods at the
    border, whoever pays it, before offset and credits, (runs or variants, F). `parts` and `offset` are
    what reaches the maker. `credits` is what volume credits do.

    >>> import tariffmodel as tm
    >>> owed, _ = tm.case("mfn-only", period="CY2025").owed
    >>> bool((owed.after_credits == owed.vehicles).all()), bool((owed.total >= 0).all())
    (True, True)
    >>> bool(np.nanmax(owed.average_rate) <= 0.25)
    True
    """

    goods: Goods
    duty: np.ndarray
    vehicles: np.ndarray
    parts: np.ndarray
    offset: np.ndarray
    credits: Settlement

    @property
    def after_credits(self) -> np.ndarray:
        """Duty on vehicles, less what credits saved and what was clawed back of that."""
        return np.asarray(self.vehicles - self.credits.saved + self.credits.repaid)

    @property
    def total(self) -> np.ndarray:
        """Vehicles + parts − offset − credits + what was clawed back, USD."""
        owed = self.vehicles + self.parts - self.offset - self.credits.saved + self.credits.repaid
        return np.asarray(owed)

    @property
    def average_rate(self) -> np.ndarray:
        """Duty on vehicles after credits over customs value, (runs or variants, M); NaN without imports."""
        customs = self.goods.customs_usd
        rate = np.full(self.after_credits.shape, np.nan)
        np.divide(self.after_credits, customs, out=rate, where=customs > 0)
        return rate


def bill(
    facts: Facts,
    policy: Policy,
    goods: Goods,
    variants: Variants | None = None,
    shift: Shift | None = None,
) -> Bill:
    """Duty under `policy` on the goods of a period.

    Parameters
    ----------
    goods : Goods
        From `goods.entered`, cut at the dates of this policy.
    variants : mapping of key to array (variants,), optional
        Numbers of the policy that vary (``{"relief.slope": array}``). Inputs then stay at
        their central values, and the leading axis of the result runs over the variants.
    shift : mapping of variable to array (variants, M), optional
        Vehicles, jobs or USD a year added to what makers build, export, employ and invest; imports
        and sales stay. Complex values carry derivatives (see `incentives`).

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case("none", period="CY2025")
    >>> float(tm.duty.bill(asked.facts, asked.policy, asked.goods).total.max())  # free trade
    0.0
    """
    varied = {full_key(policy, key): values for key, values in (variants or {}).items()}
    here = _moved(goods, shift or {}) if varied or shift else goods
    card = rates(policy, facts, here.flows, here.spans, here.units, varied, shift)
    q, u = here.qualifying, here.us_content

    kinds, inside = here.is_part, here.inside
    duty, reaching = np.zeros(1), np.zeros(1)
    for paid in card.paid(here.value_usd, q, u, inside):  # its spans are summed before it is added to others
        duty = duty + paid.sum(axis=1)
        reaching = reaching + (paid[..., kinds] * here.borne[:, inside][..., kinds]).sum(axis=1)
    none = np.zeros((1, len(here.makers)))
    credits = Settlement(none, none, none, none[:0], none[:0])
    if policy.credit:
        credits = settle(facts, policy, here, card.effective(q, u), varied, shift or {})
    return Bill(
        goods=goods,
        duty=duty,
        vehicles=here.by_maker(duty * ~here.is_part),
        parts=here.by_maker(reaching, kinds),
        offset=parts.offset(policy, here, card, varied),
        credits=credits,
    )


def by_span(facts: Facts, policy: Policy, goods: Goods) -> dict[str, np.ndarray]:
    """What reaches a maker before credits, which are settled by year, span by span: USD (runs, S, M).

    `vehicles`, `parts` and `offset` as in `Bill`; `suppliers` is what of parts − offset its suppliers pay
    and pass on.

    >>> import tariffmodel as tm
    >>> asked = tm.case("none", period="CY2025")
    >>> {name: float(usd.max()) for name, usd in by_span(asked.facts, asked.policy, asked.goods).items()}
    {'vehicles': 0.0, 'parts': 0.0, 'offset': 0.0, 'suppliers': 0.0}
    """
    card = rates(policy, facts, goods.flows, goods.spans, goods.units)
    duty = goods.value_usd * card.effective(goods.qualifying, goods.us_content)
    suppliers = goods.by_maker(duty * goods.passed)
    offset = np.zeros((len(duty), len(goods.spans), len(goods.makers)))
    for number, _, (theirs, passed) in parts.draws(policy, goods, card, {}, goods.borne, goods.passed):
        offset[:, number] += theirs
        suppliers[:, number] -= passed
    return {
        "vehicles": goods.by_maker(duty * ~goods.is_part),
        "parts": goods.by_maker(duty * goods.is_part * goods.borne),
        "offset": offset,
        "suppliers": suppliers,
    }


def _moved(goods: Goods, shift: Shift) -> Goods:
    """The central run alone; parts and what the offset rests on grow with output."""
    names = (
        *("units", "value_usd", "qualifying", "us_content", "borne"),
        *("production", "assembled_msrp_usd", "assembled_engines_usd", "uptake"),
    )
    central = replace(goods, **{name: getattr(goods, name)[:1] for name in names})
    if PRODUCTION not in shift:
        return central
    production = central.production
    added = shift[PRODUCTION][:, None, :] * year_share(goods.spans)
    growth = np.where(production > 0, 1 + added / np.where(production > 0, production, 1.0), 1.0)
    return replace(
        central,
        value_usd=np.where(goods.is_built_in, growth[..., goods.owner], 1.0) * central.value_usd,
        production=production + added,
        assembled_msrp_usd=growth * central.assembled_msrp_usd,
        assembled_engines_usd=growth * central.assembled_engines_usd,
    )
