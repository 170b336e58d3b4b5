"""How do shares react to events, and how does that line up with the change in the bill?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from scipy import stats

from tariffmodel.charts.house import (
    COLUMN_CM,
    HOME_COLOR,
    INK,
    OTHER_COLOR,
    PAGE_CM,
    SOFT,
    Chart,
    day_text,
    display_name,
    figure,
    finish,
    home_key,
    in_house_style,
    label_rows,
    origin_note,
    percent_ticks,
    text_column,
)
from tariffmodel.charts.labels import date_axis, label_days, label_ends, label_points
from tariffmodel.charts.native import Native

BAND, FAN = "#BBBBBB", (0.95, 0.5)
_SPELT = {word: word.upper() for word in ("eu", "uk", "us", "usmca")} | {
    word: word.title()
    for word in ("canada", "greenland", "india", "japan", "korea", "mexico", "taiwan", "toyota")
}
_VERDICT = {
    "too little": "moved too little",
    "too much": "moved too much",
    "in line": "moved in line",
    "wrong way": "moved the wrong way",
    "cannot tell": "cannot be told",
}


@in_house_style
def caar_path(
    caar: pd.DataFrame,
    car: pd.DataFrame,
    homes: Mapping[str, str],
    *,
    event: str,
    window: tuple[int, int],
    p_value: float,
    days: int,
    case: str,
    source: str,
    as_of: date,
    width_cm: float = COLUMN_CM,
) -> Chart:
    """Cumulative abnormal return around one event: all makers, and the makers of each home.

    Parameters
    ----------
    caar : DataFrame
        From `events.EventStudy.caar`: by day, `mean`, `se_adjusted` and `n`.
    car : DataFrame
        Makers × days, cumulative from the first day.
    homes : mapping of maker to home country
    event : str
        What happened, for the title.
    window : (int, int)
        Days that `p_value` is about.
    p_value : float
        Of the mean over days without events: `p_mean` of `events.by_event`, and their number, `days`.
    days : int

    Examples
    --------
    >>> import tariffmodel as tm
    >>> days = pd.RangeIndex(-2, 3, name="day")
    >>> mean = pd.DataFrame({"mean": [0.0, 0.0, 0.02, 0.03, 0.03], "se_adjusted": 0.004, "n": 2}, index=days)
    >>> each = pd.DataFrame([mean["mean"], mean["mean"]], index=["Toyota", "Mazda"])
    >>> about = {"case": "a case", "source": "a source", "as_of": date(2026, 10, 30)}
    >>> about |= {"event": "Japan deal", "window": (0, 1), "p_value": 0.01, "days": 346}
    >>> tm.charts.caar_path(mean, each, {"Toyota": "JP", "Mazda": "JP"}, **about).title
    'Japan deal: makers gained 3.0% on average over days 0 to 1, more than chance'
    """
    first, last = window
    earlier = caar["mean"].get(first - 1, 0.0)
    moved = caar.at[last, "mean"] - earlier
    group = car.groupby(pd.Series(homes).reindex(car.index).to_numpy()).mean()
    fig = figure(
        f"{event}: makers {_move(moved)} on average over days {first} to {last}, {_verdict(p_value)}",
        f"Cumulative abnormal return since day {caar.index[0]}, %; {case}",
        [
            "Black: mean of all makers; grey: its 50% and 95% intervals, adjusted for their correlation",
            f"p {p_value:.2g} over {days} days without events",
            *origin_note(source, as_of),
        ],
        width_cm,
        body_cm=6.0,
    )
    ax = fig.subplots()
    day = caar.index.to_numpy(dtype=float)
    for home, path in group.iterrows():
        ax.plot(day, path, color=HOME_COLOR.get(str(home), OTHER_COLOR), linewidth=1.0)
    _banded(ax, caar)
    ax.set_xlim(day[0], day[-1])
    ax.set_xlabel("session relative to the first that could react")
    ends = group.iloc[:, -1]
    label_ends(
        ax,
        [
            (day[-1], end, display_name(str(home)), HOME_COLOR.get(str(home), OTHER_COLOR))
            for home, end in ends.items()
        ],
    )
    return finish(fig, "Lines by session")


@in_house_style
def event_panels(
    paths: Mapping[str, pd.DataFrame],
    titles: Mapping[str, str],
    *,
    case: str,
    source: str,
    as_of: date,
    width_cm: float = PAGE_CM,
) -> Chart:
    """Mean cumulative abnormal return around each of several events, on one scale.

    Parameters
    ----------
    paths : mapping of event to DataFrame
        Each from `events.EventStudy.caar`.
    titles : mapping of event to its short title

    Examples
    --------
    >>> import tariffmodel as tm
    >>> days = pd.RangeIndex(-2, 3, name="day")
    >>> gain = pd.DataFrame({"mean": [0.0, 0.0, 0.02, 0.03, 0.03], "se_adjusted": 0.004, "n": 9}, index=days)
    >>> paths = {"deal": gain, "threat": gain.assign(mean=-gain["mean"])}
    >>> about = {"case": "a case", "source": "a source", "as_of": date(2026, 10, 30)}
    >>> tm.charts.event_panels(paths, {"deal": "Deal", "threat": "Threat"}, **about).title
    'By day 2 the 95% interval of 2 of 2 events lies off zero; chance would give 0.1'
    """
    columns = 4 if width_cm >= PAGE_CM else 2 if len(paths) <= 8 else 3
    rows = -(-len(paths) // columns)
    ends = pd.DataFrame({name: path.iloc[-1] for name, path in paths.items()}).T.astype(float)
    clear = int((ends["mean"].abs() > _half_width(ends)).sum())
    last = next(iter(paths.values())).index[-1]
    fig = figure(
        f"By day {last} the 95% interval of {clear or 'none'} of {len(paths)} events lies off zero; chance "
        f"would give {0.05 * len(paths):.1f}",
        f"Mean cumulative abnormal return of makers, %, days {_days(next(iter(paths.values())))}; {case}",
        ["Grey: 50% and 95% intervals, adjusted for the correlation of makers", *origin_note(source, as_of)],
        width_cm,
        body_cm=(3.1 if columns != 3 else 2.7) * rows,
    )
    axes = fig.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for ax, (name, path) in zip(axes.flat, paths.items(), strict=False):
        _banded(ax, path)
        ax.set_title(f"{titles[name]}\n{name[:10]}", size=6.2, weight="normal", pad=2)
        ax.tick_params(labelsize=5.5)
    for ax in axes.flat[len(paths) :]:
        ax.set_visible(False)
    drawn = pd.concat(paths, names=["event"])
    return finish(fig, "Small multiples, one panel per event: lines with bands", data=drawn)


@in_house_style
def events_forest(
    by_event: pd.DataFrame,
    titles: Mapping[str, str],
    *,
    case: str,
    source: str,
    as_of: date,
    width_cm: float = PAGE_CM,
) -> Chart:
    """Mean cumulative abnormal return of every event, with interval and p-values.

    Parameters
    ----------
    by_event : DataFrame
        From `events.by_event`: rows of the events that are drawn. Their family of tests may hold others.
    titles : mapping of event to its short title

    Examples
    --------
    >>> import tariffmodel as tm
    >>> moved = pd.DataFrame({"n": [17], "caar": 0.05, "caar_low": 0.01, "caar_high": 0.09})
    >>> moved = moved.assign(p_mean=0.003, placebo_days=346, counted=True, family=10, p_family=0.03)
    >>> about = {"case": "a case", "source": "a source", "as_of": date(2026, 10, 30)}
    >>> tm.charts.events_forest(moved.set_axis(["deal"]), {"deal": "Japan deal"}, **about).title
    '1 of 1 event stands after correction for having looked at 10 first reports'
    """
    strong, shown, days = (
        int((by_event["p_family"] < 0.05).sum()),
        len(by_event),
        int(by_event["placebo_days"].max()),
    )
    tests = int(by_event["family"].max())
    stands = f"stand{'' if strong > 1 else 's'} after correction for having looked at {tests} first reports"
    least = 1 - (1 - 1 / (1 + days)) ** tests
    fig = figure(
        f"{strong or 'None'} of {shown} event{'' if shown == 1 else 's'} {stands}",
        f"Mean cumulative abnormal return of makers, %; {case}",
        [
            f"Lines: 95%; p: how rare it is among {days} days without events",
            f"Family: p of {tests} first reports together, {least:.2g} at the least; –: not a test",
            *origin_note(source, as_of),
        ],
        width_cm,
        body_cm=0.36 * len(by_event) + 0.9,
    )
    ax = fig.subplots()
    label_rows(ax, [f"{titles[event]}  {event[:10]}" for event in by_event.index])
    y = np.arange(len(by_event))
    color = [HOME_COLOR["JP"] if flag else INK for flag in by_event["p_mean"] < 0.05]
    ax.hlines(y, by_event["caar_low"], by_event["caar_high"], color=color, linewidth=0.8)
    ax.scatter(by_event["caar"], y, color=color, s=9, zorder=3, linewidth=0)
    ax.axvline(0, color=INK, linewidth=0.6)
    text_column(ax, [_p(v) for v in by_event["p_mean"]], 24, heading="p")
    text_column(ax, [_p(v) for v in by_event["p_family"]], 50, heading="Family")
    text_column(ax, [f"{n:.0f}" for n in by_event["n"]], 66, heading="n")
    percent_ticks(ax.xaxis)
    ax.tick_params(axis="y", labelsize=5.8)
    drawn = [pd.DataFrame({"mean": by_event[name].to_numpy()}) for name in ("caar", "caar_low", "caar_high")]
    native = Native("bar", *drawn, unit="Mean abnormal return", form="0%", rows=color)
    return finish(fig, "Dots with intervals, one row per event", native)


@in_house_style
def car_vs_exposure(
    rows: pd.DataFrame,
    found: pd.Series,
    *,
    event: str,
    case: str,
    source: str,
    as_of: date,
    width_cm: float = COLUMN_CM,
) -> Chart:
    """Abnormal returns of one event against the change in each maker's bill, with the fitted line.

    Parameters
    ----------
    rows : DataFrame
        Indexed by maker: `delta` (share of market value), `car`, `standard_error`, `home`.
    found : Series
        The event's row of `link.by_event`. Where its reading is "cannot tell", the title says so.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> rows = pd.DataFrame({"delta": [-0.02, 0.0], "car": [0.05, 0.0], "home": ["JP", "US"]})
    >>> rows = rows.assign(standard_error=0.01).set_axis(["Mazda", "Ford"])
    >>> found = {"slope": -2.5, "slope_low": -3.5, "slope_high": -1.5, "p_slope": 0.02, "placebo_days": 346}
    >>> found |= {"slope_home": -1.0, "p_home": 0.2, "power": 0.9, "reading": "between homes only"}
    >>> about = {"case": "a case", "source": "a source", "as_of": date(2026, 10, 30), "event": "Japan deal"}
    >>> tm.charts.car_vs_exposure(rows, pd.Series(found), **about).title.split("came with ")[1]
    '+2.50 points of return (+1.50 to +3.50), but not within homes (p 0.2)'
    """
    slope, low, high = map(float, found[["slope", "slope_low", "slope_high"]])
    untold = found["reading"] == "cannot tell"
    came = (
        f"a bill lower by 1% of market value came with {-slope:+.2f} points of return "
        f"({min(-low, -high):+.2f} to {max(-low, -high):+.2f})"
    )
    if found["reading"] == "between homes only":
        came += f", but not within homes (p {_p(found['p_home'])})"
    hidden = (
        f"no telling whether returns moved with the bill: full pricing has a power of {found['power']:.0%}"
    )
    fig = figure(
        f"{event}: {hidden if untold else came}",
        f"Abnormal return against the change in the yearly bill; {case}",
        [
            "Line: least squares; vertical lines: 95% of the return where the bill changes",
            *([] if untold else [_told(found)]),
            *origin_note(source, as_of),
        ],
        width_cm,
        body_cm=width_cm * (0.72 if width_cm < PAGE_CM else 0.42),
        key=home_key(rows["home"]),
    )
    ax = fig.subplots()
    ax.grid(visible=True, axis="both")
    # where the bill does not change there is no room for all: their whiskers would cover each other, and
    # named are the extremes and the compatriots of those whose bill does
    idle = rows["delta"].abs() < 0.02 * rows["delta"].abs().max()
    named = ~idle | rows["home"].isin(rows.loc[~idle, "home"])
    if idle.any():
        named[rows.loc[idle, "car"].agg(["idxmin", "idxmax"])] = True
    error = stats.norm.ppf(0.975) * rows["standard_error"].where(~idle, 0)
    points = pd.DataFrame(
        {
            "x": rows["delta"],
            "y": rows["car"],
            "low": rows["car"] - error,
            "high": rows["car"] + error,
            "color": [HOME_COLOR.get(home, OTHER_COLOR) for home in rows["home"]],
            "label": [maker if named[maker] else "" for maker in rows.index],
        }
    )
    line = np.linspace(points["x"].min(), points["x"].max(), 60)
    fitted = rows["car"].mean() + slope * (line - rows["delta"].mean())
    ax.plot(line, fitted, color=SOFT, linewidth=0.9)
    ax.vlines(points["x"], points["low"], points["high"], color=points["color"], linewidth=0.5, alpha=0.6)
    ax.scatter(points["x"], points["y"], color=points["color"], s=13, zorder=3, linewidth=0)
    ax.axhline(0, color=INK, linewidth=0.5)
    ax.axvline(0, color=INK, linewidth=0.5)
    ax.set_xlabel("change in the yearly bill, of market value")
    ax.set_ylabel("abnormal return")
    for axis in (ax.xaxis, ax.yaxis):
        percent_ticks(axis)
        axis.set_major_locator(MaxNLocator(7))
    upright = np.column_stack([np.zeros(60), np.linspace(*ax.get_ylim(), 60)])
    label_points(fig, ax, points, keep_clear=np.vstack([np.column_stack([line, fitted]), upright]))
    return finish(fig, "Scatter, one point per maker, with a fitted line")


@in_house_style
def slopes_by_event(
    slopes: pd.DataFrame,
    pooled: pd.DataFrame,
    titles: Mapping[str, str],
    *,
    case: str,
    source: str,
    as_of: date,
    width_cm: float = PAGE_CM,
) -> Chart:
    """Slope of abnormal return on the change in the bill, by event and pooled.

    Parameters
    ----------
    slopes : DataFrame
        Rows of `link.by_event` that have a slope. Their family of tests may hold others.
    pooled : DataFrame
        Several events together: `estimate`, `low`, `high`, `p_value`, indexed by what stands beside the row.
        The first is that of the title, over days without events; others may have other measures of chance.
    titles : mapping of event to its short title

    Examples
    --------
    >>> import tariffmodel as tm
    >>> slopes = pd.DataFrame({"slope": [-0.5], "slope_low": [-0.8], "slope_high": [-0.2], "p_slope": 0.01})
    >>> slopes = slopes.assign(slope_home=-0.4, makers=9, placebo_days=346, family=14, p_family=0.1)
    >>> pooled = pd.DataFrame({"estimate": -0.2, "low": -0.5, "high": -0.01, "p_value": 0.04}, ["Pooled"])
    >>> about = {"case": "a case", "source": "a source", "as_of": date(2026, 10, 30)}
    >>> slopes = slopes.assign(reading="with the bill").set_axis(["deal"])
    >>> tm.charts.slopes_by_event(slopes, pooled, {"deal": "Deal"}, **about).title.split("; ")[0]
    '1 of 1 events moved with the bill, 0 of them after correction for 14 first reports'
    """
    with_it = slopes["reading"] == "with the bill"
    left = int((with_it & (slopes["p_family"] < 0.05)).sum())
    days, tests = int(slopes["placebo_days"].max()), int(slopes["family"].max())
    rows, first = len(slopes), pooled.iloc[0]
    fig = figure(
        f"{with_it.sum()} of {rows} events moved with the bill, {left} of them after correction for {tests} "
        f"first reports; pooled, a bill higher by 1% of market value took {-first['estimate']:.2f} points "
        f"off the share ({-first['high']:.2f} to {-first['low']:.2f})",
        f"Slope of abnormal return on the change in the yearly bill over market value; {case}",
        [
            f"Lines: 95%; p: how rare it is among {days} days without events; hollow: slope within homes",
            f"Family: p of {tests} first reports together; –: not a test. At the edge: it lies beyond",
            *origin_note(source, as_of),
        ],
        width_cm,
        body_cm=0.42 * (rows + len(pooled)) + 1.4,
    )
    ax = fig.subplots()
    dated = width_cm >= PAGE_CM
    names = [f"{titles[event]}  {event[:10]}" if dated else titles[event] for event in slopes.index]
    label_rows(ax, [*names, *pooled.index])
    estimate = np.append(slopes["slope"], pooled["estimate"])
    low, high = (np.append(slopes[f"slope_{end}"], pooled[end]) for end in ("low", "high"))
    reach = 1.4 * np.nanquantile(np.abs(estimate), 0.85) + 0.2
    y = np.arange(len(estimate))
    ax.hlines(y, low.clip(-reach), high.clip(max=reach), color=INK, linewidth=0.8)
    for value, face in ((estimate, INK), (slopes["slope_home"].to_numpy(), "white")):
        shown = np.abs(value) <= reach
        ax.scatter(value[shown], y[: len(value)][shown], s=10, zorder=3 + (face != INK), facecolor=face,
                   edgecolor=INK, linewidth=0.6)  # fmt: skip
        for row in np.flatnonzero(np.abs(value) > reach):
            side = np.sign(value[row])
            (mark,) = ax.plot(
                side * reach, row, ">" if side > 0 else "<", color=INK, markersize=4, clip_on=False
            )
            mark.set(markerfacecolor=face, markeredgewidth=0.6)
    ax.axhline(rows - 0.5, color=SOFT, linewidth=0.5)
    ax.axvline(0, color=INK, linewidth=0.6)
    ax.set_xlim(-reach, reach)
    ax.set_xlabel("points of return per 1% of market value")
    text_column(ax, [f"{v:+.2f}" for v in estimate], 26, heading="slope")
    untold = slopes["reading"] == "cannot tell"
    told = ["untold" if no else _p(p) for no, p in zip(untold, slopes["p_slope"], strict=True)]
    none = [""] * len(pooled)
    text_column(ax, [*told, *map(_p, pooled["p_value"])], 54, heading="p")
    text_column(ax, [*map(_p, slopes["p_family"]), *none], 78, heading="Family")
    text_column(ax, [*(f"{n:.0f}" for n in slopes["makers"]), *none], 92, heading="n")
    ax.tick_params(axis="y", labelsize=6)
    within = np.append(slopes["slope_home"], np.full(len(pooled), np.nan))
    native = Native(
        "bar",
        pd.DataFrame({"slope": estimate, "within homes": within}),
        pd.DataFrame({"slope": low}),
        pd.DataFrame({"slope": high}),
        unit="points of return per 1% of market value",
        colors=(INK, "#BBBBBB"),
    )
    return finish(fig, "Dots with intervals, one row per event, and all pooled", native)


@in_house_style
def implied_and_priced(
    priced: pd.DataFrame,
    market_cap_usd: pd.Series,
    homes: pd.Series,
    *,
    event: str,
    case: str,
    source: str,
    as_of: date,
    width_cm: float = COLUMN_CM,
) -> Chart:
    """Value change that the bill implies beside the one that the market made, % of market value.

    Parameters
    ----------
    priced : DataFrame
        From `pricing.priced`; makers without a change of the bill are left out, and what cannot be read is
        drawn pale.
    market_cap_usd, homes : Series by maker

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = pd.DataFrame({"implied_usd": [-4e9], "implied_low_usd": [-5e9], "implied_high_usd": [-3e9]})
    >>> found = found.assign(market_usd=-1e9, market_low_usd=-2e9, market_high_usd=0.0, share_priced=0.25)
    >>> found = found.assign(verdict="too little", reading="").set_axis(["Honda"])
    >>> about = {"event": "A threat", "case": "a case", "source": "a source", "as_of": date(2026, 10, 30)}
    >>> worth, homes = pd.Series({"Honda": 5e10}), pd.Series({"Honda": "JP"})
    >>> tm.charts.implied_and_priced(found, worth, homes, **about).title
    'A threat: of 1 makers whose bill changes 1 can be read: 1 moved too little'
    """
    changed = priced["market_usd"].notna() & (priced["verdict"] != "no change implied")
    rows = priced[changed].sort_values("implied_usd", key=abs, ascending=False)
    worth, read = market_cap_usd.reindex(rows.index), rows["reading"] == ""
    counts = rows.loc[read, "verdict"].value_counts()
    told = ", ".join(f"{count} {_VERDICT.get(str(verdict), verdict)}" for verdict, count in counts.items())
    fig = figure(
        f"{event}: of {len(rows)} makers whose bill changes {read.sum() or 'none'} can be read"
        + (f": {told}" if told else ""),
        f"Change in value, % of market value; {case}",
        [
            (
                "Lines: 95%, for the implied value of bill, tax, pass-through, life, persistence and "
                "discount rate together"
            ),
            "Verdict: too little or too much when the interval of the share priced excludes 1",
            "Pale: full pricing would be inside the noise, or an input is wrong" if not read.all() else "",
            *origin_note(source, as_of),
        ],
        width_cm,
        body_cm=0.55 * len(rows) + 0.9,
        key=[
            Line2D([], [], marker="D", linestyle="", color=SOFT, markersize=3.5, label="implied by the bill"),
            Line2D([], [], marker="o", linestyle="", color=INK, markersize=3.5, label="made by the market"),
        ],
    )
    ax = fig.subplots()
    label_rows(ax, list(rows.index))
    y = np.arange(len(rows))
    color = [HOME_COLOR.get(home, OTHER_COLOR) for home in homes.reindex(rows.index)]
    for kind, shift, marker in (("implied", -0.16, "D"), ("market", 0.16, "o")):
        for drawn, faint in ((read.to_numpy(), 1.0), (~read.to_numpy(), 0.35)):
            value, low, high = (
                (rows[f"{kind}{end}_usd"] / worth).to_numpy()[drawn] for end in ("", "_low", "_high")
            )
            shade = [SOFT if kind == "implied" else color[row] for row in np.flatnonzero(drawn)]
            place = y[drawn] + shift
            ax.hlines(place, low, high, color=shade, linewidth=0.8, alpha=faint)
            ax.scatter(value, place, color=shade, marker=marker, s=12, zorder=3, linewidth=0, alpha=faint)
    ax.axvline(0, color=INK, linewidth=0.6)
    text_column(ax, list(rows["verdict"]), 4, align="left")
    percent_ticks(ax.xaxis)
    return finish(fig, "Two marks with lines per maker")


@in_house_style
def factor_path(
    returns: pd.Series,
    events: Mapping[str, pd.Timestamp],
    titles: Mapping[str, str],
    *,
    case: str,
    source: str,
    as_of: date,
    width_cm: float = PAGE_CM,
) -> Chart:
    """Cumulative return of the tariff-mimicking portfolio, with the events marked.

    Parameters
    ----------
    returns : Series
        Simple returns by day, per unit of exposure to the bill.
    events : mapping of event to the day it is marked on
    titles : mapping of event to its short title

    Examples
    --------
    >>> import tariffmodel as tm
    >>> weeks = pd.date_range("2025-03-28", periods=4, freq="W-FRI")
    >>> earned = pd.Series([0.1, -0.2, 0.0, 0.05], weeks)
    >>> about = {"case": "a case", "source": "a source", "as_of": date(2026, 10, 30)}
    >>> tm.charts.factor_path(earned, {"deal": weeks[1]}, {"deal": "Deal"}, **about).title
    'The tariff portfolio stood at −12% on 4 Apr 2025 and at +10% on 28 Mar 2025'
    """
    path = (1 + returns.dropna()).cumprod() - 1
    worst: Any = path.idxmin()
    best: Any = path.idxmax()
    seen = {event: day for event, day in events.items() if path.index[0] <= day <= path.index[-1]}
    plot_cm, label_cm = 4.5, 0.6 + 0.1 * max((len(titles[event]) for event in seen), default=0)
    fig = figure(
        f"The tariff portfolio stood at {path[worst]:+.0%} on {day_text(worst)} and at {path[best]:+.0%} on "
        f"{day_text(best)}",
        f"Cumulative return of the portfolio with unit exposure to the bill, %; {case}",
        ["It is long exposure: it loses when tariffs rise", *origin_note(source, as_of)],
        width_cm,
        body_cm=plot_cm + label_cm,
    )
    ax = fig.subplots()
    ax.plot(path.index, path, color=INK, linewidth=1.0)
    ax.axhline(0, color=INK, linewidth=0.5)
    low, high = ax.get_ylim()
    ax.set_yticks([tick for tick in ax.get_yticks() if low <= tick <= high])  # none among the names
    ax.set_ylim(low, high + label_cm / plot_cm * (high - low))
    date_axis(ax)
    percent_ticks(ax.yaxis)
    label_days(ax, {titles[event]: day for event, day in seen.items()}, foot=high)
    data = pd.DataFrame({"return": returns, "cumulative": path})
    return finish(fig, "Line over time, events marked", data=data)


def _half_width(rows: pd.DataFrame, level: float = 0.95) -> pd.Series:
    """Of the interval of a mean over `n` makers, by Student's t as the test has it."""
    df = np.where(rows["n"] > 1, rows["n"] - 1, np.inf)  # one maker has the error of its own estimation
    return stats.t.ppf((1 + level) / 2, df) * rows["se_adjusted"]


def _banded(ax: Axes, path: pd.DataFrame) -> None:
    days, mean = path.index.to_numpy(dtype=float), path["mean"]
    for level in FAN:
        half = _half_width(path, level)
        ax.fill_between(days, mean - half, mean + half, color=BAND, alpha=0.5, linewidth=0)
    ax.plot(days, mean, color=INK, linewidth=1.4)
    ax.axhline(0, color=INK, linewidth=0.5)
    ax.axvline(-0.5, color=SOFT, linewidth=0.5, linestyle=(0, (2, 2)))
    percent_ticks(ax.yaxis)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def _move(value: float) -> str:
    return f"{'gained' if value > 0 else 'lost'} {abs(value):.1%}"


def _p(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.2g}"


def _told(found: pd.Series) -> str:
    """The p-values of a slope, in words."""
    inside = f"within homes {-found['slope_home']:+.2f} points, p {_p(found['p_home'])}"
    return f"p {_p(found['p_slope'])} over {found['placebo_days']} days without events; {inside}"


def _verdict(p_value: float) -> str:
    return "more than chance" if p_value < 0.05 else "not told from chance"


def _days(path: pd.DataFrame) -> str:
    return f"{path.index[0]} to {path.index[-1]}"


def short_titles(events: Iterable[str]) -> dict[str, str]:
    """Events by a title of a few words, from their ids: ``2025-07-22-japan-deal`` is “Japan deal”.

    >>> import tariffmodel as tm
    >>> tm.charts.short_titles(["2025-07-22-japan-deal", "2026-01-26-korea-25-threat"])
    {'2025-07-22-japan-deal': 'Japan deal', '2026-01-26-korea-25-threat': 'Korea 25% threat'}
    """
    return {event: id_title(event[11:]) for event in events}


def id_title(identifier: str) -> str:
    """What an id says, as a label: names with capitals, figures as rates.

    >>> id_title("canada-stays-at-50"), id_title("eu"), id_title("usmca-review")
    ('Canada stays at 50%', 'EU', 'USMCA review')
    """
    words = identifier.split("-")
    said = [_SPELT.get(word, f"{word}%" if word.isdigit() and word != "338" else word) for word in words]
    return " ".join([said[0][0].upper() + said[0][1:], *said[1:]])
