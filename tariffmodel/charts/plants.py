"""What do makers build when a rate falls with it, how long must a tariff last, and what does relief buy?"""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.transforms import offset_copy

from tariffmodel.charts.house import (
    COLUMN_CM,
    HOME_COLOR,
    INK,
    SOFT,
    Chart,
    figure,
    finish,
    in_house_style,
    label_rows,
    origin_note,
    text_column,
)
from tariffmodel.charts.labels import label_ends
from tariffmodel.charts.native import Native
from tariffmodel.response.government import efficient

_RULES = {
    "nash": ("each for itself", HOME_COLOR["JP"], "-"),
    "coordinated": ("all as one", HOME_COLOR["KR"], "-"),
    "firm": ("each earns its own", INK, "--"),
}
_LEVELS = {"country": HOME_COLOR["JP"], "firm": HOME_COLOR["KR"]}
_KINDS = {"linear": "-", "tiered": "--", "smooth": ":"}
_OPTIONS = {
    "spare": "fill idle lines",
    "shift": "add a crew",
    "retool": "retool a line",
    "expand": "add a line",
    "greenfield": "new plant",
}
_THOUSAND = 1e3
_ALIKE = 0.05  # share of the vehicles that straight lines between a dozen strengths can miss


@in_house_style
def supply_curves(
    supply: pd.DataFrame, *, case: str, source: str, as_of: date, width_cm: float = COLUMN_CM
) -> Chart:
    """US output that makers add against the slope of a relief, under three rules.

    Parameters
    ----------
    supply : DataFrame
        From `game.supply`.
    case : str
        Policy and period, for the subtitle.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> rules = ["nash", "coordinated", "firm"]
    >>> index = pd.MultiIndex.from_product([[0.1, 0.4], rules], names=["slope", "rule"])
    >>> moved = pd.DataFrame({"moved_units": [0.0, 2e5, 3e5, 1e5, 4e5, 5e5]}, index)
    >>> moved = moved.assign(moved_low_units=0.0, moved_high_units=6e5, settled=True)
    >>> about = {"case": "a case", "source": "a source", "as_of": date(2026, 10, 30)}
    >>> tm.charts.supply_curves(moved, **about).title
    'One rate for all moves 300,000 vehicles fewer at a slope of 0.4 than makers would as one'
    """
    wide = supply["moved_units"].where(supply["settled"]).unstack("rule")[list(_RULES)]
    gap = wide["coordinated"] - wide["nash"]
    most = float(gap.max()) if gap.notna().any() else 0.0
    if most < 500:
        title = "One rate for all moves as much as makers would as one"
    else:
        title = (
            f"One rate for all moves {round(most, -3):,.0f} vehicles fewer at a slope of {gap.idxmax():g} "
            "than makers would as one"
        )
    last = supply.loc[supply.index.get_level_values("slope").max()]
    spans = [
        f"{_RULES[rule][0]} {last.at[rule, 'moved_low_units'] / _THOUSAND:,.0f} to "
        f"{last.at[rule, 'moved_high_units'] / _THOUSAND:,.0f}"
        for rule in _RULES
    ]
    open_ones = int((~supply["settled"]).sum())
    fig = figure(
        title,
        f"Vehicles a year built in the US that are shipped in now, thousand; {case}",
        [
            "Central costs of moving, estimates",
            f"With all costs high and all low, at the steepest slope: {', '.join(spans)}",
            f"{open_ones} points where makers do not settle are left out" if open_ones else "",
            *origin_note(source, as_of),
        ],
        width_cm,
        body_cm=5.2,
    )
    ax = fig.subplots()
    ends = []
    for rule, (label, color, dash) in _RULES.items():
        line = wide[rule].dropna() / _THOUSAND
        ax.plot(line.index, line, color=color, linestyle=dash, marker="o", markersize=2)
        if len(line):
            ends.append((float(line.index[-1]), float(line.iloc[-1]), label, color))
    ax.set_xlabel("slope: fall of the rate per unit of contribution")
    ax.set_ylim(bottom=0)
    ax.set_xlim(right=float(wide.index.max()))
    label_ends(ax, ends)
    named = {rule: label for rule, (label, _, _) in _RULES.items()}
    native = Native(
        "line",
        wide[list(_RULES)].rename(columns=named) / _THOUSAND,
        unit="thousand vehicles a year",
        colors=[color for _, color, _ in _RULES.values()],
    )
    return finish(fig, "Lines, one for each rule", native, wide)


@in_house_style
def break_even(
    table: pd.DataFrame, *, implied_years: float | None = None, case: str, source: str, as_of: date,
    width_cm: float = COLUMN_CM, most_years: float = 15.0,
) -> Chart:  # fmt: skip
    """Years that a tariff must last for each option to pay, with ranges, at each rate.

    Parameters
    ----------
    table : DataFrame
        From `relocation.table`.
    implied_years : float, optional
        Life that prices imply, drawn as a line.
    case : str
        Vehicle and cost gap, for the subtitle.
    most_years : float
        Where the axis ends; what is longer runs off it, and is never drawn as if it ended there.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = tm.relocation.table(tm.facts.load(), "JP", 28_000, gap_usd=[573, 573, 573])
    >>> about = {"case": "a case", "source": "a source", "as_of": date(2026, 10, 30)}
    >>> tm.charts.break_even(found, **about).title
    'A new plant pays for itself in 6.8 years at 15%, in 3.4 years at 25%'
    """
    rates = [float(rate) for rate in table.index.get_level_values("rate").unique()]
    options = [str(option) for option in table.index.get_level_values("option").unique()]
    dearest = options[-1]
    life = table["years"].xs(dearest, level="option")
    lives = [f"in {life[rate]:.1f} years at {rate:.0%}" for rate in rates if np.isfinite(life[rate])]
    never = [f"{rate:.0%}" for rate in rates if not np.isfinite(life[rate])]
    told = [f"pays for itself {', '.join(lives)}"] if lives else []
    told += (
        [f"never at {', '.join(never)}" if lives else f"never pays for itself at {', '.join(never)}"]
        if never
        else []
    )
    unsure = bool(table["sign_open"].xs(dearest, level="option").any())
    opening = "At estimated, central costs a" if unsure else "A"
    title = f"{opening} {_OPTIONS[dearest]} {', '.join(told)}"
    colors = [HOME_COLOR["JP"], HOME_COLOR["KR"], INK][: len(rates)]
    key = [
        *(
            Line2D([], [], color=color, marker="o", markersize=4, linewidth=0.8, label=f"at {rate:.0%}")
            for rate, color in zip(rates, colors, strict=False)
        ),
        Line2D(
            [],
            [],
            color=SOFT,
            marker="o",
            markersize=4,
            linewidth=0,
            markerfacecolor="white",
            label="if waiting",
        ),
    ]
    open_sign = table["sign_open"].any()
    fig = figure(
        title,
        f"Years that the tariff must last, from the first vehicle; {case}",
        [
            "Line: cost gap and capital at both ends; no dot: at central costs beyond the axis, or never",
            "Hollow: with the hurdle of the option to wait",
            "An arrow leaves the chart: longer, or never" if _beyond(table, most_years) else "",
            "At the two ends of the cost gap the answer differs, pays or never, for "
            f"{int(table['sign_open'].sum())} of {len(table)}" if open_sign else "",
            *origin_note(source, as_of),
        ],
        width_cm,
        body_cm=0.85 * len(options) + 1.1,
        key=key,
    )  # fmt: skip
    ax = fig.subplots()
    label_rows(ax, [_OPTIONS[option] for option in options])
    for k, (rate, color) in enumerate(zip(rates, colors, strict=False)):
        rows = table.loc[rate].loc[options]
        y = np.arange(len(options)) + 0.36 * ((k + 0.5) / len(rates) - 0.5) * 1.4
        low, high = (np.minimum(rows[name], most_years) for name in ("years_low", "years_high"))
        ax.hlines(y, low, high, color=color, linewidth=0.9)
        off = (rows["years_high"] > most_years).to_numpy()
        ax.scatter(
            np.full(off.sum(), most_years), y[off], marker=">", color=color, s=9, clip_on=False, zorder=3
        )
        ax.scatter(
            rows["years"].where(rows["years"] <= most_years), y, color=color, s=13, zorder=4, linewidth=0
        )
        wait = rows["wait_years"].where(rows["wait_years"] <= most_years)
        ax.scatter(wait, y, facecolor="white", edgecolor=color, s=12, zorder=3, linewidth=0.8)
    if implied_years is not None and np.isfinite(implied_years):
        ax.axvline(min(implied_years, most_years), color=INK, linewidth=0.8)
        above = offset_copy(ax.get_xaxis_transform(), fig, y=3, units="points")
        ax.text(
            min(implied_years, most_years), 1, f"implied by prices: {implied_years:.1f}", transform=above,
            ha="center", size=6.5,
        )  # fmt: skip
    ax.set_xlim(-0.3, most_years)
    ax.set_xlabel("years")
    first = table.loc[rates[0]].loc[options]
    spans = [f"{a:.0f}–{b:.0f}" for a, b in zip(first["months_low"], first["months_high"], strict=True)]
    text_column(ax, spans, 34, heading="months")
    data = table.reset_index().set_index("option")
    return finish(fig, "Dots with ranges, one row per way to build more", data=data)


@in_house_style
def relief_frontier(
    frontier: pd.DataFrame, *, case: str, source: str, as_of: date, width_cm: float = COLUMN_CM
) -> Chart:
    """Vehicles that makers add against the duty that the Treasury gives up, one line per design.

    Parameters
    ----------
    frontier : DataFrame
        From `government.frontier`.
    case : str
        Policy and period, for the subtitle.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> levels = [["linear, firm", "subsidy"], [0.0, 1.0]]
    >>> index = pd.MultiIndex.from_product(levels, names=["design", "strength"])
    >>> found = pd.DataFrame({"moved_units": [0.0, 1e5, 0.0, 3e5], "relief_usd": [0.0, 1e9, 0.0, 2e9]}, index)
    >>> found = found.assign(moved_low_units=0.0, moved_high_units=4e5, settled=True)
    >>> about = {"case": "a case", "source": "a source", "as_of": date(2026, 10, 30)}
    >>> tm.charts.relief_frontier(found, **about).title
    'For USD 1.0 bn a year subsidy moves most, 150,000 vehicles; linear, firm 100,000'
    """
    told = frontier[frontier["settled"]]
    reach = pd.Series(
        {design: efficient(rows)["relief_usd"].max() for design, rows in told.groupby("design")}
    )
    budget = float(reach[reach > 0].min()) if (reach > 0).any() else 0.0
    bought = {design: _bought(rows, budget) for design, rows in told.groupby("design", sort=False)}
    ranked = pd.Series(bought).dropna().sort_values(ascending=False)
    title = "No design of relief costs anything"
    if budget and len(ranked):
        first = ranked.index[ranked > (1 - _ALIKE) * ranked.iloc[0]]
        lead = f"{first[0]} moves" if len(first) == 1 else f"{', '.join(first[:-1])} and {first[-1]} move"
        title = (
            f"For USD {budget / 1e9:.1f} bn a year {lead} most, {round(ranked.iloc[0], -3):,.0f} vehicles; "
            f"{ranked.index[-1]} {round(ranked.iloc[-1], -3):,.0f}"
        )
    low, high = frontier["moved_low_units"].min(), frontier["moved_high_units"].max()
    fig = figure(
        title,
        f"Vehicles a year built in the US that are shipped in now, thousand, by duty given up; {case}",
        [
            "Central costs of moving, estimates",
            "Each maker for itself; strengths that cost more for less are left out",
            "In brackets: where the line ends",
            f"With all costs high and low the designs move {low / _THOUSAND:,.0f} to {high / _THOUSAND:,.0f}",
            *origin_note(source, as_of),
        ],
        width_cm,
        body_cm=6.4,
    )
    ax = fig.subplots()
    ends = []
    for design, rows in told.groupby("design", sort=False):
        kind, _, level = str(design).partition(", ")
        line = efficient(rows)
        x, y = line["relief_usd"] / 1e9, line["moved_units"] / _THOUSAND
        color, dash = _LEVELS.get(level, INK), _KINDS.get(kind, "-" if kind == "subsidy" else "-.")
        ax.plot(x, y, color=color, linestyle=dash, marker="o", markersize=1.8, linewidth=1.0)
        ends.append((x.iloc[-1], y.iloc[-1], f"{design} ({x.iloc[-1]:.1f})", color))
    ax.set_xlabel("duty given up a year, USD bn")
    ax.set_ylim(bottom=0)
    if len(told):
        ax.set_xlim(right=float(told["relief_usd"].max()) / 1e9)
    label_ends(ax, ends)
    columns = ["strength", "relief_usd", "moved_units", "moved_low_units", "moved_high_units"]
    data = told.reset_index("strength")[columns]
    return finish(fig, "Lines, one for each design", data=data)


def _bought(rows: pd.DataFrame, budget_usd: float) -> float:
    """Vehicles for a budget, between the strengths asked; NaN where the design does not cost so much."""
    line = efficient(rows)
    if line["relief_usd"].max() < budget_usd * (1 - 1e-9):
        return float("nan")
    return float(np.interp(budget_usd, line["relief_usd"], line["moved_units"]))


def _beyond(table: pd.DataFrame, most_years: float) -> bool:
    return bool((table[["years", "years_high", "wait_years"]] > most_years).any(axis=None))
