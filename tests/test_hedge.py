"""Hedges against plain loops, on known truths, and on input that must be refused.

Signs, once: a ratio is sold. A share that gains when the yen weakens (β on yen per dollar above zero)
is hedged by selling dollars against yen.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from tariffmodel import booked, case, hedge, market, mimicking
from tariffmodel.errors import DataError
from tariffmodel.hedging import out_of_sample
from tariffmodel.stats import resampling


def weeks(n):
    return pd.date_range("2022-01-07", periods=n, freq="W-FRI")


def simulated(n=160, ratios=(0.6, -0.4), noise=0.02, seed=0):
    """A position that moves `ratios` times its instruments, plus noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, len(ratios))) * 0.015
    names = ["JPY", "TOPIX", "EWJ"][: len(ratios)]
    y = x @ np.array(ratios) + rng.normal(size=n) * noise
    return pd.Series(y, weeks(n), name="7203.T"), pd.DataFrame(x, weeks(n), names)


def least_squares(y, x):
    return np.linalg.lstsq(np.column_stack([np.ones(len(x)), x]), y)[0][1:]


# P&L and signs


def test_pnl_of_a_tokyo_share_by_hand(known):
    day = pd.Timestamp("2025-07-23")  # the deal with Japan: Toyota up 14% as the yen firms
    before = market.sessions(known, "XTKS")[market.sessions(known, "XTKS") < day][-1]
    share, topix, ewj = (
        known.prices.at[day, name] / known.prices.at[before, name] - 1 for name in ("7203.T", "TOPIX", "EWJ")
    )
    yen = known.fx.at[day, "USDJPY"] / known.fx.at[before, "USDJPY"]  # above one: the yen is weaker
    in_dollars = hedge.pnl(known, "7203.T", ["JPY", "TOPIX", "EWJ"], horizon=1).loc[day]
    assert in_dollars["7203.T"] == pytest.approx((1 + share) / yen - 1)  # paid for in dollars
    assert in_dollars["TOPIX"] == pytest.approx(topix / yen)  # a future: only the gain is in yen
    assert in_dollars["JPY"] == pytest.approx((yen - 1) / yen)  # dollars held against yen
    assert in_dollars["EWJ"] == pytest.approx(ewj)
    in_yen = hedge.pnl(known, "7203.T", ["JPY", "EWJ"], currency="JPY", horizon=1).loc[day]
    assert in_yen["7203.T"] == pytest.approx(share) and in_yen["JPY"] == pytest.approx(yen - 1)
    assert in_yen["EWJ"] == pytest.approx(ewj * yen)


def test_pnl_in_a_third_currency_crosses_through_the_dollar(known):
    day = pd.Timestamp("2025-07-23")
    days = market.sessions(known, "XTKS")
    before = days[days < day][-1]
    cross = known.fx["USDJPY"] * known.fx["EURUSD"]  # yen per euro
    share = known.prices.at[day, "7203.T"] / known.prices.at[before, "7203.T"]
    found = hedge.pnl(known, "7203.T", ["JPY"], currency="EUR", horizon=1).at[day, "7203.T"]
    assert found == pytest.approx(share / (cross[day] / cross[before]) - 1)


def test_share_that_gains_from_a_weak_yen_is_hedged_by_selling_dollars_against_yen():
    weaker = pd.DataFrame({"JPY": [0.01, -0.02, 0.03, -0.01, 0.02, -0.03]}, weeks(6))
    share = (0.5 * weaker["JPY"] + [0.001, 0.001, -0.001, -0.001, 0.001, -0.001]).rename("7203.T")
    ratio = hedge.static(share, weaker).table.at["JPY", "ratio"]
    assert ratio == pytest.approx(0.5, abs=0.05) and ratio > 0
    hedged = share - ratio * weaker["JPY"]  # selling loses when the dollar gains
    assert hedged.var() < 0.1 * share.var()


def test_toyota_is_long_dollars_in_yen_and_less_so_in_dollars(known):
    """The share gains from a weak yen; whoever pays for it in dollars loses on the yen themselves."""
    ratio = {
        currency: hedge.static(frame["7203.T"], frame[["JPY"]]).table.at["JPY", "ratio"]
        for currency in ("JPY", "USD")
        for frame in [hedge.pnl(known, "7203.T", ["JPY"], currency=currency)]
    }
    assert ratio["JPY"] > 0.5
    assert ratio["USD"] == pytest.approx(ratio["JPY"] - 1, abs=0.1)


def test_rows_of_several_sessions_do_not_overlap_unless_asked_to(known):
    daily, apart, every = (
        hedge.pnl(known, "7203.T", ["TOPIX"], currency="JPY", horizon=h, overlapping=o)
        for h, o in ((1, False), (2, False), (2, True))
    )
    assert len(every) == len(daily) and len(apart) == -(-len(daily) // 2)
    twice = (1 + daily["7203.T"]) * (1 + daily["7203.T"].shift(1)) - 1
    pd.testing.assert_series_equal(every["7203.T"], twice, check_names=False)
    pd.testing.assert_frame_equal(apart, every.iloc[::2])


# Ratios


def test_static_ratio_is_least_squares_and_reduction_is_r_squared():
    y, x = simulated()
    found = hedge.static(y, x)
    assert found.table["ratio"].tolist() == pytest.approx(least_squares(y, x), rel=1e-10)
    rest = y - x @ found.table["ratio"]
    assert found.reduction == pytest.approx(1 - rest.var() / y.var(), rel=1e-10)
    assert abs(np.cov(rest, x["JPY"])[0, 1]) < 1e-15  # nothing left to hedge
    assert (found.n, str(found.first), str(found.last)) == (160, "2022-01-07", "2025-01-24")


def test_static_interval_is_that_of_a_naive_newey_west():
    y, x = simulated(n=120)
    found = hedge.static(y, x, hac_lags=3).table
    design = np.column_stack([np.ones(120), x])
    beta = np.linalg.solve(design.T @ design, design.T @ y)
    score = design * (y.to_numpy() - design @ beta)[:, None]
    meat = np.zeros((3, 3))
    for t in range(120):
        for s in range(120):
            meat += max(0.0, 1 - abs(t - s) / 4) * np.outer(score[t], score[s])
    bread = np.linalg.inv(design.T @ design)
    error = np.sqrt(np.diag(bread @ meat @ bread * 120 / 117))[1:]
    assert found["standard_error"].tolist() == pytest.approx(error, rel=1e-10)
    reach = (found["high"] - found["low"]) / 2 / found["standard_error"]
    assert reach.tolist() == pytest.approx([1.980448, 1.980448], abs=1e-6)  # t, 117 degrees


def test_lead_lag_sum_finds_what_a_later_close_hides():
    """Half of each move reaches the share a day later, as after a Tokyo close before the fixing."""
    rng = np.random.default_rng(1)
    x = pd.DataFrame({"JPY": rng.normal(size=3000) * 0.006}, pd.bdate_range("2010-01-04", periods=3000))
    y = (0.4 * x["JPY"] + 0.4 * x["JPY"].shift(1) + rng.normal(size=3000) * 0.004).rename("7203.T")
    plain, dimson = hedge.static(y, x).table, hedge.static(y, x, lags=1).table
    assert plain.at["JPY", "ratio"] == pytest.approx(0.4, abs=0.04)
    assert dimson.at["JPY", "low"] < 0.8 < dimson.at["JPY", "high"] and dimson.at["JPY", "low"] > 0.7


def test_event_ratios_are_those_of_the_two_samples_apart():
    y, x = simulated()
    days = [str(day.date() - pd.Timedelta(days=2)) for day in x.index[10:100:6]]  # Wednesdays
    hit = hedge.event_rows(x.index, days)
    assert hit.sum() == 15 and hit[10]
    y = y.where(~hit, y + 1.5 * x["JPY"])
    found = hedge.on_events(y, x, days)
    assert found["ratio_event"].tolist() == pytest.approx(least_squares(y[hit], x[hit]), rel=1e-9)
    assert found["ratio_other"].tolist() == pytest.approx(least_squares(y[~hit], x[~hit]), rel=1e-9)
    assert found["difference"].tolist() == pytest.approx(found["ratio_event"] - found["ratio_other"])
    assert (
        found.at["JPY", "difference"] > 1 and found.at["JPY", "p"] < 0.05 and found.at["JPY", "n_event"] == 15
    )


def test_difference_on_events_has_the_error_of_a_dummy_regression():
    y, x = simulated(ratios=(0.6,))
    days = x.index[5:150:9]
    hit = hedge.event_rows(x.index, days).astype(float)
    frame = pd.DataFrame({"x": x["JPY"], "event": hit, "both": x["JPY"] * hit})
    from tariffmodel import sensitivity

    plain = sensitivity.regress(y, frame, hac_lags=2).table().loc["both"]
    found = hedge.on_events(y, x, days, hac_lags=2).loc["JPY"]
    assert found["difference"] == pytest.approx(plain["value"], rel=1e-9)
    assert found["standard_error"] == pytest.approx(plain["standard_error"], rel=1e-9)
    assert found["p"] == pytest.approx(plain["p"], rel=1e-7)


@pytest.mark.parametrize(
    ("index", "day", "rows", "hit"),
    [
        (weeks(4), "2022-01-12", 1, [1]),  # a Wednesday belongs to its Friday
        (weeks(4), "2022-01-14", 1, [1]),
        (weeks(4), "2022-01-15", 1, [2]),  # a Saturday to the next
        (weeks(4), "2022-01-12", 2, [1, 2]),
        (weeks(4), "2021-12-20", 1, []),  # weeks before the sample
        (weeks(4), "2022-03-01", 1, []),
        (weeks(4).delete(1), "2022-01-14", 1, []),  # its own week is missing: the next is not about it
        (pd.bdate_range("2022-01-03", periods=5), "2022-01-05", 1, [2]),
        (pd.bdate_range("2022-01-03", periods=5).delete(2), "2022-01-05", 1, []),
        (pd.bdate_range("2022-01-03", periods=9)[::2], "2022-01-06", 1, [2]),  # rows of two sessions
    ],
)
def test_event_falls_on_the_row_that_covers_it(index, day, rows, hit):
    assert np.flatnonzero(hedge.event_rows(index, [day], rows)).tolist() == hit


def test_rolling_equals_a_loop_of_regressions():
    y, x = simulated()
    found = hedge.rolling(y, x, 40)
    assert found.index[0] == x.index[39] and len(found) == 121
    for end in (39, 77, 159):
        here = slice(end - 39, end + 1)
        assert found.loc[x.index[end]].tolist() == pytest.approx(least_squares(y[here], x[here]), rel=1e-9)


def test_rolling_closes_up_rows_in_which_anything_is_missing():
    y, x = simulated()
    x.iloc[50, 0] = np.nan
    there = x.notna().all(axis=1)
    pd.testing.assert_frame_equal(hedge.rolling(y, x, 40), hedge.rolling(y[there], x[there], 40))


def test_ewma_equals_its_recursion():
    y, x = simulated()
    found = hedge.ewma(y, x, decay=0.9, start=20)
    z = np.column_stack([y, x])
    cov = sum(np.outer(row, row) for row in z[:20]) / 20
    for t in range(20, 160):
        cov = 0.9 * cov + 0.1 * np.outer(z[t], z[t])
        expected = np.linalg.solve(cov[1:, 1:], cov[1:, 0])
        assert found.iloc[t - 20].tolist() == pytest.approx(expected, rel=1e-9)


@pytest.fixture(scope="module")
def garch_pair():
    """Two GARCH series whose conditional correlation follows Engle's recursion, and the true ratio."""
    n, a, b, level = 2000, 0.05, 0.92, np.array([[1, 0.5], [0.5, 1]])
    rng = np.random.default_rng(5)
    q, variance = level.copy(), np.array([1.0, 1.0])
    z, truth = np.empty((n, 2)), np.empty(n)
    for t in range(n):
        r = q / np.sqrt(np.outer(np.diag(q), np.diag(q)))
        truth[t] = r[0, 1] * np.sqrt(variance[0] / variance[1])
        shock = np.linalg.cholesky(r) @ rng.normal(size=2)
        z[t] = shock * np.sqrt(variance)
        q = (1 - a - b) * level + a * np.outer(shock, shock) + b * q
        variance = 0.05 + 0.07 * z[t] ** 2 + 0.88 * variance
    index = pd.bdate_range("2015-01-01", periods=n)
    return pd.Series(z[:, 0] / 100, index, name="y"), pd.DataFrame({"x": z[:, 1] / 100}, index), truth


def test_dcc_follows_a_ratio_that_moves(garch_pair):
    y, x, truth = garch_pair
    found = hedge.dcc(y, x)["x"]
    ahead = found.to_numpy()[:-1]  # the forecast for the next row
    assert np.corrcoef(ahead, truth[1:])[0, 1] > 0.85
    fixed = hedge.static(y, x).table.at["x", "ratio"]
    assert np.mean((ahead - truth[1:]) ** 2) < 0.4 * np.mean((fixed - truth[1:]) ** 2)


def test_dcc_equals_a_naive_likelihood_search(garch_pair):
    from arch import arch_model

    y, x, _ = (part[:400] for part in garch_pair)
    shocks, ahead = [], []
    for series in (y, x["x"]):
        fit = arch_model(series / series.std(ddof=0), mean="Constant", vol="GARCH", rescale=False).fit(
            disp="off"
        )
        shocks.append((fit.resid / fit.conditional_volatility).to_numpy())
        _, omega, alpha, beta = fit.params
        last = omega + alpha * fit.resid.iloc[-1] ** 2 + beta * fit.conditional_volatility.iloc[-1] ** 2
        ahead.append(np.sqrt(last) * series.std(ddof=0))
    e = np.array(shocks).T
    mean = e.T @ e / len(e)

    def walk(a, b):
        q, minus = mean, 0.0
        for row in e:
            r = q / np.sqrt(np.outer(np.diag(q), np.diag(q)))
            minus += np.log(1 - r[0, 1] ** 2) + row @ np.linalg.solve(r, row)
            q = (1 - a - b) * mean + a * np.outer(row, row) + b * q
        return minus, q

    best = minimize(lambda p: walk(*np.abs(p))[0], [0.05, 0.8], method="Nelder-Mead").x
    _, q = walk(*np.abs(best))
    ratio = q[0, 1] / np.sqrt(q[0, 0] * q[1, 1]) * ahead[0] / ahead[1]
    assert hedge.dcc(y, x)["x"].iloc[-1] == pytest.approx(ratio, rel=0.01)


def test_dcc_equals_another_package(garch_pair):
    """Stored output of pymgarch 0.6.0, which is not on conda-forge: DCC().fit(100 * data).forecast(1)."""
    y, x, _ = garch_pair
    assert hedge.dcc(y, x)["x"].iloc[-1] == pytest.approx(0.2526868626, rel=1e-3)


def test_dcc_of_returns_without_garch_has_no_variance_that_grows():
    rng = np.random.default_rng(18)  # its first hundred rows make GARCH a variance that trebles in the rest
    y = pd.Series(rng.normal(size=300) * 0.02, pd.bdate_range("2020-01-01", periods=300), name="y")
    x = (y + rng.normal(size=300) * 0.02).to_frame("x")
    assert hedge.dcc(y, x, fit_on=100)["x"].between(0.3, 0.7).all()


def test_dcc_fitted_on_the_past_ignores_the_future(garch_pair):
    y, x, _ = (part[:320] for part in garch_pair)
    full = hedge.dcc(y, x, fit_on=250)
    assert full.index[0] == y.index[249] and len(full) == 71
    cut = hedge.dcc(y[:280], x[:280], fit_on=250)
    pd.testing.assert_frame_equal(full.iloc[:31], cut, rtol=1e-9)


# Constraints


def test_without_constraints_the_solver_finds_least_squares():
    y, x = simulated()
    found = hedge.constrained(y, x)
    assert found.tolist() == pytest.approx(least_squares(y, x), rel=1e-6)


def test_long_only_overlay_never_sells():
    y, x = simulated(ratios=(0.6, -0.4, 0.2))
    found = hedge.constrained(y, x, side="buy")
    assert (found <= 1e-8).all() and found["TOPIX"] < -0.2
    assert (hedge.constrained(y, x, side="sell") >= -1e-8).all()


def test_constrained_path_is_solved_on_the_past_alone_and_kept_between():
    y, x = simulated()
    free = hedge.rolling_constrained(y, x, window=52, every=13)
    renewed = free.index[::13]
    pd.testing.assert_frame_equal(free.loc[renewed], hedge.rolling(y, x, 52).loc[renewed], atol=1e-5)
    assert free.index[0] == y.index[51] and free.iloc[:13].nunique().eq(1).all()
    pd.testing.assert_frame_equal(hedge.rolling_constrained(y[:90], x[:90], 52, 13), free.loc[: y.index[89]])
    held = hedge.rolling_constrained(y, x, 52, 13, gross=0.3)
    assert (held.abs().sum(axis=1) <= 0.3 + 1e-6).all()
    with pytest.raises(DataError, match="a window of 600 rows needs 600 rows"):
        hedge.rolling_constrained(y, x, window=600)


@pytest.mark.parametrize("limits", [{"gross": 0.5}, {"max_weight": 0.3}, {"gross": 0.7, "net": 0.2}])
def test_constrained_hedge_equals_another_solver(limits):
    y, x = simulated(ratios=(0.6, -0.4, 0.2))
    found = hedge.constrained(y, x, **limits)
    yc, xc = y.to_numpy() - y.mean(), x.to_numpy() - x.to_numpy().mean(axis=0)

    def objective(split):  # h = bought − sold, so that Σ|h| is smooth
        return ((yc - xc @ (split[:3] - split[3:])) ** 2).mean() * 1e4

    rules = [{"type": "ineq", "fun": lambda s: limits.get("gross", 9) - s.sum()}]
    if "net" in limits:
        rules.append({"type": "eq", "fun": lambda s: (s[:3] - s[3:]).sum() - limits["net"]})
    other = minimize(
        objective, np.full(6, 0.05), bounds=[(0, limits.get("max_weight", 9))] * 6, constraints=rules,
        options={"ftol": 1e-14, "maxiter": 500},
    ).x  # fmt: skip
    assert found.tolist() == pytest.approx(other[:3] - other[3:], abs=1e-4)
    assert np.abs(found).sum() <= limits.get("gross", 9) + 1e-8


def test_neutral_hedge_has_no_factor_left_to_ten_digits():
    y, x = simulated(ratios=(0.6, -0.4, 0.2))
    betas = pd.DataFrame(
        {"market": [1.1, 0.0, 1.0, 0.9], "fx": [0.4, 1.0, 0.1, -0.2]}, ["7203.T", "JPY", "TOPIX", "EWJ"]
    )
    ratio = hedge.constrained(y, x, betas=betas)
    left = betas.loc["7203.T"] - betas.loc[ratio.index].T @ ratio
    assert np.abs(left).max() < 1e-10
    dollars = hedge.constrained(y, x, net=1.0)
    assert dollars.sum() == pytest.approx(1, abs=1e-10)


def test_infeasible_hedge_names_the_constraint_to_relax():
    y, x = simulated()
    with pytest.raises(DataError, match=r"relax net = 1 or side = buy$"):
        hedge.constrained(y, x, side="buy", net=1.0, gross=5.0)
    with pytest.raises(DataError, match="relax net = 3 or gross <= 2"):
        hedge.constrained(y, x, net=3.0, gross=2.0, max_weight=10.0)
    betas = pd.DataFrame({"a": [1.0, 1, 1], "b": [1.0, 1, 1], "c": [2.0, 1, 1]}, ["7203.T", "JPY", "TOPIX"])
    with pytest.raises(DataError, match="relax neutral to c$"):
        hedge.constrained(y, x, betas=betas)


# Out of sample


def test_walk_forward_equals_a_plain_loop():
    y, x = simulated()
    cost, window, every = 5.0, 40, 4
    found = hedge.effectiveness(y, x, window=window, every=every, cost_bp=cost, draws=50)
    held, hedged, traded = None, [], []
    for t in range(window, 160):
        if (t - window) % every == 0:
            h = least_squares(y[t - window : t], x[t - window : t])
        trade = np.abs(h).sum() if held is None else np.abs(h - held).sum()
        traded.append(trade)
        hedged.append(y.iloc[t] - h @ x.iloc[t] - trade * cost / 1e4)
        held = h * (1 + x.iloc[t]) / (1 + y.iloc[t])
    assert found.returns["hedged"].tolist() == pytest.approx(hedged, rel=1e-9)
    assert found.returns["unhedged"].tolist() == y.iloc[window:].tolist()
    years = 120 / 52
    assert found.risk.at["hedged", "turnover"] == pytest.approx(sum(traded) / years)
    assert found.risk.at["hedged", "cost_bp"] == pytest.approx(sum(traded) * cost / years)
    assert found.reduction.at["hedged", "variance"] == pytest.approx(1 - np.var(hedged) / np.var(y[window:]))
    assert found.risk.at["hedged", "volatility"] == pytest.approx(np.std(hedged) * np.sqrt(52))
    assert found.risk.at["unhedged", "turnover"] == 0 and found.in_sample == hedge.static(y, x).reduction


def test_one_for_one_splits_the_position_over_the_instruments():
    y, x = simulated()
    found = hedge.effectiveness(y, x, window=40, cost_bp=0.0, draws=50).returns
    assert found["one_to_one"].tolist() == pytest.approx((y - x.mean(axis=1))[40:])


@pytest.mark.parametrize(
    ("ticker", "currency", "expected"),
    [
        ("7203.T", "USD", {"JPY": -1, "TOPIX": 1}),
        ("7203.T", "JPY", {"JPY": 1, "TOPIX": 1}),  # no exchange rate in the position: an exporter's dollars
        ("7203.T", "EUR", {"JPY": -1, "EUR": 1, "TOPIX": 0.5, "^N225": 0.5}),
        ("TM", "USD", {"JPY": -1}),  # quoted in dollars, and yen all the same
        ("STLA", "USD", {"EUR": -1, "^GDAXI": 1}),
        ("GM", "USD", {"JPY": 1, "SPY": 1}),
    ],
)
def test_one_for_one_turns_the_makers_currency_into_the_investors(known, ticker, currency, expected):
    assert hedge.one_for_one(known, ticker, list(expected), currency).to_dict() == expected


def test_one_for_one_in_the_currency_leaves_the_share_in_its_own(known):
    in_dollars = hedge.pnl(known, "VOW3.DE", ["EUR"])
    at_home = hedge.pnl(known, "VOW3.DE", ["SPY"], currency="EUR")["VOW3.DE"]
    kept = in_dollars["VOW3.DE"] - hedge.one_for_one(known, "VOW3.DE", ["EUR"])["EUR"] * in_dollars["EUR"]
    assert (kept - at_home).abs().max() < 0.01 < (in_dollars["VOW3.DE"] - at_home).abs().max()


def test_naive_hedge_can_be_given():
    y, x = simulated()
    naive = pd.Series({"TOPIX": 1.0, "JPY": -1.0})
    found = hedge.effectiveness(y, x, naive=naive, window=40, cost_bp=0.0, draws=50).returns
    assert found["one_to_one"].tolist() == pytest.approx((y + x["JPY"] - x["TOPIX"])[40:])


def test_ratio_in_force_has_seen_nothing_of_its_row():
    y, x = simulated()
    kept = hedge.effectiveness(y, x, window=40, draws=50).ratios
    spoiled = y.copy()
    spoiled.iloc[100:] = 0.5
    after = hedge.effectiveness(spoiled, x, window=40, draws=50).ratios
    pd.testing.assert_frame_equal(after[: x.index[100]], kept[: x.index[100]])
    assert not np.allclose(after.iloc[-1], kept.iloc[-1]) and kept.index[0] == x.index[40]


def test_given_path_is_used_from_the_row_after_it_is_known():
    y, x = simulated()
    path = pd.DataFrame({"JPY": np.arange(160.0), "TOPIX": 0.0}, x.index)
    found = hedge.effectiveness(y, x, path, every=1, draws=50).ratios
    assert found.loc[x.index[7], "JPY"] == 6 and found.index[0] == x.index[1]
    slow = hedge.effectiveness(y, x, path, every=5, draws=50).ratios
    assert slow["JPY"].iloc[:11].tolist() == [0.0] * 5 + [5.0] * 5 + [10.0]


def test_expected_shortfall_by_hand():
    losses = np.array([[-0.10], [-0.06], [-0.02], *[[0.01]] * 37])  # 40 rows: the worst 5% are two
    _, shortfall = out_of_sample._risks(losses, np.ones((1, 40)), 0.05)
    assert shortfall[0, 0] == pytest.approx(0.08)
    _, shortfall = out_of_sample._risks(losses, np.ones((1, 40)), 0.0625)  # two and a half rows
    assert shortfall[0, 0] == pytest.approx((0.10 + 0.06 + 0.02 / 2) / 2.5)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), n=st.integers(20, 90), tail=st.floats(0.02, 0.5))
def test_risk_of_a_resample_equals_that_of_its_rows(seed, n, tail):
    rng = np.random.default_rng(seed)
    panel = rng.standard_t(4, size=(n, 2))
    rows = rng.integers(n, size=(3, n))
    rows[0] = 0  # one row over and over: the few worst do not hold the tail
    counts = np.array([np.bincount(row, minlength=n) for row in rows], dtype=float)
    variance, shortfall = out_of_sample._risks(panel, counts, tail)
    for draw, row in enumerate(rows):
        for column in range(2):
            values = np.sort(panel[row, column])
            whole = int(tail * n)
            part = (tail * n - whole) * values[whole]
            assert shortfall[draw, column] == pytest.approx(-(values[:whole].sum() + part) / (tail * n))
            assert variance[draw, column] == pytest.approx(values.var(), abs=1e-12)


def test_bootstrap_draws_whole_samples_in_blocks_of_the_stated_mean():
    rng = np.random.default_rng(0)
    counts = resampling.counts(200, 2000, 8.0, rng)
    assert (counts.sum(axis=1) == 200).all()
    assert counts.mean(axis=0).std() < 0.06  # every row as likely: the ends too
    # For blocks of mean b the variance of a mean of independent rows is that of single draws, and a
    # sum of neighbours is kept together: neighbours' counts correlate at about 1 − 1/b.
    pairs = np.corrcoef(counts[:, 50], counts[:, 51])[0, 1]
    assert pairs == pytest.approx(1 - 1 / 8, abs=0.03)
    alone = resampling.counts(200, 2000, 1.0, np.random.default_rng(0))
    assert abs(np.corrcoef(alone[:, 50], alone[:, 51])[0, 1]) < 0.06


def test_number_of_processors_changes_no_draw(monkeypatch):
    panel = np.random.default_rng(1).normal(size=(120, 3))
    found = []
    for count in (1, 4):
        monkeypatch.setattr("os.cpu_count", lambda count=count: count)
        found.append(out_of_sample._resampled(panel, 5.0, 1100, 0.05, seed=3))
    assert found[0][0].shape == (1100, 3)
    assert all(np.array_equal(one, four) for one, four in zip(*found, strict=True))


def test_same_seed_gives_the_same_interval():
    y, x = simulated()
    one = hedge.effectiveness(y, x, draws=900, seed=3).reduction
    pd.testing.assert_frame_equal(one, hedge.effectiveness(y, x, draws=900, seed=3).reduction)
    assert not one.equals(hedge.effectiveness(y, x, draws=900, seed=4).reduction)


def test_good_hedge_helps_and_a_useless_one_is_said_not_to():
    y, x = simulated(n=240, noise=0.005)
    good = hedge.effectiveness(y, x, draws=1000)
    assert good.helps and good.verdict.startswith("helps out of sample: variance changes by -8")
    y, x = simulated(n=240, ratios=(0.0,))
    bad = hedge.effectiveness(y, x, draws=1000)
    assert not bad.helps and bad.verdict.startswith("does not help out of sample: ")
    assert bad.reduction.at["hedged", "variance_low"] <= 0
    # both against nothing, and the one against the other
    ratio = (1 - good.reduction.at["hedged", "variance"]) / (1 - good.reduction.at["one_to_one", "variance"])
    assert good.reduction.at["hedged, against one_to_one", "variance"] == pytest.approx(1 - ratio)


def test_cost_alone_makes_a_hedge_useless():
    y, x = simulated(n=240, noise=0.005)
    free, dear = (hedge.effectiveness(y, x, draws=500, cost_bp=bp) for bp in (0.0, 2000.0))
    assert free.helps and not dear.helps
    lost = (free.returns - dear.returns)["hedged"].sum()
    assert lost == pytest.approx(dear.risk.at["hedged", "cost_bp"] / 1e4 * 188 / 52)


@pytest.mark.slow
def test_useless_hedges_seldom_pass_and_intervals_cover():
    """Of hedges without any worth at most one in twenty passes; a fixed ratio's interval covers its truth."""
    passed, covered = 0, 0
    truth = 1 - 0.02**2 / (0.02**2 + (0.8 * 0.015) ** 2)
    for seed in range(100):
        y, x = simulated(n=160, ratios=(0.0,), seed=seed)
        passed += hedge.effectiveness(y, x, draws=300, seed=seed, block=1.0).helps
        y, x = simulated(n=160, ratios=(0.8,), seed=1000 + seed)
        path = pd.DataFrame({"JPY": 0.8}, x.index)
        row = hedge.effectiveness(y, x, path, cost_bp=0.0, draws=300, seed=seed, block=1.0).reduction
        covered += row.at["hedged", "variance_low"] < truth < row.at["hedged", "variance_high"]
    assert passed <= 5
    assert 0.88 <= covered / 100 <= 0.99


def test_record_is_effectiveness_hedge_by_hedge(known):
    hedges = [["JPY"], ["JPY", "TOPIX"]]
    found = hedge.record(known, ["7203.T", "7261.T"], hedges, currency="JPY", draws=300)
    assert list(found.index) == [
        ("7203.T", "JPY"), ("7203.T", "JPY + TOPIX"), ("7261.T", "JPY"), ("7261.T", "JPY + TOPIX")
    ]  # fmt: skip
    frame = hedge.pnl(known, "7261.T", ["JPY", "TOPIX"], currency="JPY")
    alone = hedge.effectiveness(frame["7261.T"], frame[["JPY", "TOPIX"]], draws=300)
    row = found.loc[("7261.T", "JPY + TOPIX")]
    assert (
        row["out_of_sample"] == alone.reduction.at["hedged", "variance"] and row["verdict"] == alone.verdict
    )
    assert (found["helps"] == (found["low"] > 0)).all()
    assert (found["in_sample"] > 0).all()
    ends = known.prices["TOPIX"].last_valid_index()  # though the shares go on
    assert (found.xs("JPY + TOPIX", level="hedge")["last"] <= ends).all()
    assert (found.xs("JPY", level="hedge")["last"] > ends).all()


def test_record_says_why_a_hedge_has_no_figures(known):
    found = hedge.record(known, ["7203.T"], [["JPY"]], window=165, draws=50)
    assert not found["helps"].any() and found["verdict"].iloc[0].startswith("window of 165 rows leaves ")


def test_candidates_are_those_of_the_makers_home(known):
    assert hedge.candidates(known, "7203.T")[0] == ("JPY", "TOPIX")
    assert hedge.candidates(known, "TM") == hedge.candidates(known, "7203.T")  # an ADR as its home line
    assert hedge.candidates(known, "STLA")[0] == ("EUR", "^GDAXI")  # listed in New York, home in Europe
    assert hedge.candidates(known, "005380.KS")[0] == ("KRW", "^KS11")
    assert hedge.candidates(known, "GM") == [("^GSPC",), ("SPY",)]  # no currency of its own
    assert hedge.candidates(known, "6902.T")[0] == ("JPY", "TOPIX")  # a supplier
    assert ("EWJ",) not in hedge.candidates(known, "EWJ")


def test_every_contract_names_a_known_instrument_and_its_source(known):
    book = hedge.contracts(known)
    calendars = set(known.instruments["exchange_calendar"])
    money = set(market.exchange_rates(known))
    for row in book.itertuples():
        assert row.underlying in money | set(known.prices) | calendars, row.contract
        assert row.source_title and row.quality in ("reported", "derived", "estimated")
        assert row.quality == "estimated" or row.source_url.startswith("http")
        if row.kind == "currency_future":
            assert row.size_unit == row.underlying
        if row.kind == "index_future":
            assert row.size_unit == f"{known.instruments.at[row.underlying, 'currency']} per point"
    sizes = book.set_index("contract")["size"]
    assert sizes["6J"] == 10 * sizes["MJY"] == 12_500_000 and sizes["6E"] == 10 * sizes["M6E"] == 125_000
    assert sizes["ES"] == 10 * sizes["MES"] == 50 and sizes["FDAX"] == 5 * sizes["FDXM"] == 25


# Long-short ideas


def shares(n=120, names=8, seed=3):
    rng = np.random.default_rng(seed)
    factors = pd.DataFrame(rng.normal(size=(n, 2)) * 0.02, weeks(n), ["TOPIX", "JPY"])
    loads = rng.normal(1, 0.4, size=(2, names))
    returns = factors.to_numpy() @ loads + rng.normal(size=(n, names)) * 0.03
    columns = [f"S{i}" for i in range(names)]
    return (
        pd.DataFrame(returns, weeks(n), columns),
        pd.Series(rng.uniform(0, 0.1, names), columns),
        factors,
    )


@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000))
def test_pair_has_no_dollars_market_or_currency_to_ten_digits(seed):
    returns, exposure, factors = shares(seed=seed)
    for row in hedge.pairs(returns, exposure, factors).itertuples():
        sold = np.array([row[-2], row[-1]])
        pair = returns[row.long] - returns[row.short] - factors @ sold
        left = np.cov(np.column_stack([pair, factors]).T)[0, 1:] / factors.var().to_numpy()
        assert np.abs(left).max() < 1e-10
        assert exposure[row.long] <= exposure[row.short]
        assert row.volatility == pytest.approx(pair.std(ddof=0) * np.sqrt(52))


def test_pair_columns_equal_a_plain_computation():
    returns, exposure, factors = shares()
    cost = pd.Series(np.arange(8.0), returns.columns)
    table = hedge.pairs(returns, exposure, factors, window=20, cost_bp=cost, overlay_cost_bp=3.0)
    assert len(table) == 28
    for row in table.iloc[[0, 9, 27]].to_dict("records"):
        one, two = returns[row["long"]], returns[row["short"]]
        sold = least_squares(one, factors) - least_squares(two, factors)
        assert [row["sell TOPIX"], row["sell JPY"]] == pytest.approx(sold)
        assert row["exposure_gap"] == exposure[row["short"]] - exposure[row["long"]]
        assert row["correlation"] == pytest.approx(one.corr(two))
        rolled = one.rolling(20).corr(two).dropna().quantile([0.1, 0.9])
        assert row["correlation_spread"] == pytest.approx(rolled[0.9] - rolled[0.1])
        assert row["gross"] == pytest.approx(2 + np.abs(sold).sum())
        assert row["cost_bp"] == pytest.approx(
            cost[row["long"]] + cost[row["short"]] + 3 * np.abs(sold).sum()
        )
    ranks = (
        table["exposure_gap"].rank(ascending=False)
        + table["correlation_spread"].rank()
        + table["cost_bp"].rank()
    ) / 3
    assert table["rank"].tolist() == pytest.approx(sorted(ranks))


def test_shares_without_an_exposure_are_left_out_and_named():
    returns, exposure, factors = shares()
    exposure["S3"] = np.nan
    table = hedge.pairs(returns, exposure.drop("S5"), factors)
    assert table.attrs["left_out"] == ["S3", "S5"] and len(table) == 15


def test_basket_is_neutral_within_its_limits_and_no_random_basket_beats_it():
    returns, exposure, factors = shares()
    w = hedge.basket(returns, exposure, factors, gross=2.0, max_weight=0.5)
    betas = np.array([least_squares(returns[name], factors) for name in returns])
    assert abs(w.sum()) < 1e-10 and np.abs(betas.T @ w).max() < 1e-10
    assert np.abs(w).sum() <= 2 + 1e-7 and np.abs(w).max() <= 0.5 + 1e-7
    rules = np.vstack([np.ones(8), betas.T])
    rng = np.random.default_rng(0)
    for _ in range(2000):
        other = rng.normal(size=8)
        other -= rules.T @ np.linalg.solve(rules @ rules.T, rules @ other)
        other *= min(2 / np.abs(other).sum(), 0.5 / np.abs(other).max())
        assert -other @ exposure <= -w @ exposure + 1e-7
    assert -w @ exposure > 0


# Refusals


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda y, x: hedge.static(y, x.assign(EWJ=2 * x["JPY"])),
            "EWJ is constant or a combination of the other",
        ),
        (
            lambda y, x: hedge.rolling(y, x.assign(EWJ=2 * x["JPY"])),
            "EWJ is constant or a combination of the other",
        ),
        (lambda y, x: hedge.ewma(y, x.assign(EWJ=2 * x["JPY"])), "JPY, TOPIX, EWJ repeat each other; drop"),
        (lambda y, x: hedge.rolling(y, x, 161), "window of 161 rows is longer than the data, 160 rows"),
        (
            lambda y, x: hedge.effectiveness(y, x, window=150),
            "window of 150 rows leaves 10 of 160 out of sample, 20 are needed; shorten the window",
        ),
        (
            lambda y, x: hedge.effectiveness(y, x, x[150:]),
            "the ratios leave 9 rows out of sample, 20 are needed",
        ),
        (
            lambda y, x: hedge.effectiveness(y, x.set_axis(x.index + pd.Timedelta(days=3650))),
            "no date on which 7203.T and JPY, TOPIX all have a return (7203.T 2022-01-07 to 2025-01-24, JPY",
        ),
        (lambda y, x: hedge.effectiveness(y, x, every=0), "every is 0; expected a number of rows >= 1"),
        (lambda y, x: hedge.effectiveness(y, x, draws=0), "draws is 0; expected a number >= 1"),
        (lambda y, x: hedge.effectiveness(y, x, cost_bp=-1.0), "cost_bp is -1.0; expected basis points >= 0"),
        (lambda y, x: hedge.effectiveness(y, x, tail=0.0), "tail is 0.0; expected a share between 0 and 1"),
        (lambda y, x: hedge.effectiveness(y, x, level=95), "level is 95; expected a share between 0 and 1"),
        (
            lambda y, x: hedge.effectiveness(y, x, naive=pd.Series({"JPY": 1.0})),
            "naive has ratios on JPY; give one for each of JPY, TOPIX",
        ),
        (lambda y, x: hedge.on_events(y, x, ["2022-02-02"]), "1 event rows of 160 are too few for 2 ratios"),
        (lambda y, x: hedge.ewma(y, x, decay=1.0), "decay 1.0: write a fraction between 0 and 1"),
        (
            lambda y, x: hedge.ewma(y[:10], x),
            "a start of 26 rows needs 27 rows; 7203.T and JPY, TOPIX have 10",
        ),
        (lambda y, x: hedge.dcc(y[:90], x), "GARCH needs 100 rows; 7203.T and JPY, TOPIX have 90 in common"),
        (lambda y, x: hedge.dcc(y, x, fit_on=60), "fit_on 60: GARCH needs 100 rows at least"),
        (lambda y, x: hedge.constrained(y, x, gross=0.0), "gross is 0.0; expected a number above 0"),
        (lambda y, x: hedge.constrained(y, x, side="long"), "side 'long': write any, buy or sell"),
        (
            lambda y, x: hedge.constrained(y, x, betas=pd.DataFrame({"m": [1.0]}, ["7203.T"])),
            "betas has no row for",
        ),
    ],
)
def test_sample_that_cannot_be_hedged_is_refused_with_the_remedy(call, said):
    with pytest.raises(DataError, match=re.escape(said)):
        call(*simulated())


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda r, e, f: hedge.pairs(r, e[:1], f), "1 shares have returns and an exposure; two are needed"),
        (
            lambda r, e, f: hedge.pairs(r, e, f, window=500),
            "120 rows are common to all shares and factors; 500",
        ),
        (
            lambda r, e, f: hedge.pairs(r, e, f.assign(X=f["JPY"])),
            "X is constant or a combination of the other",
        ),
        (
            lambda r, e, f: hedge.basket(r[["S0", "S1", "S2"]], e, f),
            "3 shares cannot be neutral to dollars and 2",
        ),
        (lambda r, e, f: hedge.basket(r, e * 0 + 1, f), "no neutral basket has an exposure gap"),
    ],
)
def test_shares_that_make_no_pair_or_basket_are_refused(call, said):
    with pytest.raises(DataError, match=re.escape(said)):
        call(*shares())


@pytest.mark.parametrize(
    ("ticker", "instruments", "said"),
    [
        ("7203", ["JPY"], "7203 is not in data/market/instruments.csv"),
        ("7203.T", ["XYZ"], "no prices or exchange rates for XYZ"),
        ("7203.T", "JPY", "instruments is 'JPY'; pass a list of tickers or currencies"),
        ("7203.T", [], "instruments is []; pass a list"),
        ("7203.T", ["7203.T"], "an instrument is the position or occurs twice"),
        ("7203.T", ["JPY", "JPY"], "an instrument is the position or occurs twice"),
    ],
)
def test_unknown_names_are_refused(known, ticker, instruments, said):
    with pytest.raises(DataError, match=re.escape(said)):
        hedge.pnl(known, ticker, instruments)


def test_unknown_currency_of_the_investor_is_refused(known):
    with pytest.raises(DataError, match="no prices or exchange rates for CHY"):
        hedge.pnl(known, "7203.T", ["JPY"], currency="CHY")


# What a page asks of several hedges at once


def test_record_has_all_its_columns_even_if_nothing_could_be_tested(known):
    found = hedge.record(known, ["7203.T"], [["JPY"]], window=165, draws=50)
    assert found["out_of_sample"].isna().all() and {"over_low", "turnover", "last"} <= set(found)


def test_paths_are_judged_on_the_same_rows_and_a_late_one_is_refused():
    y, x = simulated()
    early, late = hedge.rolling(y, x, 52), hedge.rolling(y, x, 80)
    found = hedge.judged(y, x, {"early": early, "late": late}, draws=100)
    alone = hedge.effectiveness(y, x, early.loc[late.index[0] :], draws=100)
    assert found.at["early", "variance"] == alone.reduction.at["hedged", "variance"]
    assert found["weeks"].tolist() == [len(alone.returns)] * 2
    assert (found["helps"] == (found["variance_low"] > 0)).all()
    short = hedge.judged(y, x, {"late": late.iloc[-10:]}, draws=100).loc["late"]
    assert np.isnan(short["variance"]) and not short["helps"] and "20 are needed" in short["verdict"]


def test_band_lies_around_the_rolling_ratios():
    y, x = simulated()
    low, high = hedge.rolling_band(y, x, 52)
    np.testing.assert_allclose((low + high) / 2, hedge.rolling(y, x, 52))
    assert (high > low).all(axis=None)


def test_ways_to_move_say_which_could_not_be_had():
    y, x = simulated(n=90)
    found, refused = hedge.moving(y, x, window=40)
    assert list(found) == ["rolling 40 weeks", "exponential, decay 0.94"]
    assert list(refused) == ["dynamic correlation"] and "100 rows" in refused["dynamic correlation"]


def test_event_ratios_are_those_of_each_hedge(known):
    days = ["2025-03-27", "2025-04-03", "2025-07-23", "2025-05-12", "2025-09-05"]
    found = hedge.event_ratios(
        known, "7203.T", days, [["JPY"], ["JPY", "TOPIX"], ["SPY", "ACWI", "JPY", "TOPIX"]]
    )
    frame = hedge.pnl(known, "7203.T", ["JPY"])
    alone = hedge.on_events(frame["7203.T"], frame[["JPY"]], days).loc["JPY"]
    assert found.at[("USD/JPY", "USD/JPY"), "ratio_event"] == alone["ratio_event"]
    assert list(found.loc["USD/JPY + TOPIX"].index) == ["USD/JPY", "TOPIX"]
    last = found.iloc[-1]
    assert np.isnan(last["ratio"]) and "too few for 4 ratios" in last["note"]


def test_gaps_set_the_ends_of_both_bills_against_each_other():
    pairs = pd.DataFrame({"long": ["A", "A"], "short": ["B", "C"], "exposure_gap": [0.03, 0.0]})
    bills = pd.DataFrame(
        {"value": [0.01, 0.04, 0.01], "low": [0.00, 0.03, 0.0], "high": [0.02, 0.06, 0.02]}, ["A", "B", "C"]
    )
    (row,) = hedge.gaps(pairs, bills, 2 * bills).to_dict("records")
    assert (
        row["short"] == "B"
        and row["gap_low"] == pytest.approx(0.01)
        and row["gap_high"] == pytest.approx(0.06)
    )
    assert [row[name] for name in ("shock_low", "shock_gap", "shock_high")] == pytest.approx(
        [0.02, 0.06, 0.12]
    )


def test_portfolio_is_estimated_without_the_share_and_scaled_to_one(known, law, before):
    asked = case(law, before, data=known)
    found = hedge.portfolio_hedge(asked, "7203.T", window=52, draws=50)
    carried = booked.yearly_shares(asked)["value"].drop("Toyota")
    moves, weight, common = mimicking.inputs(known, carried)
    rows = moves.dropna().index.intersection(common.dropna().index)
    walk = mimicking.walk_forward(moves.loc[rows], weight, common.loc[rows], window=52)
    earned = (walk.returns / walk.weights.abs().sum(axis=1).iloc[-1]).rename("portfolio").to_frame()
    alone = hedge.pnl(known, "7203.T", ["SPY"])["7203.T"]
    expected = hedge.effectiveness(alone.reindex(earned.index), earned, window=52, draws=50)
    assert found.reduction.at["hedged", "variance"] == pytest.approx(
        expected.reduction.at["hedged", "variance"]
    )
