"""Makers' own news falls on the right sessions, is found in windows, and is left out or dummied."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from tariffmodel import event_calendar, events, facts, link, market, own_news
from tariffmodel.errors import DataError
from tariffmodel.facts import news
from tariffmodel.stats.sessions import exchange

DEAL, UK, ORDER = "2025-07-22-japan-deal", "2025-05-08-uk-deal", "2025-10-17-offset-extension-order"
HEAD = (
    "maker,date,time,time_assumed,zone,time_basis,kind,what,quality,source_title,source_url,source_date,note"
)


@pytest.fixture(scope="module")
def rows(known):
    return own_news.table(known)


def with_own(data, *lines):
    """Facts of a data folder that has these rows of the user's."""
    (data / "events/own_company_news.csv").write_text("\n".join([HEAD, *lines]) + "\n", encoding="utf-8")
    return facts.load(data)


def one(rows, maker, day):
    (row,) = rows[(rows["said_by"] == maker) & (rows["date"] == day)].to_dict("records")
    return row


@pytest.mark.parametrize(
    ("maker", "day", "first", "last"),
    [
        ("Toyota", "2025-08-07", "2025-08-07", "2025-08-07"),  # 14:00, in the session
        ("Honda", "2025-05-13", "2025-05-14", "2025-05-14"),  # 15:30, as Tokyo closes
        ("Nissan", "2025-02-13", "2025-02-14", "2025-02-14"),  # 17:40
        ("Nissan", "2025-07-30", "2025-07-30", "2025-07-31"),  # no time: the day and the next session
        ("GM", "2026-01-27", "2026-01-27", "2026-01-27"),  # 06:30 in New York
        ("Tesla", "2025-07-23", "2025-07-24", "2025-07-24"),  # after the close
        ("Suzuki", "2025-05-12", "2025-05-12", "2025-05-13"),
        ("BMW", "2025-10-07", "2025-10-08", "2025-10-08"),  # in the evening
    ],
)
def test_first_session_follows_from_hour_and_zone(rows, maker, day, first, last):
    row = one(rows, maker, day)
    assert (str(row["session"].date()), str(row["last_session"].date())) == (first, last)


def test_sessions_agree_with_a_loop_over_the_exchange_calendar(known, rows):
    raw = pd.read_csv(known.folder / "events/company_news.csv", dtype=str, keep_default_na=False)
    checked = 0
    for row in rows.itertuples():
        (source,) = raw[
            (raw["maker"] == row.said_by) & (raw["date"] == row.date) & (raw["kind"] == row.kind)
        ].itertuples()
        calendar = known.instruments.at[row.firm, "exchange_calendar"]
        book = exchange(calendar)
        shut = set(market.untraded(known, calendar))
        sessions = [day for day in book.sessions if day not in shut]
        if len(row.date) < 10:
            assert pd.isna(row.session) and row.timing == "unknown"
            continue
        if clock := source.time or source.time_assumed:
            moment = pd.Timestamp(f"{row.date} {clock}").tz_localize(ZoneInfo(source.zone))
            closes = book.closes[sessions] - pd.Timedelta("10min")
            first = last = next(day for day in sessions if closes[day] >= moment)
        else:
            first = next(day for day in sessions if day >= pd.Timestamp(row.date))
            last = next(day for day in sessions if day > pd.Timestamp(row.date))
        assert (row.session, row.last_session) == (first, last), row
        checked += 1
    assert checked > 90


def test_news_inside_a_group_is_the_groups_own(known, rows):
    porsche = rows[rows["said_by"] == "Porsche AG"]
    assert set(porsche["firm"]) == {"VOW3.DE"} and set(porsche["maker"]) == {"Volkswagen"}
    own = own_news.table(known, ["P911.DE"])
    assert set(own["said_by"]) == set(own["maker"]) == {"Porsche AG"}
    abroad = own_news.table(known, ["TM"]).set_index("date")  # the same news in New York
    assert str(abroad.at["2025-08-07", "session"].date()) == "2025-08-07"


def test_months_fall_on_no_session_and_makers_without_a_line_are_left_out(rows):
    months = rows[rows["date"].str.len() < 10]
    assert len(months) == 3 and months["session"].isna().all()
    assert not rows["said_by"].isin(["Volvo Cars", "Jaguar Land Rover"]).any()


def test_every_day_of_a_makers_statement_is_a_day_of_own_news(known):
    """But those that the note of the file names."""
    said = known.disclosures
    said = said[said["company"].isin(known.makers.index) & said["kind"].isin(["actual", "guidance"])]
    said = said[(said["said_on"].str.len() == 10) & ~said["note"].str.contains("on or before", na=False)]
    days = set(zip(said["company"], said["said_on"], strict=True))
    held = news.company(known)
    left = days - set(zip(held["maker"], held["date"], strict=True))
    assert left == {("Jaguar Land Rover", "2025-08-09"), ("Suzuki", "2026-02-12")}


def test_facts_as_known_on_a_day_hold_no_later_news(known):
    then = own_news.table(known.as_known(date(2025, 6, 30)))
    assert (
        then["date"].max() == "2025-05-14"
        and (own_news.macro(known.as_known(date(2025, 6, 30))).index == ["2025-05-12-us-china-truce"]).all()
    )


def test_window_holds_what_a_loop_over_its_sessions_finds(known, rows):
    asked = event_calendar.firm_events(known)
    window = (-1, 2)
    found = own_news.in_window(known, asked, window)
    for firm, told in rows.groupby("firm"):
        days = pd.DatetimeIndex(own_news.days(known, [firm])["date"])
        calendar = known.instruments.at[firm, "exchange_calendar"]
        sessions = market.sessions(known, calendar)
        for row in asked[asked["firm"] == firm].itertuples():
            if row.date not in sessions[3:-3]:
                continue
            at = sessions.get_loc(row.date)
            inside = sessions[at + window[0] : at + window[1] + 1]
            expected = bool(inside.isin(days).any())
            assert found.at[(row.event, firm), "own_news"] == expected, (row, told)
    assert 40 < found["own_news"].sum() < 200


def test_window_names_the_news_and_grows_with_its_length(known):
    asked = event_calendar.firm_events(known, ["7211.T", "TSLA", "7203.T"], [DEAL])
    day0, both = own_news.in_window(known, asked, (0, 0)), own_news.in_window(known, asked, (0, 1))
    assert not day0["own_news"].any()
    assert both["own_news"].tolist() == [True, True, False]
    assert both["news"].tolist() == [
        "Mitsubishi Motors: Q1 FY2026-03 (2025-07-24)", "Tesla: Q2 2025 (2025-07-23)", "",
    ]  # fmt: skip
    assert both["maker"].tolist() == ["Mitsubishi Motors", "Tesla", "Toyota"]


def test_macro_news_flags_the_windows_of_the_markets_it_concerns(known):
    asked = event_calendar.firm_events(
        known, ["7203.T", "GM", "005380.KS"], ["2025-10-03-offset-extension-report"]
    )
    found = own_news.flagged(known, asked)
    assert found.index.get_level_values("firm").tolist() == ["7203.T"]
    assert found["macro_news"].str.contains("Takaichi").all() and not found["own_news"].any()
    wide = own_news.in_window(known, event_calendar.firm_events(known, ["GM"], [UK]), (0, 2))
    assert wide["macro_news"].str.contains("90 days").all()


def test_study_drops_firm_events_with_own_news_and_says_which(known):
    asked = {"events": [DEAL, ORDER], "tickers": ["7211.T", "7203.T", "GM"], "window": (0, 1)}
    plain = events.tariff_study(known, **asked)
    dummy = events.tariff_study(known, own_news="dummy", **asked)
    drop = events.tariff_study(known, own_news="drop", **asked)
    gone = drop.skipped.set_index(["event", "firm"])["reason"]
    assert gone.to_dict() == {
        (DEAL, "7211.T"): "own news in [0, 1]: Mitsubishi Motors: Q1 FY2026-03 (2025-07-24)",
        (ORDER, "GM"): "own news in [0, 1]: GM: Q3 2025, guidance raised (2025-10-21)",
    }
    assert len(plain) == len(dummy) == 6 and len(drop) == 4
    assert (dummy.estimates.observations < plain.estimates.observations).all()
    pd.testing.assert_frame_equal(drop.ar, dummy.ar.loc[drop.ar.index])
    by_hand = events.tariff_study(known, exclude=own_news.days(known), **asked)
    pd.testing.assert_frame_equal(by_hand.ar, dummy.ar)


def test_own_news_and_what_the_caller_leaves_out_add_up(known):
    asked = {"events": [DEAL], "tickers": ["7211.T", "7203.T", "7267.T"], "window": (0, 1)}
    mine = pd.DataFrame({"event": [DEAL], "firm": ["7267.T"], "reason": ["mine"]})
    found = events.tariff_study(known, own_news="drop", leave_out=mine, exclude="2025-04-09", **asked)
    assert found.skipped["firm"].tolist() == ["7211.T", "7267.T"] and len(found) == 1
    without = events.tariff_study(known, own_news="drop", leave_out=mine, **asked)
    assert (found.estimates.observations == without.estimates.observations - 1).all()
    with pytest.raises(DataError, match="own_news 'ignore': write one of 'keep', 'dummy', 'drop'"):
        events.tariff_study(known, own_news="ignore", **asked)


def test_panel_says_where_own_news_is(known):
    study = events.tariff_study(known, events=[DEAL, ORDER], window=(0, 1))
    panel = link.panel(known, study.car((0, 1)))
    told = panel[panel["own_news"]][["event", "maker"]].to_numpy().tolist()
    assert told == [[DEAL, "Mitsubishi Motors"], [DEAL, "Hyundai Motor"], [DEAL, "Tesla"], [ORDER, "GM"]]
    assert not link.panel(known, study.car((0, 0)))["own_news"].any()
    lost = study.car((0, 1))
    lost.attrs = {}
    assert link.panel(known, lost)["own_news"].isna().all()
    with pytest.raises(DataError, match="does not say where there is own news"):
        own_news.treatments(link.panel(known, lost))


def test_treatments_are_the_regressions_with_without_and_with_a_dummy(known):
    calendar = event_calendar.table(known)
    main = list(calendar.index[calendar["main"]])
    study = events.tariff_study(known, events=main, window=(0, 1))
    rows = link.panel(known, study.car((0, 1)))
    found = own_news.treatments(rows, draws=199)
    assert (found["reason"] == "").all()
    usable = rows.dropna(subset=["car", "delta"])
    usable = usable.assign(own_news=usable["own_news"].astype(float))
    for name, formula, sample in (
        (own_news.ALL, "car ~ delta + C(event)", usable),
        (own_news.WITHOUT, "car ~ delta + C(event)", usable[usable["own_news"] == 0]),
        (own_news.DUMMY, "car ~ delta + own_news + C(event)", usable),
    ):
        fit = smf.ols(formula, sample).fit()
        assert found.at[name, "estimate"] == pytest.approx(fit.params["delta"])
        if name == own_news.DUMMY:
            assert found.at[name, "own_news_effect"] == pytest.approx(fit.params["own_news"])
    assert found["with_own_news"].tolist()[1] == 0 < found["with_own_news"].tolist()[0]
    quiet = own_news.treatments(rows[~rows["own_news"]], draws=199)
    assert quiet.at[own_news.WITHOUT, "estimate"] == found.at[own_news.WITHOUT, "estimate"]
    assert "constant" in quiet.at[own_news.DUMMY, "reason"] and np.isnan(quiet.at[own_news.DUMMY, "estimate"])


def test_own_row_replaces_the_bundled_one_and_yahoos_replaces_nothing(data):
    known = with_own(
        data,
        "GM,2025-10-21,07:00,,America/New_York,stated,results,Q3 again,reported,mine,,2026-11-27,",
        f'GM,2025-10-22,08:30,,America/New_York,Yahoo,results,earnings,estimated,"{news.YAHOO}",,2026-11-27,',
        f'GM,2024-01-30,08:30,,America/New_York,Yahoo,results,earnings,estimated,"{news.YAHOO}",,2026-11-27,',
    )
    rows = own_news.table(known, ["GM"]).set_index("date")
    assert rows.loc["2025-10-21", "what"] == "Q3 again" and "2025-10-22" not in rows.index
    assert rows.at["2024-01-30", "source_title"] == news.YAHOO
    assert not facts.check(data)


def test_fault_of_an_own_row_is_named_with_file_row_and_column(data):
    known = with_own(
        data, "GM,2025-10-21,07:00,,Amerika/Detroit,stated,results,Q3,reported,mine,,2026-11-27,"
    )
    with pytest.raises(
        DataError, match=r"own_company_news.csv row 2: zone is 'Amerika/Detroit'; expected a time zone"
    ):
        own_news.table(known)
    known = with_own(data, "GM,2025-10,07:00,,America/New_York,stated,results,Q3,reported,mine,,2026-11-27,")
    with pytest.raises(DataError, match="date is '2025-10'; expected a day where there is a time"):
        own_news.table(known)
    assert any(fault.column == "date" for fault in facts.check(data))


@pytest.mark.parametrize(
    ("ticker", "said"), [("VOLCAR-B.ST", "no prices of exchange XSTO"), ("SPAM", "not in data/market")]
)
def test_lines_that_cannot_be_placed_are_refused(known, ticker, said):
    with pytest.raises(DataError, match=said):
        own_news.table(known, [ticker])


def test_news_beyond_the_calendar_falls_on_no_session(data):
    known = with_own(
        data, "GM,2099-01-05,07:00,,America/New_York,stated,results,far off,reported,mine,,2026-11-27,"
    )
    rows = own_news.table(known, ["GM"]).set_index("date")
    assert pd.isna(rows.at["2099-01-05", "session"])
    assert own_news.days(known, ["GM"])["date"].max() < pd.Timestamp("2027-01-01")


def test_a_window_without_news_has_none(known):
    asked = event_calendar.firm_events(known, ["7269.T"], ["2025-03-26-auto-duty-order"])
    found = own_news.in_window(known, asked)
    assert found["own_news"].tolist() == [False] and found["news"].tolist() == [""]
