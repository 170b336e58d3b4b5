"""Minutes around an event: the bar that could react, hours of trading, and a test that keeps its size."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tariffmodel import events
from tariffmodel.errors import DataError

TOKYO, YORK = "Asia/Tokyo", "America/New_York"


def bars(first, last, freq="5min", zone=YORK, lunch=False):
    """Starts of bars on weekdays: 9:30 to 16:00 in New York, 9:00 to 15:30 in Tokyo with an hour off."""
    every = pd.date_range(first, last, freq=freq, tz=zone)
    minute = every.hour * 60 + every.minute
    if lunch:
        inside = ((minute >= 540) & (minute < 690)) | ((minute >= 750) & (minute < 930))
    else:
        inside = (minute >= 570) & (minute < 960)
    return every[(every.day_of_week < 5) & inside]


def walk(index, firms=("GM", "F"), seed=0, night=0.012, common=0.5):
    """Returns with a U-shape over the session, a night in its first bar, and a common part."""
    random = np.random.default_rng(seed)
    minute = (index.hour * 60 + index.minute).to_numpy().astype(float)
    place = (minute - minute.min()) / (minute.max() - minute.min())
    scale = 0.0005 * (1 + 6 * (place - 0.5) ** 2)
    scale[np.append(True, np.diff(index.normalize().asi8) > 0)] = night
    noise = random.standard_normal((len(index), len(firms)))
    shared = random.standard_normal((len(index), 1))
    values = scale[:, None] * (np.sqrt(common) * shared + np.sqrt(1 - common) * noise)
    return pd.DataFrame(values, index, list(firms)), pd.Series(scale * shared[:, 0], index)


def jumped(returns, moment, size=0.02):
    changed = returns.copy()
    changed.loc[pd.Timestamp(moment, tz=returns.index.tz)] += size
    return changed


@pytest.mark.parametrize(
    ("moment", "bar"),
    [
        ("2025-07-31 10:00", "2025-07-31 10:00"),
        ("2025-07-31 10:03", "2025-07-31 10:00"),  # the bar that holds it
        ("2025-07-31 10:05", "2025-07-31 10:05"),
        ("2025-07-31 07:00", "2025-07-31 09:30"),  # before the open
        ("2025-07-31 16:00", "2025-08-01 09:30"),  # at the close
        ("2025-08-01 20:00", "2025-08-04 09:30"),  # Friday evening
    ],
)
@pytest.mark.parametrize("label", ["start", "end"])
def test_a_known_jump_is_found_in_the_first_bar_that_could_react(moment, bar, label):
    quiet, _ = walk(bars("2025-06-02", "2025-08-08"))
    shift = pd.Timedelta("5min" if label == "end" else "0min")
    asked = pd.DataFrame({"event": "news", "firm": ["GM"], "date": [moment]})
    cars, before = [], []
    for returns in (quiet, jumped(quiet, bar)):
        given = returns.set_axis(returns.index + shift)
        found = events.minute_study(given, asked, zone=YORK, label=label, window=(-30, 60))
        cars.append(found.car((0, 5))["car"].iloc[0])
        assert found.firm_events["first_bar"].iloc[0] == pd.Timestamp(bar, tz=YORK) + shift
        before.append(found.car((-30, 0))["car"].iloc[0])
    assert before[0] == pytest.approx(before[1])
    assert cars[1] - cars[0] == pytest.approx(0.02)


def test_car_error_and_t_are_those_of_a_loop_over_the_sessions_before():
    returns, market = walk(bars("2025-06-02", "2025-08-08"))
    moment = pd.Timestamp("2025-07-31 15:40", tz=YORK)  # the window runs into the next morning
    found = events.minute_study(returns, moment, market=market, window=(-10, 60), sessions=15)
    days = returns.index.normalize().unique()
    table = {firm: returns[firm].groupby(returns.index.normalize()).apply(np.array) for firm in returns}
    index = market.groupby(market.index.normalize()).apply(np.array)
    zero, start = days.get_loc(moment.normalize()), 74  # of 78 bars of five minutes
    for firm in returns:
        before = slice(zero - 15, zero)
        y, x = np.concatenate(table[firm].iloc[before].tolist()), np.concatenate(index.iloc[before].tolist())
        beta = np.polyfit(x, y, 1)[0]
        # the window begins in this session, so beta is of the sessions before this one
        ar = table[firm] - beta * index
        sums = []
        for back in range(16):
            today, tomorrow = ar.iloc[zero - back], ar.iloc[zero - back + 1]
            sums.append(today[start - 2 :].sum() + tomorrow[:8].sum())
        past = np.array(sums[1:])
        row = found.car().xs(firm, level="firm").iloc[0]
        assert found.firm_events.xs(firm, level="firm")["beta"].iloc[0] == pytest.approx(beta)
        assert row["car"] == pytest.approx(sums[0] - past.mean())
        assert row["se"] == pytest.approx(past.std(ddof=1) * np.sqrt(1 + 1 / 15))
        assert (row["t"], row["df"]) == (pytest.approx(row["car"] / row["se"]), 14)
    pooled = found.by_event().iloc[0]
    assert pooled["n"] == 2 and pooled["caar"] == pytest.approx(found.car()["car"].mean())
    assert pooled["se"] > found.car()["se"].mean() * 0.6  # what the firms share does not average out
    assert np.allclose(found.ar.sum(axis=1), found.car()["car"])


def test_size_is_kept_at_the_open_at_noon_and_over_the_night():
    """A pooled variance would reject at the open most of the time."""
    index = bars("2025-03-03", "2025-05-30", freq="10min")
    clocks = {"open": "09:30", "noon": "12:30", "close": "15:30"}
    days = index.normalize().unique()[25:]
    rejected, pooled = {clock: [] for clock in clocks}, []
    for seed in range(40):
        returns, market = walk(index, firms=("A", "B", "C"), seed=seed)
        for clock, hour in clocks.items():
            moments = [day + pd.Timedelta(f"{hour}:00") for day in days[seed % 4 :: 4]]
            found = events.minute_study(returns, moments, market=market, window=(0, 60))
            rejected[clock] += (found.car()["p_value"] < 0.05).tolist()
            if clock == "open":
                t = found.car()["car"] / (returns.sub(market, axis=0).std().mean() * np.sqrt(6))
                pooled += (t.abs() > 1.96).tolist()
    for clock, found in rejected.items():
        assert len(found) > 1000
        assert 0.035 < np.mean(found) < 0.07, clock
    assert np.mean(pooled) > 0.15


def test_a_jump_has_power_at_noon():
    returns, market = walk(bars("2025-06-02", "2025-08-08"))
    found = events.minute_study(
        jumped(returns, "2025-07-31 12:30", 0.01), pd.Timestamp("2025-07-31 12:30", tz=YORK), market=market
    )
    assert (found.car((0, 30))["p_value"] < 0.001).all()
    assert (found.car((-30, 0))["p_value"] > 0.001).all()
    assert found.by_event((0, 30))["p_value"].iloc[0] < 0.001


def test_lunch_in_tokyo_has_no_minutes():
    returns, _ = walk(bars("2025-06-02", "2025-08-08", zone=TOKYO, lunch=True), firms=("7203.T",))
    asked = pd.Timestamp("2025-07-31 11:20", tz=TOKYO)
    one = events.minute_study(returns, asked, window=(0, 30)).car()["car"].iloc[0]
    two = events.minute_study(jumped(returns, "2025-07-31 12:45"), asked, window=(0, 30)).car()["car"].iloc[0]
    assert two - one == pytest.approx(0.02)  # 11:20, 11:25, then 12:30 … 12:45
    noon = events.minute_study(returns, pd.Timestamp("2025-07-31 12:00", tz=TOKYO), window=(0, 30))
    assert noon.firm_events["first_bar"].iloc[0] == pd.Timestamp("2025-07-31 12:30", tz=TOKYO)


def test_two_exchanges_count_their_own_minutes():
    york, _ = walk(bars("2025-06-02", "2025-08-08"))
    tokyo, _ = walk(bars("2025-06-02", "2025-08-08", zone=TOKYO, lunch=True), firms=("7203.T",), seed=1)
    both = pd.concat([york.tz_convert("UTC"), tokyo.tz_convert("UTC")], axis=1, sort=True)
    calendars = {"GM": "XNYS", "F": "XNYS", "7203.T": "XTKS"}
    moment = pd.Timestamp("2025-07-31 15:45", tz=YORK)
    found = events.minute_study(both, moment, calendars=calendars)
    first = found.firm_events["first_bar"].droplevel("event")
    assert first["GM"] == moment and first["7203.T"] == pd.Timestamp("2025-08-01 09:00", tz=TOKYO)
    alone = events.minute_study(tokyo, moment).car()
    assert np.allclose(found.car().xs("7203.T", level="firm"), alone.xs("7203.T", level="firm"))
    with pytest.raises(DataError, match="GM and 7203.T trade at different hours; pass calendars="):
        events.minute_study(both.tz_convert(YORK), moment)


def test_summer_time_does_not_move_the_hour_of_trading():
    returns, _ = walk(bars("2025-02-03", "2025-03-21"))
    moment = pd.Timestamp("2025-03-12 09:30", tz=YORK)  # three sessions after the clocks changed
    local = events.minute_study(returns, moment, window=(0, 30)).car()
    with pytest.raises(DataError, match="returns is in UTC, where summer time moves the session; tz_convert"):
        events.minute_study(returns.tz_convert("UTC"), moment, window=(0, 30))
    calendars = {"GM": "XNYS", "F": "XNYS"}
    utc = events.minute_study(returns.tz_convert("UTC"), moment, window=(0, 30), calendars=calendars).car()
    assert np.allclose(local, utc)


def test_what_trades_round_the_clock_may_be_in_utc():
    index = pd.date_range("2025-06-01", "2025-07-15", freq="30min", tz="UTC")
    values = np.random.default_rng(0).normal(0, 0.004, (len(index), 1))
    returns = pd.DataFrame(values, index, ["BTC"])
    found = events.minute_study(returns, pd.Timestamp("2025-07-05 23:45", tz="UTC"), window=(-60, 120))
    assert found.firm_events["first_bar"].iloc[0] == pd.Timestamp("2025-07-05 23:30", tz="UTC")
    assert found.firm_events["sessions"].tolist() == [20]


def test_half_days_and_holes_leave_out_the_sessions_that_lack_the_minutes():
    returns, _ = walk(bars("2025-06-02", "2025-08-08"))
    short = returns[
        ~((returns.index.normalize() == pd.Timestamp("2025-07-03", tz=YORK)) & (returns.index.hour >= 13))
    ]
    moment = pd.Timestamp("2025-07-31 14:00", tz=YORK)
    assert events.minute_study(short, moment).car()["df"].tolist() == [18.0, 18.0]  # 19 of 20 sessions
    # a minute that the event lacks is compared nowhere
    holed = returns.copy()
    holed.loc["2025-07-31 14:30-04:00"] = np.nan
    found, whole = (events.minute_study(frame, moment) for frame in (holed, returns))
    at = whole.ar.drop(columns=30).sum(axis=1)
    assert np.allclose(found.car()["car"], at) and np.isnan(found.ar[30]).all()


def test_single_faults_are_skipped_with_a_reason():
    returns, _ = walk(bars("2025-06-02", "2025-08-08"))
    returns.loc["2025-08-05 10:00-04:00", "F"] = np.nan
    asked = pd.DataFrame(
        [("a", "GM", "2025-07-31 10:00"), ("b", "X", "2025-07-31 10:00"), ("c", "GM", "2025-06-04 10:00"),
         ("d", "GM", "2025-08-07 15:50"), ("e", "GM", "2025-09-01 10:00"), ("f", "GM", "2025-06-02 09:35"),
         ("g", "F", "2025-08-05 10:00")],
        columns=["event", "firm", "date"],
    )  # fmt: skip
    found = events.minute_study(returns, asked, zone=YORK)
    reasons = found.skipped.set_index("event")["reason"].to_dict()
    assert list(found.firm_events.index) == [("a", "GM")] and len(found) == 1
    assert reasons == {
        "b": "the firm has no column in returns",
        "c": "fewer than 5 sessions before with these minutes",
        "d": "the window reaches beyond the returns",
        "e": "the moment lies outside the returns of its exchange",
        "f": "the window reaches beyond the returns",
        "g": "no return in the first bar that could react; does it lack the night before?",
    }


REFUSED = {
    "naive": (
        lambda r: {"returns": r.tz_localize(None)},
        "returns has no time zone; returns.index.tz_localize",
    ),
    "order": (lambda r: {"returns": r[::-1]}, "returns is not in order of time"),
    "twice": (
        lambda r: {"returns": pd.concat([r.iloc[:2], r.iloc[1:]])},
        "returns has 2025-06-02 09:35.* twice",
    ),
    "odd": (
        lambda r: {"returns": pd.concat([r, r.iloc[-1:].shift(freq="2min")])},
        "bars of 0 days 00:05:00 but also 2025-08-07 15:57:00",
    ),
    "days": (
        lambda r: {"returns": r.resample("D").sum()},
        "returns has a row every 1 days.*; use study for days",
    ),
    "text": (lambda r: {"returns": r.reset_index(drop=True)}, "is indexed by RangeIndex"),
    "infinite": (lambda r: {"returns": r.replace(r.iloc[3, 0], np.inf)}, "returns is infinite"),
    "prices": (lambda r: {"returns": 100 * (1 + r).cumprod()}, "prices, or gross returns"),
    "percent": (lambda r: {"returns": 100 * r}, "looks like percent"),
    "market in percent": (lambda r: {"market": 100 * r["GM"]}, "market looks like percent"),
    "market of other bars": (lambda r: {"market": r["GM"][::2]}, "market has bars of another length"),
    "date": (lambda r: {"events": "2025-07-31"}, "2025-07-31 has no time of day"),
    "no zone": (lambda r: {"events": "2025-07-31 10:00", "zone": None}, "a time of day without a zone"),
    "window": (lambda r: {"window": (-7, 60)}, r"window \(-7, 60\): first and last minute in steps of 5"),
    "long window": (lambda r: {"window": (0, 500)}, "is longer than a session"),
    "sessions": (lambda r: {"sessions": 3}, "sessions 3: compare 5 or more"),
    "label": (lambda r: {"label": "middle"}, "label 'middle'"),
    "calendars": (lambda r: {"calendars": {"GM": "XNYS"}}, "calendars names no exchange for F"),
    "none": (
        lambda r: {"events": "2025-09-01 10:00"},
        "no firm-event can be used: 2 × the moment lies outside",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused_by_name(case):
    change, message = REFUSED[case]
    returns, _ = walk(bars("2025-06-02", "2025-08-08"))
    given = {"returns": returns, "events": "2025-07-31 10:00", "zone": YORK} | change(returns)
    with pytest.raises(DataError, match=message):
        events.minute_study(**given)


def test_windows_of_the_result_are_whole_bars_inside():
    returns, _ = walk(bars("2025-06-02", "2025-08-08"))
    found = events.minute_study(returns, pd.Timestamp("2025-07-31 10:00", tz=YORK))
    for window in ((0, 61), (-60, 0), (30, 0)):
        with pytest.raises(DataError, match="minutes in steps of 5 inside"):
            found.car(window)
    assert found.minutes.tolist() == list(range(-30, 60, 5))
