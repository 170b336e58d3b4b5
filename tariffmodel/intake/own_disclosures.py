"""How does a company's new statement of its tariff cost get judged beside the model?

A file is read and checked before anything is written. Accepted rows go into
``companies/own_disclosures.csv`` of a snapshot of `store` and are judged like the bundled ones.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Iterable
from datetime import date, datetime
from functools import lru_cache
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
    companies,
    conform_own,
    refuse,
    store,
    with_statements,
)
from tariffmodel.intake import spreadsheet
from tariffmodel.intake.own_facts import as_text, earlier, period_label
from tariffmodel.tariff import validation
from tariffmodel.tariff.case import Case

# why a figure on each basis can stand beside the model, and what another one is
_COMPARABLE = {
    "gross": "gross of own mitigation, as the model is",
    "operating_profit_bridge": "the tariff line of a bridge of operating profit, before other lines",
    "direct_duties": "direct duties, beside which the model leaves metals out",
}
_OTHER = {
    "net": "net of own mitigation, and the model is before it",
    "refund": "a refund of earlier duty, not the cost of the period",
    "one_off": "a one-off item, not the duty of the period",
    "impairment": "an impairment, not the duty of the period",
    "ebitda_share": "a share of profit, not an amount of duty",
    "sum": "a sum over several companies",
    "per_vehicle": "an amount per vehicle, not of the company",
    "import_share": "a share of imports, not an amount of duty",
}
_NEEDED = ["company", "kind", "period", "unit", "said_on", "source_title"]
_HEADINGS = {
    "source_date": "read_on",  # as it was called before
    "maker": "company",
    "quarter": "period",
    "date": "said_on",
    "source": "source_title",
    "url": "source_url",
}
_KINDS = {
    "actual": "actual, actuals, reported, result, results, 実績, 실적, ist",
    "guidance": "guidance, forecast, outlook, plan, target, 予想, 見通し, 計画, 전망, 가이던스, prognose",
    "third_party": "third party, third_party, analyst, broker, estimate",
}
_BASES = {"bridge": "operating_profit_bridge", "profit_bridge": "operating_profit_bridge"}
# makers as others write them, in lower case and without their legal form
_CURRENCIES = {
    "USD": "usd, us$, $, us dollars?, dollars?, ドル, 米ドル, 달러",
    "JPY": "jpy, ¥, yen, 円",
    "KRW": "krw, ₩, won, 원, ウォン",
    "EUR": "eur, €, euros?, ユーロ, 유로",
    "GBP": "gbp, £, pounds?, ポンド, 파운드",
    "SEK": "sek, kronor",
}
_BILLIONS = {  # how many billions one is
    1.0: "bn, b, bio, billions?, mrd, milliarden?, 十億, 십억",
    1e3: "tn, t, trn, trillions?, bill?ionen, 兆, 조",
    1e-3: "m, mn, mm, mio, millions?, millionen, 百万, 백만",
    0.1: "億, 억",
}
_DAYS = ("%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%B %d %Y", "%d-%b-%Y", "%d-%b-%y")


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
    Usual ways of writing are understood: ``Actual``, ``Q3 2025``, ``USD bn``, ``KRW tn``, ``億円``,
    ``21 Oct 2025``, and makers by their full names or an alias such as JLR.

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

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import tariffmodel as tm
    >>> said = {"company": ["Subaru"], "kind": "guidance", "period": "CY2030", "low": 100, "high": 140}
    >>> said |= {"unit": "jpy_bn", "said_on": "2025-05-14", "source_title": "results"}
    >>> with TemporaryDirectory() as place:
    ...     pd.DataFrame(said).to_csv(file := Path(place) / "mine.csv", index=False)
    ...     rows = tm.own_disclosures.read_disclosures(file)
    >>> rows[["value", "bound", "basis", "like_for_like"]].to_numpy().tolist()
    [['120', 'range', 'gross', 'true']]
    """
    from tariffmodel.facts.schemas.companies import DISCLOSURES  # slow to import
    from tariffmodel.facts.schemas.kinds import FRACTIONS

    known = list(DISCLOSURES.columns)
    table = spreadsheet.read(path, sheet=sheet, encoding=encoding)
    cells = spreadsheet.below_headings(table, known, _HEADINGS, columns)
    rows = cells.reindex(columns=known, fill_value="").assign(row=cells.index).reset_index(drop=True)
    if rows.empty:
        raise DataError(f"{table.file} has no statement below its header; expected at least one row")
    there = {*cells, *columns}
    lacking = [name for name in _NEEDED if name not in there]
    lacking += ["value"] * (not there & {"value", "low", "high"})
    if lacking:
        raise DataError(
            f"{table.file} has no column{'s' * (len(lacking) > 1)} {', '.join(lacking)}; add "
            f"{'them' if len(lacking) > 1 else 'it'}"
            + (", or pass --source-title" if "source_title" in lacking else "")
        )
    rows = as_text(rows, table, decimal).replace("", np.nan).fillna(columns)
    rows = _plain(rows)
    ends = rows[["low", "high"]].apply(pd.to_numeric, errors="coerce")
    ranged = ends.notna().all(axis=1)
    rows["value"] = rows["value"].where(
        rows["value"].notna() | ~ranged, ends.mean(axis=1).map("{:.15g}".format)
    )
    rows = rows.astype(object).fillna(  # an empty column is of numbers
        {"bound": pd.Series(np.where(ranged, "range", "exact")), "basis": "gross", "scope": "all_tariffs",
         "quality": "reported", "read_on": str(date.today())}
    )  # fmt: skip
    money = ~rows["unit"].isin([*FRACTIONS, "usd_per_vehicle", "units"])
    comparable = rows["basis"].isin(list(_COMPARABLE)) & money
    reason = rows["basis"].map(_COMPARABLE | _OTHER).fillna("another quantity than the duty of a period")
    reason = reason.where(money, "not an amount of money")
    rows = rows.fillna(
        {"basis_text": rows["basis"], "like_for_like": pd.Series(np.where(comparable, "true", "false")),
         "like_for_like_reason": reason}
    )  # fmt: skip
    rows = rows.assign(like_for_like=rows["like_for_like"].str.lower())
    rows.attrs = {**table.about, "columns": sorted(there)}
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

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import tariffmodel as tm
    >>> said = {"company": ["Subaro"], "kind": "actual", "period": "2025Q2", "value": 100, "unit": "jpy_bn"}
    >>> said |= {"said_on": "2025-08-07", "source_title": "results"}
    >>> with TemporaryDirectory() as place:
    ...     pd.DataFrame(said).to_csv(file := Path(place) / "mine.csv", index=False)
    ...     rows = tm.own_disclosures.read_disclosures(file)
    >>> tm.own_disclosures.preview_disclosures(rows, tm.case())
    Traceback (most recent call last):
        ...
    tariffmodel.errors.DataError: 1 fault in the data
      mine.csv row 2: company is 'Subaro'; expected a maker of data/companies/makers.csv; Subaru?
    """
    typed, faults = _typed(rows, case.facts)
    refuse(faults)
    both = with_statements(case.facts.disclosures, typed)
    judged = validation.disclosed(case.replace(facts=dataclasses.replace(case.facts, disclosures=both)))
    mine = typed[STATEMENT].rename(columns={"company": "maker"})
    return mine.merge(judged, on=list(mine.columns))


def comparable(rows: pd.DataFrame, case: Case) -> pd.DataFrame:
    """Which statements of `read_disclosures` the model can stand beside, and why.

    Returns
    -------
    DataFrame
        In the order of the file: `row`, `company`, `kind`, `period`, `comparable` (as an amount, a bound or
        a sum, see `validation.judged_as`), `reason`.

    Raises
    ------
    DataError
        Listing every fault with row and column.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import tariffmodel as tm
    >>> said = {"company": ["Subaru"], "kind": "actual", "period": "2025Q2", "value": 100, "unit": "jpy_bn"}
    >>> said |= {"said_on": "2025-08-07", "source_title": "results"}
    >>> with TemporaryDirectory() as place:
    ...     pd.DataFrame(said).to_csv(file := Path(place) / "mine.csv", index=False)
    ...     rows = tm.own_disclosures.read_disclosures(file)
    >>> tm.own_disclosures.comparable(rows, tm.case())[["row", "comparable"]].to_numpy().tolist()
    [[2, True]]
    """
    typed, faults = _typed(rows, case.facts)
    refuse(faults)
    told = validation.judged_as(dataclasses.replace(case.facts, disclosures=typed), case.as_of)
    beside = told["judged"] != ""
    as_said = (beside == typed["like_for_like"]) & (told["why"] != validation.NO_MAKER)
    return typed[["row", "company", "kind", "period"]].assign(
        comparable=beside, reason=typed["like_for_like_reason"].where(as_said, told["why"])
    )


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

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import tariffmodel as tm
    >>> said = {"company": ["Subaru"], "kind": "actual", "period": "2025Q2", "value": 100, "unit": "jpy_bn"}
    >>> said |= {"said_on": "2025-08-07", "source_title": "results"}
    >>> with TemporaryDirectory() as place:  # instead of the data folder
    ...     pd.DataFrame(said).to_csv(file := Path(place) / "mine.csv", index=False)
    ...     tm.own_disclosures.add_disclosures(dataclasses.replace(tm.facts.load(), folder=Path(place)), file)
    1
    """
    rows = read_disclosures(path, sheet=sheet, encoding=encoding, decimal=decimal, **columns)
    refuse(_typed(rows, facts)[1])
    new = _judged(rows, facts).drop(columns="row")
    with store.writing(facts.folder, f"own disclosures from {rows.attrs['file']}") as staging:
        if (old := earlier(facts, OWN_DISCLOSURES)) is not None:
            new = with_statements(old, new)
        (staging / "companies").mkdir(exist_ok=True)
        new.to_csv(staging / OWN_DISCLOSURES, index=False, lineterminator="\n")
    return len(rows)


def _plain(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of text in the words of ``companies/disclosures.csv``, and money in billions."""
    rows = rows.assign(
        company=rows["company"].map(companies.by_alias, na_action="ignore"),
        kind=rows["kind"].map(lambda cell: _named(cell, _KINDS), na_action="ignore"),
        period=rows["period"].map(lambda cell: _period(cell) or cell, na_action="ignore"),
        said_on=rows["said_on"].map(iso_day, na_action="ignore"),
        read_on=rows["read_on"].map(iso_day, na_action="ignore"),
        **{
            name: rows[name].map(lambda cell: cell.lower().replace(" ", "_"), na_action="ignore")
            for name in ("basis", "scope", "bound", "quality")
        },
    )
    rows = rows.assign(basis=rows["basis"].replace(_BASES))
    money = rows["unit"].map(lambda cell: _money(cell) if isinstance(cell, str) else None)
    amounts = rows[["value", "low", "high"]].apply(pd.to_numeric, errors="coerce")
    for at in money.index[money.notna()]:
        rows.loc[at, "unit"], times = money[at]
        for column, amount in amounts.loc[at].dropna().items():
            rows.loc[at, str(column)] = f"{amount * times:.15g}"
    return rows


def _named(cell: str, names: dict[str, str]) -> str:
    """The name of which a cell is one of the spellings, else the cell."""
    word = cell.strip().lower()
    return next((name for name, spellings in names.items() if word in spellings.split(", ")), cell)


def _period(cell: str) -> str:
    """A period as the model writes it; empty where it is none."""
    half = re.fullmatch(
        r"(?:H([12])|([12])H)[ /-]?(\d{4})|(\d{4})[ /-]?(?:H([12])|([12])H)", cell, re.IGNORECASE
    )
    if half:
        one, two, year, other_year, three, four = half.groups()
        return f"{year or other_year}H{one or two or three or four}"
    if nine := re.fullmatch(r"(?:9M[ /-]?(\d{4})|(\d{4})[ /-]?9M)", cell, re.IGNORECASE):
        return f"{nine[1] or nine[2]}-01..{nine[1] or nine[2]}-09"
    return period_label(cell)


@lru_cache(maxsize=65536)
def iso_day(cell: str) -> str:
    """A day as YYYY-MM-DD; text that is none, or whose day and month may change places, as it stands.

    >>> [iso_day(cell) for cell in ("21 Oct 2025", "2025年10月21日", "21/10/2025", "03/04/2025")]
    ['2025-10-21', '2025-10-21', '2025-10-21', '03/04/2025']
    """
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", cell):
        return cell
    word = re.sub(r"(?<=\d)(?:st|nd|rd|th)\b", "", cell.strip()).replace("Sept ", "Sep ")
    for pattern in _DAYS:
        try:
            return f"{datetime.strptime(word, pattern):%Y-%m-%d}"  # noqa: DTZ007  a day has no zone
        except ValueError:
            continue
    if first := re.fullmatch(r"(\d{4})[/.年]\s?(\d{1,2})[/.月]\s?(\d{1,2})日?", word):
        year, month, day = map(int, first.groups())
    elif last := re.fullmatch(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4})", word):
        one, two, year = map(int, last.groups())
        if one <= 12 and two <= 12 and one != two and "." not in word:
            return cell
        day, month = (one, two) if "." in word or two <= 12 else (two, one)
    else:
        return cell
    try:
        return str(date(year, month, day))
    except ValueError:
        return cell


def _money(unit: str) -> tuple[str, float] | None:
    """Our unit of an amount of money, and how many of it one of the other is; None where it is no money."""
    word = re.sub(r"[\s_.]+", " ", unit.strip().lower())
    for currency, spellings in _CURRENCIES.items():
        for times, scales in _BILLIONS.items():
            money, scale = (
                f"(?:{'|'.join(map(_pattern, some.split(', ')))})" for some in (spellings, scales)
            )
            if re.fullmatch(rf"{money} ?{scale}|{scale} ?(?:of )?{money}", word):
                return f"{currency.lower()}_bn", times
    return None


def _pattern(spelling: str) -> str:
    return spelling.replace("$", r"\$")


def _unread(rows: pd.DataFrame, columns: set[str], file: str) -> tuple[list[Fault], pd.DataFrame]:
    """Figures that are none, or are missing, and the rows in which no other rule meets them again."""
    faults, plain = [], rows.copy()
    figures = ["value", "low", "high"]
    for at, row in rows.iterrows():
        wrong = [name for name in figures if isinstance(row[name], str) and pd.isna(_number(row[name]))]
        faults += [Fault(file, row["row"], name, row[name], "a number") for name in wrong]
        if not wrong and "bound" not in columns and pd.isna(row["value"]):
            column = "value" if "value" in columns else "low"
            expected = "a figure, or low and high; where no amount was said, a column bound with unquantified"
            faults.append(Fault(file, row["row"], column, row[column], expected))
            wrong = figures
        if wrong:
            plain.loc[at, figures] = np.nan
            plain.loc[at, ["bound", "like_for_like"]] = ["unquantified", "false"]
    plain.attrs = rows.attrs
    return faults, plain


def _number(word: str) -> float:
    return float(pd.to_numeric(word, errors="coerce"))


def _one_cause(faults: Iterable[Fault], columns: set[str], typed: pd.DataFrame) -> list[Fault]:
    """One fault for one cause: what a missing or wrong cell makes of columns that the file lacks goes."""
    faults = list(faults)
    named = {fault.row for fault in faults if fault.column in columns}
    kept = []
    for fault in faults:
        if fault.column in columns or fault.row is None:
            kept.append(fault)
        elif fault.row not in named:  # what the file says is wrong for what we filled in
            named.add(fault.row)
            column = "value" if "value" in columns else "low"
            cell = typed.loc[typed["row"] == fault.row, column].iloc[0]
            expected = f"with {fault.column} as it is where the file does not say: {fault.expected}"
            kept.append(Fault(fault.file, fault.row, column, cell, expected))
    return kept


def _judged(rows: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    """Rows in which a supplier or a group that the data have is not compared unless the file says so."""
    rows = companies.written_out(rows, facts, "company")
    if "like_for_like" in rows.attrs.get("columns", rows.columns):
        return rows
    others = {*facts.disclosures["company"]} - {*facts.makers.index}
    foreign = rows["company"].isin(others)
    judged = rows.assign(
        like_for_like=rows["like_for_like"].mask(foreign, "false"),
        like_for_like_reason=rows["like_for_like_reason"].mask(foreign, "not a maker of the model"),
    )
    judged.attrs = rows.attrs
    return judged


def _typed(rows: pd.DataFrame, facts: Facts) -> tuple[pd.DataFrame, list[Fault]]:
    """Rows of disclosures with types, and what is wrong with them."""
    from tariffmodel.facts.schemas.companies import DISCLOSURES

    rows = _judged(rows, facts)
    columns, file = set(rows.attrs.get("columns", rows.columns)), rows.attrs.get("file", "own rows")
    unread, plain = _unread(rows, columns, file)
    typed, faults = conform_own(plain, DISCLOSURES)
    if faults := [*unread, *_one_cause(faults, columns, rows)]:
        return typed, sorted(faults, key=lambda fault: fault.row or 0)
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
