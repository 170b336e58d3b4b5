"""Prediction markets are scored and pooled as printed, and option prices give back the outcomes in them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from tariffmodel import mixture, prediction
from tariffmodel.errors import DataError


def test_markets_held_for_likely_what_did_not_come(known):
    rows = prediction.contracts(known, "JP").set_index("platform")
    assert rows.at["Polymarket", "price"] == 0.90 and rows.at["Polymarket", "outcome"] == 0
    assert (
        f"{rows.at['Polymarket', 'date']:%F}" == "2025-04-20"
        and "22 July" in rows.at["Polymarket", "outcome_basis"]
    )
    assert rows.at["Kalshi", "price"] == 0.73 and rows.at["Kalshi", "outcome"] == 0
    score = prediction.brier(prediction.contracts(known))
    assert score.at["Kalshi", "brier"] == pytest.approx(0.73**2)
    polymarket = [0.9**2, 0.76**2, 0.71**2, 0.31**2, 0.67**2, 0.66**2]
    assert score.at["Polymarket", "brier"] == pytest.approx(np.mean(polymarket))
    assert score["resolved"].to_dict() == {"Kalshi": 1, "Polymarket": 6}
    assert score.at["Kalshi", "n"] == 10 and np.isnan(score.at["Kalshi", "brier_error"])


def test_what_a_day_does_not_know_is_no_outcome(known):
    early = prediction.contracts(replace(known, day=date(2025, 5, 31)))
    assert (early["date"] <= "2025-05-31").all()
    assert early.loc[early["outcome"].notna(), "country"].tolist() == ["GB"]
    with pytest.raises(DataError, match="no contract on 'NZ'; there are AR"):
        prediction.contracts(known, "NZ")


def test_the_pool_is_logarithmic_and_refuses_weights_that_are_none():
    odds = 0.9 / 0.1
    pooled = prediction.pool({"a": 0.9, "b": 0.5}, {"a": 0.25, "b": 0.75})
    assert pooled / (1 - pooled) == pytest.approx(odds**0.25)
    assert prediction.pool({"a": 1.0, "b": 0.3}, {"a": 0.1, "b": 0.9}) == 1
    assert prediction.pool({"a": 1.0, "b": 0.3}, {"a": 0.0, "b": 1.0}) == pytest.approx(0.3)
    for prices, weights, said in (
        ({"a": 0.9, "b": 0.5}, {"a": 0.5, "b": 0.4}, "sum to 0.9"),
        ({"a": 0.9, "b": 0.5}, {"a": 1.0}, "b: expected a price and a weight"),
        ({"a": -1.28}, {"a": 1.0}, "a: -1.28 is no probability"),
        ({"a": 1.0, "b": 0.0}, {"a": 0.5, "b": 0.5}, "certain of opposite things"),
    ):
        with pytest.raises(DataError, match=said):
            prediction.pool(prices, weights)


def test_the_value_of_an_event_is_found_whatever_its_probability():
    random, days = np.random.default_rng(5), pd.bdate_range("2024-01-01", periods=250)
    price = pd.Series(0.3 + 0.01 * random.standard_normal(250).cumsum(), days).clip(0, 1)
    moves = pd.DataFrame(random.normal(0, 0.01, (250, 2)), days, ["Toyota", "GM"])
    moves["Toyota"] += 0.6 * price.diff().fillna(0)
    found = prediction.event_value(moves, price)
    assert found.at["Toyota", "event_value_low"] < 0.6 < found.at["Toyota", "event_value_high"]
    assert found.at["GM", "event_value_low"] < 0 < found.at["GM", "event_value_high"]
    with pytest.raises(DataError, match="Toyota: 9 days"):
        prediction.event_value(moves, price[:10])
    with pytest.raises(DataError, match="does not move"):
        prediction.event_value(moves, 0 * price)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("day,price\n2025-07-21,0.3\n", "no column date; it has day, price"),
        ("date,price\n2025-07-21,31\n", r"row 2, price: '31'; write a fraction from 0 to 1"),
        ("date,price\n21.07.2025,0.3\n", "row 2, date: '21.07.2025'; write days as YYYY-MM-DD"),
        ("date,price\n2025-07-21,0.3\n2025-07-21,0.4\n", "row 3, date: '2025-07-21'; keep one price a day"),
        ("date,price\n2025-07-21,\n", "row 2, price: ''"),
    ],
)
def test_a_series_that_is_none_is_refused_with_file_row_and_column(tmp_path, text, said):
    file = tmp_path / "deal.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=said):
        prediction.read_series(file)


STRIKES = np.arange(70.0, 131.0, 4.0)
TOLD = mixture.Mixture(0.3, 85.0, 107.0, 0.15, 0.12, 0.0, 0.25, 0.99)


def test_two_outcomes_are_found_again_in_prices_with_noise():
    noise = np.random.default_rng(2).normal(0, 0.003, len(STRIKES))
    found = mixture.fit(STRIKES[::-1], (TOLD.calls(STRIKES) + noise)[::-1], TOLD.forward, 0.25, discount=0.99)
    assert found.weight == pytest.approx(0.3, abs=0.05) and found.forward == pytest.approx(TOLD.forward)
    assert [found.low, found.high] == pytest.approx([85, 107], abs=1.5) and found.error < 0.005
    assert found.below(95.0) == pytest.approx(TOLD.below(95.0), abs=0.02)


def test_prices_of_a_mixture_are_discounted_means_of_what_is_paid():
    random = np.random.default_rng(0)
    low = random.random(400_000) < TOLD.weight
    spread = np.where(low, TOLD.volatility_low, TOLD.volatility_high) * np.sqrt(TOLD.years)
    end = np.where(low, TOLD.low, TOLD.high) * np.exp(
        spread * random.standard_normal(low.size) - spread**2 / 2
    )
    paid = TOLD.discount * np.maximum(end - 100.0, 0).mean()
    assert float(TOLD.calls([100.0])[0]) == pytest.approx(paid, rel=0.01)
    assert float(TOLD.below(100.0)) == pytest.approx((end < 100).mean(), abs=0.005)


def test_without_quotes_it_says_so_and_quotes_that_cannot_be_are_named():
    calls = TOLD.calls(STRIKES)
    bent = calls.copy()
    bent[6] += 2.0
    for strikes, prices, said in (
        (None, None, "the package has none; pass strikes and call prices"),
        (STRIKES[:5], calls[:5], "5 quotes; two outcomes need 6"),
        (STRIKES, calls[:-1], "one price for each strike"),
        (STRIKES, calls - 5, "outside its bounds"),
        (STRIKES, bent, "calls around strike .* can be arbitraged"),
        (np.append(STRIKES[:-1], STRIKES[0]), calls, "has two prices"),
        (-STRIKES, calls, "strikes: expected numbers above zero"),
    ):
        with pytest.raises(DataError, match=said):
            mixture.fit(strikes, prices, TOLD.forward, 0.25, discount=0.99)
