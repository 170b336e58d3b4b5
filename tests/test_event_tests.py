"""Each test statistic against a plain re-derivation, another package, or a published table."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from statsmodels.stats.diagnostic import acorr_ljungbox, breaks_cusumolsresid
from statsmodels.stats.stattools import jarque_bera

from tariffmodel import event_tests as et
from tariffmodel import normal_returns as nr
from tariffmodel.errors import DataError

# The example that eventstudytools.com ships with its R interface (api-wrapper.r, files ar_results.csv,
# aar_results.csv and caar_results.csv): European carmakers on 24 July 2017. Printed to four decimals.
VW = np.array([[-0.0055, -0.0118, -0.0224, -0.0107, 0.0076],
               [-0.0055, 0.0024, -0.0091, -0.0019, 0.0001],
               [-0.0022, -0.0201, -0.0033, -0.0180, 0.0090]])  # fmt: skip
OTHER = np.array([[0.0020, -0.0060, -0.0243, 0.0012, -0.0076], [-0.0030, -0.0023, -0.0234, -0.0023, -0.0108]])


def test_published_cross_sectional_t_is_reproduced():
    """The table divides its printed means, rounded to four decimals, by the standard errors."""
    for block, mean, expected in (
        (VW, [-0.0044, -0.0098, -0.0116, -0.0102, 0.0056], [-4, -1.4918, -2.0518, -2.1915, 2.0267]),
        (OTHER, [-0.0005, -0.0042, -0.0238, -0.0006, -0.0092], [-0.2, -2.2703, -52.8889, -0.3429, -5.75]),
    ):
        found = np.array([et.cross_sectional_t(day).statistic for day in block.T])
        assert np.allclose(found * mean / block.mean(axis=0), expected, atol=1e-4)
    assert et.cross_sectional_t(VW.sum(axis=1)).statistic == pytest.approx(-3.5563, abs=6e-3)
    assert et.cross_sectional_t(OTHER.sum(axis=1)).statistic == pytest.approx(-10.7746, abs=6e-3)


def test_published_skewness_corrected_t_is_reproduced():
    found = [et.skewness_t(day).statistic for day in VW.T]
    assert np.allclose(found, [-0.8704, -1.1225, -3.1482, -1.9178, 0.8879], atol=1e-4)
    assert et.skewness_t(VW.sum(axis=1)).statistic == pytest.approx(-1.3731, abs=1e-4)


def test_published_generalised_sign_z_is_reproduced():
    # 0, 1 and 3 of 3 positive; the table gives no p, but its first and last entry imply p = 0.448
    p = 1 / (1 + 1.9226**2 / 3)
    found = [et.sign_test(np.repeat([1.0, -1.0], [w, 3 - w]), p).statistic for w in (0, 1, 3)]
    assert np.allclose(found, [-1.5604, -0.3994, 1.9226], atol=2e-4)


def test_published_adjustments_for_correlation_agree_with_one_correlation():
    """The table's Patell and BMP rows are divided by factors of the same r̄, by our formulas."""
    df = np.full(3, 248.0)
    scar = np.array([-0.785, -0.9, -0.6])
    r = ((0.785 / 0.7498) ** 2 - 1) / 2
    patell = et.patell(scar, df, r).statistic / et.patell(scar, df).statistic
    bmp = et.kolari_pynnonen_bmp(scar, r).statistic / et.kolari_pynnonen_bmp(scar).statistic
    assert patell == pytest.approx(0.7498 / 0.785, abs=1e-4)
    assert bmp == pytest.approx(3.2388 / 3.4752, abs=2e-4)


def test_published_multi_day_rank_z_is_the_sum_of_the_days_over_the_root_of_their_number():
    """Rank Z of five days, −1.8221 and −2.2022, from the days' own Z: S is the same for all."""
    for days, expected in (
        ([-0.9366, -1.1468, -1.6215, -1.5068, 1.1373], -1.8221),
        ([-0.2141, -0.9864, -1.9193, -0.2026, -1.6019], -2.2022),
    ):
        total = np.concatenate([[1.0, -1.0] * 50, days])
        n = np.ones(len(total))
        one = et.rank_test(total, n, slice(100, 101)).statistic
        five = et.rank_test(total, n, slice(100, 105)).statistic
        assert five / one == pytest.approx(expected / days[0], abs=2e-4)


def holes(random: np.random.Generator, values: np.ndarray, share: float = 0.1) -> np.ndarray:
    return np.where(random.random(values.shape) < share, np.nan, values)


@pytest.fixture(scope="module")
def sample() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(7)
    residuals = holes(random, random.normal(0, 0.02, (8, 60)) + random.normal(0, 0.01, 60))
    return residuals, random.normal(0.01, 0.03, 8)


def test_average_correlation_is_that_of_pandas(sample):
    residuals, _ = sample
    for block in (residuals, np.nan_to_num(residuals)):
        table = pd.DataFrame(block.T).corr().to_numpy()
        expected = table[np.triu_indices(len(block), 1)].mean()
        assert et.average_correlation(block) == pytest.approx(expected, abs=1e-12)


def test_correlation_sum_between_two_sets_is_that_of_pandas(sample):
    residuals, _ = sample
    for block in (residuals, np.nan_to_num(residuals)):
        table = pd.DataFrame(block.T).corr().to_numpy()
        assert et.correlation_sum(block[:3], block[3:]) == pytest.approx(table[:3, 3:].sum(), abs=1e-11)


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(
        float,
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=9),
        elements=st.sampled_from([-2.0, 0.0, 1.0, 3.0, np.nan]),
    )
)
def test_ranks_are_those_of_scipy_with_ties_and_missing_days(values):
    assert np.array_equal(et.ranks(values), stats.rankdata(values, axis=1, nan_policy="omit"), equal_nan=True)


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(
        float,
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=9),
        elements=st.sampled_from([-2.0, 0.0, 1.0, 3.0, np.nan]),
    )
)
def test_rank_days_add_up_ranks_and_signs_of_each_firm(values):
    table = et.rank_days(values)
    scaled, sign, rank = np.zeros((3, values.shape[1]))
    for row in values:
        here = np.isfinite(row)
        if here.any():
            k = stats.rankdata(row[here])
            scaled[here] += k / (1 + here.sum()) - 0.5
            rank[here] += k - k.mean()
            sign[here] += np.sign(row[here] - np.median(row[here]))
    assert (
        np.allclose(table.scaled, scaled) and np.allclose(table.sign, sign) and np.allclose(table.rank, rank)
    )
    assert np.array_equal(table.n, np.isfinite(values).sum(axis=0))


def test_rank_tests_follow_the_papers(sample):
    residuals, _ = sample
    table, window = et.rank_days(residuals), slice(55, 58)
    at = range(55, 58)
    root = [table.scaled[t] / np.sqrt(table.n[t]) for t in range(60)]
    s = np.sqrt(sum(v**2 for v in root) / 60)
    assert et.rank_test(table.scaled, table.n, window).statistic == pytest.approx(
        sum(root[t] for t in at) / s / np.sqrt(3), abs=1e-12
    )
    mean = [table.scaled[t] / table.n[t] for t in range(60)]
    s = np.sqrt(sum(n / table.n.max() * v**2 for n, v in zip(table.n, mean, strict=True)) / 60)
    found = et.rank_test(table.scaled, table.n, window, missing="kolari-pynnonen")
    assert found.statistic == pytest.approx(sum(mean[t] for t in at) / s / np.sqrt(3), abs=1e-12)
    s = np.sqrt(sum((r / n) ** 2 for r, n in zip(table.rank, table.n, strict=True)) / 60)
    found = et.rank_test(table.rank, table.n, window, missing="mean")
    assert found.statistic == pytest.approx(sum(table.rank[t] / table.n[t] for t in at) / s / np.sqrt(3))


def test_rank_conventions_agree_when_no_day_is_missing(sample):
    table = et.rank_days(np.nan_to_num(sample[0]) + 1e-9 * np.arange(60))
    found = {
        et.rank_test(table.scaled, table.n, slice(59, 60), missing=how).statistic.__round__(10)
        for how in ("corrado-zivney", "kolari-pynnonen", "mean")
    } | {round(et.rank_test(table.rank, table.n, slice(59, 60), missing="mean").statistic, 10)}
    assert len(found) == 1


def test_generalised_rank_follows_the_paper(sample):
    residuals, scar = sample
    n, days = residuals.shape
    points = np.column_stack([residuals, scar / scar.std(ddof=1)])
    u = np.full(points.shape, np.nan)
    for i, row in enumerate(points):
        here = np.isfinite(row)
        u[i, here] = stats.rankdata(row[here]) / (here.sum() + 1) - 0.5
    mean, n_t = np.nanmean(u, axis=0), np.isfinite(u).sum(axis=0)
    z = mean[-1] / np.sqrt((n_t / n * mean**2).mean())
    t, uniform = et.generalised_rank(scar, residuals)
    total = days + 1
    assert t.statistic == pytest.approx(z * np.sqrt((total - 2) / (total - 1 - z**2)), abs=1e-12)
    assert t.df == total - 2
    m = np.isfinite(residuals).sum(axis=1) + 1
    variance = sum((mi - 1) / (12 * (mi + 1)) for mi in m) / n**2
    assert uniform.statistic == pytest.approx(mean[-1] / np.sqrt(variance), abs=1e-12)


def test_cross_sectional_and_wilcoxon_are_those_of_scipy(sample):
    _, car = sample
    expected = stats.ttest_1samp(car, 0)
    assert et.cross_sectional_t(car) == pytest.approx((expected.statistic, 7, expected.pvalue))
    assert et.wilcoxon(car).p_value == pytest.approx(stats.wilcoxon(car, method="exact").pvalue)
    many = np.round(np.random.default_rng(1).normal(0.1, 1, 80), 1)
    expected = stats.wilcoxon(many, method="approx")
    assert et.wilcoxon(many).p_value == pytest.approx(expected.pvalue)
    assert abs(et.wilcoxon(many).statistic) == pytest.approx(abs(expected.zstatistic))


def test_clustered_t_is_that_of_statsmodels():
    random = np.random.default_rng(3)
    car, cluster = random.normal(0.5, 1, 40), np.repeat(np.arange(8), 5)
    fit = sm.OLS(car, np.ones(40)).fit(
        cov_type="cluster", cov_kwds={"groups": cluster, "use_correction": False}
    )
    expected = fit.tvalues[0] * np.sqrt(7 / 8)  # statsmodels without, ours with G/(G − 1)
    assert et.clustered_t(car, cluster).statistic == pytest.approx(expected, abs=1e-12)


def test_patell_and_brown_warner_follow_their_formulas(sample):
    _, scar = sample
    df = np.arange(50.0, 58.0)
    expected = sum(scar) / np.sqrt(sum(v / (v - 2) for v in df))
    assert et.patell(scar, df).statistic == pytest.approx(expected, abs=1e-14)
    expected /= np.sqrt(1 + 7 * 0.2)
    assert et.patell(scar, df, 0.2).statistic == pytest.approx(expected, abs=1e-14)
    sigma, length = np.linspace(0.01, 0.03, 8), np.arange(1, 9)
    expected = scar.mean() / (np.sqrt(sum(n * s**2 for n, s in zip(length, sigma, strict=True))) / 8)
    assert et.brown_warner(scar, length, sigma, df).statistic == pytest.approx(expected, abs=1e-12)


def test_crude_dependence_is_the_portfolio_over_its_own_past():
    average, series = np.array([0.01, -0.02, 0.03]), np.random.default_rng(0).normal(0, 0.01, 120)
    expected = average.sum() / (np.sqrt(3) * series.std(ddof=1))
    found = et.crude_dependence(average, series)
    assert found.statistic == pytest.approx(expected) and found.df == 119


def test_lamb_divides_each_day_by_its_prediction_error():
    average, series = np.array([0.01, -0.02]), np.random.default_rng(0).normal(0, 0.01, 120)
    error = np.array([0.01, 0.3])
    expected = (0.01 / np.sqrt(1.01) - 0.02 / np.sqrt(1.3)) / (np.sqrt(2) * series.std(ddof=1))
    assert et.lamb(average, error, series).statistic == pytest.approx(expected, rel=1e-12)
    assert et.lamb(average, 0 * error, series) == et.crude_dependence(average, series)


@settings(max_examples=80, deadline=None)
@given(
    hnp.arrays(int, st.integers(4, 30), elements=st.integers(-300, 300)),  # no underflow: 0 is 0 when scaled
    st.floats(0.01, 100),
    st.floats(0, 0.9),
)
def test_scale_of_returns_leaves_t_alone(scar, scale, r):
    for test in (et.cross_sectional_t, et.skewness_t, et.wilcoxon, lambda x: et.kolari_pynnonen_bmp(x, r)):
        one, two = test(scar), test(scar * scale)
        if np.isfinite(one.statistic) and scar.std() > 1e-3:
            assert two == pytest.approx(one, rel=1e-6, abs=1e-8)


@settings(max_examples=80, deadline=None)
@given(hnp.arrays(float, st.integers(3, 30), elements=st.floats(-3, 3)), st.floats(0, 0.9))
def test_correlation_never_makes_a_test_more_significant(scar, r):
    df = np.full(len(scar), 200.0)
    assert abs(et.patell(scar, df, r).statistic) <= abs(et.patell(scar, df).statistic) + 1e-12
    adjusted, plain = et.kolari_pynnonen_bmp(scar, r).statistic, et.kolari_pynnonen_bmp(scar).statistic
    assert np.isnan(plain) or abs(adjusted) <= abs(plain) * (1 + 1e-12)


def test_wild_bootstrap_of_few_clusters_enumerates_all_signs():
    car, cluster = np.array([0.9, 0.4, 0.7, -0.2, 0.5, 1.1, 0.3]), np.array([0, 0, 1, 2, 2, 3, 4])

    def t(values):
        return et.clustered_t(values, cluster).statistic

    draws = [abs(t(car * np.array(w)[cluster])) for w in product([-1, 1], repeat=5)]
    found = et.wild_bootstrap(car, cluster)
    assert found.statistic == pytest.approx(t(car))
    assert found.p_value == pytest.approx(np.mean(np.array(draws) >= abs(t(car)) * (1 - 1e-9)))


def test_wild_bootstrap_of_many_firms_agrees_with_t():
    car = np.random.default_rng(5).normal(0.25, 1, 60)
    found = et.wild_bootstrap(car, np.arange(60), draws=9999)
    assert found.p_value == pytest.approx(et.cross_sectional_t(car).p_value, abs=0.015)


def test_stationary_bootstrap_of_white_noise_agrees_with_crude_dependence():
    series, average = np.random.default_rng(2).normal(0, 0.01, 240), np.full(3, 0.012)
    found = et.stationary_bootstrap(average, series, draws=9999, block=1.0)
    plain = et.crude_dependence(average, series)
    assert found.statistic == pytest.approx(plain.statistic, rel=0.05)
    assert found.p_value == pytest.approx(plain.p_value, abs=0.01)


def test_resampled_sums_keep_runs_of_days():
    series = np.tile([1.0, -1.0], 50)
    assert np.abs(et.resampled_sums(series, 10, 500, 0, block=1e9)).max() < 1e-12  # one block: alternating
    assert np.abs(et.resampled_sums(series, 10, 500, 0, block=1.0)).max() > 3


def test_calendar_time_gives_one_return_a_day():
    ar = np.array([[0.01, 0.03], [0.03, 0.05]])
    day = np.array([[7, 8], [8, 9]])
    expected = stats.ttest_1samp([0.01, 0.03, 0.05], 0)
    assert et.calendar_time_t(ar, day) == pytest.approx((expected.statistic, 2, expected.pvalue))


def test_abnormal_volatility_is_one_without_an_event_and_four_when_spread_doubles():
    random = np.random.default_rng(4)
    sigma = random.uniform(0.01, 0.03, (400, 1))
    ar = sigma * random.normal(size=(400, 6)) * np.array([1, 1, 1, 2, 2, 2])
    ratio, test = et.abnormal_volatility(ar, np.broadcast_to(sigma**2, ar.shape))
    assert np.allclose(ratio, [1, 1, 1, 4, 4, 4], rtol=0.3) and test.df == 399 * 6 and test.p_value < 1e-9


def test_romano_wolf_of_one_hypothesis_is_its_own_p_and_never_falls_below():
    random = np.random.default_rng(6)
    null, found = random.normal(size=(4999, 4)), np.array([0.3, -3.2, 1.0, 2.4])
    single = np.array([et.romano_wolf(found[[j]], null[:, [j]])[0] for j in range(4)])
    assert np.allclose(single, 2 * stats.norm.sf(np.abs(found)), atol=0.02)
    adjusted = et.romano_wolf(found, null)
    assert (adjusted >= single).all()
    assert (np.diff(adjusted[np.argsort(-np.abs(found))]) >= 0).all()
    independent = 1 - (1 - single[1]) ** 4  # Šidák for the largest of four
    assert adjusted[1] == pytest.approx(independent, abs=0.01)


def test_diagnostics_are_those_of_statsmodels():
    random = np.random.default_rng(8)
    e = random.standard_t(5, 200) * 0.02
    e -= e.mean()
    found = {name: p[0] for name, p in nr.diagnostics(e[None]).items()}
    assert found["jarque_bera_p"] == pytest.approx(jarque_bera(e)[1], abs=1e-10)
    assert found["ljung_box_p"] == pytest.approx(acorr_ljungbox(e, [5])["lb_pvalue"].iloc[0], abs=1e-10)
    lags = np.column_stack([e[5 - lag : -lag] ** 2 for lag in range(1, 6)])
    fit = sm.OLS(e[5:] ** 2, sm.add_constant(lags)).fit()
    assert found["arch_lm_p"] == pytest.approx(stats.chi2.sf(fit.nobs * fit.rsquared, 5), abs=1e-10)
    assert found["cusum_p"] == pytest.approx(breaks_cusumolsresid(e)[1], abs=1e-10)


def test_undefined_statistics_are_nan_and_not_zero():
    one = np.array([0.02])
    for test in (et.cross_sectional_t, et.skewness_t, et.kolari_pynnonen_bmp):
        assert np.isnan(test(one).statistic) and np.isnan(test(one).p_value)
    assert np.isnan(et.clustered_t(np.array([0.1, 0.2]), np.array([0, 0])).p_value)
    assert np.isnan(et.wild_bootstrap(np.array([0.1, 0.2]), np.array([0, 0])).p_value)
    assert np.isnan(et.kolari_pynnonen_bmp(np.array([1.0, 2.0, 4.0]), -0.5).statistic)  # shocks cancel out
    assert np.isnan(et.wilcoxon(np.zeros(3)).p_value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"car_variance": "long"}, "car_variance 'long': write one of 'full', 'simple', 'sar'"),
        ({"correlation": 1.0}, "lies between -1 and 1"),
        ({"correlation": "dates"}, "write one of 'calendar', 'relative'"),
        ({"draws": 0}, "use at least 1"),
        ({"divisor": "T"}, "no convention divisor; there are prediction_error"),
    ],
)
def test_unknown_conventions_are_named(change, message):
    with pytest.raises(DataError, match=message):
        et.conventions(change)


def test_unknown_tests_are_named():
    with pytest.raises(DataError, match="no test 'kp'; there are kp_bmp"):
        et.chosen(["patell", "kp"])
