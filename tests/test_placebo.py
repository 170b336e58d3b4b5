"""Randomisation over days without events: against plain loops, other packages and its own promises."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from statsmodels.regression.linear_model import GLS, OLS

from tariffmodel import event_calendar, events, link, mimicking, placebo
from tariffmodel.errors import DataError
from tariffmodel.stats.covariance import ledoit_wolf
from tariffmodel.stats.randomisation import permuted_within

FIRMS = pd.Index([f"M{i}" for i in range(9)])
HOMES = pd.Series(["JP"] * 4 + ["KR"] * 2 + ["EU"] * 2 + ["US"], FIRMS)
EVENTS = ["2025-07-22-japan-deal", "2025-07-27-eu-deal", "2025-07-30-korea-deal", "2025-10-29-korea-summit"]


def days(labels, seed: int, length: int = 1) -> placebo.Days:
    """Returns of nine firms with correlations and variances of their own on every day."""
    random = np.random.default_rng(seed)
    count, n = len(labels), len(FIRMS)
    common = random.uniform(0.1, 0.6, (count, n, 1))
    correlation = common * np.swapaxes(common, 1, 2)
    correlation[:, np.arange(n), np.arange(n)] = 1.0
    se = random.uniform(0.01, 0.03, (count, n))
    car = se * np.einsum("dnm,dm->dn", np.linalg.cholesky(correlation), random.normal(size=(count, n)))
    return placebo.Days(pd.Index(labels), pd.DatetimeIndex(labels), FIRMS, car, se, correlation, length)


def judged(count: int = 120) -> placebo.Reference:
    dates = pd.to_datetime(["2025-07-23", "2025-09-05", "2025-10-30"])
    return placebo.Reference(days(dates, 1), days(pd.bdate_range("2024-01-01", periods=count), 2))


def changes(reference: placebo.Reference, seed: int = 3) -> pd.DataFrame:
    size = np.random.default_rng(seed).normal(0, 0.02, (len(reference.events.labels), len(FIRMS)))
    return pd.DataFrame(size, reference.events.labels, FIRMS).where(size > -0.005, 0.0)


def omega(one: placebo.Days, day: int) -> np.ndarray:
    return one.correlation[day] * np.outer(one.se[day], one.se[day])


def by_hand(y, cov, x) -> dict[str, tuple[float, float]]:
    """Estimate and studentised value of each statistic of one day."""
    one, home = np.ones((len(y), 1)), pd.get_dummies(HOMES, dtype=float).to_numpy()
    found = {}
    for name, z, kind in (("slope", one, OLS), ("slope_home", home, OLS), ("slope_gls", home, GLS)):
        design = np.column_stack([z, x])
        whole = GLS(y, design, sigma=cov).fit()
        if kind is GLS:
            found[name] = (whole.params[-1], whole.tvalues[-1])
            continue
        estimate = OLS(y, design).fit().params[-1]
        w = np.linalg.pinv(design)[-1]
        found[name] = (estimate, estimate / math.sqrt(whole.scale * (w @ cov @ w)))
    whole = GLS(y, one, sigma=cov).fit()
    found["mean"] = (y.mean(), y.mean() / math.sqrt(whole.scale * cov.sum()) * len(y))
    return found


# --- the covariance --------------------------------------------------------------------------------------


def test_shrinkage_is_the_formula_of_the_paper_written_as_a_loop_over_days():
    x = np.random.default_rng(0).normal(0, [0.01, 0.02, 0.05, 0.02], (40, 4))
    sample = x.T @ x / 40
    mean = np.trace(sample) / 4
    distance = ((sample - mean * np.eye(4)) ** 2).sum()
    noise = sum(((np.outer(row, row) - sample) ** 2).sum() for row in x) / 40**2
    expected = noise / distance * mean * np.eye(4) + (1 - noise / distance) * sample
    found, shrinkage = ledoit_wolf(np.stack([x, 2 * x]))
    np.testing.assert_allclose(found, [expected, 4 * expected], rtol=1e-12)
    np.testing.assert_allclose(shrinkage, noise / distance, rtol=1e-12)
    centred = pd.DataFrame(x - x.mean(axis=0))
    np.testing.assert_allclose(mimicking.ledoit_wolf(centred)[0], ledoit_wolf(centred.to_numpy())[0])


def test_rows_of_zeros_that_are_no_days_do_not_count():
    x = np.random.default_rng(1).normal(size=(30, 3))
    longer = np.concatenate([x, np.zeros((9, 3))])
    for one, other in zip(ledoit_wolf(x), ledoit_wolf(longer, np.array(30)), strict=True):
        np.testing.assert_allclose(one, other)


def test_covariance_without_correlation_is_kept_and_noise_is_shrunk_to_one_variance():
    flat = np.kron(np.eye(3), np.array([[1.0], [-1.0]]))
    assert ledoit_wolf(flat)[1] == 1.0
    many = np.random.default_rng(2).normal(size=(5_000, 1)) @ np.ones((1, 3))
    assert ledoit_wolf(many + 0.1 * np.random.default_rng(3).normal(size=(5_000, 3)))[1] < 0.01


# --- statistics ------------------------------------------------------------------------------------------


def test_every_statistic_on_every_day_equals_a_loop_over_regressions():
    reference = judged()
    delta = changes(reference)
    found = placebo.randomised(reference, delta, HOMES)
    for row in range(3):
        own = by_hand(reference.events.car[row], omega(reference.events, row), delta.iloc[row])
        drawn = [
            by_hand(reference.placebo.car[day], omega(reference.placebo, day), delta.iloc[row])
            for day in range(len(reference.placebo.labels))
        ]
        for name, one in found.items():
            assert one.estimate.iloc[row] == pytest.approx(own[name][0], rel=1e-8), name
            assert one.t.iloc[row] == pytest.approx(own[name][1], rel=1e-8), name
            others = np.array([day[name] for day in drawn])
            np.testing.assert_allclose(one.drawn[row], others[:, 0], rtol=1e-7, err_msg=name)
            np.testing.assert_allclose(one.drawn_t[row], others[:, 1], rtol=1e-7, err_msg=name)
            as_large = (np.abs(others[:, 1]) >= abs(own[name][1])).sum()
            assert one.p.iloc[row] == pytest.approx((1 + as_large) / 121), name


def test_without_homes_there_is_the_plain_slope_and_without_changes_the_mean():
    reference = judged()
    assert list(placebo.randomised(reference)) == ["mean"]
    plain = placebo.randomised(reference, changes(reference))
    assert list(plain) == ["mean", "slope"]
    both = placebo.randomised(reference, changes(reference), HOMES)
    pd.testing.assert_series_equal(plain["slope"].p, both["slope"].p)


@pytest.mark.parametrize("scale", [1e-3, 7.0])
def test_units_of_the_change_scale_slopes_and_leave_every_p(scale):
    reference = judged()
    one = placebo.randomised(reference, changes(reference), HOMES)
    other = placebo.randomised(reference, changes(reference) * scale, HOMES)
    for name in ("slope", "slope_home", "slope_gls"):
        np.testing.assert_allclose(other[name].estimate * scale, one[name].estimate)
        assert other[name].p.equals(one[name].p)


def test_a_home_of_one_maker_says_nothing_within_homes():
    reference = judged()
    car = reference.events.car.copy()
    car[:, -1] += 0.5
    moved = replace(reference, events=replace(reference.events, car=car))
    one, other = (placebo.randomised(each, changes(reference), HOMES) for each in (reference, moved))
    for name in ("slope_home", "slope_gls"):
        np.testing.assert_allclose(one[name].t, other[name].t)
    assert (one["slope"].estimate - other["slope"].estimate).abs().min() > 0.1


def test_a_change_that_is_the_same_within_each_home_has_no_slope_within_homes():
    reference = judged()
    delta = pd.DataFrame([HOMES.map({"JP": 0.01, "KR": 0.02, "EU": 0.0, "US": 0.0})] * 3)
    found = placebo.randomised(reference, delta.set_axis(reference.events.labels), HOMES)
    assert found["slope"].p.notna().all() and found["slope_home"].p.isna().all()
    assert found["slope_gls"].power(pd.Series(-1.0, reference.events.labels)).isna().all()


def test_a_day_without_one_of_an_events_firms_is_no_placebo_day_for_it():
    reference = judged(150)
    car = reference.placebo.car.copy()
    car[:20, 0] = np.nan
    reference = replace(reference, placebo=replace(reference.placebo, car=car))
    delta = changes(reference)
    delta.iloc[0, 0] = np.nan  # this event does without the firm
    found = placebo.randomised(reference, delta, HOMES)
    assert found["slope"].days.tolist() == [150, 130, 130] and found["mean"].days.tolist() == [130] * 3
    assert np.isnan(found["slope"].drawn[1:, :20]).all() and np.isfinite(found["slope"].drawn[0]).all()
    np.testing.assert_allclose(
        found["slope"].estimate.iloc[0],
        np.polyfit(delta.iloc[0, 1:].astype(float), reference.events.car[0, 1:], 1)[0],
    )


def test_a_reference_of_some_firms_is_the_one_made_of_them_alone():
    reference, japanese = judged(), list(FIRMS[HOMES == "JP"])
    found, one = reference.of(japanese), reference.events
    mean = placebo.randomised(found)["mean"]
    np.testing.assert_allclose(mean.estimate, one.car[:, :4].mean(axis=1))
    y, inverse, ones = one.car[0, :4], np.linalg.inv(omega(one, 0)[:4, :4]), np.ones(4)
    left = y - (ones @ inverse @ y) / (ones @ inverse @ ones)
    error = np.sqrt(left @ inverse @ left / 3 * ones @ omega(one, 0)[:4, :4] @ ones) / 4
    assert mean.error.iloc[0] == pytest.approx(error) and (mean.days == 120).all()
    with pytest.raises(DataError, match="no firm M99; it has M0"):
        reference.of(["M99"])


def test_too_few_placebo_days_give_no_p():
    found = placebo.randomised(judged(98))["mean"]
    assert found.p.isna().all() and found.interval().isna().all(axis=None)
    assert found.stepdown(np.ones(3, dtype=bool)).isna().all()
    assert placebo.randomised(judged(99))["mean"].p.notna().all()


def test_zero_lies_outside_the_interval_when_p_is_at_most_five_percent():
    seen = set()
    for seed in range(60):
        reference = placebo.Reference(
            days(pd.to_datetime(["2025-07-23"]), seed), days(pd.bdate_range("2024-01-01", periods=99), 5)
        )
        found = placebo.randomised(reference, changes(reference), HOMES)
        for one in found.values():
            low, high = one.interval().iloc[0]
            rejected = bool(one.p.iloc[0] <= 0.05)
            assert rejected == (low > 0 or high < 0)
            seen.add(rejected)
    assert seen == {True, False}


def test_power_is_the_share_of_placebo_days_rejected_once_the_effect_is_in_their_returns():
    reference = judged()
    delta = changes(reference)
    effect = pd.Series([-1.0, 0.5, -2.0], reference.events.labels)
    found = placebo.randomised(reference, delta, HOMES)
    for row in range(3):
        car = reference.placebo.car + effect.iloc[row] * delta.iloc[row].to_numpy()
        moved = replace(reference, placebo=replace(reference.placebo, car=car))
        again = placebo.randomised(moved, delta, HOMES)
        for name in ("slope", "slope_home", "slope_gls"):
            share = (np.abs(again[name].drawn_t[row]) > found[name].critical()[row]).mean()
            assert found[name].power(effect).iloc[row] == pytest.approx(share), name


def test_the_least_effect_found_has_the_power_it_was_asked_for():
    found = placebo.randomised(judged(400), changes(judged()), HOMES)["slope_home"]
    least = found.minimum_detectable(0.8)
    both = (found.power(least) + found.power(-least)) / 2
    assert both.between(0.79, 0.82).all()
    assert (found.minimum_detectable(0.9) > least).all()


def test_held_out_size_is_the_loop_over_blocks():
    found = placebo.randomised(judged(240))["mean"]
    t = np.abs(found.drawn_t[1])
    odd = np.arange(240) // placebo.BLOCK % 2 == 0
    rejected = 0
    for day in range(240):
        others = t[odd != odd[day]]
        rejected += (1 + (others >= t[day]).sum()) / (1 + len(others)) <= 0.05
    assert found.held_out_size().iloc[1] == rejected / 240
    assert placebo.randomised(judged(150))["mean"].held_out_size().isna().all()


# --- families and pools ----------------------------------------------------------------------------------


def test_stepdown_is_the_loop_over_events_not_yet_rejected():
    shape = (6, 199)
    drawn = np.random.default_rng(0).normal(size=shape) * np.linspace(0.8, 1.2, 6)[:, None]
    t = pd.Series([0.5, -9.0, 2.9, 1.7, -2.2, 4.0], list("abcdef"))
    found = placebo.Randomised(t, t * 0 + 1, drawn, np.ones(shape))
    family = np.array([True, True, True, False, True, True])
    left, last, expected = [0, 1, 2, 4, 5], 0.0, {}
    for row in sorted(left, key=lambda row: -abs(t.iloc[row])):
        tails = [(1 + (np.abs(drawn[e]) >= abs(t.iloc[row])).sum()) / 200 for e in left]
        last = max(last, 1 - math.prod(1 - tail for tail in tails))
        expected[t.index[row]] = last
        left.remove(row)
    adjusted = found.stepdown(family)
    assert adjusted.dropna().to_dict() == pytest.approx(expected) and np.isnan(adjusted["d"])
    assert adjusted["b"] == pytest.approx(1 - (1 - 1 / 200) ** 5)  # beyond every placebo day
    alone = found.stepdown(np.arange(6) == 4)
    assert alone["e"] == pytest.approx(found.p["e"])


def test_pooled_number_and_its_placebo_draws_equal_a_loop():
    reference = judged()
    delta = changes(reference)
    within = delta.sub(delta.mean(axis=1), axis=0)
    weights = within / (within**2).to_numpy().sum()
    found = placebo.pooled(reference, weights, draws=500, seed=4)
    places = np.random.default_rng(4).integers(120, size=(500, 3))

    def number(sets, rows):
        total = variance = 0.0
        for event, (one, day) in enumerate(zip(sets, rows, strict=True)):
            w, y, cov = weights.iloc[event].to_numpy(), one.car[day], omega(one, day)
            scale = GLS(y, np.column_stack([np.ones(9), w]), sigma=cov).fit().scale
            total, variance = total + w @ y, variance + scale * (w @ cov @ w)
        return total, math.sqrt(variance)

    total, error = number([reference.events] * 3, range(3))
    assert (found.estimate, found.error) == (pytest.approx(total), pytest.approx(error))
    drawn = [number([reference.placebo] * 3, rows) for rows in places]
    t = np.abs([one / spread for one, spread in drawn])
    assert found.found.p == (1 + (t >= abs(total / error)).sum()) / 501
    assert (found.interval[0] > 0 or found.interval[1] < 0) == (found.found.p <= 0.05)
    cut, spread = np.sort(t)[-25], np.array([spread for _, spread in drawn])  # ⌊.05 (1 + 500)⌋ = 25
    numbers = np.array([one for one, _ in drawn])
    power = [(np.abs(numbers + sign * found.minimum) / spread > cut).mean() for sign in (-1, 1)]
    assert np.mean(power) == pytest.approx(0.8, abs=0.01)


def test_events_whose_windows_overlap_draw_one_placebo_day():
    near = days(pd.to_datetime(["2025-07-23", "2025-07-24", "2025-07-29", "2025-07-25"]), 1, length=2)
    assert near.group.tolist() == [0, 0, 1, 0]
    assert replace(near, length=1).group.tolist() == [0, 1, 3, 2]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("count", [1, 2, 4, 9])
def test_a_mean_of_any_number_of_firms_has_the_error_of_a_mean(count, sign):
    """Weights that are all alike leave no contrast: without an error p was 1 / (1 + draws)."""
    reference = judged().of(FIRMS[:count])
    first = reference.events.labels[:1]
    weights = pd.DataFrame(sign / count, first, FIRMS[:count])
    found, mean = placebo.pooled(reference, weights, draws=99), placebo.randomised(reference)["mean"]
    np.testing.assert_allclose(
        [found.estimate, found.error], [sign * mean.estimate.iloc[0], mean.error.iloc[0]]
    )
    assert np.isfinite(found.interval).all()


def test_pooled_slope_of_a_panel_is_the_number_that_the_placebo_days_give():
    reference = judged()
    rows = changes(reference).stack().rename("delta").rename_axis(["event", "maker"]).reset_index()
    car = pd.DataFrame(reference.events.car, reference.events.labels, FIRMS).stack()
    rows = rows.assign(car=car.to_numpy(), home=rows["maker"].map(HOMES))
    found = link.pooled(rows, placebo=reference, draws=999)
    low, high = found.placebo_interval
    assert low < found.slope < high and found.table()["p_placebo"].iloc[0] == found.placebo.p
    assert "days without events" in found.summary() and "within events and homes" in found.summary()
    bare = link.pooled(rows.drop(columns="home"), draws=99)
    assert bare.placebo is None and bare.permutation is None
    assert bare.table()[["p_placebo", "p_within"]].isna().all(axis=None)
    with pytest.raises(DataError, match="placebo is of another study than car"):
        link.pooled(rows.assign(car=rows["car"] * 2), placebo=reference, draws=99)
    with pytest.raises(DataError, match="the reference has no Z"):
        link.pooled(rows.replace({"maker": {"M0": "Z"}}), placebo=reference, draws=99)
    with pytest.raises(DataError, match="98 placebo days with a return of every firm; 99 are needed"):
        link.pooled(rows, placebo=judged(98), draws=99)
    with pytest.raises(DataError, match="home of M0 is empty"):
        link.pooled(rows.assign(home=rows["home"].where(rows["maker"] != "M0")), draws=99)


# --- days out of studies ---------------------------------------------------------------------------------


def returns(count: int = 140) -> pd.DataFrame:
    random = np.random.default_rng(0)
    index = pd.bdate_range("2025-01-02", periods=count)
    common = random.normal(0, 0.01, (count, 1))
    return pd.DataFrame(common + random.normal(0, 0.01, (count, 3)), index, ["A", "B", "C"])


def two_studies(data: pd.DataFrame, **changed: object) -> tuple[events.EventStudy, events.EventStudy]:
    made = {"model": "mean", "estimation": (-60, -6), "window": (0, 1)}
    one = events.study(data, str(data.index[130].date()), **made)
    return one, events.study(data, list(data.index[70:120]), **made | changed)


def test_reference_holds_the_cumulative_returns_and_the_shrunk_correlations_of_both_studies():
    event, others = two_studies(returns())
    found = placebo.reference(event, others, (0, 1), {"A": "Toyota"})
    assert found.events.firms.tolist() == ["Toyota", "B", "C"]
    np.testing.assert_allclose(found.placebo.car, others.car((0, 1))["car"].unstack()[["A", "B", "C"]])
    np.testing.assert_allclose(found.events.se[0], event.car((0, 1))["se"])
    residuals = event.estimates.residuals
    scaled = residuals / residuals.std(axis=1, keepdims=True)
    expected = ledoit_wolf(scaled.T)[0]
    np.testing.assert_allclose(found.events.correlation[0], expected / expected[0, 0])


def test_placebo_days_know_nothing_of_what_came_after_them():
    data = returns()
    later = data.copy()
    later.iloc[100:] *= 5
    one, other = (placebo.reference(*two_studies(each), (0, 1)).placebo for each in (data, later))
    before = one.dates < data.index[99]
    assert 20 < before.sum() < 50
    for part in ("car", "se", "correlation"):
        assert np.array_equal(getattr(one, part)[before], getattr(other, part)[before])
        assert not np.allclose(getattr(one, part)[~before], getattr(other, part)[~before])


def test_a_placebo_day_with_part_of_its_window_does_not_count_and_an_event_does():
    data = returns()
    data.iloc[91, 0] = data.iloc[131, 0] = np.nan  # day 1 of a placebo day and of the event
    found = placebo.reference(*two_studies(data), (0, 1))
    assert np.isnan(found.placebo.car[20, 0]) and np.isfinite(found.placebo.car[19, 0]).all()
    assert np.isfinite(found.events.car[0, 0])


def test_studies_that_differ_in_more_than_their_days_are_refused():
    data = returns()
    with pytest.raises(DataError, match=r"estimation is \(-60, -6\) for the events and \(-50, -6\)"):
        placebo.reference(*two_studies(data, estimation=(-50, -6)), (0, 1))
    with pytest.raises(DataError, match="two firms are called Toyota"):
        placebo.reference(*two_studies(data), (0, 1), {"A": "Toyota", "B": "Toyota"})
    one, other = days(pd.to_datetime(["2025-07-23"]), 1), days(pd.to_datetime(["2025-07-23"]), 1, length=2)
    with pytest.raises(DataError, match="not of the same firms and length"):
        placebo.Reference(one, other)


def test_placebo_study_differs_in_nothing_but_its_days(known):
    study = events.tariff_study(
        known, events=EVENTS[:1], tickers=["7203.T", "GM"], model="market_fx", window=(0, 1)
    )
    others = events.placebo_study(known, study)
    assert {**others.settings} == {**study.settings}
    day = others.firm_events.index[others.firm_events.index.get_level_values("firm") == "GM"][100][0]
    alone = events.placebo_study(known, study.select(firms=["GM"])).car().loc[(day, "GM")]
    assert others.car().loc[(day, "GM"), "car"] == pytest.approx(alone["car"])
    lagged = events.tariff_study(
        known, events=EVENTS[:1], tickers=["7203.T"], method="dimson", window=(0, 1), lags=2
    )
    with pytest.raises(DataError, match="does not tell its lags; pass lags="):
        events.placebo_study(known, lagged)


# --- the calendar ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("gap", [3, 6])
def test_quiet_days_are_sessions_everywhere_with_no_event_near(known, gap):
    found = event_calendar.quiet_days(known, gap=gap)
    calendar = event_calendar.table(known)
    for place in event_calendar.MARKETS:
        sessions = event_calendar.market.sessions(known, known.markets.at[place, "exchange_calendar"])
        assert found.isin(sessions).all()
        position = pd.Series(np.arange(len(sessions)), sessions)
        first = position.reindex(calendar[f"first_session_{place}"]).dropna().to_numpy()
        assert np.abs(position[found].to_numpy()[:, None] - first).min() >= gap
    with pytest.raises(DataError, match="gap is 0"):
        event_calendar.quiet_days(known, gap=0)


def test_what_is_scheduled_restated_or_of_one_session_is_no_test_of_its_own(known):
    why = event_calendar.uncounted(known)
    calendar = event_calendar.table(known)
    assert (why[calendar["scheduled"]] == "a scheduled date").all()
    restated = calendar["restates"].notna() & ~calendar["scheduled"]
    assert (why[restated] == "restates " + calendar["restates"][restated]).all()
    counted = calendar[why == ""]
    days_of = counted[[f"first_session_{place}" for place in event_calendar.MARKETS]]
    assert not days_of.duplicated().any()
    later = why[why.str.startswith("same session as ")]
    assert len(later) and (why[later.str.removeprefix("same session as ")] == "").all()
    event = later.index[0]
    assert event_calendar.uncounted(known, [event])[event] == ""  # alone it is the first


def test_means_are_judged_by_placebo_days_and_corrected_among_those_looked_at(known):
    study = events.tariff_study(known, events=[*EVENTS, "2025-05-28-trade-court-ruling"], window=(0, 1))
    reference = events.reference(known, study)
    mean = placebo.randomised(reference)["mean"]
    found = events.by_event(known, study, placebo=reference)
    np.testing.assert_allclose(mean.estimate.reindex(found.index), found["caar"])
    assert found["p_mean"].equals(mean.p.reindex(found.index).rename("p_mean"))
    assert found["p_value"].equals(study.by_event()["p_value"])  # the test of the literature stays
    assert found["family"].eq(4).all() and found["counted"].sum() == 4
    assert found.at[EVENTS[3], "uncounted"] == f"restates {EVENTS[2]}" and np.isnan(
        found.at[EVENTS[3], "p_family"]
    )
    assert (found["p_family"] >= found["p_mean"])[found["counted"]].all()
    assert found.attrs["placebo"] == reference.text
    some = events.by_event(known, study, placebo=reference, among=EVENTS[:2])
    assert some["family"].eq(2).all() and some["counted"].sum() == 2
    assert set(some["uncounted"]) == {"", "not looked at"}
    assert (some["p_family"] < found["p_family"])[some["counted"]].all()


def test_homes_are_judged_by_the_placebo_days_of_their_own_makers(known):
    lines = ["7203.T", "7267.T", "7270.T", "BMW.DE", "GM"]
    study = events.tariff_study(known, events=EVENTS[:2], tickers=lines, window=(0, 1))
    reference = events.reference(known, study)
    one = study.select(events=EVENTS[:1])
    found = events.by_home(known, one, placebo=reference)
    mean = placebo.randomised(reference.of(["Toyota", "Honda", "Subaru"]))["mean"]
    assert found.index.tolist() == ["JP"] and found.at["JP", "p_mean"] == mean.p[EVENTS[0]]
    assert found.at["JP", "caar"] == pytest.approx(found[["caar_low", "caar_high"]].loc["JP"].mean())
    with pytest.raises(DataError, match="of one event of the reference"):
        events.by_home(known, study, placebo=reference)


def test_study_without_any_change_in_a_bill_has_means_and_no_slopes(known):
    study = events.tariff_study(known, events=["2025-05-28-trade-court-ruling"], window=(0, 1))
    found = link.by_event(known, study).iloc[0]
    assert np.isfinite(found["p_mean"]) and np.isnan(found["slope"])
    assert (found["reading"], found["counted"], found["placebo_days"], found["family"]) == ("", False, 0, 0)


# --- size ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bundled(known):
    """Placebo days of the bundled panel, and the changes in the bill of all events that move some."""
    study = events.tariff_study(known, window=(0, 1))
    reference = events.reference(known, study)
    rows = link.panel(known, study.car((0, 1)))
    delta = rows.pivot(index="event", columns="maker", values="delta")
    delta = delta[((delta != 0) & delta.notna()).sum(axis=1) > 1]
    return reference, delta, known.makers["home"].reindex(reference.events.firms)


def test_size_on_held_out_days_is_five_percent_where_the_permutation_of_all_makers_is_not(bundled):
    reference, delta, homes = bundled
    found = placebo.randomised(reference, delta, homes)
    for name, one in found.items():
        size = one.held_out_size().dropna()
        error = math.sqrt(0.05 * 0.95 / one.days.max())
        assert len(size) > 20 and abs(size.mean() - 0.05) < error, name
        assert (size - 0.05).abs().max() < 3 * error, name
    car = reference.placebo.car[np.isfinite(reference.placebo.car).all(axis=1)]
    x, nobody = delta.loc[EVENTS[2], homes.index].to_numpy(), np.empty((len(homes), 0))
    random, everyone = np.random.default_rng(0), np.zeros(len(homes), dtype=int)
    p = [permuted_within(x, y, everyone, nobody, 199, random, "all")[1].p for y in car[::2]]
    assert np.mean(np.array(p) <= 0.05) > 0.12  # Korea's makers are two and move together


DRAWN = 12  # event days of a simulated panel


def simulated(random, spread: float, placebo_days: int = 99) -> tuple[placebo.Reference, pd.DataFrame]:
    """Placebo days and `DRAWN` event days of 17 makers, nothing priced.

    Makers of a home correlate by .4 to .65, eleven bills do not change, and variance grows with the change.
    On the event days every residual is `spread` times as large.
    """
    home = np.repeat(np.arange(4), [7, 2, 5, 3])
    size = np.zeros(17)
    size[[1, 3, 4, 6, 7, 8]] = [0.01, 0.03, 0.12, 0.06, 0.02, 0.025]
    within = np.array([0.4, 0.65, 0.5, 0.45])[home]
    country = np.sqrt(within - 0.1)
    own = np.sqrt(1 - within)
    sigma = 0.012 * (1 + 12 * size)
    rows = 250 + placebo_days + 10 + 9 * DRAWN
    calm = np.exp(0.3 * np.sin(np.arange(rows) / 40))[:, None]
    shocks = np.sqrt(0.1) * random.normal(size=(rows, 1)) + country * random.normal(size=(rows, 4))[:, home]
    moves = calm * sigma * (shocks + own * random.normal(size=(rows, 17)))
    at = 255 + placebo_days + 9 * np.arange(DRAWN)
    moves[at] *= spread
    index = pd.bdate_range("2020-01-01", periods=rows)
    data = pd.DataFrame(moves, index, [f"M{i}" for i in range(17)])
    made = {"model": "mean", "estimation": (-250, -1), "window": (0, 0), "min_estimation": 100}
    event = events.study(data, list(index[at]), **made)
    others = events.study(data, list(index[250 : 250 + placebo_days]), **made)
    change = size * random.uniform(-1.5, 1.5, (DRAWN, 1)) * random.uniform(0.3, 1, (DRAWN, 17))
    delta = pd.DataFrame(change, event.firm_events.index.unique("event"), data.columns)
    return placebo.reference(event, others, (0, 0)), delta


@pytest.mark.slow
def test_size_on_simulated_panels_is_five_percent_where_events_add_variance():
    panels = 110
    random = np.random.default_rng(0)
    homes = pd.Series(np.repeat(list("JKEU"), [7, 2, 5, 3]), [f"M{i}" for i in range(17)])
    rejected: dict[str, list[bool]] = {}
    everyone: list[bool] = []
    for _ in range(panels):
        reference, delta = simulated(random, spread=2.0)
        for name, one in placebo.randomised(reference, delta, homes).items():
            rejected.setdefault(name, []).extend(one.p <= 0.05)
        within = delta.sub(delta.mean(axis=1), axis=0)
        pool = placebo.pooled(reference, within / (within**2).to_numpy().sum(), draws=499)
        rejected.setdefault("pooled", []).append(pool.found.p <= 0.05)
        x, y = delta.iloc[0].to_numpy(), reference.events.car[0]
        of_all = permuted_within(x, y, np.zeros(17, dtype=int), np.empty((17, 0)), 199, random, "all")[1]
        everyone.append(of_all.p <= 0.05)
    size = pd.Series({name: np.mean(found) for name, found in rejected.items()})
    error = pd.Series({name: math.sqrt(0.05 * 0.95 / len(found)) for name, found in rejected.items()})
    assert ((size - 0.05).abs() < 3 * error).all(), size
    assert size.drop("pooled").between(0.04, 0.06).all(), size
    assert np.mean(everyone) > 0.08
