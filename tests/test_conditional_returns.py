"""Normal returns that move, errors that allow for autocorrelation, and a model of one's own."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from tariffmodel import events, hedge
from tariffmodel.errors import DataError

T, WINDOW = 120, (-2, 3)
SETUP = {"estimation": (-T - 2, -3), "window": WINDOW}


def market_and_shares(seed: int = 0, holes: bool = True) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """Three shares, a market and a factor over 200 days, some returns missing; the day of the event."""
    random = np.random.default_rng(seed)
    days = pd.bdate_range("2024-01-01", periods=200)
    factors = pd.DataFrame(random.normal(0, 0.01, (200, 2)), days, ["market", "fx"])
    slopes = np.array([[0.8, 1.1, 1.4], [0.3, 0.0, -0.2]])
    shares = factors.to_numpy() @ slopes + random.standard_t(5, (200, 3)) * 0.01
    if holes:
        shares[random.random(shares.shape) < 0.03] = np.nan
    return pd.DataFrame(shares, days, ["A", "B", "C"]), factors, str(days[160].date())


@pytest.mark.parametrize("with_fx", [False, True])
def test_rolling_betas_are_those_of_a_regression_for_each_day(with_fx):
    shares, factors, day = market_and_shares()
    x = factors if with_fx else factors[["market"]]
    more = {"factors": factors["fx"]} if with_fx else {}
    study = events.study(shares, day, market=factors["market"], model="rolling", **more, **SETUP)
    for firm in shares:
        for offset in range(WINDOW[0], WINDOW[1] + 1):
            at = 160 + offset
            past = slice(at - T, at)
            fit = sm.OLS(shares[firm].iloc[past], sm.add_constant(x.iloc[past]), missing="drop").fit()
            expected = fit.params["const"] + x.iloc[at] @ fit.params[x.columns]
            found = study.ar.loc[(day, firm), offset]
            if np.isnan(shares[firm].iloc[at]):
                assert np.isnan(found)
            else:
                assert found == pytest.approx(shares[firm].iloc[at] - expected, abs=1e-14)
                for name in x:
                    moved = study.coefficients(name).loc[(day, firm), offset]
                    assert moved == pytest.approx(fit.params[name], rel=1e-10)


def test_the_covariance_of_rolling_abnormal_returns_is_that_of_their_linear_map():
    """Abnormal returns are linear in the share's returns: their covariance is JJ'σ², J read off by column."""
    shares, factors, day = market_and_shares(holes=False)

    def ar(moves: np.ndarray) -> np.ndarray:
        frame = pd.DataFrame({"A": moves}, shares.index)
        study = events.study(frame, day, market=factors["market"], model="rolling", **SETUP)
        return study.estimates.ar[0]

    base = shares["A"].to_numpy()
    rows = np.arange(160 + WINDOW[0] - T, 160 + WINDOW[1] + 1)
    start = ar(base)
    jacobian = np.stack([ar(base + np.eye(len(base))[row]) - start for row in rows], axis=1)
    study = events.study(shares[["A"]], day, market=factors["market"], model="rolling", **SETUP)
    np.testing.assert_allclose(study.estimates.noise[0], jacobian @ jacobian.T, atol=1e-10)
    for window in ((0, 0), (0, 2), WINDOW):
        picked = np.zeros(6)
        picked[window[0] + 2 : window[1] + 3] = 1
        expected = study.estimation["sigma"].iloc[0] * np.linalg.norm(picked @ jacobian)
        assert study.car(window)["se"].iloc[0] == pytest.approx(expected, rel=1e-9)


def test_rolling_follows_a_beta_that_moves_where_a_fixed_one_does_not():
    random = np.random.default_rng(3)
    days = pd.bdate_range("2023-01-02", periods=400)
    market = pd.Series(random.normal(0, 0.01, 400), days)
    beta = np.where(np.arange(400) < 200, 0.5, 1.5)
    share = pd.DataFrame({"A": beta * market + random.normal(0, 0.002, 400)}, days)
    arguments = {"market": market, "estimation": (-300, -101), "window": (-100, 0)}
    fixed, moving = (events.study(share, days[399], model=m, **arguments) for m in ("market", "rolling"))
    assert moving.coefficients("market").iloc[0, -1] == pytest.approx(1.5, abs=0.05)
    assert fixed.coefficients("market").nunique(axis=1).iloc[0] == 1
    assert (moving.ar[range(-10, 1)] ** 2).to_numpy().sum() < 0.5 * (
        fixed.ar[range(-10, 1)] ** 2
    ).to_numpy().sum()


def test_hac_errors_of_the_coefficients_are_those_of_statsmodels():
    shares, factors, day = market_and_shares()
    arguments = {"market": factors["market"], "factors": factors["fx"], "model": "factors"}
    study = events.study(shares, day, errors="hac", **arguments, **SETUP)
    plain = events.study(shares, day, **arguments, **SETUP)
    pd.testing.assert_frame_equal(study.ar, plain.ar)
    for firm in shares:
        rows = slice(160 - T - 2, 160 - 2)
        fit = sm.OLS(shares[firm].iloc[rows], sm.add_constant(factors.iloc[rows]), missing="drop").fit()
        lags = int(4 * (fit.nobs / 100) ** (2 / 9))
        robust = fit.get_robustcov_results("HAC", maxlags=lags, use_correction=True)
        found = study.estimation.loc[(day, firm), ["alpha_se", "market_se", "fx_se"]]
        np.testing.assert_allclose(found.to_numpy(float), robust.bse, rtol=1e-10)


def test_the_hac_variance_of_a_sum_is_that_of_its_definition():
    shares, factors, day = market_and_shares(holes=False)
    study = events.study(shares, day, market=factors["market"], errors="hac", **SETUP)
    rows = slice(160 - T - 2, 160 - 2)
    x = sm.add_constant(factors[["market"]])
    fit = sm.OLS(shares["B"].iloc[rows], x.iloc[rows]).fit()
    lags = int(4 * (T / 100) ** (2 / 9))
    v = fit.get_robustcov_results("HAC", maxlags=lags, use_correction=True).cov_params()
    e = fit.resid.to_numpy()
    for first, last in ((0, 0), (0, 1), (-2, 3)):
        length = last - first + 1
        total = x.iloc[160 + first : 161 + last].sum().to_numpy()
        gamma = [e[j:] @ e[: T - j] / (T - 2) for j in range(length)]
        own = length * gamma[0] + 2 * sum(
            (length - j) * max(1 - j / (lags + 1), 0) * gamma[j] for j in range(1, length)
        )
        expected = np.sqrt(own + total @ v @ total)
        assert study.car((first, last))["se"].loc[(day, "B")] == pytest.approx(expected, rel=1e-10)


def test_hac_widens_sums_of_correlated_days_towards_their_true_error():
    """Residuals with autocorrelation 0.3: the sum of ten days varies 1.7 times as much as if independent."""
    random = np.random.default_rng(1)
    firms, days = 400, pd.bdate_range("2024-01-01", periods=300)
    shocks = random.normal(0, 0.01, (300, firms))
    for t in range(1, 300):
        shocks[t] += 0.3 * shocks[t - 1]
    shares = pd.DataFrame(shocks, days, [f"F{i}" for i in range(firms)])
    arguments = {"model": "mean", "estimation": (-250, -11), "window": (0, 9)}
    spread = {
        errors: events.study(shares, days[285], errors=errors, **arguments).car()["scar"].std()
        for errors in ("classical", "hac")
    }
    assert spread["classical"] == pytest.approx(np.sqrt(1.7), abs=0.15)
    assert spread["hac"] == pytest.approx(1.0, abs=0.15)


@pytest.fixture(scope="module")
def moving() -> tuple[pd.DataFrame, pd.Series]:
    """A share whose beta and variance follow their own past, and its market."""
    random = np.random.default_rng(5)
    days = pd.bdate_range("2022-01-03", periods=700)
    variance, market = 1e-4, np.empty(700)
    for t in range(700):
        market[t] = np.sqrt(variance) * random.normal()
        variance = 2e-6 + 0.12 * market[t] ** 2 + 0.86 * variance
    own, share = 1e-4, np.empty(700)
    for t in range(700):
        noise = np.sqrt(own) * random.normal()
        own = 2e-6 + 0.12 * noise**2 + 0.86 * own
        share[t] = (1 + 0.5 * np.sin(t / 60)) * market[t] + noise
    return pd.DataFrame({"A": share}, days), pd.Series(market, days, name="market")


def test_dcc_betas_are_those_of_the_hedge_ratios_fitted_on_the_same_days(moving):
    shares, market = moving
    day = shares.index[600]
    study = events.study(shares, day, market=market, model="dcc", estimation=(-500, -11), window=(-10, 5))
    ratios = hedge.dcc(shares["A"].iloc[100:606], market.to_frame().iloc[100:606], fit_on=490)
    found = study.coefficients("market").iloc[0]
    for offset in (-10, 0, 5):  # a ratio dated t is the forecast for t + 1
        assert found[offset] == pytest.approx(ratios["market"].loc[shares.index[599 + offset]], rel=1e-8)
    beta, alpha = found, study.coefficients("alpha").iloc[0]
    at = slice(590, 606)
    expected = shares["A"].iloc[at] - alpha.to_numpy() - beta.to_numpy() * market.iloc[at]
    np.testing.assert_allclose(study.ar.iloc[0], expected, atol=1e-14)


def test_dcc_standardises_by_the_variance_of_the_day(moving):
    """Out of sample on every fifth day: abnormal returns over their conditional error have variance one."""
    shares, market = moving
    days = shares.index[300:695:5]
    study = events.study(shares, list(days), market=market, model="dcc", estimation=(-250, -1), window=(0, 0))
    fixed = events.study(shares, list(days), market=market, estimation=(-250, -1), window=(0, 0))
    assert len(study) == len(fixed) == 79
    assert study.sar[0].std() == pytest.approx(1, abs=0.2)
    swing = study.ar_se[0].max() / study.ar_se[0].min()
    assert swing > 2 > fixed.ar_se[0].max() / fixed.ar_se[0].min()
    score = [float((-np.log(one.ar_se[0]) - one.sar[0] ** 2 / 2).mean()) for one in (study, fixed)]
    assert score[0] > score[1] + 0.1  # log density of what came, a point: ten per cent likelier a day


def test_dcc_needs_a_hundred_days(moving):
    shares, market = moving
    with pytest.raises(DataError, match="fewer than 100 days"):
        events.study(
            shares, shares.index[400], market=market, model="dcc", estimation=(-90, -11), window=(0, 1)
        )


def market_model(returns, regressors, days):
    x, ahead = (np.column_stack([np.ones(len(part)), part]) for part in (regressors, days))
    inverse = np.linalg.inv(x.T @ x)
    slopes = inverse @ x.T @ returns
    sigma2 = ((returns - x @ slopes) ** 2).sum() / (len(x) - x.shape[1])
    return ahead @ slopes, np.sqrt(sigma2 * (1 + np.einsum("dk,kl,dl->d", ahead, inverse, ahead)))


def test_the_market_model_as_a_function_of_ones_own_gives_the_market_model():
    shares, factors, day = market_and_shares()
    own = events.study(shares, day, market=factors["market"], model=market_model, **SETUP)
    ours = events.study(shares, day, market=factors["market"], **SETUP)
    pd.testing.assert_frame_equal(own.ar, ours.ar)
    pd.testing.assert_frame_equal(own.ar_se, ours.ar_se)
    pd.testing.assert_frame_equal(own.car((0, 0)), ours.car((0, 0)))
    pd.testing.assert_frame_equal(own.bhar((0, 1))[["bhar"]], ours.bhar((0, 1))[["bhar"]])
    names = ["kp_bmp", "grank_t", "crude_dependence", "corrado"]
    pd.testing.assert_frame_equal(own.tests((0, 0), names), ours.tests((0, 0), names))
    assert own.settings["model"] == "market_model"


def test_a_model_of_ones_own_needs_no_regressors_and_sees_nothing_that_is_missing():
    shares, _, day = market_and_shares()
    seen = []

    def mean(returns, regressors, days):
        seen.append((returns, regressors, days))
        return np.full(len(days), returns.mean()), returns.std(ddof=1) * np.sqrt(1 + 1 / len(returns))

    own = events.study(shares, day, model=mean, **SETUP)
    ours = events.study(shares, day, model="mean", **SETUP)
    pd.testing.assert_frame_equal(own.ar, ours.ar)
    pd.testing.assert_frame_equal(own.ar_se, ours.ar_se)
    assert all(np.isfinite(returns).all() and x.shape[1] == days.shape[1] == 0 for returns, x, days in seen)


def test_a_model_of_ones_own_may_take_regressors_that_repeat_each_other():
    shares, factors, day = market_and_shares()
    twice = factors.assign(again=factors["market"])

    def first_only(returns, regressors, days):
        return market_model(returns, regressors[:, :1], days[:, :1])

    own = events.study(shares, day, factors=twice, model=first_only, **SETUP)
    pd.testing.assert_frame_equal(own.ar, events.study(shares, day, market=factors["market"], **SETUP).ar)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (lambda r, x, d: np.zeros(len(d)), "returns a ndarray; return two arrays"),
        (lambda r, x, d: (np.zeros(3), 1.0), r"predicted has the shape \(3,\), not \(12\d,\)"),
        (lambda r, x, d: (np.full(len(d), np.nan), 1.0), "predicted is missing or infinite in row 0"),
        (lambda r, x, d: (np.zeros(len(d)), np.zeros(len(d))), "error must be above zero"),
        (lambda r, x, d: (np.zeros(len(d)), np.ones(4)), r"error has the shape \(4,\)"),
        (lambda r, x, d: (["a"] * len(d), 1.0), "not numbers"),
    ],
)
def test_what_a_model_of_ones_own_gives_is_checked_and_the_firm_event_named(given, said):
    shares, factors, day = market_and_shares()
    with pytest.raises(DataError, match=said) as refused:
        events.study(shares, day, market=factors["market"], model=given, **SETUP)
    assert f"'<lambda>' for A on {day}" in str(refused.value)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"model": "rolling"}, "model 'rolling' needs market="),
        ({"model": "rolling", "market": True, "errors": "hac"}, "a fixed beta"),
        ({"model": "dcc", "market": True, "method": "garch"}, "has a fixed beta"),
        ({"model": "market", "market": True, "errors": "robust"}, "write one of 'classical', 'hac'"),
        ({"model": market_model, "market": True, "method": "dimson"}, "estimates a market beta"),
    ],
)
def test_what_does_not_go_together_is_refused(arguments, said):
    shares, factors, day = market_and_shares()
    if arguments.get("market"):
        arguments = arguments | {"market": factors["market"]}
    with pytest.raises(DataError, match=said):
        events.study(shares, day, **arguments, **SETUP)
