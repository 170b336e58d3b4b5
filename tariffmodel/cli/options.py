"""What do all commands share: their options, and how they print?"""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from enum import StrEnum
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from tariffmodel.errors import TariffModelError

if TYPE_CHECKING:
    import pandas as pd

# as in `tariff.case`, which is slow to import
LAW, BEFORE, YEAR = "current-law", "before-april-2025", "FY2026-03"


class Format(StrEnum):
    """How a command prints what it found."""

    table = "table"
    csv = "csv"
    json = "json"


PolicyName = Annotated[
    str, typer.Option("--policy", help="Name in data/policies/, or the path of a TOML file.")
]
Against = Annotated[str, typer.Option("--against", help="Counterfactual policy: the bill is the difference.")]
PeriodLabel = Annotated[
    str, typer.Option("--period", help="CY2025, FY2026-03 (ends that month), 2025Q3, 2025-04..2025-12 …")
]
Response = Annotated[
    str | None,
    typer.Option("--response", help="Net bill beside the gross: none, prices (and volumes) or plants too."),
]
Horizon = Annotated[
    str | None,
    typer.Option(
        "--horizon", help="Of the net bill: posted, short, equilibrium (as --response prices), long."
    ),
]
AsOf = Annotated[
    str | None, typer.Option("--as-of", help="YYYY-MM-DD: later exchange rates and prices are not used.")
]
Data = Annotated[
    Path | None, typer.Option("--data", help="Data folder; default $TARIFFMODEL_DATA or the bundled one.")
]
Output = Annotated[
    Format, typer.Option("--format", help="table for people, csv or json (plain USD) for programs.")
]


def parse_day(text: str) -> date:
    """A day written YYYY-MM-DD; anything else is refused."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a day; write YYYY-MM-DD", param_hint="--as-of") from None


def parse_setting(text: str) -> tuple[str, Any]:
    """``key=value``; the value as a policy file writes it, and a word needs no quotes."""
    key, _, value = text.partition("=")
    if not (key and value):
        raise typer.BadParameter(f"{text!r}: write kind.id.field=value", param_hint="--set")
    try:
        return key.strip(), float(value)
    except ValueError:
        pass
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), value.strip()


def print_table(table: Table, width: int = 160) -> None:
    """A table as wide as the terminal, or of a fixed width when written to a file."""
    Console(width=None if sys.stdout.isatty() else width).print(table)


def columns_table(
    frame: pd.DataFrame,
    wanted: Mapping[str, str],
    *,
    title: str,
    caption: str,
    result: str | None = None,
    rows: Sequence[str] | None = None,
) -> Table:
    """A result with the headings and units of the table of result columns.

    `wanted` says which columns, and in which of its formats (empty: the column's own); two names with
    a dash between them are the ends of a range in one cell, and one in brackets stands in brackets where
    it is there and not zero. `rows` stand first, one for each row.
    """
    from tariffmodel import columns

    table = Table(title=title, caption=caption)
    table.add_column("", no_wrap=True)
    asides = [names.removesuffix(")").partition(" (") for names in wanted]
    heads, texts = columns.cells(
        frame, {names: form for (names, _, _), form in zip(asides, wanted.values(), strict=True)}, result
    )
    for head in heads:
        left, range_ = head.kind.pattern == "{}", head.heading == columns.RANGE
        heading = head.heading if range_ else head.label
        table.add_column(fill(heading, 9), justify="left" if left else "right", no_wrap=True)
    for at, ((_, _, aside), form) in enumerate(zip(asides, wanted.values(), strict=True)):
        if aside:
            beside = [columns.column(aside, result).formatted(form).text(value) for value in frame[aside]]
            for row, text in zip(texts, beside, strict=True):
                row[at] += "" if text in ("0", columns.MISSING) else f" ({text})"
    for name, row in zip(frame.index if rows is None else rows, texts, strict=True):
        table.add_row(str(name), *row)
    return table


def number_text(value: float, form: str = "{:,.0f}") -> str:
    """A figure in a cell; nothing where it is missing."""
    return "" if value != value else form.format(value)


def parse_response(response: str | None, horizon: str | None) -> str | None:
    """The horizon that was asked for, None if none was; other words are refused."""
    from tariffmodel.response import net_bill

    if response is None and horizon is None:
        return None
    try:
        return net_bill.horizon_of(response, horizon)
    except TariffModelError as error:
        raise typer.BadParameter(str(error), param_hint="--response, --horizon") from None


def write_frame(frame: pd.DataFrame, format: Format, about: dict[str, Any]) -> None:
    """A frame for programs: CSV, or JSON with what it is `about`."""
    if format is Format.csv:
        typer.echo(frame.to_csv(float_format="%.10g", lineterminator="\n"), nl=False)
    else:
        rows = json.loads(
            frame.reset_index().to_json(orient="records", date_format="iso", double_precision=6)
        )
        typer.echo(json.dumps({**about, "rows": rows}, indent=2))
