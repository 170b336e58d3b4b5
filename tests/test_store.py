"""Does a writer that is killed, refused or crowded out leave all of the old state, or all of the new?"""

from __future__ import annotations

import builtins
import errno
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from itertools import count
from pathlib import Path

import pandas as pd
import pytest

from tariffmodel import store
from tariffmodel.errors import DataError

PRICES, FX, OWN = "market/prices.txt", "market/fx.txt", "facts/own.csv"
STEPS = [
    (os, "rename"), (os, "replace"), (os, "fsync"), (os, "open"), (os, "mkdir"), (os, "unlink"),
    (os, "rmdir"), (os, "link"), (builtins, "open"), (io, "open"),
]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (PRICES, FX):
        put(tmp_path, name, "bundled")
    return tmp_path


def put(folder: Path, name: str, text: str) -> None:
    place = folder / name
    place.parent.mkdir(exist_ok=True)
    place.write_text(text, encoding="utf-8")


def write(folder: Path, text: str) -> None:
    with store.writing(folder, f"write {text}") as staging:
        put(staging, PRICES, text)
        put(staging, FX, text)


def read(folder: Path) -> tuple[str, str]:
    prices, fx = (store.path(folder, name).read_text(encoding="utf-8") for name in (PRICES, FX))
    return prices, fx


def leftovers(folder: Path) -> list[Path]:
    return list((folder / "store").glob(".*.partial"))


def write_and_die(folder: Path, text: str, last: int) -> int:
    """Write in a process that ends at step `last`; its exit status."""
    child = os.fork()
    if child == 0:
        try:
            interrupted(folder, text, lambda: os._exit(9), last)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def interrupted(folder: Path, text: str, strike: Callable[[], None], last: int) -> int:
    """Write; at call number `last` of any step that touches the disk, `strike` first. Steps made."""
    calls = count(1)

    def wrapped(step: Callable) -> Callable:
        def call(*args, **kwargs):
            if next(calls) == last:
                strike()
            return step(*args, **kwargs)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for module, name in STEPS:
            patch.setattr(module, name, wrapped(getattr(module, name)))
        write(folder, text)
    return next(calls) - 1


def steps(folder: Path) -> range:
    """Every step of replacing one snapshot by another."""
    write(folder, "0")
    return range(1, interrupted(folder, "1", lambda: None, -1) + 1)


def test_file_in_use_is_the_bundled_one_until_something_is_written(folder: Path):
    assert store.path(folder, PRICES) == folder / PRICES
    assert store.current(folder) == "bundled"
    assert store.snapshots(folder).empty


def test_snapshot_covers_the_files_it_holds_and_no_others(folder: Path):
    with store.writing(folder, "own facts") as staging:
        put(staging, OWN, "maker,value")
    assert store.path(folder, OWN).read_text(encoding="utf-8") == "maker,value"
    assert store.path(folder, PRICES) == folder / PRICES
    with store.writing(folder, "prices") as staging:
        put(staging, PRICES, "new")
    assert store.path(folder, OWN).is_file(), "a later snapshot dropped the files of the one before"
    assert (folder / PRICES).read_text(encoding="utf-8") == "bundled"


def test_file_deleted_from_the_staging_folder_is_the_bundled_one_again(folder: Path):
    write(folder, "new")
    with store.writing(folder, "back") as staging:
        (staging / PRICES).unlink()
    assert read(folder) == ("bundled", "new")


def test_snapshot_in_use_does_not_change_while_another_is_written(folder: Path):
    write(folder, "one")
    before = store.path(folder, PRICES)
    with store.writing(folder, "two") as staging:
        with (staging / PRICES).open("r+", encoding="utf-8") as file:  # in place, as a careless writer may
            file.write("two")
        assert read(folder) == ("one", "one")
    assert before.read_text(encoding="utf-8") == "one"
    assert store.path(folder, PRICES).read_text(encoding="utf-8") == "two"


def test_writing_that_changes_nothing_leaves_no_snapshot(folder: Path):
    write(folder, "one")
    name = store.current(folder)
    write(folder, "one")
    with store.writing(folder, "nothing at all"):
        pass
    assert store.current(folder) == name
    assert len(store.snapshots(folder)) == 1


def test_snapshots_tell_reason_time_parent_and_files(folder: Path):
    start = pd.Timestamp.now("UTC")
    write(folder, "one")
    write(folder, "two")
    table = store.snapshots(folder)
    assert table["reason"].tolist() == ["write one", "write two"]
    assert table["files"].tolist() == [f"{FX}, {PRICES}"] * 2
    assert table["current"].tolist() == [False, True]
    assert table["created"].between(start, pd.Timestamp.now("UTC")).all()
    about = json.loads((folder / "store" / table["name"][1] / "about.json").read_text(encoding="utf-8"))
    assert about["parent"] == table["name"][0]
    assert about["versions"]["pandas"] == pd.__version__


def test_restore_returns_to_any_snapshot_and_to_the_bundled_files(folder: Path):
    write(folder, "one")
    first = store.current(folder)
    write(folder, "two")
    store.restore(folder, first)
    assert read(folder) == ("one", "one")
    store.restore(folder, "bundled")
    assert read(folder) == ("bundled", "bundled")
    assert not store.snapshots(folder)["current"].any()
    write(folder, "three")
    assert len(store.snapshots(folder)) == 3


def test_unknown_snapshot_is_refused_with_the_names_there_are(folder: Path):
    write(folder, "one")
    with pytest.raises(DataError, match=rf"no snapshot '../x'.*{store.current(folder)}, bundled"):
        store.restore(folder, "../x")


def test_pointer_to_a_snapshot_that_is_gone_is_named_and_can_be_mended(folder: Path):
    write(folder, "one")
    (folder / "store" / "CURRENT").write_text("20200101T000000.000000Z\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"CURRENT names the snapshot '2020.*not there.*bundled"):
        store.path(folder, PRICES)
    store.restore(folder, "bundled")
    assert read(folder) == ("bundled", "bundled")


def test_last_ten_snapshots_stay_and_the_one_in_use_with_them(folder: Path):
    write(folder, "0")
    first = store.current(folder)
    for number in range(1, 13):
        write(folder, str(number))
    kept = store.snapshots(folder)
    assert [reason.split()[1] for reason in kept["reason"]] == [str(n) for n in range(3, 13)]
    assert first not in set(kept["name"])
    assert not leftovers(folder)


def test_last_state_without_doubts_and_the_parent_of_the_one_in_use_are_kept(folder: Path):
    write(folder, "good")
    good = store.current(folder)
    for number in range(store.KEPT + 3):
        with store.writing(folder, str(number), doubts := {}) as staging:
            assert doubts == ({"F": "conflict"} if number else {})
            doubts["F"] = "conflict"
            put(staging, PRICES, f"doubtful {number}")
    names = set(store.snapshots(folder)["name"])
    assert good in names and len(names) == store.KEPT + 1
    assert store.doubts(folder) == {"F": "conflict"}
    write(folder, "figures")  # a writer that knows nothing of prices leaves their doubts
    assert store.doubts(folder) == {"F": "conflict"}
    store.restore(folder, good)
    assert not store.doubts(folder)
    with store.writing(folder, "again", {}) as staging:
        put(staging, PRICES, "again")
    write(folder, "and again")
    with store.writing(folder, "mended", doubts := {}) as staging:
        doubts.clear()
        put(staging, PRICES, "mended")
    assert good not in set(store.snapshots(folder)["name"]), "a newer state is good"


def test_clock_set_back_does_not_cost_the_snapshot_in_use(folder: Path, monkeypatch):
    for number in range(store.KEPT):
        write(folder, str(number))

    class Earlier(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime(2020, 1, 1, tzinfo=tz)

    monkeypatch.setattr(store, "datetime", Earlier)
    write(folder, "new")
    assert store.current(folder).startswith("2020")
    assert read(folder) == ("new", "new")


def test_error_in_the_block_changes_nothing(folder: Path):
    write(folder, "one")

    def half_written() -> None:
        with store.writing(folder, "bad") as staging:
            put(staging, PRICES, "half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half_written()
    assert read(folder) == ("one", "one")
    assert len(store.snapshots(folder)) == 1
    assert not leftovers(folder)


def test_writer_killed_at_any_step_leaves_all_of_the_old_or_all_of_the_new(folder: Path):
    """Each step of making folders, opening, flushing, renaming and deleting, one after the other."""
    outcomes = set()
    for last in steps(folder):
        old, new = str(2 * last), str(2 * last + 1)
        write(folder, old)
        assert write_and_die(folder, new, last) == 9, f"the child was to die at step {last}"
        assert read(folder) in {(old, old), (new, new)}, f"mixed state after step {last}"
        for name in store.snapshots(folder)["name"]:  # every one that can be restored is whole
            texts = {(folder / "store" / name / part).read_text(encoding="utf-8") for part in (PRICES, FX)}
            assert len(texts) == 1
        outcomes.add(read(folder) == (new, new))
        write(folder, "after")
        assert read(folder) == ("after", "after")
        assert not leftovers(folder)
    assert outcomes == {True, False}, "no step lay on one side of the change"


def test_disk_full_at_any_step_is_reported_and_changes_nothing(folder: Path):
    def full() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    reported = 0
    for last in steps(folder):
        old, new = f"{last} old", f"{last} new"
        write(folder, old)
        names = store.snapshots(folder)["name"].tolist()
        refused = None
        try:
            interrupted(folder, new, full, last)
        except DataError as error:
            refused = str(error)
        if refused is not None:
            reported += 1
            assert "No space left" in refused and "nothing has changed; free some space" in refused
            assert read(folder) == (old, old), f"changed by a write refused at step {last}"
            assert store.snapshots(folder)["name"].tolist() == names
        else:  # refused while tidying up, after the change
            assert read(folder) == (new, new)
        assert not [name for name in leftovers(folder) if name.is_file()]
    assert reported > 10


def test_files_reach_the_disk_before_the_name_that_leads_to_them(folder: Path, monkeypatch):
    log = []
    for name in ("fsync", "rename", "replace"):
        step = getattr(os, name)

        def call(*args, name=name, step=step):
            what = args[-1] if name != "fsync" else Path(f"/proc/self/fd/{args[0]}").readlink()
            log.append((name, Path(what).name))
            return step(*args)

        monkeypatch.setattr(os, name, call)
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("open files have no names to read here")
    write(folder, "one")
    named = log.index(("rename", store.current(folder)))
    flushed = {name for step, name in log[:named] if step == "fsync"}
    assert flushed >= {"prices.txt", "fx.txt", "about.json", "market", f".{store.current(folder)}.partial"}
    assert log[named + 1 :] == [
        ("fsync", "store"), ("fsync", ".CURRENT.partial"), ("replace", "CURRENT"), ("fsync", "store"),
    ]  # fmt: skip


def test_second_writer_is_told_who_holds_the_lock(folder: Path, monkeypatch):
    monkeypatch.setattr(store, "_PATIENCE", 0.05)
    program = (
        "import sys, time; from pathlib import Path; from tariffmodel import store\n"
        "with store.writing(Path(sys.argv[1]), 'slow') as staging:\n"
        "    (staging / 'x').write_text('x'); print('in', flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline() == b"in\n"
        with pytest.raises(DataError, match=rf"another refresh is running \(pid {other.pid}\).*wait"):
            write(folder, "mine")
        with pytest.raises(DataError, match="another refresh is running"):
            store.restore(folder, "bundled")
        assert read(folder) == ("bundled", "bundled")
        assert len(leftovers(folder)) == 1
        other.send_signal(signal.SIGKILL)
    write(folder, "mine")  # the lock of a killed process is free
    assert read(folder) == ("mine", "mine")
    assert not leftovers(folder)


def test_writers_at_once_take_turns_and_none_is_lost(folder: Path, monkeypatch):
    monkeypatch.setattr(store, "_PATIENCE", 30.0)

    def add(number: int) -> None:
        for step in range(3):
            with store.writing(folder, f"{number}") as staging:
                put(staging, f"facts/{number}-{step}", "x")
                time.sleep(0.01)

    children = []
    for number in range(3):
        child = os.fork()
        if child == 0:
            try:
                add(number)
            finally:
                os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    assert sum(1 for _ in (store.overlay(folder) / "facts").iterdir()) == 9


def test_folder_that_cannot_be_written_to_is_named_with_what_to_do(folder: Path, monkeypatch):
    if os.geteuid() == 0:  # root may write anywhere

        def refuse(place: Path, *_, **__) -> None:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(place))

        monkeypatch.setattr(Path, "mkdir", refuse)
    else:
        folder.chmod(0o500)
    try:
        with pytest.raises(
            DataError, match=r"store: Permission denied; nothing has changed; .*TARIFFMODEL_DATA"
        ):
            write(folder, "one")
    finally:
        folder.chmod(0o700)
    assert read(folder) == ("bundled", "bundled")
