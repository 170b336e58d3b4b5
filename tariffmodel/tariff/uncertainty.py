"""How far do the estimates behind a result move it?

Every input that a source does not pin down carries a low and a high. A result is computed with all
inputs at their central value, then with one input at a time at its low and at its high, all in one
array computation. The moves are combined as the root of the sum of squares, up and down apart
(Kline and McClintock 1953): inputs are taken as independent of each other, while one input moves
together for all origins of a maker. In a sum over makers the part of an input's error that they share,
because one estimate serves them all, moves together for them too (``facts/shared_errors.csv``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tariffmodel.errors import DataError
from tariffmodel.facts import Facts


def one_at_a_time(
    low: np.ndarray, value: np.ndarray, high: np.ndarray, position: int, inputs: int
) -> np.ndarray:
    """Stack of `value` over 1 + 2·`inputs` runs, with `low` and `high` in the two runs of this input.

    Run 0 is central; runs 1 + 2k and 2 + 2k hold input k at its low and high.

    >>> low, value, high = np.array([8.0]), np.array([10.0]), np.array([13.0])
    >>> one_at_a_time(low, value, high, position=1, inputs=2).ravel().tolist()
    [10.0, 10.0, 10.0, 8.0, 13.0]
    """
    runs = np.repeat(np.asarray(value, dtype=float)[None], 1 + 2 * inputs, axis=0)
    runs[1 + 2 * position] = low
    runs[2 + 2 * position] = high
    return runs


def moves(runs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Largest fall and rise (inputs, ...) of a result when each input goes to its low or high.

    >>> fall, rise = moves(np.array([10.0, 7.0, 14.0, 10.0, 13.0]))
    >>> fall.tolist(), rise.tolist()
    ([-3.0, 0.0], [4.0, 3.0])
    """
    change = runs[1:] - runs[0]
    pair = change.reshape(-1, 2, *change.shape[1:])
    return np.minimum(pair.min(axis=1), 0.0), np.maximum(pair.max(axis=1), 0.0)


def interval(runs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Low and high of a result from its runs, moves combined by root-sum-square.

    >>> low, high = interval(np.array([10.0, 7.0, 14.0, 10.0, 13.0]))
    >>> float(low), float(high)
    (7.0, 15.0)
    """
    fall, rise = moves(runs)
    return runs[0] - np.sqrt((fall**2).sum(axis=0)), runs[0] + np.sqrt((rise**2).sum(axis=0))


def stack(inputs: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]]) -> dict[str, np.ndarray]:
    """`one_at_a_time` for every input of a mapping name → (low, value, high).

    >>> units, value = (np.array([x]) for x in (10.0, 2.0))
    >>> runs = stack({"units": (units - 1, units, units + 2), "value": (value, value, value + 1)})
    >>> runs["units"].ravel().tolist(), runs["value"].ravel().tolist()
    ([10.0, 9.0, 12.0, 10.0, 10.0], [2.0, 2.0, 2.0, 2.0, 3.0])
    """
    return {
        name: one_at_a_time(low, value, high, position, len(inputs))
        for position, (name, (low, value, high)) in enumerate(inputs.items())
    }


@dataclass(frozen=True)
class Sharing:
    """Which part of the error of K inputs M makers share.

    Attributes
    ----------
    loading : array (K,)
        Share of a maker's error, as a standard deviation, that the makers of its group have in common.
    together : array (K, M, G)
        1 where the maker is in the group of the input.
    """

    loading: np.ndarray
    together: np.ndarray


def sharing(facts: Facts, inputs: Sequence[str], makers: Sequence[str]) -> Sharing:
    """The common factors of `inputs` from ``facts/shared_errors.csv``.

    Raises
    ------
    DataError
        If an input has no row.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> sharing(tm.facts.load(), ["imports", "customs_value"], ["Toyota", "Honda", "GM"]).loading.shape
    (2,)
    """
    table = facts.shared_errors
    if lacking := [name for name in inputs if name not in table.index]:
        raise DataError(
            f"data/facts/shared_errors.csv has no row for input {lacking[0]}; add one: without it the range "
            "of a sum over makers is not known"
        )
    homes = facts.makers["home"].reindex(list(makers)).to_numpy()
    groups = {
        "all": np.ones((len(makers), 1)),
        "home": (homes[:, None] == np.unique(homes)).astype(float),
        "none": np.eye(len(makers)),
    }
    widest = max(group.shape[1] for group in groups.values())
    padded = {name: np.pad(group, ((0, 0), (0, widest - group.shape[1]))) for name, group in groups.items()}
    rows = table.loc[list(inputs)]
    return Sharing(rows["loading"].to_numpy(), np.stack([padded[by] for by in rows["shared_by"]]))


def total(runs: np.ndarray, counted: np.ndarray, shared: Sharing) -> tuple[np.ndarray, np.ndarray]:
    r"""Low and high of sums over makers, in which what they share of an input's error does not average out.

    The shared part moves all makers of a group to the low or to the high at once, so that those which
    gain make up for those which lose; the rest is each maker's own:

    .. math::

        s_k^2 = \lambda_k^2 \sum_g (\sum_{m \in g} \Delta_{km})^2 + (1 - \lambda_k^2) \sum_m \Delta_{km}^2

    Parameters
    ----------
    runs : array (1 + 2K, M)
        As for `interval`.
    counted : array (S, M)
        1 where the maker is in the sum.
    shared : Sharing
        Of the K inputs and M makers, see `sharing`.

    Returns
    -------
    low, high : arrays (S,)

    Examples
    --------
    Two makers, one input that takes 3 or 4 off: 7 off both if they share all of it, 5 if nothing.

    >>> runs = np.array([[10.0, 10.0], [7.0, 6.0], [10.0, 10.0]])
    >>> one = np.ones((1, 2))
    >>> [total(runs, one, Sharing(np.array([share]), np.ones((1, 2, 1))))[0].item() for share in (1, 0)]
    [13.0, 15.0]
    """
    change = (runs[1:] - runs[0]).reshape(-1, 2, runs.shape[-1])
    own = np.einsum("kem,sm->kesm", change, counted)
    groups = np.einsum("kesm,kmg->kesg", own, shared.together)
    central = counted @ runs[0]
    common = (shared.loading**2)[:, None]

    def spread(side: np.ndarray, every: np.ndarray) -> np.ndarray:
        parts = common * (side**2).sum(axis=-1) + (1 - common) * (every**2).sum(axis=-1)
        return np.asarray(np.sqrt(parts.sum(axis=0)))

    down = spread(np.minimum(groups.min(axis=1), 0.0), np.minimum(own.min(axis=1), 0.0))
    up = spread(np.maximum(groups.max(axis=1), 0.0), np.maximum(own.max(axis=1), 0.0))
    return central - down, central + up


def correlation(runs: np.ndarray, shared: Sharing) -> np.ndarray:
    """Correlation (M, M) of makers' errors: by input, half the move from its low to its high, see `total`.

    >>> runs = np.array([[10.0, 10.0], [7.0, 6.0], [13.0, 14.0]])
    >>> one_estimate = np.ones((1, 2, 1))
    >>> correlation(runs, Sharing(np.array([0.6]), one_estimate)).round(6).tolist()
    [[1.0, 0.36], [0.36, 1.0]]
    """
    swing = (runs[2::2] - runs[1::2]) / 2
    groups = shared.together
    common = np.einsum("k,km,kn,kmg,kng->mn", shared.loading**2, swing, swing, groups, groups, optimize=True)
    own = (1 - shared.loading**2) @ swing**2
    size = np.sqrt(np.diag(common) + own)
    both = np.divide(common, np.multiply.outer(size, size), out=np.zeros_like(common), where=common != 0)
    np.fill_diagonal(both, 1.0)
    return np.asarray(both)
