"""How does a table fit a terminal, or a Markdown file?

A table that is too wide is not squeezed: one of few rows is turned, a longer one is shown in parts, each with
the first column again.
"""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len
from rich.table import Column, Table
from rich.text import Text

WRAPPED = 24  # a column of text may be narrowed to this
_BORDERS = 3  # of a column: its edge and a space to either side
_FEW = 3  # rows of a table that is turned


def fitted(table: Table, width: int) -> list[Table]:
    """The table itself if it fits in `width`, else tables that do."""
    needed = [_needed(column) for column in table.columns]
    if sum(needed) + _BORDERS * len(needed) + 1 <= width or len(needed) < 2:
        return [table]
    if table.row_count <= _FEW and (turned := _turned(table)).columns:
        return [turned]
    first, rest = needed[0], list(range(1, len(needed)))
    groups: list[list[int]] = []
    left = 0
    for at in rest:
        taken = needed[at] + _BORDERS
        if not groups or taken > left:
            groups.append([])
            left = width - 1 - _BORDERS - first
        groups[-1].append(at)
        left -= taken
    return [_part(table, group, number, len(groups), len(rest)) for number, group in enumerate(groups)]


def markdown(table: Table) -> str:
    """The table as Markdown, its title above and its caption below."""
    heads = [_line(column.header) for column in table.columns]
    rule = ["---:" if column.justify == "right" else "---" for column in table.columns]
    rows = [heads, rule, *([_line(cell) for cell in row] for row in _rows(table))]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    parts = [f"**{_line(table.title)}**" if table.title else "", "\n".join(lines)]
    parts += [_line(table.caption)] if table.caption else []
    return "\n\n".join(part for part in parts if part) + "\n"


def _part(table: Table, group: list[int], number: int, count: int, columns: int) -> Table:
    part = Table(
        title=table.title if number == 0 else f"continued: {_counted(group)} of {columns}",
        caption=table.caption if number == count - 1 else None,
    )
    for at in (0, *group):
        column = table.columns[at]
        alone = len(group) == 1  # nothing is left to move to the next part: let it wrap
        part.add_column(column.header, justify=column.justify, no_wrap=column.no_wrap and not alone)
    for row, cells in zip(table.rows, _rows(table), strict=True):
        part.add_row(*(cells[at] for at in (0, *group)), end_section=row.end_section)
    return part


def _counted(group: list[int]) -> str:
    return f"columns {group[0]} to {group[-1]}" if len(group) > 1 else f"column {group[0]}"


def _turned(table: Table) -> Table:
    """Headings down, rows across."""
    turned = Table(title=table.title, caption=table.caption)
    turned.add_column(table.columns[0].header)
    rows = list(_rows(table))
    for row in rows:
        turned.add_column(row[0])
    for at, column in enumerate(table.columns[1:], start=1):
        turned.add_row(_line(column.header), *(row[at] for row in rows))
    return turned


def _rows(table: Table) -> Iterator[tuple[str, ...]]:
    return zip(*(column.cells for column in table.columns), strict=True)


def _needed(column: Column) -> int:
    """Width below which a column would lose something; where it may wrap, its longest word."""
    cells = [_plain(cell) for cell in column.cells]
    heading = _plain(column.header)
    lines = [line for cell in cells for line in cell.splitlines()]
    whole = max(map(cell_len, [*lines, *heading.splitlines()]), default=0)
    if column.no_wrap:
        return whole
    words = max(map(cell_len, [word for text in (heading, *cells) for word in text.split()]), default=0)
    return max(words, min(whole, WRAPPED))


def _plain(cell: object) -> str:
    return cell.plain if isinstance(cell, Text) else str(cell)


def _line(cell: object) -> str:
    """A cell of a Markdown table: one line, its bars escaped."""
    return " ".join(_plain(cell).split()).replace("|", "\\|")
