"""Does a refresh add what Yahoo has, keep every stored return, and say what it could not do?"""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from datetime import date
from functools import lru_cache
from pathlib import Path

import exchange_calendars
import numpy as np
import pandas as pd
import pytest
import yahoo
import yfinance
from hypothesis import given, settings
from hypothesis import strategies as st

from tariffmodel import facts, refresh, store
from tariffmodel import market as panel
from tariffmodel.errors import DataError
from tariffmodel.intake import joining

NOW = pd.Timestamp("2026-07-31 22:00", tz="UTC")  # after the last close of the week everywhere
JOIN = pd.Timestamp("2026-06-30")  # last stored day
CALENDARS = {
    "F": "XNYS", "GM": "XNYS", "TM": "XNYS", "^GSPC": "XNYS", "7203.T": "XTKS", "TOPIX": "XTKS",
    "BMW.DE": "XETR", "VOD.L": "XLON",
}  # fmt: skip


OPEN = 0.99  # of the day's close


@lru_cache
def sessions(calendar: str) -> pd.DatetimeIndex:
    book = exchange_calendars.get_calendar(calendar, start="2026-05-01", end="2026-07-31")
    return book.sessions.as_unit("us")


def walk(days: pd.DatetimeIndex, seed: int = 0, level: float = 100.0, sigma: float = 0.01) -> pd.Series:
    steps = np.random.default_rng(seed).normal(0, sigma, len(days))
    return pd.Series(level * np.exp(np.cumsum(steps)), index=days)


def adjusted(frame: pd.DataFrame) -> pd.DataFrame:
    """What Yahoo shows at the end of a history of traded closes, dividends and splits.

    Day by day, as in Yahoo's example: before a split by its inverse, before a dividend by one less
    the dividend over the close of the day before.
    """
    opening, close, adj_close, volume = [], [], [], []
    split, factor = 1.0, 1.0
    for place in range(len(frame) - 1, -1, -1):
        row = frame.iloc[place]
        opening.append(row["traded"] * OPEN / split)
        close.append(row["traded"] / split)
        adj_close.append(row["traded"] / split * factor)
        volume.append(1000.0 * split)
        if place and row["dividend"]:
            # the close before, in today's shares
            factor *= 1 - row["dividend"] / (frame.iloc[place - 1]["traded"] / (row["split"] or 1.0))
        split *= row["split"] or 1.0
    return frame.assign(open=opening[::-1], close=close[::-1], adj_close=adj_close[::-1], volume=volume[::-1])


def history(
    ticker: str, actions: dict[str, dict[str, float]] | None = None, **options: float
) -> pd.DataFrame:
    """Traded closes of a line over the three months, with dividends and splits on given days."""
    frame = pd.DataFrame({"traded": walk(sessions(CALENDARS[ticker]), **options)})
    frame = frame.assign(dividend=0.0, split=0.0)
    for day, action in (actions or {}).items():
        for name, value in action.items():
            frame.loc[day, name] = value
    shares = frame["split"].where(frame["split"] > 0, 1.0).cumprod()
    return adjusted(frame.assign(traded=frame["traded"] / shares))


def bundled(ticker: str, close: pd.Series, basis: str = "total_return") -> pd.DataFrame:
    """Stored rows as the bundled panel has them."""
    rows = pd.DataFrame({"date": close.index, "ticker": ticker, "adj_close": close.to_numpy()})
    return rows.assign(records=np.minimum(np.arange(len(close)), 1), basis=basis)


def until(series: pd.Series, day: pd.Timestamp = JOIN) -> pd.Series:
    return series.loc[:day]


class Market:
    """A data folder with a few lines, and a Yahoo that knows more of them."""

    def __init__(self, folder: Path, known: facts.Facts) -> None:
        (folder / "market").mkdir(parents=True)
        self.facts = replace(known, folder=folder)
        self.folder = folder
        self.lines: dict[str, yahoo.Line] = {}
        self.slept: list[float] = []
        self.stored: dict[str, pd.DataFrame] = {}
        self.currency: dict[str, str] = {}
        days = pd.bdate_range("2026-05-01", JOIN).as_unit("us")
        self.rates = pd.DataFrame(
            {"date": days, "pair": "USDJPY", "rate": walk(days, 9, 150, 0.003).to_numpy()}
        )
        self.known = known

    def add(
        self, ticker: str, frame: pd.DataFrame, stored: pd.DataFrame | None = None, **about
    ) -> yahoo.Line:
        """A line at Yahoo; by default what Yahoo showed on the last stored day is stored."""
        self.lines[ticker] = yahoo.Line(frame, **about)
        if stored is None:
            stored = bundled(ticker, adjusted(frame.loc[:JOIN])["adj_close"])
        self.stored[ticker] = stored
        return self.lines[ticker]

    def write(self) -> None:
        if (self.folder / refresh.PRICES).exists():
            return
        pd.concat(self.stored.values()).to_parquet(self.folder / refresh.PRICES, index=False)
        self.rates.to_parquet(self.folder / refresh.FX, index=False)
        book = self.known.instruments.reindex(list(self.stored))
        for ticker, (calendar, currency) in {"VOD.L": ("XLON", "GBP")}.items():
            if ticker in book.index:
                book.loc[ticker, ["exchange_calendar", "currency"]] = [calendar, currency]
        book.to_csv(self.folder / "market/instruments.csv")

    def refresh(self, **options) -> refresh.Report:
        self.write()
        options = {"now": NOW, "currencies": False, "sleep": self.slept.append, "timeout": 2.0} | options
        with yahoo.serving(self.lines) as server:
            self.server = server
            return refresh.refresh(self.facts, session=server.session(), **options)

    def prices(self, ticker: str) -> pd.DataFrame:
        frame = pd.read_parquet(store.path(self.folder, refresh.PRICES))
        return frame[frame["ticker"] == ticker].set_index("date")

    def fx(self) -> pd.DataFrame:
        return pd.read_parquet(store.path(self.folder, refresh.FX)).set_index("date")


@pytest.fixture(scope="module", autouse=True)
def yahoo_cache(tmp_path_factory) -> None:
    yfinance.set_tz_cache_location(str(tmp_path_factory.mktemp("yfinance")))


@pytest.fixture
def market(tmp_path: Path, known: facts.Facts) -> Market:
    yfinance.data.SingletonMeta._instances.clear()  # the session, cookie and crumb of the test before
    return Market(tmp_path / "data", known)


def only(report: refresh.Report, ticker: str = "F") -> pd.Series:
    return report.table.set_index("ticker").loc[ticker]


def total_returns(frame: pd.DataFrame) -> pd.Series:
    """Naively, day by day: what a holder has today over what he had yesterday."""
    values = {}
    for before, day in zip(frame.index[:-1], frame.index[1:], strict=True):
        row, base = frame.loc[day], frame.loc[before, "traded"]
        shares = row["split"] or 1.0
        # Yahoo's convention: the dividend is taken off the price before
        values[day] = row["traded"] / (base / shares - row["dividend"]) - 1
    return pd.Series(values)


# ---- what a good answer adds


def test_new_sessions_are_added_with_close_volume_and_source(market: Market):
    frame = history("F")
    market.add("F", frame)
    report = market.refresh()
    row, rows = only(report), market.prices("F")
    new = frame.loc["2026-07-01":]
    assert (row["outcome"], row["rows_added"]) == ("updated", len(new))
    assert (row["first_new"], row["last"]) == (new.index[0], new.index[-1])
    assert row["ratio"] == pytest.approx(1)
    assert report.snapshot == store.current(market.folder)
    fresh = rows.loc[new.index]
    np.testing.assert_allclose(fresh["adj_close"], new["traded"])
    np.testing.assert_allclose(fresh["close"], new["traded"])
    assert set(fresh["volume"]) == {1000.0}
    assert set(fresh["source"]) == {"yahoo"} and set(fresh["basis"]) == {"total_return"}
    assert set(fresh["records"]) == {1}
    before = rows.loc[:JOIN]
    np.testing.assert_allclose(before["adj_close"], frame["traded"].loc[:JOIN])
    assert before["close"].isna().all() and set(before["source"]) == {"bundled"}
    assert (pd.read_parquet(market.folder / refresh.PRICES).columns == market.stored["F"].columns).all()


def test_opens_are_stored_and_night_and_day_make_up_the_return(market: Market):
    """A dividend and a split lie between close and open: they move the night, not the day."""
    frame = history("F", {"2026-07-10": {"dividend": 2.0}, "2026-07-20": {"split": 2.0}})
    line = market.add("F", frame.assign(high=frame["close"], low=frame["open"]))
    whole, line.frame = line.frame, adjusted(frame.loc[:"2026-07-15"])
    market.refresh(now=pd.Timestamp("2026-07-15 22:00", tz="UTC"))
    line.frame = whole
    market.refresh()
    rows = market.prices("F")
    np.testing.assert_allclose(rows["open"].dropna(), frame["open"].loc["2026-07-01":])
    assert rows["open"].isna().sum() == (rows["source"] == "bundled").sum()
    facts = replace(market.facts)
    night, day, both = (
        function(facts, ["F"], kind="simple")["F"].loc["2026-07-01":]
        for function in (panel.overnight_returns, panel.intraday_returns, panel.returns)
    )
    np.testing.assert_allclose((1 + night) * (1 + day) - 1, both)
    np.testing.assert_allclose(day, 1 / OPEN - 1)
    assert list(panel.opens(facts)) == ["F"] and panel.opens(facts).attrs["as_of"] == "2026-07-31"
    earlier = panel.until(facts, date(2026, 7, 15))
    assert earlier.opens.index[-1] == pd.Timestamp("2026-07-15")


def test_an_open_that_cannot_be_is_left_out_and_the_close_stays(market: Market):
    frame = history("F")
    frame = frame.assign(high=1.01 * frame["close"], low=0.98 * frame["close"])
    frame.loc["2026-07-08", "open"] = 0.0
    frame.loc["2026-07-09", "open"] = 1.05 * frame["close"]["2026-07-09"]
    frame.loc["2026-07-10", "open"] = np.nan
    market.add("F", frame)
    row, rows = only(market.refresh()), market.prices("F")
    assert row["outcome"] == "updated" and "left out 3 opens that are missing or outside" in row["detail"]
    days = pd.to_datetime(["2026-07-08", "2026-07-09", "2026-07-10"])
    assert rows["open"][days].isna().all() and rows["close"][days].notna().all()
    assert rows.loc["2026-07-13":, "open"].notna().all()


def test_only_the_overlap_and_what_follows_is_asked_for(market: Market):
    market.add("F", history("F"))
    market.refresh(overlap_sessions=7)
    ((_, query),) = [request for request in market.server.requests if "/chart/" in request[0]]
    start = pd.Timestamp(int(query["period1"]), unit="s", tz="UTC").tz_convert("America/New_York")
    assert start == sessions("XNYS")[sessions("XNYS") <= JOIN][-7].tz_localize("America/New_York")
    assert query["interval"] == "1d"


def test_answer_that_reaches_further_back_counts_from_the_day_asked_for(market: Market):
    frame = history("F")
    market.add("F", frame).body = yahoo.chart_body("F", yahoo.Line(frame))
    report = market.refresh(overlap_sessions=5)
    assert only(report)[["outcome", "detail"]].to_list() == ["updated", ""]
    assert only(report)["first_new"] > JOIN


def test_second_refresh_adds_nothing_and_writes_no_snapshot(market: Market):
    market.add("F", history("F"))
    first = market.refresh(currencies=True)
    second = market.refresh()
    assert first.snapshot and not second.snapshot
    assert only(second)["outcome"] == "unchanged"
    assert len(store.snapshots(market.folder)) == 1
    assert "Nothing new" in second.summary()


def test_line_without_prices_starts_in_2023(market: Market):
    market.add("F", history("F"))
    market.add("GM", history("GM", seed=1), stored=bundled("GM", pd.Series(dtype=float)))
    row = only(market.refresh(), "GM")
    chart = [query for path, query in market.server.requests if path.endswith("/GM")]
    start = pd.Timestamp(int(chart[0]["period1"]), unit="s", tz="UTC")
    assert start == pd.Timestamp("2023-01-01", tz="America/New_York")
    rows = market.prices("GM")
    assert (row["outcome"], row["rows_added"]) == ("updated", len(sessions("XNYS")))
    assert np.isnan(row["ratio"])
    assert rows["records"].tolist() == [0] + [1] * (len(rows) - 1), "no return ends in the first row"


def test_price_index_stays_a_price_index(market: Market):
    frame = history("^GSPC")
    market.add("^GSPC", frame, stored=bundled("^GSPC", until(frame["traded"]), "price_return"))
    market.refresh()
    assert set(market.prices("^GSPC")["basis"]) == {"price_return"}


def test_exchanges_are_asked_in_their_own_time(market: Market):
    for seed, ticker in enumerate(("7203.T", "BMW.DE", "F")):
        market.add(ticker, history(ticker, seed=seed))
    # Friday 09:00 in New York: Tokyo has closed for the week, Frankfurt and New York have not
    report = market.refresh(now=pd.Timestamp("2026-07-31 13:00", tz="UTC"))
    last = report.table.set_index("ticker")["last"]
    assert last["7203.T"] == pd.Timestamp("2026-07-31")
    assert last["BMW.DE"] == last["F"] == pd.Timestamp("2026-07-30")
    assert "left out 1 not final (last 2026-07-31)" in only(report, "F")["detail"]


# ---- dividends, splits and levels


def test_later_dividend_re_bases_the_history_and_changes_no_return(market: Market):
    frame = history("F", {"2026-07-10": {"dividend": 2.0}})
    market.add("F", frame)
    row, rows = only(market.refresh()), market.prices("F")
    before = frame["traded"].loc[:"2026-07-09"].iloc[-1]
    assert row["outcome"] == "rebased"
    assert row["ratio"] == pytest.approx(1 - 2 / before)
    assert row["detail"] == f"re-based ×{1 - 2 / before:.4g}, dividend 2 on 2026-07-10"
    assert rows["adj_close"].iloc[-1] == pytest.approx(frame["traded"].iloc[-1])
    np.testing.assert_allclose(rows["adj_close"].pct_change().iloc[1:], total_returns(frame))


def test_special_dividend_is_measured_on_the_close_before_it(market: Market):
    frame = history("F", sigma=0.05)
    frame.loc["2026-07-10":, "traded"] -= 40.0  # as a price does
    frame.loc["2026-07-10", "dividend"] = 40.0
    frame = adjusted(frame)
    market.add("F", frame)
    before = frame["traded"].loc[:"2026-07-09"].iloc[-1]
    detail = only(market.refresh())["detail"]
    assert detail == f"re-based ×{1 - 40 / before:.4g}, dividend 40 on 2026-07-10"


def test_later_split_halves_the_history_with_its_closes_and_doubles_volumes(market: Market):
    frame = history("F", {"2026-07-20": {"split": 2.0}})
    line = market.add("F", frame)
    line.frame = adjusted(frame.loc[:"2026-07-10"])
    market.refresh(now=pd.Timestamp("2026-07-10 22:00", tz="UTC"))
    line.frame = frame
    row, rows = only(market.refresh()), market.prices("F")
    assert row["outcome"] == "rebased" and row["ratio"] == pytest.approx(0.5)
    assert row["detail"] == "re-based ×0.5, split 2:1 on 2026-07-20"
    np.testing.assert_allclose(rows["adj_close"].pct_change().iloc[1:], total_returns(frame))
    np.testing.assert_allclose(rows["close"].dropna(), frame["close"].loc["2026-07-01":])
    np.testing.assert_allclose(rows["volume"].dropna(), frame["volume"].loc["2026-07-01":])


def test_level_without_an_action_is_re_based_and_said_to_have_none(market: Market):
    frame = history("F")
    market.add("F", frame, stored=bundled("F", 4 * until(frame["traded"])))
    row, rows = only(market.refresh()), market.prices("F")
    assert (row["outcome"], row["ratio"]) == ("rebased", pytest.approx(0.25))
    assert row["detail"] == "re-based ×0.25, no action reported"
    np.testing.assert_allclose(rows["adj_close"].pct_change().iloc[1:], total_returns(frame))


def test_action_that_does_not_explain_the_level_is_said_so(market: Market):
    frame = history("F", {"2026-07-10": {"dividend": 2.0}})
    market.add("F", frame, stored=bundled("F", 4 * until(frame["traded"])))
    detail = only(market.refresh())["detail"]
    assert "dividend 2 on 2026-07-10, which would make ×0.98" in detail


def test_dividend_that_a_price_return_line_misses_is_no_conflict(market: Market):
    frame = history("TM", {"2026-06-25": {"dividend": 3.0}, "2026-07-10": {"dividend": 1.0}})
    price_only = until(frame["traded"])
    market.add("TM", frame, stored=bundled("TM", price_only, "price_return"))
    row, rows = only(market.refresh(), "TM"), market.prices("TM")
    assert row["outcome"] == "rebased" and "2026-06-25" not in row["detail"]
    moves = rows["adj_close"].pct_change()
    np.testing.assert_allclose(moves.loc[:JOIN].iloc[1:], price_only.pct_change().iloc[1:])
    np.testing.assert_allclose(moves.loc["2026-07-01":], total_returns(frame).loc["2026-07-01":])


def test_dividend_of_an_unfinished_session_is_not_in_the_last_row_yet(market: Market):
    frame = history("F", {"2026-07-31": {"dividend": 5.0}})
    market.add("F", frame)
    early = market.refresh(now=pd.Timestamp("2026-07-31 15:00", tz="UTC"))
    assert only(early)["outcome"] == "updated"
    assert market.prices("F")["adj_close"].iloc[-1] == pytest.approx(frame.at["2026-07-30", "traded"])
    assert "dividend 5 on 2026-07-31" in only(market.refresh())["detail"]
    moves = market.prices("F")["adj_close"].pct_change().iloc[1:]
    np.testing.assert_allclose(moves, total_returns(frame))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    stops=st.lists(st.integers(8, 40), min_size=1, max_size=4, unique=True).map(sorted),
    actions=st.dictionaries(
        st.integers(1, 40),
        st.tuples(st.sampled_from([0.0, 0.002, 0.04]), st.sampled_from([0.0, 2.0, 0.5, 3.0])),
        max_size=4,
    ),
)
def test_refreshes_in_steps_give_the_returns_of_one_history(seed, stops, actions):
    """Whenever one refreshes, and whatever is paid or split between, no return is lost or changed."""
    days = sessions("XNYS")[:42]
    frame = pd.DataFrame({"traded": walk(days, seed), "dividend": 0.0, "split": 0.0})
    for place, (dividend, split) in actions.items():
        frame.loc[days[place], ["dividend", "split"]] = [dividend, split]
    frame["traded"] /= frame["split"].where(frame["split"] > 0, 1.0).cumprod()
    frame["dividend"] *= frame["traded"]
    stored = bundled("F", pd.Series(dtype=float, index=days[:0])).assign(
        open=0.0, close=0.0, volume=0.0, source=""
    )
    for stop in [*stops, 41]:
        shown = adjusted(frame.iloc[: stop + 1])
        columns = ["open", "close", "adj_close", "volume", "dividend", "split"]
        start = stored["date"].iloc[-min(20, len(stored))] if len(stored) else days[0]
        answer = refresh.Answer(shown.loc[start:, columns], False, [])
        line = refresh.Line("F", "F", "USD", "America/New_York", start, pd.Series(days, days), stored)
        joined = joining.join_prices(line, answer, accept=True)
        stored, row = joined.frame, joined.row
        assert row["outcome"] in {"updated", "rebased", "unchanged"}, row["detail"]
        assert stored["adj_close"].iloc[-1] == pytest.approx(shown["traded"].iloc[-1])
    np.testing.assert_allclose(stored["adj_close"].pct_change().iloc[1:], total_returns(frame), rtol=1e-9)
    final = adjusted(frame)
    for column in ("open", "close", "volume"):
        np.testing.assert_allclose(stored[column], final[column])


# ---- conflicts: the stored rows stay


def spoilt(frame: pd.DataFrame, day: str, ratio: float) -> pd.DataFrame:
    close = until(frame["traded"]).copy()
    close[day] *= ratio
    return bundled("F", close)


def test_differing_day_before_the_join_is_listed_and_the_stored_row_stays(market: Market):
    frame = history("F")
    stored = spoilt(frame, "2026-06-16", 1.03)
    market.add("F", frame, stored=stored)
    row, rows = only(market.refresh()), market.prices("F")
    assert row["outcome"] == "conflict" and row["rows_added"] == len(frame.loc["2026-07-01":])
    move = 1.03 * frame["traded"].pct_change()["2026-06-16"] + 0.03
    assert (
        f"2026-06-16: return stored {move:+.2%}, Yahoo {frame['traded'].pct_change()['2026-06-16']:+.2%}"
        in (row["detail"])
    )
    assert "2026-06-17: " in row["detail"] and "stored rows stay, new ones joined" in row["detail"]
    np.testing.assert_allclose(rows.loc[:JOIN, "adj_close"], stored["adj_close"])
    move = rows["adj_close"].pct_change()
    np.testing.assert_allclose(move.loc["2026-07-01":], total_returns(frame).loc["2026-07-01":])


def test_differing_level_before_the_join_does_not_reach_the_new_rows(market: Market):
    frame = history("F")
    close = until(frame["traded"]).copy()
    close[:"2026-06-22"] *= 2.0  # a split that the stored history has missed
    market.add("F", frame, stored=bundled("F", close))
    row, rows = only(market.refresh()), market.prices("F")
    assert row["outcome"] == "conflict" and row["ratio"] == pytest.approx(1)
    moves = rows["adj_close"].pct_change()
    np.testing.assert_allclose(moves.loc["2026-07-01":], total_returns(frame).loc["2026-07-01":])


def test_differing_day_at_the_join_keeps_new_rows_out(market: Market):
    frame = history("F")
    market.add("F", frame, stored=spoilt(frame, "2026-06-29", 1.02))
    report = market.refresh()
    row = only(report)
    assert (row["outcome"], row["rows_added"], row["last"]) == ("conflict", 0, JOIN)
    assert "sessions up to the join that agree: 1, fewer than 5; nothing joined" in row["detail"]
    assert not report.snapshot


def test_wholly_different_line_is_refused_without_listing_every_day(market: Market):
    market.add("F", history("F"), stored=bundled("F", until(history("F", seed=5, sigma=0.05)["traded"])))
    row = only(market.refresh())
    assert (row["outcome"], row["rows_added"]) == ("conflict", 0)
    assert row["detail"].count("return stored") == 4 and "more days; sessions up to" in row["detail"]


def test_difference_within_half_a_point_is_no_conflict(market: Market):
    frame = history("F")
    market.add("F", frame, stored=spoilt(frame, "2026-06-29", 1.004))
    row = only(market.refresh())
    assert row["outcome"] == "updated" and row["ratio"] == pytest.approx(1)


def test_gap_without_a_session_in_common_is_a_conflict(market: Market):
    frame = history("F")
    line = market.add("F", frame)
    line.frame = frame.loc["2026-07-06":]
    row = only(market.refresh())
    assert (row["outcome"], row["rows_added"]) == ("conflict", 0)
    assert "no session in common: stored up to 2026-06-30, Yahoo from 2026-07-06" in row["detail"]


@pytest.mark.parametrize(
    ("change", "outcome", "detail"),
    [
        ({"2026-07-08": 0.0}, "conflict", "prices that are not positive on 2026-07-08"),
        ({"2026-07-08": -5.0}, "conflict", "prices that are not positive on 2026-07-08"),
        ({"2026-07-01": 450.0}, "doubted", "% on 2026-07-01 and back the next session"),
        ({"2026-07-08": 165.0}, "doubted", "% on 2026-07-08 and back the next session"),
        ({"2026-07-08": 20.0}, "doubted", "% on 2026-07-08 and back the next session"),
        ({"2026-07-31": 51.5}, "doubted", "% on 2026-07-31, as in a split 2:1, without a split"),
    ],
)
def test_price_that_cannot_be_keeps_the_line_as_it_was(
    market: Market, change: dict[str, float], outcome: str, detail: str
):
    frame = history("F")
    for day, price in change.items():
        frame.loc[day, ["close", "adj_close"]] = price
    market.add("F", frame)
    row = only(market.refresh())
    assert (row["outcome"], row["rows_added"], row["last"]) == (outcome, 0, JOIN)
    assert detail in row["detail"]


@pytest.mark.parametrize("times", [100.0, 0.01])
def test_level_in_another_unit_is_a_conflict_unless_a_split_explains_it(market: Market, times: float):
    frame = history("F")
    line = market.add("F", frame, stored=bundled("F", until(frame["traded"]) / times))
    row = only(market.refresh())
    assert (row["outcome"], row["rows_added"]) == ("conflict", 0)
    assert f"×{times:.4g} the stored ones and no split says so" in row["detail"]
    line.frame = frame.assign(split=np.where(frame.index == "2026-07-01", 1 / times, 0.0))
    assert only(market.refresh())["detail"].startswith(f"re-based ×{times:.4g}, split")


def test_split_that_is_not_in_the_earlier_prices_is_doubted(market: Market):
    frame = history("F", {"2026-07-20": {"split": 2.0}})
    market.add("F", frame.assign(close=frame["traded"], adj_close=frame["traded"]))
    row = only(market.refresh())
    assert (row["outcome"], row["rows_added"]) == ("doubted", 0)
    assert "the split 2:1 of 2026-07-20 is not in the earlier prices" in row["detail"]


def test_pence_become_pounds(market: Market):
    frame = history("VOD.L", {"2026-07-10": {"dividend": 2.0}})
    shown = frame.assign(**{name: 100 * frame[name] for name in ("close", "adj_close", "dividend")})
    line = market.add("VOD.L", frame)
    line.frame = shown
    row = only(market.refresh(), "VOD.L")
    assert "GBp divided by 100" in row["detail"] and "dividend 2 on" in row["detail"]
    np.testing.assert_allclose(market.prices("VOD.L")["close"].dropna(), frame["traded"].loc["2026-07-01":])


def test_other_currency_is_a_conflict(market: Market):
    market.add("F", history("F"), currency="EUR")
    row = only(market.refresh())
    assert (row["outcome"], row["rows_added"]) == ("conflict", 0)
    assert row["detail"] == "Yahoo quotes it in EUR, instruments.csv in USD"


# ---- bars that are no closes


def test_bars_of_a_session_become_final_half_an_hour_after_its_close(market: Market):
    frame = history("F")
    market.add("F", frame)
    for minute, last in (("19:59", "30"), ("20:29", "30"), ("20:30", "31")):
        market.refresh(now=pd.Timestamp(f"2026-07-31 {minute}", tz="UTC"))
        assert market.prices("F").index[-1] == pd.Timestamp(f"2026-07-{last}"), minute


def test_bar_still_being_traded_is_left_out(market: Market):
    frame = history("F")
    line = market.add("F", frame)
    line.frame = frame.iloc[:-1]
    line.live = (pd.Timestamp("2026-07-31 10:12:13", tz="America/New_York"), 77.0)
    row = only(market.refresh(now=pd.Timestamp("2026-07-31 14:13", tz="UTC")))
    assert row["last"] == pd.Timestamp("2026-07-30")
    assert 77.0 not in set(market.prices("F")["close"])


def test_early_close_is_final_early(market: Market):
    days = exchange_calendars.get_calendar("XNYS", start="2025-11-03", end="2025-11-28").sessions
    close = walk(days.as_unit("us"))
    frame = pd.DataFrame({"traded": close, "close": close, "dividend": 0.0, "split": 0.0})
    market.add("F", frame, stored=bundled("F", close[:-1]))
    assert only(market.refresh(now=pd.Timestamp("2025-11-28 18:29", tz="UTC")))["rows_added"] == 0
    assert only(market.refresh(now=pd.Timestamp("2025-11-28 18:30", tz="UTC")))["rows_added"] == 1


def test_rows_without_a_close_are_left_out_and_counted(market: Market):
    frame = history("F")
    frame.loc[["2026-07-07", "2026-07-08"], ["close", "adj_close"]] = np.nan
    market.add("F", frame)
    row = only(market.refresh())
    assert row["rows_added"] == len(frame.loc["2026-07-01":]) - 2
    assert "left out 2 without a close (last 2026-07-08)" in row["detail"]
    assert market.prices("F")["adj_close"].notna().all()


def test_day_without_a_session_is_left_out_and_counted(market: Market):
    frame = history("F")
    holiday = frame.loc[["2026-07-02"]].set_axis([pd.Timestamp("2026-07-03")])
    line = market.add("F", frame)
    line.frame = pd.concat([frame, holiday]).sort_index()
    row = only(market.refresh())
    assert "left out 1 of days without a session or a trade" in row["detail"]
    assert pd.Timestamp("2026-07-03") not in market.prices("F").index


def test_day_that_comes_twice_is_stored_once(market: Market):
    frame = history("F")
    line = market.add("F", frame)
    line.frame = pd.concat([frame, frame.loc[["2026-07-08", "2026-07-31"]]]).sort_index()
    market.refresh()
    rows = market.prices("F")
    assert rows.index.is_unique
    np.testing.assert_allclose(rows["adj_close"], frame["traded"])


def test_quote_from_before_the_close_is_no_close_whenever_it_is_read(market: Market):
    frame = history("F")
    line = market.add("F", frame)
    line.frame = frame.loc[:"2026-07-29"]
    line.live = pd.Timestamp("2026-07-30 19:54", tz="UTC"), 93.0  # 15:54 in New York, read a day later
    row = only(market.refresh())
    assert row["last"] == pd.Timestamp("2026-07-29")
    assert row["detail"] == "left out 1 not final (last 2026-07-30)"
    line.live = pd.Timestamp("2026-07-30 19:59:58", tz="UTC"), 94.0  # the last trade of the day
    market.refresh()
    assert market.prices("F").at[pd.Timestamp("2026-07-30"), "close"] == 94.0


def test_close_that_comes_late_fills_its_gap_and_moves_no_stored_level(market: Market):
    actions = {"2026-07-13": {"dividend": 3.0}, "2026-07-22": {"split": 2.0}}
    frame = history("F", actions)
    line = market.add("F", frame)
    line.frame = adjusted(frame.loc[:"2026-07-20"])
    line.frame.loc["2026-07-16", ["close", "adj_close"]] = np.nan
    row = only(market.refresh(now=pd.Timestamp("2026-07-20 22:00", tz="UTC")))
    assert "left out 1 without a close (last 2026-07-16)" in row["detail"]
    assert pd.Timestamp("2026-07-16") not in market.prices("F").index
    line.frame = frame
    row, rows = only(market.refresh()), market.prices("F")
    assert row["outcome"] == "rebased" and "gaps filled on 2026-07-16" in row["detail"]
    assert (row["rows_added"], row["first_new"]) == (10, pd.Timestamp("2026-07-16"))
    np.testing.assert_allclose(rows["adj_close"].pct_change().iloc[1:], total_returns(frame))
    np.testing.assert_allclose(rows["close"].dropna(), frame["close"].loc["2026-07-01":])
    assert only(market.refresh())["outcome"] == "unchanged"


def test_close_repeated_without_a_trade_is_no_close(market: Market):
    frame = history("F")
    frame.loc["2026-07-16", ["close", "adj_close"]] = frame.loc["2026-07-15", ["close", "adj_close"]]
    frame.loc["2026-07-16", "volume"] = 0
    market.add("F", frame)
    row = only(market.refresh())
    assert "left out 1 of days without a session or a trade" in row["detail"]
    assert pd.Timestamp("2026-07-16") not in market.prices("F").index


def test_infinite_price_is_no_close(market: Market):
    frame = history("F")
    frame.loc["2026-07-16", "close"] = frame.loc["2026-07-17", "adj_close"] = np.inf
    market.add("F", frame)
    assert "left out 2 without a close (last 2026-07-17)" in only(market.refresh())["detail"]
    assert np.isfinite(market.prices("F")[["close", "adj_close"]].loc["2026-07-01":]).all(axis=None)


# ---- answers that fail: the line keeps its rows, the others go on


@pytest.mark.parametrize(
    ("fault", "outcome", "detail"),
    [
        ("404", "not found", "Yahoo: No data found, symbol may be delisted"),
        ("no prices forever", "empty", "Yahoo: no price data found"),
        ("too late forever", "empty", "Yahoo: Data doesn't exist"),
        ("500 forever", "failed", "Yahoo's answer is a web page, empty or cut off"),
        ("error forever", "failed", "Yahoo's answer holds no chart: Internal server error"),
        ("half a document forever", "failed", "Yahoo's answer is a web page, empty or cut off"),
        ("truncated forever", "failed", "IncompleteRead"),
        ("stall forever", "failed", "Timeout"),
    ],
)
def test_fault_of_one_line_is_reported_and_leaves_it_and_the_others_alone(
    market: Market, fault: str, outcome: str, detail: str
):
    for seed, ticker in enumerate(("F", "GM", "TM")):
        market.add(ticker, history(ticker, seed=seed))
    if fault == "404":
        del market.lines["GM"]
    else:
        market.lines["GM"].faults = [fault]
    report = market.refresh(timeout=0.3)
    row = only(report, "GM")
    assert (row["outcome"], row["rows_added"], row["last"]) == (outcome, 0, JOIN)
    assert detail in row["detail"]
    assert report.table.set_index("ticker")["outcome"][["F", "TM"]].tolist() == ["updated", "updated"]
    assert market.prices("GM").index[-1] == JOIN
    told = f"  GM: {outcome}, 22 sessions behind (2026-06-30). {row['detail'].rstrip('.')}. Remedy: "
    assert row["remedy"] and told + row["remedy"] in report.summary() and report.code == refresh.BEHIND


@pytest.mark.parametrize("fault", ["500", "error", "half a document", "truncated", "stall"])
def test_request_that_breaks_off_once_is_repeated(market: Market, fault: str):
    market.add("F", history("F")).faults = [fault] * (2 if fault in ("500", "error") else 1)
    assert only(market.refresh(timeout=0.3))["outcome"] == "updated"


def test_body_that_is_no_chart_is_a_failure_not_a_delisting(market: Market):
    market.add("F", history("F")).body = b'{"finance": {"result": null, "error": {"code": "Unauthorized"}}}'
    assert only(market.refresh())["outcome"] == "failed"


def test_answer_without_a_currency_is_a_conflict(market: Market):
    chart = yahoo.chart_body("F", yahoo.Line(history("F"))).replace(b'"currency": "USD"', b'"currency": null')
    market.add("F", history("F")).body = chart
    row = only(market.refresh())
    assert (row["outcome"], row["rows_added"]) == ("conflict", 0)
    assert row["detail"] == "Yahoo quotes it in a currency it does not name, instruments.csv in USD"


def test_malformed_chart_fails_that_line_only(market: Market):
    about = {"symbol": "F", "currency": "USD", "exchangeTimezoneName": "America/New_York"}
    chart = {"chart": {"result": [{"meta": about, "indicators": 7}]}}
    market.add("F", history("F")).body = json.dumps(chart).encode()
    market.add("GM", history("GM"))
    assert market.refresh().table["outcome"].tolist() == ["failed", "updated"]


def test_line_whose_last_close_is_old_is_said_to_end_there(market: Market):
    frame = history("F")
    market.add("F", frame).frame = frame.loc[:JOIN]
    market.add("GM", history("GM", seed=1)).frame = history("GM", seed=1).loc[:"2026-07-09"]
    market.add("TM", history("TM", seed=2))
    report = market.refresh()
    row = only(report)
    assert row["outcome"] == "unchanged"
    assert row["detail"] == "Yahoo's last close is of 2026-06-30, 22 sessions back"
    row = only(report, "GM")
    assert row["outcome"] == "updated"
    assert row["detail"] == "Yahoo's last close is of 2026-07-09, 16 sessions back"
    assert [line.split(":")[0].strip() for line in report.summary().splitlines()[2:]] == ["F", "GM"]


def test_refusal_for_too_many_requests_is_waited_out(market: Market):
    market.add("F", history("F")).faults = ["429"] * 4  # yfinance itself asks twice
    assert only(market.refresh())["outcome"] == "updated"
    first, second = market.slept
    assert 5 <= first <= 7.5 and 10 <= second <= 15


def test_lasting_refusal_stops_the_asking_and_keeps_what_came(market: Market):
    for seed, ticker in enumerate(("F", "GM", "TM")):
        market.add(ticker, history(ticker, seed=seed))
    market.lines["GM"].faults = ["429 forever"]
    report = market.refresh(pause=0.25)
    assert report.table["outcome"].tolist() == ["updated", "failed", "skipped"]
    assert set(report.table["detail"][1:]) == {refresh.RATE_LIMITED}
    assert set(market.server.asked()) == {"F", "GM"}
    assert market.prices("F").index[-1] == pd.Timestamp("2026-07-31")
    assert market.prices("TM").index[-1] == JOIN
    assert len(market.slept) == 1 + 3 and sum(market.slept) <= 0.25 + 1.5 * 35


def test_silence_three_times_in_a_row_stops_the_asking(market: Market):
    tickers = ("F", "GM", "TM", "^GSPC")
    for ticker in tickers:
        market.add(ticker, history(ticker)).faults = ["truncated forever"]
    report = market.refresh()
    assert report.table["outcome"].tolist() == ["failed"] * 3 + ["skipped"]
    assert report.table["detail"].iloc[-1] == "not asked: 3 lines in a row had no answer from Yahoo"
    assert not report.snapshot


def test_silence_now_and_then_does_not_stop_the_asking(market: Market):
    for ticker in ("F", "GM", "TM", "^GSPC", "7203.T"):
        line = market.add(ticker, history(ticker))
        line.faults = [] if ticker in ("TM", "7203.T") else ["truncated forever"]
    outcomes = market.refresh().table["outcome"].tolist()
    assert outcomes == ["failed", "failed", "updated", "failed", "updated"]


def test_without_a_network_nothing_changes_and_the_report_says_so(market: Market):
    market.add("F", history("F"))
    market.write()
    session = yahoo.Session("http://127.0.0.1:9")  # nothing listens there
    report = refresh.refresh(market.facts, session=session, now=NOW, pause=0, sleep=market.slept.append)
    assert report.table["outcome"].tolist() == ["failed", "failed"]
    assert "ConnectionError" in report.table["detail"][0]
    assert store.current(market.folder) == "bundled"


def test_index_that_yahoo_does_not_have_is_not_asked_for(market: Market):
    market.add("TOPIX", history("TOPIX"))
    row = only(market.refresh(), "TOPIX")
    assert row["outcome"] == "skipped" and "1306.T" in row["detail"]
    assert not market.server.requests


# ---- exchange rates


def rates(market: Market) -> pd.Series:
    """Yahoo's rates: the fixings with half a percent of another hour in them, and a month more."""
    days = pd.bdate_range("2026-05-01", "2026-07-31").as_unit("us")
    path = walk(days, 9, 150, 0.003)
    return path * np.exp(np.random.default_rng(1).normal(0, 0.004, len(days)))


def test_exchange_rates_go_on_after_the_last_fixing_and_say_so(market: Market):
    market.add("F", history("F"))
    shown = rates(market)
    market.lines["JPY=X"] = yahoo.Line(pd.DataFrame({"close": shown}))
    report = market.refresh(currencies=True, now=pd.Timestamp("2026-08-01 12:00", tz="UTC"))
    row, table = only(report, "USDJPY"), market.fx()
    assert row["outcome"] == "updated" and row["first_new"] == pd.Timestamp("2026-07-01")
    old = table[table["source"] == "ECB"]
    np.testing.assert_array_equal(old["rate"], market.rates["rate"])
    later = replace(market.facts)
    assert later.fx.attrs == {"quotes_from": "2026-07-01"}
    timing = panel.exchange_rates(panel.until(later, date(2026, 7, 15))).attrs["timing"]
    assert timing.endswith("from 2026-07-01 on the last quotes of the London day")
    new = table[table["source"] == "yahoo"]["rate"]
    np.testing.assert_allclose(new, shown.loc["2026-07-01":])


def test_london_day_that_is_not_over_is_left_out(market: Market):
    market.add("F", history("F"))
    market.lines["JPY=X"] = yahoo.Line(pd.DataFrame({"close": rates(market)}))
    row = only(market.refresh(currencies=True, now=pd.Timestamp("2026-07-31 22:59", tz="UTC")), "USDJPY")
    assert row["last"] == pd.Timestamp("2026-07-30")
    row = only(market.refresh(currencies=True, now=pd.Timestamp("2026-07-31 23:00", tz="UTC")), "USDJPY")
    assert row["last"] == pd.Timestamp("2026-07-31")


def test_rate_at_another_level_is_a_conflict_and_never_re_based(market: Market):
    market.add("F", history("F"))
    market.lines["JPY=X"] = yahoo.Line(pd.DataFrame({"close": 1.02 * rates(market)}))
    row = only(market.refresh(currencies=True), "USDJPY")
    assert (row["outcome"], row["rows_added"]) == ("conflict", 0)
    assert "Yahoo's rates are ×1.0" in row["detail"]
    assert len(market.fx()) == len(market.rates)


def test_rate_that_leaps_is_doubted(market: Market):
    market.add("F", history("F"))
    shown = rates(market)
    shown["2026-07-15"] *= 1.2
    market.lines["JPY=X"] = yahoo.Line(pd.DataFrame({"close": shown}))
    row = only(market.refresh(currencies=True), "USDJPY")
    assert row["outcome"] == "doubted" and "more than ×1.1 in a day" in row["detail"]


def test_day_on_which_rates_lie_apart_is_listed_and_the_stored_one_stays(market: Market):
    market.add("F", history("F"))
    shown = rates(market)
    shown["2026-06-16"] *= 1.05
    market.lines["JPY=X"] = yahoo.Line(pd.DataFrame({"close": shown}))
    row = only(market.refresh(currencies=True), "USDJPY")
    assert row["outcome"] == "conflict" and row["rows_added"] > 0
    stored = market.rates.set_index("date")["rate"]
    assert row["detail"].startswith(f"2026-06-16: stored {stored['2026-06-16']:g}, Yahoo ")
    assert market.fx()["rate"]["2026-06-16"] == stored["2026-06-16"]


def test_rates_without_a_day_in_common_are_a_conflict(market: Market):
    market.add("F", history("F"))
    market.lines["JPY=X"] = yahoo.Line(pd.DataFrame({"close": rates(market).loc["2026-07-06":]}))
    row = only(market.refresh(currencies=True), "USDJPY")
    assert row["outcome"] == "conflict"
    assert "no session in common: stored up to 2026-06-30, Yahoo from 2026-07-06" in row["detail"]


def test_listing_currency_without_rates_gets_them(market: Market):
    market.add("BMW.DE", history("BMW.DE"))
    market.lines["EUR=X"] = yahoo.Line(pd.DataFrame({"close": rates(market) / 170}))
    row = only(market.refresh(currencies=True), "USDEUR")
    assert row["outcome"] == "updated"
    table = market.fx()
    assert set(table[table["pair"] == "USDEUR"]["source"]) == {"yahoo"}


def test_pair_quoted_against_the_dollar_has_the_symbol_of_both(market: Market):
    market.rates = market.rates.assign(pair="EURUSD")
    market.add("F", history("F"))
    market.refresh(currencies=True)
    assert market.server.asked()[0] == "EURUSD=X"


# ---- the whole


def test_progress_and_pacing_are_the_callers(market: Market):
    seen = []
    for ticker in ("F", "GM", "TM"):
        market.add(ticker, history(ticker))
    market.refresh(progress=lambda *step: seen.append(step), pause=1.25)
    assert seen == [(1, 3, "F"), (2, 3, "GM"), (3, 3, "TM")]
    assert market.slept == [1.25, 1.25]


def test_chosen_lines_alone_are_asked_for_once(market: Market):
    for ticker in ("F", "GM", "TM"):
        market.add(ticker, history(ticker))
    assert market.refresh(tickers=["TM", "F", "TM"]).table["ticker"].tolist() == ["TM", "F"]
    assert market.server.asked() == ["TM", "F"]
    assert market.refresh(tickers=[]).table.empty


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tickers": ["F", "FORD"]}, "FORD not in data/market/instruments.csv; add a row there"),
        ({"tickers": "F"}, r"tickers is the text 'F'; pass a list: \['F'\]"),
        ({"now": pd.Timestamp("2026-07-31")}, "without a time zone; write datetime"),
        ({"overlap_sessions": 4}, "overlap_sessions is 4; expected at least 5"),
    ],
)
def test_bad_argument_is_named_before_anything_is_asked(market: Market, options: dict, message: str):
    market.add("F", history("F"))
    with pytest.raises(DataError, match=message):
        market.refresh(**options)
    assert not market.server.requests


def test_unknown_calendar_is_named_before_anything_is_asked(market: Market):
    market.add("F", history("F"))
    market.write()
    place = market.folder / "market/instruments.csv"
    place.write_text(place.read_text(encoding="utf-8").replace("XNYS", "XXXX"), encoding="utf-8")
    with pytest.raises(DataError, match="XXXX is not a code of the exchange_calendars package; write one"):
        market.refresh()
    assert not market.server.requests


def test_line_added_after_the_facts_were_loaded_is_asked_for(market: Market):
    market.add("F", history("F"))
    market.write()
    book = market.facts.instruments
    market.lines["GM"] = yahoo.Line(history("GM"))
    with store.writing(market.folder, "own line") as staging:
        (staging / "market").mkdir()
        pd.concat([book, book.rename({"F": "GM"})]).to_csv(staging / "market/instruments.csv")
    assert market.refresh().table["ticker"].tolist() == ["F", "GM"]


def test_interrupted_refresh_changes_nothing(market: Market):
    def interrupt(done: int, *_: object) -> None:
        if done == 2:
            raise KeyboardInterrupt

    for ticker in ("F", "GM", "TM"):
        market.add(ticker, history(ticker))
    with pytest.raises(KeyboardInterrupt):
        market.refresh(progress=interrupt)
    assert store.current(market.folder) == "bundled"
    assert only(market.refresh())["outcome"] == "updated"


def test_full_disk_leaves_the_stored_prices_in_use(market: Market, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    market.add("F", history("F"))
    market.write()
    monkeypatch.setattr(pd.DataFrame, "to_parquet", full)
    with pytest.raises(DataError, match="No space left.*nothing has changed; free some space"):
        market.refresh()
    assert market.prices("F").index[-1] == JOIN


def test_second_refresh_at_once_is_told_to_wait(market: Market, monkeypatch):
    monkeypatch.setattr(store, "_PATIENCE", 0.05)
    market.add("F", history("F"))
    market.write()
    with (
        store.writing(market.folder, "another"),
        pytest.raises(DataError, match="another refresh is running"),
    ):
        market.refresh()
    assert not market.server.requests


@pytest.mark.slow
def test_every_bundled_line_and_currency_joins_its_continuation(data: Path):
    """The bundled panel as stored, and a Yahoo that knows its last months and three weeks more."""
    yfinance.data.SingletonMeta._instances.clear()
    known = facts.load(data)
    end = pd.Timestamp("2026-11-23 12:00", tz="UTC")
    calendars = known.instruments.loc[known.prices.columns, "exchange_calendar"]
    days = {name: refresh._sessions(name, refresh.FIRST_DAY, end)[1].index for name in calendars.unique()}
    lines = {}
    for ticker, series in known.prices.items():
        stored = series.dropna().iloc[-30:]
        ahead = days[calendars[ticker]].as_unit("us")
        new = walk(ahead[ahead > stored.index[-1]][:15], level=stored.iloc[-1])
        lines[ticker] = yahoo.Line(pd.DataFrame({"close": pd.concat([stored, new])}))
    for pair, series in known.fx.items():
        ahead = pd.bdate_range(series.index[-1], periods=16)[1:].as_unit("us")
        new = walk(ahead, level=series.iloc[-1], sigma=0.003)
        shown = pd.concat([series.iloc[-30:], new])
        lines[f"{pair.removeprefix('USD')}=X"] = yahoo.Line(pd.DataFrame({"close": shown}))
    with yahoo.serving(lines) as server:
        report = refresh.refresh(known, session=server.session(), now=end, pause=0)
    outcome = report.table.set_index("ticker")["outcome"]
    assert set(outcome[[*known.fx.columns, *known.prices.columns.drop("TOPIX")]]) == {"updated"}
    after = replace(known)
    for name in ("prices", "fx"):
        before, now = getattr(known, name), getattr(after, name)
        assert len(now) > len(before)
        now = now.loc[before.index, before.columns].where(before.notna())
        np.testing.assert_allclose(now, before, rtol=1e-6)
    assert not facts.check(data)
