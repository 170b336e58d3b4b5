"""How do policies compare: who gains, who loses, and what is one more vehicle worth?"""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap, SymLogNorm

from tariffmodel.charts.house import (
    COLUMN_CM,
    HOME_COLOR,
    Chart,
    dated,
    display_name,
    figure,
    finish,
    in_house_style,
    origin_note,
    readable_on,
    text_width,
    true_minus,
    usd_scale,
)
from tariffmodel.charts.spoken import said

# blue gains, orange loses: told apart by any colour vision
_SMALLEST = 4.5  # points: smaller letters are not read in print
_GAIN_LOSS = LinearSegmentedColormap.from_list("gain_loss", [HOME_COLOR["KR"], "#FFFFFF", HOME_COLOR["JP"]])


@in_house_style
def gains_and_losses(
    change_usd: pd.DataFrame,
    unsure: pd.DataFrame | None = None,
    *,
    baseline: str,
    case: str,
    period: str = "",
    source: str,
    as_of: date,
    width_cm: float = COLUMN_CM,
) -> Chart:
    """Change of each maker's bill when a policy takes the place of the baseline, as a matrix.

    Parameters
    ----------
    change_usd : DataFrame
        Rows of makers (and the Treasury), columns of policies; negative: the bill falls.
    unsure : DataFrame, optional
        Like `change_usd`, true where the range of the inputs leaves the sign open, see
        `comparison.changes`: those figures stand in brackets.
    baseline : str
        Policy that the changes are against.
    case : str
        Counterfactual and period, for the subtitle.
    period : str, optional
        What the figures are for; it opens the title.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> change = pd.DataFrame({"reform": [-2e9, 1e9, -1e9]}, index=["Toyota", "Kia", "US Treasury"])
    >>> about = {"baseline": "law", "case": "a case", "source": "a source", "as_of": date(2026, 10, 30)}
    >>> tm.charts.gains_and_losses(change, **about).title
    'Toyota gains most, USD 2.0 bn under reform; Kia loses most, USD 1.0 bn under reform'
    """
    makers = change_usd.iloc[:-1]
    flat = makers.stack()
    if flat.empty or (flat.abs() < 5e5).all():
        title = f"No policy changes any bill against {baseline}"
    else:
        gaining: Any = flat.idxmin()  # a maker and a policy
        losing: Any = flat.idxmax()
        (gainer, best), (loser, worst) = gaining, losing
        scale, size = usd_scale(makers)
        title = (
            f"{display_name(gainer)} gains most, USD {-flat.min() / scale:,.1f} {size} under {best}"
            if flat.min() < -5e5
            else "No policy lowers a bill"
        )
        if flat.max() > 5e5:
            title += f"; {display_name(loser)} loses most, USD {flat.max() / scale:,.1f} {size} under {worst}"
    return _matrix(
        change_usd / 1e6,
        dated(title, period),
        f"Change of the bill against {baseline}, USD m (blue: the bill falls); {case}",
        source,
        as_of,
        width_cm,
        "USD m",
        "USD bn",
        unsure=unsure,
    )


@in_house_style
def worth_of_one_more(
    worth_usd: pd.DataFrame,
    *,
    unit: str,
    case: str,
    period: str = "",
    source: str,
    as_of: date,
    width_cm: float = COLUMN_CM,
) -> Chart:
    """USD that one more unit of contribution takes off each maker's bill, makers × policies.

    Parameters
    ----------
    worth_usd : DataFrame
        From `incentives.by_policy`; negative: the bill rises.
    unit : str
        What the unit is, in words.
    case : str
        Counterfactual and period, for the subtitle.
    period : str, optional
        What the figures are for; it opens the title.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> worth = pd.DataFrame({"law": [0.0, 0.0], "reform": [1500.0, 200.0]}, index=["Toyota", "Kia"])
    >>> about = {"case": "a case", "source": "a source", "as_of": date(2026, 10, 30)}
    >>> tm.charts.worth_of_one_more(worth, unit="vehicle built", **about).title
    'One more vehicle built is worth most to Toyota under reform: USD 1,500'
    """
    flat = worth_usd.stack()
    if flat.empty or (flat.abs() < 0.5).all():
        title = f"No policy rewards one more {unit}"
    else:
        dearest: Any = flat.idxmax()
        maker, policy = dearest
        title = (
            f"One more {unit} is worth most to {display_name(maker)} under {policy}: USD {flat.max():,.0f}"
            if flat.max() > 0.5
            else f"One more {unit} raises bills under every policy"
        )
    return _matrix(
        -worth_usd,
        dated(title, period),
        f"USD off the bill for one more {unit} a year, at central estimates (blue: the bill falls); {case}",
        source,
        as_of,
        width_cm,
        "USD",
        "Thousand USD",
        sign=-1,
    )


def _matrix(
    values: pd.DataFrame,
    title: str,
    subtitle: str,
    source: str,
    as_of: date,
    width_cm: float,
    unit: str,
    thousand: str,
    sign: int = 1,
    unsure: pd.DataFrame | None = None,
) -> Chart:
    """Cells coloured on a symmetric logarithmic scale, each with its figure.

    Where figures in `unit` are too wide for their cells, they are in a `thousand` of it.
    """
    cell_cm = (width_cm - 2.8) / max(values.shape[1], 1)  # beside the names
    in_full, short = (_figures(values, sign, unsure, scale) for scale in (1, 1000))
    size = _fitting(in_full, cell_cm)
    told = size >= _SMALLEST
    texts = in_full if told else short
    if not told:
        size = max(_fitting(short, cell_cm), _SMALLEST)
        subtitle = subtitle.replace(unit, thousand, 1)
    doubted = texts.stack().str.startswith("(").any()
    notes = ["In brackets: the inputs leave the sign open" if doubted else "", *origin_note(source, as_of)]
    fig = figure(title, subtitle, notes, width_cm, body_cm=0.42 * len(values) + 2.6)
    ax = fig.subplots()
    most = max(float(np.nanmax(np.abs(values.to_numpy()), initial=0.0)), 1.0)
    norm = SymLogNorm(most / 100, vmin=-most, vmax=most)
    colors = _GAIN_LOSS(norm(values.to_numpy()))
    ax.imshow(colors, aspect="auto", interpolation="nearest")
    for (row, column), value in np.ndenumerate(values.to_numpy()):
        if np.isfinite(value):
            ink = readable_on(tuple(colors[row, column][:3]))
            ax.text(column, row, str(texts.iat[row, column]), ha="center", va="center", size=size, color=ink)
    ax.set_xticks(
        range(values.shape[1]),
        [said(str(name)) for name in values],
        rotation=40,
        ha="right",
        rotation_mode="anchor",
    )
    ax.set_yticks(range(len(values)), [said(display_name(str(name))) for name in values.index])
    ax.grid(visible=False)
    for edge in range(1, len(values)):
        ax.axhline(edge - 0.5, color="white", linewidth=0.6)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    return finish(fig, "Matrix of makers and policies")


def _figures(values: pd.DataFrame, sign: int, unsure: pd.DataFrame | None, scale: int) -> pd.DataFrame:
    """What stands in the cells: whole units, or thousands with one decimal."""
    form, least = ("+,.0f", 0.5) if scale == 1 else ("+,.1f", 0.05)
    texts = (sign * values / scale).map(lambda v: "·" if abs(v) < least else true_minus(f"{v:{form}}"))
    if unsure is None:
        return texts
    open_sign = unsure.reindex(index=texts.index, columns=texts.columns, fill_value=False)
    return texts.mask(open_sign & (texts != "·"), "(" + texts + ")")


def _fitting(texts: pd.DataFrame, cell_cm: float) -> float:
    """The size at which the widest text fits into its cell, at most 5.5 points."""
    widest = max((text_width(str(text), 5.5) for text in texts.stack()), default=0.0)
    return min(5.5, 5.5 * cell_cm / (2.54 * widest + 0.03))
