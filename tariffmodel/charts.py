"""How is a result drawn and exported?

Each chart is a function of documented tables and returns a figure: no global state, no files. Its
title states the finding, computed from the table; the subtitle says what is drawn, in which unit
and for which period; the last line gives the source and the day it is stated for. All take

source : str
    Where the numbers come from, for the last line.
as_of : date
    The day the result is stated for.
width_cm : float
    `COLUMN_CM`, one column of a research note, or `PAGE_CM`. The height follows from the content.

`show` puts a figure into a notebook, `export` and `export_table` write it beside its data.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import cycle
from math import ceil
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import rcParams, style
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.textpath import text_to_path
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator, PercentFormatter
from matplotlib.transforms import Bbox, offset_copy

from tariffmodel import periods

COLUMN_CM, PAGE_CM = 9.0, 18.0
CM = 1 / 2.54  # inches
POINT = 1 / 72
SCREEN_SCALE = 1.25  # print sizes are small on a screen: a page's width then fills a notebook's

# Okabe and Ito's palette: makers by home, because nobody can tell twenty hues apart
HOME_COLOR = {"JP": "#D55E00", "KR": "#0072B2", "EU": "#CC79A7", "GB": "#3D3D3D", "US": "#009E73"}
ORIGIN_COLOR = HOME_COLOR | {"MX": "#E69F00", "CA": "#56B4E9", "CN": "#F0E442", "XX": "#FFFFFF"}
ORIGIN_NAME = {
    "JP": "Japan", "KR": "Korea", "EU": "EU", "GB": "UK", "US": "US",
    "MX": "Mexico", "CA": "Canada", "CN": "China", "XX": "unknown",
}  # fmt: skip
OTHER_COLOR, INK, SOFT = "#999999", "#222222", "#666666"
QUALITY_MARK = {"reported": "●", "derived": "◐", "estimated": "○"}
QUALITY_NOTE = {
    "reported": "● every input reported",
    "derived": "◐ derived from reported inputs",
    "estimated": "○ rests on at least one estimate",
}
PART_NOTE = "† part of another maker, in no sum"
SOLVED_NOTE = "In brackets: no test, a term was solved from the others or nothing is built in the US"

Color = str | tuple[float, float, float]
_HOUSE = "tariffmodel.house"
_in_house_style = style.context(_HOUSE, after_reset=True)  # the user's own settings stay out


# Contribution -------------------------------------------------------------------------------------


@_in_house_style
def contribution_bars(
    metrics: pd.DataFrame,
    makers: pd.DataFrame,
    *,
    year: str,
    source: str,
    as_of: date,
    width_cm: float = COLUMN_CM,
) -> Figure:
    """Local build share with its range; exports per import and jobs beside it.

    Parameters
    ----------
    metrics : DataFrame
        From `contribution.metrics`, for firms or for countries.
    makers : DataFrame
        `Facts.makers`.
    year : str
        The period that `metrics` are for.
    """
    known = metrics[metrics["local_build_share"].notna()].sort_values("local_build_share", ascending=False)
    share = known["local_build_share"]
    homes = [makers["home"].get(name, name) for name in known.index]
    colors = [HOME_COLOR.get(home, OTHER_COLOR) for home in homes]
    kind = "home blocs" if metrics.index.name == "home" else "makers"
    if known.empty:
        title = "No maker sells cars in the US"
    elif len(known) == 1:
        title = f"{_name(share.index[0])} builds {share.iloc[0]:.0%} of what it sells in the US there"
    else:
        title = (
            f"{(share >= 0.5).sum()} of {len(known)} {kind} build at least half of what they sell in the US there; "
            f"{_name(share.index[0])} leads with {share.iloc[0]:.0%}"
        )
    notes = [_left_out(metrics.index.difference(known.index), "no US sales")]
    if np.isinf(known["export_ratio"]).any():
        notes.append("∞ exports, but imports nothing")
    fig = _figure(
        title,
        f"Share of US sales built in the US, vehicles exported per vehicle imported, and direct US jobs per "
        f"1,000 US sales; lines are low to high; {_period(year)}",
        [*notes, *_origin(source, as_of)],
        width_cm,
        body_cm=0.36 * len(known) + 1.6,
        key=_home_key(homes),
    )
    axes = fig.subplots(1, 3, sharey=True, width_ratios=[1.7, 1, 1])
    panels = [
        ("local_build_share", "Built in the US,\nshare of sales", "{:.0%}"),
        ("export_ratio", "Exported\nper import", "{:.2f}"),
        ("jobs_intensity", "Jobs per\n1,000 sales", "{:.0f}"),
    ]
    y = np.arange(len(known))
    for ax, (metric, heading, form) in zip(axes, panels, strict=True):
        _rows(ax, [_name(name) for name in known.index])
        value, low, high = (known[c].replace(np.inf, np.nan).to_numpy() for c in _band(metric))
        if metric == "local_build_share":
            ax.barh(y, value, color=colors, height=0.66)
        else:
            ax.scatter(value, y, color=colors, s=12, zorder=5)
        _whiskers(ax, y, value, np.maximum(low, 0), high)
        texts = ["∞" if np.isinf(v) else "–" if np.isnan(v) else form.format(v) for v in known[metric]]
        _column(ax, texts, 22)
        ax.set_title(heading)
        ax.set_xlim(left=0)
        ax.xaxis.set_major_locator(MaxNLocator(2))
    axes[0].set(xlim=(0, 1.02), xticks=(0, 0.5, 1))
    axes[0].xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return _done(fig)


@_in_house_style
def where_sold_cars_come_from(
    identity: pd.DataFrame,
    origins: pd.DataFrame,
    makers: pd.DataFrame,
    *,
    year: str,
    source: str,
    as_of: date,
    width_cm: float = COLUMN_CM,
) -> Figure:
    """US-built vehicles kept in the US and imports by origin, as shares of each maker's supply.

    Parameters
    ----------
    identity : DataFrame
        From `facts.identity`.
    origins : DataFrame
        From `exposure.by_origin` for the same period.
    makers : DataFrame
        `Facts.makers`.
    year : str
        The period that both are for.
    """
    vehicles = origins[origins["product"] != "part"]
    supply = vehicles.pivot_table(
        index="maker", columns="origin", values="units", aggfunc="sum", fill_value=0.0
    )
    supply = supply.reindex(identity.index, fill_value=0.0)
    kept = (identity["production_units"] - identity["export_units"]).clip(lower=0)
    whole = makers["consolidated_in"].reindex(identity.index).isna()
    order = supply[whole].sum().sort_values(ascending=False).index
    order = [*(o for o in order if o != "XX"), *(o for o in order if o == "XX")]
    supply = pd.concat([kept.rename("US"), supply[order]], axis=1)
    supply = supply.loc[supply.sum(axis=1) > 0, (supply > 0).any() | (supply.columns == "US")]
    shares = supply.div(supply.sum(axis=1), axis=0).sort_values("US", ascending=False, kind="stable")
    pooled = supply[whole.reindex(supply.index)].sum()
    pooled /= pooled.sum()
    foreign = pooled.drop(index=["US", "XX"], errors="ignore")
    if shares.empty:
        title = "No maker sells cars in the US"
    else:
        who = f"{shares.index[0]} sells" if len(shares) == 1 else "these makers sell"
        title = f"{pooled['US']:.0%} of the cars that {who} in the US are built there"
        if len(foreign) and foreign.max() > 0:
            title += f"; {_name(foreign.idxmax())} is the largest other source with {foreign.max():.0%}"
    gap = identity["residual_share"].reindex(shares.index)
    solved = _untested(identity.loc[shares.index])
    notes = [
        _left_out(identity.index.difference(shares.index), "no US sales"),
        "Gap: sales less output kept and imports, share of sales",
        SOLVED_NOTE if solved.any() else "",
        PART_NOTE if (~whole.reindex(shares.index)).any() else "",
    ]
    fig = _figure(
        title,
        f"Vehicles by place of assembly, share of each maker's supply to the US; {_period(year)}",
        [*notes, *_origin(source, as_of)],
        width_cm,
        body_cm=0.36 * len(shares) + 1.2,
        key=[_swatch(o, "built in the US" if o == "US" else _name(o)) for o in shares],
    )
    ax = fig.subplots()
    _rows(ax, [_marked(name, whole) for name in shares.index])
    y, start = np.arange(len(shares)), np.zeros(len(shares))
    for origin in shares:
        part = shares[origin].to_numpy()
        swatch = _swatch(origin)
        look = {"fc": swatch.get_facecolor(), "ec": swatch.get_edgecolor(), "hatch": swatch.get_hatch()}
        ax.barh(y, part, left=start, height=0.72, **look)
        for row in np.flatnonzero(part >= 0.1):
            place, text = (start[row] + part[row] / 2, row), f"{part[row]:.0%}"
            behind = {"facecolor": "white", "edgecolor": "none", "pad": 0.8} if swatch.get_hatch() else None
            color = _readable_on(ORIGIN_COLOR.get(origin, OTHER_COLOR))
            ax.annotate(text, place, ha="center", va="center", size=6, color=color, bbox=behind)
        start = start + part
    _column(ax, [_gap(g, s, digits=0) for g, s in zip(gap, solved, strict=True)], 26, "gap")
    ax.set_xlim(0, 1)
    ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return _done(fig)


@_in_house_style
def residuals(
    identity: pd.DataFrame, *, year: str, source: str, as_of: date, width_cm: float = COLUMN_CM
) -> Figure:
    """S − (P − X + ΣM) as a share of sales; hollow where that is no test of the sources.

    Parameters
    ----------
    identity : DataFrame
        From `facts.identity`.
    year : str
        The period it is for.
    """
    known = identity[identity["residual_share"].notna()]
    known = known.iloc[np.argsort(-known["residual_share"].abs().to_numpy(), kind="stable")]
    share, solved = known["residual_share"], _untested(known)
    tested = share[~solved]
    if tested.empty:
        title = "No gap tests the sources: every maker's closes by construction"
    else:
        worst = tested.abs().idxmax()
        title = (
            f"Where all terms are known apart ({len(tested)} of {len(known)} makers), they miss sales by up to "
            f"{abs(tested[worst]):.1%} ({worst})"
        )
    fig = _figure(
        title,
        f"Sales less (output − exports + imports), share of US sales; {_period(year)}",
        [
            _left_out(identity.index.difference(known.index), "no US sales"),
            SOLVED_NOTE,
            *_origin(source, as_of),
        ],
        width_cm,
        body_cm=0.34 * len(known) + 1.0,
    )
    ax = fig.subplots()
    _rows(ax, [_name(maker) for maker in known.index])
    y = np.arange(len(known))
    color = HOME_COLOR["KR"]
    ax.hlines(y, 0, share, color=color, linewidth=1)
    ax.scatter(share, y, s=18, zorder=3, edgecolor=color, facecolor=["white" if s else color for s in solved])
    ax.axvline(0, color=INK, linewidth=0.6)
    _column(ax, [_gap(g, s, digits=1) for g, s in zip(share, solved, strict=True)], 34)
    reach = max(share.abs().max() * 1.1, 0.01) if len(share) else 0.01
    ax.set_xlim(-reach, reach)
    ax.xaxis.set_major_locator(MaxNLocator(5, symmetric=True))
    ax.xaxis.set_major_formatter(PercentFormatter(1))
    return _done(fig)


def _untested(identity: pd.DataFrame) -> pd.Series:
    """Whether the gap says nothing: a term was solved, or all that is sold is taken to be imported."""
    return identity["closes_by_construction"].astype(bool) | (identity["production_units"] == 0)


# Exposure -----------------------------------------------------------------------------------------


@_in_house_style
def bill_bars(
    table: pd.DataFrame, *, case: str, source: str, as_of: date, width_cm: float = COLUMN_CM
) -> Figure:
    """Attributable bill of each maker: vehicles, parts net of the offset, low to high.

    Parameters
    ----------
    table : DataFrame
        From `exposure.table`.
    case : str
        Policy, counterfactual and period, for the subtitle.
    """
    rows = table.sort_values("bill_usd", ascending=False, kind="stable")
    scale, unit = _unit(rows["bill_usd"])
    bill, low, high = (rows[c].to_numpy() / scale for c in _band("bill", "_usd"))
    vehicles = rows["vehicle_duty_usd"].to_numpy() / scale
    parts = (rows["parts_duty_usd"] - rows["offset_usd"]).to_numpy() / scale
    whole = rows["consolidated_in"].isna()
    homes = rows["home"].to_list()
    parts_key = Patch(facecolor=_tint(SOFT), edgecolor=SOFT, hatch="/////", label="parts, net of offset")
    fig = _figure(
        _bill_title(rows),
        f"Duty owed, gross of mitigation, USD {unit} (low–high in brackets); {case}",
        [*_quality_notes(rows["quality"]), "" if whole.all() else PART_NOTE, *_origin(source, as_of)],
        width_cm,
        body_cm=0.36 * len(rows) + 0.9,
        key=[*_home_key(homes), parts_key],
    )
    ax = fig.subplots()
    _rows(ax, [_marked(name, whole) for name in rows.index])
    y = np.arange(len(rows))
    colors = [HOME_COLOR.get(home, OTHER_COLOR) for home in homes]
    ax.barh(y, vehicles, color=colors, height=0.66)
    # parts go on top of vehicles, but start from zero where one is owed and the other saved
    start = np.where(np.sign(parts) == np.sign(vehicles), vehicles, 0.0)
    tints = [_tint(color) for color in colors]
    ax.barh(y, parts, left=start, color=tints, edgecolor=colors, hatch="/////", height=0.66)
    _whiskers(ax, y, bill, low, high)
    ax.axvline(0, color=INK, linewidth=0.6)
    marks = [QUALITY_MARK.get(quality, "") for quality in rows["quality"]]
    _column(ax, [_short(v) for v in bill], 17)
    _column(ax, [f"({_range(a, b)}) {m}" for a, b, m in zip(low, high, marks, strict=True)], 19, align="left")
    _widen(ax)
    return _done(fig)


def _bill_title(rows: pd.DataFrame) -> str:
    bill = rows["bill_usd"]
    owing = bill[bill.abs() >= 5e5]  # less than a million is no finding
    if owing.empty:
        return "No maker owes more or less under this policy"
    scale, unit = _unit(bill)
    top = owing.abs().idxmax()
    value, low, high = (abs(rows.at[top, c]) / scale for c in _band("bill", "_usd"))
    amount = f"USD {_short(value)} {unit} ({_range(min(low, high), max(low, high))})"
    verb = "owe" if bill[top] > 0 else "save"
    if len(owing) == 1:
        return f"{top} {verb}s {amount}"
    total = bill[rows["consolidated_in"].isna()].sum() / scale
    together = f"{'owe' if total >= 0 else 'save'} USD {abs(total):,.1f} {unit}"
    return f"{top} {verb}s most, {amount}; all makers together {together}"


@_in_house_style
def burden(
    table: pd.DataFrame, *, case: str, source: str, as_of: date, width_cm: float = COLUMN_CM
) -> Figure:
    """The bill as a share of operating profit before the tariff, cut at `1.2` times that profit.

    Parameters
    ----------
    table : DataFrame
        From `exposure.table`.
    case : str
        Policy, counterfactual and period, for the subtitle.
    """
    cut = 1.2
    rows = table[np.isfinite(table["share_of_operating_profit"])]
    rows = rows.sort_values("share_of_operating_profit", ascending=False, kind="stable")
    share = rows["share_of_operating_profit"]
    per_usd = (share / rows["bill_usd"]).fillna(0.0)
    ends = np.array([per_usd * rows[c] for c in ("bill_low_usd", "bill_high_usd")])
    low, high = ends.min(axis=0), ends.max(axis=0)
    whole = rows["consolidated_in"].isna()
    burdened = share[whole & (share != 0)]
    if burdened.empty:
        title = "No maker's profit is touched"
    else:
        top = burdened.abs().idxmax()
        title = f"{top}'s bill is {burdened[top]:.0%} of its operating profit before the tariff"
        if len(burdened) > 1:
            title += f"; the median maker's is {burdened.median():.0%}"
    beyond = (high > cut) | (low < -cut)
    fig = _figure(
        title,
        "Bill as a share of operating profit in the last fiscal year before the tariff, scaled to the length of "
        f"the period (low–high in brackets); {case}",
        [
            _left_out(table.index.difference(rows.index), "no profit to compare with"),
            f"▸ goes on beyond {cut:.0%} of profit" if beyond.any() else "",
            PART_NOTE if (~whole).any() else "",
            *_origin(source, as_of),
        ],
        width_cm,
        body_cm=0.36 * len(rows) + 0.9,
        key=_home_key(rows["home"]),
    )
    ax = fig.subplots()
    _rows(ax, [_marked(name, whole) for name in rows.index])
    y = np.arange(len(rows))
    colors = [HOME_COLOR.get(home, OTHER_COLOR) for home in rows["home"]]
    ax.barh(y, share.clip(-cut, cut), color=colors, height=0.66)
    _whiskers(ax, y, *(np.clip(v, -cut, cut) for v in (share.to_numpy(), low, high)))
    ax.axvline(0, color=INK, linewidth=0.6)
    _widen(ax)
    if beyond.any():
        left, right = ax.get_xlim()
        ax.set_xlim(max(left, -cut), min(right, cut))
    if ax.get_xlim()[1] >= 1:
        ax.axvline(1, color=SOFT, linewidth=0.8, linestyle=(0, (2, 2)), zorder=2.5)
    for row in np.flatnonzero(beyond):
        side = np.sign(share.iloc[row])
        ax.plot(side * cut, row, ">" if side > 0 else "<", color=INK, markersize=4, clip_on=False, zorder=5)
    _column(ax, [f"{_short(100 * v)}%" for v in share], 28)
    _column(ax, [f"({_range(100 * a, 100 * b)})" for a, b in zip(low, high, strict=True)], 31, align="left")
    ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return _done(fig)


@_in_house_style
def rate_path(
    path: pd.DataFrame, *, policy: str, until: date, source: str, as_of: date, width_cm: float = COLUMN_CM
) -> Figure:
    """All-in car rate by origin over time, as steps.

    Parameters
    ----------
    path : DataFrame
        From `exposure.car_rates`.
    policy : str
        Name of the policy, for the subtitle.
    until : date
        Last day of the period of `path`.
    """
    last, first = path.iloc[-1], path.iloc[0]
    peak = path.max(axis=1)
    low, high = last.idxmin(), last.idxmax()
    if (path.nunique() <= 1).all() and last.nunique() == 1:
        title = f"Cars from every origin pay {last.iloc[0]:.1%} throughout"
    else:
        title = (
            f"Car rates start at {_span(first.min(), first.max())}, peak at {peak.max():.1%} in "
            f"{peak.idxmax():%B %Y} and end at {last[low]:.1%}"
        )
        if low != high and last[low] != last[high]:
            title += f" ({_name(low)}) to {last[high]:.1%} ({_name(high)})"
    fig = _figure(
        title,
        f"Duty on cars, all in, % of customs value; {policy}, {_day(path.index[0])} to {_day(until)}",
        [
            "Mexico and Canada: average maker, with its US content",
            "UK: inside the quota",
            "Legal dates, not cash",
            *_origin(source, as_of),
        ],
        width_cm,
        body_cm=6.5,
    )
    ax = fig.subplots()
    end = pd.Timestamp(until) + pd.Timedelta(days=1)
    steps = pd.concat([path, last.to_frame(end).T])
    for number, origin in enumerate(path):
        # lines that coincide show as nested bands
        width = 2.8 - 1.8 * number / max(len(path.columns) - 1, 1)
        color = ORIGIN_COLOR.get(origin, OTHER_COLOR)
        ax.plot(steps.index, steps[origin], drawstyle="steps-post", color=color, linewidth=width)
    top = max(float(path.max(axis=None)), 0.01) * 1.06
    ax.set_ylim(0, top)
    ax.set_xlim(path.index[0], end)
    alike = last.round(3).groupby(last.round(3)).groups
    for value, height in zip(sorted(alike), _apart(sorted(alike), gap=top * 0.11), strict=True):
        names = [_name(origin) for origin in alike[value]]
        color = _dark(ORIGIN_COLOR.get(alike[value][0], OTHER_COLOR)) if len(names) == 1 else INK
        text = f"{', '.join(names)}\n{value:.1%}"
        ax.text(1.015, height, text, transform=ax.get_yaxis_transform(), va="center", color=color, size=6.5)
    locator = AutoDateLocator(minticks=3, maxticks=8)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return _done(fig)


@_in_house_style
def policy_comparison(
    tables: Mapping[str, pd.DataFrame], *, case: str, source: str, as_of: date, width_cm: float = COLUMN_CM
) -> Figure:
    """Each maker's bill under several policies, with low to high.

    Parameters
    ----------
    tables : mapping of policy name to DataFrame
        From `exposure.table`, all against one counterfactual and for one period. The first sets
        the order of makers.
    case : str
        Counterfactual and period, for the subtitle.
    """
    first = next(iter(tables.values()))
    whole = first["consolidated_in"].isna()
    bills = pd.DataFrame({name: table["bill_usd"].reindex(first.index) for name, table in tables.items()})
    scale, unit = _unit(bills)
    total = bills[whole].sum() / scale
    least, most = total.idxmin(), total.idxmax()
    who = "These makers together owe" if whole.sum() > 1 else f"{_name(first.index[0])} owes"
    if len(total) == 1 or np.isclose(total[least], total[most]):
        title = f"{who} USD {total.iloc[0]:,.1f} {unit}" + " under every policy" * (len(total) > 1)
    else:
        title = f"{who} USD {total[least]:,.1f} {unit} under {least}, {total[most]:,.1f} {unit} under {most}"
    order = bills.index[(bills.abs() >= 5e5).any(axis=1)]
    colors = [entry["color"] for entry in rcParams["axes.prop_cycle"]]
    looks = {
        name: {"color": color, "marker": marker}
        for name, color, marker in zip(tables, cycle(colors), cycle("osD^vPX*"), strict=False)
    }
    fig = _figure(
        title,
        f"Bill, USD {unit}, lines are low to high; {case}",
        [
            _left_out(first.index.difference(order), "no bill"),
            PART_NOTE if (~whole[order]).any() else "",
            *_origin(source, as_of),
        ],
        width_cm,
        body_cm=(0.18 + 0.09 * len(tables)) * len(order) + 1.0,
        key=[Line2D([], [], markersize=3.5, linewidth=0.7, label=name, **looks[name]) for name in tables],
    )
    ax = fig.subplots()
    _rows(ax, [_marked(name, whole) for name in order])
    y = np.arange(len(order))
    for number, (name, table) in enumerate(tables.items()):
        shift = (number - (len(tables) - 1) / 2) * 0.72 / len(tables)
        bill, low, high = (table[c].reindex(order).to_numpy() / scale for c in _band("bill", "_usd"))
        ax.hlines(y + shift, low, high, color=looks[name]["color"], linewidth=0.7, alpha=0.7)
        ax.scatter(bill, y + shift, s=9, zorder=3, linewidth=0, **looks[name])
    ax.hlines(y[:-1] + 0.5, 0, 1, transform=ax.get_yaxis_transform(), color="#eeeeee", linewidth=0.5)
    ax.axvline(0, color=INK, linewidth=0.6)
    return _done(fig)


@_in_house_style
def model_vs_disclosed(
    disclosed: pd.DataFrame,
    usd: pd.Series,
    makers: pd.DataFrame,
    *,
    case: str,
    source: str,
    as_of: date,
    width_cm: float = COLUMN_CM,
) -> Figure:
    """The model's bill against what companies said, both in USD bn, on logarithmic scales.

    Parameters
    ----------
    disclosed : DataFrame
        From `validation.disclosed`; only rows that are `latest` are drawn.
    usd : Series
        USD per unit of the row's currency, on the index of `disclosed`.
    makers : DataFrame
        `Facts.makers`.
    case : str
        Policy and counterfactual, for the subtitle.
    """
    rows = disclosed[disclosed["latest"]]
    drawn = rows[(rows["disclosed"] > 0) & (rows["model"] > 0)]
    off = (drawn["ratio"] - 1).abs().median()
    if drawn.empty:
        title = "No disclosure to compare with"
    else:
        title = (
            f"The model is within {off:.0%} of half of the {len(drawn)} disclosures; "
            f"{drawn['inside_widened'].sum()} lie inside its range"
        )
    homes = makers["home"].reindex(drawn["maker"]).to_list()
    fig = _figure(
        title,
        f"USD bn, each company's own periods; {case}",
        [
            "Thick lines: range of the model's inputs; thin: widened by what the other makers' misses teach",
            "Full colour and name: the largest disclosure of each maker; pale: its other periods. "
            "Lines that reach the edge go on below it",
            f"Not drawn, no bill: {len(rows) - len(drawn)}" if len(rows) > len(drawn) else "",
            *_origin(source, as_of),
        ],
        width_cm,
        body_cm=width_cm * (0.8 if width_cm < PAGE_CM else 0.5),
        key=_home_key(homes),
    )
    ax = fig.subplots()
    ax.grid(visible=True, axis="both")
    ax.spines["left"].set_visible(True)
    ax.set_xlabel("disclosed")
    ax.set_ylabel("model")
    if drawn.empty:
        return _done(fig)
    rate = usd.reindex(drawn.index).to_numpy()
    ends = ["model_low", "model_high", "widened_low", "widened_high"]
    bounds = drawn[["disclosed", "model", *ends]].to_numpy() * rate[:, None]
    bounds = np.where(np.isfinite(bounds), bounds, bounds[:, 1:2])  # too few makers to widen by
    central = bounds[:, :2]  # a range may reach zero, which a logarithmic scale cannot
    reach = np.array([central[central > 0].min() / 1.6, bounds.max() * 1.3])
    points = pd.DataFrame(bounds.clip(min=reach[0]), columns=["x", "y", "low", "high", "lower", "higher"])
    points["color"] = [HOME_COLOR.get(home, OTHER_COLOR) for home in homes]
    points["label"] = drawn["maker"].to_numpy()
    points.loc[points.index.difference(points.groupby("label")["x"].idxmax()), "label"] = ""
    ax.plot(reach, reach, color=SOFT, linewidth=0.8)
    for alpha, some in ((0.3, points[points["label"] == ""]), (1.0, points[points["label"] != ""])):
        ax.vlines(some["x"], some["lower"], some["higher"], color=some["color"], linewidth=0.4, alpha=alpha)
        ax.vlines(some["x"], some["low"], some["high"], color=some["color"], linewidth=1.4, alpha=alpha)
        ax.scatter(some["x"], some["y"], color=some["color"], s=12, zorder=3, alpha=alpha, linewidth=0)
    ax.set(xscale="log", yscale="log", xlim=reach, ylim=reach)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_locator(NullLocator())
    _label_points(fig, ax, points, keep_clear=np.geomspace(reach, reach[::-1], 100)[:, :1].repeat(2, axis=1))
    return _done(fig)


# Notebook and files -------------------------------------------------------------------------------


def show(fig: Figure, *, alt: str) -> None:
    """Display `fig` in a notebook, with `alt` for readers who cannot see it."""
    from IPython.display import Image, display  # only needed, and only quick, inside a notebook

    width = round(fig.get_figwidth() * 96 * SCREEN_SCALE)
    display(Image(_drawn(fig, "png", alt), width=width, alt=alt))


def export(fig: Figure, name: str, data: pd.DataFrame, folder: str | Path | None, *, alt: str) -> None:
    """Write `fig` and the `data` behind it: folder/charts/`name`.png, .svg and .csv.

    Without a folder nothing is written, so that a notebook runs anywhere. The same figure gives
    the same bytes.
    """
    drawings = {kind: _drawn(fig, kind, alt) for kind in ("png", "svg")}
    if not folder:
        return
    for kind, content in drawings.items():
        _write(Path(folder) / "charts" / f"{name}.{kind}", content)
    _write(Path(folder) / "charts" / f"{name}.csv", _csv(data))


def export_table(
    frame: pd.DataFrame, name: str, folder: str | Path | None, *, title: str, units: Mapping[str, str]
) -> None:
    """Write `frame` to folder/tables/`name`.csv, and its title and units to `name`.json beside it.

    Parameters
    ----------
    units : mapping of column to unit
        Every column of numbers needs one.
    """
    lacking = [c for c in frame.select_dtypes("number") if c not in units]
    if lacking:
        raise ValueError(f"table {name!r}: no unit for {', '.join(map(str, lacking))}; add it to units")
    if not folder:
        return
    about = {"title": title, "units": {str(c): units[c] for c in frame if c in units}}
    _write(Path(folder) / "tables" / f"{name}.csv", _csv(frame))
    text = json.dumps(about, indent=2, ensure_ascii=False) + "\n"
    _write(Path(folder) / "tables" / f"{name}.json", text.encode())


@_in_house_style
def _drawn(fig: Figure, kind: str, alt: str) -> bytes:
    if not alt.strip():
        raise ValueError("alt is empty; say in a sentence what the chart shows")
    about = {"Title": fig.get_suptitle().replace("\n", " "), "Description": alt}
    undated = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}
    content = io.BytesIO()
    fig.savefig(content, format=kind, metadata=about | undated[kind])
    return content.getvalue()


def _csv(frame: pd.DataFrame) -> bytes:
    numbered = isinstance(frame.index, pd.RangeIndex)
    text = frame.to_csv(index=not numbered, float_format="%.10g", lineterminator="\n", date_format="%Y-%m-%d")
    return text.encode()


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all: a reader never sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(content)
    os.replace(partial, path)


# Parts of a chart ---------------------------------------------------------------------------------


def _figure(
    title: str,
    subtitle: str,
    notes: Iterable[str],
    width_cm: float,
    body_cm: float,
    key: Sequence[Patch | Line2D] = (),
) -> Figure:
    """Figure with title, subtitle, key and notes set, and `body_cm` of height left to the axes."""
    margin, leading = 0.06, 1.25
    width = width_cm * CM
    inner = width - 2 * margin
    size, weight = rcParams["figure.titlesize"], rcParams["figure.titleweight"]
    body, small, key_size = rcParams["font.size"], 0.78 * rcParams["font.size"], rcParams["legend.fontsize"]
    title = _wrapped(title, inner, size, weight)
    subtitle = _wrapped(subtitle, inner, body)
    note = _wrapped(". ".join(filter(None, notes)), inner, small)
    columns = _columns([str(handle.get_label()) for handle in key], inner)

    def deep(text: str, points: float) -> float:
        return ((text.count("\n") + 1) * leading * points + 3) * POINT

    # from the top: title, subtitle, key, axes, note; all in inches until the height is known
    under_title = margin + deep(title, size)
    under_subtitle = under_title + deep(subtitle, body)
    under_key = under_subtitle + ceil(len(key) / columns) * 1.5 * key_size * POINT
    over_note = margin + deep(note, small)
    height = under_key + body_cm * CM + margin + over_note
    left = margin / width
    layout = ConstrainedLayoutEngine(rect=(0, (margin + over_note) / height, 1, body_cm * CM / height))
    fig = Figure(figsize=(width, height), layout=layout)
    place = {"x": left, "va": "top", "linespacing": 1.2, "in_layout": False}
    fig.suptitle(title, y=1 - margin / height, ha="left", size=size, weight=weight, **place)
    fig.text(y=1 - under_title / height, s=subtitle, **place)
    fig.text(y=over_note / height, s=note, size=small, color=SOFT, **place)
    if key:
        corner = (left, 1 - (under_subtitle + 0.02) / height)
        fig.legend(handles=key, loc="upper left", bbox_to_anchor=corner, ncols=columns).set_in_layout(False)
    return fig


def _wrapped(text: str, width: float, size: float, weight: str = "normal") -> str:
    """`text` in lines no wider than `width` inches."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if lines[-1] and _width(longer, size, weight) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return "\n".join(lines)


def _width(text: str, size: float, weight: str = "normal") -> float:
    """Inches that `text` takes on one line."""
    font = FontProperties(family=rcParams["font.family"], size=size, weight=weight)
    return text_to_path.get_text_width_height_descent(text, font, ismath=False)[0] * POINT


def _columns(labels: Sequence[str], width: float) -> int:
    """In how many columns a key fits into `width` inches; matplotlib fills one column after the other."""
    size = rcParams["legend.fontsize"]
    widths = [_width(label, size) + 2.5 * size * POINT for label in labels]
    fitting = (n for n in range(len(labels), 1, -1) if sum(map(max, np.array_split(widths, n))) <= width)
    return next(fitting, 1)


def _done(fig: Figure) -> Figure:
    """Lay out while the house style holds, and keep it: whoever saves the figure gets this one."""
    fig.draw_without_rendering()
    return fig


def _rows(ax: Axes, names: Sequence[str]) -> None:
    """One row per name, the first on top; the grid stands on the value axis."""
    ax.set_yticks(np.arange(len(names)), names)
    ax.set_ylim(max(len(names), 1) - 0.4, -0.6)
    ax.grid(visible=False, axis="y")
    ax.grid(visible=True, axis="x")


def _whiskers(ax: Axes, y: np.ndarray, value: np.ndarray, low: np.ndarray, high: np.ndarray) -> None:
    ends = np.array([value - low, high - value]).clip(min=0)
    ax.errorbar(
        value, y, xerr=ends, fmt="none", ecolor=INK, elinewidth=0.7, capsize=1.6, capthick=0.7, zorder=4
    )


def _column(ax: Axes, texts: Sequence[str], points: float, heading: str = "", align: str = "right") -> None:
    """Numbers in a column right of the axes, ending (or starting) `points` from its edge."""
    edge = offset_copy(ax.get_yaxis_transform(), ax.get_figure(), x=points, units="points")
    for row, text in enumerate(texts):
        ax.text(1, row, text, transform=edge, ha=align, va="center", size=6.5)
    if heading:
        above = offset_copy(ax.transAxes, ax.get_figure(), x=points, y=4, units="points")
        ax.text(1, 1, heading, transform=above, ha=align, size=6.5, color=SOFT)


def _swatch(origin: str, label: str = "") -> Patch:
    """An origin in its colour; what comes from nobody knows where is hatched."""
    if origin == "XX":
        return Patch(facecolor="white", edgecolor=SOFT, hatch="//////", label=label)
    return Patch(facecolor=ORIGIN_COLOR.get(origin, OTHER_COLOR), edgecolor="white", label=label)


def _home_key(homes: Iterable[str]) -> list[Patch]:
    return [_swatch(home, ORIGIN_NAME[home]) for home in HOME_COLOR if home in set(homes)]


def _widen(ax: Axes) -> None:
    """Some air at the ends of the bars, and a scale even where nothing is owed."""
    low, high = ax.dataLim.intervalx
    low, high = min(low, 0.0), max(high, 0.0)
    room = 0.02 * (high - low)
    ax.set_xlim(low - room * (low < 0), high + room if high > low else 1.0)


def _apart(values: Sequence[float], gap: float) -> np.ndarray:
    """Ascending `values`, moved as little as possible until all are `gap` apart."""
    steps = np.arange(len(values)) * gap
    blocks: list[list[float]] = []  # values that come to touch share the mean of their places
    for value in np.array(values) - steps:
        blocks.append([value])
        while len(blocks) > 1 and np.mean(blocks[-2]) >= np.mean(blocks[-1]):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    return np.concatenate([np.full(len(block), np.mean(block)) for block in blocks]) + steps


def _label_points(fig: Figure, ax: Axes, points: pd.DataFrame, keep_clear: np.ndarray) -> None:
    """Write each label at the nearest free place around its point.

    `points` has x, y, low, high (whiskers), label ("" for none) and color; `keep_clear` is a line
    (n, 2) that no label may cross, in the units of the data.
    """
    fig.draw_without_rendering()  # places are known only after layout
    pixels = ax.transData.transform
    reach, inside = 2.0 * fig.dpi / 72, ax.get_window_extent()
    dots = np.vstack([pixels(points[["x", "y"]]), pixels(keep_clear)])
    taken = [Bbox([dot - reach, dot + reach]) for dot in dots]
    named = points[points["label"] != ""].sort_values("x", ascending=False)
    feet, tops = pixels(named[["x", "low"]]), pixels(named[["x", "high"]])
    taken += [Bbox([foot - reach / 2, top + reach / 2]) for foot, top in zip(feet, tops, strict=True)]
    angles = np.deg2rad([0, 180, 315, 135, 45, 225, 270, 90])
    places = [(r * np.cos(a), r * np.sin(a)) for r in (5, 8, 12, 18, 26, 36) for a in angles]
    for x, y, text, color in zip(*(named[c] for c in ("x", "y", "label", "color")), strict=True):
        label = ax.annotate(text, (x, y), (0, 0), textcoords="offset points", size=6.5, color=_dark(color))
        for right, up in places:  # the anchor is where the text comes nearest to its point
            side = "left" if right > 1 else "right" if right < -1 else "center"
            level = "center" if side != "center" else "bottom" if up > 0 else "top"
            label.set(position=(right, up), ha=side, va=level)
            box = label.get_window_extent()
            if _inside(box, inside) and not box.count_overlaps(taken):
                break
        taken.append(box)
        if np.hypot(right, up) > 8:
            line = {"arrowstyle": "-", "color": color, "linewidth": 0.4, "shrinkA": 0, "shrinkB": 2}
            ax.annotate("", (x, y), (right, up), textcoords="offset points", arrowprops=line)


def _inside(box: Bbox, frame: Bbox) -> bool:
    return bool((box.min >= frame.min).all() and (box.max <= frame.max).all())


# Words and numbers --------------------------------------------------------------------------------


def _name(label: str) -> str:
    return ORIGIN_NAME.get(label, label)


def _marked(maker: str, whole: pd.Series) -> str:
    return _name(maker) + ("" if whole.get(maker, True) else " †")


def _band(metric: str, unit: str = "") -> list[str]:
    return [f"{metric}{unit}", f"{metric}_low{unit}", f"{metric}_high{unit}"]


def _unit(usd: pd.Series | pd.DataFrame) -> tuple[float, str]:
    """Billions, or for small bills millions: what to divide by, and its name."""
    return (1e9, "bn") if usd.abs().max(axis=None) >= 1e8 else (1e6, "m")


def _short(number: float) -> str:
    """Two digits that matter, all of those before the point."""
    size = abs(number)
    digits = 0 if size >= 9.95 or size == 0 else 1 if size >= 0.95 else 2
    text = f"{size:.{digits}f}"
    return f"\u2212{text}" if number < 0 and float(text) > 0 else text


def _gap(share: float, solved: bool, digits: int) -> str:
    if np.isnan(share):
        return "–"
    text = f"{share:+.{digits}%}".replace("-", "\u2212")
    if round(share, digits + 2) == 0:
        text = text[1:]  # zero has no sign
    return f"({text})" if solved else text


def _span(low: float, high: float) -> str:
    return f"{low:.1%}" if f"{low:.1%}" == f"{high:.1%}" else f"{low:.1%} to {high:.1%}"


def _range(low: float, high: float) -> str:
    return f"{_short(low)} to {_short(high)}" if low < 0 else f"{_short(low)}–{_short(high)}"


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def _period(label: str) -> str:
    span = periods.parse(label)
    return f"{label} ({_day(span.start)} to {_day(span.end)})"


def _left_out(makers: Iterable[str], reason: str) -> str:
    names = ", ".join(_name(maker) for maker in makers)
    return f"Not shown, {reason}: {names}" if names else ""


def _quality_notes(qualities: Iterable[str]) -> list[str]:
    found = set(qualities)
    return [note for quality, note in QUALITY_NOTE.items() if quality in found]


def _origin(source: str, as_of: date) -> list[str]:
    return [f"Source: {source.rstrip('.')}", f"As of {_day(as_of)}."]


def _tint(color: Color) -> Color:
    """`color` mixed with white, for areas."""
    red, green, blue = (1 - 0.35 * (1 - part) for part in to_rgb(color))
    return red, green, blue


def _dark(color: Color) -> Color:
    """`color` mixed with black, for letters."""
    red, green, blue = (0.75 * part for part in to_rgb(color))
    return red, green, blue


def _readable_on(color: Color) -> str:
    red, green, blue = to_rgb(color)
    return INK if 0.3 * red + 0.59 * green + 0.11 * blue > 0.5 else "white"
