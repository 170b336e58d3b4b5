"""What have shares and currencies done since the stored prices end, according to Yahoo Finance?

`refresh` asks for each line's last stored sessions again and for those since, reads the answers strictly
(`chart`) and joins them to what is stored (`joining`): rows that came from Yahoo follow its revisions, others
stay unless accepted, and what `plausibility` doubts stays out. Whatever goes wrong with a line leaves that
line as it was and is said in the report, with its age and what to do; the whole arrives as one snapshot
of `store`. Answers that came before a break-off wait in ``data/store/.prices/`` and are not asked for again.

Yahoo's exchange rates are the last quotes of the London day, up to eleven hours after the fixing of
the ECB (14:15 in Frankfurt) which they continue; the column `source` tells the two apart. Yahoo's
data are for personal use; requests are made one after the other, with a pause between them.
"""

from __future__ import annotations

import base64
import json
import random
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd

from tariffmodel import files
from tariffmodel.errors import DataError
from tariffmodel.facts import Facts, store
from tariffmodel.intake import chart, joining, plausibility
from tariffmodel.intake.chart import Answer, Line, RefusedError
from tariffmodel.markets import market
from tariffmodel.stats import sessions

PRICES, FX, RECORDS = "market/prices.parquet", "market/fx.parquet", "market/price_records.parquet"
FIRST_DAY = pd.Timestamp("2023-01-01")  # where a line without prices begins
FINAL_AFTER = pd.Timedelta("30min")  # a bar is the day's close this long after the exchange's
FX_ZONE = "Europe/London"  # in which Yahoo's days of currencies end
FX_CLOSE = ("17:00", "America/New_York")  # when the currency market's day, and its week, ends
NOT_AT_YAHOO = {"TOPIX": "Yahoo has no symbol for this index; the fund 1306.T follows it"}
RATE_LIMITED = "Yahoo refused further requests (429, too many); repeat in an hour"
BEHIND, SILENT = 3, 4  # exit codes: lines stay behind; most of them had no answer
_OUTCOMES = (
    "updated", "rebased", "revised", "unchanged", "conflict", "doubted", "not found", "empty", "failed",
    "skipped",
)  # fmt: skip
_GOOD = _OUTCOMES[:4]
_NOTHING = ("not found", "empty", "failed", "skipped")
_REMEDIES = {
    "not found": "name its symbol of today in data/market/instruments.csv, or `tariffmodel add prices FILE`",
    "empty": "repeat tomorrow; if it has ended, `tariffmodel add prices FILE` brings what is missing",
    "failed": "repeat `tariffmodel refresh {}`",
    "skipped": "`tariffmodel add prices FILE`",
}
_WORK = "store/.prices"
_KEPT_FOR = pd.Timedelta(hours=12)  # an answer that waits longer is asked for again
_REPEATS_LIMITED, _REPEATS_BROKEN = 3, 1  # of a request that is refused, that breaks off
_FIRST_WAIT = 5.0  # seconds, doubled each time, with up to half of it added at random
_MONTH = pd.Timedelta(days=30)
_DEAD_AFTER = 3  # lines in a row without an answer, after which no more are asked for


@dataclass(frozen=True)
class Report:
    """What a refresh did.

    Attributes
    ----------
    table : DataFrame
        One row per line and currency pair: `ticker`; `outcome`, one of updated, rebased, revised,
        unchanged, conflict, doubted, not found, empty, failed, skipped; `rows_added`; `first_new` and `last`
        day now stored (NaT if none); `behind`, sessions of its exchange that are over since; `ratio` by which
        the stored history was multiplied (NaN if not compared); `revised`, stored rows that followed Yahoo;
        `detail` and `remedy` in words.
    snapshot : str
        Name of the snapshot written, empty if nothing was new.
    revisions : DataFrame
        One row per stored day that follows Yahoo: `ticker`, `date`, `source` of the old row, `old_close`,
        `new_close`, `old_dividend` and `new_dividend` per share, in shares of today.

    Examples
    --------
    >>> row = {"ticker": "GM", "outcome": "updated", "rows_added": 2, "last": pd.Timestamp("2026-10-30")}
    >>> row |= {"behind": 0, "detail": "", "remedy": ""}
    >>> gone = row | {"ticker": "FSKR", "outcome": "not found", "rows_added": 0, "behind": 9}
    >>> gone |= {"last": pd.Timestamp("2026-10-19"), "detail": "No such symbol", "remedy": "look it up"}
    >>> report = Report(pd.DataFrame([row, gone]), "20261101T080000.000000Z")
    >>> print(report.summary())
    2 lines: 1 updated, 1 not found.
    2 rows added, the last of 2026-10-30; snapshot 20261101T080000.000000Z.
      FSKR: not found, 9 sessions behind (2026-10-19). No such symbol. Remedy: look it up
    >>> report.code
    3
    """

    table: pd.DataFrame
    snapshot: str
    revisions: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=joining.REVISIONS))

    @property
    def left_behind(self) -> pd.DataFrame:
        """Rows of the table of lines that are not in order.

        In dispute, doubted or without an answer; stored, but not found or empty; or stored to a day more than
        a week of sessions ago. Lines that Yahoo does not have (`NOT_AT_YAHOO`) are not among them.

        >>> row = {"ticker": "F", "outcome": "doubted", "last": pd.NaT, "behind": 3}
        >>> Report(pd.DataFrame([row]), "").left_behind["ticker"].tolist()
        ['F']
        """
        table = self.table[~self.table["ticker"].isin(NOT_AT_YAHOO)]
        outcome, stored = table["outcome"], table["last"].notna()
        wrong = outcome.isin(["conflict", "doubted", "failed", "skipped"])
        wrong |= stored & (outcome.isin(["not found", "empty"]) | (table["behind"] > market.STALE_SESSIONS))
        return table[wrong]

    @property
    def code(self) -> int:
        """Exit code: 0, `BEHIND` if lines stay behind, `SILENT` if most of them had no answer."""
        table = self.table[~self.table["ticker"].isin(NOT_AT_YAHOO)]
        if len(table) and table["outcome"].isin(_NOTHING).mean() > 0.5:
            return SILENT
        return BEHIND if len(self.left_behind) else 0

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
        late = self.table["behind"] > market.STALE_SESSIONS  # halted or delisted, though Yahoo still answers
        told = self.table[~self.table["outcome"].isin(["updated", "unchanged"]) | late]
        for _, alike in told.groupby(["outcome", "detail", "remedy"], sort=False):
            many = len(alike) > chart.SHOWN  # of one reason, such as no network
            text += [_told_together(alike)] if many else [_told(row) for row in alike.itertuples()]
        return "\n".join(text)


def _told(row: Any) -> str:
    """What became of a line, its age, why, and what to do."""
    age = f", {row.behind} sessions behind ({row.last:%Y-%m-%d})" if row.behind and pd.notna(row.last) else ""
    age = age if pd.notna(row.last) else ", without prices"
    detail = f" {row.detail.rstrip('.')}." if row.detail else ""
    remedy = f" Remedy: {row.remedy}" if row.remedy else ""
    return f"  {row.ticker}: {row.outcome}{age}.{detail}{remedy}"


def _told_together(alike: pd.DataFrame) -> str:
    """The same of lines that share their reason."""
    oldest = alike.loc[[alike["behind"].where(alike["last"].notna(), 0).idxmax()]]
    names = f"{', '.join(alike['ticker'].head(3))} and {len(alike) - 3} more, the oldest"
    return _told(next(oldest.assign(ticker=f"{names} {oldest['ticker'].item()}").itertuples()))


def refresh(
    facts: Facts,
    *,
    tickers: Sequence[str] | None = None,
    currencies: bool = True,
    accept: Sequence[str] = (),
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
    accept : sequence of str
        Lines and pairs asked for whose stored rows of any source follow Yahoo, and whose moves are not
        doubted. What is no line's own chart is refused all the same.
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
    if overlap_sessions < joining.SETTLED:
        raise DataError(f"overlap_sessions is {overlap_sessions}; expected at least {joining.SETTLED}")
    facts = replace(facts)  # a copy that reads the tables in use now
    instruments = _chosen(facts.instruments, tickers)
    folder = facts.folder
    behind: dict[str, str] = {}
    with store.writing(folder, "prices and exchange rates from Yahoo", behind) as staging:
        prices, rates = _stored_prices(folder), stored_rates(folder)
        pairs = pairs_of(rates, facts.instruments) if currencies else []
        lines = [
            *_currency_lines(pairs, rates, overlap_sessions, moment),
            *_price_lines(instruments, prices, overlap_sessions, moment),
        ]
        _known_lines(accept, lines)
        work = folder / _WORK
        answers: list[Answer | RefusedError] = []
        for line, answer in _answers(lines, _Asking(session, timeout, pause, sleep, work, moment)):
            answers.append(answer)
            if progress:
                progress(len(answers), len(lines), line.name)
        peers = _peers(lines, answers, facts.instruments, prices)
        done = [
            _joined(line, answer, pairs, peers.get(str(facts.instruments["market"].get(line.name))), accept)
            for line, answer in zip(lines, answers, strict=True)
        ]
        table = pd.DataFrame([one.row for one in done], columns=joining.COLUMNS).astype(
            {"first_new": "datetime64[us]", "last": "datetime64[us]"}
        )
        revised = pd.concat([pd.DataFrame(columns=joining.REVISIONS), *(one.revised for one in done)])
        report = Report(table, "", revised.reset_index(drop=True))
        fresh = {
            line.name: one.frame
            for line, one in zip(lines, done, strict=True)
            if one.row["rows_added"] or one.row["revised"]
        }
        write(staging / PRICES, prices, "ticker", {k: v for k, v in fresh.items() if k not in pairs})
        write(staging / FX, rates, "pair", {k: v for k, v in fresh.items() if k in pairs})
        if len(revised):
            records = pd.read_parquet(store.path(folder, RECORDS))
            joining.recorded(records, report.revisions, moment).to_parquet(staging / RECORDS, index=False)
        for name in table["ticker"]:
            behind.pop(name, None)
        behind.update(report.left_behind.set_index("ticker")["outcome"])
    shutil.rmtree(work, ignore_errors=True)
    return replace(report, snapshot=store.current(folder) if fresh else "")


def _joined(
    line: Line, answer: Answer | RefusedError, pairs: Sequence[str], peers: Any, accept: Sequence[str]
) -> joining.Joined:
    """A line after the join, or as it was if anything is wrong with its answer."""
    try:
        if isinstance(answer, RefusedError):
            raise answer
        if line.name in pairs:
            return joining.join_rates(line, answer, accept=line.name in accept)
        return joining.join_prices(line, answer, peers, accept=line.name in accept)
    except RefusedError as refused:
        error = refused
    except Exception as fault:  # noqa: BLE001  one odd answer must not cost the others theirs
        error = RefusedError("failed", f"the answer cannot be joined ({_reason(fault)})")
    remedy = error.remedy or _REMEDIES.get(error.outcome, "").format(line.name)
    return joining.Joined(line.stored, joining.row(line, error.outcome, error.detail, remedy=remedy))


def _peers(
    lines: Sequence[Line], answers: Sequence[Answer | RefusedError], book: pd.DataFrame, prices: pd.DataFrame
) -> dict[str, dict[Any, float]]:
    """What each market did, by day: of the answers, and of what is stored of other lines."""
    came = {
        line.name: answer.frame["adj_close"]
        for line, answer in zip(lines, answers, strict=True)
        if isinstance(answer, Answer) and line.name in book.index
    }
    if not came:
        return {}
    first = min(series.index[0] for series in came.values())
    others = prices[(prices["date"] >= first) & ~prices["ticker"].isin(came)]
    levels = pd.concat(
        [
            *(
                s.rename("adj_close").rename_axis("date").reset_index().assign(ticker=t)
                for t, s in came.items()
            ),
            others[["ticker", "date", "adj_close"]],
        ]
    )
    level = levels["adj_close"].apply(np.log).groupby(levels["ticker"])
    moves = levels.assign(log_return=level.diff(), market=levels["ticker"].map(book["market"]))
    found = plausibility.peers(moves)
    return {str(code): of.droplevel("market").to_dict() for code, of in found.groupby("market")}


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


def _known_lines(accept: Sequence[str], lines: Sequence[Line]) -> None:
    """Refuse to accept what is not asked for."""
    if isinstance(accept, str):
        raise DataError(f"accept is the text {accept!r}; pass a list: [{accept!r}]")
    names = [line.name for line in lines]
    if unknown := [name for name in accept if name not in names]:
        raise DataError(
            f"accept: {', '.join(unknown)} not among the lines asked for: {', '.join(names[:12])} …"
        )


def _stored_prices(folder: Path) -> pd.DataFrame:
    frame = files.parquet(store.path(folder, PRICES))
    plain: dict[str, Any] = {"open": np.nan, "close": np.nan, "volume": np.nan, "source": "bundled"}
    return frame.assign(**{name: value for name, value in plain.items() if name not in frame})


def stored_rates(folder: Path) -> pd.DataFrame:
    """Exchange rates in use: `date`, `pair`, `rate` and their `source`, ``ECB`` or ``yahoo``.

    >>> import tariffmodel as tm
    >>> set(stored_rates(tm.facts.load().folder)["source"]) <= {"ECB", "yahoo"}
    True
    """
    frame = files.parquet(store.path(folder, FX))
    return frame if "source" in frame else frame.assign(source="ECB")


def write(place: Path, old: pd.DataFrame, key: str, fresh: dict[str, pd.DataFrame]) -> None:
    """Write a table in which some lines are replaced; nothing where none is.

    >>> write(Path("prices.parquet"), pd.DataFrame({"ticker": ["F"]}), "ticker", {})
    """
    if fresh:
        place.parent.mkdir(exist_ok=True)
        kept = old[~old[key].isin(fresh.keys())]
        frame = pd.concat([kept, *fresh.values()]).sort_values([key, "date"], ignore_index=True)
        frame.to_parquet(place, index=False)


# ---- what to ask for


def pairs_of(rates: pd.DataFrame, instruments: pd.DataFrame) -> list[str]:
    """The stored currency pairs, and dollar pairs for listing currencies that have none.

    >>> pairs_of(pd.DataFrame({"pair": ["EURUSD"]}), pd.DataFrame({"currency": ["EUR", "NOK", "USD"]}))
    ['EURUSD', 'USDNOK']
    """
    stored = sorted(set(rates["pair"]))
    covered = {"USD", *(pair[:3] for pair in stored), *(pair[3:] for pair in stored)}
    return stored + [f"USD{code}" for code in sorted(set(instruments["currency"]) - covered)]


def _currency_lines(pairs: list[str], rates: pd.DataFrame, overlap: int, now: pd.Timestamp) -> Iterator[Line]:
    yesterday = now.tz_convert(FX_ZONE).tz_localize(None).normalize() - pd.Timedelta(days=1)
    for pair in pairs:
        stored = rates[rates["pair"] == pair]
        start = _start(stored, overlap)
        symbol = f"{pair.removeprefix('USD')}=X"
        days = pd.bdate_range(min(start, yesterday - _MONTH), yesterday)
        hour, zone = FX_CLOSE
        closes = pd.Series((days + pd.Timedelta(f"{hour}:00")).tz_localize(zone), days)
        yield Line(pair, symbol, pair[3:], FX_ZONE, start, closes, stored)


def _price_lines(
    instruments: pd.DataFrame, prices: pd.DataFrame, overlap: int, now: pd.Timestamp
) -> Iterator[Line]:
    groups = dict(list(prices.groupby("ticker")))
    stored = {ticker: groups.get(ticker, prices.iloc[:0]) for ticker in instruments.index}
    starts = pd.Series({ticker: _start(frame, overlap) for ticker, frame in stored.items()})
    firsts = starts.groupby(instruments["exchange_calendar"]).min()
    books = {calendar: _sessions(str(calendar), first, now) for calendar, first in firsts.items()}
    for ticker, instrument in instruments.iterrows():
        ticker = str(ticker)
        zone, closes = books[instrument["exchange_calendar"]]
        yield Line(ticker, ticker, instrument["currency"], zone, starts[ticker], closes, stored[ticker])


def _start(stored: pd.DataFrame, overlap: int) -> pd.Timestamp:
    return FIRST_DAY if stored.empty else stored["date"].iloc[-min(overlap, len(stored))]


def _sessions(calendar: str, first: pd.Timestamp, now: pd.Timestamp) -> tuple[str, pd.Series]:
    """Time zone of an exchange, and the closes of its sessions that are over, by day."""
    book = sessions.exchange(calendar, first.year)
    return str(book.tz), book.closes[book.closes + FINAL_AFTER <= now]


# ---- asking


@dataclass(frozen=True)
class _Asking:
    """How Yahoo is asked."""

    session: Any
    timeout: float
    pause: float
    sleep: Callable[[float], None]
    work: Path  # where answers wait for the others
    now: pd.Timestamp


def _answers(lines: Sequence[Line], how: _Asking) -> Iterator[tuple[Line, Answer | RefusedError]]:
    """One line after the other, until Yahoo has had enough of us or does not answer at all."""
    over, silent, asked = "", 0, 0
    for line in lines:
        if over or line.name in NOT_AT_YAHOO:
            remedy = "repeat `tariffmodel refresh` later" if over else ""
            yield line, RefusedError("skipped", over or NOT_AT_YAHOO[line.name], remedy)
            continue
        if (kept := _kept(line, how)) is not None:
            yield line, kept
            continue
        if asked:
            how.sleep(how.pause)
        asked += 1
        answer: Answer | RefusedError
        try:
            answer = _patiently(line, how)
        except RefusedError as refused:
            answer = refused
        failed = isinstance(answer, RefusedError) and answer.outcome == "failed"
        silent = silent + 1 if failed else 0
        if failed and str(answer) == RATE_LIMITED:
            over = RATE_LIMITED
        elif silent == _DEAD_AFTER:
            over = f"not asked: {silent} lines in a row had no answer from Yahoo"
        yield line, answer


def _patiently(line: Line, how: _Asking) -> Answer:
    """Repeat a request that is refused or breaks off, each time after a longer wait."""
    from yfinance.exceptions import YFRateLimitError  # slow to import

    for attempt in count():
        try:
            body = _ask(line, how)
            answer = chart.read(body, line)
        except RefusedError as error:
            if error.outcome != "failed":
                raise
            refused, repeats = error, _REPEATS_BROKEN
        except YFRateLimitError:
            refused, repeats = RefusedError("failed", RATE_LIMITED), _REPEATS_LIMITED
        except Exception as error:  # noqa: BLE001  whatever a broken answer raises; others go on
            reason = _reason(error)
            if isinstance(error, ValueError):
                reason = f"Yahoo's answer is a web page, empty or cut off ({reason})"
            refused, repeats = RefusedError("failed", reason), _REPEATS_BROKEN
        else:
            _keep(line, how, body)  # a full disk is no fault of the line's
            return answer
        if attempt == repeats:
            raise refused
        how.sleep(_FIRST_WAIT * 2**attempt * random.uniform(1, 1.5))
    raise AssertionError("count() does not end")


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0][:120].strip()


def _ask(line: Line, how: _Asking) -> bytes:
    """The body of Yahoo's answer, whatever it is; `yfinance` sees to cookies, crumbs and consent."""
    import yfinance  # slow to import

    query = {
        "period1": int(line.start.tz_localize(line.zone).timestamp()),
        "period2": int(how.now.timestamp()),
        "interval": "1d",
        "includePrePost": False,
        "events": "div,splits,capitalGains",
    }
    address = f"{yfinance.const._BASE_URL_}/v8/finance/chart/{quote(line.symbol, safe='^=.-')}"
    answer = yfinance.data.YfData(session=how.session).get(address, params=query, timeout=how.timeout)
    body: bytes = answer.content
    return body


# ---- answers that wait for the others


def _waiting(line: Line, how: _Asking) -> Path:
    return how.work / f"{quote(line.symbol, safe='')}.json"


def _keep(line: Line, how: _Asking, body: bytes) -> None:
    about = {"start": str(line.start), "asked": how.now.isoformat(), "body": base64.b64encode(body).decode()}
    store.write_whole(_waiting(line, how), json.dumps(about).encode())


def _kept(line: Line, how: _Asking) -> Answer | None:
    """The answer of a refresh that broke off, if no session has ended since."""
    try:
        about = json.loads(_waiting(line, how).read_bytes())
        asked = pd.Timestamp(about["asked"])
        fresh = line.closes.iloc[-1] + FINAL_AFTER <= asked <= how.now <= asked + _KEPT_FOR
        if not fresh or about["start"] != str(line.start):
            return None
        return chart.read(base64.b64decode(about["body"]), line)
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, RefusedError):  # none, or damaged
        return None
