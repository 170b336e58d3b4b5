"""What prices held is found again where it is known, and what cannot be read is refused in words."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tariffmodel import fieller, implied, placebo, valuation
from tariffmodel.errors import DataError
from tariffmodel.tariff.case import Valuation

DEAL, EU = "2025-07-22-japan-deal", "2025-07-27-eu-deal"
KOREA = ["2025-07-30-korea-deal", "2026-01-26-korea-25-threat"]
PANELS, DAYS = 2_000, 999


@pytest.fixture(scope="module")
def held(known):
    """Main events, five years at 8%."""
    names = [DEAL, EU, "2025-04-29-offset-order", "2025-10-03-offset-extension-report", *KOREA]
    return implied.setting(known, names, valuation=Valuation())


@pytest.fixture(scope="module")
def table(held):
    return implied.table(held)


@pytest.fixture(scope="module")
def told(known):
    """The events of two stories."""
    rows = implied.stories(known)
    return implied.setting(
        known, rows.loc[rows["story"].isin(["japan-deal", "eu-deal"]), "event"], valuation=Valuation()
    )


def simulated(certain: np.ndarray, p: float) -> placebo.Randomised:
    """Slopes of panels of 17 makers in which news of one bill takes its probability up by p."""
    random = np.random.default_rng(11)
    delta = np.concatenate([-random.uniform(0.005, 0.1, 7), np.zeros(10)])
    home = np.repeat([0, 1, 2], [7, 5, 5])
    correlation = np.where(home[:, None] == home, 0.5, 0.2) + 0.5 * np.eye(17)
    correlation[np.diag_indices(17)] = 1.0
    size = random.uniform(0.01, 0.03, 17)
    root = np.linalg.cholesky(correlation)

    def days(n: int) -> placebo.Days:
        noise = random.standard_normal((n, 17)) @ root.T * size
        dates = pd.bdate_range("2000-01-03", periods=n)
        shape = (n, 17, 17)
        spread = np.broadcast_to(size, (n, 17))
        return placebo.Days(
            dates, dates, pd.RangeIndex(17), noise, spread, np.broadcast_to(correlation, shape), 1
        )

    parts = []
    for block in np.split(certain, 5):  # each with placebo days of its own, whose luck all its panels share
        quiet, news = days(DAYS), days(len(block))
        news = replace(news, car=news.car + 0.01 + p * block[:, None] * delta)
        moved = pd.DataFrame(np.broadcast_to(delta, news.car.shape), news.labels, news.firms)
        parts.append(placebo.randomised(placebo.Reference(news, quiet), moved)["slope"])
    return placebo.Randomised(
        pd.concat([one.estimate for one in parts], ignore_index=True),
        pd.concat([one.error for one in parts], ignore_index=True),
        np.concatenate([one.drawn for one in parts]),
        np.concatenate([one.drawn_error for one in parts]),
    )


@pytest.fixture(scope="module")
def worth(known):
    """Slopes of markets that are certain, as uncertain as the valuation."""
    bill = pd.DataFrame(
        {"delta_bill_usd": [1.0], "delta_bill_low_usd": [0.8], "delta_bill_high_usd": [1.2]}, index=["Toyota"]
    )
    return valuation.draws(known, bill, n=1024)["Toyota"].to_numpy()


def covered(found: placebo.Randomised, full: np.ndarray, p: float) -> float:
    draws = [
        fieller.drawn(*one, full, seed=n)
        for n, one in enumerate(zip(found.estimate, found.error, found.drawn_t, strict=True))
    ]
    low, high = fieller.ends(np.array(draws))
    return float(((low <= p) & (p <= high)).mean())


def test_the_interval_holds_a_known_probability_as_often_as_it_says(worth):
    truth = np.random.default_rng(3).permutation(np.resize(worth, PANELS))
    assert 0.93 <= covered(simulated(truth, 0.4), worth, 0.4) <= 0.97


def test_days_without_news_give_no_change_with_size_five_percent(worth):
    found = simulated(np.full(PANELS // 2, -2.0), 0.0)
    assert 0.03 <= 1 - covered(found, worth, 0.0) <= 0.07
    assert abs(float(found.estimate.mean()) / -2.0) < 0.02


def test_the_japan_deal_of_july_2025_was_held_for_five_sixths(held, table):
    row = table.loc[DEAL]
    assert row["slope"] == pytest.approx(-0.51, abs=0.02)
    assert row["probability"] == pytest.approx(0.17, abs=0.01)
    assert row["probability_low"] == pytest.approx(0.05, abs=0.03)
    # 0.29 with the volumes of 2025 known; on the day they were those of 2024, carried with a range
    assert row["probability_high"] == pytest.approx(0.35, abs=0.03)
    found = implied.iso(held, DEAL, [2, 5, 10])["probability"]
    assert found.tolist() == pytest.approx([0.38, 0.17, 0.10], abs=0.01)
    assert found[5.0] == pytest.approx(row["probability"])


def test_the_interval_of_a_known_valuation_and_bill_is_that_of_the_slope(held):
    read = implied._read(held, {DEAL: DEAL})[DEAL]
    flat = replace(read, full=np.full(4096, read.found["slope_full"]))
    _, low, high = flat.change(0.95)
    ends = [read.found[name] / read.found["slope_full"] for name in ("slope_high", "slope_low")]
    assert [low, high] == pytest.approx(ends, abs=0.01)


def test_each_share_has_its_own_probability_and_none_is_cut_off(held):
    found = implied.by_maker(held, DEAL)
    alone = {"Mazda": 0.80, "Subaru": 0.52, "Nissan": 0.86, "Mitsubishi Motors": 0.56, "Toyota": -1.28}
    for maker, p in alone.items():
        assert found.at[maker, "probability"] == pytest.approx(p, abs=0.15), maker
    assert found.at["Toyota", "reason"].startswith("below 0")
    assert found.at["Mazda", "reason"].startswith("inputs cannot be right")
    assert np.isnan(found.at["Honda", "probability"]) and found.at["Honda", "reason"].endswith(
        "may be nothing"
    )
    one = found.loc["Subaru"]
    by_prices = (one["market_cap_usd"] - one["no_event_usd"]) / (one["event_usd"] - one["no_event_usd"])
    assert one["probability"] == pytest.approx(by_prices, abs=0.01)


def test_a_wrong_sign_is_refused_in_words(held, table):
    row = table.loc[EU]
    assert np.isnan(row[["probability", "probability_low", "probability_high"]].astype(float)).all()
    assert row["slope"] > 0 and row["reason"].startswith(
        "wrong sign: makers whose bill rises more did better"
    )
    with pytest.raises(DataError, match="wrong sign"):
        implied.iso(held, EU)


def test_one_maker_alone_too_few_makers_and_no_change_are_refused(held):
    assert (
        "Mazda alone makes the slope" in implied.table(held)["reason"]["2025-10-03-offset-extension-report"]
    )
    rows = pd.DataFrame({"delta": [0.01, 0.02, 0.0, 0.03]}, index=list("ABCD"))
    assert implied._refused(rows) == "4 makers with a return and a computed change of the bill; 5 are needed"
    assert "same share" in implied._refused(pd.DataFrame({"delta": [0.0] * 6}))
    assert implied._refused(pd.DataFrame({"delta": [0.01, 0.02, 0.03, 0.0, 0.01, 0.02]})) == ""


def test_an_event_beside_another_is_flagged(table):
    found = table["beside"]
    assert "2025-04-28-offset-report" in found["2025-04-29-offset-order"] and found[DEAL] == ""


def test_market_value_and_bill_scaled_together_change_nothing(held, table, monkeypatch):
    exposed = implied.event_calendar.delta_exposure

    def tenfold(*arguments):
        frame = exposed(*arguments)
        money = [name for name in frame if name.endswith("_usd")]
        return frame.assign(**{name: 10 * frame[name] for name in money})

    monkeypatch.setattr(implied.event_calendar, "delta_exposure", tenfold)
    pd.testing.assert_frame_equal(implied.table(held), table, rtol=1e-9)


def test_opposite_events_cancel_what_they_share_and_others_are_refused(held):
    found = implied.opposite(held, *KOREA).iloc[0]
    assert found["ratio"] == pytest.approx(found["slope_second"] / found["slope_first"])
    assert found["ratio_low"] == -math.inf and "not told from zero" in found["reason"]
    with pytest.raises(DataError, match="do not bring and take back one bill"):
        implied.opposite(held, DEAL, EU)


def test_fieller_is_the_set_of_ratios_not_rejected():
    low, high = fieller.interval(3.0, 0.5, 2.0, 0.2, cut=2.0, covariance=0.02)
    for theta in (low, high):
        spread = math.sqrt(0.5**2 - 2 * theta * 0.02 + (theta * 0.2) ** 2)
        assert abs(3.0 - theta * 2.0) / spread == pytest.approx(2.0)
    assert fieller.interval(1.0, 0.1, 0.1, 0.2) == (-math.inf, math.inf)
    with pytest.raises(DataError, match="below 0"):
        fieller.interval(1.0, -0.1, 1.0, 0.1)


def test_a_path_adds_up_to_what_was_known(known, told):
    found = implied.path(known, "japan-deal", told)
    assert found[["after", "after_low", "after_high"]].iloc[-1].tolist() == pytest.approx([1, 1, 1])
    assert (found["after"] - found["before"]).to_numpy() == pytest.approx(found["change"].to_numpy())
    assert found["before"].iloc[1:].to_numpy() == pytest.approx(found["after"].iloc[:-1].to_numpy())
    width = found["before_high"] - found["before_low"]
    assert width.is_monotonic_decreasing  # the further from what was known, the wider
    assert found.at[DEAL, "change"] == pytest.approx(0.17, abs=0.01)


def test_a_path_is_not_read_beyond_a_wrong_sign(known, told):
    found = implied.path(known, "eu-deal", told)
    assert found.at[EU, "reason"].startswith("wrong sign") and np.isnan(found.at[EU, "before"])
    assert found.loc[:EU, "before"].isna().all() and found.loc[EU:, "after"].notna().all()


def test_what_a_day_does_not_know_yet_is_in_no_story(data, known):
    early = replace(known, day=pd.Timestamp("2025-08-01").date())
    assert (implied.stories(early)["date"] <= "2025-08-01").all()
    with pytest.raises(DataError, match="lies after 2025-08-01"):
        implied.path(early, "japan-deal")
    with pytest.raises(DataError, match="no story 'brexit'; there are japan-deal"):
        implied.path(known, "brexit")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (",0,,estimated", ",0,1,estimated", "story korea-25: expected one outcome"),
        ("2026-03-12-korea-act", "2026-03-12-korea-pact", "row 14, event: '2026-03-12-korea-pact' is not in"),
        (",0,,estimated", ",1.5,,estimated", "p_before"),
    ],
)
def test_a_story_that_cannot_be_is_refused_with_file_and_row(data, old, new, said):
    from tariffmodel import facts

    file = data / "events" / "stories.csv"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DataError, match=said):
        implied.stories(facts.load(data))


def test_the_command_prints_every_reading_and_the_refusal(tm):
    code, out, _ = tm("implied", "EU deal", "--life", "5")
    assert code == 0 and "wrong sign" in out and "Path: eu-deal" in out and "2025-09-24-eu-notice" in out
    code, _, err = tm("implied", "UK deal", "--by", "story", "--format", "csv")
    assert code == 1 and "in no story" in err
