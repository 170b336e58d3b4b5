"""What the documentation says can be done: its code runs, its commands are understood, its links lead on."""

from __future__ import annotations

import csv
import doctest
import io
import re
import shlex
import shutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest
import typer.main

import tariffmodel as tm
from tariffmodel import cli, facts

TOP = Path(__file__).resolve().parents[1]
DOCS = TOP / "docs"
BUILT = {DOCS / "_build", DOCS / "made"}
WRITTEN = sorted(path for path in DOCS.rglob("*.md") if not BUILT & set(path.parents))
PAGES = [TOP / "README.md", TOP / "CONTRIBUTING.md", *WRITTEN]
FENCE = re.compile(r"^```(?P<kind>[^\n]*)\n(?P<body>.*?)^```[ ]*$", re.MULTILINE | re.DOTALL)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def blocks(page: Path) -> list[tuple[str, str]]:
    """Kind and body of every fenced block, in order."""
    return [
        (found["kind"].strip(), found["body"]) for found in FENCE.finditer(page.read_text(encoding="utf-8"))
    ]


def commands(page: Path) -> list[str]:
    """Every line that calls a program, indented or in a block of the shell, without its comment."""
    lines = re.findall(r"^    (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    lines += [line for kind, body in blocks(page) if kind == "bash" for line in body.splitlines()]
    calls = [line.partition(" #")[0].strip() for line in lines]
    return [line for line in calls if line.startswith(("tariffmodel ", "make "))]


def name(page: Path) -> str:
    return page.relative_to(TOP).as_posix()


def keep(file: Path, text: str) -> None:
    """Write a file that a page shows; rows of a table that is there are added to it, column by column."""
    if not (file.is_file() and file.suffix == ".csv"):
        file.write_text(text, encoding="utf-8")
        return
    with file.open(encoding="utf-8", newline="") as old:
        columns = next(csv.reader(old))
    with file.open("a", encoding="utf-8", newline="") as table:
        csv.DictWriter(table, columns, restval="", lineterminator="\n").writerows(
            csv.DictReader(io.StringIO(text))
        )


def written(folder: Path) -> dict[Path, tuple[int, int]]:
    """Every file of a folder, its size and when it was last written to."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path: ((about := path.stat()).st_size, about.st_mtime_ns) for path in files}


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """A copy of the data: a new one once a page has written to the last.

    The facts of the last one stay loaded meanwhile, with what was computed from them.
    """
    last: list[tuple[Path, dict[Path, tuple[int, int]], facts.Facts]] = []

    def copy() -> Path:
        if not last or written(last[0][0]) != last[0][1]:
            data = tmp_path_factory.mktemp("page") / "data"
            shutil.copytree(TOP / "data", data, ignore=shutil.ignore_patterns("store"))
            last[:] = [(data, written(data), facts.load(data))]
        return last[0][0]

    return copy


@pytest.mark.parametrize(
    "page", [p for p in PAGES if any(kind == "python" for kind, _ in blocks(p))], ids=name
)
def test_the_python_of_a_page_runs_from_top_to_bottom(page, copies, tmp_path, monkeypatch):
    data = copies()
    (tmp_path / "data").symlink_to(data)
    monkeypatch.setenv("TARIFFMODEL_DATA", str(data))
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    said = io.StringIO()
    with mpl.rc_context():
        for number, (kind, body) in enumerate(blocks(page)):
            caption = re.match(r":caption: (\S+)\n+", body)
            if kind.startswith("{code-block}") and caption:
                keep(tmp_path / caption[1], body[caption.end() :])
            elif kind == "python" and ">>>" in body:
                test = doctest.DocTestParser().get_doctest(body, names, name(page), name(page), number)
                runner.run(test, out=said.write, clear_globs=False)
                names.update(test.globs)
            elif kind == "python":
                exec(compile(body, name(page), "exec"), names)
    assert runner.summarize(verbose=False).failed == 0, said.getvalue()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_of_a_page_is_understood(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    known = typer.main.get_command(cli.app)
    targets = re.findall(r"^([\w-]+):", (TOP / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for line in commands(page):
        program, *words = shlex.split(line)
        if program == "make":
            assert words[0] in targets, line
            continue
        for word in words:
            if word.endswith((".csv", ".xlsx", ".parquet", "vendor")):
                (tmp_path / word).touch()
        understood(known, "tariffmodel", words)


def understood(command: Any, called: str, words: list[str]) -> None:
    """Parse a command line as the program would, and call nothing."""
    if hasattr(command, "commands"):
        assert words[0] in command.commands, f"{called} has no {words[0]}"
        understood(command.commands[words[0]], words[0], words[1:])
    else:
        command.make_context(called, words)


@pytest.mark.parametrize("page", [TOP / "README.md", TOP / "CONTRIBUTING.md"], ids=name)
def test_every_link_of_the_readme_leads_to_a_file(page):
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_every_name_that_the_readme_uses_is_public():
    for found in re.findall(r"`(tm(?:\.\w+)+)", (TOP / "README.md").read_text(encoding="utf-8")):
        one: object = tm
        for part in found.split(".")[1:]:
            one = getattr(one, part)


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: str(page.relative_to(TOP)))
def test_every_formula_of_a_page_can_be_drawn(page, monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    drawn = import_module("formulas").svg
    text = re.sub(r"(?<!`)`[^`\n]+`", "", FENCE.sub("", page.read_text(encoding="utf-8")))
    display = re.compile(r"\$\$(.+?)\$\$", re.DOTALL)
    lines = [line for tex in display.findall(text) for line in tex.strip().split(r"\\")]
    for tex in [*lines, *re.findall(r"(?<!\\)\$([^$\n]+?)\$", display.sub("", text))]:
        assert drawn(tex).startswith("<svg")
