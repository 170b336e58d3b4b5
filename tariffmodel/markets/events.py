"""How far did makers' shares move on the events of data/events, beyond what their market explains?

`tariff_study` sets up the event study of the stats wing; `study`, `volume_study`, `minute_study`,
`from_event_time` and what they return are public here too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import Facts
from tariffmodel.markets import event_calendar, market
from tariffmodel.stats.aligned import from_event_time
from tariffmodel.stats.event_inputs import MARKET, Dates, check_choice, event_rows
from tariffmodel.stats.event_study import EventStudy, study, volume_study
from tariffmodel.stats.minutes import MinuteStudy, minute_study
from tariffmodel.stats.moments import PARTS, Part
from tariffmodel.stats.normal_returns import Window

__all__ = [
    "MARKET",
    "EventStudy",
    "MinuteStudy",
    "by_home",
    "from_event_time",
    "minute_study",
    "study",
    "tariff_study",
    "volume_study",
]

_SKIPPED = ["event", "firm", "date", "reason"]


def tariff_study(
    facts: Facts,
    *,
    events: Sequence[str] | pd.DataFrame | pd.Series | Mapping[Any, Dates] | None = None,
    tickers: Sequence[str] | None = None,
    model: Literal["mean", "market_adjusted", "market", "market_fx"] = "market",
    window: Window = (-10, 10),
    kind: Literal["simple", "log"] = "simple",
    part: Part = "close_to_close",
    **arguments: Any,
) -> EventStudy:
    """The events of data/events, or one's own, on makers' shares, each against the index of its own market.

    Parameters
    ----------
    events : sequence of str, DataFrame, Series or mapping, optional
        Labels of `event_calendar.table`, or own events as in `study`: moments are placed by the hours of
        each line's exchange. Default: all of the table.
    tickers : sequence of str, optional
        Default: the lines that own events name, else the home line of every maker that has prices.
    model : str
        As `study`; "market_fx" adds the move of the home currency per dollar and, where the fixing comes
        after the close, its lag, otherwise its lead (`market.asynchrony`); dollar lines have no FX term.
    part : str
        As `study`: the night or the day of shares and index, from `market.opens`. Lines without opens,
        events whose hour is assumed and, for the night, those announced in a session are in
        `EventStudy.skipped`.
    **arguments
        As `study`. Two events on one session are both kept: `EventStudy.by_event` shows each.

    Raises
    ------
    DataError
        Unknown tickers, markets without a benchmark, or no line with opens where `part` needs them.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> study = tm.events.tariff_study(
    ...     tm.facts.load(), events=["2025-07-22-japan-deal"], tickers=["7203.T", "7267.T"], window=(0, 1)
    ... )
    >>> study.car().shape[0], study.window
    (2, (0, 1))
    >>> own = pd.DataFrame({"firm": ["7203.T"], "date": ["2025-07-23 16:30"], "zone": ["Asia/Tokyo"]})
    >>> study = tm.events.tariff_study(tm.facts.load(), events=own)
    >>> f"{study.firm_events['date'].iloc[0]:%d %B}"
    '24 July'
    """
    if model not in ("mean", "market_adjusted", "market", "market_fx"):
        raise DataError(f"model {model!r}: write 'mean', 'market_adjusted', 'market' or 'market_fx'")
    check_choice("part", part, PARTS)
    if own := isinstance(events, pd.DataFrame | pd.Series | Mapping):
        wanted = event_rows(events, pd.DataFrame())
        if "firm" not in wanted:
            raise DataError("events has no column firm; it needs firm and date, and event")
        lines = list(wanted["firm"].unique() if tickers is None else tickers)
    else:
        lines = _home_lines(facts) if tickers is None else list(tickers)
        wanted = event_calendar.firm_events(facts, lines, events)
    skipped = pd.DataFrame(columns=_SKIPPED)
    if part != "close_to_close":
        if model == "market_fx":
            raise DataError("model 'market_fx': exchange rates are known once a day; use 'market' with part=")
        lines, wanted, skipped = _timed(facts, lines, wanted, part, model, not own)
    moves = _returns(facts, lines, kind, part)
    calendars = facts.instruments.loc[lines, "exchange_calendar"].to_dict()
    common = {"window": window, "kind": kind, "calendars": calendars, "duplicates": "keep"} | arguments
    common["part"] = part
    if model == "mean":
        found = study(moves, wanted, model="mean", **common)
    elif model == "market_fx":
        factors = {line: _line_factors(facts, line, kind) for line in lines}
        found = study(moves, wanted, factors=factors, model="factors", **common)
    else:
        found = study(moves, wanted, market=_indices(facts, lines, kind, part), model=model, **common)
    if skipped.empty:
        return found
    return replace(found, skipped=pd.concat([found.skipped, skipped], ignore_index=True))


def _timed(
    facts: Facts, lines: Sequence[str], wanted: pd.DataFrame, part: Part, model: str, listed: bool
) -> tuple[list[str], pd.DataFrame, pd.DataFrame]:
    """Lines and events of which the parts of a day can be told, the latter as moments; and the others."""
    without = {}
    for line in lines:
        needed = (line,) if model == "mean" else (line, market.benchmark(facts, line))
        if lack := [name for name in needed if name not in facts.opens]:
            without[line] = f"no opens of {' and '.join(lack)}"
    if len(without) == len(lines):
        raise DataError(f"part {part!r}: {market.NO_OPENS}; missing are: {', '.join(without.values())}")
    reason = wanted["firm"].map(without)
    skipped = wanted.assign(reason=reason, event=wanted.get("event", wanted["date"]))
    if listed:
        table = event_calendar.table(facts)
        assumed = wanted["event"].map(table["timing_quality"]) == "low"
        skipped["reason"] = reason.mask(reason.isna() & assumed, "the hour of the event is assumed")
        wanted = wanted.assign(date=wanted["event"].map(table["announced"]))
    out = skipped["reason"].notna()
    return (
        [line for line in lines if line not in without],
        wanted[~out],
        skipped[out].reindex(columns=_SKIPPED),
    )


def _returns(facts: Facts, lines: Sequence[str], kind: Literal["simple", "log"], part: Part) -> pd.DataFrame:
    if part == "close_to_close":
        return market.returns(facts, lines, kind=kind)
    moves = market.overnight_returns if part == "overnight" else market.intraday_returns
    return moves(facts, lines, kind=kind)


def _indices(facts: Facts, lines: Sequence[str], kind: Literal["simple", "log"], part: Part) -> pd.DataFrame:
    """Return of the index of each line's market, on the sessions of the line's exchange."""
    index = {line: market.benchmark(facts, line) for line in lines}
    if part == "close_to_close":
        on = facts.instruments["exchange_calendar"]
        own = {line: market.factors(facts, [index[line]], str(on[line]), kind=kind) for line in lines}
        return pd.DataFrame({line: frame[index[line]] for line, frame in own.items()})
    moves = _returns(facts, list(dict.fromkeys(index.values())), kind, part)
    return moves[list(index.values())].set_axis(list(index), axis=1)


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


def _line_factors(facts: Facts, line: str, kind: Literal["simple", "log"]) -> pd.DataFrame:
    """Index of the line's market and its currency per dollar, on the line's sessions."""
    on, currency = (str(facts.instruments.at[line, name]) for name in ("exchange_calendar", "currency"))
    index = market.benchmark(facts, line)
    if currency == "USD":
        return market.factors(facts, [index], on, kind=kind).set_axis([MARKET], axis=1)
    add = str(market.asynchrony(facts, [currency], on).at[currency, "add"])
    found = market.factors(
        facts, [index, currency], on, kind=kind, lags=int(add == "lag"), leads=int(add == "lead")
    )
    columns = {index: MARKET, currency: "fx", f"{currency}_{add}1": f"fx_{add}1"}
    return found[[name for name in columns if name in found]].rename(columns=columns)


def _home_lines(facts: Facts) -> list[str]:
    return [line for line in facts.makers["ticker"].dropna() if line in facts.prices]
