"""When could each market first react to tariff news, and what did the news change in each maker's bill?

Events lie in ``data/events/events.csv``, timed in Washington unless a row names its zone. An exchange
reacts in the first session that still has `sessions.MARGIN` to go before its close. What an event changed
lies beside it in ``policies.csv`` as two references to policies, the one known before and the one known
after:

    NAME[@YYYY-MM-DD][ without ID ...]

a policy of ``data/policies``, frozen on a day (what is in force then holds for ever, what would start
later never does) and without some of its entries. ``current-law@2025-11-01 without korea-deal
korea-parts`` is the law of that day as if Korea had no deal. So the change in the bill is computed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from difflib import SequenceMatcher, get_close_matches
from typing import Any

import numpy as np
import pandas as pd

from tariffmodel import facts as fact_tables
from tariffmodel import files
from tariffmodel.errors import DataError, PolicyError
from tariffmodel.facts import KEY, QUALITY, Facts, Fault, news, store
from tariffmodel.facts.periods import Period
from tariffmodel.facts.protected import kept_with
from tariffmodel.facts.worth import NO_PRICES, NO_SHARES, share_counts
from tariffmodel.markets import market
from tariffmodel.stats.sessions import first_after, trading_hours
from tariffmodel.tariff import policy, uncertainty
from tariffmodel.tariff.case import Case
from tariffmodel.tariff.entries import KINDS, Policy

MARKETS = ("US", "JP", "KR", "DE")  # with columns in `table`; lines of others are placed by their calendar
ZONE = "America/New_York"
_EVENTS, _POLICIES = "events/events.csv", "events/policies.csv"
_CHANGE = ("period", "delta_bill_usd", "delta_bill_low_usd", "delta_bill_high_usd", "quality", "reason")
_HOUR = pd.Timedelta(hours=1)
_REACH = pd.Timedelta(days=30)  # sessions to either side of the events: longer than any closure


def table(facts: Facts, *, within: int = 3) -> pd.DataFrame:
    """Every event with its first trading day in each market and the policies it lies between.

    Parameters
    ----------
    within : int
        Events whose first sessions are at most this many sessions apart overlap.

    Returns
    -------
    DataFrame
        Indexed by `event`, in the order of the file:

        `announced` (UTC), `date_et` (day in Washington), `kind`, `scope`, `countries` (tuple),
        `label`, `timing_quality` (high, medium; low: the hour is assumed, the session may be one
        off), `scheduled` (a legal date known before: no news);

        for US, JP, KR, DE each: `first_session_*`, `hours_to_reaction_*` (from the announcement
        until the exchange trades, 0 inside a session) and `overlaps_*` (tuple of events);

        `confounded`: news that is macro, or about cars but not the same change, overlaps in at
        least one market (a scheduled date is no news), or news of ``macro_news.csv`` does;

        `policy_before`, `policy_after` (references, empty without a computable change),
        `delta_basis` (law, announced, threat, our reading, none), `restates` (the event with the
        first news of the same change), `main` (headline event with a computable change),
        `quality` of the reading and `reason` (what was read how, or why nothing is computed).

    Raises
    ------
    DataError
        Listing every fault of the two files.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> events = tm.event_calendar.table(tm.facts.load())
    >>> deal = events.loc["2025-07-22-japan-deal"]
    >>> f"{deal['date_et']:%d %B}", f"{deal['first_session_JP']:%d %B}"
    ('22 July', '23 July')
    """
    return _table(facts, within).copy()


@kept_with
def _table(facts: Facts, within: int) -> pd.DataFrame:
    rows = _rows(facts)
    frame = rows[
        ["announced", "date_et", "kind", "scope", "countries", "label", "timing_quality", "scheduled"]
    ]
    ids = rows.index.to_numpy()
    sessions, waits = {}, {}
    overlaps: dict[str, Any] = {}  # lists of tuples
    change = pd.factorize(rows["restates"].fillna(rows.index.to_series()))[0]
    fresh = (rows["scope"].isin(["auto", "macro"]) & ~rows["scheduled"]).to_numpy()
    confounded = np.zeros(len(rows), dtype=bool)
    for place in MARKETS:
        hours = _hours(facts, place, rows["announced"])
        number = first_after(hours, rows["announced"])
        sessions[f"first_session_{place}"] = hours.index[number]
        wait = (hours["open"].iloc[number].array - rows["announced"].array) / _HOUR
        waits[f"hours_to_reaction_{place}"] = np.maximum(wait, 0.0)
        overlaps[f"overlaps_{place}"] = [tuple(ids[at]) for at in _close(number, within)]
        other = first_after(hours, news.of_market(facts, place))
        # of the fresh news nearby, any that is not of the same change: the event itself is
        apart = len(hours) + 2 * within + 1
        nearby = _counted(number, number[fresh], within)
        alike = _counted(number + apart * change, (number + apart * change)[fresh], within)
        confounded |= (nearby > alike) | (_counted(number, other, within) > 0)
    later = ["policy_before", "policy_after", "basis", "restates", "main", "quality", "reason"]
    frame = frame.assign(**sessions, **waits, **overlaps, confounded=confounded)
    return frame.join(rows[later].rename(columns={"basis": "delta_basis"}))


def find(facts: Facts, text: str, among: Iterable[str] | None = None) -> str:
    """The id of the event that `text` means: its id, its id without the date, or its label.

    Capitals and punctuation do not matter: ``Japan deal`` is ``2025-07-22-japan-deal``.

    Parameters
    ----------
    among : iterable of str, optional
        Events that can be taken, such as those that a study has returns for. Default: all.

    Raises
    ------
    DataError
        If no event is called so, several are, or it is not `among` those that can be taken; the
        nearest are named.

    Examples
    --------
    >>> from tariffmodel import facts
    >>> find(facts.load(), "Japan deal")
    '2025-07-22-japan-deal'
    """
    labels: Any = _rows(facts)["label"].to_dict()
    names: dict[str, set[str]] = {
        event: {_plain(event), _plain(event[11:]), _plain(label)} for event, label in labels.items()
    }
    wanted = _plain(text)
    meant = [event for event in names if wanted in names[event]]
    open_to = list(names) if among is None else [event for event in names if event in set(among)]
    if len(meant) == 1 and meant[0] in open_to:
        return meant[0]
    close = {
        event: max(SequenceMatcher(None, wanted, name).ratio() for name in names[event]) for event in open_to
    }
    nearest = meant if len(meant) > 1 else sorted(open_to, key=lambda event: -close[event])[:3]
    said = "; ".join(f"{event} ({labels[event]})" for event in nearest) or "none can be taken"
    if len(meant) == 1:
        raise DataError(f"event {meant[0]} has nothing to compute here; the nearest that have: {said}")
    raise DataError(
        f"{'several events are' if meant else 'no event is'} called {text!r}; the nearest: {said}"
    )


def firm_events(
    facts: Facts, tickers: Sequence[str] | None = None, events: Sequence[str] | None = None
) -> pd.DataFrame:
    """The day each event could first move each share: input of an event study.

    Parameters
    ----------
    tickers : sequence of str, optional
        Default: the home line of every maker that has one.
    events : sequence of str, optional
        Default: all.

    Returns
    -------
    DataFrame
        `event`, `firm` (ticker), `date` (first session of the market the line trades in, so an ADR
        has New York's); whether prices reach that day is not asked here.

    Raises
    ------
    DataError
        Unknown tickers or events, or a line on an exchange without prices.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> tm.event_calendar.firm_events(tm.facts.load(), ["7203.T", "GM"], ["2025-07-22-japan-deal"])
                       event    firm       date
    0  2025-07-22-japan-deal  7203.T 2025-07-23
    1  2025-07-22-japan-deal      GM 2025-07-23
    """
    chosen = list(dict.fromkeys(facts.makers["ticker"].dropna() if tickers is None else tickers))
    place = facts.instruments["market"].reindex(chosen)
    for ticker, where in place.items():
        if pd.isna(where):
            raise DataError(
                f"{ticker} is not in data/market/instruments.csv; add a row there, or check the spelling"
            )
    rows = table(facts)
    days = rows[[f"first_session_{name}" for name in MARKETS]].set_axis(MARKETS, axis=1)
    for name in dict.fromkeys(place[~place.isin(MARKETS)]):
        hours = _hours(facts, str(name), rows["announced"])
        days[name] = hours.index[first_after(hours, rows["announced"])]
    if events is not None:
        days = days.loc[_known(days.index, events)]
    frame = days[list(place)].set_axis(chosen, axis=1).rename_axis(columns="firm")
    days_of: Any = frame.stack(future_stack=True)  # a Series: the columns have one level
    pairs: pd.DataFrame = days_of.rename("date").reset_index()
    return pairs


def quiet_days(facts: Facts, *, gap: int = 3) -> pd.DatetimeIndex:
    """Days on which no event was near: placebo days.

    Parameters
    ----------
    gap : int
        Sessions, in each market, between such a day and the first session of any event of the calendar.

    Returns
    -------
    DatetimeIndex
        Days within the prices on which every market of `MARKETS` has a session, all there are. Days
        next to each other are both in, so longer windows overlap.

    Raises
    ------
    DataError
        A gap below one session.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> days = tm.event_calendar.quiet_days(known)
    >>> 300 < len(days) < len(known.prices), pd.Timestamp("2025-07-24") in days
    (True, False)
    """
    if gap < 1:
        raise DataError(f"gap is {gap}; write 1 session or more, better 3")
    events = table(facts)
    quiet: pd.DatetimeIndex = pd.DatetimeIndex(facts.prices.index)
    for place in MARKETS:
        sessions = market.sessions(facts, str(facts.markets.at[place, "exchange_calendar"]))
        at = sessions.searchsorted(events[f"first_session_{place}"].dropna().to_numpy())
        near = (np.abs(np.arange(len(sessions))[:, None] - at) < gap).any(axis=1)
        quiet = quiet.intersection(sessions[~near])
    return quiet


def uncounted(facts: Facts, among: Iterable[str] | None = None) -> pd.Series:
    """Why an event is no test of its own, empty text where it is one.

    A scheduled date is no news, an event that restates another repeats its news, and of events with the
    same first session in every market only the first can be told: a test for each would count one
    observation twice.

    Parameters
    ----------
    among : iterable of str, optional
        Events that are looked at; the first of a session is the first of these. Default: all.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> why = tm.event_calendar.uncounted(tm.facts.load())
    >>> why["2025-07-22-japan-deal"], why["2025-09-04-japan-order"]
    ('', 'restates 2025-07-22-japan-deal')
    """
    events = table(facts)
    events = events if among is None else events.loc[_known(events.index, list(among))]
    why = ("restates " + events["restates"]).fillna("").mask(events["scheduled"], "a scheduled date")
    open_to = events[why == ""].sort_values("announced", kind="stable")
    days = open_to[[f"first_session_{place}" for place in MARKETS]]
    first = pd.Series(open_to.index, open_to.index).groupby([days[name] for name in days]).transform("first")
    later = first[first != first.index]
    why[later.index] = "same session as " + later
    return why.rename("uncounted")


def policies(facts: Facts, event: str) -> tuple[Policy, Policy]:
    """The policies known before and after an event.

    Raises
    ------
    DataError
        If the event is unknown or changes no bill, or a reference of ``data/events/policies.csv``
        names no policy or entry: file, row and column are named.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> before, after = tm.event_calendar.policies(tm.facts.load(), "2025-07-22-japan-deal")
    >>> len(before.entries) < len(after.entries)
    True
    """
    rows = _rows(facts)
    row: Any = rows.loc[_known(rows.index, [event])[0]]  # one row
    if row["basis"] == "none":
        raise DataError(
            f"{event} has no policies to compare ({row['reason']}); fill in its row of data/{_POLICIES}"
        )
    return _policy(facts, row, "policy_before")[0], _policy(facts, row, "policy_after")[0]


def questions(facts: Facts, events: Sequence[str]) -> dict[str, Case]:
    """The question that each event asks, as `delta_exposure` asks it: policies, twelve months and volumes.

    Raises
    ------
    DataError
        If an event is unknown or changes no bill.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> deal = "2025-07-22-japan-deal"
    >>> asked = tm.event_calendar.questions(tm.facts.load(), [deal])
    >>> asked[deal].period.days
    365
    """
    every = _rows(facts)
    rows = every.loc[_known(every.index, events)]
    for event in rows.index[rows["basis"] == "none"]:
        policies(facts, str(event))  # says why there are none
    known = {year: _as_known(facts, year) for year in set(rows["date_et"].dt.year)}
    return {str(event): _question(known[row["date_et"].year], row) for event, row in rows.iterrows()}


def delta_exposure(facts: Facts, events: Sequence[str] | None = None) -> pd.DataFrame:
    """Change in every maker's yearly bill that each event brought, set against its market value.

    Bill under the policy known after less bill under the one known before, both held for ever, over
    the twelve months from the day after the event, or from the day on which the policy after is
    frozen if that is later, so that a change with a date counts for a full year. Volumes and values
    are the last that begin before the event's year: no maker's response to the news is in its
    exposure. Positive: the bill rises. Porsche's bill is part of Volkswagen's: do not add them.

    Parameters
    ----------
    events : sequence of str, optional
        Default: all.

    Returns
    -------
    DataFrame
        One row per event and maker: `event`, `maker`, `period`, `delta_bill_usd`,
        `delta_bill_low_usd` and `delta_bill_high_usd` (ranges of all estimated inputs, see
        `uncertainty`), `market_cap_usd` at the last close before the first session in the market of
        the maker's line, `price_date`, `delta_share_of_market_cap`, `quality` (worst of policy and
        facts) and `reason`: why a figure is missing. Nothing is zero for want of data.

        `market_cap_usd` is adjusted close × share count of the day, so it lies below the market value of
        the day by the dividends paid since. It is empty where the line has no close in the last week
        of sessions before the event.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> change = tm.event_calendar.delta_exposure(tm.facts.load(), ["2025-07-22-japan-deal"])
    >>> bills = change.set_index("maker")["delta_bill_usd"]
    >>> bool(bills["Toyota"] < 0), float(bills["BMW"])
    (True, 0.0)
    """
    every = _rows(facts).index
    frame = _delta_exposure(facts, tuple(every if events is None else _known(every, events))).copy()
    frame.attrs = {"unit": "USD a year; delta_share_of_market_cap is a fraction of market_cap_usd"}
    return frame


@kept_with
def _delta_exposure(facts: Facts, events: tuple[str, ...]) -> pd.DataFrame:
    rows = _rows(facts).loc[list(events)]
    known = {year: _as_known(facts, year) for year in set(rows["date_et"].dt.year)}
    changes = {event: _change(known[row["date_et"].year], row) for event, row in rows.iterrows()}
    frame = pd.concat(changes, names=["event", "maker"]).join(_market_value(facts, rows))
    frame["delta_share_of_market_cap"] = frame["delta_bill_usd"] / frame["market_cap_usd"]
    frame["reason"] = frame["reason"].fillna(frame.pop("unpriced"))
    order = [*_CHANGE[:4], "market_cap_usd", "price_date", "delta_share_of_market_cap", *_CHANGE[4:]]
    return frame[order].reset_index()


@kept_with
def _rows(facts: Facts) -> pd.DataFrame:
    """Both files joined, indexed by event; faults of either, and between them, are raised together."""
    from tariffmodel.facts.schemas import TABLES  # slow to import: only when data are read

    faults: list[Fault] = []
    frames = []
    for name in (_EVENTS, _POLICIES):
        path = store.path(facts.folder, name)
        if not path.is_file():
            raise DataError(f"data/{name} is missing; restore it, or point --data elsewhere")
        raw = files.csv(path)
        frames.append(fact_tables.conform(raw, TABLES[name], f"data/{name}", faults))
    fact_tables.refuse(faults)
    events, changes = frames
    for one, other, expected in (
        (events, changes, f"an event with a row in data/{_POLICIES}"),
        (changes, events, f"an event of data/{_EVENTS}"),
    ):
        lone = one[~one["event"].isin(other["event"])]
        faults += [
            Fault(file, row, "event", event, expected)
            for file, row, event in zip(lone["file"], lone["row"], lone["event"], strict=True)
        ]
    news = changes.loc[changes["restates"].isna() & (changes["basis"] != "none"), "event"]
    row: Any  # a named tuple of the columns of changes
    for row in changes[changes["restates"].notna() & ~changes["restates"].isin(news)].itertuples():
        expected = "the event with the first news of this change, itself computed and restating nothing"
        faults.append(Fault(row.file, row.row, "restates", row.restates, expected))
    fact_tables.refuse(faults)
    clock = events["time_et"].fillna(events["time_assumed_et"])
    local = pd.to_datetime(events["date"].dt.strftime("%Y-%m-%d ") + clock)
    zones = events.get("time_zone", pd.Series(None, events.index, dtype=object)).fillna(ZONE)
    announced = pd.concat([_in_utc(times, str(zone)) for zone, times in local.groupby(zones)])
    events = events.assign(
        announced=announced,
        date_et=announced.dt.tz_convert(ZONE).dt.tz_localize(None).dt.normalize(),
        countries=events["countries"].str.split("|").map(tuple),
        timing_quality=events["time_confidence"],
    )
    changes = changes.rename(columns={"file": "policies_file", "row": "policies_row"}).set_index("event")
    return events.drop(columns=["quality", "file", "row"]).set_index("event").join(changes)


def _in_utc(local: pd.Series, zone: str) -> pd.Series:
    # in the hour that a change of the clocks skips or repeats no exchange of ours is open: either will do
    times = local.dt.tz_localize(zone, ambiguous=np.ones(len(local), bool), nonexistent="shift_forward")
    utc: pd.Series = times.dt.tz_convert("UTC")
    return utc


def _close(number: np.ndarray, within: int) -> list[np.ndarray]:
    """Positions of the others that are at most so many sessions away, for each, in their order."""
    order = np.argsort(number, kind="stable")
    sessions, place = np.unique(number, return_inverse=True)
    first = np.searchsorted(number[order], sessions - within, side="left")
    last = np.searchsorted(number[order], sessions + within, side="right")
    around = [np.sort(order[a:b]) for a, b in zip(first, last, strict=True)]
    return [around[at][around[at] != own] for own, at in enumerate(place)]


def _counted(number: np.ndarray, among: np.ndarray, within: int) -> np.ndarray:
    """How many of some numbers are at most `within` from each."""
    ordered = np.sort(among)
    last = np.searchsorted(ordered, number + within, side="right")
    return np.asarray(last - np.searchsorted(ordered, number - within, side="left"))


def _known(index: pd.Index, events: Sequence[str]) -> list[str]:
    if isinstance(events, str):
        raise DataError(f"events is the text {events!r}; pass a list: [{events!r}]")
    if not len(events):
        raise DataError("events is empty; name at least one, or leave it out for all")
    for event in events:
        if event not in index:
            near = get_close_matches(event, index, n=3, cutoff=0.4)
            raise DataError(
                f"no event {event!r} in data/{_EVENTS}"
                + (f"; did you mean {', '.join(near)}?" if near else "")
            )
    return list(dict.fromkeys(events))


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def _hours(facts: Facts, place: str, announced: pd.Series) -> pd.DataFrame:
    """Sessions around the events, less the days on which the exchange did not trade after all."""
    days = announced.dt.tz_localize(None).dt.normalize()
    calendar = str(facts.markets.at[place, "exchange_calendar"])
    closed = market.untraded(facts, calendar)
    return trading_hours(calendar, days.min() - _REACH, days.max() + _REACH).drop(closed, errors="ignore")


def _policy(facts: Facts, row: pd.Series, column: str) -> tuple[Policy, date | None]:
    """The policy that a reference stands for, and the day on which it is frozen."""
    from tariffmodel.facts.schemas.events import REFERENCE

    reference = row[column]

    def fault(expected: str) -> DataError:
        return DataError(str(Fault(row["policies_file"], row["policies_row"], column, reference, expected)))

    parts: Any = re.fullmatch(REFERENCE, reference)  # the schema of the table has seen to that
    name, day, without = parts.groups()
    try:
        found = policy.as_paid(policy.load(name, facts.folder))  # nobody knew yet what would be void
        frozen_on = date.fromisoformat(day) if day else None
    except (PolicyError, ValueError) as error:
        raise fault(f"a policy of data/policies, frozen on a day of the calendar: {error}") from None
    kept = policy.frozen(found, frozen_on) if frozen_on else found
    ids = {entry.id for entry in kept.entries}
    gone = set((without or "").split())
    if unknown := sorted(gone - ids):
        raise fault(f"entries in force: {unknown[0]} is not one of {', '.join(sorted(ids))}")
    entries = {kind: [e for e in getattr(kept, kind) if e.id not in gone] for kind in KINDS}
    return kept.model_copy(update={"name": reference, **entries}), frozen_on


def _as_known(facts: Facts, year: int) -> Facts:
    """Facts without the rows that begin in `year` or later, except where nothing earlier stands."""
    rows = facts.selected
    first = rows.groupby(KEY)["start"].transform("min")
    return replace(facts, table=rows[(rows["start"] < date(year, 1, 1)) | (rows["start"] == first)])


def _change(facts: Facts, row: pd.Series) -> pd.DataFrame:
    """The columns `_CHANGE` of one event, by maker; empty but for the reason where nothing is computed."""
    if row["basis"] == "none":
        nothing = (None, np.nan, np.nan, np.nan, None, row["reason"])
        return pd.DataFrame(dict(zip(_CHANGE, nothing, strict=True)), index=facts.makers.index)
    case = _question(facts, row)
    runs = case.runs_usd
    low, high = uncertainty.interval(runs)
    quality = [QUALITY[max(q, QUALITY.index(row["quality"]))] for q in case.goods.quality]
    values = (str(case.period), runs[0], low, high, quality, None)
    return pd.DataFrame(dict(zip(_CHANGE, values, strict=True)), index=facts.makers.index)


def _question(facts: Facts, row: pd.Series) -> Case:
    (before, _), (after, frozen_on) = (_policy(facts, row, f"policy_{side}") for side in ("before", "after"))
    start = max(row["date_et"].date() + timedelta(days=1), frozen_on or date.min)
    end = (pd.Timestamp(start) + pd.DateOffset(years=1, days=-1)).date()
    return Case(facts, after, before, Period(start, end), facts.as_of)


def _market_value(facts: Facts, rows: pd.DataFrame) -> pd.DataFrame:
    """`market_cap_usd` and `price_date` before each event, and why it is `unpriced`, by event and maker."""
    tickers = facts.makers["ticker"]
    place = tickers.map(facts.instruments["market"])
    listed = tickers[tickers.isin(facts.prices.columns) & place.isin(facts.markets.index)]
    usd = market.prices(facts, list(listed), currency="USD")
    parts = []
    for name, lines in listed.groupby(place[listed.index]):
        hours = _hours(facts, str(name), rows["announced"])
        closes = usd[list(lines)].reindex(hours.index).to_numpy()
        before = first_after(hours, rows["announced"])[:, None] - 1
        sessions = np.arange(len(hours))[:, None]
        last = np.maximum.accumulate(np.where(np.isnan(closes), -1, sessions), axis=0)[before[:, 0]]
        fresh = (last >= 0) & (before - last <= market.STALE_SESSIONS)
        pairs = pd.MultiIndex.from_product([rows.index, lines.index], names=["event", "maker"])
        price = np.where(fresh, np.take_along_axis(closes, last, axis=0), np.nan)
        dates = hours.index.to_series().to_numpy()[last]
        dates[~fresh] = np.datetime64("NaT")
        parts.append(pd.DataFrame({"price": price.ravel(), "price_date": dates.ravel()}, index=pairs))
    every = pd.MultiIndex.from_product([rows.index, tickers.index], names=["event", "maker"])
    frame = pd.concat(parts).reindex(every)
    maker = every.get_level_values("maker")
    counts = {event: share_counts(facts, day.date()) for event, day in rows["announced"].items()}
    shares = 1e6 * np.concatenate([counts[event].reindex(tickers.index) for event in rows.index])
    unpriced = np.select(
        [~maker.isin(listed.index), frame["price"].isna(), np.isnan(shares)],
        [NO_PRICES, "no close in the week of sessions before", NO_SHARES],
        "",
    )
    return pd.DataFrame(
        {
            "market_cap_usd": frame["price"] * shares,
            "price_date": frame["price_date"],
            "unpriced": pd.Series(unpriced, every, dtype=object).replace("", None),
        }
    )
