"""Commands about markets: the reaction to events, and the hedge of a position."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tariffmodel.cli.options import (
    AsOf,
    Data,
    Format,
    Output,
    complete_lines,
    complete_policies,
    parse_day,
    write_frame,
)

app = typer.Typer()


@app.command()
def hedge(
    long: Annotated[
        str,
        typer.Option(
            help="Share held, by ticker, name or maker: 7203.T, TM or toyota.", autocompletion=complete_lines
        ),
    ],
    threat: Annotated[
        str,
        typer.Option(
            help='Policy to be protected from, by name or title: "Korea back to 25%".',
            autocompletion=complete_policies,
        ),
    ],
    notional: Annotated[float, typer.Option(help="Size of the position, in --currency.")] = 10e6,
    currency: Annotated[str, typer.Option(help="Currency of the investor.")] = "USD",
    instrument: Annotated[
        list[str] | None,
        typer.Option(
            help="Hedge with this one, a line or a currency; repeat for several. Default: all that suit.",
            autocompletion=complete_lines,
        ),
    ] = None,
    as_of: AsOf = None,
    output: Annotated[
        Path | None, typer.Option(help="Write ticket.csv, .md, .pdf and .png into this folder.")
    ] = None,
    format: Output = Format.table,
    data: Data = None,
) -> None:
    """A sized hedge: orders, ratio with interval, what it protects and leaves, and its record."""
    from tariffmodel.charts import house
    from tariffmodel.facts import companies, store
    from tariffmodel.hedging import ticket
    from tariffmodel.tariff import policy
    from tariffmodel.tariff.case import case

    law = case(as_of=parse_day(as_of) if as_of else None, data=data)
    long, currency = companies.line(law.facts, long), currency.upper()
    feared = law.replace(
        policy=policy.find(threat, law.facts.folder), against=law.policy, period=f"CY{law.as_of.year + 1}"
    )
    quoted = {code for pair in map(str, law.facts.fx) for code in (pair[:3], pair[3:])}
    chosen = [
        word.upper() if word.upper() in quoted else companies.line(law.facts, word)
        for word in instrument or []
    ]
    one = ticket.ticket(feared, long, notional, currency=currency, instruments=chosen or None)
    if format.bare:
        about = {"long": long, "threat": feared.policy.name, "currency": currency, "as_of": str(law.as_of)}
        write_frame(one.table(), format, about, "ticket")
    else:
        typer.echo(one.to_markdown())
    if output:
        page = ticket.sheet(one)
        alt = (
            f"Hedge of {long} against {feared.policy.title}: orders, ratio, what it protects and its record."
        )
        files = {
            "csv": one.table().to_csv(index=False, lineterminator="\n").encode(),
            "md": one.to_markdown().encode(),
            **{kind: house.render(page, kind, alt) for kind in ("pdf", "png")},
        }
        for kind, content in files.items():
            store.write_whole(output / f"ticket.{kind}", content)
        typer.echo(f"ticket: {output}", err=format.bare)
