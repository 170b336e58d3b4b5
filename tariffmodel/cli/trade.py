"""Commands about markets: the reaction to events, and the hedge of a position."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tariffmodel.cli.options import (
    AsOf,
    Data,
    Format,
    Output,
    columns_table,
    complete_lines,
    complete_policies,
    complete_scenarios,
    parse_day,
    print_table,
    write_frame,
)

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from tariffmodel.hedging.words import Ticket
    from tariffmodel.tariff.case import Case

app = typer.Typer()


Threat = Annotated[
    str,
    typer.Option(
        help='Policy to be protected from, by name or title: "Korea back to 25%".',
        autocompletion=complete_policies,
    ),
]
Currency = Annotated[str, typer.Option(help="Currency of the investor.")]
Instruments = Annotated[
    list[str] | None,
    typer.Option(
        help="Hedge with this line or currency; repeat for several. Default: what did best out of sample.",
        autocompletion=complete_lines,
    ),
]


@app.command()
def hedge(
    threat: Threat,
    long: Annotated[
        list[str] | None,
        typer.Option(
            help="Share held, by ticker, name or maker: 7203.T, TM or toyota; repeat for several.",
            autocompletion=complete_lines,
        ),
    ] = None,
    short: Annotated[
        list[str] | None, typer.Option(help="Share sold short; repeat.", autocompletion=complete_lines)
    ] = None,
    notional: Annotated[
        list[float] | None,
        typer.Option(help="Size in --currency: one for all, or one for each, the long first. Default: 10e6."),
    ] = None,
    currency: Currency = "USD",
    instrument: Instruments = None,
    as_of: AsOf = None,
    output: Annotated[
        Path | None, typer.Option(help="Write ticket.csv, .md, .pdf and .png into this folder.")
    ] = None,
    format: Output = Format.table,
    data: Data = None,
) -> None:
    """A sized hedge of one share or of many: orders, what it protects and leaves, and its record."""
    from tariffmodel.hedging import positions

    feared = _feared(threat, as_of, data)
    rows = positions.of(feared.facts, long or (), short or (), notional or (10e6,), currency.upper())
    _print(_sized(feared, rows, currency, instrument), feared, format, output)


@app.command()
def book(
    file: Annotated[Path, typer.Argument(help="Positions, one a row: CSV or .xlsx.")],
    threat: Threat,
    tree: Annotated[
        str,
        typer.Option(
            help="Tree of outcomes to take the book through; none with an empty word.",
            autocompletion=complete_scenarios,
        ),
    ] = "canada-and-deals",
    draws: Annotated[float, typer.Option(min=100, help="Draws of the tree.")] = 2_000,
    sheet: Annotated[str | None, typer.Option(help="Of a workbook with more than one.")] = None,
    currency: Currency = "USD",
    instrument: Instruments = None,
    as_of: AsOf = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Write the ticket, its positions, betas and scenarios into this folder."),
    ] = None,
    format: Output = Format.table,
    data: Data = None,
) -> None:
    """A book of positions: what the threat costs each, betas, outcomes of a tree, and one ticket for all."""
    from tariffmodel.facts import store
    from tariffmodel.intake import own_positions
    from tariffmodel.runs import desk

    feared = _feared(threat, as_of, data)
    one = _sized(feared, own_positions.read(feared.facts, file, sheet=sheet), currency, instrument)
    _print(one, feared, format, output)
    tables, said = desk.beside(one, feared, tree, int(draws))
    for text in said:
        typer.echo(text, err=True)
    for name, table in tables.items():
        if not format.bare:
            print_table(_shown(name, table, one.currency, tree), format=format)
        if output:
            store.write_whole(output / f"{name}.csv", table.to_csv(lineterminator="\n").encode())


def _feared(threat: str, as_of: str | None, data: Path | None) -> Case:
    """The threat against the law as it stands, in the calendar year after the day."""
    from tariffmodel.runs import desk
    from tariffmodel.tariff.case import case

    return desk.feared(case(as_of=parse_day(as_of) if as_of else None, data=data), threat)


def _sized(feared: Case, rows: pd.DataFrame, currency: str, instrument: list[str] | None) -> Ticket:
    from tariffmodel.facts import companies
    from tariffmodel.hedging import ticket

    quoted = {code for pair in map(str, feared.facts.fx) for code in (pair[:3], pair[3:])}
    chosen = [
        word.upper() if word.upper() in quoted else companies.line(feared.facts, word)
        for word in instrument or []
    ]
    return ticket.ticket(feared, rows, currency=currency.upper(), instruments=chosen or None)


def _print(one: Ticket, feared: Case, format: Format, output: Path | None) -> None:
    """Print the ticket, and write it."""
    from tariffmodel.runs import desk

    if format.bare:
        lines = {str(line): float(value) for line, value in one.positions["notional"].items()}
        about = {"held": lines, "threat": feared.policy.name, "currency": one.currency}
        write_frame(one.table(), format, {**about, "as_of": str(feared.as_of)}, "ticket")
    else:
        typer.echo(one.to_markdown())
    if output:
        desk.write_ticket(one, output)
        typer.echo(f"ticket: {output}", err=format.bare)


_TITLES = {
    "positions": "What the threat does to each position, {cash}",
    "betas": "Betas of each position, and of the book on its gross value",
    "scenarios": "Profit and loss over {tree}, {cash}",
    "outcomes": "By outcome of {tree}, {cash}",
}
_CAPTIONS = {
    "positions": "booked: the part of the maker's yearly cost by the part of its market value that is held, "
    "with its validated range; value: over the life of the policy; below zero is a loss",
    "betas": "weekly, together with each other, 95% interval; currencies are units per dollar, up is weaker; "
    "the tariff portfolio is long the makers that book most: above zero the position is exposed as they are",
    "scenarios": "low–high: 5% and 95%; shortfall: mean of the worst 5%",
    "outcomes": "probabilities are those of the file, most of them assumptions",
}


def _shown(name: str, table: pd.DataFrame, cash: str, tree: str) -> Table:
    """A table as it is printed."""
    money = ["mean_money", "low_money–high_money"]
    wanted = {
        "positions": [
            "side",
            "notional",
            "booked_money",
            "booked_low_money–booked_high_money",
            "value_money",
        ],
        "betas": ["beta", "beta_low–beta_high", "p", "n"],
        "scenarios": [*money, "median_money", "shortfall_money"],
        "outcomes": ["probability", *money],
    }[name]
    rows = ["  ".join(map(str, row)) if isinstance(row, tuple) else str(row) for row in table.index]
    result = {"positions": "ticket", "betas": "hedge.betas"}.get(name, "scenarios.hedged")
    return columns_table(
        table,
        dict.fromkeys([one for one in wanted if one.split("–")[0] in table], ""),
        title=_TITLES[name].format(cash=cash, tree=tree),
        caption=_CAPTIONS[name],
        result=result,
        rows=rows,
    )
