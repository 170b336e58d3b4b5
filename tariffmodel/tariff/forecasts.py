"""What did the model say before the figure was out, and was it right?

The ledger holds frozen predictions of what each maker books in a quarter, and of the duty that it owes.
Rows are added and never changed. A quarter of which a result is in the data is not predicted, so that
whatever statement is set beside a row of the ledger, the model had not seen it when the row was made.

Predictions that came with the package are in ``forecasts/ledger.csv``, the user's in
``forecasts/own_ledger.csv`` of a snapshot of `store`.
"""

from __future__ import annotations

import hashlib
import io
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from tariffmodel import __version__
from tariffmodel.errors import DataError
from tariffmodel.facts import LEDGER, OWN_LEDGER, Facts, periods, publication, store
from tariffmodel.facts.periods import Period
from tariffmodel.tariff import uncertainty, validation
from tariffmodel.tariff.case import Case
from tariffmodel.tariff.cost import booked_runs, course_of

__all__ = ["add", "in_words", "page", "score", "scored", "waiting"]

_STATE = ["maker", "quarter", "basis", "policy", "against", "code", "digest"]  # one prediction of each
_BEFORE, _AFTER = "before", "after"  # whether a prediction was made before its statement was public


def page(case: Case, made_on: date | None = None, ahead: int = 1) -> pd.DataFrame:
    """Predictions as the model makes them now: what `add` would write.

    A maker's quarters run from the one after the last of which a result is in the data, or for a maker
    without results from the one after the last of any maker, to `ahead` quarters after the one of the day.

    Parameters
    ----------
    case : Case
        Its period plays no part.
    made_on : date, optional
        Default: today.
    ahead : int
        How many quarters beyond the running one.

    Returns
    -------
    DataFrame
        Columns of ``forecasts/ledger.csv``; amounts in USD bn. Of the basis ``booked``, `low` and `high`
        are the range of the inputs, `inputs_low` to `inputs_high`, as widened by the misses of all makers
        (`validation.widening`); of ``owed``, which no statement tells, they are that range itself.

    Raises
    ------
    PolicyError
        If the policy of the case is not law.
    DataError
        If its facts are those of a past day or hold a what-if.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> rows = page(tm.case(), date(2026, 11, 27))
    >>> rows["quarter"].max(), bool((rows["low"] <= rows["central"]).all())
    ('2027Q1', True)
    """
    facts, today = case.facts, made_on or date.today()
    if facts.day is not None or facts.version.changed:
        raise DataError(
            "the ledger holds what the model says of the data as they are; load facts without a past day "
            "and without a what-if"
        )
    judged = validation.disclosed(case)
    last = _last_results(facts, judged)
    quarters = _quarters(min(last.values()), _quarter(today, ahead).end)
    course = course_of(case, quarters)
    factor = validation.widening(judged[judged["judged"] == validation.AMOUNT])
    start, stop = (np.array([getattr(q, side).toordinal() for q in quarters]) for side in ("start", "end"))
    frames = []
    for quarter, first, final in zip(quarters, start, stop + 1, strict=True):
        steps, runs = booked_runs(facts, course, quarter, metals=True)
        at_once = np.zeros(len(course.makers))
        owed = course.at(course.owed, final - at_once) - course.at(course.owed, first - at_once)
        for basis, of in (("owed", owed), ("booked", runs)):
            low, high = uncertainty.interval(of)
            one = pd.DataFrame(
                {"model": of[0], "model_low": low, "model_high": high}, index=pd.Index(course.makers)
            )
            wide = validation.widened(one, factor if basis == "booked" else 1.0)
            # relief that comes back may exceed the cost of a quarter
            one = wide.assign(widened_low=wide["widened_low"].clip(upper=wide["model"])) / 1e9
            metals = steps["metals"][0] / 1e9 if basis == "booked" else 0.0
            frames.append(one.assign(maker=one.index, quarter=quarter.label, basis=basis, metals=metals))
    rows = pd.concat(frames, ignore_index=True)
    after = rows["maker"].map(last)
    rows = rows[
        (rows["quarter"].map(lambda label: periods.parse(label).start) > after) & (rows["model"] != 0)
    ]
    rows = rows.rename(
        columns={"model": "central", "model_low": "inputs_low", "model_high": "inputs_high"}
        | {"widened_low": "low", "widened_high": "high"}
    ).assign(
        unit="usd_bn",
        policy=case.policy.name,
        against=case.against.name,
        made_on=pd.Timestamp(today),
        version=__version__,
        code=_code(),
        digest=str(facts.version),
    )
    order = {maker: place for place, maker in enumerate(course.makers)}
    rows = rows.sort_values(
        ["maker", "quarter", "basis"],
        key=lambda column: column.map(order) if column.name == "maker" else column,
    )
    return rows[_columns()].reset_index(drop=True)


def add(case: Case, ahead: int = 1, *, made_on: date | None = None, bundled: bool = False) -> pd.DataFrame:
    """Add the predictions of now to the ledger; nothing that is there changes.

    Parameters
    ----------
    ahead, made_on
        As for `page`.
    bundled : bool
        Write to the ledger that comes with the package, which is for those who maintain it, in place of
        the user's own.

    Returns
    -------
    DataFrame
        The rows that were added: none where this state of data, code and law has predicted them before.

    Raises
    ------
    DataError, PolicyError
        As for `page`; if the ledger already holds rows of a later day.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> guess = tm.facts.load().with_values({("Toyota", "us_import_units", "JP"): 1_000_000})
    >>> add(tm.case(data=guess))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    tariffmodel.errors.DataError: the ledger holds what the model says of the data as they are; ...
    """
    facts = case.facts
    fresh, there = page(case, made_on, ahead), facts.forecasts
    if len(there) and there["made_on"].max() > fresh["made_on"].max():
        raise DataError(
            f"the ledger holds predictions made on {there['made_on'].max():%Y-%m-%d}, after "
            f"{fresh['made_on'].max():%Y-%m-%d}; set the clock of this machine"
        )
    known = pd.MultiIndex.from_frame(there[_STATE])
    fresh = fresh[~pd.MultiIndex.from_frame(fresh[_STATE]).isin(known)].reset_index(drop=True)
    if fresh.empty:
        return fresh
    lines = fresh.to_csv(index=False, float_format="%.6g", date_format="%Y-%m-%d", lineterminator="\n")
    head, _, body = lines.partition("\n")
    if bundled:
        place = facts.folder / LEDGER
        store.write_whole(place, _appended(place, head, body))
        return fresh
    with store.writing(facts.folder, "predictions for the ledger") as staging:
        place = staging / OWN_LEDGER
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(_appended(place, head, body))
    return fresh


def scored(case: Case) -> pd.DataFrame:
    """Results that have come in of what the ledger predicted, beside the prediction.

    A statement of several quarters is set beside their sum, with ends added: errors of one maker's
    quarters go together. Of several predictions the last one that was made before the statement was
    public counts; where there is none, the last one that was made without it in the data.

    Returns
    -------
    DataFrame
        One row per statement, columns as in `validation.disclosed` as far as they apply, and `made_on`,
        and `made`: ``before`` the statement was public, or ``after`` it. `model` is what was predicted.
        Billions of the reporting currency, at the mean exchange rate of the period.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = scored(tm.case())
    >>> set(found["made"]) <= {"before", "after"}
    True
    """
    facts = case.facts
    ledger = facts.forecasts
    ledger = ledger[(ledger["policy"] == case.policy.name) & (ledger["against"] == case.against.name)]
    judged = validation.disclosed(case)
    judged = judged[(judged["judged"] == validation.AMOUNT) & (judged["kind"] == "actual")]
    out = []
    for said in judged.to_dict("records"):
        tiles = _tiles(periods.parse(str(said["period"])))
        mine = ledger[(ledger["maker"] == said["maker"]) & ledger["quarter"].isin(tiles)]
        many = len(tiles)
        whole = mine.groupby(["made_on", "code", "digest", "basis"]).filter(lambda of, n=many: len(of) == n)
        if not tiles or whole.empty:
            continue
        public = publication.last_day(pd.Series([said["said_on"]]))[0]
        early = whole[whole["made_on"] < public]
        chosen = early if len(early) else whole
        final = chosen.iloc[-1]
        chosen = chosen[
            (chosen[["made_on", "code", "digest"]] == final[["made_on", "code", "digest"]]).all(axis=1)
        ]
        sums = chosen.groupby("basis")[
            ["low", "central", "high", "inputs_low", "inputs_high", "metals"]
        ].sum()
        without = said["basis"] == "direct_duties" or said["scope"] == "vehicles_and_parts"
        booked = (sums.loc["booked"] - (sums.at["booked", "metals"] if without else 0.0)) * said["per_usd"]
        out.append(
            {
                "maker": said["maker"],
                "period": said["period"],
                "made": _BEFORE if len(early) else _AFTER,
                "made_on": final["made_on"],
                "said_on": said["said_on"],
                "kind": said["kind"],
                "judged": said["judged"],
                "currency": said["currency"],
                "per_usd": said["per_usd"],
                "disclosed": said["disclosed"],
                "owed": sums.at["owed", "central"] * said["per_usd"],
                "model": booked["central"],
                "model_low": booked["inputs_low"],
                "model_high": booked["inputs_high"],
                "widened_low": max(booked["low"], 0.0),
                "widened_high": booked["high"],
                "latest": said["latest"],
                "headline": said["headline"],
            }
        )
    names = ["maker", "period", "made", "made_on", "said_on", "kind", "judged", "currency", "per_usd"]
    names += ["disclosed", "owed", "model", "model_low", "model_high", "widened_low", "widened_high"]
    frame = pd.DataFrame(out, columns=[*names, "latest", "headline"])
    # without rows a column has no type
    frame = frame.astype(dict.fromkeys(names[8:], float) | dict.fromkeys(["latest", "headline"], bool))
    return frame.assign(
        error=frame["model"] / frame["disclosed"] - 1,
        inside_range=frame["disclosed"].between(frame["model_low"], frame["model_high"]),
        inside_widened=frame["disclosed"].between(frame["widened_low"], frame["widened_high"]),
    )


def waiting(case: Case) -> pd.DataFrame:
    """The last prediction of what is booked in each quarter that no result of the ledger's law has met yet.

    Returns
    -------
    DataFrame
        Columns of ``forecasts/ledger.csv``; a maker with results has the quarters after them only.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> set(waiting(tm.case())["basis"]) <= {"booked"}
    True
    """
    ledger = case.facts.forecasts
    same = (ledger["policy"] == case.policy.name) & (ledger["against"] == case.against.name)
    rows = ledger[same & (ledger["basis"] == "booked")].drop_duplicates(["maker", "quarter"], keep="last")
    last = _last_results(case.facts, validation.disclosed(case))
    begins = rows["quarter"].map(lambda label: periods.parse(label).start)
    return rows[begins > rows["maker"].map(last)].reset_index(drop=True)


def score(frame: pd.DataFrame) -> pd.DataFrame:
    """How good the predictions of `scored` were: coverage beside width.

    Returns
    -------
    DataFrame
        Rows ``before`` (made before the statement was public) and ``after`` (made later, without it in
        the data); columns of `validation.summary`. `n` is 0 where nothing has arrived.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> score(scored(tm.case())).index.tolist()
    ['before', 'after']
    """
    rows = {made: validation.summary(frame[frame["made"] == made]).loc["all"] for made in (_BEFORE, _AFTER)}
    return pd.DataFrame(rows).T.astype({"n": int, "makers": int})


def in_words(frame: pd.DataFrame) -> list[str]:
    """`score` of what `scored` gave as sentences, one for each kind of prediction.

    >>> import tariffmodel as tm
    >>> len(in_words(scored(tm.case())))
    2
    """
    names = {_BEFORE: "Made before the statement was public", _AFTER: "Made after it, without it in the data"}
    told = {str(made): line for made, line in score(frame).iterrows()}
    return [
        f"{name}: {validation.in_words(told[made]) if told[made]['n'] else 'no statement yet'}."
        for made, name in names.items()
    ]


def _last_results(facts: Facts, judged: pd.DataFrame) -> dict[str, date]:
    """The last day of which a result of each maker is in the data; of any maker for those without one."""
    makers = list(facts.makers.index)
    last: dict[str, date] = {}
    results = judged[judged["kind"] == "actual"]
    for company, label in zip(results["maker"], results["period"], strict=True):
        end = periods.parse(str(label)).end
        for maker in validation.members(company, makers):
            last[maker] = max(end, last.get(maker, end))
    if not last:
        raise DataError("no result is in the data: nothing says from which quarter on to predict")
    return {maker: last.get(maker, max(last.values())) for maker in makers}


def _quarter(day: date, later: int = 0) -> Period:
    """The quarter of a day, or so many after it."""
    number = 4 * day.year + (day.month - 1) // 3 + later
    return periods.parse(f"{number // 4}Q{number % 4 + 1}")


def _quarters(after: date, until: date) -> list[Period]:
    """Quarters that begin after a day, through the one that ends on another."""
    first = _quarter(after)
    found = [first] if first.start > after else []
    while (nxt := _quarter((found or [first])[-1].end + timedelta(days=1))).end <= until:
        found.append(nxt)
    return found


def _tiles(span: Period) -> list[str]:
    """Labels of the quarters that make up a period; none if they do not."""
    found = _quarters(span.start - timedelta(days=1), span.end)
    fits = found and found[0].start == span.start and found[-1].end == span.end
    return [quarter.label for quarter in found] if fits else []


def _columns() -> list[str]:
    from tariffmodel.facts.schemas.model import FORECASTS  # slow to import

    return list(FORECASTS.columns)


@cache
def _code() -> str:
    """First digits of a digest of the package: two rows with the same were made by the same program."""
    package = Path(__file__).resolve().parents[1]
    files = sorted(package.rglob("*.py"), key=lambda path: path.relative_to(package).as_posix())
    content = b"".join(path.read_bytes().replace(b"\r\n", b"\n") for path in files)
    return hashlib.sha256(content).hexdigest()[:8]


def _appended(place: Path, head: str, body: str) -> bytes:
    """A ledger with rows below those it has, which stay as they are to the byte."""
    if not place.is_file():
        return f"{head}\n{body}".encode()
    old = place.read_bytes()
    found = pd.read_csv(io.BytesIO(old), nrows=0).columns
    if ",".join(found) != head:
        raise DataError(f"{place} has other columns than {head}; move it away, the ledger is never rewritten")
    return old + (b"" if old.endswith(b"\n") else b"\n") + body.encode()
