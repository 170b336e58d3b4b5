"""Difference-in-differences and synthetic control against what R and Python packages print."""

from __future__ import annotations

from pathlib import Path

import cvxpy
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from tariffmodel import difference, synthetic
from tariffmodel.errors import DataError

PUBLISHED = Path(__file__).parent / "published"


@pytest.fixture(scope="module")
def packs() -> pd.DataFrame:
    return pd.read_csv(PUBLISHED / "proposition_99.csv", index_col="Year")


@pytest.fixture(scope="module")
def texas() -> tuple[pd.DataFrame, pd.DataFrame]:
    prisoners, predictors = (
        pd.read_csv(PUBLISHED / f"texas_{name}.csv", index_col=0) for name in ("prisons", "predictors")
    )
    return prisoners, predictors


# Difference-in-differences


def test_proposition_99_is_what_arkhangelsky_and_others_publish(packs):
    """American Economic Review 111(12), table 1: DID −27.3, placebo standard error 17.7 (drawn at random)."""
    found = difference.did(packs, "California", 1989)
    assert found.fit.params["treated"] == pytest.approx(-27.3, abs=0.05)
    assert found.placebos.std() == pytest.approx(17.7, abs=0.5)
    assert len(found.placebos) == 38 and found.by_unit.exact


def test_errors_and_path_are_those_of_pyfixest(packs):
    """Of pyfixest 0.60.0: feols("packs ~ treated | State + Year"), i(Year, California, ref=1988); CRV1."""
    found = difference.did(packs, "California", 1989)
    row = found.fit.table().loc["treated"]
    expected = [-27.349111, 2.802378, -9.759252, -33.022228, -21.675994]
    np.testing.assert_allclose(
        row[["value", "standard_error", "t", "low", "high"]].to_numpy(), expected, rtol=2e-6
    )
    assert row["p"] == pytest.approx(6.691314e-12, rel=1e-4)
    path = {1970: (26.639474, 3.441750), 1980: (5.834208, 2.145968), 1987: (3.636843, 0.863193),
            1989: (-3.539471, 0.551847), 2000: (-26.810527, 2.212332)}  # fmt: skip
    for year, (value, error) in path.items():
        got = found.path.loc[year, ["value", "standard_error"]].to_numpy(float)
        np.testing.assert_allclose(got, [value, error], rtol=3e-6)
    assert found.path.loc[1988, "value"] == 0 and not found.path.loc[1988, "post"]
    assert found.pretrend["high"] < 0  # California fell before: no parallel trends


@pytest.mark.parametrize("clusters", [None, list("aabbccddee")])
def test_several_treated_units_and_clusters_are_those_of_a_regression_on_dummies(clusters):
    random = np.random.default_rng(0)
    names = list("ABCDEFGHIJ")
    moves = pd.DataFrame(random.normal(0, 1, (12, 10)), range(12), names)
    group = None if clusters is None else dict(zip(names, clusters, strict=True))
    found = difference.did(moves, ["A", "B", "C", "D"], 9, clusters=group)
    long = moves.stack().rename("y").rename_axis(["time", "unit"]).reset_index()
    long["treated"] = ((long["time"] >= 9) & long["unit"].isin(list("ABCD"))).astype(float)
    dummies = pd.get_dummies(long[["time", "unit"]].astype(str), drop_first=True, dtype=float)
    x = pd.concat([long["treated"], sm.add_constant(dummies)], axis=1)
    by = long["unit"] if group is None else long["unit"].map(group)
    fit = sm.OLS(long["y"], x).fit(
        cov_type="cluster", cov_kwds={"groups": pd.factorize(by)[0], "use_correction": False}
    )
    g = by.nunique()
    n, k = len(long), 1 + 12  # units lie inside their clusters
    error = fit.bse["treated"] * np.sqrt(g / (g - 1) * (n - 1) / (n - k))
    assert found.fit.params["treated"] == pytest.approx(fit.params["treated"])
    assert found.fit.table().loc["treated", "standard_error"] == pytest.approx(error)
    np.testing.assert_allclose(found.fit.residuals, fit.resid, atol=1e-12)


def test_placebo_groups_are_others_of_the_same_size_or_the_other_clusters():
    random = np.random.default_rng(1)
    moves = pd.DataFrame(random.normal(0, 1, (12, 10)), range(12), list("ABCDEFGHIJ"))
    change = moves.loc[9:].mean() - moves.loc[:8].mean()
    pairs = difference.did(moves, ["A", "B"], 9)
    assert len(pairs.placebos) == 28  # of 8 others
    rest = list("EFGHIJ")
    assert pairs.placebos.iloc[0] == pytest.approx(change[["C", "D"]].mean() - change[rest].mean())
    few = difference.did(moves, ["A", "B"], 9, draws=10, seed=3)
    assert len(few.placebos) == 10 and not few.by_unit.exact and few.by_unit.se > 0
    homes = dict(zip(moves, ["JP", "JP", "DE", "DE", "DE", "US", "US", "KR", "KR", "KR"], strict=True))
    by_home = difference.did(moves, ["A", "B"], 9, clusters=homes)
    assert sorted(by_home.placebos.index) == ["DE", "KR", "US"]
    assert by_home.placebos["US"] == pytest.approx(change[["F", "G"]].mean() - change[list("CDEHIJ")].mean())
    beaten = (by_home.placebos.abs() >= abs(by_home.fit.params["treated"])).sum()
    assert by_home.by_unit.p == pytest.approx((1 + beaten) / 4)


def test_with_one_treated_cluster_placebos_keep_their_size_and_clustered_errors_do_not():
    """Nothing happened; two of twelve units, one cluster that shares shocks, are treated at the last two."""
    random = np.random.default_rng(2)
    home = np.repeat(np.arange(6), 2)
    p = []
    for _ in range(200):
        shocks = random.normal(size=(60, 6))[:, home] + random.normal(size=(60, 12))
        moves = pd.DataFrame(shocks, columns=[f"U{i}" for i in range(12)])
        clusters = dict(zip(moves, home, strict=True))
        p.append(difference.did(moves, ["U0", "U1"], 58, clusters=clusters).tests()["p_value"])
    rejected = (pd.DataFrame(p) < 0.0501).mean()
    assert rejected["clustered"] > 0.25
    assert rejected["by_time"] == pytest.approx(0.05, abs=0.045)
    assert rejected["by_unit"] == 0  # one of six is the rarest there is


def test_windows_of_time_are_counted_one_by_one():
    random = np.random.default_rng(5)
    apart = pd.Series(random.normal(0, 1, 30))
    post = np.arange(30) >= 27
    centred = (apart - apart.mean()).to_numpy()
    sums = [abs(np.roll(centred, shift)[27:].sum()) for shift in range(30)]
    expected = np.mean(np.array(sums) >= sums[0] - 1e-12)
    assert difference.shifted(apart, post).p == pytest.approx(expected)


@pytest.mark.parametrize(
    ("change", "arguments", "said"),
    [
        (lambda p: p, {"treated": "Texas "}, "Texas  not among the units"),
        (lambda p: p, {"start": 1960}, "leaves 31 of 31 times after it"),
        (lambda p: p, {"treated": "California", "start": 2010}, "leaves 0 of 31"),
        (lambda p: p[::-1], {}, "not in order"),
        (lambda p: p[p.index != 1975].reindex(p.index), {}, "Alabama has no value in 1975"),
        (lambda p: p[["California"]], {}, "a difference needs both kinds"),
        (lambda p: p, {"clusters": {"California": "W"}}, "clusters has no group for Alabama"),
        (lambda p: p[["California", "Utah", "Ohio"]],
         {"clusters": {"California": "W", "Utah": "W", "Ohio": "M"}}, "cluster W is treated in part"),
        (lambda p: p[["California", "Utah", "Ohio"]],
         {"clusters": {"California": "W", "Utah": "M", "Ohio": "M"}}, "one treated and one other cluster"),
        (lambda p: p[["California", "Utah", "Ohio"]], {"treated": ["California", "Ohio"]}, "pass clusters="),
    ],
)  # fmt: skip
def test_panels_that_do_not_allow_a_comparison_are_refused(packs, change, arguments, said):
    with pytest.raises(DataError, match=said):
        difference.did(change(packs), **{"treated": "California", "start": 1989} | arguments)


# Synthetic control


def test_synthetic_california_is_about_what_arkhangelsky_and_others_publish(packs):
    """Table 1: SC −19.6, whose search stops early; its port synthdid-py 0.1.0 gives −19.61966347."""
    found = synthetic.synthetic(packs, "California", 1989)
    assert found.effect == pytest.approx(-19.6, abs=0.15)
    assert found.weights.index[:4].tolist() == ["Utah", "Montana", "Nevada", "Connecticut"]
    gap = found.path.loc[:1988, "gap"]
    assert found.fit["pre_rmspe"] == pytest.approx(np.sqrt((gap**2).mean()))
    assert found.fit["ratio"] == pytest.approx(found.fit["post_rmspe"] / found.fit["pre_rmspe"])
    assert found.by_unit.p == pytest.approx((found.placebos["ratio"] >= found.fit["ratio"]).mean())


def test_weights_are_those_of_a_quadratic_programme():
    """Lawson and Hanson's against Clarabel's, on wide and tall problems, inside and at corners."""
    random = np.random.default_rng(0)
    for rows, columns in ((5, 12), (40, 8), (200, 20), (3, 2)):
        others, target = random.normal(0, 1, (rows, columns)), random.normal(0.5, 1, rows)
        w = cvxpy.Variable(columns, nonneg=True)
        problem = cvxpy.Problem(cvxpy.Minimize(cvxpy.sum_squares(others @ w - target)), [cvxpy.sum(w) == 1])
        problem.solve(solver="CLARABEL")
        found = synthetic.simplex(target, others)
        assert found.sum() == pytest.approx(1) and (found >= 0).all()
        assert ((others @ found - target) ** 2).sum() <= problem.value + 1e-7
        if rows > columns:
            np.testing.assert_allclose(found, w.value, atol=1e-4)


def test_weights_with_predictors_are_those_that_rs_synth_prints(texas):
    """Synth on the prisons of Texas (rstudio-pubs 1374211): its V gives California, Florida and Louisiana.

    Its interior point stops short: ours fit the predictors better, and the outcomes too (loss 2,015,107).
    """
    prisoners, predictors = texas
    v = pd.Series(
        [0.07154915, 0.02736536, 0.8923763, 5.5e-09, 2.42e-08, 0.008709159, 7.6e-09], predictors.index
    )
    found = synthetic.synthetic(prisoners, "Texas", 1994, predictors=predictors, importance=v)
    printed = {"Louisiana": 0.3599649, "California": 0.3414498, "Florida": 0.2981352}
    assert found.weights.head(3).to_dict() == pytest.approx(printed, abs=0.002)
    assert found.weights.iloc[3:].max() < 1e-9
    loss = found.fit["pre_rmspe"] ** 2
    assert loss == pytest.approx(2015107, rel=0.005) and loss < 2015107
    assert found.balance.loc["bmprison", "synthetic"] == pytest.approx(22601.75, rel=0.005)


def test_weights_with_equal_importance_are_those_of_pysyncon(texas, packs):
    """Of pysyncon 1.7.0, Synth().fit(custom_V=ones): seven predictors of Texas; packs before 1989, scaled."""
    prisoners, predictors = texas
    found = synthetic.synthetic(prisoners, "Texas", 1994, predictors=predictors).weights
    expected = {"California": 0.59561318, "Mississippi": 0.30785047, "Utah": 0.09653636}
    assert found.head(3).to_dict() == pytest.approx(expected, abs=1e-4)
    found = synthetic.synthetic(packs, "California", 1989, predictors=packs.loc[:1988]).weights
    expected = {"Utah": 0.38448522, "Montana": 0.27212991, "Nevada": 0.18655131, "Connecticut": 0.07940373,
                "New Hampshire": 0.04844172, "Colorado": 0.02898812}  # fmt: skip
    assert found.head(6).to_dict() == pytest.approx(expected, abs=0.002)


def test_a_placebo_is_matched_without_the_treated(packs):
    found = synthetic.synthetic(packs, "California", 1989)
    rest = packs.drop(columns="California")
    alone = synthetic.synthetic(rest, "Utah", 1989)
    row = found.placebos.loc["Utah"]
    assert row["effect"] == pytest.approx(alone.effect)
    assert row["ratio"] == pytest.approx(alone.fit["ratio"])


def test_an_effect_on_returns_is_found_and_none_is_found_as_often_as_it_should():
    random = np.random.default_rng(0)
    p = []
    for _ in range(200):
        moves = pd.DataFrame(0.01 * random.normal(size=(101, 8)) + 0.01 * random.normal(size=(101, 1)))
        p.append(synthetic.synthetic(moves, 0, 100).by_time.p)
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=0.05)
    moves.loc[100, 0] += 0.1
    found = synthetic.synthetic(moves, 0, 100)
    assert found.by_time.p == pytest.approx(1 / 101) and found.by_unit.p == pytest.approx(1 / 8)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"predictors": lambda p: p.loc[:1988].drop(columns="Utah")}, "predictors has no column for Utah"),
        (
            {"predictors": lambda p: p.loc[:1988].assign(Utah=np.nan)},
            "predictor 1970 is missing for Utah",
        ),
        ({"predictors": lambda p: p.loc[:1988] * 0 + 1}, "predictor 1970 is the same for all units"),
        ({"importance": lambda p: pd.Series([1.0], ["a"])}, "do not name the same predictors"),
        (
            {
                "predictors": lambda p: p.loc[:1971],
                "importance": lambda p: pd.Series([-1.0, 2], [1970, 1971]),
            },
            "negative",
        ),
    ],
)
def test_predictors_that_cannot_be_matched_are_refused(packs, arguments, said):
    with pytest.raises(DataError, match=said):
        synthetic.synthetic(packs, "California", 1989, **{k: make(packs) for k, make in arguments.items()})
    with pytest.raises(DataError, match="one other unit is no mix"):
        synthetic.synthetic(packs[["California", "Utah"]], "California", 1989)
