"""Returns on each exchange's own days, factors over the same days, and who had closed before whom."""

from __future__ import annotations

import dataclasses
from datetime import date

import numpy as np
import pandas as pd
import pytest

from tariffmodel import facts, market
from tariffmodel.errors import DataError
from tariffmodel.runs import manifest


def with_prices(known: facts.Facts, prices: pd.DataFrame) -> facts.Facts:
    """The same facts with another price panel."""
    other = dataclasses.replace(known)
    other.__dict__["prices"] = prices
    return other


@pytest.mark.parametrize("kind", ["log", "simple"])
def test_return_is_the_change_between_consecutive_closes(known, kind):
    got = market.returns(known, ["7203.T", "GM"], kind=kind)
    for ticker in got:
        closes = known.prices[ticker].dropna()
        calendar = known.instruments.at[ticker, "exchange_calendar"]
        days = list(market.sessions(known, calendar))
        for day in (days[1], days[100], days[500]):
            now, then = closes[day], closes[days[days.index(day) - 1]]
            assert got.at[day, ticker] == pytest.approx(
                np.log(now / then) if kind == "log" else now / then - 1
            )


def test_log_returns_add_up_to_the_whole_move(known):
    for ticker in ("7261.T", "005380.KS", "BMW.DE", "F"):
        closes = known.prices[ticker].dropna()
        whole = market.returns(known, [ticker])[ticker].sum()
        assert whole == pytest.approx(np.log(closes.iloc[-1] / closes.iloc[0]))


def test_nothing_is_carried_over_a_missing_day(known):
    """Without the close of one day, neither that day nor the next has a return."""
    day = market.sessions(known, "XTKS")[300]
    following = market.sessions(known, "XTKS")[301]
    holed = known.prices.copy()
    holed.loc[day, "7203.T"] = np.nan
    full, got = (market.returns(f, ["7203.T"])["7203.T"] for f in (known, with_prices(known, holed)))
    assert got[[day, following]].isna().all() and full[[day, following]].notna().all()
    pd.testing.assert_series_equal(got.drop([day, following]), full.drop([day, following]))
    gap = market.missing(with_prices(known, holed))
    assert ((gap["ticker"] == "7203.T") & (gap["date"] == day)).sum() == 1
    five = market.returns(with_prices(known, holed), ["7203.T"], horizon=5)["7203.T"]
    assert five.loc[day:].iloc[:6].isna().all() and five.loc[day:].iloc[6:10].notna().all()


def test_a_market_is_closed_on_its_own_holidays_only(known):
    both = market.returns(known, ["7203.T", "GM"])
    golden_week, independence = pd.Timestamp("2025-05-05"), pd.Timestamp("2025-07-04")
    assert np.isnan(both.at[golden_week, "7203.T"]) and np.isfinite(both.at[golden_week, "GM"])
    assert np.isfinite(both.at[independence, "7203.T"]) and independence not in market.sessions(known, "XNYS")
    # the return of the first day back spans the holiday: it is the first close since
    closes = known.prices["7203.T"].dropna()
    assert both.at[pd.Timestamp("2025-05-07"), "7203.T"] == pytest.approx(
        np.log(closes[pd.Timestamp("2025-05-07")] / closes[pd.Timestamp("2025-05-02")])
    )


def test_holidays_that_the_calendar_does_not_know_are_no_sessions(known):
    unknown = market.untraded(known, "XKRX")
    assert list(unknown) == [pd.Timestamp("2026-06-03"), pd.Timestamp("2026-07-17")]
    returns = market.returns(known, ["005380.KS"])["005380.KS"]
    assert not returns.index.isin(unknown).any()
    assert np.isfinite(returns[pd.Timestamp("2026-06-04")])


def test_weeks_end_at_the_last_close_of_whole_weeks(known):
    weekly = market.returns(known, ["7203.T", "GM"], horizon="weekly")
    assert (weekly.index.day_of_week == 4).all()
    closes = known.prices["GM"].dropna()
    # 4 July 2025, a Friday, is a holiday: the week ends on Thursday the 3rd
    expected = np.log(closes[pd.Timestamp("2025-07-03")] / closes[pd.Timestamp("2025-06-27")])
    assert weekly.at[pd.Timestamp("2025-07-04"), "GM"] == pytest.approx(expected)
    assert weekly["GM"].last_valid_index() == pd.Timestamp("2026-10-09")
    thursday = market.until(known, date(2026, 8, 20))  # that week is not whole
    cut = market.returns(thursday, ["GM"], horizon="weekly")["GM"]
    assert cut.last_valid_index() == pd.Timestamp("2026-08-14")


def test_overlapping_returns_are_sums_of_daily_ones(known):
    daily, five = (market.returns(known, ["SPY"], horizon=h)["SPY"] for h in (1, 5))
    pd.testing.assert_series_equal(five.iloc[5:], daily.rolling(5).sum().iloc[5:], check_names=False)


def test_dollar_return_is_local_return_less_the_weakening_of_the_currency(known):
    local, dollar = (market.returns(known, ["7203.T"], currency=c)["7203.T"] for c in ("local", "USD"))
    yen = market.factors(known, ["JPY"], "XTKS")["JPY"]
    gap = (dollar - (local - yen)).dropna()
    assert len(gap) > 800 and gap.abs().max() < 1e-12
    assert (market.prices(known, ["GM"], currency="USD")["GM"].dropna() == known.prices["GM"].dropna()).all()


def test_currency_factor_is_positive_when_home_currency_weakens(known):
    """In July 2024 the yen strengthened from 161 to 150 per dollar; in 2025Q1 the euro rose against it."""
    moves = market.factors(known, ["JPY", "EUR"], "XNYS")
    rates = market.exchange_rates(known)
    assert rates.at[pd.Timestamp("2024-07-10"), "JPY"] > rates.at[pd.Timestamp("2024-08-05"), "JPY"]
    assert moves.loc["2024-07-11":"2024-08-05", "JPY"].sum() < -0.08
    assert moves.loc["2025-02-28":"2025-03-31", "EUR"].sum() < 0
    fixing = known.fx["EURUSD"]
    assert rates["EUR"].dropna().iloc[-1] == pytest.approx(1 / fixing.dropna().iloc[-1])


def test_factor_spans_the_sessions_of_the_share(known):
    """Over Golden Week the change of SPY is that between the same two days as Toyota's return."""
    got = market.factors(known, ["SPY"], "XTKS")["SPY"]
    spy = known.prices["SPY"]
    day, before = pd.Timestamp("2025-05-07"), pd.Timestamp("2025-05-02")
    assert got[day] == pytest.approx(np.log(spy[day] / spy[before]))
    holiday = pd.Timestamp("2025-07-04")  # Tokyo trades, New York does not
    assert np.isnan(got[holiday]) and np.isnan(got[pd.Timestamp("2025-07-07")])


def test_leads_and_lags_are_shifts_on_the_same_sessions(known):
    got = market.factors(known, ["JPY"], "XTKS", leads=1, lags=2)
    assert list(got) == ["JPY", "JPY_lead1", "JPY_lag1", "JPY_lag2"]
    plain = got["JPY"].to_numpy()
    np.testing.assert_array_equal(got["JPY_lag1"].to_numpy()[1:], plain[:-1])
    np.testing.assert_array_equal(got["JPY_lead1"].to_numpy()[:-1], plain[1:])
    np.testing.assert_array_equal(got["JPY_lag2"].to_numpy()[2:], plain[:-2])


def test_the_fixing_is_after_tokyo_and_before_new_york(known):
    table = market.asynchrony(known, ["JPY", "TOPIX", "SPY"], "XTKS")
    assert table["add"].to_dict() == {"JPY": "lag", "TOPIX": "nothing", "SPY": "lag"}
    assert table.at["JPY", "hours_after_close_winter"] == pytest.approx(13.25 - 6.5)
    assert table.at["JPY", "hours_after_close_summer"] == pytest.approx(12.25 - 6.5)
    assert market.asynchrony(known, ["JPY", "TOPIX"], "XNYS")["add"].to_dict() == {
        "JPY": "lead",
        "TOPIX": "lead",
    }
    clock = market.closes(known)["close_local"]
    assert clock[["XTKS", "XKRX", "XETR", "XNYS"]].to_list() == ["15:30", "15:30", "17:30", "16:00"]


def test_lag_carries_what_happened_after_tokyo_closed(known):
    """Why it is there: Toyota in Tokyo follows yesterday's New York more than today's."""
    share = market.returns(known, ["7203.T"])["7203.T"]
    spy = market.factors(known, ["SPY"], "XTKS", lags=1)
    assert share.corr(spy["SPY_lag1"]) > share.corr(spy["SPY"])


def test_a_stale_line_is_said_to_be_stale(known):
    table = market.status(known, date(2026, 10, 12))
    assert not table.at["GM", "stale"] and table.at["GM", "sessions_behind"] == 1
    assert table.at["1622.T", "stale"] and table.at["1622.T", "last"] == pd.Timestamp("2026-02-05")
    assert not table.at[market.FIXING, "stale"]
    with pytest.raises(DataError, match="they start on 2023-01-02: choose a later as-of date"):
        market.status(known, date(2014, 1, 1))
    earlier = market.status(known, date(2025, 3, 31))
    assert earlier.at["GM", "sessions_behind"] == 0 and earlier["last"].max() <= pd.Timestamp("2025-03-31")


def test_until_knows_nothing_later(known):
    earlier = market.until(known, date(2025, 6, 30))
    assert earlier.prices.index[-1] <= pd.Timestamp("2025-06-30") and earlier.as_of == date(2025, 6, 30)
    whole = market.returns(known, ["GM"]).loc[:"2025-06-30"]
    pd.testing.assert_frame_equal(market.returns(earlier, ["GM"]), whole, check_freq=False)
    assert known.as_of == date(2026, 10, 30)


def test_what_is_not_there_is_named(known):
    with pytest.raises(DataError, match=r"XYZ is not in data/market/instruments.csv; add a row"):
        market.returns(known, ["XYZ"])
    with pytest.raises(
        DataError, match=r"P911.DE has no prices; add them with `tariffmodel add prices FILE`"
    ):
        market.prices(known, ["P911.DE"])
    with pytest.raises(DataError, match="tickers is empty; name at least one"):
        market.returns(known, [])
    with pytest.raises(DataError, match="pass a list"):
        market.prices(known, "GM")
    with pytest.raises(DataError, match="write 'log' or 'simple'"):
        market.returns(known, ["GM"], kind="geometric")
    for horizon in (0, -1, 1.5, "monthly"):
        with pytest.raises(DataError, match="write a number of sessions >= 1, or 'weekly'"):
            market.returns(known, ["GM"], horizon=horizon)
    with pytest.raises(DataError, match="no prices or exchange rates for BTC"):
        market.factors(known, ["JPY", "BTC"], "XTKS")
    with pytest.raises(DataError, match="write 'local' or 'USD'"):
        market.prices(known, ["GM"], currency="EUR")
    with pytest.raises(DataError, match="no prices of exchange XLON"):
        market.sessions(known, "XLON")
    with pytest.raises(DataError, match="no benchmark with prices for the market of WAWI.OL"):
        market.benchmark(known, "WAWI.OL")


def test_every_benchmark_is_a_line_of_its_own_exchange_and_has_prices(known):
    named = known.markets["benchmark"].dropna().str.split("|")
    assert set(named.str[0]) <= set(known.prices)
    for code, ticker in named.explode().items():
        assert (
            known.instruments.at[ticker, "exchange_calendar"] == known.markets.at[code, "exchange_calendar"]
        )
    assert set(known.instruments["market"]) <= set(known.markets.index)


def test_benchmark_gives_way_when_it_is_stale(known):
    assert market.benchmark(known, "7203.T") == "TOPIX"
    fund = known.prices.assign(**{"1306.T": known.prices["TOPIX"] / 10})
    assert market.benchmark(with_prices(known, fund), "7203.T") == "TOPIX"
    stopped = fund.copy()
    stopped.loc["2026-08-01":, "TOPIX"] = np.nan
    assert market.benchmark(with_prices(known, stopped), "7203.T") == "1306.T"


def test_results_say_what_they_are_and_until_when(known):
    got = market.returns(known, ["GM"], currency="USD")
    timing = "at the close of XNYS 16:00 America/New_York, in dollars at the fixing of 14:15 Europe/Berlin"
    unit = "log return, USD currency, horizon 1"
    assert got.attrs == {"unit": unit, "as_of": "2026-10-09", "timing": timing}
    factors = market.factors(known, ["JPY"], "XTKS", lags=1)
    assert factors.attrs["timing"] == (
        "same date, not same hour; 0 leads and 1 lags; exchange rates at the fixing of 14:15 Europe/Berlin"
    )


# Prices that go on after the exchange rates


@pytest.fixture
def ahead(known) -> facts.Facts:
    """Prices to October 2026, exchange rates to the end of August."""
    other = dataclasses.replace(known)
    vars(other)["prices"], vars(other)["fx"] = known.prices, known.fx.loc[:"2026-08-31"]
    return other


def test_dollar_prices_end_with_the_exchange_rates(known, ahead):
    tickers = ["7203.T", "005380.KS", "GM"]
    dollars, before = (market.prices(some, tickers, currency="USD") for some in (ahead, known))
    later = dollars.index > "2026-08-31"
    pd.testing.assert_frame_equal(dollars[~later], before[~later])
    assert dollars.loc[later, ["7203.T", "005380.KS"]].isna().all(axis=None)
    pd.testing.assert_series_equal(dollars["GM"], known.prices["GM"])
    returns = market.returns(ahead, tickers, currency="USD")
    assert returns["7203.T"].last_valid_index() == pd.Timestamp("2026-08-31")
    assert market.factors(ahead, ["JPY"], "XTKS", horizon="weekly")["JPY"].last_valid_index() == pd.Timestamp(
        "2026-08-28"
    )


def test_holidays_between_fixings_take_the_last_one(known):
    easter = pd.Timestamp("2025-04-21")  # Tokyo trades, the European Central Bank fixes nothing
    assert easter not in known.fx.index
    dollars = market.prices(known, ["7203.T"], currency="USD")["7203.T"]
    thursday = known.fx.at[pd.Timestamp("2025-04-17"), "USDJPY"]
    assert dollars[easter] == pytest.approx(known.prices.at[easter, "7203.T"] / thursday)


def test_results_are_of_the_last_prices_and_a_run_says_that_exchange_rates_end_before(ahead):
    assert ahead.as_of == date(2026, 10, 9)
    status = market.status(ahead)
    assert status["last"].max() == pd.Timestamp("2026-10-09") and status.at[market.FIXING, "stale"]
    assert facts.market_value(ahead, ahead.as_of).at["GM", "price_date"] == date(2026, 10, 9)
    assert manifest._beyond(date(2026, 8, 31), ahead.as_of) == (
        "Results are as of 2026-10-09, the last day of prices; exchange rates end on 2026-08-31 and stand in "
        "from then on: tariffmodel refresh brings later rates."
    )
    assert manifest._beyond(date(2026, 10, 8), ahead.as_of) is None


def test_bundled_exchange_rates_reach_as_far_as_the_prices(known):
    assert known.fx.index[-1] >= known.prices.index[-1]
