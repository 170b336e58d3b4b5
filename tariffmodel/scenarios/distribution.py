"""How are drawn amounts distributed, over a tree and in each leaf?

A distribution is held as points with weights: every outcome's bins, each at the mean of what fell into it. So
the mean is that of the draws, and a quantile or an expected shortfall is off by less than a bin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tariffmodel.errors import DataError
from tariffmodel.scenarios.engine import Measure, Tally

_FEWEST = 5  # draws in a tail that is asked about


@dataclass(frozen=True)
class Distribution:
    """Amounts counted by `engine.tally`, by quantity q and column.

    >>> import tariffmodel as tm
    >>> drawn = tm.scenarios.run("canada-and-deals", draws=200)
    >>> counted = Distribution(drawn.study, drawn.tally)
    >>> points, weights = counted.points(0)
    >>> mean, sd, shares = counted.moments(0)
    >>> bool(np.allclose((points * weights).sum(axis=1) / weights.sum(axis=1), mean, atol=1))
    True
    >>> counted.mean(0, outcome=1).shape == sd.shape, counted.draws
    (True, 200)
    >>> counted.spread(0).shape == counted.above(0, 1e9).shape
    True
    >>> counted.refuse_thin(0.2)
    """

    measure: Measure
    tally: Tally

    @property
    def draws(self) -> int:
        """How many there are."""
        return self.tally.draws

    def refuse_thin(self, tail: float) -> None:
        """Refuse a tail with fewer than five draws, and one that is no probability below one half."""
        if not 0 < tail < 0.5:
            raise DataError(f"tail is {tail:g}; write a probability between 0 and 0.5, such as 0.05")
        if self.draws * tail < _FEWEST - 1e-9:
            raise DataError(
                f"{self.draws} draws leave {self.draws * tail:g} in a tail of {tail:.0%}, at least {_FEWEST} "
                f"are needed; draw {int(np.ceil(_FEWEST / tail))} or more, or ask for a wider tail"
            )

    def mean(self, q: int, outcome: int) -> np.ndarray:
        """Mean (C,) under a leaf."""
        mine = self.measure.outcome == outcome
        share = self.measure.weight[mine] / max(self.measure.weight[mine].sum(), 1e-300)
        apart = np.einsum("b,bc->c", share, self.tally.total[mine, q]) / self.draws
        return np.asarray(self._middle(q)[outcome] + apart)

    def points(self, q: int, outcome: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Points and weights (C, n) of the tree, or of a leaf."""
        chosen = slice(None) if outcome is None else slice(outcome, outcome + 1)
        weight, mass = self.tally.weight[chosen, q], self.tally.mass[chosen, q]
        apart = np.divide(mass, weight, out=np.zeros_like(mass), where=weight > 0)
        points = self._middle(q)[chosen][..., None] + apart
        return tuple(np.moveaxis(one, 0, 1).reshape(one.shape[1], -1) for one in (points, weight))  # type: ignore[return-value]

    def above(self, q: int, amount: float) -> np.ndarray:
        """Probability (C,) of more than an amount."""
        points, weights = self.points(q)
        return np.asarray(np.where(points > amount, weights, 0.0).sum(axis=-1) / weights.sum(axis=-1))

    def spread(self, q: int) -> np.ndarray:
        """Standard error (C,) of the mean over the tree: that of the draws alone."""
        n = self.draws
        variance = self.tally.mixed_square[q] / n - (self.tally.mixed[q] / n) ** 2
        return np.asarray(np.sqrt(np.maximum(variance, 0.0) / n))

    def moments(self, q: int) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
        """Mean, sd and shares of the variance (C,), by the law of total variance over branches."""
        outcome, weights, n = self.measure.outcome, self.measure.weight, self.draws
        share = weights[:, None]
        apart = self.tally.total[:, q] / n
        mean = self._middle(q)[outcome] + apart
        within = (share * np.maximum(self.tally.square[:, q] / n - apart**2, 0.0)).sum(axis=0)
        overall = (share * mean).sum(axis=0)
        number = np.unique(outcome)
        weight = np.array([weights[outcome == k].sum() for k in number])[:, None]
        leaf = np.stack([self.mean(q, k) for k in number])
        between = (weight * (leaf - overall) ** 2).sum(axis=0)
        timing = (share * (mean - leaf[outcome]) ** 2).sum(axis=0)
        whole = between + timing + within
        parts = {"outcome_share": between, "timing_share": timing, "input_share": within}
        over = np.where(whole > 0, whole, np.nan)
        return overall, np.sqrt(whole), {name: part / over for name, part in parts.items()}

    def _middle(self, q: int) -> np.ndarray:
        low, high = self.measure.low, self.measure.high
        assert low is not None and high is not None
        return np.asarray((low + high)[:, q] / 2)


def quantile(points: np.ndarray, weights: np.ndarray, at: float) -> np.ndarray:
    """Smallest point (...) below or at which a share `at` of the weight lies, of points (..., n).

    >>> float(quantile(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 2.0]), 0.5))
    2.0
    """
    order = np.argsort(points, axis=-1)
    sorted_, share = (np.take_along_axis(one, order, axis=-1) for one in (points, weights))
    run = np.cumsum(share, axis=-1) / share.sum(axis=-1, keepdims=True)
    place = (run < at - 1e-12).sum(axis=-1, keepdims=True)
    return np.asarray(np.take_along_axis(sorted_, np.minimum(place, points.shape[-1] - 1), axis=-1)[..., 0])


def shortfall(points: np.ndarray, weights: np.ndarray, tail: float) -> np.ndarray:
    """Mean (...) of the highest `tail` of the weight; a point on the edge counts in part.

    Rockafellar and Uryasev (2002), equation 12, for discrete distributions.

    >>> float(shortfall(np.array([1.0, 2.0, 10.0]), np.array([0.9, 0.06, 0.04]), 0.05))
    8.4
    """
    order = np.argsort(-points, axis=-1)
    sorted_, share = (np.take_along_axis(one, order, axis=-1) for one in (points, weights))
    share = share / share.sum(axis=-1, keepdims=True)
    before = np.cumsum(share, axis=-1) - share
    taken = np.clip(tail - before, 0.0, share)
    return np.asarray((sorted_ * taken).sum(axis=-1) / tail)


__all__ = ["Distribution", "quantile", "shortfall"]
