"""What do quoted options say of a tariff date, and what did such dates bring?

Quotes are rows of ``market/quotes.csv`` and the user's own (``tariffmodel add quotes FILE``), never figures
typed beside a formula. The formulas are those of `implied_variance`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import OWN_QUOTES, QUOTES, Facts, tables
from tariffmodel.facts.protected import kept_with_files
from tariffmodel.markets import event_calendar, market
from tariffmodel.stats import implied_variance
from tariffmodel.stats.implied_variance import EventVariance

__all__ = [
    "KEY",
    "added_variance",
    "currency_moves",
    "event_variance",
    "quiet_currency_moves",
    "spanning_premium",
    "straddles",
    "table",
    "volatility",
    "years",
]

KEY = ["date", "underlying", "type", "expiry", "tenor", "strike", "delta"]
_UNIT = {"percent_a_year": 0.01, "fraction_a_year": 1.0}  # of a volatility, in fractions
_FIXINGS_A_YEAR = 256
_TENOR = {"D": 1 / 365, "W": 7 / 365, "M": 1 / 12, "Y": 1.0}


@kept_with_files
def table(facts: Facts) -> pd.DataFrame:
    """Quotes in use: the bundled rows, and the user's, which go before those of the same option and day.

    Returns
    -------
    DataFrame
        Columns of ``market/quotes.csv``; `day` (NaT where only the month is known), `years` until expiry,
        `volatility` (fraction a year; the middle, empty for prices and risk reversals), and
        `volatility_error`: half the spread, or half a step of the last digit where only the middle is
        quoted.

    Raises
    ------
    DataError
        Listing every fault of the two files.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> rows = tm.quotes.table(tm.facts.load())
    >>> rows.loc[rows["underlying"] == "EURUSD", ["volatility", "volatility_error"]].values.round(4).tolist()
    [[0.098, 0.0005]]
    """
    rows = tables.read(facts, QUOTES).drop(columns=["file", "row"])
    if (facts.overlay / OWN_QUOTES).is_file():
        own = tables.read(facts, OWN_QUOTES).drop(columns=["file", "row"])
        replaced = pd.MultiIndex.from_frame(rows[KEY]).isin(pd.MultiIndex.from_frame(own[KEY]))
        rows = pd.concat([rows[~replaced], own], ignore_index=True)
    rows["day"] = pd.to_datetime(rows["date"], format="%Y-%m-%d", errors="coerce")
    if facts.day is not None:
        rows = rows[rows["day"] <= pd.Timestamp(facts.day)].reset_index(drop=True)
    middle = rows["mid"].fillna((rows["bid"] + rows["ask"]) / 2)
    spread = ((rows["ask"] - rows["bid"]) / 2).fillna(rows["mid"].map(_half_step))
    scale = rows["unit"].map(_UNIT)
    return rows.assign(years=years(rows), volatility=middle * scale, volatility_error=spread * scale)


def years(rows: pd.DataFrame) -> pd.Series:
    """Time until expiry: days of 365, or a tenor of weeks, twelfths or years.

    >>> rows = {"day": [pd.Timestamp("2025-04-03")] * 2, "expiry": [pd.Timestamp("2025-04-10"), pd.NaT]}
    >>> years(pd.DataFrame(rows | {"tenor": [None, "3M"]})).round(4).tolist()
    [0.0192, 0.25]
    """
    tenor = rows["tenor"].astype("str")
    spans = tenor.str[:-1].where(rows["tenor"].notna()).astype(float) * tenor.str[-1:].map(_TENOR)
    return ((rows["expiry"] - rows["day"]).dt.days / 365).fillna(spans)


def volatility(quotes: pd.DataFrame, underlying: str, day: date | str, tenor: str) -> pd.Series:
    """The quote at the money of one underlying, day and tenor: the row of `table`.

    Raises
    ------
    DataError
        None, with the days or tenors that there are.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> rows = tm.quotes.table(tm.facts.load())
    >>> float(volatility(rows, "USDJPY", "2025-04-03", "1M")["volatility"])
    0.128
    """
    held = _at_the_money(quotes, underlying)
    rows = held[(held["day"] == pd.Timestamp(day)) & (held["tenor"] == tenor)]
    if rows.empty:
        there = sorted(
            {f"{row.tenor} on {row.day:%Y-%m-%d}" for row in held.dropna(subset="tenor").itertuples()}
        )
        raise DataError(
            f"no quote at the money of {underlying}, {tenor}, on {pd.Timestamp(day):%Y-%m-%d}; there are "
            f"{', '.join(there)}; add one with `tariffmodel add quotes FILE`"
        )
    return rows.iloc[0]


def added_variance(
    quotes: pd.DataFrame, underlying: str, tenor: str, before: date | str, after: date | str
) -> EventVariance:
    """What a tenor's variance gained between two days of quotes, see `implied_variance.added`.

    Parameters
    ----------
    quotes : DataFrame
        From `table`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> rows = tm.quotes.table(tm.facts.load())
    >>> found = added_variance(rows, "USDJPY", "1M", "2025-04-01", "2025-04-03")
    >>> f"{found.sd:.2%}", f"{found.expected_move:.2%}"
    ('1.98%', '1.58%')
    """
    first, last = (volatility(quotes, underlying, day, tenor) for day in (before, after))
    error = max(first["volatility_error"], last["volatility_error"])
    return implied_variance.added(first["volatility"], last["volatility"], last["years"], error=error)


def event_variance(
    quotes: pd.DataFrame, underlying: str, day: date | str, event: date | str
) -> EventVariance:
    """Variance of an event from two expiries quoted on one day, see `implied_variance.between`.

    The expiries are the last before the event and the first not before it; where none is before, the first
    two after it.

    Parameters
    ----------
    quotes : DataFrame
        From `table`.
    day, event : date
        Of the quotes and of the event.

    Raises
    ------
    DataError
        Fewer than two such expiries, or a negative variance, with the expiries named.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> rows = tm.quotes.table(tm.facts.load()).head(2)
    >>> rows = rows.assign(day=pd.Timestamp("2025-03-31"), years=[1 / 12, 2 / 12], volatility=[0.128, 0.115])
    >>> found = event_variance(rows, "USDJPY", "2025-03-31", "2025-04-02")
    >>> f"{found.sd:.2%} ({found.sd_range[0]:.2%} to {found.sd_range[1]:.2%})"
    '2.29% (2.29% to 2.30%)'
    """
    held = _at_the_money(quotes, underlying)
    held = held[held["day"] == pd.Timestamp(day)].sort_values("years")
    until = (pd.Timestamp(event) - pd.Timestamp(day)).days / 365
    before, after = held[held["years"] < until], held[held["years"] >= until]
    pair = pd.concat([before.tail(1), after]).head(2)
    if len(pair) < 2 or after.empty:
        there = ", ".join(_expiry(row) for _, row in held.iterrows()) or "none"
        raise DataError(
            f"{underlying} has no two expiries around {pd.Timestamp(event):%Y-%m-%d} among the quotes at the "
            f"money of {pd.Timestamp(day):%Y-%m-%d} ({there}); add them with `tariffmodel add quotes FILE`"
        )
    (_, near), (_, far) = pair.iterrows()
    return implied_variance.between(
        near["volatility"], far["volatility"], near["years"], far["years"], until,
        error=max(near["volatility_error"], far["volatility_error"]), names=(_expiry(near), _expiry(far)),
    )  # fmt: skip


def spanning_premium(
    quotes: pd.DataFrame, underlying: str, event: date | str, days: tuple[int, int] = (7, 45)
) -> pd.Series:
    """Were options that live through an event dearer than their neighbours (Kelly, Pástor, Veronesi 2016)?

    Of the expiries a < b < c with the event after a and not after b, σ_b − (σ_a + σ_c) / 2: each the mean at
    the money over quotes with as many days left, those of b before the event. The slope of the term structure
    cancels, other dates in the life of one of the three do not.

    Parameters
    ----------
    quotes : DataFrame
        From `table`; rows with an `expiry`, since a tenor expires on another day each day.
    event : date
        Day on which it is decided.
    days : (int, int)
        Least and most days until expiry of the quotes that are used.

    Returns
    -------
    Series
        `volatility` of b, `neighbours` (mean of a and c), `difference` with `difference_low` and
        `difference_high` (what the errors of the quotes leave possible), `relative` (difference over
        neighbours), `expiry_before`, `expiry`, `expiry_after`, and `n_before`, `n`, `n_after` quotes.

    Raises
    ------
    DataError
        Without three such expiries, with those that there are.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> rows = tm.quotes.table(tm.facts.load()).head(3).assign(underlying="TM", volatility=[0.3, 0.36, 0.32])
    >>> rows = rows.assign(day=pd.to_datetime(["2025-06-20", "2025-07-18", "2025-08-15"]))
    >>> rows["expiry"] = pd.to_datetime(["2025-07-18", "2025-08-15", "2025-09-19"])
    >>> found = spanning_premium(rows, "TM", "2025-08-01")
    >>> round(found["difference"], 4), round(found["relative"], 3)
    (0.05, 0.161)
    """
    held, when = _at_the_money(quotes, underlying).dropna(subset="expiry"), pd.Timestamp(event)
    left = (held["expiry"] - held["day"]).dt.days
    held = held[left.between(*days)]
    spans = (held["expiry"] >= when) & (held["day"] < when)
    expiries = pd.DatetimeIndex(sorted(held["expiry"].unique()))
    before, through = expiries[expiries < when], pd.DatetimeIndex(sorted(held.loc[spans, "expiry"].unique()))
    after = expiries[expiries > through[0]] if len(through) else through
    if not (len(before) and len(through) and len(after)):
        raise DataError(
            f"{underlying} needs an expiry before {when:%Y-%m-%d}, one after it that was quoted before it, "
            f"and the next; with {days[0]} to {days[1]} days left at the quote there are "
            f"{', '.join(f'{day:%Y-%m-%d}' for day in expiries) or 'none'}; add them with `tariffmodel add "
            "quotes FILE`, each with its expiry"
        )
    three = (before[-1], through[0], after[0])
    rows = [held[(held["expiry"] == day) & (spans if day == through[0] else True)] for day in three]
    near, mid, far = (float(one["volatility"].mean()) for one in rows)
    errors = [float(one["volatility_error"].mean()) for one in rows]
    beside = (near + far) / 2
    error = errors[1] + (errors[0] + errors[2]) / 2
    return pd.Series(
        {
            "volatility": mid, "neighbours": beside, "difference": mid - beside,
            "difference_low": mid - beside - error, "difference_high": mid - beside + error,
            "relative": mid / beside - 1,
            "expiry_before": three[0], "expiry": three[1], "expiry_after": three[2],
            "n_before": len(rows[0]), "n": len(rows[1]), "n_after": len(rows[2]),
        }
    )  # fmt: skip


def straddles(facts: Facts, quotes: pd.DataFrame, pair: str) -> pd.DataFrame:
    """What straddles bought at each quote at the money cost, and what they paid at expiry.

    Struck at the day's fixing, which stands for the forward; fractions of it, without interest.

    Parameters
    ----------
    quotes : DataFrame
        From `table`.

    Returns
    -------
    DataFrame
        Quotes with fixings on their day and until expiry, in order of day: `day`, `tenor`, `expires`,
        `volatility`, `realised` (root mean squared change a year, over the fixings until expiry), `cost`,
        `move` (log) and `gain`, empty where the option runs on.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> rows = straddles(known, tm.quotes.table(known), "USDJPY")
    >>> (rows["gain"].round(4) == (np.abs(np.expm1(rows["move"])) - rows["cost"]).round(4)).all()
    np.True_
    """
    rate = np.log(_rate(facts, pair))
    rows = _at_the_money(quotes, pair).sort_values(["day", "years"])
    rows = rows[rows["day"].between(rate.index[0], rate.index[-1])]
    first = rate.index.searchsorted(rows["day"], side="right") - 1
    expires = rows["day"] + pd.to_timedelta((rows["years"] * 365).round(), unit="D")
    last = rate.index.searchsorted(expires, side="right") - 1
    ended = (expires <= rate.index[-1]).to_numpy() & (last > first)
    levels = rate.to_numpy()
    run = np.concatenate([[0.0], np.cumsum(np.diff(levels) ** 2)])
    move = np.where(ended, levels[last] - levels[first], np.nan)
    steps = np.where(ended, last - first, 1)
    implied, term = rows["volatility"].to_numpy(), rows["years"].to_numpy()
    return pd.DataFrame(
        {
            "day": rows["day"],
            "tenor": rows["tenor"],
            "expires": expires,
            "volatility": implied,
            "realised": np.sqrt(np.where(ended, run[last] - run[first], np.nan) / steps * _FIXINGS_A_YEAR),
            "cost": implied_variance.straddle(implied, term),
            "move": move,
            "gain": implied_variance.straddle_gains(move, implied, term),
        }
    ).reset_index(drop=True)


def currency_moves(facts: Facts, pair: str, events: Sequence[str] | None = None) -> pd.DataFrame:
    """Log change of a pair from the last ECB fixing before each announcement to the first after it.

    Parameters
    ----------
    pair : str
        Six letters, base then quote: ``"USDJPY"`` is yen per dollar.
    events : sequence of str, optional
        Default: the main ones.

    Returns
    -------
    DataFrame
        Indexed by event: `first` and `last` (days of the fixings) and `move`; events without fixings on both
        sides are left out.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> moves = tm.quotes.currency_moves(tm.facts.load(), "USDJPY")
    >>> list(moves), bool(0.001 < moves["move"].std() < 0.05)
    (['first', 'last', 'move'], True)
    """
    rate = _rate(facts, pair)
    calendar = event_calendar.table(facts)
    chosen = calendar[calendar["main"]] if events is None else calendar.loc[list(events)]
    days = pd.DatetimeIndex(rate.index)
    fixed = (
        (days + pd.Timedelta(f"{market.FIXING_TIME}:00")).tz_localize(market.FIXING_ZONE).tz_convert("UTC")
    )
    after = fixed.searchsorted(pd.DatetimeIndex(chosen["announced"]))
    inside = (after > 0) & (after < len(fixed))
    after, levels = after[inside], np.log(rate.to_numpy())
    return pd.DataFrame(
        {
            "first": days[after - 1],
            "last": days[after],
            "move": levels[after] - levels[after - 1],
        },
        index=chosen.index[inside],
    )


def quiet_currency_moves(facts: Facts, pair: str) -> pd.Series:
    """Log change of a pair at the ECB fixing of each day without an event near (`event_calendar.quiet_days`).

    >>> import tariffmodel as tm
    >>> len(tm.quotes.quiet_currency_moves(tm.facts.load(), "USDJPY")) > 200
    True
    """
    moves = np.log(_rate(facts, pair)).diff().dropna()
    quiet: pd.Series = moves[moves.index.isin(event_calendar.quiet_days(facts))]
    return quiet.rename("move")


def _rate(facts: Facts, pair: str) -> pd.Series:
    per_usd: pd.DataFrame = market.exchange_rates(facts).assign(USD=1.0)
    base, quote = pair[:3], pair[3:]
    if len(pair) != 6 or not {base, quote} <= set(per_usd):
        raise DataError(
            f"no fixings of pair {pair!r}; write two of {', '.join(map(str, per_usd))}, such as USDJPY"
        )
    rate: pd.Series = per_usd[quote] / per_usd[base]
    return rate.dropna()


def _at_the_money(quotes: pd.DataFrame, underlying: str) -> pd.DataFrame:
    kept = (quotes["type"] == "atm") & quotes["volatility"].notna() & quotes["day"].notna()
    rows = quotes[kept & (quotes["underlying"] == underlying)]
    if rows.empty:
        there = ", ".join(sorted(quotes.loc[kept, "underlying"].unique()))
        raise DataError(f"no volatility at the money of {underlying}; there are {there}")
    return rows


def _expiry(row: pd.Series) -> str:
    return str(row["tenor"]) if pd.notna(row["tenor"]) else f"{row['expiry']:%Y-%m-%d}"


def _half_step(quoted: float) -> float:
    """Half of the last digit of a number, of one if it is whole."""
    if quoted != quoted or quoted == round(quoted):
        return 0.5 if quoted == quoted else quoted
    return float(0.5 * 10.0 ** -len(repr(quoted).partition(".")[2]))
