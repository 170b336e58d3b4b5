"""A rate that falls with contribution: what a schedule charges, and where it bends."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tariffmodel.facts import Facts
from tariffmodel.tariff import contribution
from tariffmodel.tariff.entries import Relief
from tariffmodel.tariff.variants import Numbers, Shift

_NO_LIMIT = 1e12  # stands for a ratio whose denominator is zero: above any bracket, and 0 times it is 0


def earners(entry: Relief, facts: Facts) -> list[str]:
    """Makers that can earn a relief: those at home where it applies, or everyone.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> earners(tm.policy.load("japan-flexible-linear-firm").relief[0], tm.facts.load())[:3]
    ['Toyota', 'Honda', 'Nissan']
    """
    everyone = entry.earned_by == "all" or "*" in entry.origin
    home = facts.makers["home"]
    return [maker for maker in facts.makers.index if everyone or home[maker] in entry.origin]


def contribution_of(
    entry: Relief,
    facts: Facts,
    makers: np.ndarray,
    number: Numbers | None = None,
    shift: Shift | None = None,
) -> np.ndarray:
    """C of `Relief` for each of `makers` (variants, makers): zero for those who cannot earn it.

    >>> import tariffmodel as tm
    >>> entry = tm.policy.load("japan-flexible-linear-firm").relief[0]
    >>> earned = contribution_of(entry, tm.facts.load(), np.array(["Honda", "BMW"]))[0]
    >>> bool(earned[0] > 0), float(earned[1])
    (True, 0.0)
    """
    able = earners(entry, facts)
    earning = [maker for maker in np.unique(makers) if maker in able]
    weights = {name: metric.weight for name, metric in entry.score.items()}
    targets = {name: metric.target for name, metric in entry.score.items()}
    number = number or Numbers({})
    own = number("relief", entry, "firm_weight")
    own = own[:, :, 0] if isinstance(own, np.ndarray) else own

    def level(kind: contribution.Level) -> np.ndarray:
        table = contribution.measured(
            facts, entry.metrics, entry.year, kind, entry.missing, earning, entry.relative_to, shift
        )
        if entry.metric:
            return np.asarray(np.nan_to_num(table[..., 0], posinf=_NO_LIMIT))
        return contribution.composite(table, weights, targets, entry.missing)

    firm = level("firm") if np.any(own != 0) else 0.0
    country = level("country") if np.any(own != 1) else 0.0
    earned = np.asarray(own * firm + (1 - own) * country)
    column = {maker: k for k, maker in enumerate(earning)}
    out = np.zeros((*earned.shape[:-1], len(makers)), dtype=earned.dtype)
    have = np.array([maker in column for maker in makers], dtype=bool)
    out[..., have] = earned[..., [column[maker] for maker in makers[have]]]
    return out


def relief_rate(
    entry: Relief, facts: Facts, makers: np.ndarray, number: Numbers, shift: Shift | None
) -> np.ndarray:
    """Rate (variants, 1, flows) that each flow's maker pays.

    >>> import tariffmodel as tm
    >>> entry = tm.policy.load("japan-flexible-linear-firm").relief[0]
    >>> rate = relief_rate(entry, tm.facts.load(), np.array(["Honda", "BMW"]), Numbers({}), None)[0, 0]
    >>> bool(rate[0] < entry.base), bool(rate[1] == entry.base)
    (True, True)
    """
    score = contribution_of(entry, facts, makers, number, shift)[:, None, :]
    return rate_at(entry, score, number)


def rate_at(entry: Relief, score: np.ndarray, number: Numbers | None = None) -> np.ndarray:
    """What the schedule of a relief charges at a contribution, of any shape.

    >>> import tariffmodel as tm
    >>> entry = tm.policy.load("japan-flexible-linear-firm").relief[0]
    >>> rate_at(entry, np.array([0.0, 0.5, 2.0])).round(3).tolist()
    [0.25, 0.15, 0.0]
    """
    number = number or Numbers({})
    base, slope = number("relief", entry, "base"), number("relief", entry, "slope")
    if entry.schedule == "tiered":
        steps = np.array([step.reach for step in entry.bracket])
        rungs = np.array([np.nan, *(step.rate for step in entry.bracket)])
        reached = rungs[np.searchsorted(steps, score.real, side="right")]
        rate = np.where(np.isnan(reached), base, reached)
    elif entry.schedule == "smooth" and entry.steepness is not None:
        steepness, midpoint = number("relief", entry, "steepness"), number("relief", entry, "midpoint")
        rate = base - slope / (1 + np.exp(-steepness * (score - midpoint)))
    elif entry.schedule == "smooth":
        rate = base - slope * score ** number("relief", entry, "exponent")
    else:
        rate = base - slope * score
    low, high = number("relief", entry, "floor"), number("relief", entry, "cap")
    return contribution.clip(rate, low, high)


def scores(entry: Relief, facts: Facts, makers: Sequence[str]) -> pd.DataFrame:
    """C and rate of each maker under a relief, were it taken firm by firm or pooled for the country.

    Returns
    -------
    DataFrame
        Indexed by maker, the highest firm score first: `firm_score`, `country_score`, and what they
        earn, `firm_rate` and `country_rate`, fractions of customs value.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> entry = tm.policy.load("japan-flexible-linear-firm").relief[0]
    >>> found = tm.relief.scores(entry, tm.facts.load(), ["Honda", "Subaru"])
    >>> list(found), found["country_rate"].nunique()
    (['firm_score', 'country_score', 'firm_rate', 'country_rate'], 1)
    """
    names, found = np.array(makers), {}
    for level, weight in (("firm", 1.0), ("country", 0.0)):
        alone = entry.model_copy(update={"firm_weight": weight})
        found[f"{level}_score"] = contribution_of(alone, facts, names)[0]
        found[f"{level}_rate"] = relief_rate(alone, facts, names, Numbers({}), None)[0, 0]
    frame = pd.DataFrame(found, index=pd.Index(names, name="maker"))
    columns = ["firm_score", "country_score", "firm_rate", "country_rate"]
    return frame[columns].sort_values("firm_score", ascending=False)


def terms(entry: Relief) -> pd.DataFrame:
    """What a relief measures makers by.

    Returns
    -------
    DataFrame
        Indexed by metric: `weight` in the score, `target` that earns its full part (missing for a ratio
        that counts as it stands), and what it `measures`.

    Examples
    --------
    >>> from tariffmodel.tariff import policy
    >>> terms(policy.load("japan-flexible-linear-firm").relief[0])["weight"].idxmax()
    'local_build_share'
    """
    parts = {metric: part.model_dump() for metric, part in entry.score.items()}
    parts = parts or {metric: {"weight": 1.0, "target": None} for metric in entry.metrics}
    frame = pd.DataFrame(parts).T
    return frame.assign(measures=frame.index.map(contribution.METRICS))


def edges(entry: Relief, ordinary: set[float]) -> list[float]:
    """Contributions at which a relief bends: its brackets, its cap, its floor and the ordinary duty.

    An inclusive rate below the ordinary duty changes nothing, so there the incentive ends.

    >>> import tariffmodel as tm
    >>> entry = tm.policy.load("japan-flexible-linear-firm").relief[0]
    >>> bent = entry.model_copy(update={"base": 0.25, "slope": 0.2, "floor": 0.05, "cap": 0.25})
    >>> edges(bent, {0.025}), edges(bent, {0.15})
    ([0.0, 1.0], [0.0, 0.5])
    """
    if entry.schedule == "tiered":
        return [step.reach for step in entry.bracket]
    if entry.slope == 0:
        return []
    bounds = [entry.cap, *sorted({max(entry.floor, rate) for rate in ordinary} or {entry.floor})]
    falls = [(entry.base - bound) / entry.slope for bound in bounds]
    if entry.schedule == "linear":
        return falls
    if entry.steepness is None:
        return [fall ** (1 / entry.exponent) for fall in falls if fall > 0]
    return [
        entry.midpoint + float(np.log(fall / (1 - fall))) / entry.steepness for fall in falls if 0 < fall < 1
    ]
