"""What is said as of a day uses nothing that became known later, and says so where that leaves nothing."""

from __future__ import annotations

import dataclasses
from datetime import date

import pandas as pd
import pytest

from tariffmodel import Case, case, exposure, facts, goods, own_facts, periods, policy, store
from tariffmodel.errors import DataError, PolicyError
from tariffmodel.facts import publication

MID_2025 = date(2025, 6, 30)
PERIOD = "FY2026-03"


@pytest.fixture(scope="module")
def then(known) -> facts.Facts:
    return known.as_known(MID_2025)


def value(
    known: facts.Facts, variable: str, maker: str = "Toyota", origin: str = "US", period: str = "CY2025"
):
    got = facts.resolve(known, [(maker, variable, origin)], [periods.parse(period)])
    return got.value.item(), bool(got.carried.item())


# The day on which a figure became known


def test_a_month_or_a_year_of_a_source_counts_as_its_last_day():
    dates = pd.Series(["2025-02", "2024", "2025-05-08", None])
    assert publication.last_day(dates).dt.strftime("%Y-%m-%d").tolist()[:3] == [
        "2025-02-28",
        "2024-12-31",
        "2025-05-08",
    ]
    assert publication.last_day(dates).isna().tolist() == [False, False, False, True]


LAGS = pd.DataFrame(
    [
        ("facts", "*", None, "end", 60, False),
        ("facts", "*", "estimated", "start", 0, False),
        ("facts", "us_sales_units", None, "end", 21, True),
    ],
    columns=["table", "variable", "row_quality", "counted_from", "days", "regular"],
)


@pytest.mark.parametrize(
    ("variable", "quality", "known_on", "day", "source"),
    [
        ("us_employment", "reported", "2025-11-13", "2025-11-13", "source"),  # in the year of which it speaks
        ("us_employment", "reported", None, "2026-03-01", "usual_lag"),
        ("msrp", "estimated", None, "2025-01-01", "usual_lag"),  # an assumption waits for nothing
        ("msrp", "estimated", "2025-06-10", "2025-06-10", "source"),
        ("us_sales_units", "estimated", None, "2026-01-21", "usual_lag"),  # the variable before the quality
        ("us_sales_units", "reported", "2026-01-04", "2026-01-04", "source"),
        ("us_sales_units", "reported", "2026-09-03", "2026-01-21", "usual_lag"),  # a later source repeats it
    ],
)
def test_a_source_says_since_when_or_the_usual_lag_does(variable, quality, known_on, day, source):
    row = pd.DataFrame(
        {
            "period": ["CY2025"],
            "variable": variable,
            "quality": quality,
            "known_on": [known_on],
            "read_on": "2026-11-23",
        },
        dtype="object",
    )
    got = publication.days(row, LAGS, "facts").iloc[0]
    assert (f"{got['known_day']:%Y-%m-%d}", got["known_from"]) == (day, source)
    assert publication.days(row.assign(read_on="2024-05-01"), LAGS, "facts")["known_from"].item() == "source"
    if known_on:
        stands = publication.days(row, LAGS, "facts", stands=pd.Series([True])).iloc[0]
        assert f"{stands['known_day']:%Y-%m-%d}" == known_on


def test_a_kind_without_a_lag_is_named(known):
    with pytest.raises(DataError, match="usual_lags.csv has no lag for revenue of financials; add a row"):
        publication.days(known.financials.head(1), LAGS, "financials")


def test_every_bundled_row_says_when_its_copy_was_read_and_since_when_it_is_known(known):
    for table in (known.table, known.financials, known.disclosures):
        assert table["read_on"].notna().all()
    for table in (known.table, known.financials):
        assert table["known_day"].notna().all()
        assert set(table["known_from"]) == {"source", "usual_lag"}
        read = publication.last_day(table["read_on"])
        undated = table["known_on"].isna() & (table["known_day"] < read)
        assert (table.loc[undated, "known_from"] == "usual_lag").all()
        assert (table["known_day"] <= read).all()


def test_vehicles_are_not_known_before_they_were_counted(known):
    """Arithmetic needs the whole period; a plan, or an estimate from part of it, is known when it is made."""
    rows = known.selected[known.selected["variable"].isin(facts.FLOWS)]
    early = rows["known_day"] <= pd.to_datetime(rows["end"])
    assert (rows.loc[early, "quality"] != "derived").all()
    assert early.sum() == 9


# Facts as known on a day


def test_rows_of_the_days_before_were_known_in_mid_2025(known, then):
    rows = known.selected
    in_time = rows["known_day"] <= pd.Timestamp(MID_2025)
    assert in_time[rows["end"] <= date(2025, 3, 31)].all()
    assert in_time[rows["start"] <= MID_2025].mean() > 0.7
    assert 0 < len(then.selected) < len(rows)
    assert (then.table["known_day"] <= pd.Timestamp(MID_2025)).all()
    assert set(then.selected["known_from"]) == {"source", "usual_lag"}
    assert "as known on 2025-06-30" in repr(then)


def test_a_later_day_knows_no_less_and_the_last_one_everything(known):
    days = [date(2024, 12, 31), date(2025, 3, 31), MID_2025, date(2025, 12, 31), known.as_of]
    counts = [len(known.as_known(day).selected) for day in days]
    assert counts == sorted(counts) and counts[-1] == len(known.selected)
    last = known.as_known(known.as_of)
    assert not last.unknown
    pd.testing.assert_frame_equal(last.selected, known.selected)


def test_knowing_twice_is_knowing_on_the_earlier_day(known, then):
    twice = known.as_known(date(2025, 12, 31)).as_known(MID_2025)
    pd.testing.assert_frame_equal(twice.selected, then.selected)
    assert twice.unknown == then.unknown
    assert then.as_known(date(2026, 1, 1)).day == MID_2025


def test_the_year_before_is_carried_while_the_year_is_not_known(known, then):
    assert value(known, facts.SALES) == (2_518_071, False)
    assert value(then, facts.SALES) == (pytest.approx(2_332_623 * 365 / 366), True)


def test_prices_rates_statements_and_results_end_on_the_day(known, then):
    assert then.as_of <= MID_2025 < known.as_of
    assert then.prices.index[-1].date() <= MID_2025
    assert (publication.last_day(then.disclosures["said_on"]) <= pd.Timestamp(MID_2025)).all()
    assert 0 < len(then.disclosures) < len(known.disclosures)
    assert 0 < len(then.financials) < len(known.financials)
    pd.testing.assert_frame_equal(then.fx, known.fx.loc[: pd.Timestamp(MID_2025)])


def test_what_was_not_known_is_refused_with_the_day_from_which_it_is(known, then):
    with pytest.raises(
        DataError,
        match=r"as of 2025-06-30 no us_employment of Toyota was known: the first is known on 2025-11-13",
    ):
        value(then, "us_employment")
    early = known.as_known(date(2025, 3, 27))
    with pytest.raises(DataError, match=r"no customs_value of Toyota, origin CA, was known \(and .* more\)"):
        goods.entered(early, PERIOD, [policy.load("current-law")])


@pytest.mark.parametrize("day", ["2025-01-15", "2020-01-01"])
def test_before_a_maker_s_output_was_known_the_first_day_is_named(known, day):
    asked = case("current-law", period="CY2025", as_of=day, data=known)
    with pytest.raises(DataError, match=f"as of {day} no us_import_units of Toyota, origin CA, was known"):
        exposure.table(asked)


def test_imports_that_were_not_known_are_refused_and_not_left_out(known):
    """An origin of which every row came later would otherwise drop out of the bill without a word."""
    table = known.table.copy()
    late = (table["maker"] == "Toyota") & (table["variable"] == facts.IMPORTS) & (table["origin"] == "MX")
    table.loc[late, "known_day"] = pd.Timestamp("2026-01-10")
    then = dataclasses.replace(known, table=table).as_known(MID_2025)
    assert "MX" in then.origins("Toyota", facts.IMPORTS)
    with pytest.raises(DataError, match="no us_import_units of Toyota, origin MX, was known: .* 2026-01-10"):
        goods.entered(then, PERIOD, [policy.load("current-law")])


def test_before_a_user_s_own_figure_the_bundled_one_is_in_use(known, data, tmp_path):
    mine = dataclasses.replace(known, folder=data)
    file = tmp_path / "own.csv"
    file.write_text(
        "maker,variable,origin,period,value,source_title,known_on\n"
        "Toyota,us_sales_units,US,CY2024,2400000,investor day,2025-09-01\n",
        encoding="utf-8",
    )
    own_facts.add_facts(mine, file)
    after = facts.load(data)
    assert value(after, facts.SALES, period="CY2024") == (2_400_000, False)
    assert value(after.as_known(MID_2025), facts.SALES, period="CY2024") == (2_332_623, False)
    assert value(after.as_known(date(2025, 9, 1)), facts.SALES, period="CY2024") == (2_400_000, False)


def test_own_figures_written_before_dates_were_apart_still_load(known, data):
    with store.writing(data, "test") as staging:
        (staging / "facts").mkdir()
        row = known.table[known.table["source_title"] == "Kia America release"].head(1)
        bundled = [
            c for c in pd.read_csv(data / "facts/volumes.csv", nrows=0) if c not in ("known_on", "read_on")
        ]
        old = row[bundled].assign(source_date="2026-02-01", selected="true", solved="false")
        old.to_csv(staging / "facts/own.csv", index=False)
    (own,) = facts.load(data).table.query("file == 'data/facts/own.csv'").to_dict("records")
    assert (own["known_on"], f"{own['known_day']:%Y-%m-%d}", own["known_from"]) == (
        "2026-02-01",
        "2026-02-01",
        "source",
    )


def test_a_maker_without_a_market_value_says_why(known, then):
    worth = facts.market_value(then, then.as_of)
    assert ((worth["reason"] == "") == worth["market_cap_usd"].notna()).all()
    assert set(worth.index[worth["reason"] == "no count of shares"]) == {"GM", "Mazda", "Subaru"}
    unlisted = {"Jaguar Land Rover", "Porsche AG", "Volvo Cars"}
    assert set(worth.index[worth["reason"] == "no line with prices"]) == unlisted
    now = facts.market_value(known, known.as_of)["reason"]
    assert set(now.index[now != ""]) == unlisted


def test_months_of_a_year_that_was_not_over_are_those_of_the_year_before(known, then):
    """On 30 June 2025 the official months of 2024 were all that was known; today those of 2025 are."""

    def first_quarter(about: facts.Facts) -> float:
        return (
            value(about, facts.IMPORTS, origin="JP", period="2025Q1")[0]
            / value(about, facts.IMPORTS, origin="JP")[0]
        )

    official = facts.flows.official(known)
    assert first_quarter(known) == pytest.approx(official.loc[("ALL", 2025), [1, 2, 3]].sum())
    days = {month: pd.Period(f"2025-{month:02}").days_in_month for month in range(1, 13)}
    pace = official.loc[("ALL", 2024)] / [pd.Period(f"2024-{m:02}").days_in_month for m in range(1, 13)]
    weight = pace * pd.Series(days)
    assert first_quarter(then) == pytest.approx(weight[[1, 2, 3]].sum() / weight.sum())


# Law as known on a day


def ids(one: policy.Policy) -> set[str]:
    return {entry.id for entry in one.entries}


@pytest.mark.parametrize(
    ("day", "there", "not_there"),
    [
        ("2025-03-25", {"ieepa-canada-mexico-parts"}, {"232-vehicles", "232-parts"}),
        ("2025-03-26", {"232-vehicles", "232-parts"}, {"msrp-offset"}),
        ("2025-04-29", {"msrp-offset", "msrp-offset-second-year"}, {"uk-quota"}),
        ("2025-06-30", {"uk-quota"}, {"japan-deal", "eu-deal", "korea-deal"}),
        ("2025-09-03", {"232-vehicles"}, {"japan-deal", "eu-deal"}),
        ("2025-09-04", {"japan-deal"}, {"eu-deal"}),  # signed, in force on the 16th
        ("2025-09-23", {"japan-deal"}, {"eu-deal"}),  # backdated to August, not known before the 24th
        ("2025-09-24", {"eu-deal"}, {"korea-deal"}),
        ("2025-10-17", {"msrp-offset-extended"}, {"msrp-offset-second-year"}),
        ("2025-12-03", {"korea-deal"}, {"taiwan-parts"}),
    ],
)
def test_law_is_known_from_the_day_on_which_it_was_enacted(law, day, there, not_there):
    got = ids(policy.as_known(law, date.fromisoformat(day)))
    assert there <= got and not not_there & got


def test_all_law_since_2018_says_when_it_was_enacted(law):
    undated = [entry for entry in law.entries if entry.enacted is None]
    assert {entry.id for entry in undated} == {"cars", "light-trucks", "parts", "korus", "usmca"}
    backdated = {entry.id for entry in law.entries if entry.enacted and entry.enacted > entry.start}
    assert backdated == {
        "eu-deal",
        "eu-parts",
        "korea-deal",
        "korea-parts",
        "korea-certified-parts",
        "msrp-offset",
    }
    assert all(entry.end == policy.FOREVER or entry.enacted for entry in law.entries)


def test_what_later_law_ended_lasts(law):
    def ends(day: date) -> dict[str, date]:
        return {entry.id: entry.end for entry in policy.as_known(law, day).entries}

    assert ends(MID_2025)["ieepa-china-march"] == policy.FOREVER
    assert ends(date(2025, 11, 4))["ieepa-china-march"] == date(2025, 11, 9)
    assert ends(date(2025, 4, 28))["ieepa-canada-mexico-parts"] == policy.FOREVER
    assert ends(MID_2025)["msrp-offset"] == date(2026, 4, 30)  # as it was enacted


def test_law_that_never_applied_is_seen_only_while_it_was_the_law_to_come(law):
    assert "msrp-offset-second-year" not in ids(law)
    then = policy.as_known(law, MID_2025)
    assert "msrp-offset-second-year" not in ids(policy.as_known(then, date(2025, 3, 31)))
    changed = policy.load("current-law", settings={"offset.msrp-offset.rate": 0.03})
    assert ids(policy.as_known(changed, MID_2025)) == ids(then)
    overlaid = policy.load("korea-25")
    assert "msrp-offset-second-year" in ids(policy.as_known(overlaid, MID_2025))


def test_threats_and_reforms_are_no_law_and_stay(before):
    threat = policy.load("canada-50-from-2027")
    new = ids(threat) - ids(policy.load("current-law"))
    assert new and new <= ids(policy.as_known(threat, MID_2025))
    assert policy.as_known(before, MID_2025).entries == before.entries


def test_all_law_is_known_today(law, known):
    assert policy.as_known(law, known.as_of).entries == law.entries


@pytest.mark.parametrize(
    ("dates", "message"),
    [
        ({"to_enacted": date(2025, 1, 1)}, "to_enacted has no effect here: it needs 'to'"),
        ({"withdrawn": date(2025, 3, 1)}, "needs an 'enacted' before it"),
        ({"announced": date(2025, 3, 1)}, "needs an 'enacted' not before it"),
        ({"enacted": date(2025, 3, 1), "withdrawn": date(2025, 7, 1)}, "what has begun is ended with 'to'"),
    ],
)
def test_dates_of_law_that_contradict_each_other_are_refused(dates, message):
    entry = {
        "id": "x",
        "origin": "JP",
        "product": "car",
        "rate": 0.1,
        "from": date(2025, 6, 1),
        "source": "a law",
    }
    with pytest.raises(PolicyError, match=message):
        policy.load({"base": "current-law", "additional": [{**entry, "measure": "extra", **dates}]})


# The bill as known on a day


def test_the_bill_of_a_day_uses_the_figures_and_the_law_of_that_day(known, then, law, before):
    def bill(about: facts.Facts, of: policy.Policy) -> pd.Series:
        return exposure.table(Case(about, of, before, periods.parse(PERIOD), about.as_of))["bill_usd"]

    known_then = policy.as_known(law, MID_2025)
    now, as_of = bill(known, law), bill(then, known_then)
    # the deals of July to November 2025, and the backdated cuts, were law on neither side
    # nor was the US content that customs came to deduct: 0.40 was thought of, 0.50 and 0.60 it is
    assert 1.3 < as_of.sum() / now.sum() < 1.7
    assert (as_of > now[as_of.index]).drop("Suzuki").all()  # none of the 15% deals was law
    assert bill(known, known_then).sum() != pytest.approx(as_of.sum(), rel=1e-3)
    assert bill(then, law).sum() != pytest.approx(as_of.sum(), rel=1e-3)
    asked = case(law, before, PERIOD, as_of=MID_2025, data=known)
    pd.testing.assert_series_equal(exposure.table(asked)["bill_usd"], as_of)
