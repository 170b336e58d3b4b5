"""Which days does a period label cover?

One grammar for data, policies and the command line: ``CY2025`` (or ``2025``), ``FY2026-03`` (the
fiscal year that *ends* in that month) with its halves and quarters ``FY2026-03H1`` and ``FY2026-03Q3``,
``2025H1``, ``2025Q3``, ``2025-04``, ``2025-04-15``, and the inclusive ranges ``2025-04..2025-12`` and
``2025-04-01..2026-03-31``. ``FY2026`` and ``1H FY2026`` are a maker's own, see `of_fiscal_year`.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from tariffmodel.errors import TariffModelError
from tariffmodel.escapes import short

GRAMMAR = "CY2025, FY2026-03, 2025H1, 2025Q3, 2025-04, 2025-04-15 or a range such as 2025-04..2025-12"
YEARS = range(1900, 2200)  # what a label can mean: beyond them days cannot be counted, and nobody asks
_PART = r"(?:([12])H|H([12])|([1-4])Q|Q([1-4]))?"
_FISCAL = re.compile(rf"{_PART}[ /-]?FY ?(\d{{4}}|\d{{2}})[ /-]?{_PART}")
_SLIPS = (  # as people write them, and as we do
    (r"Q([1-4])[ /-]?(20\d\d)|([1-4])Q[ /-]?(20\d\d)", "{1}{3}Q{0}{2}"),
    (r"(20\d\d)[ /-](?:Q([1-4])|([1-4])Q)", "{0}Q{1}{2}"),
    (r"H([12])[ /-]?(20\d\d)|([12])H[ /-]?(20\d\d)", "{1}{3}H{0}{2}"),
    (r"(20\d\d)[ /-](?:H([12])|([12])H)", "{0}H{1}{2}"),
    (r"CY[ -]?(?:20)?(\d\d)", "CY20{0}"),
    (r"FY[ -]?(?:20)?(\d\d)[ /-](\d\d)", "FY20{0}-{1}"),
    (r"(20\d\d)[/.](\d\d)", "{0}-{1}"),
    (r"(20\d\d)[-/.](\d)", "{0}-0{1}"),
    (r"(20\d\d)(0[1-9]|1[0-2])", "{0}-{1}"),
    (r"(20\d\d-\d\d(?:-\d\d)?) ?(?:-|–|:|TO|\.|\.\.\.) ?(20\d\d-\d\d(?:-\d\d)?)", "{0}..{1}"),
)


@dataclass(frozen=True, order=True)
class Period:
    """An inclusive span of days. `label` is how the user wrote it.

    >>> year, quarter = parse("CY2025"), parse("2025Q2")
    >>> year.days, year.covers(quarter), quarter.covers(year)
    (365, True, False)
    """

    start: date
    end: date
    label: str = ""

    @property
    def days(self) -> int:
        """How many days it has, its first and last included."""
        return (self.end - self.start).days + 1

    @property
    def years(self) -> float:
        """Length in years: exact for whole months, a fiscal year is one whether or not it is a leap year.

        Other days count by the length of the calendar year that they are in.

        >>> parse("FY2026-03").years, parse("FY2024-03").years, parse("2025Q2").years
        (1.0, 1.0, 0.25)
        """
        after = self.end + timedelta(days=1)
        if self.start.day == after.day == 1:
            return ((after.year - self.start.year) * 12 + after.month - self.start.month) / 12
        total = 0.0
        for year in range(self.start.year, self.end.year + 1):
            first, last = max(self.start, date(year, 1, 1)), min(self.end, date(year, 12, 31))
            total += ((last - first).days + 1) / (366 if calendar.isleap(year) else 365)
        return total

    def covers(self, other: Period) -> bool:
        """Whether all days of `other` are among its own."""
        return self.start <= other.start and other.end <= self.end

    def __str__(self) -> str:
        return self.label or f"{self.start}..{self.end}"


@lru_cache(maxsize=4096)
def parse(label: str) -> Period:
    """Days covered by `label`.

    Raises
    ------
    TariffModelError
        If the label is not in the grammar, or a range ends before it starts.

    Examples
    --------
    >>> parse("FY2026-03").end.isoformat(), parse("2025Q3").days
    ('2026-03-31', 92)
    """
    text = label.strip().upper()
    try:
        start, end = _span(text)
    except ValueError as error:
        if "of the years" in str(error):
            raise TariffModelError(f"period {short(label)}: {error}") from error
        if needs_month(text):
            raise TariffModelError(
                f"period {short(label)} is a maker's own and whose is not said; write it with the month in "
                f"which the year ends, such as {of_fiscal_year(text, 3)} or {of_fiscal_year(text, 12)}"
            ) from error
        remedy = f"did you mean {like}?" if (like := _meant(text)) else f"write {GRAMMAR}"
        raise TariffModelError(f"period {short(label)} is not understood; {remedy}") from error
    if end < start:
        raise TariffModelError(f"period {short(label)} ends before it starts; write the earlier date first")
    return Period(start, end, text)


def needs_month(label: str) -> bool:
    """Whether a label is that of a fiscal year, or a part of one, whose last month is left out.

    >>> [needs_month(label) for label in ("1H FY2026", "FY2026", "FY2026-03H1", "2026H1")]
    [True, True, False, False]
    """
    return _FISCAL.fullmatch(label.strip().upper()) is not None


def of_fiscal_year(label: str, month: int) -> str:
    """A label as `needs_month` finds it, of the fiscal year that ends in a month: FY2026 is the one of 2026.

    >>> [of_fiscal_year(label, 3) for label in ("1H FY2026", "FY26 Q3", "FY2026")]
    ['FY2026-03H1', 'FY2026-03Q3', 'FY2026-03']
    """
    parts = _FISCAL.fullmatch(label.strip().upper())
    if parts is None:
        raise TariffModelError(f"period {label!r} is no fiscal year without its month, such as 1H FY2026")
    half = parts[1] or parts[2] or parts[6] or parts[7]
    quarter = parts[3] or parts[4] or parts[8] or parts[9]
    part = f"H{half}" if half else f"Q{quarter}" if quarter else ""
    return f"FY{parts[5] if len(parts[5]) == 4 else '20' + parts[5]}-{month:02}{part}"


def _meant(text: str) -> str:
    """The label that another way of writing stands for; empty where none is."""
    for pattern, form in _SLIPS:
        if match := re.fullmatch(pattern, text):
            label = form.format(*(part or "" for part in match.groups()))
            try:
                return parse(label).label
            except TariffModelError:
                return ""
    return ""


def _span(text: str) -> tuple[date, date]:
    if ".." in text:
        first, last = text.split("..")
        return _span(first)[0], _span(last)[1]
    if match := re.fullmatch(r"(?:CY)?([0-9]{4})", text):
        return _months(int(match[1]), 1, 12)
    if match := re.fullmatch(r"FY([0-9]{4})-([0-9]{2})(?:H([12])|Q([1-4]))?", text):
        months = 6 if match[3] else 3 if match[4] else 12
        past = months * (int(match[3] or match[4] or 1) - 1)  # months of the year before the part
        year, month = divmod(12 * (int(match[1]) - 1) + int(match[2]) + past, 12)
        return _months(year, month + 1, 1)[0], _months(*_later(year, month, months - 1), 1)[1]
    if match := re.fullmatch(r"([0-9]{4})H([12])", text):
        return _months(int(match[1]), 6 * int(match[2]) - 5, 6)
    if match := re.fullmatch(r"([0-9]{4})Q([1-4])", text):
        return _months(int(match[1]), 3 * int(match[2]) - 2, 3)
    if match := re.fullmatch(r"([0-9]{4})-([0-9]{2})", text):
        return _months(int(match[1]), int(match[2]), 1)
    return day(text), day(text)


def day(text: str) -> date:
    """A day written as 2025-04-15; Python itself takes the ISO week 2026-W05 for its Monday.

    Raises
    ------
    ValueError
        If it is written in another way, is none, or is of a year that is not in `YEARS`.

    Examples
    --------
    >>> day("2025-04-15").isoformat()
    '2025-04-15'
    """
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError(f"{short(text)} is not a day; write YYYY-MM-DD")
    found = date.fromisoformat(text)
    if found.year not in YEARS:
        raise ValueError(f"{text} is not of the years {YEARS[0]} to {YEARS[-1]}")
    return found


def _later(year: int, month: int, months: int) -> tuple[int, int]:
    """Year and month of the calendar, so many months after one that is counted from 0."""
    year, month = divmod(12 * year + month + months, 12)
    return year, month + 1


def _months(year: int, month: int, count: int) -> tuple[date, date]:
    if year not in YEARS:
        raise ValueError(f"{year} is not one of the years {YEARS[0]} to {YEARS[-1]}")
    last = month + count - 1
    return date(year, month, 1), date(year, last, calendar.monthrange(year, last)[1])
