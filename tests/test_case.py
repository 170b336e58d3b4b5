"""One question, and the facts it rests on: refusals, what-ifs, and what a copy keeps alive."""

from __future__ import annotations

import dataclasses
import gc
import math
import re
import weakref
from datetime import date

import pandas as pd
import pytest

from tariffmodel import Case, Valuation, case, exposure, facts, policy, validation
from tariffmodel.errors import DataError, PolicyError

JAPAN = ("Subaru", "us_import_units", "JP")
PARTS = ("Toyota", "usmca_share_part", "MX")


def test_a_case_is_asked_with_names_and_carries_what_they_stand_for(known):
    asked = case("flat-25", "none", "CY2025", data=known)
    assert (asked.policy.name, asked.against.name, str(asked.period)) == ("flat-25", "none", "CY2025")
    assert asked.facts is known and asked.as_of == known.as_of
    assert asked.label == f"{asked.policy.label} against {asked.against.label}, CY2025"
    other = asked.replace(policy="current-law", period="2025Q4")
    assert other.policy.name == "current-law" and other.period.days == 92 and other.against is asked.against


def test_settings_change_the_policy_asked_about_and_only_a_name_can_be_set(known, law):
    half = case("flat-25", "none", data=known, settings={"additional.flat-vehicles.rate": 0.125})
    full = case("flat-25", "none", data=known)
    paid = [exposure.table(one).loc["Subaru", "vehicle_duty_usd"] for one in (half, full)]
    assert 0 < paid[0] < paid[1]
    with pytest.raises(PolicyError, match="settings go with the name"):
        case(law, settings={"x": 1}, data=known)


def test_policy_of_another_data_folder_than_the_facts_is_refused(known, law, data):
    elsewhere = facts.load(data)
    with pytest.raises(PolicyError, match="load both from one data folder"):
        case(law, data=elsewhere)
    with pytest.raises(PolicyError, match="load both from one data folder"):
        case(data=known).beside(policy.load("flat-25", data))
    assert exposure.table(case("current-law", data=elsewhere))["bill_usd"].sum() == pytest.approx(
        exposure.table(case(law, data=known))["bill_usd"].sum()
    )


def test_tables_of_one_case_share_their_goods_and_bills(known):
    asked = case(data=known)
    assert asked.goods is asked.goods and asked.owed is asked.owed
    change = asked.owed[0].total[0] - asked.owed[1].total[0]
    assert asked.runs_usd[0] == pytest.approx(change, abs=0.01, rel=0)
    assert (asked.runs_usd[0] == 0).sum() >= (change == 0).sum()  # less than a cent is rounding


def test_disclosures_are_compared_with_the_law_only(known):
    with pytest.raises(PolicyError, match="flat-25 is a counterfactual; .* a policy whose status is law"):
        validation.disclosed(case("flat-25", data=known))


@pytest.mark.parametrize(
    "edit",
    [
        lambda table: table.loc.__setitem__((table.iloc[:, 0] == "Toyota", table.columns[0]), "Edsel"),
        lambda table: table.iloc.__setitem__((0, 0), "Edsel"),
        lambda table: table.at.__setitem__((table.index[0], table.columns[0]), "Edsel"),
        lambda table: table.iat.__setitem__((0, 0), "Edsel"),
        lambda table: table.__setitem__(table.columns[0], "Edsel"),
        lambda table: table.__delitem__(table.columns[0]),
        lambda table: table.insert(0, "new", 0.0),
        lambda table: table.pop(table.columns[0]),
        lambda table: setattr(table, "columns", table.columns[::-1]),
        lambda table: setattr(table, "index", table.index[::-1]),
    ],
    ids=["loc", "iloc", "at", "iat", "set", "del", "insert", "pop", "columns", "index"],
)
@pytest.mark.parametrize("name", ["table", "selected", "disclosures", "financials", "makers"])
def test_an_edit_in_place_raises_and_is_never_ignored(known, edit, name):
    table = getattr(known, name)
    before, plain = table.copy(), table.copy()
    edit(plain)
    assert not plain.equals(before)
    with pytest.raises(DataError, match="a table of loaded facts is not edited in place"):
        edit(table)
    pd.testing.assert_frame_equal(table.copy(), before)


def test_augmented_assignment_in_place_raises(known):
    with pytest.raises(DataError, match=r"facts\.with_values"):
        known.table.loc[known.table["maker"] == "Toyota", "value"] *= 2


def test_what_is_read_from_a_protected_table_may_be_edited(known):
    mine = known.table[known.table["maker"] == "Toyota"].copy()
    mine["value"] = 0.0
    assert (known.table.loc[known.table["maker"] == "Toyota", "value"] != 0).any()


def test_what_if_changes_the_bill_in_proportion_and_leaves_the_facts_alone(known):
    before = exposure.by_origin(case(data=known)).set_index(["maker", "origin", "product"])["duty_usd"]
    doubled = known.with_values({JAPAN: lambda units: 2 * units})
    after = exposure.by_origin(case(data=doubled)).set_index(["maker", "origin", "product"])["duty_usd"]
    car = ("Subaru", "JP", "car")
    assert after[car] == pytest.approx(2 * before[car]) and after[car] > 0
    pd.testing.assert_series_equal(after.drop(car), before.drop(car))
    again = exposure.by_origin(case(data=known)).set_index(["maker", "origin", "product"])["duty_usd"]
    pd.testing.assert_series_equal(again, before)


def test_what_if_says_what_it_replaced_and_moves_the_range_in_proportion(known):
    changed = known.with_values({JAPAN: 100_000.0}, period="CY2025")
    rows = changed.selected
    row = rows[(rows["maker"] == "Subaru") & (rows["variable"] == JAPAN[1]) & (rows["origin"] == "JP")]
    new = row[row["period"] == "CY2025"].iloc[0]
    old = known.selected.loc[
        lambda t: (
            (t["maker"] == "Subaru")
            & (t["variable"] == JAPAN[1])
            & (t["origin"] == "JP")
            & (t["period"] == "CY2025")
        )
    ].iloc[0]
    assert new["value"] == 100_000 and new["quality"] == "estimated"
    assert new["selection_reason"] == f"what-if, in place of {old['value']:.10g}"
    assert old["low"] < old["value"] < old["high"]
    for end in ("low", "high"):
        assert new[end] / new["value"] == pytest.approx(old[end] / old["value"])
    assert (row.loc[row["period"] != "CY2025", "selection_reason"].str.startswith("what-if")).sum() == 0


def test_what_if_about_a_figure_that_is_not_there_is_refused(known):
    with pytest.raises(DataError, match="no selected row for us_import_units of Subaru, origin ZZ"):
        known.with_values({("Subaru", "us_import_units", "ZZ"): 1.0})
    with pytest.raises(DataError, match="within CY1999"):
        known.with_values({JAPAN: 1.0}, period="CY1999")


@pytest.mark.parametrize(
    ("key", "new", "said"),
    [
        (JAPAN, math.nan, "nan units"),
        (JAPAN, math.inf, "inf units"),
        (JAPAN, lambda units: -1.5, "-1.5 units"),
        (PARTS, 1.01, "1.01 fraction_of_value"),
        (PARTS, -0.01, "-0.01 fraction_of_value"),
    ],
)
def test_what_if_that_no_table_may_hold_is_refused(known, key, new, said):
    maker, variable, origin = key
    period = next(iter(known.selected.query("maker == @maker and variable == @variable")["period"]))
    where = f"{variable} of {maker}, origin {origin}, {period}: the what-if is {said}"
    with pytest.raises(
        DataError, match=re.escape(f"{where}; expected a value >= 0, and <= 1 for a fraction")
    ):
        known.with_values({key: new}, period=period)


def test_range_of_a_what_if_ends_where_its_unit_does(known):
    def row(known):
        keys = known.selected[["maker", "variable", "origin"]].agg(tuple, axis=1)
        return known.selected[keys == PARTS].iloc[0]

    old, new = row(known), row(known.with_values({PARTS: 0.95}))
    assert old["high"] / old["value"] * 0.95 > 1 and new["high"] == 1.0
    assert new["low"] == pytest.approx(old["low"] / old["value"] * 0.95)


def test_facts_that_are_dropped_are_freed_with_all_that_was_computed_from_them(known):
    copies = [dataclasses.replace(known) for _ in range(5)]
    for one in copies:
        exposure.table(case("japan-flexible-linear-firm", data=one))
    alive = [weakref.ref(one) for one in copies]
    del copies, one
    gc.collect()
    assert [ref() for ref in alive] == [None] * 5


def test_a_day_after_the_data_is_no_day_of_results(known):
    late = case(as_of="2099-12-31", data=known)
    assert late.as_of == known.as_of < late.facts.day and case(data=late.facts).as_of == known.as_of


def test_as_of_asks_what_was_known_and_law_on_that_day(known):
    early, now = case(as_of=date(2025, 6, 30), data=known), case(data=known)
    assert (
        early.facts.day == early.as_of
        and not early.facts.disclosures["said_on"].astype(str).max() > "2025-06-30"
    )
    assert "japan-deal" not in {entry.id for entry in early.policy.entries}
    assert exposure.table(early)["bill_usd"].sum() > exposure.table(now)["bill_usd"].sum()


def test_facts_of_a_day_bring_the_law_of_that_day(known):
    day = date(2025, 6, 29)  # a Sunday, without a fixing
    asked, early = case(data=known.as_known(day)), case(as_of=day, data=known)
    assert asked.as_of == day
    assert asked.policy.entries == early.policy.entries != case(data=known).policy.entries
    pd.testing.assert_frame_equal(exposure.table(asked), exposure.table(early))
    before = case(as_of="2025-06-12", data=known.as_known(day))
    assert before.as_of == before.facts.day == date(2025, 6, 12)


def test_a_day_after_that_of_the_facts_is_refused(known):
    then = known.as_known(date(2025, 6, 30))
    refused = r"as_of 2025-07-01: .* known on 2025-06-30; .* that day or an earlier one"
    with pytest.raises(DataError, match=refused):
        case(as_of="2025-07-01", data=then)
    with pytest.raises(DataError, match=refused):
        case(data=then).as_known("2025-07-01")
    now = case(as_of="2025-07-01", data=known)
    with pytest.raises(DataError, match=refused):
        now.replace(facts=then)
    with pytest.raises(DataError, match=refused):
        Case(then, now.policy, now.against, now.period, now.as_of)


def test_what_stands_beside_a_case_is_known_on_the_same_day(known):
    early = case("flat-25", as_of=date(2025, 6, 30), data=known)
    law = early.replace(policy="current-law")
    assert {entry.id for entry in law.policy.entries} == {
        entry.id for entry in case(as_of=date(2025, 6, 30), data=known).policy.entries
    }
    with pytest.raises(TypeError, match="as_known"):
        early.replace(as_of=date(2025, 7, 1))
    assert early.as_known("2025-06-12").as_of == date(2025, 6, 12)


def test_a_valuation_says_itself_in_words():
    assert str(Valuation()) == "tax 25%, 5 years at 8%"
    assert str(Valuation(0.3, 0.1, math.inf, 0.5)) == "tax 30%, inf years at 10%, 50% passed through"
    assert str(Valuation(pd.Series({"A": 0.2, "B": 0.3}))).startswith("tax 20% to 30%")


def test_a_case_made_by_hand_is_held_to_the_same(known, law, before, data):
    with pytest.raises(PolicyError, match="one data folder"):
        Case(facts.load(data), law, before, case(data=known).period, known.as_of)
