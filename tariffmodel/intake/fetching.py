"""How is a file of a public office fetched, and what is said when that fails?"""

from __future__ import annotations

import time
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from email.utils import parsedate_to_datetime
from io import BytesIO
from typing import Any

_REPEATS = 2  # of a request that breaks off
_FIRST_WAIT = 5.0  # seconds, doubled each time
NOT_PUBLISHED, FAILED, LAYOUT = "not published", "failed", "layout"


class RefusedError(Exception):
    """What brings nothing, and why: `outcome` is one of the three above."""

    def __init__(self, outcome: str, detail: str) -> None:
        super().__init__(detail)
        self.outcome = outcome


@dataclass(frozen=True)
class Answer:
    """A body, and the day on which its server says it was last changed."""

    content: bytes
    modified: date | None


def fetch(
    session: Any,
    url: str,
    params: Mapping[str, str] | None = None,
    *,
    timeout: float,
    sleep: Callable[[float], None] = time.sleep,
) -> Answer:
    """The body at an address, asked for again where the connection breaks off.

    `params` may hold a key: no message repeats them.

    Raises
    ------
    RefusedError
        "not published" for an address without a body, "failed" for all else.

    Examples
    --------
    >>> from types import SimpleNamespace as Fake
    >>> sent = Fake(status_code=200, content=b"1,2", headers={"Last-Modified": "12 Aug 2025 12:00:00 GMT"})
    >>> fetch(Fake(get=lambda url, **_: sent), "https://example.org/file.csv", timeout=1)
    Answer(content=b'1,2', modified=datetime.date(2025, 8, 12))
    """
    from curl_cffi.requests import exceptions  # slow to import

    for attempt in range(_REPEATS + 1):
        try:
            answer = session.get(url, params=dict(params or {}), timeout=timeout)
        except exceptions.RequestException as error:
            reason = f"{url}: {type(error).__name__}, the connection broke off or none was made"
        else:
            if answer.status_code in (204, 404):
                raise RefusedError(NOT_PUBLISHED, f"{url} is not there (HTTP {answer.status_code})")
            if answer.status_code == 200:
                return Answer(answer.content, _day(answer.headers.get("Last-Modified")))
            reason = f"{url} answers HTTP {answer.status_code}"
            if answer.status_code < 500 and answer.status_code != 429:
                break
        if attempt < _REPEATS:
            sleep(_FIRST_WAIT * 2**attempt)
    raise RefusedError(FAILED, f"{reason}; nothing was stored, repeat later")


def opened(content: bytes, name: str) -> zipfile.ZipFile:
    """A ZIP file that is whole: every member is read against its check sum.

    Raises
    ------
    RefusedError

    Examples
    --------
    >>> opened(b"<html>", "file.zip")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    tariffmodel.intake.fetching.RefusedError: file.zip begins with '<html>': not a whole ZIP ...
    """
    try:
        archive = zipfile.ZipFile(BytesIO(content))
        broken = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError) as error:
        start = content[:12].decode("latin-1")
        what = f"begins with {start!r}" if not content.startswith(b"PK") else "is truncated or damaged"
        raise RefusedError(
            FAILED, f"{name} {what}: not a whole ZIP file of {len(content):,} bytes ({error}); repeat"
        ) from None
    if broken:
        raise RefusedError(FAILED, f"{name} is damaged: {broken} does not fit its check sum; repeat")
    return archive


def member(archive: zipfile.ZipFile, ending: str, name: str) -> str:
    """Name of the one file of an archive that ends so, whatever its folder and case.

    Raises
    ------
    RefusedError

    Examples
    --------
    >>> with zipfile.ZipFile(BytesIO(), "w") as archive:
    ...     archive.writestr("april/imp_detl.txt", "")
    ...     member(archive, "IMP_DETL.TXT", "file.zip")
    'april/imp_detl.txt'
    """
    found = [one for one in archive.namelist() if one.upper().rsplit("/", 1)[-1] == ending.upper()]
    if len(found) != 1:
        there = ", ".join(archive.namelist()[:8])
        raise RefusedError(LAYOUT, f"{name} holds {len(found)} files {ending}, expected one; it has {there}")
    return found[0]


def _day(header: str | None) -> date | None:
    try:
        return parsedate_to_datetime(header).date() if header else None
    except ValueError:
        return None
