"""Commands that change the data in use: add, and back again."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from tariffmodel.cli.options import (
    Data,
    Format,
    Output,
    complete_makers,
    number_text,
    print_table,
    write_frame,
)
from tariffmodel.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer()
adding = typer.Typer(
    help="Add prices, exchange rates, figures, statements, news, quotes, announcements, markets or makers of "
    "your own.",
    no_args_is_help=True,
)
app.add_typer(adding, name="add")

_LISTED = 40  # lines of a preview for people

File = Annotated[Path, typer.Argument(help="CSV or Excel file.", exists=True, dir_okay=False)]
Sheet = Annotated[str | None, typer.Option(help="Sheet of a workbook with more than one.")]
Encoding = Annotated[str | None, typer.Option(help="Of a CSV file, where it is not recognised.")]
Decimal = Annotated[str | None, typer.Option(help="Decimal mark, . or , where both are possible.")]
_SHOWN = 20  # doubts of a panel
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask after the preview.")]

_READING = ("sheet", "encoding", "table", "delimiter", "decimal", "dates")


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
    adjusted: Annotated[
        bool | None,
        typer.Option(
            "--adjusted/--not-adjusted",
            help="Whether the prices have dividends and splits in them; default: where that can be told.",
        ),
    ] = None,
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
    with suppress(DataError):  # a new line is called as it is written
        ticker = facts.companies.line(known, ticker) if ticker else None
    reading: dict[str, Any] = {
        "sheet": sheet, "ticker": ticker, "currency": currency, "date_format": date_format,
        "adjusted": adjusted, "encoding": encoding, "decimal": decimal,
    }  # fmt: skip
    frame = vendors.read_prices(file, folder=known.folder, **reading)
    show_reading(frame)
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
    previewed(table, seen, file, format)
    agree(yes)
    own_prices.add_prices(known, frame, market=market, name=name, replace=replace)
    after = facts.load(data)
    if after.prices.index[-1] > (fixed := after.fx.index[-1]):
        remark(
            f"results are now as of {after.as_of}; the last exchange rates, of {fixed:%Y-%m-%d}, stand in "
            "until newer ones come (`tariffmodel add fx`, `refresh`), and prices in dollars end with them",
            format,
        )
    remark("added; `tariffmodel snapshots` shows how to go back", format)


@adding.command()
def panel(
    path: Annotated[
        Path,
        typer.Argument(help="CSV, Excel or Parquet file, or a folder with a file per line.", exists=True),
    ],
    market: Annotated[str | None, typer.Option(help="Of new lines: JP, KR, DE, US …")] = None,
    only: Annotated[bool, typer.Option(help="Lines that are not in it lose their prices.")] = False,
    date_format: Annotated[
        str | None, typer.Option("--date-format", help="day-first, month-first or a pattern.")
    ] = None,
    adjusted: Annotated[bool, typer.Option(help="The prices have dividends and splits in them.")] = False,
    yes: Yes = False,
    format: Output = Format.table,
    data: Data = None,
) -> None:
    """Prices of many lines in place of the stored ones, each line as a whole."""
    from tariffmodel import facts
    from tariffmodel.intake import own_panel

    known = facts.load(data)
    reading: dict[str, Any] = {"adjusted": adjusted}
    if date_format:
        reading["date_format"] = date_format
    frame = own_panel.read_panel(path, **reading)
    faults = own_panel.check_panel(frame, known, market=market)
    facts.refuse([fault for fault in faults if not fault.warning])
    for fault in faults[:_SHOWN]:
        typer.echo(f"warning: {fault}", err=True)
    if len(faults) > _SHOWN:
        typer.echo(f"warning: and {len(faults) - _SHOWN} more", err=True)
    seen = own_panel.preview_panel(frame, known)
    kept = seen.attrs["kept"]
    others = f"; {len(kept)} other lines {'lose theirs' if only else 'stay as they are'}" if kept else ""
    if format.bare:
        write_frame(seen, format, {"file": path.name, "kept": list(kept)})
    remark(
        f"{path.name}: {len(seen)} lines, {seen['rows'].sum():,} rows, {seen['first'].min():%Y-%m-%d} to "
        f"{seen['last'].max():%Y-%m-%d}, in place of what is stored of them{others}",
        format,
    )
    agree(yes)
    own_panel.replace_panel(known, path, market=market, only=only, **reading)
    remark("replaced; `tariffmodel snapshots` shows how to go back", format)


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
    accept: Annotated[
        bool, typer.Option("--accept", help="Take figures a hundred times all that their kind has had.")
    ] = False,
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
    changed = own_facts.preview_facts(rows, known, accept=accept)
    for fault in changed.attrs["warnings"]:
        typer.echo(f"warning: {fault}", err=True)
    if left_out := rows.attrs.get("left_out"):
        typer.echo(f"left out, no label of data/watch/press_labels.csv: {', '.join(left_out)}", err=True)
    row: Any  # a named tuple of its columns
    for row in changed.itertuples():
        old, new = (
            number_text(value, "{:,.0f}" if abs(value) >= 1000 else "{:,.4g}") for value in (row.old, row.new)
        )
        table.add_row(row.maker, row.variable, row.origin, row.period, row.unit, old, new)
    previewed(table, changed, file, format)
    remark(f"{len(rows)} row{'s' * (len(rows) > 1)}, {table.row_count} of them inputs of the model", format)
    if not format.bare:
        try:
            _show_bills(own_facts.preview_bills(rows, known), format)
        except DataError as error:  # rows of a new maker may come in several files
            typer.echo(f"no bill of all makers can be computed with these rows yet: {error}")
    agree(yes)
    own_facts.add_facts(known, file, accept=accept, **reading)
    remark("added; `tariffmodel snapshots` shows how to go back", format)


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
    previewed(table, judged, file, format)
    remark(f"{len(rows)} statement{'s' * (len(rows) > 1)}, {table.row_count} of them comparable", format)
    agree(yes)
    own_disclosures.add_disclosures(asked.facts, file, **reading)
    remark("added; `tariffmodel snapshots` shows how to go back", format)


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
    previewed(table, seen, file, format)
    agree(yes)
    number = own_events.add_events(known, file, zone=zone, **reading)
    remark(f"{number} row{'s' * (number > 1)} added; `tariffmodel snapshots` shows how to go back", format)


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
    previewed(table, seen, file, format)
    agree(yes)
    number = own_quotes.add_quotes(known, file, **reading)
    remark(f"{number} row{'s' * (number > 1)} added; `tariffmodel snapshots` shows how to go back", format)


@adding.command(name="announcements")
def add_announcements(
    file: File,
    company: Annotated[str | None, typer.Option(help="Where the file has no such column.")] = None,
    kind: Annotated[str | None, typer.Option(help="new_plant, expansion, hiring, layoff ...")] = None,
    source_title: Annotated[str | None, typer.Option(help="Who says so.")] = None,
    source_url: Annotated[str | None, typer.Option(help="Where.")] = None,
    sheet: Sheet = None,
    encoding: Encoding = None,
    decimal: Decimal = None,
    yes: Yes = False,
    format: Output = Format.table,
    data: Data = None,
) -> None:
    """Investment and hiring announced: date, company, plant, investment_usd, jobs, start_year, kind a row."""
    from tariffmodel import facts
    from tariffmodel.intake import own_announcements

    known = facts.load(data)
    given = {"company": company, "kind": kind, "source_title": source_title, "source_url": source_url}
    columns = {column: value for column, value in given.items() if value is not None}
    reading: dict[str, Any] = {"sheet": sheet, "encoding": encoding, "decimal": decimal, **columns}
    rows = own_announcements.read_announcements(file, **reading)
    seen = own_announcements.preview_announcements(rows, known)
    for fault in own_announcements.check_announcements(rows, known):
        typer.echo(f"warning: {fault}", err=True)
    table = Table(title=f"{file.name}: announcements; counted are those of a maker's US plant")
    for name in ("row", "date", "company", "plant", "kind", "USD m", "jobs", "from", "counted", "replaces"):
        table.add_column(name, justify="right" if name in ("row", "USD m", "jobs") else "left")
    row: Any  # a named tuple of its columns
    for row in seen.astype({"jobs": float, "start_year": float}).itertuples():
        money, jobs = number_text(row.investment_usd / 1e6), number_text(row.jobs)
        plant = row.plant if isinstance(row.plant, str) else ""
        marks = ("yes" if row.counted else "no", "a row in use" if row.replaces else "")
        year = number_text(row.start_year, "{:.0f}")
        table.add_row(str(row.row), row.date, row.company, plant, row.kind, money, jobs, year, *marks)
    previewed(table, seen, file, format)
    agree(yes)
    number = own_announcements.add_announcements(known, file, **reading)
    remark(f"{number} row{'s' * (number > 1)} added; `tariffmodel snapshots` shows how to go back", format)


def previewed(table: Table, frame: pd.DataFrame, file: Path, format: Format) -> None:
    """A preview, for people or for programs."""
    if format.bare:
        write_frame(frame, format, {"file": file.name})
    else:
        print_table(table, 120, format)


def remark(text: str, format: Format) -> None:
    """A sentence beside a preview; nothing but data goes to a program."""
    typer.echo(text, err=format.bare)


def show_reading(frame: pd.DataFrame) -> None:
    """How a file was read, and what of it was left out or recognised."""
    about = {name: frame.attrs[name] for name in _READING if frame.attrs.get(name)}
    typer.echo("read as " + ", ".join(f"{name} {value}" for name, value in about.items()))
    for note in frame.attrs["notes"]:
        typer.echo(f"warning: {note}", err=True)


def agree(yes: bool) -> None:
    """Ask before anything is written."""
    if not yes:
        typer.confirm("Add this?", abort=True, err=True)
