"""Own figures go before the bundled ones, or nothing changes and every fault is named."""

from __future__ import annotations

import dataclasses
import re
from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest

from tariffmodel import case, exposure, facts, own_facts, periods, store
from tariffmodel.errors import DataError

SOURCE = {"source_title": "Toyota investor day", "known_on": "2026-11-01"}
KEY = ("Toyota", facts.SALES, "US")


@pytest.fixture
def mine(known, data):
    """The bundled facts in a folder that may change."""
    return dataclasses.replace(known, folder=data)


def write(tmp_path: Path, *rows: str, name: str = "x.csv") -> Path:
    path = tmp_path / name
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def reading(known: facts.Facts, period: str, key: tuple[str, str, str] = KEY) -> float:
    return facts.resolve(known, [key], [periods.parse(period)]).value.item()


@pytest.mark.parametrize("label", ["CY2024", "2024", "2024-01..2024-12", "FY2024-12"])
def test_an_own_row_supersedes_the_bundled_one_however_its_period_is_written(known, tmp_path, label):
    path = write(tmp_path, "maker,variable,origin,period,value", f"Toyota,us_sales_units,US,{label},2400000")
    table = own_facts.preview_facts(own_facts.read_facts(path, **SOURCE), known)
    assert table[["old", "new"]].to_numpy().tolist() == [[2_332_623, 2_400_000]]
    assert table.loc[0, ["unit", "new_quality", "shorter_rows"]].tolist() == ["units", "reported", 0]


def test_the_superseded_row_stays_and_says_so_and_bundled_files_are_untouched(mine, tmp_path):
    bundled = (mine.folder / "facts/volumes.csv").read_bytes()
    path = write(tmp_path, "maker,variable,origin,period,value", "Toyota,us_sales_units,US,2024,2400000")
    own_facts.add_facts(mine, path, **SOURCE)
    after = facts.load(mine.folder)
    assert reading(after, "CY2024") == 2_400_000 and reading(mine, "CY2024") == 2_332_623
    assert (mine.folder / "facts/volumes.csv").read_bytes() == bundled
    gone = after.table.query("value == 2332623 and variable == 'us_sales_units'").iloc[0]
    assert not gone["selected"]
    assert gone["selection_reason"].startswith("superseded by a row of data/facts/own.csv: ")
    (row,) = after.table[after.table["file"] == "data/facts/own.csv"].to_dict("records")
    assert row["scope"] == "total" and row["selected"] and row["source_title"] == "Toyota investor day"


def test_restoring_the_bundled_state_brings_the_old_figure_back(mine, tmp_path):
    path = write(tmp_path, "maker,variable,origin,period,value", "Toyota,us_sales_units,US,CY2024,2400000")
    own_facts.add_facts(mine, path, **SOURCE)
    store.restore(mine.folder, "bundled")
    pd.testing.assert_frame_equal(facts.load(mine.folder).table, mine.table)


def test_a_later_own_row_of_the_same_days_replaces_the_earlier_and_others_stay(mine, tmp_path):
    head = "maker,variable,origin,period,value"
    own_facts.add_facts(
        mine,
        write(tmp_path, head, "Toyota,us_sales_units,US,CY2024,1", "Kia,us_sales_units,US,CY2024,7"),
        **SOURCE,
    )
    once = facts.load(mine.folder)
    table = own_facts.add_facts(once, write(tmp_path, head, "Toyota,us_sales_units,US,2024,2"), **SOURCE)
    assert table[["old", "new"]].to_numpy().tolist() == [[1, 2]]
    twice = facts.load(mine.folder)
    assert reading(twice, "CY2024") == 2 and reading(twice, "CY2024", ("Kia", facts.SALES, "US")) == 7
    assert (twice.table["file"] == "data/facts/own.csv").sum() == 2


def test_an_own_row_that_is_not_selected_gives_the_bundled_one_back(mine, tmp_path):
    head = "maker,variable,origin,period,value,selected"
    own_facts.add_facts(mine, write(tmp_path, head, "Toyota,us_sales_units,US,CY2024,1,TRUE"), **SOURCE)
    own_facts.add_facts(
        facts.load(mine.folder), write(tmp_path, head, "Toyota,us_sales_units,US,CY2024,1,FALSE"), **SOURCE
    )
    after = facts.load(mine.folder)
    assert reading(after, "CY2024") == 2_332_623
    reason = after.selected.query("maker == 'Toyota' and variable == 'us_sales_units'")["selection_reason"]
    assert not reason.str.contains("superseded").any()


def test_preview_foretells_what_is_read_afterwards(mine, tmp_path):
    rows = [
        "maker;variable;origin;period;value;low;high;quality;note",
        "Toyota;customs_value;JP;CY2025;31.000,5;29.000;33.000;estimated;my model",
        "Honda;us_import_units;MX;2026-01..2026-09;150.000;;;reported;",
    ]
    path = write(tmp_path, *rows)
    seen = own_facts.preview_facts(own_facts.read_facts(path, **SOURCE), mine)
    added = own_facts.add_facts(mine, path, **SOURCE)
    pd.testing.assert_frame_equal(seen, added)
    after = facts.load(mine.folder)
    for row in seen.itertuples():
        key = (row.maker, row.variable, row.origin)
        assert reading(mine, row.period, key) == row.old and reading(after, row.period, key) == row.new
    assert seen["new"].tolist() == [31_000.5, 150_000]
    halves = after.selected.query("maker == 'Toyota' and variable == 'customs_value' and origin == 'JP'")
    inside = [
        p for p in halves["period"] if p != "CY2025" and periods.parse("CY2025").covers(periods.parse(p))
    ]
    assert seen["shorter_rows"].tolist() == [len(inside), 0] and inside


MONTHS = [1000 + number for number in range(1, 13)]


@pytest.mark.parametrize(
    "rows",
    [
        ["month,units", *(f"2025-{m:02},{v}" for m, v in enumerate(MONTHS, 1))],
        ["Month;Sales", *(f"{datetime(2025, m, 1):%b-%y};{v}" for m, v in enumerate(MONTHS, 1))],
        ["date,sold", *(f"2025{m:02},{v}" for m, v in enumerate(MONTHS, 1))],
        [",".join(f"2025/{m}" for m in range(1, 13)), ",".join(map(str, MONTHS))],
        [
            "\t".join(["maker", *(f"2025年{m}月" for m in range(1, 13))]),
            "\t".join(["Toyota", *map(str, MONTHS)]),
        ],
    ],
)
def test_months_down_or_across_become_rows_and_their_year(tmp_path, rows):
    about = {"maker": "Toyota", "variable": "us_sales_units", "origin": "US", **SOURCE}
    table = own_facts.read_facts(write(tmp_path, *rows), **about)
    assert table["period"].tolist() == [*(f"2025-{m:02}" for m in range(1, 13)), "CY2025"]
    assert table["value"].astype(float).tolist() == [*MONTHS, sum(MONTHS)]
    assert table["quality"].iloc[-1] == "derived" and table["method"].iloc[-1] == "sum of its twelve months"
    assert set(table["maker"]) == {"Toyota"} and set(table["unit"]) == {"units"}


def test_months_and_their_year_are_what_the_model_reads(mine, tmp_path):
    about = {"maker": "Toyota", "variable": "us_sales_units", "origin": "US", **SOURCE}
    path = write(tmp_path, "month,units", *(f"2025-{m:02},{v}" for m, v in enumerate(MONTHS, 1)))
    table = own_facts.add_facts(mine, path, **about)
    after = facts.load(mine.folder)
    assert [reading(after, f"2025-{m:02}") for m in range(1, 13)] == MONTHS
    assert reading(after, "CY2025") == sum(MONTHS)
    assert table.set_index("period").loc["CY2025", "shorter_rows"] == 12


def test_months_of_an_incomplete_year_are_not_summed(tmp_path):
    path = write(tmp_path, "month,units", *(f"2025-{m:02},{m}" for m in range(1, 12)))
    rows = own_facts.read_facts(path, maker="Toyota", variable="us_sales_units", origin="US", **SOURCE)
    assert len(rows) == 11 and rows["period"].str.fullmatch(r"2025-\d\d").all()


QUARTER = [
    "maker,variable,origin,period,value",
    *(f"Toyota,us_import_units,JP,2026-0{m},{v}" for m, v in enumerate((47_000, 41_000, 58_000), 1)),
    *(f"Toyota,us_sales_units,US,2026-0{m},{v}" for m, v in enumerate((162_000, 178_573, 208_000), 1)),
]


def test_months_of_a_quarter_are_its_sum_and_a_falling_quarter_lowers_the_bill_of_later_years(mine, tmp_path):
    """Each was wrong while the last month stood for what follows it: the bill of 2027 rose by 5%."""
    before = exposure.table(case(period="CY2027", data=mine)).loc["Toyota"]
    usual = exposure.table(case(period="2026Q1", data=mine)).loc["Toyota"]
    rows = own_facts.read_facts(write(tmp_path, *QUARTER), **SOURCE)
    seen = own_facts.preview_bills(rows, mine)
    own_facts.add_facts(mine, write(tmp_path, *QUARTER), **SOURCE)
    known = facts.load(mine.folder)
    quarter = exposure.table(case(period="2026Q1", data=known)).loc["Toyota"]
    assert quarter["us_sales_units"] == 548_573
    japan = ("Toyota", facts.IMPORTS, "JP")
    fall = reading(known, "2026Q1", japan) / reading(mine, "2026Q1", japan)
    assert fall == 146_000 / reading(mine, "2026Q1", japan) < 0.95
    # weighed against the year before: a quarter that falls lowers the year, by less than it fell itself
    assert fall < reading(known, "CY2027", japan) / reading(mine, "CY2027", japan) < 1
    later = exposure.table(case(period="CY2027", data=known)).loc["Toyota"]
    assert later["bill_usd"] < before["bill_usd"] and quarter["bill_usd"] < usual["bill_usd"]
    assert seen[["maker", "period"]].to_numpy().tolist() == [["Toyota", "CY2026"], ["Toyota", "CY2027"]]
    last = seen.iloc[1]
    assert [last["old_usd"], last["new_usd"]] == pytest.approx([before["bill_usd"], later["bill_usd"]])
    assert last["change"] == pytest.approx(later["bill_usd"] / before["bill_usd"] - 1)


def test_figures_that_the_bill_does_not_rest_on_move_none(known, tmp_path):
    path = write(tmp_path, QUARTER[0], *QUARTER[4:])
    assert own_facts.preview_bills(own_facts.read_facts(path, **SOURCE), known).empty


HEAD = "maker,variable,origin,period,value,unit,note"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (
            ["Kia,us_sales_units,US,2025-03,9,,", "Kia,us_sales_units,US,Mar 2025,9,,"],
            ["period is '2025-03'; expected each period of a figure once, and row 2 has these days too"],
        ),
        (
            [*(f"Kia,us_sales_units,US,2025-{m:02},100,," for m in range(1, 13)),
             "Kia,us_sales_units,US,2025,1300,,"],
            ["row 14: value is 1300.0; expected 1,200, what row 2 to row 13 add up to; correct one of them"],
        ),
        (
            ["Kia,us_import_units,KR,2025-01,200000,,", "Kia,us_import_units,KR,2025-02,300000,,"],
            ["and row 2 to row 3 add up to 500,000; correct them, or give CY2025 too"],
        ),
        (
            ["Kia,us_sales_units,US,2025-01,9,,wholesale", "Kia,us_sales_units,US,2025-02,9,,retail",
             "Kia,us_sales_units,US,2025-03,9,,retail sales"],
            ["row 2: note is 'wholesale'; expected retail figures only, as in row 3: they differ"],
        ),
        (
            ["Kia,us_sales_units,US,2025-01,9,furlongs,"],
            ["unit is 'furlongs'; expected the unit that the model computes .*: units; convert the figure"],
        ),
        (
            ["Kia,us_sales_units,US,2025-01,9,千台,"],
            ["unit is '千台'; expected the unit .*: units; multiply the figure by 1,000"],
        ),
        (
            ["Kia,us_wholesale_units,US,2025-01,9,unit,"],
            ["unit is 'unit'; expected a unit that the data have; units?"],
        ),
        (["Kia,us_sales_units,US,2026-W05,9,,"], ["period is '2026-W05'; expected CY2025"]),
        (["Kia,us_sales_units,US,2025-01,1e309,,"], ["value is '1e309'; expected"]),
    ],
)  # fmt: skip
def test_bad_input_gets_one_fault_with_row_and_remedy(known, tmp_path, rows, expected):
    found = own_facts.check_facts(own_facts.read_facts(write(tmp_path, HEAD, *rows), **SOURCE), known)
    assert len(found) == len(expected), [str(fault) for fault in found]
    for fault, message in zip(found, expected, strict=True):
        assert re.search(message.replace("?", r"\?"), str(fault)), str(fault)


def test_a_year_that_is_the_sum_of_its_months_is_taken_as_it_stands(known, tmp_path):
    months = [f"Kia,us_sales_units,US,2025-{m:02},100,," for m in range(1, 13)]
    path = write(tmp_path, HEAD, "Kia,us_sales_units,US,2025,1200,,the company says so", *months)
    rows = own_facts.read_facts(path, **SOURCE)
    assert len(rows) == 13 and own_facts.check_facts(rows, known) == []
    table = own_facts.preview_facts(rows, known)
    assert table.loc[0, "new"] == 1200


def test_empty_columns_without_a_heading_are_passed_over(known, tmp_path):
    path = write(
        tmp_path, "maker,variable,origin,period,,value,", "Toyota,us_sales_units,US,2026-09,,200000,"
    )
    rows = own_facts.read_facts(path, **SOURCE)
    assert own_facts.check_facts(rows, known) == [] and rows["value"].tolist() == ["200000"]


def test_workbooks_are_read_and_a_period_turned_into_a_date_is_caught(mine, tmp_path):
    path = tmp_path / "x.xlsx"
    frame = pd.DataFrame(
        {
            "Maker": "Toyota", "Variable": "us_sales_units", "Origin": "US", "Period": [2024, 2025],
            "Value": [2.4e6, 2.5e6], "Selected": [True, False], "Source title": "a note",
            "Source date": [datetime(2026, 11, 1)] * 2,
        }
    )  # fmt: skip
    frame.to_excel(path, index=False)
    rows = own_facts.read_facts(path)
    assert rows["period"].tolist() == ["2024", "2025"] and rows["selected"].tolist() == ["true", "false"]
    assert rows["known_on"].tolist() == ["2026-11-01"] * 2 and own_facts.check_facts(rows, mine) == []
    frame.assign(Period=datetime(2025, 4, 1)).to_excel(path, index=False)
    with pytest.raises(
        DataError, match="row 2: period is an Excel date, 2025-04-01; expected text such as CY2025"
    ):
        own_facts.read_facts(path)
    months = pd.DataFrame({"Month": pd.date_range("2025-01-01", periods=12, freq="MS"), "Units": MONTHS})
    months.to_excel(path, index=False)
    rows = own_facts.read_facts(path, maker="Toyota", variable="us_sales_units", origin="US", **SOURCE)
    assert rows["period"].tolist()[:2] == ["2025-01", "2025-02"] and rows["period"].iloc[-1] == "CY2025"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Toyota,us_sales_units,US,CY2024,-3,,", "x.csv row 3: value is '-3'; expected a value >= 0"),
        ("Toyota,us_sales_units,US,CY2024,lots,,", "x.csv row 3: value is 'lots'; expected a number"),
        ("Toyota,us_sales_units,US,last year,1,,", "x.csv row 3: period is 'last year'; expected CY2025"),
        (
            "Toyota,us_sales_units,US,CY2024,,,",
            "x.csv row 3: value is empty; expected a number on a selected row",
        ),
        (
            "Toyota,us_sales_units,US,CY2024,1,thousands,",
            "row 3: unit is 'thousands'; expected the unit that the model",
        ),
        (
            "Toyota,us_sales_units,US,CY2024,1,,guessed",
            "row 3: quality is 'guessed'; expected one of reported",
        ),
        (
            "Toyota,us_sales_units,US,CY2024,1,,estimated",
            "row 3: method is empty; expected how an estimated value",
        ),
        ("Edsel,us_sales_units,US,CY2024,1,,", "row 3: maker is 'Edsel'; expected a maker of data/companies"),
        (
            "Toyota,us_sale_units,US,CY2024,1,units,",
            "variable is 'us_sale_units'; expected a variable of the model; us_sales_units?",
        ),
        (
            "Toyota,us_sale_units,US,CY2024,1,,",
            "variable is 'us_sale_units'; expected a variable of the model; us_sales_units?",
        ),
        (
            "Toyota,us_sales_units,US,CY2099,1,,",
            "row 3: period is 'CY2099'; expected a period that has begun",
        ),
        ("Toyota,us_sales_units,JP,CY2024,1,,", "row 3: origin is 'JP'; expected US"),
        (
            "BMW,us_import_units,DE,CY2024,1,,",
            "row 3: origin is 'DE'; expected EU, which the model takes as one",
        ),
        (
            "Kia,us_sales_units,US,2025,1,,",
            "row 3: period is '2025'; expected each period of a figure once, and row 2 has these days too",
        ),
    ],
)
def test_a_bad_figure_is_named_with_row_column_and_remedy(known, tmp_path, line, message):
    path = write(
        tmp_path, "maker,variable,origin,period,value,unit,quality", "Kia,us_sales_units,US,CY2025,9,,", line
    )
    found = own_facts.check_facts(own_facts.read_facts(path, **SOURCE), known)
    assert any(message in str(fault) for fault in found), [str(fault) for fault in found]


def test_a_reported_figure_needs_its_source(known, tmp_path):
    path = write(tmp_path, "maker,variable,origin,period,value", "Toyota,us_sales_units,US,CY2024,1")
    found = {fault.column for fault in own_facts.check_facts(own_facts.read_facts(path), known)}
    assert found == {"source_title"}


def test_a_faulty_file_changes_nothing_and_lists_every_fault(mine, tmp_path):
    head = "maker,variable,origin,period,value,colour"
    path = write(
        tmp_path, head, "Toyota,us_sales_units,US,CY2024,x,red", "", "Kia,us_sales_units,US,CY20,1,red"
    )
    with pytest.raises(DataError) as caught:
        own_facts.add_facts(mine, path, **SOURCE)
    said = str(caught.value)
    assert "row 2: value is 'x'" in said and "row 4: period is 'CY20'" in said
    assert "x.csv: colour is 'colour'; expected no column of this name" in said
    assert not (mine.folder / "store").exists()


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (
            ["maker,2025-01,total", "Toyota,1,2"],
            {},
            "has no column value; expected one.*not understood: 'total'",
        ),
        (["maker,variable", "Toyota,x"], {}, "has no column value"),
        (["maker,variable,origin,period,value"], {}, "x.csv has no figures below its header"),
        (["month,units", "2025-01,"], {}, "x.csv has no figures below its header"),
        (["maker,value,value", "Toyota,1,2"], {}, "two columns value"),
        (
            ["maker,value", "Toyota,1"],
            {"country": "US"},
            "country is not a column of facts; there are maker, variable",
        ),
        (["month,wholesale,retail", "2025-01,1,2"], {}, "has wholesale beside retail; the model takes one"),
        (["maker;value", "Toyota;1.234"], {}, "may be a decimal or a thousand; pass decimal="),
    ],
)
def test_a_layout_that_is_not_understood_is_refused(tmp_path, rows, options, message):
    with pytest.raises(DataError, match=message):
        own_facts.read_facts(write(tmp_path, *rows), **options)
