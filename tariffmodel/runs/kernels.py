"""How are notebooks executed: side by side, each in a kernel of its own, with the question as parameters?"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import nbformat
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal, CellExecutionError
from nbformat import NotebookNode
from papermill.parameterize import parameterize_notebook
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from traitlets import default

from tariffmodel.errors import TariffModelError
from tariffmodel.runs import warm

CELL_TIMEOUT_SECONDS = 1800
KERNEL_START_TIMEOUT_SECONDS = 600  # a machine that does much else is slow, not broken


@dataclass(frozen=True)
class Failure:
    """The cell that stopped a notebook, numbered as in its brackets: `[3]` is the third one run."""

    cell: int
    error: str


@dataclass(frozen=True)
class Ended:
    """How a notebook ended: after how many seconds, and what stopped it; None if it ran to its end."""

    seconds: float
    failure: Failure | None


def processors(jobs: int | None) -> int:
    """How many notebooks at a time, if `jobs` were asked for: else two, where there are two processors.

    Examples
    --------
    >>> processors(3)
    3
    """
    if jobs is not None and jobs < 1:
        raise TariffModelError(f"jobs is {jobs}; expected 1 or more notebooks at a time")
    return jobs or min(2, os.cpu_count() or 1)


def prepare(source: Path, parameters: Mapping[str, str | None]) -> NotebookNode:
    """The notebook without old outputs, with a cell that sets `parameters` after its defaults.

    >>> from tariffmodel.runs.run import choose, notebook_folder
    >>> [source] = choose(notebook_folder(), ["02"])
    >>> node = prepare(source, {"policy": "flat-25"})
    >>> [c.source.splitlines() for c in node.cells if "injected-parameters" in c.metadata.tags]
    [['# Set by this run', 'policy = "flat-25"']]
    """
    node = nbformat.read(source, as_version=4)
    node.metadata["papermill"] = {}  # papermill writes its notes there and reads every cell's tags,
    for cell in node.cells:  # and expects to find the place for both
        cell.metadata.setdefault("tags", [])
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    filled: NotebookNode = parameterize_notebook(
        node, dict(parameters), comment="Set by this run", kernel_name="python3", language="python"
    )
    del filled.metadata["papermill"]
    return filled


def execute(
    notebooks: Mapping[str, NotebookNode], folder: Path, data: Path, jobs: int = 1, progress: bool = False
) -> dict[str, Ended]:
    """Execute prepared notebooks in place, by file name; their kernels work in `folder`.

    Parameters
    ----------
    data
        The data folder that the kernels read.
    jobs
        Notebooks at a time; the outputs do not depend on it.
    progress
        Show a bar on a terminal, one line per notebook elsewhere. Goes to stderr.

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C, when every kernel has ended.

    Examples
    --------
    >>> from tariffmodel.runs.run import choose, notebook_folder
    >>> [source] = choose(notebook_folder(), ["02"])
    >>> node = prepare(source, {"policy": "flat-25"})
    >>> execute({"02": node}, Path("output"), Path("data"))  # doctest: +SKIP
    {'02': Ended(seconds=9.8, failure=None)}
    """
    return _wait_for(_execute_all(notebooks, folder, data, jobs, progress))


def _wait_for(work: Coroutine[Any, Any, dict[str, Ended]]) -> dict[str, Ended]:
    """Run `work` in a thread of its own until it is done; cancel it on Ctrl-C.

    In the main thread nbclient would answer Ctrl-C itself, by ending one kernel and going on with the
    next notebook; and whoever calls `run` from a notebook has a loop there already.
    """
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any] | None]] = Future()

    async def announced() -> dict[str, Ended]:
        started.set_result((asyncio.get_running_loop(), asyncio.current_task()))
        return await work

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
        return running.result()


async def _execute_all(
    notebooks: Mapping[str, NotebookNode], folder: Path, data: Path, jobs: int, progress: bool
) -> dict[str, Ended]:
    environment = _kernel_environment(data)
    console = Console(stderr=True, quiet=not progress, highlight=False, markup=False, soft_wrap=True)
    description = TextColumn("{task.description}", markup=False)
    columns = description, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    free = asyncio.Semaphore(jobs)
    under_way: list[str] = []
    ended: dict[str, Ended] = {}

    async def execute_one(file: str, node: NotebookNode) -> None:
        name, done = Path(file).stem, 0

        def advance(cells: int = 1) -> None:
            nonlocal done
            done += cells
            bar.advance(task, cells)

        async with free:
            under_way.append(name)
            bar.update(task, description=", ".join(under_way))
            ended[file] = found = await _execute(node, folder.resolve(), environment, nursery, advance)
            under_way.remove(name)
            advance(len(_sources(node)) - done)
        outcome = f"failed in cell [{found.failure.cell}]" if found.failure else "done"
        console.print(f"{name}  {outcome}  {found.seconds:.1f} s")

    async with AsyncExitStack() as stack:
        nursery = None
        if warm.POSSIBLE:
            names = {name for node in notebooks.values() for name in warm.imported(_sources(node))}
            nursery = await stack.enter_async_context(warm.nursery(sorted(names), environment))
        bar = stack.enter_context(
            Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        )
        task = bar.add_task("", total=sum(len(_sources(node)) for node in notebooks.values()))
        tasks = [asyncio.create_task(execute_one(*each)) for each in notebooks.items()]
        try:
            await asyncio.gather(*tasks)
        finally:  # all are cancelled, or one met what nobody foresaw: end every kernel
            for each in tasks:
                each.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    return ended


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


async def _execute(
    node: NotebookNode,
    folder: Path,
    environment: Mapping[str, str],
    nursery: warm.Nursery | None,
    advance: Callable[[], None],
) -> Ended:
    """Execute `node` in place, in a new kernel."""
    cells: list[NotebookNode] = []
    failure = None
    started = perf_counter()
    try:
        async with _kernel(folder, environment, nursery) as (manager, connection):
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
    return Ended(round(perf_counter() - started, 1), failure)


@asynccontextmanager
async def _kernel(
    folder: Path, environment: Mapping[str, str], nursery: warm.Nursery | None
) -> AsyncIterator[tuple[AsyncKernelManager, AsyncKernelClient]]:
    """A new kernel at work in `folder`; nbclient would leave behind one that is stopped while it starts."""
    manager = _OwnInterpreter(kernel_name="python3")
    if nursery:
        manager.provisioner = warm.Forked(kernel_spec=manager.kernel_spec, parent=manager)
        manager.provisioner.nursery = nursery
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


def _sources(node: NotebookNode) -> list[str]:
    """The cells that are executed."""
    return [cell.source for cell in node.cells if cell.cell_type == "code" and cell.source.strip()]


def _one_line(error: Exception) -> str:
    kind, message = type(error).__name__, str(error)
    if isinstance(error, CellExecutionError):
        kind, message = error.ename, error.evalue
    lines = message.strip().splitlines()
    return f"{kind}: {lines[0]}" if lines else kind
