"""Which trades, in which size, hedge a share against a policy, how sure is that, and what remains?

A ticket is for a long position. Signs: a ratio is notional sold per unit of position; selling the
currency instrument ``JPY`` is selling dollars against yen, so it *buys* yen futures.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import Facts, market_value
from tariffmodel.hedging import sizing
from tariffmodel.hedging.instruments import candidates, one_for_one, periods_per_year, pnl
from tariffmodel.hedging.out_of_sample import effectiveness
from tariffmodel.hedging.ratios import event_rows, static
from tariffmodel.hedging.sheet import sheet
from tariffmodel.hedging.words import Ticket, leaves, listed
from tariffmodel.markets import event_calendar, market, pricing
from tariffmodel.markets import valuation as values
from tariffmodel.markets.market import Horizon
from tariffmodel.stats import regression
from tariffmodel.tariff import booked
from tariffmodel.tariff.case import Case, Valuation

__all__ = ["Ticket", "event_days", "sheet", "ticket"]


def ticket(
    case: Case,
    long: str,
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
    """Size a hedge of a long position and say what it is good for.

    Parameters
    ----------
    case : Case
        Its policy is the threat to be protected from, its counterfactual the law as it stands, its
        period twelve months; later prices and fixings than its day are not used.
    long : str
        Ticker of the share held.
    notional : float
        Value of the position in `currency`; rounded to whole lots.
    currency : str
        Of the investor: the position is paid for in it and all risk is measured in it. With the
        share's own currency, the exchange rate is hedged only as far as the share moves with it.
    instruments : sequence of str, optional
        Tickers or currency codes, see `hedge.pnl`. Default: first of `hedge.candidates`.
    horizon, window, every, cost_bp, level, draws, seed
        See `hedge.effectiveness`. The ratio is that of the last `window` rows.
    events : iterable of dates, optional
        First days on which the share could react. Default: the main events of `event_calendar`.
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
    'Long Toyota Motor, hedged with USD/JPY and TOPIX, against: Flat 25% on every vehicle and part'
    >>> one.instruments["contract"].tolist()
    ['6J', 'TOPIX']
    """
    if not (np.isfinite(notional) and notional > 0):
        raise DataError(
            f"notional is {notional!r}; expected an amount above 0 in {currency}: tickets are long"
        )
    facts, day = case.facts, case.as_of
    if case.period.days not in (365, 366):
        raise DataError(f"period {case.period} is not twelve months, but the cost is valued by the year")
    market.prices(facts, [long])
    chosen = candidates(facts, long)[0] if instruments is None else instruments
    frame = pnl(facts, long, chosen, currency=currency, horizon=horizon).loc[: pd.Timestamp(day)]
    if frame[long].isna().all():
        raise DataError(f"{long} has no returns up to {day}; choose a later as_of")
    names = list(chosen)
    year = periods_per_year(horizon)
    tested = effectiveness(
        frame[long], frame[names], naive=one_for_one(facts, long, names, currency),
        window=window, every=every, cost_bp=cost_bp,
        level=level, draws=draws, periods_per_year=year, seed=seed,
    )  # fmt: skip
    rows = frame.dropna()
    recent = rows.iloc[-window:]
    ratios = static(recent[long], recent[names], level=level)

    position, trades = sizing.sized(facts, long, notional, currency, ratios.table, day)
    risk = tested.risk.loc[["unhedged", "hedged"], ["volatility", "expected_shortfall"]]
    risk = risk.assign(**{f"{column}_money": risk[column] * position["notional"] for column in risk})

    days = event_days(facts, long) if events is None else list(events)
    held = (rows[names] * ratios.table["ratio"]).sum(axis=1)
    paid = _paid_back(rows[long], held, event_rows(pd.DatetimeIndex(rows.index), days), level)
    protection = _protection(case, long, position["notional"], valuation, paid)
    left = leaves(facts, tested, rows, days, trades, protection, currency, horizon, day)
    return Ticket(
        title=f"Long {position['name']}, hedged with {listed(list(trades['label']))}, "
        f"against: {case.policy.title}",
        currency=currency,
        position=position,
        instruments=trades,
        risk=risk,
        protection=protection,
        leaves=left,
        effectiveness=tested,
        choices={
            "policy": case.policy.name, "compared_with": case.against.name, "as_of": day,
            "exchange_rates_of": market.exchange_rates(facts).loc[: pd.Timestamp(day)].index[-1].date(),
            "returns": f"{horizon if horizon == 'weekly' else f'{horizon}-session'}, simple, in {currency}",
            "ratios_from": f"{ratios.first} to {ratios.last}, {ratios.n} rows; {ratios.errors}",
            "tested": f"{tested.returns.index[0]:%Y-%m-%d} to {tested.returns.index[-1]:%Y-%m-%d}, "
            f"{len(tested.returns)} rows, renewed every {every}; bootstrap of {draws:,} draws",
            "cost_bp": cost_bp, "level": level,
            "valuation": _valued_with(facts, str(position["maker"]), valuation),
        },
    )  # fmt: skip


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


def _protection(
    case: Case, ticker: str, notional: float, valuation: Valuation | None, paid: pd.Series
) -> pd.Series:
    """What the policy does to the position: what the maker books of it, and what that is worth."""
    facts = case.facts
    maker = str(facts.instruments.at[ticker, "company"])
    cover = {
        "paid_back_share": paid["value"], "paid_back_low": paid["low"], "paid_back_high": paid["high"],
        "event_rows": paid["rows"],
    }  # fmt: skip
    lacks = ""
    if maker not in facts.makers.index:
        lacks = f"{ticker} is no maker with a bill"
    elif gap := str(market_value(facts, case.as_of).at[maker, "reason"]):
        lacks = f"{maker} has no market value on {case.as_of} ({gap})"
    terms = valuation or Valuation(tax_rate=values.central(facts).tax_rate)
    if not lacks:
        try:
            cost = booked.table(case, terms).T[maker]
        except DataError as error:  # on a past day less is known of the books than of the border
            lacks = f"what {maker} books cannot be computed ({error})"
    if lacks:
        return pd.Series({"effect": f"{lacks}: the policy's effect on {ticker} is not computed", **cover})
    ends = ("", "_low", "_high")
    change = {f"delta_booked{end}_usd": float(cost[f"booked{end}_usd"]) for end in ends}
    bill = {f"delta_bill{end}_usd": [change[f"delta_booked{end}_usd"]] for end in ends}
    drawn = values.draws(facts, pd.DataFrame(bill, index=[maker]), fixed=valuation)
    share = values.quantiles(drawn / cost["market_cap_usd"]).T[maker]
    loss = share["implied_usd"] * notional + 0.0  # no negative zero
    reading = pricing.implausible(share["implied_usd"], share["implied_low_usd"])
    loss = np.nan if reading else loss
    return pd.Series(
        {
            "effect": f"{maker}'s booked cost of {case.period} under {case.policy.label} "
            f"less that under {case.against.label}",
            **change,
            "delta_owed_usd": float(cost["bill_usd"]),
            "delta_share_of_market_cap": cost["booked_usd"] / cost["market_cap_usd"],
            "market_cap_usd": cost["market_cap_usd"], "bill_quality": cost["quality"],
            "eps_currency": cost["reporting_currency"],
            "eps_change": -cost["booked_per_share"], "eps_change_low": -cost["booked_per_share_high"],
            "eps_change_high": -cost["booked_per_share_low"],
            "value_change_share": share["implied_usd"], "value_low_share": share["implied_low_usd"],
            "value_high_share": share["implied_high_usd"], "reading": reading, "position_money": loss,
            **cover, "hedge_money": -loss * paid["value"], "left_money": loss * (1 - paid["value"]),
        }
    )  # fmt: skip


def _valued_with(facts: Facts, maker: str, valuation: Valuation | None) -> str:
    """The parameters behind the value, as the ticket states them."""
    if valuation is not None:
        return str(valuation)
    if maker not in facts.makers.index:
        return "none"
    rows = values.inputs(facts).xs(maker, level="maker")
    return ", ".join(
        f"{name.replace('_', ' ')} {row.central:g} ({row.low:g} to {row.high:g})"
        for name, row in zip(rows.index, rows.itertuples(), strict=True)
    )
