"""Cells mean what their author meant, and where two readings are possible a question is asked."""

from __future__ import annotations

from datetime import date, datetime

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tariffmodel import spreadsheet
from tariffmodel.errors import DataError

DAYS = st.lists(st.dates(date(1970, 1, 1), date(2068, 12, 31)), min_size=1, max_size=8)


def column(cells: list) -> pd.Series:
    return pd.Series(cells, range(2, len(cells) + 2), dtype=object)


def dates(cells: list, date_format: str | None = None) -> list[date]:
    return [day.date() for day in spreadsheet.dates(column(cells), "x.csv", date_format)[0]]


def numbers(cells: list, **options: str) -> list:
    return spreadsheet.numbers(column(cells), "x.csv", **options)[0].tolist()


def grouped(value: float, group: str, mark: str) -> str:
    return f"{value:,.2f}".replace(",", "g").replace(".", mark).replace("g", group)


@given(
    st.lists(st.integers(-(10**9), 10**9), min_size=1), st.sampled_from([",.", ".,", "'.", " ,", "\u00a0,"])
)
def test_numbers_with_two_decimals_are_read_in_any_convention(cents, marks):
    written = [grouped(value / 100, *marks) for value in cents]
    assert numbers(written, delimiter=";") == [value / 100 for value in cents]


@settings(max_examples=30)
@given(st.lists(st.floats(-1e12, 1e12), min_size=1))
def test_numbers_as_python_writes_them_are_read_back(values):
    assert numbers([repr(value) for value in values], decimal=".") == values


def test_missing_marks_of_vendors_are_missing_and_other_words_stay():
    assert pd.isna(numbers(["", "#N/A N/A", "@NA", "-", "n/a"])).all()
    assert numbers(["1.5", "#N/A Invalid Security", "1.2.3", "12,34.5", "(3)"])[1:] == [
        "#N/A Invalid Security", "1.2.3", "12,34.5", "(3)",
    ]  # fmt: skip
    assert numbers([3, 2.5, True, datetime(2025, 4, 3)]) == [3, 2.5, "True", "2025-04-03 00:00:00"]


def test_a_thousand_that_may_be_a_decimal_is_asked_about():
    with pytest.raises(DataError, match=r"x.csv row 2 '1.234' may be a decimal or a thousand; pass decimal="):
        numbers(["1.234", "12"], delimiter=";")
    assert numbers(["1.234", "12"], delimiter=";", decimal=",") == [1234, 12]
    assert numbers(["1,234", "12"], delimiter=",") == [1234, 12]
    assert numbers(["1.234", "12"], delimiter=",") == [1.234, 12]
    assert numbers(["1.234", "0.512"], delimiter=";") == [1.234, 0.512]
    assert numbers(["1.234", "1.234.567"], delimiter=";") == [1234, 1234567]
    with pytest.raises(DataError, match=r"two decimal marks \('\.': row 2 '1\.5'; ',': row 3 '1,5'\)"):
        numbers(["1.5", "1,5"], delimiter=";")
    with pytest.raises(DataError, match="decimal is 'x'"):
        numbers(["1"], decimal="x")


@settings(max_examples=15)
@given(DAYS)
@pytest.mark.parametrize(
    "pattern",
    ["%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%Y年%m月%d日", "%d-%b-%Y", "%B %d, %Y", "%Y-%m-%d 00:00:00+09:00"],
)
def test_dates_that_have_one_reading_are_read(pattern, days):
    assert dates([f"{day:{pattern}}" for day in days]) == days


@settings(max_examples=15)
@given(DAYS)
@pytest.mark.parametrize(
    ("pattern", "order"), [("%d/%m/%Y", "day-first"), ("%m-%d-%Y", "month-first"), ("%d.%m.%y", "day-first")]
)
def test_dates_with_the_year_last_are_read_in_the_order_they_show(pattern, order, days):
    written = [f"{day:{pattern}}" for day in days]
    assert dates(written, order) == dates(written, pattern) == days
    if any(day.day > 12 for day in days):
        assert dates(written) == days
    else:
        with pytest.raises(
            DataError, match="day and month may change places.*pass --date-format day-first or"
        ):
            dates(written)


@settings(max_examples=15)
@given(DAYS)
def test_excel_dates_and_serial_numbers_are_read(days):
    serial = [(day - date(1899, 12, 30)).days for day in days]
    assert dates(serial) == dates([f"{number}.0" for number in serial]) == days
    assert dates([datetime(day.year, day.month, day.day) for day in days]) == days


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (
            ["2025-01-02", "03/04/2025"],
            "mixes formats.*year first: row 2 '2025-01-02'; day or month first: row 3",
        ),
        (["13/01/2025", "01/13/2025"], "day-first: row 2 '13/01/2025'; month-first: row 3 '01/13/2025'"),
        (
            [datetime(2025, 3, 1), "13/03/2025"],
            "an Excel date: row 2 .*day or month first: row 3 '13/03/2025'",
        ),
        (["2025-01-02", "2025-02-30"], "row 3 '2025-02-30' is not a date"),
        (["2025-01-02", "yesterday"], "row 3 'yesterday' is not a date"),
        (
            ["2025-01-02T15:00:00Z"],
            "row 2 .* is not a date; expected a day such as 2025-04-03, without a time",
        ),
    ],
)
def test_dates_that_cannot_be_trusted_are_named_by_row(cells, message):
    with pytest.raises(DataError, match=message):
        dates(cells)


def test_an_unknown_date_format_is_refused():
    with pytest.raises(DataError, match="write day-first, month-first or a pattern"):
        dates(["01/02/2025"], "european")
    with pytest.raises(DataError, match="row 2 '01/02/2025' is not a date"):
        dates(["01/02/2025"], "%d.%m.%Y")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_is_found_below_any_preamble(tmp_path, delimiter):
    path = tmp_path / "x.csv"
    lines = [
        "Export, made by hand; not checked",
        "",
        *(["a", "b"],),
        *([f"{n},5" if delimiter != "," else str(n), "1"] for n in range(9)),
    ]
    path.write_text("\n".join(line if isinstance(line, str) else delimiter.join(line) for line in lines))
    sheet = spreadsheet.read(path)
    assert sheet.found["delimiter"] == delimiter
    assert sheet.cells[2, :2].tolist() == ["a", "b"] and len(sheet.cells) == 12


@pytest.mark.parametrize(
    ("encoding", "date", "name", "found"),
    [
        ("utf-8", "Date", "トヨタ", "utf-8-sig"),
        ("utf-8-sig", "Date", "현대자동차", "utf-8-sig"),
        ("utf-16", "Date", "トヨタ", "utf-16"),
        ("utf-16-le", "Date", "Toyota", "utf-16-le"),
        ("cp1252", "Date", "Citroën €", "cp1252"),
        ("cp1252", "Date", "Größe der Börse", "cp1252"),
        ("mac_roman", "Date", "Clôture", "mac_roman"),
        ("cp932", "Date", "トヨタ自動車", "cp932"),
        ("euc_jp", "日付", "トヨタ自動車", "euc_jp"),
        ("cp949", "날짜", "현대자동차", "cp949"),
        ("gbk", "日期", "丰田汽车", "gb18030"),
        ("big5", "日期", "收盤價", "big5"),
    ],
)
def test_text_survives_each_encoding_and_the_encoding_is_stated(tmp_path, encoding, date, name, found):
    path = tmp_path / "x.csv"
    path.write_bytes(f"{date},{name}\n2025-04-03,1\n2025-04-04,2\n".encode(encoding))
    sheet = spreadsheet.read(path)
    assert sheet.cells[0].tolist() == [date, name] and sheet.found["encoding"] == found


def test_bytes_with_two_readings_are_never_guessed(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes("Date,Škoda\n2025-04-03,1\n".encode("cp1252"))
    with pytest.raises(DataError, match=r"x.csv row 1 is not UTF-8 and may be cp1252: 'Date,Škoda', cp932: "):
        spreadsheet.read(path)
    assert spreadsheet.read(path, encoding="cp1252").cells[0, 1] == "Škoda"
    path.write_bytes("Date,현대자동차\n2025-04-03,1\n".encode("cp949"))
    with pytest.raises(DataError, match="may be cp949: 'Date,현대자동차', gb18030: "):
        spreadsheet.read(path)
    path.write_bytes("Date,Škoda\n2025-04-03,1\n".encode("cp1252"))
    with pytest.raises(DataError, match="cannot be read as utf-8"):
        spreadsheet.read(path, encoding="utf-8")


def test_files_that_hold_no_table_are_refused(tmp_path):
    path = tmp_path / "x.csv"
    with pytest.raises(DataError, match="is not a file"):
        spreadsheet.read(path)
    path.write_text("\n\n")
    with pytest.raises(DataError, match="x.csv is empty"):
        spreadsheet.read(path)
    path.write_text("Date Close\n2025-04-03 1.5\n")
    with pytest.raises(DataError, match="x.csv has one column only; expected columns separated by a comma"):
        spreadsheet.read(path)
    path.write_bytes(b"Date,Close\n\xff\x00\x01,2\n")
    with pytest.raises(DataError, match="x.csv is not a text file; save it as .csv"):
        spreadsheet.read(path)
    for name, head in (
        ("x.xls", b"\xd0\xcf\x11\xe0"),
        ("x.pdf", b"%PDF-1.7"),
        ("x.xls", b"<?xml version='1.0'?>"),
    ):
        (tmp_path / name).write_bytes(head)
        with pytest.raises(DataError, match="save it as .xlsx or as .csv"):
            spreadsheet.read(tmp_path / name)
    (tmp_path / "x.xlsx").write_text("not a workbook")
    with pytest.raises(DataError, match="cannot be read as a workbook"):
        spreadsheet.read(tmp_path / "x.xlsx")


def test_a_workbook_with_several_sheets_asks_for_one(tmp_path):
    path = tmp_path / "x.xlsx"
    with pd.ExcelWriter(path) as book:
        for name in ("prices", "notes"):
            pd.DataFrame({"Date": [datetime(2025, 4, 3), None], name: [1.5, 2]}).to_excel(
                book, sheet_name=name, index=False
            )
        pd.DataFrame().to_excel(book, sheet_name="blank")
    with pytest.raises(DataError, match="has the sheets prices, notes; pass sheet="):
        spreadsheet.read(path)
    with pytest.raises(DataError, match="no sheet 'price'; it has prices, notes, blank"):
        spreadsheet.read(path, sheet="price")
    cells = spreadsheet.read(path, sheet="prices").cells
    assert cells.tolist() == [["Date", "prices"], [datetime(2025, 4, 3), 1.5], ["", 2]]
