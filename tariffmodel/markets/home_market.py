"""Returns of shares, each beside the index of its own market: what event studies here are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import Facts
from tariffmodel.markets import market
from tariffmodel.stats.event_inputs import MARKET
from tariffmodel.stats.moments import Part

Model = Literal["mean", "market_adjusted", "market", "rolling", "dcc", "market_fx"]
Kind = Literal["simple", "log"]

__all__ = ["Kind", "Model", "lines", "study_arguments"]


def lines(facts: Facts) -> list[str]:
    """The home line of every maker that has prices, in a market with an index that has some.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> lines(tm.facts.load())[:2]
    ['7203.T', '7267.T']
    """
    indexed = set(market.benchmarks(facts).index)
    own = facts.makers["ticker"].dropna()
    return [x for x in own if x in facts.prices and facts.instruments.at[x, "market"] in indexed]


def study_arguments(
    facts: Facts, tickers: Sequence[str], model: Model, kind: Kind = "simple", part: Part = "close_to_close"
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Returns of lines, and the arguments of `study` that set each against its own market.

    Parameters
    ----------
    tickers : sequence of str
        Lines of the panel.
    model, kind, part
        As `events.tariff_study`.

    Returns
    -------
    DataFrame, dict
        Returns (fractions; date × ticker); `model`, `kind`, `part`, `calendars` and, as the model needs
        them, `market` or `factors`.

    Raises
    ------
    DataError
        An unknown model, or one whose factors are known once a day beside a part of it.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> moves, against = study_arguments(tm.facts.load(), ["7203.T", "GM"], "market")
    >>> list(moves), sorted(against)
    (['7203.T', 'GM'], ['calendars', 'kind', 'market', 'model', 'part'])
    """
    if model not in get_args(Model):
        raise DataError(f"model {model!r}: write {', '.join(map(repr, get_args(Model)))}")
    if model == "market_fx" and part != "close_to_close":
        raise DataError("model 'market_fx': exchange rates are known once a day; use 'market' with part=")
    moves = _returns(facts, tickers, kind, part)
    calendars = facts.instruments.loc[list(tickers), "exchange_calendar"].to_dict()
    common = {"kind": kind, "part": part, "calendars": calendars}
    if model == "mean":
        return moves, common | {"model": "mean"}
    if model == "market_fx":
        factors = {line: _line_factors(facts, line, kind) for line in tickers}
        return moves, common | {"factors": factors, "model": "factors"}
    own = _indices(facts, tickers, kind, part).reindex(moves.index)
    return moves, common | {"market": own, "model": model}


def _returns(facts: Facts, lines: Sequence[str], kind: Kind, part: Part) -> pd.DataFrame:
    if part == "close_to_close":
        return market.returns(facts, lines, kind=kind)
    moves = market.overnight_returns if part == "overnight" else market.intraday_returns
    return moves(facts, lines, kind=kind)


def _indices(facts: Facts, lines: Sequence[str], kind: Kind, part: Part) -> pd.DataFrame:
    """Return of the index of each line's market, on the sessions of the line's exchange."""
    index = {line: market.benchmark(facts, line) for line in lines}
    if part == "close_to_close":
        on = facts.instruments["exchange_calendar"]
        own = {line: market.factors(facts, [index[line]], str(on[line]), kind=kind) for line in lines}
        return pd.DataFrame({line: frame[index[line]] for line, frame in own.items()})
    moves = _returns(facts, list(dict.fromkeys(index.values())), kind, part)
    return moves[list(index.values())].set_axis(list(index), axis=1)


def _line_factors(facts: Facts, line: str, kind: Kind) -> pd.DataFrame:
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
