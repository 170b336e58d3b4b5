"""What have shares and currencies done since the stored prices end, according to Yahoo Finance?

`refresh` asks for each line's last stored sessions again and for those since. The sessions in common
are held against the stored ones before anything is joined: a constant ratio of levels is a later
dividend or split, and the stored history is re-based by it, so that the last row stays a traded
price and no return of the past changes; a day whose returns differ is a conflict, and the stored row
stays. A close that Yahoo lacked at first fills its gap when it comes. Whatever goes wrong with a line
leaves that line as it was and is said in the report; the whole arrives as one snapshot of `store`.

Yahoo's exchange rates are the last quotes of the London day, up to eleven hours after the fixing of
the ECB (14:15 in Frankfurt) which they continue; the column `source` tells the two apart. Yahoo's
data are for personal use; requests are made one after the other, with a pause between them.
"""

from __future__ import annotations

import random
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from itertools import count
from json import JSONDecodeError
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tariffmodel import files
from tariffmodel.errors import DataError
from tariffmodel.facts import Facts, store
from tariffmodel.markets import market
from tariffmodel.stats import sessions

PRICES, FX = "market/prices.parquet", "market/fx.parquet"
FIRST_DAY = pd.Timestamp("2023-01-01")  # where a line without prices begins
FINAL_AFTER = pd.Timedelta("30min")  # a bar is the day's close this long after the exchange's
LAST_TRADE = pd.Timedelta("5min")  # before the exchange's close: an earlier quote is no close
RETURN_TOLERANCE = 0.005  # log return: days further apart than this are a conflict
ROUNDING = 1e-4  # of Yahoo's highs and lows
LEVEL_TOLERANCE = 0.002  # a ratio of levels nearer to one than this is rounding, not an action
FX_TOLERANCE = 0.015  # between a fixing and a close of the same day, median over the overlap
FX_APART = 0.03  # the same for a single day
JUMP, FX_JUMP = 3.0, 1.1  # one day's move beyond which a price, a rate, is not believed
UNIT = 30.0  # levels this far apart without a split are not in one unit
SETTLED = 5  # sessions up to the join on which both sources have to agree
FX_ZONE = "Europe/London"  # in which Yahoo's days of currencies end
FX_CLOSE = ("17:00", "America/New_York")  # when the currency market's day, and its week, ends
HUNDREDTHS = {"GBp": "GBP", "GBX": "GBP", "ZAc": "ZAR", "ILA": "ILS"}
NOT_AT_YAHOO = {"TOPIX": "Yahoo has no symbol for this index; the fund 1306.T follows it"}
RATE_LIMITED = "Yahoo refused further requests (429, too many); repeat in an hour"
_OUTCOMES = (
    "updated", "rebased", "unchanged", "conflict", "not found", "empty", "failed", "skipped",
)  # fmt: skip
_COLUMNS = ["ticker", "outcome", "rows_added", "first_new", "last", "ratio", "detail"]
_REPEATS_LIMITED, _REPEATS_BROKEN = 3, 1  # of a request that is refused, that breaks off
_FIRST_WAIT = 5.0  # seconds, doubled each time, with up to half of it added at random
_MONTH, _LONG_AGO = pd.Timedelta(days=30), pd.Timedelta(days=10)
_SHOWN = 4  # days that a detail lists
_DEAD_AFTER = 3  # lines in a row without an answer, after which no more are asked for


@dataclass(frozen=True)
class Report:
    """What a refresh did.

    Attributes
    ----------
    table : DataFrame
        One row per line and currency pair: `ticker`; `outcome`, one of updated, rebased, unchanged,
        conflict, not found, empty, failed, skipped; `rows_added`; `first_new` and `last` day now
        stored (NaT if none); `ratio` by which the stored history was multiplied (NaN if not
        compared); `detail` in words.
    snapshot : str
        Name of the snapshot written, empty if nothing was new.

    Examples
    --------
    >>> row = {"ticker": "GM", "outcome": "updated", "rows_added": 2, "last": pd.Timestamp("2026-10-30")}
    >>> gone = row | {"ticker": "FSKR", "outcome": "not found", "rows_added": 0, "detail": "No such symbol."}
    >>> print(Report(pd.DataFrame([row, gone]), "20261101T080000.000000Z").summary())
    2 lines: 1 updated, 1 not found.
    2 rows added, the last of 2026-10-30; snapshot 20261101T080000.000000Z.
      FSKR: not found. No such symbol.
    """

    table: pd.DataFrame
    snapshot: str

    def summary(self) -> str:
        """Counts by outcome, then each line that a reader should look at."""
        seen = self.table["outcome"].value_counts()
        counts = ", ".join(f"{seen[outcome]} {outcome}" for outcome in _OUTCOMES if outcome in seen)
        added, last = self.table["rows_added"].sum(), self.table["last"].max()
        text = [f"{len(self.table)} lines: {counts}."]
        text.append(
            f"{added:,} rows added, the last of {last:%Y-%m-%d}; snapshot {self.snapshot}."
            if self.snapshot
            else "Nothing new; no snapshot written."
        )
        behind = last - self.table["last"] > _LONG_AGO  # halted or delisted, though Yahoo still answers
        attention = self.table[~self.table["outcome"].isin(["updated", "unchanged"]) | behind]
        text += [f"  {row.ticker}: {row.outcome}. {row.detail}" for row in attention.itertuples()]
        return "\n".join(text)


@dataclass(frozen=True)
class _Line:
    """A share, index or currency pair to ask for."""

    name: str
    symbol: str  # at Yahoo
    currency: str
    zone: str
    start: pd.Timestamp
    closes: pd.Series  # of the sessions that are over: the exchange's close, by day
    stored: pd.DataFrame

    @property
    def days(self) -> pd.DatetimeIndex:
        """Sessions that are over."""
        return pd.DatetimeIndex(self.closes.index)


@dataclass(frozen=True)
class _Answer:
    """Final bars of a line, by session: `open`, `close`, `adj_close`, `volume`, `dividend`, `split`."""

    frame: pd.DataFrame
    index: bool  # a price index, which pays nothing
    notes: list[str]


class _RefusedError(Exception):
    """A line that brings nothing, and why."""

    def __init__(self, outcome: str, detail: str) -> None:
        super().__init__(detail)
        self.outcome, self.detail = outcome, detail


def refresh(
    facts: Facts,
    *,
    tickers: Sequence[str] | None = None,
    currencies: bool = True,
    session: Any = None,
    now: datetime | None = None,
    overlap_sessions: int = 20,
    progress: Callable[[int, int, str], None] | None = None,
    pause: float = 0.5,
    timeout: float = 10.0,
    sleep: Callable[[float], None] = time.sleep,
) -> Report:
    """Bring prices and exchange rates up to date from Yahoo, through `yfinance`.

    Load the facts again to use what came in.

    New rows of prices carry `source` ``yahoo``, `open` and `close` as traded (adjusted for splits up to
    the last row) and the `volume` in shares; in rows of the bundled panel these are empty. An open that
    is not positive or lies outside the day's range is left out and counted, the close stays. Rows
    without a close, of sessions that are not over and of days without a session are left out.

    Parameters
    ----------
    tickers : sequence of str, optional
        Default: every line of data/market/instruments.csv, with prices so far or not.
    currencies : bool
        Extend the exchange rates too, and start those of listing currencies that have none.
    session : curl_cffi.requests.Session, optional
        Passed to yfinance.
    now : datetime, optional
        With a time zone; decides which sessions are over. Default: the clock.
    overlap_sessions : int
        Stored sessions that are asked for again, for the comparison.
    progress : callable (done, total, ticker), optional
    pause, timeout : float
        Seconds between requests, and until a request counts as failed.
    sleep : callable (seconds)

    Raises
    ------
    DataError
        Unknown tickers, `now` without a time zone, too short an overlap; or the store cannot be
        written, see `store.writing`. What goes wrong with one line is in the report instead.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> tm.refresh.refresh(tm.facts.load(), tickers=["GM"]).table["outcome"].tolist()  # doctest: +SKIP
    ['updated']
    """
    moment = pd.Timestamp(now or pd.Timestamp.now("UTC"))
    if moment.tz is None:
        raise DataError(f"now is {now!r}, without a time zone; write datetime(..., tzinfo=UTC)")
    if overlap_sessions < SETTLED:
        raise DataError(f"overlap_sessions is {overlap_sessions}; expected at least {SETTLED}")
    facts = replace(facts)  # a copy that reads the tables in use now
    instruments = _chosen(facts.instruments, tickers)
    folder = facts.folder
    with store.writing(folder, "prices and exchange rates from Yahoo") as staging:
        prices, rates = _stored_prices(folder), _stored_rates(folder)
        pairs = _pairs(rates, facts.instruments) if currencies else []
        lines = [
            *_currency_lines(pairs, rates, overlap_sessions, moment),
            *_price_lines(instruments, prices, overlap_sessions, moment),
        ]
        fresh: dict[str, pd.DataFrame] = {}
        rows = []
        answers = _answers(lines, session, timeout, pause, sleep)
        for done, (line, answer) in enumerate(answers, start=1):
            try:
                if isinstance(answer, _RefusedError):
                    raise answer
                join = _join_rates if line.name in pairs else _join_prices
                fresh[line.name], row = join(line, answer)
            except _RefusedError as refused:
                row = _row(line, refused.outcome, refused.detail)
            rows.append(row)
            if progress:
                progress(done, len(lines), line.name)
        table = pd.DataFrame(rows, columns=_COLUMNS).astype(
            {"first_new": "datetime64[us]", "last": "datetime64[us]"}
        )
        added = set(table.loc[table["rows_added"] > 0, "ticker"])
        _write(staging / PRICES, prices, "ticker", {k: fresh[k] for k in added - set(pairs)})
        _write(staging / FX, rates, "pair", {k: fresh[k] for k in added & set(pairs)})
    return Report(table, store.current(folder) if added else "")


def watched(facts: Facts, **options: Any) -> Report:
    """`refresh` with a progress bar, in a terminal or a notebook; same options.

    >>> import tariffmodel as tm
    >>> print(tm.refresh.watched(tm.facts.load(), tickers=["GM"]).summary())  # doctest: +SKIP
    1 lines: 1 updated.
    2 rows added, the last of 2026-10-30; snapshot 20261101T080000.000000Z.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # slow to import

    with Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), transient=True) as bar:
        task = bar.add_task("asking Yahoo", total=None)

        def progress(done: int, total: int, ticker: str) -> None:
            bar.update(task, completed=done, total=total, description=ticker)

        return refresh(facts, progress=progress, **options)


def _chosen(instruments: pd.DataFrame, tickers: Sequence[str] | None) -> pd.DataFrame:
    if tickers is None:
        return instruments
    if isinstance(tickers, str):
        raise DataError(f"tickers is the text {tickers!r}; pass a list: [{tickers!r}]")
    unknown = [ticker for ticker in tickers if ticker not in instruments.index]
    if unknown:
        raise DataError(
            f"{', '.join(unknown)} not in data/market/instruments.csv; add a row there, or check the spelling"
        )
    return instruments.loc[list(dict.fromkeys(tickers))]


def _stored_prices(folder: Path) -> pd.DataFrame:
    frame = files.parquet(store.path(folder, PRICES))
    plain: dict[str, Any] = {"open": np.nan, "close": np.nan, "volume": np.nan, "source": "bundled"}
    return frame.assign(**{name: value for name, value in plain.items() if name not in frame})


def _stored_rates(folder: Path) -> pd.DataFrame:
    frame = files.parquet(store.path(folder, FX))
    return frame if "source" in frame else frame.assign(source="ECB")


def _write(place: Path, old: pd.DataFrame, key: str, fresh: dict[str, pd.DataFrame]) -> None:
    if fresh:
        place.parent.mkdir(exist_ok=True)
        kept = old[~old[key].isin(fresh.keys())]
        frame = pd.concat([kept, *fresh.values()]).sort_values([key, "date"], ignore_index=True)
        frame.to_parquet(place, index=False)


# ---- what to ask for


def _pairs(rates: pd.DataFrame, instruments: pd.DataFrame) -> list[str]:
    """The stored currency pairs, and dollar pairs for listing currencies that have none."""
    stored = sorted(set(rates["pair"]))
    covered = {"USD", *(pair[:3] for pair in stored), *(pair[3:] for pair in stored)}
    return stored + [f"USD{code}" for code in sorted(set(instruments["currency"]) - covered)]


def _currency_lines(
    pairs: list[str], rates: pd.DataFrame, overlap: int, now: pd.Timestamp
) -> Iterator[_Line]:
    yesterday = now.tz_convert(FX_ZONE).tz_localize(None).normalize() - pd.Timedelta(days=1)
    for pair in pairs:
        stored = rates[rates["pair"] == pair]
        start = _start(stored, overlap)
        symbol = f"{pair.removeprefix('USD')}=X"
        days = pd.bdate_range(min(start, yesterday - _MONTH), yesterday)
        hour, zone = FX_CLOSE
        closes = pd.Series((days + pd.Timedelta(f"{hour}:00")).tz_localize(zone), days)
        yield _Line(pair, symbol, pair[3:], FX_ZONE, start, closes, stored)


def _price_lines(
    instruments: pd.DataFrame, prices: pd.DataFrame, overlap: int, now: pd.Timestamp
) -> Iterator[_Line]:
    groups = dict(list(prices.groupby("ticker")))
    stored = {ticker: groups.get(ticker, prices.iloc[:0]) for ticker in instruments.index}
    starts = pd.Series({ticker: _start(frame, overlap) for ticker, frame in stored.items()})
    firsts = starts.groupby(instruments["exchange_calendar"]).min()
    books = {calendar: _sessions(str(calendar), first, now) for calendar, first in firsts.items()}
    for ticker, instrument in instruments.iterrows():
        ticker = str(ticker)
        zone, closes = books[instrument["exchange_calendar"]]
        yield _Line(ticker, ticker, instrument["currency"], zone, starts[ticker], closes, stored[ticker])


def _start(stored: pd.DataFrame, overlap: int) -> pd.Timestamp:
    return FIRST_DAY if stored.empty else stored["date"].iloc[-min(overlap, len(stored))]


def _sessions(calendar: str, first: pd.Timestamp, now: pd.Timestamp) -> tuple[str, pd.Series]:
    """Time zone of an exchange, and the closes of its sessions that are over, by day."""
    book = sessions.exchange(calendar, first.year)
    return str(book.tz), book.closes[book.closes + FINAL_AFTER <= now]


# ---- asking


def _answers(
    lines: Sequence[_Line], session: Any, timeout: float, pause: float, sleep: Callable[[float], None]
) -> Iterator[tuple[_Line, _Answer | _RefusedError]]:
    """One line after the other, until Yahoo has had enough of us or does not answer at all."""
    over, silent, asked = "", 0, 0
    for line in lines:
        if over or line.name in NOT_AT_YAHOO:
            yield line, _RefusedError("skipped", over or NOT_AT_YAHOO[line.name])
            continue
        if asked:
            sleep(pause)
        asked += 1
        answer: _Answer | _RefusedError
        try:
            answer = _final(line, *_patiently(line, session, timeout, sleep))
        except _RefusedError as refused:
            answer = refused
        failed = isinstance(answer, _RefusedError) and answer.outcome == "failed"
        silent = silent + 1 if failed else 0
        if failed and str(answer) == RATE_LIMITED:
            over = RATE_LIMITED
        elif silent == _DEAD_AFTER:
            over = f"not asked: {silent} lines in a row had no answer from Yahoo"
        yield line, answer


def _patiently(
    line: _Line, session: Any, timeout: float, sleep: Callable[[float], None]
) -> tuple[pd.DataFrame, Mapping[str, Any]]:
    """Repeat a request that is refused or breaks off, each time after a longer wait."""
    from yfinance.exceptions import YFRateLimitError  # slow to import

    for attempt in count():
        try:
            return _ask(line, session, timeout)
        except _RefusedError as error:
            if error.outcome != "failed":
                raise
            refused, repeats = error, _REPEATS_BROKEN
        except YFRateLimitError:
            refused, repeats = _RefusedError("failed", RATE_LIMITED), _REPEATS_LIMITED
        except Exception as error:  # noqa: BLE001  whatever a broken answer makes yfinance raise; others go on
            reason = f"{type(error).__name__}: {error}".partition("\n")[0][:120].strip()
            if isinstance(error, JSONDecodeError):
                reason = f"Yahoo's answer is a web page, empty or cut off ({reason})"
            refused, repeats = _RefusedError("failed", reason), _REPEATS_BROKEN
        if attempt == repeats:
            raise refused
        sleep(_FIRST_WAIT * 2**attempt * random.uniform(1, 1.5))
    raise AssertionError("count() does not end")


def _ask(line: _Line, session: Any, timeout: float) -> tuple[pd.DataFrame, Mapping[str, Any]]:
    """Yahoo's bars of a line, and what Yahoo says about it."""
    import yfinance

    yfinance.cache.get_tz_cache().store(line.symbol, line.zone)  # else yfinance asks for it first
    ticker = yfinance.Ticker(line.symbol, session=session)
    debug, hide = yfinance.config.debug, yfinance.config.debug.hide_exceptions
    debug.hide_exceptions = False  # raise the reason instead of logging it
    try:
        with warnings.catch_warnings():
            # yfinance shows this one of its own on every request, in the middle of a progress bar
            warnings.filterwarnings(action="ignore", category=pd.errors.Pandas4Warning, module="yfinance")
            bars = ticker.history(start=line.start, auto_adjust=False, keepna=True, timeout=timeout)
        return bars, ticker.get_history_metadata()
    except yfinance.exceptions.YFTickerMissingError as error:
        if "No data found" in error.rationale:
            outcome, who = "not found", "Yahoo"
        elif "Data doesn't exist" in error.rationale or "symbol" in ticker.get_history_metadata():
            outcome, who = "empty", "Yahoo"
        else:  # an answer, but not about this line
            outcome, who = "failed", "Yahoo's answer holds no chart"
        raise _RefusedError(outcome, f"{who}: {error.rationale}") from error
    finally:
        debug.hide_exceptions = hide


def _final(line: _Line, bars: pd.DataFrame, about: Mapping[str, Any]) -> _Answer:
    """Closes of sessions that are over, in the line's currency.

    The last adjusted close is set to the last close: Yahoo has already taken a dividend of a
    session that is not over out of the earlier ones.
    """
    names = {"Close": "close", "Adj Close": "adj_close", "Volume": "volume"}
    names |= {"Open": "open", "High": "high", "Low": "low"}
    names |= {"Dividends": "dividend", "Stock Splits": "split"}
    frame = bars[list(names)].rename(columns=names).astype(float).replace([np.inf, -np.inf], np.nan)
    frame.index = pd.DatetimeIndex(frame.index).tz_localize(None).normalize().as_unit("us")
    frame = frame[frame.index >= line.start]  # an answer may reach further back than was asked
    known = frame.dropna(subset=["close", "adj_close"])
    late = (known.index > line.days[-1]) | (known.index == _still_open(line, about))
    # on a holiday that the calendar does not know, Yahoo repeats the close of the day before
    traded = (
        (known["volume"] > 0) | (known["close"].diff() != 0) | (about.get("instrumentType") == "CURRENCY")
    )
    final = known[known.index.isin(line.days) & ~late & traded].copy()
    counts = {
        f"without a close (last {_last(frame.index.difference(known.index))})": len(frame) - len(known),
        f"not final (last {_last(known.index)})": late.sum(),
        "of days without a session or a trade": len(known) - late.sum() - len(final),
    }
    notes = [f"left out {number} {what}" for what, number in counts.items() if number]
    if final.empty:
        raise _RefusedError("empty", "; ".join(["Yahoo has no close in this span", *notes]))
    currency = about.get("currency") or "a currency it does not name"
    if HUNDREDTHS.get(currency) == line.currency:
        final[["open", "high", "low", "close", "adj_close", "dividend"]] /= 100
        notes.append(f"{currency} divided by 100")
    elif currency != line.currency:
        raise _RefusedError("conflict", f"Yahoo quotes it in {currency}, instruments.csv in {line.currency}")
    bad = final.index[(final[["close", "adj_close"]] <= 0).any(axis=1)]
    if len(bad):
        raise _RefusedError("conflict", f"prices that are not positive on {_list(bad)}")
    final["adj_close"] *= final["close"].iloc[-1] / final["adj_close"].iloc[-1]
    opening = final["open"]
    inside = (opening >= final["low"] * (1 - ROUNDING)) & (opening <= final["high"] * (1 + ROUNDING))
    believed = (opening > 0) & inside
    if not believed.all():
        notes.append(f"left out {(~believed).sum()} opens that are missing or outside the day's range")
        final["open"] = opening.where(believed)
    return _Answer(final.drop(columns=["high", "low"]), about.get("instrumentType") == "INDEX", notes)


def _still_open(line: _Line, about: Mapping[str, Any]) -> pd.Timestamp | None:
    """Day of Yahoo's last quote if it is from before the close, whatever the clock says by now."""
    quoted = about.get("regularMarketTime")
    if quoted is None:
        return None
    moment = quoted if isinstance(quoted, pd.Timestamp) else pd.to_datetime(quoted, unit="s", utc=True)
    day = moment.tz_convert(line.zone).tz_localize(None).normalize()
    return day if day in line.closes and moment < line.closes[day] - LAST_TRADE else None


# ---- joining what came to what is stored


def _join_prices(line: _Line, answer: _Answer) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The line's rows with the new ones, and its row of the report."""
    old, seen = line.stored, answer.frame
    if old.empty:
        factor, differing = np.nan, list[str]()
        new, gaps = seen, seen.iloc[:0]
        basis = "price_return" if answer.index else "total_return"
    else:
        settled, factor, differing = _compare(line, seen)
        new = seen[seen.index > old["date"].iloc[-1]]
        gaps = seen.loc[settled[0] : settled[-1]].drop(settled)
        basis = old["basis"].iloc[-1] if answer.index else "total_return"
    added = gaps.index.append(new.index)
    _believable(_since(seen, added), JUMP)
    split: Any = new["split"].where(new["split"] > 0, 1.0).prod()
    if not old.empty and not 1 / UNIT < factor * split < UNIT:
        why = f"Yahoo's prices are ×{factor:.4g} the stored ones and no split says so: another unit?"
        raise _RefusedError("conflict", f"{why} Nothing joined, stored rows stay")
    behind = (line.days > seen.index[-1]).sum()
    said = f"Yahoo's last close is of {_last(seen.index)}, {behind} sessions back" if behind else ""
    if added.empty:
        outcome = "conflict" if differing else "unchanged"
        return old, _row(line, outcome, _text(*differing, said, *answer.notes), ratio=factor)
    outcome, why = "updated", ""
    if not old.empty:
        if abs(factor - 1) > LEVEL_TOLERANCE:
            outcome, why = "rebased", _explain(factor, seen, new)
        old = _rebased(old, seen.loc[settled], factor)
    if len(gaps):  # linked to the day before, so that no stored level moves
        link = (old.set_index("date")["adj_close"] / seen["adj_close"]).reindex(seen.index).ffill()
        filled = gaps.assign(adj_close=gaps["adj_close"] * link[gaps.index])
        old = pd.concat([old, _price_rows(line, filled, basis)]).sort_values("date", ignore_index=True)
    rows = _price_rows(line, new, basis)
    if old.empty:
        rows.loc[0, "records"] = 0  # no return ends in the first row
    outcome = "conflict" if differing else outcome
    kept = "stored rows stay, new ones joined after them" if differing else ""
    closed = f"gaps filled on {_list(gaps.index)}" if len(gaps) else ""
    said = said if behind > market.STALE_SESSIONS else ""  # a day or two are in the notes
    detail = _text(why, *differing, kept, closed, said, *answer.notes)
    return pd.concat([old, rows], ignore_index=True), _row(line, outcome, detail, added, factor)


def _price_rows(line: _Line, frame: pd.DataFrame, basis: str) -> pd.DataFrame:
    """Rows of the table of prices from Yahoo's bars."""
    return pd.DataFrame(
        {
            "date": frame.index,
            "ticker": line.name,
            "adj_close": frame["adj_close"].to_numpy(),
            "records": 1,
            "basis": basis,
            "open": frame["open"].to_numpy(),
            "close": frame["close"].to_numpy(),
            "volume": frame["volume"].to_numpy(),
            "source": "yahoo",
        }
    )


def _compare(line: _Line, seen: pd.DataFrame) -> tuple[pd.Index, float, list[str]]:
    """Sessions up to the join on which both agree, Yahoo's level over the stored one there, conflicts.

    A stored return without its dividend is held against Yahoo's price return of that day.
    """
    old = line.stored.set_index("date")
    common = seen.index.intersection(old.index)
    if common.empty:
        raise _RefusedError("conflict", _no_day_in_common(old.index, seen.index))
    theirs, ours = seen.loc[common, ["close", "adj_close"]].apply(np.log).diff(), old.loc[common]
    priced = (ours["basis"] == "price_return").to_numpy()
    step = np.where(priced, theirs["close"], theirs["adj_close"])[1:]
    level = np.log(ours["adj_close"].to_numpy())
    apart = np.append(0.0, np.diff(level) - step)
    wrong = np.flatnonzero(np.abs(apart) > RETURN_TOLERANCE)
    # levels on either side of a day in dispute are not comparable: use those after the last one
    first = wrong[-1] if len(wrong) else 0
    said = [
        f"{common[day]:%Y-%m-%d}: return stored {np.expm1(level[day] - level[day - 1]):+.2%}, "
        f"Yahoo {np.expm1(step[day - 1]):+.2%}"
        for day in wrong[:_SHOWN]
    ]
    said += [f"and {len(wrong) - _SHOWN} more days"] if len(wrong) > _SHOWN else []
    if len(common) - first < min(SETTLED, len(old)):
        few = f"sessions up to the join that agree: {len(common) - first}, fewer than {SETTLED}"
        raise _RefusedError("conflict", _text(*said, f"{few}; nothing joined, stored rows stay"))
    index = np.append(0.0, np.cumsum(step))  # Yahoo's level with our dividends, ending at Yahoo's
    index += np.log(float(seen["adj_close"].loc[common[-1]])) - index[-1]
    factor = float(np.exp(np.median((index - level)[first:])))
    return common[first:], factor, said


def _rebased(old: pd.DataFrame, settled: pd.DataFrame, factor: float) -> pd.DataFrame:
    """Stored rows at Yahoo's level; opens, closes and volumes too, if there was a split since."""
    ratio = (settled["close"] / old.set_index("date")["close"]).median()  # NaN in bundled rows
    split = ratio if abs(ratio - 1) > LEVEL_TOLERANCE else 1.0
    return old.assign(
        adj_close=old["adj_close"] * factor,
        open=old["open"] * split,
        close=old["close"] * split,
        volume=old["volume"] / split,
    )


def _explain(factor: float, seen: pd.DataFrame, new: pd.DataFrame) -> str:
    """Whether the splits and dividends since explain the ratio of levels.

    Yahoo multiplies what lies before a split by its inverse and what lies before a dividend by one
    less the dividend over the close of the day before (Yahoo Finance help, "What is the adjusted
    close?", after the standard of CRSP).
    """
    split = new["split"].where(new["split"] > 0, 1.0)
    dividend = new["dividend"]
    by_split: Any = (1 / split).prod()
    by_dividend: Any = (1 - dividend / seen["close"].shift().loc[new.index]).prod()
    due = by_split * by_dividend
    said = [f"split {_ratio(value)} on {day:%Y-%m-%d}" for day, value in split[split != 1].items()]
    said += [f"dividend {value:g} on {day:%Y-%m-%d}" for day, value in dividend[dividend > 0].items()]
    text = f"re-based ×{factor:.4g}, {', '.join(said) or 'no action reported'}"
    if said and abs(factor / due - 1) > LEVEL_TOLERANCE:
        text += f", which would make ×{due:.4g}"
    return text


def _believable(frame: pd.DataFrame, jump: float) -> None:
    """Refuse moves that cannot be, and splits that are not in the prices before them."""
    move = np.log(frame["adj_close"]).diff()
    split = np.log(frame["split"].where(frame["split"] > 0, 1.0))
    unadjusted = (split.abs() > np.log(1.25)) & ((move + split).abs() < move.abs())
    bad = frame.index[(move.abs() > np.log(jump)) | unadjusted]
    if len(bad):
        day = bad[0]
        what = f"a move of ×{np.exp(move[day]):.3g} on {day:%Y-%m-%d}"
        why = f"the split {_ratio(np.exp(split[day]))} is not in the earlier prices"
        limit = f"more than ×{jump:g} in a day is not believed"
        raise _RefusedError("conflict", f"{what}; {why if unadjusted[day] else limit}")


def _since(seen: pd.DataFrame, added: pd.Index) -> pd.DataFrame:
    """The rows from the one before the first that is added."""
    if added.empty:
        return seen.iloc[:0]
    place: Any = seen.index.get_loc(added[0])
    return seen.iloc[max(place - 1, 0) :]


def _join_rates(line: _Line, answer: _Answer) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The pair's rows with the new ones, never re-based, and its row of the report."""
    old, seen = line.stored.set_index("date")["rate"], answer.frame["close"]
    common = seen.index.intersection(old.index)
    ratio, said = np.nan, []
    if len(old):
        if common.empty:
            raise _RefusedError("conflict", _no_day_in_common(old.index, seen.index))
        ratio = float((seen[common] / old[common]).median())
        if abs(ratio - 1) > FX_TOLERANCE:
            raise _RefusedError(
                "conflict",
                f"Yahoo's rates are ×{ratio:.4g} the stored ones of the same days; nothing joined",
            )
        apart = common[np.abs(np.log(seen[common] / old[common])) > FX_APART]
        said = [f"{day:%Y-%m-%d}: stored {old[day]:g}, Yahoo {seen[day]:g}" for day in apart[:_SHOWN]]
    new = answer.frame[seen.index > old.index[-1]] if len(old) else answer.frame
    _believable(_since(answer.frame, new.index), FX_JUMP)
    outcome = "conflict" if said else "unchanged" if new.empty else "updated"
    if new.empty:
        return line.stored, _row(line, outcome, _text(*said, *answer.notes), ratio=ratio)
    rows = pd.DataFrame(
        {"date": new.index, "pair": line.name, "rate": new["close"].to_numpy(), "source": "yahoo"}
    )
    row = _row(line, outcome, _text(*said, *answer.notes), new.index, ratio)
    return pd.concat([line.stored, rows], ignore_index=True), row


def _row(
    line: _Line, outcome: str, detail: str, new: pd.Index | None = None, ratio: float = np.nan
) -> dict[str, Any]:
    stored = (0, pd.NaT, line.stored["date"].max())
    days = stored if new is None else (len(new), new[0], new[-1])
    return dict(zip(_COLUMNS, (line.name, outcome, *days, ratio, detail), strict=True))


def _text(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def _no_day_in_common(stored: pd.Index, seen: pd.Index) -> str:
    return (
        f"no session in common: stored up to {_last(stored)}, Yahoo from {seen[0]:%Y-%m-%d}; "
        "raise overlap_sessions"
    )


def _last(days: pd.Index) -> str:
    return f"{days[-1]:%Y-%m-%d}" if len(days) else "none"


def _list(days: pd.Index) -> str:
    more = f" and {len(days) - _SHOWN} more days" if len(days) > _SHOWN else ""
    return ", ".join(f"{day:%Y-%m-%d}" for day in days[:_SHOWN]) + more


def _ratio(value: float) -> str:
    ratio = Fraction(value).limit_denominator(1000)
    return f"{ratio.numerator}:{ratio.denominator}"
