"""How do the user's announcements of investment and hiring enter?

As with quotes, a file is read and checked before anything is written. Accepted rows go into
``watch/own_announcements.csv`` of a snapshot of `store`, where they go before bundled rows of the same day,
company, plant, kind and product.
"""

from __future__ import annotations

import difflib
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import OWN_ANNOUNCEMENTS, Facts, Fault, conform_own, periods, refuse, store
from tariffmodel.intake import spreadsheet
from tariffmodel.intake.own_disclosures import iso_day
from tariffmodel.watch import announcements

__all__ = ["add_announcements", "check_announcements", "preview_announcements", "read_announcements"]

_HEADINGS = {
    "announced": "date", "announced on": "date", "day": "date", "maker": "company", "who": "company",
    "site": "plant", "investment": "investment_usd", "usd": "investment_usd", "amount usd": "investment_usd",
    "hiring": "jobs", "start": "start_year", "starts": "start_year", "model": "product", "what": "product",
    "type": "kind", "source": "source_title", "url": "source_url",
}  # fmt: skip
_LEAST = 1e5  # USD: less than that is millions or billions written as such


def read_announcements(
    path: str | Path,
    *,
    sheet: str | None = None,
    encoding: str | None = None,
    decimal: str | None = None,
    **columns: str,
) -> pd.DataFrame:
    """Announcements from a CSV or Excel file, one a row, as text.

    Needed are `date`, `company` and `kind`; `investment_usd` (dollars), `jobs`, `plant`, `state`,
    `start_year`, `product` and the source as far as known.

    Parameters
    ----------
    sheet, encoding, decimal
        See `spreadsheet.read` and `spreadsheet.numbers`.
    **columns : str
        Values for columns that the file leaves out or empty: ``company="Toyota"``.

    Returns
    -------
    DataFrame
        The columns of ``watch/announcements.csv`` and `row` of the file. Where left out, `country` is US,
        `quality` reported, `source_title` the name of the file and `source_date` the day of the announcement.

    Raises
    ------
    DataError
        Where the layout is not understood, or a column is missing.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import tariffmodel as tm
    >>> said = pd.DataFrame({"announced": ["3 Apr 2026"], "maker": ["Kia"], "site": ["West Point"]})
    >>> with TemporaryDirectory() as place:
    ...     said.to_csv(file := Path(place) / "mine.csv", index=False)
    ...     rows = tm.own_announcements.read_announcements(file, kind="hiring", jobs="500")
    >>> rows[["date", "company", "plant", "country", "jobs", "kind"]].to_numpy().tolist()
    [['2026-04-03', 'Kia', 'West Point', 'US', '500', 'hiring']]
    """
    from tariffmodel.facts.schemas.watch import ANNOUNCEMENTS  # slow to import

    known = list(ANNOUNCEMENTS.columns)
    read = spreadsheet.read(path, sheet=sheet, encoding=encoding)
    cells = spreadsheet.below_headings(read, known, _HEADINGS, columns)
    if lacking := [name for name in ("date", "company", "kind") if name not in {*cells, *columns}]:
        raise DataError(f"{read.file} has no column {lacking[0]}; add it")
    if cells.empty:
        raise DataError(f"{read.file} has no announcement below its header; expected at least one row")
    for name in ("investment_usd", "jobs", "start_year"):
        if name in cells:
            found, _ = spreadsheet.numbers(
                cells[name], read.file, delimiter=read.found.get("delimiter", ""), decimal=decimal
            )
            cells[name] = ["" if n != n else n if isinstance(n, str) else f"{n:.15g}" for n in found]
    cells = cells.map(spreadsheet.text)
    rows = cells.reindex(columns=known, fill_value="").replace("", np.nan).astype("str").fillna(columns)
    rows["date"] = rows["date"].map(iso_day, na_action="ignore")
    rows["kind"] = rows["kind"].str.strip().str.lower().str.replace(" ", "_")
    rows = rows.fillna({"country": "US", "quality": "reported", "source_title": read.file})
    rows["source_date"] = rows["source_date"].fillna(rows["date"])
    rows = rows.assign(row=rows.index).reset_index(drop=True)
    rows.attrs = read.about
    return rows


def check_announcements(rows: pd.DataFrame, facts: Facts) -> list[Fault]:
    """What is wrong with rows from `read_announcements`; a company that is no maker is a warning.

    >>> import tariffmodel as tm
    >>> rows = {"date": "2026-04-03", "company": "Toyata", "country": "US", "kind": "hiring", "jobs": "5"}
    >>> rows |= {"quality": "reported", "source_title": "mine", "source_date": "2026-04-03", "row": 2}
    >>> fault = check_announcements(pd.DataFrame([rows]), tm.facts.load())[0]
    >>> fault.warning, fault.expected
    (True, 'a maker, or one whose jobs and investment count with no maker; Toyota?')
    """
    return _typed(rows, facts)[1]


def preview_announcements(rows: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    """What rows of `read_announcements` would add, and which they would replace.

    Returns
    -------
    DataFrame
        In the order of the file: `row`, `date`, `company`, `plant`, `kind`, `investment_usd`, `jobs`,
        `start_year`, `counted` (whether it is a maker's US plant, of which sums are made) and `replaces` (an
        announcement in use).

    Raises
    ------
    DataError
        Listing every fault with row and column.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> rows = {"date": "2026-04-03", "company": "Kia", "country": "US", "kind": "hiring", "jobs": "5"}
    >>> rows |= {"quality": "reported", "source_title": "mine", "source_date": "2026-04-03", "row": 2}
    >>> rows |= {"plant": "West Point", "state": "GA"}
    >>> preview_announcements(pd.DataFrame([rows]), tm.facts.load())[["counted", "replaces"]].iloc[0].tolist()
    [True, False]
    """
    typed, faults = _typed(rows, facts)
    refuse([fault for fault in faults if not fault.warning])
    held = announcements.table(facts)
    days = [pd.Timestamp(periods.parse(label).end) for label in typed["date"]]
    names = ["company", "plant", "kind", "product"]
    mine, there = (
        pd.MultiIndex.from_frame(one[["day", *names]].fillna("").astype(str))
        for one in (typed.assign(day=days), held)
    )
    counted = (
        typed["company"].isin(facts.makers.index)
        & (typed["country"] == "US")
        & typed[["plant", "state"]].notna().all(axis=1)
        & typed["kind"].isin(list(announcements.MOVES))
    )
    columns = ["row", "date", "company", "plant", "kind", "investment_usd", "jobs", "start_year"]
    return typed[columns].assign(counted=counted.to_numpy(), replaces=mine.isin(there))


def add_announcements(
    facts: Facts,
    path: str | Path,
    *,
    sheet: str | None = None,
    encoding: str | None = None,
    decimal: str | None = None,
    **columns: str,
) -> int:
    """Add the announcements of a file to ``watch/own_announcements.csv``; how many there are.

    A row replaces an earlier one of the same day, company, plant, kind and product. Parameters as for
    `read_announcements`.

    Raises
    ------
    DataError
        Listing every fault with row and column; nothing has changed then.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from tempfile import TemporaryDirectory
    >>> import tariffmodel as tm
    >>> said = pd.DataFrame({"date": ["2026-04-03"], "maker": ["Kia"], "kind": ["hiring"], "jobs": [500]})
    >>> with TemporaryDirectory() as place:  # instead of the data folder
    ...     said.to_csv(file := Path(place) / "mine.csv", index=False)
    ...     tm.own_announcements.add_announcements(replace(tm.facts.load(), folder=Path(place)), file)
    1
    """
    from tariffmodel.facts.schemas.watch import ANNOUNCEMENTS

    rows = read_announcements(path, sheet=sheet, encoding=encoding, decimal=decimal, **columns)
    refuse([fault for fault in check_announcements(rows, facts) if not fault.warning])
    new = rows[list(ANNOUNCEMENTS.columns)]
    with store.writing(facts.folder, f"own announcements from {rows.attrs['file']}") as staging:
        if (held := store.path(facts.folder, OWN_ANNOUNCEMENTS)).is_file():
            old = pd.read_csv(held, dtype=str, keep_default_na=False, na_values=[""])
            new = pd.concat([old[~_key(old).isin(_key(new))], new])
        (staging / OWN_ANNOUNCEMENTS).parent.mkdir(exist_ok=True)
        new.sort_values(announcements.KEY).to_csv(
            staging / OWN_ANNOUNCEMENTS, index=False, lineterminator="\n"
        )
    return len(rows)


def _typed(rows: pd.DataFrame, facts: Facts) -> tuple[pd.DataFrame, list[Fault]]:
    from tariffmodel.facts.schemas.watch import ANNOUNCEMENTS

    file = rows.attrs.get("file", "own rows")
    plain = rows.reindex(columns=[*ANNOUNCEMENTS.columns, "row"])
    plain.attrs = {"file": file}
    typed, faults = conform_own(plain, ANNOUNCEMENTS)
    if faults:
        return typed, faults
    small = typed["investment_usd"].between(0, _LEAST, inclusive="neither")
    faults += [
        Fault(file, int(row), "investment_usd", value, "dollars: write 2000000000 for 2 billion")
        for row, value in typed.loc[small, ["row", "investment_usd"]].itertuples(index=False)
    ]
    late = typed["date"].map(lambda label: periods.parse(label).start) > date.today()
    faults += [
        Fault(file, int(row), "date", label, f"a day up to today, {date.today()}, on which it was announced")
        for row, label in typed.loc[late, ["row", "date"]].itertuples(index=False)
    ]
    twice = _key(typed).duplicated()
    faults += [
        Fault(file, int(row), "plant", plant, "each announcement once: day, company, plant, kind, product")
        for row, plant in typed.loc[twice, ["row", "plant"]].itertuples(index=False)
    ]
    makers = list(facts.makers.index)
    for row, company in typed.loc[~typed["company"].isin(makers), ["row", "company"]].itertuples(index=False):
        near = difflib.get_close_matches(str(company), makers, 1)
        like = f"; {near[0]}?" if near else ""
        expected = f"a maker, or one whose jobs and investment count with no maker{like}"
        faults.append(Fault(file, int(row), "company", company, expected, True))
    return typed, faults


def _key(rows: pd.DataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(rows[announcements.KEY].fillna("").astype(str))
