"""Which rows, signs and orders does a resample take, and how rare is what was seen among them?

One stationary bootstrap (rows in runs), one set of signs and weights (for wild bootstraps) and one of
orders (for permutations within groups). Everything random comes from a seed; where draws are made in
blocks, each block has its own, so that the number of processors changes no figure.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

TIE = 1e-10  # draws this close to the observed statistic count as equal to it
ENUMERATED = 12  # up to so many groups all patterns of signs are taken
_CELLS = 4_000_000  # of a matrix of draws held at once
_BLOCK = 250  # draws at a time, so that they stay in the processor's cache

__all__ = [
    "Resampled",
    "block_length",
    "counts",
    "in_blocks",
    "orders",
    "p_value",
    "said",
    "signs",
    "stationary_rows",
    "sums",
    "weights",
]


@dataclass(frozen=True)
class Resampled:
    """A p-value (two-sided) from draws, with the Monte Carlo standard error that they leave.

    >>> [round(Resampled(0.1, 100, exact, "signs").se, 3) for exact in (False, True)]
    [0.03, 0.0]
    """

    p: float
    draws: int
    exact: bool  #: every draw there is was made
    scheme: str

    @property
    def se(self) -> float:
        """Monte Carlo standard error; 0 when every draw there is was made."""
        return 0.0 if self.exact else math.sqrt(self.p * (1 - self.p) / self.draws)

    def __str__(self) -> str:
        count = "all" if self.exact else "random"
        return f"p {said(self.p)} (± {self.se:.4f}; {self.draws:,} draws, {count}: {self.scheme})"


def said(p: float) -> str:
    """A p-value in print.

    >>> said(0.03214), said(2e-7)
    ('0.0321', 'below 0.0001')
    """
    return "below 0.0001" if p < 0.0001 else f"{p:.4f}"


def p_value(drawn: np.ndarray, observed: float, *, exact: bool) -> float:
    """Share of draws as large as the observed statistic, itself counted if draws are random.

    p = (1 + #{T* ≥ T}) / (1 + B) over B random draws (Phipson and Smyth 2010); draws that equal the
    observed statistic count as exceeding it.

    >>> drawn = np.array([1.0, 2, 3, 4])
    >>> p_value(drawn, 3, exact=True), p_value(drawn, 3, exact=False)
    (0.5, 0.6)
    """
    count = int((drawn >= observed * (1 - TIE)).sum())
    return count / len(drawn) if exact else (1 + count) / (1 + len(drawn))


def stationary_rows(n: int, length: int, draws: int, block: float, random: np.random.Generator) -> np.ndarray:
    """Rows of a stationary bootstrap (Politis and Romano 1994), (draws, length).

    Runs of geometric length, mean `block`, from the rows 0 … n − 1, which wrap around.

    >>> stationary_rows(10, 8, 1, block=4, random=np.random.default_rng(1))
    array([[6, 7, 0, 1, 2, 3, 4, 5]])
    """
    fresh = random.random((draws, length)) < 1 / block
    fresh[:, 0] = True
    row = np.arange(length)
    begun = np.maximum.accumulate(np.where(fresh, row, 0), axis=1)
    start = np.take_along_axis(random.integers(n, size=(draws, length)), begun, axis=1)
    return (start + row - begun) % n


def counts(n: int, draws: int, block: float, random: np.random.Generator) -> np.ndarray:
    """How often each of n rows enters a stationary bootstrap resample of n, (draws, n).

    >>> counts(5, 1, block=2, random=np.random.default_rng(0))
    array([[0., 0., 1., 2., 2.]])
    """
    drawn = stationary_rows(n, n, draws, block, random)
    flat = (drawn + n * np.arange(draws)[:, None]).ravel()
    return np.bincount(flat, minlength=draws * n).reshape(draws, n).astype(float)


def sums(
    series: np.ndarray, length: int, draws: int, seed: int | np.random.Generator, block: float | None = None
) -> np.ndarray:
    """Sums over `length` days of a centred series under the stationary bootstrap, (draws,).

    Default `block`: T^⅓, or `length` if longer.

    >>> sums(np.array([0.01, -0.01, 0.02, -0.02]), length=2, draws=3, seed=0).round(3)
    array([0.04, 0.  , 0.  ])
    """
    days = len(series)
    mean_block = block or max(days ** (1 / 3), length)
    rows = stationary_rows(days, length, draws, mean_block, np.random.default_rng(seed))
    return np.asarray((series - series.mean())[rows].sum(axis=1))


def block_length(panel: np.ndarray) -> float:
    """Mean block of Politis and White (2004) for the columns (n, k) of a panel, the longest of them.

    At least one row, at most a quarter of them.

    >>> block_length(np.random.default_rng(0).normal(size=(200, 1))) < 5
    True
    """
    from arch.bootstrap import optimal_block_length  # slow to import

    return float(np.clip(optimal_block_length(panel)["stationary"].max(), 1, len(panel) / 4))


def in_blocks(
    draw: Callable[[int, np.random.Generator], tuple[np.ndarray, ...]], draws: int, seed: int
) -> tuple[np.ndarray, ...]:
    """What `draw(size, random)` gives for all draws, made in blocks on all processors.

    >>> means, = in_blocks(lambda size, random: (random.normal(size=(size, 9)).mean(axis=1),), 600, seed=0)
    >>> means.shape
    (600,)
    """
    sizes = [min(_BLOCK, draws - start) for start in range(0, draws, _BLOCK)]
    seeds = np.random.SeedSequence(seed).spawn(len(sizes))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        parts = pool.map(lambda size, own: draw(size, np.random.default_rng(own)), sizes, seeds)
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True))


def signs(groups: int, draws: int, seed: int) -> Iterator[np.ndarray]:
    """Patterns of ±1, (m, groups) at a time: all of them up to `ENUMERATED` groups, else `draws` random.

    >>> [block.tolist() for block in signs(2, draws=99, seed=0)]
    [[[1, 1], [-1, 1], [1, -1], [-1, -1]]]
    """
    if groups <= ENUMERATED:
        yield 1 - 2 * ((np.arange(2**groups)[:, None] >> np.arange(groups)) & 1)
        return
    random, step = np.random.default_rng(seed), max(1, _CELLS // groups)
    for done in range(0, draws, step):
        yield 2.0 * random.integers(0, 2, (min(step, draws - done), groups), dtype=np.int8) - 1


def weights(
    points: Sequence[float], groups: int, draws: int, random: np.random.Generator
) -> tuple[np.ndarray, bool]:
    """Weights of a wild bootstrap, one per group, and whether they are all there are.

    All combinations of `points` when these are not more than `draws`, else `draws` random ones.

    >>> found, exact = weights((-1.0, 1.0), groups=3, draws=99, random=np.random.default_rng(0))
    >>> found.shape, exact
    ((8, 3), True)
    """
    if len(points) ** groups <= draws:
        return np.array(list(itertools.product(points, repeat=groups))), True
    return random.choice(points, size=(draws, groups)), False


def orders(groups: np.ndarray, draws: int, random: np.random.Generator) -> tuple[np.ndarray, bool]:
    """Orders of rows that stay within their group, (m, n), and whether they are all there are.

    All Π n_g! when these are not more than `draws`, else `draws` random ones.

    >>> orders(np.array([0, 0, 1]), 99, np.random.default_rng(0))[0].tolist()
    [[0, 1, 2], [1, 0, 2]]
    """
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    if math.prod(math.factorial(len(member)) for member in members) > draws:
        # a uniform draw added to its code shuffles a row within its group only
        code = np.argsort(np.argsort(groups, kind="stable"))
        shuffled = np.argsort(groups + random.random((draws, len(groups))), axis=1)
        return shuffled[:, code], False
    drawn = np.empty((1, len(groups)), dtype=int)
    for member in members:
        own = np.array(list(itertools.permutations(member)))
        drawn = np.repeat(drawn, len(own), axis=0)
        drawn[:, member] = np.tile(own, (len(drawn) // len(own), 1))
    return drawn, True
