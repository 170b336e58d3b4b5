"""What is a claim on the tariff itself worth, what hedges it, and which collar keeps the move that pays?

A claim pays by outcome: the duty rate on a day, or a maker's score. Its price needs probabilities that are
**priced** (risk-neutral); a belief set beside them tells the premium. No claim of this kind is listed: prices
here are those of a model, and the hedge says what it leaves. `state_prices`, `quanto` and `options` hold
formulas that know no tariff; `quotes` reads what is quoted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from tariffmodel.errors import DataError
from tariffmodel.facts import market_value
from tariffmodel.markets import currency, pricing
from tariffmodel.markets import valuation as values
from tariffmodel.markets.mimicking import SESSIONS_A_YEAR, Portfolio
from tariffmodel.stats import options, state_prices
from tariffmodel.tariff import comparison, exposure
from tariffmodel.tariff.case import Case, Valuation

__all__ = [
    "Claim",
    "Hedge",
    "MoveCollar",
    "collar",
    "hedge",
    "on_rate",
    "outcome_moves",
    "policy_premium",
    "rates_on",
    "relief_note",
]


@dataclass(frozen=True, eq=False)
class Claim:
    """What pays by outcome, and its price today.

    Attributes
    ----------
    table : DataFrame
        Indexed by outcome: `level` (of the rate or score), `probability` (priced), `payoff` in money at the
        end, `worth_today` (what the outcome adds to the price).
    price, price_low, price_high : float
        Money today; the ends under the ranges of the probabilities, equal to the price without ranges.
    years, interest : float
        Until payment, and the interest rate of that tenor, fraction a year, continuously compounded.

    Examples
    --------
    >>> claim = on_rate(pd.Series({"deal": 0.15, "no deal": 0.25}), {"deal": 0.7, "no deal": 0.3},
    ...                 notional=1e6, strike=0.25, years=1.0, interest=0.0)
    >>> claim.price, round(claim.worth({"deal": 0.8, "no deal": 0.2}))
    (300000.0, 200000)
    """

    table: pd.DataFrame
    price: float
    price_low: float
    price_high: float
    years: float
    interest: float

    def worth(self, belief: Mapping[str, float]) -> float:
        """Discounted mean payoff under a belief, by outcome: above the price, the claim is cheap to it."""
        p = _by_outcome(belief, self.table.index, "belief")
        return float(state_prices.claim(self.table["payoff"].to_numpy(), p, self.years, self.interest))


@dataclass(frozen=True)
class Hedge:
    """The holding of a portfolio that covers best what a sold claim pays, and what it leaves.

    Attributes
    ----------
    notional : float
        Of the portfolio, money; negative is short.
    payoff_sd, residual_sd : float
        Standard deviations, money, of what the seller pays: alone, and with the hedge.
    tracking_sd : float
        Part of the residual that is the portfolio's own noise over the tenor.

    Examples
    --------
    >>> Hedge(-5e6, 4e5, 2e5, 1e5).removed
    0.75
    """

    notional: float
    payoff_sd: float
    residual_sd: float
    tracking_sd: float

    @property
    def removed(self) -> float:
        """Share of the variance of the payoff that the hedge takes away."""
        return 1 - (self.residual_sd / self.payoff_sd) ** 2 if self.payoff_sd else 0.0


@dataclass(frozen=True, eq=False)
class MoveCollar:
    """A collar on dollars held that keeps the move of the currency which pays a maker's booked cost.

    Rates are home currency per dollar. With `notional_usd` N, spot S and `cap` S*, N (S* − S) is the cost of
    the next twelve months after tax, at S*. The call at the cap is sold. The put bought at `floor` costs what
    that brings; the put at spot costs `cost_at_spot` more than it, home currency.

    Attributes
    ----------
    cap_low, cap_high : float
        The rate that pays over the range of cost and position.
    carry : float
        N (forward − spot), home currency: what selling the dollars forward brings against spot.

    Examples
    --------
    >>> one = MoveCollar("Toyota", "JPY", 50e9, 150.0, 146.0, 158.0, 155.0, 163.0, 142.0, 1e11, -2e11, 4e11,
    ...                  0.1, 0.0, 1.0, 0.01, 0.0375)
    >>> list(one.gains(np.array([0.0]))[0]), one.inputs()["input"].iloc[0]
    (['unhedged', 'forward', 'put', 'collar'], 'Notional')
    """

    maker: str
    currency: str
    notional_usd: float
    spot: float
    forward: float
    cap: float
    cap_low: float
    cap_high: float
    floor: float
    cost_at_spot: float
    carry: float
    after_tax: float
    volatility: float
    volatility_error: float
    years: float
    interest_home: float
    interest_usd: float

    def gains(self, moves: np.ndarray) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        """What the dollars gain against today's rate, and the least and the most over the error of the quote.

        Returns
        -------
        three DataFrames
            Home currency, indexed by `move` (of the home currency per dollar, fraction): `unhedged`,
            `forward`, `put` (at the floor) and `collar`, as `charts.payoffs` takes them.
        """
        rate = self.spot * (1 + np.asarray(moves, dtype=float))
        parts = []
        for sigma in self.volatility + np.array([0.0, -self.volatility_error, self.volatility_error]):
            terms = (sigma, self.interest_home, self.interest_usd, self.years)
            floor = _floor(self.cap, self.spot, *terms)
            put = options.vanilla("put", self.spot, floor, *terms).price
            cost = put * np.exp(self.interest_home * self.years)
            columns = {
                "unhedged": rate,
                "forward": np.full_like(rate, self.forward),
                "put": np.maximum(rate, floor) - cost,
                "collar": np.clip(rate, floor, self.cap),
            }
            parts.append(
                (pd.DataFrame(columns, pd.Index(moves, name="move")) - self.spot) * self.notional_usd
            )
        value, one, other = parts
        return value, one.where(one <= other, other), one.where(one >= other, other)

    def inputs(self) -> pd.DataFrame:
        """Every input and price: `input`, `value`, `unit`, `source`."""
        pair, yearly = f"{self.currency} per USD", "fraction a year"
        rows = [
            ("Notional", self.notional_usd, "USD", "cost after tax over the move that pays it"),
            (
                "Cost after tax",
                self.after_tax,
                self.currency,
                "booked, next twelve months, at the rate that pays",
            ),
            ("Spot", self.spot, pair, "fixing of the day of the case"),
            ("Rate that pays, call sold", self.cap, pair, "spot and the offset of booked cost"),
            ("Rate that pays, lower end", self.cap_low, pair, "range of cost and position"),
            ("Rate that pays, upper end", self.cap_high, pair, "range of cost and position"),
            ("Floor, put bought", self.floor, pair, "price equal to the call's"),
            (
                "Put at spot less the call",
                self.cost_at_spot,
                self.currency,
                "Garman and Kohlhagen, from the inputs",
            ),
            ("Forward", self.forward, pair, "covered interest parity"),
            ("Carry", self.carry, self.currency, "notional times forward less spot"),
            ("Volatility", self.volatility, yearly, "given; one for all strikes"),
            (f"Interest rate {self.currency}", self.interest_home, yearly, "given"),
            ("Interest rate USD", self.interest_usd, yearly, "given"),
        ]
        return pd.DataFrame(rows, columns=["input", "value", "unit", "source"])


def rates_on(case: Case, policies: Mapping[str, str], origin: str, day: date | str) -> pd.Series:
    """All-in duty rate on cars from an origin on a day, by outcome.

    Parameters
    ----------
    policies : mapping of outcome to policy
        ``{"as it is": "current-law", "threat": "korea-25"}``.
    origin : str
        As in `exposure.car_rates`.

    Raises
    ------
    DataError
        No car imports from the origin.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case(period="CY2027")
    >>> rates_on(asked, {"law": "current-law", "threat": "korea-25"}, "KR", "2027-06-30").round(3).to_dict()
    {'law': 0.15, 'threat': 0.25}
    """
    found = {}
    for outcome, policy in policies.items():
        rates = exposure.car_rates(case.replace(policy=policy, period=str(day)), [origin])
        if origin not in rates:
            raise DataError(f"no cars come from {origin} on {day}; choose an origin of exposure.car_rates")
        found[outcome] = float(rates[origin].iloc[0])
    return pd.Series(found, name="rate").rename_axis("outcome")


def on_rate(
    rate: pd.Series,
    probability: Mapping[str, float],
    *,
    notional: float,
    strike: float,
    years: float,
    interest: float,
    pays: Literal["fixed", "excess"] = "fixed",
    low: Mapping[str, float] | None = None,
    high: Mapping[str, float] | None = None,
) -> Claim:
    """A claim on a duty rate: N if it is at least the strike, or N (rate − strike) above it.

    Parameters
    ----------
    rate : Series
        By outcome, fractions of value, such as `rates_on`.
    probability, low, high : mapping of outcome to probability
        Priced probabilities, and their ends where they have a range.
    notional : float
        N, money. ``"excess"`` pays N times the fraction by which the rate exceeds the strike.
    years, interest : float
        Until payment, and the caller's interest rate of that tenor.

    Raises
    ------
    DataError
        Outcomes without a probability, or probabilities that do not add to one.

    Examples
    --------
    >>> rates = pd.Series({"deal": 0.15, "no deal": 0.25})
    >>> claim = on_rate(rates, {"deal": 0.7, "no deal": 0.3}, notional=1e8, strike=0.15, years=0.5,
    ...                 interest=0.04, pays="excess", low={"deal": 0.6, "no deal": 0.2},
    ...                 high={"deal": 0.8, "no deal": 0.4})
    >>> [round(end / 1e6, 2) for end in (claim.price_low, claim.price, claim.price_high)]
    [1.96, 2.94, 3.92]
    """
    if pays not in ("fixed", "excess"):
        raise DataError(f"pays is {pays!r}; write 'fixed' or 'excess'")
    # a rate is a mean over makers: one of 25% may be 0.25 but for rounding
    above = rate.to_numpy(dtype=float) - strike
    payoff = np.where(above >= -1e-9, notional, 0.0) if pays == "fixed" else notional * np.maximum(above, 0.0)
    return _claim(rate, payoff, probability, low, high, years, interest)


def relief_note(
    score: pd.Series,
    probability: Mapping[str, float],
    *,
    face: float,
    coupon: float,
    least: float,
    most: float,
    years: float,
    interest: float,
    low: Mapping[str, float] | None = None,
    high: Mapping[str, float] | None = None,
) -> Claim:
    """A note that pays its face, and a coupon that rises with a maker's score.

    F + c (score − least) / (most − least), the share of the coupon within 0 and 1. `score` is by outcome,
    such as `contribution.score`; the coupon is earned from `least` on and in full at `most`. Other
    parameters as in `on_rate`.

    Examples
    --------
    >>> score = pd.Series({"as now": 0.4, "plant built": 0.6})
    >>> note = relief_note(score, {"as now": 0.5, "plant built": 0.5}, face=1000.0, coupon=100.0, least=0.3,
    ...                    most=0.7, years=1.0, interest=0.0)
    >>> note.table["payoff"].round(6).tolist(), round(note.price, 6)
    ([1025.0, 1075.0], 1050.0)
    """
    if not least < most:
        raise DataError(f"least is {least:g} and most {most:g}; expected least < most")
    earned = np.clip((score.to_numpy(dtype=float) - least) / (most - least), 0.0, 1.0)
    return _claim(score, face + coupon * earned, probability, low, high, years, interest)


def policy_premium(priced: Mapping[str, float], believed: Mapping[str, float]) -> pd.DataFrame:
    """Priced against believed probabilities of outcomes: the premium that the policy carries.

    Returns
    -------
    DataFrame
        Indexed by outcome: `probability`, `belief`, `difference`, and `ratio` (priced over believed: above
        one, a dollar in this outcome is dear).

    Examples
    --------
    >>> found = policy_premium({"deal": 0.7, "no deal": 0.3}, {"deal": 0.8, "no deal": 0.2})
    >>> found["ratio"].round(3).to_dict()
    {'deal': 0.875, 'no deal': 1.5}
    """
    index = pd.Index(priced, name="outcome")
    q, p = (_by_outcome(each, index, name) for each, name in ((priced, "priced"), (believed, "believed")))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = q / p
    return pd.DataFrame({"probability": q, "belief": p, "difference": q - p, "ratio": ratio}, index)


def outcome_moves(
    case: Case, portfolio: Portfolio, policies: Mapping[str, str], valuation: Valuation | None = None
) -> pd.Series:
    """Return of a tariff-mimicking portfolio by outcome, if shares move by the bill as valued.

    −Σ w (change of the yearly bill against the case's policy) × value per dollar / market value; fractions.

    Parameters
    ----------
    portfolio : Portfolio
        From `mimicking.portfolio`; names are makers.
    valuation : Valuation, optional
        Default: the central figures (`valuation.central`).

    Raises
    ------
    DataError
        A maker of the portfolio without a market value.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case(period="CY2027")
    >>> exposed = tm.exposure.table(asked)["share_of_market_cap"]
    >>> held = tm.mimicking.portfolio(*tm.mimicking.inputs(asked.facts, exposed))
    >>> moves = outcome_moves(asked, held, {"law": "current-law", "flat": "flat-25"})
    >>> float(moves["law"]), bool(moves["flat"] < 0)
    (0.0, True)
    """
    names = portfolio.weights.index
    meant = {outcome: case.beside(policy) for outcome, policy in policies.items()}
    others = {policy.name: policy for policy in meant.values() if policy.name != case.policy.name}
    yearly = comparison.bills(case, list(others.values())).reindex(names) / case.period.years
    worth = market_value(case.facts, case.as_of)["market_cap_usd"].reindex(names)
    if worth.isna().any() or yearly.isna().any().any():
        lacking = names[worth.isna() | yearly.isna().any(axis=1)][0]
        raise DataError(f"{lacking} has no market value or no bill; leave it out of the portfolio")
    per_dollar = pricing.value_per_dollar(names, valuation or values.central(case.facts))
    weight = portfolio.weights.to_numpy() * per_dollar / worth.to_numpy()
    moved = {
        outcome: float(weight @ (yearly[case.policy.name] - yearly[policy.name]).to_numpy())
        for outcome, policy in meant.items()
    }
    return pd.Series(moved, name="move").rename_axis("outcome")


def hedge(claim: Claim, moves: pd.Series, portfolio: Portfolio) -> Hedge:
    """The position in a portfolio that leaves the seller of a claim the least variance.

    h = cov_q(payoff, r) / (var_q(r) + σ²), with r the portfolio's return by outcome and σ its volatility over
    the tenor, which pays nothing: the noise that the hedge brings in.

    Parameters
    ----------
    moves : Series
        By outcome, such as `outcome_moves`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case(period="CY2027")
    >>> exposed = tm.exposure.table(asked)["share_of_market_cap"]
    >>> held = tm.mimicking.portfolio(*tm.mimicking.inputs(asked.facts, exposed))
    >>> claim = on_rate(pd.Series({"a": 0.15, "b": 0.25}), {"a": 0.7, "b": 0.3}, notional=1e6, strike=0.2,
    ...                 years=0.5, interest=0.03)
    >>> covered = hedge(claim, pd.Series({"a": 0.0, "b": -0.3}), held)
    >>> covered.notional < 0, covered.residual_sd < covered.payoff_sd
    (True, True)
    """
    q, payoff = claim.table["probability"].to_numpy(), claim.table["payoff"].to_numpy()
    r = _by_outcome(moves, claim.table.index, "moves", total=None)
    noise = portfolio.volatility(SESSIONS_A_YEAR * claim.years)
    paid, moved = payoff - q @ payoff, r - q @ r
    variance, covariance = float(q @ paid**2), float(q @ (paid * moved))
    held = covariance / (float(q @ moved**2) + noise**2)
    left = variance - held * covariance
    return Hedge(held, float(np.sqrt(variance)), float(np.sqrt(max(left, 0.0))), abs(held) * noise)


def collar(
    case: Case,
    maker: str,
    interest: Mapping[str, float],
    volatility: float,
    *,
    volatility_error: float = 0.0,
    years: float = 1.0,
    offsets: pd.DataFrame | None = None,
    valuation: Valuation | None = None,
) -> MoveCollar:
    """The collar on the currency move that pays a maker's booked cost of the next twelve months.

    The move from spot is that of `currency.offset`, B / (κ − B) of the rate. N = T (1 − τ) / ΔFX with T the
    cost in home currency at the rate that pays.

    Parameters
    ----------
    interest : mapping of currency to rate
        Of home currency and USD, fractions a year, continuously compounded.
    volatility, volatility_error : float
        Of home currency per dollar, such as ``quotes.volatility(...)``; fraction a year.
    years : float
        Tenor of the options.
    offsets : DataFrame, optional
        From `currency.offset`, where it is at hand or has positions estimated from shares.
    valuation : Valuation, optional
        Gives the tax rate. Default: the central figures.

    Raises
    ------
    DataError
        A maker whose cost no move pays, with the reason of `currency.offset`; a currency without an interest
        rate; a forward beyond the rate that pays, where no free floor lies below it.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case(period="CY2025")
    >>> one = collar(asked, "Toyota", {"JPY": 0.01, "USD": 0.0375}, 0.1)
    >>> one.floor < one.spot < one.cap
    True
    >>> bool(np.isclose(one.notional_usd * (one.cap - one.spot), one.after_tax))
    True
    """
    table = currency.offset(case) if offsets is None else offsets
    if maker not in table.index:
        raise DataError(f"no maker {maker!r}; there are {', '.join(table.index)}")
    row: Any = table.loc[maker]
    if row["reason"] or not np.isfinite(row["ahead_share"]):
        raise DataError(f"{maker}: {row['reason'] or 'no finite move pays the cost'}")
    home = str(row["currency"])
    for unit in (home, "USD"):
        if unit not in interest:
            raise DataError(f"no interest rate of {unit}; give one beside those of {', '.join(interest)}")
    spot = float(row["today"])
    cap, cap_low, cap_high = (
        spot * float(row[f"ahead_rate_needed{end}"] / row["base_per_usd"]) for end in ("", "_low", "_high")
    )
    tax = (valuation or values.central(case.facts)).tax_rate
    kept = 1 - float(tax[maker] if isinstance(tax, pd.Series) else tax)
    after_tax = float(row["ahead_usd"]) * cap * kept
    notional = after_tax / (cap - spot)
    terms = (volatility, interest[home], interest["USD"], years)
    forward = float(options.forward(spot, interest[home], interest["USD"], years))
    at_spot = (
        options.vanilla("put", spot, spot, *terms).price - options.vanilla("call", spot, cap, *terms).price
    )
    return MoveCollar(
        maker=maker, currency=home, notional_usd=notional, spot=spot, forward=forward, cap=cap,
        cap_low=cap_low, cap_high=cap_high, floor=_floor(cap, spot, *terms),
        cost_at_spot=float(at_spot) * notional, carry=notional * (forward - spot), after_tax=after_tax,
        volatility=volatility, volatility_error=volatility_error, years=years,
        interest_home=interest[home], interest_usd=interest["USD"],
    )  # fmt: skip


def _floor(cap: float, spot: float, volatility: float, home: float, usd: float, years: float) -> float:
    """Strike of the put that costs what the call at the cap brings."""
    forward = float(options.forward(spot, home, usd, years))
    if cap <= forward:
        raise DataError(
            f"the forward {forward:g} is beyond the rate that pays, {cap:g}: selling forward pays it"
        )
    terms = (volatility, home, usd, years)
    brings = options.vanilla("call", spot, cap, *terms).price

    def cost(log_strike: float) -> float:
        return float(options.vanilla("put", spot, np.exp(log_strike), *terms).price - brings)

    # at the cap, above the forward, the put is worth more than the call; far below, nothing
    high, reach = np.log(cap), volatility * np.sqrt(years)
    return float(np.exp(brentq(cost, high - 40 * reach - reach**2, high, xtol=1e-15, rtol=1e-14)))


def _claim(
    level: pd.Series,
    payoff: np.ndarray,
    probability: Mapping[str, float],
    low: Mapping[str, float] | None,
    high: Mapping[str, float] | None,
    years: float,
    interest: float,
) -> Claim:
    index = level.index.rename("outcome")
    if (unclear := level.isna() | index.duplicated()).any():
        raise DataError(f"outcome {index[unclear][0]!r} has no level or two; give one number per outcome")
    if (low is None) != (high is None):
        raise DataError("a range of probabilities has two ends; give both low and high, or neither")
    q = state_prices.weights(_by_outcome(probability, index, "probability"))
    price = float(state_prices.claim(payoff, q, years, interest))
    discount = float(np.exp(-interest * years))
    ends = (price, price)
    if low is not None and high is not None:
        least, most = (_by_outcome(each, index, "probability", total=None) for each in (low, high))
        if (least > q).any() or (q > most).any():
            raise DataError("a probability lies outside its range; expected low <= probability <= high")
        ends = (discount * _extreme(1, payoff, least, most), discount * _extreme(-1, payoff, least, most))
    table = {
        "level": level.to_numpy(),
        "probability": q,
        "payoff": payoff,
        "worth_today": discount * q * payoff,
    }
    return Claim(pd.DataFrame(table, index), price, *ends, years, interest)


def _extreme(order: int, payoff: np.ndarray, low: np.ndarray, high: np.ndarray) -> float:
    """Least (1) or largest (−1) mean payoff over probabilities within their ends: fill the cheapest first."""
    first = np.argsort(order * payoff, kind="stable")
    room = np.concatenate([[0.0], np.cumsum((high - low)[first])[:-1]])
    added = np.clip(1 - low.sum() - room, 0.0, (high - low)[first])
    return float((low[first] + added) @ payoff[first])


def _by_outcome(
    given: Mapping[str, float] | pd.Series, index: pd.Index, name: str, total: float | None = 1.0
) -> np.ndarray:
    """Numbers in the order of the outcomes; probabilities add to one."""
    said = pd.Series(dict(given), dtype=float)
    if set(said.index) != set(index) or said.isna().any():
        differ = sorted(map(str, set(said.index) ^ set(index))) or ["an empty number"]
        raise DataError(f"{name} and outcomes differ by {', '.join(differ)}; give one number per outcome")
    found = said.reindex(index).to_numpy()
    return state_prices.weights(found) if total else found
