"""The command for an event of one's own: what shares did, and whether days without events do as much."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from tariffmodel.cli.options import Data, Format, Output, number_text, print_table, write_frame

if TYPE_CHECKING:
    import pandas as pd

    from tariffmodel.facts import Facts
    from tariffmodel.stats.event_results import EventStudy

app = typer.Typer()
_LEVEL = 0.05


@app.command()
def event(
    when: Annotated[
        str,
        typer.Option(
            "--date",
            help="2026-10-20T16:30+09:00, or with a zone after it: '2026-10-20 16:30 Asia/Tokyo'; a date "
            "alone is the session of that day.",
        ),
    ],
    tickers: Annotated[
        str | None,
        typer.Option("--tickers", help="Lines or makers, by comma. Default: every maker's home line."),
    ] = None,
    window: Annotated[
        str, typer.Option("--window", help="Sessions: first..last; day 0 could react first.")
    ] = "0..1",
    model: Annotated[
        str, typer.Option("--model", help="market, market_adjusted, market_fx, mean, rolling or dcc.")
    ] = "market",
    label: Annotated[str, typer.Option("--label", help="Name of the event in the output.")] = "own event",
    format: Output = Format.table,
    data: Data = None,
) -> None:
    """What shares did on an event of one's own, beside days on which nothing happened."""
    import pandas as pd

    from tariffmodel import facts
    from tariffmodel.markets import events, own_news

    span = re.fullmatch(r"(-?\d+)(?:\.\.|,|:)(-?\d+)", window.strip())
    if not span:
        raise typer.BadParameter(f"{window!r}: write first..last, such as 0..1", param_hint="--window")
    known = facts.load(data)
    lines = _lines(known, tickers)
    moment, zone = _moment(when)
    asked: dict[str, Any] = {"event": label, "firm": lines, "date": moment} | ({"zone": zone} if zone else {})
    _refuse_unpriced(known, lines, moment)
    reach = (int(span[1]), int(span[2]))
    choice: Any = model  # checked by the study
    study = events.tariff_study(known, events=pd.DataFrame(asked), window=reach, model=choice)
    found = _by_firm(study, reach)
    mean = events.by_event(known, study, reach).iloc[0]
    told = ("n", "caar", "caar_low", "caar_high", "p_mean", "placebo_days")
    about: dict[str, Any] = {"event": label, "date": when, "window": window, "model": model}
    about |= {name: float(mean[name]) for name in told}
    if format.bare:
        write_frame(found, format, about)
        return
    title = f"{label}, {when}: abnormal returns beside the {model} model"
    print_table(_table(found, title), 120, format)
    typer.echo(_verdict(mean, reach))
    row: Any  # a named tuple of its columns
    for row in study.skipped.itertuples():
        typer.echo(f"left out: {row.firm}, {row.reason}")
    for row in own_news.in_window(known, study, reach).reset_index().itertuples():
        if said := "; ".join(filter(None, (row.news, row.macro_news))):
            typer.echo(f"in the window of {row.firm} too: {said}")
    if beside := _listed(known, study, reach):
        typer.echo(f"tariff news in the window too: {', '.join(beside)}")
    if "T" not in moment and " " not in moment.strip():
        typer.echo(
            "No time of day was given: day 0 is the session of that date, or the next, on every exchange."
        )


def _moment(when: str) -> tuple[str, str | None]:
    """A moment and the zone written after it; the study refuses a time of day without one."""
    found = re.fullmatch(r"(\S+[ T]\S+) ([A-Za-z_]+/[A-Za-z_/]+|UTC)", when.strip())
    if re.search(r"\d{1,2}:\d\d(:\d\d)?$", when.strip()) and not re.search(r"[+-]\d\d:?\d\d$", when.strip()):
        raise typer.BadParameter(
            f"{when!r} is a time of day without a zone; write 2026-10-20T16:30+09:00 or "
            "'2026-10-20 16:30 Asia/Tokyo'",
            param_hint="--date",
        )
    return (found[1], found[2]) if found else (when.strip(), None)


def _lines(known: Facts, tickers: str | None) -> list[str]:
    """The lines that are meant, by ticker, by a vendor's code or by maker."""
    from tariffmodel.facts import companies
    from tariffmodel.intake.vocabulary import symbol, vocabulary
    from tariffmodel.markets import home_market

    if tickers is None:
        return home_market.lines(known)
    words = vocabulary(known.folder)
    lines = []
    for word in filter(None, (part.strip() for part in tickers.split(","))):
        coded = symbol(word, words)
        lines.append(coded if coded in known.instruments.index else companies.line(known, word))
    if not lines:
        raise typer.BadParameter("name at least one line", param_hint="--tickers")
    return list(dict.fromkeys(lines))


def _refuse_unpriced(known: Facts, lines: list[str], moment: str) -> None:
    """Say how far prices reach where they reach the event for no line."""
    import pandas as pd

    from tariffmodel.errors import DataError

    day = pd.to_datetime(moment[:10], format="%Y-%m-%d", errors="coerce")
    last = known.prices.reindex(columns=lines).apply(lambda one: one.last_valid_index()).dropna()
    if len(last) and day > last.max():
        said = ", ".join(f"{line} to {end:%Y-%m-%d}" for line, end in last.items())
        raise DataError(
            f"no line has prices up to {day:%Y-%m-%d} ({said}); bring them with `tariffmodel refresh` or "
            "`tariffmodel add prices FILE`"
        )


def _by_firm(study: EventStudy, window: tuple[int, int]) -> pd.DataFrame:
    """Day 0, abnormal returns and their sum with its interval, by line."""
    from scipy.stats import t

    found = study.car(window).droplevel("event")
    reach = t.ppf(1 - _LEVEL / 2, found["df"]) * found["se"]
    days = study.ar.droplevel("event").loc[:, window[0] : window[1]].add_prefix("ar_")
    first = study.firm_events.droplevel("event")["date"].rename("day_0")
    rows = days.join(found[["car", "se"]]).assign(low=found["car"] - reach, high=found["car"] + reach)
    rows = rows.join(found["p_value"]).rename_axis("line")
    rows.insert(0, "day_0", first)
    return rows


def _table(found: pd.DataFrame, title: str) -> Table:
    days = [str(name) for name in found if str(name).startswith("ar_")]
    shown = days if len(days) <= 5 else []
    table = Table(title=title, caption="95% by the errors of the model of normal returns")
    table.add_column("line")
    for name in ("day 0", *(f"AR {day[3:]}" for day in shown), "CAR", "95%", "p"):
        table.add_column(name, justify="right")
    row: Any  # a dictionary of its columns
    for row in found.reset_index().to_dict("records"):
        moves = [number_text(row[day], "{:+.2%}") for day in (*shown, "car")]
        ends = f"{row['low']:+.2%} to {row['high']:+.2%}"
        p = number_text(row["p_value"], "{:.3f}")
        table.add_row(row["line"], f"{row['day_0']:%Y-%m-%d}", *moves, ends, p)
    return table


def _verdict(mean: pd.Series, window: tuple[int, int]) -> str:
    """What days without events say of the mean, as the suite judges its events."""
    if mean["p_mean"] != mean["p_mean"]:
        return "The mean cannot be judged: too few days without events have all these lines."
    said = "stands out from" if mean["p_mean"] < _LEVEL else "does not stand out from"
    return (
        f"Mean of {mean['n']:.0f} over days {window[0]} to {window[1]}: {mean['caar']:+.2%} "
        f"({mean['caar_low']:+.2%} to {mean['caar_high']:+.2%}); it {said} {mean['placebo_days']:.0f} "
        f"days without events (p = {mean['p_mean']:.3f}). A mean of {mean['minimum_mean']:.2%} would be "
        "found four times in five."
    )


def _listed(known: Facts, study: EventStudy, window: tuple[int, int]) -> list[str]:
    """Events of the calendar whose first session is in the window of a line."""
    from tariffmodel.markets import event_calendar

    listed = event_calendar.firm_events(known, list(study.firm_events.index.unique("firm")))
    beside: dict[str, None] = {}
    row: Any  # a named tuple of its columns
    for row in study.firm_events.reset_index().itertuples():
        here = listed[listed["firm"] == row.firm]
        within = here["date"].between(*_span(known, row.firm, row.date, window))
        beside |= dict.fromkeys(here.loc[within, "event"])
    return list(beside)


def _span(known: Facts, line: str, day: pd.Timestamp, window: tuple[int, int]) -> tuple[Any, Any]:
    from tariffmodel.markets import market

    days = market.sessions(known, str(known.instruments.at[line, "exchange_calendar"]))
    at = int(days.searchsorted(day))
    return days[max(at + window[0], 0)], days[min(at + window[1], len(days) - 1)]
