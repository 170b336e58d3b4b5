"""How does a result move with two things at once? A table of cells, coloured by what stands in them."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap, Normalize

from tariffmodel import columns
from tariffmodel.charts.house import (
    COLUMN_CM,
    HOME_COLOR,
    Chart,
    dated,
    figure,
    finish,
    in_house_style,
    origin_note,
    readable_on,
    text_width,
    true_minus,
)

_LESS_MORE = LinearSegmentedColormap.from_list("less_more", [HOME_COLOR["JP"], "#FFFFFF", HOME_COLOR["KR"]])
_NAME = {
    "rate": "average duty on imported vehicles, % of customs value",
    "per_usd": "home currency per USD",
    "slope": "slope: points of duty per unit of contribution",
    "floor": "floor of the duty, % of customs value",
    "probability": "probability of the policy, %",
    "life_years": "years that it lasts",
}
_AS_PERCENT = ("rate", "slope", "floor", "probability")


@in_house_style
def two_way(
    cells: pd.Series,
    *,
    what: str,
    unit: str,
    case: str,
    period: str = "",
    source: str,
    as_of: date,
    scale: float = 1.0,
    more_is_better: bool = True,
    width_cm: float = COLUMN_CM,
) -> Chart:
    """A result by two things, as a matrix with its figures.

    Parameters
    ----------
    cells : Series
        Indexed by two levels, rows and columns, of a result of `two_way`.
    what : str
        Whose result, for the title.
    unit : str
        Of the figures once divided by `scale`, the currency first: ``JPY bn``.
    more_is_better : bool
        Blue stands for more, orange for less; if not, the other way about.
    period : str, optional
        What the figures are for; it opens the title.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> index = pd.MultiIndex.from_product([[0.0, 0.15], [140.0, 150.0]], names=["rate", "per_usd"])
    >>> profit = pd.Series([4000.0, 4500.0, 3000.0, 3400.0], index)
    >>> about = {"case": "a case", "source": "a source", "as_of": date(2026, 10, 30)}
    >>> tm.charts.two_way(profit, what="Toyota: operating profit", unit="JPY bn", **about).title
    'Toyota: operating profit from JPY 3,000 to 4,500 bn'
    """
    table = (cells / scale).unstack()
    rows, across = map(str, cells.index.names)
    texts = _texts(table)
    low, high = (_text(end, _digits(table)) for end in _ends(table.to_numpy(dtype=float)))
    currency, _, scaled = unit.partition(" ")
    known = not table.isna().to_numpy().all()
    title = f"{what} from {currency} {low} to {high} {scaled}" if known else f"{what} is not known"
    fig = figure(
        dated(title, period),
        f"{unit}; rows: {_NAME.get(rows, rows)}; columns: {_NAME.get(across, across)}; {case}",
        ["Central figures; ranges, where there are any, are in the data", *origin_note(source, as_of)],
        width_cm,
        body_cm=0.55 * len(table) + 1.2,
    )
    ax = fig.subplots()
    figures = table.to_numpy(dtype=float)
    room = (width_cm - 1.6) / max(table.shape[1], 1)
    widest = max((text_width(text, 7) for text in texts.ravel()), default=0.1)
    size = min(7.0, 7.0 * room / (2.54 * widest + 0.1))
    norm = Normalize(*_ends(figures))
    shade = norm(np.nan_to_num(figures, nan=float(np.mean(_ends(figures)))))
    colors = _LESS_MORE(0.15 + 0.7 * (shade if more_is_better else 1 - shade))
    ax.imshow(colors, aspect="auto", interpolation="nearest")
    for (row, column), text in np.ndenumerate(texts):
        ink = readable_on(tuple(colors[row, column][:3]))
        ax.text(column, row, str(text), ha="center", va="center", size=size, color=ink)
    ax.set_xticks(
        range(table.shape[1]), [_tick(across, value) for value in table.columns.to_numpy(dtype=float)]
    )
    ax.set_yticks(range(len(table)), [_tick(rows, value) for value in table.index.to_numpy(dtype=float)])
    ax.xaxis.tick_top()
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    return finish(fig, f"Matrix: {_NAME.get(rows, rows)} by {_NAME.get(across, across)}")


def _ends(figures: np.ndarray) -> tuple[float, float]:
    """Ends of the colours."""
    known = figures[np.isfinite(figures)]
    return (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)


def _digits(table: pd.DataFrame) -> int:
    most = float(np.nanmax(np.abs(table.to_numpy(dtype=float)), initial=0.0))
    return 0 if most >= 100 else 1 if most >= 10 else 2


def _text(value: float, digits: int) -> str:
    return true_minus(f"{value:z,.{digits}f}") if np.isfinite(value) else columns.MISSING


def _texts(table: pd.DataFrame) -> np.ndarray:
    digits = _digits(table)
    drawn = np.vectorize(lambda value: _text(value, digits), otypes=[object])
    return np.asarray(drawn(table.to_numpy(dtype=float)))


def _tick(name: str, value: float) -> str:
    if name in _AS_PERCENT:
        return f"{100 * value:.3g}%"
    return f"{value:,.4g}"
