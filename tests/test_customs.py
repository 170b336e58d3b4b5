"""The model beside customs: record by record for its own days, summed only where customs counted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import tariffmodel as tm
from tariffmodel import customs, facts
from tariffmodel.errors import DataError
from tariffmodel.facts import periods, trade


@pytest.fixture(scope="module")
def year(known):
    return tm.case(period="CY2025", data=known)


@pytest.fixture(scope="module")
def rows(year):
    return customs.table(year)


@pytest.fixture(scope="module")
def found(rows):
    return customs.totals(rows)


def imports(folder, *changes: dict) -> facts.Facts:
    """Facts of a data folder whose table of US imports has these rows more, each like the last one."""
    place = folder / "trade/us_imports.csv"
    table = pd.read_csv(place, dtype=str)
    blank = table.iloc[[-1]].assign(dutiable_usd=None, duty_usd=None, usmca_usd=None, units=None, note=None)
    pd.concat([table, *(blank.assign(**change) for change in changes)]).to_csv(place, index=False)
    return facts.load(folder)


def test_the_model_of_a_record_is_that_of_its_own_days(year, rows):
    row = rows[(rows["goods"] == "car") & (rows["origin"] == "MX") & (rows["period"] == "2025-06")].iloc[0]
    streams = tm.exposure.by_origin(year.replace(period="2025-06"))
    here = streams[(streams["origin"] == "MX") & (streams["product"] == "car")]
    assert row["customs_value_usd"] == pytest.approx(here["customs_value_usd"].sum())
    assert row["units"] == pytest.approx(here["units"].sum())
    assert row["duty_usd"] == pytest.approx((here["rate"] * here["customs_value_usd"]).sum())
    assert row["official_value_usd"] == pytest.approx(4.127e9, rel=1e-3)


def test_vehicles_are_cars_and_light_trucks_and_every_origin_is_their_sum(year, rows):
    of = rows.set_index(["goods", "origin", "period"])
    car, truck, both = (of.loc[(goods, "MX", "2025-07")] for goods in ("car", "light_truck", "vehicle"))
    for name in ("units", "customs_value_usd", "duty_usd", "official_value_usd", "official_usmca_usd"):
        assert both[name] == pytest.approx(car[name] + truck[name])
    assert both["quality"] == "derived" and np.isnan(both["official_duty_usd"])
    streams = tm.exposure.by_origin(year.replace(period="2025-07"))
    vehicles = streams[streams["product"].isin(["car", "light_truck"])]
    assert of.loc[("vehicle", "ALL", "2025-07"), "units"] == pytest.approx(vehicles["units"].sum())


def test_a_maker_inside_another_is_counted_once(year, rows):
    """Volkswagen's imports hold those of Porsche, which has rows of its own."""
    streams = tm.exposure.by_origin(year.replace(period="2025-09"), inside=True)
    cars = streams[(streams["origin"] == "EU") & (streams["product"] == "car")].set_index("maker")
    inside = cars.index.isin(year.facts.makers.index[year.facts.makers["consolidated_in"].notna()])
    assert inside.sum() == 1 and cars.loc[inside, "units"].item() > 0
    row = rows[(rows["goods"] == "car") & (rows["origin"] == "EU") & (rows["period"] == "2025-09")].iloc[0]
    assert row["units"] == pytest.approx(cars.loc[~inside, "units"].sum())
    assert row["customs_value_usd"] == pytest.approx(cars.loc[~inside, "customs_value_usd"].sum())


def test_ratios_multiply_to_the_whole(found):
    row = found.loc[("vehicle", "ALL")]
    assert row["duty_ratio"] == pytest.approx(row["value_ratio"] * row["rate"] / row["official_rate"])
    assert row["duty_gap_usd"] == pytest.approx(row["duty_of_value_usd"] + row["duty_of_rate_usd"])
    assert row["duty_gap_usd"] == pytest.approx(row["entry_duty_usd"] - row["official_duty_usd"])


def test_units_and_value_per_unit_make_the_gap_where_customs_counts_units(data):
    change = {"goods": "car", "origin": "JP", "period": "2025-06", "vintage": "2026-11"}
    known = imports(data, change | {"value_usd": "3000000000", "units": "100000", "duty_usd": "600000000"})
    rows = customs.table(tm.case(period="2025-06", data=known))
    row = customs.totals(rows).loc[("car", "JP")]
    assert row["official_value_per_unit_usd"] == 30_000
    assert row["value_gap_usd"] == pytest.approx(row["units_gap_usd"] + row["price_gap_usd"])
    assert row["units_gap_usd"] == pytest.approx((row["units"] - 100_000) * 30_000)
    assert row["value_ratio"] == pytest.approx(row["units_ratio"] * row["value_per_unit_ratio"])
    assert row["official_rate"] == 0.2


def test_months_are_summed_and_a_record_that_covers_more_stands_for_them(rows, found):
    months = rows[(rows["goods"] == "vehicle") & (rows["origin"] == "ALL")]
    assert found.loc[("vehicle", "ALL"), "months"] == len(months) == 12
    assert found.loc[("vehicle", "ALL"), "official_duty_usd"] == months["official_duty_usd"].sum()
    japan = found.loc[("car", "JP")]
    assert (japan["period"], japan["months"]) == ("2025-01..2025-11", 11)
    assert japan["official_value_usd"] == 33.1e9


def test_months_that_customs_lacks_are_not_claimed(year):
    some = customs.totals(customs.table(year.replace(period="2025-04..2025-09")))
    assert some.loc[("car", "EU"), ["period", "months"]].to_list() == ["2025-06, 2025-08..2025-09", 3]


def test_a_backdated_cut_leaves_duty_at_entry_where_it_was(rows):
    of = rows.set_index(["goods", "origin", "period"])
    august = of.loc[("car", "EU", "2025-08")]
    assert august["duty_usd"] / august["customs_value_usd"] == pytest.approx(0.15, abs=1e-3)
    assert august["rate"] == pytest.approx(0.275, abs=1e-3)
    assert "law backdated" in august["reason"]
    september = of.loc[("car", "JP", "2025-09")]  # a cut that was not backdated
    assert september["entry_duty_usd"] == pytest.approx(september["duty_usd"])
    assert "backdated" not in september["reason"]


def test_reasons_are_those_of_the_origin_the_goods_and_the_days(rows, year, data):
    of = rows.set_index(["goods", "origin", "period"])["reason"]
    assert "Aston Martin" in of[("car", "GB", "2025-09")]
    assert "Aston Martin" not in of[("car", "JP", "2025-09")]
    assert "aftermarket" in of[("part", "ALL", "2025-07")]
    assert "before Census revised" in of[("vehicle", "ALL", "2025-05")]
    assert "before Census revised" not in of[("vehicle", "ALL", "2025-08")]
    change = {"goods": "car", "origin": "MX", "vintage": "2026-11", "value_usd": "3000000000"}
    known = imports(data, *(change | {"period": f"2026-{month:02d}"} for month in (5, 6)))
    late = customs.table(tm.case(period="2026-05..2026-06", data=known)).set_index("period")["reason"]
    assert "content-split USMCA entries" in late["2026-06"] and "content-split" not in late["2026-05"]


def test_every_origin_is_within_its_limits(found):
    cars = customs.vehicles(found).reindex(customs.TOLERANCE)
    assert cars["inside"].all(), cars["value_ratio"]
    assert abs(found.loc[("vehicle", "ALL"), "duty_ratio"] - 1) < 0.1


def test_tolerance_judges_vehicles_by_value_and_by_duty_where_there_is_one(found, data):
    assert found.loc[("car", "KR"), "inside"] and found.loc[("car", "GB"), "inside"]
    assert abs(found.loc[("car", "GB"), "value_ratio"] - 1) > customs.TOLERANCE["KR"]
    assert pd.isna(found.loc[("part_listed", "MX"), "inside"])
    change = {"goods": "car", "origin": "CA", "period": "2025-12", "value_usd": "1850000000"}
    judged = []
    for vintage, duty in (("2026-10", "290000000"), ("2026-11", "90000000")):
        known = imports(data, change | {"duty_usd": duty, "vintage": vintage})
        row = customs.totals(customs.table(tm.case(period="2025-12", data=known))).loc[("car", "CA")]
        off = max(abs(row["value_ratio"] - 1), abs(row["duty_ratio"] - 1))
        assert row["inside"] == (off <= customs.TOLERANCE["CA"])
        judged.append(row["duty_ratio"])
    assert judged[0] != judged[1]


def test_the_newest_vintage_is_used_and_the_older_ones_stay(data):
    change = {"goods": "vehicle", "origin": "ALL", "period": "2025-04", "vintage": "2026-09-03"}
    known = imports(data, change | {"value_usd": "15100000000", "duty_usd": "3100000000"})
    row = customs.table(tm.case(period="2025-04", data=known)).set_index(["goods", "origin"])
    assert row.loc[("vehicle", "ALL"), "official_duty_usd"] == 3.1e9
    assert "before Census revised" not in row.loc[("vehicle", "ALL"), "reason"]
    every = trade.vintages(known)
    kept = every[(every["goods"] == "vehicle") & (every["origin"] == "ALL") & (every["period"] == "2025-04")]
    assert kept["vintage"].to_list() == ["2026", "2026-09-03"]


def test_only_what_was_known_on_the_day_is_compared(known):
    rows = customs.table(tm.case(period="CY2025", data=known, as_of="2025-09-20"))
    assert rows["period"].str[:7].max() == "2025-07"
    early = tm.case(period="CY2024", data=known, as_of="2024-01-15")
    with pytest.raises(DataError, match="nothing that was known on 2024-01-15; choose a later as-of day"):
        customs.table(early)


def test_a_period_without_a_record_is_refused_with_the_remedy(year):
    with pytest.raises(
        DataError, match=r"no record within CY2031; it reaches from 2024-01-01 .* refresh trade"
    ):
        customs.table(year.replace(period="CY2031"))
    with pytest.raises(DataError, match=r"mexico_exports.csv has no record within CY2026"):
        customs.mexico(year.replace(period="CY2026"))


def test_mexico_by_maker_holds_what_inegi_counts_together(known):
    found = customs.mexico(tm.case(period="CY2024", data=known))
    assert found.loc["Mercedes-Benz", "official_units"] == 15_918
    assert found.loc["Nissan", "official_units"] == 326_682
    assert "Hyundai Motor" not in found.index  # its Tucson is counted under KIA
    selected = known.selected
    here = selected[
        (selected["variable"] == facts.IMPORTS)
        & (selected["origin"] == "MX")
        & (selected["period"] == "CY2024")
        & selected["maker"].isin(["Kia", "Hyundai Motor"])
    ]
    assert found.loc["Kia", "units"] == pytest.approx(here["value"].sum())
    assert found.loc["ALL", "official_units"] == found["official_units"].iloc[:-1].sum() == 2_771_287
    assert found.loc["ALL", "quality"] == "reported"  # INEGI's own counts are in use


def test_models_and_makers_of_inegi_add_up(known):
    makers, models = (trade.in_use(known, name) for name in (trade.MEXICO_EXPORTS, trade.MEXICO_MODELS))
    year = makers[makers["period"].str.startswith("2024")].groupby("brand")["units"].sum()
    again = models[models["period"] == "CY2024"].groupby("brand")["units"].sum()
    pd.testing.assert_series_equal(year[year > 0], again[again > 0])


def test_the_sentence_names_every_origin_once_and_the_total_first(found):
    said = customs.in_words(found)
    assert said.startswith("All origins (2025-01..2025-12): value ") and said.count("MX (") == 1
    assert "JP (2025-01..2025-11): value " in said


# ---- the command


def test_command_shows_origins_months_and_makers(tm):
    code, out, _ = tm("customs", "--period", "2025-07..2025-09")
    assert code == 0 and "beside US customs" in out
    assert "1. " in out and "All origins (2025-07..2025-09)" in out
    code, out, _ = tm("customs", "--by", "month", "--goods", "vehicle", "--origin", "ALL", "--format", "csv")
    assert code == 0 and len(out.splitlines()) == 13 and out.startswith("goods,origin,period,months,units")
    code, out, _ = tm("customs", "--by", "maker", "--period", "CY2024")
    assert code == 0 and "Mercedes-Benz" in out and "beside INEGI" in out


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--by", "weight"], 2, "write origin, month or maker"),
        (["--goods", "boat"], 1, "no record of boat in CY2025; there are"),
        (["--period", "CY2031"], 1, "refresh trade"),
    ],
)
def test_mistakes_of_the_command_are_named(tm, words, code, message):
    got, _, err = tm("customs", *words)
    assert got == code and message in " ".join(err.split()) and "Traceback" not in err


def test_duty_at_entry_of_months_adds_up(known):
    """Duty that was void later was law on its days, so a month knows of it as a quarter does."""
    law = tm.case(data=known).policy
    whole, *months = (
        customs._modelled(tm.case(law, law, label, data=known), periods.parse(label)).set_index(
            ["goods", "origin"]
        )
        for label in ("2025-02..2025-04", "2025-02", "2025-03", "2025-04")
    )
    at_entry = sum(month["entry_duty_usd"] for month in months)
    pd.testing.assert_series_equal(at_entry, whole["entry_duty_usd"], rtol=1e-9)
    # three days of 25% on all that came from Mexico, then on what failed USMCA
    assert 0.1e9 < months[1].at[("car", "MX"), "entry_duty_usd"] < 0.3e9
