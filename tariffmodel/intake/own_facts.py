"""How do the user's own figures about makers enter the model?

As with prices, a file is read and checked before anything is written: a faulty one changes nothing,
and every fault is listed with its row and column. Accepted rows go into ``facts/own.csv`` of a
snapshot of `store`, where they go before the bundled rows of the same maker, variable, origin and days.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tariffmodel import files
from tariffmodel.errors import DataError, TariffModelError
from tariffmodel.facts import (
    EU_MEMBERS,
    FLOWS,
    KEY,
    OWN,
    QUALITY,
    Facts,
    Fault,
    across_rows,
    combine,
    companies,
    conform_own,
    overfull,
    periods,
    refuse,
    resolve,
    seasons,
    store,
    with_dates_apart,
)
from tariffmodel.intake import press, spreadsheet
from tariffmodel.intake.vendors import heading
from tariffmodel.tariff.case import case
from tariffmodel.tariff.goods import INPUT_OF

_MOVED = 1e-4  # share of a bill below which it has not moved
_FIRST_YEAR = 2024  # the first with facts and law
_FAR = 100.0  # a figure so many times all that its kind has had is refused unless it is accepted
_DOUBT = 10.0  # a figure so many times the one in use, or less than its inverse, is doubted
_QUARTER = r"(?:Q([1-4])[ /-]?|([1-4])Q[ /-]?)(\d{4})|(\d{4})[ /-]?Q([1-4])"
_OLDER = {"source_date": "known_on"}  # headings of files written before dates became three columns
_SPAN = ["maker", "variable", "origin", "scope", "start", "end"]


def read_facts(
    path: str | Path,
    *,
    sheet: str | None = None,
    encoding: str | None = None,
    decimal: str | None = None,
    **columns: str,
) -> pd.DataFrame:
    """Rows for ``facts/own.csv`` from a CSV or Excel file, as text.

    Either one figure per row under the headings of ``facts/*.csv``, in any order; or vehicles with
    months (or other periods) down or across; or the table of a maker's monthly release as it stands, see
    `press`: labels that it does not know are in ``attrs["left_out"]``. Where all twelve
    months of a year are there, their sum is added as a row of the year, because whole-year measures read
    whole-year rows.

    Parameters
    ----------
    sheet, encoding, decimal
        See `spreadsheet.read` and `spreadsheet.numbers`.
    **columns : str
        Values for columns that the file leaves out or empty: ``maker="Toyota"``,
        ``variable="us_sales_units"``, ``origin="US"``, ``source_title=…``, ``known_on=…``.

    Returns
    -------
    DataFrame
        The columns of ``facts/*.csv``, and `row` of the file. Where left out, `scope` is total, `unit`
        the one the model computes in, `quality` reported, `read_on` today, and a row is `selected` if the
        model computes with its variable. Without `known_on`, when the figure became public, it counts as
        known the usual lag of its kind after its period; a heading `source_date` is read as `known_on`.

    Raises
    ------
    DataError
        Where the layout or the numbers are not understood.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import tariffmodel as tm
    >>> sold = pd.DataFrame({"month": ["2026-01", "2026-02"], "sold": [180_000, 190_000]})
    >>> with TemporaryDirectory() as place:
    ...     sold.to_csv(file := Path(place) / "mine.csv", index=False)
    ...     rows = tm.own_facts.read_facts(
    ...         file, maker="Toyota", variable="us_sales_units", origin="US", source_title="a table of mine"
    ...     )
    >>> rows[["period", "value", "unit", "quality"]].to_numpy().tolist()
    [['2026-01', '180000', 'units', 'reported'], ['2026-02', '190000', 'units', 'reported']]
    """
    from tariffmodel.facts.schemas.model import FACTS  # slow to import

    known = list(FACTS.columns)
    columns = {_OLDER.get(column, column): value for column, value in columns.items()}
    if wrong := sorted(set(columns) - set(known)):
        raise DataError(f"{wrong[0]} is not a column of facts; there are {', '.join(known)}")
    table = spreadsheet.read(path, sheet=sheet, encoding=encoding)
    if (released := press.plain(table.cells)) and "value" not in released[0]:
        return _finished(released[0], table, known, columns, decimal, released[1])
    filled = (table.cells != "").any(axis=1).nonzero()[0]
    names = [_column(cell, known) for cell in table.cells[filled[0]]]
    if twice := sorted({name for name in names if name and names.count(name) > 1}):
        raise DataError(f"{table.file} has two columns {twice[0]}; delete one of them")
    rows = pd.DataFrame(table.cells[filled[1:]], columns=names, dtype=object)
    nameless = np.array([not name for name in names])
    blank = nameless & (rows == "").all(axis=0).to_numpy()
    if (lost := (nameless & ~blank).nonzero()[0]).size > ("value" not in names):
        at = int(lost[-1])
        row = filled[1:][(rows.iloc[:, at] != "").to_numpy().argmax()] + 1
        raise DataError(
            f"{table.file} row {row} has a value in column {at + 1}, which has no heading; head or empty it"
        )
    rows = rows.loc[:, ~blank].assign(row=filled[1:] + 1)
    return _finished(rows, table, known, columns, decimal)


def _finished(
    rows: pd.DataFrame,
    table: spreadsheet.Sheet,
    known: list[str],
    columns: dict[str, str],
    decimal: str | None,
    left_out: Sequence[str] = (),
) -> pd.DataFrame:
    """Rows as `read_facts` returns them; `left_out` are labels of a release that are not known."""
    from tariffmodel.facts.schemas.model import MODEL_UNITS  # slow to import

    if wide := "value" not in rows:
        rows = _tall(rows, known, table.file)
    if rows.empty:
        raise DataError(
            f"{table.file} has no figures below its header; expected at least one row with a value"
        )
    for number, cell in zip(rows["row"], rows.get("period", ()), strict=False):
        if isinstance(cell, date):
            raise DataError(
                f"{table.file} row {number}: period is an Excel date, {cell:%Y-%m-%d}; expected text such as "
                "CY2025 or 2025-04 (give the column the format Text before typing)"
            )
    if "period" in rows:
        rows["period"] = rows["period"].map(lambda cell: period_label(cell) or cell)
    for column, value in columns.items():
        rows[column] = rows[column].replace("", value) if column in rows else value
    rows = as_text(rows, table, decimal)
    rows = rows.reindex(columns=[*known, *(c for c in rows.columns if c not in known)]).replace("", np.nan)
    rows = rows.astype(dict.fromkeys(known, "str"))
    if wide:
        rows = _with_years(rows)
    unit = rows["variable"].map(MODEL_UNITS)
    computed = pd.Series(np.where(unit.notna(), "true", "false"), rows.index)
    rows = rows.fillna(
        {"unit": unit, "scope": "total", "quality": "reported", "selected": computed, "solved": "false",
         "read_on": str(date.today())}
    )  # fmt: skip
    rows = rows.assign(selected=rows["selected"].str.lower(), solved=rows["solved"].str.lower())
    chosen = rows["selected"].eq("true") & rows["selection_reason"].isna()
    rows["selection_reason"] = rows["selection_reason"].mask(chosen, "the user's own figure")
    rows.attrs = {**table.about, "left_out": list(left_out)}
    return rows


def check_facts(rows: pd.DataFrame, facts: Facts) -> list[Fault]:
    """What is wrong with rows from `read_facts`.

    The rules are those of ``facts/*.csv``; besides, the model must know the variable and, for a
    selected row, the origin.

    >>> from tempfile import TemporaryDirectory
    >>> import tariffmodel as tm
    >>> mine = {"maker": ["Toyota"], "variable": "us_sales_units", "origin": "US", "period": "CY2024"}
    >>> with TemporaryDirectory() as place:
    ...     pd.DataFrame(mine | {"value": -3}).to_csv(file := Path(place) / "mine.csv", index=False)
    ...     rows = tm.own_facts.read_facts(file, source_title="a table of mine")
    >>> print(tm.own_facts.check_facts(rows, tm.facts.load())[0])
    mine.csv row 2: value is '-3'; expected a value >= 0, and <= 1 for a fraction, not infinite
    """
    return _typed(rows, facts)[1]


def preview_facts(rows: pd.DataFrame, facts: Facts, *, accept: bool = False) -> pd.DataFrame:
    """Which inputs of the model change, one row per selected row of `read_facts`.

    Parameters
    ----------
    accept : bool
        Take figures that are a hundred times all that their variable has had, or a hundredth.

    Returns
    -------
    DataFrame
        `maker`, `variable`, `origin`, `period`, `unit`; `old` and `new` value over the days of the
        period (`old` is NaN without a reading) with `old_quality` and `new_quality`; and
        `shorter_rows`, the selected rows of shorter periods inside it, which go before it on their days.
        ``attrs["warnings"]`` names figures that are ten times the old ones or more, or a tenth or less,
        and those as far from all that their variable has had.

    Raises
    ------
    DataError
        Listing every fault with row and column.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import tariffmodel as tm
    >>> mine = {"maker": ["Toyota"], "variable": "us_sales_units", "origin": "US", "period": "CY2024"}
    >>> with TemporaryDirectory() as place:
    ...     pd.DataFrame(mine | {"value": 2_400_000}).to_csv(file := Path(place) / "mine.csv", index=False)
    ...     rows = tm.own_facts.read_facts(file, source_title="a table of mine")
    >>> seen = tm.own_facts.preview_facts(rows, tm.facts.load())
    >>> list(seen)[5:9], float(seen.at[0, "new"])
    (['old', 'new', 'old_quality', 'new_quality'], 2400000.0)
    """
    typed, faults = _typed(rows, facts)
    refuse(faults)
    if not accept:
        refuse(_far(typed, facts, _FAR))
    mine = typed[typed["selected"]]
    keys = list(zip(*(mine[column] for column in KEY), strict=True))
    spans = [periods.parse(label) for label in mine["period"]]
    after = _with_own(facts, typed)
    table = mine[[*KEY, "period", "unit"]].reset_index(drop=True)
    for label, known in (("old", facts), ("new", after)):
        there = [number for number, key in enumerate(keys) if key in known.readings]
        got = resolve(known, [keys[n] for n in there], [spans[n] for n in there])
        quality = np.array(QUALITY, dtype=object)[np.diag(got.quality)]
        table[label] = pd.Series(np.diag(got.value), there, dtype=float)
        table[f"{label}_quality"] = pd.Series(quality, there, dtype=object)
    inside = after.selected.merge(mine[[*KEY, "start", "end"]].reset_index(), on=KEY, suffixes=("", "_own"))
    within = (inside["start"] >= inside["start_own"]) & (inside["end"] <= inside["end_own"])
    shorter = within & ((inside["start"] > inside["start_own"]) | (inside["end"] < inside["end_own"]))
    count = inside[shorter].groupby("index").size().reindex(mine.index, fill_value=0)
    table = table.assign(shorter_rows=count.to_numpy())[
        [*KEY, "period", "unit", "old", "new", "old_quality", "new_quality", "shorter_rows"]
    ]
    ratio = (table["new"] / table["old"].where(table["old"] > 0)).fillna(1)
    table.attrs["warnings"] = [
        Fault(
            typed["file"].iloc[0],
            number,
            "value",
            value,
            f"a figure near the {old:,.{0 if old >= 1000 else 4}f} in use",
            True,
        )
        for number, value, old, times in zip(mine["row"], mine["value"], table["old"], ratio, strict=True)
        if not 1 / _DOUBT < times < _DOUBT
    ]
    named = {fault.row for fault in table.attrs["warnings"]}
    table.attrs["warnings"] += [fault for fault in _far(typed, facts, _DOUBT) if fault.row not in named]
    return table


def _far(typed: pd.DataFrame, facts: Facts, times: float) -> list[Fault]:
    """Figures far from all that are in use of their variable; vehicles are compared by the day."""

    def size(rows: pd.DataFrame) -> pd.Series:
        days = [(end - start).days + 1 for start, end in zip(rows["start"], rows["end"], strict=True)]
        return rows["value"] / np.where(rows["variable"].isin(FLOWS), days, 1)

    known = facts.selected[facts.selected["value"] > 0]
    ends = size(known).groupby(known["variable"]).agg(["min", "max"])
    mine = typed[typed["selected"] & typed["variable"].isin(ends.index) & (typed["value"] > 0)]
    held, found = ends.reindex(mine["variable"]).to_numpy(), size(mine).to_numpy()
    low, high = held.T
    # few vehicles are a small maker's, and no slip
    far = (found > high * times) | ((found < low / times) & ~mine["variable"].isin(FLOWS).to_numpy())
    return [
        Fault(
            typed["file"].iloc[0],
            row,
            "value",
            value,
            f"a figure near those of {variable} in use, {least:,.4g} to {most:,.4g}"
            f"{' a day' * (variable in FLOWS)}; correct it, or pass --accept (accept=True) if it is so",
            warning=times < _FAR,
        )
        for row, value, variable, least, most in zip(
            mine["row"][far], mine["value"][far], mine["variable"][far], low[far], high[far], strict=True
        )
    ]


def preview_bills(rows: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    """Which annual bills rows of `read_facts` move: of current law over the law before April 2025.

    Returns
    -------
    DataFrame
        `maker`, `period`, `old_usd`, `new_usd` and `change` = new / old − 1 (NaN for an old bill of 0 or
        none), for the calendar years from the first that a selected row is about to the one after the last,
        where a bill moves by a ten-thousandth or more; makers in the order of the data.

    Raises
    ------
    DataError
        Listing every fault with row and column.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import tariffmodel as tm
    >>> mine = {"maker": ["Subaru"], "variable": "us_import_units", "origin": "JP", "period": "CY2026"}
    >>> with TemporaryDirectory() as place:
    ...     pd.DataFrame(mine | {"value": 9_000_000}).to_csv(file := Path(place) / "mine.csv", index=False)
    ...     rows = read_facts(file, source_title="a table of mine")
    >>> moves = preview_bills(rows, tm.facts.load())
    >>> set(moves["maker"]), bool((moves["change"] > 0).all())
    ({'Subaru'}, True)
    """
    typed, faults = _typed(rows, facts)
    refuse(faults)
    mine = typed[typed["selected"] & typed["variable"].isin(list(INPUT_OF))]
    columns = ["maker", "period", "old_usd", "new_usd", "change"]
    if mine.empty:
        return pd.DataFrame(columns=columns)
    after, found = _with_own(facts, typed), []
    new_here = ~facts.makers.index.isin(facts.selected["maker"])  # makers of which nothing was known
    before = dataclasses.replace(facts, makers=facts.makers[~new_here]) if new_here.any() else facts
    for year in range(max(mine["start"].min().year, _FIRST_YEAR), mine["end"].max().year + 2):
        new = case(period=f"CY{year}", data=after).runs_usd[0]
        old = np.full(len(new), np.nan)
        old[~new_here] = case(period=f"CY{year}", data=before).runs_usd[0]
        with np.errstate(divide="ignore", invalid="ignore"):
            change = np.where(old != 0, new / old - 1, np.nan)
        moved = new_here | (np.abs(new - old) > _MOVED * np.maximum(np.abs(old), 1.0))
        table = pd.DataFrame(
            {
                "maker": facts.makers.index,
                "period": f"CY{year}",
                "old_usd": old,
                "new_usd": new,
                "change": change,
            }
        )
        found.append(table[moved])
    together = pd.concat(found).assign(place=lambda table: table.index)  # of the maker
    moves: pd.DataFrame = together.sort_values(["place", "period"], ignore_index=True)[columns]
    return moves


def add_facts(
    facts: Facts,
    path: str | Path,
    *,
    sheet: str | None = None,
    encoding: str | None = None,
    decimal: str | None = None,
    accept: bool = False,
    **columns: str,
) -> pd.DataFrame:
    """Add the figures of a file to ``facts/own.csv``, where they go before the bundled ones.

    An earlier own row of the same maker, variable, origin, scope and days is replaced. Parameters as
    for `read_facts` and `preview_facts`.

    Returns
    -------
    DataFrame
        The `preview_facts` of what was added.

    Raises
    ------
    DataError
        Listing every fault with row and column; nothing has changed then.

    Examples
    --------
    >>> from shutil import copytree
    >>> from tempfile import TemporaryDirectory
    >>> import tariffmodel as tm
    >>> mine = {"maker": ["Toyota"], "variable": "us_sales_units", "origin": "US", "period": "CY2024"}
    >>> with TemporaryDirectory() as place:  # instead of the data folder
    ...     pd.DataFrame(mine | {"value": 2_400_000}).to_csv(file := Path(place) / "mine.csv", index=False)
    ...     for name in ("trade", "watch"):
    ...         _ = copytree(tm.facts.data_dir() / name, Path(place) / name)
    ...     known = dataclasses.replace(tm.facts.load(), folder=Path(place))
    ...     added = tm.own_facts.add_facts(known, file, source_title="a table of mine")
    ...     store.snapshots(Path(place))["files"].tolist(), float(added.at[0, "new"])
    (['facts/own.csv'], 2400000.0)
    """
    rows = read_facts(path, sheet=sheet, encoding=encoding, decimal=decimal, **columns)
    rows = companies.written_out(rows, facts, "maker")
    table = preview_facts(rows, facts, accept=accept)
    new = rows.drop(columns="row")
    with store.writing(facts.folder, f"own facts from {rows.attrs['file']}") as staging:
        if (old := earlier(facts, OWN)) is not None:
            new = pd.concat([old[~_key(old).isin(_key(new))], new])
        (staging / "facts").mkdir(exist_ok=True)
        new.to_csv(staging / OWN, index=False, lineterminator="\n")
    return table


def earlier(facts: Facts, name: str) -> pd.DataFrame | None:
    """The user's rows of one kind that are in use already, as text; None where there are none.

    >>> from tempfile import TemporaryDirectory
    >>> import tariffmodel as tm
    >>> with TemporaryDirectory() as place:
    ...     print(earlier(dataclasses.replace(tm.facts.load(), folder=Path(place)), OWN))
    None
    """
    path = store.path(facts.folder, name)
    if not path.is_file():
        return None
    return with_dates_apart(files.csv(path), name)


def _column(cell: object, known: list[str]) -> str:
    """Heading of a column of facts: one of ours, `period`, a period label, or as it stands."""
    name = heading(cell).replace(" ", "_")
    name = _OLDER.get(name, name)
    if name in known:
        return name
    return (
        "period" if name in ("month", "quarter", "year", "date", "年月", "月") else period_label(cell) or name
    )


def period_label(cell: object) -> str:
    """A month or another period as the model writes it; empty where it is none.

    >>> [period_label(cell) for cell in ("Apr-25", "202504", "Q2 2025", "total")]
    ['2025-04', '2025-04', '2025Q2', '']
    """
    if isinstance(cell, date):
        return f"{cell:%Y-%m}"
    words = spreadsheet.text(cell)
    if match := re.fullmatch(r"(\d{4})(?:[-/.]|年\s*|년\s*)(\d{1,2})[月월]?|(\d{4})(0[1-9]|1[0-2])", words):
        return f"{match[1] or match[3]}-{int(match[2] or match[4]):02}"
    if span := press.months(words):
        return span
    for pattern in ("%b-%y", "%b-%Y", "%b %Y", "%B %Y", "%b %y"):
        try:
            return f"{datetime.strptime(words, pattern):%Y-%m}"  # noqa: DTZ007  a month has no zone
        except ValueError:
            continue
    if match := re.fullmatch(_QUARTER, words):
        return f"{match[3] or match[4]}Q{match[1] or match[2] or match[5]}"
    try:
        return periods.parse(words).label
    except TariffModelError:
        return ""


def _tall(rows: pd.DataFrame, known: list[str], file: str) -> pd.DataFrame:
    """Periods down or across as one figure per row."""
    other = [column for column in rows.columns if column not in [*known, "row"]]
    across = [column for column in other if period_label(column)]
    rest = [column for column in other if column not in across and (column or (rows[column] != "").any())]
    if "period" in rows and len(rest) > 1 and len(bases := [c for c in rest if seasons.basis(c)]) > 1:
        raise DataError(
            f"{file} has {' beside '.join(bases)}; the model takes one of them for all periods of a maker: "
            "keep one column"
        )
    if "period" in rows and len(rest) == 1 and not across:
        tall = rows.rename(columns={rest[0]: "value"})
        if seasons.basis(rest[0]):
            tall["note"] = tall["note"].replace("", rest[0]) if "note" in tall else rest[0]
        tall["period"] = tall["period"].map(lambda cell: period_label(cell) or spreadsheet.text(cell))
    elif across and not rest and "period" not in rows:
        keys = [column for column in rows.columns if column in [*known, "row"]]
        tall = rows.melt(keys, across, "period", "value")
    else:
        raise DataError(
            f"{file} has no column value; expected one, or a column period beside a column of figures, or "
            f"periods such as 2025-04 across (not understood: {', '.join(map(repr, rest)) or 'none'})"
        )
    return tall[tall["value"] != ""].reset_index(drop=True)


def as_text(rows: pd.DataFrame, table: spreadsheet.Sheet, decimal: str | None) -> pd.DataFrame:
    """All cells as text, the figures with a decimal point.

    >>> rows = pd.DataFrame({"maker": ["Toyota"], "value": ["1.234,5"], "row": [2]})
    >>> sheet = spreadsheet.Sheet("mine.csv", rows.to_numpy(), {"delimiter": ";"})
    >>> as_text(rows, sheet, decimal=None).at[0, "value"]
    '1234.5'
    """
    figures = [column for column in ("value", "low", "high") if column in rows]
    cells = pd.concat([rows.set_index("row")[column] for column in figures])
    delimiter = table.found.get("delimiter", "")
    numbers = spreadsheet.numbers(cells, table.file, delimiter=delimiter, decimal=decimal)[0]
    written = ["" if n != n else n if isinstance(n, str) else f"{n:.15g}" for n in numbers]
    written = [
        spreadsheet.text(cell) if word in ("inf", "-inf") else word
        for cell, word in zip(cells, written, strict=True)
    ]  # a number too large is named as it stands
    columns = np.split(np.array(written, dtype=object), len(figures))
    words = rows.drop(columns="row").map(spreadsheet.text)
    return words.assign(**dict(zip(figures, columns, strict=True)), row=rows["row"])


def _with_years(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with the sum of the year where all its months of a flow are there, and no row of the year."""
    number = pd.to_numeric(rows["value"], errors="coerce")
    months = rows[
        rows["variable"].isin(FLOWS) & rows["period"].str.fullmatch(r"\d{4}-\d{2}") & number.notna()
    ]
    year = months["period"].str[:4]
    there = set(zip(*(rows[column] for column in KEY), rows["period"].map(_days), strict=True))
    added = []
    for (*key, label), group in months.groupby([*KEY, year], sort=False):
        if len(group) == 12 and group["period"].is_unique and (*key, _days(f"CY{label}")) not in there:
            sums: dict[str, Any] = {
                "value": f"{number[group.index].sum():.15g}",
                "low": np.nan,
                "high": np.nan,
            }
            quality = "estimated" if group["quality"].eq("estimated").any() else "derived"
            known = group["known_on"].max() if group["known_on"].notna().all() else np.nan
            about = {"quality": quality, "method": "sum of its twelve months", "period": f"CY{label}"}
            added.append(group.iloc[:1].assign(**sums, **about, known_on=known))
    return pd.concat([rows, *added], ignore_index=True)


def _days(label: object) -> tuple[date, date] | None:
    """First and last day of a period, None of what is none."""
    try:
        span = periods.parse(str(label))
    except TariffModelError:
        return None
    return span.start, span.end


def _typed(rows: pd.DataFrame, facts: Facts) -> tuple[pd.DataFrame, list[Fault]]:
    """Rows of facts with types, and what is wrong with them."""
    from tariffmodel.facts.schemas.model import FACTS, MODEL_UNITS

    rows = companies.written_out(rows, facts, "maker")
    file = rows.attrs.get("file", "own rows")
    known = sorted({*facts.table["variable"], *MODEL_UNITS})
    faults = []
    for _, row in rows[rows["variable"].notna() & ~rows["variable"].isin(known)].iterrows():
        near = difflib.get_close_matches(row["variable"], known, 1)
        like = f"{near[0]}?" if near else "see data/codebook.csv"
        faults.append(
            Fault(file, row["row"], "variable", row["variable"], f"a variable of the model; {like}")
        )
    for _, row in rows[rows["variable"].isin(MODEL_UNITS) & rows["unit"].notna()].iterrows():
        if row["selected"] == "true" and row["unit"] != (unit := MODEL_UNITS[row["variable"]]):
            faults.append(Fault(file, row["row"], "unit", row["unit"], _unit_remedy(row["unit"], unit)))
    units = {*facts.table["unit"], *MODEL_UNITS.values()}
    other = rows[~rows["variable"].isin(MODEL_UNITS) & rows["variable"].isin(known) & rows["unit"].notna()]
    for _, row in other[~other["unit"].isin(units)].iterrows():
        near = difflib.get_close_matches(row["unit"], sorted(units), 1)
        like = f"{near[0]}?" if near else "see the column unit of data/codebook.csv"
        faults.append(Fault(file, row["row"], "unit", row["unit"], f"a unit that the data have; {like}"))
    named = {fault.row for fault in faults}  # one fault for one cause
    typed, wrong = conform_own(rows, FACTS)
    faults += [fault for fault in wrong if not (fault.column == "unit" and fault.row in named)]
    if faults:
        return typed, faults
    typed = combine([typed], facts.lags)
    today = date.today()
    for _, row in typed[(typed["start"] > today) & (typed["quality"] == "reported")].iterrows():
        expected = f"a period that has begun by {today}; a forecast has the quality estimated"
        faults.append(Fault(file, row["row"], "period", row["period"], expected))
    origins = facts.selected.groupby("variable")["origin"].agg(set)
    for _, row in typed[typed["selected"] & typed["variable"].isin(origins.index)].iterrows():
        here = origins[row["variable"]]
        if row["origin"] not in here and (len(here) == 1 or row["origin"] in EU_MEMBERS):
            expected = (
                "EU, which the model takes as one origin" if row["origin"] in EU_MEMBERS else ", ".join(here)
            )
            faults.append(Fault(file, row["row"], "origin", row["origin"], expected))
    twice, repeated = _twice(typed, file)
    mixed = _mixed(typed, file)
    counted = {(fault.row, fault.column) for fault in mixed}
    across = [
        fault
        for fault in across_rows(typed, facts.makers)
        if not (fault.column == "selected" and fault.row in repeated)
        and (fault.row, fault.column) not in counted
    ]
    faults += [*twice, *mixed, *across]
    return typed, faults or _sums(typed, facts, file)


def _unit_remedy(unit: str, expected: str) -> str:
    """The unit that is expected, and what to do to the figures of a row in another one."""
    remedies = {
        r"thousand|^k[ _]|000|千|천": "multiply the figure by 1,000",
        r"million|^m[ _]|mio|百万|백만": "multiply the figure by 1,000,000",
        r"万|만": "multiply the figure by 10,000",
    }
    if expected.startswith("fraction"):
        remedies = {r"percent|%": "divide the figure by 100"}
    found = (how for pattern, how in remedies.items() if re.search(pattern, unit, re.IGNORECASE))
    remedy = next(found, "convert the figure, or leave unit out where it is in it")
    return f"the unit that the model computes this variable in: {expected}; {remedy}"


def _twice(typed: pd.DataFrame, file: str) -> tuple[list[Fault], set[int]]:
    """Figures that the file has twice, and the rows that they are in."""
    faults, seen = [], set()
    for _, group in typed[typed["selected"]].groupby([*KEY, "scope", "start", "end"], sort=False):
        if len(group) > 1:
            first, *others = group["row"]
            seen |= set(group["row"])
            for row, label in zip(others, group["period"].iloc[1:], strict=True):
                expected = f"each period of a figure once, and row {first} has these days too; delete one"
                faults.append(Fault(file, row, "period", label, expected))
    return faults, seen


def _mixed(typed: pd.DataFrame, file: str) -> list[Fault]:
    """Vehicles counted to dealers beside vehicles counted to customers, of one maker."""
    columns = ["scope", "note", "method", "source_title"]
    counted = typed[columns].map(lambda cell: seasons.basis(cell) if isinstance(cell, str) else "")
    basis = counted.replace("", np.nan).bfill(axis=1).iloc[:, 0].fillna("")
    faults = []
    flows = typed[typed["selected"] & typed["variable"].isin(FLOWS)]
    for _, group in flows.groupby(["maker", "variable"], sort=False):
        found = basis[group.index]
        if {"wholesale", "retail"} <= set(found):
            usual = found[found != ""].mode().iloc[0]
            for place in found.index[(found != usual) & (found != "")]:
                column = counted.loc[place].ne("").idxmax()
                other = group.loc[found == usual, "row"].iloc[0]
                expected = (
                    f"{usual} figures only, as in row {other}: they differ by up to a tenth; leave one out"
                )
                row: Any = typed.loc[place]
                faults.append(Fault(file, row["row"], str(column), row[column], expected))
    return faults


def _sums(typed: pd.DataFrame, facts: Facts, file: str) -> list[Fault]:
    """Years, or quarters, beside months that do not add up to them."""
    after = _with_own(facts, typed)
    own = pd.MultiIndex.from_frame(typed[_SPAN])
    faults = []
    for outer, inner, total in overfull(after.selected):
        rows = after.selected.iloc[[outer, *inner]]
        place = own.get_indexer(pd.MultiIndex.from_frame(rows[_SPAN]))
        if (place < 0).all():
            continue
        where = [
            _where(typed.iloc[k], file) if k >= 0 else _where(row)
            for k, (_, row) in zip(place, rows.iterrows(), strict=True)
        ]
        label, value = rows[["period", "value"]].iloc[0]
        parts = f"{where[1]} to {where[-1]}" if len(inner) > 1 else where[1]
        at = int(place[place >= 0][0])
        own_row = typed.iloc[at]
        expected = (
            f"{total:,.0f}, what {parts} add up to; correct one of them, or leave {label} out"
            if place[0] >= 0
            else f"no more than {value:,.0f} in {label} ({where[0]}), and {parts} add up to {total:,.0f}; "
            f"correct them, or give {label} too"
        )
        faults.append(Fault(file, int(own_row["row"]), "value", float(own_row["value"]), expected))
    return faults


def _where(row: pd.Series, file: str = "") -> str:
    return f"row {row['row']}" if file else f"{row['file']} row {row['row']}"


def _with_own(facts: Facts, typed: pd.DataFrame) -> Facts:
    """Facts as they will be once `typed` rows are the user's."""
    mine = facts.table["file"] == f"data/{OWN}"
    again = pd.MultiIndex.from_frame(facts.table[_SPAN]).isin(pd.MultiIndex.from_frame(typed[_SPAN]))
    table = combine([facts.table[~(mine & again)], typed.assign(file=f"data/{OWN}")], facts.lags)
    return dataclasses.replace(facts, table=table)


def _key(rows: pd.DataFrame) -> pd.MultiIndex:
    """Maker, variable, origin, scope and days of rows of text."""
    spans = [periods.parse(label) for label in rows["period"]]
    return pd.MultiIndex.from_frame(
        rows.assign(start=[span.start for span in spans], end=[span.end for span in spans])[_SPAN]
    )
