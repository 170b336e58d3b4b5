"""Where do labels stand, so that each is read with its own point, line or day?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from math import ceil
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import date2num, num2date
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox, offset_copy

from tariffmodel.charts.house import POINT, SOFT, dark, lay_out, month_text
from tariffmodel.charts.native import Color
from tariffmodel.charts.spoken import said as tell

_STEPS = (1, 2, 3, 4, 6, 12, 24, 60)  # months between ticks
_DEGREES = (0, 180, 315, 135, 45, 225, 270, 90, 20, 160, 340, 200, 65, 115, 295, 245)
_REACH = (5, 8, 12, 18, 26, 36, 48, 60)  # points from a point to its label, nearest first
_BESIDE = 8  # so near that no line has to lead there
_APART = 16  # so far that nobody takes a label for that of another point
_LINE = 0.4


def spread_apart(values: Sequence[float], gap: float) -> np.ndarray:
    """Ascending `values`, moved as little as possible until all are `gap` apart.

    >>> spread_apart([1.0, 1.2, 5.0], gap=1.0).tolist()
    [0.6, 1.6, 5.0]
    """
    steps = np.arange(len(values)) * gap
    blocks: list[list[float]] = []  # values that come to touch share the mean of their places
    for value in np.array(values) - steps:
        blocks.append([value])
        while len(blocks) > 1 and np.mean(blocks[-2]) >= np.mean(blocks[-1]):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    return np.asarray(np.concatenate([np.full(len(block), np.mean(block)) for block in blocks]) + steps)


def label_ends(ax: Axes, ends: Sequence[tuple[float, float, str, Color]], lines: int = 1) -> None:
    """Names of lines right of the axes, not over one another, each with a thin line to its end.

    Parameters
    ----------
    ends : sequence of (x, y, text, color)
        Where each line ends, in the units of the data. The limits of the axes stand.
    lines : int
        Of the tallest text.

    Examples
    --------
    >>> ax = Figure().add_subplot(xlim=(0, 3), ylim=(0, 3))
    >>> label_ends(ax, [(3.0, 1.0, "firm", "black"), (2.0, 1.05, "country", "black")])
    >>> [text.get_text() for text in ax.texts]
    ['firm', 'country']
    """
    if not ends:
        return
    fig: Any = ax.get_figure(root=True)
    lay_out(fig)
    low, high = ax.get_ylim()
    gap = (high - low) * (8.2 * lines + 1) * fig.dpi * POINT / ax.get_window_extent().height
    ordered = sorted(ends, key=lambda end: end[1])
    places = spread_apart([y for _, y, _, _ in ordered], gap)
    edge = offset_copy(ax.get_yaxis_transform(), fig, x=10, units="points")
    for place, (x, y, text, color) in zip(places, ordered, strict=True):
        told = "\n".join(map(tell, text.split("\n")))
        way = {
            "arrowstyle": "-",
            "color": color,
            "linewidth": _LINE,
            "shrinkA": 1,
            "shrinkB": 1,
            "relpos": (0, 0.5),
        }
        ax.annotate(
            told, (x, y), (1, float(place)), textcoords=edge, annotation_clip=False,
            arrowprops=way, color=dark(color), size=6.5, va="center",
        )  # fmt: skip


def label_days(
    ax: Axes, days: Mapping[str, Any], foot: float, size: float = 5.0, upright: bool = True
) -> None:
    """Names over days, not over one another, each with a thin line down to its own day.

    Parameters
    ----------
    days : mapping of name to day
    foot : float
        Height, in the units of the data, up to which the axes are drawn on; the names stand above it. The
        limits of the axes stand.
    size : float
        Of the letters, in points.
    upright : bool
        Whether the names run upwards.

    Examples
    --------
    >>> ax = Figure().add_subplot(xlim=(0, 100), ylim=(0, 3))
    >>> label_days(ax, {"deal": 50, "order": 51}, foot=2.0)
    >>> [text.get_text() for text in ax.texts], float(ax.lines[0].get_xdata()[0])
    (['deal', 'order'], 50.0)
    """
    if not days:
        return
    fig: Any = ax.get_figure(root=True)
    lay_out(fig)
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    ax.set(xlim=(left, right), ylim=(low, high))  # names beyond them do not move them
    unit, box = fig.dpi * POINT, ax.get_window_extent()
    across, up = unit * (right - left) / box.width, unit * (high - low) / box.height
    ordered = sorted((float(ax.convert_xunits(day)), name) for name, day in days.items())
    wide = 1.25 if upright else 0.7 * max(map(len, days)) + 0.4
    spots = spread_apart([day for day, _ in ordered], wide * size * across)
    knee, head = foot + 2 * up, foot + 8 * up
    text: dict[str, Any] = {"rotation": 90 if upright else 0, "size": size, "va": "bottom", "ha": "center"}
    look: dict[str, Any] = {"color": SOFT, "linewidth": _LINE, "clip_on": False}
    for spot, (day, name) in zip(spots, ordered, strict=True):
        ax.plot([day, day], [low, knee], linestyle=(0, (2, 2)), **look)
        ax.plot([day, spot], [knee, head], **look)
        ax.text(spot, head + up, name, color=SOFT, **text)


def date_axis(ax: Axes, most: int = 7) -> None:
    r"""At most `most` ticks on first days of months; the year stands under the first and under Januaries.

    >>> ax = Figure().add_subplot(xlim=date2num(pd.to_datetime(["2025-03-20", "2026-02-03"])))
    >>> date_axis(ax, most=4)
    >>> [label.get_text() for label in ax.get_xticklabels()]
    ['Apr\n2025', 'Jul', 'Oct', 'Jan\n2026']
    """
    first, last = (num2date(end).replace(tzinfo=None) for end in ax.get_xlim())
    months = pd.date_range(first, last, freq="MS", normalize=True)
    months = months[months >= pd.Timestamp(first)]
    if len(months) < 2:
        days = pd.date_range(first, last, periods=4).normalize()[1:3]
        ax.set_xticks(date2num(days.to_numpy()), [f"{day.day} {_month(day)}\n{day.year}" for day in days])
        return
    step = next((step for step in _STEPS if ceil(len(months) / step) <= most), _STEPS[-1])
    ticks = months[((months.month - 1) + 12 * months.year) % step == 0]
    yearly = step >= 12
    labels = [
        str(day.year) if yearly
        else _month(day) + (f"\n{day.year}" if at == 0 or day.year != ticks[at - 1].year else "")
        for at, day in enumerate(ticks)
    ]  # fmt: skip
    ax.set_xticks(date2num(ticks.to_numpy()), labels)


def label_points(fig: Figure, ax: Axes, points: pd.DataFrame, keep_clear: np.ndarray) -> None:
    """Write each label at the best free place around its point; a line leads to it from afar.

    "Afar" is where another point is nearer to the label than its own.

    `points` has x, y, low, high (whiskers), label ("" for none) and color; `keep_clear` is a line
    (n, 2) that no label may cross, in the units of the data.

    >>> from tariffmodel.charts.house import COLUMN_CM, RED, figure, house_style
    >>> points = pd.DataFrame({"x": [1.0, 2.0], "y": [1.0, 2.0], "low": [0.9, 1.9], "high": [1.1, 2.1]})
    >>> with house_style():
    ...     drawn = figure("A title", "A unit", [], COLUMN_CM, body_cm=4)
    ...     ax = drawn.add_subplot(xlim=(0, 3), ylim=(0, 3))
    ...     line = np.array([[0.0, 0.0], [3.0, 3.0]])
    ...     label_points(drawn, ax, points.assign(label=["Toyota", ""], color=RED), keep_clear=line)
    >>> [text.get_text() for text in ax.texts]
    ['Toyota']
    """
    lay_out(fig)  # places are known only afterwards
    pixels, unit = ax.transData.transform, fig.dpi * POINT
    reach, frame = 2.0 * unit, ax.get_window_extent()
    marks, dots = pixels(points[["x", "y"]]), pixels(keep_clear)
    taken = _boxes(marks - reach, marks + reach)
    named = np.flatnonzero(points["label"] != "")
    named = named[np.argsort(-points["x"].to_numpy()[named], kind="stable")]
    feet, tops = pixels(points[["x", "low"]].iloc[named]), pixels(points[["x", "high"]].iloc[named])
    lines = np.vstack([_boxes(dots - reach, dots + reach), _boxes(feet - reach / 2, tops + reach / 2)])
    far = np.hypot(*_PLACES.T)
    for at in named:
        x, y, text, color = (points[name].iloc[at] for name in ("x", "y", "label", "color"))
        text = tell(text)
        look: dict[str, Any] = {"textcoords": "offset points", "size": 6.5, "color": dark(color)}
        label = ax.annotate(text, (x, y), (0, 0), **look)
        start, rivals, ways = marks[at], np.delete(marks, at, axis=0), _ways(text)
        ends = start + unit * _PLACES
        sizes = np.array([_size(label, said) for said in ways])[:, None]
        low = ends - sizes * _SHARES  # (ways, places, 2)
        boxes = _boxes(low, low + sizes)
        next_one = _away(boxes, rivals).min(axis=-1, initial=np.inf) / unit
        nearer = next_one < _away(boxes, marks[[at]])[..., 0] / unit + 1
        led = nearer | (far > _BESIDE)
        cost = (
            100.0 * ~_inside(boxes, frame)
            + 10 * _over(boxes, taken).sum(axis=-1)
            + 8 * _over(boxes, lines).any(axis=-1)
            + nearer * (2 + 4 * np.maximum(0.0, 1 - next_one / _APART))
            + 2 * (led & (_along(start, ends, rivals) < 2 * reach).any(axis=-1))
            + far / 12
            + np.array([said != text for said in ways])[:, None]
        )
        way, best = np.unravel_index(cost.argmin(), cost.shape)
        place = tuple(_PLACES[best])
        label.set(text=ways[way], position=place, **_anchor(*place))
        taken = np.vstack([taken, boxes[way, best]])
        if led[way, best]:
            line = {"arrowstyle": "-", "color": color, "linewidth": _LINE, "shrinkA": 0, "shrinkB": 2}
            ax.annotate("", (x, y), place, textcoords="offset points", arrowprops=line)
            steps = np.linspace(start, ends[best], 8)[2:]
            lines = np.vstack([lines, _boxes(steps - unit / 2, steps + unit / 2)])


def _size(label: Annotation, text: str) -> np.ndarray:
    """Width and height of a label in pixels, which keeps the text."""
    label.set_text(text)
    return np.array(label.get_window_extent().size)


def _month(day: date) -> str:
    return tell(month_text(day))


def _ways(text: str) -> list[str]:
    """A name as it stands, and in lines of a word each."""
    return list(dict.fromkeys([text, text.replace(" ", "\n")]))


def _anchor(right: float, up: float) -> dict[str, Any]:
    side = "left" if right > 1 else "right" if right < -1 else "center"
    return {"ha": side, "va": "center" if side != "center" else "bottom" if up > 0 else "top"}


# where a label may stand, in points from its point, the nearest first, and which part of it is left of
# and under that place
_PLACES = np.array(
    [(far * np.cos(angle), far * np.sin(angle)) for far in _REACH for angle in np.deg2rad(_DEGREES)]
)
_PART = {"left": 0.0, "bottom": 0.0, "center": 0.5, "right": 1.0, "top": 1.0}
_SHARES = np.array([[_PART[side] for side in _anchor(*place).values()] for place in _PLACES])


# Boxes are (..., 4): left, bottom, right, top


def _boxes(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Boxes by two corners, whichever is the lower."""
    return np.concatenate([np.minimum(one, other), np.maximum(one, other)], axis=-1)


def _over(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which of `others`, along the last axis, each box overlaps."""
    left, bottom, right, top = (boxes[..., side, None] for side in range(4))
    x0, y0, x1, y1 = others.T
    return np.asarray(~((x1 <= left) | (y1 <= bottom) | (x0 >= right) | (y0 >= top)))


def _away(boxes: np.ndarray, dots: np.ndarray) -> np.ndarray:
    """Pixels from each dot, along the last axis, to the nearest edge of the box; 0 inside it."""
    left, bottom, right, top = (boxes[..., side, None] for side in range(4))
    x, y = dots.T
    across, up = np.maximum(left - x, x - right), np.maximum(bottom - y, y - top)
    return np.asarray(np.hypot(np.maximum(across, 0), np.maximum(up, 0)))


def _along(start: np.ndarray, ends: np.ndarray, dots: np.ndarray) -> np.ndarray:
    """Pixels from each dot, along the last axis, to the line from start to each end."""
    ways, off = ends - start, dots - start
    at = np.clip(ways @ off.T / np.maximum((ways**2).sum(axis=1), 1e-9)[:, None], 0, 1)
    return np.asarray(np.hypot(*np.moveaxis(off - at[..., None] * ways[:, None], -1, 0)))


def _inside(boxes: np.ndarray, frame: Bbox) -> np.ndarray:
    return np.asarray((boxes[..., :2] >= frame.min).all(axis=-1) & (boxes[..., 2:] <= frame.max).all(axis=-1))
