"""One home's makers against all others: the panel, the sums and what is refused; and its chart."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from legible import faults

from tariffmodel import charts, events, homes
from tariffmodel.errors import DataError
from tariffmodel.facts import Facts

DEAL = "2025-07-22-japan-deal"


@pytest.fixture(scope="module")
def found(known: Facts) -> homes.HomeEffect:
    return homes.effect(known, DEAL, "JP")


@pytest.fixture(scope="module")
def study(known: Facts) -> events.EventStudy:
    return events.tariff_study(known, events=[DEAL], window=(-10, 1), estimation=240)


def test_the_panel_holds_residuals_and_abnormal_returns_in_event_time(study):
    moves, left_out = homes.panel(study)
    assert left_out.empty and moves.index[-1] == 1 and moves.index[0] >= -250
    np.testing.assert_array_equal(moves["7203.T"].loc[-10:], study.ar.loc[(DEAL, "7203.T")])
    rows = moves.index[moves.index < -10]
    residuals = pd.Series(study.estimates.residuals[0], range(-250, -10))
    np.testing.assert_array_equal(moves.iloc[:, 0].loc[rows], residuals[rows])


def test_the_difference_is_that_of_cumulative_abnormal_returns_less_what_is_usual(known, study, found):
    car = study.car((0, 1))["car"].droplevel("event")
    home = known.instruments["company"].reindex(car.index).map(known.makers["home"])
    moves, _ = homes.panel(study)
    own = moves.columns[(home == "JP").to_numpy()]
    usual = (moves[own].mean(axis=1) - moves.drop(columns=own).mean(axis=1)).loc[:-1].mean()
    expected = car[home == "JP"].mean() - car[home != "JP"].mean() - 2 * usual
    assert found.table.loc["difference", "car"] == pytest.approx(expected)
    assert found.table.loc["difference", "car"] == pytest.approx(2 * found.difference.fit.params["treated"])
    assert found.path.loc[-10, "home"] == pytest.approx(moves[own].loc[-10].mean())
    assert found.path.loc[1, "difference"] == pytest.approx(
        found.path.loc[1, "home"] - found.path.loc[1, "others"]
    )


def test_each_row_has_its_error_its_range_and_what_its_p_is_counted_among(found):
    assert (found.table["low"] < found.table["car"]).all() and (
        found.table["car"] < found.table["high"]
    ).all()
    assert (found.table["p_time"] >= 1 / found.table["draws_time"]).all()
    assert found.table.loc["difference", "draws_unit"] == len(found.difference.placebos)
    assert found.mix.weights.sum() == pytest.approx(1)
    assert "JP" in found.mix.placebos.index[0]


def test_what_is_added_to_one_home_is_found_whole(known, study, monkeypatch):
    """Ten per cent on each Japanese share on day 0 moves both comparisons by ten points."""
    before = homes.effect(known, DEAL, "JP").table["car"]
    japanese = known.makers.index[known.makers["home"] == "JP"]
    shares = known.instruments.index[known.instruments["company"].isin(japanese)]
    plain = homes.panel

    def raised(one):
        moves, left_out = plain(one)
        moves.loc[0, moves.columns.isin(shares)] += 0.1
        return moves, left_out

    monkeypatch.setattr(homes, "panel", raised)
    after = homes.effect(known, DEAL, "JP")
    np.testing.assert_allclose(after.table["car"] - before, 0.1, atol=1e-9)
    assert (after.table["p_time"] < 0.02).all()


def test_shares_without_the_window_are_left_out_by_name(known):
    random, days = np.random.default_rng(0), pd.bdate_range("2025-01-02", periods=90)
    moves = pd.DataFrame(random.normal(0, 0.01, (90, 3)), days, ["A", "B", "C"])
    moves.loc[days[80], "B"] = np.nan
    moves.loc[days[40], "C"] = np.nan
    one = events.study(moves, days[80], model="mean", window=(-5, 1), estimation=60)
    panel, left_out = homes.panel(one)
    assert left_out["line"].tolist() == ["B"] and "event window" in left_out["reason"].iloc[0]
    assert list(panel) == ["A", "C"] and -40 not in panel.index and len(panel) == 66


def test_what_makes_no_comparison_is_refused(known):
    with pytest.raises(DataError, match="0 of .* shares have the home 'ZZ'; there are EU, JP, KR, US"):
        homes.effect(known, DEAL, "ZZ")
    with pytest.raises(DataError, match="let them meet"):
        homes.panel(events.tariff_study(known, events=[DEAL], tickers=["7203.T", "F"], window=(-5, 1)))
    both = [DEAL, "2025-07-27-eu-deal"]
    with pytest.raises(DataError, match="a panel is of one event"):
        homes.panel(events.tariff_study(known, events=both, tickers=["7203.T", "F"], estimation=240))


@pytest.mark.parametrize("width", [charts.COLUMN_CM, charts.PAGE_CM])
def test_the_chart_says_what_the_table_does_and_is_legible(found, width):
    look = {"case": "a case", "source": "a source", "as_of": date(2026, 10, 30)}
    chart = charts.home_apart(found.path, found.table, home="JP", event="Japan deal", width_cm=width, **look)
    row = found.table.loc["difference"]
    title = chart.title.replace("\u2212", "-")
    assert f"{100 * row['car']:+.1f} points" in title
    assert ("not told" in title) == (row["p_time"] >= 0.05)
    fig = chart.figure
    assert faults(fig) == []
    labels = {text.get_text() for text in fig.axes[0].texts}
    assert {"all others", "mix of others"} < labels
    np.testing.assert_allclose(fig.axes[0].lines[0].get_ydata(), found.path["home"])
