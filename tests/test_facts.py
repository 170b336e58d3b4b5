"""Bundled data hold what they promise, and a bad row is named with its file, row, column and remedy."""

from __future__ import annotations

import csv
import dataclasses
import shutil
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tariffmodel import facts, periods, store
from tariffmodel.errors import DataError
from tariffmodel.facts import tables
from tariffmodel.facts.schemas import TABLES
from tariffmodel.facts.schemas.model import MODEL_UNITS

ROOT = facts.data_dir()


def spoil(path: Path, row: int, **cells: str) -> None:
    """Overwrite cells of one row, counted as a spreadsheet does."""
    lines = list(csv.DictReader(path.open(encoding="utf-8")))
    lines[row - 2] |= cells
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, lines[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)


def test_bundled_data_have_no_fault():
    assert facts.check() == []


def test_every_table_has_a_source_note_beside_it():
    for name in TABLES:
        path = ROOT / name
        notes = [path.with_suffix(".SOURCE.md"), path.parent / f"{path.parent.name}.SOURCE.md"]
        assert any(note.is_file() and len(note.read_text(encoding="utf-8")) > 200 for note in notes), name


def test_codebook_defines_every_column_and_every_variable():
    book = pd.read_csv(ROOT / "codebook.csv", keep_default_na=False)
    assert not book.duplicated(["file", "variable"]).any()
    assert (book["definition"] != "").sum() >= len(book) - 1
    for name in TABLES:
        shared = name.startswith("facts/") and name not in ("facts/usual_lags.csv", "facts/shared_errors.csv")
        file = "facts/*.csv" if shared else name
        path = ROOT / name
        columns = (
            pd.read_parquet(path).columns if path.suffix == ".parquet" else pd.read_csv(path, nrows=0).columns
        )
        assert set(columns) <= set(book.loc[book["file"] == file, "variable"]), name
    used = set(pd.concat(pd.read_csv(ROOT / f"facts/{name}.csv")["variable"] for name in facts.FACT_FILES))
    defined = book.loc[book["variable"].str.startswith("variable="), "variable"].str.removeprefix("variable=")
    assert used == set(defined)


def test_every_row_has_provenance(known):
    table = known.table
    ours = table["source_title"].isin(["tariffmodel estimate", "tariffmodel arithmetic"])
    assert table.loc[~ours, "source_url"].notna().all()
    assert table.loc[ours, "method"].notna().all()
    estimated = table[table["selected"] & (table["quality"] == "estimated")]
    assert (estimated["method"].notna() | estimated["note"].notna()).all()


def test_estimates_carry_a_range_around_the_value(known):
    rows = known.table[known.table["file"] == "data/facts/estimates.csv"]
    assert rows[["low", "high"]].notna().all(axis=None)
    assert (rows["quality"] == "estimated").all()
    # of a claim that nobody can file all is late: the law says so
    sure = rows["variable"].isin(["light_truck_share", "usmca_share_light_truck"])
    wide = rows[~sure & (rows["method"] != "no claim was open")]
    assert (wide["high"] > wide["low"]).all()


def test_conflicting_readings_stay_and_one_is_chosen(known):
    cell = known.table.query(
        "maker == 'Toyota' and variable == 'us_import_units' and origin == 'JP' and period == 'CY2024'"
    )
    assert sorted(cell["value"]) == [530_000, 550_000]
    assert cell["selected"].sum() == 1 and cell.loc[cell["selected"], "selection_reason"].item()


def test_known_disclosures_are_in_the_facts(known):
    sales = known.selected[
        (known.selected["variable"] == facts.SALES) & (known.selected["period"] == "CY2024")
    ]
    sold = sales.set_index("maker")["value"]
    assert sold["Toyota"] == 2_332_623 and sold["Hyundai Motor"] == 911_805 and sold["Suzuki"] == 0


def test_japanese_makers_add_up_to_the_totals_of_their_association(known):
    table = facts.identity(known).loc[["Toyota", "Honda", "Nissan", "Subaru", "Mazda", "Mitsubishi Motors"]]
    assert table["production_units"].sum() == pytest.approx(3.28e6, rel=0.01)
    assert table["export_units"].sum() == pytest.approx(0.3e6, rel=0.06)
    from_japan = known.selected.query(
        "variable == 'us_import_units' and origin == 'JP' and period == 'CY2024'"
    )
    assert from_japan["value"].sum() == pytest.approx(1.36e6, rel=0.05)


@pytest.mark.parametrize(("year", "count"), [("CY2024", 2_771_287), ("CY2025", 2_653_897)])
def test_makers_add_up_to_the_official_count_of_mexico(known, year, count):
    rows = known.table[(known.table["origin"] == "MX") & (known.table["period"] == year)]
    rows = rows[rows["variable"] == facts.IMPORTS]
    assert count in rows.loc[rows["maker"] == "Aggregate imports", "value"].to_list()
    assert rows.loc[rows["selected"], "value"].sum() == pytest.approx(count, rel=5e-5)


def test_value_of_mexican_vehicles_is_that_of_customs(known):
    rows = known.selected[(known.selected["origin"] == "MX") & (known.selected["period"] == "CY2025")]
    table = rows.pivot(index="maker", columns="variable", values="value")
    entered = (table[facts.IMPORTS] * table["customs_value"]).sum()
    official = known.table[
        (known.table["variable"] == "us_import_value_all_vehicles")
        & (known.table["origin"] == "MX")
        & (known.table["period"] == "CY2025")
    ]
    assert entered == pytest.approx(official["value"].item(), rel=2e-3)


def test_net_income_is_to_owners_for_all_makers(known):
    rows = known.financials[known.financials["selected"] & (known.financials["metric"] == "net_income")]
    assert set(rows["company"]) == set(known.makers.index)
    assert (rows["basis"] == "to owners").all()


def test_share_count_is_that_of_the_day(known):
    in_2025, today = (facts.share_counts(known, day) for day in (date(2025, 12, 31), known.as_of))
    assert (in_2025["Honda"], today["Honda"]) == (4671, 3893)
    assert in_2025["GM"] == today["GM"]  # of which there is one count
    then = known.as_known(date(2026, 6, 15))
    assert facts.share_counts(then, then.as_of)["Honda"] == 4671


def test_a_forecast_is_no_newest_year(data):
    path = data / "companies/financials.csv"
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    plan = rows.index[rows["basis"].str.startswith("forecast") & (rows["company"] == "Subaru")][0]
    spoil(path, plan + 2, latest="true")
    with pytest.raises(DataError, match=f"row {plan + 2}: latest is 'true'; expected false for a forecast"):
        facts.load(data)


def test_identity_residual_is_what_is_left_over(known):
    table = facts.identity(known, "CY2024")
    again = table["sales_units"] - (table["production_units"] - table["export_units"] + table["import_units"])
    np.testing.assert_allclose(table["residual_units"], again)
    assert np.isnan(table.loc["Suzuki", "residual_share"])
    assert table.loc["Kia", "residual_share"] == pytest.approx(-77_068 / 796_488)
    assert table.loc["Toyota", "closes_by_construction"] and not table.loc["Kia", "closes_by_construction"]
    assert table.loc["Mitsubishi Motors", "unknown_origin_units"] > 0


@pytest.mark.parametrize(
    ("file", "row", "cells", "expected"),
    [
        ("facts/volumes.csv", 41, {"value": "-3"}, "row 41: value is '-3'; expected a value >= 0"),
        ("facts/volumes.csv", 41, {"value": "inf"}, "row 41: value is 'inf'; expected a value >= 0"),
        (
            "facts/estimates.csv",
            3,
            {"value": "1.5", "unit": "fraction_of_value"},
            "row 3: value is '1.5'; exp",
        ),
        ("facts/volumes.csv", 41, {"value": "lots"}, "row 41: value is 'lots'; expected a number"),
        ("facts/volumes.csv", 41, {"period": "last year"}, "row 41: period is 'last year'; expected CY2025"),
        (
            "facts/volumes.csv",
            41,
            {"quality": "great"},
            "row 41: quality is 'great'; expected one of reported",
        ),
        ("facts/volumes.csv", 41, {"source_title": ""}, "row 41: source_title is"),
        ("facts/estimates.csv", 3, {"low": "1e9"}, "row 3: low is 1000000000.0; expected low <= value"),
        ("facts/estimates.csv", 3, {"unit": "jpy"}, "row 3: unit is 'jpy'; expected the unit that the model"),
        (
            "facts/estimates.csv",
            3,
            {"maker": "Edsel"},
            "row 3: maker is 'Edsel'; expected a maker of data/companies",
        ),
        (
            "companies/makers.csv",
            2,
            {"reporting_currency": "yen"},
            "row 2: reporting_currency is 'yen'; expected one of",
        ),
        ("companies/financials.csv", 2, {"selected": "perhaps"}, "row 2: selected is 'perhaps'; expected"),
    ],
)
def test_a_bad_cell_names_file_row_column_value_and_remedy(data, file, row, cells, expected):
    spoil(data / file, row, **cells)
    with pytest.raises(DataError) as caught:
        facts.load(data)
    assert f"data/{file} {expected}" in str(caught.value)


def test_all_faults_are_listed_not_only_the_first(data):
    spoil(data / "facts/volumes.csv", 5, value="x")
    spoil(data / "facts/volumes.csv", 9, quality="x")
    spoil(data / "companies/makers.csv", 3, home="MARS")
    with pytest.raises(DataError) as caught:
        facts.load(data)
    message = str(caught.value)
    assert all(place in message for place in ("volumes.csv row 5", "volumes.csv row 9", "makers.csv row 3"))


def test_error_lists_the_first_faults_and_counts_the_others():
    faults = [facts.Fault("x.csv", row, "value", float("nan"), "a number") for row in range(2, 102)]
    with pytest.raises(DataError) as caught:
        facts.refuse(faults)
    first, *listed, last = str(caught.value).splitlines()
    assert (first, last) == ("100 faults in the data", "  and 70 more")
    assert listed[0] == "  x.csv row 2: value is empty; expected a number" and len(listed) == 30


def test_two_selected_readings_of_one_cell_are_refused(data):
    path = data / "facts/estimates.csv"
    line = path.read_text(encoding="utf-8").splitlines(keepends=True)[1]
    path.write_text(path.read_text(encoding="utf-8") + line, encoding="utf-8")
    with pytest.raises(DataError, match="one selected row per maker, variable, origin and period"):
        facts.load(data)


def test_unknown_and_missing_columns_and_files_are_named(data):
    path = data / "facts/values.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("quality", "grade", 1), encoding="utf-8")
    (data / "companies/disclosures.csv").unlink()
    with pytest.raises(DataError) as caught:
        facts.load(data)
    assert "grade" in str(caught.value) and "quality" in str(caught.value)
    assert "disclosures.csv: file is 'missing'" in str(caught.value)


def test_check_covers_tables_that_the_model_does_not_load(data):
    spoil(data / "watch/plants.csv", 2, lat="999")
    faults = [str(fault) for fault in facts.check(data)]
    assert faults and "data/watch/plants.csv row 2: lat is '999'" in faults[0]


def test_data_folder_is_found_by_argument_environment_and_default(data, monkeypatch, tmp_path):
    assert facts.data_dir(data) == data
    monkeypatch.setenv("TARIFFMODEL_DATA", str(data))
    assert facts.data_dir() == data
    with pytest.raises(DataError, match="not a data folder"):
        facts.data_dir(tmp_path)


def test_shortest_covering_row_wins_then_the_nearest(known):
    key = [("Toyota", "customs_value", "JP")]
    rows = known.selected.query(
        "maker == 'Toyota' and variable == 'customs_value' and origin == 'JP'"
    ).set_index("period")["value"]
    days = ["2025-02-01", "2025-06-01", "2025-12-01", "2026-06-01", "2023-01-01"]
    got = facts.resolve(known, key, [periods.parse(day) for day in days])
    expected = [
        rows["CY2025"],
        rows["2025-04..2025-09"],
        rows["2025-10..2026-03"],
        rows["2025-10..2026-03"],
        rows["CY2024"],
    ]
    assert got.value[:, 0].tolist() == expected
    assert got.carried[:, 0].tolist() == [False, False, False, True, True]


def test_flows_are_spread_over_days_and_levels_are_not(known):
    keys = [("Toyota", facts.SALES, "US"), ("Toyota", "msrp", "US")]
    whole, month = (
        facts.resolve(known, keys, [periods.parse(label)]).value[0] for label in ("CY2024", "2024-01")
    )
    assert month[0] == pytest.approx(whole[0] * 31 / 366) and month[1] == whole[1]


JAPAN = ("Toyota", facts.IMPORTS, "JP")


def over(known, *labels, key=JAPAN):
    got = facts.resolve(known, [key], [periods.parse(label) for label in labels])
    return got.value[:, 0], [facts.flows.BASIS[basis] for basis in got.basis[:, 0]]


def with_rows(known, rows, key=JAPAN):
    """Facts in which these rows stand beside the ones of the same key, instead of those of the same days."""
    table = known.table
    same = (table[facts.KEY] == list(key)).all(axis=1) & table["selected"]
    like = table[same].iloc[[0]]
    new = []
    for label, value in rows.items():
        span = periods.parse(label)
        days = {"period": label, "start": span.start, "end": span.end, "low": np.nan, "high": np.nan}
        new.append(like.assign(value=float(value), quality="reported", **days))
    gone = same & table["period"].isin(rows)
    return dataclasses.replace(known, table=pd.concat([table[~gone], *new], ignore_index=True))


def test_a_year_is_spread_over_months_as_official_imports_of_its_origin_were(known):
    customs = pd.read_csv(known.folder / "trade/us_imports.csv").query("period.str.fullmatch('2025-..')")
    every = customs[customs["goods"] == "vehicle"].set_index("period")["value_usd"]
    mexico = customs[(customs["origin"] == "MX") & customs["goods"].isin(["car", "light_truck"])]
    mexico = mexico.sort_values("vintage").drop_duplicates(["goods", "period"], keep="last")
    mexico = mexico.groupby("period")["value_usd"].sum()
    # no month of its own is selected for BMW in Europe, nor are its cars there counted by month
    europe = customs[(customs["origin"] == "EU") & (customs["goods"] == "chapter_87")]
    europe = europe.set_index("period")["value_usd"]
    rows = known.table.copy()
    rows.loc[(rows["origin"] == "MX") & (rows["period"] == "2025-01..2025-04"), "selected"] = False
    known = dataclasses.replace(known, table=rows)
    of = {"JP": JAPAN, "MX": ("Toyota", facts.IMPORTS, "MX"), "EU": ("BMW", facts.IMPORTS, "EU")}
    for key, usd in ((of["JP"], every), (of["MX"], mexico), (of["EU"], europe)):
        units, basis = over(known, "CY2025", *usd.index, key=key)
        np.testing.assert_allclose(units[1:], units[0] * usd / usd.sum(), rtol=1e-9)
        assert units[1:].sum() == units[0] and set(basis) == {"official"}
    counted = pd.read_csv(known.folder / "trade/mexico_exports.csv").query("period.str.startswith('2024')")
    months = counted.groupby("period")["units"].sum()
    units, _ = over(known, "CY2024", *months.index, key=("Toyota", facts.IMPORTS, "MX"))
    np.testing.assert_allclose(units[1:], units[0] * months / months.sum(), rtol=1e-9)


def test_an_origin_without_months_has_those_of_all(data):
    path = data / "trade/us_imports.csv"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("chapter_87")), encoding="utf-8")
    shares = facts.flows.official(facts.load(data))
    assert "EU" not in shares.index.get_level_values("origin") and ("ALL", 2025) in shares.index


def test_a_year_that_is_not_known_has_the_last_year_s_vehicles_at_the_mean_pace_of_earlier_years(known):
    units, basis = over(known, "CY2025", "CY2026", "CY2027", "2026Q1")
    assert units[0] == units[1] == units[2] and set(basis[1:]) == {"carried"}
    shares = [
        over(known, f"{year}Q1")[0].item() / over(known, f"CY{year}")[0].item() for year in (2024, 2025)
    ]
    assert min(shares) < units[3] / units[1] < max(shares)
    assert units[3] / units[1] == pytest.approx(np.mean(shares), rel=5e-3)  # but for the leap day


def test_months_add_up_to_their_quarter_and_the_rest_of_the_year_is_what_is_left(known):
    months = {"2025-01": 60_000, "2025-02": 50_000, "2025-03": 65_000}
    units, basis = over(
        with_rows(known, months), "2025Q1", "2025-01-10..2025-03-20", "CY2025", "2025-04..2025-12"
    )
    assert units[0] == 175_000 and units[2] == 610_000 and units[3] == 435_000
    assert units[1] == pytest.approx(60_000 * 22 / 31 + 50_000 + 65_000 * 20 / 31)
    assert basis[0] == "own" and basis[3] == "official"
    rest = over(known, "2025-06", "2025-04..2025-12")[0]
    assert over(with_rows(known, months), "2025-06")[0] == pytest.approx(435_000 * rest[0] / rest[1])


def test_part_of_a_year_is_weighed_against_the_year_before_and_not_read_by_its_last_month(known):
    months = {"2026-01": 40_000, "2026-02": 40_000, "2026-03": 70_000}
    after = with_rows(known, months)
    units, basis = over(after, "2026Q1", "CY2026", "CY2027", "2026-04")
    usual = over(known, "2026Q1", "CY2025", "CY2026", "2026-04")[0]
    by_months = 150_000 * usual[2] / usual[0]
    assert units[0] == 150_000 and min(by_months, usual[1]) < units[1] < max(by_months, usual[1])
    assert units[2] == pytest.approx(units[1]) and basis == ["own", "projected", "carried", "projected"]
    rest = (units[1] - units[0]) / (usual[2] - usual[0])
    assert units[3] == pytest.approx(rest * usual[3])  # what is left moves at the usual pace
    late = with_rows(known, {"2026-01": 50_000, "2026-02": 50_000, "2026-03": 50_000})
    assert over(late, "CY2027")[0] == pytest.approx(units[2])  # of the sum alone, whichever month was last


def test_own_months_of_earlier_years_draw_the_season_to_the_makers_own(known):
    """A maker that ships all its vehicles in the first half, in both years: half of the season is its own."""
    past = {
        f"{year}-{month:02}": (100_000 if month < 7 else 0) for year in (2024, 2025) for month in range(1, 13)
    }
    past |= {"CY2024": 600_000, "CY2025": 600_000}
    mine = with_rows(known, {**past, "2026-01": 50_000})
    january = np.repeat([1.0, 0.0], [1, 11])
    table = facts.seasons.series(mine)
    own, other = (
        np.exp(facts.seasons.season(table, [key], 2026, january).mean[0])
        for key in (JAPAN, ("Suzuki", facts.IMPORTS, "TH"))
    )
    assert other < own < 1 / 6
    units, _ = over(mine, "CY2026", "2026H1")
    assert 50_000 / own < units[0] < 600_000 and units[1] == pytest.approx(units[0])


def test_the_year_is_surer_the_more_of_it_is_known_and_a_later_one_less(known):
    months = {f"2026-{month:02}": 50_000 for month in range(1, 11)}
    widths = []
    for count in (0, 3, 10):
        some = with_rows(known, dict(list(months.items())[:count]))
        spans = [periods.parse(label) for label in ("CY2026", "CY2027")]
        got = facts.resolve(some, [JAPAN], spans)
        assert (got.low < got.value).all() and (got.value < got.high).all()
        widths.append(np.log(got.high / got.low)[:, 0])
    (none, later), (three, _), (ten, _) = widths
    assert later > none > three > ten


def test_all_twelve_months_are_the_year(known):
    months = {f"2026-{month:02}": 40_000 + month for month in range(1, 13)}
    spans = [periods.parse("CY2026")]
    got = facts.resolve(with_rows(known, months), [JAPAN], spans)
    assert got.value.item() == got.low.item() == got.high.item() == sum(months.values())


def test_overlapping_years_keep_their_sums(known):
    after = with_rows(known, {"FY2025-03": 560_000})
    units, _ = over(after, "FY2025-03", "CY2024", "CY2025")
    np.testing.assert_allclose(units, [560_000, 530_000, 610_000])


def test_rows_within_a_year_that_hold_more_than_it_are_refused(known, data):
    more = with_rows(known, {"2025-01": 400_000, "2025-02": 300_000})
    with pytest.raises(
        DataError, match="us_import_units of Toyota, origin JP: rows within 2025-01-01 to 2025-12-31"
    ):
        over(more, "CY2025")
    path = data / "facts/volumes.csv"
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    year = rows[(rows[facts.KEY] == list(JAPAN)).all(axis=1) & (rows["period"] == "CY2025")]
    half = [
        year.assign(period=f"2025H{n}", value=v, low="", high="") for n, v in ((1, "300000"), (2, "200000"))
    ]
    pd.concat([rows, *half]).to_csv(path, index=False)
    with pytest.raises(
        DataError, match=r"volumes.csv row \d+: value is 610000.0; expected 500,000, what the shorter"
    ):
        facts.load(data)


def test_a_what_if_keeps_what_was_read_of_official_months(known):
    facts.flows.official(known)
    doubled = known.with_values({JAPAN: lambda units: 2 * units})
    assert doubled.kept_of_files is known.kept_of_files and not doubled.kept
    assert over(doubled, "2025Q1")[0] == pytest.approx(2 * over(known, "2025Q1")[0])


def test_exchange_rates_are_per_dollar_in_both_directions_of_quotation(known):
    span = periods.parse("2025-09")
    assert 130 < facts.fx_rate(known, "JPY", span, date(2026, 1, 1)) < 160
    assert 0.8 < facts.fx_rate(known, "EUR", span, date(2026, 1, 1)) < 0.9
    with pytest.raises(DataError, match="no exchange rate for BRL"):
        facts.fx_rate(known, "BRL", span, date(2026, 1, 1))


def test_every_variable_of_the_model_has_selected_rows(known):
    assert set(MODEL_UNITS) <= set(known.selected["variable"])


def test_files_of_a_snapshot_are_read_with_their_further_columns(data):
    known = facts.load(data)
    fx = pd.read_parquet(data / "market/fx.parquet")
    more = fx[fx["date"] == fx["date"].max()].assign(date=pd.Timestamp("2026-11-02"), source="yahoo")
    with store.writing(data, "test") as staging:
        (staging / "market").mkdir()
        pd.concat([fx.assign(source="ECB"), more]).to_parquet(staging / "market/fx.parquet")
    after = facts.load(data)
    assert after.as_of == date(2026, 11, 2) and known.as_of < after.as_of  # known reads on as loaded
    pd.testing.assert_frame_equal(after.fx.iloc[:-1], known.fx.copy())


def test_rows_of_the_user_are_checked_like_the_bundled_ones(data):
    row = pd.read_csv(data / "facts/volumes.csv", dtype=str, keep_default_na=False).iloc[[40]]
    with store.writing(data, "test") as staging:
        (staging / "facts").mkdir()
        row.assign(value="-3").to_csv(staging / "facts/own.csv", index=False)
    expected = "a value >= 0, and <= 1 for a fraction, not infinite"
    fault = f"data/facts/own.csv row 2: value is '-3'; expected {expected}"
    with pytest.raises(DataError, match=fault):
        facts.load(data)
    assert fault in [str(one) for one in facts.check(data)]


def test_two_selected_readings_of_the_same_days_are_refused_however_written(data):
    path = data / "facts/volumes.csv"
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    chosen = rows[(rows["selected"] == "true") & (rows["period"] == "CY2024")].iloc[[0]]
    pd.concat([rows, chosen.assign(period="2024-01..2024-12")]).to_csv(path, index=False)
    with pytest.raises(DataError, match="one selected row per maker, variable, origin and period"):
        facts.load(data)


def test_facts_whose_snapshot_was_removed_ask_to_be_loaded_again(data):
    with store.writing(data, "test") as staging:
        (staging / "note.txt").write_text("x")
    known = facts.load(data)
    store.restore(data, "bundled")
    assert not known.prices.empty
    old = facts.load(data)
    shutil.rmtree(known.overlay)
    assert old.prices.equals(known.prices)
    with pytest.raises(DataError, match="has been removed since these facts were loaded; load them again"):
        known.fx.head()


def test_a_snapshot_written_while_loading_is_read_whole(data, monkeypatch):
    reads = []

    def slow(*arguments):
        reads.append(arguments)
        if len(reads) == 2:  # somebody adds a row between two files
            row = pd.read_csv(data / "facts/volumes.csv", dtype=str, keep_default_na=False).iloc[[40]]
            with store.writing(data, "test") as staging:
                (staging / "facts").mkdir()
                row.to_csv(staging / "facts/own.csv", index=False)
        return read(*arguments)

    read = tables._read
    monkeypatch.setattr(tables, "_read", slow)
    known = facts.load(data)
    assert (known.table["file"] == "data/facts/own.csv").sum() == 1
    assert known.overlay == store.overlay(data)


def test_facts_in_use_are_read_again_once_a_file_is_written_to(data):
    known = facts.load(data)
    assert facts.load(data) is known
    path = data / "facts/volumes.csv"
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    rows.loc[rows.index[0], "note"] = "another note"
    rows.to_csv(path, index=False)
    again = facts.load(data)
    assert (
        "another note" in again.table["note"].to_list()
        and "another note" not in known.table["note"].to_list()
    )
    assert again.makers.equals(known.makers)
