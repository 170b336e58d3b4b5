"""Charts of hedges say what their tables say, draw every interval, and are red for what does not help."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

import matplotlib
import numpy as np
import pandas as pd
import pytest
from legible import faults
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from tariffmodel import charts, hedge, options
from tariffmodel.charts import house
from tariffmodel.facts import Facts

LOOK = {"source": "a source", "as_of": date(2026, 10, 30)}
RED = "#b2182b"
SHARES = {"7203.T": "Toyota", "7211.T": "Mitsubishi Motors", "GM": "GM"}
WEEKS = pd.date_range("2024-01-05", periods=60, freq="W-FRI")
NAMES = ["hedge_record", "ratio_paths", "pair_ideas", "payoffs"]
Draw = Callable[..., Figure]


def recorded(*rows: tuple[str, str, float, float, float]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["ticker", "hedge", "out_of_sample", "low", "high"])
    called = frame["hedge"].replace({"JPY": "USD/JPY", "JPY + TOPIX": "USD/JPY + TOPIX", "^GSPC": "S&P 500"})
    frame = frame.assign(
        called=called, one_to_one=frame["out_of_sample"] - 0.01, over_low=-0.05, over_high=0.05
    )
    return frame.assign(helps=frame["low"] > 0).set_index(["ticker", "hedge"])


@pytest.fixture(scope="module")
def record() -> pd.DataFrame:
    """Only JPY helps nobody; GM's index has a good estimate and an interval across zero."""
    return recorded(
        ("7203.T", "JPY + TOPIX", 0.49, 0.33, 0.62),
        ("7203.T", "JPY", -0.02, -0.11, 0.05),
        ("7203.T", "TOPIX", 0.48, 0.31, 0.61),
        ("7211.T", "JPY + TOPIX", 0.27, 0.13, 0.42),
        ("7211.T", "JPY", -0.03, -0.9, 0.02),
        ("GM", "^GSPC", 0.16, -0.02, 0.29),
        ("GM", "SPY", 0.16, 0.01, 0.29),
    )


@pytest.fixture(scope="module")
def paths() -> dict[str, pd.DataFrame]:
    slow = pd.DataFrame(
        {"USD/JPY": np.linspace(0.1, -0.78, 60), "TOPIX": np.linspace(1.5, 1.13, 60)}, index=WEEKS
    )
    return {"rolling": slow, "exponential": slow + 0.2, "dynamic": (slow - 0.3).iloc[20:]}


@pytest.fixture(scope="module")
def pairs() -> pd.DataFrame:
    columns = {
        "long": ["Toyota", "Mercedes-Benz"], "short": ["Mazda", "Volkswagen"],
        "exposure_gap": [0.248, 0.042], "gap_low": [0.2, -0.01], "gap_high": [0.296, 0.08],
        "shock_gap": [0.199, -0.006], "shock_low": [0.156, -0.02], "shock_high": [0.234, 0.015],
        "cost_bp": [21.1, 21.7], "volatility": [0.252, 0.17],
    }  # fmt: skip
    return pd.DataFrame(columns)


@pytest.fixture(scope="module")
def gains() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Of a holder of JPY 1.2 bn at 0.0064 dollars, at three volatilities."""
    rates = {"domestic": 0.04, "foreign": 0.01, "years": 0.5}
    ahead = options.forward(0.0064, **rates)
    moves = np.linspace(-0.2, 0.2, 41)
    return tuple(
        (options.payoffs(moves, 0.0064, 0.0061, sigma, **rates).drop(columns="rate") + ahead - 0.0064) * 1.2e9
        for sigma in (0.1, 0.18, 0.05)
    )  # type: ignore[return-value]


@pytest.fixture(scope="module")
def every(
    record: pd.DataFrame,
    paths: dict[str, pd.DataFrame],
    pairs: pd.DataFrame,
    gains: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame],
) -> dict[str, Draw]:
    """Each chart, ready but for its width."""
    low, high = paths["rolling"] - 0.4, paths["rolling"] + 0.4
    return {
        "hedge_record": lambda **k: charts.hedge_record(record, SHARES, case="a case", **LOOK, **k).figure,
        "ratio_paths": lambda **k: (
            charts.ratio_paths(
                paths,
                low,
                high,
                [WEEKS[30], pd.Timestamp("2019-01-04")],
                position="Toyota",
                case="a case",
                **LOOK,
                **k,
            ).figure
        ),
        "pair_ideas": lambda **k: (
            charts.pair_ideas(pairs, shock="flat-25", case="a case", **LOOK, **k).figure
        ),
        "payoffs": lambda **k: (
            charts.payoffs(*gains, held="JPY", paid="USD", case="a case", **LOOK, **k).figure
        ),
    }


def title(fig: Figure) -> str:
    return fig.get_suptitle().replace("\n", " ")


def words(fig: Figure) -> Iterator[str]:
    for text in fig.findobj(matplotlib.text.Text):
        yield text.get_text().replace("\n", " ")


def spans(fig: Figure) -> set[tuple[float, float]]:
    """Ends of every horizontal line."""
    lines = fig.findobj(matplotlib.collections.LineCollection)
    segments = [segment for found in lines for segment in found.get_segments() if len(segment) == 2]
    return {(round(a[0], 6), round(b[0], 6)) for a, b in segments if a[1] == b[1]}


def colors(fig: Figure) -> set[str]:
    """Every colour that something is drawn in."""
    found = [text.get_color() for text in fig.findobj(matplotlib.text.Text) if text.get_text()]
    found += [line.get_color() for line in fig.findobj(matplotlib.lines.Line2D)]
    for drawn in fig.findobj(matplotlib.collections.Collection):
        found += [*drawn.get_edgecolor(), *drawn.get_facecolor()]
    return {to_hex(color) for color in found}


# Every chart ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [charts.COLUMN_CM, charts.PAGE_CM])
@pytest.mark.parametrize("name", NAMES)
def test_every_chart_is_legible_at_either_width(every: dict[str, Draw], name: str, width: float) -> None:
    fig = every[name](width_cm=width)
    assert fig.get_figwidth() == pytest.approx(width / 2.54)
    assert faults(fig) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_chart_names_source_and_day(every: dict[str, Draw], name: str) -> None:
    note = next(text for text in words(every[name]()) if "Source: a source" in text)
    assert note.endswith("As of 30 Oct 2026.")


def test_user_settings_do_not_leak_into_charts(every: dict[str, Draw]) -> None:
    plain = house.render(every["payoffs"](), "png", "Lines.")
    with matplotlib.rc_context({"font.size": 20, "axes.facecolor": "red"}):
        assert house.render(every["payoffs"](), "png", "Lines.") == plain


@pytest.mark.parametrize("name", NAMES[1:])
def test_only_a_hedge_that_does_not_help_is_red(every: dict[str, Draw], name: str) -> None:
    assert RED not in colors(every[name]())
    assert RED in colors(every["hedge_record"]())


# The record ------------------------------------------------------------------------------------------


def test_record_counts_what_helps_and_names_what_helps_nobody(every: dict[str, Draw]) -> None:
    assert title(every["hedge_record"]()) == "4 of 7 hedges help out of sample; USD/JPY, S&P 500 help nobody"


def test_verdict_follows_the_interval_and_not_the_estimate(record: pd.DataFrame) -> None:
    fig = charts.hedge_record(record.loc[["GM"]], SHARES, case="", **LOOK).figure
    shown = {t.get_text(): to_hex(t.get_color()) for ax in fig.axes for t in ax.texts}
    assert shown["does not help"] == RED and shown["helps"] != RED
    assert title(fig).endswith("S&P 500 helps nobody")


def test_red_words_marks_and_lines_are_as_many_as_hedges_without_help(record: pd.DataFrame) -> None:
    fig = charts.hedge_record(record, SHARES, case="", **LOOK).figure
    failing = (~record["helps"]).sum()
    texts = [t for ax in fig.axes for t in ax.texts if to_hex(t.get_color()) == RED]
    assert sum(t.get_text() == "does not help" for t in texts) == failing
    assert len(texts) == 2 * failing  # the figure and the word
    marks = [c for ax in fig.axes for c in ax.findobj(matplotlib.collections.PathCollection)]
    red = [c for c in marks if len(c.get_offsets()) and to_hex(c.get_edgecolor()[0]) == RED]
    assert sum(len(c.get_offsets()) for c in red) == failing


@pytest.mark.parametrize("width", [charts.COLUMN_CM, charts.PAGE_CM])
def test_every_interval_of_the_record_is_drawn(record: pd.DataFrame, width: float) -> None:
    fig = charts.hedge_record(record, SHARES, case="", width_cm=width, **LOOK).figure
    assert {tuple(row) for row in record[["low", "high"]].to_numpy()} <= spans(fig)
    assert any("Cut at the edge" in text for text in words(fig))  # one of them reaches −90%


def test_one_for_one_is_marked_and_what_surely_beats_it_counted(record: pd.DataFrame) -> None:
    fig = charts.hedge_record(
        record.assign(over_low=[0.1, -0.1, 0.2, -0.1, -0.1, -0.1, -0.1], over_high=[0.2] * 6 + [-0.02]),
        SHARES,
        case="",
        **LOOK,
    ).figure
    marks = [
        c.get_offsets()
        for ax in fig.axes
        for c in ax.collections
        if isinstance(c, matplotlib.collections.PathCollection)
    ]
    drawn = {round(float(x), 6) for offsets in marks for x, _ in offsets}
    assert set(record["one_to_one"].round(6)) <= drawn
    assert any("better than that in 2, worse in 1 of 7" in text for text in words(fig))


def test_hedges_of_one_share_stay_in_one_column(record: pd.DataFrame) -> None:
    fig = charts.hedge_record(record, SHARES, case="", width_cm=charts.PAGE_CM, **LOOK).figure
    left, right = ([t.get_text() for t in ax.get_yticklabels()] for ax in fig.axes)
    assert left == ["Toyota  USD/JPY + TOPIX", "USD/JPY", "TOPIX"]
    assert right == ["Mitsubishi Motors  USD/JPY + TOPIX", "USD/JPY", "GM  S&P 500", "SPY"]
    (one,) = charts.hedge_record(record, SHARES, case="", width_cm=charts.COLUMN_CM, **LOOK).figure.axes
    assert [t.get_text() for t in one.get_yticklabels()] == left + right


def test_record_without_a_tested_hedge_says_so() -> None:
    untested = pd.DataFrame(
        {"called": ["SPY"], "helps": [False], "verdict": ["too few weeks"]},
        index=pd.MultiIndex.from_tuples([("GM", "SPY")], names=["ticker", "hedge"]),
    )
    fig = charts.hedge_record(untested, SHARES, case="", **LOOK).figure
    assert title(fig) == "No hedge has enough weeks to be tested out of sample"
    shown = [t for ax in fig.axes for t in ax.texts]
    assert "not tested" in {t.get_text() for t in shown}
    assert RED not in {to_hex(t.get_color()) for t in shown}  # unknown is not unhelpful


def test_titles_of_a_record_without_failures_and_without_successes() -> None:
    good, bad = ("GM", "SPY", 0.2, 0.1, 0.3), ("GM", "^GSPC", 0.2, -0.1, 0.3)
    draw = charts.hedge_record
    assert draw(recorded(good), SHARES, case="", **LOOK).title == "1 of 1 hedges help out of sample"
    assert draw(recorded(bad), SHARES, case="", **LOOK).title == "No hedge among 1 helps out of sample"


def test_real_record_is_drawn_as_it_was_computed(known: Facts) -> None:
    found = hedge.record(known, ["7203.T"], [["JPY"], ["TOPIX"]], draws=100)
    fig = charts.hedge_record(found, {"7203.T": "Toyota"}, case="", **LOOK).figure
    assert title(fig).startswith(f"{found['helps'].sum()} of 2 hedges help")
    assert {tuple(np.round(row, 6)) for row in found[["low", "high"]].to_numpy(float)} <= spans(fig)


# Ratios ------------------------------------------------------------------------------------------------


def test_ratio_above_zero_is_sold_and_below_zero_bought(every: dict[str, Draw]) -> None:
    said = title(every["ratio_paths"]())
    assert "buys 0.78 of USD/JPY and sells 1.13 of TOPIX" in said
    assert said.endswith("the ratio on USD/JPY has run from \u22120.78 to 0.10")


def test_band_of_ratios_is_drawn_and_events_outside_the_data_are_not(
    every: dict[str, Draw], paths: dict[str, pd.DataFrame]
) -> None:
    fig = every["ratio_paths"]()
    for ax, instrument in zip(fig.axes, paths["rolling"], strict=True):
        (band,) = ax.collections
        ends = band.get_paths()[0].vertices[:, 1]
        assert ends.min() == pytest.approx(paths["rolling"][instrument].min() - 0.4)
        assert ends.max() == pytest.approx(paths["rolling"][instrument].max() + 0.4)
        upright = [line for line in ax.lines if len(set(line.get_xdata())) == 1]
        assert len(upright) == 1
        drawn = [line for line in ax.lines if len(line.get_xdata()) > 2]
        assert len({line.get_color() for line in drawn}) == 3
        assert [line.is_dashed() for line in drawn] == [False, True, True]


# Pairs ---------------------------------------------------------------------------------------------------


def test_pair_title_tells_whether_the_shock_adds_or_takes(pairs: pd.DataFrame) -> None:
    first = title(charts.pair_ideas(pairs, shock="flat-25", case="", **LOOK).figure)
    assert first == (
        "Long Toyota, short Mazda ranks first: their bills lie 24.8% of market value apart (20.0% to 29.6%); "
        "flat-25 would add 19.9 points"
    )
    second = title(charts.pair_ideas(pairs.iloc[1:], shock="flat-25", case="", **LOOK).figure)
    assert "(\u22121.0% to 8.0%); flat-25 would take 0.6 points" in second


def test_pair_whose_range_reaches_zero_is_hollow(pairs: pd.DataFrame) -> None:
    fig = charts.pair_ideas(pairs, shock="flat-25", case="", **LOOK).figure
    dots = fig.axes[0].findobj(matplotlib.collections.PathCollection)[0].get_facecolor()
    assert [to_hex(color) == "#ffffff" for color in dots] == [False, True]
    assert any("Hollow" in text for text in words(fig))
    sure = charts.pair_ideas(pairs[:1], shock="flat-25", case="", **LOOK).figure
    assert not any("Hollow" in text for text in words(sure))


def test_every_range_of_a_pair_is_drawn(pairs: pd.DataFrame) -> None:
    drawn = spans(charts.pair_ideas(pairs, shock="flat-25", case="", **LOOK).figure)
    for name in ("gap", "shock"):
        assert {tuple(row) for row in pairs[[f"{name}_low", f"{name}_high"]].to_numpy()} <= drawn


def test_no_pairs_are_said_to_be_none(pairs: pd.DataFrame) -> None:
    assert (
        title(charts.pair_ideas(pairs[:0], shock="x", case="", **LOOK).figure)
        == "No pair has an exposure gap"
    )


# Options ---------------------------------------------------------------------------------------------------


def test_payoff_title_is_the_gain_at_ten_percent_down_by_hand(every: dict[str, Draw]) -> None:
    """JPY 1.2 bn at 0.0064: 10% is USD 0.768 m; the forward brings the interest gap of half a year."""
    said = title(every["payoffs"]())
    carry = 1.2e9 * 0.0064 * (np.exp(0.03 / 2) - 1) / 1e6
    assert "If JPY falls 10% against USD, the leg brings USD \u22120.77 m alone" in said
    assert f"+{carry:.2f} with a forward" in said


def test_payoffs_are_drawn_with_the_band_of_volatilities(
    gains: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame], every: dict[str, Draw]
) -> None:
    ax = every["payoffs"]().axes[0]
    lines = [line for line in ax.lines if len(line.get_xdata()) > 2]
    for line, name in zip(lines, gains[0], strict=True):
        np.testing.assert_allclose(line.get_ydata(), gains[0][name] / 1e6)
    assert len({line.get_color() for line in lines}) == 4
    assert [line.is_dashed() for line in lines] == [True, False, True, True]
    put = ax.collections[2].get_paths()[0].vertices[:, 1]
    assert put.min() == pytest.approx(gains[1]["put"].min() / 1e6)
    assert put.max() == pytest.approx(gains[2]["put"].max() / 1e6)


def test_large_legs_are_told_in_billions(gains: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]) -> None:
    fig = charts.payoffs(*(150 * frame for frame in gains), held="USD", paid="JPY", case="", **LOOK).figure
    assert "JPY \u22120.12 bn alone" in title(fig)
