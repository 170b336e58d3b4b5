"""How often do the tests reject when nothing happened, and how often when something did?

Simulated studies of one event day that all firms share: one study is one draw, estimated by the
engine and tested by the functions that `EventStudy.tests` calls. Print the table with ``-s``.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tariffmodel import event_tests as et
from tariffmodel import events

STUDIES, FEWER, FIRMS, DAYS = 800, 250, 20, 120  # FEWER: studies with an effect
NAMES = [
    name
    for name, test in et.TESTS.items()
    if test.law != "draws" and name not in ("calendar_time", "clustered")
]
ERROR = np.sqrt(0.05 * 0.95 / STUDIES)  # Monte Carlo standard error of a size of 5%


def rejections(common: float, spread: float, effect: float, studies: int) -> pd.Series:
    """Share of studies in which each test rejects at 5%.

    Residuals have variance 0.02² of which `common` is a shock that firms of a study share (so their
    correlation is `common`); on day 0 they are `spread` times as large and `effect` is added.
    """
    random = np.random.default_rng(0)
    size = (DAYS + 1, studies)
    shocks = np.sqrt(common) * random.normal(size=(*size, 1)) + np.sqrt(1 - common) * random.normal(
        size=(*size, FIRMS)
    )
    shocks[-1] *= spread
    market = random.normal(0, 0.01, DAYS + 1)
    index = pd.bdate_range("2024-01-01", periods=DAYS + 1)
    returns = 0.02 * shocks.reshape(DAYS + 1, -1) + market[:, None]
    returns[-1] += effect
    study = events.study(
        pd.DataFrame(returns, index=index),
        pd.DataFrame(
            {
                "event": np.repeat(np.arange(studies), FIRMS),
                "firm": np.arange(studies * FIRMS),
                "date": index[-1],
            }
        ),
        market=pd.Series(market, index=index),
        estimation=(-DAYS, -1),
        window=(0, 0),
    )
    beaten = np.zeros((studies, len(NAMES)))
    for number in range(studies):
        rows = slice(number * FIRMS, (number + 1) * FIRMS)
        estimates, timing = study.estimates.take(rows), study.timing.take(rows)
        correlation = et.average_correlation(estimates.residuals)
        sample = et.Sample(
            estimates, timing, slice(0, 1), 0, et.Conventions(correlation=correlation), lambda: None
        )
        beaten[number] = [et.run(name, sample).p_value < 0.05 for name in NAMES]
    return pd.Series(beaten.mean(axis=0), index=NAMES)


CASES = {
    "independent": (0.0, 1.0, 0.0),
    "common shock": (0.2, 1.0, 0.0),
    "variance × 4": (0.0, 2.0, 0.0),
    "both": (0.2, 2.0, 0.0),
    "+1%": (0.0, 1.0, 0.01),
    "+2%": (0.0, 1.0, 0.02),
    "common, +2%": (0.2, 1.0, 0.02),
}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return pd.DataFrame(
        {name: rejections(*case, STUDIES if case[2] == 0 else FEWER) for name, case in CASES.items()}
    )


@pytest.mark.slow
def test_all_tests_hold_their_size_when_firms_are_independent(table):
    size = table["independent"]
    assert (size.between(0.05 - 5 * ERROR, 0.05 + 4 * ERROR)).all(), size


@pytest.mark.slow
def test_plain_tests_reject_far_too_often_when_firms_share_a_shock(table):
    size = table["common shock"]
    assert size[["cross_sectional", "bmp", "patell", "brown_warner", "grank_z", "wilcoxon"]].min() > 0.25


@pytest.mark.slow
def test_kolari_pynnonen_holds_its_size_when_firms_share_a_shock(table):
    assert table.loc["kp_bmp", "common shock"] == pytest.approx(0.05, abs=3 * ERROR)
    assert table.loc["kp_bmp", "both"] == pytest.approx(0.05, abs=3 * ERROR)


@pytest.mark.slow
def test_adjusted_tests_hold_their_size_when_firms_share_a_shock(table):
    adjusted = [name for name in NAMES if et.TESTS[name].adjusted]
    assert table.loc[adjusted, "common shock"].between(0.05 - 5 * ERROR, 0.05 + 4 * ERROR).all()


@pytest.mark.slow
def test_only_tests_with_the_days_own_spread_survive_variance_that_the_event_adds(table):
    size = table["variance × 4"]
    assert size[["kp_bmp", "bmp", "cross_sectional", "grank_t"]].max() < 0.05 + 4 * ERROR
    assert size[["patell", "brown_warner", "crude_dependence"]].min() > 0.25


@pytest.mark.slow
def test_power_rises_with_the_effect_and_is_the_price_of_correlation(table):
    assert (table["+1%"] > table["independent"] + 0.2).all()
    assert (table["+2%"] > table["+1%"]).all()
    assert table.loc["kp_bmp", "+2%"] > 0.95
    assert table.loc["kp_bmp", "common, +2%"] < table.loc["kp_bmp", "+2%"]
    assert table.loc["kp_bmp", "common, +2%"] > 0.3
