"""Which hedges help, how do their ratios move, which pairs carry the tariff, and what do options pay?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from tariffmodel.charts.house import (
    COLUMN_CM,
    HOME_COLOR,
    INK,
    ORIGIN_COLOR,
    PAGE_CM,
    RED,
    SOFT,
    Chart,
    dated,
    figure,
    finish,
    in_house_style,
    label_rows,
    origin_note,
    percent_ticks,
    text_column,
    tint,
    usd_scale,
)
from tariffmodel.charts.labels import date_axis
from tariffmodel.charts.native import Native

_BLUE, _GREEN, _AMBER = HOME_COLOR["KR"], HOME_COLOR["US"], ORIGIN_COLOR["MX"]
_ROWS = 56  # of a column that is no taller than a page of a note
_Line = Literal["-"] | tuple[float, tuple[float, ...]]
_STYLES: list[tuple[str, _Line]] = [
    (INK, "-"),
    (_BLUE, (0, (4, 1.5))),
    (_GREEN, (0, (1, 1.2))),
    (_AMBER, (0, (5, 1, 1, 1))),
]
_PAYOFFS: dict[str, tuple[str, str, _Line]] = {
    "unhedged": ("no hedge", SOFT, (0, (1, 1.2))), "forward": ("forward", _BLUE, "-"),
    "put": ("put", _AMBER, (0, (5, 1, 1, 1))), "collar": ("collar", _GREEN, (0, (4, 1.5))),
}  # fmt: skip


@in_house_style
def hedge_record(
    record: pd.DataFrame,
    names: Mapping[str, str],
    *,
    case: str,
    source: str,
    as_of: date,
    width_cm: float = PAGE_CM,
) -> Chart:
    """Share of the variance that each hedge of each share took away out of sample, with its verdict.

    Parameters
    ----------
    record : DataFrame
        From `hedge.record`: shares in its order, hedges of one share together.
    names : mapping of ticker to name

    Examples
    --------
    >>> import tariffmodel as tm
    >>> tested = pd.DataFrame({"ticker": ["7203.T"], "hedge": ["TOPIX"], "called": "TOPIX"})
    >>> tested = tested.assign(out_of_sample=0.48, low=0.3, high=0.6, one_to_one=0.4, helps=True)
    >>> tested = tested.assign(over_low=0.0, over_high=0.1)
    >>> about = {"case": "a case", "source": "a source", "as_of": date(2026, 10, 30)}
    >>> tm.charts.hedge_record(tested.set_index(["ticker", "hedge"]), {"7203.T": "Toyota"}, **about).title
    '1 of 1 hedges help out of sample'
    """
    columns = ["called", "out_of_sample", "low", "high", "one_to_one", "over_low", "over_high", "helps"]
    rows = record.reindex(columns=columns).reset_index()
    rows = rows.assign(name=rows["ticker"].map(names), hedge=rows["called"])
    tested = rows[rows["out_of_sample"].notna()]
    left, right = _limits(tested)
    columns_of = 2 if width_cm >= PAGE_CM else 1
    each, every = _fitting(rows, columns_of * _ROWS), len(rows)
    rows = _best(rows, each)
    starts = np.flatnonzero(rows["ticker"] != rows["ticker"].shift())
    middle = starts[np.abs(starts - len(rows) / 2).argmin()] if columns_of > 1 else 0
    parts = [part for part in (rows[:middle], rows[middle:]) if len(part)]
    longest = max(map(len, parts))
    fig = figure(
        _record_title(tested),
        f"Share of variance removed out of sample, after cost; {case}",
        [
            "Lines: 95%, stationary bootstrap. Helps: the whole interval lies above zero",
            (
                "One for one: the maker's currency turned into the investor's, an index, fund or peers "
                "sold, one unit each. The whole interval is better than that in "
                f"{(tested['over_low'] > 0).sum()}, worse in {(tested['over_high'] < 0).sum()} of "
                f"{len(tested)}"
            ),
            "Cut at the edge where an interval goes on" if (tested["low"] < left).any() else "",
            f"Drawn: of each share the best {each}, of {every} in all" if len(rows) < every else "",
            *origin_note(source, as_of),
        ],
        width_cm,
        body_cm=0.27 * longest + 0.9,
        key=[
            Line2D([], [], marker="o", linestyle="", color=INK, markersize=3.5, label="helps"),
            Line2D([], [], marker="x", linestyle="", color=RED, markersize=3.5, label="does not help"),
            Line2D([], [], marker="|", linestyle="", color=SOFT, markersize=5, label="one for one"),
        ],
    )
    for ax, part in zip(fig.subplots(1, len(parts), squeeze=False).flat, parts, strict=True):
        _forest(ax, part)
        ax.set_ylim(longest - 0.4, -0.6)
        ax.set_xlim(left, right)
    return finish(fig, "Forest: dots with intervals, one row per hedge")


def _fitting(rows: pd.DataFrame, most: int) -> int:
    """How many hedges of each share there is room for, at least one."""
    sizes = rows.groupby("ticker").size()
    return max((n for n in range(1, sizes.max() + 1) if sizes.clip(upper=n).sum() <= most), default=1)


def _best(rows: pd.DataFrame, each: int) -> pd.DataFrame:
    """The `each` best hedges of every share, in the order of `rows`."""
    place = rows.groupby("ticker")["out_of_sample"].rank(ascending=False, method="first", na_option="bottom")
    return rows[place <= each].reset_index(drop=True)


def _limits(tested: pd.DataFrame) -> tuple[float, float]:
    """All figures, and the intervals as far down as −50%."""
    if tested.empty:
        return -0.5, 1.0
    points = tested[["out_of_sample", "one_to_one"]].min().min()
    left = min(max(tested["low"].min(), -0.5), points, -0.05)
    return left - 0.03, max(tested["high"].max(), 0.05) + 0.03


def _record_title(tested: pd.DataFrame) -> str:
    if tested.empty:
        return "No hedge has enough weeks to be tested out of sample"
    helps = tested["helps"].astype(bool)
    by_hedge = helps.groupby(tested["hedge"], sort=False)
    useless = [str(name) for name, any_helps in by_hedge.any().items() if not any_helps]
    if not helps.any():
        return f"No hedge among {len(tested)} helps out of sample"
    title = f"{helps.sum()} of {len(tested)} hedges help out of sample"
    if not useless:
        return title
    named = ", ".join(useless) if len(useless) <= 5 else f"{len(useless)} kinds"
    return f"{title}; {named} help{'s' if len(useless) == 1 else ''} nobody"


def _forest(ax: Axes, rows: pd.DataFrame) -> None:
    first = (rows["name"] != rows["name"].shift()).to_numpy()
    label_rows(ax, list(rows["hedge"].where(~first, rows["name"] + "  " + rows["hedge"])))
    y = np.arange(len(rows))
    value = rows["out_of_sample"].to_numpy(dtype=float)
    helps = rows["helps"].to_numpy(dtype=bool)
    color = np.where(helps, INK, RED)
    color[np.isnan(value)] = SOFT
    ax.hlines(y, rows["low"], rows["high"], color=color, linewidth=0.8)
    ax.scatter(rows["one_to_one"], y, color=SOFT, marker="|", s=22, zorder=2, linewidth=0.9)
    ax.scatter(value[helps], y[helps], color=INK, s=9, zorder=3, linewidth=0)
    ax.scatter(value[~helps], y[~helps], color=RED, marker="x", s=9, zorder=3, linewidth=0.9)
    ax.axvline(0, color=INK, linewidth=0.6)
    ax.hlines(y[first][1:] - 0.5, 0, 1, color="#DDDDDD", linewidth=0.5, transform=ax.get_yaxis_transform())
    text_column(ax, ["" if np.isnan(v) else f"{v:z.0%}".replace("-", "\u2212") for v in value], 20)
    words = np.where(np.isnan(value), "not tested", np.where(helps, "helps", "does not help"))
    text_column(ax, list(words), 24, align="left")
    for text, shade in zip(ax.texts, [*color, *color], strict=True):
        text.set(color=shade, size=5.6)
    percent_ticks(ax.xaxis)
    ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.tick_params(labelsize=5.6)


@in_house_style
def ratio_paths(
    paths: Mapping[str, pd.DataFrame],
    low: pd.DataFrame,
    high: pd.DataFrame,
    events: Iterable[pd.Timestamp],
    *,
    position: str,
    case: str,
    source: str,
    as_of: date,
    width_cm: float = PAGE_CM,
) -> Chart:
    """Hedge ratios over time by estimator, one panel per instrument, with event days.

    Parameters
    ----------
    paths : mapping of estimator to DataFrame
        Date × instrument, notional sold per unit of position. The first gives title and band.
    low, high : DataFrame
        Band of the first.
    events : iterable of days
        Drawn as upright lines, where the first path has dates.
    position : str
        What is hedged.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> weeks = pd.date_range("2025-01-03", periods=10, freq="W-FRI")
    >>> path = pd.DataFrame({"USD/JPY": np.linspace(0.1, -0.8, 10)}, index=weeks)
    >>> about = {"position": "Toyota", "case": "a case", "source": "a source", "as_of": date(2026, 10, 30)}
    >>> tm.charts.ratio_paths({"rolling": path}, path - 0.2, path + 0.2, [weeks[4]], **about).title
    'Per unit of Toyota the hedge now buys 0.80 of USD/JPY; the ratio on USD/JPY has run from −0.80 to 0.10'
    """
    main = next(iter(paths.values()))
    orders = [
        f"{'sells' if ratio >= 0 else 'buys'} {abs(ratio):.2f} of {name}"
        for name, ratio in main.iloc[-1].items()
    ]
    widest = (main.max() - main.min()).idxmax()
    columns = len(main.columns) if width_cm >= PAGE_CM else 1
    lines = -(-len(main.columns) // columns)
    fig = figure(
        f"Per unit of {position} the hedge now {' and '.join(orders)}; the ratio on {widest} has run from "
        + f"{main[widest].min():.2f} to {main[widest].max():.2f}".replace("-", "\u2212"),
        f"Notional sold per unit of position (below zero: bought); {case}",
        [
            f"Band: 95% of {next(iter(paths))}, classical errors",
            "Upright: events of the tariff",
            *origin_note(source, as_of),
        ],
        width_cm,
        body_cm=4.6 * lines + 0.2,
        key=[
            Line2D([], [], color=color, linestyle=style, label=name)
            for name, (color, style) in zip(paths, _STYLES, strict=False)
        ],
    )
    axes = fig.subplots(lines, columns, squeeze=False, sharex=True)
    days = [day for day in events if main.index[0] <= day <= main.index[-1]]
    for ax, instrument in zip(axes.flat, main, strict=True):
        for day in days:
            ax.axvline(day, color="#BBBBBB", linewidth=0.5, zorder=0)
        ax.fill_between(
            main.index, low[instrument], high[instrument], color="#BBBBBB", alpha=0.5, linewidth=0
        )
        for path, (color, style) in zip(paths.values(), _STYLES, strict=False):
            ax.plot(path.index, path[instrument], color=color, linestyle=style, linewidth=1.1)
        ax.axhline(0, color=INK, linewidth=0.5)
        ax.set_title(instrument)
        ax.set_ylabel("sold per unit held")
        ax.set_xlim(main.index[0], main.index[-1])
        date_axis(ax)
    return finish(fig, "Lines over time, one panel per instrument")


@in_house_style
def pair_ideas(
    pairs: pd.DataFrame,
    *,
    shock: str,
    case: str,
    period: str = "",
    source: str,
    as_of: date,
    width_cm: float = COLUMN_CM,
) -> Chart:
    """Gap between the bills of the two sides of each pair, and what a shock would add, best first.

    Parameters
    ----------
    pairs : DataFrame
        From `hedge.pairs`, with `gap_low`, `gap_high`, and `shock_gap`, `shock_low`, `shock_high`:
        what the shock adds to the gap. All gaps are above zero. Fractions of market value a year.
    shock : str
        Its name, with its period where that is another.
    period : str, optional
        What the figures are for; it opens the title.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> pairs = pd.DataFrame({"long": ["Toyota"], "short": ["Mazda"], "exposure_gap": 0.25, "gap_low": 0.2})
    >>> pairs = pairs.assign(gap_high=0.3, shock_gap=0.2, shock_low=0.15, shock_high=0.23)
    >>> pairs = pairs.assign(cost_bp=21.0, volatility=0.25)
    >>> about = {"case": "a case", "source": "a source", "as_of": date(2026, 10, 30)}
    >>> tm.charts.pair_ideas(pairs, shock="flat-25", **about).title.split(" (")[0]
    'Long Toyota, short Mazda ranks first: their bills lie 25.0% of market value apart'
    """
    if pairs.empty:
        title = "No pair has an exposure gap"
    else:
        best = pairs.iloc[0]
        ends = f"{best['gap_low']:.1%} to {best['gap_high']:.1%}".replace("-", "\u2212")
        title = (
            f"Long {best['long']}, short {best['short']} ranks first: their bills lie "
            f"{best['exposure_gap']:.1%} "
            f"of market value apart ({ends}); {shock} would {'add' if best['shock_gap'] >= 0 else 'take'} "
            f"{abs(best['shock_gap']) * 100:.1f} points"
        )
    sure = pairs["gap_low"] > 0
    fig = figure(
        dated(title, period),
        f"Long / short: bill of the short side less that of the long side, % of market value a year; {case}",
        [
            "Lines: from the ranges of both bills, ends against each other",
            "Hollow: the line reaches zero, so the pair may be the wrong way round" if (~sure).any() else "",
            (
                "Cost: to open, in bp of one side. Vol.: a year, after the overlay that takes market and "
                "currencies out"
            ),
            *origin_note(source, as_of),
        ],
        width_cm,
        body_cm=0.55 * max(len(pairs), 1) + 0.9,
        key=[
            Line2D([], [], marker="o", linestyle="", color=INK, markersize=3.5, label="bill"),
            Line2D([], [], marker="D", linestyle="", color=_BLUE, markersize=3.5, label=f"added by {shock}"),
        ],
    )
    ax = fig.subplots()
    label_rows(ax, list(pairs["long"] + " / " + pairs["short"]))
    y = np.arange(len(pairs))
    marks = [("exposure_gap", "gap", -0.17, INK, "o", 14), ("shock_gap", "shock", 0.17, _BLUE, "D", 10)]
    for value, ends, shift, color, marker, size in marks:
        ax.hlines(y + shift, pairs[f"{ends}_low"], pairs[f"{ends}_high"], color=color, linewidth=0.8)
        fill = np.where(sure | (value != "exposure_gap"), color, "white")
        ax.scatter(
            pairs[value], y + shift, c=fill, edgecolors=color, marker=marker, s=size, linewidth=0.7, zorder=3
        )
    ax.axvline(0, color=INK, linewidth=0.6)
    text_column(ax, [f"{cost:.0f}" for cost in pairs["cost_bp"]], 18, heading="cost")
    text_column(ax, [f"{size:.0%}" for size in pairs["volatility"]], 40, heading="vol.")
    percent_ticks(ax.xaxis)
    ax.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    ax.tick_params(axis="y", labelsize=6)
    columns = {
        "bill": ("exposure_gap", "gap_low", "gap_high"),
        f"added by {shock}": ("shock_gap", "shock_low", "shock_high"),
    }
    drawn = [
        pd.DataFrame({label: pairs[of[k]].to_numpy() for label, of in columns.items()}) for k in range(3)
    ]
    native = Native("bar", *drawn, unit="% of market value a year", form="0%", colors=(INK, _BLUE))
    return finish(fig, "Dots with lines, one row per pair", native)


@in_house_style
def payoffs(
    value: pd.DataFrame,
    low: pd.DataFrame,
    high: pd.DataFrame,
    *,
    held: str,
    paid: str,
    case: str,
    source: str,
    as_of: date,
    width_cm: float = COLUMN_CM,
) -> Chart:
    """What a currency leg gains if the rate moves: alone, and with a forward, a put or a collar.

    Parameters
    ----------
    value : DataFrame
        Indexed by `move` of the held currency (fractions); `unhedged`, `forward`, `put` and
        `collar` in money of `paid`.
    low, high : DataFrame
        The same at other volatilities; equal where volatility plays no part.
    held, paid : str
        Currency held, and the one it is measured in.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> moves = pd.Index([-0.2, -0.1, 0.0, 0.1, 0.2], name="move")
    >>> value = pd.DataFrame({"unhedged": 1e9 * moves, "forward": 0.0, "put": 1e9 * moves}, index=moves)
    >>> value = value.assign(collar=0.0)
    >>> about = {"case": "a case", "source": "a source", "as_of": date(2026, 10, 30)}
    >>> about |= {"held": "JPY", "paid": "USD"}
    >>> tm.charts.payoffs(value, value - 1e7, value + 1e7, **about).title.split(", ")[:3]
    ['If JPY falls 10% against USD', 'the leg brings USD −0.10 bn alone', '+0.00 with a forward']
    """
    scale, size = usd_scale(value)
    at = value.index[int(np.abs(value.index.to_numpy() + 0.1).argmin())]
    told = (value.loc[at] / scale).map("{:+.2f}".format).str.replace("-", "\u2212")
    fig = figure(
        f"If {held} {'falls' if at < 0 else 'rises'} {abs(at):.0%} against {paid}, the leg brings {paid} "
        f"{told['unhedged']} {size} alone, {told['forward']} with a forward, {told['put']} with a put, "
        f"{told['collar']} with a collar",
        f"Gain against today's rate, {paid} {size}; {case}",
        ["Bands: the range of volatilities; one for all strikes, no smile", *origin_note(source, as_of)],
        width_cm,
        body_cm=width_cm * (0.6 if width_cm < PAGE_CM else 0.36),
        key=[
            Line2D([], [], color=color, linestyle=style, label=label)
            for label, color, style in _PAYOFFS.values()
        ],
    )
    ax = fig.subplots()
    ax.grid(visible=True, axis="both")
    for name, (_, color, style) in _PAYOFFS.items():
        ax.fill_between(
            value.index, low[name] / scale, high[name] / scale, color=tint(color), alpha=0.5, linewidth=0
        )
        ax.plot(value.index, value[name] / scale, color=color, linestyle=style, linewidth=1.3)
    ax.axhline(0, color=INK, linewidth=0.5)
    ax.axvline(0, color=INK, linewidth=0.5)
    ax.set_xlim(value.index.min(), value.index.max())
    ax.set_xlabel(f"change of {held} against {paid} by the end")
    percent_ticks(ax.xaxis)
    ax.set_ylabel(f"{paid} {size}")
    return finish(fig, "Lines over the move of the currency")
