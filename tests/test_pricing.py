"""What a bill is worth and how much of it was priced, against sums and searches written out."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from tariffmodel import Valuation, pricing
from tariffmodel.errors import DataError

TERMS = {"tax_rate": 0.3, "discount_rate": 0.08}


def bill(**usd):
    frame = pd.DataFrame({"delta_bill_usd": pd.Series(usd, dtype=float)})
    half = 0.2 * frame["delta_bill_usd"].abs()
    return frame.assign(
        delta_bill_low_usd=frame["delta_bill_usd"] - half, delta_bill_high_usd=frame["delta_bill_usd"] + half
    )


def worth(life, bill_usd=1.0, **terms):
    frame = pricing.implied_value(bill(A=bill_usd), Valuation(**{"life_years": life} | TERMS | terms))
    return frame.at["A", "implied_usd"]


def by_year(life, rate=0.08, growth=0.0, fall=0):
    """Payments at the end of each year; in the last `fall` years averaged over when it ends."""
    lives = np.arange(life - fall + 0.0005, life, 0.001) if fall else [life]
    q = (1 + growth) / (1 + rate)
    return np.mean([(1 - q**t) / (rate - growth) for t in lives])


@pytest.mark.parametrize(("growth", "rate"), [(0.0, 0.08), (0.03, 0.08), (-0.1, 0.08), (0.08, 0.08)])
def test_value_equals_the_sum_of_discounted_payments_after_tax(growth, rate):
    paid = sum((1 + growth) ** (t - 1) / (1 + rate) ** t for t in range(1, 8))
    found = worth(7, 1e9, growth=growth, discount_rate=rate, pass_through=0.4)
    assert found == pytest.approx(-1e9 * 0.7 * 0.6 * paid, rel=1e-12)


def test_endless_bill_is_a_perpetuity_and_the_limit_of_long_ones():
    assert worth(math.inf) == pytest.approx(-0.7 / 0.08, rel=1e-14)
    assert worth(math.inf, growth=0.02) == pytest.approx(-0.7 / 0.06, rel=1e-14)
    assert worth(500) == pytest.approx(worth(math.inf), rel=1e-12)


def test_phase_out_equals_the_mean_over_lives():
    assert worth(7, phase_out_years=3) == pytest.approx(-0.7 * by_year(7, fall=3), rel=1e-6)
    flat = worth(7, phase_out_years=3, growth=0.08)
    assert flat == pytest.approx(-0.7 * 5.5 / 1.08, rel=1e-12)
    assert worth(7, phase_out_years=3, growth=0.08 - 1e-9) == pytest.approx(flat, rel=1e-7)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    st.floats(-1e10, 1e10).filter(lambda usd: abs(usd) > 1),
    st.floats(0.5, 40),
    st.floats(0.01, 0.3),
    st.floats(-0.2, 0.2),
)
def test_a_bill_that_rises_is_worth_less_than_nothing_and_its_life_is_found_again(usd, life, rate, growth):
    terms = {"tax_rate": 0.25, "discount_rate": rate, "growth": growth, "pass_through": 0.1}
    valued = Valuation(life_years=life, **terms)
    frame = pricing.implied_value(bill(A=usd), valued)
    row = frame.loc["A"]
    assert np.sign(row["implied_usd"]) == -np.sign(usd)
    assert row["implied_low_usd"] <= row["implied_usd"] <= row["implied_high_usd"]
    years = pricing.implied_life(pd.Series({"A": usd}), frame["implied_usd"], valued)
    assert years["A"] == pytest.approx(life, rel=1e-6)


def test_life_is_endless_where_no_life_suffices_and_empty_where_the_sign_is_wrong():
    delta = pd.Series({"A": 1.0, "B": 1.0, "C": 0.0, "D": 1.0, "E": 1.0})
    move = pd.Series({"A": -100.0, "B": 1.0, "C": -1.0, "D": 0.0})
    years = pricing.implied_life(delta, move, Valuation(**TERMS))
    assert years["A"] == math.inf and years["D"] == 0.0
    assert years[["B", "C", "E"]].isna().all()


def test_terms_by_maker_meet_their_maker():
    life = pd.Series({"B": 2.0, "A": 1.0})
    tax = pd.Series({"B": 0.5, "A": 0.0, "Z": 0.9})
    found = pricing.implied_value(bill(A=1.0, B=1.0), Valuation(tax, 0.0, life))
    assert dict(found["implied_usd"]) == {"A": -1.0, "B": -1.0}
    assert dict(found["years_of_bill"]) == {"A": 1.0, "B": 2.0}


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({"tax_rate": 30}, "tax_rate is 30; expected a number from 0 to 1"),
        ({"pass_through": -0.1}, "pass_through is -0.1"),
        ({"discount_rate": math.nan}, "discount_rate is nan"),
        ({"life_years": 0}, "life_years is 0"),
        ({"life_years": -1}, "life_years is -1"),
        ({"life_years": math.inf, "growth": 0.08}, "growth is not below discount_rate"),
        ({"life_years": 3, "phase_out_years": 4}, "phase_out_years is longer"),
        ({"life_years": math.inf, "phase_out_years": 4}, "or of an endless life"),
        ({"tax_rate": pd.Series({"B": 0.3})}, "tax_rate has no value for A"),
    ],
)
def test_implied_value_refuses(terms, message):
    with pytest.raises(DataError, match=message):
        pricing.implied_value(bill(A=1.0), Valuation(**{"life_years": 5} | TERMS | terms))


def test_implied_value_needs_the_range_of_the_bill():
    with pytest.raises(DataError, match="no column delta_bill_low_usd"):
        pricing.implied_value(bill(A=1.0)[["delta_bill_usd"]])


# --- priced ----------------------------------------------------------------------------------


def implied(value, half=1.0):
    return pd.DataFrame(
        {"implied_usd": [value], "implied_low_usd": [value - half], "implied_high_usd": [value + half]}, ["A"]
    )


def one(value, car, error, half=1.0, cap=1_000.0, **levels):
    series = (pd.Series({"A": number}) for number in (car, error, cap))
    return pricing.priced(implied(value, half), *series, **levels).loc["A"]


def test_share_priced_is_the_move_of_market_value_over_the_implied():
    row = one(-50.0, -0.02, 0.004)
    assert row["market_usd"] == -20.0
    assert row["share_priced"] == pytest.approx(0.4)
    assert row["residual_share_of_market_cap"] == pytest.approx(0.03)
    spread = 1.0 / stats.norm.ppf(0.975)
    assert row["z"] == pytest.approx(30 / math.hypot(4.0, spread))
    assert row["market_low_usd"] == pytest.approx(-20 - 4 * stats.norm.ppf(0.975))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.floats(-80, 80), st.floats(-0.1, 0.1), st.floats(0.001, 0.05), st.floats(0.0, 60.0))
def test_share_interval_holds_exactly_the_ratios_that_fieller_does_not_reject(value, car, error, half):
    assume(abs(abs(value) - half) > 1e-6 * half)  # the edge between bounded and not
    row = one(value, car, error, half)
    cut = stats.norm.ppf(0.975)
    market, market_error, spread = car * 1_000, error * 1_000, half / cut
    if value == 0:
        assert math.isnan(row["share_low"])
        return
    if not math.isfinite(row["share_low"]):
        assert abs(value) <= cut * spread * (1 + 1e-12)
        return
    middle, width = row["share_low"] / 2 + row["share_high"] / 2, row["share_high"] - row["share_low"]
    for ratio in middle + width * np.array([-0.6, -0.51, -0.49, 0.0, 0.49, 0.51, 0.6]):
        inside = (market - ratio * value) ** 2 <= cut**2 * (market_error**2 + ratio**2 * spread**2)
        assert inside == (row["share_low"] <= ratio <= row["share_high"])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.floats(5, 80), st.floats(-0.1, 0.1), st.floats(0.001, 0.05), st.floats(0.1, 4.0))
def test_one_is_outside_the_interval_exactly_when_z_rejects(value, car, error, half):
    row = one(value, car, error, half)
    outside = not row["share_low"] <= 1 <= row["share_high"]
    assert outside == (abs(row["z"]) > stats.norm.ppf(0.975))


def test_interval_covers_the_true_share_as_often_as_it_says():
    rng = np.random.default_rng(3)
    runs = 20_000
    names = pd.RangeIndex(runs)
    value = pd.Series(-50 + 8 * rng.normal(size=runs), names)
    reach = 8 * stats.norm.ppf(0.95)
    frame = pd.DataFrame(
        {"implied_usd": value, "implied_low_usd": value - reach, "implied_high_usd": value + reach}
    )
    car = pd.Series(-0.03 + 0.01 * rng.normal(size=runs), names)
    found = pricing.priced(
        frame, car, pd.Series(0.01, names), pd.Series(1e3, names), range_level=0.9, level=0.8
    )
    covered = ((found["share_low"] <= 0.6) & (found["share_high"] >= 0.6)).mean()
    assert covered == pytest.approx(0.8, abs=4 * math.sqrt(0.16 / runs))


@pytest.mark.parametrize(
    ("value", "car", "error", "verdict"),
    [
        (-50.0, -0.02, 0.004, "too little"),
        (-50.0, -0.12, 0.004, "too much"),
        (-50.0, 0.02, 0.004, "wrong way"),
        (50.0, -0.02, 0.004, "wrong way"),
        (50.0, 0.048, 0.004, "in line"),
        (-50.0, -0.04, 0.1, "cannot tell"),
        (-0.5, -0.04, 0.004, "too much"),
        (0.0, -0.04, 0.004, "no change implied"),
        (-50.0, math.nan, 0.004, "no data"),
        (math.nan, -0.04, 0.004, "no data"),
    ],
)
def test_verdict_follows_the_interval(value, car, error, verdict):
    assert one(value, car, error, half=0.2)["verdict"] == verdict


def test_maker_without_a_price_is_kept_and_says_so():
    found = pricing.priced(
        implied(-50.0), pd.Series(dtype=float), pd.Series(dtype=float), pd.Series(dtype=float)
    )
    assert found.at["A", "verdict"] == "no data" and found.at["A", "implied_usd"] == -50


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"error": 0.0}, "must be above zero"),
        ({"cap": -1.0}, "must be above zero"),
        ({"half": -1.0}, "implied_low_usd is above implied_high_usd for A"),
        ({"level": 95}, "level is 95"),
        ({"range_level": 0.0}, "range_level is 0"),
    ],
)
def test_priced_refuses(change, message):
    with pytest.raises(DataError, match=message):
        one(**{"value": -50.0, "car": -0.02, "error": 0.004} | change)
