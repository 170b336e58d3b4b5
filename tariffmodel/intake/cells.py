"""Cells of vendors' files in the plain form that `spreadsheet` reads, whatever the language."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.intake import spreadsheet, texts
from tariffmodel.intake.sheets import Sheet
from tariffmodel.intake.vocabulary import Vocabulary

_MONTHS = ("", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_PLAIN_DATE = re.compile(r"[\d./: TZ+-]+")
_PLAIN_NUMBER = re.compile("[0-9.,+\\-eE' \u00a0\u202f]*")
_SHORT = re.compile(r"(\d\d)[-/.](\d\d)[-/.](\d\d)")
_WEEK = 8  # days between rows of daily data, holidays and all


def errors(table: Sheet, words: Vocabulary) -> tuple[Sheet, np.ndarray, list[str]]:
    """A sheet with nothing in place of errors, where errors were, and what they say.

    Returns
    -------
    Sheet, array of int (errors, 2), list of str
        Row and column of each error, counted from 0; and a sentence per kind of error, with its first cells
        and the remedy.

    Examples
    --------
    >>> from tariffmodel.intake.vocabulary import vocabulary
    >>> cells = np.array([["Date", "GM"], ["#NAME?", "80"], ["2026-01-05", "#N/A N/A"]], dtype=object)
    >>> plain, wrong, said = errors(Sheet("mine.csv", cells, {}), vocabulary())
    >>> plain.cells[1].tolist(), wrong.tolist(), said[0].split(";")[0]
    (['', '80'], [[1, 0]], "mine.csv A2: '#NAME?' is an error and no value, left out")
    """
    remedies = {cell: remedy for cell in table.worded() if (remedy := words.remedy(cell)) is not None}
    wrong, which, said, kinds = np.empty((0, 2), dtype=int), np.empty(0, dtype=int), [], list(remedies)
    if kinds:
        wrong, which = table.places(kinds)
    for kind in dict.fromkeys(which.tolist()):
        found = wrong[which == kind]
        shown = ", ".join(address(*place) for place in found[:3].tolist())
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        said.append(
            f"{table.file} {shown}{more}: {kinds[kind][:60]!r} is an error and no value, left out; "
            f"{remedies[kinds[kind]]}"
        )
    return table.without(wrong), wrong, said


def address(row: int, column: int) -> str:
    """A cell as a spreadsheet names it, from row and column counted from 0.

    >>> address(1, 0), address(0, 27)
    ('A2', 'AB1')
    """
    letters, column = "", column + 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return f"{letters}{row + 1}"


def days(
    cells: pd.Series, file: str, words: Vocabulary, date_format: str | None = None
) -> tuple[pd.Series, str]:
    """Cells as days, see `spreadsheet.dates`; names of months and weekdays may be in any language known.

    Two digits for each of day, month and year are told apart by the reading in which the rows are days
    that follow each other; where more than one is, or none, the order must be given.

    Parameters
    ----------
    cells : Series
        Indexed by row of the file.

    Raises
    ------
    DataError
        As `spreadsheet.dates`.

    Examples
    --------
    >>> from tariffmodel.intake.vocabulary import vocabulary
    >>> found, _ = days(pd.Series(["23. März 2025", "24. März 2025"]), "mine.csv", vocabulary())
    >>> found.dt.strftime("%m-%d").tolist()
    ['03-23', '03-24']
    """
    first, codes = spreadsheet.once(cells)
    plain = first.map(
        lambda cell: (
            _plain_date(cell, words) if isinstance(cell, str) and not _PLAIN_DATE.fullmatch(cell) else cell
        )
    ).astype(object)
    if 2 * len(plain) >= len(cells):  # they hardly repeat: messages count them all
        plain, codes = plain.iloc[codes].set_axis(cells.index), np.arange(len(cells))
    short = plain.map(lambda cell: isinstance(cell, str) and bool(_SHORT.fullmatch(cell)))
    if date_format is None and len(plain) and short.all():
        date_format = _short(plain.astype(str), file)
    day, kind = spreadsheet.dates(plain, file, date_format)
    return pd.Series(day.to_numpy()[codes], cells.index), kind


def _plain_date(cell: str, words: Vocabulary) -> str:
    """A date without the names of a weekday, and its month by its English name."""
    plain = re.sub(r"\(\w{1,10}\)", "", unicodedata.normalize("NFKC", cell)).strip()
    era = re.fullmatch(r"(\D\D)(\d{1,2}|元)年 ?(\d{1,2})月 ?(\d{1,2})日", plain)
    if era and era[1] in words.eras:
        year = words.eras[era[1]] + (1 if era[2] == "元" else int(era[2]))
        return f"{year}-{int(era[3]):02}-{int(era[4]):02}"
    day = re.sub(r"[ T]\d{1,2}:\d\d.*$", "", plain)
    names = re.findall(r"[^\W\d_]+", day)
    months = [words.months[name.lower()] for name in names if name.lower() in words.months]
    numbers = re.findall(r"\d+", day)
    if len(months) == 1 and len(numbers) == 2:
        month, (first, second) = _MONTHS[months[0]], numbers
        if len(first) == 4:
            return f"{int(second)} {month} {first}"
        return f"{int(first)} {month} {second}" if len(second) == 4 else f"{first}-{month}-{second}"
    return re.sub(r"^[^\W\d_]{1,10}[.,]* +(?=\d)", "", plain)


def _short(cells: pd.Series, file: str) -> str:
    """How dates such as 25/07/23 are written."""
    parts = cells.str.extract(_SHORT.pattern)
    mark = str(cells.iloc[0])[2]
    found, able = [], []
    for order in ("ymd", "dmy", "mdy"):
        written = parts.set_axis(list(order), axis=1)
        when = pd.to_datetime(written["y"] + written["m"] + written["d"], format="%y%m%d", errors="coerce")
        if when.isna().any():
            continue
        able.append(order)
        step = when.drop_duplicates().sort_values().diff().dropna().dt.days
        if len(step) and step.median() <= _WEEK:
            found.append(order)
    chosen = found if found or len(able) > 1 else able
    if len(chosen) == 1 and "y" in chosen[0]:
        return mark.join(f"%{part}" for part in chosen[0])
    shown = ", ".join(f"row {row} {cell!r}" for row, cell in cells.iloc[:2].items())
    raise DataError(
        f"{file} {shown}: day, month and year may change places; pass --date-format %y/%m/%d, %d/%m/%y or "
        "%m/%d/%y, with the marks that the file has"
    )


def prices(cells: pd.Series, words: Vocabulary) -> tuple[pd.Series, pd.Series]:
    """Cells without the currency beside the number, and that currency (empty where none is told).

    Words for nothing, such as ``#N/A N/A``, become empty.

    >>> from tariffmodel.intake.vocabulary import vocabulary
    >>> plain, money = prices(pd.Series(["59,90 €", "$46.68", "2,950円"], dtype=object), vocabulary())
    >>> plain.tolist(), money.tolist()
    (['59,90', '46.68', '2,950'], ['EUR', '', 'JPY'])
    """
    currencies = pd.Index(dict.fromkeys(["", *words.currencies.values()]))
    told = np.zeros(len(cells), dtype="int16")
    if texts.are(cells):
        at = np.flatnonzero(cells.notna().to_numpy() & ~texts.match(cells, _PLAIN_NUMBER.pattern))
    else:
        at = np.flatnonzero(cells.map(lambda cell: isinstance(cell, str)).to_numpy(dtype=bool))
        at = at[~cells.iloc[at].astype(str).str.fullmatch(_PLAIN_NUMBER.pattern).to_numpy(dtype=bool)]
    if len(at):
        odd, which = spreadsheet.once(cells.iloc[at])
        number, sign = _priced(odd.astype(str), words)
        cells = cells.copy()
        cells.iloc[at] = number.to_numpy()[which]
        told[at] = currencies.get_indexer(pd.Index(sign))[which]
    return cells, pd.Series(pd.Categorical.from_codes(told, currencies), cells.index)


def _priced(odd: pd.Series, words: Vocabulary) -> tuple[pd.Series, pd.Series]:
    """`prices` of texts that are more than numbers."""
    signs = "|".join(re.escape(word) for word in sorted(words.currencies, key=len, reverse=True))
    plain = odd.map(lambda cell: unicodedata.normalize("NFKC", cell).replace("\u2212", "-").lower().strip())
    found: Any = plain.str.extract(rf"^({signs})?\s*([+-]?[\d.,'\s]+?)\s*({signs})?$")
    number = found[1].where(found[1].notna(), odd).mask(plain.isin(words.missing).to_numpy(), "")
    return number, found[0].fillna(found[2]).map(words.currencies).fillna("")


def volumes(cells: pd.Series, file: str, words: Vocabulary, decimal: str) -> pd.Series:
    """Volumes as numbers; ``20.5M``, ``1,2 Mio.`` and ``1,234.5万`` are multiplied. NaN where there is none.

    >>> from tariffmodel.intake.vocabulary import vocabulary
    >>> volumes(pd.Series(["20.5M", "1,200", "12万株"], dtype=object), "mine.csv", vocabulary(), ".").tolist()
    [20500000.0, 1200.0, 120000.0]
    """
    if texts.are(cells):
        value, other = texts.numbers(cells, decimal, spreadsheet.LARGEST)
        if len(other):
            value[other] = volumes(cells.iloc[other].astype(object), file, words, decimal)
        return pd.Series(value, cells.index)
    said = cells.map(lambda cell: isinstance(cell, str)).astype(bool)
    plain = cells[said].map(lambda cell: unicodedata.normalize("NFKC", cell).strip().lower())
    parts = plain.astype(str).str.extract(r"^([+-]?[\d.,'\s]+?)\s*([^\d\s.,'][^\d\s]*)?$")
    factor = parts[1].map(lambda word: _factor(word, words))
    number = cells.copy().astype(object)
    number[said] = parts[0].where(factor.notna(), "").fillna("").to_numpy()
    values = pd.to_numeric(spreadsheet.numbers(number, file, decimal=decimal)[0], errors="coerce")
    times = pd.Series(1.0, cells.index)
    times[said] = factor.astype(float).to_numpy()
    return values * times


def _factor(word: object, words: Vocabulary) -> float:
    """What a volume is multiplied by; NaN for a word that is not known."""
    if not isinstance(word, str):
        return 1.0
    known = words.times.get(word)
    if known is None and len(word) > 1 and word[-1] in words.times and word[:-1] in words.times:
        known = words.times[word[:-1]] * words.times[word[-1]]  # 万株
    return np.nan if known is None else known


def is_day(cell: object, words: Vocabulary) -> bool:
    """Whether a cell can only be a date, its month by name in a language known or as a number.

    >>> from tariffmodel.intake.vocabulary import vocabulary
    >>> [is_day(cell, vocabulary()) for cell in ("26 nov. 2026", "2026/11/26(木)", "80.5", "GM")]
    [True, True, False, False]
    """
    if isinstance(cell, date) or spreadsheet.looks_like_a_date(cell):
        return True
    if not isinstance(cell, str) or not re.search(r"\d", cell) or len(cell) > 40:
        return False
    plain = _plain_date(cell, words)
    return plain != cell and bool(
        spreadsheet.looks_like_a_date(plain) or re.fullmatch(r"\d{1,2}[- ][A-Z][a-z]{2}[- ]\d{2,4}", plain)
    )
