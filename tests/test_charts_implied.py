"""Charts of implied probabilities say what their tables say, and draw what lies beyond 0 and 1."""

from __future__ import annotations

from datetime import date

import matplotlib
import numpy as np
import pandas as pd
import pytest
from legible import faults_at_both_widths

from tariffmodel import charts

LOOK = {"case": "a case", "source": "a source", "as_of": date(2026, 10, 30)}


def said(chart: charts.Chart) -> str:
    return " ".join(t.get_text().replace("\n", " ") for t in chart.figure.findobj(matplotlib.text.Text))


def path(before: float, low: float, high: float, reason: str = "") -> pd.DataFrame:
    rows = {
        "date": pd.to_datetime(["2025-07-22", "2025-09-04"]), "outcome": "A deal", "change": [0.5, 0.1],
        "change_low": 0.0, "change_high": 0.6, "before": [before, 0.9], "before_low": [low, 0.8],
        "before_high": [high, 1.0], "after": [0.9, 1.0], "after_low": [0.8, 1.0], "after_high": [1.0, 1.0],
        "beside": ["", "2025-09-05-other"], "reason": [reason, ""],
    }  # fmt: skip
    return pd.DataFrame(rows, ["2025-07-22-japan-deal", "2025-09-04-japan-order"])


@pytest.mark.parametrize(
    ("numbers", "title"),
    [
        ((0.4, 0.2, 0.6), "A deal: 40% likely before 22 Jul 2025, 20% to 60%"),
        ((0.4, -0.2, 1.6), "A deal: prices cannot tell how likely it was before 22 Jul 2025"),
        ((-1.1, -3.0, 0.6), "A deal: prices give −110% before 22 Jul 2025, −300% to 60%, no probability"),
    ],
)
def test_the_title_says_what_prices_held_before_the_largest_move(numbers, title):
    chart = charts.implied_path(path(*numbers), **LOOK)
    assert chart.title == title and faults_at_both_widths(chart) == []
    bottom, top = chart.figure.axes[0].get_ylim()
    assert bottom < min(numbers[0], 0) and top > 1  # an estimate is never off the axis
    assert ("run off the axis" in said(chart)) == (numbers[1] < bottom or numbers[2] > top)


def test_a_contract_stands_at_its_day_and_price_with_its_words():
    point = {
        "date": pd.to_datetime(["2025-04-20"]),
        "price": [0.9],
        "platform": ["Market"],
        "contract": ["by July"],
    }
    chart = charts.implied_path(path(0.4, 0.2, 0.6), pd.DataFrame(point), **LOOK)
    assert "In one window with other events: (2)" in said(chart)
    assert "Market 90%: by July" in said(chart) and "(1) 22 Jul 2025 Japan deal" in said(chart)


def test_what_is_not_read_is_not_drawn_and_says_why():
    chart = charts.implied_path(path(np.nan, np.nan, np.nan, "wrong sign"), **LOOK)
    assert "22 Jul 2025 Japan deal: wrong sign" in said(chart) and "before 4 Sep 2025" in chart.title
    drawn = [line.get_ydata() for line in chart.figure.axes[0].lines if len(line.get_ydata()) == 2]
    assert not any(np.isclose(line, 0.4).any() for line in drawn)
    nothing = path(np.nan, np.nan, np.nan).assign(before=np.nan, after=np.nan)
    assert charts.implied_path(nothing, **LOOK).title == "A deal: prices cannot be read"


def test_the_curve_names_both_its_ends():
    iso = pd.DataFrame({"probability": [0.4, 0.2, 0.1]}, pd.Index([2.0, 5.0, 10.0], name="life_years"))
    iso = iso.assign(probability_low=0.05, probability_high=[0.9, 0.5, 0.2])
    chart = charts.implied_iso(iso, event="Deal", **LOOK)
    assert chart.title == "The move says 40% more likely if the duty lasts 2 years, 10% if 10"
    assert "20% at 5 years" in said(chart) and "not the point on it" in said(chart)
