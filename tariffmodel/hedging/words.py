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
from tariffmodel.hedging import threat
from tariffmodel.hedging.instruments import candidates, pnl
from tariffmodel.hedging.out_of_sample import Effectiveness
from tariffmodel.hedging.ratios import on_events
from tariffmodel.markets import market
from tariffmodel.markets.market import Horizon
from tariffmodel.stats import regression

__all__ = ["Ticket"]

_STALE = 8  # old prices that are named one by one, the positions first


@dataclass(frozen=True, eq=False)
class Ticket:
    """A sized hedge. Money is in the investor's `currency`; shares and rates are fractions.

    Attributes
    ----------
    title : str
    currency : str
    positions : DataFrame
        What is held, by ticker: `side`, `shares`, `lot`, `price`, `price_date`, `notional` …; short below 0.
    exposures : DataFrame
        What the policy does to each, see `threat.exposures`.
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
    left_out : tuple of str
        Which instruments were not taken and why; empty where they were named.
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
    >>> sized.position["name"], sized.threat, sized.headline == f"This hedge {sized.verdict}"
    ('Toyota Motor', 'costs', True)
    >>> sized.record()[["called", "n"]].tolist() == ["TOPIX", len(sized.effectiveness.returns)]
    True
    >>> [line for line in sized.to_markdown().splitlines() if line.startswith("## ")][:3]
    ['## Position', '## Trades', '## Risk out of sample']
    """

    title: str
    currency: str
    positions: pd.DataFrame
    exposures: pd.DataFrame
    instruments: pd.DataFrame
    risk: pd.DataFrame
    protection: pd.Series
    leaves: tuple[str, ...]
    left_out: tuple[str, ...]
    effectiveness: Effectiveness
    choices: dict[str, object]

    @property
    def position(self) -> pd.Series:
        """The one position; of a book its gross value as `notional`, `net`, and what is long and short."""
        if len(self.positions) == 1:
            return self.positions.reset_index().iloc[0]
        each = self.positions["notional"]
        return pd.Series(
            {
                "name": f"book of {len(each)}", "positions": len(each), "notional": each.abs().sum(),
                "net_money": each.sum(), "long_money": each.clip(lower=0).sum(),
                "short_money": -each.clip(upper=0).sum(),
            }
        )  # fmt: skip

    @property
    def verdict(self) -> str:
        """Whether the hedge helps against ordinary moves, by how much and how surely."""
        return self.effectiveness.verdict

    @property
    def threat(self) -> str:
        """Whether the policy ``"costs"`` the book, ``"helps"``, does ``"nothing"``, or is ``"unknown"``."""
        return threat.stands(self.protection)

    @property
    def headline(self) -> str:
        """What stands first: the verdict, behind what there is to be protected from if that is nothing."""
        book = "the position" if len(self.positions) == 1 else "the book"
        first = {
            threat.NOTHING: f"This threat changes nothing that is booked of {book}: no hedge of it is needed",
            threat.HELPS: f"This threat is a gain to {book}: there is nothing in it to protect from",
            threat.UNKNOWN: f"What this threat does to {book} is not computed",
        }.get(self.threat)
        if first is None:
            return f"This hedge {self.verdict}"
        return f"{first}. Against ordinary moves alone, the hedge {self.verdict}"

    def record(self) -> pd.Series:
        """What the hedge did out of sample, a row of `hedge.record`; of a choice, that of choosing so."""
        return pd.Series({"called": " + ".join(self.instruments["label"]), **self.effectiveness.figures()})

    def table(self) -> pd.DataFrame:
        """Every figure in long form: `section`, `item`, `value`, `unit`."""
        parts = {
            "position": self.position,
            **{f"position {name}": row for name, row in self._lines().iterrows()},
            **{f"hedge {name}": row for name, row in self.instruments.iterrows()},
            **{f"risk {name}": row for name, row in self.risk.iterrows()},
            "protects": self.protection.drop("lacks", errors="ignore"),
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

    def _lines(self) -> pd.DataFrame:
        """Positions of a book with what the policy does to each; none for a single one."""
        if len(self.positions) == 1:
            return self.positions.iloc[:0]
        return self.positions.join(self.exposures.drop(columns="maker"))

    def to_markdown(self) -> str:
        """The ticket in words, as Markdown."""
        parts = [f"# {markdown(self.title)}", f"**{markdown(self.headline)}.**"]
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
    tickers: Sequence[str],
    day: date,
) -> tuple[str, ...]:
    """What the hedge leaves: stale prices, basis, currency, event risk, the policy itself, rounding.

    `frame` has the returns of the book and of its instruments, `days` are those of the events.

    >>> from tariffmodel import case, ticket
    >>> sized = ticket.ticket(case("flat-25", against="current-law", period="CY2027"), "7203.T", draws=199)
    >>> sized.leaves[-1]  # `leaves` has the last word
    'Carry, margin and the dividends of price indices are in no figure here.'
    """
    book, names = str(frame.columns[0]), list(trades.index)
    hedged, share = tested.risk.T["hedged"], tested.reduction["variance"]["hedged"]
    late = market.status(facts, day)
    late = late.loc[[n for n in (*tickers, *names) if n in late.index and late.at[n, "stale"]]]
    stale = [
        f"of {name} is of {row['last']:%Y-%m-%d}, {row['sessions_behind']} sessions before {day}"
        for name, row in late.iterrows()
    ]
    if len(stale) > _STALE:
        stale = [*stale[:_STALE], f"of {len(stale) - _STALE} more lines is old as well"]
    lines = [f"Stale: the last price {', that '.join(stale)}; resize on today's."] if stale else []
    lines.append(
        f"Basis: {1 - share:.0%} of the variance out of sample; a volatility of {hedged['volatility']:.1%} a "
        f"year, and in the worst {tested.choices['tail']:.0%} of {tested.unit} a mean loss of "
        f"{hedged['expected_shortfall']:.1%}."
    )
    homes = {
        str(one[0]): ticker
        for ticker in tickers
        for one in candidates(facts, ticker)
        if len(one) == 1 and one[0] not in facts.prices
    }
    said = []
    for money, ticker in homes.items():
        moves = pnl(facts, ticker, [money], currency=currency, horizon=horizon)[[money]]
        slope = regression.fit(tested.returns["hedged"], moves).table().loc[money]
        said.append(
            f"{slope['value']:+.2f}% ({slope['low']:+.2f} to {slope['high']:+.2f}) per 1% that "
            f"{money} weakened"
        )
    if said:
        whole = "position" if len(tickers) == 1 else "book"
        lines.append(
            f"Currency: out of sample the hedged {whole} moved {', '.join(said)} against the dollar."
        )
    try:
        there = on_events(frame[book], frame[names], days)
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
    lines.append(_rounding(trades, currency))
    lines.append("Carry, margin and the dividends of price indices are in no figure here.")
    return tuple(lines)


def _rounding(trades: pd.DataFrame, cash: str) -> str:
    """What whole contracts leave of the hedge, and of which instruments nobody can say it."""
    unknown = trades.loc[trades["left"].isna(), "label"].to_list()
    if len(unknown) == len(trades):
        return f"Rounding to whole contracts: not known for {listed(unknown)}."
    without = f", without {listed(unknown)}, not known" if unknown else ""
    return f"Rounding to whole contracts: {cash} {trades['left'].abs().sum():,.0f} of hedge{without}."


def _rest(left: float, cash: str) -> str:
    return f"rounding leaves {cash} {left:,.0f}" if np.isfinite(left) else "contracts are still to be counted"


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


def held(one: Ticket) -> list[str]:
    """What is held, at which price and exchange rate, a line each.

    >>> from types import SimpleNamespace
    >>> position = {"shares": 596100, "name": "Toyota", "listing_currency": "USD", "side": "long"}
    >>> position |= {"price": 16.5, "price_date": "2026-06-30", "notional": 9.84e6}
    >>> held(SimpleNamespace(positions=pd.DataFrame([position], ["7203.T"]), currency="USD"))
    ['Long 596,100 Toyota (7203.T) at USD 16.50 of 2026-06-30: USD 9,840,000.']
    """
    cash, lines = one.currency, []
    for ticker, row in one.positions.iterrows():
        text = (
            f"{row['side'].title()} {abs(row['shares']):,} {row['name']} ({ticker}) at "
            f"{row['listing_currency']} {row['price']:,.2f} of {row['price_date']}: {cash} "
            f"{abs(row['notional']):,.0f}"
        )
        if row["listing_currency"] != cash:
            fixed = one.choices["exchange_rates_of"]
            text += f" at {row['listing_currency']} {row['exchange_rate']:,.5g} per {cash} of {fixed}"
        lines.append(text + ".")
    return lines


def effect(one: Ticket) -> list[str]:
    """What the policy does to the book, and what the hedge paid back on past events.

    >>> from types import SimpleNamespace
    >>> safe = {"effect": "Flat 25% instead of the law", "booked_money": 0.0, "gross_money": 1e7}
    >>> safe = pd.Series({**safe, "lacks": "", "paid_back_share": np.nan})
    >>> tested, table = SimpleNamespace(unit="weeks"), pd.DataFrame(index=["GM"])
    >>> said = effect(SimpleNamespace(protection=safe, currency="USD", effectiveness=tested, positions=table))
    >>> said[0].split(": ")
    ['Flat 25% instead of the law', 'no change. What it does to rivals and the market is not computed.']
    """
    safe, cash, unit = one.protection, one.currency, one.effectiveness.unit
    stands = threat.stands(safe)
    told = [str(safe["effect"]) + "."]
    if stands == threat.NOTHING:
        told = [f"{safe['effect']}: no change. What it does to rivals and the market is not computed."]
    elif stands != threat.UNKNOWN:
        told = _of_the_maker(safe, cash) if len(one.positions) == 1 else _of_the_book(one)
    if safe.get("lacks") and stands != threat.UNKNOWN:
        told.append(f"Not in it: {safe['lacks']}.")
    if np.isfinite(safe["paid_back_share"]):
        told.append(
            f"In {safe['event_rows']:.0f} past {unit} with a tariff event these ratios paid back "
            f"{safe['paid_back_share']:.0%} of the {'share' if len(one.positions) == 1 else 'book'}'s move "
            f"({safe['paid_back_low']:.0%} to {safe['paid_back_high']:.0%})"
            + (f": {cash} {safe['hedge_money']:+,.0f}." if abs(safe.get("hedge_money", 0)) > 0 else ".")
        )
    return [*told, by_threat(safe, cash)]


def _of_the_maker(safe: pd.Series, cash: str) -> list[str]:
    low, mid, high = (safe[f"delta_booked{end}_usd"] / 1e6 for end in ("_low", "", "_high"))
    per_share = [safe[f"eps_change{end}"] for end in ("", "_low", "_high")]
    eps, least, most = (f"{x:+,.0f}" if abs(x) >= 100 else f"{x:+.3g}" for x in per_share)
    return [
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


def _of_the_book(one: Ticket) -> list[str]:
    safe, cash = one.protection, one.currency
    own = one.exposures
    year = (
        f"{safe['effect']}, each by the part of the maker held: {cash} {safe['booked_money']:+,.0f} a year "
        f"on the book ({safe['booked_low_money']:+,.0f} to {safe['booked_high_money']:+,.0f}, validated; "
        f"below zero it costs). Most of it: {_most(own['booked_money'].dropna(), cash)}."
    )
    if np.isfinite(safe["value_money"]):
        worth = (
            f"Value after tax and pass-through, over the life of the policy: {cash} "
            f"{safe['value_money']:+,.0f} ({safe['value_low_money']:+,.0f} to "
            f"{safe['value_high_money']:+,.0f})."
        )
    else:
        wrong = own.loc[own["reading"].fillna("") != "", "reading"]
        worth = (
            "Value of the book is not summed: " + "; ".join(f"{n}: {why}" for n, why in wrong.items()) + "."
        )
    return [year, worth]


def _most(money: pd.Series, cash: str) -> str:
    first = money.reindex(money.abs().sort_values(ascending=False).index).iloc[:3]
    return ", ".join(f"{name} {cash} {value:+,.0f}" for name, value in first.items())


def by_threat(safe: pd.Series, cash: str) -> str:
    """That the variance sizes the trades and not the policy, and what they would be if the policy did.

    >>> paid = {"paid_back_share": 0.5, "paid_back_low": 0.25, "paid_back_high": 1.0}
    >>> safe = pd.Series({"booked_money": -5e4, "gross_money": 1e7, "value_money": -1e5, **paid})
    >>> by_threat(safe, "USD").split(": ")[1]
    'to pay back all of USD 100,000 they would be 2.0 times as large (1.0 to 4.0).'
    """
    begin = "The threat does not size these trades, the variance does"
    stands = threat.stands(safe)
    if stands in (threat.NOTHING, threat.HELPS):
        return f"{begin}: by the threat there would be none."
    if stands == threat.UNKNOWN or not np.isfinite(safe["value_money"]):
        return f"{begin}: what the threat is worth is not known, so it cannot."
    if not safe["paid_back_low"] > 0:
        return f"{begin}: by past events no size of them surely pays the threat back."
    share, low, high = (safe[f"paid_back_{end}"] for end in ("share", "low", "high"))
    return (
        f"{begin}: to pay back all of {cash} {-safe['value_money']:,.0f} they would be {1 / share:.1f} times "
        f"as large ({1 / high:.1f} to {1 / low:.1f})."
    )


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
    tried = tested.choices.get("tried")
    trades = [
        f"{row['order'][0].upper()}{row['order'][1:]}. Ratio {row['ratio']:+.2f} ({row['low']:+.2f} to "
        f"{row['high']:+.2f}); {_rest(row['left'], cash)}."
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
            f"one for one {removed['one_to_one']:z.0%}, of which the estimated ratios change "
            f"{-over['variance']:+z.0%} ({-over['variance_high']:+z.0%} to {-over['variance_low']:+z.0%})."
            + (f" Chosen among {tried} hedges, on what was known then, at every renewal." if tried else "")
        ),
        f"Turnover {against['turnover']:.1f} times the position a year, {against['cost_bp']:.0f} bp.",
    ]
    return [
        ("Position" if len(one.positions) == 1 else "Positions", held(one)),
        ("Trades", trades),
        ("Risk out of sample", risk),
        ("What it protects from", effect(one)),
        ("What it leaves", list(one.leaves)),
        *([("What was left out", list(one.left_out))] if one.left_out else []),
        ("Stated", [stated(one)]),
    ]
