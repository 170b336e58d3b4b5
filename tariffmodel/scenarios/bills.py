"""What does every branch of a tree cost each maker, in each draw?

Rates depend on the branch alone, so they are read once, and the bill of a year is a contraction::

    bill (branch, year) = Σ_cells coefficient (branch, year, cell) · value (cell, draw) − offset

The rate of a cell is general + q·(qualifying − general) + q·(1 − u)·content, with a share q that qualifies
for USMCA and US content u that are drawn: its value comes as it is, times the quantile of q, of u, and of
both. Branches that agree on a year have one coefficient between them and are reckoned once. Sums are NumPy's
own (``einsum`` without BLAS): the last bit must not depend on how many threads a worker has.

The share of a quota that is filled is that of the central volumes, and a relief's score that of the facts:
neither is drawn. Volume credits, which are settled by year for all goods of a maker at once, are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from tariffmodel.errors import DataError
from tariffmodel.facts import Facts
from tariffmodel.facts.periods import Period
from tariffmodel.scenarios.draws import Curves, Drawn
from tariffmodel.scenarios.streams import Cells, CurveTable, Factors, cells
from tariffmodel.tariff import parts
from tariffmodel.tariff.entries import Offset, Policy
from tariffmodel.tariff.goods import Goods
from tariffmodel.tariff.rates import Rates, rates


class _Terms(NamedTuple):
    """Rows of the contraction (R,): cell, times q (1), u (2) or both (3); `bounds` (M + 1,) by maker."""

    cell: np.ndarray
    power: np.ndarray
    bounds: np.ndarray


class _Account(NamedTuple):
    """The offset of one measure in one branch: entries in order, and columns (S,) of its duty by span."""

    entries: tuple[Offset, ...]
    column: np.ndarray


@dataclass(frozen=True)
class Plan:
    """All of a tree that no draw changes: what a worker is sent.

    `yearly` (R, U) and `column` (branches + 1, Y) are coefficients and which of them is whose, the
    counterfactual last; `due` (P, V) are those of the duty on parts by span, on the rows of `part_terms`.
    """

    makers: tuple[str, ...]
    spans: tuple[Period, ...]
    year_of: np.ndarray  # (S,), -1 outside the period
    years: int
    kind: np.ndarray
    maker: np.ndarray
    curves: Curves
    cells: Cells
    terms: _Terms
    part_terms: _Terms
    yearly: np.ndarray
    column: np.ndarray
    due: np.ndarray
    accounts: tuple[tuple[_Account, ...], ...]
    earning: dict[str, tuple[np.ndarray, Factors]]
    builders: np.ndarray


def plan(
    facts: Facts, paths: Sequence[Policy], against: Policy, goods: Goods, years: Sequence[Period], shape: str
) -> Plan:
    """Coefficients of every branch, in the order of `paths`.

    Parameters
    ----------
    goods : Goods
        Cut at the dates of all policies and of `years`.
    years : sequence of Period
        Y parts of the period of the goods, in order.
    shape : str
        ``triangular`` or ``pert``.

    Raises
    ------
    DataError
        A policy with volume credits; a figure that is no number.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case(period="2025Q3")
    >>> made = plan(asked.facts, [asked.policy], asked.against, asked.goods, [asked.period], "triangular")
    >>> made.column.shape, len(made.makers)
    ((2, 1), 20)
    """
    for one in (*paths, against):
        if one.credit:
            raise DataError(
                f"{one.name} grants volume credits, which are settled for a whole year and not drawn; leave "
                "it out of the scenario and ask exposure.table for its bill"
            )
    table = CurveTable()
    streams = cells(goods, table)
    earning = {
        name: _by_maker(getattr(goods, name), table)
        for name in ("assembled_msrp_usd", "assembled_engines_usd", "uptake")
    }
    year_of = np.array(
        [next((k for k, year in enumerate(years) if year.covers(span)), -1) for span in goods.spans]
    )
    terms = _terms(streams, np.arange(len(streams.owner)), len(goods.makers))
    part_terms = _terms(streams, np.flatnonzero(streams.is_part), len(goods.makers))
    yearly, due, accounts = [], [np.zeros((len(part_terms.cell), 1))], []
    for one in (*paths, against):
        card = rates(one, facts, goods.flows, goods.spans, goods.units[:1])
        each = _coefficients(_triple(card, goods, None), streams)
        by_year = [_summed(each, streams, terms, year_of == k) for k in range(len(years))]
        yearly.append(np.stack(by_year, axis=1))
        mine = []
        for measure in sorted({entry.measure for entry in one.offset} & set(card.components)):
            each = _coefficients(_triple(card, goods, measure), streams)
            spans = [
                _summed(each, streams, part_terms, only) for only in np.eye(len(goods.spans), dtype=bool)
            ]
            due.append(np.stack(spans, axis=1))
            entries = parts.in_order(entry for entry in one.offset if entry.measure == measure)
            before = sum(columns.shape[1] for columns in due[:-1])
            mine.append(_Account(tuple(entries), before + np.arange(len(goods.spans))))
        accounts.append(mine)
    yearly_, column = _once(np.concatenate(yearly, axis=1))
    due_, place = _once(np.concatenate(due, axis=1))
    kind, maker, curves = table.curves(shape)
    return Plan(
        makers=tuple(goods.makers),
        spans=tuple(goods.spans),
        year_of=year_of,
        years=len(years),
        kind=kind,
        maker=maker,
        curves=curves,
        cells=streams,
        terms=terms,
        part_terms=part_terms,
        yearly=yearly_,
        column=column.reshape(len(paths) + 1, len(years)),
        due=due_,
        accounts=tuple(tuple(a._replace(column=place[a.column]) for a in mine) for mine in accounts),
        earning=earning,
        builders=np.flatnonzero(np.diff(part_terms.bounds)),
    )


def attributable(made: Plan, drawn: Drawn) -> np.ndarray:
    """Bill of every branch over the counterfactual, USD (branches, Y, M, B).

    >>> import tariffmodel as tm
    >>> from tariffmodel.scenarios import draws
    >>> asked = tm.case(period="2025Q3")
    >>> made = plan(asked.facts, [asked.policy], asked.against, asked.goods, [asked.period], "triangular")
    >>> known = tm.scenarios.load("june-2025-proposal")
    >>> spec = draws.spec(known, asked.facts, list(tm.goods.INPUTS), made.makers)
    >>> attributable(made, draws.block(spec, seed=1, number=0, size=4)).shape
    (1, 1, 20, 4)
    """
    quantiles = made.curves.at(drawn.position[made.kind, made.maker])
    streams = made.cells
    value, borne = streams.value.at(quantiles), streams.borne.at(quantiles)

    def rows(terms: _Terms, reaching: bool) -> np.ndarray:
        out = value[terms.cell]
        for bit, share in ((1, streams.qualifying), (2, streams.us_content)):
            some = np.flatnonzero(terms.power & bit)
            out[some] *= quantiles[share.curve[terms.cell[some]]]
        if reaching:
            some = np.flatnonzero(streams.is_part[terms.cell])
            out[some] *= borne[terms.cell[some]]
        return np.asarray(out)

    each = _contracted(made.yearly, rows(made.terms, True), made.terms.bounds)
    owed = each[made.column]
    if any(made.accounts):
        due, reaching = (
            _contracted(made.due, rows(made.part_terms, whole), made.part_terms.bounds)[:, made.builders]
            for whole in (False, True)
        )
        share = np.divide(reaching, due, out=np.zeros_like(due), where=due != 0)
        earning = {
            name: factors.at(quantiles)[of[:, made.builders]] for name, (of, factors) in made.earning.items()
        }
        for number, accounts in enumerate(made.accounts):
            for account in accounts:
                _less_offset(made, owed[number], account, due, share, earning)
    return np.asarray(owed[:-1] - owed[-1])


def _less_offset(
    made: Plan,
    owed: np.ndarray,
    account: _Account,
    due: np.ndarray,
    share: np.ndarray,
    earning: dict[str, np.ndarray],
) -> None:
    """Take what an offset draws off the bill (Y, M, B) of a branch."""

    def as_runs(array: np.ndarray) -> np.ndarray:
        return np.moveaxis(array, -1, 0)  # (S, M, B) as `parts` has it: (runs, S, M)

    assembled = {
        entry.id: as_runs(earning[f"assembled_{'engines' if entry.accrues_on == 'engines' else 'msrp'}_usd"])
        for entry in account.entries
    }
    claimed = as_runs(due[account.column] * earning["uptake"])
    for span, draw in parts.settled(account.entries, made.spans, claimed, assembled, {}):
        if (year := made.year_of[span]) >= 0:
            owed[year, made.builders] -= draw.T * share[account.column[span]]


def _contracted(coefficients: np.ndarray, rows: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Sums (U, M, B) over the rows (R, B) of each maker."""
    out = np.zeros((coefficients.shape[1], len(bounds) - 1, rows.shape[1]))
    for maker, (first, last) in enumerate(pairwise(bounds)):
        out[:, maker] = np.einsum("ru,rb->ub", coefficients[first:last], rows[first:last])
    return out


def _terms(streams: Cells, chosen: np.ndarray, makers: int) -> _Terms:
    drawn = (streams.qualifying.curve >= 0, streams.us_content.curve >= 0)
    moves = [np.ones(len(streams.owner), dtype=bool), *drawn, drawn[0] & drawn[1]]
    cell = np.concatenate([chosen[some[chosen]] for some in moves])
    power = np.concatenate([np.full(some[chosen].sum(), k) for k, some in enumerate(moves)])
    order = np.argsort(streams.owner[cell], kind="stable")
    cell, power = cell[order], power[order]
    return _Terms(cell, power, np.searchsorted(streams.owner[cell], np.arange(makers + 1)))


def _triple(card: Rates, goods: Goods, measure: str | None) -> list[np.ndarray]:
    """General, qualifying and content rates (S, F), of one measure or of all together."""
    chosen = card.components.values() if measure is None else [card.components[measure]]
    shape = goods.units.shape[1:]
    return [sum((np.broadcast_to(c[k][0], shape) for c in chosen), start=np.zeros(shape)) for k in range(3)]


def _coefficients(triple: list[np.ndarray], streams: Cells) -> list[np.ndarray]:
    """What stands before the value, and before it times q, u and both, USD (S, F)."""
    general, qualifying, content = triple
    near, far = qualifying - general + content, -1.0 * content
    q, u = streams.qualifying, streams.us_content
    each = [
        general + q.low * (near + u.low * far),
        q.width * (near + u.low * far),
        q.low * u.width * far,
        q.width * u.width * far,
    ]
    return [streams.central_usd * one for one in each]


def _summed(each: list[np.ndarray], streams: Cells, terms: _Terms, spans: np.ndarray) -> np.ndarray:
    """Coefficients (R,) of the rows, summed over some spans."""
    of, size = streams.of[spans].ravel(), len(streams.owner)
    by_power = np.stack([np.bincount(of, weights=one[spans].ravel(), minlength=size) for one in each])
    return np.asarray(by_power[terms.power, terms.cell])


def _once(columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Columns without repetition, and which of them each was."""
    found, place = np.unique(columns, axis=1, return_inverse=True)
    return np.ascontiguousarray(found), place.ravel()


def _by_maker(runs: np.ndarray, table: CurveTable) -> tuple[np.ndarray, Factors]:
    """Figures of makers (runs, S, M): which factor (S, M), and the factors, one for each that differs."""
    shape, flat = runs.shape[1:], runs.reshape(len(runs), -1)
    maker = np.tile(np.arange(shape[1]), shape[0])
    _, first, of = np.unique(
        np.concatenate([maker[None], flat]).T, axis=0, return_index=True, return_inverse=True
    )
    return of.reshape(shape), Factors.of(flat[:, first], maker[first], table)
