"""Which of the hedges that suit a book did best on weeks it had not seen, and is each leg worth it?

The choice is part of what is tested: at each row it is made anew from the record up to then, and used after.
A quoted reduction is thus that of choosing, not that of the one that turned out best (White 2000).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import Facts
from tariffmodel.hedging.instruments import candidates, label
from tariffmodel.hedging.ratios import common_rows

__all__ = ["LEAST", "Choice", "choose", "combinations", "current"]

LEAST = 26  # rows of record before the first choice
_TESTED = 20  # rows after it, as `effectiveness` asks for
_PRESENT = 0.8  # share of the last window's rows that an instrument must have


@dataclass(frozen=True, eq=False)
class Choice:
    """The hedge chosen now, the path of all choices, and what every hedge tried did.

    Attributes
    ----------
    legs : tuple of str
        Chosen on the last row.
    path : DataFrame
        Ratios in force if renewed on that row, date × instrument ever chosen; a path for `effectiveness`.
    record : DataFrame
        Indexed by hedge: `legs`, `variance_removed` out of sample over the whole record, `worse_by`, its mean
        squared return less that of the best as a share of the unhedged, and `worse_by_se`, the error of that.

    Examples
    --------
    >>> from tariffmodel import facts
    >>> record = {"legs": [("TOPIX",), ("JPY", "TOPIX")], "variance_removed": [0.4, 0.41]}
    >>> record = pd.DataFrame(record, index=["TOPIX", "JPY + TOPIX"])
    >>> Choice(("TOPIX",), pd.DataFrame(), record).left_out(facts.load())[0].partition(": ")[2]
    'USD/JPY + TOPIX removed 41% of variance out of sample, +1.0 points, within one standard error.'
    """

    legs: tuple[str, ...]
    path: pd.DataFrame
    record: pd.DataFrame

    def left_out(self, facts: Facts) -> list[str]:
        """Why each other instrument was left out; first what could have stood beside the chosen legs."""
        own = self.record.loc[_name(self.legs)]
        best = self.record.sort_values("variance_removed", ascending=False)
        sets = best["legs"].map(frozenset)
        said: dict[str, tuple[bool, float]] = {}
        for leg in dict.fromkeys(leg for legs in self.record["legs"] for leg in legs):
            if leg in self.legs:
                continue
            added = best[sets == {*self.legs, leg}]
            row = (added if len(added) else best[sets.map(lambda legs, leg=leg: leg in legs)]).iloc[0]
            called = " + ".join(label(facts, name) for name in row["legs"])
            gain = row["variance_removed"] - own["variance_removed"]
            share = f"{row['variance_removed']:z.0%}"
            text = (
                f"{label(facts, leg)} is left out: {called} removed {share} of variance out of sample, "
                f"{100 * gain:+z.1f} points{', within one standard error' * bool(len(added))}."
            )
            said[text] = (not len(added), -gain)
        return sorted(said, key=lambda text: said[text])


def combinations(facts: Facts, tickers: Iterable[str]) -> list[tuple[str, ...]]:
    """Hedges of a book: of each home its currency, one equity instrument or both; three legs at most.

    Examples
    --------
    >>> from tariffmodel import facts
    >>> combinations(facts.load(), ["005380.KS"])
    [('^KS11',), ('EWY',), ('KRW',), ('KRW', '^KS11'), ('KRW', 'EWY')]
    """
    tickers = list(tickers)
    homes = {tuple(one[0] for one in candidates(facts, ticker) if len(one) == 1): None for ticker in tickers}
    by_home: dict[str, list[list[tuple[str, ...]]]] = {}
    for names in homes:
        allowed = [name for name in names if name not in tickers]
        money: list[tuple[str, ...]] = [(), *((name,) for name in allowed if name not in facts.prices)]
        equity: list[tuple[str, ...]] = [(), *((name,) for name in allowed if name in facts.prices)]
        parts = by_home.setdefault(names[0], [money, equity])
        parts[1] = [one for one in parts[1] if one in equity]
    spread = [part for parts in by_home.values() for part in parts]
    every = (tuple(name for part in picked for name in part) for picked in product(*spread))
    return sorted((one for one in dict.fromkeys(every) if 0 < len(one) <= 3), key=len)


def current(position: pd.Series, instruments: pd.DataFrame, window: int) -> dict[str, str]:
    """Instruments that cannot be chosen, for their prices are missing on the last rows, with the reason.

    >>> days = pd.date_range("2026-01-02", periods=10, freq="W-FRI")
    >>> x = pd.DataFrame({"old": [0.1] * 5 + [None] * 5}, days)
    >>> current(pd.Series(0.1, days, name="share"), x, 10)
    {'old': 'it has 5 of the last 10 rows, to 2026-01-30'}
    """
    last = instruments.reindex(position.dropna().index).iloc[-window:]
    there = last.notna().sum()
    reasons = {}
    for name, column in instruments.items():
        if there[str(name)] < _PRESENT * len(last):
            seen = column.dropna().index
            to = f", to {seen[-1]:%Y-%m-%d}" if len(seen) else ""
            reasons[str(name)] = f"it has {there[str(name)]} of the last {len(last)} rows{to}"
    return reasons


def choose(
    position: pd.Series, instruments: pd.DataFrame, hedges: Sequence[Sequence[str]], window: int = 52
) -> Choice:
    """Walk forward with every hedge, and choose among them on what they did before.

    Ratios are least squares on the last `window` rows. On each row the hedge is taken whose variance over
    its rows out of sample so far is least; of those that are within one standard error of it, the one with
    the fewest legs (Breiman et al. 1984, sec. 3.4.3). Rows are those that all instruments have.

    Parameters
    ----------
    position, instruments
        Simple returns (T,), (T, k), see `hedge.pnl`.
    hedges : sequence of sequences of str
        See `combinations`.

    Raises
    ------
    DataError
        Too few rows to estimate, to choose and to test the choice.

    Examples
    --------
    >>> random, days = np.random.default_rng(0), pd.date_range("2023-01-06", periods=150, freq="W-FRI")
    >>> x = pd.DataFrame(random.normal(0, 0.02, (150, 2)), days, ["JPY", "TOPIX"])
    >>> y = (0.9 * x["TOPIX"] + random.normal(0, 0.01, 150)).rename("7203.T")
    >>> found = choose(y, x, [["JPY"], ["TOPIX"], ["JPY", "TOPIX"]])
    >>> found.legs, len(found.record)
    (('TOPIX',), 3)
    """
    names = [str(name) for name in instruments]
    index, y, x = common_rows(position, instruments, 2)
    need = LEAST + _TESTED
    if len(y) < window + need:
        raise DataError(
            f"window of {window} rows leaves {max(len(y) - window, 0)} of {len(y)} out of sample, {need} are "
            "needed to choose a hedge and to test the choice; shorten the window or name the instruments"
        )
    places = [[names.index(name) for name in hedge] for hedge in hedges]
    ratios = _ratios(y, x, places, window)
    earned = y[window:, None] - np.column_stack(
        [(h[:-1] * x[window:][:, at]).sum(axis=1) for h, at in zip(ratios, places, strict=True)]
    )
    legs = np.array([len(at) for at in places])
    picks = [_picked(earned[:count], legs) for count in range(LEAST, len(earned) + 1)]
    path = np.zeros((len(picks), len(names)))
    for row, pick in enumerate(picks):
        path[row, places[pick]] = ratios[pick][LEAST + row]
    frame = pd.DataFrame(path, index[window - 1 + LEAST :], pd.Index(names, name="instrument"))
    bare = y[window:].var()
    best = earned.var(axis=0).argmin()
    worse = _losses(earned) - _losses(earned)[:, [best]]
    record = pd.DataFrame(
        {
            "legs": [tuple(names[k] for k in at) for at in places],
            "variance_removed": 1 - earned.var(axis=0) / y[window:].var(),
            "worse_by": worse.mean(axis=0) / bare,
            "worse_by_se": worse.std(axis=0, ddof=1) / np.sqrt(len(worse)) / bare,
        },
        index=pd.Index([_name([names[k] for k in at]) for at in places], name="hedge"),
    )
    used = frame.columns[(frame != 0).any()]
    return Choice(record["legs"].iloc[picks[-1]], frame[used], record)


def _ratios(y: np.ndarray, x: np.ndarray, places: list[list[int]], window: int) -> list[np.ndarray]:
    """Least-squares ratios (rows, legs) of each hedge over `window` rows, from the first whole one on."""
    both = np.lib.stride_tricks.sliding_window_view(np.column_stack([y, x]), window, axis=0)
    centred = both - both.mean(axis=-1, keepdims=True)
    cov = np.einsum("tiw,tjw->tij", centred, centred)
    return [
        np.einsum(
            "tij,tj->ti",
            np.linalg.pinv(cov[:, 1:, 1:][:, at][:, :, at], hermitian=True),
            cov[:, 1:, 0][:, at],
        )
        for at in places
    ]


def _losses(earned: np.ndarray) -> np.ndarray:
    return np.asarray((earned - earned.mean(axis=0)) ** 2)


def _picked(earned: np.ndarray, legs: np.ndarray) -> int:
    """Least variance, or the fewest legs within one standard error of it."""
    loss = _losses(earned)
    mean = loss.mean(axis=0)
    worse = loss - loss[:, [mean.argmin()]]
    near = worse.mean(axis=0) <= worse.std(axis=0, ddof=1) / np.sqrt(len(loss))
    return int(np.lexsort((mean, np.where(near, legs, legs.max() + 1)))[0])


def _name(legs: Sequence[str]) -> str:
    return " + ".join(legs)
