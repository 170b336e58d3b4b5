"""How does each stream of goods move with what is drawn?

`goods.Goods` holds every stream in 1 + 2K runs: central, and one input at its low or its high. A stream's
value is a product in which each input has one factor, so its ratio to the central value in those runs is all
that a draw needs::

    value = central value · Π_k (low ratio_k + (high ratio_k − low ratio_k) · quantile_k)

A share (what qualifies for USMCA, US content) is a level instead, low + width · quantile, because official
months move it without moving how uncertain it is. Spans of days in which a stream has the same ratios are one
*cell*: their central values are summed, with the rate and the shares of each, before anything is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tariffmodel.errors import DataError
from tariffmodel.scenarios.draws import Curves
from tariffmodel.tariff.goods import INPUTS, Goods

_DIGITS = 9  # ratios that agree so far are the same


class CurveTable:
    """Curves that streams share: one for each input, maker and place of the most likely value.

    >>> table = CurveTable()
    >>> table.number(np.array([3, 3]), np.array([0, 0]), np.array([0.5, 0.5])).tolist()
    [0, 0]
    >>> len(table.rows), table.curves("triangular")[2].mode.tolist()
    (1, [0.5])
    """

    def __init__(self) -> None:
        self.rows: dict[tuple[int, int, float], int] = {}

    def number(self, kind: np.ndarray, maker: np.ndarray, mode: np.ndarray) -> np.ndarray:
        """Number of each curve, a new one where there is none."""
        keys = zip(kind.tolist(), maker.tolist(), mode.round(_DIGITS).tolist(), strict=True)
        return np.array([self.rows.setdefault(key, len(self.rows)) for key in keys], dtype=int)

    def curves(self, shape: str) -> tuple[np.ndarray, np.ndarray, Curves]:
        """Input and maker of every curve, and the curves."""
        kind, maker, mode = np.array(list(self.rows), dtype=float).reshape(-1, 3).T
        return kind.astype(int), maker.astype(int), Curves.of(mode, shape)


@dataclass(frozen=True)
class Factors:
    """A product over inputs for N cells.

    `base` (N,), and for each input that moves some of them (cells, low, width, curve).

    >>> runs = np.array([[10.0], [8.0], [13.0]])
    >>> factors = Factors.of(runs, np.array([0]), CurveTable())
    >>> factors.at(np.array([[0.0, 0.4, 1.0]])).tolist()
    [[8.0, 10.0, 13.0]]
    """

    base: np.ndarray
    moved: tuple[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray], ...]

    @classmethod
    def of(cls, runs: np.ndarray, maker: np.ndarray, table: CurveTable) -> Factors:
        """From the runs (1 + 2K, N) of `uncertainty.one_at_a_time`; a stream that is zero grows from zero."""
        base = np.where(runs[0] != 0, runs[0], 1.0)
        moved = []
        for kind in range((len(runs) - 1) // 2):
            ends = runs[1 + 2 * kind : 3 + 2 * kind]
            cells = np.flatnonzero((ends != runs[0]).any(axis=0))
            if not cells.size:
                continue
            low, high = ends[:, cells] / base[cells]
            middle = runs[0, cells] / base[cells]
            mode = np.clip((middle - low) / np.where(high == low, 1.0, high - low), 0.0, 1.0)
            curve = table.number(np.full(cells.size, kind), maker[cells], mode)
            moved.append((cells, low[:, None], (high - low)[:, None], curve))
        grows = np.zeros(runs.shape[1], dtype=bool)
        for cells, *_ in moved:
            grows[cells] = True
        base[(runs[0] == 0) & ~grows] = 0.0
        return cls(base, tuple(moved))

    def at(self, quantiles: np.ndarray) -> np.ndarray:
        """Values (N, B) at the quantiles (curves, B) of a block."""
        out = np.repeat(self.base[:, None], quantiles.shape[1], axis=1)
        for cells, low, width, curve in self.moved:
            out[cells] *= low + width * quantiles[curve]
        return out


@dataclass(frozen=True)
class Level:
    """A share: `low` and `width` (S, F), and the curve (N,) of each cell, −1 where it does not move."""

    low: np.ndarray
    width: np.ndarray
    curve: np.ndarray


@dataclass(frozen=True)
class Cells:
    """Streams by cell: `of` (S, F) is the cell of each, `central_usd` (S, F) what is summed into it.

    `owner` and `is_part` (N,) are its maker and kind; `value` and `borne` move its value and what of its duty
    reaches the maker, `qualifying` and `us_content` are the shares of it, as in `goods.Goods`.
    """

    of: np.ndarray
    central_usd: np.ndarray
    owner: np.ndarray
    is_part: np.ndarray
    value: Factors
    borne: Factors
    qualifying: Level
    us_content: Level


def cells(goods: Goods, table: CurveTable) -> Cells:
    """The cells of the goods of a period.

    Raises
    ------
    DataError
        If a figure is missing (NaN) or infinite: which maker's, of which input.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> goods = tm.case(period="2025Q3").goods
    >>> found = cells(goods, CurveTable())
    >>> found.of.shape == goods.units.shape[1:], len(found.owner) < found.of.size
    (True, True)
    """
    refuse_nan(goods)
    shape, size = goods.value_usd.shape[1:], goods.value_usd[0].size
    value, borne = (getattr(goods, name).reshape(-1, size) for name in ("value_usd", "borne"))
    most = value.max(axis=0)
    central = np.where(value[0] != 0, value[0], np.where(most > 0, most, 1.0))
    ratio = value / central  # a stream that may be more than zero is its most times a ratio
    levels = [_level(getattr(goods, name).reshape(-1, size)) for name in ("qualifying", "us_content")]
    flow = np.tile(np.arange(shape[1]), shape[0])
    alike = [
        ratio[[0, *_moving(ratio)]],
        borne[[0, *_moving(borne)]],
        *(mode[None] for _, _, mode, _ in levels),
    ]
    signs = np.concatenate([flow[None], *alike]).T.round(_DIGITS)
    _, first, of = np.unique(signs, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(goods.owner[flow[first]], kind="stable")  # a maker's cells stand together
    first, rank = first[order], np.argsort(order)
    owner = goods.owner[flow[first]]

    def level(low: np.ndarray, width: np.ndarray, mode: np.ndarray, kind: np.ndarray) -> Level:
        curve = np.full(len(first), -1)
        some = np.flatnonzero(mode[first] >= 0)
        curve[some] = table.number(kind[first][some], owner[some], mode[first][some])
        return Level(low.reshape(shape), width.reshape(shape), curve)

    return Cells(
        of=rank[of.ravel()].reshape(shape),
        central_usd=central.reshape(shape),
        owner=owner,
        is_part=goods.is_part[flow[first]],
        value=Factors.of(ratio[:, first], owner, table),
        borne=Factors.of(borne[:, first], owner, table),
        qualifying=level(*levels[0]),
        us_content=level(*levels[1]),
    )


def _level(runs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Low, width, place of the central value in it (−1: none) and input (N,) of runs (1 + 2K, N)."""
    change = np.abs(runs[1:] - runs[0]).reshape(-1, 2, runs.shape[1]).max(axis=1)
    kind, place = change.argmax(axis=0), np.arange(runs.shape[1])
    low, high = runs[1 + 2 * kind, place], runs[2 + 2 * kind, place]
    width = high - low
    mode = np.where(width != 0, (runs[0] - low) / np.where(width != 0, width, 1.0), -1.0)
    return low, width, np.where(width != 0, mode.clip(0.0, 1.0), -1.0), kind


def _moving(runs: np.ndarray) -> np.ndarray:
    """Runs that differ from the central one somewhere."""
    return np.flatnonzero((runs != runs[0]).any(axis=1))


def refuse_nan(goods: Goods) -> None:
    """Refuse goods with a figure that is none.

    >>> import tariffmodel as tm
    >>> refuse_nan(tm.case(period="2025Q3").goods)
    """
    streams: Sequence[str] = ("units", "value_usd", "qualifying", "us_content", "borne")
    for name in (*streams, "production", "assembled_msrp_usd", "assembled_engines_usd", "uptake"):
        wrong = np.argwhere(~np.isfinite(getattr(goods, name)))
        if not len(wrong):
            continue
        run, span, place = wrong[0]
        owner = goods.owner[place] if name in streams else place
        what = f" from {goods.flows.origin[place]} ({goods.flows.product[place]})" if name in streams else ""
        side = list(INPUTS.values())[(run - 1) // 2] if run else "a central figure"
        raise DataError(
            f"{name} of {goods.makers[owner]}{what} on {goods.spans[span].start} is no number ({side}); mend "
            "its row in data/facts/estimates.csv or volumes.csv: value, low and high must be numbers"
        )
