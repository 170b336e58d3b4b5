"""The commands for one page per maker."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tariffmodel.cli.options import (
    BEFORE,
    YEAR,
    Against,
    AsOf,
    Data,
    Language,
    Names,
    PeriodLabel,
    Template,
    parse_day,
)

if TYPE_CHECKING:
    from tariffmodel.facts import Facts
    from tariffmodel.runs.maker_sheet import Shared

app = typer.Typer()


class Page(StrEnum):
    """In which form a page is written."""

    pdf = "pdf"
    png = "png"
    html = "html"
    pptx = "pptx"


Policies = Annotated[
    list[str] | None,
    typer.Option(
        "--policy",
        help="Name or file; repeat for several: the first is the page's own, the second the threat that the "
        "hedge is measured against. Default: current-law, flat-25, japan-flexible-linear-firm.",
    ),
]
Folder = Annotated[Path, typer.Option("--output", help="Folder that receives the pages and their figures.")]
Formats = Annotated[
    list[Page] | None,
    typer.Option("--format", help="pdf, png, html, pptx; repeat for several. Default: all."),
]


@app.command()
def maker(
    name: Annotated[str, typer.Argument(help="Maker by name, alias or ticker: Toyota, 7203, VW.")],
    policy: Policies = None,
    against: Against = BEFORE,
    period: PeriodLabel = YEAR,
    as_of: AsOf = None,
    output: Folder = Path("makers"),
    format: Formats = None,
    template: Template = None,
    language: Language = "en",
    names: Names = "",
    data: Data = None,
) -> None:
    """All that is known of one maker on an A4 page: bill, response, currency, reactions, hedge."""
    from tariffmodel import charts, facts
    from tariffmodel.charts.spoken import ready
    from tariffmodel.runs import slide_template

    ready(language, names)
    known = facts.load(data)
    found = facts.companies.find(known, name)
    slide_template.opened(template)  # refused before what takes long
    common = _common(known, policy, against, period, as_of)
    with charts.language(language, names):
        _write(common, found, output, format, template)


@app.command()
def makers(
    policy: Policies = None,
    against: Against = BEFORE,
    period: PeriodLabel = YEAR,
    as_of: AsOf = None,
    output: Folder = Path("makers"),
    format: Formats = None,
    template: Template = None,
    language: Language = "en",
    names: Names = "",
    data: Data = None,
) -> None:
    """The page of `maker` for every maker; what they share is computed once."""
    from tariffmodel import charts, facts
    from tariffmodel.charts.spoken import ready
    from tariffmodel.runs import slide_template

    ready(language, names)
    known = facts.load(data)
    slide_template.opened(template)
    common = _common(known, policy, against, period, as_of)
    with charts.language(language, names):
        for name in known.makers.index:
            _write(common, str(name), output, format, template)


def _common(known: Facts, policy: list[str] | None, against: str, period: str, as_of: str | None) -> Shared:
    from tariffmodel.runs import maker_sheet
    from tariffmodel.tariff.case import case

    first, *others = policy or maker_sheet.POLICIES
    asked = case(first, against, period, parse_day(as_of) if as_of else None, known)
    return maker_sheet.shared(asked, others)


def _write(
    common: Shared, name: str, output: Path, formats: list[Page] | None, template: Path | None
) -> None:
    from tariffmodel.runs import maker_sheet

    one = maker_sheet.sheet(common, name)
    kinds = [kind.value for kind in formats] if formats else list(maker_sheet.FORMATS)
    typer.echo(f"{name}: {maker_sheet.write(one, output, kinds, template)[0]}")
