"""Commands that change the data in use: refresh, add, and back again."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from tariffmodel.cli.options import (
    Data,
    Format,
    Output,
    complete_lines,
    complete_makers,
    number_text,
    print_table,
    write_frame,
)

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer()
adding = typer.Typer(
    help="Add prices, figures, statements, news or quotes of your own.", no_args_is_help=True
)
app.add_typer(adding, name="add")

_LISTED = 40  # lines of a preview for people

File = Annotated[Path, typer.Argument(help="CSV or Excel file.", exists=True, dir_okay=False)]
Sheet = Annotated[str | None, typer.Option(help="Sheet of a workbook with more than one.")]
Encoding = Annotated[str | None, typer.Option(help="Of a CSV file, where it is not recognised.")]
Decimal = Annotated[str | None, typer.Option(help="Decimal mark, . or , where both are possible.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask after the preview.")]


@app.command()
def refresh(
    tickers: Annotated[
        list[str] | None,
        typer.Argument(
            help="Lines to refresh, default all; or the one word trade: US imports by origin from the Census "
            "Bureau and Mexico's exports by make from INEGI; or news: makers' earnings dates from Yahoo.",
            metavar="[trade | news | TICKER...]",
            autocompletion=complete_lines,
        ),
    ] = None,
    currencies: Annotated[bool, typer.Option(help="Exchange rates too.")] = True,
    months: Annotated[
        str | None, typer.Option(help="trade: ask Census for these, stored or not: 2025-04..2025-06.")
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(
            help="trade: imdb (Census files), api (Census API, its key in CENSUS_API_KEY) or inegi; repeat "
            "for several. Default: api with a key, else imdb; and inegi."
        ),
    ] = None,
    format: Output = Format.table,
    data: Data = None,
) -> None:
    """Bring prices and exchange rates up to date from Yahoo (personal use, rate limited); or trade, news."""
    from tariffmodel import facts
    from tariffmodel.intake import earnings_dates, official
    from tariffmodel.intake import yahoo as model

    if tickers == ["trade"]:
        with _progress_aside(format):
            done = official.watched(facts.load(data), sources=source or None, months=months)
        if format.bare:
            write_frame(done.table, format, {"snapshot": done.snapshot})
        else:
            typer.echo(done.summary())
        if done.wrong:
            raise typer.Exit(1)
        return
    if months or source:
        raise typer.BadParameter("goes with refresh trade", param_hint="--months" if months else "--source")
    known = facts.load(data)
    if tickers == ["news"]:
        _show_earnings_dates(earnings_dates.refresh(known), format)
        return
    lines = [facts.companies.line(known, word) for word in tickers or []]
    with _progress_aside(format):
        report = model.watched(known, tickers=lines or None, currencies=currencies)
    if format.bare:
        write_frame(report.table, format, {"snapshot": report.snapshot})
    else:
        typer.echo(report.summary())
    if report.table["outcome"].isin(["failed", "skipped", "not found", "empty"]).all():
        raise typer.Exit(1)


def _progress_aside(format: Format) -> AbstractContextManager[object]:
    """Where a progress bar goes: not among data for a program."""
    return redirect_stdout(sys.stderr) if format.bare else nullcontext()


def _show_earnings_dates(done: pd.DataFrame, format: Format) -> None:
    """What Yahoo lists of makers' results days, and what of it is new."""
    if format.bare:
        write_frame(done, format, {"snapshot": done.attrs["snapshot"]})
        return
    table = Table(title="earnings dates at Yahoo, estimated; no sourced day is replaced")
    for name in ("line", "maker", "listed", "added", "sourced", "removed", "first", "last"):
        table.add_column(
            name, justify="right" if name in ("listed", "added", "sourced", "removed") else "left"
        )
    row: Any  # a named tuple of its columns
    for row in done.itertuples():
        numbers = (str(number) for number in (row.listed, row.added, row.sourced, row.removed))
        span = ("none", "") if row.listed == 0 else (row.first, row.last)
        table.add_row(str(row.Index), row.maker, *numbers, *span)
    print_table(table, 120, format)
    snapshot = done.attrs["snapshot"]
    typer.echo(f"snapshot {snapshot}" if snapshot else "Nothing new; no snapshot written.")


@app.command()
def snapshots(
    restore: Annotated[
        str | None, typer.Option(help="Name of the snapshot to use from now on, or bundled.")
    ] = None,
    format: Output = Format.table,
    data: Data = None,
) -> None:
    """Earlier states of the data, newest last, and how to go back to one."""
    from tariffmodel import facts
    from tariffmodel.facts import store

    folder = facts.data_dir(data)
    if restore:
        store.restore(folder, restore)
        typer.echo(f"in use: {restore}")
        return
    table = Table(caption="tariffmodel snapshots --restore NAME; bundled is the data as installed")
    for heading in ("", "name", "created", "what", "files"):
        table.add_column(heading)
    used = store.current(folder)
    if format.bare:
        write_frame(store.snapshots(folder).set_index("name"), format, {"in_use": used})
        return
    table.add_row("*" if used == store.BUNDLED else "", store.BUNDLED, "", "the data as installed", "")
    row: Any  # a named tuple of its columns
    for row in store.snapshots(folder).itertuples():
        table.add_row("*" * row.current, row.name, f"{row.created:%Y-%m-%d %H:%M} UTC", row.reason, row.files)
    print_table(table, 120, format)


@adding.command()
def prices(
    file: File,
    ticker: Annotated[str | None, typer.Option(help="Where the file names no line.")] = None,
    market: Annotated[str | None, typer.Option(help="Of a new line: JP, KR, DE, US …")] = None,
    name: Annotated[str | None, typer.Option(help="Of a new line.")] = None,
    currency: Annotated[str | None, typer.Option(help="Where the file names none.")] = None,
    date_format: Annotated[
        str | None, typer.Option("--date-format", help="day-first, month-first or a pattern.")
    ] = None,
    adjusted: Annotated[bool, typer.Option(help="The prices have dividends and splits in them.")] = False,
    replace: Annotated[
        bool, typer.Option(help="Take the place of stored prices, not only extend them.")
    ] = False,
    sheet: Sheet = None,
    encoding: Encoding = None,
    decimal: Decimal = None,
    yes: Yes = False,
    format: Output = Format.table,
    data: Data = None,
) -> None:
    """Prices from a file: wide or long, or exported from a terminal."""
    from tariffmodel import facts
    from tariffmodel.intake import own_prices, vendors

    known = facts.load(data)
    reading: dict[str, Any] = {
        "sheet": sheet, "ticker": ticker, "currency": currency, "date_format": date_format,
        "adjusted": adjusted, "encoding": encoding, "decimal": decimal,
    }  # fmt: skip
    frame = vendors.read_prices(file, **reading)
    faults = own_prices.check_prices(frame, known, market=market, replace=replace)
    facts.refuse([fault for fault in faults if not fault.warning])
    for fault in faults[:_LISTED]:
        typer.echo(f"warning: {fault}", err=True)
    if len(faults) > _LISTED:
        typer.echo(f"and {len(faults) - _LISTED:,} warnings more", err=True)
    table = Table(title=f"{file.name}: what would change")
    for heading in ("line", "rows", "first", "last", "new", "replaced", "largest move", "on", "differs by"):
        table.add_column(heading, justify="left" if heading == "line" else "right")
    seen = own_prices.preview(frame, known, replace=replace)
    if len(seen) > _LISTED:
        table.caption = f"and {len(seen) - _LISTED:,} lines more, which --format csv lists"
    for line, row in seen.head(_LISTED).iterrows():
        table.add_row(
            str(line),
            number_text(row["rows"]),
            f"{row['first']:%Y-%m-%d}",
            f"{row['last']:%Y-%m-%d}",
            number_text(row["new_rows"]),
            number_text(row["replaced_rows"]),
            number_text(row["largest_return"], "{:+.1%}"),
            str(row["largest_return_date"])[:10],
            number_text(row["largest_difference"], "{:.2%}"),
        )
    _shown(table, seen, file, format)
    _agree(yes)
    own_prices.add_prices(known, frame, market=market, name=name, replace=replace)
    _said("added; `tariffmodel snapshots` shows how to go back", format)


@adding.command(name="facts")
def add_facts(
    file: File,
    maker: Annotated[
        str | None,
        typer.Option(
            help="Where the file has no such column: name, ticker or alias.", autocompletion=complete_makers
        ),
    ] = None,
    variable: Annotated[str | None, typer.Option(help="As listed in data/codebook.csv.")] = None,
    origin: Annotated[str | None, typer.Option(help="Country code, or US for what is built there.")] = None,
    source_title: Annotated[str | None, typer.Option(help="Who says so.")] = None,
    source_url: Annotated[str | None, typer.Option(help="Where.")] = None,
    known_on: Annotated[
        str | None,
        typer.Option("--known-on", "--source-date", help="When it became public: YYYY[-MM[-DD]]."),
    ] = None,
    quality: Annotated[str | None, typer.Option(help="reported, derived or estimated.")] = None,
    sheet: Sheet = None,
    encoding: Encoding = None,
    decimal: Decimal = None,
    yes: Yes = False,
    format: Output = Format.table,
    data: Data = None,
) -> None:
    """Figures from a file, with their source: one a row, or months down or across."""
    from tariffmodel import facts
    from tariffmodel.intake import own_facts

    known = facts.load(data)
    given = {
        "maker": maker and facts.companies.find(known, maker), "variable": variable, "origin": origin,
        "source_title": source_title,
        "source_url": source_url, "known_on": known_on, "quality": quality,
    }  # fmt: skip
    columns = {column: value for column, value in given.items() if value is not None}
    reading: dict[str, Any] = {"sheet": sheet, "encoding": encoding, "decimal": decimal, **columns}
    rows = own_facts.read_facts(file, **reading)
    table = Table(title=f"{file.name}: inputs of the model that would change")
    for heading in ("maker", "variable", "origin", "period", "unit", "old", "new"):
        table.add_column(heading, justify="right" if heading in ("old", "new") else "left")
    changed = own_facts.preview_facts(rows, known)
    for fault in changed.attrs["warnings"]:
        typer.echo(f"warning: {fault}", err=True)
    row: Any  # a named tuple of its columns
    for row in changed.itertuples():
        old, new = (
            number_text(value, "{:,.0f}" if abs(value) >= 1000 else "{:,.4g}") for value in (row.old, row.new)
        )
        table.add_row(row.maker, row.variable, row.origin, row.period, row.unit, old, new)
    _shown(table, changed, file, format)
    _said(f"{len(rows)} row{'s' * (len(rows) > 1)}, {table.row_count} of them inputs of the model", format)
    if not format.bare:
        _show_bills(own_facts.preview_bills(rows, known), format)
    _agree(yes)
    own_facts.add_facts(known, file, **reading)
    _said("added; `tariffmodel snapshots` shows how to go back", format)


def _show_bills(bills: pd.DataFrame, format: Format) -> None:
    """The annual bills that own figures would move."""
    if bills.empty:
        typer.echo("no annual bill moves")
        return
    table = Table(title="annual bills that would move, current law, millions of USD")
    for heading in ("maker", "year", "old", "new", "change"):
        table.add_column(heading, justify="left" if heading in ("maker", "year") else "right")
    row: Any  # a named tuple of its columns
    for row in bills.itertuples():
        old, new = (number_text(value / 1e6, "{:,.1f}") for value in (row.old_usd, row.new_usd))
        table.add_row(row.maker, row.period, old, new, number_text(row.change, "{:+.1%}"))
    print_table(table, 120, format)


@adding.command()
def disclosures(
    file: File,
    source_title: Annotated[str | None, typer.Option(help="Who says so.")] = None,
    source_url: Annotated[str | None, typer.Option(help="Where.")] = None,
    sheet: Sheet = None,
    encoding: Encoding = None,
    decimal: Decimal = None,
    yes: Yes = False,
    format: Output = Format.table,
    data: Data = None,
) -> None:
    """What companies said their tariff cost is: company, kind, period, value, unit, said_on a row."""
    from tariffmodel.intake import own_disclosures
    from tariffmodel.tariff.case import case

    asked = case(data=data)
    given = {"source_title": source_title, "source_url": source_url}
    columns = {column: value for column, value in given.items() if value is not None}
    reading: dict[str, Any] = {"sheet": sheet, "encoding": encoding, "decimal": decimal, **columns}
    rows = own_disclosures.read_disclosures(file, **reading)
    table = Table(title=f"{file.name}: what is comparable, and why")
    for heading in ("row", "company", "kind", "period", "comparable", "why"):
        table.add_column(heading, justify="right" if heading == "row" else "left")
    row: Any  # a named tuple of its columns
    for row in own_disclosures.comparable(rows, asked).itertuples():
        beside = "yes" if row.comparable else "no"
        table.add_row(str(row.row), row.company, row.kind, row.period, beside, row.reason)
    if not format.bare:
        print_table(table, 120, format)
    table = Table(title=f"{file.name}: the model beside it, billions of reporting currency")
    for heading in ("maker", "period", "kind", "", "disclosed", "model", "low–high", "error", "inside"):
        table.add_column(heading, justify="left" if heading in ("maker", "period", "kind", "") else "right")
    judged = own_disclosures.preview_disclosures(rows, asked)
    for row in judged.itertuples():
        said, model, low, high = (
            number_text(value, "{:,.3g}")
            for value in (row.disclosed, row.model, row.widened_low, row.widened_high)
        )
        inside = "yes" if row.inside_widened else ""
        error = number_text(row.error, "{:+.0%}")
        table.add_row(
            row.maker, row.period, row.kind, row.currency, said, model, f"{low}–{high}", error, inside
        )
    _shown(table, judged, file, format)
    _said(f"{len(rows)} statement{'s' * (len(rows) > 1)}, {table.row_count} of them comparable", format)
    _agree(yes)
    own_disclosures.add_disclosures(asked.facts, file, **reading)
    _said("added; `tariffmodel snapshots` shows how to go back", format)


@adding.command()
def events(
    file: File,
    zone: Annotated[
        str | None,
        typer.Option(help="Of times that name none: exchange (of the maker), JST, CET, ET, Asia/Tokyo …"),
    ] = None,
    source_title: Annotated[str | None, typer.Option(help="Who says so.")] = None,
    source_url: Annotated[str | None, typer.Option(help="Where.")] = None,
    sheet: Sheet = None,
    encoding: Encoding = None,
    yes: Yes = False,
    format: Output = Format.table,
    data: Data = None,
) -> None:
    """Days on which makers spoke for themselves: maker, date, time, zone, kind, what a row."""
    from tariffmodel import facts
    from tariffmodel.intake import own_events

    known = facts.load(data)
    given = {"source_title": source_title, "source_url": source_url}
    columns = {column: value for column, value in given.items() if value is not None}
    reading: dict[str, Any] = {"sheet": sheet, "encoding": encoding, **columns}
    rows = own_events.read_events(file, **reading)
    faults = own_events.check_events(rows, known, zone=zone)
    facts.refuse([fault for fault in faults if not fault.warning])
    for fault in faults:
        typer.echo(f"warning: {fault}", err=True)
    table = Table(title=f"{file.name}: makers' own news, and the first session that could react")
    for name in ("row", "maker", "day", "time", "zone", "session", "kind", "what", "replaces"):
        table.add_column(name, justify="right" if name == "row" else "left")
    row: Any  # a named tuple of its columns
    seen = own_events.preview_events(rows, known, zone=zone)
    for row in seen.itertuples():
        day = "no line" if row.session != row.session else f"{row.session:%Y-%m-%d}"
        later = f" or {row.last_session:%d}" if row.last_session == row.last_session != row.session else ""
        replaced = "a row in use" if row.replaces else ""
        table.add_row(
            str(row.row), row.maker, row.date, row.time, row.zone, day + later, row.kind, row.what, replaced
        )
    _shown(table, seen, file, format)
    _agree(yes)
    number = own_events.add_events(known, file, zone=zone, **reading)
    _said(f"{number} row{'s' * (number > 1)} added; `tariffmodel snapshots` shows how to go back", format)


@adding.command(name="quotes")
def add_quotes(
    file: File,
    unit: Annotated[
        str | None,
        typer.Option(
            help="Of the quotes: percent_a_year (12.8), fraction_a_year (0.128), vol_points, price."
        ),
    ] = None,
    underlying: Annotated[str | None, typer.Option(help="Where the file names none: USDJPY, TM …")] = None,
    source_title: Annotated[str | None, typer.Option(help="Who says so.")] = None,
    source_url: Annotated[str | None, typer.Option(help="Where.")] = None,
    sheet: Sheet = None,
    encoding: Encoding = None,
    decimal: Decimal = None,
    yes: Yes = False,
    format: Output = Format.table,
    data: Data = None,
) -> None:
    """Quotes of options: date, underlying, type, expiry or tenor, strike, bid, mid, ask and unit a row."""
    from tariffmodel import facts
    from tariffmodel.intake import own_quotes

    known = facts.load(data)
    given = {
        "unit": unit, "underlying": underlying, "source_title": source_title, "source_url": source_url,
    }  # fmt: skip
    columns = {column: value for column, value in given.items() if value is not None}
    reading: dict[str, Any] = {"sheet": sheet, "encoding": encoding, "decimal": decimal, **columns}
    seen = own_quotes.preview_quotes(own_quotes.read_quotes(file, **reading), known)
    table = Table(title=f"{file.name}: quotes as they are understood")
    for heading in (
        "row",
        "date",
        "underlying",
        "type",
        "until",
        "at",
        "bid",
        "mid",
        "ask",
        "unit",
        "replaces",
    ):
        table.add_column(heading, justify="right" if heading in ("row", "bid", "mid", "ask") else "left")
    row: Any  # a named tuple of its columns
    for row in seen.itertuples():
        until = row.tenor if row.tenor == row.tenor else f"{row.expiry:%Y-%m-%d}"
        at = f"{row.strike:g}" if row.strike == row.strike else number_text(row.delta, "{:g} delta")
        prices = (number_text(value, "{:g}") for value in (row.bid, row.mid, row.ask))
        replaced = "a row in use" if row.replaces else ""
        table.add_row(
            str(row.row), row.date, row.underlying, row.type, until, at, *prices, row.unit, replaced
        )
    _shown(table, seen, file, format)
    _agree(yes)
    number = own_quotes.add_quotes(known, file, **reading)
    _said(f"{number} row{'s' * (number > 1)} added; `tariffmodel snapshots` shows how to go back", format)


def _shown(table: Table, frame: pd.DataFrame, file: Path, format: Format) -> None:
    """A preview, for people or for programs."""
    if format.bare:
        write_frame(frame, format, {"file": file.name})
    else:
        print_table(table, 120, format)


def _said(text: str, format: Format) -> None:
    """A sentence beside a preview; nothing but data goes to a program."""
    typer.echo(text, err=format.bare)


def _agree(yes: bool) -> None:
    if not yes:
        typer.confirm("Add this?", abort=True, err=True)
