"""How many vehicles did Mexico export to the United States, by make, model and month, according to INEGI?

The register of light vehicles (RAIAVL) is open data: one ZIP of its exports, with a CSV file a year in it
and a row per make, model, destination and month.
"""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from tariffmodel.intake.fetching import LAYOUT, Answer, RefusedError, fetch, opened

EXPORTS = (
    "https://www.inegi.org.mx/contenidos/datosprimarios/iavl/datosabiertos/"
    "conjunto_de_datos_raiavl_mensual_exportacion_csv.zip"
)
ABOUT = "https://www.inegi.org.mx/datosprimarios/iavl/"
UNITED_STATES = "66"
FIRST_YEAR = 2023
_COLUMNS = ("ANIO", "ID_MES", "MARCA", "MODELO", "TIPO", "SEGMENTO", "ID_PAIS_DESTINO", "UNI_VEH")
_YEAR = re.compile(r"exportacion_mensual\w*_(\d{4})\.csv$", re.IGNORECASE)
Months = dict[tuple[str, str], int]  # by brand and month
Models = dict[tuple[str, str, str, str, str], int]  # by brand, model, type, segment and period


def exports(
    session: Any, *, timeout: float, sleep: Callable[[float], None]
) -> tuple[Months, Models, list[str], Answer]:
    """Exports to the US since `FIRST_YEAR` by brand and month, by model and year; months that are lacking.

    Raises
    ------
    RefusedError
        Not there, truncated, or without a column; the file and row are named.

    Examples
    --------
    >>> from types import SimpleNamespace as Fake
    >>> from zipfile import ZipFile
    >>> rows = [",".join(_COLUMNS), "2025,1,Ford,Maverick,Pick up,Trucks,66,5"]
    >>> with ZipFile(made := io.BytesIO(), "w") as archive:
    ...     archive.writestr("exportacion_mensual_2025.csv", chr(10).join(rows))
    >>> sent = Fake(status_code=200, content=made.getvalue(), headers={})
    >>> months, models, lacking, _ = exports(Fake(get=lambda url, **_: sent), timeout=1, sleep=print)
    >>> dict(months), lacking
    ({('Ford', '2025-01'): 5}, [])
    """
    answer = fetch(session, EXPORTS, timeout=timeout, sleep=sleep)
    months: Months = defaultdict(int)
    models: dict[int, Models] = defaultdict(lambda: defaultdict(int))
    there: dict[int, set[int]] = defaultdict(set)
    with opened(answer.content, EXPORTS.rpartition("/")[2]) as archive:
        years = {int(found[1]): name for name in archive.namelist() if (found := _YEAR.search(name))}
        wanted = {year: name for year, name in sorted(years.items()) if year >= FIRST_YEAR}
        if not wanted:
            held = ", ".join(archive.namelist()[:8])
            raise RefusedError(
                LAYOUT,
                f"INEGI's archive has no exportacion_mensual…_YYYY.csv since {FIRST_YEAR}; it has {held}",
            )
        for year, name in wanted.items():
            for month, row, units in _rows(archive.read(name), name.rpartition("/")[2], year):
                there[year].add(month)
                if row["ID_PAIS_DESTINO"].strip() == UNITED_STATES:
                    brand, model, kind, segment = (
                        row[column].strip() for column in ("MARCA", "MODELO", "TIPO", "SEGMENTO")
                    )
                    months[brand, f"{year}-{month:02d}"] += units
                    models[year][brand, model, kind, segment, ""] += units
    if not months:
        raise RefusedError(LAYOUT, f"INEGI's archive has no export to destination {UNITED_STATES}")
    named: Models = {}
    lacking = []
    for year, counted in models.items():
        first, last = min(there[year]), max(there[year])
        label = f"CY{year}" if there[year] == set(range(1, 13)) else f"{year}-{first:02d}..{year}-{last:02d}"
        if first == last:
            label = f"{year}-{first:02d}"
        named |= {(*key[:4], label): units for key, units in counted.items()}
    newest = max(there)
    for year, counted_in in there.items():
        until = max(counted_in) if year == newest else 12
        lacking += [f"{year}-{month:02d}" for month in range(1, until + 1) if month not in counted_in]
    return months, named, lacking, answer


def _rows(content: bytes, name: str, year: int) -> Iterator[tuple[int, dict[str, str], int]]:
    """Month, cells and units of every row of a year's file."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    table = csv.DictReader(io.StringIO(text, newline=""))
    lacking = set(_COLUMNS) - set(table.fieldnames or [])
    if lacking:
        held = ", ".join(table.fieldnames or [])
        raise RefusedError(
            LAYOUT, f"{name} of INEGI has no column {', '.join(sorted(lacking))}; it has {held}"
        )
    for number, row in enumerate(table, start=2):
        try:
            month, units = int(row["ID_MES"]), int(row["UNI_VEH"])
            if int(row["ANIO"]) != year or not 1 <= month <= 12 or units < 0:
                raise ValueError
        except (TypeError, ValueError):
            raise RefusedError(
                LAYOUT,
                f"{name} of INEGI, row {number}: ANIO {row['ANIO']!r}, ID_MES {row['ID_MES']!r}, UNI_VEH "
                f"{row['UNI_VEH']!r}; expected {year}, a month and a count; nothing of the file was stored",
            ) from None
        yield month, row, units
