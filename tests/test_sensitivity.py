"""Betas against other packages, naive loops and simulated truths; their sign, above all."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tariffmodel import market, sensitivity
from tariffmodel.errors import DataError
from tariffmodel.stats import paths

DAYS = pd.bdate_range("2022-01-03", periods=900)


def simulated(n=400, betas=(0.6, 1.2), seed=0, noise=0.01, gaps=0.0):
    """Returns on two correlated factors, `betas` constant or (n, 2), and the dates they fall on."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2)) * [0.006, 0.01]
    x[:, 1] += 0.4 * x[:, 0]
    y = 0.0003 + (x * np.asarray(betas)).sum(axis=1) + noise * rng.standard_t(6, size=n) / np.sqrt(1.5)
    y[rng.random(n) < gaps] = np.nan
    x[rng.random(n) < gaps, 1] = np.nan
    return pd.Series(y, DAYS[:n], name="share"), pd.DataFrame(x, DAYS[:n], ["fx", "market"])


def with_const(factors):
    return np.column_stack([np.ones(len(factors)), factors])


# ---------------------------------------------------------------------------------------- regress


@pytest.mark.parametrize("lags", [0, 3, 12])
def test_newey_west_equals_statsmodels(lags):
    import statsmodels.api as sm

    y, x = simulated(gaps=0.05)
    mine = sensitivity.regress(y, x, hac_lags=lags)
    rows = pd.concat([y, x], axis=1).dropna()
    theirs = sm.OLS(rows["share"], sm.add_constant(rows[["fx", "market"]])).fit(
        cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": True}, use_t=True
    )
    np.testing.assert_allclose(mine.params, theirs.params, rtol=0, atol=1e-10)
    np.testing.assert_allclose(mine.covariance, theirs.cov_params(), rtol=1e-10, atol=1e-14)
    table = mine.table(0.9)
    np.testing.assert_allclose(table["p"], theirs.pvalues, rtol=1e-9)
    np.testing.assert_allclose(table[["low", "high"]], theirs.conf_int(0.1), rtol=1e-9)
    assert mine.r_squared == pytest.approx(theirs.rsquared, abs=1e-12)
    assert (mine.n, mine.df) == (len(rows), len(rows) - 3)


def test_newey_west_equals_its_definition_in_a_loop():
    y, x = simulated(120)
    lags = 4
    mine = sensitivity.regress(y, x, hac_lags=lags)
    z = with_const(x)
    e = y.to_numpy() - z @ mine.params
    middle = np.zeros((3, 3))
    for t in range(120):
        for s in range(120):
            weight = max(0.0, 1 - abs(t - s) / (lags + 1))
            middle += weight * e[t] * e[s] * np.outer(z[t], z[s])
    bread = np.linalg.inv(z.T @ z)
    np.testing.assert_allclose(mine.covariance, 120 / 117 * bread @ middle @ bread, rtol=1e-9)


@pytest.mark.parametrize(("n", "horizon", "lags"), [(100, 1, 4), (900, 1, 6), (900, 10, 10), (176, 1, 4)])
def test_lag_rule_never_falls_below_the_overlap(n, horizon, lags):
    y, x = simulated(n)
    assert sensitivity.regress(y, x, horizon=horizon).errors == f"Newey-West, {lags} lags"


@settings(max_examples=30, deadline=None)
@given(scale=st.floats(0.01, 100), shift=st.floats(-0.1, 0.1), seed=st.integers(0, 50))
def test_scale_moves_beta_and_shift_does_not(scale, shift, seed):
    y, x = simulated(80, seed=seed)
    one, two = sensitivity.regress(y, x).table(), sensitivity.regress(scale * y + shift, x).table()
    slopes = ["fx", "market"]
    np.testing.assert_allclose(two.loc[slopes, "value"], scale * one.loc[slopes, "value"], rtol=1e-7)
    np.testing.assert_allclose(two.loc[slopes, "t"], one.loc[slopes, "t"], rtol=1e-6)


def test_dimson_sum_has_the_error_of_the_sum():
    y, x = simulated(gaps=0.02)
    x = x.assign(fx_lag1=x["fx"].shift(1), fx_lead1=x["fx"].shift(-1))
    fit = sensitivity.regress(y, x)
    weights = np.array([0, 1, 0, 1, 1])
    total = fit.total("fx")
    assert total["value"] == pytest.approx(weights @ fit.params)
    assert total["standard_error"] == pytest.approx(np.sqrt(weights @ fit.covariance @ weights))
    assert fit.total("market").to_dict() == fit.table().loc["market"].to_dict()


def test_lag_recovers_the_beta_of_a_share_that_closes_before_the_fixing():
    """A quarter of the day's currency move comes before the close; the rest meets tomorrow's return."""
    rng = np.random.default_rng(1)
    early, late = rng.normal(size=(2, 5000)) * 0.006 * np.sqrt([[0.25], [0.75]])
    days = pd.bdate_range("2000-01-03", periods=5000)
    fx = pd.Series(early + late, days)
    share = pd.Series(0.8 * (early + np.r_[0, late[:-1]]) + rng.normal(size=5000) * 0.01, days)
    plain = sensitivity.regress(share, pd.DataFrame({"fx": fx})).total("fx")
    lagged = sensitivity.regress(share, pd.DataFrame({"fx": fx, "fx_lag1": fx.shift(1)})).total("fx")
    assert plain["value"] == pytest.approx(0.2, abs=0.06)
    assert lagged["low"] < 0.8 < lagged["high"]
    assert plain["high"] < 0.8


def test_market_left_out_equals_market_orthogonalised_on_the_currency():
    y, x = simulated()
    gamma = sensitivity.regress(x["market"], x[["fx"]])
    orthogonal = x.assign(market=gamma.residuals)
    total = sensitivity.regress(y, x[["fx"]]).params["fx"]
    residual = sensitivity.regress(y, x).params
    assert sensitivity.regress(y, orthogonal).params["fx"] == pytest.approx(total, abs=1e-12)
    assert total == pytest.approx(residual["fx"] + residual["market"] * gamma.params["fx"], abs=1e-12)


def spoilt(y, x, **changes):
    return lambda: sensitivity.regress(changes.get("y", y), changes.get("x", x), **changes.get("more", {}))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda y, x: (y, x.set_axis(x.index + pd.Timedelta(days=9999))), "no date has both returns and all"),
        (lambda y, x: (y * 0 + 0.01, x), "returns are 0.01 on all 400 dates"),
        (lambda y, x: (y, x.assign(fx=1.0)), "fx is constant"),
        (lambda y, x: (y, x.assign(copy=x["fx"] - 2 * x["market"])), "copy is constant or a combination"),
        (lambda y, x: (y.iloc[:3], x), "3 complete rows for 3 coefficients"),
        (lambda y, x: (pd.concat([y, y.iloc[:1]]), x), "returns has 2022-01-03 00:00:00 twice"),
        (lambda y, x: (y, x.iloc[::-1]), "dates of factors are not in order"),
        (lambda y, x: (y.where(y.index != y.index[7], -np.inf), x), "infinite value on 2022-01-12"),
        (lambda y, x: (y, x[[]]), "no factors; name at least one"),
    ],
)
@pytest.mark.parametrize("estimate", [sensitivity.regress, sensitivity.kalman, sensitivity.unknown_break])
def test_what_cannot_be_estimated_is_refused(estimate, spoil, message):
    y, x = spoil(*simulated())
    with pytest.raises(DataError, match=message):
        estimate(y, x)


def test_impossible_lags_and_unknown_regressors_are_refused():
    y, x = simulated()
    with pytest.raises(DataError, match="hac_lags is 400 with 400 rows; use a number from 0 to 399"):
        sensitivity.regress(y, x, hac_lags=400)
    with pytest.raises(DataError, match="'yen' is not a regressor; choose from const, fx, market"):
        sensitivity.regress(y, x).total("yen")


# ---------------------------------------------------------------------------------------- rolling


def many(series=7, n=300, gaps=0.04, seed=3):
    rng = np.random.default_rng(seed)
    _, x = simulated(n, seed=seed, gaps=gaps)
    beta = rng.normal(size=(2, series))
    y = x.fillna(0).to_numpy() @ beta + 0.01 * rng.normal(size=(n, series))
    y[rng.random((n, series)) < gaps] = np.nan
    return pd.DataFrame(y, x.index, [f"s{i}" for i in range(series)]), x


def test_rolling_equals_statsmodels_window_by_window(monkeypatch):
    import statsmodels.api as sm
    from statsmodels.regression.rolling import RollingOLS

    monkeypatch.setattr(paths, "_BLOCK", 3)
    y, x = many()
    mine = sensitivity.rolling(y, x, window=60, min_obs=50)
    for name in y:
        theirs = RollingOLS(y[name], sm.add_constant(x), window=60, min_nobs=50).fit()
        np.testing.assert_allclose(mine.beta[name], theirs.params, rtol=0, atol=1e-8)
        np.testing.assert_allclose(mine.standard_error[name], theirs.bse, rtol=1e-8)


def test_rolling_equals_a_loop_of_least_squares():
    y, x = many(series=2, n=200, gaps=0.06)
    mine = sensitivity.rolling(y, x, window=40, min_obs=33)
    empty = 0
    for name in y:
        for end in range(40, 201):
            rows = pd.concat([y[name], x], axis=1).iloc[end - 40 : end].dropna()
            got = mine.beta[name].iloc[end - 1]
            assert mine.n[name].iloc[end - 1] == len(rows)
            if len(rows) < 33:
                empty += 1
                assert got.isna().all()
                continue
            beta = np.linalg.lstsq(with_const(rows[["fx", "market"]]), rows[name], rcond=None)[0]
            np.testing.assert_allclose(got, beta, rtol=0, atol=1e-9)
    assert 0 < empty < 250
    assert mine.beta.iloc[:39].isna().all(axis=None)


def test_an_enormous_past_leaves_no_trace_in_later_windows():
    y, x = many(gaps=0.0)
    shocked = x.copy()
    shocked.iloc[100] = [1e3, -1e3]
    clean, after = sensitivity.rolling(y, x, window=50), sensitivity.rolling(y, shocked, window=50)
    np.testing.assert_allclose(clean.beta.iloc[160:], after.beta.iloc[160:], rtol=1e-9, atol=1e-9)


def test_a_window_without_movement_in_a_factor_is_empty():
    y, x = many(series=2, gaps=0.0)
    x.iloc[100:170, 0] = 0.002
    got = sensitivity.rolling(y, x, window=50).beta
    assert got.iloc[149:170].isna().all(axis=None)
    assert got.iloc[175:].notna().all(axis=None)


def test_rolling_default_needs_four_fifths_of_the_window():
    y, x = many(series=1, gaps=0.0)
    y.iloc[100:111] = np.nan
    n = sensitivity.rolling(y, x, window=50)
    assert (n.beta.notna().all(axis=1) == (n.n["s0"] >= 40)).all()
    assert n.n["s0"].iloc[120] == 39


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"window": 301}, "window of 301 rows is longer than the data, 300 rows"),
        ({"window": 50, "min_obs": 3}, "min_obs is 3; with 2 factors and this window use 4 to 50"),
        ({"window": 50, "min_obs": 51}, "min_obs is 51"),
        ({"window": 3}, "window of 3 rows is too short for 2 factors; use 4 or more"),
    ],
)
def test_impossible_windows_are_refused(more, message):
    with pytest.raises(DataError, match=message):
        sensitivity.rolling(*many(), **more)


def test_rolling_refuses_constant_and_singular_input():
    y, x = many()
    with pytest.raises(DataError, match="returns of s1 never change"):
        sensitivity.rolling(y.assign(s1=0.0), x)
    with pytest.raises(DataError, match="again is constant or a combination"):
        sensitivity.rolling(y, x.assign(again=x["fx"]))
    with pytest.raises(DataError, match="dates of returns are not in order"):
        sensitivity.rolling(y[::-1], x)
    with pytest.raises(DataError, match="no date has both"):
        sensitivity.rolling(y, x.set_axis(x.index + pd.Timedelta(days=9999)))


# ----------------------------------------------------------------------------------------- kalman


def test_smoothed_path_equals_penalised_least_squares():
    """Given the variances, the smoother solves one large weighted least-squares problem."""
    betas = np.array([0.5, 1.0]) + np.cumsum(np.random.default_rng(5).normal(size=(90, 2)) * 0.08, axis=0)
    y, x = simulated(90, betas=betas, noise=0.004)
    y.iloc[[20, 21, 50]] = np.nan
    path = sensitivity.kalman(y, x)
    n = len(y)
    precision, right = np.zeros((1 + 2 * n, 1 + 2 * n)), np.zeros(1 + 2 * n)
    for t in range(n):
        if np.isnan(y.iloc[t]):
            continue
        row = np.zeros(1 + 2 * n)
        row[0], row[1 + 2 * t : 3 + 2 * t] = 1, x.iloc[t]
        precision += np.outer(row, row) / path.noise**2
        right += row * y.iloc[t] / path.noise**2
    for t in range(1, n):
        for j in range(2):
            row = np.zeros(1 + 2 * n)
            row[1 + 2 * t + j], row[1 + 2 * (t - 1) + j] = 1, -1
            precision += np.outer(row, row) / path.step.iloc[j] ** 2
    covariance = np.linalg.inv(precision)
    mean, spread = covariance @ right, np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(path.smoothed["const"], mean[0], atol=1e-8)
    np.testing.assert_allclose(path.smoothed[["fx", "market"]], mean[1:].reshape(n, 2), atol=1e-6)
    np.testing.assert_allclose(path.standard_error[["fx", "market"]], spread[1:].reshape(n, 2), atol=1e-6)


def test_kalman_follows_a_beta_that_drifts_within_its_band():
    t = np.linspace(0, 1, 700)
    betas = np.column_stack([0.9 - 1.4 * t, 1 + 0.5 * np.sin(6 * t)])
    y, x = simulated(700, betas=betas, noise=0.006)
    path = sensitivity.kalman(y, x)
    low, high = path.band(0.95)
    inside = (low[["fx", "market"]] <= betas) & (betas <= high[["fx", "market"]])
    assert inside.mean().min() > 0.85
    assert path.smoothed["fx"].iloc[0] > 0.5 and path.smoothed["fx"].iloc[-1] < 0
    assert path.n == 700


def test_kalman_finds_no_drift_where_there_is_none():
    y, x = simulated(600)
    path = sensitivity.kalman(y, x)
    constant = sensitivity.regress(y, x).params
    assert np.ptp(path.smoothed["fx"]) < 0.5
    np.testing.assert_allclose(path.smoothed.mean(), constant, atol=0.1)


def test_kalman_without_a_constant_gives_the_published_variances_of_the_nile():
    """Durbin and Koopman (2012, section 2.10): 15,099 and 1,469; the level's variance at the end, 4,032."""
    import statsmodels.api as sm

    flow = sm.datasets.nile.load_pandas().data
    years = pd.to_datetime(flow["year"].astype(int).astype(str))
    level = pd.DataFrame({"level": 1.0}, years)
    path = sensitivity.kalman(pd.Series(flow["volume"].to_numpy(), years), level, constant=False)
    assert (round(path.noise**2), round(path.step["level"] ** 2)) == (15_099, 1_469)
    assert round(path.standard_error["level"].iloc[-1] ** 2) == 4_032
    assert list(path.smoothed) == ["level"] and path.n == 100


def test_a_constant_factor_is_refused_beside_the_constant_and_a_zero_one_always():
    y, x = simulated()
    with pytest.raises(DataError, match="level is constant"):
        sensitivity.kalman(y, x.assign(level=1.0))
    with pytest.raises(DataError, match="nothing is constant"):
        sensitivity.kalman(y, x.assign(nothing=0.0), constant=False)


def test_kalman_likelihood_does_not_depend_on_units():
    y, x = simulated(200)
    one, two = sensitivity.kalman(y, x), sensitivity.kalman(100 * y, 100 * x)
    np.testing.assert_allclose(two.smoothed["fx"], one.smoothed["fx"], atol=1e-4)
    assert two.log_likelihood == pytest.approx(one.log_likelihood - 200 * np.log(100), abs=0.05)


# ----------------------------------------------------------------------------------------- breaks


def broken(n=400, at=250, jump=0.9, seed=2):
    betas = np.tile([0.6, 1.2], (n, 1))
    betas[at:, 0] += jump
    return simulated(n, betas=betas, seed=seed)


def test_regimes_equal_two_separate_regressions():
    y, x = broken()
    got = sensitivity.regimes(y, x, DAYS[250].date())
    table = got.table()
    before, after = (sensitivity.regress(y[rows], x) for rows in (slice(0, 250), slice(250, 400)))
    np.testing.assert_allclose(table["before"], before.params, atol=1e-12)
    np.testing.assert_allclose(table["after"], after.params, atol=1e-12)
    assert (got.n_before, got.n_after) == (250, 150)
    free = (before.residuals**2).sum() + (after.residuals**2).sum()
    pooled = (sensitivity.regress(y, x).residuals ** 2).sum()
    assert got.chow == pytest.approx((pooled - free) / 3 / (free / 394))
    assert table.loc["fx", "low"] < 0.9 < table.loc["fx", "high"]
    assert table.loc["fx", "p"] < 0.01 < table.loc["market", "p"]


def test_wald_equals_statsmodels():
    import statsmodels.api as sm

    y, x = broken()
    got = sensitivity.regimes(y, x, DAYS[250].date(), hac_lags=5)
    z = with_const(x)
    later = (np.arange(400) >= 250)[:, None]
    fit = sm.OLS(y.to_numpy(), np.hstack([z, z * later])).fit(
        cov_type="HAC", cov_kwds={"maxlags": 5, "use_correction": True}
    )
    test = fit.wald_test(np.eye(6)[3:], use_f=False, scalar=True)
    assert got.wald == pytest.approx(float(test.statistic), rel=1e-8)
    assert got.wald_p == pytest.approx(float(test.pvalue), rel=1e-6)


def test_change_of_a_dimson_sum_is_one_number():
    y, x = broken()
    x = x.assign(fx_lag1=x["fx"].shift(1)).iloc[1:]
    fit = sensitivity.regimes(y, x, DAYS[250].date()).fit
    names = ["change:fx", "change:fx_lag1"]
    total = fit.total("change:fx")
    assert total["value"] == pytest.approx(fit.params[names].sum())
    assert total["standard_error"] == pytest.approx(np.sqrt(fit.covariance.loc[names, names].sum(axis=None)))


def test_wald_path_equals_a_loop_over_known_days():
    y, x = broken(100, at=60)
    got = sensitivity.unknown_break(y, x, hac_lags=3)
    for day, wald in got.wald.items():
        assert wald == pytest.approx(sensitivity.regimes(y, x, day.date(), hac_lags=3).wald, rel=1e-8)
    assert len(got.wald) == 100 - 2 * 15 + 1
    alone = sensitivity.unknown_break(y, x, tested=["fx"], hac_lags=3)
    for day in alone.wald.index[::9]:
        t = sensitivity.regimes(y, x, day.date(), hac_lags=3).fit.total("change:fx")["t"]
        assert alone.wald[day] == pytest.approx(t**2, rel=1e-8)


def test_sup_wald_dates_the_break():
    y, x = broken(jump=1.5)
    got = sensitivity.unknown_break(y, x, tested=["fx"])
    assert abs(got.wald.index.get_loc(got.day) + 60 - 250) <= 15
    assert got.p < 0.001
    assert got.sup_wald == got.wald[got.day]


def test_nile_falls_in_1899():
    """Volume at Aswan (Cobb 1978): the level drops when the dam is begun; our day is the first after."""
    from statsmodels.datasets import nile

    volume = nile.load_pandas().data["volume"]
    index = pd.to_datetime([f"{year}-01-01" for year in range(1871, 1971)])
    y = pd.Series(volume.to_numpy(), index)
    x = pd.DataFrame({"noise": np.random.default_rng(0).normal(size=100)}, index)
    got = sensitivity.unknown_break(y, x, tested=["const"])
    assert got.day.year == 1899
    assert max(got.p, got.cusum_p) < 1e-3


@pytest.mark.parametrize(
    ("q", "level", "critical"),
    [
        (1, 0.10, 7.12), (1, 0.05, 8.68), (1, 0.01, 12.16),
        (2, 0.10, 10.00), (2, 0.05, 11.72), (2, 0.01, 15.56),
        (3, 0.10, 12.28), (3, 0.05, 14.13), (3, 0.01, 18.07),
    ],
)  # fmt: skip
def test_sup_wald_p_at_published_critical_values(q, level, critical):
    """Andrews (2003, table 1), trimming 15%, as in Stock and Watson's table of QLR values."""
    assert sensitivity.sup_wald_p(critical, q) == pytest.approx(level, rel=0.12)


@given(x=st.floats(0, 60), step=st.floats(0, 5), q=st.integers(1, 8), trim=st.floats(0.05, 0.3))
def test_sup_wald_p_falls_with_the_statistic(x, step, q, trim):
    larger, smaller = (sensitivity.sup_wald_p(value, q, trim) for value in (x, x + step))
    assert 0 <= smaller <= larger + 1e-3
    assert larger <= 1


def test_bootstrap_draws_flip_residuals_and_count_the_data_itself():
    y, x = broken(150, at=80, jump=0.5)
    got = sensitivity.unknown_break(y, x, tested=["fx"], draws=39, seed=7, horizon=2)
    residuals = sensitivity.regress(y, x).residuals
    flips = np.repeat(np.random.default_rng(7).choice([-1.0, 1.0], (39, 75)), 2, axis=1)
    sups = [
        sensitivity.unknown_break(residuals * flip, x, tested=["fx"], horizon=2).sup_wald for flip in flips
    ]
    assert got.p == pytest.approx((1 + sum(sup >= got.sup_wald for sup in sups)) / 40)
    assert got.method == "wild bootstrap, 39 draws"
    assert sensitivity.unknown_break(y, x).method == "asymptotic"


@pytest.mark.slow
def test_bootstrap_keeps_the_size_of_the_sup_wald_on_three_years_of_weeks():
    rejected = [
        sensitivity.unknown_break(*simulated(176, seed=5000 + seed), tested=["fx"], draws=59).p <= 0.05
        for seed in range(120)
    ]
    assert 0.01 <= np.mean(rejected) <= 0.11


@pytest.mark.slow
def test_sup_wald_keeps_its_size_on_independent_rows():
    rejected = [
        sensitivity.unknown_break(*simulated(400, seed=1000 + seed), tested=["fx"], hac_lags=0).p < 0.05
        for seed in range(120)
    ]
    assert 0.005 < np.mean(rejected) < 0.11


def test_breaks_that_cannot_be_looked_for_are_refused():
    y, x = simulated()
    with pytest.raises(
        DataError, match="400 rows before 2040-01-01 and 0 after it; each side needs more than 3"
    ):
        sensitivity.regimes(y, x, date(2040, 1, 1))
    with pytest.raises(DataError, match="yen to test; choose from const, fx, market"):
        sensitivity.unknown_break(y, x, tested=["yen"])
    with pytest.raises(DataError, match="trim 0.6 leaves"):
        sensitivity.unknown_break(y, x, trim=0.6)
    with pytest.raises(DataError, match=r"trim 0.001 leaves 1 of 400 rows"):
        sensitivity.unknown_break(y, x, trim=0.001)


# ------------------------------------------------------------------------------------------ panel


def firms(count=6, n=150, seed=4):
    rng = np.random.default_rng(seed)
    common = rng.normal(size=n) * 0.01
    parts = {}
    for firm in range(count):
        y, x = simulated(n, seed=seed + 10 * firm)
        y = y + common + 0.002 * firm
        y.iloc[firm] = np.nan
        parts[f"f{firm}"] = pd.concat([y, x], axis=1)
    return pd.concat(parts, names=["maker", "date"])


def test_panel_equals_demeaned_least_squares_with_two_way_clusters():
    data = firms()
    fit = sensitivity.panel(data, ["fx", "market"])
    rows = data.dropna()
    within = rows - rows.groupby(level=0).transform("mean")
    x, y = within[["fx", "market"]].to_numpy(), within["share"].to_numpy()
    beta = np.linalg.lstsq(x, y, rcond=None)[0]
    np.testing.assert_allclose(fit.params, beta, atol=1e-12)
    scores = pd.DataFrame(x * (y - x @ beta)[:, None], rows.index)

    def moment(groups):
        sums = scores.groupby(level=groups).sum().to_numpy()
        return sums.T @ sums

    middle = moment("maker") + moment("date") - moment(["maker", "date"])
    bread = np.linalg.inv(x.T @ x)
    np.testing.assert_allclose(fit.covariance, 894 / (894 - 8) * bread @ middle @ bread, rtol=1e-8)
    assert (fit.n, fit.df) == (6 * 150 - 6, 5)


def test_panel_refuses_what_it_cannot_estimate():
    data = firms()
    with pytest.raises(DataError, match="no column yen in the panel; it has share, fx, market"):
        sensitivity.panel(data, ["yen"])
    with pytest.raises(DataError, match="1 firm with complete rows"):
        sensitivity.panel(data.loc[["f0"]], ["fx"])
    with pytest.raises(DataError, match="twice is constant or a combination"):
        sensitivity.panel(data.assign(twice=2 * data["fx"]), ["fx", "twice"])


# ------------------------------------------------------------------------------------- from facts


def test_currency_factor_rises_when_the_yen_weakens(known):
    data = sensitivity.sample(known, "Toyota", horizon=1)
    rate = known.fx["USDJPY"]
    weaker = rate.index[rate.index.get_loc("2024-07-31") - 1 : rate.index.get_loc("2024-07-31") + 1]
    assert data["fx"]["2024-07-31"] == pytest.approx(np.log(rate[weaker[1]] / rate[weaker[0]]))
    assert rate["2024-08-05"] < rate["2024-08-02"]  # the yen jumped that day
    assert data["fx"]["2024-08-05"] < 0


def test_home_currency_of_europeans_is_euro_per_dollar(known):
    data = sensitivity.sample(known, "BMW", horizon=1)
    euro = known.fx["EURUSD"]
    assert data["fx"]["2025-03-05"] == pytest.approx(-np.log(euro["2025-03-05"] / euro["2025-03-04"]))


@pytest.mark.parametrize(("truth", "sign"), [(0.7, 1), (-0.7, -1)])
def test_share_that_gains_with_a_weak_yen_has_a_positive_beta(known, truth, sign):
    """Prices are made from the currency itself, so the sign is known."""
    yen = known.fx["USDJPY"]["2023":]
    prices = known.prices.assign(**{"7203.T": (100 * (yen / yen.iloc[0]) ** truth)})
    made = replace(known)
    made.__dict__["prices"] = prices
    row = sensitivity.table(made, makers=["Toyota"], horizon=1).loc["Toyota"]
    assert row["beta_fx"] == pytest.approx(truth, abs=1e-9)
    assert np.sign(row["low"]) == np.sign(row["high"]) == sign


def test_line_in_dollars_of_a_euro_firm_gets_the_change_of_euro_per_dollar(known):
    for maker, line in (("Stellantis", "STLA"), ("Ferrari", "RACE")):
        data = sensitivity.sample(known, maker, horizon=1)
        dollars = market.returns(known, [line])[line]
        euro = -np.log(known.fx["EURUSD"]).diff()
        day = pd.Timestamp("2025-03-05")
        assert data["share"][day] == pytest.approx(dollars[day] + euro[day])
        quoted = data.assign(share=dollars).dropna()
        moves = quoted[["fx", "market"]]
        at_home = sensitivity.regress(data.loc[quoted.index, "share"], moves).params
        abroad = sensitivity.regress(quoted["share"], moves).params
        assert at_home["fx"] - abroad["fx"] == pytest.approx(1)
        assert at_home["market"] == pytest.approx(abroad["market"])


def test_adr_in_yen_agrees_with_tokyo(known):
    tokyo = sensitivity.sample(known, "Toyota")["share"]
    adr = sensitivity.sample(known, "Toyota", ticker="TM")
    dollars = market.returns(known, ["TM"], horizon="weekly")["TM"]
    assert adr.attrs["market"] == "TOPIX"
    assert tokyo.corr(adr["share"]) > max(0.9, tokyo.corr(dollars))


def test_makers_that_report_in_dollars_are_set_against_a_rival_currency(known):
    data = sensitivity.sample(known, "GM", rival="KRW")
    assert (data.attrs["currency"], data.attrs["role"], data.attrs["market"]) == ("KRW", "rival", "SPY")
    daily = sensitivity.sample(known, "GM", rival="KRW", horizon=1)["share"]
    pd.testing.assert_series_equal(daily, market.returns(known, ["GM"])["GM"], check_names=False)
    assert sensitivity.table(known, makers=["GM", "Kia"])["role"].tolist() == ["rival", "home"]


def test_table_has_one_row_per_maker_and_says_why_one_is_empty(known):
    table = sensitivity.table(known)
    assert list(table.index) == list(known.makers.index)
    empty = table["beta_fx"].isna()
    assert set(table.index[empty]) == {"Porsche AG", "Volvo Cars", "Jaguar Land Rover"}
    assert table.loc[empty, "note"].str.contains("no share line with prices").all()
    assert (table.loc[~empty, "note"] == "").all()
    data = sensitivity.sample(known, "Subaru")
    fit = sensitivity.regress(data["share"], data[["fx", "market", "world"]])
    row = table.loc["Subaru"]
    assert row["beta_fx"] == fit.params["fx"]
    assert row["beta_market"] == fit.params["market"]
    assert (row["beta_world"], row["world"]) == (fit.params["world"], "ACWI")
    assert (row["n"], row["r_squared"], row["hac_lags"]) == (fit.n, fit.r_squared, 4)


def test_japanese_exporters_gain_when_the_yen_weakens(known):
    makers = ["Toyota", "Honda", "Subaru", "Mazda", "Mitsubishi Motors"]
    for effect in ("residual", "total"):
        assert (sensitivity.table(known, makers=makers, effect=effect)["low"] > 0).all()


def test_total_effect_uses_the_days_of_the_residual_one(known):
    names = ["Toyota", "BMW"]
    total, residual = (sensitivity.table(known, makers=names, effect=e) for e in ("total", "residual"))
    columns = ["n", "beta_market", "r_squared", "first", "last"]
    pd.testing.assert_frame_equal(total[columns], residual[columns])


def test_choices_show_what_asynchronous_closes_do(known):
    got = sensitivity.choices(known, makers=["Toyota", "Subaru", "Mazda"])
    assert list(got.loc["Toyota"].index) == list(sensitivity.CHOICES)
    daily, lagged = (got.xs(name, level="choice") for name in ("daily", "daily, one lead and one lag"))
    assert (daily["beta_fx"] < lagged["beta_fx"]).all()
    assert (got.xs("five days, overlapping", level="choice")["hac_lags"] >= 5).all()


def test_sample_is_cut_to_its_days(known):
    data = sensitivity.sample(known, "Kia", start=date(2025, 4, 3), end=date(2025, 12, 31))
    assert data.index[0] == pd.Timestamp("2025-04-04")
    assert data.index[-1] == pd.Timestamp("2025-12-26")


def test_breaks_of_makers_follow_from_regimes(known):
    row = sensitivity.breaks(known, makers=["Mazda", "Porsche AG"])
    assert "no share line" in row.loc["Porsche AG", "note"]
    data = sensitivity.sample(known, "Mazda")
    one = sensitivity.regimes(data["share"], data.drop(columns="share"), date(2025, 4, 3)).table().loc["fx"]
    for column in ("before", "after", "change", "standard_error", "low", "high", "p"):
        assert row.loc["Mazda", column] == pytest.approx(one[column])


def test_samples_of_makers_make_a_panel(known):
    parts = {maker: sensitivity.sample(known, maker) for maker in ("Toyota", "Honda", "Mazda", "Subaru")}
    fit = sensitivity.panel(pd.concat(parts, names=["maker", "date"]), ["fx", "market"])
    assert fit.table().loc["fx", "low"] > 0


def test_weeks_end_on_the_last_common_day_so_that_no_holiday_of_the_fixings_loses_one(known):
    """Twelve of 188 Tokyo weeks touch a Friday on which the European Central Bank fixes no rates."""
    weeks = sensitivity.sample(known, "Toyota", world=None).dropna()
    names, tokyo = ["7203.T", "JPY", "TOPIX"], "XTKS"
    apart = market.factors(known, names, tokyo, horizon="weekly").dropna()
    assert (len(apart), len(weeks)) == (176, 188)
    same = apart.index[~apart.index.isin(_holiday_fridays(known))]
    untouched = [week for week in same if week - pd.Timedelta(days=7) not in _holiday_fridays(known)]
    np.testing.assert_allclose(weeks.loc[untouched, "fx"], apart.loc[untouched, "JPY"], atol=1e-12)
    # the week of Good Friday 2025 ends on Thursday in yen, share and index alike
    rate, day = known.fx["USDJPY"], pd.Timestamp("2025-04-18")
    assert weeks.at[day, "fx"] == pytest.approx(np.log(rate["2025-04-17"] / rate["2025-04-11"]))
    close = known.prices["7203.T"]
    assert weeks.at[day, "share"] == pytest.approx(np.log(close["2025-04-17"] / close["2025-04-11"]))


def _holiday_fridays(known):
    days = known.fx["USDJPY"].dropna().index
    fridays = pd.date_range(days[0], days[-1], freq="W-FRI")
    return fridays[~fridays.isin(days) | ~fridays.isin(known.prices["7203.T"].dropna().index)]


def test_world_market_beside_the_home_market_takes_part_of_the_currency_beta(known):
    alone, beside = (
        sensitivity.table(known, makers=["Toyota"], world=world).loc["Toyota"] for world in (None, "ACWI")
    )
    assert alone["n"] == beside["n"] == 188
    assert 0 < beside["beta_fx"] < alone["beta_fx"]
    assert np.isnan(alone["beta_world"]) and alone["world"] == ""
    # least squares by hand
    rows = sensitivity.sample(known, "Toyota").dropna()
    x = np.column_stack([np.ones(len(rows)), rows[["fx", "market", "world"]]])
    assert beside["beta_fx"] == pytest.approx(np.linalg.lstsq(x, rows["share"], rcond=None)[0][1])


def test_weeks_without_a_common_day_are_refused_or_empty(known):
    with pytest.raises(DataError, match="no prices or exchange rates for XYZ"):
        market.common_weeks(known, ["JPY", "XYZ"], "XTKS")
    made = replace(known)
    made.__dict__["prices"] = known.prices.assign(GM=known.prices["GM"].where(known.prices.index < "2023-02"))
    late = made.prices["7203.T"].where(made.prices.index > "2023-03")
    made.__dict__["prices"] = made.prices.assign(**{"7203.T": late})
    with pytest.raises(DataError, match=r"7203\.T, GM share no day"):
        market.common_weeks(made, ["7203.T", "GM"], "XTKS")


def test_questions_about_unknown_things_are_refused(known):
    with pytest.raises(DataError, match="'Tojota' is not a maker; choose from Toyota"):
        sensitivity.sample(known, "Tojota")
    with pytest.raises(DataError, match="effect 'gross': write 'residual' or 'total'"):
        sensitivity.table(known, effect="gross")
    made = replace(known)
    made.__dict__["markets"] = known.markets.drop("JP")
    with pytest.raises(DataError, match=r"no benchmark index in JPY for 7203\.T"):
        sensitivity.sample(made, "Toyota")


def test_every_maker_with_prices_has_a_beta(known):
    table = sensitivity.table(known)
    priced = known.makers.index[known.makers["ticker"].isin(known.prices.columns)]
    assert table.loc[priced, "beta_fx"].notna().all(), table.loc[priced, "note"].to_dict()


def test_change_that_makers_share_equals_least_squares_on_demeaned_rows(known):
    makers = ["Toyota", "Honda", "Mazda"]
    parts = []
    for maker in makers:
        data = sensitivity.sample(known, maker).dropna()
        later = (data.index >= "2025-04-03") * 1.0
        moves = data.drop(columns="share")
        data = data.join(moves.mul(later, axis=0).add_suffix("_later")).assign(later=later)
        parts.append(data - data.mean())
    rows = pd.concat(parts)
    x = rows.drop(columns="share")
    found = np.linalg.lstsq(x.to_numpy(), rows["share"].to_numpy(), rcond=None)[0]
    expected = found[list(x).index("fx_later")]
    found = sensitivity.pooled_change(known, makers)
    assert found["value"] == pytest.approx(expected) and found["standard_error"] > 0


def test_drift_is_smoother_and_window_of_each_maker(known):
    found = sensitivity.drift(known, ["Toyota", "Kia"], window=80)
    data = sensitivity.sample(known, "Kia")
    walk = sensitivity.kalman(data["share"], data[["fx", "market", "world"]])
    path = found.paths["Kia"]
    assert found.window == 80 and list(found.steps.index) == ["Toyota", "Kia"]
    assert path["beta"].equals(walk.smoothed["fx"].rename("beta")) and found.steps["Kia"] == walk.step["fx"]
    assert (path["low"] <= path["beta"]).all() and path["rolling"].notna().any()
    assert sensitivity.drift(known, ["Kia"], window=10_000).window == 2 * len(data.dropna()) // 3
