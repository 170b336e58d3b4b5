"""Yahoo's earnings dates come in marked, replace no sourced row, and come in whole or not at all."""

from __future__ import annotations

import dataclasses

import pandas as pd
import pytest
import yahoo
import yfinance

from tariffmodel import earnings_dates, facts, own_events, own_news, store
from tariffmodel.errors import DataError
from tariffmodel.facts import news

NOW = pd.Timestamp("2026-11-27 12:00", tz="UTC")
# as Yahoo writes them: New York's clock, whole hours
GM = [
    ("January 26, 2027 at 8 AM EST", "-"),
    ("October 21, 2025 at 6 AM EDT", "2.80"),  # sourced
    ("January 29, 2026 at 8 AM EST", "2.51"),  # two days off the sourced 27 January
    ("October 24, 2023 at 6 AM EDT", "2.28"),
]
HONDA = [("May 9, 2023 at 11 PM EDT", "40.1")]  # 10 May in Tokyo


@pytest.fixture(autouse=True)
def fresh_yfinance(tmp_path_factory):
    yfinance.set_tz_cache_location(str(tmp_path_factory.mktemp("yfinance")))
    yfinance.data.SingletonMeta._instances.clear()


@pytest.fixture
def mine(known, data):
    return dataclasses.replace(known, folder=data)


def line(dates, **options):
    return yahoo.Line(pd.DataFrame(), earnings=dates, **options)


def refreshed(mine, lines, tickers=("GM", "7267.T"), **options):
    with yahoo.serving(lines) as server:
        options = {"now": NOW, "sleep": lambda _: None} | options
        found = earnings_dates.refresh(mine, tickers=list(tickers), session=server.session(), **options)
    return found, server


def test_dates_come_in_marked_in_the_makers_own_zone(mine):
    found, server = refreshed(mine, {"GM": line(GM), "7267.T": line(HONDA)})
    assert found[["listed", "added", "sourced", "removed"]].to_numpy().tolist() == [
        [4, 2, 2, 0],
        [1, 1, 0, 0],
    ]
    assert found.attrs["snapshot"] == store.current(mine.folder) != store.BUNDLED
    after = facts.load(mine.folder)
    rows = news.company(after)
    came = rows[rows["source_title"] == news.YAHOO].set_index("date")
    assert came["maker"].to_dict() == {"2023-05-10": "Honda", "2023-10-24": "GM", "2027-01-26": "GM"}
    assert set(came["quality"]) == {"estimated"} and set(came["timing"]) == {"unknown"}
    assert came.at["2027-01-26", "what"] == "earnings date, not reported yet"
    assert came.at["2023-05-10", "note"] == "Yahoo: 2023-05-09 23:00 EDT"
    placed = own_news.table(after, ["GM"]).set_index("date").loc["2023-10-24"]
    assert [f"{placed[name]:%d}" for name in ("session", "last_session")] == ["24", "25"]
    assert not facts.check(mine.folder)
    asked = [query["symbol"] for path, query in server.requests if path.endswith("/calendar/earnings")]
    assert asked == ["GM", "7267.T"]


def test_sourced_rows_stay_as_they_are(mine):
    before = news.company(mine)
    refreshed(mine, {"GM": line(GM), "7267.T": line(HONDA)})
    after = news.company(facts.load(mine.folder))
    kept = after[after["source_title"] != news.YAHOO].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept.drop(columns=["file", "row"]), before.drop(columns=["file", "row"]))


def test_a_row_of_the_users_is_never_overwritten(mine, tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("maker,date,time,what\nGM,2023-10-24,06:30 ET,my own\n", encoding="utf-8")
    own_events.add_events(mine, path)
    found, _ = refreshed(mine, {"GM": line(GM), "7267.T": line(HONDA)})
    assert found.at["GM", "added"] == 1 and found.at["GM", "sourced"] == 3
    rows = own_news.table(facts.load(mine.folder), ["GM"]).set_index("date")
    assert rows.at["2023-10-24", "what"] == "my own"


def test_a_second_refresh_adds_what_is_new_and_drops_what_moved(mine):
    refreshed(mine, {"GM": line(GM), "7267.T": line(HONDA)})
    again = facts.load(mine.folder)
    state = store.current(mine.folder)
    found, _ = refreshed(again, {"GM": line(GM), "7267.T": line(HONDA)})
    assert found["added"].sum() == 0 and found.attrs["snapshot"] == ""
    assert store.current(mine.folder) == state
    moved = [("January 28, 2027 at 8 AM EST", "-"), *GM[1:]]
    found, _ = refreshed(again, {"GM": line(moved), "7267.T": line(HONDA)})
    assert found.loc["GM", ["added", "removed"]].tolist() == [1, 1]
    rows = news.company(facts.load(mine.folder))
    assert rows.loc[rows["date"] > "2027", "date"].tolist() == ["2027-01-28"]


def test_a_table_that_is_left_empty_is_read_as_one_without_rows(mine):
    refreshed(mine, {"GM": line(GM[:1])}, tickers=["GM"])
    found, _ = refreshed(facts.load(mine.folder), {"GM": line(GM[1:2])}, tickers=["GM"])
    assert found.loc["GM", ["listed", "added", "removed"]].tolist() == [1, 0, 1]
    after = facts.load(mine.folder)
    assert len(news.company(after)) == len(news.company(mine)) and not facts.check(mine.folder)


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (line(None, body=yahoo.earnings_page("7267.T", HONDA, heading="Call Time")), "laid out otherwise"),
        (line([("10. Mai 2023", "1")]), "laid out otherwise than yfinance"),
        (line(HONDA, faults=["429 forever"]), "429, too many"),
        (line(HONDA, faults=["hang up forever"]), "no answer from Yahoo"),
    ],
)  # fmt: skip
def test_a_page_that_is_not_understood_stores_nothing_of_any_line(mine, second, said):
    with pytest.raises(DataError, match=rf"7267\.T: .*{said}.*nothing was stored"):
        refreshed(mine, {"GM": line(GM), "7267.T": second})
    assert store.current(mine.folder) == store.BUNDLED


def test_no_table_for_one_line_is_said_and_for_all_is_an_error(mine):
    found, _ = refreshed(mine, {"GM": line(GM), "7267.T": line(None)})
    assert found.at["7267.T", "listed"] == 0 and pd.isna(found.at["7267.T", "first"])
    assert found.at["GM", "added"] == 2
    with pytest.raises(DataError, match=r"no page of Yahoo's had a table of earnings dates \(GM, 7267.T\)"):
        refreshed(mine, {"GM": line(None), "7267.T": line(None)})


def test_lines_that_are_no_makers_are_refused(mine):
    with pytest.raises(DataError, match="SPY: not the home line of a maker; there are 7203.T"):
        refreshed(mine, {}, tickers=["SPY"])


def test_command_shows_what_came(tm, mine, monkeypatch):
    lines = {ticker: line(None) for ticker in mine.makers["ticker"].dropna()} | {"GM": line(GM)}
    with yahoo.serving(lines) as server:
        plain = earnings_dates.refresh
        monkeypatch.setattr(
            earnings_dates,
            "refresh",
            lambda known, progress: plain(
                known, session=server.session(), sleep=lambda _: None, progress=progress
            ),
        )
        code, out, err = tm("refresh", "news", "--data", mine.folder)
    assert code == 0, err
    assert "2 earnings dates added, 0 removed; snapshot 20" in out
    assert "GM (GM): 4 listed, 2 added, 2 sourced, 0 removed, 2023-10-24 to 2027-01-26" in out
