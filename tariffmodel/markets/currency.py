"""Which move of the currency pays the tariff, and does the share move as the company says it should?

Sign: a move is positive when the HOME currency weakens, so "one yen" is one more yen per dollar, and
the effect on an exporter's profit is positive. Profit per unit of currency, in billions of home
currency per (home currency per USD), is an amount in billions of dollars: the dollars that yearly
profit is long. A tariff is owed in dollars, so it takes that many away:

    change of profit = κ (S − S₀) − B S

with κ the dollar position as disclosed, B the yearly bill in dollars, S home currency per USD and
S₀ where it stands. Import prices in dollars are taken to stay where they are when S moves.

A maker without what a figure needs has an empty one, and `reason` says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from tariffmodel import facts as fact_tables
from tariffmodel.errors import DataError
from tariffmodel.facts import Facts, fx_rate, market_value, periods, publication, store
from tariffmodel.markets import pricing, sensitivity
from tariffmodel.tariff import exposure, uncertainty
from tariffmodel.tariff.case import Case, Valuation

FIRST_MONTH = "2025-04"  # of the 25% duty on cars
_TABLE = "companies/fx_sensitivity.csv"
DISCLOSED = "disclosed"
ANALYST = "estimated by an analyst"
_FROM_SHARE = "estimated from the share"
_PER_UNIT = ("profit_per_unit_bn", "profit_per_unit_low_bn", "profit_per_unit_high_bn")


def disclosed(facts: Facts) -> pd.DataFrame:
    """Operating profit per unit of home currency per dollar, by the companies' or an analyst's account.

    The selected rows of ``data/companies/fx_sensitivity.csv`` for the pair of the dollar and the
    reporting currency, quoted either way: a euro that weakens by a cent is 0.01 usd of EURUSD. These
    are headlines for the dollar alone; a plan's whole currency line can be larger. The note beside
    the file says whose figure is weak.

    Returns
    -------
    DataFrame
        Indexed by maker: `currency`; `profit_per_unit_bn` with `profit_per_unit_low_bn` and
        `profit_per_unit_high_bn` (home currency, a year, > 0: a weaker home currency raises profit);
        `basis` ("disclosed", or "estimated by an analyst"); `period`, `as_of`, `selection_reason`,
        `quality`, `source_title`, `source_url`, `known_on`, `note`.

    Raises
    ------
    DataError
        Faults of the table, a move that is missing or not in the currency the pair is quoted in, an
        effect that is not in the maker's reporting currency.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> said = tm.currency.disclosed(tm.facts.load())
    >>> said.at["Toyota", "currency"], bool(said.at["Toyota", "profit_per_unit_bn"] > 0)
    ('JPY', True)
    """
    from tariffmodel.facts.schemas import TABLES  # slow to import: only when data are read

    raw = pd.read_csv(
        store.path(facts.folder, _TABLE), dtype=str, keep_default_na=False, na_values=[""], encoding="utf-8"
    )
    faults: list[fact_tables.Fault] = []
    rows = fact_tables.conform(raw, TABLES[_TABLE], f"data/{_TABLE}", faults)
    fact_tables.refuse(faults)
    if facts.day:
        known = publication.days(rows, facts.lags, "fx_sensitivity")["known_day"]
        rows = rows[known <= pd.Timestamp(facts.day)]
    rows = rows[rows["selected"] & rows["company"].isin(facts.makers.index)].set_index("company")
    home = facts.makers["reporting_currency"].reindex(rows.index)
    suits = (rows["kind"] == "sensitivity") & (rows["profit_line"] == "operating_profit")
    rows = rows[suits & ((rows["pair"] == "USD" + home) | (rows["pair"] == home + "USD"))]
    rows, home = rows.rename_axis("maker"), home[rows.index]
    twice = rows.index[rows.index.duplicated()]
    if len(twice):
        raise DataError(
            f"data/{_TABLE}: {twice[0]} has two selected sensitivities to the dollar; keep one selected"
        )
    told = zip(rows.index, rows.itertuples(), home, strict=True)
    units = pd.Series({maker: _move_per_usd(facts, row, str(unit)) for maker, row, unit in told}, dtype=float)
    per_unit = pd.DataFrame(
        {
            "currency": home,
            "profit_per_unit_bn": rows["effect"] / units,
            "profit_per_unit_low_bn": rows["low"].fillna(rows["effect"]) / units,
            "profit_per_unit_high_bn": rows["high"].fillna(rows["effect"]) / units,
            "basis": rows["quality"].map({"estimated": ANALYST}).fillna(DISCLOSED),
        }
    )
    said = ["period", "as_of", "selection_reason", "quality", "source_title", "source_url", "known_on"]
    return per_unit.join(rows[[*said, "note"]])


def compare(
    facts: Facts,
    estimated: pd.DataFrame | None = None,
    valuation: Valuation | None = None,
    as_of: date | None = None,
) -> pd.DataFrame:
    """What companies say a weaker home currency does to profit, beside what it does to their shares.

    Parameters
    ----------
    estimated : DataFrame, optional
        From `sensitivity.table`. Default: with the total effect, which like a profit sensitivity
        holds nothing else fixed.
    valuation : Valuation, optional
        Capitalisation of a year's profit, see `pricing.implied_value`.
    as_of : date, optional
        Prices and rates after this day are not used. Default: the last fixing.

    Returns
    -------
    DataFrame
        Makers with a published sensitivity, its `basis` as in `disclosed`. `profit_elasticity` with
        `_low`, `_high`: % of operating profit (the last year before the tariff) per % of currency,
        κ S / profit, S the mean rate of that year; empty without a profit. `value_elasticity` with
        `_low`, `_high`: % of market value per % of currency, κ capitalised by the valuation, over
        `market_cap_usd`.
        `beta_fx`, `low`, `high` of the share. `verdict`: "less than disclosed" only if the share's
        interval lies below both elasticities at their low, "more than disclosed" if above both at
        their high, else "in line"; empty without a beta. `looks_hedged` is the first of these, and may
        mean hedges, dollar prices that follow the currency, a move that the market takes to be
        short-lived, or, with the total effect, a market that falls when the currency weakens.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> betas = tm.sensitivity.table(known, makers=["Toyota"], effect="total")
    >>> rows = tm.currency.compare(known, betas)
    >>> rows.at["Toyota", "verdict"] in ("less than disclosed", "in line", "more than disclosed")
    True
    """
    as_of = as_of or facts.as_of
    table = disclosed(facts)
    makers = table.index
    if estimated is None:
        estimated = sensitivity.table(facts, makers=list(makers), effect="total")
    profit = facts.figure("operating_profit").reindex(makers)
    label = facts.fiscal_year("operating_profit").reindex(makers)
    mean = [
        fx_rate(facts, str(unit), periods.parse(str(year)), as_of)
        for unit, year in zip(table["currency"], label, strict=True)
    ]
    dollars = 1e9 * table[list(_PER_UNIT)].set_axis(["central", "low", "high"], axis=1)
    # a currency that weakens by 1 (that is, 100%) adds κ dollars a year: a bill with the sign turned
    gains = pd.DataFrame(
        {
            "delta_bill_usd": -dollars["central"],
            "delta_bill_low_usd": -dollars["high"],
            "delta_bill_high_usd": -dollars["low"],
        }
    )
    value = pricing.implied_value(gains, valuation)
    cap = market_value(facts, as_of)["market_cap_usd"].reindex(makers)
    per_profit = table[list(_PER_UNIT)].mul(np.array(mean) / profit.where(profit > 0), axis=0)
    per_value = value[["implied_usd", "implied_low_usd", "implied_high_usd"]].div(cap, axis=0)
    ends = ["", "_low", "_high"]
    frame = pd.concat(
        [
            table[["currency", "basis", *_PER_UNIT]],
            pd.DataFrame({"profit_period": label, "operating_profit_bn": profit}),
            per_profit.set_axis([f"profit_elasticity{end}" for end in ends], axis=1),
            pd.DataFrame({"market_cap_usd": cap, "years_of_profit": value["years_of_bill"]}),
            per_value.set_axis([f"value_elasticity{end}" for end in ends], axis=1),
            estimated.reindex(makers)[["beta_fx", "standard_error", "low", "high", "n", "effect"]],
        ],
        axis=1,
    )
    least = frame[["profit_elasticity_low", "value_elasticity_low"]].min(axis=1)
    most = frame[["profit_elasticity_high", "value_elasticity_high"]].max(axis=1)
    less, more = frame["high"] < least, frame["low"] > most
    verdict = np.select([less, more], ["less than disclosed", "more than disclosed"], "in line")
    return (
        frame.assign(verdict=pd.Series(verdict, makers).where(frame["beta_fx"].notna()), looks_hedged=less)
        .join(table[["as_of", "source_title", "source_url", "known_on", "note"]])
        .rename_axis("maker")
    )


def offset(
    case: Case, estimated: pd.DataFrame | None = None, valuation: Valuation | None = None
) -> pd.DataFrame:
    """By how much must each maker's home currency weaken to pay the bill of a case?

    A move of profit pays what is *booked*: B is the booked cost, not duty owed. κ (S − S₀) = B S gives
    S − S₀ = B S₀ / (κ − B): the cost grows in home currency as that weakens, so the move is larger than
    the cost at today's rate over κ, which is beside it. κ is taken to be stated before the cost; if a
    company already counts the duty among its dollars, the smaller figure holds.

    Parameters
    ----------
    case : Case
        Of `exposure.burden`, which gives B and S₀, the mean rate of the period. κ is a year's and is
        scaled to the length of the period.
    estimated : DataFrame, optional
        From `sensitivity.table`. Where no company figure exists, κ is then the one that the share's
        beta implies under the `valuation` (see `compare`), and `basis` says so.

    Returns
    -------
    DataFrame
        Indexed by maker as `exposure.table`: `currency`, `per_usd` (S₀), `booked_usd` and
        `profit_per_unit_bn` (a year's) with low and high, `basis` ("disclosed", "estimated by an
        analyst" or "estimated from the share"), `move` (home currency per USD, > 0 weaker) with
        `move_low`, `move_high` from the ranges of bill and κ (`uncertainty`; infinite where the bill may
        exceed the position), `move_share` of S₀, `move_at_fixed_bill`, `rate_needed` (S),
        `tariff_rate_per_unit` (the duty rate on the customs value of imported vehicles that one unit of
        currency is worth, fraction: 0.008 is 0.8 points) and `rate_per_percent` (that 1% of S₀ is worth),
        `reason`; `today` (S on the day of the case) and `today_share`, its distance from S₀ over S₀.

    Raises
    ------
    DataError
        As `disclosed` and `exposure.table`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> rows = tm.currency.offset(tm.case(period="CY2025"))
    >>> rows.at["GM", "reason"]
    'reports in dollars: there is no home currency to weaken'
    """
    bills, years = exposure.burden(case), case.goods.years
    frame = bills[
        ["reporting_currency", "per_usd", "booked_usd", "booked_low_usd", "booked_high_usd"]
    ].rename(columns={"reporting_currency": "currency"})
    said = disclosed(case.facts).reindex(frame.index)
    position, basis = said[list(_PER_UNIT)], said["basis"].fillna("")
    if estimated is not None:
        capital = pd.DataFrame(
            1.0, frame.index, ["delta_bill_usd", "delta_bill_low_usd", "delta_bill_high_usd"]
        )
        worth = -pricing.implied_value(capital, valuation)["implied_usd"]
        betas = estimated.reindex(frame.index)[["beta_fx", "low", "high"]].set_axis(list(_PER_UNIT), axis=1)
        home = estimated["role"].reindex(frame.index) == "home"
        implied = betas.mul(bills["market_cap_usd"] / worth / 1e9, axis=0).where(home)
        found = (basis == "") & implied.notna().all(axis=1)
        position, basis = position.where(~found, implied), basis.mask(found, _FROM_SHARE)
    frame = frame.join(position).assign(basis=basis)

    bill_bn = frame[["booked_usd", "booked_low_usd", "booked_high_usd"]].to_numpy().T / 1e9
    kappa = position.to_numpy(dtype=float).T * years
    start = frame["per_usd"].to_numpy()
    runs = np.stack(
        [
            _move(owed, dollars, start)
            for owed, dollars in (
                (bill_bn[0], kappa[0]),
                (bill_bn[1], kappa[0]),
                (bill_bn[2], kappa[0]),
                (bill_bn[0], kappa[1]),
                (bill_bn[0], kappa[2]),
            )
        ]
    )
    solved = np.isfinite(runs[0])
    low, high = uncertainty.interval(np.where(solved, runs, 0.0))
    move = pd.Series(np.where(solved, runs[0], np.nan), frame.index)
    long = pd.Series(kappa[0], frame.index)
    long = long.where(long > 0)
    falls = kappa[0] <= 0
    reason = np.select(
        [
            frame["currency"] == "USD",
            position.isna().any(axis=1),
            falls & (basis == _FROM_SHARE),
            falls,
            kappa[0] <= bill_bn[0],
        ],
        [
            "reports in dollars: there is no home currency to weaken",
            "no sensitivity of operating profit to the dollar is published",
            "the share falls when the home currency weakens: its beta pays no bill",
            "profit falls when the home currency weakens: no weakening pays the bill",
            "the bill is larger than the dollars that profit is long: no weakening pays it",
        ],
        "",
    )
    customs_bn = bills["customs_value_usd"].where(bills["customs_value_usd"] > 0) / 1e9
    day = periods.Period(case.as_of, case.as_of)
    spot = {unit: fx_rate(case.facts, unit, day, case.as_of) for unit in frame["currency"].unique()}
    today, worth_of_one = frame["currency"].map(spot), long / (start * customs_bn)
    return frame.assign(
        move=move,
        move_low=np.where(solved, low, np.nan),
        move_high=np.where(solved, high, np.nan),
        move_share=move / start,
        move_at_fixed_bill=bill_bn[0] * start / long,
        rate_needed=start + move,
        tariff_rate_per_unit=worth_of_one,
        reason=reason,
        today=today,
        today_share=today / start - 1,
        rate_per_percent=worth_of_one * start / 100,
    )


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
    case: Case, maker: str, *, rates: Sequence[float] | None = None, first_month: str = FIRST_MONTH
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
            f"add a selected row to data/{_TABLE}"
        )
    months = [str(month) for month in pd.period_range(first_month, str(as_of)[:7], freq="M")]
    if not months:
        raise DataError(f"first_month {first_month} lies after {as_of}; choose an earlier one")
    bill: Any  # one row, and one below
    said: Any
    bill, said, years = exposure.burden(case).loc[maker], known.loc[maker], case.goods.years
    currency = str(said["currency"])
    kappa, start = float(said["profit_per_unit_bn"]), float(bill["per_usd"])
    value_bn: float = bill["customs_value_usd"] / 1e9 / years
    if value_bn == 0:
        raise DataError(f"{maker} imports no vehicles in {case.period}; there is no duty rate to set against")
    base = float(bill["effective_rate_against"])
    rest_bn: float = bill["booked_usd"] / 1e9 / years - value_bn * (bill["effective_rate"] - base)

    def profit_change(rate: pd.Series, per_usd: pd.Series) -> pd.Series:
        return kappa * (per_usd - start) - (value_bn * (rate - base) + rest_bn) * per_usd

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
    left = kappa - value_bn * (duty - base) - rest_bn  # dollars that profit is long after the duty
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
        before=(base, start),
        curves=pd.DataFrame(curves, index=pd.Index(duty, name="rate")),
        path=path,
    )


def _move_per_usd(facts: Facts, row: Any, home: str) -> float:
    """Size of a row's move in home currency per USD, at the mean rate of its period where it needs one.

    S = 1/Q for a pair quoted in dollars, so a small fall of Q by q is a rise of S by q S².
    """
    for column, expected, why in (
        ("effect_unit", home.lower() + "_bn", f"the currency in which {row.Index} reports"),
        ("move_unit", row.pair[3:].lower(), f"the currency in which {row.pair} is quoted, or fraction"),
    ):
        given = getattr(row, column)
        if given != expected and not (column == "move_unit" and given == "fraction"):
            raise DataError(f"{row.file} row {row.row}: {column} is {given!r}; expected {expected}, {why}")
    if pd.isna(row.move):
        raise DataError(f"{row.file} row {row.row}: move is empty; say by how much the currency weakens")
    if row.move_unit == home.lower():
        return float(row.move)
    rate = fx_rate(facts, home, periods.parse(row.period), facts.as_of)
    return float(row.move * (rate if row.move_unit == "fraction" else rate**2))


def _move(bill_bn: np.ndarray, kappa: np.ndarray, start: np.ndarray) -> np.ndarray:
    """S − S₀ that solves κ (S − S₀) = B S; infinite where the bill takes the whole position."""
    left = kappa - bill_bn
    usable = (kappa > 0) & (left > 0)
    return np.asarray(np.divide(bill_bn * start, left, out=np.full(len(start), np.inf), where=usable))
