"""What makes a chart hard to read in print: looked for in every chart, at both widths."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.text import Text

from tariffmodel import charts

TALLEST_CM = 20.0  # what a page of a note has room for
TOUCH = 0.14  # of a line's height: ascenders and descenders are part of the box


def faults_at_both_widths(chart: charts.Chart) -> list[str]:
    """Those of a chart in a column of a note and across a page."""
    return [
        fault for width in (charts.COLUMN_CM, charts.PAGE_CM) for fault in faults(chart.redraw(width).figure)
    ]


def faults(fig: Figure) -> list[str]:
    """What runs off the paper, is written over something, is too tall, or is a matrix without figures."""
    fig.set_dpi(300)  # as it is exported: coarser screens set letters to whole pixels
    fig.draw_without_rendering()
    paper, found = fig.bbox, []
    height = 2.54 * fig.get_figheight()
    if height > TALLEST_CM:
        found.append(f"{height:.1f} cm tall")
    level = [text for text in _seen(fig) if text.get_rotation() % 90 == 0]
    boxes = [(text.get_text(), Text.get_window_extent(text)) for text in level]  # without arrows
    slack = 0.02 * fig.dpi
    sheet = paper.padded(slack)
    found += [
        f"off the paper: {said!r}"
        for said, box in boxes
        if not (sheet.contains(*box.min) and sheet.contains(*box.max))
    ]
    tight = [box.padded(-TOUCH * _line(said, box)) for said, box in boxes]
    left, low, right, high = np.array([box.extents for box in tight]).T
    apart = (
        (left[:, None] >= right) | (right[:, None] <= left) | (low[:, None] >= high) | (high[:, None] <= low)
    )
    found += [f"{boxes[a][0]!r} over {boxes[b][0]!r}" for a, b in np.argwhere(np.triu(~(apart | apart.T), 1))]
    for ax in fig.axes:
        for image in ax.images:
            cells = image.get_array().shape
            if len(ax.texts) < cells[0] * cells[1]:
                found.append(f"a matrix of {cells[0]} x {cells[1]} with {len(ax.texts)} figures")
    return found


def _line(said: str, box) -> float:
    return min(box.width, box.height) / (said.count("\n") + 1)


def _seen(fig: Figure) -> list[Text]:
    """All texts but those of ticks that are not drawn."""
    hidden = {text for ax in fig.axes if not ax.get_visible() for text in ax.findobj(Text)}
    for axis in (axis for ax in fig.axes for axis in (ax.xaxis, ax.yaxis)):
        low, high = sorted(axis.get_view_interval())
        drawn = [tick for which in ("major", "minor") for tick in getattr(axis, f"get_{which}_ticks")()]
        drawn = [tick for tick in drawn if low <= tick.get_loc() <= high]
        labels = {label for tick in drawn for label in (tick.label1, tick.label2)}
        hidden |= set(axis.findobj(Text)) - labels - {axis.label, axis.offsetText}
    texts = fig.findobj(Text)
    return [one for one in texts if one.get_text().strip() and one.get_visible() and one not in hidden]
