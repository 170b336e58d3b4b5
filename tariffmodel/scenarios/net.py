"""What is left of a bill once prices and volumes settle, draw by draw?

For each leaf the price equilibrium of `response` is solved on a grid of elasticities, at the central
products of its likeliest path in the last whole year of the period; a draw of the elasticities lies between
points of the grid (bilinear). Of a maker i with gross bill G, in each branch and draw,

    net_i = G_i · a_i(ε) − R_i(ε) · (G of the others) / (their central bill of the year)

with a_i what is left of its bill if it alone paid, and R_i what it gains because the others pay. So the other
inputs move the net bill through gross bills, and the elasticities, one draw for all makers, through a and R:
triangular between the least, median and most elastic of ``response/elasticities.csv``.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tariffmodel.errors import DataError
from tariffmodel.facts import Facts
from tariffmodel.response import equilibrium, products
from tariffmodel.response.bertrand import solve
from tariffmodel.response.demand import calibrated
from tariffmodel.response.products import Products, Range
from tariffmodel.scenarios import draws, engine
from tariffmodel.scenarios.draws import BLOCK
from tariffmodel.scenarios.engine import Study
from tariffmodel.scenarios.tree import Scenario

RESPONSES = ("none", "prices")
_MIDDLES = 1  # points of the grid between the central elasticity and either end


@dataclass(frozen=True)
class _Grid:
    """Net bills on a grid of elasticities.

    `own`, `aggregate` (P,) rise; `kept` and `gained` (outcomes, P, P, M) are a and R, `others_usd` (outcomes,
    M) the others' central bill; all empty for makers that the response does not know.
    """

    own: np.ndarray
    aggregate: np.ndarray
    kept: np.ndarray
    gained: np.ndarray
    others_usd: np.ndarray

    def at(self, own: np.ndarray, aggregate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Both of the formula, a and R (outcomes, M, B) at elasticities (B,)."""
        weight = np.einsum("pb,qb->pqb", _between(self.own, own), _between(self.aggregate, aggregate))
        kept, gained = (np.einsum("opqm,pqb->omb", one, weight) for one in (self.kept, self.gained))
        return kept, gained


@dataclass(frozen=True, eq=False)
class _NetBook:
    """Gross and net bills of a tree, ready to be drawn; one of `engine.Measure`."""

    study: Study
    grid: _Grid | None
    own: Range
    aggregate: Range
    low: np.ndarray | None = None
    high: np.ndarray | None = None

    @property
    def weight(self) -> np.ndarray:
        """Probability (branches,) of each branch."""
        return self.study.weight

    @property
    def outcome(self) -> np.ndarray:
        """Leaf (branches,) of each branch."""
        return self.study.outcome

    @property
    def columns(self) -> list[str]:
        """Makers, then baskets."""
        return self.study.columns

    def measured(self, seed: int, number: int, size: int = BLOCK) -> np.ndarray:
        """Gross and net bill of the period (branches, 2, C, size), USD, of block `number`.

        Makers that the response does not know have nothing in the second.
        """
        study, makers = self.study, len(self.study.plan.makers)
        drawn = draws.block(study.spec, seed, number, size)
        gross = engine.evaluated(study, drawn)[:, -2]
        net = gross.copy()
        if self.grid is not None:
            elasticities = (
                _triangular(one, at)
                for one, at in zip((self.own, self.aggregate), drawn.elasticity, strict=True)
            )
            kept, gained = self.grid.at(*elasticities)
            known = np.isfinite(kept[0, :, 0])
            bill = np.where(known[:, None], gross[:, :makers], 0.0)
            others = bill.sum(axis=1, keepdims=True) - bill
            central = self.grid.others_usd[..., None]
            paid = np.divide(others, central[study.outcome], out=np.zeros_like(others),
                             where=central[study.outcome] != 0)  # fmt: skip
            own = bill * kept[study.outcome] - gained[study.outcome] * paid
            net[:, :makers] = np.where(known[:, None], own, 0.0)
            for place, (_, members) in enumerate(study.baskets):
                net[:, makers + place] = net[:, members].sum(axis=1)
        return np.stack([gross, net], axis=1)


def _grid(study: Study, scenario: Scenario, facts: Facts) -> _Grid:
    """The equilibrium of every leaf on the grid."""
    makers = list(study.plan.makers)
    own, aggregate = (_points(one) for one in products.elasticities(facts))
    kept, gained = np.full((2, study.outcome.max() + 1, len(own), len(aggregate), len(makers)), np.nan)
    others = np.full((len(kept), len(makers)), np.nan)
    for number in range(len(kept)):
        of_leaf = np.flatnonzero(study.outcome == number)
        likeliest = study.branches[int(of_leaf[study.weight[of_leaf].argmax()])]
        taken = equilibrium.case_products(engine.case_of(scenario, facts, likeliest))
        place = [makers.index(maker) for maker in taken.makers]
        gross = taken.gross_usd[0]
        net, alone = solved(taken, *(one.ravel() for one in np.meshgrid(own, aggregate, indexing="ij")))
        shape = (len(own), len(aggregate), len(place))
        share = np.divide(alone, gross, out=np.ones_like(alone), where=gross != 0)
        kept[number][..., place] = share.reshape(shape)
        gained[number][..., place] = (alone - net).reshape(shape)
        others[number, place] = gross.sum() - gross
    return _Grid(own, aggregate, kept, gained, others)


def solved(taken: Products, own: np.ndarray, aggregate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Net bills (P, F), USD, at P pairs of elasticities: under all duties, and under the own alone.

    Products are central; what the equilibrium does not move, `Products.aside_usd`, is in both.

    >>> import tariffmodel as tm
    >>> taken = equilibrium.case_products(tm.case(period="CY2025"))
    >>> net, alone = solved(taken, taken.own[0], taken.aggregate[0])
    >>> bool(np.allclose(net[0], equilibrium.net_usd(tm.case(period="CY2025"))[0], atol=1)), alone.shape
    (True, (1, 19))
    """
    firms = int(taken.firm.max()) + 1
    pays = np.concatenate([np.ones((1, len(taken.firm))), np.arange(firms)[:, None] == taken.firm])
    size = len(pays)
    duty = np.tile(pays * taken.duty_usd[0], (len(own), 1))
    figures = (taken.price_usd[:1], taken.units[:1], taken.buyers[:1])
    market = calibrated(
        taken.firm, taken.nest, *figures, np.repeat(own, size), np.repeat(aggregate, size), taken.names
    )
    then = solve(market, duty, (duty != 0).any(axis=1, keepdims=True)).settled(market.names)
    lost = taken.by_maker(taken.units[:1] * (taken.price_usd[:1] - market.cost) - then.profit)
    lost = lost.reshape(len(own), size, -1) + taken.aside_usd[0]
    alone = np.broadcast_to(taken.aside_usd[0], lost[:, 0].shape).copy()
    alone[:, :firms] = np.diagonal(lost[:, 1:, :firms], axis1=1, axis2=2)
    return lost[:, 0], alone


def book(study: Study, scenario: Scenario, facts: Facts, response: str) -> _NetBook:
    """Gross and net bills, ready to be drawn.

    Raises
    ------
    DataError
        A response that is neither ``none`` nor ``prices``; a leaf in which prices do not settle.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> tree = tm.scenarios.run("canada-and-deals", draws=200)
    >>> made = book(tree.study, tree.scenario, tree.facts, "prices")
    >>> gross, net = np.moveaxis(made.measured(seed=1, number=0, size=3), 1, 0)
    >>> made.columns[-1], bool((net[:, -1] < gross[:, -1]).all())
    ('ALL', True)
    """
    if response not in RESPONSES:
        raise DataError(f"{response!r} is no response of a tree; choose from {', '.join(RESPONSES)}")
    made = _grid(study, scenario, facts) if response == "prices" else None
    return _NetBook(study, made, *products.elasticities(facts))


def _points(of: Range) -> np.ndarray:
    """Elasticities (P,), rising: the three of the data and points between them."""
    ends = sorted(of)
    return np.concatenate([*(np.linspace(*pair, _MIDDLES + 2)[:-1] for pair in pairwise(ends)), ends[-1:]])


def _between(points: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Weights (P, B) of the points in a linear interpolation."""
    return np.array([np.interp(at, points, one) for one in np.eye(len(points))])


def _triangular(of: Range, position: np.ndarray) -> np.ndarray:
    """Elasticities (B,) at positions on (0, 1), from the most to the least elastic."""
    low, value, high = sorted(of)
    mode = (value - low) / (high - low) if high > low else 0.5
    rising, falling = np.sqrt(position * mode), 1 - np.sqrt((1 - position) * (1 - mode))
    return np.asarray(low + (high - low) * np.where(position < mode, rising, falling))


__all__ = ["RESPONSES", "book", "solved"]
