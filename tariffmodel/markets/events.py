"""How far did makers' shares move on the events of data/events, beyond what their market explains?

`tariff_study` sets up the event study of the stats wing; `study`, `volume_study`, `power` and what
they return are public here too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import Facts
from tariffmodel.markets import event_calendar, market
from tariffmodel.stats.event_inputs import MARKET
from tariffmodel.stats.event_study import EventStudy, study, volume_study
from tariffmodel.stats.normal_returns import Window
from tariffmodel.stats.power import power

Model = Literal["mean", "market_adjusted", "market", "rolling", "dcc", "market_fx"]

__all__ = [
    "MARKET",
    "EventStudy",
    "by_home",
    "power",
    "study",
    "tariff_power",
    "tariff_study",
    "volume_study",
]


def tariff_study(
    facts: Facts,
    *,
    events: Sequence[str] | None = None,
    tickers: Sequence[str] | None = None,
    model: Model = "market",
    window: Window = (-10, 10),
    kind: Literal["simple", "log"] = "simple",
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
    **arguments
        As `study`. Two events on one session are both kept: `EventStudy.by_event` shows each.

    Raises
    ------
    DataError
        Unknown tickers, or markets without a benchmark.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> study = tm.events.tariff_study(
    ...     tm.facts.load(), events=["2025-07-22-japan-deal"], tickers=["7203.T", "7267.T"], window=(0, 1)
    ... )
    >>> study.car().shape[0], study.window
    (2, (0, 1))
    """
    lines = _home_lines(facts) if tickers is None else list(tickers)
    moves, own = _against_home(facts, lines, model, kind)
    wanted = event_calendar.firm_events(facts, lines, events)
    return study(moves, wanted, **own | {"window": window, "duplicates": "keep"} | arguments)


def tariff_power(
    facts: Facts,
    *,
    tickers: Sequence[str] | None = None,
    model: Model = "market",
    window: Window = (0, 1),
    kind: Literal["simple", "log"] = "simple",
    **arguments: Any,
) -> pd.DataFrame:
    """How large an effect would the tests find on makers' shares, and how often do they find one of zero?

    Random days on which no event of data/events falls into the window, each share against the index of
    its own market.

    Parameters
    ----------
    tickers, model, kind
        As `tariff_study`.
    **arguments
        As `power`.

    Returns
    -------
    DataFrame
        As `power`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> shares = ["7203.T", "7267.T", "7201.T", "7270.T", "7261.T"]
    >>> found = tm.events.tariff_power(tm.facts.load(), tickers=shares, draws=40, tests="crude_dependence")
    >>> found["rejected"].round(2).tolist()
    [0.15, 0.15, 0.13, 0.26]
    """
    lines = _home_lines(facts) if tickers is None else list(tickers)
    moves, own = _against_home(facts, lines, model, kind)
    known = event_calendar.firm_events(facts, lines)["date"].dropna().unique()
    near = np.searchsorted(moves.index, known)[:, None] + np.arange(-window[1], 1 - window[0])
    quiet = moves.index.delete(np.unique(near[(near >= 0) & (near < len(moves))]))
    return power(moves, days=pd.DatetimeIndex(quiet), window=window, **own | arguments)


def _against_home(
    facts: Facts, lines: list[str], model: str, kind: Literal["simple", "log"]
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Returns of the lines, and the arguments of `study` that set each against its own market."""
    if model not in get_args(Model):
        raise DataError(f"model {model!r}: write {', '.join(map(repr, get_args(Model)))}")
    moves = market.returns(facts, lines, kind=kind)
    calendars = facts.instruments.loc[lines, "exchange_calendar"].to_dict()
    common = {"kind": kind, "calendars": calendars}
    if model == "mean":
        return moves, common | {"model": "mean"}
    factors = {line: _line_factors(facts, line, kind, model == "market_fx") for line in lines}
    if model == "market_fx":
        return moves, common | {"factors": factors, "model": "factors"}
    own = pd.DataFrame({line: frame[MARKET] for line, frame in factors.items()}).reindex(moves.index)
    return moves, common | {"market": own, "model": model}


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
