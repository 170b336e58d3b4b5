"""A study of abnormal returns that came aligned is the study that gave them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tariffmodel import event_tests as et
from tariffmodel import events
from tariffmodel.errors import DataError


@pytest.fixture(scope="module")
def study():
    """Two events a year apart; mean-adjusted returns, of which nothing but the mean was estimated."""
    random = np.random.default_rng(0)
    days = pd.bdate_range("2023-01-02", periods=420)
    firms = [f"F{i}" for i in range(8)]
    values = random.normal(0, 0.02, (420, 8)) + random.normal(0, 0.01, (420, 1))
    rows = pd.DataFrame([(e, f, d) for e, d in (("one", days[110]), ("two", days[300])) for f in firms],
                        columns=["event", "firm", "date"])  # fmt: skip
    return events.study(
        pd.DataFrame(values, days, firms), rows, model="mean", estimation=(-80, -11), window=(-10, 10)
    )


def tables(study):
    index = study.firm_events.index
    return pd.DataFrame(study.estimates.residuals, index, range(-80, -10)), study.ar


def test_every_test_is_that_of_the_study_which_gave_the_returns(study):
    before, around = tables(study)
    given = events.from_event_time(before, around, parameters=1)
    for window in ((0, 0), (-1, 1), (-10, 10)):
        pd.testing.assert_frame_equal(given.car(window), study.car(window))
        pd.testing.assert_frame_equal(given.tests(window), study.tests(window))
    left, right = given.by_event((0, 1)), study.by_event((0, 1))
    pd.testing.assert_frame_equal(left.drop(columns="date"), right.drop(columns="date"))
    pd.testing.assert_frame_equal(given.caar, study.caar)
    assert given.bhar()["bhar"].isna().all()  # nothing is known of normal returns
    assert "model: given" in given.summary()
    assert given.select(events=["one"]).car().shape[0] == 8
    assert set(et.TESTS) == set(given.tests().index)


def test_dates_bring_calendar_time_and_what_overlaps(study):
    before, around = tables(study)
    zero = study.firm_events["date"].groupby(level="event").first()
    dated = events.from_event_time(before, around, dates=zero.to_dict(), parameters=1)
    pd.testing.assert_frame_equal(dated.calendar_time((0, 5)), study.calendar_time((0, 5)), check_freq=False)
    assert dated.by_event()["date"].tolist() == study.by_event()["date"].tolist()
    assert events.from_event_time(before, around).calendar_time().empty
    near = events.from_event_time(
        before, around, dates={"one": "2024-03-04", "two": "2024-03-05"}, parameters=1
    )
    found, apart = (one.tests((-1, 1), "kp_bmp")["p_value"].iloc[0] for one in (near, dated))
    assert found != apart  # residuals of the same days are correlated


def test_firms_alone_share_one_event_and_days_may_be_text(study):
    before, around = (frame.loc["one"] for frame in tables(study))
    given = events.from_event_time(before.rename(columns=str), around.rename(columns=str), parameters=1)
    assert given.firm_events.index.unique("event").tolist() == ["event"]
    assert np.allclose(given.ar, study.ar.loc["one"])
    assert given.tests((0, 0), "kp_bmp")["p_value"].iloc[0] == pytest.approx(
        study.select(events=["one"]).tests((0, 0), "kp_bmp")["p_value"].iloc[0]
    )


def test_missing_days_drop_out(study):
    before, around = tables(study)
    around = around.copy()
    around.iloc[0, :5] = np.nan
    found = events.from_event_time(before, around)
    assert found.firm_events["days"].iloc[0] == 16 and found.car()["days"].iloc[0] == 16


REFUSED = {
    "series": (lambda b, a: (b.iloc[0], a), "ar_estimation is a Series"),
    "days down": (lambda b, a: (b.droplevel(0).T, a), "days down and firms across: pass .T"),
    "a gap": (lambda b, a: (b, a.drop(columns=0)), "ar_event: its columns are not consecutive days"),
    "overlap": (lambda b, a: (b.set_axis(range(-75, -5), axis=1), a), r"estimation \(-75, -6\) overlaps"),
    "rows": (lambda b, a: (b, a.iloc[1:]), "have different rows"),
    "twice": (lambda b, a: (b.droplevel(0), a.droplevel(0)), "each once"),
    "percent": (lambda b, a: (100 * b, 100 * a), "looks like percent"),
    "infinite": (lambda b, a: (b, a.replace(a.iloc[0, 0], np.inf)), "ar_event holds infinite values"),
    "short": (
        lambda b, a: (b.iloc[:, :9].set_axis(range(-20, -11), axis=1), a),
        "has 9 returns of .*; 10 or more",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_tables_that_do_not_fit_are_refused(study, case):
    change, message = REFUSED[case]
    with pytest.raises(DataError, match=message):
        events.from_event_time(*change(*tables(study)))


def test_dates_have_to_name_every_event_and_study_points_here(study):
    before, around = tables(study)
    with pytest.raises(DataError, match="dates has nothing for 'two'; add its day 0"):
        events.from_event_time(before, around, dates={"one": "2024-03-04"})
    with pytest.raises(DataError, match="from_event_time for a table of relative days"):
        events.study(around.T, "2024-03-04")
