"""Who feels it at second hand: the tables give what BEA publishes, jobs add up, shares are judged fairly."""

from __future__ import annotations

from datetime import date

import matplotlib
import numpy as np
import pandas as pd
import pytest
from legible import faults

from tariffmodel import charts, facts, input_output, places, shapes, states, suppliers
from tariffmodel.errors import DataError
from tariffmodel.facts.tables import read

LOOK = {"source": "a source", "as_of": date(2026, 11, 28)}
ORDER = "2025-03-26-auto-duty-order"
LINES = ["CLF", "NUE", "LEA", "BWA", "CSX", "APTV", "AN", "9101.T"]


@pytest.fixture(scope="module")
def table(known: facts.Facts) -> pd.DataFrame:
    return input_output.table(known)


@pytest.fixture(scope="module")
def ripples(known: facts.Facts) -> suppliers.Reactions:
    return suppliers.reactions(known, [ORDER, "2025-07-22-japan-deal"], LINES)


def said(chart: charts.Chart) -> str:
    return " ".join(t.get_text().replace("\n", " ") for t in chart.figure.findobj(matplotlib.text.Text))


# Industries ---------------------------------------------------------------------------------------


def test_requirements_are_those_that_bea_publishes(known):
    found = input_output.multipliers(known)["multiplier"]
    published = {"336112": 2.1967, "336111": 2.1580, "3361MV": 2.115}
    np.testing.assert_allclose(found[list(published)], list(published.values()), atol=1e-3)


def test_final_demand_runs_through_the_requirements_back_to_output(known):
    """From the raw cells: what no US industry uses, net of what is imported, needs all of output."""
    cells = read(known, input_output.SUMMARY)
    total = input_output.requirements(known)

    def wide(name):
        rows = cells[cells["table"] == name]
        found = rows.pivot(index="line", columns="column", values="value")
        return found.reindex(index=total.columns, columns=total.index).fillna(0)

    output = cells[cells["table"] == "output"]
    commodity = output[output["line"] == "all"].set_index("column")["value"][total.columns]
    industry = output[output["column"] == "all"].set_index("line")["value"][total.index]
    final = commodity - (wide("use") - wide("import_use")).sum(axis=1)
    np.testing.assert_allclose(total @ final, industry, rtol=1e-4)  # cells are whole millions


def test_output_of_vehicles_is_what_is_asked_and_the_rest_is_the_multiplier(known, table):
    usd = 100_000 * input_output.value_per_vehicle(known)
    np.testing.assert_allclose(table.at["assembly", "output_usd"], usd)
    moved = input_output._benchmark(known)
    cells, output = input_output._cells(known), input_output._output(known)
    np.testing.assert_allclose(moved[input_output.VEHICLES], output / output.sum())
    final = np.linalg.inv(cells.loc[input_output.VEHICLES]) @ (output / output.sum())
    np.testing.assert_allclose(table["output_usd"].sum() / usd, cells.loc["all"] @ final)


def test_vehicles_scale_everything_and_a_loss_turns_it_over(known, table):
    lost = input_output.table(known, -50_000)
    numbers = ["output_usd", "jobs", "imports_usd"]
    pd.testing.assert_frame_equal(lost[numbers].sort_index(), -0.5 * table[numbers].sort_index())
    assert (lost["output_low_usd"] <= lost["output_high_usd"]).all()
    assert (lost["jobs_low"].dropna() <= lost["jobs_high"].dropna()).all()


def test_dollars_of_another_year_are_deflated_or_refused(known, table):
    value = input_output.value_per_vehicle(known)
    then = input_output.table(known, value_usd=value * 102.291 / 125.428, year=2018)
    np.testing.assert_allclose(then["output_usd"].sum(), table["output_usd"].sum())
    with pytest.raises(DataError, match=r"deflator\.csv has no index of 1999; add a row"):
        input_output.table(known, value_usd=20_000, year=1999)


@pytest.mark.parametrize(("code", "near"), [("336375", "336370"), ("steel", "331110"), ("3361", "3361MV")])
def test_an_unknown_industry_names_the_nearest(known, code, near):
    with pytest.raises(DataError, match=rf"no industry '{code}'; the nearest: .*{near} \("):
        input_output.sector(known, code)


def test_small_spillovers_are_summed_and_not_printed(table):
    shown = input_output.printed(table)
    least = input_output.LEAST * table.at["assembly", "output_usd"]
    assert (shown.drop("others")[["output_usd", "imports_usd"]].max(axis=1) > least).all()
    dropped = table.loc[table.index.difference(shown.index)].drop("unlisted")
    assert (dropped[["output_usd", "imports_usd"]].max(axis=1) <= least).all() and len(dropped) > 10
    numbers = ["output_usd", "jobs", "imports_usd"]
    np.testing.assert_allclose(shown[numbers].sum(), table[numbers].sum())


def test_imported_parts_stand_between_the_official_readings(known):
    found = input_output.parts_content(known)["per_us_built_usd"]
    assert (
        found["input-output 2024: motor vehicle goods"] < found["input-output: vehicle industry's own goods"]
    )
    ours = found["input-output 2024: motor vehicle goods"] / input_output.value_per_vehicle(known)
    assert abs(ours - 0.1223) < 0.01  # the benchmark's own figure for parts


# States -------------------------------------------------------------------------------------------


def test_jobs_of_states_add_up_to_those_of_industries(known):
    change = pd.Series({"Toyota": 40_000.0, "Subaru": 60_000.0, "Ferrari": 10_000.0, "Tesla": -5_000.0})
    found, whole = states.of_output(known, change), input_output.table(known, change.sum())
    np.testing.assert_allclose(found["jobs"].sum(), whole["jobs"].sum())
    np.testing.assert_allclose(found["vehicles"].sum(), change.sum())
    assert found.at["no place", "vehicles"] == pytest.approx(10_000)  # Ferrari builds nothing in the US
    capacity = {"KY": 550, "IN": 420, "TX": 208, "MS": 170, "AL": 150}
    share = capacity["IN"] / sum(capacity.values())
    assert found.at["IN", "vehicles"] == pytest.approx(60_000 + 40_000 * share)
    assert found.at["CA", "vehicles"] < 0 < found.at["MI", "supplier_jobs"]


def test_suppliers_go_by_employment_and_what_is_withheld_has_no_place(known):
    rows = read(known, states.EMPLOYMENT)
    rows = rows[rows["sector"] == "3361MV"].set_index("state")["value"]
    found = states.of_output(known, pd.Series({"Subaru": 1e5}))
    parts = input_output.table(known, 1e5).at["3361MV", "jobs"]
    others = [name for name in states._shares(known) if name != "3361MV"]
    rest = (states._shares(known)[others] * input_output.table(known, 1e5)["jobs"][others]).loc["MI"].sum()
    assert found.at["MI", "supplier_jobs"] - rest == pytest.approx(parts * rows["MI"] / rows["US"])
    assert rows.drop("US").sum() < rows["US"]  # so some states are withheld
    assert found.at["no place", "supplier_jobs"] > parts * (1 - rows.drop("US").sum() / rows["US"])


def test_plants_that_are_idle_or_planned_build_nothing(known):
    built = set(places.plants(known)["plant"])
    assert not built & {
        "Belvidere Assembly",
        "Orion Assembly",
        "Scout Motors",
        "Rouge Electric Vehicle Center",
    }
    assert {"Subaru of Indiana Automotive", "Fairfax Assembly"} <= built


def test_bad_makers_are_refused(known):
    with pytest.raises(DataError, match="no maker 'Trabant'"):
        states.of_output(known, pd.Series({"Trabant": 1.0}))
    with pytest.raises(DataError, match="vehicles of Toyota are missing"):
        states.of_output(known, pd.Series({"Toyota": np.nan}))


def test_outlines_close_share_borders_and_have_the_areas_of_the_states(known):
    found = shapes.states(known)

    def area(state):
        rings = (one - one[0] for one in found[state])
        return sum(abs((r[:-1, 0] * r[1:, 1] - r[1:, 0] * r[:-1, 1]).sum()) / 2 for r in rings)

    assert all((ring[0] == ring[-1]).all() for rings in found.values() for ring in rings)
    # square kilometres with the water of the outlines, equal-area: 269,601, 253,335, 695,662
    assert area("TX") / area("CO") == pytest.approx(695_662 / 269_601, rel=0.03)
    assert area("WY") / area("CO") == pytest.approx(253_335 / 269_601, rel=0.03)
    border = [{tuple(point) for ring in found[state] for point in ring} for state in ("CO", "WY")]
    assert len(border[0] & border[1]) >= 2


# Shares -------------------------------------------------------------------------------------------


def test_predictions_are_share_times_driver_and_carriers_have_a_sign_alone(known, ripples):
    links, rows = suppliers.links(known), ripples.rows.set_index(["event", "ticker"])
    assert links.at["9101.T", "sign"] == -1 and "hang on vehicles" in links.at["9101.T", "gap"]
    assert links.at["NUE", "gap"] == "the firm's auto share" and links.at["WAWI.OL", "gap"] == "prices"
    lear = rows.loc[(ORDER, "LEA")]
    assert lear["predicted"] == pytest.approx(
        links.at["LEA", "share_carried"] * ripples.drivers.at[ORDER, "us_output"]
    )
    cliffs = rows.loc[(ORDER, "CLF")]
    assert cliffs["predicted"] == pytest.approx(0.30 * ripples.drivers.at[ORDER, "us_output"])
    carrier = rows.loc[(ORDER, "9101.T")]
    assert np.isnan(carrier["predicted"]) and carrier["driver_change"] == ripples.drivers.at[ORDER, "imports"]


def test_the_slope_is_least_squares_with_event_effects(ripples):
    known = ripples.rows.dropna(subset="predicted")
    effects = pd.get_dummies(known["event"], dtype=float)
    design = np.column_stack([known["predicted"], effects])
    expected = np.linalg.lstsq(design, known["car"], rcond=None)[0][0]
    pooled = ripples.slope().loc["all"]
    assert pooled["slope"] == pytest.approx(expected)
    rest = known[known["ticker"] != pooled["most_weight"]]
    design = np.column_stack([rest["predicted"], effects.loc[rest.index]])
    assert pooled["slope_without"] == pytest.approx(np.linalg.lstsq(design, rest["car"], rcond=None)[0][0])
    left = [known[name] - known.groupby("event")[name].transform("mean") for name in ("predicted", "car")]
    assert pooled["correlation"] == pytest.approx(np.corrcoef(*left)[0, 1])
    assert -1 <= pooled["correlation_low"] < pooled["correlation"] < pooled["correlation_high"] <= 1


def test_roles_and_lines_have_an_interval_and_no_line_passes_alone(ripples):
    roles, lines = ripples.by_role(), ripples.by_line()
    for frame, name in ((roles, "signed"), (lines, "slope")):
        assert (frame[f"{name}_low"] < frame[f"{name}_high"]).all()
    assert (lines["p_holm"] >= lines["p_slope"]).all()
    assert (lines["reading"] == "not told from zero").equals(lines["p_holm"] > 0.05)


def test_lines_that_cannot_be_studied_are_named(known, ripples):
    with pytest.raises(DataError, match="WAWI.OL has no prices; choose from CLF"):
        suppliers.reactions(known, [ORDER], ["WAWI.OL"])
    with pytest.raises(DataError, match=r"SPY is not in data/spillovers/tickers\.csv"):
        suppliers.reactions(known, [ORDER], ["SPY"])
    few = suppliers.Reactions(ripples.rows[ripples.rows["ticker"] == "LEA"], ripples.drivers, ripples.against)
    with pytest.raises(DataError, match="no event has 5 lines with different predictions"):
        few.slope()


# Charts and command -------------------------------------------------------------------------------


def test_a_map_says_what_is_on_it_and_what_is_not(known):
    found = states.of_output(known, pd.Series({"Subaru": 3e5, "Tesla": -2e5}))
    chart = charts.state_map(found, shapes.states(known), case="a case", **LOOK)
    words = said(chart)
    assert "fewer jobs" in words and "more jobs" in words and "not on the map" in words
    assert chart.title.endswith(f"most in IN: {found.at['IN', 'jobs'] / 1e3:.1f} thousand")
    flat = charts.state_map(found * 0.0, shapes.states(known), case="a case", **LOOK)
    assert flat.title == "No job comes or goes"


@pytest.mark.parametrize("width", [charts.COLUMN_CM, charts.PAGE_CM])
def test_every_chart_is_legible_at_either_width(known, table, ripples, width):
    found = states.of_output(known, pd.Series({"Subaru": 3e5}))
    one = ripples.rows[ripples.rows["event"] == ORDER]
    drawn = [
        charts.industry_bars(table, vehicles=1e5, **LOOK, width_cm=width),
        charts.state_map(found, shapes.states(known), case="a case", **LOOK, width_cm=width),
        charts.predicted_and_realised(
            one, ripples.slope().loc[ORDER], event="An order", case="a case", **LOOK, width_cm=width
        ),
        charts.line_forest(ripples.by_line(), case="a case", **LOOK, width_cm=width),
    ]
    for chart in drawn:
        assert faults(chart.figure) == [], chart.title


def test_the_command_gives_industries_states_and_refuses_both(tm):
    code, out, _ = tm("spillovers", "--vehicles", "100000", "--format", "csv")
    assert (
        code == 0 and out.startswith("sector,sector_name,output_usd") and "\nassembly,Light vehicles," in out
    )
    code, out, _ = tm("spillovers", "--states", "--period", "CY2026")
    assert code == 0 and "MI" in out and "no place" in out
    assert tm("spillovers", "--states", "--vehicles", "5")[0] == 2
