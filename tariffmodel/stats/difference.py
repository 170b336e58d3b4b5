"""Did the treated move apart from the others after a date, and is that more than they usually do?

Difference-in-differences of one treated group with one date: the two-way fixed effects regression,
which in a balanced panel is a difference of four means, and its path by date. With one treated group
clustered errors are far too small, and the wild bootstrap fails too (Conley and Taber 2011; MacKinnon
and Webb 2017): what the same arithmetic gives for groups and dates that were not treated is set beside
them.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.stats.normal_returns import Array
from tariffmodel.stats.regression import Fit, clustered, fit, inference
from tariffmodel.stats.resampling import Resampled, p_value

Units = Hashable | Sequence[Hashable]

__all__ = ["Difference", "Panel", "did", "panel", "shifted"]


@dataclass(frozen=True)
class Panel:
    """A balanced panel, and who is treated from when.

    >>> moves = pd.DataFrame({"A": [0.0, 1.0], "B": [0.0, 0.0]}, [2024, 2025])
    >>> found = panel(moves, "A", 2025)
    >>> found.post.tolist(), found.treated.tolist(), found.apart().tolist()
    ([False, True], [True, False], [0.0, 1.0])
    """

    outcome: pd.DataFrame  #: time × unit
    treated: Array  #: (N,)
    post: Array  #: (T,)

    def apart(self) -> pd.Series:
        """Mean of the treated less that of the others, by time."""
        values = self.outcome.to_numpy(dtype=float)
        apart = values[:, self.treated].mean(axis=1) - values[:, ~self.treated].mean(axis=1)
        return pd.Series(apart, self.outcome.index, name="apart")


def panel(outcome: pd.DataFrame, treated: Units, start: Hashable) -> Panel:
    """Check a panel: complete, in order, with treated and other units, before and after `start`.

    Parameters
    ----------
    outcome : DataFrame
        Time × unit.
    treated : unit or sequence of units
    start : label of the index
        First time of treatment.

    Raises
    ------
    DataError
        Missing values, times out of order or twice, unknown units, no others, nothing before or after.

    Examples
    --------
    >>> panel(pd.DataFrame({"A": [0.0, None], "B": [0.0, 0.0]}, [2024, 2025]), "A", 2025)
    Traceback (most recent call last):
    tariffmodel.errors.DataError: A has no value in 2025: leave out that unit or that time
    """
    if not outcome.index.is_monotonic_increasing or not outcome.index.is_unique:
        raise DataError("the times of the panel are not in order or not unique; one row each, sort_index()")
    if not outcome.columns.is_unique:
        raise DataError(f"the panel has {outcome.columns[outcome.columns.duplicated()][0]!r} twice")
    values = outcome.to_numpy(dtype=float)
    if (gone := ~np.isfinite(values)).any():
        row, column = np.argwhere(gone)[0]
        raise DataError(
            f"{outcome.columns[column]} has no value in {outcome.index[row]}: "
            "leave out that unit or that time"
        )
    names = [treated] if isinstance(treated, str) or not isinstance(treated, Sequence) else list(treated)
    if unknown := [str(name) for name in names if name not in outcome]:
        raise DataError(f"{', '.join(unknown)} not among the units of the panel")
    here = outcome.columns.isin(names)
    post = np.asarray(outcome.index >= start)
    if here.all() or not here.any():
        raise DataError(f"{here.sum()} of {len(here)} units are treated; a difference needs both kinds")
    if post.all() or not post.any():
        raise DataError(f"start {start} leaves {post.sum()} of {len(post)} times after it; both are needed")
    return Panel(outcome, here, post)


@dataclass(frozen=True)
class Difference:
    """How far the treated moved apart from the others.

    Attributes
    ----------
    fit : regression.Fit
        Coefficient ``treated``, the mean over the times after `start` less that before; clustered errors.
    path : DataFrame
        By time: `value` against the last time before the start, `standard_error`, `t`, `p`, `low`, `high`,
        and `post`. Values before the start are the pre-trend, zero if the groups moved alike.
    apart : Series
        Mean of the treated less that of the others.
    pretrend : Series
        Slope of `apart` per time before the start, as a row of `regression.inference` with Newey-West errors;
        empty with fewer than four times.
    placebos : Series
        The coefficient of groups that were not treated, among themselves.
    by_unit, by_time : Resampled
        Share of placebo groups, and of placebo times, as far apart as the treated after the start.
    """

    fit: Fit
    path: pd.DataFrame
    apart: pd.Series
    pretrend: pd.Series
    placebos: pd.Series
    by_unit: Resampled
    by_time: Resampled

    def tests(self) -> pd.DataFrame:
        """p-values side by side: `p_value`, `mc_se`, `draws`, `note`, by test.

        >>> moves = pd.DataFrame(np.random.default_rng(0).normal(0, 1, (40, 6)), range(40), list("ABCDEF"))
        >>> did(moves, "A", 38).tests()["p_value"].round(2).to_dict()
        {'clustered': 0.9, 'by_unit': 1.0, 'by_time': 0.95}
        """
        rows = {
            "clustered": (self.fit.table()["p"].iloc[0], np.nan, np.nan, f"{self.fit.errors}; {_FEW}"),
            "by_unit": (self.by_unit.p, self.by_unit.se, self.by_unit.draws, self.by_unit.scheme),
            "by_time": (self.by_time.p, self.by_time.se, self.by_time.draws, self.by_time.scheme),
        }
        columns = ["p_value", "mc_se", "draws", "note"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("test")


_FEW = "too small with few treated clusters"


def did(
    outcome: pd.DataFrame,
    treated: Units,
    start: Hashable,
    *,
    clusters: Mapping[Hashable, Hashable] | pd.Series | None = None,
    draws: int = 999,
    seed: int = 0,
    level: float = 0.95,
) -> Difference:
    """Difference-in-differences of units treated from one date on, against those never treated.

    y_it = α_i + γ_t + β·treated_i·post_t + e_it, by least squares; the path has one β for each time but
    the last before the start.

    Parameters
    ----------
    outcome, treated, start
        See `panel`.
    clusters : mapping or Series, optional
        Unit → group that moves together, such as its home country. Default: each unit by itself.
    draws, seed
        Of the placebo groups, where there are more than that.
    level : float
        Of `low` and `high` in `path`.

    Notes
    -----
    Clustered errors (Liang and Zeger 1986) times G/(G − 1) · (n − 1)/(n − k), k counting the coefficients
    and times but not units inside their clusters; Student's t with G − 1. `by_unit`: with `clusters`,
    every other cluster is taken for treated in turn; without, other sets of as many units; the treated
    are left out (Abadie, Diamond and Hainmueller 2010). `by_time`: `shifted`, for an outcome whose
    difference is stationary, such as returns.

    Raises
    ------
    DataError
        As `panel`; a unit without cluster, or a cluster that is treated in part.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> moves = pd.DataFrame(random.normal(0, 1, (40, 6)), range(40), list("ABCDEF"))
    >>> moves.loc[38:, "A"] += 3
    >>> found = did(moves, "A", 38)
    >>> found.fit.params.round(2).tolist(), round(found.by_time.p, 3), round(found.by_unit.p, 3)
    ([3.04], 0.025, 0.167)
    >>> list(found.path)
    ['value', 'standard_error', 't', 'p', 'low', 'high', 'post']
    >>> found.tests()["p_value"].round(3).to_dict()
    {'clustered': 0.0, 'by_unit': 0.167, 'by_time': 0.025}
    """
    given = panel(outcome, treated, start)
    y, post, own = outcome.to_numpy(dtype=float), given.post, given.treated
    code = _codes(outcome.columns, own, clusters)
    times = len(y)
    x = np.outer(post - post.mean(), own - own.mean())
    moved = y - y.mean(axis=0) - y.mean(axis=1, keepdims=True) + y.mean()
    size = float((x**2).sum())
    beta = float((x * moved).sum()) / size
    left = moved - beta * x
    groups = len(np.unique(code))
    factor = y.size / (y.size - 1 - times)
    influence = (x * left).sum(axis=0)[:, None] / size  # a unit lies in one cluster: sums will do
    correction = groups / (groups - 1) * (y.size - 1) / y.size * factor
    variance = correction * clustered(influence, [code])
    about = pd.Index(["treated"])
    found = Fit(
        params=pd.Series([beta], about),
        covariance=pd.DataFrame(variance, about, about),
        residuals=pd.Series(left.ravel(), pd.MultiIndex.from_product([outcome.index, outcome.columns])),
        n=y.size,
        df=groups - 1,
        r_squared=1 - float((left**2).sum()) / (float((moved**2).sum()) or np.nan),
        errors=f"clustered, {groups} clusters",
    )
    apart = given.apart()
    changes = y[post].mean(axis=0) - y[~post].mean(axis=0)
    placebos, exact, scheme = _placebos(changes, own, clusters, code, outcome.columns, draws, seed)
    p = p_value(np.abs(placebos.to_numpy()), abs(beta), exact=False)  # the treated are one of the groups
    by_unit = Resampled(p, len(placebos), exact, scheme)
    path = _path(given, code, level)
    return Difference(found, path, apart, _pretrend(apart[~post]), placebos, by_unit, shifted(apart, post))


def shifted(apart: pd.Series, post: Array) -> Resampled:
    """How rare is the mean after the start among windows of the same length at all times?

    The series is shifted in a circle, under the null of no effect less its mean over all times: the moving
    block permutations of Chernozhukov, Wüthrich and Zhu (2021), for a stationary series.

    Parameters
    ----------
    apart : Series (T,)
    post : (T,)
        Times of treatment, the last ones.

    Examples
    --------
    >>> print(shifted(pd.Series([0.1, -0.1, 0.2, -0.2, 0.0, 1.5]), np.array([False] * 5 + [True])))
    p 0.1667 (± 0.0000; 6 draws, all: windows of 1 shifted over 6 times)
    """
    values, length = apart.to_numpy(dtype=float), int(post.sum())
    around = np.concatenate([values - values.mean()] * 2)
    sums = np.lib.stride_tricks.sliding_window_view(around, length)[: len(values)].sum(axis=1)
    observed = abs(float((values - values.mean())[post].sum()))
    p = p_value(np.abs(sums), observed, exact=True)
    return Resampled(p, len(values), True, f"windows of {length} shifted over {len(values)} times")


def _codes(units: pd.Index, own: Array, clusters: Mapping[Hashable, Hashable] | pd.Series | None) -> Array:
    if clusters is None:
        return np.arange(len(units))
    named = pd.Series(clusters).reindex(units)
    if named.isna().any():
        raise DataError(f"clusters has no group for {named.index[named.isna()][0]}; name one for each unit")
    code = pd.factorize(named)[0]
    mixed = np.intersect1d(code[own], code[~own])
    if len(mixed):
        raise DataError(f"cluster {named.iloc[np.flatnonzero(code == mixed[0])[0]]} is treated in part")
    if len(np.unique(code)) < 3:
        raise DataError("one treated and one other cluster: nothing to compare their difference with")
    return np.asarray(code)


def _path(given: Panel, code: Array, level: float) -> pd.DataFrame:
    """One coefficient for each time, relative to the last before the start."""
    y, own = given.outcome.to_numpy(dtype=float), given.treated
    times = len(y)
    last = int(np.flatnonzero(~given.post)[-1])
    left = y.copy()
    for side in (own, ~own):  # residuals: what times and units leave within each group
        part = y[:, side]
        left[:, side] = part - part.mean(axis=0) - part.mean(axis=1, keepdims=True) + part.mean()
    weights = np.where(own, 1 / own.sum(), -1 / (~own).sum())
    groups = len(np.unique(code))
    scores = weights * (left - left[last])
    sums = scores @ (code[:, None] == np.unique(code))
    k = 2 * times - 1
    factor = groups / (groups - 1) * (y.size - 1) / (y.size - k)
    error = np.sqrt(factor * (sums**2).sum(axis=1))
    apart = given.apart()
    value = apart - apart.iloc[last]
    with np.errstate(invalid="ignore", divide="ignore"):
        table = inference(value, pd.Series(error, value.index), groups - 1, level)
    table.iloc[last, 1:] = np.nan  # zero by construction
    return table.assign(post=given.post)


def _pretrend(before: pd.Series) -> pd.Series:
    if len(before) < 4 or before.max() == before.min():
        return pd.Series(dtype=float)
    rows = pd.RangeIndex(len(before))
    trend = pd.DataFrame({"slope": np.arange(len(before), dtype=float)}, rows)
    return fit(before.set_axis(rows), trend).table().iloc[1]


def _placebos(
    changes: Array,
    own: Array,
    clusters: Mapping[Hashable, Hashable] | pd.Series | None,
    code: Array,
    units: pd.Index,
    draws: int,
    seed: int,
) -> tuple[pd.Series, bool, str]:
    """Coefficients of groups that were not treated, whether these are all, and what they are."""
    others = np.flatnonzero(~own)
    moves, size = changes[others], int(own.sum())
    if clusters is not None:
        member = (code[others][:, None] == np.unique(code[others])).T
        names = pd.Index([pd.Series(clusters)[units[others[np.flatnonzero(row)[0]]]] for row in member])
        exact, scheme = True, "every other cluster in turn"
    elif len(others) <= size:
        raise DataError(
            f"{len(others)} other units for {size} treated: no placebo group of that size leaves units to "
            "compare with; pass clusters="
        )
    else:
        exact = math.comb(len(others), size) <= draws
        if exact:
            sets = np.array(list(combinations(range(len(others)), size)))
        else:
            order = np.tile(np.arange(len(others)), (draws, 1))
            sets = np.random.default_rng(seed).permuted(order, axis=1)[:, :size]
        member = np.zeros((len(sets), len(others)), dtype=bool)
        np.put_along_axis(member, sets, True, axis=1)
        names = units[others[sets[:, 0]]] if size == 1 else pd.RangeIndex(len(sets))
        scheme = f"{'all' if exact else 'random'} sets of {size} others"
    inside = member.sum(axis=1)
    found = (member @ moves) / inside - (~member @ moves) / (len(others) - inside)
    return pd.Series(found, names.rename("placebo"), name="treated"), exact, scheme
