"""What is one plausible surprise of each indicator worth, to the maker and to the others?

A surprise is one standard deviation of what is not known of the year (`nowcast.sd`), upwards. Exports are two
indicators: cars *added* to output and sent abroad earn relief and leave the US what it had; cars *diverted*
from US sale leave the local build share lower, and where it weighs more, more exports raise the bill.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import EXPORTS, IMPORTS, PRODUCTION, SALES, Facts, market_value, tables
from tariffmodel.facts.protected import kept_with_files
from tariffmodel.markets import pricing, valuation
from tariffmodel.tariff.case import Case, Valuation, to_the_cent
from tariffmodel.tariff.contribution import INVESTMENT, JOBS
from tariffmodel.tariff.duty import bill
from tariffmodel.tariff.entries import Policy
from tariffmodel.tariff.relief import contribution_of, rate_at
from tariffmodel.watch import nowcast

CALENDAR = "watch/calendar.csv"
BEYOND = 0.317  # probability that a normal error is larger than one standard deviation, on either side


@dataclass(frozen=True)
class Indicator:
    """What moves together when a figure comes out: `sized` is the variable whose error is its size."""

    label: str
    sized: str
    moves: tuple[str, ...]


INDICATORS = {
    "output": Indicator("US output", PRODUCTION, (PRODUCTION,)),
    "exports_added": Indicator("exports from extra output", EXPORTS, (PRODUCTION, EXPORTS)),
    "exports_diverted": Indicator("exports diverted from US sale", EXPORTS, (EXPORTS,)),
    "sales": Indicator("US sales", SALES, (SALES,)),
    "imports": Indicator("imports", IMPORTS, (IMPORTS,)),
    "jobs": Indicator("US jobs", JOBS, (JOBS,)),
    "investment": Indicator("US investment", INVESTMENT, (INVESTMENT,)),
}


def table(
    case: Case, year: str = "", valued: Valuation | None = None, share: float | None = None
) -> pd.DataFrame:
    """One surprise of each indicator of each maker, what it moves, the dearest first.

    Parameters
    ----------
    case : Case
        Its policy and counterfactual, asked over the year; contributions are measured in the year too.
    year : str
        A calendar year. Default: that of the day of the facts.
    valued : Valuation, optional
        What turns a yearly bill into value. Default: `valuation.central`.
    share : float, optional
        Size of every surprise as a share of the nowcast, such as 0.05, in place of its standard deviation.

    Returns
    -------
    DataFrame
        One row per maker and indicator that moves something: `maker`, `indicator`, `label`, `size` and
        `size_share` (of the nowcast), `score_change`, `rate_change` (fraction of customs value, where a rate
        falls with contribution), `bill_change_usd`, `relief_change_usd` (the part of it that the rate makes,
        on vehicles shipped in as before), `others_bill_change_usd`, `value_change_usd` (of the maker
        and the others together), `value_change_share` (of the maker's market value, NaN without one),
        `probability` of one as large within a month, `at_stake_usd` = probability × what own and others'
        values change by, and `reading`, words where a sign misleads.

    Notes
    -----
    Vehicles imported pay the rate of the central case, and the score answers beside it; parts of dealers grow
    with sales. Effects are those of the whole surprise, not of one unit.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = tm.surprises.table(tm.case("japan-flexible-linear-firm"), "CY2026")
    >>> more = found.query("indicator == 'imports' and maker == 'Toyota'")["bill_change_usd"].item()
    >>> bool(more > 0), bool(found["at_stake_usd"].is_monotonic_decreasing)
    (True, True)
    """
    if share is not None and not 0 < share <= 1:
        raise DataError(f"share is {share:g}; write a fraction above 0, 0.05 for 5%")
    year = year or nowcast.this_year(case.facts)
    known = nowcast.filled(case.facts, year)
    policy = nowcast.measuring(case.policy, year)
    asked = case.replace(facts=known, period=year).replace(policy=policy)
    makers, names = asked.goods.makers, list(INDICATORS)
    size, middle = _sizes(case.facts, year, makers, share)
    shift = _shifts(size)
    square = (len(names), len(makers), len(makers))
    change, relief = (array.reshape(square) for array in _bill_changes(asked, shift))
    own_duty = _per_unit(asked, middle)
    for number, one in enumerate(names):
        if one in own_duty:
            each = np.arange(len(makers))
            change[number, each, each] += own_duty[one] * size[number]
    change = to_the_cent(change)
    whole = known.makers["consolidated_in"].isna().to_numpy()
    own = np.diagonal(change, axis1=1, axis2=2)
    others = np.where(whole, change, 0.0).sum(axis=2) - own * whole
    per_dollar = pricing.value_per_dollar(pd.Index(makers), valued or valuation.central(known))
    values = -change * per_dollar
    score, rate = _score_changes(policy, known, makers, shift, (len(names), len(makers)))
    worth = market_value(known, case.as_of)["market_cap_usd"].reindex(makers).to_numpy(dtype=float)
    value_own = np.diagonal(values, axis1=1, axis2=2)
    value_others = np.where(whole, values, 0.0).sum(axis=2) - value_own * whole
    likely = _probabilities(known)
    frame = pd.DataFrame(
        {
            "maker": np.tile(makers, len(names)),
            "indicator": np.repeat(names, len(makers)),
            "label": np.repeat([INDICATORS[name].label for name in names], len(makers)),
            "size": size.ravel(),
            "size_share": (size / np.where(middle > 0, middle, np.nan)).ravel(),
            "score_change": score.ravel(),
            "rate_change": rate.ravel(),
            "bill_change_usd": own.ravel(),
            "relief_change_usd": np.diagonal(relief, axis1=1, axis2=2).ravel(),
            "others_bill_change_usd": others.ravel(),
            "value_change_usd": (value_own + value_others).ravel(),
            "value_change_share": (value_own / worth).ravel(),
            "probability": np.repeat([likely[name] for name in names], len(makers)),
        }
    )
    stake = np.abs(value_own) + np.abs(value_others)
    frame = frame.assign(at_stake_usd=frame["probability"] * stake.ravel())
    told = frame[["bill_change_usd", "others_bill_change_usd"]].abs().max(axis=1) > 1
    frame = frame[(frame["size"] > 0) & told]
    frame = frame.assign(reading=[_reading(*row) for row in frame[_READ].itertuples(index=False)])
    return frame.sort_values("at_stake_usd", ascending=False, kind="stable", ignore_index=True)


_READ = ["indicator", "score_change", "bill_change_usd", "others_bill_change_usd"]


def _reading(indicator: str, score: float, own: float, others: float) -> str:
    """Words where good news makes a maker dearer: the sign of the figure is not that of the news."""
    if not (own > 0 and score == score):
        return ""
    said = {
        "exports_diverted": "more exports, dearer: cars sent abroad leave the local build share",
        "exports_added": "more exports, dearer: parts of the extra output cost more than its relief",
        "output": "more output, dearer: its imported parts cost more than its relief",
        "sales": "more sales, dearer: the same output is a smaller share of them",
    }.get(indicator, "")
    return said + "; the others gain" * bool(said and others < 0)


def _sizes(facts: Facts, year: str, makers: list[str], share: float | None) -> tuple[np.ndarray, np.ndarray]:
    """Size of each surprise and the nowcast it is of, (indicators, makers); 0 where nothing is known."""
    found = nowcast.table(facts, year)
    spread = nowcast.sd(found)
    index = [[(maker, one.sized) for maker in makers] for one in INDICATORS.values()]
    middle = np.array([found["value"].reindex(row).fillna(0.0) for row in index])
    size = np.array([spread.reindex(row).fillna(0.0) for row in index])
    return (middle * share if share is not None else size), middle


def _shifts(size: np.ndarray) -> dict[str, np.ndarray]:
    """What moves in each variant, (indicators · makers, makers), by variable."""
    each, makers = size.shape
    out: dict[str, np.ndarray] = {}
    for number, one in enumerate(INDICATORS.values()):
        for variable in one.moves:
            held = out.setdefault(variable, np.zeros((each * makers, makers)))
            held[number * makers : (number + 1) * makers] += np.diag(size[number])
    return out


def _bill_changes(case: Case, shift: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Change of every attributable bill and of the duty on vehicles in it, by variant (variants, M)."""
    shape = next(iter(shift.values())).shape
    found = []
    for one, owed in zip((case.policy, case.against), case.owed, strict=True):
        moved = bill(case.facts, one, case.goods, shift=shift)
        found.append((moved.total - owed.total[:1], moved.vehicles - owed.vehicles[:1]))
    (total, vehicles), (other_total, other_vehicles) = found
    return np.broadcast_to(total - other_total, shape).copy(), np.broadcast_to(
        vehicles - other_vehicles, shape
    )


def _per_unit(case: Case, middle: np.ndarray) -> dict[str, np.ndarray]:
    """Duty, policy less counterfactual, that one more vehicle imported, or sold, brings each maker, USD."""
    goods = case.goods
    sold = goods.flows.product == "service_part"
    (mine, other) = case.owed
    each = mine.duty[0] - other.duty[0]
    out = {}
    for name, flows in (("imports", ~goods.is_part), ("sales", sold)):
        units = middle[list(INDICATORS).index(name)]
        duty = (each * flows) @ goods.member  # a maker bears all of it
        out[name] = np.divide(duty, units, out=np.zeros_like(duty), where=units > 0)
    return out


def _score_changes(
    policy: Policy, facts: Facts, makers: list[str], shift: dict[str, np.ndarray], shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Change of each maker's own score and rate by its own surprise, (indicators, makers)."""
    nothing = np.full(shape, np.nan)
    if not policy.relief:
        return nothing, nothing
    entry, names = policy.relief[0], np.array(makers)
    before, after = (contribution_of(entry, facts, names, shift=one) for one in (None, shift))
    own = np.tile(np.arange(shape[1]), shape[0])
    moved = np.broadcast_to(after, (shape[0] * shape[1], shape[1]))[np.arange(len(own)), own]
    changes = [
        (there - here[own]).reshape(shape)
        for there, here in ((moved, before[0]), (rate_at(entry, moved), rate_at(entry, before[0])))
    ]
    return changes[0], changes[1]


@kept_with_files
def releases(facts: Facts) -> pd.DataFrame:
    """Rows of ``data/watch/calendar.csv``: what comes out, when, and which indicators it tells of.

    Raises
    ------
    DataError
        A row that names what is no indicator.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> "g17" in set(releases(tm.facts.load())["release"])
    True
    """
    rows = tables.read(facts, CALENDAR)
    for row, named in zip(rows["row"], rows["indicators"].fillna(""), strict=True):
        if unknown := sorted(set(filter(None, named.split("|"))) - set(INDICATORS)):
            raise DataError(
                f"data/{CALENDAR} row {row}: {unknown[0]!r} is no indicator; there are "
                + ", ".join(INDICATORS)
            )
    return rows


def _probabilities(facts: Facts) -> dict[str, float]:
    """How likely one standard deviation is within a month, by indicator: a figure must come out for it."""
    rows = releases(facts)
    rows = rows[(rows["kind"] == "release") & rows["indicators"].notna()]
    out = dict.fromkeys(INDICATORS, 0.0)
    for indicators, months in zip(rows["indicators"], rows["months"], strict=True):
        often = 1.0 if months == "*" else len(months.split("|")) / 12
        for name in indicators.split("|"):
            out[name] = max(out[name], BEYOND * often)
    return out
