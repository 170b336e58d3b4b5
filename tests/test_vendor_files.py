"""Files as desks have them: what vendors export in many languages is read right or refused by words."""

# ruff: noqa: E501, RUF001  the rows are those of files
from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from openpyxl import Workbook

from tariffmodel.errors import DataError
from tariffmodel.intake.vendors import read_prices, symbol

DAYS = pd.to_datetime(["2026-10-12", "2026-10-13", "2026-10-14", "2026-10-15", "2026-10-16"])
CLOSES = [2950.5, 2963.0, 2941.5, 2957.0, 3001.5]


def rows(heads: str, line: str, mark: str = ";", top: str = "") -> str:
    """A file with one row a day: `line` is formatted with the day `d`, the close `c` and its comma form `k`."""
    body = [
        line.format(d=day, c=close, k=f"{close:,.2f}".translate(str.maketrans(",.", ".,")), g=f"{close:,.2f}")
        for day, close in zip(DAYS, CLOSES, strict=True)
    ]
    return "\n".join([*([top] if top else []), heads.replace(";", mark), *body]) + "\n"


# name: text, encoding
FILES = {
    "German": (rows("Datum;Erster;Hoch;Tief;Schlusskurs;Stücke;Volumen", "{d:%d.%m.%Y};{k};{k};{k};{k};1.234;9.999"), "cp1252"),
    "German, Investing.com": (rows('"Datum";"Zuletzt";"Eröffn.";"Hoch";"Tief";"Vol.";"+/- %"', '"{d:%d.%m.%Y}","{k}","{k}","{k}","{k}","20,51M","1,2%"', ","), "utf-8-sig"),
    "German, months by name": (rows("Handelstag;Kurs in JPY", "{d:%d}. Okt. {d:%Y};{k}"), "cp1252"),
    "French": (rows("Date;Ouverture;Plus Haut;Plus Bas;Dernier;Vol.;Variation %", "{d:%d/%m/%Y};{k};{k};{k};{k};20,5M;1,2%"), "cp1252"),
    "French, spaces in thousands": (rows("Date;Clôture", "{d:%d} octobre {d:%Y};{k}").replace("2.9", "2\u202f9").replace("3.0", "3\u202f0"), "utf-8"),
    "Spanish": (rows("Fecha;Último;Apertura;Máximo;Mínimo;Vol.;% var.", '"{d:%d.%m.%Y}";"{k}";"{k}";"{k}";"{k}";"20,51M";"-1,2%"'), "utf-8-sig"),
    "Spanish, long dates": (rows("Fecha;Cierre", "{d:%d} de octubre de {d:%Y};{k}"), "mac_roman"),
    "Italian": (rows("Data;Ultimo;Apertura;Massimo;Minimo;Vol.;Var. %", "{d:%d.%m.%Y};{k};{k};{k};{k};20,51M;1%"), "utf-8"),
    "Japanese": (rows("日付;始値;高値;安値;終値;前日比;前日比％;売買高(株)", "{d:%Y}年{d.month}月{d.day}日,\"{g}\",\"{g}\",\"{g}\",\"{g}\",+10,+0.3,\"12,345,600\"", ","), "cp932"),
    "Japanese, EUC and weekdays": (rows("日付\t終値(円)", "{d:%Y/%m/%d}(月)\t{c}", "\t"), "euc_jp"),
    "Japanese, era and wide digits": (rows("日付;終値;出来高", "令和{d.year}年{d.month}月{d.day}日;２，９５０.５円;12.3万株").replace("令和2026", "令和8"), "cp932"),
    "Japanese, short years": (rows("日付;終値", "{d:%y/%m/%d};{c}"), "cp932"),
    "Korean": (rows("일자;종가;대비;등락률;시가;고가;저가;거래량", "{d:%Y/%m/%d},{c},10,0.3,{c},{c},{c},12345", ","), "cp949"),
    "Korean, prices of whole thousands": (rows("날짜;종가;거래량", "{d:%Y.%m.%d};2,950;12,345,678"), "cp949"),
    "Korean, long dates": (rows("날짜;종가", "{d:%Y}년 {d.month}월 {d.day}일;{c}원"), "utf-16"),
    "Chinese": (rows("日期;收盘;开盘;高;低;交易量;涨跌幅", "{d:%Y-%m-%d},{c},{c},{c},{c},20.51M,1%", ","), "gbk"),
    "Chinese, traditional": (rows("日期;收盤價;成交量", "{d:%Y}年{d.month}月{d.day}日,{c},12万", ","), "big5"),
    "English, months by name": (rows("Exchange Date;Close;Net;%Chg;Volume;Turnover - JPY", "{d:%d-%b-%Y};{c};-4.5;+0.4%;20.5M;"), "utf-8"),
    "US, dollar signs": (rows("Date;Close/Last;Volume;Open", '{d:%m/%d/%Y},"${g}",123,"${g}"', ","), "utf-8"),
    "Euronext": (rows("Date;Open;High;Low;Last;Close;Number of Shares;Number of Trades;Turnover;vwap", "{d:%d/%m/%Y};1;1;1;1;{c};3;4;5;6", top="Historical Data"), "utf-8-sig"),
    "stooq": (rows("<TICKER>;<PER>;<DATE>;<TIME>;<OPEN>;<HIGH>;<LOW>;<CLOSE>;<VOL>;<OPENINT>", "7203.JP,D,{d:%Y%m%d},000000,{c},{c},{c},{c},10,0", ","), "utf-8"),
    "LSEG, a name above": (rows("Exchange Date;Close;Net", "{d:%d-%b-%Y};{c};1", top="Toyota Motor Corp (7203.T)\nCurrency;JPY\nInterval;Daily\n"), "utf-8"),
    "LSEG, a RIC a row": (rows("Instrument;Date;Price Close", "7203.T,{d:%Y-%m-%dT00:00:00Z},{c}", ","), "utf-8"),
    "Bloomberg, Japanese code": (rows("Dates;PX_LAST", "{d:%d/%m/%Y},{c}", ",", top="7203 JP Equity,"), "utf-8"),
    "bare code": (rows("日付;7203", "{d:%Y-%m-%d};{c}"), "utf-8"),
    "web page": (
        "<html><head><title>x</title></head><body><table><tr><td>menu</td></tr></table><table><tr><th>Date</th><th>Close</th></tr>"
        + "".join(f"<tr><td>{d:%Y-%m-%d}</td><td>{c:,.1f}</td></tr>" for d, c in zip(DAYS, CLOSES, strict=True))
        + "</table></body></html>",
        "utf-8",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_one_line_of_prices_in_every_language(tmp_path, name):
    content, encoding = FILES[name]
    (file := tmp_path / "x.csv").write_bytes(content.encode(encoding))
    frame = read_prices(file, ticker="7203.T").sort_values("date")
    assert frame["ticker"].unique().tolist() == ["7203.T"]
    assert frame["date"].tolist() == DAYS.tolist()
    wanted = [2950.5] * 5 if "wide digits" in name else CLOSES
    wanted = [2950] * 5 if "whole thousands" in name else wanted
    assert frame["close"].tolist() == pytest.approx(wanted)
    assert frame["volume"].dropna().gt(0).all() and not frame.attrs["notes"]
    if "encoding" in frame.attrs:
        assert "".encode(frame.attrs["encoding"]) in (b"", b"\xef\xbb\xbf", b"\xff\xfe")


REFUSED = {
    "a login page": (b"<!DOCTYPE html><html><head><title>Log in</title></head><body>x</body></html>", r"web page \('Log in'\) without a table"),
    "XML of an old Excel": (b"<?xml version='1.0'?><Workbook></Workbook>", "is a file of the kind XML; save it as"),
    "an old workbook": (b"\xd0\xcf\x11\xe0rest", "is a file of the kind old workbook"),
    "day or month": (b"Date,7203.T\n03/04/2026,1\n06/04/2026,1\n", "day and month may change places"),
    "day, month or year": (b"Date,7203.T\n03/04/05,1\n", "day, month and year may change places; pass --date-format %y/%m/%d"),
    "weekly bars": (b"<TICKER>,<PER>,<DATE>,<CLOSE>\nGM.US,W,20261016,1\n", "B2: bars of 'W'; export daily ones"),
    "hourly bars": (b"GM\nInterval,Hourly\nDate,Close\n2026-10-16,1\n", "B2: bars of 'Hourly'"),
    "a security that is unknown": (
        b",7203 JT Equity,X1 JT Equity\nDates,PX_LAST,PX_LAST\n2026-10-15,1,#N/A Invalid Security\n2026-10-16,2,\n",
        r"no price of X1.T: x.csv C3: '#N/A Invalid Security' is an error .* does not know this security",
    ),
    "only errors": (b"Date,7203.T\n2026-10-15,Retrieving...\n2026-10-16,Retrieving...\n", r"no rows of data .* x.csv B2, B3: 'Retrieving...' .* the download was not over"),
    "an error of Datastream": (b"Name,TOYOTA\nCode,$$ER: E100\nDate,7203.T\n2026-10-15,$$ER: E100\n", r"\$\$ER: E100' is an error .* Datastream refused"),
    "whose": (b"Date,Close\n2026-10-16,1\n", "does not say whose prices it has; pass --ticker, such as 7203.T"),
    "two decimal marks": (b"Date;7203.T\n2026-10-15;1.234,5\n2026-10-16;1,234.5\n", "two decimal marks"),
    "a thousand or a decimal": (b"Date;7203.T\n2026-10-15;1.234\n2026-10-16;1.235\n", "may be a decimal or a thousand"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_by_words(tmp_path, name):
    content, message = REFUSED[name]
    (file := tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_prices(file)


def test_errors_of_a_terminal_are_left_out_and_named_by_cell(tmp_path):
    """Case 06: #NAME? in the first row of each column of dates, a date column for each line."""
    (file := tmp_path / "bdh.csv").write_text(
        "7203 JT Equity,,,VOW3 GY Equity,\nDate,PX_LAST,,Date,PX_LAST\n#NAME?,2999,,#NAME?,99\n"
        "30/07/2026,3126,,03/08/2026,76.3\n31/07/2026,#N/A N/A,,04/08/2026,#VALUE!\n03/08/2026,2963.5,,,\n"
    )
    frame = read_prices(file)
    found = frame.set_index(["ticker", "date"])["close"]
    assert len(frame) == 3 and found["VOW3.DE", "2026-08-03"].item() == 76.3
    first, second = frame.attrs["notes"]
    assert first.startswith("bdh.csv A3, D3: '#NAME?' is an error and no value, left out; the add-in")
    assert second.startswith("bdh.csv E5: '#VALUE!'")


@pytest.mark.parametrize(
    ("name", "line"),
    {
        "VOWG_p.DE": "VOW3.DE", "BMWG.DE": "BMW.DE", "VOLCARb.ST": "VOLCAR-B.ST", "7203.T": "7203.T",
        "RACE.MI": "RACE.MI", "RACE.N": "RACE", "TSLA.O": "TSLA", "TSLA.OQ": "TSLA", ".TOPX": "TOPIX",
        "7203": "7203.T", "7203 JP": "7203.T", "7203 JT": "7203.T", "7203 JP Equity": "7203.T",
        "TYO:7203": "7203.T", "NYSE:GM": "GM", "005380.KS": "005380.KS", "A005380": "005380.KS",
        "5380": "005380.KS", "005380 KS Equity": "005380.KS", "7203.jp": "7203.T", "gm.us": "GM",
        "VOW3.DE": "VOW3.DE", "VOW3 GY Equity": "VOW3.DE", "VOW3:GER": "VOW3.DE", "9999": "9999",
        "ABC_p.DE": "ABC_p.DE", "２７０４": "2704",
    }.items(),
)  # fmt: skip
def test_names_of_lines_by_vendor(name, line):
    assert symbol(name) == line


def book(path, *lines):
    (made := Workbook()).active.title = "Sheet1"
    for line in lines:
        made.active.append(line)
    made.save(path)
    return path


def test_formulas_without_stored_values_are_named(tmp_path):
    file = book(
        tmp_path / "x.xlsx", ["Date", "GM"], [DAYS[0], "=1+1"], [DAYS[1], 80.5], [DAYS[2], "=B3*1.01"]
    )
    with pytest.raises(
        DataError, match="x.xlsx B2, B4 cells have formulas whose values are not stored; open"
    ):
        read_prices(file)


def test_a_workbook_is_known_by_its_bytes_and_codes_are_numbers_in_it(tmp_path):
    made = book(tmp_path / "x.xlsx", ["日付", 7203, 5380], [DAYS[0].to_pydatetime(), 2950.5, 210000])
    frame = read_prices(made.rename(tmp_path / "x.csv"))
    assert frame["ticker"].tolist() == ["7203.T", "005380.KS"] and frame["close"].tolist() == [2950.5, 210000]


def test_an_order_of_day_and_month_told_by_one_column_of_dates_counts_for_all(tmp_path):
    (file := tmp_path / "x.csv").write_text(
        "7203 JT Equity,,GM US Equity,\nDate,PX_LAST,Date,PX_LAST\n03/08/2026,1,30/07/2026,2\n04/08/2026,1,31/07/2026,2\n"
    )
    frame = read_prices(file)
    assert frame["date"].dt.strftime("%m-%d").tolist() == ["08-03", "08-04", "07-30", "07-31"]


def series(days=60, paid=40, dividend=45.0):
    """Closes on the tick, and the same scaled down before a dividend."""
    when = pd.bdate_range("2026-06-01", periods=days)
    quoted = 2900 + np.arange(days) * 1.5
    factor = np.where(np.arange(days) < paid, 1 - dividend / quoted[paid - 1], 1.0)
    return when, quoted, quoted * factor


def test_closes_that_a_vendor_has_adjusted_are_recognised_and_said(tmp_path):
    when, quoted, scaled = series()
    file = tmp_path / "x.csv"
    pd.DataFrame({"Date": when, "7203.T": scaled.astype("float32")}).to_csv(file, index=False)
    frame = read_prices(file)
    assert frame["close"].isna().all() and frame["adj_close"].iloc[0] == pytest.approx(scaled[0], rel=1e-6)
    assert (
        "closes of 7203.T before 2026-07-24 lie between the prices that are quoted" in frame.attrs["notes"][0]
    )
    assert read_prices(file, adjusted=False)["close"].notna().all()
    for traded in (quoted, np.where(np.arange(60) < 40, np.round(quoted / 3, 2), quoted)):  # whole, and split
        pd.DataFrame({"Date": when, "7203.T": traded}).to_csv(file, index=False)
        assert read_prices(file)["close"].notna().all()


def test_close_equal_to_adjusted_close_through_a_dividend_is_said(tmp_path):
    when, quoted, scaled = series()
    file = tmp_path / "x.csv"
    paid = np.where(np.arange(60) == 40, 45.0, 0.0)
    frame = pd.DataFrame({"Date": when, "Close": scaled, "Adj Close": scaled, "Dividends": paid})
    frame.to_csv(file, index=False)
    found = read_prices(file, ticker="7203.T")
    assert found["close"].isna().all()
    assert "Close equals Adj Close of 7203.T through the dividend of 2026-07-27" in found.attrs["notes"][0]
    frame.assign(Close=quoted).to_csv(file, index=False)
    found = read_prices(file, ticker="7203.T")
    assert found["close"].notna().all() and not found.attrs["notes"]


def test_a_currency_beside_a_price_is_that_of_the_line(tmp_path):
    (file := tmp_path / "x.csv").write_text(
        "Date;7203.T\n2026-10-15;59,90 €\n2026-10-16;60,10 €\n", encoding="utf-8"
    )
    assert read_prices(file)["currency"].tolist() == ["EUR", "EUR"]
