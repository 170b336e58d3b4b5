"""What do currency forwards, options and collars cost, and what do they pay if the rate moves?

A rate is **domestic currency per unit of foreign currency**, as in 150.0 yen (domestic) per dollar
(foreign). Prices are domestic currency per unit of foreign notional. Rates of interest and
volatility are fractions per year, continuously compounded; tenors are in years. All inputs are the
caller's: the package has fixings, but neither quotes nor interest rates. Arrays broadcast; NaN in,
NaN out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import ndtr

from tariffmodel.errors import DataError

Kind = Literal["call", "put"]
Number = float | np.ndarray

__all__ = [
    "Collar",
    "Kind",
    "Number",
    "Option",
    "collar",
    "forward",
    "payoffs",
    "realised_volatility",
    "vanilla",
]


@dataclass(frozen=True, eq=False)
class Option:
    """A European option on one unit of foreign currency.

    `price` in domestic currency; `delta` is the spot delta, foreign units to hold per unit of notional.
    """

    kind: Kind
    strike: Number
    price: Number
    delta: Number


@dataclass(frozen=True, eq=False)
class Collar:
    """A put bought and a call sold on the same notional, for nothing: keeps the rate between the strikes."""

    put: Option
    call: Option


def forward(spot: Number, domestic: Number, foreign: Number, years: Number) -> Number:
    """Forward rate by covered interest parity: F = S exp((r_d − r_f) T).

    Parameters
    ----------
    spot : float
        Domestic currency per unit of foreign currency.
    domestic, foreign : float
        Interest rates, fractions per year, continuously compounded.
    years : float
        Tenor.

    Raises
    ------
    DataError
        A rate that is not above zero, or a tenor below zero.

    Examples
    --------
    >>> float(forward(150.0, domestic=0.005, foreign=0.04, years=1).round(2))
    144.84
    """
    _above_zero(spot=spot)
    if np.any(np.asarray(years) < 0):
        raise DataError(f"years is {years!r}; expected a tenor >= 0")
    return spot * np.exp((domestic - foreign) * np.asarray(years))


def vanilla(
    kind: Kind,
    spot: Number,
    strike: Number,
    volatility: Number,
    domestic: Number,
    foreign: Number,
    years: Number,
) -> Option:
    """European currency option (Garman and Kohlhagen 1983).

    With F the forward rate, d₁ = ln(F/K) / (σ√T) + σ√T/2, d₂ = d₁ − σ√T and s = 1 for a call, −1
    for a put: price s e^(−r_d T) (F N(s d₁) − K N(s d₂)), spot delta s e^(−r_f T) N(s d₁).

    Parameters
    ----------
    strike : float
        In the units of `spot`.
    volatility : float
        Fraction per year: implied, or `realised_volatility` and then called so.

    Raises
    ------
    DataError
        An input outside its range.

    Examples
    --------
    >>> one = vanilla("put", 150.0, 145.0, 0.1, domestic=0.005, foreign=0.04, years=1)
    >>> float(one.price.round(2)), float(one.delta.round(2))
    (5.83, -0.47)
    """
    if kind not in ("call", "put"):
        raise DataError(f"kind is {kind!r}; write 'call' or 'put'")
    _above_zero(strike=strike, volatility=volatility, years=years)
    ahead = forward(spot, domestic, foreign, years)
    spread = volatility * np.sqrt(years)
    d1 = np.log(ahead / strike) / spread + spread / 2
    sign = 1.0 if kind == "call" else -1.0
    price = sign * np.exp(-domestic * years) * (ahead * ndtr(sign * d1) - strike * ndtr(sign * (d1 - spread)))
    return Option(kind, strike, price, sign * np.exp(-foreign * years) * ndtr(sign * d1))


def collar(
    floor: float, spot: float, volatility: float, domestic: float, foreign: float, years: float
) -> Collar:
    """Collar that costs nothing, for a holder of foreign currency: a put at `floor` paid for by a call.

    The call's strike is solved to rounding. One volatility serves both strikes: a smile would move it.

    Raises
    ------
    DataError
        A floor at or above the forward: the put would be worth more than any call above it.

    Examples
    --------
    >>> both = collar(140.0, 150.0, 0.1, domestic=0.005, foreign=0.04, years=1)
    >>> round(float(both.call.strike), 2)  # a put at 140 costs what this call brings
    150.21
    """
    ahead = float(forward(spot, domestic, foreign, years))
    if not 0 < floor < ahead:
        raise DataError(f"floor is {floor:g}; expected one between 0 and the forward, {ahead:g}")
    market = {"volatility": volatility, "domestic": domestic, "foreign": foreign, "years": years}
    put = vanilla("put", spot, floor, **market)

    def cost(log_strike: float) -> float:
        return float(vanilla("call", spot, np.exp(log_strike), **market).price - put.price)

    # At the forward the call is worth the put there, more than one further down; far above, nothing.
    low, reach = np.log(ahead), volatility * np.sqrt(years)
    strike = brentq(cost, low, low + 40 * reach + reach**2, xtol=1e-15, rtol=1e-14)
    return Collar(put, vanilla("call", spot, np.exp(strike), **market))


def payoffs(
    moves: Sequence[float],
    spot: float,
    floor: float,
    volatility: float,
    domestic: float,
    foreign: float,
    years: float,
) -> pd.DataFrame:
    """What a holder of foreign currency gains against selling it forward, if the spot rate moves.

    Parameters
    ----------
    moves : sequence of float
        Changes of the spot rate until the end, as fractions: −0.1 is a foreign currency 10% down.
    floor : float
        Strike of the put and of the collar's put, in the units of `spot`.

    Returns
    -------
    DataFrame
        Domestic currency per unit of foreign currency at the end of `years`; indexed by `move`,
        columns `rate`, `unhedged`, `forward` (zero: what the others are measured against), `put`
        (premium paid, with interest) and `collar`.

    Examples
    --------
    >>> payoffs([-0.1, 0.1], 150.0, 140.0, 0.1, 0.005, 0.04, 1).T.round(1)
    move       -0.1    0.1
    rate      135.0  165.0
    unhedged   -9.8   20.2
    forward     0.0    0.0
    put        -8.4   16.6
    collar     -4.8    5.4
    """
    market = {"volatility": volatility, "domestic": domestic, "foreign": foreign, "years": years}
    ahead = forward(spot, domestic, foreign, years)
    both = collar(floor, spot, **market)
    rate = spot * (1 + np.asarray(moves, dtype=float))
    premium = both.put.price * np.exp(domestic * years)
    return pd.DataFrame(
        {
            "rate": rate,
            "unhedged": rate - ahead,
            "forward": 0.0,
            "put": np.maximum(rate, floor) - premium - ahead,
            "collar": np.clip(rate, floor, both.call.strike) - ahead,
        },
        index=pd.Index(moves, name="move"),
    )


def realised_volatility(rate: pd.Series, rows: int = 60, periods_per_year: float = 252) -> float:
    """Volatility of the last `rows` log changes of a rate, fraction per year. Realised, not implied.

    Around a zero mean, as is usual for short spans of daily rates. Empty fixings are left out.

    Raises
    ------
    DataError
        Fewer fixings than asked for.

    Examples
    --------
    >>> rate = pd.Series([150.0, 151, 149, 150, 152], name="JPY")
    >>> round(realised_volatility(rate, rows=4), 3)
    0.167
    """
    changes = np.log(rate.dropna()).diff().dropna()
    if len(changes) < rows:
        raise DataError(f"{rate.name} has {len(changes)} changes; {rows} were asked for: lower rows")
    return float(np.sqrt((changes.iloc[-rows:] ** 2).mean() * periods_per_year))


def _above_zero(**inputs: Number) -> None:
    for name, value in inputs.items():
        if np.any(np.asarray(value) <= 0):
            raise DataError(f"{name} is {value!r}; expected a number above 0")
