"""How does a result move with two things at once?

Duty rate and exchange rate → operating profit and earnings per share; slope and floor of a relief → bill;
probability and years that a duty lasts → value. Each is one computation over all cells.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError, PolicyError
from tariffmodel.facts import fx_rate, market_value, periods
from tariffmodel.markets import currency, pricing
from tariffmodel.markets import valuation as values
from tariffmodel.tariff import booked, exposure
from tariffmodel.tariff.case import Case, Valuation

RATES = (0.0, 0.025, 0.1, 0.15, 0.2, 0.25, 0.3)
MOVES = (-0.2, -0.1, 0.0, 0.1, 0.2)  # of the dollar against the year before the tariff
FLOORS = (0.0, 0.05, 0.1, 0.15, 0.2)
STEPS = 6  # slopes, from none to twice that of the policy
PROBABILITIES = (0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
LIVES = (1.0, 2.0, 5.0, 10.0, 20.0)


def duty_and_currency(
    case: Case,
    maker: str,
    *,
    rates: Sequence[float] = RATES,
    per_usd: Sequence[float] | None = None,
    valuation: Valuation | None = None,
) -> pd.DataFrame:
    """Operating profit and earnings per share of a maker, by duty rate and exchange rate.

    Parameters
    ----------
    rates : sequence of float
        Average duty on the customs value of imported vehicles, fractions.
    per_usd : sequence of float, optional
        Home currency per dollar. Default: `MOVES` about the mean of the year before the tariff.

    Returns
    -------
    DataFrame
        As `currency.grid`, for the one maker indexed by `rate` and `per_usd`.

    Raises
    ------
    DataError
        As `currency.grid`; a maker that reports in dollars, of which no exchange rate is asked.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = tm.two_way.duty_and_currency(tm.case(), "Toyota", rates=[0.0, 0.15], per_usd=[140.0, 150.0])
    >>> found.shape[0], bool(found["operating_profit_bn"].diff().iloc[1] > 0)  # a dearer dollar helps
    (4, True)
    """
    _known(case, maker)
    unit = str(case.facts.makers.at[maker, "reporting_currency"])
    if unit == "USD":
        raise DataError(f"{maker} reports in dollars: no exchange rate to set its duty against; ask another")
    base = fx_rate(case.facts, unit, periods.parse(currency.BASE), case.as_of)
    spots = [base * (1 + move) for move in MOVES] if per_usd is None else per_usd
    found = currency.grid(case, [maker], rates=rates, per_usd=spots, valuation=valuation)
    return found.droplevel("maker")


def slope_and_floor(
    case: Case, maker: str, *, slopes: Sequence[float] | None = None, floors: Sequence[float] = FLOORS
) -> pd.DataFrame:
    """Bill of a maker by slope and floor of the relief of a case's policy, all else as it is.

    Parameters
    ----------
    slopes : sequence of float, optional
        Rate per unit of contribution. Default: `STEPS` from none to twice that of the policy.
    floors : sequence of float
        Lowest rates, fractions of customs value.

    Returns
    -------
    DataFrame
        Indexed by `slope` and `floor`: `bill_usd` over the counterfactual of the case, at central inputs.

    Raises
    ------
    PolicyError
        If the policy has not one relief with a slope.
    DataError
        An unknown maker.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case("japan-flexible-linear-firm", period="CY2027")
    >>> found = tm.two_way.slope_and_floor(asked, "Toyota", slopes=[0.0, 0.2], floors=[0.0, 0.1])
    >>> bool(found.loc[(0.2, 0.0), "bill_usd"] <= found.loc[(0.2, 0.1), "bill_usd"])
    True
    """
    _known(case, maker)
    sloping = [entry for entry in case.policy.relief if entry.schedule != "tiered"]
    if len(sloping) != 1:
        raise PolicyError(
            f"{case.policy.name} has {len(sloping)} reliefs with a slope, and one is needed; "
            "ask a policy such as japan-flexible-linear-firm"
        )
    entry = sloping[0]
    steps = np.linspace(0, 2 * entry.slope, STEPS) if slopes is None else np.asarray(slopes, dtype=float)
    cells = pd.MultiIndex.from_product([steps, floors], names=["slope", "floor"])
    key = f"relief.{entry.id}."
    varied = {key + name: cells.get_level_values(name).to_numpy(dtype=float) for name in ("slope", "floor")}
    bills = exposure.sweep(case, varied)[maker].to_numpy()
    return pd.DataFrame({"bill_usd": bills}, index=cells)


def probability_and_life(
    case: Case,
    maker: str,
    *,
    probabilities: Sequence[float] = PROBABILITIES,
    lives: Sequence[float] = LIVES,
    valuation: Valuation | None = None,
) -> pd.DataFrame:
    """Value to a maker's shareholders of what it books, by probability of the policy and years it lasts.

    Parameters
    ----------
    probabilities : sequence of float
        That the policy takes effect and lasts, fractions: in place of the `persistence` of a valuation.
    lives : sequence of float
        Years.
    valuation : Valuation, optional
        All else that turns cost into value. Default: the central figures of `valuation.inputs`.

    Returns
    -------
    DataFrame
        Indexed by `probability` and `life_years`: `value_usd` (negative: the policy costs),
        `value_low_usd`, `value_high_usd` from the validated range of what is booked, and
        `share_of_market_cap`, value over market value (missing without prices).

    Notes
    -----
    Value = −cost a year × (1 − τ)(1 − π) × p × A(T), see `pricing.implied_value`.

    Raises
    ------
    DataError
        An unknown maker; as `pricing.implied_value`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = tm.two_way.probability_and_life(tm.case(), "Toyota", probabilities=[0.5, 1.0], lives=[5.0])
    >>> half, whole = found["value_usd"]
    >>> bool(np.isclose(2 * half, whole)), bool(whole < 0)
    (True, True)
    """
    _known(case, maker)
    cells = pd.MultiIndex.from_product([probabilities, lives], names=["probability", "life_years"])
    terms = valuation or values.central(case.facts)
    cost, each = booked.table(case), pd.RangeIndex(len(cells))
    yearly = {
        f"delta_bill{end}_usd": np.full(len(cells), cost[f"booked{end}_usd"][maker] / case.period.years)
        for end in ("", "_low", "_high")
    }

    def own(name: str) -> float:
        held = getattr(terms, name)
        return float(held[maker] if isinstance(held, pd.Series) else held)

    fixed = {
        name: own(name) for name in ("tax_rate", "discount_rate", "pass_through", "growth", "phase_out_years")
    }
    chance, life = (
        pd.Series(cells.get_level_values(name).to_numpy(dtype=float), each)
        for name in ("probability", "life_years")
    )
    valued = Valuation(**fixed, life_years=life, persistence=chance)
    found = pricing.implied_value(pd.DataFrame(yearly, index=each), valued)
    cap = market_value(case.facts, case.as_of)["market_cap_usd"].get(maker, np.nan)
    frame = pd.DataFrame(
        {
            "value_usd": found["implied_usd"].to_numpy(),
            "value_low_usd": found["implied_low_usd"].to_numpy(),
            "value_high_usd": found["implied_high_usd"].to_numpy(),
        },
        index=cells,
    )
    return frame.assign(share_of_market_cap=frame["value_usd"] / cap)


def _known(case: Case, maker: str) -> None:
    if maker not in case.facts.makers.index:
        raise DataError(f"{maker!r} is not a maker; choose from {', '.join(case.facts.makers.index)}")
