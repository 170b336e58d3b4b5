"""How close does the model come to what companies disclosed?

A disclosure is a cost in the books: it is set beside what `cost` says the maker books.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tariffmodel.errors import PolicyError
from tariffmodel.facts import fx_rate, periods
from tariffmodel.tariff.case import Case
from tariffmodel.tariff.cost import STEPS, booked, course_of, recognised

__all__ = ["COVERAGE", "STEPS", "disclosed", "explained", "recognised", "summary", "widening"]

COVERAGE = 0.8  # share of disclosures that a widened range is to hold


def disclosed(case: Case) -> pd.DataFrame:
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
        `widened_low`, `widened_high` and `inside_widened`, see `widening`. The period of the case
        plays no part.

    Raises
    ------
    PolicyError
        If the policy of the case is not law: nobody disclosed the cost of a hypothesis.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> disclosed(tm.case("flat-25"))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    tariffmodel.errors.PolicyError: companies disclosed ...
    """
    if case.policy.status != "law":
        raise PolicyError(
            f"companies disclosed what the law cost them, and {case.policy.name} is a {case.policy.status}; "
            "compare with a policy whose status is law, such as current-law"
        )
    facts, as_of = case.facts, case.as_of
    rows = facts.disclosures[
        facts.disclosures["like_for_like"] & facts.disclosures["company"].isin(facts.makers.index)
    ]
    spans = {label: periods.parse(str(label)) for label in sorted(rows["period"].unique())}
    course = course_of(case, list(spans.values()))
    out = []
    for label, group in rows.groupby("period", sort=True):
        span = spans[str(label)]
        costs = {metals: booked(facts, course, span, metals) for metals in (True, False)}
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
    frame = widened(frame, frame["maker"].map(others))
    inside = frame["disclosed"].between(frame["widened_low"], frame["widened_high"])
    return frame.assign(inside_widened=inside)


def widened(cost: pd.DataFrame, factor: float | pd.Series) -> pd.DataFrame:
    """`disclosed` or `recognised` with `widened_low` and `widened_high`: a range `factor` times as wide.

    Nothing costs less than nothing.

    >>> cost = pd.DataFrame({"model": [10.0], "model_low": [8.0], "model_high": [11.0]})
    >>> widened(cost, factor=2.0)[["widened_low", "widened_high"]].to_numpy().tolist()
    [[6.0, 12.0]]
    """
    low = (cost["model"] - factor * (cost["model"] - cost["model_low"])).clip(lower=0)
    high = cost["model"] + factor * (cost["model_high"] - cost["model"])
    return cost.assign(widened_low=low, widened_high=high)


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

    Examples
    --------
    >>> said = pd.DataFrame({"maker": list("ABCD"), "disclosed": [10.0, 11.0, 9.0, 13.0]})
    >>> widening(said.assign(model=10.0, model_low=9.0, model_high=11.0))
    3.0
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

    Examples
    --------
    >>> said = pd.DataFrame({"maker": list("ABC"), "kind": "actual", "disclosed": [1.0, 2.0, 4.0]})
    >>> said = said.assign(model=[1.0, 3.0, 4.0], error=[0.0, 0.5, 0.0], owed=1.0, per_usd=1.0, latest=True)
    >>> said = said.assign(headline=[True, True, False], inside_range=True, inside_widened=True)
    >>> summary(said)[["n", "median_absolute_error"]]
              n  median_absolute_error
    headline  2                   0.25
    all       3                   0.00
    actual    3                   0.00
    guidance  0                    NaN
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


def in_words(score: pd.Series) -> str:
    """One row of `summary` as a part of a sentence.

    Examples
    --------
    >>> close = {"n": 13, "median_absolute_error": 0.19, "median_absolute_error_owed": 0.29}
    >>> honest = {"rank_correlation": 0.93, "inside_range": 0.62, "inside_widened": 0.92}
    >>> in_words(pd.Series(close | honest)).split(", ")[:3]
    ['13 disclosures', 'median absolute error 19% (duty owed alone 29%)', 'rank correlation 0.93']
    """
    return (
        f"{score['n']:.0f} disclosures, median absolute error {score['median_absolute_error']:.0%} "
        f"(duty owed alone {score['median_absolute_error_owed']:.0%}), "
        f"rank correlation {score['rank_correlation']:.2f}, "
        f"{score['inside_widened']:.0%} inside the range widened by the other makers' misses "
        f"({score['inside_range']:.0%} inside the range of the inputs alone)"
    )


def without_each(frame: pd.DataFrame) -> pd.DataFrame:
    """`summary` of the headline rows with each maker left out in turn, indexed by the maker.

    >>> said = pd.DataFrame({"maker": list("ABC"), "kind": "actual", "disclosed": [1.0, 2.0, 4.0]})
    >>> said = said.assign(model=[1.0, 3.0, 4.0], error=[0.0, 0.5, 0.0], owed=1.0, per_usd=1.0, latest=True)
    >>> said = said.assign(headline=True, inside_range=True, inside_widened=True)
    >>> without_each(said)["median_absolute_error"].to_dict()
    {'A': 0.25, 'B': 0.0, 'C': 0.25}
    """
    makers = frame.loc[frame["headline"], "maker"]
    left = {maker: summary(frame[frame["maker"] != maker]).loc["headline"] for maker in makers}
    return pd.DataFrame(left).T.rename_axis("maker")


def after_each_step(table: pd.DataFrame) -> pd.Series:
    """Median absolute error once each of `STEPS` is added, from `explained`; shares of what is disclosed.

    >>> shares = pd.DataFrame({step: [0.0, 0.0] for step in STEPS}).assign(owed=[0.6, 0.9], lag=[0.2, 0.1])
    >>> after_each_step(shares)[["owed", "lag"]].round(2).to_dict()
    {'owed': 0.25, 'lag': 0.1}
    """
    error: pd.Series = (table[list(STEPS)].cumsum(axis=1) - 1).abs().median()
    return error


def explained(frame: pd.DataFrame) -> pd.DataFrame:
    """Each maker's headline miss, step by step, as shares of the disclosed amount.

    Returns
    -------
    DataFrame
        Indexed by maker: `period`, `disclosed` and `currency`; `owed` = duty owed, then what each
        mechanism adds: `lag`, `refunds`, `metals`; `model` = their sum; `unexplained` = 1 − model;
        `within_range`: whether the uncertainty of the inputs covers what is unexplained.

    Examples
    --------
    >>> said = pd.DataFrame({"maker": ["A"], "period": "2025Q2", "currency": "USD", "disclosed": [2.0]})
    >>> said = said.assign(**dict.fromkeys(STEPS, 0.0)).assign(owed=1.0, lag=0.7, model=1.7)
    >>> found = explained(said.assign(headline=True, inside_range=True))
    >>> found[["owed", "lag", "model", "unexplained"]].round(2).to_dict("index")
    {'A': {'owed': 0.5, 'lag': 0.35, 'model': 0.85, 'unexplained': 0.15}}
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
