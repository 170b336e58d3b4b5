"""When do makers report, according to Yahoo Finance?

yfinance reads Yahoo's page of a line's earnings dates, past and to come. They come into the user's
table of makers' news (`own_events`) as estimated rows that stand for no sourced one: Yahoo's hours are
often placeholders and its days at times one off, so only the day in the maker's zone is kept, and the
next session counts as its own too. Either every line asked for is understood, or nothing is stored.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from importlib.metadata import version
from typing import Any

import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import Facts, news, store
from tariffmodel.intake import own_events
from tariffmodel.intake.yahoo import RATE_LIMITED

_LIMIT = 25  # dates of a line, some six years: Yahoo's smallest page
_PAGE = "https://finance.yahoo.com/calendar/earnings?symbol="
_NOTHING = "nothing was stored"


class NoAnswerError(DataError):
    """Yahoo does not answer, or not any more for today."""


def refresh(
    facts: Facts,
    *,
    tickers: Sequence[str] | None = None,
    session: Any = None,
    now: datetime | None = None,
    pause: float = 0.5,
    sleep: Callable[[float], None] = time.sleep,
    progress: Callable[[int, int, str], None] | None = None,
) -> pd.DataFrame:
    """Bring makers' earnings dates from Yahoo, through `yfinance`. Load the facts again to use them.

    Parameters
    ----------
    tickers : sequence of str, optional
        Home lines of makers. Default: all.
    session : curl_cffi.requests.Session, optional
        Passed to yfinance.
    now : datetime, optional
        With a time zone: the day on which the rows are read. Default: the clock.
    pause : float
        Seconds between requests.
    sleep : callable (seconds)
    progress : callable (done, total, ticker), optional

    Returns
    -------
    DataFrame
        Indexed by `ticker`: `maker`, `listed` (dates at Yahoo), `added`, `sourced` (left out, as another
        source tells of results within three days), `removed` (earlier rows of Yahoo's that it no longer
        lists), `first` and `last` day listed. ``attrs["snapshot"]`` is the snapshot written, empty if nothing
        changed.

    Raises
    ------
    DataError
        Lines that are no maker's, no answer, a refusal, or pages that yfinance does not read: nothing
        is stored then.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> tm.earnings_dates.refresh(tm.facts.load(), tickers=["GM"])["added"].tolist()  # doctest: +SKIP
    [14]
    """
    moment = pd.Timestamp(now or pd.Timestamp.now("UTC"))
    facts = replace(facts)  # a copy that reads the tables in use now
    makers = _makers(facts, tickers)
    answers: dict[str, pd.DataFrame | None] = {}
    for place, ticker in enumerate(makers):
        if place:
            sleep(pause)
        answers[ticker] = _ask(ticker, session)
        if progress:
            progress(place + 1, len(makers), ticker)
    if all(answer is None for answer in answers.values()):
        raise DataError(
            f"no page of Yahoo's had a table of earnings dates ({', '.join(makers)}): its layout has changed "
            f"or it asks for consent; {_NOTHING}. Add the days with `tariffmodel add events`"
        )
    fresh = pd.concat(
        [_rows(facts, makers[t], t, found, moment) for t, found in answers.items() if found is not None]
    )
    held = news.company(facts)
    yahoos = held["source_title"] == news.YAHOO
    others = held[~yahoos & held["maker"].isin(makers.values())]
    told = news.told_already(pd.concat([others, fresh], ignore_index=True)).to_numpy()[len(others) :]
    known = held[yahoos]
    new = fresh[~told & ~_among(fresh, known, [*own_events.KEY, "what"])]
    gone = known[known["maker"].isin(fresh["maker"]) & ~_among(known, fresh, own_events.KEY)]
    gone = gone[gone["date"] >= gone["maker"].map(fresh.groupby("maker")["date"].min())]
    if len(new) or len(gone):
        own_events.keep(facts, new, "earnings dates from Yahoo", gone)
    counts = pd.DataFrame({"maker": pd.Series(makers)}).rename_axis("ticker")
    parts = {"listed": fresh, "added": new, "sourced": fresh[told], "removed": gone}
    for name, rows in parts.items():
        counts[name] = counts["maker"].map(rows["maker"].value_counts()).fillna(0).astype(int)
    spans = fresh.groupby("maker")["date"].agg(["min", "max"]).reindex(counts["maker"])
    counts = counts.assign(first=spans["min"].to_numpy(), last=spans["max"].to_numpy())
    counts.attrs = {"snapshot": store.current(facts.folder) if len(new) or len(gone) else ""}
    return counts


def _makers(facts: Facts, tickers: Sequence[str] | None) -> dict[str, str]:
    """The maker of each line that is asked for."""
    lines = {str(line): str(maker) for maker, line in facts.makers["ticker"].dropna().items()}
    if tickers is None:
        return lines
    if unknown := [ticker for ticker in tickers if ticker not in lines]:
        raise DataError(f"{', '.join(unknown)}: not the home line of a maker; there are {', '.join(lines)}")
    return {ticker: lines[ticker] for ticker in tickers}


def _ask(ticker: str, session: Any) -> pd.DataFrame | None:
    """Yahoo's table of a line's earnings dates; None where its page has none."""
    import yfinance  # slow to import
    from curl_cffi.requests.exceptions import RequestException

    yfinance.data.YfData.cache_get.cache_clear()  # else a page once read is never asked for again
    try:
        found: pd.DataFrame | None = yfinance.Ticker(ticker, session=session).get_earnings_dates(limit=_LIMIT)
    except yfinance.exceptions.YFRateLimitError:
        raise NoAnswerError(f"{ticker}: {RATE_LIMITED}; {_NOTHING}") from None
    except RequestException as error:
        raise NoAnswerError(
            f"{ticker}: no answer from Yahoo ({_reason(error)}); {_NOTHING}; repeat later"
        ) from None
    except Exception as error:  # whatever a page laid out otherwise makes yfinance raise
        raise DataError(_changed(ticker, _reason(error))) from error
    if found is None:
        return None
    if "Reported EPS" not in found or not isinstance(found.index, pd.DatetimeIndex) or found.index.tz is None:
        raise DataError(_changed(ticker, "no column of reported earnings, or no moments"))
    return found[found.index.notna()]


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0][:120].strip()


def _changed(ticker: str, reason: str) -> str:
    return (
        f"{ticker}: Yahoo's page of earnings dates is laid out otherwise than yfinance {version('yfinance')}"
        f" reads it ({reason}); {_NOTHING}. Add the days with `tariffmodel add events`, or update yfinance"
    )


def _rows(facts: Facts, maker: str, ticker: str, found: pd.DataFrame, now: pd.Timestamp) -> pd.DataFrame:
    """Rows of ``company_news.csv`` from a table of Yahoo's."""
    moments = pd.DatetimeIndex(found.index)
    reported = found["Reported EPS"].notna().to_numpy()
    rows = pd.DataFrame(
        {
            "maker": maker,
            "date": moments.tz_convert(own_events.zone_of(facts, maker)).strftime("%Y-%m-%d"),
            "time": None,
            "time_assumed": None,
            "zone": None,
            "time_basis": "Yahoo's hour is not used",
            "kind": "results",
            "what": pd.Series(reported).map(
                {True: "earnings date", False: "earnings date, not reported yet"}
            ),
            "quality": "estimated",
            "source_title": news.YAHOO,
            "source_url": _PAGE + ticker,
            "source_date": f"{now:%Y-%m-%d}",
            "note": moments.strftime("Yahoo: %Y-%m-%d %H:%M %Z"),
        }
    )
    return rows.drop_duplicates("date")


def _among(rows: pd.DataFrame, others: pd.DataFrame, by: list[str]) -> Any:
    """Which rows have their like among others."""
    return pd.MultiIndex.from_frame(rows[by]).isin(pd.MultiIndex.from_frame(others[by]))
