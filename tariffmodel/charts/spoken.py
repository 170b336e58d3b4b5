"""In which language do labels stand, how are makers called there, and can their letters be set?

Axes, keys, headings, units, notes and dates are translated by ``labels.csv``, makers by
``data/companies/names.csv``; titles and other sentences stay English. What has no translation stays
English too. Letters that no font here has are refused.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
from matplotlib.font_manager import FontProperties, fontManager, get_font

from tariffmodel.errors import DataError
from tariffmodel.facts.tables import data_dir

LANGUAGES, NAMES = ("en", "ja"), ("en", "ja", "home")
VARIABLE = "TARIFFMODEL_LANGUAGE"  # read where nothing was set: kernels of a run start with it
# What sets Japanese and Korean, by system: where one of them is installed, letters that DejaVu lacks
# are taken from it.
_ASIAN = (
    "Noto Sans CJK JP", "Noto Sans JP", "IPAexGothic", "Hiragino Sans", "Yu Gothic", "MS Gothic",
    "Noto Sans CJK KR", "Noto Sans KR", "NanumGothic", "Apple SD Gothic Neo", "Malgun Gothic",
)  # fmt: skip
_WHEELS = ("matplotlib_fontja", "koreanize_matplotlib")  # that bring a font; importing them changes settings
_DAY = re.compile(r"\b(\d{1,2}) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) (\d{4})\b")
_ENGLISH = re.compile(r"[a-z]{2}")

_set: list[tuple[str, str]] = []


def current() -> tuple[str, str]:
    """The language of labels, and of makers' names.

    >>> current()
    ('en', 'en')
    """
    return _set[-1] if _set else chosen(os.environ.get(VARIABLE, ""))


def chosen(text: str) -> tuple[str, str]:
    """Language of labels and of names from ``ja``, ``ja,home`` or nothing, which is English.

    Raises
    ------
    DataError
        For a language that there is none of.

    Examples
    --------
    >>> chosen(""), chosen("ja"), chosen("en,home")
    (('en', 'en'), ('ja', 'ja'), ('en', 'home'))
    """
    labels, _, names = text.partition(",")
    labels = labels or "en"
    names = names or labels
    for asked, known in ((labels, LANGUAGES), (names, NAMES)):
        if asked not in known:
            raise DataError(f"language {asked!r} is unknown; one of {', '.join(known)}")
    return labels, names


@contextmanager
def language(labels: str, names: str = "") -> Iterator[None]:
    """Draw in another language.

    Parameters
    ----------
    labels : str
        Of axes, keys, headings, units, notes and dates: ``en`` or ``ja``.
    names : str, optional
        Of makers: ``en``, ``ja``, or ``home``, as each one's market writes it. Default: that of labels.

    Raises
    ------
    DataError
        For another language; and, when a chart is drawn, for letters that no font here has.

    Examples
    --------
    >>> with language("ja"):
    ...     said("Source: company reports"), said("Toyota"), said("As of 30 Oct 2026.")
    ('出所: company reports', 'トヨタ自動車', '2026年10月30日現在')
    """
    _set.append(chosen(f"{labels},{names}"))
    try:
        yield
    finally:
        _set.pop()


def said(text: str) -> str:
    """A label, heading, note or maker in the language that is set.

    >>> said("Toyota"), said("no bill")
    ('Toyota', 'no bill')
    """
    spoken = current()
    return text if spoken == ("en", "en") else _said(" ".join(text.split()), *spoken)


@lru_cache(maxsize=4096)
def _said(text: str, labels: str, names: str) -> str:
    if (called := _makers(names).get(text)) is not None:
        return called
    if labels == "en":
        return text
    if (known := _known(text, labels, names)) is not None:
        return known
    parts = text.split("; ")
    for count in range(len(parts) - 1, 0, -1):  # as much at once as there is, then the rest
        if (known := _known("; ".join(parts[:count]), labels, names)) is not None or count == 1:
            opening = parts[0] if known is None else known
            return f"{opening}; {_said('; '.join(parts[count:]), labels, names)}"
    months = _words(labels)[0]
    return _DAY.sub(lambda day: f"{day[3]}年{months[day[2]]}{day[1]}日", text)


def _known(text: str, labels: str, names: str) -> str | None:
    """What the table says for all of a text, if it has it."""
    exact, patterns = _words(labels)
    if text in exact:
        return exact[text]
    for pattern, form, whole in patterns:
        if match := pattern.fullmatch(text):
            told = [_said(part, labels, names) for part in match.groups()]
            if not (whole and any(map(_ENGLISH.search, told))):
                return form.format(*told)
    told = [_said(part, labels, names) for part in text.split(", ")] if ", " in text else []
    return ", ".join(told) if told and not any(map(_ENGLISH.search, told)) else None


@lru_cache(maxsize=2)
def _words(labels: str) -> tuple[dict[str, str], list[tuple[re.Pattern[str], str, bool]]]:
    """Labels as they stand, and those with a part that differs, the longest first.

    A label that is `whole` holds only where all of its parts are translated.
    """
    rows = pd.read_csv(Path(__file__).parents[1] / "labels.csv", dtype=str, keep_default_na=False)
    words = dict(zip(rows["english"], rows[labels], strict=True))
    exact = {text: word for text, word in words.items() if "{}" not in text}
    open_ones = rows[rows["english"].str.contains("{}", regex=False)]
    open_ones = open_ones.iloc[open_ones["english"].str.len().argsort(kind="stable")[::-1]]
    patterns = [
        (re.compile("([^;]+?)".join(map(re.escape, text.split("{}")))), form, bool(whole))
        for text, whole, form in open_ones[["english", "whole", labels]].itertuples(index=False)
    ]
    return exact, patterns


@lru_cache(maxsize=4)
def _makers(names: str) -> dict[str, str]:
    path = data_dir() / "companies" / "names.csv"
    if names == "en" or not path.is_file():
        return {}
    rows = pd.read_csv(path, dtype=str, keep_default_na=False).query("language == @names")
    return dict(zip(rows["maker"], rows["name"], strict=True))


def ready(labels: str, names: str = "") -> str:
    """What `VARIABLE` has to hold for kernels that draw in a language, once it is known that they can.

    Raises
    ------
    DataError
        As `language`, before anything is drawn.

    Examples
    --------
    >>> ready("en")
    'en,en'
    """
    with language(labels, names):
        exact, patterns = _words(labels) if labels != "en" else ({}, [])
        refuse_unset([*exact.values(), *(form for _, form, _ in patterns), *_makers(current()[1]).values()])
        return ",".join(current())


# Letters ------------------------------------------------------------------------------------------


def fonts() -> list[str]:
    """The fonts that letters are taken from, in this order: the same on every machine but for the last.

    >>> fonts()[0]
    'DejaVu Sans'
    """
    _add_wheels()
    installed = set(fontManager.get_font_names())
    return ["DejaVu Sans", *(name for name in _ASIAN if name in installed)]


@lru_cache(maxsize=1)
def _add_wheels() -> None:
    # titles are bold, most fonts for Japanese are not, and a title has none of its letters
    log = logging.getLogger("matplotlib.font_manager")
    log.addFilter(lambda record: "Failed to find font weight" not in record.getMessage())
    for wheel in _WHEELS:
        found = find_spec(wheel)
        for place in (found.submodule_search_locations or []) if found else []:
            for path in sorted(Path(place, "fonts").glob("*.ttf")):
                fontManager.addfont(path)


def refuse_unset(texts: Iterable[str]) -> None:
    """Refuse letters that no font here has: they would come out as empty boxes.

    Nothing is refused in English, where own data may hold any sign.

    Raises
    ------
    DataError
        It names the letters and what to install.

    Examples
    --------
    >>> refuse_unset(["Toyota", "●"])
    """
    if current() == ("en", "en"):
        return
    here = tuple(fonts())
    for text in texts:
        if lacking := "".join(
            dict.fromkeys(sign for sign in text if sign.isprintable() and not _has(sign, here))
        ):
            raise DataError(
                f"no font here has the letters {lacking!r} of {text!r}; install Noto Sans CJK (on Debian "
                "fonts-noto-cjk), or the extra tariffmodel[ja] for Japanese, then draw again"
            )


@lru_cache(maxsize=8192)
def _has(sign: str, here: tuple[str, ...]) -> bool:
    paths = (fontManager.findfont(FontProperties(family=name)) for name in here)
    return sign.isspace() or any(get_font(path).get_char_index(ord(sign)) for path in paths)
