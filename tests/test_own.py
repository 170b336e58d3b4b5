"""Own prices join the stored ones without changing them, or nothing changes and every fault is named."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import exchange_calendars
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tariffmodel import facts, market, own, schemas, store
from tariffmodel.errors import DataError
from tariffmodel.intake import own_joining as joining

LINE = "7203.T"


@pytest.fixture
def mine(known, data):
    """The bundled facts in a folder that may change."""
    return dataclasses.replace(known, folder=data)


def write(path: Path, lines: dict[str, pd.Series]) -> Path:
    """A wide file of prices."""
    pd.DataFrame(lines).rename_axis("Date").to_csv(path)
    return path


def later(known: facts.Facts, ticker: str = LINE) -> pd.DatetimeIndex:
    """The three sessions after the stored prices of a line."""
    last = known.prices[ticker].last_valid_index()
    book = exchange_calendars.get_calendar(known.instruments.at[ticker, "exchange_calendar"])
    return book.sessions[book.sessions > last][:3]


def extended(known: facts.Facts, ticker: str = LINE, scale: float = 1.0, overlap: int = 30) -> pd.Series:
    """The end of a stored line in other units, and three more days."""
    tail = known.prices[ticker].dropna().tail(overlap)
    more = pd.Series(tail.iloc[-1] * np.array([1.01, 0.99, 1.02]), later(known, ticker))
    return pd.concat([tail, more]) * scale


def fingerprint(folder: Path) -> str:
    """Of everything but the store."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "store" not in path.relative_to(folder).parts:
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def keeps_the_rules(folder: Path) -> bool:
    """Whether the schemas accept the tables in use."""
    prices = pd.read_parquet(store.path(folder, "market/prices.parquet"))
    book = store.path(folder, "market/instruments.csv")
    lines = pd.read_csv(book, dtype=str, keep_default_na=False, na_values=[""])
    schemas.market.PRICES.validate(prices)
    schemas.market.INSTRUMENTS.validate(lines)
    return prices.equals(prices.sort_values(["ticker", "date"], ignore_index=True))


def test_own_days_are_added_and_stored_returns_and_bundled_files_stay(mine, tmp_path):
    before = fingerprint(mine.folder)
    table = own.add_prices(mine, write(tmp_path / "x.csv", {"7203 JT Equity": extended(mine)}))
    assert table.loc[LINE, ["rows", "new_rows", "replaced_rows"]].tolist() == [33, 3, 0]
    assert fingerprint(mine.folder) == before
    after = facts.load(mine.folder)
    old, new = mine.prices[LINE].dropna(), after.prices[LINE].dropna()
    assert new.index.difference(old.index).tolist() == later(mine).tolist()
    np.testing.assert_allclose(new[old.index], old)
    np.testing.assert_allclose(new[later(mine)] / old.iloc[-1], [1.01, 0.99, 1.02])
    others = mine.prices.columns.drop(LINE)
    pd.testing.assert_frame_equal(after.prices.loc[mine.prices.index, others], mine.prices[others])
    assert keeps_the_rules(mine.folder)
    book = after.instruments.loc[LINE]
    assert book["prices_last"] == f"{later(mine)[-1]:%Y-%m-%d}" and book["rows"] == len(new)


def test_restoring_the_bundled_state_brings_the_old_prices_back(mine, tmp_path):
    own.add_prices(mine, write(tmp_path / "x.csv", {LINE: extended(mine)}))
    assert store.snapshots(mine.folder)["reason"].tolist() == ["own prices from x.csv"]
    store.restore(mine.folder, "bundled")
    pd.testing.assert_frame_equal(facts.load(mine.folder).prices, mine.prices)


def test_adding_a_file_twice_changes_nothing_the_second_time(mine, tmp_path):
    path = write(tmp_path / "x.csv", {LINE: extended(mine)})
    own.add_prices(mine, path)
    first = store.current(mine.folder)
    again = own.add_prices(mine, path)  # with facts loaded before the first time
    assert again.loc[LINE, "new_rows"] == 0 and store.current(mine.folder) == first


def test_a_line_in_another_unit_is_rebased_so_that_its_last_row_is_a_traded_price(mine, tmp_path):
    path = write(tmp_path / "x.csv", {LINE: extended(mine, scale=0.2)})  # after a split of five for one
    table = own.add_prices(mine, path)
    assert table.loc[LINE, "level_ratio"] == pytest.approx(0.2)
    assert any(
        "is re-based, and after a split shares_outstanding" in text for text in table.attrs["warnings"]
    )
    old, new = mine.prices[LINE].dropna(), facts.load(mine.folder).prices[LINE].dropna()
    np.testing.assert_allclose(new[old.index], old * 0.2)
    assert new.iloc[-1] == pytest.approx(old.iloc[-1] * 1.02 * 0.2)


def test_replacing_takes_own_prices_from_their_first_to_their_last_day(mine, tmp_path):
    old = mine.prices["GM"].dropna()
    theirs = old.iloc[100:110] * np.linspace(1, 1.01, 10)
    theirs = theirs.drop(theirs.index[4])
    path = write(tmp_path / "x.csv", {"GM": theirs})
    kept = own.add_prices(mine, path)
    assert kept[["new_rows", "replaced_rows"]].to_numpy().tolist() == [[0, 0]]
    table = own.add_prices(mine, path, replace=True)
    assert table.loc["GM", "replaced_rows"] == 9
    new = facts.load(mine.folder).prices["GM"].dropna()
    assert new.index.equals(old.index.drop(old.index[104]))
    own_part, returns = new[theirs.index], new.pct_change()
    np.testing.assert_allclose(own_part.pct_change().iloc[1:], theirs.pct_change().iloc[1:])
    outside = old.index[(old.index <= theirs.index[0]) | (old.index > theirs.index[-1])]
    np.testing.assert_allclose(returns[outside].iloc[1:], old.pct_change()[outside].iloc[1:])
    assert new.iloc[-1] == old.iloc[-1]  # the last row is stored, and stays as it was traded


def test_a_new_line_gets_its_market_and_the_role_own(mine, tmp_path):
    days = market.sessions(mine, "XTKS")[-20:]
    path = write(tmp_path / "x.csv", {"6201 JT Equity": pd.Series(np.linspace(2000, 2100, 20), days)})
    with pytest.raises(
        DataError, match="ticker is '6201.T'; expected a ticker of .*for a new line pass --market"
    ):
        own.add_prices(mine, path)
    with pytest.raises(DataError, match="expected a ticker listed in KR; this one's ending stands for JP"):
        own.add_prices(mine, path, market="KR")
    with pytest.raises(DataError, match="market 'Japan' is not in data/market/markets.csv, which has DE, JP"):
        own.add_prices(mine, path, market="Japan")
    own.add_prices(mine, path, market="JP", name="Toyota Industries")
    after = facts.load(mine.folder)
    row = after.instruments.loc["6201.T"]
    assert row[["name", "market", "exchange_calendar", "currency", "role"]].tolist() == [
        "Toyota Industries", "JP", "XTKS", "JPY", "own",
    ]  # fmt: skip
    assert market.returns(after, ["6201.T"]).count().item() == 19
    assert keeps_the_rules(mine.folder)


def test_a_listed_line_without_prices_can_be_filled(mine, tmp_path):
    days = market.sessions(mine, "XETR")[-5:]
    path = tmp_path / "x.csv"
    pd.DataFrame({"date": days, "ticker": "CON.DE", "close": 60.0, "adj_close": 59.0, "volume": 7}).to_csv(
        path, index=False
    )
    own.add_prices(mine, path)
    table = pd.read_parquet(store.path(mine.folder, "market/prices.parquet")).query("ticker == 'CON.DE'")
    assert table["records"].tolist() == [0, 1, 1, 1, 1] and set(table["basis"]) == {"total_return"}
    assert set(table["source"]) == {"own: x.csv"} and set(table["volume"]) == {7}
    assert table["adj_close"].iloc[-1] == 60.0  # in units in which the last row is the traded close


def test_opens_of_a_file_are_kept_beside_closes_that_are_traded(mine, tmp_path):
    days, path = market.sessions(mine, "XETR")[-5:], tmp_path / "x.csv"
    frame = pd.DataFrame(
        {"Date": days, "Ticker": "CON.DE", "Open": [59.4, "", 58.8, 60.6, 60.0], "Close": 60.0}
    )
    frame.assign(**{"Adj Close": [57.0, 57.0, 60.0, 60.0, 60.0]}).to_csv(path, index=False)
    own.add_prices(mine, path)
    after = facts.load(mine.folder)
    np.testing.assert_allclose(market.opens(after, ["CON.DE"])["CON.DE"].dropna(), [56.43, 58.8, 60.6, 60.0])
    day = market.intraday_returns(after, ["CON.DE"], kind="simple")["CON.DE"].loc[days]
    np.testing.assert_allclose(day, [1 / 0.99 - 1, np.nan, 1 / 0.98 - 1, 1 / 1.01 - 1, 0.0])
    assert keeps_the_rules(mine.folder)
    for bad, message in (
        (-1, "open is -1.0; expected a price > 0"),
        (6000, "expected a price near the close"),
    ):
        frame.assign(Open=bad).to_csv(path, index=False)
        with pytest.raises(DataError, match=f"(?s)row 2: .*{message}"):
            own.add_prices(mine, path, replace=True)


def test_days_that_are_no_sessions_are_left_out_with_a_warning(mine, tmp_path):
    series = extended(mine)
    saturday = series.index[0] + pd.offsets.Week(weekday=5)
    series[saturday] = series.iloc[0]
    table = own.add_prices(mine, write(tmp_path / "x.csv", {LINE: series.sort_index()}))
    (warning,) = table.attrs["warnings"]
    assert (
        f"{saturday:%Y-%m-%d} of 7203.T; expected sessions of XTKS; 1 rows on other days are left out"
        in warning.replace("'", "")
    )
    assert saturday not in facts.load(mine.folder).prices.index


def bad(known: facts.Facts) -> dict[str, tuple[pd.DataFrame, str]]:
    """Frames with one fault each, and what is said about it."""
    good = extended(known)
    tall = pd.DataFrame({"date": good.index, "ticker": LINE, "close": good.to_numpy(), "currency": "JPY"})

    def spoilt(column: str, value: object) -> pd.DataFrame:
        frame = tall.astype({column: object}) if column == "close" else tall.copy()
        frame.loc[10, column] = value
        return frame

    shuffled = pd.Series(np.random.default_rng(0).permutation(good.to_numpy()), good.index)
    return {
        "empty": (tall[:0], "rows is 0; expected at least one row with a date and a price"),
        "no date": (
            tall.drop(columns="date"),
            "date is 'missing'; expected the columns date, ticker, and close",
        ),
        "no price": (
            tall.drop(columns="close"),
            "close is 'missing'; expected the columns date, ticker, and close",
        ),
        "zero": (spoilt("close", 0), "row 12: close is 0; expected a price > 0"),
        "negative": (spoilt("close", -5.0), "row 12: close is -5.0; expected a price > 0"),
        "text": (spoilt("close", "abc"), "row 12: close is 'abc'; expected a number"),
        "infinite": (spoilt("close", np.inf), "row 12: close is inf; expected a number"),
        "no day": (spoilt("date", pd.NaT), "row 12: date is empty; expected a day"),
        "future": (
            spoilt("date", pd.Timestamp("2099-01-05")),
            "row 12: date is '2099-01-05 of 7203.T'; expected a day up to today",
        ),
        "twice": (
            spoilt("date", good.index[9]),
            f"row 12: date is '{good.index[9]:%Y-%m-%d} of 7203.T'; expected one row per ticker and day",
        ),
        "hundredfold": (
            spoilt("close", good.iloc[10] * 100),
            f"row 12: price is {good.iloc[10] * 100}; expected a price nearer to the",
        ),
        "all hundredfold": (tall.assign(close=tall["close"] * 100), "expected a price near the stored"),
        "two currencies": (
            spoilt("currency", "USD"),
            "row 12: currency is 'USD'; expected one currency per ticker",
        ),
        "other currency": (
            tall.assign(currency="USD"),
            "row 2: currency is 'USD'; expected JPY, the currency of 7203.T; convert",
        ),
        "pence": (
            tall.assign(currency="GBp"),
            "currency is 'GBp'; expected JPY, the currency of 7203.T; divide pence by 100",
        ),
        "unknown": (
            tall.assign(ticker="7203"),
            "ticker is '7203'; expected a ticker of data/market/instruments.csv (7203.T",
        ),
        "no overlap": (
            tall[-3:],
            f"row 2: date is '{later(known)[0]:%Y-%m-%d} of 7203.T'; expected a day that the stored prices",
        ),
        "another line": (
            tall.assign(close=shuffled.to_numpy()),
            "ticker is '7203.T'; expected prices of this line: more than half of its returns differ",
        ),
        "adjusted in part": (
            tall.assign(adj_close=tall["close"].where(tall.index != 10)),
            "row 12: adj_close is empty; expected an adjusted close in all rows of a line or in none",
        ),
    }


@pytest.mark.parametrize(
    "fault",
    [
        "empty",
        "no date",
        "no price",
        "zero",
        "negative",
        "text",
        "infinite",
        "no day",
        "future",
        "twice",
        "hundredfold",
        "all hundredfold",
        "two currencies",
        "other currency",
        "pence",
        "unknown",
        "no overlap",
        "another line",
        "adjusted in part",
    ],
)
def test_a_bad_price_is_named_with_row_value_and_remedy(known, fault):
    frame, message = bad(known)[fault]
    found = own.check_prices(frame.reset_index(drop=True), known)
    assert any(message in str(one) and not one.warning for one in found), [str(one) for one in found]


def test_good_prices_have_no_fault(known):
    series = extended(known)
    frame = pd.DataFrame(
        {"date": series.index, "ticker": LINE, "close": series.to_numpy(), "currency": "JPY"}
    )
    assert own.check_prices(frame, known) == []


def test_a_large_move_is_a_warning_and_a_tripling_a_fault(known):
    series = extended(known)
    for factor, warning in ((1.5, True), (0.55, True), (3.5, False), (0.3, False)):
        frame = pd.DataFrame({"date": series.index, "ticker": LINE, "close": series.to_numpy()})
        frame.loc[frame.index[-1], "close"] *= factor
        (found,) = own.check_prices(frame, known)
        assert found.warning == warning and found.row == len(frame) + 1


def test_stored_returns_that_differ_on_single_days_are_a_warning(known):
    series = extended(known)
    series.iloc[10] *= 1.02
    frame = pd.DataFrame({"date": series.index, "ticker": LINE, "close": series.to_numpy()})
    (found,) = own.check_prices(frame, known)
    assert found.warning and "from which 2 differ by more than 0.5%" in found.expected
    assert "replace=False keeps them" in found.expected


def test_a_faulty_file_changes_nothing_and_lists_every_fault(mine, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("Date,7203.T,GM\n2026-08-20,x,45.1\n2026-08-21,3000,-1\n")
    with pytest.raises(DataError) as caught:
        own.add_prices(mine, path)
    assert "2 faults in the data" in str(caught.value)
    assert "x.csv row 2: close is 'x'" in str(caught.value) and "x.csv row 3: close is" in str(caught.value)
    assert not (mine.folder / "store").exists()


def test_a_name_is_for_one_new_line(mine, tmp_path):
    path = write(tmp_path / "x.csv", {LINE: extended(mine)})
    with pytest.raises(DataError, match="name 'Toyota' is for one new line and x.csv has 0"):
        own.add_prices(mine, path, name="Toyota")
    assert not (mine.folder / "store").exists()


def test_preview_states_the_largest_return_and_difference(known):
    series = extended(known)
    series.iloc[10] *= 1.02
    frame = pd.DataFrame({"date": series.index, "ticker": LINE, "close": series.to_numpy()})
    row = own.preview(frame, known).loc[LINE]
    by_hand = series.pct_change()
    stored = known.prices[LINE].reindex(series.index)
    assert row["largest_return"] == pytest.approx(by_hand[by_hand.abs().idxmax()])
    assert row["largest_return_date"] == by_hand.abs().idxmax()
    gap = (by_hand - (stored / stored.shift() - 1)).abs()
    assert row["largest_difference"] == pytest.approx(gap.max())
    assert row[["new_rows", "replaced_rows"]].tolist() == [3, 0]
    assert own.preview(frame, known, replace=True).loc[LINE, "replaced_rows"] == 30


@st.composite
def two_lines(draw):
    """Two price series with at least one common day."""
    days = pd.date_range("2025-01-01", periods=14)
    price = st.floats(1, 1000)
    ours = draw(st.sets(st.integers(0, 13), min_size=1))
    theirs = draw(st.sets(st.integers(0, 13)).map(lambda more: more | {min(ours)}))
    return [
        pd.Series(draw(st.lists(price, min_size=len(s), max_size=len(s))), days[sorted(s)])
        for s in (ours, theirs)
    ]


@settings(max_examples=60)
@given(two_lines())
def test_every_return_of_a_chained_line_is_one_of_either_line_or_their_product(pair):
    base, filler = pair
    days = base.index.union(filler.index)
    levels = joining.linked(*(one.reindex(days).to_numpy() for one in pair), np.zeros(len(days)))
    joined = pd.Series(levels, days)
    pd.testing.assert_series_equal(joined[base.index], base, check_freq=False, check_dtype=False)
    common = [day for day in filler.index if day in base.index]
    for day in filler.index.difference(base.index):  # day by day, as one would on paper
        earlier = [c for c in common if c < day]
        link = earlier[-1] if earlier else common[0]
        assert joined[day] == pytest.approx(filler[day] / filler[link] * base[link])


def test_a_file_of_weekends_adds_nothing(mine, tmp_path):
    path = write(
        tmp_path / "x.csv", {LINE: pd.Series([3000.0, 3010.0], pd.to_datetime(["2026-08-15", "2026-08-16"]))}
    )
    table = own.add_prices(mine, path)
    assert table.empty and len(table.attrs["warnings"]) == 1
    assert not (mine.folder / "store").exists()
