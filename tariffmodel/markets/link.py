"""Did the shares whose bill changed most move most?

`panel` sets the abnormal returns of makers' shares beside the changes of their bills; `by_event` asks
every event, `robustness` all together under other choices. What days without events give is the measure
of chance (`stats.placebo`); the regressions are those of `stats.cross_section`, and public here too.
Signs as there: `delta` is positive when the bill rises, so a market that prices the bill has a negative
slope.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd
from scipy import stats

from tariffmodel.errors import DataError
from tariffmodel.facts import Facts
from tariffmodel.markets import event_calendar, events, own_news, pricing, sensitivity
from tariffmodel.markets.events import EventStudy
from tariffmodel.stats.cross_section import (
    WEBB,
    Cluster,
    CrossSection,
    Pooled,
    Resampled,
    cross_section,
    pooled,
)
from tariffmodel.stats.placebo import Randomised, Reference, randomised
from tariffmodel.tariff.case import Valuation

LEAST_POWER = 0.2  # below it a test says nothing, whichever way it ends

__all__ = [
    "LEAST_POWER",
    "WEBB",
    "CrossSection",
    "Pooled",
    "Resampled",
    "by_event",
    "cross_section",
    "panel",
    "pooled",
    "robustness",
]


def panel(facts: Facts, car: pd.DataFrame) -> pd.DataFrame:
    """Abnormal returns of makers' shares beside the change in their bills: input of the regressions.

    Parameters
    ----------
    car : DataFrame
        From `events.EventStudy.car`: indexed by event and firm (ticker), with `car` and `se`. Lines
        of companies that are not makers are left out.

    Returns
    -------
    DataFrame
        `event`, `maker`, `home` country, `car`, `standard_error`, `delta` (share of market value),
        `own_news` (the maker's own news falls into the window of `car`, see `own_news.in_window`; NA
        where ``car.attrs`` has lost the window) and the other columns of `event_calendar.delta_exposure`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> known, event = tm.facts.load(), "2025-07-22-japan-deal"
    >>> study = tm.events.tariff_study(known, events=[event], tickers=["7203.T", "7267.T"], window=(0, 1))
    >>> rows = tm.link.panel(known, study.car((0, 1)))
    >>> rows["maker"].tolist(), list(rows)[:6]
    (['Toyota', 'Honda'], ['event', 'maker', 'home', 'car', 'standard_error', 'delta'])
    """
    if list(car.index.names) != ["event", "firm"]:
        raise DataError("car is not indexed by event and firm; pass what `EventStudy.car` returns")
    rows = car[["car", "se"]].rename(columns={"se": "standard_error"}).reset_index()
    rows = rows.assign(maker=rows["firm"].map(facts.instruments["company"]))
    rows = rows[rows["maker"].isin(facts.makers.index)]
    rows = rows.assign(own_news=own_news.among(facts, rows, car.attrs.get("window"))).drop(columns="firm")
    change = event_calendar.delta_exposure(facts, list(rows["event"].unique()))
    change = change.rename(columns={"delta_share_of_market_cap": "delta"})
    joined = rows.assign(home=rows["maker"].map(facts.makers["home"])).merge(change, on=["event", "maker"])
    first = ["event", "maker", "home", "car", "standard_error", "delta", "own_news"]
    return joined[[*first, *joined.columns.difference(first, sort=False)]]


def by_event(
    facts: Facts,
    study: EventStudy | None = None,
    *,
    window: tuple[int, int] = (0, 1),
    which: str = "kp_bmp",
    placebo: Reference | None = None,
    among: Collection[str] | None = None,
    valuation: Valuation | None = None,
    permutations: int = 9_999,
    seed: int = 0,
) -> pd.DataFrame:
    """Did makers move, and did those move most whose bill changed most? Every event, one row each.

    Parameters
    ----------
    study : EventStudy, optional
        Of makers' shares over at least `window`. Default: `events.tariff_study` of all events.
    window : (first, last)
        Days relative to the event.
    which : str
        Test of the mean abnormal return, a name of `event_tests.TESTS`.
    placebo : Reference, optional
        Days without events. Default: `events.reference` of the study and window.
    among : collection of str, optional
        Events whose slopes are looked at as a family of tests. Default: all with a slope.
    valuation : Valuation, optional
        What turns a yearly bill into value: the slope of a market that prices all of it. Default:
        `Valuation()`.
    permutations : int
        Of makers within their homes.

    Returns
    -------
    DataFrame
        Indexed by event, in order of date, those without any return last. `main` marks headline events.

        Of all makers, see `events.by_event`: `date`, `n`, `caar` with `caar_low` and `caar_high`,
        `se_adjusted`, `p_value`, `p_mean`, `size_mean`, `minimum_mean`.

        Of the `makers` with a computed change in their bill: `slope` with `slope_low` and `slope_high`
        (95% over placebo days), `p_slope`; within homes `slope_home`, `p_home` and `p_within` (permutation
        of makers within homes); by generalised least squares with home effects `slope_gls`, `p_gls`.
        `placebo_days`, `size_slope` (share rejected at 5% among days held out), `size_robust` (the same of
        a t test with errors HC3, MacKinnon and White 1985), `minimum_slope` (found with a power of 80%),
        `slope_full` (of a market that prices all of the bill), `power` and, within homes, `power_home` (to
        find that one); `counted`, `uncounted`, `family` and `p_family`, see `events.family`.

        `reading`: "cannot tell" where `power` is below `LEAST_POWER`, whatever the p; else at 5% "with the
        bill" or "against the bill" when the slopes with and without home effects agree, "between homes
        only" when the one without is alone, "not told from zero" otherwise. `reason` says why there is
        no slope, or nothing at all.

        ``attrs["placebo"]`` says what the placebo days are.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> known, shares = tm.facts.load(), ["7203.T", "7267.T", "7270.T", "BMW.DE"]
    >>> study = tm.events.tariff_study(known, events=["2025-07-22-japan-deal"], tickers=shares, window=(0, 1))
    >>> found = tm.link.by_event(known, study)
    >>> found["makers"].item(), found["family"].item(), bool(found["minimum_slope"].item() > 0)
    (4, 1, True)
    """
    study = events.tariff_study(facts, window=window) if study is None else study
    against = events.reference(facts, study, window) if placebo is None else placebo
    moved = events.by_event(facts, study, window, which, placebo=against)
    rows = panel(facts, study.car(window))
    lines, used = {}, []
    for event in moved.index:
        one = rows[rows["event"] == event].set_index("maker")
        known = one.dropna(subset=["car", "delta"])
        lines[event], usable = _permuted(known, one["reason"], permutations, seed)
        if usable:
            used.append(known.assign(full=_full(known, valuation)).reset_index())
    frame = pd.DataFrame.from_dict(lines, orient="index", columns=["makers", "p_within", "reason"])
    slopes = pd.concat(used) if used else rows[:0].assign(full=np.nan)
    frame = frame.join(_slopes(facts, against, slopes, among)).astype({"counted": object})
    unseen = study.skipped[~study.skipped["event"].isin(moved.index)]
    for event, reasons in unseen.groupby("event", sort=False)["reason"]:
        frame.loc[event, ["makers", "reason"]] = [0, reasons.mode().iloc[0]]
    frame = frame.join(moved[[*_MEAN]]).join(event_calendar.table(facts)["main"]).rename_axis("event")
    whole = {name: frame[name].fillna(0).astype(int) for name in ("n", "makers", "placebo_days", "family")}
    frame = frame.assign(**whole, reading=_reading(frame), counted=frame["counted"].eq(True))
    frame = frame.assign(uncounted=frame["uncounted"].fillna("no slope"))[["main", *_MEAN, *_SLOPE]]
    frame.attrs = {"placebo": against.text}
    return frame


_MEAN = (
    "date", "n", "caar", "caar_low", "caar_high", "se_adjusted", "p_value", "p_mean", "size_mean",
    "minimum_mean",
)  # fmt: skip
_SLOPE = (
    "makers", "slope", "slope_low", "slope_high", "p_slope", "slope_home", "p_home", "p_within", "slope_gls",
    "p_gls", "placebo_days", "size_slope", "size_robust", "minimum_slope", "slope_full", "power",
    "power_home", "counted", "uncounted", "family", "p_family", "reading", "reason",
)  # fmt: skip


def _permuted(
    known: pd.DataFrame, reasons: pd.Series, permutations: int, seed: int
) -> tuple[tuple[int, float, str], bool]:
    """Makers, p within homes and reason of one event, and whether it has a slope."""
    if known.empty:
        why = reasons.dropna()
        return (0, np.nan, why.mode().iloc[0] if len(why) else "no return"), False
    try:
        found = cross_section(
            known["car"], known["delta"], home=known["home"], permutations=permutations, seed=seed
        )
    except DataError as error:
        return (len(known), np.nan, str(error)), False
    return (len(known), np.nan if found.permutation is None else found.permutation.p, ""), True


def _full(known: pd.DataFrame, valuation: Valuation | None) -> float:
    """Slope on the change in the bill of a market that prices all of it."""
    value = -known["delta"] * pricing.value_per_dollar(known.index, valuation or Valuation())
    off = known["delta"] - known["delta"].mean()
    return float((off * value).sum() / (off**2).sum())


def _robust_size(against: Reference, delta: pd.Series) -> float:
    """Share of placebo days that a t test with errors HC3 rejects at 5%."""
    x = delta.dropna()
    days = pd.DataFrame(against.placebo.car, columns=against.placebo.firms)[x.index].dropna().to_numpy()
    off, n = (x - x.mean()).to_numpy(), len(x)
    if n < 3 or not len(days):
        return np.nan
    square, y = off @ off, days - days.mean(axis=1, keepdims=True)
    slope = y @ off / square
    left = (y - slope[:, None] * off) / (1 - 1 / n - off**2 / square)
    error = np.sqrt((left**2) @ off**2) / square
    return float((np.abs(slope / error) > stats.t.ppf(0.975, n - 2)).mean())


def _slopes(
    facts: Facts, against: Reference, rows: pd.DataFrame, among: Collection[str] | None
) -> pd.DataFrame:
    """The columns of `by_event` that come from the placebo days, by event."""
    delta = rows.pivot(index="event", columns="maker", values="delta")
    found = randomised(against, delta, facts.makers["home"].reindex(against.events.firms).fillna(""))
    slope = found["slope"]
    full = rows.groupby("event")["full"].first().reindex(slope.estimate.index)
    beside = {
        f"{column}_{name}": values
        for name in ("home", "gls")
        for column, values in _estimated(found[f"slope_{name}"]).items()
    }
    table = pd.DataFrame(
        {"slope": slope.estimate, "p_slope": slope.p, **beside, "size_slope": slope.held_out_size()}
    ).join(slope.interval().add_prefix("slope_"))
    table = table.assign(
        placebo_days=slope.days,
        size_robust=delta.apply(lambda moved: _robust_size(against, moved), axis=1),
        minimum_slope=slope.minimum_detectable(),
        slope_full=full,
        power=slope.power(full),
        power_home=found["slope_home"].power(full),
    )
    return table.join(events.family(facts, slope, among))


def _estimated(found: Randomised) -> dict[str, pd.Series]:
    return {"slope": found.estimate, "p": found.p}


def _reading(frame: pd.DataFrame) -> np.ndarray:
    """What the slopes say, in words; nothing where there is none."""
    seen, inside = frame["p_slope"] <= 0.05, frame["p_home"] <= 0.05
    agree = seen & inside & (np.sign(frame["slope"]) == np.sign(frame["slope_home"]))
    words = {
        "": frame["slope"].isna(),
        "cannot tell": ~(frame["power"] >= LEAST_POWER),
        "with the bill": agree & (frame["slope"] < 0),
        "against the bill": agree,
        "between homes only": seen,
    }
    return np.select(list(words.values()), list(words), "not told from zero")


def robustness(
    facts: Facts,
    panel: pd.DataFrame,
    main: Collection[str],
    without: str,
    *,
    placebo: Reference | None = None,
    draws: int = 4_999,
) -> pd.DataFrame:
    """The pooled slope under other choices of events, controls and errors.

    Size is the logarithm of market value, the currency beta that of `sensitivity.table`.

    Parameters
    ----------
    panel : DataFrame
        From `panel`; rows without a return or a change in the bill are not used.
    main : collection of str
        The events that the first choice pools.
    without : str
        The event that one choice leaves out.
    placebo : Reference, optional
        Days without events, see `events.reference`. Without it `p_placebo` and `minimum_slope` are empty.
    draws : int
        Bootstrap draws, draws of placebo days and permutations of each choice.

    Returns
    -------
    DataFrame
        Indexed by `choice`, in words: `estimate`, `standard_error`, `p_placebo`, `minimum_slope`,
        `p_cluster`, `p_bootstrap`, `p_within`, `fama_macbeth`, `p_fama_macbeth`, `events`,
        `observations`, see `Pooled`; and `reason`, why a choice has none of them.

    Examples
    --------
    >>> from dataclasses import replace
    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> few = replace(known, makers=known.makers.loc[["Toyota", "Honda"]])  # of two makers, to be quick
    >>> index = pd.MultiIndex.from_product([["deal", "threat"], ["Toyota", "Honda", "Mazda"]])
    >>> rows = index.to_frame(index=False, name=["event", "maker"]).assign(home="JP", market_cap_usd=5e10)
    >>> rows = rows.assign(delta=[-0.01, -0.02, 0, 0.01, 0.03, 0], car=[0.02, 0.05, 0, -0.01, -0.05, 0.01])
    >>> found = tm.link.robustness(few, rows, ["deal", "threat"], "deal", draws=99)
    >>> found.index[0], bool(found["estimate"].iloc[0] < 0), int(found["observations"].iloc[0])
    ('Main events', True, 6)
    """
    rows = panel.dropna(subset=["car", "delta"])
    homes = pd.get_dummies(rows["home"], dtype=float, prefix="home").iloc[:, 1:]
    betas = sensitivity.table(facts)["beta_fx"]
    rows = rows.join(homes).assign(size=np.log(rows["market_cap_usd"]), fx_beta=rows["maker"].map(betas))
    calendar = event_calendar.table(facts)
    first_news = calendar.index[calendar["restates"].isna()]
    in_main = rows[rows["event"].isin(main)]
    firsts = in_main[in_main["event"].isin(first_news)]
    choices: dict[str, tuple[pd.DataFrame, list[str], Cluster]] = {
        "Main events": (in_main, [], "event"),
        "… errors clustered by event and maker": (in_main, [], "both"),
        "… first reports only": (firsts, [], "event"),
        "… without own news": (_quiet(in_main), [], "event"),
        "… first reports only, without own news": (_quiet(firsts), [], "event"),
        f"… without {without}": (in_main[in_main["event"] != without], [], "event"),
        "… with size and currency beta": (in_main.dropna(subset="fx_beta"), ["size", "fx_beta"], "event"),
        "… with home of the maker": (in_main, list(map(str, homes)), "event"),
        "All events with a computed bill": (rows, [], "event"),
    }
    return pd.DataFrame.from_dict(
        {name: _chosen(*choice, placebo, draws) for name, choice in choices.items()}, orient="index"
    ).rename_axis("choice")


def _quiet(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows without own news; none where the panel does not say."""
    return rows[rows["own_news"].eq(False).fillna(False)] if "own_news" in rows else rows[:0]


def _chosen(
    sample: pd.DataFrame, controls: list[str], cluster: Cluster, placebo: Reference | None, draws: int
) -> dict[str, object]:
    """A row of `robustness`."""
    if sample.empty:
        return {"reason": "no observations"}
    try:
        found = pooled(sample, controls, placebo=placebo, cluster=cluster, draws=draws)
    except DataError as error:
        return {"reason": str(error)}
    slope = found.coefficients.loc["delta"]
    return {
        "estimate": slope["estimate"],
        "standard_error": slope["standard_error"],
        "p_placebo": np.nan if found.placebo is None else found.placebo.p,
        "minimum_slope": found.minimum_slope,
        "p_cluster": slope["p"],
        "p_bootstrap": found.bootstrap.p,
        "p_within": np.nan if found.permutation is None else found.permutation.p,
        "fama_macbeth": found.fama_macbeth["estimate"],
        "p_fama_macbeth": found.fama_macbeth["p"],
        "events": len(found.events),
        "observations": found.observations,
        "reason": "",
    }
