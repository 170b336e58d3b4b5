"""What is booked in its validated range: the range of validation, its sign, its start."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from tariffmodel import Valuation, booked, case, exposure, validation


@pytest.fixture(scope="module")
def asked(known, law, before):
    return case(law, before, data=known)


def test_range_of_a_maker_that_states_is_that_of_validation(asked):
    """Every amount of the period, each judged by what the other makers teach."""
    label = "2025-04..2025-12"  # results: an outlook is judged by the law of its day
    cost, said = booked.table(asked.replace(period=label)), validation.disclosed(asked)
    said = said[(said["period"] == label) & (said["judged"] == "amount") & (said["basis"] != "direct_duties")]
    said = said[said["scope"] != "vehicles_and_parts"].drop_duplicates("maker").set_index("maker")
    assert len(said) >= 4
    rows = cost.loc[said.index]
    for end in ("low", "high"):
        local = rows[f"booked_{end}_usd"] * rows["per_usd"] / 1e9
        np.testing.assert_allclose(local, said[f"widened_{end}"], rtol=1e-9)


def test_makers_that_state_nothing_take_the_factor_of_all(asked):
    said = validation.disclosed(asked)
    said = said[said["judged"] == validation.AMOUNT]
    factor = booked.widening(asked)
    assert factor["Ferrari"] == validation.widening(said)
    others = validation.widening(said[said["maker"] != "Toyota"])
    assert factor["Toyota"] == others and (factor >= 1).all()


def test_range_holds_the_inputs_range_and_keeps_its_sign(known, law, asked):
    cases = (asked, case("flat-25", law, "CY2027", data=known), case("korea-25", law, "CY2027", data=known))
    for one in cases:
        cost = booked.table(one)
        assert (cost["booked_low_usd"] <= cost["inputs_low_usd"]).all()
        assert (cost["booked_high_usd"] >= cost["inputs_high_usd"]).all()
        assert (cost.loc[cost["inputs_low_usd"] >= 0, "booked_low_usd"] >= 0).all()
        nothing = cost["booked_usd"] == 0
        assert (cost.loc[nothing, ["booked_low_usd", "booked_high_usd"]].abs() < 1).all(axis=None)


def test_before_anyone_had_stated_anything_the_range_has_no_end(known, law, before, asked, monkeypatch):
    early = case(law, before, "CY2024", as_of=date(2025, 1, 31), data=known)
    assert booked.statements(early).empty and np.isinf(booked.widening(early)).all()
    monkeypatch.setattr(booked, "statements", lambda case: booked.validation.disclosed(case).iloc[:0])
    cost = booked.table(asked)
    assert (cost.loc["Toyota", ["booked_low_usd", "booked_high_usd"]] == [0, np.inf]).all()
    assert (cost.loc["Suzuki", ["booked_low_usd", "booked_high_usd"]] == 0).all()


def test_earnings_of_a_share_bear_what_is_booked_after_tax(asked):
    cost = booked.table(asked, Valuation(tax_rate=0.3)).loc["Honda"]
    local = cost["booked_high_usd"] * cost["per_usd"] / 1e6
    assert cost["booked_per_share_high"] == pytest.approx(local * 0.7 / 3893)
    assert cost["booked_per_share_low"] < cost["booked_per_share"] < cost["booked_per_share_high"]


def test_yearly_shares_are_booked_over_market_value_and_say_who_has_none(known, law, before):
    quarter = case(law, before, "2025Q4", data=known)
    found, cost = booked.yearly_shares(quarter), booked.table(quarter)
    np.testing.assert_allclose(found["value"], cost["booked_usd"] * 4 / cost["market_cap_usd"])
    row = cost.loc["Toyota"]
    assert found.at["Toyota", "high"] == pytest.approx(4 * row["booked_high_usd"] / row["market_cap_usd"])
    assert (found["value"].isna() == (found["reason"] != "")).all()
    assert not np.allclose(found["value"].dropna(), exposure.table(quarter)["share_of_market_cap"].dropna())
