"""Charts of events: legible at both widths, titles computed, signs and intervals as in the data."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import matplotlib
import matplotlib.text
import numpy as np
import pandas as pd
import pytest
from legible import faults
from matplotlib.figure import Figure
from scipy import stats

from tariffmodel import charts

LOOK = {"case": "a case", "source": "a source", "as_of": date(2026, 10, 30)}
EVENTS = [f"2025-0{k}-1{k}-japan-deal" for k in range(1, 9)]
TITLES = charts.short_titles(EVENTS)
MAKERS = {"Toyota": "JP", "Mazda": "JP", "BMW": "EU", "GM": "US", "Kia": "KR", "Ford": "US", "Suzuki": "JP"}
Draw = Callable[..., Figure]


def path(drift: float = 0.01) -> pd.DataFrame:
    days = pd.RangeIndex(-5, 11, name="day")
    return pd.DataFrame({"mean": np.where(days >= 0, drift, 0.0), "se_adjusted": 0.004, "n": 17}, index=days)


def by_event(p_family: float = 0.2, counted: int = 6) -> pd.DataFrame:
    n = len(EVENTS)
    tested = np.arange(n) < counted
    return pd.DataFrame(
        {"caar": np.linspace(-0.02, 0.03, n), "caar_low": np.linspace(-0.04, 0.01, n),
         "caar_high": np.linspace(0.0, 0.05, n), "p_mean": np.linspace(0.01, 0.9, n), "placebo_days": 346,
         "counted": tested, "family": 12, "p_family": np.where(tested, p_family, np.nan), "n": 17.0},
        index=EVENTS,
    )  # fmt: skip


ROWS = pd.DataFrame(
    {"home": list(MAKERS.values()), "delta": [-0.01, -0.2, 0.0, 0.0, 0.0, 0.0, 0.0],
     "car": [0.05, 0.14, 0.03, 0.02, 0.06, -0.01, 0.0], "standard_error": 0.02},
    index=list(MAKERS),
)  # fmt: skip
FOUND = pd.Series(
    {"slope": -0.5, "slope_low": -0.8, "slope_high": -0.2, "p_slope": 0.017, "slope_home": -0.4,
     "p_home": 0.02, "placebo_days": 346, "power": 0.9, "reading": "with the bill"}
)  # fmt: skip
SLOPES = pd.DataFrame(
    {"slope": [-0.5, 0.3, -9.0], "slope_low": [-0.9, -0.2, -20.0], "slope_high": [-0.1, 0.8, 2.0],
     "p_slope": [0.02, 0.3, 0.4], "slope_home": [-0.4, 0.1, -2.0], "p_family": [0.04, 0.6, np.nan],
     "reading": ["with the bill", "not told from zero", "cannot tell"], "family": 14, "placebo_days": 346,
     "makers": 17.0},
    index=EVENTS[:3],
)  # fmt: skip
POOLED = pd.DataFrame(
    {"estimate": -0.22, "low": [-0.5, -np.inf], "high": [-0.01, 0.3], "p_value": [0.04, 0.21]},
    ["Pooled", "… by bootstrap"],
)
PRICED = pd.DataFrame(
    {"implied_usd": [1e9, 5e9], "implied_low_usd": [8e8, 4e9], "implied_high_usd": [1.2e9, 6e9],
     "market_usd": [2e9, 1e9], "market_low_usd": [1e9, 0.0], "market_high_usd": [3e9, 2e9],
     "share_priced": [np.nan, 0.2], "verdict": ["cannot be read", "too little"],
     "reading": ["cannot be read: full pricing would be inside the noise", ""]},
    index=["Toyota", "Mazda"],
)  # fmt: skip
WEEKS = pd.date_range("2025-03-28", periods=60, freq="W-FRI")
RETURNS = pd.Series(np.sin(np.arange(60)) / 50, WEEKS)

EVERY: dict[str, Draw] = {
    "caar_path": lambda **k: (
        charts.caar_path(
            path(),
            pd.DataFrame([path()["mean"] * s for s in range(1, 8)], index=list(MAKERS)),
            MAKERS,
            event="Japan deal",
            window=(0, 1),
            p_value=0.2,
            days=346,
            **LOOK,
            **k,
        ).figure
    ),
    "event_panels": lambda **k: charts.event_panels({e: path() for e in EVENTS}, TITLES, **LOOK, **k).figure,
    "events_forest": lambda **k: charts.events_forest(by_event(), TITLES, **LOOK, **k).figure,
    "car_vs_exposure": lambda **k: (
        charts.car_vs_exposure(ROWS, FOUND, event="Japan deal", **LOOK, **k).figure
    ),
    "slopes_by_event": lambda **k: charts.slopes_by_event(SLOPES, POOLED, TITLES, **LOOK, **k).figure,
    "implied_and_priced": lambda **k: (
        charts.implied_and_priced(
            PRICED,
            pd.Series({"Toyota": 2e11, "Mazda": 4e9}),
            pd.Series(MAKERS),
            event="Japan deal",
            **LOOK,
            **k,
        ).figure
    ),
    "factor_path": lambda **k: (
        charts.factor_path(
            RETURNS, {e: pd.Timestamp(e[:10]) + pd.Timedelta(days=100) for e in EVENTS}, TITLES, **LOOK, **k
        ).figure
    ),
}


@pytest.mark.parametrize("width", [charts.COLUMN_CM, charts.PAGE_CM])
@pytest.mark.parametrize("name", EVERY)
def test_every_chart_is_legible_at_either_width(name: str, width: float) -> None:
    fig = EVERY[name](width_cm=width)
    assert fig.get_figwidth() == pytest.approx(width / 2.54)
    assert faults(fig) == []


@pytest.mark.parametrize("name", EVERY)
def test_every_chart_names_source_and_day(name: str) -> None:
    texts = [text.get_text().replace("\n", " ") for text in EVERY[name]().findobj(matplotlib.text.Text)]
    assert next(text for text in texts if "Source: a source" in text).endswith("As of 30 Oct 2026.")


def test_titles_are_a_few_words_from_the_id() -> None:
    told = charts.short_titles(
        ["2025-07-22-japan-deal", "2026-01-26-korea-25-threat", "2026-07-20-canada-338-order"]
    )
    assert list(told.values()) == ["Japan deal", "Korea 25% threat", "Canada 338 order"]


def test_path_says_gained_or_lost_and_whether_it_can_be_told_from_chance() -> None:
    car = pd.DataFrame([path()["mean"]] * 7, index=list(MAKERS))
    up, down = (
        charts.caar_path(
            path(drift), car, MAKERS, event="X", window=(0, 1), p_value=p, days=346, **LOOK
        ).figure.get_suptitle()
        for drift, p in ((0.02, 0.01), (-0.02, 0.3))
    )
    assert "makers gained 2.0% on average over days 0 to 1, more than chance" in up.replace("\n", " ")
    assert "lost 2.0%" in down and "not told from chance" in down.replace("\n", " ")


def texts(fig: Figure) -> list[str]:
    return [text.get_text().replace("\n", " ") for text in fig.findobj(matplotlib.text.Text)]


def test_forest_counts_what_stands_in_the_family_that_its_p_values_are_of() -> None:
    none, some = (charts.events_forest(by_event(p), TITLES, **LOOK).figure for p in (0.2, 0.01))
    wanted = "after correction for having looked at 12 first reports"
    assert none.get_suptitle().replace("\n", " ") == f"None of 8 events stands {wanted}"
    assert some.get_suptitle().replace("\n", " ") == f"6 of 8 events stand {wanted}"
    assert texts(some).count("–") == 2  # those that are no test have no p of the family
    least = 1 - (1 - 1 / 347) ** 12
    assert any(f"p of 12 first reports together, {least:.2g} at the least" in text for text in texts(some))


def test_panels_count_intervals_off_zero_beside_what_chance_would_give():
    paths = {name: path(0.02 if at < 2 else 0.0) for at, name in enumerate(EVENTS)}
    title = charts.event_panels(paths, TITLES, **LOOK).title
    assert title == "By day 10 the 95% interval of 2 of 8 events lies off zero; chance would give 0.4"


def test_slopes_count_what_moved_with_the_bill_and_show_no_p_where_power_is_low() -> None:
    fig = EVERY["slopes_by_event"]()
    title = fig.get_suptitle().replace("\n", " ")
    assert "1 of 3 events moved with the bill, 1 of them after correction for 14 first reports" in title
    assert "untold" in texts(fig) and "0.4" not in texts(fig) and "0.3" in texts(fig)


def test_scatter_gives_no_p_where_power_is_low() -> None:
    one = FOUND.copy()
    one[["power", "reading"]] = [0.12, "cannot tell"]
    fig = charts.car_vs_exposure(ROWS, one, event="UK deal", **LOOK).figure
    title = fig.get_suptitle().replace("\n", " ")
    assert title.startswith("UK deal: no telling") and title.endswith("a power of 12%")
    assert not any("p 0.017" in text for text in texts(fig))
    told = "p 0.017 over 346 days without events; within homes +0.40 points, p 0.02"
    assert any(told in text for text in texts(EVERY["car_vs_exposure"]()))


def test_scatter_turns_the_slope_into_what_a_lower_bill_brings() -> None:
    fig = EVERY["car_vs_exposure"]()
    title = fig.get_suptitle().replace("\n", " ")
    assert "a bill lower by 1% of market value came with +0.50 points of return (+0.20 to +0.80)" in title
    labels = {text.get_text() for text in fig.axes[0].texts}
    # of those without a change, the extremes and the compatriots of those with one
    assert {"Toyota", "Mazda", "Suzuki", "Kia", "Ford"} <= labels
    assert not {"BMW", "GM"} & labels
    whiskers = [path.vertices[:, 1] for path in fig.axes[0].collections[0].get_paths()]
    assert [np.ptp(ends) > 0 for ends in whiskers] == [d != 0 for d in ROWS["delta"]]


def test_scatter_says_where_the_slope_is_a_contrast_between_homes() -> None:
    one = FOUND.copy()
    one[["p_home", "reading"]] = [0.43, "between homes only"]
    fig = charts.car_vs_exposure(ROWS, one, event="EU deal", **LOOK).figure
    assert fig.get_suptitle().replace("\n", " ").endswith("but not within homes (p 0.43)")


def test_slope_beyond_the_axis_is_marked_at_its_edge() -> None:
    fig = EVERY["slopes_by_event"]()
    beyond = charts.slopes_by_event(SLOPES.assign(slope_home=-30.0), POOLED, TITLES, **LOOK).figure
    edges = [[line.get_marker() for line in each.axes[0].lines].count("<") for each in (fig, beyond)]
    assert edges == [1, 4]  # over all makers, and then within homes too
    assert "took 0.22 points off the share (0.01 to 0.50)" in fig.get_suptitle().replace("\n", " ")


def test_priced_title_counts_only_what_can_be_read() -> None:
    title = EVERY["implied_and_priced"]().get_suptitle().replace("\n", " ")
    assert "of 2 makers whose bill changes 1 can be read: 1 moved too little" in title
    nothing = charts.implied_and_priced(
        PRICED.iloc[[0]], pd.Series({"Toyota": 2e11}), pd.Series(MAKERS), event="Japan deal", **LOOK
    )
    assert nothing.title.endswith("of 1 makers whose bill changes none can be read")


def test_ticks_say_the_number_they_stand_at() -> None:
    fig = EVERY["events_forest"]()
    fig.draw_without_rendering()
    ax = fig.axes[0]
    labels = [text.get_text() for text in ax.get_xticklabels()]
    ticks = list(zip(ax.get_xticks(), labels, strict=True))
    assert len(ticks) > 2
    for place, text in ticks:
        assert float(text.replace("\u2212", "-").removesuffix("%")) == pytest.approx(100 * place, abs=1e-9)


def test_bands_use_students_t_of_the_makers_less_one() -> None:
    fig = EVERY["event_panels"]()
    band = fig.axes[0].collections[0].get_paths()[0].vertices[:, 1]
    assert np.ptp(band[np.isfinite(band)]) / 2 == pytest.approx(0.005 + stats.t.ppf(0.975, 16) * 0.004)
