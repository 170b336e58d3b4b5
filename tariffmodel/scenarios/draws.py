"""Which values do the inputs take in one draw?

A block of draws has a seed of its own: the child of ``SeedSequence(seed)`` with the block's number. What is
drawn therefore depends on the seed and the number alone, not on how many blocks one worker takes.

An input of a maker has a *position*, uniform on (0, 1). A part of it, with the loading of
``facts/shared_errors.csv``, is one for all makers that share an estimate, the rest is the maker's own
(one-factor Gaussian copula, Vasicek 2002)::

    position = Φ(λ · common + √(1 − λ²) · own)

What stands at a position is a quantile of the triangular distribution from low over the value to high, or
of the PERT distribution (Malcolm and others 1959), a Beta with mean (low + 4·value + high) / 6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from tariffmodel.errors import DataError
from tariffmodel.facts import Facts
from tariffmodel.scenarios.tree import Scenario
from tariffmodel.tariff import uncertainty

BLOCK = 500  # draws that share a seed
_GRID = (
    1 - np.cos(np.linspace(0, np.pi, 2049))
) / 2  # positions at which PERT is tabulated, dense at the ends


@dataclass(frozen=True)
class Spec:
    """What is drawn beside the tree: K inputs of M makers, pass-through, life and C currencies.

    `group` (K, M) is the group in whose common part of an input a maker has a share, `loading` (K,) that
    share; `most`, `a`, `b` are those of the pass-through; `root` (C, C) is the lower triangle whose product
    with its transpose is the correlation of the currencies, `vol` (C,) their volatility a year.
    """

    loading: np.ndarray
    group: np.ndarray
    most: float
    a: float
    b: float
    currencies: tuple[str, ...]
    vol: np.ndarray
    root: np.ndarray
    shape: str


@dataclass(frozen=True)
class Drawn:
    """One block of B draws: `position` (K, M, B), `pass_through` (B,), `life` (B,) and `fx` (C, B).

    `life` is exponential with mean 1, `fx` standard normal, correlated; `elasticity` (2, B) is the position,
    uniform on (0, 1), of the own-price elasticity and of that of all vehicles.

    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> asked = spec(tm.scenarios.load("june-2025-proposal"), known, ["imports"], ["Toyota", "Honda"])
    >>> one, two = (block(asked, seed=1, number=number, size=100) for number in (0, 1))
    >>> one.position.shape, one.swapped(two, "life").life is two.life
    ((1, 2, 100), True)
    """

    position: np.ndarray
    pass_through: np.ndarray
    life: np.ndarray
    fx: np.ndarray
    elasticity: np.ndarray

    def swapped(self, other: Drawn, factor: str | int) -> Drawn:
        """The block with one factor of another: an input by its number, else by its name."""
        if isinstance(factor, str):
            return replace(self, **{factor: getattr(other, factor)})
        position = self.position.copy()
        position[factor] = other.position[factor]
        return replace(self, position=position)


def spec(scenario: Scenario, facts: Facts, inputs: Sequence[str], makers: Sequence[str]) -> Spec:
    """What a scenario draws.

    Raises
    ------
    DataError
        If an input has no row in ``facts/shared_errors.csv``, or correlations contradict each other.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> spec(tm.scenarios.load("june-2025-proposal"), known, ["msrp"], ["Toyota", "Honda"]).group.tolist()
    [[0, 0]]
    """
    shared = uncertainty.sharing(facts, inputs, makers)
    currencies = tuple(sorted(scenario.fx))
    return Spec(
        loading=shared.loading,
        group=shared.together.argmax(axis=-1),
        most=scenario.pass_through.most,
        a=scenario.pass_through.a,
        b=scenario.pass_through.b,
        currencies=currencies,
        vol=np.array([scenario.fx[one].vol for one in currencies]),
        root=_root(scenario, currencies),
        shape=scenario.shape,
    )


def block(spec: Spec, seed: int, number: int, size: int = BLOCK) -> Drawn:
    """Block `number` of the draws of a seed.

    >>> import tariffmodel as tm
    >>> asked = spec(tm.scenarios.load("june-2025-proposal"), tm.facts.load(), ["msrp"], ["Toyota"])
    >>> bool((block(asked, 1, 7).position == block(asked, 1, 7).position).all())
    True
    """
    child = np.random.SeedSequence(seed, spawn_key=(number,))  # as SeedSequence(seed).spawn(n)[number]
    random = np.random.default_rng(child)
    inputs, makers = spec.group.shape
    common = random.standard_normal((inputs, makers, size))  # as many as there could be groups
    own = random.standard_normal((inputs, makers, size))
    shared = common[np.arange(inputs)[:, None], spec.group]
    load = spec.loading[:, None, None]
    return Drawn(
        position=special.ndtr(load * shared + np.sqrt(1 - load**2) * own),
        pass_through=spec.most * random.beta(spec.a, spec.b, size),
        life=random.standard_exponential(size),
        fx=np.einsum("cd,db->cb", spec.root, random.standard_normal((len(spec.currencies), size))),
        elasticity=random.random((2, size)),
    )


@dataclass(frozen=True)
class Curves:
    """Quantiles on [0, 1] of distributions whose most likely value lies at `mode` (n,) of their width.

    `table` (n, grid) holds them at fixed positions where they have no closed form (PERT).

    >>> Curves.of(np.array([0.0, 0.5]), "triangular").at(np.array([[0.75], [0.5]])).tolist()
    [[0.5], [0.5]]
    >>> Curves.of(np.array([0.5]), "pert").at(np.array([[0.5]])).round(6).tolist()
    [[0.5]]
    """

    mode: np.ndarray
    table: np.ndarray | None

    @classmethod
    def of(cls, mode: np.ndarray, shape: str) -> Curves:
        """Curves of one shape, ``triangular`` or ``pert``."""
        if shape == "triangular":
            return cls(mode, None)
        return cls(mode, special.betaincinv(1 + 4 * mode[:, None], 5 - 4 * mode[:, None], _GRID))

    def at(self, position: np.ndarray) -> np.ndarray:
        """Quantiles (n, B) at positions (n, B)."""
        if self.table is not None:
            rows = zip(position, self.table, strict=True)
            return np.array([np.interp(at, _GRID, row) for at, row in rows]).reshape(position.shape)
        mode = self.mode[:, None]
        rising, falling = np.sqrt(position * mode), 1 - np.sqrt((1 - position) * (1 - mode))
        return np.asarray(np.where(position < mode, rising, falling))


def _root(scenario: Scenario, currencies: Sequence[str]) -> np.ndarray:
    """Cholesky factor of the correlation of currencies; what contradicts itself is refused."""
    matrix = np.eye(len(currencies))
    for pair in scenario.correlation:
        one, two = (currencies.index(name) for name in pair.between)
        matrix[one, two] = matrix[two, one] = pair.value
    values, vectors = np.linalg.eigh(matrix)
    if len(values) and values[0] <= 0:
        weight = np.abs(np.outer(vectors[:, 0], vectors[:, 0]) * np.triu(matrix, 1))
        first, second = divmod(int(weight.argmax()), len(weight))
        raise DataError(
            f"{scenario.name}: correlation is not positive definite (smallest eigenvalue {values[0]:.3g}): "
            f"{currencies[first]} and {currencies[second]} at "
            f"{matrix[first, second]:g} contradict the others most; "
            "bring that value nearer to 0"
        )
    return np.asarray(np.linalg.cholesky(matrix)) if len(values) else matrix
