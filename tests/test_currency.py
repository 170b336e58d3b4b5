"""The currency move that pays the bill: by hand, by its identities, and with the sign the right way."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tariffmodel import Valuation, booked, case, currency, exposure, facts, periods, sensitivity, validation
from tariffmodel.errors import DataError

TABLE = "companies/fx_sensitivity.csv"


@pytest.fixture(scope="module")
def paid(known, law, before):
    return currency.offset(case(law, before, data=known))


@pytest.fixture(scope="module")
def toyota(known, law, before):
    return currency.iso_profit(case(law, before, data=known), "Toyota")


def edit(data, row, **cells):
    """Change cells of one data row (0-based) of the sensitivities and load again."""
    table = pd.read_csv(data / TABLE, dtype=str, keep_default_na=False)
    for column, value in cells.items():
        table.loc[row, column] = value
    table.to_csv(data / TABLE, index=False)
    return facts.load(data)


def row_of(known, maker):
    table = pd.read_csv(known.folder / TABLE)
    return table.index[(table["company"] == maker) & table["selected"]][0]


# -------------------------------------------------------------------------------------- disclosed


def test_profit_per_unit_is_in_home_currency_per_unit(known):
    got = currency.disclosed(known)
    assert got.loc["Toyota", "profit_per_unit_bn"] == 50
    assert got.loc["Kia", "profit_per_unit_bn"] == 22  # 220bn won per ten won
    assert got.loc["Kia", "currency"] == "KRW"
    assert got.loc["Subaru", ["profit_per_unit_low_bn", "profit_per_unit_high_bn"]].tolist() == [10.7, 13.1]
    assert "Denso" not in got.index  # no maker
    assert got[["source_title", "known_on"]].notna().all(axis=None)


def test_move_in_percent_becomes_one_in_currency(known, data):
    row = row_of(known, "Toyota")
    got = currency.disclosed(edit(data, row, move="0.01", move_unit="fraction"))
    rate = known.fx["USDJPY"]["2025-04-01":"2026-03-31"].mean()
    assert got.loc["Toyota", "profit_per_unit_bn"] == pytest.approx(50 / (0.01 * rate))


def test_euro_that_weakens_by_a_cent_becomes_euros_per_dollar(known, data):
    """A hundred million euros a cent of EURUSD: at S euros a dollar a cent is S² hundredths of them."""
    got = edit(data, row_of(known, "Honda"), company="BMW", pair="EURUSD", move="0.01", move_unit="usd",
               effect="0.1", effect_unit="eur_bn")  # fmt: skip
    mean = (1 / known.fx["EURUSD"]["2025-04-01":"2026-03-31"]).mean()
    found = currency.disclosed(got).loc["BMW"]
    assert found["profit_per_unit_bn"] == pytest.approx(10 / mean**2, rel=2e-3)
    a_cent_weaker = 1 / (1 / mean - 0.01) - mean
    assert found["profit_per_unit_bn"] * a_cent_weaker == pytest.approx(0.1, rel=0.01)


def test_two_figures_for_one_dollar_are_refused(known, data):
    row = row_of(known, "Honda")
    with pytest.raises(DataError, match="Toyota has two selected sensitivities to the dollar"):
        currency.disclosed(edit(data, row, company="Toyota", pair="JPYUSD", move_unit="usd"))


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"move_unit": "krw"}, "move_unit is 'krw'; expected jpy, the currency in which USDJPY is quoted"),
        ({"pair": "JPYUSD"}, "move_unit is 'jpy'; expected usd, the currency in which JPYUSD is quoted"),
        ({"move": ""}, "move is empty; say by how much the currency weakens"),
    ],
)
def test_move_that_does_not_fit_its_pair_is_refused(known, data, cells, said):
    row = row_of(known, "Honda")
    with pytest.raises(DataError, match=rf"{TABLE} row {row + 2}: {said}"):
        currency.disclosed(edit(data, row, **cells))


def test_effect_in_a_foreign_currency_is_refused(known, data):
    row = row_of(known, "Honda")
    with pytest.raises(DataError, match=rf"{TABLE} row {row + 2}: effect_unit is 'krw_bn'; expected jpy_bn"):
        currency.disclosed(edit(data, row, effect_unit="krw_bn"))


def test_faulty_cell_is_named(known, data):
    row = row_of(known, "Honda")
    with pytest.raises(DataError, match=rf"{TABLE} row {row + 2}: effect is 'ten'; expected a number"):
        currency.disclosed(edit(data, row, effect="ten"))


# ----------------------------------------------------------------------------------------- offset


def test_toyota_by_hand(known, law, before, paid):
    """A fiscal year is one year: κ is not scaled by 365 over 365.25."""
    row = paid.loc["Toyota"]
    bill = exposure.burden(case(law, before, data=known)).loc["Toyota"]
    start = known.fx["USDJPY"]["2024-04-01":"2025-03-31"].mean()
    assert row["base_per_usd"] == start and f"{start:.1f}" == "152.4"
    owed = bill["booked_usd"] / 1e9
    assert row["move_at_fixed_bill"] == pytest.approx(owed * start / 50)
    assert row["move"] == pytest.approx(owed * start / (50 - owed))
    assert row["rate_needed"] == pytest.approx(50 * start / (50 - owed))
    assert row["basis"] == "disclosed"
    assert row["tariff_rate_per_unit"] == pytest.approx(50e9 / start / bill["customs_value_usd"])


def test_range_of_the_move_is_the_validated_one(known, law, before, paid):
    asked, row = case(law, before, data=known), paid.loc["Toyota"]
    said = validation.disclosed(asked)
    own = said[said["headline"] & (said["maker"] == "Toyota")].iloc[0]
    ends = [own[f"widened_{end}"] / own["per_usd"] for end in ("low", "high")]
    needed = [50 * row["base_per_usd"] / (50 - bn) - row["base_per_usd"] for bn in ends]
    np.testing.assert_allclose(row[["move_low", "move_high"]].astype(float), needed, rtol=1e-9)
    bare = exposure.burden(asked).loc["Toyota"]
    assert row["booked_low_usd"] < bare["booked_low_usd"] < bare["booked_high_usd"] < row["booked_high_usd"]


def test_companys_own_figure_stands_beside_the_models_where_there_is_one(paid):
    row = paid.loc["Toyota"]
    assert row["stated_bn"] == 1380  # yen, for the fiscal year to March 2026
    own = 1380 / row["per_usd"]
    assert row["stated_rate_needed"] == pytest.approx(50 * row["base_per_usd"] / (50 - own))
    assert paid.loc["Kia", ["stated_bn", "stated_rate_needed"]].isna().all()


def test_todays_law_is_set_against_todays_rate(known, law, before, paid):
    row, day = paid.loc["Toyota"], known.as_of
    ahead = case(law, before, "2026-10-31..2027-10-30", data=known)
    assert day.isoformat() == "2026-10-30" and ahead.period.years == 1
    cost = booked.table(ahead).loc["Toyota"]
    assert row["ahead_usd"] == cost["booked_usd"] != row["booked_usd"]
    needed = [
        50 * row["base_per_usd"] / (50 - cost[f"booked{end}_usd"] / 1e9) for end in ("", "_low", "_high")
    ]
    found = row[["ahead_rate_needed", "ahead_rate_needed_low", "ahead_rate_needed_high"]].astype(float)
    np.testing.assert_allclose(found, needed, rtol=1e-9)
    assert row["ahead_share"] == pytest.approx(row["ahead_rate_needed"] / row["base_per_usd"] - 1)
    assert row["today_share"] == pytest.approx(row["today"] / row["base_per_usd"] - 1)


def test_base_rate_is_that_of_the_period_asked_for(known, law, before):
    row = currency.offset(case(law, before, data=known), base="CY2023").loc["Toyota"]
    assert row["base_per_usd"] == known.fx["USDJPY"]["2023"].mean()


def test_an_old_figure_is_used_and_said_to_be_old(known, data, paid):
    assert paid.at["Subaru", "stale"] and paid.at["Subaru", "as_of"] == "2024-05"
    assert not paid.at["Toyota", "stale"]
    got = currency.disclosed(edit(data, row_of(known, "Toyota"), as_of="2021-07"))
    assert got.at["Toyota", "stale"]


def test_move_brings_profit_back_to_the_base(paid):
    rows = paid.dropna(subset="move")
    assert len(rows) == 8
    gained = rows["profit_per_unit_bn"] * (rows["rate_needed"] - rows["base_per_usd"])
    owed = rows["booked_usd"] / 1e9 * rows["rate_needed"]
    np.testing.assert_allclose(gained, owed, rtol=1e-9)


def test_home_currency_must_weaken_to_pay_a_bill(paid):
    rows = paid.dropna(subset="move")
    assert (rows["move"] > 0).all()
    assert (rows["rate_needed"] > rows["base_per_usd"]).all()
    assert (rows["move"] > rows["move_at_fixed_bill"]).all()  # the bill grows as the currency falls
    assert ((rows["move_low"] <= rows["move"]) & (rows["move"] <= rows["move_high"])).all()


def test_a_saving_lets_the_home_currency_strengthen(known, law, before, paid):
    turned = currency.offset(case(before, law, data=known))
    rows = turned.dropna(subset="move")
    assert (rows["move"] < 0).all()
    np.testing.assert_allclose(turned["booked_usd"], -paid["booked_usd"].reindex(turned.index))


def test_no_policy_change_needs_no_move(known, law):
    rows = currency.offset(case(law, law, data=known)).dropna(subset="move")
    assert (rows[["booked_usd", "move", "move_low", "move_high"]] == 0).all(axis=None)


def test_half_a_year_needs_about_the_same_move(known, law, before):
    """Half the cost against half a year's profit, of a maker to which no relief of 2025 comes back."""
    year, half = (currency.offset(case(law, before, period, data=known)) for period in ("CY2026", "2026H1"))
    share = half["booked_usd"] / year["booked_usd"]
    assert share["Mitsubishi Motors"] == pytest.approx(0.5, abs=0.05)
    ratio = half["move_share"] / year["move_share"]
    assert ratio["Mitsubishi Motors"] == pytest.approx(1, abs=0.1)


def test_every_empty_move_has_its_reason(paid):
    empty = paid["move"].isna()
    assert (paid.loc[~empty, "reason"] == "").all()
    reasons = paid.loc[empty, "reason"]
    assert "reports in dollars" in reasons["GM"]
    assert "no sensitivity" in reasons["BMW"]
    assert (reasons != "").all()


def test_profit_that_falls_when_the_home_currency_weakens_pays_nothing(known, data):
    changed = edit(data, row_of(known, "Mazda"), effect="-0.3", low="", high="")
    row = currency.offset(case(data=changed)).loc["Mazda"]
    assert np.isnan(row["move"])
    assert "profit falls when the home currency weakens" in row["reason"]


def test_a_bill_larger_than_the_position_cannot_be_paid(known, data):
    changed = edit(data, row_of(known, "Honda"), effect="1.5", low="1.5", high="1.9")
    row = currency.offset(case(data=changed)).loc["Honda"]
    assert np.isnan(row["move"])
    assert "larger than the dollars that profit is long" in row["reason"]
    assert row["move_at_fixed_bill"] > 100


def test_range_is_infinite_where_the_bill_may_exceed_the_position(known, data):
    changed = edit(data, row_of(known, "Honda"), effect="2.7")
    row = currency.offset(case(data=changed)).loc["Honda"]
    assert row["booked_high_usd"] / 1e9 > 2.7
    assert np.isfinite(row["move"])
    assert np.isinf(row["move_high"])


@given(
    bill=st.floats(0, 9.9),
    spare=st.floats(0.05, 50),
    start=st.floats(0.5, 2000),
)
def test_fixed_point_solves_its_equation(bill, spare, start):
    kappa = bill + spare
    move = currency._move(np.array([bill]), np.array([kappa]), np.array([start]))[0]
    assert kappa * move == pytest.approx(bill * (start + move), rel=1e-9, abs=1e-12)


def test_position_estimated_from_the_share_inverts_the_value_elasticity(known, law, before):
    names = ["beta_fx", "low", "high"]
    fake = pd.DataFrame({**dict.fromkeys(names, 0.0), "role": "home"}, known.makers.index)
    fake.loc["Suzuki", names] = [0.6, 0.3, 0.9]
    fake.loc["BMW", names] = [0.8, -0.1, 1.7]
    fake.loc["Volkswagen", names] = [-0.8, -1.0, -0.1]
    fake.loc["Toyota", names] = [9.0, 8.0, 10.0]
    fake.loc["GM", [*names, "role"]] = [0.5, 0.4, 0.6, "rival"]
    got = currency.offset(case(law, before, data=known), estimated=fake, valuation=Valuation(0.3, 0.1, 4))
    cap = exposure.table(case(law, before, data=known))["market_cap_usd"]
    years = sum(1.1**-t for t in range(1, 5))
    assert got.loc["BMW", "profit_per_unit_bn"] == pytest.approx(0.8 * cap["BMW"] / (0.7 * years) / 1e9)
    assert got.loc["BMW", "basis"] == "estimated from the share"
    assert got.loc["Hyundai Motor", "basis"] == "estimated by an analyst"  # Hana, not the company
    assert got.loc["BMW", "move"] > 0
    assert np.isinf(got.loc["BMW", "move_high"])
    assert "its beta pays no bill" in got.loc["Volkswagen", "reason"]
    assert (got.loc["Toyota", "profit_per_unit_bn"], got.loc["Toyota", "basis"]) == (50, "disclosed")
    assert "reports in dollars" in got.loc["GM", "reason"]
    assert got.loc["Suzuki", "move"] == 0  # it imports nothing, so there is nothing to pay


# ---------------------------------------------------------------------------------------- compare


def betas(known, **values):
    frame = pd.DataFrame(
        {"beta_fx": 1.0, "standard_error": 0.1, "low": 0.8, "high": 1.2, "n": 100, "effect": "total"},
        known.makers.index,
    )
    for maker, (low, high) in values.items():
        frame.loc[maker, ["beta_fx", "low", "high"]] = [(low + high) / 2, low, high]
    return frame


def test_elasticities_by_hand(known):
    got = currency.compare(known, betas(known), Valuation(0.3, 0.1, 3)).loc["Toyota"]
    rate = known.fx["USDJPY"]["2024-04-01":"2025-03-31"].mean()
    assert got["profit_elasticity"] == pytest.approx(50 * rate / 4795.586)
    years = 1 / 1.1 + 1 / 1.1**2 + 1 / 1.1**3
    assert got["years_of_profit"] == pytest.approx(years)
    assert got["value_elasticity"] == pytest.approx(50e9 * 0.7 * years / got["market_cap_usd"])


def test_market_value_is_that_of_the_exposure_table(known, law, before):
    got = currency.compare(known, betas(known))["market_cap_usd"]
    np.testing.assert_allclose(
        got, exposure.table(case(law, before, data=known))["market_cap_usd"].reindex(got.index)
    )


def test_range_of_the_disclosure_becomes_that_of_the_elasticities(known):
    got = currency.compare(known, betas(known)).loc["Subaru"]
    for name in ("profit_elasticity", "value_elasticity"):
        assert got[f"{name}_low"] == pytest.approx(got[name] * 10.7 / 11)
        assert got[f"{name}_high"] == pytest.approx(got[name] * 13.1 / 11)


def test_verdict_needs_the_whole_interval_beyond_both_elasticities(known):
    both = currency.compare(known, betas(known)).loc["Toyota", ["profit_elasticity", "value_elasticity"]]
    low, high = both.min(), both.max()
    for interval, verdict in (
        ((low - 0.5, low - 0.01), "less than disclosed"),
        ((low - 0.5, low + 0.01), "in line"),
        ((high - 0.01, high + 0.5), "in line"),
        ((high + 0.01, high + 0.5), "more than disclosed"),
    ):
        row = currency.compare(known, betas(known, Toyota=interval)).loc["Toyota"]
        assert row["verdict"] == verdict
        assert row["looks_hedged"] == (verdict == "less than disclosed")


def test_no_beta_gives_no_verdict(known):
    row = currency.compare(known, betas(known, Toyota=(np.nan, np.nan))).loc["Toyota"]
    assert pd.isna(row["verdict"])
    assert not row["looks_hedged"]


def test_loss_gives_no_profit_elasticity(known):
    table = known.financials.copy()
    year = (table["company"] == "Nissan") & (table["metric"] == "operating_profit") & table["selected"]
    table.loc[year, "value"] = -10.0
    row = currency.compare(replace(known, financials=table), betas(known)).loc["Nissan"]
    assert np.isnan(row["profit_elasticity"])
    assert row["value_elasticity"] > 0
    assert row["reason"] == "no profit elasticity: no profit in FY2025-03"


def test_no_market_value_gives_no_value_elasticity_and_the_reason(known):
    then = known.as_known(date(2025, 12, 1))  # no count of Mazda's shares was known
    got = currency.compare(then, betas(then), as_of=date(2025, 12, 1))
    lacking = got["value_elasticity"].isna()
    assert "Mazda" in got.index[lacking]
    assert got.loc["Mazda", "reason"] == "no value elasticity: no count of shares"
    assert not got.loc[~lacking, "reason"].str.contains("value").any()


def test_weak_yen_helps_both_the_profit_and_the_share_of_exporters(known):
    got = currency.compare(known).loc[["Toyota", "Honda", "Subaru", "Nissan"]]
    assert (got[["profit_elasticity", "value_elasticity", "low"]] > 0).all(axis=None)
    assert (got["effect"] == "total").all()
    residual = currency.compare(known, sensitivity.table(known, makers=["Toyota"], effect="residual"))
    assert (residual.loc["Toyota", "beta_fx"] < got.loc["Toyota", "beta_fx"]).all()


# ------------------------------------------------------------------------------------- iso-profit


def test_curve_passes_through_the_move_that_pays_the_bill(known, law, before, paid):
    bill = exposure.table(case(law, before, data=known)).loc["Subaru"]
    rate = float(bill["effective_rate"])
    got = currency.iso_profit(case(law, before, data=known), "Subaru", rates=[rate])
    assert got.before == (bill["effective_rate_against"], paid.at["Subaru", "base_per_usd"])
    assert got.curves["before"].iloc[0] == pytest.approx(paid.loc["Subaru", "rate_needed"], rel=1e-12)


def test_profit_is_equal_along_a_curve(known, law, before, toyota):
    bill = exposure.burden(case(law, before, data=known)).loc["Toyota"]
    customs = bill["customs_value_usd"] / 1e9
    rest = bill["booked_usd"] / 1e9 - customs * (bill["effective_rate"] - bill["effective_rate_against"])
    rate0, start = toyota.before
    for level, curve in ((0.0, "before"), (toyota.path["profit_change_bn"].iloc[-1], "today")):
        rate, per_usd = toyota.curves.index.to_numpy(), toyota.curves[curve].to_numpy()
        change = 50 * (per_usd - start) - (customs * (rate - rate0) + rest) * per_usd
        np.testing.assert_allclose(change, level, atol=1e-9 * 50 * start)


def test_higher_duty_needs_a_weaker_currency(toyota):
    assert (toyota.curves.diff().iloc[1:] > 0).all(axis=None)


def test_today_is_on_its_curve(known, law, before, toyota):
    last = toyota.path.iloc[-1]
    again = currency.iso_profit(case(law, before, data=known), "Toyota", rates=[last["rate"]])
    assert again.curves["today"].iloc[0] == pytest.approx(last["per_usd"], rel=1e-12)


def test_path_is_the_law_and_the_fixings_of_each_month(known, toyota):
    assert list(toyota.path.index[[0, -1]]) == ["2025-04", "2026-10"]
    for month in ("2025-06", "2025-12"):
        assert toyota.path.loc[month, "per_usd"] == pytest.approx(known.fx["USDJPY"][month].mean())
    rate = toyota.path["rate"]
    assert rate["2025-08"] > rate["2025-10"]  # 27.5% on Japanese cars until 15 September 2025, then 15%
    assert rate["2025-10"] == pytest.approx(rate["2026-01"], abs=0.01)


def test_profit_rises_with_a_weaker_yen_and_falls_with_the_duty(toyota):
    path = toyota.path
    assert path.loc["2025-10", "profit_change_bn"] > path.loc["2025-08", "profit_change_bn"]
    same_rate = path[path["rate"].sub(path["rate"].iloc[-1]).abs() < 1e-3]
    assert same_rate["profit_change_bn"].corr(same_rate["per_usd"]) > 0.99


@pytest.mark.parametrize(
    ("maker", "more", "message"),
    [
        ("Tojota", {}, "'Tojota' is not a maker; choose from Toyota"),
        ("BMW", {}, "BMW discloses no sensitivity of operating profit to the dollar; add a selected row"),
        ("Toyota", {"first_month": "2031-01"}, "first_month 2031-01 lies after 20"),
    ],
)
def test_makers_without_what_a_curve_needs_are_refused(known, law, before, maker, more, message):
    with pytest.raises(DataError, match=message):
        currency.iso_profit(case(law, before, data=known), maker, **more)


def test_maker_without_imports_has_no_duty_rate(known, law, before, data):
    table = pd.read_csv(data / TABLE, dtype=str, keep_default_na=False)
    suzuki = table.loc[[row_of(known, "Honda")]].assign(company="Suzuki")
    pd.concat([table, suzuki]).to_csv(data / TABLE, index=False)
    with pytest.raises(DataError, match="Suzuki imports no vehicles in FY2026-03"):
        currency.iso_profit(case(data=facts.load(data)), "Suzuki")


def test_today_is_the_last_fixing(known, paid):
    row = paid.loc["Toyota"]
    assert row["today"] == known.fx["USDJPY"].dropna().iloc[-1]
    assert row["rate_per_percent"] == pytest.approx(row["tariff_rate_per_unit"] * row["base_per_usd"] / 100)


# ------------------------------------------------------------------------- duty and exchange rate


@pytest.fixture(scope="module")
def table(known, law, before):
    return currency.grid(case(law, before, data=known))


def test_corners_of_the_table_by_hand(known, law, before, table):
    cost = booked.table(case(law, before, data=known)).loc["Toyota"]
    (rate0, rate1), (before_rate, now) = (
        table.loc["Toyota"].index.unique(name) for name in ("rate", "per_usd")
    )
    assert (rate0, rate1) == (cost["effective_rate_against"], cost["effective_rate"])
    four = table.loc["Toyota"]
    bn, gain = cost["booked_usd"] / 1e9, 50 * (now - before_rate)
    expected = [0.0, gain, -bn * before_rate, gain - bn * now]
    np.testing.assert_allclose(four["profit_change_bn"], expected, rtol=1e-12)
    np.testing.assert_allclose(four["operating_profit_bn"], 4795.586 + np.array(expected), rtol=1e-12)
    tax, shares = 0.2974, 13_030.0
    np.testing.assert_allclose(four["eps_change"], np.array(expected) * 1e3 * (1 - tax) / shares, rtol=1e-12)
    assert four["eps"].iloc[0] == pytest.approx(4765.086e3 / shares)
    ends = [-cost[f"booked_{end}_usd"] / 1e9 * before_rate for end in ("high", "low")]
    found = four.iloc[2][["profit_change_low_bn", "profit_change_high_bn"]].astype(float)
    np.testing.assert_allclose(found, ends, rtol=1e-9)


def test_half_the_step_of_the_duty_costs_half(known, law, before, table):
    asked = case(law, before, data=known)
    low, high = table.loc["Toyota"].index.unique("rate")
    rates = [low, (low + high) / 2, high]
    got = currency.grid(asked, ["Toyota"], rates=rates, per_usd=[150.0])["cost_bn"]
    assert got.iloc[0] == 0 and got.iloc[1] == pytest.approx(got.iloc[2] / 2)
    assert got.iloc[2] == pytest.approx(booked.table(asked).at["Toyota", "booked_usd"] / 1e9 * 150)


def test_what_a_corner_lacks_is_said(table):
    bmw, suzuki, gm = (table.loc[maker] for maker in ("BMW", "Suzuki", "GM"))
    moved = bmw["profit_change_bn"].isna()
    assert moved.tolist() == [False, True, False, True]
    assert (bmw.loc[moved, "reason"] == "no sensitivity of operating profit to the dollar is published").all()
    assert suzuki["profit_change_bn"].isna().all() and (suzuki["reason"] != "").all()
    assert len(gm) == 2 and (gm["reason"] == "").all()
    filled = table["profit_change_bn"].notna()
    assert (table.loc[filled, "reason"] == "").all() and (table.loc[~filled, "reason"] != "").all()
    ordered = table[filled]
    assert (ordered["profit_change_low_bn"] <= ordered["profit_change_bn"]).all()
    assert (ordered["profit_change_bn"] <= ordered["profit_change_high_bn"]).all()


def test_table_refuses_mixed_currencies_and_unknown_makers(known, law, before):
    asked = case(law, before, data=known)
    with pytest.raises(DataError, match="per_usd is given for JPY, KRW; ask for makers of one currency"):
        currency.grid(asked, ["Toyota", "Kia"], per_usd=[150.0])
    with pytest.raises(DataError, match="'Tojota' is not a maker"):
        currency.grid(asked, ["Tojota"])


def test_length_of_a_period_in_years():
    for label, years in (("FY2024-03", 1), ("CY2024", 1), ("2025-04..2025-09", 0.5), ("2025-02", 1 / 12)):
        assert periods.parse(label).years == pytest.approx(years, abs=1e-15)
    assert periods.parse("2025-12-31..2026-01-01").years == pytest.approx(2 / 365)
    assert periods.parse("2024-02-01..2024-02-10").years == pytest.approx(10 / 366)
