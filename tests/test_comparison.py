"""Policies side by side: the Treasury gets what makers pay, counted once, and changes are differences."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from strategies import build, policies

from tariffmodel import case, comparison, duty, exposure, goods, policy
from tariffmodel.errors import PolicyError

PERIOD = "2025-07..2026-06"
FEW = settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def every():
    return [policy.load(name) for name in policy.names()]


def test_treasury_gets_every_bill_once(known, every, before):
    frame = comparison.bills(case(every[0], before, PERIOD, data=known), every[1:])
    assert list(frame.columns) == [one.name for one in every]
    assert frame.index[-1] == comparison.TREASURY and len(frame) == len(known.makers) + 1
    without = frame.drop(index=[comparison.TREASURY, "Porsche AG"])
    pd.testing.assert_series_equal(frame.loc[comparison.TREASURY], without.sum(), check_names=False)
    assert frame.loc["Porsche AG", "current-law"] > 0
    assert (frame[before.name] == 0).all()


def test_bills_are_those_of_each_policy_alone(known, every, before):
    frame = comparison.bills(case(every[0], before, PERIOD, data=known), every[1:])
    for one in every:
        alone = exposure.table(case(one, before, PERIOD, data=known))["bill_usd"]
        np.testing.assert_allclose(frame[one.name][alone.index], alone, rtol=1e-9, atol=0.01)


@FEW
@given(one=policies(), other=policies())
def test_bills_of_random_policies_do_not_disturb_each_other(known, before, one, other):
    renamed = other.model_copy(update={"name": "other"})
    frame = comparison.bills(case(one, before, PERIOD, data=known), [renamed])
    for each in (one, renamed):
        own, floor = (duty.bill(known, p, goods.entered(known, PERIOD, [p])).total[0] for p in (each, before))
        np.testing.assert_allclose(frame[each.name].iloc[:-1], own - floor, rtol=1e-8, atol=0.05)


def test_changes_are_differences_of_bills_and_nothing_against_itself(known, every, before, law):
    frame = comparison.bills(case(every[0], before, PERIOD, data=known), every[1:])
    found = comparison.changes(case(law, law, PERIOD, data=known), every)
    change = found["change_usd"].unstack("policy")[frame.columns].loc[frame.index]
    np.testing.assert_allclose(change, frame.sub(frame[law.name], axis=0), atol=0.05)
    assert found["change_usd"].between(found["low_usd"], found["high_usd"]).all()
    assert (found["sign_open"] == (found["low_usd"] * found["high_usd"] < 0)).all() and found[
        "sign_open"
    ].any()
    assert (found.loc[law.name] == 0).all(axis=None)


def test_less_than_a_cent_is_no_change(known, before, law):
    """The bill of a copy whose rates differ in the thirteenth place is the same but for rounding."""
    entries = [e.model_copy(update={"rate": e.rate * (1 + 1e-13)}) for e in law.additional]
    other = law.model_copy(update={"name": "copy", "additional": entries})
    asked = case(law, before, PERIOD, data=known)
    raw = asked.replace(policy=other).owed[0].total - asked.owed[0].total
    assert 0 < np.abs(raw).max() < 0.01
    assert (comparison.changes(asked, [other]) == 0).all(axis=None)
    assert (comparison.ranked(asked, other)["change_usd"] == 0).all()


def test_range_of_a_change_against_no_duty_is_that_of_the_bill(known, law, before):
    """`exposure.table` is another way to the same range."""
    found = comparison.changes(case(before, before, PERIOD, data=known), [law]).loc[law.name]
    table = exposure.table(case(law, before, PERIOD, data=known))
    ends = found.loc[table.index, ["low_usd", "high_usd"]]
    np.testing.assert_allclose(ends, table[["bill_low_usd", "bill_high_usd"]], rtol=1e-9, atol=0.05)
    every = exposure.totals(case(law, before, PERIOD, data=known)).loc["ALL"]
    sums = found.loc[comparison.TREASURY, ["change_usd", "low_usd", "high_usd"]].to_numpy(dtype=float)
    np.testing.assert_allclose(sums, every[["bill_usd", "bill_low_usd", "bill_high_usd"]], rtol=1e-9)


@FEW
@given(one=policies(), baseline=policies())
def test_ranked_change_is_the_difference_of_the_bills(known, before, one, baseline):
    frame = comparison.ranked(case(baseline, before, PERIOD, data=known), one)
    sides = [one, baseline.model_copy(update={"name": "baseline"})]
    bills = comparison.bills(case(sides[0], before, PERIOD, data=known), sides[1:]).loc[frame.index]
    for column, name in (("bill_usd", one.name), ("baseline_usd", "baseline")):
        np.testing.assert_allclose(frame[column], bills[name], rtol=1e-8, atol=0.05)
    np.testing.assert_allclose(frame["change_usd"], bills[one.name] - bills["baseline"], rtol=1e-8, atol=0.1)
    assert frame["change_usd"].is_monotonic_increasing
    np.testing.assert_array_equal(frame["relief_usd"], -frame["change_usd"])


def test_ranked_shares_and_rates_are_those_of_the_tables(known, law, before):
    one = policy.load("japan-flexible-linear-firm")
    frame = comparison.ranked(case(law, before, data=known), one)
    mine, base = (exposure.table(case(p, before, data=known)).loc[frame.index] for p in (one, law))
    np.testing.assert_allclose(frame["rate"], mine["effective_rate"])
    np.testing.assert_allclose(frame["rate_baseline"], base["effective_rate"])
    share = mine["share_of_operating_profit"] - base["share_of_operating_profit"]
    np.testing.assert_allclose(frame["change_share_of_operating_profit"], share)
    built = mine["us_production_units"]
    np.testing.assert_allclose(
        frame["relief_per_us_built_usd"], -frame["change_usd"] / built.where(built > 0)
    )
    assert (
        frame.loc["Mitsubishi Motors", "relief_per_us_built_usd"]
        != frame.loc["Mitsubishi Motors", "relief_usd"]
    )
    assert frame.loc[known.makers["home"] == "EU", "change_usd"].abs().max() == 0


def test_a_policy_against_itself_changes_nothing(known, law, before):
    frame = comparison.ranked(case(law, before, data=known), law)
    assert (frame["change_usd"] == 0).all()


def test_a_policy_named_twice_is_refused(known, law, before):
    with pytest.raises(
        PolicyError, match="a policy occurs twice among current-law, current-law; name each once"
    ):
        comparison.bills(case(law, before, data=known), [law])


def test_two_policies_without_entries_owe_the_ordinary_duty(known, before):
    frame = comparison.bills(case(build(), build(), PERIOD, data=known), [])
    assert (frame == 0).all(axis=None)


def test_rates_are_after_credits(known, before):
    law, credited = policy.load("current-law"), policy.load("production-credit-1-to-1")
    row = comparison.ranked(case(law, before, "CY2026", data=known), credited).loc["GM"]
    assert abs(row["rate"]) < 1e-9 < row["rate_baseline"]


def test_the_library_is_every_policy_but_floors_and_the_counterfactual_that_of_the_case_first(known, before):
    found = [one.name for one in comparison.library(case("flat-25", before, data=known))]
    assert found[0] == "flat-25" and len(set(found)) == len(found)
    assert set(policy.names()) - set(found) == {before.name, *comparison.FLOORS}
