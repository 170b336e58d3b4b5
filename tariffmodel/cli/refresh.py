"""Commands that bring data up to date, and that say what is old.

Exit codes of `refresh` and `status`, beside 0 to 2 as everywhere: 3 something stays behind or is old, 4 most
of what was asked had no answer, 130 broken off by the user.
"""

from __future__ import annotations

import sys
from contextlib import nullcontext, redirect_stdout
from typing import Annotated, Any

import typer
from rich.table import Table

from tariffmodel.cli.options import Data, Format, Output, print_table, write_frame

app = typer.Typer()

_BROKEN_OFF = 130


@app.command()
def refresh(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            help="Parts: rates (ECB fixings), prices (Yahoo; personal use, rate limited), trade (Census, "
            "INEGI), output (Federal Reserve), news (earnings dates); or lines of prices by ticker. Default: "
            "every part.",
            metavar="[PART... | TICKER...]",
        ),
    ] = None,
    accept: Annotated[
        list[str] | None,
        typer.Option(
            help="A line or pair whose stored rows of any source follow Yahoo, and whose moves are not "
            "doubted; repeat for several. Alone: ask for these only."
        ),
    ] = None,
    currencies: Annotated[bool, typer.Option(help="prices: exchange rates of Yahoo too.")] = True,
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
    """Bring prices, exchange rates, trade and earnings dates up to date; a run that broke off goes on."""
    from tariffmodel import facts
    from tariffmodel.intake import renewal

    known = facts.load(data)
    asked = list(what or [])
    parts = [word for word in asked if word in renewal.PARTS]
    tickers = [
        facts.companies.line(known, word, renewal.PARTS) for word in asked if word not in renewal.PARTS
    ]
    accepted = list(accept or [])
    if parts and tickers:
        unknown = ", ".join(tickers)
        raise typer.BadParameter(
            f"{unknown}: parts are {', '.join(renewal.PARTS)}; ask for lines in a command of their own",
            param_hint="[PART... | TICKER...]",
        )
    if (months or source) and parts != ["trade"]:
        raise typer.BadParameter("goes with refresh trade", param_hint="--months" if months else "--source")
    prices: dict[str, Any] = {"currencies": currencies, "accept": accepted}
    if tickers or (accepted and not parts):
        pairs = [name for name in accepted if name not in known.instruments.index]
        lines = [name for name in accepted if name in known.instruments.index]
        parts = ["prices"]
        prices |= {"tickers": tickers or lines, "currencies": currencies if tickers else bool(pairs)}
    options = {"prices": prices, "trade": {"sources": source or None, "months": months}}
    try:
        with redirect_stdout(sys.stderr) if format.bare else nullcontext():  # the progress bar is no data
            done = renewal.watched(known, parts or None, options=options)
    except KeyboardInterrupt:
        typer.echo("Broken off. What came is kept: the same command goes on from there.", err=True)
        raise typer.Exit(_BROKEN_OFF) from None
    if format.bare:
        write_frame(done, format, {})
    row: Any  # a named tuple of the columns
    for row in done.itertuples() if not format.bare else ():
        at_fault = row.code == renewal.FAULT
        heading = "" if len(done) == 1 else f"{row.Index}: "
        typer.echo(f"{'error: ' if at_fault else ''}{heading}{row.summary}", err=at_fault)
    if code := renewal.code_of(done):
        raise typer.Exit(code)


@app.command()
def status(format: Output = Format.table, data: Data = None) -> None:
    """What of the data is old, what renews it and how long that takes; exit code 3 if anything is old."""
    from tariffmodel import facts
    from tariffmodel.intake import renewal, yahoo

    found = renewal.status(facts.load(data))
    if not format.bare:
        table = Table(caption="old: beyond the limit in days, or the remark says why")
        for heading in ("what", "newest", "days", "limit", "", "renewed by", "takes", "remark"):
            table.add_column(heading, justify="right" if heading in ("days", "limit") else "left")
        row: Any  # a named tuple of the columns
        for row in found.itertuples():
            days = (str(row.age_days), str(row.limit_days))
            table.add_row(row.Index, row.newest, *days, "old" * row.old, row.renew, row.takes, row.remark)
        print_table(table, 150, format)
    else:
        write_frame(found, format, {})
    if found["old"].any():
        raise typer.Exit(yahoo.BEHIND)
