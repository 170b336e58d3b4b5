"""What a file of positions holds: names as people write them, sizes in money or shares, long or short.

One row a position. Columns are found by their heading, whatever the case: a name (`name`, `ticker`,
`security` …); a size (`notional`, `amount`, `value`, with the currency in the heading, in the cell or in a
column `currency`) or a count (`shares`, `quantity` …); optionally a `side`. Nothing is dropped or guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import Facts
from tariffmodel.hedging import positions
from tariffmodel.intake import spreadsheet

__all__ = ["read"]

_HEADINGS = {
    "name": {
        "name",
        "ticker",
        "security",
        "company",
        "maker",
        "share",
        "position",
        "bloomberg",
        "line",
        "code",
    },
    "money": {"notional", "amount", "value", "size", "market value", "exposure"},
    "shares": {"shares", "quantity", "qty", "units", "count"},
    "unit": {"currency", "ccy", "cur"},
    "side": {"side", "direction", "long/short", "l/s"},
}
_SIDES = {"long": 1, "l": 1, "buy": 1, "b": 1, "short": -1, "s": -1, "sell": -1, "": 0}
_REMEDY = "name it as data/market/instruments.csv does, or add its prices"


def read(facts: Facts, path: str | Path, *, sheet: str | None = None) -> pd.DataFrame:
    r"""Positions of a CSV or .xlsx file, as `ticket.ticket` takes them.

    Parameters
    ----------
    sheet : str, optional
        Of a workbook with more than one.

    Returns
    -------
    DataFrame
        Indexed by ticker: `size`, below zero for short; `unit`, a currency or ``"shares"``; `where`.

    Raises
    ------
    DataError
        Every fault of the file, each with its row, column and remedy: a name that is none or that occurs
        twice, a share without prices, a size that is missing, zero or no number, a currency that is missing,
        unknown or said in two ways, a side that contradicts the sign.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from tariffmodel import facts
    >>> text = "name,side,notional,currency\nToyota,long,10000000,USD\nVW,short,4000000,EUR\n"
    >>> with TemporaryDirectory() as place:
    ...     _ = (file := Path(place) / "mine.csv").write_text(text)
    ...     rows = read(facts.load(), file)
    >>> rows["size"].to_dict(), rows["unit"].to_list()
    ({'7203.T': 10000000.0, 'VOW3.DE': -4000000.0}, ['USD', 'EUR'])
    """
    found = spreadsheet.read(path, sheet=sheet)
    heads = [spreadsheet.text(cell) for cell in found.cells[0]]
    places, fixed = _columns(heads, found.file)
    body = pd.DataFrame(found.cells[1:], range(2, len(found.cells) + 1))
    body = body[(body.map(spreadsheet.text) != "").any(axis=1)]
    sizes = {}
    for kind in ("money", "shares"):
        if kind in places:
            cells = body[places[kind]].map(lambda cell: _bare(cell)[0])
            marks = found.found.get("delimiter", "")
            sizes[kind] = spreadsheet.numbers(cells, found.file, delimiter=marks)[0]
    faults: list[str] = []
    rows = []
    for place, (number, row) in enumerate(body.iterrows()):
        size: dict[str, object] = {kind: values.iloc[place] for kind, values in sizes.items()}
        try:
            rows.append(_row(facts, row, size, places, heads, fixed))
        except DataError as error:
            faults.append(f"{found.file}, row {number}, {error}")
            continue
        rows[-1]["where"] = f"{found.file}, row {number}"
    if not rows and not faults:
        raise DataError(f"{found.file} has no position; write one a row below the heading")
    table = pd.DataFrame(rows, columns=["line", "size", "unit", "where"])
    for line, same in table.groupby("line", sort=False):
        if len(same) > 1:
            which = " and ".join(where.rsplit(" ", 1)[1] for where in same["where"])
            faults.append(
                f"{found.file}, rows {which}, column {heads[places['name']]}: {line} is held twice; "
                "add the rows into one position"
            )
    if faults:
        raise DataError("\n".join(faults))
    return positions.whole(table)


def _columns(heads: list[str], file: str) -> tuple[dict[str, int], str]:
    """Places of the columns, and the currency that the heading of the size says, if it does."""
    places: dict[str, int] = {}
    fixed = ""
    for number, head in enumerate(heads):
        plain = re.sub(r"[\s_]+", " ", head.lower()).strip()
        unit = re.search(r"[ ,(]+([a-z]{3})\)?$", plain)
        for kind, words in _HEADINGS.items():
            bare = plain[: unit.start()] if kind == "money" and unit else plain
            if plain in words or bare in words:
                if kind in places:
                    raise DataError(
                        f"{file}, columns {heads[places[kind]]} and {head}: both say the {kind}; keep one"
                    )
                places[kind] = number
                fixed = unit[1].upper() if kind == "money" and unit and plain not in words else fixed
    if "name" not in places or not {"money", "shares"} & set(places):
        raise DataError(
            f"{file}, row 1 has the columns {', '.join(filter(None, heads))}; expected a name (name, ticker) "
            "and a size (notional with a currency, or shares)"
        )
    return places, fixed


def _row(
    facts: Facts,
    row: pd.Series,
    size: dict[str, object],
    places: dict[str, int],
    heads: list[str],
    fixed: str,
) -> dict[str, object]:
    """One position; a `DataError` begins with the column."""

    def fault(kind: str, text: str) -> DataError:
        return DataError(f"column {heads[places[kind if kind in places else 'money']]}: {text}")

    name = spreadsheet.text(row[places["name"]])
    if not name:
        raise fault("name", "it is empty; name the share or delete the row")
    try:
        line = positions.find(facts, name)
    except DataError as error:
        known = "add its prices" in str(error)
        raise fault("name", f"{error}" if known else f"{error} Or {_REMEDY}") from None
    if line not in facts.prices or facts.prices[line].dropna().empty:
        raise fault("name", f"{line} has no prices; add them with `tariffmodel add` or take it out")
    there = {
        kind: value for kind, value in size.items() if not (isinstance(value, float) and np.isnan(value))
    }
    if len(there) != 1:
        kind = next(iter(size))
        raise fault(kind, f"{name} has {'two sizes' if there else 'no size'}; give money or shares")
    kind, value = next(iter(there.items()))
    if not isinstance(value, int | float | np.number):
        raise fault(kind, f"{value!r} is no number; write one such as 10000000")
    if value == 0 or not np.isfinite(value):
        raise fault(kind, f"the size of {name} is {value:g}; write one that is not zero, or delete the row")
    side = spreadsheet.text(row[places["side"]]).lower() if "side" in places else ""
    if side not in _SIDES:
        raise fault("side", f"{side!r} is no side; write long or short")
    if _SIDES[side] and value < 0:
        raise fault("side", f"{name} is {side} and its size below zero; say it once")
    signed = float(value) * (_SIDES[side] or 1)
    unit = positions.SHARES if kind == "shares" else _unit(facts, row, name, places, fixed, fault)
    return {"line": line, "size": signed, "unit": unit}


def _unit(
    facts: Facts,
    row: pd.Series,
    name: str,
    places: dict[str, int],
    fixed: str,
    fault: Callable[[str, str], DataError],
) -> str:
    """The currency of a size: said once, or alike, in the heading, in the cell or in its own column."""
    own = spreadsheet.text(row[places["unit"]]).upper() if "unit" in places else ""
    said = {one for one in (own, fixed, _bare(row[places["money"]])[1]) if one}
    if len(said) > 1:
        raise fault("unit", f"the size of {name} is in {' and in '.join(sorted(said))}; say one currency")
    if not said:
        raise fault("unit", f"the size of {name} has no currency; write one, such as USD, or count shares")
    unit = said.pop()
    known = {code for pair in map(str, facts.fx) for code in (pair[:3], pair[3:])}
    if unit not in known:
        raise fault("unit", f"no exchange rate for {unit}; choose from {', '.join(sorted(known))}")
    return unit


def _bare(cell: object) -> tuple[object, str]:
    """A cell without the currency before or behind its number, and that currency."""
    if not isinstance(cell, str):
        return cell, ""
    match = re.fullmatch(r"\s*([A-Za-z]{3})?\s*([-+\d].*?)\s*([A-Za-z]{3})?\s*", cell)
    if not match or not (match[1] or match[3]):
        return cell, ""
    return match[2], (match[1] or match[3]).upper()
