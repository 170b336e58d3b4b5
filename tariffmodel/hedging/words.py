"""What does a ticket say, in figures and in sentences?

Every number is worked out elsewhere; what it leaves unhedged is told here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.escapes import markdown, markdown_said
from tariffmodel.facts import Facts
from tariffmodel.hedging.instruments import candidates, pnl
from tariffmodel.hedging.out_of_sample import Effectiveness
from tariffmodel.hedging.ratios import on_events
from tariffmodel.markets import market
from tariffmodel.markets.market import Horizon
from tariffmodel.stats import regression

__all__ = ["Ticket"]


@dataclass(frozen=True, eq=False)
class Ticket:
    """A sized hedge. Money is in the investor's `currency`; shares and rates are fractions.

    Attributes
    ----------
    title : str
    currency : str
    position : Series
        What is held: `shares`, `lot`, `price`, `price_date`, `notional` …
    instruments : DataFrame
        One row per instrument: `ratio` with `low` and `high`, `order` in words, `notional` sold
        (negative: bought), `contracts` (positive: buy), `left` unhedged by rounding …
    risk : DataFrame
        Out of sample, before and after: `volatility` per year and `expected_shortfall` per row, as
        fractions and in money.
    protection : Series
        What the policy would do to the position, and the part of it that the hedge pays back.
    leaves : tuple of str
        What remains.
    effectiveness : Effectiveness
        The out-of-sample record.
    choices : dict
        Every assumption.

    Examples
    --------
    >>> from tariffmodel import case, ticket
    >>> sized = ticket.ticket(case("flat-25", against="current-law", period="CY2027"), "7203.T", draws=199)
    >>> sized.verdict == sized.effectiveness.verdict, list(sized.table())
    (True, ['section', 'item', 'value', 'unit'])
    >>> [line for line in sized.to_markdown().splitlines() if line.startswith("## ")][:3]
    ['## Position', '## Trades', '## Risk out of sample']
    """

    title: str
    currency: str
    position: pd.Series
    instruments: pd.DataFrame
    risk: pd.DataFrame
    protection: pd.Series
    leaves: tuple[str, ...]
    effectiveness: Effectiveness
    choices: dict[str, object]

    @property
    def verdict(self) -> str:
        """Whether the hedge helps, by how much and how surely."""
        return self.effectiveness.verdict

    def table(self) -> pd.DataFrame:
        """Every figure in long form: `section`, `item`, `value`, `unit`."""
        parts = {
            "position": self.position,
            **{f"hedge {name}": row for name, row in self.instruments.iterrows()},
            **{f"risk {name}": row for name, row in self.risk.iterrows()},
            "protects": self.protection,
            "record": pd.Series({"helps": self.effectiveness.helps, "verdict": self.verdict}),
            **{f"record {name}": row for name, row in self.effectiveness.reduction.iterrows()},
            "assumes": pd.Series(self.choices, dtype=object),
        }
        rows = [
            (section, item, value, _unit(str(item), value, self.currency))
            for section, values in parts.items()
            for item, value in values.items()
        ]
        return pd.DataFrame(rows, columns=["section", "item", "value", "unit"])

    def to_markdown(self) -> str:
        """The ticket in words, as Markdown."""
        parts = [f"# {markdown(self.title)}", f"**This hedge {self.verdict}.**"]
        parts += [
            f"## {head}\n\n" + "\n".join(f"- {markdown_said(line)}" for line in lines)
            for head, lines in _told(self)
        ]
        return "\n\n".join(parts) + "\n"


def leaves(
    facts: Facts,
    tested: Effectiveness,
    frame: pd.DataFrame,
    days: Sequence[date | str],
    trades: pd.DataFrame,
    protection: pd.Series,
    currency: str,
    horizon: Horizon,
    day: date,
) -> tuple[str, ...]:
    """What the hedge leaves: stale prices, basis, currency, event risk, the policy itself, rounding.

    `frame` has the returns of the position and of its instruments, `days` are those of the events.

    >>> from tariffmodel import case, ticket
    >>> sized = ticket.ticket(case("flat-25", against="current-law", period="CY2027"), "7203.T", draws=199)
    >>> sized.leaves[-1]  # `leaves` has the last word
    'Carry, margin and the dividends of price indices are in no figure here.'
    """
    ticker, names = str(frame.columns[0]), list(trades.index)
    hedged, share = tested.risk.T["hedged"], tested.reduction["variance"]["hedged"]
    late = market.status(facts, day)
    late = late.loc[[n for n in (ticker, *names) if n in late.index and late.at[n, "stale"]]]
    lines = [
        f"Stale: the last price of {name} is of {row['last']:%Y-%m-%d}, {row['sessions_behind']} sessions "
        f"before {day}; resize on today's."
        for name, row in late.iterrows()
    ]
    lines.append(
        f"Basis: {1 - share:.0%} of the variance out of sample; a volatility of {hedged['volatility']:.1%} a "
        f"year, and in the worst {tested.choices['tail']:.0%} of {tested.unit} a mean loss of "
        f"{hedged['expected_shortfall']:.1%}."
    )
    money = next((n[0] for n in candidates(facts, ticker) if n[0] not in facts.prices), None)
    if money is not None:
        moves = pnl(facts, ticker, [money], currency=currency, horizon=horizon)[[money]]
        slope = regression.fit(tested.returns["hedged"], moves).table().loc[money]
        lines.append(
            f"Currency: out of sample the hedged position moved {slope['value']:+.2f}% "
            f"({slope['low']:+.2f} to {slope['high']:+.2f}) per 1% that {money} weakened against the dollar."
        )
    try:
        there = on_events(frame[ticker], frame[names], days)
    except DataError as error:
        lines.append(f"Event risk: ratios of tariff events are not known ({error}).")
    else:
        called = trades["label"].to_dict()
        lines += [
            f"Event risk: in {row['n_event']:.0f} {tested.unit} with a tariff event the ratio on "
            f"{called[name]} is {row['ratio_event']:+.2f} ({row['event_low']:+.2f} to "
            f"{row['event_high']:+.2f}), in others {row['ratio_other']:+.2f}; "
            f"p of the difference {'below 0.01' if row['p'] < 0.01 else format(row['p'], '.2f')}."
            for name, row in there.iterrows()
        ]
    if np.isfinite(protection.get("left_money", np.nan)) and protection["left_money"]:
        lines.append(
            f"Policy: {currency} {protection['left_money']:+,.0f} of {protection['position_money']:+,.0f} if "
            "the hedge pays back as in past events: it is not a hedge of the policy itself."
        )
    lines.append(f"Rounding to whole contracts: {currency} {trades['left'].abs().sum():,.0f} of hedge.")
    lines.append("Carry, margin and the dividends of price indices are in no figure here.")
    return tuple(lines)


def listed(names: Sequence[str]) -> str:
    """Names as a sentence has them.

    >>> listed(["USD/JPY", "TOPIX", "DAX"])
    'USD/JPY, TOPIX and DAX'
    """
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def _unit(item: str, value: object, currency: str) -> str:
    if not isinstance(value, (int, float, np.number)) or isinstance(value, (bool, np.bool_)):
        return ""
    units = {
        "shares": "shares", "lot": "shares", "contracts": "contracts, positive to buy", "event_rows": "rows",
        "ratio": "sold per unit of position", "low": "sold per unit of position",
        "high": "sold per unit of position", "price": "quoted", "notional_local": "listing currency",
        "notional_own": "own currency", "contract_value": currency, "notional": currency, "left": currency,
        "left_by_rounding": currency, "exchange_rate": f"listing currency per {currency}",
        "cost_bp": "bp of notional traded", "eps_change": "reporting currency per share",
        "eps_change_low": "reporting currency per share", "eps_change_high": "reporting currency per share",
    }  # fmt: skip
    if item.endswith("_usd"):
        return "USD"
    return units.get(item, currency if item.endswith("_money") else "fraction")


def held(one: Ticket) -> str:
    """What is held, at which price and exchange rate.

    >>> from types import SimpleNamespace
    >>> position = {"shares": 596100, "name": "Toyota", "ticker": "7203.T", "listing_currency": "USD"}
    >>> position |= {"price": 16.5, "price_date": "2026-06-30", "notional": 9.84e6}
    >>> held(SimpleNamespace(position=position, currency="USD"))
    'Long 596,100 Toyota (7203.T) at USD 16.50 of 2026-06-30: USD 9,840,000.'
    """
    held, cash = one.position, one.currency
    text = (
        f"Long {held['shares']:,} {held['name']} ({held['ticker']}) at {held['listing_currency']} "
        f"{held['price']:,.2f} of {held['price_date']}: {cash} {held['notional']:,.0f}"
    )
    if held["listing_currency"] == cash:
        return text + "."
    fixed = one.choices["exchange_rates_of"]
    return f"{text} at {held['listing_currency']} {held['exchange_rate']:,.5g} per {cash} of {fixed}."


def effect(one: Ticket) -> list[str]:
    """What the policy does to the position, and what the hedge paid back on past events.

    >>> from types import SimpleNamespace
    >>> safe = {"effect": "Flat 25% instead of the law", "delta_booked_usd": 0.0, "paid_back_share": np.nan}
    >>> tested = SimpleNamespace(unit="weeks")
    >>> effect(SimpleNamespace(protection=safe, currency="USD", effectiveness=tested))[0].split(": ")
    ['Flat 25% instead of the law', 'no change. What it does to rivals and the market is not computed.']
    """
    safe, cash, unit = one.protection, one.currency, one.effectiveness.unit
    effect = [str(safe["effect"]) + "."]
    if safe.get("delta_booked_usd") == 0:
        effect = [f"{safe['effect']}: no change. What it does to rivals and the market is not computed."]
    elif "delta_booked_usd" in safe:
        low, mid, high = (safe[f"delta_booked{end}_usd"] / 1e6 for end in ("_low", "", "_high"))
        per_share = [safe[f"eps_change{end}"] for end in ("", "_low", "_high")]
        eps, least, most = (f"{x:+,.0f}" if abs(x) >= 100 else f"{x:+.3g}" for x in per_share)
        effect = [
            (
                f"{safe['effect']}: USD {mid:+,.0f}m a year ({low:+,.0f} to {high:+,.0f}, validated; "
                f"{safe['bill_quality']}), {safe['delta_share_of_market_cap']:+.2%} of market value; duty "
                f"owed {safe['delta_owed_usd'] / 1e6:+,.0f}m. Earnings a share after tax, nothing passed on: "
                f"{safe['eps_currency']} {eps} ({least} to {most})."
            ),
            f"Value: {safe['reading']}."
            if safe["reading"]
            else (
                "Value after tax and pass-through, over the life of the policy: "
                f"{safe['value_change_share']:+.1%} of the share ({safe['value_low_share']:+.1%} to "
                f"{safe['value_high_share']:+.1%}), {cash} {safe['position_money']:+,.0f} on the position."
            ),
        ]
    if np.isfinite(safe["paid_back_share"]):
        effect.append(
            f"In {safe['event_rows']:.0f} past {unit} with a tariff event these ratios paid back "
            f"{safe['paid_back_share']:.0%} of the share's move ({safe['paid_back_low']:.0%} to "
            f"{safe['paid_back_high']:.0%})"
            + (f": {cash} {safe['hedge_money']:+,.0f}." if abs(safe.get("hedge_money", 0)) > 0 else ".")
        )
    return effect


def stated(one: Ticket) -> str:
    """Every assumption.

    >>> from types import SimpleNamespace
    >>> stated(SimpleNamespace(choices={"life_years": 5, "horizon": "weekly"}))
    'life years 5; horizon weekly.'
    """
    return "; ".join(f"{key.replace('_', ' ')} {value}" for key, value in one.choices.items()) + "."


def _told(one: Ticket) -> list[tuple[str, list[str]]]:
    """The ticket as headings and sentences."""
    cash, record, tested = one.currency, one.effectiveness.reduction, one.effectiveness
    before, after, against = one.risk.T["unhedged"], one.risk.T["hedged"], tested.risk.T["hedged"]
    removed, over = record["variance"], record.T["hedged, against one_to_one"]
    trades = [
        f"{row['order'][0].upper()}{row['order'][1:]}. Ratio {row['ratio']:+.2f} ({row['low']:+.2f} to "
        f"{row['high']:+.2f}); rounding leaves {cash} {row['left']:,.0f}."
        for _, row in one.instruments.iterrows()
    ]
    risk = [
        (
            f"Volatility {before['volatility']:.1%} a year unhedged, {after['volatility']:.1%} hedged: "
            f"{cash} {before['volatility_money']:,.0f} and {after['volatility_money']:,.0f}."
        ),
        (
            f"Mean loss in the worst {tested.choices['tail']:.0%} of {tested.unit} "
            f"{before['expected_shortfall']:.1%} and {after['expected_shortfall']:.1%}: "
            f"{cash} {before['expected_shortfall_money']:,.0f} and {after['expected_shortfall_money']:,.0f}."
        ),
        (
            f"Variance reduction {removed['hedged']:.0%}; in sample {tested.in_sample:.0%}; "
            f"one for one {removed['one_to_one']:.0%}, of which the estimated ratios change "
            f"{-over['variance']:+.0%} ({-over['variance_high']:+.0%} to {-over['variance_low']:+.0%})."
        ),
        f"Turnover {against['turnover']:.1f} times the position a year, {against['cost_bp']:.0f} bp.",
    ]
    return [
        ("Position", [held(one)]),
        ("Trades", trades),
        ("Risk out of sample", risk),
        ("What it protects from", effect(one)),
        ("What it leaves", list(one.leaves)),
        ("Stated", [stated(one)]),
    ]
