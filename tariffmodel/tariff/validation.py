"""How close does the model come to what companies disclosed?

A disclosure is a cost in the books: it is set beside what `cost` says the maker books. It is made like
for like first: duty that was void and came back is taken out, a floor or a net figure is judged on its
side only, makers that report together are judged by their sum, and an outlook is judged by the law that was
known on its day: nobody could count in what came later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError, PolicyError
from tariffmodel.facts import OWN_DISCLOSURES, Facts, fx_rate, periods, publication
from tariffmodel.facts.periods import Period
from tariffmodel.tariff import uncertainty
from tariffmodel.tariff.case import Case
from tariffmodel.tariff.cost import BOOK_INPUTS, STEPS, Course, booked_runs, course_of, recognised
from tariffmodel.tariff.policy import as_known

__all__ = [
    "COVERAGE",
    "STEPS",
    "apart",
    "by_home",
    "counted",
    "disclosed",
    "explained",
    "recognised",
    "summary",
    "widening",
]

COVERAGE = 0.8  # share of disclosures that a widened range is to hold
AMOUNT, FLOOR, CEILING, SUM = "amount", "floor", "ceiling", "sum"  # how a statement is judged
NO_MAKER = "not by a maker of the model"
_OPEN = {"at_least": FLOOR, "at_most": CEILING}


def members(company: str, makers: Sequence[str]) -> list[str]:
    """Makers that a company of the disclosures stands for; none where it is not known who they are.

    Names joined by + are a sum, each the only maker that begins with it.

    >>> members("Hyundai+Kia", ["Honda", "Hyundai Motor", "Kia"])
    ['Hyundai Motor', 'Kia']
    >>> members("Japan 7 makers", ["Honda"])
    []
    """
    if company in makers:
        return [company]
    found = [[maker for maker in makers if maker.startswith(part.strip())] for part in company.split("+")]
    return [one for (one,) in found] if "+" in company and all(len(one) == 1 for one in found) else []


def judged_as(facts: Facts, as_of: date) -> pd.DataFrame:
    """How each statement of `Facts.disclosures` is judged, and why.

    Returns
    -------
    DataFrame
        On the index of the disclosures: `judged`, which is ``amount``, ``floor`` (at least so much, or
        net of own measures: the cost before them is no less), ``ceiling``, ``sum`` of several makers,
        or empty where the statement cannot be compared; `why` in few words; `taken_out`, void
        duty in it that came back later.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> told = judged_as(tm.facts.load(), date(2026, 11, 27))
    >>> set(told["judged"]) <= {AMOUNT, FLOOR, CEILING, SUM, ""}
    True
    """
    rows, makers = facts.disclosures, list(facts.makers.index)
    who = rows["company"].map(lambda company: len(members(company, makers)))
    money = rows["unit"].str.endswith("_bn") & (rows["value"] > 0)
    outside = rows["kind"] == "third_party"
    side = rows["bound"].map(_OPEN)
    net = money & (rows["basis"] == "net") & (side != CEILING)
    together = money & (rows["basis"].isin(["sum", "gross", "operating_profit_bridge", "direct_duties"]))
    back = _refunded(facts, as_of)
    choices = [  # the first that holds
        (outside, "", "an outsider's estimate"),
        (who == 0, "", NO_MAKER),
        ((who > 1) & together & side.isna(), SUM, "makers that report together, judged by their sum"),
        (who > 1, "", "a sum that gives no amount"),
        (money & (rows["value"] <= back), "", "no more than what came back later"),
        (rows["like_for_like"] & side.isna(), AMOUNT, "an amount before own measures"),
        (rows["like_for_like"], side, "only a bound is given"),
        (net, FLOOR, "net of own measures: before them the cost is no less"),
        (~money, "", "no amount of money above zero"),
        (
            ~rows["basis"].isin(["gross", "operating_profit_bridge", "direct_duties"]),
            "",
            "another kind of figure",
        ),
    ]
    told = pd.DataFrame({"judged": "", "why": "set aside, for the reason in its row"}, index=rows.index)
    for holds, judged, why in reversed(choices):
        told["judged"] = told["judged"].mask(holds, judged)
        told["why"] = told["why"].mask(holds, why)
    return told.assign(taken_out=back)


def counted(case: Case) -> pd.DataFrame:
    """How many statements there are, of how many makers, and how many of them are judged in which way.

    Returns
    -------
    DataFrame
        Indexed by `judged` and `why` of `judged_as`, those that are judged first: `statements` and
        `makers` (companies, where they are none).

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case()
    >>> bool(counted(asked)["statements"].sum() == len(asked.facts.disclosures))
    True
    """
    told = judged_as(case.facts, case.as_of).assign(company=case.facts.disclosures["company"])
    groups = told.groupby(["judged", "why"])["company"]
    frame = groups.agg(statements="size", makers="nunique").reset_index()
    order = frame["judged"].map({name: rank for rank, name in enumerate((AMOUNT, FLOOR, CEILING, SUM))})
    frame = frame.assign(order=order.fillna(len(order)))
    frame = frame.sort_values(["order", "statements"], ascending=[True, False], kind="stable")
    return frame.set_index(["judged", "why"])[["statements", "makers"]]


def _refunded(facts: Facts, as_of: date) -> pd.Series:
    """Void duty that is in each statement and came back later, in billions of the statement's currency.

    From ``companies/refunded.csv``: what was paid in the days of the statement, of a refund that was
    not known when the statement was made. None is taken out of an outlook given while the duty was levied:
    it is judged by the law of its day, with that duty.
    """
    rows, makers = facts.disclosures, list(facts.makers.index)
    out = pd.Series(0.0, index=rows.index)
    said = publication.last_day(rows["said_on"])
    refund: Any  # a named tuple of the table's columns
    for refund, known in zip(
        facts.refunded.itertuples(), publication.last_day(facts.refunded["said_on"]), strict=True
    ):
        paid = periods.parse(refund.paid_over)
        inside = rows["company"].map(lambda company, of=refund.company: of in members(company, makers))
        levied = (rows["kind"] == "guidance") & (said <= pd.Timestamp(paid.end))
        there = rows[inside & (said < known) & ~levied & rows["unit"].str.endswith("_bn")]
        for row, label, stated_in in zip(there.index, there["period"], there["unit"], strict=True):
            span = periods.parse(str(label))
            days = (min(span.end, paid.end) - max(span.start, paid.start)).days + 1
            unit, other = (str(text).removesuffix("_bn").upper() for text in (stated_in, refund.unit))
            per = fx_rate(facts, unit, span, as_of) / fx_rate(facts, other, span, as_of)
            out[row] += max(days, 0) / paid.days * refund.value * per
    return out


def disclosed(case: Case) -> pd.DataFrame:
    """The model beside what companies disclosed on a like basis, each for its own period.

    Every statement that `judged_as` can judge has a row. Steel and aluminium are counted unless the
    company speaks of direct duties or of vehicles and parts only.

    Returns
    -------
    DataFrame
        One row per disclosure: `maker` (or makers joined by +), `period`, `kind`, `basis`, `scope`,
        `judged`, `currency`, `stated`, `taken_out` (see `refunded`), `disclosed` = stated − taken_out,
        the steps `owed`, `lag`, `refunds`, `metals`, their sum `model`, `model_low`, `model_high`
        (all billions of the reporting currency, at the period's mean rate `per_usd`), `error` =
        model/disclosed − 1 (a floor that is kept has none, nor has a ceiling), `ratio`,
        `disclosed_low` and `disclosed_high` (what the company itself gave as a range, else twice the
        amount), `inside_range` (the two ranges meet; of a floor: the range reaches it or lies above),
        `law_known_on` (of an outlook: the day whose law the model takes, announced agreements included;
        else empty), `reason` (what may still
        differ), `said_on`, `own` (a row of the user's), `source_title`, `source_url`, `latest` (the
        last word on its maker and period among those judged alike, an actual before any guidance) and
        `headline` (the one amount that speaks for its maker: the longest actual period, failing that
        the longest guidance; none for a maker inside another). Also `widened_low`, `widened_high` and
        `inside_widened`, see `widening`. The period of the case plays no part.

    Raises
    ------
    PolicyError
        If the policy of the case is not law: nobody disclosed the cost of a hypothesis.
    DataError
        If there is no statement to compare with.

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
    held: list[tuple[Any, pd.DataFrame]]  # a list: policies have no hash
    held = case.facts.kept.setdefault(disclosed.__qualname__, [])
    asked = (case.policy, case.against, case.as_of)
    for one, found in held:
        if one == asked:
            return found.copy()
    frame = _disclosed(case)
    held.append((asked, frame))
    return frame.copy()


def _disclosed(case: Case) -> pd.DataFrame:
    facts, as_of = case.facts, case.as_of
    told = judged_as(facts, as_of)
    rows = facts.disclosures.assign(judged=told["judged"], taken_out=told["taken_out"])
    rows = rows[rows["judged"] != ""]
    said_on = publication.last_day(rows["said_on"]).dt.strftime("%Y-%m-%d")
    rows = rows.assign(day=said_on.where(rows["kind"] == "guidance", ""))
    spans = {str(label): periods.parse(str(label)) for label in sorted(rows["period"].unique())}
    courses = _courses(case, rows, spans)
    out = []
    for (label, said), group in rows.groupby(["period", "day"], sort=True):
        span, course = spans[str(label)], courses[str(said)]
        shared = uncertainty.sharing(facts, BOOK_INPUTS, course.makers)
        costs: dict[bool, tuple[dict[str, np.ndarray], np.ndarray]] = {}
        row: Any  # a named tuple of the table's columns
        for row in group.itertuples():
            metals = row.basis != "direct_duties" and row.scope != "vehicles_and_parts"
            if metals not in costs:
                costs[metals] = booked_runs(facts, course, span, metals)
            steps, runs = costs[metals]
            of = members(row.company, course.makers)
            mine = np.isin(course.makers, of).astype(float)
            unit = row.unit.removesuffix("_bn").upper()
            home = str(facts.makers.at[of[0], "reporting_currency"])
            per_usd = fx_rate(facts, home, span, as_of)
            per_unit = per_usd / fx_rate(facts, unit, span, as_of)
            low, high = (end.item() for end in uncertainty.total(runs, mine[None], shared))
            local = {name: float(step[0] @ mine) for name, step in steps.items()}
            local |= {"model": float(runs[0] @ mine), "model_low": low, "model_high": high}
            ends = _as_a_range(row)
            out.append(
                {
                    "maker": row.company,
                    "period": label,
                    "kind": row.kind,
                    "basis": row.basis,
                    "scope": row.scope,
                    "judged": row.judged,
                    "currency": home,
                    "per_usd": per_usd,
                    "stated": row.value * per_unit,
                    "taken_out": row.taken_out * per_unit,
                    "disclosed": (row.value - row.taken_out) * per_unit,
                    "disclosed_low": (ends[0] - row.taken_out) * per_unit,
                    "disclosed_high": (ends[1] - row.taken_out) * per_unit,
                    **{name: usd * per_usd / 1e9 for name, usd in local.items()},
                    "reason": row.like_for_like_reason,
                    "said_on": row.said_on,
                    "law_known_on": str(said),
                    "own": row.file == f"data/{OWN_DISCLOSURES}",
                    "source_title": row.source_title,
                    "source_url": row.source_url,
                }
            )
    if not out:
        raise DataError(
            f"no statement that can be compared was known on {as_of}; ask for a later day, or add one with "
            "`tariffmodel add disclosures`"
        )
    frame = pd.DataFrame(out)
    ratio = frame["model"] / frame["disclosed"]
    off = (ratio - 1).mask((frame["judged"] == FLOOR) & (ratio > 1), 0.0)
    off = off.mask((frame["judged"] == CEILING) & (ratio < 1), 0.0)
    frame = frame.assign(error=off, ratio=ratio, inside_range=_inside(frame, "model"))
    frame = frame.sort_values(["maker", "period", "kind", "said_on"], ascending=[True, True, False, True])
    frame = _ranked(frame.reset_index(drop=True), facts.makers["consolidated_in"])
    return _by_the_others(frame, frame)


def _courses(case: Case, rows: pd.DataFrame, spans: Mapping[str, Period]) -> dict[str, Course]:
    """What is owed by the day whose law counts, "" for the law as it is; once for days of the same law."""
    laws: list[tuple[Case, list[str]]] = []
    for day in sorted(rows["day"].unique()):
        known = as_outlooks_had_it(case, date.fromisoformat(day)) if day else case
        same = (days for one, days in laws if (one.policy, one.against) == (known.policy, known.against))
        if (days := next(same, None)) is None:
            laws.append((known, days := []))
        days.append(day)
    courses: dict[str, Course] = {}
    for known, days in laws:
        labels = sorted(rows.loc[rows["day"].isin(days), "period"].unique())
        courses |= dict.fromkeys(days, course_of(known, [spans[label] for label in labels]))
    return courses


def as_outlooks_had_it(case: Case, day: date) -> Case:
    """The case under the law of a day, agreements that had been announced included.

    What else a company expected is not known: the facts stay what they are.

    >>> import tariffmodel as tm
    >>> asked = tm.case()
    >>> then = as_outlooks_had_it(asked, date(2025, 5, 14))
    >>> "japan-deal" in {entry.id for entry in then.policy.additional}, then.as_of == asked.as_of
    (False, True)
    """
    mine, other = (as_known(one, day, announced=True) for one in (case.policy, case.against))
    return case.replace(policy=mine, against=other)


def _as_a_range(row: Any) -> tuple[float, float]:
    """Low and high of a statement: what the company gave, else its amount twice. A bound has its own side."""
    if row.judged in (FLOOR, CEILING) or pd.isna(row.low) or pd.isna(row.high):
        return row.value, row.value
    return row.low, row.high


def apart(case: Case, frame: pd.DataFrame, since: date | None = None, own: bool = False) -> pd.DataFrame:
    """Rows of `disclosed` that the model is to be tried on, judged by what the other rows teach.

    Parameters
    ----------
    frame : DataFrame
        From `disclosed` for the same case.
    since : date, optional
        Only statements made on this day or later; a month counts from its last day.
    own : bool
        Only statements that the user added.

    Returns
    -------
    DataFrame
        As `frame`; `latest` and `headline` are among the rows that are left, and the widening is learnt
        from other makers' statements that are not.

    Raises
    ------
    DataError
        If no row is left.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case()
    >>> later = apart(asked, disclosed(asked), since=date(2026, 1, 1))
    >>> bool((later["said_on"] >= "2026").all())
    True
    """
    there = frame["own"] if own else pd.Series(True, index=frame.index)
    if since is not None:
        there = there & (publication.last_day(frame["said_on"]) >= pd.Timestamp(since))
    if not there.any():
        what = ["that can be compared", "of your own" * own, f"of {since} or later" if since else ""]
        raise DataError(
            f"no statement {' '.join(filter(None, what))}; `tariffmodel add disclosures` adds one"
        )
    left = _ranked(frame[there].reset_index(drop=True), case.facts.makers["consolidated_in"])
    return _by_the_others(left, frame[~there])


def _ranked(frame: pd.DataFrame, consolidated_in: pd.Series) -> pd.DataFrame:
    frame = frame.assign(latest=~frame.duplicated(["maker", "period", "judged"], keep="last"))
    return frame.assign(headline=_headline(frame, consolidated_in))


def _by_the_others(frame: pd.DataFrame, taught: pd.DataFrame) -> pd.DataFrame:
    """`widened` by the misses of `taught` that are not of the same makers."""
    taught = taught[taught["judged"] == AMOUNT]
    makers = list(taught["maker"].unique())
    others = {
        company: widening(taught[~taught["maker"].isin(members(company, makers))])
        for company in frame["maker"].unique()
    }
    frame = widened(frame, frame["maker"].map(others))
    return frame.assign(inside_widened=_inside(frame, "widened"))


def _inside(frame: pd.DataFrame, name: str) -> pd.Series:
    """Whether a range meets what is disclosed; of a bound, whether it lies on its side or reaches it."""
    above = (frame["disclosed_low"] <= frame[f"{name}_high"]) | (frame["judged"] == CEILING)
    below = (frame[f"{name}_low"] <= frame["disclosed_high"]) | (frame["judged"] == FLOOR)
    inside: pd.Series = above & below
    return inside


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
    Wasserman and Ramdas 2023). Of a stated range its middle teaches. Never below 1.

    In `disclosed` a maker is judged with the factor of the *other* makers; for a maker or a period
    that nobody has disclosed yet, use that of all of them.

    Parameters
    ----------
    frame : DataFrame
        From `disclosed`, or rows of it; columns `maker`, `disclosed`, `model`, `model_low`,
        `model_high`; only amounts teach. Without rows, or with too few makers for the coverage, infinite.

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
    """How close, how well ranked and how honest about its range the model is: coverage beside width.

    Parameters
    ----------
    frame : DataFrame
        From `disclosed`.

    Returns
    -------
    DataFrame
        Rows `headline` (one per maker), `all` comparable amounts, `actual` and `guidance` (the last
        word on every maker and period, so that a maker's periods overlap), `one_sided` (floors, net
        figures and ceilings: an error only where the model lies on the wrong side) and `sums` of
        makers. Columns: `n` statements of so many `makers`, `median_absolute_error` of the model and
        `median_absolute_error_owed` of the duty owed alone (fractions of the disclosed amount), `bias`,
        the median error, `rank_correlation` of the USD amounts (Spearman 1904) with its two-sided
        `rank_p` from Student's t, and for the range of the inputs and the one widened by the misses of
        the other makers: the share of disclosures inside, `inside_range` and `inside_widened`, and the
        median width over the model's value, `width_range` and `width_widened`.

    Examples
    --------
    >>> said = pd.DataFrame({"maker": list("ABC"), "kind": "actual", "disclosed": [1.0, 2.0, 4.0]})
    >>> said = said.assign(model=[1.0, 3.0, 4.0], error=[0.0, 0.5, 0.0], owed=1.0, per_usd=1.0, latest=True)
    >>> said = said.assign(judged=AMOUNT, model_low=0.0, model_high=9.0, widened_low=0.0, widened_high=9.0)
    >>> said = said.assign(headline=[True, True, False], inside_range=True, inside_widened=True)
    >>> summary(said).loc[["headline", "all", "guidance"], ["n", "median_absolute_error"]]
              n  median_absolute_error
    headline  2                   0.25
    all       3                   0.00
    guidance  0                    NaN
    """
    from scipy.stats import spearmanr  # slow to import: only when results are summed up

    amounts = frame[frame["judged"] == AMOUNT]
    last = amounts[amounts["latest"]]
    groups = {
        "headline": frame[frame["headline"]],
        "all": amounts,
        "actual": last[last["kind"] == "actual"],
        "guidance": last[last["kind"] == "guidance"],
        "one_sided": frame[frame["judged"].isin([FLOOR, CEILING])],
        "sums": frame[frame["judged"] == SUM],
    }
    out = {}
    for name, rows in groups.items():
        usd = rows[["disclosed", "model"]].div(rows["per_usd"], axis=0)
        sided = name == "one_sided"
        rho, p = spearmanr(usd) if len(rows) > 2 and not sided else (np.nan, np.nan)
        owed = (rows["owed"] / rows["disclosed"] - 1).abs()
        out[name] = {
            "n": len(rows),
            "makers": rows["maker"].nunique(),
            "median_absolute_error": rows["error"].abs().median(),
            "median_absolute_error_owed": np.nan if sided else owed.median(),
            "bias": rows["error"].median(),
            "rank_correlation": rho,
            "rank_p": p,
            "inside_range": rows["inside_range"].mean(),
            "width_range": _width(rows, "model"),
            "inside_widened": rows["inside_widened"].mean(),
            "width_widened": _width(rows, "widened"),
        }
    return pd.DataFrame(out).T.astype({"n": int, "makers": int})


def by_home(facts: Facts, frame: pd.DataFrame) -> pd.DataFrame:
    """`summary` of the amounts of each home of makers, their last word on every period.

    Parameters
    ----------
    frame : DataFrame
        From `disclosed`.

    Returns
    -------
    DataFrame
        Indexed by `home`, the columns of `summary`. Sums of makers are in none.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> asked = tm.case()
    >>> found = by_home(asked.facts, disclosed(asked))
    >>> found.index.tolist(), bool((found["n"] >= found["makers"]).all())
    (['EU', 'GB', 'JP', 'KR', 'US'], True)
    """
    last = frame[frame["latest"] & (frame["judged"] == AMOUNT)]
    homes = last["maker"].map(facts.makers["home"])
    scores = {home: summary(rows).loc["all"] for home, rows in last.groupby(homes)}
    return pd.DataFrame(scores).T.rename_axis("home").astype({"n": int, "makers": int})


def _width(rows: pd.DataFrame, name: str) -> float:
    width = (rows[f"{name}_high"] - rows[f"{name}_low"]) / rows["model"]
    return float(width.median())


def in_words(score: pd.Series) -> str:
    """One row of `summary` as a part of a sentence.

    Examples
    --------
    >>> close = {"n": 13, "makers": 13, "median_absolute_error": 0.19, "median_absolute_error_owed": 0.29}
    >>> honest = {"rank_correlation": 0.93, "inside_range": 0.62, "inside_widened": 0.92}
    >>> wide = {"bias": -0.11, "width_range": 0.4, "width_widened": 0.9}
    >>> in_words(pd.Series(close | honest | wide)).split(", ")[:2]
    ['13 statements of 13 makers', 'median absolute error 19% (duty owed alone 29%)']
    """
    words = [
        f"{score['n']:.0f} statements of {score['makers']:.0f} makers",
        f"median absolute error {score['median_absolute_error']:.0%}",
    ]
    if np.isfinite(score["median_absolute_error_owed"]):
        words[-1] += f" (duty owed alone {score['median_absolute_error_owed']:.0%})"
    words.append(f"bias {score['bias']:+.0%}")
    if np.isfinite(score["rank_correlation"]):
        words.append(f"rank correlation {score['rank_correlation']:.2f}")
    words.append(
        f"{score['inside_range']:.0%} inside the range of the inputs "
        f"(median width {score['width_range']:.0%} of the value), "
        f"{score['inside_widened']:.0%} inside the one widened by the other makers' misses "
        f"(width {score['width_widened']:.0%})"
    )
    return ", ".join(words)


def without_each(frame: pd.DataFrame) -> pd.DataFrame:
    """`summary` of the headline rows with each maker left out in turn, indexed by the maker.

    >>> said = pd.DataFrame({"maker": list("ABC"), "kind": "actual", "disclosed": [1.0, 2.0, 4.0]})
    >>> said = said.assign(model=[1.0, 3.0, 4.0], error=[0.0, 0.5, 0.0], owed=1.0, per_usd=1.0, latest=True)
    >>> said = said.assign(judged=AMOUNT, model_low=0.0, model_high=9.0, widened_low=0.0, widened_high=9.0)
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
    speaks = order["latest"] & (order["judged"] == AMOUNT)
    whole = order[speaks & order["maker"].map(consolidated_in).isna()]
    return frame.index.to_series().isin(whole.groupby("maker")["position"].last())
