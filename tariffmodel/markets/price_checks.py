"""Which days of the prices deserve a second look, how large is the doubt, and what is to be done?

Three faults of records travel into returns: a close that is repeated, so that the next return is that of
two sessions; a dividend of which only a part is in the return, which happens where a record with it and one
without are averaged; and a record that says something else. The last two can only be seen beside another
record: ``data/market/price_records.parquet`` holds those that were read, for the days it covers. The first
is looked for in every line, beside its benchmark and the other lines of its market; there only moves far
beyond the line's own noise are found.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tariffmodel.facts import Facts, Fault, in_use
from tariffmodel.markets import market

FILE = "market/prices.parquet"
STALE, DIVIDEND, RECORDS = "stale close", "part of a dividend", "records disagree"
STATED, ADJUSTED, BARE = 1, 2, 3  # what a record says of dividends: the amount, in its closes, nothing

TOLERANCE = 2e-4  # between two log returns of a day, beside the rounding of closes
_UNMOVED = 1e-5  # closes are kept to six digits
_PART = (0.1, 0.9)  # of a dividend: less is none of it, more is all of it
_MISSED = 0.005  # expected move, below which a repeated close is not called stale
_ODDS = 90.0  # of a stale close against a true one, from which it is doubted
_TAILS = 4.0  # degrees of freedom of Student's t for what the market does not explain
_SESSIONS = 250  # below which a line's expected returns are not estimated
_LARGEST_DIVIDEND = 0.1  # of a price; what a return has beyond a bare record's may be one
_REMEDY = "compare with the exchange, then `tariffmodel add prices FILE --replace`"


def check(facts: Facts) -> list[Fault]:
    """What is doubtful about the prices, as warnings: line, day, size and remedy.

    >>> import tariffmodel as tm
    >>> all(fault.warning for fault in check(tm.facts.load()))
    True
    """
    panel = pd.read_parquet(in_use(facts.folder, facts.overlay, FILE))
    found = doubts(facts)
    found = found.merge(panel.assign(row=panel.index + 2)[["ticker", "date", "row"]], how="left")
    warnings = []
    doubt: Any  # a named tuple of the columns
    for doubt in found.itertuples():
        day, said = f"{doubt.date:%Y-%m-%d} of {doubt.ticker}", f"{doubt.expected}; {_REMEDY}"
        row = None if pd.isna(doubt.row) else int(doubt.row)
        warnings.append(Fault(f"data/{FILE}", row, "adj_close", day, said, warning=True))
    return warnings


def doubts(facts: Facts) -> pd.DataFrame:
    """Days whose return is doubtful.

    Returns
    -------
    DataFrame
        `ticker`, `date`, `kind` (`STALE`, `DIVIDEND` or `RECORDS`), `log_return` as it stands, `size` (by how
        much it is off, a difference of log returns) and `expected` in words.

    >>> import tariffmodel as tm
    >>> found = doubts(tm.facts.load())
    >>> set(found["kind"]) <= {STALE, DIVIDEND, RECORDS}
    True
    """
    panel = pd.read_parquet(in_use(facts.folder, facts.overlay, FILE))
    records = facts.price_records
    beside = compare(panel, records)
    found = pd.concat(
        [
            _beside_records(beside[beside["off"]], facts.prices),
            _among_records(records),
            _repeated(facts, beside),
        ]
    )
    return found.sort_values(["ticker", "date"], ignore_index=True)


def returns(records: pd.DataFrame) -> pd.DataFrame:
    """Log returns of each record between its own consecutive days.

    Parameters
    ----------
    records : DataFrame
        As in ``price_records.parquet``.

    Returns
    -------
    DataFrame
        `ticker`, `date`, `previous` (the record's day before), `record`, `close`, `log_return` with the
        stated dividend in it, ``ln(P_t / (P_{t-1} − D_t))``, `bare_return` without, `dividend`, `rank`
        (`STATED`, `ADJUSTED` or `BARE`) and the `tolerance` for what its rounding does to a return.

    Examples
    --------
    >>> days = pd.to_datetime(["2026-01-05", "2026-01-06"])
    >>> records = pd.DataFrame({"ticker": "F", "date": days, "record": "one", "adjusted": False})
    >>> records = records.assign(close=[10.0, 9.5], dividend=[0.0, 0.5])
    >>> returns(records)[["log_return", "bare_return"]].round(3).to_numpy().tolist()
    [[0.0, -0.051]]
    """
    # a later version of a file goes on with its traded closes; what a vendor adjusts, it may adjust anew
    version = r"@[0-9a-f]+(?=:)"
    file = records["record"].str.replace(version, "", regex=True)
    source = records["record"].where(records["adjusted"], file)
    rows = records.assign(source=source).sort_values(["ticker", "source", "date"])
    rows = rows.drop_duplicates(["ticker", "source", "date"], keep="last")
    by = rows.groupby(["ticker", "source"])
    before, dividend = by["close"].shift(), rows["dividend"]
    rank = np.select([rows["adjusted"], dividend.notna()], [ADJUSTED, STATED], BARE)
    digits = by["close"].transform(_decimals)
    rounding = np.where(rows["adjusted"], 10.0**-digits / rows["close"], 0)
    seen = rows.assign(
        previous=by["date"].shift(),
        log_return=np.log(rows["close"] / (before - dividend.fillna(0))),
        bare_return=np.log(rows["close"] / before),
        rank=rank,
        tolerance=TOLERANCE + rounding,
    )
    return seen.dropna(subset=["previous"]).drop(columns=["adjusted", "source"])


def compare(panel: pd.DataFrame, records: pd.DataFrame) -> pd.DataFrame:
    """Returns of the panel beside those of the records, one row per line and day that both have.

    Records that state dividends go before those that their vendor adjusted, and both before bare closes;
    the median of the best counts.

    Parameters
    ----------
    panel, records : DataFrame
        As in ``prices.parquet`` and ``price_records.parquet``.

    Returns
    -------
    DataFrame
        `ticker`, `date`, `previous`, `basis`, `log_return` of the panel, `record_return`, `bare_return`,
        `dividend` (NaN where none is stated), `rank`, `tolerance`, `records` (names of the best), `count` (of
        all records that agree with the best), `difference` and `off`: true where it is beyond the tolerance
        and cannot be a dividend that the records do not have.

    Examples
    --------
    >>> days = pd.to_datetime(["2026-01-05", "2026-01-06"])
    >>> records = pd.DataFrame({"ticker": "F", "date": days, "record": "one", "adjusted": False})
    >>> records = records.assign(close=[10.0, 9.5], dividend=[0.0, 0.5])
    >>> panel = pd.DataFrame({"ticker": "F", "date": days, "adj_close": [10.0, 9.5], "basis": "total_return"})
    >>> compare(panel, records)["off"].tolist()  # the dividend is missing
    [True]
    """
    line = panel.sort_values(["ticker", "date"])
    by = line.groupby("ticker")
    line = line.assign(
        previous=by["date"].shift(), log_return=np.log(line["adj_close"] / by["adj_close"].shift())
    )
    own = line.dropna(subset=["previous"])[["ticker", "date", "previous", "basis", "log_return"]]
    both = own.merge(best(returns(records)), on=["ticker", "date", "previous"])
    both["difference"] = both["log_return"] - both["record_return"]
    apart = both["difference"].abs() > both["tolerance"]
    day = both.groupby("ticker")
    alone = ~(day["previous"].shift(-1).eq(both["date"]) & apart.shift(-1, fill_value=False))
    alone &= ~(day["date"].shift().eq(both["previous"]) & apart.shift(fill_value=False))
    paid = (both["rank"] == BARE) & (both["basis"] == "total_return") & alone
    paid &= both["difference"].between(0, _LARGEST_DIVIDEND)
    missing = (both["basis"] == "price_return") & ~_far(both["log_return"] - both["bare_return"], both)
    return both.assign(off=apart & ~paid & ~missing)


def best(seen: pd.DataFrame) -> pd.DataFrame:
    """What the best records say of each day; `seen` as from `returns`, columns as in `compare`.

    >>> days = pd.to_datetime(["2026-01-05", "2026-01-06"])
    >>> records = pd.DataFrame({"ticker": "F", "date": days, "record": "one", "adjusted": False})
    >>> records = records.assign(close=[10.0, 9.5], dividend=[0.0, 0.5])
    >>> best(returns(records))[["dividend", "count"]].to_numpy().tolist()
    [[0.5, 1.0]]
    """
    keys = ["ticker", "date", "previous"]
    top = seen[seen["rank"] == seen.groupby(keys)["rank"].transform("min")]
    by = top.groupby(keys)
    said = pd.DataFrame(
        {
            "record_return": by["log_return"].median(),
            "bare_return": by["bare_return"].median(),
            "dividend": by["dividend"].max(),
            "rank": by["rank"].first(),
            "tolerance": by["tolerance"].max(),
            "records": by["record"].agg(lambda names: ", ".join(sorted({_short(name) for name in names}))),
        }
    ).reset_index()
    # a bare close knows the whole day only where the others say that nothing was paid
    bare = seen[seen["rank"] == BARE].groupby(keys)["bare_return"].median().rename("bare")
    said = said.merge(bare, on=keys, how="left")
    adjusted = said["rank"] == ADJUSTED
    said["bare_return"] = said["bare_return"].mask(adjusted, said["bare"])
    beside = seen.merge(said[[*keys, "record_return"]], on=keys)
    agree = (beside["log_return"] - beside["record_return"]).abs() <= beside["tolerance"]
    count = agree.groupby([beside[key] for key in keys]).sum().rename("count").reset_index()
    return said.drop(columns="bare").merge(count, on=keys)


def _beside_records(off: pd.DataFrame, prices: pd.DataFrame) -> pd.DataFrame:
    """What is wrong with the days on which the panel is off, in words."""
    rows: list[dict[str, Any]] = []
    step = off.set_index(["ticker", "date"])
    taken: set[tuple[str, Any]] = set()
    row: Any  # a named tuple of the columns
    for row in off.itertuples():
        if (row.ticker, row.date) in taken:
            continue
        known = f"{row.record_return:+.2%} in {row.records}"
        paid = row.record_return - row.bare_return
        part = (row.log_return - row.bare_return) / paid if paid > row.tolerance else np.nan
        days = prices[row.ticker].dropna().index
        after = days[days > row.date][:1]
        late = (row.ticker, after[0] if len(after) else pd.NaT)
        left = row.difference + step.at[late, "difference"] if late in step.index else np.inf
        if abs(row.log_return) <= _UNMOVED and abs(left) <= 2 * row.tolerance:
            taken.add(late)
            kind = STALE
            expected = f"a close that moves ({known}): it repeats the one before; the next makes up for both"
        elif -_PART[0] <= part < _PART[1]:
            kind = DIVIDEND
            amount = f" of {row.dividend:g}" if row.dividend > 0 else ""
            has = "nothing" if part < _PART[0] else f"{part:.0%}"
            expected = f"the whole dividend{amount} ({known}): the return has {has} of its {paid:.2%}"
        else:
            kind, expected = RECORDS, f"the return of the records ({known}), not {row.log_return:+.2%}"
        rows.append(_doubt(row.ticker, row.date, kind, row.log_return, row.difference, expected))
    return _table(rows)


def _among_records(records: pd.DataFrame) -> pd.DataFrame:
    """Days on which records of the same kind say different things."""
    seen = returns(records)
    rows: list[dict[str, Any]] = []
    keys = ["ticker", "date", "previous"]
    for column, kept in (("bare_return", seen["rank"] != ADJUSTED), ("log_return", seen["rank"] < BARE)):
        said = seen[kept]
        by = said.groupby(keys)
        spread = by[column].transform("max") - by[column].transform("min")
        apart = said.assign(spread=spread)[spread > 2 * by["tolerance"].transform("max")]
        key: Any
        for key, of in apart.groupby(keys):
            names = ", ".join(f"{_short(n)} {v:+.2%}" for n, v in zip(of["record"], of[column], strict=True))
            size = float(of["spread"].iloc[0])
            expected = f"records that agree, which are {size:.2%} apart ({names})"
            rows.append(_doubt(key[0], key[1], RECORDS, float(of[column].median()), size, expected))
    return _table(rows).drop_duplicates(["ticker", "date"])


def _repeated(facts: Facts, beside: pd.DataFrame) -> pd.DataFrame:
    """Closes that are repeated while the market moved, and followed by the move of two sessions."""
    confirmed = set(beside.loc[~beside["off"], ["ticker", "date"]].itertuples(index=False, name=None))
    doubted = set(beside.loc[beside["off"], ["ticker", "date"]].itertuples(index=False, name=None))
    lines, index = facts.instruments, market.benchmarks(facts)
    own = market.returns(facts)
    rows: list[dict[str, Any]] = []
    for code, listed in lines.loc[own.columns].groupby("market"):
        tickers = [str(ticker) for ticker in listed.index]
        moves, benchmark = own[tickers], index.get(str(code))
        for ticker in tickers:
            drivers = {"peers": moves.drop(columns=ticker).median(axis=1)}
            if benchmark not in (None, ticker):
                drivers["benchmark"] = own[benchmark]
            together = pd.DataFrame({"own": moves[ticker], **drivers}).dropna()
            if len(together) < _SESSIONS or len(tickers) == 1:
                continue
            for day, missed, later in _missed(together):
                if (ticker, day) in confirmed | doubted:
                    continue
                expected = (
                    f"a close that moves, by about {missed:+.2%} as its market did: it repeats the one "
                    f"before, and the next session moves by {later:+.2%}, as much as both"
                )
                rows.append(_doubt(ticker, day, STALE, 0.0, -missed, expected))
    return _table(rows)


def _missed(together: pd.DataFrame) -> list[tuple[pd.Timestamp, float, float]]:
    """Day, expected move and next move of each stale close; `own` is the line, the other columns its drivers.

    A true close that is repeated says that the line did not follow its market, and the next return is that
    of one session; after a stale one the next return has what was missed. The ratio of the two likelihoods
    decides, with Student's t for the surprise of a session, and of two.
    """
    x = np.column_stack([np.ones(len(together)), together.drop(columns="own")])
    own = together["own"].to_numpy()
    moved = np.abs(own) > _UNMOVED
    fitted = x @ np.linalg.lstsq(x[moved], own[moved], rcond=None)[0]
    surprise = own - fitted
    noise = 1.4826 * np.median(np.abs(surprise - np.median(surprise)))
    missed, later = fitted[:-1], surprise[1:]
    two = np.sqrt(2.0)
    true = _log_density(missed / noise) + _log_density(later / noise)
    stale = _log_density((later - missed) / (two * noise)) - np.log(two)
    doubted = ~moved[:-1] & (np.abs(missed) > _MISSED) & (stale - true > np.log(_ODDS))
    days = pd.DatetimeIndex(together.index)
    return [(days[int(at)], float(missed[at]), float(own[at + 1])) for at in np.flatnonzero(doubted)]


def _log_density(surprise: np.ndarray) -> np.ndarray:
    """Of Student's t, but for its constant."""
    kernel: np.ndarray = -(_TAILS + 1) / 2 * np.log1p(surprise**2 / _TAILS)
    return kernel


def _far(gap: pd.Series, both: pd.DataFrame) -> pd.Series:
    return ~(gap.abs() <= both["tolerance"])


def _decimals(closes: pd.Series) -> int:
    """Decimals to which a record keeps its closes."""
    return max(len(f"{close:.6f}".rstrip("0").partition(".")[2]) for close in closes)


def _short(record: str) -> str:
    """A record's repository and column, without its commit and path."""
    place, _, column = record.partition("#")
    return place.partition("@")[0].rpartition("/")[2] + (f" ({column})" if column else "")


def _doubt(
    ticker: str, day: pd.Timestamp, kind: str, log_return: float, size: float, expected: str
) -> dict[str, Any]:
    return {
        "ticker": ticker, "date": day, "kind": kind, "log_return": log_return, "size": size,
        "expected": expected,
    }  # fmt: skip


def _table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["ticker", "date", "kind", "log_return", "size", "expected"])
    return table.astype({"date": "datetime64[us]", "log_return": float, "size": float})
