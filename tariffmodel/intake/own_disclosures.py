"""How does a company's new statement of its tariff cost get judged beside the model?

A file is read and checked before anything is written. Accepted rows go into
``companies/own_disclosures.csv`` of a snapshot of `store` and are judged like the bundled ones.
"""

from __future__ import annotations

import dataclasses
import difflib
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import (
    OWN_DISCLOSURES,
    STATEMENT,
    Facts,
    Fault,
    conform_own,
    refuse,
    store,
    with_statements,
)
from tariffmodel.intake import spreadsheet
from tariffmodel.intake.own_facts import as_text, earlier
from tariffmodel.intake.vendors import heading
from tariffmodel.tariff import validation
from tariffmodel.tariff.case import Case

_COMPARABLE = ("gross", "operating_profit_bridge", "direct_duties")


def read_disclosures(
    path: str | Path,
    *,
    sheet: str | None = None,
    encoding: str | None = None,
    decimal: str | None = None,
    **columns: str,
) -> pd.DataFrame:
    """Rows for ``companies/own_disclosures.csv`` from a CSV or Excel file, as text.

    One statement per row under the headings of ``companies/disclosures.csv``, in any order. Needed are
    `company`, `kind`, `period`, `value` (or `low` and `high`), `unit`, `said_on` and `source_title`.

    Parameters
    ----------
    sheet, encoding, decimal
        See `spreadsheet.read` and `spreadsheet.numbers`.
    **columns : str
        Values for columns that the file leaves out or empty: ``source_title="Toyota results"``.

    Returns
    -------
    DataFrame
        The columns of ``companies/disclosures.csv``, and `row` of the file. Where left out, `value` is
        the middle of `low` and `high`, `basis` gross, `scope` all_tariffs, `quality` reported,
        `read_on` today, and a statement is `like_for_like` if its basis can be. A heading `source_date` is
        read as `read_on`.

    Raises
    ------
    DataError
        Where the layout or the numbers are not understood.
    """
    from tariffmodel.facts.schemas import DISCLOSURES  # slow to import

    known = list(DISCLOSURES.columns)
    table = spreadsheet.read(path, sheet=sheet, encoding=encoding)
    filled = (table.cells != "").any(axis=1).nonzero()[0]
    names = [heading(cell).replace(" ", "_") for cell in table.cells[filled[0]]]
    names = ["read_on" if name == "source_date" else name for name in names]  # as it was called before
    if wrong := [name for name in [*names, *columns] if name not in known]:
        raise DataError(f"{table.file}: {wrong[0]!r} is not a column; there are {', '.join(known)}")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"{table.file} has two columns {twice[0]}; delete one of them")
    rows = pd.DataFrame(table.cells[filled[1:]], columns=names, dtype=object)
    rows = rows.reindex(columns=known, fill_value="").assign(row=filled[1:] + 1)
    if rows.empty:
        raise DataError(f"{table.file} has no statement below its header; expected at least one row")
    rows = as_text(rows, table, decimal).replace("", np.nan).fillna(columns)
    ends = rows[["low", "high"]].apply(pd.to_numeric, errors="coerce")
    ranged = ends.notna().all(axis=1)
    rows["value"] = rows["value"].where(
        rows["value"].notna() | ~ranged, ends.mean(axis=1).map("{:.15g}".format)
    )
    rows = rows.fillna(
        {"bound": pd.Series(np.where(ranged, "range", "exact")), "basis": "gross", "scope": "all_tariffs",
         "quality": "reported", "read_on": str(date.today()),
         "like_for_like_reason": "as the user entered it"}
    )  # fmt: skip
    comparable = pd.Series(np.where(rows["basis"].isin(_COMPARABLE), "true", "false"))
    rows = rows.fillna({"basis_text": rows["basis"], "like_for_like": comparable})
    rows = rows.assign(like_for_like=rows["like_for_like"].str.lower())
    rows.attrs = table.about
    return rows


def preview_disclosures(rows: pd.DataFrame, case: Case) -> pd.DataFrame:
    """The model beside the statements of `read_disclosures`, under the law of a case.

    Returns
    -------
    DataFrame
        Rows of `validation.disclosed`; a statement that it cannot judge has none.

    Raises
    ------
    DataError
        Listing every fault with row and column.
    """
    typed, faults = _typed(rows, case.facts)
    refuse(faults)
    both = with_statements(case.facts.disclosures, typed)
    judged = validation.disclosed(case.replace(facts=dataclasses.replace(case.facts, disclosures=both)))
    mine = typed[STATEMENT].rename(columns={"company": "maker"})
    return mine.merge(judged, on=list(mine.columns))


def add_disclosures(
    facts: Facts,
    path: str | Path,
    *,
    sheet: str | None = None,
    encoding: str | None = None,
    decimal: str | None = None,
    **columns: str,
) -> int:
    """Add the statements of a file to ``companies/own_disclosures.csv``; how many there are.

    A row replaces an earlier one, own or bundled, of the same company, kind, period and day. Parameters as
    for `read_disclosures`.

    Raises
    ------
    DataError
        Listing every fault with row and column; nothing has changed then.
    """
    rows = read_disclosures(path, sheet=sheet, encoding=encoding, decimal=decimal, **columns)
    refuse(_typed(rows, facts)[1])
    new = rows.drop(columns="row")
    with store.writing(facts.folder, f"own disclosures from {rows.attrs['file']}") as staging:
        if (old := earlier(facts, OWN_DISCLOSURES)) is not None:
            new = with_statements(old, new)
        (staging / "companies").mkdir(exist_ok=True)
        new.to_csv(staging / OWN_DISCLOSURES, index=False, lineterminator="\n")
    return len(rows)


def _typed(rows: pd.DataFrame, facts: Facts) -> tuple[pd.DataFrame, list[Fault]]:
    """Rows of disclosures with types, and what is wrong with them."""
    from tariffmodel.facts.schemas import DISCLOSURES

    typed, faults = conform_own(rows, DISCLOSURES)
    if faults:
        return typed, faults
    file = rows.attrs.get("file", "own rows")
    typed = typed.assign(file=f"data/{OWN_DISCLOSURES}")
    makers = list(facts.makers.index)
    row: Any  # a named tuple of its columns
    unknown = typed["company"].map(lambda company: not validation.members(company, makers))
    for row in typed[typed["like_for_like"] & unknown].itertuples():
        near = difflib.get_close_matches(row.company, makers, 1)
        expected = f"a maker of data/companies/makers.csv{f'; {near[0]}?' if near else ''}"
        faults.append(Fault(file, row.row, "company", row.company, expected))
    for row in typed[typed.duplicated(STATEMENT)].itertuples():
        faults.append(
            Fault(file, row.row, "said_on", row.said_on, "one statement of a company on a period and day")
        )
    return typed, faults
