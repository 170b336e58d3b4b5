"""How fast are rolling betas beside statsmodels, and a table of all makers? Printed, never asserted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from statsmodels.regression.rolling import RollingOLS

from tariffmodel import facts, sensitivity

DAYS, SERIES, WINDOW = 2_500, 500, 250


@pytest.fixture(scope="module")
def known():
    return facts.load()


@pytest.fixture(scope="module")
def panel():
    """Two factors and 500 series, 3% of all values missing."""
    rng = np.random.default_rng(0)
    days = pd.bdate_range("2016-01-04", periods=DAYS)
    x = pd.DataFrame(rng.normal(size=(DAYS, 2)) * 0.01, days, ["fx", "market"])
    y = x.to_numpy() @ rng.normal(size=(2, SERIES)) + 0.01 * rng.normal(size=(DAYS, SERIES))
    y = pd.DataFrame(y, days).mask(rng.random((DAYS, SERIES)) < 0.03)
    return y, x.mask(rng.random(x.shape) < 0.03)


def test_rolling_500_series(benchmark, panel):
    got = benchmark.pedantic(sensitivity.rolling, args=panel, kwargs={"window": WINDOW}, rounds=3)
    assert got.beta.shape == (DAYS, SERIES * 3)


def test_statsmodels_rolling_5_series(benchmark, panel):
    """A hundredth of the work above: multiply by 100 to compare."""
    y, x = panel
    design = sm.add_constant(x)

    def each():
        return [RollingOLS(y[name], design, window=WINDOW, min_nobs=200).fit().params for name in range(5)]

    assert len(benchmark.pedantic(each, rounds=2)) == 5


def test_table_of_all_makers(benchmark, known):
    assert len(benchmark(sensitivity.table, known)) == 20


def test_breaks_of_all_makers(benchmark, known):
    """Known-day change and sup-Wald test, weekly, 17 makers with prices."""
    assert len(benchmark.pedantic(sensitivity.breaks, args=(known,), rounds=3)) == 20


def test_kalman_of_one_maker(benchmark, known):
    """Daily: about 850 rows, two drifting coefficients, variances by maximum likelihood."""
    data = sensitivity.sample(known, "Toyota", horizon=1)
    path = benchmark.pedantic(sensitivity.kalman, args=(data["share"], data[["fx", "market"]]), rounds=3)
    assert path.n > 800
