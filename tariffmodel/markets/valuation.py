"""What turns a yearly cost into value, as distributions: tax, pass-through, life, persistence, discount rate.

``data/companies/valuation.csv`` gives each as low, central and high, with its source or marked as
estimated. `inputs` reads them by maker, `central` makes a `Valuation` of the central figures, and `draws`
values a change of the yearly cost under all of them at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from tariffmodel import facts as fact_tables
from tariffmodel import files
from tariffmodel.errors import DataError
from tariffmodel.facts import Facts, store
from tariffmodel.tariff import booked
from tariffmodel.tariff.case import Valuation

PARAMETERS = ("tax_rate", "pass_through", "life_years", "persistence", "discount_rate")
DRAWS = 4096  # a power of two, as Sobol's points want it
_TABLE = "companies/valuation.csv"
_COLUMNS = ["delta_bill_usd", "delta_bill_low_usd", "delta_bill_high_usd"]


def inputs(facts: Facts) -> pd.DataFrame:
    """What every maker's cost is valued with.

    Of the rows of ``data/companies/valuation.csv`` that apply to a maker the narrowest one counts: its
    own, then that of the country of its headquarters, then that of all.

    Returns
    -------
    DataFrame
        Indexed by parameter and maker: `low`, `central`, `high` (fractions, a year for the discount rate;
        `life_years` in years), `applies_to`, `quality`, `source_title`, `note`.

    Raises
    ------
    DataError
        Faults of the table, or a maker without a parameter.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> rows = tm.valuation.inputs(tm.facts.load())
    >>> rows.loc[("tax_rate", "Toyota"), ["applies_to", "quality"]].tolist()
    ['JP', 'reported']
    """
    from tariffmodel.facts.schemas import TABLES  # slow to import: only when data are read

    raw = files.csv(store.path(facts.folder, _TABLE))
    faults: list[fact_tables.Fault] = []
    rows = fact_tables.conform(raw, TABLES[_TABLE], f"data/{_TABLE}", faults)
    fact_tables.refuse(faults)
    kept = rows.set_index(["parameter", "applies_to"])
    makers = facts.makers["headquarters"]
    found = {}
    for parameter in PARAMETERS:
        for maker, country in makers.items():
            fitting = [name for name in (maker, country, "all") if (parameter, name) in kept.index]
            if not fitting:
                raise DataError(
                    f"data/{_TABLE} has no {parameter} for {maker}; add a row that applies to it, to "
                    f"{country} or to all"
                )
            found[parameter, maker] = (parameter, fitting[0])
    chosen = kept.loc[list(found.values())].reset_index("applies_to")
    index = pd.MultiIndex.from_tuples(found, names=["parameter", "maker"])
    return chosen.set_axis(index)[["low", "central", "high", "applies_to", "quality", "source_title", "note"]]


def central(facts: Facts) -> Valuation:
    """The central figures, by maker.

    >>> import tariffmodel as tm
    >>> float(tm.valuation.central(tm.facts.load()).tax_rate["Toyota"])
    0.2974
    """
    figures = inputs(facts)["central"]
    return Valuation(**{parameter: figures[parameter] for parameter in PARAMETERS})


def draws(
    facts: Facts,
    delta_bill: pd.DataFrame,
    *,
    widening: pd.Series | float = 1.0,
    fixed: Valuation | None = None,
    correlation: pd.DataFrame | None = None,
    n: int = DRAWS,
    seed: int = 0,
) -> pd.DataFrame:
    r"""What a change of the yearly cost is worth to shareholders, with all that is not known of it.

    Each parameter is triangular from its low over its central figure to its high. The change of the cost
    is normal on either side of its middle, half of it on each, so wide that the validated range holds
    `booked.PROBABILITY` of it. The points are Sobol's,
    scrambled (Owen 1997), one for all makers: the rows of a maker are its distribution, and what makers
    share of the parameters moves them together. For sums over makers give the `correlation` of their costs.

    Parameters
    ----------
    delta_bill : DataFrame
        Indexed by maker: `delta_bill_usd` a year, positive when the cost rises, with `delta_bill_low_usd` and
        `delta_bill_high_usd`.
    widening : Series by maker, or float
        By which the range of the inputs is validated, from `booked.widening`; 1: it is validated already.
    fixed : Valuation, optional
        Parameters that are taken as known, so that only the cost varies.
    correlation : DataFrame (makers, makers), optional
        Of the changes of their costs, from `booked.Joint.correlation`. Default: 1, one point for all.
    n : int
        Draws, a power of two.

    Returns
    -------
    DataFrame (n, makers)
        USD, negative where the cost rises.

    Notes
    -----
    .. math:: V = -\Delta\,(1 - \tau)(1 - \pi)\,p\,A(T, r)

    as in `pricing.implied_value`, growth and phase-out zero unless `fixed`.

    Raises
    ------
    DataError
        As `inputs` and `pricing.implied_value`; a low above its middle; an `n` that is no power of two.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> rise = {"delta_bill_usd": [1e9], "delta_bill_low_usd": [8e8], "delta_bill_high_usd": [13e8]}
    >>> worth = tm.valuation.draws(tm.facts.load(), pd.DataFrame(rise, index=["Toyota"]))["Toyota"]
    >>> len(worth), bool((worth <= 0).mean() > 0.99)
    (4096, True)
    """
    if n < 2 or n & (n - 1):
        raise DataError(f"n is {n}; write a power of two, such as {DRAWS}")
    from scipy.stats import qmc  # slow to import: only when values are drawn

    from tariffmodel.markets import pricing

    makers = delta_bill.index
    own = 1 if correlation is None else len(makers)
    points = qmc.Sobol(own + len(PARAMETERS), rng=np.random.default_rng(seed)).random(n)
    normal = ndtri(points[:, :own])
    if correlation is not None:
        values, vectors = np.linalg.eigh(correlation.loc[makers, makers].to_numpy(dtype=float))
        normal = normal @ (vectors * np.sqrt(values.clip(0)) @ vectors.T)  # the symmetric root
    change = _cost(delta_bill, widening, normal)
    if fixed is not None:
        per_dollar = pricing.value_per_dollar(makers, fixed)
        return pd.DataFrame(-change * per_dollar + 0.0, columns=makers)
    rows = inputs(facts)
    chosen = {
        parameter: _triangular(rows.loc[[parameter]].droplevel(0).reindex(makers), points[:, [place]])
        for place, parameter in enumerate(PARAMETERS, own)
    }
    return pd.DataFrame(-change * _per_dollar(chosen) + 0.0, columns=makers)


def quantiles(worth: pd.DataFrame, level: float = 0.95) -> pd.DataFrame:
    """Median and interval of what a change is worth, by maker.

    Parameters
    ----------
    worth : DataFrame (n, makers)
        From `draws`.
    level : float
        Probability inside the interval.

    Returns
    -------
    DataFrame
        Indexed by maker: `implied_usd`, the median, `implied_low_usd`, `implied_high_usd`.

    Examples
    --------
    >>> quantiles(pd.DataFrame({"Honda": [-3.0, -2.0, -1.0]}), level=0.5).loc["Honda"].tolist()
    [-2.0, -2.5, -1.5]
    """
    ends = worth.quantile([0.5, (1 - level) / 2, (1 + level) / 2]).T
    return ends.set_axis(["implied_usd", "implied_low_usd", "implied_high_usd"], axis=1)


def _per_dollar(chosen: Mapping[str, Any]) -> np.ndarray:
    """Value lost per dollar of yearly cost, (n, makers)."""
    from tariffmodel.markets import pricing

    kept = (1 - chosen["tax_rate"]) * (1 - chosen["pass_through"]) * chosen["persistence"]
    life, rate = chosen["life_years"], chosen["discount_rate"]
    return np.asarray(kept * pricing.annuity(rate, np.zeros_like(rate), life, np.zeros_like(life)))


def _cost(delta_bill: pd.DataFrame, widening: pd.Series | float, normal: np.ndarray) -> np.ndarray:
    """The change of the cost at standard normal points (n, 1 or makers), as (n, makers)."""
    low, middle, high = (
        delta_bill[name].to_numpy(dtype=float) for name in (_COLUMNS[1], _COLUMNS[0], _COLUMNS[2])
    )
    wrong = (low > middle) | (middle > high)
    if wrong.any():
        raise DataError(
            f"the range of the change of {delta_bill.index[wrong][0]}'s bill does not hold its middle; "
            "give low <= middle <= high"
        )
    factor = widening.reindex(delta_bill.index).to_numpy() if isinstance(widening, pd.Series) else widening
    reach = ndtri((1 + booked.PROBABILITY) / 2)
    below, above = (np.where(half > 0, factor * half, 0.0) / reach for half in (middle - low, high - middle))
    return np.asarray(middle + np.where(normal < 0, below, above) * normal)


def _triangular(rows: pd.DataFrame, at: np.ndarray) -> np.ndarray:
    """Quantiles (n, makers) of the triangular distributions of some makers at `at` (n, 1)."""
    low, mode, high = (rows[name].to_numpy(dtype=float) for name in ("low", "central", "high"))
    width = high - low
    before = np.divide(mode - low, width, out=np.full(len(rows), 0.5), where=width > 0)
    rising = low + np.sqrt(at * width * (mode - low))
    falling = high - np.sqrt((1 - at) * width * (high - mode))
    return np.asarray(np.where(at < before, rising, falling))
