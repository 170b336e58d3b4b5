"""How do executed notebooks become a run folder and a report?

`run` executes the numbered notebooks in order with the parameters of one question (policy,
counterfactual, period, date of knowledge) and leaves one folder that can be read, archived or sent:

    output/20261123-142210-current_law-CY2025/
        report.html      every notebook in one file that never touches the network
        manifest.json    what went in and what came out, with hashes
        notebooks/       the executed notebooks
        charts/ tables/  what the notebooks exported

The folder is built under a hidden name and appears only when it is complete, so whatever is called
`output/<run>` is whole. A run in which a cell failed ends in `-failed`; `output/latest` points at
the newest run that did not fail.
"""

from __future__ import annotations

import asyncio
import base64
import csv
import errno
import hashlib
import html
import importlib.metadata
import io
import itertools
import json
import os
import platform
import re
import shutil
import signal
import subprocess
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any
from urllib.parse import unquote

import matplotlib as mpl
import nbformat
from bs4 import BeautifulSoup, Tag
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.mathtext import MathTextParser
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal, CellExecutionError
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode
from papermill.parameterize import parameterize_notebook
from pygments.formatters import HtmlFormatter
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from traitlets import default

from tariffmodel import facts, periods
from tariffmodel.errors import TariffModelError

PACKAGE = Path(__file__).resolve().parent
CELL_TIMEOUT_SECONDS = 900
KERNEL_START_TIMEOUT_SECONDS = 300


class RunError(TariffModelError):
    """A notebook failed. Everything is written all the same, into `folder`."""

    def __init__(self, message: str, folder: Path) -> None:
        super().__init__(message)
        self.folder = folder


@dataclass(frozen=True)
class Failure:
    """The cell that stopped a notebook, numbered as in its brackets: `[3]` is the third one run."""

    cell: int
    error: str


@dataclass(frozen=True)
class Executed:
    """A notebook after its run, whether or not it came to its end."""

    source: Path
    node: NotebookNode
    title: str
    seconds: float
    failure: Failure | None


@dataclass(frozen=True)
class Section:
    """A notebook as a part of the report. `contents` holds anchor and text of its headings."""

    anchor: str
    title: str
    failure: Failure | None
    contents: list[tuple[str, str]]
    body: str


def run(
    *,
    policy: str,
    against: str,
    period: str,
    as_of: str | None,
    output: Path = Path("output"),
    data: Path | None = None,
    only: Sequence[str] | None = None,
    progress: bool = True,
) -> Path:
    """Execute the notebooks and write the run's folder.

    Parameters
    ----------
    policy, against
        The policy and the counterfactual it is compared with, by name or as a policy file.
    period
        A period label such as ``CY2025``; see `tariffmodel.periods`.
    as_of
        Ignore what was published after this ISO day; None for everything in the data.
    output
        Where runs are kept; made if missing.
    data
        A data folder to use in place of the one that comes with the package.
    only
        Numbers of the notebooks to run, such as ``["02", "05"]``; all of them by default.
    progress
        Show a bar on a terminal, one line per notebook elsewhere. Goes to stderr.

    Returns
    -------
    Path
        The finished folder, `output`/<UTC time>-<policy>-<period>.

    Raises
    ------
    RunError
        After everything is written, if a cell failed. The other notebooks have run.
    TariffModelError
        Before anything is written, if the period or a number in `only` is not understood.
    """
    periods.parse(period)
    sources = _choose(notebook_folder(), only)
    data_folder = facts.data_dir(data).resolve()
    # Kernels work inside the run's folder, so "." is that folder before and after it gets its name,
    # and no path of this machine is stored in the notebooks.
    parameters = {
        "policy": _portable(policy),
        "against": _portable(against),
        "period": period,
        "as_of": as_of,
        "output": ".",
    }
    prepared = [_prepare(source, parameters) for source in sources]
    created = datetime.now(UTC)
    name, partial = _claim(Path(output), f"{created:%Y%m%d-%H%M%S}-{_slug(policy)}-{_slug(period)}")
    try:
        notebooks = _execute_all(sources, prepared, partial.resolve(), data_folder, progress)
    except KeyboardInterrupt:
        shutil.rmtree(partial, ignore_errors=True)
        raise

    failed = [notebook for notebook in notebooks if notebook.failure]
    if failed:
        name += "-failed"
    (partial / "notebooks").mkdir(exist_ok=True)
    for notebook in notebooks:
        nbformat.write(notebook.node, partial / "notebooks" / notebook.source.name)
    manifest = _manifest(name, created, parameters, data_folder, notebooks, partial)
    text = json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    (partial / "manifest.json").write_text(text, encoding="utf-8")
    (partial / "report.html").write_text(_report(manifest, notebooks), encoding="utf-8")

    folder = partial.rename(Path(output) / name)
    if failed:
        places = "; ".join(
            f"notebook {notebook.source.name}, cell [{notebook.failure.cell}]: {notebook.failure.error}"
            for notebook in failed
            if notebook.failure
        )
        raise RunError(f"{places}. See {folder / 'report.html'}", folder)
    _point_latest_at(folder)
    return folder


def notebook_folder() -> Path:
    """`notebooks` inside an installed package, or beside the package in a checkout."""
    packaged = PACKAGE / "notebooks"
    return packaged if packaged.is_dir() else PACKAGE.parent / "notebooks"


def _choose(folder: Path, only: Sequence[str] | None) -> list[Path]:
    found = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    if not found:
        raise TariffModelError(f"no notebooks in {folder}; expected names such as 01_facts.ipynb")
    if not only:
        return found
    prefixes = (only,) if isinstance(only, str) else tuple(only)
    for prefix in prefixes:
        if not any(path.name.startswith(prefix) for path in found):
            names = ", ".join(path.stem for path in found)
            raise TariffModelError(f"no notebook starts with {prefix!r}; there are {names}")
    return [path for path in found if path.name.startswith(prefixes)]


# Folder -------------------------------------------------------------------------------------------


def _slug(text: str) -> str:
    """`text` as a part of a folder's name; of a policy file, its name without folder and suffix."""
    stem = Path(text).stem if _is_file(text) else text
    return re.sub(r"[^\w.]+", "-", stem).strip("-.") or "unnamed"


def _is_file(policy: str) -> bool:
    return Path(policy).suffix != "" and Path(policy).is_file()


def _portable(policy: str) -> str:
    """A policy file's absolute path, because a kernel works in another folder; else the name."""
    return str(Path(policy).resolve()) if _is_file(policy) else policy


def _claim(output: Path, wanted: str) -> tuple[str, Path]:
    """A name no other run has, and its hidden folder, made: `mkdir` settles who gets the name."""
    output.mkdir(parents=True, exist_ok=True)
    for attempt in itertools.count(1):
        name = wanted if attempt == 1 else f"{wanted}-{attempt}"
        partial = output / f".{name}.partial"
        if (output / name).exists() or (output / f"{name}-failed").exists():
            continue
        try:
            partial.mkdir()
        except FileExistsError:
            continue
        return name, partial
    raise AssertionError("itertools.count does not end")


def _point_latest_at(folder: Path) -> None:
    link = folder.with_name(f".latest-{folder.name}")
    try:
        link.symlink_to(folder.name, target_is_directory=True)
    except OSError as error:
        # FAT volumes, some network shares, and Windows without the privilege
        unsupported = {errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
        if error.errno in unsupported or getattr(error, "winerror", None) == 1314:
            return
        raise
    link.replace(folder.with_name("latest"))


# Execution ----------------------------------------------------------------------------------------


def _execute_all(
    sources: Sequence[Path],
    prepared: Sequence[NotebookNode],
    folder: Path,
    data: Path,
    progress: bool,
) -> list[Executed]:
    environment = {
        **os.environ,
        "TARIFFMODEL_DATA": str(data),
        # or a backend set for this process would keep figures out of the notebooks
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }
    sizes = [sum(_runs(cell) for cell in node.cells) for node in prepared]
    console = Console(stderr=True, quiet=not progress, highlight=False, markup=False, soft_wrap=True)
    description = TextColumn("{task.description}", markup=False)
    columns = description, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    executed = []
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=sum(sizes))
        for position, (source, node) in enumerate(zip(sources, prepared, strict=True), start=1):
            bar.update(task, description=_title(node, source))
            notebook = _execute(source, node, folder, environment, lambda: bar.advance(task))
            bar.update(task, completed=sum(sizes[:position]))
            outcome = f"failed in cell [{notebook.failure.cell}]" if notebook.failure else "done"
            console.print(f"{source.stem}  {outcome}  {notebook.seconds:.1f} s")
            executed.append(notebook)
    return executed


def _prepare(source: Path, parameters: Mapping[str, str | None]) -> NotebookNode:
    """The notebook without old outputs, with a cell that sets `parameters` after its defaults."""
    node = nbformat.read(source, as_version=4)
    node.metadata["papermill"] = {}  # papermill writes its notes there and reads every cell's tags,
    for cell in node.cells:  # and expects to find the place for both
        cell.metadata.setdefault("tags", [])
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    node = parameterize_notebook(
        node, dict(parameters), comment="Set by this run", kernel_name="python3", language="python"
    )
    del node.metadata["papermill"]
    return node


def _execute(
    source: Path,
    node: NotebookNode,
    folder: Path,
    environment: Mapping[str, str],
    advance: Callable[[], None],
) -> Executed:
    cells: list[NotebookNode] = []
    stopping: list[asyncio.Future[None]] = []

    def stop() -> None:
        if client.km is not None:
            stopping.append(asyncio.ensure_future(client.km.shutdown_kernel(now=True)))

    def listen(notebook: NotebookNode) -> None:
        # nbclient answers Ctrl-C by ending the kernel, which would only fail this notebook and let
        # the run go on with the next.
        with suppress(RuntimeError):  # in a thread, or on Windows, it does not listen either
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, stop)

    client = NotebookClient(
        node,
        kernel_name="python3",
        kernel_manager_class=_OwnInterpreter,
        # Else each kernel says on the terminal that it talks unencrypted; it does so on loopback only.
        extra_arguments=["--log-level=40"],
        resources={"metadata": {"path": str(folder)}},
        timeout=CELL_TIMEOUT_SECONDS,
        startup_timeout=KERNEL_START_TIMEOUT_SECONDS,
        record_timing=False,
        on_notebook_start=listen,
        on_cell_execute=lambda cell, cell_index: cells.append(cell),
        on_cell_executed=lambda cell, cell_index, execute_reply: advance(),
    )
    failure = None
    started = perf_counter()
    try:
        client.execute(env=dict(environment))
    except (CellControlSignal, RuntimeError) as error:  # RuntimeError: the kernel died or never came up
        if stopping:
            raise KeyboardInterrupt from None
        failure = Failure(len(cells), _one_line(error))
        if cells and not isinstance(error, CellExecutionError):  # that one is in the outputs already
            kind = type(error).__name__
            cells[-1].outputs.append(
                nbformat.v4.new_output("error", ename=kind, evalue=str(error), traceback=[failure.error])
            )
    return Executed(source, node, _title(node, source), round(perf_counter() - started, 1), failure)


class _OwnInterpreter(AsyncKernelManager):
    """Starts the Python that runs this, whatever is registered as "python3" on the machine."""

    @default("kernel_spec_manager")
    def _search_no_folders(self) -> KernelSpecManager:
        return KernelSpecManager(kernel_dirs=[])  # what is left is ipykernel's own, native, kernel


def _runs(cell: NotebookNode) -> bool:
    return cell.cell_type == "code" and bool(cell.source.strip())


def _one_line(error: Exception) -> str:
    kind, message = type(error).__name__, str(error)
    if isinstance(error, CellExecutionError):
        kind, message = error.ename, error.evalue
    lines = message.strip().splitlines()
    return f"{kind}: {lines[0]}" if lines else kind


def _title(node: NotebookNode, source: Path) -> str:
    """The notebook's first heading, in plain text."""
    for cell in node.cells:
        if cell.cell_type == "markdown" and (match := re.search(r"^#+\s+(.+?)[#\s]*$", cell.source, re.M)):
            return re.sub(r"[*`]", "", match[1])
    return source.stem


# Manifest -----------------------------------------------------------------------------------------


def _manifest(
    name: str,
    created: datetime,
    parameters: Mapping[str, str | None],
    data: Path,
    notebooks: Sequence[Executed],
    folder: Path,
) -> dict[str, Any]:
    version, packages = _versions()
    exported = [path for kind in ("charts", "tables") for path in _files(folder / kind)]
    return {
        "run": name,
        "created": created.isoformat(timespec="seconds"),
        "complete": not any(notebook.failure for notebook in notebooks),
        "parameters": dict(parameters),
        "as_of": parameters["as_of"],
        "data_date": _newest_source(data),
        "tariffmodel": version,
        "git": _git_state(PACKAGE.parent),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": packages,
        "data": [_described(path, data) for path in _files(data)],
        "notebooks": [
            {
                **_described(notebook.source, notebook.source.parent),
                "title": notebook.title,
                "seconds": notebook.seconds,
                "status": "failed" if notebook.failure else "ok",
                "failed_cell": notebook.failure.cell if notebook.failure else None,
                "error": notebook.failure.error if notebook.failure else None,
            }
            for notebook in notebooks
        ],
        "outputs": [_described(path, folder) for path in exported],
    }


def _files(folder: Path) -> list[Path]:
    """Every file below `folder` that is not hidden, in one order on every machine."""
    found = (path for path in folder.rglob("*") if path.is_file())
    visible = (p for p in found if not any(part.startswith(".") for part in p.relative_to(folder).parts))
    return sorted(visible, key=lambda path: path.relative_to(folder).as_posix())


def _described(path: Path, base: Path) -> dict[str, str | int]:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return {"file": path.relative_to(base).as_posix(), "size": len(content), "sha256": digest}


def _newest_source(data: Path) -> str | None:
    """The latest `source_date` in any table: how fresh the data is, whatever the files' own dates."""
    newest = ""
    for path in _files(data):
        if path.suffix != ".csv":
            continue
        with path.open(encoding="utf-8", newline="") as table:
            for row in csv.DictReader(table):
                day = row.get("source_date") or ""
                if re.fullmatch(r"\d{4}-\d{2}-\d{2}", day):
                    newest = max(newest, day)
    return newest or None


def _versions() -> tuple[str | None, dict[str, str]]:
    """Version of this package and of each direct dependency; unknown when it is not installed."""
    try:
        version = importlib.metadata.version("tariffmodel")
        requirements = importlib.metadata.requires("tariffmodel") or []
    except importlib.metadata.PackageNotFoundError:
        return None, {}
    direct = [requirement for requirement in requirements if "extra ==" not in requirement]
    names = [re.split(r"[^\w.-]", requirement, maxsplit=1)[0] for requirement in direct]
    return version, {name: importlib.metadata.version(name) for name in names}


def _git_state(checkout: Path) -> dict[str, str | bool] | None:
    """Commit of `checkout`, and whether files differ from it; None where it is no checkout."""
    if not (checkout / ".git").exists():
        return None
    try:
        commit = _git(checkout, "rev-parse", "HEAD")
        return {"commit": commit, "dirty": _git(checkout, "status", "--porcelain") != ""}
    except (OSError, subprocess.CalledProcessError):  # no git here, no commit yet, or not our folder
        return None


def _git(checkout: Path, *arguments: str) -> str:
    command = ["git", "-C", str(checkout), *arguments]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()


# Report -------------------------------------------------------------------------------------------

# The notebook's cells, on top of nbconvert's bare template: code and messages are folded, and an
# SVG figure keeps its description, which nbconvert only passes on for bitmaps.
CELLS = """\
{%- extends 'basic/index.html.j2' -%}
{%- block input_group -%}
{%- if cell.source.strip() -%}
{%- set tags = cell.metadata.get('tags', []) -%}
{%- set errors = cell.outputs | selectattr('output_type', 'equalto', 'error') | list -%}
<details class="code"{% if errors %} open{% endif %}>
<summary>
{%- if 'injected-parameters' in tags %}Parameters of this run
{%- elif 'parameters' in tags %}Parameters when none are given
{%- else %}Code{% endif -%}
</summary>
{{ super() }}
</details>
{%- endif -%}
{%- endblock input_group -%}
{%- block stream_stderr -%}
<details class="code"><summary>Messages</summary>{{ super() }}</details>
{%- endblock stream_stderr -%}
{%- block data_svg scoped -%}
{%- set alt = output | get_metadata('alt', 'image/svg+xml') or output | get_metadata('alt', 'image/png') -%}
<div class="output_svg output_subarea"><img src="data:image/svg+xml;base64,
{{- output.data['image/svg+xml'] | text_base64 }}"{% if alt %} alt="{{ alt | escape_html }}"{% endif %}></div>
{%- endblock data_svg -%}
"""

NUMBER = re.compile(r"[-+−(]?[$€£¥₩]?\d[\d,.\s]*(?:e[-+]?\d+)?\s?(?:%|x|pp|bp|bn|m|k)?\)?", re.I)
NOTHING = {"", "-", "–", "—", "...", "…", "nan", "none", "<na>", "nat"}


def _report(manifest: Mapping[str, Any], notebooks: Sequence[Executed]) -> str:
    environment = Environment(
        loader=FileSystemLoader(PACKAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(
        manifest=manifest,
        sections=[_section(notebook) for notebook in notebooks],
        highlighting=HtmlFormatter(style="friendly").get_style_defs(".highlight"),
    )


def _section(notebook: Executed) -> Section:
    exporter = _Cells(
        template_name="basic",
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
        embed_images=True,
    )
    exporter.raw_template = CELLS
    folder = str(notebook.source.parent)
    body, _ = exporter.from_notebook_node(notebook.node, resources={"metadata": {"path": folder}})
    soup = BeautifulSoup(body, "html.parser")
    anchor = notebook.source.stem
    _drop_what_fetches(soup)
    headings = soup.select(".text_cell :is(h1, h2, h3, h4, h5)")
    for heading in headings:
        heading["id"] = heading.get("id") or heading.get_text().replace(" ", "-")  # as in JupyterLab
        heading.name = f"h{int(heading.name[1]) + 1}"  # the report's own title is h1
    _keep_anchors_apart(soup, anchor)
    _shape_tables(soup)
    contents = [
        (str(heading["id"]), heading.get_text()) for heading in headings if heading.name in {"h2", "h3"}
    ]
    if contents and headings[0].name == "h2":
        del contents[0]  # the notebook's title, which stands for the whole section
    return Section(anchor, notebook.title, notebook.failure, contents, str(soup))


def _drop_what_fetches(soup: BeautifulSoup) -> None:
    """Remove everything that runs or loads; an image that is not inline becomes a link to it.

    The report's content security policy forbids it all the same. This keeps browsers from
    complaining, and mail filters from refusing the file.
    """
    for tag in soup(["script", "iframe", "link", "object", "embed", "base", "meta", "video", "audio"]):
        tag.decompose()
    for image in soup("img"):
        source = str(image.get("src", ""))
        if not source.startswith("data:"):
            link = soup.new_tag("a", href=source)
            link.string = str(image.get("alt") or source)
            image.replace_with(link)


def _keep_anchors_apart(soup: BeautifulSoup, prefix: str) -> None:
    """Prefix every id, number repeated ones, and let what refers to them follow.

    A link to another notebook becomes a link to its section.
    """
    renamed: dict[str, str] = {}
    taken: set[str] = set()
    for tag in soup.find_all(id=True):
        old = str(tag["id"])
        new, repeats = f"{prefix}-{old}", itertools.count(2)
        while new in taken:
            new = f"{prefix}-{old}-{next(repeats)}"
        tag["id"] = new
        taken.add(new)
        renamed.setdefault(old, new)

    def follow(match: re.Match[str]) -> str:
        return match[1] + renamed.get(match[2], match[2])

    for style in soup("style"):  # a pandas Styler addresses its cells by id
        style.string = re.sub(r"(#)([\w-]+)", follow, style.get_text())
    for tag in soup.find_all(True):
        for name, value in list(tag.attrs.items()):
            if not isinstance(value, str):
                continue
            if name in {"for", "aria-labelledby", "aria-describedby"}:
                tag[name] = " ".join(renamed.get(part, part) for part in value.split())
            elif name in {"href", "xlink:href"} and value.startswith("#"):
                target = unquote(value[1:])
                tag[name] = "#" + renamed.get(target, target)
            elif name == "href" and (match := re.fullmatch(r"(?:\./)?(\d\d_[^/#]+)\.ipynb(?:#(.+))?", value)):
                tag[name] = f"#{match[1]}-{unquote(match[2])}" if match[2] else f"#{match[1]}"
            elif "url(#" in value:  # clips and gradients of an SVG that stands in the page
                tag[name] = re.sub(r"(url\(#)([^)]+)", follow, value)


def _shape_tables(soup: BeautifulSoup) -> None:
    """Align columns of numbers to the right, and let a wide table scroll on its own."""
    for style in soup.select("style[scoped]"):  # pandas' own, older than the browsers' idea of scope
        style.decompose()
    for table in soup("table"):
        # Counted from the right: with several index levels, only the left side has merged cells.
        columns: dict[int, list[Tag]] = defaultdict(list)
        for row in table.select("tbody tr"):
            cells = row.find_all(["td", "th"], recursive=False)
            if not any(cell.has_attr("colspan") for cell in cells):
                for position, cell in enumerate(reversed(cells)):
                    columns[position].append(cell)
        numeric = {position for position, cells in columns.items() if _are_numbers(cells)}
        for position in numeric:
            _mark(columns[position])
        for row in table.select("thead tr"):
            cells = row.find_all(["td", "th"], recursive=False)
            if not any(cell.has_attr("colspan") for cell in cells):
                _mark([cell for position, cell in enumerate(reversed(cells)) if position in numeric])
        table.wrap(soup.new_tag("div", attrs={"class": "table", "tabindex": "0"}))


def _are_numbers(cells: Sequence[Tag]) -> bool:
    texts = [cell.get_text(strip=True) for cell in cells if cell.name == "td"]
    filled = [text for text in texts if text.lower() not in NOTHING]
    return bool(filled) and all(NUMBER.fullmatch(text) for text in filled)


def _mark(cells: Sequence[Tag]) -> None:
    for cell in cells:
        cell["class"] = " ".join([*cell.get_attribute_list("class"), "number"])


class _Cells(HTMLExporter):
    """nbconvert's exporter, with formulas drawn here: the report cannot load MathJax."""

    @pass_context
    def markdown2html(self, context: Context, source: str) -> str:
        renderer = _Markdown(
            escape=False,
            attachments=context.get("cell", {}).get("attachments", {}),
            embed_images=self.embed_images,
            path=context.get("resources", {}).get("metadata", {}).get("path", ""),
            exclude_anchor_links=self.exclude_anchor_links,
        )
        return MarkdownWithMath(renderer=renderer).render(source)


class _Markdown(IPythonRenderer):
    def inline_math(self, body: str) -> str:
        return _formula(body)

    def block_math(self, body: str) -> str:
        return f'<span class="formula">{_formula(body)}</span>'

    def latex_environment(self, name: str, body: str) -> str:
        return self.block_math(f"\\begin{{{name}}}{body}\\end{{{name}}}")


def _formula(tex: str) -> str:
    """`tex` as an image in the line, or as code where matplotlib cannot set it (alignments, matrices)."""
    size = 12
    text, font = f"${' '.join(tex.split())}$", FontProperties(size=size, math_fontfamily="stix")
    drawing = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "path", "svg.hashsalt": text}):
        try:
            width, height, depth, *_ = MathTextParser("path").parse(text, dpi=72, prop=font)
        except ValueError:
            return f"<code>{html.escape(tex.strip())}</code>"
        figure = Figure(figsize=(width / 72, height / 72))
        figure.text(0, depth / height, text, fontproperties=font)
        figure.savefig(drawing, format="svg", transparent=True, metadata={"Date": None})
    source = base64.b64encode(drawing.getvalue().encode()).decode()
    style = f"height:{height / size:.3f}em;vertical-align:{-depth / size:.3f}em"
    alt = html.escape(tex.strip())
    return f'<img class="tex" src="data:image/svg+xml;base64,{source}" alt="{alt}" style="{style}">'
