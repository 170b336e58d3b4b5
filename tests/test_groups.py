"""Abnormal returns by group, against what R prints, scipy, statsmodels and plain re-derivations."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.oneway import anova_oneway

from tariffmodel import event_tests, events
from tariffmodel.errors import DataError
from tariffmodel.stats import groups

# R's data set `sleep` (Student 1908; Cushny and Peebles 1905) and `PlantGrowth` (Dobson 1983, table 7.1)
SLEEP = (
    np.array([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]),
    np.array([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]),
)
PLANTS = [
    np.array([4.17, 5.58, 5.18, 6.11, 4.50, 4.61, 5.17, 4.53, 5.33, 5.14]),
    np.array([4.81, 4.17, 4.41, 3.59, 5.87, 3.83, 6.03, 4.89, 4.32, 4.69]),
    np.array([6.31, 5.12, 5.54, 5.50, 5.37, 5.29, 4.92, 6.15, 5.80, 5.26]),
]


def test_welchs_t_is_what_r_prints_of_its_own_example():
    """t.test(extra ~ group, data = sleep): t = -1.8608, df = 17.776, p-value = 0.07939."""
    difference, _, found = groups.welch(*SLEEP)
    assert difference == pytest.approx(0.75 - 2.33)
    assert found.statistic == pytest.approx(-1.8608, abs=5e-5)
    assert found.df == pytest.approx(17.776, abs=5e-4)
    assert found.p_value == pytest.approx(0.07939, abs=5e-6)


def test_analyses_of_variance_and_ranks_are_what_r_prints_of_its_own_example():
    """Of PlantGrowth.

    anova: F 4.8461, p 0.01591; oneway.test: F 5.181, df 17.128, p 0.01739; kruskal.test: 7.9882, p 0.01842.
    """
    equal, unequal, rank = (
        test(PLANTS) for test in (groups.analysis_of_variance, groups.welch_anova, groups.kruskal_wallis)
    )
    assert equal.statistic == pytest.approx(4.8461, abs=5e-5) and equal[1:3] == (2, 27)
    assert equal.p_value == pytest.approx(0.01591, abs=5e-6)
    assert unequal.statistic == pytest.approx(5.181, abs=5e-4) and unequal.df == 2
    assert unequal.df_error == pytest.approx(17.128, abs=5e-4)
    assert unequal.p_value == pytest.approx(0.01739, abs=5e-6)
    assert rank.statistic == pytest.approx(7.9882, abs=5e-5)
    assert rank.p_value == pytest.approx(0.01842, abs=5e-6)


@pytest.mark.parametrize("seed", range(5))
def test_tests_of_groups_are_those_of_scipy_and_statsmodels(seed):
    random = np.random.default_rng(seed)
    drawn = [random.normal(0, s, n) for s, n in ((1.0, 5), (3.0, 9), (0.4, 7), (2.0, 3))]
    expected = stats.ttest_ind(drawn[0], drawn[1], equal_var=False)
    _, se, found = groups.welch(drawn[0], drawn[1])
    np.testing.assert_allclose(found, [expected.statistic, expected.df, expected.pvalue], rtol=1e-10)
    assert se == pytest.approx(
        abs(expected.confidence_interval(0.95).high - (drawn[0].mean() - drawn[1].mean()))
        / stats.t.ppf(0.975, expected.df)
    )
    plain, robust = stats.f_oneway(*drawn), anova_oneway(drawn, use_var="unequal")
    found = groups.analysis_of_variance(drawn)
    np.testing.assert_allclose([found.statistic, found.p_value], plain, rtol=1e-10)
    found = groups.welch_anova(drawn)
    np.testing.assert_allclose(
        [found.statistic, found.df_error, found.p_value],
        [robust.statistic, robust.df_denom, robust.pvalue],
        rtol=1e-9,
    )


def test_holm_is_that_of_statsmodels():
    p = np.random.default_rng(0).random(12) ** 3
    np.testing.assert_allclose(groups.holm(p), multipletests(p, method="holm")[1])


def test_the_portfolio_test_is_hotellings_and_of_two_groups_the_crude_dependence_t():
    random = np.random.default_rng(0)
    series, moves = random.normal(0, 0.01, (3, 60)), np.array([0.03, -0.02, 0.01])
    found = groups.portfolio_test(moves, series, 2)
    d, s = moves[1:] - moves[0], np.cov(series[1:] - series[0])
    squared = d @ np.linalg.inv(2 * s) @ d
    assert found.statistic == pytest.approx(squared * 58 / (2 * 59)) and found[1:3] == (2, 58)
    pair = groups.portfolio_test(moves[:2], series[:2], 2)
    crude = event_tests.crude_dependence(np.full(2, (moves[0] - moves[1]) / 2), series[0] - series[1])
    assert pair.statistic == pytest.approx(crude.statistic**2)
    assert pair.p_value == pytest.approx(crude.p_value)


def simulated(
    shared: float, firms: int = 12, seed: int = 0, effect: float = 0.0
) -> tuple[events.EventStudy, dict]:
    """Two homes whose firms share a shock of their home each day, `shared` of a firm's variance."""
    random = np.random.default_rng(seed)
    days = pd.bdate_range("2024-01-01", periods=141)
    home = np.repeat([0, 1], firms // 2)
    shocks = np.sqrt(shared) * random.normal(size=(141, 2))[:, home]
    moves = 0.02 * (shocks + np.sqrt(1 - shared) * random.normal(size=(141, firms)))
    moves[130:132, home == 0] += effect / 2
    names = [f"F{i}" for i in range(firms)]
    study = events.study(
        pd.DataFrame(moves, days, names), days[130], model="mean", estimation=(-120, -6), window=(-5, 5)
    )
    return study, dict(zip(names, np.array(["JP", "US"])[home], strict=True))


def test_by_group_puts_the_parts_together():
    study, home = simulated(0.0, effect=0.08)
    found = study.by_group(home, (0, 1))
    car = study.car((0, 1))["car"]
    parts = [
        car[[home[firm] == name for firm in car.index.get_level_values("firm")]] for name in ("JP", "US")
    ]
    assert found.table["caar"].to_dict() == pytest.approx({"JP": parts[0].mean(), "US": parts[1].mean()})
    row = found.pairs.loc[("JP", "US")]
    expected = stats.ttest_ind(*parts, equal_var=False)
    assert row["difference"] == pytest.approx(parts[0].mean() - parts[1].mean())
    assert row["p_value"] == pytest.approx(expected.pvalue) == found.tests.loc["welch", "p_value"]
    assert row["p_adjusted"] == pytest.approx(found.tests.loc["portfolio", "p_value"])
    assert row["difference"] == pytest.approx(0.08, abs=3 * row["se"])
    one = study.select(firms=[firm for firm in home if home[firm] == "JP"]).tests((0, 1), "kp_bmp")
    assert found.table.loc["JP", "p_value"] == pytest.approx(one.loc["kp_bmp", "p_value"])
    kinds = found.tests["adjusted"].to_dict()
    assert kinds == {"anova": False, "welch": False, "kruskal_wallis": False, "portfolio": True}
    assert found.tests.loc["welch", "note"].endswith("share the event day")


def test_only_the_adjusted_tests_keep_their_size_when_a_home_shares_its_shocks():
    """Nothing happened; half of a firm's variance is its home's: Welch takes its bad day for an effect."""
    found = [
        study.by_group(home, (0, 1)) for study, home in (simulated(0.5, seed=seed) for seed in range(120))
    ]
    rejected = {
        "welch": np.mean([one.tests.loc["welch", "p_value"] < 0.05 for one in found]),
        "portfolio": np.mean([one.tests.loc["portfolio", "p_value"] < 0.05 for one in found]),
        "pairs": np.mean([one.pairs["p_adjusted"].iloc[0] < 0.05 for one in found]),
    }
    assert rejected["welch"] > 0.35
    assert rejected["portfolio"] == rejected["pairs"] == pytest.approx(0.05, abs=0.05)


def test_groups_may_differ_by_event_and_firms_without_one_are_counted():
    study, home = simulated(0.0)
    by_event = pd.Series({("2024-07-01", firm): name for firm, name in home.items() if firm != "F0"})
    assert study.firm_events.index.levels[0][0] == "2024-07-01"
    found = study.by_group(by_event, (0, 0))
    assert found.left_out == 1 and found.table["n"].to_dict() == {"JP": 5, "US": 6}
    plain = study.by_group({firm: name for firm, name in home.items() if firm != "F0"}, (0, 0))
    pd.testing.assert_frame_equal(found.pairs, plain.pairs)


@pytest.mark.parametrize(
    ("groups_of", "said"),
    [
        ({"F0": "JP", "X": "US"}, "groups names X, not among the firm-events"),
        ({"F0": "JP", "F1": "JP"}, "1 group has firm-events; a comparison needs two"),
        ({"F0": "JP", "F1": "JP", "F7": "US"}, "group 'US' has one firm-event"),
        (pd.Series(["JP", "US"], ["F0", "F0"]), "groups names 'F0' twice"),
    ],
)
def test_groups_that_cannot_be_compared_are_refused(groups_of, said):
    study, _ = simulated(0.0)
    with pytest.raises(DataError, match=said):
        study.by_group(groups_of, (0, 0))
