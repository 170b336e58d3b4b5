"""The commands that change data and size hedges, as a user types them."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from tariffmodel import facts, refresh, renewal, store
from tariffmodel.errors import DataError


def test_own_prices_are_previewed_added_and_taken_back(tm, data, tmp_path):
    last = facts.load(data).prices["GM"].dropna()
    day = last.index[-1] + pd.offsets.BDay(1)
    file = tmp_path / "mine.csv"
    overlap = last.iloc[-5:]
    rows = [f"{d:%Y-%m-%d},GM,{v:.4f}" for d, v in overlap.items()] + [
        f"{day:%Y-%m-%d},GM,{last.iloc[-1] * 1.01:.4f}"
    ]
    file.write_text("\n".join(["date,ticker,close", *rows]), encoding="utf-8")
    code, out, err = tm("add", "prices", file, "--yes", "--data", data)
    assert code == 0, err
    assert "what would change" in out and "GM" in out and "how to go back" in out
    assert facts.load(data).prices["GM"].dropna().index[-1] == day
    _, out, _ = tm("snapshots", "--data", data)
    assert "own prices from mine.csv" in out and "bundled" in out
    code, out, _ = tm("snapshots", "--restore", "bundled", "--data", data)
    assert code == 0 and "in use: bundled" in out
    assert facts.load(data).prices["GM"].dropna().index[-1] == last.index[-1]


def test_nothing_is_added_without_a_yes(tm, data, tmp_path, monkeypatch):
    file = tmp_path / "volumes.csv"
    file.write_text(
        "maker,variable,origin,period,value,source_title,source_url,source_date\n"
        "Toyota,us_production_units,US,CY2026,1400000,a test,https://example.com,2026-11-24\n",
        encoding="utf-8",
    )
    monkeypatch.setattr("typer.confirm", lambda *_, abort: (_ for _ in ()).throw(SystemExit(1)))
    code, out, _ = tm("add", "facts", file, "--data", data)
    assert code == 1 and "us_production_units" in out and "1,400,000" in out
    assert store.current(data) == store.BUNDLED
    code, out, _ = tm("add", "facts", file, "--yes", "--data", data)
    assert code == 0 and "1 row, 1 of them inputs of the model" in out
    assert "annual bills that would move" in out and "Toyota │ CY2027" in out
    assert store.current(data) != store.BUNDLED


def test_annual_bills_that_own_imports_move_are_shown(tm, data, tmp_path):
    file = tmp_path / "imports.csv"
    file.write_text("period,units\n2026-01,40000\n", encoding="utf-8")
    given = ["--maker", "Toyota", "--variable", "us_import_units", "--origin", "JP"]
    given += ["--source-title", "a test", "--known-on", "2026-11-24"]
    code, out, _ = tm("add", "facts", file, *given, "--yes", "--data", data)
    assert code == 0 and "annual bills that would move" in out
    lines = [line for line in out.splitlines() if "Toyota" in line and "%" in line]
    assert [line.split("│")[2].strip() for line in lines] == ["CY2026", "CY2027"]
    assert all("-" in line for line in lines)


def test_disclosure_is_shown_beside_the_model_before_it_is_added(tm, data, tmp_path):
    file = tmp_path / "said.csv"
    file.write_text(
        "company,kind,period,value,unit,said_on\nVolvo Cars,actual,2025-04..2025-09,2.9,sek_bn,2025-11-05\n",
        encoding="utf-8",
    )
    code, out, _ = tm("add", "disclosures", file, "--yes", "--source-title", "results", "--data", data)
    assert code == 0 and "1 statement, 1 of them comparable" in out
    assert "what is comparable, and why" in out and "gross of own mitigation, as the model is" in out
    assert store.current(data) != store.BUNDLED
    code, out, _ = tm("validate", "--data", data)
    assert code == 0 and "Volvo Cars" in out
    code, out, _ = tm("validate", "--own", "--data", data)
    assert code == 0 and "Volvo Cars" in out and "Toyota" not in out and "headline: 1 statements" in out
    code, _, err = tm("validate", "--own", "--since", "2026-11-01", "--data", data)
    assert code == 1 and "no statement that can be compared of your own of 2026-11-01 or later" in err


def test_figure_far_from_the_one_in_use_is_doubted_before_it_is_added(tm, data, tmp_path):
    file = tmp_path / "volumes.csv"
    file.write_text(
        "period,units\n2025,2400\n2024,2400000\n",  # in thousands, and right
        encoding="utf-8",
    )
    given = ["--maker", "Toyota", "--variable", "us_sales_units", "--origin", "US"]
    given += ["--source-title", "a test", "--source-date", "2026-11-24"]
    code, _, err = tm("add", "facts", file, *given, "--yes", "--data", data)
    assert code == 0 and err.count("warning") == 1
    assert "volumes.csv row 2: value is 2400.0; expected a figure near the 2,5" in err


def test_faulty_files_are_refused_with_row_and_column(tm, data, tmp_path):
    file = tmp_path / "bad.csv"
    file.write_text("date,ticker,close\n2026-08-21,GM,-3\n2026-08-24,GM,50\n", encoding="utf-8")
    code, _, err = tm("add", "prices", file, "--yes", "--data", data)
    assert code == 1 and "bad.csv row 2" in err and "Traceback" not in err
    assert store.current(data) == store.BUNDLED


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        (("unchanged", "updated"), 0),
        (("revised", "rebased"), 0),
        (("unchanged", "failed"), 3),
        (("updated", "conflict"), 3),
        (("updated", "doubted"), 3),
        (("updated", "unchanged", "not found"), 3),
        (("updated", "not found", "not found"), 4),
        (("failed", "skipped"), 4),
    ],
)
def test_refresh_says_what_came_and_its_exit_code_what_stayed_behind(tm, data, monkeypatch, outcomes, code):
    asked = {}

    def fake(known, *, tickers, currencies, accept, progress):
        asked.update(tickers=tickers, currencies=currencies, accept=accept)
        progress(1, 2, "GM")
        row = {
            "rows_added": 0,
            "last": pd.Timestamp("2026-08-20"),
            "behind": 0,
            "detail": "as told",
            "remedy": "do",
        }
        rows = [{"ticker": f"L{k}", "outcome": outcome} | row for k, outcome in enumerate(outcomes)]
        return refresh.Report(pd.DataFrame(rows), "")

    monkeypatch.setattr(refresh, "refresh", fake)
    found, out, _ = tm("refresh", "GM", "F", "--no-currencies", "--data", data)
    assert found == code and f"{len(outcomes)} lines: " in out
    if code:
        assert f"L{len(outcomes) - 1}: {outcomes[-1]}. as told. Remedy: do" in out
    assert asked == {"tickers": ["GM", "F"], "currencies": False, "accept": []}
    tm("refresh", "--accept", "GM", "--accept", "USDJPY", "--data", data)
    assert asked == {"tickers": ["GM"], "currencies": True, "accept": ["GM", "USDJPY"]}


def test_refresh_of_all_goes_on_after_a_part_at_fault_and_says_what_to_do_after_a_break(
    tm, data, monkeypatch
):
    def run(code):
        def part(known, progress, options):
            progress(1, 1, "step")
            if code == 1:
                raise DataError("no space left")
            return f"ended with {code}", code

        return renewal.Part("a part", part)

    monkeypatch.setattr(renewal, "PARTS", {"rates": run(1), "prices": run(0), "news": run(3)})
    code, out, err = tm("refresh", "--data", data)
    assert code == 1 and "prices: ended with 0" in out and "news: ended with 3" in out
    assert "error: rates: no space left" in err
    assert tm("refresh", "news", "prices", "--data", data)[0] == 3
    code, _, err = tm("refresh", "news", "GM", "--data", data)
    assert code == 2 and "GM: parts are rates, prices, news" in " ".join(err.split())

    def broken_off(*_):
        raise KeyboardInterrupt

    monkeypatch.setitem(renewal.PARTS, "news", renewal.Part("a part", broken_off))
    code, _, err = tm("refresh", "--data", data)
    assert code == 130 and "goes on from there" in err


def test_status_says_what_is_old_and_what_renews_it(tm, data, known):
    code, out, _ = tm("status", "--data", data)
    assert code == 3 and "tariffmodel refresh" in out
    code, out, _ = tm("status", "--format", "json", "--data", data)
    rows = {row["what"]: row for row in json.loads(out)["rows"]}
    assert code == 3 and set(rows) >= {
        "prices",
        "exchange rates",
        "US imports",
        "output",
        "earnings dates",
        "law",
    }
    day = pd.Timestamp(known.as_of, tz="UTC")
    then = renewal.status(known, day)
    assert then.loc["exchange rates", ["newest", "age_days", "old"]].tolist() == [f"{known.as_of}", 0, False]
    late = renewal.status(known, day + pd.Timedelta(days=400))
    assert late["old"].all() and (late["age_days"] > late["limit_days"]).all()


def test_hedge_prints_and_writes_a_ticket(tm, tmp_path):
    code, out, _ = tm(
        "hedge",
        "--long",
        "7203.T",
        "--notional",
        "10e6",
        "--threat",
        "Korea back to 25%",
        "--instrument",
        "JPY",
        "--output",
        tmp_path / "out",
    )
    assert code == 0
    for text in ("Long Toyota Motor", "12,500,000 JPY", "out of sample"):
        assert text in out
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        f"ticket.{kind}" for kind in ("csv", "md", "pdf", "png")
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["hedge", "--long", "XYZ", "--threat", "korea-25"], "XYZ"),
        (["hedge", "--long", "7203.T", "--threat", "free money"], "free money"),
        (["hedge", "--long", "7203.T", "--threat", "korea-25", "--notional", "-5"], "-5"),
        (["snapshots", "--restore", "yesterday"], "no snapshot 'yesterday'; there are bundled"),
    ],
)
def test_mistakes_get_one_clear_message(tm, words, message):
    code, _, err = tm(*words)
    assert code == 1 and message in err and "Traceback" not in err and "fault of tariffmodel" not in err


@pytest.mark.parametrize(
    "words",
    [
        ["refresh"],
        ["status"],
        ["snapshots"],
        ["add"],
        ["add", "prices"],
        ["add", "facts"],
        ["add", "disclosures"],
        ["hedge"],
    ],
)
def test_help_explains_every_command(tm, words):
    code, out, _ = tm(*words, "--help")
    assert code == 0 and "Usage" in out and len(out) > 150


@pytest.mark.usefixtures("judged_once")
def test_predictions_are_added_once_shown_and_scored(tm, data, tmp_path):
    code, out, _ = tm("forecast", "add", "--ahead", "3", "--data", data)
    assert code == 0 and "predictions of" in out and store.current(data) != store.BUNDLED
    code, out, _ = tm("forecast", "add", "--ahead", "3", "--data", data)
    assert code == 0 and out.startswith("nothing added")
    code, out, _ = tm("forecast", "show", "--format", "csv", "--data", data)
    assert out.startswith("maker,quarter,basis,") and "Toyota" in out
    assert tm("forecast", "show", "--data", data)[0] == 0
    code, out, _ = tm("forecast", "score", "--data", data)
    assert code == 0 and out.count("no statement yet") == 2
    file = tmp_path / "said.csv"
    file.write_text(
        "company,kind,period,value,unit,said_on,source_title\n"
        "Toyota,actual,2026-04..2026-09,300,jpy_bn,2026-11-06,results\n",
        encoding="utf-8",
    )
    tm("add", "disclosures", file, "--yes", "--data", data)
    code, out, _ = tm("forecast", "score", "--data", data)
    assert code == 0 and "Toyota" in out and "1 statements of 1 makers" in out
    code, out, _ = tm("validate", "--data", data)
    assert "ledger: Made after it, without it in the data: 1 statements of 1 makers" in out
