"""Do notebooks become a whole run folder, and does a failure end as loudly as it should?

The notebooks here are tiny and run in real kernels; two runs serve the whole module.
"""

import errno
import hashlib
import json
import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tariffmodel import report
from tariffmodel.errors import TariffModelError

DEFAULTS = "policy, against, period, as_of, output = 'default', 'default', 'CY2024', None, 'output'"

WRITES = """\
import json, os
from pathlib import Path
Path(output, "tables").mkdir()
seen = dict(policy=policy, against=against, period=period, as_of=as_of)
seen |= dict(here=os.getcwd(), output=str(Path(output).resolve()), data=os.environ["TARIFFMODEL_DATA"])
Path(output, "tables", "seen.json").write_text(json.dumps(seen))
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
    """Notebooks and data in a folder, and `ask(...)` that runs them."""
    root = tmp_path_factory.mktemp("workshop")
    notebooks, data = root / "notebooks", root / "data"
    notebooks.mkdir()
    (data / "facts").mkdir(parents=True)
    (data / "facts" / "volumes.csv").write_text("maker,source_date\nA,2026-10-01\nB,2026-11-02\nC,2027\n")
    stale = [new_output("stream", name="stdout", text="stale")]
    write(
        notebooks,
        "01_facts",
        new_markdown_cell(
            "# The *facts*\n\nThat $S < P$, see [policy](02_policy.ipynb#Notes) and [notes](#Notes)."
        ),
        defaults(),
        new_code_cell(WRITES),
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
    question = {"policy": "a <b>bold</b> law", "against": "none", "period": "CY2025", "as_of": "2026-01-31"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "notebook_folder", lambda: notebooks)

        def ask(**changes):
            return report.run(
                **{**question, "output": root / "output", "data": data, "progress": False, **changes}
            )

        yield SimpleNamespace(root=root, output=root / "output", data=data, ask=ask)


@pytest.fixture(scope="module")
def finished(workshop) -> Path:
    return workshop.ask(only=["01", "02"])


@pytest.fixture(scope="module")
def failed(workshop, finished) -> report.RunError:
    with pytest.raises(report.RunError) as caught:
        workshop.ask(only=["03", "02"])
    return caught.value


@pytest.fixture(scope="module")
def page(finished) -> BeautifulSoup:
    return BeautifulSoup((finished / "report.html").read_text(encoding="utf-8"), "html.parser")


@pytest.fixture(scope="module")
def manifest(finished) -> dict:
    return json.loads((finished / "manifest.json").read_text(encoding="utf-8"))


# The folder


def test_run_folder_is_named_for_its_time_policy_and_period(finished):
    assert re.fullmatch(r"\d{8}-\d{6}-a-b-bold-b-law-CY2025", finished.name)


def test_no_partial_folder_is_left(finished, failed, workshop):
    assert sorted(path.name for path in workshop.output.iterdir()) == sorted(
        [finished.name, failed.folder.name, "latest"]
    )


def test_latest_points_at_the_newest_run_that_did_not_fail(finished, failed, workshop):
    assert (workshop.output / "latest").readlink() == Path(finished.name)


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
        "policy": "a <b>bold</b> law",
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
    [({"only": ["07"]}, "no notebook starts with '07'; there are 01_facts"), ({"period": "soon"}, "'soon'")],
)
def test_a_question_that_makes_no_sense_leaves_no_folder(workshop, tmp_path, change, message):
    with pytest.raises(TariffModelError, match=message):
        workshop.ask(output=tmp_path / "output", **change)
    assert not (tmp_path / "output").exists()


def test_only_keeps_the_notebooks_own_order(workshop):
    folder = workshop.root / "notebooks"
    assert [path.stem for path in report._choose(folder, ["02", "01"])] == ["01_facts", "02_policy"]
    assert [path.stem for path in report._choose(folder, "02")] == ["02_policy"]
    assert len(report._choose(folder, [])) == 3


def test_no_notebooks_is_an_error(tmp_path):
    with pytest.raises(TariffModelError, match="no notebooks"):
        report._choose(tmp_path, None)


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
    page = BeautifulSoup((failed.folder / "report.html").read_text(encoding="utf-8"), "html.parser")
    first = page.select_one(".page").find(True).find(True)
    assert first["class"] == ["failed"]
    assert "1 of 2 notebooks failed" in first.text and "ValueError: units < 0" in first.text


def test_ctrl_c_ends_the_whole_run_and_leaves_nothing(tmp_path, workshop, monkeypatch):
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


# The report


def test_report_loads_and_runs_nothing(page):
    assert not page(["script", "link", "iframe", "object", "embed", "base", "video", "audio"])
    assert all(image["src"].startswith("data:") for image in page("img"))
    assert not [style for style in page("style") if re.search(r"@import|url\(", style.text)]
    policy = page.find("meta", attrs={"http-equiv": "Content-Security-Policy"})["content"]
    assert policy.startswith("default-src 'none'")


def test_header_is_escaped(page):
    assert page.h1.get_text() == "a <b>bold</b> law against none, CY2025"
    assert not page.header("b")


def test_header_answers_what_was_asked_of_which_data(page):
    header = [dd.text for dd in page.select("header dd")]
    assert {"none", "CY2025", "2026-01-31", "2026-11-02"} <= set(header)


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


def test_columns_of_numbers_are_aligned_with_their_heads():
    soup = BeautifulSoup(
        "<table><thead><tr><th></th><th>maker</th><th>share</th><th>day</th></tr></thead><tbody>"
        "<tr><th>0</th><td>Kia</td><td>-3.1%</td><td>2025-04-03</td></tr>"
        "<tr><th>1</th><td>GM</td><td>NaN</td><td>2025-05-03</td></tr></tbody></table>",
        "html.parser",
    )
    report._shape_tables(soup)
    assert [cell.text for cell in soup.select(".number")] == ["share", "-3.1%", "NaN"]
    assert "table" in soup.table.parent["class"]


@pytest.mark.parametrize("text", ["1,234", "-0.5", "−2%", "$1.2bn", "(3)", "1e-05", "12 pp", "€4"])
def test_reads_as_a_number(text):
    assert report.NUMBER.fullmatch(text)


@pytest.mark.parametrize("text", ["2025-04-03", "FY2026-03", "7203.T", "1 to 2", "Toyota", "2025Q3"])
def test_does_not_read_as_a_number(text):
    assert not report.NUMBER.fullmatch(text)


def test_a_formula_is_drawn_and_described():
    image = BeautifulSoup(report._formula(r"\frac{M_i}{1+r} < 1"), "html.parser").img
    assert image["src"].startswith("data:image/svg+xml;base64,") and image["alt"] == r"\frac{M_i}{1+r} < 1"


def test_a_formula_that_cannot_be_drawn_is_shown_as_written():
    written = r"\begin{align} a &= b \end{align}"
    assert BeautifulSoup(report._formula(written), "html.parser").code.text == written


# The manifest


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
    assert manifest["data_date"] == "2026-11-02"


def test_revision_is_unknown_outside_a_checkout(tmp_path):
    assert report._git_state(tmp_path) is None


def test_revision_says_whether_files_differ_from_it(tmp_path):
    identity = ["-c", "user.name=Nobody", "-c", "user.email=nobody@example.com", "-c", "commit.gpgsign=false"]

    def git(*arguments):
        subprocess.run(["git", *identity, "-C", str(tmp_path), *arguments], check=True, capture_output=True)

    git("init")
    assert report._git_state(tmp_path) is None
    git("commit", "--allow-empty", "--message", "first")
    state = report._git_state(tmp_path)
    assert re.fullmatch(r"[0-9a-f]{40}", state["commit"]) and state["dirty"] is False
    (tmp_path / "new").touch()
    assert report._git_state(tmp_path)["dirty"] is True
