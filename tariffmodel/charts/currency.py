"""How do shares follow their currency, and which move of it would pay the tariff?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from tariffmodel.charts.house import (
    COLUMN_CM,
    HOME_COLOR,
    INK,
    OTHER_COLOR,
    PAGE_CM,
    SOFT,
    Chart,
    dark,
    figure,
    finish,
    home_key,
    in_house_style,
    label_rows,
    left_out,
    origin_note,
    text_column,
    tint,
)
from tariffmodel.charts.labels import date_axis
from tariffmodel.charts.native import Native
from tariffmodel.markets.currency import DISCLOSED

_MARKERS = "oDs^"
_PALE = 0.55  # of the estimates that the first one is compared with


@in_house_style
def fx_betas(
    estimates: Mapping[str, pd.DataFrame], homes: Mapping[str, str], *, case: str, source: str, as_of: date,
    width_cm: float = COLUMN_CM,
) -> Chart:  # fmt: skip
    """Currency betas of every share with 95% intervals, one or several estimators side by side.

    Parameters
    ----------
    estimates : mapping of estimator to DataFrame
        Each from `sensitivity.table`. The first gives the order, the figures and the title.
    homes : mapping of maker to home country

    Examples
    --------
    >>> import tariffmodel as tm
    >>> betas = pd.DataFrame({"beta_fx": [0.9, -0.1], "low": [0.4, -0.5], "high": [1.4, 0.3], "role": "home"})
    >>> betas = betas.assign(currency="JPY").set_axis(["Toyota", "Mazda"])
    >>> about = {"case": "a case", "source": "a source", "as_of": date(2026, 10, 30)}
    >>> tm.charts.fx_betas({"weekly": betas}, {"Toyota": "JP", "Mazda": "JP"}, **about).title.split(", ")[0]
    '1 of 2 shares clearly gains when the home currency weakens'
    """
    first, table = next(iter(estimates.items()))
    rows = table[table["beta_fx"].notna()].sort_values("beta_fx", ascending=False)
    own = rows[rows["role"] == "home"]
    sure = own[(own["low"] > 0) | (own["high"] < 0)]
    gain = int((sure["beta_fx"] > 0).sum())
    gains, loses = (
        f"{verb}s" if number <= 1 else verb for verb, number in (("gain", gain), ("lose", len(sure) - gain))
    )
    title = f"{gain or 'None'} of {len(own)} shares clearly {gains} when the home currency weakens, "
    title += f"{len(sure) - gain or 'none'} clearly {loses}"
    if len(sure):
        name = str(sure["beta_fx"].abs().idxmax())
        beta, low, high = map(_signed, sure.loc[name, ["beta_fx", "low", "high"]].to_numpy(dtype=float))
        title += f"; the largest of these betas is that of {name}, {beta} ({low} to {high})"
    rivals = rows[rows["role"] == "rival"]
    fig = figure(
        title if len(own) else "No share has enough data for a beta to its home currency",
        f"Log return of the share per log change of home currency per dollar, {first} first; {case}",
        [
            f"Lines: 95%, Newey-West. Clearly: the interval leaves zero out. Figures and title: {first}",
            f"Reporting in dollars, so set against a rival's currency ({rivals['currency'].iloc[0]}) and not "
            "counted: "
            f"{', '.join(rivals.index)}"
            if len(rivals)
            else "",
            left_out(table.index[table["beta_fx"].isna()], "no estimate"),
            *origin_note(source, as_of),
        ],
        width_cm,
        body_cm=(0.18 + 0.16 * len(estimates)) * max(len(rows), 1) + 1.3,
        key=[
            *(
                _mark(marker, label, 1 if label == first else _PALE)
                for label, marker in zip(estimates, _MARKERS, strict=False)
            ),
            *home_key([homes[maker] for maker in rows.index]),
        ],
    )
    ax = fig.subplots()
    label_rows(ax, list(rows.index))
    color = [_color(homes, maker) for maker in rows.index]
    shifts = 0.24 * (np.arange(len(estimates)) - (len(estimates) - 1) / 2)
    for (label, frame), marker, shift in zip(estimates.items(), _MARKERS, shifts, strict=False):
        some = frame.reindex(rows.index)
        y = np.arange(len(rows)) + shift
        alpha = 1 if label == first else _PALE
        ax.hlines(y, some["low"], some["high"], color=color, linewidth=0.8, alpha=alpha)
        ax.scatter(some["beta_fx"], y, color=color, marker=marker, s=10, zorder=3, linewidth=0, alpha=alpha)
    ax.axvline(0, color=INK, linewidth=0.6)
    text_column(ax, [_signed(beta, "+") for beta in rows["beta_fx"]], 22, heading="beta")
    text_column(ax, list(rows["currency"]), 42)
    ax.set_xlabel("beta, % per 1%")
    drawn = {label: frame.reindex(rows.index) for label, frame in estimates.items()}
    figures = [
        pd.DataFrame({label: frame[c] for label, frame in drawn.items()}) for c in ("beta_fx", "low", "high")
    ]
    named = {re.sub(r"\W+", "_", label): frame["beta_fx"] for label, frame in estimates.items()}
    data = pd.DataFrame(named).join(table[["low", "high", "currency", "role"]])
    data = data.sort_values(next(iter(named)), ascending=False)
    native = Native("bar", *figures, unit="beta, % per 1%")
    return finish(fig, "Dots with intervals, one row per maker", native, data)


@in_house_style
def beta_path(
    paths: Mapping[str, pd.DataFrame], homes: Mapping[str, str], *, event: date, event_label: str, case: str,
    source: str, as_of: date, width_cm: float = PAGE_CM,
) -> Chart:  # fmt: skip
    """Currency betas that drift, one panel a maker, all on one scale, with a day marked.

    Parameters
    ----------
    paths : mapping of maker to DataFrame
        By date: `beta`, `low`, `high` of the smoothed path and `rolling`, that of a moving window.
    homes : mapping of maker to home country
    event, event_label
        The day marked, and what happened.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> weeks = pd.date_range("2025-01-03", periods=30, freq="W-FRI")
    >>> path = pd.DataFrame({"beta": np.linspace(0.8, 0.2, 30)}, index=weeks)
    >>> path = path.assign(low=path["beta"] - 0.1, high=path["beta"] + 0.1, rolling=path["beta"])
    >>> about = {"case": "a case", "source": "a source", "as_of": date(2026, 10, 30)}
    >>> about |= {"event": date(2025, 4, 3), "event_label": "the duty"}
    >>> tm.charts.beta_path({"Toyota": path}, {"Toyota": "JP"}, **about).title.split(", ")[0]
    "Since the duty Toyota's beta went from 0.55 to 0.20"
    """
    moves = {maker: _since(path, event) for maker, path in paths.items()}
    known = {maker: move for maker, move in moves.items() if move is not None}
    if known:
        maker = max(known, key=lambda name: abs(known[name][1] - known[name][0]))
        then, now, low, high = known[maker]
        verdict = "still covers" if low <= then <= high else "no longer covers"
        title = (
            f"Since {event_label} {maker}'s beta went from {_signed(then)} to {_signed(now)}, the "
            "farthest of "
            f"{len(paths)}; its band at the end, {_signed(low)} to {_signed(high)}, {verdict} where it was"
        )
    else:
        title = f"The data end before {event_label}, so no beta can be followed past it"
    columns = 4 if width_cm >= PAGE_CM else 2
    lines = -(-len(paths) // columns)
    fig = figure(
        title,
        f"Currency beta; {case}",
        [
            "Line and 95% band: random walk by Kalman smoother, given its estimated variances",
            "Dotted: moving window, at its last week",
            f"Upright: {event_label}",
            *origin_note(source, as_of),
        ],
        width_cm,
        body_cm=3.6 * lines,
    )
    axes = fig.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    for ax, (maker, path) in zip(axes.flat, paths.items(), strict=False):
        color = _color(homes, maker)
        ax.fill_between(path.index, path["low"], path["high"], color=tint(color), alpha=0.45, linewidth=0)
        ax.plot(path.index, path["beta"], color=color, linewidth=1.3)
        ax.plot(path.index, path["rolling"], color=INK, linewidth=0.8, linestyle=(0, (1, 1.2)))
        ax.axhline(0, color=INK, linewidth=0.5)
        if path.index[0] <= pd.Timestamp(event) <= path.index[-1]:
            ax.axvline(pd.Timestamp(event), color=SOFT, linewidth=0.6, linestyle=(0, (3, 2)))
        ax.set_title(maker, size=6.5, color=dark(color), pad=3)
        ax.tick_params(labelsize=6)
        date_axis(ax, most=5)
    for ax in axes[:, 0]:
        ax.set_ylabel("beta, % per 1%", size=6)
    for ax in axes.flat[len(paths) :]:
        ax.set_visible(False)
    return finish(fig, "Small multiples, one panel per maker: lines with bands")


@in_house_style
def disclosed_vs_estimated(
    rows: pd.DataFrame, homes: Mapping[str, str], *, case: str, source: str, as_of: date,
    width_cm: float = COLUMN_CM,
) -> Chart:  # fmt: skip
    """What companies say a weaker home currency brings, beside what their shares do.

    Parameters
    ----------
    rows : DataFrame
        From `currency.compare`.
    homes : mapping of maker to home country

    Examples
    --------
    >>> import tariffmodel as tm
    >>> rows = pd.DataFrame({"value_elasticity": [1.7], "profit_elasticity": [4.0], "beta_fx": [0.7]})
    >>> rows = rows.assign(low=0.2, high=1.1, basis="disclosed", looks_hedged=True).set_axis(["Kia"])
    >>> rows = rows.assign(value_elasticity_low=1.6, value_elasticity_high=1.8)
    >>> rows = rows.assign(profit_elasticity_low=3.9, profit_elasticity_high=4.1)
    >>> rows = rows.assign(verdict="less than disclosed")
    >>> about = {"case": "a case", "source": "a source", "as_of": date(2026, 10, 30)}
    >>> tm.charts.disclosed_vs_estimated(rows, {"Kia": "KR"}, **about).title
    'Of 1 makers that disclose, the shares of 1 move less than disclosed: Kia'
    """
    rows = rows[rows["beta_fx"].notna() & rows["value_elasticity"].notna()]
    rows = rows.sort_values("value_elasticity", ascending=False)
    own = rows["basis"] == DISCLOSED
    less = list(rows.index[rows["looks_hedged"].astype(bool) & own])
    fig = figure(
        f"Of {own.sum()} makers that disclose, the shares of {len(less) or 'none'} move less than disclosed"
        + (f": {', '.join(less)}" if less else ""),
        f"% per 1% by which the home currency weakens; {case}",
        [
            (
                "Diamond: disclosed yearly profit after tax over the years it is taken to last, against "
                "market value; its line reaches to % of one year's operating profit and over the published "
                "range"
            ),
            (
                "Dot: beta of the share with its 95% interval. Less or more: the interval lies beyond the "
                "whole line. Cut at the edge where a line goes on"
            ),
            "Negative betas come from markets that fall when the currency does, not from hedges"
            if (rows.loc[rows["looks_hedged"].astype(bool), "beta_fx"] < 0).any()
            else "",
            f"Hollow: an analyst's figure, the company discloses none: {', '.join(rows.index[~own])}"
            if not own.all()
            else "",
            *origin_note(source, as_of),
        ],
        width_cm,
        body_cm=0.55 * len(rows) + 1.3,
        key=[
            _mark("D", "disclosed", color=SOFT),
            _mark("o", "estimated"),
            *home_key([homes[maker] for maker in rows.index]),
        ],
    )
    ax = fig.subplots()
    label_rows(ax, list(rows.index))
    ax.set_xlabel("% per 1%")
    if rows.empty:
        return finish(fig, "Diamonds and dots with their lines, one row per maker")
    y = np.arange(len(rows))
    color = [_color(homes, maker) for maker in rows.index]
    ends = rows[[f"{kind}_elasticity{end}" for kind in ("profit", "value") for end in ("_low", "_high")]]
    marks = rows[["value_elasticity", "low", "high"]].to_numpy()
    # a maker with hardly any profit has an endless line: no need to see its end
    left, right = _limits(np.append(marks, ends.where(ends.abs() < 1.5 * np.abs(marks).max())))
    _cut_lines(ax, y - 0.17, ends.min(axis=1), ends.max(axis=1), [SOFT] * len(rows), left, right)
    face = np.where(own, SOFT, "white")
    ax.scatter(
        rows["value_elasticity"],
        y - 0.17,
        facecolor=face,
        edgecolor=SOFT,
        marker="D",
        s=12,
        zorder=3,
        linewidth=0.8,
    )
    ax.hlines(y + 0.17, rows["low"], rows["high"], color=color, linewidth=0.8)
    ax.scatter(rows["beta_fx"], y + 0.17, color=color, s=12, zorder=3, linewidth=0)
    ax.axvline(0, color=INK, linewidth=0.6)
    ax.set_xlim(left, right)
    words = rows["verdict"].where(own, rows["verdict"].str.replace("disclosed", "estimated"))
    text_column(ax, list(words), 6, align="left")
    return finish(fig, "Diamonds and dots with their lines, one row per maker")


def _color(homes: Mapping[str, str], maker: str) -> str:
    return HOME_COLOR.get(homes[maker], OTHER_COLOR)


def _mark(marker: str, label: str, alpha: float = 1, color: str = INK) -> Line2D:
    return Line2D([], [], marker=marker, linestyle="", color=color, markersize=3.5, label=label, alpha=alpha,
                  markeredgewidth=1.4 if marker == "|" else 0)  # fmt: skip


def _since(path: pd.DataFrame, day: date) -> tuple[float, float, float, float] | None:
    """Beta in the last row before a day, and at the end with its band; nothing if the day is not inside."""
    then, after = path.loc[: pd.Timestamp(day), "beta"], path.loc[pd.Timestamp(day) :]
    if then.empty or after.empty:
        return None
    beta, low, high = (float(after[column].iloc[-1]) for column in ("beta", "low", "high"))
    return float(then.iloc[-1]), beta, low, high


def _limits(values: np.ndarray) -> tuple[float, float]:
    """Room for all values and zero; infinite ones and gaps do not count."""
    finite = np.append(values[np.isfinite(values)], 0.0)
    room = 0.06 * max(float(np.ptp(finite)), 1e-3)
    return finite.min() - room, finite.max() + room


def _cut_lines(
    ax: Axes, y: np.ndarray, low: pd.Series, high: pd.Series, color: list[str], left: float, right: float
) -> None:
    """Horizontal lines, with an arrow head where one goes on beyond the axes."""
    ax.hlines(y, np.clip(low, left, right), np.clip(high, left, right), color=color, linewidth=0.8)
    for end, edge, head in ((low.to_numpy() < left, left, "<"), (high.to_numpy() > right, right, ">")):
        for row in np.flatnonzero(end):
            ax.plot(edge, y[row], head, color=color[row], markersize=3.5, clip_on=False)


def _signed(number: float, sign: str = "") -> str:
    return f"{round(number, 2) + 0.0:{sign}.2f}".replace("-", "\u2212")
