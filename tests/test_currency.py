"""The currency move that pays the bill: by hand, by its identities, and with the sign the right way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tariffmodel import Valuation, case, currency, exposure, facts, sensitivity
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
    row = paid.loc["Toyota"]
    bill = exposure.table(case(law, before, data=known)).loc["Toyota"]
    position = 50 * 365 / 365.25
    assert row["move_at_fixed_bill"] == pytest.approx(bill["bill_reporting_bn"] / position)
    assert row["move_at_fixed_bill"] == pytest.approx(18.53, abs=0.05)
    owed = bill["bill_usd"] / 1e9
    assert row["move"] == pytest.approx(owed * bill["per_usd"] / (position - owed))
    assert row["basis"] == "disclosed"
    one_yen_usd = position * 1e9 / bill["per_usd"]
    assert row["tariff_rate_per_unit"] == pytest.approx(one_yen_usd / bill["customs_value_usd"])


def test_move_brings_profit_back_to_the_base(paid):
    rows = paid.dropna(subset="move")
    assert len(rows) == 7
    kappa = rows["profit_per_unit_bn"] * 365 / 365.25
    gained = kappa * (rows["rate_needed"] - rows["per_usd"])
    owed = rows["bill_usd"] / 1e9 * rows["rate_needed"]
    np.testing.assert_allclose(gained, owed, rtol=1e-9)


def test_home_currency_must_weaken_to_pay_a_bill(paid):
    rows = paid.dropna(subset="move")
    assert (rows["move"] > 0).all()
    assert (rows["rate_needed"] > rows["per_usd"]).all()
    assert (rows["move"] > rows["move_at_fixed_bill"]).all()  # the bill grows as the currency falls
    assert ((rows["move_low"] <= rows["move"]) & (rows["move"] <= rows["move_high"])).all()


def test_a_saving_lets_the_home_currency_strengthen(known, law, before, paid):
    turned = currency.offset(case(before, law, data=known))
    rows = turned.dropna(subset="move")
    assert (rows["move"] < 0).all()
    np.testing.assert_allclose(turned["bill_usd"], -paid["bill_usd"].reindex(turned.index))


def test_no_policy_change_needs_no_move(known, law):
    rows = currency.offset(case(law, law, data=known)).dropna(subset="move")
    assert (rows[["bill_usd", "move", "move_low", "move_high"]] == 0).all(axis=None)


def test_half_a_year_needs_about_the_same_move(known, law, before):
    """Half the bill against half a year's profit: only the exchange rate and the law differ."""
    year, half = (currency.offset(case(law, before, period, data=known)) for period in ("CY2026", "2026H1"))
    share = half["bill_usd"] / year["bill_usd"]
    assert share["Subaru"] == pytest.approx(0.5, abs=0.05)
    ratio = half["move_share"] / year["move_share"]
    assert ratio["Subaru"] == pytest.approx(1, abs=0.1)


def test_every_empty_move_has_its_reason(paid):
    empty = paid["move"].isna()
    assert (paid.loc[~empty, "reason"] == "").all()
    reasons = paid.loc[empty, "reason"]
    assert "reports in dollars" in reasons["GM"]
    assert "no sensitivity" in reasons["BMW"]
    assert "profit falls when the home currency weakens" in reasons["Mazda"]
    assert (reasons != "").all()


def test_a_bill_larger_than_the_position_cannot_be_paid(known, data):
    changed = edit(data, row_of(known, "Honda"), effect="1.5", low="1.5", high="1.9")
    row = currency.offset(case(data=changed)).loc["Honda"]
    assert np.isnan(row["move"])
    assert "larger than the dollars that profit is long" in row["reason"]
    assert row["move_at_fixed_bill"] > 100


def test_range_is_infinite_where_the_bill_may_exceed_the_position(known, data):
    changed = edit(data, row_of(known, "Honda"), effect="2.1")
    row = currency.offset(case(data=changed)).loc["Honda"]
    assert row["bill_high_usd"] / 1e9 > 2.1
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
    assert got.before == (bill["effective_rate_against"], bill["per_usd"])
    assert got.curves["before"].iloc[0] == pytest.approx(paid.loc["Subaru", "rate_needed"], rel=1e-12)


def test_profit_is_equal_along_a_curve(known, law, before, toyota):
    bill = exposure.table(case(law, before, data=known)).loc["Toyota"]
    years = 365 / 365.25
    customs = bill["customs_value_usd"] / 1e9 / years
    rest = bill["bill_usd"] / 1e9 / years - customs * (
        bill["effective_rate"] - bill["effective_rate_against"]
    )
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
    assert row["today_share"] == row["today"] / row["per_usd"] - 1
    assert row["rate_per_percent"] == pytest.approx(row["tariff_rate_per_unit"] * row["per_usd"] / 100)
