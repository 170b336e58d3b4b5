"""Currency options against published values, integration and the identities that prices must obey."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from tariffmodel import options
from tariffmodel.errors import DataError

MARKET = st.fixed_dictionaries(
    {
        "spot": st.floats(0.5, 200),
        "volatility": st.floats(0.03, 0.6),
        "domestic": st.floats(-0.01, 0.12),
        "foreign": st.floats(-0.01, 0.12),
        "years": st.floats(0.02, 3),
    }
)
KINDS = pytest.mark.parametrize("kind", ["call", "put"])


@pytest.mark.parametrize(
    ("spot", "strike", "volatility", "domestic", "foreign", "years", "price", "digits"),
    [
        (1.60, 1.60, 0.20, 0.08, 0.11, 4 / 12, 0.0639, 4),  # Hull, implied volatility of a sterling call
        (1.60, 1.60, 0.10, 0.08, 0.11, 4 / 12, 0.0285, 4),
        (1.60, 1.60, 0.141, 0.08, 0.11, 4 / 12, 0.043, 3),  # the answer: 14.1% for 4.3 cents
        (930, 900, 0.20, 0.08, 0.03, 2 / 12, 51.83, 2),  # Hull, index call: the same formula
        (1.56, 1.60, 0.12, 0.06, 0.08, 0.5, 0.0291, 4),  # Haug, Garman-Kohlhagen call
        # Bekaert and Hodrick: a Swiss franc call; their rates are 2.9% and 3.25% simple per half year
        (0.68, 0.70, 0.2873, 2 * np.log(1.029), 2 * np.log(1.0325), 0.5, 0.0440, 4),
    ],
)
def test_calls_are_worth_what_textbooks_print(
    spot, strike, volatility, domestic, foreign, years, price, digits
):
    found = options.vanilla("call", spot, strike, volatility, domestic, foreign, years).price
    assert round(float(found), digits) == price


@settings(max_examples=200, deadline=None, derandomize=True)
@given(market=MARKET, moneyness=st.floats(0.5, 2))
def test_call_less_put_is_the_forward_less_the_strike(market, moneyness):
    strike = market["spot"] * moneyness
    call, put = (options.vanilla(kind, strike=strike, **market) for kind in ("call", "put"))
    ahead = options.forward(market["spot"], market["domestic"], market["foreign"], market["years"])
    worth = np.exp(-market["domestic"] * market["years"]) * (ahead - strike)
    assert call.price - put.price == pytest.approx(worth, abs=1e-12 * market["spot"])
    held = np.exp(-market["foreign"] * market["years"])
    assert call.delta - put.delta == pytest.approx(held, abs=1e-12)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(market=MARKET, moneyness=st.floats(0.6, 1.6))
def test_call_on_dollars_in_yen_is_a_put_on_yen_in_dollars(market, moneyness):
    """Foreign-domestic symmetry: one right, counted in either currency."""
    strike = market["spot"] * moneyness
    call = options.vanilla("call", strike=strike, **market).price
    turned = market | {
        "spot": 1 / market["spot"],
        "domestic": market["foreign"],
        "foreign": market["domestic"],
    }
    put = options.vanilla("put", strike=1 / strike, **turned).price
    assert call == pytest.approx(strike * market["spot"] * put, rel=1e-9, abs=1e-10 * market["spot"])


@KINDS
def test_price_is_the_discounted_mean_payoff_under_the_lognormal_law(kind):
    spot, strike, volatility, domestic, foreign, years = 150.0, 145.0, 0.11, 0.005, 0.043, 0.75
    sign = 1 if kind == "call" else -1
    middle = np.log(spot) + (domestic - foreign - volatility**2 / 2) * years

    def weighted(z):
        return max(sign * (np.exp(middle + volatility * np.sqrt(years) * z) - strike), 0) * stats.norm.pdf(z)

    kink = (np.log(strike) - middle) / (volatility * np.sqrt(years))
    mean = sum(integrate.quad(weighted, *ends, epsabs=1e-13)[0] for ends in ((-12, kink), (kink, 12)))
    found = options.vanilla(kind, spot, strike, volatility, domestic, foreign, years)
    assert found.price == pytest.approx(np.exp(-domestic * years) * mean, rel=1e-9)


@KINDS
def test_delta_is_the_slope_of_the_price(kind):
    rest = (145.0, 0.11, 0.005, 0.043, 0.75)
    up, down = (options.vanilla(kind, spot, *rest).price for spot in (150.001, 149.999))
    assert options.vanilla(kind, 150.0, *rest).delta == pytest.approx((up - down) / 0.002, abs=1e-6)


def test_forward_of_the_low_interest_currency_stands_at_a_premium():
    """Yen per dollar falls ahead when yen earn less than dollars: 150 e^(-0.035)."""
    assert options.forward(150.0, 0.005, 0.04, 1.0) == pytest.approx(144.8408, abs=1e-4)
    assert options.forward(150.0, 0.02, 0.02, 5.0) == 150.0


def test_arrays_broadcast_over_strikes():
    found = options.vanilla("put", 150.0, np.array([140.0, 150.0]), 0.1, 0.005, 0.04, 1.0).price
    alone = [options.vanilla("put", 150.0, k, 0.1, 0.005, 0.04, 1.0).price for k in (140.0, 150.0)]
    assert found.tolist() == alone and alone[0] < alone[1]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(market=MARKET, depth=st.floats(0.05, 2))
def test_collar_costs_nothing_and_its_call_lies_above_the_forward(market, depth):
    ahead = options.forward(market["spot"], market["domestic"], market["foreign"], market["years"])
    floor = ahead * np.exp(-depth * market["volatility"] * np.sqrt(market["years"]))
    found = options.collar(float(floor), **market)
    assert found.call.price == pytest.approx(found.put.price, rel=1e-6, abs=1e-12 * market["spot"])
    assert found.put.strike == pytest.approx(floor) and found.call.strike > ahead


def test_payoffs_by_hand():
    market = {"spot": 150.0, "volatility": 0.1, "domestic": 0.0, "foreign": 0.0, "years": 1.0}
    found = options.payoffs([-0.2, 0.0, 0.3], floor=140.0, **market)
    put = options.vanilla("put", 150.0, 140.0, 0.1, 0.0, 0.0, 1.0).price
    cap = options.collar(140.0, **market).call.strike
    assert found["rate"].tolist() == pytest.approx([120, 150, 195])
    assert found["unhedged"].tolist() == pytest.approx([-30, 0, 45])
    assert (found["forward"] == 0).all()
    assert found["put"].tolist() == pytest.approx([-10 - put, -put, 45 - put])
    assert found["collar"].tolist() == pytest.approx([-10, 0, cap - 150])


def test_realised_volatility_of_known_moves():
    rate = pd.Series(100 * np.exp(np.cumsum([0.0, *[0.01, -0.01] * 40])), name="USDJPY")
    assert options.realised_volatility(rate, 60) == pytest.approx(0.01 * np.sqrt(252))
    with_holiday = pd.concat([rate.iloc[:40], pd.Series([np.nan]), rate.iloc[40:]], ignore_index=True)
    assert options.realised_volatility(with_holiday, 60) == pytest.approx(0.01 * np.sqrt(252))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda: options.vanilla("straddle", 1, 1, 0.1, 0, 0, 1),
            "kind is 'straddle'; write 'call' or 'put'",
        ),
        (lambda: options.vanilla("call", -1, 1, 0.1, 0, 0, 1), "spot is -1; expected a number above 0"),
        (lambda: options.vanilla("call", 1, 1, 0.0, 0, 0, 1), "volatility is 0.0; expected"),
        (lambda: options.vanilla("call", 1, 0, 0.1, 0, 0, 1), "strike is 0; expected"),
        (lambda: options.forward(1, 0, 0, -1), "years is -1; expected a tenor >= 0"),
        (lambda: options.collar(160.0, 150.0, 0.1, 0, 0, 1), "floor is 160; expected one between 0 and the"),
        (
            lambda: options.realised_volatility(pd.Series([1.0, 2.0], name="X"), 60),
            "X has 1 changes; 60 were asked for: lower rows",
        ),
    ],
)
def test_input_out_of_range_is_refused_with_the_remedy(call, said):
    with pytest.raises(DataError, match=said.replace("(", r"\(")):
        call()
