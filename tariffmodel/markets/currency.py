"""Which move of the currency pays the tariff, and does the share move as the company says it should?

Sign: a move is positive when the HOME currency weakens, so "one yen" is one more yen per dollar, and
the effect on an exporter's profit is positive. Profit per unit of currency, in billions of home
currency per (home currency per USD), is an amount in billions of dollars: the dollars that yearly
profit is long. A tariff is paid in dollars, so it takes that many away:

    change of profit = κ (S − S₀) − B S

with κ the dollar position as disclosed (`disclosed`), B what is *booked* of the cost in dollars, S home
currency per USD and S₀ its mean over the year before the tariff. Import prices in dollars are taken to
stay where they are when S moves. `iso_profit` and `grid` set the duty rate against S.

A maker without what a figure needs has an empty one, and `reason` says why.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd

from tariffmodel.facts import Facts, fx_rate, market_value, periods
from tariffmodel.markets import pricing, sensitivity
from tariffmodel.markets.fx_disclosed import ANALYST, DISCLOSED, PER_UNIT, disclosed
from tariffmodel.markets.profit import BASE, FIRST_MONTH, IsoProfit, grid, iso_profit
from tariffmodel.tariff import booked, uncertainty
from tariffmodel.tariff.case import Case, Valuation

__all__ = [
    "ANALYST",
    "BASE",
    "DISCLOSED",
    "FIRST_MONTH",
    "IsoProfit",
    "compare",
    "disclosed",
    "grid",
    "iso_profit",
    "offset",
    "position",
]

_FROM_SHARE = "estimated from the share"


def compare(
    facts: Facts,
    estimated: pd.DataFrame | None = None,
    valuation: Valuation | None = None,
    as_of: date | None = None,
) -> pd.DataFrame:
    """What companies say a weaker home currency does to profit, beside what it does to their shares.

    Parameters
    ----------
    estimated : DataFrame, optional
        From `sensitivity.table`. Default: with the total effect, which like a profit sensitivity
        holds nothing else fixed.
    valuation : Valuation, optional
        Capitalisation of a year's profit, see `pricing.implied_value`.
    as_of : date, optional
        Prices and rates after this day are not used. Default: the last fixing.

    Returns
    -------
    DataFrame
        Makers with a published sensitivity, its `basis` as in `disclosed`. `profit_elasticity` with
        `_low`, `_high`: % of operating profit (the last year before the tariff) per % of currency,
        κ S / profit, S the mean rate of that year; empty without a profit. `value_elasticity` with
        `_low`, `_high`: % of market value per % of currency, κ capitalised by the valuation, over
        `market_cap_usd`.
        `reason` says which of the two is empty, and why. `beta_fx`, `low`, `high` of the share.
        `verdict`: "less than disclosed" only if the share's
        interval lies below both elasticities at their low, "more than disclosed" if above both at
        their high, else "in line"; empty without a beta. `looks_hedged` is the first of these, and may
        mean hedges, dollar prices that follow the currency, a move that the market takes to be
        short-lived, or, with the total effect, a market that falls when the currency weakens.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> betas = tm.sensitivity.table(known, makers=["Toyota"], effect="total")
    >>> rows = tm.currency.compare(known, betas)
    >>> rows.at["Toyota", "verdict"] in ("less than disclosed", "in line", "more than disclosed")
    True
    """
    as_of = as_of or facts.as_of
    table = disclosed(facts)
    makers = table.index
    if estimated is None:
        estimated = sensitivity.table(facts, makers=list(makers), effect="total")
    profit = facts.figure("operating_profit").reindex(makers)
    label = facts.fiscal_year("operating_profit").reindex(makers)
    mean = [
        fx_rate(facts, str(unit), periods.parse(str(year)), as_of)
        for unit, year in zip(table["currency"], label, strict=True)
    ]
    dollars = 1e9 * table[list(PER_UNIT)].set_axis(["central", "low", "high"], axis=1)
    # a currency that weakens by 1 (that is, 100%) adds κ dollars a year: a bill with the sign turned
    gains = pd.DataFrame(
        {
            "delta_bill_usd": -dollars["central"],
            "delta_bill_low_usd": -dollars["high"],
            "delta_bill_high_usd": -dollars["low"],
        }
    )
    value = pricing.implied_value(gains, valuation)
    worth = market_value(facts, as_of).reindex(makers)
    cap = worth["market_cap_usd"]
    per_profit = table[list(PER_UNIT)].mul(np.array(mean) / profit.where(profit > 0), axis=0)
    per_value = value[["implied_usd", "implied_low_usd", "implied_high_usd"]].div(cap, axis=0)
    ends = ["", "_low", "_high"]
    frame = pd.concat(
        [
            table[["currency", "basis", *PER_UNIT]],
            pd.DataFrame({"profit_period": label, "operating_profit_bn": profit}),
            per_profit.set_axis([f"profit_elasticity{end}" for end in ends], axis=1),
            pd.DataFrame({"market_cap_usd": cap, "years_of_profit": value["years_of_bill"]}),
            per_value.set_axis([f"value_elasticity{end}" for end in ends], axis=1),
            estimated.reindex(makers)[["beta_fx", "standard_error", "low", "high", "n", "effect"]],
        ],
        axis=1,
    )
    least = frame[["profit_elasticity_low", "value_elasticity_low"]].min(axis=1)
    most = frame[["profit_elasticity_high", "value_elasticity_high"]].max(axis=1)
    less, more = frame["high"] < least, frame["low"] > most
    verdict = np.select([less, more], ["less than disclosed", "more than disclosed"], "in line")
    reason = _reasons(profit, label, worth["reason"])
    return (
        frame.assign(
            verdict=pd.Series(verdict, makers).where(frame["beta_fx"].notna()),
            looks_hedged=less,
            reason=reason,
        )
        .join(table[["as_of", "source_title", "source_url", "known_on", "note"]])
        .rename_axis("maker")
    )


def offset(
    case: Case,
    estimated: pd.DataFrame | None = None,
    valuation: Valuation | None = None,
    *,
    base: str = BASE,
) -> pd.DataFrame:
    """By how much must each maker's home currency weaken to pay what a policy costs?

    A move of profit pays what is *booked*: κ (S − S₀) = B S gives S = κ S₀ / (κ − B). The cost grows in home
    currency as that weakens, so the move is larger than the cost at S₀ over κ, which is beside it. κ is
    taken to be stated before the cost; if a company already counts the duty among its dollars, the smaller
    figure holds.

    Two costs are set against it: that of the period of the case, and that of the twelve months after the day
    of the case, which alone is set beside the exchange rate of that day.

    Parameters
    ----------
    case : Case
        κ is a year's and is scaled to the length of the period.
    estimated : DataFrame, optional
        From `sensitivity.table`. Where no company figure exists, κ is then the one that the share's
        beta implies under the `valuation` (see `compare`), and `basis` says so.
    base : str
        Period whose mean exchange rate is S₀. Default: the year before the tariff.

    Returns
    -------
    DataFrame
        Indexed by maker as `exposure.table`:

        - `currency`, `base_per_usd` (S₀), `per_usd`, the mean of the period, and `today`, of the day;
        - `profit_per_unit_bn` (κ, a year's) with low and high, `basis` ("disclosed", "estimated by an
          analyst" or "estimated from the share"), `as_of` when that was said, and `stale`;
        - of the period: `booked_usd` with low and high as `booked.table` validates them, `move` (home
          currency per USD from S₀, > 0 weaker) with `move_low`, `move_high` from the ranges of cost and κ
          (`uncertainty`; infinite where the cost may exceed the position), `move_share` of S₀,
          `move_at_fixed_bill`, `rate_needed` (S) and `moved_share`, how far the mean of the period is from
          S₀; `stated_bn`, what the company itself put the cost of exactly that period at (home currency, like
          for like), and the `stated_rate_needed` for that;
        - of the twelve months ahead: `ahead_usd` with low and high, `ahead_rate_needed`, its `_low` and
          `_high`, `ahead_share` of S₀, and `today_share`, how far `today` is from S₀;
        - `tariff_rate_per_unit` (the duty rate on the customs value of imported vehicles that one unit of
          currency is worth, fraction: 0.008 is 0.8 points) and `rate_per_percent` (that 1% of S₀ is
          worth); `reason`, why there is no move.

    Raises
    ------
    DataError
        As `disclosed` and `exposure.table`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> rows = tm.currency.offset(tm.case(period="CY2025"))
    >>> rows.at["GM", "reason"]
    'reports in dollars: there is no home currency to weaken'
    """
    facts, years = case.facts, case.period.years
    cost = booked.table(case)
    first = case.as_of + timedelta(days=1)
    ahead = booked.table(case.replace(period=f"{first}..{_year_after(case.as_of)}")).reindex(cost.index)
    frame = position(case, cost, estimated, valuation)
    currency, day = frame["currency"], periods.Period(case.as_of, case.as_of)
    start, today = (
        currency.map({unit: fx_rate(facts, unit, when, case.as_of) for unit in currency.unique()})
        for when in (periods.parse(base), day)
    )
    kappa, s0 = frame[list(PER_UNIT)].to_numpy(dtype=float).T, start.to_numpy()
    spent, coming = (_billions(table) for table in (cost, ahead))
    move, low, high = _range(spent, kappa * years, s0)
    next_move, next_low, next_high = _range(coming, kappa, s0)
    stated = _stated(case).reindex(frame.index)
    own = stated.to_numpy() / cost["per_usd"].to_numpy()
    customs_bn = cost["customs_value_usd"].where(cost["customs_value_usd"] > 0) / 1e9
    long = pd.Series(kappa[0], frame.index).where(kappa[0] > 0)
    worth_of_one = long * years / (start * customs_bn)
    return frame.assign(
        base_per_usd=start,
        per_usd=cost["per_usd"],
        **{name: cost[name] for name in ("booked_usd", "booked_low_usd", "booked_high_usd")},
        move=move,
        move_low=low,
        move_high=high,
        move_share=move / s0,
        move_at_fixed_bill=spent[0] * s0 / (long * years),
        rate_needed=s0 + move,
        moved_share=cost["per_usd"] / start - 1,
        stated_bn=stated,
        stated_rate_needed=np.where(np.isnan(own), np.nan, s0 + _move(own, kappa[0] * years, s0)),
        ahead_usd=ahead["booked_usd"],
        ahead_low_usd=ahead["booked_low_usd"],
        ahead_high_usd=ahead["booked_high_usd"],
        ahead_rate_needed=s0 + next_move,
        ahead_rate_needed_low=s0 + next_low,
        ahead_rate_needed_high=s0 + next_high,
        ahead_share=next_move / s0,
        today=today,
        today_share=today / start - 1,
        tariff_rate_per_unit=worth_of_one,
        rate_per_percent=worth_of_one * start / 100,
        reason=_why_no_move(frame, kappa[0], spent[0] / years),
    )


def position(
    case: Case,
    cost: pd.DataFrame,
    estimated: pd.DataFrame | None = None,
    valuation: Valuation | None = None,
) -> pd.DataFrame:
    """The dollars that each maker's yearly profit is long, as disclosed or as its share implies.

    Parameters
    ----------
    cost : DataFrame
        From `exposure.burden` or `booked.table`, which give the order of makers and their market values.
    estimated, valuation
        As in `offset`.

    Returns
    -------
    DataFrame
        Indexed as `cost`: `currency`, `profit_per_unit_bn` with low and high, `basis`, `as_of`, `stale`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case(period="CY2025")
    >>> float(tm.currency.position(asked, tm.exposure.burden(asked)).at["Toyota", "profit_per_unit_bn"])
    50.0
    """
    makers = cost.index
    said = disclosed(case.facts).reindex(makers)
    frame = said[list(PER_UNIT)].assign(
        basis=said["basis"].fillna(""), as_of=said["as_of"], stale=said["stale"].eq(True)
    )
    if estimated is not None:
        worth = pricing.value_per_dollar(makers, valuation or Valuation())
        betas = estimated.reindex(makers)[["beta_fx", "low", "high"]].set_axis(list(PER_UNIT), axis=1)
        home = estimated["role"].reindex(makers) == "home"
        implied = betas.mul(cost["market_cap_usd"] / worth / 1e9, axis=0).where(home)
        found = (frame["basis"] == "") & implied.notna().all(axis=1)
        frame[list(PER_UNIT)] = frame[list(PER_UNIT)].where(~found, implied)
        frame["basis"] = frame["basis"].mask(found, _FROM_SHARE)
    frame.insert(0, "currency", cost["reporting_currency"])
    return frame


def _year_after(day: date) -> date:
    """Last of the twelve months that begin the day after."""
    end = pd.Timestamp(day) + pd.DateOffset(years=1)
    return end.date()


def _billions(cost: pd.DataFrame) -> np.ndarray:
    return np.asarray(cost[["booked_usd", "booked_low_usd", "booked_high_usd"]].to_numpy().T / 1e9)


def _stated(case: Case) -> pd.Series:
    """What makers themselves put the cost of exactly the period of a case at, home currency, billions."""
    if case.policy.status != "law":
        return pd.Series(dtype=float)
    rows = booked.statements(case)
    spans = rows["period"].map(periods.parse)
    same = spans.map(lambda span: (span.start, span.end) == (case.period.start, case.period.end))
    rows = rows[same.astype(bool) & rows["latest"].astype(bool)]
    return rows.set_index("maker")["disclosed"].astype(float)


def _why_no_move(frame: pd.DataFrame, kappa: np.ndarray, cost_bn: np.ndarray) -> np.ndarray:
    return np.select(
        [
            frame["currency"] == "USD",
            np.isnan(kappa),
            (kappa <= 0) & (frame["basis"] == _FROM_SHARE),
            kappa <= 0,
            kappa <= cost_bn,
        ],
        [
            "reports in dollars: there is no home currency to weaken",
            "no sensitivity of operating profit to the dollar is published",
            "the share falls when the home currency weakens: its beta pays no bill",
            "profit falls when the home currency weakens: no weakening pays the bill",
            "the bill is larger than the dollars that profit is long: no weakening pays it",
        ],
        "",
    )


def _reasons(profit: pd.Series, label: pd.Series, no_value: pd.Series) -> pd.Series:
    """Which elasticities are empty, and why."""
    said = {
        maker: [
            *([] if profit[maker] > 0 else [f"no profit elasticity: no profit in {label[maker]}"]),
            *([f"no value elasticity: {no_value[maker]}"] if no_value[maker] else []),
        ]
        for maker in profit.index
    }
    return pd.Series({maker: "; ".join(parts) for maker, parts in said.items()}, dtype=str)


def _range(bill_bn: np.ndarray, kappa: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, ...]:
    """The move with its low and high, from central, low and high of cost and position (3, makers)."""
    ends = [(0, 0), (1, 0), (2, 0), (0, 1), (0, 2)]
    runs = np.stack([_move(bill_bn[cost], kappa[held], start) for cost, held in ends])
    solved = np.isfinite(runs[0])
    low, high = uncertainty.interval(np.where(solved, runs, 0.0))
    return tuple(np.where(solved, found, np.nan) for found in (runs[0], low, high))


def _move(bill_bn: np.ndarray, kappa: np.ndarray, start: np.ndarray) -> np.ndarray:
    """S − S₀ that solves κ (S − S₀) = B S; infinite where the bill takes the whole position."""
    left = kappa - bill_bn
    usable = (kappa > 0) & (left > 0)
    return np.asarray(np.divide(bill_bn * start, left, out=np.full(len(start), np.inf), where=usable))
