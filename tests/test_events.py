"""The event study against a plain loop over firm-events, other packages, and its own invariances."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from linearmodels.datasets import french
from scipy import stats

from tariffmodel import event_tests as et
from tariffmodel import events, normal_returns
from tariffmodel.errors import DataError

ESTIMATION, WINDOW = (-60, -6), (-5, 5)


def panel(days=220, firms=7, seed=0, missing=0.0):
    """Returns with a market and a second factor, holes, and some events; two share a day."""
    random = np.random.default_rng(seed)
    index = pd.bdate_range("2024-01-01", periods=days)
    names = [f"F{i}" for i in range(firms)]
    market = pd.Series(random.normal(0, 0.01, days), index=index)
    fx = pd.Series(random.normal(0, 0.005, days), index=index, name="fx")
    noise = random.normal(0, 0.02, (days, firms)) + random.normal(0, 0.008, (days, 1))
    returns = pd.DataFrame(
        noise + np.outer(market, random.uniform(0.5, 1.5, firms)) + 0.4 * fx.to_numpy()[:, None],
        index=index,
        columns=names,
    )
    returns = returns.mask(random.random(returns.shape) < missing)
    dates = index[[100, 150, 153]]
    asked = pd.DataFrame(
        [(f"E{number}", name, day) for number, day in enumerate(dates) for name in names],
        columns=["event", "firm", "date"],
    )
    return returns, market, fx, asked


def study(returns, asked, **arguments):
    return events.study(returns, asked, **({"estimation": ESTIMATION, "window": WINDOW} | arguments))


def loop(returns, asked, columns):
    """Abnormal returns, their exact covariance over σ², σ² and residuals, one statsmodels fit at a time.

    `columns` gives the regressors of a firm; None for market-adjusted returns.
    """
    for _, (_, firm, date) in asked.iterrows():
        zero = returns.index.get_loc(date)
        r, x = returns[firm].to_numpy(), columns(firm)
        past = slice(zero + ESTIMATION[0], zero + ESTIMATION[1] + 1)
        now = slice(zero + WINDOW[0], zero + WINDOW[1] + 1)
        here = np.isfinite(r[past])
        if x is None:
            raise AssertionError
        design = np.column_stack([np.ones(len(r)), *x])
        fit = sm.OLS(r[past][here], design[past][here]).fit()
        ar = r[now] - design[now] @ fit.params
        inverse = np.linalg.inv(design[past][here].T @ design[past][here])
        covariance = np.eye(len(ar)) + design[now] @ inverse @ design[now].T
        residuals = np.full(past.stop - past.start, np.nan)
        residuals[here] = fit.resid
        yield ar, covariance, fit, residuals


MODELS = {
    "mean": ({"model": "mean"}, lambda m, fx: []),
    "market": ({"model": "market"}, lambda m, fx: [m]),
    "factors": ({"model": "factors"}, lambda m, fx: [m, fx]),
}


@pytest.mark.parametrize("missing", [0.0, 0.1])
@pytest.mark.parametrize("model", MODELS)
def test_estimates_are_those_of_a_loop_over_statsmodels(model, missing):
    returns, market, fx, asked = panel(missing=missing)
    arguments, regressors = MODELS[model]
    given = {"market": market} if model != "mean" else {}
    found = study(returns, asked, **arguments, **given, factors=fx if model == "factors" else None)
    x = regressors(market.to_numpy(), fx.to_numpy())
    naive = list(loop(returns, asked, lambda firm: x))
    at = slice(4, 8)  # days -1 to 2
    for row, (ar, covariance, fit, _) in enumerate(naive):
        assert np.allclose(found.ar.iloc[row], ar, atol=1e-12, equal_nan=True)
        se = np.sqrt(fit.mse_resid * np.diag(covariance))
        assert np.allclose(found.ar_se.iloc[row], se, rtol=1e-10)
        line = found.estimation.iloc[row]
        terms = ["alpha", "market", "fx"][: len(fit.params)]
        assert np.allclose(line[terms].astype(float), fit.params, rtol=1e-9, atol=1e-12)
        assert np.allclose(line[[f"{term}_se" for term in terms]].astype(float), fit.bse, rtol=1e-9)
        assert line["sigma"] == pytest.approx(np.sqrt(fit.mse_resid), rel=1e-10)
        assert line["r_squared"] == pytest.approx(fit.rsquared, abs=1e-10)
        there = np.isfinite(ar[at])
        variance = fit.mse_resid * covariance[at, at][np.ix_(there, there)].sum()
        car = found.car((-1, 2)).iloc[row]
        assert car["car"] == pytest.approx(np.nansum(ar[at]), abs=1e-12)
        assert car["se"] == pytest.approx(np.sqrt(variance), rel=1e-10)
        assert car["days"] == there.sum() and car["df"] == fit.df_resid


def test_car_variance_of_the_market_model_is_the_textbook_formula():
    returns, market, _, asked = panel()
    found = study(returns, asked, market=market)
    for row, date in enumerate(asked["date"]):
        zero = returns.index.get_loc(date)
        past = market.iloc[zero - 60 : zero - 5]
        now = market.iloc[zero - 1 : zero + 3]
        length, days = 4, 55
        factor = (
            length + length**2 / days + (now - past.mean()).sum() ** 2 / ((past - past.mean()) ** 2).sum()
        )
        sigma = found.estimation["sigma"].iloc[row]
        assert found.car((-1, 2))["se"].iloc[row] == pytest.approx(sigma * np.sqrt(factor), rel=1e-10)
        simple = found.car((-1, 2), car_variance="simple")["se"].iloc[row]
        assert simple == pytest.approx(sigma * 2, rel=1e-12)


def test_patells_sum_of_daily_standardised_returns_is_a_convention():
    returns, market, _, asked = panel()
    found = study(returns, asked, market=market)
    expected = found.sar.loc[:, -1:2].sum(axis=1) / 2
    assert np.allclose(found.car((-1, 2), car_variance="sar")["scar"], expected, rtol=1e-12)


def test_market_adjusted_returns_estimate_nothing_but_the_variance_about_the_mean():
    returns, market, _, asked = panel(missing=0.05)
    found = study(returns, asked, market=market, model="market_adjusted")
    excess = returns.sub(market, axis=0)
    for row, (_, firm, date) in enumerate(asked.itertuples(index=False)):
        zero = returns.index.get_loc(date)
        assert np.allclose(found.ar.iloc[row], excess[firm].iloc[zero - 5 : zero + 6], equal_nan=True)
        sigma = excess[firm].iloc[zero - 60 : zero - 5].std()
        assert found.estimation["sigma"].iloc[row] == pytest.approx(sigma, rel=1e-10)
        length = excess[firm].iloc[zero - 1 : zero + 3].notna().sum()
        assert found.car((-1, 2))["se"].iloc[row] == pytest.approx(sigma * np.sqrt(length), rel=1e-10)


def test_capm_is_the_market_model_in_excess_of_the_risk_free_rate():
    returns, market, _, asked = panel()
    riskless = pd.Series(np.linspace(1e-4, 3e-4, len(returns)), index=returns.index)
    one = study(returns, asked, market=market, risk_free=riskless)
    two = study(returns.sub(riskless, axis=0), asked, market=market - riskless)
    assert np.allclose(one.ar, two.ar, atol=1e-14)
    held = np.prod(1 + returns["F0"].iloc[95:106])
    normal = np.prod(1 + returns["F0"].iloc[95:106].to_numpy() - one.ar.iloc[0].to_numpy())
    assert one.bhar()["bhar"].iloc[0] == pytest.approx(held - normal)


@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_every_statistic_is_that_of_the_loop(missing):
    """One event, all firms on one day: the formulas of the papers on the loop's own numbers."""
    returns, market, _, asked = panel(missing=missing, seed=3)
    asked = asked[asked["event"] == "E1"]
    found = study(returns, asked, market=market).tests((-1, 2))["statistic"]
    at = slice(4, 8)
    naive = list(loop(returns, asked, lambda firm: [market.to_numpy()]))
    car = np.array([np.nansum(ar[at]) for ar, *_ in naive])
    here = [np.isfinite(ar[at]) for ar, *_ in naive]
    scar = np.array([
        np.nansum(ar[at]) / np.sqrt(fit.mse_resid * cov[at, at][np.ix_(h, h)].sum())
        for (ar, cov, fit, _), h in zip(naive, here, strict=True)
    ])  # fmt: skip
    df = np.array([fit.df_resid for _, _, fit, _ in naive])
    residuals = np.array([e for *_, e in naive])
    n = len(car)
    table = pd.DataFrame(residuals.T).corr().to_numpy()
    r = table[np.triu_indices(n, 1)].mean()
    assert found["cross_sectional"] == pytest.approx(stats.ttest_1samp(car, 0).statistic, rel=1e-10)
    bmp = scar.mean() * np.sqrt(n) / scar.std(ddof=1)
    assert found["bmp"] == pytest.approx(bmp, rel=1e-9)
    assert found["kp_bmp"] == pytest.approx(bmp * np.sqrt((1 - r) / (1 + (n - 1) * r)), rel=1e-9)
    patell = scar.sum() / np.sqrt((df / (df - 2)).sum())
    assert found["patell"] == pytest.approx(patell, rel=1e-9)
    assert found["kp_patell"] == pytest.approx(patell / np.sqrt(1 + (n - 1) * r), rel=1e-9)
    ar = np.array([a for a, *_ in naive])
    portfolio = np.nanmean(residuals, axis=0)
    expected = np.nanmean(ar[:, at], axis=0).sum() / (2 * portfolio.std(ddof=1))
    assert found["crude_dependence"] == pytest.approx(expected, rel=1e-9)
    sigma = np.sqrt([fit.mse_resid for _, _, fit, _ in naive])
    length = np.array([h.sum() for h in here])
    assert found["brown_warner"] == pytest.approx(car.sum() / np.sqrt((length * sigma**2).sum()), rel=1e-9)
    variance = sum(
        fit.mse_resid * cov[at, at][np.ix_(h, h)].sum()
        for (_, cov, fit, _), h in zip(naive, here, strict=True)
    )
    assert found["mackinlay"] == pytest.approx(car.sum() / np.sqrt(variance), rel=1e-9)
    p = np.mean([(e[np.isfinite(e)] > 0).mean() for e in residuals])
    w = (car > 0).sum()
    assert found["generalised_sign"] == pytest.approx((w - n * p) / np.sqrt(n * p * (1 - p)), rel=1e-9)
    both = np.hstack([residuals, ar])
    scaled, sign = np.zeros((2, both.shape[1]))
    for row in both:
        known = np.isfinite(row)
        scaled[known] += stats.rankdata(row[known]) / (1 + known.sum()) - 0.5
        sign[known] += np.sign(row[known] - np.median(row[known]))
    count = np.isfinite(both).sum(axis=0)
    for name, total in (("corrado_zivney", scaled), ("corrado_sign", sign)):
        level = total / np.sqrt(count)
        expected = level[55:][at].sum() / 2 / np.sqrt((level**2).mean())
        assert found[name] == pytest.approx(expected, rel=1e-9)
    sar = ar / (sigma[:, None] * np.sqrt([np.diag(cov) for _, cov, *_ in naive]))
    both[:, 55:] = sar / np.nanstd(sar, axis=0, ddof=1) * sigma[:, None]
    scaled = np.zeros(both.shape[1])
    for row in both:
        known = np.isfinite(row)
        scaled[known] += stats.rankdata(row[known]) / (1 + known.sum()) - 0.5
    level = scaled / np.sqrt(count)
    expected = level[55:][at].sum() / 2 / np.sqrt((level**2).mean())
    assert found["corrado_zivney_adjusted"] == pytest.approx(expected, rel=1e-9)
    assert found["grank_t"] == pytest.approx(
        et.generalised_rank(scar, residuals / sigma[:, None])[0].statistic, rel=1e-9
    )


def test_averages_are_means_over_the_firm_events_present():
    returns, market, _, asked = panel(missing=0.1)
    found = study(returns, asked, market=market)
    assert np.allclose(found.aar["mean"], found.ar.mean())
    assert np.allclose(found.aar["se"], found.ar.sem())
    assert np.array_equal(found.aar["n"], found.ar.notna().sum())
    cumulated = found.ar.cumsum(axis=1).ffill(axis=1).dropna(subset=[WINDOW[1]])
    assert found.caar["mean"].iloc[-1] == pytest.approx(cumulated[WINDOW[1]].mean())
    assert found.caar.loc[0, "mean"] == pytest.approx(found.car((-5, 0))["car"].mean())


def test_drop_event_leaves_out_incomplete_windows():
    returns, market, _, asked = panel(missing=0.1)
    found = study(returns, asked, market=market)
    full = found.ar.loc[:, -1:1].notna().all(axis=1)
    assert 0 < full.sum() < len(full)
    assert found.tests((-1, 1), "bmp", missing="drop_event")["n"].item() == full.sum()
    assert found.car((-1, 1), missing="drop_event")["car"].notna().equals(full)


@pytest.mark.parametrize("kind", ["simple", "log"])
def test_buy_and_hold_compounds_returns_of_their_kind(kind):
    returns, market, _, asked = panel()
    found = study(returns, asked, market=market, kind=kind)
    r = returns["F2"].iloc[95:106].to_numpy()
    normal = r - found.ar.loc[("E0", "F2")].to_numpy()
    grow = (lambda x: np.exp(x.sum())) if kind == "log" else (lambda x: np.prod(1 + x))
    assert found.bhar()["bhar"].loc[("E0", "F2")] == pytest.approx(grow(r) - grow(normal))


@settings(max_examples=15, deadline=None)
@given(st.floats(0.01, 8), st.integers(0, 10_000))
def test_scaling_returns_scales_car_and_leaves_statistics(scale, seed):
    returns, market, _, asked = panel(seed=seed, missing=0.05, days=180, firms=4)
    one, two = (study(factor * returns, asked, market=factor * market) for factor in (1.0, scale))
    assert np.allclose(two.car()["car"], scale * one.car()["car"], rtol=1e-7, atol=1e-12)
    which = [name for name, test in et.TESTS.items() if test.law != "draws"]
    assert np.allclose(
        one.tests((0, 1), which)["statistic"], two.tests((0, 1), which)["statistic"], rtol=1e-6
    )


@settings(max_examples=15, deadline=None)
@given(st.floats(-0.04, 0.01), st.randoms(use_true_random=False))
def test_a_constant_and_the_order_of_firms_change_nothing(constant, shuffle):
    returns, market, _, asked = panel(missing=0.05, days=180, firms=4)
    names, rows = list(returns.columns), list(range(len(asked)))
    shuffle.shuffle(names), shuffle.shuffle(rows)
    one = study(returns, asked, market=market)
    two = study(returns[names] + constant, asked.iloc[rows], market=market)
    assert np.allclose(two.ar.reindex(one.ar.index), one.ar, atol=1e-10, equal_nan=True)
    which = [name for name, test in et.TESTS.items() if test.law != "draws"]
    assert np.allclose(
        one.tests((0, 1), which)["statistic"], two.tests((0, 1), which)["statistic"], rtol=1e-6
    )


def test_several_events_are_correlated_only_as_far_as_their_windows_overlap():
    returns, market, _, asked = panel(seed=5)
    found = study(returns, asked, market=market)  # E1 and E2 lie three rows apart, E0 far away
    residuals = found.estimates.residuals
    place = {"E0": 0, "E1": 50, "E2": 53}
    lined = np.full((len(asked), 120), np.nan)
    for row, event in enumerate(asked["event"]):
        lined[row, place[event] : place[event] + 55] = residuals[row]
    unit = (residuals - residuals.mean(axis=1, keepdims=True)) / np.sqrt(55 * residuals.var(axis=1))[:, None]
    lined[np.isfinite(lined)] = unit.ravel()
    table = np.nan_to_num(lined) @ np.nan_to_num(lined).T
    events_of = asked["event"].to_numpy()
    for window in ((0, 0), (-1, 2), (-5, 5)):
        length = window[1] - window[0] + 1
        share = np.eye(3)
        share[1, 2] = share[2, 1] = max(0, 1 - 3 / length)
        code = np.array([int(event[1]) for event in events_of])
        weight = share[np.ix_(code, code)] - np.eye(len(code))
        n = len(code)
        expected = (weight * table).sum() / (n * (n - 1))
        bmp, adjusted = (found.tests(window, name)["statistic"].item() for name in ("bmp", "kp_bmp"))
        factor = np.sqrt((1 - expected) / (1 + (n - 1) * expected))
        assert adjusted == pytest.approx(bmp * factor, rel=1e-9)


def test_correlation_can_be_given_or_taken_in_event_time():
    returns, market, _, asked = panel()
    found = study(returns, asked, market=market)
    n = len(asked)
    for convention, r in ((0.1, 0.1), ("relative", et.average_correlation(found.estimates.residuals))):
        bmp, kp = (
            found.tests((0, 0), name, correlation=convention)["statistic"].item()
            for name in ("bmp", "kp_bmp")
        )
        assert kp == pytest.approx(bmp * np.sqrt((1 - r) / (1 + (n - 1) * r)))


def test_event_time_counts_sessions_of_each_exchange_and_pairs_line_up_by_date():
    returns, market, _, asked = panel(firms=4, seed=9)
    closed = returns.index[[20, 70, 97, 101, 140]]  # holidays of the first two firms' exchange
    returns.loc[closed, ["F0", "F1"]] = np.nan
    calendars = {"F0": "A", "F1": "A", "F2": "B", "F3": "B"}
    asked = asked[asked["event"] == "E0"].assign(date=returns.index[101])  # closed on A: rolls to the next
    found = study(returns, asked, market=market, calendars=calendars)
    own = returns.drop(index=closed)
    alone = study(own[["F0", "F1"]], asked.iloc[:2].assign(date=returns.index[102]), market=market)
    assert np.allclose(found.ar.iloc[:2], alone.ar)
    assert found.firm_events["rolled"].tolist() == [True, True, False, False]
    assert found.firm_events["date"].tolist() == [returns.index[102]] * 2 + [returns.index[101]] * 2
    assert (found.firm_events["days"] == 11).all()
    # residuals by row of the returns frame, from each firm's own day 0
    lined = pd.DataFrame(index=range(-70, 0), columns=range(4), dtype=float)
    for firm, zero in enumerate([102, 102, 101, 101]):
        days = own.index if firm < 2 else returns.index
        start = days.get_loc(returns.index[zero])
        rows = returns.index.get_indexer(days[start - 60 : start - 5]) - zero
        lined.loc[rows, firm] = found.estimates.residuals[firm]
    table = lined.corr().to_numpy()
    r = table[np.triu_indices(4, 1)].mean()
    bmp, kp = (found.tests((0, 0), name)["statistic"].item() for name in ("bmp", "kp_bmp"))
    assert kp == pytest.approx(bmp * np.sqrt((1 - r) / (1 + 3 * r)), rel=1e-9)


def test_firms_may_have_benchmarks_and_factors_of_their_own():
    returns, market, fx, asked = panel(firms=3, missing=0.05)
    own = pd.DataFrame({"F0": market, "F1": -market, "F2": market**2})
    found = study(returns, asked, market=own)
    sets = {"F0": pd.DataFrame({"market": market}), "F1": pd.DataFrame({"market": market, "fx": fx}),
            "F2": pd.DataFrame({"market": market, "fx": fx.shift(1).fillna(0)})}  # fmt: skip
    mixed = study(returns, asked, model="factors", factors=sets)
    panel_form = pd.concat({firm: sets[firm] for firm in ("F1", "F2")})
    long = study(returns[["F1", "F2"]], asked[asked["firm"] != "F0"], model="factors", factors=panel_form)
    for firm in returns:
        row = asked["firm"] == firm
        one = study(returns[[firm]], asked[row], market=own[firm])
        assert np.allclose(found.ar[row.to_numpy()], one.ar, equal_nan=True, atol=1e-14)
        alone = study(returns[[firm]], asked[row], model="factors", factors=sets[firm])
        assert np.allclose(mixed.ar[row.to_numpy()], alone.ar, equal_nan=True, atol=1e-14)
        assert np.allclose(mixed.car()["se"][row.to_numpy()], alone.car()["se"], rtol=1e-12)
    assert mixed.estimation["fx"].isna().tolist() == (asked["firm"] == "F0").tolist()
    assert np.allclose(long.ar, mixed.ar[(asked["firm"] != "F0").to_numpy()], equal_nan=True)


def thin_trading(returns, market, asked, method, lags):
    """Betas by textbook regressions, one firm-event at a time."""
    for _, firm, date in asked.itertuples(index=False):
        zero = returns.index.get_loc(date)
        r, m = returns[firm].to_numpy(), market.to_numpy()
        days = np.arange(zero - 60, zero - 5)
        days = days[np.isfinite(r[days])]
        if method == "scholes-williams":
            past = np.arange(zero - 60, zero - 5)
            rho = np.corrcoef(m[past], m[past - 1])[0, 1]
            slopes = [np.polyfit(m[days + s], r[days], 1)[0] for s in (-1, 0, 1)]
            beta = sum(slopes) / (1 + 2 * rho)
        else:
            x = np.column_stack([m[days + s] for s in range(-lags, lags + 1)])
            slopes = sm.OLS(r[days], sm.add_constant(x)).fit().params[1:]
            beta = slopes.sum()
            if method == "fowler-rorke":
                rho = [np.corrcoef(m[days], m[days - j])[0, 1] for j in range(1, lags + 1)]
                total = 1 + 2 * sum(rho)
                if lags == 1:
                    weights = [(1 + rho[0]) / total]
                else:
                    weights = [(1 + 2 * rho[0] + rho[1]) / total, (1 + rho[0] + rho[1]) / total]
                beta = slopes[lags] + sum(
                    w * (slopes[lags - j] + slopes[lags + j]) for j, w in enumerate(weights, start=1)
                )
        yield r[days].mean() - beta * m[days].mean(), beta


@pytest.mark.parametrize("method", ["scholes-williams", "dimson", "fowler-rorke"])
@pytest.mark.parametrize("lags", [1, 2])
@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_thin_trading_betas_are_those_of_the_textbook(method, lags, missing):
    returns, market, _, asked = panel(missing=missing, firms=3)
    found = study(returns, asked, market=market, method=method, lags=lags)
    expected = np.array(list(thin_trading(returns, market, asked, method, lags)))
    assert np.allclose(found.estimation[["alpha", "market"]], expected, rtol=1e-7, atol=1e-10)
    own = study(returns, asked, market=pd.DataFrame(dict.fromkeys(returns, market)), method=method, lags=lags)
    assert np.allclose(own.ar, found.ar, atol=1e-12, equal_nan=True)
    ar = returns["F0"].iloc[95:106] - expected[0, 0] - expected[0, 1] * market.iloc[95:106]
    assert np.allclose(found.ar.iloc[0], ar, equal_nan=True, atol=1e-9)


def test_garch_errors_give_coefficients_of_arch_and_a_variance_forecast():
    from arch import arch_model

    returns, market, _, asked = panel(days=360, firms=1)
    returns *= 1 + np.abs(np.sin(np.arange(360) / 30))[:, None]
    asked = asked.iloc[:1].assign(date=returns.index[330])
    found = study(returns, asked, market=market, method="garch", estimation=(-300, -6))
    past = slice(30, 325)
    fit = arch_model(
        100 * returns["F0"].iloc[past],
        x=100 * market.iloc[past].to_frame("m"),
        mean="LS",
        vol="GARCH",
        rescale=False,
    ).fit(disp="off")
    line = found.estimation.iloc[0]
    assert line["market"] == pytest.approx(fit.params["m"], abs=2e-3)
    assert line["alpha"] == pytest.approx(fit.params["Const"] / 100, abs=2e-5)
    ahead = fit.forecast(horizon=11, x={"m": np.zeros((1, 11))}, reindex=False).variance.to_numpy()[0]
    assert line["sigma"] == pytest.approx(np.sqrt(ahead.mean()) / 100, rel=0.01)


def test_gap_between_the_windows_is_tested_for_a_trend():
    returns, market, _, asked = panel()
    gap = study(returns, asked, market=market, estimation=(-60, -16))
    wide = events.study(returns, asked, market=market, estimation=(-60, -16), window=(-15, 5))
    assert np.allclose(gap.estimation["gap_t"], wide.car((-15, -6))["t"], rtol=1e-10)
    assert study(returns, asked, market=market).estimation["gap_t"].isna().all()


def test_rank_sample_can_be_the_tested_window_alone():
    returns, market, _, asked = panel()
    wide, narrow = (
        events.study(returns, asked, market=market, estimation=ESTIMATION, window=window)
        for window in ((-5, 5), (0, 1))
    )
    one = wide.tests((0, 1), "corrado", rank_sample="tested_window")["statistic"].item()
    assert one == pytest.approx(narrow.tests((0, 1), "corrado")["statistic"].item(), rel=1e-12)
    assert one != pytest.approx(wide.tests((0, 1), "corrado")["statistic"].item(), rel=1e-3)


def test_distribution_and_alternative_are_conventions():
    returns, market, _, asked = panel()
    found = study(returns, asked, market=market)
    plain = found.tests((0, 0), "kp_bmp").iloc[0]
    assert plain["p_value"] == pytest.approx(2 * stats.t.sf(abs(plain["statistic"]), len(asked) - 1))
    normal = found.tests((0, 0), "kp_bmp", distribution="normal").iloc[0]
    assert normal["p_value"] == pytest.approx(2 * stats.norm.sf(abs(plain["statistic"])))
    sides = [found.tests((0, 0), alternative=side)["p_value"] for side in ("greater", "less")]
    assert np.allclose(sides[0] + sides[1], 1)


def test_by_event_adjusts_for_having_tested_all_events():
    from statsmodels.stats.multitest import multipletests

    returns, market, _, asked = panel(seed=2)
    found = study(returns, asked, market=market)
    table = found.by_event((0, 1))
    for event in table.index:
        one = found.select(events=[event]).tests((0, 1), "kp_bmp").iloc[0]
        assert table.loc[event, "p_value"] == pytest.approx(one["p_value"])
        assert table.loc[event, "n"] == 7
    assert np.allclose(table["p_holm"], multipletests(table["p_value"], method="holm")[1])
    assert np.allclose(table["p_bh"], multipletests(table["p_value"], method="fdr_bh")[1])
    assert (table[["p_holm", "p_bh"]].to_numpy() >= table[["p_value"]].to_numpy()).all()
    assert table["date"].is_monotonic_increasing


def test_by_event_shows_events_without_a_return_in_the_window():
    returns, market, _, asked = panel()
    returns.iloc[100] = np.nan
    table = study(returns, asked, market=market).by_event((0, 0))
    assert table.loc["E0", "n"] == 0 and table.loc["E0"].drop("n").isna().all()
    assert table.loc[["E1", "E2"], "p_value"].notna().all()
    with pytest.raises(DataError, match="no firm-event has the returns of this window"):
        study(returns, asked[asked["event"] == "E0"], market=market).tests((0, 0))


def test_adjusted_tests_are_listed_first():
    flags = [test.adjusted for test in et.TESTS.values()]
    assert flags == sorted(flags, reverse=True) and next(iter(et.TESTS)) == "kp_bmp"


def test_notes_say_what_a_test_does_not_withstand_and_why_it_is_missing():
    returns, market, _, asked = panel()
    notes = study(returns, asked[asked["event"] == "E0"], market=market).tests((0, 0))["note"]
    assert notes["kp_bmp"] == "Kolari and Pynnönen 2010"
    assert "share the event day" in notes["bmp"] and "adds variance" not in notes["bmp"]
    assert "adds variance" in notes["kp_patell"] and "share" not in notes["kp_patell"]
    assert notes["clustered"].endswith("not defined for so few firm-events, events or days")


def test_selecting_keeps_estimates_and_the_skipped_of_the_selection():
    returns, market, _, asked = panel()
    returns["F1"] = np.nan
    found = study(returns, asked, market=market)
    part = found.select(events="E1", firms=["F0", "F1"])
    assert list(part.firm_events.index) == [("E1", "F0")]
    assert part.skipped[["event", "firm"]].to_numpy().tolist() == [["E1", "F1"]]
    assert np.array_equal(part.ar.loc[("E1", "F0")], found.ar.loc[("E1", "F0")])


def test_windows_and_table_agree_with_the_parts():
    returns, market, _, asked = panel(missing=0.1)
    found = study(returns, asked, market=market)
    table = found.windows([(0, 0), (-1, 1)], ["kp_bmp", "patell"])
    assert table.loc["[-1, 1]", "caar"] == pytest.approx(found.car((-1, 1))["car"].mean())
    assert table.loc["[-1, 1]", "bhar"] == pytest.approx(found.bhar((-1, 1))["bhar"].mean())
    assert table.loc["[-1, 1]", "patell"] == found.tests((-1, 1), "patell")["statistic"].item()
    assert list(found.table().index) == ["[0, 0]", "[0, 1]", "[-1, 1]", "[-5, 5]"]


def test_summary_says_what_was_done_and_what_came_out():
    returns, market, _, asked = panel(missing=0.05)
    found = study(returns, asked, market=market)
    text = found.summary((0, 1))
    for part in ("21 firm-events", "model: market", "car_variance: full", "Kolari-Pynnönen"):
        assert part in text


def test_volume_study_is_a_study_of_logs():
    returns, _, _, asked = panel()
    volume = np.exp(5 + 10 * returns)
    found = events.volume_study(volume, asked, estimation=ESTIMATION, window=WINDOW, constant=0.1)
    plain = study(np.log(volume + 0.1), asked, model="mean", kind="volume")
    assert np.allclose(found.ar, plain.ar)
    market = volume.sum(axis=1)
    with_market = events.volume_study(volume, asked, market=market, estimation=ESTIMATION, window=WINDOW)
    logs = study(np.log(volume), asked, market=np.log(market), kind="volume")
    assert np.allclose(with_market.ar, logs.ar)
    with pytest.raises(DataError, match="volume \\+ constant falls to 0.0, which has no logarithm"):
        events.volume_study(volume * 0, asked)


def test_volatility_is_measured_across_firms():
    returns, market, _, asked = panel(firms=40)
    asked = asked[asked["event"] == "E0"]
    calm, _ = study(returns, asked, market=market).volatility((0, 1))
    returns.iloc[100] += 0.06 * np.random.default_rng(0).normal(size=40)
    ratio, test = study(returns, asked, market=market).volatility((0, 1))
    assert ratio[0] > 5 * calm[0] and ratio[1] == pytest.approx(calm[1]) and test.p_value < 1e-6


def test_fama_french_industries_are_estimated_as_by_statsmodels():
    data = french.load().set_index("dates")
    returns = data[["NoDur", "Durbl", "Manuf", "Enrgy", "Money"]].sub(data["RF"], axis=0)
    factors = data[["MktRF", "SMB", "HML"]]
    asked = pd.DataFrame({"firm": returns.columns, "date": pd.Timestamp("1987-10-01")})
    found = events.study(
        returns, asked, factors=factors, model="factors", estimation=(-120, -1), window=(0, 0)
    )
    past = slice(returns.index.get_loc("1987-10-01") - 120, returns.index.get_loc("1987-10-01"))
    for firm in returns:
        fit = sm.OLS(returns[firm].iloc[past], sm.add_constant(factors.iloc[past])).fit()
        line = found.estimation.loc[("1987-10-01", firm)]
        assert np.allclose(line[["alpha", "MktRF", "SMB", "HML"]].astype(float), fit.params, rtol=1e-9)
        crash = np.append(1.0, factors.loc["1987-10-01"])
        se = np.sqrt(fit.mse_resid + crash @ fit.cov_params() @ crash)
        assert found.ar_se.loc[("1987-10-01", firm), 0] == pytest.approx(se, rel=1e-10)


# --- what is refused, and what is skipped with a reason ---------------------------------------------


def spoiled(change):
    returns, market, fx, asked = panel(firms=2)
    arguments = {
        "returns": returns,
        "events": asked,
        "market": market,
        "estimation": ESTIMATION,
        "window": WINDOW,
    }
    return arguments | change(returns, market, fx, asked)


REFUSED = {
    "duplicate dates": (
        lambda r, m, f, a: {"returns": pd.concat([r, r.tail(1)])},
        "returns has 2024-11-01 twice",
    ),
    "time zone": (lambda r, m, f, a: {"returns": r.tz_localize("UTC")}, "returns carries the time zone UTC"),
    "time zone of events": (
        lambda r, m, f, a: {"events": a.assign(date=a["date"].dt.tz_localize("UTC"))},
        "has a time of day and no exchange; pass calendars=",
    ),
    "unsorted": (lambda r, m, f, a: {"returns": r[::-1]}, "returns is not in order of date; use sort_index"),
    "unsorted market": (lambda r, m, f, a: {"market": m[::-1]}, "market is not in order of date"),
    "no dates": (lambda r, m, f, a: {"returns": r.reset_index(drop=True)}, "indexed by RangeIndex"),
    "text": (lambda r, m, f, a: {"returns": r.astype(str) + "x"}, "values that are not numbers"),
    "infinite": (lambda r, m, f, a: {"returns": r.replace(r.iloc[3, 0], np.inf)}, "infinite on 2024-01-04"),
    "same column": (lambda r, m, f, a: {"returns": r.set_axis(["F0", "F0"], axis=1)}, "column 'F0' twice"),
    "overlapping windows": (
        lambda r, m, f, a: {"estimation": (-60, -5)},
        r"estimation \(-60, -5\) overlaps the event window",
    ),
    "reversed window": (lambda r, m, f, a: {"window": (5, -5)}, "ends before it begins"),
    "short estimation": (
        lambda r, m, f, a: {"estimation": (-12, -6)},
        "estimation window of 7 days is too short",
    ),
    "share": (lambda r, m, f, a: {"min_estimation": 0}, "min_estimation 0"),
    "model": (lambda r, m, f, a: {"model": "capm"}, "model 'capm': write one of 'mean', 'market_adjusted'"),
    "method": (lambda r, m, f, a: {"method": "gls"}, "method 'gls': write one of 'ols'"),
    "method and model": (
        lambda r, m, f, a: {"model": "mean", "method": "dimson"},
        "use it with model='market'",
    ),
    "no market": (lambda r, m, f, a: {"market": None}, "model 'market' needs market="),
    "no factors": (lambda r, m, f, a: {"model": "factors"}, "model 'factors' needs factors="),
    "unused factors": (lambda r, m, f, a: {"factors": f}, "does not use them; use model='factors'"),
    "factor names": (
        lambda r, m, f, a: {"model": "factors", "factors": f.rename("market")},
        "names must differ",
    ),
    "no column": (lambda r, m, f, a: {"events": a.drop(columns="date")}, "events has no column date"),
    "unreadable date": (lambda r, m, f, a: {"events": a.assign(date="soon")}, "a date cannot be read"),
    "no firm": (lambda r, m, f, a: {"events": a.assign(firm=None)}, "events row 0: event or firm is empty"),
    "pairs": (lambda r, m, f, a: {"events": [("F0", "2024-05-20")]}, "a date cannot be read"),
    "window of one number": (lambda r, m, f, a: {"window": 0}, r"window 0: write its first and last day"),
    "estimation by text": (lambda r, m, f, a: {"estimation": "year"}, "estimation 'year': write its first"),
    "times of day": (
        lambda r, m, f, a: {"market": m.set_axis(m.index + pd.Timedelta(hours=16))},
        "market carries times of day",
    ),
    "lags": (lambda r, m, f, a: {"method": "dimson", "lags": 0}, "lags 0: write 1 or more"),
    "array": (lambda r, m, f, a: {"market": m.to_numpy()}, "market is a ndarray; pass a pandas Series"),
    "no events": (lambda r, m, f, a: {"events": a.iloc[:0]}, "events is empty"),
    "two dates": (
        lambda r, m, f, a: {"events": a.assign(event="E")},
        "'E' has 'F0' on two dates, the second 2024-07-29",
    ),
    "weekend": (
        lambda r, m, f, a: {
            "events": a.assign(date=pd.Timestamp("2024-06-01"), event=range(6)),
            "roll": "error",
        },
        "2024-06-01 is no session for F0",
    ),
    "same session": (
        lambda r, m, f, a: {"events": a.assign(date=a["date"][0], event=range(6)), "duplicates": "error"},
        "'F0' has two events on 2024-05-20",
    ),
    "no calendar": (lambda r, m, f, a: {"calendars": {"F0": "A"}}, "calendars names no exchange for F1"),
    "market of one": (lambda r, m, f, a: {"market": m.to_frame("F0")}, "has nothing for 'F1'"),
    "outside": (
        lambda r, m, f, a: {"events": a.assign(date=pd.Timestamp("2030-01-01"), event=range(6))},
        "6 × day 0 lies outside the returns",
    ),
    "all NaN": (lambda r, m, f, a: {"returns": r * np.nan}, "6 × no returns at all"),
    "constant": (lambda r, m, f, a: {"returns": r * 0 + 0.01}, "6 × returns constant, or exactly explained"),
    "constant market": (
        lambda r, m, f, a: {"market": m * 0 + 0.001},
        "6 × market or factors constant or collinear",
    ),
    "short history": (
        lambda r, m, f, a: {"min_estimation": 1.0, "returns": r.iloc[99:]},
        "6 × fewer than 55 days",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused_by_name(case):
    change, message = REFUSED[case]
    with pytest.raises(DataError, match=message):
        events.study(**spoiled(change))


def test_single_faults_are_skipped_with_a_reason_and_nothing_is_lost():
    returns, market, _, asked = panel(firms=6)
    returns["F1"], returns["F2"] = np.nan, 0.0
    returns.iloc[:80, 3] = np.nan
    returns.iloc[94:, 4] = np.nan
    more = pd.DataFrame(
        [("E0", "F9", returns.index[100]), ("E8", "F5", pd.Timestamp("2031-01-01")), ("E9", "F5", pd.NaT),
         ("E7", "F5", returns.index[100]), ("E0", "F5", returns.index[100])],
        columns=["event", "firm", "date"],
    )  # fmt: skip
    everything = pd.concat([asked[asked["event"] == "E0"], more])
    found = study(returns, everything, market=market)
    reasons = found.skipped.set_index(["event", "firm"])["reason"].to_dict()
    assert reasons == {
        ("E0", "F1"): "no returns at all",
        ("E0", "F2"): "returns constant, or exactly explained, in the estimation window",
        ("E0", "F3"): "fewer than 28 days with return, market and factors in the estimation window",
        ("E0", "F4"): "no return in the event window",
        ("E0", "F5"): "repeats an earlier row",
        ("E0", "F9"): "the firm has no column in returns",
        ("E7", "F5"): "another event of the firm falls on the same session; it is counted there",
        ("E8", "F5"): "day 0 lies outside the returns of its exchange",
        ("E9", "F5"): "no date",
    }
    assert list(found.firm_events.index) == [("E0", "F0"), ("E0", "F5")]
    assert len(found) + len(found.skipped) == len(everything)
    kept = study(returns, everything, market=market, duplicates="keep")
    assert ("E7", "F5") in kept.firm_events.index and kept.firm_events.loc[("E7", "F5"), "overlaps"]


def test_day_zero_moves_as_asked_and_says_so():
    returns, market, _, asked = panel(firms=1)
    saturday = asked.iloc[:1].assign(date=pd.Timestamp("2024-06-01"))
    for roll, day in (("next", "2024-06-03"), ("previous", "2024-05-31")):
        line = study(returns, saturday, market=market, roll=roll).firm_events.iloc[0]
        assert (
            line["date"] == pd.Timestamp(day)
            and line["rolled"]
            and line["asked"] == pd.Timestamp("2024-06-01")
        )


def test_windows_beyond_the_event_window_are_refused():
    returns, market, _, asked = panel()
    found = study(returns, asked, market=market)
    with pytest.raises(DataError, match=r"window \(-9, 0\) is not inside the event window \(-5, 5\)"):
        found.tests((-9, 0))
    with pytest.raises(DataError, match=r"window 0: write its first and last day, such as \(-1, 1\)"):
        found.tests(0)
    with pytest.raises(DataError, match="by_event takes one test, not 'all'"):
        found.by_event(which="all")
    with pytest.raises(DataError, match="no firm-event has these events and firms"):
        found.select(firms=["F99"])


def test_one_firm_event_has_its_own_standard_error_and_no_cross_section():
    returns, market, _, asked = panel()
    found = study(returns, asked.iloc[:1], market=market)
    tests = found.tests((0, 1))
    assert tests.loc[["kp_bmp", "cross_sectional", "clustered", "grank_t"], "p_value"].isna().all()
    car = found.car((0, 1)).iloc[0]
    nu = 53
    assert tests.loc["patell", "statistic"] == pytest.approx(car["t"] / np.sqrt(nu / (nu - 2)))
    assert found.windows([(0, 1)])["se"].item() == pytest.approx(car["se"])


def test_nothing_warns_on_ragged_data():
    returns, market, _, asked = panel(missing=0.3, seed=4)
    returns.iloc[:90, 0] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = study(returns, asked, market=market, min_estimation=0.3)
        found.tests((0, 0)), found.by_event((0, 1)), found.summary(), found.estimation, found.caar, found.sar


def test_dates_may_be_text_in_iso_form_or_python_dates():
    returns, market, _, asked = panel()
    plain = study(returns, asked, market=market)
    for dates in (asked["date"].dt.strftime("%Y-%m-%d"), asked["date"].dt.date):
        assert study(returns, asked.assign(date=dates), market=market).firm_events.equals(plain.firm_events)
    with pytest.raises(DataError, match="a date cannot be read"):
        study(returns, asked.assign(date="03/04/2024"), market=market)  # March or April?


def test_buy_and_hold_is_empty_where_a_return_cannot_be_a_fraction():
    returns, market, _, asked = panel()
    returns.loc[asked["date"].unique()] *= 60
    found = study(returns, asked, market=market)
    below = (returns.loc[asked["date"].unique()] < -1).sum().sum()
    assert found.bhar((0, 0))["bhar"].isna().sum() == below > 0


def test_estimation_as_a_length_ends_right_before_the_event_window():
    returns, market, _, asked = panel()
    one = events.study(returns, asked, market=market, estimation=np.int64(55), window=list(WINDOW))
    assert one.window == WINDOW
    assert one.settings["estimation"] == ESTIMATION
    assert np.allclose(one.ar, study(returns, asked, market=market).ar)


def test_prediction_error_can_be_left_out():
    returns, market, _, asked = panel()
    found = study(returns, asked, market=market)
    car = found.car((0, 0), prediction_error=False)
    assert np.allclose(car["se"], found.estimation["sigma"])


def as_estudy2(found, market):
    """The study of one event under the conventions of R package estudy2 (Rudnytskyi 2019).

    T − 1 for the residual variance, and the moments of the market over every day of the estimation window
    in the prediction error, whatever days the firm has.
    """
    of, (first, last) = found.estimates, found.settings["estimation"]
    zero = market.index.get_loc(found.firm_events["date"].iloc[0])
    past, now = (market[zero + a : zero + b + 1] for a, b in ((first, last), found.window))
    off = (now - past.mean()).to_numpy() / np.sqrt(((past - past.mean()) ** 2).sum())
    whitened = np.stack(
        [np.tile(1 / np.sqrt(of.observations)[:, None], len(now)), np.tile(off, (len(found), 1))], 2
    )
    rss = of.rss * (of.observations - of.parameters) / (of.observations - 1)
    return replace(found, estimates=replace(of, rss=rss, whitened=whitened))


def test_formulas_of_another_package_follow_from_ours():
    """Those of R package estudy2, day by day, on a panel with holes; see `as_estudy2`.

    It scales ranks and signs by the mean number of returns in place of the number of days. Days on which a
    firm is missing it treats in its own way.
    """
    returns, market, _, _ = panel(missing=0.1, seed=3)
    returns.iloc[100:102] = returns.iloc[100:102].fillna(0.013)
    plain = events.study(returns, "2024-05-20", market=market, estimation=(-90, -1), window=(0, 5))
    found = as_estudy2(plain, market)
    past, now = slice(10, 100), slice(100, 106)
    inside = returns.mask(market.isna())
    slopes = {firm: np.polyfit(market[past][r.notna()], r.dropna(), 1) for firm, r in inside[past].items()}
    ar = pd.DataFrame({firm: returns[firm] - np.polyval(line, market) for firm, line in slopes.items()})
    spread, days = ar[past].std(), ar[past].notna().sum()
    distance = (market - market[past].mean()) ** 2 / ((market[past] - market[past].mean()) ** 2).sum()
    scale = np.sqrt(1 + np.add.outer(distance.to_numpy(), 1 / days.to_numpy()))
    sar = ar / spread / scale
    portfolio = ar[past].mean(axis=1)
    full = pd.concat([ar[past], ar[now]])
    here, available = full.notna(), full.notna().sum().mean()
    rank, sign = full.rank(), np.sign(full - full.median())
    modified = (rank / (1 + here.sum()) - 0.5).sum(axis=1) / np.sqrt(here.sum(axis=1))
    plain = (rank - rank.mean()).sum(axis=1) / here.sum(axis=1)
    signs = sign.sum(axis=1) / np.sqrt(here.sum(axis=1))
    for day in (0, 1):
        row = 100 + day
        mean, n = ar.iloc[row].mean(), returns.shape[1]
        expected = {
            "brown_warner": mean / (np.sqrt((spread**2).sum()) / n),
            "crude_dependence": mean / portfolio.std(),
            "cross_sectional": mean / ar.iloc[row].std() * np.sqrt(n),
            "patell": sar.iloc[row].sum() / np.sqrt(((days - 2) / (days - 4)).sum()),
            "bmp": sar.iloc[row].mean() / sar.iloc[row].std() * np.sqrt(n),
            "corrado": plain.iloc[90 + day] / np.sqrt((plain**2).sum() / available),
            "corrado_zivney": modified.iloc[90 + day] / np.sqrt((modified**2).sum() / available),
            "corrado_sign": signs.iloc[90 + day] / np.sqrt((signs**2).sum() / available),
        }
        tests = found.tests((day, day))["statistic"]
        ranked = ["corrado", "corrado_zivney", "corrado_sign"]
        tests[ranked] *= np.sqrt(available / len(full))
        for name, value in expected.items():
            assert tests[name] == pytest.approx(value, rel=1e-10), name


def test_calendar_time_portfolio_holds_the_firms_whose_window_is_open():
    returns, market, _, asked = panel(missing=0.1)
    found = study(returns, asked, market=market)
    portfolio = found.calendar_time((0, 3))
    wanted = {}
    for (event, firm), row in found.ar.loc[:, 0:3].iterrows():
        zero = returns.index.get_loc(found.firm_events.loc[(event, firm), "date"])
        for day, value in row.dropna().items():
            wanted.setdefault(returns.index[zero + day], []).append(value)
    assert portfolio["firms"].to_dict() == {date: len(values) for date, values in wanted.items()}
    assert np.allclose(portfolio["mean"], [np.mean(wanted[date]) for date in portfolio.index], rtol=1e-12)
    t = stats.ttest_1samp(portfolio["mean"], 0)
    test = found.tests((0, 3), "calendar_time")
    assert test["statistic"].item() == pytest.approx(t.statistic)
    assert test["p_value"].item() == pytest.approx(t.pvalue)


def test_events_come_as_rows_as_a_mapping_or_as_dates_of_all_firms():
    returns, market, _, asked = panel(firms=2)
    plain = study(returns, asked.drop(columns="event"), market=market)
    dates = list(asked["date"].unique())
    by_firm = {firm: [f"{day:%Y-%m-%d}" for day in dates] for firm in returns}
    for form in (dates, by_firm, pd.Series(by_firm), pd.DatetimeIndex(dates)):
        found = study(returns, form, market=market)
        assert found.ar.sort_index().equals(plain.ar.sort_index())
    one = study(returns, "2024-05-20", market=market)
    assert list(one.firm_events.index) == [("2024-05-20", "F0"), ("2024-05-20", "F1")]
    alone = study(returns["F0"], dates[0], market=market)
    other = study(returns, {"F1": dates[0]}, market=market.to_frame("index"))
    assert np.allclose(np.vstack([alone.ar, other.ar]), one.ar, rtol=0, atol=1e-14)


def test_blocks_of_firm_events_do_not_change_the_estimates(monkeypatch):
    returns, market, _, asked = panel(missing=0.1)
    whole = study(returns, asked, market=pd.DataFrame(dict.fromkeys(returns, market)))
    monkeypatch.setattr(normal_returns, "_ROWS", 2)
    parts = study(returns, asked, market=market)
    assert np.allclose(whole.ar, parts.ar, atol=1e-13, equal_nan=True)


# --- the bundled panel ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tariff(known):
    return events.tariff_study(known)


def test_home_lines_of_all_makers_are_studied_against_their_own_index(known, tariff):
    firms = set(tariff.firm_events.index.unique("firm"))
    lines = {line for line in known.makers["ticker"].dropna() if line in known.prices}
    assert firms == lines and "TM" not in firms
    assert tariff.estimation.xs("7203.T", level="firm")["market"].between(0.3, 2).all()


def test_japan_deal_lifted_japanese_makers_in_tokyo_the_next_morning(tariff):
    (event,) = [name for name in tariff.firm_events.index.unique("event") if name.startswith("2025-07-22")]
    line = tariff.firm_events.loc[(event, "7203.T")]
    assert line["date"] == pd.Timestamp("2025-07-23")
    day = tariff.ar.loc[event][0]
    assert day[["7203.T", "7261.T", "7270.T"]].min() > 0.08
    assert day["7261.T"] > day["7269.T"]  # Mazda imports all it sells in the US, Suzuki sells no cars there


def test_fx_enters_with_the_lag_that_the_fixing_asks_for(known):
    found = events.tariff_study(known, model="market_fx", tickers=["7203.T", "BMW.DE", "GM"])
    assert set(found.terms) == {"alpha", "market", "fx", "fx_lag1", "fx_lead1"}
    line = found.estimation.groupby("firm")[["fx", "fx_lag1", "fx_lead1"]].count().gt(0)
    assert line.loc["7203.T"].tolist() == [True, True, False]
    assert line.loc["BMW.DE"].tolist() == [True, False, True]
    assert line.loc["GM"].tolist() == [False, False, False]


def test_unknown_model_of_the_tariff_study_is_named(known):
    with pytest.raises(
        DataError, match="model 'factors': write 'mean', 'market_adjusted', .* 'dcc', 'market_fx'"
    ):
        events.tariff_study(known, model="factors")


def test_makers_of_each_home_move_as_a_study_of_them_alone(known, tariff):
    deal = tariff.select(events=["2025-07-22-japan-deal"])
    found = events.by_home(known, deal, (0, 1))
    assert found["caar"].is_monotonic_decreasing and "GB" not in found.index
    japanese = known.makers.query("home == 'JP'")["ticker"].dropna()
    alone = deal.select(firms=list(japanese)).by_event((0, 1)).iloc[0]
    for name in ("n", "caar", "se_adjusted", "p_value"):
        assert found.at["JP", name] == alone[name]
    assert (found["n"] >= 3).all() and events.by_home(known, deal, (0, 1), fewest=18).empty


def test_alarms_count_the_firm_events_in_which_a_diagnostic_rejects(tariff):
    found = tariff.alarms["rejected"]
    assert list(found.index) == ["jarque_bera", "ljung_box", "arch_lm", "cusum", "gap"]
    for name in found.index.drop("gap"):
        assert found[name] == (tariff.estimation[f"{name}_p"] < 0.05).mean()
    assert found["gap"] == (tariff.estimation["gap_t"].abs() > 1.96).mean()
