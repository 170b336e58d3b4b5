"""Every bundled policy gives the result that stands beside it, and does what it is there to do."""

from __future__ import annotations

import golden
import numpy as np
import pandas as pd
import pytest

from tariffmodel import case, comparison, contribution, duty, exposure, facts, goods, policy

JAPANESE = ["Toyota", "Honda", "Nissan", "Subaru", "Mazda", "Mitsubishi Motors"]


@pytest.fixture(scope="module")
def bills(known, before):
    """Attributable bills of all policies, makers × policies, for a period on demand."""
    cache: dict[str, pd.DataFrame] = {}

    def of(period: str) -> pd.DataFrame:
        if period not in cache:
            first, *others = map(policy.load, policy.names())
            cache[period] = comparison.bills(case(first, before, period, data=known), others)
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


def test_no_two_policies_have_one_label():
    library = [policy.load(name) for name in policy.names()]
    assert list(policy.labels(library).values()) == [one.label for one in library]


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
    lines = exposure.by_origin(case(one, one, "2026Q1", data=known)).set_index(["origin", "product"])
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
        assert (gain[[*JAPANESE, "GM", "Ford", "Kia"]].abs() < 1).all()


def test_the_auto_pact_frees_makers_above_the_ratio_and_nobody_else(known):
    one = policy.load("auto-pact-1965")
    step = next(entry for entry in one.relief if entry.schedule == "tiered")
    ratio = contribution.metrics(known, step.year)[step.metric]
    lines = exposure.by_origin(case(one, one, data=known))
    lines = lines[lines["product"].isin(step.product) & lines["origin"].isin(step.origin)]
    edge = step.bracket[-1].reach
    for maker, rate in lines.groupby("maker")["rate"].max().items():
        assert (rate < 0.03) == (ratio[maker] >= edge), maker


def test_one_for_one_frees_makers_that_build_more_than_they_import(known):
    one = policy.load("production-credit-1-to-1")
    owed = duty.bill(known, one, goods.entered(known, "CY2026", [one]))
    made = facts.identity(known, "CY2025")
    left = pd.Series(owed.vehicles[0] - owed.credits.saved[0], index=owed.goods.makers)
    more = made["production_units"] > made["import_units"]
    assert (left[more] < 1).all() and more.sum() >= 5
    assert (left[(made["import_units"] > made["production_units"] * 1.01)] > 0).all()


def test_threats_raise_only_the_makers_they_aim_at(bills):
    table = bills("CY2027")
    aims = {
        "korea-25": {"Hyundai Motor", "Kia", "GM"},
        "canada-50-from-2027": {"Toyota", "Honda", "GM", "Ford", "Stellantis"},
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
    assert duty.bill(known, none, goods.entered(known, "FY2026-03", [none])).total.max() == 0


def test_flat_rates_are_flat(known):
    for name, rate in (("flat-15", 0.15), ("flat-25", 0.275)):
        one = policy.load(name)
        lines = exposure.by_origin(case(one, one, "CY2026", data=known))
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
    before_day = exposure.car_rates(case(one, one, str(day), data=known))[origin].iloc[0]
    after = exposure.car_rates(case(one, one, str(day.fromordinal(day.toordinal() + 1)), data=known))[
        origin
    ].iloc[0]
    assert before_day < after
    assert exposure.car_rates(case(law, law, str(day), data=known))[origin].iloc[0] <= after


def test_what_is_clawed_back_is_what_was_not_built(known):
    one = policy.load("taiwan-capacity-multiple")
    owed = duty.bill(known, one, goods.entered(known, "CY2028", [one]))
    granted = set().union(*(entry.granted for entry in one.credit))
    paid_back = {m for m, usd in zip(owed.goods.makers, owed.credits.repaid[0], strict=True) if usd > 1}
    assert paid_back and paid_back <= granted


def test_clawback_by_hand(known):
    """Hyundai's output grows by less than its grant of 120,000: it repays that share of what it saved."""
    one = policy.load("taiwan-capacity-multiple")
    hyundai = list(known.makers.index).index("Hyundai Motor")
    saved = sum(
        duty.bill(known, one, goods.entered(known, f"CY{year}", [one])).credits.saved[0, hyundai]
        for year in (2025, 2026, 2027)
    )
    built = [
        facts.identity(known, year)["production_units"]["Hyundai Motor"] for year in ("CY2024", "CY2027")
    ]
    grown = built[1] - built[0]
    repaid = duty.bill(known, one, goods.entered(known, "CY2028", [one])).credits.repaid[0, hyundai]
    assert 0 < grown < 120_000
    assert repaid == pytest.approx((1 - grown / 120_000) * saved, rel=1e-6)


def test_capacity_granted_is_what_was_announced(known):
    built = facts.identity(known, "CY2024")["production_units"]
    for credit in policy.load("taiwan-capacity-multiple").credit:
        assert credit.granted["GM"] == pytest.approx(2_000_000 - built["GM"])
        assert credit.granted["Stellantis"] == pytest.approx(0.5 * built["Stellantis"])
        assert credit.granted["Kia"] / (credit.granted["Kia"] + credit.granted["Hyundai Motor"]) == 0.4


def test_remission_quotas_are_a_quarter_of_output_less_the_two_cuts(known):
    built = facts.identity(known, "CY2024")["production_units"]
    before_cut, after_cut = policy.load("canada-remission-quota").credit
    assert (after_cut.start - before_cut.end).days == 1
    assert set(before_cut.granted) == set(built.index[built > 0])
    for maker, vehicles in before_cut.granted.items():
        kept = {"GM": 1 - 0.242, "Stellantis": 0.5}.get(maker, 1.0)
        assert vehicles == pytest.approx(built[maker] / 4, abs=1)
        assert after_cut.granted[maker] == pytest.approx(kept * built[maker] / 4, abs=1)


def test_a_remission_quota_frees_no_more_vehicles_than_it_has(known, law):
    """Ford's quota is larger than its imports from Mexico and Canada; GM's is not and is cut."""
    one = policy.load("canada-remission-quota")
    lines = exposure.by_origin(case(law, law, "CY2026", data=known))
    northern = lines[lines["origin"].isin(["MX", "CA"]) & lines["product"].isin(["car", "light_truck"])]
    owed = duty.bill(known, one, goods.entered(known, "CY2026", [one]))
    saved = pd.Series(owed.credits.saved[0], index=owed.goods.makers)
    due = (northern["customs_value_usd"] * northern["rate"]).groupby(northern["maker"]).sum()
    assert saved["Ford"] == pytest.approx(due["Ford"])
    assert saved["GM"] < 0.9 * due["GM"]


def test_the_offset_as_enacted_bites_only_after_april_2026(bills):
    early, late = bills("FY2026-03"), bills("CY2027")
    np.testing.assert_allclose(early["offset-as-enacted"], early["current-law"])
    rise = late["offset-as-enacted"] - late["current-law"]
    assert (rise >= -1).all()
    assert set(rise.index[rise > 1e8]) >= {"Ford", "GM", "Stellantis", "Toyota"}
    assert rise["Ferrari"] == pytest.approx(0, abs=1)


def test_content_buys_the_duty_off_and_no_index_means_no_relief(known):
    one = policy.load("inovar-auto")
    lines = exposure.by_origin(case(one, policy.load("before-april-2025"), "CY2027", data=known))
    cars = lines[lines["product"].isin(["car", "light_truck"])]
    # what the measure adds to ordinary duty, which differs by origin and by Section 301
    added = (cars["duty_usd"] / cars["customs_value_usd"]).groupby(cars["maker"]).mean()
    content = contribution.metrics(known)["us_content"].reindex(added.index).fillna(0.0)
    np.testing.assert_allclose(added, 0.25 * (1 - content / 0.65), atol=1e-9)


def test_only_makers_that_build_more_than_in_2024_gain_from_increments(known):
    one = policy.load("japan-increments")
    lines = exposure.by_origin(case(one, one, "CY2026", data=known))
    paid = lines[(lines["origin"] == "JP") & (lines["product"] == "car")].set_index("maker")["rate"]
    grown = (
        facts.identity(known, "CY2025")["production_units"]
        - facts.identity(known, "CY2024")["production_units"]
    ).reindex(paid.index)
    sold = facts.identity(known, "CY2025")["sales_units"].reindex(paid.index)
    expected = 0.275 - 2.0 * (grown.clip(lower=0) / sold)
    japanese = known.makers["home"].reindex(paid.index) == "JP"
    np.testing.assert_allclose(paid[japanese], expected[japanese], atol=1e-6)
    assert paid["Mazda"] < paid["Toyota"] < paid["Nissan"]


def test_the_smooth_reading_is_the_logistic_of_half_firm_half_country(known):
    one = policy.load("japan-smooth")
    relief = one.relief[0]
    weights = {name: metric.weight for name, metric in relief.score.items()}
    targets = {name: metric.target for name, metric in relief.score.items()}
    firm, country = (
        contribution.score(known, weights, targets, level=level, makers=JAPANESE)
        for level in ("firm", "country")
    )
    expected = 0.275 - 0.20 / (1 + np.exp(-8 * ((firm + country) / 2 - 0.5)))
    lines = exposure.by_origin(case(one, one, "CY2026", data=known))
    paid = lines[(lines["origin"] == "JP") & (lines["product"] == "car")].set_index("maker")["rate"]
    np.testing.assert_allclose(paid[JAPANESE], expected[JAPANESE], rtol=1e-9)


def test_without_their_deals_japan_the_eu_and_korea_pay_more_and_britain_the_same(known, law, bills):
    table = bills("CY2027")
    assert (table["uk-quota-only"] - table["current-law"] >= -1).all()
    one = policy.load("uk-quota-only")
    rates = (
        exposure.by_origin(case(one, law, "CY2027", data=known))
        .groupby("origin")[["rate", "rate_against"]]
        .mean()
    )
    dearer = set(rates.index[rates["rate"] > rates["rate_against"] + 1e-9])
    assert {"JP", "EU", "KR"} <= dearer <= {"JP", "EU", "KR", "TW"}


def test_the_plan_rate_lowers_bills_until_june_2027_and_raises_them_after(known, law, before):
    one = policy.load("plan-rate-snap-back")
    for period, sign in (("2027H1", -1), ("2027H2", 1)):
        table = comparison.bills(case(one, before, period, data=known), [law])
        change = sign * (table[one.name] - table[law.name])
        assert change.min() >= -1 and change["Toyota"] > 1e8


def test_the_eu_threat_moves_only_goods_from_the_eu(known, law):
    lines = exposure.by_origin(case(policy.load("eu-25"), law, "CY2027", data=known))
    moved = lines[lines["duty_usd"].abs() > 1]
    assert set(moved["origin"]) == {"EU"} and set(moved["product"]) <= {"car", "light_truck"}
    np.testing.assert_allclose(moved.loc[moved["product"] == "car", "rate"], 0.275)


def test_ordinary_duty_only_differs_by_chinese_goods_alone(known, before):
    lines = exposure.by_origin(case(policy.load("mfn-only"), before, data=known))
    assert set(lines.loc[lines["duty_usd"].abs() > 1, "origin"]) == {"CN"}


@pytest.mark.parametrize("name", policy.names())
def test_every_policy_says_what_it_is_and_where_each_line_comes_from(name):
    one = policy.load(name)
    assert len(one.title) < 110 and len(one.description.split()) > 15
    assert one.label != one.name and len(one.label) <= 30
    assert all(entry.source for entry in one.entries)
    assert all(entry.url.startswith("http") for entry in one.entries if entry.url)
