"""How do contribution, bills, rates and the comparison with disclosures look?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rcParams
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from tariffmodel.charts.house import (
    COLUMN_CM,
    HOME_COLOR,
    INK,
    ORIGIN_COLOR,
    OTHER_COLOR,
    PAGE_CM,
    PART_NOTE,
    QUALITY_MARK,
    SOFT,
    SOLVED_NOTE,
    Chart,
    band_columns,
    dark,
    day_text,
    display_name,
    figure,
    finish,
    gap_text,
    home_key,
    in_house_style,
    label_points,
    label_rows,
    left_out,
    marked,
    origin_note,
    percent_ticks,
    period_text,
    quality_notes,
    range_text,
    readable_on,
    short_number,
    span_text,
    spread_apart,
    swatch,
    text_column,
    tint,
    usd_scale,
    whiskers,
    widen,
)
from tariffmodel.charts.native import Native
from tariffmodel.tariff.entries import PARTS

# Contribution -------------------------------------------------------------------------------------


@in_house_style
def contribution_bars(
    metrics: pd.DataFrame,
    makers: pd.DataFrame,
    *,
    year: str,
    source: str,
    as_of: date,
    width_cm: float = COLUMN_CM,
) -> Chart:
    """Local build share with its range; exports per import and jobs beside it.

    Parameters
    ----------
    metrics : DataFrame
        From `contribution.metrics`, for firms or for countries.
    makers : DataFrame
        `Facts.makers`.
    year : str
        The period that `metrics` are for.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> about = {"year": "CY2024", "source": "a source", "as_of": known.as_of}
    >>> tm.charts.contribution_bars(tm.contribution.metrics(known), known.makers, **about).alt.split(".")[0]
    'Bars and dots, one row per maker'
    """
    known = metrics[metrics["local_build_share"].notna()].sort_values("local_build_share", ascending=False)
    share = known["local_build_share"]
    homes = [makers["home"].get(name, name) for name in known.index]
    colors = [HOME_COLOR.get(home, OTHER_COLOR) for home in homes]
    kind = "home blocs" if metrics.index.name == "home" else "makers"
    if known.empty:
        title = "No maker sells cars in the US"
    elif len(known) == 1:
        title = f"{display_name(share.index[0])} builds {share.iloc[0]:.0%} of what it sells in the US there"
    else:
        title = (
            f"{(share >= 0.5).sum()} of {len(known)} {kind} build at least half of what they sell in the US "
            "there; "
            f"{display_name(share.index[0])} leads with {share.iloc[0]:.0%}"
        )
    notes = [left_out(metrics.index.difference(known.index), "no US sales")]
    if np.isinf(known["export_ratio"]).any():
        notes.append("∞ exports, but imports nothing")
    fig = figure(
        title,
        f"Share of US sales built in the US, vehicles exported per vehicle imported, and direct US jobs per "
        f"1,000 US sales; lines are low to high; {period_text(year)}",
        [*notes, *origin_note(source, as_of)],
        width_cm,
        body_cm=0.36 * len(known) + 1.6,
        key=home_key(homes),
    )
    axes = fig.subplots(1, 3, sharey=True, width_ratios=[1.7, 1, 1])
    panels = [
        ("local_build_share", "Built in the US,\nshare of sales", "{:.0%}"),
        ("export_ratio", "Exported\nper import", "{:.2f}"),
        ("jobs_intensity", "Jobs per\n1,000 sales", "{:.0f}"),
    ]
    y = np.arange(len(known))
    for ax, (metric, heading, form) in zip(axes, panels, strict=True):
        label_rows(ax, [display_name(name) for name in known.index])
        value, low, high = (known[c].replace(np.inf, np.nan).to_numpy() for c in band_columns(metric))
        if metric == "local_build_share":
            ax.barh(y, value, color=colors, height=0.66)
        else:
            ax.scatter(value, y, color=colors, s=12, zorder=5)
        whiskers(ax, y, value, np.maximum(low, 0), high)
        texts = ["∞" if np.isinf(v) else "–" if np.isnan(v) else form.format(v) for v in known[metric]]
        text_column(ax, texts, 22)
        ax.set_title(heading)
        ax.set_xlim(left=0)
        ax.xaxis.set_major_locator(MaxNLocator(2))
    axes[0].set(xlim=(0, 1.02), xticks=(0, 0.5, 1))
    percent_ticks(axes[0].xaxis)
    return finish(fig, f"Bars and dots, one row per {kind.removesuffix('s')}")


@in_house_style
def where_sold_cars_come_from(
    identity: pd.DataFrame,
    origins: pd.DataFrame,
    makers: pd.DataFrame,
    *,
    year: str,
    source: str,
    as_of: date,
    width_cm: float = COLUMN_CM,
) -> Chart:
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

    Examples
    --------
    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> sums, streams = tm.facts.identity(known), tm.exposure.by_origin(tm.case(period="CY2024"))
    >>> about = {"year": "CY2024", "source": "a source", "as_of": known.as_of}
    >>> tm.charts.where_sold_cars_come_from(sums, streams, known.makers, **about).alt.split(".")[0]
    'Stacked bars, one per maker'
    """
    vehicles = origins[~origins["product"].isin(PARTS)]
    supply = vehicles.pivot_table(
        index="maker", columns="origin", values="units", aggfunc="sum", fill_value=0.0
    )
    supply = supply.reindex(identity.index, fill_value=0.0)
    kept = (identity["production_units"] - identity["export_units"]).clip(lower=0)
    whole = makers["consolidated_in"].reindex(identity.index).isna()
    ranked = supply[whole].sum().sort_values(ascending=False).index
    order = [*(o for o in ranked if o != "XX"), *(o for o in ranked if o == "XX")]
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
            largest = display_name(str(foreign.idxmax()))
            title += f"; {largest} is the largest other source with {foreign.max():.0%}"
    gap = identity["residual_share"].reindex(shares.index)
    solved = _untested(identity.loc[shares.index])
    notes = [
        left_out(identity.index.difference(shares.index), "no US sales"),
        "Gap: sales less output kept and imports, share of sales",
        SOLVED_NOTE if solved.any() else "",
        PART_NOTE if (~whole.reindex(shares.index)).any() else "",
    ]
    fig = figure(
        title,
        f"Vehicles by place of assembly, share of each maker's supply to the US; {period_text(year)}",
        [*notes, *origin_note(source, as_of)],
        width_cm,
        body_cm=0.36 * len(shares) + 1.2,
        key=[swatch(o, "built in the US" if o == "US" else display_name(o)) for o in map(str, shares)],
    )
    ax = fig.subplots()
    label_rows(ax, [marked(name, whole) for name in shares.index])
    y, start = np.arange(len(shares)), np.zeros(len(shares))
    for origin in map(str, shares):
        part = shares[origin].to_numpy()
        patch = swatch(origin)
        look: dict[str, Any] = {
            "fc": patch.get_facecolor(),
            "ec": patch.get_edgecolor(),
            "hatch": patch.get_hatch(),
        }
        ax.barh(y, part, left=start, height=0.72, **look)
        for row in np.flatnonzero(part >= 0.1):
            place, text = (start[row] + part[row] / 2, row), f"{part[row]:.0%}"
            behind = {"facecolor": "white", "edgecolor": "none", "pad": 0.8} if patch.get_hatch() else None
            color = readable_on(ORIGIN_COLOR.get(origin, OTHER_COLOR))
            ax.annotate(text, place, ha="center", va="center", size=6, color=color, bbox=behind)
        start = start + part
    text_column(ax, [gap_text(g, s, digits=0) for g, s in zip(gap, solved, strict=True)], 26, "gap")
    ax.set_xlim(0, 1)
    percent_ticks(ax.xaxis)
    return finish(fig, "Stacked bars, one per maker")


@in_house_style
def residuals(
    identity: pd.DataFrame, *, year: str, source: str, as_of: date, width_cm: float = COLUMN_CM
) -> Chart:
    """S − (P − X + ΣM) as a share of sales; hollow where that is no test of the sources.

    Parameters
    ----------
    identity : DataFrame
        From `facts.identity`.
    year : str
        The period it is for.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> sums = pd.DataFrame({"residual_share": [0.02, -0.01], "quality": "reported", "production_units": 1.0})
    >>> sums = sums.assign(closes_by_construction=False, sales_units=2.0).set_axis(["Toyota", "Honda"])
    >>> about = {"year": "CY2024", "source": "a source", "as_of": date(2026, 10, 30)}
    >>> tm.charts.residuals(sums, **about).title
    'Where all terms are known apart (2 of 2 makers), they miss sales by up to 2.0% (Toyota)'
    """
    known = identity[identity["residual_share"].notna()]
    known = known.iloc[np.argsort(-known["residual_share"].abs().to_numpy(), kind="stable")]
    share, solved = known["residual_share"], _untested(known)
    tested = share[~solved]
    if tested.empty:
        title = "No gap tests the sources: every maker's closes by construction"
    else:
        worst = str(tested.abs().idxmax())
        title = (
            f"Where all terms are known apart ({len(tested)} of {len(known)} makers), they miss sales by "
            "up to "
            f"{abs(tested[worst]):.1%} ({worst})"
        )
    fig = figure(
        title,
        f"Sales less (output − exports + imports), share of US sales; {period_text(year)}",
        [
            left_out(identity.index.difference(known.index), "no US sales"),
            SOLVED_NOTE,
            *origin_note(source, as_of),
        ],
        width_cm,
        body_cm=0.34 * len(known) + 1.0,
    )
    ax = fig.subplots()
    label_rows(ax, [display_name(maker) for maker in known.index])
    y = np.arange(len(known))
    color = HOME_COLOR["KR"]
    ax.hlines(y, 0, share, color=color, linewidth=1)
    ax.scatter(share, y, s=18, zorder=3, edgecolor=color, facecolor=["white" if s else color for s in solved])
    ax.axvline(0, color=INK, linewidth=0.6)
    text_column(ax, [gap_text(g, s, digits=1) for g, s in zip(share, solved, strict=True)], 34)
    reach = max(share.abs().max() * 1.1, 0.01) if len(share) else 0.01
    ax.set_xlim(-reach, reach)
    ax.xaxis.set_major_locator(MaxNLocator(5, symmetric=True))
    percent_ticks(ax.xaxis)
    rows = [tint(color) if s else color for s in solved]
    native = Native("bar", share.to_frame("gap"), unit="Gap, % of US sales", form="0%", rows=rows)
    return finish(fig, "Dots, one row per maker", native)


def _untested(identity: pd.DataFrame) -> pd.Series:
    """Whether the gap says nothing: a term was solved, or all that is sold is taken to be imported."""
    return identity["closes_by_construction"].astype(bool) | (identity["production_units"] == 0)


# Exposure -----------------------------------------------------------------------------------------


@in_house_style
def bill_bars(
    table: pd.DataFrame, *, case: str, source: str, as_of: date, width_cm: float = COLUMN_CM
) -> Chart:
    """Attributable bill of each maker: vehicles, parts net of the offset, low to high.

    Parameters
    ----------
    table : DataFrame
        From `exposure.table`.
    case : str
        Policy, counterfactual and period, for the subtitle.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case("flat-25", period="CY2025")
    >>> about = {"case": asked.label, "source": "a source", "as_of": asked.as_of}
    >>> chart = tm.charts.bill_bars(tm.exposure.table(asked), **about)
    >>> chart.alt.split(".")[0], list(chart.native.figures)
    ('Horizontal bars, one per maker', ['vehicles', 'parts, net of offset'])
    """
    rows = table.sort_values("bill_usd", ascending=False, kind="stable")
    scale, unit = usd_scale(rows["bill_usd"])
    bill, low, high = (rows[c].to_numpy() / scale for c in band_columns("bill", "_usd"))
    vehicles = rows["vehicle_duty_usd"].to_numpy() / scale
    parts = (rows["parts_duty_usd"] - rows["offset_usd"]).to_numpy() / scale
    whole = rows["consolidated_in"].isna()
    homes = rows["home"].to_list()
    parts_key = Patch(facecolor=tint(SOFT), edgecolor=SOFT, hatch="/////", label="parts, net of offset")
    fig = figure(
        _bill_title(rows),
        f"Duty owed, gross of mitigation, USD {unit} (low–high in brackets); {case}",
        [*quality_notes(rows["quality"]), "" if whole.all() else PART_NOTE, *origin_note(source, as_of)],
        width_cm,
        body_cm=0.36 * len(rows) + 1.3,
        key=[*home_key(homes), parts_key],
    )
    ax = fig.subplots()
    label_rows(ax, [marked(name, whole) for name in rows.index])
    y = np.arange(len(rows))
    colors = [HOME_COLOR.get(home, OTHER_COLOR) for home in homes]
    ax.barh(y, vehicles, color=colors, height=0.66)
    # parts go on top of vehicles, but start from zero where one is owed and the other saved
    start = np.where(np.sign(parts) == np.sign(vehicles), vehicles, 0.0)
    tints = [tint(color) for color in colors]
    ax.barh(y, parts, left=start, color=tints, edgecolor=colors, hatch="/////", height=0.66)
    whiskers(ax, y, bill, low, high)
    ax.axvline(0, color=INK, linewidth=0.6)
    marks = [QUALITY_MARK.get(quality, "") for quality in rows["quality"]]
    text_column(ax, [short_number(v) for v in bill], 17)
    text_column(
        ax, [f"({range_text(a, b)}) {m}" for a, b, m in zip(low, high, marks, strict=True)], 19, align="left"
    )
    widen(ax)
    ax.set_xlabel(f"USD {unit}")
    net = "parts, net of offset"
    native = Native(
        "stacked",
        pd.DataFrame({"vehicles": vehicles, net: parts}),
        pd.DataFrame({net: low}),
        pd.DataFrame({net: high}),
        unit=f"USD {unit}",
        rows=colors,
    )
    return finish(fig, "Horizontal bars, one per maker", native)


def _bill_title(rows: pd.DataFrame) -> str:
    bill = rows["bill_usd"]
    owing = bill[bill.abs() >= 5e5]  # less than a million is no finding
    if owing.empty:
        return "No maker owes more or less under this policy"
    scale, unit = usd_scale(bill)
    top = str(owing.abs().idxmax())
    value, low, high = (abs(float(rows[c][top])) / scale for c in band_columns("bill", "_usd"))
    amount = f"USD {short_number(value)} {unit} ({range_text(min(low, high), max(low, high))})"
    verb = "owe" if bill[top] > 0 else "save"
    if len(owing) == 1:
        return f"{top} {verb}s {amount}"
    total = bill[rows["consolidated_in"].isna()].sum() / scale
    together = f"{'owe' if total >= 0 else 'save'} USD {abs(total):,.1f} {unit}"
    return f"{top} {verb}s most, {amount}; all makers together {together}"


@in_house_style
def burden(table: pd.DataFrame, *, case: str, source: str, as_of: date, width_cm: float = COLUMN_CM) -> Chart:
    """The cost as a share of operating profit before the tariff, cut at `1.2` times that profit.

    Parameters
    ----------
    table : DataFrame
        From `exposure.burden`, which sets what is booked against profit, or from `exposure.table`, which
        sets what is owed.
    case : str
        Policy, counterfactual and period, for the subtitle.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case("flat-25", period="CY2025")
    >>> about = {"case": asked.label, "source": "a source", "as_of": asked.as_of}
    >>> tm.charts.burden(tm.exposure.table(asked), **about).alt.split(".")[0]
    'Horizontal bars, one per maker'
    """
    cut = 1.2
    rows = table[np.isfinite(table["share_of_operating_profit"])]
    rows = rows.sort_values("share_of_operating_profit", ascending=False, kind="stable")
    share = rows["share_of_operating_profit"]
    basis = "booked" if "booked_usd" in rows else "bill"
    called = "booked cost" if basis == "booked" else "bill"
    central, *around = band_columns(basis, "_usd")
    per_usd = (share / rows[central]).fillna(0.0)
    ends = np.array([per_usd * rows[c] for c in around])
    low, high = ends.min(axis=0), ends.max(axis=0)
    whole = rows["consolidated_in"].isna()
    burdened = share[whole & (share != 0)]
    if burdened.empty:
        title = "No maker's profit is touched"
    else:
        top = burdened.abs().idxmax()
        title = f"{top}'s {called} is {burdened[top]:.0%} of its operating profit before the tariff"
        if len(burdened) > 1:
            title += f"; the median maker's is {burdened.median():.0%}"
    beyond = (high > cut) | (low < -cut)
    fig = figure(
        title,
        f"{called.capitalize()} as a share of operating profit in the last fiscal year before the tariff, "
        f"scaled to the length of the period (low–high in brackets); {case}",
        [
            left_out(table.index.difference(rows.index), "no profit to compare with"),
            f"▸ goes on beyond {cut:.0%} of profit" if beyond.any() else "",
            PART_NOTE if (~whole).any() else "",
            *origin_note(source, as_of),
        ],
        width_cm,
        body_cm=0.36 * len(rows) + 0.9,
        key=home_key(rows["home"]),
    )
    ax = fig.subplots()
    label_rows(ax, [marked(name, whole) for name in rows.index])
    y = np.arange(len(rows))
    colors = [HOME_COLOR.get(home, OTHER_COLOR) for home in rows["home"]]
    ax.barh(y, share.clip(-cut, cut), color=colors, height=0.66)
    whiskers(ax, y, *(np.clip(v, -cut, cut) for v in (share.to_numpy(), low, high)))
    ax.axvline(0, color=INK, linewidth=0.6)
    widen(ax)
    if beyond.any():
        left, right = ax.get_xlim()
        ax.set_xlim(max(left, -cut), min(right, cut))
    if ax.get_xlim()[1] >= 1:
        ax.axvline(1, color=SOFT, linewidth=0.8, linestyle=(0, (2, 2)), zorder=2.5)
    for row in np.flatnonzero(beyond):
        side = np.sign(share.iloc[row])
        ax.plot(side * cut, row, ">" if side > 0 else "<", color=INK, markersize=4, clip_on=False, zorder=5)
    text_column(ax, [f"{short_number(100 * v)}%" for v in share], 28)
    text_column(
        ax, [f"({range_text(100 * a, 100 * b)})" for a, b in zip(low, high, strict=True)], 31, align="left"
    )
    percent_ticks(ax.xaxis)
    drawn = [pd.DataFrame({called: np.asarray(values)}) for values in (share, low, high)]
    native = Native("bar", *drawn, unit="% of operating profit", form="0%", rows=colors)
    return finish(fig, "Horizontal bars, one per maker", native)


@in_house_style
def rate_path(
    path: pd.DataFrame, *, policy: str, until: date, source: str, as_of: date, width_cm: float = COLUMN_CM
) -> Chart:
    """All-in car rate by origin over time, as steps.

    Parameters
    ----------
    path : DataFrame
        From `exposure.car_rates`.
    policy : str
        Name of the policy, for the subtitle.
    until : date
        Last day of the period of `path`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> path = pd.DataFrame({"JP": [0.275, 0.15]}, index=pd.to_datetime(["2025-04-03", "2025-09-16"]))
    >>> about = {"policy": "a law", "source": "a source", "as_of": date(2026, 10, 30)}
    >>> tm.charts.rate_path(path, until=date(2025, 12, 31), **about).title
    'Car rates start at 27.5%, peak at 27.5% in April 2025 and end at 15.0%'
    """
    last, first = path.iloc[-1], path.iloc[0]
    peak = path.max(axis=1)
    low, high = str(last.idxmin()), str(last.idxmax())
    if path.nunique().max() <= 1 and len(last.dropna().unique()) == 1:
        title = f"Cars from every origin pay {last.iloc[0]:.1%} throughout"
    else:
        title = (
            f"Car rates start at {span_text(first.min(), first.max())}, peak at {peak.max():.1%} in "
            f"{peak.idxmax():%B %Y} and end at {last[low]:.1%}"
        )
        if low != high and last[low] != last[high]:
            title += f" ({display_name(low)}) to {last[high]:.1%} ({display_name(high)})"
    fig = figure(
        title,
        f"Duty on cars, all in, % of customs value; {policy}, {day_text(path.index[0])} to {day_text(until)}",
        [
            "Mexico and Canada: average maker, with its US content",
            "UK: inside the quota",
            "Legal dates, not cash",
            *origin_note(source, as_of),
        ],
        width_cm,
        body_cm=6.5,
        key=[
            Line2D([], [], color=ORIGIN_COLOR.get(place, OTHER_COLOR), linewidth=2, label=display_name(place))
            for place in map(str, path)
        ],
    )
    ax = fig.subplots()
    end: Any = pd.Timestamp(until) + pd.Timedelta(days=1)
    steps = pd.concat([path, last.to_frame(end).T])
    for number, origin in enumerate(map(str, path)):
        # lines that coincide show as nested bands
        width = 2.8 - 1.8 * number / max(len(path.columns) - 1, 1)
        color = ORIGIN_COLOR.get(origin, OTHER_COLOR)
        ax.plot(steps.index, steps[origin], drawstyle="steps-post", color=color, linewidth=width)
    highest: Any = path.max(axis=None)
    top = max(float(highest), 0.01) * 1.06
    ax.set_ylim(0, top)
    ax.set_xlim(path.index[0], end)
    alike: dict[Any, Any] = last.round(3).groupby(last.round(3)).groups
    for value, height in zip(sorted(alike), spread_apart(sorted(alike), gap=top * 0.11), strict=True):
        names = [display_name(origin) for origin in alike[value]]
        ink = dark(ORIGIN_COLOR.get(alike[value][0], OTHER_COLOR)) if len(names) == 1 else INK
        text = f"{', '.join(names)}\n{value:.1%}"
        ax.text(1.015, height, text, transform=ax.get_yaxis_transform(), va="center", color=ink, size=6.5)
    locator = AutoDateLocator(minticks=3, maxticks=8)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    percent_ticks(ax.yaxis)
    return finish(fig, "Steps over time, one line per origin")


_INPUT = {
    "imports": "vehicles imported",
    "us_production": "US output",
    "customs_value": "customs value",
    "us_content_share": "US content",
    "usmca_share": "USMCA share",
    "light_truck_share": "light trucks",
    "imported_parts": "imported parts",
    "msrp": "MSRP",
    "parts_mix": "kinds of parts",
    "supplier_parts": "suppliers' duty",
    "offset_uptake": "uptake of the offset",
}


@in_house_style
def tornado(
    moves: pd.DataFrame,
    *,
    case: str,
    source: str,
    as_of: date,
    width_cm: float = COLUMN_CM,
    rows: int = 15,
) -> Chart:
    """How far each estimated input of each maker moves the bill: the widest first.

    Parameters
    ----------
    moves : DataFrame
        From `exposure.drivers`: indexed by maker and input, `fall_usd` and `rise_usd`.
    case : str
        Policy, counterfactual and period, for the subtitle.
    rows : int
        How many bars to draw.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> moves = pd.DataFrame({"fall_usd": [-3e8, -1e8], "rise_usd": [4e8, 1e8]})
    >>> index = pd.MultiIndex.from_tuples([("Toyota", "customs_value"), ("Honda", "imports")])
    >>> about = {"case": "a case", "source": "a source", "as_of": date(2026, 10, 30)}
    >>> tm.charts.tornado(moves.set_index(index.set_names(["maker", "input"])), **about).title
    "To research next: Toyota's customs value, which moves its bill by USD −0.30 to +0.40 bn"
    """
    swing = (moves["rise_usd"] - moves["fall_usd"]).sort_values(ascending=False)
    shown = moves.loc[swing[swing > 0].index[:rows]]
    scale, size = usd_scale(shown.abs())
    if shown.empty:
        title = "No input is an estimate that moves a bill"
    else:
        maker, name = shown.index[0]
        fall, rise = (short_number(shown[column].iloc[0] / scale) for column in ("fall_usd", "rise_usd"))
        title = (
            f"To research next: {display_name(maker)}'s {_INPUT.get(name, name)}, which moves its bill by "
            f"USD {fall} to +{rise} {size}"
        )
    fig = figure(
        title,
        f"Move of one maker's bill when one input goes to its low or high, others central; {case}",
        origin_note(source, as_of),
        width_cm,
        body_cm=0.42 * len(shown) + 1.2,
        key=[Patch(color=SOFT, label="bill falls"), Patch(color=INK, label="bill rises")],
    )
    ax = fig.subplots()
    y = np.arange(len(shown))
    for column, color in (("fall_usd", SOFT), ("rise_usd", INK)):
        ax.barh(y, shown[column] / scale, color=color, height=0.66)
    label_rows(ax, [f"{display_name(maker)}: {_INPUT.get(name, name)}" for maker, name in shown.index])
    ax.axvline(0, color=INK, linewidth=0.8)
    ax.set_xlabel(f"USD {size}")
    ax.xaxis.set_major_locator(MaxNLocator(6))
    ax.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"+{value:g}" if value > 0 else f"{value:g}".replace("-", "\u2212"))
    )
    return finish(fig, "Tornado: bars to the left and right of zero, one row per maker and input")


@in_house_style
def policy_comparison(
    tables: Mapping[str, pd.DataFrame], *, case: str, source: str, as_of: date, width_cm: float = COLUMN_CM
) -> Chart:
    """Each maker's bill under several policies, with low to high.

    Parameters
    ----------
    tables : mapping of policy name to DataFrame
        From `exposure.table`, all against one counterfactual and for one period. The first sets
        the order of makers.
    case : str
        Counterfactual and period, for the subtitle.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> bills = pd.DataFrame({"bill_usd": [4e9], "bill_low_usd": [3e9], "bill_high_usd": [5e9], "home": "JP"})
    >>> bills = bills.assign(consolidated_in=None).set_axis(["Toyota"])
    >>> about = {"case": "a case", "source": "a source", "as_of": date(2026, 10, 30)}
    >>> tm.charts.policy_comparison({"law": bills, "reform": bills.assign(bill_usd=2e9)}, **about).title
    'Toyota owes USD 2.0 bn under reform, 4.0 bn under law'
    """
    first = next(iter(tables.values()))
    whole = first["consolidated_in"].isna()
    bills = pd.DataFrame({name: table["bill_usd"].reindex(first.index) for name, table in tables.items()})
    scale, unit = usd_scale(bills)
    total = bills[whole].sum() / scale
    least, most = str(total.idxmin()), str(total.idxmax())
    who = "These makers together owe" if whole.sum() > 1 else f"{display_name(first.index[0])} owes"
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
    fig = figure(
        title,
        f"Bill, USD {unit}, lines are low to high; {case}",
        [
            left_out(first.index.difference(order), "no bill"),
            PART_NOTE if (~whole[order]).any() else "",
            *origin_note(source, as_of),
        ],
        width_cm,
        body_cm=(0.18 + 0.09 * len(tables)) * len(order) + 1.4,
        key=[Line2D([], [], markersize=3.5, linewidth=0.7, label=name, **looks[name]) for name in tables],
    )
    ax = fig.subplots()
    label_rows(ax, [marked(name, whole) for name in order])
    y = np.arange(len(order))
    for number, (name, table) in enumerate(tables.items()):
        shift = (number - (len(tables) - 1) / 2) * 0.72 / len(tables)
        bill, low, high = (table[c].reindex(order).to_numpy() / scale for c in band_columns("bill", "_usd"))
        ax.hlines(y + shift, low, high, color=looks[name]["color"], linewidth=0.7, alpha=0.7)
        ax.scatter(bill, y + shift, s=9, zorder=3, linewidth=0, **looks[name])
    ax.hlines(y[:-1] + 0.5, 0, 1, transform=ax.get_yaxis_transform(), color="#eeeeee", linewidth=0.5)
    ax.axvline(0, color=INK, linewidth=0.6)
    ax.set_xlabel(f"USD {unit}")
    return finish(fig, "Dots with ranges, one row per maker and one mark per policy")


@in_house_style
def model_vs_disclosed(
    disclosed: pd.DataFrame,
    usd: pd.Series,
    makers: pd.DataFrame,
    *,
    case: str,
    source: str,
    as_of: date,
    width_cm: float = COLUMN_CM,
) -> Chart:
    """The cost that the model says is booked against what companies said, in USD bn, logarithmic scales.

    Parameters
    ----------
    disclosed : DataFrame
        From `validation.disclosed`; only amounts that are `latest` are drawn.
    usd : Series
        USD per unit of the row's currency, on the index of `disclosed`.
    makers : DataFrame
        `Facts.makers`.
    case : str
        Policy and counterfactual, for the subtitle.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> said = pd.DataFrame({"maker": ["Toyota", "Honda"], "period": "2025Q2", "kind": "actual"})
    >>> said = said.assign(disclosed=[450.0, 120.0], model=[400.0, 130.0], model_low=300.0, model_high=500.0)
    >>> said = said.assign(ratio=said["model"] / said["disclosed"], inside_range=True)
    >>> said = said.assign(widened_low=100.0, widened_high=900.0, inside_widened=True)
    >>> said = said.assign(currency="JPY", latest=True, headline=True, judged="amount")
    >>> about = {"case": "a case", "source": "a source", "as_of": date(2026, 10, 30)}
    >>> makers = tm.facts.load().makers
    >>> tm.charts.model_vs_disclosed(said, pd.Series([1 / 150, 1 / 150]), makers, **about).title
    'The model is within 10% of half of the 2 disclosures; 2 lie inside its range'
    """
    rows = disclosed[disclosed["latest"] & (disclosed["judged"] == "amount")]
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
    fig = figure(
        title,
        f"USD bn, each company's own periods; {case}",
        [
            "Thick lines: range of the model's inputs; thin: widened by what the other makers' misses teach",
            (
                "Full colour and name: the longest period with a result of each maker; pale: its others. "
                "Lines that reach the edge go on below it"
            ),
            f"Not drawn, no bill: {len(rows) - len(drawn)}" if len(rows) > len(drawn) else "",
            *origin_note(source, as_of),
        ],
        width_cm,
        body_cm=width_cm * (0.8 if width_cm < PAGE_CM else 0.5),
        key=home_key(homes),
    )
    ax = fig.subplots()
    ax.grid(visible=True, axis="both")
    ax.spines["left"].set_visible(True)
    ax.set_xlabel("disclosed, USD bn")
    ax.set_ylabel("booked by the model, USD bn")
    if drawn.empty:
        return finish(fig, "Scatter on logarithmic scales, one point per statement")
    rate = usd.reindex(drawn.index).to_numpy()
    ends = ["model_low", "model_high", "widened_low", "widened_high"]
    bounds = drawn[["disclosed", "model", *ends]].to_numpy() * rate[:, None]
    bounds = np.where(np.isfinite(bounds), bounds, bounds[:, 1:2])  # too few makers to widen by
    central = bounds[:, :2]  # a range may reach zero, which a logarithmic scale cannot
    reach = np.array([central[central > 0].min() / 1.6, bounds.max() * 1.3])
    points = pd.DataFrame(bounds.clip(min=reach[0]), columns=["x", "y", "low", "high", "lower", "higher"])
    points["color"] = [HOME_COLOR.get(home, OTHER_COLOR) for home in homes]
    points["label"] = drawn["maker"].where(drawn["headline"], "").to_numpy()
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
    label_points(fig, ax, points, keep_clear=np.geomspace(reach, reach[::-1], 100)[:, :1].repeat(2, axis=1))
    return finish(fig, "Scatter on logarithmic scales, one point per statement")
