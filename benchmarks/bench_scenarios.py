"""How long does a tree of 29 branches and 20 makers take, once read and drawn?"""

from __future__ import annotations

from tariffmodel import facts, scenarios
from tariffmodel.scenarios import engine


def test_reading_a_tree(benchmark):
    known, tree = facts.load(), scenarios.load("june-2025-proposal")
    assert len(benchmark(engine.prepare, tree, known).branches) == 29


def test_ten_thousand_draws(benchmark):
    study = engine.prepare(scenarios.load("june-2025-proposal"), facts.load())
    assert benchmark.pedantic(engine.tally, (study, 10_000, 1), rounds=1).draws == 10_000
