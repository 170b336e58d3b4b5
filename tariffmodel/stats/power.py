"""How often would a test find an effect of this size in these returns, and how often one that is not there?

`power` draws days on which nothing is known to have happened, adds an effect to the returns and tests:
the simulation of Brown and Warner (1980, 1985), on the reader's own firms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from tariffmodel.errors import DataError
from tariffmodel.stats import event_tests as et
from tariffmodel.stats.event_inputs import check, check_windows
from tariffmodel.stats.event_results import EventStudy
from tariffmodel.stats.event_study import study
from tariffmodel.stats.normal_returns import Array, Window

__all__ = ["power"]


def power(
    returns: pd.DataFrame,
    *,
    effects: Sequence[float] = (0.0, 0.005, 0.01, 0.02),
    tests: str | Sequence[str] = ("kp_bmp", "crude_dependence", "corrado_zivney"),
    firms: int | None = None,
    draws: int = 250,
    shared_day: bool = True,
    days: pd.DatetimeIndex | None = None,
    window: Window = (0, 0),
    estimation: Window | int = (-250, -11),
    level: float = 0.05,
    seed: int = 0,
    conventions: dict[str, Any] | None = None,
    **arguments: Any,
) -> pd.DataFrame:
    """Share of random firm-days on which each test rejects, by the effect that was added.

    Parameters
    ----------
    returns : DataFrame
        Date × firm, as `study` takes it, with whatever `study` needs beside it in `arguments`.
    effects : sequence of float
        Fractions, added to each firm's return on day 0; with 0 the result is the size of the test.
    tests : as `EventStudy.tests`
    firms : int, optional
        Drawn anew for each draw, without replacement. Default: all.
    draws : int
        Samples; Brown and Warner (1985) take 250.
    shared_day : bool
        One day for all firms of a draw, as with news that all of them hear, or one for each.
    days : DatetimeIndex, optional
        Days that may be drawn. Default: all that leave room for both windows.
    window : (first, last)
        Tested; day 0 must be in it.
    level : float
        Of significance.
    conventions : dict, optional
        See `event_tests.Conventions`.
    **arguments
        Of `study`: market, model, calendars, …

    Returns
    -------
    DataFrame
        Indexed by test and effect: `label`, `rejected` (share of draws), `mc_se` (its Monte Carlo standard
        error), `low` and `high` (95% interval, Clopper and Pearson 1934), `draws` (with a p-value).

    Notes
    -----
    All draws are estimated at once, and the effect is added to the abnormal returns, so that a model whose
    beta moves does not learn from it. It is the same for all firms and adds no variance: a real one may
    differ and add some, and then less is found. Draws from one sample of days share returns, so `mc_se` is
    that of drawing from these returns and not from all that could have been.

    Raises
    ------
    DataError
        Inputs that `study` refuses, no day with room for both windows, or more firms than there are.

    Examples
    --------
    >>> random, dates = np.random.default_rng(0), pd.bdate_range("2024-01-01", periods=300)
    >>> market = pd.Series(random.normal(0, 0.01, 300), dates)
    >>> moves = np.array(market)[:, None] + random.normal(0, 0.02, (300, 20))
    >>> shares = pd.DataFrame(moves, dates, [f"F{i}" for i in range(20)])
    >>> found = power(shares, market=market, effects=(0, 0.02), tests="kp_bmp", draws=99, estimation=100)
    >>> found["rejected"].round(2).to_dict(), found["mc_se"].round(2).tolist()
    ({('kp_bmp', 0.0): 0.09, ('kp_bmp', 0.02): 1.0}, [0.03, 0.0])
    """
    check(returns, "returns")
    estimation, window, _ = check_windows(estimation, window, 0.5)
    _check(effects, draws, level, window)
    names = et.chosen(tests)
    wanted = et.conventions({"seed": seed} | (conventions or {}))
    rows = _drawn(returns, firms, draws, shared_day, _room(returns, days, estimation, window), seed)
    arguments = {"duplicates": "keep"} | arguments
    found = study(returns, rows, estimation=estimation, window=window, **arguments)
    draw = rows.set_index(["event", "firm"])["draw"].reindex(found.firm_events.index).to_numpy()
    p = np.full((draws, len(names), len(effects)), np.nan)
    for number in range(draws):
        p[number] = _tested(found, np.flatnonzero(draw == number), effects, names, wanted)
    return _table(p, names, effects, level)


def _check(effects: Sequence[float], draws: int, level: float, window: Window) -> None:
    if not len(effects) or not np.isfinite(np.asarray(effects, dtype=float)).all():
        raise DataError(f"effects {effects!r}: name at least one, as fractions such as 0.01")
    if draws < 2:
        raise DataError(f"draws {draws}: use 2 or more, better 250")
    if not 0 < level < 1:
        raise DataError(f"level {level}: a significance level lies between 0 and 1, such as 0.05")
    if not window[0] <= 0 <= window[1]:
        raise DataError(f"window {window} leaves out day 0, to which the effect is added")


def _room(
    returns: pd.DataFrame, days: pd.DatetimeIndex | None, estimation: Window, window: Window
) -> pd.DatetimeIndex:
    """Days that leave room for both windows."""
    room = returns.index[-estimation[0] : len(returns) - max(window[1], 0)]
    room = room if days is None else room.intersection(days)
    if room.empty:
        raise DataError(
            f"none of these days has the estimation window {estimation} before it and the event window "
            f"{window} around it in {len(returns)} dates; shorten the windows, or pass more returns"
        )
    return pd.DatetimeIndex(room)


def _drawn(
    returns: pd.DataFrame, firms: int | None, draws: int, shared_day: bool, room: pd.DatetimeIndex, seed: int
) -> pd.DataFrame:
    """Rows of draw, event, firm and date."""
    size = returns.shape[1] if firms is None else firms
    if not 1 <= size <= returns.shape[1]:
        raise DataError(f"firms {firms}: returns has {returns.shape[1]} firms to draw from")
    random = np.random.default_rng(seed)
    order = random.permuted(np.tile(np.arange(returns.shape[1]), (draws, 1)), axis=1)[:, :size]
    day = random.integers(len(room), size=(draws, 1 if shared_day else size))
    draw = np.repeat(np.arange(draws), size)
    return pd.DataFrame(
        {
            "draw": draw,
            "event": draw if shared_day else np.arange(draws * size),
            "firm": returns.columns.to_numpy()[order].ravel(),
            "date": room[np.broadcast_to(day, order.shape).ravel()],
        }
    )


def _tested(
    found: EventStudy, rows: Array, effects: Sequence[float], names: list[str], wanted: et.Conventions
) -> Array:
    """p-values of one draw, test × effect; the firms' correlation, which no effect changes, once."""
    if not len(rows):
        return np.full((len(names), len(effects)), np.nan)
    one = found.rows(rows)
    correlation = one.sample(None, wanted).correlation
    at = -found.window[0]
    out = np.empty((len(names), len(effects)))
    for place, effect in enumerate(effects):
        ar = one.estimates.ar.copy()
        ar[:, at] += effect
        moved = replace(one, estimates=replace(one.estimates, ar=ar))
        sample = moved.sample(None, replace(wanted, correlation=correlation))
        out[:, place] = [et.run(name, sample).p_value for name in names]
    return out


def _table(p: Array, names: list[str], effects: Sequence[float], level: float) -> pd.DataFrame:
    known = np.isfinite(p).sum(axis=0)
    beaten = (p < level).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(known > 0, beaten / known, np.nan)
        error = np.sqrt(share * (1 - share) / known)
    low, high = (
        stats.beta.ppf(0.025, beaten, known - beaten + 1),
        stats.beta.ppf(0.975, beaten + 1, known - beaten),
    )
    low, high = np.where(beaten == 0, 0.0, low), np.where(beaten == known, 1.0, high)
    index = pd.MultiIndex.from_product(
        [names, [float(effect) for effect in effects]], names=["test", "effect"]
    )
    columns = {"rejected": share, "mc_se": error, "low": low, "high": high, "draws": known}
    table = pd.DataFrame({name: values.ravel() for name, values in columns.items()}, index)
    table.insert(0, "label", [et.TESTS[name].label for name in index.get_level_values("test")])
    return table
