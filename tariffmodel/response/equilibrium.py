"""What is left of each maker's bill once prices and volumes have moved, and what do rivals gain?

The gross bill holds volumes and prices where they are. Here makers set new prices on costs that hold the
duty, buyers turn to what has become cheaper beside the rest, and the *net bill* is the operating profit lost:
below zero where a maker pays so much less than its rivals that it gains.

Four horizons. ``posted``: list prices stand, as they did for most of 2025, so the maker bears the gross
bill. ``short``: prices have settled, and US plants sell no more than what they do and what is idle of them.
``equilibrium``: prices and volumes have settled and plants are where they were; more is built at the same
cost, capacity does not bind. ``long``: plants have moved too, see `moved` of `table`.

Prices and volumes of the period are taken as those of before the policy. What is owed on parts of vehicles
that are exported is borne in full. Rates that follow contribution are averages here, not rewards for one more
vehicle.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from tariffmodel.errors import DataError, TariffModelError
from tariffmodel.response import products as sold
from tariffmodel.response.bertrand import Room, Solution, solve
from tariffmodel.response.demand import Market, calibrated
from tariffmodel.response.products import ALL_INPUTS, Products
from tariffmodel.tariff import uncertainty
from tariffmodel.tariff.case import CENT, Case
from tariffmodel.tariff.goods import INPUTS

HORIZONS = ("posted", "short", "equilibrium", "long")
CONDUCTS = ("competition", "equilibrium", "monopolist")
MOVED = ("units", "extra_cost_usd")
_BLOCK = 500  # draws with one stream of random numbers


def table(case: Case, horizon: str = "equilibrium", moved: pd.DataFrame | None = None) -> pd.DataFrame:
    """Net bill of every maker, what its customers bear, and what it gains because its rivals pay too.

    Parameters
    ----------
    horizon : str
        One of `HORIZONS`.
    moved : DataFrame, optional
        For ``long``: vehicles that are built in the US in place of imports, indexed by `maker` and `origin`:
        `units` over the period and `extra_cost_usd` of each, capital charge included; optionally
        `duty_change_usd` of each that is still shipped in, where the rate answers what moves. They pay duty
        on parts as the maker's US-built vehicles do; if it builds none, `extra_cost_usd` holds that too. This
        module does not choose plants, it takes the answer, such as that of `moved.table`.

    Returns
    -------
    DataFrame
        Indexed by maker, largest gross bill first; makers inside another are in that one's row. USD over the
        period: `bill_usd` (gross) and `net_bill_usd`, each with low and high from the ranges of all inputs,
        elasticities and prices included; `duty_per_vehicle_usd` and `price_change_usd`, means over the
        vehicles of before, `price_change` (a fraction of the price) and `pass_through` (their ratio) with low
        and high, empty where the duty may be zero; `units` of before and `units_change`; `rivals_gain_usd`,
        how much larger the net bill were if the maker's own duty were the only one; `room_value_usd`, what
        one more vehicle of US capacity is worth to the maker, 0 where it has room or as much as it likes.

    Raises
    ------
    DataError
        Prices that do not settle, with the product and the input; a marginal cost below zero; `moved` with
        more vehicles than are imported, or missing for the long horizon.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case(period="CY2025")
    >>> found = table(asked)
    >>> bool(found.at["Toyota", "net_bill_usd"] < found.at["Toyota", "bill_usd"])
    True
    >>> posted = table(asked, "posted")
    >>> bool((posted["net_bill_usd"] == posted["bill_usd"]).all()), float(posted["units_change"].abs().max())
    (True, 0.0)
    """
    taken, market, then = answered(case, horizon, moved)
    net = _net(taken, market, then, horizon)
    owed = taken.by_maker(market.units * taken.duty_usd)
    rise = taken.by_maker(market.units * (then.price - market.price))
    units, paid = taken.by_maker(market.units), taken.by_maker(market.units * market.price)
    before = np.where(units > 0, units, np.nan)
    passed = rise / np.where(np.abs(owed) > CENT * units, owed, np.nan)
    least, most = uncertainty.interval(owed)
    sure = np.where(least * most > 0, 1.0, np.nan)  # a ratio to what may be zero has no range
    columns = {
        "home": case.facts.makers["home"].reindex(taken.makers).to_numpy(),
        **_ranged("bill", taken.gross_usd),
        **_ranged("net_bill", net),
        "rivals_gain_usd": _rivals_gain(taken, market, net[0], horizon),
        "duty_per_vehicle_usd": (owed / before)[0],
        "price_change_usd": (rise / before)[0],
        "price_change": (rise / np.where(units > 0, paid, np.nan))[0],
        "pass_through": passed[0],
        "pass_through_low": uncertainty.interval(passed)[0] * sure,
        "pass_through_high": uncertainty.interval(passed)[1] * sure,
        "units": units[0],
        "units_change": taken.by_maker(then.units - market.units)[0],
        "room_value_usd": _to_the_cent(_spread(taken, then.room_value[0])),
    }
    frame = pd.DataFrame(columns, index=pd.Index(taken.makers, name="maker"))
    return frame.sort_values(["bill_usd", "units"], ascending=False, kind="stable")


def by_product(case: Case, horizon: str = "equilibrium", moved: pd.DataFrame | None = None) -> pd.DataFrame:
    """Prices and volumes of every product, at central inputs.

    Returns
    -------
    DataFrame
        One row per `maker`, `origin` and `product`: `own_elasticity`, `price_usd` and `marginal_cost_usd` of
        before, `duty_usd` and `price_change_usd` per vehicle, `units` and `units_change`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> rows = by_product(tm.case(period="CY2025"))
    >>> bool((rows["marginal_cost_usd"] > 0).all()), bool((rows["own_elasticity"] < -1).all())
    (True, True)
    """
    taken, market, then = answered(case, horizon, moved)
    return pd.DataFrame(
        {
            "maker": [taken.makers[f] for f in taken.firm],
            "origin": taken.origin,
            "product": taken.segment,
            "own_elasticity": market.own_elasticity[0],
            "price_usd": market.price[0],
            "marginal_cost_usd": market.cost[0],
            "duty_usd": taken.duty_usd[0],
            "price_change_usd": then.price[0] - market.price[0],
            "units": market.units[0],
            "units_change": then.units[0] - market.units[0],
        }
    )


def bounds(case: Case) -> pd.DataFrame:
    """Net bill and pass-through of every maker under other conduct, at central inputs.

    - ``competition``: prices are costs, so all of the duty is passed on and no profit is there to lose;
    - ``equilibrium``: Bertrand and Nash;
    - ``monopolist``: each maker answers its own duty alone, over the demand that rivals leave at their old
      prices. A lone product then passes on 1 − s, s its share of the buyers.

    One owner of all makers is no bound: with an aggregate elasticity above −1 it would not have been content
    with the prices of before.

    Returns
    -------
    DataFrame
        Indexed by maker and `conduct`: `net_bill_usd`, `pass_through`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = bounds(tm.case(period="CY2025")).xs("competition", level="conduct")["pass_through"]
    >>> bool(np.allclose(found.dropna(), 1))
    True
    """
    taken = case_products(case)
    market = market_of(taken).rows(slice(0, 1))
    duty, mine = taken.duty_usd[:1], market.of_firm.T > 0
    owed, units = (taken.by_maker(market.units * of)[0] for of in (duty, np.ones_like(duty)))
    owed = np.where(np.abs(owed) > CENT * units, owed, np.nan)
    alone = solve(market, duty * mine, mine & _some(duty)).settled(market.names)
    both = solve(market, duty, _some(duty)).settled(market.names)
    profit = market.units * (market.price - market.cost)

    def own(figure: np.ndarray) -> np.ndarray:
        """Of each maker's products, from the draw in which it alone answers."""
        return np.diagonal(taken.by_maker(figure)[:, _firms(taken)])

    lost = {
        "competition": np.zeros(len(taken.makers)),
        "equilibrium": taken.by_maker(profit - both.profit)[0],
        "monopolist": _spread(taken, own(profit - alone.profit)),
    }
    rise = {
        "competition": owed,
        "equilibrium": taken.by_maker(market.units * (both.price - market.price))[0],
        "monopolist": _spread(taken, own(market.units * (alone.price - market.price))),
    }
    frames = {
        name: pd.DataFrame(
            {
                "net_bill_usd": _to_the_cent(lost[name] + taken.aside_usd[0]),
                "pass_through": rise[name] / owed,
            },
            index=pd.Index(taken.makers, name="maker"),
        )
        for name in CONDUCTS
    }
    return pd.concat(frames, names=["conduct"]).swaplevel().sort_index(level=0, sort_remaining=False)


def sampled(case: Case, draws: int = 10_000, seed: int = 0) -> pd.DataFrame:
    """Net bill of every maker over random draws of all inputs: mean, spread and quantiles, USD.

    Each input is triangular between its low and its high. What makers share of an input's error
    (``facts/shared_errors.csv``) moves them together, through a normal copula; elasticities and prices are
    one draw for all. A bill is taken as the sum of the moves of its inputs.

    Parameters
    ----------
    draws : int
        At least 100.
    seed : int
        Blocks of 500 draws have streams of their own, so more draws begin with the same ones.

    Returns
    -------
    DataFrame
        Indexed by maker: `net_bill_usd` (the mean), `sd_usd`, `q05_usd`, `q50_usd`, `q95_usd`, and
        `gains`, the share of draws in which the maker earns more than before.

    Raises
    ------
    DataError
        Fewer than 100 draws; prices that do not settle in one.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = sampled(tm.case(period="CY2025"), draws=200)
    >>> bool((found["q05_usd"] <= found["q95_usd"]).all()), bool(found["gains"].between(0, 1).all())
    (True, True)
    """
    if draws < 100:
        raise DataError(f"{draws} draws say nothing of a tail of 5%; ask for at least 100")
    taken = case_products(case)
    shared = uncertainty.sharing(case.facts, list(INPUTS), taken.makers)
    streams = np.random.SeedSequence(seed).spawn(-(-draws // _BLOCK))
    sizes = [min(_BLOCK, draws - _BLOCK * number) for number in range(len(streams))]
    net = np.concatenate(
        [_drawn_net(taken, shared, np.random.default_rng(s), n) for s, n in zip(streams, sizes, strict=True)]
    )
    q05, q50, q95 = np.quantile(net, [0.05, 0.5, 0.95], axis=0)
    return pd.DataFrame(
        {
            "net_bill_usd": net.mean(axis=0),
            "sd_usd": net.std(axis=0, ddof=1),
            "q05_usd": q05,
            "q50_usd": q50,
            "q95_usd": q95,
            "gains": (net < -CENT).mean(axis=0),
        },
        index=pd.Index(taken.makers, name="maker"),
    )


class Answer(NamedTuple):
    """Products of a case, the market they were in, and prices and vehicles after the policy.

    >>> import tariffmodel as tm
    >>> answer = answered(tm.case(period="CY2025"), "posted")
    >>> bool((answer.then.price == answer.market.price).all())
    True
    """

    products: Products
    market: Market
    then: Solution


def answered(case: Case, horizon: str = "equilibrium", moved: pd.DataFrame | None = None) -> Answer:
    """Prices and vehicles in every run of the inputs, before and after.

    >>> import tariffmodel as tm
    >>> answer = answered(tm.case(period="CY2025"))
    >>> bool(answer.then.converged.all()), answer.then.price.shape == answer.products.units.shape
    (True, True)
    """
    if horizon not in HORIZONS:
        raise TariffModelError(f"{horizon!r} is no horizon; choose from {', '.join(HORIZONS)}")
    if (horizon == "long") != (moved is not None):
        raise DataError(
            "the long horizon needs the plants that move: give `moved`, vehicles by maker and origin, or ask "
            "for the equilibrium, in which plants stay; the other horizons take none"
        )
    taken = case_products(case)
    if moved is not None:
        taken = relocated(taken, moved)
    market = market_of(taken)
    if horizon != "posted":
        room = us_room(taken) if horizon == "short" else None
        then = solve(market, taken.duty_usd, _some(taken.duty_usd), room).settled(market.names, _RUNS)
        return Answer(taken, market, then)
    settled = np.ones(len(market.units), dtype=bool)
    profit = market.units * (market.price - market.cost - taken.duty_usd)
    none = np.zeros((len(settled), taken.firm.max() + 1))
    return Answer(taken, market, Solution(market.price, market.units, profit, settled, 0 * settled, none, 0))


def case_products(case: Case) -> Products:
    """`products.of_case`, kept with the case.

    >>> import tariffmodel as tm
    >>> asked = tm.case(period="CY2025")
    >>> case_products(asked) is case_products(asked)
    True
    """
    kept = vars(case)
    if "_products" not in kept:
        kept["_products"] = sold.of_case(case)
    taken: Products = kept["_products"]
    return taken


def market_of(taken: Products) -> Market:
    """The market that products are in, calibrated in every run.

    >>> import tariffmodel as tm
    >>> market = market_of(case_products(tm.case(period="CY2025")))
    >>> bool(((market.sigma >= 0) & (market.sigma < 1)).all())
    True
    """
    figures = (taken.price_usd, taken.units, taken.buyers, taken.own, taken.aggregate)
    return calibrated(taken.firm, taken.nest, *figures, taken.names)


def us_room(taken: Products) -> Room:
    """What US plants sell at most: as much as before and what is idle of them.

    >>> import tariffmodel as tm
    >>> taken = case_products(tm.case(period="CY2025"))
    >>> bool((us_room(taken).most >= taken.by_maker(taken.units * (taken.origin == "US"))).all())
    True
    """
    here = taken.us_share == 1
    return Room(here, taken.by_maker(taken.units * here) + taken.spare_units)


_RUNS = ["central", *(f"{name} at its {end}" for name in ALL_INPUTS for end in ("low", "high"))]


def net_usd(case: Case, horizon: str = "equilibrium", moved: pd.DataFrame | None = None) -> np.ndarray:
    """Net bill in every run of the inputs, (R, F), makers as in `case_products`; parameters as in `table`.

    >>> import tariffmodel as tm
    >>> asked = tm.case(period="CY2025")
    >>> net_usd(asked).shape == case_products(asked).gross_usd.shape
    True
    """
    return _net(*answered(case, horizon, moved), horizon)


def _net(taken: Products, market: Market, then: Solution, horizon: str) -> np.ndarray:
    """Operating profit lost, (R, F)."""
    if horizon == "posted":
        return taken.gross_usd
    before = market.units * (market.price - market.cost)
    return _to_the_cent(taken.by_maker(before - then.profit) + taken.aside_usd)


def _to_the_cent(usd: np.ndarray) -> np.ndarray:
    """Without what is left of billions that cancel."""
    return np.asarray(np.where(np.abs(usd) < CENT, 0.0, usd))


def _rivals_gain(taken: Products, market: Market, net: np.ndarray, horizon: str) -> np.ndarray:
    """Net bill under the own duty alone, less that under all, (F,), at central inputs."""
    if horizon == "posted":
        return np.zeros(len(taken.makers))
    central = market.rows(slice(0, 1))
    duty = taken.duty_usd[:1] * central.of_firm.T
    room = us_room(taken).rows(slice(0, 1)) if horizon == "short" else None
    then = solve(central, duty, _some(duty), room).settled(market.names)
    before = central.units * (central.price - central.cost)
    lost = np.diagonal(taken.by_maker(before - then.profit)[:, _firms(taken)])
    return np.asarray(_spread(taken, lost) + taken.aside_usd[0] - net)


def _some(duty: np.ndarray) -> np.ndarray:
    """(D, 1): without any duty the prices of before are the answer, to the last digit."""
    return np.asarray((duty != 0).any(axis=1, keepdims=True))


def _firms(taken: Products) -> np.ndarray:
    """Positions of the makers up to the last one with a product: the draws in which one alone pays."""
    return np.arange(taken.firm.max() + 1)


def _spread(taken: Products, of_firms: np.ndarray) -> np.ndarray:
    out = np.zeros(len(taken.makers))
    out[: len(of_firms)] = of_firms
    return out


def relocated(taken: Products, moved: pd.DataFrame) -> Products:
    """Products of which some are built in the US: these pay duty on parts, and cost more or less to make.

    `moved` is that of `table`; the gross bill stays that of plants as they are.

    >>> import tariffmodel as tm
    >>> here = pd.MultiIndex.from_tuples([("Toyota", "JP")])
    >>> none = pd.DataFrame({"units": [0.0], "extra_cost_usd": [0.0]}, here)
    >>> taken = case_products(tm.case(period="CY2025"))
    >>> bool((relocated(taken, none).duty_usd == taken.duty_usd).all())
    True
    """
    if lacking := [name for name in MOVED if name not in moved]:
        raise DataError(f"moved has no column {lacking[0]}; it needs {', '.join(MOVED)} by maker and origin")
    if moved.index.nlevels != 2:
        raise DataError("moved needs an index of maker and origin")
    share, extra, relief = np.zeros((3, len(taken.firm)))
    makers, origins = (moved.index.get_level_values(level) for level in (0, 1))
    eased = moved.get("duty_change_usd", pd.Series(0.0, moved.index))
    columns = (*(moved[name] for name in MOVED), eased)
    for maker, origin, vehicles, cost, change in zip(makers, origins, *columns, strict=True):
        here = (taken.origin == origin) & np.array([taken.makers[f] == maker for f in taken.firm])
        there = taken.units[0][here].sum() * (origin != "US")
        if not 0 <= vehicles <= there * (1 + 1e-9):
            raise DataError(
                f"moved: {vehicles:,.0f} vehicles of {maker} from {origin}, of which {there:,.0f} are "
                "imported; give a number from 0 to that"
            )
        share[here], extra[here], relief[here] = min(vehicles / max(there, 1.0), 1.0), cost, change
    parts = taken.parts_usd[:, taken.firm]
    duty = (1 - share) * (taken.duty_usd + relief) + share * (parts + extra)
    return replace(taken, duty_usd=duty, us_share=np.maximum(taken.us_share, share))


def _ranged(name: str, runs: np.ndarray) -> dict[str, np.ndarray]:
    low, high = uncertainty.interval(runs)
    return {f"{name}_usd": runs[0], f"{name}_low_usd": low, f"{name}_high_usd": high}


def _drawn_net(
    taken: Products, shared: uncertainty.Sharing, rng: np.random.Generator, draws: int
) -> np.ndarray:
    """Net bill in random draws, (draws, F)."""
    own_inputs, makers = len(INPUTS), len(taken.makers)
    groups = rng.standard_normal((draws, own_inputs, shared.together.shape[-1]))
    common = np.einsum("dkg,kmg->dkm", groups, shared.together)
    load = shared.loading[:, None]
    normal = load * common + np.sqrt(1 - load**2) * rng.standard_normal((draws, own_inputs, makers))
    of_market = rng.standard_normal((draws, len(ALL_INPUTS) - own_inputs, 1)) + np.zeros(makers)
    ends = _triangular(np.concatenate([normal, of_market], axis=1))

    def drawn(runs: np.ndarray, by: np.ndarray) -> np.ndarray:
        """Central + moves of each input, (draws, J or F or 1)."""
        low, high = (runs[first::2] - runs[0] for first in (1, 2))
        up, down = np.maximum(by, 0), np.maximum(-by, 0)
        moves = np.einsum("dkj,kj->dj", up, high) + np.einsum("dkj,kj->dj", down, low)
        return np.asarray(runs[0] + moves)

    here, first = ends[..., taken.firm], ends[..., :1]
    units = np.maximum(drawn(taken.units, here), 1.0)
    duty, price = drawn(taken.duty_usd, here), drawn(taken.price_usd, here)
    buyers, own, aggregate = (drawn(of, first) for of in (taken.buyers, taken.own, taken.aggregate))
    market = calibrated(taken.firm, taken.nest, price, units, buyers, own, aggregate, taken.names)
    then = solve(market, duty).settled(market.names)
    lost = taken.by_maker(units * (price - market.cost) - then.profit)
    return np.asarray(lost + drawn(taken.aside_usd, ends))


def _triangular(normal: np.ndarray) -> np.ndarray:
    """Triangular on [−1, 1] with mode 0, from standard normals."""
    at = stats.norm.cdf(normal)
    return np.asarray(np.where(at < 0.5, np.sqrt(2 * at) - 1, 1 - np.sqrt(2 * (1 - at))))
