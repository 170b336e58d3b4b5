"""How did shares and currencies move, on whose days, and who had closed before whom?

Prices are kept on each exchange's own sessions; a return exists only between two closes on
consecutive sessions, so a holiday or a gap gives no return and never a zero. What depends on closes
at different hours is settled here: `factors` samples any series on the sessions of one exchange,
with leads and lags, and `asynchrony` says by how many hours two observations of a day lie apart.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import date
from typing import Any, Literal

import numpy as np
import pandas as pd

from tariffmodel import facts as fact_tables
from tariffmodel.errors import DataError
from tariffmodel.facts import Facts
from tariffmodel.stats.sessions import exchange

Kind = Literal["log", "simple"]
Horizon = int | Literal["weekly"]

FIXING_TIME, FIXING_ZONE = "14:15", "Europe/Berlin"  # when the ECB's reference rates are agreed
FIXING = "ECB fixing"
NO_OPENS = (
    "no opens are stored; `tariffmodel refresh` keeps those of new days, `tariffmodel add prices FILE` "
    "those of a column Open (the bundled panel has closes only)"
)
STALE_SESSIONS = 5  # a line further behind than a week of sessions is called stale
_MAX_FIXING_AGE = 7  # days for which a fixing may stand in over the ECB's holidays


def prices(
    facts: Facts | None = None,
    tickers: Sequence[str] | None = None,
    *,
    currency: Literal["local", "USD"] = "local",
) -> pd.DataFrame:
    """Adjusted closes, date × ticker; empty where the line has no close that day.

    Parameters
    ----------
    tickers : sequence of str, optional
        Default: every line with prices.
    currency : "local" or "USD"
        Listing currency, or dollars at the last ECB fixing up to that day (the fixing of a day is
        set after the closes of Tokyo and Seoul and before those of Frankfurt and New York). Days after
        the last fixing of all are empty: none stands in for those to come.

    Raises
    ------
    DataError
        Unknown tickers, or a currency without a rate.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> closes = tm.market.prices(tm.facts.load(), ["7203.T", "GM"])
    >>> list(closes), closes.attrs["unit"]
    (['7203.T', 'GM'], 'adjusted close, local currency')
    """
    facts = facts or fact_tables.load()
    chosen = _known(facts, tickers)
    levels = facts.prices[chosen]
    if currency == "USD":
        listing = facts.instruments.loc[chosen, "currency"]
        levels = levels / _per_usd(facts, listing, pd.DatetimeIndex(levels.index))
    elif currency != "local":
        raise DataError(f"currency {currency!r}: write 'local' or 'USD'")
    levels.attrs = {"unit": f"adjusted close, {currency} currency", "as_of": _last(levels)}
    return levels


def returns(
    facts: Facts | None = None,
    tickers: Sequence[str] | None = None,
    *,
    kind: Kind = "log",
    horizon: Horizon = 1,
    currency: Literal["local", "USD"] = "local",
) -> pd.DataFrame:
    """Returns between closes of each line's own sessions, date × ticker, fractions.

    Empty where either close is missing: nothing is carried forward. ``attrs["timing"]`` says when the
    exchanges close; across them, the same date is not the same hour: see `asynchrony`.

    Parameters
    ----------
    kind : "log" or "simple"
    horizon : int or "weekly"
        Sessions per return (more than one: overlapping), or weeks ending on Friday, each at the
        last close of the week, so that weeks of different exchanges line up.
    currency : "local" or "USD"
        See `prices`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> moves = tm.market.returns(tm.facts.load(), ["7203.T"], horizon="weekly")
    >>> moves.attrs["unit"], set(moves.index.day_name())
    ('log return, local currency, horizon weekly', {'Friday'})
    """
    facts = facts or fact_tables.load()
    levels = prices(facts, tickers, currency=currency)
    calendars = facts.instruments.loc[levels.columns, "exchange_calendar"]
    parts = [
        _change(levels[list(lines)], facts, str(calendar), kind, horizon)
        for calendar, lines in calendars.groupby(calendars).groups.items()
    ]
    moves = pd.concat(parts, axis=1, sort=True)[levels.columns]
    moves.attrs = {
        "unit": f"{kind} return, {currency} currency, horizon {horizon}",
        "as_of": _last(levels),
        "timing": _timing(sorted(set(calendars)), levels.index[-1])
        + (f", in dollars at {exchange_rates(facts).attrs['timing']}" if currency == "USD" else ""),
    }
    return moves


def opens(facts: Facts, tickers: Sequence[str] | None = None) -> pd.DataFrame:
    """Adjusted opens in listing currency, date × ticker; empty where the line has no open that day.

    The open of a day carries the factor of its close, so that a dividend or split moves the night
    before it and not the day. The bundled panel has closes only: a refresh stores the opens of the days that
    it adds, and own files bring theirs.

    Parameters
    ----------
    tickers : sequence of str, optional
        Default: every line with opens, perhaps none.

    Raises
    ------
    DataError
        Tickers that are unknown or have no open.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> tm.market.opens(tm.facts.load()).attrs["unit"]
    'adjusted open, local currency'
    """
    chosen = list(facts.opens.columns)
    if tickers is not None:
        chosen = _known(facts, tickers)
        if without := [ticker for ticker in chosen if ticker not in facts.opens]:
            raise DataError(f"{', '.join(without[:5])}: {NO_OPENS}")
    levels = facts.opens[chosen]
    levels.attrs = {"unit": "adjusted open, local currency", "as_of": _last(levels)}
    return levels


def overnight_returns(
    facts: Facts, tickers: Sequence[str] | None = None, *, kind: Kind = "log"
) -> pd.DataFrame:
    """Returns from the close of each line's session before to the open, date × ticker, fractions.

    Dated by the open. Dividends are in them: a share opens without. The first price of an index may hold
    closes of shares that have not opened yet. See `opens`.

    >>> import tariffmodel as tm
    >>> tm.market.overnight_returns(tm.facts.load()).attrs["unit"]
    'log return, local currency, close to open'
    """
    return _part(facts, tickers, kind, overnight=True)


def intraday_returns(
    facts: Facts, tickers: Sequence[str] | None = None, *, kind: Kind = "log"
) -> pd.DataFrame:
    """Returns from the open to the close of each day, date × ticker, fractions; see `opens`.

    Simple ones and those of `overnight_returns` make up the day: (1 + night)(1 + day) = 1 + return.

    >>> import tariffmodel as tm
    >>> tm.market.intraday_returns(tm.facts.load()).attrs["unit"]
    'log return, local currency, open to close'
    """
    return _part(facts, tickers, kind, overnight=False)


def _part(facts: Facts, tickers: Sequence[str] | None, kind: Kind, *, overnight: bool) -> pd.DataFrame:
    if kind not in ("log", "simple"):
        raise DataError(f"kind {kind!r}: write 'log' or 'simple'")
    start = opens(facts, tickers)
    end = facts.prices[list(start)]
    calendars: Any = facts.instruments["exchange_calendar"][start.columns]
    parts = [pd.DataFrame(index=start.index[:0])]
    for calendar, lines in calendars.groupby(calendars).groups.items():
        days = sessions(facts, str(calendar))
        first, last = (levels[list(lines)].reindex(days) for levels in (start, end))
        ratio = first / last.shift() if overnight else last / first
        parts.append(pd.DataFrame(np.log(ratio)) if kind == "log" else ratio - 1)
    moves = pd.concat(parts, axis=1, sort=True)[list(start)]
    span = "close to open" if overnight else "open to close"
    moves.attrs = {"unit": f"{kind} return, local currency, {span}", "as_of": _last(start)}
    return moves


def factors(
    facts: Facts,
    names: Sequence[str],
    on: str,
    *,
    kind: Kind = "log",
    horizon: Horizon = 1,
    leads: int = 0,
    lags: int = 0,
) -> pd.DataFrame:
    """Changes of indices, shares or currencies over the sessions of one exchange.

    Both ends of each change are observations dated on consecutive sessions of `on`, so the change
    spans the same days as the return of a share listed there; on a day the factor was not observed
    it is empty. Same date is not same hour: see `asynchrony`, and add leads and lags (Dimson 1979).

    Parameters
    ----------
    names : sequence of str
        Tickers, or currency codes: ``"JPY"`` is the change of yen per dollar, positive when the
        yen weakens.
    on : str
        Exchange calendar, such as ``"XTKS"``.
    leads, lags : int
        Further columns ``JPY_lead1``, ``JPY_lag1`` … shifted by sessions of `on` (or by weeks).

    Raises
    ------
    DataError
        A name that is neither a ticker with prices nor a currency with rates.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> moves = tm.market.factors(tm.facts.load(), ["JPY"], "XTKS", lags=1)
    >>> list(moves), bool(moves["JPY_lag1"].iloc[-1] == moves["JPY"].iloc[-2])
    (['JPY', 'JPY_lag1'], True)
    """
    rates = exchange_rates(facts)
    levels = _levels(facts, names)
    moves = _shifted(_change(levels, facts, on, kind, horizon), names, leads, lags)
    moves.attrs = {
        "unit": f"{kind} change over the sessions of {on}, horizon {horizon}",
        "as_of": _last(levels),
        "timing": f"same date, not same hour; {leads} leads and {lags} lags"
        + (f"; exchange rates at {rates.attrs['timing']}" if set(names) & set(rates) else ""),
    }
    return moves


def common_weeks(
    facts: Facts, names: Sequence[str], on: str, *, leads: int = 0, lags: int = 0
) -> pd.DataFrame:
    """Log changes of lines, indices and currencies between the last days of weeks on which all were observed.

    A week ends on the last day that all of `names` share, so that the holiday of one of them, such as
    1 May at the European Central Bank, shortens a week where `factors` would lose it and the next. A
    week without such a day gives no change, and nothing is carried over it.

    Parameters
    ----------
    names, leads, lags
        As in `factors`; shifts are by weeks.
    on : str
        Exchange calendar that says whether the last week is over.

    Returns
    -------
    DataFrame
        By Friday: `names`, then their leads and lags.

    Raises
    ------
    DataError
        As `factors`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> known, day = tm.facts.load(), "2026-05-01"  # a Friday: Tokyo trades, no rates are fixed
    >>> ("JPY" in tm.market.factors(known, ["JPY"], "XTKS", horizon="weekly").loc[day].dropna())
    False
    >>> bool(tm.market.common_weeks(known, ["7203.T", "JPY"], "XTKS").loc[day].notna().all())
    True
    """
    levels = _levels(facts, names).dropna()
    if levels.empty:
        raise DataError(f"{', '.join(names)} share no day; check that their spans overlap")
    last = levels.index.to_series().resample("W-FRI").last()
    unfinished = len(_calendar(on, levels.index[-1], last.index[-1])) > 1
    fridays = pd.DatetimeIndex(last.index).as_unit("ns")  # as those of the exchanges' calendars
    closes = levels.reindex(last).set_axis(fridays)[: len(last) - unfinished]
    moves = _shifted(pd.DataFrame(np.log(closes / closes.shift(1))), names, leads, lags)
    moves.attrs = {
        "unit": "log change between the last common days of weeks",
        "as_of": _last(levels),
        "timing": f"same date, not same hour; {leads} leads and {lags} lags",
    }
    return moves


def exchange_rates(facts: Facts) -> pd.DataFrame:
    """Units of each currency per US dollar at the ECB fixing, date × currency code.

    ``attrs["timing"]`` says so, and from which day on Yahoo's quotes stand in after a refresh.

    >>> import tariffmodel as tm
    >>> rates = tm.market.exchange_rates(tm.facts.load())
    >>> rates.attrs["unit"], bool(rates["JPY"].iloc[-1] > rates["EUR"].iloc[-1])
    ('per USD', True)
    """
    pairs = facts.fx
    direct = pairs.loc[:, pairs.columns.str.startswith("USD")].rename(columns=lambda pair: pair[3:])
    inverse = 1 / pairs.loc[:, pairs.columns.str.endswith("USD")].rename(columns=lambda pair: pair[:3])
    rates = pd.concat([direct, inverse], axis=1).sort_index(axis=1)
    later = pairs.attrs.get("quotes_from")
    quotes = f", from {later} on the last quotes of the London day" if later else ""
    if own := pairs.attrs.get("own_from"):
        quotes += f", from {own} on some of the user's own"
    rates.attrs = {"unit": "per USD", "timing": f"the fixing of {FIXING_TIME} {FIXING_ZONE}{quotes}"}
    return rates


def until(facts: Facts, day: date) -> Facts:
    """The same facts with the prices and exchange rates that were known at the end of a day.

    >>> import tariffmodel as tm
    >>> then = tm.market.until(tm.facts.load(), date(2025, 6, 30))
    >>> then.as_of.isoformat(), bool(then.prices.index[-1] <= pd.Timestamp("2025-06-30"))
    ('2025-06-30', True)
    """
    known = dataclasses.replace(facts)
    last = pd.Timestamp(day)
    # filled here, the cached properties are not read from the files again
    vars(known)["prices"] = facts.prices.loc[:last].dropna(axis=1, how="all")
    vars(known)["opens"] = facts.opens.loc[:last].dropna(axis=1, how="all")
    vars(known)["fx"] = facts.fx.loc[:last]
    return known


def sessions(facts: Facts, calendar: str) -> pd.DatetimeIndex:
    """Days on which an exchange traded, over the span of its prices.

    The sessions of `exchange_calendars`, less those on which none of the exchange's lines has a
    price: one-off holidays that the calendar does not know (`untraded` lists them).

    >>> import tariffmodel as tm
    >>> days = tm.market.sessions(tm.facts.load(), "XTKS")
    >>> [pd.Timestamp(day) in days for day in ("2025-05-02", "2025-05-05", "2025-05-07")]  # Golden Week
    [True, False, True]
    """
    return _sessions(facts, calendar)[0]


def untraded(facts: Facts, calendar: str) -> pd.DatetimeIndex:
    """Sessions of `exchange_calendars` on which no line of the exchange has a price.

    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> len(tm.market.untraded(known, "XTKS").intersection(tm.market.sessions(known, "XTKS")))
    0
    """
    return _sessions(facts, calendar)[1]


def missing(facts: Facts) -> pd.DataFrame:
    """Sessions without a close inside a line's span: columns `ticker`, `date`.

    >>> import tariffmodel as tm
    >>> list(tm.market.missing(tm.facts.load()))
    ['ticker', 'date']
    """
    gaps = []
    for ticker, series in facts.prices.items():
        days = sessions(facts, str(facts.instruments.at[ticker, "exchange_calendar"]))
        known = series.dropna().index
        inside = days[(days >= known[0]) & (days <= known[-1])]
        gaps.append(pd.DataFrame({"ticker": ticker, "date": inside.difference(known)}))
    return pd.concat(gaps, ignore_index=True)


def status(facts: Facts, as_of: date | None = None) -> pd.DataFrame:
    """How far behind each line is on a day.

    Parameters
    ----------
    as_of : date, optional
        Default: the last day of the exchange rates.

    Returns
    -------
    DataFrame
        Indexed by ticker, exchange rates last under ``ECB fixing``: `last` close, `sessions_behind`
        (sessions of its exchange after that, up to `as_of`) and `stale` (more than a week behind).

    Raises
    ------
    DataError
        If there is nothing as early as that.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> tm.market.status(tm.facts.load(), date(2025, 6, 30)).loc["7203.T"].to_dict()
    {'last': Timestamp('2025-06-30 00:00:00'), 'sessions_behind': 0, 'stale': False}
    """
    day = pd.Timestamp(as_of or facts.as_of)
    if facts.fx.loc[:day].empty or facts.prices.loc[:day].empty:
        raise DataError(
            f"no prices or exchange rates up to {day:%Y-%m-%d}; they start on "
            f"{max(facts.prices.index[0], facts.fx.index[0]):%Y-%m-%d}: choose a later as-of date"
        )
    last = _last_closes(facts.prices.loc[:day]).dropna()
    behind = [
        len(_calendar(str(facts.instruments.at[ticker, "exchange_calendar"]), seen, day)) - 1
        for ticker, seen in last.items()
    ]
    fixing = facts.fx.loc[:day].index[-1]
    frame = pd.DataFrame(
        {"last": [*last, fixing], "sessions_behind": [*behind, len(pd.bdate_range(fixing, day)) - 1]},
        index=pd.Index([*last.index, FIXING], name="ticker"),
    )
    return frame.assign(stale=frame["sessions_behind"] > STALE_SESSIONS)


def closes(facts: Facts) -> pd.DataFrame:
    """When the exchanges close and the exchange rates are fixed, as of the last year of prices.

    Returns
    -------
    DataFrame
        Indexed by exchange calendar, and ``ECB fixing``: `timezone`, `close_local` (HH:MM) and
        `close_utc_winter`, `close_utc_summer` in hours.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> hours = tm.market.closes(tm.facts.load())
    >>> hours.at["XTKS", "timezone"], float(hours.at["XTKS", "close_utc_winter"])
    ('Asia/Tokyo', 6.5)
    """
    rows = {}
    for calendar in sorted(set(facts.instruments.loc[facts.prices.columns, "exchange_calendar"])):
        days = sessions(facts, calendar)
        hours = _close_hours(calendar, days[-1])
        rows[calendar] = (str(exchange(calendar).tz), *hours)
    rows[FIXING] = (FIXING_ZONE, *_hours(FIXING_TIME, FIXING_ZONE, facts.fx.index[-1].year))
    return pd.DataFrame.from_dict(
        rows, orient="index", columns=["timezone", "close_local", "close_utc_winter", "close_utc_summer"]
    ).rename_axis("observed")


def asynchrony(facts: Facts, names: Sequence[str], on: str) -> pd.DataFrame:
    """Hours from the close of exchange `on` to each factor's observation of the same date.

    A positive figure means that the share had closed before the factor was observed: news of those
    hours is in the factor today and in the share tomorrow, so its lag belongs in the regression. A
    negative one asks for a lead. Returns a frame indexed by name: `hours_after_close_winter`,
    `hours_after_close_summer`, `add`.

    >>> import tariffmodel as tm
    >>> tm.market.asynchrony(tm.facts.load(), ["JPY"], on="XTKS")["add"].to_dict()
    {'JPY': 'lag'}
    """
    table = closes(facts)
    rates = exchange_rates(facts)
    lines = facts.instruments
    seen = [FIXING if name in rates else str(lines.at[name, "exchange_calendar"]) for name in names]
    columns = {}
    for season in ("winter", "summer"):
        hour = table[f"close_utc_{season}"]
        columns[f"hours_after_close_{season}"] = hour.loc[seen].to_numpy() - hour[on]
    frame = pd.DataFrame(columns, index=pd.Index(names, name="factor"))
    later = frame["hours_after_close_winter"]
    return frame.assign(add=np.select([later > 0, later < 0], ["lag", "lead"], "nothing"))


def benchmark(facts: Facts, ticker: str) -> str:
    """Index that stands for the market a line is listed in, see `benchmarks`.

    Raises
    ------
    DataError
        If data/market/markets.csv names none with prices.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> tm.market.benchmark(known, "GM") == tm.market.benchmarks(known)["US"]
    True
    """
    index = benchmarks(facts).get(facts.instruments.at[ticker, "market"])
    if index is None:
        raise DataError(
            f"no benchmark with prices for the market of {ticker}; "
            "name one in data/market/markets.csv, column benchmark"
        )
    return str(index)


def benchmarks(facts: Facts) -> pd.Series:
    """Index that stands for each market that has one with prices, by market.

    Where data/market/markets.csv names several, the first that is not stale beside the others: an
    index that can no longer be brought up to date gives way to the fund that follows it.

    >>> import tariffmodel as tm
    >>> {"US", "JP", "DE"} <= set(tm.market.benchmarks(tm.facts.load()).index)
    True
    """
    found = {}
    for code, named in facts.markets["benchmark"].dropna().items():
        choices = [name for name in named.split("|") if name in facts.prices]
        if choices:
            last = _last_closes(facts.prices[choices])
            behind = [len(pd.bdate_range(last[name], last.max())) - 1 for name in choices]
            found[code] = next(name for name, n in zip(choices, behind, strict=True) if n <= STALE_SESSIONS)
    return pd.Series(found, dtype=object).rename_axis("market")


def _known(facts: Facts, tickers: Sequence[str] | None) -> list[str]:
    if isinstance(tickers, str):
        raise DataError(f"tickers is the text {tickers!r}; pass a list: [{tickers!r}]")
    chosen = list(facts.prices.columns if tickers is None else tickers)
    if not chosen:
        raise DataError("tickers is empty; name at least one, or leave it out for every line with prices")
    for ticker in chosen:
        if ticker not in facts.prices:
            listed = ticker in facts.instruments.index
            if listed and facts.day:
                raise DataError(f"{ticker} has no prices up to {facts.day}; choose a later as-of day")
            raise DataError(
                f"{ticker} has no prices; add them with `tariffmodel add prices FILE`"
                if listed
                else f"{ticker} is not in data/market/instruments.csv; add a row there, or check the spelling"
            )
    return chosen


def _levels(facts: Facts, names: Sequence[str]) -> pd.DataFrame:
    """Closes of tickers and fixings of currencies, on every day that has any."""
    rates = exchange_rates(facts)
    unknown = [name for name in names if name not in rates and name not in facts.prices]
    if unknown:
        raise DataError(
            f"no prices or exchange rates for {', '.join(unknown)}; "
            "use a ticker with prices in data/market/instruments.csv or a currency such as JPY"
        )
    return pd.DataFrame({name: rates[name] if name in rates else facts.prices[name] for name in names})


def _shifted(moves: pd.DataFrame, names: Sequence[str], leads: int, lags: int) -> pd.DataFrame:
    shifted = {
        f"{name}_{word}{step}": moves[name].shift(sign * step)
        for name in names
        for word, sign, reach in (("lead", -1, leads), ("lag", 1, lags))
        for step in range(1, reach + 1)
    }
    return moves.assign(**shifted)


def _change(levels: pd.DataFrame, facts: Facts, calendar: str, kind: Kind, horizon: Horizon) -> pd.DataFrame:
    if kind not in ("log", "simple"):
        raise DataError(f"kind {kind!r}: write 'log' or 'simple'")
    days = sessions(facts, calendar)
    steps: object = horizon
    if horizon == "weekly":
        levels, steps = _weekly(levels, days, calendar), 1
    else:
        levels = levels.reindex(days)
    if not isinstance(steps, int) or steps < 1:
        raise DataError(f"horizon {horizon!r}: write a number of sessions >= 1, or 'weekly'")
    ratio = levels / levels.shift(steps)
    if steps > 1:  # a gap inside the span is a gap, not a longer return
        ratio = ratio.where(levels.notna().rolling(steps + 1).sum() == steps + 1)
    return pd.DataFrame(np.log(ratio)) if kind == "log" else ratio - 1


def _weekly(levels: pd.DataFrame, days: pd.DatetimeIndex, calendar: str) -> pd.DataFrame:
    """Closes on the last session of each whole week, labelled by its Friday."""
    last = days.to_series().resample("W-FRI").last().dropna()
    unfinished = len(_calendar(calendar, days[-1], last.index[-1])) > 1
    last = last.iloc[: len(last) - unfinished]
    return levels.reindex(last).set_axis(last.index)


def _per_usd(facts: Facts, currency: pd.Series, days: pd.DatetimeIndex) -> pd.DataFrame:
    rates = exchange_rates(facts)
    unknown = sorted(set(currency) - set(rates) - {"USD"})
    if unknown:
        raise DataError(f"no exchange rate for {', '.join(unknown)} in data/market/fx.parquet")
    every = rates.reindex(rates.index.union(days)).ffill(limit=_MAX_FIXING_AGE).reindex(days)
    every[days > rates.index[-1]] = np.nan  # a missing one may be a holiday, or all of a month
    return every.assign(USD=1.0)[list(currency)].set_axis(currency.index, axis=1)


def _timing(calendars: Sequence[str], day: pd.Timestamp) -> str:
    """When the closes of a date are made, in words."""
    said = [f"{name} {_close_hours(name, day)[0]} {exchange(name).tz}" for name in calendars]
    return f"at the close of {', '.join(said)}"


def _last_closes(levels: pd.DataFrame) -> pd.Series:
    """Day of the last close of each line."""
    last_day: Any = pd.Series.last_valid_index
    days: pd.Series = levels.apply(last_day)
    return days


def _last(levels: pd.DataFrame) -> str:
    days = levels.dropna(how="all").index
    return str(days[-1].date()) if len(days) else ""


def _sessions(facts: Facts, calendar: str) -> tuple[pd.DatetimeIndex, pd.DatetimeIndex]:
    lines = facts.instruments.index[facts.instruments["exchange_calendar"] == calendar]
    closes = facts.prices.loc[:, facts.prices.columns.isin(lines)].dropna(how="all")
    seen = pd.DatetimeIndex(closes.index)
    if seen.empty:
        raise DataError(f"no prices of exchange {calendar}; see data/market/instruments.csv")
    days = _calendar(calendar, seen[0], seen[-1])
    return days.intersection(seen), days.difference(seen)


def _calendar(calendar: str, first: pd.Timestamp, last: pd.Timestamp) -> pd.DatetimeIndex:
    """Sessions from `first` to `last`, as the exchange announced them."""
    days: pd.DatetimeIndex = exchange(calendar, first.year).sessions.tz_localize(None)
    return days[days.searchsorted(first) : days.searchsorted(last, side="right")]


def _close_hours(calendar: str, day: pd.Timestamp) -> tuple[str, float, float]:
    book = exchange(calendar)
    local = book.session_close(book.date_to_session(day, "previous")).tz_convert(book.tz).strftime("%H:%M")
    return _hours(local, str(book.tz), day.year)


def _hours(local: str, zone: str, year: int) -> tuple[str, float, float]:
    """A local clock time in hours UTC on 15 January and 15 July."""
    stamps = [pd.Timestamp(f"{year}-{month}-15 {local}", tz=zone).tz_convert("UTC") for month in ("01", "07")]
    winter, summer = (stamp.hour + stamp.minute / 60 for stamp in stamps)
    return local, winter, summer
