"""The notebooks run from top to bottom, with their defaults and with other questions."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

import tariffmodel
from tariffmodel import facts, files, report
from tariffmodel.runs import kernels

NOTEBOOKS = sorted(report.notebook_folder().glob("[0-9][0-9]_*.ipynb"))
ASKED_TWICE = ("02", "08", "09")  # those in which another policy changes more than the figures
PROPOSAL = {
    "policy": "japan-flexible-linear-firm",
    "against": "before-april-2025",
    "period": "2025Q4",
    "as_of": "",
    "output": "",  # to read, not to export
}

THIN = ["00", "01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12"]


def code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest) -> NotebookNode:
    return nbformat.read(request.param, as_version=4)


def pictures(notebook: NotebookNode) -> list[str]:
    """What the charts say that an executed notebook shows, once nothing in it is found to be amiss."""
    outputs = [output for cell in code(notebook) for output in cell.outputs]
    wrong = [output for output in outputs if output.output_type in ("stream", "error")]
    assert not wrong, "a warning, a print or an error"
    images = [output for output in outputs if "image/png" in output.get("data", {})]
    assert images
    alts = [image.metadata["image/png"]["alt"] for image in images]
    assert all(alts)
    said = " ".join(output.get("data", {}).get("text/markdown", "") for output in outputs)
    assert not re.search(r"\bnan\b|\binf\b|Timestamp|np\.", said), "a number that is none"
    return alts


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_and_exports(path: Path, executed: Path) -> None:
    shown = pictures(nbformat.read(executed / "notebooks" / path.name, as_version=4))
    # a chart that a later notebook has again, word for word, is exported with that one
    exported = [files.json(about)["alt"] for about in executed.glob("charts/*.json")]
    assert set(shown) <= set(exported) and len(set(exported)) == len(exported)
    assert all(about.with_suffix(".png").is_file() for about in executed.glob("charts/*.json"))
    assert list(executed.glob(f"tables/{path.name[:2]}_*.csv"))


def test_notebooks_answer_another_question_and_write_only_where_they_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(tariffmodel.__file__).parents[1]))  # installed or not
    asked = [path for path in NOTEBOOKS if path.name[:2] in ASKED_TWICE]
    notebooks = {path.name: kernels.prepare(path, PROPOSAL) for path in asked}
    kernels.execute(notebooks, tmp_path, facts.data_dir())
    assert len(notebooks) == len(ASKED_TWICE) and all(map(pictures, notebooks.values()))
    assert list(tmp_path.iterdir()) == []


def test_notebook_is_committed_clean(notebook: NotebookNode) -> None:
    nbformat.validate(notebook)
    for cell in code(notebook):
        assert cell.outputs == [] and cell.execution_count is None, cell.id
        assert "filterwarnings" not in cell.source, cell.id
    assert set(notebook.metadata) == {"kernelspec", "language_info"}


def test_first_code_cell_holds_the_parameters(notebook: NotebookNode) -> None:
    first, *others = code(notebook)
    assert "parameters" in first.metadata.tags
    assert not any("parameters" in cell.metadata.get("tags", []) for cell in others)
    values = {line.targets[0].id: ast.literal_eval(line.value) for line in ast.parse(first.source).body}
    shared = {
        "policy": "current-law",
        "against": "before-april-2025",
        "period": "FY2026-03",
        "as_of": "",
        "output": "",
    }
    assert shared.items() <= values.items()
    # a run sets them in a cell after the first: what a later one sets would win over it
    names = {node.id: cell.id for cell in others for node in ast.walk(ast.parse(cell.source)) if stored(node)}
    assert not names.keys() & shared.keys()


def stored(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


@pytest.mark.parametrize("path", sorted(report.notebook_folder().glob("*.ipynb")), ids=lambda path: path.stem)
def test_no_cell_is_longer_than_a_screen(path: Path) -> None:
    cells = nbformat.read(path, as_version=4).cells
    longest = {"code": 15, "markdown": 40}  # lines, blank ones and comments among them
    assert {c.id: n for c in cells if (n := len(c.source.splitlines())) > longest[c.cell_type]} == {}


def told(node: ast.AST) -> bool:
    """Whether it imports, opens the note, shows, says or keeps something, or is a sentence over lines."""
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
        return ast.unparse(node.value.func) == "tm.notebook.open"
    words = isinstance(node, ast.JoinedStr | ast.Constant) and node.end_lineno != node.lineno
    return words or isinstance(node, ast.Import | ast.ImportFrom | ast.Expr)


def computing(source: str) -> tuple[int, int]:
    """Lines of code, blank ones and comments aside, and those of them that compute."""
    lines = {n for n, line in enumerate(source.splitlines(), 1) if line.strip() and line.strip()[0] != "#"}
    plumbing = [node for node in ast.walk(ast.parse(source)) if told(node)]
    computed = lines.difference(*(range(node.lineno, (node.end_lineno or 0) + 1) for node in plumbing))
    return len(lines), len(computed)


@pytest.mark.parametrize("number", THIN)
def test_two_thirds_of_the_lines_compute(number: str) -> None:
    (path,) = report.notebook_folder().glob(f"{number}_*.ipynb")
    _, *cells = code(nbformat.read(path, as_version=4))  # the parameters are asked, not computed
    lines, computed = map(sum, zip(*(computing(cell.source) for cell in cells), strict=True))
    assert computed / lines >= 2 / 3, f"{computed} of {lines} lines compute"


def test_notebook_opens_with_its_question_and_method(notebook: NotebookNode) -> None:
    opening = notebook.cells[0]
    assert opening.cell_type == "markdown"
    assert re.match(r"# .+\?\n", opening.source)
    assert opening.source.count("**Method.** ") == 1


def test_notebook_ends_with_caveats_and_sources(notebook: NotebookNode) -> None:
    written = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    headings = re.findall(r"^## (.+)", written, flags=re.MULTILINE)
    if headings[0].startswith("1. "):  # the overview: what follows is the way to the notes
        assert headings[-2:] == ["Caveats", "Which notebook answers which question"]
    else:
        assert headings[-2:] == ["Caveats", "Sources"]
