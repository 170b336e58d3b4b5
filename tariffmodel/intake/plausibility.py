"""Can these prices be, whoever brings them?

One gate for what a refresh asks for and what a user adds. A return is doubted where it is larger than
`MOVE` and the other lines of its market did not move with it; where the dividend in it cannot be seen in the
price; where the adjusted closes hold something that no dividend explains; and where a split is not in
the prices before it. In a refresh a doubt keeps the line as it was until somebody accepts it; in a file it is
shown before it is added.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd

MOVE = 0.4  # a session's return beyond which a price is doubted
JUMP = 3.0  # one day's move beyond which a file's price is a fault
FX_JUMP = 1.1  # the same for an exchange rate, in a refresh
UNIT = 30.0  # levels this far apart without a split are not in one unit
LARGE = 0.05  # dividend over the close before, from which it has to show in the price
ADJUSTMENT = 0.005  # log return by which adjusted closes may differ from closes and dividends
PEERS = 5  # lines of a market that make up what the market did
SPLIT = 1.25  # shares for one, from which a split is no dividend in shares
_AT_ONCE = 2_000_000  # rows
_NEAR = 0.08  # log return, between a move and the split that it looks like
_BACK = 0.1  # of a move: what is left of a bad tick after the next session

KINDS = ("move", "dividend", "adjustment", "split")


def doubts(bars: pd.DataFrame) -> pd.DataFrame:
    """Days of price histories that are not believed as they stand.

    Parameters
    ----------
    bars : DataFrame
        `ticker`, `date`, `close` as traded but adjusted for splits, and optionally `adj_close`, `dividend`
        (currency per share, 0 where there was none, NaN or no column where nobody knows), `split` (new shares
        for an old one) and `peers`, the log return of the market on that day, see `peers`.

    Returns
    -------
    DataFrame
        `ticker`, `date`, `kind` (one of `KINDS`), `size` (simple return or fraction of the price) and
        `doubt` in words; at most one row per line and day.

    Notes
    -----
    Total return of a day: ``P_t / (P_{t-1} − D_t) − 1``, as Yahoo and CRSP adjust (CRSP, "Data definitions",
    factor to adjust prices). A dividend is doubted if the price return is nearer to that of a day without it.

    Examples
    --------
    >>> days = pd.to_datetime(["2026-01-05", "2026-01-06", "2026-01-07"])
    >>> bars = pd.DataFrame({"ticker": "F", "date": days, "close": [10.0, 16.0, 10.1]})
    >>> doubts(bars)[["kind", "doubt"]].iloc[0].tolist()
    ['move', '+60.0% on 2026-01-06 and back the next session, which looks like a bad tick']
    """
    line, names = pd.factorize(bars["ticker"])
    parts = line * (len(bars) // _AT_ONCE + 1) // max(len(names), 1)  # to bound the memory
    count = int(parts.max(initial=0)) + 1
    found = [
        _doubts(
            bars.assign(line=line) if count == 1 else bars[parts == part].assign(line=line[parts == part])
        )
        for part in range(count)
    ]
    return pd.concat(found, ignore_index=True)


def _doubts(bars: pd.DataFrame) -> pd.DataFrame:
    """`doubts` of some lines, numbered by `line`."""
    plain = {"adj_close": np.nan, "dividend": np.nan, "split": 1.0, "peers": np.nan}
    rows = bars.assign(**{name: value for name, value in plain.items() if name not in bars})
    same, ahead = rows["line"].diff() == 0, rows["date"].diff() > pd.Timedelta(0)
    if not (same & ahead | (rows["line"].diff() > 0))[1:].all():
        rows = rows.sort_values(["line", "date"])
    rows = rows.reset_index(drop=True)
    rows["split"] = rows["split"].where(rows["split"] > 0, 1.0).fillna(1.0)
    first = rows["line"].diff() != 0
    before = rows["close"].shift().mask(first)
    with np.errstate(divide="ignore", invalid="ignore"):
        bare = (rows["close"] / before).apply(np.log)
        total = (rows["adj_close"] / rows["adj_close"].shift().mask(first)).apply(np.log)
        given = _added(rows["dividend"] / before)
    seen = total.fillna(bare)
    if (rows["split"] != 1).any():
        # an amount may be per share of its day or of today: the one that the adjusted closes hold
        shares = rows.groupby("line", sort=False)["split"].transform(_since)
        today = _added(rows["dividend"] / shares / before)
        given = today.where((total - bare - today).abs() < (total - bare - given).abs(), given)
    paid = given.fillna((total - bare).clip(lower=0))  # log return that the dividend adds
    market = rows["peers"].fillna(0)
    parted = rows["split"].apply(np.log)
    off = {
        "split": (parted.abs() > np.log(SPLIT)) & ((bare + parted).abs() < bare.abs()),
        "dividend": (paid > LARGE) & ((bare + paid - market).abs() > (bare - market).abs()),
        "adjustment": ((total - bare - given).abs() > ADJUSTMENT) | (total - bare < -ADJUSTMENT),
        "move": (seen.apply(np.expm1).abs() > MOVE) & ((seen - market).apply(np.expm1).abs() > MOVE),
    }
    back = rows["close"].shift(-1).mask(first.shift(-1, fill_value=True))
    places = np.flatnonzero(np.logical_or.reduce(list(off.values())))
    told = rows.assign(
        bare=bare.apply(np.expm1), seen=seen.apply(np.expm1), paid=-(-paid).apply(np.expm1),
        extra=(total - bare - given.fillna(0)).apply(np.expm1),
        returned=(back / before).apply(np.log).abs() < _BACK * bare.abs(),
    ).iloc[places]  # fmt: skip
    told["kind"] = np.select([of.iloc[places] for of in off.values()], list(off), "")
    found = [_doubt(row) for row in told.itertuples()]
    table = pd.DataFrame(found, columns=["ticker", "date", "kind", "size", "doubt"])
    return table.astype({"date": "datetime64[us]", "size": float})


def _added(share: pd.Series) -> pd.Series:
    """Log return that a dividend of a share of the price before adds."""
    added: pd.Series = -(-share.clip(upper=0.999)).apply(np.log1p)
    return added


def _since(split: pd.Series) -> pd.Series:
    """Shares that one share of each day became later."""
    after: pd.Series = split[::-1].shift(fill_value=1.0).cumprod()[::-1]
    return after


def _doubt(row: Any) -> dict[str, Any]:
    """One doubt, in words."""
    day = f"{row.date:%Y-%m-%d}"
    if row.kind == "split":
        size, said = row.split, f"the split {ratio(row.split)} of {day} is not in the earlier prices"
    elif row.kind == "dividend":
        amount = f" of {row.dividend:g}" if row.dividend > 0 else ""
        size = row.paid
        said = (
            f"a dividend{amount} on {day}, {size:.1%} of the price, which moved by {row.bare:+.1%}: "
            f"the total return would be {row.seen:+.1%}"
        )
    elif row.kind == "adjustment":
        size = row.extra
        said = (
            f"the adjusted closes of {day} hold {size:+.1%} that no dividend explains: {row.seen:+.1%} in "
            f"all, and {row.bare:+.1%} in the price"
        )
    else:
        size = row.seen
        said = f"{size:+.1%} on {day}"
        if row.returned:
            said += " and back the next session, which looks like a bad tick"
        else:
            known = (
                "its market did not move so" if row.peers == row.peers else "nothing is known of its market"
            )
            said += f"{_like_split(row.bare)}, without a split, and {known}"
    return {"ticker": row.ticker, "date": row.date, "kind": row.kind, "size": size, "doubt": said}


def _like_split(bare: float) -> str:
    """Which split a move looks like, in words."""
    for shares in (2, 3, 4, 5, 10, 20, 100):
        for times, name in ((1 / shares, f"{shares}:1"), (float(shares), f"1:{shares}")):
            if abs(np.log1p(bare) - np.log(times)) < _NEAR:
                return f", as in a split {name}"
    return ""


def peers(returns: pd.DataFrame) -> pd.Series:
    """Median log return of each market and day, where at least `PEERS` lines have one.

    Parameters
    ----------
    returns : DataFrame
        `market`, `date` and `log_return`, one row per line and day.

    Returns
    -------
    Series
        By market and date.

    Examples
    --------
    >>> day = pd.Timestamp("2026-01-05")
    >>> moves = pd.DataFrame({"market": "JP", "date": day, "log_return": [-0.5, -0.3, -0.4, -0.6, 0.0]})
    >>> peers(moves).to_dict()
    {('JP', Timestamp('2026-01-05 00:00:00')): -0.4}
    """
    by = returns.dropna(subset=["log_return"]).groupby(["market", "date"])["log_return"]
    return by.median()[by.size() >= PEERS]


def ratio(value: float) -> str:
    """New for old shares of a split, as one writes it.

    >>> ratio(1.5)
    '3:2'
    """
    shares = Fraction(value).limit_denominator(1000)
    return f"{shares.numerator}:{shares.denominator}"
