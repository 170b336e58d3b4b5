"""What is wrong with a table: the file, the row, the column, the value, and what was expected."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.escapes import short, visible

if TYPE_CHECKING:
    import pandera.pandas as pa

KEY = ["maker", "variable", "origin"]
SALES, PRODUCTION, EXPORTS, IMPORTS = (
    "us_sales_units", "us_production_units", "us_export_units", "us_import_units",
)  # fmt: skip
FLOWS = {SALES, PRODUCTION, EXPORTS, IMPORTS}  # add up over days; everything else is a level
ROUNDING = 1e-3  # months may be off their year by this share of it: published sums are rounded and revised
_NUMBER = r"\s*[+-]?(?:[iI]nf(?:inity)?|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?)\s*"
_TYPES = {
    "float": "a number",
    "int": "a whole number",
    "bool": "true or false",
    "date": "a day such as 2026-01-31",
}
_RAISED = re.compile(r"(?:Type|Value|Attribute|Overflow)Error\(")
_LISTED = 30  # faults that an error spells out


@dataclass(frozen=True)
class Fault:
    """One thing wrong with one cell of one file; a `warning` is shown and stops nothing."""

    file: str
    row: int | None
    column: str
    value: object
    expected: str
    warning: bool = False

    def __str__(self) -> str:
        where = visible(self.file) + (f" row {self.row}" if self.row else "")
        value = short(self.value) if self.value == self.value else "empty"
        return f"{where}: {self.column} is {value}; expected {self.expected}"


def refuse(faults: Sequence[Fault]) -> None:
    """Raise a `DataError` that counts the faults and lists the first of them, if there are any.

    >>> refuse([])
    >>> refuse([Fault("data/facts/own.csv", 3, "value", -1, "a number >= 0")])
    Traceback (most recent call last):
        ...
    tariffmodel.errors.DataError: 1 fault in the data
      data/facts/own.csv row 3: value is -1; expected a number >= 0
    """
    if faults:
        count = f"{len(faults)} fault{'s' * (len(faults) > 1)} in the data"
        more = [f"and {len(faults) - _LISTED} more"] if len(faults) > _LISTED else []
        raise DataError("\n  ".join([count, *map(str, faults[:_LISTED]), *more]))


def conform(raw: pd.DataFrame, schema: pa.DataFrameSchema, file: str, faults: list[Fault]) -> pd.DataFrame:
    """`raw` with the types of its schema and the columns `file` and `row`; adds to `faults`.

    The index of `raw` counts from 0 at row 2 of the file, below its header.

    >>> import pandera.pandas as pa
    >>> units = pa.Column(float, pa.Check.ge(0, error="units >= 0"), coerce=True)
    >>> faults: list[Fault] = []
    >>> raw, schema = pd.DataFrame({"units": ["3", "-1"]}), pa.DataFrameSchema({"units": units})
    >>> _ = conform(raw, schema, "mine.csv", faults)
    >>> print(faults[0])
    mine.csv row 3: units is '-1'; expected units >= 0
    """
    from pandera.errors import SchemaErrors

    words = [name for name, column in schema.columns.items() if column.dtype is None and name in raw]
    raw = raw.astype({name: "str" for name in words if raw[name].dtype != "str"})
    try:
        frame = schema.validate(_numbers_apart(raw, schema), lazy=True)
    except SchemaErrors as error:
        seen = set()
        case: Any  # a named tuple of the columns of failures
        for case in error.failure_cases.itertuples():
            if pd.isna(case.index) and _RAISED.match(str(case.failure_case)):
                continue  # a rule met text where a number should be, which is named by itself
            row = None if pd.isna(case.index) else int(case.index) + 2
            column, expected = case.column, str(case.check)
            if case.schema_context == "DataFrameSchema" and row:
                # a rule across columns fails once per cell of the row; its text names the column to mend
                column, _, expected = expected.partition(": ")
            elif not isinstance(column, str):
                column = str(case.failure_case)
            expected = _expected(expected)
            if (row, column, expected) in seen:
                continue
            seen.add((row, column, expected))
            value = raw.at[int(case.index), column] if row and column in raw else case.failure_case
            faults.append(Fault(file, row, column, value, expected))
        return raw
    flags = {
        column: bool for column in frame.columns[frame.dtypes == "boolean"] if frame[column].notna().all()
    }
    return frame.astype(flags).assign(file=file, row=frame.index + 2)


def _numbers_apart(raw: pd.DataFrame, schema: pa.DataFrameSchema) -> pd.DataFrame:
    """`raw` with a question mark for what Python would take for a number and nobody else: nan, 1_000."""
    plain = raw.copy(deep=False)
    for name, column in schema.columns.items():
        if name in raw and raw[name].dtype == "str" and str(column.dtype) in ("float64", "Int64"):
            cells = raw[name]
            plain[name] = cells.where(cells.isna() | cells.str.fullmatch(_NUMBER), "?")
    return plain


def conform_own(rows: pd.DataFrame, schema: pa.DataFrameSchema) -> tuple[pd.DataFrame, list[Fault]]:
    """`conform` for the user's rows, whose column `row` says where they stand in their file.

    >>> import pandera.pandas as pa
    >>> rows = pd.DataFrame({"units": ["3", "many"], "row": [2, 7]})
    >>> _, faults = conform_own(rows, pa.DataFrameSchema({"units": pa.Column(float, coerce=True)}))
    >>> print(faults[0])
    own rows row 7: units is 'many'; expected a number
    """
    faults: list[Fault] = []
    number = rows["row"].to_numpy()
    plain = rows.drop(columns="row").reset_index(drop=True)
    typed = conform(plain, schema, rows.attrs.get("file", "own rows"), faults)
    if faults:
        return typed, [replace(fault, row=fault.row and int(number[fault.row - 2])) for fault in faults]
    return typed.assign(row=number), []


def _expected(check: str) -> str:
    """A pandera check name in words, where our schemas did not already use words."""
    plain = {
        "not_nullable": "a value, not an empty cell",
        "column_in_schema": "no column of this name; see data/codebook.csv",
        "column_in_dataframe": "this column to be present; see data/codebook.csv",
        "field_uniqueness": "a value that occurs once",
    }
    if check.startswith(("coerce_dtype", "dtype")):
        return next((words for kind, words in _TYPES.items() if kind in check.lower()), "text")
    return plain.get(check, check.removeprefix("expected "))


def across_rows(table: pd.DataFrame, makers: pd.DataFrame) -> list[Fault]:
    """What is wrong with facts that no single cell can show; `makers` is indexed by maker.

    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> tm.facts.across_rows(known.table, known.makers)
    []
    >>> [fault.expected for fault in tm.facts.across_rows(known.table, known.makers.drop("Toyota"))][0]
    'a maker of data/companies/makers.csv'
    """
    faults: list[Fault] = []

    def report(rows: pd.DataFrame, column: str, expected: str) -> None:
        faults.extend(
            Fault(file, row, column, value, expected)
            for file, row, value in zip(rows["file"], rows["row"], rows[column], strict=True)
        )

    selected = table[table["selected"]]
    report(selected[~selected["maker"].isin(makers.index)], "maker", "a maker of data/companies/makers.csv")
    twice = selected[selected.duplicated([*KEY, "start", "end"], keep=False)]
    report(
        twice, "selected", "one selected row per maker, variable, origin and period; set the others to false"
    )
    report(
        selected[selected["scope"] != "total"],
        "scope",
        "'total' on a selected row: the model needs whole makers",
    )
    report(selected[selected["value"].isna()], "value", "a number on a selected row")
    report(selected[selected["selection_reason"].isna()], "selection_reason", "the reason on a selected row")
    low, high = table["low"].fillna(table["value"]), table["high"].fillna(table["value"])
    report(table[low > table["value"]], "low", "low <= value")
    report(table[high < table["value"]], "high", "high >= value")
    estimated = selected[
        (selected["quality"] == "estimated") & selected["method"].isna() & selected["note"].isna()
    ]
    report(estimated, "method", "how an estimated value was reached (method or note)")
    return faults


def not_adding_up(table: pd.DataFrame) -> list[Fault]:
    """Years and quarters of vehicles beside months within them that do not add up to them.

    >>> from datetime import date
    >>> rows = pd.DataFrame({"maker": "Kia", "variable": SALES, "origin": "US", "value": [100.0, 70.0, 40.0]})
    >>> rows["start"] = [date(2025, 1, 1), date(2025, 1, 1), date(2025, 4, 1)]
    >>> rows["end"] = [date(2025, 12, 31), date(2025, 3, 31), date(2025, 6, 30)]
    >>> print(not_adding_up(rows.assign(selected=True, file="own.csv", row=[2, 3, 4]))[0].expected)
    110, what the shorter periods within it (own.csv row 3 to row 4) add up to; correct one of them
    """
    selected = table[table["selected"]]
    faults = []
    for outer, inner, total in overfull(selected):
        row, first, last = (selected.iloc[k] for k in (outer, inner[0], inner[-1]))
        parts = f"{first['file']} row {first['row']}" + (f" to row {last['row']}" if len(inner) > 1 else "")
        expected = (
            f"{total:,.0f}, what the shorter periods within it ({parts}) add up to; correct one of them"
        )
        faults.append(Fault(row["file"], row["row"], "value", float(row["value"]), expected))
    return faults


def overfull(selected: pd.DataFrame) -> Iterator[tuple[int, list[int], float]]:
    """Rows of vehicles that hold less than the shorter ones within them, or not what these add up to.

    Parameters
    ----------
    selected : DataFrame
        Rows in use, with `start` and `end`, and a value each.

    Yields
    ------
    position, positions, float
        Of the row, of the rows within it that count, and the sum of these.

    Examples
    --------
    >>> from datetime import date
    >>> rows = pd.DataFrame({"maker": "Kia", "variable": SALES, "origin": "US", "value": [100.0, 70.0, 40.0]})
    >>> rows["start"] = [date(2025, 1, 1), date(2025, 1, 1), date(2025, 4, 1)]
    >>> rows["end"] = [date(2025, 12, 31), date(2025, 3, 31), date(2025, 6, 30)]
    >>> list(overfull(rows))
    [(0, [1, 2], 110.0)]
    """
    rows = selected.reset_index(drop=True)
    rows = rows[rows["variable"].isin(FLOWS)]
    for _, group in rows.groupby(KEY, sort=False):
        if len(group) < 2:
            continue
        start, end, value = (group[column].to_numpy() for column in ("start", "end", "value"))
        length = np.array([(b - a).days for a, b in zip(start, end, strict=True)])
        for outer in np.argsort(length, kind="stable"):
            within = (start >= start[outer]) & (end <= end[outer]) & (length < length[outer])
            kept: list[int] = []
            for inner in sorted(np.flatnonzero(within), key=lambda k: length[k], reverse=True):
                if all(end[inner] < start[k] or start[inner] > end[k] for k in kept):
                    kept.append(int(inner))  # the longest of what does not overlap
            total = float(value[kept].sum())
            whole = sum(length[k] + 1 for k in kept) == length[outer] + 1
            slack = ROUNDING * value[outer] + 0.5 * len(kept)
            if kept and (total > value[outer] + slack or (whole and total < value[outer] - slack)):
                positions = [int(group.index[k]) for k in sorted(kept, key=lambda k: start[k])]
                yield int(group.index[outer]), positions, total
