"""What rate does each stream of goods pay, span of days by span of days?

Turns a policy's dated entries into arrays over flows (maker, origin, product) and spans of days,
for any number of variants of the policy's numbers at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from tariffmodel.errors import PolicyError
from tariffmodel.facts import Facts
from tariffmodel.facts.periods import Period
from tariffmodel.tariff.entries import Additional, Entry, Policy, Relief
from tariffmodel.tariff.relief import relief_rate
from tariffmodel.tariff.variants import Numbers, Shift, Variants


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
        """Rate on the whole value of each flow, of one component or of all together.

        >>> card = Rates({"mfn": (np.array([0.1]), np.array([0.0]), np.array([0.2]))})
        >>> half_qualifies, none_of_it_us = np.array([0.5]), np.array([0.0])
        >>> card.effective(half_qualifies, none_of_it_us).round(3).tolist()
        [0.15]
        """
        chosen = self._alike() if component is None else [self.components[component]]
        return sum(
            (
                (1 - q) * general + q * (qualifying + (1 - u) * content)
                for general, qualifying, content in chosen
            ),
            start=np.zeros(1),
        )

    def paid(
        self, worth: np.ndarray, q: np.ndarray, u: np.ndarray, inside: np.ndarray
    ) -> Iterator[np.ndarray]:
        """Duty (runs or variants, spans, flows) on `worth` in the spans `inside`: arrays that add up to it.

        Those components that no variant touches are one array, so that the others alone carry the axis of the
        variants; and USMCA is reckoned with where a stream can qualify, which most cannot.

        >>> general, free = np.full((1, 1, 1), 0.25), np.zeros((1, 1, 1))
        >>> card = Rates({"section-232-autos": (general, free, free)})
        >>> worth, half_qualifies = np.full((1, 1, 1), 100.0), np.full((1, 1, 1), 0.5)
        >>> [duty.tolist() for duty in card.paid(worth, half_qualifies, free, np.array([True]))]
        [[[[12.5]]]]
        """
        near = np.flatnonzero((q != 0).any(axis=(0, 1)))
        worth, q, u = worth[:, inside], q[:, inside][..., near], u[:, inside][..., near]
        qualifies = worth[..., near] * q
        for triple in self._alike():
            general, qualifying, content = (
                part[:, inside] if part.shape[1] > 1 else part for part in np.broadcast_arrays(*triple)
            )
            duty = worth * general
            duty[..., near] += qualifies * (
                qualifying[..., near] - general[..., near] + (1 - u) * content[..., near]
            )
            yield duty

    def _alike(self) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Components summed by how many variants they hold."""
        groups: dict[int, list[tuple[np.ndarray, np.ndarray, np.ndarray]]] = {}
        for triple in self.components.values():
            groups.setdefault(max(len(part) for part in triple), []).append(triple)
        return [
            tuple(sum(parts, start=np.zeros(1)) for parts in zip(*group, strict=True))  # type: ignore[misc]
            for group in groups.values()
        ]


def rates(  # noqa: C901  the order of its steps is the law's
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

    Examples
    --------
    >>> import tariffmodel as tm
    >>> flows = tm.rates.Flows(*(np.array([word]) for word in ("Toyota", "JP", "car")))
    >>> known, law, spans = tm.facts.load(), tm.policy.load("mfn-only"), [tm.periods.parse("2025-09-30")]
    >>> card = tm.rates.rates(law, known, flows, spans, units=np.ones((1, 1, 1)))
    >>> card.effective(np.zeros(1), np.zeros(1)).tolist()
    [[[0.025]]]
    """
    number = Numbers(variants or {})
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
        count, kind = number.count(kinds), np.dtype(float)
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
            f"{policy.name}: no mfn rate for {flows.product[flow]} from {flows.origin[flow]} on "
            f"{spans[span].start}; "
            'add an [[mfn]] entry, for example with origin = "*"'
        )
    preferred = np.where(np.isnan(preferred), ordinary, preferred)
    components = {"mfn": (ordinary, preferred, np.zeros((1, 1, 1)))}

    def on_top(rate: Any, basis: str, duty: np.ndarray) -> np.ndarray:
        return np.asarray(np.maximum(rate - duty, 0.0) if basis == "inclusive" else rate + 0.0 * duty)

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
                rate, treatment = relief_rate(entry, facts, flows.maker[goods], number, shift), "full"
            else:
                rate, treatment = number("additional", entry, "rate"), entry.usmca
            covers = entry.covers if isinstance(entry, Additional) else 1.0
            charge = covers * on_top(rate, entry.basis, ordinary[block])
            if isinstance(entry, Additional) and entry.quota_rate is not None:
                share = _quota_share(entry, number, spans, days, units[..., goods])
                within = on_top(number("additional", entry, "quota_rate"), entry.quota_basis, ordinary[block])
                charge = share * covers * within + (1 - share) * charge
                if len(charge) > len(general):  # the quota fills differently in each run of the volumes
                    general = np.repeat(general, len(charge), axis=0)
            general[block] = charge
            charge = covers * on_top(rate, entry.basis, preferred[block])
            qualifying[block] = charge if treatment == "full" else 0.0
            content[block] = charge if treatment == "non_us_content" else 0.0
        components[measure] = (general, qualifying, content)
    number.refuse_unused(policy)
    return Rates(components)


def _quota_share(
    entry: Additional, number: Numbers, spans: Sequence[Period], days: np.ndarray, units: np.ndarray
) -> np.ndarray:
    """Share of imports inside the quota, pro rata to imports, window by window: a year, or its quarters."""
    quota = number("additional", entry, "quota_units_per_year")
    arriving = units[..., days, :].sum(axis=-1, keepdims=True)
    share = np.ones_like(arriving * quota)
    quarterly = entry.quota_window == "quarter"
    windows = [quota_window(spans[day].start, quarterly) for day in days]
    for first, last in sorted(set(windows)):
        open_part = quota_part(entry, first, last)
        within = np.array([window == (first, last) for window in windows])
        of_window = arriving[..., within, :].sum(axis=-2, keepdims=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            share[..., within, :] = np.where(
                of_window > 0, np.minimum(quota * open_part / of_window, 1.0), 1.0
            )
    return np.asarray(share)


def quota_part(entry: Additional, first: date, last: date) -> float:
    """Part of a year's quota that is open in a window: less where it is counted from a day within it.

    >>> import tariffmodel as tm
    >>> [quota] = [one for one in tm.policy.load("current-law").additional if one.id == "uk-quota"]
    >>> quota_part(quota, date(2026, 1, 1), date(2026, 12, 31))
    1.0
    """
    opens = max(entry.quota_counted_from or entry.start, first)
    quarters = 4 if entry.quota_window == "quarter" else 1
    return ((last - opens).days + 1) / ((last - first).days + 1) / quarters


def quota_window(day: date, quarterly: bool) -> tuple[date, date]:
    """First and last day of the calendar year, or quarter, of a day.

    >>> [str(end) for end in quota_window(date(2026, 8, 15), quarterly=True)]
    ['2026-07-01', '2026-09-30']
    """
    if not quarterly:
        return date(day.year, 1, 1), date(day.year, 12, 31)
    month = day.month - (day.month - 1) % 3
    after = date(day.year + month // 10, (month + 2) % 12 + 1, 1)
    return date(day.year, month, 1), date.fromordinal(after.toordinal() - 1)
