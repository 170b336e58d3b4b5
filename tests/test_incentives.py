"""Exact derivatives against differences, break-even points that land, kinks where the slope breaks."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from strategies import build

from tariffmodel import case, duty, exposure, goods, incentives, policy
from tariffmodel.errors import TariffModelError
from tariffmodel.facts import EXPORTS, PRODUCTION, SALES, resolve
from tariffmodel.facts.periods import parse
from tariffmodel.tariff.contribution import CONTRIBUTIONS

PERIOD = "CY2026"
JOBS = "us_employment"
STEP = dict(zip(CONTRIBUTIONS, (0.01, 0.01, 0.01, 1e3), strict=True))
WHOLE = {
    "local_build_share": {"weight": 0.4, "target": 1.0},
    "export_ratio": {"weight": 0.3, "target": 0.5},
    "jobs_intensity": {"weight": 0.2, "target": 30.0},
    "investment_intensity": {"weight": 0.1, "target": 30_000.0},
}


def charge(origin="*", rate=0.25, **more):
    return {
        "id": "a", "measure": "one", "origin": origin, "product": ["car", "light_truck"], "rate": rate,
        "from": date(2025, 4, 3), "source": "test", **more,
    }  # fmt: skip


def parts(rate=0.25):
    return charge(id="p", product="part", rate=rate)


def offset(rate):
    return {
        "id": "o",
        "measure": "one",
        "rate": rate,
        "from": date(2025, 4, 3),
        "usable_from": date(2025, 5, 3),
        "source": "test",
    }


def relief(**more):
    body = {
        "id": "r", "measure": "one", "origin": "JP", "product": ["car", "light_truck"], "base": 0.25,
        "from": date(2025, 4, 3), "source": "test", "missing": "zero",
    }  # fmt: skip
    scored = {} if "metric" in more else {"score": WHOLE}
    return {**body, **scored, **({} if "bracket" in more else {"slope": 0.2}), **more}


def credit(earned_by, per_unit, **more):
    return {
        "id": "c",
        "origin": "*",
        "product": ["car", "light_truck"],
        "earned_by": earned_by,
        "per_unit": per_unit,
        "from": date(2025, 4, 3),
        "source": "test",
        "missing": "zero",
        **more,
    }


FREE = build()
STAR = {"origin": "*", "firm_weight": 0.6}
POLICIES = {
    "offset that runs short": build(additional=[charge(), parts(0.5)], offset=[offset(0.01)]),
    "linear, blended": build(additional=[charge()], relief=[relief(**STAR)]),
    "linear, all in": build(additional=[charge()], relief=[relief(**STAR, basis="inclusive")]),
    "power": build(additional=[charge()], relief=[relief(**STAR, schedule="smooth", exponent=1.7)]),
    "logistic": build(
        additional=[charge()], relief=[relief(**STAR, schedule="smooth", steepness=6.0, midpoint=0.4)]
    ),
    "ratio as it stands": build(relief=[relief(**STAR, metric="export_ratio", slope=0.05)]),
    "tiers": build(
        relief=[
            relief(
                origin="*",
                schedule="tiered",
                bracket=[{"from": 0.313, "rate": 0.15}, {"from": 0.623, "rate": 0.05}],
            )
        ]
    ),
    "growth": build(relief=[relief(**STAR, year="CY2025", relative_to="CY2024", slope=3.0, floor=0.0)]),
    "one for one": build(additional=[charge()], credit=[credit(EXPORTS, 1.0)]),
    "credits alike": build(
        additional=[charge(), charge("MX", 0.1, id="b")], credit=[credit(PRODUCTION, 0.1, order="pro_rata")]
    ),
    "dearest first": build(
        additional=[charge(), charge("MX", 0.1, id="b")], credit=[credit(PRODUCTION, 0.2)]
    ),
    "value for jobs": build(
        additional=[charge()], credit=[credit(JOBS, 20_000.0, unit="customs_value", rate=0.1)]
    ),
    "capital": build(additional=[charge()], credit=[credit("us_investment_cumulative", 1e-6)]),
    "growth earns": build(additional=[charge()], credit=[credit(PRODUCTION, 1.0, above="CY2024")]),
    "two credits": build(
        additional=[charge()],
        credit=[credit(EXPORTS, 0.5), {**credit(PRODUCTION, 0.05, rate=0.1), "id": "d"}],
    ),
    "relief and credit": build(
        additional=[charge(), parts()],
        offset=[offset(0.02)],
        relief=[relief(**STAR)],
        credit=[credit(EXPORTS, 0.3)],
    ),
    "clawed back": build(
        additional=[charge()],
        credit=[
            {
                "id": "c",
                "origin": "*",
                "product": "car",
                "granted": {"Hyundai Motor": 90_000.0, "Kia": 50_000.0},
                "from": date(2025, 4, 3),
                "claw_back_on": date(2026, 7, 1),
                "source": "test",
            }
        ],
    ),
}


def differences(known, one, against, period):
    """What one more unit of each contribution of each maker takes off each bill, (kinds, makers, makers)."""
    stock = goods.entered(known, period, [one, against])
    count = len(stock.makers)
    rows = np.zeros((len(CONTRIBUTIONS) * count, count))
    more = {name: rows.copy() for name in CONTRIBUTIONS}
    for k, name in enumerate(CONTRIBUTIONS):
        more[name][k * count : (k + 1) * count] = STEP[name] * np.eye(count)

    def total(shift):
        owed = (duty.bill(known, each, stock, shift=shift).total for each in (one, against))
        return np.subtract(*owed)

    fall = np.broadcast_to(total({PRODUCTION: np.zeros((1, count))}) - total(more), (len(rows), count))
    return fall.reshape(-1, count, count) / np.array([*STEP.values()])[:, None, None]


def assert_marginal_is_the_difference(known, one, against, period):
    exact = incentives.marginal(case(one, against, period, data=known))
    up = differences(known, one, against, period)
    others = known.makers["consolidated_in"].isna().to_numpy() & ~np.eye(len(exact), dtype=bool)
    for k, contribution in enumerate(CONTRIBUTIONS):
        for who, fall in (("worth", np.diagonal(up[k])), ("others", (up[k] * others).sum(axis=1))):
            column = f"{who}_{incentives.UNITS[contribution]}_usd"
            rounding = 1e-4 * np.abs(fall).max() + 5e-4 / STEP[contribution]
            np.testing.assert_allclose(exact[column], fall, rtol=1e-4, atol=rounding, err_msg=column)
    return exact


@pytest.mark.parametrize("name", POLICIES)
def test_marginal_is_what_one_more_takes_off_the_bill(known, name):
    """At kinks too: at the floor of nothing built, of a spent credit, of no growth."""
    exact = assert_marginal_is_the_difference(known, POLICIES[name], FREE, PERIOD)
    assert name == "tiers" or (exact != 0).sum(axis=None) >= 2, "no derivative was put to the test"


@pytest.mark.parametrize("name", policy.names())
def test_marginal_of_bundled_policies_is_what_one_more_takes_off_the_bill(known, name, before):
    assert_marginal_is_the_difference(known, policy.load(name), before, "FY2026-03")


def test_the_first_vehicle_built_is_worth_what_it_frees(known, before):
    """Jaguar Land Rover builds nothing in the US; under one for one its first vehicle frees one import."""
    one = policy.load("production-credit-1-to-1")
    worth = incentives.marginal(case(one, before, PERIOD, data=known)).loc[
        "Jaguar Land Rover", "worth_us_built_usd"
    ]
    lines = exposure.by_origin(case(one, policy.load("none"), PERIOD, data=known))
    lines = lines[(lines["maker"] == "Jaguar Land Rover") & lines["product"].isin(["car", "light_truck"])]
    assert worth == pytest.approx((lines["duty_usd"] / lines["units"]).max())


def test_one_more_export_is_worth_the_duty_on_the_next_import(known):
    """BMW ships out more than comes from Europe, less than that and Mexico's: the next one is Mexican."""
    one = POLICIES["one for one"]
    worth = incentives.marginal(case(one, FREE, PERIOD, data=known))
    stock = goods.entered(known, PERIOD, [one])
    mine = {o: (stock.flows.maker == "BMW") & (stock.flows.origin == o) for o in ("EU", "MX")}
    units, value = (
        {
            o: array[0][stock.inside][:, flow & (stock.flows.product == "car")].sum()
            for o, flow in mine.items()
        }
        for array in (stock.units, stock.value_usd)
    )
    out = resolve(known, [("BMW", EXPORTS, "US")], [parse(PERIOD)]).value.item()
    assert units["EU"] < out < units["EU"] + units["MX"]
    expected = 0.275 * value["MX"] / units["MX"]
    assert worth.loc["BMW", "worth_exported_usd"] == pytest.approx(expected)


def test_neighbours_gain_only_where_relief_is_earned_together(known):
    firm, country = (
        incentives.marginal(case(build(relief=[relief(firm_weight=weight)]), FREE, PERIOD, data=known))
        for weight in (1.0, 0.0)
    )
    assert (firm.filter(like="others_") == 0).all(axis=None)
    assert country.loc["Toyota", "others_us_built_usd"] > 0


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "more", [{"metric": "export_ratio", "slope": 0.05}, {"score": WHOLE}], ids=["metric", "score"]
)
def test_infinite_ratio_earns_all_and_nothing_at_the_margin(known, more):
    """Tesla ships vehicles out and none in: one more export changes nothing, and nothing warns."""
    one = build(relief=[relief(origin="*", product="part", **more)])
    worth = incentives.marginal(case(one, FREE, PERIOD, data=known)).loc["Tesla"]
    assert np.isfinite(worth).all() and worth["worth_exported_usd"] == 0


# ---------------------------------------------------------------- break-even


def average_rate(known, one, by, vehicles):
    """Rate of each maker on its vehicles after credits, when it alone adds these."""
    stock = goods.entered(known, PERIOD, [one])
    owed = duty.bill(known, one, stock, shift={by: np.diag(vehicles)})
    is_vehicle = ~stock.is_part
    worth = np.zeros(len(stock.makers))
    np.add.at(worth, stock.owner[is_vehicle], stock.value_usd[0][stock.inside].sum(axis=0)[is_vehicle])
    with np.errstate(invalid="ignore"):
        duty_paid = owed.vehicles - owed.credits.saved + owed.credits.repaid
        return np.diagonal(np.broadcast_to(duty_paid, (len(stock.makers),) * 2)) / worth


CONTINUOUS = [
    ("linear, blended", PRODUCTION, 0.17),
    ("power", PRODUCTION, 0.20),
    ("logistic", PRODUCTION, 0.20),
    ("one for one", EXPORTS, 0.10),
    ("credits alike", PRODUCTION, 0.10),
    ("dearest first", PRODUCTION, 0.15),
    ("relief and credit", EXPORTS, 0.12),
]


@pytest.mark.parametrize(("name", "by", "rate"), CONTINUOUS)
def test_breakeven_lands_on_its_rate(known, name, by, rate):
    found = incentives.breakeven(case(POLICIES[name], period=PERIOD, data=known), rate, by=by)
    there = average_rate(known, POLICIES[name], by, found["vehicles"].fillna(0).to_numpy())
    moved = (found["vehicles"] > 0).to_numpy()
    assert moved.sum() >= 2
    np.testing.assert_allclose(there[moved], rate, rtol=1e-9)
    now = average_rate(known, POLICIES[name], by, np.zeros(len(found)))
    np.testing.assert_allclose(found["rate_now"], now)
    assert ((now <= rate) == (found["vehicles"] == 0)).all()


def test_breakeven_is_the_threshold_of_a_bracket(known):
    one = build(
        relief=[
            relief(
                origin="*",
                metric="production_ratio",
                schedule="tiered",
                bracket=[{"from": 0.75, "rate": 0.1}],
            )
        ]
    )
    vehicles = incentives.breakeven(case(one, period=PERIOD, data=known), 0.13)["vehicles"]
    spans = [parse("CY2024")]
    sold, built = (
        resolve(known, [(m, v, "US") for m in vehicles.index], spans).value[0] for v in (SALES, PRODUCTION)
    )
    for maker in ("Toyota", "Kia", "Volkswagen"):
        place = list(vehicles.index).index(maker)
        assert vehicles[maker] == pytest.approx(0.75 * sold[place] - built[place], abs=0.01)


def test_breakeven_finds_a_rate_that_more_would_lose_again(known):
    """Each export leaves one vehicle less for local sale: past the target of the ratio the rate rises."""
    score = {
        "local_build_share": {"weight": 0.4, "target": 1.0},
        "export_ratio": {"weight": 0.6, "target": 0.3},
    }
    one = build(relief=[relief(score=score, product="car")])
    many = np.full(len(known.makers), 20e6)
    toyota = list(known.makers.index).index("Toyota")
    far = average_rate(known, one, EXPORTS, many)[toyota]
    peak = average_rate(known, one, EXPORTS, np.full(len(known.makers), 200_000.0))[toyota]
    assert peak < far
    rate = (peak + far) / 2
    vehicles = incentives.breakeven(case(one, period=PERIOD, data=known), rate, by=EXPORTS)["vehicles"]
    assert 0 < vehicles["Toyota"] <= 200_000
    there = average_rate(known, one, EXPORTS, vehicles.fillna(0).to_numpy())
    assert there[toyota] == pytest.approx(rate, rel=1e-9)


def test_breakeven_out_of_reach_or_without_imports_is_not_a_number(known):
    found = incentives.breakeven(case(POLICIES["linear, blended"], period=PERIOD, data=known), 0.01)
    assert np.isnan(found.loc["Toyota", "vehicles"]) and np.isnan(found.loc["Suzuki", "rate_now"])
    with pytest.raises(
        TariffModelError, match="breakeven counts us_production_units or us_export_units, not 'jobs'"
    ):
        incentives.breakeven(case(FREE, data=known), 0.1, by="jobs")


# ---------------------------------------------------------------- kinks


def duty_at(known, one, maker, jobs):
    """Duty of one maker on its vehicles with so many more jobs, one value per entry of `jobs`."""
    stock = goods.entered(known, PERIOD, [one])
    place = stock.makers.index(maker)
    shift = np.zeros((len(jobs), len(stock.makers)))
    shift[:, place] = jobs
    return duty.bill(known, one, stock, shift={JOBS: shift}).vehicles[:, place]


ON_JOBS = {"metric": "jobs_intensity", "slope": 0.006, "origin": "*"}
SCHEDULES = {
    "linear": relief(**ON_JOBS, cap=0.22, floor=0.05),
    "power": relief(**{**ON_JOBS, "slope": 0.0004}, schedule="smooth", exponent=1.6, cap=0.24, floor=0.06),
    "logistic": relief(
        **{**ON_JOBS, "slope": 0.3}, schedule="smooth", steepness=0.2, midpoint=18.0, cap=0.23, floor=0.04
    ),
    "tiered": relief(
        metric="jobs_intensity",
        origin="*",
        schedule="tiered",
        bracket=[{"from": 8.0, "rate": 0.2}, {"from": 30.0, "rate": 0.1}],
    ),
    "meets the ordinary duty": relief(**ON_JOBS, basis="inclusive", cap=0.22, floor=0.0),
    "target": relief(origin="*", score={"jobs_intensity": {"weight": 1.0, "target": 25.0}}),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_slope_breaks_at_every_kink_and_nowhere_between(known, name):
    one = build(relief=[SCHEDULES[name]])
    rows = incentives.kinks(case(one, period=PERIOD, data=known))
    rows = rows[rows["what"].str.startswith("jobs_intensity")]
    assert {"Toyota", "GM", "BMW", "Kia"} <= set(rows["maker"])
    sold = resolve(known, [("Toyota", SALES, "US")], [parse("CY2024")]).value.item()
    mine = rows[rows["maker"] == "Toyota"].sort_values("kink")
    assert len(mine) == (1 if name == "target" else 2)
    now = mine["now"].iloc[0]
    edges = np.array([0.5, *mine["kink"], 60.0])

    def slopes(level):
        """Duty per job just below and just above a jobs intensity, and the jump between."""
        jobs = (level - now) * sold / 1000
        far, near, on, off = duty_at(known, one, "Toyota", jobs + np.array([-20.0, -0.01, 0.01, 20.0]))
        return (near - far) / 19.99, (off - on) / 19.99, on - near

    for kink in mine["kink"]:
        before, after, jump = slopes(kink)
        assert abs(after - before) > 1e3 or abs(jump) > 1e6, kink
    if name in ("linear", "tiered", "target", "meets the ordinary duty"):
        for low, high in pairwise(edges):
            before, after, jump = slopes((low + high) / 2)
            assert after == pytest.approx(before, rel=1e-4, abs=1.0) and abs(jump) < 1e4


def test_relief_that_anyone_may_earn_has_kinks_for_anyone(known):
    for more in ({"origin": "*"}, {"origin": "JP", "earned_by": "all"}):
        rows = incentives.kinks(case(build(relief=[relief(**more, floor=0.1)]), period=PERIOD, data=known))
        assert {"Toyota", "GM", "BMW"} <= set(rows["maker"])
    rows = incentives.kinks(case(build(relief=[relief(floor=0.1)]), period=PERIOD, data=known))
    assert set(known.makers.loc[rows["maker"], "home"]) == {"JP"}


@pytest.mark.parametrize("origin", ["GB", "*"])
@pytest.mark.parametrize("period", ["CY2025", "CY2026"])
def test_quota_binds_at_its_kink(known, origin, period):
    """Scale all imports until they stand at the kink: below it the rate is that inside, above it rises."""
    entry = charge(origin, start=0, product="car", quota_units_per_year=50_000.0, quota_rate=0.1)
    entry |= {"from": date(2025, 6, 30), "quota_counted_from": date(2025, 5, 8)}
    del entry["start"]
    one = build(additional=[entry])
    row = incentives.kinks(case(one, period=period, data=known)).iloc[0]
    stock = goods.entered(known, "2025-12" if period == "CY2025" else "2026-12", [one])
    flow = (stock.flows.origin == "GB") & (stock.flows.product == "car")

    def rate(times):
        scaled = replace(stock, units=stock.units * times)
        paid = duty.bill(known, one, scaled).duty[0][flow].sum()
        return paid / stock.value_usd[0][stock.inside][:, flow].sum()

    at = row["kink"] / row["now"]
    assert rate(0.5 * at) == pytest.approx(0.1) and rate(0.999 * at) == pytest.approx(0.1)
    assert rate(1.01 * at) > 0.101 and rate(2 * at) == pytest.approx((0.1 + 0.275) / 2)


@pytest.mark.parametrize("unit", ["vehicles", "customs_value"])
def test_credit_saturates_at_its_kink(known, unit):
    """Entitlement up to the kink saves ever more, beyond it nothing."""
    per_unit = 0.1 if unit == "vehicles" else 2_000.0
    one = build(additional=[charge()], credit=[credit(PRODUCTION, per_unit, unit=unit)])
    rows = (
        incentives.kinks(case(one, period="CY2025", data=known))
        .query("instrument == 'credit.c'")
        .set_index("maker")
    )
    assert rows["what"].eq(f"{unit} in 2025 that the credit may pay for").all()
    assert {"Toyota", "GM"} <= set(rows.index)
    stock = goods.entered(known, "CY2025", [one])
    for maker in ("Toyota", "GM"):
        times = rows.at[maker, "kink"] / rows.at[maker, "now"]
        some = {"credit.c.per_unit": per_unit * times * np.array([0.5, 0.99, 1.0, 1.5])}
        saved = duty.bill(known, one, stock, some).credits.saved[:, stock.makers.index(maker)]
        assert saved[0] < saved[1] < saved[2] and saved[3] == pytest.approx(saved[2])


def test_credit_out_of_force_has_no_kink(known):
    gone = credit(PRODUCTION, 0.1, to=date(2025, 6, 30))
    rows = incentives.kinks(case(build(additional=[charge()], credit=[gone]), period="CY2026", data=known))
    assert rows.empty


def test_offset_saturates_at_its_kink(known, law):
    rows = incentives.kinks(case(law, data=known)).query("instrument == 'offset'").set_index("maker")
    stock = goods.entered(known, "FY2026-03", [law])
    ample = duty.bill(known, law, stock, {"offset.msrp-offset.rate": np.array([0.0, 5.0])}).offset
    for maker, row in rows.iterrows():
        assert row["kink"] == pytest.approx(ample[1][stock.makers.index(maker)])
        assert row["now"] <= row["kink"] * (1 + 1e-12)


def test_by_policy_sets_the_worth_of_one_unit_side_by_side(known, law, before):
    other = policy.load("japan-flexible-linear-firm")
    table = incentives.by_policy(case(law, before, data=known), [other])
    assert list(table) == ["current-law", "japan-flexible-linear-firm"]
    assert (
        table.loc["Toyota", other.name]
        == incentives.marginal(case(other, before, data=known)).loc["Toyota", "worth_us_built_usd"]
    )
    assert table.loc["GM", other.name] == pytest.approx(table.loc["GM", law.name])
    with pytest.raises(TariffModelError, match="choose from us_built, exported, job, usd_invested"):
        incentives.by_policy(case(law, before, data=known), [], unit="vehicles")


def test_breakeven_by_policy_sets_both_ways_side_by_side(known, law, before):
    asked = case(law, before, PERIOD, data=known)
    other = "japan-flexible-linear-firm"
    found = incentives.breakeven_by_policy(asked, [other], 0.15)
    alone = incentives.breakeven(asked.replace(policy=other), 0.15, EXPORTS)
    assert list(found) == [(other, "built"), (other, "exported")]
    assert list(found.index) == list(alone.index[alone["rate_now"].notna()])
    assert found[other, "exported"].equals(alone["vehicles"].dropna().reindex(found.index))


def test_the_nearest_kink_is_the_one_with_the_smallest_part_of_the_way_left():
    rows = [
        ("A", "relief.r", "score", 0.5, 1.0),
        ("A", "relief.r", "score", 0.9, 1.0),
        ("A", "relief.r", "score", 1.2, 1.0),  # passed
        ("A", "offset", "USD", 9.9, 10.0),
        ("B", "credit.c", "vehicles", 1.0, 4.0),
    ]
    kinks = pd.DataFrame(rows, columns=["maker", "instrument", "what", "now", "kink"])
    found = incentives.nearest(kinks)
    assert found["maker"].tolist() == ["A", "B"] and found["now"].tolist() == [0.9, 1.0]
    several = pd.concat([kinks.assign(policy=name) for name in ("one", "other")])
    assert len(incentives.nearest(several.reset_index(drop=True))) == 4
