r"""Which prices are the best for every maker once its costs have changed?

At a Nash equilibrium of makers that set the prices of all their products (Bertrand), with the markup
mⱼ = pⱼ − cⱼ, the first-order condition of product j of maker f in segment g is

.. math::

    m_j = \frac{1-\sigma}{\alpha_j} + \sigma \sum_{k \in f \cap g} m_k\, s_{k|g}
          + (1-\sigma) \sum_{k \in f} m_k\, s_k \equiv \zeta_j(p)

and p ← c + ζ(p), the fixed point of Morrow and Skerlos (2011, Operations Research 59, sec. 4), is what
`solve` iterates, for all draws at once. (The older p ← c + η(p), which solves for the markup at given shares,
need not converge.) Shares follow from price changes alone (exact hat algebra), so no utility level is needed.

Where a maker's plants can build no more, the value λ ≥ 0 to it of one more vehicle of capacity stands beside
the cost of what they build: with q vehicles of them and room for K, λ (K − q) = 0 and q ≤ K are the
conditions of Kuhn and Tucker for its prices. Buyers get all that they ask for at them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tariffmodel.errors import DataError
from tariffmodel.response.demand import Market

TOLERANCE = 1e-10  # of a price, from one round to the next
ROUNDS = 1000
_BLOCK = 500  # draws at a time, so that they stay in the processor's cache


@dataclass(frozen=True)
class Solution:
    """Prices and vehicles at which no maker would change a price.

    Attributes
    ----------
    price, units, profit : arrays (D, J)
        USD, vehicles, and USD of operating profit over the period, duty paid.
    converged : bool array (D,)
        False: the figures of this draw are empty, never those of the last round.
    restless : int array (D,)
        The product whose price moved most in the last round.
    room_value : array (D, F)
        USD that one more vehicle of capacity is worth to each maker; 0 where it has room.
    rounds : int
        How many the slowest draw took.
    """

    price: np.ndarray
    units: np.ndarray
    profit: np.ndarray
    converged: np.ndarray
    restless: np.ndarray
    room_value: np.ndarray
    rounds: int

    def settled(self, products: Sequence[str], draws: Sequence[str] = ()) -> Solution:
        """Itself, if every draw has converged.

        Parameters
        ----------
        products, draws : sequence of str
            What a message calls them; draws have their number unless named.

        Raises
        ------
        DataError
            In how many draws prices did not settle, in which first, and of which product.

        >>> from tariffmodel.response.demand import calibrated
        >>> one = calibrated([0], [0], np.array([[3e4]]), np.array([[1e5]]), 1e6, own=-1.5, aggregate=-1.35)
        >>> solve(one, np.array([[1000.0]])).settled(["Honda car"]).converged.tolist()
        [True]
        """
        if not self.converged.all():
            failed = np.flatnonzero(~self.converged)
            named = [draws[d] if len(draws) else f"draw {d}" for d in failed[:3]]
            moving = dict.fromkeys(products[self.restless[d]] for d in failed[:3])
            raise DataError(
                f"prices did not settle in {self.rounds} rounds in {len(failed)} of {len(self.converged)} "
                f"draws ({'; '.join(named)}{'; …' if len(failed) > 3 else ''}), last that of "
                f"{', '.join(moving)}; its duty or the elasticities of the draw are out of range"
            )
        return self


class Room(NamedTuple):
    """What each maker can sell of certain products at most: of which, bool (J,); vehicles, array (D, F).

    >>> Room(np.array([True]), np.array([[5e4]])).rows(slice(0, 1)).most.tolist()
    [[50000.0]]
    """

    bounded: np.ndarray
    most: np.ndarray

    def rows(self, chosen: slice) -> Room:
        """The draws that are chosen."""
        return self._replace(most=self.most[chosen] if len(self.most) > 1 else self.most)


def solve(
    market: Market,
    duty: np.ndarray,
    moves: np.ndarray | None = None,
    room: Room | None = None,
    *,
    tolerance: float = TOLERANCE,
    rounds: int = ROUNDS,
) -> Solution:
    """New equilibrium when each vehicle costs `duty` more.

    Parameters
    ----------
    market : Market
        In one draw or in as many as `duty`.
    duty : array (D, J)
        USD per vehicle, policy less counterfactual.
    moves : bool array (D, J), optional
        Which prices may move; the others stay posted. Default: all.
    room : Room, optional
        Capacity, above zero; vehicles of before must fit into it. Default: it does not bind.
    tolerance : float
        Largest relative change of a price in the last round.
    rounds : int
        After how many a draw has not converged.

    Examples
    --------
    A lone product passes on 1 − s of a small duty, s its share of the buyers:

    >>> from tariffmodel.response.demand import calibrated
    >>> one = calibrated([0], [0], np.array([[3e4]]), np.array([[1e5]]), 1e6, own=-1.5, aggregate=-1.35)
    >>> (solve(one, np.array([[1.0]])).price - one.price).round(3).tolist()
    [[0.9]]

    When its costs fall and its plant is full, it keeps the gain and sells no more:

    >>> full = Room(np.array([True]), one.units)
    >>> found = solve(one, np.array([[-1000.0]]), room=full)
    >>> found.price.round(2).tolist(), found.room_value.round(2).tolist()
    ([[30000.0]], [[1000.0]])
    """
    draws = max(len(duty), len(market.price), len(market.sigma))
    duty = np.broadcast_to(np.asarray(duty, dtype=float), (draws, duty.shape[-1]))
    free = np.broadcast_to(True if moves is None else moves, duty.shape)
    done = []
    for start in range(0, draws, _BLOCK):
        rows = slice(start, start + _BLOCK)
        there = room.rows(rows) if room else None
        done.append(_block(market.rows(rows), duty[rows], free[rows], there, tolerance, rounds))
    return Solution(
        price=np.concatenate([one.price for one in done]),
        units=np.concatenate([one.units for one in done]),
        profit=np.concatenate([one.profit for one in done]),
        converged=np.concatenate([one.converged for one in done]),
        restless=np.concatenate([one.restless for one in done]),
        room_value=np.concatenate([one.room_value for one in done]),
        rounds=max(one.rounds for one in done),
    )


def _block(
    market: Market, duty: np.ndarray, free: np.ndarray, room: Room | None, tolerance: float, rounds: int
) -> Solution:
    own = 1 - market.sigma
    cost = market.cost + duty
    price = np.broadcast_to(market.price, duty.shape).copy()
    shares = Shares(market)
    lone = own / market.slope
    moved, taken = np.zeros(duty.shape), 0
    plants = None if room is None else _Plants(market, room, lone, len(duty))
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        while taken < rounds:
            taken += 1
            within, share = shares.at(price)
            full = cost if plants is None else cost + plants.value
            markup = price - full
            of_pair = shares.by_pair(markup * within)
            of_firm = shares.by_firm(markup * share)
            step = np.where(free, full + lone + market.sigma * of_pair + own * of_firm - price, 0.0)
            price += step
            if plants is not None:
                step = np.maximum(np.abs(step), plants.tighten(share * market.buyers))
            moved = np.abs(step / market.price)
            if (moved < tolerance).all():
                break
        share = shares.at(price)[1]
        converged = (moved < tolerance).all(axis=1) & np.isfinite(share).all(axis=1)
    restless = np.nan_to_num(moved, nan=np.inf).argmax(axis=1)
    empty = np.where(converged[:, None], 0.0, np.nan)
    units = share * market.buyers + empty
    worth = np.zeros((len(duty), market.firm.max() + 1)) if plants is None else plants.scarce
    profit = (price - cost) * units
    return Solution(price + empty, units, profit, converged, restless, worth + empty[:, :1], taken)


class _Plants:
    """What one more vehicle of capacity is worth, raised where more is sold than there is room for."""

    def __init__(self, market: Market, room: Room, lone: np.ndarray, draws: int) -> None:
        count = market.firm.max() + 1
        self._of, self._bounded, self._firm = market.firm, room.bounded, _Groups(market.firm)
        products = np.bincount(market.firm, room.bounded, count)
        self._most = np.where(products > 0, room.most[:, :count], np.inf)
        # sales of a maker's plants fall by about 1/lone of themselves for a dollar more, a round later; what
        # answers a delayed error by all of it swings for ever, by a quarter of it does not swing at all
        self._pace = 0.25 * self._firm.sums(np.where(room.bounded, lone, 0.0)) / np.maximum(products, 1.0)
        self.scarce = np.zeros((draws, count))

    @property
    def value(self) -> np.ndarray:
        """At each product, (D, J)."""
        return np.where(self._bounded, self.scarce[:, self._of], 0.0)

    def tighten(self, units: np.ndarray) -> np.ndarray:
        """One round; by how much the value has moved at each product, (D, J)."""
        sold = self._firm.sums(np.where(self._bounded, units, 0.0))
        over = np.log(np.divide(sold, self._most, out=np.ones_like(sold), where=sold > 0))
        scarce = np.maximum(self.scarce + self._pace * over, 0.0)
        moved = np.where(self._bounded, np.abs(scarce - self.scarce)[:, self._of], 0.0)
        self.scarce = scarce
        return np.asarray(moved)


class Shares:
    """Shares of a market as prices move, and sums of a figure over makers; products in the order of makers.

    >>> from tariffmodel.response.demand import calibrated
    >>> pair = calibrated([0, 1], [0, 0], np.full((1, 2), 3e4), np.full((1, 2), 1e5), 1e6, -4, -0.8)
    >>> [share.round(6).tolist() for share in Shares(pair).at(pair.price)]
    [[[0.5, 0.5]], [[0.1, 0.1]]]
    """

    def __init__(self, market: Market) -> None:
        self._market = market
        self._before = market.within
        self._own = 1 - market.sigma
        self._nests = market.share @ market.of_nest
        self._outside = 1 - self._nests.sum(axis=1, keepdims=True)
        _, pair = np.unique(market.firm * (market.nest.max() + 1) + market.nest, return_inverse=True)
        self._pair, self._firm = _Groups(pair), _Groups(market.firm)
        self._nest = _Groups(market.nest)

    def at(self, price: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Shares within the segment and of all buyers at other prices, each (D, J).

        >>> from tariffmodel.response.demand import calibrated
        >>> one = calibrated([0], [0], np.array([[3e4]]), np.array([[1e5]]), 1e6, own=-1.5, aggregate=-1.35)
        >>> Shares(one).at(one.price * 1.01)[1].round(5).tolist()
        [[0.09866]]
        """
        market = self._market
        raw = self._before * np.exp(-market.slope * (price - market.price) / self._own)
        grown = self._nest.sums(raw)
        weight = self._nests * grown**self._own
        of_all = weight / (self._outside + weight.sum(axis=1, keepdims=True))
        within = raw / grown[:, market.nest]
        return within, within * of_all[:, market.nest]

    def by_pair(self, figure: np.ndarray) -> np.ndarray:
        """Its sum over the maker's products in the segment, at each product.

        >>> from tariffmodel.response.demand import calibrated
        >>> pair = calibrated([0, 0], [0, 1], np.full((1, 2), 3e4), np.full((1, 2), 1e5), 1e6, -4, -1.6)
        >>> Shares(pair).by_pair(np.array([[1.0, 2.0]])).tolist()
        [[1.0, 2.0]]
        """
        return self._pair.sums(figure)[:, self._pair.of]

    def by_firm(self, figure: np.ndarray) -> np.ndarray:
        """Its sum over the maker's products, at each product.

        >>> from tariffmodel.response.demand import calibrated
        >>> pair = calibrated([0, 0], [0, 1], np.full((1, 2), 3e4), np.full((1, 2), 1e5), 1e6, -4, -1.6)
        >>> Shares(pair).by_firm(np.array([[1.0, 2.0]])).tolist()
        [[3.0, 3.0]]
        """
        return self._firm.sums(figure)[:, self._firm.of]


class _Groups:
    """Sums over groups of columns, in an order of their own: the same to the last bit on every machine."""

    def __init__(self, of: np.ndarray) -> None:
        self.of = of
        self._order = np.argsort(of, kind="stable")
        self._starts = np.searchsorted(of[self._order], np.arange(of.max() + 1))
        self._sorted = bool((self._order == np.arange(len(of))).all())

    def sums(self, figure: np.ndarray) -> np.ndarray:
        put = figure if self._sorted else figure[:, self._order]
        return np.asarray(np.add.reduceat(put, self._starts, axis=1))
