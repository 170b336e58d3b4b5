"""Which numbers of a policy vary, and what a policy is asked about besides: the arrays that ride along."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tariffmodel.errors import PolicyError
from tariffmodel.tariff.entries import Entry, Policy

Variants = Mapping[str, Sequence[float] | np.ndarray]
Shift = Mapping[str, np.ndarray]


class Numbers:
    """Numbers of a policy's entries, with arrays of variants in place of those that vary.

    >>> import tariffmodel as tm
    >>> policy = tm.policy.load("japan-flexible-linear-firm")
    >>> entry, number = policy.relief[0], Numbers({f"relief.{policy.relief[0].id}.slope": [0.1, 0.2]})
    >>> number("relief", entry, "slope").ravel().tolist(), number.count([("relief", entry)])
    ([0.1, 0.2], 2)
    >>> number.refuse_unused(policy)  # nothing to refuse: it was asked for
    """

    def __init__(self, variants: Variants) -> None:
        self.variants = {
            key: np.asarray(values, dtype=float)[:, None, None] for key, values in variants.items()
        }
        self.used: set[str] = set()

    def __call__(self, kind: str, entry: Entry, field: str) -> Any:
        """The number of an entry: an array (variants, 1, 1) if it varies."""
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
        """Raise a `PolicyError` if a variant names a number that was never asked for."""
        elsewhere = {f"offset.{entry.id}.rate" for entry in policy.offset}
        elsewhere |= {f"credit.{e.id}.{field}" for e in policy.credit for field in ("per_unit", "rate")}
        for key in sorted(set(self.variants) - self.used - elsewhere):
            raise PolicyError(
                f"{policy.name}: no number {key!r} in force to vary; write kind.id.field of an entry"
            )
