"""Commands that add exchange rates, markets and makers of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from tariffmodel.cli.data import (
    Decimal,
    Encoding,
    File,
    Sheet,
    Yes,
    adding,
    agree,
    previewed,
    remark,
    show_reading,
)
from tariffmodel.cli.options import Data, Format, Output, number_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

    from tariffmodel.facts import Fault

_BACK = "added; `tariffmodel snapshots` shows how to go back"


@adding.command()
def fx(
    file: File,
    pair: Annotated[
        str | None, typer.Option(help="Where the file names none: USDJPY is yen per dollar.")
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(help="Headings are currencies per unit of this one, such as EUR of an ECB file."),
    ] = None,
    replace: Annotated[bool, typer.Option(help="Take the place of stored rates of the same days.")] = False,
    date_format: Annotated[
        str | None, typer.Option("--date-format", help="day-first, month-first or a pattern.")
    ] = None,
    sheet: Sheet = None,
    encoding: Encoding = None,
    decimal: Decimal = None,
    yes: Yes = False,
    format: Output = Format.table,
    data: Data = None,
) -> None:
    """Exchange rates from a file, in any layout that prices may have."""
    from tariffmodel import facts
    from tariffmodel.intake import own_rates

    known = facts.load(data)
    reading: dict[str, Any] = {
        "pair": pair, "base": base, "sheet": sheet, "date_format": date_format, "encoding": encoding,
        "decimal": decimal,
    }  # fmt: skip
    rates = own_rates.read_rates(file, folder=known.folder, **reading)
    show_reading(rates)
    _doubts(own_rates.check_rates(rates, known, replace=replace))
    table = Table(title=f"{file.name}: what would change")
    for heading in ("pair", "rows", "first", "last", "new", "replaced", "stored to", "own over stored"):
        table.add_column(heading, justify="left" if heading == "pair" else "right")
    row: Any  # of a pair
    seen = own_rates.preview_rates(rates, known, replace=replace)
    for name, row in seen.iterrows():
        first, last, stored = (str(row[day])[:10] for day in ("first", "last", "stored_last"))
        number, new, replaced = (number_text(row[of]) for of in ("rows", "new_rows", "replaced_rows"))
        level = number_text(row["level_ratio"], "{:.4f}")
        table.add_row(str(name), number, first, last, new, replaced, stored.replace("NaT", "none"), level)
    previewed(table, seen, file, format)
    agree(yes)
    own_rates.add_rates(known, file, replace=replace, **reading)
    after = facts.load(data)
    remark(f"{_BACK}\nresults are now as of {after.as_of}, unless --as-of says otherwise", format)


@adding.command()
def market(
    file: File,
    sheet: Sheet = None,
    encoding: Encoding = None,
    yes: Yes = False,
    format: Output = Format.table,
    data: Data = None,
) -> None:
    """Exchanges: market, name, exchange_calendar, currency, suffix a row; benchmark and vendors' codes."""
    from tariffmodel import facts
    from tariffmodel.intake import own_tables

    known = facts.load(data)
    rows = own_tables.read_rows(file, own_tables.MARKETS, sheet=sheet, encoding=encoding)
    _doubts(own_tables.check_markets(rows, known))
    shown = ("market", "name", "exchange_calendar", "currency", "suffix", "benchmark")
    _show(file, rows, shown, known.markets.index, format)
    agree(yes)
    done = own_tables.add_markets(known, file, sheet=sheet, encoding=encoding)
    new = f"currency {', '.join(done.attrs['new'])} added too; " if done.attrs["new"] else ""
    remark(new + _BACK, format)


@adding.command()
def maker(
    file: File,
    sheet: Sheet = None,
    encoding: Encoding = None,
    yes: Yes = False,
    format: Output = Format.table,
    data: Data = None,
) -> None:
    """Makers: maker, name, headquarters, home, reporting_currency, fiscal_year_end_month, ticker a row."""
    from tariffmodel import facts
    from tariffmodel.intake import own_tables

    known = facts.load(data)
    rows = own_tables.read_rows(file, own_tables.MAKERS, sheet=sheet, encoding=encoding)
    _doubts(own_tables.check_makers(rows, known))
    shown = ("maker", "name", "home", "reporting_currency", "fiscal_year_end_month", "ticker", "has_us_plant")
    _show(file, rows, shown, known.makers.index, format)
    agree(yes)
    done = own_tables.add_makers(known, file, sheet=sheet, encoding=encoding)
    new = f"home {', '.join(done.attrs['new'])} added too; " if done.attrs["new"] else ""
    remark(
        f"{new}{_BACK}\nits figures come with `tariffmodel add facts`; until they are there, questions about "
        "all makers ask for them",
        format,
    )


def _doubts(faults: Sequence[Fault]) -> None:
    """Refuse what is wrong, and warn of what is doubtful."""
    from tariffmodel import facts

    facts.refuse([fault for fault in faults if not fault.warning])
    for fault in faults:
        typer.echo(f"warning: {fault}", err=True)


def _show(file: Path, rows: pd.DataFrame, shown: Sequence[str], held: pd.Index, format: Format) -> None:
    table = Table(title=f"{file.name}: rows as they are understood")
    for name in (*shown, "replaces"):
        table.add_column(name.replace("_", " "))
    for row in rows.to_dict("records"):
        cells = ["" if row[name] != row[name] else str(row[name]) for name in shown]
        table.add_row(*cells, "a row in use" if row[shown[0]] in held else "")
    previewed(table, rows[list(shown)], file, format)
