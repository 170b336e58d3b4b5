"""Which trades, in which size, hedge a share against a policy, how sure is that, and what remains?

A ticket is for a long position. Signs: a ratio is notional sold per unit of position; selling the
currency instrument ``JPY`` is selling dollars against yen, so it *buys* yen futures.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import SequenceMatcher
from textwrap import wrap

import numpy as np
import pandas as pd
from matplotlib import style
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.layout_engine import PlaceHolderLayoutEngine

from tariffmodel.facts import periods
from tariffmodel.hedging import hedge
from tariffmodel.markets import event_calendar, market, pricing, sensitivity
from tariffmodel.tariff import exposure, policy
from tariffmodel.errors import DataError, PolicyError
from tariffmodel.facts import Facts
from tariffmodel.hedging.hedge import Effectiveness
from tariffmodel.markets.market import Horizon
from tariffmodel.tariff.policy import Policy

ROUNDING = 0.05  # of an instrument's notional that rounding to a contract may leave
_ALIKE, _CLEAR = 0.7, 0.1  # how near a policy's title must be, and how much nearer than the next
_A4 = (8.27, 11.69)  # inches
_LEFT, _WIDTH, _LINE, _CHARACTERS = 0.07, 0.86, 0.0125, 142  # shares of the page; in a line
_SOURCE = (
    "Source: tariffmodel; closing prices, European Central Bank reference rates, contract sizes of the exchanges. "
    "Not advice to trade."
)
_RED, _GREEN, _INK, _SOFT = "#B2182B", "#009E73", "#222222", "#666666"


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
        parts = [f"# {self.title}", f"**This hedge {self.verdict}.**"]
        parts += [f"## {head}\n\n" + "\n".join(f"- {line}" for line in lines) for head, lines in _told(self)]
        return "\n\n".join(parts) + "\n"

    def figure(self) -> Figure:
        """The ticket on one A4 page, to save as PDF or PNG; the banner is red if the hedge does not help."""
        with style.context("tariffmodel.house", after_reset=True):
            return _page(self)


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
    chosen = hedge.candidates(facts, long)[0] if instruments is None else instruments
    frame = hedge.pnl(facts, long, chosen, currency=currency, horizon=horizon).loc[: pd.Timestamp(day)]
    if frame[long].isna().all():
        raise DataError(f"{long} has no returns up to {day}; choose a later as_of")
    names = list(chosen)
    year = hedge.periods_per_year(horizon)
    tested = hedge.effectiveness(
        frame[long], frame[names], naive=hedge.one_for_one(facts, long, names, currency),
        window=window, every=every, cost_bp=cost_bp,
        level=level, draws=draws, periods_per_year=year, seed=seed,
    )  # fmt: skip
    rows = frame.dropna()
    recent = rows.iloc[-window:]
    ratios = hedge.static(recent[long], recent[names], level=level)

    prices = market.prices(facts, [long, *(n for n in names if n in facts.prices)]).loc[: pd.Timestamp(day)]
    fixings = market.exchange_rates(facts).loc[: pd.Timestamp(day)].ffill().iloc[-1]
    spot = fixings.dropna().to_dict() | {"USD": 1.0}
    book = hedge.contracts(facts)
    position = _position(facts, book, long, notional, currency, prices[long].dropna(), spot)
    orders = {
        name: _trade(facts, book, str(name), row, position["notional"], currency, prices, spot)
        for name, row in ratios.table.iterrows()
    }
    trades = pd.DataFrame.from_dict(orders, orient="index").rename_axis("instrument")
    risk = tested.risk.loc[["unhedged", "hedged"], ["volatility", "expected_shortfall"]]
    risk = risk.assign(**{f"{column}_money": risk[column] * position["notional"] for column in risk})

    days = _event_days(facts, long) if events is None else list(events)
    held = (rows[names] * ratios.table["ratio"]).sum(axis=1)
    paid = _paid_back(rows[long], held, hedge.event_rows(rows.index, days), level)
    value = {"tax_rate": tax_rate, "discount_rate": discount_rate, "life_years": life_years}
    protection = _protection(facts, long, shock, base, period, day, position["notional"], value, paid)
    leaves = _leaves(facts, tested, rows, days, trades, protection, currency, horizon, day)
    fixed = market.exchange_rates(facts).loc[: pd.Timestamp(day)].index[-1].date()
    return Ticket(
        title=f"Long {position['name']}, hedged with {_listed(trades['label'])}, against: {shock.title}",
        currency=currency,
        position=position,
        instruments=trades,
        risk=risk,
        protection=protection,
        leaves=leaves,
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


# Sizing ----------------------------------------------------------------------------------------------


def _position(
    facts: Facts,
    book: pd.DataFrame,
    ticker: str,
    notional: float,
    currency: str,
    closes: pd.Series,
    spot: dict[str, float],
) -> pd.Series:
    line = facts.instruments.loc[ticker]
    rate = _rate(currency, spot) / _rate(line["currency"], spot)  # investor's currency per listing currency
    lots = book.loc[book["underlying"] == line["exchange_calendar"], "size"]
    lot = int(lots.iloc[0]) if len(lots) else 1
    price, dated = closes.iloc[-1], closes.index[-1].date()
    count = lot * round(notional / rate / price / lot)
    if (book.loc[book["underlying"] == ticker, "kind"] == "index_future").any():
        raise DataError(f"{ticker} is an index and cannot be held; name a share or a fund")
    if count == 0:
        raise DataError(
            f"notional of {currency} {notional:,.0f} is less than half a lot of {lot} {ticker} "
            f"({currency} {lot * price * rate:,.0f}); raise it"
        )
    worth = count * price * rate
    return pd.Series(
        {
            "ticker": ticker, "name": line["name"], "maker": line["company"], "side": "long",
            "shares": count, "lot": lot, "listing_currency": line["currency"], "price": price,
            "price_date": dated, "notional_local": count * price, "exchange_rate": 1 / rate, "notional": worth,
            "left_by_rounding": notional - worth,
        }
    )  # fmt: skip


def _trade(
    facts: Facts,
    book: pd.DataFrame,
    name: str,
    ratio: pd.Series,
    notional: float,
    currency: str,
    prices: pd.DataFrame,
    spot: dict[str, float],
) -> dict[str, object]:
    """One instrument: how much of it to sell, in money and in the contract that fits.

    The largest contract that leaves at most `ROUNDING` unhedged, else the smallest.
    """
    is_money = name not in facts.prices
    own = name if is_money else facts.instruments.at[name, "currency"]
    rate = _rate(currency, spot) / _rate(own, spot)
    sold = ratio["ratio"] * notional
    closes = prices[name].dropna() if not is_money else pd.Series(dtype=float)
    offers = book[book["underlying"] == name]
    label = hedge.label(facts, name)
    order = f"{'sell' if sold > 0 else 'buy'} {label} for {currency} {abs(sold):,.0f}"
    if own != currency:
        order += f" ({own} {abs(sold / rate):,.0f})"
    row = {
        "label": label, "order": order, "action": order,
        "ratio": ratio["ratio"], "low": ratio["low"], "high": ratio["high"],
        "notional": sold, "currency": own, "notional_own": sold / rate,
        "contract": "", "contracts": np.nan, "contract_value": np.nan, "left": 0.0,
        "price": spot[name] if is_money else closes.iloc[-1],
        "price_date": None if is_money else closes.index[-1].date(),
    }  # fmt: skip
    if offers.empty:
        return row | {"order": order + "; no contract in data/market/contracts.csv"}
    row["contract"] = offers["contract"].iloc[0]
    if offers["size"].isna().any():  # traded in any amount, or counted on a level that is not in the data
        action = f"{'sell' if sold > 0 else 'buy'} {row['contract']} ({offers['name'].iloc[0]})"
        return row | {"order": f"{order}: {action}", "action": action}
    size = offers["size"].to_numpy() * (1.0 if is_money else closes.iloc[-1]) * rate
    whole = np.rint(abs(sold) / size)
    left = np.abs(abs(sold) - whole * size)
    fits = left <= ROUNDING * abs(sold)
    pick = int(np.argmax(size * fits)) if fits.any() else int(np.argmin(size))
    offer = offers.iloc[pick]
    # a currency future is on the currency, the instrument on the dollar: sell one, buy the other
    count = int(whole[pick] * np.sign(sold)) * (1 if is_money else -1)
    unit = f", {offer['size']:,.0f} {offer['size_unit']} each" if offer["kind"] != "fund" else ""
    action = f"{'buy' if count > 0 else 'sell'} {abs(count):,} {offer['contract']} ({offer['name']}{unit})"
    if count == 0:
        action = f"nothing, it is less than half of one {offer['contract']}"
    return row | {
        "order": f"{order}: {action}", "action": action, "contract": offer["contract"], "contracts": count,
        "contract_value": size[pick], "left": sold - abs(count) * size[pick] * np.sign(sold),
    }  # fmt: skip


def _rate(currency: str, spot: dict[str, float]) -> float:
    if currency not in spot:
        raise DataError(f"no exchange rate for {currency}; choose from {', '.join(sorted(spot))}")
    return spot[currency]


# What it protects, and what it leaves -------------------------------------------------------------------


def _event_days(facts: Facts, ticker: str) -> list[pd.Timestamp]:
    table = event_calendar.table(facts)
    days = event_calendar.firm_events(facts, [ticker], list(table.index[table["main"]]))
    return list(days["date"].dropna())


def _paid_back(position: pd.Series, held: pd.Series, hit: np.ndarray, level: float) -> pd.Series:
    """Share of the position's move on event rows that the hedge pays back: Cov(Σ h x, y) / Var(y)."""
    if hit.sum() < 4:
        return pd.Series({"value": np.nan, "low": np.nan, "high": np.nan, "rows": hit.sum()})
    fit = sensitivity.regress(held[hit], position[hit].rename("position").to_frame(), hac_lags=0)
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


def _leaves(
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
    ticker, names = frame.columns[0], list(trades.index)
    hedged, share = tested.risk.loc["hedged"], tested.reduction.at["hedged", "variance"]
    late = market.status(facts, day)
    late = late.loc[[n for n in (ticker, *names) if n in late.index and late.at[n, "stale"]]]
    lines = [
        f"Stale: the last price of {name} is of {row['last']:%Y-%m-%d}, {row['sessions_behind']} sessions before "
        f"{day}; resize on today's."
        for name, row in late.iterrows()
    ]
    lines.append(
        f"Basis: {1 - share:.0%} of the variance out of sample; a volatility of {hedged['volatility']:.1%} a "
        f"year, and in the worst {tested.choices['tail']:.0%} of {tested.unit} a mean loss of "
        f"{hedged['expected_shortfall']:.1%}."
    )
    money = next((n[0] for n in hedge.candidates(facts, ticker) if n[0] not in facts.prices), None)
    if money is not None:
        moves = hedge.pnl(facts, ticker, [money], currency=currency, horizon=horizon)[[money]]
        slope = sensitivity.regress(tested.returns["hedged"], moves).table().loc[money]
        lines.append(
            f"Currency: out of sample the hedged position moved {slope['value']:+.2f}% "
            f"({slope['low']:+.2f} to {slope['high']:+.2f}) per 1% that {money} weakened against the dollar."
        )
    try:
        there = hedge.on_events(frame[ticker], frame[names], days)
    except DataError as error:
        lines.append(f"Event risk: ratios of tariff events are not known ({error}).")
    else:
        lines += [
            f"Event risk: in {row['n_event']:.0f} {tested.unit} with a tariff event the ratio on "
            f"{trades.at[name, 'label']} is {row['ratio_event']:+.2f} ({row['event_low']:+.2f} to "
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


# In print --------------------------------------------------------------------------------------------


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))


def _listed(names: Sequence[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def _minus(text: str) -> str:
    """Hyphens before figures as minus signs, those inside dates and names as they are."""
    return re.sub(r"(?<![\w-])-(?=\d)", "\u2212", text)


def _unit(item: str, value: object, currency: str) -> str:
    if not isinstance(value, (int, float, np.number)) or isinstance(value, (bool, np.bool_)):
        return ""
    units = {
        "shares": "shares", "lot": "shares", "contracts": "contracts, positive to buy", "event_rows": "rows",
        "ratio": "sold per unit of position", "low": "sold per unit of position",
        "high": "sold per unit of position", "price": "quoted", "notional_local": "listing currency",
        "notional_own": "own currency", "contract_value": currency, "notional": currency, "left": currency,
        "left_by_rounding": currency, "exchange_rate": f"listing currency per {currency}", "cost_bp": "bp of notional traded", "life_years": "years",
    }  # fmt: skip
    if item.endswith("_usd"):
        return "USD"
    return units.get(item, currency if item.endswith("_money") else "fraction")


def _held(one: Ticket) -> str:
    held, cash = one.position, one.currency
    text = (
        f"Long {held['shares']:,} {held['name']} ({held['ticker']}) at {held['listing_currency']} "
        f"{held['price']:,.2f} of {held['price_date']}: {cash} {held['notional']:,.0f}"
    )
    if held["listing_currency"] == cash:
        return text + "."
    fixed = one.choices["exchange_rates_of"]
    return f"{text} at {held['listing_currency']} {held['exchange_rate']:,.5g} per {cash} of {fixed}."


def _effect(one: Ticket) -> list[str]:
    safe, cash, unit = one.protection, one.currency, one.effectiveness.unit
    effect = [str(safe["effect"]) + "."]
    if safe.get("delta_bill_usd") == 0:
        effect = [f"{safe['effect']}: no change. What it does to rivals and the market is not computed."]
    elif "delta_bill_usd" in safe:
        low, mid, high = (safe[f"delta_bill{end}_usd"] / 1e6 for end in ("_low", "", "_high"))
        effect = [
            f"{safe['effect']}: USD {mid:+,.0f}m a year ({low:+,.0f} to {high:+,.0f}; {safe['bill_quality']}), "
            f"{safe['delta_share_of_market_cap']:+.2%} of market value.",
            f"After tax over {one.choices['life_years']:g} years at {one.choices['discount_rate']:.0%}: "
            f"{safe['value_change_share']:+.1%} of the share ({safe['value_low_share']:+.1%} to "
            f"{safe['value_high_share']:+.1%}), {cash} {safe['position_money']:+,.0f} on the position.",
        ]
    if np.isfinite(safe["paid_back_share"]):
        effect.append(
            f"In {safe['event_rows']:.0f} past {unit} with a tariff event these ratios paid back "
            f"{safe['paid_back_share']:.0%} of the share's move ({safe['paid_back_low']:.0%} to "
            f"{safe['paid_back_high']:.0%})"
            + (f": {cash} {safe['hedge_money']:+,.0f}." if safe.get("hedge_money") else ".")
        )
    return effect


def _stated(one: Ticket) -> str:
    return "; ".join(f"{key.replace('_', ' ')} {value}" for key, value in one.choices.items()) + "."


def _told(one: Ticket) -> list[tuple[str, list[str]]]:
    """The ticket as headings and sentences."""
    cash, record, tested = one.currency, one.effectiveness.reduction, one.effectiveness
    before, after = one.risk.loc["unhedged"], one.risk.loc["hedged"]
    over = record.loc["hedged, against one_to_one"]
    trades = [
        f"{row['order'][0].upper()}{row['order'][1:]}. Ratio {row['ratio']:+.2f} ({row['low']:+.2f} to "
        f"{row['high']:+.2f}); rounding leaves {cash} {row['left']:,.0f}."
        for _, row in one.instruments.iterrows()
    ]
    risk = [
        f"Volatility {before['volatility']:.1%} a year unhedged, {after['volatility']:.1%} hedged: "
        f"{cash} {before['volatility_money']:,.0f} and {after['volatility_money']:,.0f}.",
        f"Mean loss in the worst {tested.choices['tail']:.0%} of {tested.unit} {before['expected_shortfall']:.1%} "
        f"and {after['expected_shortfall']:.1%}: {cash} {before['expected_shortfall_money']:,.0f} and "
        f"{after['expected_shortfall_money']:,.0f}.",
        f"Variance reduction {record.at['hedged', 'variance']:.0%}; in sample {tested.in_sample:.0%}; one for one "
        f"{record.at['one_to_one', 'variance']:.0%}, of which the estimated ratios change "
        f"{-over['variance']:+.0%} ({-over['variance_high']:+.0%} to {-over['variance_low']:+.0%}).",
        f"Turnover {tested.risk.at['hedged', 'turnover']:.1f} times the position a year, "
        f"{tested.risk.at['hedged', 'cost_bp']:.0f} bp.",
    ]
    return [
        ("Position", [_held(one)]),
        ("Trades", trades),
        ("Risk out of sample", risk),
        ("What it protects from", _effect(one)),
        ("What it leaves", list(one.leaves)),
        ("Stated", [_stated(one)]),
    ]


def _page(one: Ticket) -> Figure:
    # placed by hand; with no engine at all, matplotlib would bring its own back when the page is saved
    fig = Figure(figsize=_A4, layout=PlaceHolderLayoutEngine(adjust_compatible=True, colorbar_gridspec=True))
    fig.suptitle(one.title, visible=False)  # on the page already, but files and slides ask for it
    colour = _GREEN if one.effectiveness.helps else _RED
    y = 0.965
    for part in wrap(one.title, 72):
        fig.text(_LEFT, y, part, size=11, weight="bold", va="top")
        y -= 0.019
    banner = fig.add_axes((_LEFT, y - 0.026, _WIDTH, 0.022), facecolor=colour)
    banner.set(xticks=[], yticks=[])
    banner.spines[:].set_visible(False)
    banner.text(
        0.01, 0.48, _minus(f"This hedge {one.verdict}"), color="white", size=7.5, weight="bold", va="center"
    )
    y = _lines(fig, y - 0.036, [_held(one)], mark="")
    interval = f"{one.choices['level']:.0%} interval"
    heads = ["Trade", f"Amount, {one.currency}", "in its own currency", "Ratio", interval, "Rounding"]
    trades = [
        [
            f"{row['action'][0].upper()}{row['action'][1:]}",
            f"{_direction(row)}   {abs(row['notional']):,.0f}",
            f"{row['currency']} {abs(row['notional_own']):,.0f}", f"{row['ratio']:+.2f}",
            f"{row['low']:+.2f} to {row['high']:+.2f}", f"{row['left']:+,.0f}",
        ]
        for _, row in one.instruments.iterrows()
    ]  # fmt: skip
    y = _grid(fig, y - 0.006, heads, trades, [0.58, 0.71, 0.76, 0.87, 0.93], wide=56)
    signs = "Ratio: notional sold per unit of position, below zero bought."
    y = _lines(fig, y, [signs], mark="", color=_SOFT)
    y = _grid(fig, y - 0.006, *_risk_table(one), [0.44, 0.58, 0.72])
    for head, lines in (("What it protects from", _effect(one)), ("What it leaves", one.leaves)):
        fig.text(_LEFT, y - 0.006, head, weight="bold", va="top", size=7.5)
        y = _lines(fig, y - 0.022, lines)
    foot = [f"Stated: {_stated(one)}", _SOURCE]
    rows = sum(len(wrap(text, _CHARACTERS)) for text in foot)
    _lines(fig, 0.03 + rows * _LINE, foot, mark="", color=_SOFT)
    bottom = 0.03 + (rows + 3) * _LINE
    _charts(fig, one, colour, bottom, max(y - 0.04 - bottom, 0.08))
    return fig


def _lines(fig: Figure, y: float, lines: Iterable[str], *, mark: str = "– ", color: str = _INK) -> float:
    """Sentences one below the other from `y` on; where the next one would begin."""
    for text in lines:
        for row, part in enumerate(wrap(text, _CHARACTERS)):
            begin = mark if row == 0 else "   " * bool(mark)
            fig.text(_LEFT, y, begin + _minus(part), va="top", size=6.5, color=color)
            y -= _LINE
    return y


def _grid(
    fig: Figure, y: float, heads: list[str], rows: list[list[str]], right: list[float], wide: int = 62
) -> float:
    """A table whose first column is `wide` characters and whose others end at `right`."""
    for row in (heads, *rows):
        top = row is heads
        style = {"va": "top", "size": 6.5, "color": _SOFT if top else _INK}
        first = wrap(row[0], wide)
        for line, part in enumerate(first):
            fig.text(_LEFT, y - line * _LINE, part, weight="normal" if top else "bold", **style)
        for x, text in zip(right, row[1:], strict=True):
            fig.text(x, y, _minus(text), ha="right", **style)
        y -= len(first) * _LINE + 0.003
    return y - 0.003


def _direction(row: pd.Series) -> str:
    """A pair is named: selling yen futures buys dollars against yen."""
    pair = row["label"] if row["label"].startswith("USD/") else ""
    return f"{'sells' if row['notional'] > 0 else 'buys'} {pair}".rstrip()


def _risk_table(one: Ticket) -> tuple[list[str], list[list[str]]]:
    tested, cash, size = one.effectiveness, one.currency, one.position["notional"]
    columns = ["unhedged", "hedged", "one_to_one"]
    risk, record = tested.risk.loc[columns], tested.reduction.loc[columns[1:]]

    def money(shares: pd.Series) -> list[str]:
        return [f"{share:.1%}   {cash} {share * size / 1e6:,.2f} m" for share in shares]

    def removed(what: str) -> list[str]:
        figures = record[[what, f"{what}_low", f"{what}_high"]].to_numpy()
        return ["", *(f"{value:.0%}   ({low:.0%} to {high:.0%})" for value, low, high in figures)]

    worst = f"worst {tested.choices['tail']:.0%} of {tested.unit}"
    rows = [
        ["Volatility a year", *money(risk["volatility"])],
        [f"Mean loss in the {worst}", *money(risk["expected_shortfall"])],
        ["Variance removed", *removed("variance")],
        [f"Loss in the {worst} removed", *removed("shortfall")],
        ["Turnover a year, positions", "", *(f"{turned:.1f}" for turned in risk["turnover"][1:])],
        ["Cost a year, bp", "", *(f"{cost:.0f}" for cost in risk["cost_bp"][1:])],
    ]
    return [
        f"Out of sample, {len(tested.returns)} {tested.unit}",
        "no hedge",
        "this hedge",
        "one for one",
    ], rows


def _charts(fig: Figure, one: Ticket, colour: str, bottom: float, height: float) -> None:
    wealth, path = (fig.add_axes((x, bottom, 0.4, height)) for x in (_LEFT, 0.53))
    total = one.effectiveness.returns[["unhedged", "hedged"]].cumsum() * 100
    wealth.plot(total.index, total["unhedged"], color=_SOFT, label="no hedge")
    wealth.plot(total.index, total["hedged"], color=colour, label="this hedge, after cost")
    wealth.set_title("Out of sample: sum of returns, %")
    for name, ratio in one.effectiveness.ratios.items():
        line = path.plot(ratio.index, ratio, drawstyle="steps-post", label=one.instruments.at[name, "label"])
        row = one.instruments.loc[name]
        path.errorbar(
            ratio.index[-1], row["ratio"], [[row["ratio"] - row["low"]], [row["high"] - row["ratio"]]],
            fmt="o", color=line[0].get_color(), markersize=3, elinewidth=0.8,
        )  # fmt: skip
    path.set_title("Ratio in force; dot and line: this ticket's, with its interval")
    for ax in (wealth, path):
        ax.axhline(0, color=_INK, linewidth=0.5)
        ax.legend(loc="best")
        ax.xaxis.set_major_locator(AutoDateLocator(minticks=3, maxticks=7))
        ax.xaxis.set_major_formatter(ConciseDateFormatter(ax.xaxis.get_major_locator()))
