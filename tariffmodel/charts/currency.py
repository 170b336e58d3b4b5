"""How do shares follow their currency, and which move of it would pay the tariff?"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from tariffmodel.charts.house import (
    COLUMN_CM,
    HOME_COLOR,
    INK,
    OTHER_COLOR,
    PAGE_CM,
    SOFT,
    Chart,
    Native,
    dark,
    figure,
    finish,
    home_key,
    in_house_style,
    label_points,
    label_rows,
    left_out,
    origin_note,
    percent_ticks,
    spread_apart,
    text_column,
    tint,
)
from tariffmodel.markets.currency import DISCLOSED, IsoProfit

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
    '1 of 2 shares clearly gain when the home currency weakens'
    """
    first, table = next(iter(estimates.items()))
    rows = table[table["beta_fx"].notna()].sort_values("beta_fx", ascending=False)
    own = rows[rows["role"] == "home"]
    sure = own[(own["low"] > 0) | (own["high"] < 0)]
    gain = int((sure["beta_fx"] > 0).sum())
    title = (
        f"{gain} of {len(own)} shares clearly gain" if gain else f"None of {len(own)} shares clearly gains"
    )
    title += " when the home currency weakens, "
    title += f"{len(sure) - gain} clearly lose" if gain < len(sure) else "none clearly loses"
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
    named = {re.sub(r"\W+", "_", label): frame["beta_fx"] for label, frame in estimates.items()}
    data = pd.DataFrame(named).join(table[["low", "high", "currency", "role"]])
    data = data.sort_values(next(iter(named)), ascending=False)
    native = Native("bar", tuple(named), "currency beta", scale=1.0)
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
        locator = AutoDateLocator(minticks=2, maxticks=5)
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))
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


@in_house_style
def paying_move(
    rows: pd.DataFrame, today: Mapping[str, float], homes: Mapping[str, str], *, case: str, source: str,
    as_of: date, width_cm: float = COLUMN_CM,
) -> Chart:  # fmt: skip
    """By how much each home currency must weaken to pay the bill, with its range, and where it stands.

    Parameters
    ----------
    rows : DataFrame
        From `currency.offset`.
    today : mapping of currency to its units per dollar on `as_of`
    homes : mapping of maker to home country

    Examples
    --------
    >>> import tariffmodel as tm
    >>> rows = pd.DataFrame({"currency": ["JPY"], "per_usd": 150.0, "booked_usd": 6e9, "basis": "disclosed"})
    >>> rows = rows.assign(move=15.0, move_low=12.0, move_high=18.0, move_share=0.1, rate_needed=165.0)
    >>> rows = rows.assign(reason="").set_axis(["Toyota"])
    >>> about = {"case": "a case", "source": "a source", "as_of": date(2026, 10, 30)}
    >>> chart = tm.charts.paying_move(rows, {"JPY": 157.5}, {"Toyota": "JP"}, **about)
    >>> chart.title.split("; ")[0]
    'For none of 1 makers that disclose does the currency pay the tariff'
    """
    solved = rows["move_share"].notna() & (rows["booked_usd"] > 0)
    drawn = rows[solved].sort_values("move_share")
    guessed = drawn["basis"] != DISCLOSED
    stands = drawn["currency"].map(today).astype(float) / drawn["per_usd"] - 1
    told = drawn[~guessed] if not guessed.all() else drawn  # what no company says is no headline
    who = "makers" if guessed.all() else "makers that disclose"
    paid = list(told.index[stands[told.index] >= told["move_share"]])
    if drawn.empty:
        title = "No bill that a move of a currency would pay"
    elif paid:
        title = f"For {len(paid)} of {len(told)} {who} the currency stands where it pays the tariff: " + (
            ", ".join(paid)
        )
    else:
        near = str((told["move_share"] - stands).idxmin())
        place = "weaker" if stands[near] > 0 else "stronger"
        needed = float(drawn["move_share"][near])
        title = (
            f"For none of {len(told)} {who} does the currency pay the tariff; nearest is {near}'s, "
            f"{abs(stands[near]):.1%} {place} than the period's mean, and "
            f"{needed:.1%} weaker would pay"
        )
    reasons = rows.loc[rows["move_share"].isna(), "reason"].str.split(":").str[0]
    fig = figure(
        title,
        f"Weakening of the home currency from its mean of the period, %; {case}",
        [
            "Line: range of bill and sensitivity. Figures: home currency per dollar",
            *(
                f"Hollow, sensitivity {basis}, not disclosed: {', '.join(names)}"
                for basis, names in drawn[guessed].groupby("basis").groups.items()
            ),
            *(left_out(names, str(reason)) for reason, names in reasons.groupby(reasons).groups.items()),
            left_out(rows.index[rows["move_share"].notna() & ~solved], "owes nothing"),
            *origin_note(source, as_of),
        ],
        width_cm,
        body_cm=0.5 * len(drawn) + 1.0,
        key=[
            _mark("o", "pays the bill"),
            _mark("|", "stands now"),
            *home_key([homes[maker] for maker in drawn.index]),
        ]
        if len(drawn)
        else [],
    )
    ax = fig.subplots()
    label_rows(ax, list(drawn.index))
    percent_ticks(ax.xaxis)
    if drawn.empty:
        return finish(fig, "Dots with ranges, one row per maker")
    y = np.arange(len(drawn))
    color = [_color(homes, maker) for maker in drawn.index]
    low, high = drawn["move_low"] / drawn["per_usd"], drawn["move_high"] / drawn["per_usd"]
    left, right = _limits(np.column_stack([low, drawn["move_share"], high.where(np.isfinite(high)), stands]))
    _cut_lines(ax, y, low, high, color, left, right)
    face = np.where(guessed, "white", color)
    ax.scatter(drawn["move_share"], y, facecolor=face, edgecolor=color, s=14, zorder=3, linewidth=0.8)
    ax.vlines(stands, y - 0.3, y + 0.3, color=INK, linewidth=1.6, zorder=2)
    ax.axvline(0, color=INK, linewidth=0.6)
    ax.set_xlim(left, right)
    text_column(ax, [_rate(rate) for rate in drawn["rate_needed"]], 30, heading="needed")
    text_column(ax, [_rate(today[unit]) for unit in drawn["currency"]], 58, heading="now")
    text_column(ax, list(drawn["currency"]), 76)
    return finish(fig, "Dots with ranges, one row per maker")


@in_house_style
def iso_profit(
    iso: IsoProfit, *, bill_range: tuple[float, float], home: str, case: str, source: str, as_of: date,
    width_cm: float = COLUMN_CM,
) -> Chart:  # fmt: skip
    """Duty rate against exchange rate: lines of equal profit, the path since the tariff, and today.

    Parameters
    ----------
    iso : IsoProfit
        From `currency.iso_profit`.
    bill_range : (float, float)
        Low and high of the bill over its central figure: (0.8, 1.2) is 20% either way. The band round
        the line of profit before the tariff follows from it, with κ as disclosed.
    home : str
        Country whose colour the path has.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> from tariffmodel.markets.currency import IsoProfit
    >>> duty, months = pd.Index([0.0, 0.15, 0.3], name="rate"), pd.Index(["2025-05", "2025-10"], name="month")
    >>> curves = pd.DataFrame({"before": [140.0, 150.0, 165.0], "today": [150.0, 160.0, 175.0]}, duty)
    >>> path = pd.DataFrame({"rate": [0.275, 0.15], "per_usd": [145.0, 155.0]}, months)
    >>> path = path.assign(profit_change_bn=[-400.0, 100.0])
    >>> iso = IsoProfit("Toyota", "JPY", 50.0, "disclosed", (0.025, 142.0), curves, path)
    >>> about = {"case": "a case", "source": "a source", "as_of": date(2026, 10, 30)}
    >>> tm.charts.iso_profit(iso, bill_range=(0.8, 1.2), home="JP", **about).title.split(" (")[0]
    'At 15.0% duty Toyota would earn as before with 150.0 JPY per dollar'
    """
    path, (base, start) = iso.path, iso.before
    lines = iso.curves.join(_band(iso, bill_range))
    now = path.iloc[-1]
    named = {month: f"{pd.Period(month, 'M'):%b %Y}" for month in _turns(path)}
    needed, low, high = _read(lines, [now["rate"]]).loc[now["rate"], ["before", "low", "high"]]
    end = _rate(high) if np.isfinite(high) else "without limit"
    title = (
        f"At {now['rate']:.1%} duty {iso.maker} would earn as before with {_rate(needed)} {iso.currency} per "
        f"dollar ({_rate(low)} to {end}); {named[path.index[-1]]} averages {_rate(now['per_usd'])}"
        if np.isfinite([needed, low]).all()
        else f"At {now['rate']:.1%} duty no weaker currency gives {iso.maker} the profit it had before"
    )
    fig = figure(
        title,
        f"{iso.currency} per dollar against the average duty on imported vehicles, % of customs value; "
        f"{case}",
        [
            (
                f"{iso.basis.capitalize()} for {iso.maker}: {iso.profit_per_unit_bn:.3g} bn {iso.currency} "
                f"of yearly operating profit per {iso.currency} per dollar. Band: range of the bill"
            ),
            "Lines carry what is booked beyond duty on vehicles, which lifts them above the point before"
            if _read(lines, [base])["before"].iloc[0] > 1.003 * start
            else "",
            *origin_note(source, as_of),
        ],
        width_cm,
        body_cm=width_cm * (0.78 if width_cm < PAGE_CM else 0.45),
    )
    ax = fig.subplots()
    ax.grid(visible=True, axis="both")
    color = HOME_COLOR.get(home, OTHER_COLOR)
    rates = np.array([base, *path["rate"]])
    edge = max(0.02, 0.25 * np.ptp(rates))
    left, right = max(0.0, rates.min() - edge), rates.max() + edge
    near = _read(lines, np.linspace(left, right, 60)).dropna(subset=["before", "today"])
    near = near[near["before"] < 2.5 * start]  # close to its pole the line leaves every scale
    ax.fill_between(near.index, near["low"], near["high"], color="#DDDDDD", linewidth=0)
    ax.plot(near.index, near["before"], color=INK, linewidth=1.2)
    ax.plot(near.index, near["today"], color=SOFT, linewidth=0.9, linestyle=(0, (4, 2)))
    ax.plot(path["rate"], path["per_usd"], color=color, linewidth=0.9, marker="o", markersize=1.8)
    ax.scatter([now["rate"]], [now["per_usd"]], color=color, s=28, zorder=4, linewidth=0)
    ax.scatter([base], [start], facecolor="white", edgecolor=INK, s=18, zorder=4, linewidth=0.9)
    ax.set_xlim(left, right)
    percent_ticks(ax.xaxis)
    ax.set_xlabel("average duty")
    ax.set_ylabel(f"{iso.currency} per dollar")
    ax.xaxis.set_major_locator(MaxNLocator(6))
    ax.yaxis.set_major_locator(MaxNLocator(6))
    points = pd.DataFrame(
        {
            "x": [base, *path["rate"]],
            "y": [start, *path["per_usd"]],
            "label": ["before", *(named.get(month, "") for month in path.index)],
            "color": [INK, *[color] * len(path)],
        }
    )
    drawn = [_fine(path["rate"], path["per_usd"])]
    if len(near):
        drawn += [_fine(near.index, near[column]) for column in ("before", "today")]
        ends = near[["today", "before"]].iloc[-1].sort_values()
        apart = spread_apart(ends.to_list(), gap=0.11 * float(np.diff(ax.get_ylim())[0]))
        for column, height in zip(ends.index, apart, strict=True):
            text, shade = ("earns\nas before", INK) if column == "before" else ("earns\nas now", SOFT)
            ax.text(
                1.01, height, text, transform=ax.get_yaxis_transform(), va="center", color=shade, size=6.5
            )
    label_points(fig, ax, points.assign(low=points["y"], high=points["y"]), keep_clear=np.vstack(drawn))
    return finish(fig, "Lines of equal profit, with a path of months")


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


def _rate(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 1000 else f"{rate:.1f}" if rate >= 20 else f"{rate:.3f}"


def _band(iso: IsoProfit, bill_range: tuple[float, float]) -> pd.DataFrame:
    """`curves.before` with a bill scaled by either end of its range.

    On that line S = κ S₀ / (κ − B), so the bill behind it is B = κ (1 − S₀ / S), in billions of dollars.
    An empty `high` has no limit: that bill takes all the dollars that profit is long.
    """
    kappa, line = iso.profit_per_unit_bn, iso.curves["before"]
    bill = kappa * (1 - iso.before[1] / line)
    left = [kappa - bill * share for share in bill_range]
    ends = pd.concat([kappa * iso.before[1] / rest.where(rest > 0) for rest in left], axis=1)
    return pd.DataFrame({"low": ends.min(axis=1), "high": ends.max(axis=1, skipna=False)})


def _read(lines: pd.DataFrame, rates: Sequence[float] | np.ndarray) -> pd.DataFrame:
    """Lines at duty rates between those they are given for; empty beyond them."""
    read = {
        name: np.interp(rates, line.index, line, left=np.nan, right=np.nan) for name, line in lines.items()
    }
    return pd.DataFrame(read, index=pd.Index(rates))


def _turns(path: pd.DataFrame) -> set[str]:
    """First and last month, and those in which the duty has just changed."""
    changed = path.index[path["rate"].diff().abs() > 0.005]
    return {path.index[0], *changed, path.index[-1]}


def _fine(x: pd.Index | pd.Series, y: pd.Series) -> np.ndarray:
    """Points along a line through (x, y), close enough for labels to keep clear of it."""
    steps = np.arange(len(x))
    places = np.linspace(0, len(x) - 1, 20 * len(x))
    return np.column_stack([np.interp(places, steps, x), np.interp(places, steps, y)])


def _signed(number: float, sign: str = "") -> str:
    return f"{round(number, 2) + 0.0:{sign}.2f}".replace("-", "\u2212")
