"""How close does the model come to what companies disclosed?

A disclosure is a cost in the books, the bill is duty owed at the border. What lies between them is
computed from facts of its own, none of them taken from a disclosure:

    cost of a period = duty owed on the goods that entered `inventory_days` earlier        (lag)
                     + relief that could not be claimed yet, or − when it could at last    (refunds)
                     + steel and aluminium duties in vehicles built in the US              (metals)

A duty is part of the cost of stock until the vehicle is sold (IAS 2.10-11, IAS 2.34). A refund is an
asset when it is virtually certain (IAS 37.33), under US GAAP when it is probable (ASC 410-30-35-8,
applied by analogy): makers differ by `relief_accrued_share`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from tariffmodel.facts import periods
from tariffmodel.tariff import uncertainty
from tariffmodel.tariff.duty import bill, goods
from tariffmodel.facts import PRODUCTION, Facts, fx_rate, resolve
from tariffmodel.facts.periods import Period
from tariffmodel.tariff.policy import Additional, Policy

STEPS = ("owed", "lag", "refunds", "metals")
# The first day on which customs accepted a claim with the entry. Duty paid before that comes back by a
# correction of the old entry, which customs closes and pays about 314 days after entry.
REFUND_DAYS = 314
# Vehicles are known by calendar year and spread evenly over it. A quarter may be 15% off that, and a
# whole year not at all: shipments of eight makers from Mexico rose from 509,397 in 2025Q2 to 667,101 in
# 2025Q3 (data/facts/aggregates.csv).
PHASING = 0.2
COVERAGE = 0.8  # share of disclosures that a widened range is to hold
CLAIMABLE = {
    "us_content": date(2025, 7, 16),  # CBP message of that day on 90 FR 21450
    "offset": date(2025, 11, 3),  # CBP message 66684128: the offset opens in the entry system
}


@dataclass(frozen=True)
class _Course:
    """What has built up by the start of each of K days, USD.

    `trading` holds the positions of the makers that import or build in the US.
    `owed` and every array of `relief` are (K, runs, M) with the runs of `duty.Goods`; `metals` is
    (K, 3, M): central, low and high. Between the days everything grows evenly.
    """

    makers: list[str]
    trading: np.ndarray
    days: np.ndarray
    owed: np.ndarray
    relief: dict[str, np.ndarray]
    metals: np.ndarray

    def at(self, course: np.ndarray, when: np.ndarray) -> np.ndarray:
        """Level of `course` at a day of each maker's own (runs, M)."""
        when = np.clip(when, self.days[0], self.days[-1])  # nothing is owed before the course begins
        after = np.clip(np.searchsorted(self.days, when, side="right"), 1, len(self.days) - 1)
        share = (when - self.days[after - 1]) / (self.days[after] - self.days[after - 1])
        each = np.arange(len(self.makers))
        level = course[after - 1, :, each].T * (1 - share) + course[after, :, each].T * share
        return np.asarray(level)

    def paid_back(self, name: str, day: float, lag: np.ndarray) -> np.ndarray:
        """Relief in the cost of what was sold before `day`, where none is booked before it is paid."""
        relief, opens = self.relief[name], CLAIMABLE[name].toordinal()
        sold = day - lag
        before = np.minimum(sold, opens)
        closed = np.minimum(before, day - REFUND_DAYS)
        return self.at(relief, sold) - self.at(relief, before) + self.at(relief, closed)


def recognised(
    facts: Facts, policy: Policy, against: Policy, period: str = "FY2026-03", metals: bool = True
) -> pd.DataFrame:
    """Cost in the books of every maker over a period, and how it follows from the duty owed.

    Parameters
    ----------
    metals : bool
        Whether the figure to compare with includes steel and aluminium in US-built vehicles.

    Returns
    -------
    DataFrame
        Indexed by maker, USD: `owed` (the bill of `exposure.table`), `lag`, `refunds`, `metals`,
        their sum `model`, and `model_low`, `model_high` from the ranges of all estimated inputs,
        those of `duty.INPUTS` and those of the three steps.
    """
    asked = periods.parse(period)
    return _recognised(facts, _course(facts, policy, against, [asked]), asked, metals)


def disclosed(facts: Facts, policy: Policy, against: Policy, as_of: date | None = None) -> pd.DataFrame:
    """The model beside what companies disclosed on a like basis, each for its own period.

    Only rows marked `like_for_like` in the disclosures count: gross of mitigation, duty on vehicles
    and parts, a period that has ended or full-year guidance. Steel and aluminium are counted unless
    the company speaks of direct duties or of vehicles and parts only.

    Returns
    -------
    DataFrame
        One row per disclosure: `maker`, `period`, `kind`, `basis`, `scope`, `currency`, `disclosed`,
        the steps `owed`, `lag`, `refunds`, `metals`, their sum `model`, `model_low`, `model_high`
        (all billions of the reporting currency, at the period's mean rate `per_usd`), `error` =
        model/disclosed − 1, `ratio`, `inside_range`, `reason` (what may still differ), `said_on`,
        `source_title`, `source_url`, `latest` (the last word on its maker and period, an actual
        before any guidance) and `headline` (the one row that speaks for its maker: the longest
        actual period, failing that the longest guidance; none for a maker inside another). Also
        `widened_low`, `widened_high` and `inside_widened`, see `widening`.
    """
    as_of = as_of or facts.as_of
    rows = facts.disclosures[
        facts.disclosures["like_for_like"] & facts.disclosures["company"].isin(facts.makers.index)
    ]
    spans = {label: periods.parse(str(label)) for label in sorted(rows["period"].unique())}
    course = _course(facts, policy, against, list(spans.values()))
    out = []
    for label, group in rows.groupby("period", sort=True):
        span = spans[str(label)]
        costs = {metals: _recognised(facts, course, span, metals) for metals in (True, False)}
        row: Any  # a named tuple of the table's columns
        for row in group.itertuples():
            metals = row.basis != "direct_duties" and row.scope != "vehicles_and_parts"
            home = str(facts.makers.at[row.company, "reporting_currency"])
            per_usd = fx_rate(facts, home, span, as_of)
            unit = row.unit.removesuffix("_bn").upper()
            said = row.value * per_usd / fx_rate(facts, unit, span, as_of)
            mine = costs[metals].loc[row.company] * per_usd / 1e9
            out.append(
                {
                    "maker": row.company,
                    "period": label,
                    "kind": row.kind,
                    "basis": row.basis,
                    "scope": row.scope,
                    "currency": home,
                    "per_usd": per_usd,
                    "disclosed": said,
                    **mine.to_dict(),
                    "error": mine["model"] / said - 1,
                    "ratio": mine["model"] / said,
                    "inside_range": mine["model_low"] <= said <= mine["model_high"],
                    "reason": row.like_for_like_reason,
                    "said_on": row.said_on,
                    "source_title": row.source_title,
                    "source_url": row.source_url,
                }
            )
    frame = pd.DataFrame(out).sort_values(
        ["maker", "period", "kind", "said_on"], ascending=[True, True, False, True]
    )
    frame["latest"] = ~frame.duplicated(["maker", "period"], keep="last")
    frame = frame.reset_index(drop=True)
    frame = frame.assign(headline=_headline(frame, facts.makers["consolidated_in"]))
    others = {maker: widening(frame[frame["maker"] != maker]) for maker in frame["maker"].unique()}
    factor = frame["maker"].map(others)
    low = (frame["model"] - factor * (frame["model"] - frame["model_low"])).clip(lower=0)
    high = frame["model"] + factor * (frame["model_high"] - frame["model"])
    return frame.assign(
        widened_low=low, widened_high=high, inside_widened=frame["disclosed"].between(low, high)
    )


def widening(frame: pd.DataFrame) -> float:
    """How many times wider the model's range must be to hold `COVERAGE` of what is disclosed.

    The range of the model carries what sources leave open about its inputs, not what the model
    leaves out (service parts, support of suppliers, mix within a maker). That part is learnt from
    misses: a miss is measured in the half-width of the range on its side, and the factor is their
    `COVERAGE` quantile. Each maker weighs the same, its rows share that weight, and one maker not
    yet seen counts as a miss without bound (conformal prediction with groups: Lei et al. 2018, Dunn,
    Wasserman and Ramdas 2023). Never below 1.

    In `disclosed` a maker is judged with the factor of the *other* makers; for a maker or a period
    that nobody has disclosed yet, use that of all of them.

    Parameters
    ----------
    frame : DataFrame
        From `disclosed`, or rows of it; columns `maker`, `disclosed`, `model`, `model_low`,
        `model_high`. Without rows, or with too few makers for the coverage, infinite.
    """
    below = frame["disclosed"] < frame["model"]
    half = (frame["model"] - frame["model_low"]).where(below, frame["model_high"] - frame["model"])
    with np.errstate(divide="ignore"):
        miss = ((frame["disclosed"] - frame["model"]).abs() / half).to_numpy()
    makers = frame["maker"].nunique()
    weight = 1 / frame.groupby("maker")["maker"].transform("size").to_numpy() / (makers + 1)
    order = np.argsort(miss)
    reached = np.flatnonzero(np.cumsum(weight[order]) >= COVERAGE - 1e-12)
    return max(1.0, float(miss[order][reached[0]])) if len(reached) else np.inf


def summary(frame: pd.DataFrame) -> pd.DataFrame:
    """How close, how well ranked and how honest about its range the model is.

    Parameters
    ----------
    frame : DataFrame
        From `disclosed`.

    Returns
    -------
    DataFrame
        Rows `headline` (one per maker), `all` comparable statements, `actual` and `guidance` (the
        last word on every maker and period, so that a maker's periods overlap). Columns: `n`,
        `median_absolute_error` of the model and `median_absolute_error_owed` of the duty owed alone
        (fractions of the disclosed amount), `rank_correlation` of the USD amounts (Spearman 1904)
        with its two-sided `rank_p` from Student's t, and `inside_range`, the share of disclosures
        within the model's range, and `inside_widened`, within the range as widened by the misses of
        the other makers.
    """
    from scipy.stats import spearmanr  # slow to import: only when results are summed up

    last = frame[frame["latest"]]
    groups = {
        "headline": frame[frame["headline"]],
        "all": frame,
        "actual": last[last["kind"] == "actual"],
        "guidance": last[last["kind"] == "guidance"],
    }
    out = {}
    for name, rows in groups.items():
        usd = rows[["disclosed", "model"]].div(rows["per_usd"], axis=0)
        rho, p = spearmanr(usd) if len(rows) > 2 else (np.nan, np.nan)
        out[name] = {
            "n": len(rows),
            "median_absolute_error": rows["error"].abs().median(),
            "median_absolute_error_owed": (rows["owed"] / rows["disclosed"] - 1).abs().median(),
            "rank_correlation": rho,
            "rank_p": p,
            "inside_range": rows["inside_range"].mean(),
            "inside_widened": rows["inside_widened"].mean(),
        }
    return pd.DataFrame(out).T.astype({"n": int})


def explained(frame: pd.DataFrame) -> pd.DataFrame:
    """Each maker's headline miss, step by step, as shares of the disclosed amount.

    Returns
    -------
    DataFrame
        Indexed by maker: `period`, `disclosed` and `currency`; `owed` = duty owed, then what each
        mechanism adds: `lag`, `refunds`, `metals`; `model` = their sum; `unexplained` = 1 − model;
        `within_range`: whether the uncertainty of the inputs covers what is unexplained.
    """
    rows = frame[frame["headline"]].set_index("maker")
    shares = rows[[*STEPS, "model"]].div(rows["disclosed"], axis=0)
    return rows[["period", "currency", "disclosed"]].join(
        shares.assign(unexplained=1 - shares["model"], within_range=rows["inside_range"])
    )


def _headline(frame: pd.DataFrame, consolidated_in: pd.Series) -> pd.Series:
    spans = [periods.parse(str(label)) for label in frame["period"]]
    order = frame.assign(
        actual=frame["kind"] == "actual",
        days=[span.days for span in spans],
        end=[span.end for span in spans],
        position=frame.index,
    ).sort_values(["actual", "days", "end", "said_on"])
    whole = order[order["latest"] & order["maker"].map(consolidated_in).isna()]
    return frame.index.to_series().isin(whole.groupby("maker")["position"].last())


def _course(facts: Facts, policy: Policy, against: Policy, asked: list[Period]) -> _Course:
    """Duty owed, relief and metals from before the first period to the end of the last one."""
    both = [policy, against]
    longest = facts.selected.loc[facts.selected["variable"] == "inventory_days", "high"].max()
    relieved = [e.start for one in both for e in (*_content_entries(one), *one.offset)]
    first = min([*(p.start - timedelta(days=int(longest)) for p in asked), *relieved])
    whole = Period(first, max(p.end for p in asked))
    stock = goods(facts, whole, both)
    makers = stock.makers
    builders = np.flatnonzero(stock.production[0].any(axis=0))
    metal = facts.selected[facts.selected["variable"] == "metals_cost"]
    edges = {
        whole.start,
        whole.end + timedelta(days=1),
        *(span.start for span in stock.spans),
        *metal["start"],
    }
    days = sorted(day for day in edges if whole.start <= day <= whole.end + timedelta(days=1))

    totals = [_until(facts, both, whole.start, day) for day in days[1:]]
    nothing = np.zeros((1, *totals[0]["owed"].shape))

    def course(name: str) -> np.ndarray:
        return np.concatenate([nothing, [one[name] for one in totals]])

    spans = [Period(a, b - timedelta(days=1)) for a, b in pairwise(days)]
    built = resolve(facts, [(makers[k], PRODUCTION, "US") for k in builders], spans).value
    cost = resolve(facts, [(makers[k], "metals_cost", "US") for k in builders], spans)
    metals = np.zeros((len(days), 3, len(makers)))
    for number, level in enumerate((cost.value, cost.low, cost.high)):
        metals[1:, number, builders] = np.cumsum(built * level, axis=0)
    return _Course(
        makers,
        np.unique(stock.owner),
        np.array([day.toordinal() for day in days], dtype=float),
        course("owed"),
        {name: course(name) for name in CLAIMABLE},
        metals,
    )


def _until(facts: Facts, both: list[Policy], first: date, day: date) -> dict[str, np.ndarray]:
    """Duty owed and relief from `first` up to but not on `day`, first policy less second (runs, M)."""
    stock = goods(facts, Period(first, day - timedelta(days=1)), both)

    def of(one: Policy) -> dict[str, np.ndarray]:
        mine = bill(facts, one, stock)
        entries = _content_entries(one)
        undeducted = [e.model_copy(update={"usmca": "full"}) if e in entries else e for e in one.additional]
        gross = bill(facts, one.model_copy(update={"additional": undeducted}), stock) if entries else mine
        return {"owed": mine.total, "us_content": gross.vehicles - mine.vehicles, "offset": mine.offset}

    mine, other = map(of, both)
    runs = np.zeros((len(stock.units), 1))
    return {name: mine[name] - other[name] + runs for name in mine}


def _content_entries(policy: Policy) -> list[Additional]:
    return [entry for entry in policy.additional if entry.usmca == "non_us_content"]


def _uneven(asked: Period) -> float:
    """How far goods of the period may be from an even share of their calendar years, as a fraction."""
    years = range(asked.start.year, asked.end.year + 1)
    whole = [Period(date(year, 1, 1), date(year, 12, 31)) for year in years]
    days = [(min(asked.end, y.end) - max(asked.start, y.start)).days + 1 for y in whole]
    off = [PHASING * (1 - part / y.days) * part / asked.days for part, y in zip(days, whole)]
    return float(np.sqrt(np.square(off).sum()))


def _recognised(facts: Facts, course: _Course, asked: Period, metals: bool) -> pd.DataFrame:
    makers = course.makers

    def levels(variable: str) -> np.ndarray:
        """Central, low and high of every maker (3, M)."""
        got = resolve(facts, [(makers[k], variable, "US") for k in course.trading], [asked])
        out = np.zeros((3, len(makers)))
        out[:, course.trading] = got.value[0], got.low[0], got.high[0]
        return out

    lag, accrued = levels("inventory_days"), levels("relief_accrued_share")
    start, stop = float(asked.start.toordinal()), float(asked.end.toordinal() + 1)

    def over(total: np.ndarray, days: np.ndarray) -> np.ndarray:
        return course.at(total, stop - days) - course.at(total, start - days)

    def steps(days: np.ndarray, share: np.ndarray, metal: int) -> dict[str, np.ndarray]:
        late = np.zeros((1, len(makers)))
        for name, relief in course.relief.items():
            booked = course.paid_back(name, stop, days) - course.paid_back(name, start, days)
            late = late + (1 - share) * (over(relief, days) - booked)
        owed = over(course.owed, 0 * days)
        return {
            "owed": owed,
            "lag": over(course.owed, days) - owed,
            "refunds": late,
            "metals": over(course.metals, days)[[metal]] * metals,
        }

    central = steps(lag[0], accrued[0], 0)
    runs = sum(central.values(), start=np.zeros(1))
    for days, share, metal in (
        (lag[1], accrued[0], 0),
        (lag[2], accrued[0], 0),
        (lag[0], accrued[1], 0),
        (lag[0], accrued[2], 0),
        (lag[0], accrued[0], 1),
        (lag[0], accrued[0], 2),
    ):
        varied = sum(steps(days, share, metal).values(), start=np.zeros(1))
        runs = np.concatenate([runs, varied[:1]])
    uneven = _uneven(asked)
    runs = np.concatenate([runs, runs[:1] * (1 - uneven), runs[:1] * (1 + uneven)])
    low, high = uncertainty.interval(runs)
    return pd.DataFrame(
        {
            **{name: step[0] for name, step in central.items()},
            "model": runs[0],
            "model_low": low,
            "model_high": high,
        },
        index=pd.Index(makers, name="maker"),
    )
