"""What kind of file is it, whatever its name ends with, and in which encoding is its text?

Nothing is guessed: a byte order mark counts, then UTF-8, then the one encoding of a list in which the
file has headings that are known, then bytes that are ordinary text in one encoding alone.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from xml.etree import ElementTree

from tariffmodel.errors import DataError
from tariffmodel.files import marked
from tariffmodel.intake import vocabulary

# Bytes of ordinary text: Latin letters standing alone or in pairs; kana and the first 2,965 kanji of JIS X
# 0208; the Hangul and signs of KS X 1001; the hanzi of GB 2312, no letter of them between Latin ones.
ENCODINGS = {
    "cp1252": rb"(?:[\x00-\x7f]|[\x80\x8a\x8c\x8e\x91-\x97\x99\x9a\x9c\x9e-\xff]{1,2}(?![\x80-\xff]))*",
    "cp932": rb"(?:[\x00-\x7f]|[\x81-\x98][\x40-\x7e\x80-\xfc])*",
    "cp949": rb"(?:[\x00-\x7f]|[\xa1-\xc8][\xa1-\xfe])*",
    "gb18030": rb"(?:[\x00-\x7f]|(?<![A-Za-z])[\xb0-\xf7][\xa1-\xfe])*",
}
_BY_HEADING = ("cp932", "euc_jp", "cp949", "gb18030", "big5", "cp1252", "cp850", "mac_roman")
_TOP = 60  # lines in which headings are looked for
_CELL = re.compile(
    rb'<(?:\w+:)?c\b[^>]*?\br="([A-Z]+\d+)"[^>]*?(?<!/)>((?:(?!</(?:\w+:)?c>).)*)</(?:\w+:)?c>', re.DOTALL
)


def kind(head: bytes) -> str:
    r"""What a file is by its first bytes: workbook, old workbook, web page, XML, PDF, parquet or text.

    >>> [kind(head) for head in (b"PK\x03\x04", b"<!DOCTYPE html>", b"Date,GM")]
    ['workbook', 'web page', 'text']
    """
    magic = {
        b"PK\x03\x04": "workbook",
        b"\xd0\xcf\x11\xe0": "old workbook",
        b"%PDF": "PDF",
        b"PAR1": "parquet",
    }
    for mark, name in magic.items():
        if head.startswith(mark):
            return name
    plain = head.decode(marked(head) or "latin-1", "ignore").lstrip("\ufeffï»¿ \t\r\n").lower()
    if re.match(r"<(!doctype html|html|head|body|table|meta|style|div|center|!--)", plain):
        return "web page"
    return (
        "XML"
        if plain.startswith("<?xml") and "<html" not in plain
        else ("web page" if plain.startswith("<?xml") else "text")
    )


def decode(raw: bytes, encoding: str | None, file: str) -> tuple[str, str]:
    """The text of a file, and the encoding in which it was read.

    Raises
    ------
    DataError
        No text in `encoding`, or, without one, bytes that have two readings; each is shown.

    Examples
    --------
    >>> decode("日付,終値".encode("cp932"), None, "mine.csv")
    ('日付,終値', 'cp932')
    """
    encoding = encoding or detect(raw, file)
    try:
        return raw.decode(encoding), encoding
    except (UnicodeDecodeError, LookupError) as error:
        raise DataError(f"{file} cannot be read as {encoding} ({error}); save it as UTF-8") from None


def detect(raw: bytes, file: str) -> str:
    """The encoding of a text, see `decode`.

    >>> detect("日期,收盘".encode("gb18030"), "mine.csv"), detect("날짜,종가".encode("cp949"), "mine.csv")
    ('gb18030', 'cp949')
    """
    if named := marked(raw):
        return named
    if 3 * raw[:200].count(b"\0") > len(raw[:200]):
        return "utf-16-le" if raw[1:2] == b"\0" else "utf-16-be"
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        return "utf-8-sig"
    if b"\0" in raw:
        raise DataError(f"{file} is not a text file; save it as .csv (UTF-8) or .xlsx")
    marks = b"\n".join(line for line in raw.splitlines() if not line.isascii())
    able = _by_heading(marks) or [name for name, pattern in ENCODINGS.items() if re.fullmatch(pattern, marks)]
    able = able or [name for name in ENCODINGS if _decodes(marks, name)]
    if len(able) == 1:
        return able[0]
    number, line = next((n, x) for n, x in enumerate(raw.splitlines(), 1) if not x.isascii())
    shown = ", ".join(f"{name}: {line.decode(name, 'replace')[:40]!r}" for name in able or ENCODINGS)
    raise DataError(
        f"{file} row {number} is not UTF-8 and may be {shown}; save it as UTF-8 or pass encoding="
    )


def _by_heading(marks: bytes) -> list[str]:
    """The encodings in which the first lines have most headings that are known."""
    words = vocabulary.vocabulary()
    top = b"\n".join(marks.split(b"\n")[:_TOP])
    score = {}
    for name in _BY_HEADING:
        if _decodes(marks, name):
            cells = [cell for cell in re.split(r"[\n\t;|,]", top.decode(name)) if not cell.isascii()]
            score[name] = sum(bool(words.field(cell)) for cell in cells)
    most = max(score.values(), default=0)
    return [name for name, found in score.items() if found == most] if most else []


def _decodes(raw: bytes, encoding: str) -> bool:
    """Whether bytes are characters of an encoding, none of them for private use."""
    try:
        return not re.search("[\ue000-\uf8ff]", raw.decode(encoding))
    except UnicodeDecodeError:
        return False


def web_table(text: str, file: str) -> tuple[list[list[str]], str]:
    """The largest table of a web page that was saved as a spreadsheet, and which of its tables that is.

    Raises
    ------
    DataError
        If the page has no table of data: often it is the page of a login.

    Examples
    --------
    >>> page = "<html><table><tr><th>Date</th><th>GM</th></tr><tr><td>2026-01-05</td><td>80</td></tr></table>"
    >>> web_table(page, "mine.xls")
    ([['Date', 'GM'], ['2026-01-05', '80']], 'table 1 of 1 of a web page')
    """
    from bs4 import BeautifulSoup  # slow to import

    page = BeautifulSoup(text, "html.parser")
    tables = [
        [
            [" ".join(cell.get_text(" ").split()) for cell in row.find_all(["td", "th"], recursive=False)]
            for row in table.find_all("tr")
        ]
        for table in page.find_all("table")
        if not table.find("table")
    ]
    sizes = [sum(len(row) > 1 for row in rows) for rows in tables]
    if not sizes or max(sizes) < 2:
        title = page.title.get_text(" ", strip=True)[:60] if page.title else ""
        said = f" ({title!r})" if title else ""
        raise DataError(
            f"{file} is a web page{said} without a table of data, whatever its name ends with; "
            "log in where it comes from and export again as .csv or .xlsx"
        )
    largest = sizes.index(max(sizes))
    return [row for row in tables[largest] if row], f"table {largest + 1} of {len(tables)} of a web page"


def refuse_uncomputed(path: Path, sheet: str) -> None:
    """Refuse a sheet with formulas whose values were never stored: they would be read as empty.

    Raises
    ------
    DataError
        Naming the first cells.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from openpyxl import Workbook
    >>> book = Workbook()
    >>> book.active.append(["Date", "=1+1"])
    >>> with TemporaryDirectory() as place:
    ...     book.save(file := Path(place) / "mine.xlsx")
    ...     try:
    ...         refuse_uncomputed(file, "Sheet")
    ...     except DataError as error:
    ...         print(str(error).split(";")[0])
    mine.xlsx B1 has a formula whose value is not stored
    """
    with zipfile.ZipFile(path) as archive:
        part = _part(archive, sheet)
        cells = archive.read(part) if part else b""
    if b"<f" not in cells and b":f" not in cells:
        return
    without = [
        place.decode()
        for place, inside in _CELL.findall(cells)
        if re.search(rb"<(?:\w+:)?f\b", inside) and not re.search(rb"<(?:\w+:)?(?:v|t)\b[^>]*>[^<]", inside)
    ]
    if without:
        more = f" and {len(without) - 3} more" if len(without) > 3 else ""
        have = "cells have formulas whose values are" if len(without) > 1 else "has a formula whose value is"
        raise DataError(
            f"{path.name} {', '.join(without[:3])}{more} {have} not stored; "
            "open the file in a spreadsheet program, let it calculate, and save it again (or paste values)"
        )


def _part(archive: zipfile.ZipFile, sheet: str) -> str | None:
    """Name of the part of a workbook that holds a sheet."""
    related = {}
    for name in ("xl/workbook.xml", "xl/_rels/workbook.xml.rels"):
        if name not in archive.namelist():
            return None
        for element in ElementTree.fromstring(archive.read(name)).iter():
            tag = element.tag.rpartition("}")[2]
            if tag == "sheet" and element.get("name") == sheet:
                key = next(value for at, value in element.items() if at.endswith("}id"))
                related["key"] = key
            if tag == "Relationship":
                related[f"of {element.get('Id')}"] = element.get("Target") or ""
    target = related.get(f"of {related.get('key')}")
    if target is None:
        return None
    return target.lstrip("/") if target.startswith("/") else f"xl/{target}"
