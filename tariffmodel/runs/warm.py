"""How do kernels start quickly: forked from one process that has imported what the notebooks will import?

Each notebook still has a process of its own, in which no other has run. Linux only: elsewhere a fork of
a process that has loaded numerical libraries is not safe, and kernels are started one by one.

Run as a program, this module is the process that they are forked from. It imports the modules that
stand in its first line of input, reads a JSON object a line, ``argv`` and ``env`` of a kernel and its
folder ``cwd``, and answers each with the number of the new process. It ends with its input.
"""

from __future__ import annotations

import ast
import asyncio
import gc
import json
import os
import select
import signal
import sys
import warnings
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from importlib import import_module
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, cast

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

if TYPE_CHECKING:
    import subprocess

POSSIBLE = sys.platform == "linux" and hasattr(os, "pidfd_open")


def imported(cells: Iterable[str]) -> list[str]:
    r"""What the code cells of a notebook import and take from it, as `pkgutil.resolve_name` reads it.

    Examples
    --------
    >>> imported(["import tariffmodel as tm\nfrom math import log", "tm.exposure.table(case)"])
    ['math:log', 'tariffmodel', 'tariffmodel:exposure']
    """
    found: set[str] = set()
    used: set[tuple[str, str]] = set()
    called: dict[str, str] = {}
    for cell in cells:
        with suppress(SyntaxError):  # magic commands, or a cell that will fail: not ours to say
            for node in ast.walk(ast.parse(cell)):
                if isinstance(node, ast.Import):
                    called |= {each.asname: each.name for each in node.names if each.asname}
                    found |= {each.name for each in node.names}
                elif isinstance(node, ast.ImportFrom):
                    found |= {f"{node.module}:{each.name}" for each in node.names}
                elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                    used.add((node.value.id, node.attr))
    return sorted(found | {f"{called[name]}:{part}" for name, part in used if name in called})


class Nursery:
    """The process that kernels are forked from, see `nursery`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._one_at_a_time = asyncio.Lock()

    async def fork(self, **asked: object) -> int:
        """Number of a new process that is a kernel as `asked`: `argv`, `cwd` and `env`.

        >>> await place.fork(argv=["-f", "connection.json"], cwd=".", env={})  # doctest: +SKIP
        4711
        """
        assert self._process.stdin and self._process.stdout
        async with self._one_at_a_time:
            self._process.stdin.write(json.dumps(asked).encode() + b"\n")
            with suppress(ConnectionError):  # then it answers nothing
                await self._process.stdin.drain()
            answer = await self._process.stdout.readline()
        if not answer:
            raise RuntimeError("the process that starts kernels has ended")
        return int(answer)


@asynccontextmanager
async def nursery(modules: Iterable[str], environment: Mapping[str, str]) -> AsyncIterator[Nursery]:
    """A process that has imported `modules` and starts kernels, for as long as the block lasts.

    >>> async def number() -> int:
    ...     async with nursery(["math"], os.environ) as place:
    ...         return await place.fork(argv=["-f", "connection.json"], cwd=".", env=dict(os.environ))
    >>> asyncio.run(number())  # doctest: +SKIP
    4711
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=dict(environment),
        start_new_session=True,  # Ctrl-C is for the run, which then ends its kernels
    )
    assert process.stdin
    process.stdin.write(json.dumps(list(modules)).encode() + b"\n")
    try:
        yield Nursery(process)
    finally:
        process.stdin.close()
        await process.wait()


class _Child:
    """What `LocalProvisioner` asks of a `subprocess.Popen`, for a process that is not a child of ours."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int) -> None:
        self.pid = pid
        try:
            self._handle = os.pidfd_open(pid)
        except ProcessLookupError:
            self._handle = -1

    def poll(self) -> int | None:
        """None while it runs; how it ended is not known."""
        return None if self._handle >= 0 and not select.select([self._handle], [], [], 0)[0] else 1

    def wait(self) -> int:
        """Wait for its end."""
        if self._handle >= 0:
            select.select([self._handle], [], [])
            os.close(self._handle)
            self._handle = -1
        return 1

    def send_signal(self, number: int) -> None:
        """As `subprocess.Popen` does."""
        if self.poll() is None:
            signal.pidfd_send_signal(self._handle, number)


class Forked(LocalProvisioner):
    """Starts a kernel from a `Nursery`."""

    nursery: Nursery

    async def launch_kernel(self, cmd: list[str], **options: Any) -> KernelConnectionInfo:
        """Start it; `cmd` is what would start it as a program."""
        self.pid = self.pgid = await self.nursery.fork(
            argv=cmd[cmd.index("-m") + 1 :], cwd=str(options["cwd"]), env=dict(options["env"])
        )
        self.process = cast("subprocess.Popen[bytes]", _Child(self.pid))
        return self.connection_info


def _serve() -> None:
    """Import what is named, then fork a kernel for each line of input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["JPY_PARENT_PID"] = str(os.getpid())  # kernels end when this process does
    del sys.path[0]  # nor does a kernel that starts by itself import from where it was started
    names = json.loads(sys.stdin.readline())
    for name in ["ipykernel.kernelapp", "matplotlib_inline.backend_inline", *names]:
        with suppress(Exception):  # the notebook that imports it says what is wrong
            resolve_name(name)
    if "tariffmodel" in names:
        with suppress(Exception):  # likewise
            _use_once()
    gc.freeze()  # what is shared stays shared
    gc.set_threshold(20_000, 10, 10)  # kernels end soon: looking for garbage costs more than it frees
    signal.signal(signal.SIGCHLD, _bury)
    for line in iter(sys.stdin.readline, ""):
        with warnings.catch_warnings():  # Python counts a thread of jemalloc's, which minds forks itself
            warnings.filterwarnings("ignore", r"This process .* is multi-threaded", DeprecationWarning)
            child = os.fork() == 0
        if child:
            _become_kernel(**json.loads(line))


def _use_once() -> None:
    """Do what the package puts off until it is used, but for what starts threads: none survives a fork."""
    from tariffmodel import facts, sessions

    for late in ("PIL.PngImagePlugin", "pandas.io.formats.style", "pyarrow.parquet", "statsmodels.api"):
        import_module(late)
    for calendar in set(facts.load().instruments["exchange_calendar"].dropna()):
        sessions.exchange(calendar)


def _bury(*_: object) -> None:
    """Take note of kernels that have ended, so that their time counts as that of the run."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _become_kernel(argv: list[str], cwd: str, env: dict[str, str]) -> None:
    os.setsid()
    os.write(1, b"%d\n" % os.getpid())
    os.dup2(2, 1)  # what a kernel prints by itself, nobody takes for an answer
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.chdir(cwd)
    parent = os.environ["JPY_PARENT_PID"]
    os.environ.clear()
    os.environ.update(env, JPY_PARENT_PID=parent)
    sys.argv = argv
    from ipykernel import kernelapp

    kernelapp.launch_new_instance()
    os._exit(0)


if __name__ == "__main__":
    _serve()
