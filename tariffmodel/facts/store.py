"""Which files are in use: those that came with the package, or those a user has put over them?

What a user changes (refreshed prices, own prices, own facts) lies in a sparse copy of the data
folder, ``data/store/<snapshot>/``, beside the bundled files and never in them. A snapshot does not
change once it is written; the one-line file ``data/store/CURRENT`` names the one in use and is
replaced in one step, so that a reader sees all of the old state or all of the new one, whatever
happens to the writer. Files are flushed to disk before the name that leads to them (the order of
Pillai et al. 2014, "All file systems are not created equal", section 4).
"""

from __future__ import annotations

import errno
import filecmp
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout

from tariffmodel import files
from tariffmodel.errors import DataError
from tariffmodel.escapes import short

BUNDLED = "bundled"  # the name of the state without a snapshot
KEPT = 10  # snapshots that stay; of older ones the next writer removes what `writing` does not spare
ABOUT = "about.json"
FOLDER = "store"  # of the snapshots, within the data
_PATIENCE = 2.0  # seconds to wait for another writer
_CHOOSE = "choose with `tariffmodel snapshots --restore NAME` one of"
_PACKAGES = ("tariffmodel", "pandas", "pyarrow", "yfinance")
_COPY = "or point --data or TARIFFMODEL_DATA at a copy"
_REFUSALS = {
    errno.EACCES: f"give yourself the right to write there, {_COPY}",
    errno.EPERM: f"give yourself the right to write there, {_COPY}",
    errno.EROFS: "it cannot be written to; point --data or TARIFFMODEL_DATA at a copy of the folder",
}


def path(folder: Path, name: str) -> Path:
    """The file in use: the current snapshot's if it holds `name`, else the bundled one.

    Parameters
    ----------
    folder : Path
        Data folder, see `facts.data_dir`.
    name : str
        Relative to it, such as ``"market/prices.parquet"``. The file may not exist.

    Raises
    ------
    DataError
        If ``store/CURRENT`` names a snapshot that is not there.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> folder = tm.facts.load().folder
    >>> tm.store.path(folder, "market/fx.parquet").name
    'fx.parquet'
    """
    held = overlay(folder) / name
    return held if held.is_file() else folder / name


def current(folder: Path) -> str:
    """Name of the snapshot in use, or ``"bundled"``.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     current(Path(folder))
    'bundled'
    """
    place = _store(folder) / "CURRENT"
    if not (place.exists() or place.is_symlink()):
        return BUNDLED
    name = place.read_bytes()[:200].decode("utf-8", "replace").strip() if files.there(place) else ""
    if not re.fullmatch(r"[\w.-]*\w[\w.-]*", name, re.ASCII):
        raise DataError(
            f"{place} is damaged ({short(name)}); {_CHOOSE} {', '.join([*_names(folder), BUNDLED])}"
        )
    if name != BUNDLED and not (_store(folder) / name / ABOUT).is_file():
        raise DataError(
            f"{place} names the snapshot {name!r}, which is not there; "
            f"{_CHOOSE} {', '.join([*_names(folder), BUNDLED])}"
        )
    return name


def overlay(folder: Path) -> Path:
    """Folder of the snapshot in use; the data folder itself where there is none.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     overlay(Path(folder)) == Path(folder)
    True
    """
    name = current(folder)
    return folder if name == BUNDLED else _store(folder) / name


@contextmanager
def writing(folder: Path, reason: str, doubts: dict[str, str] | None = None) -> Iterator[Path]:
    """Change files of the data folder, all of them or none.

    Yields a folder with copies of the files of the current snapshot, to be added to, changed or
    deleted from. If the block ends well and something changed, it becomes a snapshot and the one in
    use; on any error it is discarded and nothing has changed. Other writers wait meanwhile. Of older
    snapshots there stay the last `KEPT`, the one that this one was made from, and the last without doubts.

    Parameters
    ----------
    reason : str
        For the list of snapshots, such as ``"prices from Yahoo"``.
    doubts : dict, optional
        What is not in order in the state, such as lines of prices and why. It is filled with the doubts of
        the state before; change it in the block. Without it they stay as they were.

    Raises
    ------
    DataError
        If another process is writing, the folder cannot be written to or the disk is full.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as place:
    ...     with writing(Path(place), "a note") as files:
    ...         _ = (files / "note.txt").write_text("seen", encoding="utf-8")
    ...     path(Path(place), "note.txt").read_text(encoding="utf-8")
    'seen'
    """
    with _locked(folder):
        store, parent = _store(folder), current(folder)
        for left in store.glob(".*.partial"):  # of writers that were killed
            _discard(left)
        created = datetime.now(UTC)
        stamp = created.strftime("%Y%m%dT%H%M%S.%fZ")
        staging = store / f".{stamp}.partial"
        try:
            staging.mkdir()
            for name in _held(folder, parent):
                (staging / name).parent.mkdir(parents=True, exist_ok=True)
                # not a link: opened for writing, it would change its twin
                shutil.copyfile(store / parent / name, staging / name)
            doubts = {} if doubts is None else doubts
            doubts.update(_doubts(store / parent))
            yield staging
            held = _files(staging)
            if _differs(folder, parent, staging, held):
                about: dict[str, Any] = {"reason": reason, "created": created.isoformat(), "parent": parent}
                about |= {"files": held, "versions": _versions(), "doubts": doubts}
                (staging / ABOUT).write_text(json.dumps(about, indent=1), encoding="utf-8")
                _flush_tree(staging)
                staging.rename(store / stamp)
                _flush(store)
                _point(store, stamp)
        except BaseException:
            _discard(staging)
            if current(folder) != stamp:
                _discard(store / stamp)
            raise
        _discard(staging)
        with suppress(OSError):  # the change is made: tidying up may wait for the next writer
            for name in set(_names(folder)) - _lasting(folder):
                _discard(store / name)


def doubts(folder: Path) -> dict[str, str]:
    """What is not in order in the state in use: lines of prices that stayed behind, and why.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as place:
    ...     with writing(Path(place), "a note", found := {}) as files:
    ...         found["F"] = "conflict"
    ...         _ = (files / "note.txt").write_text("seen", encoding="utf-8")
    ...     doubts(Path(place))
    {'F': 'conflict'}
    """
    return _doubts(_store(folder) / current(folder))


def snapshots(folder: Path) -> pd.DataFrame:
    """Snapshots that can be restored, oldest first.

    Returns
    -------
    DataFrame
        `name`, `created` (UTC), `reason`, `files` (comma-separated) and `current`. No row is
        current while the bundled files are in use.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as place:
    ...     with writing(Path(place), "a note") as files:
    ...         _ = (files / "note.txt").write_text("seen", encoding="utf-8")
    ...     snapshots(Path(place))[["reason", "files", "current"]]
       reason     files  current
    0  a note  note.txt     True
    """
    rows = []
    used = current(folder)
    for name in _names(folder):
        place = _store(folder) / name / ABOUT
        try:
            about = files.json(place)
            created = pd.to_datetime(about["created"], utc=True)
            row = (name, created, str(about["reason"]), ", ".join(about["files"]), name == used)
        except (DataError, ValueError, KeyError, TypeError, OverflowError):
            raise DataError(f"{place} cannot be read; delete the folder {name} if it is not in use") from None
        rows.append(row)
    frame = pd.DataFrame(rows, columns=["name", "created", "reason", "files", "current"])
    return frame.assign(
        created=pd.to_datetime(frame["created"], utc=True), current=frame["current"].astype(bool)
    )


def restore(folder: Path, name: str) -> None:
    """Use an earlier snapshot, or ``"bundled"`` for the data as installed.

    Raises
    ------
    DataError
        If there is no such snapshot, listing those there are.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as place:
    ...     with writing(Path(place), "a note") as files:
    ...         _ = (files / "note.txt").write_text("seen", encoding="utf-8")
    ...     restore(Path(place), BUNDLED)
    ...     current(Path(place))
    'bundled'
    """
    if name != BUNDLED and name not in _names(folder):
        raise DataError(f"no snapshot {name!r}; there are {', '.join([*_names(folder), BUNDLED])}")
    with _locked(folder):
        _point(_store(folder), name)


def write_whole(path: Path, content: bytes) -> None:
    """Write one file, with its folder, in one step: a reader never sees half of it.

    Raises
    ------
    DataError
        If the disk refuses it, with what to do.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as place:
    ...     write_whole(Path(place) / "new" / "note.txt", b"seen")
    ...     (Path(place) / "new" / "note.txt").read_text(encoding="utf-8")
    'seen'
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with files.writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            fresh.write_bytes(content)
            fresh.replace(path)
        except BaseException:
            with suppress(OSError):
                fresh.unlink(missing_ok=True)
            raise


def _store(folder: Path) -> Path:
    return folder / FOLDER


def _doubts(place: Path) -> dict[str, str]:
    """Doubts of a snapshot; none of the bundled files and of snapshots that do not say."""
    try:
        found = json.loads((place / ABOUT).read_text(encoding="utf-8")).get("doubts", {})
        return {str(what): str(why) for what, why in found.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def _lasting(folder: Path) -> set[str]:
    """Snapshots that stay: the last ones, that in use with its parent, and the last good one."""
    names, used = _names(folder), current(folder)
    abouts = {}
    for name in names:
        with suppress(OSError, ValueError):
            abouts[name] = json.loads((_store(folder) / name / ABOUT).read_text(encoding="utf-8"))
    good = [name for name, about in abouts.items() if isinstance(about, dict) and not about.get("doubts")]
    parent = abouts[used].get("parent") if isinstance(abouts.get(used), dict) else None
    return {*names[-KEPT:], used, *good[-1:], *([parent] if parent else [])}


def _names(folder: Path) -> list[str]:
    return sorted(place.parent.name for place in _store(folder).glob(f"[!.]*/{ABOUT}"))


def _files(top: Path) -> list[str]:
    every = (place for place in top.rglob("*") if place.is_file())
    return sorted(place.relative_to(top).as_posix() for place in every)


def _held(folder: Path, snapshot: str) -> list[str]:
    """Files of a snapshot."""
    return [] if snapshot == BUNDLED else [n for n in _files(_store(folder) / snapshot) if n != ABOUT]


def _differs(folder: Path, parent: str, staging: Path, held: list[str]) -> bool:
    """Whether a reader would see anything else than before."""
    places = [(staging / name, path(folder, name)) for name in held]
    return bool(set(_held(folder, parent)) - set(held)) or not all(
        before.is_file() and filecmp.cmp(now, before, shallow=False) for now, before in places
    )


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One writer at a time; a refusal of the disk in the block becomes a `DataError`."""
    store = _store(folder)
    holder = store / ".writer"  # beside the lock, which Windows lets nobody else read
    try:
        store.mkdir(exist_ok=True)
        with FileLock(store / ".lock", timeout=_PATIENCE):
            holder.write_text(str(os.getpid()), encoding="utf-8")
            yield
    except Timeout:
        pid = holder.read_text(encoding="utf-8") if holder.is_file() else "unknown"
        raise DataError(
            f"another refresh is running (pid {pid}) and holds {store / '.lock'}; "
            "wait until it is done, or end that process, and repeat"
        ) from None
    except OSError as error:
        remedy = _REFUSALS.get(error.errno or 0) or files.remedy(error)
        raise DataError(
            f"{error.filename or store}: {error.strerror or error}; nothing has changed; {remedy}"
        ) from error


def _point(store: Path, name: str) -> None:
    """Make `name` the snapshot in use, in one step."""
    fresh = store / ".CURRENT.partial"
    try:
        fresh.write_text(name + "\n", encoding="utf-8")
        _flush(fresh)
        fresh.replace(store / "CURRENT")
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    _flush(store)


def _discard(place: Path) -> None:
    """Remove a folder as far as the disk lets us; before it is incomplete it has no snapshot's name."""
    if place.is_dir() and not place.name.startswith("."):
        hidden = place.with_name(f".{place.name}.partial")
        with suppress(OSError):
            place.rename(hidden)
        place = hidden
    shutil.rmtree(place, ignore_errors=True)


def _flush_tree(top: Path) -> None:
    for place in [*top.rglob("*"), top]:
        _flush(place)


def _flush(place: Path) -> None:
    # Windows has no handle of a folder to flush, and some network drives refuse it
    with suppress(OSError) if place.is_dir() else nullcontext():
        handle = os.open(place, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
