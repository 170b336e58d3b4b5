"""Rates obey the laws of their schedules, and a mistake in a relief is named with its remedy."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from strategies import HEAD, build, reliefs

from tariffmodel import contribution, facts, policy
from tariffmodel.errors import PolicyError
from tariffmodel.facts.periods import Period
from tariffmodel.tariff.rates import Flows, rates
from tariffmodel.tariff.relief import contribution_of

DAY = date(2026, 2, 2)
TODAY = [Period(DAY, DAY)]
MORE = {  # a step up in every contribution that can only help
    "us_production_units": 50_000.0,
    "us_employment": 5_000.0,
    "us_investment_cumulative": 5e9,
}


def quota(units, **changes):
    entry = {
        "id": "q", "measure": "one", "origin": "GB", "product": "car", "rate": 0.25, "from": date(2026, 1, 1),
        "quota_units_per_year": units, "quota_rate": 0.1, "source": "test",
    }  # fmt: skip
    return build(additional=[{**entry, **changes}])


def relief(**changes):
    entry = {
        "id": "r",
        "measure": "one",
        "origin": "JP",
        "product": "car",
        "base": 0.25,
        "from": date(2025, 4, 3),
        "score": {"local_build_share": {"weight": 1.0, "target": 1.0}},
        "source": "test",
    }
    if "metric" in changes:
        del entry["score"]
    if "bracket" not in changes:
        entry["slope"] = 0.2
    return build(relief=[{**entry, **changes}])


def car_rates(known, one, makers, origin="JP", units=1.0, shift=None, product="car"):
    """All-in rate on a car of each maker, (variants, makers)."""
    flows = Flows(np.array(makers), np.full(len(makers), origin), np.full(len(makers), product))
    card = rates(one, known, flows, TODAY, np.full((1, 1, len(makers)), units), shift=shift)
    return card.effective(np.zeros((1, 1, 1)), np.zeros((1, 1, 1)))[:, 0]


# ---------------------------------------------------------------- schedules


@settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(entry=reliefs(), name=st.sampled_from(list(MORE)))
def test_more_contribution_never_raises_the_rate(known, entry, name):
    rungs = sorted((step["rate"] for step in entry.get("bracket", [])), reverse=True)
    assume(not rungs or rungs[0] <= entry["base"])
    for step, rate in zip(entry.get("bracket", []), rungs, strict=False):
        step["rate"] = rate
    one = build(relief=[{**entry, "origin": "*", "product": "car", "from": DAY, "to": DAY}])
    makers = list(known.makers.index)
    now = car_rates(known, one, makers)
    for k in range(len(makers)):
        added = {name: np.eye(len(makers))[[k]] * MORE[name]}
        assert (car_rates(known, one, makers, shift=added) <= now + 1e-12).all(), makers[k]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(entry=reliefs())
def test_rate_of_relief_stays_within_floor_and_cap(known, entry):
    assume(entry["floor"] <= entry["cap"])
    entry |= {"origin": "*", "product": "car", "basis": "additive", "from": DAY, "to": DAY}
    found = car_rates(known, build(relief=[entry]), list(known.makers.index)) - 0.025
    assert (found >= entry["floor"] - 1e-12).all() and (found <= entry["cap"] + 1e-12).all()


@pytest.mark.parametrize(
    ("changes", "formula"),
    [
        ({}, lambda c: 0.25 - 0.2 * c),
        ({"schedule": "smooth", "exponent": 2.0}, lambda c: 0.25 - 0.2 * c**2),
        (
            {"schedule": "smooth", "steepness": 8.0, "midpoint": 0.4},
            lambda c: 0.25 - 0.2 / (1 + np.exp(-8 * (c - 0.4))),
        ),
        (
            {"schedule": "tiered", "bracket": [{"from": 0.3, "rate": 0.15}, {"from": 0.5, "rate": 0.1}]},
            lambda c: np.select([c >= 0.5, c >= 0.3], [0.1, 0.15], 0.25),
        ),
        ({"floor": 0.16, "cap": 0.2}, lambda c: np.clip(0.25 - 0.2 * c, 0.16, 0.2)),
    ],
    ids=["linear", "power", "logistic", "tiered", "floor and cap"],
)
def test_schedule_is_its_formula(known, changes, formula):
    makers = ["Toyota", "Honda", "Nissan", "Subaru", "Mazda", "Mitsubishi Motors"]
    share = contribution.metrics(known).loc[makers, "local_build_share"].to_numpy()
    found = car_rates(known, relief(**changes), makers)[0]
    np.testing.assert_allclose(found, 0.025 + formula(share), rtol=1e-12)


def test_a_bracket_is_reached_at_its_threshold(known):
    share = float(contribution.metrics(known).loc["Mazda", "local_build_share"])
    for step, rate in ((share, 0.1), (np.nextafter(share, 1), 0.25)):
        one = relief(schedule="tiered", bracket=[{"from": step, "rate": 0.1}])
        assert car_rates(known, one, ["Mazda"]).item() == pytest.approx(0.025 + rate)


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_blend_is_the_weighted_mean_of_firm_and_country(known, weight):
    firm, country = (
        contribution.metrics(known, level=level)["production_ratio"] for level in ("firm", "country")
    )
    blend = weight * firm["Mazda"] + (1 - weight) * country["JP"]
    one = relief(metric="production_ratio", firm_weight=weight)
    assert car_rates(known, one, ["Mazda"]).item() == pytest.approx(0.275 - 0.2 * blend)


def test_only_earners_pay_less_and_all_may_earn(known):
    home, everyone = relief(), relief(earned_by="all")
    assert car_rates(known, home, ["GM"]).item() == pytest.approx(0.275)
    share = contribution.metrics(known).loc["GM", "local_build_share"]
    assert car_rates(known, everyone, ["GM"]).item() == pytest.approx(0.275 - 0.2 * share)


def test_growth_counts_only_since_the_base_year(known):
    one = relief(metric="production_ratio", year="CY2025", relative_to="CY2024", origin="*", slope=1.0)
    makers = ["Kia", "Hyundai Motor", "Toyota", "Mitsubishi Motors"]
    then, now = (facts.identity(known, year).loc[makers] for year in ("CY2024", "CY2025"))
    grown = (now["production_units"] - then["production_units"]).clip(lower=0) / now["sales_units"]
    assert grown["Kia"] > 0
    np.testing.assert_allclose(car_rates(known, one, makers)[0], 0.275 - grown)


def test_output_that_moves_between_makers_is_no_growth_of_their_country(known):
    """Japan's makers together built fewer vehicles in 2025 than in 2024, though some built more."""
    then, now = (facts.identity(known, year)["production_units"] for year in ("CY2024", "CY2025"))
    japan = known.makers.index[known.makers["home"] == "JP"]
    assert (now - then)[japan].max() > 0 > (now - then)[japan].sum()
    one = relief(metric="production_ratio", year="CY2025", relative_to="CY2024", firm_weight=0.0)
    assert car_rates(known, one, ["Toyota"]).item() == pytest.approx(0.275)


@pytest.mark.parametrize(
    "changes",
    [
        {"schedule": "tiered", "bracket": [{"from": 0.1, "rate": 0.1}]},
        {"slope": 0.0, "base": 0.1},
        {"slope": 0.2, "floor": 0.1},
        {"schedule": "smooth", "steepness": 1.0, "slope": 0.15},
    ],
    ids=["tiered", "no slope", "linear", "logistic"],
)
def test_infinite_ratio_earns_the_full_relief(known, changes):
    """Tesla ships vehicles out and none in."""
    one = relief(metric="export_ratio", origin="*", product="part", **changes)
    assert car_rates(known, one, ["Tesla"], product="listed_part").item() == pytest.approx(0.125)


def test_relief_stands_in_place_of_the_charge_of_its_measure(known):
    entry = relief().relief[0].model_dump(by_alias=True)
    charge = {
        "id": "a",
        "measure": "one",
        "origin": "JP",
        "product": "car",
        "rate": 0.5,
        "from": date(2025, 1, 1),
        "source": "test",
    }
    found = car_rates(known, build(additional=[charge], relief=[entry]), ["Mitsubishi Motors"])
    assert found.item() == pytest.approx(0.275)


@pytest.mark.parametrize("year", ["CY2024", "CY2025"])
@pytest.mark.parametrize("metric", contribution.METRICS)
def test_pooled_score_lies_between_its_members(known, metric, year):
    """For one ratio. Of several with different denominators the pooled composite may lie outside."""
    firms, pooled = (
        contribution.score(known, {metric: 1.0}, {metric: 1e9}, year, level, missing="zero")
        for level in ("firm", "country")
    )
    whole, sells = known.makers["consolidated_in"].isna(), facts.identity(known, year)["sales_units"] > 0
    for home in known.makers["home"].unique():
        members = firms[(known.makers["home"] == home) & whole & sells]
        gap = contribution.metrics(known, year).loc[members.index, metric].isna().any()
        if gap or not np.isfinite(members).all():
            continue
        assert members.min() * (1 - 1e-12) <= pooled[members.index[0]] <= members.max() * (1 + 1e-12), home


# ---------------------------------------------------------------- quotas


@settings(max_examples=20, deadline=None, derandomize=True)
@given(inside=st.floats(0, 0.5), outside=st.floats(0, 0.5), basis=st.sampled_from(["additive", "inclusive"]))
def test_quota_of_none_and_of_all(known, inside, outside, basis):
    def all_in(units):
        one = quota(units, rate=outside, quota_rate=inside, quota_basis=basis)
        return car_rates(known, one, ["BMW", "Jaguar Land Rover"], "GB", units=500.0)[0]

    np.testing.assert_allclose(all_in(0), 0.025 + outside)
    np.testing.assert_allclose(all_in(1e12), max(inside, 0.025) if basis == "inclusive" else 0.025 + inside)


def test_quota_is_shared_by_imports_of_all_makers(known):
    found = car_rates(known, quota(700), ["BMW", "Jaguar Land Rover"], "GB", units=500.0)[0]
    np.testing.assert_allclose(found, 0.7 * 0.1 + 0.3 * 0.275)


# ---------------------------------------------------------------- mistakes

RELIEF = """
[[relief]]
id = "x"
measure = "one"
origin = "JP"
product = "car"
from = 2026-01-01
base = 0.25
slope = 0.2
source = "test"
{more}
"""
SCORE = "score = { local_build_share = { weight = 1.0, target = 1.0 } }"


@pytest.mark.parametrize(
    ("more", "key", "message"),
    [
        ("", "relief.x", "give either score (weights and targets) or metric (one ratio), not both"),
        (SCORE + '\nmetric = "us_content"', "relief.x", "give either score"),
        (
            'metric = "market_share"',
            "relief.x",
            "unknown metric 'market_share'; choose from local_build_share",
        ),
        (
            "score = { local_build_share = { weight = 0.4, target = 1.0 } }",
            "relief.x",
            "the weights of score sum to 0.4; they must sum to 1",
        ),
        (SCORE + "\nfloor = 0.2\ncap = 0.1", "relief.x", "floor 0.2 is above cap 0.1; swap them"),
        (SCORE + '\nschedule = "tiered"', "relief.x", 'brackets and schedule = "tiered" go together'),
        (
            SCORE + "\nbracket = [{ from = 0.5, rate = 0.1 }]",
            "relief.x",
            'brackets and schedule = "tiered" go together',
        ),
        (
            SCORE
            + '\nschedule = "tiered"\nbracket = [{ from = 0.5, rate = 0.1 }, { from = 0.2, rate = 0.2 }]',
            "relief.x",
            "brackets must rise in 'from', each once; sort them",
        ),
        (
            SCORE
            + '\nschedule = "tiered"\nbracket = [{ from = 0.5, rate = 0.1 }, { from = 0.5, rate = 0.2 }]',
            "relief.x",
            "brackets must rise in 'from', each once; sort them",
        ),
        (
            SCORE.replace("weight = 1.0", "weight = 0"),
            "relief.x.score.local_build_share.weight",
            "greater than 0",
        ),
        (
            SCORE.replace("target = 1.0", "target = 0"),
            "relief.x.score.local_build_share.target",
            "greater than 0",
        ),
        (SCORE + "\nexponent = 0", "relief.x.exponent", "greater than 0"),
        (SCORE + "\nsteepness = -1", "relief.x.steepness", "greater than 0"),
        (SCORE + '\nearned_by = "me"', "relief.x.earned_by", "'home' or 'all'"),
        (SCORE + '\nmissing = "ignore"', "relief.x.missing", "'error', 'zero' or 'reweight'"),
        (SCORE + '\nyear = "2024x"', "relief.x.year", "period '2024x' is not understood; write CY2025"),
        (SCORE + '\nyear = "2025H2"', "relief.x.year", "'2025H2' has 184 days; write a year such as CY2024"),
        (
            SCORE + '\nrelative_to = "last year"',
            "relief.x.relative_to",
            "period 'last year' is not understood",
        ),
    ],
)
def test_a_mistake_in_a_relief_names_file_key_and_remedy(tmp_path, more, key, message):
    path = tmp_path / "reform.toml"
    path.write_text(HEAD + RELIEF.format(more=more), encoding="utf-8")
    with pytest.raises(PolicyError) as caught:
        policy.load(path)
    assert f"reform.toml: {key}: " in str(caught.value)
    assert message in str(caught.value)


def test_a_quota_counted_from_after_its_first_day_is_refused(tmp_path):
    path = tmp_path / "reform.toml"
    entry = RELIEF.replace("relief", "additional").replace("base = 0.25\nslope = 0.2", "rate = 0.25")
    more = "quota_units_per_year = 5\nquota_rate = 0.1\nquota_counted_from = 2027-01-01"
    path.write_text(HEAD + entry.format(more=more), encoding="utf-8")
    with pytest.raises(PolicyError, match="reform.toml: additional.x: quota_counted_from is after 'from'"):
        policy.load(path)


def test_contribution_is_zero_for_those_who_cannot_earn_it(known):
    makers = np.array(["Toyota", "GM", "BMW"])
    found = contribution_of(
        relief().relief[0], known, makers, lambda kind, entry, field: getattr(entry, field)
    )
    assert found[0, 0] > 0 and (found[0, 1:] == 0).all()
