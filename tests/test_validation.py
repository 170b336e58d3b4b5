"""The recognised cost against bills of other periods and other laws, and the comparison against its rules."""

from __future__ import annotations

import dataclasses
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from tariffmodel import case, cost, duty, exposure, facts, goods, periods, policy, validation
from tariffmodel.errors import DataError
from tariffmodel.facts import flows, publication
from tariffmodel.facts.periods import Period


@pytest.fixture(scope="module")
def judged(known, law, before) -> pd.DataFrame:
    return validation.disclosed(case(law, before, data=known))


@pytest.fixture(scope="module")
def compared(judged) -> pd.DataFrame:
    return judged[judged["judged"] == "amount"].reset_index(drop=True)


def with_statements(known, *rows):
    """The facts with statements added: company, kind, period, value, unit, basis, bound and said_on."""
    names = ["company", "kind", "period", "value", "unit", "basis", "bound", "said_on", "like_for_like"]
    new = pd.DataFrame(rows, columns=names).assign(
        basis_text="", scope="all_tariffs", like_for_like_reason="a test", quality="reported",
        source_title="a test", file=f"data/{facts.OWN_DISCLOSURES}",
    )  # fmt: skip
    both = pd.concat([known.disclosures, new.astype({"like_for_like": "boolean"})], ignore_index=True)
    return dataclasses.replace(known, disclosures=both)


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


def test_the_offset_is_paid_so_many_days_after_the_duty(known, law, before):
    def paid(facts_):
        return cost.bases(case(law, before, "2026Q1", data=facts_)).at["Toyota", "cash_usd"]

    delay = int(level(known, "Toyota", "offset_delay_days"))
    used = [
        exposure.table(case(law, before, earlier("2026Q1", days), data=known)).at["Toyota", "offset_usd"]
        for days in (0, delay)
    ]
    late = paid(known) - paid(without_delay(known, "offset_delay_days"))
    assert late == pytest.approx(used[0] - used[1], rel=1e-9) and abs(late) > 1e6


@pytest.mark.parametrize("one", ["current-law", "japan-export-credit"])
def test_suppliers_pass_on_their_part_of_duty_less_offset(known, law, before, one):
    """With all parts imported by suppliers who pass on all, all of it comes with their delay."""
    keys = [key for key in known.readings if key[1] in ("supplier_parts_share", "supplier_pass_share")]
    facts_ = known.with_values(dict.fromkeys(keys, 1.0))
    facts_ = facts_.with_values({key: 0.0 for key in facts_.readings if key[1] == "service_parts"})
    asked = case(policy.load(one), before, data=facts_)
    course, bill = cost.course_of(asked, [asked.period]), exposure.table(asked)
    through = cost._over(course, course.suppliers, asked.period, np.zeros(len(course.makers)))[0]
    net = (bill["parts_duty_usd"] - bill["offset_usd"])[course.makers]
    np.testing.assert_allclose(through, net, rtol=1e-9, atol=1)
    owed = cost.recognised(asked)["owed"]
    np.testing.assert_allclose(owed, bill["bill_usd"][owed.index], rtol=1e-9, atol=1)


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
    assert early["GM"] < atonce["GM"] - 1e6 and early["Mitsubishi Motors"] == pytest.approx(
        atonce["Mitsubishi Motors"]
    )


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
    assert widths[-1] == pytest.approx(0.75 * cost.PHASING, abs=0.001)


def test_phasing_is_what_makers_in_mexico_show(known):
    """Four in five of how far a maker's part of a year is from that of all of them, by vehicles."""
    rows = known.selected
    rows = rows[(rows["variable"] == facts.IMPORTS) & (rows["origin"] == "MX")]
    rows = rows[rows["maker"] != "Hyundai Motor"]  # moved its one Mexican model to Alabama in that spring
    third, year = (
        rows[rows["period"] == label].set_index("maker")["value"] for label in ("2025-01..2025-04", "CY2025")
    )
    usual = flows.official(known).loc[("MX", 2025), [1, 2, 3, 4]].sum()
    off = np.sqrt(np.average((third / year.reindex(third.index) / usual - 1) ** 2, weights=third))
    four_in_five = 1.28
    assert pytest.approx(four_in_five * off, rel=0.15) == cost.PHASING * 2 / 3
    table = pd.read_csv(known.folder / "trade/mexico_exports.csv")
    table = table.assign(year=table["period"].str[:4], quarter=(table["period"].str[5:].astype(int) - 1) // 3)
    calm = []
    for _, group in table[table["year"] < "2025"].groupby("year"):
        units = group.pivot_table("units", "brand", "quarter", "sum").fillna(0)
        units = units[units.sum(axis=1) > 0]
        shape = units.sum() / units.to_numpy().sum()
        far = units.div(units.sum(axis=1), axis=0) / shape - 1
        calm.append(np.sqrt(np.average((far**2).mean(axis=1), weights=units.sum(axis=1))))
    assert four_in_five * np.mean(calm) < cost.PHASING * 0.75  # shipments were brought forward in 2025


def test_own_months_take_the_doubt_about_phasing_away(known, law, before):
    """Subaru imports from Japan only; its months here are the official ones, so that nothing else moves."""
    asked = case(law, before, "2025Q3", data=known)
    key = ("Subaru", "us_import_units", "JP")
    months = [periods.parse(f"2025-{month:02}") for month in range(1, 13)]
    units = facts.resolve(known, [key], months).value[:, 0]
    like = known.selected.query("maker == 'Subaru' and variable == 'us_import_units' and period == 'CY2025'")
    own = [
        like.assign(
            period=month.label, start=month.start, end=month.end, value=value, low=np.nan, high=np.nan
        )
        for month, value in zip(months, units, strict=True)
    ]
    own_facts = dataclasses.replace(known, table=pd.concat([known.table, *own], ignore_index=True))
    spread, stated = (
        validation.recognised(one).loc["Subaru"] for one in (asked, asked.replace(facts=own_facts))
    )
    assert stated["owed"] == pytest.approx(spread["owed"], rel=1e-9)
    assert stated["model_high"] - stated["model"] < spread["model_high"] - spread["model"]


def test_model_does_not_look_at_what_was_disclosed(known, law, before, compared):
    table = known.disclosures.assign(value=known.disclosures["value"] * 2)
    blind = validation.disclosed(case(law, before, data=dataclasses.replace(known, disclosures=table)))
    blind = blind[blind["judged"] == "amount"].reset_index(drop=True)
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
            "maker": list("ABCDE"),
            "kind": ["actual", "actual", "actual", "actual", "guidance"],
            "judged": "amount",
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
    frame = frame.assign(model_low=0.8 * frame["model"], model_high=1.1 * frame["model"])
    frame = frame.assign(widened_low=0.5 * frame["model"], widened_high=[1.5, 200.0, 9.0, 20.0, np.inf])
    floor = frame.iloc[[0]].assign(judged="floor", headline=False, error=0.0)
    got = validation.summary(pd.concat([frame, floor], ignore_index=True))
    assert got["n"].to_dict() == {
        "headline": 3,
        "all": 5,
        "actual": 4,
        "guidance": 1,
        "one_sided": 1,
        "sums": 0,
    }
    assert got.at["headline", "bias"] == pytest.approx(0.1)  # +10%, -20%, +50%
    assert got.at["all", "width_range"] == pytest.approx(0.3)
    assert got.at["headline", "width_widened"] == pytest.approx(1.5 / 1.1 - 0.5)  # .86, .75, 1
    assert got.at["headline", "median_absolute_error"] == pytest.approx(0.2)
    assert got.at["headline", "rank_correlation"] == pytest.approx(1)  # 160 yen-like units are 1.6
    assert got.at["headline", "inside_range"] == pytest.approx(1 / 3)
    assert got.at["headline", "inside_widened"] == pytest.approx(2 / 3)
    assert got.at["all", "inside_widened"] == pytest.approx(4 / 5)
    assert got.at["actual", "n"] == 4 and got.at["guidance", "median_absolute_error"] == pytest.approx(2)
    assert np.isnan(got.at["guidance", "rank_correlation"])


@pytest.mark.parametrize(
    ("maker", "said_on", "deal"), [("Subaru", "2025-05-14", False), ("Mazda", "2025-08-05", True)]
)
def test_an_outlook_is_judged_by_the_law_of_its_day(known, law, before, compared, maker, said_on, deal):
    """In May 2025 25% were to last; in August the deal with Japan had been announced but was no law yet."""
    row = compared[(compared["maker"] == maker) & (compared["law_known_on"] == said_on)].iloc[0]
    day = date.fromisoformat(said_on)
    then = policy.as_known(law, day, announced=True)
    assert ("japan-deal" in {entry.id for entry in then.additional}) == deal
    assert "japan-deal" not in {entry.id for entry in policy.as_known(law, day).additional}
    cost = validation.recognised(
        case(then, policy.as_known(before, day), row["period"], data=known),
        metals=row["scope"] != "vehicles_and_parts",
    )
    assert cost.at[maker, "model"] * row["per_usd"] / 1e9 == pytest.approx(row["model"], rel=1e-9)
    assert set(compared["law_known_on"] == "") == {True, False}
    assert ((compared["law_known_on"] == "") == (compared["kind"] == "actual")).all()


def test_nothing_is_taken_out_of_an_outlook_that_knew_the_duty(compared):
    """It is judged with that duty; what was said of the past is judged without."""
    gm = compared[compared["maker"] == "GM"].set_index("kind")["taken_out"]
    assert (gm["guidance"] == 0).all() and (gm["actual"] > 0).all()


def test_a_stated_range_is_met_by_a_range(known, law, before):
    """A statement of 0 to 180 bn holds the model, its middle alone is far from it."""
    rows = [("Toyota", "actual", "CY2024", 90.0, "usd_bn", "gross", "range", "2025-01-01", True)] * 2
    facts_ = with_statements(known, *rows)
    added = facts_.disclosures.index[-2:]
    table = facts_.disclosures.copy()
    table.loc[added[0], ["low", "high"]] = 0.0, 180.0
    table.loc[added, "said_on"] = ["2025-01-01", "2025-01-02"]
    found = validation.disclosed(case(law, before, data=dataclasses.replace(facts_, disclosures=table)))
    found = found[found["own"]].set_index("said_on")
    assert found["inside_range"].to_list() == [True, False]
    assert len(set(found["error"])) == 1  # the middle is what the model is measured by


def test_published_accuracy_is_not_lost_unnoticed(compared):
    got = validation.summary(compared)
    assert got.at["headline", "median_absolute_error"] < 0.15
    assert got.at["all", "median_absolute_error"] < 0.17
    assert abs(got.at["headline", "bias"]) < 0.05 and abs(got.at["all", "bias"]) < 0.1
    late = compared[(compared["judged"] == "amount") & (compared["period"] == "CY2026")]
    assert late["error"].abs().median() < 0.2
    assert (got.loc[["headline", "all"], "rank_correlation"] > 0.9).all()
    assert (got.loc[["headline", "all"], "inside_range"] >= [0.75, 0.73]).all()
    assert (got.loc[["headline", "all"], "width_range"] <= [0.52, 0.62]).all()
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
        meets = group["disclosed_low"] <= group["widened_high"]
        assert np.array_equal(
            group["inside_widened"], meets & (group["widened_low"] <= group["disclosed_high"])
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


def test_void_duty_that_came_back_is_taken_out_of_what_was_said_before(known, law, before, judged):
    """Ford got 1.3bn back for 385 days; 91 of them are its second quarter of 2025."""
    ford = judged[(judged["maker"] == "Ford") & (judged["period"] == "2025Q2")].iloc[0]
    assert ford["taken_out"] == pytest.approx(1.3 * 91 / 385)
    assert ford["disclosed"] == pytest.approx(0.8 - ford["taken_out"]) and ford["stated"] == 0.8
    year = judged[(judged["maker"] == "GM") & (judged["period"] == "CY2025") & judged["headline"]].iloc[0]
    assert year["taken_out"] == pytest.approx(0.5 * 331 / 385)
    assert (judged.loc[~judged["maker"].isin(["Ford", "GM", "Stellantis"]), "taken_out"] == 0).all()
    later = with_statements(
        known, ("Ford", "actual", "2026Q1", 0.5, "usd_bn", "gross", "exact", "2026-05-02", True)
    )
    row = validation.disclosed(case(law, before, data=later)).query("maker == 'Ford' and period == '2026Q1'")
    assert row["taken_out"].item() == 0  # who said it knew of the refund


def test_what_was_not_yet_known_to_come_back_is_left_in(known, law, before):
    past = case(law, before, data=known).as_known(date(2026, 3, 1))
    assert (validation.disclosed(past)["taken_out"] == 0).all()


def test_a_bound_is_judged_on_its_side_only(known, law, before):
    row = ("actual", "2025Q2", 1e-3, "jpy_bn", "gross", "at_least", "2026-06-01", True)
    wide = ("actual", "2025Q3", 1e6, "jpy_bn", "net", "exact", "2026-06-01", False)
    top = ("actual", "2025Q2", 1e6, "jpy_bn", "gross", "at_most", "2026-06-01", True)
    more = with_statements(known, ("Toyota", *row), ("Honda", *wide), ("Nissan", *top))
    found = validation.disclosed(case(law, before, data=more)).query("own").set_index("maker")
    assert found["judged"].to_dict() == {"Honda": "floor", "Nissan": "ceiling", "Toyota": "floor"}
    assert found.at["Toyota", "error"] == 0 and found.at["Toyota", "inside_range"]
    assert found.at["Nissan", "error"] == 0 and found.at["Nissan", "inside_range"]
    assert (
        found.at["Honda", "error"] == pytest.approx(-1, abs=0.01) and not found.at["Honda", "inside_widened"]
    )
    assert not found["headline"].any()


def test_makers_that_report_together_are_judged_by_their_sum(judged, compared):
    both = judged[judged["judged"] == "sum"].set_index("period").loc["CY2025"]
    each = compared[(compared["period"] == "CY2025") & compared["maker"].isin(["Hyundai Motor", "Kia"])]
    one = each[each["latest"]].set_index("maker")
    # Kia's figure has no steel and aluminium, the sum has
    assert both["owed"] == pytest.approx(one["owed"].sum()) and both["model"] > one["model"].sum()
    down = np.hypot(*(one["model"] - one["model_low"]))
    assert both["model"] - both["model_low"] > down  # what they share does not average out
    assert both["disclosed"] == pytest.approx(7203) and not both["headline"]


def test_late_and_own_rows_are_scored_apart_by_what_the_others_teach(known, law, before):
    new = (
        "Toyota",
        "actual",
        "2026Q2",
        300,
        "jpy_bn",
        "operating_profit_bridge",
        "exact",
        "2026-08-07",
        True,
    )
    asked = case(law, before, data=with_statements(known, new))
    every = validation.disclosed(asked)
    mine = validation.apart(asked, every, own=True)
    assert mine[["maker", "period"]].to_numpy().tolist() == [["Toyota", "2026Q2"]]
    assert mine["headline"].all() and mine["latest"].all()
    late = validation.apart(asked, every, since=date(2026, 2, 12))
    assert (publication.last_day(late["said_on"]) >= "2026-02-12").all() and 3 < len(late) < len(every)
    taught = every[
        (every["judged"] == "amount") & (every["maker"] != "Toyota") & (every["said_on"] < "2026-02-12")
    ]
    factor = validation.widening(taught[taught["said_on"] != "2026-02"])
    row = late[late["maker"] == "Toyota"].iloc[-1]
    assert row["widened_high"] == pytest.approx(row["model"] + factor * (row["model_high"] - row["model"]))


def test_every_statement_is_counted_once(known, law, before, judged):
    there = validation.counted(case(law, before, data=known))
    assert there["statements"].sum() == len(known.disclosures)
    by_kind = there["statements"].groupby("judged").sum()
    assert by_kind.drop("").to_dict() == judged["judged"].value_counts().to_dict()
    assert there.loc["amount", "makers"].item() == judged.loc[judged["judged"] == "amount", "maker"].nunique()


def test_void_duty_is_paid_and_comes_back(known, law, before):
    """Paid on its days; half of it is back 80 days after requests opened, all of it after 160."""

    def cash(period, data=known, of=law):
        return cost.bases(case(of, before, period, data=data))["cash_usd"]

    def void(period):
        nothing = law.model_copy()
        nothing._withdrawn = ()
        return cash(period) - cash(period, of=nothing)

    paid = void("2025-01..2026-03")
    asked = case(policy.as_paid(law), law, "2025-01..2026-03", data=known)
    assert (
        paid["GM"] == pytest.approx(exposure.table(asked).at["GM", "bill_usd"], rel=1e-6) and paid["GM"] > 3e8
    )
    back = void("2026-04-01..2026-07-08")
    np.testing.assert_allclose(back, -paid * 80 / 160, rtol=1e-3, atol=1)
    np.testing.assert_allclose(void("2025-01..2026-12"), 0, atol=1)
    third = cost.bases(case(law, before, "2026Q3", data=known)).loc["GM"]
    fixed = known.with_values({("GM", "void_refund_days", "US"): 400.0})
    later = cost.bases(case(law, before, "2026Q3", data=fixed)).loc["GM"]
    assert later["cash_usd"] > third["cash_usd"] and later["owed_usd"] == third["owed_usd"]
    assert later["booked_usd"] == third["booked_usd"]


def test_owed_cash_and_booked_side_by_side(known, law, before):
    quarter = case(law, before, "2025Q2", data=known)
    found, steps = cost.bases(quarter), validation.recognised(quarter)
    np.testing.assert_allclose(found["owed_usd"], steps["owed"])
    np.testing.assert_allclose(found["booked_usd"], steps["model"])
    np.testing.assert_allclose(
        found[["booked_low_usd", "booked_high_usd"]], steps[["model_low", "model_high"]]
    )
    # no claim was accepted before July: what was paid is the bill without content deduction and offset
    assert found.at["Toyota", "cash_usd"] > found.at["Toyota", "owed_usd"]
    assert found.at["Mitsubishi Motors", "cash_usd"] == pytest.approx(
        found.at["Mitsubishi Motors", "owed_usd"]
    )
    # US GAAP books the relief at once, cash does not know of accounting
    assert found.at["GM", "cash_usd"] > found.at["GM", "booked_usd"]
    prompt = without_delay(known, "supplier_delay_days", "offset_delay_days")
    whole = cost.bases(case(law, before, "CY2025..CY2026", data=prompt))
    np.testing.assert_allclose(whole["cash_usd"], whole["owed_usd"], rtol=1e-9, atol=1)
    for basis in cost.BASES:
        assert (found[f"{basis}_low_usd"] <= found[f"{basis}_usd"] + 1e-3).all()
        assert (found[f"{basis}_usd"] <= found[f"{basis}_high_usd"] + 1e-3).all()
