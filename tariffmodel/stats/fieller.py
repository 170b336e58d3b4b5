"""Between which values does the ratio of two estimates lie, when the lower one may be zero?"""

from __future__ import annotations

import math

import numpy as np

from tariffmodel.errors import DataError


def drawn(estimate: float, error: float, t: np.ndarray, lower: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Draws of a ratio whose parts need not be normal: ``(estimate + error · t*) / lower*``.

    Where `lower` keeps its sign the quantiles of these are the ends of Fieller's set, all θ for which
    ``estimate − θ · lower`` is not told from zero, with the two distributions in place of normal ones.

    Parameters
    ----------
    estimate, error : float
        What stands above, and its standard error.
    t : (B,)
        Its studentised values where it is zero, as on placebo days: both signs count alike, and one more that
        is infinite is added, as a p-value of (1 + #) / (1 + B) does.
    lower : (n,)
        Draws of what stands below.
    seed : int
        Of the order in which the two meet.

    Returns
    -------
    (n,)
        Infinite where `lower` has not the sign of its median.

    Examples
    --------
    >>> t = np.random.default_rng(0).standard_normal(999)
    >>> [round(float(end), 2) for end in ends(drawn(-0.5, 0.1, t, np.full(4096, -2.5)))]
    [0.12, 0.28]
    """
    size = np.append(np.abs(t[np.isfinite(t)]), np.inf)
    pool, n = np.sort(np.concatenate([-size, size])), len(lower)
    places = (np.random.default_rng(seed).permutation(n) + 0.5) * len(pool) / n
    upper = estimate + error * pool[places.astype(int)]
    sign = np.sign(np.median(lower))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(lower * sign > 0, upper / lower, np.inf * np.sign(upper) * sign))


def ends(draws: np.ndarray, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Both ends of an interval over the last axis of draws some of which may be infinite; (...), (...).

    >>> [float(end) for end in ends(np.array([-np.inf, 1.0, 2.0, 3.0]), level=0.5)]
    [-inf, 3.0]
    """
    low = np.quantile(draws, (1 - level) / 2, axis=-1, method="inverted_cdf")
    return low, np.quantile(draws, (1 + level) / 2, axis=-1, method="higher")


def interval(
    upper: float,
    upper_error: float,
    lower: float,
    lower_error: float,
    *,
    cut: float = 1.959964,
    covariance: float = 0.0,
) -> tuple[float, float]:
    r"""All θ for which ``upper − θ · lower`` is not told from zero (Fieller 1954).

    Parameters
    ----------
    upper, lower : float
        Estimates; the ratio is upper / lower.
    upper_error, lower_error : float
        Their standard errors.
    cut : float
        What |t| must exceed to reject.
    covariance : float
        Of the two estimates.

    Returns
    -------
    (low, high)
        Infinite ends where `lower` itself is not told from zero: then every ratio outside some gap, or every
        ratio at all, is consistent with the two, and no interval that is finite can hold its level.

    Notes
    -----
    The roots of :math:`\theta^2 (b^2 - c^2 s_b^2) - 2\theta (ab - c^2 s_{ab}) + a^2 - c^2 s_a^2`, Fieller's
    theorem, where the first factor is above zero.

    Raises
    ------
    DataError
        An error or a cut that is not a number above or at zero.

    Examples
    --------
    >>> [round(end, 2) for end in interval(3.0, 0.5, 2.0, 0.2)]
    [0.97, 2.15]
    >>> interval(3.0, 0.5, 2.0, 1.5)
    (-inf, inf)
    """
    if not (upper_error >= 0 and lower_error >= 0 and cut > 0):
        raise DataError(
            f"errors are {upper_error:g} and {lower_error:g}, cut is {cut:g}; none can be below 0"
        )
    square = cut**2
    a = lower**2 - square * lower_error**2
    b = upper * lower - square * covariance
    c = upper**2 - square * upper_error**2
    if not a > 0:
        return -math.inf, math.inf
    root = math.sqrt(max(b**2 - a * c, 0.0))
    return (b - root) / a, (b + root) / a
