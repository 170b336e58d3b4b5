"""How much of what a change of the bill is worth did the market price?

Signs: a bill that rises is worth less than nothing to shareholders. An input that is missing for a
maker leaves its results empty.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from scipy import stats

from tariffmodel.errors import DataError
from tariffmodel.response import net_bill
from tariffmodel.tariff.case import Case, PerMaker, Valuation


def implied_value(delta_bill: pd.DataFrame, valuation: Valuation | None = None) -> pd.DataFrame:
    """What a change of the yearly bill is worth to shareholders: ``−Δbill (1 − τ)(1 − π) A``.

    Parameters
    ----------
    delta_bill : DataFrame
        Indexed by maker: `delta_bill_usd` a year, positive when the bill rises, with
        `delta_bill_low_usd` and `delta_bill_high_usd`.
    valuation : Valuation, optional
        Tax τ, pass-through π, discount rate r, growth g, life T and phase-out P. Default: `Valuation()`.

    Returns
    -------
    DataFrame
        Indexed as `delta_bill`: `implied_usd` (negative when the bill rises), `implied_low_usd`,
        `implied_high_usd` (the range of the bill only) and `years_of_bill`, the factor A.

    Notes
    -----
    A = (1 − qᵀ) / (r − g) with q = (1 + g) / (1 + r): an annuity in arrears that grows at g from
    its second payment (Brealey, Myers and Allen 2020, ch. 2), T / (1 + r) when g = r. A straight
    fall over the last P years is the mean of A over lives from T − P to T.

    Raises
    ------
    DataError
        A fraction outside [0, 1], a life not above zero, growth not below the discount rate over
        an endless life, a phase-out longer than the life, a maker without its parameter.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> rise = {"delta_bill_usd": [100.0], "delta_bill_low_usd": [80.0], "delta_bill_high_usd": [130.0]}
    >>> forever = tm.Valuation(tax_rate=0.25, discount_rate=0.1, life_years=math.inf)
    >>> tm.pricing.implied_value(pd.DataFrame(rise, index=["Honda"]), forever).round(1).loc["Honda"].to_dict()
    {'implied_usd': -750.0, 'implied_low_usd': -975.0, 'implied_high_usd': -600.0, 'years_of_bill': 10.0}
    """
    columns = ["delta_bill_usd", "delta_bill_low_usd", "delta_bill_high_usd"]
    _needs(delta_bill, columns, "delta_bill")
    makers = delta_bill.index
    valued = valuation or Valuation()
    kept = _kept(makers, valued)
    life = _per_maker("life_years", valued.life_years, makers, 0.0, math.inf)
    fall = _per_maker("phase_out_years", valued.phase_out_years, makers, 0.0, math.inf)
    rate, rise = _rates(makers, valued)
    if (life == 0).any():
        raise DataError("life_years is 0; write a number of years above zero, or math.inf")
    if (np.isinf(life) & (rise >= rate)).any():
        raise DataError("growth is not below discount_rate and life_years is infinite: no finite value")
    if ((fall > life) | np.isinf(fall) | (np.isinf(life) & (fall > 0))).any():
        raise DataError("phase_out_years is longer than life_years, or of an endless life; shorten it")
    years = _annuity(rate, rise, life, fall)
    value = delta_bill[columns].mul(-kept * years, axis=0) + 0.0  # no negative zeros
    return pd.DataFrame(
        {
            "implied_usd": value["delta_bill_usd"],
            "implied_low_usd": value["delta_bill_high_usd"],
            "implied_high_usd": value["delta_bill_low_usd"],
            "years_of_bill": years,
        },
        index=makers,
    )


def implied_net(
    case: Case,
    response: str = "prices",
    valuation: Valuation | None = None,
    moved: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """`implied_value` of what is left of a case's bill once prices, or plants too, have moved.

    Parameters
    ----------
    response : str
        ``none`` (the gross bill), ``prices`` or ``plants``, see `net_bill`.
    moved : DataFrame, optional
        For ``plants``, see `equilibrium.table`.

    Raises
    ------
    DataError
        A pass-through beside a response: prices would count twice.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case(period="CY2025")
    >>> gross, net = (implied_net(asked, response)["implied_usd"] for response in ("none", "prices"))
    >>> bool(gross["Toyota"] < net["Toyota"] < 0)
    True
    """
    if response != "none" and valuation is not None and np.any(valuation.pass_through):
        raise DataError(
            f"pass_through beside response {response!r} counts higher prices twice; leave it at 0"
        )
    return implied_value(net_bill.yearly(case, response, moved), valuation)


def implied_life(
    delta_bill_usd: pd.Series, market_usd: pd.Series, valuation: Valuation | None = None
) -> pd.Series:
    """Years for which the change of the bill must last to be worth what the market moved.

    `implied_value` solved for the life: T = ln(1 − m (r − g)) / ln q, where m is the market's move
    over the yearly change after tax, of the opposite sign. Infinite where even an endless bill is
    worth less than the move; empty where the move has the wrong sign or the bill does not change.

    Parameters
    ----------
    delta_bill_usd, market_usd : Series by maker
        Yearly change of the bill, and the abnormal change of market value (CAR × market value).
    valuation : Valuation, optional
        Tax, pass-through, discount rate and growth; its life and phase-out play no part.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> bill, moved = pd.Series({"Honda": 100.0, "BMW": 100.0}), pd.Series({"Honda": -300.0, "BMW": 50.0})
    >>> tm.pricing.implied_life(bill, moved).round(1).to_dict()
    {'Honda': 5.0, 'BMW': nan}
    """
    makers = delta_bill_usd.index
    valued = valuation or Valuation()
    rate, rise = _rates(makers, valued)
    yearly = -delta_bill_usd.to_numpy(dtype=float) * _kept(makers, valued)
    move = market_usd.reindex(makers).to_numpy(dtype=float)
    gap = rate - rise
    with np.errstate(divide="ignore", invalid="ignore"):
        multiple = move / yearly
        curved = np.log1p(-np.minimum(multiple * gap, 1)) / (np.log1p(rise) - np.log1p(rate))
        years = np.where(gap == 0, multiple * (1 + rate), curved)
    solved = (multiple >= 0) & (yearly != 0)
    return pd.Series(np.where(solved, years, np.nan), makers, name="implied_life_years")


def priced(
    implied: pd.DataFrame,
    car: pd.Series,
    standard_error: pd.Series,
    market_cap_usd: pd.Series,
    *,
    range_level: float = 0.95,
    level: float = 0.95,
) -> pd.DataFrame:
    """How much of the implied value the market priced.

    Parameters
    ----------
    implied : DataFrame
        From `implied_value`.
    car, standard_error : Series by maker
        Abnormal return (simple, fraction) and its standard error with prediction error.
    market_cap_usd : Series by maker
        At the last close before the event.
    range_level : float
        Probability with which the range of the bill is taken to hold its true value: half its
        width, over the normal quantile, is the standard error of the implied value.
    level : float
        Of the intervals and the verdict.

    Returns
    -------
    DataFrame
        Indexed as `implied`: its values; `market_usd` = CAR × market value with `market_low_usd`,
        `market_high_usd`; `share_priced` = market / implied with `share_low`, `share_high`;
        `residual_share_of_market_cap` = (market − implied) / market value; its `z`; and `verdict`:
        "too little", "too much" or "wrong way" when the interval excludes 1 (the last when it also
        lies below 0), "in line" when it holds 1 and not 0, "cannot tell" when it holds both,
        "no change implied" when the bill does not change and "no data" when an input is missing.

    Notes
    -----
    Interval of a ratio by Fieller (1954), the two errors independent: all θ with
    (M − θV)² ≤ c² (s_M² + θ² s_V²). It is unbounded when V itself may be zero. 1 is outside exactly
    when |z| > c, z = (M − V) / √(s_M² + s_V²).

    Examples
    --------
    >>> import tariffmodel as tm
    >>> implied = {"implied_usd": [-4.0], "implied_low_usd": [-5.0], "implied_high_usd": [-3.0]}
    >>> car, error, worth = (pd.Series({"Honda": figure}) for figure in (-0.02, 0.005, 50.0))
    >>> found = tm.pricing.priced(pd.DataFrame(implied, index=["Honda"]), car, error, worth)
    >>> float(found.at["Honda", "share_priced"]), found.at["Honda", "verdict"]
    (0.25, 'too little')
    """
    _needs(implied, ["implied_usd", "implied_low_usd", "implied_high_usd"], "implied")
    for name, share in (("level", level), ("range_level", range_level)):
        if not 0 < share < 1:
            raise DataError(f"{name} is {share}; write a fraction such as 0.95")
    makers = implied.index
    move, error, worth = (series.reindex(makers) for series in (car, standard_error, market_cap_usd))
    if (error <= 0).any() or (worth <= 0).any():
        raise DataError("standard_error and market_cap_usd must be above zero; leave a maker out instead")
    cut = stats.norm.ppf((1 + level) / 2)
    value, market, error_usd = implied["implied_usd"], move * worth, error * worth
    width = implied["implied_high_usd"] - implied["implied_low_usd"]
    if (width < 0).any():
        raise DataError(f"implied_low_usd is above implied_high_usd for {width.idxmin()}; exchange them")
    spread = width / 2 / stats.norm.ppf((1 + range_level) / 2)
    low, high = _fieller(market, error_usd, value, spread, cut)
    changes = value != 0
    frame = implied[["implied_usd", "implied_low_usd", "implied_high_usd"]].assign(
        market_usd=market,
        market_low_usd=market - cut * error_usd,
        market_high_usd=market + cut * error_usd,
        share_priced=(market / value).where(changes),
        share_low=low.where(changes),
        share_high=high.where(changes),
        residual_share_of_market_cap=(market - value) / worth,
        z=(market - value) / np.hypot(error_usd, spread),
    )
    verdicts = {
        "no data": frame["z"].isna(),
        "no change implied": ~changes,
        "wrong way": high < 0,
        "too little": high < 1,
        "too much": low > 1,
        "cannot tell": low <= 0,
    }
    return frame.assign(verdict=np.select(list(verdicts.values()), list(verdicts), "in line"))


def _fieller(
    top: pd.Series, top_error: pd.Series, bottom: pd.Series, bottom_error: pd.Series, cut: float
) -> tuple[pd.Series, pd.Series]:
    bounded = bottom**2 - (cut * bottom_error) ** 2
    root = np.sqrt(((top * bottom) ** 2 - bounded * (top**2 - (cut * top_error) ** 2)).clip(lower=0))
    low, high = ((top * bottom + sign * root) / bounded.where(bounded > 0) for sign in (-1, 1))
    return low.where(bounded > 0, -math.inf), high.where(bounded > 0, math.inf)


def _annuity(rate: np.ndarray, rise: np.ndarray, life: np.ndarray, fall: np.ndarray) -> np.ndarray:
    step = np.log1p(rise) - np.log1p(rate)  # ln q
    full, z = life - fall, step * fall
    with np.errstate(divide="ignore", invalid="ignore"):
        # mean of e^(zu) - 1 over u in (0, 1); its series where the difference would cancel
        faded = np.where(np.abs(z) < 1e-3, z / 2 + z**2 / 6 + z**3 / 24, (np.expm1(z) - z) / z)
        value = -(np.expm1(step * full) + np.exp(step * full) * faded) / (rate - rise)
        return np.asarray(np.where(rate == rise, (life - fall / 2) / (1 + rate), value))


def _kept(makers: pd.Index, valued: Valuation) -> np.ndarray:
    """Part of the bill that shareholders bear."""
    tax = _per_maker("tax_rate", valued.tax_rate, makers, 0.0, 1.0)
    passed = _per_maker("pass_through", valued.pass_through, makers, 0.0, 1.0)
    return np.asarray((1 - tax) * (1 - passed))


def _rates(makers: pd.Index, valued: Valuation) -> tuple[np.ndarray, np.ndarray]:
    rate = _per_maker("discount_rate", valued.discount_rate, makers, 0.0, 1.0)
    return rate, _per_maker("growth", valued.growth, makers, -0.99, 1.0)


def _per_maker(name: str, value: PerMaker, makers: pd.Index, low: float, high: float) -> np.ndarray:
    if isinstance(value, pd.Series):
        absent = makers.difference(value.dropna().index)
        if len(absent):
            raise DataError(f"{name} has no value for {', '.join(map(str, absent))}; add it")
    given = value[makers].to_numpy() if isinstance(value, pd.Series) else value
    array = np.broadcast_to(np.asarray(given, dtype=float), len(makers))
    wrong = ~((array >= low) & (array <= high))
    if wrong.any():
        raise DataError(f"{name} is {array[wrong][0]:g}; expected a number from {low:g} to {high:g}")
    return array


def _needs(frame: pd.DataFrame, columns: list[str], what: str) -> None:
    absent = [name for name in columns if name not in frame]
    if absent:
        raise DataError(f"{what} has no column {absent[0]}; it has {', '.join(map(str, frame.columns))}")
