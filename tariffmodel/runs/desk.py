"""What does a desk print with a run: pages of makers, the live workbook, the ticket of its book?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tariffmodel import escapes, scenarios
from tariffmodel.charts import house
from tariffmodel.errors import DataError, TariffModelError
from tariffmodel.facts import companies, store
from tariffmodel.hedging import betas, ticket
from tariffmodel.hedging.words import Ticket
from tariffmodel.intake import own_positions
from tariffmodel.runs import live_workbook, maker_sheet
from tariffmodel.tariff import policy as policies
from tariffmodel.tariff.case import Case
from tariffmodel.tariff.case import case as ask

__all__ = ["Desk", "beside", "desk", "feared", "write", "write_ticket"]

WORKBOOK = "workbook.xlsx"
TREE, DRAWS = "canada-and-deals", 2_000


@dataclass(frozen=True, eq=False)
class Desk:
    """What is to be printed with a run; `desk` makes it.

    Attributes
    ----------
    case : Case
        The question of the run.
    threat : Case
        What the hedge is measured against, see `feared`.
    makers : tuple of str
        Whose pages are wanted; with one at least, the live workbook comes too.
    positions : DataFrame, optional
        The book, as `positions.priced` takes it.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case(period="CY2025")
    >>> Desk(asked, feared(asked, "flat-25"), ("Toyota",), None).makers
    ('Toyota',)
    """

    case: Case
    threat: Case
    makers: tuple[str, ...]
    positions: pd.DataFrame | None


def feared(case: Case, threat: str) -> Case:
    """A threat against the policy of a case, in the calendar year after its day.

    Parameters
    ----------
    threat : str
        Policy by name, title or file.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> feared(tm.case(as_of="2026-10-30"), "Korea back to 25%").label
    'Korea at 25% against law in force, CY2027'
    """
    found = policies.find(threat, case.facts.folder)
    return case.replace(policy=found, against=case.policy, period=f"CY{case.as_of.year + 1}")


def desk(
    case: Case, makers: Sequence[str] = (), book: str | Path | None = None, threat: str = "flat-25"
) -> Desk:
    """Look at all that is asked for before anything is computed.

    Parameters
    ----------
    makers : sequence of str
        By name, alias or ticker.
    book : path, optional
        Positions, CSV or .xlsx, see `own_positions.read`.
    threat : str
        Policy by name, title or file.

    Raises
    ------
    DataError, PolicyError
        A maker, a position or a policy that is none.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> desk(tm.case(period="CY2025"), ["7203", "VW"]).makers
    ('Toyota', 'Volkswagen')
    """
    named = tuple(dict.fromkeys(companies.find(case.facts, name) for name in makers))
    held = own_positions.read(case.facts, book) if book else None
    return Desk(case, feared(case, threat), named, held)


def write(one: Desk, folder: str | Path) -> list[str]:
    """Write the pages (PDF, PNG, HTML), the workbook, and the ticket with its tables.

    Parameters
    ----------
    folder : path
        Made if missing.

    Returns
    -------
    list of str
        What could not be had and why, and how the book was taken through the tree.

    Raises
    ------
    DataError
        Positions that cannot be priced or hedged, see `ticket.ticket`.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import tariffmodel as tm
    >>> with TemporaryDirectory() as place:
    ...     write(desk(tm.case(period="CY2025")), place)
    []
    """
    place, said = Path(folder), []
    if one.makers:
        others = [one.threat.policy.name, *maker_sheet.POLICIES[2:]]
        common = maker_sheet.shared(one.case, [name for name in others if name != one.case.policy.name])
        for maker in one.makers:
            maker_sheet.write(maker_sheet.sheet(common, maker), place)
        try:
            live_workbook.write(one.case, place / WORKBOOK)
        except TariffModelError as error:
            said.append(f"No live workbook: {error}")
    if one.positions is not None:
        held = ticket.ticket(one.threat, one.positions)
        write_ticket(held, place)
        tables, notes = beside(held, one.threat, TREE, DRAWS)
        said += notes
        for name, table in tables.items():
            store.write_whole(
                place / f"{name}.csv", escapes.cells(table).to_csv(lineterminator="\n").encode()
            )
    return said


def write_ticket(one: Ticket, folder: str | Path) -> None:
    """Write a ticket as CSV, Markdown, PDF and PNG.

    >>> from tempfile import TemporaryDirectory
    >>> import tariffmodel as tm
    >>> case = tm.case("flat-25", against="current-law", period="CY2027")
    >>> one = tm.ticket.ticket(case, "7203.T", 10e6, instruments=["JPY"], draws=99)
    >>> with TemporaryDirectory() as place:
    ...     write_ticket(one, place)
    ...     sorted(path.suffix for path in Path(place).iterdir())
    ['.csv', '.md', '.pdf', '.png']
    """
    page = ticket.sheet(one)
    alt = f"{one.title}: orders, ratio, what it protects from and its record. {one.headline}."
    files = {
        "csv": one.table().to_csv(index=False, lineterminator="\n").encode(),
        "md": one.to_markdown().encode(),
        **{kind: house.render(page, kind, alt) for kind in ("pdf", "png")},
    }
    for kind, content in files.items():
        store.write_whole(Path(folder) / f"ticket.{kind}", content)


def beside(one: Ticket, threat: Case, tree: str, draws: int) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Tables of a book's ticket, and why one of them is missing.

    Parameters
    ----------
    threat : Case
        From `feared`.
    tree : str
        Tree of outcomes; none with an empty word.
    draws : int
        Of the tree.

    Returns
    -------
    dict of str to DataFrame
        `positions` and what the threat costs each, `betas`, and over the tree `scenarios` and `outcomes`.
    list of str
        What is not computed, and the notes of the tree.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> threat = feared(tm.case(), "flat-25")
    >>> one = tm.ticket.ticket(threat, "7203.T", 10e6, instruments=["JPY"], draws=99)
    >>> list(beside(one, threat, "", 100)[0])
    ['positions', 'betas']
    """
    law = ask(threat.against, as_of=threat.as_of, data=threat.facts)
    tables, said = {"positions": one.positions.join(one.exposures.drop(columns="maker"))}, []
    try:
        tables["betas"] = betas(law, one)
    except DataError as error:
        said.append(f"betas are not computed: {error}")
    try:
        if tree:
            earned = scenarios.hedged(scenarios.run(tree, threat.facts, draws), one)
            tables |= {"scenarios": earned.summary(), "outcomes": earned.by_outcome()}
            said.append(" ".join(earned.notes))
    except DataError as error:
        said.append(f"the tree is not computed: {error}")
    return tables, said
