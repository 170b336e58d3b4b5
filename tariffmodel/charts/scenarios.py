"""How do bills fan out over what could happen, and is it policy or the inputs?"""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
from matplotlib.dates import DateFormatter, YearLocator, date2num
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from tariffmodel.charts.events import id_title
from tariffmodel.charts.house import (
    COLUMN_CM,
    ORIGIN_NAME,
    SOFT,
    Chart,
    day_text,
    display_name,
    figure,
    finish,
    in_house_style,
    label_rows,
    left_out,
    origin_note,
    percent_ticks,
    text_column,
    true_minus,
    usd_scale,
)
from tariffmodel.charts.labels import label_ends
from tariffmodel.charts.native import Native

# Okabe and Ito's, the darker ones first: leaves have no colour of their own
LEAVES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#3D3D3D", "#999999")
_PARTS = {"outcome_share": "which outcome", "timing_share": "when", "input_share": "inputs"}
_PART_COLOR = dict(zip(_PARTS, ("#D55E00", "#E69F00", "#0072B2"), strict=True))
_HEDGE = {"unhedged": "share alone", "hedged": "with its hedge"}
_PART_OF = {"unhedged": "#D55E00", "hedged": "#0072B2"}


@in_house_style
def fan(
    paths: pd.DataFrame,
    *,
    whose: str,
    start: date,
    case: str,
    source: str,
    as_of: date,
    width_cm: float = COLUMN_CM,
) -> Chart:
    """The bill as it adds up under each leaf of a tree; the wider the line, the likelier the leaf.

    Parameters
    ----------
    paths : DataFrame
        From `scenarios.Result.paths`.
    whose : str
        The maker or basket that the paths are of.
    start : date
        Day on which nothing is owed yet.
    case : str
        The tree, for the subtitle.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> leaf = pd.MultiIndex.from_tuples([("deal", pd.Timestamp("2027-12-31"))], names=["outcome", "day"])
    >>> figures = {"probability": 1.0, "mean_usd": 3e9, "low_usd": 2e9, "high_usd": 4e9}
    >>> about = {"case": "a tree", "source": "a source", "as_of": date(2026, 10, 30)}
    >>> paths = pd.DataFrame(figures, index=leaf)
    >>> chart = tm.charts.fan(paths, whose="GM", start=date(2027, 1, 1), **about)
    >>> chart.alt.split(".")[0]
    'One line per outcome, rising with time'
    """
    scale, size = usd_scale(paths["high_usd"])
    ends = paths.groupby(level="outcome", sort=False).last()
    low, high = ends["mean_usd"].min() / scale, ends["mean_usd"].max() / scale
    likeliest = float(ends["mean_usd"].iloc[int(ends["probability"].to_numpy().argmax())]) / scale
    who = _called(whose)
    last = paths.index.get_level_values("day").max()
    form, verb = (",.0f", "have") if whose == "ALL" else (",.1f", "has")
    fig = figure(
        f"By the end of {last:%Y} {who} {verb} paid USD {low:{form}} to {high:{form}} {size}, depending on "
        f"what happens; where likeliest, {likeliest:{form}} {size}",
        f"Mean bill added up since {day_text(start)}, USD {size}; the wider a line, the likelier; "
        f"shade: 5% to 95% of the draws; {case}",
        [
            "Probabilities are those of the scenario file, most of them assumptions",
            *origin_note(source, as_of),
        ],
        width_cm,
        body_cm=6.5,
    )
    ax = fig.subplots()
    drawn = sorted(paths.groupby(level="outcome", sort=False), key=lambda one: -one[1]["probability"].iloc[0])
    labels = []
    for color, (name, path) in zip(LEAVES * 9, drawn, strict=False):
        days = [pd.Timestamp(start), *path.index.get_level_values("day")]
        mean, bottom, top = (
            np.append(0.0, path[c].to_numpy() / scale) for c in ("mean_usd", "low_usd", "high_usd")
        )
        weight = float(path["probability"].iloc[0])
        ax.fill_between(days, bottom, top, color=color, alpha=0.08, linewidth=0)
        ax.plot(days, mean, color=color, linewidth=0.6 + 7 * weight, solid_capstyle="round")
        labels.append((date2num(days[-1]), mean[-1], f"{id_title(str(name))} {weight:.0%}", color))
    ax.xaxis.set_major_locator(YearLocator())
    ax.xaxis.set_major_formatter(DateFormatter("%Y"))
    ax.set_ylim(bottom=0)
    ax.margins(x=0.01)
    ax.yaxis.set_major_locator(MaxNLocator(6))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: true_minus(f"{value:g}")))
    label_ends(ax, labels)
    data = paths.reset_index()
    return finish(
        fig,
        "One line per outcome, rising with time",
        data=data,
    )


@in_house_style
def variance_split(
    summary: pd.DataFrame, *, case: str, source: str, as_of: date, width_cm: float = COLUMN_CM
) -> Chart:
    """How much of what is not known of each bill is policy, and how much the inputs.

    Parameters
    ----------
    summary : DataFrame
        From `scenarios.Result.summary`.
    case : str
        The tree, for the subtitle.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> shares = {"outcome_share": 0.6, "timing_share": 0.1, "input_share": 0.3, "sd_usd": 2e9}
    >>> about = {"case": "a tree", "source": "a source", "as_of": date(2026, 10, 30)}
    >>> chart = tm.charts.variance_split(pd.DataFrame(shares, index=["GM"]), **about)
    >>> chart.alt.split(".")[0]
    'Stacked bars that sum to 100%, one row per maker'
    """
    known = summary[list(_PARTS)].notna().all(axis=1)
    shown = summary[known]
    shown = shown.assign(policy=shown["outcome_share"] + shown["timing_share"])
    shown = shown.sort_values("policy", ascending=False, kind="stable")
    scale, size = usd_scale(shown["sd_usd"] if len(shown) else summary["sd_usd"])
    fig = figure(
        _finding(shown),
        f"Share of the variance of the bill (law of total variance); right: its standard "
        f"deviation, USD {size}; {case}",
        [left_out(summary.index[~known], "no bill in any draw"), *origin_note(source, as_of)],
        width_cm,
        body_cm=0.36 * len(shown) + 1.2,
        key=[Patch(color=_PART_COLOR[part], label=label) for part, label in _PARTS.items()],
    )
    ax = fig.subplots()
    label_rows(ax, [_called(name) for name in shown.index])
    text_column(ax, [f"{sd:,.2f}" for sd in shown["sd_usd"] / scale], 26, f"sd, {size}")
    y, left = np.arange(len(shown)), np.zeros(len(shown))
    for part in _PARTS:
        ax.barh(y, shown[part], left=left, height=0.7, color=_PART_COLOR[part])
        left += shown[part].to_numpy()
    ax.set_xlim(0, 1)
    percent_ticks(ax.xaxis)
    return finish(
        fig,
        "Stacked bars that sum to 100%, one row per maker",
        Native(
            "stacked",
            shown[list(_PARTS)].rename(columns=_PARTS),
            unit="share of the variance",
            form="0%",
            colors=list(_PART_COLOR.values()),
        ),
        shown,
    )


@in_house_style
def hedge_outcomes(
    by_outcome: pd.DataFrame,
    *,
    holding: str,
    currency: str,
    case: str,
    source: str,
    as_of: date,
    width_cm: float = COLUMN_CM,
) -> Chart:
    """What a share earns under each leaf of a tree, alone and with its hedge.

    Parameters
    ----------
    by_outcome : DataFrame
        From `scenarios.Hedged.by_outcome`.
    holding, currency : str
        What is held, and the investor's money.
    case : str
        The tree, for the subtitle.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> parts = pd.MultiIndex.from_product([["deal", "threat"], ["unhedged", "hedged"]],
    ...                                    names=["outcome", "part"])
    >>> figures = {"probability": 0.5, "mean_money": [2e6, 1e6, -2e6, -1e6], "low_money": -3e6,
    ...            "high_money": 3e6}
    >>> about = {"case": "a tree", "source": "a source", "as_of": date(2026, 10, 30)}
    >>> about |= {"holding": "Toyota", "currency": "USD"}
    >>> chart = tm.charts.hedge_outcomes(pd.DataFrame(figures, parts), **about)
    >>> chart.title
    'Toyota earns least under “Threat”, USD −2.00m on average; hedged, −1.00m'
    """
    parts = {part: by_outcome.xs(part, level="part") for part in ("unhedged", "hedged")}
    bare, covered = parts["unhedged"], parts["hedged"]
    place = int(bare["mean_money"].to_numpy().argmin())
    worst = bare.index[place]
    loss, left = (true_minus(f"{one['mean_money'].iloc[place] / 1e6:,.2f}") for one in (bare, covered))
    fig = figure(
        f"{holding} earns least under “{id_title(str(worst))}”, {currency} {loss}m on average; hedged, "
        f"{left}m",
        f"Profit and loss by outcome, {currency} m: mean, and 5% to 95% of the draws; {case}",
        [
            "Counted from what the price holds by the probabilities of the file, most of them assumptions",
            *origin_note(source, as_of),
        ],
        width_cm,
        body_cm=0.75 * len(bare) + 0.8,
        key=[Patch(color=_PART_OF[part], label=label) for part, label in _HEDGE.items()],
    )
    ax = fig.subplots()
    odds = bare["probability"]
    label_rows(ax, [f"{id_title(str(name))} {odds[name]:.0%}" for name in bare.index])
    for part, beside in (("unhedged", -0.16), ("hedged", 0.16)):
        mean, low, high = (parts[part][f"{c}_money"].to_numpy() / 1e6 for c in ("mean", "low", "high"))
        y = np.arange(len(mean)) + beside
        ax.hlines(y, low, high, color=_PART_OF[part], linewidth=1.2)
        ax.plot(mean, y, "o" if part == "hedged" else "s", color=_PART_OF[part], markersize=4)
    ax.axvline(0, color=SOFT, linewidth=0.7)
    ax.xaxis.set_major_locator(MaxNLocator(6))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: true_minus(f"{value:g}")))
    drawn = [
        pd.DataFrame({label: parts[part][f"{c}_money"] / 1e6 for part, label in _HEDGE.items()})
        for c in ("mean", "low", "high")
    ]
    return finish(
        fig,
        "Two marks with a line for each outcome, without and with the hedge",
        Native("bar", *drawn, unit=f"{currency} m", colors=list(_PART_OF.values())),
        by_outcome.reset_index(),
    )


def _finding(shown: pd.DataFrame) -> str:
    """What the table says, in a sentence."""
    if shown.empty:
        return "No bill moves"
    makers = shown.drop(index=["ALL"], errors="ignore")
    most = int((shown["policy"] > 0.5).sum())
    whole = shown["policy"].get("ALL", makers["policy"].mean())
    return (
        f"Policy is {whole:.0%} of what is not known of all bills together, and more than half of it for "
        f"{most} of {len(shown)} makers and groups"
    )


def _called(column: str) -> str:
    """A maker, or the makers of a home, or all."""
    return "all makers" if column == "ALL" else ORIGIN_NAME.get(column, display_name(column))
