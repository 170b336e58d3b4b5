"""Does an odd answer of Yahoo's cost no other line its prices, and a revision no line its future?"""

from __future__ import annotations

import functools
import json
import random
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import exchange_calendars
import numpy as np
import pandas as pd
import pytest
import yahoo
import yfinance
from test_refresh import JOIN, Market, adjusted, bundled, history, market, only, sessions, until, yahoo_cache

from tariffmodel import plausibility, refresh, schemas, store
from tariffmodel.intake import chart, joining
from tariffmodel.markets import price_checks

__all__ = ["market", "yahoo_cache"]  # fixtures

Chart = dict[str, Any]


def of(chart: Chart) -> Chart:
    return chart["chart"]["result"][0]


def meta(**values: Any) -> Callable[[Chart], None]:
    return lambda chart: of(chart)["meta"].update(values)


def series(name: str, change: Callable[[list], Any], kind: str = "quote") -> Callable[[Chart], None]:
    def spoil(chart: Chart) -> None:
        lists = of(chart)["indicators"][kind][0]
        lists[name] = change(lists[name])

    return spoil


def stamps(change: Callable[[list], Any]) -> Callable[[Chart], None]:
    return lambda chart: of(chart).update(timestamp=change(of(chart)["timestamp"]))


def both(name: str, change: Callable[[list], Any]) -> Callable[[Chart], None]:
    def spoil(chart: Chart) -> None:
        series("close", change)(chart)
        series("adjclose", change, "adjclose")(chart)

    return spoil


def every(step: int) -> Callable[[Chart], None]:
    """Bars of several sessions, whatever the answer calls them."""

    def spoil(chart: Chart) -> None:
        stamps(lambda values: values[::step])(chart)
        for kind in ("quote", "adjclose"):
            for name in of(chart)["indicators"][kind][0]:
                series(name, lambda values: values[::step], kind)(chart)

    return spoil


def hours(chart: Chart) -> None:
    """Bars of an hour under the name of days: four a session, the closes apart."""
    stamps(lambda values: [value + 3600 * hour for value in values for hour in range(4)])(chart)
    for kind in ("quote", "adjclose"):
        for name in of(chart)["indicators"][kind][0]:
            series(name, lambda v: [x * (1 + h / 1e3) for x in v for h in range(4)], kind)(chart)


def events(**values: Any) -> Callable[[Chart], None]:
    return lambda chart: of(chart).update(events=values)


def at(place: int, value: Any) -> Callable[[list], list]:
    return lambda values: (
        [*values[:place], value, *values[place + 1 :]] if place != -1 else [*values[:-1], value]
    )


def turned(chart: Chart) -> None:
    for kind in ("quote", "adjclose"):
        for name in of(chart)["indicators"][kind][0]:
            series(name, lambda values: values[::-1], kind)(chart)


def doubled(chart: Chart) -> None:
    every_two = lambda values: [value for value in values for _ in range(2)]  # noqa: E731
    stamps(every_two)(chart)
    for kind in ("quote", "adjclose"):
        for name in of(chart)["indicators"][kind][0]:
            series(name, every_two, kind)(chart)


def paid(chart: Chart, amount: float) -> None:
    """A dividend that Yahoo multiplied, in the events and in the adjusted closes."""
    moment, close = of(chart)["timestamp"][-6], of(chart)["indicators"]["quote"][0]["close"][-7]
    events(dividends={str(moment): {"amount": amount, "date": moment}})(chart)
    factor = 1 - amount / close
    series("adjclose", lambda v: [*(x * factor for x in v[:-6]), *v[-6:]], "adjclose")(chart)


SPOILT: dict[str, tuple[str, Callable[[Chart], Any] | bytes]] = {
    # no chart at all, whatever the status says
    "page": ("failed", b"<!doctype html><html><body>Consent</body></html>"),
    "nothing": ("failed", b""),
    "number": ("failed", b"7"),
    "list": ("failed", b"[]"),
    "null": ("failed", b'{"chart": null}'),
    "half": ("failed", b'{"chart": {"result": [{"meta": {"sym'),
    "bytes": ("failed", b"\xff\xfe\x00\x01"),
    "deep": ("failed", b"[" * 100_000),
    "no result": ("failed", b'{"chart": {"result": [], "error": null}}'),
    "result null": ("failed", b'{"chart": {"result": [null], "error": null}}'),
    "error of 200": ("failed", b'{"chart": {"result": null, "error": {"code": "Internal"}}}'),
    "error text": ("failed", b'{"chart": {"result": null, "error": "no"}}'),
    "gone": ("not found", b'{"chart": {"result": null, "error": {"description": "No data found"}}}'),
    # what the answer says about itself
    "time empty": ("failed", meta(regularMarketTime="")),
    "time text": ("failed", meta(regularMarketTime="soon")),
    "time true": ("failed", meta(regularMarketTime=True)),
    "time of another age": ("failed", meta(regularMarketTime=10**18)),
    "no time": ("updated", meta(regularMarketTime=None)),
    "no meta": ("failed", lambda chart: of(chart).update(meta=None)),
    "another line": ("conflict", meta(symbol="TSLA")),
    "no line": ("conflict", meta(symbol=None)),
    "weeks": ("conflict", meta(dataGranularity="1wk")),
    "granularity number": ("conflict", meta(dataGranularity=7)),
    "other currency": ("conflict", meta(currency="CAD")),
    "currency number": ("conflict", meta(currency=["USD"])),
    "other exchange": ("conflict", meta(exchangeTimezoneName="Asia/Tokyo")),
    "no exchange": ("failed", meta(exchangeTimezoneName="Mars/Olympus")),
    "exchange number": ("failed", meta(exchangeTimezoneName=9)),
    "a currency pair": ("conflict", meta(instrumentType="CURRENCY")),
    # bars that are none
    "no indicators": ("failed", lambda chart: of(chart).pop("indicators")),
    "indicators list": ("failed", lambda chart: of(chart).update(indicators=[])),
    "quote null": ("failed", lambda chart: of(chart)["indicators"].update(quote=[None])),
    "no adjusted": ("failed", lambda chart: of(chart)["indicators"].pop("adjclose")),
    "no stamps": ("empty", lambda chart: of(chart).pop("timestamp")),
    "stamps number": ("failed", stamps(lambda values: 7)),
    "stamps text": ("failed", stamps(lambda values: [str(value) for value in values])),
    "stamp null": ("failed", stamps(at(3, None))),
    "stamps milliseconds": ("failed", stamps(lambda values: [1000 * value for value in values])),
    "stamp of 2031": ("failed", stamps(at(-1, 1_930_000_000))),
    "stamp negative": ("failed", stamps(at(0, -1))),
    "closes null": ("failed", series("close", lambda values: None)),
    "closes gone": ("empty", both("", lambda values: [None] * len(values))),
    "closes short": ("failed", series("close", lambda values: values[:-1])),
    "volumes long": ("failed", series("volume", lambda values: [*values, 1])),
    "closes text": ("failed", series("close", lambda values: [str(value) for value in values])),
    "close text": ("failed", series("close", at(5, "n/a"))),
    "close true": ("failed", series("close", at(5, True))),
    "close list": ("failed", series("close", at(5, [1.0]))),
    "close of 400 digits": ("failed", series("close", at(-1, 10**400))),
    "close zero": ("conflict", both("", at(-1, 0))),
    "close negative": ("conflict", both("", at(-1, -5.0))),
    "close NaN": ("updated", both("", at(-4, float("nan")))),
    "close infinite": ("updated", both("", at(-4, float("inf")))),
    "weeks as days": ("conflict", every(5)),
    "months as days": ("conflict", every(21)),
    "hours as days": ("conflict", hours),
    "events list": ("failed", lambda chart: of(chart).update(events=[1])),
    "dividend text": ("failed", events(dividends={"1": {"amount": "x", "date": 1783600200}})),
    "dividend negative": ("failed", events(dividends={"1": {"amount": -1.0, "date": 1783600200}})),
    "dividend without a date": ("failed", events(dividends={"1": {"amount": 1.0}})),
    "split by 0": ("failed", events(splits={"1": {"numerator": 2, "denominator": 0, "date": 1783600200}})),
    # what cannot be
    "bad tick": ("doubted", both("", lambda v: [*v[:-6], 1.6 * v[-6], *v[-5:]])),
    "halved": ("doubted", both("", lambda v: [*v[:-6], *(0.51 * x for x in v[-6:])])),
    "phantom": ("doubted", series("adjclose", lambda v: [*(x / 2.93 for x in v[:-6]), *v[-6:]], "adjclose")),
    "dividend 100x": ("doubted", lambda chart: paid(chart, 15.0)),
    "dividend of nothing": ("doubted", events(dividends={"1": {"amount": 1.5, "date": 1783600200}})),
    # what is put right
    "upside down": ("updated", lambda chart: [stamps(lambda v: v[::-1])(chart)] and turned(chart)),
    "twice": ("updated", doubled),
}  # fmt: skip


def symbol(name: str) -> str:
    return "ODD-" + name.upper().replace(" ", "-")


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory: pytest.TempPathFactory, known) -> tuple[refresh.Report, Market]:
    """One refresh of a line per odd answer, a sound line after every other."""
    yfinance.data.SingletonMeta._instances.clear()
    place = Market(tmp_path_factory.mktemp("hostile") / "data", known)
    rows, frame = [], history("F")
    for number, (name, (_, spoil)) in enumerate(SPOILT.items()):
        for ticker in [symbol(name), f"SOUND-{number}"][: 1 + number % 2]:
            line = place.add(ticker, frame, stored=bundled(ticker, until(frame["traded"])))
            if not ticker.startswith("SOUND"):
                whole = json.loads(yahoo.chart_body(ticker, line))
                line.body = (
                    spoil if isinstance(spoil, bytes) else (spoil(whole), json.dumps(whole).encode())[1]
                )
                line.body = line.body or b" "
            rows.append(place.known.instruments.loc["F"].rename(ticker))
    place.write()
    pd.DataFrame(rows).rename_axis("ticker").to_csv(place.folder / "market/instruments.csv")
    return place.refresh(), place


@pytest.mark.parametrize("name", SPOILT)
def test_odd_answer_has_its_outcome_and_a_remedy_and_costs_no_other_line_its_own(spoilt, name: str):
    report, place = spoilt
    table = report.table.set_index("ticker")
    row = table.loc[symbol(name)]
    assert row["outcome"] == SPOILT[name][0], row["detail"]
    assert "cannot be joined" not in row["detail"], "it should have been refused before"
    if row["outcome"] != "updated":
        assert (row["rows_added"], row["last"], row["behind"]) == (0, JOIN, 22)
        assert row["remedy"] and row["detail"], row
        assert row.name in set(report.left_behind["ticker"]), row.name
    sound = table[table.index.str.startswith("SOUND")]
    assert (sound["outcome"] == "updated").all() and len(sound) == len(SPOILT) // 2
    stored = place.prices(row.name)
    assert np.isfinite(stored["adj_close"]).all() and (stored["adj_close"] > 0).all()
    assert stored["adj_close"].pct_change().abs().max() < 0.2


def test_state_with_lines_behind_is_known_as_such(spoilt):
    report, place = spoilt
    assert report.code == refresh.BEHIND
    assert set(store.doubts(place.folder)) == set(report.left_behind["ticker"])


# ---- revisions


def step(market: Market, frame: pd.DataFrame, day: str, **options) -> refresh.Report:
    market.lines["F"].frame = adjusted(frame.loc[:day])
    return market.refresh(now=pd.Timestamp(f"{day} 22:00", tz="UTC"), **options)


@pytest.fixture
def refreshed(market: Market) -> tuple[Market, pd.DataFrame]:
    """A line with rows of Yahoo's up to 16 July."""
    frame = history("F")
    market.add("F", frame)
    market.write()
    shutil.copy(market.known.folder / refresh.RECORDS, market.folder / refresh.RECORDS)
    step(market, frame, "2026-07-16")
    return market, frame


@pytest.mark.parametrize(
    ("day", "new"),
    [("2026-07-01", 5), ("2026-07-10", 0), ("2026-07-14", 5), ("2026-07-16", 0), ("2026-07-16", 5)],
)
def test_close_that_yahoo_revises_is_followed_old_and_new_are_kept(refreshed, day: str, new: int):
    market, frame = refreshed
    old = frame.at[pd.Timestamp(day), "traded"]
    frame.loc[day, "traded"] = 0.985 * old
    last = frame.index[frame.index.get_loc(pd.Timestamp("2026-07-16")) + new]
    report = step(market, frame, f"{last:%Y-%m-%d}")
    row, rows = only(report), market.prices("F")
    assert row["outcome"] == "revised" and row["last"] == last and report.code == 0
    assert f"{day}: close {old:.6g} → {0.985 * old:.6g}" in row["detail"]
    np.testing.assert_allclose(
        rows["adj_close"].pct_change().iloc[1:], frame["traded"].pct_change().loc[:last].iloc[1:]
    )
    assert rows.at[pd.Timestamp(day), "close"] == pytest.approx(0.985 * old)
    kept = pd.read_parquet(store.path(market.folder, refresh.RECORDS))
    kept = kept[(kept["ticker"] == "F") & (kept["date"] == day) & kept["record"].str.startswith("Yahoo")]
    assert kept["close"].tolist() == pytest.approx([old, 0.985 * old])
    assert only(step(market, frame, f"{last:%Y-%m-%d}"))["outcome"] == "unchanged"
    frame.loc[day, "traded"] = 0.98 * old
    step(market, frame, f"{last:%Y-%m-%d}")
    kept = pd.read_parquet(store.path(market.folder, refresh.RECORDS))
    schemas.market.PRICE_RECORDS.validate(kept)
    assert not price_checks.compare(pd.read_parquet(store.path(market.folder, refresh.PRICES)), kept)[
        "off"
    ].any()


@pytest.mark.parametrize("last", ["2026-07-01", "2026-07-02"])
def test_first_rows_of_yahoos_are_followed_too_across_a_split(market: Market, last: str):
    frame = history("F")
    market.add("F", frame)
    market.write()
    shutil.copy(market.known.folder / refresh.RECORDS, market.folder / refresh.RECORDS)
    step(market, frame, last)
    old = frame.at[pd.Timestamp(last), "traded"]
    frame.loc[last, "traded"] *= 0.985
    frame.loc["2026-07-20":, "traded"] /= 2
    frame.loc["2026-07-20", "split"] = 2.0
    report = step(market, frame, "2026-07-24")
    expected = adjusted(frame.loc[:"2026-07-24"])
    revised, rows = report.revisions.iloc[0], market.prices("F")
    assert only(report)["outcome"] == "revised" and revised["date"] == pd.Timestamp(last)
    assert [revised["old_close"], revised["new_close"]] == pytest.approx([old / 2, 0.985 * old / 2])
    np.testing.assert_allclose(rows["close"].dropna(), expected["close"].loc["2026-07-01":])
    np.testing.assert_allclose(rows["volume"].dropna(), expected["volume"].loc["2026-07-01":])
    np.testing.assert_allclose(rows["adj_close"], expected["adj_close"])


@pytest.mark.parametrize("day", ["2026-07-10", "2026-07-15", "2026-07-16"])
def test_dividend_that_yahoo_enters_late_is_followed(refreshed, day: str):
    market, frame = refreshed
    frame.loc[day, "dividend"] = 1.5
    report = step(market, frame, "2026-07-24")
    rows = market.prices("F")
    assert only(report)["outcome"] == "revised" and "dividend 1.5" in only(report)["detail"]
    expected = adjusted(frame.loc[:"2026-07-24"])["adj_close"]
    np.testing.assert_allclose(rows["adj_close"].pct_change().iloc[1:], expected.pct_change().iloc[1:])
    revised = report.revisions.set_index("date").loc[pd.Timestamp(day)]
    assert (revised["old_dividend"], revised["new_dividend"]) == (pytest.approx(0, abs=1e-3), 1.5)


def test_revision_to_a_bad_tick_or_to_another_line_is_not_followed(refreshed):
    market, frame = refreshed
    spoilt = frame.copy()
    spoilt.loc["2026-07-14", "traded"] *= 1.6
    row = only(step(market, spoilt, "2026-07-24"))
    assert row["outcome"] == "doubted" and "bad tick" in row["detail"] and row["rows_added"] == 0
    stored = market.prices("F")
    spoilt = frame.assign(traded=history("F", seed=8)["traded"])
    row = only(step(market, spoilt, "2026-07-24"))
    assert row["outcome"] == "conflict" and "--accept F" in row["remedy"]
    pd.testing.assert_frame_equal(market.prices("F"), stored)


@pytest.mark.parametrize("source", ["bundled", "own: mine.csv"])
def test_row_of_another_source_stays_until_yahoos_is_accepted(refreshed, source: str):
    market, frame = refreshed
    place = store.path(market.folder, refresh.PRICES)
    rows = pd.read_parquet(place)
    spot = (rows["ticker"] == "F") & (rows["date"] == "2026-07-15")
    rows.loc[spot, ["adj_close", "close"]] *= 1.02
    rows.loc[rows["date"] >= "2026-07-13", "source"] = source
    rows.to_parquet(place, index=False)
    report = step(market, frame, "2026-07-24")
    row = only(report)
    assert (row["outcome"], row["rows_added"], row["behind"]) == ("conflict", 0, 6)
    assert "`tariffmodel refresh --accept F`" in row["remedy"] and report.code == refresh.BEHIND
    assert "F: conflict, 6 sessions behind (2026-07-16)" in report.summary()
    report = step(market, frame, "2026-07-24", accept=["F"])
    assert only(report)["outcome"] == "revised" and report.code == 0 and only(report)["behind"] == 0
    moves = market.prices("F")["adj_close"].pct_change().iloc[1:]
    np.testing.assert_allclose(moves, frame["traded"].loc[:"2026-07-24"].pct_change().iloc[1:])
    assert set(report.revisions["source"]) == {source}


def test_doubted_move_is_stored_once_it_is_accepted(market: Market):
    frame = history("F")
    frame.loc["2026-07-20":, "traded"] *= 0.51
    market.add("F", adjusted(frame))
    report = market.refresh()
    assert only(report)["outcome"] == "doubted" and "--accept F" in only(report)["remedy"]
    report = market.refresh(accept=["F"])
    assert only(report)["outcome"] == "updated" and report.code == 0 and not store.doubts(market.folder)


@pytest.mark.parametrize("spoil", ["split", "phantom", "tick", "dividend", ""])
def test_first_download_is_held_against_its_own_events(market: Market, spoil: str):
    frame = history("F", {"2026-06-10": {"dividend": 0.5}, "2026-07-20": {"split": 2.0}})
    if spoil == "split":
        frame = frame.assign(open=frame["traded"], close=frame["traded"], adj_close=frame["traded"])
    elif spoil == "phantom":
        frame.loc[:"2026-06-30", "adj_close"] /= 2.93
    elif spoil == "tick":
        frame.loc["2026-06-17", ["close", "adj_close"]] *= 1.6
    elif spoil == "dividend":
        frame.loc["2026-06-10", "dividend"] *= 100
    market.add("GM", history("GM"))
    market.add("F", frame, stored=bundled("F", pd.Series(dtype=float)))
    report = market.refresh()
    row = only(report)
    assert row["outcome"] == ("doubted" if spoil else "updated"), row["detail"]
    assert report.code == (refresh.BEHIND if spoil else 0)
    assert len(market.prices("F")) == (0 if spoil else len(frame))


def test_move_that_the_market_shares_is_believed(market: Market):
    for seed, ticker in enumerate(["F", "GM", "TM", "^GSPC", "STLA", "TSLA"]):
        frame = pd.DataFrame({"traded": history("F", seed=seed)["traded"], "dividend": 0.0, "split": 0.0})
        frame.loc["2026-07-20":, "traded"] *= 0.55 if ticker != "TSLA" else 1.0
        market.add(ticker, adjusted(frame))
    outcomes = market.refresh().table.set_index("ticker")["outcome"]
    assert set(outcomes.drop("TSLA")) == {"updated"}


def test_rate_of_yahoos_follows_yahoo_and_a_fixing_stays(market: Market):
    market.add("F", history("F"))
    days = pd.bdate_range("2026-05-01", "2026-07-31").as_unit("us")
    rates = pd.Series(market.rates.set_index("date")["rate"].reindex(days)).ffill()
    market.lines["JPY=X"] = yahoo.Line(pd.DataFrame({"close": rates[:"2026-07-16"]}))
    market.refresh(currencies=True, now=pd.Timestamp("2026-07-17 12:00", tz="UTC"))
    rates["2026-07-08"] *= 1.02
    rates["2026-06-10"] *= 1.02
    market.lines["JPY=X"] = yahoo.Line(pd.DataFrame({"close": rates}))
    row = only(market.refresh(currencies=True), "USDJPY")
    stored = market.fx()["rate"]
    assert row["outcome"] == "revised" and "2026-07-08: " in row["detail"]
    assert stored["2026-07-08"] == pytest.approx(rates["2026-07-08"])
    assert stored["2026-06-10"] == market.rates.set_index("date")["rate"]["2026-06-10"]


ODD = [None, "", [], {}, "x", -1, 0, 1e308, float("nan"), float("inf"), True, 10**30, [[]], {"a": 1}, 1e-300]


def test_damage_anywhere_in_a_chart_is_refused_or_does_no_harm():
    """Cells and lists of a chart replaced, deleted or shuffled, at places and by values drawn at random."""
    frame = history("F", {"2026-07-10": {"dividend": 0.5}})
    whole = yahoo.chart_body("F", yahoo.Line(frame))
    closes = exchange_calendars.get_calendar("XNYS", start="2026-05-01", end="2026-07-31").closes
    closes.index = sessions("XNYS")
    stored = bundled("F", adjusted(frame.loc[:JOIN])["adj_close"])
    stored = stored.assign(open=np.nan, close=np.nan, volume=np.nan, source="bundled")
    line = chart.Line("F", "F", "USD", "America/New_York", stored["date"].iloc[-20], closes, stored)
    draw = random.Random(1)

    def places(node: Any, path: tuple = ()) -> Iterator[tuple]:
        keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else []
        for key in draw.sample(keys, 3) if isinstance(node, list) and len(keys) > 3 else keys:
            yield (*path, key)
            yield from places(node[key], (*path, key))

    outcomes = set()
    for _ in range(60):
        spoilt = json.loads(whole)
        path = draw.choice(list(places(spoilt)))
        node = functools.reduce(lambda found, key: found[key], path[:-1], spoilt)
        if isinstance(node[path[-1]], list) and draw.random() < 0.5:
            draw.shuffle(node[path[-1]])
        elif draw.random() < 0.2:
            del node[path[-1]]
        else:
            node[path[-1]] = draw.choice(ODD)
        try:
            joined = joining.join_prices(line, chart.read(json.dumps(spoilt).encode(), line))
        except chart.RefusedError as refused:
            outcomes.add(refused.outcome)
            continue
        outcomes.add(joined.row["outcome"])
        level = joined.frame.set_index("date")["adj_close"]
        assert np.isfinite(level).all() and level.index.is_unique and level.index.is_monotonic_increasing, (
            path
        )
        assert level.pct_change().abs().max() < 0.1, path
    assert outcomes >= {"failed", "rebased"}


# ---- after a break-off


def test_answers_before_a_break_off_are_not_asked_for_again(market: Market):
    def interrupt(done: int, *_: object) -> None:
        if done == 2:
            raise KeyboardInterrupt

    for ticker in ("F", "GM", "TM"):
        market.add(ticker, history(ticker))
    with pytest.raises(KeyboardInterrupt):
        market.refresh(progress=interrupt)
    assert store.current(market.folder) == "bundled"
    kept = market.folder / refresh._WORK / "GM.json"
    kept.write_bytes(kept.read_bytes()[:50])  # the machine went down while it was written
    report = market.refresh()
    assert market.server.asked() == ["GM", "TM"] and set(report.table["outcome"]) == {"updated"}
    assert not kept.parent.exists()


def test_answers_of_before_the_last_close_are_asked_for_again(market: Market):
    market.add("F", history("F"))

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        market.refresh(progress=interrupt, now=pd.Timestamp("2026-07-31 19:00", tz="UTC"))
    assert only(market.refresh())["last"] == pd.Timestamp("2026-07-31")


# ---- the gate by itself


def test_day_off_summer_time_is_the_day_after_midnight():
    closes = pd.Series(
        pd.to_datetime(["2026-07-02 16:30"]).tz_localize("Europe/London"), pd.to_datetime(["2026-07-02"])
    )
    line = chart.Line("USDJPY", "JPY=X", "JPY", "Europe/London", closes.index[0], closes, pd.DataFrame())
    late = pd.Timestamp("2026-07-01 23:00", tz="Europe/London").timestamp()
    assert chart._days(line, [late]).tolist() == [pd.Timestamp("2026-07-02")]


def test_true_special_dividend_spin_off_and_crash_are_told_from_faults():
    days = pd.bdate_range("2026-07-01", periods=4)
    close = [100.0, 100.0, 80.0, 80.0]
    bars = pd.DataFrame({"ticker": "X", "date": days, "close": close, "adj_close": [80.0, 80.0, 80.0, 80.0]})
    assert plausibility.doubts(bars.assign(dividend=[0, 0, 20.0, 0])).empty
    assert plausibility.doubts(bars.assign(dividend=0.0))["kind"].tolist() == ["adjustment"]
    fall = bars.assign(close=[100.0, 100.0, 50.0, 50.0]).drop(columns="adj_close")
    assert plausibility.doubts(fall)["kind"].tolist() == ["move"]
    assert plausibility.doubts(fall.assign(peers=[0, 0, np.log(0.6), 0])).empty
    assert plausibility.doubts(fall.assign(split=[1, 1, 2.0, 1]))["kind"].tolist() == ["split"]
