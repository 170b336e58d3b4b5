"""How do positions, and the book of them, move with the tariff portfolio, world equity and currencies?"""

from __future__ import annotations

import pandas as pd

from tariffmodel.hedging.positions import book_pnl
from tariffmodel.hedging.words import Ticket
from tariffmodel.markets import mimicking
from tariffmodel.stats import regression
from tariffmodel.tariff import booked
from tariffmodel.tariff.case import Case

__all__ = ["BOOK", "TARIFF", "betas"]

BOOK, TARIFF = "book", "tariff portfolio"


def betas(
    case: Case, ticket: Ticket, *, market: str = "ACWI", window: int = 52, level: float = 0.95
) -> pd.DataFrame:
    """Slopes of each position and the book on the tariff portfolio, a market and the currencies of homes.

    One regression each on all weeks in common (Newey-West errors). The portfolio is that of
    `mimicking.walk_forward`, in units of its last gross value: long the makers that book most of the tariff,
    so a slope above zero is that of a share exposed as they are. Its
    exposures are those of the case, which early weeks could not know, and
    it may hold the makers of the book. Currencies are units per dollar: up is a weaker currency.

    Parameters
    ----------
    case : Case
        Of the law and what it is compared with: its booked cost is what the portfolio carries.
    ticket : Ticket
        Whose positions, currency and day are taken.
    market : str
        Index of world equity.
    window : int
        Weeks that each portfolio is estimated on.

    Returns
    -------
    DataFrame
        Indexed by position (``"book"`` is the return on its gross value) and `factor`: `beta`, `beta_low`,
        `beta_high`, `p`, rows `n`; `per_percent_money`, what 1% of the factor moves.

    Raises
    ------
    DataError
        What `mimicking` or `regression.fit` refuses.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> threat = tm.case("flat-25", against="current-law", period="CY2027")
    >>> one = tm.ticket.ticket(threat, "GM", instruments=["SPY"], draws=49)
    >>> betas(tm.case(), one).index.to_list()
    [('GM', 'tariff portfolio'), ('GM', 'ACWI'), ('book', 'tariff portfolio'), ('book', 'ACWI')]
    """
    facts, held = case.facts, ticket.positions
    own = facts.makers["reporting_currency"].reindex(held["maker"]).fillna("USD")
    money = sorted(set(own) - {"USD"})
    carried = booked.yearly_shares(case)["value"]
    moves, weight, common = mimicking.inputs(facts, carried, factors=[market, *money])
    complete = moves.dropna().index.intersection(common.dropna().index)
    walk = mimicking.walk_forward(moves.loc[complete], weight, common.loc[complete], window=window)
    gross = walk.weights.abs().sum(axis=1).iloc[-1]
    factors = pd.concat([(walk.returns / gross).rename(TARIFF), common], axis=1, join="inner").dropna()
    book, lines, _ = book_pnl(facts, held["notional"], [market], currency=ticket.currency)
    factors = factors.loc[: pd.Timestamp(str(ticket.choices["as_of"]))]
    sizes = {**held["notional"].to_dict(), BOOK: float(held["notional"].abs().sum())}
    found = {}
    for name, returns in {**dict(lines.items()), BOOK: book}.items():
        fit = regression.fit(returns.dropna(), factors)
        size = sizes[name]
        table = fit.table(level).drop("const")
        found[name] = pd.DataFrame(
            {
                "beta": table["value"],
                "beta_low": table["low"],
                "beta_high": table["high"],
                "p": table["p"],
                "n": fit.n,
                "per_percent_money": table["value"] * size / 100,
            }
        )
    return pd.concat(found, names=["position", "factor"])
