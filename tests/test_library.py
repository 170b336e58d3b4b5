"""Every bundled policy gives the result that stands beside it, and does what it is there to do."""

from __future__ import annotations

import golden
import numpy as np
import pandas as pd
import pytest

from tariffmodel import comparison, contribution, duty, exposure, facts, policy

JAPANESE = ["Toyota", "Honda", "Nissan", "Subaru", "Mazda", "Mitsubishi Motors"]


@pytest.fixture(scope="module")
def bills(known, before):
    """Attributable bills of all policies, makers × policies, for a period on demand."""
    cache: dict[str, pd.DataFrame] = {}

    def of(period: str) -> pd.DataFrame:
        if period not in cache:
            cache[period] = comparison.bills(known, [policy.load(n) for n in policy.names()], before, period)
        return cache[period].drop(index=comparison.TREASURY)

    return of


@pytest.mark.parametrize("name", policy.names())
def test_result_beside_the_policy_is_recomputed(known, name):
    stored = pd.read_csv(golden.path(name))
    found = golden.compute(name, known)
    pd.testing.assert_frame_equal(found, stored, rtol=1e-8, atol=1e-2, check_dtype=False)


def test_every_policy_has_a_result_and_every_result_a_policy():
    stored = {path.name.removesuffix(".golden.csv") for path in golden.path("x").parent.glob("*.golden.csv")}
    assert stored == set(policy.names())


@pytest.mark.parametrize("name", policy.names())
def test_our_own_constructions_say_so(name):
    for entry in policy.load(name).entries:
        if entry.quality == "constructed":
            assert "construction" in entry.source + entry.note or "reading" in entry.source + entry.note, (
                entry.id
            )


def test_published_figures_of_japan_land_on_fifteen_percent(known):
    """3.28m built, 1.37m shipped in, about 0.3m exported (2024), and the bundled facts alike."""
    relief = policy.load("japan-tiered-production-ratio").relief[0]
    ratio = contribution.metrics(known, "CY2024", "country").loc["JP", "production_to_import_ratio"]
    for built_per_shipped in (3.28 / 1.37, (3.28 - 0.3) / 1.37, ratio):
        reached = [step.rate for step in relief.bracket if built_per_shipped >= step.reach]
        assert reached[-1] == 0.15
    one = policy.load("japan-tiered-production-ratio")
    lines = exposure.by_origin(known, one, one, "2026Q1").set_index(["origin", "product"])
    np.testing.assert_allclose(lines.loc[("JP", "car"), "rate"], 0.15)


def test_an_export_credit_helps_only_japanese_exporters(known, bills):
    table = bills("FY2026-03")
    gain = table["current-law"] - table["japan-export-credit"]
    exports = facts.identity(known, "CY2025")["export_units"]
    assert (gain >= -1).all()
    assert set(gain.index[gain > 1]) == {maker for maker in JAPANESE if exports[maker] > 0}


def test_netting_never_raises_a_bill_and_helps_whoever_exports_most(bills):
    table = bills("FY2026-03")
    for name in ("eu-netting", "eu-netting-by-value"):
        gain = table["current-law"] - table[name]
        assert (gain >= -1).all()
        assert set(gain.nlargest(2).index) == {"BMW", "Mercedes-Benz"}
        assert (gain[JAPANESE + ["GM", "Ford", "Kia"]].abs() < 1).all()


def test_the_auto_pact_frees_makers_above_the_ratio_and_nobody_else(known):
    one = policy.load("auto-pact-1965")
    step = next(entry for entry in one.relief if entry.schedule == "tiered")
    ratio = contribution.metrics(known, step.year)[step.metric]
    lines = exposure.by_origin(known, one, one)
    lines = lines[lines["product"].isin(step.product) & lines["origin"].isin(step.origin)]
    edge = step.bracket[-1].reach
    for maker, rate in lines.groupby("maker")["rate"].max().items():
        assert (rate < 0.03) == (ratio[maker] >= edge), maker


def test_one_for_one_frees_makers_that_build_more_than_they_import(known):
    one = policy.load("production-credit-1-to-1")
    owed = duty.bill(known, one, duty.goods(known, "CY2026", [one]))
    made = facts.identity(known, "CY2025")
    left = pd.Series(owed.vehicles[0] - owed.saved[0], index=owed.goods.makers)
    more = made["production_units"] > made["import_units"]
    assert (left[more] < 1).all() and more.sum() >= 5
    assert (left[(made["import_units"] > made["production_units"] * 1.01)] > 0).all()


def test_threats_raise_only_the_makers_they_aim_at(bills):
    table = bills("CY2027")
    aims = {
        "korea-25": {"Hyundai Motor", "Kia", "GM"},
        "canada-50-from-2027": {"Toyota", "Honda", "GM", "Stellantis"},
    }
    for name, makers in aims.items():
        rise = table[name] - table["current-law"]
        assert (rise >= -1).all()
        assert set(rise.index[rise > 1e7]) == makers
    # nothing changes before the day
    early = bills("FY2026-03")
    np.testing.assert_allclose(early["canada-50-from-2027"], early["current-law"])


def test_repeal_leaves_ordinary_duty_and_none_leaves_nothing(known, bills):
    assert bills("CY2027")["repeal"].abs().max() < 1
    none = policy.load("none")
    assert duty.bill(known, none, duty.goods(known, "FY2026-03", [none])).total.max() == 0


def test_flat_rates_are_flat(known):
    for name, rate in (("flat-15", 0.15), ("flat-25", 0.275)):
        one = policy.load(name)
        lines = exposure.by_origin(known, one, one, "CY2026")
        assert lines.loc[
            (lines["product"] == "car") & (lines["origin"] == "JP"), "rate"
        ].to_numpy() == pytest.approx(rate)


def test_a_plan_rate_snaps_back_on_its_date(known):
    one, law = policy.load("plan-rate-snap-back"), policy.load("current-law")
    plans = [entry for entry in one.additional if entry.layer > 0]
    ends = {entry.end for entry in plans if entry.end.year < 9999}
    assert ends, "a plan needs a last day"
    day = min(ends)
    origin = next(entry.origin[0] for entry in plans if entry.end == day)
    before_day = exposure.car_rates(known, one, str(day), [origin])[origin].iloc[0]
    after = exposure.car_rates(known, one, str(day.fromordinal(day.toordinal() + 1)), [origin])[origin].iloc[
        0
    ]
    assert before_day < after
    assert exposure.car_rates(known, law, str(day), [origin])[origin].iloc[0] <= after


def test_what_is_clawed_back_is_what_was_not_built(known):
    one = policy.load("taiwan-capacity-multiple")
    owed = duty.bill(known, one, duty.goods(known, "CY2028", [one]))
    granted = set().union(*(entry.granted for entry in one.credit))
    paid_back = {m for m, usd in zip(owed.goods.makers, owed.repaid[0]) if usd > 1}
    assert paid_back and paid_back <= granted
