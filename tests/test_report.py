"""Do notebooks become a whole run folder, and does a failure end as loudly as it should?

The notebooks here are tiny and run in real kernels; a few runs serve the whole module.
"""

import errno
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import nbformat
import openpyxl
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import tariffmodel
from tariffmodel import __version__, changes, facts, market, report, store
from tariffmodel.errors import TariffModelError
from tariffmodel.runs import desk, kernels, since
from tariffmodel.runs import manifest as manifests

DEFAULTS = "policy, against, period, as_of, output = 'default', 'default', 'CY2024', None, 'output'"

WRITES = """\
import json, os
from pathlib import Path
Path(output, "tables").mkdir()
seen = dict(policy=policy, against=against, period=period, as_of=as_of)
seen |= dict(here=os.getcwd(), output=str(Path(output).resolve()), data=os.environ["TARIFFMODEL_DATA"])
Path(output, "tables", "seen.json").write_text(json.dumps(seen))
Path(output, "tables", "01_bill.csv").write_text("maker,bill_usd\\nToyota,6e9\\n")
about = {"title": "Bill", "units": {"bill_usd": "usd"}, "headings": {}}
Path(output, "tables", "01_bill.json").write_text(json.dumps(about))
Path(output, "charts").mkdir()
Path(output, "charts", "01_bars.csv").write_text("maker,bill_usd\\nToyota,6e9\\n")
series = [{"name": "bill", "values": [6.0], "low": None, "high": None}]
native = {"kind": "bar", "labels": ["Toyota"], "series": series, "unit": "USD bn", "x_unit": ""}
native |= {"columns": [], "form": "General", "row_colors": [], "series_colors": [], "key": []}
native |= {"limits": [0, 7]}
about = {"title": "Bars", "subtitle": "", "note": "", "alt": "One bar.", "native": native}
Path(output, "charts", "01_bars.json").write_text(json.dumps(about))
"""

CONCLUDES = """\
import pandas as pd
from tariffmodel import changes
bills = pd.Series({"Toyota": 6e9 if as_of == "2026-01-31" else 5e9, "Kia <b>": 1.5e9})
changes.conclude("01", "bill_usd", bills, output, unit="usd")
"""

SHOWS = """\
import sys
from IPython.display import HTML, display
PIXEL = "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><g id='clip'></g></svg>"
display({"image/svg+xml": PIXEL}, raw=True, metadata={"image/svg+xml": {"alt": "A <small> chart"}})
print("grumble", file=sys.stderr)
HTML("<script src='https://cdn.test/a.js'></script><link href='https://cdn.test/a.css'>"
     "<style>#T_1 { color: red }</style><b id='T_1'>bold</b>"
     "<img src='https://cdn.test/a.png' alt='far away'>")
"""


def write(folder: Path, name: str, *cells) -> None:
    metadata = {"kernelspec": {"name": "elsewhere", "display_name": "x", "language": "python"}}
    nbformat.write(new_notebook(cells=list(cells), metadata=metadata), folder / f"{name}.ipynb")


def defaults():
    return new_code_cell(DEFAULTS, metadata={"tags": ["parameters"]})


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    """Notebooks and a copy of the data in a folder, and `ask(...)` that runs them."""
    root = tmp_path_factory.mktemp("workshop")
    notebooks, data = root / "notebooks", shutil.copytree(facts.data_dir(), root / "data")
    notebooks.mkdir()
    shutil.copyfile(data / "policies" / "none.toml", data / "policies" / "a <b>bold<b> law.toml")
    stale = [new_output("stream", name="stdout", text="stale")]
    write(
        notebooks,
        "01_facts",
        new_markdown_cell(
            "# The *facts*\n\nThat $S < P$, see [policy](02_policy.ipynb#Notes) and [notes](#Notes)."
        ),
        defaults(),
        new_code_cell(WRITES),
        new_code_cell(CONCLUDES),
        new_markdown_cell("## Notes\n\n## Notes"),
    )
    write(notebooks, "02_policy", new_markdown_cell("# Policy\n\n## Notes"), defaults(), new_code_cell(SHOWS))
    write(
        notebooks,
        "03_broken",
        new_markdown_cell("# Broken"),
        defaults(),
        new_code_cell("raise ValueError('units < 0\\nsecond line')"),
        new_code_cell("print('never')", outputs=stale),
    )
    question = {"policy": "a <b>bold<b> law", "against": "none", "period": "CY2025", "as_of": "2026-01-31"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "notebook_folder", lambda: notebooks)
        patch.setenv("PYTHONPATH", str(Path(tariffmodel.__file__).parents[1]))  # installed or not

        def ask(**changes):
            return report.run(
                **{**question, "output": root / "output", "data": data, "progress": False, **changes}
            )

        yield SimpleNamespace(root=root, output=root / "output", data=data, ask=ask)


@pytest.fixture(scope="module")
def finished(workshop) -> Path:
    return workshop.ask(only=["01", "02"], jobs=1)


@pytest.fixture(scope="module")
def again(workshop, finished) -> Path:
    """The same question of the same data, two notebooks at a time."""
    return workshop.ask(only=["01", "02"], jobs=2)


@pytest.fixture(scope="module")
def later(workshop, again) -> Path:
    """The same question at the end of the data, asked of one notebook, with its note and a desk's page."""

    def prints(printed, folder):
        folder.mkdir()
        (folder / "toyota.pdf").write_text(printed.makers[0])
        return ["No live workbook: <why>."]

    with pytest.MonkeyPatch.context() as patch:  # see test_desk for what is printed
        patch.setattr(desk, "write", prints)
        return workshop.ask(only=["01"], as_of=None, since="last", makers=["7203"])


@pytest.fixture(scope="module")
def failed(workshop, later) -> report.RunError:
    with pytest.raises(report.RunError) as caught:
        workshop.ask(only=["03", "02"], since="last")
    return caught.value


def read(folder: Path) -> BeautifulSoup:
    return BeautifulSoup((folder / "report.html").read_text(encoding="utf-8"), "html.parser")


@pytest.fixture(scope="module")
def page(finished) -> BeautifulSoup:
    return read(finished)


@pytest.fixture(scope="module")
def manifest(finished) -> dict:
    return json.loads((finished / "manifest.json").read_text(encoding="utf-8"))


# The folder


def test_run_folder_is_named_for_its_time_policy_and_period(finished):
    assert re.fullmatch(r"\d{8}-\d{6}-a-b-bold-b-law-CY2025", finished.name)


def test_no_partial_folder_is_left(finished, again, later, failed, workshop):
    names = [finished.name, again.name, later.name, failed.folder.name, "latest", "morning.eml"]
    assert sorted(path.name for path in workshop.output.iterdir()) == sorted(names)


def test_latest_points_at_the_newest_run_that_did_not_fail(later, failed, workshop):
    assert (workshop.output / "latest").readlink() == Path(later.name)


def test_the_same_question_gives_the_same_tables_however_many_notebooks_run_at_a_time(finished, again):
    tables = [path.relative_to(finished) for path in finished.rglob("*.csv")]
    assert Path("conclusions.csv") in tables and len(tables) > 1
    for table in tables:
        assert (again / table).read_bytes() == (finished / table).read_bytes()


def test_two_runs_in_one_second_get_two_folders(tmp_path):
    assert [report._claim(tmp_path, "x")[0] for _ in range(3)] == ["x", "x-2", "x-3"]


def test_a_name_taken_by_a_failed_run_is_not_used_again(tmp_path):
    (tmp_path / "x-failed").mkdir()
    assert report._claim(tmp_path, "x")[0] == "x-2"


def test_missing_symlinks_are_no_error_but_other_faults_are(tmp_path, monkeypatch):
    def refuse(number):
        def symlink_to(*arguments, **options):
            raise OSError(number, "refused")

        return symlink_to

    monkeypatch.setattr(Path, "symlink_to", refuse(errno.EPERM))
    report._point_latest_at(tmp_path)
    monkeypatch.setattr(Path, "symlink_to", refuse(errno.ENOSPC))
    with pytest.raises(OSError, match="refused"):
        report._point_latest_at(tmp_path)


# What the notebooks are given


def test_notebooks_see_the_question_and_work_in_the_run_folder(finished, workshop):
    seen = json.loads((finished / "tables" / "seen.json").read_text())
    partial = str(workshop.output / f".{finished.name}.partial")
    assert seen == {
        "policy": "a <b>bold<b> law",
        "against": "none",
        "period": "CY2025",
        "as_of": "2026-01-31",
        "here": partial,
        "output": partial,
        "data": str(workshop.data),
    }


def test_a_policy_file_is_found_from_the_kernels_folder(tmp_path, monkeypatch):
    (tmp_path / "mine.toml").touch()
    (tmp_path / "current-law").mkdir()
    monkeypatch.chdir(tmp_path)
    assert report._portable("mine.toml") == str(tmp_path / "mine.toml")
    assert report._slug("mine.toml") == "mine"
    assert report._portable("current-law") == "current-law"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"jobs": 0}, "jobs is 0; expected 1 or more"),
        ({"only": ["07"]}, "no notebook starts with '07'; there are 01_facts"),
        ({"period": "soon"}, "'soon'"),
        ({"against": "nothing"}, "no policy 'nothing'"),
    ],
)
def test_a_question_that_makes_no_sense_leaves_no_folder(workshop, tmp_path, change, message):
    with pytest.raises(TariffModelError, match=message):
        workshop.ask(output=tmp_path / "output", **change)
    assert not (tmp_path / "output").exists()


def test_only_keeps_the_notebooks_own_order(workshop):
    folder = workshop.root / "notebooks"
    assert [path.stem for path in report.choose(folder, ["02", "01"])] == ["01_facts", "02_policy"]
    assert [path.stem for path in report.choose(folder, "02")] == ["02_policy"]
    assert len(report.choose(folder, [])) == 3


def test_no_notebooks_is_an_error(tmp_path):
    with pytest.raises(TariffModelError, match="no notebooks"):
        report.choose(tmp_path, None)


# A failure


def test_failure_names_notebook_cell_and_error(failed):
    assert "03_broken.ipynb, cell [3]: ValueError: units < 0. See" in str(failed)


def test_other_notebooks_run_when_one_fails(failed):
    states = json.loads((failed.folder / "manifest.json").read_text())["notebooks"]
    assert {state["file"]: state["status"] for state in states} == {
        "02_policy.ipynb": "ok",
        "03_broken.ipynb": "failed",
    }


def test_failed_run_keeps_its_folder_and_the_traceback(failed):
    assert failed.folder.name.endswith("-failed")
    cells = nbformat.read(failed.folder / "notebooks" / "03_broken.ipynb", as_version=4).cells
    (error,) = cells[3].outputs
    assert error.ename == "ValueError" and error.traceback


def test_cells_after_the_failure_do_not_show_old_outputs(failed):
    cells = nbformat.read(failed.folder / "notebooks" / "03_broken.ipynb", as_version=4).cells
    assert cells[-1].outputs == []


def test_report_of_a_failed_run_says_so_first(failed):
    page = read(failed.folder)
    first = page.select_one(".page").find(True).find(True)
    assert first["class"] == ["failed"]
    assert "1 of 2 notebooks failed" in first.text and "ValueError: units < 0" in first.text


@pytest.fixture
def interruptible():
    """Ctrl-C as in a terminal: the workers of a parallel test run do not listen to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_ends_the_whole_run_and_leaves_nothing(tmp_path, workshop, monkeypatch, interruptible):
    monkeypatch.setattr(report, "notebook_folder", lambda: tmp_path)
    sleep = new_code_cell("from pathlib import Path; import time; Path('busy').touch(); time.sleep(60)")
    for name in ("01_slow", "02_slow"):
        write(tmp_path, name, defaults(), sleep)

    def press_when_busy():
        while not list(tmp_path.glob("output/.*/busy")):
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press_when_busy, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        workshop.ask(output=tmp_path / "output")
    assert list((tmp_path / "output").iterdir()) == []


def test_kernels_import_what_this_process_imports_though_they_work_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([".", str(tmp_path / "lib")]))
    assert kernels._kernel_environment(tmp_path)["PYTHONPATH"] == f"{tmp_path}{os.pathsep}{tmp_path / 'lib'}"
    monkeypatch.delenv("PYTHONPATH")
    assert "PYTHONPATH" not in kernels._kernel_environment(tmp_path)


def test_notebooks_run_side_by_side(tmp_path, workshop, monkeypatch):
    monkeypatch.setattr(report, "notebook_folder", lambda: tmp_path)
    meet = """
import time
from pathlib import Path
Path(mine).touch()
start = time.monotonic()
while not Path(yours).exists():
    assert time.monotonic() < start + 30, "nobody came"
    time.sleep(0.02)
"""
    for name, mine, yours in (("01_one", "a", "b"), ("02_two", "b", "a")):
        write(tmp_path, name, defaults(), new_code_cell(f"mine, yours = {mine!r}, {yours!r}" + meet))
    run = workshop.ask(output=tmp_path / "output", jobs=2)
    about = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    assert [entry["status"] for entry in about["notebooks"]] == ["ok", "ok"]


def test_a_run_that_was_started_earlier_and_ends_later_does_not_become_the_latest(tmp_path):
    for name in ("20260101-p", "20260102-p"):
        (tmp_path / name).mkdir()
    for name in ("20260102-p", "20260101-p"):
        report._point_latest_at(tmp_path / name)
    assert (tmp_path / "latest").readlink() == Path("20260102-p")


# The report


def test_report_loads_and_runs_nothing(page):
    assert not page(["script", "link", "iframe", "object", "embed", "base", "video", "audio"])
    assert all(image["src"].startswith("data:") for image in page("img"))
    assert not [style for style in page("style") if re.search(r"@import|url\(", style.text)]
    policy = page.find("meta", attrs={"http-equiv": "Content-Security-Policy"})["content"]
    assert policy.startswith("default-src 'none'")


def test_header_is_escaped(page):
    assert page.h1.get_text() == "A <b>bold<b> law against none, CY2025"
    assert not page.header("b")


def test_header_answers_what_was_asked_of_which_data(page, manifest):
    header = [dd.text for dd in page.select("header dd")]
    assert {
        "none",
        "CY2025",
        "2026-01-31",
        manifest["data_version"] + ": the newest day in them and a digest",
    } <= set(header)


def test_report_links_the_workbook_the_slides_and_the_folders_beside_it(page, finished):
    links = {a["href"] for a in page.select("header .files a")}
    assert {"tables.xlsx", "charts.pptx", "tables/", "charts/", "manifest.json"} <= links
    assert all((finished / link).exists() for link in links)


def test_every_id_is_unique_and_every_inner_link_arrives(page):
    ids = [tag["id"] for tag in page.find_all(id=True)]
    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for a in page("a") if a["href"].startswith("#")} <= set(ids)


def test_links_between_notebooks_stay_inside_the_report(page):
    assert [a["href"] for a in page.select("main p a")][:2] == ["#02_policy-Notes", "#01_facts-Notes"]


def test_contents_lists_the_headings_of_each_notebook(page):
    assert [a.text for a in page.select("nav a")] == ["The facts", "Notes", "Notes", "Policy", "Notes"]


def test_styles_follow_the_ids_they_name(page):
    assert page.find("b", id="02_policy-T_1")
    assert any("#02_policy-T_1 {" in style.text for style in page("style"))


def test_images_keep_their_description(page):
    alts = [image["alt"] for image in page("img")]
    assert "A <small> chart" in alts and "S < P" in alts


def test_a_remote_image_becomes_a_link(page):
    assert page.find("a", href="https://cdn.test/a.png").text == "far away"


def test_code_and_messages_are_folded(page):
    folds = page.select("main details")
    assert not [fold for fold in folds if fold.has_attr("open")]
    assert {fold.summary.text for fold in folds} >= {"Code", "Parameters of this run", "Messages"}
    assert not [
        pre for pre in page.select("main .highlight, main .output_stderr") if not pre.find_parent("details")
    ]


# Since the run before


def test_the_first_run_of_a_question_compares_itself_with_nothing(page):
    assert not page.find(id="since") and "since" not in page.nav.text


def test_a_run_that_changes_nothing_says_so_in_one_line(again, finished):
    section = read(again).find(id="since")
    assert section.h2.text == f"What changed since {finished.name}"
    assert [p.text for p in section("p")] == ["Nothing: same inputs, same conclusions."]
    assert not section("li") and not section("table")


def test_a_run_tells_which_inputs_changed_and_which_conclusions_moved(later, again):
    page = read(later)
    section = page.find(id="since")
    assert page.nav.a["href"] == "#since" and again.name in page.nav.a.text
    told = [li.text for li in section("li")]
    assert told[0].startswith("Parameter: as_of 2026-01-31 → ")
    assert "Largest moves: bill_usd of Toyota USD 6.00 bn → USD 5.00 bn (-16.7%)." in told
    assert f"Conclusions of notebook 02 are not compared: it did not run in {later.name}." in told
    cells = [td.text for td in section.select("tbody td")]
    assert cells == [
        "bill_usd", "Toyota", "USD 6.00 bn", "USD 5.00 bn", "USD -1.00 bn", "-16.7%", "moved",
    ]  # fmt: skip
    heads = [th.text for th in section.select("th.number")]
    assert heads == ["Before", "After", "Change", "Relative"]


def test_a_failed_run_is_compared_with_the_last_that_did_not_fail(failed, later):
    assert f"What changed since {later.name}" in read(failed.folder).text


def question(**changed) -> dict:
    return {"policy": "p", "against": "q", "period": "CY2025", "as_of": None, **changed}


def test_the_run_before_is_the_newest_whole_one_of_the_same_question(tmp_path):
    def past(name, complete=True, text=None, kept=True, **asked):
        (tmp_path / name).mkdir()
        manifest = json.dumps({"complete": complete, "parameters": question(**asked)})
        (tmp_path / name / "manifest.json").write_text(text or manifest)
        if kept:
            (tmp_path / name / changes.CONCLUSIONS).touch()

    past("20260101-p")
    past("20260102-p", as_of="2026-01-02")
    past("20260103-r", policy="r")
    past("20260104-p-failed", complete=False)
    past("20260105-p", kept=False)  # of a version that kept no conclusions
    past("20260106-p", text="{")
    past(".20260107-p.partial")
    past("a-list", text="[]")
    (tmp_path / "latest").symlink_to("20260101-p")
    assert since.last(tmp_path, question(), "3") == tmp_path / "20260102-p"
    assert since.last(tmp_path, question(period="CY2026"), "3") is None
    assert since.last(tmp_path / "none", question(), "3") is None
    assert since.last(tmp_path, question(), "20260102-p") == tmp_path / "20260101-p"


def test_a_run_before_that_was_damaged_is_named_and_does_not_stop_this_one(later, again, tmp_path):
    damaged = shutil.copytree(again, tmp_path / again.name)
    (damaged / changes.CONCLUSIONS).write_text("notebook\n")
    since = report._since(damaged, later)
    assert since.run == again.name and not since.rows
    assert re.match(
        r"The two runs cannot be compared: .*conclusions.csv is missing or not", since.sentences[0]
    )


def test_prices_that_a_run_keeps_end_on_its_day_so_that_a_later_day_shows_as_more_of_them(later, finished):
    found = changes.between(finished, later)
    assert pd.read_parquet(finished / changes.INPUTS["prices"]).index.max() == pd.Timestamp("2026-01-30")
    lines = found.prices.set_index("name")
    assert lines.at["7203.T", "last_before"] == pd.Timestamp("2026-01-30")
    assert lines.at["USDJPY", "rows_added"] > 150 and not lines["rows_removed"].any()


# How old the data are


def lines(**last: str) -> pd.DataFrame:
    days = pd.to_datetime(pd.Series(last))
    behind = [len(pd.bdate_range(day, "2026-10-30")) - 1 for day in days]
    return pd.DataFrame({"last": days, "sessions_behind": behind}).assign(
        stale=[sessions > market.STALE_SESSIONS for sessions in behind]
    )


def test_stale_lines_are_counted_with_the_oldest_of_all_and_of_the_makers():
    status = lines(F="2026-09-10", SPY="2026-02-05", GM="2026-10-29", EWJ="2026-08-20")
    assert manifests._stale(status, pd.Series(["F", "GM"]), "2026-10-30") == (
        "Stale on 2026-10-30, with more than 5 sessions since their last day: 3 of 4 market lines, "
        "the oldest since 2026-02-05 (SPY); 1 of 2 shares of makers, the oldest since 2026-09-10 (F)."
    )


def test_stale_lines_that_are_no_makers_are_told_apart():
    status = lines(SPY="2026-02-05", GM="2026-10-29")
    assert manifests._stale(status, pd.Series(["F", "GM"]), "2026-10-30").endswith(
        "; 0 of 1 shares of makers."
    )


def test_fresh_data_need_no_sentence(manifest, page):
    assert manifests._stale(lines(F="2026-10-23"), pd.Series(["F"]), "2026-10-30") is None
    assert manifest["stale"] is None and not page.select(".notice")


def test_data_that_end_long_before_the_run_are_called_late():
    assert manifests._late(date(2026, 10, 30), date(2026, 11, 6)) is None
    assert manifests._late(date(2026, 10, 30), date(2026, 11, 9)) == (
        "The data end on 2026-10-30, 6 weekdays before this run: tariffmodel refresh brings later ones."
    )


def test_report_says_at_the_top_that_data_are_stale_and_the_manifest_which(later, workshop):
    known = facts.load(workshop.data)
    status = market.status(known)
    manifest = json.loads((later / "manifest.json").read_text())
    assert manifest["as_of"] == str(known.as_of)
    assert {name: line["stale"] for name, line in manifest["market"].items()} == status["stale"].to_dict()
    assert manifest["market"]["7203.T"]["last"] == str(known.prices["7203.T"].last_valid_index().date())
    oldest = status.loc[status["stale"], "last"].min()
    notice = read(later).header.select_one(".notice").text
    assert notice == manifest["stale"]
    assert (
        f"{status['stale'].sum()} of {len(status)} market lines" in notice and f"{oldest:%Y-%m-%d}" in notice
    )


def test_data_that_change_under_a_run_are_reported(workshop, tmp_path, monkeypatch):
    data = shutil.copytree(workshop.data, tmp_path / "data")
    monkeypatch.setattr(report, "notebook_folder", lambda: tmp_path)
    touches = "import os; open(os.environ['TARIFFMODEL_DATA'] + '/new.csv', 'w').close()"
    write(tmp_path, "01_touches", defaults(), new_code_cell(touches))
    run = workshop.ask(output=tmp_path / "output", data=data)
    assert json.loads((run / "manifest.json").read_text())["data_changed"] is True
    assert "The data changed while this run was under way" in read(run).header.text


# The manifest


def test_manifest_lists_the_files_in_use_and_no_others(tmp_path, workshop):
    data = shutil.copytree(workshop.data, tmp_path / "data")
    with store.writing(data, "test") as staging:
        (staging / "facts").mkdir()
        (staging / "facts" / "volumes.csv").write_text("maker,source_date\nA,2099-10-01\n")
        (staging / "facts" / "own.csv").write_text("maker,source_date\nB,2098-01-01\nC,2100\n")
    used, bundled = manifests._in_use(data), manifests._in_use(workshop.data)
    assert set(used) == {*bundled, "facts/own.csv"}
    assert {name for name in used if "store" in used[name].parts} == {"facts/volumes.csv", "facts/own.csv"}


def test_manifest_names_the_version_of_the_data(manifest, workshop):
    assert manifest["data_version"] == str(facts.load(workshop.data).version)


def test_manifest_hashes_what_went_in_and_what_came_out(manifest, finished, workshop):
    folders = {"data": workshop.data, "notebooks": workshop.root / "notebooks", "outputs": finished}
    for kind, folder in folders.items():
        assert manifest[kind]
        for entry in manifest[kind]:
            content = (folder / entry["file"]).read_bytes()
            assert entry["sha256"] == hashlib.sha256(content).hexdigest()
            assert entry["size"] == len(content)


def test_manifest_is_sorted_and_tells_the_question(manifest, finished):
    assert list(manifest) == sorted(manifest)
    assert manifest["run"] == finished.name and manifest["complete"]
    assert manifest["parameters"]["period"] == "CY2025" and manifest["as_of"] == "2026-01-31"
    assert manifest["snapshot"] == store.BUNDLED and manifest["data_changed"] is False
    written = {"tables.xlsx", "charts.pptx", "tables/01_bill.md", "tables/01_bill.tex"}
    assert {"conclusions.csv", *written, *changes.INPUTS.values()} <= {e["file"] for e in manifest["outputs"]}


def test_tables_of_a_run_say_what_made_them(finished):
    manifest = json.loads((finished / "manifest.json").read_text())
    told = (
        f"tariffmodel {__version__}, data {manifest['data_version']} as of 2026-01-31, "
        f"inputs {manifest['inputs_sha256'][:12]}."
    )
    assert told in (finished / "tables" / "01_bill.md").read_text()
    assert openpyxl.load_workbook(finished / "tables.xlsx")["01_bill"]["A2"].value == told


def test_revision_is_unknown_outside_a_checkout(tmp_path):
    assert manifests._git_state(tmp_path) is None


def test_revision_says_whether_files_differ_from_it(tmp_path):
    identity = ["-c", "user.name=Nobody", "-c", "user.email=nobody@example.com", "-c", "commit.gpgsign=false"]

    def git(*arguments):
        subprocess.run(["git", *identity, "-C", str(tmp_path), *arguments], check=True, capture_output=True)

    git("init")
    assert manifests._git_state(tmp_path) is None
    git("commit", "--allow-empty", "--message", "first")
    state = manifests._git_state(tmp_path)
    assert re.fullmatch(r"[0-9a-f]{40}", state["commit"]) and state["dirty"] is False
    (tmp_path / "new").touch()
    assert manifests._git_state(tmp_path)["dirty"] is True


# The morning note, and the desk


def test_a_run_with_since_leaves_its_note_and_lists_it(later, again):
    text = (later / "morning.txt").read_text(encoding="utf-8")
    assert text.startswith("Toyota owes USD 1.00 bn less: USD 5.00 bn after USD 6.00 bn;")
    assert f"Since {again.name}, started" in " ".join(text.split())
    about = json.loads((later / "manifest.json").read_text(encoding="utf-8"))
    listed = {entry["file"]: entry["sha256"] for entry in about["outputs"]}
    for name in ("morning.html", "morning_email.html", "morning.txt", "morning.eml"):
        assert listed[name] == hashlib.sha256((later / name).read_bytes()).hexdigest()
    assert f"What changed since {again.name}" in read(later).get_text()


def test_the_mail_beside_the_runs_is_that_of_the_newest_though_it_failed(failed, workshop):
    mail = workshop.output / "morning.eml"
    assert mail.read_bytes() == (failed.folder / "morning.eml").read_bytes()
    assert "! Failed: 03_broken.ipynb" in (failed.folder / "morning.txt").read_text(encoding="utf-8")


def test_a_refused_run_leaves_no_mail_of_another_day(workshop, tmp_path):
    (tmp_path / "morning.eml").write_text("yesterday")
    with pytest.raises(TariffModelError, match="has no finished run of that name"):
        workshop.ask(output=tmp_path, since="20260101-000000-none")
    assert list(tmp_path.iterdir()) == []


def test_what_a_desk_prints_is_listed_and_linked(later):
    about = json.loads((later / "manifest.json").read_text(encoding="utf-8"))
    assert "desk/toyota.pdf" in {entry["file"] for entry in about["outputs"]}
    row = read(later).find("dt", string="For the desk").find_next("dd")
    assert row.a["href"] == "desk/toyota.pdf" and "No live workbook: <why>." in row.get_text()


def test_positions_that_are_none_stop_a_run_before_its_notebooks(workshop, tmp_path):
    (tmp_path / "book.csv").write_text("name,notional,currency\nSpam,1e6,USD\n")
    with pytest.raises(TariffModelError, match="book.csv, row 2, column name: .*Spam"):
        workshop.ask(output=tmp_path / "output", book=tmp_path / "book.csv")
    assert not (tmp_path / "output").exists()
