"""How far did makers' shares move on the events of data/events, beyond what their market explains?

`tariff_study` sets up the event study of the stats wing; `study`, `volume_study`, `minute_study`,
`from_event_time`, `power` and what they return are public here too.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import Facts
from tariffmodel.markets import event_calendar, home_market, market
from tariffmodel.markets import own_news as news
from tariffmodel.markets.home_market import Kind, Model
from tariffmodel.stats.aligned import from_event_time
from tariffmodel.stats.event_inputs import MARKET, Dates, check_choice, event_rows
from tariffmodel.stats.event_study import EventStudy, study, volume_study
from tariffmodel.stats.minutes import MinuteStudy, minute_study
from tariffmodel.stats.moments import PARTS, Part
from tariffmodel.stats.normal_returns import Window
from tariffmodel.stats.placebo import Randomised, Reference, randomised
from tariffmodel.stats.placebo import reference as set_beside
from tariffmodel.stats.power import power

__all__ = [
    "MARKET",
    "EventStudy",
    "MinuteStudy",
    "by_event",
    "by_home",
    "family",
    "from_event_time",
    "minute_study",
    "placebo_study",
    "power",
    "reference",
    "study",
    "tariff_power",
    "tariff_study",
    "volume_study",
]

_SKIPPED = ["event", "firm", "date", "reason"]


def tariff_study(
    facts: Facts,
    *,
    events: Sequence[str] | pd.DataFrame | pd.Series | Mapping[Any, Dates] | None = None,
    tickers: Sequence[str] | None = None,
    model: Model = "market",
    window: Window = (-10, 10),
    kind: Kind = "simple",
    part: Part = "close_to_close",
    own_news: Literal["keep", "dummy", "drop"] = "keep",
    news_window: Window = (0, 1),
    **arguments: Any,
) -> EventStudy:
    """The events of data/events, or one's own, on makers' shares, each against the index of its own market.

    Parameters
    ----------
    events : sequence of str, DataFrame, Series or mapping, optional
        Labels of `event_calendar.table`, or own events as in `study`: moments are placed by the hours of
        each line's exchange. Default: all of the table.
    tickers : sequence of str, optional
        Default: the lines that own events name, else the home line of every maker that has prices.
    model : str
        As `study`; "market_fx" adds the move of the home currency per dollar and, where the fixing comes
        after the close, its lag, otherwise its lead (`market.asynchrony`); dollar lines have no FX term.
    part : str
        As `study`: the night or the day of shares and index, from `market.opens`. Lines without opens,
        events whose hour is assumed and, for the night, those announced in a session are in
        `EventStudy.skipped`.
    own_news : str
        What to do about makers' results, guidance and trading statements (`own_news.table`):

        - "keep": nothing;
        - "dummy": a dummy for each of their sessions in the estimation windows, which is to leave it out
          of them; event windows stay as they are;
        - "drop": the same, and firm-events with own news inside `news_window` are not studied:
          `EventStudy.skipped` lists them with the news.
    news_window : (first, last)
        Sessions relative to the event in which own news counts.
    **arguments
        As `study`. Two events on one session are both kept: `EventStudy.by_event` shows each.

    Raises
    ------
    DataError
        Unknown tickers or choices, markets without a benchmark, no line with opens where `part` needs
        them.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> study = tm.events.tariff_study(
    ...     tm.facts.load(), events=["2025-07-22-japan-deal"], tickers=["7203.T", "7267.T"], window=(0, 1)
    ... )
    >>> study.car().shape[0], study.window
    (2, (0, 1))
    >>> own = pd.DataFrame({"firm": ["7203.T"], "date": ["2025-07-23 16:30"], "zone": ["Asia/Tokyo"]})
    >>> study = tm.events.tariff_study(tm.facts.load(), events=own)
    >>> f"{study.firm_events['date'].iloc[0]:%d %B}"
    '24 July'
    """
    check_choice("own_news", own_news, ("keep", "dummy", "drop"))
    check_choice("part", part, PARTS)
    if own := isinstance(events, pd.DataFrame | pd.Series | Mapping):
        wanted = event_rows(events, pd.DataFrame())
        if "firm" not in wanted:
            raise DataError("events has no column firm; it needs firm and date, and event")
        lines = list(wanted["firm"].unique() if tickers is None else tickers)
    else:
        lines = home_market.lines(facts) if tickers is None else list(tickers)
        wanted = event_calendar.firm_events(facts, lines, events)
    skipped = pd.DataFrame(columns=_SKIPPED)
    if part != "close_to_close":
        lines, wanted, skipped = _timed(facts, lines, wanted, part, model, not own)
    moves, against = home_market.study_arguments(facts, lines, model, kind, part)
    if own_news != "keep":
        around = news_window if own_news == "drop" else None
        arguments |= _without_news(facts, moves, wanted, arguments, around)
    found = study(moves, wanted, **against | {"window": window, "duplicates": "keep"} | arguments)
    if skipped.empty:
        return found
    return replace(found, skipped=pd.concat([found.skipped, skipped], ignore_index=True))


def _timed(
    facts: Facts, lines: Sequence[str], wanted: pd.DataFrame, part: Part, model: str, listed: bool
) -> tuple[list[str], pd.DataFrame, pd.DataFrame]:
    """Lines and events of which the parts of a day can be told, the latter as moments; and the others."""
    without = {}
    for line in lines:
        needed = (line,) if model == "mean" else (line, market.benchmark(facts, line))
        if lack := [name for name in needed if name not in facts.opens]:
            without[line] = f"no opens of {' and '.join(lack)}"
    if len(without) == len(lines):
        raise DataError(f"part {part!r}: {market.NO_OPENS}; missing are: {', '.join(without.values())}")
    reason = wanted["firm"].map(without)
    skipped = wanted.assign(reason=reason, event=wanted.get("event", wanted["date"]))
    if listed:
        table = event_calendar.table(facts)
        assumed = wanted["event"].map(table["timing_quality"]) == "low"
        skipped["reason"] = reason.mask(reason.isna() & assumed, "the hour of the event is assumed")
        wanted = wanted.assign(date=wanted["event"].map(table["announced"]))
    out = skipped["reason"].notna()
    return (
        [line for line in lines if line not in without],
        wanted[~out],
        skipped[out].reindex(columns=_SKIPPED),
    )


def placebo_study(facts: Facts, like: EventStudy, *, gap: int = 3, **arguments: Any) -> EventStudy:
    """The same study of the days on which no event was near.

    Parameters
    ----------
    like : EventStudy
        From `tariff_study`: model, method, windows, kind of returns and firms are taken over.
    gap : int
        As `event_calendar.quiet_days`. Windows that reach further should ask for more.
    **arguments
        What else `tariff_study` was given and a study does not tell, such as `risk_free`.

    Returns
    -------
    EventStudy
        Its events are dates. The normal returns of each come from the sessions before it, so nothing that
        was not known then is in them.

    Raises
    ------
    DataError
        As `study`; a method with leads and lags without `lags`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> shares = {"tickers": ["7203.T", "7267.T"], "window": (0, 1)}
    >>> deal = tm.events.tariff_study(known, events=["2025-07-22-japan-deal"], **shares)
    >>> others = tm.events.placebo_study(known, deal)
    >>> others.window, len(others) > 600
    ((0, 1), True)
    """
    known = like.settings
    if known["method"] in ("dimson", "fowler-rorke") and "lags" not in arguments:
        raise DataError(f"a study with method {known['method']!r} does not tell its lags; pass lags=")
    lines = list(like.firm_events.index.unique("firm"))
    days = event_calendar.quiet_days(facts, gap=gap)
    pairs = pd.MultiIndex.from_product([days, lines], names=["date", "firm"]).to_frame(index=False)
    wanted = pairs.assign(event=pairs["date"].dt.strftime("%Y-%m-%d"))
    same = {name: known[name] for name in ("method", "errors", "estimation")}
    same["min_estimation"] = known["needed"]
    model: Model = "market_fx" if known["model"] == "factors" else known["model"]
    moves, against = home_market.study_arguments(facts, lines, model, known["kind"], known["part"])
    return study(moves, wanted, **against | {"window": like.window, "duplicates": "keep"} | same | arguments)


def reference(
    facts: Facts,
    study: EventStudy,
    window: Window | None = None,
    *,
    gap: int | None = None,
    **arguments: Any,
) -> Reference:
    """Event days of a study, and the placebo days that they are judged by; input of `by_event` and `link`.

    Parameters
    ----------
    study : EventStudy
        From `tariff_study`.
    window : (first, last), optional
        Days relative to the event. Default: the whole event window.
    gap : int, optional
        As `event_calendar.quiet_days`. Default: 3 sessions, more where the window reaches further.
    **arguments
        As `placebo_study`.

    Returns
    -------
    Reference
        Firms are called by their maker, further lines of a maker by their ticker.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> known, shares = tm.facts.load(), ["7203.T", "7267.T", "7270.T"]
    >>> study = tm.events.tariff_study(known, events=["2025-07-22-japan-deal"], tickers=shares, window=(0, 1))
    >>> print(tm.events.reference(known, study).text.split(",")[0].split(" ", 1)[1])
    days without events
    """
    first, last = window or study.window
    lines = study.firm_events.index.unique("firm")
    makers = facts.instruments["company"].reindex(lines)
    makers = makers[makers.isin(facts.makers.index)].drop_duplicates()
    others = placebo_study(facts, study, gap=gap or max(3, last + 1, 1 - first), **arguments)
    names = {str(line): str(maker) for line, maker in makers.items()}
    return set_beside(study, others, (first, last), names)


def by_event(
    facts: Facts,
    study: EventStudy,
    window: Window | None = None,
    which: str = "kp_bmp",
    *,
    placebo: Reference | None = None,
    among: Collection[str] | None = None,
) -> pd.DataFrame:
    """Did makers move on average? Every event, judged by the days without one.

    Parameters
    ----------
    study : EventStudy
        From `tariff_study`.
    window : (first, last), optional
        Days relative to the event. Default: the whole event window.
    which : str
        Test beside it, a name of `event_tests.TESTS`.
    placebo : Reference, optional
        Default: `reference` of the study and window.
    among : collection of str, optional
        Events that are looked at as a family of tests. Default: all of the study.

    Returns
    -------
    DataFrame
        Indexed by event, in order of date: `date`, `n`, `caar`, `se_adjusted` and `p_value` as in
        `EventStudy.by_event`; over placebo days `caar_low`, `caar_high` (95%), `p_mean`,
        `placebo_days` (their number), `size_mean` (share rejected at 5% among days held out) and
        `minimum_mean` (the mean found with a power of 80%); `counted`, `uncounted`, `family` and
        `p_family` as in `family`.
        ``attrs["placebo"]`` says what the placebo days are.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> known, shares = tm.facts.load(), ["7203.T", "7267.T", "7270.T", "GM"]
    >>> deals = ["2025-07-22-japan-deal", "2025-09-04-japan-order"]
    >>> study = tm.events.tariff_study(known, events=deals, tickers=shares, window=(0, 1))
    >>> found = tm.events.by_event(known, study)
    >>> found["counted"].tolist(), found["family"].tolist(), bool(found["p_mean"].iloc[0] < 0.2)
    ([True, False], [1, 1], True)
    """
    span = window or study.window
    against = reference(facts, study, span) if placebo is None else placebo
    moved = study.by_event(span, which)[["date", "n", "caar", "se_adjusted", "p_value"]]
    mean = randomised(against)["mean"]
    ends = mean.interval().add_prefix("caar_")
    found = moved.join(ends).assign(
        p_mean=mean.p,
        placebo_days=mean.days,
        size_mean=mean.held_out_size(),
        minimum_mean=mean.minimum_detectable(),
    )
    found = found.join(family(facts, mean, among))
    found.attrs = {"placebo": against.text}
    return found


def family(facts: Facts, found: Randomised, among: Collection[str] | None = None) -> pd.DataFrame:
    """Which events are tests, and their p-values as a family.

    Parameters
    ----------
    found : Randomised
        The statistic that is tested.
    among : collection of str, optional
        Events that are looked at. Default: all of `found`.

    Returns
    -------
    DataFrame
        Indexed by event: `counted`, `uncounted` (why it is no test, see `event_calendar.uncounted`),
        `family` (how many are) and `p_family` (Romano and Wolf 2005).

    Examples
    --------
    >>> import tariffmodel as tm
    >>> known, shares = tm.facts.load(), ["7203.T", "7267.T", "7270.T"]
    >>> deals = ["2025-07-22-japan-deal", "2025-09-04-japan-order"]
    >>> study = tm.events.tariff_study(known, events=deals, tickers=shares, window=(0, 1))
    >>> mean = tm.placebo.randomised(tm.events.reference(known, study))["mean"]
    >>> found = tm.events.family(known, mean)
    >>> found["counted"].tolist(), found["family"].tolist(), found["p_family"].isna().tolist()
    ([True, False], [1, 1], [False, True])
    """
    events = found.estimate.index
    looked = events if among is None else events[events.isin(list(among))]
    tested = looked.intersection(events[found.p.notna()], sort=False)
    why = pd.Series("", events).where(events.isin(looked), "not looked at")
    why = why.mask(events.isin(looked.difference(tested)), "no statistic")
    listed = tested.intersection(event_calendar.table(facts).index, sort=False)  # one's own count each
    if len(listed):
        why[listed] = event_calendar.uncounted(facts, listed)
    counted = why == ""
    return pd.DataFrame(
        {
            "counted": counted,
            "uncounted": why,
            "family": int(counted.sum()),
            "p_family": found.stepdown(counted.to_numpy()),
        }
    )


def tariff_power(
    facts: Facts,
    *,
    tickers: Sequence[str] | None = None,
    model: Model = "market",
    window: Window = (0, 1),
    kind: Kind = "simple",
    **arguments: Any,
) -> pd.DataFrame:
    """How large an effect would the tests find on makers' shares, and how often do they find one of zero?

    Random days on which no event of data/events falls into the window, each share against the index of
    its own market.

    Parameters
    ----------
    tickers, model, kind
        As `tariff_study`.
    **arguments
        As `power`.

    Returns
    -------
    DataFrame
        As `power`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> shares = ["7203.T", "7267.T", "7201.T", "7270.T", "7261.T"]
    >>> found = tm.events.tariff_power(tm.facts.load(), tickers=shares, draws=40, tests="crude_dependence")
    >>> found["rejected"].round(2).tolist()
    [0.15, 0.15, 0.13, 0.26]
    """
    lines = home_market.lines(facts) if tickers is None else list(tickers)
    moves, own = home_market.study_arguments(facts, lines, model, kind)
    known = event_calendar.firm_events(facts, lines)["date"].dropna().unique()
    near = np.searchsorted(moves.index, known)[:, None] + np.arange(-window[1], 1 - window[0])
    quiet = moves.index.delete(np.unique(near[(near >= 0) & (near < len(moves))]))
    return power(moves, days=pd.DatetimeIndex(quiet), window=window, **own | arguments)


def by_home(
    facts: Facts,
    study: EventStudy,
    window: Window | None = None,
    *,
    fewest: int = 3,
    placebo: Reference | None = None,
) -> pd.DataFrame:
    """How far the makers of each home moved.

    Parameters
    ----------
    study : EventStudy
        Of makers' shares.
    window : (first, last), optional
        Days relative to the event. Default: the whole event window.
    fewest : int
        Homes with fewer firm-events have no cross-section to speak of and are left out.
    placebo : Reference, optional
        `reference` of the window, for p-values over placebo days; the study is then of one event.

    Returns
    -------
    DataFrame
        Indexed by home, the largest mean first: `n`, `caar`, `se_adjusted` and `p_value`, as in
        `EventStudy.by_event`. With `placebo` also `caar_low`, `caar_high`, `p_mean` and `minimum_mean`, as
        in `by_event`, each from what the makers of that home did on placebo days.

    Raises
    ------
    DataError
        Several events, or one that `placebo` lacks.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> known, shares = tm.facts.load(), ["7203.T", "7267.T", "7270.T"]
    >>> study = tm.events.tariff_study(known, events=["2025-07-22-japan-deal"], tickers=shares, window=(0, 1))
    >>> found = tm.events.by_home(known, study, placebo=tm.events.reference(known, study))
    >>> found["n"].to_dict(), found["p_mean"].round(1).to_dict()
    ({'JP': 3.0}, {'JP': 0.2})
    """
    moved = study.car(window)["days"] > 0
    firms = study.firm_events.index[moved].get_level_values("firm")
    makers = facts.instruments["company"].reindex(firms)
    homes = makers.map(facts.makers["home"])
    counts = homes.value_counts(sort=False)
    rows = {}
    for home in counts.index[counts >= fewest]:
        one = study.select(firms=list(homes.index[homes == home]))
        rows[home] = one.windows([window or study.window], "kp_bmp").iloc[0]
        if placebo is not None:
            own = placebo.of(makers[homes == home].tolist())
            rows[home] = pd.concat([rows[home], _against(own, study.firm_events.index.unique("event"))])
    columns = ["n", "caar", "se_adjusted", "kp_bmp_p"]
    columns += [] if placebo is None else ["caar_low", "caar_high", "p_mean", "minimum_mean"]
    frame = pd.DataFrame.from_dict(rows, orient="index").reindex(columns=columns).rename_axis("home")
    return frame.rename(columns={"kp_bmp_p": "p_value"}).sort_values("caar", ascending=False)


def _against(placebo: Reference, events: pd.Index) -> pd.Series:
    """What placebo days say of the mean of one event."""
    mean = randomised(placebo)["mean"]
    if len(events) != 1 or events[0] not in mean.estimate.index:
        raise DataError("p-values over placebo days are of one event of the reference; select it first")
    ends = mean.interval().add_prefix("caar_")
    row: pd.Series = ends.assign(p_mean=mean.p, minimum_mean=mean.minimum_detectable()).loc[events[0]]
    return row


def _without_news(
    facts: Facts,
    moves: pd.DataFrame,
    wanted: pd.DataFrame,
    given: dict[str, Any],
    window: Window | None,
) -> dict[str, Any]:
    """Arguments that keep own news out, beside what the caller leaves out; firm-events only by a window."""
    days = [news.days(facts, list(moves.columns))]
    if given.get("exclude") is not None:
        days.append(event_rows(given["exclude"], moves))
    out = {"exclude": pd.concat(days, ignore_index=True)}
    if window is not None:
        told, own = news.leave_out(facts, wanted, window), given.get("leave_out")
        out["leave_out"] = told if own is None else pd.concat([own, told], ignore_index=True)
    return out
