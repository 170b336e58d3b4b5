"""Days left out of estimation, and firm-events left out of a study."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tariffmodel import events
from tariffmodel.errors import DataError

FIRMS = ["BMW", "VW", "F", "GM"]
WINDOWS = {"estimation": (-60, -6), "window": (-2, 2)}


@pytest.fixture
def panel():
    random, days = np.random.default_rng(3), pd.bdate_range("2025-01-02", periods=120)
    market = pd.Series(random.normal(0, 0.01, 120), days)
    returns = pd.DataFrame({f: 1.1 * market + random.normal(0, 0.01, 120) for f in FIRMS}, days)
    return returns, market


@pytest.mark.parametrize("method", ["ols", "scholes-williams", "dimson"])
def test_excluded_day_of_estimation_is_a_missing_return_of_that_firm(panel, method):
    returns, market = panel
    gone = returns.index[[40, 60]]
    blank = returns.copy()
    blank.loc[gone, "VW"] = np.nan
    day = returns.index[90]
    given = {"market": market, "method": method, **WINDOWS}
    found = events.study(returns, day, exclude={"VW": list(gone)}, **given)
    expected, plain = events.study(blank, day, **given), events.study(returns, day, **given)
    for name in ("ar", "ar_se", "estimation"):
        pd.testing.assert_frame_equal(getattr(found, name), getattr(expected, name))
    others = ~found.ar.index.get_level_values("firm").isin(["VW"])
    pd.testing.assert_frame_equal(found.ar[others], plain.ar[others])
    assert not np.allclose(found.ar[~others], plain.ar[~others])
    assert found.estimates.observations.tolist() == [55, 53, 55, 55]


def test_excluded_day_stays_in_the_event_window(panel):
    returns, market = panel
    days = returns.index[[88, 90, 91]]  # one firm-event's window, the other's estimation
    asked = pd.DataFrame({"firm": ["F", "F"], "date": [days[1], returns.index[110]]})
    asked["event"] = ["early", "late"]
    found = events.study(returns, asked, market=market, exclude=list(days), **WINDOWS)
    plain = events.study(returns, asked, market=market, **WINDOWS)
    pd.testing.assert_frame_equal(found.ar.loc[["early"]], plain.ar.loc[["early"]])
    assert found.ar.notna().all(axis=None)
    assert found.estimates.observations.tolist() == [55, 52]
    by_frame = events.study(
        returns, asked, market=market, exclude=pd.DataFrame({"firm": "F", "date": days}), **WINDOWS
    )
    pd.testing.assert_frame_equal(by_frame.ar, found.ar)


def test_days_of_other_events_are_excluded_in_the_form_in_which_events_come(panel):
    returns, market = panel
    days = [*returns.index[[50, 60]], pd.NaT]
    others = pd.DataFrame({"event": ["one", "two", "undated"], "firm": ["F", "GM", "VW"], "date": days})
    found = events.study(returns, returns.index[90], market=market, exclude=others, **WINDOWS)
    assert found.estimates.observations.tolist() == [55, 55, 54, 54]


def test_too_many_excluded_days_leave_the_firm_event_out(panel):
    returns, market = panel
    gone = list(returns.index[30:70])
    found = events.study(
        returns, returns.index[90], market=market, exclude={"GM": gone, "unheard of": gone}, **WINDOWS
    )
    assert found.skipped["firm"].tolist() == ["GM"] and len(found) == 3


def test_firm_events_left_out_are_listed_with_their_reason(panel):
    returns, market = panel
    asked = pd.DataFrame({"event": "deal", "firm": FIRMS, "date": returns.index[90]})
    out = pd.DataFrame({"event": ["deal", "deal"], "firm": ["VW", "GM"], "reason": ["own news: Q1", "other"]})
    found = events.study(returns, asked, market=market, leave_out=out, **WINDOWS)
    assert found.skipped[["firm", "reason"]].to_numpy().tolist() == [["VW", "own news: Q1"], ["GM", "other"]]
    assert found.firm_events.index.get_level_values("firm").tolist() == ["BMW", "F"]
    without = events.study(
        returns, asked, market=market, leave_out=out[["event", "firm"]].iloc[:1], **WINDOWS
    )
    assert without.skipped["reason"].tolist() == ["left out"] and len(without) == 3
    with pytest.raises(DataError, match=r"no firm-event can be used: 4 × left out"):
        events.study(returns, asked, market=market, leave_out=asked[["event", "firm"]], **WINDOWS)


@pytest.mark.parametrize(
    ("exclude", "said"),
    [
        ({"VW": "12.05.2025 x"}, "exclude: a date cannot be read"),
        ("2025-03-03 16:30", "exclude: dates carry times"),
        (pd.DataFrame({"day": ["2025-03-03"]}), "exclude has no column date, firm"),
    ],
)
def test_what_cannot_be_excluded_is_refused(panel, exclude, said):
    returns, market = panel
    with pytest.raises(DataError, match=said):
        events.study(returns, returns.index[90], market=market, exclude=exclude, **WINDOWS)


def test_leave_out_without_firms_is_refused(panel):
    returns, market = panel
    with pytest.raises(DataError, match="leave_out has no column firm"):
        events.study(
            returns, returns.index[90], market=market, leave_out=pd.DataFrame({"event": ["x"]}), **WINDOWS
        )
