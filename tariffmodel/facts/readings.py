"""Which reading is used over which days, and how well do sales, output and trade add up?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import flows, periods
from tariffmodel.facts.faults import EXPORTS, FLOWS, IMPORTS, PRODUCTION, SALES
from tariffmodel.facts.flows import BASIS
from tariffmodel.facts.periods import Period
from tariffmodel.facts.tables import QUALITY, Facts


@dataclass(frozen=True)
class Resolved:
    """Values for K keys over S spans, each array (S, K). `quality` indexes `QUALITY`, `basis` `flows.BASIS`.

    `carried` is true where no row covers the span: a part of the year or another one stands in.
    """

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    quality: np.ndarray
    basis: np.ndarray

    @property
    def carried(self) -> np.ndarray:
        """Where no row covers the span.

        >>> import tariffmodel as tm
        >>> spans = [tm.periods.parse("CY2024"), tm.periods.parse("CY2035")]
        >>> found = tm.facts.resolve(tm.facts.load(), [("Toyota", "us_sales_units", "US")], spans)
        >>> found.carried[:, 0].tolist()
        [False, True]
        """
        return np.asarray(self.basis >= BASIS.index("projected"))


def resolve(facts: Facts, keys: Sequence[tuple[str, str, str]], spans: Sequence[Period]) -> Resolved:
    """Selected facts for each key over each span of days.

    Flows (vehicles) are those of the days of the span, see `flows`: rows of months add up, and a year is
    spread over its months. Of levels the row with the shortest period that covers the span is used;
    failing that the nearest earlier row, then the nearest later one, and the result counts as estimated.

    Parameters
    ----------
    keys : sequence of (maker, variable, origin)
    spans : sequence of Period

    Raises
    ------
    DataError
        If a key has no selected row at all, or none that was known on the day of the facts; if rows of
        vehicles hold more than the row of the days around them.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> spans = [tm.periods.parse("CY2024"), tm.periods.parse("2024-02")]
    >>> found = tm.facts.resolve(tm.facts.load(), [("Toyota", "us_sales_units", "US")], spans)
    >>> year, month = found.value[:, 0]
    >>> bool(month < year)
    True
    """
    _refuse_missing(facts, keys)
    first = np.array([span.start.toordinal() for span in spans])
    last = np.array([span.end.toordinal() for span in spans])
    shape = len(spans), len(keys)
    figures = np.empty((3, *shape))
    quality, basis = np.empty(shape, dtype=int), np.empty(shape, dtype=int)
    moving = np.array([variable in FLOWS for _, variable, _ in keys], dtype=bool)
    if moving.any() and spans:
        laid = flows.courses(facts, min(s.start.year for s in spans), max(s.end.year for s in spans))
        some = [key for key, flow in zip(keys, moving, strict=True) if flow]
        figures[..., moving], quality[:, moving], basis[:, moving] = laid.over(some, first, last)
    if not moving.all():
        some = [key for key, flow in zip(keys, moving, strict=True) if not flow]
        figures[..., ~moving], quality[:, ~moving], basis[:, ~moving] = _levels(facts, some, first, last)
    value, low, high = figures
    return Resolved(value, low, high, quality, basis)


def _levels(
    facts: Facts, keys: Sequence[tuple[str, str, str]], first: np.ndarray, last: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Levels (3, S, K), central, low and high, with their quality and basis (S, K)."""
    first, last = first[:, None], last[:, None]
    places = [facts.readings[key] for key in keys]
    rows = np.array([row for place in places for row in place], dtype=int)
    number = np.repeat(np.arange(len(keys)), [len(place) for place in places])
    column = {name: array[rows] for name, array in facts._arrays.items()}
    start, end = column["start"], column["end"]
    # one rank for "shortest covering, else nearest earlier, else nearest later"
    covers = (start <= first) & (end >= last)
    rank = np.where(covers, end - start, np.where(end < last, 1e6 + last - end, 1e9 + start - first))
    order = np.lexsort((rank, np.broadcast_to(number, rank.shape)), axis=1)
    pick = order[:, np.searchsorted(number, np.arange(len(keys)))]
    covered = np.take_along_axis(covers, pick, axis=1)
    figures = np.stack([column[name][pick] for name in ("value", "low", "high")])
    quality = np.where(covered, column["quality"][pick], len(QUALITY) - 1)
    return figures, quality, np.where(covered, BASIS.index("own"), BASIS.index("carried"))


def _refuse_missing(facts: Facts, keys: Sequence[tuple[str, str, str]]) -> None:
    missing = [key for key in keys if key not in facts.readings]
    if missing:
        maker, variable, origin = missing[0]
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        later = [facts.unknown[key] for key in missing if key in facts.unknown]
        if missing[0] in facts.unknown:
            whose = maker if origin in ("US", "ALL") else f"{maker}, origin {origin},"
            others = f"; all are from {max(later)} on" if max(later) > later[0] else ""
            raise DataError(
                f"as of {facts.day} no {variable} of {whose} was known{more}: the first is known on "
                f"{later[0]}{others}; choose a later as-of day or add an earlier reading"
            )
        raise DataError(
            f"no selected row for {variable} of {maker}, origin {origin}{more}; "
            "add one to data/facts/estimates.csv or mark an existing row as selected"
        )


def identity(facts: Facts, period: str = "CY2024") -> pd.DataFrame:
    """Sales against output and trade: S ≈ P − X + ΣM, per maker.

    Returns
    -------
    DataFrame
        Indexed by maker: `sales_units`, `production_units`, `export_units`, `import_units`,
        `unknown_origin_units` (the part of imports whose origin no source gives), `residual_units`
        = S − (P − X + ΣM), `residual_share` of S, `quality` (worst input), and
        `closes_by_construction`: true where a term was itself solved from the identity, so that a
        small residual proves nothing.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> sums = tm.facts.identity(tm.facts.load())
    >>> sums.index.name, list(sums)[:4]
    ('maker', ['sales_units', 'production_units', 'export_units', 'import_units'])
    """
    span = [periods.parse(period)]
    makers = list(facts.makers.index)
    pairs = [(m, IMPORTS, o) for m in makers for o in facts.origins(m, IMPORTS)]
    keys = [(m, v, "US") for v in (SALES, PRODUCTION, EXPORTS) for m in makers] + pairs
    got = resolve(facts, keys, span)
    n = len(makers)
    sales, production, exports = got.value[0, : 3 * n].reshape(3, n)
    owner = np.array([makers.index(m) for m, _, _ in pairs])
    unknown = np.array([o == "XX" for _, _, o in pairs])
    moved = got.value[0, 3 * n :]
    imports = np.bincount(owner, moved, n)
    quality = got.quality[0, : 3 * n].reshape(3, n).max(axis=0)
    np.maximum.at(quality, owner, got.quality[0, 3 * n :])
    residual = sales - (production - exports + imports)
    rows = facts.selected
    inside = (rows["start"] <= span[0].end) & (rows["end"] >= span[0].start)
    solved = set(rows.loc[inside & rows["solved"], "maker"])
    with np.errstate(invalid="ignore", divide="ignore"):
        share = residual / sales
    return pd.DataFrame(
        {
            "sales_units": sales,
            "production_units": production,
            "export_units": exports,
            "import_units": imports,
            "unknown_origin_units": np.bincount(owner, moved * unknown, n),
            "residual_units": residual,
            "residual_share": share,
            "quality": [QUALITY[q] for q in quality],
            "closes_by_construction": [m in solved for m in makers],
        },
        index=pd.Index(makers, name="maker"),
    )
