"""What have US customs and Mexico's statistical office counted since the stored months end?

`refresh` asks the US Census Bureau for imports by origin, month by month, and INEGI for Mexico's exports by
make, checks each against the documented layout, and stores the whole as one snapshot of `store`. A month that
was revised is stored as a new vintage beside the old one. Months that came before a break-off wait in
``data/store/.trade/`` and are not asked for again. No month is stored by half: whatever is wrong with one
leaves it as it was and is said in the report.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd

from tariffmodel import files
from tariffmodel.errors import DataError
from tariffmodel.facts import Facts, Fault, conform, periods, refuse, store, trade
from tariffmodel.intake import census, inegi
from tariffmodel.intake.fetching import FAILED, LAYOUT, NOT_PUBLISHED, RefusedError

SOURCES = {"imdb": "Census files", "api": "Census API", "inegi": "INEGI"}
FIRST_MONTH = "2025-01"
PUBLISHED_AFTER = timedelta(days=33)  # after the end of a month Census may have it; before that nobody asks
KEPT_FOR = timedelta(days=7)  # a month that waits for the others longer is asked for again
MISSING = "missing"  # a month that is not there though a later one is
WRONG = (FAILED, LAYOUT, MISSING)
_WORK = "store/.trade"
_DEAD_AFTER = 3  # months in a row that failed, after which no more are asked for
_COLUMNS = ["source", "period", "outcome", "rows_added", "detail"]
_SHOWN = 3  # figures that a detail lists
_TITLES = {
    "car": "HTS 8703", "light_truck": "HTS 8704 up to 5 t", "vehicle": "NAICS 336110", "part": "NAICS 3363",
}  # fmt: skip


@dataclass(frozen=True)
class Report:
    """What a refresh of trade statistics did.

    Attributes
    ----------
    table : DataFrame
        One row per source and month: `source`, `period`, `outcome` (new, revised, older, unchanged, not
        published, missing, layout, failed, skipped), `rows_added` and `detail` in words.
    snapshot : str
        Name of the snapshot written, empty if nothing was new.

    Examples
    --------
    >>> row = ["INEGI", "mexico_exports", FAILED, 0, "why"]
    >>> report = Report(pd.DataFrame([row], columns=_COLUMNS), "")
    >>> report.wrong
    True
    >>> print(report.summary())
    1 months and files: 1 failed.
    Nothing stored.
      INEGI mexico_exports: failed. why
    """

    table: pd.DataFrame
    snapshot: str

    @property
    def wrong(self) -> bool:
        """Whether a month failed, is missing, or came in another layout."""
        return bool(self.table["outcome"].isin(WRONG).any())

    def summary(self) -> str:
        """Counts by outcome, then every row that a reader should look at."""
        if self.table.empty:
            return "Nothing to ask for: every month that can be out is stored. --months asks for some again."
        seen = self.table["outcome"].value_counts(sort=False)
        counts = ", ".join(f"{number} {outcome}" for outcome, number in seen.items())
        text = [f"{len(self.table)} months and files: {counts}."]
        added = self.table["rows_added"].sum()
        stored = f"{added:,} rows added; snapshot {self.snapshot}." if self.snapshot else "Nothing stored."
        text.append(stored)
        told = self.table[~self.table["outcome"].isin(["new", "unchanged"])]
        text += [f"  {row.source} {row.period}: {row.outcome}. {row.detail}" for row in told.itertuples()]
        return "\n".join(text)


def refresh(
    facts: Facts,
    *,
    sources: Sequence[str] | None = None,
    months: str | None = None,
    session: Any = None,
    now: datetime | None = None,
    progress: Callable[[int, int, str], None] | None = None,
    pause: float = 1.0,
    timeout: float = 120.0,
    sleep: Callable[[float], None] = time.sleep,
    environment: dict[str, str] | None = None,
) -> Report:
    """Bring the official trade statistics up to date. Load the facts again to use what came in.

    Parameters
    ----------
    sources : sequence of str, optional
        Of `SOURCES`. Default: the Census API where its key is in the environment (``CENSUS_API_KEY``), else
        the Census files; and INEGI.
    months : str, optional
        A period such as ``2025-04..2025-06``: ask Census for these, stored or not. Default: the months since
        `FIRST_MONTH` that are not stored by origin.
    session : curl_cffi.requests.Session, optional
    now : datetime, optional
        With a time zone. Default: the clock.
    progress : callable (done, total, what), optional
    pause, timeout : float
        Seconds between requests, and until one counts as failed.
    sleep : callable (seconds)
    environment : dict, optional
        Default: that of the process.

    Raises
    ------
    DataError
        An unknown source, a period that is no months, `now` without a time zone; the store cannot be
        written, see `store.writing`; what came does not fit the schema. What is wrong with one month is in
        the report instead.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> refresh(tm.facts.load(), sources=["census"])
    Traceback (most recent call last):
        ...
    tariffmodel.errors.DataError: no source census; choose from imdb, api, inegi
    """
    moment = pd.Timestamp(now or pd.Timestamp.now("UTC"))
    if moment.tz is None:
        raise DataError(f"now is {now!r}, without a time zone; write datetime(..., tzinfo=UTC)")
    today = moment.date()
    key = (os.environ if environment is None else environment).get(census.KEY, "").strip()
    chosen = _chosen(sources, key)
    facts = replace(facts)  # a copy that reads the tables in use now
    if session is None:
        from curl_cffi.requests import Session  # slow to import

        session = Session()
    rows: list[dict[str, Any]] = []
    with store.writing(facts.folder, "official trade statistics") as staging:
        tables = {name: _stored(facts.folder, name) for name in trade.FIGURES}
        asked = _asked(tables[trade.US_IMPORTS], months, today)
        steps = [(one, month) for one in chosen for month in (asked if one != "inegi" else [""])]
        options = {"session": session, "timeout": timeout, "sleep": sleep}
        bad, requested = 0, False
        for done, (one, month) in enumerate(steps, start=1):
            if bad >= _DEAD_AFTER and one != "inegi":
                rows.append(_row(one, month, "skipped", 0, f"not asked: {bad} months in a row failed"))
                continue
            if requested:
                sleep(pause)
            try:
                if one == "inegi":
                    fresh, requested = _mexico(tables, options, today), True
                else:
                    imports = _customs(facts.folder, one, month, options, key, today)
                    fresh, requested = {trade.US_IMPORTS: imports}, "waited" not in imports.attrs
                rows += _merged(tables, fresh, SOURCES[one], month)
                bad = 0
            except RefusedError as refused:
                requested = True
                bad += refused.outcome in (FAILED, LAYOUT)
                rows.append(_row(one, month, refused.outcome, 0, str(refused)))
            if progress:
                progress(done, len(steps), f"{SOURCES[one]} {month}".strip())
        table = _gaps_named(pd.DataFrame(rows, columns=_COLUMNS))
        added = int(table["rows_added"].sum())
        if added:
            _write(staging, tables)
    for left in (facts.folder / _WORK).glob("*.csv"):
        left.unlink()
    return Report(table, store.current(facts.folder) if added else "")


# ---- what to ask for


def _chosen(sources: Sequence[str] | None, key: str) -> list[str]:
    if sources is None:
        return ["api" if key else "imdb", "inegi"]
    if isinstance(sources, str):
        raise DataError(f"sources is the text {sources!r}; pass a list: [{sources!r}]")
    if unknown := [one for one in sources if one not in SOURCES]:
        raise DataError(f"no source {', '.join(unknown)}; choose from {', '.join(SOURCES)}")
    return list(dict.fromkeys(sources))


def months_to_ask(facts: Facts, today: date) -> list[str]:
    """Months of US imports that can be out on a day and are not stored by origin, in order.

    >>> import tariffmodel as tm
    >>> months_to_ask(tm.facts.load(), date(2025, 1, 31))
    []
    """
    return _asked(_stored(facts.folder, trade.US_IMPORTS), None, today)


def _asked(stored: pd.DataFrame, months: str | None, today: date) -> list[str]:
    """Months to ask Census for, in order."""
    if months is not None:
        span = periods.parse(months)
        whole = span.start.day == 1 and (span.end + timedelta(days=1)).day == 1
        if not whole:
            raise DataError(
                f"months {months!r} is not made of whole months; write 2025-04 or 2025-04..2025-06"
            )
        return [str(month) for month in pd.period_range(span.start, span.end, freq="M")]
    last = today - PUBLISHED_AFTER
    ended = date(last.year, last.month, 1) - timedelta(days=1)
    by_origin = stored[(stored["goods"] == "vehicle") & (stored["origin"] == "JP")]
    there = set(by_origin["period"])
    every = pd.period_range(FIRST_MONTH, f"{ended:%Y-%m}", freq="M")
    return [str(month) for month in every if str(month) not in there]


def _stored(folder: Path, name: str) -> pd.DataFrame:
    return files.csv(store.path(folder, name), na_values=[])


# ---- what came


def _customs(
    folder: Path, source: str, month: str, options: dict[str, Any], key: str, today: date
) -> pd.DataFrame:
    """Rows of a month of US imports; from the folder of an interrupted run, if it has them."""
    waiting = folder / _WORK / f"{source}-{month}.csv"
    if waiting.is_file():
        rows = files.csv(waiting, na_values=[])
        since = date.fromisoformat(rows["read_on"].iloc[0])
        if today - since <= KEPT_FOR:
            rows.attrs["waited"] = f"kept from the interrupted run of {since}"
            return rows
    ask = census.files if source == "imdb" else census.api
    figures, answer = ask(month=month, key=key, **options)
    address = (
        census.API if source == "api" else census.FILES.format(year=month[:4], short=month[2:4] + month[5:])
    )
    rows = pd.DataFrame(
        [
            {"goods": goods, "origin": origin, "period": month}
            | {name: _written(cell.get(name)) for name in trade.FIGURES[trade.US_IMPORTS]}
            | _about(
                answer.modified or today,
                today,
                f"US Census Bureau, imports for consumption, {SOURCES[source]}, {_title(goods, source)}",
                address,
            )
            for (goods, origin), cell in sorted(figures.items())
        ]
    )
    store.write_whole(waiting, rows.to_csv(index=False, lineterminator="\n").encode())
    return rows


def _title(goods: str, source: str) -> str:
    used = source == "api" and goods == "car"
    return _TITLES[goods] + (" with used cars" if used else "")


def _mexico(tables: dict[str, pd.DataFrame], options: dict[str, Any], today: date) -> dict[str, pd.DataFrame]:
    """Rows of Mexico's exports by brand and month, and by model and year."""
    months, models, lacking, answer = inegi.exports(**options)
    makers = tables[trade.MEXICO_EXPORTS].drop_duplicates("brand").set_index("brand")["maker"].to_dict()
    known = tables[trade.MEXICO_MODELS]
    apart = known.drop_duplicates(["brand", "model"]).set_index(["brand", "model"])["maker"].to_dict()
    title = (
        "INEGI, Registro Administrativo de la Industria Automotriz de Vehículos Ligeros, exportación "
        "(destination 66: United States)"
    )
    about = _about(answer.modified or today, today, title, inegi.ABOUT)
    by_month = [
        {"brand": brand, "maker": makers.get(brand, ""), "period": month, "units": str(units)} | about
        for (brand, month), units in sorted(months.items())
    ]
    by_model = [
        dict(zip(trade.KEYS[trade.MEXICO_MODELS], key, strict=True))
        | {"maker": apart.get(key[:2], makers.get(key[0], "")), "units": str(units)}
        | about
        for key, units in sorted(models.items())
    ]
    fresh = {trade.MEXICO_EXPORTS: pd.DataFrame(by_month), trade.MEXICO_MODELS: pd.DataFrame(by_model)}
    new = sorted({brand for brand, _ in months if brand not in makers})
    fresh[trade.MEXICO_EXPORTS].attrs["said"] = "; ".join(
        filter(
            None,
            [
                f"brands without a maker: {', '.join(new)}" if new else "",
                f"months that INEGI lacks: {', '.join(lacking)}" if lacking else "",
            ],
        )
    )
    fresh[trade.MEXICO_EXPORTS].attrs["lacking"] = bool(lacking)
    return fresh


def _about(vintage: date, today: date, title: str, address: str) -> dict[str, str]:
    return {
        "vintage": vintage.isoformat(),
        "quality": "reported",
        "source_title": title,
        "source_url": address,
        "known_on": "",
        "read_on": today.isoformat(),
        "note": "",
    }


def _written(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"


# ---- joining it to what is stored


def _merged(
    tables: dict[str, pd.DataFrame], fresh: dict[str, pd.DataFrame], source: str, month: str
) -> list[dict[str, Any]]:
    """Add what is new or differs as a vintage of its own; what the report says of it."""
    out = []
    for name, rows in fresh.items():
        stored = tables[name]
        outcome, kept, said = _against(stored, rows, name)
        if len(kept):
            vintage = [*trade.KEYS[name], "vintage"]
            again = pd.MultiIndex.from_frame(stored[vintage]).isin(pd.MultiIndex.from_frame(kept[vintage]))
            tables[name] = pd.concat([stored[~again], kept[stored.columns]], ignore_index=True).sort_values(
                vintage, kind="stable", ignore_index=True
            )
        told = [rows.attrs.get("waited", ""), said, rows.attrs.get("said", "")]
        if rows.attrs.get("lacking"):
            outcome = MISSING
        what = month or name.removeprefix("trade/").removesuffix(".csv")
        out.append(_row(source, what, outcome, len(kept), "; ".join(filter(None, told))))
    return out


def _against(stored: pd.DataFrame, rows: pd.DataFrame, name: str) -> tuple[str, pd.DataFrame, str]:
    """Whether rows are new, revised, older or unchanged, those to add, and the largest changes in words."""
    key, figures = trade.KEYS[name], trade.FIGURES[name]
    order = [periods.parse(label).start for label in stored["vintage"]]
    old = stored.assign(order=order).sort_values("order", kind="stable")
    newest = trade.newest(old, key).set_index(key)
    kept, revised, older, changes = [], 0, 0, []
    row: Any
    for place, row in enumerate(rows.to_dict("records")):
        at = tuple(row[column] for column in key)
        if at not in newest.index:
            kept.append(place)
            continue
        before: Any = newest.loc[at]
        moved = [figure for figure in figures if _differs(before[figure], row[figure])]
        if not moved:
            continue
        kept.append(place)
        if periods.parse(row["vintage"]).start < before["order"]:
            older += 1
            continue
        changed = [figure for figure in moved if before[figure]]
        if changed:
            revised += 1
            rows.loc[rows.index[place], "known_on"] = row["vintage"]  # nobody knew it before
            changes += [_change(at, figure, before[figure], row[figure]) for figure in changed]
    changes.sort(reverse=True)
    said = [text for _, text in changes[:_SHOWN]]
    more = [f"and {len(changes) - _SHOWN} more figures"] if len(changes) > _SHOWN else []
    if revised:
        text = f"{revised} rows revised, the old vintage stays: {'; '.join([*said, *more])}"
        return "revised", rows.iloc[kept], text
    if older and older == len(kept):
        return (
            "older",
            rows.iloc[kept],
            f"{older} rows of a vintage before the stored one, which stays in use",
        )
    return ("new" if kept else "unchanged"), rows.iloc[kept], ""


def _differs(before: str, now: str) -> bool:
    """Whether a figure changed, or came where there was none; one that is lacking now is no change."""
    if now == "":
        return False
    return before == "" or abs(float(before) - float(now)) > 0.5


def _change(at: tuple[str, ...], figure: str, before: str, now: str) -> tuple[float, str]:
    was, became = float(before), float(now)
    return abs(became - was), f"{' '.join(at)} {figure} {was:,.0f} → {became:,.0f}"


def _gaps_named(table: pd.DataFrame) -> pd.DataFrame:
    """The report with months that are not there, though a later one of the source is, as missing."""
    for _, rows in table.groupby("source"):
        came = rows[rows["outcome"].isin(["new", "revised", "older", "unchanged"])]["period"]
        last = came.max() if len(came) else ""
        gone = rows.index[(rows["outcome"] == NOT_PUBLISHED) & (rows["period"] < last)]
        table.loc[gone, "outcome"] = MISSING
        table.loc[gone, "detail"] += f", though {last} is; repeat later, or take it from the other source"
    return table


def _row(source: str, period: str, outcome: str, added: int, detail: str) -> dict[str, Any]:
    return dict(zip(_COLUMNS, (SOURCES.get(source, source), period, outcome, added, detail), strict=True))


def _write(staging: Path, tables: dict[str, pd.DataFrame]) -> None:
    """Write the tables, once they are found to fit their schemas."""
    from tariffmodel.facts.schemas import TABLES  # slow to import

    faults: list[Fault] = []
    texts: Iterable[tuple[str, str]] = [
        (name, table.to_csv(index=False, lineterminator="\n")) for name, table in tables.items()
    ]
    for name, text in texts:
        raw = pd.read_csv(StringIO(text), dtype=str, keep_default_na=False, na_values=[""])
        conform(raw, TABLES[name], f"data/{name} as it would be", faults)
    refuse(faults)
    for name, text in texts:
        store.write_whole(staging / name, text.encode())
