"""What probability did share prices hold?

News of a change of the bill that takes its probability up by Δp moves each maker's share by Δp times what
the change is worth: over makers, the slope of abnormal returns on the change of the bill over market value is
Δp times the slope of a market that is certain, and their ratio is Δp. If the news settles the matter,
the probability before was 1 − Δp. The constant takes what the day had in common.

What the change is worth rests on its life, and one event cannot tell a likely change that is short from an
unlikely one that is long: see `iso`. Nothing is cut off at 0 or 1, and a slope of the wrong sign is not read.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import Facts, tables
from tariffmodel.markets import event_calendar, events, pricing, valuation
from tariffmodel.stats import fieller
from tariffmodel.stats.event_results import EventStudy
from tariffmodel.stats.placebo import Randomised, Reference, randomised
from tariffmodel.tariff.case import Valuation

FEWEST = 5  # makers with a computed change of the bill
MOST_LEVERAGE = 0.9  # of one maker: above it the slope is that maker's return
SAME_BILL = -0.9  # correlation of two changes of the bill at or below which they are one, undone
STORIES = "events/stories.csv"
_FAR = 1e6  # stands for infinity where changes are added up
_BILL = ["delta_bill_usd", "delta_bill_low_usd", "delta_bill_high_usd"]
_SLOPES = ["slope", "slope_low", "slope_high", "p_slope", "slope_home", "p_home", "slope_full"]
_PROBABILITY = ["probability", "probability_low", "probability_high"]
_PATH = ["change", "before", "after"]
Window = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Setting:
    """A study of makers' shares, the days without events that judge it, and how a bill is valued.

    Attributes
    ----------
    facts : Facts
    study : EventStudy
    placebo : Reference
        Of the same study and window.
    window : (first, last)
    valuation : Valuation, optional
        Taken as known. None: everything that `valuation.inputs` says it may be.
    widening : Series by maker, or float
        As `valuation.draws`.
    level : float
        Of all intervals.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> held = tm.implied.setting(tm.facts.load(), ["2025-07-22-japan-deal"], valuation=tm.Valuation())
    >>> held.window, held.level, held.valuation.life_years
    ((0, 1), 0.95, 5.0)
    """

    facts: Facts
    study: EventStudy
    placebo: Reference
    window: Window = (0, 1)
    valuation: Valuation | None = None
    widening: pd.Series | float = 1.0
    level: float = 0.95

    def __post_init__(self) -> None:
        if not 0 < self.level < 1:
            raise DataError(f"level is {self.level}; write a fraction such as 0.95")


def setting(
    facts: Facts,
    among: Collection[str] | None = None,
    *,
    window: Window = (0, 1),
    valuation: Valuation | None = None,
    widening: pd.Series | float = 1.0,
    level: float = 0.95,
) -> Setting:
    """The study of some events, and of the days without one, that all of this module starts from.

    Parameters
    ----------
    among : collection of str, optional
        Events. Default: all.
    window, valuation, widening, level
        See `Setting`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> held = tm.implied.setting(tm.facts.load(), ["2025-07-22-japan-deal"], valuation=tm.Valuation())
    >>> held.study.window
    (0, 1)
    """
    asked = None if among is None else list(dict.fromkeys(among))
    study = events.tariff_study(facts, events=asked, window=window)
    against = events.reference(facts, study, window)
    return Setting(facts, study, against, window, valuation, widening, level)


def table(held: Setting) -> pd.DataFrame:
    r"""The change of the probability that each event's slope implies.

    Parameters
    ----------
    held : Setting
        From `setting`.

    Returns
    -------
    DataFrame
        Indexed by event: `makers` with a return and a computed change of the bill; `slope` with `slope_low`
        and `slope_high` over placebo days, and `p_slope`; within homes `slope_home` and `p_home`;
        `slope_full` (median), of a market that is certain; `probability` (the change, a fraction; of news
        that settles the matter 1 less what was held before) with `probability_low` and `probability_high`;
        `beside`, other events that fall into the window; and `reason`: why there is no probability, or how
        one outside [0, 1] can be. A slope with an interval wholly on the wrong side of zero is refused.

    Notes
    -----
    .. math:: \Delta p = b / f, \qquad f = -\sum_i w_i \kappa_i x_i, \qquad w_i \propto x_i - \bar x

    with b the slope on x, the change of the bill over market value, w the weights of least squares, and κ =
    (1 − τ)(1 − π) p A as in `pricing.value_per_dollar`. The interval holds the θ for which b − θf is not told
    from zero, the set of Fieller (1954), with the placebo days' studentised slopes and the draws of
    `valuation.draws` in place of two normal distributions.

    Raises
    ------
    DataError
        As `link.panel` and `valuation.draws`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> held = tm.implied.setting(tm.facts.load(), ["2025-07-22-japan-deal"], valuation=tm.Valuation())
    >>> tm.implied.table(held).filter(like="probability").round(1).iloc[0].tolist()
    [0.2, 0.0, 0.4]
    """
    names = held.study.firm_events.index.unique("event")
    read = _read(held, {str(name): str(name) for name in names})
    rows = {event: _row(one, held.level) for event, one in read.items()}
    frame = pd.DataFrame.from_dict(
        rows, orient="index", columns=["makers", *_SLOPES, *_PROBABILITY, "reason"]
    )
    frame = frame.astype({"makers": int} | dict.fromkeys([*_SLOPES, *_PROBABILITY], float))
    frame.insert(len(frame.columns) - 1, "beside", _beside(held, frame.index))
    frame.attrs = {"placebo": held.placebo.text}
    return frame.rename_axis("event")


def by_maker(held: Setting, event: str) -> pd.DataFrame:
    """The probability before the event that each share held, if the news settled it.

    As in merger arbitrage (Samuelson and Rosenthal 1986; Brown and Raymond 1986): p₀ = (S − S_no) / (S_deal −
    S_no), with S the market value before, S_deal what abnormal returns made of it and S_no that less what the
    change is worth. It is 1 less the share priced. All that the day did to the maker counts as the event's.

    Returns
    -------
    DataFrame
        Indexed by maker, those whose bill changes: `car`, `market_cap_usd` (S), `no_event_usd` and
        `event_usd` (S_no, S_deal; medians), `probability`, `probability_low`, `probability_high` (of what the
        event brought, before it), `reason`: how a value outside [0, 1] can be, why another cannot be read;
        never clipped.

    Raises
    ------
    DataError
        An event that is not in the study, or that changes no bill.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> held = tm.implied.setting(tm.facts.load(), ["2025-07-22-japan-deal"], valuation=tm.Valuation())
    >>> found = tm.implied.by_maker(held, "2025-07-22-japan-deal")["probability"]
    >>> found.round(1)[["Mazda", "Toyota"]].tolist()
    [0.8, -1.4]
    """
    rows = _rows(held, {event: event})[event]
    moved = rows[rows["delta"].notna() & (rows["delta"] != 0)]
    if moved.empty:
        raise DataError(
            f"{event} changes no bill that is computed; choose another, see tm.event_calendar.table"
        )
    worth = _worth(held, moved)
    cap, n = moved["market_cap_usd"].to_numpy(), len(worth)
    z = np.random.default_rng(1).permuted(np.tile(_normal(n)[:, None], (1, len(moved))), axis=0)
    move = cap * (moved["car"].to_numpy() + moved["standard_error"].to_numpy() * z)
    low, high = (1 - held.level) / 2, (1 + held.level) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = np.quantile(1 - move / worth, [low, high], axis=0)
        middle = 1 - cap * moved["car"].to_numpy() * np.median(1 / worth, axis=0)
    after = cap * (1 + moved["car"])
    share = np.quantile(worth, [0.5, low, high], axis=0) / cap
    frame = pd.DataFrame(
        {
            "car": moved["car"],
            "market_cap_usd": cap,
            "no_event_usd": after - np.median(worth, axis=0),
            "event_usd": after,
            "probability": middle,
            "probability_low": ends[0],
            "probability_high": ends[1],
        },
        index=moved.index.rename("maker"),
    )
    open_sign = (share[1] <= 0) & (share[2] >= 0)
    frame.loc[open_sign, _PROBABILITY] = np.nan
    frame["reason"] = [_outside(p, "before", share[0, at], share[1, at]) for at, p in enumerate(middle)]
    frame.loc[open_sign, "reason"] = "what the change is worth may be nothing"
    return frame


def iso(held: Setting, event: str, lives: Sequence[float] = tuple(range(2, 21))) -> pd.DataFrame:
    """Pairs of probability and life that one event's slope cannot tell apart.

    Parameters
    ----------
    lives : sequence of float
        Years for which the change lasts.

    Returns
    -------
    DataFrame
        Indexed by `life_years`: `probability`, the change that the slope implies if the rest of the valuation
        (by default the central figures) is known, with `probability_low` and `probability_high`.

    Raises
    ------
    DataError
        Where `table` has no probability: its reason.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> held = tm.implied.setting(tm.facts.load(), ["2025-07-22-japan-deal"], valuation=tm.Valuation())
    >>> tm.implied.iso(held, "2025-07-22-japan-deal", [2, 5, 10])["probability"].round(1).tolist()
    [0.4, 0.2, 0.1]
    """
    base = held.valuation or valuation.central(held.facts)
    one = replace(held, valuation=base)
    read = _read(one, {event: event})[event]
    if refused := read.refused or _wrong_sign(read, held.level):
        raise DataError(f"{event}: {refused}")
    rows = {}
    for life in map(float, lives):
        other = replace(one, valuation=replace(base, life_years=life))
        rows[life] = replace(read, full=_full(other, read.rows)).change(held.level)
    return pd.DataFrame.from_dict(rows, orient="index", columns=_PROBABILITY).rename_axis("life_years")


def opposite(held: Setting, first: str, second: str) -> pd.DataFrame:
    """Ratio of the slopes of two events that brought the same bill and took it back.

    The second equation for what one event leaves open: with Δp₁ and Δp₂ the changes of the two probabilities
    and A(L) the value of a yearly dollar, the ratio of slopes is Δp₂ A(L₂) / Δp₁ A(L₁). Tax, pass-through and
    errors of the bill that are the same for all makers fall out.

    Returns
    -------
    DataFrame
        One row, indexed by `first` and `second`: `slope_first`, `slope_second`, `ratio` with `ratio_low` and
        `ratio_high` (Fieller 1954, with the larger critical value of the two; infinite where the first slope
        is not told from zero), `bill_correlation` and `reason`, what the interval leaves open.

    Raises
    ------
    DataError
        Changes of the bill that are not opposite (a correlation over makers above `SAME_BILL`), or an event
        without a slope.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> both = ["2025-07-30-korea-deal", "2026-01-26-korea-25-threat"]
    >>> found = tm.implied.opposite(tm.implied.setting(tm.facts.load(), both), *both)
    >>> bool(found["bill_correlation"].iloc[0] < -0.9), found["ratio_low"].tolist()
    (True, [-inf])
    """
    read = _read(held, {first: first, second: second})
    for event, one in read.items():
        if one.refused:
            raise DataError(f"{event}: {one.refused}")
    bills = pd.concat([read[name].rows["delta_bill_usd"] for name in (first, second)], axis=1).dropna()
    correlation = float(np.corrcoef(bills.to_numpy(dtype=float).T)[0, 1])
    if not correlation <= SAME_BILL:
        raise DataError(
            f"{first} and {second} do not bring and take back one bill: over makers the changes have a "
            f"correlation of {correlation:.2f}, at most {SAME_BILL} is needed"
        )
    one, two = read[first], read[second]
    low, high = fieller.interval(two.slope, two.error, one.slope, one.error, cut=max(one.cut, two.cut))
    row = {
        "slope_first": one.slope, "slope_second": two.slope, "ratio": two.slope / one.slope, "ratio_low": low,
        "ratio_high": high, "bill_correlation": correlation,
        "reason": "" if np.isfinite(low) else f"the slope of {first} is not told from zero: any ratio may be",
    }  # fmt: skip
    index = pd.MultiIndex.from_tuples([(first, second)], names=["first", "second"])
    return pd.DataFrame([row], index)


def stories(facts: Facts) -> pd.DataFrame:
    """Outcomes, and the events that may have moved their probability: ``data/events/stories.csv``.

    Returns
    -------
    DataFrame
        The rows of the file, in its order, as far as their events were known on the day of the facts.

    Raises
    ------
    DataError
        Faults of the file; events that are not in the calendar; a story that is not known at exactly one
        event, or has two outcomes or bills.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> tm.implied.stories(tm.facts.load())["story"].unique().tolist()
    ['japan-deal', 'korea-deal', 'korea-25', 'eu-deal']
    """
    rows, calendar = tables.read(facts, STORIES), event_calendar.table(facts)
    for column in ("event", "bill_event"):
        if len(lone := rows[~rows[column].isin(calendar.index)]):
            raise DataError(
                f"data/{STORIES}, row {lone['row'].iloc[0]}, {column}: {lone[column].iloc[0]!r} is not in "
                "data/events/events.csv; write one of its events"
            )
    for story, own in rows.groupby("story", sort=False):
        known = int(own[["p_before", "p_after"]].notna().sum().sum())
        if known != 1 or len(own[["outcome", "bill_event"]].drop_duplicates()) != 1:
            raise DataError(
                f"data/{STORIES}, story {story}: expected one outcome, one bill_event and one probability "
                f"known, in p_before or p_after of one row; {known} are"
            )
    rows = rows.drop(columns=["source_date", "file", "row"]).assign(
        date=rows["event"].map(calendar["date_et"])
    )
    return rows if facts.day is None else rows[rows["date"] <= pd.Timestamp(facts.day)]


def path(facts: Facts, story: str, held: Setting | None = None) -> pd.DataFrame:
    """What prices held the probability of an outcome to be, before and after each event of its story.

    Every event of the story is read on the same bill, that which the outcome brings, over the market values
    of its own day. The changes add up from the event at which the probability was known, onwards or back.
    Errors of events are independent; what the bill is worth is one draw for all.

    Parameters
    ----------
    story : str
        Of `stories`.
    held : Setting, optional
        Of (at least) the story's events. Default: `setting` of them, and all that the valuation may be.

    Returns
    -------
    DataFrame
        Indexed by event: `date`, `outcome`, `change`, `before` and `after`, each with `_low` and `_high`,
        fractions that nothing keeps within 0 and 1; `beside` as in `table`; `reason`. Where an event of the
        outcome itself has a slope of the wrong sign, or none, nothing beyond it (from where the probability
        was known) is read. Between events the path stands still: what days without events did to it is not in
        it.

    Raises
    ------
    DataError
        An unknown story, or one that is not known at any event by the day of the facts.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = tm.implied.path(tm.facts.load(), "korea-25")
    >>> found["before"].iloc[0].item(), bool(found["after_low"].iloc[0] < found["after_high"].iloc[0])
    (0.0, True)
    """
    every = stories(facts)
    own = every[every["story"] == story].set_index("event")
    if own.empty:
        raise DataError(f"no story {story!r}; there are {', '.join(every['story'].unique())}")
    if own[["p_before", "p_after"]].isna().all(axis=None):
        raise DataError(f"{story}: the event at which its probability is known lies after {facts.day}")
    held = setting(facts, [str(name) for name in own.index]) if held is None else held
    bill = str(own["bill_event"].iloc[0])
    read = _read(held, {str(event): bill for event in own.index})
    restates = event_calendar.table(facts)["restates"]
    reasons, steps = {}, {}
    for number, (event, one) in enumerate(read.items()):
        announces = bill in (event, restates[event])
        reasons[event] = one.refused or (_wrong_sign(one, held.level) if announces else "")
        steps[event] = np.full(1, np.nan) if reasons[event] else one.drawn(seed=number)
    n = max(len(step) for step in steps.values())
    moved = np.vstack([np.broadcast_to(step, n) for step in steps.values()])
    shown = {"change": moved} | _accumulated(moved, own)
    middle = np.array([np.nan if reasons[event] else one.middle for event, one in read.items()])[:, None]
    central = {"change": middle} | _accumulated(middle, own)
    frame = own[["date", "outcome"]].copy()
    for name in _PATH:
        frame[name] = central[name][:, 0]
        frame[f"{name}_low"], frame[f"{name}_high"] = fieller.ends(shown[name], held.level)
    frame["beside"] = _beside(held, frame.index)
    frame["reason"] = pd.Series(reasons)
    frame.attrs = {"placebo": held.placebo.text, "story": story}
    return frame


@dataclass(frozen=True, eq=False)
class _Read:
    """One event: its slope on a bill, and what it would be in a market that is certain (n draws)."""

    rows: pd.DataFrame
    slope: float
    error: float
    cut: float
    t: np.ndarray
    full: np.ndarray
    found: dict[str, float]
    refused: str

    @property
    def middle(self) -> float:
        return float(self.slope * np.median(1 / self.full))

    def drawn(self, seed: int = 0) -> np.ndarray:
        return fieller.drawn(self.slope, self.error, self.t, self.full, seed=seed)

    def change(self, level: float) -> tuple[float, float, float]:
        low, high = fieller.ends(self.drawn(), level)
        return self.middle, float(low), float(high)


def _rows(held: Setting, bills: Mapping[str, str]) -> dict[str, pd.DataFrame]:
    """By event and maker: return, and the change of the bill that it is read on, over that day's value."""
    facts = held.facts
    car = held.study.car(held.window)[["car", "se"]].rename(columns={"se": "standard_error"}).reset_index()
    car["maker"] = car["firm"].map(facts.instruments["company"])
    change = event_calendar.delta_exposure(facts, list(dict.fromkeys([*bills, *bills.values()])))
    change = change.set_index(["event", "maker"])
    found = {}
    for event, bill in bills.items():
        if event not in set(car["event"]):
            raise DataError(
                f"{event} is not in the study, or no share has a return there; see tm.implied.setting"
            )
        own = car[car["event"] == event].set_index("maker")[["car", "standard_error"]]
        own = own[own.index.isin(facts.makers.index)]
        rows = own.join(change.loc[bill, [*_BILL, "reason"]]).join(change.loc[event, ["market_cap_usd"]])
        found[event] = rows.assign(delta=rows["delta_bill_usd"] / rows["market_cap_usd"])
    return found


def _worth(held: Setting, rows: pd.DataFrame) -> np.ndarray:
    """Draws of what the change is worth, USD (n, makers)."""
    return valuation.draws(
        held.facts, rows[_BILL], widening=held.widening, fixed=held.valuation
    ).to_numpy(dtype=float)  # fmt: skip


def _read(held: Setting, bills: Mapping[str, str]) -> dict[str, _Read]:
    """Each event's slope on the bill that it is read on, judged by placebo days, and the full one."""
    rows = _rows(held, bills)
    usable = {event: one.dropna(subset=["car", "delta"]) for event, one in rows.items()}
    why = {event: _nothing(rows[event]) or _refused(one) for event, one in usable.items()}
    delta = pd.DataFrame({event: one["delta"] for event, one in usable.items() if not why[event]}).T
    homes = held.facts.makers["home"].reindex(held.placebo.events.firms).fillna("")
    found = randomised(held.placebo, delta, homes) if len(delta) else {}
    read = {}
    for event in usable:
        if why[event]:
            blank = np.nan, np.nan, np.nan, np.empty(0), np.full(1, np.nan)
            read[event] = _Read(rows[event], *blank, {}, why[event])
            continue
        read[event] = _judged(held, rows[event], event, found)
    return read


def _full(held: Setting, rows: pd.DataFrame) -> np.ndarray:
    """Draws of the slope of a market that is certain, (n,)."""
    used = rows.dropna(subset=["car", "delta"])
    off = used["delta"] - used["delta"].mean()
    weight = off / (off**2).sum() / used["market_cap_usd"]
    moved = used["delta"] != 0
    return np.asarray(_worth(held, used[moved]) @ weight[moved].to_numpy())


def _judged(held: Setting, rows: pd.DataFrame, event: str, found: dict[str, Randomised]) -> _Read:
    slope, home = found["slope"], found["slope_home"]
    at = slope.estimate.index.get_loc(event)
    t = slope.drawn_t[at]
    full, level = _full(held, rows), held.level
    ends = slope.interval(level).loc[event]
    numbers = {
        "slope": slope.estimate[event], "slope_low": ends["low"], "slope_high": ends["high"],
        "p_slope": slope.p[event], "slope_home": home.estimate[event], "p_home": home.p[event],
        "slope_full": float(np.median(full)),
    }  # fmt: skip
    refused = ""
    if np.isnan(numbers["p_slope"]):
        refused = "too few days without events on which all of its makers have a return"
    elif (full >= 0).mean() > (1 - level) / 2:
        refused = "what the change of the bill is worth may be nothing"
    values = float(numbers["slope"]), float(slope.error[event]), float(slope.critical(1 - level)[at])
    return _Read(rows, *values, t[np.isfinite(t)], full, {k: float(v) for k, v in numbers.items()}, refused)


def _nothing(rows: pd.DataFrame) -> str:
    """Why no maker has a change of the bill; empty where some have."""
    why = rows["reason"].dropna()
    return str(why.mode().iloc[0]) if rows["delta"].isna().all() and len(why) else ""


def _refused(rows: pd.DataFrame) -> str:
    """Why there is no slope to read."""
    if len(rows) < FEWEST:
        return f"{len(rows)} makers with a return and a computed change of the bill; {FEWEST} are needed"
    if np.ptp(rows["delta"]) == 0:
        return "the bill changes by the same share of market value for all makers, or for none"
    off = rows["delta"] - rows["delta"].mean()
    leverage = 1 / len(rows) + off**2 / (off**2).sum()
    if leverage.max() > MOST_LEVERAGE:
        return f"{leverage.idxmax()} alone makes the slope (leverage {leverage.max():.2f}): see its own line"
    return ""


def _row(read: _Read, level: float) -> dict[str, object]:
    """A row of `table`."""
    makers = int(read.rows[["car", "delta"]].notna().all(axis=1).sum())
    refused = read.refused or _wrong_sign(read, level)
    if refused:
        return {"makers": makers, **read.found, "reason": refused}
    middle, low, high = read.change(level)
    reason = _outside(middle, "change")
    if not reason and low <= 0:
        reason = "not told from no change"
    return {
        "makers": makers, **read.found, **dict(zip(_PROBABILITY, (middle, low, high), strict=True)),
        "reason": reason,
    }  # fmt: skip


def _wrong_sign(read: _Read, level: float) -> str:
    _, low, high = read.change(level)
    if high >= 0 or np.isnan(low):
        return ""
    return (
        f"wrong sign: makers whose bill rises more did better, by {read.slope:+.2f} of the change where a "
        f"market that is certain has {read.found['slope_full']:+.2f}; that is no probability"
    )


def _outside(p: float, what: str, share: float = 0.0, low: float = 0.0) -> str:
    """How a value outside [0, 1] can be; of a maker, what its implied value says of the inputs."""
    if wrong := pricing.implausible(share, low):
        return wrong
    if what == "change":
        if p < 0:
            return "below 0: the slope has the wrong sign, but is not told from zero"
        return (
            "above 1: more than full pricing; it lasts longer, less is passed on, or the day held more"
            if p > 1
            else ""
        )
    if p < 0:
        return "below 0: moved by more than the change is worth; the day carried more than the duty"
    return "above 1: moved against what the change is worth" if p > 1 else ""


def _beside(held: Setting, names: pd.Index) -> list[str]:
    """Other events, no scheduled dates, whose windows share a session with that of each."""
    reach = held.window[1] - held.window[0]
    calendar = event_calendar.table(held.facts, within=reach)
    overlaps = calendar[[f"overlaps_{place}" for place in event_calendar.MARKETS]].loc[names]
    news = set(calendar.index[~calendar["scheduled"]])
    return [
        ", ".join(name for name in dict.fromkeys(sum(row, ())) if name in news)
        for row in overlaps.itertuples(index=False, name=None)
    ]


def _accumulated(moved: np.ndarray, own: pd.DataFrame) -> dict[str, np.ndarray]:
    """Probabilities before and after each event (E, n), from the one at which it was known."""
    before, after = own["p_before"].to_numpy(dtype=float), own["p_after"].to_numpy(dtype=float)
    finite = np.nan_to_num(moved, posinf=_FAR, neginf=-_FAR)
    total = np.cumsum(
        np.vstack([np.zeros(moved.shape[1]), finite]), axis=0
    )  # before each, and after the last
    at = int(np.flatnonzero(np.isfinite(before) | np.isfinite(after))[0])
    known, place = (before[at], at) if np.isfinite(before[at]) else (after[at], at + 1)
    level = known + total - total[place]
    blank = np.flatnonzero(np.isnan(moved[:, 0]))
    for event in blank:  # nothing is read beyond an event without a change
        if event >= place:
            level[event + 1 :] = np.nan
        else:
            level[: event + 1] = np.nan
    return {"before": level[:-1], "after": level[1:]}


def _normal(n: int) -> np.ndarray:
    """The n mid-quantiles of a standard normal."""
    from scipy.stats import norm

    return np.asarray(norm.ppf((np.arange(n) + 0.5) / n))
