"""Is an average abnormal return different from zero, and does the answer hold on a day firms share?

Pure functions on arrays: rows are firm-events, columns are days, NaN is a missing day. Each returns a
`Result`: the statistic, its degrees of freedom (``inf`` for the standard normal) and the two-sided p.
The notation of the formulas: N firm-events, T days of estimation, L days tested, σ the standard
deviation of the estimation residuals, SCAR a cumulative abnormal return over its own standard error.

Firms that share an event day share its shocks. Tests built on the spread across firms take that for
independent evidence and reject too often; `kolari_pynnonen_bmp` corrects for the mean correlation of
the residuals, and `crude_dependence`, `rank_test` and `generalised_rank` measure the noise of the
average over time, which contains the correlation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy import special, stats

from tariffmodel.errors import DataError
from tariffmodel.stats.normal_returns import (
    Array,
    Estimates,
    day_mean,
    leverage,
    positive_share,
    residual_sd,
)
from tariffmodel.stats.resampling import ENUMERATED, p_value, signs
from tariffmodel.stats.resampling import sums as resampled_sums

RankMissing = Literal["corrado-zivney", "kolari-pynnonen", "mean"]
_BLOCK = 1024  # rows ranked at a time, so that a block stays in the processor's cache
_CELLS = 4_000_000  # of a matrix of draws or pairs held at once


class Result(NamedTuple):
    """A test statistic, its degrees of freedom and its two-sided p-value; NaN where undefined."""

    statistic: float
    df: float
    p_value: float


def two_sided(statistic: float, df: float = np.inf) -> Result:
    """Two-sided p-value under Student's t, which is the standard normal at ``df=inf``."""
    statistic, df = float(statistic), float(df)
    if not np.isfinite(statistic) or df <= 0:
        return Result(np.nan, df, np.nan)
    return Result(statistic, df, float(2 * special.stdtr(df, -abs(statistic))))


def _ratio(top: float, bottom: float) -> float:
    return top / bottom if bottom > 0 else np.nan


def cross_sectional_t(car: Array) -> Result:
    """Mean over its standard error across firms: ``mean(CAR) / (s / √N)``, t with N − 1.

    Allows for variance that the event itself adds; takes firms for independent.
    """
    n = len(car)
    return two_sided(_ratio(car.mean(), _spread(car) / np.sqrt(n)), n - 1)


def clustered_t(car: Array, cluster: Array) -> Result:
    """Mean over a standard error that lets the firms of one event move together.

    ``V = G/(G − 1) Σ_g (Σ_{i∈g} (CAR_i − mean))² / N²``, t with G − 1 (Liang and Zeger 1986; Cameron
    and Miller 2015). Needs several events; with few of them see `wild_bootstrap`.
    """
    groups, code = np.unique(cluster, return_inverse=True)
    sums = np.bincount(code, car - car.mean(), len(groups))
    if len(groups) < 2:
        return two_sided(np.nan, 0)
    variance = len(groups) / (len(groups) - 1) * (sums**2).sum() / len(car) ** 2
    return two_sided(_ratio(car.mean(), np.sqrt(variance)), len(groups) - 1)


def skewness_t(car: Array, form: Literal["hall", "johnson"] = "hall") -> Result:
    """Cross-sectional t corrected for skewness, t with N − 1.

    With S = mean/s and γ = N/((N − 1)(N − 2)) Σ((CAR_i − mean)/s)³:
    ``√N (S + γS²/3 + γ²S³/27 + γ/6N)`` (Hall 1992), or without the cubic term (Johnson 1978; Lyon,
    Barber and Tsai 1999).
    """
    n, spread = len(car), _spread(car)
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
    """
    return two_sided(_ratio(car.sum(), np.sqrt((length * sigma**2).sum())), df.mean())


def mackinlay(car: Array, se: Array) -> Result:
    """Mean against the firms' own standard errors: ``Σ CAR_i / √(Σ se_i²)``, standard normal.

    θ₁ of MacKinlay (1997), J₁ of Campbell, Lo and MacKinlay (1997), whose J₂ is `patell`; takes firms
    for independent and the event for harmless to variance.
    """
    return two_sided(_ratio(car.sum(), np.sqrt((se**2).sum())))


def crude_dependence(average: Array, series: Array) -> Result:
    """Sum of the average abnormal returns against their variation in the estimation window.

    ``Σ_t AAR_t / (√L S)`` with S² = Σ(A_t − mean A)²/(T − 1) over the average residual A_t of each day
    of estimation, t with T − 1: the "crude dependence adjustment" of Brown and Warner (1980,
    1985). Correlation between firms is inside A_t.

    Parameters
    ----------
    average : (L,)
    series : (T,)
    """
    series = series[np.isfinite(series)]
    scale = np.sqrt(np.isfinite(average).sum()) * _spread(series)
    return two_sided(_ratio(np.nansum(average), scale), len(series) - 1)


def lamb(average: Array, error: Array, series: Array) -> Result:
    """`crude_dependence` that allows for the error of the estimated coefficients; standard normal.

    ``Σ_t AAR_t / (S √(1 + h_t)) / √L`` with h_t the prediction error of day t over σ², in the market
    model ``1/T + (m_t − m̄)²/S_mm`` (Lamb 1995).

    Parameters
    ----------
    average, error : (L,)
    series : (T,)
    """
    return crude_dependence(average / np.sqrt(1 + error), series)


def patell(scar: Array, df: Array, correlation: float = 0.0, *, unit_variance: bool = False) -> Result:
    """Standardised returns against their theoretical variance: ``Σ SCAR / √(Σ ν_i/(ν_i − 2))``.

    Patell (1976), with ν = T − k degrees of freedom of the residual variance; standard normal.
    A `correlation` r̄ other than zero divides by √(1 + (N − 1) r̄) (Kolari and Pynnönen 2010).
    Assumes that the event does not add variance. `unit_variance` takes 1 for ν/(ν − 2).
    """
    if (df <= 2).any() and not unit_variance:
        return two_sided(np.nan)
    variance = float(len(scar)) if unit_variance else (df / (df - 2)).sum()
    return two_sided(_ratio(scar.sum(), np.sqrt(variance * _inflation(len(scar), correlation))))


def kolari_pynnonen_bmp(scar: Array, correlation: float = 0.0) -> Result:
    """Standardised cross-sectional test, adjusted for correlation between firms; t with N − 1.

    ``mean(SCAR) √N / s · √((1 − r̄) / (1 + (N − 1) r̄))`` with s the standard deviation across firms:
    Kolari and Pynnönen (2010). At r̄ = 0 it is Boehmer, Musumeci and Poulsen (1991). Holds its
    size when the event adds variance and, with r̄ estimated, when firms share shocks.
    """
    n = len(scar)
    inflation = _inflation(n, correlation) / (1 - correlation) if correlation < 1 else np.nan
    return two_sided(_ratio(scar.mean(), _spread(scar) * np.sqrt(inflation / n)), n - 1)


def _inflation(n: int, correlation: float) -> float:
    return max(1 + (n - 1) * correlation, 0.0)  # zero: the firms' shocks cancel, nothing is testable


def _spread(values: Array) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else np.nan


def average_correlation(residuals: Array) -> float:
    """Mean pairwise correlation of the rows, each pair over the days both have; N(N − 1)/2 pairs.

    The r̄ of Kolari and Pynnönen (2010).
    """
    n = len(residuals)
    return correlation_sum(residuals) / (n * (n - 1)) if n > 1 else 0.0


def correlation_sum(first: Array, second: Array | None = None) -> float:
    """Sum of the correlations of every row of `first` with every row of `second`.

    Without `second`: over ordered pairs of different rows of `first`. Pairs with fewer than three
    common days, or a constant row, count zero. Columns are the same days in both.
    """
    within = second is None
    other = first if second is None else second
    first, other = (block - _row_mean(block)[:, None] for block in (first, other))
    if np.isfinite(first).all() and np.isfinite(other).all():  # |Σz|² in place of N² products
        one, two = (_unit(block).sum(axis=0) for block in (first, other))
        return float(one @ two) - within * float((_unit(first) ** 2).sum())
    there = np.isfinite(other).astype(float)
    filled = np.nan_to_num(other)
    total, step = 0.0, max(1, _CELLS // max(len(other), 1))
    for start in range(0, len(first), step):
        rows = first[start : start + step]
        here, mine = np.isfinite(rows).astype(float), np.nan_to_num(rows)
        n = here @ there.T
        x, y = mine @ there.T, here @ filled.T
        spread = (n * (mine**2 @ there.T) - x**2) * (n * (here @ (filled**2).T) - y**2)
        usable = (n >= 3) & (spread > 0)
        if within:
            usable[np.arange(len(rows)), start + np.arange(len(rows))] = False
        product = n * (mine @ filled.T) - x * y
        total += (product[usable] / np.sqrt(spread[usable])).sum()
    return float(total)


def _row_mean(values: Array) -> Array:
    count = np.isfinite(values).sum(axis=1)
    return np.nansum(values, axis=1) / np.maximum(count, 1)


def _unit(centred: Array) -> Array:
    norm = np.sqrt((centred**2).sum(axis=1))
    return centred / np.where(norm > 0, norm, np.inf)[:, None]


class RankDays(NamedTuple):
    """Ranks and signs of abnormal returns within each firm, summed over firms for each day."""

    scaled: Array  #: Σ_i (K_it/(1 + M_i) − ½), K the rank among the firm's M_i days
    rank: Array  #: Σ_i (K_it − (M_i + 1)/2)
    sign: Array  #: Σ_i sign(A_it − median A_i)
    n: Array  #: firms with a return that day
    available: float  #: mean M_i


def rank_days(*values: Array) -> RankDays:
    """Rank each row over its own days (ties share the average rank) and add up by day.

    Arrays with the same rows are taken side by side.
    """
    scaled, rank, sign, n = np.zeros((4, sum(part.shape[1] for part in values)))
    for start in range(0, len(values[0]), _BLOCK):
        block = np.hstack([part[start : start + _BLOCK] for part in values])
        order, ordered = _order(block)
        here = np.isfinite(block)
        count = here.sum(axis=1)
        deviation = _ranks(order, ordered) - (count[:, None] + 1) / 2
        deviation[~here] = 0.0
        n += here.sum(axis=0)
        rank += deviation.sum(axis=0)
        scaled += (1 / (1 + count)) @ deviation
        rows = np.arange(len(block))
        middle = (ordered[rows, (count - 1) // 2] + ordered[rows, count // 2]) / 2
        sign += np.where(here, np.sign(block - middle[:, None]), 0).sum(axis=0)
    return RankDays(scaled, rank, sign, n, float(n.sum() / len(values[0])))


def ranks(values: Array) -> Array:
    """Rank of each value within its row, 1 the smallest; ties share their average, NaN stays NaN."""
    placed = _ranks(*_order(values))
    placed[~np.isfinite(values)] = np.nan
    return placed


def _order(values: Array) -> tuple[Array, Array]:
    order = np.argsort(values, axis=1)  # NaN last
    return order, np.take_along_axis(values, order, axis=1)


def _ranks(order: Array, ordered: Array) -> Array:
    places = np.broadcast_to(np.arange(1.0, order.shape[1] + 1), order.shape)
    tied = ordered[:, 1:] == ordered[:, :-1]
    if tied.any():  # the mean of the first and the last place of each run of equal values
        edge = np.ones((len(order), 1), dtype=bool)
        first = np.where(np.hstack([edge, ~tied]), places, 0)
        last = np.where(np.hstack([~tied, edge]), places, np.inf)
        first = np.maximum.accumulate(first, axis=1)
        last = np.minimum.accumulate(last[:, ::-1], axis=1)[:, ::-1]
        places = (first + last) / 2
    placed = np.empty(order.shape)
    np.put_along_axis(placed, order, places, axis=1)
    return placed


def rank_test(
    total: Array,
    n: Array,
    window: slice,
    *,
    missing: RankMissing = "corrado-zivney",
    length: float | None = None,
    variance: slice = slice(None),
) -> Result:
    """Ranks (or signs) of the tested days against their own variation over time.

    ``Z = Σ_{t∈window} k_t / (√L S)``, ``S² = Σ k_t²/T``. By `missing`:

    - ``"corrado-zivney"``: k_t = total_t/√N_t (Corrado and Zivney 1992);
    - ``"mean"``: k_t = total_t/N_t (Corrado 1989, who has no missing days);
    - ``"kolari-pynnonen"``: k_t = total_t/N_t, and S² weighs day t by N_t/N (Kolari and Pynnönen
      2011).

    They agree when no day is missing. Several days: sum over √L (Campbell and Wasley 1993; Cowan 1992).
    Standard normal; its degrees of freedom are T − 1 for those who prefer t.

    Parameters
    ----------
    total, n : (D,)
        From `rank_days`; D covers the estimation and the event window.
    window, variance : slice
        Days tested, and days over which S is measured (default: all).
    length : float, optional
        T. Default: days measured that any firm has.
    """
    seen = n > 0
    safe = np.where(seen, n, 1)
    level = total / (np.sqrt(safe) if missing == "corrado-zivney" else safe)
    noise = level * np.sqrt(safe / safe.max()) if missing == "kolari-pynnonen" else level
    days = float(seen[variance].sum()) if length is None else length
    tested = seen[window].sum()
    scale = np.sqrt((noise[variance] ** 2).sum() / days) * np.sqrt(tested)
    return two_sided(_ratio(level[window].sum(), scale), days - 1)


def generalised_rank(scar: Array, residuals: Array, sigma: Array | float = 1.0) -> tuple[Result, Result]:
    """GRANK-T and GRANK-Z of Kolari and Pynnönen (2011).

    SCAR, divided by its standard deviation across firms, is ranked as one more day among the firm's T
    standardised residuals: U = K/(M + 1) − ½. ``Z = Ū_0 / S``, ``S² = Σ_t (n_t/n) Ū_t² / (T + 1)``, and
    GRANK-T is ``Z √((T − 1)/(T − Z²))``, t with T − 1: the correlation of firms is inside S. GRANK-Z is
    Ū_0 over the standard deviation of a uniform rank, ``√(T/(12 N (T + 2)))``: firms independent.

    Parameters
    ----------
    scar : (N,)
    residuals : (N, T)
    sigma : (N,)
        Their standard deviations; ranks within a firm need only SCAR on the scale of the residuals.
    """
    n, days = residuals.shape
    spread = _spread(scar)
    if not spread > 0:
        return two_sided(np.nan, days - 1), two_sided(np.nan)
    table = rank_days(residuals, (scar / spread * sigma)[:, None])
    seen = table.n > 0
    mean = table.scaled / np.maximum(table.n, 1)
    points = seen.sum()
    z = _ratio(mean[-1], np.sqrt((table.n / n * mean**2).sum() / points))
    t = z * np.sqrt((points - 2) / (points - 1 - z**2)) if z**2 < points - 1 else np.nan
    count = np.isfinite(residuals).sum(axis=1)
    uniform = np.sqrt((count / (12 * (count + 2))).sum()) / n
    return two_sided(t, points - 2), two_sided(_ratio(mean[-1], uniform), points - 2)


def sign_test(car: Array, share: float | Array = 0.5) -> Result:
    """Number w of positive returns against the number expected: ``(w − Np) / √(Np(1 − p))``.

    p = ½ is the sign test; the mean `share` of positive residuals in the estimation window makes it the
    generalised sign test of Cowan (1992). Standard normal; takes firms for independent.
    """
    n, p = len(car), float(np.mean(share))
    return two_sided(_ratio((car > 0).sum() - n * p, np.sqrt(n * p * (1 - p))), n - 1)


def wilcoxon(car: Array) -> Result:
    """Signed ranks (Wilcoxon 1945), zeros dropped, ties averaged; exact p up to 50 firms without ties.

    ``(W⁺ − m(m + 1)/4) / √(m(m + 1)(2m + 1)/24 − Σ(t³ − t)/48)`` over m values that are not zero.
    """
    car = car[car != 0]
    m = len(car)
    if m == 0:
        return two_sided(np.nan)
    positive = ranks(np.abs(car)[None])[0][car > 0].sum()
    _, runs = np.unique(np.abs(car), return_counts=True)
    variance = m * (m + 1) * (2 * m + 1) / 24 - (runs**3 - runs).sum() / 48
    z = two_sided(_ratio(positive - m * (m + 1) / 4, np.sqrt(variance)))
    if m > 50 or (runs > 1).any():
        return z
    return z._replace(p_value=float(stats.wilcoxon(car, method="exact").pvalue))


def wild_bootstrap(car: Array, cluster: Array, draws: int = 999, seed: int = 0) -> Result:
    """Clustered t with a p-value from flipping the signs of whole clusters, the null imposed.

    Cameron, Gelbach and Miller (2008): CAR* = w_g CAR, w = ±1 with equal chance, and p is the share of
    draws with |t*| ≥ |t|. Up to 12 clusters all sign patterns are enumerated instead of drawn. With one
    firm per cluster this is the wild bootstrap of independent firms.
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
            return mean / np.sqrt(count / (count - 1) * np.maximum(squares, 0)) * n

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
    """
    series = series[np.isfinite(series)]
    length = int(np.isfinite(average).sum())
    if length == 0 or len(series) < 2:
        return Result(np.nan, np.nan, np.nan)
    sums = resampled_sums(series, length, draws, seed, block)
    found = float(np.nansum(average))
    p = (1 + (np.abs(sums) >= abs(found)).sum()) / (1 + draws)
    return Result(_ratio(found, sums.std(ddof=1)), np.nan, float(p))


def calendar_time_t(ar: Array, day: Array) -> Result:
    """Mean over calendar days of the portfolio of firms in their event window, t with D − 1.

    One return a day, however many firms are in it (Jaffe 1974; Mandelker 1974; Fama 1998):
    correlation across firms is inside each day's return. `day` labels the cells of `ar`.
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
    """
    order = np.argsort(-np.abs(statistics))
    largest = np.maximum.accumulate(np.abs(null)[:, order][:, ::-1], axis=1)[:, ::-1]
    p = (1 + (largest >= np.abs(statistics)[order]).sum(axis=0)) / (1 + len(null))
    adjusted = np.empty(len(p))
    adjusted[order] = np.maximum.accumulate(p)
    return adjusted


@dataclass(frozen=True)
class Conventions:
    """How the tests are computed; the defaults follow the papers in which each test was proposed.

    Attributes
    ----------
    residual_divisor : "T-k", "T-1" or "T"
        Of the residual variance; k counts the estimated coefficients.
    prediction_error : bool
        Add to the variance of an abnormal return the error of the estimated coefficients.
    car_variance : "full", "simple" or "sar"
        Of a sum over L days: σ²(L + l'X(X'X)⁻¹X'l), which in the market model is σ²(L + L²/T +
        (Σ(m − m̄))²/S_mm) (Mikkelson and Partch 1988; Salinger 1992); σ²L; or SCAR = ΣSAR/√L, the sum of
        daily standardised returns (Patell 1976).
    patell_variance : "student", "T-2" or "unit"
        Variance of a standardised return under the null: ν/(ν − 2) with ν = T − k (Patell 1976), the same
        with ν = T − 2 whatever the model, or 1.
    degrees_of_freedom : "T-k", "T-1" or "T-2"
        Of Student's t where a firm's own variance is the yardstick: `EventStudy.car` and `brown_warner`.
    distribution : "paper", "normal" or "t"
        Of all statistics that have degrees of freedom; "paper": as the `source` of each test.
    alternative : "two-sided", "greater" or "less"
    missing : "skip" or "drop_event"
        Sum over the days present, or leave out a firm-event with any day of the window missing.
    correlation : "calendar", "relative" or float
        The mean correlation r̄ of firms. "calendar": residuals of the same dates, within an event and, so
        far as their windows overlap, between events; other pairs count zero (Kolari, Pape and Pynnönen
        2018). "relative": all pairs by day relative to the event, whatever its date. Or a given number.
    rank_sample : "event_window" or "tested_window"
        Days ranked together with the estimation window.
    rank_missing : "corrado-zivney", "kolari-pynnonen" or "mean"
        See `rank_test`.
    rank_length : "days" or "available"
        T of the rank and sign tests: days, or the mean number of returns of a firm.
    rank_variance : "all" or "estimation"
        Days over which the variation of average ranks is measured.
    skewness : "hall" or "johnson"
    draws, seed, block
        Of the bootstraps; `block` is the mean block length in days.
    """

    residual_divisor: Literal["T-k", "T-1", "T"] = "T-k"
    prediction_error: bool = True
    car_variance: Literal["full", "simple", "sar"] = "full"
    patell_variance: Literal["student", "T-2", "unit"] = "student"
    degrees_of_freedom: Literal["T-k", "T-1", "T-2"] = "T-k"
    distribution: Literal["paper", "normal", "t"] = "paper"
    alternative: Literal["two-sided", "greater", "less"] = "two-sided"
    missing: Literal["skip", "drop_event"] = "skip"
    correlation: Literal["calendar", "relative"] | float = "calendar"
    rank_sample: Literal["event_window", "tested_window"] = "event_window"
    rank_missing: RankMissing = "corrado-zivney"
    rank_length: Literal["days", "available"] = "days"
    rank_variance: Literal["all", "estimation"] = "all"
    skewness: Literal["hall", "johnson"] = "hall"
    draws: int = 999
    seed: int = 0
    block: float | None = None

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            value = getattr(self, name)
            number = name == "correlation" and isinstance(value, int | float)
            if value not in allowed and not number:
                raise DataError(f"{name} {value!r}: write one of {', '.join(map(repr, allowed))}")
        if isinstance(self.correlation, int | float) and not -1 < self.correlation < 1:
            raise DataError(f"correlation {self.correlation}: a mean correlation lies between -1 and 1")
        if self.draws < 1:
            raise DataError(f"draws {self.draws}: use at least 1, better 999")


_CHOICES: dict[str, tuple[str, ...]] = {
    "residual_divisor": ("T-k", "T-1", "T"),
    "car_variance": ("full", "simple", "sar"),
    "patell_variance": ("student", "T-2", "unit"),
    "degrees_of_freedom": ("T-k", "T-1", "T-2"),
    "distribution": ("paper", "normal", "t"),
    "alternative": ("two-sided", "greater", "less"),
    "missing": ("skip", "drop_event"),
    "correlation": ("calendar", "relative"),
    "rank_sample": ("event_window", "tested_window"),
    "rank_missing": ("corrado-zivney", "kolari-pynnonen", "mean"),
    "rank_length": ("days", "available"),
    "rank_variance": ("all", "estimation"),
    "skewness": ("hall", "johnson"),
}


@dataclass(frozen=True, eq=False)
class Timing:
    """When the firm-events took place.

    Attributes
    ----------
    event : (n,) int
        Number of the event.
    exchange, position : (n,) int
        The exchange, and day 0 among its sessions.
    sessions : tuple of arrays
        For each exchange, its sessions as rows of one calendar.
    """

    event: Array
    exchange: Array
    position: Array
    sessions: tuple[Array, ...]

    def take(self, rows: Array) -> Timing:
        """The same for some rows."""
        return Timing(self.event[rows], self.exchange[rows], self.position[rows], self.sessions)

    def dates(self, days: Array) -> Array:
        """Rows of the calendar, (n, days relative to the event); −1 beyond its ends."""
        out = np.full((len(self.event), len(days)), -1)
        for number, sessions in enumerate(self.sessions):
            here = np.flatnonzero(self.exchange == number)
            place = self.position[here, None] + days
            inside = (place >= 0) & (place < len(sessions))
            out[here] = np.where(inside, sessions[np.where(inside, place, 0)], -1)
        return out


def paired_correlations(residuals: Array, timing: Timing, days: Array, reach: int) -> tuple[Array, Array]:
    """Correlations of residuals, added up over ordered pairs of firm-events of the same calendar dates.

    Pairs within an event are lined up by rows of the calendar from each firm's own day 0, so that
    exchanges that react on different days are compared as they react. Pairs of different events are
    lined up by date; residuals are then standardised over each firm's own estimation window.

    Parameters
    ----------
    residuals : (n, T)
    days : (T,)
        Days of estimation relative to the event.
    reach : int
        Events this many calendar rows or more apart cannot overlap.

    Returns
    -------
    distance : (m,) rows of the calendar between two events; 0 within an event.
    total : (m,) sums of correlations.
    """
    zero = timing.dates(np.zeros(1, dtype=int))[:, 0]
    order = np.argsort(timing.event, kind="stable")
    events = np.split(order, np.flatnonzero(np.diff(timing.event[order])) + 1)
    within = 0.0
    for rows in events:
        one = timing.take(rows)
        aligned = np.ptp(one.exchange) == 0 and np.ptp(one.position) == 0
        block = residuals[rows] if len(rows) < len(residuals) else residuals
        within += correlation_sum(block if aligned else _line_up(block, one.dates(days) - zero[rows, None]))
    first = np.array([zero[rows].min() for rows in events])
    near = np.triu(np.abs(first[:, None] - first) < reach, 1)
    distance, total = [0], [within]
    unit: dict[int, Array] = {}
    size = max(len(sessions) and sessions[-1] for sessions in timing.sessions) + 1
    for one, two in zip(*np.nonzero(near)):
        for number in (one, two):
            if number not in unit:
                unit[number] = _unit_by_date(residuals, timing, events[number], days, size)
        distance.append(abs(first[one] - first[two]))
        total.append(2 * float(unit[one] @ unit[two]))
    return np.array(distance), np.array(total)


def _unit_by_date(residuals: Array, timing: Timing, rows: Array, days: Array, size: int) -> Array:
    """Residuals of one event at unit length, added up over firms by row of the calendar."""
    block = residuals[rows]
    unit = _unit(np.nan_to_num(block - _row_mean(block)[:, None]))
    dates = timing.take(rows).dates(days)
    return np.bincount(np.where(dates < 0, size, dates).ravel(), unit.ravel(), size + 1)[:size]


def _line_up(values: Array, place: Array) -> Array:
    """Put the values of each row into its columns `place`, NaN elsewhere."""
    place = place - place.min()
    lined = np.full((len(values), int(place.max()) + 1), np.nan)
    row, column = np.nonzero(np.isfinite(values))
    lined[row, place[row, column]] = values[row, column]
    return lined


@dataclass(frozen=True, eq=False)
class Sample:
    """What the tests need to know of the firm-events and the days tested.

    Attributes
    ----------
    at : slice
        Columns of the event window that are tested.
    first_day : int
        Day of the first column of the event window.
    paired : callable
        Gives what `paired_correlations` gives; called only if a test needs it.
    """

    estimates: Estimates
    timing: Timing
    at: slice
    first_day: int
    conventions: Conventions
    paired: Callable[[], tuple[Array, Array]]

    @property
    def n(self) -> int:
        return len(self.ar)

    @cached_property
    def ar(self) -> Array:
        return self.estimates.ar[:, self.at]

    @cached_property
    def length(self) -> Array:
        """Days present."""
        return np.isfinite(self.ar).sum(axis=1)

    @cached_property
    def enough(self) -> Array:
        """Has the firm-event the days it needs?"""
        needed = self.ar.shape[1] if self.conventions.missing == "drop_event" else 1
        return self.length >= needed

    @cached_property
    def car(self) -> Array:
        return np.where(self.enough, np.nansum(self.ar, axis=1), np.nan)

    @cached_property
    def df(self) -> Array:
        """Degrees of freedom of each firm's own variance."""
        return self._less(self.conventions.degrees_of_freedom)

    def _less(self, lost: str) -> Array:
        """T − k, T − 1 or T − 2."""
        return self.estimates.observations - (
            self.estimates.parameters if lost == "T-k" else float(lost.removeprefix("T-"))
        )

    def patell(self, correlation: float = 0.0) -> Result:
        variance = self.conventions.patell_variance
        df = self._less("T-2" if variance == "T-2" else "T-k")
        return patell(self.scar, df, correlation, unit_variance=variance == "unit")

    @cached_property
    def sigma(self) -> Array:
        return residual_sd(self.estimates, self.conventions.residual_divisor)

    @cached_property
    def prediction_error(self) -> Array:
        """Of each day tested, over σ²."""
        return leverage(self.estimates)[:, self.at] * self.conventions.prediction_error

    @cached_property
    def se(self) -> Array:
        """Standard error of each cumulative return."""
        here = np.isfinite(self.ar)
        error = np.zeros(self.n)
        if self.conventions.prediction_error and self.conventions.car_variance == "full":
            summed = np.einsum("nd,ndk->nk", here.astype(float), self.estimates.whitened[:, self.at])
            error = (summed**2).sum(axis=1)
        elif self.conventions.car_variance == "sar":
            error = np.where(here, self.prediction_error, 0).sum(axis=1)
        return np.where(self.enough, self.sigma * np.sqrt(self.length + error), np.nan)

    @cached_property
    def scar(self) -> Array:
        if self.conventions.car_variance != "sar":
            return self.car / self.se
        sar = self.ar / (self.sigma[:, None] * np.sqrt(1 + self.prediction_error))
        return np.where(self.enough, np.nansum(sar, axis=1) / np.sqrt(np.maximum(self.length, 1)), np.nan)

    @cached_property
    def correlation(self) -> float:
        """Mean correlation r̄ over all pairs of firm-events."""
        chosen = self.conventions.correlation
        if isinstance(chosen, int | float):
            return float(chosen)
        if self.n < 2:
            return 0.0
        if chosen == "relative":
            return average_correlation(self.estimates.residuals)
        distance, total = self.paired()
        overlap = np.maximum(0, 1 - distance / self.ar.shape[1])
        return float((overlap * total).sum() / (self.n * (self.n - 1)))

    @cached_property
    def average(self) -> Array:
        """Average abnormal return of each day tested."""
        return day_mean(self.ar)

    @cached_property
    def average_error(self) -> Array:
        """Average prediction error of each day tested, over σ²."""
        return day_mean(np.where(np.isfinite(self.ar), self.prediction_error, np.nan))

    @cached_property
    def portfolio(self) -> Array:
        """Average residual of each day of estimation."""
        return day_mean(self.estimates.residuals)

    @cached_property
    def ranked(self) -> tuple[RankDays, dict[str, Any]]:
        return self._rank(self.estimates.ar)

    @cached_property
    def rescaled(self) -> tuple[RankDays, dict[str, Any]]:
        """Abnormal returns of the event window over their spread across firms that day.

        Standardised first, and then brought back to the size of the residuals, for ranking among them.
        """
        error = leverage(self.estimates) * self.conventions.prediction_error
        sar = self.estimates.ar / (self.sigma[:, None] * np.sqrt(1 + error))
        here = np.isfinite(sar)
        squares = np.where(here, (sar - day_mean(sar)) ** 2, 0).sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = np.sqrt(squares / (here.sum(axis=0) - 1))
            return self._rank(sar / np.where(spread > 0, spread, np.nan) * self.sigma[:, None])

    def _rank(self, window: Array) -> tuple[RankDays, dict[str, Any]]:
        """Ranks by day, and the arguments of `rank_test`."""
        chosen, residuals = self.conventions, self.estimates.residuals
        alone = chosen.rank_sample == "tested_window"
        table = rank_days(residuals, window[:, self.at] if alone else window)
        start = residuals.shape[1] + (0 if alone else self.at.start)
        return table, {
            "window": slice(start, start + self.ar.shape[1]),
            "missing": chosen.rank_missing,
            "length": table.available if chosen.rank_length == "available" else None,
            "variance": slice(residuals.shape[1] if chosen.rank_variance == "estimation" else None),
        }

    @cached_property
    def grank(self) -> tuple[Result, Result]:
        return generalised_rank(self.scar, self.estimates.residuals, self.sigma)

    def averages(self) -> dict[str, float]:
        """Mean cumulative return with its standard errors; one firm-event has its own."""
        n, r = self.n, self.correlation
        se = float(self.car.std(ddof=1) / np.sqrt(n)) if n > 1 else float(self.se[0])
        widen = np.sqrt(_inflation(n, r) / (1 - r)) if r < 1 else np.nan
        mean, positive = float(self.car.mean()), float((self.car > 0).mean())
        return {"n": n, "mean": mean, "se": se, "se_adjusted": se * widen, "positive": positive}


class Statistic(NamedTuple):
    """A test of an event study: what it is called, whose it is and what it withstands."""

    label: str
    source: str
    adjusted: bool  #: holds when firms share the event day
    variance: bool  #: holds when the event adds variance
    law: Literal["normal", "t", "exact", "draws"]  #: of the statistic in the source
    compute: Callable[[Sample], Result]

    def note(self, found: Result) -> str:
        """Source, what the test takes for granted, and why a result is missing."""
        parts = [self.source]
        if not self.adjusted:
            parts.append("rejects too often when firms share the event day")
        if not self.variance:
            parts.append("rejects too often when the event adds variance")
        if np.isnan(found.p_value):
            parts.append("not defined for so few firm-events, events or days")
        return "; ".join(parts)


def _ranked(field: str, rescaled: bool = False, **fixed: Any) -> Callable[[Sample], Result]:
    def compute(sample: Sample) -> Result:
        if rescaled and sample.n < 2:
            return two_sided(np.nan)
        table, arguments = sample.rescaled if rescaled else sample.ranked
        return rank_test(getattr(table, field), table.n, **arguments | fixed)

    return compute


TESTS: dict[str, Statistic] = {
    "kp_bmp": Statistic(
        "Kolari-Pynnönen adjusted BMP", "Kolari and Pynnönen 2010", True, True, "t",
        lambda s: kolari_pynnonen_bmp(s.scar, s.correlation),
    ),
    "kp_patell": Statistic(
        "Kolari-Pynnönen adjusted Patell", "Kolari and Pynnönen 2010", True, False, "normal",
        lambda s: s.patell(s.correlation),
    ),
    "grank_t": Statistic(
        "GRANK-T", "Kolari and Pynnönen 2011", True, True, "t", lambda s: s.grank[0],
    ),
    "crude_dependence": Statistic(
        "Crude dependence (portfolio t)", "Brown and Warner 1980, 1985", True, False, "t",
        lambda s: crude_dependence(s.average, s.portfolio),
    ),
    "lamb": Statistic(
        "Crude dependence, prediction error", "Lamb 1995", True, False, "normal",
        lambda s: lamb(s.average, s.average_error, s.portfolio),
    ),
    "corrado": Statistic(
        "Corrado rank", "Corrado 1989", True, False, "normal", _ranked("rank", missing="mean"),
    ),
    "corrado_zivney": Statistic(
        "Corrado-Zivney rank", "Corrado and Zivney 1992", True, False, "normal", _ranked("scaled"),
    ),
    "corrado_zivney_adjusted": Statistic(
        "Corrado-Zivney rank, rescaled", "Corrado and Zivney 1992", True, True, "normal",
        _ranked("scaled", True),
    ),
    "corrado_sign": Statistic(
        "Corrado-Zivney sign", "Corrado and Zivney 1992", True, True, "normal", _ranked("sign"),
    ),
    "stationary_bootstrap": Statistic(
        "Stationary bootstrap", "Politis and Romano 1994", True, False, "draws",
        lambda s: stationary_bootstrap(
            s.average, s.portfolio, s.conventions.draws, s.conventions.seed, s.conventions.block
        ),
    ),
    "calendar_time": Statistic(
        "Calendar-time portfolio", "Jaffe 1974; Mandelker 1974", True, True, "t",
        lambda s: calendar_time_t(s.ar, s.timing.dates(s.first_day + np.arange(s.at.start, s.at.stop))),
    ),
    "clustered": Statistic(
        "Event-clustered t", "Liang and Zeger 1986", True, True, "t",
        lambda s: clustered_t(s.car, s.timing.event),
    ),
    "wild_cluster": Statistic(
        "Wild cluster bootstrap", "Cameron, Gelbach and Miller 2008", True, True, "draws",
        lambda s: wild_bootstrap(s.car, s.timing.event, s.conventions.draws, s.conventions.seed),
    ),
    "cross_sectional": Statistic(
        "Cross-sectional t", "Brown and Warner 1980", False, True, "t", lambda s: cross_sectional_t(s.car),
    ),
    "skewness": Statistic(
        "Skewness-adjusted t", "Johnson 1978; Hall 1992", False, True, "t",
        lambda s: skewness_t(s.car, s.conventions.skewness),
    ),
    "brown_warner": Statistic(
        "Brown-Warner, independent firms", "Brown and Warner 1980", False, False, "t",
        lambda s: brown_warner(s.car, s.length, s.sigma, s.df),
    ),
    "mackinlay": Statistic(
        "MacKinlay θ₁ (J₁)", "MacKinlay 1997", False, False, "normal", lambda s: mackinlay(s.car, s.se),
    ),
    "patell": Statistic(
        "Patell", "Patell 1976", False, False, "normal",
        lambda s: s.patell(),
    ),
    "bmp": Statistic(
        "BMP standardised cross-sectional", "Boehmer, Musumeci and Poulsen 1991", False, True, "t",
        lambda s: kolari_pynnonen_bmp(s.scar),
    ),
    "grank_z": Statistic("GRANK-Z", "Kolari and Pynnönen 2011", False, True, "normal", lambda s: s.grank[1]),
    "sign": Statistic("Sign", "Brown and Warner 1980", False, True, "normal", lambda s: sign_test(s.car)),
    "generalised_sign": Statistic(
        "Generalised sign", "Cowan 1992", False, True, "normal",
        lambda s: sign_test(s.car, positive_share(s.estimates.residuals)),
    ),
    "wilcoxon": Statistic(
        "Wilcoxon signed rank", "Wilcoxon 1945", False, True, "exact", lambda s: wilcoxon(s.car),
    ),
    "wild_bootstrap": Statistic(
        "Wild bootstrap, independent firms", "Wu 1986; Mammen 1993", False, True, "draws",
        lambda s: wild_bootstrap(s.car, np.arange(s.n), s.conventions.draws, s.conventions.seed),
    ),
}  # fmt: skip


def conventions(changes: dict[str, Any]) -> Conventions:
    """Conventions with some changed by name.

    Raises
    ------
    DataError
        Unknown names or values.
    """
    known = [field.name for field in fields(Conventions)]
    if unknown := sorted(set(changes) - set(known)):
        raise DataError(f"no convention {', '.join(unknown)}; there are {', '.join(known)}")
    return Conventions(**changes)


def chosen(which: str | Sequence[str]) -> list[str]:
    """Names of tests: "all", "adjusted", one or several; in the order of `TESTS`.

    Raises
    ------
    DataError
        Unknown names.
    """
    if isinstance(which, str) and which in ("all", "adjusted"):
        return [name for name, test in TESTS.items() if which == "all" or test.adjusted]
    names = [which] if isinstance(which, str) else list(which)
    if unknown := [name for name in names if name not in TESTS]:
        raise DataError(f"no test {', '.join(map(repr, unknown))}; there are {', '.join(TESTS)}")
    return [name for name in TESTS if name in names]


def run(name: str, sample: Sample) -> Result:
    """One test, its distribution and alternative as the sample's conventions have it."""
    test, wanted = TESTS[name], sample.conventions
    found = test.compute(sample)
    if test.law == "draws" or (test.law == "exact" and wanted.distribution == "paper"):
        if wanted.alternative == "two-sided":
            return found
        agrees = (found.statistic > 0) == (wanted.alternative == "greater")
        return found._replace(p_value=found.p_value / 2 if agrees else 1 - found.p_value / 2)
    student = wanted.distribution == "t" or (wanted.distribution == "paper" and test.law == "t")
    df = found.df if student else np.inf
    p = tail(found.statistic, df, wanted.alternative) if np.isfinite(found.statistic) else np.nan
    return Result(found.statistic, df, float(p))


def tail(statistic: Array | float, df: Array | float, alternative: str) -> Array:
    """p-value of a statistic under Student's t."""
    df = np.where(np.asarray(df) > 0, df, np.nan)
    if alternative == "two-sided":
        return 2 * special.stdtr(df, -np.abs(statistic))
    return special.stdtr(df, np.negative(statistic) if alternative == "greater" else statistic)
