"""How does a ticket look on one A4 page?"""

from __future__ import annotations

from textwrap import wrap

import numpy as np
import pandas as pd
from matplotlib import style
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from tariffmodel.hedging import threat, words
from tariffmodel.hedging.a4 import GREEN, INK, LINE, RED, SOFT, WHOLE, grid, lines, minus, page

__all__ = ["sheet"]

_SOURCE = (
    "Source: tariffmodel; closing prices, European Central Bank reference rates, contract sizes of the "
    "exchanges. Not advice to trade."
)
_OUT = 3  # instruments left out that are told on the page; all are in the Markdown
_LEAST = 0.05  # height of the charts, a share of the page; with less they are left out
_LONGEST = 9  # positions of a book that have a row on the page


def sheet(ticket: words.Ticket) -> Figure:
    """The ticket on one A4 page, to save as PDF or PNG; the banner is red if the hedge does not help.

    >>> import tariffmodel as tm
    >>> case = tm.case("flat-25", against="current-law", period="CY2027")
    >>> page = sheet(tm.ticket.ticket(case, "7203.T", 10e6, draws=99))
    >>> [float(size) for size in page.get_size_inches()]  # A4
    [8.27, 11.69]
    """
    with style.context("tariffmodel.house", after_reset=True):
        return _page(ticket)


def _page(one: words.Ticket) -> Figure:
    fig = page(one.title)
    line = GREEN if one.effectiveness.helps else RED
    colour = SOFT if one.threat in (threat.NOTHING, threat.HELPS) else line
    y = 0.965
    for part in wrap(one.title, 72):
        fig.text(WHOLE.left, y, part, size=11, weight="bold", va="top")
        y -= 0.019
    told = wrap(minus(one.headline), 118)
    height = 0.010 + 0.012 * len(told)
    banner = fig.add_axes((WHOLE.left, y - 0.004 - height, WHOLE.width, height), facecolor=colour)
    banner.set(xticks=[], yticks=[])
    banner.spines[:].set_visible(False)
    banner.text(0.01, 0.48, "\n".join(told), color="white", size=7.5, weight="bold", va="center")
    y -= height + 0.014
    if len(one.positions) == 1:
        y = lines(fig, y, words.held(one), mark="")
    else:
        y = grid(fig, y, *_held(one), [0.44, 0.58, 0.76, 0.93])
    interval = f"{one.choices['level']:.0%} interval"
    heads = ["Trade", f"Amount, {one.currency}", "in its own currency", "Ratio", interval, "Rounding"]
    trades = [
        [
            f"{row['action'][0].upper()}{row['action'][1:]}",
            f"{_direction(row)}   {abs(row['notional']):,.0f}",
            f"{row['currency']} {abs(row['notional_own']):,.0f}", f"{row['ratio']:+.2f}",
            f"{row['low']:+.2f} to {row['high']:+.2f}",
            f"{row['left']:+,.0f}" if np.isfinite(row["left"]) else "–",
        ]
        for _, row in one.instruments.iterrows()
    ]  # fmt: skip
    y = grid(fig, y - 0.006, heads, trades, [0.58, 0.71, 0.76, 0.87, 0.93], wide=56)
    signs = "Ratio: notional sold per unit of position, below zero bought."
    y = lines(fig, y, [signs], mark="", color=SOFT)
    y = grid(fig, y - 0.006, *_risk_table(one), [0.44, 0.58, 0.72])
    for head, said in (("What it protects from", words.effect(one)), ("What it leaves", one.leaves)):
        fig.text(WHOLE.left, y - 0.006, head, weight="bold", va="top", size=7.5)
        y = lines(fig, y - 0.022, said)
    if one.left_out:
        fig.text(WHOLE.left, y - 0.006, "What was left out", weight="bold", va="top", size=7.5)
        more = [f"And {over} more, told in the Markdown."] if (over := len(one.left_out) - _OUT) > 0 else []
        y = lines(fig, y - 0.022, [*one.left_out[:_OUT], *more])
    foot = [f"Stated: {words.stated(one)}", _SOURCE]
    rows = sum(len(wrap(text, WHOLE.characters)) for text in foot)
    lines(fig, 0.03 + rows * LINE, foot, mark="", color=SOFT)
    bottom = 0.03 + (rows + 3) * LINE
    if (room := y - 0.04 - bottom) > _LEAST:
        _charts(fig, one, line, bottom, room)
    return fig


def _held(one: words.Ticket) -> tuple[list[str], list[list[str]]]:
    """Positions of a book with what the policy costs each a year, the largest first, and their sum."""
    cash, safe = one.currency, one.protection
    rows = one.positions.join(one.exposures.filter(like="booked_")).join(one.exposures["lacks"])
    rows = rows.reindex(rows["notional"].abs().sort_values(ascending=False).index)

    def booked(row: pd.Series) -> list[str]:
        if not np.isfinite(row.get("booked_money", np.nan)):
            return ["not computed", ""]
        low, high = row["booked_low_money"], row["booked_high_money"]
        return [f"{row['booked_money']:+,.0f}", f"{low:+,.0f} to {high:+,.0f}"]

    shown = [
        [f"{row['side'].title()} {abs(row['shares']):,} {row['name']}"[:52], str(ticker),
         f"{row['notional']:+,.0f}", *booked(row)]
        for ticker, row in rows.iloc[:_LONGEST].iterrows()
    ]  # fmt: skip
    if (more := rows.iloc[_LONGEST:]).size:
        shown.append([f"{len(more)} more, in the table", "", f"{more['notional'].sum():+,.0f}", "", ""])
    shown.append(["Book, net", "", f"{rows['notional'].sum():+,.0f}", *booked(safe)])
    return ["Position", "line", f"{cash}", "booked of the threat a year", "validated range"], shown


def _direction(row: pd.Series) -> str:
    """A pair is named: selling yen futures buys dollars against yen."""
    pair = row["label"] if row["label"].startswith("USD/") else ""
    return f"{'sells' if row['notional'] > 0 else 'buys'} {pair}".rstrip()


def _risk_table(one: words.Ticket) -> tuple[list[str], list[list[str]]]:
    tested, cash, size = one.effectiveness, one.currency, one.position["notional"]
    columns = ["unhedged", "hedged", "one_to_one"]
    risk, record = tested.risk.loc[columns], tested.reduction.loc[columns[1:]]

    def money(shares: pd.Series) -> list[str]:
        return [f"{share:.1%}   {cash} {share * size / 1e6:,.2f} m" for share in shares]

    def removed(what: str) -> list[str]:
        figures = record[[what, f"{what}_low", f"{what}_high"]].to_numpy()
        return ["", *(f"{value:z.0%}   ({low:z.0%} to {high:z.0%})" for value, low, high in figures)]

    worst = f"worst {tested.choices['tail']:.0%} of {tested.unit}"
    rows = [
        ["Volatility a year", *money(risk["volatility"])],
        [f"Mean loss in the {worst}", *money(risk["expected_shortfall"])],
        ["Variance removed", *removed("variance")],
        [f"Loss in the {worst} removed", *removed("shortfall")],
        ["Turnover a year, positions", "", *(f"{turned:.1f}" for turned in risk["turnover"][1:])],
        ["Cost a year, bp", "", *(f"{cost:.0f}" for cost in risk["cost_bp"][1:])],
    ]
    return [
        f"Out of sample, {len(tested.returns)} {tested.unit}",
        "no hedge",
        "this hedge",
        "one for one",
    ], rows


def _charts(fig: Figure, one: words.Ticket, colour: str, bottom: float, height: float) -> None:
    wealth, path = (fig.add_axes((x, bottom, 0.4, height)) for x in (WHOLE.left, 0.53))
    total = one.effectiveness.returns[["unhedged", "hedged"]].cumsum() * 100
    wealth.plot(total.index, total["unhedged"], color=SOFT, label="no hedge")
    wealth.plot(total.index, total["hedged"], color=colour, label="this hedge, after cost")
    wealth.set_title("Out of sample: sum of returns, %")
    before = one.effectiveness.ratios.drop(columns=one.instruments.index)
    for number, name in enumerate(before):
        called = "chosen before" if number == 0 else None
        path.plot(before.index, before[name], drawstyle="steps-post", label=called, color=SOFT, linewidth=0.6)
    for name, row in one.instruments.iterrows():
        ratio = one.effectiveness.ratios[name]
        line = path.plot(ratio.index, ratio, drawstyle="steps-post", label=row["label"])
        path.errorbar(
            ratio.index[-1], row["ratio"], [[row["ratio"] - row["low"]], [row["high"] - row["ratio"]]],
            fmt="o", color=line[0].get_color(), markersize=3, elinewidth=0.8,
        )  # fmt: skip
    path.set_title("Ratio in force; dot and line: this ticket's, with its interval")
    for ax in (wealth, path):
        ax.axhline(0, color=INK, linewidth=0.5)
        ax.legend(loc="best", frameon=True, framealpha=0.85, edgecolor="none")  # lines stay under the names
        ax.xaxis.set_major_locator(AutoDateLocator(minticks=3, maxticks=7))
        ax.xaxis.set_major_formatter(ConciseDateFormatter(ax.xaxis.get_major_locator()))
