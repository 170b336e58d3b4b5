"""Tickets: every sign by hand, sizes in whole contracts, the policy's effect re-derived, bad input."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text

from tariffmodel import Valuation, booked, case, hedge, policy, ticket, valuation
from tariffmodel.errors import DataError, PolicyError, TariffModelError
from tariffmodel.hedging import sizing

DAY = pd.Timestamp("2026-08-20")
SPOT = {"USD": 1.0, "JPY": 150.0, "EUR": 0.8, "KRW": 1400.0}
CLOSES = pd.DataFrame(
    {"TOPIX": [3000.0], "EWJ": [80.0], "^GDAXI": [24_000.0], "^KS11": [3000.0], "ACWI": [120.0]}, [DAY]
)


def traded(known, name, ratio, currency="USD", notional=10e6):
    row = pd.Series({"ratio": ratio, "low": ratio - 0.1, "high": ratio + 0.1})
    return sizing.trade(known, hedge.contracts(known), name, row, notional, currency, CLOSES, SPOT)


def threat(known, name, period="CY2027", **more):
    return case(name, "current-law", period, data=known, **more)


@pytest.fixture(scope="module")
def yen(known):
    """Toyota paid for in yen: a share that gains from a weak yen."""
    return ticket.ticket(
        threat(known, "flat-25"), "7203.T", 1.5e9, currency="JPY", instruments=["JPY"], draws=300
    )


@pytest.fixture(scope="module")
def korea(known):
    """A hedge that does not help: the fund closes in New York."""
    return ticket.ticket(threat(known, "korea-25"), "005380.KS", instruments=["KRW", "EWY"], draws=2000)


# Signs and sizes, by hand


def test_selling_dollars_against_yen_buys_yen_futures(known):
    """Ratio 0.5 on USD 10m: sell USD 5m for JPY 750m, sixty futures of JPY 12.5m, bought."""
    found = traded(known, "JPY", 0.5)
    assert found["order"] == (
        "sell USD/JPY for USD 5,000,000 (JPY 750,000,000): buy 60 6J (yen future, 12,500,000 JPY each)"
    )
    assert found["contracts"] == 60 and found["left"] == pytest.approx(0, abs=1e-6)
    assert found["notional_own"] == pytest.approx(750e6) and found["currency"] == "JPY"


def test_buying_dollars_against_yen_sells_yen_futures(known):
    found = traded(known, "JPY", -0.5)
    assert found["order"].startswith("buy USD/JPY for USD 5,000,000 (JPY 750,000,000): sell 60 6J")
    assert found["contracts"] == -60 and found["notional"] == -5e6


def test_yen_position_in_yen_money_sells_dollars_for_as_many_yen(known):
    found = traded(known, "JPY", 1.0, currency="JPY", notional=1.5e9)
    assert found["order"].startswith("sell USD/JPY for JPY 1,500,000,000: buy 120 6J")
    assert found["contract_value"] == 12.5e6


def test_selling_dollars_against_euro_buys_euro_futures(known):
    """USD 10m at 0.8 is EUR 8m: sixty-four futures of EUR 125,000."""
    assert "sell USD/EUR for USD 10,000,000 (EUR 8,000,000): buy 64 6E" in traded(known, "EUR", 1.0)["order"]


def test_selling_an_index_sells_its_future(known):
    """A TOPIX future is 10,000 × 3,000 yen, USD 200,000: a ratio of 1.2 on USD 10m sells sixty."""
    found = traded(known, "TOPIX", 1.2)
    assert found["order"].startswith(
        "sell TOPIX for USD 12,000,000 (JPY 1,800,000,000): sell 60 TOPIX (TOPIX future, 10,000 JPY per"
    )
    assert found["contracts"] == -60 and found["contract_value"] == pytest.approx(200_000)
    assert "buy 60 TOPIX (" in traded(known, "TOPIX", -1.2)["order"]


def test_selling_a_fund_sells_shares_and_rounding_is_told(known):
    found = traded(known, "EWJ", 0.5, notional=1_000_030.0)
    assert found["contracts"] == -6250 and found["left"] == pytest.approx(15.0)


def test_won_forward_has_no_contract_size(known):
    found = traded(known, "KRW", 0.25)
    assert found["order"] == (
        "sell USD/KRW for USD 2,500,000 (KRW 3,500,000,000): "
        "sell USD/KRW NDF (won forward settled in dollars)"
    )
    assert np.isnan(found["contracts"]) and found["left"] == 0


def test_future_on_another_index_keeps_its_amount(known):
    """The level of the KOSPI 200 is not in the data, so its futures cannot be counted."""
    found = traded(known, "^KS11", 0.5)
    begin = "sell KOSPI 200 (future on the KOSPI 200, KRW 250,000 per point"
    assert found["action"] == f"{begin}; count contracts on its level, which is not in the data)"
    assert np.isnan(found["left"])  # not 0: nobody rounded
    assert np.isnan(found["contracts"]) and found["notional_own"] == pytest.approx(7e9)


def test_instrument_without_a_contract_keeps_its_notional(known):
    found = traded(known, "ACWI", 0.5)
    assert found["order"].endswith("for USD 5,000,000; no contract in data/market/contracts.csv")
    assert found["contract"] == "" and found["notional"] == 5e6


@pytest.mark.parametrize(
    ("notional", "contract", "count"),
    [
        (10e6, "6J", 60),  # whole
        (340_000.0, "6J", 2),  # 2.04: rounding leaves 2%
        (230_000.0, "MJY", 14),  # 1.38 would leave 38%, 13.8 of the tenth leaves 1.4%
        (1_000.0, "MJY", 0),
    ],
)
def test_largest_contract_that_fits_is_taken(known, notional, contract, count):
    found = traded(known, "JPY", 0.5, notional=notional)
    assert (found["contract"], found["contracts"]) == (contract, count)
    assert abs(found["left"]) <= 0.05 * notional / 2 or contract == "MJY"
    assert ("nothing, it is less than half of one MJY" in found["order"]) == (count == 0)


def test_hedge_of_toyota_in_yen_buys_yen(yen):
    row = yen.instruments.loc["JPY"]
    assert row["ratio"] > 0 and row["low"] < row["ratio"] < row["high"]
    assert row["order"].startswith("sell USD/JPY for JPY ") and row["contracts"] > 0
    assert row["notional"] == pytest.approx(row["ratio"] * yen.position["notional"])
    assert row["contracts"] == round(row["notional"] / row["contract_value"])


def test_ratio_is_that_of_the_tested_window(known, yen):
    frame = hedge.pnl(known, "7203.T", ["JPY"], currency="JPY")
    assert yen.instruments.at["JPY", "ratio"] == pytest.approx(
        hedge.rolling(frame["7203.T"], frame[["JPY"]]).iloc[-1, 0], rel=1e-9
    )
    alone = hedge.effectiveness(frame["7203.T"], frame[["JPY"]], draws=300)
    pd.testing.assert_frame_equal(yen.effectiveness.reduction, alone.reduction)
    assert yen.risk.at["hedged", "volatility_money"] == pytest.approx(
        alone.risk.at["hedged", "volatility"] * yen.position["notional"]
    )


def test_position_is_in_whole_lots_at_the_last_price(known, yen):
    held = yen.position
    assert held["price"] == known.prices["7203.T"].dropna().iloc[-1] and held["lot"] == 100
    assert held["shares"] % 100 == 0 and held["notional"] == held["shares"] * held["price"]
    assert abs(held["left_by_rounding"]) <= 50 * held["price"]


def test_position_in_dollars_uses_the_last_fixing(known, korea):
    held = korea.position
    assert held["notional"] == pytest.approx(held["shares"] * held["price"] / known.fx["USDKRW"].iloc[-1])
    assert held["lot"] == 1


# The policy


def test_effect_of_the_policy_is_what_is_booked_through_tax_and_time(known):
    asked = threat(known, "korea-25")
    cost = booked.table(asked, Valuation()).loc["Hyundai Motor"]
    found = ticket.ticket(asked, "005380.KS", instruments=["KRW", "EWY"], draws=99, valuation=Valuation())
    safe = found.protection
    assert safe["delta_booked_usd"] == cost["booked_usd"] > 0 and safe["delta_owed_usd"] == cost["bill_usd"]
    years = sum(1.08**-t for t in range(1, 6))
    share = -cost["booked_usd"] * 0.75 * years / cost["market_cap_usd"]
    assert (
        safe["value_change_share"] == pytest.approx(share, rel=1e-3) and share < 0
    )  # a higher cost is a loss
    assert safe["position_money"] == pytest.approx(share * found.position["notional"], rel=1e-3)
    assert safe["value_low_share"] < share < safe["value_high_share"] < 0
    assert safe["hedge_money"] == pytest.approx(-safe["position_money"] * safe["paid_back_share"])
    assert safe["position_money"] + safe["hedge_money"] == pytest.approx(safe["left_money"])
    local = cost["booked_usd"] * cost["per_usd"] / 1e6
    assert safe["eps_change"] == pytest.approx(-0.75 * local / 262)  # million shares
    assert safe["eps_change_low"] < safe["eps_change"] < safe["eps_change_high"] < 0


def test_value_is_under_all_that_is_not_known_of_it_unless_it_is_fixed(known, korea):
    asked = threat(known, "korea-25")
    cost = booked.table(asked).loc[["Hyundai Motor"]]
    change = cost[["booked_usd", "booked_low_usd", "booked_high_usd"]]
    change.columns = ["delta_bill_usd", "delta_bill_low_usd", "delta_bill_high_usd"]
    worth = valuation.draws(known, change)["Hyundai Motor"] / cost["market_cap_usd"].item()
    safe = korea.protection
    found = [safe["value_low_share"], safe["value_high_share"]]
    np.testing.assert_allclose(found, worth.quantile([0.025, 0.975]))
    assert safe["value_change_share"] == pytest.approx(worth.median())
    fixed = ticket.ticket(asked, "005380.KS", draws=99, valuation=Valuation(life_years=3.0))
    assert "valuation tax 25%, 3 years at 8%" in fixed.to_markdown()
    width = fixed.protection["value_high_share"] - fixed.protection["value_low_share"]
    assert width < found[1] - found[0]


def test_a_loss_of_more_than_there_is_says_that_inputs_are_wrong(known):
    found = ticket.ticket(threat(known, "flat-25"), "7261.T", draws=99)
    safe, text = found.protection, found.to_markdown()
    assert safe["value_low_share"] < -1  # the range of Mazda's value reaches beyond all of it
    assert safe["reading"].startswith("inputs cannot be right: they imply -")
    assert f"Value: {safe['reading']}." in text and "nan" not in text
    assert np.isnan(safe["position_money"]) and np.isnan(safe["left_money"])


def test_books_that_were_not_known_yet_are_said_to_be_unknown(known):
    asked = threat(known, "flat-25", "CY2026", as_of=date(2025, 12, 1))
    found = ticket.ticket(asked, "7203.T", draws=99)
    assert "what Toyota books cannot be computed (as of 2025-12-01 no inventory_days" in found.to_markdown()
    assert "delta_booked_usd" not in found.protection and len(found.instruments) == 2


def test_hedge_that_tracks_the_share_pays_back_all_of_an_event():
    """What was sold moved as the share did: it paid back all; what moved half and against it, minus half."""
    rng = np.random.default_rng(0)
    index = pd.date_range("2025-01-03", periods=40, freq="W-FRI")
    share = pd.Series(rng.normal(size=40), index)
    hit = np.arange(40) % 4 == 0
    assert ticket._paid_back(share, share, hit, 0.95)["value"] == pytest.approx(1)
    assert ticket._paid_back(share, -0.5 * share, hit, 0.95)["value"] == pytest.approx(-0.5)
    assert np.isnan(ticket._paid_back(share, share, hit & (np.arange(40) < 9), 0.95)["value"])


def test_paid_back_is_the_slope_on_event_rows(known):
    days = ["2025-03-26", "2025-04-03", "2025-05-08", "2025-07-23", "2025-09-05", "2026-01-27"]
    found = ticket.ticket(threat(known, "flat-25"), "7203.T", events=days, draws=100)
    names = list(found.instruments.index)
    frame = hedge.pnl(known, "7203.T", names).dropna()
    hit = frame[hedge.event_rows(frame.index, days)]
    sold = hit[names] @ found.instruments["ratio"].astype(float)
    slope = np.cov(sold, hit["7203.T"])[0, 1] / hit["7203.T"].var()
    assert found.protection["paid_back_share"] == pytest.approx(slope)
    assert found.protection["event_rows"] == 6


def test_policy_without_a_direct_effect_is_said_to_have_none(known):
    found = ticket.ticket(threat(known, "korea-25"), "7203.T", draws=100)
    assert found.protection["delta_booked_usd"] == 0 == found.protection["position_money"]
    assert "no change. What it does to rivals and the market is not computed." in found.to_markdown()
    assert "-0" not in re.sub(r"-0[.\d]|\d-0\d", "", found.to_markdown())


def test_supplier_has_a_hedge_but_no_bill(known):
    found = ticket.ticket(threat(known, "flat-25"), "6902.T", draws=100)
    assert "6902.T is no maker with a bill" in found.protection["effect"]
    assert "delta_booked_usd" not in found.protection and len(found.instruments) == 2


def test_maker_without_a_market_value_has_a_hedge_and_the_reason(known):
    found = ticket.ticket(case("flat-25", "current-law", "CY2026", "2025-12-01", known), "7261.T", draws=100)
    said = (
        "Mazda has no market value on 2025-12-01 (no count of shares): the policy's effect on 7261.T is not"
    )
    assert said in found.protection["effect"] and "delta_booked_usd" not in found.protection
    assert "nan" not in found.to_markdown()


def test_as_of_hides_later_prices_and_fixings(known):
    day = date(2026, 3, 31)
    found = ticket.ticket(threat(known, "flat-25", as_of=day), "7203.T", draws=100)
    assert found.position["price_date"] <= day and found.choices["exchange_rates_of"] == day
    assert found.effectiveness.returns.index[-1] <= pd.Timestamp(day)
    assert found.protection["effect"].startswith("Toyota's booked cost of CY2027")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("korea-25", "korea-25"),
        ("Korea back to 25%", "korea-25"),
        ("korea 25", "korea-25"),
        ("Korea to 25%", "korea-25"),
        ("the EU back at 25%", "eu-25"),
        ("Ordinary duty", "mfn-only"),
    ],
)
def test_policy_is_found_by_name_or_title(known, text, name):
    assert policy.find(text).name == name


def test_policy_can_be_a_file(known, tmp_path):
    place = tmp_path / "mine.toml"
    place.write_text(
        (known.folder / "policies" / "flat-25.toml").read_text(encoding="utf-8"), encoding="utf-8"
    )
    assert policy.find(str(place)).name == "mine"


def test_unclear_policy_lists_the_near_ones(known):
    with pytest.raises(
        PolicyError, match=r"no policy is clearly 'flat'; the nearest are flat-15 \(Flat 15% all"
    ):
        policy.find("flat")


# In print


def test_markdown_states_verdict_trades_and_what_is_left(korea):
    text = korea.to_markdown()
    assert text.startswith(
        "# Long Hyundai Motor, hedged with USD/KRW and MSCI South Korea ETF, against: Korea"
    )
    assert f"**This hedge {korea.verdict}.**" in text
    for row in korea.instruments.itertuples():
        assert row.order[1:] in text
    for heading in (
        "Position",
        "Trades",
        "Risk out of sample",
        "What it protects from",
        "What it leaves",
        "Stated",
    ):
        assert f"\n## {heading}\n" in text
    assert "Stale: the last price of 005380.KS is of 2026-09-30" in text
    assert "pass through 0.3 (0 to 0.8), life years 5 (1 to 20)" in text and "nan" not in text
    assert "booked cost of CY2027" in text and "Earnings a share after tax, nothing passed on: KRW -" in text


def test_table_carries_every_figure_with_its_unit(korea):
    table = korea.table().set_index(["section", "item"])
    assert table.index.is_unique
    assert table.at[("position", "notional"), "value"] == korea.position["notional"]
    assert table.at[("position", "notional"), "unit"] == "USD"
    assert table.at[("hedge EWY", "ratio"), "unit"] == "sold per unit of position"
    assert table.at[("protects", "delta_booked_usd"), "unit"] == "USD"
    assert table.at[("risk hedged", "volatility"), "unit"] == "fraction"
    assert not table.at[("record", "helps"), "value"]
    numbers = [isinstance(v, (int, float)) and not isinstance(v, bool) for v in table["value"]]
    assert (table.loc[numbers, "unit"] != "").all()


def test_page_is_a4_and_its_banner_red_unless_the_hedge_helps(known, korea):
    def banner(page):
        return to_hex(page.axes[0].get_facecolor()).upper()

    assert not korea.effectiveness.helps
    page = ticket.sheet(korea)
    assert page.get_size_inches().tolist() == [8.27, 11.69] and banner(page) == "#B2182B"
    good = ticket.ticket(threat(known, "flat-25"), "7203.T", instruments=["TOPIX"], draws=500)
    assert good.effectiveness.helps and banner(ticket.sheet(good)) == "#009E73"
    file = io.BytesIO()
    page.savefig(file, format="pdf")
    assert file.getvalue().startswith(b"%PDF")


def test_text_of_the_longest_page_stays_on_it_and_nothing_is_written_over(known):
    found = ticket.ticket(threat(known, "japan-tiered-production-ratio"), "7203.T",
        instruments=["JPY", "TOPIX", "1622.T", "EWJ"], draws=100,
    )  # fmt: skip
    page = ticket.sheet(found)
    page.draw_without_rendering()
    right, bottom, others = page.bbox.width, 0, []
    for text in filter(Text.get_visible, page.texts):
        box = text.get_window_extent()
        assert box.x1 < right and box.y0 > bottom, text.get_text()
        others.append(box.padded(-0.15 * box.height))
        assert not others[-1].count_overlaps(others[:-1]), text.get_text()
    assert min(ax.get_window_extent().y0 for ax in page.axes) > 0


# Refusals


@pytest.mark.parametrize(
    ("long", "options", "said"),
    [
        ("72031", {}, "no share, index or currency is called '72031'"),
        ("P911.DE", {}, "P911.DE has no prices"),
        (
            "7203.T",
            {"notional": 0.0},
            "notional is 0.0 for 7203.T; expected an amount above 0 in USD: a short",
        ),
        ("7203.T", {"notional": -1e6}, "notional is -1000000.0 for 7203.T; expected an amount above 0"),
        ("7203.T", {"notional": float("nan")}, "notional is nan"),
        ("7203.T", {"notional": 500.0}, "notional of USD 500 is less than half a lot of 100 7203.T (USD 1,8"),
        ("7203.T", {"currency": "CHF"}, "no exchange rate for CHF; choose from"),
        ("7203.T", {"instruments": ["JPY", "XYZ"]}, "no prices or exchange rates for XYZ"),
        ("7203.T", {"instruments": "JPY"}, "instruments is"),
        ("7203.T", {"period": "2027H1"}, "period 2027H1 is not twelve months"),
        ("7203.T", {"window": 170}, "window of 170 rows leaves "),
        ("7203.T", {"as_of": date(2023, 6, 1)}, "46 are needed to choose a hedge and to test the choice"),
        (
            "GM",
            {"instruments": ["SPY", "^GSPC"], "currency": "USD", "window": 3},
            "window of 3 rows is too short for 2 factors",
        ),
        (
            "7203.T",
            {"as_of": date(2020, 6, 1)},
            "7203.T has no prices up to 2020-06-01; choose a later as-of day",
        ),
        ("TOPIX", {}, "TOPIX is an index and cannot be held; name a share or a fund"),
    ],
)
def test_bad_order_is_refused_with_the_remedy(known, long, options, said):
    asked = {name: options[name] for name in ("period", "as_of") if name in options}
    rest = {"draws": 50, **{name: value for name, value in options.items() if name not in asked}}
    with pytest.raises(TariffModelError, match=re.escape(said)):
        ticket.ticket(threat(known, "flat-25", **asked), long, **rest)


def test_share_and_instrument_without_common_dates_are_refused(known):
    """1622.T has prices to February 2026 only."""
    frame = hedge.pnl(known, "7203.T", ["1622.T"])
    with pytest.raises(
        DataError, match=r"no date on which 7203.T and 1622.T all have a return \(7203.T 2026-03"
    ):
        hedge.effectiveness(frame["7203.T"]["2026-03-01":], frame[["1622.T"]])


RATES = {"USD": 0.04, "JPY": 0.01}


def test_leg_that_buys_yen_protects_dollars_and_sells_at_the_forward(known, yen):
    leg = hedge.currency_leg(known, yen, RATES, years=1.0, floor=0.9)
    row = yen.instruments.loc["JPY"]
    assert (leg.held, leg.paid) == (("JPY", "USD") if row["ratio"] < 0 else ("USD", "JPY"))
    spot = known.fx["USDJPY"].dropna().iloc[-1]
    assert leg.spot == pytest.approx(1 / spot if leg.held == "JPY" else spot)
    assert leg.lowest <= leg.volatility <= leg.highest
    assert leg.forward == pytest.approx(leg.spot * np.exp(RATES[leg.paid] - RATES[leg.held]))


def test_gains_of_a_leg_are_against_todays_rate(known, yen):
    leg = hedge.currency_leg(known, yen, RATES)
    value, low, high = leg.gains(np.array([-0.1, 0.0]))
    assert value["unhedged"].to_list() == pytest.approx([-0.1 * leg.spot * leg.amount, 0.0], abs=1e-3)
    assert value["forward"].to_list() == pytest.approx([(leg.forward - leg.spot) * leg.amount] * 2)
    assert (low <= value + 1e-6).all(axis=None) and (value <= high + 1e-6).all(axis=None)


def test_inputs_of_a_leg_name_every_price_with_its_source(known, yen):
    leg = hedge.currency_leg(known, yen, RATES)
    inputs = leg.inputs().set_index("input")
    assert inputs.at["Forward", "value"] == leg.forward and inputs.at["Amount", "unit"] == leg.held
    assert inputs.at["Volatility", "source"].endswith("not implied")


def test_leg_needs_a_currency_and_its_interest_rates(known, yen):
    with pytest.raises(DataError, match="no interest rate of JPY; give one beside those of USD"):
        hedge.currency_leg(known, yen, {"USD": 0.04})
    alone = replace(yen, instruments=yen.instruments.rename(index={"JPY": "TOPIX"}))
    with pytest.raises(DataError, match="no currency leg"):
        hedge.currency_leg(known, alone, RATES)
