"""How many shares, lots and contracts is an amount of money?

Signs: a ratio is notional sold per unit of position; selling the currency instrument ``JPY`` is
selling dollars against yen, so it *buys* yen futures.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from tariffmodel.facts import Facts
from tariffmodel.hedging import positions
from tariffmodel.hedging.instruments import contracts, label
from tariffmodel.markets import market

__all__ = ["ROUNDING", "spot", "trade", "trades"]

ROUNDING = 0.05  # of an instrument's notional that rounding to a contract may leave


def spot(facts: Facts, day: date) -> dict[str, float]:
    """Units of each currency per dollar, at its last fixing up to `day`.

    >>> from tariffmodel import facts
    >>> spot(facts.load(), date(2026, 6, 30))["USD"]
    1.0
    """
    fixings = market.exchange_rates(facts).loc[: pd.Timestamp(day)].ffill().iloc[-1].dropna()
    return {str(unit): float(per_usd) for unit, per_usd in fixings.items()} | {"USD": 1.0}


def trades(
    facts: Facts, notional: float, currency: str, ratios: pd.DataFrame, day: date, per_usd: dict[str, float]
) -> pd.DataFrame:
    """What to trade, at the last prices up to `day`.

    Parameters
    ----------
    notional : float
        Gross value of the positions.
    ratios : DataFrame
        Indexed by instrument: `ratio`, `low`, `high`, per unit of it.
    per_usd : dict
        Of `spot`.

    Examples
    --------
    >>> from tariffmodel import facts
    >>> known, ratios = facts.load(), pd.DataFrame({"ratio": [-0.8], "low": [-1.0], "high": [-0.6]}, ["JPY"])
    >>> day = date(2026, 6, 30)
    >>> trades(known, 10e6, "USD", ratios, day, spot(known, day)).at["JPY", "action"]
    'sell 104 6J (yen future, 12,500,000 JPY each)'
    """
    names = [str(name) for name in ratios.index if name in facts.prices]
    prices = market.prices(facts, names).loc[: pd.Timestamp(day)] if names else pd.DataFrame()
    book = contracts(facts)
    orders = {
        name: trade(facts, book, str(name), row, notional, currency, prices, per_usd)
        for name, row in ratios.iterrows()
    }
    return pd.DataFrame.from_dict(orders, orient="index").rename_axis("instrument")


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
    rate = positions.rate(currency, spot) / positions.rate(own, spot)
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
        counted = offers["size_unit"].notna().any()
        action = f"{'sell' if sold > 0 else 'buy'} {row['contract']} ({offers['name'].iloc[0]}"
        action += "; count contracts on its level, which is not in the data)" if counted else ")"
        left = np.nan if counted else 0.0
        return row | {"order": f"{order}: {action}", "action": action, "left": left}
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
