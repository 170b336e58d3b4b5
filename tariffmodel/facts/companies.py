"""Which company does a name, a ticker or an alias mean?

Makers are called as in ``companies/makers.csv``; by their full name, with or without its legal form; by an
alias of ``companies/aliases.csv`` or a name of ``companies/names.csv``; or by a line of
``market/instruments.csv``. Capitals and punctuation do not matter.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import periods
from tariffmodel.facts.protected import kept_with
from tariffmodel.facts.tables import Facts, data_dir, in_use

ALIASES, NAMES = "companies/aliases.csv", "companies/names.csv"
_LEGAL = re.compile(
    r" (?:company|co|corporation|corp|incorporated|inc|limited|ltd|holdings?|plc|ag|se|sa|ab|nv)$"
)


def find(facts: Facts, text: str) -> str:
    """The maker that `text` means.

    Raises
    ------
    DataError
        No maker is called so; the nearest are named.

    Examples
    --------
    >>> from tariffmodel import facts
    >>> known = facts.load()
    >>> [find(known, name) for name in ("toyota", "TM", "7203", "Honda Motor Co., Ltd.", "VW", "현대차")]
    ['Toyota', 'Toyota', 'Toyota', 'Honda', 'Volkswagen', 'Hyundai Motor']
    >>> find(known, "Toyoda")
    Traceback (most recent call last):
        ...
    tariffmodel.errors.DataError: no maker is called 'Toyoda'; did you mean Toyota?
    """
    names = _names(facts)
    for key in _keys(text):
        if key in names:
            return names[key]
    raise DataError(f"no maker is called {text!r}{meant(nearest(facts, text), facts.makers.index)}")


def line(facts: Facts, text: str, parts: Collection[str] = ()) -> str:
    """The line of ``instruments.csv`` that `text` means: its ticker or name, or the main line of a maker.

    `parts` are other words that may have been meant: the nearest of both are named.

    Raises
    ------
    DataError
        No line is called so, or the maker has none; the nearest are named.

    Examples
    --------
    >>> from tariffmodel import facts
    >>> known = facts.load()
    >>> [line(known, name) for name in ("toyota", "tm", "Kia", "POSCO Holdings")]
    ['7203.T', 'TM', '000270.KS', '005490.KS']
    """
    book = facts.instruments
    tickers = {_bare(str(ticker)): str(ticker) for ticker in book.index}
    tickers |= {_plain(str(ticker)): str(ticker) for ticker in book.index}
    named = {_plain(str(name)): str(ticker) for ticker, name in book["name"].items()}
    for key in _keys(text):
        if key in tickers:
            return tickers[key]
        if maker := _names(facts).get(key):
            if (ticker := facts.makers["ticker"].dropna().get(maker)) is not None:
                return str(ticker)
            raise DataError(
                f"{maker} has no line in data/market/instruments.csv; add its prices, or name another"
            )
        if key in named:
            return named[key]
    near = [tickers.get(key) or named[key] for key in _near(_plain(text), {**named, **tickers})]
    near += [str(facts.makers.at[maker, "ticker"]) for maker in nearest(facts, text)]
    near = [ticker for ticker in dict.fromkeys(near) if ticker in book.index]
    near = [*get_close_matches(text.lower(), parts, 1), *near]
    what = "part, share" if parts else "share"
    left = f"; parts are {', '.join(parts)}" if parts and not near else ""
    if not near and not parts:
        left = "; data/market/instruments.csv has those that are known, `add prices` adds one"
    raise DataError(f"no {what}, index or currency is called {text!r}{meant(near, ())}{left}")


def nearest(facts: Facts, text: str) -> list[str]:
    """Makers whose names are near to a text that is none of them, nearest first.

    >>> from tariffmodel import facts
    >>> nearest(facts.load(), "Missan"), nearest(facts.load(), "?")
    (['Nissan'], [])
    """
    names = _names(facts)
    return list(dict.fromkeys(names[key] for key in _near(_plain(text), names)))


def by_alias(text: str, folder: str | Path | None = None) -> str:
    """The maker whose name or alias a text is, with or without its legal form; any other text as it stands.

    >>> [by_alias(text) for text in ("Hyundai Motor Co., Ltd.", "トヨタ", "Rivian")]
    ['Hyundai Motor', 'Toyota', 'Rivian']
    """
    aliases = _aliases(data_dir(folder))
    return next((aliases[key] for key in _keys(text) if key in aliases), text)


def own_period(facts: Facts, label: str, makers: Iterable[str]) -> str:
    """A period label with the fiscal years of makers written out: ``1H FY2026`` of Toyota is ``FY2026-03H1``.

    Raises
    ------
    DataError
        The label is fiscal and the makers' years end in different months.

    Examples
    --------
    >>> from tariffmodel import facts
    >>> [own_period(facts.load(), "1H FY2026", [maker]) for maker in ("Toyota", "Ford")]
    ['FY2026-03H1', 'FY2026-12H1']
    """
    if not periods.needs_month(label):
        return label
    ends = facts.makers.loc[list(makers), "fiscal_year_end_month"].astype(int)
    if len(set(ends)) == 1:
        return periods.of_fiscal_year(label, int(ends.iloc[0]))
    said = "; ".join(
        f"{periods.of_fiscal_year(label, int(str(month)))} for {', '.join(map(str, group.index))}"
        for month, group in ends.groupby(ends)
    )
    raise DataError(f"period {label!r}: fiscal years end in different months; name makers, or write {said}")


def written_out(rows: pd.DataFrame, facts: Facts, column: str) -> pd.DataFrame:
    """Rows with makers as the model calls them, and fiscal labels of their own years; others as they stand.

    Parameters
    ----------
    rows : DataFrame
        Text, with `period`.
    column : str
        That of the makers.

    Examples
    --------
    >>> from tariffmodel import facts
    >>> rows = pd.DataFrame({"maker": ["Honda Motor", "Rivian"], "period": ["1H FY2026", "FY2026"]})
    >>> written_out(rows, facts.load(), "maker").to_numpy().tolist()
    [['Honda', 'FY2026-03H1'], ['Rivian', 'FY2026']]
    """
    names, ends = _names(facts), facts.makers["fiscal_year_end_month"]

    def found(text: object) -> object:
        keys = _keys(text) if isinstance(text, str) else []
        return next((names[key] for key in keys if key in names), text)

    makers = rows[column].map({text: found(text) for text in rows[column].dropna().unique()})
    makers = makers.astype(object).fillna(rows[column])  # without any text it is of numbers
    own = rows["period"].map(lambda label: isinstance(label, str) and periods.needs_month(label))
    labels = [
        periods.of_fiscal_year(label, int(ends[maker])) if mine and maker in ends.index else label
        for label, maker, mine in zip(rows["period"], makers, own, strict=True)
    ]
    done = rows.assign(period=labels)
    done[column] = makers
    done.attrs = rows.attrs
    return done


def meant(near: Iterable[str], every: Iterable[str]) -> str:
    """The end of a message about a name that is none: the nearest ones, or else all there are.

    >>> meant(["Kia"], []), meant([], ["Kia", "BMW"]), meant([], [])
    ('; did you mean Kia?', '; there are Kia, BMW', '')
    """
    if near := list(near):
        return f"; did you mean {' or '.join(near[:3])}?"
    return f"; there are {', '.join(every)}" if (every := list(every)) else ""


@kept_with
def _names(facts: Facts) -> dict[str, str]:
    """Every key under which a maker is found; what is in makers.csv goes before aliases and lines."""
    names = {}
    if in_use(facts.folder, facts.overlay, "market/instruments.csv").is_file():  # not where facts stand alone
        book = facts.instruments["company"]
        lines = book[book.isin(facts.makers.index)]
        names = {_bare(str(ticker)): str(maker) for ticker, maker in lines.items()}
        names |= {_plain(str(ticker)): str(maker) for ticker, maker in lines.items()}
    names |= {key: maker for key, maker in _aliases(facts.folder).items() if maker in facts.makers.index}
    for maker, full in facts.makers["name"].items():
        names |= {_plain(str(full)): str(maker), _keys(str(full))[-1]: str(maker)}
    return names | {_plain(str(maker)): str(maker) for maker in facts.makers.index}


@lru_cache(maxsize=8)
def _aliases(folder: Path) -> dict[str, str]:
    path = folder / ALIASES
    if not path.is_file():  # `facts.check` says so
        return {}
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    if (names := folder / NAMES).is_file():
        called = pd.read_csv(names, dtype=str, keep_default_na=False).rename(columns={"name": "alias"})
        rows = pd.concat([called, rows])
    return {_plain(alias): maker for alias, maker in zip(rows["alias"], rows["maker"], strict=True)} | {
        _plain(maker): maker for maker in rows["maker"]
    }


def _near(key: str, among: Iterable[str]) -> list[str]:
    return get_close_matches(key, list(among), 3, 0.7)


def _keys(text: str) -> list[str]:
    """A name as it stands, and shorter by one legal form after the other."""
    keys = [_plain(text)]
    while (shorter := _LEGAL.sub("", keys[-1])) != keys[-1]:
        keys.append(shorter)
    return keys


def _bare(ticker: str) -> str:
    """The number of a line of Tokyo or Seoul, which stands alone in their press; others as they are."""
    return _plain(ticker.partition(".")[0] if ticker[:1].isdigit() else ticker)


def _plain(text: str) -> str:
    """In lower case, words apart by one space; a share class or an exchange stays a word of its own."""
    return " ".join(re.findall(r"[^\W_]+", text.lower()))
