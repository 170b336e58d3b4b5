"""A note opens its question in one line, and shows, tables, says and concludes as its page needs it."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import IPython.display
import numpy as np
import pandas as pd
import pytest

from tariffmodel import case, charts, columns, exposure, notebook
from tariffmodel.errors import DataError
from tariffmodel.notebook import Note


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    seen: list[Any] = []
    monkeypatch.setattr(IPython.display, "display", seen.append)
    return seen


@pytest.fixture
def note(tmp_path: Path) -> Note:
    return notebook.open("02", as_of="2026-01-30", output=tmp_path, source="prices to {prices}")


@pytest.fixture(scope="module")
def bills(known, law, before) -> pd.DataFrame:
    return exposure.table(case(law, before, data=known))


def test_a_note_knows_its_question_and_its_day(note):
    assert note.label == f"{note.policy.label} against {note.against.label}, FY2026-03"
    assert (
        note.as_of == date(2026, 1, 30) and note.source == f"prices to 2026-01-30; data {note.facts.version}"
    )
    assert note.facts.prices.index[-1] <= pd.Timestamp("2026-01-30")


def test_a_chart_is_displayed_and_exported_with_what_the_note_knows(note, shown, bills, tmp_path):
    note.show(charts.bill_bars, bills, name="bill")
    (image,) = shown
    assert image.metadata["chart"] == "02_bill" and note.label in image.alt
    about = json.loads((tmp_path / "charts" / "02_bill.json").read_text(encoding="utf-8"))
    assert about["alt"] == image.alt
    assert about["native"]["unit"] == "USD bn" and about["native"]["labels"][0] == bills["bill_usd"].idxmax()
    assert len(pd.read_csv(tmp_path / "charts" / "02_bill.csv")) == len(bills)


def test_a_chart_is_named_for_its_function_unless_told_otherwise(note, shown, bills, tmp_path):
    note.show(charts.burden, bills)
    assert shown[0].metadata["chart"] == "02_burden" and (tmp_path / "charts" / "02_burden.png").is_file()
    with pytest.raises(TypeError, match="a drawn one its name"):
        note.show(charts.burden(bills, case="", source="", as_of=note.as_of), data=bills)


def test_a_table_is_displayed_with_headings_and_exported_with_units(note, shown, bills, tmp_path):
    note.table(bills[["bill_usd", "bill_low_usd", "effective_rate"]], "bill", title="Bills", data=bills)
    (styler,) = shown
    html = styler.to_html()
    assert "Bill, USD bn" in html and "Average rate, %" in html and "bill_usd" not in html
    toyota = f"{bills.at['Toyota', 'bill_usd'] / 1e9:.2f}"
    assert toyota in html
    about = json.loads((tmp_path / "tables" / "02_bill.json").read_text(encoding="utf-8"))
    assert about["title"] == "Bills" and about["units"]["bill_per_us_sale_usd"] == "usd per vehicle"


def test_a_table_of_unknown_columns_is_refused(note, shown, bills):
    with pytest.raises(DataError, match="no row in columns.csv for column 'unheard_of_usd'"):
        note.table(bills[["bill_usd"]].rename(columns={"bill_usd": "unheard_of_usd"}))


def test_a_table_without_rows_says_so(note, shown, bills):
    note.table(bills[["bill_usd"]].head(0), empty="Nothing is owed.")
    assert shown[0].data == "Nothing is owed."


def test_marks_come_with_what_they_mean(note, shown):
    built = {"local_build_share": [0.5], "local_build_share_quality": ["derived"]}
    note.table(pd.DataFrame(built, index=["GM"]))
    assert "◐" in shown[0].to_html() and shown[1].data.startswith("Worst input: ● reported, ◐ derived")


def test_a_conclusion_takes_value_range_and_unit_from_the_result(note, bills, tmp_path):
    note.conclude(bills, "bill_usd", "share_of_market_cap")
    said = pd.read_csv(tmp_path / "conclusions.csv").set_index(["quantity", "subject"])
    row, share = said.loc[("bill_usd", "Toyota")], said.loc[("share_of_market_cap", "Toyota")]
    assert row["unit"] == "usd" and share["unit"] == "fraction" and np.isnan(share["low"])
    assert tuple(row[["value", "low", "high"]]) == pytest.approx(
        tuple(bills.loc["Toyota", ["bill_usd", "bill_low_usd", "bill_high_usd"]])
    )


def test_without_a_folder_nothing_is_written(shown, bills, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    note = notebook.open("02")
    note.table(bills, "bill", title="Bills")
    note.conclude(bills, "bill_usd")
    assert list(tmp_path.iterdir()) == []


def test_rows_that_do_not_help_are_red(note, shown):
    frame = pd.DataFrame({"out_of_sample": [0.4, -0.1]}, index=["one", "two"])
    note.table(frame, red=frame["out_of_sample"] < 0)
    assert shown[0].to_html().count(f"color: {charts.RED}") == 1


def test_star_in_a_heading_stands_for_that_of_the_name():
    assert columns.label("sell ACWI") == "Sell: ACWI" and columns.unit("sell ACWI") == "units of one side"


def test_a_large_figure_has_no_exponent():
    assert columns.column("value").text(1_228_568_696.2) == "1,228,568,696"
    assert columns.column("value").text(0.00635930) == "0.0063593"
