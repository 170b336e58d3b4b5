"""Prices and volumes after a tariff: closed forms, a second implementation, invariance, refusals."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from tariffmodel import (
    Valuation,
    bertrand,
    capacity,
    case,
    comparison,
    demand,
    equilibrium,
    facts,
    game,
    moved,
    net_bill,
    pricing,
    products,
    published,
    schedule,
    validation,
)
from tariffmodel.errors import DataError, PolicyError, TariffModelError

MAKERS = 19  # those inside no other


@pytest.fixture(scope="module")
def asked(known):
    return case(period="CY2025", data=known)


@pytest.fixture(scope="module")
def found(asked):
    return equilibrium.table(asked)


# six products of three makers in two segments
FIRM, NEST = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 0, 1, 0])
PRICE = np.array([[30e3, 45e3, 50e3, 35e3, 55e3, 28e3]])
UNITS = np.array([[900e3, 400e3, 300e3, 700e3, 600e3, 500e3]])
DUTY = np.array([[0.0, 6000.0, 4000.0, 0.0, 7000.0, 2500.0]])
BUYERS, OWN, ALL = 40e6, -4.559, -0.75


def six(price=PRICE, own=OWN, buyers=BUYERS, units=UNITS, order=slice(None), firm=FIRM):
    return demand.calibrated(
        firm[order], NEST[order], price[:, order], units[:, order], buyers, own, ALL, list("abcdef")
    )


def lone(share, elasticity=-1.35):
    """One product: σ is 0 and demand is plain logit."""
    own = elasticity / (1 - share)
    return demand.calibrated([0], [0], np.array([[3e4]]), np.array([[share * 1e6]]), 1e6, own, elasticity)


# Closed forms --------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.02, 0.1, 0.4, 0.8])
def test_a_monopolist_of_one_product_passes_on_one_less_its_share(share):
    one = lone(share)
    assert one.sigma[0, 0] == pytest.approx(0, abs=1e-12)
    rise = bertrand.solve(one, np.array([[1e-2]])).price - one.price
    assert rise[0, 0] / 1e-2 == pytest.approx(1 - share, rel=1e-4)


def test_a_monopolist_of_one_product_has_the_markup_of_the_inverse_elasticity():
    one = lone(0.1)
    assert 1 - one.cost[0, 0] / 3e4 == pytest.approx(1 / 1.35)


def test_own_elasticities_are_those_of_shares_moved_by_a_price():
    market, step = six(), 1e-6
    for j in range(6):
        up = PRICE.copy()
        up[0, j] *= 1 + step
        share = bertrand.Shares(market).at(up)[1]
        assert (share[0, j] / market.share[0, j] - 1) / step == pytest.approx(
            market.own_elasticity[0, j], rel=1e-4
        )


def test_the_two_elasticities_are_those_asked_for():
    market = six()
    _, up = bertrand.Shares(market).at(PRICE * (1 + 1e-6))
    assert (up.sum() / market.share.sum() - 1) / 1e-6 == pytest.approx(ALL, rel=1e-4)
    small = demand.calibrated(
        range(200), [0] * 200, np.full((1, 200), 3e4), np.full((1, 200), 1e4), BUYERS, OWN, ALL
    )
    assert small.own_elasticity[0, 0] == pytest.approx(OWN, rel=0.01)


def test_no_maker_gains_by_another_price_at_the_equilibrium():
    market = six()
    then = bertrand.solve(market, DUTY)
    shares = bertrand.Shares(market)

    def profit(price):
        return (price - market.cost - DUTY) * shares.at(price)[1] * BUYERS

    for j in range(6):
        mine = FIRM[j] == FIRM
        for change in (0.98, 0.999, 1.001, 1.02):
            price = then.price.copy()
            price[0, j] *= change
            assert profit(price)[0, mine].sum() < then.profit[0, mine].sum()


FULL = bertrand.Room(
    np.array([True, False, False, True, False, False]), np.array([[950e3, 720e3, 0.0], [2e6, 720e3, 0.0]])
)


def test_full_plants_meet_the_conditions_of_kuhn_and_tucker():
    market = six()
    then = bertrand.solve(market, np.repeat(DUTY, 2, axis=0), room=FULL)
    full, value = then.units[:, [0, 3]] - FULL.most[:, :2], then.room_value
    assert (full < 1e-2).all() and (value >= 0).all()
    np.testing.assert_allclose(value[:, :2] * full, 0, atol=50)  # USD: one of the two is nothing
    assert (value[[0, 0, 1], [0, 1, 1]] > 100).all() and value[1, 0] == 0 and (value[:, 2] == 0).all()
    # with the value of room in its cost and no limit, every maker sets the same prices
    priced = DUTY + np.where(FULL.bounded, value[:, FIRM], 0.0)
    np.testing.assert_allclose(then.price, bertrand.solve(market, priced).price, rtol=1e-8)


def test_no_maker_gains_by_prices_that_its_plants_can_serve():
    market, rng = six(), np.random.default_rng(3)
    then = bertrand.solve(market, DUTY, room=FULL.rows(slice(0, 1)))
    shares, tried = bertrand.Shares(market), np.zeros(3, dtype=int)
    for f in rng.integers(0, 3, 300):
        price = then.price * (1 + np.where(f == FIRM, rng.normal(0, 0.01, 6), 0.0))
        units = shares.at(price)[1] * BUYERS
        if ((units * FULL.bounded)[0, f == FIRM].sum() <= FULL.most[0, f]) or f == 2:
            tried[f] += 1
            profit = ((price - market.cost - DUTY) * units)[0, f == FIRM].sum()
            assert profit <= then.profit[0, f == FIRM].sum() + 1
    assert (tried > 20).all()


def test_room_that_does_not_bind_changes_nothing():
    wide = FULL._replace(most=np.full((1, 3), np.inf))
    free = bertrand.solve(six(), DUTY)
    np.testing.assert_allclose(bertrand.solve(six(), DUTY, room=wide).price, free.price, rtol=1e-12)


def test_symmetric_makers_change_prices_alike():
    price, units = np.full((1, 6), 3e4), np.full((1, 6), 5e5)
    market = demand.calibrated(range(6), NEST * 0, price, units, BUYERS, OWN, ALL)
    then = bertrand.solve(market, np.full((1, 6), 3000.0))
    assert np.ptp(then.price) < 1e-6 and np.ptp(then.units) < 1e-3
    some = bertrand.solve(market, np.array([[3000.0, 3000.0, 0, 0, 0, 0]]))
    assert np.ptp(some.price[0, :2]) < 1e-6 and np.ptp(some.price[0, 2:]) < 1e-6
    assert (some.units[0, :2] < 5e5).all() and (some.profit[0, 2:] > market.units[0, 2] * 1e3).all()


# A second implementation ---------------------------------------------------------------------------
# pyblp 1.3.0: costs of the same calibration by `numpy.linalg.solve` on a complex-step Jacobian, then
# `Simulation.replace_endogenous` with rho = σ and prices in units of 1/α, ζ-markup iteration to 1e-14.
PYBLP_COST = [17600.3825, 29310.1873, 34769.799, 24898.8798, 28150.0804, 20633.3014]
PYBLP_PRICE = [29864.4338, 50864.4338, 54377.0886, 35332.202, 60973.224, 30225.702]
PYBLP_UNITS = [1040151.36, 249999.13, 295041.27, 758948.45, 536056.41, 393996.23]


def test_pyblp_finds_the_same_costs_prices_and_vehicles():
    market = six()
    then = bertrand.solve(market, DUTY)
    np.testing.assert_allclose(market.cost[0], PYBLP_COST, rtol=1e-8)
    np.testing.assert_allclose(then.price[0], PYBLP_PRICE, rtol=1e-8)
    np.testing.assert_allclose(then.units[0], PYBLP_UNITS, rtol=1e-7)


# Invariance ----------------------------------------------------------------------------------------


def test_no_duty_changes_nothing(known):
    market = six()
    then = bertrand.solve(market, 0 * DUTY)
    np.testing.assert_allclose(then.price, PRICE, rtol=1e-12)
    np.testing.assert_allclose(then.units, UNITS, rtol=1e-9)
    same = equilibrium.table(case("current-law", "current-law", "CY2025", data=known))
    assert same[["net_bill_usd", "price_change_usd", "units_change", "rivals_gain_usd"]].abs().max().max() < 1


def test_the_order_of_products_and_the_numbers_of_makers_do_not_matter():
    straight = bertrand.solve(six(), DUTY)
    order = np.array([4, 2, 0, 5, 1, 3])
    mixed = bertrand.solve(six(order=order, firm=2 - FIRM), DUTY[:, order])
    np.testing.assert_allclose(mixed.price, straight.price[:, order], rtol=1e-9)
    np.testing.assert_allclose(mixed.units, straight.units[:, order], rtol=1e-8)


def test_units_of_money_and_of_vehicles_do_not_matter():
    straight = bertrand.solve(six(), DUTY)
    scaled = bertrand.solve(six(price=PRICE / 1e3, units=UNITS / 1e6, buyers=BUYERS / 1e6), DUTY / 1e3)
    np.testing.assert_allclose(scaled.price * 1e3, straight.price, rtol=1e-9)
    np.testing.assert_allclose(scaled.units * 1e6, straight.units, rtol=1e-8)


def test_a_draw_is_the_same_alone_and_among_others():
    own = np.linspace(-3, -8, 1201)[:, None]
    many = bertrand.solve(six(own=own), DUTY)
    for d in (0, 499, 500, 1200):
        np.testing.assert_allclose(
            many.price[d], bertrand.solve(six(own=own[d, 0]), DUTY).price[0], rtol=1e-8
        )


# Refusals ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("own", "all_", "said"), [(4.5, -0.75, "own-price"), (-4.5, 0.4, "aggregate")])
def test_an_elasticity_of_the_wrong_sign_is_refused(own, all_, said):
    with pytest.raises(DataError, match=f"{said} elasticity is .*below zero"):
        demand.calibrated(FIRM, NEST, PRICE, UNITS, BUYERS, own, all_)


def test_a_negative_marginal_cost_names_the_product_and_the_elasticity():
    with pytest.raises(DataError, match=r"^[a-f]: marginal cost would be -.* elasticity of -1\.1 "):
        six(own=-1.1)
    with pytest.raises(DataError, match="marginal cost"):  # one owner of all would have asked for more
        six(firm=0 * FIRM)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"own": -0.5}, "own-price elasticity -0.5 is smaller"),
        ({"buyers": 1e6}, "vehicles, but 1,000,000 buyers"),
        ({"units": UNITS * [1, 1, 0, 1, 1, 1]}, "c: units is not above zero"),
        ({"price": PRICE * [1, -1, 1, 1, 1, 1]}, "b: price is not above zero"),
    ],
)
def test_a_market_that_cannot_be_is_refused(change, said):
    with pytest.raises(DataError, match=said):
        six(**change)


def test_what_does_not_settle_is_reported_and_never_the_last_iterate():
    market = six(own=np.array([[-4.5], [-5.0]]))
    hurried = bertrand.solve(market, DUTY, rounds=3)
    assert not hurried.converged.any() and np.isnan(hurried.price).all() and np.isnan(hurried.profit).all()
    with pytest.raises(DataError, match=r"3 rounds in 2 of 2 draws \(draw 0; draw 1\), last that of [a-f]"):
        hurried.settled(market.names)
    wild = DUTY + np.array([[0.0], [np.inf]])
    half = bertrand.solve(market, wild, rounds=50)
    assert half.converged.tolist() == [True, False] and np.isfinite(half.price[0]).all()
    with pytest.raises(DataError, match="own_elasticity at its low"):
        half.settled(market.names, ["central", "own_elasticity at its low"])


@pytest.fixture
def data(tmp_path):
    return shutil.copytree(facts.data_dir(), tmp_path / "data")


def rewrite(path, change):
    with path.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    kept = [row for row in rows if change(row) is not False]
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(kept)


def test_a_wrong_row_is_named_with_its_file(data):
    rewrite(
        data / "response/elasticities.csv",
        lambda row: row.update(value="2") if "Accord" in row["what"] else None,
    )
    wrong = case(period="CY2025", data=data)
    with pytest.raises(
        DataError, match=r"response/elasticities\.csv row 6: own_price_elasticity of Honda Accord"
    ):
        equilibrium.table(wrong)
    assert any("below zero" in str(fault) for fault in facts.check(data))


def test_a_builder_without_its_segments_is_named(data):
    rewrite(data / "response/market.csv", lambda row: row["what"] != "Tesla")
    with pytest.raises(DataError, match="Tesla builds in the US, but .*us_built_light_truck_share"):
        products.of_case(case(period="CY2025", data=data))


# Of a case -----------------------------------------------------------------------------------------


def test_the_gross_bill_is_that_of_the_exposure_and_duty_on_products_adds_up_to_it(asked):
    sold = equilibrium.case_products(asked)
    makers = [asked.goods.makers.index(maker) for maker in sold.makers]
    assert len(makers) == MAKERS
    np.testing.assert_allclose(sold.gross_usd[: len(asked.runs_usd)], asked.runs_usd[:, makers])
    on_products = sold.by_maker(sold.units * sold.duty_usd)
    np.testing.assert_allclose(on_products + sold.aside_usd, sold.gross_usd, atol=1)
    # what is beside the market is duty on the parts of exported vehicles: less than a tenth of the whole
    assert (sold.aside_usd[0] > -1).all()
    assert sold.aside_usd[0].sum() < 0.1 * sold.gross_usd[0].sum()


@pytest.mark.parametrize("name", ["japan-flexible-linear-firm", "production-credit-1-to-1", "auto-pact-1965"])
def test_relief_and_credits_are_in_the_duty_of_products(known, name):
    sold = products.of_case(case(name, period="CY2026", data=known))
    exports = facts.identity(known, "CY2025")["export_units"].reindex(sold.makers).to_numpy()
    beside = np.abs(sold.aside_usd[0])
    assert (beside[exports == 0] < 1).all() and (beside[exports > 0] < exports[exports > 0] * 5000).all()
    assert (np.abs(sold.gross_usd[0]) > 1e6).sum() > 10


def test_mean_price_is_near_what_buyers_paid(asked):
    sold = equilibrium.case_products(asked)
    mean = (sold.price_usd * sold.units)[0].sum() / sold.units[0].sum()
    assert mean == pytest.approx(49_077, rel=0.08)  # Kelley Blue Book, August 2025; not used but as a ratio


def test_who_pays_less_gains_from_the_duty_of_the_others(found):
    assert (found["rivals_gain_usd"] > -1).all()
    assert (found["net_bill_usd"] <= found["bill_usd"] + 1).all()
    assert found.at["Tesla", "net_bill_high_usd"] < 0 < found.at["Tesla", "units_change"]
    banded = found[["net_bill_low_usd", "net_bill_usd", "net_bill_high_usd"]]
    assert (banded.diff(axis=1).iloc[:, 1:] >= -1e-6).all(axis=None)


def test_posted_prices_leave_the_gross_bill(asked):
    posted = equilibrium.table(asked, "posted")
    np.testing.assert_allclose(posted["net_bill_usd"], posted["bill_usd"], atol=1)
    assert posted[["price_change_usd", "units_change", "rivals_gain_usd"]].abs().max().max() == 0
    assert posted["pass_through"].dropna().eq(0).all()


def test_us_plants_fill_up_in_the_short_run_and_no_more(asked, found):
    sold, market, then = equilibrium.answered(asked, "short")
    home = sold.origin == "US"
    grown, room = (sold.by_maker(of * home) for of in (then.units - market.units, market.units * 0))
    assert (grown <= sold.spare_units + room + 1).all()
    short = equilibrium.table(asked, "short")
    full = short.index[short["room_value_usd"] > 0]
    by_maker = pd.Series(grown[0] - sold.spare_units[0], sold.makers)
    assert {"Ford", "Kia"} <= set(full) and by_maker[full].abs().max() < 1
    assert (short["price_change"].dropna() >= found["price_change"].dropna() - 1e-4).all()
    assert (found["room_value_usd"] == 0).all()


def at(maker):
    return pd.MultiIndex.from_tuples([(maker, "JP")])


def test_vehicles_that_move_to_us_plants_pay_duty_on_parts_only(asked, found):
    plants = pd.DataFrame({"units": [2e5], "extra_cost_usd": [0.0]}, at("Toyota"))
    long = equilibrium.table(asked, "long", plants)
    assert long.at["Toyota", "net_bill_usd"] < found.at["Toyota", "net_bill_usd"]
    assert (
        long.at["Mazda", "net_bill_usd"] > found.at["Mazda", "net_bill_usd"]
    )  # its rival has become cheaper
    np.testing.assert_allclose(long["bill_usd"], found["bill_usd"].reindex(long.index))
    dear = equilibrium.table(asked, "long", plants.assign(extra_cost_usd=50e3))
    assert dear.at["Toyota", "net_bill_usd"] > found.at["Toyota", "net_bill_usd"]


def test_a_vehicle_that_moves_costs_gap_capital_and_parts_and_saves_all_its_duty(known):
    asked = case("current-law", period="CY2026", data=known)
    sold, gone = equilibrium.case_products(asked), moved.table(asked)
    rates, before = (
        schedule.schedule(one, "EU") for one in (asked, asked.replace(policy="before-april-2025"))
    )
    able, k = game.costs(asked, rates), rates.makers.index("Volkswagen")
    assert gone.at[("Volkswagen", "EU"), "units"] == pytest.approx(
        rates.imports[k] * asked.goods.years
    )  # all of them
    each = able.of(rates.imports)[k] / rates.imports[k] - before.value_usd[k] * before.rate(0.0, 0.0)[k]
    there = (sold.firm == sold.makers.index("Volkswagen")) & (sold.origin == "EU")
    goods, (mine, other) = asked.goods, asked.owed
    service = ((mine.duty - other.duty)[0] * (goods.is_part & ~goods.is_built_in)) @ goods.member
    sales = sold.units[0, sold.firm == sold.makers.index("Volkswagen")].sum()
    serviced = service[goods.makers.index("Volkswagen")] / sales  # wherever the vehicle is from
    after = equilibrium.relocated(sold, gone).duty_usd[0, there]
    np.testing.assert_allclose(after, each + serviced, rtol=1e-6)


def test_origins_share_what_a_maker_can_build(known):
    asked = case("flat-25", period="CY2026", data=known)
    gone = moved.table(asked, cost="low")["units"].groupby(level="maker").sum()
    for maker in ("BMW", "Honda", "Volkswagen"):
        most = capacity.options(known, maker, "MX", "low")["capacity_units"].sum()
        assert 0 < gone[maker] <= most * (1 + 1e-9)
    dear = moved.table(asked, cost="high")["units"]
    assert dear.sum() < gone.sum()
    assert set(gone.index) == set(dear.index.get_level_values("maker")) and "Porsche AG" not in gone


def test_net_bills_of_three_kinds_stand_side_by_side(known):
    asked = case("japan-increments", period="CY2026", data=known)
    both, gone = moved.net_bills(asked), moved.table(asked)
    long = net_bill.table(asked, "plants", gone)
    pd.testing.assert_series_equal(
        both["net_with_plants_usd"], long["net_bill_usd"].reindex(both.index), check_names=False
    )
    assert (both["net_with_plants_low_usd"] <= both["net_with_plants_usd"]).all()
    eased = gone.loc[[("Toyota", "JP"), ("Subaru", "JP")], "duty_change_usd"]
    assert (eased < 0).all()  # under Japan's increments what moves takes the rate down
    still = gone.assign(duty_change_usd=0.0)
    assert (
        net_bill.table(asked, "plants", still).at["Toyota", "net_bill_usd"]
        > long.at["Toyota", "net_bill_usd"]
    )


@pytest.mark.parametrize(
    ("plants", "said"),
    [
        (
            pd.DataFrame({"units": [1e7], "extra_cost_usd": [0.0]}, at("Toyota")),
            "10,000,000 vehicles of Toyota",
        ),
        (
            pd.DataFrame({"units": [1.0], "extra_cost_usd": [0.0]}, at("Nobody")),
            "of which 0 are imported",
        ),
        (pd.DataFrame({"units": [1.0]}, at("Toyota")), "no column extra_cost_usd"),
        (pd.DataFrame({"units": [1.0], "extra_cost_usd": [0.0]}), "an index of maker and origin"),
        (None, "needs the plants that move"),
    ],
)
def test_the_long_horizon_asks_for_plants_that_there_are(asked, plants, said):
    with pytest.raises(DataError, match=said):
        equilibrium.table(asked, "long", plants)


def test_other_words_for_horizon_and_response_are_refused(asked):
    with pytest.raises(TariffModelError, match="choose from posted, short, equilibrium, long"):
        equilibrium.table(asked, "soon")
    with pytest.raises(TariffModelError, match="choose from none, prices, plants"):
        net_bill.table(asked, "all")
    with pytest.raises(
        TariffModelError, match="response 'none' has no horizon 'long'; with it choose posted"
    ):
        net_bill.horizon_of("none", "long")
    with pytest.raises(TariffModelError, match="choose from posted, short"):
        net_bill.horizon_of(horizon="soon")


def test_conduct_bounds_pass_through_of_makers_with_a_large_duty(asked):
    conduct = equilibrium.bounds(asked)["pass_through"].unstack("conduct").dropna()
    np.testing.assert_allclose(conduct["competition"], 1)
    assert (conduct["monopolist"] < 1).all()
    assert (conduct["monopolist"] < conduct["equilibrium"] + 1e-6).all()


def test_draws_hold_the_table_and_more_draws_begin_with_the_same(asked, found):
    drawn = equilibrium.sampled(asked, draws=2000)
    net = found["net_bill_usd"].reindex(drawn.index)
    inside = (drawn["q05_usd"] <= net) & (net <= drawn["q95_usd"])
    assert inside.all()
    wide = (found["net_bill_high_usd"] - found["net_bill_low_usd"]).reindex(drawn.index)
    spread = (drawn["q95_usd"] - drawn["q05_usd"])[wide > 1]
    assert ((spread / wide[wide > 1]).between(0.4, 1.6)).all()
    pd.testing.assert_frame_equal(drawn, equilibrium.sampled(asked, draws=2000))
    with pytest.raises(DataError, match="at least 100"):
        equilibrium.sampled(asked, draws=20)


def test_a_change_of_the_net_bill_is_the_difference_of_two_tables(asked, found):
    changed = net_bill.changes(asked, ["flat-25"]).xs("flat-25")
    flat = equilibrium.table(asked.replace(policy="flat-25")).reindex(changed.index)
    base = found["net_bill_usd"].reindex(changed.index)
    np.testing.assert_allclose(changed["net_change_usd"], flat["net_bill_usd"] - base, atol=0.1)
    apart = flat["net_bill_high_usd"] - flat["net_bill_low_usd"]
    width = changed["net_change_high_usd"] - changed["net_change_low_usd"]
    assert width["Toyota"] < apart["Toyota"]  # inputs that move both do not count twice


def test_a_ranking_by_net_bills_has_the_gross_one_beside_it(asked):
    ranked = net_bill.ranked(asked, "flat-25", "plants")
    flat = asked.replace(policy="flat-25")
    gross = comparison.ranked(asked, "flat-25")
    pd.testing.assert_frame_equal(ranked[list(gross)].sort_index(), gross.sort_index())
    both = {one: equilibrium.table(one, "long", moved.table(one))["net_bill_usd"] for one in (asked, flat)}
    change = (both[flat] - both[asked]).reindex(ranked.index)
    np.testing.assert_allclose(ranked["net_change_usd"], change, atol=0.1)
    assert ranked["net_change_usd"].dropna().is_monotonic_increasing
    assert ranked.index[-1] in known_inside(asked)  # no net bill of its own
    with pytest.raises(PolicyError, match="occurs twice"):
        net_bill.changes(asked, ["flat-25", "flat-25"])


def known_inside(asked):
    return set(asked.facts.makers["consolidated_in"].dropna().index)


def test_a_disclosure_has_the_net_bill_of_its_own_period_and_currency(known):
    law = case(data=known)
    found = net_bill.disclosed(law, makers=["Ford", "Hyundai+Kia", "Porsche AG"])
    row = found[(found["maker"] == "Ford") & (found["basis"] == "net")].iloc[0]
    said = validation.disclosed(law).query("latest").set_index(["maker", "basis", "period"])["law_known_on"]

    def own(row):
        day = said[row["maker"], row["basis"], row["period"]]
        assert day  # an outlook, judged by the law of its day
        return validation.as_outlooks_had_it(case(period=row["period"], data=known), date.fromisoformat(day))

    net = equilibrium.table(own(row)).loc["Ford", ["net_bill_usd", "net_bill_low_usd", "net_bill_high_usd"]]
    np.testing.assert_allclose(row[["net", "net_low", "net_high"]].astype(float), net / 1e9 * row["per_usd"])
    assert row["beside"] == "net to booked"
    assert row["inside"] == (row["net_low"] <= row["disclosed"] <= row["booked_high"])
    assert (found.loc[found["basis"] != "net", "beside"] == "booked").all()
    assert not found.duplicated(["maker", "basis"]).any()
    pair = found[found["maker"] == "Hyundai+Kia"].iloc[0]  # makers that report together are added up
    both = equilibrium.table(own(pair)).loc[["Hyundai Motor", "Kia"]]
    assert pair["net"] == pytest.approx(both["net_bill_usd"].sum() / 1e9 * pair["per_usd"])
    assert np.isnan(found.set_index("maker").at["Porsche AG", "net"])  # inside another
    with pytest.raises(DataError, match="Nobody has no statement"):
        net_bill.disclosed(law, makers=["Nobody"])


def test_the_net_bill_is_valued_and_prices_count_once(asked, found):
    gross, net = (pricing.implied_net(asked, response)["implied_usd"] for response in ("none", "prices"))
    assert (gross["Toyota"] < net["Toyota"] < 0) and net["Tesla"] > 0 > gross["Tesla"]
    side = net_bill.table(asked)
    np.testing.assert_allclose(
        side["net_share"] * side["bill_usd"], found["net_bill_usd"].where(found["bill_usd"] != 0)
    )
    with pytest.raises(DataError, match="counts higher prices twice"):
        pricing.implied_net(asked, "prices", Valuation(pass_through=0.3))


# Published figures ---------------------------------------------------------------------------------


def test_published_figures_are_beside_the_model_and_inside_means_that_ranges_meet(asked):
    table = published.table(asked)
    meets = (table["model_low"] <= table["published_high"]) & (table["model_high"] >= table["published_low"])
    pd.testing.assert_series_equal(table["inside"], meets, check_names=False)
    assert (table["hull_low"] <= table["published_low"]).all()
    rff = table[table["study"].str.startswith("Linn and Spiller")]
    assert len(rff) == 3 and rff["inside"].all()
    model = rff.set_index("figure")["model"]
    assert -0.06 <= model["vehicles sold"] <= -0.03
    assert 0.04 <= model["price, at the mix of before"] <= 0.07


def test_the_studies_outside_are_those_that_the_method_page_names(asked):
    outside = published.table(asked).query("not inside").set_index("study")
    named = {"Budget Lab at Yale 2025": "price", "RSQE 2025": "US-built", "AlixPartners 2025": "share"}
    assert set(outside.index) == set(named) and (outside["differs"] != "").all()
    assert all(outside.at[study, "figure"].startswith(word) for study, word in named.items())


def test_studies_of_the_long_run_stand_beside_plants_that_move(asked):
    of_all = ("all", "vehicles", 0.25)
    stay, move = (published._figures(asked, *of_all, horizon) for horizon in ("equilibrium", "long"))
    assert move["us_output_change"].shape == (3, stay["us_output_change"].shape[1])
    assert (np.diff(move["us_output_change"][:, 0]) <= 0).all()  # low costs of moving first
    assert move["us_output_change"][1, 0] > stay["us_output_change"][0, 0]
    assert move["mexico_output_change"][1, 0] < stay["mexico_output_change"][0, 0]
    table = published.table(asked)
    able = table.set_index("figure")["plants_move"]
    assert able["Mexican vehicles"] and able["Canadian vehicles"]


def test_a_study_has_its_own_goods_year_and_cost_at_home(asked, known):
    vehicles, listed, parts = (
        published._figures(asked, "all", goods, 0.25, "posted") for goods in published.GOODS
    )
    goods = asked.goods
    owed = 0.25 * goods.value_usd[0, goods.inside].sum(axis=0) / goods.years
    whole = known.makers["consolidated_in"].isna().to_numpy()
    more = [(found["gross_cost"] - vehicles["gross_cost"])[0, 0] for found in (listed, parts)]
    kinds = (goods.flows.product == "listed_part", goods.is_built_in)
    sums = [owed[kind] @ goods.member[kind][:, whole].sum(axis=1) / 1e9 for kind in kinds]
    np.testing.assert_allclose(more, sums, rtol=1e-6)
    dear = published._figures(asked, "all", "vehicles", 0.25, "equilibrium", home_cost=0.05)
    cheap = published._figures(asked, "all", "vehicles", 0.25, "equilibrium")
    assert (dear["us_output_change"] < cheap["us_output_change"]).all()
    assert (dear["price_change"] > cheap["price_change"]).all()


def test_a_plant_without_a_crew_has_no_room_at_the_low_end(asked):
    sold = equilibrium.case_products(asked)
    room = equilibrium.us_room(sold).most
    here = sold.by_maker(sold.units * (sold.origin == "US"))
    low = 1 + 2 * products.ALL_INPUTS.index("us_spare")
    np.testing.assert_allclose(room[low], here[low])
    assert room[0].sum() > here[0].sum()


def test_the_cost_gap_of_a_row_with_a_range_has_it(known):
    table = pd.read_csv(known.folder / "response/relocation_costs.csv")
    rows = table[table["metric"] == "labour_cost_per_vehicle"].set_index("country")
    gap = capacity.cost_gap(known, "CA")
    assert gap["low"] == rows.at["US", "value"] - rows.at["CA", "high"]
    assert gap["low"] < rows.at["US", "value"] - rows.at["CA", "value"] < gap["central"]


def test_what_a_long_run_cannot_say_is_refused(data):
    rewrite(data / "response/published.csv", lambda row: row.update(horizon="long"))
    with pytest.raises(DataError, match="row 4: revenue is not computed for the long run"):
        published.table(case(period="CY2025", data=data))


def test_a_study_of_no_tariff_would_find_nothing(asked):
    free = published._figures(asked, "all", "vehicles_and_parts", 0.0, "equilibrium")
    for figure in ("sales_change", "price_change", "us_output_change", "revenue", "gross_cost"):
        np.testing.assert_allclose(free[figure], 0, atol=1e-8)


def test_an_unknown_figure_is_named(data):
    rewrite(data / "response/published.csv", lambda row: row.update(figure="mood"))
    with pytest.raises(DataError, match="row 2: no figure 'mood'"):
        published.table(case(period="CY2025", data=data))


def test_products_can_carry_another_duty(asked):
    sold = equilibrium.case_products(asked)
    double = replace(sold, duty_usd=2 * sold.duty_usd)
    market = equilibrium.market_of(double)
    once, twice = (bertrand.solve(market, one.duty_usd).units[0].sum() for one in (sold, double))
    assert twice < once < market.units[0].sum()
