"""Events fall on the session that could first react, and what they changed is computed from policies."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import exchange_calendars
import numpy as np
import pandas as pd
import pytest

from tariffmodel import case, event_calendar, exposure, market, policy
from tariffmodel.errors import DataError
from tariffmodel.facts import Facts
from tariffmodel.markets.event_calendar import MARKETS

CALENDARS = {"US": "XNYS", "JP": "XTKS", "KR": "XKRX", "DE": "XETR"}
JAPANESE = ["Toyota", "Honda", "Nissan", "Subaru", "Mazda", "Mitsubishi Motors"]
DEAL, THREAT = "2025-07-22-japan-deal", "2026-01-26-korea-25-threat"


@pytest.fixture(scope="module")
def table(known) -> pd.DataFrame:
    return event_calendar.table(known)


@pytest.fixture(scope="module")
def delta(known) -> pd.DataFrame:
    return event_calendar.delta_exposure(known).set_index(["event", "maker"])


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.open(encoding="utf-8")))


def write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def amended(known, data) -> Callable[..., Facts]:
    """The bundled facts with cells of one event changed in one of the two files."""

    def change(event: str, file: str = "policies", /, **cells: str) -> Facts:
        path = data / f"events/{file}.csv"
        rows = rows_of(path)
        next(row for row in rows if row["event"] == event).update(cells)
        write(path, rows)
        return replace(known, folder=data)

    return change


@pytest.fixture
def with_events(known, data) -> Callable[[list[str]], Facts]:
    """The bundled facts with further events, given as `2025-11-28 12:45`."""

    def add(times: list[str]) -> Facts:
        events, changes = rows_of(data / "events/events.csv"), rows_of(data / "events/policies.csv")
        for number, time in enumerate(times):
            day, clock = time.split()
            name = {"event": f"{day}-more-{number}"}
            events.append({**events[-1], **name, "date": day, "time_et": clock, "time_assumed_et": ""})
            events[-1]["time_confidence"] = "high"
            changes.append({**changes[1], **name})
        write(data / "events/events.csv", events)
        write(data / "events/policies.csv", changes)
        return replace(known, folder=data)

    return add


def sessions_of(table: pd.DataFrame, event: str) -> list[str]:
    return [f"{table.at[event, f'first_session_{place}']:%m-%d}" for place in MARKETS]


@pytest.mark.parametrize(
    ("event", "us", "jp", "kr", "de"),
    [
        ("2025-07-22-japan-deal", "07-23", "07-23", "07-23", "07-23"),  # 19:12: New York has closed
        ("2025-02-01-canada-mexico-order", "02-03", "02-03", "02-03", "02-03"),  # Saturday
        ("2025-07-27-eu-deal", "07-28", "07-28", "07-28", "07-28"),  # Sunday
        ("2025-01-20-trade-memorandum", "01-21", "01-21", "01-21", "01-21"),  # Martin Luther King Day
        ("2026-01-17-greenland-threat", "01-20", "01-19", "01-19", "01-19"),  # Saturday before it
        ("2025-04-28-offset-report", "04-29", "04-30", "04-29", "04-29"),  # Showa Day in Tokyo
        ("2025-04-29-offset-order", "04-30", "04-30", "04-30", "04-30"),  # 15:52: eight minutes to go
        ("2025-05-03-parts-duty-in-force", "05-05", "05-07", "05-07", "05-05"),  # Golden Week; Children's Day
        ("2026-05-01-eu-25-threat", "05-01", "05-07", "05-04", "05-04"),  # 1 May in Europe and Seoul
        ("2025-06-05-japan-proposal", "06-06", "06-06", "06-09", "06-06"),  # Memorial Day in Seoul
        ("2025-10-03-offset-extension-report", "10-03", "10-06", "10-10", "10-06"),  # Chuseok
        ("2025-10-29-korea-summit", "10-29", "10-30", "10-30", "10-29"),  # 05:45: Seoul has closed
        ("2026-02-20-supreme-court-ruling", "02-20", "02-24", "02-23", "02-20"),  # Emperor's Birthday
        ("2025-08-21-eu-joint-statement", "08-21", "08-22", "08-22", "08-21"),  # 07:00: Frankfurt is open
        ("2026-08-24-canada-50-threat", "08-24", "08-25", "08-25", "08-24"),  # after the last price
    ],
)
def test_first_sessions_are_those_found_by_hand(table, event, us, jp, kr, de):
    assert sessions_of(table, event) == [us, jp, kr, de]


def test_half_days_and_one_off_holidays_move_the_first_session(with_events):
    times = {
        "2025-11-28 12:49": "11-28 12-01 12-01 12-01",  # New York closes at 13:00, Frankfurt is shut by then
        "2025-11-28 12:51": "12-01 12-01 12-01 12-01",
        "2025-12-30 08:05": "12-30 01-05 01-02 01-02",  # Frankfurt closed at 14:00, Tokyo until 5 January
        "2026-06-02 20:00": "06-03 06-03 06-04 06-03",  # local elections in Korea
        "2026-07-16 20:00": "07-17 07-17 07-20 07-17",  # Constitution Day, a holiday again
        "2025-03-09 02:30": "03-10 03-10 03-10 03-10",  # an hour that the clocks skipped
        "2025-11-02 01:30": "11-03 11-04 11-03 11-03",  # an hour that came twice; Culture Day in Tokyo
    }
    table = event_calendar.table(with_events(list(times)))
    found = [" ".join(sessions_of(table, event)) for event in table.index[-len(times) :]]
    assert found == list(times.values())


def test_first_session_is_the_first_whose_close_is_ten_minutes_away_or_more(with_events, known):
    rng = np.random.default_rng(5)
    minutes = rng.integers(0, 640 * 24 * 60, 150)
    times = pd.Timestamp("2024-11-26") + pd.to_timedelta(minutes, unit="min")
    facts = with_events([f"{time:%Y-%m-%d %H:%M}" for time in times])
    table = event_calendar.table(facts)
    for place, code in CALENDARS.items():
        book = exchange_calendars.get_calendar(code, start="2024-11-01", end="2026-10-30")
        shut = set(market.untraded(known, code))
        closes = [
            (day.tz_localize(None), book.session_close(day)) for day in book.sessions if day not in shut
        ]
        for moment, day in zip(table["announced"], table[f"first_session_{place}"], strict=True):
            naive = next(date for date, close in closes if moment <= close - pd.Timedelta(minutes=10))
            assert day == naive


def test_waiting_time_is_zero_in_a_session_and_else_runs_to_the_opening(table):
    waits = table.filter(like="hours_to_reaction")
    assert (waits >= 0).all(axis=None)
    assert waits.loc[DEAL].tolist() == pytest.approx([14.3, 0.8, 0.8, 7.8])  # 9:30, 9:00, 9:00, 9:00 local
    assert waits.at["2025-06-12-auto-duty-may-rise", "hours_to_reaction_US"] == 0  # 12:34 in New York
    late = waits.at["2025-04-29-offset-order", "hours_to_reaction_US"]  # in session, too late for its close
    assert late == pytest.approx(17 + 38 / 60)


def test_announcements_are_in_utc_with_summer_time(table):
    assert table.at[DEAL, "announced"] == pd.Timestamp("2025-07-22 23:12", tz="UTC")
    assert table.at["2026-01-21-greenland-withdrawn", "announced"] == pd.Timestamp(
        "2026-01-21 19:27", tz="UTC"
    )


def test_timing_quality_is_low_exactly_where_the_hour_is_assumed(known, table):
    raw = pd.read_csv(known.folder / "events/events.csv").set_index("event")
    assert ((table["timing_quality"] == "low") == raw["time_et"].isna()).all()
    assert (table["timing_quality"] == "low").sum() == 23


def test_overlaps_are_mutual_and_counted_in_sessions_of_the_market(known, table):
    for place in MARKETS:
        pairs = {(one, two) for one, others in table[f"overlaps_{place}"].items() for two in others}
        assert pairs == {(two, one) for one, two in pairs}
        assert all(one != two for one, two in pairs)
    days = market.sessions(known, "XTKS")
    first = table.loc[:"2026-07-23-forced-labour-duties", "first_session_JP"]
    for one, day in first.items():
        near = {two for two, other in first.items() if abs(days.get_loc(day) - days.get_loc(other)) <= 3}
        assert near - {one} == set(table.at[one, "overlaps_JP"]) & set(first.index)


def test_a_narrower_window_overlaps_less(known, table):
    narrow = event_calendar.table(known, within=1)
    for place in MARKETS:
        column = f"overlaps_{place}"
        assert all(set(few) <= set(many) for few, many in zip(narrow[column], table[column], strict=True))
    assert set(narrow.index[narrow["confounded"]]) < set(table.index[table["confounded"]])


def test_the_same_change_told_twice_does_not_confound_and_other_news_does(table):
    for event in ("2025-04-28-offset-report", "2025-04-29-offset-order"):
        assert table.at[event, "overlaps_US"] and not table.at[event, "confounded"]
    assert table.at["2025-07-30-korea-deal", "confounded"]  # reciprocal rates a day later
    assert table.at["2025-04-03-vehicle-duty-in-force", "confounded"]


def test_macro_news_of_another_day_confounds(known, table):
    deal = "2025-05-08-uk-deal"  # the duty on parts before it came on a date known before
    assert table.at[deal, "confounded"]  # by the truce between the US and China two sessions on
    assert not event_calendar.table(known, within=1).at[deal, "confounded"]
    assert table.at["2025-10-03-offset-extension-report", "confounded"]  # Takaichi elected, in Tokyo


def test_headline_events_are_main_and_computed(table):
    main = table[table["main"]]
    days = (
        "2025-03-26 2025-04-29 2025-05-08 2025-07-22 2025-07-27 2025-07-30 2025-09-04 2025-10-17 "
        "2025-10-29 2026-01-26 2026-05-01 2026-08-24"
    )
    assert set(days.split()) <= set(main["date_et"].dt.strftime("%Y-%m-%d"))
    assert (main["delta_basis"] != "none").all() and (main["scope"] == "auto").all()


def test_firm_events_use_the_market_the_line_trades_in(known):
    event = "2026-05-01-eu-25-threat"
    days = event_calendar.firm_events(known, ["7203.T", "TM", "BMW.DE", "005380.KS"], [event])
    assert days["event"].eq(event).all()
    found = dict(zip(days["firm"], days["date"].dt.strftime("%m-%d"), strict=True))
    assert found == {"7203.T": "05-07", "TM": "05-01", "BMW.DE": "05-04", "005380.KS": "05-04"}


def test_firm_events_keep_days_after_the_last_price_of_a_line(known, table):
    days = event_calendar.firm_events(known)
    assert len(days) == len(table) * known.makers["ticker"].notna().sum()
    assert not days.duplicated(["event", "firm"]).any() and days["date"].notna().all()
    assert (days.loc[days["firm"] == "BMW.DE", "date"] > known.prices["BMW.DE"].last_valid_index()).any()


def test_lines_without_placed_sessions_and_unknown_names_are_refused(known):
    with pytest.raises(DataError, match="XXX is not in data/market/instruments.csv"):
        event_calendar.firm_events(known, ["XXX"])
    with pytest.raises(DataError, match="no prices of exchange XSTO; see data/market/instruments.csv"):
        event_calendar.firm_events(known, ["VOLCAR-B.ST"])
    with pytest.raises(DataError, match=f"no event '2025-07-22' in data/events.*did you mean.*{DEAL}"):
        event_calendar.firm_events(known, events=["2025-07-22"])
    with pytest.raises(DataError, match=r"pass a list: \['2025-07-22-japan-deal'\]"):
        event_calendar.delta_exposure(known, DEAL)
    with pytest.raises(DataError, match="events is empty; name at least one"):
        event_calendar.delta_exposure(known, [])
    with pytest.raises(DataError, match="general duty; the auto duty is separate"):
        event_calendar.policies(known, "2025-07-07-japan-korea-letters")


def test_policies_of_every_computed_event_differ_and_those_of_others_say_why_not(known, table):
    computed = table[table["delta_basis"] != "none"]
    for event, row in computed.drop_duplicates(["policy_before", "policy_after"]).iterrows():
        before, after = event_calendar.policies(known, event)
        assert (before.name, after.name) == (row["policy_before"], row["policy_after"])
        assert before.entries and before.entries != after.entries
    assert table["reason"].str.len().gt(8).all()


def test_freezing_in_a_reference_is_freezing_in_a_policy_file(amended, before):
    facts = amended(DEAL, policy_before="before-april-2025", policy_after="current-law@2025-02-03")
    written, frozen = event_calendar.policies(facts, DEAL)
    assert written.entries == frozen.entries == before.entries
    assert event_calendar.delta_exposure(facts, [DEAL])["delta_bill_usd"].eq(0).all()


def test_nothing_changes_between_a_policy_and_itself(amended):
    facts = amended(DEAL, policy_before="current-law", policy_after="current-law")
    frame = event_calendar.delta_exposure(facts, [DEAL])
    assert frame[["delta_bill_usd", "delta_bill_low_usd", "delta_bill_high_usd"]].eq(0).all(axis=None)
    assert frame["period"].eq("2025-07-23..2026-07-22").all()  # not frozen: from the day after


def test_undoing_a_change_costs_what_it_saved(known, delta, amended):
    before, after = (policy.name for policy in event_calendar.policies(known, DEAL))
    undone = event_calendar.delta_exposure(amended(DEAL, policy_before=after, policy_after=before), [DEAL])
    np.testing.assert_array_equal(undone["delta_bill_usd"], -delta.loc[DEAL, "delta_bill_usd"])
    np.testing.assert_array_equal(undone["delta_bill_low_usd"], -delta.loc[DEAL, "delta_bill_high_usd"])


def test_the_japan_deal_relieves_those_who_import_from_japan_and_nobody_else(delta, known):
    change = delta.loc[DEAL, "delta_bill_usd"]
    assert (change[JAPANESE] < 0).all()
    assert change.drop(JAPANESE).abs().max() == 0  # Suzuki among them
    share = delta.loc[DEAL, "delta_share_of_market_cap"]
    assert share.idxmin() == "Mazda" and share["Subaru"] < share["Toyota"] < share["Honda"] < 0


def test_threats_raise_bills_and_deals_lower_them(delta, table):
    total = delta["delta_bill_usd"].groupby("event").sum(min_count=1)
    computed = table[table["delta_basis"] != "none"]
    rises = total[computed.index[computed["kind"].isin(["threat", "imposition"])]]
    falls = total[computed.index[computed["kind"].isin(["deal", "proposal", "relief"])]]
    assert (rises > 0).all()
    assert (falls.drop("2026-01-15-taiwan-deal") < 0).all()
    assert total["2026-01-15-taiwan-deal"] == 0  # no maker's parts are known to come from there


def test_a_change_is_the_bill_of_a_year_worked_out_by_hand(known, delta):
    """Mitsubishi builds nothing in the US: vehicles and service parts × 12.5 points, trade of 2024."""
    year = known.selected[
        (known.selected["maker"] == "Mitsubishi Motors") & (known.selected["origin"] == "JP")
    ]
    figure = year[year["period"].str.startswith("CY2024")].set_index("variable")["value"]
    trucks = figure["light_truck_share"]
    assert trucks == 0
    vehicles = figure["us_import_units"] * 365 / 366
    sales = known.selected.query(
        "maker == 'Mitsubishi Motors' and variable == 'us_sales_units' and period == 'CY2024'"
    )["value"].item()
    service = sales * 365 / 366 * figure["service_parts"]
    by_hand = -(vehicles * figure["customs_value"] + service) * 0.125
    assert delta.at[(DEAL, "Mitsubishi Motors"), "delta_bill_usd"] == pytest.approx(by_hand, rel=1e-9)
    assert delta.at[(DEAL, "Mitsubishi Motors"), "period"] == "2025-09-16..2026-09-15"


@pytest.mark.parametrize("event", [THREAT, "2026-05-01-eu-25-threat", "2026-08-24-canada-50-threat"])
def test_a_change_is_the_difference_that_exposure_tables(known, delta, event):
    before, after = event_calendar.policies(known, event)
    earlier = known.table["start"] < pd.Timestamp("2026-01-01").date()  # facts of years before the event's
    then = replace(known, table=known.table[earlier].reset_index(drop=True))
    bills = exposure.table(case(after, before, delta.loc[event, "period"].iloc[0], data=then))
    expected = bills.loc[known.makers.index, ["bill_usd", "bill_low_usd", "bill_high_usd"]]
    found = delta.loc[event, ["delta_bill_usd", "delta_bill_low_usd", "delta_bill_high_usd"]]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_what_happened_after_the_event_does_not_enter(known, delta):
    later = (known.table["start"] >= pd.Timestamp("2025-01-01").date()) & ~known.table["unit"].str.startswith(
        "fraction"
    )
    values = known.table["value"].mask(later, known.table["value"] * 3)
    other = replace(known, table=known.table.assign(value=values, low=values, high=values))
    again = event_calendar.delta_exposure(other, [DEAL]).set_index("maker")["delta_bill_usd"]
    np.testing.assert_allclose(again, delta.loc[DEAL, "delta_bill_usd"], rtol=1e-12)
    then = event_calendar.delta_exposure(other, [THREAT])["delta_bill_usd"]
    assert then.sum() > 2 * delta.loc[THREAT, "delta_bill_usd"].sum()  # in 2026 the year 2025 was known


def test_a_change_with_a_date_counts_a_full_year_from_it(delta):
    period = delta.xs("GM", level="maker")["period"]
    assert period["2026-08-24-canada-50-threat"] == "2027-01-01..2027-12-31"
    assert period["2025-03-26-auto-duty-order"] == "2025-05-03..2026-05-02"
    assert period["2025-09-24-eu-notice"] == "2025-09-25..2026-09-24"  # backdated: from the next day


def test_ranges_contain_the_value_and_quality_is_the_worst(delta):
    some = delta.dropna(subset="delta_bill_usd")
    assert (some["delta_bill_low_usd"] <= some["delta_bill_usd"]).all()
    assert (some["delta_bill_usd"] <= some["delta_bill_high_usd"]).all()
    assert set(some["quality"]) == {"estimated"}  # parts and prices of US-built cars are


def test_market_value_is_of_the_last_close_before_the_event(known, delta):
    shares = known.financials.query("company == 'Mazda' and metric == 'shares_outstanding' and selected")[
        "value"
    ]
    usd = market.prices(known, ["7261.T"], currency="USD")["7261.T"]
    mazda = delta.xs("Mazda", level="maker")
    assert mazda.at[DEAL, "price_date"] == pd.Timestamp("2025-07-22")
    assert mazda.at[DEAL, "market_cap_usd"] == pytest.approx(usd["2025-07-22"] * shares.item() * 1e6)
    share = mazda.at[DEAL, "delta_bill_usd"] / mazda.at[DEAL, "market_cap_usd"]
    assert mazda.at[DEAL, "delta_share_of_market_cap"] == pytest.approx(share)
    assert mazda.at["2025-05-03-parts-duty-in-force", "price_date"] == pd.Timestamp(
        "2025-05-02"
    )  # Golden Week
    before_holiday = delta.at[("2025-10-03-offset-extension-report", "Kia"), "price_date"]
    assert before_holiday == pd.Timestamp("2025-10-02")  # eight days, and one session, before Seoul's first


def test_what_is_missing_stays_empty_and_says_why(known, delta, table):
    threat = "2026-08-24-canada-50-threat"
    assert delta.at[(threat, "Toyota"), "price_date"] == pd.Timestamp("2026-08-24")  # Tokyo had closed
    stopped = market.until(known, date(2026, 8, 12))
    late = event_calendar.delta_exposure(stopped, [threat]).set_index("maker")
    assert np.isnan(late.at["Mazda", "market_cap_usd"]) and pd.notna(late.at["Mazda", "delta_bill_usd"])
    assert late.at["Mazda", "reason"] == "no close in the week of sessions before"
    assert delta.at[(DEAL, "Volvo Cars"), "reason"] == "no line with prices"
    letters = delta.loc["2025-07-07-japan-korea-letters"]
    assert letters["delta_bill_usd"].isna().all() and letters["market_cap_usd"].notna().any()
    assert letters["reason"].eq(table.at["2025-07-07-japan-korea-letters", "reason"]).all()
    whole = delta["delta_share_of_market_cap"].notna()
    assert (whole == delta["reason"].isna()).all()


def test_some_events_give_the_rows_that_all_give(known, delta):
    chosen = [THREAT, "2025-01-20-trade-memorandum"]
    some = event_calendar.delta_exposure(known, chosen).set_index(["event", "maker"])
    pd.testing.assert_frame_equal(some, delta.loc[chosen], check_dtype=False)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (
            {"policy_after": "no-law@2025-09-16"},
            "policy_after is .*no policy 'no-law'; choose from auto-pact",
        ),
        ({"policy_after": "current-law@2025-02-30"}, "policy_after is .*day is out of range"),
        (
            {"policy_before": "current-law without eu-dael"},
            "policy_before is .*eu-dael is not one of 232-certified-parts",
        ),
        (
            {"policy_before": "current-law@2025-07-01 without eu-deal"},  # not yet in force
            "policy_before is .*eu-deal is not one of",
        ),
        ({"policy_before": "current-law on Tuesday"}, "policy_before is .*expected a policy, a day on which"),
        ({"policy_after": ""}, "policy_after is .*expected a value, except where basis is none"),
        ({"basis": "none"}, "main is .*expected false where basis is none"),
        ({"main": ""}, "main is .*expected a value"),
        ({"basis": "rumour"}, "basis is 'rumour'; expected one of law, announced, threat"),
        ({"restates": "2025-01-01-nothing"}, "restates is .*expected the event with the first news"),
        ({"restates": "2025-09-04-japan-order"}, "restates is .*expected the event with the first news"),
        (
            {"event": "2025-07-22-other"},
            "event is '2025-07-22-other'; expected an event of data/events/events",
        ),
    ],
)
def test_a_fault_in_policies_names_file_row_column_and_remedy(amended, cells, expected):
    facts = amended(DEAL, **cells)
    with pytest.raises(DataError, match=rf"(?s)data/events/policies.csv row 32: {expected}"):
        event_calendar.policies(facts, DEAL)


def test_a_row_may_be_written_in_the_zone_of_its_news(known, data):
    path = data / "events/events.csv"
    rows = [row | {"time_zone": ""} for row in rows_of(path)]
    deal = next(row for row in rows if row["event"] == DEAL)
    plain = event_calendar.table(replace(known, folder=data)).loc[DEAL]
    local = pd.Timestamp("2025-07-22 19:12", tz="America/New_York").tz_convert("Asia/Tokyo")
    named = {"event": f"{local:%Y-%m-%d}-japan-deal", "date": f"{local:%Y-%m-%d}"}
    deal.update(named, time_et=f"{local:%H:%M}", time_zone="Asia/Tokyo")
    write(path, rows)
    changes = rows_of(data / "events/policies.csv")
    for row in changes:
        row |= {key: named["event"] for key in ("event", "restates") if row[key] == DEAL}
    write(data / "events/policies.csv", changes)
    found = event_calendar.table(replace(known, folder=data)).loc[named["event"]]
    assert named["date"] == "2025-07-23" and f"{found['date_et']:%Y-%m-%d}" == "2025-07-22"
    columns = ["announced", "date_et", *(f"first_session_{place}" for place in MARKETS)]
    assert found[columns].tolist() == plain[columns].tolist()
    deal["time_zone"] = "Tokio"
    write(path, rows)
    with pytest.raises(DataError, match="time_zone is 'Tokio'; expected a time zone such as Asia/Tokyo"):
        event_calendar.table(replace(known, folder=data))


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"time_et": ""}, "time_et is .*expected a time here, or in time_assumed_et"),
        ({"time_et": "7pm"}, "time_et is '7pm'; expected a time such as 16:30"),
        ({"time_confidence": "low"}, "time_confidence is 'low'; expected low exactly where time_et is empty"),
        ({"event": "japan-deal"}, "event is 'japan-deal'; expected its day in Washington and a slug"),
        ({"date": "2025-07-23"}, f"event is '{DEAL}'; expected it to begin with the day in column date"),
        ({"event": "2025-07-22-japan"}, "event is '2025-07-22-japan'; expected an event with a row in"),
        (
            {"event": "2025-07-27-eu-deal", "date": "2025-07-27"},
            "event is .*expected a value that occurs once",
        ),
        ({"countries": "Japan"}, "countries is 'Japan'; expected ALL or country codes"),
        ({"scheduled": "perhaps"}, "scheduled is 'perhaps'"),
    ],
)
def test_a_fault_in_events_names_file_row_column_and_remedy(amended, cells, expected):
    facts = amended(DEAL, "events", **cells)
    with pytest.raises(DataError, match=rf"(?s)data/events/events.csv row 32: {expected}"):
        event_calendar.table(facts)


def test_a_missing_file_is_named(known, data):
    (data / "events/policies.csv").unlink()
    with pytest.raises(DataError, match="data/events/policies.csv is missing; restore it"):
        event_calendar.table(replace(known, folder=data))


def test_every_policy_of_an_event_is_one_of_the_library(table):
    names = table["policy_after"].dropna().str.split("[@ ]").str[0]
    assert set(names) <= set(policy.names()) and len(set(names)) > 5


@pytest.mark.parametrize(
    "said", ["Japan deal", DEAL, "japan-deal", "Japan framework deal: 15% all-in on autos"]
)
def test_an_event_is_found_by_id_or_label(known, said):
    assert event_calendar.find(known, said) == DEAL


@pytest.mark.parametrize(
    ("said", "among", "expected"),
    [
        ("Japan deel", None, f"no event is called 'Japan deel'; the nearest: {DEAL} \\(Japan framework deal"),
        ("", None, "no event is called ''"),
        (
            DEAL,
            ["2025-07-27-eu-deal"],
            f"{DEAL} has nothing to compute here; the nearest that have: 2025-07-27",
        ),
    ],
)
def test_an_event_that_is_not_there_is_refused_with_the_nearest(known, said, among, expected):
    with pytest.raises(DataError, match=expected):
        event_calendar.find(known, said, among)
