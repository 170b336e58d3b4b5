"""The tariff-mimicking portfolio against its definition, other solvers and plain loops."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from tariffmodel import case, event_calendar, mimicking
from tariffmodel import exposure as bills
from tariffmodel.errors import DataError

NAMES = list("ABCDEFGH")
DAYS = pd.date_range("2023-01-06", periods=150, freq="W-FRI", name="date")


def world(seed=1, names=8, rows=150, tariff=0.3, own=0.02):
    """Returns with betas to two factors and −exposure × tariff news; exposure in shares of value."""
    rng = np.random.default_rng(seed)
    exposure = pd.Series(rng.uniform(0, 0.1, names), NAMES[:names])
    factors = pd.DataFrame(rng.normal(0, [0.02, 0.01], (rows, 2)), DAYS[:rows], ["market", "JPY"])
    betas = rng.normal([1, 0.5], 0.3, (names, 2))
    news = pd.Series(rng.normal(0, tariff, rows), DAYS[:rows])
    noise = rng.normal(0, own, (rows, names))
    moves = factors.to_numpy() @ betas.T - np.outer(news, exposure) + noise
    return pd.DataFrame(moves, DAYS[:rows], NAMES[:names]), exposure, factors, news


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 10_000), st.integers(5, 8), st.booleans(), st.booleans())
def test_portfolio_has_unit_exposure_and_no_other(seed, names, dollar_neutral, shrink):
    returns, exposure, factors, _ = world(seed, names)
    found = mimicking.portfolio(returns, exposure, factors, dollar_neutral=dollar_neutral, shrink=shrink)
    assert abs(found.weights @ exposure - 1) < 1e-10
    x = np.column_stack([np.ones(len(factors)), factors])
    betas = np.linalg.lstsq(x, returns.to_numpy())[0][1:]
    assert np.abs(betas @ found.weights).max() < 1e-10
    assert not dollar_neutral or abs(found.weights.sum()) < 1e-10
    assert np.abs(found.constraints["reached"] - found.constraints["target"]).max() < 1e-10


def test_weights_equal_the_first_order_conditions_solved_at_once():
    returns, exposure, factors, _ = world()
    found = mimicking.portfolio(returns, exposure, factors)
    a = np.column_stack([exposure, found.betas])
    system = np.block([[found.covariance.to_numpy(), a], [a.T, np.zeros((3, 3))]])
    expected = np.linalg.solve(system, [0.0] * 8 + [1.0, 0, 0])[:8]
    np.testing.assert_allclose(found.weights, expected, rtol=1e-9)


def test_no_feasible_change_of_the_weights_lowers_the_variance():
    returns, exposure, factors, _ = world()
    found = mimicking.portfolio(returns, exposure, factors)
    a = np.column_stack([exposure, found.betas])
    rng = np.random.default_rng(0)
    for _ in range(200):
        step = rng.normal(size=8)
        step -= a @ np.linalg.solve(a.T @ a, a.T @ step)
        other = found.weights + step
        assert other @ found.covariance @ other >= found.weights @ found.covariance @ found.weights


def test_portfolio_loses_when_tariffs_rise():
    returns, exposure, factors, news = world(tariff=1.0, own=0.002)
    found = mimicking.portfolio(returns, exposure, factors, until=DAYS[99])
    later = found.returns(returns).iloc[100:]
    assert np.corrcoef(later, news.iloc[100:])[0, 1] < -0.9
    slope = np.polyfit(news.iloc[100:], later, 1)[0]
    assert slope == pytest.approx(-1.0, abs=0.1)  # one unit of exposure: one of news costs one
    window = pd.DataFrame([-0.5 * exposure, 0.5 * exposure], ["tariff rises", "deal"])
    judged = found.on_events(window, sessions=3)
    assert list(judged["return"].round(10)) == [-0.5, 0.5]
    assert judged.at["tariff rises", "z"] < 0 < judged.at["deal", "z"]


def test_volatility_scales_with_the_span_of_the_returns():
    returns, exposure, factors, _ = world()
    weekly = mimicking.portfolio(returns, exposure, factors, shrink=False)
    two_day = mimicking.portfolio(returns, exposure, factors, shrink=False, horizon=2)
    own = np.std(weekly.returns(returns))
    assert weekly.volatility(5) == pytest.approx(own, rel=1e-10)
    assert weekly.volatility() == pytest.approx(own * np.sqrt(252 / 5), rel=1e-10)
    assert two_day.volatility(2) == pytest.approx(own, rel=1e-10)
    judged = weekly.on_events(returns.iloc[:3], sessions=2)
    assert judged["expected_sd"].iloc[0] == pytest.approx(own * np.sqrt(2 / 5), rel=1e-10)
    assert weekly.gross == pytest.approx(np.abs(weekly.weights).sum())


def test_shrunk_covariance_equals_the_loop_over_rows():
    returns, *_ = world(rows=40)
    x = returns.to_numpy() - returns.to_numpy().mean(axis=0)
    rows, names = x.shape
    sample = sum(np.outer(row, row) for row in x) / rows
    mean = np.trace(sample) / names
    distance = np.sum((sample - mean * np.eye(names)) ** 2) / names
    noise = sum(np.sum((np.outer(row, row) - sample) ** 2) / names for row in x) / rows**2
    share = min(noise, distance) / distance
    found, shrinkage = mimicking.ledoit_wolf(returns)
    assert 0 < shrinkage < 1
    assert shrinkage == pytest.approx(share, rel=1e-10)
    np.testing.assert_allclose(found, share * mean * np.eye(names) + (1 - share) * sample, rtol=1e-10)


def test_gross_limit_is_met_at_higher_variance_and_the_other_conditions_still_hold():
    returns, exposure, factors, _ = world()
    free = mimicking.portfolio(returns, exposure, factors)
    loose = mimicking.portfolio(returns, exposure, factors, gross=free.gross * 1.01)
    pd.testing.assert_series_equal(loose.weights, free.weights)
    tight = mimicking.portfolio(returns, exposure, factors, gross=free.gross * 0.95)
    assert tight.gross <= free.gross * 0.95 * (1 + 1e-6)
    assert tight.volatility() > free.volatility()
    assert np.abs(tight.constraints["reached"] - tight.constraints["target"]).max() < 1e-10

    def variance(pair):
        w = pair[:8] - pair[8:]
        return w @ free.covariance.to_numpy() @ w

    a = np.column_stack([exposure, free.betas])
    equal = {"type": "eq", "fun": lambda pair: a.T @ (pair[:8] - pair[8:]) - [1, 0, 0]}
    cap = {"type": "ineq", "fun": lambda pair: free.gross * 0.95 - pair.sum()}
    start = np.concatenate([free.weights.clip(lower=0), -free.weights.clip(upper=0)])
    other = optimize.minimize(
        variance,
        start,
        bounds=[(0, None)] * 16,
        constraints=[equal, cap],
        method="SLSQP",
        options={"ftol": 1e-14},
    )
    assert tight.volatility(5) ** 2 == pytest.approx(other.fun, rel=1e-4)


def test_gross_limit_that_no_portfolio_meets_names_the_smallest_that_one_does():
    returns, exposure, factors, _ = world()
    a = np.column_stack([exposure, mimicking.portfolio(returns, exposure, factors).betas])
    least = optimize.linprog(np.ones(16), A_eq=np.hstack([a.T, -a.T]), b_eq=[1, 0, 0]).fun
    with pytest.raises(DataError, match=f"gross is 1; .* smaller than {least:.4g} times capital"):
        mimicking.portfolio(returns, exposure, factors, gross=1)


def test_loadings_equal_newey_west_by_loop_and_carry_the_sign_of_exposure():
    returns, exposure, factors, _ = world(tariff=1.0)
    found = mimicking.portfolio(returns, exposure, factors)
    table = found.loadings(returns, factors)
    own = found.returns(returns)
    x = np.column_stack([own, factors, np.ones(150)])
    bread = np.linalg.inv(x.T @ x)
    y = returns["C"].to_numpy()
    b = bread @ x.T @ y
    scores = x * (y - x @ b)[:, None]
    meat = scores.T @ scores
    lags = int(4 * (150 / 100) ** (2 / 9))
    for lag in range(1, lags + 1):
        cross = scores[lag:].T @ scores[:-lag]
        meat += (1 - lag / (lags + 1)) * (cross + cross.T)
    se = np.sqrt((bread @ meat @ bread * 150 / 146)[0, 0])
    assert table.at["C", "loading"] == pytest.approx(b[0], rel=1e-9)
    assert table.at["C", "standard_error"] == pytest.approx(se, rel=1e-9)
    assert table["loading"].corr(exposure) > 0.9
    assert table["rows"].eq(150).all()


def test_neutrality_is_exact_on_the_estimation_rows_and_estimated_on_others():
    returns, exposure, factors, _ = world()
    found = mimicking.portfolio(returns, exposure, factors, until=DAYS[99])
    inside = found.neutrality(returns[:100], factors[:100])
    outside = found.neutrality(returns[100:], factors[100:])
    assert inside["beta"].abs().max() < 1e-10
    assert outside["beta"].abs().min() > 1e-6 and outside["standard_error"].min() > 0
    assert list(outside.index) == ["market", "JPY"]


def test_estimation_ends_where_told_and_leaves_out_what_it_is_told():
    returns, exposure, factors, _ = world()
    found = mimicking.portfolio(returns, exposure, factors, until=DAYS[99], without=[(DAYS[10], DAYS[12])])
    keep = [row for row in range(100) if row not in (10, 11, 12)]
    same = mimicking.portfolio(returns.iloc[keep], exposure, factors.iloc[keep])
    pd.testing.assert_series_equal(found.weights, same.weights)
    assert (found.rows, found.last) == (97, DAYS[99])


def test_each_event_is_judged_by_a_portfolio_that_did_not_see_it():
    returns, exposure, factors, _ = world()
    windows = {"one": (DAYS[20], DAYS[21]), "two": (DAYS[70], DAYS[70])}
    moves = pd.DataFrame([returns.iloc[20:22].sum(), returns.iloc[70]], list(windows))
    judged = mimicking.leave_one_event_out(
        returns, exposure, factors, moves, windows, sessions=5, dollar_neutral=True
    )
    for event, window in windows.items():
        alone = mimicking.portfolio(returns, exposure, factors, without=[window], dollar_neutral=True)
        assert judged.at[event, "return"] == pytest.approx(moves.loc[event] @ alone.weights, rel=1e-12)
        assert judged.at[event, "z"] == pytest.approx(judged.at[event, "return"] / alone.volatility(5))
    shocked = returns.copy()
    shocked.iloc[70] += 0.5
    again = mimicking.leave_one_event_out(
        shocked, exposure, factors, moves, {"two": windows["two"]}, sessions=5, dollar_neutral=True
    )
    assert again.at["two", "return"] == pytest.approx(judged.at["two", "return"], rel=1e-12)


def test_walk_forward_uses_only_rows_before():
    returns, exposure, factors, _ = world()
    walk = mimicking.walk_forward(returns, exposure, factors, window=60, every=20)
    spoiled = returns.copy()
    spoiled.iloc[100:] *= -3
    other = mimicking.walk_forward(spoiled, exposure, factors, window=60, every=20)
    pd.testing.assert_frame_equal(walk.weights.iloc[:3], other.weights.iloc[:3])
    pd.testing.assert_series_equal(walk.returns.iloc[:40], other.returns.iloc[:40])
    assert list(walk.returns.index) == list(DAYS[60:150])
    assert list(walk.weights.index) == [DAYS[row] for row in (59, 79, 99, 119, 139)]
    first = mimicking.portfolio(returns.iloc[:60], exposure, factors.iloc[:60])
    np.testing.assert_allclose(walk.returns.iloc[:20], returns.iloc[60:80] @ first.weights)
    moved = np.abs(walk.weights.iloc[1] - walk.weights.iloc[0]).sum() / 2
    assert walk.turnover.iloc[0] == pytest.approx(moved)


def test_day_without_a_holdings_return_gives_no_return():
    returns, exposure, factors, _ = world()
    found = mimicking.portfolio(returns, exposure, factors)
    holed = returns.copy()
    holed.iloc[5, 2] = np.nan
    assert found.returns(holed).isna().sum() == 1
    again = mimicking.portfolio(holed, exposure, factors)
    assert again.rows == 149
    judged = found.on_events(holed.iloc[4:7], sessions=5)
    assert judged["z"].isna().tolist() == [False, True, False]


def spoil_returns(column, values):
    return lambda r, x, f: (r.assign(**{column: values(r)}), x, f)


@pytest.mark.parametrize(
    ("spoil", "options", "message"),
    [
        (lambda r, x, f: (r.drop(columns="B"), x, f), {}, "no returns for B"),
        (lambda r, x, f: (r, x.where(x.index != "C"), f), {}, "exposure of C is empty or given twice"),
        (lambda r, x, f: (r, pd.concat([x, x[:1]]), f), {}, "exposure of A is empty or given twice"),
        (lambda r, x, f: (r, x[:3], f), {}, r"3 names for 3 constraints \(exposure, market, JPY\)"),
        (lambda r, x, f: (r, x[:4], f), {"dollar_neutral": True}, "4 names for 4 constraints"),
        (lambda r, x, f: (r[:11], x, f), {}, "11 rows with all 8 returns and 2 factors; 12 are needed"),
        (lambda r, x, f: (r, x * 0, f), {}, "exposure is constant or a combination"),
        (
            lambda r, x, f: (r, x * 0 + 0.05, f),
            {"dollar_neutral": True},
            "exposure is constant or a combination",
        ),
        (lambda r, x, f: (r, x, f.assign(twice=2 * f["JPY"])), {}, "twice is constant or a combination"),
        (spoil_returns("B", lambda r: r["A"]), {"shrink": False}, "covariance is singular"),
        (spoil_returns("B", lambda r: 0.0), {"shrink": False}, "covariance is singular"),
        (spoil_returns("B", lambda r: r["B"].where(r.index < DAYS[5])), {}, "fewest returns, B"),
    ],
)
def test_portfolio_refuses(spoil, options, message):
    returns, exposure, factors, _ = world()
    with pytest.raises(DataError, match=message):
        mimicking.portfolio(*spoil(returns, exposure, factors), **options)


def test_exposure_that_the_betas_explain_is_refused():
    returns, exposure, factors, _ = world()
    betas = mimicking.portfolio(returns, exposure, factors).betas
    with pytest.raises(DataError, match="exposure is constant or a combination of the other constraints"):
        mimicking.portfolio(returns, 0.05 * betas["market"] + 0.01 * betas["JPY"], factors)


def test_other_misuse_is_refused():
    returns, exposure, factors, _ = world()
    found = mimicking.portfolio(returns, exposure, factors)
    with pytest.raises(DataError, match="no returns for A, which the portfolio holds"):
        found.returns(returns.drop(columns="A"))
    with pytest.raises(DataError, match="4 rows with portfolio and market, JPY; expected 5"):
        found.neutrality(returns[:4], factors)
    window = {"deal": (DAYS[3], DAYS[4])}
    with pytest.raises(DataError, match="moves has no row for event deal"):
        mimicking.leave_one_event_out(returns, exposure, factors, returns, window, sessions=5)
    with pytest.raises(DataError, match="window is 150 and every 13 for 150 rows"):
        mimicking.walk_forward(returns, exposure, factors, window=150)


def test_bundled_facts_give_a_neutral_portfolio_that_is_long_mazda_and_short_suzuki(known, law, before):
    share = bills.table(case(law, before, data=known))["share_of_market_cap"]
    returns, exposure, factors = mimicking.inputs(known, share)
    assert list(returns.columns) == list(exposure.index)
    assert "Volvo Cars" not in exposure.index and exposure["Suzuki"] == 0
    found = mimicking.portfolio(returns, exposure, factors, until="2025-03-21", dollar_neutral=True)
    assert found.last == pd.Timestamp("2025-03-21")
    assert found.weights["Mazda"] > 0 > found.weights["Suzuki"]
    assert np.abs(found.constraints["reached"] - found.constraints["target"]).max() < 1e-10


def test_event_moves_run_from_the_close_before_to_the_last_session(known):
    """The Japan deal: day 0 is 23 July 2025 in Tokyo; two sessions end on the 24th."""
    dates = event_calendar.firm_events(known, ["7261.T", "GM"], ["2025-07-22-japan-deal"])
    local = mimicking.event_moves(known, dates, 2, currency="local")
    for ticker, maker in (("7261.T", "Mazda"), ("GM", "GM")):
        path = known.prices[ticker]
        assert local.at["2025-07-22-japan-deal", maker] == pytest.approx(
            path["2025-07-24"] / path["2025-07-22"] - 1
        )
    dollar = mimicking.event_moves(known, dates, 2)
    yen = known.fx["USDJPY"]
    gap = (1 + local["Mazda"]) * yen["2025-07-22"] / yen["2025-07-24"] - 1
    assert dollar["Mazda"].item() == pytest.approx(gap.item())


def test_event_moves_are_empty_beyond_the_prices(known):
    last = known.prices["7261.T"].last_valid_index()
    late = pd.DataFrame({"event": ["x"], "firm": ["7261.T"], "date": [last]})
    assert mimicking.event_moves(known, late, 1).notna().all(axis=None)
    assert mimicking.event_moves(known, late, 2).isna().all(axis=None)  # true of an empty table too
