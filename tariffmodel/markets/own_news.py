"""Did a maker speak for itself, or markets hear of something else, while tariff news was priced?

Results, guidance and trading statements of makers lie in ``data/events/company_news.csv``, news that
moved whole markets in ``macro_news.csv``. Each falls on the first session of a share's exchange that
could react, as tariff news does (`event_calendar`). Firm-events with own news inside their window can
be left out, or told apart by a dummy: `treatments` sets both beside the whole.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import Facts, news
from tariffmodel.markets.event_calendar import MARKETS, _hours, firm_events
from tariffmodel.stats.cross_section import pooled
from tariffmodel.stats.event_inputs import pair
from tariffmodel.stats.event_results import EventStudy
from tariffmodel.stats.normal_returns import Window
from tariffmodel.stats.sessions import first_after

__all__ = ["among", "days", "flagged", "in_window", "leave_out", "macro", "placed", "table", "treatments"]

_TABLE = ["firm", "maker", "said_by", "date", "session", "last_session", "timing", "kind", "what"]
_SOURCE = ["quality", "source_title", "source_url"]
_NOWHERE = pd.DataFrame({"session": [], "last_session": []}, dtype="datetime64[ns]")
ALL, WITHOUT, DUMMY = "all firm-events", "without own news", "own news as a dummy"


def table(facts: Facts, tickers: Sequence[str] | None = None) -> pd.DataFrame:
    """Makers' own news by share, with the sessions that could react first.

    Parameters
    ----------
    tickers : sequence of str, optional
        Lines of makers. Default: the home line of every maker that has one. News of makers without a line
        is in none of them, unless they are part of a group that has one.

    Returns
    -------
    DataFrame
        One row per line and piece of news, by day: `firm` (ticker), `maker`, `said_by` (the maker, or one
        inside its group, such as Porsche AG for Volkswagen), `date` (as announced), `session` and
        `last_session` on the exchange of the line, `timing` (of the hour: stated, assumed, unknown),
        `kind`, `what`, `quality`, `source_title`, `source_url`. Where the hour is unknown the news
        counts for the day and for the next session: `last_session` is the later one, and
        otherwise `session` itself. Both are NaT where only the month is known or the calendar ends before.

    Raises
    ------
    DataError
        Faults of the files, or lines on exchanges whose sessions are not placed.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> rows = tm.own_news.table(tm.facts.load(), ["7201.T"]).set_index("date")
    >>> told = rows.loc["2025-02-13"]  # at 17:40, after the close in Tokyo
    >>> f"{told['session']:%d %B}", told["timing"]
    ('14 February', 'stated')
    """
    return placed(facts, news.company(facts), tickers)


def placed(facts: Facts, rows: pd.DataFrame, tickers: Sequence[str] | None = None) -> pd.DataFrame:
    """Rows of `facts.news.company`, or others that `facts.news.timed` has seen, by share: see `table`.

    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> rows = news.company(known)
    >>> len(tm.own_news.placed(known, rows[rows["maker"] == "Subaru"])) == (rows["maker"] == "Subaru").sum()
    np.True_
    """
    chosen = list(dict.fromkeys(facts.makers["ticker"].dropna() if tickers is None else tickers))
    lines = _places(facts, chosen).rename("place").rename_axis("firm").reset_index()
    lines["maker"] = lines["firm"].map(facts.instruments["company"])
    rows = rows.rename(columns={"maker": "said_by"})
    group = rows["said_by"].map(facts.makers["consolidated_in"])
    both = pd.concat([rows.assign(maker=rows["said_by"]), rows.assign(maker=group)[group.notna()]])
    joined = both.merge(lines, on="maker").sort_values("day", kind="stable", ignore_index=True)
    ends = [
        _sessions(facts, str(place), joined.loc[at]) for place, at in joined.groupby("place").groups.items()
    ]
    joined = joined.join(pd.concat([_NOWHERE, *ends]))
    return joined[[*_TABLE, *_SOURCE]]


def days(facts: Facts, tickers: Sequence[str] | None = None) -> pd.DataFrame:
    """Sessions on which own news of each share was priced: days to leave out of estimation windows.

    Returns
    -------
    DataFrame
        `firm` (ticker) and `date`, as `events.study` takes them for ``exclude=``.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> quiet = tm.events.tariff_study(
    ...     known, events=["2025-07-22-japan-deal"], tickers=["7203.T"], exclude=tm.own_news.days(known)
    ... )
    >>> int(quiet.estimates.observations[0])  # of 240
    235
    """
    rows = table(facts, tickers)
    ends = [rows[["firm", name]].set_axis(["firm", "date"], axis=1) for name in ("session", "last_session")]
    return pd.concat(ends).dropna().drop_duplicates().sort_values(["firm", "date"], ignore_index=True)


def macro(facts: Facts) -> pd.DataFrame:
    """News that moved whole markets, with the first session of each that could react.

    Returns
    -------
    DataFrame
        Indexed by `news`, by day: `date`, `kind`, `countries` (tuple; ALL concerns every market), `what`,
        `timing`, `quality`, `source_title`, `source_url`, and `first_session_*` for US, JP, KR, DE: NaT
        where the market is not concerned.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> told = tm.own_news.macro(tm.facts.load()).loc["2025-10-04-takaichi-elected"]
    >>> f"{told['first_session_JP']:%d %B}", told["first_session_US"]
    ('06 October', NaT)
    """
    rows = news.macro(facts).set_index("news")
    frame = rows[["date", "kind", "what", "timing", *_SOURCE]]
    frame.insert(2, "countries", rows["countries"].str.split("|").map(tuple))
    for place in MARKETS:
        frame[f"first_session_{place}"] = _macro_sessions(facts, place).reindex(frame.index)
    return frame


def in_window(facts: Facts, study: EventStudy | pd.DataFrame, window: Window = (0, 1)) -> pd.DataFrame:
    """What else each firm-event's window holds: news of the maker's own, and news that moved its market.

    Parameters
    ----------
    study : EventStudy or DataFrame
        A study of makers' shares, or columns `event`, `firm` (ticker) and `date` (day 0), as
        `event_calendar.firm_events` gives.
    window : (first, last)
        Sessions relative to day 0, of the exchange of the line.

    Returns
    -------
    DataFrame
        Indexed by event and firm, in the order of `study`: `maker`, `date`, `own_news` (bool),
        `news` (which, with its day; empty if none), `macro_news` (likewise).

    Raises
    ------
    DataError
        Columns that are missing, or lines on exchanges whose sessions are not placed.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> asked = tm.event_calendar.firm_events(known, ["VOW3.DE", "BMW.DE"], ["2025-04-29-offset-order"])
    >>> tm.own_news.in_window(known, asked)["own_news"].tolist()
    [True, False]
    """
    first, last = pair("window", window)
    rows = study.firm_events.reset_index() if isinstance(study, EventStudy) else study
    if missing := {"event", "firm", "date"} - set(rows.columns):
        raise DataError(f"study has no column {', '.join(sorted(missing))}; it needs event, firm, date")
    rows = rows[["event", "firm", "date"]].reset_index(drop=True)
    place = _places(facts, list(dict.fromkeys(rows["firm"])))
    told = table(facts, list(place.index)).dropna(subset="session")
    rows = rows.assign(maker=rows["firm"].map(facts.instruments["company"]), own_news=False)
    rows = rows.assign(news="", macro_news="")
    for name, here in rows.groupby(rows["firm"].map(place)).groups.items():
        part = rows.loc[here]
        rivals = _macro_sessions(facts, str(name))
        own = told[told["firm"].isin(part["firm"])]
        span = pd.concat([part["date"], own["session"], rivals]).dt.tz_localize("UTC")
        inside = _Inside(pd.DatetimeIndex(_hours(facts, str(name), span).index), first, last)
        rows.loc[here, "news"] = inside.which(part, own, own["said_by"] + ": " + own["what"], ["firm"])
        general = pd.DataFrame({"session": rivals, "last_session": rivals, "date": rivals.index.str[:10]})
        what = news.macro(facts).set_index("news")["what"].reindex(rivals.index)
        rows.loc[here, "macro_news"] = inside.which(part, general, what, [])
    rows["own_news"] = rows["news"] != ""
    return rows.set_index(["event", "firm"])[["maker", "date", "own_news", "news", "macro_news"]]


def flagged(facts: Facts, study: EventStudy | pd.DataFrame, window: Window = (0, 1)) -> pd.DataFrame:
    """The rows of `in_window` whose window holds own or macro news.

    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> asked = tm.event_calendar.firm_events(known, ["VOW3.DE", "BMW.DE"], ["2025-04-29-offset-order"])
    >>> tm.own_news.flagged(known, asked).index.get_level_values("firm").tolist()
    ['VOW3.DE']
    """
    found = in_window(facts, study, window)
    return found[found["own_news"] | (found["macro_news"] != "")]


def leave_out(facts: Facts, study: EventStudy | pd.DataFrame, window: Window = (0, 1)) -> pd.DataFrame:
    """Firm-events with own news inside their window, as `events.study` takes them for ``leave_out=``.

    Returns
    -------
    DataFrame
        `event`, `firm`, `reason`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> asked = tm.event_calendar.firm_events(known, ["GM"], ["2025-10-17-offset-extension-order"])
    >>> tm.own_news.leave_out(known, asked)["reason"].tolist()
    ['own news in [0, 1]: GM: Q3 2025, guidance raised (2025-10-21)']
    """
    found = in_window(facts, study, window)
    found = found[found["own_news"]].reset_index()
    return found.assign(reason=f"own news in [{window[0]}, {window[1]}]: " + found["news"])[
        ["event", "firm", "reason"]
    ]


def among(facts: Facts, pairs: pd.DataFrame, window: Window | None) -> pd.Series:
    """Whether own news falls into the window of each pair of `event` (of `event_calendar`) and `firm`.

    NA for all where the window is not known.

    >>> import tariffmodel as tm
    >>> pairs = pd.DataFrame({"event": "2025-10-17-offset-extension-order", "firm": ["GM", "F"]})
    >>> tm.own_news.among(tm.facts.load(), pairs, (0, 1)).tolist()
    [True, False]
    """
    if window is None:
        return pd.Series(pd.NA, pairs.index, dtype="boolean")
    if pairs.empty:
        return pd.Series(False, pairs.index)
    asked = firm_events(facts, list(pairs["firm"].unique()), list(pairs["event"].unique()))
    found = in_window(facts, asked, window)["own_news"]
    return found.reindex(pd.MultiIndex.from_frame(pairs[["event", "firm"]])).set_axis(pairs.index)


def treatments(panel: pd.DataFrame, *, draws: int = 9_999, seed: int = 0) -> pd.DataFrame:
    """The pooled slope with own news in it, without it, and with a dummy for it, side by side.

    ``car_ie = a_e + b · delta_ie (+ c · own_news_ie) + u_ie`` (see `cross_section.pooled`). The dummy lets
    returns with own news have another mean within their event; leaving them out drops their slope too.

    Parameters
    ----------
    panel : DataFrame
        From `link.panel`, of the events that are to be pooled.
    draws : int
        Bootstrap draws of each.

    Returns
    -------
    DataFrame
        Indexed by `treatment`: "all firm-events", "without own news", "own news as a dummy". Columns
        `estimate`, `standard_error` and `p_cluster` (clustered by event), `low`, `high` and `p_bootstrap`
        (wild cluster bootstrap), `own_news_effect` and `own_news_error` (of the dummy), `events`,
        `observations`, `with_own_news` (how many of them) and `reason`, why there is no slope.

    Examples
    --------
    >>> rows = pd.DataFrame({"event": list("aaaabbbbcccc"), "maker": list("ABCD" * 3)})
    >>> random = np.random.default_rng(0)
    >>> rows["delta"], rows["own_news"] = random.normal(0, 0.02, 12), [True, *[False] * 6, True, *[False] * 4]
    >>> rows["car"] = -rows["delta"] + 0.03 * rows["own_news"] + random.normal(0, 0.005, 12)
    >>> found = treatments(rows, draws=99)
    >>> found["observations"].tolist(), found["own_news_effect"].round(2).tolist()
    ([12, 10, 12], [nan, nan, 0.03])
    """
    if "own_news" not in panel or panel["own_news"].isna().any():
        raise DataError("panel does not say where there is own news; pass what `link.panel` returns")
    rows = panel.dropna(subset=["car", "delta"]).assign(own_news=panel["own_news"].astype(float))
    quiet = rows[rows["own_news"] == 0]
    choices = {ALL: (rows, []), WITHOUT: (quiet, []), DUMMY: (rows, ["own_news"])}
    found = {name: _pooled(sample, dummy, draws, seed) for name, (sample, dummy) in choices.items()}
    columns = ["estimate", "standard_error", "p_cluster", "low", "high", "p_bootstrap"]
    columns += ["own_news_effect", "own_news_error", "events", "observations", "with_own_news", "reason"]
    frame = pd.DataFrame.from_dict(found, orient="index", columns=columns).rename_axis("treatment")
    return frame.astype(dict.fromkeys(columns[:9], float))


def _pooled(sample: pd.DataFrame, dummy: list[str], draws: int, seed: int) -> dict[str, object]:
    """A row of `treatments`."""
    count = {"observations": len(sample), "with_own_news": int(sample["own_news"].sum())}
    try:
        fit = pooled(sample, dummy, draws=draws, seed=seed)
    except DataError as error:
        return count | {"reason": str(error)}
    slope, used = fit.coefficients.loc["delta"], sample[sample["event"].isin(fit.events.index)]
    row = {
        "estimate": slope["estimate"],
        "standard_error": slope["standard_error"],
        "p_cluster": slope["p"],
        "low": fit.bootstrap_interval[0],
        "high": fit.bootstrap_interval[1],
        "p_bootstrap": fit.bootstrap.p,
        "events": len(fit.events),
        "observations": fit.observations,
        "with_own_news": int(used["own_news"].sum()),
        "reason": "",
    }
    if dummy:
        effect = fit.coefficients.loc["own_news"]
        row |= {"own_news_effect": effect["estimate"], "own_news_error": effect["standard_error"]}
    return row


def _places(facts: Facts, tickers: list[str]) -> pd.Series:
    """The market of each line."""
    place = facts.instruments["market"].reindex(tickers)
    for ticker, where in place.items():
        if pd.isna(where):
            raise DataError(
                f"{ticker} is not in data/market/instruments.csv; add a row there, or check the spelling"
            )
    return place


def _macro_sessions(facts: Facts, place: str) -> pd.Series:
    """First session of a market that could react to each piece of macro news that concerns it."""
    told = news.of_market(facts, place)
    if told.empty:
        return pd.Series(pd.NaT, told.index, dtype="datetime64[ns]")
    hours = _hours(facts, place, told)
    return pd.Series(hours.index.to_numpy()[first_after(hours, told)], told.index)


class _Inside:
    """Which sessions lie inside windows of event time on one exchange."""

    def __init__(self, sessions: pd.DatetimeIndex, first: int, last: int) -> None:
        self.sessions, self.first, self.last = sessions, first, last

    def which(self, rows: pd.DataFrame, told: pd.DataFrame, what: pd.Series, on: list[str]) -> np.ndarray:
        """The news that falls into each row's window, as text."""
        day = self.sessions.searchsorted(rows["date"])
        asked = rows[on].assign(place=np.arange(len(rows)), start=day + self.first, end=day + self.last)
        begin, finish = (self.sessions.searchsorted(told[name]) for name in ("session", "last_session"))
        words = told[on].assign(begin=begin, finish=finish, text=what.to_numpy() + " (" + told["date"] + ")")
        pairs = asked.merge(words, on=on) if on else asked.merge(words, how="cross")
        hit = pairs[(pairs["begin"] <= pairs["end"]) & (pairs["finish"] >= pairs["start"])]
        texts = hit.groupby("place")["text"].agg("; ".join)
        return texts.reindex(range(len(rows)), fill_value="").to_numpy(dtype=object)


def _sessions(facts: Facts, place: str, rows: pd.DataFrame) -> pd.DataFrame:
    """First and last session of each row that counts as its day; NaT where it has none."""
    moment = rows["announced"].fillna(rows["day"].dt.tz_localize("UTC")).dropna()
    if moment.empty:
        return _NOWHERE
    hours = _hours(facts, place, moment)
    timed = rows.loc[moment.index, "announced"].notna().to_numpy()
    days, day = (
        np.append(hours.index.to_numpy(), np.datetime64("NaT")),
        rows.loc[moment.index, "day"].to_numpy(),
    )
    first = np.where(timed, first_after(hours, moment), days[:-1].searchsorted(day))
    last = np.where(timed, first, days[:-1].searchsorted(day, side="right"))
    return pd.DataFrame({"session": days[first], "last_session": days[last]}, moment.index)
