"""Is a mean abnormal return different from zero?

Pure functions on arrays: each takes one value per firm-event or per day and returns a `Result`, the
statistic with its degrees of freedom (``inf`` for the standard normal) and the two-sided p. In the
formulas: N firm-events, T days of estimation, L days tested, σ the standard deviation of the
estimation residuals, SCAR a cumulative abnormal return over its own standard error.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from scipy import special, stats

from tariffmodel.stats.normal_returns import Array
from tariffmodel.stats.resampling import ENUMERATED, p_value, signs
from tariffmodel.stats.resampling import sums as resampled_sums

__all__ = [
    "Result",
    "abnormal_volatility",
    "brown_warner",
    "calendar_time_t",
    "clustered_t",
    "cross_sectional_t",
    "crude_dependence",
    "kolari_pynnonen_bmp",
    "lamb",
    "mackinlay",
    "patell",
    "romano_wolf",
    "sign_test",
    "skewness_t",
    "stationary_bootstrap",
    "tail",
    "two_sided",
    "wild_bootstrap",
]


class Result(NamedTuple):
    """A test statistic, its degrees of freedom and its two-sided p-value; NaN where undefined."""

    statistic: float
    df: float
    p_value: float


def two_sided(statistic: float, df: float = np.inf) -> Result:
    """Two-sided p-value under Student's t, which is the standard normal at ``df=inf``.

    >>> round(two_sided(1.96).p_value, 3), round(two_sided(1.96, df=9).p_value, 3)
    (0.05, 0.082)
    """
    statistic, df = float(statistic), float(df)
    if not np.isfinite(statistic) or df <= 0:
        return Result(np.nan, df, np.nan)
    return Result(statistic, df, float(2 * special.stdtr(df, -abs(statistic))))


def tail(statistic: Array | float, df: Array | float, alternative: str) -> Array:
    """p-value of a statistic under Student's t.

    >>> float(tail(1.96, np.inf, "greater").round(3))
    0.025
    """
    df = np.where(np.asarray(df) > 0, df, np.nan)
    if alternative == "two-sided":
        return 2 * special.stdtr(df, -np.abs(statistic))
    return special.stdtr(df, np.negative(statistic) if alternative == "greater" else statistic)


def over(top: float, bottom: float) -> float:
    """A ratio; NaN unless what it is over is above zero.

    >>> over(1.0, 2.0), over(1.0, 0.0)
    (0.5, nan)
    """
    return top / bottom if bottom > 0 else np.nan


def deviation(values: Array) -> float:
    """Standard deviation, divisor N − 1; NaN of fewer than two values.

    >>> deviation(np.array([1.0, 2.0, 3.0])), deviation(np.array([1.0]))
    (1.0, nan)
    """
    return float(values.std(ddof=1)) if len(values) > 1 else np.nan


def widening(n: int, correlation: float) -> float:
    """By what the variance of a mean of `n` is larger than without their mean correlation: 1 + (n − 1) r.

    >>> widening(10, 0.1), widening(10, -0.5)
    (1.9, 0.0)
    """
    return max(1 + (n - 1) * correlation, 0.0)  # zero: the firms' shocks cancel, nothing is testable


def cross_sectional_t(car: Array) -> Result:
    """Mean over its standard error across firms: ``mean(CAR) / (s / √N)``, t with N − 1.

    Allows for variance that the event itself adds; takes firms for independent.

    >>> car = np.array([-0.02, -0.03, -0.01, 0.004])
    >>> found = cross_sectional_t(car)
    >>> round(found.statistic, 3), found.df, round(found.p_value, 3)
    (-1.929, 3.0, 0.149)
    """
    n = len(car)
    return two_sided(over(car.mean(), deviation(car) / np.sqrt(n)), n - 1)


def clustered_t(car: Array, cluster: Array) -> Result:
    """Mean over a standard error that lets the firms of one event move together.

    ``V = G/(G − 1) Σ_g (Σ_{i∈g} (CAR_i − mean))² / N²``, t with G − 1 (Liang and Zeger 1986; Cameron
    and Miller 2015). Needs several events; with few of them see `wild_bootstrap`.

    >>> car = np.array([-0.02, -0.03, -0.01, 0.004])
    >>> round(clustered_t(car, cluster=np.array([1, 1, 2, 2])).statistic, 3)
    -1.273
    """
    groups, code = np.unique(cluster, return_inverse=True)
    sums = np.bincount(code, car - car.mean(), len(groups))
    if len(groups) < 2:
        return two_sided(np.nan, 0)
    variance = len(groups) / (len(groups) - 1) * (sums**2).sum() / len(car) ** 2
    return two_sided(over(car.mean(), np.sqrt(variance)), len(groups) - 1)


def skewness_t(car: Array, form: Literal["hall", "johnson"] = "hall") -> Result:
    """Cross-sectional t corrected for skewness, t with N − 1.

    With S = mean/s and γ = N/((N − 1)(N − 2)) Σ((CAR_i − mean)/s)³:
    ``√N (S + γS²/3 + γ²S³/27 + γ/6N)`` (Hall 1992), or without the cubic term (Johnson 1978; Lyon,
    Barber and Tsai 1999).

    >>> car = np.array([-0.02, -0.03, -0.01, 0.004])
    >>> round(skewness_t(car).statistic, 3), round(skewness_t(car, "johnson").statistic, 3)
    (-1.694, -1.686)
    """
    n, spread = len(car), deviation(car)
    if n < 3 or not spread > 0:
        return two_sided(np.nan, n - 1)
    size = car.mean() / spread
    skew = n / ((n - 1) * (n - 2)) * (((car - car.mean()) / spread) ** 3).sum()
    cubic = skew**2 * size**3 / 27 if form == "hall" else 0.0
    return two_sided(np.sqrt(n) * (size + skew * size**2 / 3 + cubic + skew / (6 * n)), n - 1)


def brown_warner(car: Array, length: Array, sigma: Array, df: Array) -> Result:
    """Mean against the firms' own variances: ``Σ CAR_i / √(Σ L_i σ_i²)``, t with the mean T − k.

    Brown and Warner (1980); takes firms for independent and the event for harmless to
    variance.

    >>> car = np.array([-0.02, -0.03, -0.01, 0.004])
    >>> sigma = np.full(4, 0.015)
    >>> round(brown_warner(car, length=np.ones(4), sigma=sigma, df=np.full(4, 248.0)).statistic, 3)
    -1.867
    """
    return two_sided(over(car.sum(), np.sqrt((length * sigma**2).sum())), df.mean())


def mackinlay(car: Array, se: Array) -> Result:
    """Mean against the firms' own standard errors: ``Σ CAR_i / √(Σ se_i²)``, standard normal.

    θ₁ of MacKinlay (1997), J₁ of Campbell, Lo and MacKinlay (1997), whose J₂ is `patell`; takes firms
    for independent and the event for harmless to variance.

    >>> car = np.array([-0.02, -0.03, -0.01, 0.004])
    >>> round(mackinlay(car, se=np.full(4, 0.015)).statistic, 3)
    -1.867
    """
    return two_sided(over(car.sum(), np.sqrt((se**2).sum())))


def crude_dependence(average: Array, series: Array) -> Result:
    """Sum of the average abnormal returns against their variation in the estimation window.

    ``Σ_t AAR_t / (√L S)`` with S² = Σ(A_t − mean A)²/(T − 1) over the average residual A_t of each day
    of estimation, t with T − 1: the "crude dependence adjustment" of Brown and Warner (1980,
    1985). Correlation between firms is inside A_t.

    Parameters
    ----------
    average : (L,)
    series : (T,)

    Examples
    --------
    >>> quiet = np.array([0.01, -0.01, 0.02, -0.02, 0.0])
    >>> round(crude_dependence(np.array([-0.03]), series=quiet).statistic, 3)
    -1.897
    """
    series = series[np.isfinite(series)]
    scale = np.sqrt(np.isfinite(average).sum()) * deviation(series)
    return two_sided(over(np.nansum(average), scale), len(series) - 1)


def lamb(average: Array, error: Array, series: Array) -> Result:
    """`crude_dependence` that allows for the error of the estimated coefficients; standard normal.

    ``Σ_t AAR_t / (S √(1 + h_t)) / √L`` with h_t the prediction error of day t over σ², in the market
    model ``1/T + (m_t − m̄)²/S_mm`` (Lamb 1995).

    Parameters
    ----------
    average, error : (L,)
    series : (T,)

    Examples
    --------
    >>> quiet = np.array([0.01, -0.01, 0.02, -0.02, 0.0])
    >>> round(lamb(np.array([-0.03]), error=np.array([0.1]), series=quiet).statistic, 3)
    -1.809
    """
    return crude_dependence(average / np.sqrt(1 + error), series)


def patell(scar: Array, df: Array, correlation: float = 0.0) -> Result:
    """Standardised returns against their theoretical variance: ``Σ SCAR / √(Σ ν_i/(ν_i − 2))``.

    Patell (1976), with ν = T − k degrees of freedom of the residual variance; standard normal.
    A `correlation` r̄ other than zero divides by √(1 + (N − 1) r̄) (Kolari and Pynnönen 2010).
    Assumes that the event does not add variance.

    >>> scar = np.array([-1.5, -2.0, -0.5])
    >>> df = np.full(3, 248.0)
    >>> round(patell(scar, df).statistic, 3), round(patell(scar, df, correlation=0.3).statistic, 3)
    (-2.3, -1.818)
    """
    if (df <= 2).any():
        return two_sided(np.nan)
    variance = (df / (df - 2)).sum()
    return two_sided(over(scar.sum(), np.sqrt(variance * widening(len(scar), correlation))))


def kolari_pynnonen_bmp(scar: Array, correlation: float = 0.0) -> Result:
    """Standardised cross-sectional test, adjusted for correlation between firms; t with N − 1.

    ``mean(SCAR) √N / s · √((1 − r̄) / (1 + (N − 1) r̄))`` with s the standard deviation across firms:
    Kolari and Pynnönen (2010). At r̄ = 0 it is Boehmer, Musumeci and Poulsen (1991). Holds its
    size when the event adds variance and, with r̄ estimated, when firms share shocks.

    >>> scar = np.array([-1.5, -2.0, -0.5])
    >>> round(kolari_pynnonen_bmp(scar).p_value, 3), round(kolari_pynnonen_bmp(scar, 0.3).p_value, 3)
    (0.094, 0.184)
    """
    n = len(scar)
    inflation = widening(n, correlation) / (1 - correlation) if correlation < 1 else np.nan
    return two_sided(over(scar.mean(), deviation(scar) * np.sqrt(inflation / n)), n - 1)


def sign_test(car: Array, share: float | Array = 0.5) -> Result:
    """Number w of positive returns against the number expected: ``(w − Np) / √(Np(1 − p))``.

    p = ½ is the sign test; the mean `share` of positive residuals in the estimation window makes it the
    generalised sign test of Cowan (1992). Standard normal; takes firms for independent.

    >>> car = np.array([-0.02, -0.03, -0.01, 0.004])
    >>> round(sign_test(car).statistic, 3), round(sign_test(car, share=0.48).statistic, 3)
    (-1.0, -0.921)
    """
    n, p = len(car), float(np.mean(share))
    return two_sided(over((car > 0).sum() - n * p, np.sqrt(n * p * (1 - p))), n - 1)


def wild_bootstrap(car: Array, cluster: Array, draws: int = 999, seed: int = 0) -> Result:
    """Clustered t with a p-value from flipping the signs of whole clusters, the null imposed.

    Cameron, Gelbach and Miller (2008): CAR* = w_g CAR, w = ±1 with equal chance, and p is the share of
    draws with |t*| ≥ |t|. Up to 12 clusters all sign patterns are enumerated instead of drawn. With one
    firm per cluster this is the wild bootstrap of independent firms.

    >>> car = np.array([-0.02, -0.03, -0.01, 0.004])
    >>> wild_bootstrap(car, cluster=np.arange(4)).p_value  # of all 16 patterns of signs
    0.25
    """
    groups, code, size = np.unique(cluster, return_inverse=True, return_counts=True)
    n, count = len(car), len(groups)
    if count < 2:
        return Result(np.nan, np.nan, np.nan)
    sums = np.bincount(code, car, count)

    def t(signs: Array) -> Array:
        # Σ_g (±S_g − n_g mean)², expanded: (±S_g)² does not depend on the sign
        mean = signs @ sums / n
        squares = (sums**2).sum() - 2 * mean * (signs @ (size * sums)) + mean**2 * (size**2).sum()
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(mean / np.sqrt(count / (count - 1) * np.maximum(squares, 0)) * n)

    found = float(t(np.ones((1, count)))[0])
    if not np.isfinite(found):
        return Result(np.nan, np.nan, np.nan)
    drawn = np.concatenate([np.abs(t(block)) for block in signs(count, draws, seed)])
    exact = count <= ENUMERATED
    return Result(found, np.nan, p_value(drawn, abs(found), exact=exact))


def stationary_bootstrap(
    average: Array, series: Array, draws: int = 999, seed: int = 0, block: float | None = None
) -> Result:
    """Sum of average abnormal returns against sums of as many days drawn from the estimation window.

    Days are drawn in blocks of geometric length, mean `block`, that wrap around (Politis and Romano
    1994), from the average residual less its mean, so correlation between firms and over time stays in.
    The statistic is the sum over its standard deviation in the draws. Default block: T^⅓, or L if longer.

    >>> quiet = np.random.default_rng(0).normal(0, 0.01, 250)
    >>> stationary_bootstrap(np.array([-0.03]), quiet, draws=999).p_value
    0.009
    """
    series = series[np.isfinite(series)]
    length = int(np.isfinite(average).sum())
    if length == 0 or len(series) < 2:
        return Result(np.nan, np.nan, np.nan)
    sums = resampled_sums(series, length, draws, seed, block)
    found = float(np.nansum(average))
    p = (1 + (np.abs(sums) >= abs(found)).sum()) / (1 + draws)
    return Result(over(found, sums.std(ddof=1)), np.nan, float(p))


def calendar_time_t(ar: Array, day: Array) -> Result:
    """Mean over calendar days of the portfolio of firms in their event window, t with D − 1.

    One return a day, however many firms are in it (Jaffe 1974; Mandelker 1974; Fama 1998):
    correlation across firms is inside each day's return. `day` labels the cells of `ar`.

    >>> ar = np.array([[-0.02, 0.01], [-0.03, -0.01]])
    >>> round(calendar_time_t(ar, day=np.array([[5, 6], [6, 7]])).statistic, 3)
    -4.0
    """
    here = np.isfinite(ar)
    labels, code = np.unique(day[here], return_inverse=True)
    if len(labels) < 2:
        return two_sided(np.nan, 0)
    portfolio = np.bincount(code, ar[here]) / np.bincount(code)
    return cross_sectional_t(portfolio)


def abnormal_volatility(ar: Array, variance: Array) -> tuple[Array, Result]:
    """How many times larger than usual is the variance across firms on each day?

    ``λ_t = 1/(N − 1) Σ_i (N A_it − Σ_j A_jt)² / (N(N − 2) σ²_it + Σ_j σ²_jt)``, 1 under the null;
    ``Σ_t (N − 1) λ_t`` is χ² with (N − 1)L (Białkowski, Gottschalk and Wisniewski 2008, after
    Savickas 2003). Takes firms for independent.

    Parameters
    ----------
    ar, variance : (N, L)
        Abnormal returns, and their variances expected without the event.

    Returns
    -------
    λ by day, and the test; its p-value is one-sided, against more variance than usual.

    Examples
    --------
    >>> ar = np.array([[0.02], [-0.03], [0.01], [-0.02]])
    >>> ratio, test = abnormal_volatility(ar, variance=np.full((4, 1), 0.01**2))
    >>> ratio.round(2), test.df, round(test.p_value, 4)
    (array([7.56]), 3.0, 0.0)
    """
    here = np.isfinite(ar)
    n = here.sum(axis=0)
    ar, variance = np.where(here, ar, 0), np.where(here, variance, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (n * ar - ar.sum(axis=0)) ** 2 / (n * (n - 2) * variance + variance.sum(axis=0))
        ratio = np.where(here, share, 0).sum(axis=0) / (n - 1)
    usable = n > 2
    ratio = np.where(usable, ratio, np.nan)
    df = float((n[usable] - 1).sum())
    found = float(((n - 1) * ratio)[usable].sum()) if df else np.nan
    return ratio, Result(found, df, float(stats.chi2.sf(found, df)) if df else np.nan)


def romano_wolf(statistics: Array, null: Array) -> Array:
    """Stepdown p-values that allow for testing m hypotheses at once, (m,).

    Romano and Wolf (2005, 2016): the j-th largest |statistic| is compared with the largest
    |null| draw among those not yet rejected; p-values are made monotone.

    Parameters
    ----------
    statistics : (m,)
    null : (draws, m)
        The same statistics drawn under the null.

    Examples
    --------
    >>> null = np.random.default_rng(0).normal(size=(999, 3))
    >>> romano_wolf(np.array([2.8, 1.0, 0.2]), null).round(2)
    array([0.02, 0.55, 0.86])
    """
    order = np.argsort(-np.abs(statistics))
    largest = np.maximum.accumulate(np.abs(null)[:, order][:, ::-1], axis=1)[:, ::-1]
    p = (1 + (largest >= np.abs(statistics)[order]).sum(axis=0)) / (1 + len(null))
    adjusted = np.empty(len(p))
    adjusted[order] = np.maximum.accumulate(p)
    return adjusted
