"""How much variance do option prices put on one day, and was it dear?

Volatilities are fractions a year, tenors years, moves and standard deviations log points as fractions
(0.02 is 2%). Variance is risk-neutral: it holds a premium over what is realised on average.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from tariffmodel.errors import DataError
from tariffmodel.stats.state_prices import black

__all__ = ["EventVariance", "added", "between", "fair_variance", "premium", "straddle", "straddle_gains"]

_FEWEST = 5  # moves from which an interval is drawn


@dataclass(frozen=True)
class EventVariance:
    """Variance that prices put on one event, not annualised.

    `low` and `high` are what the error of the quotes leaves possible; `low` may be below zero, which says
    that they do not tell the event from none. `share` is the part of the variance until the later expiry.

    Examples
    --------
    >>> found = EventVariance(0.0004, 0.0003, 0.0005, share=0.5)
    >>> found.sd, round(found.expected_move, 4), [round(end, 4) for end in found.sd_range]
    (0.02, 0.016, [0.0173, 0.0224])
    """

    variance: float
    low: float
    high: float
    share: float

    @property
    def sd(self) -> float:
        """Standard deviation of the event's move, fraction."""
        return float(np.sqrt(self.variance))

    @property
    def expected_move(self) -> float:
        """Mean absolute move if it is normal: √(2/π) σ."""
        return float(np.sqrt(2 / np.pi) * self.sd)

    @property
    def sd_range(self) -> tuple[float, float]:
        """Standard deviations at `low` (zero if that is below zero) and `high`."""
        return float(np.sqrt(max(self.low, 0.0))), float(np.sqrt(self.high))


def between(
    near: float,
    far: float,
    near_years: float,
    far_years: float,
    event_years: float,
    *,
    error: float = 0.0,
    names: tuple[str, str] = ("the near expiry", "the far expiry"),
) -> EventVariance:
    """Variance of an event from the at-the-money volatilities of two expiries (Dubinsky et al. 2019).

    Volatility is flat but for the event. With w = σ²T, an event between the expiries has w₂ − w₁ T₂/T₁;
    one before both, (σ₁² − σ₂²) / (1/T₁ − 1/T₂).

    Parameters
    ----------
    near, far : float
        Volatilities of the earlier and the later expiry.
    near_years, far_years, event_years : float
        Time until both expiries and until the event.
    error : float
        Of each volatility: half the spread, or half a step of the last digit.
    names : pair of str
        Of the expiries, for the message.

    Raises
    ------
    DataError
        Expiries in the wrong order, an event after both, or a negative variance: calendar arbitrage, or
        no event in the prices.

    Examples
    --------
    >>> found = between(0.10, 0.13, 1 / 12, 2 / 12, 1.5 / 12, error=0.0005)
    >>> round(found.sd, 4), round(found.share, 2)
    (0.0339, 0.41)
    """
    sigma = np.array([near, far])
    if not 0 < near_years < far_years:
        raise DataError(f"{names[0]} is not before {names[1]}; expected two expiries in order of time")
    if (sigma <= 0).any() or error < 0:
        raise DataError(f"volatilities {near:g} and {far:g}, error {error:g}; expected above 0, error >= 0")
    if not 0 <= event_years <= far_years:
        raise DataError(f"the event does not lie before {names[1]}; give expiries on both sides of it")

    def variance(first: float, second: float) -> float:
        if event_years <= near_years:
            return (first**2 - second**2) / (1 / near_years - 1 / far_years)
        return (second**2 - first**2) * far_years

    found = variance(near, far)
    if found < 0:
        raise DataError(
            f"the variance of the event is {found:.6f} from {names[0]} at {near:.4f} and {names[1]} at "
            f"{far:.4f}: calendar arbitrage, or no event in these prices; check both quotes and the day"
        )
    sign = 1 if event_years <= near_years else -1
    low, high = (variance(near + step, far - step) for step in (-sign * error, sign * error))
    return EventVariance(*map(float, (found, low, high, found / (far**2 * far_years))))


def added(before: float, after: float, years: float, *, error: float = 0.0) -> EventVariance:
    """Variance that one tenor gained from one quote to a later one: (σ₂² − σ₁²) T.

    All of the gain is put on the news between the quotes; other dates that the tenor came to span are in it.

    Raises
    ------
    DataError
        A volatility that did not rise.

    Examples
    --------
    >>> found = added(0.108, 0.128, 1 / 12, error=0.0005)
    >>> f"{found.sd:.4f}", [f"{end:.4f}" for end in found.sd_range]
    ('0.0198', ['0.0193', '0.0203'])
    """
    if min(before, after, years) <= 0 or error < 0:
        raise DataError(f"volatilities {before:g} and {after:g}, years {years:g}; expected numbers above 0")
    if after < before:
        raise DataError(f"volatility fell from {before:g} to {after:g}: no variance was added")
    low, found, high = (((after + step) ** 2 - (before - step) ** 2) * years for step in (-error, 0.0, error))
    return EventVariance(*map(float, (found, low, high, found / (after**2 * years))))


def fair_variance(
    strike: ArrayLike, price: ArrayLike, forward: float, years: float, rate: float = 0.0
) -> float:
    """Fair variance a year from a strip of options out of the money.

    σ² = (2/T) e^(rT) ∫ Q(K) / K² dK (Carr and Madan 1998; Demeterfi, Derman, Kamal and Zou 1999), by trapezes
    over the strikes given. What lies beyond the outer ones is left out, so a narrow strip is too low.

    Parameters
    ----------
    strike, price : array (strikes,)
        Rising strikes; puts below the forward and calls above, in the unit of the forward.

    Returns
    -------
    float
        Annual variance, fraction squared.

    Raises
    ------
    DataError
        Fewer than three strikes, strikes that do not rise, a negative price, or a forward outside them.

    Examples
    --------
    >>> strike = np.arange(50.0, 200.0, 1.0)
    >>> price = black(np.where(strike < 100, "put", "call"), 100.0, strike, 0.2, 0.5)
    >>> round(float(np.sqrt(fair_variance(strike, price, 100.0, 0.5))), 4)
    0.2001
    """
    K, Q = np.asarray(strike, dtype=float), np.asarray(price, dtype=float)
    if K.shape != Q.shape or len(K) < 3 or (np.diff(K) <= 0).any() or K[0] <= 0 or years <= 0:
        raise DataError("expected at least three rising strikes above 0, a price for each, and years above 0")
    if not (Q >= 0).all():
        raise DataError(f"a price is {Q.min():g}; expected numbers >= 0 and none missing")
    if not K[0] < forward < K[-1]:
        raise DataError(
            f"the forward {forward:g} lies outside strikes {K[0]:g} to {K[-1]:g}; widen the strip"
        )
    return float(2 / years * np.exp(rate * years) * np.trapezoid(Q / K**2, K))


def straddle(volatility: ArrayLike, years: ArrayLike) -> np.ndarray:
    """Price of a straddle struck at the forward, undiscounted, as a fraction of it: 2 (2 N(σ√T/2) − 1).

    >>> round(float(straddle(0.128, 1 / 12)), 4)
    0.0295
    """
    return np.asarray(2 * black("call", 1.0, 1.0, volatility, years))


def straddle_gains(move: ArrayLike, volatility: ArrayLike, years: ArrayLike) -> np.ndarray:
    """What a straddle at the forward gained if the log move until expiry is `move`: |e^move − 1| − its price.

    Fractions of the forward, at expiry.

    >>> straddle_gains([0.0, 0.05], 0.128, 1 / 12).round(4)
    array([-0.0295,  0.0218])
    """
    return np.asarray(np.abs(np.expm1(np.asarray(move, dtype=float))) - straddle(volatility, years))


def premium(implied: EventVariance, moves: ArrayLike, *, draws: int = 9999, seed: int = 0) -> pd.Series:
    """Was the variance of an event dear against the moves that such events brought?

    Parameters
    ----------
    implied : EventVariance
    moves : array (n,)
        Moves on comparable days: changes of a currency, or abnormal returns of a share. NaN are left out.

    Returns
    -------
    Series
        `implied_sd`, `implied_sd_low`, `implied_sd_high`; `realised_sd`, root of the mean squared move, with
        `realised_sd_low` and `_high`, a 95% interval of an iid bootstrap (NaN below five moves; few moves
        make it too narrow); `premium`, implied over realised variance less one; `beyond`, share of moves
        larger than the expected one (0.42 if normal); `n`.

    Raises
    ------
    DataError
        No move.

    Examples
    --------
    >>> found = premium(EventVariance(0.0004, 0.0003, 0.0005, 0.5), [0.01, -0.02, 0.005, 0.0, -0.012])
    >>> found[["implied_sd", "realised_sd", "beyond"]].round(4).to_dict()
    {'implied_sd': 0.02, 'realised_sd': 0.0116, 'beyond': 0.2}
    """
    used = np.asarray(moves, dtype=float)
    squared = used[~np.isnan(used)] ** 2
    if not len(squared):
        raise DataError("no move to set the implied variance against; choose events with prices")
    mean, ends = squared.mean(), np.full(2, np.nan)
    if len(squared) >= _FEWEST:
        even = np.full(len(squared), 1 / len(squared))
        counts = np.random.default_rng(seed).multinomial(len(squared), even, draws)
        ends = np.sqrt(np.quantile(counts @ squared / len(squared), [0.025, 0.975]))
    low, high = implied.sd_range
    return pd.Series(
        {
            "implied_sd": implied.sd,
            "implied_sd_low": low,
            "implied_sd_high": high,
            "realised_sd": np.sqrt(mean),
            "realised_sd_low": ends[0],
            "realised_sd_high": ends[1],
            "premium": implied.variance / mean - 1 if mean else np.inf,
            "beyond": (np.sqrt(squared) > implied.expected_move).mean(),
            "n": len(squared),
        }
    )
