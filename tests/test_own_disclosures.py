"""A company's new statement is judged like the bundled ones, or every fault is named."""

from __future__ import annotations

import dataclasses
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from tariffmodel import case, facts, own_disclosures, store, validation
from tariffmodel.errors import DataError

HEAD = "company,kind,period,value,unit,basis,said_on,source_title"
NEW = "Volvo Cars,actual,2025-04..2025-09,29,sek_bn,gross,2025-11-05,results"
RESTATED = "Toyota,actual,2025Q2,460,jpy_bn,operating_profit_bridge,2025-08-07,restated"


@pytest.fixture
def mine(known, data):
    """The bundled facts in a folder that may change."""
    return dataclasses.replace(known, folder=data)


def write(tmp_path: Path, *rows: str) -> Path:
    path = tmp_path / "said.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_preview_is_what_validation_says_once_the_statement_is_added(mine, tmp_path):
    path = write(tmp_path, HEAD, NEW)
    (seen,) = own_disclosures.preview_disclosures(
        own_disclosures.read_disclosures(path), case(data=mine)
    ).to_dict("records")
    assert own_disclosures.add_disclosures(mine, path) == 1
    judged = validation.disclosed(case(data=mine.folder))
    (row,) = judged[judged["maker"] == "Volvo Cars"].to_dict("records")
    assert pd.isna([seen.pop("source_url"), row.pop("source_url")]).all()
    assert seen == row and row["disclosed"] == pytest.approx(29) and row["headline"]
    assert row["model"] == pytest.approx(29 * (1 + row["error"]))
    store.restore(mine.folder, "bundled")
    pd.testing.assert_frame_equal(facts.load(mine.folder).disclosures, mine.disclosures)


def test_statement_of_the_same_day_replaces_the_bundled_and_the_earlier_own_one(mine, tmp_path):
    for value in ("460", "470"):
        path = write(tmp_path, HEAD, RESTATED.replace("460", value), NEW.replace("29", value))
        own_disclosures.add_disclosures(facts.load(mine.folder), path)
    after = facts.load(mine.folder).disclosures
    quarter = after[
        (after["company"] == "Toyota") & (after["period"] == "2025Q2") & (after["kind"] == "actual")
    ]
    assert quarter["value"].tolist() == [470]
    assert after.loc[after["company"] == "Volvo Cars", "value"].tolist()[-1] == 470
    assert len(after) == len(mine.disclosures) + 1
    assert not facts.check(mine.folder)


def test_what_is_left_out_is_filled_in_and_a_net_figure_is_a_floor(known, tmp_path):
    path = write(
        tmp_path,
        "Company;Kind;Period;Low;High;Unit;Basis;Said on",
        "Volvo Cars;actual;2025-04..2025-09;25,5;33;sek_bn;;2025-11-05",
        "BMW;guidance;CY2025;0,8;1,0;eur_bn;net;2025-11-05",
    )
    rows = own_disclosures.read_disclosures(path, source_title="results")
    first, second = rows.to_dict("records")
    assert (first["value"], first["bound"], first["basis"], first["scope"]) == (
        "29.25",
        "range",
        "gross",
        "all_tariffs",
    )
    assert (first["read_on"], first["like_for_like"], second["like_for_like"]) == (
        str(date.today()),
        "true",
        "false",
    )
    seen = own_disclosures.preview_disclosures(rows, case(data=known)).set_index("maker")["judged"]
    assert seen.to_dict() == {"Volvo Cars": "amount", "BMW": "floor"}


def test_usual_ways_of_writing_are_read(known, tmp_path):
    path = write(
        tmp_path,
        "Company,Kind,Period,Value,Unit,Basis,Said on",
        "General Motors,Actual,Q3 2025,1.1,USD bn,gross,21 Oct 2025",
        'JLR,Actual,H1 2025,254,GBP m,Gross,"Aug 8, 2025"',
        "Hyundai Motor Company,Result,2025 Q3,1.8,KRW tn,gross,2025/10/30",
        "トヨタ自動車,実績,2025Q2,4500,億円,operating profit bridge,2025年8月7日",
        "Kia,Forecast,CY2026,3.3,조원,gross,28.01.2026",
        "VW Group,Guidance,CY2026,4,€bn,net,10/13/2026",
        "Denso,Actual,2025Q2,10,jpy_bn,gross,2025-08-01",
    )
    rows = own_disclosures.read_disclosures(path, source_title="results")
    shown = rows[["company", "kind", "period", "unit", "said_on"]].to_numpy().tolist()
    assert shown == [
        ["GM", "actual", "2025Q3", "usd_bn", "2025-10-21"],
        ["Jaguar Land Rover", "actual", "2025H1", "gbp_bn", "2025-08-08"],
        ["Hyundai Motor", "actual", "2025Q3", "krw_bn", "2025-10-30"],
        ["Toyota", "actual", "2025Q2", "jpy_bn", "2025-08-07"],
        ["Kia", "guidance", "CY2026", "krw_bn", "2026-01-28"],
        ["Volkswagen", "guidance", "CY2026", "eur_bn", "2026-10-13"],
        ["Denso", "actual", "2025Q2", "jpy_bn", "2025-08-01"],
    ]
    assert rows["value"].astype(float).tolist() == pytest.approx([1.1, 0.254, 1800, 450, 3300, 4, 10])
    why = own_disclosures.comparable(rows, case(data=known))
    assert why["comparable"].tolist() == [True] * 6 + [False]  # a net figure bounds the cost from below
    assert why["reason"].str.contains("gross|bridge|net of own|not by a maker").all()
    seen = own_disclosures.preview_disclosures(rows, case(data=known))
    assert set(seen["maker"]) == set(why.loc[why["comparable"], "company"])


@pytest.mark.parametrize(
    ("unit", "ours", "times"),
    [
        ("USD billion", "usd_bn", 1), ("$m", "usd_bn", 1e-3), ("JPY 億", "jpy_bn", 0.1),
        ("兆円", "jpy_bn", 1e3), ("百万円", "jpy_bn", 1e-3), ("억원", "krw_bn", 0.1), ("bn EUR", "eur_bn", 1),
        ("Mrd. €", "eur_bn", 1), ("million US dollars", "usd_bn", 1e-3), ("SEK mn", "sek_bn", 1e-3),
        ("sek", "sek", 1), ("yen", "yen", 1),
    ],
)  # fmt: skip
def test_money_is_read_in_billions_and_a_bare_currency_is_none(tmp_path, unit, ours, times):
    path = write(tmp_path, HEAD, NEW.replace("sek_bn", unit))
    (row,) = own_disclosures.read_disclosures(path).to_dict("records")
    assert row["unit"] == ours and float(row["value"]) == pytest.approx(29 * times)


def test_each_cause_has_one_fault_and_none_is_of_a_column_that_the_file_lacks(known, tmp_path):
    plain = "company,kind,period,value,unit,said_on,source_title"
    good = "Toyota,actual,2025Q3,5,jpy_bn,2025-11-05,x"
    rows = [
        good.replace(",5,", ",much,"), good.replace("jpy_bn", "furlongs"), good.replace(",5,", ",-5,"),
        good.replace(",5,", ",,"), good.replace("2025-11-05", "03/04/2025"), good.replace("actual", "said"),
    ]  # fmt: skip
    read = own_disclosures.read_disclosures(write(tmp_path, plain, *rows))
    faults = own_disclosures._typed(read, known)[1]
    assert [(fault.row, fault.column) for fault in faults] == [
        (2, "value"), (3, "unit"), (4, "value"), (5, "value"), (6, "said_on"), (7, "kind"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([HEAD, NEW.replace("Volvo Cars", "Volvo Crs")], "row 2: company is 'Volvo Crs'.*Volvo Cars"),
        ([HEAD, "", NEW.replace("sek_bn", "sek")], "row 3: unit is 'sek'; expected one of .*sek_bn"),
        ([HEAD, NEW.replace("29", "much")], "row 2: value is 'much'; expected a number"),
        ([HEAD, NEW.replace("29", "-29")], "like_for_like.*an amount of money above zero"),
        ([HEAD, NEW.replace("2025-04..2025-09", "H1")], "row 2: period is 'H1'"),
        ([HEAD, NEW.removesuffix("results")], "row 2: source_title is .*a value, not an empty cell"),
        ([HEAD, NEW, NEW], "row 3: said_on.*one statement of a company"),
        ([HEAD.replace("value", "amount"), NEW], "'amount' is not a column .*; there are company, kind"),
        ([HEAD], "no statement below its header"),
        (
            ["company,period,value,unit,said_on", "GM,2025,1,usd_bn,2026-01-01"],
            "no columns kind, source_title; add",
        ),
    ],
)  # fmt: skip
def test_fault_is_named_and_nothing_changes(mine, tmp_path, rows, message):
    with pytest.raises(DataError, match=message):
        own_disclosures.add_disclosures(mine, write(tmp_path, *rows))
    assert store.current(mine.folder) == store.BUNDLED


def test_makers_that_report_together_are_one_statement(known, tmp_path):
    path = write(tmp_path, HEAD, "Hyundai+Kia,actual,2025Q4,2482,krw_bn,gross,2026-01-30,results")
    rows = own_disclosures.read_disclosures(path)
    (seen,) = own_disclosures.preview_disclosures(rows, case(data=known)).to_dict("records")
    assert seen["judged"] == "sum" and seen["currency"] == "KRW"
