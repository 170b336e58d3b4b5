"""Which firm-events are asked for, on which sessions do they fall, and what explains their returns?

Everything is refused by name that does not fit together; single firm-events that cannot be placed are
listed with a reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Literal

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.stats.moments import Part, reaction_days, written
from tariffmodel.stats.normal_returns import METHODS, MODELS, Array, Window

Factors = pd.Series | pd.DataFrame | Mapping[str, pd.Series | pd.DataFrame]
Dates = str | date | Sequence[str | date]
Events = pd.DataFrame | pd.Series | Mapping[Any, Dates] | Dates
Skips = list[tuple[object, object, object, str]]

MARKET = "market"

__all__ = ["MARKET", "Dates", "Events", "Factors", "Skips"]


def check(frame: pd.DataFrame | pd.Series, name: str) -> None:
    """Raise a `DataError` unless this is a table of finite numbers by date, in order, each date once.

    >>> check(pd.Series([0.1, 0.2], pd.to_datetime(["2025-04-04", "2025-04-03"])), "returns")
    Traceback (most recent call last):
        ...
    tariffmodel.errors.DataError: returns is not in order of date; use sort_index()
    """
    if not isinstance(frame, pd.DataFrame | pd.Series):
        raise DataError(f"{name} is a {type(frame).__name__}; pass a pandas Series or DataFrame by date")
    index = frame.index
    if not isinstance(index, pd.DatetimeIndex):
        raise DataError(
            f"{name} is indexed by {type(index).__name__}; use pd.to_datetime on its dates, or "
            "from_event_time for a table of relative days"
        )
    if index.tz is not None:
        raise DataError(
            f"{name} carries the time zone {index.tz}; use dates: tz_localize(None) or tz_convert first; "
            "minute_study takes bars of minutes"
        )
    if (odd := index != index.normalize()).any():
        raise DataError(f"{name} carries times of day ({index[odd][0]}); one row per date: index.normalize()")
    if not index.is_unique:
        raise DataError(f"{name} has {index[index.duplicated()][0]:%Y-%m-%d} twice; keep one row per date")
    if not index.is_monotonic_increasing:
        raise DataError(f"{name} is not in order of date; use sort_index()")
    if isinstance(frame, pd.DataFrame) and not frame.columns.is_unique:
        raise DataError(f"{name} has the column {frame.columns[frame.columns.duplicated()][0]!r} twice")
    try:
        infinite = np.isinf(frame.to_numpy(dtype=float))
    except (TypeError, ValueError):
        raise DataError(f"{name} holds values that are not numbers; convert them, NaN for none") from None
    if infinite.any():
        day = index[np.nonzero(infinite)[0][0]]
        raise DataError(f"{name} is infinite on {day:%Y-%m-%d}; a price of zero? Use NaN for no return")


def check_windows(estimation: Window | int, window: Window, share: float) -> tuple[Window, Window, int]:
    """Both windows as first and last day, and how many days of estimation are needed.

    >>> check_windows(250, (-10, 10), 0.5)
    ((-260, -11), (-10, 10), 125)
    """
    first, last = window = pair("window", window)
    if first > last:
        raise DataError(f"window {window} ends before it begins")
    if isinstance(estimation, int | np.integer):
        estimation = (first - int(estimation), first - 1)
    start, end = estimation = pair("estimation", estimation)
    if start > end:
        raise DataError(f"estimation {estimation} ends before it begins; days before the event are negative")
    if end >= first:
        raise DataError(
            f"estimation {estimation} overlaps the event window {window}; let it end before day {first}"
        )
    days = end - start + 1
    if days < 10:
        raise DataError(f"estimation window of {days} days is too short; use 10 or more, better 100 to 250")
    if not 0 < share <= days:
        raise DataError(f"min_estimation {share}: a share of the {days} days (0 to 1), or a number of days")
    return estimation, window, int(np.ceil(share * days if share <= 1 else share))


def pair(name: str, window: object) -> Window:
    """A window as its first and last day.

    >>> pair("window", [-1, 1])
    (-1, 1)
    """
    days = list(window) if isinstance(window, Sequence) else []
    if len(days) != 2 or not all(isinstance(day, int | np.integer) for day in days):
        raise DataError(
            f"{name} {window!r}: write its first and last day, such as (-1, 1), or (0, 0) for one"
        )
    return int(days[0]), int(days[1])


def check_choice(name: str, value: object, allowed: Sequence[str]) -> None:
    """Raise a `DataError` if an argument is none of those allowed.

    >>> check_choice("roll", "back", ["next", "previous", "error"])
    Traceback (most recent call last):
        ...
    tariffmodel.errors.DataError: roll 'back': write one of 'next', 'previous', 'error'
    """
    if value not in allowed:
        raise DataError(f"{name} {value!r}: write one of {', '.join(map(repr, allowed))}")


def check_model(
    model: object, method: str, lags: int, market: bool, factors: bool, errors: str = "classical"
) -> None:
    """Raise a `DataError` if model, method and errors do not go together, or lack what they need.

    >>> check_model("market", "ols", lags=1, market=False, factors=False)
    Traceback (most recent call last):
        ...
    tariffmodel.errors.DataError: model 'market' needs market=; pass the benchmark's returns
    """
    if not callable(model):
        check_choice("model", model, MODELS)
    check_choice("method", method, METHODS)
    check_choice("errors", errors, ("classical", "hac"))
    moving = callable(model) or model in ("rolling", "dcc")
    if errors == "hac" and (moving or method != "ols"):
        raise DataError(
            "errors='hac' are those of least squares; use them with method='ols' and a fixed beta"
        )
    if lags < 1:
        raise DataError(f"lags {lags}: write 1 or more leads and lags")
    if method not in ("ols", "garch") and model != "market":
        raise DataError(f"method {method!r} estimates a market beta; use it with model='market'")
    if method != "ols" and moving:
        raise DataError(f"method {method!r} has a fixed beta; leave it out, or use model='market'")
    if model in ("market_adjusted", "market", "rolling", "dcc") and not market:
        raise DataError(f"model {model!r} needs market=; pass the benchmark's returns")
    if model == "factors" and not factors:
        raise DataError("model 'factors' needs factors=; pass a Series or DataFrame by date")
    if model != "factors" and factors and not moving:
        raise DataError(f"factors are given but model {model!r} does not use them; use model='factors'")


def on_dates(series: pd.Series, name: str, returns: pd.DataFrame) -> pd.Series:
    """A series on the dates of the returns; NaN where it has none.

    >>> days = pd.to_datetime(["2025-04-03", "2025-04-04"])
    >>> on_dates(pd.Series([0.01], days[1:]), "risk_free", pd.DataFrame({"BMW": [0.0, 0.1]}, days)).tolist()
    [nan, 0.01]
    """
    check(series, name)
    return series.reindex(returns.index)


def skips(rows: pd.DataFrame, reasons: Array | str) -> Skips:
    """Firm-events that have a reason, with it.

    >>> rows = pd.DataFrame({"event": ["deal", "deal"], "firm": ["BMW", "VW"], "asked": ["2025-04-03"] * 2})
    >>> skips(rows, np.array([None, "no date"], dtype=object))
    [('deal', 'VW', '2025-04-03', 'no date')]
    """
    reasons = np.broadcast_to(np.asarray(reasons, dtype=object), len(rows))
    out = ~pd.isna(reasons)
    return list(zip(rows["event"][out], rows["firm"][out], rows["asked"][out], reasons[out], strict=True))


def event_rows(events: Events, returns: pd.DataFrame) -> pd.DataFrame:
    """Events in any form that `study` takes as rows of firm and date.

    >>> event_rows("2025-04-03", pd.DataFrame(columns=["BMW", "VW"])).to_numpy().tolist()
    [['BMW', '2025-04-03'], ['VW', '2025-04-03']]
    """
    if isinstance(events, pd.DataFrame):
        return events
    if isinstance(events, pd.Series | Mapping):
        pairs = list(events.items())
    else:
        pairs = [(firm, day) for day in _listed(events) for firm in returns]
    rows = [(firm, day) for firm, days in pairs for day in _listed(days)]
    return pd.DataFrame(rows, columns=["firm", "date"])


def _listed(days: Any) -> list[Any]:
    return [days] if pd.api.types.is_scalar(days) else list(days)


def asked_for(events: pd.DataFrame, zone: str | None = None) -> tuple[pd.DataFrame, Skips]:
    """Firm-events as asked: columns event, firm, asked, announced; repeated rows go to the skipped.

    `announced` is the moment in UTC where a time of day is known, see `moments.written`.

    >>> rows = pd.DataFrame({"firm": ["BMW", "BMW", "VW"], "date": ["2025-04-03", "2025-04-03", None]})
    >>> asked, skipped = asked_for(rows.assign(event="deal"))
    >>> len(asked), [reason for *_, reason in skipped]
    (1, ['repeats an earlier row', 'no date'])
    """
    if missing := {"firm", "date"} - set(events.columns):
        raise DataError(
            f"events has no column {', '.join(sorted(missing))}; it needs firm and date, and event"
        )
    when = written(events, zone)
    day = when.asked.dt.strftime("%Y-%m-%d")
    moment = when.asked.dt.strftime("%Y-%m-%d %H:%M ").astype(object) + when.zone
    label = events["event"] if "event" in events else day.where(when.zone.isna(), moment)
    asked = pd.DataFrame(
        {
            "event": label.to_numpy(),
            "firm": events["firm"].to_numpy(),
            "asked": when.asked.to_numpy(),
            "announced": when.announced.array,
        }
    )
    if asked.empty:
        raise DataError("events is empty; pass at least one row of firm and date")
    if asked[["event", "firm"]].isna().any(axis=None):
        row = int(np.flatnonzero(asked[["event", "firm"]].isna().any(axis=1))[0])
        raise DataError(f"events row {row}: event or firm is empty; name both")
    repeated = asked.duplicated()
    skipped = skips(asked[repeated], "repeats an earlier row")
    asked = asked[~repeated]
    twice = asked.duplicated(["event", "firm"])
    if twice.any():
        event, firm, day = asked.loc[twice, ["event", "firm", "asked"]].iloc[0]
        raise DataError(
            f"events: {event!r} has {firm!r} on two dates, the second {day:%Y-%m-%d}; "
            "give each its own event label"
        )
    undated = asked["asked"].isna()
    skipped += skips(asked[undated], "no date")
    return asked[~undated].reset_index(drop=True), skipped


def sessions_of(
    returns: pd.DataFrame, calendars: Mapping[str, str] | Literal["union"] | None
) -> tuple[dict[str, Array], dict[str, str]]:
    """Rows that are sessions of each exchange, and the exchange of each firm.

    >>> days = pd.to_datetime(["2025-05-02", "2025-05-05"])
    >>> returns = pd.DataFrame({"7203.T": [0.01, np.nan], "GM": [0.0, 0.02]}, days)
    >>> sessions, exchange = sessions_of(returns, {"7203.T": "XTKS", "GM": "XNYS"})
    >>> {str(label): rows.tolist() for label, rows in sessions.items()}, exchange["GM"]
    ({'XTKS': [0], 'XNYS': [0, 1]}, 'XNYS')
    """
    if isinstance(calendars, str) and calendars != "union":
        raise DataError(f"calendars {calendars!r}: pass a mapping of firm to exchange, or 'union'")
    if calendars is None or isinstance(calendars, str):
        return {"": np.arange(len(returns))}, dict.fromkeys(returns.columns, "")
    if missing := [firm for firm in returns.columns if firm not in calendars]:
        raise DataError(f"calendars names no exchange for {', '.join(map(str, missing[:5]))}; add them")
    exchange = {firm: str(calendars[firm]) for firm in returns.columns}
    seen = np.isfinite(returns.to_numpy(dtype=float))
    labels = np.array([exchange[firm] for firm in returns.columns])
    return {
        label: np.flatnonzero(seen[:, labels == label].any(axis=1)) for label in dict.fromkeys(labels)
    }, exchange


def place(
    asked: pd.DataFrame,
    returns: pd.DataFrame,
    sessions: dict[str, Array],
    exchange: dict[str, str],
    roll: str,
    duplicates: str,
    part: Part = "close_to_close",
) -> tuple[pd.DataFrame, Skips]:
    """Day 0 of each firm-event: columns column, exchange, position (a session), date, known.

    A moment falls on the first session that could react, see `moments.reaction_days`; if the returns have
    no row for it, on their next.

    >>> days = pd.to_datetime(["2025-05-02", "2025-05-07"])
    >>> returns = pd.DataFrame({"7203.T": [0.01, 0.02]}, days)
    >>> asked, _ = asked_for(pd.DataFrame({"firm": ["7203.T"], "date": ["2025-05-05"]}))
    >>> rows, _ = place(asked, returns, *sessions_of(returns, None), roll="next", duplicates="error")
    >>> rows["date"].dt.strftime("%Y-%m-%d").tolist(), rows["position"].tolist()
    (['2025-05-07'], [1])
    """
    rows = asked.assign(
        column=returns.columns.get_indexer(pd.Index(asked["firm"])),
        exchange=asked["firm"].map(exchange),
        position=-1,
    )
    reason = np.full(len(rows), None, dtype=object)
    held = np.flatnonzero(rows["column"] >= 0)
    day = rows["asked"].dt.normalize().to_numpy(copy=True)
    day[held], reason[held] = reaction_days(rows.iloc[held], part)
    reason[rows["column"] < 0] = "the firm has no column in returns"
    position, date = np.full(len(rows), -1), day.copy()
    for label, here in rows.groupby("exchange").indices.items():
        days = returns.index.to_numpy()[sessions[str(label)]]
        wanted = day[here]
        found = np.searchsorted(days, wanted, side="left")
        exact = np.isin(wanted, days)
        within = (wanted >= days[0]) & (wanted <= days[-1]) if len(days) else np.zeros(len(here), dtype=bool)
        if roll == "error" and (~exact & within).any():
            row = here[np.flatnonzero(~exact & within)[0]]
            raise DataError(
                f"events: {day[row].astype('datetime64[D]')} is no session for {rows['firm'].iloc[row]}; "
                "correct the date, or use roll='next'"
            )
        if roll == "previous":  # never before the moment of the news
            back = ~exact & rows["announced"].iloc[here].isna().to_numpy()
            found = found - back
        reason[here[~within]] = "day 0 lies outside the returns of its exchange"
        position[here] = np.where(within, found, -1)
        date[here[within]] = days[found[within]]
    rows = rows.assign(position=position, date=date, known=False)
    known = np.isfinite(returns.to_numpy(dtype=float)).any(axis=0)
    rows["known"] = np.where(rows["column"] >= 0, known[rows["column"]], True) if len(known) else True
    usable = pd.isna(reason)
    same = usable & rows.assign(usable=usable).duplicated(["firm", "position", "usable"]).to_numpy()
    if duplicates == "error" and same.any():
        row = rows[same].iloc[0]
        raise DataError(
            f"events: {row.firm!r} has two events on {row.date:%Y-%m-%d}; use duplicates='merge' or 'keep'"
        )
    if duplicates == "merge":
        reason[same] = "another event of the firm falls on the same session; it is counted there"
    out = ~pd.isna(reason)
    skipped = skips(rows, reason)
    return rows[~out].reset_index(drop=True), skipped


def excluded_days(exclude: Events | None, returns: pd.DataFrame) -> Array | None:
    """Which days no firm's normal return is estimated from, (days, firms); None where all may be used.

    Dates and firms that the returns do not have say nothing about them and are passed over.

    >>> days = pd.to_datetime(["2025-05-12", "2025-05-13"])
    >>> returns = pd.DataFrame({"7203.T": [0.01, 0.02], "7267.T": [0.0, 0.03]}, days)
    >>> excluded_days({"7267.T": "2025-05-13"}, returns).tolist()
    [[False, False], [False, True]]
    """
    if exclude is None:
        return None
    rows = event_rows(exclude, returns)
    if missing := {"firm", "date"} - set(rows.columns):
        raise DataError(f"exclude has no column {', '.join(sorted(missing))}; pass dates, or firm and date")
    rows = rows[rows["date"].notna()]
    try:
        dates = pd.DatetimeIndex(pd.to_datetime(rows["date"], format="ISO8601"))
    except (TypeError, ValueError) as error:
        first = str(error).splitlines()[0].partition(". You might")[0]
        raise DataError(f"exclude: a date cannot be read ({first}); write 2025-07-23") from None
    if dates.tz is not None or (dates != dates.normalize()).any():
        raise DataError("exclude: dates carry times or a time zone; pass days, the exchange's own dates")
    day = returns.index.get_indexer(dates)
    firm = returns.columns.get_indexer(pd.Index(rows["firm"]))
    there = (day >= 0) & (firm >= 0)
    out = np.zeros(returns.shape, dtype=bool)
    out[day[there], firm[there]] = True
    return out


def left_out(asked: pd.DataFrame, leave_out: pd.DataFrame | None) -> tuple[pd.DataFrame, Skips]:
    """Firm-events that are to be studied, and those that are not, with the reason given.

    >>> rows = pd.DataFrame({"firm": ["BMW", "VW"], "date": ["2025-04-03"] * 2, "event": "deal"})
    >>> asked, _ = asked_for(rows)
    >>> gone = pd.DataFrame({"event": ["deal"], "firm": ["VW"], "reason": ["results"]})
    >>> kept, skipped = left_out(asked, gone)
    >>> kept["firm"].tolist(), skipped[0][3]
    (['BMW'], 'results')
    """
    if leave_out is None or not len(leave_out):
        return asked, []
    if missing := {"event", "firm"} - set(leave_out.columns):
        raise DataError(f"leave_out has no column {', '.join(sorted(missing))}; it needs event and firm")
    why = leave_out.assign(reason=leave_out.get("reason", "left out")).drop_duplicates(["event", "firm"])
    key = pd.MultiIndex.from_frame(asked[["event", "firm"]])
    reasons = why.set_index(["event", "firm"])["reason"].reindex(key).to_numpy(dtype=object)
    return asked[pd.isna(reasons)].reset_index(drop=True), skips(asked, reasons)


def overlaps(rows: pd.DataFrame, window: Window) -> Array:
    """Does another event of the firm have its day 0 inside this event window?

    >>> rows = pd.DataFrame({"firm": ["BMW", "BMW", "VW"], "position": [10, 12, 12]})
    >>> overlaps(rows, (-5, 5)).tolist(), overlaps(rows, (-1, 1)).tolist()
    ([True, True, False], [False, False, False])
    """
    order = rows.sort_values(["firm", "position"], kind="stable")
    after = order.groupby("firm")["position"].shift(-1) - order["position"]
    before = order["position"] - order.groupby("firm")["position"].shift(1)
    near = (after <= window[1]) | (before <= -window[0]) | (after == 0) | (before == 0)
    return near.reindex(rows.index).to_numpy()


def regressors_of(
    returns: pd.DataFrame,
    market: pd.Series | pd.DataFrame | None,
    factors: Factors | None,
    model: str,
    risk_free: pd.Series | None,
) -> dict[object, pd.DataFrame]:
    """Regressors on the dates of the returns: one frame under None for all firms, or one per firm.

    >>> returns = pd.DataFrame({"BMW": [0.1, 0.2]}, pd.to_datetime(["2025-04-03", "2025-04-04"]))
    >>> found = regressors_of(returns, returns["BMW"] / 2, None, "market", None)
    >>> list(found), list(found[None])
    ([None], ['market'])
    """
    if model == "mean" or (market is None and factors is None):
        return {None: pd.DataFrame(index=returns.index)}
    own: dict[object, list[pd.DataFrame]] = {}
    shared: list[pd.DataFrame] = []
    for given, name in ((market, MARKET), (factors, "factors")):
        if given is None:
            continue
        for firm, frame in _by_firm(given, name, returns).items():
            if name == MARKET and risk_free is not None:
                frame = frame.sub(on_dates(risk_free, "risk_free", returns), axis=0)
            if firm is None:
                shared.append(frame)
            else:
                own.setdefault(firm, []).append(frame)
    if not own:
        return {None: _joined(shared)}
    return {firm: _joined(shared + frames) for firm, frames in own.items()}


def _by_firm(given: Any, name: str, returns: pd.DataFrame) -> dict[object, pd.DataFrame]:
    if isinstance(given, pd.Series):
        label = MARKET if name == MARKET else "factor" if given.name is None else str(given.name)
        check(given, name)
        return {None: given.rename(label).to_frame().reindex(returns.index)}
    if isinstance(given, pd.DataFrame) and isinstance(given.index, pd.MultiIndex):
        given = {firm: frame.droplevel(0) for firm, frame in given.groupby(level=0)}
    if isinstance(given, Mapping):
        return {firm: one for firm, frame in given.items() for one in _by_firm(frame, name, returns).values()}
    check(given, name)
    given = given.reindex(returns.index)
    if name != MARKET:
        return {None: given}
    if given.shape[1] == 1 and given.columns[0] not in returns:  # the index itself, in a frame
        return {None: given.set_axis([MARKET], axis=1)}
    return {firm: given[[firm]].set_axis([MARKET], axis=1) for firm in given.columns}


def _joined(frames: list[pd.DataFrame]) -> pd.DataFrame:
    joined = pd.concat(frames, axis=1)
    if not joined.columns.is_unique or "alpha" in joined:
        raise DataError(
            f"factors are named {', '.join(map(str, joined.columns))}; names must differ, none 'alpha'"
        )
    return joined
