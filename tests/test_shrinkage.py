"""Empirical Bayes against published figures, and against its limits."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tariffmodel import shrinkage
from tariffmodel.errors import DataError

# Thirteen trials of the BCG vaccine: cases and others among the vaccinated, the same among controls
# (Colditz and others 1994)
TRIALS = np.array(
    [
        (4, 119, 11, 128), (6, 300, 29, 274), (3, 228, 11, 209), (62, 13536, 248, 12619),
        (33, 5036, 47, 5761), (180, 1361, 372, 1079), (8, 2537, 10, 619), (505, 87886, 499, 87892),
        (29, 7470, 45, 7232), (17, 1699, 65, 1600), (186, 50448, 141, 27197), (5, 2493, 3, 2338),
        (27, 16886, 29, 17825),
    ],
    dtype=float,
)  # fmt: skip


def bcg(method):
    a, b, c, d = TRIALS.T
    ratio = pd.Series(np.log(a / (a + b)) - np.log(c / (c + d)))
    error = pd.Series(np.sqrt(1 / a - 1 / (a + b) + 1 / c - 1 / (c + d)))
    return shrinkage.pooled(ratio, error, method=method)


def test_vaccine_trials_give_what_metafor_gives():
    """Viechtbauer (2010), J. Stat. Softw. 36(3), section 3, and the package's documentation."""
    found = bcg("reml")
    assert f"{found.tau**2:.4f} {found.mean:.4f} {found.mean_error:.4f}" == "0.3132 -0.7145 0.1798"
    assert f"{found.q:.4f} {100 * found.i_squared:.2f}" == "152.2330 92.22" and found.q_p < 1e-4
    assert f"{found.tau_low**2:.4f} {found.tau_high**2:.4f}" == "0.1197 1.1115"
    moments = bcg("dl")
    assert f"{moments.tau**2:.4f} {moments.mean:.4f} {moments.mean_error:.4f}" == "0.3088 -0.7141 0.1787"


def test_eight_schools_are_one():
    """Rubin (1981); Gelman and others (2013, section 5.5): pooled 7.7, error 4.1, Q not surprising."""
    effect = pd.Series([28.0, 8, -3, 7, -1, 1, 18, 12], list("ABCDEFGH"))
    error = pd.Series([15.0, 10, 16, 11, 9, 11, 10, 18], list("ABCDEFGH"))
    for method in ("reml", "dl"):
        found = shrinkage.pooled(effect, error, method=method)
        assert (found.tau, round(found.mean, 1), round(found.mean_error, 1)) == (0.0, 7.7, 4.1)
        assert round(found.q, 1) == 4.7 and found.q_p > 0.6
        assert found.tau_low == 0 and found.tau_high > 0


def test_batting_averages_of_1970():
    """Efron and Morris (1975, 1977): shrinking factor .212; Clemente's .400 becomes .294."""
    hits = pd.Series([18.0, 17, 16, 15, 14, 14, 13, 12, 11, 11, 10, 10, 10, 10, 10, 9, 8, 7])
    average = hits / 45
    error = pd.Series(np.sqrt(average.mean() * (1 - average.mean()) / 45), average.index)
    found = shrinkage.pooled(average, error, method="dl").table
    assert (1 - found["weight"]).round(3).unique().tolist() == [0.212]
    assert found["shrunk"].round(3).iloc[[0, 1, 2, -1]].tolist() == [0.294, 0.289, 0.285, 0.242]


@settings(deadline=None, max_examples=50, derandomize=True)
@given(st.integers(4, 30), st.integers(0, 10_000))
def test_what_is_known_badly_is_drawn_farther_and_nothing_beyond_the_mean(count, seed):
    rng = np.random.default_rng(seed)
    error = pd.Series(rng.uniform(0.1, 2, count))
    estimate = pd.Series(rng.normal(0.3, 0.5, count) + error * rng.normal(size=count))
    found = shrinkage.pooled(estimate, error)
    table = found.table
    assert table["weight"].between(0, (count - 3) / (count - 1) + 1e-12).all()
    order = table.sort_values("standard_error")["weight"]
    assert (order.diff().dropna() > -1e-12).all()
    between = (table["shrunk"] - found.mean) * (table["estimate"] - found.mean)
    assert (between >= -1e-12).all()
    assert (table["shrunk_low"] < table["shrunk"]).all()


def test_draws_of_the_model_are_covered_as_often_as_is_said():
    rng = np.random.default_rng(5)
    inside = []
    for _ in range(400):
        truth = rng.normal(1.0, 0.6, 12)
        error = rng.uniform(0.2, 1.0, 12)
        names = range(12)
        found = shrinkage.pooled(pd.Series(rng.normal(truth, error), names), pd.Series(error, names)).table
        inside += list((found["shrunk_low"] <= truth) & (truth <= found["shrunk_high"]))
    assert np.mean(inside) == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize(
    ("estimate", "error", "options", "said"),
    [
        ([1.0, 2.0, 3.0], [1.0, 1.0, 1.0], {}, "3 estimates; 4 or more can inform each other"),
        (
            [1.0, 2.0, 3.0, np.nan],
            [1.0] * 4,
            {},
            "an estimate is missing or has no standard error above zero",
        ),
        ([1.0, 2.0, 3.0, 4.0], [1.0, 1.0, 1.0, 0.0], {}, "no standard error above zero; leave it out"),
        ([1.0, 2.0, 3.0, 4.0], [1.0] * 4, {"method": "ml"}, "method 'ml': write 'reml' or 'dl'"),
    ],
)
def test_what_cannot_be_pooled_is_refused(estimate, error, options, said):
    with pytest.raises(DataError, match=said):
        shrinkage.pooled(pd.Series(estimate), pd.Series(error), **options)


def test_two_indices_are_refused():
    with pytest.raises(DataError, match="different indices"):
        shrinkage.pooled(pd.Series([1.0] * 4, range(4)), pd.Series([1.0] * 4, range(1, 5)))
