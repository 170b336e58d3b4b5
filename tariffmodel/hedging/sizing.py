"""How many shares, lots and contracts is an amount of money?

Signs: a ratio is notional sold per unit of position; selling the currency instrument ``JPY`` is
selling dollars against yen, so it *buys* yen futures.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import Facts
from tariffmodel.hedging.instruments import contracts, label
from tariffmodel.markets import market

__all__ = ["ROUNDING", "sized"]

ROUNDING = 0.05  # of an instrument's notional that rounding to a contract may leave


def sized(
    facts: Facts, long: str, notional: float, currency: str, ratios: pd.DataFrame, day: date
) -> tuple[pd.Series, pd.DataFrame]:
    """Position and trades at the last prices and fixings up to `day`.

    Parameters
    ----------
    ratios : DataFrame
        Indexed by instrument: `ratio`, `low`, `high`.

    Examples
    --------
    >>> from tariffmodel import facts
    >>> ratios = pd.DataFrame({"ratio": [-0.8], "low": [-1.0], "high": [-0.6]}, ["JPY"])
    >>> held, trades = sized(facts.load(), "7203.T", 10e6, "USD", ratios, date(2026, 6, 30))
    >>> held["shares"], trades.loc["JPY", "action"]
    (596100, 'sell 104 6J (yen future, 12,500,000 JPY each)')
    """
    names = [long, *(str(name) for name in ratios.index if name in facts.prices)]
    prices = market.prices(facts, names).loc[: pd.Timestamp(day)]
    fixings = market.exchange_rates(facts).loc[: pd.Timestamp(day)].ffill().iloc[-1].dropna()
    spot = {str(unit): float(rate) for unit, rate in fixings.items()} | {"USD": 1.0}
    book = contracts(facts)
    held = _position(facts, book, long, notional, currency, prices[long].dropna(), spot)
    orders = {
        name: trade(facts, book, str(name), row, held["notional"], currency, prices, spot)
        for name, row in ratios.iterrows()
    }
    return held, pd.DataFrame.from_dict(orders, orient="index").rename_axis("instrument")


def _position(
    facts: Facts,
    book: pd.DataFrame,
    ticker: str,
    notional: float,
    currency: str,
    closes: pd.Series,
    spot: dict[str, float],
) -> pd.Series:
    """What is held: the shares that `notional` of the investor's money buys, in whole lots."""
    line = facts.instruments.T[ticker]
    rate = _rate(currency, spot) / _rate(
        str(line["currency"]), spot
    )  # investor's currency per listing currency
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
            "price_date": dated, "notional_local": count * price, "exchange_rate": 1 / rate,
            "notional": worth, "left_by_rounding": notional - worth,
        }
    )  # fmt: skip


def trade(
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

    >>> from tariffmodel import facts
    >>> known = facts.load()
    >>> ratio, closes = pd.Series({"ratio": -0.8, "low": -1.0, "high": -0.6}), pd.DataFrame()
    >>> row = trade(known, contracts(known), "JPY", ratio, 1e7, "USD", closes, {"JPY": 150.0, "USD": 1.0})
    >>> row["currency"], float(row["notional"]), row["contracts"] > 0
    ('JPY', -8000000.0, False)
    """
    is_money = name not in facts.prices
    own = name if is_money else str(facts.instruments.at[name, "currency"])
    rate = _rate(currency, spot) / _rate(own, spot)
    sold = ratio["ratio"] * notional
    closes = prices[name].dropna() if not is_money else pd.Series(dtype=float)
    offers = book[book["underlying"] == name]
    called = label(facts, name)
    order = f"{'sell' if sold > 0 else 'buy'} {called} for {currency} {abs(sold):,.0f}"
    if own != currency:
        order += f" ({own} {abs(sold / rate):,.0f})"
    row = {
        "label": called, "order": order, "action": order,
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
