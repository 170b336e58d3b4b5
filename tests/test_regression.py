"""One least squares, its errors and its guard, against other packages."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from linearmodels.panel import PanelOLS
from statsmodels.regression.linear_model import OLS

from tariffmodel import regression, resampling
from tariffmodel.errors import DataError


def grouped(events=7, makers=5, seed=4):
    rng = np.random.default_rng(seed)
    event, maker = np.repeat(np.arange(events), makers), np.tile(np.arange(makers), events)
    x = pd.DataFrame({"delta": rng.normal(size=len(event)), "size": rng.normal(size=len(event))})
    y = 0.5 * x["delta"] + rng.normal(size=events)[event] + rng.normal(size=makers)[maker]
    keep = rng.random(len(event)) < 0.9
    return (y + rng.normal(size=len(event)))[keep], x[keep], event[keep], maker[keep]


@pytest.mark.parametrize("debias", [False, True])
@pytest.mark.parametrize("by", ["event", "maker", "both"])
def test_clustered_errors_within_groups_equal_another_package(by, debias):
    y, x, event, maker = grouped()
    sides = {"event": [event], "maker": [maker], "both": [event, maker]}[by]
    found = regression.within(y, x, event, sides, debias=debias)
    labels = pd.MultiIndex.from_arrays([event, maker])
    theirs = PanelOLS(y.set_axis(labels), x.set_axis(labels), entity_effects=True).fit(
        cov_type="clustered",
        cluster_entity=by != "maker",
        cluster_time=by != "event",
        group_debias=debias,
    )
    np.testing.assert_allclose(found.params, theirs.params, rtol=1e-10)
    np.testing.assert_allclose(found.covariance, theirs.cov, rtol=1e-9)
    np.testing.assert_allclose(found.residuals, theirs.resids, atol=1e-12)
    assert found.r_squared == pytest.approx(theirs.rsquared_within, rel=1e-10)
    assert found.df == min(len(np.unique(codes)) for codes in sides) - 1


@pytest.mark.parametrize("kind", ["HC1", "HC3"])
def test_white_errors_equal_another_package(kind):
    y, x, *_ = grouped()
    wide = x.assign(const=1.0)
    found = regression.least_squares(y.to_numpy(), wide.to_numpy())
    theirs = OLS(y, wide).fit(cov_type=kind)
    np.testing.assert_allclose(regression.white(found, kind), theirs.cov_params(), rtol=1e-9)
    np.testing.assert_allclose(found.leverage, theirs.get_influence().hat_matrix_diag, rtol=1e-10)


def test_rule_for_lags_grows_with_the_sample_and_covers_the_overlap():
    assert [regression.hac_lags(n) for n in (20, 100, 250, 1000)] == [2, 4, 4, 6]
    assert [regression.hac_lags(250, horizon) for horizon in (1, 2, 5, 20)] == [4, 4, 5, 20]
    assert regression.hac_lags(6, 20) == 5


@pytest.mark.parametrize("level", [0.0, 0.1, 1e6])
def test_constant_is_refused_whatever_its_size(level):
    constant = pd.DataFrame({"fx": [0.1, 0.3, 0.2], "peg": [level] * 3})
    with pytest.raises(DataError, match="peg is constant or a combination of the other factors; drop it"):
        regression.refuse_collinear(constant - constant.mean(), before=constant)


def test_small_variation_about_a_large_mean_is_not_taken_for_a_constant():
    rate = pd.DataFrame({"won": 1.4e6 + np.arange(5.0) ** 2, "yen": [150.0, 151, 149, 150, 152]})
    regression.refuse_collinear(rate - rate.mean(), before=rate)


def test_more_columns_than_rows_are_refused():
    with pytest.raises(DataError, match="c is constant or a combination of the other constraints; think"):
        regression.refuse_collinear(pd.DataFrame(np.eye(3)[:2], columns=list("abc")), "constraints", "think")


def test_slopes_of_many_equal_one_regression_each():
    y, x, *_ = grouped()
    many = pd.DataFrame({"a": y, "b": y**2})
    found = regression.betas(many, x)
    for name in many:
        whole = np.linalg.lstsq(np.column_stack([np.ones(len(x)), x]), many[name])[0]
        np.testing.assert_allclose(found.loc[name], whole[1:], rtol=1e-10)


def test_runs_of_rows_have_the_mean_length_asked_for():
    rows = resampling.stationary_rows(1000, 5000, 20, block=8.0, random=np.random.default_rng(0))
    breaks = (np.diff(rows) % 1000 != 1).mean()
    assert breaks == pytest.approx(1 / 8, abs=0.01)


def test_one_permutation_beyond_the_limit_draws_at_random():
    random, one = np.random.default_rng(0), np.zeros(4, dtype=int)
    every, exact = resampling.orders(one, 24, random)
    some, drawn = resampling.orders(one, 23, random)
    assert exact and not drawn
    assert len({tuple(order) for order in every}) == 24 and len(some) == 23
    assert (np.sort(some, axis=1) == np.arange(4)).all()


def test_orders_stay_within_their_group_whichever_way_they_are_drawn():
    groups = np.array([1, 0, 1, 0, 2, 1])
    every, exact = resampling.orders(groups, 99, np.random.default_rng(0))
    some, drawn = resampling.orders(groups, 11, np.random.default_rng(0))
    assert exact and not drawn and len({tuple(order) for order in every}) == 12 and len(some) == 11
    for orders in (every, some):
        assert (groups[orders] == groups).all() and (np.sort(orders, axis=1) == np.arange(6)).all()
