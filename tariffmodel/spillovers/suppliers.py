"""Which shares of suppliers, steel, railways, car carriers and dealers should move on an event, and do they?

A line is tied to the industry of its firm, and the industry to light vehicles by what the input-output tables
say it sells them, directly and through others (links of customers and suppliers: Cohen and Frazzini 2008).
What an event does to US output, imports and sales is the answer of prices (`equilibrium`). The prediction is
a change of the firm's sales, not of its value: margins and fixed costs are not in the data, so what a
regression of returns on it finds holds operating leverage and how long the market thinks it lasts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import Facts
from tariffmodel.facts.tables import read
from tariffmodel.markets import event_calendar, events
from tariffmodel.response import equilibrium
from tariffmodel.spillovers import input_output
from tariffmodel.stats import groups, placebo
from tariffmodel.stats.normal_returns import Window
from tariffmodel.stats.placebo import Reference

TICKERS, DISCLOSED = "spillovers/tickers.csv", "watch/spillover.csv"
DRIVERS = ("us_output", "imports", "sales")
_SIGN = {"us_output": 1, "imports": -1, "sales": 0}
_AUTO_SHARES = ("automotive_share_of_mix", "automotive_share_of_revenue")
_SIZE = 0.05
FEWEST = 5  # lines with a share, below which a cross-section says nothing


def links(facts: Facts) -> pd.DataFrame:
    """What ties each line to vehicles: its industry, what drives its sales, and how much of them.

    Returns
    -------
    DataFrame
        Indexed by `ticker`: `name`, `role`, `driver` (``us_output``, ``imports`` or ``sales``), `sign` (of
        the line when output moves to the US: 1, −1, 0 where it follows sales, whoever builds), `sector` with
        `sector_name` and its `share_carried` (fraction of the industry's output that hangs on US light
        vehicles), `auto_share` (the firm's own, where it is disclosed), `share` that is used, `basis` (firm,
        industry or none), `gap`: what is not known, and `priced`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = links(tm.facts.load())
    >>> found.loc[["CLF", "NUE", "9101.T"], "basis"].tolist(), int(found.at["9101.T", "sign"])
    (['firm', 'industry', 'none'], -1)
    """
    frame = read(facts, TICKERS).set_index("ticker")[["sector", "driver"]]
    if missing := [one for one in frame.index if one not in facts.instruments.index]:
        raise DataError(f"data/{TICKERS}: {missing[0]} is not in data/market/instruments.csv; add it there")
    names = {code: input_output.sector(facts, code) for code in frame["sector"].dropna().unique()}
    carried = input_output.detail(facts)["share_carried"]
    disclosed = read(facts, DISCLOSED)
    disclosed = disclosed[disclosed["metric"].isin(_AUTO_SHARES)].sort_values("period")
    told: pd.Series = disclosed.groupby("ticker")["value"].last()
    frame = frame.assign(
        name=facts.instruments["name"].reindex(frame.index),
        role=facts.instruments["role"].reindex(frame.index),
        sign=frame["driver"].map(_SIGN),
        sector_name=frame["sector"].map(names),
        share_carried=carried.reindex(frame["sector"]).to_numpy(),
        auto_share=told.reindex(frame.index),
        priced=frame.index.isin(facts.prices.columns),
    )
    own, industry = frame["auto_share"].notna(), frame["share_carried"].notna()
    missing_words = np.select(
        [own, industry], ["", "the firm's auto share"], "how much of its sales hang on vehicles"
    )
    frame["share"] = frame["auto_share"].fillna(frame["share_carried"])
    frame["basis"] = np.select([own, industry], ["firm", "industry"], "none")
    frame["gap"] = np.where(frame["priced"], missing_words, "prices")
    first = ["name", "role", "driver", "sign", "sector", "sector_name", "share_carried", "auto_share"]
    return frame[[*first, "share", "basis", "gap", "priced"]]


def drivers(facts: Facts, names: Sequence[str] | None = None) -> pd.DataFrame:
    """What each event does to vehicles built in the US, shipped in and sold, once prices have settled.

    Parameters
    ----------
    names : sequence of str, optional
        Events. Default: headline events with a computable change that are the first news of it, up to the
        last price.

    Returns
    -------
    DataFrame
        Indexed by `event`: `us_output`, `imports` and `sales`, fractions of what they were, at central
        inputs.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = drivers(tm.facts.load(), ["2025-03-26-auto-duty-order"])
    >>> bool(found["us_output"].item() > 0), bool(found["imports"].item() < 0)
    (True, True)
    """
    if names is None:
        table = event_calendar.table(facts)
        first = table["main"] & table["restates"].isna() & (table["date_et"] < facts.prices.index[-1])
        names = list(table.index[first])
    rows = {}
    for event, asked in event_calendar.questions(facts, names).items():
        taken, market, then = equilibrium.answered(asked)
        here = taken.us_share == 1
        parts = dict(zip(DRIVERS, (here, ~here, here | ~here), strict=True))
        rows[event] = {
            name: then.units[0, part].sum() / market.units[0, part].sum() - 1 for name, part in parts.items()
        }
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(DRIVERS)).rename_axis("event")


@dataclass(frozen=True, eq=False)
class Reactions:
    """What lines should have done on events and what they did, beside days without events.

    Attributes
    ----------
    rows : DataFrame
        One per event and line with a return: `event`, `ticker`, `name`, `role`, `driver_change` (of its own
        driver, a fraction), `predicted` (change of the firm's sales: `share` × that; empty without a share),
        `car` and `standard_error`, fractions.
    drivers : DataFrame
        From `drivers`.
    against : Reference
        Days without events, see `placebo`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> lines = ["CLF", "NUE", "LEA", "BWA", "CSX", "APTV"]
    >>> found = reactions(tm.facts.load(), ["2025-03-26-auto-duty-order"], lines)
    >>> len(found.rows), found.slope()["lines"].to_dict()
    (6, {'all': 6, '2025-03-26-auto-duty-order': 6})
    >>> found.by_line().index.size, found.by_role()["lines"].to_dict()
    (6, {'steel': 2, 'supplier': 3, 'rail': 1})
    """

    rows: pd.DataFrame
    drivers: pd.DataFrame
    against: Reference

    def slope(self) -> pd.DataFrame:
        """Did those move most whose sales should? One slope over all events, and one for each.

        Within events, on lines with a share: Σ x̃y / Σ x̃², x̃ the prediction less its mean on the event.

        Returns
        -------
        DataFrame
            Indexed by `event`, all of them first: `lines`, `slope` (return by unit of predicted sales: 1 if
            sales pass into value one for one) with `slope_low`, `slope_high` and `p_slope` over placebo days,
            `minimum_slope` (found with a power of 80%), `correlation` of prediction and return with
            `correlation_low` and `correlation_high`: the ends of the slope in its units, cut at ±1;
            `most_weight`, the line with the largest `weight` in the slope (a fraction of Σ x̃²), and
            `slope_without` it.

        Raises
        ------
        DataError
            If no event has `FEWEST` lines with a share, or all are predicted alike.
        """
        known = self.rows.dropna(subset=["predicted", "car"])
        usable = known.groupby("event")["predicted"].transform("nunique") >= FEWEST
        known = known[usable]
        if known.empty or not known["predicted"].abs().gt(0).any():
            raise DataError(
                f"no event has {FEWEST} lines with different predictions and a return: nothing to regress; "
                f"add shares to data/{DISCLOSED} or lines to data/{TICKERS}"
            )
        found = {"all": self._slope(known)}
        found |= {str(event): self._slope(rows) for event, rows in known.groupby("event", sort=False)}
        return pd.DataFrame.from_dict(found, orient="index").rename_axis("event")

    def _slope(self, rows: pd.DataFrame) -> dict[str, object]:
        """`rows` of one or more events."""
        by_event = rows.groupby("event")
        x = rows["predicted"] - by_event["predicted"].transform("mean")
        y = rows["car"] - by_event["car"].transform("mean")
        found = self._pooled(rows, x / (x**2).sum())
        unit = np.sqrt((x**2).sum() / (y**2).sum())
        weight = (x**2).groupby(rows["ticker"]).sum() / (x**2).sum()
        low, high = (float(np.clip(end * unit, -1, 1)) for end in found.interval)
        return {
            "lines": rows["ticker"].nunique(),
            "slope": found.estimate,
            "slope_low": found.interval[0],
            "slope_high": found.interval[1],
            "p_slope": found.found.p,
            "minimum_slope": found.minimum,
            "correlation": found.estimate * unit,
            "correlation_low": low,
            "correlation_high": high,
            "most_weight": str(weight.idxmax()),
            "weight": float(weight.max()),
            "slope_without": self._least_squares(rows[rows["ticker"] != weight.idxmax()]),
        }

    @staticmethod
    def _least_squares(rows: pd.DataFrame) -> float:
        x, y = (rows[one] - rows.groupby("event")[one].transform("mean") for one in ("predicted", "car"))
        return float((x * y).sum() / (x**2).sum())

    def by_role(self) -> pd.DataFrame:
        """Did suppliers, steel, railways, carriers and dealers move the way that their driver did?

        Returns
        -------
        DataFrame
            Indexed by `role`: `lines`, `firm_events`, `signed_car` (mean return, turned over where the driver
            fell), `signed_low`, `signed_high` and `p_value` over placebo days, `as_predicted` (share of
            firm-events).

        """
        known = self._driven()
        found = {}
        for role, rows in known.groupby("role", sort=False):
            turned = np.sign(rows["driver_change"])
            mean = self._pooled(rows, turned / len(rows))
            found[role] = {
                "lines": rows["ticker"].nunique(),
                "firm_events": len(rows),
                "signed_car": mean.estimate,
                "signed_low": mean.interval[0],
                "signed_high": mean.interval[1],
                "p_value": mean.found.p,
                "as_predicted": float((np.sign(rows["car"]) == turned).mean()),
            }
        return pd.DataFrame.from_dict(found, orient="index").rename_axis("role")

    def by_line(self) -> pd.DataFrame:
        """Which lines follow what drives them, over all events? Candidates for a hedge, not hedges.

        Σ_e Δ_e y_e / Σ_e Δ_e², Δ the change of the line's driver: a line with a slope above zero gains when
        its driver rises.

        Returns
        -------
        DataFrame
            Indexed by `ticker`: `name`, `role`, `driver`, `events`, `slope` with `slope_low`, `slope_high`,
            `p_slope` over placebo days and `p_holm` (over all lines), and `reading`: "follows its driver" or
            "against its driver" where `p_holm` is at most 5%, else "not told from zero".
        """
        known, found = self._driven(), {}
        for ticker, rows in known.groupby("ticker", sort=False):
            x = rows["driver_change"]
            one = self._pooled(rows, x / (x**2).sum())
            found[ticker] = {
                **rows.iloc[0][["name", "role", "driver"]],
                "events": len(rows),
                "slope": one.estimate,
                "slope_low": one.interval[0],
                "slope_high": one.interval[1],
                "p_slope": one.found.p,
            }
        frame = pd.DataFrame.from_dict(found, orient="index").rename_axis("ticker")
        told = groups.holm(frame["p_slope"].to_numpy(dtype=float))
        reading = np.where(frame["slope"] > 0, "follows its driver", "against its driver")
        reading = np.where(told > _SIZE, "not told from zero", reading)
        return frame.assign(p_holm=told, reading=reading).sort_values("p_slope")

    def _driven(self) -> pd.DataFrame:
        known = self.rows.dropna(subset=["car"])
        return known[known["driver_change"].abs() > 0]

    def _pooled(self, rows: pd.DataFrame, weights: pd.Series) -> placebo.Drawn:
        wide = rows.assign(weight=weights).pivot(index="event", columns="ticker", values="weight")
        order = [event for event in self.against.events.labels if event in wide.index]
        return placebo.pooled(self.against, wide.loc[order])


def reactions(
    facts: Facts,
    names: Sequence[str] | None = None,
    tickers: Sequence[str] | None = None,
    *,
    window: Window = (0, 1),
) -> Reactions:
    """What lines should have done on events, and their abnormal returns against their own market.

    Parameters
    ----------
    names : sequence of str, optional
        Events, as `drivers`.
    tickers : sequence of str, optional
        Default: all of `links` that have prices.
    window : (first, last)
        Days relative to the event.

    Raises
    ------
    DataError
        Lines that `links` does not know or without prices; what `events.tariff_study` refuses.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = reactions(tm.facts.load(), ["2025-03-26-auto-duty-order"], ["CLF", "LEA", "9101.T"])
    >>> found.rows.set_index("ticker")["predicted"].isna().to_dict()
    {'CLF': False, 'LEA': False, '9101.T': True}
    """
    known = links(facts)
    lines = list(known.index[known["priced"]]) if tickers is None else list(tickers)
    for line in lines:
        if line not in known.index or not known.at[line, "priced"]:
            why = "has no prices" if line in known.index else f"is not in data/{TICKERS}"
            raise DataError(f"{line} {why}; choose from {', '.join(known.index[known['priced']])}")
    moved = drivers(facts, names)
    study = events.tariff_study(facts, events=list(moved.index), tickers=lines, window=window)
    car = study.car(window)[["car", "se"]].rename(columns={"se": "standard_error"}).reset_index()
    rows = car.rename(columns={"firm": "ticker"}).merge(known, left_on="ticker", right_index=True)
    change = moved.reset_index().melt("event", var_name="driver", value_name="driver_change")
    rows = rows.merge(change, on=["event", "driver"], how="left")
    rows["predicted"] = rows["share"] * rows["driver_change"]
    shown = [
        "event",
        "ticker",
        "name",
        "role",
        "driver",
        "driver_change",
        "predicted",
        "car",
        "standard_error",
    ]
    rows = rows[shown].dropna(subset=["car"]).reset_index(drop=True)
    return Reactions(rows, moved, events.reference(facts, study, window))
