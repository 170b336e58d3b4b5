"""The recognised cost against bills of other periods and other laws, and the comparison against its rules."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from tariffmodel import case, cost, duty, exposure, facts, goods, periods, policy, validation
from tariffmodel.errors import DataError
from tariffmodel.facts.periods import Period


@pytest.fixture(scope="module")
def compared(known, law, before) -> pd.DataFrame:
    return validation.disclosed(case(law, before, data=known))


def level(known, maker, variable, period="CY2025"):
    got = facts.resolve(known, [(maker, variable, "US")], [periods.parse(period)])
    return got.value[0, 0]


def attributable(known, one, before, span):
    stock = goods.entered(known, span, [one, before])
    total = duty.bill(known, one, stock).total - duty.bill(known, before, stock).total
    return pd.Series(total[0], index=stock.makers)


def earlier(period, days):
    span = periods.parse(period)
    return Period(span.start - timedelta(days=days), span.end - timedelta(days=days))


def without_delay(known, *variables):
    """What-if facts in which these delays are none."""
    return known.with_values({key: 0.0 for key in known.readings if key[1] in variables})


@pytest.mark.parametrize("period", ["FY2026-03", "2025Q2", "CY2026"])
def test_first_step_is_the_bill(known, law, before, period):
    mine = validation.recognised(case(law, before, period, data=known))["owed"]
    theirs = exposure.table(case(law, before, period, data=known))["bill_usd"]
    pd.testing.assert_series_equal(mine, theirs.reindex(mine.index), rtol=1e-9, atol=1e-3, check_names=False)


@pytest.mark.parametrize("maker", ["Toyota", "Hyundai Motor", "GM"])
@pytest.mark.parametrize("period", ["2025Q2", "CY2025"])
def test_lag_gives_the_bill_of_the_days_that_much_earlier(known, law, before, maker, period):
    known = without_delay(known, "supplier_delay_days")
    row = validation.recognised(case(law, before, period, data=known)).loc[maker]
    days = int(level(known, maker, "inventory_days"))
    theirs = attributable(known, law, before, earlier(period, days))[maker]
    assert row["owed"] + row["lag"] == pytest.approx(theirs, rel=1e-9)


def test_until_claims_open_the_books_know_no_relief(known, law, before):
    """Another way to the same cost: the bill under a law without content deduction and offset."""
    known = without_delay(known, "supplier_delay_days")
    bare = policy.load(
        "current-law",
        settings={
            "additional.232-vehicles-usmca.usmca": "full",
            "offset.msrp-offset.rate": 0.0,
            "offset.msrp-offset-extended.rate": 0.0,
        },
    )
    mine = validation.recognised(case(law, before, "2025Q2", data=known)).loc["Toyota"]
    days = int(level(known, "Toyota", "inventory_days"))
    theirs = attributable(known, bare, before, earlier("2025Q2", days))["Toyota"]
    assert mine[["owed", "lag", "refunds"]].sum() == pytest.approx(theirs, rel=1e-9)


def test_every_refund_for_content_comes_back_in_time(known, law, before):
    """By the end of 2026 customs has closed every entry made before claims opened."""
    known = without_delay(known, "offset_delay_days")
    cost = validation.recognised(case(law, before, "CY2025..CY2026", data=known))
    assert np.allclose(cost["refunds"], 0, atol=1.0)
    late = validation.recognised(case(law, before, "CY2025", data=known))["refunds"]
    back = validation.recognised(case(law, before, "CY2026", data=known))["refunds"]
    assert (late >= -1).all() and np.allclose(late + back, 0, atol=1.0)
    assert late["Stellantis"] > 1e7


def test_dates_of_relief_are_the_law_s(known, before):
    """Claims that open with the duty leave nothing to come back."""
    key = "additional.232-vehicles-usmca"
    settings = {f"{key}.claimable_from": "2025-04-03", f"{key}.refund_days": 0}
    known = without_delay(known, "offset_delay_days")
    law = policy.load("current-law", settings=settings)
    assert np.allclose(validation.recognised(case(law, before, "2025Q2", data=known))["refunds"], 0, atol=1.0)


def test_the_offset_is_booked_so_many_days_after_the_duty(known, law, before):
    late = validation.recognised(case(law, before, "2026Q1", data=known)).loc["Toyota"]
    atonce = validation.recognised(
        case(law, before, "2026Q1", data=without_delay(known, "offset_delay_days"))
    ).loc["Toyota"]
    lag, delay = (int(level(known, "Toyota", name)) for name in ("inventory_days", "offset_delay_days"))
    used = {
        days: exposure.table(case(law, before, earlier("2026Q1", days), data=known)).at[
            "Toyota", "offset_usd"
        ]
        for days in (lag, lag + delay)
    }
    assert late["refunds"] - atonce["refunds"] == pytest.approx(used[lag] - used[lag + delay], rel=1e-9)


def test_a_supplier_s_duty_comes_later_and_in_part(known, law, before):
    suppliers = [key for key in known.readings if key[1] == "supplier_pass_share"]
    none = known.with_values(dict.fromkeys(suppliers, 0.0))
    every = known.with_values(dict.fromkeys(suppliers, 1.0))
    some, less, more = (
        exposure.table(case(law, before, data=facts_))["parts_duty_usd"] for facts_ in (known, none, every)
    )
    assert some["Kia"] - less["Kia"] == pytest.approx(0.7 * (more["Kia"] - less["Kia"]), rel=1e-9)
    early = validation.recognised(case(law, before, "2025Q2", data=known))["lag"]
    atonce = validation.recognised(
        case(law, before, "2025Q2", data=without_delay(known, "supplier_delay_days"))
    )["lag"]
    assert early["GM"] < atonce["GM"] - 1e6 and early["Mitsubishi Motors"] == atonce["Mitsubishi Motors"]


def test_us_gaap_books_relief_with_the_duty(known, law, before):
    late = validation.recognised(case(law, before, "2025Q2", data=known))["refunds"]
    assert np.allclose(late[["GM", "Ford", "Tesla"]], 0) and late["Stellantis"] > 0


def test_metals_by_hand(known, law, before):
    # Subaru: 350,000 vehicles in 2025 at 300 USD each; with a lag of 15 days the quarter begins on 16 June
    cost = validation.recognised(case(law, before, "2025Q3", data=known))
    assert cost.at["Subaru", "metals"] == pytest.approx(350_000 / 365 * 92 * 300)
    without = validation.recognised(case(law, before, "2025Q3", data=known), metals=False)
    assert (without["metals"] == 0).all()
    pd.testing.assert_series_equal(without["model"] + cost["metals"], cost["model"], check_names=False)


def test_nothing_is_attributable_to_the_law_against_itself(known, law):
    cost = validation.recognised(case(law, law, "FY2026-03", data=known), metals=False)
    assert np.allclose(cost, 0)


def test_steps_add_up_inside_the_range(compared):
    assert np.allclose(compared[list(validation.STEPS)].sum(axis=1), compared["model"])
    assert (compared["model_low"] <= compared["model"]).all()
    assert (compared["model"] <= compared["model_high"]).all()


def test_a_part_of_a_year_is_less_sure_than_the_year():
    widths = [cost._uneven(periods.parse(p)) for p in ("CY2025", "2025-01..2025-09", "2025H1", "2025Q2")]
    assert widths[0] == 0 and widths == sorted(widths)
    assert widths[-1] == pytest.approx(0.15, abs=0.001)


def test_model_does_not_look_at_what_was_disclosed(known, law, before, compared):
    table = known.disclosures.assign(value=known.disclosures["value"] * 2)
    blind = validation.disclosed(case(law, before, data=dataclasses.replace(known, disclosures=table)))
    columns = [*validation.STEPS, "model", "model_low", "model_high", "headline"]
    pd.testing.assert_frame_equal(blind[columns], compared[columns])


def test_one_headline_per_maker_the_longest_actual(known, compared):
    rows = compared[compared["headline"]].set_index("maker")
    assert rows.index.is_unique and rows["latest"].all()
    inside = known.makers["consolidated_in"]
    assert set(rows.index) == {m for m in compared["maker"] if pd.isna(inside[m])}
    for maker, group in compared[compared["kind"] == "actual"].groupby("maker"):
        if maker in rows.index:
            longest = max(periods.parse(p).days for p in group["period"])
            assert rows.at[maker, "kind"] == "actual"
            assert periods.parse(rows.at[maker, "period"]).days == longest


def test_metals_count_unless_the_company_leaves_them_out(compared):
    duties = (compared["basis"] == "direct_duties") | (compared["scope"] == "vehicles_and_parts")
    assert (compared.loc[duties, "metals"] == 0).all()
    assert (compared.loc[~duties & compared["maker"].isin(["Toyota", "GM", "Ford"]), "metals"] > 0).all()


def test_summary_by_hand():
    frame = pd.DataFrame(
        {
            "kind": ["actual", "actual", "actual", "actual", "guidance"],
            "latest": True,
            "headline": [True, True, True, False, False],
            "per_usd": [1.0, 100.0, 1.0, 1.0, 1.0],
            "disclosed": [1.0, 200.0, 4.0, 5.0, 1.0],
            "owed": [1.0, 200.0, 4.0, 5.0, 1.0],
            "model": [1.1, 160.0, 6.0, 5.0, 3.0],
            "inside_range": [True, False, False, True, False],
            "inside_widened": [True, True, False, True, True],
        }
    )
    frame["error"] = frame["model"] / frame["disclosed"] - 1
    got = validation.summary(frame)
    assert got.at["headline", "n"] == 3
    assert got.at["headline", "median_absolute_error"] == pytest.approx(0.2)
    assert got.at["headline", "rank_correlation"] == pytest.approx(1)  # 160 yen-like units are 1.6
    assert got.at["headline", "inside_range"] == pytest.approx(1 / 3)
    assert got.at["headline", "inside_widened"] == pytest.approx(2 / 3)
    assert got.at["all", "inside_widened"] == pytest.approx(4 / 5)
    assert got.at["actual", "n"] == 4 and got.at["guidance", "median_absolute_error"] == pytest.approx(2)
    assert np.isnan(got.at["guidance", "rank_correlation"])


def test_published_accuracy_is_not_lost_unnoticed(compared):
    got = validation.summary(compared)
    assert got.at["headline", "median_absolute_error"] < 0.23
    assert got.at["all", "median_absolute_error"] < 0.2
    assert (got.loc[["headline", "all"], "rank_correlation"] > 0.9).all()
    assert (got.loc[["headline", "all"], "inside_range"] >= 0.6).all()
    assert (got.loc[["headline", "all"], "inside_widened"] >= 0.8).all()


def misses(*rows):
    """Rows of (maker, disclosed) against a model of 10 with a range of 8 to 14."""
    frame = pd.DataFrame(rows, columns=["maker", "disclosed"])
    return frame.assign(model=10.0, model_low=8.0, model_high=14.0)


def test_widening_by_hand():
    """Misses in half-widths: A 0.5, B 1, C 2, D 3, each a fifth of the weight; 4/5 are reached at 3."""
    four = misses(("A", 9), ("B", 14), ("C", 6), ("D", 22))
    assert validation.widening(four) == pytest.approx(3)
    # rows of one maker share its weight: E's two misses of 4 and 0 change the order, not the makers
    five = pd.concat([four, misses(("E", 2), ("E", 10))])
    assert validation.widening(five) == pytest.approx(4)
    assert validation.widening(misses(("A", 9), ("B", 10))) == np.inf  # two makers cannot show 80%
    near = misses(*((maker, 10.1) for maker in "ABCDEFGH"))
    assert validation.widening(near) == 1  # never narrower than the inputs' own range


def test_a_makers_own_disclosure_does_not_widen_its_range(compared):
    for maker, group in compared.groupby("maker"):
        factor = validation.widening(compared[compared["maker"] != maker])
        high = group["model"] + factor * (group["model_high"] - group["model"])
        assert np.allclose(group["widened_high"], high)
        assert np.array_equal(
            group["inside_widened"], group["disclosed"].between(group["widened_low"], group["widened_high"])
        )


def test_widened_range_covers_makers_it_has_not_seen():
    """Drawn from one distribution, four unseen makers in five fall inside, within Monte Carlo error."""
    rng = np.random.default_rng(7)
    inside = []
    for _ in range(400):
        said = 10 * np.exp(0.4 * rng.standard_normal(12))
        frame = misses(*zip([f"M{k}" for k in range(12)], said, strict=True))
        factor = validation.widening(frame.iloc[1:])
        one = frame.iloc[0]
        inside.append(10 - 2 * factor <= one["disclosed"] <= 10 + 4 * factor)
    assert abs(np.mean(inside) - 0.82) < 0.06  # 12 points: the smallest level >= 80% is 10 of 12


def test_explained_leaves_what_is_unexplained(compared):
    table = validation.explained(compared)
    assert np.allclose(table[[*validation.STEPS, "unexplained"]].sum(axis=1), 1)


def test_missing_mechanism_names_the_maker(data, law, before):
    path = data / "facts" / "estimates.csv"
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    lost = (rows["maker"] == "Kia") & (rows["variable"] == "inventory_days")
    rows[~lost].to_csv(path, index=False)
    with pytest.raises(DataError, match="inventory_days of Kia"):
        validation.recognised(case(data=facts.load(data)))
