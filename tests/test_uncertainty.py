import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tariffmodel import case, exposure, uncertainty
from tariffmodel.errors import DataError

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


@given(arrays(float, (7, 4), elements=SMALL))
def test_a_sum_of_one_maker_has_its_own_range_whatever_is_shared(runs):
    one = np.eye(4)
    for loading in (0.0, 0.6, 1.0):
        shared = uncertainty.Sharing(np.full(3, loading), np.ones((3, 4, 1)))
        found = uncertainty.total(runs, one, shared)
        np.testing.assert_allclose(found, uncertainty.interval(runs), rtol=1e-9, atol=1e-6)


def test_what_is_shared_adds_up_and_what_is_not_averages_out():
    """Four makers, each moved by 3 down and 5 up: 12 and 20 as one, 6 and 10 apart, 7/8 in between."""
    runs = np.array([[10.0] * 4, [7.0] * 4, [15.0] * 4])
    one = np.ones((1, 4))
    for loading, down, up in ((1.0, 12, 20), (0.0, 6, 10)):
        low, high = uncertainty.total(runs, one, uncertainty.Sharing(np.array([loading]), np.ones((1, 4, 1))))
        assert low.item() == pytest.approx(40 - down) and high.item() == pytest.approx(40 + up)
    pairs = np.kron(np.eye(2), np.ones((2, 1)))[None]  # two groups of two: 6 and 6, apart from each other
    low, _ = uncertainty.total(runs, one, uncertainty.Sharing(np.array([1.0]), pairs))
    assert low.item() == pytest.approx(40 - np.hypot(6, 6))


def test_a_shared_error_that_one_gains_and_one_loses_by_cancels():
    runs = np.array([[10.0, 10.0], [7.0, 13.0], [13.0, 7.0]])
    low, high = uncertainty.total(
        runs, np.ones((1, 2)), uncertainty.Sharing(np.array([1.0]), np.ones((1, 2, 1)))
    )
    assert low.item() == high.item() == 20


def test_sum_over_a_country_is_wider_than_if_its_makers_shared_nothing(known, law, before):
    found = exposure.totals(case(law, before, data=known))
    bills = exposure.whole(exposure.table(case(law, before, data=known)))
    by_home = bills.groupby("home")["bill_usd"].sum()
    np.testing.assert_allclose(found["bill_usd"].drop("ALL")[by_home.index], by_home)
    many = found[found["makers"] > 1]
    assert (many["bill_low_usd"] < many["bill_low_independent_usd"]).all()
    assert (many["bill_high_usd"] > many["bill_high_independent_usd"]).all()
    down = np.sqrt(((bills["bill_usd"] - bills["bill_low_usd"]) ** 2).sum())
    assert found.at["ALL", "bill_low_independent_usd"] == pytest.approx(found.at["ALL", "bill_usd"] - down)


def test_an_input_without_a_loading_is_refused(known):
    with pytest.raises(DataError, match="shared_errors.csv has no row for input spam"):
        uncertainty.sharing(known, ["imports", "spam"], list(known.makers.index))


def test_makers_of_a_home_share_what_rests_on_their_origin(known):
    makers = list(known.makers.index)
    shared = uncertainty.sharing(known, ["customs_value", "imported_parts", "imports"], makers)
    with_toyota = shared.together @ shared.together[:, makers.index("Toyota"), :, None]
    names = [{makers[m] for m in np.flatnonzero(one)} for one in with_toyota[..., 0]]
    assert names[0] == set(known.makers.index[known.makers["home"] == "JP"])
    assert names[1] == set(makers) and names[2] == {"Toyota"}
    assert (shared.loading[:2] > 0).all() and shared.loading[2] == 0
