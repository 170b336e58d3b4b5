"""How did the makers of one home move beside all others, before an event and after it?"""

from __future__ import annotations

from datetime import date

import pandas as pd
from matplotlib.ticker import MaxNLocator

from tariffmodel.charts.house import (
    COLUMN_CM,
    HOME_COLOR,
    INK,
    OTHER_COLOR,
    SOFT,
    Chart,
    display_name,
    figure,
    finish,
    in_house_style,
    origin_note,
    percent_ticks,
)
from tariffmodel.charts.labels import label_ends


@in_house_style
def home_apart(
    path: pd.DataFrame,
    table: pd.DataFrame,
    *,
    home: str,
    event: str,
    case: str,
    source: str,
    as_of: date,
    width_cm: float = COLUMN_CM,
) -> Chart:
    """Cumulative abnormal returns of one home's makers, of the others and of a mix of these.

    Parameters
    ----------
    path, table : DataFrame
        From `homes.effect`.
    home : str
        Whose makers they are.
    event : str
        What happened, for the title.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> days = pd.RangeIndex(-2, 2, name="day")
    >>> path = pd.DataFrame({"home": [0, 0.01, 0.06, 0.07], "others": [0, 0, 0.01, 0.02], "mix": 0.01}, days)
    >>> row = {"car": 0.04, "low": 0.01, "high": 0.07, "p_time": 0.02, "draws_time": 250, "p_unit": 0.5}
    >>> table = pd.DataFrame({"difference": row, "synthetic": row}).T
    >>> about = {"case": "a case", "source": "a source", "as_of": date(2026, 10, 30)}
    >>> tm.charts.home_apart(path, table, home="JP", event="Japan deal", **about).title
    'Japan deal: makers of Japan moved +4.0 points (+1.0 to +7.0) more than others by day 1, told from chance'
    """
    row, mixed = (table.T[name] for name in ("difference", "synthetic"))
    place = display_name(home)

    def said(row: pd.Series) -> str:
        return f"{100 * row['car']:+.1f} points ({100 * row['low']:+.1f} to {100 * row['high']:+.1f})"

    clear, too = row["p_time"] < 0.05, mixed["p_time"] < 0.05
    told = "told from chance" if clear and too else "not told from chance"
    if clear != too:
        told = f"told from chance {'only against all of them' if clear else 'against their mix alone'}"
    fig = figure(
        f"{event}: makers of {place} moved {said(row)} more than others by day {path.index[-1]}, {told}",
        f"Mean cumulative abnormal return since day {path.index[0]}, %; {case}",
        [
            f"Range and p {row['p_time']:.2g} from sums of as many of {row['draws_time']:.0f} sessions",
            f"Against the mix that moved like {place} before: {said(mixed)}, p {mixed['p_time']:.2g}",
            "The others hear the news too: what they lose by it is counted as a gain here",
            *origin_note(source, as_of),
        ],
        width_cm,
        body_cm=5.5,
    )
    ax = fig.subplots()
    looks = {
        "home": (HOME_COLOR.get(home, OTHER_COLOR), "solid", 1.6, place),
        "others": (INK, "solid", 1.0, "all others"),
        "mix": (INK, (0, (4, 2)), 1.0, "mix of others"),
    }
    for name, (color, dashes, width, _) in looks.items():
        ax.plot(path.index.to_numpy(dtype=float), path[name], color=color, linestyle=dashes, linewidth=width)
    ax.axhline(0, color=INK, linewidth=0.5)
    ax.axvline(-0.5, color=SOFT, linewidth=0.5, linestyle=(0, (2, 2)))
    percent_ticks(ax.yaxis)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlim(path.index[0], path.index[-1])
    ax.set_xlabel("session relative to the first that could react")
    day, last = float(path.index[-1]), path.iloc[-1]
    label_ends(ax, [(day, float(last[name]), label, color) for name, (color, _, _, label) in looks.items()])
    return finish(fig, "Lines by session")
