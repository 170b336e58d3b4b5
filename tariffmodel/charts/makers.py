"""How does all that is known of one maker look: on one A4 page, and its two charts by themselves?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from textwrap import wrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

from tariffmodel import columns
from tariffmodel.charts.events import short_titles
from tariffmodel.charts.house import (
    HOME_COLOR,
    INK,
    PAGE_CM,
    SOFT,
    Chart,
    day_text,
    figure,
    finish,
    house_style,
    in_house_style,
    label_rows,
    origin_note,
    text_column,
    text_width,
    tint,
    wrapped,
)
from tariffmodel.charts.native import Native
from tariffmodel.charts.spoken import refuse_unset, said
from tariffmodel.hedging import a4

_TOLD, _OWED = HOME_COLOR["JP"], HOME_COLOR["KR"]
_TIGHT = {"line": 0.0108, "space": 0.001, "per_width": 173.0}
_WHOLE = a4.Column(**_TIGHT)
_LEFT, _RIGHT = a4.Column(0.07, 0.415, **_TIGHT), a4.Column(0.515, 0.415, **_TIGHT)
_HEAD, _GAP, _BOTTOM = 0.0145, 0.009, 0.026  # of the height
_BETWEEN = 0.09  # inches between columns, at the least
_LEAST, _MOST = 0.09, 0.2  # height of a chart
_ACROSS = {"quarters": (0.045, 0.0), "reactions": (0.16, 0.04)}  # of those drawn: labels left, texts right
_OPENS, _SIDES, _CLOSES = (
    ("policies", "contribution"),
    (("quarters", "origins", "statements", "watch"), ("reactions", "move", "probability", "betas")),
    ("hedge", "lacking"),
)


@dataclass(frozen=True, eq=False)
class Part:
    """A part of the page: a table or a chart, and what is said under it.

    Parameters
    ----------
    title : str
    frame : DataFrame
        What is shown, in the units of the results; empty where there is nothing to show.
    shown : mapping of str to str
        Columns and formats, as `columns.cells` takes them; empty for what is drawn.
    result : str, optional
        Which result the columns are of.
    heads : mapping of str to str
        Headings other than those of the table of columns.
    says : tuple of str
        How to read it.
    lacks : str
        Why there is nothing, where there is nothing.

    Examples
    --------
    >>> part = Part("Betas", pd.DataFrame({"beta_fx": [0.44]}, index=["in yen"]), {"beta_fx": ""})
    >>> part.cells()
    (['', 'Currency beta'], [['in yen', '0.44']])
    """

    title: str
    frame: pd.DataFrame
    shown: Mapping[str, str] = field(default_factory=dict)
    result: str | None = None
    heads: Mapping[str, str] = field(default_factory=dict)
    says: tuple[str, ...] = ()
    lacks: str = ""

    def cells(self) -> tuple[list[str], list[list[str]]]:
        """Headings and rows as text; the first column holds the names of the rows."""
        found, rows = columns.cells(self.frame, self.shown, self.result)
        heads = [
            said(self.heads.get(names, column.title)) for names, column in zip(self.shown, found, strict=True)
        ]
        return ["", *heads], [[str(name), *row] for name, row in zip(self.frame.index, rows, strict=True)]


@dataclass(frozen=True, eq=False)
class MakerSheet:
    """All that is known of one maker, as `runs.maker_sheet.sheet` collects it.

    Parameters
    ----------
    maker, name : str
        As in the data, and in full.
    line : str
        Share, home, market value, group.
    findings : tuple of str
        What matters, in sentences.
    parts : dict of str to Part
        ``policies``, ``contribution``, ``quarters``, ``statements``, ``move``, ``reactions``,
        ``probability``, ``betas``, ``hedge`` and, where dates are known, ``watch``.
    label, source : str
        The question, and where the numbers come from.
    as_of : date

    Examples
    --------
    >>> one = MakerSheet("BMW", "BMW AG", "XETR", (), {}, "a case", "a source", date(2026, 10, 30))
    >>> one.title
    'BMW AG under US car tariffs, 30 Oct 2026'
    """

    maker: str
    name: str
    line: str
    findings: tuple[str, ...]
    parts: dict[str, Part]
    label: str
    source: str
    as_of: date

    @property
    def title(self) -> str:
        """What the page is."""
        return f"{self.name} under US car tariffs, {day_text(self.as_of)}"


def maker_page(one: MakerSheet) -> Chart:
    """A maker on one A4 page, to save as PDF or PNG.

    Tables take what they need; the two charts share what is left.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> said = tm.charts.Part("Betas", pd.DataFrame(), lacks="no line with prices")
    >>> about = ("a case", "a source", date(2026, 10, 30))
    >>> said = {"betas": said}
    >>> one = tm.charts.MakerSheet("Acme", "Acme plc", "not listed", ("It owes nothing.",), said, *about)
    >>> [float(size) for size in maker_page(one).figure.get_size_inches()]
    [8.27, 11.69]
    """
    with house_style():
        fig = a4.page(one.title)
        parts = {name: part for name, part in one.parts.items() if not part.lacks}
        if lacking := _lacking(one):
            parts["lacking"] = lacking
        y = _opening(fig, one)
        for name in _OPENS:
            y = _set(fig, parts, name, _WHOLE, y)
        last = f"Sources: {one.source}", f"As of {day_text(one.as_of)}.", "Not advice to trade."
        foot = [f"{said(last[0])}. {said(last[1])} {said(last[2])}"]
        floor = _BOTTOM + sum(len(wrap(text, _WHOLE.characters)) for text in foot) * _WHOLE.line
        a4.lines(fig, floor, foot, mark="", color=SOFT, column=_WHOLE)
        floor += sum(_height(parts, name, _WHOLE) for name in _CLOSES)
        sides = [names for names in _SIDES if parts.keys() & set(names)]
        columns_ = (_LEFT, _RIGHT) if len(sides) > 1 else (_WHOLE,)
        ends = [_side(fig, parts, *side, y, floor) for side in zip(sides, columns_, strict=False)]
        y = min([y, *ends])
        for name in _CLOSES:
            y = _set(fig, parts, name, _WHOLE, y)
        refuse_unset(text.get_text() for text in fig.findobj(Text))
        return Chart(fig, f"One page on {one.maker}: {one.label}. {' '.join(one.findings)}")


def _lacking(one: MakerSheet) -> Part | None:
    """What is not on the page, and why: one line a reason."""
    titles: dict[str, list[str]] = {}
    for part in one.parts.values():
        if part.lacks:
            titles.setdefault(part.lacks, []).append(part.title)
    says = tuple(f"{'; '.join(names)}: {why}." for why, names in titles.items())
    return Part("Not computed", pd.DataFrame(), says=says) if says else None


def _opening(fig: Figure, one: MakerSheet) -> float:
    """Name, line and findings."""
    called = said(one.maker)
    fig.text(
        _WHOLE.left,
        0.972,
        one.name if called == one.maker else f"{called}  {one.name}",
        size=15,
        weight="bold",
        va="top",
    )
    right = _WHOLE.left + _WHOLE.width
    fig.text(
        right,
        0.968,
        f"{said('US car tariffs')}\n{said(day_text(one.as_of))}",
        size=7.5,
        va="top",
        ha="right",
        color=SOFT,
    )
    y = a4.lines(fig, 0.946, [one.line], mark="", color=SOFT, column=_WHOLE)
    rule = Line2D([_WHOLE.left, right], [y - 0.001] * 2, color=INK, linewidth=1)
    fig.add_artist(rule)
    y, inches = y - 0.007, _WHOLE.width * a4.SIZE[0]
    for text in one.findings:
        for row, part in enumerate(wrapped(a4.minus(text), inches - 0.15, 7.5).split("\n")):
            fig.text(_WHOLE.left, y, ("▪ " if row == 0 else "   ") + part, size=7.5, va="top")
            y -= 0.0135
    return y - _GAP / 2


def _height(parts: Mapping[str, Part], name: str, column: a4.Column) -> float:
    """What a part takes; of a chart, all but the drawing."""
    part = parts.get(name)
    if part is None:
        return 0.0
    height = _HEAD + _GAP + sum(len(wrap(text, column.characters)) for text in part.says) * column.line
    if part.shown and len(part.frame):
        heads, rows, _, wide = _laid(part, column)
        deep = [
            max(len(wrap(row[0], wide)), *(cell.count("\n") + 1 for cell in row)) for row in (heads, *rows)
        ]
        height += sum(deep) * column.line + column.space * (len(deep) + 1)
    return height


def _set(
    fig: Figure, parts: Mapping[str, Part], name: str, column: a4.Column, y: float, drawing: float = 0.0
) -> float:
    """A part at `y`; where the next one begins."""
    part = parts.get(name)
    if part is None:
        return y
    fig.text(column.left, y, said(part.title), weight="bold", va="top", size=7.5)
    rule = Line2D([column.left, column.left + column.width], [y + 0.003] * 2, color="#bbbbbb", linewidth=0.5)
    fig.add_artist(rule)
    y -= _HEAD
    if drawing:
        y = _drawn(fig, name, part, column, y, drawing)
    elif part.shown and len(part.frame):
        heads, rows, right, wide = _laid(part, column)
        y = a4.grid(fig, y, heads, rows, right, wide=wide, column=column)
    return a4.lines(fig, y, part.says, mark="", color=SOFT, column=column) - _GAP


def _side(
    fig: Figure, parts: Mapping[str, Part], names: Sequence[str], column: a4.Column, top: float, floor: float
) -> float:
    """Parts below one another from `top` on; the drawn one has what is left over `floor`. Where it ends."""
    drawn = [name for name in names if name in _ACROSS and name in parts and len(parts[name].frame)]
    room = top - floor - sum(_height(parts, name, column) for name in names)
    each = float(np.clip(room / max(len(drawn), 1), _LEAST, _MOST))
    for name in names:
        top = _set(fig, parts, name, column, top, each if name in drawn else 0.0)
    return top


def _laid(part: Part, column: a4.Column) -> tuple[list[str], list[list[str]], list[float], int]:
    """Headings that are no wider than they need be, rows, where columns end, and the width of the first."""
    heads, rows = part.cells()
    weights = ["bold", *["normal"] * (len(heads) - 1)]
    cells = [
        max((text_width(a4.minus(row[at]), a4.TEXT, weight) for row in rows), default=0.0)
        for at, weight in enumerate(weights)
    ]
    letter = text_width("n" * 20, a4.TEXT) / 20
    heads = [
        "\n".join(wrap(head, max(round(width / letter), 11), break_long_words=False))
        for head, width in zip(heads, cells, strict=True)
    ]
    widths = [
        max([cell, *(text_width(line, a4.TEXT) for line in head.split("\n"))])
        for cell, head in zip(cells, heads, strict=True)
    ]
    inches = column.width * a4.SIZE[0]
    names = min(widths[0], 0.45 * inches, inches - sum(widths[1:]) - _BETWEEN * (len(widths) - 1))
    gap = (inches - names - sum(widths[1:])) / max(len(widths) - 1, 1)
    ends = column.left + (names + np.cumsum(np.array(widths[1:]) + gap)) / a4.SIZE[0]
    return (
        heads,
        rows,
        list(ends),
        max(round(names / letter), max(len(row[0]) for row in rows) if widths[0] <= names else 8),
    )


def _drawn(fig: Figure, name: str, part: Part, column: a4.Column, y: float, height: float) -> float:
    """The drawing of a part between `y` and `height` below it."""
    across = _ACROSS[name]
    place = (column.left + across[0], y - height + 0.02, column.width - sum(across), height - 0.034)
    ax = fig.add_axes(place)
    if name == "quarters":
        _quarters(ax, part.frame)
        corner = {"bbox_to_anchor": (column.left, place[1] + place[3]), "bbox_transform": fig.transFigure}
        ax.legend(handles=_key(), loc="lower left", ncols=2, **corner)
    else:
        _reactions(ax, part.frame)
    return y - height


# Its two charts -----------------------------------------------------------------------------------


@in_house_style
def maker_quarters(
    quarters: pd.DataFrame, maker: str, *, case: str, source: str, as_of: date, width_cm: float = PAGE_CM
) -> Chart:
    """What a maker owed and booked in each quarter.

    Parameters
    ----------
    quarters : DataFrame
        Of that maker: `booked.quarters`, indexed by `period`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> names = [f"{what}{end}_usd" for what in ("bill", "booked") for end in ("", "_low", "_high")]
    >>> one = pd.DataFrame([[1.6e9, 1.3e9, 1.9e9, 1.1e9, 0.5e9, 1.9e9]], ["2026Q2"], names)
    >>> about = {"case": "a case", "source": "a source", "as_of": date(2026, 10, 30)}
    >>> tm.charts.maker_quarters(one, "Toyota", **about).title
    'Toyota: USD 1.6 bn owed and 1.1 bn booked in 2026Q2'
    """
    last = quarters.iloc[-1]
    owed, booked = (last[f"{what}_usd"] / 1e9 for what in ("bill", "booked"))
    fig = figure(
        f"{maker}: USD {owed:.1f} bn owed and {booked:.1f} bn booked in {quarters.index[-1]}",
        f"By quarter, USD bn; {case}",
        ["Lines: range of the inputs, of what is booked the validated one", *origin_note(source, as_of)],
        width_cm,
        body_cm=4.5,
        key=_key(),
    )
    _quarters(fig.subplots(), quarters)
    return finish(fig, "Two bars a quarter, with ranges", data=quarters)


def _key() -> list[Patch]:
    return [Patch(color=_OWED, label=said("owed")), Patch(color=tint(_OWED), label=said("booked"))]


def _quarters(ax: Axes, quarters: pd.DataFrame) -> None:
    x = np.arange(len(quarters))
    for what, move, color in (("bill", -0.19, _OWED), ("booked", 0.19, tint(_OWED))):
        value, low, high = (quarters[f"{what}{end}_usd"].to_numpy() / 1e9 for end in ("", "_low", "_high"))
        ax.bar(x + move, value, 0.36, color=color)
        ax.vlines(x + move, low, high, color=INK, linewidth=0.7)
    ax.axhline(0, color=INK, linewidth=0.5)
    ax.set_xticks(x, list(quarters.index))


@in_house_style
def maker_reactions(
    reactions: pd.DataFrame, maker: str, *, case: str, source: str, as_of: date, width_cm: float = PAGE_CM
) -> Chart:
    """How far a maker's share moved on events, and whether that is told from chance.

    Parameters
    ----------
    reactions : DataFrame
        From `events.of_maker`: the first reports that are drawn, rows with `counted`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> one = pd.DataFrame({"car": [0.08], "car_low": 0.03, "car_high": 0.13, "p_value": 0.009})
    >>> one = one.assign(p_family=0.07, placebo_days=400).set_axis(["2025-07-22-japan-deal"])
    >>> about = {"case": "a case", "source": "a source", "as_of": date(2026, 10, 30)}
    >>> tm.charts.maker_reactions(one, "Toyota", **about).title
    'Toyota: none of 1 first report is told from chance'
    """
    told, tests = int((reactions["p_family"] < 0.05).sum()), len(reactions)
    fig = figure(
        f"{maker}: {told or 'none'} of {tests} first report{'' if tests == 1 else 's'} "
        f"{'is' if told < 2 else 'are'} told from chance",
        f"Abnormal return over days 0 and 1, %; {case}",
        [_how(reactions), *origin_note(source, as_of)],
        width_cm,
        body_cm=0.36 * len(reactions) + 0.9,
    )
    _reactions(fig.subplots(), reactions)
    drawn = [
        pd.DataFrame({"moved": 100 * reactions[f"car{end}"].to_numpy()}) for end in ("", "_low", "_high")
    ]
    colors = np.where(reactions["p_value"] < 0.05, _TOLD, INK).tolist()
    native = Native("bar", *drawn, unit="abnormal return, %", rows=colors)
    return finish(fig, "Dots with intervals, one row per event", native, reactions)


def _how(reactions: pd.DataFrame) -> str:
    days = int(reactions["placebo_days"].max())
    return f"Lines: 95%; p: how rare it is among {days} days without events; colour: p below 5%"


def _reactions(ax: Axes, reactions: pd.DataFrame) -> None:
    titles = short_titles(reactions.index)
    label_rows(ax, [f"{titles[event]}  {str(event)[2:10]}" for event in reactions.index])
    y = np.arange(len(reactions))
    value, low, high = (100 * reactions[f"car{end}"].to_numpy(dtype=float) for end in ("", "_low", "_high"))
    color = np.where(reactions["p_value"] < 0.05, _TOLD, INK)
    ax.hlines(y, low, high, color=color, linewidth=0.8)
    ax.scatter(value, y, color=color, s=9, zorder=3, linewidth=0)
    ax.axvline(0, color=INK, linewidth=0.6)
    p = columns.column("p_value").formatted("p_2")
    text_column(ax, [p.text(one) for one in reactions["p_value"]], 24, heading="p")
    ax.tick_params(axis="y", labelsize=6)
