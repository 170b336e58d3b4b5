"""The command that draws a tree of outcomes, on this machine or on a cluster."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Annotated

import typer

from tariffmodel.cli.options import (
    Data,
    Format,
    Output,
    columns_table,
    complete_scenarios,
    print_table,
    write_frame,
)

app = typer.Typer()


@app.command()
def scenarios(
    name: Annotated[
        str,
        typer.Argument(
            help="Name in data/scenarios/, or the path of a TOML file.", autocompletion=complete_scenarios
        ),
    ],
    draws: Annotated[float, typer.Option(min=1, help="Draws of the inputs; 1e6 will do.")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws: the same seed gives the same result.")] = 1,
    workers: Annotated[
        int, typer.Option(min=1, help="Processes on this machine; more than 1 needs the extra `cluster`.")
    ] = 1,
    cluster: Annotated[
        str, typer.Option(help="Scheduler of a running Dask cluster, such as tcp://host:8786.")
    ] = "",
    value: Annotated[
        bool, typer.Option("--value", help="What bills are worth, in place of the bills.")
    ] = False,
    by_outcome: Annotated[bool, typer.Option("--by-outcome", help="Each outcome apart.")] = False,
    tail: Annotated[
        float, typer.Option(help="Probability of the tail and beyond the outer quantiles.")
    ] = 0.05,
    format: Output = Format.table,
    data: Data = None,
) -> None:
    """What could happen, what it costs each maker, and whether policy or the inputs make the difference."""
    from tariffmodel import scenarios as trees

    if draws != int(draws):
        raise typer.BadParameter(f"{draws} is no number of draws; write a whole one", param_hint="--draws")
    if cluster and workers > 1:
        raise typer.BadParameter(
            "a running cluster has its own workers; give one of both", param_hint="--workers"
        )
    several = bool(cluster) or workers > 1
    with trees.cluster(cluster or None, workers) if several else nullcontext(map) as executor:
        drawn = trees.run(name, data, int(draws), seed, executor, progress=True)
    of = "value" if value else "bill"
    frame = drawn.by_outcome(of, tail) if by_outcome else drawn.summary(of, tail)
    if format.bare:
        write_frame(frame, format, {"scenario": name, "draws": int(draws), "seed": seed, "of": of})
        return
    if by_outcome:
        wanted = {"probability": "", "mean_usd": "", "low_usd–high_usd": "", "market_cap_share": ""}
        rows = [f"{outcome}  {maker}" for outcome, maker in frame.index]
    else:
        wanted = dict.fromkeys(["mean_usd", "sd_usd", "low_usd–high_usd", "median_usd", "shortfall_usd"], "")
        wanted |= dict.fromkeys(["outcome_share", "timing_share", "input_share"], "")
        rows = list(frame.index)
    asked = drawn.scenario
    what = "value to shareholders" if value else f"bill over {asked.start} to {asked.end}"
    print_table(
        columns_table(
            frame,
            wanted,
            title=f"{asked.title}: {what}, USD bn",
            caption=f"{drawn.draws:,} draws, seed {seed}; low–high: {tail:.0%} and {1 - tail:.0%}; "
            "probabilities are those of the file, most of them assumptions",
            result="scenarios",
            rows=rows,
        ),
        format=format,
    )
