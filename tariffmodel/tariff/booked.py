"""What does each maker book of a policy's cost, in the range that past statements teach?

The ranges of `exposure` and `cost` are those of the inputs: what sources leave open. This range also
holds what the model itself has missed so far, as `validation` measures it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import Facts, market_value, periods
from tariffmodel.facts.protected import kept_with
from tariffmodel.tariff import cost, exposure, uncertainty, validation
from tariffmodel.tariff.case import BEFORE, LAW, Case, Valuation
from tariffmodel.tariff.case import case as new_case

PROBABILITY = validation.COVERAGE  # with which the range is to hold what a maker will state
_STATED = ["maker", "period", "judged", "latest", "disclosed", "model", "model_low", "model_high"]


def table(case: Case, valuation: Valuation | None = None) -> pd.DataFrame:
    """`exposure.burden` with validated ranges of what is booked.

    The range of the inputs is widened about its middle by the factor that would have held
    `PROBABILITY` of the statements of other makers (`validation.widening`); for a maker that states
    nothing, of all. The statements are on the law in force, whatever the policy of the case. A range
    keeps the sign that the inputs' range has.

    Parameters
    ----------
    valuation : Valuation, optional
        Its tax rate and pass-through stand between the cost and the earnings of a share.

    Returns
    -------
    DataFrame
        As `exposure.burden`, with `booked_low_usd`, `booked_high_usd` validated, `inputs_low_usd`,
        `inputs_high_usd` those of the inputs, `widening` (times; infinite where too few had stated
        anything by the day of the case), and `booked_per_share_low`, `booked_per_share_high`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case()
    >>> row, said = tm.booked.table(asked).loc["Toyota"], tm.validation.disclosed(asked)
    >>> [own] = said.loc[said["headline"] & (said["maker"] == "Toyota"), "widened_high"]
    >>> round(float(row["booked_high_usd"] * row["per_usd"] / 1e9 - own), 6)
    0.0
    """
    frame = exposure.burden(case, valuation)
    inputs = frame[["booked_low_usd", "booked_high_usd"]].set_axis(
        ["inputs_low_usd", "inputs_high_usd"], axis=1
    )
    factor, middle = widening(case), frame["booked_usd"]
    low = middle - _times(factor, middle - inputs["inputs_low_usd"])
    high = middle + _times(factor, inputs["inputs_high_usd"] - middle)
    low = low.clip(lower=0).where(inputs["inputs_low_usd"] >= 0, low)
    high = high.clip(upper=0).where(inputs["inputs_high_usd"] <= 0, high)
    frame = frame.assign(booked_low_usd=low, booked_high_usd=high).join(inputs)
    per_usd = (frame["booked_per_share"] / middle).where(middle != 0, 0.0)
    return frame.assign(
        widening=factor, booked_per_share_low=low * per_usd, booked_per_share_high=high * per_usd
    )


@dataclass(frozen=True, eq=False)
class Joint:
    """What M makers book, and what of their errors they share, see `joint`.

    Attributes
    ----------
    costs : DataFrame
        `table`, in the order of `runs`.
    runs : array (1 + 2K, M)
        USD: central, then each of K inputs at its low and high, as wide as the validated range.
    shared : Sharing
        Of the K inputs and M makers.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> both = tm.booked.joint(tm.case("flat-25", "current-law", "CY2027"))
    >>> pair = both.total(pd.Series({"Toyota": 1.0, "Honda": -1.0}))
    >>> bool(pair["low"] < pair["value"] < pair["high"])
    True
    >>> bool(both.correlation(["Toyota", "Honda"]).loc["Toyota", "Honda"] > 0.2)
    True
    """

    costs: pd.DataFrame
    runs: np.ndarray
    shared: uncertainty.Sharing

    def total(self, weights: pd.Series) -> pd.Series:
        """Sum of makers' booked costs by weight, below zero for less: `value`, `low`, `high`.

        Parameters
        ----------
        weights : Series
            By maker. Of one maker with weight 1 the ends are those of its validated range.

        Notes
        -----
        What makers share of an input's error moves them together (`uncertainty.total`): in a sum it does
        not average out, in a difference it cancels.
        """
        held = weights.reindex(self.costs.index, fill_value=0.0).to_numpy(dtype=float)
        low, high = (end.item() for end in uncertainty.total(self.runs, held[None], self.shared))
        ends = self.costs[["booked_low_usd", "booked_high_usd"]].to_numpy(dtype=float)
        endless = np.isinf(ends)[held != 0] * np.sign(held[held != 0])[:, None]
        down, up = (bool((endless == [sign, -sign]).any()) for sign in (1, -1))
        value = self.runs[0] @ held
        return pd.Series({"value": value, "low": -np.inf if down else low, "high": np.inf if up else high})

    def correlation(self, makers: Sequence[str]) -> pd.DataFrame:
        """Correlation (makers, makers) of the errors of what they book."""
        every = list(self.costs.index)
        found = pd.DataFrame(uncertainty.correlation(self.runs, self.shared), every, every)
        return found.loc[list(makers), list(makers)]


def joint(case: Case, costs: pd.DataFrame | None = None) -> Joint:
    """What makers book with what their errors have in common, for sums and differences over them.

    Every maker's moves are widened as its validated range is. Where that is infinite they are left out, and
    the end of a sum is.

    Parameters
    ----------
    costs : DataFrame, optional
        `table` of the case, if it is there already.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case("flat-25", "current-law", "CY2027")
    >>> found, row = joint(asked), tm.booked.table(asked).loc["Toyota"]
    >>> ends = found.total(pd.Series({"Toyota": 1.0}))
    >>> bool(np.allclose(ends, row[["booked_usd", "booked_low_usd", "booked_high_usd"]].astype(float)))
    True
    """
    metals = exposure.has_metals(case.policy, case.facts) - exposure.has_metals(case.against, case.facts)
    course = cost.course_of(case, [case.period])
    _, runs = cost.booked_runs(case.facts, course, case.period, metals)
    costs = (table(case) if costs is None else costs).loc[course.makers]
    middle = costs["booked_usd"].to_numpy(dtype=float)
    reach = np.abs(costs[["booked_low_usd", "booked_high_usd"]].to_numpy(dtype=float).T - middle)
    spread = [np.sqrt((side**2).sum(axis=0)) for side in uncertainty.moves(runs)]
    down, up = (
        np.divide(to, of, out=np.zeros_like(of), where=(of > 0) & np.isfinite(to))
        for to, of in zip(reach, spread, strict=True)
    )
    change = runs - runs[0]
    widened = middle + np.where(change < 0, change * down, change * up)
    return Joint(costs, widened, uncertainty.sharing(case.facts, cost.BOOK_INPUTS, course.makers))


def quarters(case: Case, since: str = "2025Q2") -> pd.DataFrame:
    """What is owed and booked in every quarter that is over on the day of a case.

    Parameters
    ----------
    since : str
        The first quarter. Default: that in which the 25% duty on cars began.

    Returns
    -------
    DataFrame
        Indexed by `period` and `maker`, in the order of time: `bill_usd` with low and high, `booked_usd` with
        its validated low and high, and `quality`.

    Raises
    ------
    DataError
        No quarter since then is over.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = tm.booked.quarters(tm.case(as_of="2026-08-31"), since="2026Q1")
    >>> found.index.unique("period").tolist()
    ['2026Q1', '2026Q2']
    """
    first, last = pd.Period(since, "Q"), pd.Period(case.as_of, "Q")
    over = [f"{one.year}Q{one.quarter}" for one in pd.period_range(first, last, freq="Q")]
    over = [label for label in over if periods.parse(label).end <= case.as_of]
    if not over:
        raise DataError(f"no quarter since {since} is over on {case.as_of}; choose an earlier one")
    shown = [f"{what}{end}_usd" for what in ("bill", "booked") for end in ("", "_low", "_high")]
    frames = {label: table(case.replace(period=label))[[*shown, "quality"]] for label in over}
    return pd.concat(frames, names=["period"])


def yearly_shares(case: Case) -> pd.DataFrame:
    """What is booked at an annual rate over market value, by maker: `value` with `low` and `high`, fractions.

    Returns
    -------
    DataFrame
        As `table`, and `reason`, why a maker has no market value, empty where it has one.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> shares = tm.booked.yearly_shares(tm.case(period="CY2025"))
    >>> list(shares), shares.at["Porsche AG", "reason"]
    (['value', 'low', 'high', 'reason'], 'no line with prices')
    """
    costs = table(case)
    per_usd = 1 / costs["market_cap_usd"] / case.period.years
    ends = costs[["booked_usd", "booked_low_usd", "booked_high_usd"]].mul(per_usd, axis=0)
    reason = market_value(case.facts, case.as_of)["reason"].reindex(costs.index)
    return ends.set_axis(["value", "low", "high"], axis=1).assign(reason=reason)


def widening(case: Case) -> pd.Series:
    """By maker: how many times the inputs' range must be as wide, learnt from the statements of others.

    >>> import tariffmodel as tm
    >>> bool((tm.booked.widening(tm.case()) >= 1).all())
    True
    """
    amounts = statements(case)
    stating = set(amounts["maker"])
    factors = {
        maker: validation.widening(amounts[amounts["maker"] != maker] if maker in stating else amounts)
        for maker in case.facts.makers.index
    }
    return pd.Series(factors)


def statements(case: Case) -> pd.DataFrame:
    """Amounts that makers had stated by the day of a case, beside the model: rows of `validation.disclosed`.

    They are on the law in force, whatever the policies of the case; none, where nobody had stated any.

    >>> import tariffmodel as tm
    >>> asked = tm.case("flat-25", period="CY2027")
    >>> set(statements(asked)["judged"]), statements(asked.as_known("2025-01-31")).empty
    ({'amount'}, True)
    """
    return _statements(case.facts, case.as_of).copy()


@kept_with
def _statements(facts: Facts, as_of: date) -> pd.DataFrame:
    if not (validation.judged_as(facts, as_of)["judged"] == validation.AMOUNT).any():
        return pd.DataFrame(columns=_STATED)
    law = replace(new_case(LAW, against=BEFORE, data=facts), as_of=as_of)
    said = validation.disclosed(law)
    return said[said["judged"] == validation.AMOUNT]


def _times(factor: pd.Series, half: pd.Series) -> pd.Series:
    """A half-width so many times; nothing stays nothing, whatever the factor."""
    return (factor.reindex(half.index) * half).where(half != 0, 0.0)
