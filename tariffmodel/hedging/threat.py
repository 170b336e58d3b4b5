"""What does a policy do to each position and to a book of them?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import Facts, market_value
from tariffmodel.markets import pricing
from tariffmodel.markets import valuation as values
from tariffmodel.tariff import booked
from tariffmodel.tariff.case import Case, Valuation

__all__ = ["COSTS", "HELPS", "NOTHING", "UNKNOWN", "exposures", "protection", "stands"]

COSTS, NOTHING, HELPS, UNKNOWN = "costs", "nothing", "helps", "unknown"
_NOTHING = 1e-7  # of the gross value, below which a change is rounding
_ENDS, _TOTAL = ("", "_low", "_high"), ("value", "low", "high")


def exposures(
    case: Case, held: pd.DataFrame, valuation: Valuation | None = None
) -> tuple[pd.DataFrame, pd.Series]:
    """What each maker books of a policy, what that is worth, and the part of either on a position.

    Parameters
    ----------
    held : DataFrame
        Indexed by ticker: `maker`, `notional` (below zero for short).
    valuation : Valuation, optional
        See `ticket.ticket`.

    Returns
    -------
    table : DataFrame
        Indexed by ticker: the maker's `delta_booked_usd`, `delta_owed_usd` and market value; of the position
        `booked_money`, its part of the yearly cost by its part of market value (below zero a loss), and
        `value_money`, over the life of the policy, each with `_low` and `_high`; `reading`, why a value
        cannot be right; `lacks`, why nothing is computed.
    book : Series
        `booked_money`, `value_money` with ends, over the positions that have them. What makers share of an
        error (`booked.joint`) adds up over long positions, and cancels between long and short ones.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> threat = tm.case("flat-25", against="current-law", period="CY2027")
    >>> held = pd.DataFrame({"maker": ["Toyota"], "notional": [10e6]}, ["7203.T"])
    >>> table, book = exposures(threat, held)
    >>> bool(table.at["7203.T", "booked_money"] == book["booked_money"] < 0)
    True
    """
    facts = case.facts
    reasons = market_value(facts, case.as_of)["reason"]
    lacks = {}
    for ticker, maker in held["maker"].items():
        if maker not in facts.makers.index:
            lacks[ticker] = f"{ticker} is no maker with a bill"
        elif gap := str(reasons[maker]):
            lacks[ticker] = f"{maker} has no market value on {case.as_of} ({gap})"
        else:
            lacks[ticker] = ""
    table = held[["maker", "notional"]].assign(lacks=pd.Series(lacks))
    try:
        if (table["lacks"] == "").any():
            terms = valuation or Valuation(tax_rate=values.central(facts).tax_rate)
            cost = booked.table(case, terms)
    except DataError as error:  # on a past day less is known of the books than of the border
        for ticker, maker in table.loc[table["lacks"] == "", "maker"].items():
            table.loc[ticker, "lacks"] = f"what {maker} books cannot be computed ({error})"
    known = table.index[table["lacks"] == ""]
    if known.empty:
        return table.drop(columns="notional"), pd.Series(dtype=float)
    makers = table.loc[known, "maker"]
    rows = cost.loc[list(makers)].set_axis(known)
    change = rows[[f"booked{end}_usd" for end in _ENDS]].set_axis(
        [f"delta_booked{e}_usd" for e in _ENDS], axis=1
    )
    bills = cost.loc[makers.unique(), [f"booked{end}_usd" for end in _ENDS]].astype(float)
    both = booked.joint(case, cost)
    drawn = values.draws(
        facts,
        bills.set_axis([f"delta_bill{e}_usd" for e in _ENDS], axis=1),
        fixed=valuation,
        correlation=both.correlation(list(bills.index)),
    )
    shares = drawn / cost.loc[makers.unique(), "market_cap_usd"]
    middle = values.quantiles(shares).loc[makers].set_axis(known)
    notional = table.loc[known, "notional"].astype(float)
    reading = pd.Series(
        [pricing.implausible(row["implied_usd"], row["implied_low_usd"]) for _, row in middle.iterrows()],
        known,
    )
    per_money = -notional / rows["market_cap_usd"].astype(float)
    ends = [change["delta_booked_low_usd"] * per_money, change["delta_booked_high_usd"] * per_money]
    worth = middle.mul(notional, axis=0).where(reading == "", np.nan) + 0.0
    lines = pd.DataFrame(
        {
            **change, "delta_owed_usd": rows["bill_usd"],
            "delta_share_of_market_cap": rows["booked_usd"] / rows["market_cap_usd"],
            "market_cap_usd": rows["market_cap_usd"], "bill_quality": rows["quality"],
            "eps_currency": rows["reporting_currency"], "eps_change": -rows["booked_per_share"],
            "eps_change_low": -rows["booked_per_share_high"],
            "eps_change_high": -rows["booked_per_share_low"],
            "value_change_share": middle["implied_usd"], "value_low_share": middle["implied_low_usd"],
            "value_high_share": middle["implied_high_usd"], "reading": reading,
            "booked_money": change["delta_booked_usd"] * per_money + 0.0,
            "booked_low_money": np.minimum(*ends) + 0.0, "booked_high_money": np.maximum(*ends) + 0.0,
            "value_money": worth["implied_usd"],
            "value_low_money": worth[["implied_low_usd", "implied_high_usd"]].min(axis=1, skipna=False),
            "value_high_money": worth[["implied_low_usd", "implied_high_usd"]].max(axis=1, skipna=False),
        }
    )  # fmt: skip
    total = both.total(per_money.groupby(makers).sum())  # lines of one maker err together
    book = {f"booked{end}_money": total[name] + 0.0 for end, name in zip(_ENDS, _TOTAL, strict=True)}
    book |= _valued(shares, notional, makers, reading)
    return table.drop(columns="notional").join(lines), pd.Series(book)


def _valued(
    shares: pd.DataFrame, notional: pd.Series, makers: pd.Series, reading: pd.Series
) -> dict[str, float]:
    names = ["value_money", "value_low_money", "value_high_money"]
    if (reading != "").any():
        return dict.fromkeys(names, np.nan)
    total = (shares[makers] * notional.to_numpy()).sum(axis=1).to_frame("book")
    return dict(zip(names, values.quantiles(total).loc["book"] + 0.0, strict=True))


def protection(
    case: Case, held: pd.DataFrame, table: pd.DataFrame, book: pd.Series, paid: pd.Series
) -> pd.Series:
    """What the policy does to all positions together, and what the hedge paid back of past events.

    A book of one has the figures of its position as well.

    Parameters
    ----------
    table, book
        Of `exposures`.
    paid : Series
        `value`, `low`, `high`, `rows`: share of moves on event rows that the hedge paid back.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> threat = tm.case("korea-25", against="current-law", period="CY2027")
    >>> held = pd.DataFrame({"maker": ["Toyota"], "notional": [10e6]}, ["7203.T"])
    >>> paid = pd.Series({"value": 0.5, "low": 0.2, "high": 0.8, "rows": 20})
    >>> found = protection(threat, held, *exposures(threat, held), paid)
    >>> float(found["position_money"]), stands(found)
    (0.0, 'nothing')
    """
    cover = {
        "paid_back_share": paid["value"], "paid_back_low": paid["low"], "paid_back_high": paid["high"],
        "event_rows": paid["rows"],
    }  # fmt: skip
    lacks = "; ".join(dict.fromkeys(filter(None, table["lacks"])))
    whose = f"{table['maker'].iloc[0]}'s" if len(table) == 1 else "The makers'"
    if book.empty:
        of = "; ".join(map(str, table.index))
        return pd.Series(
            {
                "effect": f"{lacks}: the policy's effect on {of} is not computed",
                "booked_money": np.nan,
                **cover,
            }
        )
    effect = (
        f"{whose} booked cost of {case.period} under {case.policy.label} less that under {case.against.label}"
    )
    own = table.iloc[0].drop(["maker", "lacks", *book.index]).to_dict() if len(table) == 1 else {}
    value = book["value_money"]
    return pd.Series(
        {
            "effect": effect, "lacks": lacks, **own, **book, "position_money": value,
            "gross_money": held["notional"].abs().sum(), **cover,
            "hedge_money": -value * paid["value"] + 0.0, "left_money": value * (1 - paid["value"]) + 0.0,
        }
    )  # fmt: skip


def stands(found: pd.Series) -> str:
    """Whether a policy `COSTS` the book, `HELPS` it, does `NOTHING` to it, or is `UNKNOWN`.

    >>> stands(pd.Series({"booked_money": -5e4, "gross_money": 1e7}))
    'costs'
    """
    cost = found["booked_money"]
    if not np.isfinite(cost):
        return UNKNOWN
    if abs(cost) <= _NOTHING * found["gross_money"]:
        return NOTHING
    return COSTS if cost < 0 else HELPS


def valued_with(facts: Facts, makers: list[str], valuation: Valuation | None) -> str:
    """The parameters behind the value, as the ticket states them.

    >>> from tariffmodel import facts
    >>> valued_with(facts.load(), [], None)
    'none'
    """
    if valuation is not None:
        return str(valuation)
    makers = [maker for maker in makers if maker in facts.makers.index]
    if not makers:
        return "none"
    if len(makers) > 1:
        return "each by its row of data/companies/valuation.csv, with its range"
    rows = values.inputs(facts).xs(makers[0], level="maker")
    return ", ".join(
        f"{name.replace('_', ' ')} {row.central:g} ({row.low:g} to {row.high:g})"
        for name, row in zip(rows.index, rows.itertuples(), strict=True)
    )
