"""Where do sources disagree about a figure, and which of them stand behind a result?"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from tariffmodel.facts import periods
from tariffmodel.facts.faults import KEY
from tariffmodel.facts.tables import Facts

_CELL = [*KEY, "unit"]
_SAID = ["selected", "selection_reason", "quality", "source_title", "source_url", "known_on"]


def disagreements(facts: Facts, period: str, variables: Sequence[str]) -> pd.DataFrame:
    """Figures of a period of which there is more than one reading, the widest apart first.

    Parameters
    ----------
    period : str
        The label of the rows; other labels for the same days do not count.
    variables : sequence of str

    Returns
    -------
    DataFrame
        `maker`, `variable`, `origin`, `unit`, `readings` (how many differ), `apart` (the largest over
        the smallest). Only positive figures of a whole maker that enter the model.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> apart = tm.provenance.disagreements(tm.facts.load(), "CY2024", ["us_import_units"])
    >>> list(apart), bool(apart["apart"].is_monotonic_decreasing)
    (['maker', 'variable', 'origin', 'unit', 'readings', 'apart'], True)
    """
    rows = _whole(facts, period, variables)
    cells = rows.groupby(_CELL)
    found = cells["value"].agg(readings="nunique", least="min", most="max")
    found = found[(found["readings"] > 1) & (found["least"] > 0) & cells["selected"].any()]
    found = found.assign(apart=found["most"] / found["least"]).drop(columns=["least", "most"])
    ordered: pd.DataFrame = found.sort_values("apart", ascending=False).reset_index()
    return ordered


def readings(facts: Facts, period: str, cells: pd.DataFrame) -> pd.DataFrame:
    """Every reading of some figures, the one that is used first.

    Parameters
    ----------
    period : str
    cells : DataFrame
        Rows of `disagreements`.

    Returns
    -------
    DataFrame
        `maker`, `variable`, `origin`, `value`, `unit`, `selected`, `selection_reason`, `quality` and the
        source columns.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> apart = tm.provenance.disagreements(known, "CY2024", ["us_import_units"]).head(1)
    >>> every = tm.provenance.readings(known, "CY2024", apart)
    >>> every["selected"].tolist()[:2], list(every)[:5]
    ([True, False], ['maker', 'variable', 'origin', 'value', 'unit'])
    """
    rows = _whole(facts, period, list(cells["variable"]))
    meant = pd.MultiIndex.from_frame(rows[_CELL]).isin(pd.MultiIndex.from_frame(cells[_CELL]))
    order = rows[meant].sort_values([*KEY, "selected"], ascending=False)
    return order[[*KEY, "value", "unit", *_SAID]].reset_index(drop=True)


def sources(facts: Facts, period: str, variables: Sequence[str]) -> pd.DataFrame:
    """Who stands behind the selected facts that touch a period, the most often cited first.

    Returns
    -------
    DataFrame
        Indexed by `source_title`: `facts` (rows), those of them `estimated`, date of the `newest` and a
        `link`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> cited = tm.provenance.sources(tm.facts.load(), "CY2024", ["us_sales_units"])
    >>> cited.index.name, list(cited), bool((cited["estimated"] <= cited["facts"]).all())
    ('source_title', ['facts', 'estimated', 'newest', 'link'], True)
    """
    span, rows = periods.parse(period), facts.selected
    touching = (rows["start"] <= span.end) & (rows["end"] >= span.start)
    used = rows[rows["variable"].isin(variables) & touching]
    cited = used.assign(estimated=used["quality"] == "estimated").groupby("source_title")
    table = cited.agg(
        facts=("value", "size"),
        estimated=("estimated", "sum"),
        newest=("known_on", "max"),
        link=("source_url", "first"),
    )
    return table.sort_values("facts", ascending=False)


def _whole(facts: Facts, period: str, variables: Sequence[str]) -> pd.DataFrame:
    rows = facts.table
    return rows[(rows["period"] == period) & (rows["scope"] == "total") & rows["variable"].isin(variables)]
