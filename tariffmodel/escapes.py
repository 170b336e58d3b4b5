"""How does text from outside stay text wherever it is shown?

Titles, labels, notes, sources, names of files: whoever wrote them, in a page they are no tags, in Markdown
no links, in a terminal no colours, in LaTeX no commands and in a spreadsheet no formulas. Each rule stands
here once; what shows text calls the one for its language, and nobody escapes what he only hands on.
"""

from __future__ import annotations

import html as _html
import re
import unicodedata
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

# what moves the cursor or turns the direction of what follows: a name can look like another one by it
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_LINK = re.compile(r"https?://[^\s\"'<>\\`\x00-\x20]+", re.IGNORECASE)
_MARKDOWN = str.maketrans({mark: f"&#{ord(mark)};" for mark in "<>[]*_`|~\\#!"})
_ENTITY = re.compile(r"&(?=#?\w+;)")  # what would be read as one letter; in S&P it is none
_ALIVE = re.compile(r"://|www\.|^[-+=](?=[\s=-]|$)|^\d+[.)](?=\s|$)", re.IGNORECASE)  # links, marks of lists
_DOLLAR = "<span>&#36;</span>"  # alone in its element: two of them would enclose a formula
_TAGS = re.compile(r"<(?!/?span>|span style=\"color:#[0-9A-Fa-f]{6}\">)")
_TARGET = re.compile(
    r"\](?!\((?:https?://[^\s()<>\"'\\]+|#[\w-]+|[\w./-]+\.ipynb(?:#[\w-]+)?)\))(?=\s*[\[(:])"
)
_LATEX = str.maketrans(
    {
        **{mark: f"\\{mark}" for mark in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "[": "{[}",  # after the end of a row it would be an option
        "]": "{]}",
        "\n": " ",
    }
)
_FORMULA = re.compile(r"[=@\t\r\n\uff1d\uff20]|[+\uff0b\uff0d-]")
_FIGURES = re.compile(r"[+-]?\d[\d.,]*(?:[eE][+-]?\d+)?%?$|[^\W\d_]+$|-$")  # a number, a word or a dash


def visible(text: object) -> str:
    r"""Text with the characters that nobody sees spelt out, and its lines kept.

    >>> visible("flat\u202e 25\x1b[2J"), visible("two\nlines")
    ('flat\\u202e 25\\x1b[2J', 'two\nlines')
    """
    return _UNSEEN.sub(lambda found: ascii(found[0])[1:-1], str(text))


def unseen(text: str) -> str:
    r"""The first character of a text that `visible` spells out, by its name; empty where there is none.

    >>> unseen("flat\u202e 25"), unseen("flat 25")
    ('\\u202e (RIGHT-TO-LEFT OVERRIDE)', '')
    """
    found = _UNSEEN.search(text)
    return f"{visible(found[0])} ({unicodedata.name(found[0], 'a control character')})" if found else ""


def short(value: object, length: int = 60) -> str:
    r"""A value as a message quotes it: as `repr` writes it, with the middle left out where it is long.

    >>> short("a" * 5000, 20), short(10**5000, 20)
    ("'aaaaaa… 5000 …aaaaa'", 'a number of 5001 digits')
    """
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**40:
        return f"a number of {_digits(value)} digits"
    try:
        text = visible(repr(value))
    except (ValueError, RecursionError):  # a number of thousands of digits inside it; lists within lists
        return f"a {type(value).__name__} too long to be shown"
    if len(text) <= length:
        return text
    size = f" {len(value)} " if isinstance(value, str) else " "
    half = (length - len(size) - 2) // 2
    return f"{text[: half + 1]}…{size}…{text[-half:]}"


def _digits(value: int) -> int:
    """Digits of a large number, without writing them: Python refuses to write more than 4,300."""
    count = int(abs(value).bit_length() * 0.30102999566398)
    return count + int(abs(value) >= 10**count)


def html(text: object) -> str:
    """Text as text of a page, or as the value of an attribute in quotes.

    >>> html("<b>R&D</b>")
    '&lt;b&gt;R&amp;D&lt;/b&gt;'
    """
    return _html.escape(visible(text))


def link(address: object) -> str:
    """An address if a page may link to it, which is one of the web; else nothing.

    >>> link("https://example.com/a"), link("javascript:alert(1)"), link(None)
    ('https://example.com/a', '', '')
    """
    text = str(address).strip()
    return text if _LINK.fullmatch(text) else ""


def markdown(text: object) -> str:
    """Text as text of Markdown, in one line: no tag, link, picture, emphasis or formula of its own.

    >>> markdown("R&D &lt; [a](javascript:b) $x$")
    'R&D &amp;lt; &#91;a&#93;(javascript:b) <span>&#36;</span>x<span>&#36;</span>'
    """
    line = _ENTITY.sub("&amp;", " ".join(visible(text).split())).translate(_MARKDOWN)
    line = _ALIVE.sub(lambda found: f"&#{ord(found[0][-1])};".join((found[0][:-1], "")), line)
    return line.replace("$", _DOLLAR)


def markdown_said(text: object) -> str:
    """Sentences in Markdown, with what may stand in them from outside made harmless.

    Emphasis, lists, tables, code and links to the web, to notebooks and to headings stay, and so does the
    house's colour; other tags, pictures, links and formulas become text. What a sentence quotes goes
    through `markdown` first, so that it is text altogether.

    >>> markdown_said("**Yes** <script>x</script> [a](javascript:b), [09](09_response.ipynb)")
    '**Yes** &lt;script>x&lt;/script> [a&#93;(javascript:b), [09](09_response.ipynb)'
    """
    tame = _TAGS.sub("&lt;", visible(text))
    tame = _TARGET.sub("&#93;", tame.replace("![", "!&#91;"))
    return re.sub(r"(?<!<span>)\$", _DOLLAR, tame).replace("\\", "&#92;")


def latex(text: object) -> str:
    r"""Text as text of LaTeX.

    >>> latex(r"R&D \input{a} 5%")
    'R\\&D \\textbackslash{}input\\{a\\} 5\\%'
    """
    return visible(text).translate(_LATEX)


def cell(text: object) -> str:
    r"""Text as a cell of a CSV file that a spreadsheet opens: an apostrophe before what it would compute.

    Figures in words, such as ``-1.2 to 3.4``, stay as they are: no spreadsheet can compute with them.

    >>> cell('=HYPERLINK("x")'), cell("-1.2 to +3%"), cell("+1+1"), cell("Toyota")
    ('\'=HYPERLINK("x")', '-1.2 to +3%', "'+1+1", 'Toyota')
    """
    said = visible(text)
    first = _FORMULA.match(said)
    if first is None:
        return said
    words = re.split(r"[\s()–,;]+", said.strip())
    figures = first[0] in "+-" and all(_FIGURES.match(word) for word in words if word)
    return said if figures and not re.search(r"[^\W\d_]\s*\(", said) else f"'{said}"


def cells(frame: pd.DataFrame) -> pd.DataFrame:
    """A table whose texts, headings and labels of rows are each a `cell`.

    >>> import pandas as pd
    >>> cells(pd.DataFrame({"note": ["=1+1", "-"], "value": [-3.0, 2.0]})).to_dict("list")
    {'note': ["'=1+1", '-'], 'value': [-3.0, 2.0]}
    """
    plain = frame.copy(deep=False)
    for place, kind in enumerate(frame.dtypes):
        if kind.kind == "O" or not isinstance(kind, np.dtype):
            plain.isetitem(place, frame.iloc[:, place].map(_cell).array)
    return plain.set_axis(_labels(frame.index)).set_axis(_labels(frame.columns), axis=1)


def _cell(value: Any) -> Any:
    return cell(value) if isinstance(value, str) else value


def _labels(labels: pd.Index) -> pd.Index:
    named = labels.map(lambda label: tuple(map(_cell, label)) if isinstance(label, tuple) else _cell(label))
    return named.set_names(labels.names) if len(labels) else labels


def uncelled(text: str) -> str:
    """The text of a `cell`, where its file is read again.

    >>> uncelled("'=1+1"), uncelled("'s-Hertogenbosch")
    ('=1+1', "'s-Hertogenbosch")
    """
    return text[1:] if text[:1] == "'" and _FORMULA.match(text[1:2]) else text
