"""Which of the things that are not known moves a result most?

Variance-based indices of Sobol (1993): of independent factors, the *first-order* index of one is the share of
the variance that would go if it were known, the *total* index the share that would be left if all others
were. They are estimated from two independent sets of draws, A and B, and A with one factor of B (Saltelli and
others 2010, table 2 b; Jansen 1999 for the total)::

    first = mean(f(B) · (f(AB_i) − f(A))) / Var        total = mean((f(A) − f(AB_i))²) / 2 Var
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from tariffmodel.errors import DataError
from tariffmodel.scenarios import draws, engine
from tariffmodel.scenarios.results import Result
from tariffmodel.tariff.goods import INPUTS

_ROUNDS = 200  # of the bootstrap behind the standard errors


def indices(
    one: np.ndarray, other: np.ndarray, swapped: Mapping[str, np.ndarray], seed: int = 0
) -> pd.DataFrame:
    """Sobol indices from a result at A, at B, and at A with each factor of B.

    Parameters
    ----------
    one, other : array (n,)
        f(A) and f(B).
    swapped : mapping of factor to array (n,)
        f(AB_i).

    Returns
    -------
    DataFrame
        Indexed by factor: `first_order`, `total_order` and their bootstrap standard errors `first_order_se`,
        `total_order_se`. Without variance all are missing.

    Examples
    --------
    >>> a, b = np.random.default_rng(1).standard_normal((2, 4096, 2))
    >>> def f(x):
    ...     return x[:, 0] + 2 * x[:, 1]
    >>> mixed = {"x": np.column_stack([b[:, 0], a[:, 1]]), "y": np.column_stack([a[:, 0], b[:, 1]])}
    >>> found = indices(f(a), f(b), {name: f(at) for name, at in mixed.items()})
    >>> found["total_order"].round(1).tolist()
    [0.2, 0.8]
    """
    centre = np.concatenate([one, other]).mean()
    a, b = one - centre, other - centre
    mixed = np.stack(list(swapped.values())) - centre

    def at(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        variance = np.concatenate([a[rows], b[rows]]).var()
        variance = variance if variance > 0 else np.nan
        first = (b[rows] * (mixed[:, rows] - a[rows])).mean(axis=1) / variance
        return first, ((a[rows] - mixed[:, rows]) ** 2).mean(axis=1) / 2 / variance

    random = np.random.default_rng(seed)
    again = np.array([at(random.integers(0, len(a), len(a))) for _ in range(_ROUNDS)])
    first, total = at(np.arange(len(a)))
    errors = again.std(axis=0)
    return pd.DataFrame(
        {
            "first_order": first,
            "total_order": total,
            "first_order_se": errors[0],
            "total_order_se": errors[1],
        },
        index=pd.Index(list(swapped), name="factor"),
    )


def sobol(
    function: Callable[[np.ndarray], np.ndarray],
    bounds: Mapping[str, tuple[float, float]],
    n: int = 4096,
    seed: int = 0,
) -> pd.DataFrame:
    """Sobol indices of any function of uniform factors, on scrambled Sobol points (Owen 1997).

    Parameters
    ----------
    function : callable
        Takes an array (n, factors), gives one (n,).
    bounds : mapping of factor to (low, high)
    n : int
        A power of two: the function is asked for n·(factors + 2) points.

    Examples
    --------
    The function of Ishigami and Homma (1990) has .314, .442 and 0, in all .558, .442 and .244.

    >>> def ishigami(x):
    ...     return np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])
    >>> found = sobol(ishigami, dict.fromkeys("xyz", (-np.pi, np.pi)))
    >>> found["total_order"].round(2).tolist()
    [0.56, 0.44, 0.24]
    """
    if n < 2 or n & (n - 1):
        raise DataError(f"n is {n}; write a power of two, such as 4096")
    low, high = np.array(list(bounds.values()), dtype=float).T
    points = stats.qmc.Sobol(2 * len(bounds), rng=np.random.default_rng(seed)).random(n)
    a, b = (low + (high - low) * half for half in np.split(points, 2, axis=1))
    swapped = {}
    for k, name in enumerate(bounds):
        mixed = a.copy()
        mixed[:, k] = b[:, k]
        swapped[name] = function(mixed)
    return indices(function(a), function(b), swapped, seed)


def of_tree(result: Result, maker: str = "ALL", of: str = "bill", n: int = 2000) -> pd.DataFrame:
    """Sobol indices of a drawn tree: which outcome and when, each input, pass-through, life, currencies.

    The branch is one discrete factor. An input is one factor for all makers together, whatever part of its
    error they share. Life, pass-through and currencies move values alone.

    Parameters
    ----------
    maker : str
        A maker or a basket.
    n : int
        Draws in each of the two sets; blocks of 500.

    Returns
    -------
    DataFrame
        As `indices`, largest total first; `factor` in words.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> law = {"id": "law", "title": "the law", "probability": 1, "source": "an example"}
    >>> law["step"] = [{"policy": "current-law"}]
    >>> tree = tm.scenarios.load({"from": "2027-01-01", "to": "2027-12-31", "outcome": [law]})
    >>> found = of_tree(tm.scenarios.run(tree, draws=100), "Toyota", n=500)
    >>> bool(found["total_order"].is_monotonic_decreasing)
    True
    """
    study = result.study
    q, column = result.quantity(of), result.column(maker)
    size = draws.BLOCK
    factors: dict[str, int | str] = {words: k for k, words in enumerate(INPUTS.values())}
    if of == "value":
        factors |= {"how long it lasts": "life", "pass-through": "pass_through", "exchange rates": "fx"}
    names = ["which outcome, and when", *factors]
    found: dict[str, list[np.ndarray]] = {name: [] for name in ("a", "b", *names)}
    for number in range(max(1, n // size)):
        # seeds of their own: a block of A, one of B, and which branch each draw is on
        a, b = (draws.block(study.spec, result.seed + side, number, size) for side in (1, 2))
        picked = _branch(study.weight, result.seed, number, size)
        place, kept = np.arange(size), result.kept
        if (number, "") not in kept:
            every = [engine.evaluated(study, one) for one in (a, b)]
            sides = (0, 0), (1, 1), (0, 1)  # f(A), f(B), and A on the branches of B
            kept[number, ""] = [every[k][picked[branch], :, :, place] for k, branch in sides]
        for name, values in zip(("a", "b", names[0]), kept[number, ""], strict=True):
            found[name].append(values[:, q, column])
        for name, factor in factors.items():
            if (number, factor) not in kept:
                kept[number, factor] = engine.evaluated(study, a.swapped(b, factor))[picked[0], :, :, place]
            found[name].append(kept[number, factor][:, q, column])
    joined = {name: np.concatenate(parts) for name, parts in found.items()}
    frame = indices(joined.pop("a"), joined.pop("b"), joined, result.seed)
    return frame.sort_values("total_order", ascending=False)


def _branch(weight: np.ndarray, seed: int, number: int, size: int) -> Sequence[np.ndarray]:
    """Branch of each draw of A, and of B."""
    random = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number, 1)))
    edges = np.cumsum(weight) / weight.sum()
    return [np.searchsorted(edges, random.random(size), side="right").clip(max=len(weight) - 1) for _ in "ab"]
