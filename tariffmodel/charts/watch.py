"""What will the year have been, and which surprise is worth most?"""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from tariffmodel.charts.house import (
    COLUMN_CM,
    HOME_COLOR,
    INK,
    Chart,
    display_name,
    figure,
    finish,
    home_key,
    in_house_style,
    label_rows,
    left_out,
    origin_note,
    text_column,
    true_minus,
    usd_scale,
    whiskers,
)
from tariffmodel.charts.native import Native

_MONTHS, _LAST = "#0072B2", "#E69F00"  # what the nowcast rests on: months of the year, or the year before
_SHOWN = 14


@in_house_style
def nowcast_fan(
    found: pd.DataFrame, *, year: str, what: str, source: str, as_of: date, width_cm: float = COLUMN_CM
) -> Chart:
    """Each maker's year against the one before: the nowcast with its 80%, and what is known already.

    Parameters
    ----------
    found : DataFrame
        From `nowcast.table`, rows of one variable, indexed by maker.
    year, what : str
        The year, and what is counted, such as ``US output``.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> row = {"value": 519e3, "low": 457e3, "high": 589e3, "known": 204e3, "through": "2026-04",
    ...     "method": "months", "last_year": 486e3, "change": 0.067}
    >>> about = {"year": "CY2026", "what": "US output", "source": "a source", "as_of": date(2026, 10, 30)}
    >>> chart = tm.charts.nowcast_fan(pd.DataFrame(row, index=["Nissan"]), **about)
    >>> chart.alt.split(".")[0]
    'Dots with whiskers, one row per maker'
    """
    some = found[(found["value"] > 0) & (found["last_year"] > 0)]
    shown = some.sort_values("value", ascending=False, kind="stable")
    change = {name: shown[name] / shown["last_year"] - 1 for name in ("low", "value", "high")}
    counted = shown["method"].ne("last year").to_numpy()
    label = year.removeprefix("CY")
    fig = figure(
        _finding(shown, change, what, label),
        f"{what} of {label} against {int(label) - 1}; whiskers hold 80% of what may be; right: nowcast, "
        "thousand, and the last month that is known",
        [
            left_out(found.index.difference(shown.index), "no such figure, or none of the year before"),
            *origin_note(source, as_of),
        ],
        width_cm,
        body_cm=0.42 * len(shown) + 1.0,
        key=[
            Line2D([], [], marker="o", linestyle="", color=_MONTHS, label="months of the year are known"),
            Line2D(
                [], [], marker="o", linestyle="", color=_LAST, markerfacecolor="white",
                label="none is: the year before",
            ),
        ],
    )  # fmt: skip
    ax = fig.subplots()
    label_rows(ax, [display_name(maker) for maker in shown.index])
    y = np.arange(len(shown))
    ax.axvline(0, color=INK, linewidth=0.7)
    whiskers(ax, y, *(100 * change[name].to_numpy() for name in ("value", "low", "high")))
    for some_rows, color, face in ((counted, _MONTHS, _MONTHS), (~counted, _LAST, "white")):
        ax.plot(
            100 * change["value"][some_rows], y[some_rows], "o", color=color, markerfacecolor=face,
            markersize=4, zorder=5,
        )  # fmt: skip
    ax.xaxis.set_major_formatter(lambda value, _: true_minus(f"{value:+.0f}%") if value else "0")
    text_column(ax, [f"{value / 1e3:,.0f}" for value in shown["value"]], 30, "nowcast")
    through = [text if isinstance(text, str) else "–" for text in shown["through"]]
    text_column(ax, through, 66, "through")
    drawn = [pd.DataFrame({"change": 100 * change[name].to_numpy()}) for name in ("value", "low", "high")]
    native = Native(
        "bar", *drawn, unit="%", form='+0"%";-0"%";0', rows=np.where(counted, _MONTHS, _LAST).tolist()
    )
    return finish(fig, "Dots with whiskers, one row per maker", native, shown)


def _finding(shown: pd.DataFrame, change: dict[str, pd.Series], what: str, label: str) -> str:
    """What the table says, in a sentence."""
    with_months = int(shown["method"].ne("last year").sum())
    up = [display_name(maker) for maker in shown.index[change["low"] > 0]]
    down = [display_name(maker) for maker in shown.index[change["high"] < 0]]
    sure = [*(f"{name} builds more" for name in up), *(f"{name} less" for name in down)]
    said = ", ".join(sure) if what == "US output" and sure else ""
    none = f"No maker's {label} is sure to differ from the year before"
    return f"{said or none}: months of the year are known of {with_months} of {len(shown)}"


@in_house_style
def surprise_bars(
    found: pd.DataFrame, *, year: str, case: str, source: str, as_of: date, width_cm: float = COLUMN_CM
) -> Chart:
    """What one surprise of each indicator does to the bills, own and others', the dearest first.

    Parameters
    ----------
    found : DataFrame
        From `surprises.table`, with the column `home`.
    year, case : str
        The year, and the question, for the subtitle.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> row = {"maker": "Toyota", "label": "imports", "home": "JP", "size_share": 0.13, "at_stake_usd": 4e8,
    ...     "bill_change_usd": 7e8, "others_bill_change_usd": 0.0, "value_change_share": -0.005}
    >>> about = {"year": "CY2026", "case": "a case", "source": "a source", "as_of": date(2026, 10, 30)}
    >>> chart = tm.charts.surprise_bars(pd.DataFrame([row]), **about)
    >>> chart.alt.split(".")[0]
    'Bars from zero, one row per maker and indicator'
    """
    shown = found.head(_SHOWN)
    scale, size = usd_scale(shown[["bill_change_usd", "others_bill_change_usd"]].abs().max(axis=1))
    first = shown.iloc[0] if len(shown) else None
    title = (
        "No surprise moves a bill"
        if first is None
        else f"The figure to watch is {first['label']} of {display_name(first['maker'])}: "
        f"{first['size_share']:+.0%} moves its bill by USD {first['bill_change_usd'] / 1e6:+,.0f} m"
    )
    hatched = [Patch(facecolor="white", edgecolor=INK, hatch="////", label="others")]
    hatched = hatched if (shown["others_bill_change_usd"] != 0).any() else []
    fig = figure(
        title,
        f"Change of the bill of {year.removeprefix('CY')} by one standard deviation upwards, USD "
        f"{size}; right: size, and change of market value; {case}",
        [
            f"The {len(shown)} of {len(found)} with most at stake: probability times value",
            *origin_note(source, as_of),
        ],
        width_cm,
        body_cm=0.42 * len(shown) + 1.0,
        key=[*home_key(shown["home"]), *hatched],
    )
    ax = fig.subplots()
    label_rows(
        ax,
        [
            f"{display_name(maker)}, {label}"
            for maker, label in zip(shown["maker"], shown["label"], strict=True)
        ],
    )
    y = np.arange(len(shown))
    colors = [HOME_COLOR.get(home, INK) for home in shown["home"]]
    ax.barh(y, shown["bill_change_usd"] / scale, height=0.6, color=colors)
    others = shown["others_bill_change_usd"].to_numpy() / scale
    ax.barh(y[others != 0], others[others != 0], height=0.35, color="white", edgecolor=INK, hatch="////")
    ax.axvline(0, color=INK, linewidth=0.7)
    ax.xaxis.set_major_formatter(lambda value, _: true_minus(f"{value:g}"))
    text_column(ax, [f"{share:+.0%}" for share in shown["size_share"]], 26, "size")
    worth = [f"{share:+z.1%}" if share == share else "–" for share in shown["value_change_share"]]
    text_column(ax, worth, 56, "value")
    drawn = {
        "the maker's own": shown["bill_change_usd"] / scale,
        "others": np.where(others != 0, others, np.nan),
    }
    native = Native("bar", pd.DataFrame(drawn), unit=f"USD {size}")
    return finish(fig, "Bars from zero, one row per maker and indicator", native, shown)
