"""What a bill is worth and how much of it was priced, against sums and searches written out."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tariffmodel import Valuation, facts, pricing, valuation
from tariffmodel.errors import DataError

TABLE = "companies/valuation.csv"
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


def drawn(value, spread=1.0, n=4096):
    """A value known with a normal error."""
    z = stats.norm.ppf((np.arange(n) + 0.5) / n)
    return pd.DataFrame({"A": value + spread * z})


def one(value, car, error, spread=1.0, cap=1_000.0, **levels):
    series = (pd.Series({"A": number}) for number in (car, error, cap))
    return pricing.priced(drawn(value, spread), *series, **levels).loc["A"]


def test_share_priced_is_the_move_of_market_value_over_the_implied():
    row = one(-50.0, -0.02, 0.004)
    assert row["market_usd"] == -20.0
    assert row["share_priced"] == pytest.approx(0.4, abs=0.005)
    assert row["residual_share_of_market_cap"] == pytest.approx(0.03, abs=1e-5)
    assert row["z"] == pytest.approx(30 / math.hypot(4.0, 1.0), rel=0.02)
    assert row["market_low_usd"] == pytest.approx(-20 - 4 * stats.norm.ppf(0.975))
    assert row["implied_low_usd"] == pytest.approx(-50 - stats.norm.ppf(0.975), rel=1e-4)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.floats(30, 80), st.floats(-0.1, 0.1), st.floats(0.002, 0.012), st.floats(0.5, 5.0))
def test_interval_of_the_share_is_fiellers_where_all_is_normal(value, car, error, spread):
    """Fieller (1954): the ratios θ with (M − θV)² ≤ c² (s_M² + θ² s_V²)."""
    row = one(value, car, error, spread)
    cut = stats.norm.ppf(0.975)
    market, noise = car * 1_000, error * 1_000
    bottom = value**2 - (cut * spread) ** 2
    root = math.sqrt((market * value) ** 2 - bottom * (market**2 - (cut * noise) ** 2))
    expected = [(market * value + sign * root) / bottom for sign in (-1, 1)]
    width = expected[1] - expected[0]
    np.testing.assert_allclose(row[["share_low", "share_high"]].astype(float), expected, atol=0.06 * width)


@pytest.mark.parametrize(
    ("value", "car", "error", "verdict"),
    [
        (-50.0, -0.02, 0.004, "too little"),
        (-50.0, -0.12, 0.004, "too much"),
        (-50.0, 0.02, 0.004, "wrong way"),
        (50.0, -0.02, 0.004, "wrong way"),
        (50.0, 0.048, 0.004, "in line"),
        (-50.0, -0.025, 0.022, "cannot tell"),
        (-50.0, -0.04, 0.1, "cannot be read"),  # full pricing would be inside the noise
        (-0.5, -0.04, 0.004, "cannot be read"),  # what the bill is worth may be nothing
        (-700.0, -0.04, 0.004, "inputs cannot be right"),
        (-50.0, math.nan, 0.004, "no data"),
        (math.nan, -0.04, 0.004, "no data"),
    ],
)
def test_verdict_follows_the_interval(value, car, error, verdict):
    row = one(value, car, error)
    assert row["verdict"] == verdict
    read = verdict not in ("cannot be read", "inputs cannot be right", "no data")
    assert np.isfinite(row["share_priced"]) == read and (row["reading"] == "") == (
        read or verdict == "no data"
    )


def test_no_change_of_the_bill_says_so():
    row = one(0.0, -0.04, 0.004, spread=0.0)
    assert (row["verdict"], row["reading"]) == ("no change implied", "") and math.isnan(row["share_priced"])


def test_what_cannot_be_read_says_why():
    assert one(-50.0, -0.04, 0.1)["reading"] == (
        "cannot be read: full pricing would be a move of 5.0%, inside the noise of 19.6% either way"
    )
    assert one(-700.0, -0.04, 0.004)["reading"] == "inputs cannot be right: they imply -70% of market value"
    wide = one(-450.0, -0.04, 0.004, spread=300.0)["reading"]
    assert wide == "inputs cannot be right: they imply -45% of market value, and may imply -104%"
    assert math.isnan(one(-700.0, -0.04, 0.004)["z"])


def test_maker_without_a_price_is_kept_and_says_so():
    nothing = pd.Series(dtype=float)
    found = pricing.priced(drawn(-50.0), nothing, nothing, nothing)
    assert found.at["A", "verdict"] == "no data" and found.at["A", "implied_usd"] == pytest.approx(-50)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"error": 0.0}, "must be above zero"),
        ({"cap": -1.0}, "must be above zero"),
        ({"level": 95}, "level is 95"),
    ],
)
def test_priced_refuses(change, message):
    with pytest.raises(DataError, match=message):
        one(**{"value": -50.0, "car": -0.02, "error": 0.004} | change)


def test_shares_that_can_be_read_are_pooled():
    makers = list("ABCDE")
    worth = pd.concat([drawn(-50.0).set_axis([name], axis=1) for name in makers], axis=1)
    worth["E"] = -900.0
    car = pd.Series([-0.01, -0.02, -0.03, -0.04, -0.04], makers)
    found = pricing.priced(worth, car, pd.Series(0.005, makers), pd.Series(1_000.0, makers))
    pool = pricing.pooled(found)
    assert list(pool.table.index) == list("ABCD") and pool.mean == pytest.approx(0.5, abs=0.01)
    assert pool.table["shrunk"].between(found["share_priced"].min(), found["share_priced"].max()).all()


# --- distributions -----------------------------------------------------------------------------


def test_narrowest_row_of_the_parameters_counts(known, data):
    table = pd.read_csv(data / TABLE, dtype=str, keep_default_na=False)
    own = table[(table["parameter"] == "tax_rate") & (table["applies_to"] == "JP")].assign(
        applies_to="Honda", low="0.1", central="0.2", high="0.3"
    )
    pd.concat([table, own]).to_csv(data / TABLE, index=False)
    rows = valuation.inputs(facts.load(data))
    assert rows.loc[("tax_rate", "Honda"), ["central", "applies_to"]].tolist() == [0.2, "Honda"]
    assert rows.at[("tax_rate", "Toyota"), "applies_to"] == "JP"
    assert rows.at[("life_years", "Honda"), "applies_to"] == "all"
    assert (rows["low"] <= rows["central"]).all() and (rows["central"] <= rows["high"]).all()


@pytest.mark.parametrize(
    ("drop", "change", "message"),
    [
        ("life_years", {}, "has no life_years for Toyota; add a row that applies to it, to JP or to all"),
        ("", {"low": "0.9"}, "central is '0.3'; expected low <= central <= high"),
        ("", {"high": "1.2", "central": "1.1"}, "high is '1.2'; expected a fraction of at most 1"),
        ("", {"unit": "years"}, "unit is 'years'; expected years for life_years"),
    ],
)
def test_faulty_parameters_are_named(data, drop, change, message):
    table = pd.read_csv(data / TABLE, dtype=str, keep_default_na=False)
    table = table[table["parameter"] != drop]
    for column, value in change.items():
        table.loc[table["parameter"] == "pass_through", column] = value
    table.to_csv(data / TABLE, index=False)
    with pytest.raises(DataError, match=message):
        valuation.inputs(facts.load(data))


def test_draws_have_the_moments_of_their_distributions(known):
    """Triangular mean (a + c + b)/3; the life does not enter linearly, so it is held by a second route."""
    rows = valuation.inputs(known)["central"].xs("Toyota", level="maker").index
    assert set(rows) == set(valuation.PARAMETERS)
    worth = valuation.draws(known, bill(Toyota=1e9).assign(delta_bill_low_usd=1e9, delta_bill_high_usd=1e9))
    rng = np.random.default_rng(0)
    figures = valuation.inputs(known).xs("Toyota", level="maker")
    x = {name: rng.triangular(row.low, row.central, row.high, 400_000) for name, row in figures.iterrows()}
    kept = (1 - x["tax_rate"]) * (1 - x["pass_through"]) * x["persistence"]
    by_hand = -1e9 * kept * (1 - (1 + x["discount_rate"]) ** -x["life_years"]) / x["discount_rate"]
    assert worth["Toyota"].mean() == pytest.approx(by_hand.mean(), rel=0.01)
    ends = [0.025, 0.5, 0.975]
    np.testing.assert_allclose(worth["Toyota"].quantile(ends), np.quantile(by_hand, ends), rtol=0.03)


def test_cost_fills_its_validated_range_with_its_probability(known):
    fixed = Valuation(tax_rate=0.0, discount_rate=0.0, life_years=1.0)
    change = bill(Toyota=1e9, GM=2e9)
    worth = valuation.draws(known, change, fixed=fixed)
    for maker in change.index:
        low, high = change.loc[maker, ["delta_bill_low_usd", "delta_bill_high_usd"]]
        assert (-worth[maker]).between(low, high).mean() == pytest.approx(0.8, abs=0.002)
        assert worth[maker].median() == pytest.approx(-change.at[maker, "delta_bill_usd"], rel=1e-3)
    twice = valuation.draws(known, change, fixed=fixed, widening=pd.Series({"GM": 2.0, "Toyota": 1.0}))
    np.testing.assert_allclose(twice["Toyota"], worth["Toyota"])
    assert twice["GM"].std() == pytest.approx(2 * worth["GM"].std(), rel=1e-9)


def test_fixed_parameters_give_the_formula(known):
    change = bill(Toyota=1e9).assign(delta_bill_low_usd=1e9, delta_bill_high_usd=1e9)
    terms = valuation.central(known)
    worth = valuation.draws(known, change, fixed=terms, n=2)
    assert worth["Toyota"].tolist() == pytest.approx(
        [pricing.implied_value(change, terms)["implied_usd"].item()] * 2
    )


def test_draws_refuse(known):
    with pytest.raises(DataError, match="n is 100; write a power of two"):
        valuation.draws(known, bill(Toyota=1e9), n=100)
    turned = bill(Toyota=1e9).assign(delta_bill_low_usd=2e9)
    with pytest.raises(DataError, match="the range of the change of Toyota's bill does not hold its middle"):
        valuation.draws(known, turned)


def test_persistence_scales_the_value():
    assert worth(5, persistence=0.5) == pytest.approx(0.5 * worth(5))
