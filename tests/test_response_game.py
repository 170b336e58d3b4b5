"""What makers move together, whether it is worth it, and what the Treasury gets for it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tariffmodel import capacity, case, game, government, incentives, plants, relocation, schedule
from tariffmodel.errors import DataError
from tariffmodel.response.game import Costs


@pytest.fixture(scope="module")
def asked(known):
    return case("japan-increments", period="CY2025", data=known)


@pytest.fixture(scope="module")
def pooled(asked):
    """One rate for all, 15% less 0.4 of what is added over US sales."""
    found = schedule.schedule(asked, "JP", from_now=True)
    return found.with_relief(basis="inclusive", base=0.15, cap=0.15, slope=0.4, firm_weight=0.0)


def flat(rates, each) -> Costs:
    return Costs(rates.imports[:, None], np.broadcast_to(each, len(rates.makers))[:, None].astype(float))


def fall(rates) -> float:
    return float((rates.rate(0.0, 0.0) - rates.rate(0.0, 1e5))[0] / 1e5)


# The game -----------------------------------------------------------------------------------------


def test_the_sum_of_an_interior_equilibrium_has_its_closed_form(pooled):
    """X = (n r0 + k ΣM − Σγ) / ((n + 1) k), with costs chosen so that everybody is inside."""
    k, n = fall(pooled), len(pooled.makers)
    target = 0.3 * pooled.imports
    ratio = 0.15 + k * pooled.imports - k * target.sum() - k * target
    found = game.nash(pooled, flat(pooled, ratio * pooled.value_usd))
    np.testing.assert_allclose(found.moved, target, rtol=1e-4)
    closed = (n * 0.15 + k * pooled.imports.sum() - ratio.sum()) / ((n + 1) * k)
    assert found.total == pytest.approx(closed, rel=1e-5)


def test_nobody_gains_by_moving_another_number(pooled, asked):
    for rates in (pooled, pooled.with_relief(schedule="smooth", steepness=40.0, midpoint=0.05, slope=0.1)):
        costs = game.costs(asked, rates, cost="central")
        found = game.nash(rates, costs)
        assert found.settled
        paid = rates.duty(found.moved, found.total) + costs.of(found.moved)
        for k in range(len(rates.makers)):
            for x in np.linspace(0, min(costs.most[k], rates.imports[k]), 60):
                other = found.moved.copy()
                other[k] = x
                again = rates.duty(other, other.sum()) + costs.of(other)
                assert again[k] >= paid[k] - max(1e-6 * paid[k], 1.0)


def test_the_equilibrium_is_one_wherever_it_is_begun_and_however_damped(pooled):
    costs = flat(pooled, 4500.0)
    ends = [
        game.nash(pooled, costs, start=start, damping=damping).moved
        for start in (None, pooled.imports) for damping in (0.5, 0.8, 1.0, 1.5)
    ]  # fmt: skip
    for other in ends[1:]:
        np.testing.assert_allclose(other, ends[0], atol=2.0)
    found = game.nash(pooled, costs, damping=0.5)
    assert found.settled and found.contraction < 1


def test_the_search_finds_what_the_closed_form_finds(pooled, asked, monkeypatch):
    costs = game.costs(asked, pooled)
    closed = game.nash(pooled, costs).moved
    monkeypatch.setattr(type(pooled), "linear", False)
    np.testing.assert_allclose(game.nash(pooled, costs).moved, closed, atol=50)


def test_makers_that_do_not_settle_give_their_cycle_and_no_last_iterate(pooled, monkeypatch):
    class Pennies:
        """The first does as the others do, the second the contrary."""

        def __init__(self, rates, costs):
            self.top = float(rates.imports.min())

        def __call__(self, k, others):
            return [min(others, self.top), self.top - min(others, self.top)][k] if k < 2 else 0.0

    monkeypatch.setattr(game, "_LinearReply", Pennies)
    found = game.nash(pooled, flat(pooled, 4500.0), damping=1.0)
    assert not found.settled and np.isnan(found.moved).all() and np.isnan(found.total)
    assert len(found.cycle) == 2 and found.rounds == 500


def test_alike_makers_move_alike_and_names_do_not_matter(pooled):
    from dataclasses import replace

    alike = replace(pooled, imports=np.full(6, 2e5), value_usd=np.full(6, 26_000.0))
    moved = game.nash(alike, flat(alike, 4300.0)).moved
    np.testing.assert_allclose(moved, moved[0], atol=1.0)
    order = [3, 1, 5, 0, 4, 2]
    swapped = replace(
        pooled,
        makers=[pooled.makers[k] for k in order],
        **{name: getattr(pooled, name)[order] for name in ("imports", "value_usd", "parts_usd", "able")},
        **{
            name: getattr(pooled, name)[:, order]
            for name in ("weight", "ordinary", "other", "moves", "own_score")
        },
    )
    one, two = (game.nash(rates, flat(rates, 4500.0)).moved for rates in (pooled, swapped))
    np.testing.assert_allclose(two, one[order], atol=2.0)


def test_without_a_slope_a_maker_moves_all_or_nothing(pooled):
    level = pooled.with_relief(slope=0.0)
    worth = level.value_usd * level.rate(0.0, 0.0)
    found = game.nash(level, flat(level, 4000.0)).moved
    np.testing.assert_allclose(found, np.where(worth > 4000.0, level.imports, 0.0))


def test_all_as_one_bear_less_than_each_for_itself_and_than_any_other_allotment(pooled):
    costs = flat(pooled, 4500.0)
    together, apart = game.coordinated(pooled, costs), game.nash(pooled, costs)

    def spent(moved):
        return (pooled.duty(moved, moved.sum(axis=-1, keepdims=True)) + costs.of(moved)).sum(axis=-1)

    least = spent(together.moved)
    assert least < spent(apart.moved) and together.total > apart.total
    drawn = np.random.default_rng(0).dirichlet(np.ones(6), 4000) * np.linspace(0, 1, 4000)[:, None]
    assert (spent(drawn * pooled.imports) >= least - 1.0).all()
    assert spent(together.moved * 0.99) > least - 1.0


def test_what_the_others_save_is_the_externality_of_the_bill(known):
    asked = case("japan-increments", "none", period="CY2026", data=known)
    entry = asked.policy.relief[0].model_copy(update={"relative_to": None, "firm_weight": 0.0, "slope": 0.2})
    asked = asked.replace(policy=asked.policy.model_copy(update={"relief": [entry]}))
    rates = schedule.schedule(asked, "JP")
    stay = game.Outcome(rates, flat(rates, 1e6), np.zeros(len(rates.makers))).table()
    exact = incentives.marginal(asked).loc[rates.makers, "others_us_built_usd"]
    np.testing.assert_allclose(stay["others_usd"], exact / asked.goods.years, rtol=1e-3)


def test_relief_that_each_earns_is_the_plan_of_each_alone(pooled):
    own = pooled.with_relief(firm_weight=1.0)
    found = game.nash(own, flat(own, 4500.0)).moved
    for k, maker in enumerate(own.makers):
        idle = pd.DataFrame(
            [{"capacity_units": own.imports[k], "capital_usd": 0.0, "months": 0.0, "gap_usd": 4500.0}],
            index=["spare"],
        )
        best = plants.plan(own.curve(maker, points=400), idle, years=1)
        assert found[k] == pytest.approx(best.moved_units, abs=own.imports[k] / 400 + 1)


def test_supply_has_its_three_rules_and_a_range_around_each(asked):
    found = game.supply(asked, "JP", [0.0, 0.2, 0.4], base=0.15)
    assert found["settled"].all()
    assert (found["moved_low_units"] <= found["moved_units"] + 1).all()
    assert (found["moved_units"] <= found["moved_high_units"] + 1).all()
    wide = found["moved_units"].unstack("rule")
    assert (wide["coordinated"] >= wide["nash"] - 1).all()
    assert np.ptp(wide.loc[0.0]) < 1  # without a slope there is nothing to share


def test_short_of_time_less_is_moved(asked, pooled):
    near, far = (game.costs(asked, pooled, horizon=horizon).most for horizon in ("short", "long"))
    assert (near <= far + 1e-6).all() and (near < far - 1).any()


@pytest.mark.parametrize("damping", [0.0, 2.0, -1.0])
def test_a_damping_without_convergence_is_refused(pooled, damping):
    with pytest.raises(DataError, match="damping"):
        game.nash(pooled, flat(pooled, 4500.0), damping=damping)


def test_costs_that_fall_or_lack_a_number_are_refused(pooled):
    with pytest.raises(DataError, match="must rise"):
        Costs(np.ones((1, 2)), np.array([[2.0, 1.0]]))
    with pytest.raises(DataError, match="lacks its vehicles"):
        Costs(np.array([[np.nan]]), np.array([[1.0]]))
    with pytest.raises(DataError, match="firm_weight = 0"):
        game.coordinated(pooled.with_relief(firm_weight=0.5), flat(pooled, 4500.0))


# Is it worth moving -------------------------------------------------------------------------------


def test_worked_lives_of_the_tariff(known):
    found = relocation.table(known, "JP", 28_000, [0.15, 0.25], gap_usd=[573, 573, 573])["years"]
    lives = found.unstack("rate").loc[["greenfield", "expand", "retool"]].round(1)
    assert lives.to_numpy().tolist() == [[6.8, 3.4], [3.2, 1.7], [1.2, 0.7]]


def test_over_the_break_even_life_savings_are_worth_the_capital():
    saved, capital, rate, months = 3000.0, 12_000.0, 0.07, 30.0
    life = float(relocation.break_even_years(saved, capital, rate, months))
    worth = saved * (1 - (1 + rate) ** -(life - months / 12)) / rate * (1 + rate) ** (-months / 12)
    assert worth == pytest.approx(capital)
    assert relocation.break_even_years(-1.0, 100.0) == np.inf
    assert relocation.break_even_years(1.0, 100.0, 0.08) == np.inf  # less than the interest
    assert relocation.break_even_years(1.0, 0.0) == 0.0


def test_waiting_raises_the_hurdle_with_what_is_not_known():
    """With payout = discount rate β = ½ + √(¼ + 2r/σ²)."""
    beta = 0.5 + np.sqrt(0.25 + 2 * 0.08 / 0.3**2)
    assert relocation.hurdle(0.08, 0.3) == pytest.approx(beta / (beta - 1))
    assert 1 < relocation.hurdle(0.08, 0.1) < relocation.hurdle(0.08, 0.2) < relocation.hurdle(0.08, 0.4)


def test_at_the_switch_the_answer_turns(known):
    found = relocation.table(known, "JP", 28_000, [0.25])
    for option, gap in found["switch_gap_usd"].xs(0.25).items():
        above, below = (
            relocation.table(known, "JP", 28_000, [0.25], gap_usd=[gap + d] * 3)["years"].xs(0.25)[option]
            for d in (1, -1)
        )
        assert np.isinf(above) and np.isfinite(below)


def test_both_ends_of_an_open_gap_are_run(known):
    found = relocation.table(known, "EU", 50_000, [0.15], implied_years=4.0)
    assert (found["years_low"] <= found["years"]).all() and (found["years"] <= found["years_high"]).all()
    assert (found["pays"] == (found["with_building_years"] <= 4.0)).all()
    assert (found["wait_years"] >= found["years"]).all()
    assert capacity.cost_gap(known, "EU")["low"] < 0


@pytest.mark.parametrize(
    "wrong", [{"value_usd": 0.0}, {"rates": [0.0]}, {"gap_usd": [3.0, 2.0, 1.0]}, {"discount_rate": 0.0}]
)
def test_what_has_no_break_even_is_refused(known, wrong):
    with pytest.raises(DataError):
        relocation.table(known, "JP", **({"value_usd": 28_000.0} | wrong))


# The Treasury -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def frontier(asked):
    return government.frontier(asked, "JP", [0.0, 0.3, 0.6], base=0.15)


def test_at_no_strength_every_design_is_the_law(frontier):
    zero = frontier.xs(0.0, level="strength")
    assert set(zero.index) == set(government.DESIGNS) and (zero["relief_usd"] == 0).all()
    assert np.ptp(zero["moved_units"]) == 0 and zero["units_per_usd_m"].isna().all()


def test_relief_is_the_revenue_that_is_gone(frontier, asked):
    gone = frontier["revenue_usd"].groupby("design").transform("first") - frontier["revenue_usd"]
    np.testing.assert_allclose(frontier["relief_usd"], gone, atol=1.0)
    rates = schedule.schedule(asked, "JP", from_now=True)
    assert frontier["revenue_usd"].iloc[0] == pytest.approx(
        (0.15 * rates.value_usd * rates.imports).sum(), rel=1e-6
    )


def test_no_maker_is_worse_off_by_relief_that_it_earns_alone(frontier):
    own = frontier.loc[[design for design in government.DESIGNS if not design.endswith("country")]]
    assert (own["maker_usd"] <= frontier["maker_usd"].iloc[0] * (1 + 1e-9)).all()


def test_ranges_hold_the_central_figure(frontier):
    for name in ("moved", "relief"):
        unit = "units" if name == "moved" else "usd"
        low, value, high = (frontier[f"{name}{end}_{unit}"] for end in ("_low", "", "_high"))
        assert ((low <= value) & (value <= high)).all()


def test_a_larger_budget_never_moves_fewer(frontier):
    small, large = (government.best_within(frontier, usd) for usd in (5e8, 3e9))
    assert (large["moved_units"].reindex(small.index) >= small["moved_units"]).all()
    assert (large["relief_usd"] <= 3e9).all()
    assert large["moved_units"].is_monotonic_decreasing


def test_a_subsidy_is_a_lower_cost_paid_by_the_treasury(asked):
    found = government.frontier(asked, "JP", [0.5], designs=["subsidy"], base=0.15).iloc[0]
    rates = schedule.schedule(asked, "JP", from_now=True)
    level = rates.with_relief(basis="inclusive", base=0.15, cap=0.15, slope=0.0, firm_weight=0.0)
    paid = 0.5 * 0.15 * (level.value_usd @ level.imports) / level.imports.sum()
    costs = game.costs(asked, rates)
    by_hand = game.nash(level, Costs(costs.units, costs.each_usd - paid))
    assert found["moved_units"] == pytest.approx(by_hand.total)
    duty = level.duty(by_hand.moved, by_hand.total).sum()
    parts = (np.nan_to_num(rates.parts_usd) * by_hand.moved).sum()
    assert found["revenue_usd"] == pytest.approx(duty + parts - paid * by_hand.total)


def test_questions_without_an_answer_are_refused(asked):
    with pytest.raises(DataError, match="no design 'gift'"):
        government.frontier(asked, "JP", [0.5], designs=["gift"])
    with pytest.raises(DataError, match="0 to 1"):
        government.frontier(asked, "JP", [1.5])
    with pytest.raises(DataError, match="has no relief"):
        government.frontier(asked.replace(policy="flat-25"), "JP", [0.5])
