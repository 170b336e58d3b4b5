"""Whatever moment a program dies at, its store is all of the old state or all of the new.

A crash leaves what stood on the disk at that moment. So the commands run once, the folder is copied before
every file event of theirs, and each copy is a crash to be opened, read and written to.
"""

from __future__ import annotations

import dataclasses
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
import yahoo
import yfinance
from test_refresh import JOIN, NOW, Market, history

from tariffmodel import facts, files, own_facts, refresh, store
from tariffmodel.errors import DataError

EVENTS = {
    "open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate",
    "shutil.copyfile", "shutil.rmtree",
}  # fmt: skip
_watching: list[Callable[[], None]] = []


@pytest.fixture(scope="session", autouse=True)
def _audit() -> None:
    def hook(event: str, args: tuple) -> None:
        if not _watching or event not in EVENTS:
            return
        if event == "open" and isinstance(args[1], str) and not set(args[1]) & set("wax+"):
            return
        watcher = _watching.pop()  # what it does itself is no event
        try:
            watcher()
        finally:
            _watching.append(watcher)

    sys.addaudithook(hook)  # stays: there is no way to take one off


@contextmanager
def crashes(folder: Path, into: Path) -> Iterator[list[Path]]:
    """Copies of the store of `folder` before every file event in the block, and one after it."""
    found: list[Path] = []

    def keep() -> None:
        image = into / f"{len(found):03d}"
        image.mkdir(parents=True)
        if (folder / "store").is_dir():
            shutil.copytree(folder / "store", image / "store", copy_function=shutil.copyfile)
        found.append(image)

    _watching.append(keep)
    try:
        yield found
    finally:
        _watching.clear()
    keep()


def states(images: list[Path], name: str) -> list[bytes | None]:
    """What a reader sees of a file in each image; afterwards the next writer does its work there."""
    seen: list[bytes | None] = []
    for image in images:
        held = store.overlay(image) / name
        seen.append(held.read_bytes() if held.is_file() else None)
        assert len(store.snapshots(image)) <= store.KEPT
        with store.writing(image, "the next one") as staging:
            (staging / "next.txt").write_text("done", encoding="utf-8")
        assert store.path(image, "next.txt").read_text(encoding="utf-8") == "done"
        assert store.path(image, name).is_file() == (seen[-1] is not None), "the next writer lost the state"
        assert not list((image / "store").glob(".*.partial"))
    return seen


def switched_once(seen: list[bytes | None], old: bytes | None, new: bytes) -> bool:
    """Whether every crash left the old state up to some moment, and the new one from then on."""
    place = seen.index(new)
    return seen == [old] * place + [new] * (len(seen) - place) and place > 0


def test_adding_figures_is_all_or_nothing_at_every_file_event(known: facts.Facts, tmp_path: Path):
    folder = tmp_path / "data"
    for name in ("trade", "watch"):
        shutil.copytree(known.folder / name, folder / name)
    mine = dataclasses.replace(known, folder=folder)
    file, old = tmp_path / "x.csv", None
    for value in (2_400_000, 2_500_000):
        file.write_text(f"maker,variable,origin,period,value\nToyota,us_sales_units,US,CY2024,{value}\n")
        with crashes(folder, tmp_path / str(value)) as images:
            own_facts.add_facts(mine, file, source_title="a table")
        seen = states(images, facts.OWN)
        new = store.path(folder, facts.OWN).read_bytes()
        assert str(value).encode() in new and len(images) > 10
        assert switched_once(seen, old, new)
        old = new


def test_a_refresh_is_all_or_nothing_at_every_file_event(
    known: facts.Facts, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
):
    yfinance.set_tz_cache_location(str(tmp_path_factory.mktemp("yfinance")))
    yfinance.data.SingletonMeta._instances.clear()
    market = Market(tmp_path / "data", known)
    market.add("F", history("F"))
    market.write()
    with yahoo.serving(market.lines) as server, crashes(market.folder, tmp_path / "images") as images:
        refresh.refresh(market.facts, session=server.session(), now=NOW, currencies=False, timeout=2.0)
    new = store.path(market.folder, refresh.PRICES).read_bytes()
    assert pd.read_parquet(store.path(market.folder, refresh.PRICES))["date"].max() > JOIN
    assert switched_once(states(images, refresh.PRICES), None, new)


def test_going_back_is_all_or_nothing_at_every_file_event(tmp_path: Path):
    for text in ("one", "two"):
        with store.writing(tmp_path, text) as staging:
            (staging / "x.txt").write_text(text, encoding="utf-8")
    first = store.snapshots(tmp_path)["name"].iloc[0]
    with crashes(tmp_path, tmp_path / "images") as images:
        store.restore(tmp_path, first)
    assert len(images) > 1 and switched_once(states(images, "x.txt"), b"two", b"one")
    with crashes(tmp_path, tmp_path / "more") as images:
        store.restore(tmp_path, store.BUNDLED)
    assert {store.current(image) for image in images} == {first, store.BUNDLED}


@pytest.mark.parametrize(
    "damage", [b"", b"\x00" * 40, b"../../etc", b"\xff\xfe\x00", b"no-such", b"a" * 5000, "folder", "loop"]
)
def test_a_damaged_name_of_the_state_is_said_and_mended_by_going_back(damage: bytes | str, tmp_path: Path):
    with store.writing(tmp_path, "one") as staging:
        (staging / "x.txt").write_text("one", encoding="utf-8")
    place, name = tmp_path / "store" / "CURRENT", store.current(tmp_path)
    place.unlink()
    if damage == "folder":
        place.mkdir()
    elif damage == "loop":
        place.symlink_to(place)
    else:
        place.write_bytes(damage)
    with pytest.raises(DataError, match=rf"CURRENT .*snapshots --restore NAME` one of {name}, bundled"):
        store.current(tmp_path)
    if damage == "folder":
        with pytest.raises(DataError, match="nothing has changed; .*"):
            store.restore(tmp_path, name)
        return
    store.restore(tmp_path, name)
    assert store.current(tmp_path) == name


@pytest.mark.parametrize("keep", [0, 7, 2000, -9])
def test_half_a_parquet_file_is_named_with_what_to_do(keep: int, known: facts.Facts, tmp_path: Path):
    whole = (known.folder / "market/fx.parquet").read_bytes()
    (tmp_path / "market").mkdir()
    (tmp_path / "market/fx.parquet").write_bytes(whole[:keep])
    mine = dataclasses.replace(known, folder=tmp_path)
    with pytest.raises(DataError, match=r"fx\.parquet cannot be read: .*; go back to a good state"):
        _ = mine.fx
    pd.DataFrame({"pair": ["USDJPY"]}).to_parquet(tmp_path / "market/fx.parquet")
    with pytest.raises(DataError, match="it has no column date, rate"):
        files.parquet(tmp_path / "market/fx.parquet", "date", "pair", "rate")
