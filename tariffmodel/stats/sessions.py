"""When does an exchange trade, and which is the first session that can react to news of a moment?

The hours are those of the `exchange_calendars` package, half days and changes of the clocks included.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pandas.tseries.holiday import AbstractHolidayCalendar

from tariffmodel.errors import DataError

if TYPE_CHECKING:
    from exchange_calendars import ExchangeCalendar

# NYSE takes market-on-close orders until 15:50, Seoul's closing auction starts at 15:20: what is
# announced in the last ten minutes is only partly in the close of the day. So is, before the open,
# what comes too late for the orders of the opening auction.
MARGIN = pd.Timedelta(minutes=10)
FIRST_YEAR = 2022  # of calendars, unless prices start before: a long one takes seconds to make
_ONE_AT_A_TIME = Lock()

__all__ = ["MARGIN", "exchange", "first_after", "trading_hours"]


def exchange(calendar: str, first_year: int = FIRST_YEAR) -> ExchangeCalendar:
    """Trading calendar of an exchange from the first day of a year on, kept once it is made.

    Raises
    ------
    DataError
        If `exchange_calendars` knows no such code.

    Examples
    --------
    >>> book = exchange("XTKS")
    >>> book.is_session("2025-05-02"), book.is_session("2025-05-05")
    (True, False)
    """
    return _book(calendar, min(first_year, FIRST_YEAR))  # one calendar for all who start later


@lru_cache(maxsize=64)
def trading_hours(calendar: str, first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
    """Sessions of an exchange from one day to another, with `open` and `close` in UTC.

    >>> day = pd.Timestamp("2025-07-22")
    >>> trading_hours("XTKS", day, day)["close"].iloc[0].isoformat()
    '2025-07-22T06:30:00+00:00'
    """
    book = exchange(calendar, first.year)
    return pd.DataFrame({"open": book.opens, "close": book.closes}).tz_localize(None).loc[first:last]


def first_after(sessions: pd.DataFrame, announced: pd.Series) -> np.ndarray:
    """Positions of the first sessions that still have `MARGIN` to go before their close, (n,).

    The number of sessions where none is left.

    >>> tokyo = trading_hours("XTKS", pd.Timestamp("2025-07-23"), pd.Timestamp("2025-07-24"))
    >>> at = pd.Series(pd.to_datetime(["2025-07-23 15:19", "2025-07-23 16:30"]).tz_localize("Asia/Tokyo"))
    >>> first_after(tokyo, at.dt.tz_convert("UTC")).tolist()
    [0, 1]
    """
    return np.asarray((sessions["close"] - MARGIN).array.searchsorted(announced.array))


@lru_cache(maxsize=32)
def _book(calendar: str, first_year: int) -> ExchangeCalendar:
    import exchange_calendars  # slow to import: only where markets are asked for

    try:
        with _holidays_since(first_year - 1):
            return exchange_calendars.get_calendar(calendar, start=f"{first_year}-01-01")
    except exchange_calendars.errors.InvalidCalendarName:
        raise DataError(
            f"{calendar} is not a code of the exchange_calendars package; write one such as XTKS, XKRX, "
            "XETR or XNYS (of a line: exchange_calendar in data/market/instruments.csv)"
        ) from None


@contextmanager
def _holidays_since(year: int) -> Iterator[None]:
    """Let calendars work out no holidays before `year` and none beyond those that they are asked for.

    Else each lists those of 1970 to 2200, which takes seconds where the moon has a say. The bounds are
    those that pandas documents for all its holiday calendars.
    """
    with _ONE_AT_A_TIME:
        bounds = AbstractHolidayCalendar.start_date, AbstractHolidayCalendar.end_date
        AbstractHolidayCalendar.start_date = pd.Timestamp(year, 1, 1)
        AbstractHolidayCalendar.end_date = pd.Timestamp(pd.Timestamp.today().year + 2, 12, 31)
        try:
            yield
        finally:
            AbstractHolidayCalendar.start_date, AbstractHolidayCalendar.end_date = bounds
