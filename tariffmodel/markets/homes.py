"""Did the makers of one home move apart from all others on an event that concerns their home alone?

`effect` sets them against makers of other homes (difference-in-differences) and against the mix of these
that moved like them before (synthetic control). Both are of abnormal returns in event time, each share on
the sessions of its own exchange, so that a home market's own day is taken out first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import Facts
from tariffmodel.markets.events import EventStudy, tariff_study
from tariffmodel.stats.difference import Difference, did
from tariffmodel.stats.synthetic import Synthetic, synthetic

__all__ = ["HomeEffect", "effect", "panel"]


@dataclass(frozen=True)
class HomeEffect:
    """How far the makers of a home moved apart from all others.

    Attributes
    ----------
    table : DataFrame
        Indexed by method, "difference" and "synthetic": `car`, the difference summed over the days from the
        event on; `se_time`, the standard deviation of sums of as many days before it; `low` and `high`, 95%
        about `car` with the quantiles of those sums; `p_time` and `p_unit` (see `difference.Difference`,
        `synthetic.Synthetic`); `draws_time`, `draws_unit`: how many each is counted among, which bounds it.
    path : DataFrame
        By session relative to the event, from the first day of the event window: cumulated from there, the
        mean abnormal return of the home (`home`), of the others (`others`) and of the mix (`mix`), and the
        gaps to both (`difference`, `synthetic`). Days before 0 are the pre-trend.
    difference, mix : Difference, Synthetic
    left_out : DataFrame
        Makers without a place in the panel: `line`, `reason`.
    """

    table: pd.DataFrame
    path: pd.DataFrame
    difference: Difference
    mix: Synthetic
    left_out: pd.DataFrame


def panel(study: EventStudy) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Abnormal returns of one event from the first day of estimation on, relative day × share.

    Shares without all days of the event window are left out, and then days on which any other share has
    no return.

    Parameters
    ----------
    study : EventStudy
        Of one event, the estimation up to the day before the event window.

    Returns
    -------
    The panel, and what was left out: `line`, `reason`.

    Raises
    ------
    DataError
        Several events, or days between the two windows.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> event, shares = ["2025-07-22-japan-deal"], ["7203.T", "7267.T", "GM", "F"]
    >>> study = tm.events.tariff_study(tm.facts.load(), events=event, tickers=shares, window=(-10, 1))
    >>> moves, left_out = panel(study)
    >>> moves.shape[1], moves.index[-1], left_out["line"].tolist()
    (4, 1, [])
    """
    if study.firm_events.index.unique("event").size != 1:
        raise DataError("a panel is of one event; pass events=[…] with one label to tariff_study")
    (first, last), start = study.settings["estimation"], study.window[0]
    if last != start - 1:
        raise DataError(
            f"the estimation ends on day {last} and the event window begins on day {start}; let them meet"
        )
    lines = study.firm_events.index.get_level_values("firm")
    values = np.hstack([study.estimates.residuals, study.estimates.ar]).T
    moves = pd.DataFrame(values, pd.RangeIndex(first, study.window[1] + 1, name="day"), lines)
    short = moves.columns[moves.loc[start:].isna().any()]
    left_out = pd.concat(
        [
            study.skipped.rename(columns={"firm": "line"})[["line", "reason"]],
            pd.DataFrame({"line": short, "reason": "a day of the event window has no return"}),
        ],
        ignore_index=True,
    )
    return moves.drop(columns=short).dropna(), left_out


def effect(
    facts: Facts,
    event: str,
    home: str,
    *,
    last: int = 1,
    before: int = 10,
    estimation: int = 240,
    tickers: Sequence[str] | None = None,
    **arguments: Any,
) -> HomeEffect:
    """How far the makers of one home moved apart from those of other homes from day 0 to day `last`.

    Parameters
    ----------
    event : str
        A label of `event_calendar.table`.
    home : str
        Tariff bloc of the headquarters, as in `facts.makers`.
    last : int
        Last session counted.
    before : int
        Sessions before the event that no coefficient is estimated on: the pre-trend.
    estimation : int
        Sessions before those.
    tickers, **arguments
        As `tariff_study`: `model`, `kind`, …

    Notes
    -----
    The others must not be moved by the event themselves. A deal for one home is news for its rivals: what
    they lose by it counts as the home's gain here, so that the effect is one of the difference and not of
    the home alone.

    Raises
    ------
    DataError
        An unknown event, or a home without makers (or all of them) in the panel.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> shares = ["7203.T", "7267.T", "GM", "F", "BMW.DE"]
    >>> found = tm.homes.effect(tm.facts.load(), "2025-07-22-japan-deal", "JP", tickers=shares)
    >>> found.table[["car", "se_time", "p_time"]].round(3).loc["difference"].to_dict()
    {'car': 0.036, 'se_time': 0.028, 'p_time': 0.171}
    """
    study = tariff_study(
        facts, events=[event], tickers=tickers, window=(-before, last), estimation=estimation, **arguments
    )
    moves, left_out = panel(study)
    homes = facts.instruments["company"].reindex(moves.columns).map(facts.makers["home"])
    own = moves.columns[homes == home]
    if not 0 < len(own) < len(homes):
        known = ", ".join(sorted(homes.dropna().unique()))
        raise DataError(f"{len(own)} of {len(homes)} shares have the home {home!r}; there are {known}")
    apart = did(moves, list(own), 0, clusters=homes)
    others = moves.columns.difference(own, sort=False)
    mix = synthetic(moves[others].assign(**{home: moves[own].mean(axis=1)}), home, 0)
    gaps = pd.DataFrame({"difference": apart.apart, "synthetic": mix.path["gap"]})
    rows = {
        "difference": _row(gaps["difference"], last, apart.by_time, apart.by_unit),
        "synthetic": _row(gaps["synthetic"], last, mix.by_time, mix.by_unit),
    }
    recent = pd.DataFrame(
        {
            "home": moves[own].mean(axis=1),
            "others": moves[others].mean(axis=1),
            "mix": mix.path["synthetic"],
        }
    ).join(gaps)
    return HomeEffect(
        table=pd.DataFrame.from_dict(rows, orient="index").rename_axis("method"),
        path=recent.loc[-before:].cumsum(),
        difference=apart,
        mix=mix,
        left_out=left_out,
    )


def _row(gap: pd.Series, last: int, by_time: Any, by_unit: Any) -> dict[str, float]:
    quiet = gap.loc[:-1].to_numpy()
    sums = np.lib.stride_tricks.sliding_window_view(quiet - quiet.mean(), last + 1).sum(axis=1)
    below, above = np.quantile(sums, [0.025, 0.975])
    car = float((gap.loc[0:] - quiet.mean()).sum())
    return {
        "car": car,
        "se_time": float(sums.std(ddof=1)),
        "low": car - above,
        "high": car - below,
        "p_time": by_time.p,
        "draws_time": by_time.draws,
        "p_unit": by_unit.p,
        "draws_unit": by_unit.draws,
    }
