"""Does a panel of the user's own replace whole lines, through the gate, all of it or nothing?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tariffmodel import facts, own_panel, schemas, store
from tariffmodel.errors import DataError

LINES = ["GM", "F", "7203.T"]


@pytest.fixture
def desk(known, tmp_path):
    (tmp_path / "data/market").mkdir(parents=True)
    for name in ("prices.parquet", "instruments.csv", "markets.csv", "vendor_words.csv"):
        (tmp_path / "data/market" / name).write_bytes((known.folder / "market" / name).read_bytes())
    return replace(known, folder=tmp_path / "data")


@pytest.fixture
def wide(known) -> pd.DataFrame:
    """A panel that differs from the stored one, with a line of its own gaps."""
    return 1.1 * known.prices[LINES].loc["2025-01-01":"2026-08-31"]


def written(wide: pd.DataFrame, kind: str, place) -> object:
    long = wide.melt(ignore_index=False, var_name="ticker", value_name="close").dropna().reset_index()
    if kind == "folder":
        (place / "vendor").mkdir()
        for ticker, rows in long.groupby("ticker"):
            rows.drop(columns="ticker").to_csv(place / "vendor" / f"{ticker}.csv", index=False)
        return place / "vendor"
    path = place / f"panel.{kind.rpartition(' ')[2]}"
    frame = long if "long" in kind else wide
    frame.to_parquet(path) if "parquet" in kind else frame.to_csv(path, index="long" not in kind)
    return path


@pytest.mark.parametrize("kind", ["csv", "long csv", "parquet", "long parquet", "folder"])
def test_lines_are_replaced_as_a_whole_and_the_others_stay(desk, wide, tmp_path, kind):
    seen = own_panel.replace_panel(desk, written(wide, kind, tmp_path))
    assert sorted(seen.index) == sorted(LINES) and len(store.snapshots(desk.folder)) == 1
    rows = pd.read_parquet(store.path(desk.folder, "market/prices.parquet"))
    schemas.market.PRICES.validate(rows)
    now = replace(desk)
    for ticker in LINES:
        pd.testing.assert_series_equal(now.prices[ticker].dropna(), wide[ticker].dropna(), check_freq=False)
    others = desk.prices.columns.drop(LINES)
    pd.testing.assert_frame_equal(now.prices[others].dropna(how="all"), desk.prices[others].dropna(how="all"))
    assert now.instruments.loc["GM", "prices_last"] == f"{wide['GM'].dropna().index[-1]:%Y-%m-%d}"
    assert (rows[rows["ticker"] == "GM"]["records"] == 0).sum() == 1


def test_only_the_lines_of_the_file_keep_prices(desk, wide, tmp_path):
    own_panel.replace_panel(desk, written(wide, "csv", tmp_path), only=True)
    now = replace(desk)
    assert sorted(now.prices) == sorted(LINES)
    assert now.instruments.drop(index=LINES)["rows"].eq(0).all()


def test_dividends_are_in_the_return_and_the_last_row_is_traded(desk, wide, tmp_path):
    rows = wide[["GM"]].dropna().reset_index().set_axis(["date", "close"], axis=1).assign(ticker="GM")
    rows["adj_close"] = 0.9 * rows["close"]
    rows.to_parquet(tmp_path / "gm.parquet")
    own_panel.replace_panel(desk, tmp_path / "gm.parquet")
    assert replace(desk).prices["GM"].dropna().iloc[-1] == pytest.approx(rows["close"].iloc[-1])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda rows: rows.assign(close=-rows["close"]), "GM.csv row 2: close is -"),
        (lambda rows: pd.concat([rows, rows.tail(1)]), "one row per ticker and day"),
        (
            lambda rows: rows.assign(close=np.where(rows.index == 9, 400 * rows["close"], rows["close"])),
            "GM.csv row 11",
        ),
        (lambda rows: rows.drop(columns="close"), "GM.csv has one column only"),
    ],
)
def test_fault_in_one_file_of_a_folder_is_named_and_changes_nothing(desk, wide, tmp_path, spoil, message):
    folder = written(wide, "folder", tmp_path)
    spoil(pd.read_csv(folder / "GM.csv")).to_csv(folder / "GM.csv", index=False)
    with pytest.raises(DataError, match=message):
        own_panel.replace_panel(desk, folder)
    assert store.current(desk.folder) == store.BUNDLED


def test_panel_passes_the_gate_of_a_refresh(desk, wide, tmp_path):
    wide.loc["2026-03-02":, "F"] *= 0.5
    faults = own_panel.check_panel(own_panel.read_panel(written(wide, "csv", tmp_path)), desk)
    assert [fault.warning for fault in faults] == [True] and "as in a split 2:1, without a split" in str(
        faults[0]
    )


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not at all"])
def test_file_that_cannot_be_read_is_named(desk, tmp_path, content):
    (tmp_path / "mine.parquet").write_bytes(content)
    with pytest.raises(DataError, match="mine.parquet is no Parquet file"):
        own_panel.replace_panel(desk, tmp_path / "mine.parquet")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty holds no file of prices"):
        own_panel.read_panel(tmp_path / "empty")


def test_command_replaces_the_panel(tm, data, wide, tmp_path):
    code, out, err = tm("add", "panel", written(wide, "csv", tmp_path), "--yes", "--data", data)
    assert code == 0, err
    assert "3 lines, " in out and "other lines stay as they are" in out
    assert facts.load(data).prices["GM"].dropna().iloc[-1] == pytest.approx(wide["GM"].dropna().iloc[-1])
