"""How far do the estimates behind a result move it?

Every input that a source does not pin down carries a low and a high. A result is computed with all
inputs at their central value, then with one input at a time at its low and at its high, all in one
array computation. The moves are combined as the root of the sum of squares, up and down apart
(Kline and McClintock 1953): inputs are taken as independent of each other, while one input moves
together for all origins of a maker.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


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
