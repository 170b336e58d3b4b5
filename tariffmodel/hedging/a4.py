"""How are sentences, tables and charts set on one A4 page?

A page is filled from the top: each function sets its part at `y`, a share of the height, and says where
the next one begins. A part keeps to its column, the text area by default.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from matplotlib.figure import Figure
from matplotlib.layout_engine import PlaceHolderLayoutEngine

SIZE = (8.27, 11.69)  # inches
LINE = 0.0125  # of the height
TEXT = 6.5  # points
RED, GREEN, INK, SOFT = "#B2182B", "#009E73", "#222222", "#666666"


@dataclass(frozen=True)
class Column:
    """A part of the page from side to side.

    Parameters
    ----------
    left, width : float
        Where it begins, and how wide it is, as shares of the width.
    line, space : float
        Height of a line, and what is left free between rows of a table, as shares of the height.
    per_width : float
        Characters that fit into a line as wide as the paper.

    Examples
    --------
    >>> Column(0.5, 0.43).characters
    71
    """

    left: float = 0.07
    width: float = 0.86
    line: float = LINE
    space: float = 0.003
    per_width: float = 142 / 0.86

    @property
    def characters(self) -> int:
        """How many fit into a line."""
        return round(self.width * self.per_width)


WHOLE = Column()


def page(title: str) -> Figure:
    """An empty page with a title that files and slides ask for.

    >>> [float(size) for size in page("A ticket").get_size_inches()]
    [8.27, 11.69]
    """
    # placed by hand; with no engine at all, matplotlib would bring its own back when the page is saved
    fig = Figure(figsize=SIZE, layout=PlaceHolderLayoutEngine(adjust_compatible=True, colorbar_gridspec=True))
    fig.suptitle(title, visible=False)
    return fig


def lines(
    fig: Figure,
    y: float,
    texts: Iterable[str],
    *,
    mark: str = "– ",
    color: str = INK,
    column: Column = WHOLE,
) -> float:
    """Sentences one below the other from `y` on; where the next one would begin.

    >>> round(lines(page("A ticket"), 0.9, ["One.", "Two."]), 4)
    0.875
    """
    for text in texts:
        for row, part in enumerate(wrap(text, column.characters)):
            begin = mark if row == 0 else "   " * bool(mark)
            fig.text(column.left, y, begin + minus(part), va="top", size=TEXT, color=color)
            y -= column.line
    return y


def grid(
    fig: Figure,
    y: float,
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Sequence[float],
    *,
    wide: int = 62,
    column: Column = WHOLE,
) -> float:
    """A table whose first column is `wide` characters and whose others end at `right`; where the next begins.

    A cell may have several lines.

    >>> round(grid(page("A ticket"), 0.9, ["Trade", "Ratio"], [["Sell", "+0.2"]], [0.9]), 4)
    0.866
    """
    for row in (heads, *rows):
        top = row is heads
        style: dict[str, Any] = {"va": "top", "size": TEXT, "color": SOFT if top else INK}
        first = wrap(row[0], wide)
        for line, part in enumerate(first):
            fig.text(column.left, y - line * column.line, part, weight="normal" if top else "bold", **style)
        for x, text in zip(right, row[1:], strict=True):
            fig.text(x, y, minus(text), ha="right", **style)
        y -= max(len(first), *(text.count("\n") + 1 for text in row)) * column.line + column.space
    return y - column.space


def minus(text: str) -> str:
    """Hyphens before figures as minus signs, those inside dates and names as they are.

    >>> minus("-0.2 of 2026-01-30")
    '−0.2 of 2026-01-30'
    """
    return re.sub(r"(?<![\w-])-(?=\d)", "\u2212", text)
