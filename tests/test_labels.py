"""A label is read with its own point, line or day; a matrix and a long record stay legible in a column."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from legible import faults
from matplotlib.text import Annotation, Text

from tariffmodel import case, charts, comparison, notebook
from tariffmodel.charts import house, labels
from tariffmodel.runs import page

ABOUT = {"source": "a source", "as_of": date(2026, 10, 30)}
COLUMN = charts.COLUMN_CM


def axes(**limits):
    with house.house_style():
        fig = house.figure("A title", "A unit", [], COLUMN, body_cm=6)
        return fig, fig.add_subplot(**limits)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_label_is_nearest_to_its_own_point_or_a_line_leads_there(seed):
    rng = np.random.default_rng(seed)
    at = np.vstack([rng.normal(size=(12, 2)), rng.normal(scale=0.1, size=(4, 2))])  # some in a cluster
    points = pd.DataFrame(at, columns=["x", "y"]).assign(color="#000000")
    points = points.assign(low=points["y"] - 0.2, high=points["y"] + 0.2)
    points["label"] = [f"Maker {n}" if n % 2 == 0 or n > 11 else "" for n in range(16)]
    with house.house_style():
        fig, ax = axes(xlim=(-3, 3), ylim=(-3, 3))
        labels.label_points(fig, ax, points, np.array([[-3.0, -3.0], [3.0, 3.0]]))
        house.finish(fig, "Dots")
        fig.draw_without_rendering()
    dots = ax.transData.transform(at)
    led = {tuple(np.round(text.xy, 9)) for text in ax.texts if text.arrow_patch is not None}
    names = [text for text in ax.texts if text.get_text()]
    assert len(names) == (points["label"] != "").sum()
    boxes = [Text.get_window_extent(text) for text in names]
    for text, box in zip(names, boxes, strict=True):
        assert not box.count_overlaps([other for other in boxes if other is not box])
        away = np.hypot(*np.maximum(np.maximum(box.min - dots, dots - box.max), 0).T)
        own = points.index[points["label"] == text.get_text().replace("\n", " ")][0]
        assert away.argmin() == own or tuple(np.round(at[own], 9)) in led


def test_names_of_lines_lead_to_their_ends_and_keep_apart():
    ends = [(3.0, 1.0, "firm", "black"), (1.0, 1.02, "country", "black"), (3.0, 2.9, "law", "black")]
    fig, ax = axes(xlim=(0, 3), ylim=(0, 3))
    labels.label_ends(ax, ends)
    house.finish(fig, "Lines").figure.draw_without_rendering()
    assert {text.get_text(): text.xy for text in ax.texts} == {text: (x, y) for x, y, text, _ in ends}
    assert all(isinstance(text, Annotation) and text.arrow_patch is not None for text in ax.texts)
    heights = [Text.get_window_extent(text) for text in ax.texts]
    assert not heights[0].overlaps(heights[1])


def test_a_day_keeps_its_own_line_where_its_name_has_to_move():
    days = {"offset report": 20_210, "offset order": 20_211, "deal": 20_300}
    _, ax = axes(xlim=(20_100, 20_700), ylim=(0, 1.5))
    labels.label_days(ax, days, foot=1.0)
    feet = [line.get_xdata()[0] for line in ax.lines[::2]]
    assert feet == sorted(map(float, days.values()))
    heads = [line.get_xdata()[1] for line in ax.lines[1::2]]
    assert heads == [text.get_position()[0] for text in ax.texts] and heads[1] - heads[0] > 5


@pytest.mark.parametrize(
    ("first", "last", "most", "said"),
    [
        ("2025-01-01", "2025-04-20", 6, ["Jan\n2025", "Feb", "Mar", "Apr"]),
        ("2024-12-20", "2026-03-01", 5, ["Jan\n2025", "Apr", "Jul", "Oct", "Jan\n2026"]),
        ("2019-06-01", "2026-03-01", 7, [str(year) for year in range(2020, 2027)]),
        ("2026-05-04", "2026-05-28", 7, ["12 May\n2026", "20 May\n2026"]),
    ],
)
def test_every_date_stands_at_its_own_tick(first, last, most, said):
    _, ax = axes(xlim=labels.date2num(pd.to_datetime([first, last])))
    labels.date_axis(ax, most)
    assert [tick.get_text() for tick in ax.get_xticklabels()] == said
    days = pd.to_datetime(labels.num2date(ax.get_xticks()))
    if len(said) > 2:
        assert set(days.day) == {1}


def test_a_matrix_has_its_figures_at_every_width_and_says_their_unit():
    rows = pd.Index([f"Maker {n}" for n in range(19)] + ["US Treasury"])
    values = np.linspace(-2.3e10, 5.6e10, 20 * 13).reshape(20, 13)
    change = pd.DataFrame(values, rows, [f"Policy {n}" for n in range(13)])
    wide = charts.gains_and_losses(
        change, baseline="law", case="a case", period="CY2027", width_cm=charts.PAGE_CM, **ABOUT
    )
    narrow = wide.redraw(COLUMN)
    assert "USD m (" in wide.alt and "USD bn (" in narrow.alt and wide.title.startswith("CY2027: ")
    told = [text.get_text() for text in narrow.figure.axes[0].texts]
    assert told[0] == "\u221223.0" and min(text.get_size() for text in narrow.figure.axes[0].texts) >= 4.5
    assert faults(narrow.figure) == []
    worth = charts.worth_of_one_more(change.iloc[:-1] / 1e6, unit="vehicle", case="a case", **ABOUT)
    assert worth.alt.split(". ")[1].startswith("Thousand USD off the bill")


def test_a_long_record_shows_the_best_of_each_share_and_counts_them_all():
    index = pd.MultiIndex.from_product([[f"{n}.T" for n in range(17)], [f"H{n}" for n in range(7)]])
    record = pd.DataFrame(index=index.set_names(["ticker", "hedge"]))
    record["out_of_sample"] = np.random.default_rng(1).uniform(-0.2, 0.8, len(record))
    record = record.assign(called=record.index.get_level_values("hedge"), one_to_one=0.1, over_low=0.0)
    record = record.assign(
        low=record["out_of_sample"] - 0.1, high=record["out_of_sample"] + 0.1, over_high=0.1
    )
    record = record.assign(helps=record["low"] > 0)
    names = {f"{n}.T": f"Maker {n}" for n in range(17)}
    chart = charts.hedge_record(record, names, case="a case", width_cm=COLUMN, **ABOUT)
    assert chart.title.startswith(f"{record['helps'].sum()} of 119 hedges help")
    assert "of each share the best 3, of 119 in all" in chart.figure.texts[2].get_text().replace("\n", " ")
    (drawn,) = chart.figure.axes
    shown = {f"{v:z.0%}".replace("-", "\u2212") for v in record["out_of_sample"].groupby("ticker").max()}
    assert shown <= {text.get_text() for text in drawn.texts} and len(drawn.get_yticklabels()) == 51
    assert faults(chart.figure) == []


def test_amounts_open_with_their_period_and_the_report_names_other_periods_than_its_own(tmp_path):
    bills = pd.DataFrame({"bill_usd": [4e9], "bill_low_usd": [3e9], "bill_high_usd": [5e9], "home": "JP"})
    bills = bills.assign(consolidated_in=None).set_axis(["Toyota"])
    for name, period in (("02_policies", "FY2026-03"), ("00_policies", "CY2027"), ("05_path", "")):
        chart = charts.policy_comparison({"law": bills}, case="a case", period=period, **ABOUT)
        assert chart.title.startswith(f"{period}: Toyota owes" if period else "Toyota owes")
        charts.export(chart, name, bills, tmp_path)
    found = {path.stem: path for path in sorted((tmp_path / "charts").glob("*.json"))}
    assert page._other_periods(found, "FY2026-03") == "CY2027 in 00_policies"


def test_the_same_policy_saves_in_one_period_and_costs_in_another(known):
    asked = case("current-law", "before-april-2025", "FY2026-03", data=known)
    names = ["japan-flexible-linear-country", "flat-25"]
    found = comparison.over_periods(asked, names, ["FY2026-03", "CY2027"])
    for period in ("FY2026-03", "CY2027"):
        sums = comparison.changes(asked.replace(period=period), names)["change_usd"]
        for name in names:
            assert found.at[(name, period), "change_usd"] == pytest.approx(sums[name, comparison.TREASURY])
    wide = found["change_usd"].unstack("period")
    turns = wide.index[np.sign(wide["FY2026-03"]) != np.sign(wide["CY2027"])]
    said = notebook.across_periods(found, dict(zip(names, names, strict=True)))
    assert [name in said for name in names] == [name in turns for name in names]
    assert f"under {len(turns)} of 2 policies" in said or not len(turns)
    assert notebook.across_periods(found.xs("CY2027", level=1, drop_level=False), {}) == ""
