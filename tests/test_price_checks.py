"""Stale closes, parts of dividends and records that disagree are found in any line of the prices."""

from __future__ import annotations

import numpy as np
import pandas as pd
import price_panel
import pytest

from tariffmodel import facts
from tariffmodel.markets import price_checks

# Returns as they stood before 2026-11-27, in basis points
FAULTY = {
    "000270.KS": "2023-01-25:0 2023-01-26:763.3 2023-01-27:-43.3 2023-01-30:-72.6 2023-02-03:184.8 "
    "2023-02-06:28.1 2023-02-07:-98.8 2023-02-08:112.8 2023-02-09:55.9 2023-02-10:0 2023-02-13:207.1 "
    "2024-02-15:-293.3 2024-02-16:139.1 2024-10-14:0 2024-10-15:-139.4 2024-11-07:0 2024-11-08:-212.8 "
    "2025-09-18:98.5",
    "005380.KS": "2023-01-26:551.8 2023-01-27:-68.7 2023-01-30:0 2023-01-31:-226.8 2023-02-01:-178.1 "
    "2023-02-02:172.2 2023-02-03:0 2023-02-06:169.2 2023-02-07:-134.0 2023-02-08:0 2023-02-09:122.4 "
    "2023-02-10:34.7 2023-02-13:-92.8 2024-02-15:-289.3 2024-02-16:570.5 2024-11-07:0 2024-11-08:-146.3 "
    "2025-09-18:23.1 2026-04-01:900.9 2026-04-02:-461.8",
    "005490.KS": "2023-01-25:0 2023-01-26:176.7 2023-01-31:-260.2 2023-02-01:0 2023-02-03:0 "
    "2023-02-06:-149.4 2023-02-07:-33.5 2023-02-08:0 2024-02-15:137.6 2024-02-16:68.1 2024-10-14:0 "
    "2024-10-15:-403.1 2024-11-07:0 2024-11-08:-77.8 2025-09-18:0 2025-10-02:-18.2 2025-10-10:-428.0 "
    "2026-03-27:0 2026-03-30:14.6 2026-04-01:412.4 2026-04-02:-160.0 2026-08-19:-202.0",
    "F": "2026-08-11:-14.3",
    "MGA": "2025-05-16:129.2",
    "RACE": "2025-04-23:-85.3",
}
EXPLAINED = ("1622.T", pd.Timestamp("2024-09-09"), price_checks.STALE)  # see prices.SOURCE.md


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    return pd.read_parquet(facts.data_dir() / price_checks.FILE)


@pytest.fixture(scope="module")
def records(known) -> pd.DataFrame:
    return known.price_records


@pytest.fixture
def look(data):
    """The doubts about another panel, or other records, without what the bundled one has."""

    def found(panel: pd.DataFrame | None = None, records: pd.DataFrame | None = None) -> pd.DataFrame:
        for frame, name in ((panel, "prices"), (records, "price_records")):
            if frame is not None:
                frame.to_parquet(data / f"market/{name}.parquet", index=False)
        doubts = price_checks.doubts(facts.load(data))
        keys = doubts[["ticker", "date", "kind"]].itertuples(index=False, name=None)
        return doubts[[key != EXPLAINED for key in keys]]

    return found


def with_returns(panel: pd.DataFrame, ticker: str, returns: dict[pd.Timestamp, float]) -> pd.DataFrame:
    """The panel with other log returns of one line on some days."""
    line = panel.loc[panel["ticker"] == ticker].set_index("date")["adj_close"]
    steps = np.log(line).diff().fillna(0)
    assert set(returns) <= set(line.index)
    steps.update(pd.Series(returns))
    level = line.iloc[0] * np.exp(steps.cumsum())
    changed = panel.copy()
    changed.loc[panel["ticker"] == ticker, "adj_close"] = level.to_numpy()
    return changed


def log_return(panel: pd.DataFrame, ticker: str, day: str) -> float:
    line = panel.loc[panel["ticker"] == ticker].set_index("date")["adj_close"]
    return float(np.log(line).diff()[pd.Timestamp(day)])


def test_bundled_prices_are_what_the_records_make_of_them(panel, records):
    pd.testing.assert_frame_equal(price_panel.build(panel, records), panel)
    book = pd.read_csv(facts.data_dir() / "market/instruments.csv", dtype=str, keep_default_na=False)
    pd.testing.assert_frame_equal(price_panel.spans(book.copy(), panel), book)


def test_a_shorter_panel_is_carried_on_to_the_same_returns_and_says_where_dividends_are_missing(
    panel, records
):
    ends = {"7203.T": "2026-08-20", "GM": "2026-08-20", "005380.KS": "2026-08-19", "^GDAXI": "2026-08-20"}
    stopped = panel[~(panel["date"] > panel["ticker"].map(ends).astype("datetime64[us]"))]
    again = price_panel.build(stopped, records)
    pd.testing.assert_frame_equal(again, panel, rtol=1e-8)
    new = again[again["date"] > again["ticker"].map(ends).astype("datetime64[us]")]
    basis = new.groupby("ticker")["basis"].unique().map(list).to_dict()
    assert basis == {
        "005380.KS": ["price_return"],
        "7203.T": ["price_return"],
        "GM": ["total_return"],
        "^GDAXI": ["total_return"],
    }


def test_last_row_of_a_line_is_the_traded_close(known):
    last = known.prices.ffill().iloc[-1]
    traded = {"7282.T": 1056.0, "GM": 82.73, "005380.KS": 347_000, "MGA": 65.0, "AN": 157.38, "STLA": 4.6}
    assert {name: last[name] for name in traded} == pytest.approx(traded)


def test_prices_as_they_were_show_every_fault_and_no_other(panel, look):
    before, wrong = panel, set()
    for ticker, told in FAULTY.items():
        returns = {}
        for word in told.split():
            day, _, basis_points = word.rpartition(":")
            returns[pd.Timestamp(day)] = float(basis_points) / 1e4
            wrong.add((ticker, pd.Timestamp(day)))
        before = with_returns(before, ticker, returns)
    doubts = look(before)
    named = set(doubts[["ticker", "date"]].itertuples(index=False, name=None))
    assert named <= wrong
    days = pd.DatetimeIndex(panel["date"].unique()).sort_values()
    stale = doubts[doubts["kind"] == price_checks.STALE]
    later = {(doubt.ticker, days[days > doubt.date][0]) for doubt in stale.itertuples()}
    assert wrong - named <= later  # the double move is told with the stale close
    kinds = doubts.set_index(["ticker", "date"])["kind"]
    for ticker, day in (
        ("005490.KS", "2023-01-25"),
        ("000270.KS", "2024-11-07"),
        ("005380.KS", "2024-11-07"),
    ):
        assert kinds[ticker, pd.Timestamp(day)] == price_checks.STALE
    for ticker, day in (("F", "2026-08-11"), ("MGA", "2025-05-16"), ("RACE", "2025-04-23")):
        assert kinds[ticker, pd.Timestamp(day)] == price_checks.DIVIDEND
    sizes = doubts.set_index(["ticker", "date"])["size"]
    assert sizes["005380.KS", pd.Timestamp("2025-09-18")] == pytest.approx(-0.0092, abs=1e-4)
    assert sizes["F", pd.Timestamp("2026-08-11")] == pytest.approx(-np.log(14 / 13.85), abs=1e-5)


def test_mended_prices_leave_one_doubt_which_the_source_note_explains(look, known):
    assert look().empty
    assert [(d.ticker, d.date, d.kind) for d in price_checks.doubts(known).itertuples()] == [EXPLAINED]
    note = (facts.data_dir() / "market/prices.SOURCE.md").read_text(encoding="utf-8")
    assert "1622.T on 2024-09-09" in note


@pytest.mark.parametrize(
    ("ticker", "day", "dividend"),
    [
        ("GM", "2026-09-04", 0.18),
        ("SPY", "2026-09-18", 1.889),
        ("UNP", "2026-08-31", 1.42),
        ("LEA", "2026-06-03", 0.77),
    ],
)
@pytest.mark.parametrize(("part", "said"), [(0.5, "has 50% of"), (0.0, "has nothing of")])
def test_part_of_a_dividend_is_found(panel, look, ticker, day, dividend, part, said):
    closes = price_checks.returns(pd.read_parquet(facts.data_dir() / "market/price_records.parquet"))
    row = closes[(closes["ticker"] == ticker) & (closes["date"] == day) & (closes["dividend"] > 0)].iloc[0]
    paid = row["log_return"] - row["bare_return"]
    doubt = look(with_returns(panel, ticker, {pd.Timestamp(day): row["bare_return"] + part * paid})).iloc[0]
    assert (doubt["ticker"], doubt["date"], doubt["kind"]) == (
        ticker,
        pd.Timestamp(day),
        price_checks.DIVIDEND,
    )
    assert doubt["size"] == pytest.approx((part - 1) * paid)
    assert f"the whole dividend of {dividend:g}" in doubt["expected"] and said in doubt["expected"]


def test_a_price_return_that_is_marked_so_is_not_in_doubt(panel, look):
    row = (panel["ticker"] == "GM") & (panel["date"] == "2026-09-04")
    without = with_returns(panel, "GM", {pd.Timestamp("2026-09-04"): np.log(87.76 / 87.22)})
    without.loc[row, "basis"] = "price_return"
    assert look(without).empty


def test_a_dividend_that_the_records_lack_is_not_in_doubt(panel, look):
    day = pd.Timestamp("2026-09-29")
    own = with_returns(panel, "7203.T", {day: log_return(panel, "7203.T", "2026-09-29") + 0.0153})
    own.loc[(own["ticker"] == "7203.T") & (own["date"] == day), "basis"] = "total_return"
    assert look(own).empty
    own.loc[(own["ticker"] == "7203.T") & (own["date"] == day), "basis"] = "price_return"
    assert look(own)["kind"].tolist() == [price_checks.RECORDS]


@pytest.mark.parametrize(
    ("ticker", "day", "following"),
    [
        ("7203.T", "2024-08-05", "2024-08-06"),
        ("9101.T", "2024-08-05", "2024-08-06"),
        ("BMW.DE", "2025-04-04", "2025-04-07"),
        ("SPY", "2025-04-04", "2025-04-07"),
        ("EWJ", "2025-04-04", "2025-04-07"),
        ("TOPIX", "2024-08-02", "2024-08-05"),
    ],
)
def test_stale_close_and_double_move_are_found_without_a_record(panel, look, ticker, day, following):
    missed = log_return(panel, ticker, day)
    both = missed + log_return(panel, ticker, following)
    doubts = look(with_returns(panel, ticker, {pd.Timestamp(day): 0.0, pd.Timestamp(following): both}))
    doubt = doubts[doubts["ticker"] == ticker].iloc[0]
    assert (doubt["date"], doubt["kind"]) == (pd.Timestamp(day), price_checks.STALE)
    assert np.sign(doubt["size"]) == -np.sign(missed)  # the return is short of what was missed
    assert f"the next session moves by {both:+.2%}" in doubt["expected"]


def test_a_repeated_close_that_a_record_confirms_is_true(records, look):
    day = records["date"].isin(pd.to_datetime(["2026-01-22", "2026-05-11"]))
    doubts = look(records=records[~((records["ticker"] == "086280.KS") & day)])
    assert set(doubts["ticker"]) == {"086280.KS"} and set(doubts["kind"]) == {price_checks.STALE}


def test_two_records_that_disagree_are_named(records, look):
    wrong = records.copy()
    one = (wrong["ticker"] == "AN") & (wrong["date"] >= "2026-09-01")
    second = wrong[one].assign(record="someone/copies@0:AN.csv")
    second.loc[second["date"] == "2026-09-10", "close"] *= 1.01
    doubts = look(records=pd.concat([wrong, second]))
    assert doubts["ticker"].eq("AN").all() and set(doubts["date"].dt.day) == {10, 11}
    assert doubts["expected"].str.contains("alm0421 .*copies ").any()


def test_warnings_name_line_day_size_and_remedy_and_refuse_nothing(panel, data, tm):
    halved = with_returns(panel, "MGA", {pd.Timestamp("2025-05-16"): 0.0129155})
    halved.to_parquet(data / price_checks.FILE, index=False)
    code, out, err = tm("check", "--data", data)
    assert code == 0 and "no fault, 2 warnings" in out
    warning = next(line for line in err.splitlines() if "MGA" in line)
    row = halved.index[(halved["ticker"] == "MGA") & (halved["date"] == "2025-05-16")].item() + 2
    assert warning == (
        f"warning: data/market/prices.parquet row {row}: adj_close is '2025-05-16 of MGA'; expected the "
        "whole dividend of 0.485 (+1.97% in alm0421): the return has 49% of its 1.34%; compare with the "
        "exchange, then `tariffmodel add prices FILE --replace`"
    )
