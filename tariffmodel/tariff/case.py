"""Which question is asked: which policy, against which other, over which days, as seen on which day?

A `Case` carries the question through the package, a `Valuation` what turns a yearly bill into value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tariffmodel import facts as fact_tables
from tariffmodel.errors import DataError, PolicyError, TariffModelError
from tariffmodel.facts import Facts, periods
from tariffmodel.facts.periods import Period
from tariffmodel.tariff import policy as policies
from tariffmodel.tariff.duty import Bill, bill
from tariffmodel.tariff.entries import Policy
from tariffmodel.tariff.goods import Goods, entered

LAW, BEFORE, YEAR = "current-law", "before-april-2025", "FY2026-03"
PolicySource = Policy | str | Path | Mapping[str, Any]
PerMaker = float | pd.Series


CENT = 0.01  # USD; duties are paid in cents, and less than one is rounding


def to_the_cent(change: np.ndarray) -> np.ndarray:
    """A difference of bills, USD, without what is left of billions that cancel.

    >>> to_the_cent(np.array([4e9 + 1e-3 - 4e9, -2.5])).tolist()
    [0.0, -2.5]
    """
    return np.where(np.abs(change) < CENT, 0.0, change)


@dataclass(frozen=True, eq=False)
class Case:
    """One question: what `policy` costs over `against`, in `period`, as seen on `as_of`; `case` makes it.

    Attributes
    ----------
    facts : Facts
    policy, against : Policy
        The policy asked about, and the counterfactual: bills are the difference.
    period : Period
    as_of : date
        Later exchange rates and share prices are not used.

    Raises
    ------
    PolicyError
        If a policy was loaded from another data folder than the facts.
    DataError
        If the facts are those of a day before `as_of`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case(period="CY2025")
    >>> asked.label, asked.replace(policy="flat-25").policy.name, asked.beside("mfn-only").name
    ('law in force against law before April 2025, CY2025', 'flat-25', 'mfn-only')
    >>> mine, other = asked.owed  # bills, of every run of the inputs
    >>> asked.runs_usd.shape == asked.goods.units.shape[:1] + (len(asked.goods.makers),)
    True
    """

    facts: Facts
    policy: Policy
    against: Policy
    period: Period
    as_of: date

    def __post_init__(self) -> None:
        for one in (self.policy, self.against):
            _refuse_foreign(one, self.facts)
        known_on = self.facts.day
        if known_on and self.as_of > known_on:
            raise DataError(
                f"as_of {self.as_of}: the facts hold what was known on {known_on}; "
                "ask as of that day or an earlier one, or load facts that reach further"
            )

    def __repr__(self) -> str:
        return f"Case({self.policy.name} against {self.against.name}, {self.period}, as of {self.as_of})"

    @property
    def label(self) -> str:
        """The question in a few words, for charts."""
        return f"{self.policy.label} against {self.against.label}, {self.period}"

    def replace(self, **changes: Any) -> Case:
        """The case with another `policy`, `against` or `period`, each given as to `case`, or other `facts`.

        Another day is another state of knowledge: `as_known`.
        """
        if "as_of" in changes:
            raise TypeError("the day of a case is not replaced alone; ask case.as_known(day)")
        for name in {"policy", "against"} & set(changes):
            changes[name] = self.beside(changes[name])
        if isinstance(changes.get("period"), str):
            changes["period"] = periods.parse(changes["period"])
        return replace(self, **changes)

    def as_known(self, day: date | str) -> Case:
        """The same question asked on a day: of what was known and law on it.

        >>> import tariffmodel as tm
        >>> asked = tm.case(period="CY2025").as_known("2025-06-30")
        >>> asked.as_of.isoformat(), asked.facts.day.isoformat()
        ('2025-06-30', '2025-06-30')
        """
        day = _day(day)
        mine, other = (policies.as_known(one, day) for one in (self.policy, self.against))
        return Case(self.facts.as_known(day), mine, other, self.period, day)

    def beside(self, other: PolicySource) -> Policy:
        """Another policy of the same data folder, as known on the day of the facts.

        Raises
        ------
        PolicyError
            If it cannot be read, or was loaded from another data folder than the facts.
        """
        found = _policy(other, self.facts)
        _refuse_foreign(found, self.facts)
        return found if self.facts.day is None else policies.as_known(found, self.facts.day)

    @cached_property
    def goods(self) -> Goods:
        """What enters in the period, cut at the dates of both policies."""
        return entered(self.facts, self.period, [self.policy, self.against])

    @cached_property
    def owed(self) -> tuple[Bill, Bill]:
        """Duty under the policy, and under the counterfactual."""
        return bill(self.facts, self.policy, self.goods), bill(self.facts, self.against, self.goods)

    @property
    def runs_usd(self) -> np.ndarray:
        """Attributable bill of every run of the inputs, (runs, makers), see `uncertainty`."""
        mine, other = self.owed
        return to_the_cent(mine.total - other.total)


def _day(day: date | str) -> date:
    try:
        return periods.day(day) if isinstance(day, str) else day
    except ValueError as error:
        raise TariffModelError(f"as_of: {error}") from None


@dataclass(frozen=True)
class Valuation:
    """What turns a yearly bill into value for shareholders, see `pricing.implied_value`.

    Attributes
    ----------
    tax_rate, pass_through : float or Series by maker
        Fractions of profit, and of the bill that customers or suppliers bear.
    discount_rate, growth : float or Series by maker
        Per year, fractions.
    life_years : float or Series by maker
        How long the bill lasts; ``math.inf`` for ever.
    phase_out_years : float or Series by maker
        The bill falls to zero on a straight line over so many last years of its life.
    persistence : float or Series by maker
        Probability that the change takes effect and is not taken back at once.

    Examples
    --------
    >>> print(Valuation(pass_through=0.3, persistence=0.85))
    tax 25%, 5 years at 8%, 30% passed through, 85% likely to last
    """

    tax_rate: PerMaker = 0.25
    discount_rate: PerMaker = 0.08
    life_years: PerMaker = 5.0
    pass_through: PerMaker = 0.0
    growth: PerMaker = 0.0
    phase_out_years: PerMaker = 0.0
    persistence: PerMaker = 1.0

    def __str__(self) -> str:
        said = (
            f"tax {_said(self.tax_rate, '.0%')}, {_said(self.life_years, 'g')} years at "
            f"{_said(self.discount_rate, '.0%')}"
        )
        if not _is_zero(self.pass_through):
            said += f", {_said(self.pass_through, '.0%')} passed through"
        sure = np.all(np.asarray(self.persistence) == 1)
        return said if sure else f"{said}, {_said(self.persistence, '.0%')} likely to last"


def case(
    policy: PolicySource = LAW,
    against: PolicySource = BEFORE,
    period: str | Period = YEAR,
    as_of: date | str | None = None,
    data: Facts | str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Case:
    """Ask what a policy costs each maker.

    Parameters
    ----------
    policy, against : str, path, mapping or Policy
        As for `policy.load`; they come from the data folder of the facts.
    period : str or Period
        Days over which duty is owed, see `periods`.
    as_of : date or ISO day, optional
        The day on which the question is asked: facts, law, exchange rates and prices that were not known then
        are not used. Default: the day of the facts, if `data` are facts as known on one; else all that
        is loaded, stated for the day of the last exchange rate.
    data : Facts or path, optional
        Loaded facts, or a data folder, see `facts.data_dir`.
    settings : mapping, optional
        Numbers of `policy` to replace, see `policy.load`.

    Raises
    ------
    DataError, PolicyError
        What cannot be read or used, with the remedy; a day on which nothing of the kind was known, or
        after that of the facts.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case("flat-25", against="none", period="CY2025")
    >>> asked.label
    'flat 25% against free trade, CY2025'
    >>> tm.exposure.table(asked)["bill_usd"].idxmax()
    'GM'
    """
    known = data if isinstance(data, Facts) else fact_tables.load(data)
    span = periods.parse(period) if isinstance(period, str) else period
    mine, other = _policy(policy, known, settings), _policy(against, known)
    asked = Case(known, mine, other, span, known.as_of)
    day = known.day if as_of is None else as_of
    return asked if day is None else asked.as_known(day)


def _policy(source: PolicySource, known: Facts, settings: Mapping[str, Any] | None = None) -> Policy:
    if isinstance(source, Policy):
        if settings:
            raise PolicyError("settings go with the name or path of a policy, not with one that is loaded")
        return source
    return policies.load(source, known.folder, settings)


def _refuse_foreign(one: Policy, known: Facts) -> None:
    if one.folder is not None and one.folder.resolve() != known.folder.resolve():
        raise PolicyError(
            f"{one.name} was loaded from {one.folder}, the facts from {known.folder}; "
            "load both from one data folder"
        )


def _said(value: PerMaker, form: str) -> str:
    if isinstance(value, pd.Series):
        low, high = format(value.min(), form), format(value.max(), form)
        return low if low == high else f"{low} to {high}"
    return format(value, form)


def _is_zero(value: PerMaker) -> bool:
    return not np.any(value)
