"""The command for a workbook of live formulas."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tariffmodel.cli.options import BEFORE, LAW, YEAR, Against, AsOf, Data, PeriodLabel, PolicyName, parse_day

app = typer.Typer()


@app.command()
def workbook(
    policy: PolicyName = LAW,
    against: Against = BEFORE,
    period: PeriodLabel = YEAR,
    also: Annotated[
        list[str] | None,
        typer.Option(help="Policy that can be switched to as well; repeat for several. Default: the usual."),
    ] = None,
    maker: Annotated[
        str | None, typer.Option(help="Whose two-way tables go in; default: that with the largest bill.")
    ] = None,
    output: Annotated[Path, typer.Option(help="The .xlsx file to write.")] = Path("workbook.xlsx"),
    as_of: AsOf = None,
    data: Data = None,
) -> None:
    """The bill as live formulas: input cells with sources, switches, and a check against the engine."""
    from tariffmodel.runs import live_workbook
    from tariffmodel.tariff.case import case

    if output.suffix != ".xlsx":
        raise typer.BadParameter(f"{output} is no .xlsx file; write such as bill.xlsx", param_hint="--output")
    asked = case(policy, against, period, as_of=parse_day(as_of) if as_of else None, data=data)
    others = live_workbook.OTHERS if also is None else also
    written = live_workbook.write(asked, output, others, maker)
    for name, reason in live_workbook.refused(asked, others)["reason"].items():
        typer.echo(f"not among the switches: {name}: {reason}")
    typer.echo(f"wrote {written}: {asked.label}")
