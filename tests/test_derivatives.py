"""Options over outcomes, variance of a day, quantos, claims on the tariff: identities and QuantLib 1.44."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tariffmodel import (
    case,
    currency,
    derivatives,
    facts,
    implied_variance,
    mimicking,
    options,
    own_quotes,
    quanto,
    quotes,
    state_prices,
    store,
)
from tariffmodel.errors import DataError

PRICED = {"deal": 0.7, "no deal": 0.3}
RATES = pd.Series({"deal": 0.15, "no deal": 0.25})
TERMS = {"notional": 1e6, "years": 0.5, "interest": 0.04}


# --- options over outcomes


def test_a_mixture_prices_as_quantlib_does():
    """Sums of ql.blackFormula over three outcomes, QuantLib 1.44."""
    found = state_prices.mixture(
        ["call", "put", "call"],
        100.0,
        [90.0, 95.0, 110.0],
        0.2,
        0.25,
        [0.2, 0.5, 0.3],
        [-0.12, 0, 0.08],
        0.03,
    )
    np.testing.assert_allclose(
        found, [11.239015311501227, 2.7005137805454673, 1.5003297991216265], rtol=1e-12
    )


@settings(max_examples=30)
@given(
    forward=st.floats(0.5, 200), strike=st.floats(0.5, 200), volatility=st.floats(0.03, 0.8),
    years=st.floats(0.02, 3), rate=st.floats(-0.02, 0.1), q=st.floats(0, 1), move=st.floats(-0.4, 0.4),
)  # fmt: skip
def test_calls_less_puts_are_the_forward_whatever_the_outcomes(
    forward, strike, volatility, years, rate, q, move
):
    weights = [q, 1 - q]
    call, put = state_prices.mixture(
        ["call", "put"], forward, strike, volatility, years, weights,
        state_prices.martingale(weights, [0.0, move]), rate,
    )  # fmt: skip
    assert call - put == pytest.approx(np.exp(-rate * years) * (forward - strike), abs=1e-9 * forward)


def test_one_outcome_is_black_and_black_is_garman_and_kohlhagen():
    one = state_prices.mixture("put", 150.0, [140.0, 160.0], 0.1, 0.5, [1.0], [0.0], 0.02)
    np.testing.assert_array_equal(one, state_prices.black("put", 150.0, [140.0, 160.0], 0.1, 0.5, 0.02))
    spot = 150.0 * np.exp((0.04 - 0.02) * 0.5)
    spread = options.vanilla("put", spot, np.array([140.0, 160.0]), 0.1, 0.02, 0.04, 0.5).price
    np.testing.assert_allclose(one, spread, rtol=1e-12)


def test_each_contract_may_have_its_own_probabilities():
    q = np.array([[0.2, 0.8], [0.6, 0.4]])
    jump = state_prices.martingale(q, [-0.1, 0.0])
    together = state_prices.mixture("call", 100.0, 100.0, 0.2, 0.5, q, jump)
    apart = [state_prices.mixture("call", 100.0, 100.0, 0.2, 0.5, *row) for row in zip(q, jump, strict=True)]
    np.testing.assert_allclose(together, apart, rtol=1e-14)


@pytest.mark.parametrize(
    ("q", "jump", "said"),
    [
        ([0.5, 0.4], [0.0, 0.0], "add to 0.9; expected 1"),
        ([0.5, 0.5], [-0.1, 0.2], "is 1.05; expected 1"),
        ([1.2, -0.2], [0.0, 0.0], "from 0 to 1"),
        ([0.5, 0.5], [-1.0, 1.0], "above -1"),
        ([0.5, np.nan], [0.0, 0.0], "from 0 to 1"),
    ],
)
def test_outcomes_that_are_no_prices_are_refused_with_the_sum(q, jump, said):
    with pytest.raises(DataError, match=said):
        state_prices.mixture("call", 100.0, 100.0, 0.2, 0.5, q, jump)


# --- quanto and ADR


def test_quanto_forwards_are_those_of_quantlib():
    """Forwards from calls less puts of ql.QuantoEuropeanEngine 1.44, whose pair is dollars per yen."""
    about = {"foreign": 0.01, "dividend": 0.03, "volatility": 0.25, "currency_volatility": 0.1, "years": 1.0}
    found = quanto.quanto_forward(
        3000.0, **about, correlation=np.array([0.4, -0.4, 0.0]), share="JPY", paid="USD", pair="JPYUSD"
    )
    np.testing.assert_allclose(found, [2911.336600645524, 2970.1495012475034, 2940.596019920265], rtol=1e-12)
    assert found[2] == pytest.approx(options.forward(3000.0, 0.01, 0.03, 1.0))


@pytest.mark.parametrize(("pair", "sign"), [("JPYUSD", 1), ("USDJPY", -1)])
def test_sign_and_size_of_both_forwards_hold_in_a_simulation_under_the_dollar_measure(pair, sign):
    """A yen share and yen lent both earn the dollar rate in dollars: the drift of S follows from that."""
    usd, yen, dividend, sigma, sigma_x, rho, years = 0.04, 0.01, 0.02, 0.3, 0.15, 0.5, 1.0
    z = np.random.default_rng(0).normal(size=(2, 200_000))
    z = np.concatenate([z, -z], axis=1)
    to_x, to_s = z[0], rho * z[0] + np.sqrt(1 - rho**2) * z[1]
    X = np.exp((usd - yen - sigma_x**2 / 2) * years + sigma_x * to_x) / 150
    # the drift of S that makes the yen share, in dollars, earn the dollar rate
    drift = yen - dividend - rho * sigma * sigma_x
    S = 3000 * np.exp((drift - sigma**2 / 2) * years + sigma * to_s)
    error = np.std(S * X) / np.sqrt(S.size)
    assert np.mean(S * X) == pytest.approx(20.0 * np.exp(usd - dividend), abs=4 * error)
    about = {"share": "JPY", "paid": "USD", "pair": pair}
    forward = quanto.quanto_forward(3000.0, yen, dividend, sigma, sigma_x, sign * rho, years, **about)
    assert np.mean(S) == pytest.approx(forward, abs=4 * np.std(S) / np.sqrt(S.size))
    adr = quanto.composite(3000.0, 1 / 150, usd, dividend, sigma, sigma_x, sign * rho, years, **about)
    assert np.std(np.log(S * X)) == pytest.approx(adr.volatility, rel=5e-3)
    assert np.mean(S * X) == pytest.approx(adr.forward, abs=4 * error)


def test_a_pair_of_other_currencies_is_refused():
    with pytest.raises(DataError, match=r"write JPYUSD \(USD per JPY\) or USDJPY"):
        quanto.quanto_forward(3000.0, 0.01, 0.02, 0.3, 0.1, 0.5, 1.0, share="JPY", paid="USD", pair="EURUSD")


# --- variance of a day


@settings(max_examples=30)
@given(sigma=st.floats(0.05, 0.5), event=st.floats(0.0, 0.1), early=st.booleans())
def test_event_variance_is_found_where_it_was_put(sigma, event, early):
    near, far = 0.08, 0.25
    at = 0.02 if early else 0.15
    first = np.sqrt(sigma**2 + early * event**2 / near)
    second = np.sqrt(sigma**2 + event**2 / far)
    if event == 0:
        first = second = sigma
    found = implied_variance.between(first + 1e-12 * early, second + 1e-12 * (not early), near, far, at)
    assert found.sd == pytest.approx(event, abs=1e-5)
    assert found.share == pytest.approx(event**2 / (second**2 * far), abs=1e-6)


def test_calendar_arbitrage_names_the_expiries():
    with pytest.raises(DataError, match=r"2025-04-02 at 0.1400 and 2025-04-09 at 0.0900: calendar arbitrage"):
        implied_variance.between(0.14, 0.09, 0.01, 0.03, 0.02, names=("2025-04-02", "2025-04-09"))


def test_the_error_of_the_quotes_widens_both_ways():
    exact, rough = (implied_variance.between(0.10, 0.12, 0.08, 0.16, 0.1, error=e) for e in (0.0, 0.005))
    assert exact.low == exact.variance == exact.high
    assert rough.low < exact.variance < rough.high
    assert rough.high == pytest.approx((0.125**2 - 0.095**2) * 0.16)


def test_a_strip_replicates_the_variance_as_its_strikes_close_up():
    errors = []
    for step in (8.0, 4.0, 2.0, 1.0):
        strike = np.arange(20.0, 400.0, step)
        price = state_prices.black(np.where(strike < 100, "put", "call"), 100.0, strike, 0.2, 0.5)
        errors.append(abs(implied_variance.fair_variance(strike, price, 100.0, 0.5) / 0.04 - 1))
    assert errors[-1] < 2e-3
    assert all(later < earlier / 2.5 for earlier, later in pairwise(errors))


def test_variance_under_a_skew_is_that_of_quantlib():
    """ql.ReplicatingVarianceSwapEngine 1.44 on strikes 30 to 250 by 0.5, S = 100, r = 5%, 91 days."""
    years, rate = 91 / 365, 0.05
    strike = np.arange(30.0, 250.5, 0.5)
    forward = 100 * np.exp(rate * years)
    volatility = 0.2 - 0.1 * (np.clip(strike, 50, 150) - 100) / 100
    price = state_prices.black(
        np.where(strike < forward, "put", "call"), forward, strike, volatility, years, rate
    )
    found = implied_variance.fair_variance(strike, price, forward, years, rate)
    assert found == pytest.approx(0.03981584601646857, rel=1e-3)


def test_a_straddle_earns_nothing_on_average_at_its_own_volatility():
    move = -(0.128**2) / 24 + 0.128 / np.sqrt(12) * np.random.default_rng(1).normal(size=400_000)
    assert implied_variance.straddle_gains(move, 0.128, 1 / 12).mean() == pytest.approx(0, abs=1e-4)


def test_a_premium_of_nothing_is_found_where_moves_are_as_priced():
    moves = np.random.default_rng(2).normal(0, 0.02, 4000)
    found = implied_variance.premium(implied_variance.EventVariance(4e-4, 4e-4, 4e-4, 1.0), moves, draws=500)
    assert found["realised_sd_low"] < 0.02 < found["realised_sd_high"]
    assert abs(found["premium"]) < 0.1
    assert found["beyond"] == pytest.approx(0.425, abs=0.03)  # P(|z| > √(2/π))
    few = implied_variance.premium(implied_variance.EventVariance(4e-4, 4e-4, 4e-4, 1.0), [0.01, np.nan])
    assert few["n"] == 1 and np.isnan(few["realised_sd_low"])


# --- bundled quotes


def test_the_yen_gained_two_percent_of_standard_deviation_by_3_april(known):
    rows = quotes.table(known)
    found = quotes.added_variance(rows, "USDJPY", "1M", "2025-04-01", "2025-04-03")
    assert found.sd == pytest.approx(0.0198, abs=5e-5)
    assert found.sd_range[0] < found.sd < found.sd_range[1]
    low = rows[rows["date"] == "2025-03"]
    assert low["day"].isna().all()  # the low of a month stands on no day


def test_quotes_after_the_day_are_not_known(known):
    then = quotes.table(known.as_known(pd.Timestamp("2025-04-02").date()))
    assert then["day"].max() == pd.Timestamp("2025-04-01")


def test_a_move_goes_from_the_fixing_before_an_announcement_to_the_one_after(known):
    row = quotes.currency_moves(known, "USDJPY", ["2025-07-22-japan-deal"]).iloc[0]
    rate = known.fx["USDJPY"]
    assert row["first"] < row["last"]  # announced in the evening of Washington, after the fixing
    assert row["move"] == pytest.approx(np.log(rate[row["last"]] / rate[row["first"]]))
    assert f"{row['first']:%m-%d} {row['last']:%m-%d}" == "07-22 07-23"


def test_what_is_not_quoted_is_named_with_what_is(known):
    rows = quotes.table(known)
    with pytest.raises(DataError, match=r"no two expiries around 2025-04-02 .*\(1M\); add them"):
        quotes.event_variance(rows, "USDJPY", "2025-04-01", "2025-04-02")
    with pytest.raises(DataError, match=r"3M, on 2025-04-01; there are 1M on 2025-01-19"):
        quotes.volatility(rows, "USDJPY", "2025-04-01", "3M")
    with pytest.raises(DataError, match="of GBPUSD; there are EURUSD, TM, USDJPY"):
        quotes.volatility(rows, "GBPUSD", "2025-04-01", "1M")


# --- claims on the tariff


def test_a_claim_on_the_rate_pays_at_the_strike_and_a_ladder_of_digitals_is_the_excess():
    fixed = derivatives.on_rate(RATES, PRICED, strike=0.25, **TERMS)
    assert fixed.price == pytest.approx(0.3 * 1e6 * np.exp(-0.02))
    excess = derivatives.on_rate(RATES, PRICED, strike=0.15, pays="excess", **TERMS)
    ladder = [
        derivatives.on_rate(RATES, PRICED, strike=k, **TERMS).price for k in np.arange(0.1505, 0.26, 0.001)
    ]
    assert excess.price == pytest.approx(sum(ladder) * 0.001, rel=1e-9)


def test_the_ends_of_a_price_are_reached_by_probabilities_that_add_to_one():
    low, high = {"deal": 0.5, "no deal": 0.1}, {"deal": 0.85, "no deal": 0.6}
    claim = derivatives.on_rate(RATES, PRICED, strike=0.25, low=low, high=high, **TERMS)
    ends = np.array([claim.price_low, claim.price_high]) / 1e6 / np.exp(-0.02)
    np.testing.assert_allclose(ends, [0.15, 0.5])  # not 0.1 and 0.6: the deal's range binds


@pytest.mark.parametrize(
    ("probability", "said"),
    [
        ({"deal": 0.7}, "differ by no deal"),
        ({"deal": 0.7, "no deal": 0.2}, "add to 0.9"),
        ({"deal": 0.7, "no deal": 0.3, "war": 0.0}, "differ by war"),
    ],
)
def test_probabilities_go_with_the_outcomes(probability, said):
    with pytest.raises(DataError, match=said):
        derivatives.on_rate(RATES, probability, strike=0.2, **TERMS)


def test_a_claim_needs_one_level_per_outcome_and_both_ends_of_a_range():
    with pytest.raises(DataError, match="'deal' has no level or two"):
        derivatives.on_rate(RATES.replace(0.15, np.nan), PRICED, strike=0.2, **TERMS)
    with pytest.raises(DataError, match="both low and high"):
        derivatives.on_rate(RATES, PRICED, strike=0.2, low=PRICED, **TERMS)


def test_a_hedge_is_the_least_variance_over_outcomes_and_noise(known):
    claim = derivatives.on_rate(RATES, PRICED, strike=0.25, **TERMS)
    weeks = pd.date_range("2025-01-03", periods=60, freq="W-FRI")
    returns = pd.DataFrame(np.random.default_rng(0).normal(0, 0.02, (60, 4)), weeks, list("ABCD"))
    exposed = pd.Series([0.0, 0.1, 0.2, 0.4], returns.columns)
    held = mimicking.portfolio(returns, exposed, returns.sum(axis=1).to_frame("market"))
    moves = pd.Series({"no deal": -0.8, "deal": 0.1})  # in another order than the claim's
    found = derivatives.hedge(claim, moves, held)
    draws = np.random.default_rng(3)
    state = draws.random(200_000) < 0.3
    earned = np.where(state, -0.8, 0.1) + held.volatility(126) * draws.normal(size=state.size)
    left = [np.std(1e6 * state - size * earned) for size in found.notional * np.array([0.9, 1.0, 1.1])]
    assert left[1] < min(left[0], left[2])
    assert found.residual_sd == pytest.approx(left[1], rel=0.01)
    assert found.notional < 0 < found.removed < 1


def test_a_note_pays_its_coupon_between_its_scores():
    score = pd.Series({"a": 0.1, "b": 0.5, "c": 0.9})
    note = derivatives.relief_note(
        score, {"a": 0.2, "b": 0.5, "c": 0.3}, face=100, coupon=8, least=0.3, most=0.7, years=1, interest=0.0
    )
    assert note.table["payoff"].tolist() == [100, 104, 108]
    with pytest.raises(DataError, match="least < most"):
        derivatives.relief_note(score, {"a": 1}, face=1, coupon=1, least=1, most=1, years=1, interest=0)


@pytest.fixture(scope="module")
def asked(known):
    return case("current-law", "before-april-2025", "CY2026", data=known)


@pytest.fixture(scope="module")
def offsets(asked):
    return currency.offset(asked)


def test_a_collar_pays_the_cost_after_tax_at_the_rate_that_pays_and_costs_nothing(asked, offsets):
    rates = {"JPY": 0.01, "USD": 0.0375}
    one = derivatives.collar(asked, "Toyota", rates, 0.1, volatility_error=0.01, offsets=offsets)
    value, low, high = one.gains(np.array([-0.3, 0.0, one.cap / one.spot - 1, 0.5]))
    assert value["collar"].iloc[2] == pytest.approx(one.after_tax)
    assert value["collar"].iloc[3] == pytest.approx(one.after_tax)
    assert value["collar"].iloc[0] == pytest.approx(one.notional_usd * (one.floor - one.spot))
    assert (low <= value + 1).all(axis=None) and (value <= high + 1).all(axis=None)
    terms = (0.1, 0.01, 0.0375, 1.0)
    put = options.vanilla("put", one.spot, one.floor, *terms).price
    assert put == pytest.approx(options.vanilla("call", one.spot, one.cap, *terms).price, rel=1e-9)
    assert one.carry == pytest.approx(one.notional_usd * (one.spot * np.exp(-0.0275) - one.spot))


def test_no_collar_where_no_move_pays(asked, offsets):
    with pytest.raises(DataError, match="Ford: reports in dollars"):
        derivatives.collar(asked, "Ford", {"USD": 0.04}, 0.1, offsets=offsets)
    with pytest.raises(DataError, match="no interest rate of JPY"):
        derivatives.collar(asked, "Toyota", {"USD": 0.04}, 0.1, offsets=offsets)
    with pytest.raises(DataError, match="beyond the rate that pays"):
        derivatives.collar(asked, "Toyota", {"USD": 0.0, "JPY": 0.5}, 0.1, offsets=offsets)


# --- quotes of the user's


HEAD = "date,underlying,type,expiry,tenor,strike,delta,bid,mid,ask,unit"


def write(tmp_path, *rows, head=HEAD):
    path = tmp_path / "mine.csv"
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("row", "column", "expected"),
    [
        ("2025-04-03,USDJPY,atm,,1M,,,,0.128,,percent_a_year", "unit", "is it the other?"),
        ("2025-04-03,USDJPY,atm,,1M,,,,12.8,,fraction_a_year", "unit", "is it the other?"),
        ("2025-04-03,USDJPY,atm,,1M,,,,12.8,,", "unit", "is not guessed"),
        ("2025-04-03,USDJPY,atm,,1M,,,13.0,,12.6,percent", "bid", "bid <= mid <= ask"),
        ("2025-04-03,USDJPY,atm,,1M,,,12.0,13.0,12.6,percent", "bid", "bid <= mid <= ask"),
        ("2025-04-03,USDJPY,atm,2025-04-01,,,,,12.8,,percent", "expiry", "a day after the date"),
        ("2025-04-03,USDJPY,atm,2025-05-01,1M,,,,12.8,,percent", "expiry", "not both"),
        ("2025-04-03,USDJPY,atm,,,,,,12.8,,percent", "expiry", "or else a tenor"),
        ("2025-04-03,USDJPY,atm,,1 month,,,,12.8,,percent", "tenor", "a tenor such as"),
        ("2025-04-03,USDJPY,atm,,1M,,,,0,,fraction", "unit", "above 0"),
        ("2025-04-03,USDJPY,atm,,1M,,,12.6,,,percent", "mid", "both bid and ask"),
        ("2025-04-03,USDJPY,call,,1M,,,,12.8,,percent", "strike", "a strike or a delta"),
        ("2025-04-03,USDJPY,call,,1M,,25,,12.8,,percent", "delta", "0 to 1"),
        ("2025-04-03,USDJPY,call,,1M,-3,,,12.8,,percent", "strike", "above 0"),
        ("2025-04-03,USDJPY,call,,1M,150,,,-1,,price", "mid", "prices >= 0"),
        (
            "2025-04-03,USDJPY,risk_reversal,,1M,,0.25,,-1.9,,percent",
            "unit",
            "vol_points for a risk_reversal",
        ),
        ("04/03/2025,USDJPY,atm,,1M,,,,12.8,,percent", "date", "a day such as"),
        ("2025-04,USDJPY,atm,,1M,,,,12.8,,percent", "date", "a day such as"),
        ("2025-04-03,USDJPY,swap,,1M,,,,12.8,,percent", "type", "one of atm"),
        ("2025-04-03,USDJPY,atm,,1M,,,,much,,percent", "mid", "a number"),
    ],
)
def test_a_faulty_quote_is_refused_by_row_and_column(tmp_path, row, column, expected):
    good = "2025-04-03,EURUSD,atm,,1M,,,,9.8,,percent"
    faults = own_quotes.check_quotes(own_quotes.read_quotes(write(tmp_path, good, row)))
    assert [(fault.row, fault.column) for fault in faults] == [(3, column)], faults
    assert expected in faults[0].expected


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("date,underlying,tenor,vol", "no column unit; expected percent_a_year"),
        ("date,underlying,vol,unit", "no column expiry or tenor"),
        ("date,underlying,tenor,vol,spam", "'spam' is not a column"),
        ("date,underlying,tenor,vol,iv", "two columns for mid"),
    ],
)
def test_a_layout_that_is_not_understood_is_refused(tmp_path, head, said):
    with pytest.raises(DataError, match=said):
        own_quotes.read_quotes(write(tmp_path, ",".join("x" for _ in head.split(",")), head=head))


def test_own_quotes_go_before_bundled_ones_and_a_fault_changes_nothing(known, data, tmp_path, tm):
    mine = write(
        tmp_path, "3 Apr 2025,usd/jpy,1m,12.9,13.1,%", "3 Apr 2025,usd/jpy,2m,11.4,11.6,%",
        head="date,pair,tenor,bid,ask,unit",
    )  # fmt: skip
    code, out, _ = tm("add", "quotes", mine, "--yes", "--data", data)
    assert code == 0 and "a row in use" in out and "2 rows added" in out
    assert facts.check(data) == []
    rows = quotes.table(facts.load(data))
    found = quotes.volatility(rows, "USDJPY", "2025-04-03", "1M")
    assert (found["volatility"], found["volatility_error"]) == pytest.approx((0.13, 0.001))
    assert len(rows) == len(quotes.table(known)) + 1
    before = store.current(data)
    (wrong := tmp_path / "wrong.csv").write_text(f"{HEAD}\n2025-04-03,USDJPY,atm,,1M,,,,0.128,,percent\n")
    code, _, err = tm("add", "quotes", wrong, "--yes", "--data", data)
    assert code and "row 2: unit is" in err
    again = own_quotes.add_quotes(dataclasses.replace(known, folder=data), mine)
    assert again == 2 and store.current(data) == before  # the same rows, no new snapshot


def test_options_that_live_through_an_event_are_dearer_by_its_variance(known):
    """Four weekly quotes of each of three expiries: level and trend are no premium, an event is."""
    expiries = pd.to_datetime(["2025-07-18", "2025-08-15", "2025-09-12"])
    rows = pd.DataFrame([(day, day - pd.Timedelta(weeks=k)) for day in expiries for k in range(1, 5)],
                        columns=["expiry", "day"])  # fmt: skip
    rows = pd.concat([quotes.table(known).head(1)] * len(rows), ignore_index=True).assign(**rows)
    rows = rows.assign(underlying="TM", volatility_error=0.001)
    event, years = pd.Timestamp("2025-08-13"), (rows["expiry"] - rows["day"]).dt.days / 365
    trend = 0.2 + 0.0005 * (rows["day"] - rows["day"].min()).dt.days
    rows["volatility"] = trend
    assert quotes.spanning_premium(rows, "TM", event)["difference"] == pytest.approx(0, abs=1e-12)
    lives = (rows["expiry"] >= event) & (rows["day"] < event)
    rows["volatility"] = np.sqrt(trend**2 + np.where(rows["expiry"] == expiries[1], 0.03**2, 0.0) / years)
    found = quotes.spanning_premium(rows, "TM", event)
    there = rows.loc[lives & (rows["expiry"] == expiries[1]), "volatility"].mean()
    beside = trend[rows["expiry"] != expiries[1]].mean()
    assert found["difference"] == pytest.approx(there - beside) and found["difference"] > 0.03
    assert found["difference_high"] - found["difference_low"] == pytest.approx(0.004)
    assert (found["n_before"], found["n"], found["n_after"]) == (4, 4, 4)
    with pytest.raises(DataError, match="an expiry before 2025-07-01, one after it .* there are 2025-07-18"):
        quotes.spanning_premium(rows, "TM", "2025-07-01")
    with pytest.raises(DataError, match=r"there are none; add them with `tariffmodel add quotes FILE`"):
        quotes.spanning_premium(quotes.table(known), "USDJPY", "2025-04-02")
