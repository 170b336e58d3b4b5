"""How do notebooks become a run: executed side by side, recorded, written up, and resumed if cut short?

`run` executes the numbered notebooks with the parameters of one question (policy, counterfactual,
period, date of knowledge) and leaves one folder that can be read, archived or sent:

    output/20261123-142210-current_law-CY2025/
        report.html      every notebook in one file that never touches the network
        manifest.json    what went in and what came out, with hashes
        conclusions.csv  what the notebooks conclude, one figure to a row
        tables.xlsx      every exported table, formatted
        charts.pptx      every exported chart, editable where PowerPoint can draw it
        inputs/          the figures that the run started from, for a later comparison
        notebooks/       the executed notebooks
        charts/          each as PNG, SVG and PDF, with its data
        tables/          each as CSV, Markdown and LaTeX

The folder is built under a hidden name and appears only when it is complete, so whatever is called
`output/<run>` is whole. A run in which a cell failed ends in `-failed`; one that was cut short stays
hidden. `resume` finishes either of them. `output/latest` points at the newest run that did not fail.
"""

from __future__ import annotations

import asyncio
import csv
import errno
import hashlib
import importlib.metadata
import itertools
import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import nbformat
import pandas as pd
from filelock import FileLock, Timeout
from jupyter_client import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal, CellExecutionError
from nbformat import NotebookNode
from papermill.parameterize import parameterize_notebook
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from traitlets import default

from tariffmodel import __version__, facts
from tariffmodel.facts import periods, store
from tariffmodel.markets import market
from tariffmodel.runs import changes, exports, page
from tariffmodel.tariff import policy as policies
from tariffmodel.errors import DataError, TariffModelError
from tariffmodel.facts import Facts
from tariffmodel.tariff.policy import Policy

PACKAGE = Path(__file__).resolve().parents[1]
CELL_TIMEOUT_SECONDS = 900
KERNEL_START_TIMEOUT_SECONDS = 300
SHOWN = 12  # conclusions that moved since the run before, in the report
_HOW_TO_RESUME = "finish this run with: tariffmodel run --resume {}"
OK, FAILED, PENDING = "ok", "failed", "pending"  # a notebook's status


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


def run(
    *,
    policy: str,
    against: str,
    period: str,
    as_of: str | None,
    output: Path = Path("output"),
    data: Path | None = None,
    only: Sequence[str] | None = None,
    jobs: int | None = None,
    progress: bool = True,
) -> Path:
    """Execute the notebooks and write the run's folder.

    If `output` holds a finished run of the same policies and period, the report says what changed
    since the newest of them, whatever its notebooks and its `as_of`.

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
    jobs
        Notebooks to execute at a time; two by default, where there are two processors. The results
        do not depend on it.
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
    KeyboardInterrupt
        On Ctrl-C. If a notebook had ended well, the run is kept for `resume`, and the message says
        how; otherwise nothing is left.
    TariffModelError
        Before anything is written, if the period, a policy, the data, `jobs` or a number in `only`
        is not understood.
    """
    jobs = _processors(jobs)
    sources = _choose(notebook_folder(), only)
    # Kernels work inside the run's folder, so "." is that folder before and after it gets its name,
    # and no path of this machine is stored in the notebooks.
    parameters = {
        "policy": _portable(policy),
        "against": _portable(against),
        "period": period,
        "as_of": as_of,
        "output": ".",
    }
    known, laws, manifest = _begin(parameters, data)
    manifest["notebooks"] = [_pending(source) for source in sources]
    wanted = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{_slug(policy)}-{_slug(period)}"
    name, partial = _claim(Path(output), wanted)
    with _held(Path(output), name):
        used = market.until(known, date.fromisoformat(manifest["as_of"]))
        changes.record(partial, used, *laws)
        try:
            return _carry_out(name, partial, manifest, known, jobs, progress)
        except KeyboardInterrupt:
            if any(entry["status"] == OK for entry in manifest["notebooks"]):
                raise KeyboardInterrupt(_HOW_TO_RESUME.format(partial.with_name(name))) from None
            shutil.rmtree(partial, ignore_errors=True)
            raise


def resume(
    run: str | Path | None = None,
    *,
    output: Path = Path("output"),
    data: Path | None = None,
    jobs: int | None = None,
    progress: bool = True,
) -> Path:
    """Finish a run that failed or was cut short: execute what has not ended well, in its folder.

    What the notebooks to be repeated have left behind is removed first. Their own text may have been
    mended meanwhile; nothing else that the run started from may have changed, so that all parts of a
    report answer the same question.

    Parameters
    ----------
    run
        Folder of the run; by default, or for ``"latest"``, the newest in `output` that has not ended
        well.
    data
        The data folder of that run, if it was given one.
    output, jobs, progress
        As for `run`.

    Raises
    ------
    RunError, KeyboardInterrupt
        As for `run`; what has ended well meanwhile is kept.
    TariffModelError
        Before anything is written, if there is no such run, it is still under way, it ended well,
        or data, policies, packages, the model's code or a finished notebook differ from what it
        started from.
    """
    jobs = _processors(jobs)
    output, name = _unfinished(run, Path(output))
    with _held(output, name):
        found = _place(output, name)
        manifest = _read_manifest(found)
        known, _, now = _begin(manifest["parameters"], data)
        for entry in manifest["notebooks"]:
            source = notebook_folder() / entry["file"]
            if not source.is_file():
                raise TariffModelError(f"{source} is gone; restore it, or start a new run")
            now["notebooks"].append(_pending(source) | {"status": entry["status"]})
        before, after = _must_not_change(manifest), _must_not_change(now)
        if changed := [what for what in before | after if before.get(what) != after.get(what)]:
            more = f" and {len(changed) - 5} more" if len(changed) > 5 else ""
            raise TariffModelError(
                f"{name} cannot be resumed, because what it started from has changed: "
                f"{', '.join(changed[:5])}{more}; start a new run"
            )
        partial = found.rename(output / f".{name}.partial")
        for position, entry in enumerate(manifest["notebooks"]):
            if entry["status"] != OK:
                _forget(partial, entry["file"])
                manifest["notebooks"][position] = now["notebooks"][position] | {"status": PENDING}
        manifest["resumed"].append(now["created"])
        manifest["outputs"] = []
        try:
            return _carry_out(name, partial, manifest, known, jobs, progress)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(_HOW_TO_RESUME.format(partial.with_name(name))) from None


def _carry_out(
    name: str, partial: Path, manifest: dict[str, Any], known: Facts, jobs: int, progress: bool
) -> Path:
    """Execute what is pending in the hidden folder and give it its name; every step is kept there."""
    manifest["run"] = name
    (partial / "notebooks").mkdir(exist_ok=True)
    _save(partial, manifest)
    _wait_for(_execute_pending(partial, manifest, known.folder, jobs, progress))
    (partial / changes.LOCK).unlink(missing_ok=True)
    failed = [entry for entry in manifest["notebooks"] if entry["status"] == FAILED]
    manifest["run"] = name + "-failed" * bool(failed)
    # not the run's name: the same inputs give the same tables to the byte
    manifest["inputs_sha256"] = _fingerprint(manifest)
    source = (
        f"tariffmodel {__version__}, inputs {manifest['inputs_sha256'][:12]}, data as of {manifest['as_of']}."
    )
    exports.write(partial, source, date.fromisoformat(manifest["as_of"]))
    manifest["outputs"] = [
        _described(path, path.relative_to(partial).as_posix()) for path in _written(partial)
    ]
    manifest["complete"] = not failed
    manifest["data_changed"] = _data(known.folder) != manifest["data"]
    _save(partial, manifest)
    text = page.render(
        manifest,
        [nbformat.read(partial / "notebooks" / entry["file"], 4) for entry in manifest["notebooks"]],
        folder=partial,
        sources=notebook_folder(),
        since=_since(_previous(partial.parent, manifest["parameters"], name), partial),
    )
    (partial / "report.html").write_text(text, encoding="utf-8")

    folder = partial.rename(partial.with_name(manifest["run"]))
    if failed:
        places = "; ".join(
            f"notebook {entry['file']}, cell [{entry['failed_cell']}]: {entry['error']}" for entry in failed
        )
        raise RunError(
            f"{places}. See {folder / 'report.html'}; `tariffmodel run --resume` repeats only what failed",
            folder,
        )
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


@contextmanager
def _held(output: Path, name: str) -> Iterator[None]:
    """Nobody else works on this run; the system lets go of it should this process die."""
    lock = FileLock(output / f".{name}.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise TariffModelError(f"{output / name} is still under way; wait until it ends") from None
    try:
        yield
    finally:
        lock.release()
        Path(lock.lock_file).unlink(missing_ok=True)


def _place(output: Path, name: str) -> Path:
    for place in (output / f".{name}.partial", output / f"{name}-failed"):
        if (place / "manifest.json").is_file():
            return place
    if (output / name).is_dir():
        raise TariffModelError(f"{output / name} ended well; there is nothing to resume")
    raise TariffModelError(f"{output / name} is no run that failed or was cut short; {_resumable(output)}")


def _resumable(output: Path) -> str:
    names = _unfinished_names(output)
    return f"choose from {', '.join(names)}" if names else f"there is none in {output}"


def _unfinished(run: str | Path | None, output: Path) -> tuple[Path, str]:
    """Folder and name, without its marks, of the run that is meant."""
    path = Path(run or "latest")
    home = path.parent if len(path.parts) > 1 else output
    if path.name != "latest":
        return home, _bare(path.name)
    names = _unfinished_names(home)
    if not names:
        raise TariffModelError(
            f"{home} holds no run that failed or was cut short; there is nothing to resume"
        )
    return home, names[-1]


def _unfinished_names(output: Path) -> list[str]:
    places = [place for kind in (".*.partial", "*-failed") for place in output.glob(f"{kind}/manifest.json")]
    return sorted(_bare(place.parent.name) for place in places)


def _bare(name: str) -> str:
    return name.removeprefix(".").removesuffix(".partial").removesuffix("-failed")


def _forget(folder: Path, notebook: str) -> None:
    """Remove what a notebook has exported and concluded: its files start with its number."""
    for kind in ("charts", "charts/16x9", "tables"):
        for path in folder.glob(f"{kind}/{notebook[:2]}_*"):
            path.unlink()
    changes.retract(notebook[:2], folder)


def _written(folder: Path) -> list[Path]:
    """What a run has made for its readers, besides the report and the notebooks."""
    single = [folder / name for name in (changes.CONCLUSIONS, exports.WORKBOOK, exports.DECK)]
    several = [path for kind in ("charts", "tables", "inputs") for path in _files(folder / kind)]
    return [path for path in single if path.is_file()] + several


def _point_latest_at(folder: Path) -> None:
    latest = folder.with_name("latest")
    if latest.exists() and latest.resolve().name > folder.name:  # names start with the time
        return  # an older run was resumed
    link = folder.with_name(f".latest-{folder.name}")
    try:
        link.symlink_to(folder.name, target_is_directory=True)
    except OSError as error:
        # FAT volumes, some network shares, and Windows without the privilege
        unsupported = {errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
        if error.errno in unsupported or getattr(error, "winerror", None) == 1314:
            return
        raise
    link.replace(latest)


# Execution ----------------------------------------------------------------------------------------


def _processors(jobs: int | None) -> int:
    if jobs is not None and jobs < 1:
        raise TariffModelError(f"jobs is {jobs}; expected 1 or more notebooks at a time")
    return jobs or min(2, os.cpu_count() or 1)


def _wait_for(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` in a thread of its own until it is done; cancel it on Ctrl-C.

    In the main thread nbclient would answer Ctrl-C itself, by ending one kernel and going on with the
    next notebook; and whoever calls `run` from a notebook has a loop there already.
    """
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[None] | None]] = Future()

    async def announced() -> None:
        started.set_result((asyncio.get_running_loop(), asyncio.current_task()))
        await work

    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(asyncio.run, announced())
        loop, task = started.result()
        try:
            while not running.done():
                wait([running], timeout=1)  # Windows hears Ctrl-C only in between
        except KeyboardInterrupt:
            if task:
                loop.call_soon_threadsafe(task.cancel)
            raise
        running.result()


async def _execute_pending(
    partial: Path, manifest: dict[str, Any], data: Path, jobs: int, progress: bool
) -> None:
    """Execute notebooks side by side, each in a kernel of its own, and keep each one when it ends."""
    environment = _kernel_environment(data)
    entries = [entry for entry in manifest["notebooks"] if entry["status"] != OK]
    nodes = [_prepare(notebook_folder() / entry["file"], manifest["parameters"]) for entry in entries]
    sizes = [sum(map(_runs, node.cells)) for node in nodes]
    console = Console(stderr=True, quiet=not progress, highlight=False, markup=False, soft_wrap=True)
    description = TextColumn("{task.description}", markup=False)
    columns = description, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    free = asyncio.Semaphore(jobs)
    under_way: list[str] = []

    async def execute(entry: dict[str, Any], node: NotebookNode, size: int) -> None:
        done = 0

        def advance(cells: int = 1) -> None:
            nonlocal done
            done += cells
            bar.advance(task, cells)

        async with free:
            under_way.append(Path(entry["file"]).stem)
            bar.update(task, description=", ".join(under_way))
            seconds, failure = await _execute(node, partial.resolve(), environment, advance)
            nbformat.write(node, partial / "notebooks" / entry["file"])
            entry |= {"title": _title(node, entry["file"]), "seconds": seconds}
            entry |= {"status": FAILED if failure else OK}
            entry |= {"failed_cell": failure.cell, "error": failure.error} if failure else {}
            _save(partial, manifest)
            under_way.remove(Path(entry["file"]).stem)
            advance(size - done)
        outcome = f"failed in cell [{failure.cell}]" if failure else "done"
        console.print(f"{Path(entry['file']).stem}  {outcome}  {seconds:.1f} s")

    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=sum(sizes))
        tasks = [asyncio.create_task(execute(*each)) for each in zip(entries, nodes, sizes)]
        try:
            await asyncio.gather(*tasks)
        finally:  # one of them could not be written, or all are cancelled: end every kernel
            for each in tasks:
                each.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _kernel_environment(data: Path) -> dict[str, str]:
    environment = {
        "OMP_NUM_THREADS": "1",  # kernels share the processors, and sums do not depend on their number
        **os.environ,
        "TARIFFMODEL_DATA": str(data),
        # or a backend set for this process would keep figures out of the notebooks
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }
    if paths := environment.get("PYTHONPATH"):  # relative ones mean another place where a kernel works
        environment["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, paths.split(os.pathsep)))
    return environment


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


async def _execute(
    node: NotebookNode, folder: Path, environment: Mapping[str, str], advance: Callable[[], None]
) -> tuple[float, Failure | None]:
    """Execute `node` in place, in a new kernel; returns the seconds it took and what stopped it."""
    cells: list[NotebookNode] = []
    failure = None
    started = perf_counter()
    try:
        async with _kernel(folder, environment) as (manager, connection):
            client = NotebookClient(
                node,
                manager,
                timeout=CELL_TIMEOUT_SECONDS,
                record_timing=False,
                on_cell_execute=lambda cell, cell_index: cells.append(cell),
                on_cell_executed=lambda cell, cell_index, execute_reply: advance(),
            )
            client.kc = connection
            await client.async_execute()
    except (CellControlSignal, RuntimeError) as error:  # RuntimeError: the kernel died or never came up
        current = asyncio.current_task()
        if current and current.cancelling():  # nbclient takes that for the death of the kernel
            raise asyncio.CancelledError from None
        failure = Failure(len(cells), _one_line(error))
        if cells and not isinstance(error, CellExecutionError):  # that one is in the outputs already
            kind = type(error).__name__
            cells[-1].outputs.append(
                nbformat.v4.new_output("error", ename=kind, evalue=str(error), traceback=[failure.error])
            )
    return round(perf_counter() - started, 1), failure


@asynccontextmanager
async def _kernel(
    folder: Path, environment: Mapping[str, str]
) -> AsyncIterator[tuple[AsyncKernelManager, AsyncKernelClient]]:
    """A new kernel at work in `folder`; nbclient would leave behind one that is stopped while it starts."""
    manager = _OwnInterpreter(kernel_name="python3")
    # Else each kernel says on the terminal that it talks unencrypted; it does so on loopback only.
    quiet = ["--log-level=40", "--HistoryManager.hist_file=:memory:"]
    await manager.start_kernel(cwd=str(folder), env=dict(environment), extra_arguments=quiet)
    connection = manager.client()
    connection.start_channels()
    try:
        await connection.wait_for_ready(timeout=KERNEL_START_TIMEOUT_SECONDS)
        connection.allow_stdin = False
        yield manager, connection
    finally:
        connection.stop_channels()
        await manager.shutdown_kernel(now=True)


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


def _title(node: NotebookNode, file: str) -> str:
    """The notebook's first heading, in plain text."""
    for cell in node.cells:
        if cell.cell_type == "markdown" and (match := re.search(r"^#+\s+(.+?)[#\s]*$", cell.source, re.M)):
            return re.sub(r"[*`]", "", match[1])
    return Path(file).stem


# Manifest -----------------------------------------------------------------------------------------


def _begin(
    parameters: Mapping[str, Any], data: Path | None
) -> tuple[Facts, tuple[Policy, Policy], dict[str, Any]]:
    """Facts, both policies and the manifest of a run that has not executed anything yet."""
    periods.parse(parameters["period"])
    known = facts.load(facts.data_dir(data).resolve())
    law, against = (policies.load(parameters[role], known.folder) for role in ("policy", "against"))
    as_of = date.fromisoformat(parameters["as_of"]) if parameters["as_of"] else known.as_of
    today = None if parameters["as_of"] else date.today()  # a past day that was asked for is not late
    called = policies.labels((law, against))
    manifest = {
        **_inputs(known, as_of, today),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "resumed": [],
        "complete": False,
        "parameters": dict(parameters),
        "question": f"{called[law.name]} against {called[against.name]}, {parameters['period']}",
        "policies_sha256": _digest(changes.policies_text(law, against).encode()),
        "tariffmodel": __version__,
        "code_sha256": _digest(b"".join(path.read_bytes() for path in sorted(PACKAGE.rglob("*.py")))),
        "git": _git_state(PACKAGE.parent),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": _packages(),
        "notebooks": [],
        "outputs": [],
    }
    return known, (law, against), manifest


def _pending(source: Path) -> dict[str, Any]:
    """A notebook's entry before it is executed."""
    return {
        **_described(source, source.name),
        "title": source.stem,
        "seconds": None,
        "status": PENDING,
        "failed_cell": None,
        "error": None,
    }


def _must_not_change(manifest: Mapping[str, Any]) -> dict[str, str]:
    """What all parts of a run have to share, by its name for people."""
    return {
        **{entry["file"]: entry["sha256"] for entry in manifest["data"]},
        "the policies": manifest["policies_sha256"],
        "tariffmodel": manifest["tariffmodel"],
        "the code of tariffmodel": manifest["code_sha256"],
        "python": manifest["python"],
        **manifest["packages"],
        **{entry["file"]: entry["sha256"] for entry in manifest["notebooks"] if entry["status"] == OK},
    }


def _fingerprint(manifest: Mapping[str, Any]) -> str:
    """Digest of all that decides what a run writes."""
    decides = [manifest["parameters"], manifest["as_of"], _must_not_change(manifest)]
    return _digest(json.dumps(decides, sort_keys=True).encode())


def _save(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write the manifest, whole or not at all."""
    text = json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    store.write_whole(folder / "manifest.json", text.encode())


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        lacking = {"parameters", "data", "notebooks", "code_sha256"} - set(manifest)
    except (ValueError, TypeError) as error:
        raise TariffModelError(f"{path} cannot be read ({error}); start a new run") from None
    if lacking:
        raise TariffModelError(
            f"{path} has no {', '.join(sorted(lacking))}: another version made it; start a new run"
        )
    return manifest


def _inputs(known: Facts, as_of: date, today: date | None) -> dict[str, Any]:
    """What the manifest says of the data: the files in use, and how old they are."""
    lines = market.status(known, as_of)
    return {
        "data": _data(known.folder),
        "data_date": _newest_source(known.folder),
        "snapshot": store.current(known.folder),
        "market": {
            name: {
                "last": f"{line.last:%Y-%m-%d}",
                "sessions_behind": line.sessions_behind,
                "stale": line.stale,
            }
            for name, line in zip(lines.index, lines.itertuples(index=False))
        },
        "as_of": str(as_of),
        "stale": " ".join(
            filter(None, [_stale(lines, known.makers["ticker"], as_of), today and _late(as_of, today)])
        )
        or None,
    }


def _late(as_of: date, today: date) -> str | None:
    """One sentence if the data end long before the day of the run."""
    behind = len(pd.bdate_range(as_of, today)) - 1
    if behind <= market.STALE_SESSIONS:
        return None
    return (
        f"The data end on {as_of}, {behind} weekdays before this run: tariffmodel refresh brings later ones."
    )


def _stale(lines: pd.DataFrame, shares: pd.Series, as_of: date) -> str | None:
    """One sentence if prices or exchange rates end too long before the day results are stated for."""

    def told(some: pd.DataFrame, what: str) -> str:
        old = some[some["stale"]].sort_values("last", kind="stable")
        oldest = f", the oldest since {old['last'].iloc[0]:%Y-%m-%d} ({old.index[0]})" if len(old) else ""
        return f"{len(old)} of {len(some)} {what}{oldest}"

    if not lines["stale"].any():
        return None
    own = lines[lines.index.isin(shares)]
    return (
        f"Stale on {as_of}, with more than {market.STALE_SESSIONS} sessions since their last day: "
        f"{told(lines, 'market lines')}; {told(own, 'shares of makers')}."
    )


def _in_use(data: Path) -> dict[str, Path]:
    """Files of the data folder by their name in it, each the one in use; see `store`."""
    bundled = {path.relative_to(data).as_posix(): path for path in _files(data)}
    files = {name: path for name, path in bundled.items() if not name.startswith("store/")}
    overlay = store.overlay(data)
    if overlay != data:
        held = {path.relative_to(overlay).as_posix(): path for path in _files(overlay)}
        files |= {name: path for name, path in held.items() if name != store.ABOUT}
    return dict(sorted(files.items()))


def _data(data: Path) -> list[dict[str, str | int]]:
    return [_described(path, name) for name, path in _in_use(data).items()]


def _files(folder: Path) -> list[Path]:
    """Every file below `folder` that is not hidden, in one order on every machine."""
    found = (path for path in folder.rglob("*") if path.is_file())
    visible = (p for p in found if not any(part.startswith(".") for part in p.relative_to(folder).parts))
    return sorted(visible, key=lambda path: path.relative_to(folder).as_posix())


def _described(path: Path, name: str) -> dict[str, str | int]:
    content = path.read_bytes()
    return {"file": name, "size": len(content), "sha256": _digest(content)}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _newest_source(data: Path) -> str | None:
    """The latest day of a source in any table: how fresh the data is, whatever the files' own dates."""
    newest = ""
    for path in _in_use(data).values():
        if path.suffix != ".csv":
            continue
        with path.open(encoding="utf-8", newline="") as table:
            for row in csv.DictReader(table):
                day = row.get("known_on") or row.get("source_date") or ""
                if re.fullmatch(r"\d{4}-\d{2}-\d{2}", day):
                    newest = max(newest, day)
    return newest or None


def _packages() -> dict[str, str]:
    """Version of each direct dependency; none where this package is not installed."""
    try:
        requirements = importlib.metadata.requires("tariffmodel") or []
    except importlib.metadata.PackageNotFoundError:
        return {}
    direct = [requirement for requirement in requirements if "extra ==" not in requirement]
    names = [re.split(r"[^\w.-]", requirement, maxsplit=1)[0] for requirement in direct]
    return {name: importlib.metadata.version(name) for name in names}


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


# The run before -----------------------------------------------------------------------------------


def _previous(output: Path, parameters: Mapping[str, str | None], name: str) -> Path | None:
    """The newest finished run before `name` of the same question that kept its conclusions."""
    question = ("policy", "against", "period")
    for path in sorted(output.glob("[!.]*/manifest.json"), reverse=True):  # names start with the time
        folder = path.parent
        if folder.is_symlink() or folder.name >= name or not (folder / changes.CONCLUSIONS).is_file():
            continue
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
            asked = manifest["parameters"]
            same = manifest["complete"] and all(asked[key] == parameters[key] for key in question)
        except (ValueError, KeyError, TypeError):  # another program's, or damaged: none of ours
            continue
        if same:
            return folder
    return None


def _since(previous: Path | None, folder: Path) -> page.Since | None:
    if previous is None:
        return None
    try:
        found = changes.compare(previous, folder)
    except DataError as error:
        return page.Since(previous.name, [f"The two runs cannot be compared: {error}"], [], [], 0)
    shown = found.table(SHOWN)
    return page.Since(
        found.before,
        ["Nothing: same inputs, same conclusions."] if found.nothing else found.summary().splitlines(),
        list(shown.columns),
        shown.values.tolist(),
        len(found.moved),
    )
