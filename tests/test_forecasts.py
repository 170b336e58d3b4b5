"""Predictions are frozen, never rewritten, and judged by statements that the model had not seen."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from tariffmodel import case, cost, facts, forecasts, own_disclosures, periods, store, validation
from tariffmodel.errors import DataError, PolicyError

pytestmark = pytest.mark.usefixtures("judged_once")  # most change the ledger alone
DAY = date(2026, 11, 27)
HEAD = "company,kind,period,value,unit,basis,said_on,source_title"


@pytest.fixture(scope="module")
def made(known) -> pd.DataFrame:
    return forecasts.page(case(data=known), DAY)


@pytest.fixture
def fresh(data):
    """A data folder whose ledgers are empty, and its facts."""
    place = data / facts.LEDGER
    place.write_text(place.read_text(encoding="utf-8").partition("\n")[0] + "\n", encoding="utf-8")
    return facts.load(data)


def say(folder, tmp_path, *rows):
    path = tmp_path / "said.csv"
    path.write_text("\n".join([HEAD, *rows]) + "\n", encoding="utf-8")
    own_disclosures.add_disclosures(facts.load(folder), path)
    return facts.load(folder)


def test_prediction_is_what_the_model_books_and_owes_in_the_quarter(known, made):
    asked = case(data=known, period="2026Q4")
    rows = made[made["quarter"] == "2026Q4"].set_index(["basis", "maker"])
    expected = cost.bases(asked)
    for basis in ("owed", "booked"):
        mine = rows.loc[basis]
        theirs = expected.loc[mine.index] / 1e9
        np.testing.assert_allclose(mine["central"], theirs[f"{basis}_usd"], rtol=1e-9)
        np.testing.assert_allclose(mine["inputs_low"], theirs[f"{basis}_low_usd"], rtol=1e-9)
        np.testing.assert_allclose(mine["inputs_high"], theirs[f"{basis}_high_usd"], rtol=1e-9)
    factor = validation.widening(validation.disclosed(asked).query("judged == 'amount'"))
    toyota = rows.loc[("booked", "Toyota")]
    assert toyota["high"] - toyota["central"] == pytest.approx(
        factor * (toyota["inputs_high"] - toyota["central"])
    )
    steps = validation.recognised(asked).loc["Toyota"]
    assert toyota["metals"] == pytest.approx(steps["metals"] / 1e9)


def test_a_quarter_of_which_a_result_is_known_is_not_predicted(known, made):
    judged = validation.disclosed(case(data=known))
    results = judged[(judged["kind"] == "actual") & (judged["judged"] == "amount")]
    ends = results.groupby("maker")["period"].agg(lambda of: max(periods.parse(label).end for label in of))
    first = made.groupby("maker")["quarter"].min().map(lambda label: periods.parse(label).start)
    both = ends.index.intersection(first.index)
    assert len(both) > 10 and (first[both] > ends[both]).all()
    assert set(made["quarter"]) >= {"2026Q4", "2027Q1"} and made["quarter"].max() == "2027Q1"
    assert forecasts.page(case(data=known), DAY, ahead=0)["quarter"].max() == "2026Q4"


def test_rows_are_added_below_and_the_old_ones_stay_to_the_byte(fresh):
    first = forecasts.add(case(data=fresh), made_on=DAY)
    place = store.path(fresh.folder, facts.OWN_LEDGER)
    before = place.read_bytes()
    assert forecasts.add(case(data=facts.load(fresh.folder)), made_on=DAY).empty
    assert store.path(fresh.folder, facts.OWN_LEDGER).read_bytes() == before
    more = forecasts.add(case(data=facts.load(fresh.folder)), ahead=2, made_on=date(2026, 12, 1))
    after = store.path(fresh.folder, facts.OWN_LEDGER).read_bytes()
    assert after.startswith(before) and set(more["quarter"]) == {"2027Q2"}
    held = facts.load(fresh.folder).forecasts
    assert len(held) == len(first) + len(more) and not facts.check(fresh.folder)
    assert (fresh.folder / facts.LEDGER).read_text(encoding="utf-8").count("\n") == 1
    store.restore(fresh.folder, store.BUNDLED)
    assert facts.load(fresh.folder).forecasts.empty


def test_a_ledger_of_later_days_or_other_columns_is_not_added_to(fresh):
    forecasts.add(case(data=fresh), made_on=DAY)
    again = facts.load(fresh.folder)
    with pytest.raises(DataError, match="made on 2026-11-27, after 2026-11-26; set the clock"):
        forecasts.add(case(data=again), ahead=2, made_on=date(2026, 11, 26))
    place = fresh.folder / facts.LEDGER
    place.write_text("maker,quarter\n", encoding="utf-8")
    with pytest.raises(DataError, match="other columns"):
        forecasts.add(case(data=fresh), made_on=DAY, bundled=True)


def test_a_failed_write_leaves_the_ledger_as_it_was(fresh, monkeypatch):
    forecasts.add(case(data=fresh), made_on=DAY)
    before = store.current(fresh.folder)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(forecasts, "_appended", full)
    with pytest.raises(DataError, match="nothing has changed"):
        forecasts.add(case(data=facts.load(fresh.folder)), ahead=2, made_on=DAY)
    assert store.current(fresh.folder) == before


def test_the_maintainers_ledger_is_that_of_the_package(fresh):
    rows = forecasts.add(case(data=fresh), made_on=DAY, bundled=True)
    held = facts.load(fresh.folder)
    assert store.current(fresh.folder) == store.BUNDLED and not facts.check(fresh.folder)
    columns = ["low", "central", "high", "inputs_low", "inputs_high", "metals"]
    np.testing.assert_allclose(held.forecasts[columns], rows[columns], rtol=1e-5, atol=1e-9)
    assert str(held.version) == str(fresh.version) == rows["digest"].unique().item()


def test_what_is_no_law_or_not_of_now_is_not_predicted(known):
    with pytest.raises(PolicyError, match="companies disclosed"):
        forecasts.page(case("flat-25", data=known), DAY)
    with pytest.raises(DataError, match="without a past day"):
        forecasts.page(case(data=known, as_of="2026-09-30"), DAY)
    other = known.with_values({("Toyota", "us_import_units", "JP"): lambda units: 2 * units})
    with pytest.raises(DataError, match="without a what-if"):
        forecasts.page(case(data=other), DAY)


def test_statements_score_what_was_predicted_before_and_after_they_were_public(fresh, tmp_path):
    forecasts.add(case(data=fresh), made_on=DAY)
    held = say(
        fresh.folder,
        tmp_path,
        "Toyota,actual,2026-04..2026-09,300,jpy_bn,operating_profit_bridge,2026-11-06,results",
        "Kia,actual,2026Q4,500,krw_bn,direct_duties,2027-01-28,results",
        "Honda,actual,2026-10,40,jpy_bn,gross,2026-12-05,no quarter",
        "BMW,actual,2026Q3,0.2,eur_bn,net,2026-12-05,a floor",
    )
    found = forecasts.scored(case(data=held)).set_index("maker")
    assert found["made"].to_dict() == {"Toyota": "after", "Kia": "before"}
    rows = held.forecasts.query("basis == 'booked'").set_index(["maker", "quarter"])
    two = rows.loc["Toyota"].loc[["2026Q2", "2026Q3"], ["low", "central", "high"]].sum()
    toyota, kia = found.loc["Toyota"], found.loc["Kia"]
    assert toyota["model"] == pytest.approx(two["central"] * toyota["per_usd"])
    assert toyota["widened_high"] == pytest.approx(two["high"] * toyota["per_usd"])
    assert toyota["error"] == pytest.approx(toyota["model"] / 300 - 1)
    one = rows.loc[("Kia", "2026Q4")]
    assert one["metals"] > 0  # a company that speaks of direct duties leaves them out
    assert kia["model"] == pytest.approx((one["central"] - one["metals"]) * kia["per_usd"])
    score = forecasts.score(forecasts.scored(case(data=held)))
    assert score["n"].to_dict() == {"before": 1, "after": 1}
    assert score.at["before", "bias"] == pytest.approx(kia["error"])
    width = (kia["widened_high"] - kia["widened_low"]) / kia["model"]
    assert score.at["before", "width_widened"] == pytest.approx(width)
    later = forecasts.page(case(data=held), date(2027, 1, 30))
    assert later[later["maker"] == "Toyota"]["quarter"].min() == "2026Q4"


def test_the_last_prediction_before_the_statement_counts(fresh, tmp_path):
    forecasts.add(case(data=fresh), made_on=DAY)
    between = say(fresh.folder, tmp_path, "Ford,actual,2026Q1,0.6,usd_bn,gross,2026-12-20,other data")
    forecasts.add(case(data=between), made_on=date(2026, 12, 24))
    forecasts.add(case(data=facts.load(fresh.folder)), ahead=3, made_on=date(2027, 2, 20))
    held = say(fresh.folder, tmp_path, "Toyota,actual,2026Q4,200,jpy_bn,gross,2027-02-05,results")
    row = forecasts.scored(case(data=held)).set_index("maker").loc["Toyota"]
    assert row["made_on"] == pd.Timestamp(2026, 12, 24) and row["made"] == "before"


def test_predictions_of_later_days_are_not_known_earlier(fresh):
    forecasts.add(case(data=fresh), made_on=DAY)
    held = facts.load(fresh.folder)
    assert held.as_known(date(2026, 10, 1)).forecasts.empty and len(held.forecasts)


def test_bundled_ledger_is_law_over_law_and_in_order(known):
    rows = known.forecasts
    assert not rows.duplicated(forecasts._STATE).any() and rows["made_on"].is_monotonic_increasing
    assert set(rows["policy"]) <= {"current-law"} and set(rows["basis"]) <= {"owed", "booked"}


def test_quarters_make_up_a_period_or_none_do():
    for label, quarters in {
        "2026Q4": ["2026Q4"],
        "CY2026": ["2026Q1", "2026Q2", "2026Q3", "2026Q4"],
        "FY2027-03": ["2026Q2", "2026Q3", "2026Q4", "2027Q1"],
        "2026-10": [],
        "2026-04..2026-08": [],
    }.items():
        assert forecasts._tiles(periods.parse(label)) == quarters


def test_a_digest_of_digits_alone_stays_text(data):
    ledger = data / "forecasts" / "ledger.csv"
    rows = pd.read_csv(ledger, dtype=str).assign(code="01234567")
    rows.to_csv(ledger, index=False)
    assert set(facts.load(data).forecasts["code"]) == {"01234567"}
