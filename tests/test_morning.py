"""Does the morning note say what came in, what moved and why, and nothing that did not happen?

Two runs are folders made by hand; notebooks are executed in ``test_report``.
"""

from __future__ import annotations

import email
import email.policy
import json
import re
import shlex
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
import typer.main
import yaml
from bs4 import BeautifulSoup

import tariffmodel as tm
from tariffmodel import changes, cli, morning, morning_files, reasons, since, store
from tariffmodel.errors import DataError
from tariffmodel.facts import Facts
from tariffmodel.runs import manifest
from tariffmodel.tariff.case import Case

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
KEY = ("Toyota", "us_import_units", "JP")
HOSTILE = "<b>Bills</b> \u202e & <script>alert(1)</script>"
NOW = datetime(2026, 12, 1, 6, tzinfo=UTC)
ENDS = {"bill_usd": "value", "bill_low_usd": "low", "bill_high_usd": "high"}


def few_prices(facts: Facts, days: int) -> Facts:
    """The facts with two lines' prices and the rates of so many days before the last one."""
    some = replace(facts)
    prices = facts.prices[["7203.T", "GM"]].dropna().iloc[-300:]
    vars(some).update(prices=prices.iloc[: len(prices) - days], fx=facts.fx.iloc[-300:])
    return some


def write_run(folder: Path, case: Case, title: str, days: int = 0) -> Path:
    """What a run leaves, as far as the note reads it."""
    changes.keep_inputs(folder, few_prices(case.facts, days), case.policy, case.against)
    bills = tm.exposure.table(case)[list(ENDS)].rename(columns=ENDS)
    changes.conclude("02", "bill_usd", bills, folder, unit="usd")
    beta = pd.DataFrame({"value": [-0.4 if days else 0.3], "standard_error": [0.1]}, index=["Toyota"])
    changes.conclude("06", "fx_beta", beta, folder, unit="elasticity")
    (folder / "charts").mkdir()
    (folder / "charts" / "02_bill.json").write_text(json.dumps({"title": title}), encoding="utf-8")
    parameters = {"policy": "current-law", "against": "before-april-2025", "period": str(case.period)}
    about = manifest.begin({**parameters, "as_of": str(case.as_of)}, case.facts, case.policy, case.against)
    ended = {"status": "ok", "error": None, "failed_cell": None, "sha256": "1" * 64}
    about |= {
        "run": folder.name,
        "complete": True,
        "data_changed": False,
        "notebooks": [{"file": f"{number}_x.ipynb", **ended} for number in ("02", "06")],
    }
    return saved(folder, about)


def saved(folder: Path, about: dict) -> Path:
    """Write the manifest, with what lies in the folder now."""
    files = [path for path in manifest.files(folder) if path.name != "manifest.json"]
    about["outputs"] = [manifest.described(path, path.relative_to(folder).as_posix()) for path in files]
    manifest.save(folder, about)
    return folder


def like(other: Path, folder: Path, **changed) -> Path:
    """A copy of a run's folder whose manifest says something else."""
    shutil.copytree(other, folder)
    about = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return saved(folder, about | {"run": folder.name} | changed)


@pytest.fixture(scope="module")
def asked(known) -> Case:
    return tm.case(as_of="2026-10-30", data=known)


@pytest.fixture(scope="module")
def earlier(asked) -> Case:
    """The case before 10% was taken off Toyota's shipments, and with another rate of the Japan deal."""
    more = asked.facts.with_values({KEY: lambda units: units * 1.1})
    law = asked.policy.model_copy(
        update={
            "additional": [
                rule.model_copy(update={"rate": 0.17}) if rule.id == "japan-deal" else rule
                for rule in asked.policy.additional
            ]
        }
    )
    return asked.replace(facts=more, policy=law)


@pytest.fixture(scope="module")
def two(asked, earlier, tmp_path_factory) -> tuple[Path, Path]:
    output = tmp_path_factory.mktemp("output")
    one = write_run(output / "20261129-060000-current-law", earlier, "Toyota owes most, USD 7 bn", days=5)
    return one, write_run(output / "20261130-060000-current-law", asked, HOSTILE)


@pytest.fixture(scope="module")
def past(asked, tmp_path_factory) -> Path:
    return write_run(tmp_path_factory.mktemp("output") / "past", asked.as_known("2026-03-31"), "")


@pytest.fixture(scope="module")
def said(two, asked) -> morning.Note:
    return morning.note(two[1], two[0], asked.facts, NOW)


def block(note: morning.Note, title: str) -> morning.Block:
    return next(one for one in note.blocks if one.title.startswith(title))


# Why bills moved


def test_a_change_is_divided_into_figures_and_law_to_the_cent(two, asked, earlier):
    found = reasons.bills(*two, asked.facts)
    middle = pd.Series(asked.replace(policy=earlier.policy).runs_usd[0], asked.goods.makers)
    before = pd.Series(earlier.runs_usd[0], asked.goods.makers)
    assert (found["by_facts_usd"] - (middle - before)).abs().max() < 0.01
    parts = found[["by_facts_usd", "by_law_usd"]].sum(axis=1)
    assert (parts - found["change_usd"]).abs().max() < 1 and found["by_rest_usd"].abs().max() < 1
    assert found.at["Toyota", "by_facts_usd"] < -1e7 and found.at["Toyota", "by_law_usd"] < -1e7
    assert found.at["GM", "by_facts_usd"] == 0


def test_what_figures_and_law_do_not_explain_is_left_to_the_rest(two, asked, earlier, tmp_path):
    other = like(two[0], tmp_path / "other")
    changes.conclude("02", "bill_usd", tm.exposure.table(earlier)["bill_usd"] - 5e7, other, unit="usd")
    found = reasons.bills(other, two[1], asked.facts)
    assert found["by_rest_usd"].sub(5e7).abs().max() < 1 and found["bill_before_low_usd"].isna().all()


def test_parts_are_missing_where_the_data_give_other_bills(two, asked):
    found = reasons.bills(*two, asked.facts.with_values({KEY: lambda units: 2 * units}))
    assert pd.isna(found.at["Toyota", "by_law_usd"]) and found.at["Toyota", "change_usd"] < 0


def test_figures_that_became_known_between_two_days_are_figures(asked, past, two):
    found = reasons.bills(past, two[1], asked.facts)
    moved = found[found["change_usd"].abs() > 1e7]
    assert len(moved) > 3
    assert (moved["by_facts_usd"] - moved["change_usd"]).abs().max() < 1


# What the note says


def test_the_headline_is_the_largest_move_with_its_sign_and_reasons(said, two, asked):
    moved = reasons.bills(*two, asked.facts)["change_usd"]
    assert moved.abs().idxmax() == "Toyota" and moved["Toyota"] < 0
    assert said.headline.startswith(f"Toyota owes USD {-moved['Toyota'] / 1e6:,.0f} m less: ")
    assert re.search(r"\((law|figures) −\d+, (law|figures) −\d+\)", said.headline)


def test_what_came_in_names_the_figure_and_the_rule(said):
    told = " ".join(block(said, "What came in").says)
    assert "Toyota US import units JP" in told and "additional.japan-deal.rate 0.17 → 0.15" in told
    assert "price line" in told


def test_bills_stand_with_their_range_and_add_up(said):
    bills = block(said, "Bills that moved")
    assert bills.heads == ("Maker", "Earlier", "Now", "Change", "by figures", "by law")
    maker, _, now, *moves = bills.rows[0]
    change, *parts = (int(cell.replace("−", "-").replace(",", "")) for cell in moves)
    assert maker == "Toyota" and re.fullmatch(r"[\d,]+ \([\d,]+–[\d,]+\)", now)
    assert abs(change - sum(parts)) <= 1


def test_moves_of_shares_are_those_of_the_panel(said, asked):
    prices = asked.facts.prices["GM"].dropna()
    both = asked.facts.prices[["7203.T", "GM"]].dropna().index
    expected = prices[both[-1]] / prices[both[-6]] - 1
    gm = next(row for row in block(said, "Shares").rows if row[0] == "GM")
    assert gm[2] == f"{expected:+.1%}".replace("-", "−")


def test_a_conclusion_in_words_and_a_change_of_sign_are_told(said):
    assert block(said, "Conclusions").rows == (("Toyota owes most, USD 7 bn", HOSTILE),)
    row = block(said, "Other figures").rows[0]
    assert row[1:3] == ("Toyota", "sign flip") and row[4] == "0.3 (± 0.1)"


def test_what_is_next_is_within_two_weeks_and_what_is_old_has_its_remedy(said):
    assert len(block(said, "Next").rows) > 0
    assert ("exchange rates", "2026-10-30", "refresh rates") in block(said, "What is old").rows


def test_rows_of_a_changed_table_are_counted_while_its_earlier_state_is_kept(tmp_path):
    name, snapshot = "events/events.csv", tmp_path / "store" / "20261128T1"
    store.write_whole(tmp_path / name, b"event,label\na,A\nb,B\n")
    then = {"data": [manifest.described(tmp_path / name, name)]}
    store.write_whole(snapshot / name, b"event,label\nb,B\nc,C\nd,D\n")
    store.write_whole(snapshot / "about.json", b"{}")
    store.write_whole(tmp_path / "store" / "CURRENT", b"20261128T1\n")
    changed = pd.DataFrame({"what": ["data"], "name": [name]})
    assert morning._grown(changed, then, tmp_path) == {name: "2 rows in, 1 out"}
    assert morning._grown(changed, {"data": []}, tmp_path) == {}


def test_nothing_changed_is_one_line(two, asked):
    note = morning.note(two[1], two[1], asked.facts, NOW)
    assert note.headline == f"Nothing changed: same inputs, same conclusions as {two[1].name}."
    assert [one.title for one in note.blocks] == ["Next 14 days", "What is old"]


def test_other_code_is_not_called_an_input_that_came_in(two, asked, tmp_path):
    other = like(two[1], tmp_path / "other", git={"commit": "f" * 40, "dirty": False})
    note = morning.note(other, two[1], asked.facts, NOW)
    assert "the code changed, and no conclusion changed" in note.headline


def test_a_question_about_a_past_day_looks_ahead_from_that_day(asked, past):
    note = morning.note(past, None, asked.facts, NOW)
    assert note.title.startswith("Morning note, 31 Mar 2026") and "nothing to compare with" in note.headline
    assert [one.title for one in note.blocks] == ["Next 14 days"]
    assert all(row[0].endswith(("Mar", "Apr")) for row in note.blocks[0].rows)


def test_a_failure_stands_first_and_its_conclusions_are_left_out(two, asked, tmp_path):
    ill = {"status": "failed", "error": "KeyError: <x>", "failed_cell": 3, "sha256": "1" * 64}
    notebooks = [{"file": "02_x.ipynb", **ill}]
    folder = like(two[1], tmp_path / "ill", notebooks=notebooks)
    note = morning.note(folder, two[0], asked.facts, NOW)
    assert note.alerts[0] == "Failed: 02_x.ipynb, cell [3]: KeyError: <x>"
    assert any("notebook 02 are not compared" in text for text in note.alerts)
    assert block(note, "Conclusions").rows == ()


def test_another_question_is_refused(two, asked, tmp_path):
    about = json.loads((two[1] / "manifest.json").read_text(encoding="utf-8"))
    other = like(two[1], tmp_path / "other", parameters=about["parameters"] | {"period": "CY2025"})
    with pytest.raises(DataError, match="has period FY2026-03, other has CY2025; compare runs of one"):
        morning.note(other, two[0], asked.facts, NOW)


# Page, mail, text


@pytest.fixture(scope="module")
def written(said, tmp_path_factory) -> dict[str, bytes]:
    paths = morning_files.write(said, tmp_path_factory.mktemp("note"))
    return {path.name: path.read_bytes() for path in paths}


def test_text_from_outside_stays_text(written):
    for name in ("morning.html", "morning_email.html"):
        page = BeautifulSoup(written[name], "html.parser")
        assert not page(["script", "b", "img", "iframe", "form"])
        assert "<b>Bills</b> \\u202e & <script>" in page.get_text()


def test_the_mail_is_tables_of_600_pixels_without_anything_to_load(written):
    text = written["morning_email.html"].decode()
    page = BeautifulSoup(text, "html.parser")
    assert not page(["style", "link", "img"]) and not page.find_all(attrs={"class": True})
    assert not re.search(r"(https?:|url\(|src=|data:)", text)
    assert {table["width"] for table in page("table")} == {"100%", "600"}


def test_the_message_has_both_forms_and_a_subject_that_says_it(written, said):
    message = email.message_from_bytes(written["morning.eml"], policy=email.policy.default)
    plain, rich = message.iter_parts()
    assert message.get_content_type() == "multipart/alternative"
    assert [plain.get_content_type(), rich.get_content_type()] == ["text/plain", "text/html"]
    assert plain.get_content() == written["morning.txt"].decode()
    assert rich.get_content().strip() == written["morning_email.html"].decode().strip()
    assert message["subject"].startswith("Morning note, ") and said.headline[:60] in message["subject"]
    assert message["to"] is None and max(map(len, written["morning.eml"].splitlines())) < 100


def test_the_text_begins_with_the_headline_in_lines_that_mail_takes(written, said):
    text = written["morning.txt"].decode()
    assert " ".join(text.partition("\n\n")[0].split()) == said.headline
    assert max(map(len, text.splitlines())) <= 78


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt install chromium")
def test_the_fullest_note_prints_on_one_page(said, tmp_path):
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright here")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        for number, note in enumerate((said, fullest(said))):
            morning_files.write(note, tmp_path)
            page.goto((tmp_path / "morning.html").as_uri())
            pdf = page.pdf(prefer_css_page_size=True)
            assert len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf)) == 1, number
        browser.close()


def fullest(note: morning.Note) -> morning.Note:
    """Every part with as many rows as it may have, each as long as it may be."""
    long = ("Wide words of figures, 123,456 " * 20)[: morning._LONGEST - 1] + "…"
    rows, title = morning._ROWS, long[: morning._TITLE]
    cells = {
        "Bills": ("Mitsubishi Motors", "12,345", "12,345 (10,234–14,345)", *3 * ["−1,886"]),
        "Shares": ("Mitsubishi Motors", "30 Oct", "−12.4%", "12.0"),
        "Conclusions": (title, title),
        "Other": ("Out-of-sample variance reduction", "2026-05-01-eu-25-threat / Mitsu…",
                  "significance gained", *2 * ["USD −12.24 bn (−13.31 bn to −10.11 bn)"]),
        "Next": ("28 Nov–30 Dec", long[: morning._WHAT], "MX, US, C…"),
        "What is old": ("figures about makers", "2026-07", "data/policies/*.toml"),
    }  # fmt: skip
    kinds = ("bills", "markets", "titles", "figures", "next", "old")
    full = [replace(block(said_block, name), rows=rows[kind] * (row,)) for said_block, (name, row), kind in
            zip([note] * 6, cells.items(), kinds, strict=True)]  # fmt: skip
    news = morning.Block("What came in", says=rows["news"] * (long,))
    return replace(note, headline=long, alerts=rows["alerts"] * (long,), blocks=(news, *full))


# Which run is meant, and who may run


def test_since_means_the_last_a_name_or_a_day(two):
    output, asked_now = two[0].parent, json.loads((two[0] / "manifest.json").read_text())["parameters"]
    for text, folder in {
        "last": two[1],
        two[0].name: two[0],
        str(two[0]): two[0],
        "2026-11-29": two[0],
        "2026-12-24": two[1],
    }.items():
        assert since.earlier(output, text, asked_now, "~") == folder, text
    assert since.earlier(output, "last", {**asked_now, "period": "CY2025"}, "~") is None


@pytest.mark.parametrize(
    ("text", "changed", "message"),
    [
        ("2026-11-28", {}, "no finished run of this question .* from that day or before; name a later day"),
        ("2026-13-01", {}, "write a day such as 2026-11-20"),
        ("yesterday", {}, "no finished run of that name; write last, a day .*the newest: 20261130"),
        (
            "20261129-060000-current-law",
            {"policy": "flat-25"},
            "give the same policy, or compare",
        ),
    ],
)
def test_a_run_that_is_not_there_or_of_another_question_is_refused(two, text, changed, message):
    question = json.loads((two[0] / "manifest.json").read_text())["parameters"]
    with pytest.raises(DataError, match=message):
        since.earlier(two[0].parent, text, question | changed, "~")


def test_two_runs_with_since_do_not_work_in_one_folder(tmp_path):
    refused = pytest.raises(DataError, match=r"another run with --since works in .*runs \(pid \d+\); wait")
    with since.alone(tmp_path / "runs"), refused, since.alone(tmp_path / "runs"):
        pass
    with since.alone(tmp_path / "runs"):
        pass


# What the page of the documentation says


def howto(kind: str) -> str:
    page = (Path(__file__).parents[1] / "docs" / "howto" / "morning.md").read_text(encoding="utf-8")
    return re.search(rf"^```{kind}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)[1]


def understood(line: str) -> None:
    """Parse every call of `tariffmodel` in a line of the shell, without running it."""
    for call in re.findall(r"tariffmodel ([^;|&>}]+?)(?: \d?>.*)?(?=[;|&>}]|$)", line):
        name, *words = shlex.split(call)
        command = typer.main.get_command(cli.app).commands[name]
        command.make_context(name, words, resilient_parsing=False)


def test_the_crontab_is_five_fields_and_commands_that_are_understood():
    lines = [line for line in howto("text").splitlines() if line and "=" not in line.split()[0]]
    assert any("run --since last" in line for line in lines)
    for line in lines:
        assert re.match(r"(?:[\d*/,-]+ ){5}", line) and "%" not in line  # which cron would read as a new line
        understood(line)


def test_the_workflow_is_yaml_whose_commands_are_understood_and_whose_actions_have_versions():
    flow = yaml.safe_load(howto("yaml"))
    at = flow[True]["schedule"][0]["cron"]  # YAML reads `on` as true
    assert re.fullmatch(r"(?:[\d*/,-]+ ){4}[\d*/,-]+", at)
    steps = [step for job in flow["jobs"].values() for step in job["steps"]]
    assert all(re.fullmatch(r"actions/[\w/-]+@v\d+", step["uses"]) for step in steps if "uses" in step)
    calls = [step["run"] for step in steps if "run" in step]
    assert any("tariffmodel run --since last" in call for call in calls)
    for call in calls:
        for line in call.splitlines():
            understood(line)
    assert "secrets" not in howto("yaml")


def test_the_positions_of_the_page_are_understood(known):
    folder = Path(__file__).parents[1] / "docs" / "howto"
    assert len(tm.own_positions.read(known, folder / "positions.csv")) >= 3
