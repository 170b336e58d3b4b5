"""Which two outcomes do the prices of options on one expiry hold, and with what probability?

A mixture of two lognormals (Melick and Thomas 1997): with probability `weight` the underlying ends as if its
forward were the first, else the second. Probabilities are risk-neutral: what a hedge costs, not what is
believed. The quotes are the caller's; the package has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares
from scipy.special import ndtr

from tariffmodel.errors import DataError
from tariffmodel.stats.state_prices import black

FEWEST = 6  # quotes: the mixture has four free parameters
NO_QUOTES = "no option quotes: the package has none; pass strikes and call prices of one expiry"
_STARTS = ((0.2, 0.06), (0.5, 0.06), (0.8, 0.06), (0.5, 0.02), (0.2, 0.15), (0.8, 0.15))  # weight, spread


@dataclass(frozen=True, eq=False)
class Mixture:
    """A fitted mixture.

    Attributes
    ----------
    weight : float
        Probability of the low outcome.
    low, high : float
        Forwards in the two, in units of the underlying; their mean is the forward of the market.
    volatility_low, volatility_high : float
        A year, fractions.
    error : float
        Root mean square of what prices miss by, in units of the underlying.
    years, discount : float

    Examples
    --------
    >>> one = Mixture(0.4, 90.0, 105.0, 0.1, 0.1, 0.0, 0.25, 1.0)
    >>> round(one.forward, 1), one.calls([80.0, 100.0]).round(1).tolist(), round(float(one.below(97.0)), 2)
    (99.0, [19.0, 3.3], 0.41)
    """

    weight: float
    low: float
    high: float
    volatility_low: float
    volatility_high: float
    error: float
    years: float
    discount: float

    @property
    def forward(self) -> float:
        """Of the market: the mean of the two."""
        return self.weight * self.low + (1 - self.weight) * self.high

    def calls(self, strikes: Sequence[float] | np.ndarray) -> np.ndarray:
        """Prices of European calls, (K,)."""
        low = black("call", self.low, strikes, self.volatility_low, self.years)
        high = black("call", self.high, strikes, self.volatility_high, self.years)
        return np.asarray(self.discount * (self.weight * low + (1 - self.weight) * high))

    def below(self, level: float | np.ndarray) -> np.ndarray:
        """Probability that the underlying ends below some level."""
        ends = []
        for forward, volatility in ((self.low, self.volatility_low), (self.high, self.volatility_high)):
            spread = volatility * np.sqrt(self.years)
            ends.append(ndtr((np.log(np.asarray(level) / forward) + spread**2 / 2) / spread))
        return np.asarray(self.weight * ends[0] + (1 - self.weight) * ends[1])


def fit(
    strikes: Sequence[float] | np.ndarray | None,
    calls: Sequence[float] | np.ndarray | None,
    forward: float,
    years: float,
    *,
    discount: float = 1.0,
) -> Mixture:
    """The mixture that comes closest to the prices of European calls on one expiry.

    Parameters
    ----------
    strikes, calls : (K,)
        In units of the underlying, at least `FEWEST`; mid prices of one moment.
    forward : float
        Of the underlying for the expiry: the mean of the mixture is held there.
    years : float
        To the expiry.
    discount : float
        Price of one unit paid then.

    Notes
    -----
    Least squares on prices over weight, distance of the two forwards and two volatilities, from six starts,
    of which the best counts. A single lognormal is in it: then the weight says nothing, see `Mixture.low`
    and `Mixture.high`.

    Raises
    ------
    DataError
        No quotes, or too few; numbers that are not above zero; calls that rise with the strike, bend the
        wrong way or lie outside their bounds (Merton 1973): the strike is named.

    Examples
    --------
    >>> strikes = np.arange(70.0, 131.0, 5.0)
    >>> told = Mixture(0.35, 88.0, 106.46, 0.12, 0.15, 0.0, 0.25, 0.99)
    >>> found = fit(strikes, told.calls(strikes), told.forward, 0.25, discount=0.99)
    >>> round(found.weight, 2), round(found.low, 1), round(found.high, 1)
    (0.35, 88.0, 106.5)
    """
    if strikes is None or calls is None or not len(strikes):
        raise DataError(NO_QUOTES)
    strike, price = _checked(strikes, calls, forward, years, discount)
    scale = forward / 100

    def made(x: np.ndarray) -> Mixture:
        weight, apart = 1 / (1 + np.exp(-x[0])), np.exp(x[1])
        low = forward / (weight + (1 - weight) * (1 + apart))
        vols = 0.005 + np.exp(x[2:])
        return Mixture(
            float(weight),
            float(low),
            float(low * (1 + apart)),
            float(vols[0]),
            float(vols[1]),
            0.0,
            years,
            discount,
        )

    def miss(x: np.ndarray) -> np.ndarray:
        return np.asarray((made(x).calls(strike) - price) / scale)

    wide = np.log(max(_spread(strike, price / discount, forward) / np.sqrt(years), 0.02))
    box = (np.array([-7.0, -9.0, -6.0, -6.0]), np.array([7.0, 1.0, 1.5, 1.5]))
    starts = [np.clip([np.log(w / (1 - w)), np.log(d), wide, wide], *box) for w, d in _STARTS]
    found = [least_squares(miss, start, bounds=box, xtol=1e-12, ftol=1e-12, gtol=1e-12) for start in starts]
    best = made(min(found, key=lambda one: one.cost).x)
    error = float(np.sqrt(np.mean((best.calls(strike) - price) ** 2)))
    return Mixture(**(vars(best) | {"error": error}))


def _spread(strike: np.ndarray, call: np.ndarray, forward: float) -> float:
    """Standard deviation of the log, roughly, from the call at the money (Brenner and Subrahmanyam 1988)."""
    at = int(np.abs(strike - forward).argmin())
    time_value = call[at] - max(forward - strike[at], 0.0)
    return float(np.clip(2.5 * time_value / forward, 0.01, 1.0))


def _checked(
    strikes: Sequence[float] | np.ndarray,
    calls: Sequence[float] | np.ndarray,
    forward: float,
    years: float,
    discount: float,
) -> tuple[np.ndarray, np.ndarray]:
    strike, price = np.asarray(strikes, dtype=float), np.asarray(calls, dtype=float)
    if strike.shape != price.shape or strike.ndim != 1:
        raise DataError(f"{strike.size} strikes and {price.size} prices; pass one price for each strike")
    if len(strike) < FEWEST:
        raise DataError(f"{len(strike)} quotes; two outcomes need {FEWEST} or more, of one expiry")
    for name, value in (("strikes", strike), ("forward", forward), ("years", years), ("discount", discount)):
        if not np.all(np.isfinite(value) & (np.asarray(value) > 0)):
            raise DataError(f"{name}: expected numbers above zero, got {value}")
    order = np.argsort(strike)
    strike, price = strike[order], price[order]
    if (np.diff(strike) == 0).any():
        raise DataError(f"strike {strike[1:][np.diff(strike) == 0][0]:g} has two prices; keep one")
    floor = discount * np.maximum(forward - strike, 0)
    slack = 1e-9 * forward
    outside = ~((price >= floor - slack) & (price <= discount * forward + slack))
    if outside.any():
        raise DataError(
            f"the call at {strike[outside][0]:g} costs {price[outside][0]:g}, outside its bounds of "
            f"{floor[outside][0]:g} and {discount * forward:g}; check forward and discount"
        )
    slope = np.diff(price) / np.diff(strike)
    steep, bent = (slope > slack) | (slope < -discount - slack), np.diff(slope) < -slack
    if steep.any() or bent.any():
        at = strike[1:][steep][0] if steep.any() else strike[1:-1][bent][0]
        raise DataError(
            f"calls around strike {at:g} can be arbitraged; take mid prices of one moment, or leave it out"
        )
    return strike, price
