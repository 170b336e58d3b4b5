"""Charts of what makers build say what their tables say."""

from __future__ import annotations

from datetime import date

import matplotlib
import numpy as np
import pandas as pd
import pytest
from legible import faults_at_both_widths

from tariffmodel import charts, relocation

LOOK = {"case": "a case", "source": "a source", "as_of": date(2026, 10, 30)}
RULES = ["nash", "coordinated", "firm"]


def said(chart: charts.Chart) -> str:
    return " ".join(t.get_text().replace("\n", " ") for t in chart.figure.findobj(matplotlib.text.Text))


def supply(nash: list[float], together: list[float]) -> pd.DataFrame:
    index = pd.MultiIndex.from_product([[0.1, 0.2, 0.4], RULES], names=["slope", "rule"])
    moved = np.column_stack([nash, together, together]).ravel()
    return pd.DataFrame(
        {
            "moved_units": moved,
            "moved_low_units": 0.5 * moved,
            "moved_high_units": 2 * moved,
            "settled": True,
        },
        index,
    )


def test_the_title_names_the_largest_gap_and_its_slope():
    chart = charts.supply_curves(supply([0, 0, 1e5], [0, 2e5, 2.5e5]), **LOOK)
    assert "200,000 vehicles fewer at a slope of 0.2" in chart.title
    assert "each for itself 50 to 200" in said(chart) and faults_at_both_widths(chart) == []
    same = charts.supply_curves(supply([0, 1e5, 2e5], [0, 1e5, 2e5]), **LOOK)
    assert "as much as makers would as one" in same.title


def test_points_where_makers_do_not_settle_are_left_out_and_counted():
    table = supply([0, 9e5, 1e5], [0, 2e5, 2.5e5])
    table.loc[(0.2, "nash"), "settled"] = False
    chart = charts.supply_curves(table, **LOOK)
    assert "1 points where makers do not settle" in said(chart)
    assert np.isnan(chart.data.at[0.2, "nash"])


def test_a_life_that_is_never_reached_leaves_the_chart(known):
    table = relocation.table(known, "JP", 28_000, [0.15, 0.25], gap_usd=[573, 4500, 8427])
    chart = charts.break_even(table, implied_years=5.2, **LOOK)
    assert chart.title.endswith("at 25%, never at 15%") and "implied by prices: 5.2" in said(chart)
    assert "longer, or never" in said(chart) and "30–42" in said(chart)
    assert faults_at_both_widths(chart) == []
    drawn = chart.figure.axes[0].collections
    dots = np.concatenate([np.asarray(one.get_offsets()) for one in drawn if len(one.get_offsets())])
    assert np.nanmax(dots[:, 0]) <= 15
    sure = charts.break_even(relocation.table(known, "JP", 28_000, [0.25], gap_usd=[573] * 3), **LOOK)
    assert "never" not in sure.title and "longer, or never" not in said(sure)


@pytest.fixture
def frontier() -> pd.DataFrame:
    """The subsidy moves most; the last strength of the firm's relief costs more and moves less."""
    index = pd.MultiIndex.from_product(
        [["linear, firm", "tiered, country", "subsidy"], [0.0, 0.5, 1.0]], names=["design", "strength"]
    )
    return pd.DataFrame(
        {
            "moved_units": [0, 1e5, 9e4, 0, 2e4, 5e4, 0, 2e5, 4e5],
            "relief_usd": [0, 1e9, 2e9, 0, 1e9, 2e9, 0, 1e9, 2e9],
            "moved_low_units": 0.0,
            "moved_high_units": 6e5,
            "settled": True,
        },
        index,
    )


def test_designs_are_ranked_for_the_same_money(frontier):
    chart = charts.relief_frontier(frontier, **LOOK)
    assert chart.title == "For USD 1.0 bn a year subsidy moves most, 200,000 vehicles; tiered, country 20,000"
    assert "linear, firm (1.0)" in said(chart)  # its line ends before it costs more for less
    assert "move 0 to 600" in said(chart)
    assert len(chart.data) == len(frontier) and faults_at_both_widths(chart) == []


def test_designs_that_strengths_cannot_tell_apart_share_the_lead(frontier):
    near = frontier.copy()
    near.loc[("linear, firm", 0.5), "moved_units"] = 1.95e5
    title = charts.relief_frontier(near, **LOOK).title
    assert title.startswith("For USD 1.0 bn a year subsidy and linear, firm move most, 200,000 vehicles;")


def test_relief_that_costs_nothing_has_no_winner(frontier):
    chart = charts.relief_frontier(frontier.assign(relief_usd=0.0), **LOOK)
    assert chart.title == "No design of relief costs anything"
