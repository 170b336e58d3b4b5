"""Events with a time of day: which session could react, and which part of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tariffmodel import event_calendar, events, market, sessions
from tariffmodel.errors import DataError
from tariffmodel.markets.event_calendar import MARKETS

CALENDARS = {"7203.T": "XTKS", "005380.KS": "XKRX", "BMW.DE": "XETR", "GM": "XNYS"}
TOKYO = {"7203.T": "XTKS"}
MOMENT = "2025-07-23 16:30+09:00"


@pytest.fixture(scope="module")
def returns(known) -> pd.DataFrame:
    return market.returns(known, list(CALENDARS), kind="simple")


def day0(returns, asked, firm="7203.T", **options) -> str:
    rows = pd.DataFrame({"firm": [firm], "date": [asked]})
    options = {"calendars": CALENDARS, "model": "mean", "estimation": (-60, -11)} | options
    return f"{events.study(returns, rows, **options).firm_events['date'].iloc[0]:%Y-%m-%d}"


@pytest.mark.parametrize(
    ("asked", "zone", "firm", "first"),
    [
        ("2025-07-23 16:30", "Asia/Tokyo", "7203.T", "2025-07-24"),  # after the close of 15:30
        ("2025-07-23 15:20", "Asia/Tokyo", "7203.T", "2025-07-23"),  # ten minutes to go
        ("2025-07-23 15:21", "Asia/Tokyo", "7203.T", "2025-07-24"),  # nine
        ("2024-11-01 15:10", "Asia/Tokyo", "7203.T", "2024-11-05"),  # closed at 15:00 then; Culture Day
        ("2025-07-23 12:00", "Asia/Tokyo", "7203.T", "2025-07-23"),  # lunch
        ("2025-07-22 19:12", "America/New_York", "7203.T", "2025-07-23"),
        ("2025-07-22 19:12", "America/New_York", "GM", "2025-07-23"),
        ("2025-07-22 15:00", "America/New_York", "GM", "2025-07-22"),
        ("2025-11-28 12:55", "America/New_York", "GM", "2025-12-01"),  # half day, closed at 13:00
        ("2025-07-23 16:30+09:00", None, "BMW.DE", "2025-07-23"),  # 09:30 in Frankfurt
        (pd.Timestamp("2025-07-23", tz="Asia/Tokyo"), None, "GM", "2025-07-22"),  # 11:00 the day before
        ("2025-05-03 08:00", "Asia/Tokyo", "7203.T", "2025-05-07"),  # Golden Week
        ("2025-05-03", "Asia/Tokyo", "7203.T", "2025-05-07"),  # a date, which rolls
        ("2025-07-23", "Asia/Tokyo", "GM", "2025-07-23"),  # a date is the session itself
        ("2025-07-23T00:00:00", "Asia/Tokyo", "GM", "2025-07-23"),
    ],
)
def test_a_moment_falls_on_the_first_session_that_could_react(returns, asked, zone, firm, first):
    assert day0(returns, asked, firm, zone=zone) == first


def test_time_and_zone_may_have_columns_of_their_own(returns):
    rows = pd.DataFrame(
        {"firm": ["7203.T", "7203.T", "GM", "GM"], "date": 2 * ["2025-07-23", "2025-06-10"],
         "time": ["16:30", None, "00:00", ""], "time_zone": ["Asia/Tokyo", None, *2 * ["Asia/Tokyo"]]}
    )  # fmt: skip
    found = events.study(returns, rows, calendars=CALENDARS, model="mean").firm_events
    dates = found["date"].dt.strftime("%m-%d").tolist()
    assert dates == ["07-24", "06-10", "07-22", "06-10"]
    labels = found.index.get_level_values("event").tolist()
    assert labels == [
        "2025-07-23 16:30 Asia/Tokyo",
        "2025-06-10",
        "2025-07-23 00:00 Asia/Tokyo",
        "2025-06-10",
    ]
    assert found["rolled"].tolist() == [True, False, True, False]
    assert found["asked"].dt.strftime("%m-%d %H:%M").tolist()[0] == "07-23 16:30"


def test_moments_of_several_zones_and_dates_go_together(returns):
    rows = pd.DataFrame(
        {"event": list("abc"), "firm": ["7203.T", "GM", "BMW.DE"],
         "date": [MOMENT, pd.Timestamp("2025-07-22 16:00", tz="America/New_York"), "2025-07-23"]}
    )  # fmt: skip
    found = events.study(returns, rows, calendars=CALENDARS, model="mean").firm_events
    assert found["date"].dt.strftime("%m-%d").tolist() == ["07-24", "07-23", "07-23"]


def test_roll_previous_never_puts_the_reaction_before_the_news(returns):
    assert day0(returns, "2025-05-03", roll="previous") == "2025-05-02"
    assert day0(returns, "2025-05-03 08:00", zone="Asia/Tokyo", roll="previous") == "2025-05-07"
    holed = returns.drop(pd.Timestamp("2025-07-24"))  # a day on which the exchange had closed after all
    assert day0(holed, "2025-07-23 16:30+09:00", roll="previous") == "2025-07-25"


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ({"date": ["2025-07-23 16:30"]}, {}, "row 0: 2025-07-23 16:30 is a time of day without a zone; pass"),
        ({"date": ["2025-07-23"], "time": ["16:30"]}, {}, "is a time of day without a zone"),
        ({"date": ["2025-07-23 16:30"], "time": ["16:30"]}, {}, "date holds a time and so does time"),
        ({"date": ["2025-07-23"], "time": ["4pm"]}, {}, "row 0: time is '4pm'; write 16:30"),
        ({"date": ["2025-07-23 16:30"], "zone": ["Tokio"]}, {}, "zone 'Tokio' is unknown"),
        ({"date": ["2025-07-23"], "zone": [""], "time_zone": [""]}, {}, "the columns zone and time_zone"),
        ({"date": ["2025-03-09 02:30"], "zone": ["America/New_York"]}, {}, "clocks of .* skip or repeat"),
        ({"date": [MOMENT]}, {"calendars": None}, "a time of day and no exchange; pass calendars"),
        ({"date": [MOMENT]}, {"calendars": "union"}, "a time of day and no exchange"),
        ({"date": [MOMENT]}, {"calendars": {"7203.T": "Tokyo"}}, "Tokyo is not a code of the exchange"),
        ({"date": ["2025-07-23"]}, {"calendars": "rows"}, "calendars 'rows': pass a mapping"),
        ({"date": ["2045-07-23 16:30+09:00"]}, {}, "day 0 lies outside the returns"),
        ({"date": ["2025-07-23"]}, {"part": "night"}, "part 'night': write one of 'close_to_close'"),
    ],
)  # fmt: skip
def test_a_moment_that_cannot_be_placed_is_refused_with_the_remedy(returns, rows, options, message):
    asked = pd.DataFrame({"firm": ["7203.T"]} | rows)
    with pytest.raises(DataError, match=message):
        events.study(returns[["7203.T"]], asked, **({"calendars": TOKYO, "model": "mean"} | options))


def test_own_moments_meet_the_sessions_of_the_table_of_events(known):
    """Placed by `study` from the moment, or by `event_calendar` from the same hours: no two rules."""
    table = event_calendar.table(known)
    lines = {"US": "GM", "JP": "7203.T", "KR": "005380.KS", "DE": "BMW.DE"}
    index = market.returns(known, list(lines.values()), kind="simple")
    rows = pd.DataFrame(
        [(event, lines[place], moment) for event, moment in table["announced"].items() for place in MARKETS],
        columns=["event", "firm", "date"],
    )
    found = events.study(
        index, rows, calendars=CALENDARS, model="mean", duplicates="keep", min_estimation=0.1
    )
    dates = found.firm_events["date"].unstack()
    assert len(dates) > 60
    for place in MARKETS:
        expected = table[f"first_session_{place}"].reindex(dates.index)
        here = dates[lines[place]].notna()
        assert (dates[lines[place]] == expected)[here].all()


def test_tariff_study_takes_own_events(known):
    own = pd.DataFrame(
        {"event": "call", "firm": ["7203.T", "GM"], "date": "2025-07-23 16:30", "zone": "Asia/Tokyo"}
    )
    found = events.tariff_study(known, events=own)
    assert found.firm_events["date"].dt.strftime("%m-%d").to_dict() == {
        ("call", "7203.T"): "07-24",
        ("call", "GM"): "07-23",
    }
    assert list(events.tariff_study(known, events={"GM": "2025-07-23"}).firm_events.index) == [
        ("2025-07-23", "GM")
    ]
    with pytest.raises(DataError, match="events has no column firm"):
        events.tariff_study(known, events=own.drop(columns="firm"))


def test_hours_of_an_exchange_follow_its_half_days_and_clocks():
    days = pd.to_datetime(["2025-03-07", "2025-03-10", "2025-11-28"])
    hours = sessions.trading_hours("XNYS", days[0], days[-1]).loc[days]
    assert hours["close"].dt.strftime("%H:%M").tolist() == ["21:00", "20:00", "18:00"]
    with pytest.raises(
        DataError, match="XXXX is not a code of the exchange_calendars package; write one such"
    ):
        sessions.exchange("XXXX")


# ---- parts of a session


def parts(part, jump, moment, calendars=None):
    """One share in Tokyo whose night or day of 24 July 2025 jumps; the CAR of that part on day 0."""
    random = np.random.default_rng(1)
    days = sessions.trading_hours("XTKS", pd.Timestamp("2025-03-03"), pd.Timestamp("2025-08-08")).index
    values = pd.DataFrame({"7203.T": random.normal(0, 0.01, len(days))}, days)
    if jump:
        values.loc[jump] += 0.1
    found = events.study(
        values, pd.DataFrame({"firm": ["7203.T"], "date": [moment]}), model="mean", estimation=(-60, -11),
        window=(0, 0), part=part, calendars=TOKYO, zone="Asia/Tokyo",
    )  # fmt: skip
    return found.car()["car"].iloc[0]


@pytest.mark.parametrize(
    ("part", "moment", "reacts"),
    [
        ("overnight", "2025-07-23 16:30", "2025-07-24"),  # after the close: the next night
        ("overnight", "2025-07-24 08:45", "2025-07-24"),  # before the open: the night that ends in it
        ("open_to_close", "2025-07-24 10:00", "2025-07-24"),  # in the session
        ("open_to_close", "2025-07-24 08:58", "2025-07-24"),  # too late for the orders of the open
        ("open_to_close", "2025-07-24 15:25", "2025-07-25"),
    ],
)
def test_the_part_that_can_react_holds_the_reaction(part, moment, reacts):
    assert parts(part, reacts, moment) == pytest.approx(parts(part, None, moment) + 0.1)


@pytest.mark.parametrize("moment", ["2025-07-24 10:00", "2025-07-24 08:55"])
def test_news_of_a_session_is_no_news_of_the_night_before(moment):
    with pytest.raises(DataError, match="after the overnight return; use part='open_to_close'"):
        parts("overnight", None, moment)


@pytest.fixture(scope="module")
def opened(known):
    """Facts with opens of a few lines, the night half of each return; Korea's index lacks them."""
    facts = replace(known)
    lines = ["7203.T", "7267.T", "GM", "005380.KS", "SPY", market.benchmarks(known)["JP"]]
    opens = {}
    for line in lines:
        close = known.prices[line].dropna()
        opens[line] = np.sqrt(close * close.shift())
    vars(facts)["opens"] = pd.DataFrame(opens).reindex(known.prices.index)
    vars(facts)["prices"] = known.prices
    return facts


def test_night_and_day_make_up_the_return(opened):
    lines = ["7203.T", "GM"]
    for kind, whole in (("simple", lambda a, b: (1 + a) * (1 + b) - 1), ("log", lambda a, b: a + b)):
        night, day = (
            f(opened, lines, kind=kind) for f in (market.overnight_returns, market.intraday_returns)
        )
        total = market.returns(opened, lines, kind=kind)
        both = whole(night, day).dropna(how="all")
        np.testing.assert_allclose(both, total.reindex(both.index), atol=1e-12)
        assert both["GM"].notna().sum() > 500
    # the night to the first session after a day without a close is no night but two
    facts = opened
    holed = facts.prices.copy()
    holed.loc["2025-07-22", "GM"] = np.nan
    gap = replace(facts)
    vars(gap).update(prices=holed, opens=facts.opens)
    assert np.isnan(market.overnight_returns(gap, ["GM"]).loc["2025-07-23", "GM"])
    assert np.isfinite(market.intraday_returns(gap, ["GM"]).loc["2025-07-23", "GM"])


def test_tariff_study_of_a_part_lists_what_it_cannot_tell(opened):
    found = events.tariff_study(
        opened, tickers=["7203.T", "7267.T", "GM", "005380.KS", "BMW.DE"], part="overnight"
    )
    reasons = found.skipped.groupby("firm")["reason"].unique()
    assert "no opens of ^KS11" in reasons["005380.KS"]
    assert "no opens of BMW.DE and ^GDAXI" in reasons["BMW.DE"]
    table = event_calendar.table(opened)
    low = table.index[table["timing_quality"] == "low"]
    assert not found.firm_events.index.get_level_values("event").isin(low).any()
    # what was announced in New York's session is news of the day there and of the night in Tokyo
    inside = table.index[(table["hours_to_reaction_US"] == 0) & (table["timing_quality"] != "low")]
    told = found.firm_events.index
    assert len(inside) > 5 and not any((event, "GM") in told for event in inside)
    assert ("2025-07-22-japan-deal", "GM") in told
    day = events.tariff_study(opened, tickers=["GM"], part="open_to_close")
    assert any((event, "GM") in day.firm_events.index for event in inside)
    assert found.settings["part"] == "overnight"


def test_a_part_needs_opens_and_has_no_exchange_rate(known, opened):
    with pytest.raises(DataError, match="no opens are stored; `tariffmodel refresh` keeps"):
        events.tariff_study(known, tickers=["GM"], part="overnight")
    with pytest.raises(DataError, match="exchange rates are known once a day"):
        events.tariff_study(opened, model="market_fx", part="overnight")
    with pytest.raises(DataError, match=r"BMW.DE: no opens are stored"):
        market.opens(opened, ["GM", "BMW.DE"])
