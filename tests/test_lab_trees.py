"""Sliders of a tree give what the tree would give with these probabilities and days."""

from __future__ import annotations

import time
from datetime import date

import numpy as np
import pytest

from tariffmodel import lab, scenarios
from tariffmodel.errors import DataError

DRAWS = 100


@pytest.fixture(scope="module")
def bench(known) -> lab.TreeBench:
    return lab.TreeBench.of(scenarios.load("canada-and-deals"), known, draws=DRAWS)


@pytest.fixture
def session(bench) -> lab.TreeLab:
    return lab.TreeLab(bench)


def held_against(session: lab.TreeLab, tree: scenarios.Scenario, known) -> None:
    drawn = scenarios.run(tree, known, draws=DRAWS)
    ends = session.frame.groupby("outcome", sort=False).last()
    there = drawn.by_outcome().xs("ALL", level="maker")
    np.testing.assert_allclose(ends["mean_usd"].iloc[:-1], there["mean_usd"], rtol=1e-9)
    np.testing.assert_allclose(ends["probability"].iloc[:-1], there["probability"], rtol=1e-9)
    whole = drawn.summary().loc["ALL"]
    for end in ("mean", "low", "high"):  # quantiles of the tree are off by up to a bin
        assert ends[f"{end}_usd"].iloc[-1] == pytest.approx(whole[f"{end}_usd"], rel=0.005)


def test_a_lab_opens_with_what_the_tree_gives(session, known):
    held_against(session, session.bench.scenario, known)


def test_turned_probabilities_and_days_are_those_of_a_changed_file(session, known):
    session.turn("canada.probability", 0.4)
    session.turn("canada.1.from", date(2027, 4, 1))
    session.turn("canada-settles.0.hazard", 0.5)
    session.turn("korea.1.2027-02-01.weight", 0.9)
    session.turn("canada-settles.probability", 0.25)
    document = session.bench.scenario.model_dump(by_alias=True, exclude_unset=True)
    rest = 0.6 / 0.8
    for node in document["outcome"]:
        node["probability"] = 0.4 if node["id"] == "canada" else node["probability"] * rest
    canada, korea = document["outcome"][1:3]
    canada["step"][1]["from"] = date(2027, 4, 1)
    canada["outcome"][0]["probability"], canada["outcome"][1]["probability"] = 0.75, 0.25
    canada["outcome"][1]["step"][0]["from"]["hazard"] = 0.5
    korea["step"][1]["from"]["weights"] = [0.9, 0.1]
    held_against(session, scenarios.load(document), known)
    assert "canada.1.from = 2027-04-01" in session._page.value
    session.reset()
    assert session.changed == {}


def test_sliders_and_knobs_move_together(session):
    session.sliders["eu.probability"].value = 50.0
    assert session.values["eu.probability"] == 0.5
    assert session.sliders["law-stays.probability"].value == pytest.approx(55 * 0.5 / 0.92)
    session.sliders["usmca-review.1.from"].value = date(2027, 9, 1)
    assert session.changed["usmca-review.1.from"] == date(2027, 9, 1)
    session.show("Kia")
    assert session.frame["mean_usd"].max() < 2e10


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("war.probability", 0.1, "no knob 'war.probability'; choose from law-stays.probability"),
        ("eu.probability", 1.2, "cannot be 1.2; write one from 0 to 1"),
        ("canada-settles.0.hazard", 0.0, "cannot be 0.0"),
        ("canada.1.from", date(2027, 7, 1), "out of reach; choose a first of a month from 2027-01-01 to"),
        ("canada.1.from", 0.5, "write a day"),
    ],
)  # fmt: skip
def test_what_no_slider_can_be_is_refused(session, key, value, said):
    before = dict(session.values)
    with pytest.raises(DataError, match=said):
        session.turn(key, value)
    assert session.values == before


def test_change_is_computed_and_drawn_in_time(session):
    """About 25 ms of processor time; the bound allows for slow machines."""
    took = []
    for share in (0.3, 0.4, 0.5):
        start = time.process_time()
        session.turn("canada.probability", share)
        took.append(time.process_time() - start)
    assert min(took) < 0.25
