from __future__ import annotations

import numpy as np
import pytest

from tariffmodel import contribution, facts
from tariffmodel.errors import DataError

W = {"local_build_share": 0.6, "export_ratio": 0.4}
T = {"local_build_share": 1.0, "export_ratio": 1.0}
SUMS = ["sales_units", "production_units", "export_units", "import_units"]


def test_ratios_follow_their_definitions(known):
    m, v = contribution.metrics(known), facts.identity(known)
    np.testing.assert_allclose(m["production_ratio"], v["production_units"] / v["sales_units"])
    local = ((v["production_units"] - v["export_units"]) / v["sales_units"]).clip(0, 1)
    np.testing.assert_allclose(m["local_build_share"], local)
    bmw = v.loc["BMW"]
    assert m.loc["BMW", "export_ratio"] == pytest.approx(bmw["export_units"] / bmw["import_units"])
    assert m.loc["Toyota", "jobs_intensity"] == pytest.approx(1000 * 50_000 / 2_332_623)


def test_makers_without_sales_or_imports_have_no_silent_zero(known):
    m = contribution.metrics(known)
    assert m.loc["Suzuki", list(contribution.METRICS)].isna().all()
    assert np.isinf(m.loc["Tesla", "export_ratio"])
    assert np.isnan(m.loc["Ford", "investment_intensity"])
    assert m.loc["Jaguar Land Rover", "local_build_share"] == 0


def test_published_us_built_shares_are_near(known):
    """Wards/Barclays shares of US sales built in the US, 2024; the Koreans are stated together."""
    m = contribution.metrics(known)["local_build_share"]
    published = {"Toyota": 0.48, "BMW": 0.48, "Volkswagen": 0.21, "Mazda": 0.19, "Volvo Cars": 0.13}
    for maker, share in published.items():
        assert m[maker] == pytest.approx(share, abs=0.06), maker


def test_country_pools_sums_before_taking_ratios(known):
    v, country = facts.identity(known), contribution.metrics(known, level="country")
    japan = v.loc[known.makers.index[known.makers["home"] == "JP"], SUMS].sum()
    assert country.loc["JP", "export_ratio"] == pytest.approx(japan["export_units"] / japan["import_units"])
    europe = v.loc[
        [m for m in v.index if known.makers.at[m, "home"] == "EU" and m != "Porsche AG"], SUMS
    ].sum()
    assert country.loc["EU", "production_ratio"] == pytest.approx(
        europe["production_units"] / europe["sales_units"]
    )


def test_pooled_ratio_lies_between_its_members(known):
    firms, country = contribution.metrics(known), contribution.metrics(known, level="country")
    for home in country.index:
        members = firms[(known.makers["home"] == home) & known.makers["consolidated_in"].isna()]
        for metric in ("local_build_share", "production_ratio"):
            assert members[metric].min() - 1e-12 <= country.loc[home, metric] <= members[metric].max() + 1e-12


def test_ranges_bracket_the_value_and_quality_is_the_worst_input(known):
    m = contribution.metrics(known)
    for name in contribution.METRICS:
        have = m[name].notna() & np.isfinite(m[name])
        assert (m.loc[have, f"{name}_low"] <= m.loc[have, name] + 1e-12).all()
        assert (m.loc[have, name] <= m.loc[have, f"{name}_high"] + 1e-12).all()
        assert m.loc[m[name].isna(), f"{name}_quality"].isna().all()
    assert m.loc["Nissan", "production_ratio_quality"] == "reported"
    assert m.loc["Nissan", "export_ratio_quality"] == "estimated"


def test_score_is_the_weighted_sum_of_capped_ratios(known):
    m = contribution.metrics(known)
    scored = contribution.score(known, W, T)
    expected = 0.6 * m["local_build_share"] + 0.4 * m["export_ratio"].clip(upper=1)
    np.testing.assert_allclose(scored.drop("Suzuki"), expected.drop("Suzuki"))
    assert scored["Suzuki"] == 0 and scored.between(0, 1).all()


def test_missing_metric_is_an_error_unless_declared(known):
    w, t = (
        {"local_build_share": 0.5, "investment_intensity": 0.5},
        {"local_build_share": 1, "investment_intensity": 30_000},
    )
    with pytest.raises(DataError, match="investment_intensity of .* is missing"):
        contribution.score(known, w, t)
    zero = contribution.score(known, w, t, missing="zero")
    reweighted = contribution.score(known, w, t, missing="reweight")
    build = contribution.metrics(known).loc["Ford", "local_build_share"]
    assert zero["Ford"] == pytest.approx(build / 2) and reweighted["Ford"] == pytest.approx(build)
    assert contribution.score(known, w, t, makers=["Toyota", "BMW"]).index.tolist() == ["Toyota", "BMW"]


def test_country_score_is_one_number_for_all_its_makers(known):
    scored = contribution.score(known, W, T, level="country")
    japan = scored[known.makers["home"] == "JP"]
    assert japan.nunique() == 1 and japan.notna().all()


def test_part_of_a_year_is_taken_at_its_yearly_rate(known):
    year, quarter = (contribution.metrics(known, label) for label in ("CY2024", "2024Q3"))
    for name in ("jobs_intensity", "investment_intensity", "local_build_share"):
        np.testing.assert_allclose(quarter[name], year[name], rtol=0.01)
