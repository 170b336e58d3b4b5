"""What must hold in the tables of `data/events`: announcements, news, probabilities?"""

from __future__ import annotations

import re

import pandera.pandas as pa

from tariffmodel.facts.schemas.kinds import (
    QUALITIES,
    ZONE,
    _clock,
    _date,
    _day,
    _flag,
    _is_zone,
    _like,
    _number,
    _one_of,
    _table,
    _text,
)

EVENT = r"\d{4}-\d{2}-\d{2}(-[a-z0-9]+)+$"
REFERENCE = r"([a-z0-9-]+)(?:@(\d{4}-\d{2}-\d{2}))?(?: without ([a-z0-9-]+(?: [a-z0-9-]+)*))?$"


def _event(*, unique: bool = False) -> pa.Column:
    expected = "expected its day in Washington and a slug, such as 2025-07-22-japan-deal"
    matches = pa.Check.str_matches(re.compile(EVENT), error=expected)
    return pa.Column(str, matches, nullable=not unique, unique=unique)


def _reference() -> pa.Column:
    expected = (
        "a policy, a day on which it is frozen, entries to leave out: NAME[@YYYY-MM-DD][ without ID ...]"
    )
    return _like(REFERENCE, expected, nullable=True)


EVENTS = _table(
    {
        "event": _event(unique=True),
        "date": _day(),
        "time_et": _clock(),
        "time_assumed_et": _clock(),
        "time_zone": pa.Column(
            str,
            pa.Check(_is_zone, element_wise=True, error="a time zone such as Asia/Tokyo"),
            nullable=True,
            required=False,
        ),
        "time_basis": _text(),
        "time_confidence": _one_of("high", "medium", "low"),
        "label": _text(),
        "kind": _one_of("threat", "proposal", "imposition", "relief", "deal", "legal"),
        "scope": _one_of("auto", "macro", "trucks", "canada_duty"),
        "countries": _like(r"(ALL|[A-Z]{2}(\|[A-Z]{2})*)$", "ALL or country codes separated by |"),
        "scheduled": _flag(),
        "rate_before_text": _text(),
        "rate_after_text": _text(),
        "rate_before": _number(0, 1, nullable=True),
        "rate_after": _number(0, 1, nullable=True),
    },
    checks=[
        pa.Check(
            lambda table: table["event"].str[:10] == table["date"].dt.strftime("%Y-%m-%d"),
            error="event: expected it to begin with the day in column date",
        ),
        pa.Check(
            lambda table: table["time_et"].isna() == table["time_assumed_et"].notna(),
            error="time_et: expected a time here, or in time_assumed_et where none was found",
        ),
        pa.Check(
            lambda table: table["time_et"].isna() == (table["time_confidence"] == "low"),
            error="time_confidence: expected low exactly where time_et is empty",
        ),
    ],
)

EVENT_POLICIES = _table(
    {
        "event": _event(unique=True),
        "policy_before": _reference(),
        "policy_after": _reference(),
        "basis": _one_of("law", "announced", "threat", "our reading", "none"),
        "restates": _event(),
        "main": _flag(),
        "quality": _one_of(*QUALITIES, nullable=True),
        "reason": _text(),
    },
    checks=[
        pa.Check(
            lambda table, column=column: (table["basis"] == "none") == table[column].isna(),
            error=f"{column}: expected a value, except where basis is none",
        )
        for column in ("policy_before", "policy_after", "quality")
    ]
    + [
        pa.Check(
            lambda table: ~table["main"].astype(bool) | (table["basis"] != "none"),
            error="main: expected false where basis is none: a main event has a computed bill",
        ),
    ],
    provenance=False,
)

_LOCAL_TIME = {
    "time": _clock(),
    "time_assumed": _clock(),
    "zone": _text(pa.Check(_is_zone, element_wise=True, error=f"expected {ZONE}"), nullable=True),
    "time_basis": _text(),
}
_TIMED = [
    pa.Check(
        lambda table: table["time"].isna() | table["time_assumed"].isna(),
        error="time_assumed: expected no time here where the time is known",
    ),
    pa.Check(
        lambda table: table["zone"].notna() | (table["time"].isna() & table["time_assumed"].isna()),
        error=f"zone: expected {ZONE} where there is a time",
    ),
    pa.Check(
        lambda table: (table["date"].str.len() == 10) | (table["time"].isna() & table["time_assumed"].isna()),
        error="date: expected a day where there is a time",
    ),
]

COMPANY_NEWS = _table(
    {
        "maker": _text(),
        "date": _date(),
        **_LOCAL_TIME,
        "kind": _one_of("results", "guidance", "trading_statement", "filing"),
        "what": _text(),
    },
    key=["maker", "date", "kind"],
    checks=_TIMED,
)

MACRO_NEWS = _table(
    {
        "news": _event(unique=True),
        "date": _date(),
        **_LOCAL_TIME,
        "what": _text(),
        "kind": _one_of("trade", "monetary_policy", "politics", "data"),
        "countries": _like(r"(ALL|[A-Z]{2}(\|[A-Z]{2})*)$", "ALL or country codes separated by |"),
    },
    checks=_TIMED,
)

EVENT_PROBABILITIES = _table(
    {
        "platform": _text(),
        "country": _like(r"[A-Z]{2}$", "a two-letter country code"),
        "contract": _text(),
        "date": _day(),
        "price": _number(0, 1),
        "closes": _day(),
        "outcome": _number(0, 1, nullable=True, whole=True),
        "outcome_date": _day(nullable=True),
        "outcome_basis": _text(nullable=True),
    },
    key=["platform", "country", "contract", "date"],
    checks=[
        pa.Check(
            lambda table: table["outcome"].isna() == table["outcome_basis"].isna(),
            error="outcome_basis: expected what settles the outcome, and nothing where there is none",
        ),
        pa.Check(
            lambda table: (
                table["outcome"].eq(1).fillna(value=False).astype(bool) == table["outcome_date"].notna()
            ),
            error="outcome_date: expected the day on which it happened, where it did",
        ),
    ],
)

STORIES = _table(
    {
        "story": _like(r"[a-z0-9]+(-[a-z0-9]+)*$", "a name such as japan-deal"),
        "outcome": _text(),
        "bill_event": _event(),
        "event": _event(),
        "p_before": _number(0, 1, nullable=True),
        "p_after": _number(0, 1, nullable=True),
    },
    key=["story", "event"],
)
