"""How long from a slider to its chart, with ten users of `tariffmodel app`? `python benchmarks/app.py`.

Ten browsers are played over loopback, each at a position that nobody asked for before. First each moves once
a second, at moments of its own, and asks for the figures below as the page does; then all move at
the same instant, while figures are computed for all of them. Printed are milliseconds from the request to the
last byte of the chart, seconds of processor per chart and the memory of all processes of the server.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import numpy as np

import tariffmodel

USERS, MOVES, ROUNDS = 10, 15, 20
POLICIES = ["japan-flexible-linear-firm", "japan-smooth", "flat-25", "eu-25", "japan-flexible-linear-country"]
TOKEN = "benchmark-of-the-lab-as-a-page"


@contextmanager
def server() -> Iterator[tuple[str, int]]:
    """Address and number of the process."""
    settings = {"PYTHONPATH": str(Path(tariffmodel.__file__).parents[1]), "TARIFFMODEL_APP_TOKEN": TOKEN}
    command = [sys.executable, "-m", "tariffmodel", "app", "--port=0", "--no-browser"]
    with subprocess.Popen(command, env=os.environ | settings, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"http://[\d.]+:\d+", process.stdout.readline())
            assert found, "the server did not begin"
            yield found[0], process.pid
        finally:
            process.terminate()


class User:
    """One browser: where it stands on the first slider that is a rate."""

    def __init__(self, address: str, number: int) -> None:
        self.host, _, self.port = address.removeprefix("http://").partition(":")
        self.number = number
        self.policy, self.step = POLICIES[number % len(POLICIES)], 0
        self.key = ""

    async def get(self, path: str, query: dict[str, str]) -> dict:
        """An answer; given up, the connection closes as that of a browser does."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            lines = [
                f"GET {path}?{urlencode(query)} HTTP/1.1", f"Host: {self.host}:{self.port}",
                f"Cookie: tariffmodel-{self.port}={TOKEN}", "Connection: close", "", "",
            ]  # fmt: skip
            writer.write("\r\n".join(lines).encode())
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        finally:
            writer.close()
        assert head.startswith(b"HTTP/1.1 200"), head
        return json.loads(body)

    async def opens(self) -> None:
        found = await self.get("/lab/chart", {"policy": self.policy})
        rates = (".slope", ".rate", ".base")
        self.key = next(key for end in rates for key in found["values"] if key.endswith(end))

    async def move(self) -> float:
        """Milliseconds until the chart of the next position is there."""
        self.step += 1
        value = f"{0.02 + 0.0025 * (self.step % 60) + 1e-5 * self.number + 1e-7 * self.step:.8f}"
        self.query = {"policy": self.policy, self.key: value}
        start = time.perf_counter()
        await self.get("/lab/chart", self.query | {"moved": self.key, "width": "665"})
        return 1e3 * (time.perf_counter() - start)

    async def figures(self) -> None:
        await asyncio.sleep(0.25)  # as the page waits
        await self.get("/lab/details", self.query)


async def each_second(users: list[User]) -> list[float]:
    async def one(user: User) -> list[float]:
        took, wanted = [], None
        await asyncio.sleep(random.random())
        for _ in range(MOVES):
            begun = time.perf_counter()
            if wanted:
                wanted.cancel()
            took.append(await user.move())
            wanted = asyncio.ensure_future(user.figures())
            await asyncio.sleep(max(0.0, begun + 1 - time.perf_counter()))
        if wanted:
            await wanted
        return took

    return [ms for took in await asyncio.gather(*map(one, users)) for ms in took]


async def at_once(users: list[User]) -> list[float]:
    took: list[float] = []
    for _ in range(ROUNDS):
        took += await asyncio.gather(*(user.move() for user in users))
        wanted = [asyncio.ensure_future(user.figures()) for user in users]
        await asyncio.sleep(0.6)
        for one in wanted:
            one.cancel()
        await asyncio.gather(*wanted, return_exceptions=True)
    return took


def processes(parent: int) -> list[Path]:
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [Path(f"/proc/{pid}") for pid in (parent, *children)]


def memory_mb(parent: int) -> float:
    """Of the server and its processes; what they share is counted once."""
    texts = [(place / "smaps_rollup").read_text() for place in processes(parent)]
    return sum(int(re.findall(r"^Pss:\s+(\d+)", text, re.MULTILINE)[0]) for text in texts) / 1024


def processor_ms(parent: int) -> float:
    """That the server and its processes have used so far."""
    used = [(place / "stat").read_text().rpartition(")")[2].split()[11:13] for place in processes(parent)]
    return sum(int(ticks) for both in used for ticks in both) / os.sysconf("SC_CLK_TCK") * 1e3


async def main(address: str, pid: int) -> None:
    users = [User(address, number) for number in range(USERS)]
    for user in users:
        await user.opens()
    for user in users:  # warm
        await user.move()
    say = sys.stdout.write
    if sys.platform == "linux":
        before = processor_ms(pid)
        for user in ROUNDS * users[:1]:
            await user.move()
        say(f"processor per chart: {(processor_ms(pid) - before) / ROUNDS:.0f} ms\n")
    for name, play in (("one move a second each", each_second), ("all at the same instant", at_once)):
        took = await play(users)
        median, p95 = np.percentile(took, [50, 95])
        say(
            f"{USERS} users, {name}: median {median:.0f} ms, p95 {p95:.0f} ms, max {max(took):.0f} ms, "
            f"{len(took)} moves\n"
        )
    if sys.platform == "linux":
        say(f"memory of the server: {memory_mb(pid):.0f} MB\n")


if __name__ == "__main__":
    with server() as (address, pid):
        asyncio.run(main(address, pid))
