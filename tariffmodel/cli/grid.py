"""The command for tables of two things at once."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
    parse_day,
    print_table,
    write_frame,
)

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer()


class Of(StrEnum):
    """What is asked of two things."""

    profit = "profit"
    eps = "eps"
    bill = "bill"
    value = "value"


# the result that its columns are of, and its column
_SHOWN = {
    Of.profit: ("currency.grid", "operating_profit_bn"),
    Of.eps: ("currency.grid", "eps"),
    Of.bill: ("two_way.slope_and_floor", "bill_usd"),
    Of.value: ("two_way.probability_and_life", "value_usd"),
}
_WORDS = {
    Of.profit: "operating profit",
    Of.eps: "earnings per share",
    Of.bill: "bill",
    Of.value: "value of the policy to shareholders",
}


@app.command()
def grid(
    maker: Annotated[str, typer.Argument(help="By name, ticker or alias: Toyota, 7203, VW.")],
    of: Annotated[
        Of,
        typer.Option(
            help="profit or eps by duty and exchange rate, bill by slope and floor, "
            "value by probability and life."
        ),
    ] = Of.profit,
    policy: PolicyName = LAW,
    against: Against = BEFORE,
    period: PeriodLabel = YEAR,
    as_of: AsOf = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder for the chart (PNG, SVG, PDF) and its figures (CSV).")
    ] = None,
    format: Output = Format.table,
    data: Data = None,
) -> None:
    """A result of a maker by two things at once: table, CSV and chart."""
    from tariffmodel.facts import companies
    from tariffmodel.markets import two_way
    from tariffmodel.tariff.case import case

    asked = case(policy, against, period, as_of=parse_day(as_of) if as_of else None, data=data)
    maker = companies.find(asked.facts, maker)
    makes: dict[Of, Callable[..., pd.DataFrame]] = {
        Of.bill: two_way.slope_and_floor,
        Of.value: two_way.probability_and_life,
    }
    found = makes.get(of, two_way.duty_and_currency)(asked, maker)
    result, column = _SHOWN[of]
    unit, scale = _unit(found, of)
    if output is not None:
        from tariffmodel import charts

        drawn = charts.two_way(
            found[column],
            what=f"{charts.house.display_name(maker)}: {_WORDS[of]}",
            unit=unit,
            scale=scale,
            more_is_better=of is not Of.bill,
            case=asked.label,
            source="tariffmodel",
            as_of=asked.as_of,
        )
        charts.export(drawn, f"grid_{of}", found, output)
    if format.bare:
        write_frame(found, format, {"maker": maker, "case": asked.label})
        return
    _print((found[column] / scale).unstack(), f"{maker}: {_WORDS[of]}, {unit}; {asked.label}", result, format)
    if output is not None:
        typer.echo(f"chart: {output / 'charts' / f'grid_{of}.png'}")


def _unit(found: pd.DataFrame, of: Of) -> tuple[str, float]:
    """Unit of the figures shown, and how many of the result's one of it is."""
    if of in (Of.bill, Of.value):
        return "USD bn", 1e9
    currency = found["currency"].iloc[0]
    return (f"{currency} bn", 1.0) if of is Of.profit else (f"{currency} a share", 1.0)


def _print(shown: pd.DataFrame, title: str, result: str, format: Format) -> None:
    import numpy as np
    from rich.table import Table

    from tariffmodel import columns

    ends = [columns.column(str(name), result) for name in (shown.index.name, shown.columns.name)]
    table = Table(title=title, caption=f"rows: {ends[0].label}; columns: {ends[1].label}")
    table.add_column("")
    for value in shown.columns:
        table.add_column(ends[1].text(value), justify="right")
    figures = shown.to_numpy(dtype=float)
    digits = 0 if np.nanmax(np.abs(figures), initial=0.0) >= 100 else 2
    for name, row in zip(shown.index, figures, strict=True):
        table.add_row(ends[0].text(name), *(f"{figure:,.{digits}f}" for figure in row))
    print_table(table, format=format)
