"""Is the year read as it came, is a surprise worth what the bill says, and is the calendar one?"""

from __future__ import annotations

import dataclasses
from datetime import date

import numpy as np
import offices
import pandas as pd
import pytest
from legible import faults_at_both_widths

import tariffmodel as tm
from tariffmodel import (
    announcements,
    calendar,
    case,
    charts,
    exposure,
    facts,
    g17,
    nowcast,
    own_announcements,
    store,
    surprises,
)
from tariffmodel.errors import DataError
from tariffmodel.facts import seasons

NISSAN = ("Nissan", facts.PRODUCTION)
FIRM = "japan-flexible-linear-firm"


@pytest.fixture(scope="module")
def errors(known):
    return nowcast.errors(known)


@pytest.fixture(scope="module")
def offer(known):
    return case(FIRM, data=known)


# ---- the year


def test_four_of_five_years_lay_within_the_interval(errors):
    """Walking forward over every series with months: the 80% held between 70% and 90% of the outcomes."""
    held = nowcast.coverage(errors)
    assert errors.groupby(["maker", "variable", "origin"]).ngroups >= 12 and held.at["all", "n"] > 150
    assert 0.7 <= held.at["all", "inside_share"] <= 0.9
    assert held.at["11", "half_width"] < held.at["6", "half_width"] < held.at["1", "half_width"]


def test_a_nowcast_uses_nothing_that_lay_ahead(known, errors):
    table = seasons.series(known)
    ahead = table.index.get_level_values("year") >= 2025
    spoilt = table.mask(pd.Series(ahead, table.index), table * np.linspace(1, 3, 13), axis=0)
    key, months = ("Nissan", facts.PRODUCTION, "US"), np.repeat([1.0, 0.0], [4, 8])
    one, two = (seasons.season(rows, [key], 2025, months) for rows in (table, spoilt))
    assert one.mean == two.mean and one.sd == two.sd
    assert set(errors["year"]) == {2024, 2025}  # nothing bounds the months of a year before 2023


def test_the_year_before_earns_its_place_and_the_industry_does_not(known, errors):
    def error(**options):
        return nowcast.coverage(nowcast.errors(known, **options)).at["all", "error_rms"]

    both = nowcast.coverage(errors).at["all", "error_rms"]
    assert both < 0.6 * error(with_last_year=False)
    assert error(with_industry=True) > 0.95 * both  # though the whole year of the industry is given


def test_nissan_in_april_2025_as_the_shape_of_2024_read_it(known):
    found = nowcast.as_read(known, "Nissan", 2025, 4)
    by_shape = 173_093 / (207_336 / 525_089)
    assert found.at["last year's shape", "value"] == pytest.approx(by_shape, rel=2e-3)
    assert found["outcome"].iloc[0] == 486_232
    ours = found.loc["months and the year before"]
    assert ours["low"] < ours["outcome"] < ours["high"]
    assert abs(ours["value"] / ours["outcome"] - 1) < abs(by_shape / ours["outcome"] - 1)


def test_the_bill_and_the_nowcast_read_one_year(known):
    found = nowcast.table(known, "CY2026")
    bills = tm.exposure.table(case(period="CY2026", data=known))
    built = found.xs(facts.PRODUCTION, level="variable")["value"]
    np.testing.assert_allclose(bills["us_production_units"].reindex(built.index), built, rtol=1e-9)
    assert found.loc[NISSAN, ["known", "through", "method"]].tolist() == [204_305, "2026-04", "months"]


def test_exports_nobody_counted_follow_output_and_jobs_the_announcements(known):
    found = nowcast.table(known, "CY2026")
    built, sent = (
        found.xs(name, level="variable").loc["Nissan"] for name in (facts.PRODUCTION, facts.EXPORTS)
    )
    assert sent["value"] / built["value"] == pytest.approx(sent["last_year"] / built["last_year"])
    assert sent["method"] == "exports per output"
    toyota = found.loc[("Toyota", "us_employment")]  # 2,000 at San Antonio, announced after the last count
    assert toyota["method"] == "announcements" and 50_000 < toyota["value"] < 52_000
    filled = nowcast.filled(known, "CY2026")
    spans = [tm.periods.parse("CY2026")]
    got = facts.resolve(filled, [("Nissan", facts.EXPORTS, "US")], spans)
    assert got.value.item() == pytest.approx(sent["value"])


def test_draws_hold_what_the_table_says_and_share_the_industry(known):
    drawn = nowcast.draws(known, "CY2026", n=4000)[facts.PRODUCTION]
    rows = nowcast.table(known, "CY2026").xs(facts.PRODUCTION, level="variable").reindex(known.makers.index)
    some = (rows["value"] > 0).to_numpy()
    inside = (drawn >= rows["low"].to_numpy()) & (drawn <= rows["high"].to_numpy())
    assert np.all(np.abs(inside[:, some].mean(axis=0) - 0.8) < 0.03)
    assert 0.4 < np.corrcoef(np.log(drawn[:, 0]), np.log(drawn[:, 1]))[0, 1] < 0.6


def test_a_period_is_a_calendar_year(known):
    with pytest.raises(DataError, match="year is 'FY2026-03'; a nowcast is of a calendar year"):
        nowcast.table(known, "FY2026-03")


def test_the_chart_s_title_says_which_years_are_sure(known):
    rows = nowcast.table(known, "CY2026").xs(facts.PRODUCTION, level="variable")
    about = {"year": "CY2026", "what": "US output", "source": "a source", "as_of": date(2026, 10, 30)}
    drawn = charts.nowcast_fan(rows, **about)
    assert "No maker's 2026 is sure to differ" in drawn.alt and faults_at_both_widths(drawn) == []
    sure = rows.assign(low=rows["low"].mask(rows.index == "Nissan", 500_000.0))
    assert "Nissan builds more" in charts.nowcast_fan(sure, **about).alt


# ---- what is wrong with months


def counted(*rows: tuple[str, str, int, str]) -> pd.DataFrame:
    spans = [tm.periods.parse(label) for _, label, *_ in rows]
    return pd.DataFrame(
        {
            "maker": "Nissan", "variable": [row[0] for row in rows], "origin": "US",
            "period": [row[1] for row in rows],
            "start": [s.start for s in spans], "end": [s.end for s in spans],
            "value": [float(row[2]) for row in rows], "unit": "units", "note": [row[3] for row in rows],
            "file": "mine.csv", "row": range(2, 2 + len(rows)),
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            [("built", "2026-04", 51_821, ""), ("built", "2026-04", 61_821, "")],
            "period is '2026-04'; expected each month once, and row 2 has it with 51,821; delete one",
        ),
        (
            [("built", "2026-04", 51_821, ""), ("built", "2026-01..2026-06", 49_000, "")],
            "value is 49000.0; expected no less than 51,821, which row 2 has for 2026-04, a part of it",
        ),
        (
            [
                ("sold", "2026-06", 71_000, "retail sales"),
                ("sold", "2026-07", 70_000, "to dealers, wholesale"),
            ],
            "unit is 'wholesale'; expected retail figures only, as in row 2: they differ by up to a tenth",
        ),
    ],
)
def test_months_that_contradict_each_other_are_named(rows, said):
    assert [str(fault) for fault in seasons.wrong(counted(*rows))] == [f"mine.csv row 3: {said}"]


def test_a_faulty_month_of_the_file_stops_the_bill(data):
    place = data / seasons.MONTHLY
    text = place.read_text(encoding="utf-8")
    row = "Nissan,us_production_units,2026-04,61821,units,reported,a release,,2026-05-28,"
    place.write_text(f"{text}{row}\n", encoding="utf-8")
    with pytest.raises(DataError, match="data/watch/monthly.csv row .*expected each month once"):
        case(period="CY2026", data=data).goods  # noqa: B018  it is computed when asked for


def test_without_years_of_the_industry_nothing_is_guessed(data):
    place = data / seasons.OUTPUT
    lines = place.read_text(encoding="utf-8").splitlines()[:4]
    place.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match="us_output.csv has 3 years"):
        case(period="CY2026", data=data).goods  # noqa: B018  it is computed when asked for


# ---- surprises


def test_a_surprise_moves_the_bill_as_a_what_if_does(offer):
    """Output 5% up, asked as a change of the facts: the same change of every bill."""
    found = surprises.table(offer, "CY2025", share=0.05).set_index(["indicator", "maker"])
    more = offer.facts.with_values({("Toyota", facts.PRODUCTION, "US"): lambda built: 1.05 * built}, "CY2025")
    policy = nowcast.measuring(offer.policy, "CY2025")
    now, then = (
        offer.replace(policy=policy, period="CY2025", facts=known).runs_usd[0]
        for known in (offer.facts, more)
    )
    change = pd.Series(then - now, offer.goods.makers)["Toyota"]
    assert found.at[("output", "Toyota"), "bill_change_usd"] == pytest.approx(change, rel=1e-6)


def test_exports_diverted_and_exports_from_extra_output_are_two_things(offer):
    """The proposal of June 2025, exports up 5%: Toyota's bill rises by 1.0 million if they leave the US."""
    found = surprises.table(offer, "CY2026", share=0.05).set_index(["indicator", "maker"])
    diverted, added = (found.loc[(name, "Toyota")] for name in ("exports_diverted", "exports_added"))
    assert diverted["bill_change_usd"] == pytest.approx(1.0e6, abs=0.1e6) and diverted["score_change"] < 0
    assert "leave the local build share" in diverted["reading"]
    assert added["score_change"] > 0 and added["relief_change_usd"] < 0


def test_under_a_country_s_score_the_others_gain_what_a_maker_adds(offer):
    shared = offer.replace(policy=nowcast.at_level(offer.policy, "country"))
    found = surprises.table(shared, "CY2026", share=0.05).set_index(["indicator", "maker"])
    honda, toyota = (found.loc[("output", maker)] for maker in ("Honda", "Toyota"))
    assert honda["others_bill_change_usd"] == pytest.approx(-26.9e6, rel=0.05)
    assert toyota["others_bill_change_usd"] == pytest.approx(-18.2e6, rel=0.05)
    assert honda["bill_change_usd"] > 0  # its extra parts duty outweighs its relief


def test_what_is_at_stake_is_probability_times_value(offer):
    found = surprises.table(offer, "CY2026")
    own = found["others_bill_change_usd"] == 0
    one = found[own]
    np.testing.assert_allclose(
        one["at_stake_usd"], one["probability"] * one["value_change_usd"].abs(), rtol=1e-9
    )
    yearly = found[found["indicator"].isin(["jobs", "investment"])]["probability"]
    assert (yearly < found["probability"].max()).all()  # one release a year, not twelve


# ---- announcements


def test_done_is_a_straight_line_from_the_day_to_the_start():
    said = pd.Series(pd.to_datetime(["2026-01-01", "2026-01-01", "2026-03-01"]))
    starts = said + pd.to_timedelta([0, 100, 100], "D")
    assert announcements.done(said, starts, date(2026, 2, 20)).round(3).tolist() == [1.0, 0.5, 0.0]


def test_pledges_of_a_company_and_cancelled_plants_are_not_counted(known):
    rows = announcements.counted(known)
    assert rows["plant"].notna().all() and 21e9 not in set(rows["investment_usd"])
    assert not rows.duplicated(["maker", "plant", "kind"]).any()


def test_own_announcements_are_added_and_count_in_the_nowcast(data, known, tmp_path, tm):
    path = tmp_path / "said.csv"
    head = "announced,maker,site,state,investment,jobs,starts,type"
    path.write_text(f"{head}\n2026-09-05,Nissan,Smyrna,TN,500000000,300,2027,expansion\n", encoding="utf-8")
    code, out, _ = tm("add", "announcements", path, "--yes", "--data", data)
    assert code == 0 and "Smyrna" in out and "1 row added" in out
    after = dataclasses.replace(known, folder=data, kept_of_files={})
    since = pd.Series({"Nissan": pd.Timestamp("2025-12-31")})
    grown = announcements.added(after, date(2026, 12, 31), since, "jobs").loc["Nissan"]
    assert 0 < grown["low"] <= grown["value"] < 300  # a third of the way to the middle of 2027
    assert announcements.added(known, date(2026, 12, 31), since, "jobs").loc["Nissan", "value"] == 0


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("2026-09-05,Nissan,Smyrna,TN,5,300,2027,expansion", "investment_usd is 5.0; expected dollars"),
        ("2026-09-05,Nissan,Smyrna,TN,5e8,300,2027,party", "kind is 'party'; expected one of new_plant"),
        (
            "2099-09-05,Nissan,Smyrna,TN,5e8,300,2027,hiring",
            "date is '2099-09-05'; expected a day up to today",
        ),
    ],
)
def test_an_announcement_that_cannot_be_is_named(known, tmp_path, row, said):
    path = tmp_path / "said.csv"
    path.write_text(
        f"date,company,plant,state,investment_usd,jobs,start_year,kind\n{row}\n", encoding="utf-8"
    )
    rows = own_announcements.read_announcements(path)
    with pytest.raises(DataError, match=f"said.csv row 2: {said}"):
        own_announcements.preview_announcements(rows, known)


# ---- the calendar


def test_releases_come_on_their_days_and_a_short_month_ends_them(known):
    ahead = calendar.upcoming(known, date(2027, 2, 1), days=27)
    japan = ahead[ahead["release"] == "japan-makers"].iloc[0]
    assert (japan["first_day"], japan["last_day"]) == (pd.Timestamp("2027-02-27"), pd.Timestamp("2027-02-28"))
    assert ahead["first_day"].is_monotonic_increasing
    assert "canada-50" not in set(ahead["release"]) and "usmca-review" in set(ahead["release"])
    assert "jama-yearly" not in set(ahead["release"])  # in March alone


def test_the_calendar_file_keeps_to_rfc_5545(known):
    """CRLF, at most 75 octets, text escaped, what is unfolded is whole, and identifiers that stay."""
    ahead = calendar.upcoming(known, date(2026, 12, 1), days=40)
    ahead.loc[0, "what"] = "Output; sales, exports \\ of é" + "ü" * 60
    text = calendar.ics(ahead, date(2026, 11, 28))
    assert text.endswith("END:VCALENDAR\r\n") and "\n" not in text.replace("\r\n", "")
    lines = text.split("\r\n")
    assert max(len(line.encode()) for line in lines) <= 75
    whole = text.replace("\r\n ", "").split("\r\n")
    assert rf"SUMMARY:Output\; sales\, exports \\ of é{'ü' * 60}" in whole
    uids = [line for line in whole if line.startswith("UID:")]
    assert len(set(uids)) == len(uids) == len(ahead) == text.count("BEGIN:VEVENT")
    again = calendar.ics(calendar.upcoming(known, date(2026, 12, 2), days=39), date(2026, 12, 2))
    assert set(uids) & {line for line in again.replace("\r\n ", "").split("\r\n") if line.startswith("UID:")}
    assert all(line.split(":")[0].split(";")[0] for line in whole[:-1])


def test_watch_says_what_came_in_what_it_moved_and_what_is_next(known, tmp_path, tm, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(facts, "load", lambda *_: known)
    code, out, err = tm("watch", "--since", "2026-05-01", "--ics", tmp_path / "next.ics")
    assert code == 0, err
    assert "came in since 2026-05-01" in out and "204,305" in out
    assert "what it moved" in out and "on it hang" in out
    assert (tmp_path / "next.ics").read_bytes().startswith(b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n")


def test_an_indicator_that_is_none_is_named(data):
    place = data / surprises.CALENDAR
    place.write_text(place.read_text(encoding="utf-8").replace(",output,", ",outputs,"), encoding="utf-8")
    with pytest.raises(DataError, match="calendar.csv row 3: 'outputs' is no indicator; there are output"):
        calendar.upcoming(facts.load(data))


def test_a_legal_date_is_worth_what_its_policy_changes_for_all_makers(known):
    """Canada at 50%: twelve months of bills against the law in force, and what owners lose of them."""
    none = pd.DataFrame({"maker": [], "indicator": [], "at_stake_usd": []})
    ahead = calendar.upcoming(known, date(2026, 12, 1), 5, none).set_index("release")
    row, found = ahead.loc["canada-50"], calendar.stakes(known).loc["canada-50"]
    asked = case("canada-50-from-2027", "current-law", "CY2027", data=known)
    bills = exposure.table(asked)["bill_usd"]
    np.testing.assert_allclose(found["bill_change_usd"].drop("ALL"), bills[found.index[:-1]], atol=0.02)
    total = exposure.totals(asked).loc["ALL"]
    ends = ["bill_usd", "bill_low_usd", "bill_high_usd"]
    np.testing.assert_allclose(row[["bill_change_usd", "low_usd", "high_usd"]].astype(float), total[ends])
    assert row["value_low_usd"] < row["value_change_usd"] == -row["at_stake_usd"] < row["value_high_usd"] < 0
    assert ahead.at["offset-ends", "no_policy"] and np.isnan(ahead.at["offset-ends", "at_stake_usd"])
    assert "value of canada-50-from-2027 if it comes: USD" in calendar.ics(
        ahead.reset_index(), date(2026, 11, 28)
    ).replace("\r\n ", "")


def test_a_legal_date_is_not_known_before_it_was_announced(known):
    then = calendar.upcoming(known.as_known("2026-06-30"), days=1)
    assert not {"canada-50", "usmca-review"} & set(then["release"]) and "offset-ends" in set(then["release"])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (",canada-50-from-2027,", ",canada-51,", "calendar.csv row 2: policy: .*canada-51"),
        (
            ",canada-50-from-2027,",
            ",,",
            "policy is empty; expected the policy that hangs on a legal date",
        ),
        (",2027-01-01,,,,imports,", ",,1,1,1,imports,", "policy is .*; expected a date beside it"),
    ],
)
def test_a_policy_of_the_calendar_that_cannot_be_used_is_named(data, old, new, said):
    place = data / surprises.CALENDAR
    place.write_text(place.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DataError, match=said):
        calendar.stakes(facts.load(data))


# ---- makers' own tables


NISSAN_RELEASE = """\
,May 2026 (vehicles),Year-on-year change (%),Jan. – May 2026 (vehicles),Year-on-year change (%)
1. Production,,,,
Production in Japan,"41,000",-3.0,"210,000",-4.0
US,"43,056",+16.8,"247,361",+12.8
Mexico,"36,075",-31.0,"194,947",-30.1
2. Sales,,,,
US,"80,450",+0.4,"407,137",-3.0
3. Exports,,,,
U.S.,"9,450",+0.4,"51,100",-3.0
"""


def test_a_makers_release_is_read_as_it_stands(known, tmp_path):
    path = tmp_path / "release.csv"
    path.write_text(NISSAN_RELEASE, encoding="utf-8")
    found = tm.own_facts.read_facts(path, maker="Nissan", source_title="a release")
    read = {(row.variable, row.origin, row.period): float(row.value) for row in found.itertuples()}
    assert read == {
        ("us_production_units", "US", "2026-05"): 43_056,
        ("us_production_units", "US", "2026-01..2026-05"): 247_361,
        ("us_sales_units", "US", "2026-05"): 80_450,
        ("us_sales_units", "US", "2026-01..2026-05"): 407_137,
        ("us_import_units", "JP", "2026-05"): 9_450,
        ("us_import_units", "JP", "2026-01..2026-05"): 51_100,
    }
    assert found.attrs["left_out"] == ["Production in Japan", "Mexico"]
    assert tm.own_facts.check_facts(found, known) == []
    seen = tm.own_facts.preview_facts(found, known).set_index(["variable", "period"])
    assert seen.at[("us_production_units", "2026-01..2026-05"), "new"] == 247_361


def test_months_down_are_read_in_the_words_of_releases(tmp_path):
    for head, first in (("Month,U.S. production (units)", "Jan. 2026"), ("年月,米国生産", "2026年1月")):
        path = tmp_path / "release.csv"
        path.write_text(f"{head}\n{first},46010\n", encoding="utf-8")
        rows = tm.own_facts.read_facts(
            path, maker="Nissan", variable="us_production_units", origin="US", source_title="a release"
        )
        assert rows[["period", "value"]].to_numpy().tolist() == [["2026-01", "46010"]]


# ---- the industry


FRED = "/fred.stlouisfed.org/graph/fredgraph.csv"
MONTHS = {f"{year}-{month:02}": 10.2 + month / 100 for year in (2025, 2026) for month in range(1, 13)}


def body(months: dict[str, float], head: str = f"observation_date,{g17.SERIES}") -> bytes:
    lines = [f"{month}-01,{figure}" for month, figure in months.items()]
    return "\n".join([head, *lines]).encode()


@pytest.fixture
def desk(data, known):
    with offices.serving() as server:
        folder = dataclasses.replace(known, folder=data)
        yield (
            server,
            lambda: g17.refresh(
                folder,
                session=server.session(),
                now=pd.Timestamp("2026-11-28", tz="UTC"),
                sleep=lambda _: None,
            ),
        )


def test_assemblies_are_stored_by_month_and_what_was_revised_stays_in_both_vintages(desk, data):
    server, refresh = desk
    some = dict(list(MONTHS.items())[:21])
    server.bodies[FRED] = body({**some, "2026-10": "."})
    server.modified[FRED] = "Mon, 16 Nov 2026 14:15:00 GMT"
    found = refresh().set_index("period")
    assert found.at["2026-09", "value"] == 10_290_000 and "2026-10" not in found.index
    assert found.at["CY2025", "before"] == 10_290_000  # the bundled mean, which this one revises
    assert refresh().empty and len(store.snapshots(data)) == 1
    server.bodies[FRED] = body({**some, "2026-09": 9.99})
    server.modified[FRED] = "Wed, 16 Dec 2026 14:15:00 GMT"
    assert refresh()[["period", "before", "vintage"]].to_numpy().tolist() == [
        ["2026-09", 10.29e6, "2026-12-16"]
    ]
    stored = pd.read_csv(store.path(data, seasons.OUTPUT)).query("period == '2026-09'")
    assert stored["value"].tolist() == [10_290_000, 9_990_000]
    assert facts.check(data) == []


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"<html>moved</html>", "begins with '<html>moved</html>'; expected a header"),
        (body({"2026-01": 10.2}, "observation_date,DAUPSA"), "expected a header of a date and MVATOTASSS"),
        (body({"2026-01": 10_200.0}), "expected the first of a month, once, and millions of vehicles a year"),
    ],
)
def test_another_layout_stores_nothing(desk, data, sent, said):
    server, refresh = desk
    server.bodies[FRED] = sent
    with pytest.raises(DataError, match=said):
        refresh()
    assert store.snapshots(data).empty


def test_an_address_that_does_not_answer_is_said(desk):
    _, refresh = desk
    with pytest.raises(DataError, match="fredgraph.csv is not there"):
        refresh()
