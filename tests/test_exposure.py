"""The bill against a second implementation, against arithmetic by hand, and against its own laws."""

from __future__ import annotations

import copy
import dataclasses
from collections import defaultdict
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference import Reference
from strategies import MAKERS, PERIODS, policies

from tariffmodel import (
    Valuation,
    case,
    cost,
    duty,
    exposure,
    facts,
    goods,
    parts_account,
    periods,
    policy,
    validation,
)
from tariffmodel.errors import DataError, PolicyError
from tariffmodel.facts import IMPORTS, KEY, resolve
from tariffmodel.facts.periods import Period

YEAR = "FY2026-03"


@pytest.fixture(scope="module")
def reference() -> Reference:
    return Reference(facts.data_dir())


def total(known, one, period=YEAR):
    stock = goods.entered(known, period, [one])
    return pd.Series(duty.bill(known, one, stock).total[0], index=stock.makers)


@pytest.mark.parametrize("name", policy.names())
def test_bill_equals_the_plain_loop_over_days(known, reference, name):
    one = policy.load(name)
    mine, theirs = total(known, one), pd.Series(reference.bill(one, YEAR))
    pd.testing.assert_series_equal(mine, theirs, rtol=1e-9, atol=1e-3, check_names=False)


@pytest.mark.parametrize("period", ["CY2025", "2025Q4", "2025-04-15..2025-05-20", "2026H2"])
def test_bill_equals_the_plain_loop_over_other_periods(known, law, reference, period):
    theirs = pd.Series(reference.bill(law, period))
    pd.testing.assert_series_equal(total(known, law, period), theirs, rtol=1e-9, atol=1e-3, check_names=False)


DUTY, CREDITS = ("vehicles", "parts", "offset"), ("saved", "repaid", "sold")


@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    one=policies(),
    period=st.sampled_from(PERIODS),
    makers=st.lists(st.sampled_from(MAKERS), unique=True, min_size=2, max_size=3),
)
def test_bill_of_a_random_policy_equals_the_plain_loop(known, reference, one, period, makers):
    mine = duty.bill(known, one, goods.entered(known, period, [one]))
    for maker, theirs in reference.owed(one, period, makers).items():
        place = mine.goods.makers.index(maker)
        for part, lines in ((mine, DUTY), (mine.credits, CREDITS)):
            for line in lines:
                found = getattr(part, line)[0, place]
                assert found == pytest.approx(getattr(theirs, line), rel=1e-8, abs=0.01), (maker, line)


@pytest.mark.parametrize(
    ("period", "basis"), [("2025Q2", "official"), ("2026Q1", "carried"), ("FY2026-03", "carried")]
)
def test_table_says_how_the_imports_of_the_days_were_found(known, law, before, period, basis):
    found = exposure.table(case(law, before, period, data=known))["imports_basis"]
    assert found["Toyota"] == basis and pd.isna(found["Suzuki"])


LABELS = ["CY2024", "CY2025", "FY2025-03", "FY2026-03", "2024Q4", "2025H1", "2025Q1", "2025Q2", "2025-03"]
LABELS += ["2025-12", "2026-01", "2026-02", "2026Q1", "2026-01-10..2026-02-07", "CY2026", "2027-03"]


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    labels=st.lists(st.sampled_from(LABELS), unique=True, min_size=1, max_size=6),
    origin=st.sampled_from(["JP", "MX", "CA"]),
    ends=st.tuples(st.dates(date(2023, 1, 1), date(2028, 12, 31)), st.integers(0, 500)),
    pace=st.lists(st.integers(800, 1000), min_size=6, max_size=6),
)
def test_vehicles_of_any_rows_over_any_days_equal_the_plain_loop(
    known, reference, labels, origin, ends, pace
):
    """Longer rows are faster, so that no row has fewer vehicles than those within it."""
    rows = sorted((periods.parse(label) for label in labels), key=lambda span: span.days)
    values = [
        span.days * (each + 300 * number)
        for number, (span, each) in enumerate(zip(rows, pace[: len(rows)], strict=True))
    ]
    key = ("Toyota", IMPORTS, origin)
    table = known.table
    mine = table["selected"] & (table[KEY] == list(key)).all(axis=1)
    like = table[mine].iloc[[0]]
    new = [
        like.assign(
            period=span.label,
            start=span.start,
            end=span.end,
            value=float(value),
            low=np.nan,
            high=np.nan,
            quality="reported",
        )
        for span, value in zip(rows, values, strict=True)
    ]
    changed = dataclasses.replace(known, table=pd.concat([table[~mine], *new], ignore_index=True))
    plain = copy.copy(reference)
    plain.rows = {key: [(span.start, span.end, value) for span, value in zip(rows, values, strict=True)]}
    plain.counted = defaultdict(list, {one: x for one, x in reference.counted.items() if one[:3] != key})
    for span, value in zip(rows, values, strict=True):
        plain.count(plain.counted, key, span, float(value))
    plain.remember()
    days = [ends[0] + timedelta(days=k) for k in range(ends[1] + 1)]
    asked = Period(days[0], days[-1])
    theirs = sum(plain.per_day(*key, day) for day in days)
    assert resolve(changed, [key], [asked]).value.item() == pytest.approx(theirs, rel=1e-9, abs=1e-5)


def test_one_maker_by_hand(known, law, before):
    """Mitsubishi imports from Japan only: 27.5% until 15 September 2025, 15% after, less 2.5% before."""
    bills = exposure.table(case(law, before, "CY2025", data=known))
    value = {
        key: known.table.query(
            f"maker == 'Mitsubishi Motors' and variable == 'customs_value' and period == '{key}'"
        )["value"].item()
        for key in ("2025-04..2025-09", "2025-10..2026-03")
    }
    official = pd.read_csv(known.folder / "trade/us_imports.csv").query(
        "goods == 'vehicle' and origin == 'ALL' and period.str.startswith('2025')"
    )
    month = dict(zip(official["period"].str[5:].astype(int), official["value_usd"], strict=True))
    units = {number: 94_754 * usd / sum(month.values()) for number, usd in month.items()}
    early = units[4] * 28 / 30 + sum(units[m] for m in (5, 6, 7, 8)) + units[9] * 15 / 30
    high = early * value["2025-04..2025-09"] * 0.25
    low = units[9] * 15 / 30 * value["2025-04..2025-09"] + sum(
        units[m] * value["2025-10..2026-03"] for m in (10, 11, 12)
    )
    assert bills.loc["Mitsubishi Motors", "vehicle_duty_usd"] == pytest.approx(high + low * 0.125, rel=1e-9)


def test_light_trucks_keep_the_ordinary_duty_under_an_all_in_deal(known, law):
    lines = exposure.by_origin(case(law, law, "2026Q1", data=known)).set_index(["maker", "origin", "product"])
    assert lines.loc[("Mercedes-Benz", "EU", "light_truck"), "rate"] == pytest.approx(0.25)
    assert lines.loc[("Mercedes-Benz", "EU", "car"), "rate"] == pytest.approx(0.15)


def test_korean_cars_pay_no_more_than_the_deal_after_november_2025(known, law):
    lines = exposure.by_origin(case(law, law, "2025-11-01..2026-03-31", data=known)).set_index(
        ["maker", "origin", "product"]
    )
    assert lines.loc[("Kia", "KR", "car"), "rate"] == pytest.approx(0.15)
    lines = exposure.by_origin(case(law, law, "2025-10", data=known)).set_index(
        ["maker", "origin", "product"]
    )
    assert lines.loc[("Kia", "KR", "car"), "rate"] == pytest.approx(0.25)


def test_policy_against_itself_owes_nothing(known, law):
    bills = exposure.table(case(law, law, data=known))
    assert (bills[["bill_usd", "bill_low_usd", "bill_high_usd"]] == 0).all(axis=None)


def test_every_listed_maker_is_in_the_table_and_suzuki_owes_nothing(known, law, before):
    bills = exposure.table(case(law, before, data=known))
    assert set(bills.index) == set(known.makers.index) and len(bills) == 20
    assert bills.loc["Suzuki", "bill_usd"] == 0
    assert bills["bill_usd"].is_monotonic_decreasing


@pytest.mark.parametrize("name", policy.names())
def test_bill_is_never_negative_and_offset_never_exceeds_duty_on_parts(known, name):
    one = policy.load(name)
    stock = goods.entered(known, YEAR, [one])
    owed = duty.bill(known, one, stock)
    assert (owed.total >= -1e-6).all()
    assert (owed.offset <= owed.parts + 1e-6).all()


@settings(max_examples=15, deadline=None, derandomize=True)
@given(cut=st.dates(date(2025, 4, 2), date(2026, 3, 30)))
def test_sub_periods_add_up_to_the_period(known, law, cut):
    after = date.fromordinal(cut.toordinal() + 1)
    parts = total(known, law, f"2025-04-01..{cut}") + total(known, law, f"{after}..2026-03-31")
    pd.testing.assert_series_equal(parts, total(known, law), rtol=1e-9)


def test_offset_carries_forward_what_april_earned(known, law):
    """Credit runs from 3 April, duty on parts from 3 May: the month in between is drawn down later."""
    without = law.model_copy(
        update={"offset": [o.model_copy(update={"start": o.usable_from}) for o in law.offset]}
    )
    makers_short_of_credit = duty.bill(known, without, goods.entered(known, YEAR, [without]))
    with_april = duty.bill(known, law, goods.entered(known, YEAR, [law]))
    assert (with_april.offset >= makers_short_of_credit.offset - 1e-6).all()
    assert with_april.offset.sum() > makers_short_of_credit.offset.sum()


def test_range_brackets_the_bill_and_comes_from_the_inputs(known, law, before):
    bills = exposure.table(case(law, before, data=known))
    assert (bills["bill_low_usd"] <= bills["bill_usd"]).all() and (
        bills["bill_usd"] <= bills["bill_high_usd"]
    ).all()
    moves = exposure.drivers(case(law, before, data=known))
    rise = np.sqrt((moves["rise_usd"] ** 2).groupby("maker").sum())
    pd.testing.assert_series_equal(
        (bills["bill_high_usd"] - bills["bill_usd"]).sort_index(),
        rise.sort_index(),
        check_names=False,
        rtol=1e-9,
    )


def test_sweep_equals_one_policy_at_a_time(known, before):
    one = policy.load("japan-flexible-linear-firm")
    slopes = np.array([0.0, 0.1, 0.3])
    many = exposure.sweep(
        case(one, before, data=known), {"relief.japan.slope": slopes, "relief.japan.floor": slopes / 10}
    )
    for row, slope in enumerate(slopes):
        single = policy.load(
            one.name, settings={"relief.japan.slope": slope, "relief.japan.floor": slope / 10}
        )
        expected = exposure.table(case(single, before, data=known))["bill_usd"]
        np.testing.assert_allclose(many.iloc[row], expected[many.columns], rtol=1e-12)
    short = exposure.sweep(
        case(one, before, data=known), {"relief.slope": slopes, "relief.floor": slopes / 10}
    )
    pd.testing.assert_frame_equal(short, many)


def test_sweep_of_the_offset_and_of_a_rate(known, law, before):
    many = exposure.sweep(
        case(law, before, data=known),
        {"offset.msrp-offset.rate": [0.0, 0.0375], "additional.japan-deal.rate": [0.275, 0.15]},
    )
    single = policy.load(
        law.name, settings={"offset.msrp-offset.rate": 0.0, "additional.japan-deal.rate": 0.275}
    )
    np.testing.assert_allclose(
        many.iloc[0], exposure.table(case(single, before, data=known))["bill_usd"][many.columns], rtol=1e-12
    )
    np.testing.assert_allclose(
        many.iloc[1], exposure.table(case(law, before, data=known))["bill_usd"][many.columns], rtol=1e-12
    )


def test_sweep_refuses_what_it_cannot_vary(known, law, before):
    with pytest.raises(PolicyError, match="current-law: no key 'additional.typo.rate'"):
        exposure.sweep(case(law, before, data=known), {"additional.typo.rate": [0.1]})
    with pytest.raises(DataError, match="one length"):
        exposure.sweep(
            case(law, before, data=known),
            {"additional.japan-deal.rate": [0.1], "additional.eu-deal.rate": [0.1, 0.2]},
        )


def test_reporting_currency_uses_the_mean_fixing_of_the_period(known, law, before):
    bills = exposure.table(case(law, before, data=known))
    mean = known.fx.loc["2025-04-01":"2026-03-31", "USDJPY"].mean()
    toyota = bills.loc["Toyota"]
    assert toyota["bill_reporting_bn"] == pytest.approx(toyota["bill_usd"] * mean / 1e9)
    assert bills.loc["BMW", "per_usd"] == pytest.approx(
        (1 / known.fx.loc["2025-04-01":"2026-03-31", "EURUSD"]).mean()
    )


def test_as_of_hides_later_prices_and_rates(known, law, before):
    bills = exposure.table(case(law, before, as_of=date(2025, 12, 31), data=known))
    assert max(bills["price_date"].dropna()) <= date(2025, 12, 31)
    assert bills.loc["Toyota", "per_usd"] == pytest.approx(
        known.fx.loc["2025-04-01":"2025-12-31", "USDJPY"].mean()
    )


def test_uk_quota_fills_by_calendar_quarter_from_2026_whatever_the_period(known):
    key = "additional.uk-quota-quarterly.quota_units_per_year"
    tight, open_ = policy.load("current-law", settings={key: 20_000}), policy.load("current-law")

    def line(period):
        lines = exposure.by_origin(case(tight, open_, period, data=known))
        return lines.set_index(["maker", "origin", "product"]).loc[("Jaguar Land Rover", "GB", "car")]

    quarter = line("2026Q1")
    assert line("2026-02")["rate"] == pytest.approx(quarter["rate"])
    assert quarter["rate_against"] == pytest.approx(0.10)
    british = exposure.by_origin(case(tight, open_, "2026Q1", data=known)).query(
        "origin == 'GB' and product == 'car'"
    )
    share = 20_000 / 4 / british["units"].sum()
    assert quarter["rate"] == pytest.approx(share * 0.10 + (1 - share) * 0.275)


def test_uk_quota_of_2025_is_the_one_that_customs_announced(known):
    """65,205 cars: the quota bulletin's own number."""
    law = policy.load("current-law")
    full = policy.load("current-law", settings={"additional.uk-quota.quota_units_per_year": 1})
    lines = exposure.by_origin(case(full, law, "2025-07..2025-12", data=known))
    one = lines[(lines["origin"] == "GB") & (lines["product"] == "car")]
    over = exposure.by_origin(case(law, law, "2025-06-30..2025-12-31", data=known))
    arriving = over[(over["origin"] == "GB") & (over["product"] == "car")]["units"].sum()
    inside = (0.275 - one["rate"].iloc[0]) / 0.175 * arriving
    assert inside * 100_000 == pytest.approx(65_205, rel=1e-4)


def test_quota_of_zero_equals_the_rate_outside(known, before):
    none = policy.load("current-law", settings={"additional.uk-quota-quarterly.quota_units_per_year": 0})
    lines = exposure.by_origin(case(none, before, "2026Q1", data=known)).set_index(
        ["maker", "origin", "product"]
    )
    assert lines.loc[("BMW", "GB", "car"), "rate"] == pytest.approx(0.275)


def test_disclosures_are_compared_in_their_own_period_and_currency(known, law, before):
    rows = validation.disclosed(case(law, before, data=known))
    assert rows["latest"].groupby([rows["maker"], rows["period"], rows["judged"]]).sum().eq(1).all()
    one = rows[(rows["maker"] == "Hyundai Motor") & (rows["period"] == "CY2025")].iloc[0]
    bill = exposure.table(case(law, before, "CY2025", data=known)).loc["Hyundai Motor"]
    assert one["currency"] == "KRW" and one["owed"] == pytest.approx(bill["bill_reporting_bn"])
    usd = rows[(rows["maker"] == "Subaru") & (rows["said_on"] == "2025-05-14")].iloc[0]
    assert usd["disclosed"] == pytest.approx(
        2.5 * exposure.table(case(law, before, data=known)).loc["Subaru", "per_usd"]
    )


def test_a_missing_estimate_names_the_maker_and_the_file(data, law):
    path = data / "facts" / "estimates.csv"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text(
        "".join(line for line in lines if not line.startswith("Ferrari,customs_value")), encoding="utf-8"
    )
    with pytest.raises(DataError, match="customs_value of Ferrari, origin EU.*estimates.csv"):
        goods.entered(facts.load(data), YEAR, [law])


def test_streams_can_be_summed_and_say_so_where_they_cannot(known, law, before):
    asked = case(law, before, "CY2025", data=known)
    summed, every = exposure.by_origin(asked), exposure.by_origin(asked, inside=True)
    whole = exposure.whole(exposure.table(asked))
    assert set(summed["maker"]) <= set(whole.index) and "consolidated_in" not in summed
    vehicles = (whole["vehicle_duty_usd"] + whole["credit_usd"]).sum()
    account = parts_account.table(asked)
    account = account[account["maker"].isin(whole.index) & (account["line"] != "offset")]
    assert summed["duty_usd"].sum() == pytest.approx(vehicles + account["duty_usd"].sum())
    assert whole["parts_duty_usd"].sum() == pytest.approx(account["reaches_maker_usd"].sum())
    within = every.set_index("maker")["consolidated_in"].dropna()
    assert set(within.items()) == {("Porsche AG", "Volkswagen")}
    pd.testing.assert_frame_equal(exposure.origin_totals(every), exposure.origin_totals(summed))


def test_burden_on_the_newest_year_stands_beside_the_one_before_the_tariff(known, law, before):
    bills = exposure.table(case(law, before, data=known))
    toyota = bills.loc["Toyota"]
    year = 365 / 365.25
    assert toyota["latest_year"] == "FY2026-03"
    assert toyota["share_of_operating_profit"] == pytest.approx(toyota["bill_reporting_bn"] / 4795.586 / year)
    newest = toyota["bill_reporting_bn"] / 3766.22 / year
    assert toyota["share_of_latest_operating_profit"] == pytest.approx(newest)
    honda, subaru = bills.loc["Honda"], bills.loc["Subaru"]
    assert honda["latest_year"] == "FY2026-03" and np.isnan(
        honda["share_of_latest_operating_profit"]
    )  # a loss
    assert pd.isna(subaru["latest_year"]) and np.isnan(subaru["share_of_latest_operating_profit"])
    earlier = exposure.table(case(law, before, as_of=date(2025, 12, 31), data=known))
    assert earlier["latest_year"].isna().all() and earlier["share_of_latest_operating_profit"].isna().all()


def test_profit_bears_what_is_booked(known, law, before):
    asked = case(law, before, data=known)
    found, owed, booked = exposure.burden(asked), exposure.table(asked), cost.bases(asked)
    pd.testing.assert_series_equal(found["bill_usd"], owed["bill_usd"])
    toyota = found.loc["Toyota"]
    assert toyota["booked_usd"] == pytest.approx(booked.at["Toyota", "booked_usd"])
    profit = known.figure("operating_profit")["Toyota"] * asked.goods.years
    local = toyota["booked_usd"] * toyota["per_usd"] / 1e9
    assert toyota["share_of_operating_profit"] == pytest.approx(local / profit)
    shares = facts.share_counts(known, asked.as_of)["Toyota"]
    assert toyota["booked_per_share"] == pytest.approx(local * 1e3 * 0.75 / shares)
    half = exposure.burden(asked, Valuation(pass_through=0.5)).loc["Toyota", "booked_per_share"]
    assert half == pytest.approx(toyota["booked_per_share"] / 2)


def test_duties_on_steel_lie_between_the_law_and_that_of_before_them_only(known, law, before):
    def booked(one, other):
        return exposure.burden(case(one, other, data=known))["booked_usd"].sort_index()

    assert (booked(law, law) == 0).all()
    np.testing.assert_allclose(booked("flat-25", before), booked("flat-25", law) + booked(law, before))
    np.testing.assert_allclose(booked(before, law), -booked(law, before), atol=1)
