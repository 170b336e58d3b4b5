"""How fast are plans, the game and the frontier? `make bench`. Figures are printed, never asserted."""

from __future__ import annotations

import numpy as np
import pytest

from tariffmodel import capacity, case, facts, game, government, plants, relocation, schedule

SLOPES = np.linspace(0.02, 1.0, 50)
SOURCES = ("JP", "KR", "EU", "GB", "MX")  # with a labour cost; 20 makers and more ship in from them


@pytest.fixture(scope="module")
def asked():
    return case("japan-increments", period="CY2026", data=facts.load())


@pytest.fixture(scope="module")
def japan(asked):
    return schedule.schedule(asked, "JP", from_now=True).straight(0.15, 0.4, firm_weight=1.0)


def test_rates_of_an_origin(benchmark, asked):
    benchmark(schedule.schedule, asked, "JP")


def test_one_plan(benchmark, asked, japan):
    """Five options, ten years, linear relief: no binary variable but for the starts."""
    curve, able = japan.curve("Toyota"), capacity.options(asked.facts, "Toyota", "JP")
    benchmark(plants.plan, curve, able)


def test_one_plan_with_tiers(benchmark, asked):
    """The same with cliffs, at low costs, where the choice is open."""
    curve = schedule.schedule(asked.replace(policy="japan-tiered-production-ratio"), "JP").curve("Toyota")
    able = capacity.options(asked.facts, "Toyota", "JP", cost="low")
    benchmark(plants.plan, curve, able)


def test_twenty_makers_fifty_slopes(benchmark, asked):
    """Each with its largest origin, under a relief that all earn alone: 1,000 plans."""
    entry = asked.policy.relief[0].model_copy(update={"origin": ["*"], "earned_by": "all"})
    everyone = asked.replace(policy=asked.policy.model_copy(update={"relief": [entry]}))
    rates = [schedule.schedule(everyone, origin, from_now=True) for origin in SOURCES]
    pairs = [(one, k) for one in rates for k in range(len(one.makers))]
    largest = sorted(pairs, key=lambda pair: -pair[0].imports[pair[1]])[:20]

    def run():
        for one, k in largest:
            able = capacity.options(asked.facts, one.makers[k], one.origin)
            base = one.mean_rate()
            for slope in SLOPES:
                plants.plan(one.straight(base, slope, firm_weight=1.0).curve(one.makers[k]), able)

    benchmark.pedantic(run, rounds=1, warmup_rounds=0)


def test_supply_of_nine_slopes(benchmark, asked):
    """Three rules, three costs."""
    benchmark.pedantic(game.supply, (asked, "JP", np.linspace(0, 0.8, 9)), rounds=3)


def test_frontier_of_eight_designs_eleven_strengths(benchmark, asked):
    benchmark.pedantic(government.frontier, (asked, "JP"), rounds=1)


def test_break_even_lives(benchmark, asked):
    benchmark(relocation.table, asked.facts, "JP", 28_000.0)
