"""How does a tree of outcomes look, in a notebook or in a browser?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from html import escape

import numpy as np
import pandas as pd
from matplotlib.colors import to_hex
from matplotlib.ticker import MaxNLocator

from tariffmodel import charts
from tariffmodel.charts import house, labels
from tariffmodel.charts.events import id_title
from tariffmodel.charts.scenarios import LEAVES
from tariffmodel.lab.drawing import SOURCE, WIDE, table
from tariffmodel.lab.knobs import Value
from tariffmodel.scenarios.tree import Scenario

WHOLE = "all outcomes"  # what the whole tree is called beside its leaves
_LEFT, _RIGHT, _HEAD, _HEIGHT = 45, 170, 18, 260  # pixels


def page(
    frame: pd.DataFrame,
    column: str,
    tree: Scenario,
    changed: Mapping[str, Value],
    as_of: date,
    width: int = WIDE,
) -> str:
    """HTML of a tree's bills by outcome: the finding, a chart and the figures.

    Parameters
    ----------
    frame : DataFrame
        From `TreeBench.paths`.
    width : int
        Of the chart, pixels.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> index = pd.MultiIndex.from_product([["deal", WHOLE], [pd.Timestamp("2030-12-31")]],
    ...                                    names=["outcome", "day"])
    >>> figures = {"probability": 1.0, "mean_usd": 3e9, "low_usd": 2e9, "high_usd": 4e9}
    >>> tree = tm.scenarios.load("canada-and-deals")
    >>> text = page(pd.DataFrame(figures, index), "ALL", tree, {}, date(2026, 10, 30))
    >>> "all makers: USD 3.0 bn on average, 2.0 to 4.0 in nine draws of ten" in text
    True
    """
    scale, unit = house.usd_scale(frame["high_usd"])
    ends = frame.groupby(level="outcome", sort=False).last()
    leaves, finding = ends.drop(index=WHOLE), headline(frame, column, tree)
    state = "; ".join(f"{key} = {value}" for key, value in changed.items())
    figures = {
        "Probability, %": [f"{100 * p:.0f}" for p in ends["probability"]],
        f"Bill, USD {unit}": [f"{v / scale:,.2f}" for v in ends["mean_usd"]],
        "5% to 95%": [
            f"{a / scale:,.2f} to {b / scale:,.2f}"
            for a, b in zip(ends["low_usd"], ends["high_usd"], strict=True)
        ],
    }
    note = ". ".join(house.origin_note(SOURCE, as_of))
    return (
        f'<div class="policy-lab"><h3>{escape(finding)}</h3>'
        f"<p>Mean bill added up since {house.day_text(tree.start)}, USD {unit}; "
        f"the wider a line, the likelier; "
        f'{escape(tree.label)}</p><p class="state">{escape(state)}</p>'
        f"{_lines(frame.drop(index=WHOLE, level='outcome'), leaves, tree.start, scale, finding, width)}"
        f"{table(figures, ends.index.map(id_title))}"
        f"<p><small>Probabilities are those of the sliders. {escape(note)}</small></p></div>"
    )


def headline(frame: pd.DataFrame, column: str, tree: Scenario) -> str:
    """What the whole tree comes to, in a sentence.

    >>> import tariffmodel as tm
    >>> index = pd.MultiIndex.from_product([[WHOLE], [pd.Timestamp("2030-12-31")]], names=["outcome", "day"])
    >>> frame = pd.DataFrame({"mean_usd": 3e9, "low_usd": 2e9, "high_usd": 4e9}, index)
    >>> headline(frame, "JP", tm.scenarios.load("canada-and-deals"))
    'By 31 Dec 2030, Japan: USD 3.0 bn on average, 2.0 to 4.0 in nine draws of ten'
    """
    scale, unit = house.usd_scale(frame["high_usd"])
    whole = frame.loc[WHOLE].iloc[-1]
    who = "all makers" if column == "ALL" else charts.ORIGIN_NAME.get(column, house.display_name(column))
    low, mean, high = (f"{whole[f'{c}_usd'] / scale:,.1f}" for c in ("low", "mean", "high"))
    by = house.day_text(tree.end)
    return f"By {by}, {who}: USD {mean} {unit} on average, {low} to {high} in nine draws of ten"


def _lines(frame: pd.DataFrame, ends: pd.DataFrame, start: date, scale: float, alt: str, width: int) -> str:
    """One line per outcome, from nothing owed to the bill at the end."""
    days = frame.index.get_level_values("day")
    plot = width - _LEFT - _RIGHT
    right, foot = _LEFT + plot, _HEAD + _HEIGHT
    last = (days.max() - pd.Timestamp(start)).days
    ticks = MaxNLocator(5).tick_values(0.0, frame["mean_usd"].max() / scale or 1.0)

    def x(day: pd.Timestamp) -> float:
        return float(round(_LEFT + plot * (day - pd.Timestamp(start)).days / last, 1))

    def y(usd: float) -> float:
        return float(round(foot - _HEIGHT * usd / scale / ticks[-1], 1))

    marks = []
    for tick in ticks:
        at = y(tick * scale)
        marks.append(f'<path d="M{_LEFT} {at}H{right}" stroke="#ddd"/>')
        marks.append(f'<text x="{_LEFT - 6}" y="{at + 4}" text-anchor="end">{tick:g}</text>')
    marks += [
        f'<text x="{x(day)}" y="{foot + 14}" text-anchor="middle">{day:%b %Y}</text>'
        for day in (days.unique() if width >= WIDE else days.unique()[[0, -1]])
    ]
    places = labels.spread_apart([-y(usd) for usd in ends["mean_usd"].sort_values()], 12.0)
    at_end = dict(zip(ends["mean_usd"].sort_values().index, -np.asarray(places), strict=True))
    for color, (name, one) in zip(LEAVES * 9, frame.groupby(level="outcome", sort=False), strict=False):
        path = one["mean_usd"].droplevel("outcome")
        points = "".join(f"L{x(day)} {y(usd)}" for day, usd in zip(path.index, path, strict=True))
        weight = float(one["probability"].iloc[0])
        look = f'fill="none" stroke="{color}" stroke-width="{0.6 + 9 * weight:.1f}"'
        marks.append(
            f'<path d="M{_LEFT} {foot}{points}" {look}/>'
            f'<text x="{right + 6}" y="{at_end[name] + 4:.1f}" fill="{to_hex(house.dark(color))}">'
            f"{escape(id_title(str(name)))} {weight:.0%}</text>"
        )
    return (
        f'<svg role="img" aria-label="{escape(alt)}" width="{width}" height="{foot + 22}" '
        f'font-family="sans-serif" font-size="11">{"".join(marks)}</svg>'
    )
