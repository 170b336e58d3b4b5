"""What is left of each bill once prices and rivals have moved?"""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from tariffmodel.charts.house import (
    COLUMN_CM,
    HOME_COLOR,
    INK,
    OTHER_COLOR,
    SOFT,
    Chart,
    band_columns,
    dated,
    display_name,
    figure,
    finish,
    home_key,
    in_house_style,
    label_rows,
    left_out,
    origin_note,
    short_number,
    text_column,
    true_minus,
    usd_scale,
    whiskers,
)
from tariffmodel.charts.native import Native


@in_house_style
def gross_and_net(
    table: pd.DataFrame,
    *,
    case: str,
    period: str = "",
    source: str,
    as_of: date,
    width_cm: float = COLUMN_CM,
) -> Chart:
    """Gross bill of each maker, and what is left of it with its range; its gain from rivals' duty beside.

    Parameters
    ----------
    table : DataFrame
        From `net_bill.table` or `equilibrium.table`.
    case : str
        Policy, counterfactual and period, for the subtitle.
    period : str, optional
        What the figures are for; it opens the title.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case("flat-25", period="CY2025")
    >>> about = {"case": asked.label, "source": "a source", "as_of": asked.as_of}
    >>> chart = tm.charts.gross_and_net(tm.net_bill.table(asked), **about)
    >>> chart.alt.split(".")[0], list(chart.native.figures)
    ('Two dots, one row per maker', ['gross', 'net'])
    """
    moved = table[["bill_usd", "net_bill_usd"]].abs().max(axis=1) >= 5e5
    shown = table[moved].sort_values("bill_usd", ascending=False, kind="stable")
    scale, size = usd_scale(shown[["bill_usd", "net_bill_usd"]] if len(shown) else table[["bill_usd"]])
    homes = list(shown["home"])
    gross, net = (shown[name].to_numpy() / scale for name in ("bill_usd", "net_bill_usd"))
    fig = figure(
        dated(_finding(shown, scale, size), period),
        f"Bill at old prices and volumes, and profit lost once both have settled; lines are low to high; USD "
        f"{size}; {case}",
        [
            left_out(table.index[~moved], "no bill and no change"),
            f"Right: USD {size} gained because rivals pay too",
            "Plants and capacity as they were" if len(shown) else "",
            *origin_note(source, as_of),
        ],
        width_cm,
        body_cm=0.36 * len(shown) + 1.2,
        key=[
            Line2D([], [], marker="o", ls="", mfc="white", mec=SOFT, ms=4, label="gross"),
            Line2D([], [], marker="o", ls="", color=SOFT, ms=4, label="net, by home:"),
            *home_key(homes),
        ],
    )
    ax = fig.subplots()
    label_rows(ax, [display_name(maker) for maker in shown.index])
    y, colors = np.arange(len(shown)), [HOME_COLOR.get(home, OTHER_COLOR) for home in homes]
    ax.axvline(0, color=INK, linewidth=0.6)
    ax.hlines(y, net, gross, color=colors, linewidth=1, alpha=0.45)
    ax.scatter(gross, y, s=16, facecolor="white", edgecolor=colors, zorder=3)
    ax.scatter(net, y, s=18, color=colors, zorder=5)
    whiskers(ax, y, *(shown[name].to_numpy() / scale for name in band_columns("net_bill", "_usd")))
    text_column(ax, [short_number(gain) for gain in shown["rivals_gain_usd"] / scale], 24, "rivals")
    ax.xaxis.set_major_locator(MaxNLocator(6))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: true_minus(f"{value:g}")))
    ends = [pd.DataFrame({"net": shown[f"net_bill_{end}_usd"].to_numpy() / scale}) for end in ("low", "high")]
    native = Native("bar", pd.DataFrame({"gross": gross, "net": net}), *ends, unit=f"USD {size}")
    return finish(fig, "Two dots, one row per maker", native)


def _finding(shown: pd.DataFrame, scale: float, size: str) -> str:
    """What the table says, in a sentence."""
    if shown.empty:
        return "No bill changes, and no price"
    gross, net = (shown[name].sum() / scale for name in ("bill_usd", "net_bill_usd"))
    gaining = shown[shown["net_bill_high_usd"] < 0].sort_values("net_bill_usd")
    title = f"Of USD {gross:,.1f} {size} owed, makers together lose {net:,.1f} {size} once prices settle"
    if gaining.empty:
        return title
    best = f"{display_name(str(gaining.index[0]))} {-gaining['net_bill_usd'].iloc[0] / scale:,.1f} {size}"
    return f"{title}; {len(gaining)} gain, most {best}"
