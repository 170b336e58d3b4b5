"""What do all commands share: their options, and how they print?"""

from __future__ import annotations

import csv
import json
import math
import os
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, time
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from tariffmodel.cli import pages
from tariffmodel.errors import TariffModelError
from tariffmodel.escapes import cells as escapes_cells
from tariffmodel.escapes import visible
from tariffmodel.facts.periods import day

if TYPE_CHECKING:
    import pandas as pd

    from tariffmodel.facts import Facts
    from tariffmodel.tariff.case import Case
    from tariffmodel.tariff.entries import Policy

# as in `tariff.case`, which is slow to import
LAW, BEFORE, YEAR = "current-law", "before-april-2025", "FY2026-03"


class Format(StrEnum):
    """How a command prints what it found."""

    table = "table"
    csv = "csv"
    json = "json"
    markdown = "markdown"

    @property
    def bare(self) -> bool:
        """Whether it is for programs: nothing but the frame, its numbers unrounded."""
        return self in (Format.csv, Format.json)


def _column_of(name: str, *columns: str) -> list[str]:
    """Words of a bundled or own table, for completion: read without pandas, which is slow to import."""
    package = Path(__file__).parents[1]
    asked = os.environ.get("TARIFFMODEL_DATA")
    places = [Path(asked)] if asked else [package.parent / "data", package / "data"]
    folder = next((place for place in places if (place / "facts").is_dir()), places[0])
    if name.endswith("*"):
        return sorted(path.stem for path in folder.glob(f"{name}.toml"))
    if not (folder / name).is_file():
        return []
    with (folder / name).open(encoding="utf-8", newline="") as file:
        return [row[column] for row in csv.DictReader(file) for column in columns if row[column]]


def _completed(name: str, *columns: str) -> Callable[[str], list[str]]:
    def words(incomplete: str) -> list[str]:
        start = incomplete.casefold()
        return [word for word in _column_of(name, *columns) if word.casefold().startswith(start)]

    return words


complete_policies = _completed("policies/*")
complete_scenarios = _completed("scenarios/*")
complete_events = _completed("events/events.csv", "event")
complete_makers = _completed("companies/makers.csv", "maker", "ticker")
complete_lines = _completed("market/instruments.csv", "ticker")

PolicyName = Annotated[
    str,
    typer.Option(
        "--policy",
        help="Name in data/policies/, or the path of a TOML file.",
        autocompletion=complete_policies,
    ),
]
Against = Annotated[
    str,
    typer.Option(
        "--against",
        help="Counterfactual policy: the bill is the difference.",
        autocompletion=complete_policies,
    ),
]
PeriodLabel = Annotated[
    str,
    typer.Option(
        "--period",
        help="CY2025, FY2026-03 (ends that month), FY2026-03H1, 2025Q3, 2025-04..2025-12; 1H FY2026 with "
        "--maker, whose year it is.",
    ),
]
Makers = Annotated[
    list[str] | None,
    typer.Option(
        "--maker",
        help="By name, ticker or alias; repeat for several. Default: all.",
        autocompletion=complete_makers,
    ),
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
Language = Annotated[
    str,
    typer.Option("--language", help="Of axes, keys, units and notes on charts: en, ja. Titles stay English."),
]
Names = Annotated[
    str, typer.Option("--names", help="Of makers on charts: en, ja, or home. Default: as --language.")
]
AsOf = Annotated[
    str | None, typer.Option("--as-of", help="YYYY-MM-DD: later exchange rates and prices are not used.")
]
Data = Annotated[
    Path | None, typer.Option("--data", help="Data folder; default $TARIFFMODEL_DATA or the bundled one.")
]
Template = Annotated[
    Path | None,
    typer.Option("--template", help="A desk's .pptx: its layout, fonts, colours, logo for slides."),
]
Output = Annotated[
    Format,
    typer.Option(
        "--format",
        help="table or markdown for people; csv or json for programs: whole units, rates as fractions.",
    ),
]


def parse_day(text: str, option: str = "--as-of") -> date:
    """A day written YYYY-MM-DD; anything else is refused."""
    try:
        return day(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def one_of(text: str, choices: Iterable[str], option: str) -> None:
    """Refuse a word that is none of the choices of an option."""
    if text not in (choices := list(choices)):
        near = get_close_matches(text.lower(), choices, 1)
        like = f"; did you mean {near[0]}?" if near else ""
        said = f"{', '.join(choices[:-1])} or {choices[-1]}"
        raise typer.BadParameter(f"{text!r} is none; write {said}{like}", param_hint=option)


def ask(
    policy: str,
    against: str,
    period: str,
    *,
    as_of: str | None = None,
    data: Path | None = None,
    settings: Sequence[str] | None = None,
    makers: Sequence[str] | None = None,
) -> tuple[Case, list[str]]:
    """The question of a command, and the makers that it is asked of; a fiscal label is of their own year."""
    from tariffmodel import facts
    from tariffmodel.tariff.case import case

    seen_on = parse_day(as_of) if as_of else None
    changed = dict(parse_setting(text) for text in settings or [])
    known = facts.load(data)
    names = makers_named(known, makers)
    label = facts.companies.own_period(known, period, names)
    return case(policy, against, label, seen_on, known, changed), names


def makers_named(known: Facts, makers: Sequence[str] | None) -> list[str]:
    """The makers that words mean, each once; all of them where none are given."""
    from tariffmodel.facts import companies

    return list(dict.fromkeys(companies.find(known, text) for text in makers or known.makers.index))


def called(source: str, one: Policy) -> str:
    """What to call a policy in a table: by its name, one's own by its label."""
    return one.label if source.endswith(".toml") else one.name


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
    except (ValueError, RecursionError):
        return key.strip(), value.strip()


def print_table(table: Table, width: int = 160, format: Format = Format.table) -> None:
    """A table as wide as the terminal, or of a fixed width when written to a file; or as Markdown.

    All in it is text.
    """
    table.title, table.caption = visible(table.title or "") or None, visible(table.caption or "") or None
    if format is Format.markdown:
        typer.echo(pages.markdown(table))
        return
    asked = os.environ.get("COLUMNS", "")
    console = Console(
        width=int(asked) if asked.isdecimal() and asked != "0" else None if sys.stdout.isatty() else width,
        markup=False,
        emoji=False,
        highlight=False,
    )
    for part in pages.fitted(table, console.width):
        console.print(part)


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
    for at, head in enumerate(heads):
        left, range_ = head.kind.pattern == "{}", head.heading == columns.RANGE
        heading = head.heading if range_ else head.label
        whole = not left or max((len(row[at]) for row in texts), default=0) <= pages.WRAPPED
        table.add_column(fill(heading, 9), justify="left" if left else "right", no_wrap=whole)
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


def write_frame(
    frame: pd.DataFrame, format: Format, about: dict[str, Any], result: str | None = None
) -> None:
    """A frame for programs: CSV, or JSON with what it is `about`; its numbers as they were computed.

    A column of money that does not say its unit gets it, from the table of result columns.
    """
    units = {str(name): _unit(str(name), result) for name in frame.columns}
    frame = frame.rename(columns={name: f"{name}{unit}" for name, unit in units.items()})
    if counted := frame.index.names == [None] and frame.index.equals(frame.reset_index().index):
        frame = frame.reset_index(drop=True)
    if format is Format.csv:
        typer.echo(escapes_cells(frame).to_csv(lineterminator="\n", index=not counted), nl=False)
        return
    plain = frame if counted else frame.reset_index()
    rows = [
        {str(name): _json(value) for name, value in row.items()} for row in plain.to_dict(orient="records")
    ]
    typer.echo(json.dumps({**about, "rows": rows}, indent=2, ensure_ascii=False, allow_nan=False))


_UNITS = {
    "usd": "_usd",
    "usd bn": "_usd_bn",
    "billions of the reporting currency": "_reporting_bn",
}


def _unit(name: str, result: str | None) -> str:
    """What the name of a column lacks of its unit; nothing where it has no row in the table of columns."""
    from tariffmodel import columns
    from tariffmodel.errors import DataError

    try:
        unit = _UNITS.get(columns.unit(name, result), "")
    except DataError:
        return ""
    return "" if unit and unit.split("_")[1] in name.split("_") else unit


def _json(value: Any) -> Any:
    """A value as JSON has it: a missing one is null, a day or a moment in ISO."""
    if isinstance(value, tuple | list):
        return [_json(one) for one in value]
    if value is None or value != value or value in (math.inf, -math.inf):
        return None
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat()
    if isinstance(value, date | Path):
        return str(value)
    return value.item() if hasattr(value, "item") else value
