"""What is an amount worth in another currency, and a maker on the exchange?"""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts.periods import Period, parse
from tariffmodel.facts.tables import Facts

NO_PRICES, NO_SHARES = "no line with prices", "no count of shares"  # why a maker has no market value


def fx_rate(facts: Facts, currency: str, period: Period, as_of: date) -> float:
    """Units of `currency` per USD, mean of the fixings in `period` up to `as_of`.

    Where the period has no fixing yet, the last one at or before `as_of` stands in.

    >>> import tariffmodel as tm
    >>> asked = tm.case()
    >>> fx_rate(asked.facts, "USD", asked.period, asked.as_of)
    1.0
    """
    if currency == "USD":
        return 1.0
    table = facts.fx
    if f"USD{currency}" in table:
        rate = table[f"USD{currency}"]
    elif f"{currency}USD" in table:
        rate = 1.0 / table[f"{currency}USD"]
    else:
        raise DataError(f"no exchange rate for {currency} in data/market/fx.parquet; add USD{currency}")
    known = rate[: pd.Timestamp(as_of)].dropna()
    inside = known[pd.Timestamp(period.start) : pd.Timestamp(period.end)]
    if known.empty:
        raise DataError(f"exchange rates start after {as_of}; choose a later as-of date")
    return float((inside if len(inside) else known.iloc[-1:]).mean())


def share_counts(facts: Facts, day: date) -> pd.Series:
    """Millions of shares of every company with a count: the newest that was over by `day`, else the older.

    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> bought_back = share_counts(known, date(2025, 7, 1)) - share_counts(known, known.as_of)
    >>> bought_back.idxmax()
    'Honda'
    """
    newest = facts.figure("shares_outstanding", latest=True)
    labels = facts.fiscal_year("shares_outstanding", latest=True)
    there = labels.map(lambda label: parse(label).end <= day).astype(bool)
    return newest[there].combine_first(facts.figure("shares_outstanding"))


def market_value(facts: Facts, as_of: date) -> pd.DataFrame:
    """Market value of every maker: last close up to a day times the share count of that day.

    Returns
    -------
    DataFrame
        Indexed by maker: `market_cap_usd` at the exchange rate of the day, `price_date` of the close,
        and the `reason` why there is no market value, empty where there is one.

    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> market_value(known, known.as_of)["reason"][["Toyota", "Porsche AG"]].tolist()
    ['', 'no line with prices']
    """
    line = facts.makers["ticker"].rename_axis("maker")
    closes = facts.prices[: pd.Timestamp(as_of)]
    last = closes.ffill().iloc[-1] if len(closes) else pd.Series(dtype=float)
    listing = line.map(facts.instruments["currency"])
    today = Period(as_of, as_of)
    spot = {str(unit): fx_rate(facts, str(unit), today, as_of) for unit in listing.dropna().unique()}
    last_day: Any = pd.Series.last_valid_index
    shares, price = share_counts(facts, as_of).reindex(line.index), line.map(last)
    reason = pd.Series("", line.index).mask(shares.isna(), NO_SHARES)
    return pd.DataFrame(
        {
            "market_cap_usd": shares * 1e6 * price / listing.map(spot),
            "price_date": line.map(closes.apply(last_day).dt.date),
            "reason": reason.mask(price.isna(), NO_PRICES),
        }
    )
