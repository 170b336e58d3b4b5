"""Regressions of abnormal returns on exposure, against plain loops and other packages."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from linearmodels.panel import FamaMacBeth
from scipy import stats
from statsmodels.regression.linear_model import OLS

from tariffmodel import Valuation, events, link, market
from tariffmodel.errors import DataError

NAMES = list("ABCDEFGHIJKL")


def one_event(n=10, seed=1, slope=-1.5, controls=0):
    rng = np.random.default_rng(seed)
    delta = pd.Series(rng.normal(0, 0.02, n), NAMES[:n])
    car = slope * delta + pd.Series(rng.normal(0, 0.02, n), NAMES[:n])
    others = pd.DataFrame(rng.normal(size=(n, controls)), NAMES[:n], [f"c{k}" for k in range(controls)])
    return car, delta, others if controls else None


def several_events(events=8, makers=7, seed=2, slope=-1.0, noise=0.02):
    rng = np.random.default_rng(seed)
    shape = (events, makers)
    delta, size, error = (rng.normal(0, s, shape) for s in (0.02, 1.0, noise))
    car = slope * delta + 0.003 * size + error + rng.normal(0, 0.05, (events, 1))
    index = pd.MultiIndex.from_product([[f"e{k}" for k in range(events)], NAMES[:makers]])
    columns = {"car": car.ravel(), "delta": delta.ravel(), "size": size.ravel()}
    panel = pd.DataFrame(columns, index.set_names(["event", "maker"])).reset_index()
    return panel.drop(index=[3, 17], errors="ignore")  # unbalanced


def dummies(codes):
    return pd.get_dummies(codes).to_numpy(dtype=float)


def slope_of(y, x):
    return np.linalg.lstsq(x, y)[0]


# --- one event -------------------------------------------------------------------------------


@pytest.mark.parametrize("covariance", ["HC1", "HC3"])
@pytest.mark.parametrize("controls", [0, 2])
def test_slope_and_robust_error_equal_the_sandwich_by_hand(covariance, controls):
    car, delta, others = one_event(controls=controls)
    found = link.cross_section(car, delta, others, covariance=covariance)
    x = np.column_stack([np.ones(10), delta, *([] if others is None else others.to_numpy().T)])
    bread = np.linalg.inv(x.T @ x)
    b = bread @ x.T @ car.to_numpy()
    e = car.to_numpy() - x @ b
    meat = np.zeros((x.shape[1], x.shape[1]))
    for i in range(10):
        h = x[i] @ bread @ x[i]
        weight = e[i] ** 2 * (10 / (10 - x.shape[1]) if covariance == "HC1" else (1 - h) ** -2)
        meat += weight * np.outer(x[i], x[i])
    se = np.sqrt(np.diag(bread @ meat @ bread))
    table = found.coefficients
    np.testing.assert_allclose(table["estimate"], b, rtol=1e-10)
    np.testing.assert_allclose(table["standard_error"], se, rtol=1e-10)
    reach = stats.t.ppf(0.975, 10 - x.shape[1]) * se
    np.testing.assert_allclose(table["high"] - table["low"], 2 * reach, rtol=1e-10)
    np.testing.assert_allclose(table["p"], 2 * stats.t.sf(np.abs(b / se), 10 - x.shape[1]), rtol=1e-9)
    assert found.r2 == pytest.approx(1 - e @ e / ((car - car.mean()) ** 2).sum(), rel=1e-10)


def test_influence_equals_refitting_without_each_maker():
    car, delta, others = one_event(controls=1)
    makers = link.cross_section(car, delta, others).makers
    x = np.column_stack([np.ones(10), delta, others])
    whole = slope_of(car, x)
    spread = ((car - x @ whole) ** 2).sum() / 7
    for i, maker in enumerate(NAMES[:10]):
        keep = np.arange(10) != i
        without = slope_of(car[keep], x[keep])
        left = car[keep] - x[keep] @ without
        scale = math.sqrt(left @ left / 6 * np.linalg.inv(x.T @ x)[1, 1])
        moved = x @ (whole - without)
        assert makers.at[maker, "slope_without"] == pytest.approx(without[1], rel=1e-10)
        assert makers.at[maker, "dfbetas"] == pytest.approx((whole - without)[1] / scale, rel=1e-9)
        assert makers.at[maker, "cook"] == pytest.approx(moved @ moved / (3 * spread), rel=1e-9)


def homes(n=10, groups=2):
    return pd.Series([f"h{i % groups}" for i in range(n)], NAMES[:n])


def test_monotone_order_of_four_makers_of_one_home_has_two_permutations_as_extreme_out_of_24():
    delta = pd.Series([0.0, 1.0, 2.0, 3.0], NAMES[:4])
    car = pd.Series([0.0, -1.0, -2.0, -3.3], NAMES[:4])
    found = link.cross_section(car, delta, home=homes(4, 1), covariance="HC1")
    assert (found.permutation.p, found.permutation.se, found.permutation.draws) == (2 / 24, 0.0, 24)
    assert found.permutation.exact and "all" in str(found.permutation)
    assert found.slope_home == pytest.approx(found.slope)


def test_makers_of_different_homes_are_never_permuted():
    car, delta, _ = one_event()
    bare = link.cross_section(car, delta)
    assert bare.permutation is None and np.isnan(bare.slope_home)
    assert bare.table()["p_within"].isna().all() and "permuted" not in bare.summary()
    alone = link.cross_section(car, delta, home=homes(10, 10))  # a home each: nothing to permute
    assert alone.permutation is None and np.isnan(alone.slope_home)
    with pytest.raises(DataError, match="home has nothing for J"):
        link.cross_section(car, delta, home=homes(9))


@pytest.mark.parametrize("controls", [0, 1])
def test_slope_within_homes_equals_a_regression_with_dummies(controls):
    car, delta, others = one_event(controls=controls)
    x = np.column_stack([delta, dummies(homes()), *([] if others is None else others.to_numpy().T)])
    assert link.cross_section(car, delta, others, home=homes()).slope_home == pytest.approx(
        slope_of(car, x)[0]
    )


@pytest.mark.parametrize("controls", [0, 1])
def test_exact_permutation_equals_refitting_every_order_within_homes(controls):
    car, delta, others = one_event(6, seed=5, slope=-0.5, controls=controls)
    own = homes(6)
    z = np.column_stack([dummies(own), *([] if others is None else others.to_numpy().T)])
    x = np.column_stack([z, delta])
    fitted = z @ slope_of(car, z)

    def t(y):
        b = slope_of(y, x)
        e = y - x @ b
        return abs(b[-1]) / math.sqrt(e @ e / (6 - x.shape[1]) * np.linalg.inv(x.T @ x)[-1, -1])

    left = car.to_numpy() - fitted
    drawn = []
    for one, other in itertools.product(itertools.permutations(range(3)), repeat=2):
        order = np.empty(6, dtype=int)
        order[::2], order[1::2] = 2 * np.array(one), 2 * np.array(other) + 1
        drawn.append(t(fitted + left[order]))
    expected = np.mean(np.array(drawn) >= t(car.to_numpy()) * (1 - 1e-10))
    found = link.cross_section(car, delta, others, home=own)
    assert found.permutation.exact and found.permutation.p == pytest.approx(expected, abs=1e-12)


def test_random_permutations_agree_with_all_of_them_within_their_own_error():
    car, delta, _ = one_event(10, seed=6, slope=-0.8)
    every = link.cross_section(car, delta, home=homes(), permutations=14_400).permutation
    some = link.cross_section(car, delta, home=homes(), permutations=4_000).permutation
    assert every.exact and not some.exact and some.se > 0
    assert abs(every.p - some.p) < 4 * some.se
    assert 0.01 < every.p < 0.9


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.floats(0.01, 100), st.floats(-1, 1), st.randoms(use_true_random=False))
def test_units_level_and_order_of_makers_change_nothing_but_the_units(scale, shift, random):
    car, delta, _ = one_event(7, seed=9)
    base = link.cross_section(car, delta, home=homes(7))
    order = list(car.index)
    random.shuffle(order)
    same = link.cross_section((car + shift)[order], delta * scale, home=homes(7))
    assert same.slope * scale == pytest.approx(base.slope, rel=1e-9)
    assert same.permutation.p == base.permutation.p
    assert same.coefficients.at["delta", "p"] == pytest.approx(base.coefficients.at["delta", "p"], rel=1e-6)


def test_makers_left_out_are_listed_with_the_reason():
    car, delta, others = one_event(controls=1)
    car = pd.concat([car, pd.Series({"Z": 0.01})])
    delta["B"] = np.nan
    others = others.drop(index="C")
    found = link.cross_section(car, delta, others)
    assert dict(found.dropped) == {"Z": "no delta", "B": "no delta", "C": "no c0"}
    assert set(found.makers.index) == set(NAMES[:10]) - {"B", "C"}
    assert "left out: B (no delta)" in found.summary()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda car, delta, c: (car[:3], delta, None), "3 makers .* needs 4"),
        (lambda car, delta, c: (car.to_list(), delta, None), "car is a list; pass a pandas Series by maker"),
        (lambda car, delta, c: (car.astype(str) + "x", delta, None), "a value is not a number"),
        (lambda car, delta, c: (car[:5], delta, c.assign(d=c["c0"] ** 2, e=c["c0"] ** 3)), "needs 7"),
        (lambda car, delta, c: (car, delta * 0, None), "delta is 0 for all 10 makers"),
        (lambda car, delta, c: (car * 0 + 0.02, delta, None), "car is 0.02 for all"),
        (lambda car, delta, c: (car, delta, c.assign(d=2 * c["c0"] + 1)), "d is constant or a combination"),
        (lambda car, delta, c: (car, delta, c.assign(d=1.0)), "d is constant"),
        (lambda car, delta, c: (car, delta, c.assign(d=(c.index == "F") * 1.0)), "F alone determines"),
        (lambda car, delta, c: (1 - 2 * delta, delta, None), "exact linear function"),
        (lambda car, delta, c: (pd.concat([car, car[:1]]), delta, None), "car has A twice"),
        (lambda car, delta, c: (car, delta.replace(delta["D"], np.inf), None), "delta of D is infinite"),
        (lambda car, delta, c: (car, delta, c.rename(columns={"c0": "delta"})), "control is named delta"),
    ],
)
def test_cross_section_refuses(spoil, message):
    with pytest.raises(DataError, match=message):
        link.cross_section(*spoil(*one_event(controls=1)))


def test_exposure_of_one_maker_alone_is_refused():
    car, delta, _ = one_event()
    with pytest.raises(DataError, match="A alone determines a coefficient"):
        link.cross_section(car, delta.where(delta.index == "A", 0.0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"covariance": "HC0"}, "HC0"),
        ({"level": 95}, "level is 95"),
        ({"permutations": 5}, "permutations is 5"),
    ],
)
def test_cross_section_refuses_options(options, message):
    with pytest.raises(DataError, match=message):
        link.cross_section(*one_event(), **options)


def test_text_states_the_choices():
    found = link.cross_section(*one_event(), home=homes(), permutations=999)
    assert "HC3" in found.summary() and "999 draws, random: makers permuted within homes" in found.summary()
    assert list(found.table().columns) == [*found.coefficients.columns, "p_within"]


def test_japan_deal_moved_most_the_shares_whose_bill_fell_most(known):
    deal = "2025-07-22-japan-deal"
    study = events.tariff_study(known, events=[deal], window=(-1, 1))
    rows = link.panel(known, study.car((0, 1))).set_index("maker")
    assert len(rows) == 17 and set(rows["event"]) == {deal}
    assert rows.loc[["Suzuki", "GM"], "delta"].eq(0).all() and rows.at["Mazda", "delta"] < -0.1
    assert rows.at["Mazda", "car"] == study.car((0, 1)).loc[(deal, "7261.T"), "car"]
    assert (
        rows.at["Mazda", "delta"] == rows.at["Mazda", "delta_bill_usd"] / rows.at["Mazda", "market_cap_usd"]
    )
    with pytest.raises(DataError, match="car is not indexed by event and firm"):
        link.panel(known, study.car((0, 1)).reset_index())
    found = link.cross_section(rows["car"], rows["delta"], home=rows["home"])
    assert found.slope < 0 and found.slope_home < 0 and found.permutation.p < 0.15


def test_one_call_gives_every_event_its_mean_and_its_slope(known):
    deal, uk, court = "2025-07-22-japan-deal", "2025-05-08-uk-deal", "2025-05-28-trade-court-ruling"
    late = "2026-09-08-canada-counter-duties"
    before = market.until(known, date(2026, 8, 20))
    study = events.tariff_study(before, events=[late, deal, court, uk], window=(0, 1))
    reference = events.reference(known, study, (0, 1))
    found = link.by_event(known, study, placebo=reference, permutations=499)
    assert list(found.index) == [uk, court, deal, late]
    assert list(found["main"]) == [True, False, True, False] and list(found["n"]) == [17, 17, 17, 0]
    means = events.by_event(known, study, (0, 1), placebo=reference)
    assert found["caar"].dropna().equals(study.by_event((0, 1))["caar"])
    assert found["p_mean"].dropna().equals(means["p_mean"]) and found["p_mean"].notna().sum() == 3
    assert found.at[late, "reason"] == "day 0 lies outside the returns of its exchange"
    rows = link.panel(known, study.car((0, 1)))
    alone = rows[rows["event"] == deal].set_index("maker")
    one = link.cross_section(alone["car"], alone["delta"], home=alone["home"], permutations=499)
    line = found.loc[deal]
    assert (line["p_within"], line["makers"], line["placebo_days"]) == (one.permutation.p, 17, 346)
    assert line["slope"] == pytest.approx(one.slope) and line["slope_home"] == pytest.approx(one.slope_home)
    exposed = rows[(rows["event"] == uk) & (rows["delta"] != 0)]["maker"]
    assert set(exposed) == {"BMW", "Volkswagen"} and np.isfinite(found.at[uk, "slope"])  # Mini, Bentley
    assert found.at[court, "makers"] == 0 and found.at[court, "reason"]
    assert found["reading"].ne("").equals(found["slope"].notna())
    valued = Valuation(tax_rate=0.0, discount_rate=0.0, life_years=2.0)
    doubled = link.by_event(known, study, placebo=reference, permutations=499, valuation=valued)
    assert doubled.at[deal, "slope_full"] == pytest.approx(-2.0)  # two years of the bill
    days, x = pd.DataFrame(reference.placebo.car, columns=reference.placebo.firms), alone["delta"]
    some = days[x.index].dropna()[::12]
    few = replace(reference, placebo=replace(reference.placebo, car=some[days.columns].to_numpy()))
    p = [link.cross_section(day, x).coefficients.at["delta", "p"] for _, day in some.iterrows()]
    assert link._robust_size(few, x) == np.mean(np.array(p) <= 0.05)
    assert (line["slope_low"] > 0 or line["slope_high"] < 0) == (line["p_slope"] <= 0.05)


def test_reading_says_what_the_slopes_can_bear():
    line = {"slope": -1.0, "slope_home": -1.0, "p_slope": 0.01, "p_home": 0.02, "power": 0.9}
    cases = {
        "with the bill": {},
        "against the bill": {"slope": 1.0, "slope_home": 1.0},
        "between homes only": {"p_home": 0.3},
        "not told from zero": {"p_slope": 0.2},
        "cannot tell": {"power": 0.19},
        "": {"slope": np.nan},
    }
    frame = pd.DataFrame([line | changed for changed in cases.values()])
    assert list(link._reading(frame)) == list(cases)
    opposed = pd.DataFrame([line | {"slope_home": 1.0}, line | {"p_home": np.nan}, line | {"power": np.nan}])
    assert list(link._reading(opposed)) == ["between homes only", "between homes only", "cannot tell"]


def test_robustness_pools_under_each_choice_and_says_why_one_cannot_be_made(known):
    deal = "2025-07-22-japan-deal"
    main = ["2025-03-26-auto-duty-order", deal, "2025-07-27-eu-deal"]
    study = events.tariff_study(known, events=["2025-07-07-japan-korea-letters", *main], window=(0, 1))
    rows = link.panel(known, study.car((0, 1)))
    found = link.robustness(known, rows, main, deal, draws=99)
    one = link.pooled(rows[rows["event"].isin(main)], draws=99)
    line = found.loc["Main events"]
    assert (line["estimate"], line["p_bootstrap"]) == (one.slope, one.bootstrap.p)
    assert (line["events"], line["observations"]) == (len(one.events), one.observations)
    rest = link.pooled(rows[rows["event"].isin(main) & (rows["event"] != deal)], draws=99)
    assert found.at[f"… without {deal}", "estimate"] == rest.slope
    quiet = rows[rows["event"].isin(main) & ~rows["own_news"].astype(bool)]
    without = found.loc["… without own news"]
    assert 0 < without["observations"] < line["observations"]
    assert without["estimate"] == link.pooled(quiet, draws=99).slope
    every = link.pooled(rows, draws=99)
    assert found.at["All events with a computed bill", "estimate"] == every.slope
    assert found.loc["Main events", "reason"] == ""
    assert found["p_placebo"].isna().all()
    reference = events.reference(known, study, (0, 1))
    judged = link.robustness(known, rows, main, deal, placebo=reference, draws=99)
    assert judged["p_placebo"].between(0.009, 1).all() and judged["estimate"].equals(found["estimate"])
    alone = link.robustness(known, rows, [deal], deal, draws=99)
    assert alone.at[f"… without {deal}", "reason"] and np.isnan(alone.at[f"… without {deal}", "estimate"])


# --- several events --------------------------------------------------------------------------


def clustered(y, x, codes, k):
    """CR1 variance of the coefficients of x, loop over clusters; k parameters are counted."""
    bread = np.linalg.inv(x.T @ x)
    e = y - x @ (bread @ x.T @ y)
    meat = np.zeros((x.shape[1], x.shape[1]))
    for g in np.unique(codes):
        score = x[codes == g].T @ e[codes == g]
        meat += np.outer(score, score)
    groups, n = len(np.unique(codes)), len(y)
    return bread @ meat @ bread * groups / (groups - 1) * (n - 1) / (n - k)


def demeaned(panel, columns):
    return panel[columns] - panel.groupby("event")[columns].transform("mean")


@pytest.mark.parametrize("cluster", ["event", "maker", "both"])
def test_pooled_errors_equal_the_loop_over_clusters(cluster):
    panel = several_events()
    found = link.pooled(panel, ["size"], cluster=cluster, draws=99)
    within = demeaned(panel, ["car", "delta", "size"])
    y, x = within["car"].to_numpy(), within[["delta", "size"]].to_numpy()
    k = 2 if cluster == "event" else 2 + 8  # effects nested in the clusters are not counted
    event, maker = (clustered(y, x, panel[side].to_numpy(), k) for side in ("event", "maker"))
    single = clustered(y, x, np.arange(len(panel)), k)
    expected = {"event": event, "maker": maker, "both": event + maker - single}[cluster]
    np.testing.assert_allclose(found.coefficients["estimate"], slope_of(y, x), rtol=1e-10)
    se = found.coefficients["standard_error"]
    np.testing.assert_allclose(se, np.sqrt(np.diag(expected)), rtol=1e-10)
    clusters = {"event": 8, "maker": 7, "both": 7}[cluster]
    assert found.clusters == clusters
    reach = stats.t.ppf(0.975, clusters - 1) * se
    np.testing.assert_allclose(found.coefficients["high"] - found.coefficients["estimate"], reach)


def test_pooled_slope_equals_least_squares_with_dummies():
    panel = several_events()
    x = np.column_stack([panel["delta"], panel["size"], dummies(panel["event"])])
    assert link.pooled(panel, ["size"], draws=99).slope == pytest.approx(slope_of(panel["car"], x)[0])


@pytest.mark.parametrize(
    ("cluster", "weights", "events"), [("event", "webb", 4), ("event", "rademacher", 6), ("both", None, 4)]
)
def test_bootstrap_equals_refitting_every_combination_of_weights(cluster, weights, events):
    panel = several_events(events=events, makers=6, slope=-0.4, noise=0.03)
    found = link.pooled(panel, ["size"], cluster=cluster, weights=weights, draws=2_000)
    points = link.WEBB if weights != "rademacher" else (-1, 1)
    event = pd.factorize(panel["event"])[0]
    sides = ["event", "maker"] if cluster == "both" else ["event"]
    z = np.column_stack([dummies(event), panel["size"]])
    x = np.column_stack([panel["delta"], z])
    y = panel["car"].to_numpy()
    fitted = z @ slope_of(y, z)

    def squared_t(y):
        variance = sum(clustered(y, x, panel[side].to_numpy(), 0)[0, 0] for side in sides)
        if cluster == "both":
            variance -= clustered(y, x, np.arange(len(y)), 0)[0, 0]
        return slope_of(y, x)[0] ** 2 / variance if variance > 0 else np.inf

    drawn = [
        squared_t(fitted + np.array(v)[event] * (y - fitted))
        for v in itertools.product(points, repeat=events)
    ]
    assert found.bootstrap.exact and found.bootstrap.draws == len(points) ** events
    expected = np.mean(np.array(drawn) >= squared_t(y) * (1 - 1e-9))
    assert found.bootstrap.p == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("side", [0, 1])
def test_bootstrap_interval_ends_where_the_null_is_rejected(side):
    panel = several_events(events=6)
    found = link.pooled(panel, weights="rademacher", level=0.9, draws=999)
    edge = found.bootstrap_interval[side]
    step = 0.01 * (1 if side else -1)
    for null, inside in ((edge - step, True), (edge + step, False)):
        moved = panel.assign(car=panel["car"] - null * panel["delta"])
        p = link.pooled(moved, weights="rademacher", level=0.9, draws=999).bootstrap.p
        assert (p >= 0.1) is inside


def test_interval_is_unbounded_when_the_weights_cannot_reject():
    """Three clusters of ±1 have four distinct statistics, so no p-value is below 1/4."""
    found = link.pooled(several_events(events=3), weights="rademacher")
    assert found.bootstrap_interval == (-math.inf, math.inf)
    assert found.bootstrap.p >= 0.25


def test_weights_are_webbs_up_to_twelve_clusters():
    assert "webb" in link.pooled(several_events(events=12), draws=99).bootstrap.scheme
    assert "rademacher" in link.pooled(several_events(events=13), draws=99).bootstrap.scheme
    assert np.mean(np.square(link.WEBB)) == pytest.approx(1.0) and sum(link.WEBB) == pytest.approx(0.0)


def test_permutation_within_events_and_homes_equals_all_its_orders():
    panel = several_events(events=3, makers=4, seed=11).reset_index(drop=True)
    panel["home"] = panel["maker"].map({"A": "x", "B": "x", "C": "x", "D": "y"})
    group = pd.factorize(panel["event"] + panel["home"])[0]
    z = dummies(group)
    x, y = (panel[name] - z @ slope_of(panel[name], z) for name in ("delta", "car"))
    blocks = [np.flatnonzero(group == g) for g in range(group.max() + 1)]
    drawn = []
    for orders in itertools.product(*(itertools.permutations(block) for block in blocks)):
        moved = np.empty(len(panel))
        for block, order in zip(blocks, orders, strict=True):
            moved[block] = y[list(order)]
        drawn.append(abs(x @ moved))
    expected = np.mean(np.array(drawn) >= abs(x @ y) * (1 - 1e-10))
    found = link.pooled(panel, draws=9_999).permutation
    assert found.exact and found.draws == len(drawn) and found.p == pytest.approx(expected, abs=1e-12)


def test_order_of_rows_does_not_matter():
    panel = several_events()
    other = panel.sample(frac=1, random_state=1)
    one, two = link.pooled(panel, draws=99), link.pooled(other, draws=99)
    assert one.slope == pytest.approx(two.slope, rel=1e-12)
    pd.testing.assert_frame_equal(one.events, two.events.loc[one.events.index])


def test_slopes_of_single_events_and_without_them_equal_refits():
    panel = several_events()
    found = link.pooled(panel, ["size"], draws=99)
    for event, row in found.events.iterrows():
        alone, others = panel[panel["event"] == event], panel[panel["event"] != event]
        x = np.column_stack([alone["delta"], alone["size"], np.ones(len(alone))])
        assert row["slope"] == pytest.approx(slope_of(alone["car"], x)[0], rel=1e-8)
        without = link.pooled(others, ["size"], draws=99).slope
        assert row["slope_without"] == pytest.approx(without, rel=1e-8)


def test_fama_macbeth_equals_linearmodels():
    panel = several_events()
    found = link.pooled(panel, ["size"], draws=99).fama_macbeth
    labelled = panel.assign(event=pd.factorize(panel["event"])[0], constant=1.0).set_index(["maker", "event"])
    fit = FamaMacBeth(labelled["car"], labelled[["constant", "delta", "size"]]).fit(debiased=False)
    assert found["estimate"] == pytest.approx(fit.params["delta"], rel=1e-10)
    by_event = link.pooled(panel, ["size"], draws=99).events["slope"]
    assert found["standard_error"] == pytest.approx(by_event.std() / math.sqrt(8), rel=1e-10)
    assert found["p"] == pytest.approx(stats.ttest_1samp(by_event, 0).pvalue, rel=1e-9)


def test_fama_macbeth_lags_equal_newey_west_of_the_mean():
    found = link.pooled(several_events(), lags=2, draws=99)
    slopes = found.events["slope"].to_numpy()
    fit = OLS(slopes, np.ones(8)).fit(cov_type="HAC", cov_kwds={"maxlags": 2, "use_correction": True})
    assert found.fama_macbeth["standard_error"] == pytest.approx(fit.bse[0], rel=1e-10)


def test_event_that_moves_no_bill_is_left_out_of_the_pool():
    panel = several_events()
    quiet = several_events(events=1).assign(event="quiet", delta=1e-17)
    found = link.pooled(pd.concat([quiet, panel]), draws=99)
    assert found.slope == link.pooled(panel, draws=99).slope
    assert set(found.dropped["event"]) == {"quiet"}
    assert set(found.dropped["reason"]) == {"delta does not vary in the event"}


def test_rows_with_missing_values_are_listed():
    panel = several_events()
    panel.loc[5, "car"] = np.nan
    panel.loc[9, "size"] = np.nan
    found = link.pooled(panel, ["size"], draws=99)
    assert list(found.dropped["reason"]) == ["no car", "no size"]
    assert found.observations == len(panel) - 2
    assert "left out: e0, F (no car)" in found.summary()


@pytest.mark.parametrize(
    ("spoil", "options", "message"),
    [
        (lambda p: p.drop(columns="delta"), {}, "no column delta"),
        (lambda p: p.assign(car="up"), {}, "a value is not a number"),
        (lambda p: p[p["event"] == "e0"], {}, "delta varies in 1 event"),
        (lambda p: p.assign(delta=0.1), {}, "delta varies in 0 event"),
        (lambda p: pd.concat([p, p[:1]]), {}, "A twice in e0"),
        (lambda p: p.assign(size=p.groupby("event")["size"].transform("mean")), {}, "size is constant or a"),
        (lambda p: p.assign(size=3 * p["delta"]), {}, "size is constant or a combination"),
        (lambda p: p.assign(car=2 * p["delta"]), {}, "exact linear function"),
        (lambda p: p.assign(car=0.0), {}, "exact linear function"),
        (lambda p: p[p["maker"].isin(["A", "B"])][:5], {}, "rows for"),
        (lambda p: p, {"cluster": "country"}, "cluster 'country'"),
        (lambda p: p, {"weights": "mammen"}, "weights 'mammen'"),
        (lambda p: p, {"lags": 9}, "lags is 9"),
        (lambda p: p, {"draws": 10}, "draws is 10"),
        (lambda p: p, {"level": 0}, "level is 0"),
    ],
)
def test_pooled_refuses(spoil, options, message):
    with pytest.raises(DataError, match=message):
        link.pooled(spoil(several_events()), ["size"], **{"draws": 99} | options)


def test_two_way_variance_that_is_not_positive_is_refused():
    """Scores that cancel within events and within makers leave only the part that is subtracted."""
    delta, error = np.array([1.0, -1, 1, -1]), np.array([1.0, 1, -1, -1])
    columns = {"event": ["e0"] * 4 + ["e1"] * 4, "maker": NAMES[:4] * 2}
    panel = pd.DataFrame(columns | {"delta": [*delta, *delta], "car": [*error, *-error]})
    with pytest.raises(DataError, match="variance of delta is not positive with 2 events and 4 makers"):
        link.pooled(panel, cluster="both", draws=99)


def test_pooled_text_states_the_choices():
    found = link.pooled(several_events(), cluster="both", draws=99)
    assert "clustered by event and maker, 7 clusters" in found.summary()
    assert "Fama-MacBeth, 0 Newey-West lags" in found.summary()
    assert found.table()["p_bootstrap"].notna().sum() == 1
    assert found.table()[["p_placebo", "p_within"]].isna().all(axis=None)


@pytest.mark.slow
def test_wild_bootstrap_holds_its_size_with_eight_clusters_where_normal_errors_do_not():
    """Makers share a shock that loads on them unequally, so errors are correlated within events."""
    rng = np.random.default_rng(12)
    events, makers, runs = 8, 8, 100
    index = pd.MultiIndex.from_product([range(events), range(makers)], names=["event", "maker"])
    loading = rng.normal(size=makers)
    boot, normal, covered = [], [], []
    for _ in range(runs):
        strength = np.exp(rng.normal(size=(events, 1)))  # news of unequal size
        delta = strength * (0.7 * loading + rng.normal(size=(events, makers)))
        error = rng.normal(size=(events, 1)) * loading + rng.normal(size=(events, makers))
        panel = pd.DataFrame({"delta": delta.ravel(), "car": error.ravel()}, index).reset_index()
        found = link.pooled(panel, draws=399)
        boot.append(found.bootstrap.p <= 0.05)
        normal.append(abs(found.coefficients.at["delta", "t"]) > 1.96)
        covered.append(found.bootstrap_interval[0] <= 0 <= found.bootstrap_interval[1])
    assert np.mean(boot) < 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)
    assert np.mean(normal) > 0.1
    assert covered == [not rejected for rejected in boot]
