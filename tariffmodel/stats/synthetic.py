"""Which mix of others moved like the treated before a date, and how far apart are they after it?

The synthetic control of Abadie and Gardeazabal (2003) and Abadie, Diamond and Hainmueller (2010): weights
that are not negative and add up to one. For daily returns matched on the days before an event it is the
synthetic match of Acemoglu and others (2016). Whether the gap after the start is large is read from the
gaps of others treated as if they had been, and from those of other times.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize

from tariffmodel.errors import DataError
from tariffmodel.stats.difference import Panel, panel, shifted
from tariffmodel.stats.normal_returns import Array
from tariffmodel.stats.resampling import Resampled, p_value

__all__ = ["Synthetic", "simplex", "synthetic"]


@dataclass(frozen=True)
class Synthetic:
    """The treated beside a mix of the others.

    Attributes
    ----------
    weights : Series
        Of the other units, largest first.
    path : DataFrame
        By time: `actual`, `synthetic`, `gap` and `post`.
    effect : float
        Mean gap after the start.
    fit : Series
        `pre_rmspe` and `post_rmspe`, roots of the mean squared gap before and after the start, and `ratio`,
        the second over the first.
    balance : DataFrame
        By predictor: `treated`, `synthetic`, `others` (their mean), `importance`; empty without predictors.
    placebos : DataFrame
        By unit, the treated first: `effect`, `pre_rmspe`, `post_rmspe` and `ratio`, each unit against a mix
        of the others without the treated.
    by_unit, by_time : Resampled
        Share of units whose `ratio` is as large (Abadie, Diamond and Hainmueller 2010), and of windows of
        time whose gap is (`difference.shifted`).
    """

    weights: pd.Series
    path: pd.DataFrame
    effect: float
    fit: pd.Series
    balance: pd.DataFrame
    placebos: pd.DataFrame
    by_unit: Resampled
    by_time: Resampled


def simplex(target: Array, others: Array) -> Array:
    """Weights (J,) ≥ 0 that add up to one and bring others (P, J) closest to the target (P,).

    With the weights adding up to one the distance is |(X₀ − x₁1')w|, and its least point in the simplex
    is, but for scale, the least squares of (0, 1) on (X₀ − x₁1', 1') under w ≥ 0: the two have the same
    conditions of Karush, Kuhn and Tucker. Lawson and Hanson's algorithm ends there exactly.

    >>> simplex(np.array([0.25, 0.75]), np.array([[1.0, 0.0, 5.0], [0.0, 1.0, 5.0]])).round(2).tolist()
    [0.25, 0.75, 0.0]
    """
    apart = others - target[:, None]
    size = np.sqrt((apart**2).mean()) or 1.0
    rows = np.vstack([apart / size, np.ones(apart.shape[1])])
    found, _ = optimize.nnls(rows, np.r_[np.zeros(len(apart)), 1.0])
    return np.asarray(found / found.sum())


def synthetic(
    outcome: pd.DataFrame,
    treated: Hashable,
    start: Hashable,
    *,
    predictors: pd.DataFrame | None = None,
    importance: pd.Series | None = None,
) -> Synthetic:
    """A mix of other units that is like the treated one before a date.

    Parameters
    ----------
    outcome : DataFrame
        Time × unit, complete; units other than `treated` are the donors. For a group, put its mean in one
        column.
    treated : unit
    start : label of the index
        First time of treatment.
    predictors : DataFrame, optional
        Predictor × unit, known before the start, each scaled by its standard deviation over the units.
        Default: the outcomes before the start, as they are.
    importance : Series, optional
        Of each predictor, the diagonal of V. Default: all alike. It is not fitted here: a search for it ends
        in whichever local minimum is near its start, and outcomes before the start need none.

    Notes
    -----
    Placebos are matched in the same way. With more donors than predictors several mixes may fit as well;
    this is one of them.

    Raises
    ------
    DataError
        As `difference.panel`; predictors that are missing, or constant over units; fewer than two donors.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> moves = pd.DataFrame(random.normal(0, 1, (60, 5)), range(60), list("ABCDE"))
    >>> moves["X"] = 0.7 * moves["A"] + 0.3 * moves["B"] + random.normal(0, 0.1, 60)
    >>> moves.loc[58:, "X"] += 1
    >>> found = synthetic(moves, "X", 58)
    >>> found.weights.round(2).head(2).to_dict(), round(found.effect, 2)
    ({'A': 0.7, 'B': 0.3}, 1.09)
    >>> round(found.by_unit.p, 3), round(found.by_time.p, 3)
    (0.167, 0.017)
    """
    given = panel(outcome, [treated], start)
    if len(given.treated) < 3:
        raise DataError("one other unit is no mix; a synthetic control needs two or more")
    x = _matched(given, predictors)
    own = int(np.flatnonzero(given.treated)[0])
    others = np.flatnonzero(~given.treated)
    y, post = outcome.to_numpy(dtype=float), given.post
    v = _importance(x, predictors, importance)
    x = np.sqrt(v)[:, None] * x
    w = simplex(x[:, own], x[:, others])
    made = y[:, others] @ w
    path = pd.DataFrame({"actual": y[:, own], "synthetic": made}, outcome.index)
    path["gap"], path["post"] = path["actual"] - path["synthetic"], post
    gaps = [path["gap"].to_numpy()]
    for unit in others:
        rest = others[others != unit]
        gaps.append(y[:, unit] - y[:, rest] @ simplex(x[:, unit], x[:, rest]))
    names = pd.Index([treated, *outcome.columns[others]], name="unit")
    placebos = _errors(np.array(gaps), post).set_axis(names)
    ratio = placebos["ratio"].to_numpy()
    by_unit = Resampled(p_value(ratio, ratio[0], exact=True), len(ratio), True, "every unit in turn")
    return Synthetic(
        weights=pd.Series(w, outcome.columns[others], name="weight").sort_values(
            ascending=False, kind="stable"
        ),
        path=path,
        effect=float(path.loc[post, "gap"].mean()),
        fit=placebos.iloc[0, 1:].rename("fit"),
        balance=_balance(predictors, own, others, w, v),
        placebos=placebos,
        by_unit=by_unit,
        by_time=shifted(path["gap"], post),
    )


def _matched(given: Panel, predictors: pd.DataFrame | None) -> Array:
    """What is matched, (P, N)."""
    outcome = given.outcome
    if predictors is None:
        return np.asarray(outcome.to_numpy(dtype=float)[~given.post])
    if unknown := [str(unit) for unit in outcome if unit not in predictors]:
        raise DataError(f"predictors has no column for {', '.join(unknown[:5])}")
    values = predictors[outcome.columns]
    if (gone := values.isna()).any(axis=None):
        name, unit = values[gone.any(axis=1)].index[0], values.columns[gone.any()][0]
        raise DataError(
            f"predictor {name} is missing for {unit}; fill it from its source, or leave out either"
        )
    spread = values.std(axis=1, ddof=1)
    if (flat := spread <= 1e-12 * values.abs().max(axis=1)).any():
        raise DataError(f"predictor {flat.idxmax()} is the same for all units; leave it out")
    return np.asarray(values.div(spread, axis=0).to_numpy(dtype=float))


def _importance(x: Array, predictors: pd.DataFrame | None, given: pd.Series | None) -> Array:
    """Importance of the predictors, adding up to one."""
    if given is None:
        return np.full(len(x), 1 / len(x))
    if predictors is None or not predictors.index.sort_values().equals(given.index.sort_values()):
        raise DataError("importance and predictors do not name the same predictors; give one number for each")
    v = given.reindex(predictors.index).to_numpy(dtype=float)
    if not np.isfinite(v).all() or (v < 0).any() or not v.sum() > 0:
        raise DataError("importance: no number may be missing or negative, and one must be above zero")
    return np.asarray(v / v.sum())


def _errors(gaps: Array, post: Array) -> pd.DataFrame:
    before, after = (np.sqrt((gaps[:, part] ** 2).mean(axis=1)) for part in (~post, post))
    with np.errstate(divide="ignore", invalid="ignore"):
        columns = {"pre_rmspe": before, "post_rmspe": after, "ratio": after / before}
    return pd.DataFrame({"effect": gaps[:, post].mean(axis=1)} | columns)


def _balance(predictors: pd.DataFrame | None, own: int, others: Array, w: Array, v: Array) -> pd.DataFrame:
    if predictors is None:
        return pd.DataFrame(columns=["treated", "synthetic", "others", "importance"])
    values = predictors.to_numpy(dtype=float)
    columns = {"treated": values[:, own], "synthetic": values[:, others] @ w}
    columns |= {"others": values[:, others].mean(axis=1), "importance": v}
    return pd.DataFrame(columns, predictors.index.rename("predictor"))
