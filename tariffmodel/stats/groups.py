"""Do groups of firms differ in how far they moved?

Welch's two-sample t, one-way analysis of variance, Welch's version of it and the rank test of Kruskal
and Wallis compare groups by the spread of the firms inside them, and take firms for independent. Firms
that share a day are not: shocks common to a group then pass for a difference. `portfolio_test` sets the
difference against how far the groups' portfolios drifted apart on quiet days, where such shocks are in.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from tariffmodel.errors import DataError
from tariffmodel.stats.mean_tests import Result, over, two_sided
from tariffmodel.stats.normal_returns import Array

if TYPE_CHECKING:
    from tariffmodel.stats.event_tests import Sample

NOTE = "takes firms for independent: rejects too often when firms share the event day"

__all__ = [
    "Groups",
    "Joint",
    "analysis_of_variance",
    "compare",
    "holm",
    "kruskal_wallis",
    "portfolio_test",
    "split",
    "welch",
    "welch_anova",
]


class Joint(NamedTuple):
    """A test of several groups at once: F, or χ² where `df_error` is infinite."""

    statistic: float
    df: float
    df_error: float
    p_value: float


@dataclass(frozen=True)
class Groups:
    """How far the firm-events of each group moved, and whether the groups differ.

    Attributes
    ----------
    table : DataFrame
        Indexed by group: `n`, `caar`, `se` (across firms, as if independent), `se_adjusted` (for their
        correlation), `positive`, `statistic` and `p_value` (Kolari-Pynnönen, that the mean is zero).
    tests : DataFrame
        Of equal means, indexed by test: `label`, `statistic`, `df`, `df_error` (inf: χ²), `p_value`,
        `adjusted` (holds when firms share the event day) and `note`.
    pairs : DataFrame
        Indexed by `group` and `other`: `difference` of their means, `se`, `statistic`, `df` and `p_value` of
        Welch's t, `p_holm` (over the pairs); `se_adjusted` and `p_adjusted` from how far the two portfolios
        drifted apart in the estimation window, with the firms' correlation in it.
    left_out : int
        Firm-events of firms without a group.
    """

    table: pd.DataFrame
    tests: pd.DataFrame
    pairs: pd.DataFrame
    left_out: int

    def __repr__(self) -> str:
        return f"Groups({', '.join(map(str, self.table.index))}; {self.left_out} firm-events left out)"


def welch(one: Array, two: Array) -> tuple[float, float, Result]:
    """Difference of two means, its standard error and t: variances need not be equal.

    ``t = (x̄ − ȳ) / √(s_x²/n + s_y²/m)`` with the degrees of freedom of Welch (1947).

    >>> difference, se, found = welch(np.array([1.0, 2, 3]), np.array([3.0, 5, 8, 4]))
    >>> round(difference, 2), round(se, 3), round(found.statistic, 3), round(found.df, 2)
    (-3.0, 1.225, -2.449, 4.42)
    """
    parts = np.array([values.var(ddof=1) / len(values) for values in (one, two)])
    se = float(np.sqrt(parts.sum()))
    shares = (parts**2 / [len(one) - 1, len(two) - 1]).sum()
    difference = float(one.mean() - two.mean())
    return difference, se, two_sided(over(difference, se), over(se**4, shares))


def analysis_of_variance(groups: list[Array]) -> Joint:
    """F of the variance between groups over that within them (Fisher 1925): equal variances.

    >>> found = analysis_of_variance([np.array([1.0, 2, 3]), np.array([3.0, 5, 8, 4])])
    >>> round(found.statistic, 3), found.df, found.df_error
    (4.821, 1, 5)
    """
    sizes, means = np.array([len(values) for values in groups]), np.array([v.mean() for v in groups])
    middle = (sizes * means).sum() / sizes.sum()
    inside = sum(float(((values - values.mean()) ** 2).sum()) for values in groups)
    df, df_error = len(groups) - 1, int(sizes.sum()) - len(groups)
    f = over(float((sizes * (means - middle) ** 2).sum()) / df, inside / df_error)
    return Joint(f, df, df_error, float(stats.f.sf(f, df, df_error)))


def welch_anova(groups: list[Array]) -> Joint:
    """F of several means whose variances need not be equal (Welch 1951).

    >>> found = welch_anova([np.array([1.0, 2, 3]), np.array([3.0, 5, 8, 4])])
    >>> round(found.statistic, 3), found.df, round(found.df_error, 2)  # of two groups, t²
    (6.0, 1, 4.42)
    """
    sizes, means = np.array([len(values) for values in groups]), np.array([v.mean() for v in groups])
    weights = sizes / np.array([values.var(ddof=1) for values in groups])
    middle, k = (weights * means).sum() / weights.sum(), len(groups)
    spread = ((1 - weights / weights.sum()) ** 2 / (sizes - 1)).sum()
    top = (weights * (means - middle) ** 2).sum() / (k - 1)
    f = float(top / (1 + 2 * (k - 2) / (k**2 - 1) * spread))
    df_error = float((k**2 - 1) / (3 * spread))
    return Joint(f, k - 1, df_error, float(stats.f.sf(f, k - 1, df_error)))


def kruskal_wallis(groups: list[Array]) -> Joint:
    """χ² of the mean ranks of groups, corrected for ties (Kruskal and Wallis 1952).

    >>> found = kruskal_wallis([np.array([1.0, 2, 3]), np.array([3.0, 5, 8, 4])])
    >>> round(found.statistic, 3), found.df
    (3.85, 1)
    """
    found = stats.kruskal(*groups)
    return Joint(float(found.statistic), len(groups) - 1, np.inf, float(found.pvalue))


def holm(p: Array) -> Array:
    """p-values that hold for all of them together (Holm 1979); NaN counts as one that was not tested.

    >>> holm(np.array([0.04, 0.01, np.nan, 0.03])).round(2).tolist()
    [0.06, 0.03, nan, 0.06]
    """
    order = np.argsort(p)  # NaN last
    left = np.arange(np.isfinite(p).sum(), 0, -1)
    raised = np.minimum(np.maximum.accumulate(p[order[: len(left)]] * left), 1)
    out = np.full(len(p), np.nan)
    out[order[: len(left)]] = raised
    return out


def portfolio_test(moves: Array, series: Array, days: int) -> Joint:
    """Do portfolios of groups move alike, against how far they drift apart on quiet days?

    T² = d'S⁻¹d / L of the differences d from the first group, with S their covariance over T days of
    estimation; (T − p)/(p(T − 1)) T² is F with p and T − p degrees of freedom (Hotelling 1931). For two
    groups it is the square of the crude dependence t of Brown and Warner (1980) on their difference.

    Parameters
    ----------
    moves : (G,)
        Cumulative average abnormal return of each group over L = `days` days.
    series : (G, T)
        Average residual of each group by day of estimation.

    Examples
    --------
    >>> quiet = np.array([[0.01, -0.01, 0.02, -0.02, 0.0], [0.01, 0.01, 0.0, -0.02, 0.0]])
    >>> found = portfolio_test(np.array([0.03, -0.03]), quiet, days=1)
    >>> round(found.statistic, 2), found.df, found.df_error
    (18.0, 1, 4)
    """
    apart = (series[1:] - series[0])[:, np.isfinite(series).all(axis=0)]
    difference, (p, t) = moves[1:] - moves[0], apart.shape
    if t <= p + 1:
        return Joint(np.nan, p, t - p, np.nan)
    covariance = np.atleast_2d(np.cov(apart))
    squared = float(difference @ np.linalg.pinv(covariance) @ difference) / days
    f = squared * (t - p) / (p * (t - 1))
    return Joint(f, p, t - p, float(stats.f.sf(f, p, t - p)))


def split(
    index: pd.Index, groups: Mapping[Hashable, Hashable] | pd.Series
) -> tuple[dict[Hashable, Array], int]:
    """Rows of each group, and how many have none.

    Parameters
    ----------
    index : MultiIndex
        Of event and firm.
    groups : mapping or Series
        Firm → group, or (event, firm) → group; firms not named, or with a missing group, are left out.

    Raises
    ------
    DataError
        Firms that are not in the study, fewer than two groups, or a group of one firm-event.

    Examples
    --------
    >>> firms = [["deal"], ["BMW", "VW", "F", "GM", "TSLA"]]
    >>> rows = pd.MultiIndex.from_product(firms, names=["event", "firm"])
    >>> found, left_out = split(rows, {"BMW": "DE", "VW": "DE", "F": "US", "GM": "US"})
    >>> {name: places.tolist() for name, places in found.items()}, left_out
    ({'DE': [0, 1], 'US': [2, 3]}, 1)
    """
    named = groups if isinstance(groups, pd.Series) else pd.Series(dict(groups), dtype=object)
    level = index if named.index.nlevels == 2 else index.get_level_values("firm")
    if not named.index.is_unique:
        raise DataError(f"groups names {named.index[named.index.duplicated()][0]!r} twice; give it one group")
    if unknown := [str(name) for name in named.index if name not in level]:
        raise DataError(f"groups names {', '.join(unknown[:5])}, not among the firm-events of the study")
    labels = named.reindex(level).to_numpy(dtype=object)
    known = ~pd.isna(labels)
    found = {name: np.flatnonzero(known & (labels == name)) for name in dict.fromkeys(labels[known])}
    if len(found) < 2:
        raise DataError(f"{len(found)} group has firm-events; a comparison needs two")
    for name, rows in found.items():
        if len(rows) < 2:
            raise DataError(f"group {name!r} has one firm-event and so no spread; leave it out or join it")
    return found, int((~known).sum())


def compare(samples: Mapping[Hashable, Sample], left_out: int) -> Groups:
    """The groups of `EventStudy.by_group`, each as the sample that its tests need.

    >>> from tariffmodel.stats.event_study import study
    >>> random, days = np.random.default_rng(0), pd.bdate_range("2025-01-02", periods=80)
    >>> returns = pd.DataFrame(random.normal(0, 0.01, (80, 4)), days, ["BMW", "VW", "F", "GM"])
    >>> returns.loc["2025-04-03", ["BMW", "VW"]] -= 0.05
    >>> one = study(returns, "2025-04-03", model="mean", estimation=(-60, -6), window=(-2, 2))
    >>> found = one.by_group({"BMW": "DE", "VW": "DE", "F": "US", "GM": "US"}, (0, 0))
    >>> found.table["caar"].round(3).to_dict()
    {'DE': -0.056, 'US': -0.006}
    >>> found.tests["p_value"].round(3).to_dict()
    {'anova': 0.001, 'welch': 0.006, 'kruskal_wallis': 0.121, 'portfolio': 0.0}
    """
    from tariffmodel.stats.event_tests import TESTS

    names, cars = list(samples), [sample.car for sample in samples.values()]
    rows = {}
    for name, sample in samples.items():
        found = TESTS["kp_bmp"].compute(sample)
        rows[name] = sample.averages() | {"statistic": found.statistic, "p_value": found.p_value}
    table = pd.DataFrame.from_dict(rows, orient="index").rename(columns={"mean": "caar"})
    table.insert(0, "n", table.pop("n").astype(int))
    averages = np.stack([sample.average for sample in samples.values()])
    series = np.stack([sample.portfolio for sample in samples.values()])
    days = np.isfinite(averages).all(axis=0)
    moves = np.where(days, averages, 0).sum(axis=1)
    pairs = {}
    for one, two in combinations(range(len(names)), 2):
        difference, se, t = welch(cars[one], cars[two])
        drift = np.nanstd(series[one] - series[two], ddof=1) * np.sqrt(days.sum())
        joint = portfolio_test(moves[[one, two]], series[[one, two]], int(days.sum()))
        pairs[names[one], names[two]] = (difference, se, *t, drift, joint.p_value)
    columns = ["difference", "se", "statistic", "df", "p_value", "se_adjusted", "p_adjusted"]
    paired = pd.DataFrame.from_dict(pairs, orient="index", columns=columns)
    paired.index = pd.MultiIndex.from_tuples(paired.index, names=["group", "other"])
    paired.insert(5, "p_holm", holm(paired["p_value"].to_numpy()))
    return Groups(table.rename_axis("group"), _tests(cars, moves, series, int(days.sum())), paired, left_out)


def _tests(cars: list[Array], moves: Array, series: Array, days: int) -> pd.DataFrame:
    rows = {
        "anova": ("One-way analysis of variance", *analysis_of_variance(cars), False, f"Fisher 1925; {NOTE}"),
        "welch": ("Welch's analysis of variance", *welch_anova(cars), False, f"Welch 1951; {NOTE}"),
        "kruskal_wallis": (
            "Kruskal-Wallis", *kruskal_wallis(cars), False, f"Kruskal and Wallis 1952; {NOTE}",
        ),
        "portfolio": (
            "Portfolios of the groups", *portfolio_test(moves, series, days), True,
            "Hotelling 1931; rejects too often when the event adds variance",
        ),
    }  # fmt: skip
    columns = ["label", "statistic", "df", "df_error", "p_value", "adjusted", "note"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("test")
