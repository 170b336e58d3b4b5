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
_LOCAL = "local"


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
        str,
        typer.Option(
            help="Scheduler of a running Dask cluster, such as tcp://host:8786; `local` for one of --workers "
            "(2 or more) on this machine."
        ),
    ] = "",
    value: Annotated[
        bool, typer.Option("--value", help="What bills are worth, in place of the bills.")
    ] = False,
    by_outcome: Annotated[bool, typer.Option("--by-outcome", help="Each outcome apart.")] = False,
    net: Annotated[
        bool, typer.Option("--net", help="Gross and net bill once prices and volumes settle.")
    ] = False,
    hedge: Annotated[
        str, typer.Option(help="Ticker of a share held: profit and loss of it and of its hedge.")
    ] = "",
    instrument: Annotated[
        list[str] | None, typer.Option("--with", help="A leg of that hedge, as for `ticket`; repeat it.")
    ] = None,
    notional: Annotated[float, typer.Option(help="Of the share held, in --currency.")] = 10e6,
    currency: Annotated[str, typer.Option(help="Of the investor.")] = "USD",
    weeks: Annotated[int, typer.Option(min=0, help="That the hedge is held; 0 leaves only the news.")] = 4,
    tail: Annotated[
        float, typer.Option(help="Probability of the tail and beyond the outer quantiles.")
    ] = 0.05,
    format: Output = Format.table,
    data: Data = None,
) -> None:
    """What could happen, what it costs each maker, and whether policy or the inputs make the difference."""
    from tariffmodel import scenarios as trees
    from tariffmodel.hedging import ticket as tickets

    if draws != int(draws):
        raise typer.BadParameter(f"{draws} is no number of draws; write a whole one", param_hint="--draws")
    if cluster == _LOCAL:
        cluster, workers = "", max(workers, 2)
    if cluster and workers > 1:
        raise typer.BadParameter(
            "a running cluster has its own workers; give one of both", param_hint="--workers"
        )
    if sum((value, net, bool(hedge))) > 1:
        raise typer.BadParameter("they are three results; ask for one", param_hint="--value, --net, --hedge")
    several = bool(cluster) or workers > 1
    with trees.cluster(cluster or None, workers) if several else nullcontext(map) as executor:
        drawn = trees.run(name, data, int(draws), seed, executor, progress=True)
        asked = drawn.scenario
        held = f"{asked.start} to {asked.end}"
        caption = (
            f"{drawn.draws:,} draws, seed {seed}; low–high: {tail:.0%} and {1 - tail:.0%}; "
            "probabilities are those of the file, most of them assumptions"
        )
        if hedge:
            case = trees.feared(drawn, hedge)
            one = tickets.ticket(case, hedge, notional, currency=currency, instruments=instrument or None)
            earned = trees.hedged(drawn, one, rows=weeks, executor=executor)
            frame = earned.by_outcome(tail) if by_outcome else earned.summary(tail)
            of, what, result = "hedge", f"{one.title}: profit and loss, {currency}", "scenarios.hedged"
            caption = " ".join([f"{caption}.", *earned.notes])
            amounts = [f"{n}_money" for n in ("mean", "sd", "median", "shortfall")]
            ends = "low_money–high_money"
        elif net:
            frame = drawn.net("prices", by_outcome, tail, executor)
            of, what, result = "net", f"gross and net bill over {held}, USD bn", "scenarios.Result.net"
            amounts, ends = (
                ["mean_usd", "low_usd–high_usd", "net_usd", "net_share"],
                "net_low_usd–net_high_usd",
            )
        else:
            of, result = ("value" if value else "bill"), "scenarios"
            frame = drawn.by_outcome(of, tail) if by_outcome else drawn.summary(of, tail)
            what = "value to shareholders, USD bn" if value else f"bill over {held}, USD bn"
            amounts, ends = ["mean_usd", "sd_usd", "median_usd", "shortfall_usd"], "low_usd–high_usd"
    if format.bare:
        write_frame(frame, format, {"scenario": name, "draws": int(draws), "seed": seed, "of": of})
        return
    shares = ["probability", "market_cap_share", "outcome_share", "timing_share", "input_share"]
    wanted = [c for c in [*amounts[:2], ends, *amounts[2:], *shares] if c.split("–")[0] in frame]
    rows = ["  ".join(row) for row in frame.index] if by_outcome else list(frame.index)
    print_table(
        columns_table(
            frame,
            dict.fromkeys(wanted, ""),
            title=f"{asked.title}: {what}",
            caption=caption,
            result=result,
            rows=rows,
        ),
        format=format,
    )
