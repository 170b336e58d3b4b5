"""The command for what share prices held of an event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tariffmodel.cli.options import (
    Data,
    Format,
    Output,
    columns_table,
    complete_events,
    one_of,
    print_table,
    write_frame,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from tariffmodel.markets.implied import Setting

app = typer.Typer()
_RANGE = "probability_low–probability_high"
_LIVES = (2.0, 5.0, 10.0, 20.0)


@app.command()
def implied(
    event: Annotated[
        str,
        typer.Argument(
            help="Event or its label, such as 'Japan deal'; see data/events.", autocompletion=complete_events
        ),
    ],
    life: Annotated[
        float | None,
        typer.Option(
            "--life",
            min=0.01,
            help="Years that the duty lasts, the rest at its central figures. Default: all that each may be.",
        ),
    ] = None,
    by: Annotated[
        str, typer.Option("--by", help="For csv and json: event, maker, life or story (its path).")
    ] = "event",
    format: Output = Format.table,
    data: Data = None,
) -> None:
    """What probability share prices held: by slope, maker and life, and along the event's story."""
    from dataclasses import replace

    from tariffmodel import facts as fact_tables
    from tariffmodel.errors import DataError
    from tariffmodel.markets import event_calendar, valuation
    from tariffmodel.markets import implied as model

    one_of(by, ("event", "maker", "life", "story"), "--by")
    known = fact_tables.load(data)
    name = event_calendar.find(known, event)
    fixed = None if life is None else replace(valuation.central(known), life_years=life)
    stories = model.stories(known)
    story = next(iter(stories.loc[stories["event"] == name, "story"]), None)
    if by == "story" and story is None:
        raise DataError(f"{name} is in no story of data/{model.STORIES}; add it there")
    others = [] if story is None else stories.loc[stories["story"] == story, "event"]
    held = model.setting(known, [name, *map(str, others)], valuation=fixed)
    if format.bare:
        found = {
            "event": lambda: model.table(held).loc[[name]],
            "maker": lambda: model.by_maker(held, name),
            "life": lambda: model.iso(held, name),
            "story": lambda: model.path(known, str(story), held),
        }[by]()
        write_frame(found, format, {"event": name, "by": by, "life": life})
        return
    _slope(model.table(held).loc[[name]], life is not None, format)
    _rest(held, name, story, format)


def _slope(row: pd.DataFrame, fixed: bool, format: Format) -> None:
    wanted = ["makers", "slope", "slope_low–slope_high", "slope_home", "slope_full", "probability", _RANGE]
    life = "one life, central figures" if fixed else "all that the valuation may be"
    print_table(
        columns_table(
            row, dict.fromkeys(wanted, ""), result="implied.table",
            title=f"Change of the probability by the slope over makers, {life}",
            caption=f"95% over {row.attrs['placebo']}",
        ),
        format=format,
    )  # fmt: skip
    for column, said in (("reason", ""), ("beside", "in its window too: ")):
        if text := row[column].iloc[0]:
            typer.echo(f"{said}{text}")


def _rest(held: Setting, name: str, story: str | None, format: Format) -> None:
    """By maker, by life and along the story; what cannot be read says why."""
    from tariffmodel.errors import DataError
    from tariffmodel.markets import implied as model

    parts: dict[str, tuple[Callable[[], pd.DataFrame], list[str], str]] = {
        "implied.by_maker": (
            lambda: model.by_maker(held, name),
            ["car", "probability", _RANGE, "reason"],
            "Probability before it by each share, if it settled the matter",
        ),
        "implied.iso": (
            lambda: model.iso(held, name, _LIVES),
            ["probability", _RANGE],
            "By years that the duty lasts: one event cannot tell these apart",
        ),
    }
    if story is not None:
        wanted = ["date", "change", "change_low–change_high", "before", "before_low–before_high", "after"]
        parts["implied.path"] = (lambda: model.path(held.facts, story, held), wanted, f"Path: {story}")
    for result, (make, columns, title) in parts.items():
        try:
            found = make()
        except DataError as error:
            typer.echo(f"{title}: {error}")
            continue
        rows = [str(one) for one in found.index]
        print_table(
            columns_table(
                found, dict.fromkeys(columns, ""), result=result, title=title, caption="95%", rows=rows
            ),
            format=format,
        )
