"""Which trades, in which size, hedge a share against a policy, how sure is that, and what remains?

A ticket is for a book of positions, long and short; that of one share is the book of one. Signs: a ratio is
notional sold per unit of the book's gross value; selling the currency instrument ``JPY`` is selling dollars
against yen, so it *buys* yen futures.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import Facts
from tariffmodel.hedging import choice, positions, sizing, threat
from tariffmodel.hedging.instruments import label, one_for_one, periods_per_year
from tariffmodel.hedging.out_of_sample import Effectiveness, effectiveness
from tariffmodel.hedging.ratios import event_rows, static
from tariffmodel.hedging.sheet import sheet
from tariffmodel.hedging.words import Ticket, leaves, listed
from tariffmodel.markets import event_calendar, market
from tariffmodel.markets.market import Horizon
from tariffmodel.stats import regression
from tariffmodel.tariff.case import Case, Valuation

__all__ = ["Ticket", "event_days", "sheet", "ticket"]


def ticket(
    case: Case,
    held: str | pd.DataFrame,
    notional: float = 10e6,
    *,
    currency: str = "USD",
    instruments: Sequence[str] | None = None,
    horizon: Horizon = "weekly",
    window: int = 52,
    every: int = 4,
    cost_bp: float = 2.0,
    events: Iterable[date | str] | None = None,
    valuation: Valuation | None = None,
    level: float = 0.95,
    draws: int = 10_000,
    seed: int = 0,
) -> Ticket:
    """Size a hedge of a share, or of a book of many, and say what it is good for.

    Parameters
    ----------
    case : Case
        Its policy is the threat to be protected from, its counterfactual the law as it stands, its
        period twelve months; later prices and fixings than its day are not used.
    held : str or DataFrame
        A share held long, by ticker or name; or positions, from `positions.of` or `own_positions.read`.
    notional : float
        Value of the one share in `currency`; rounded to whole lots. A table has its own sizes.
    currency : str
        Of the investor: positions are paid for in it and all risk is measured in it. With the
        share's own currency, the exchange rate is hedged only as far as the share moves with it.
    instruments : sequence of str, optional
        Tickers or currency codes, see `hedge.pnl`. Default: chosen among `choice.combinations` on what they
        did out of sample; the record is then that of choosing so, see `choice.choose`.
    horizon, window, every, cost_bp, level, draws, seed
        See `hedge.effectiveness`. The ratio is that of the last `window` rows.
    events : iterable of dates, optional
        First days on which the shares could react. Default: the main events of `event_calendar`.
    valuation : Valuation, optional
        Turns the booked cost into value at one figure of each parameter. Default: their distributions,
        see `valuation.draws`. Stated on the ticket.

    Raises
    ------
    DataError
        Unknown ticker or currency; a notional that is not above zero or less than a lot; a period that
        is not a year; instruments without common dates or that repeat each other; a window too long.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> case = tm.case("flat-25", against="current-law", period="CY2027")
    >>> one = ticket(case, "7203.T", 10e6, draws=999)
    >>> one.title
    'Long Toyota Motor, hedged with TOPIX, against: Flat 25% on every vehicle and part'
    >>> one.instruments["contract"].tolist()
    ['TOPIX']
    """
    facts, day = case.facts, case.as_of
    rows = positions.of(facts, [held], sizes=[notional], currency=currency) if isinstance(held, str) else held
    if case.period.days not in (365, 366):
        raise DataError(f"period {case.period} is not twelve months, but the cost is valued by the year")
    spot = sizing.spot(facts, day)
    lines = positions.priced(facts, rows, currency, day, spot)
    weights, tickers = lines["notional"], [str(ticker) for ticker in lines.index]
    hedges = choice.combinations(facts, tickers) if instruments is None else []
    names = list(dict.fromkeys(leg for one in hedges for leg in one)) if instruments is None else instruments
    book, _, legs = positions.book_pnl(facts, weights, names, currency=currency, horizon=horizon)
    book = book.loc[: pd.Timestamp(day)].rename(tickers[0] if len(lines) == 1 else "book")
    legs = legs.loc[: pd.Timestamp(day)]
    if book.isna().all():
        raise DataError(
            f"{' and '.join(tickers)} have no returns in common up to {day}; choose a later as_of"
        )
    year = periods_per_year(horizon)
    rules = {"every": every, "cost_bp": cost_bp, "level": level, "draws": draws, "seed": seed}
    rules |= {"window": window, "periods_per_year": year}
    out: tuple[str, ...] = ()
    if instruments is None:
        chosen, tested, out = _chosen(facts, lines, book, legs, hedges, currency, rules)
    else:
        chosen = list(instruments)
        naive = _naive(facts, lines, chosen, currency)
        tested = effectiveness(book, legs[chosen], naive=naive, **rules)  # type: ignore[arg-type]
    frame = pd.concat([book, legs[chosen]], axis=1).dropna()
    recent = frame.iloc[-window:]
    ratios = static(recent[book.name], recent[chosen], level=level)
    trades = sizing.trades(facts, float(weights.abs().sum()), currency, ratios.table, day, spot)
    gross = float(weights.abs().sum())
    risk = tested.risk.loc[["unhedged", "hedged"], ["volatility", "expected_shortfall"]]
    risk = risk.assign(**{f"{column}_money": risk[column] * gross for column in risk})

    days = _days(facts, tickers) if events is None else list(events)
    sold = (frame[chosen] * ratios.table["ratio"]).sum(axis=1)
    paid = _paid_back(frame[book.name], sold, event_rows(pd.DatetimeIndex(frame.index), days), level)
    table, total = threat.exposures(case, lines, valuation)
    protection = threat.protection(case, lines, table, total, paid)
    left = leaves(facts, tested, frame, days, trades, protection, currency, horizon, tickers, day)
    one = f"{lines['side'].iloc[0].title()} {lines['name'].iloc[0]}" if len(lines) == 1 else (
        f"Book of {len(lines)} positions"
    )  # fmt: skip
    return Ticket(
        title=f"{one}, hedged with {listed(list(trades['label']))}, against: {case.policy.title}",
        currency=currency,
        positions=lines,
        exposures=table,
        instruments=trades,
        risk=risk,
        protection=protection,
        leaves=left,
        left_out=out,
        effectiveness=tested,
        choices={
            "policy": case.policy.name, "compared_with": case.against.name, "as_of": day,
            "exchange_rates_of": market.exchange_rates(facts).loc[: pd.Timestamp(day)].index[-1].date(),
            "returns": f"{horizon if horizon == 'weekly' else f'{horizon}-session'}, simple, in {currency}"
            + ("" if len(lines) == 1 else ", at today's weights on all rows"),
            "ratios_from": f"{ratios.first} to {ratios.last}, {ratios.n} rows; {ratios.errors}",
            "chosen": "as asked" if instruments is not None else (
                f"the best of {tested.choices['tried']} hedges on the record up to then, at each renewal"
            ),
            "tested": f"{tested.returns.index[0]:%Y-%m-%d} to {tested.returns.index[-1]:%Y-%m-%d}, "
            f"{len(tested.returns)} rows, renewed every {every}; bootstrap of {draws:,} draws",
            "cost_bp": cost_bp, "level": level,
            "valuation": threat.valued_with(facts, list(dict.fromkeys(lines["maker"])), valuation),
        },
    )  # fmt: skip


def _chosen(
    facts: Facts,
    lines: pd.DataFrame,
    book: pd.Series,
    legs: pd.DataFrame,
    hedges: list[tuple[str, ...]],
    currency: str,
    rules: dict[str, float],
) -> tuple[list[str], Effectiveness, tuple[str, ...]]:
    """Legs chosen now, the record of choosing so, and what was left out and why."""
    old = choice.current(book, legs, int(rules["window"]))
    hedges = [one for one in hedges if not set(one) & set(old)]
    if not hedges:
        raise DataError(
            f"no hedge has prices on the last rows of {book.name} ({'; '.join(old.values())}); "
            "name instruments"
        )
    kept = list(dict.fromkeys(leg for one in hedges for leg in one))
    found = choice.choose(book, legs[kept], hedges, int(rules["window"]))
    used, chosen = list(found.path), list(found.legs)
    naive = _naive(facts, lines, chosen, currency).reindex(used).fillna(0.0)
    given = {name: value for name, value in rules.items() if name != "window"}
    tested = effectiveness(book, legs[used], found.path, naive=naive, **given)  # type: ignore[arg-type]
    tested = replace(
        tested,
        in_sample=static(book, legs[chosen]).reduction,
        choices={**tested.choices, "estimator": f"chosen, rolling {rules['window']}", "tried": len(hedges)},
    )
    out = [f"{label(facts, name)} is left out: {reason}." for name, reason in old.items()]
    return chosen, tested, (*found.left_out(facts), *out)


def _naive(facts: Facts, lines: pd.DataFrame, names: list[str], currency: str) -> pd.Series:
    """`one_for_one` of each position, added up over the book by weight."""
    weights = lines["notional"] / lines["notional"].abs().sum()
    each = [one_for_one(facts, str(ticker), names, currency) * part for ticker, part in weights.items()]
    return pd.Series(sum(each), name="ratio")


def _days(facts: Facts, tickers: Sequence[str]) -> list[pd.Timestamp]:
    return sorted({day for ticker in tickers for day in event_days(facts, ticker)})


def event_days(facts: Facts, ticker: str) -> list[pd.Timestamp]:
    """First days on which a share could react to each main event.

    >>> from tariffmodel import facts
    >>> days = event_days(facts.load(), "7203.T")
    >>> pd.Timestamp("2025-07-23") in days
    True
    """
    table = event_calendar.table(facts)
    days = event_calendar.firm_events(facts, [ticker], list(table.index[table["main"]]))
    return list(days["date"].dropna())


def _paid_back(position: pd.Series, held: pd.Series, hit: np.ndarray, level: float) -> pd.Series:
    """Share of the position's move on event rows that the hedge pays back: Cov(Σ h x, y) / Var(y)."""
    if hit.sum() < 4:
        return pd.Series({"value": np.nan, "low": np.nan, "high": np.nan, "rows": hit.sum()})
    fit = regression.fit(held[hit], position[hit].rename("position").to_frame(), hac_lags=0)
    return pd.Series({**fit.table(level).loc["position", ["value", "low", "high"]], "rows": hit.sum()})
