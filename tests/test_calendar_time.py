"""Calendar-time alphas against statsmodels and a portfolio built row by row."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from tariffmodel import events
from tariffmodel.errors import DataError

WINDOW = (0, 9)


@pytest.fixture(scope="module")
def setting() -> tuple[events.EventStudy, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Twenty firms, events of their own days, two within ten days of each other for one firm; +0.4% a day."""
    random = np.random.default_rng(2)
    days = pd.bdate_range("2023-01-02", periods=420)
    factors = pd.DataFrame(random.normal(0, 0.01, (420, 3)), days, ["market", "smb", "hml"])
    names = [f"F{i}" for i in range(20)]
    moves = factors.to_numpy() @ random.normal(1, 0.3, (3, 20)) + random.normal(0, 0.015, (420, 20))
    moves[random.random(moves.shape) < 0.02] = np.nan
    places = [*random.integers(150, 400, 20), 0]
    places[20] = places[0] + 4
    rows = pd.DataFrame({"firm": [*names, "F0"], "date": days[places], "event": [f"e{i}" for i in range(21)]})
    for firm, place in zip([*range(20), 0], places, strict=True):
        moves[place : place + 10, firm] += 0.004
    shares = pd.DataFrame(moves, days, names)
    study = events.study(shares, rows, model="mean", estimation=(-140, -1), window=WINDOW)
    return study, shares, factors, rows


def by_hand(shares: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    held: dict[pd.Timestamp, set[str]] = {}
    for row in rows.itertuples():
        start = shares.index.get_loc(row.date)
        for day in shares.index[start : start + 10]:
            held.setdefault(day, set()).add(row.firm)
    returns = {day: shares.loc[day, sorted(firms)].dropna() for day, firms in sorted(held.items())}
    frame = {day: (len(one), one.mean()) for day, one in returns.items() if len(one)}
    return pd.DataFrame.from_dict(frame, orient="index", columns=["firms", "mean"])


@pytest.mark.parametrize("errors", ["ols", "wls", "hac"])
def test_alphas_are_those_of_statsmodels_on_a_portfolio_built_by_hand(setting, errors):
    study, shares, factors, rows = setting
    held = by_hand(shares, rows)
    x = sm.add_constant(factors.loc[held.index])
    weights = held["firms"] if errors == "wls" else np.ones(len(held))
    expected = sm.WLS(held["mean"], x, weights=weights).fit()
    if errors == "hac":
        lags = int(4 * (len(held) / 100) ** (2 / 9))
        expected = expected.get_robustcov_results("HAC", maxlags=lags, use_correction=True, use_t=True)
    found = study.calendar_alpha(factors, errors=errors)
    assert found.n == len(held)
    np.testing.assert_allclose(found.params, expected.params, rtol=1e-10)
    np.testing.assert_allclose(found.table()["standard_error"], expected.bse, rtol=1e-10)
    np.testing.assert_allclose(found.table()["p"], expected.pvalues, rtol=1e-8)
    assert found.r_squared == pytest.approx(expected.rsquared)
    assert abs(found.params["const"] - 0.004) < 3 * found.table().loc["const", "standard_error"]


def test_dates_with_few_firms_can_be_left_out_and_the_bill_taken_off(setting):
    study, shares, factors, rows = setting
    held = by_hand(shares, rows)
    bill = pd.Series(0.0001, shares.index)
    found = study.calendar_alpha(factors, errors="ols", fewest=2, risk_free=bill)
    kept = held[held["firms"] >= 2]
    expected = sm.OLS(kept["mean"] - 0.0001, sm.add_constant(factors.loc[kept.index])).fit()
    assert found.n == len(kept) < len(held)
    np.testing.assert_allclose(found.params, expected.params, rtol=1e-10)


def test_what_cannot_be_regressed_is_refused(setting):
    study, _, factors, _ = setting
    with pytest.raises(DataError, match="errors 'white': write 'hac', 'ols' or 'wls'"):
        study.calendar_alpha(factors, errors="white")
    with pytest.raises(DataError, match="no date has 99 firms in their event window; the most is"):
        study.calendar_alpha(factors, fewest=99)
    with pytest.raises(DataError, match="constant or a combination"):
        study.calendar_alpha(factors.assign(twice=2 * factors["market"]))
    with pytest.raises(DataError, match="no date has both"):
        study.calendar_alpha(factors.set_axis(factors.index - pd.Timedelta(days=4000)))
