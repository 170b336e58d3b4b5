"""Commands about markets: the reaction to events, and the hedge of a position."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tariffmodel.cli.options import AsOf, Data, parse_day

app = typer.Typer()


@app.command()
def hedge(
    long: Annotated[str, typer.Option(help="Share held, such as 7203.T.")],
    against: Annotated[str, typer.Option(help='Policy, by name or title: "Korea back to 25%".')],
    notional: Annotated[float, typer.Option(help="Size of the position, in --currency.")] = 10e6,
    currency: Annotated[str, typer.Option(help="Currency of the investor.")] = "USD",
    instrument: Annotated[
        list[str] | None,
        typer.Option(help="Hedge with this one; repeat for several. Default: all that suit."),
    ] = None,
    as_of: AsOf = None,
    output: Annotated[
        Path | None, typer.Option(help="Write ticket.csv, .md, .pdf and .png into this folder.")
    ] = None,
    data: Data = None,
) -> None:
    """A sized hedge: orders, ratio with interval, what it protects and leaves, and its record."""
    from tariffmodel import facts
    from tariffmodel.facts import store
    from tariffmodel.hedging import ticket
    from tariffmodel.charts import house

    one = ticket.ticket(
        facts.load(data),
        long,
        notional,
        against=against,
        currency=currency,
        instruments=instrument or None,
        as_of=parse_day(as_of) if as_of else None,
    )
    typer.echo(one.to_markdown())
    if output:
        page = ticket.sheet(one)
        alt = f"Hedge of {long} against {against}: orders, ratio, what it protects and its record."
        files = {
            "csv": one.table().to_csv(index=False, lineterminator="\n").encode(),
            "md": one.to_markdown().encode(),
            **{kind: house.render(page, kind, alt) for kind in ("pdf", "png")},
        }
        for kind, content in files.items():
            store.write_whole(output / f"ticket.{kind}", content)
        typer.echo(f"ticket: {output}")
