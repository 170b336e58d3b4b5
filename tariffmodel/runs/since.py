"""With which earlier run is a new one compared?"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from tariffmodel.errors import DataError
from tariffmodel.facts import periods
from tariffmodel.files import writing
from tariffmodel.runs.conclusions import CONCLUSIONS

LAST = "last"
MAIL = "morning.eml"  # of the newest run with --since, beside the runs
LOCK = ".since.lock"
_QUESTION = ("policy", "against", "period")


def last(output: Path, parameters: Mapping[str, str | None], name: str, until: str = "~") -> Path | None:
    """The newest finished run before `name` of the same question that kept its conclusions.

    Parameters
    ----------
    output : Path
        Where runs are kept.
    parameters : mapping
        Of the new run; `policy`, `against` and `period` are the question.
    name : str
        Of the new run: names start with the time.
    until : str
        Only runs that were started up to this day, ``YYYYMMDD``.

    Examples
    --------
    >>> last(Path("nowhere"), {"policy": "flat-25", "against": "none", "period": "CY2025"}, "2027") is None
    True
    """
    for folder, asked in _finished(output, name):
        if folder.name[: len(until)] <= until and all(asked[key] == parameters[key] for key in _QUESTION):
            return folder
    return None


def earlier(output: Path, asked: str, parameters: Mapping[str, str | None], name: str) -> Path | None:
    """The run that ``--since`` means: ``last``, the name of a run, or the newest up to a day.

    None where ``last`` finds none: a first run has nothing to compare itself with.

    Raises
    ------
    DataError
        A name or a day without such a run, or a run of another question, which cannot be compared.

    Examples
    --------
    >>> question = {"policy": "flat-25", "against": "none", "period": "CY2025"}
    >>> earlier(Path("nowhere"), "last", question, "2027") is None
    True
    >>> earlier(Path("nowhere"), "2026-11-20", question, "2027")
    Traceback (most recent call last):
        ...
    tariffmodel.errors.DataError: --since 2026-11-20: nowhere has no finished run of this question (flat-25 \
against none, CY2025) from that day or before; name a later day, or --since last
    """
    if asked == LAST:
        return last(output, parameters, name)
    if re.fullmatch(r"\d{4}-\d\d-\d\d", asked):
        day = _day(asked)
        if found := last(output, parameters, name, f"{day:%Y%m%d}"):
            return found
        raise DataError(
            f"--since {asked}: {output} has no finished run of this question ({_told(parameters)}) from that "
            "day or before; name a later day, or --since last"
        )
    there = dict(_finished(output, "~"))
    folder = output / Path(asked).name
    if folder not in there:
        newest = ", ".join(path.name for path in list(there)[:3]) or "none yet"
        raise DataError(
            f"--since {asked}: {output} has no finished run of that name; write last, a day such as "
            f"2026-11-20, or a run (the newest: {newest})"
        )
    before = there[folder]
    if differ := [key for key in _QUESTION if before[key] != parameters[key]]:
        raise DataError(
            f"--since {asked}: that run asked {_told(before)}, this one asks {_told(parameters)}; give the "
            f"same {' and '.join(differ)}, or compare the two with `tariffmodel diff`"
        )
    return folder


@contextmanager
def alone(output: Path) -> Iterator[None]:
    """Let no other run with ``--since`` work in the same folder at the same time.

    Raises
    ------
    DataError
        If one does.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as place, alone(Path(place)):
    ...     (Path(place) / LOCK).is_file()
    True
    """
    lock, holder = FileLock(output / LOCK, timeout=0), output / f"{LOCK}.pid"
    with writing(output):
        output.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout:
            pid = holder.read_text(encoding="utf-8") if holder.is_file() else "unknown"
            raise DataError(
                f"another run with --since works in {output} (pid {pid}); wait until it is done, or give "
                "this one another --output"
            ) from None
        holder.write_text(str(os.getpid()), encoding="utf-8")
    try:
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _finished(output: Path, name: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Finished runs before `name` that kept their conclusions, the newest first, and what they asked."""
    for path in sorted(output.glob("[!.]*/manifest.json"), reverse=True):  # names start with the time
        folder = path.parent
        if folder.is_symlink() or folder.name >= name or not (folder / CONCLUSIONS).is_file():
            continue
        try:
            about: dict[str, Any] = json.loads(path.read_bytes())
            asked = {key: about["parameters"][key] for key in _QUESTION}
            complete = about["complete"]
        except (ValueError, KeyError, TypeError):  # another program's, or damaged: none of ours
            continue
        if complete:
            yield folder, asked


def _day(text: str) -> date:
    try:
        return periods.day(text)
    except ValueError as error:
        raise DataError(f"--since {text}: {error}; write a day such as 2026-11-20") from None


def _told(asked: Mapping[str, str | None]) -> str:
    return f"{asked['policy']} against {asked['against']}, {asked['period']}"
