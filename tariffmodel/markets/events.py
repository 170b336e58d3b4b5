"""How far did makers' shares move on the events of data/events, beyond what their market explains?

`tariff_study` sets up the event study of the stats wing; `study`, `volume_study` and what they return
are public here too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import Facts
from tariffmodel.markets import event_calendar, market
from tariffmodel.markets import own_news as news
from tariffmodel.stats.event_inputs import MARKET, event_rows
from tariffmodel.stats.event_study import EventStudy, study, volume_study
from tariffmodel.stats.normal_returns import Window

__all__ = ["MARKET", "EventStudy", "by_home", "study", "tariff_study", "volume_study"]


def tariff_study(
    facts: Facts,
    *,
    events: Sequence[str] | None = None,
    tickers: Sequence[str] | None = None,
    model: Literal["mean", "market_adjusted", "market", "market_fx"] = "market",
    window: Window = (-10, 10),
    kind: Literal["simple", "log"] = "simple",
    own_news: Literal["keep", "dummy", "drop"] = "keep",
    news_window: Window = (0, 1),
    **arguments: Any,
) -> EventStudy:
    """The events of data/events on makers' shares, each against the index of its own market.

    Parameters
    ----------
    events : sequence of str, optional
        Labels of `event_calendar.table`. Default: all.
    tickers : sequence of str, optional
        Default: the home line of every maker that has prices.
    model : str
        As `study`; "market_fx" adds the move of the home currency per dollar and, where the fixing comes
        after the close, its lag, otherwise its lead (`market.asynchrony`); dollar lines have no FX term.
    own_news : str
        What to do about makers' results, guidance and trading statements (`own_news.table`):

        - "keep": nothing;
        - "dummy": a dummy for each of their sessions in the estimation windows, which is to leave it out
          of them; event windows stay as they are;
        - "drop": the same, and firm-events with own news inside `news_window` are not studied:
          `EventStudy.skipped` lists them with the news.
    news_window : (first, last)
        Sessions relative to the event in which own news counts.
    **arguments
        As `study`. Two events on one session are both kept: `EventStudy.by_event` shows each.

    Raises
    ------
    DataError
        Unknown tickers or choices, or markets without a benchmark.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> study = tm.events.tariff_study(
    ...     tm.facts.load(), events=["2025-07-22-japan-deal"], tickers=["7203.T", "7267.T"], window=(0, 1)
    ... )
    >>> study.car().shape[0], study.window
    (2, (0, 1))
    """
    if own_news not in ("keep", "dummy", "drop"):
        raise DataError(f"own_news {own_news!r}: write 'keep', 'dummy' or 'drop'")
    if model not in ("mean", "market_adjusted", "market", "market_fx"):
        raise DataError(f"model {model!r}: write 'mean', 'market_adjusted', 'market' or 'market_fx'")
    lines = _home_lines(facts) if tickers is None else list(tickers)
    moves = market.returns(facts, lines, kind=kind)
    calendars = facts.instruments.loc[lines, "exchange_calendar"].to_dict()
    factors = {line: _line_factors(facts, line, kind, model == "market_fx") for line in lines}
    wanted = event_calendar.firm_events(facts, lines, events)
    common = {"window": window, "kind": kind, "calendars": calendars, "duplicates": "keep"} | arguments
    if own_news != "keep":
        common |= _without_news(facts, moves, wanted, common, news_window if own_news == "drop" else None)
    if model == "market_fx":
        return study(moves, wanted, factors=factors, model="factors", **common)
    if model == "mean":
        return study(moves, wanted, model="mean", **common)
    own = pd.DataFrame({line: frame[MARKET] for line, frame in factors.items()}).reindex(moves.index)
    return study(moves, wanted, market=own, model=model, **common)


def by_home(
    facts: Facts, study: EventStudy, window: Window | None = None, *, fewest: int = 3
) -> pd.DataFrame:
    """How far the makers of each home moved.

    Parameters
    ----------
    study : EventStudy
        Of makers' shares.
    window : (first, last), optional
        Days relative to the event. Default: the whole event window.
    fewest : int
        Homes with fewer firm-events have no cross-section to speak of and are left out.

    Returns
    -------
    DataFrame
        Indexed by home, the largest mean first: `n`, `caar`, `se_adjusted` and `p_value`, as in
        `EventStudy.by_event`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> known, shares = tm.facts.load(), ["7203.T", "7267.T", "7270.T"]
    >>> study = tm.events.tariff_study(known, events=["2025-07-22-japan-deal"], tickers=shares, window=(0, 1))
    >>> tm.events.by_home(known, study)["n"].to_dict()
    {'JP': 3.0}
    """
    firms = study.firm_events.index.get_level_values("firm")
    homes = facts.instruments["company"].reindex(firms).map(facts.makers["home"])
    counts = homes.value_counts(sort=False)
    rows = {}
    for home in counts.index[counts >= fewest]:
        one = study.select(firms=list(homes.index[homes == home]))
        rows[home] = one.windows([window or study.window], "kp_bmp").iloc[0]
    columns = ["n", "caar", "se_adjusted", "kp_bmp_p"]
    frame = pd.DataFrame.from_dict(rows, orient="index").reindex(columns=columns).rename_axis("home")
    return frame.rename(columns={"kp_bmp_p": "p_value"}).sort_values("caar", ascending=False)


def _without_news(
    facts: Facts,
    moves: pd.DataFrame,
    wanted: pd.DataFrame,
    given: dict[str, Any],
    window: Window | None,
) -> dict[str, Any]:
    """Arguments that keep own news out, beside what the caller leaves out; firm-events only by a window."""
    days = [news.days(facts, list(moves.columns))]
    if given.get("exclude") is not None:
        days.append(event_rows(given["exclude"], moves))
    out = {"exclude": pd.concat(days, ignore_index=True)}
    if window is not None:
        told, own = news.leave_out(facts, wanted, window), given.get("leave_out")
        out["leave_out"] = told if own is None else pd.concat([own, told], ignore_index=True)
    return out


def _line_factors(facts: Facts, line: str, kind: Literal["simple", "log"], fx: bool) -> pd.DataFrame:
    """Index of the line's market and, if asked, its currency per dollar, on the line's sessions."""
    on, currency = (str(facts.instruments.at[line, name]) for name in ("exchange_calendar", "currency"))
    index = market.benchmark(facts, line)
    if not fx or currency == "USD":
        return market.factors(facts, [index], on, kind=kind).set_axis([MARKET], axis=1)
    add = str(market.asynchrony(facts, [currency], on).at[currency, "add"])
    found = market.factors(
        facts, [index, currency], on, kind=kind, lags=int(add == "lag"), leads=int(add == "lead")
    )
    columns = {index: MARKET, currency: "fx", f"{currency}_{add}1": f"fx_{add}1"}
    return found[[name for name in columns if name in found]].rename(columns=columns)


def _home_lines(facts: Facts) -> list[str]:
    return [line for line in facts.makers["ticker"].dropna() if line in facts.prices]
