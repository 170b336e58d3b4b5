"""The morning note as a page, as a mail and as plain text.

``morning.html`` prints on one A4 page. ``morning.eml`` is a whole message (RFC 5322, Resnick 2008) with the
plain text and the mail's HTML as alternatives (RFC 2046, Freed and Borenstein 1996, section 5.1.4), without
sender or receiver: whoever sends it names them. ``X-Unsent`` lets Outlook open it as a draft.
"""

from __future__ import annotations

from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from textwrap import TextWrapper
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tariffmodel.escapes import visible
from tariffmodel.facts import store
from tariffmodel.runs.morning import Block, Note
from tariffmodel.runs.page import TEMPLATES
from tariffmodel.runs.since import MAIL

__all__ = ["FILES", "text", "write"]

FILES = ("morning.html", "morning_email.html", "morning.txt", MAIL)
_WIDTH = 78  # letters of a line; RFC 5322, section 2.1.1
_HALVES = {"Bills that moved": "Shares and", "Next": "What is old"}  # blocks that stand side by side


def write(note: Note, folder: Path) -> list[Path]:
    """Write the page, the mail's HTML, the text and the message; returns the files.

    >>> from tempfile import TemporaryDirectory
    >>> said = Note("Flat <25%>", "Since run one.", "Nothing changed.", (), (), "See report.html.")
    >>> with TemporaryDirectory() as place:
    ...     paths = write(said, Path(place))
    ...     "Flat &lt;25%&gt;" in paths[0].read_text(encoding="utf-8")
    True
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    page, mail = (
        environment.get_template(f"{name}.j2").render(note=note, pairs=_pairs(note.blocks))
        for name in FILES[:2]
    )
    plain = text(note)
    paths = [folder / name for name in FILES]
    for path, content in zip(paths, (page, mail, plain), strict=False):
        store.write_whole(path, content.encode())
    store.write_whole(paths[3], _message(note, plain, mail))
    return paths


def text(note: Note) -> str:
    """The note as plain text; the first line is its headline.

    >>> print(text(Note("Flat 25%", "Since run one.", "Nothing changed.", (), (), "See report.html.")))
    Nothing changed.
    <BLANKLINE>
    Flat 25%
    Since run one.
    <BLANKLINE>
    See report.html.
    <BLANKLINE>
    """
    parts = [[note.headline], [note.title, note.about], [f"! {alert}" for alert in note.alerts]]
    parts += [[block.title.upper(), *_table(block), *block.says] for block in note.blocks]
    parts.append([note.foot])
    told = ["\n".join(line for one in part for line in _folded(visible(one))) for part in parts if part]
    return "\n\n".join(told) + "\n"


def _shown(value: Any) -> Any:
    """What stands in a page: text with its unseen characters spelt out."""
    return visible(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _pairs(blocks: tuple[Block, ...]) -> list[tuple[Block, ...]]:
    """Blocks in rows: two that are narrow stand side by side."""
    rows: list[tuple[Block, ...]] = []
    for block in blocks:
        before = rows[-1][-1].title if rows and len(rows[-1]) == 1 else ""
        half = next((right for left, right in _HALVES.items() if before.startswith(left)), None)
        if half and block.title.startswith(half):
            rows[-1] = (*rows[-1], block)
        else:
            rows.append((block,))
    return rows


def _table(block: Block) -> Iterator[str]:
    """Rows of a table as lines; sentences side by side become two lines."""
    for row in block.rows:
        if len(row) == 2 and block.heads[0] == "Earlier":
            yield from (f"- earlier: {row[0]}", f"  now: {row[1]}")
        else:
            yield "- " + "; ".join(
                cell if number < block.words else f"{head.lower()} {cell}".strip()
                for number, (head, cell) in enumerate(zip(block.heads, row, strict=True))
                if cell
            )


def _folded(line: str) -> list[str]:
    indent = "  " if line.startswith(("- ", "  ", "! ")) else ""
    whole = TextWrapper(_WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return whole.wrap(line) or [""]


def _message(note: Note, plain: str, mail: str) -> bytes:
    message = EmailMessage(policy=default)  # lines end as files do; who sends it ends them for the wire
    message["Subject"] = " ".join(visible(f"{note.title.partition(':')[0]}: {note.headline}").split())[:180]
    message["X-Unsent"] = "1"
    encoding: dict[str, Any] = {
        "charset": "utf-8",
        "cte": "quoted-printable",
    }  # short lines of ASCII pass every server
    message.set_content(plain, **encoding)
    message.add_alternative(mail, subtype="html", **encoding)
    return message.as_bytes()
