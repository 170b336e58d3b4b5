"""What did US customs count in a month, according to the Census Bureau?

Two ways to the same statistics, imports for consumption by origin:

- the monthly files of merchandise imports (IMDB), a ZIP of fixed-width text a month, no key: ``IMP_DETL.TXT``
  has a line per tariff line, country, preference, districts and rate provision, ``CONCORD.TXT`` says to which
  industry a tariff line belongs, ``IMP_CTY.TXT`` has the sums by country, to which the lines must add up;
- the API, with a key in the environment: fewer bytes, and no value under USMCA.

Positions of the files are those of the record layouts that Census publishes (`LAYOUTS`).
"""

from __future__ import annotations

import json
import re
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from tariffmodel.intake.fetching import (
    FAILED,
    LAYOUT,
    NOT_PUBLISHED,
    Answer,
    RefusedError,
    fetch,
    member,
    opened,
)

FILES = "https://www.census.gov/trade/downloads/{year}/Merch/im_m/IMDB{short}.ZIP"
API = "https://api.census.gov/data/timeseries/intltrade/imports"
LAYOUTS = "https://www.census.gov/foreign-trade/reference/products/layouts/imdb.html"
KEY = "CENSUS_API_KEY"  # of the environment; Census gives one to anybody who asks
VEHICLES, PARTS = "33611", "3363"  # NAICS: automobiles and light trucks, and their parts
# Schedule C: countries of origin that the model tells apart
_EU = (
    "4330 4231 4870 4791 4910 4351 4099 4470 4050 4279 4280 4840 4370 4190 "
    "4759 4490 4510 4239 4730 4210 4550 4710 4850 4359 4792 4700 4010"
)
ORIGINS = dict.fromkeys(_EU.split(), "EU") | {
    "5880": "JP", "5800": "KR", "4120": "GB", "2010": "MX", "1220": "CA", "5700": "CN",
}  # fmt: skip
OTHER, ALL = "XX", "ALL"
_USMCA = (b"S", b"S+")  # preferences, as the tariff schedule writes them
_NEAR = ("MX", "CA")
Figures = dict[tuple[str, str], dict[str, float | None]]  # by goods and origin

_AMOUNT = rb" *\d+"
_DETAIL = {
    "commodity": (1, 10, rb"\d{10}"),
    "country": (11, 14, rb"\d{4}"),
    "preference": (15, 16, rb".."),
    "rate provision": (21, 22, rb".."),
    "year": (23, 26, rb"\d{4}"),
    "month": (27, 28, rb"\d\d"),
    "first quantity": (44, 58, _AMOUNT),
    "value": (74, 88, _AMOUNT),
    "dutiable value": (89, 103, _AMOUNT),
    "calculated duty": (104, 118, _AMOUNT),
}
_CONCORD = {"commodity": (1, 10, rb"\d{10}"), "NAICS": (227, 232, rb"[\dA-Z ]{6}")}
_COUNTRY_SUMS = {
    "country": (1, 4, rb"\d{4}"),
    "year": (35, 38, rb"\d{4}"),
    "month": (39, 40, rb"\d\d"),
    "value": (56, 70, _AMOUNT),
    "calculated duty": (86, 100, _AMOUNT),
}
_Record = tuple[bytes, ...]


def files(
    session: Any, month: str, *, timeout: float, sleep: Callable[[float], None], key: str = ""
) -> tuple[Figures, Answer]:
    """A month from its IMDB file; `month` as in ``2025-04``.

    Raises
    ------
    RefusedError
        Not published, truncated, or not in the layout; the line and the positions are named.

    Examples
    --------
    >>> from types import SimpleNamespace as Fake
    >>> empty = Fake(get=lambda url, **_: Fake(status_code=404))
    >>> files(empty, "2025-04", timeout=1, sleep=print)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    tariffmodel.intake.fetching.RefusedError: .../IMDB2504.ZIP is not there (HTTP 404)
    """
    del key  # none is needed
    address = FILES.format(year=month[:4], short=month[2:4] + month[5:])
    answer = fetch(session, address, timeout=timeout, sleep=sleep)
    name = address.rpartition("/")[2]
    with opened(answer.content, name) as archive:
        naics = {
            line: code
            for line, code in _records(archive, "CONCORD.TXT", _CONCORD, name)
            if code.startswith((VEHICLES.encode(), PARTS.encode()))
        }
        if not any(code.startswith(VEHICLES.encode()) for code in naics.values()):
            raise RefusedError(
                LAYOUT, f"CONCORD.TXT of {name} has no line of NAICS {VEHICLES}…; see {LAYOUTS}"
            )
        figures, by_country = _summed(archive, naics, month, name)
        _reconcile(archive, by_country, month, name)
    return figures, answer


def _summed(
    archive: zipfile.ZipFile, naics: dict[bytes, bytes], month: str, name: str
) -> tuple[Figures, dict[bytes, list[int]]]:
    """The lines of a month by goods and origin; value and duty of all lines by country."""
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * 5)
    by_country: dict[bytes, list[int]] = defaultdict(lambda: [0, 0])
    year, number = month.encode().split(b"-")
    record: Any  # of the types of its fields
    for place, record in enumerate(_records(archive, "IMP_DETL.TXT", _DETAIL, name), start=1):
        commodity, country, preference, _, of_year, of_month, *amounts = record
        if (of_year, of_month) != (year, number):
            found = f"{of_year.decode()}-{of_month.decode()}"
            raise RefusedError(
                LAYOUT,
                f"IMP_DETL.TXT of {name}, line {place}: the month is {found} (positions 23-28), expected "
                f"{month}; another file, or another layout: see {LAYOUTS}",
            )
        units, value, dutiable, duty = map(int, amounts)
        total = by_country[country]
        total[0] += value
        total[1] += duty
        goods = _goods(commodity, naics.get(commodity, b""))
        origin = ORIGINS.get(country.decode(), OTHER)
        usmca = value if preference.strip() in _USMCA else 0
        for one in goods:
            for where in (origin, ALL):
                cell = sums[one, where]
                for index, amount in enumerate((value, dutiable, duty, usmca, units)):
                    cell[index] += amount
    if not sums:
        raise RefusedError(LAYOUT, f"IMP_DETL.TXT of {name} has no vehicle and no part; see {LAYOUTS}")
    figures: Figures = {}
    for (one, where), (value, dutiable, duty, usmca, units) in sums.items():
        figures[one, where] = {
            "value_usd": value,
            "dutiable_usd": dutiable,
            "duty_usd": duty,
            "usmca_usd": usmca if where in _NEAR else None,
            "units": None if one == "part" else units,  # parts are counted in pieces and kilograms
        }
    return figures, by_country


def _goods(commodity: bytes, naics: bytes) -> list[str]:
    if naics.startswith(PARTS.encode()):
        return ["part"]
    if not naics:
        return []
    heading = {b"8703": ["car"], b"8704": ["light_truck"]}
    return ["vehicle", *heading.get(commodity[:4], [])]


def _reconcile(archive: zipfile.ZipFile, summed: dict[bytes, list[int]], month: str, name: str) -> None:
    """Refuse lines that do not add up to the sums by country of the same file."""
    record: Any
    for record in _records(archive, "IMP_CTY.TXT", _COUNTRY_SUMS, name):
        country, year, number, *amounts = record
        if f"{year.decode()}-{number.decode()}" != month:
            raise RefusedError(
                LAYOUT, f"IMP_CTY.TXT of {name} is of {year.decode()}-{number.decode()}, expected {month}"
            )
        value, duty = map(int, amounts)
        lines = summed.get(country, [0, 0])
        if [value, duty] != lines:
            raise RefusedError(
                LAYOUT,
                f"{name}: lines of country {country.decode()} add up to {lines[0]:,} USD and {lines[1]:,} "
                f"of duty, IMP_CTY.TXT says {value:,} and {duty:,}; the file is incomplete or its layout has "
                "changed; nothing of the month was stored",
            )


def _records(
    archive: zipfile.ZipFile, ending: str, fields: dict[str, tuple[int, int, bytes]], name: str
) -> Iterator[_Record]:
    """Fields of every line of a fixed-width file, each held against what its positions must hold."""
    inside = member(archive, ending, name)
    line_of, amounts = _line(fields)
    seen = 0
    with archive.open(inside) as lines:
        for number, line in enumerate(lines, start=1):
            text = line.rstrip(b"\r\n")
            if not text.strip(b" \x1a"):
                continue
            match = line_of.match(text)
            if match is None or any(b" " in match[group].lstrip() for group in amounts):
                raise RefusedError(LAYOUT, _misfit(text, number, fields, ending, name))
            seen += 1
            yield match.groups()
    if not seen:
        raise RefusedError(LAYOUT, f"{ending} of {name} is empty")


def _line(fields: dict[str, tuple[int, int, bytes]]) -> tuple[re.Pattern[bytes], list[int]]:
    """A line of these fields, each as wide as its positions; and which of them are amounts."""
    pattern, at, amounts = b"", 1, []
    for group, (first, last, what) in enumerate(fields.values(), start=1):
        width = last - first + 1
        if what == _AMOUNT:  # padded with spaces or zeros
            amounts.append(group)
            what = rb"[ \d]{%d}\d" % (width - 1)
        pattern += rb".{%d}(%s)" % (first - at, what)
        at = last + 1
    return re.compile(pattern, re.DOTALL), amounts


def _misfit(
    text: bytes, number: int, fields: dict[str, tuple[int, int, bytes]], ending: str, name: str
) -> str:
    """Which positions of a line hold what they must not."""
    for field, (first, last, what) in fields.items():
        held = text[first - 1 : last]
        if len(held) != last - first + 1 or not re.fullmatch(what, held):
            return (
                f"{ending} of {name}, line {number}: positions {first}-{last} hold "
                f"{held.decode('latin-1')!r}, expected the {field}; the layout may have changed, see "
                f"{LAYOUTS}; nothing of the month was stored"
            )
    return f"{ending} of {name}, line {number} is not in the layout, see {LAYOUTS}"


# ---- the API

_ASKED = {
    "car": ("hs", {"I_COMMODITY": "8703", "COMM_LVL": "HS4"}),
    "light_truck": ("hs", {"I_COMMODITY": "870421|870431|870441|870451|870460", "COMM_LVL": "HS6"}),
    "vehicle": ("naics", {"NAICS": "336110", "COMM_LVL": "NA6"}),
    "part": ("naics", {"NAICS": "3363", "COMM_LVL": "NA4"}),
}
_VALUES = {
    "CON_VAL_MO": "value_usd",
    "DUT_VAL_MO": "dutiable_usd",
    "CAL_DUT_MO": "duty_usd",
    "CON_QY1_MO": "units",
}
_GROUPS = {"-": ALL, "0003": "EU"}  # the world, and the EU as Census sums it


def api(
    session: Any, month: str, *, timeout: float, sleep: Callable[[float], None], key: str = ""
) -> tuple[Figures, Answer]:
    """The same from the API. Cars are all of HS 8703 here, used ones among them, and no USMCA value is known.

    Raises
    ------
    RefusedError

    Examples
    --------
    >>> api(None, "2025-04", timeout=1, sleep=print)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    tariffmodel.intake.fetching.RefusedError: the Census API needs a key: set CENSUS_API_KEY ...
    """
    if not key:
        raise RefusedError(
            FAILED,
            f"the Census API needs a key: set {KEY} in the environment, or use the files (source imdb)",
        )
    figures: Figures = {}
    answer = Answer(b"", None)
    for goods, (dataset, codes) in _ASKED.items():
        asked = list(_VALUES) if dataset == "hs" else [name for name in _VALUES if name != "CON_QY1_MO"]
        (column, several), level = next(iter(codes.items())), codes["COMM_LVL"]
        sums: dict[str, dict[str, float | None]] = defaultdict(lambda: dict.fromkeys(_VALUES.values()))
        for code in several.split("|"):
            query = {"get": ",".join(["CTY_CODE", *asked]), column: code, "COMM_LVL": level}
            try:
                answer = fetch(
                    session,
                    f"{API}/{dataset}",
                    query | {"time": month, "key": key},
                    timeout=timeout,
                    sleep=sleep,
                )
            except RefusedError as refused:
                if refused.outcome == NOT_PUBLISHED and figures:
                    continue  # no such goods in a month that is there
                raise
            for country, amounts in _rows(answer.content, asked, month, f"{dataset} {code}"):
                origin = _GROUPS.get(country, ORIGINS.get(country, ""))
                if origin and (origin != "EU" or country in _GROUPS):
                    cell = sums[origin]
                    for name, amount in zip(asked, amounts, strict=True):
                        cell[_VALUES[name]] = (cell[_VALUES[name]] or 0) + amount
        if ALL not in sums:
            raise RefusedError(LAYOUT, f"the Census API has no total (CTY_CODE '-') of {goods} in {month}")
        told = [cell for origin, cell in sums.items() if origin != ALL]
        sums[OTHER] = {
            name: None if whole is None else whole - sum(cell[name] or 0 for cell in told)
            for name, whole in sums[ALL].items()
        }
        if any(amount is not None and amount < 0 for amount in sums[OTHER].values()):
            raise RefusedError(LAYOUT, f"the Census API's countries add up to more than its total of {goods}")
        figures |= {(goods, origin): cell | {"usmca_usd": None} for origin, cell in sums.items()}
    return figures, Answer(b"", None)


def _rows(content: bytes, asked: list[str], month: str, what: str) -> Iterator[tuple[str, list[int]]]:
    """Country and amounts of every row of an answer, which is a list of lists with the headings first."""
    try:
        head, *rows = json.loads(content)
    except (ValueError, TypeError):
        start = content[:60].decode("latin-1").strip()
        raise RefusedError(
            FAILED,
            f"the Census API answers {what} with {start!r}, which is no data: is the key in {KEY} valid?",
        ) from None
    lacking = {"CTY_CODE", "time", *asked} - set(head)
    if lacking:
        raise RefusedError(
            LAYOUT,
            f"the Census API's answer for {what} has no column {', '.join(sorted(lacking))}; it has {head}",
        )
    place = {name: head.index(name) for name in head}
    for row in rows:
        if row[place["time"]] != month:
            raise RefusedError(
                LAYOUT, f"the Census API answers {what} with {row[place['time']]}, asked for {month}"
            )
        try:
            yield row[place["CTY_CODE"]], [int(row[place[name]] or 0) for name in asked]
        except (TypeError, ValueError):
            raise RefusedError(
                LAYOUT, f"the Census API's answer for {what} has {row}, expected whole numbers"
            ) from None
