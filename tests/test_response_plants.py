"""Rates as output moves, what plants can still build, and one maker's cheapest plan against brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from test_facts import spoil

from tariffmodel import capacity, case, exposure, facts, plants, schedule
from tariffmodel.errors import DataError
from tariffmodel.response.schedule import Curve

POLICIES = ["current-law", "flat-25", "japan-increments", "japan-smooth", "japan-tiered-production-ratio"]


@pytest.fixture(scope="module")
def growth(known):
    """Japan's makers, one straight fall from 15% with what each adds over its US sales."""
    found = schedule.schedule(case("japan-increments", period="CY2025", data=known), "JP", from_now=True)
    return found.with_relief(basis="inclusive", base=0.15, cap=0.15, slope=0.4)


@pytest.mark.parametrize("name", POLICIES)
def test_with_nothing_moved_the_rate_is_that_of_the_bill(known, name):
    asked = case(name, "none", period="CY2026", data=known)
    lines = exposure.by_origin(asked)
    paid = lines[(lines["origin"] == "JP") & lines["product"].isin(["car", "light_truck"])]
    paid = paid.groupby("maker")[["duty_usd", "customs_value_usd", "units"]].sum()
    found = schedule.schedule(asked, "JP")
    paid = paid.loc[found.makers]
    np.testing.assert_allclose(found.rate(0.0, 0.0), paid["duty_usd"] / paid["customs_value_usd"], rtol=1e-9)
    np.testing.assert_allclose(found.imports, paid["units"] / asked.goods.years, rtol=1e-9)


def test_what_a_maker_adds_over_its_sales_takes_its_rate_down(known, growth):
    sold = facts.identity(known, "CY2025")["sales_units"].reindex(growth.makers).to_numpy()
    moved = 0.3 * growth.imports
    expected = np.maximum(0.15 - 0.4 * moved / sold, 0.025)  # an inclusive rate stops at the ordinary duty
    np.testing.assert_allclose(growth.rate(moved, 0.0), expected, atol=1e-6)
    pooled = growth.with_relief(firm_weight=0.0)
    home = known.makers.index[known.makers["home"] == "JP"]
    everyone = facts.identity(known, "CY2025")["sales_units"].reindex(home).sum()
    np.testing.assert_allclose(pooled.rate(0.0, 1e5), 0.15 - 0.4 * 1e5 / everyone, atol=1e-6)


def test_a_ratio_to_imports_rises_twice(known):
    """What is moved is built more and shipped in less: (P + x) / M (1 − share of imports that moves)."""
    one = schedule.schedule(case("japan-tiered-production-ratio", period="CY2026", data=known), "JP")
    built = facts.identity(known, "CY2024")["production_units"]
    built = built[known.makers.loc[built.index, "home"] == "JP"].sum()
    imported = known.selected.query(
        "variable == 'us_import_units' and origin == 'JP' and period == 'CY2024'"
    )["value"].sum()
    found = np.interp(2e5, one.totals, one.total_score)
    assert found == pytest.approx((built + 2e5) / (imported * (1 - 2e5 / one.imports.sum())), rel=2e-4)


def test_the_curve_keeps_its_cliffs_and_takes_the_lower_side(known):
    one = schedule.schedule(case("japan-tiered-production-ratio", period="CY2026", data=known), "JP")
    curve = one.curve("Toyota")
    k = one.makers.index("Toyota")
    drops = curve.start_usd[1:] - curve.end_usd[:-1]
    cliffs = curve.vehicles[1:-1][drops < -1e6]
    reached = np.interp(cliffs, one.totals, one.total_score)
    assert {round(float(score), 3) for score in reached} <= {1.0, 2.0, 3.0, 4.0} and len(cliffs)
    own = np.zeros(len(one.makers))
    own[k] = cliffs[0] + 1e-3
    assert curve.at(float(cliffs[0])) == pytest.approx(one.duty(own, own[k])[k], rel=1e-6)


def test_one_straight_fall_has_the_closed_form_as_its_cheapest_plan(growth):
    """x* = (r0 + kM − c/v) / 2k: duty and cost with it, and the plan close to it."""
    for maker, gap in itertools.product(("Toyota", "Subaru"), (4000.0, 4400.0, 6000.0)):
        k = growth.makers.index(maker)
        whole, value = growth.imports[k], growth.value_usd[k]
        slope = (growth.rate(0.0, 0.0) - growth.rate(growth.imports / 4, 0.0))[k] / (whole / 4)
        best = np.clip((0.15 + slope * whole - gap / value) / (2 * slope), 0.0, whole)
        idle = pd.DataFrame([_option(whole, gap=gap)], index=["spare"])
        found = plants.plan(growth.curve(maker, points=2000), idle, years=1, discount_rate=0.0)
        least = value * (whole - best) * (0.15 - slope * best) + gap * best
        assert found.cost_usd == pytest.approx(least, rel=1e-6)
        assert found.moved_units == pytest.approx(best, abs=whole / 1000)


@pytest.mark.parametrize("seed", range(25))
def test_the_cheapest_plan_is_that_of_brute_force(seed):
    random = np.random.default_rng(seed)
    years, rate = 2, 0.1
    curves = [_curve(random) for _ in range(years)]
    able = pd.DataFrame(
        [
            _option(
                random.uniform(20, 60),
                random.uniform(0, 200),
                random.choice([0, 6, 15]),
                random.uniform(1, 60),
            )
            for _ in range(3)
        ],
        index=["spare", "retool", "greenfield"],
    )
    found = plants.plan(curves, able, discount_rate=rate)
    assert found.cost_usd == pytest.approx(_brute(curves, able, rate), rel=1e-6)
    assert found.gap < 1e-6


@pytest.mark.parametrize("seed", range(8))
def test_under_one_convex_curve_nothing_is_gained_by_starting_later(seed, growth):
    """The same curve given year by year leaves the starts open, and finds nothing cheaper."""
    random = np.random.default_rng(seed)
    able = pd.DataFrame(
        [
            _option(
                random.uniform(2e4, 2e5),
                random.uniform(0, 15_000),
                random.uniform(0, 40),
                random.uniform(2e3, 6e3),
            )
            for _ in range(4)
        ],
        index=["spare", "shift", "retool", "expand"],
    )
    curve = growth.curve("Toyota")
    apart = [Curve(curve.vehicles, curve.start_usd, curve.end_usd) for _ in range(8)]
    at_once, later = plants.plan(curve, able, years=8), plants.plan(apart, able)
    assert at_once.cost_usd == pytest.approx(later.cost_usd, rel=1e-7)


def _option(size: float, capital: float = 0.0, months: float = 0.0, gap: float = 0.0) -> dict[str, float]:
    return {"capacity_units": size, "capital_usd": capital, "months": months, "gap_usd": gap}


def _curve(random: np.random.Generator) -> Curve:
    """Duty on 100 vehicles that falls in steps, bends either way, and has cliffs."""
    ends = np.r_[0, np.sort(random.choice(np.arange(5, 100), 4, replace=False)), 100].astype(float)
    rate = np.sort(random.uniform(0, 0.3, 6))[::-1]
    start, end = (1000 * (100 - ends[part]) * rate[:5] for part in (slice(0, 5), slice(1, 6)))
    return Curve(ends, start, end * random.uniform(0.9, 1.0, 5))


def _brute(curves: list[Curve], able: pd.DataFrame, rate: float) -> float:
    """Every choice of starts; within a year the cost is straight between these numbers of vehicles."""
    size, capital, months, gap = (
        able[name].to_numpy() for name in ("capacity_units", "capital_usd", "months", "gap_usd")
    )
    order, best = np.argsort(gap), np.inf
    for starts in itertools.product((None, 0, 1), repeat=len(able)):
        cost = sum(
            size[j] * capital[j] / (1 + rate) ** start for j, start in enumerate(starts) if start is not None
        )
        for t, curve in enumerate(curves):
            part = [
                0.0 if s is None else np.clip(t + 1 - s - months[j] / 12, 0, 1) for j, s in enumerate(starts)
            ]
            room = (size * part)[order]
            bends = np.r_[0, np.cumsum(room), curve.vehicles]
            bends = bends[bends <= min(room.sum(), 100) + 1e-12]
            before = np.cumsum(room) - room
            here = min(
                curve.at(min(x, 100.0)) + (np.clip(x - before, 0, room) * gap[order]).sum()
                for x in [*bends, min(room.sum(), 100.0)]
            )
            cost += here / (1 + rate) ** (t + 1)
        best = min(best, cost)
    return best


def test_a_longer_tariff_never_makes_staying_better(known):
    asked = case("flat-25", period="CY2026", data=known)
    rates = schedule.schedule(asked, "JP")
    saved = [
        plants.of_maker(asked, rates, "Mitsubishi Motors", cost="low", years=n).saved_usd for n in (3, 8, 15)
    ]
    assert saved == sorted(saved) and saved[-1] > 0


def test_a_plan_does_not_change_with_the_order_of_its_options(known, growth):
    able = capacity.options(known, "Subaru", "JP", cost="low")
    one, two = (plants.plan(growth.curve("Subaru"), rows) for rows in (able, able[::-1]))
    assert one.cost_usd == pytest.approx(two.cost_usd, rel=1e-9)


def test_nothing_moves_where_nothing_is_owed(known):
    found = plants.table(case("none", "none", period="CY2026", data=known), "JP")
    assert (found["moved_units"] == 0).all() and (found["saved_usd"] == 0).all()
    assert found["first_months"].isna().all()


def test_an_option_is_not_used_before_its_months_are_over(growth):
    late = pd.DataFrame([_option(1e5, months=18.0)], index=["expand"])
    found = plants.plan(growth.curve("Toyota"), late, years=3)
    assert found.years["moved_units"].tolist()[0] == 0
    assert found.years["moved_units"].iloc[1] <= 0.5e5 + 1 and found.starts.at["expand", "start_year"] == 0


def test_margin_lost_is_a_cost_of_every_vehicle(growth):
    able = pd.DataFrame([_option(1e5, gap=1000.0)], index=["spare"])
    dearer = able.assign(gap_usd=1500.0)
    one = plants.plan(growth.curve("Toyota"), able, export_margin_usd=500.0)
    assert one.cost_usd == pytest.approx(plants.plan(growth.curve("Toyota"), dearer).cost_usd)


# What is refused, and what is named ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"months": np.nan}, "option 'expand': months is nan"),
        ({"capacity_units": -5.0}, "option 'expand': capacity_units is -5"),
        ({"gap_usd": np.inf}, "option 'expand': gap_usd is inf"),
    ],
)
def test_an_option_with_a_bad_number_is_named(growth, change, said):
    rows = pd.DataFrame([_option(1e5) | change], index=["expand"])
    with pytest.raises(DataError, match=said):
        plants.plan(growth.curve("Toyota"), rows)


def test_a_duty_is_not_read_beyond_its_curve(growth):
    curve = growth.curve("Subaru")
    most = curve.vehicles[-1]
    assert curve.at(most + 1e-9) == curve.at(most)
    with pytest.raises(DataError, match="beyond"):
        curve.at(most + 1)


def test_a_missing_lead_time_in_the_data_is_refused(data):
    spoil(data / "response/moves.csv", 5, months="")
    with pytest.raises(DataError, match=r"data/response/moves.csv row 5: months"):
        capacity.options(facts.load(data), "Toyota", "JP")


def test_ends_of_a_range_in_the_wrong_order_are_refused(data):
    spoil(data / "response/moves.csv", 6, capital_low_usd="30000")
    with pytest.raises(DataError, match=r"row 6.*capital_low_usd <= capital_usd"):
        capacity.options(facts.load(data), "Toyota", "JP")


def test_a_capacity_below_output_is_named_and_not_used(known):
    found = capacity.spare(known)
    below = found.index[found["spare_by_output"] < 0]
    assert list(below) == ["Kia"]
    assert found.at["Kia", "spare_by_output"] == -12_000 and np.isnan(found.at["Kia", "spare_units"])
    assert "row 57" in found.at["Kia", "flag"] and "-12,000" in found.at["Kia", "flag"]
    assert "spare" not in capacity.options(known, "Kia", "KR").index
    plants_file = pd.read_csv(facts.data_dir() / "watch/plants.csv")
    assert plants_file.loc[57 - 2, "company"] == "Kia"


def test_a_joint_plant_counts_by_parts_and_a_planned_one_not(known):
    found = capacity.spare(known)["capacity_units"]
    table = pd.read_csv(facts.data_dir() / "watch/plants.csv")
    own = table[(table["country"] == "US") & table["kind"].str.contains("assembly")]
    joint = own.loc[own["company"] == "Toyota|Mazda", "capacity_units"].item()
    toyota = own.loc[own["company"] == "Toyota", "capacity_units"].sum()
    assert found["Toyota"] == toyota + joint / 2 and found["Mazda"] == joint / 2
    running = own[(own["company"] == "Volkswagen") & ~own["opened_planned"]]
    assert found["Volkswagen"] == running["capacity_units"].sum()


def test_the_sign_of_the_gap_to_europe_is_open_and_a_country_without_labour_cost_is_refused(known):
    gap = capacity.cost_gap(known, "EU")
    assert gap["low"] < 0 < gap["high"]
    with pytest.raises(DataError, match="no labour_cost_per_vehicle of XX"):
        capacity.cost_gap(known, "XX")


def test_low_costs_move_no_less_than_high_ones(known):
    asked = case("current-law", period="CY2026", data=known)
    rates = schedule.schedule(asked, "JP")
    for maker, row in plants.table(asked, "JP").iterrows():
        ends = [
            plants.of_maker(asked, rates, maker, cost=end).moved_units for end in ("high", "central", "low")
        ]
        assert ends == sorted(ends)
        assert row[["moved_low_units", "moved_units", "moved_high_units"]].tolist() == ends


def test_origins_and_makers_that_are_not_there_are_refused(known):
    asked = case(period="CY2026", data=known)
    with pytest.raises(DataError, match="no maker ships vehicles in from NO"):
        schedule.schedule(asked, "NO")
    with pytest.raises(DataError, match="choose from Toyota"):
        schedule.schedule(asked, "JP").curve("Kia")
    with pytest.raises(DataError, match="has no relief"):
        schedule.schedule(asked, "JP").with_relief(slope=0.1)
    with pytest.raises(DataError, match="load a policy"):
        schedule.schedule(case("japan-increments", data=known), "JP").with_relief(metric="export_ratio")


def test_two_reliefs_on_the_same_goods_are_refused(known):
    asked = case("japan-increments", period="CY2026", data=known)
    twin = asked.policy.relief[0].model_copy(update={"id": "second"})
    both = asked.policy.model_copy(update={"relief": [*asked.policy.relief, twin]})
    with pytest.raises(DataError, match="reliefs japan and second"):
        schedule.schedule(asked.replace(policy=both), "JP")
