"""What is a foreign share worth forward, in its own currency, in ours, or at a rate fixed beforehand?

The share S trades in one currency and the buyer counts in another. A **quanto** pays the share's price at a
fixed exchange rate; a **composite**, as an ADR is, at the rate of the day. Rates, dividend yields and
volatilities are fractions a year, continuously compounded.

The sign of the correlation hangs on how the pair is quoted. ``"USDJPY"`` is yen per dollar: if a Tokyo share
rises when the dollar does, its correlation with USDJPY is positive and that with JPYUSD negative.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tariffmodel.errors import DataError

__all__ = ["Composite", "composite", "quanto_forward"]


class Composite(NamedTuple):
    """Forward and volatility of a share counted in another currency.

    >>> Composite(np.array(20.0), np.array(0.3)).forward
    array(20.)
    """

    forward: np.ndarray
    volatility: np.ndarray


def quanto_forward(
    spot: ArrayLike,
    foreign: ArrayLike,
    dividend: ArrayLike,
    volatility: ArrayLike,
    currency_volatility: ArrayLike,
    correlation: ArrayLike,
    years: ArrayLike,
    *,
    share: str,
    paid: str,
    pair: str,
) -> np.ndarray:
    """Forward of a share whose price is paid one for one in another currency.

    F = S exp((r_f − q − ρ σ_S σ_X) T), with X the value of the share's currency in that of payment (Derman,
    Karasinski and Wecker 1990). At ρ = 0 it is the plain forward.

    Parameters
    ----------
    spot : array
        In the share's currency.
    foreign, dividend : array
        Interest rate of the share's currency, and dividend yield.
    correlation : array
        Of log changes of the share and of `pair` as quoted.
    share, paid : str
        Currency of the share, and that of payment.
    pair : str
        Six letters, base then quote: ``"USDJPY"`` is yen per dollar.

    Raises
    ------
    DataError
        A pair of other currencies, or inputs outside their range.

    Examples
    --------
    >>> about = {"share": "JPY", "paid": "USD"}
    >>> terms = dict(foreign=0.01, dividend=0.03, volatility=0.25, currency_volatility=0.1, years=1.0)
    >>> pairs = {"USDJPY": 0.4, "JPYUSD": -0.4}
    >>> [float(quanto_forward(3000.0, **terms, correlation=rho, pair=pair, **about).round(1))
    ...  for pair, rho in pairs.items()]
    [2970.1, 2970.1]
    """
    sigma, sigma_x, rho = _checked(spot, volatility, currency_volatility, correlation, years)
    covariance = _sign(share, paid, pair) * rho * sigma * sigma_x
    drift = np.asarray(foreign, dtype=float) - np.asarray(dividend, dtype=float) - covariance
    return np.asarray(np.asarray(spot, dtype=float) * np.exp(drift * np.asarray(years, dtype=float)))


def composite(
    spot: ArrayLike,
    per_share_currency: ArrayLike,
    domestic: ArrayLike,
    dividend: ArrayLike,
    volatility: ArrayLike,
    currency_volatility: ArrayLike,
    correlation: ArrayLike,
    years: ArrayLike,
    *,
    share: str,
    paid: str,
    pair: str,
    ratio: ArrayLike = 1.0,
) -> Composite:
    """Forward and volatility of an ADR, or of any foreign share at the exchange rate of the day.

    F = n S X exp((r_d − q) T) and σ² = σ_S² + σ_X² + 2 ρ σ_S σ_X, with ρ that of S and X: the correlation
    is in the volatility only.

    Parameters
    ----------
    per_share_currency : array
        X: currency of payment per unit of the share's currency, dollars per yen.
    domestic : array
        Interest rate of the currency of payment.
    ratio : array
        n: shares per ADR.

    Other parameters as in `quanto_forward`.

    Examples
    --------
    >>> about = {"share": "JPY", "paid": "USD", "pair": "USDJPY", "ratio": 10}
    >>> found = composite(3000.0, 1 / 150, 0.04, 0.03, 0.25, 0.1, 0.4, 1.0, **about)
    >>> float(found.forward.round(2)), float(found.volatility.round(3))
    (202.01, 0.229)
    """
    sigma, sigma_x, rho = _checked(spot, volatility, currency_volatility, correlation, years)
    if np.any(np.asarray(per_share_currency, dtype=float) <= 0):
        raise DataError(f"per_share_currency is {per_share_currency!r}; expected a rate above 0")
    drift = np.asarray(domestic, dtype=float) - np.asarray(dividend, dtype=float)
    carry = np.exp(drift * np.asarray(years, dtype=float))
    covariance = _sign(share, paid, pair) * rho * sigma * sigma_x
    each = [np.asarray(value, dtype=float) for value in (ratio, spot, per_share_currency)]
    forward = each[0] * each[1] * each[2] * carry
    return Composite(np.asarray(forward), np.sqrt(sigma**2 + sigma_x**2 + 2 * covariance))


def _sign(share: str, paid: str, pair: str) -> int:
    """1 if the pair is quoted as currency of payment per unit of the share's, −1 the other way round."""
    quoted = {share + paid: 1, paid + share: -1}
    if share == paid or pair not in quoted:
        raise DataError(
            f"pair {pair!r} for a share in {share} paid in {paid}; "
            f"write {share}{paid} ({paid} per {share}) or {paid}{share} ({share} per {paid})"
        )
    return quoted[pair]


def _checked(
    spot: ArrayLike, volatility: ArrayLike, currency_volatility: ArrayLike, rho: ArrayLike, years: ArrayLike
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    for name, value in {
        "spot": spot, "volatility": volatility, "currency_volatility": currency_volatility,
    }.items():  # fmt: skip
        if np.any(np.asarray(value, dtype=float) <= 0):
            raise DataError(f"{name} is {value!r}; expected numbers above 0")
    if np.any(np.abs(np.asarray(rho, dtype=float)) > 1) or np.any(np.asarray(years, dtype=float) < 0):
        raise DataError(f"correlation is {rho!r} and years {years!r}; expected -1 to 1, and years >= 0")
    return tuple(np.asarray(value, dtype=float) for value in (volatility, currency_volatility, rho))  # type: ignore[return-value]
