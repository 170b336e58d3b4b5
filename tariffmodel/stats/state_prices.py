"""What is an option worth when the news comes out in one of a few ways, and a claim that pays on which?

The outcomes, or states, carry **risk-neutral** probabilities q: prices, not beliefs. In each the forward
jumps by J and then diffuses. Nothing is earned for nothing only if Σ q (1 + J) = 1, which is checked and
never mended. Rates of interest and volatilities are fractions a year, continuously compounded.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from tariffmodel.errors import DataError

__all__ = ["black", "claim", "martingale", "mixture"]

_EXACT = 1e-9  # to which probabilities and forwards must add up
Array = np.ndarray


def black(
    kind: ArrayLike,
    forward: ArrayLike,
    strike: ArrayLike,
    volatility: ArrayLike,
    years: ArrayLike,
    rate: ArrayLike = 0.0,
) -> Array:
    """European option on a forward (Black 1976): e^(−rT) s (F N(s d₁) − K N(s d₂)), s = 1 call, −1 put.

    Parameters
    ----------
    kind : "call", "put" or array of them
    forward, strike : array
        In one unit, above zero. All arguments broadcast.

    Returns
    -------
    array
        In the unit of `forward`.

    Raises
    ------
    DataError
        An input outside its range, or a kind that is neither.

    Examples
    --------
    >>> black(["call", "put"], 100.0, 100.0, 0.2, 1.0).round(3)
    array([7.966, 7.966])
    """
    for name, value in {
        "forward": forward, "strike": strike, "volatility": volatility, "years": years,
    }.items():  # fmt: skip
        if np.any(np.asarray(value, dtype=float) <= 0):
            raise DataError(f"{name} is {value!r}; expected numbers above 0")
    kinds = np.asarray(kind)
    if not np.isin(kinds, ["call", "put"]).all():
        raise DataError(f"kind is {kind!r}; write 'call' or 'put'")
    F, K, sigma, T = (np.asarray(value, dtype=float) for value in (forward, strike, volatility, years))
    s, spread = np.where(kinds == "call", 1.0, -1.0), sigma * np.sqrt(T)
    d1 = np.log(F / K) / spread + spread / 2
    discount = np.exp(-np.asarray(rate, dtype=float) * T)
    return np.asarray(discount * s * (F * ndtr(s * d1) - K * ndtr(s * (d1 - spread))))


def mixture(
    kind: ArrayLike,
    forward: ArrayLike,
    strike: ArrayLike,
    volatility: ArrayLike,
    years: ArrayLike,
    probability: ArrayLike,
    jump: ArrayLike,
    rate: ArrayLike = 0.0,
) -> Array:
    """European option when the forward jumps by the outcome: Σ q BS(F (1 + J), K, σ, T).

    A mixture of lognormals (Merton 1976 with a finite number of jumps at one date; Melick and Thomas 1997).
    With one outcome it is Black's.

    Parameters
    ----------
    kind, forward, strike, volatility, years, rate : scalar or array (n,)
        Of each contract, as in `black`; σ is that of the diffusion, the same in every outcome.
    probability, jump : array (states,) or (n, states)
        q, and J as a fraction: −0.1 is a forward 10% down.

    Raises
    ------
    DataError
        Probabilities that do not add to one, or jumps that move the forward on average: the sum is named.

    Examples
    --------
    >>> mixture("call", 100.0, [90.0, 110.0], 0.2, 0.25, [0.4, 0.6], [-0.09, 0.06]).round(3)
    array([11.377,  1.604])
    """
    q, J = states(probability, jump)
    each = (np.asarray(value)[..., None] for value in (kind, forward, strike, volatility, years, rate))
    kinds, F, K, sigma, T, r = each
    return np.asarray((q * black(kinds, F * (1 + J), K, sigma, T, r)).sum(axis=-1))


def martingale(probability: ArrayLike, move: ArrayLike) -> Array:
    """Jumps of the forward from how far each outcome lies above a common base: J = (1 + m) / Σ q (1 + m) − 1.

    Parameters
    ----------
    probability, move : array (..., states)
        q, and values of the outcomes against any one level, as fractions.

    Examples
    --------
    >>> jump = martingale([0.25, 0.75], [-0.08, 0.0])
    >>> jump.round(4), float(np.dot([0.25, 0.75], 1 + jump))
    (array([-0.0612,  0.0204]), 1.0)
    """
    q, m = weights(probability), np.asarray(move, dtype=float)
    return np.asarray((1 + m) / (q * (1 + m)).sum(axis=-1, keepdims=True) - 1)


def claim(payoff: ArrayLike, probability: ArrayLike, years: ArrayLike, rate: ArrayLike = 0.0) -> Array:
    """Price today of what pays by outcome: e^(−rT) Σ q payoff (Arrow 1964).

    Parameters
    ----------
    payoff, probability : array (..., states)
        Payoffs at the end of `years`, in money.

    Examples
    --------
    >>> float(claim([0.0, 1e6], [0.7, 0.3], years=0.5, rate=0.04).round())
    294060.0
    """
    q, T = weights(probability), np.asarray(years, dtype=float)
    if np.any(T < 0):
        raise DataError(f"years is {years!r}; expected a tenor >= 0")
    discount = np.exp(-np.asarray(rate, dtype=float) * T)
    return np.asarray(discount * (q * np.asarray(payoff, dtype=float)).sum(axis=-1))


def weights(probability: ArrayLike) -> Array:
    """Probabilities as an array (..., states), each in [0, 1] and together one.

    >>> weights([0.25, 0.75])
    array([0.25, 0.75])
    """
    q = np.asarray(probability, dtype=float)
    if not ((q >= 0) & (q <= 1)).all():
        raise DataError(f"probability is {probability!r}; expected numbers from 0 to 1")
    total = q.sum(axis=-1)
    if (np.abs(total - 1) > _EXACT).any():
        worst = total.flat[np.abs(total - 1).argmax()]
        raise DataError(f"the probabilities add to {worst:.6g}; expected 1: name every outcome")
    return q


def states(probability: ArrayLike, jump: ArrayLike) -> tuple[Array, Array]:
    """Probabilities and jumps that leave the forward where it is.

    >>> states([0.5, 0.5], [-0.1, 0.2])
    Traceback (most recent call last):
        ...
    tariffmodel.errors.DataError: Σ q (1 + J) is 1.05; expected 1: take jumps from `martingale`
    """
    q, J = weights(probability), np.asarray(jump, dtype=float)
    if (J <= -1).any() or np.isnan(J).any():
        raise DataError(f"jump is {jump!r}; expected fractions above -1")
    mean = (q * (1 + J)).sum(axis=-1)
    if (np.abs(mean - 1) > _EXACT).any():
        worst = mean.flat[np.abs(mean - 1).argmax()]
        raise DataError(f"Σ q (1 + J) is {worst:.6g}; expected 1: take jumps from `martingale`")
    return q, J
