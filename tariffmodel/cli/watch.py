"""The command that says what came in, what it moved and what comes next."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from tariffmodel.cli.options import (
    BEFORE,
    LAW,
    Against,
    Data,
    Format,
    Output,
    PolicyName,
    number_text,
    parse_day,
    print_table,
    write_frame,
)

app = typer.Typer()
_SHOWN = 20  # rows of what came in


@app.command()
def watch(
    policy: PolicyName = LAW,
    against: Against = BEFORE,
    since: Annotated[
        str,
        typer.Option(help="A day, YYYY-MM-DD, or the folder of a run. Default: output/latest, else 30 days."),
    ] = "",
    days: Annotated[int, typer.Option(min=1, help="How far ahead releases are listed.")] = 45,
    ics: Annotated[
        Path | None, typer.Option(help="Write what is next as a calendar file.", dir_okay=False)
    ] = None,
    format: Output = Format.table,
    data: Data = None,
) -> None:
    """What came in since the last run, what it moved, and what comes out or becomes law next."""
    from tariffmodel.facts import store
    from tariffmodel.tariff.case import case
    from tariffmodel.watch import calendar, nowcast, surprises

    asked = case(policy, against, data=data)
    year, known = nowcast.this_year(asked.facts), asked.facts
    asked = asked.replace(period=year)
    begin = _since(since, known.as_of)
    if not format.bare:
        _show_news(calendar.came_in(known, begin), begin, format)
        if begin < known.as_of:
            _show_moves(nowcast.moved(asked, str(begin)), year, begin, format)
    found = surprises.table(asked, year)
    ahead = calendar.upcoming(known, datetime.now().astimezone().date(), days, found)
    if ics:
        store.write_whole(ics, calendar.ics(ahead, known.as_of).encode())
        typer.echo(f"{len(ahead)} dates written to {ics}", err=format.bare)
    if format.bare:
        write_frame(ahead, format, {"policy": asked.policy.name, "year": year, "since": str(begin)})
        return
    title = (
        "next; at stake, USD m: of a release the probability of a surprise times what it is worth, of a "
        "legal date the value to all makers if it comes, with 95%"
    )
    table = Table(title=title)
    for name in ("from", "to", "what", "where", "kind", "on it hang", "at stake"):
        table.add_column(name, justify="right" if name == "at stake" else "left", overflow="fold")
    row: Any  # a named tuple of its columns
    for row in ahead.itertuples():
        stake = number_text(row.at_stake_usd / 1e6)
        if row.policy:
            ends = (number_text(end / 1e6) for end in (row.value_low_usd, row.value_high_usd))
            stake = f"{number_text(row.value_change_usd / 1e6)} ({' to '.join(ends)})"
        first, last = (f"{day:%Y-%m-%d}" for day in (row.first_day, row.last_day))
        table.add_row(first, last, row.what, row.countries, row.kind, row.indicators, stake)
    print_table(table, 150, format)
    lacking = ahead.loc[ahead["no_policy"] != "", ["what", "no_policy"]].drop_duplicates()
    for what, why in lacking.itertuples(index=False):
        typer.echo(f"{what}: no value, {why}")


def _since(text: str, as_of: date) -> date:
    """The day that is meant: itself, that of a run, or 30 days before the facts."""
    manifest = Path(text or "output/latest") / "manifest.json"
    if manifest.is_file():
        return datetime.fromisoformat(json.loads(manifest.read_text(encoding="utf-8"))["created"]).date()
    return parse_day(text) if text else as_of - timedelta(days=30)


def _show_news(news: Any, since: date, format: Format) -> None:
    if news.empty:
        typer.echo(f"nothing came in since {since}")
        return
    table = Table(title=f"came in since {since}")
    for name in ("known", "who", "what", "period", "value", "in use"):
        table.add_column(name, justify="right" if name == "value" else "left")
    row: Any  # a named tuple of its columns
    for row in news.head(_SHOWN).itertuples():
        used = "yes" if row.selected else ""
        figure = number_text(row.value)
        table.add_row(f"{row.known_day:%Y-%m-%d}", row.maker, row.what, row.period, figure, used)
    print_table(table, 150, format)
    if len(news) > _SHOWN:
        typer.echo(f"and {len(news) - _SHOWN} more")


def _show_moves(moves: Any, year: str, since: date, format: Format) -> None:
    moves = moves[moves["change_usd"].abs() >= 5e5].sort_values("change_usd", key=abs, ascending=False)
    if moves.empty:
        typer.echo(f"no bill of {year} moved by as much as USD 0.5 m")
        return
    table = Table(title=f"what it moved, with the law of each day: bills of {year}, USD m")
    for name in ("maker", str(since), "now", "change"):
        table.add_column(name, justify="left" if name == "maker" else "right")
    for maker, row in moves.iterrows():
        before, now = (number_text(row[name] / 1e6) for name in ("bill_before_usd", "bill_usd"))
        table.add_row(str(maker), before, now, number_text(row["change_usd"] / 1e6, "{:+,.0f}"))
    print_table(table, 100, format)
