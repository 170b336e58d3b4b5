"""Did the shares whose bill changed most move most?

`panel` sets the abnormal returns of makers' shares beside the changes of their bills; `by_event` asks
every event, `robustness` all together under other choices. The regressions themselves are those of
`stats.cross_section`, and public here too. Signs as there: `delta` is positive when the bill rises,
so a market that prices the bill has a negative slope.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import Facts
from tariffmodel.markets import event_calendar, events, own_news, sensitivity
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

__all__ = [
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
    permutations: int = 50_000,
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

    Returns
    -------
    DataFrame
        Indexed by event, in order of date, those without any return last. Of all makers: `date` (first
        day 0), `n`, `caar`, `se_adjusted`, `p_value` and `p_holm`, as in `EventStudy.by_event`. Of the
        makers with a computed change in their bill, see `cross_section`: `makers`, `slope` with
        `slope_low` and `slope_high`, `p_permutation`, `rank_correlation`. `main` marks headline events;
        `reason` says why there is no slope, or nothing at all.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> known, shares = tm.facts.load(), ["7203.T", "7267.T", "7270.T", "BMW.DE"]
    >>> study = tm.events.tariff_study(known, events=["2025-07-22-japan-deal"], tickers=shares, window=(0, 1))
    >>> found = tm.link.by_event(known, study, permutations=24)
    >>> list(found)[-7:-1]
    ['makers', 'slope', 'slope_low', 'slope_high', 'p_permutation', 'rank_correlation']
    """
    study = events.tariff_study(facts, window=window) if study is None else study
    moved = study.by_event(window, which)
    calendar = event_calendar.table(facts)
    rows = panel(facts, study.car(window))
    slopes = {}
    for event in moved.index:
        one = rows[rows["event"] == event].set_index("maker")
        known = one.dropna(subset=["car", "delta"])
        if known.empty:
            reasons = one["reason"].dropna()
            slopes[event] = {"makers": 0, "reason": reasons.mode().iloc[0] if len(reasons) else "no return"}
            continue
        try:
            found = cross_section(known["car"], known["delta"], permutations=permutations, seed=seed)
        except DataError as error:
            slopes[event] = {"makers": len(known), "reason": str(error)}
            continue
        line = found.coefficients.loc["delta"]
        slopes[event] = {
            "makers": len(found.makers),
            "slope": line["estimate"],
            "slope_low": line["low"],
            "slope_high": line["high"],
            "p_permutation": found.permutation.p,
            "rank_correlation": found.rank_correlation,
            "reason": "",
        }
    columns = ["makers", "slope", "slope_low", "slope_high", "p_permutation", "rank_correlation", "reason"]
    unseen = study.skipped[~study.skipped["event"].isin(moved.index)]
    for event, reasons in unseen.groupby("event", sort=False)["reason"]:
        slopes[event] = {"makers": 0, "reason": reasons.mode().iloc[0]}
    frame = pd.DataFrame.from_dict(slopes, orient="index", columns=columns).rename_axis("event")
    frame = frame.join(moved[["date", "n", "caar", "se_adjusted", "p_value", "p_holm"]])
    frame = frame.join(calendar["main"])
    first = ["main", "date", "n", "caar", "se_adjusted", "p_value", "p_holm"]
    return frame.assign(n=frame["n"].fillna(0).astype(int))[[*first, *columns]]


def robustness(
    facts: Facts, panel: pd.DataFrame, main: Collection[str], without: str, *, draws: int = 4_999
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
    draws : int
        Bootstrap draws and permutations of each choice.

    Returns
    -------
    DataFrame
        Indexed by `choice`, in words: `estimate`, `standard_error`, `p_cluster`, `p_bootstrap`,
        `p_permutation`, `fama_macbeth`, `p_fama_macbeth`, `events`, `observations`, see `Pooled`; and
        `reason`, why a choice has none of them.

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
    choices: dict[str, tuple[pd.DataFrame, list[str], Cluster]] = {
        "Main events": (in_main, [], "event"),
        "… errors clustered by event and maker": (in_main, [], "both"),
        "… first reports only": (in_main[in_main["event"].isin(first_news)], [], "event"),
        f"… without {without}": (in_main[in_main["event"] != without], [], "event"),
        "… with size and currency beta": (in_main.dropna(subset="fx_beta"), ["size", "fx_beta"], "event"),
        "… with home of the maker": (in_main, list(map(str, homes)), "event"),
        "All events with a computed bill": (rows, [], "event"),
    }
    return pd.DataFrame.from_dict(
        {name: _chosen(*choice, draws) for name, choice in choices.items()}, orient="index"
    ).rename_axis("choice")


def _chosen(sample: pd.DataFrame, controls: list[str], cluster: Cluster, draws: int) -> dict[str, object]:
    """A row of `robustness`."""
    try:
        found = pooled(sample, controls, cluster=cluster, draws=draws)
    except DataError as error:
        return {"reason": str(error)}
    slope = found.coefficients.loc["delta"]
    return {
        "estimate": slope["estimate"],
        "standard_error": slope["standard_error"],
        "p_cluster": slope["p"],
        "p_bootstrap": found.bootstrap.p,
        "p_permutation": found.permutation.p,
        "fama_macbeth": found.fama_macbeth["estimate"],
        "p_fama_macbeth": found.fama_macbeth["p"],
        "events": len(found.events),
        "observations": found.observations,
        "reason": "",
    }
