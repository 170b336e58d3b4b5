import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tariffmodel import uncertainty

SMALL = st.floats(-1e6, 1e6)


@given(arrays(float, (7, 3), elements=SMALL))
def test_interval_contains_the_centre_and_every_single_move(runs):
    low, high = uncertainty.interval(runs)
    slack = 1e-6 * (1 + np.abs(runs).max())
    assert (low <= runs.min(axis=0) + slack).all() and (high >= runs.max(axis=0) - slack).all()


def test_moves_of_a_linear_result_combine_by_root_sum_square():
    inputs = {
        "a": (np.array([1.0]), np.array([2.0]), np.array([5.0])),
        "b": (np.array([0.0]), np.array([4.0]), np.array([8.0])),
    }
    runs = uncertainty.stack(inputs)
    low, high = uncertainty.interval(runs["a"] + runs["b"])
    assert np.allclose(low, 6 - np.hypot(1, 4)) and np.allclose(high, 6 + np.hypot(3, 4))
