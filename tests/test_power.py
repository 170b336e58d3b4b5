"""Simulated size and power against theory, and their bounds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tariffmodel import events
from tariffmodel.errors import DataError

FIRMS, SIGMA, T = 25, 0.02, 150


@pytest.fixture(scope="module")
def setting() -> tuple[pd.DataFrame, pd.Series]:
    random = np.random.default_rng(4)
    days = pd.bdate_range("2018-01-01", periods=1500)
    market = pd.Series(random.normal(0, 0.01, 1500), days)
    shares = market.to_numpy()[:, None] + SIGMA * random.normal(size=(1500, FIRMS))
    return pd.DataFrame(shares, days, [f"F{i}" for i in range(FIRMS)]), market


@pytest.fixture(scope="module")
def table(setting) -> pd.DataFrame:
    shares, market = setting
    return events.power(
        shares, market=market, effects=(0, 0.004, 0.008, 0.016), estimation=T, draws=600,
        tests=["crude_dependence", "kp_bmp", "cross_sectional"],
    )  # fmt: skip


def test_power_of_the_portfolio_t_is_that_of_the_noncentral_t(table):
    """The portfolio's abnormal return over its own deviation: δ = effect √N / σ, T − 1 degrees of freedom."""
    df = T - 1
    edge = stats.t.ppf(0.975, df)
    for effect, row in table.loc["crude_dependence"].iterrows():
        delta = effect * np.sqrt(FIRMS) / SIGMA
        theory = stats.nct.sf(edge, df, delta) + stats.nct.cdf(-edge, df, delta)
        assert row["rejected"] == pytest.approx(theory, abs=3.5 * np.sqrt(theory * (1 - theory) / 600))
        assert row["low"] <= row["rejected"] <= row["high"]
        assert row["mc_se"] == pytest.approx(np.sqrt(row["rejected"] * (1 - row["rejected"]) / 600))


def test_intervals_are_those_of_scipy(table):
    for _, row in table.iterrows():
        expected = stats.binomtest(round(row["rejected"] * row["draws"]), row["draws"]).proportion_ci()
        assert (row["low"], row["high"]) == pytest.approx(tuple(expected))


def test_all_tests_keep_their_size_and_find_what_is_large(table):
    assert table["rejected"].xs(0.0, level="effect").between(0.02, 0.08).all()
    assert (table["rejected"].xs(0.016, level="effect") > 0.9).all()
    assert (table["rejected"].unstack().diff(axis=1).iloc[:, 1:] > 0).all(axis=None)


def test_a_shared_day_fools_tests_that_take_firms_for_independent_and_a_day_for_each_does_not(setting):
    shares, market = setting
    random = np.random.default_rng(0)
    shared = shares.add(0.012 * random.normal(size=len(shares)), axis=0)
    arguments = {
        "market": market,
        "effects": (0,),
        "estimation": T,
        "draws": 300,
        "tests": ["patell", "kp_bmp"],
    }
    one = events.power(shared, **arguments)["rejected"].droplevel("effect")
    each = events.power(shared, shared_day=False, **arguments)["rejected"].droplevel("effect")
    assert one["patell"] > 0.3 and one["kp_bmp"] < 0.1
    assert each["patell"] < 0.1 and each["kp_bmp"] < 0.1


def test_draws_are_of_the_seed_and_of_the_days_allowed(setting):
    shares, market = setting
    arguments = {"market": market, "effects": (0, 0.01), "estimation": T, "draws": 30, "firms": 10}
    first, again, other = (events.power(shares, seed=seed, **arguments) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)
    busy = shares.copy()
    busy.iloc[400:900] += 0.2  # would be found at once, were these days drawn
    quiet = shares.index[1000:1400]
    found = events.power(busy, days=quiet, **arguments | {"estimation": 60})
    assert (found["rejected"].xs(0.0, level="effect") < 0.3).all()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"effects": ()}, "name at least one"),
        ({"effects": (np.nan,)}, "as fractions such as 0.01"),
        ({"firms": 99}, "returns has 25 firms"),
        ({"draws": 1}, "use 2 or more"),
        ({"level": 5}, "between 0 and 1"),
        ({"window": (1, 2)}, "leaves out day 0"),
        ({"estimation": 1600}, "none of these days has the estimation window"),
        ({"days": pd.DatetimeIndex(["2018-01-02"])}, "none of these days"),
        ({"tests": "wilcoxen"}, "no test 'wilcoxen'"),
    ],
)
def test_what_cannot_be_simulated_is_refused(setting, arguments, said):
    shares, market = setting
    with pytest.raises(DataError, match=said):
        events.power(shares, market=market, **arguments)


def test_power_on_makers_shares_avoids_the_days_of_events(known):
    shares = ["7203.T", "7267.T", "7201.T", "7270.T", "7261.T"]
    found = events.tariff_power(known, tickers=shares, effects=(0, 0.15), draws=60, tests="crude_dependence")
    assert found["rejected"].loc["crude_dependence", 0.15] > 0.9
    assert found["low"].loc["crude_dependence", 0.0] < 0.1
    assert found["draws"].between(50, 60).all()  # of some late days the index is not there yet
    with pytest.raises(DataError, match="write 'mean', 'market_adjusted', 'market', 'rolling', 'dcc'"):
        events.tariff_power(known, model="markets")
