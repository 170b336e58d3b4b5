"""Does a run print what a desk asks for, and refuse what it cannot?"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

import tariffmodel as tm
from tariffmodel import desk, live_workbook, store
from tariffmodel.errors import DataError
from tariffmodel.runs import maker_sheet

BOOK = Path(__file__).parents[1] / "docs" / "howto" / "positions.csv"


@pytest.fixture(scope="module")
def asked(known):
    return tm.case(as_of="2026-10-30", data=known)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"makers": ["toyota", "spam"]}, "no maker is called 'spam'"),
        ({"threat": "spam"}, "spam"),
        ({"book": "none.csv"}, "none.csv"),
    ],
)
def test_what_is_none_is_refused_before_anything_is_computed(asked, words, message):
    with pytest.raises(tm.errors.TariffModelError, match=message):
        desk.desk(asked, **words)


def test_a_maker_named_twice_has_one_page_and_the_threat_is_of_the_year_to_come(asked):
    one = desk.desk(asked, ["toyota", "7203", "GM"], threat="Korea back to 25%")
    assert one.makers == ("Toyota", "GM") and one.positions is None
    assert one.threat.policy.name == "korea-25" and str(one.threat.period) == "CY2027"
    assert one.threat.against == asked.policy


@pytest.fixture
def pages(monkeypatch) -> list:
    """What is asked of the pages, which `test_maker_sheet` draws; each is an empty file."""
    seen = []
    monkeypatch.setattr(maker_sheet, "shared", lambda case, others: seen.append((case, others)))
    monkeypatch.setattr(maker_sheet, "sheet", lambda common, maker: maker)
    monkeypatch.setattr(maker_sheet, "write", lambda one, place: store.write_whole(place / one, b""))
    return seen


def test_pages_and_workbook_are_of_the_question_of_the_run(asked, tmp_path, pages, monkeypatch):
    monkeypatch.setattr(live_workbook, "write", lambda case, path: pages.append((case, path.name)))
    assert desk.write(desk.desk(asked, ["GM", "VW"], threat="eu-25"), tmp_path) == []
    assert pages == [(asked, ["eu-25", "japan-flexible-linear-firm"]), (asked, "workbook.xlsx")]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["GM", "Volkswagen"]


def test_a_law_that_cannot_be_a_workbook_costs_no_page(asked, tmp_path, pages):
    (said,) = desk.write(desk.desk(asked.replace(policy="eu-netting"), ["GM"]), tmp_path)
    assert said.startswith("No live workbook: eu-netting cannot be") and (tmp_path / "GM").is_file()


def test_a_book_leaves_its_ticket_and_tables(asked, tmp_path, monkeypatch):
    monkeypatch.setattr(desk, "TREE", "")  # `test_book` takes books through it
    quick = partial(tm.ticket.ticket, instruments=["JPY"], draws=49)
    monkeypatch.setattr(desk.ticket, "ticket", quick)  # `test_hedge` and `test_ticket` choose the legs
    monkeypatch.setattr(desk, "write_ticket", lambda one, place: store.write_whole(place / "ticket", b""))
    one = desk.desk(asked, book=BOOK)
    one = replace(one, positions=one.positions.iloc[:2])
    assert desk.write(one, tmp_path) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["betas.csv", "positions.csv", "ticket"]
    held = pd.read_csv(tmp_path / "positions.csv", index_col=0)
    assert held.index.tolist() == ["7203.T", "7267.T"] and held["booked_money"].notna().all()


def test_a_size_without_a_currency_is_refused_with_its_row(asked, tmp_path):
    (tmp_path / "book.csv").write_text("name,notional\nToyota,1e6\n")
    with pytest.raises(DataError, match="book.csv, row 2, .*has no currency"):
        desk.desk(asked, book=tmp_path / "book.csv")
