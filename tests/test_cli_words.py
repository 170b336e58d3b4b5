"""The words that people type, the widths that they have, and what a program may read."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import typer.main
from rich.cells import cell_len
from rich.table import Table

from tariffmodel import cli, event_calendar, facts, periods, policy
from tariffmodel.cli import options, pages
from tariffmodel.errors import DataError, TariffModelError
from tariffmodel.facts import companies
from tariffmodel.facts.schemas.companies import MAKERS
from tariffmodel.intake import own_joining as joining

OWN = """
base = "current-law"
title = "[/] 20% | mine"
label = "EU at 20%"
[[additional]]
id = "eu-20"
measure = "section-232-autos"
origin = "EU"
product = "car"
rate = {rate}
from = 2025-10-01
source = "a test"
quality = "constructed"
"""


@pytest.mark.parametrize(
    ("text", "maker"),
    [
        ("toyota", "Toyota"),
        ("7203.t", "Toyota"),
        ("TM", "Toyota"),
        ("HMC", "Honda"),  # Honda's ticker in New York, not Hyundai's initials
        ("Mercedes-Benz Group AG", "Mercedes-Benz"),
        ("Bayerische Motoren Werke AG", "BMW"),
        ("VW", "Volkswagen"),
        ("本田技研工業", "Honda"),
        ("f", "Ford"),
    ],
)
def test_a_company_is_found_by_name_ticker_and_alias(known, text, maker):
    assert companies.find(known, text) == maker


@pytest.mark.parametrize("text", ["Hyundai Motor Group", "Audi", "Volvo", "", "General"])
def test_a_group_or_a_brand_is_no_maker(known, text):
    with pytest.raises(DataError, match="no maker is called"):
        companies.find(known, text)


def test_every_alias_means_one_maker_that_there_is(known):
    rows = pd.read_csv(known.folder / companies.ALIASES)
    assert set(rows["maker"]) == set(known.makers.index)
    assert not rows["alias"].str.casefold().duplicated().any()
    for alias, maker in zip(rows["alias"], rows["maker"], strict=True):
        assert companies.find(known, alias) == maker


@pytest.mark.parametrize(
    ("label", "start", "end"),
    [
        ("FY2026-03H1", "2025-04-01", "2025-09-30"),
        ("fy2026-03q4", "2026-01-01", "2026-03-31"),
        ("FY2026-12H2", "2026-07-01", "2026-12-31"),
        ("FY2026-02H1", "2025-03-01", "2025-08-31"),
    ],
)
def test_parts_of_a_fiscal_year_are_of_its_own_months(label, start, end):
    span = periods.parse(label)
    assert (str(span.start), str(span.end)) == (start, end)


@pytest.mark.parametrize(
    ("label", "remedy"),
    [
        ("Q3 2025", "did you mean 2025Q3"),
        ("CY25", "did you mean CY2025"),
        ("2025-4", "did you mean 2025-04"),
        ("2025-04-2025-12", r"did you mean 2025-04\.\.2025-12"),
        ("1H FY2026", "FY2026-03H1 or FY2026-12H1"),
        ("2025Q7", "write CY2025"),
    ],
)
def test_a_slip_in_a_period_names_what_was_meant(label, remedy):
    with pytest.raises(TariffModelError, match=remedy):
        periods.parse(label)


def test_a_fiscal_half_is_the_makers_own(tm):
    words = ["contribution", "--format", "json"]
    asked = [json.loads(tm(*words, "--maker", name, "--period", "1H FY2025")[1]) for name in ("TM", "ford")]
    assert [one["period"] for one in asked] == ["FY2025-03H1", "FY2025-12H1"]
    assert [row["maker"] for one in asked for row in one["rows"]] == ["Toyota", "Ford"]
    code, out, err = tm(*words, "--period", "1H FY2025")
    assert code == 1 and not out and "FY2025-03H1 for Toyota" in err and "FY2025-12H1 for Hyundai" in err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["contribution", "--year", "CY2024"], 2, "there is no --year; write --period"),
        (["exposure", "--maker", "Toyoda"], 1, "did you mean Toyota?"),
        (["exposure", "--policy", "curent-law"], 1, "did you mean current-law"),
        (["exposure", "--policy", "/etc/passwd"], 1, "a file that ends in .toml"),
        (["compare", "flat-25", "eu-25", "--worth", "jobs"], 2, "did you mean job?"),
        (["validate", "--since", "soon"], 2, "--since"),
        (["hedge", "--long", "Toyoda", "--threat", "korea-25"], 1, "did you mean 7203.T"),
        (["exposur"], 2, "Did you mean 'exposure'?"),
        (["exposure", "--perod", "CY2025"], 2, "--period"),
    ],
)
def test_a_slip_names_the_nearest(tm, words, code, message):
    got, out, err = tm(*words)
    assert got == code and message in err and not out


def test_many_policies_stay_readable_at_80_columns(tm, monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "80")
    mine = tmp_path / "mine.toml"
    mine.write_text(OWN.format(rate=0.2), encoding="utf-8")
    names = [name for name in policy.names() if name != "before-april-2025"]
    code, out, _ = tm("compare", *names, mine)
    assert code == 0 and "…" not in out and "EU at 20%" in out and "mine" not in out
    assert max(map(cell_len, out.splitlines())) <= 80
    rows = [line.split("│")[2:-1] for line in out.splitlines() if line.startswith("│ Toyota")]
    assert sum(map(len, rows)) == len(names) + 1 and all(cell.strip() for row in rows for cell in row)
    assert "against law before April 2025" in out


def test_few_rows_are_turned_and_text_wraps():
    table = Table(title="wide")
    for number in range(12):
        table.add_column(f"heading {number}", no_wrap=True)
    table.add_row(*(f"cell {number} [/]" for number in range(12)))
    (turned,) = pages.fitted(table, 60)
    assert turned.row_count == 11 and len(turned.columns) == 2
    assert pages.fitted(table, 400) == [table]
    assert pages.markdown(table).count("\n| ") == 3


def test_nothing_but_data_is_on_standard_output(tm):
    code, out, _ = tm("policies", "--format", "csv")
    assert code == 0 and out.startswith("name,title,description,status")
    rows = json.loads(tm("validate", "--maker", "ford", "--format", "json")[1])["rows"]
    assert {row["maker"] for row in rows} == {"Ford"} and "model_reporting_bn" in rows[0]
    code, out, _ = tm("exposure", "--maker", "BMW", "--format", "markdown")
    assert code == 0 and out.startswith("**") and "┃" not in out


def test_every_command_that_prints_a_table_has_a_format_and_none_a_year():
    def leaves(command, called=""):
        inner = getattr(command, "commands", None)
        if inner is None:
            return {called.strip(): command}
        return {k: v for name, one in inner.items() for k, v in leaves(one, f"{called} {name}").items()}

    options_of = {
        name: {word for one in command.params for word in one.opts}
        for name, command in leaves(typer.main.get_command(cli.app)).items()
    }
    without = {name for name, words in options_of.items() if "--format" not in words}
    assert without <= {"run", "lab", "check", "forecast add", "workbook"}
    assert not any("--year" in words for words in options_of.values())


def test_names_are_completed():
    assert options.complete_policies("FLAT") == ["flat-15", "flat-25"]
    assert options.complete_makers("toy") == ["Toyota"] and "7203.T" in options.complete_lines("72")
    assert "2025-07-22-japan-deal" in options.complete_events("2025-07-22")
    assert "june-2025-proposal" in options.complete_scenarios("")


def test_text_where_a_number_belongs_is_one_plain_fault(known):
    raw = pd.read_csv(known.folder / "companies/makers.csv", dtype=str, keep_default_na=False, na_values=[""])
    raw.loc[1, "fiscal_year_end_month"] = "March"
    raw.loc[2, "has_us_plant"] = "perhaps"
    faults: list[facts.Fault] = []
    facts.conform(raw, MAKERS, "makers.csv", faults)
    assert sorted(map(str, faults)) == [
        "makers.csv row 3: fiscal_year_end_month is 'March'; expected a whole number",
        "makers.csv row 4: has_us_plant is 'perhaps'; expected true or false",
    ]


def test_a_base_that_changes_changes_what_stands_on_it(data):
    (data / "policies/low.toml").write_text(OWN.format(rate=0.1), encoding="utf-8")
    top = OWN.format(rate=0.3).replace("current-law", "low").replace("eu-20", "eu-30")
    (data / "policies/top.toml").write_text(top, encoding="utf-8")
    assert [e.rate for e in policy.load("top", data).additional if e.id == "eu-20"] == [0.1]
    (data / "policies/low.toml").write_text(OWN.format(rate=0.15), encoding="utf-8")
    assert [e.rate for e in policy.load("top", data).additional if e.id == "eu-20"] == [0.15]


def test_events_nearby_are_those_of_the_whole_table_of_distances():
    number = np.random.default_rng(1).integers(0, 60, 80)
    close = np.abs(number[:, None] - number) <= 3
    assert event_calendar._counted(number, number, 3).tolist() == close.sum(axis=1).tolist()
    np.fill_diagonal(close, False)
    found = event_calendar._close(number, 3)
    assert [one.tolist() for one in found] == [np.flatnonzero(row).tolist() for row in close]


@pytest.mark.parametrize("replace", [False, True])
def test_lines_joined_together_are_as_each_alone_and_others_stay(known, replace):
    panel = pd.read_parquet(known.folder / "market/prices.parquet").query("ticker in ['F', 'GM', 'TSLA']")
    panel = panel.assign(open=np.nan, close=np.nan, volume=np.nan, source="bundled").reset_index(drop=True)
    mine = panel[panel["ticker"] != "GM"].groupby("ticker").tail(6)[["ticker", "date"]]
    later = mine.assign(date=mine["date"] + pd.Timedelta(days=8))
    mine = pd.concat([mine, later]).assign(close=lambda rows: np.linspace(20, 25, len(rows)))
    moves = joining.beside_stored(joining.in_order(mine), known)
    together = joining.joined(panel, moves, replace, "own: mine.csv")
    for ticker in ("F", "TSLA"):
        alone = joining.joined(
            panel[panel["ticker"] == ticker], moves[moves["ticker"] == ticker], replace, "own: mine.csv"
        )
        got = together[together["ticker"] == ticker].reset_index(drop=True)
        pd.testing.assert_frame_equal(got.astype({"ticker": str}), alone.astype({"ticker": str}))
        assert got["adj_close"].iloc[-1] == mine.loc[mine["ticker"] == ticker, "close"].iloc[-1]
    stayed = together[together["ticker"] == "GM"].reset_index(drop=True)
    words = {"ticker": str, "basis": str, "source": str}
    kept = panel[panel["ticker"] == "GM"].reset_index(drop=True)
    pd.testing.assert_frame_equal(stayed.astype(words), kept.astype(words))
