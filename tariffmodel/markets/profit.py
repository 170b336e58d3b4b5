"""What does a maker earn at which duty rate and which exchange rate?

Lines of equal profit and the path since the tariff (`iso_profit`), and a table of both rates (`grid`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import fx_rate, periods, share_counts
from tariffmodel.markets import pricing
from tariffmodel.markets import valuation as values
from tariffmodel.markets.fx_disclosed import PER_UNIT, TABLE, disclosed
from tariffmodel.tariff import booked, exposure, uncertainty
from tariffmodel.tariff.case import Case, Valuation

FIRST_MONTH = "2025-04"  # of the 25% duty on cars
BASE = "2024-04..2025-03"  # the year before it, whose mean exchange rate moves are counted from


@dataclass(frozen=True)
class IsoProfit:
    """Pairs of duty rate and exchange rate at which a maker earns the same.

    Attributes
    ----------
    basis : str
        As in `disclosed`.
    curves : DataFrame
        Indexed by `rate` (average duty on the customs value of imported vehicles, fraction): home
        currency per USD at which profit is that of `before` (the rate of the other policy, the
        mean exchange rate of the period) and that of `today`, the last month of `path`; empty
        where no exchange rate does it.
    path : DataFrame
        By month: `rate`, `per_usd` (mean of the fixings), `profit_change_bn` against `before`, at a
        yearly rate in home currency.
    """

    maker: str
    currency: str
    profit_per_unit_bn: float
    basis: str
    before: tuple[float, float]
    curves: pd.DataFrame
    path: pd.DataFrame


def iso_profit(
    case: Case,
    maker: str,
    *,
    rates: Sequence[float] | None = None,
    first_month: str = FIRST_MONTH,
    base: str = BASE,
) -> IsoProfit:
    """Which exchange rate makes up for which duty rate, and where has the maker been since the tariff?

    Change of profit a year = κ (S − S₀) − [V (τ − τ₀) + P] S, with V the yearly customs value of imported
    vehicles in dollars, P what is booked beyond duty on vehicles at the rates of the period: parts less
    credits, and what the lag, late relief and metals add (`exposure.burden`); both of the period.

    Parameters
    ----------
    rates : sequence of float, optional
        Duty rates of the curves. Default: 0 to 30% in steps of one point.
    first_month : str
        First month of the path, which ends with the month of `as_of`.
    base : str
        Period whose mean exchange rate is S₀. Default: the year before the tariff.

    Raises
    ------
    DataError
        An unknown maker, one without a disclosed sensitivity, or without imports in the period.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case(period="CY2025")
    >>> iso = tm.currency.iso_profit(asked, "Toyota", first_month=f"{asked.as_of:%Y-%m}")
    >>> list(iso.curves), list(iso.path), iso.currency
    (['before', 'today'], ['rate', 'per_usd', 'profit_change_bn'], 'JPY')
    """
    facts, as_of = case.facts, case.as_of
    if maker not in facts.makers.index:
        raise DataError(f"{maker!r} is not a maker; choose from {', '.join(facts.makers.index)}")
    known = disclosed(facts)
    if maker not in known.index:
        raise DataError(
            f"{maker} discloses no sensitivity of operating profit to the dollar; "
            f"add a selected row to data/{TABLE}"
        )
    months = [str(month) for month in pd.period_range(first_month, str(as_of)[:7], freq="M")]
    if not months:
        raise DataError(f"first_month {first_month} lies after {as_of}; choose an earlier one")
    bill: Any  # one row, and one below
    said: Any
    bill, said, years = exposure.burden(case).loc[maker], known.loc[maker], case.period.years
    currency = str(said["currency"])
    kappa, start = float(said["profit_per_unit_bn"]), fx_rate(facts, currency, periods.parse(base), as_of)
    value_bn: float = bill["customs_value_usd"] / 1e9 / years
    if value_bn == 0:
        raise DataError(f"{maker} imports no vehicles in {case.period}; there is no duty rate to set against")
    untaxed = float(bill["effective_rate_against"])
    rest_bn: float = bill["booked_usd"] / 1e9 / years - value_bn * (bill["effective_rate"] - untaxed)

    def profit_change(rate: pd.Series, per_usd: pd.Series) -> pd.Series:
        return kappa * (per_usd - start) - (value_bn * (rate - untaxed) + rest_bn) * per_usd

    path = pd.DataFrame(
        {
            "rate": [
                exposure.table(case.replace(period=month)).at[maker, "effective_rate"] for month in months
            ],
            "per_usd": [fx_rate(facts, currency, periods.parse(month), as_of) for month in months],
        },
        index=pd.Index(months, name="month"),
    )
    path["profit_change_bn"] = profit_change(path["rate"], path["per_usd"])
    duty = np.arange(0, 0.301, 0.01) if rates is None else np.asarray(rates, dtype=float)
    left = kappa - value_bn * (duty - untaxed) - rest_bn  # dollars that profit is long after the duty
    levels = {"before": 0.0, "today": path["profit_change_bn"].iloc[-1]}
    curves = {
        name: np.divide(kappa * start + level, left, out=np.full(len(duty), np.nan), where=left > 0)
        for name, level in levels.items()
    }
    return IsoProfit(
        maker=maker,
        currency=currency,
        profit_per_unit_bn=kappa,
        basis=str(said["basis"]),
        before=(untaxed, start),
        curves=pd.DataFrame(curves, index=pd.Index(duty, name="rate")),
        path=path,
    )


def grid(
    case: Case,
    makers: Sequence[str] | None = None,
    *,
    rates: Sequence[float] | None = None,
    per_usd: Sequence[float] | None = None,
    base: str = BASE,
    valuation: Valuation | None = None,
) -> pd.DataFrame:
    r"""Operating profit and earnings per share of each maker, by duty rate and exchange rate.

    .. math:: \Delta = \kappa (S - S_0) - B \frac{\tau - \tau_0}{\tau_1 - \tau_0} S

    a year, with :math:`B` what is booked in the period at :math:`\tau_1`, the average duty on vehicles
    under the policy, and nothing of it at :math:`\tau_0`, that under the counterfactual: parts, metals and
    delays go in proportion to the duty on vehicles. Volumes and prices in dollars stay.

    Parameters
    ----------
    makers : sequence of str, optional
        Default: all.
    rates : sequence of float, optional
        Average duty on the customs value of imported vehicles, fractions. Default: those of the
        counterfactual and of the policy, each maker's own.
    per_usd : sequence of float, optional
        Home currency per dollar; then `makers` report in one currency. Default: the mean of `base` and
        the last fixing.
    base : str
        Period of the exchange rate S₀, at which nothing of the currency is lost or gained.
    valuation : Valuation, optional
        Tax rate and pass-through between the change of profit and the earnings of a share. Default: the
        central tax rates of `valuation.inputs`, and nothing passed through.

    Returns
    -------
    DataFrame
        Indexed by `maker`, `rate` and `per_usd`: `currency`; `cost_bn` booked, `currency_effect_bn` and
        `profit_change_bn` with `profit_change_low_bn`, `profit_change_high_bn` (billions of the reporting
        currency a year; validated range of the cost, range of the sensitivity); `operating_profit_bn` =
        that of `profit_period` + the change, with low and high; `eps_change` with `eps_change_low`,
        `eps_change_high` and `eps`, the net income of that year per share + the change (reporting
        currency a share; the newest count of shares, which is diluted only where its basis says so);
        `shares_million`; `reason`, why a figure is missing.

    Raises
    ------
    DataError
        An unknown maker; exchange rates for makers of several currencies; as `fx_disclosed.disclosed`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> four = tm.currency.grid(tm.case(), ["Toyota"])
    >>> len(four), bool((four["profit_change_bn"].iloc[0] == 0))
    (4, True)
    """
    facts = case.facts
    chosen = list(facts.makers.index if makers is None else makers)
    if unknown := [name for name in chosen if name not in facts.makers.index]:
        raise DataError(f"{unknown[0]!r} is not a maker; choose from {', '.join(facts.makers.index)}")
    homes = facts.makers["reporting_currency"][chosen]
    if per_usd is not None and len(mixed := sorted(homes.unique())) > 1:
        raise DataError(f"per_usd is given for {', '.join(mixed)}; ask for makers of one currency at a time")
    terms = valuation or Valuation(tax_rate=values.central(facts).tax_rate)
    costs, said = booked.table(case).loc[chosen], disclosed(facts).reindex(chosen)
    span, day = periods.parse(base), periods.Period(case.as_of, case.as_of)
    start, today = (
        homes.map({unit: fx_rate(facts, unit, when, case.as_of) for unit in homes.unique()})
        for when in (span, day)
    )
    cells = []
    for maker in chosen:
        own = costs.loc[maker, ["effective_rate_against", "effective_rate"]].tolist()
        moves = [start[maker], today[maker]] if per_usd is None else list(per_usd)
        moves = [1.0] if homes[maker] == "USD" else moves
        own = own if own[0] == own[0] else [np.nan]  # ships nothing in: no rate
        cells += [(maker, rate, move) for rate in (own if rates is None else rates) for move in moves]
    index = pd.MultiIndex.from_tuples(cells, names=["maker", "rate", "per_usd"])
    who = index.get_level_values("maker")
    rate, spot = (index.get_level_values(name).to_numpy(dtype=float) for name in ("rate", "per_usd"))
    untaxed, taxed = (
        costs.loc[who, name].to_numpy() for name in ("effective_rate_against", "effective_rate")
    )
    step, move = taxed - untaxed, spot - start[who].to_numpy()
    part = np.divide(
        rate - untaxed, step, out=np.where(rate == untaxed, 0.0, np.nan), where=np.abs(step) > 1e-6
    )
    billions = costs.loc[who, ["booked_usd", "booked_low_usd", "booked_high_usd"]].to_numpy().T / 1e9
    cost = billions / case.period.years * part * spot  # central, low and high
    position = said.loc[who, list(PER_UNIT)].to_numpy(dtype=float).T
    gain = np.where(move == 0, 0.0, position * move)
    change = gain[0] - cost[0]
    # the ends of cost and of sensitivity are combined as those of inputs are
    runs = np.stack([change, *(gain[0] - cost[[1, 2]]), *(gain[[1, 2]] - cost[0])])
    low, high = uncertainty.interval(np.nan_to_num(runs, posinf=np.inf, neginf=-np.inf))
    low, high = (np.where(np.isfinite(change), end, np.nan) for end in (low, high))
    before, net = (facts.figure(name).reindex(who).to_numpy() for name in ("operating_profit", "net_income"))
    shares = share_counts(facts, case.as_of).reindex(who).to_numpy()
    per_share = 1e3 * pricing.kept(pd.Index(chosen), terms)[pd.Index(chosen).get_indexer(who)] / shares
    reason = np.select(
        [np.isnan(part), np.isnan(position[0]) & (move != 0)],
        [
            "the policy does not change the duty on its vehicles: there is no rate to set against",
            "no sensitivity of operating profit to the dollar is published",
        ],
        "",
    )
    return pd.DataFrame(
        {
            "currency": homes[who].to_numpy(),
            "cost_bn": cost[0],
            "currency_effect_bn": gain[0],
            "profit_change_bn": change,
            "profit_change_low_bn": low,
            "profit_change_high_bn": high,
            "profit_period": facts.fiscal_year("operating_profit").reindex(who).to_numpy(),
            "operating_profit_bn": before + change,
            "operating_profit_low_bn": before + low,
            "operating_profit_high_bn": before + high,
            "eps_change": change * per_share,
            "eps_change_low": low * per_share,
            "eps_change_high": high * per_share,
            "eps": net * 1e3 / shares + change * per_share,
            "shares_million": shares,
            "reason": reason,
        },
        index=index,
    )
