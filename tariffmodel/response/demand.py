r"""Who buys what at which price, and what does each vehicle cost to make?

Demand is nested logit: buyers choose a segment or no vehicle, then a product of it (Berry 1994, RAND
Journal 25, eq. 21-28). With the disutility α of a dollar and the correlation σ of tastes within a segment,

.. math::

    s_{j|g} = \frac{e^{\delta_j/(1-\sigma)}}{D_g}, \qquad
    s_g = \frac{D_g^{1-\sigma}}{1 + \sum_h D_h^{1-\sigma}}

A dollar weighs less on buyers of dearer vehicles: αⱼ = η / pⱼ at the prices of before, so that elasticities
do not grow with the price, as estimates do not (Berry, Levinsohn and Pakes 1995, Table V). Two figures fix
the rest. When all prices rise by 1% sales fall by η times the share of buyers who buy nothing: the aggregate
elasticity gives η. A model of small share has the own-price elasticity −η / (1 − σ): that gives σ. A product
here is all models of a maker from one origin in one segment, which move together; in a nested logit they are
one product exactly.

Makers set prices against each other (Bertrand and Nash); what their prices of before leave over the markup
that is best for them is the marginal cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from tariffmodel.errors import DataError


@dataclass(frozen=True)
class Market:
    """A calibrated market: J products in D draws of its figures. `calibrated` makes one.

    Attributes
    ----------
    firm, nest : int arrays (J,)
        Whose product it is, and its segment; both count from 0.
    price, units, slope, cost : arrays (D, J)
        USD, vehicles, disutility of a dollar α, and marginal cost, all before the policy.
    sigma, buyers : arrays (D, 1)
        Correlation of tastes within a segment, and how many may buy.
    names : list of str
        Of the products, for messages.

    Examples
    --------
    >>> pair = calibrated([0, 1], [0, 0], np.full((1, 2), 3e4), np.full((1, 2), 1e5), 1e6, -4, -0.8)
    >>> pair.share.tolist(), pair.within.tolist()
    ([[0.1, 0.1]], [[0.5, 0.5]])
    >>> pair.of_firm.tolist(), pair.of_nest.tolist()
    ([[1.0, 0.0], [0.0, 1.0]], [[1.0], [1.0]])
    """

    firm: np.ndarray
    nest: np.ndarray
    price: np.ndarray
    units: np.ndarray
    slope: np.ndarray
    cost: np.ndarray
    sigma: np.ndarray
    buyers: np.ndarray
    names: Sequence[str]

    @cached_property
    def of_firm(self) -> np.ndarray:
        """(J, F): 1 where the product is the maker's."""
        return one_hot(self.firm)

    @cached_property
    def of_nest(self) -> np.ndarray:
        """(J, G): 1 where the product is in the segment."""
        return one_hot(self.nest)

    @property
    def share(self) -> np.ndarray:
        """Share of buyers, (D, J)."""
        return np.asarray(self.units / self.buyers)

    @property
    def within(self) -> np.ndarray:
        """Share within the segment, (D, J)."""
        return np.asarray(self.units / (self.units @ self.of_nest @ self.of_nest.T))

    @property
    def own_elasticity(self) -> np.ndarray:
        r"""Of each product, (D, J): −αp [1 − σ s_{j|g} − (1 − σ) s_j] / (1 − σ) (Berry 1994, eq. 24 ff.).

        >>> one = calibrated([0], [0], np.array([[3e4]]), np.array([[1e5]]), 1e6, own=-1.5, aggregate=-1.35)
        >>> one.own_elasticity.round(3).tolist()  # a lone product has the elasticity of the market
        [[-1.35]]
        """
        steep = self.slope * self.price / (1 - self.sigma)
        return np.asarray(-steep * (1 - self.sigma * self.within - (1 - self.sigma) * self.share))

    def rows(self, chosen: slice | np.ndarray) -> Market:
        """The draws that are chosen; a figure that is one for all draws stays.

        >>> one = calibrated([0], [0], np.array([[3e4], [4e4]]), np.array([[1e5]]), 1e6, -1.5, -1.35)
        >>> one.rows(slice(1, 2)).price.tolist()
        [[40000.0]]
        """

        def of(array: np.ndarray) -> np.ndarray:
            return array if len(array) == 1 else array[chosen]

        return replace(
            self,
            price=of(self.price),
            units=of(self.units),
            slope=of(self.slope),
            cost=of(self.cost),
            sigma=of(self.sigma),
            buyers=of(self.buyers),
        )


def one_hot(index: np.ndarray) -> np.ndarray:
    """(J, highest + 1): 1 in the column that each index names.

    >>> one_hot(np.array([0, 1, 1])).tolist()
    [[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]
    """
    return np.asarray(index[:, None] == np.arange(index.max() + 1)).astype(float)


def calibrated(
    firm: Sequence[int] | np.ndarray,
    nest: Sequence[int] | np.ndarray,
    price: np.ndarray,
    units: np.ndarray,
    buyers: float | np.ndarray,
    own: float | np.ndarray,
    aggregate: float | np.ndarray,
    names: Sequence[str] = (),
) -> Market:
    """The market in which these prices are the best for every maker.

    Parameters
    ----------
    firm, nest : ints (J,)
        Whose product it is, and its segment.
    price, units : arrays (D, J)
        USD and vehicles before the policy, above zero.
    buyers : float or array (D, 1)
        How many may buy a vehicle in the period.
    own, aggregate : float or array (D, 1)
        Own-price elasticity of a model of small share, and of all vehicles together; both below zero.
    names : sequence of str, optional
        Of the products, for messages.

    Raises
    ------
    DataError
        An elasticity that is not below zero; a model that reacts less to its own price than the market to
        all; more vehicles than buyers; a price or number of units not above zero; a marginal cost below
        zero, with the product and the elasticity that asks for it.

    Examples
    --------
    A lone product with a tenth of the buyers and an elasticity of −1.35 costs 1 − 1/1.35 of its price.

    >>> one = calibrated([0], [0], np.array([[3e4]]), np.array([[1e5]]), 1e6, own=-1.5, aggregate=-1.35)
    >>> one.cost.round(1).tolist(), one.sigma.tolist()
    ([[7777.8]], [[0.0]])
    """
    firm, nest = np.asarray(firm), np.asarray(nest)
    named = list(names) or [f"product {j}" for j in range(len(firm))]
    price, units = (np.atleast_2d(np.asarray(array, dtype=float)) for array in (price, units))
    buyers, own, aggregate = (
        np.reshape(np.asarray(x, dtype=float), (-1, 1)) for x in (buyers, own, aggregate)
    )
    for what, of in (("price", price), ("units", units)):
        if not (of > 0).all():
            raise DataError(f"{named[_first(~(of > 0))]}: {what} is not above zero; leave the product out")
    outside = 1 - units.sum(axis=1, keepdims=True) / buyers
    if not (outside > 0).all():
        raise DataError(f"{units.sum(axis=1).max():,.0f} vehicles, but {buyers.min():,.0f} buyers; give more")
    eta, sigma = _tastes(own, aggregate, outside)
    slope = eta / price
    blank = Market(firm, nest, price, units, slope, price, sigma, buyers, named)
    cost = price - _markup(blank)
    if not (cost > 0).all():
        draw, worst = np.unravel_index(np.argmin(np.nan_to_num(cost / price, nan=-np.inf)), cost.shape)
        at, of_all = (np.broadcast_to(one, (len(cost), 1))[draw, 0] for one in (own, aggregate))
        raise DataError(
            f"{named[worst]}: marginal cost would be {cost[draw, worst]:,.0f} USD at a price of "
            f"{np.broadcast_to(price, cost.shape)[draw, worst]:,.0f}, since an own-price elasticity of "
            f"{at:g} and one of {of_all:g} of all vehicles ask for a larger markup than the price; "
            "give a larger elasticity (data/response/elasticities.csv)"
        )
    return Market(firm, nest, price, units, slope, cost, sigma, buyers, named)


def _tastes(own: np.ndarray, aggregate: np.ndarray, outside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """η and σ, (D, 1)."""
    for what, of in (("own-price", own), ("aggregate", aggregate)):
        if not (of < 0).all():
            raise DataError(
                f"{what} elasticity is {of[~(of < 0)][0]:g}: buyers would buy more of what costs more; "
                "an elasticity of demand is below zero (data/response/elasticities.csv)"
            )
    eta = -aggregate / outside
    sigma = 1 + eta / own
    if not (sigma > -1e-12).all():
        raise DataError(
            f"own-price elasticity {own.max():g} is smaller than {-eta.max():.2f}, which the aggregate "
            f"elasticity {aggregate.min():g} asks of every model; give a larger one"
        )
    return eta, np.maximum(sigma, 0.0)


def _markup(market: Market) -> np.ndarray:
    """Price less marginal cost that is best for every maker at the shares of before, (D, J), USD.

    The first-order conditions (see `equilibrium`) are linear in two sums of markups for each maker, solved
    here.
    """
    sigma, within = market.sigma, market.within
    pairs = market.firm * (market.nest.max() + 1) + market.nest
    kinds, pair = np.unique(pairs, return_inverse=True)
    of_pair = one_hot(pair)
    owner = one_hot(kinds // (market.nest.max() + 1))
    size = (market.share @ market.of_nest)[:, kinds % (market.nest.max() + 1)]
    held = within @ of_pair
    alone = (1 - sigma) / (1 - sigma * held)
    base = alone * ((within / market.slope) @ of_pair)
    total = (size * base) @ owner / (1 - (size * alone * held) @ owner)
    of_all = total @ owner.T  # Σ of markups × shares of the maker, at each pair
    inside = base + alone * held * of_all
    here = (1 - sigma) / market.slope
    return np.asarray(here + sigma * inside[:, pair] + (1 - sigma) * of_all[:, pair])


def _first(wrong: np.ndarray) -> int:
    return int(np.argmax(wrong.any(axis=0)))
