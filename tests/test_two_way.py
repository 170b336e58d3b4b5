"""A cell of a two-way table is what the question of that cell alone gives."""

from __future__ import annotations

import dataclasses
import json

import pandas as pd
import pytest

from tariffmodel import booked, case, exposure, pricing, two_way, valuation
from tariffmodel.errors import DataError, PolicyError

FIRM = "japan-flexible-linear-firm"


@pytest.fixture(scope="module")
def asked(known):
    return case(FIRM, period="CY2025", data=known)


def test_a_bill_is_that_of_the_policy_with_that_slope_and_floor(asked, known):
    cells = two_way.slope_and_floor(asked, "Toyota", slopes=[0.05, 0.4], floors=[0.0, 0.1])["bill_usd"]
    settings = {"relief.slope": 0.4, "relief.floor": 0.1}
    alone = exposure.table(case(FIRM, period="CY2025", data=known, settings=settings))["bill_usd"]
    assert cells[(0.4, 0.1)] == pytest.approx(alone["Toyota"])
    assert cells[(0.05, 0.0)] > cells[(0.4, 0.1)] > cells[(0.4, 0.0)]  # the floor binds


def test_a_value_is_cost_after_tax_times_probability_times_years(asked):
    cells = two_way.probability_and_life(asked, "Honda", probabilities=[0.4], lives=[3.0, 5.0])
    terms, cost = valuation.central(asked.facts), booked.table(asked).loc["Honda"]
    rate, years = terms.discount_rate["Honda"], 3.0
    paid = (1 - (1 + rate) ** -years) / rate  # nothing grows at central figures
    plain = dataclasses.replace(terms, persistence=1.0)  # the probability stands in its place
    kept = pricing.kept(pd.Index(["Honda"]), plain)[0]
    worth = -cost["booked_usd"] / asked.period.years * kept * 0.4 * paid
    assert cells.at[(0.4, 3.0), "value_usd"] == pytest.approx(worth)
    ends = cells[["value_low_usd", "value_usd", "value_high_usd"]].to_numpy()
    assert (ends[:, :-1] < ends[:, 1:]).all()


def test_what_has_no_answer_is_refused_with_a_remedy(asked):
    with pytest.raises(DataError, match="GM reports in dollars"):
        two_way.duty_and_currency(asked, "GM")
    with pytest.raises(PolicyError, match="has 0 reliefs with a slope"):
        two_way.slope_and_floor(asked.replace(policy="flat-15"), "Toyota")
    with pytest.raises(DataError, match="'Tojota' is not a maker"):
        two_way.probability_and_life(asked, "Tojota")


def test_the_command_writes_the_figures_and_the_chart(tm, tmp_path):
    words = ("--of", "value", "--period", "CY2025", "--format", "json", "--output", tmp_path)
    code, out, err = tm("grid", "Toyota", *words)
    assert (code, err) == (0, "") and len(json.loads(out)["rows"]) == 30
    assert (tmp_path / "charts" / "9cm" / "grid_value.png").is_file()
