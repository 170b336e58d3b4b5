"""Commands of the ledger of predictions: add the next, score what has arrived, show what it holds."""

from __future__ import annotations

from typing import Annotated

import typer

from tariffmodel.cli.options import (
    BEFORE,
    LAW,
    Against,
    Data,
    Format,
    Makers,
    Output,
    PolicyName,
    columns_table,
    makers_named,
    print_table,
    write_frame,
)

app = typer.Typer()
ledger = typer.Typer(help="Frozen predictions of each maker's coming quarters.", no_args_is_help=True)
app.add_typer(ledger, name="forecast")


@ledger.command("add")
def add(
    policy: PolicyName = LAW,
    against: Against = BEFORE,
    ahead: Annotated[int, typer.Option(min=0, max=8, help="Quarters beyond the running one.")] = 1,
    bundled: Annotated[
        bool, typer.Option("--bundled", help="Into the ledger of the package: for who maintains it.")
    ] = False,
    data: Data = None,
) -> None:
    """Freeze what the model says today of each maker's quarters that no result is known of."""
    from tariffmodel.tariff import forecasts
    from tariffmodel.tariff.case import case

    fresh = forecasts.add(case(policy, against, data=data), ahead, bundled=bundled)
    if fresh.empty:
        typer.echo("nothing added: the ledger has the predictions of these data and this program")
        return
    quarters, makers = sorted(set(fresh["quarter"])), fresh["maker"].nunique()
    typer.echo(
        f"{len(fresh)} predictions of {makers} makers, {quarters[0]} to {quarters[-1]}, made on "
        f"{fresh['made_on'].iloc[0]:%Y-%m-%d} with data {fresh['digest'].iloc[0]}; "
        "`tariffmodel forecast score` judges them once results are added"
    )


@ledger.command("show")
def show(makers: Makers = None, format: Output = Format.table, data: Data = None) -> None:
    """Every prediction of the ledger, in the order in which it was made."""
    from tariffmodel import facts

    known = facts.load(data)
    rows = known.forecasts[known.forecasts["maker"].isin(makers_named(known, makers))]
    if format.bare:
        write_frame(rows.set_index(["maker", "quarter"]), format, {"unit": "usd_bn"}, "forecasts.page")
        return
    table = columns_table(
        rows,
        dict.fromkeys(["quarter", "basis", "central", "low–high", "made_on", "digest"], ""),
        result="forecasts.page",
        title="Predictions, USD bn",
        caption="low–high of what is booked: the range that should hold four statements in five",
        rows=rows["maker"].to_list(),
    )
    print_table(table, format=format)


@ledger.command("score")
def score(
    policy: PolicyName = LAW,
    against: Against = BEFORE,
    format: Output = Format.table,
    data: Data = None,
) -> None:
    """Predictions beside the results that have come in since: error, coverage and width."""
    from tariffmodel.tariff import forecasts
    from tariffmodel.tariff.case import case

    found = forecasts.scored(case(policy, against, data=data))
    if format.bare:
        about = {"policy": policy, "against": against}
        write_frame(found.set_index(["maker", "period"]), format, about, "forecasts.scored")
        return
    if len(found):
        wanted = ["period", "made", "made_on", "said_on", "currency", "disclosed", "model"]
        wanted += ["widened_low–widened_high", "error", "inside_range", "inside_widened"]
        table = columns_table(
            found,
            dict.fromkeys(wanted, ""),
            result="forecasts.scored",
            title="Predicted beside disclosed, billions of reporting currency",
            caption="made before the statement was public, or after it without it in the data",
            rows=found["maker"].to_list(),
        )
        print_table(table, format=format)
    for line in forecasts.in_words(found):
        typer.echo(line)
