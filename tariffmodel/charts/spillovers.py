"""Where does it ripple: which industries, which states, which shares?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.collections import PatchCollection
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path
from matplotlib.ticker import FuncFormatter, MaxNLocator
from scipy import stats

from tariffmodel.charts.house import (
    COLUMN_CM,
    INK,
    OTHER_COLOR,
    PAGE_CM,
    SOFT,
    Chart,
    figure,
    finish,
    in_house_style,
    label_rows,
    origin_note,
    percent_ticks,
    readable_on,
    short_number,
    text_column,
    tint,
    true_minus,
    usd_scale,
    whiskers,
)
from tariffmodel.charts.labels import label_points
from tariffmodel.charts.native import Color, Native

# Okabe and Ito's palette
ROLE_COLOR = {
    "supplier": "#D55E00",
    "steel": "#0072B2",
    "aluminium": "#56B4E9",
    "tyres": "#CC79A7",
    "rail": "#009E73",
    "car_carrier": "#E69F00",
    "dealer": "#3D3D3D",
}
_MORE, _FEWER, _NONE = "#0072B2", "#D55E00", "#EEEEEE"  # told apart by any colour vision
_MOST_ROWS = 14
_NAMED = 8  # states that carry their figure
_SHEET = (975, 610)


@in_house_style
def industry_bars(
    table: pd.DataFrame, *, vehicles: float, source: str, as_of: date, width_cm: float = COLUMN_CM
) -> Chart:
    """Output of each other industry when vehicles are built in the US, with its range; jobs beside.

    Parameters
    ----------
    table : DataFrame
        From `input_output.table` or `input_output.printed`.
    vehicles : float
        That it is of, for title and subtitle.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> table = tm.input_output.table(tm.facts.load())
    >>> about = {"vehicles": 100_000, "source": "a source", "as_of": date(2026, 11, 28)}
    >>> tm.charts.industry_bars(table, **about).title.split(";")[1]
    ' the largest part in vehicle parts, bodies and trailers, USD 1.4 bn'
    """
    made = table.drop(index=["assembly", "others", "unlisted"], errors="ignore")
    made = made.reindex(made["output_usd"].abs().sort_values(ascending=False).index)
    shown = made.head(_MOST_ROWS)
    scale, size = usd_scale(made["output_usd"])
    if size == "bn" and shown["output_usd"].abs().min() < 1e8:
        scale, size = 1e6, "m"
    vehicles_usd, staff = map(float, table.loc["assembly", ["output_usd", "jobs"]])
    whole, most = table["output_usd"].drop("assembly").sum(), shown.iloc[0]
    many = f"{abs(vehicles):,.0f} vehicles"
    come = "more built in the US come with" if vehicles > 0 else "fewer built in the US take with them"
    fig = figure(
        f"{many} {come} {_usd(abs(whole))} of output in other US industries; the largest part in "
        f"{_lowered(most['sector_name'])}, {_usd(abs(most['output_usd']))}",
        f"Output a year, USD {size} of 2024, for {vehicles:,.0f} vehicles worth "
        f"{_usd(vehicles_usd)}; bars: structure of 2017, lines to the structure of 2024",
        [
            f"Right: jobs, full and part time; at the plants themselves {staff:,.0f}",
            f"Not shown: industries with less than USD {shown['output_usd'].abs().min() / scale:,.0f} {size}",
            "Dash: no jobs are known",
            *origin_note(source, as_of),
        ],
        width_cm,
        body_cm=0.38 * len(shown) + 1.0,
    )
    ax = fig.subplots()
    label_rows(ax, [_short(name, width_cm) for name in shown["sector_name"]])
    y = np.arange(len(shown))
    value, low, high = (
        shown[name].to_numpy() / scale for name in ("output_usd", "output_low_usd", "output_high_usd")
    )
    ax.barh(y, value, color=_MORE, height=0.62)
    whiskers(ax, y, value, low, high)
    ax.axvline(0, color=INK, linewidth=0.6)
    text_column(ax, [f"{jobs:,.0f}" if jobs == jobs else "–" for jobs in shown["jobs"]], 24, "jobs")
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda tick, _: true_minus(f"{tick:,g}")))
    drawn = [pd.DataFrame({"output": figures}) for figures in (value, low, high)]
    native = Native("bar", *drawn, unit=f"Output, USD {size}", form="#,##0", rows=[_MORE] * len(shown))
    return finish(fig, "Bars, one row per industry", native, table)


@in_house_style
def state_map(
    table: pd.DataFrame,
    shapes: Mapping[str, Sequence[np.ndarray]],
    *,
    case: str,
    source: str,
    as_of: date,
    width_cm: float = COLUMN_CM,
) -> Chart:
    """Jobs by state, as a map: blue more, orange fewer.

    Parameters
    ----------
    table : DataFrame
        From `states.table`.
    shapes : mapping of state to list of (n, 2) arrays
        From `shapes.states`.
    case : str
        Policy, counterfactual and period, for the subtitle.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> table = tm.states.of_output(known, pd.Series({"Subaru": 100_000}))
    >>> about = {"case": "a case", "source": "a source", "as_of": date(2026, 11, 28)}
    >>> tm.charts.state_map(table, tm.shapes.states(known), **about).title.split(";")[1]
    ' 4.9 thousand can be given a state, most in IN: 2.5 thousand'
    """
    placed = table.drop(index="no place", errors="ignore")["jobs"]
    edges = _edges(placed)
    classes = _labels(placed, edges)
    if (placed.reindex(list(shapes)).fillna(0.0).abs() < 1).any():
        classes.append((0.0, "less than one job"))
    key = [
        Patch(facecolor=_class_color(inside, edges), edgecolor=SOFT, linewidth=0.3, label=label)
        for inside, label in classes
    ]
    away = float(table["jobs"].get("no place", 0.0))
    ends = " to ".join(_thousands(table[f"jobs_{end}"].sum(), " thousand") for end in ("low", "high"))
    fig = figure(
        _finding(table, placed),
        f"Jobs in assembly and at suppliers, full and part time, against the counterfactual; {case}",
        [
            f"In industries or states of which the data have no employment: {away:,.0f} jobs, not on the map",
            f"All jobs, low to high at the same vehicles: {ends}",
            "Alaska and Hawaii are not to scale",
            *origin_note(source, as_of),
        ],
        width_cm,
        body_cm=width_cm * 0.6,
        key=key,
    )
    ax = fig.subplots()
    ax.set_axis_off()
    patches, colors = [], []
    for state, rings in shapes.items():
        jobs = float(placed.get(state, 0.0))
        patches.append(PathPatch(Path.make_compound_path(*(Path(ring, closed=True) for ring in rings))))
        colors.append(_class_color(jobs, edges))
    ax.add_collection(PatchCollection(patches, facecolors=colors, edgecolors="white", linewidths=0.4))
    ax.set(xlim=(0, _SHEET[0]), ylim=(_SHEET[1], 0), aspect="equal")
    size = 5.5 if width_cm < PAGE_CM else 7
    for state in placed.abs().sort_values(ascending=False).index[:_NAMED]:
        x, y, wide = _middle(shapes[str(state)])
        ink = readable_on(to_rgb(_class_color(placed[state], edges)))
        text = f"{state}{' ' if wide else chr(10)}{_thousands(placed[state])}"
        ax.text(x, y, text, ha="center", va="center", size=size, color=ink, linespacing=0.95)
    return finish(
        fig,
        "Map of the United States, states coloured by jobs",
        data=table,
    )


@in_house_style
def predicted_and_realised(
    rows: pd.DataFrame,
    found: pd.Series,
    *,
    event: str,
    case: str,
    source: str,
    as_of: date,
    width_cm: float = COLUMN_CM,
) -> Chart:
    """Abnormal returns of suppliers on an event against the predicted change of their sales.

    Parameters
    ----------
    rows : DataFrame
        Of `suppliers.Reactions.rows`, one event.
    found : Series
        Its row of `suppliers.Reactions.slope`.
    event, case : str
        For title and subtitle.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> rows = pd.DataFrame({"ticker": ["CLF", "LEA"], "role": ["steel", "supplier"]})
    >>> rows = rows.assign(predicted=[0.01, 0.03], car=[0.01, -0.02], standard_error=0.01)
    >>> found = {"correlation": -0.5, "correlation_low": -0.9, "correlation_high": 0.1, "p_slope": 0.2}
    >>> found |= {"slope": -1.5, "slope_low": -3.0, "slope_high": 0.2}
    >>> about = {"event": "An order", "case": "a case", "source": "a source", "as_of": date(2026, 11, 28)}
    >>> tm.charts.predicted_and_realised(rows, pd.Series(found), **about).title
    'An order: returns cannot be told to follow predicted sales; correlation −0.50 (−0.90 to +0.10)'
    """
    known = rows.dropna(subset=["predicted", "car"])
    told = found["p_slope"] <= 0.05
    verdict = (
        ("followed predicted sales" if found["slope"] > 0 else "went against predicted sales")
        if told
        else "cannot be told to follow predicted sales"
    )
    ends = (found[f"correlation{end}"] for end in ("", "_low", "_high"))
    correlation = "{:+.2f} ({:+.2f} to {:+.2f})".format(*ends)
    fig = figure(
        true_minus(f"{event}: returns {verdict}; correlation {correlation}"),
        f"Abnormal return against the predicted change of the firm's sales; {case}",
        [
            "Line: least squares; vertical lines: 95% of the return",
            "Named in a column: the largest predictions and the ends of returns"
            if width_cm < PAGE_CM
            else "",
            "The interval is that of days without events",
            *origin_note(source, as_of),
        ],
        width_cm,
        body_cm=width_cm * (0.72 if width_cm < PAGE_CM else 0.42),
        key=_role_key(known["role"]),
    )
    ax = fig.subplots()
    ax.grid(visible=True, axis="both")
    error = stats.norm.ppf(0.975) * known["standard_error"]
    points = pd.DataFrame(
        {
            "x": known["predicted"],
            "y": known["car"],
            "low": known["car"] - error,
            "high": known["car"] + error,
            "color": [ROLE_COLOR.get(role, OTHER_COLOR) for role in known["role"]],
            "label": known["ticker"].where(_stands_out(known) | (width_cm >= PAGE_CM), ""),
        }
    )
    line = np.linspace(points["x"].min(), points["x"].max(), 60)
    fitted = points["y"].mean() + found["slope"] * (line - points["x"].mean())
    ax.plot(line, fitted, color=SOFT, linewidth=0.9, linestyle="-" if told else ":")
    ax.vlines(points["x"], points["low"], points["high"], color=points["color"], linewidth=0.5, alpha=0.4)
    ax.scatter(points["x"], points["y"], color=points["color"], s=13, zorder=3, linewidth=0)
    ax.axhline(0, color=INK, linewidth=0.5)
    ax.set_xlabel("predicted change of sales")
    ax.set_ylabel("abnormal return")
    for axis in (ax.xaxis, ax.yaxis):
        percent_ticks(axis)
        axis.set_major_locator(MaxNLocator(7))
    label_points(fig, ax, points, keep_clear=np.column_stack([line, fitted]))
    return finish(fig, "Scatter, one point per line, with a fitted line", data=rows)


@in_house_style
def line_forest(
    table: pd.DataFrame, *, case: str, source: str, as_of: date, width_cm: float = COLUMN_CM
) -> Chart:
    """How far each line followed what drives it, over all events, with the interval of days without events.

    Parameters
    ----------
    table : DataFrame
        From `suppliers.Reactions.by_line`.
    case : str
        Events and days, for the subtitle.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> table = pd.DataFrame({"name": ["Lear", "NYK"], "role": ["supplier", "car_carrier"]})
    >>> table = table.assign(slope=[0.5, -0.1], slope_low=[0.2, -0.4], slope_high=[0.8, 0.2])
    >>> table = table.assign(reading=["follows its driver", "not told from zero"]).set_axis(["LEA", "9101.T"])
    >>> about = {"case": "a case", "source": "a source", "as_of": date(2026, 11, 28)}
    >>> tm.charts.line_forest(table, **about).title
    '1 of 2 lines can be told from zero: Lear moved with what drives its sales'
    """
    shown = table.sort_values(
        ["role", "slope"], key=lambda column: column.map(_ORDER) if column.name == "role" else column
    )
    told = shown[shown["reading"] != "not told from zero"]
    named = "; ".join(
        f"{', '.join(rows['name'])} moved {_WAY[str(reading)]} what drives "
        f"{'its' if len(rows) == 1 else 'their'} sales"
        for reading, rows in told.groupby("reading")
    )
    count = f"{len(told)} of {len(shown)} lines can be told from zero"
    fig = figure(
        f"{count}: {named}" if named else f"None of {len(shown)} lines can be told from zero",
        "Abnormal return for a change by 100% of US output, for carriers of imports, for dealers of sales; "
        f"{case}",
        [
            "Full: told from zero at 5%, all lines counted; lines: 95% over days without events",
            *origin_note(source, as_of),
        ],
        width_cm,
        body_cm=0.34 * len(shown) + 1.0,
        key=_role_key(shown["role"]),
    )
    ax = fig.subplots()
    label_rows(ax, list(shown["name"]))
    y, colors = np.arange(len(shown)), [ROLE_COLOR.get(role, OTHER_COLOR) for role in shown["role"]]
    sure = (shown["reading"] != "not told from zero").to_numpy()
    ax.hlines(y, shown["slope_low"], shown["slope_high"], color=colors, linewidth=0.9)
    faces = [color if full else "white" for color, full in zip(colors, sure, strict=True)]
    ax.scatter(shown["slope"], y, s=16, facecolor=faces, edgecolor=colors, zorder=3)
    ax.axvline(0, color=INK, linewidth=0.6)
    percent_ticks(ax.xaxis)
    ax.xaxis.set_major_locator(MaxNLocator(6))
    pale = [color if full else tint(color) for color, full in zip(colors, sure, strict=True)]
    drawn = [
        pd.DataFrame({"return": shown[name].to_numpy()}) for name in ("slope", "slope_low", "slope_high")
    ]
    native = Native("bar", *drawn, unit="Return for a change by 100%", form="0%", rows=pale)
    return finish(fig, "Dots with lines, one row per line", native, table)


_WAY = {"follows its driver": "with", "against its driver": "against"}
_ORDER = {role: place for place, role in enumerate(ROLE_COLOR)}


def _stands_out(rows: pd.DataFrame) -> pd.Series:
    """The five largest predictions, and the two returns at either end: a column has no room for all names."""
    place = rows["car"].rank()
    found: pd.Series = (
        (rows["predicted"].abs().rank(ascending=False) <= 5) | (place <= 2) | (place > len(rows) - 2)
    )
    return found


def _role_key(roles: pd.Series) -> list[Line2D]:
    there = [role for role in ROLE_COLOR if role in set(roles)]
    return [
        Line2D([], [], marker="o", ls="", color=ROLE_COLOR[role], ms=4, label=role.replace("_", " "))
        for role in there
    ]


def _usd(usd: float) -> str:
    scale, size = usd_scale(pd.Series([usd]))
    return f"USD {short_number(usd / scale)} {size}"


def _lowered(name: str) -> str:
    return name[:1].lower() + name[1:]


def _short(name: str, width_cm: float) -> str:
    """An industry's name as far as it leaves room for its bar."""
    room = 34 if width_cm < PAGE_CM else 60
    return name if len(name) <= room else f"{name[: room - 1].rsplit(' ', 1)[0].rstrip(',')} …"


def _edges(jobs: pd.Series) -> np.ndarray:
    """Ends of four classes: zero, three round numbers up to half of the most, and no end."""
    most = max(float(jobs.abs().max()), 20.0)
    size = 10.0 ** np.floor(np.log10(most))
    round_ones = np.array([one * size / ten for ten in (100, 10, 1) for one in (1, 2, 5)])
    return np.array([0.0, *round_ones[round_ones <= most / 2][-3:], np.inf])


def _class_color(jobs: float, edges: np.ndarray) -> Color:
    if abs(jobs) < 1:
        return _NONE
    place = int(np.searchsorted(edges, abs(jobs), side="right"))
    share = 0.2 + 0.8 * (place - 1) / (len(edges) - 2)
    red, green, blue = (max(1 - share * (1 - part), 0.0) for part in to_rgb(_MORE if jobs > 0 else _FEWER))
    return red, green, blue


def _labels(jobs: pd.Series, edges: np.ndarray) -> list[tuple[float, str]]:
    """A number inside each class that occurs on the map, and what the key calls it."""
    found = []
    signs = [sign for sign in (-1, 1) if (sign * jobs >= 1).any()]
    for sign in signs:
        word = "" if signs == [1] else " more" if sign > 0 else " fewer"
        for low, high in list(pairwise(edges))[::sign]:
            size = f"{max(low, 1):,.0f}–{high:,.0f}{word} jobs"
            size = f"{low:,.0f}{word} jobs and over" if high == np.inf else size
            found.append((sign * (low + 1), size))
    return found


def _middle(rings: Sequence[np.ndarray]) -> tuple[float, float, bool]:
    """Centroid of the largest part, and whether that is much wider than high."""

    def signed(ring: np.ndarray) -> np.ndarray:
        return np.asarray(ring[:-1, 0] * ring[1:, 1] - ring[1:, 0] * ring[:-1, 1])

    ring = max(rings, key=lambda one: abs(signed(one).sum()))
    cross = signed(ring)
    x, y = ((ring[:-1] + ring[1:]) * cross[:, None]).sum(axis=0) / (3 * cross.sum())
    across, down = np.ptp(ring, axis=0)
    return float(x), float(y), bool(across > 1.7 * down)


def _thousands(jobs: float, word: str = "k") -> str:
    return f"{short_number(jobs / 1e3)}{word}" if abs(jobs) >= 950 else true_minus(f"{jobs:,.0f}")


def _finding(table: pd.DataFrame, placed: pd.Series) -> str:
    whole, here = float(table["jobs"].sum()), float(placed.sum())
    if placed.abs().max() < 1:
        return "No job comes or goes"
    first = str(placed.abs().idxmax())
    sums, known, most = (_thousands(jobs, " thousand") for jobs in (whole, here, float(placed[first])))
    return f"Jobs change by an estimated {sums}; {known} can be given a state, most in {first}: {most}"
