"""The notebooks run from top to bottom, with their defaults and with other questions."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

import tariffmodel
from tariffmodel import facts, report
from tariffmodel.runs import kernels

NOTEBOOKS = sorted(report.notebook_folder().glob("[0-9][0-9]_*.ipynb"))
ASKED_TWICE = ("02", "08")  # those in which another policy changes more than the figures
PROPOSAL = {
    "policy": "japan-flexible-linear-firm",
    "against": "before-april-2025",
    "period": "2025Q4",
    "as_of": "",
    "output": "",  # to read, not to export
}

THIN = ["00", "01", "02", "03", "04", "05", "06", "07", "08"]


def code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest) -> NotebookNode:
    return nbformat.read(request.param, as_version=4)


def pictures(notebook: NotebookNode) -> int:
    """Charts that an executed notebook shows, once nothing in it is found to be amiss."""
    outputs = [output for cell in code(notebook) for output in cell.outputs]
    wrong = [output for output in outputs if output.output_type in ("stream", "error")]
    assert not wrong, "a warning, a print or an error"
    images = [output for output in outputs if "image/png" in output.get("data", {})]
    assert images
    assert all(image.metadata["image/png"]["alt"] for image in images)
    said = " ".join(output.get("data", {}).get("text/markdown", "") for output in outputs)
    assert not re.search(r"\bnan\b|\binf\b|Timestamp|np\.", said), "a number that is none"
    return len(images)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_and_exports(path: Path, executed: Path) -> None:
    shown = pictures(nbformat.read(executed / "notebooks" / path.name, as_version=4))
    assert len(list(executed.glob(f"charts/{path.name[:2]}_*.png"))) == shown
    assert list(executed.glob(f"tables/{path.name[:2]}_*.csv"))


@pytest.mark.parametrize(
    "path", [path for path in NOTEBOOKS if path.name[:2] in ASKED_TWICE], ids=lambda path: path.stem
)
def test_notebook_answers_another_question_and_writes_only_where_it_is_told(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(tariffmodel.__file__).parents[1]))  # installed or not
    notebook = kernels.prepare(path, PROPOSAL)
    kernels.execute({path.name: notebook}, tmp_path, facts.data_dir())
    assert pictures(notebook)
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


def test_no_cell_is_longer_than_a_screen(notebook: NotebookNode) -> None:
    assert not [cell.id for cell in notebook.cells if len(cell.source.splitlines()) > 40]


def told(statement: ast.stmt) -> bool:
    """Whether a statement only imports, opens the note or has it show, say or keep something."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return True
    if isinstance(statement, ast.Expr | ast.Assign) and isinstance(statement.value, ast.Call):
        called = ast.unparse(statement.value.func)
        return called.startswith("note.") or called == "tm.notebook.open"
    return False


def computing(source: str) -> tuple[int, int]:
    """Lines of code, and those that compute: a sentence does so in each line that holds a figure."""
    lines = {
        n: line for n, line in enumerate(source.splitlines(), 1) if line.strip() and line.strip()[0] != "#"
    }
    plumbing: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.stmt) and told(node):
            says = isinstance(node, ast.Expr) and ast.unparse(node).startswith("note.say(")
            own = range(node.lineno, (node.end_lineno or node.lineno) + 1)
            plumbing |= {n for n in own if not (says and "{" in lines.get(n, ""))}
    return len(lines), len(lines.keys() - plumbing)


@pytest.mark.parametrize("number", THIN)
def test_cells_are_short_and_two_thirds_of_the_lines_compute(number: str) -> None:
    (path,) = report.notebook_folder().glob(f"{number}_*.ipynb")
    _, *cells = code(nbformat.read(path, as_version=4))
    assert {cell.id: n for cell in cells if (n := len(cell.source.splitlines())) > 15} == {}
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
