"""What rate does each stream of goods pay, span of days by span of days?

Turns a policy's dated entries into arrays over flows (maker, origin, product) and spans of days,
for any number of variants of the policy's numbers at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from tariffmodel.tariff import contribution
from tariffmodel.errors import PolicyError
from tariffmodel.facts import Facts
from tariffmodel.facts.periods import Period
from tariffmodel.tariff.policy import Additional, Entry, Policy, Relief

Variants = Mapping[str, Sequence[float] | np.ndarray]
Shift = Mapping[str, np.ndarray]
_NO_LIMIT = 1e12  # stands for a ratio whose denominator is zero: above any bracket, and 0 times it is 0


@dataclass(frozen=True)
class Flows:
    """Labels of F streams of goods: whose, from where, what. Parts are whose they are built into."""

    maker: np.ndarray
    origin: np.ndarray
    product: np.ndarray

    def __len__(self) -> int:
        return len(self.maker)


@dataclass(frozen=True)
class Rates:
    """Duty rates by component: ``"mfn"`` and every measure on top of it.

    Each component holds three arrays (variants, spans, flows), fractions of customs value. A flow
    of which a share q qualifies for USMCA, with US content u, pays
    (1 − q)·general + q·(qualifying + (1 − u)·content).
    """

    components: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]

    def effective(self, q: np.ndarray, u: np.ndarray, component: str | None = None) -> np.ndarray:
        """Rate on the whole value of each flow, of one component or of all together."""
        chosen = self.components.values() if component is None else [self.components[component]]
        return sum(
            (
                (1 - q) * general + q * (qualifying + (1 - u) * content)
                for general, qualifying, content in chosen
            ),
            start=np.zeros(1),
        )


def rates(
    policy: Policy,
    facts: Facts,
    flows: Flows,
    spans: Sequence[Period],
    units: np.ndarray,
    variants: Variants | None = None,
    shift: Shift | None = None,
) -> Rates:
    """Rates of `policy` for every flow and span.

    Parameters
    ----------
    flows : Flows
        F labelled streams of goods.
    spans : sequence of Period
        S spans, none of which a date of the policy divides.
    units : array (..., S, F)
        Vehicles entering, which fill tariff-rate quotas; a quota is filled correctly when the
        spans tile whole calendar years.
    variants : mapping of key to array (variants,), optional
        Numbers that vary, by key as in `policy.load`: all variants are computed at once.
    shift : mapping of variable to array (variants, makers), optional
        Vehicles, jobs or USD a year on top of each maker's contributions (see `incentives`).

    Raises
    ------
    PolicyError
        If a flow has no MFN rate on some day or a variant names an unknown key.
    DataError
        If a score lacks a metric and the policy declares no fallback.
    """
    number = _Numbers(variants or {})
    starts = np.array([span.start.toordinal() for span in spans])
    ends = np.array([span.end.toordinal() for span in spans])

    def covered(entry: Any) -> tuple[np.ndarray, np.ndarray]:
        days = (starts >= entry.start.toordinal()) & (ends <= entry.end.toordinal())
        goods = np.isin(flows.product, entry.product) & (
            np.isin(flows.origin, entry.origin) | ("*" in entry.origin)
        )
        return np.flatnonzero(days), np.flatnonzero(goods)

    def precedence(entries: Iterable[Any]) -> list[Any]:
        return sorted(entries, key=lambda e: (e.layer, "*" not in e.origin))

    def blank(fill: float, kinds: Sequence[tuple[str, Entry]]) -> np.ndarray:
        count, kind = number.count(kinds), float
        if shift and any(name == "relief" for name, _ in kinds):
            moved = next(iter(shift.values()))
            count, kind = max(count, len(moved)), moved.dtype
        return np.full((count, len(spans), len(flows)), fill, dtype=kind)

    mfn_entries = [("mfn", entry) for entry in policy.mfn]
    ordinary, preferred = blank(np.nan, mfn_entries), blank(np.nan, mfn_entries)
    for entry in precedence(policy.mfn):
        days, goods = covered(entry)
        (preferred if entry.usmca else ordinary)[:, days[:, None], goods] = number("mfn", entry, "rate")
    if np.isnan(ordinary).any():
        _, span, flow = np.argwhere(np.isnan(ordinary))[0]
        raise PolicyError(
            f"{policy.name}: no mfn rate for {flows.product[flow]} from {flows.origin[flow]} on {spans[span].start}; "
            'add an [[mfn]] entry, for example with origin = "*"'
        )
    preferred = np.where(np.isnan(preferred), ordinary, preferred)
    components = {"mfn": (ordinary, preferred, np.zeros((1, 1, 1)))}

    def on_top(rate: Any, basis: str, duty: np.ndarray) -> np.ndarray:
        return np.maximum(rate - duty, 0.0) if basis == "inclusive" else rate + 0.0 * duty

    charges = [("additional", entry) for entry in policy.additional] + [
        ("relief", entry) for entry in policy.relief
    ]
    for measure in sorted({entry.measure for _, entry in charges}):
        own = [(kind, entry) for kind, entry in charges if entry.measure == measure]
        general, qualifying, content = (blank(0.0, [*mfn_entries, *own]) for _ in range(3))
        for entry in precedence(entry for _, entry in own):
            days, goods = covered(entry)
            if not (days.size and goods.size):
                continue
            block = (slice(None), days[:, None], goods)
            if isinstance(entry, Relief):
                rate, treatment = _relief_rate(entry, facts, flows.maker[goods], number, shift), "full"
            else:
                rate, treatment = number("additional", entry, "rate"), entry.usmca
            charge = on_top(rate, entry.basis, ordinary[block])
            if isinstance(entry, Additional) and entry.quota_rate is not None:
                share = _quota_share(entry, number, spans, days, units[..., goods])
                within = on_top(number("additional", entry, "quota_rate"), entry.quota_basis, ordinary[block])
                charge = share * within + (1 - share) * charge
                if len(charge) > len(general):  # the quota fills differently in each run of the volumes
                    general = np.repeat(general, len(charge), axis=0)
            general[block] = charge
            charge = on_top(rate, entry.basis, preferred[block])
            qualifying[block] = charge if treatment == "full" else 0.0
            content[block] = charge if treatment == "non_us_content" else 0.0
        components[measure] = (general, qualifying, content)
    number.refuse_unused(policy)
    return Rates(components)


class _Numbers:
    """Numbers of a policy's entries, with arrays of variants in place of those that vary."""

    def __init__(self, variants: Variants) -> None:
        self.variants = {
            key: np.asarray(values, dtype=float)[:, None, None] for key, values in variants.items()
        }
        self.used: set[str] = set()

    def __call__(self, kind: str, entry: Entry, field: str) -> Any:
        key = f"{kind}.{entry.id}.{field}"
        if key in self.variants:
            self.used.add(key)
            return self.variants[key]
        return getattr(entry, field)

    def count(self, entries: Iterable[tuple[str, Entry]]) -> int:
        """How many variants these entries have: 1 if none of their numbers varies."""
        ids = {f"{kind}.{entry.id}" for kind, entry in entries}
        return max((len(a) for key, a in self.variants.items() if key.rpartition(".")[0] in ids), default=1)

    def refuse_unused(self, policy: Policy) -> None:
        elsewhere = {f"offset.{entry.id}.rate" for entry in policy.offset}
        elsewhere |= {f"credit.{e.id}.{field}" for e in policy.credit for field in ("per_unit", "rate")}
        for key in sorted(set(self.variants) - self.used - elsewhere):
            raise PolicyError(
                f"{policy.name}: no number {key!r} in force to vary; write kind.id.field of an entry"
            )


def contribution_of(
    entry: Relief,
    facts: Facts,
    makers: np.ndarray,
    number: _Numbers | None = None,
    shift: Shift | None = None,
) -> np.ndarray:
    """C of `Relief` for each of `makers` (variants, makers): zero for those who cannot earn it."""
    home = facts.makers["home"]
    able = entry.earned_by == "all" or "*" in entry.origin
    earning = [maker for maker in np.unique(makers) if able or home[maker] in entry.origin]
    weights = {name: metric.weight for name, metric in entry.score.items()}
    targets = {name: metric.target for name, metric in entry.score.items()}
    number = number or _Numbers({})
    own = number("relief", entry, "firm_weight")
    own = own[:, :, 0] if isinstance(own, np.ndarray) else own

    def level(kind: contribution.Level) -> np.ndarray:
        table = contribution.measured(
            facts, entry.metrics, entry.year, kind, entry.missing, earning, entry.relative_to, shift
        )
        if entry.metric:
            return np.nan_to_num(table[..., 0], posinf=_NO_LIMIT)
        return contribution.composite(table, weights, targets, entry.missing)

    firm = level("firm") if np.any(own != 0) else 0.0
    country = level("country") if np.any(own != 1) else 0.0
    earned = np.asarray(own * firm + (1 - own) * country)
    column = {maker: k for k, maker in enumerate(earning)}
    out = np.zeros((*earned.shape[:-1], len(makers)), dtype=earned.dtype)
    have = np.array([maker in column for maker in makers], dtype=bool)
    out[..., have] = earned[..., [column[maker] for maker in makers[have]]]
    return out


def _relief_rate(
    entry: Relief, facts: Facts, makers: np.ndarray, number: _Numbers, shift: Shift | None
) -> np.ndarray:
    """Rate (variants, 1, flows) that each flow's maker pays."""
    score = contribution_of(entry, facts, makers, number, shift)[:, None, :]
    base, slope = number("relief", entry, "base"), number("relief", entry, "slope")
    if entry.schedule == "tiered":
        steps = np.array([step.reach for step in entry.bracket])
        rungs = np.array([np.nan, *(step.rate for step in entry.bracket)])
        reached = rungs[np.searchsorted(steps, score.real, side="right")]
        rate = np.where(np.isnan(reached), base, reached)
    elif entry.schedule == "smooth" and entry.steepness is not None:
        steepness, midpoint = number("relief", entry, "steepness"), number("relief", entry, "midpoint")
        rate = base - slope / (1 + np.exp(-steepness * (score - midpoint)))
    elif entry.schedule == "smooth":
        rate = base - slope * score ** number("relief", entry, "exponent")
    else:
        rate = base - slope * score
    low, high = number("relief", entry, "floor"), number("relief", entry, "cap")
    return contribution.clip(rate, low, high)


def _quota_share(
    entry: Additional, number: _Numbers, spans: Sequence[Period], days: np.ndarray, units: np.ndarray
) -> np.ndarray:
    """Share of imports inside the quota, pro rata to imports, calendar year by calendar year."""
    quota = number("additional", entry, "quota_units_per_year")
    arriving = units[..., days, :].sum(axis=-1, keepdims=True)
    share = np.ones_like(arriving * quota)
    years = np.array([spans[day].start.year for day in days])
    for year in np.unique(years):
        first, last = date(year, 1, 1), date(year, 12, 31)
        opens = max(entry.quota_counted_from or entry.start, first)
        open_part = ((last - opens).days + 1) / ((last - first).days + 1)
        of_year = arriving[..., years == year, :].sum(axis=-2, keepdims=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            share[..., years == year, :] = np.where(
                of_year > 0, np.minimum(quota * open_part / of_year, 1.0), 1.0
            )
    return share
