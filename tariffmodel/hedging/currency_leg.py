"""What does the currency leg of a ticket cost and pay as a forward, a put or a collar?

A leg is an amount of one currency that is held against another until the end of a tenor. Options are
priced by Garman and Kohlhagen (1983), see `options`: interest rates are the caller's assumptions, and the
volatility is realised, not implied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import Facts
from tariffmodel.hedging.instruments import DAYS
from tariffmodel.hedging.words import Ticket
from tariffmodel.markets import market
from tariffmodel.stats import options

__all__ = ["Leg", "currency_leg"]

_FIXINGS = 60  # of a realised volatility


@dataclass(frozen=True, eq=False)
class Leg:
    """An amount of a currency held, and the inputs that price its protection.

    Attributes
    ----------
    held, paid : str
        The currency held, and the one it is measured in.
    amount : float
        In `held`.
    rate : Series
        By day of fixing: `paid` per unit of `held`; the last one is the spot rate.
    volatility, lowest, highest : float
        Realised over the last 60 fixings, and over any 60 in the data; fractions a year.
    interest_paid, interest_held : float
        Interest rates, fractions a year, continuously compounded.
    years : float
        Tenor.
    floor : float
        Strike of the put, as a fraction of spot.

    Examples
    --------
    >>> rate = pd.Series([0.0066, 0.0064], pd.to_datetime(["2026-06-29", "2026-06-30"]))
    >>> leg = Leg("JPY", "USD", 1.2e9, rate, 0.1, 0.05, 0.18, 0.04, 0.01, 0.5, 0.95)
    >>> leg.label, leg.spot, leg.forward > leg.spot
    ('JPY 1,200.0 m over 0.5 years, put at 95% of spot', 0.0064, True)
    >>> value, least, most = leg.gains(np.array([-0.1, 0.0]))
    >>> list(value), leg.inputs()["input"].tolist()[:3]
    (['unhedged', 'forward', 'put', 'collar'], ['Amount', 'Spot', 'Volatility'])
    """

    held: str
    paid: str
    amount: float
    rate: pd.Series
    volatility: float
    lowest: float
    highest: float
    interest_paid: float
    interest_held: float
    years: float
    floor: float

    @property
    def label(self) -> str:
        """The leg in a few words, for charts."""
        size = f"{self.held} {self.amount / 1e6:,.1f} m"
        return f"{size} over {self.years:g} years, put at {self.floor:.0%} of spot"

    @property
    def spot(self) -> float:
        """Last fixing, `paid` per unit of `held`."""
        return float(self.rate.iloc[-1])

    @property
    def forward(self) -> float:
        """Forward rate by covered interest parity, in the same unit."""
        return float(options.forward(self.spot, self.interest_paid, self.interest_held, self.years))

    def gains(self, moves: np.ndarray | None = None) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        """What the leg gains against today's rate, and the least and the most at past volatilities.

        Parameters
        ----------
        moves : array, optional
            Changes of the spot rate until the end, fractions. Default: 81 from −20% to 20%.

        Returns
        -------
        three DataFrames
            Money of `paid`, indexed by `move`: `unhedged`, `forward`, `put`, `collar`.
        """
        steps = list(np.linspace(-0.2, 0.2, 81) if moves is None else moves)
        terms = (self.interest_paid, self.interest_held, self.years)
        value, calm, wild = (
            (options.payoffs(steps, self.spot, self.floor * self.spot, sigma, *terms).drop(columns="rate")
             + self.forward - self.spot) * self.amount
            for sigma in (self.volatility, self.lowest, self.highest)
        )  # fmt: skip
        return value, calm.where(calm <= wild, wild), calm.where(calm >= wild, wild)

    def inputs(self) -> pd.DataFrame:
        """Every input and price: `input`, `value`, `unit`, `source`."""
        terms = (self.interest_paid, self.interest_held, self.years)
        both = options.collar(self.floor * self.spot, self.spot, self.volatility, *terms)
        pair, yearly, past = f"{self.paid} per {self.held}", "fraction a year", f"{_FIXINGS} fixings"
        rows = [
            ("Amount", self.amount, self.held, "ratio of the ticket times its position"),
            ("Spot", self.spot, pair, f"ECB fixing of {self.rate.index[-1].date()}"),
            ("Volatility", self.volatility, yearly, f"realised over {past}, not implied"),
            ("Volatility, lower end of the band", self.lowest, yearly, f"lowest over any {past}"),
            ("Volatility, upper end of the band", self.highest, yearly, f"highest over any {past}"),
            (f"Interest rate {self.paid}", self.interest_paid, yearly, "assumption"),
            (f"Interest rate {self.held}", self.interest_held, yearly, "assumption"),
            ("Forward", self.forward, pair, "covered interest parity"),
            ("Put, strike", both.put.strike, pair, "first cell"),
            ("Put, price", both.put.price * self.amount, self.paid, "Garman and Kohlhagen, from the inputs"),
            ("Collar, call's strike", both.call.strike, pair, "price equal to the put's"),
        ]
        return pd.DataFrame(rows, columns=["input", "value", "unit", "source"])


def currency_leg(
    facts: Facts, sized: Ticket, interest: Mapping[str, float], *, years: float = 0.5, floor: float = 0.95
) -> Leg:
    """The currency leg of a ticket.

    Dollars bought against yen (a ratio below zero) offset yen held; sold, they offset dollars held.

    Parameters
    ----------
    interest : mapping of currency to rate
        Fractions a year.
    years, floor : float
        Tenor of the options, and strike of the put as a fraction of spot.

    Raises
    ------
    DataError
        A ticket without a currency among its instruments, or a currency without an interest rate.

    Examples
    --------
    >>> from tariffmodel import case, ticket
    >>> asked = case("flat-25", against="current-law", period="CY2027")
    >>> sized = ticket.ticket(asked, "7203.T", instruments=["JPY", "TOPIX"], draws=199)
    >>> currency_leg(asked.facts, sized, {"USD": 0.0375, "JPY": 0.01}).label.partition(" m ")[2]
    'over 0.5 years, put at 95% of spot'
    """
    legs = [str(name) for name in sized.instruments.index if name not in facts.prices]
    if not legs:
        raise DataError("the ticket has no currency leg, so there is nothing to put into options")
    money, row = legs[0], sized.instruments.loc[legs[0]]
    per_usd = market.exchange_rates(facts)[money].dropna()
    held, paid = (money, "USD") if row["ratio"] < 0 else ("USD", money)
    for unit in (held, paid):
        if unit not in interest:
            raise DataError(f"no interest rate of {unit}; give one beside those of {', '.join(interest)}")
    rate = 1 / per_usd if held == money else per_usd
    past = np.sqrt((np.log(rate).diff() ** 2).rolling(_FIXINGS).mean() * DAYS)
    return Leg(
        held=held,
        paid=paid,
        amount=float(abs(row["notional_own"]) / (1 if held == money else per_usd.iloc[-1])),
        rate=rate,
        volatility=options.realised_volatility(rate, _FIXINGS),
        lowest=float(past.min()),
        highest=float(past.max()),
        interest_paid=interest[paid],
        interest_held=interest[held],
        years=years,
        floor=floor,
    )
