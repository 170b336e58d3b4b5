"""What is wrong with a table: the file, the row, the column, the value, and what was expected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from tariffmodel.errors import DataError

if TYPE_CHECKING:
    import pandera.pandas as pa

KEY = ["maker", "variable", "origin"]
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
        where = self.file + (f" row {self.row}" if self.row else "")
        value = repr(self.value) if self.value == self.value else "empty"
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
        frame = schema.validate(raw, lazy=True)
    except SchemaErrors as error:
        seen = set()
        case: Any  # a named tuple of the columns of failures
        for case in error.failure_cases.itertuples():
            row = None if pd.isna(case.index) else int(case.index) + 2
            column, expected = case.column, str(case.check)
            if case.schema_context == "DataFrameSchema" and row:
                # a rule across columns fails once per cell of the row; its text names the column to mend
                column, _, expected = expected.partition(": ")
            elif not isinstance(column, str):
                column = str(case.failure_case)
            if (row, column, expected) in seen:
                continue
            seen.add((row, column, expected))
            value = raw.at[int(case.index), column] if row and column in raw else case.failure_case
            faults.append(Fault(file, row, column, value, _expected(expected)))
        return raw
    flags = {
        column: bool for column in frame.columns[frame.dtypes == "boolean"] if frame[column].notna().all()
    }
    return frame.astype(flags).assign(file=file, row=frame.index + 2)


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
        return "a number" if "float" in check or "int" in check else f"a value of type {check}"
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
