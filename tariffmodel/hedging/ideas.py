"""Which long-short positions have the widest gap in exposure and nothing of the market or of currencies?

Simple returns per unit of notional in one currency; weights are notional, positive is long.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.hedging.instruments import WEEKS
from tariffmodel.hedging.ratios import solutions, solved
from tariffmodel.stats import regression
from tariffmodel.stats.regression import SINGULAR

__all__ = ["basket", "gaps", "pairs"]


def pairs(
    returns: pd.DataFrame,
    exposure: pd.Series,
    factors: pd.DataFrame,
    *,
    window: int = 26,
    cost_bp: float | pd.Series = 10.0,
    overlay_cost_bp: float = 2.0,
    periods_per_year: float = WEEKS,
) -> pd.DataFrame:
    """Every pair, long the less exposed share and short the more exposed one, without market or FX.

    One unit each side is dollar-neutral; the difference of the two shares' betas on `factors`
    (joint least squares) is sold in the factors' own instruments, so that the pair has no covariance
    with any of them in the sample.

    Parameters
    ----------
    returns : DataFrame (T, N)
        Of shares, by date; common rows with `factors` are used.
    exposure : Series (N,)
        Tariff cost as a share of market value. Shares without one are left out, and named in the
        `attrs` of the result, ``left_out``.
    factors : DataFrame (T, K)
        Of tradable market and currency instruments.
    window : int
        Rows of each rolling correlation between the two sides.
    cost_bp : float or Series by share, overlay_cost_bp : float
        To open one unit of a share, of a factor instrument.

    Returns
    -------
    DataFrame
        Best `rank` first: the mean of three ranks, by `exposure_gap` (large), by
        `correlation_spread` (90th less 10th percentile of the rolling correlations, small) and by
        `cost_bp` (small). With `long`, `short`, `correlation`, `volatility` of what remains (per
        year), `gross`, and one column ``sell <factor>`` per factor (negative: buy).

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> market = pd.DataFrame({"ACWI": random.normal(0, 0.02, 120)})
    >>> names = ["BMW", "Ford", "Honda", "Toyota"]
    >>> returns = pd.DataFrame({name: market["ACWI"] + random.normal(0, 0.02, 120) for name in names})
    >>> bill = pd.Series([0.02, 0.05, 0.04, 0.03], names)
    >>> found = pairs(returns, bill, market)
    >>> found.loc[0, ["long", "short"]].tolist()
    ['Toyota', 'Ford']
    """
    names, z, f, beta = _betas(returns, exposure, factors, window)
    worth, t = exposure[names].to_numpy(), len(z)
    one, two = np.array(list(combinations(range(len(names)), 2))).T
    swap = worth[one] > worth[two]
    long, short = np.where(swap, two, one), np.where(swap, one, two)
    overlay = beta[:, long] - beta[:, short]
    left = z[:, long] - z[:, short] - f @ overlay
    z = z - z.mean(axis=0)
    sums = {
        name: _running(part, window)
        for name, part in (("x", z), ("xx", z**2), ("xy", z[:, long] * z[:, short]))
    }
    spread = np.sqrt(sums["xx"] - sums["x"] ** 2 / window)
    both = sums["xy"] - sums["x"][:, long] * sums["x"][:, short] / window
    low, high = np.quantile(both / (spread[:, long] * spread[:, short]), [0.1, 0.9], axis=0)
    leg = np.broadcast_to(cost_bp[names] if isinstance(cost_bp, pd.Series) else cost_bp, len(names))
    table = pd.DataFrame(
        {
            "long": names[long],
            "short": names[short],
            "exposure_gap": worth[short] - worth[long],
            "correlation": np.corrcoef(z.T)[long, short],
            "correlation_spread": high - low,
            "volatility": np.sqrt((left - left.mean(axis=0)).var(axis=0) * periods_per_year),
            "gross": 2 + np.abs(overlay).sum(axis=0),
            "cost_bp": leg[long] + leg[short] + overlay_cost_bp * np.abs(overlay).sum(axis=0),
            **{f"sell {name}": row for name, row in zip(factors, overlay, strict=True)},
        }
    )
    ranks = [
        table["exposure_gap"].rank(ascending=False),
        *(table[c].rank() for c in ("correlation_spread", "cost_bp")),
    ]
    table.insert(0, "rank", sum(ranks) / 3)
    table = table.sort_values(["rank", "exposure_gap"], ascending=[True, False], ignore_index=True)
    table.attrs = {"rows": t, "left_out": sorted(set(returns) - set(names))}
    return table


def gaps(pairs: pd.DataFrame, today: pd.DataFrame, added: pd.DataFrame) -> pd.DataFrame:
    """Pairs whose booked costs lie apart, with the range of the gap and what a shock would add to it.

    Parameters
    ----------
    pairs : DataFrame
        From `pairs`.
    today, added : DataFrame
        From `booked.yearly_shares`: the costs that rank the pairs, and what the shock adds to them.

    Returns
    -------
    DataFrame
        `pairs` with an `exposure_gap` above zero, and with `gap_low`, `gap_high`, `shock_gap`, `shock_low`,
        `shock_high`: the ends of both costs against each other. Fractions of market value a year.

    Examples
    --------
    >>> found = pd.DataFrame({"long": ["Toyota"], "short": ["Mazda"], "exposure_gap": [0.25]})
    >>> ends = {"value": [0.02, 0.27], "low": [0.01, 0.22], "high": [0.03, 0.31]}
    >>> bill = pd.DataFrame(ends, ["Toyota", "Mazda"])
    >>> gaps(found, bill, bill / 2).round(3).loc[0, ["gap_low", "gap_high", "shock_gap"]].tolist()
    [0.19, 0.3, 0.125]
    """
    frame = pairs.copy()
    long, short = frame["long"].to_numpy(), frame["short"].to_numpy()
    for name, bills in {"gap": today, "shock": added}.items():
        frame[f"{name}_low"] = bills["low"].loc[short].to_numpy() - bills["high"].loc[long].to_numpy()
        frame[f"{name}_high"] = bills["high"].loc[short].to_numpy() - bills["low"].loc[long].to_numpy()
    frame["shock_gap"] = added["value"].loc[short].to_numpy() - added["value"].loc[long].to_numpy()
    return frame[frame["exposure_gap"] > 0]


def basket(
    returns: pd.DataFrame,
    exposure: pd.Series,
    factors: pd.DataFrame,
    *,
    gross: float = 2.0,
    max_weight: float = 0.4,
) -> pd.Series:
    """Weights with the widest exposure gap that hold no dollars, market or currency by themselves.

    Maximises −Σ w·exposure subject to Σ w = 0, β′w = 0 for every factor, Σ |w| ≤ gross and
    |w| ≤ max_weight; positive is long. Unlike `pairs` it needs no overlay, only more shares than
    factors. The equalities hold to rounding, by construction.

    Raises
    ------
    DataError
        Too few shares for that many factors, or no gap to be had.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> market = pd.DataFrame({"ACWI": random.normal(0, 0.02, 120)})
    >>> names = ["BMW", "Ford", "Honda", "Toyota"]
    >>> returns = pd.DataFrame({name: market["ACWI"] + random.normal(0, 0.02, 120) for name in names})
    >>> bill = pd.Series([0.02, 0.05, 0.04, 0.03], names)
    >>> weights = basket(returns, bill, market)
    >>> abs(round(float(weights.sum()), 9)), round(float(-weights @ bill), 3)
    (0.0, 0.015)
    """
    import cvxpy  # slow to import
    from cvxpy.atoms.elementwise.abs import abs as size_of
    from cvxpy.atoms.norm1 import norm1

    names, _, _, beta = _betas(returns, exposure, factors, 2)
    rules = [(np.ones((1, len(names))), np.zeros(1)), (beta, np.zeros(len(beta)))]
    _, free = solutions(rules, len(names))
    if not free.size:
        raise DataError(
            f"{len(names)} shares cannot be neutral to dollars and {len(beta)} factors; "
            f"give {len(beta) + 2} or drop factors"
        )
    w = cvxpy.Constant(free) @ cvxpy.Variable(free.shape[1])
    worth = exposure[names].to_numpy()
    goal = cvxpy.Minimize(w @ (worth / np.abs(worth).max()))
    problem = cvxpy.Problem(goal, [norm1(w) <= gross, size_of(w) <= max_weight])
    found = np.asarray(w.value) if solved(problem) else np.zeros(len(names))
    if -(found @ worth) < SINGULAR:
        raise DataError("no neutral basket has an exposure gap; drop a factor or widen gross and max_weight")
    return pd.Series(found, names, name="weight")


def _betas(
    returns: pd.DataFrame, exposure: pd.Series, factors: pd.DataFrame, window: int
) -> tuple[pd.Index, np.ndarray, np.ndarray, np.ndarray]:
    """Shares with an exposure, their returns (T, N), factors (T, K) and betas (K, N)."""
    names = returns.columns[returns.columns.isin(exposure.dropna().index)]
    if len(names) < 2:
        raise DataError(f"{len(names)} shares have returns and an exposure; two are needed")
    both = pd.concat([returns[names], factors], axis=1, join="inner").dropna()
    need = max(window, len(factors.columns) + 3)
    if len(both) < need:
        raise DataError(f"{len(both)} rows are common to all shares and factors; {need} are needed")
    z, f = both[names].to_numpy(), both[list(factors)].to_numpy()
    beta = regression.betas(both[names], both[list(factors)]).to_numpy().T
    return names, z, f, beta


def _running(values: np.ndarray, window: int) -> np.ndarray:
    """Sums over every `window` rows, (T − window + 1, …)."""
    total = np.concatenate([np.zeros_like(values[:1]), np.cumsum(values, axis=0)])
    return np.asarray(total[window:] - total[:-window])
