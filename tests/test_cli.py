"""The commands as a user types them, in a process of their own where start-up matters."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tariffmodel import cli, columns, report
from tariffmodel.runs import manifest


def test_import_leaves_heavy_packages_alone():
    code = (
        "import sys, tariffmodel;"
        "print({'jupyterlab', 'IPython', 'yfinance', 'matplotlib', 'pandas'} & set(sys.modules))"
    )
    heavy = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert heavy.strip() == "set()"


def test_model_works_without_jupyter_yfinance_or_matplotlib_loaded():
    code = (
        "import sys, tariffmodel as tm; tm.exposure.table(tm.case(against='current-law'));"
        "assert not {'jupyterlab', 'IPython', 'yfinance', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_exposure_as_a_table_names_policy_period_date_and_makers(tm):
    code, out, _ = tm("exposure", "--period", "FY2026-03")
    assert code == 0
    for text in (
        "US auto tariffs as the law evolved",
        "FY2026-03",
        "as of",
        "Toyota",
        "Suzuki",
        "(in Volkswagen)",
        "JPY",
        "imports of 18 makers: a year in the period is not known; it has the imports of the nearest one",
    ):
        assert text in out


def test_exposure_as_json_and_csv_carry_the_same_plain_numbers(tm):
    _, text, _ = tm("exposure", "--format", "json", "--period", "2025Q4")
    answer = json.loads(text)
    assert (
        answer["policy"] == "current-law"
        and answer["against"] == "before-april-2025"
        and answer["period"] == "2025Q4"
    )
    _, table, _ = tm("exposure", "--format", "csv", "--period", "2025Q4")
    header, first, *rest = table.splitlines()
    assert len(rest) == 19 and header.startswith("maker,home,consolidated_in,us_sales_units")
    column = header.split(",").index("bill_usd")
    assert float(first.split(",")[column]) == pytest.approx(answer["rows"][0]["bill_usd"], rel=1e-6)


def test_compare_ranks_makers_by_what_they_gain(tm):
    words = ["compare", "current-law", "eu-netting", "--rank"]
    rows = json.loads(tm(*words, "--format", "json")[1])["rows"]
    changes = [row["change_usd"] for row in rows]
    assert rows[0]["maker"] == "Mercedes-Benz" and changes == sorted(changes)
    assert rows[0]["relief_per_us_built_usd"] > 0
    assert "Who gains and who loses under eu-netting, beside current-law" in tm(*words)[1]
    assert tm("compare", "current-law", "--rank")[0] == 2


def test_response_answers_with_net_bills_and_with_published_figures(tm):
    rows = {row["maker"]: row for row in json.loads(tm("response", "--format", "json")[1])["rows"]}
    assert rows["Tesla"]["net_bill_usd"] < 0 < rows["Toyota"]["net_bill_usd"] < rows["Toyota"]["bill_usd"]
    assert "Net bill" in tm("response")[1]
    code, out, _ = tm("response", "--published")
    assert code == 0 and "Riker" in out


def test_bills_and_rankings_have_the_net_bill_beside_the_gross_one_when_asked(tm):
    words = ["compare", "current-law", "flat-25", "--period", "CY2025"]
    answer = json.loads(tm(*words, "--rank", "--response", "prices", "--format", "json")[1])
    first = answer["rows"][0]
    assert answer["horizon"] == "equilibrium" and first["net_change_usd"] < 0 < first["change_usd"]
    both = json.loads(tm(*words, "--horizon", "short", "--format", "json")[1])["rows"]
    toyota = next(row for row in both if row["maker"] == "Toyota")
    assert 0 < toyota["current-law_net_usd"] < toyota["current-law_usd"] and toyota["flat-25_net_usd"] > 0
    _, out, _ = tm("exposure", "--period", "CY2025", "--horizon", "short")
    assert "What is left of the bill: prices have settled" in out
    for wrong in (["--response", "all"], ["--horizon", "soon"], ["--response", "none", "--horizon", "long"]):
        code, _, err = tm("exposure", *wrong)
        assert code == 2 and "choose" in err


def test_set_changes_a_number_of_the_policy(tm):
    plain, changed = (
        json.loads(tm("exposure", "--policy", "japan-flexible-linear-firm", "--format", "json", *more)[1])[
            "rows"
        ]
        for more in ([], ["--set", "relief.japan.slope=0"])
    )
    toyota = [next(row["bill_usd"] for row in rows if row["maker"] == "Toyota") for rows in (plain, changed)]
    assert toyota[1] > toyota[0]
    words = [
        "incentives",
        "--policy",
        "japan-flexible-linear-firm",
        "--set",
        "relief.slope=0",
        "--format",
        "json",
    ]
    told = json.loads(tm(*words)[1])
    assert told["settings"] == ["relief.slope=0"]
    assert all(row["worth_job_usd"] == 0 for row in told["rows"])


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["exposure", "--policy", "nope"], 1, "no policy 'nope'; did you mean none?"),
        (["exposure", "--period", "soon"], 1, "period 'soon' is not understood; write CY2025"),
        (["exposure", "--set", "relief.japan.slope=0.1"], 1, "no key 'relief.japan.slope'"),
        (["incentives", "--to-rate", "15"], 1, "rate is 15; write a fraction from 0 to 1, 0.15 for 15%"),
        (["exposure", "--set", "offset.rate=0.1"], 1, "write one of offset.msrp-offset.rate"),
        (
            ["exposure", "--set", "offset.msrp-offset.rate=3.75%"],
            1,
            "current-law.toml: offset.msrp-offset.rate: write",
        ),
        (["exposure", "--set", "offset.msrp-offset.rate="], 2, "write kind.id.field=value"),
        (["exposure", "--set", "slope"], 2, "write kind.id.field=value"),
        (["exposure", "--as-of", "yesterday"], 2, "write YYYY-MM-DD"),
        (["exposure", "--as-of", "1999-01-01"], 1, "was known"),
        (["exposure", "--format", "xml"], 2, "--format"),
        (["exposure", "--data", "/nonexistent"], 1, "is not a data folder"),
        (["contribution", "--level", "world"], 2, "firm or country"),
        (["run", "--jobs", "0"], 2, "--jobs"),
        (["frobnicate"], 2, "No such command"),
    ],
)
def test_mistakes_get_one_clear_message_a_code_and_no_traceback(tm, words, code, message):
    got, _, err = tm(*words)
    assert got == code and message in err and "Traceback" not in err


def test_debug_shows_the_traceback():
    done = subprocess.run(
        [sys.executable, "-m", "tariffmodel", "exposure", "--policy", "nope", "--debug"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and "Traceback" in done.stderr and "PolicyError" in done.stderr


def test_check_passes_on_the_bundled_data_and_lists_every_fault_elsewhere(tm, data):
    code, out, _ = tm("check")
    assert code == 0 and "no fault" in out
    path = data / "facts/volumes.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("reported", "rumoured", 2), encoding="utf-8")
    (data / "policies/broken.toml").write_text("title = 3", encoding="utf-8")
    code, _, err = tm("check", "--data", str(data))
    assert (
        code == 1
        and err.count("'rumoured'") == 2
        and "broken.toml: title: Input should be a valid string" in err
    )


def test_policies_and_contribution_answer(tm):
    _, out, _ = tm("policies")
    assert "current-law" in out and "flat-25" in out
    listed = json.loads(tm("policies", "--format", "json")[1])["rows"]
    assert {"name", "status", "title", "description"} == set(listed[0])
    _, out, _ = tm("contribution", "--level", "country")
    assert "JP" in out and "Built in US" in out


@pytest.mark.parametrize(
    "words", [[], ["exposure"], ["run"], ["lab"], ["check"], ["policies"], ["contribution"]]
)
def test_help_explains_every_command(tm, words):
    code, out, _ = tm(*words, "--help")
    assert code == 0 and "Usage" in out and len(out) > 150


def test_compare_incentives_and_validate_answer(tm):
    _, out, _ = tm("compare", "current-law", "flat-25")
    assert "US Treasury" in out and "flat-25" in out and columns.label("bill_usd", "comparison.ranked") in out
    _, out, _ = tm(
        "compare", "current-law", "japan-flexible-linear-firm", "--worth", "us_built", "--format", "csv"
    )
    assert out.startswith("maker,current-law_usd,japan-flexible-linear-firm_usd") and "US Treasury" not in out
    _, out, _ = tm("incentives", "--policy", "japan-flexible-linear-country", "--to-rate", "0.2")
    assert "20.0%" in out
    headings = " ".join(line.replace("┃", " ") for line in out.splitlines() if "┃" in line).split()
    shown = ["worth_us_built_usd", "worth_usd_m_invested_usd", "exported_to_reach_rate_units"]
    assert all(set(columns.label(name).split()) <= set(headings) for name in shown)
    row = next(line for line in out.splitlines() if "Nissan" in line)
    assert all(re.fullmatch(r"-?\d+ \(-?\d+\)", cell.strip()) for cell in row.split("│")[2:4]), row
    _, out, _ = tm("compare", "current-law", "japan-flexible-linear-firm", "--worth", "job")
    assert columns.column("worth_job_usd").definition[1:] in " ".join(out.split())
    _, out, _ = tm("validate")
    assert "median absolute error" in out and "rank correlation" in out and "Toyota" in out
    assert tm("compare", "current-law", "current-law")[0] == 1


@pytest.fixture
def jupyter(monkeypatch):
    """What `lab` would start, in place of starting it."""
    started = []

    class Server:
        def __init__(self, command):
            started.append(command)
            self.answers = [KeyboardInterrupt(), 0]  # Ctrl-C, and yes to the server's question

        def wait(self):
            answer = self.answers.pop(0)
            if answer:
                raise answer
            return answer

        def terminate(self):
            started.append("terminated")

    monkeypatch.setattr("tariffmodel.cli.suite.subprocess.Popen", Server)
    ends = signal.getsignal(signal.SIGTERM)
    yield started
    signal.signal(signal.SIGTERM, ends)


def test_lab_opens_the_first_notebook_with_the_python_of_this_environment(tm, jupyter):
    notebooks = Path(cli.__file__).parents[2] / "notebooks"
    assert tm("lab", "--port", "9999", "--no-browser", "--allow-root")[0] == 0
    (command,) = jupyter
    assert command[:3] == [sys.executable, "-m", "jupyterlab"]
    assert f"--notebook-dir={notebooks}" in command and "--KernelSpecManager.kernel_dirs=[]" in command
    assert "--LabApp.default_url=/lab/tree/00_start_here.ipynb" in command
    assert command[-3:] == ["--port=9999", "--no-browser", "--allow-root"]


def test_lab_that_is_told_to_end_ends_its_server(tm, jupyter):
    tm("lab", "--no-browser")
    signal.raise_signal(signal.SIGTERM)
    assert jupyter[1:] == ["terminated"]


def test_lab_of_an_installed_package_works_on_a_copy_and_keeps_what_was_edited(
    tm, jupyter, tmp_path, monkeypatch
):
    package = tmp_path / "site-packages" / "tariffmodel"
    (package / "notebooks").mkdir(parents=True)
    for name in ("01_a", "02_b"):
        (package / "notebooks" / f"{name}.ipynb").write_text("original")
    monkeypatch.setattr(manifest, "PACKAGE", package)
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "tariffmodel-notebooks"
    assert "2 copied, 0 kept" in tm("lab")[2]
    (mine / "01_a.ipynb").write_text("edited")
    (package / "notebooks" / "00_start_here.ipynb").write_text("new in this version")
    assert "1 copied, 2 kept" in tm("lab")[2]
    assert (mine / "01_a.ipynb").read_text() == "edited"
    assert all("--notebook-dir=tariffmodel-notebooks" in command for command in jupyter)
    opened = [any("default_url" in word for word in command) for command in jupyter]
    assert opened == [False, True]  # without a first notebook, the folder


def test_run_refuses_a_day_on_which_a_fact_was_not_known_before_it_writes(tm, tmp_path):
    words = [
        "run",
        "--as-of",
        "2025-05-30",
        "--period",
        "CY2025",
        "--only",
        "00",
        "--output",
        tmp_path / "out",
    ]
    code, out, err = tm(*words)
    assert code == 1 and not out and "as of 2025-05-30 no msrp of Toyota was known" in err
    assert "the first is known on 2025-06-10" in err and not list(tmp_path.iterdir())


def test_run_that_is_interrupted_says_what_is_left(tm, monkeypatch):
    def interrupted(**options):
        raise KeyboardInterrupt

    monkeypatch.setattr(report, "run", interrupted)
    code, _, err = tm("run")
    assert code == 130 and err.strip() == "interrupted; nothing is left of this run"


def test_run_hands_its_options_on(tm, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(report, "run", lambda **options: asked.append(options) or tmp_path)
    tm("run", "--period", "2025Q4", "--only", "4, 05", "--jobs", "1", "--as-of", "2026-01-31")
    (first,) = asked
    assert (first["only"], first["jobs"], first["as_of"]) == (["04", "05"], 1, "2026-01-31")
    code, _, said = tm("run", "--only", "04,")  # an empty name begins them all
    assert code == 2 and "empty place" in said and len(asked) == 1


def test_run_with_since_says_one_line_on_standard_error_and_hides_its_progress(tm, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(report, "run", lambda **options: asked.append(options) or tmp_path)
    (tmp_path / "morning.txt").write_text("Nothing\nchanged.\n\nMorning note", encoding="utf-8")
    words = ["--since", "last", "--desk", "toyota, GM", "--book", "mine.csv", "--output", tmp_path / "runs"]
    code, out, err = tm("run", *words)
    (first,) = asked
    assert (first["since"], first["progress"], first["makers"]) == ("last", False, ["toyota", "GM"])
    assert (first["book"], first["threat"]) == (Path("mine.csv"), "flat-25")
    assert code == 0 and "morning note: " in out
    assert re.fullmatch(rf"\d{{4}}-\d\d-\d\dT[\d:]+Z {tmp_path.name}: Nothing changed\.\n", err)
