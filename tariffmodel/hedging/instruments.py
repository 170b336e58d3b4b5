"""What can a share be hedged with, and what does each instrument earn per unit of notional?

`pnl` builds the returns that the other modules of this wing take; `candidates`, `peers` and
`one_for_one` say what to try.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from tariffmodel import files
from tariffmodel.errors import DataError
from tariffmodel.facts import Facts, store
from tariffmodel.markets import market
from tariffmodel.markets.market import Horizon

__all__ = [
    "DAYS",
    "PEERS",
    "WEEKS",
    "candidates",
    "contracts",
    "label",
    "one_for_one",
    "peers",
    "periods_per_year",
    "pnl",
]

WEEKS, DAYS = 52, 252  # periods per year
PEERS = "peers"  # in the record: the basket of `peers`


def pnl(
    facts: Facts,
    ticker: str,
    instruments: Sequence[str],
    *,
    currency: str = "USD",
    horizon: Horizon = "weekly",
    overlapping: bool = False,
) -> pd.DataFrame:
    """P&L of a share and of instruments, per unit of notional, measured in `currency`.

    The share is paid for in `currency`: (1 + r)(1 + e) − 1, where r is its return where it is listed
    and e the change of that currency's value in `currency`. An instrument is financed in its own
    currency (future, forward, borrowed share), so only its gain is exposed: r (1 + e). Carry, and
    the dividends of price indices, are left out.

    Parameters
    ----------
    instruments : sequence of str
        Tickers, or currency codes: ``"JPY"`` is dollars bought forward against yen and gains when
        the yen weakens.
    currency : str
        Of the investor. ``"JPY"`` for a Tokyo share: the exchange rate enters only through the share.
    horizon : int or "weekly"
        See `market.returns`. Tokyo closes before the ECB fixes and New York opens, so daily rows
        understate what they have in common; weeks hide one day in five. Daily rows ask for the
        leads and lags of `static`.
    overlapping : bool
        Keep a row per session where `horizon` is several, for `static` with its `horizon`. By
        default only each `horizon`-th, which is what `effectiveness` needs.

    Returns
    -------
    DataFrame
        Sessions of the share's exchange (or weeks) × ``[ticker, *instruments]``.

    Raises
    ------
    DataError
        Unknown names, or a share that is to hedge itself.

    Examples
    --------
    >>> from tariffmodel import facts
    >>> pnl(facts.load(), "7203.T", ["JPY", "TOPIX"]).loc["2025-04-04"].round(3).to_dict()
    {'7203.T': -0.075, 'JPY': -0.037, 'TOPIX': -0.104}
    """
    market.prices(facts, [ticker])
    if isinstance(instruments, str) or not len(instruments):
        raise DataError(f"instruments is {instruments!r}; pass a list of tickers or currencies: ['JPY']")
    if ticker in instruments or len(set(instruments)) < len(instruments):
        raise DataError(
            f"{ticker} with {', '.join(instruments)}: an instrument is the position or occurs twice; "
            "name each once"
        )
    listed = facts.instruments["currency"]
    settled = {name: listed.get(name, name) for name in [ticker, *instruments]}
    money = sorted({currency, *settled.values()} - {"USD"})
    names = list(dict.fromkeys([ticker, *instruments, *money]))
    calendar = str(facts.instruments.at[ticker, "exchange_calendar"])
    moves = market.factors(facts, names, calendar, kind="simple", horizon=horizon)
    if isinstance(horizon, int) and not overlapping:
        moves = moves.iloc[::horizon]
    per_usd = 1 + moves.reindex(columns=[*money, "USD"]).assign(USD=0.0)
    worth = {name: per_usd[currency] / per_usd[unit] for name, unit in settled.items()}
    gains = {name: moves[name] * worth[name] for name in instruments}
    return pd.DataFrame({ticker: (1 + moves[ticker]) * worth[ticker] - 1, **gains})


def periods_per_year(horizon: Horizon) -> float:
    """52 weeks, or 252 days in returns of `horizon` days.

    >>> periods_per_year("weekly"), periods_per_year(5)
    (52, 50.4)
    """
    return WEEKS if horizon == "weekly" else DAYS / horizon


def contracts(facts: Facts) -> pd.DataFrame:
    """What can be traded in which size: one row per contract, see data/market/contracts.csv.

    >>> from tariffmodel import facts
    >>> contracts(facts.load())["kind"].unique().tolist()
    ['currency_future', 'index_future', 'fund', 'currency_forward', 'share_lot']
    """
    return files.csv(store.path(facts.folder, "market/contracts.csv"), typed=True)


def candidates(facts: Facts, ticker: str) -> list[tuple[str, ...]]:
    """Hedges to try on a share: each instrument of its maker's home, and its currency with its index.

    The pair comes first. Home is the maker's, so an ADR is hedged like its home line; other lines
    take the market they are listed in.

    >>> from tariffmodel import facts
    >>> candidates(facts.load(), "7203.T")
    [('JPY', 'TOPIX'), ('JPY',), ('TOPIX',), ('^N225',), ('1622.T',), ('EWJ',)]
    """
    company, listed = (str(facts.instruments.at[ticker, column]) for column in ("company", "market"))
    home = facts.makers["home"].to_dict().get(company, {"DE": "EU"}.get(listed, listed))
    book = contracts(facts)
    here = book[(book["home"] == home) & (book["underlying"] != ticker)]
    if here.empty:
        raise DataError(
            f"no hedge of home {home} for {ticker} in data/market/contracts.csv; pass instruments"
        )
    names = here["underlying"].unique()
    money = here.loc[here["kind"].str.startswith("currency"), "underlying"].unique()
    equity = [name for name in names if name not in money]
    pair = [(money[0], equity[0])] if len(money) and equity else []
    return [*pair, *((str(name),) for name in names)]


def peers(facts: Facts, ticker: str) -> list[str]:
    """Main lines with prices of the other makers with the same home; none for a share of no maker.

    >>> from tariffmodel import facts
    >>> peers(facts.load(), "BMW.DE")
    ['VOW3.DE', 'MBG.DE', 'RACE', 'STLA']
    """
    maker, makers = facts.instruments.at[ticker, "company"], facts.makers
    if maker not in makers.index:
        return []
    others = makers[(makers["home"] == makers.at[maker, "home"]) & (makers.index != maker)]
    return [line for line in others["ticker"].dropna() if line in facts.prices]


def label(facts: Facts, instrument: str) -> str:
    """What an instrument is called on a page: ``USD/JPY``, ``DAX``, ``TOPIX-17 automobile ETF``.

    >>> from tariffmodel import facts
    >>> label(facts.load(), "JPY"), label(facts.load(), "^GDAXI")
    ('USD/JPY', 'DAX')
    """
    if instrument == PEERS:
        return "peers"
    if instrument not in facts.prices:
        return f"USD/{instrument}"
    book = contracts(facts)
    funds = book[book["kind"] == "fund"].set_index("underlying")["name"]
    return str(funds.get(instrument, facts.instruments.at[instrument, "name"])).removesuffix(" index")


def one_for_one(facts: Facts, ticker: str, instruments: Sequence[str], currency: str = "USD") -> pd.Series:
    """Ratios of the hedge of someone who estimates nothing, by instrument.

    The whole position is turned from the currency of its maker into the investor's: dollars are
    bought against the maker's (−1) and sold against the investor's (1). What is no currency is sold,
    one unit in equal parts.

    >>> from tariffmodel import facts
    >>> one_for_one(facts.load(), "7203.T", ["JPY", "TOPIX"]).to_dict()
    {'JPY': -1.0, 'TOPIX': 1.0}
    """
    company, currency_listed = (
        str(facts.instruments.at[ticker, column]) for column in ("company", "currency")
    )
    home = facts.makers["reporting_currency"].to_dict().get(company, currency_listed)
    shares = [name for name in instruments if name in facts.prices]
    return pd.Series(
        {
            name: 1 / len(shares) if name in shares else -1.0 if name == home != currency else 1.0
            for name in instruments
        },
        name="ratio",
    )
