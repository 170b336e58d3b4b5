"""Which trades, in which size, hedge a share against a policy, how sure is that, and what remains?

A ticket is for a long position. Signs: a ratio is notional sold per unit of position; selling the
currency instrument ``JPY`` is selling dollars against yen, so it *buys* yen futures.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date
from difflib import SequenceMatcher

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError, PolicyError
from tariffmodel.facts import Facts, periods
from tariffmodel.hedging import sizing
from tariffmodel.hedging.instruments import candidates, contracts, one_for_one, periods_per_year, pnl
from tariffmodel.hedging.out_of_sample import effectiveness
from tariffmodel.hedging.ratios import event_rows, static
from tariffmodel.hedging.sheet import sheet
from tariffmodel.hedging.words import Ticket, leaves, listed
from tariffmodel.markets import event_calendar, market, pricing
from tariffmodel.markets.market import Horizon
from tariffmodel.stats import regression
from tariffmodel.tariff import exposure, policy
from tariffmodel.tariff.policy import Policy

__all__ = ["Ticket", "find_policy", "sheet", "ticket"]

_ALIKE, _CLEAR = 0.7, 0.1  # how near a policy's title must be, and how much nearer than the next


def ticket(
    facts: Facts,
    long: str,
    notional: float = 10e6,
    *,
    against: str,
    currency: str = "USD",
    law: str = "current-law",
    instruments: Sequence[str] | None = None,
    period: str | None = None,
    as_of: date | None = None,
    horizon: Horizon = "weekly",
    window: int = 52,
    every: int = 4,
    cost_bp: float = 2.0,
    events: Iterable[date | str] | None = None,
    tax_rate: float = 0.25,
    discount_rate: float = 0.08,
    life_years: float = 5.0,
    level: float = 0.95,
    draws: int = 10_000,
    seed: int = 0,
) -> Ticket:
    """Size a hedge of a long position and say what it is good for.

    Parameters
    ----------
    long : str
        Ticker of the share held.
    notional : float
        Value of the position in `currency`; rounded to whole lots.
    against : str
        Policy to be protected from: a name, the path of a TOML file, or words of its title.
    currency : str
        Of the investor: the position is paid for in it and all risk is measured in it. With the
        share's own currency, the exchange rate is hedged only as far as the share moves with it.
    law : str
        What `against` is compared with.
    instruments : sequence of str, optional
        Tickers or currency codes, see `hedge.pnl`. Default: first of `hedge.candidates`.
    period : str, optional
        Twelve months for the change of the bill. Default: the calendar year after `as_of`.
    as_of : date, optional
        Later prices and fixings are not used. Default: the last fixing.
    horizon, window, every, cost_bp, level, draws, seed
        See `hedge.effectiveness`. The ratio is that of the last `window` rows.
    events : iterable of dates, optional
        First days on which the share could react. Default: the main events of `event_calendar`.
    tax_rate, discount_rate, life_years : float
        Turn the yearly bill into value, see `pricing.implied_value`. Stated on the ticket.

    Raises
    ------
    DataError, PolicyError
        Unknown ticker, currency or policy; a notional that is not above zero or less than a lot; a
        period that is not a year; instruments without common dates or that repeat each other; a window too long.
    """
    if not (np.isfinite(notional) and notional > 0):
        raise DataError(
            f"notional is {notional!r}; expected an amount above 0 in {currency}: tickets are long"
        )
    day = as_of or facts.as_of
    period = period or f"CY{day.year + 1}"
    if periods.parse(period).days not in (365, 366):
        raise DataError(f"period {period} is not twelve months, but the bill is valued by the year")
    shock, base = find_policy(facts, against), find_policy(facts, law)
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

    prices = market.prices(facts, [long, *(n for n in names if n in facts.prices)]).loc[: pd.Timestamp(day)]
    fixings = market.exchange_rates(facts).loc[: pd.Timestamp(day)].ffill().iloc[-1]
    spot = fixings.dropna().to_dict() | {"USD": 1.0}
    book = contracts(facts)
    position = sizing.position(facts, book, long, notional, currency, prices[long].dropna(), spot)
    orders = {
        name: sizing.trade(facts, book, str(name), row, position["notional"], currency, prices, spot)
        for name, row in ratios.table.iterrows()
    }
    trades = pd.DataFrame.from_dict(orders, orient="index").rename_axis("instrument")
    risk = tested.risk.loc[["unhedged", "hedged"], ["volatility", "expected_shortfall"]]
    risk = risk.assign(**{f"{column}_money": risk[column] * position["notional"] for column in risk})

    days = _event_days(facts, long) if events is None else list(events)
    held = (rows[names] * ratios.table["ratio"]).sum(axis=1)
    paid = _paid_back(rows[long], held, event_rows(rows.index, days), level)
    value = {"tax_rate": tax_rate, "discount_rate": discount_rate, "life_years": life_years}
    protection = _protection(facts, long, shock, base, period, day, position["notional"], value, paid)
    left = leaves(facts, tested, rows, days, trades, protection, currency, horizon, day)
    fixed = market.exchange_rates(facts).loc[: pd.Timestamp(day)].index[-1].date()
    return Ticket(
        title=f"Long {position['name']}, hedged with {listed(trades['label'])}, against: {shock.title}",
        currency=currency,
        position=position,
        instruments=trades,
        risk=risk,
        protection=protection,
        leaves=left,
        effectiveness=tested,
        choices={
            "policy": shock.name, "compared_with": base.name, "as_of": day, "exchange_rates_of": fixed,
            "returns": f"{horizon if horizon == 'weekly' else f'{horizon}-session'}, simple, in {currency}",
            "ratios_from": f"{ratios.first} to {ratios.last}, {ratios.n} rows; {ratios.errors}",
            "tested": f"{tested.returns.index[0]:%Y-%m-%d} to {tested.returns.index[-1]:%Y-%m-%d}, "
            f"{len(tested.returns)} rows, renewed every {every}; bootstrap of {draws:,} draws",
            "cost_bp": cost_bp, "level": level, **value,
        },
    )  # fmt: skip


def find_policy(facts: Facts, text: str) -> Policy:
    """The policy that `text` means: its name, the path of its file, its title, or nearly so.

    Raises
    ------
    PolicyError
        Nothing is near enough, or two are; the message lists the nearest.
    """
    known = policy.names(facts.folder)
    if text in known or text.endswith(".toml"):
        return policy.load(text, facts.folder)
    offered = {name: policy.load(name, facts.folder) for name in known}
    wanted = _plain(text)
    near = {
        name: max(SequenceMatcher(None, wanted, _plain(said)).ratio() for said in (name, one.title))
        for name, one in offered.items()
    }
    first, second, *rest = sorted(near, key=lambda name: -near[name])
    if near[first] == 1 or (near[first] >= _ALIKE and near[first] - near[second] >= _CLEAR):
        return offered[first]
    closest = "; ".join(f"{name} ({offered[name].title})" for name in (first, second, *rest[:1]))
    raise PolicyError(f"no policy is clearly {text!r}; the nearest are {closest}")


def _event_days(facts: Facts, ticker: str) -> list[pd.Timestamp]:
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
    facts: Facts,
    ticker: str,
    shock: Policy,
    base: Policy,
    period: str,
    day: date,
    notional: float,
    value: dict[str, float],
    paid: pd.Series,
) -> pd.Series:
    maker = facts.instruments.at[ticker, "company"]
    cover = {"paid_back_share": paid["value"], "paid_back_low": paid["low"], "paid_back_high": paid["high"]}
    if maker not in facts.makers.index:
        reason = f"{ticker} is no maker with a bill: the policy's effect on it is not computed"
        return pd.Series({"effect": reason, **cover, "event_rows": paid["rows"]})
    bill = exposure.table(facts, shock, base, period, day).loc[maker]
    change = {f"delta_{name}": [bill[name]] for name in ("bill_usd", "bill_low_usd", "bill_high_usd")}
    worth = pricing.implied_value(pd.DataFrame(change, index=[maker]), **value).loc[maker]
    share = worth / bill["market_cap_usd"]
    loss = share["implied_usd"] * notional + 0.0  # no negative zero
    return pd.Series(
        {
            "effect": f"{maker}'s bill of {period} under {shock.label} less that under {base.label}",
            **{name: cell[0] for name, cell in change.items()},
            "delta_share_of_market_cap": bill["bill_usd"] / bill["market_cap_usd"],
            "market_cap_usd": bill["market_cap_usd"], "bill_quality": bill["quality"],
            "value_change_share": share["implied_usd"], "value_low_share": share["implied_low_usd"],
            "value_high_share": share["implied_high_usd"], "position_money": loss,
            **cover, "event_rows": paid["rows"], "hedge_money": -loss * paid["value"],
            "left_money": loss * (1 - paid["value"]),
        }
    )  # fmt: skip


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))
