"""When may an office program draw a chart itself, and what does it need for it?

A native chart can be edited, but it says what its figures say and nothing else. So it is offered only
where it keeps all that the picture shows: every row in its order, every mark and range, what stands
beside the rows. `lost` reads the picture back and says what would be missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import Collection, LineCollection, PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

MOST_ROWS, MOST_BARS = 28, 60  # that can be read on a slide
Color = str | tuple[float, float, float]
_CAP = "|"  # at the end of a whisker
COLUMN = "column:"  # marks the texts that stand in a column beside the rows


@dataclass(frozen=True, eq=False)
class Native:
    """The figures of a chart as they are drawn, for an office program to draw.

    Parameters
    ----------
    kind : str
        ``bar`` (one or several bars a row), ``stacked`` or ``line``.
    figures : DataFrame
        What is drawn, in the unit of the axis: a row for each row of the picture, in its order, a column
        for each series, named as the key has it. A line has its places as index.
    low, high : DataFrame, optional
        The ends of the ranges: columns of `figures`. Of stacked bars those of the whole, in the last column.
    unit : str
        What the value axis says.
    form : str
        The number format of the axis as spreadsheets write it, such as ``0%``.
    rows : sequence of colours, optional
        A colour for each row, where rows and not series are told apart by colour.
    colors : sequence of colours, optional
        A colour for each series.

    Examples
    --------
    >>> Native("bar", pd.DataFrame({"bill": [6.3]}), unit="USD bn").figures.shape
    (1, 1)
    """

    kind: Literal["bar", "stacked", "line"]
    figures: pd.DataFrame
    low: pd.DataFrame | None = None
    high: pd.DataFrame | None = None
    _: KW_ONLY
    unit: str = ""
    form: str = "General"
    rows: Sequence[Color] = ()
    colors: Sequence[Color] = ()

    def stated(self, fig: Figure) -> dict[str, Any]:
        """What `runs.slides` needs, with the names of the rows and what stands beside them as in `fig`.

        >>> fig = Figure()
        >>> _ = fig.add_subplot().set_yticks([0], ["Toyota"])
        >>> Native("bar", pd.DataFrame({"bill": [6.3]})).stated(fig)["labels"]
        ['Toyota']
        """
        (ax,) = fig.axes
        names = self.figures.index if self.kind == "line" else _names(ax)
        series = [
            {
                "name": str(name),
                "values": _listed(self.figures[name]),
                "low": _listed(self.low[name]) if self.low is not None and name in self.low else None,
                "high": _listed(self.high[name]) if self.high is not None and name in self.high else None,
            }
            for name in self.figures
        ]
        legend = fig.legends[0] if fig.legends else None
        drawn = zip(legend.texts, legend.legend_handles, strict=True) if legend else ()
        return {
            "kind": self.kind,
            "unit": self.unit,
            "x_unit": ax.get_xlabel() if self.kind == "line" else "",
            "form": self.form,
            "labels": [str(name) for name in names],
            "series": series,
            "row_colors": [to_hex(color) for color in self.rows],
            "series_colors": [to_hex(color) for color in self.colors],
            "key": [[text.get_text(), _color(handle)] for text, handle in drawn] if self.rows else [],
            "columns": _columns(ax, len(names)),
            "limits": [float(end) for end in (ax.get_ylim() if self.kind == "line" else ax.get_xlim())],
        }


def lost(fig: Figure, native: Native) -> str:
    """What the picture shows and `native` does not; nothing if it may be drawn natively.

    Parameters
    ----------
    fig : Figure
        The picture, laid out.

    Returns
    -------
    str
        The reason why a slide has to show the picture, such as ``a range``.

    Examples
    --------
    >>> fig = Figure()
    >>> ax = fig.add_subplot()
    >>> _ = ax.barh([0, 1], [2.0, 1.0]), ax.set_yticks([0, 1], ["Toyota", "Honda"])
    >>> lost(fig, Native("bar", pd.DataFrame({"bill": [2.0, 1.0]})))
    ''
    >>> _ = ax.hlines([0], [1.5], [3.0])
    >>> lost(fig, Native("bar", pd.DataFrame({"bill": [2.0, 1.0]})))
    'a range in row Toyota'
    """
    figures = native.figures
    if len(fig.axes) != 1:
        return f"its {len(fig.axes)} panels"
    if figures.notna().sum().sum() == 0:
        return "that there is nothing to draw"
    if len(figures) > MOST_ROWS or (native.kind == "bar" and figures.size > MOST_BARS):
        return f"rows: {len(figures)} of {figures.shape[1]} are more than can be read"
    (ax,) = fig.axes
    areas = [one for one in ax.collections if not isinstance(one, LineCollection | PathCollection)]
    if areas or ax.images:
        return "an area"
    if words := [text.get_text() for text in ax.texts if _is_word(text, figures) and text.get_text()]:
        return f"what is written in it: {words[0]}"
    return _lost_line(ax, native) if native.kind == "line" else _lost_row(ax, native)


def _lost_row(ax: Axes, native: Native) -> str:
    names = _names(ax)
    if len(names) != len(native.figures):
        return f"rows: the picture has {len(names)}, the figures {len(native.figures)}"
    left, right = ax.get_xlim()
    reach = 1e-6 * abs(right - left)
    marks, spans = _drawn(ax)
    if set(range(len(names))) != {row for row, _ in marks}:
        return "a row without a mark"
    for row, name in enumerate(names):
        value = native.figures.iloc[row].to_numpy(dtype=float)
        value = np.nancumsum(value) if native.kind == "stacked" else value
        ends = [
            np.fmin(_end(native.low, native, row, np.nan), value),
            np.fmax(_end(native.high, native, row, np.nan), value),
        ]
        points = np.clip([0.0, *value, *ends[0], *ends[1]], left, right)
        points = points[np.isfinite(points)]  # of what has no figure, nothing may be drawn
        here = np.array([x for at, x in marks if at == row])
        if any(np.abs(points - np.clip(x, left, right)).min() > reach for x in here):
            return f"a mark in row {name}"
        stood = np.clip(value[np.isfinite(value)], left, right)
        if any(np.abs(here - x).min() > reach for x in stood):
            return f"that the picture has no such mark in row {name}"
        pairs = np.clip(
            [*zip(*ends, strict=True), *((a, b) for a in (0.0, *value) for b in value)], left, right
        )
        pairs = np.sort(pairs[np.isfinite(pairs).all(axis=1)], axis=1)
        for at, low, high in spans:
            away = np.abs(pairs - np.clip(sorted((low, high)), left, right)).max(axis=1)
            if at == row and away.min(initial=np.inf) > reach:
                return f"a range in row {name}"
    return ""


def _lost_line(ax: Axes, native: Native) -> str:
    steps = np.diff(native.figures.index.to_numpy(dtype=float))
    if len(steps) and np.ptp(steps) > 1e-6 * np.abs(steps).max():
        return "distances: its points are not equally far apart"
    if ax.collections or ax.patches:
        return "a range"
    drawn = [line for line in ax.lines if line.get_transform() == ax.transData]
    across = [line for line in ax.lines if line.get_transform() == ax.get_xaxis_transform()]
    if across:
        return "a place that is marked"
    known = [series.dropna().to_numpy() for _, series in native.figures.items()]
    for line in drawn:
        heights = np.asarray(line.get_ydata(), dtype=float)
        if not any(len(one) == len(heights) and np.allclose(one, heights) for one in known):
            return "a line"
    return "" if len(drawn) == len(known) else f"lines: {len(drawn)} are drawn, {len(known)} are given"


def _drawn(ax: Axes) -> tuple[list[tuple[int, float]], list[tuple[int, float, float]]]:
    """Marks and the ends of bars by row, and lines along a row from one end to the other."""
    marks: list[tuple[float, float]] = []
    spans: list[tuple[int, float, float]] = []
    for bar in ax.patches:
        box = bar.get_path().get_extents(bar.get_patch_transform())
        start, end = sorted((box.x0, box.x1), key=abs)
        marks += [(box.y0 + box.height / 2, end)]
        spans += [(round(box.y0 + box.height / 2), start, end)] if start != end else []
    for line in ax.lines:
        if line.get_transform() == ax.transData and line.get_marker() != _CAP:
            marks += list(
                zip(*(np.asarray(part, dtype=float) for part in line.get_data()[::-1]), strict=True)
            )
    for group in ax.collections:
        marks += _dots(group)
        if isinstance(group, LineCollection) and group.get_transform() == ax.transData:
            spans += [
                (round(path[0][1]), path[0][0], path[-1][0])
                for path in group.get_segments()
                if len(path) > 1 and np.isfinite(path).all()
            ]
    return [(round(y), float(x)) for y, x in marks if np.isfinite([x, y]).all()], spans


def _dots(group: Collection) -> list[tuple[float, float]]:
    return (
        [(y, x) for x, y in np.ma.filled(group.get_offsets(), np.nan)]
        if isinstance(group, PathCollection)
        else []
    )


def _end(ends: pd.DataFrame | None, native: Native, row: int, none: float) -> np.ndarray:
    if ends is None:
        return np.full(native.figures.shape[1], none)
    found: np.ndarray = ends.reindex(columns=native.figures.columns).iloc[row].to_numpy(dtype=float)
    return found


def _names(ax: Axes) -> list[str]:
    return [label.get_text() for label in ax.get_yticklabels()]


def _is_word(text: Any, figures: pd.DataFrame) -> bool:
    return not str(text.get_label()).startswith(COLUMN) and text.get_text() not in map(str, figures)


def _columns(ax: Axes, rows: int) -> list[dict[str, Any]]:
    """What stands beside the rows, column by column from the left."""
    found: dict[str, dict[str, Any]] = {}
    for text in ax.texts:
        if not str(text.get_label()).startswith(COLUMN):
            continue
        points = str(text.get_label()).removeprefix(COLUMN)
        one = found.setdefault(points, {"heading": "", "align": text.get_horizontalalignment(), "texts": []})
        if len(one["texts"]) < rows:
            one["texts"].append(text.get_text())
        else:
            one["heading"] = text.get_text()
    return [found[points] for points in sorted(found, key=float)]


def _listed(values: pd.Series) -> list[float | None]:
    return [float(f"{value:.10g}") if np.isfinite(value) else None for value in values.astype(float)]


def _color(handle: Any) -> str:
    if isinstance(handle, Line2D):
        return to_hex(handle.get_color())
    return to_hex(handle.get_facecolor()) if isinstance(handle, Patch) else "#666666"
