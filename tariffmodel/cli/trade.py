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
    from tariffmodel import facts, ticket

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
        output.mkdir(parents=True, exist_ok=True)
        one.table().to_csv(output / "ticket.csv", index=False, lineterminator="\n")
        (output / "ticket.md").write_text(one.to_markdown(), encoding="utf-8")
        page = one.figure()
        for kind in ("pdf", "png"):
            page.savefig(output / f"ticket.{kind}")
        typer.echo(f"ticket: {output}")
