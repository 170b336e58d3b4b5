"""How is what takes long kept away from what must be quick?

Each lane has processes of its own, so that a slider never waits for a maker's page. They are forked where
that is safe, and so share the facts; elsewhere each loads its own copy.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from tariffmodel.errors import DataError, TariffModelError

_CONTEXT: Any = get_context("fork" if sys.platform == "linux" else "spawn")
_MOST = 100  # questions that wait
_LOOK = 2.0  # seconds after which a process looks whether it is still wanted


class BusyError(Exception):
    """More questions wait than the lane takes."""


class Lane:
    """Processes that answer one kind of question, each one at a time, in the order of asking.

    Parameters
    ----------
    answer : callable
        Called in the process with what `ask` is given.
    count : int
        Processes.
    nice : int
        How far they stand back for others.

    Examples
    --------
    >>> lane = Lane(len)
    >>> asyncio.run(lane.ask("four"))
    4
    >>> lane.stop()
    """

    def __init__(self, answer: Callable[..., Any], count: int = 1, nice: int = 0) -> None:
        self._answer, self._nice, self._waiting = answer, nice, 0
        self._all: list[tuple[BaseProcess, Connection]] = []
        self._idle: asyncio.Queue[tuple[BaseProcess, Connection]] = asyncio.Queue()
        for _ in range(count):
            self._begin()

    async def ask(self, *question: Any) -> Any:
        """The answer; nobody computes what was cancelled before its turn came.

        Raises
        ------
        DataError
            What `answer` refuses, in its words.
        BusyError
            Too many wait.
        RuntimeError
            A fault, with its traceback.
        """
        if self._waiting >= _MOST:
            raise BusyError
        self._waiting += 1
        try:
            process = await self._idle.get()
        finally:
            self._waiting -= 1
        # what has begun is finished, whether or not anybody still waits for it
        return await asyncio.shield(asyncio.ensure_future(self._put(process, question)))

    def stop(self) -> None:
        """End the processes, whatever they are at."""
        for process, pipe in self._all:
            process.terminate()
            process.join()
            pipe.close()

    def _begin(self) -> None:
        ours, theirs = _CONTEXT.Pipe()
        process = _CONTEXT.Process(target=_work, args=(self._answer, theirs, self._nice), daemon=True)
        process.start()
        theirs.close()
        self._all.append((process, ours))
        self._idle.put_nowait((process, ours))

    async def _put(self, at: tuple[BaseProcess, Connection], question: tuple[Any, ...]) -> Any:
        try:
            kind, found = await asyncio.to_thread(_exchange, at[1], question)
        except (EOFError, OSError):  # ended from outside, for want of memory say
            self._all.remove(at)
            self._begin()
            raise RuntimeError("a process of the lab was ended from outside; another one was begun") from None
        self._idle.put_nowait(at)
        if kind == "refused":
            raise DataError(found)
        if kind == "fault":
            raise RuntimeError(found)
        return found


def _exchange(pipe: Connection, question: tuple[Any, ...]) -> Any:
    pipe.send(question)
    return pipe.recv()


def _work(answer: Callable[..., Any], pipe: Connection, nice: int) -> None:
    """Answer until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which then ends us
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if hasattr(os, "nice"):
        os.nice(nice)
    parent = os.getppid()
    with suppress(EOFError, OSError):
        while True:
            while not pipe.poll(_LOOK):
                if os.getppid() != parent:
                    return
            pipe.send(_answered(answer, pipe.recv()))


def _answered(answer: Callable[..., Any], question: tuple[Any, ...]) -> tuple[str, Any]:
    try:
        return "done", answer(*question)
    except TariffModelError as reason:
        return "refused", str(reason)
    except Exception:  # noqa: BLE001, it is raised again in the server
        return "fault", traceback.format_exc()
