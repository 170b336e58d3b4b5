"""What does a text file say that a byte order mark may stand before?"""

from __future__ import annotations

import codecs
from pathlib import Path

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, with which it begins
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def marked(raw: bytes) -> str | None:
    """The encoding that the byte order mark of a file names; None without one.

    >>> [marked(word.encode(name)) for word, name in (("a", "utf-16"), ("a", "utf-8-sig"), ("a", "utf-8"))]
    ['utf-16', 'utf-8-sig', None]
    """
    return next((name for mark, name in _MARKS.items() if raw.startswith(mark)), None)


def text(path: Path) -> str:
    """A text file in UTF-8, or in what its byte order mark names; lines end with a line feed.

    Raises
    ------
    UnicodeDecodeError
        If it is in neither: nothing is guessed.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as place:
    ...     _ = (path := Path(place) / "mine.toml").write_text("rate = 0.15", encoding="utf-16")
    ...     text(path)
    'rate = 0.15'
    """
    raw = path.read_bytes()
    return raw.decode(marked(raw) or "utf-8").replace("\r\n", "\n")
