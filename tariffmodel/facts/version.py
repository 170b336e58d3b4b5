"""Which state of the data is this?

A version is the newest day on which a row was read and a digest of the files in use: two results with the
same version came from the same tables and policies, on whatever machine.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from io import StringIO
from pathlib import Path

from tariffmodel.facts import store

_READ = ("read_on", "source_date")  # columns with the day on which a row was taken from its source
_TEXT = (".csv", ".toml")
_DIGITS = 8


@dataclass(frozen=True)
class Version:
    """A state of the data folder.

    Attributes
    ----------
    day : date or None
        Newest day in a `read_on` or `source_date` of a table, or that of the snapshot in use if it is later
        and holds more than predictions.
    digest : str
        First 8 hexadecimal digits of the SHA-256 of tables and policies. Notes, the codebook, golden
        results and predictions do not count, nor does the way in which lines end.
    changed : bool
        Whether figures were replaced since, see `Facts.with_values`.
    """

    day: date | None
    digest: str
    changed: bool = False

    def __str__(self) -> str:
        return f"{self.day or 'undated'}-{self.digest}" + "-changed" * self.changed


def data_version(folder: Path, overlay: Path | None = None) -> Version:
    """The version of a data folder.

    Parameters
    ----------
    folder : Path
        Data folder, see `facts.data_dir`.
    overlay : Path, optional
        Of the snapshot, see `store.overlay`. Default: the one in use.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> tm.facts.data_version(known.folder, known.overlay) == known.version
    True
    """
    overlay = store.overlay(folder) if overlay is None else overlay
    digest = hashlib.sha256()
    used = _in_use(folder, overlay)
    own = overlay != folder and any(path.is_relative_to(overlay) for path in used.values())
    days = [_made(overlay)] if own else []  # a snapshot of predictions alone is no newer state of the data
    for name, path in sorted(used.items()):
        content = path.read_bytes()
        if path.suffix in _TEXT:
            content = content.replace(b"\r\n", b"\n")
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
        if path.suffix == ".csv":
            days += _days(content)
    return Version(max(days, default=None), digest.hexdigest()[:_DIGITS])


def _in_use(folder: Path, overlay: Path) -> dict[str, Path]:
    found = {}
    for top in dict.fromkeys([folder, overlay]):  # what the snapshot holds stands in for what was bundled
        for path in top.rglob("*"):
            name = path.relative_to(top).as_posix()
            if _counts(name) and path.is_file():
                found[name] = path
    return found


def _counts(name: str) -> bool:
    # predictions are made from the data, and adding one does not change them
    hidden = name.startswith((".", "store/", "forecasts/")) or "/." in name
    about = name == "codebook.csv" or name.endswith(".golden.csv")
    return name.endswith((*_TEXT, ".parquet")) and not (hidden or about)


def _days(content: bytes) -> Iterator[date]:
    for row in csv.DictReader(StringIO(content.decode("utf-8"), newline="")):
        for column in _READ:
            try:
                yield date.fromisoformat(row.get(column) or "")
            except ValueError:  # a month or a year, or nothing
                continue


def _made(overlay: Path) -> date:
    """Day of a snapshot, which its name says."""
    return date.fromisoformat(overlay.name[:8])
