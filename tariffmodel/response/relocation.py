"""Is it worth moving: how long must a tariff last to pay for a plant?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import Facts
from tariffmodel.response import capacity

FloatOrArray = float | np.ndarray


def break_even_years(
    saved_usd: FloatOrArray,
    capital_usd: FloatOrArray,
    discount_rate: float = 0.08,
    months: FloatOrArray = 0.0,
) -> np.ndarray:
    """Years L that a tariff must last: saved × A(L − m/12) / (1 + r)^(m/12) = capital.

    Parameters
    ----------
    saved_usd : float or array
        Duty saved less higher cost, USD a vehicle.
    capital_usd : float or array
        USD per vehicle of yearly capacity.
    discount_rate : float
        A year, above zero.
    months : float or array
        Until the first vehicles, in which nothing is saved.

    Returns
    -------
    array
        Years; infinite where no life is long enough.

    Notes
    -----
    A(L) = (1 − (1 + r)^−L) / r, an annuity in arrears (Brealey, Myers and Allen 2020, ch. 2).

    Raises
    ------
    DataError
        If the discount rate is not above zero, or capital or months are below it.

    Examples
    --------
    >>> saved = 28_000 * np.array([0.15, 0.25]) - 573
    >>> [break_even_years(saved, capital).round(1).tolist() for capital in (18_467, 10_000)]
    [[6.8, 3.4], [3.2, 1.7]]
    """
    capital, wait = np.asarray(capital_usd, dtype=float), np.asarray(months, dtype=float) / 12
    if not discount_rate > 0 or (capital < 0).any() or (wait < 0).any():
        raise DataError(
            "a break-even life needs a discount rate above 0, and capital and months not below it"
        )
    saved = np.asarray(saved_usd, dtype=float)
    grown = capital * (1 + discount_rate) ** wait
    with np.errstate(divide="ignore", invalid="ignore"):
        share = grown * discount_rate / saved
        years = -np.log1p(-np.minimum(share, 1.0)) / np.log1p(discount_rate)
    return np.asarray(np.where(saved > 0, np.where(share < 1, years + wait, np.inf), np.inf))


def hurdle(discount_rate: float = 0.08, volatility: float = 0.2, payout: float | None = None) -> float:
    """By how much what is saved must exceed the capital before it is right to stop waiting: β / (β − 1).

    Parameters
    ----------
    discount_rate : float
        A year.
    volatility : float
        Standard deviation of the yearly change of the value of what is saved, as a fraction. Nobody
        publishes it; the default is an assumption.
    payout : float, optional
        What is saved in a year over its value, lost by waiting. Default: the discount rate, that of a saving
        that lasts for ever and does not grow.

    Notes
    -----
    β = ½ − (r − δ)/σ² + √(((r − δ)/σ² − ½)² + 2r/σ²) (Dixit and Pindyck 1994, ch. 5, eq. 15).

    Raises
    ------
    DataError
        If a parameter is not above zero.

    Examples
    --------
    >>> round(hurdle(0.04, 0.2, 0.04), 2), round(hurdle(0.08, 1e-6), 2)
    (2.0, 1.0)
    """
    lost = discount_rate if payout is None else payout
    if not (discount_rate > 0 and volatility > 0 and lost > 0):
        raise DataError("the option to wait needs a discount rate, a volatility and a payout above 0")
    drift = (discount_rate - lost) / volatility**2
    beta = 0.5 - drift + np.sqrt((drift - 0.5) ** 2 + 2 * discount_rate / volatility**2)
    return float(beta / (beta - 1))


def table(
    facts: Facts,
    origin: str,
    value_usd: float,
    rates: Sequence[float] = (0.15, 0.25),
    *,
    gap_usd: Sequence[float] | None = None,
    discount_rate: float = 0.08,
    volatility: float = 0.2,
    implied_years: float | None = None,
) -> pd.DataFrame:
    """Break-even life of every option at several rates, with ranges, the option to wait, and months to build.

    Parameters
    ----------
    origin : str
        Where the vehicle comes from now.
    value_usd : float
        Its customs value.
    rates : sequence of float
        All-in rates, fractions.
    gap_usd : three floats, optional
        Cost gap: low, central, high. Default: `capacity.cost_gap`.
    volatility : float
        See `hurdle`.
    implied_years : float, optional
        Life of the tariff that prices imply, such as from `pricing.implied_life`.

    Returns
    -------
    DataFrame
        Indexed by `rate` and `option`: `saved_usd` a vehicle; `years`, `years_low` at low gap and capital,
        `years_high` at high ones; `wait_years` with the hurdle of waiting; `months` to build with
        `months_low`, `months_high`; `with_building_years`, counted from the decision; `switch_gap_usd`, the
        gap above which no life pays for it; `sign_open`, whether the ends of the gap answer differently; with
        `implied_years` that life, and `pays`, whether it is longer than `with_building_years`.

    Raises
    ------
    DataError
        If the cost gap is not known, or value or rate is not above zero.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = tm.relocation.table(tm.facts.load(), "JP", 28_000, [0.15, 0.25], gap_usd=[573, 573, 573])
    >>> found["years"].unstack("rate").round(1).loc[["expand", "greenfield"]].to_numpy().tolist()
    [[3.2, 1.7], [6.8, 3.4]]
    """
    if not value_usd > 0 or not all(rate > 0 for rate in rates):
        raise DataError("value_usd and rates must be above zero")
    moves = capacity.moves(facts)
    gap = np.asarray(capacity.cost_gap(facts, origin) if gap_usd is None else gap_usd, dtype=float)
    if len(gap) != 3 or not (np.diff(gap) >= 0).all():
        raise DataError("gap_usd is three numbers, low to high")
    multiple = hurdle(discount_rate, volatility)
    capital, months = moves["capital_usd"].to_numpy(), moves["months"].to_numpy()
    blocks = []
    for rate in rates:
        saved = value_usd * rate - gap
        cheap, dear = (
            break_even_years(saved[end], moves[name].to_numpy(), discount_rate)
            for end, name in ((0, "capital_low_usd"), (2, "capital_high_usd"))
        )
        block = pd.DataFrame(
            {
                "saved_usd": saved[1],
                "years": break_even_years(saved[1], capital, discount_rate),
                "years_low": cheap,
                "years_high": dear,
                "wait_years": break_even_years(saved[1], multiple * capital, discount_rate),
                "months": months,
                "months_low": moves["months_low"],
                "months_high": moves["months_high"],
                "with_building_years": break_even_years(saved[1], capital, discount_rate, months),
                "switch_gap_usd": value_usd * rate - discount_rate * capital,
                "sign_open": np.isfinite(cheap) & ~np.isfinite(dear),
            },
            index=moves.index,
        )
        blocks.append(block)
    found = pd.concat(blocks, keys=list(rates), names=["rate", "option"])
    if implied_years is not None:
        found["implied_years"] = implied_years
        found["pays"] = found["with_building_years"] <= implied_years
    return found
