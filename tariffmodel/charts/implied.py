"""What probability did prices hold, along a story and against the life that one event leaves open?"""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import date2num

from tariffmodel.charts.events import id_title
from tariffmodel.charts.house import (
    COLUMN_CM,
    HOME_COLOR,
    INK,
    SOFT,
    Chart,
    day_text,
    figure,
    finish,
    in_house_style,
    origin_note,
    tint,
)
from tariffmodel.charts.labels import date_axis, label_days

_COLOR = HOME_COLOR["KR"]
_FRAME = (-0.25, 1.25)  # of the axis: beyond 0 and 1 there is no probability, but there are estimates
_ROOM = 20  # days to either side of the events


@in_house_style
def implied_path(
    path: pd.DataFrame,
    points: pd.DataFrame | None = None,
    *,
    case: str,
    source: str,
    as_of: date,
    width_cm: float = COLUMN_CM,
) -> Chart:
    """What prices held an outcome to be likely, event by event, beside prediction markets.

    Parameters
    ----------
    path : DataFrame
        From `implied.path`.
    points : DataFrame, optional
        From `prediction.contracts`: those that are about the outcome.
    case : str
        How the bill is valued, for the subtitle.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> steps = pd.DataFrame({"date": pd.to_datetime(["2025-07-22"]), "outcome": "A deal"})
    >>> steps = steps.assign(change=0.2, before=0.8, before_low=0.7, before_high=0.9)
    >>> steps = steps.assign(after=1.0, after_low=1.0, after_high=1.0, beside="", reason="")
    >>> about = {"case": "a case", "source": "a source", "as_of": date(2026, 10, 30)}
    >>> tm.charts.implied_path(steps, **about).title
    'A deal: 80% likely before 22 Jul 2025, 70% to 90%'
    """
    days = date2num(path["date"].to_numpy())
    shown = pd.DataFrame() if points is None else points
    ends = [path[f"{side}_{end}"].dropna() for side in ("before", "after") for end in ("low", "high")]
    reach = pd.concat(ends)
    shared = ", ".join(f"({n})" for n, others in enumerate(path["beside"], 1) if others)
    off = f"Intervals run off the axis, from {reach.min():.0%} to {reach.max():.0%}"
    estimates = path[["before", "after"]].to_numpy().ravel()
    bottom = min(_FRAME[0], np.nanmin(estimates, initial=0) - 0.1)
    top = max(_FRAME[1], np.nanmax(estimates, initial=1) + 0.1)
    beyond = len(reach) and (reach.min() < bottom or reach.max() > top)
    fig = figure(
        _title(path),
        f"Probability that share prices held, with 95% interval; {case}",
        [
            "Events: " + "; ".join(f"({n}) {_slug(event)}" for n, event in enumerate(path.index, 1)),
            *(f"{_slug(event)}: {why}" for event, why in path["reason"].items() if why),
            off if beyond else "",
            f"In one window with other events: {shared}" if shared else "",
            "Steps add up from the day on which it was known; between events the path stands still",
            *origin_note(source, as_of),
        ],
        width_cm,
        body_cm=6.0,
    )
    ax = fig.subplots()
    first, last = float(days.min()) - _ROOM, float(days.max()) + _ROOM
    for one in shown.to_dict("records"):
        day, price = float(date2num(one["date"])), float(one["price"])
        first = min(first, day - _ROOM)
        ax.plot([day], [price], marker="D", color=INK, markersize=4, linestyle="none", zorder=5)
        ax.annotate(
            f"{one['platform']} {price:.0%}:\n{one['contract']}", (day, price), (5, 0),
            textcoords="offset points", size=6.5, va="center",
        )  # fmt: skip
    _steps(ax, path, days, first, last)
    for edge in (0, 1):
        ax.axhline(edge, color=SOFT, linewidth=0.7)
    ax.set_ylim(bottom, top)
    ax.set_xlim(first, last)
    ax.set_yticks(np.linspace(0, 1, 5), [f"{tick:.0%}" for tick in np.linspace(0, 1, 5)])
    date_axis(ax, most=6)
    label_days(ax, {str(n): float(day) for n, day in enumerate(days, 1)}, foot=top, size=6.5, upright=False)
    data = path.assign(event=path.index).set_index("date")
    return finish(fig, "Steps with a band, one for each event", data=data)


@in_house_style
def implied_iso(
    iso: pd.DataFrame, *, event: str, case: str, source: str, as_of: date, width_cm: float = COLUMN_CM
) -> Chart:
    """Pairs of probability and life that one event cannot tell apart.

    Parameters
    ----------
    iso : DataFrame
        From `implied.iso`.
    event, case : str
        Title of the event, and the rest of the valuation, for the subtitle.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> curve = pd.DataFrame({"probability": [0.4, 0.1]}, pd.Index([2.0, 10.0], name="life_years"))
    >>> curve = curve.assign(probability_low=0.05, probability_high=0.6)
    >>> about = {"event": "Deal", "case": "a case", "source": "a source", "as_of": date(2026, 10, 30)}
    >>> tm.charts.implied_iso(curve, **about).title
    'The move says 40% more likely if the duty lasts 2 years, 10% if 10'
    """
    line, ends = iso["probability"], iso.index[[0, -1]]
    fig = figure(
        f"The move says {line.iloc[0]:.0%} more likely if the duty lasts {ends[0]:g} years, "
        f"{line.iloc[-1]:.0%} if {ends[1]:g}",
        f"Change of the probability by the life of the duty in years, with 95% interval; {event}; {case}",
        ["One event fixes the curve, not the point on it", *origin_note(source, as_of)],
        width_cm,
        body_cm=5.0,
    )
    ax = fig.subplots()
    ax.fill_between(
        iso.index, iso["probability_low"], iso["probability_high"], color=tint(_COLOR), linewidth=0
    )
    ax.plot(iso.index, line, color=_COLOR)
    for edge in (0, 1):
        ax.axhline(edge, color=SOFT, linewidth=0.7)
    middle = len(iso) // 2
    ax.annotate(
        f"{line.iloc[middle]:.0%} at {iso.index[middle]:g} years", (iso.index[middle], line.iloc[middle]),
        (4, 8), textcoords="offset points", size=6.5, color=_COLOR,
    )  # fmt: skip
    ax.set_xlabel("years that the duty lasts")
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    ax.set_ylim(min(-0.05, iso["probability_low"].min()), max(1.05, min(iso["probability_high"].max(), 1.5)))
    return finish(fig, "Line with a band", data=iso)


def _title(path: pd.DataFrame) -> str:
    """What prices held before the event that moved them most."""
    outcome = path["outcome"].iloc[0]
    read = path[path["before"].notna()]
    if read.empty:
        return f"{outcome}: prices cannot be read"
    one: Any = read.iloc[int(np.argmax(read["change"].abs().fillna(0)))]  # one row
    side = "before" if one["before_high"] > one["before_low"] else "after"
    middle, low, high = (one[f"{side}{end}"] for end in ("", "_low", "_high"))
    when = f"{side} {day_text(one['date'])}"
    if low <= 0 and high >= 1:
        return f"{outcome}: prices cannot tell how likely it was {when}"
    if not 0 <= middle <= 1:
        return f"{outcome}: prices give {middle:.0%} {when}, {low:.0%} to {high:.0%}, no probability"
    return f"{outcome}: {middle:.0%} likely {when}, {low:.0%} to {high:.0%}"


def _slug(event: object) -> str:
    """An event as a note names it: 22 Jul 2025 Japan deal."""
    text = str(event)
    try:
        return f"{day_text(date.fromisoformat(text[:10]))} {id_title(text[11:])}"
    except ValueError:
        return text


def _steps(ax: Axes, path: pd.DataFrame, days: np.ndarray, first: float, last: float) -> None:
    """Level stretches between events with their bands, and the moves."""
    rows = path.to_dict("records")
    stretches = [(first, days[0], rows[0], "before")]
    later = [*days[1:], last]
    stretches += [(days[n], later[n], row, "after") for n, row in enumerate(rows)]
    for start, end, row, side in stretches:
        middle, low, high = (row[f"{side}{edge}"] for edge in ("", "_low", "_high"))
        if middle == middle:
            ax.fill_between([start, end], [low] * 2, [high] * 2, color=tint(_COLOR), linewidth=0)
            ax.plot([start, end], [middle] * 2, color=_COLOR, linewidth=1.4)
    for day, row in zip(days, rows, strict=True):
        ax.plot([day, day], [row["before"], row["after"]], color=_COLOR, linewidth=0.8)
