"""Which move of a currency would pay the tariff, and what do duty and currency leave of a profit?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from tariffmodel.charts.currency import _color, _cut_lines, _limits, _mark
from tariffmodel.charts.house import (
    COLUMN_CM,
    HOME_COLOR,
    INK,
    OTHER_COLOR,
    PAGE_CM,
    SOFT,
    Chart,
    dated,
    figure,
    finish,
    home_key,
    in_house_style,
    label_rows,
    left_out,
    origin_note,
    percent_ticks,
    text_column,
)
from tariffmodel.charts.labels import label_ends, label_points
from tariffmodel.markets.currency import DISCLOSED, IsoProfit
from tariffmodel.markets.fx_disclosed import STALE_MONTHS

_WORST = -0.6  # of the profit before, where the axis of `profit_grid` ends


@in_house_style
def paying_move(
    rows: pd.DataFrame, homes: Mapping[str, str], *, case: str, source: str, as_of: date,
    width_cm: float = COLUMN_CM,
) -> Chart:  # fmt: skip
    """By how much each home currency must weaken to pay a year of today's law, and where it stands today.

    Parameters
    ----------
    rows : DataFrame
        From `currency.offset`.
    homes : mapping of maker to home country

    Examples
    --------
    >>> import tariffmodel as tm
    >>> rows = pd.DataFrame({"currency": ["JPY"], "base_per_usd": 150.0, "ahead_usd": 6e9})
    >>> rows = rows.assign(ahead_rate_needed=165.0, ahead_rate_needed_low=160.0, ahead_rate_needed_high=172.0)
    >>> rows = rows.assign(ahead_share=0.1, move_share=0.12, today=157.5, today_share=0.05, reason="")
    >>> rows = rows.assign(as_of="2026-02", stale=False, basis="disclosed").set_axis(["Toyota"])
    >>> about = {"case": "a case", "source": "a source", "as_of": date(2026, 10, 30)}
    >>> chart = tm.charts.paying_move(rows, {"Toyota": "JP"}, **about)
    >>> chart.title.split("; ")[0]
    'For none of 1 makers that disclose does the currency pay the tariff'
    """
    solved = rows["ahead_share"].notna() & (rows["ahead_usd"] > 0)
    drawn = rows[solved].sort_values("ahead_share")
    guessed = drawn["basis"] != DISCLOSED
    fig = figure(
        _paying_title(drawn, guessed),
        f"Weakening of the home currency from its mean of the year before the tariff, %; {case}",
        [
            (
                "Dot: pays twelve months of today's law; line: validated range of the cost, range of the "
                "sensitivity. Diamond: pays what is booked in the period. Figures: home currency per dollar"
            ),
            *(
                f"Hollow, sensitivity {basis}, not disclosed: {', '.join(names)}"
                for basis, names in drawn[guessed].groupby("basis").groups.items()
            ),
            *_old_figures(drawn),
            *_without(rows, solved),
            *origin_note(source, as_of),
        ],
        width_cm,
        body_cm=0.5 * len(drawn) + 1.0,
        key=[
            _mark("o", "pays today's law"),
            _mark("D", "pays the period's", color=SOFT),
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
    low, high = (drawn[f"ahead_rate_needed_{end}"] / drawn["base_per_usd"] - 1 for end in ("low", "high"))
    stands, past = drawn["today_share"], drawn["move_share"].replace(np.inf, np.nan)
    left, right = _limits(
        np.column_stack([low, drawn["ahead_share"], high.where(np.isfinite(high)), stands, past])
    )
    _cut_lines(ax, y, low, high, color, left, right)
    face = np.where(guessed, "white", color)
    ax.scatter(drawn["ahead_share"], y, facecolor=face, edgecolor=color, s=14, zorder=3, linewidth=0.8)
    ax.scatter(past, y - 0.25, color=SOFT, marker="D", s=7, zorder=3, linewidth=0)
    ax.vlines(stands, y - 0.3, y + 0.3, color=INK, linewidth=1.6, zorder=2)
    ax.axvline(0, color=INK, linewidth=0.6)
    ax.set_xlim(left, right)
    text_column(ax, [_rate(rate) for rate in drawn["ahead_rate_needed"]], 30, heading="needed")
    text_column(ax, [_rate(rate) for rate in drawn["today"]], 58, heading="now")
    text_column(ax, list(drawn["currency"]), 76)
    return finish(fig, "Dots with ranges, one row per maker")


def _paying_title(drawn: pd.DataFrame, guessed: pd.Series) -> str:
    told = drawn[~guessed] if not guessed.all() else drawn  # what no company says is no headline
    who = "makers" if guessed.all() else "makers that disclose"
    paid = list(told.index[told["today_share"] >= told["ahead_share"]])
    if drawn.empty:
        return "No bill that a move of a currency would pay"
    if paid:
        return f"For {len(paid)} of {len(told)} {who} the currency stands where it pays the tariff: " + (
            ", ".join(paid)
        )
    near = str((told["ahead_share"] - told["today_share"]).idxmin())
    stands, needed = float(told["today_share"][near]), float(told["ahead_share"][near])
    place = "weaker" if stands > 0 else "stronger"
    return (
        f"For none of {len(told)} {who} does the currency pay the tariff; nearest is {near}'s, "
        f"{abs(stands):.1%} {place} than before the tariff, and {needed:.1%} weaker would pay"
    )


def _old_figures(drawn: pd.DataFrame) -> list[str]:
    old = drawn[drawn["stale"].astype(bool)]
    said = ", ".join(f"{maker} (said {day})" for maker, day in old["as_of"].items())
    return [f"Sensitivity older than {STALE_MONTHS} months: {said}"] if said else []


def _without(rows: pd.DataFrame, solved: pd.Series) -> list[str]:
    reasons = rows.loc[~solved & (rows["reason"] != ""), "reason"].str.split(":").str[0]
    return [
        *(left_out(names, str(reason)) for reason, names in reasons.groupby(reasons).groups.items()),
        left_out(rows.index[~solved & (rows["reason"] == "")], "owes nothing"),
    ]


@in_house_style
def profit_grid(
    rows: pd.DataFrame, homes: Mapping[str, str], *, case: str, period: str = "", source: str, as_of: date,
    width_cm: float = COLUMN_CM,
) -> Chart:  # fmt: skip
    """What duty and currency leave of each maker's operating profit: each alone, and both.

    Parameters
    ----------
    rows : DataFrame
        From `currency.grid` with its own rates: for each maker the duty before and under the policy, and
        the exchange rate before the tariff and of the day.
    homes : mapping of maker to home country
    period : str, optional
        What the figures are for; it opens the title.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> cells = [("Toyota", rate, per_usd) for rate in (0.02, 0.17) for per_usd in (150.0, 160.0)]
    >>> rows = pd.DataFrame(index=pd.MultiIndex.from_tuples(cells, names=["maker", "rate", "per_usd"]))
    >>> rows = rows.assign(operating_profit_bn=[100.0, 110.0, 80.0, 88.0], reason="")
    >>> rows = rows.assign(operating_profit_low_bn=70.0, operating_profit_high_bn=110.0)
    >>> about = {"case": "a case", "source": "a source", "as_of": date(2026, 10, 30)}
    >>> tm.charts.profit_grid(rows, {"Toyota": "JP"}, **about).title
    'Duty and currency together leave 88% of the operating profit before, Toyota, the one maker with both'
    """
    found = _corners(rows)
    drawn = found.dropna(subset=["duty"]).sort_values("duty", ascending=False)
    homely = [homes[maker] for maker in drawn.index]
    fig = figure(
        dated(_grid_title(drawn), period),
        f"Operating profit, % of that of the last year before the tariff; {case}",
        [
            (
                "Dot: duty of the policy and exchange rate of today, with the validated range of the cost "
                "and the range of the sensitivity. Circle: duty alone. Triangle: exchange rate alone"
            ),
            left_out(found.index[found["duty"].isna()], "no profit before, or no duty on its vehicles"),
            left_out(drawn.index[drawn["both"].isna()], "currency: no sensitivity, or reports in dollars"),
            *origin_note(source, as_of),
        ],
        width_cm,
        body_cm=0.5 * len(drawn) + 1.0,
        key=[
            _mark("o", "both"),
            Line2D([], [], marker="o", linestyle="", color=INK, markerfacecolor="white", label="duty"),
            _mark("^", "currency", color=SOFT),
            *home_key(homely),
        ]
        if len(drawn)
        else [],
    )
    ax = fig.subplots()
    label_rows(ax, list(drawn.index))
    percent_ticks(ax.xaxis)
    if drawn.empty:
        return finish(fig, "Marks with a line, one row per maker")
    y = np.arange(len(drawn))
    color = [_color(homes, maker) for maker in drawn.index]
    marks = drawn[["duty", "currency", "both"]].to_numpy()
    left, right = _limits(np.column_stack([marks, drawn[["low", "high"]]]))
    left = max(left, _WORST)  # hardly any profit before: no need to see how far the loss goes
    _cut_lines(ax, y, drawn["low"], drawn["high"], color, left, right)
    ax.scatter(drawn["currency"], y, color=SOFT, marker="^", s=12, zorder=3, linewidth=0)
    ax.scatter(drawn["duty"], y, facecolor="white", edgecolor=color, s=14, zorder=3, linewidth=0.8)
    ax.scatter(drawn["both"], y, color=color, s=14, zorder=4, linewidth=0)
    ax.axvline(1, color=INK, linewidth=0.6)
    ax.set_xlim(left, right)
    for place, name in ((26, "duty"), (52, "both")):
        text_column(ax, [_percent(share) for share in drawn[name]], place, heading=name)
    return finish(fig, "Marks with a line, one row per maker")


def _grid_title(drawn: pd.DataFrame) -> str:
    both = drawn["both"].dropna()
    if drawn.empty:
        return "No maker whose profit a duty would touch"
    if both.empty:
        return f"The duty alone leaves {drawn['duty'].median():.0%} of the profit before in the median maker"
    said, what = "Duty and currency together leave", "of the operating profit before"
    if len(both) == 1:
        return f"{said} {_percent(both.iloc[0])} {what}, {both.index[0]}, the one maker with both"
    most, least = (f"{name}'s ({_percent(both[name])})" for name in (str(both.idxmax()), str(both.idxmin())))
    return (
        f"{said} {_percent(both.median())} {what} in the median of {len(both)} makers with both; most is "
        f"left of {most}, least of {least}"
    )


def _percent(share: float) -> str:
    return "" if share != share else f"{share:.0%}".replace("-", "\u2212")


def _corners(rows: pd.DataFrame) -> pd.DataFrame:
    """The corners of each maker's table over its profit before, if it had one."""
    cells = rows.reset_index()
    ends = cells.groupby("maker", sort=False)[["rate", "per_usd"]]
    first, last = ends.transform("first"), ends.transform("last")
    taxed, moved = (((cells[name] == last[name]) & (first[name] != last[name])) for name in first)
    cells["corner"] = np.select([taxed & moved, taxed, moved], ["both", "duty", "currency"], "before")
    value, low, high = (
        cells.pivot_table(f"operating_profit{end}_bn", "maker", "corner").reindex(
            index=cells["maker"].unique(), columns=["before", "both", "duty", "currency"]
        )
        for end in ("", "_low", "_high")
    )
    before = value["before"].where(value["before"] > 0)
    told = value["both"].notna()
    shares = value.assign(
        low=low["both"].where(told, low["duty"]), high=high["both"].where(told, high["duty"])
    )
    corners: pd.DataFrame = shares.drop(columns="before").astype(float).div(before, axis=0)
    return corners


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
    'At 15.0% duty Toyota would earn as before with 150.00 JPY per dollar'
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
                f"of yearly operating profit per {iso.currency} per dollar. Band: range of the cost"
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
        ends = near.iloc[-1]
        said = {"before": ("earns\nas before", INK), "today": ("earns\nas now", SOFT)}
        label_ends(ax, [(near.index[-1], ends[column], *told) for column, told in said.items()], lines=2)
    label_points(fig, ax, points.assign(low=points["y"], high=points["y"]), keep_clear=np.vstack(drawn))
    return finish(fig, "Lines of equal profit, with a path of months")


def _rate(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 1000 else f"{rate:.2f}" if rate >= 20 else f"{rate:.3f}"


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
