"""How much does a share move with its currency and its market, how surely, and did that change?

The sign, everywhere: the currency factor is the log change of HOME currency per US dollar, so a
positive beta means that the share gains when its home currency weakens (Adler and Dumas 1984; Jorion
1990). `sample` builds the frame of one maker, and `table`, `choices` and `breaks` run the regressions
of the stats wing for all makers; those are public here too: `regress` (least squares, Newey-West
errors) and `panel`, `rolling` and `kalman`, `regimes` and `unknown_break`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import Facts
from tariffmodel.facts.protected import kept_with
from tariffmodel.markets import market
from tariffmodel.markets.market import Horizon
from tariffmodel.stats import regression
from tariffmodel.stats.breaks import Regimes, UnknownBreak, regimes, sup_wald_p, unknown_break
from tariffmodel.stats.paths import Path, Rolling, kalman, rolling
from tariffmodel.stats.regression import Fit, panel
from tariffmodel.stats.regression import fit as regress

__all__ = [
    "CHOICES",
    "TARIFF_DAY",
    "WORLD",
    "Drift",
    "Effect",
    "Fit",
    "Path",
    "Regimes",
    "Rolling",
    "UnknownBreak",
    "breaks",
    "choices",
    "drift",
    "kalman",
    "panel",
    "pooled_change",
    "regimes",
    "regress",
    "rolling",
    "sample",
    "sup_wald_p",
    "table",
    "unknown_break",
]

Effect = Literal["residual", "total"]

WORLD = "ACWI"  # world equity, in dollars
TARIFF_DAY = date(2025, 4, 3)  # the 25% duty on cars takes effect
CHOICES: dict[str, tuple[Horizon, int, int]] = {  # horizon, leads, lags
    "daily": (1, 0, 0),
    "daily, one lead and one lag": (1, 1, 1),
    "two days, overlapping": (2, 0, 0),
    "five days, overlapping": (5, 0, 0),
    "weekly": ("weekly", 0, 0),
}


def sample(
    facts: Facts,
    maker: str,
    *,
    ticker: str | None = None,
    rival: str = "JPY",
    world: str | None = WORLD,
    horizon: Horizon = "weekly",
    leads: int = 0,
    lags: int = 0,
    start: date | None = None,
    end: date | None = None,
) -> pd.DataFrame:
    """Log returns of a maker's share with its currency, its market and the world's.

    Returns are in HOME currency, the one the maker reports in: a line quoted in another (Stellantis and
    Ferrari in New York, the ADRs of Toyota and Honda) gets the change of home per listing currency
    added. The market is the benchmark of the home currency, in that currency; the world's beside it, in
    dollars, takes out what moves exporters everywhere and the currency at once (Dominguez and Tesar 2006).

    Parameters
    ----------
    ticker : str, optional
        Default: the maker's line in data/companies/makers.csv.
    rival : str
        Currency for makers that report in dollars: a positive beta means that the share gains when
        the rivals' currency weakens.
    world : str, optional
        Line that stands for the world's market; None leaves it out.
    horizon, leads, lags
        As in `market.factors`; weeks end on their last day on which all were observed
        (`market.common_weeks`). Weekly by default: the fixing comes six hours after Tokyo's close and
        eight before New York's, which is little in a week and much in a day.
    start, end : date, optional
        First and last row.

    Returns
    -------
    DataFrame
        By date: `share`, `fx` (log change of home, or rival, currency per USD), `market` and `world`, each
        with its leads and lags, fractions. `attrs`: `ticker`, `currency`, `role` (home or rival), `market`,
        `world`.

    Raises
    ------
    DataError
        A maker without a line with prices, or a currency without a benchmark index.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> rows = tm.sensitivity.sample(tm.facts.load(), "Toyota")
    >>> list(rows), rows.attrs["currency"], rows.attrs["role"]
    (['share', 'fx', 'market', 'world'], 'JPY', 'home')
    """
    kept = _sample(
        facts, maker, ticker=ticker, rival=rival, world=world, horizon=horizon, leads=leads, lags=lags
    )
    return kept.loc[_stamp(start) : _stamp(end)].copy()


@kept_with  # a study asks for the same rows for each of its tables
def _sample(
    facts: Facts, maker: str, *, ticker: str | None, rival: str, world: str | None, horizon: Horizon,
    leads: int, lags: int,
) -> pd.DataFrame:  # fmt: skip
    if maker not in facts.makers.index:
        raise DataError(f"{maker!r} is not a maker; choose from {', '.join(facts.makers.index)}")
    line = ticker or facts.makers.at[maker, "ticker"]
    if not isinstance(line, str):
        raise DataError(f"{maker} has no share line with prices; name one with ticker=")
    home = str(facts.makers.at[maker, "reporting_currency"])
    market.prices(facts, [line])  # refuses a line without prices
    calendar, listing = (str(facts.instruments.at[line, name]) for name in ("exchange_calendar", "currency"))
    currency = rival if home == "USD" else home
    index = _benchmark(facts, line, home)
    roles = {"fx": currency, "market": index} | ({"world": world} if world else {})
    # in home currency the share earns what its listing currency gains on it
    into = {unit: sign for unit, sign in ((home, 1), (listing, -1)) if unit != "USD" and listing != home}
    seen = list(dict.fromkeys([line, *into, *roles.values()]))
    if horizon == "weekly":
        moves = market.common_weeks(facts, seen, calendar, leads=leads, lags=lags)
    else:
        moves = market.factors(facts, seen, calendar, horizon=horizon, leads=leads, lags=lags)
    share = moves[line] + sum(sign * moves[unit] for unit, sign in into.items())
    parts = [share.to_frame("share")]
    for role, name in roles.items():
        own = {
            column: role + str(column).removeprefix(name)
            for column in moves
            if str(column).partition("_l")[0] == name
        }
        parts.append(moves[list(own)].rename(columns=own))
    frame = pd.concat(parts, axis=1)
    frame.attrs = {
        "unit": f"log return in {home}, horizon {horizon}",
        "ticker": line,
        "currency": currency,
        "role": "rival" if home == "USD" else "home",
        "market": index,
        "world": world or "",
    }
    return frame


def table(
    facts: Facts,
    *,
    makers: Sequence[str] | None = None,
    effect: Effect = "residual",
    horizon: Horizon = "weekly",
    leads: int = 0,
    lags: int = 0,
    rival: str = "JPY",
    world: str | None = WORLD,
    start: date | None = None,
    end: date | None = None,
    hac_lags: int | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Currency and market betas of every maker's share.

    Parameters
    ----------
    effect : "residual" or "total"
        Residual: given its market and the world's. Total: what a currency move does in all, through the
        markets as well; both are left out, which gives the same coefficient as markets orthogonalised on
        the currency, with an error that does not treat the first step as known.
    makers : sequence of str, optional
        Default: all. The other parameters are those of `sample` and `regress`.

    Returns
    -------
    DataFrame
        Indexed by maker: `beta_fx` (share's log return per log change of `currency` per USD; > 0: gains
        when `currency` weakens; summed over leads and lags), `standard_error`, `low`, `high`, `p`,
        `n`; `beta_market`, `beta_world` and `r_squared` of the regression with all; the choices `ticker`,
        `currency`, `role` (home, or a rival's for makers that report in dollars), `market`, `world`,
        `effect`, `horizon`, `leads`, `lags`, `hac_lags`; `first`, `last` row used; `note`, why a row is
        empty.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> betas = tm.sensitivity.table(tm.facts.load(), makers=["Subaru", "GM"])
    >>> betas["currency"].to_dict(), bool((betas["low"] < betas["high"]).all())
    ({'Subaru': 'JPY', 'GM': 'JPY'}, True)
    """
    if effect not in ("residual", "total"):
        raise DataError(f"effect {effect!r}: write 'residual' or 'total'")

    def row(maker: str) -> dict[str, object]:
        data = sample(
            facts, maker, rival=rival, world=world, horizon=horizon, leads=leads, lags=lags,
            start=start, end=end,
        )  # fmt: skip
        share, moves = data["share"], data.drop(columns="share")
        # the market is present on both so that the two effects are of the same days
        rows = moves.dropna().index
        span = _rows_per_return(horizon)
        both = regress(share.loc[rows], moves.loc[rows], hac_lags=hac_lags, horizon=span)
        alone = moves.loc[rows].filter(regex="^fx")
        fit = both if effect == "residual" else regress(share, alone, hac_lags=hac_lags, horizon=span)
        found = fit.total("fx", level)
        return {
            "beta_fx": found["value"],
            **found[["standard_error", "low", "high", "p"]],
            "n": fit.n,
            "beta_market": both.total("market", level)["value"],
            "beta_world": both.total("world", level)["value"] if world else np.nan,
            "r_squared": both.r_squared,
            "ticker": data.attrs["ticker"],
            "currency": data.attrs["currency"],
            "role": data.attrs["role"],
            "market": data.attrs["market"],
            "world": data.attrs["world"],
            "effect": effect,
            "horizon": str(horizon),
            "leads": leads,
            "lags": lags,
            "hac_lags": regression.hac_lags(fit.n, span) if hac_lags is None else hac_lags,
            "first": fit.residuals.index[0],
            "last": fit.residuals.index[-1],
        }

    return _by_maker(facts, makers, row)


def choices(
    facts: Facts,
    *,
    makers: Sequence[str] | None = None,
    effect: Effect = "residual",
    rival: str = "JPY",
    world: str | None = WORLD,
    start: date | None = None,
    end: date | None = None,
) -> pd.DataFrame:
    """How the currency beta depends on how the different closing hours are dealt with.

    Returns
    -------
    DataFrame
        Rows (maker, choice) for the entries of `CHOICES`, columns of `table`. A daily beta without leads
        and lags is biased to zero where share and currency are observed hours apart.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> betas = tm.sensitivity.choices(tm.facts.load(), makers=["Subaru"])
    >>> [choice for _, choice in betas.index]
    ['daily', 'daily, one lead and one lag', 'two days, overlapping', 'five days, overlapping', 'weekly']
    """
    parts = {
        name: table(
            facts, makers=makers, effect=effect, rival=rival, world=world, start=start, end=end,
            horizon=horizon, leads=leads, lags=lags,
        )
        for name, (horizon, leads, lags) in CHOICES.items()
    }  # fmt: skip
    together = pd.concat(parts, names=["choice"]).swaplevel()
    return together.loc[[(maker, name) for maker in parts["daily"].index for name in CHOICES]]


def breaks(
    facts: Facts,
    *,
    day: date = TARIFF_DAY,
    makers: Sequence[str] | None = None,
    horizon: Horizon = "weekly",
    leads: int = 0,
    lags: int = 0,
    rival: str = "JPY",
    world: str | None = WORLD,
    trim: float = 0.15,
    draws: int = 199,
    seed: int = 0,
    level: float = 0.95,
) -> pd.DataFrame:
    """Currency beta of every maker before and from `day` on, and whether another day fits better.

    Returns
    -------
    DataFrame
        Indexed by maker: `before`, `after`, `change`, its `standard_error`, `low`, `high`, `p`; `n_before`,
        `n_after`; `sup_wald`, `sup_wald_p`, `break_day` for a change of the currency beta (leads and
        lags included) on a day not known beforehand (`draws`: see `unknown_break`); `currency`, `role`;
        `note`, why a row is empty. A weekly return that contains `day` counts as after.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = tm.sensitivity.breaks(tm.facts.load(), makers=["Subaru"], draws=9).loc["Subaru"]
    >>> bool(abs(found["before"] + found["change"] - found["after"]) < 1e-12), found["note"]
    (True, '')
    """

    def row(maker: str) -> dict[str, object]:
        data = sample(facts, maker, rival=rival, world=world, horizon=horizon, leads=leads, lags=lags)
        share, moves, span = data["share"], data.drop(columns="share"), _rows_per_return(horizon)
        known = regimes(share, moves, day, horizon=span)
        tested = [str(column) for column in moves if str(column).startswith("fx")]
        sought = unknown_break(share, moves, tested=tested, trim=trim, horizon=span, draws=draws, seed=seed)
        before, change = known.fit.total("fx", level), known.fit.total("change:fx", level)
        return {
            "before": before["value"],
            "after": before["value"] + change["value"],
            "change": change["value"],
            **change[["standard_error", "low", "high", "p"]],
            "n_before": known.n_before,
            "n_after": known.n_after,
            "sup_wald": sought.sup_wald,
            "sup_wald_p": sought.p,
            "break_day": sought.day,
            "currency": data.attrs["currency"],
            "role": data.attrs["role"],
        }

    return _by_maker(facts, makers, row)


def pooled_change(
    facts: Facts, makers: Sequence[str], *, day: date = TARIFF_DAY, **options: Any
) -> pd.Series:
    """Change of the currency beta from `day` on that makers share, each with an intercept of its own.

    One panel, errors clustered by maker and by day: few makers make them too small.

    Parameters
    ----------
    options
        Of `sample`.

    Returns
    -------
    Series
        `value`, `standard_error`, `t`, `p`, `low`, `high`, summed over leads and lags.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = tm.sensitivity.pooled_change(tm.facts.load(), ["Subaru", "Mazda"])
    >>> list(found.index)
    ['value', 'standard_error', 't', 'p', 'low', 'high']
    """
    data = pd.concat({maker: sample(facts, maker, **options) for maker in makers}, names=["maker"])
    later = pd.Series(data.index.get_level_values(1) >= pd.Timestamp(day), data.index).astype(float)
    moves = data.drop(columns="share")
    data = data.join(moves.mul(later, axis=0).add_prefix("later:")).assign(later=later)
    return panel(data, list(data.columns.drop("share"))).total("later:fx")


@dataclass(frozen=True, eq=False)
class Drift:
    """Currency betas of some shares over time, given their market and the world's.

    Attributes
    ----------
    paths : dict of maker to DataFrame
        By date: `beta` with `low` and `high`, a random walk seen from the whole sample (`kalman`), and
        `rolling`, that of a moving window, at its last row.
    steps : Series
        By maker: standard deviation of the weekly step of the walk; zero draws a straight line.
    window : int
        Rows of the moving window.
    """

    paths: dict[str, pd.DataFrame]
    steps: pd.Series
    window: int


def drift(
    facts: Facts,
    makers: Sequence[str],
    *,
    rival: str = "JPY",
    world: str | None = WORLD,
    window: int = 104,
) -> Drift:
    """Weekly currency betas that may drift.

    Parameters
    ----------
    rival, world
        See `sample`.
    window : int
        Longest moving window; at most two thirds of the rows of any of the makers.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> known = tm.market.until(tm.facts.load(), date(2023, 12, 31))
    >>> found = tm.sensitivity.drift(known, ["Subaru"])
    >>> list(found.paths["Subaru"]), bool(found.steps["Subaru"] >= 0)
    (['beta', 'low', 'high', 'rolling'], True)
    """
    samples = {maker: sample(facts, maker, rival=rival, world=world) for maker in makers}
    rows = min([window, *(2 * len(data.dropna()) // 3 for data in samples.values())])
    found, steps = {}, {}
    for maker, data in samples.items():
        moves = data.drop(columns="share")
        walk = kalman(data["share"], moves)
        low, high = walk.band()
        moving = rolling(data[["share"]], moves, window=rows).beta["share"]["fx"]
        columns = {"beta": walk.smoothed["fx"], "low": low["fx"], "high": high["fx"], "rolling": moving}
        found[maker], steps[maker] = pd.DataFrame(columns).loc[walk.smoothed.index], walk.step["fx"]
    return Drift(found, pd.Series(steps, dtype=float), rows)


def _by_maker(
    facts: Facts, makers: Sequence[str] | None, row: Callable[[str], dict[str, object]]
) -> pd.DataFrame:
    """One row per maker; where data do not suffice, an empty one with the reason in `note`."""
    rows = {}
    for maker in facts.makers.index if makers is None else makers:
        try:
            rows[maker] = {**row(maker), "note": ""}
        except DataError as error:
            rows[maker] = {"note": str(error)}
    frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("maker")
    return frame[[*frame.columns.drop("note"), "note"]]


def _stamp(day: date | None) -> pd.Timestamp | None:
    return None if day is None else pd.Timestamp(day)


def _rows_per_return(horizon: Horizon) -> int:
    return horizon if isinstance(horizon, int) else 1


def _benchmark(facts: Facts, line: str, home: str) -> str:
    """Benchmark in the home currency: that of the line's own market if it fits, else of any other."""
    indices = market.benchmarks(facts)
    fitting = indices[facts.markets["currency"].reindex(indices.index) == home]
    if fitting.empty:
        raise DataError(
            f"no benchmark index in {home} for {line}; name one in data/market/markets.csv, column benchmark"
        )
    return str(fitting.get(facts.instruments.at[line, "market"], fitting.iloc[0]))
