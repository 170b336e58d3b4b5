"""How is a file read or written of which nobody knows what it is?

One reader for each kind of file: text, TOML, JSON, CSV and Parquet (tables that people send have
`intake.spreadsheet`). Each looks at what stands under the name before it opens it, reads no more than its
kind can reasonably hold, and says what is wrong as a `DataError` with what to do: a folder or a pipe in place
of a file, bytes that are no text, lists within lists, half a Parquet file, a full disk.
"""

from __future__ import annotations

import codecs
import errno
import io
import json as _json
import stat
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from zipfile import BadZipFile

from tariffmodel.errors import DataError, TariffModelError
from tariffmodel.escapes import short, unseen, visible

if TYPE_CHECKING:
    import pandas as pd

TEXT_BYTES = 8 * 2**20  # of a policy, a scenario, what was said of a table; the longest of ours has 60 kB
TABLE_BYTES = 2**30  # of a table of the data folder
_DEEP = 20  # lists or tables within one another
_MARKS = {  # how a file may begin, and in which encoding it goes on
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, with which it begins
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_REMEDIES = {
    errno.ENOENT: "check the path",
    errno.ENOTDIR: "check the path: a file stands where it names a folder",
    errno.EISDIR: "it is a folder; give a file",
    errno.EEXIST: "a file stands where a folder should; move it away or choose another place",
    errno.ENAMETOOLONG: "the name is too long; shorten it",
    errno.ELOOP: "it is a link that leads back to itself; give the file itself",
    errno.EACCES: "give yourself the right to it, or choose another place",
    errno.EPERM: "give yourself the right to it, or choose another place",
    errno.EROFS: "that disk cannot be written to; choose another place",
    errno.ENOSPC: "free some space on that disk and repeat",
    errno.EDQUOT: "free some of your disk quota and repeat",
    errno.EFBIG: "the disk takes no file of that size; choose another place",
    errno.EMFILE: "too many files are open; close some programs and repeat",
    errno.EIO: "the disk or the network drive does not answer well; copy the file elsewhere and repeat",
}
RESTORE = "go back to a good state (`tariffmodel snapshots`) or point --data elsewhere"
_KINDS = {
    stat.S_ISDIR: "a folder",
    stat.S_ISFIFO: "a pipe",
    stat.S_ISSOCK: "a socket",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
}


@contextmanager
def reading(path: str | Path, otherwise: str = "restore it or save it again") -> Iterator[None]:
    """What goes wrong with a file in the block becomes a `DataError` that names it.

    Parameters
    ----------
    path : path
        What is read.
    otherwise : str
        What to do where the content is at fault.

    Raises
    ------
    DataError
        For every error of the disk and of what reads the content; ours pass as they are.

    Examples
    --------
    >>> with reading("rates.csv"):
    ...     float("many")
    Traceback (most recent call last):
        ...
    tariffmodel.errors.DataError: rates.csv cannot be read: could not convert string to float: 'many'; \
restore it or save it again
    """
    try:
        yield
    except TariffModelError:
        raise
    except OSError as error:
        _refuse(path, error)
    except RecursionError:
        raise DataError(
            f"{_name(path)} has lists or tables within one another, deeper than {_DEEP}; make it flatter"
        ) from None
    except MemoryError:
        raise DataError(
            f"{_name(path)} needs more memory than there is; divide it into smaller files"
        ) from None
    except UnicodeDecodeError as error:
        raise DataError(
            f"{_name(path)} is neither UTF-8 nor marked as UTF-16 ({error}); save it as UTF-8"
        ) from None
    except (ValueError, ArithmeticError, LookupError, EOFError, TypeError, BadZipFile) as error:
        raise DataError(f"{_name(path)} cannot be read: {_said(error)}; {otherwise}") from None


@contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """A refusal of the disk in the block becomes a `DataError` that says what to do.

    >>> with writing("output"):
    ...     raise OSError(errno.ENOSPC, "No space left on device", "output/charts/02_bill.png")
    Traceback (most recent call last):
        ...
    tariffmodel.errors.DataError: output/charts/02_bill.png: No space left on device; free some space on \
that disk and repeat
    """
    try:
        yield
    except OSError as error:
        _refuse(path, error)


def regular(path: str | Path) -> Path:
    """The path, if a file stands there.

    Raises
    ------
    DataError
        If there is nothing, or a folder, a pipe, a device or a link to itself.

    Examples
    --------
    >>> regular("/dev/null")
    Traceback (most recent call last):
        ...
    tariffmodel.errors.DataError: /dev/null is a device, not a file; check the path
    """
    place = Path(path)
    with reading(place):
        try:
            found = place.stat()
        except FileNotFoundError:
            link = " (a link that leads nowhere)" if place.is_symlink() else ""
            raise DataError(f"{_name(place)} is not a file{link}; check the path") from None
    for is_kind, kind in _KINDS.items():
        if is_kind(found.st_mode):
            raise DataError(f"{_name(place)} is {kind}, not a file; check the path")
    return place


def there(path: str | Path) -> bool:
    """Whether a file stands there, whatever the name is.

    >>> there("none" * 2000), there("/dev/null")
    (False, False)
    """
    try:
        return Path(path).is_file()
    except (OSError, ValueError):
        return False


def content(path: str | Path, most: int = TEXT_BYTES) -> bytes:
    """The bytes of a file that may have so many.

    >>> import tariffmodel as tm
    >>> content(tm.facts.data_dir() / "codebook.csv")[:4]
    b'file'
    """
    place = regular(path)
    with reading(place), place.open("rb") as file:
        found = file.read(most + 1)
    if len(found) > most:
        size = f"{most / 2**20:,.0f} MB" if most >= 2**20 else f"{most:,} bytes"
        raise DataError(f"{_name(place)} has more than {size}, which no file of its kind needs")
    return found


def marked(raw: bytes) -> str | None:
    """The encoding that the first bytes of a file name; None where they name none.

    >>> [marked(word.encode(name)) for word, name in (("a", "utf-16"), ("a", "utf-8-sig"), ("a", "utf-8"))]
    ['utf-16', 'utf-8-sig', None]
    """
    return next((name for mark, name in _MARKS.items() if raw.startswith(mark)), None)


def text(path: str | Path, most: int = TEXT_BYTES) -> str:
    """A file of text: UTF-8, or what its first bytes say (UTF-8 with a mark, UTF-16).

    Raises
    ------
    DataError
        If it cannot be read, or is no text.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> text(tm.facts.data_dir() / "codebook.csv").split(",")[0]
    'file'
    """
    raw = content(path, most)
    with reading(Path(path).name, "save it as text, UTF-8"):
        found = raw.decode(marked(raw) or "utf-8")
    if "\0" in found:
        raise DataError(f"{_name(path)} is not a text file (it has bytes of zero); save it as text, UTF-8")
    return found.replace("\r\n", "\n")


def toml(path: str | Path) -> dict[str, Any]:
    """A TOML file; its texts hold no character that nobody sees.

    Raises
    ------
    DataError
        If it cannot be read, is no TOML, or has what turns the direction of text or moves the cursor.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> toml(tm.facts.data_dir() / "policies" / "flat-25.toml")["status"]
    'counterfactual'
    """
    name = Path(path).name
    written = text(path)
    with reading(name):
        try:
            document = tomllib.loads(written)
        except tomllib.TOMLDecodeError as error:
            raise DataError(f"{_name(name)}: not readable as TOML: {_said(error)}") from None
    _refuse_unseen(document, _name(name))
    return document


def json(path: str | Path, most: int = TEXT_BYTES) -> Any:
    """A JSON file.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as place:
    ...     _ = (Path(place) / "about.json").write_text('{"title": "Bills"}', encoding="utf-8")
    ...     json(Path(place) / "about.json")
    {'title': 'Bills'}
    """
    written = text(path, most)
    with reading(path):
        return _json.loads(written)


def csv(path: str | Path, *, typed: bool = False, held: bytes | None = None, **options: Any) -> pd.DataFrame:
    """A table of the data folder, its cells as text; an empty cell is missing.

    Where it is `typed`, its cells are what pandas takes them for; `held` is what the file holds, where
    that has been read. Other options as for `pandas.read_csv`.

    >>> import tariffmodel as tm
    >>> csv(tm.facts.data_dir() / "market" / "markets.csv")["market"].tolist()[:2]
    ['DE', 'JP']
    """
    import pandas as pd

    raw = content(path, TABLE_BYTES) if held is None else held
    as_text = {"dtype": str, "keep_default_na": False, "na_values": [""]}
    options = options if typed else as_text | options
    with reading(path, RESTORE):
        frame: pd.DataFrame = pd.read_csv(io.BytesIO(raw), encoding=marked(raw) or "utf-8", **options)
    return frame


def parquet(path: str | Path, *needed: str, **options: Any) -> pd.DataFrame:
    """A Parquet file of the data folder, which has the columns that are needed and days in `date`.

    Options as for `pandas.read_parquet`.

    >>> import tariffmodel as tm
    >>> "rate" in parquet(tm.facts.data_dir() / "market" / "fx.parquet", "date", "pair", "rate")
    True
    """
    import pandas as pd

    place = regular(path)
    with reading(place, RESTORE):
        frame = pd.read_parquet(place, **options)
        if absent := [name for name in needed if name not in frame]:
            raise ValueError(f"it has no column {', '.join(absent)}")
        if "date" in needed and not pd.api.types.is_datetime64_dtype(frame["date"]):
            raise ValueError("its column date has no days")
    return frame


def remedy(error: OSError) -> str:
    """What to do about a refusal of the disk.

    >>> remedy(OSError(errno.ENOSPC, "No space left on device"))
    'free some space on that disk and repeat'
    """
    return _REMEDIES.get(error.errno or 0, "check the path and the disk, and repeat")


def _refuse(path: str | Path, error: OSError) -> NoReturn:
    """Say a refusal of the disk, and what to do."""
    place = error.filename if isinstance(error.filename, str | Path) else path
    said = error.strerror or _said(error)
    raise DataError(f"{_name(place)}: {said}; {remedy(error)}") from error


def _refuse_unseen(document: Any, place: str, depth: int = 0) -> None:
    """Refuse what nobody would see in texts and keys, and what is nested too deeply to mean anything."""
    if depth > _DEEP:
        raise DataError(f"{place}: lists or tables within one another, deeper than {_DEEP}; make it flatter")
    if isinstance(document, Mapping):
        for key, value in document.items():
            _refuse_unseen(key, place, depth)
            _refuse_unseen(value, f"{place}: {visible(key)}" if depth == 0 else place, depth + 1)
    elif isinstance(document, list):
        for value in document:
            _refuse_unseen(value, place, depth + 1)
    elif isinstance(document, str) and (found := unseen(document)):
        raise DataError(f"{place}: {short(document)} holds {found}, which nobody sees; take it out")


def _name(path: str | Path) -> str:
    return visible(str(path))


def _said(error: BaseException) -> str:
    """What an error says, in one line that ends."""
    try:
        words = " ".join(visible(error).split()) or type(error).__name__
    except ValueError:
        words = type(error).__name__
    if words.startswith("Exceeds the limit"):
        return "it has a number of thousands of digits"
    return words if len(words) <= 160 else f"{words[:159]}…"
