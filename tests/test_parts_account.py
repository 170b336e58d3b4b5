"""The parts account is the bill's own parts, told line by line."""

from __future__ import annotations

import pandas as pd
import pytest

from tariffmodel import case, exposure, parts_account, policy

LINES = ["listed", "certified", "general", "service"]


@pytest.fixture(scope="module")
def account(known, law, before) -> pd.DataFrame:
    return parts_account.table(case(law, before, data=known))


def line(known, law, maker, origin, name, period):
    rows = parts_account.table(case(law, law, period, data=known))
    return rows[(rows["maker"] == maker) & (rows["origin"] == origin) & (rows["line"] == name)].iloc[0]


def test_what_reaches_the_makers_is_the_bill_s(known, law, before, account):
    bills = exposure.table(case(law, before, data=known))
    mine = account.groupby("maker")["reaches_maker_usd"].sum()
    theirs = (bills["parts_duty_usd"] - bills["offset_usd"]).reindex(mine.index)
    pd.testing.assert_series_equal(mine, theirs, check_names=False, rtol=1e-9, atol=1.0)


def test_the_border_s_duty_is_that_of_the_streams(known, law, before, account):
    streams = exposure.by_origin(case(law, before, data=known), inside=True)
    parts = streams[streams["product"].str.endswith("_part")]
    duty = account.loc[account["line"] != "offset", "duty_usd"]
    assert duty.sum() == pytest.approx(parts["duty_usd"].sum(), rel=1e-9)


def test_ranges_hold_their_value_and_nothing_is_paid_back_but_the_offset(account):
    for name in ("value", "duty", "reaches_maker"):
        ends = account[[f"{name}_low_usd", f"{name}_usd", f"{name}_high_usd"]].dropna()
        assert (ends.diff(axis=1).iloc[:, 1:] >= -1e-6).all().all()
    own = account[account["line"] != "offset"]
    assert (own[["duty_low_usd", "reaches_maker_low_usd"]] >= 0).all().all()
    assert (account.loc[account["line"] == "offset", ["duty_high_usd", "duty_usd"]] <= 0).all().all()


def test_lines_pay_the_rates_of_their_days(known, law):
    assert line(known, law, "Toyota", "JP", "certified", "2025-10")["rate"] == pytest.approx(0.025)
    assert line(known, law, "Toyota", "JP", "certified", "2025-11")["rate"] == pytest.approx(0.15)
    assert line(known, law, "Toyota", "JP", "general", "2025-12")["rate"] == pytest.approx(0.025)
    assert line(known, law, "Toyota", "JP", "general", "2026-08")["rate"] == pytest.approx(0.125)
    assert line(known, law, "Toyota", "JP", "service", "2026-08")["rate"] == pytest.approx(0.15)


def test_usmca_share_is_the_measured_one_of_the_month(known, law):
    assert line(known, law, "GM", "MX", "listed", "2025-01")["usmca_share"] == pytest.approx(0.5556, abs=1e-4)
    assert line(known, law, "GM", "MX", "listed", "2025-07")["usmca_share"] == pytest.approx(0.7978, abs=1e-4)
    assert line(known, law, "GM", "CA", "service", "2025-12")["usmca_share"] == pytest.approx(
        0.8793, abs=1e-4
    )


def test_suppliers_keep_what_they_do_not_pass_on(account):
    one = account[(account["maker"] == "GM") & (account["line"] == "listed")]
    assert (one["reaches_maker_usd"] / one["duty_usd"]).to_list() == pytest.approx([1 - 0.55 * 0.3] * 3)
    assert one["by_suppliers"].to_list() == pytest.approx([0.55] * 3)
    dealers = account[(account["maker"] == "GM") & (account["line"] == "service")]
    assert (dealers["reaches_maker_usd"] == dealers["duty_usd"]).all() and (
        dealers["by_suppliers"] == 0
    ).all()


def test_the_offset_takes_back_its_uptake_of_what_it_may(known, law, before):
    """GM's credit is larger than the duty that it is claimed against, so the uptake decides."""
    keys = [key for key in known.readings if key[1] == "offset_uptake"]
    back = {}
    for share in (0.35, 0.7):
        facts = known.with_values(dict.fromkeys(keys, share))
        rows = parts_account.table(case(law, before, data=facts))
        back[share] = rows[(rows["maker"] == "GM") & (rows["line"] == "offset")]["duty_usd"].item()
    assert back[0.7] == pytest.approx(2 * back[0.35])
    free = policy.load("current-law", settings={"offset.msrp-offset.rate": 0.0})
    none = parts_account.table(case(free, before, "CY2025", data=known))
    assert none.loc[none["line"] == "offset", "duty_usd"].abs().max() == 0


def test_importers_without_plants_pay_for_their_dealers_parts_alone(account):
    assert account.loc[account["maker"] == "Mitsubishi Motors", "line"].unique().tolist() == ["service"]
    assert set(account.loc[account["maker"] == "Kia", "line"]) == {*LINES, "offset"}


def test_readings_stand_side_by_side(known):
    base = parts_account.readings(known)
    assert base["value_usd"].gt(5e9).all() and base["source_title"].notna().all()
    ours = base[base.index.str.startswith("model")]
    assert (ours["low_usd"] < ours["value_usd"]).all() and (ours["value_usd"] < ours["high_usd"]).all()
