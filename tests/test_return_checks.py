"""What is no return in fractions, or no single calendar, is refused; what is merely wild is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tariffmodel import events, market
from tariffmodel.errors import DataError
from tariffmodel.stats.return_checks import PERCENT, check_scale, check_sessions

DAYS = pd.bdate_range("2023-01-02", periods=600)


def moves(scale=0.015, firms=4, days=DAYS, seed=0, law=None):
    random = np.random.default_rng(seed)
    values = random.normal(0, 1, (len(days), firms)) if law is None else law(random, (len(days), firms))
    return pd.DataFrame(scale * values, days, [f"F{i}" for i in range(firms)])


# ---- scale

HELD = 100 * np.exp(moves().cumsum())


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (
            HELD,
            r"returns is never negative in F0, F1, F2 and 1 more \(median [\d.]+\): prices, or gross returns",
        ),
        (np.log(HELD), "never negative in F0"),
        (1 + moves(), "prices, or gross returns\\? Pass prices.pct_change"),
        (HELD / 1000, "never negative"),
        (moves().assign(F2=HELD["F2"]), "never negative in F2 "),
        (100 * moves(), r"looks like percent in F0, F1, F2 and 1 more \(median size 1.1\); divide by 100"),
        (100 * moves(0.005), "looks like percent"),  # an exchange rate
        (1e4 * moves(), "looks like percent"),
        (moves().assign(F1=100 * moves()["F1"]), "percent in F1 .*, and not in the other columns; divide"),
        (
            moves(0.0005).assign(F3=100 * moves(0.0018)["F3"]),
            "mixed scales, the median move is 0.12 in F3 and",
        ),
    ],
)
def test_what_is_no_return_is_refused_with_the_columns(frame, message):
    with pytest.raises(DataError, match=message):
        check_scale(frame)
    with pytest.raises(DataError, match=message):
        events.study(frame, "2024-10-01", model="mean")


def test_a_market_of_another_scale_and_a_yearly_rate_are_refused():
    for index, message in (
        (100 * moves()["F0"], "market looks like percent in market"),
        (HELD["F0"], "market is never negative"),
        (100 * moves(0.0018)["F0"], "mixed scales, the median move is 0.13 in market and 0.002 in returns"),
    ):
        with pytest.raises(DataError, match=message):
            check_scale(moves(0.003), index)
    rate = pd.Series(0.05, DAYS)
    for found in (rate, 100 * rate / 250):
        with pytest.raises(DataError, match="risk_free has the median 0.0.*, which is no rate of one day"):
            check_scale(moves(), risk_free=found)
    check_scale(moves(), moves()["F0"], rate / 250)


@pytest.mark.parametrize(
    "frame",
    [
        moves(0.05, law=lambda random, size: random.standard_t(2, size)),  # crypto and penny shares
        moves().mask(moves().index.to_series() == DAYS[300], -0.7),
        moves(0.0005),  # minutes, or a fund of bills
        moves(0.0002).assign(F3=moves(0.04)["F3"]),  # a bond fund beside a crypto currency
        moves().where(np.random.default_rng(1).random((600, 4)) < 0.3, 0.0),  # hardly traded
        moves().mask(np.random.default_rng(1).random((600, 4)) < 0.5),
        pd.DataFrame({"fund": np.full(600, 0.0002)}, DAYS),  # accrues every day
        moves(firms=1, days=DAYS[:12]),
        moves() * np.nan,
    ],
    ids=["wild", "crash", "calm", "bond and crypto", "zeros", "holes", "accrual", "short", "empty"],
)  # fmt: skip
def test_genuine_data_pass(frame):
    check_scale(frame)


def test_the_limit_is_for_returns_of_a_day():
    minutes = moves(0.0006)
    limit = PERCENT * np.sqrt(1 / 390)
    check_scale(minutes, limit=limit)
    check_scale(100 * minutes)  # by the day they would pass
    with pytest.raises(DataError, match="percent"):
        check_scale(100 * minutes, limit=limit)


def test_the_bundled_panel_passes(known):
    for kind in ("simple", "log"):
        whole = market.returns(known, kind=kind)
        check_scale(whole)
    for _, lines in known.instruments.loc[known.prices.columns].groupby("exchange_calendar"):
        check_sessions(market.returns(known, list(lines.index)))


# ---- calendars


@pytest.mark.parametrize(
    "lines",
    [
        ["7203.T", "GM"],
        ["7203.T", "7267.T", "GM", "F"],
        ["^N225", "^GSPC", "^GDAXI", "^KS11"],
        ["BMW.DE", "GM"],
        ["005380.KS", "7203.T"],
        ["TM", "7203.T"],  # one maker, two lines
    ],
)
def test_lines_of_several_exchanges_need_calendars(known, lines):
    frame = market.returns(known, lines, kind="simple")
    with pytest.raises(
        DataError, match=r"do not trade on the same days \(20.*pass calendars=\{firm.*'union'"
    ):
        events.study(frame, "2025-07-23", model="mean")
    events.study(frame, "2025-07-23", model="mean", calendars="union")
    events.study(
        frame, "2025-07-23", model="mean", calendars=known.instruments["exchange_calendar"].to_dict()
    )


def test_families_of_firms_are_told_apart_without_knowing_the_exchange():
    frame = moves(firms=8)
    frame.iloc[np.random.default_rng(0).choice(600, 12, replace=False), :3] = np.nan
    noisy = frame.mask(np.random.default_rng(2).random(frame.shape) < 0.003)
    with pytest.raises(DataError, match="F0 and F3 do not trade on the same days"):
        check_sessions(noisy)


def test_weekends_tell_crypto_from_shares():
    days = pd.date_range("2024-01-01", periods=200)
    frame = moves(days=days, firms=2)
    frame.loc[days.day_of_week >= 5, "F0"] = np.nan
    with pytest.raises(DataError, match="F0 and F1 do not trade on the same days"):
        check_sessions(frame)
    check_sessions(frame[["F1"]])


@pytest.mark.parametrize("share", [0.005, 0.02, 0.1, 0.5])
@pytest.mark.parametrize("firms", [2, 3, 7, 20])
def test_gaps_at_random_are_no_calendar(share, firms):
    for seed in range(10):
        random = np.random.default_rng(seed)
        frame = moves(firms=firms, seed=seed)
        check_sessions(frame.mask(random.random(frame.shape) < share))


def test_listings_halts_and_one_thin_share_are_no_calendar():
    frame = moves(firms=6)
    frame.iloc[:200, 0] = frame.iloc[400:, 1] = np.nan  # listed late, delisted
    frame.iloc[100:130, 2:4] = np.nan  # two classes of a share, halted together
    frame.iloc[::3, 4] = np.nan
    check_sessions(frame)
    check_sessions(frame.iloc[:0])
    check_sessions(frame.set_axis(pd.date_range("1951-01-01", periods=600, freq="B")))


def test_event_time_of_two_exchanges_is_off_without_calendars(known):
    """What the refusal is for: the window of one exchange counts holidays of the other."""
    lines = ["7203.T", "7267.T", "GM", "F"]
    frame = market.returns(known, lines, kind="simple").dropna(how="all")
    calendars = known.instruments.loc[lines, "exchange_calendar"].to_dict()
    asked = pd.DataFrame({"firm": lines, "date": "2025-07-08"})
    right, wrong = (
        events.study(frame, asked, model="mean", calendars=given).car()["car"]
        for given in (calendars, "union")
    )
    assert (right - wrong).abs().max() > 0.05
