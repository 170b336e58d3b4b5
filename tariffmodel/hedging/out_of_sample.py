"""Does a hedge help on days that its ratios had not seen?

All functions take simple returns as P&L per unit of notional in one currency (`pnl` builds them): a
`position` (T,) and `instruments` (T, k). A **ratio** is the notional of an instrument *sold* per unit
of position held: the hedged return is position − Σ ratio · instrument, and a negative ratio buys.
Rows in which any column is empty are left out, never filled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import Facts
from tariffmodel.hedging.instruments import (
    PEERS,
    WEEKS,
    candidates,
    label,
    one_for_one,
    peers,
    periods_per_year,
    pnl,
)
from tariffmodel.hedging.ratios import common_rows, on_events, rolling, static
from tariffmodel.markets import mimicking
from tariffmodel.markets.market import Horizon
from tariffmodel.stats import resampling
from tariffmodel.tariff import booked
from tariffmodel.tariff.case import Case

__all__ = [
    "NO_HELP",
    "Effectiveness",
    "effectiveness",
    "event_ratios",
    "judged",
    "portfolio_hedge",
    "record",
    "removed",
]

NO_HELP = "does not help out of sample"
_RECORD = [
    "called", "in_sample", "out_of_sample", "low", "high", "one_to_one", "over_one_to_one", "over_low",
    "over_high", "shortfall_reduction", "turnover", "cost_bp", "n", "first", "last", "helps", "verdict",
]  # fmt: skip
_LEAST_OUT = 20  # rows out of sample, below which an interval says nothing


@dataclass(frozen=True, eq=False)
class Effectiveness:
    """How a hedge did on days that its ratios had not seen.

    Attributes
    ----------
    position, instruments
        Names.
    returns : DataFrame
        Rows out of sample × `unhedged`, `hedged`, `one_to_one`; net of cost.
    ratios : DataFrame
        In force on those rows, date × instrument.
    risk : DataFrame
        Of each column of `returns`: `volatility` per year, `expected_shortfall` per row (mean loss
        in the worst `tail`), `turnover` per year (units of position) and `cost_bp` per year.
    reduction : DataFrame
        Rows ``hedged`` and ``one_to_one`` against no hedge, and ``hedged, against one_to_one``;
        1 − risk ratio for `variance` and `shortfall`, each with `_low` and `_high`.
    in_sample : float
        Variance reduction of least squares over all rows, for comparison.
    choices : dict
        Everything that was asked for or chosen.

    Examples
    --------
    >>> record = pd.DataFrame({"variance": [0.4], "variance_low": [0.3], "variance_high": [0.5]}, ["hedged"])
    >>> none, choices = pd.DataFrame(index=range(52)), {"periods_per_year": WEEKS, "level": 0.95}
    >>> tested = Effectiveness("Toyota", ("JPY",), none, none, none, record, 0.5, choices)
    >>> tested.helps, tested.unit
    (True, 'weeks')
    >>> tested.verdict
    'helps out of sample: variance changes by -40% (95% interval -50% to -30%), 52 weeks'
    """

    position: str
    instruments: tuple[str, ...]
    returns: pd.DataFrame
    ratios: pd.DataFrame
    risk: pd.DataFrame
    reduction: pd.DataFrame
    in_sample: float
    choices: dict[str, object]

    @property
    def helps(self) -> bool:
        """Whether the interval of the variance reduction lies above zero."""
        return bool(self.reduction["variance_low"]["hedged"] > 0)

    @property
    def unit(self) -> str:
        """What a row is."""
        return "weeks" if self.choices["periods_per_year"] == WEEKS else "rows"

    @property
    def verdict(self) -> str:
        """Whether it helps, by how much and how surely, in one sentence."""
        value, low, high = (self.reduction[f"variance{end}"]["hedged"] for end in ("", "_low", "_high"))
        return (
            f"{'helps out of sample' if self.helps else NO_HELP}: variance changes by {-value:+.0%} "
            f"({self.choices['level']:.0%} interval {-high:+.0%} to {-low:+.0%}), "
            f"{len(self.returns)} {self.unit}"
        )

    def figures(self) -> dict[str, object]:
        """A row of `record`: variance removed in and out of sample with its interval, cost, rows, verdict.

        >>> days = pd.date_range("2023-01-06", periods=150, freq="W-FRI")
        >>> x = pd.DataFrame({"TOPIX": np.random.default_rng(0).normal(0, 0.02, 150)}, days)
        >>> found = effectiveness(x["TOPIX"].rename("7203.T"), x, cost_bp=0.0, draws=99).figures()
        >>> round(float(found["out_of_sample"]), 6), found["n"], found["helps"]
        (1.0, 98, True)
        """
        hedged, over = (self.reduction.loc[name] for name in ("hedged", "hedged, against one_to_one"))
        return {
            "in_sample": self.in_sample,
            "out_of_sample": hedged["variance"],
            "low": hedged["variance_low"],
            "high": hedged["variance_high"],
            "one_to_one": self.reduction.at["one_to_one", "variance"],
            "over_one_to_one": over["variance"],
            "over_low": over["variance_low"],
            "over_high": over["variance_high"],
            "shortfall_reduction": hedged["shortfall"],
            "turnover": self.risk.at["hedged", "turnover"],
            "cost_bp": self.risk.at["hedged", "cost_bp"],
            "n": len(self.returns),
            "first": self.returns.index[0],
            "last": self.returns.index[-1],
            "helps": self.helps,
            "verdict": self.verdict,
        }


def effectiveness(
    position: pd.Series,
    instruments: pd.DataFrame,
    ratios: pd.DataFrame | None = None,
    *,
    naive: pd.Series | None = None,
    window: int = 52,
    every: int = 4,
    cost_bp: float = 2.0,
    tail: float = 0.05,
    level: float = 0.95,
    draws: int = 10_000,
    block: float | None = None,
    periods_per_year: float = WEEKS,
    seed: int = 0,
) -> Effectiveness:
    """Walk forward: ratios known at the end of a row hedge the next ones, until they are renewed.

    Rows must not overlap: see `pnl`.

    Parameters
    ----------
    ratios : DataFrame, optional
        A path dated by when it is known, from `rolling`, `ewma` or `dcc` with `fit_on`. Default:
        `rolling` over `window` rows.
    naive : Series, optional
        By instrument, the ratios of the hedge to compare with, see `one_for_one`. Default: one unit
        sold, in equal parts.
    every : int
        Rows between renewals. In between the hedge is kept at its ratio, which is traded for too.
    cost_bp : float
        Of the notional traded, opening included, taken off the returns.
    tail : float
        Share of rows in the expected shortfall.
    draws, block, level, seed
        Percentile intervals of the stationary bootstrap (Politis and Romano 1994), which resamples
        rows of hedged and unhedged returns together. Mean `block` length in rows: by default that
        of Politis and White (2004) for the squared returns.

    Notes
    -----
    The interval is for the ratios as they were, not for the luck of estimating others. Among forty
    useless hedges one passes by chance.

    Raises
    ------
    DataError
        A window that leaves fewer than 20 rows, or whatever `rolling` refuses.

    Examples
    --------
    >>> random, days = np.random.default_rng(0), pd.date_range("2023-01-06", periods=150, freq="W-FRI")
    >>> x = pd.DataFrame(random.normal(0, 0.02, (150, 2)), days, ["JPY", "TOPIX"])
    >>> y = (0.6 * x["JPY"] + 0.9 * x["TOPIX"] + random.normal(0, 0.01, 150)).rename("7203.T")
    >>> found = effectiveness(y, x, draws=999)
    >>> found.helps, found.verdict
    (True, 'helps out of sample: variance changes by -82% (95% interval -86% to -74%), 98 weeks')
    """
    _check(instruments, naive, every=every, draws=draws, cost_bp=cost_bp, tail=tail, level=level)
    index, y, x = common_rows(position, instruments, 2)
    if ratios is None and len(y) < window + _LEAST_OUT:
        raise DataError(
            f"window of {window} rows leaves {max(len(y) - window, 0)} of {len(y)} out of sample, "
            f"{_LEAST_OUT} are needed; shorten the window or take shorter returns"
        )
    path = rolling(position, instruments, window) if ratios is None else ratios[list(instruments)].dropna()
    renewed = path.iloc[::every].reindex(index, method="ffill", limit=every - 1).shift(1).dropna()
    if len(renewed) < _LEAST_OUT:
        raise DataError(
            f"the ratios leave {len(renewed)} rows out of sample, {_LEAST_OUT} are needed; start them earlier"
        )
    out = index.get_indexer(renewed.index)
    y, x, h = y[out], x[out], renewed.to_numpy()
    ones = np.full_like(h, 1 / h.shape[1])
    if naive is not None:
        ones[:] = naive.reindex(list(instruments))
    traded = np.column_stack([np.zeros(len(y)), _traded(y, x, h), _traded(y, x, ones)])
    cost = traded * cost_bp / 1e4
    panel = np.column_stack([y, y - (h * x).sum(axis=1), y - (ones * x).sum(axis=1)]) - cost
    block = block or resampling.block_length((panel[:, :2] - panel[:, :2].mean(axis=0)) ** 2)
    variance, shortfall = _risks(panel, np.ones((1, len(y))), tail)
    resampled = _resampled(panel, block, draws, tail, seed)
    names = ["unhedged", "hedged", "one_to_one"]
    years = len(y) / periods_per_year
    risk = {
        "volatility": np.sqrt(variance[0] * periods_per_year),
        "expected_shortfall": shortfall[0],
        "turnover": traded.sum(axis=0) / years,
        "cost_bp": cost.sum(axis=0) * 1e4 / years,
    }
    return Effectiveness(
        str(position.name),
        tuple(map(str, instruments)),
        pd.DataFrame(panel, renewed.index, names),
        renewed,
        pd.DataFrame(risk, index=names),
        _reduction((variance[0], shortfall[0]), resampled, level),
        static(position, instruments).reduction,
        {
            "estimator": f"rolling {window}" if ratios is None else "given",
            "every": every, "cost_bp": cost_bp, "tail": tail, "level": level,
            "draws": draws, "block": float(block), "periods_per_year": periods_per_year, "seed": seed,
        },
    )  # fmt: skip


def _check(
    instruments: pd.DataFrame,
    naive: pd.Series | None,
    *,
    every: int,
    draws: int,
    cost_bp: float,
    tail: float,
    level: float,
) -> None:
    for name, given, right, expected in (
        ("every", every, every >= 1, "a number of rows >= 1"),
        ("draws", draws, draws >= 1, "a number >= 1"),
        ("cost_bp", cost_bp, cost_bp >= 0, "basis points >= 0"),
        ("tail", tail, 0 < tail < 1, "a share between 0 and 1"),
        ("level", level, 0 < level < 1, "a share between 0 and 1"),
    ):
        if not right:
            raise DataError(f"{name} is {given!r}; expected {expected}")
    if naive is not None and not set(instruments) <= set(naive.index):
        raise DataError(
            f"naive has ratios on {', '.join(naive.index)}; "
            f"give one for each of {', '.join(map(str, instruments))}"
        )


def _reduction(points: Sequence[np.ndarray], resampled: Sequence[np.ndarray], level: float) -> pd.DataFrame:
    """1 − risk ratio of two columns of the panel, with percentile intervals of the resamples.

    `points` (3,) and `resampled` (draws, 3) hold variance and expected shortfall.
    """
    against = {"hedged": (1, 0), "one_to_one": (2, 0), "hedged, against one_to_one": (1, 2)}
    rows: dict[str, dict[str, float]] = {name: {} for name in against}
    for name, (this, other) in against.items():
        for what, point, many in zip(("variance", "shortfall"), points, resampled, strict=True):
            cut = np.quantile(1 - many[:, this] / many[:, other], [(1 - level) / 2, (1 + level) / 2])
            rows[name] |= {what: 1 - point[this] / point[other], f"{what}_low": cut[0]}
            rows[name] |= {f"{what}_high": cut[1]}
    return pd.DataFrame(rows).T


def record(
    facts: Facts,
    tickers: Sequence[str] | None = None,
    hedges: Sequence[Sequence[str]] | None = None,
    *,
    currency: str = "USD",
    horizon: Horizon = "weekly",
    **choices: Any,
) -> pd.DataFrame:
    """What each hedge of each share did out of sample.

    Parameters
    ----------
    tickers : sequence of str, optional
        Default: the makers' main lines with prices.
    hedges : sequence of sequences of str, optional
        Such as ``[["JPY"], ["JPY", "TOPIX"]]``. Default: `candidates` of each share, and its `peers`
        in equal parts as one instrument.
    currency, horizon
        See `pnl`.
    **choices
        Passed to `effectiveness`.

    Returns
    -------
    DataFrame
        Indexed by `ticker`, `hedge`: `called`, the hedge in words; variance reduction `in_sample` and
        `out_of_sample` with `low` and `high`; `one_to_one`, that of `one_for_one`, and what the
        estimated ratios remove of the variance which that leaves, `over_one_to_one` with `over_low`,
        `over_high`; `shortfall_reduction`, `turnover` and `cost_bp` per year, rows `n` from `first` to
        `last`, `helps` and `verdict`. A hedge that cannot be computed has empty figures and the reason
        as its verdict.

    Examples
    --------
    >>> from tariffmodel import facts
    >>> found = record(facts.load(), ["7203.T"], [["JPY", "TOPIX"]], draws=999)
    >>> found["called"].tolist()
    ['USD/JPY + TOPIX']
    """
    lines = facts.makers["ticker"].dropna()
    chosen = list(lines[lines.isin(facts.prices.columns)]) if tickers is None else list(tickers)
    scale: dict[str, Any] = {"periods_per_year": periods_per_year(horizon), **choices}
    rows = {}
    for ticker in chosen:
        basket = peers(facts, ticker)
        tried = [*candidates(facts, ticker), *([basket] if basket else [])] if hedges is None else hedges
        for names in tried:
            title = PEERS if names is basket else " + ".join(names)
            try:
                frame = pnl(facts, ticker, list(names), currency=currency, horizon=horizon)
                position, sold, naive = frame[ticker], frame[list(names)], None
                if names is basket:
                    sold = sold.mean(axis=1, skipna=False).to_frame(PEERS)
                else:
                    naive = one_for_one(facts, ticker, names, currency)
                row = effectiveness(position, sold, naive=naive, **scale).figures()
            except DataError as error:
                row = {"helps": False, "verdict": str(error)}
            called = label(facts, PEERS) if names is basket else " + ".join(label(facts, n) for n in names)
            rows[ticker, title] = {"called": called, **row}
    table = pd.DataFrame.from_dict(rows, orient="index").reindex(columns=_RECORD)
    return table.rename_axis(["ticker", "hedge"])


def removed(row: pd.Series) -> str:
    """What a row of `record` says, in words.

    >>> removed(pd.Series({"out_of_sample": 0.42, "low": -0.03, "high": 0.61}))
    '42% of variance, −3% to 61%'
    """
    text = f"{row['out_of_sample']:z.0%} of variance, {row['low']:z.0%} to {row['high']:z.0%}"
    return text.replace("-", "−")


def judged(
    position: pd.Series, instruments: pd.DataFrame, paths: Mapping[str, pd.DataFrame], **choices: Any
) -> pd.DataFrame:
    """What several paths of ratios did on the same rows, none of which they had seen.

    Parameters
    ----------
    paths : mapping of name to DataFrame
        As `ratios` of `effectiveness`; all are judged from the row on from which the last of them begins.
    **choices
        Passed to `effectiveness`.

    Returns
    -------
    DataFrame
        Indexed by name: `variance` and `shortfall`, the shares of them that went away, each with `_low` and
        `_high`; `turnover` and `cost_bp` a year, `weeks` (rows), `helps`, `verdict`. Where a path cannot be
        judged the figures are empty and the reason is the verdict.

    Examples
    --------
    >>> random, days = np.random.default_rng(0), pd.date_range("2023-01-06", periods=150, freq="W-FRI")
    >>> x = pd.DataFrame(random.normal(0, 0.02, (150, 2)), days, ["JPY", "TOPIX"])
    >>> y = (0.6 * x["JPY"] + 0.9 * x["TOPIX"] + random.normal(0, 0.01, 150)).rename("7203.T")
    >>> paths = {"a year": rolling(y, x, 52), "half a year": rolling(y, x, 26)}
    >>> judged(y, x, paths, draws=199)["variance"].round(2).to_dict()
    {'a year': 0.82, 'half a year': 0.81}
    """
    start = max(path.index[0] for path in paths.values())
    rows: dict[str, dict[str, object]] = {}
    for name, path in paths.items():
        try:
            found = effectiveness(position, instruments, path.loc[start:], **choices)
        except DataError as error:
            rows[name] = {"helps": False, "verdict": str(error)}
            continue
        rows[name] = {
            **found.reduction.loc["hedged"],
            **found.risk.loc["hedged", ["turnover", "cost_bp"]],
            "weeks": len(found.returns),
            "helps": found.helps,
            "verdict": found.verdict,
        }
    ends = [f"{what}{end}" for what in ("variance", "shortfall") for end in ("", "_low", "_high")]
    columns = [*ends, "turnover", "cost_bp", "weeks", "helps", "verdict"]
    return pd.DataFrame.from_dict(rows, orient="index").reindex(columns=columns)


def event_ratios(
    facts: Facts,
    ticker: str,
    days: Iterable[date | str],
    hedges: Sequence[Sequence[str]] | None = None,
    *,
    currency: str = "USD",
) -> pd.DataFrame:
    """Ratios of each hedge of a share on all rows, on rows with an event and on the others, in sample.

    Parameters
    ----------
    days : iterable of dates
        First sessions on which the share could react.
    hedges : sequence of sequences of str, optional
        Default: `candidates`.
    currency
        See `pnl`.

    Returns
    -------
    DataFrame
        Indexed by `hedge` and `instrument` as they are called: `ratio` with `low` and `high` of `static`, the
        columns of `on_events`, and `note`. A hedge that cannot be computed is one row with the reason in it.

    Examples
    --------
    >>> from tariffmodel import facts
    >>> days = ["2025-03-27", "2025-05-12", "2025-07-23", "2025-09-05"]
    >>> event_ratios(facts.load(), "7203.T", days, [["TOPIX"]])["ratio"].round(2).to_dict()
    {('TOPIX', 'TOPIX'): 1.28}
    """
    rows: dict[tuple[str, str], dict[str, object]] = {}
    for group in candidates(facts, ticker) if hedges is None else hedges:
        called = [label(facts, name) for name in group]
        title = " + ".join(called)
        frame = pnl(facts, ticker, list(group), currency=currency)
        try:
            whole = static(frame[ticker], frame[list(group)]).table[["ratio", "low", "high"]]
            both = whole.join(on_events(frame[ticker], frame[list(group)], days))
        except DataError as error:
            rows[title, ""] = {"note": str(error)}
            continue
        for name, (_, row) in zip(called, both.iterrows(), strict=True):
            rows[title, name] = {**row, "note": ""}
    table = pd.DataFrame.from_dict(rows, orient="index")
    figures = ["ratio", "low", "high", "ratio_event", "event_low", "event_high", "ratio_other", "difference"]
    table = table.reindex(columns=[*figures, "standard_error", "p", "n_event", "note"])
    table.index = pd.MultiIndex.from_tuples(table.index, names=["hedge", "instrument"])
    return table


def portfolio_hedge(
    case: Case, ticker: str, *, currency: str = "USD", window: int = 52, **choices: Any
) -> Effectiveness:
    """What selling the portfolio that carries the booked tariff cost of all other makers did for a share.

    The portfolio of `mimicking.walk_forward`, scaled to a gross of one at its last weights. Its exposures
    are those of the case, which the first of its weeks could not know.

    Parameters
    ----------
    window : int
        Rows that portfolio and ratio are each estimated on.
    currency, choices
        See `pnl` and `effectiveness`.

    Raises
    ------
    DataError
        What `mimicking` or `effectiveness` refuses.

    Examples
    --------
    >>> from tariffmodel.tariff.case import case
    >>> portfolio_hedge(case(), "7203.T", draws=199).helps
    False
    """
    name = "carries the bill"
    facts = case.facts
    carried = booked.yearly_shares(case)["value"]
    carried = carried.drop(facts.instruments.at[ticker, "company"], errors="ignore")
    moves, weight, common = mimicking.inputs(facts, carried)
    complete = moves.dropna().index.intersection(common.dropna().index)
    walk = mimicking.walk_forward(moves.loc[complete], weight, common.loc[complete], window=window)
    earned = walk.returns / walk.weights.abs().sum(axis=1).iloc[-1]
    alone = pnl(facts, ticker, ["SPY"], currency=currency)[ticker]
    both = pd.concat({"held": alone, name: earned}, axis=1)
    return effectiveness(both["held"], both[[name]], window=window, **choices)


def _traded(y: np.ndarray, x: np.ndarray, h: np.ndarray) -> np.ndarray:
    """Notional traded at the start of each row to hold h (T, k), in units of the position, (T,)."""
    drifted = h[:-1] * (1 + x[:-1]) / (1 + y[:-1, None])
    return np.asarray(np.abs(np.vstack([h[:1], h[1:] - drifted])).sum(axis=1))


def _resampled(panel: np.ndarray, block: float, draws: int, tail: float, seed: int) -> tuple[np.ndarray, ...]:
    """Variance and expected shortfall (draws, S) of the columns of panel (n, S) in each resample."""

    def part(size: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        return _risks(panel, resampling.counts(len(panel), size, block, random), tail)

    return resampling.in_blocks(part, draws, seed)


def _risks(panel: np.ndarray, counts: np.ndarray, tail: float) -> tuple[np.ndarray, np.ndarray]:
    """Variance and expected shortfall, (draws, S), of panel (n, S) with rows counted (draws, n) times.

    Expected shortfall: mean loss over the worst `tail` of the distribution, the row on the edge
    taken in part (Acerbi and Tasche 2002).
    """
    n = len(panel)
    centred = panel - panel.mean(axis=0)
    variance = counts @ centred**2 / n - (counts @ centred / n) ** 2
    mass = tail * n
    shortfall = np.empty_like(variance)
    for column, values in enumerate(panel.T):
        order = np.argsort(values)
        few = order[: min(n, int(np.ceil(6 * mass)))]  # the worst rows nearly always hold the tail
        for rows in (few, order):
            count = counts[:, rows]
            weight = np.clip(mass - (np.cumsum(count, axis=1) - count), 0, count)
            if weight.sum(axis=1).min() > mass * (1 - 1e-9):
                break
        shortfall[:, column] = -(weight @ values[rows]) / mass
    return variance, shortfall
