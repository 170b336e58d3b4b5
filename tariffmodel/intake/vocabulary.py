"""What do the words of data vendors mean: headings in their languages, errors, codes of exchanges?

The words are rows of ``market/vendor_words.csv``, the codes columns of ``market/markets.csv``: a further
language or exchange is a row there.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import data_dir, in_use, store

WORDS, MARKETS, LINES = "market/vendor_words.csv", "market/markets.csv", "market/instruments.csv"
HEADINGS = (
    "date", "ticker", "currency", "interval", "close", "adj_close", "volume", "open", "dividend",
    "unused",
)  # fmt: skip
_LINE = re.compile(r"\^?[A-Z0-9][A-Z0-9.^-]{0,11}")


@dataclass(frozen=True)
class Vocabulary:
    """Words that a data folder knows.

    `fields` and `second` give the meaning of a heading (`second`: where the file has no better one);
    `errors` a pattern and what to do about each error; `codes` the ending of our tickers by kind of code
    (space, dash, dot, colon) and code; `endings` the market of each ending; `lines` our ticker of other
    names, in capitals; `bare` the lines that a code without exchange may be; `known` every ticker there is.

    >>> words = vocabulary()
    >>> words.fields["datum"], words.second["zuletzt"], words.codes["space"]["JT"], words.bare["7203"]
    ('date', 'close', '.T', ['7203.T'])
    """

    fields: Mapping[str, str]
    second: Mapping[str, str]
    missing: frozenset[str]
    errors: tuple[tuple[re.Pattern[str], str], ...]
    daily: frozenset[str]
    currencies: Mapping[str, str]
    times: Mapping[str, float]
    months: Mapping[str, int]
    eras: Mapping[str, int]
    codes: Mapping[str, Mapping[str, str]]
    endings: Mapping[str, str]
    lines: Mapping[str, str]
    bare: Mapping[str, list[str]]
    known: frozenset[str]

    def is_value(self, cell: object) -> bool:
        """Whether a cell holds anything but a word for nothing.

        >>> [vocabulary().is_value(cell) for cell in (80.5, "", "#N/A N/A", "abc")]
        [True, False, False, True]
        """
        return cell != "" and str(cell).strip().lower() not in self.missing

    def remedy(self, cell: object) -> str | None:
        """What to do about a cell that is an error of a terminal or a spreadsheet; None of any other.

        >>> vocabulary().remedy("Retrieving..."), vocabulary().remedy("#N/A N/A")
        ('the download was not over: let it finish, paste values and save again', None)
        """
        if not isinstance(cell, str) or cell[:1].isdigit() or cell.lower() in self.missing:
            return None  # no error begins with a figure, and most cells do
        return next((remedy for pattern, remedy in self.errors if pattern.match(cell)), None)

    def field(self, cell: object, *, rank: bool = False) -> str:
        """Our column of a heading, empty where it is none; with `rank`, ``close?`` of a second choice.

        >>> words = vocabulary()
        >>> [words.field(cell) for cell in ("Schlusskurs in EUR", "終値(円)", "<CLOSE>", "GM", "Date (JST)")]
        ['close', 'close', 'close', '', '']
        """
        name = heading(cell)
        for part in (name, self.without_currency(name)[0]):
            if part in self.fields:
                return self.fields[part]
            if part in self.second:
                return self.second[part] + "?" * rank
        return ""

    def without_currency(self, name: str) -> tuple[str, str]:
        """A heading without the currency after it, and that currency.

        >>> vocabulary().without_currency("schlusskurs in eur")
        ('schlusskurs', 'EUR')
        """
        *first, last = name.split(" ")
        if first and last in self.currencies:
            return " ".join(first[: -1 if first[-1] in ("in", "en") else None]), self.currencies[last]
        return name, ""


def heading(cell: object) -> str:
    """A heading in lower case, without underscores, brackets and stars.

    >>> heading("Adj_Close (JPY)*"), heading("<CLOSE>")
    ('adj close jpy', 'close')
    """
    plain = unicodedata.normalize("NFKC", str(cell))
    return " ".join(re.sub(r"[_()\[\]<>*\"]", " ", plain).lower().split())


def symbol(text: str, words: Vocabulary | None = None) -> str:
    """Our ticker of a line as Bloomberg, FactSet, LSEG, stooq or Google write it; any other as it stands.

    ``7203 JT Equity``, ``7203-TKS``, ``7203.JP`` and ``TYO:7203`` are ``7203.T``; a code alone is the line
    of ``instruments.csv`` that has it, if there is one only.

    >>> import tariffmodel as tm
    >>> names = ("7203 JT Equity", "7203-TKS", "TPX Index", "GM", "VOWG_p.DE", "GM.N", "7203", "TYO:7203")
    >>> [tm.vendors.symbol(name) for name in names]
    ['7203.T', '7203.T', 'TOPIX', 'GM', 'VOW3.DE', 'GM', '7203.T', '7203.T']
    """
    words = words or vocabulary()
    plain = " ".join(unicodedata.normalize("NFKC", text).split())
    upper = plain.upper()
    for key in (upper, f"{upper} EQUITY"):
        if key in words.lines:
            return words.lines[key]
    if len(found := words.bare.get(upper, [])) == 1:
        return found[0]
    for kind, pattern in (
        ("space", r"(?P<stem>\S+) (?P<code>[A-Z]{2})(?: EQUITY)?"),
        ("dash", r"(?P<stem>\S+)-(?P<code>[A-Z]{2,3})"),
        ("dot", r"(?P<stem>[^.\s]\S*)\.(?P<code>[A-Z]{1,3})"),
        ("colon", r"(?P<stem>[^:\s]+):(?P<code>[A-Z]{2,8})"),
        ("colon", r"(?P<code>[A-Z]{2,8}):(?P<stem>[^:\s]+)"),
    ):
        match = re.fullmatch(pattern, upper)
        if match and match["code"] in words.codes[kind]:
            ending = words.codes[kind][match["code"]]
            stem = match["stem"]
            if kind == "dot" and (share := re.fullmatch(r"([A-Z]{3,})([a-z])", plain[: len(stem)])):
                stem = f"{share[1]}-{share[2].upper()}"  # VOLCARb.ST
            if kind == "dot" and "_" in stem:
                return plain  # a class of shares that the code alone does not name
            return re.sub(r"[/.]", "-", stem) + ending
    return plain


def is_line(text: str, words: Vocabulary) -> bool:
    """Whether a text can be the name of a line.

    >>> [is_line(name, vocabulary()) for name in ("GM", "7203 JT Equity", "Toyota Motor Corp")]
    [True, True, False]
    """
    return symbol(text, words) != text or bool(_LINE.fullmatch(text))


def vocabulary(folder: Path | None = None) -> Vocabulary:
    """The words of a data folder, default the one in use.

    Raises
    ------
    DataError
        If the folder has no such words.

    Examples
    --------
    >>> vocabulary().months["août"], vocabulary().times["億"]
    (8, 100000000.0)
    """
    place = folder or data_dir()
    overlay = store.overlay(place)
    paths = [in_use(place, overlay, name) for name in (WORDS, MARKETS, LINES)]
    for path in paths:
        if not path.is_file():
            raise DataError(f"{path} is missing; restore it, or copy it from the bundled data")
    return _read(tuple(paths), tuple(path.stat().st_mtime_ns for path in paths))


def _starting(word: str) -> re.Pattern[str]:
    """A pattern of a word; after a star any text may follow."""
    return re.compile(re.escape(word.removesuffix("*")) + ("" if word.endswith("*") else "$"), re.IGNORECASE)


@lru_cache(maxsize=8)
def _read(paths: tuple[Path, ...], _changed: tuple[int, ...]) -> Vocabulary:
    words, markets, lines = (pd.read_csv(path, dtype=str, keep_default_na=False) for path in paths)
    second = words["value"].eq("second") & words["meaning"].isin(HEADINGS)
    headings = words[words["meaning"].isin(HEADINGS)]
    names = headings["word"].map(heading)

    def of(meaning: str) -> dict[str, str]:
        rows = words[words["meaning"] == meaning]
        return dict(zip(rows["word"].str.lower(), rows["value"], strict=True))

    errors = words[words["meaning"] == "error"]
    tickers = lines["ticker"]
    bare: dict[str, list[str]] = {}
    for ticker in tickers[tickers.str.fullmatch(r"\d[\dA-Z]{2,5}\.[A-Z]+")]:
        stem = ticker.partition(".")[0]
        for code in {stem, stem.lstrip("0"), f"A{stem}" if len(stem) == 6 else stem}:
            bare.setdefault(code, []).append(ticker)
    codes = {
        kind: {
            code: ending
            for ending, cell in zip(markets["suffix"], markets[f"{kind}_codes"], strict=True)
            for code in cell.split("|")
            if code
        }
        for kind in ("space", "dash", "dot", "colon")
    }
    return Vocabulary(
        fields=dict(zip(names[~second], headings.loc[~second, "meaning"], strict=True)),
        second=dict(zip(names[second], headings.loc[second, "meaning"], strict=True)),
        missing=frozenset(of("missing")),
        errors=tuple(
            (_starting(word), remedy) for word, remedy in zip(errors["word"], errors["remedy"], strict=True)
        ),
        daily=frozenset(of("daily")),
        currencies=of("currency_word"),
        times={word: float(value) for word, value in of("times").items()},
        months={word: int(value) for word, value in of("month").items()},
        eras={word: int(value) for word, value in of("era").items()},
        codes=codes,
        endings=dict(zip(markets["suffix"], markets["market"], strict=True)),
        lines={word.upper(): line for word, line in of("line").items()},
        bare=bare,
        known=frozenset(tickers),
    )
