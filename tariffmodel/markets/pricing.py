"""How much of what a change of the bill is worth did the market price?

Signs: a bill that rises is worth less than nothing to shareholders. An input that is missing for a
maker leaves its results empty. What cannot be read is not printed as if it could: see `priced`.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from scipy import stats

from tariffmodel.errors import DataError
from tariffmodel.response import net_bill
from tariffmodel.stats import shrinkage
from tariffmodel.tariff.case import Case, PerMaker, Valuation

IMPLAUSIBLE = 0.5  # of market value: a bill that implies more says that an input is wrong
IMPOSSIBLE, UNREADABLE = "inputs cannot be right", "cannot be read"


def implied_value(delta_bill: pd.DataFrame, valuation: Valuation | None = None) -> pd.DataFrame:
    """What a change of the yearly bill is worth to shareholders: ``−Δbill (1 − τ)(1 − π) p A``.

    At one value of each parameter; `valuation.draws` values it under all that they may be.

    Parameters
    ----------
    delta_bill : DataFrame
        Indexed by maker: `delta_bill_usd` a year, positive when the bill rises, with
        `delta_bill_low_usd` and `delta_bill_high_usd`.
    valuation : Valuation, optional
        Tax τ, pass-through π, persistence p, discount rate r, growth g, life T and phase-out P. Default:
        `Valuation()`.

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
    makers, valued = delta_bill.index, valuation or Valuation()
    per_dollar = value_per_dollar(makers, valued)
    value = delta_bill[columns].mul(-per_dollar, axis=0) + 0.0  # no negative zeros
    return pd.DataFrame(
        {
            "implied_usd": value["delta_bill_usd"],
            "implied_low_usd": value["delta_bill_high_usd"],
            "implied_high_usd": value["delta_bill_low_usd"],
            "years_of_bill": _years(makers, valued),
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


def value_per_dollar(makers: pd.Index, valuation: Valuation) -> np.ndarray:
    """Value that a dollar of yearly bill takes from shareholders, (1 − τ)(1 − π) p A, by maker.

    Full pricing is a slope of minus this of abnormal returns on the change of the bill over market value.

    Raises
    ------
    DataError
        As `implied_value`.

    Examples
    --------
    >>> value_per_dollar(pd.Index(["Honda"]), Valuation(0.25, 0.1, math.inf)).round(6).tolist()
    [7.5]
    """
    return np.asarray(kept(makers, valuation) * _years(makers, valuation))


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
        Tax, pass-through, persistence, discount rate and growth; its life and phase-out play no part.

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
    yearly = -delta_bill_usd.to_numpy(dtype=float) * kept(makers, valued)
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
    level: float = 0.95,
    seed: int = 1,
) -> pd.DataFrame:
    """How much of the implied value the market priced, where that can be read at all.

    Parameters
    ----------
    implied : DataFrame (draws, makers)
        From `valuation.draws`: what the change may be worth, USD, with all that is not known of it.
    car, standard_error : Series by maker
        Abnormal return (simple, fraction) and its standard error with prediction error, normal.
    market_cap_usd : Series by maker
        At the last close before the event.
    level : float
        Of the intervals and the verdict.
    seed : int
        Of the order in which errors of the return meet the draws.

    Returns
    -------
    DataFrame
        Indexed by maker: `implied_usd` (median) with `implied_low_usd`, `implied_high_usd`;
        `market_usd` = CAR × market value with `market_low_usd`, `market_high_usd`; `share_priced` = market /
        implied (median of the draws) with `share_low`, `share_high`; `residual_share_of_market_cap` =
        (market − implied) / market value and its `z`; `verdict`; and `reading`, why a share is not
        printed, empty where it is.

        The verdict is "no data" where an input is missing and "no change implied" where the bill does
        not change; "inputs cannot be right" where the bill implies more of market value than can be
        (`implausible`); "cannot be read" where the implied value may be zero or where even full pricing
        would be a move inside the return's noise. Of the rest "too little", "too much" or "wrong way" when
        the interval of the share leaves out 1 (the last when it also lies below 0), "in line" when it holds 1
        and not 0, and "cannot tell" when it holds both.

    Examples
    --------
    >>> implied = pd.DataFrame({"Honda": [-4.2, -4.0, -3.8, -4.0], "Mazda": [-50.0, -40.0, -30.0, -40.0]})
    >>> car, error = pd.Series({"Honda": -0.02, "Mazda": -0.01}), pd.Series(0.005, ["Honda", "Mazda"])
    >>> found = priced(implied, car, error, pd.Series(50.0, ["Honda", "Mazda"]))
    >>> found["share_priced"].round(1).tolist(), found["verdict"].tolist()
    ([0.3, nan], ['too little', 'inputs cannot be right'])
    """
    if not 0 < level < 1:
        raise DataError(f"level is {level}; write a fraction such as 0.95")
    makers = implied.columns
    move, error, worth = (series.reindex(makers) for series in (car, standard_error, market_cap_usd))
    if (error <= 0).any() or (worth <= 0).any():
        raise DataError("standard_error and market_cap_usd must be above zero; leave a maker out instead")
    ends = [0.5, (1 - level) / 2, (1 + level) / 2]
    cut = stats.norm.ppf(ends[2])
    value = implied.to_numpy(dtype=float)
    drawn = _normal(move * worth, error * worth, len(value), seed)
    middle, low, high = np.quantile(value, ends, axis=0)
    gap = drawn - value
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.quantile(drawn / value, ends, axis=0)
    market = move * worth
    frame = pd.DataFrame(
        {
            "implied_usd": middle,
            "implied_low_usd": low,
            "implied_high_usd": high,
            "market_usd": market,
            "market_low_usd": market - cut * error * worth,
            "market_high_usd": market + cut * error * worth,
            **dict(zip(("share_priced", "share_low", "share_high"), share, strict=True)),
            "residual_share_of_market_cap": (market - middle) / worth,
            "z": gap.mean(axis=0) / gap.std(axis=0, ddof=1),
        },
        index=makers.rename("maker"),
    )
    reading = _reading(frame, worth, cut * error)
    figures = ["share_priced", "share_low", "share_high", "residual_share_of_market_cap", "z"]
    frame[figures] = frame[figures].where(reading == "")
    verdicts = {
        "no data": frame["market_usd"].isna() | np.isnan(middle),
        "no change implied": (value == 0).all(axis=0),
        IMPOSSIBLE: reading.str.startswith(IMPOSSIBLE),
        UNREADABLE: reading != "",
        "wrong way": frame["share_high"] < 0,
        "too little": frame["share_high"] < 1,
        "too much": frame["share_low"] > 1,
        "cannot tell": frame["share_low"] <= 0,
    }
    return frame.assign(
        verdict=np.select(list(verdicts.values()), list(verdicts), "in line"), reading=reading
    )


def implausible(share: float, low: float = 0.0) -> str:
    """What a change of value by so much of market value says of the inputs; empty if nothing.

    Parameters
    ----------
    share, low : float
        The change, and the low end of its interval. More than `IMPLAUSIBLE` either way says that an input
        is wrong, and so does an interval that holds the loss of more than all there is.

    Examples
    --------
    >>> implausible(-0.7), implausible(-0.1)
    ('inputs cannot be right: they imply -70% of market value', '')
    >>> implausible(-0.4, -1.1)
    'inputs cannot be right: they imply -40% of market value, and may imply -110%'
    """
    if abs(share) > IMPLAUSIBLE:
        return f"{IMPOSSIBLE}: they imply {share:+.0%} of market value"
    if low < -1:
        return f"{IMPOSSIBLE}: they imply {share:+.0%} of market value, and may imply {low:+.0%}"
    return ""


def pooled(found: pd.DataFrame, level: float = 0.95) -> shrinkage.Pooled:
    """Shares priced, each drawn towards what makers (or events) have in common.

    Parameters
    ----------
    found : DataFrame
        From `priced`, or several under each other; rows that cannot be read are left out. The standard
        error of a share is half its interval over the normal quantile. The errors are taken as independent,
        although life, pass-through and the others are one draw for all makers: over makers of one
        event the error of the mean is too small by that.
    level : float
        Of those intervals.

    Raises
    ------
    DataError
        Fewer than four shares that can be read, see `shrinkage.pooled`.

    Examples
    --------
    >>> share = pd.Series([0.2, 0.5, 0.9, 0.4], ["Honda", "Kia", "Mazda", "Toyota"])
    >>> shares = pd.DataFrame({"share_priced": share, "share_low": share - 0.5, "share_high": share + 0.5})
    >>> found = pooled(shares)
    >>> round(found.mean, 2), round(found.tau, 2)
    (0.5, 0.15)
    """
    rows = found[found["share_priced"].notna()]
    error = (rows["share_high"] - rows["share_low"]) / 2 / stats.norm.ppf((1 + level) / 2)
    return shrinkage.pooled(rows["share_priced"], error, level=level)


def _reading(frame: pd.DataFrame, worth: pd.Series, noise: pd.Series) -> pd.Series:
    """Why a share cannot be read, empty where it can; `noise` is the half-interval of the return."""
    implied = frame["implied_usd"] / worth
    low, high = frame["implied_low_usd"], frame["implied_high_usd"]
    said = pd.Series("", frame.index)
    for maker in frame.index[frame["market_usd"].notna() & implied.notna() & ((low != 0) | (high != 0))]:
        size = abs(implied[maker])
        if wrong := implausible(implied[maker], low[maker] / worth[maker]):
            said[maker] = wrong
        elif not (low[maker] > 0 or high[maker] < 0):
            said[maker] = f"{UNREADABLE}: what the bill is worth may be nothing"
        elif size < noise[maker]:
            said[maker] = (
                f"{UNREADABLE}: full pricing would be a move of {size:.1%}, inside the noise of "
                f"{noise[maker]:.1%} either way"
            )
    return said


def _normal(mean: pd.Series, error: pd.Series, n: int, seed: int) -> np.ndarray:
    """The n mid-quantiles of normal variables in an order of chance, (n, makers)."""
    order = np.random.default_rng(seed).permuted(np.tile(np.arange(n)[:, None], (1, len(mean))), axis=0)
    z = stats.norm.ppf((np.arange(n) + 0.5) / n)
    return np.asarray(mean.to_numpy() + error.to_numpy() * z[order])


def annuity(rate: np.ndarray, rise: np.ndarray, life: np.ndarray, fall: np.ndarray) -> np.ndarray:
    """Present value of a yearly dollar, by elements: see the notes of `implied_value`.

    Parameters
    ----------
    rate, rise : array
        Discount rate and growth, a year.
    life, fall : array
        Years, and those at the end over which it falls to zero.

    Examples
    --------
    >>> one = np.ones(1)
    >>> annuity(0.08 * one, 0 * one, 5 * one, 0 * one).round(4).tolist()
    [3.9927]
    """
    step = np.log1p(rise) - np.log1p(rate)  # ln q
    full, z = life - fall, step * fall
    with np.errstate(divide="ignore", invalid="ignore"):
        # mean of e^(zu) - 1 over u in (0, 1); its series where the difference would cancel
        faded = np.where(np.abs(z) < 1e-3, z / 2 + z**2 / 6 + z**3 / 24, (np.expm1(z) - z) / z)
        value = -(np.expm1(step * full) + np.exp(step * full) * faded) / (rate - rise)
        return np.asarray(np.where(rate == rise, (life - fall / 2) / (1 + rate), value))


def _years(makers: pd.Index, valued: Valuation) -> np.ndarray:
    """The factor A of each maker."""
    life = _per_maker("life_years", valued.life_years, makers, 0.0, math.inf)
    fall = _per_maker("phase_out_years", valued.phase_out_years, makers, 0.0, math.inf)
    rate, rise = _rates(makers, valued)
    if (life == 0).any():
        raise DataError("life_years is 0; write a number of years above zero, or math.inf")
    if (np.isinf(life) & (rise >= rate)).any():
        raise DataError("growth is not below discount_rate and life_years is infinite: no finite value")
    if ((fall > life) | np.isinf(fall) | (np.isinf(life) & (fall > 0))).any():
        raise DataError("phase_out_years is longer than life_years, or of an endless life; shorten it")
    return annuity(rate, rise, life, fall)


def kept(makers: pd.Index, valued: Valuation) -> np.ndarray:
    """Part of the bill that shareholders must expect to bear: (1 − τ)(1 − π) p, by maker.

    >>> kept(pd.Index(["Honda"]), Valuation(tax_rate=0.25, pass_through=0.2)).round(6).tolist()
    [0.6]
    """
    tax = _per_maker("tax_rate", valued.tax_rate, makers, 0.0, 1.0)
    passed = _per_maker("pass_through", valued.pass_through, makers, 0.0, 1.0)
    lasts = _per_maker("persistence", valued.persistence, makers, 0.0, 1.0)
    return np.asarray((1 - tax) * (1 - passed) * lasts)


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
