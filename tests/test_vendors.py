"""The same prices come out of every layout in which vendors write them."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd
import pytest

from tariffmodel.errors import DataError
from tariffmodel.intake import texts
from tariffmodel.intake.vendors import read_prices, symbol
from tariffmodel.intake.vocabulary import vocabulary

DAYS = pd.to_datetime(["2025-03-28", "2025-03-31", "2025-04-01", "2025-04-02", "2025-04-03"])
TRUTH = pd.DataFrame(
    {"7203.T": [2700.5, 2616.0, 2605.25, 2596.0, 2459.5], "GM": [46.68, 47.03, np.nan, 47.86, 45.99]},
    index=DAYS,
)


def text(*rows: list, delimiter: str = ",") -> str:
    return "\n".join(delimiter.join(str(cell) for cell in row) for row in rows) + "\n"


def wide(top: list[list], day: str = "%Y-%m-%d", missing: str = "", decimal: str = ".") -> list[list]:
    """Rows of a file: what stands on top, then dates down and lines across."""
    rows = [
        [f"{when:{day}}", *(missing if np.isnan(v) else str(v).replace(".", decimal) for v in values)]
        for when, values in zip(TRUTH.index, TRUTH.to_numpy(), strict=True)
    ]
    return [*top, *rows]


def long(names: list[str]) -> list[list]:
    tall = TRUTH.melt(ignore_index=False).dropna()
    return [names, *([f"{when:%Y%m%d}", t, v] for when, t, v in tall.itertuples())]


LAYOUTS = {
    "wide": text(*wide([["Date", "7203.T", "GM"]])),
    "wide, no heading over the dates": text(*wide([["", "7203.T", "GM"]])),
    "wide, German": text(*wide([["Datum", "7203.T", "GM"]], "%d.%m.%Y", decimal=","), delimiter=";"),
    "wide, tabs, American dates": text(*wide([["Date", "7203.T", "GM"]], "%m/%d/%Y"), delimiter="\t"),
    "wide, text above and below": text(
        ["My export"], ["Date", "2026-11-24"], [""], *wide([["Trade Date", "7203.T", "GM"]]), ["Source: desk"]
    ),
    "long": text(*long(["date", "ticker", "close"])),
    "long, other names and order": text(
        *([t, v, d] for d, t, v in long(["Trading_Date", "Symbol", "PX_LAST"])), delimiter="|"
    ),
    "Bloomberg, one column of dates": text(
        ["Start Date", "2025-03-28", ""],
        ["End Date", "2025-04-03", ""],
        ["Period", "D", ""],
        ["", "", ""],
        *wide(
            [["", "7203 JT Equity", "GM US Equity"], ["Dates", "PX_LAST", "PX_LAST"]], "%d/%m/%Y", "#N/A N/A"
        ),
    ),
    "Bloomberg, field above, tickers in the header": text(
        ["Field", "PX_LAST"],
        ["Currency", "Local"],
        *wide([["Dates", "7203 JP Equity", "GM UN Equity"]]),
    ).replace("Currency,Local\n", ""),
    "Bloomberg, a column of dates per line": text(
        ["7203 JT Equity", "", "", "GM US Equity", ""],
        ["Dates", "PX_LAST", "", "Dates", "PX_LAST"],
        *(
            [f"{d:%Y-%m-%d}", a, "", f"{d:%Y-%m-%d}" if b == b else "", b if b == b else ""]
            for d, a, b in TRUTH.itertuples()
        ),
    ),
    "FactSet": text(
        ["FactSet Research Systems"],
        ["Price History"],
        [""],
        *wide([["Date", "7203-TKS", "GM-US"]], "%d %b %Y", "@NA"),
    ),
    "LSEG": text(
        ["Instrument", "Date", "Price Close"],
        *([t, f"{d[:4]}-{d[4:6]}-{d[6:]}T00:00:00Z", v] for d, t, v in long(["", "", ""])[1:]),
    ),
    "yfinance": text(*wide([["Price", "Close", "Close"], ["Ticker", "7203.T", "GM"], ["Date", "", ""]])),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_prices(tmp_path, layout):
    path = tmp_path / "x.csv"
    path.write_text(LAYOUTS[layout])
    frame = read_prices(path)
    got = frame.pivot(index="date", columns="ticker", values="close")
    pd.testing.assert_frame_equal(got, TRUTH, check_names=False, check_freq=False)
    assert frame["adj_close"].isna().all()
    lines = path.read_text().splitlines()
    for _, row in frame.iterrows():  # the row of the file is the row a spreadsheet shows
        assert str(row["close"]).split(".")[0] in lines[row["row"] - 1]


def test_excel_files_give_the_same_prices(tmp_path):
    path = tmp_path / "x.xlsx"
    top = pd.DataFrame([["Security", "7203 JT Equity", "GM US Equity"], ["Date", "PX_LAST", "PX_LAST"]])
    pd.concat([top, TRUTH.reset_index().set_axis([0, 1, 2], axis=1)]).to_excel(
        path, index=False, header=False
    )
    got = read_prices(path)
    pd.testing.assert_frame_equal(
        got.pivot(index="date", columns="ticker", values="close"), TRUTH, check_names=False, check_dtype=False
    )
    assert got.attrs["dates"] == "an Excel date"


def test_several_columns_of_one_line_are_told_apart(tmp_path):
    path = tmp_path / "x.csv"
    rows = text(
        ["Date", "Open", "High", "Low", "Close", "Adj Close", "Volume"],
        ["2025-04-02", 1, 2, 1, 47.86, 47.1, 12345678], ["2025-04-03", 1, 2, 1, 45.99, 45.2, "12.3M"],
    )  # fmt: skip
    path.write_text(rows)
    with pytest.raises(DataError, match="does not say whose prices it has; pass --ticker"):
        read_prices(path)
    frame = read_prices(path, ticker="GM US", currency="USD")
    assert frame["close"].tolist() == [47.86, 45.99] and frame["adj_close"].tolist() == [47.1, 45.2]
    assert frame["volume"].tolist() == [12345678, 12_300_000]
    assert set(frame["ticker"]) == {"GM"} and set(frame["currency"]) == {"USD"}
    path.write_text("Security,GM US Equity\nCurrency,USD\n" + rows)
    pd.testing.assert_frame_equal(
        read_prices(path).drop(columns="row"), frame.drop(columns="row"), check_dtype=False
    )


def test_a_currency_column_is_read_and_a_stated_adjustment_is_believed(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("date,ticker,price,currency\n2025-04-02,GM,47.86,USD\n2025-04-02,7203.T,2596,JPY\n")
    frame = read_prices(path, adjusted=True)
    assert frame["adj_close"].tolist() == [47.86, 2596] and frame["close"].isna().all()
    assert frame["currency"].tolist() == ["USD", "JPY"]


@pytest.mark.parametrize(
    ("written", "ticker"),
    [
        ("7203 JT Equity", "7203.T"),
        ("7203 JP", "7203.T"),
        ("005380 KS Equity", "005380.KS"),
        ("GM US Equity", "GM"),
        ("BRK/B US Equity", "BRK-B"),
        ("BMW GY Equity", "BMW.DE"),
        ("bmw gr equity", "BMW.DE"),
        ("TPX Index", "TOPIX"),
        ("VOLCARB SS", "VOLCAR-B.ST"),
        ("7203-TKS", "7203.T"),
        ("GM-US", "GM"),
        ("VOLCAR.B-SE", "VOLCAR-B.ST"),
        ("BMW-DE", "BMW.DE"),
        ("7203.T", "7203.T"),
        ("BRK-B", "BRK-B"),
        ("RNO FP Equity", "RNO FP Equity"),
        ("^GSPC", "^GSPC"),
    ],
)
def test_tickers_of_vendors_become_ours_and_unknown_ones_stay(written, ticker):
    assert symbol(written) == ticker


def test_every_suffix_of_the_panel_has_its_codes_and_every_alias_its_line(known):
    for ticker, row in known.instruments.iterrows():
        ending = ticker[ticker.rfind(".") :] if "." in ticker else ""
        if row["role"] != "index":
            assert vocabulary().endings[ending] == row["market"], ticker
    assert set(vocabulary().lines.values()) <= set(known.instruments.index)


REFUSED = [
    ("2025-04-02,1\n2025-04-03,2\n", "x.csv starts with data; put a header"),
    ("a,b\nc,d\n", "has no column of dates; head it Date"),
    (
        "Date,Open,Volume\n2025-04-02,1,2\n2025-04-03,1,2\n",
        "x.csv has no prices; head their columns with tickers, or with Close or PX_LAST",
    ),
    ("Date,GM\n", "no rows of data below its header in row 1"),
    ("Date,GM\n2025-04-13,1.5\n,1.6\n", "row 3 has a price and no date"),
    (
        "Date,GM\n2025-04-13,1234,5\n",
        "row 2 has a value in column 3, which has no heading; is a decimal comma",
    ),
    ("Date,GM,GM US Equity,GM\n2025-04-13,1,2,3\n", "two columns of close GM"),
    (
        "Date,GM\n01/02/2025,1\n02/03/2025,1\n",
        "pass --date-format day-first or --date-format month-first",
    ),
    ("Date,GM\n2025-04-13,1\n13.4.2025,1\n", "mixes formats in one column of dates .*row 2 .*row 3"),
]


@pytest.mark.parametrize(("content", "message"), REFUSED)
def test_a_layout_that_is_not_understood_is_refused_with_a_remedy(tmp_path, content, message):
    path = tmp_path / "x.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        read_prices(path)


def test_a_ticker_may_be_called_like_a_field(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("Date,GM,LOW\n2025-04-13,1.5,2.5\n")
    assert read_prices(path)["ticker"].tolist() == ["GM", "LOW"]


def test_a_price_that_is_not_a_number_stays_for_the_check_to_name(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("Date,GM\n2025-04-13,1.5\n2025-04-14,abc\n2025-04-15,#N/A\n")
    frame = read_prices(path)
    assert frame["close"].tolist() == [1.5, "abc"] and frame.attrs["rows_without_price"] == 1
    assert frame["date"].iloc[0] == datetime(2025, 4, 13)


def outcome(path) -> tuple[object, object]:
    try:
        frame = read_prices(path)
    except DataError as error:
        return str(error), None
    return frame.to_csv(), frame.attrs


def test_a_large_file_is_read_as_a_small_one_and_without_an_array_of_its_cells(tmp_path, monkeypatch):
    """In columns: the same prices, notes and refusals, and no more than the head of a file as objects."""
    odd = ["1.234,5", "#NAME?", "n/a", "€ 5", "abc", "1e309", '"1,5"', "\uff11\uff12", "+5", "5 000,1"]
    files = [*LAYOUTS.values(), *(content for content, _ in REFUSED)]
    files += [LAYOUTS[name].replace("47.86", cell) for name in ("wide", "long") for cell in odd]
    files += [LAYOUTS["wide, German"].replace("47,86", cell) for cell in odd]
    days = pd.bdate_range("2024-01-01", periods=300).strftime("%Y-%m-%d")
    files += [text(["Date", "GM", "F"], *([day, at + 0.5, ""] for at, day in enumerate(days)), ["", "", "5"])]
    files += [
        text(["Day", "Ticker", "Close", "Volume"], *([day, t, 9.5, "2M"] for t in "FG" for day in days))
    ]
    expected, places = [], [tmp_path / f"{number}.csv" for number in range(len(files))]
    for path, content in zip(places, files, strict=True):
        path.write_text(content, encoding="utf-8")
        expected.append(outcome(path))
    made, held = [], []

    def objects(found):
        made.append(len(found))
        return as_objects(found)

    def table(*of):
        held.append(as_table(*of))
        return held[-1]

    as_objects, as_table = texts.objects, texts.table
    monkeypatch.setattr(texts, "LARGE", 0)
    monkeypatch.setattr(texts, "objects", objects)
    monkeypatch.setattr(texts, "table", table)
    for path, content, told in zip(places, files, expected, strict=True):
        assert outcome(path) == told, content
    assert sum(one is not None for one in held) == len(files) and max(made) == 40
