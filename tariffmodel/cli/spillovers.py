"""The command that says which industries and states feel it when vehicles are built elsewhere."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from tariffmodel.cli.options import (
    BEFORE,
    LAW,
    YEAR,
    Against,
    AsOf,
    Data,
    Format,
    Output,
    PeriodLabel,
    PolicyName,
    columns_table,
    parse_day,
    print_table,
    write_frame,
)

app = typer.Typer()


class Horizon(StrEnum):
    """How long makers have had to answer."""

    short = "short"
    equilibrium = "equilibrium"
    long = "long"


@app.command()
def spillovers(
    policy: PolicyName = LAW,
    against: Against = BEFORE,
    period: PeriodLabel = YEAR,
    as_of: AsOf = None,
    horizon: Annotated[
        Horizon, typer.Option(help="Of makers' answer; in the long run plants move.")
    ] = Horizon.equilibrium,
    states: Annotated[bool, typer.Option("--states", help="Jobs by state, in place of industries.")] = False,
    vehicles: Annotated[
        float | None,
        typer.Option(help="Industries for so many vehicles, in place of those of the policy."),
    ] = None,
    format: Output = Format.table,
    data: Data = None,
) -> None:
    """Which industries produce and hire, and in which states, when vehicles are built in the US instead."""
    from tariffmodel.spillovers import input_output
    from tariffmodel.spillovers import states as places
    from tariffmodel.tariff.case import case

    if states and vehicles is not None:
        raise typer.BadParameter(
            "which states depends on who builds them; leave --vehicles out", param_hint="--vehicles"
        )
    asked = case(policy, against, period, parse_day(as_of) if as_of else None, data)
    about: dict[str, object] = {}
    if vehicles is None:
        about = {"policy": policy, "against": against, "period": period, "horizon": horizon.value}
        built = float(places.output_change(asked, horizon.value)["vehicles"][places.ALL])
        of = f"{asked.label}, {horizon.value}: {built / 1e3:+z,.0f} thousand vehicles a year"
    else:
        built, of = vehicles, f"{vehicles:,.0f} vehicles built in the US"
    if states:
        frame, result = places.table(asked, horizon.value), "states.table"
        wanted = ["vehicles", "assembly_jobs", "supplier_jobs", "jobs", "jobs_low–jobs_high"]
        caption = "no place: industries or states of which no jobs are known"
    else:
        frame, result = input_output.table(asked.facts, built), "input_output.table"
        wanted = ["output_usd", "output_low_usd–output_high_usd", "jobs", "jobs_low–jobs_high", "imports_usd"]
        caption = "dollars of 2024, structures of 2017 and 2024; jobs by dollar of output of 2018"
    if format.bare:
        write_frame(frame, format, about | {"vehicles": built})
        return
    shown = frame if states else input_output.printed(frame)
    rows = list(shown.index) if states else [str(name) for name in shown["sector_name"]]
    columns = dict.fromkeys(wanted, "")
    table = columns_table(shown, columns, title=of, caption=caption, result=result, rows=rows)
    print_table(table, format=format)
