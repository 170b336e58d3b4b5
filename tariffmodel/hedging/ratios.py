"""How much of which instrument hedges a share with the least variance?

All functions take simple returns as P&L per unit of notional in one currency (`pnl` builds them): a
`position` (T,) and `instruments` (T, k). A **ratio** is the notional of an instrument *sold* per unit
of position held: the hedged return is position − Σ ratio · instrument, and a negative ratio buys.
Ratios dated t use nothing after t. Rows in which any column is empty are left out, never filled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from scipy.linalg import null_space
from scipy.signal import lfilter
from scipy.stats import t as student

from tariffmodel.errors import DataError
from tariffmodel.stats import dynamic_correlation, paths, regression
from tariffmodel.stats.dynamic_correlation import LEAST, correlation
from tariffmodel.stats.regression import SINGULAR

if TYPE_CHECKING:
    import cvxpy

__all__ = [
    "Ratios",
    "constrained",
    "dcc",
    "event_rows",
    "ewma",
    "moving",
    "on_events",
    "rolling",
    "rolling_band",
    "rolling_constrained",
    "static",
]


@dataclass(frozen=True, eq=False)
class Ratios:
    """Minimum-variance ratios of one sample.

    Attributes
    ----------
    table : DataFrame
        Indexed by instrument: `ratio` (sold per unit of position), `standard_error`, `low`, `high`,
        `p`.
    reduction : float
        1 − variance hedged / variance unhedged, in this sample.
    n, first, last
        Rows used and their span.
    errors : str
        What the standard errors allow for.
    """

    table: pd.DataFrame
    reduction: float
    n: int
    first: date
    last: date
    errors: str


def static(
    position: pd.Series,
    instruments: pd.DataFrame,
    *,
    leads: int = 0,
    lags: int = 0,
    hac_lags: int | None = None,
    horizon: int = 1,
    level: float = 0.95,
) -> Ratios:
    """Minimum-variance hedge ratios by least squares over the whole sample.

    h = Var(x)⁻¹ Cov(x, y): Johnson (1960), Ederington (1979). Errors are those of
    `regression.fit` (Newey-West), intervals Student's t.

    Parameters
    ----------
    leads, lags : int
        Rows of the instruments after and before to add; the ratio is the sum of the coefficients
        (Dimson 1979), for daily returns of exchanges that close at different hours.
    hac_lags, horizon : int
        See `regression.fit`; `horizon` is the rows that overlapping returns span.

    Raises
    ------
    DataError
        No common rows, fewer rows than coefficients, or instruments that repeat each other.

    Examples
    --------
    >>> random, days = np.random.default_rng(0), pd.date_range("2023-01-06", periods=150, freq="W-FRI")
    >>> x = pd.DataFrame(random.normal(0, 0.02, (150, 2)), days, ["JPY", "TOPIX"])
    >>> y = (0.6 * x["JPY"] + 0.9 * x["TOPIX"] + random.normal(0, 0.01, 150)).rename("7203.T")
    >>> static(y, x).table.round(2)[["ratio", "low", "high"]].T.to_dict("list")
    {'JPY': [0.52, 0.44, 0.61], 'TOPIX': [0.81, 0.74, 0.88]}
    """
    shifted = {
        f"{name}_{word}{step}": instruments[name].shift(sign * step)
        for name in instruments
        for word, sign, reach in (("lead", -1, leads), ("lag", 1, lags))
        for step in range(1, reach + 1)
    }
    wide = instruments.assign(**shifted)
    fit = regression.fit(position, wide, hac_lags=hac_lags, horizon=horizon)
    table = pd.DataFrame({name: fit.total(str(name), level) for name in instruments}).T
    table = table.rename(columns={"value": "ratio"}).drop(columns="t").rename_axis("instrument")
    used = fit.residuals.index
    y, x = position.loc[used], instruments.loc[used]
    left = (y - x @ table["ratio"]).var() / y.var()
    return Ratios(table, float(1 - left), fit.n, used[0].date(), used[-1].date(), fit.errors)


def on_events(
    position: pd.Series,
    instruments: pd.DataFrame,
    dates: Iterable[date | str],
    *,
    rows: int = 1,
    hac_lags: int | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Ratios on event rows beside those of all other rows.

    One regression in which events have their own intercept and slopes; errors as in `static`.

    Parameters
    ----------
    dates : iterable of dates
        First sessions on which the position could react. In weekly rows a Friday stands for its
        week. Dates without a row are ignored.
    rows : int
        Rows from there on that count as event rows.

    Returns
    -------
    DataFrame
        Indexed by instrument: `ratio_event` with `event_low`, `event_high`, `ratio_other`,
        `difference` (event less other), its `standard_error` and `p`, and `n_event` rows.

    Raises
    ------
    DataError
        Too few event rows for that many ratios.

    Examples
    --------
    >>> random, days = np.random.default_rng(0), pd.date_range("2023-01-06", periods=150, freq="W-FRI")
    >>> x = pd.DataFrame(random.normal(0, 0.02, (150, 2)), days, ["JPY", "TOPIX"])
    >>> y = (0.6 * x["JPY"] + 0.9 * x["TOPIX"] + random.normal(0, 0.01, 150)).rename("7203.T")
    >>> tariffs = days[[20, 45, 70, 80, 100, 120]]
    >>> on_events(y, x[["TOPIX"]], tariffs).round(2)[["ratio_event", "ratio_other", "p"]].T.to_dict()
    {'TOPIX': {'ratio_event': 0.69, 'ratio_other': 0.89, 'p': 0.21}}
    """
    index, y, x = common_rows(position, instruments, 4)
    k, hit = x.shape[1], event_rows(index, dates, rows)
    if min(hit.sum(), (~hit).sum()) < k + 2:
        raise DataError(
            f"{hit.sum()} event rows of {len(y)} are too few for {k} ratios with an error; "
            f"give {k + 2} dates inside the sample, or more rows per event"
        )
    event, other = (instruments.loc[index].mul(flag, axis=0) for flag in (hit, ~hit))
    other, event = other.add_suffix(" other"), event.add_suffix(" event")
    parts = pd.concat([other, pd.Series(hit * 1.0, index, name="event"), event], axis=1)
    fit = regression.fit(position.loc[index], parts, hac_lags=hac_lags)
    table, cov = fit.table(level), fit.covariance
    here, there = list(event), list(other)
    gap = table["value"].reindex(here).to_numpy() - table["value"].reindex(there).to_numpy()
    cross = np.diag(cov.loc[here, there])
    error = np.sqrt(np.diag(cov.loc[here, here]) + np.diag(cov.loc[there, there]) - 2 * cross)
    return pd.DataFrame(
        {
            "ratio_event": table["value"].reindex(here).to_numpy(),
            "event_low": table["low"].reindex(here).to_numpy(),
            "event_high": table["high"].reindex(here).to_numpy(),
            "ratio_other": table["value"].reindex(there).to_numpy(),
            "difference": gap,
            "standard_error": error,
            "p": 2 * student.sf(np.abs(gap / error), fit.df),
            "n_event": hit.sum(),
        },
        index=instruments.columns.rename("instrument"),
    )


def event_rows(index: pd.DatetimeIndex, dates: Iterable[date | str], rows: int = 1) -> np.ndarray:
    """Which rows events fall on, (T,) of bool; see `on_events`.

    >>> days = pd.DatetimeIndex(["2025-03-28", "2025-04-04", "2025-04-11"])  # weeks that end on a Friday
    >>> event_rows(days, ["2025-04-03"]).tolist()
    [False, True, False]
    """
    days = pd.DatetimeIndex(sorted({pd.Timestamp(day) for day in dates}))
    place = index.searchsorted(days)
    place, days = place[place < len(index)], days[place < len(index)]
    # a row covers the days since the one before; where that of the event is missing the next is not it
    span = pd.Timedelta(np.diff(index).min() if len(index) > 1 else 0)
    place = place[index[place] - days < max(span, pd.Timedelta(days=1))]
    hit = np.zeros(len(index) + rows, dtype=bool)
    hit[(place[:, None] + np.arange(rows)).ravel()] = True
    return hit[: len(index)]


def rolling(position: pd.Series, instruments: pd.DataFrame, window: int = 52) -> pd.DataFrame:
    """Least-squares ratios of the last `window` rows, date × instrument, from the first full window on.

    Raises
    ------
    DataError
        A window longer than the data or shorter than its ratios need; instruments that repeat each
        other in every window. Where they do so in some, those rows are left out.

    Examples
    --------
    >>> random, days = np.random.default_rng(0), pd.date_range("2023-01-06", periods=150, freq="W-FRI")
    >>> x = pd.DataFrame(random.normal(0, 0.02, (150, 2)), days, ["JPY", "TOPIX"])
    >>> y = (0.6 * x["JPY"] + 0.9 * x["TOPIX"] + random.normal(0, 0.01, 150)).rename("7203.T")
    >>> rolling(y, x, window=52).iloc[-1].round(2).to_dict()
    {'JPY': 0.54, 'TOPIX': 0.84}
    """
    index, _, _ = common_rows(position, instruments, 2)
    y = position.loc[index].rename("position").to_frame()
    found = paths.rolling(y, instruments.loc[index], window=window, min_obs=window)
    ratios = pd.DataFrame({name: found.beta["position", name] for name in instruments}).dropna()
    return ratios.rename_axis(columns="instrument")


def rolling_band(
    position: pd.Series, instruments: pd.DataFrame, window: int = 52
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """95% band of the ratios of `rolling`, low and high, with classical errors: rows taken as independent.

    Examples
    --------
    >>> random, days = np.random.default_rng(0), pd.date_range("2023-01-06", periods=150, freq="W-FRI")
    >>> x = pd.DataFrame(random.normal(0, 0.02, (150, 2)), days, ["JPY", "TOPIX"])
    >>> y = (0.6 * x["JPY"] + 0.9 * x["TOPIX"] + random.normal(0, 0.01, 150)).rename("7203.T")
    >>> low, high = rolling_band(y, x, 52)
    >>> low.iloc[-1].round(2).to_dict(), high.iloc[-1].round(2).to_dict()
    ({'JPY': 0.4, 'TOPIX': 0.71}, {'JPY': 0.68, 'TOPIX': 0.97})
    """
    index, _, _ = common_rows(position, instruments, 2)
    y = position.loc[index].rename("position").to_frame()
    found = paths.rolling(y, instruments.loc[index], window=window, min_obs=window)
    ratio, error = (
        pd.DataFrame({name: table["position", name] for name in instruments}).dropna()
        for table in (found.beta, found.standard_error)
    )
    return ratio - 1.96 * error, ratio + 1.96 * error


def ewma(
    position: pd.Series, instruments: pd.DataFrame, decay: float = 0.94, start: int = 26
) -> pd.DataFrame:
    """Ratios from exponentially weighted second moments, date × instrument, from row `start` on.

    Σ(t) = λ Σ(t−1) + (1 − λ) z z′ with zero means (RiskMetrics 1996), started at the mean of the
    first `start` rows. λ = 0.94 is RiskMetrics' for days, 0.97 for months.

    >>> random, days = np.random.default_rng(0), pd.date_range("2023-01-06", periods=150, freq="W-FRI")
    >>> x = pd.DataFrame(random.normal(0, 0.02, (150, 2)), days, ["JPY", "TOPIX"])
    >>> y = (0.6 * x["JPY"] + 0.9 * x["TOPIX"] + random.normal(0, 0.01, 150)).rename("7203.T")
    >>> ewma(y, x).iloc[-1].round(2).to_dict()
    {'JPY': 0.5, 'TOPIX': 0.8}
    """
    if not 0 < decay < 1:
        raise DataError(f"decay {decay!r}: write a fraction between 0 and 1, such as 0.94")
    index, y, x = common_rows(position, instruments, start + 1, f"a start of {start} rows")
    z = np.column_stack([y, x])
    products = z[:, :, None] * z[:, None, :]
    first = products[:start].mean(axis=0)
    cov = lfilter([1 - decay], [1, -decay], products[start:], axis=0, zi=decay * first[None])[0]
    return _path(cov, index[start:], instruments.columns)


def dcc(position: pd.Series, instruments: pd.DataFrame, *, fit_on: int | None = None) -> pd.DataFrame:
    """Ratios from dynamic conditional correlations, date × instrument: the forecast for the next row.

    DCC(1,1) of Engle (2002), as `dynamic_correlation.dcc` fits it: GARCH(1,1) per series, or one
    variance where its own past tells no more, and one recursion for the correlations.

    Parameters
    ----------
    fit_on : int, optional
        Parameters come from the first `fit_on` rows, and ratios start there: needed to judge them
        out of sample. Default: the whole sample, so that the path has seen its own future.

    Raises
    ------
    DataError
        Fewer than 100 rows to fit on, or a GARCH that does not converge.

    Examples
    --------
    >>> random, days = np.random.default_rng(0), pd.date_range("2023-01-06", periods=150, freq="W-FRI")
    >>> x = pd.DataFrame(random.normal(0, 0.02, (150, 2)), days, ["JPY", "TOPIX"])
    >>> y = (0.6 * x["JPY"] + 0.9 * x["TOPIX"] + random.normal(0, 0.01, 150)).rename("7203.T")
    >>> dcc(y, x[["TOPIX"]]).iloc[-1].round(2).to_dict()
    {'TOPIX': 0.88}
    """
    need = LEAST if fit_on is None else max(fit_on, LEAST)
    index, y, x = common_rows(position, instruments, need, "GARCH")
    if fit_on is not None and fit_on < LEAST:
        raise DataError(f"fit_on {fit_on}: GARCH needs {LEAST} rows at least")
    fitted = fit_on or len(y)
    found = dynamic_correlation.dcc(np.column_stack([y, x]), fitted, [position.name, *instruments.columns])
    begin = fitted - 1 if fit_on else 0
    return _path(found.ahead[begin:], index[begin:], instruments.columns)


def moving(
    position: pd.Series, instruments: pd.DataFrame, *, window: int = 52, decay: float = 0.94, learn: int = 100
) -> tuple[dict[str, pd.DataFrame], dict[str, str]]:
    """Ratios by each way to let them follow the market: `rolling`, `ewma`, `dcc` fitted on the first rows.

    Parameters
    ----------
    window, decay : int, float
        Of `rolling` and of `ewma`.
    learn : int
        Rows that the parameters of the correlations come from.

    Returns
    -------
    (dict of name to DataFrame, dict of name to reason)
        Paths, and why one could not be had.

    Examples
    --------
    >>> random, days = np.random.default_rng(0), pd.date_range("2023-01-06", periods=150, freq="W-FRI")
    >>> x = pd.DataFrame(random.normal(0, 0.02, (150, 2)), days, ["JPY", "TOPIX"])
    >>> y = (0.6 * x["JPY"] + 0.9 * x["TOPIX"] + random.normal(0, 0.01, 150)).rename("7203.T")
    >>> found, refused = moving(y.iloc[:90], x.iloc[:90])
    >>> list(found), list(refused)
    (['rolling 52 weeks', 'exponential, decay 0.94'], ['dynamic correlation'])
    """
    ways: dict[str, Callable[[], pd.DataFrame]] = {
        f"rolling {window} weeks": lambda: rolling(position, instruments, window),
        f"exponential, decay {decay:g}": lambda: ewma(position, instruments, decay),
        "dynamic correlation": lambda: dcc(position, instruments, fit_on=learn),
    }
    found, refused = {}, {}
    for name, make in ways.items():
        try:
            found[name] = make()
        except DataError as error:
            refused[name] = str(error)
    return found, refused


def constrained(
    position: pd.Series,
    instruments: pd.DataFrame,
    *,
    side: Literal["any", "buy", "sell"] = "any",
    gross: float | None = None,
    max_weight: float | None = None,
    net: float | None = None,
    betas: pd.DataFrame | None = None,
) -> pd.Series:
    """Ratios with the least variance among those allowed, by instrument (sold per unit of position).

    Parameters
    ----------
    side : "any", "buy" or "sell"
        ``"buy"`` is a long-only overlay: no ratio above zero.
    gross : float, optional
        Σ |ratio| at most.
    max_weight : float, optional
        Each |ratio| at most.
    net : float, optional
        Σ ratio exactly: 1 sells as much as is held (dollar-neutral).
    betas : DataFrame, optional
        Rows the position's name and the instruments', columns factors: the hedged position has
        none of them.

    Raises
    ------
    DataError
        If nothing is allowed; the message names the constraints of which any one must give way.

    Examples
    --------
    >>> random, days = np.random.default_rng(0), pd.date_range("2023-01-06", periods=150, freq="W-FRI")
    >>> x = pd.DataFrame(random.normal(0, 0.02, (150, 2)), days, ["JPY", "TOPIX"])
    >>> y = (0.6 * x["JPY"] + 0.9 * x["TOPIX"] + random.normal(0, 0.01, 150)).rename("7203.T")
    >>> constrained(y, x, gross=1.0).round(2).to_dict()
    {'JPY': 0.35, 'TOPIX': 0.65}
    """
    import cvxpy  # slow to import: only where a constraint needs a solver
    from cvxpy.atoms.elementwise.abs import abs as size_of
    from cvxpy.atoms.norm1 import norm1
    from cvxpy.atoms.sum_squares import sum_squares

    _, y, x = common_rows(position, instruments, instruments.shape[1] + 2)
    k = x.shape[1]
    if side not in ("any", "buy", "sell"):
        raise DataError(f"side {side!r}: write any, buy or sell")
    for name, bound in (("gross", gross), ("max_weight", max_weight)):
        if bound is not None and not bound > 0:
            raise DataError(f"{name} is {bound!r}; expected a number above 0, in units of the position")
    equal = _equalities(str(position.name), instruments.columns, net, betas)
    y, x = y - y.mean(), x - x.mean(axis=0)
    size = y.std()

    def bounds(h: cvxpy.Expression) -> dict[str, cvxpy.Constraint]:
        rules: dict[str, cvxpy.Constraint] = {}
        if side != "any":
            rules[f"side = {side}"] = h <= 0 if side == "buy" else h >= 0
        if gross is not None:
            rules[f"gross <= {gross:g}"] = norm1(h) <= gross
        if max_weight is not None:
            rules[f"max_weight <= {max_weight:g}"] = size_of(h) <= max_weight
        return rules

    def solve(without: str = "") -> np.ndarray | None:
        """The best ratios with one constraint left out; nothing if the others rule each other out."""
        try:
            base, free = solutions([pair for name, pair in equal.items() if name != without], k)
        except np.linalg.LinAlgError:
            return None
        h = cvxpy.Constant(base)
        if free.size:
            h += cvxpy.Constant(free) @ cvxpy.Variable(free.shape[1])
        kept = [rule for name, rule in bounds(h).items() if name != without]
        problem = cvxpy.Problem(cvxpy.Minimize(sum_squares((y - x @ h) / size)), kept)
        return np.asarray(h.value) if solved(problem) else None

    found = solve()
    if found is None:
        rules = [*equal, *bounds(cvxpy.Variable(k))]
        relax = [name for name in rules if solve(name) is not None] or rules
        raise DataError(
            f"no hedge of {position.name} satisfies {'; '.join(rules)}; relax {' or '.join(relax)}"
        )
    return pd.Series(found, index=instruments.columns.rename("instrument"), name="ratio")


def _equalities(
    position: str, names: pd.Index, net: float | None, betas: pd.DataFrame | None
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """What the ratios must add up to, by name: a (m, k) and b (m,) of a h = b."""
    equal = {}
    if net is not None:
        equal[f"net = {net:g}"] = np.ones((1, len(names))), np.array([net])
    if betas is not None:
        absent = [name for name in (position, *names) if name not in betas.index]
        if absent:
            raise DataError(f"betas has no row for {absent[0]}; give one per instrument and position")
        own, theirs = betas.loc[[position]], betas.loc[names]
        equal |= {f"neutral to {f}": (theirs[[f]].to_numpy().T, own[f].to_numpy()) for f in betas}
    return equal


def rolling_constrained(
    position: pd.Series, instruments: pd.DataFrame, window: int = 52, every: int = 4, **limits: Any
) -> pd.DataFrame:
    """`constrained` on the last `window` rows, solved again each `every` rows and kept in between.

    Returns
    -------
    DataFrame
        Ratios, date × instrument, from the first full window on: a path for `effectiveness`.

    Raises
    ------
    DataError
        A window longer than the data, or whatever `constrained` refuses.

    Examples
    --------
    >>> random, days = np.random.default_rng(0), pd.date_range("2023-01-06", periods=150, freq="W-FRI")
    >>> x = pd.DataFrame(random.normal(0, 0.02, (150, 2)), days, ["JPY", "TOPIX"])
    >>> y = (0.6 * x["JPY"] + 0.9 * x["TOPIX"] + random.normal(0, 0.01, 150)).rename("7203.T")
    >>> rolling_constrained(y, x, every=26, net=1.0).iloc[-1].round(2).to_dict()
    {'JPY': 0.33, 'TOPIX': 0.67}
    """
    index, _, _ = common_rows(position, instruments, window, f"a window of {window} rows")
    renewed = {}
    for end in range(window, len(index) + 1, every):
        past = index[end - window : end]
        renewed[past[-1]] = constrained(position.loc[past], instruments.loc[past], **limits)
    path = pd.DataFrame(renewed).T.reindex(index[window - 1 :]).ffill()
    return path.rename_axis(columns="instrument")


def common_rows(
    position: pd.Series, instruments: pd.DataFrame, need: int, what: str = "this"
) -> tuple[pd.DatetimeIndex, np.ndarray, np.ndarray]:
    """Rows on which everything is known: dates, y (T,), x (T, k).

    >>> y = pd.Series([0.01, None, 0.02], name="7203.T")
    >>> index, own, moves = common_rows(y, pd.DataFrame({"JPY": [0.0, 0.01, 0.03]}), need=2)
    >>> own.tolist(), moves.tolist()
    ([0.01, 0.02], [[0.0], [0.03]])
    """
    both = pd.concat([position.rename("y"), instruments], axis=1, join="inner").dropna()
    names = f"{position.name} and {', '.join(map(str, instruments))}"
    if both.empty:
        ends = ", ".join(
            f"{name} {series.first_valid_index()!s:.10} to {series.last_valid_index()!s:.10}"
            for name, series in [(position.name, position), *instruments.items()]
        )
        raise DataError(f"no date on which {names} all have a return ({ends}); change the instrument")
    if len(both) < need:
        raise DataError(f"{what} needs {need} rows; {names} have {len(both)} in common")
    values = both.to_numpy(dtype=float)
    return pd.DatetimeIndex(both.index), values[:, 0], values[:, 1:]


def _path(cov: np.ndarray, index: pd.DatetimeIndex, names: pd.Index) -> pd.DataFrame:
    """Ratios Var(x)⁻¹ Cov(x, y) of covariances (T, 1 + k, 1 + k), position first."""
    inner = cov[:, 1:, 1:]
    if (np.linalg.cond(correlation(inner)) > 1 / SINGULAR).any():
        raise DataError(f"{', '.join(map(str, names))} repeat each other; drop one of them")
    ratio = np.linalg.solve(inner, cov[:, 1:, :1])[..., 0]
    return pd.DataFrame(ratio, index, names.rename("instrument"))


def solved(problem: cvxpy.Problem) -> bool:
    """Whether the problem has a solution, which its variables then hold.

    >>> import cvxpy
    >>> h = cvxpy.Variable()
    >>> smallest = cvxpy.Minimize(h)
    >>> solved(cvxpy.Problem(smallest, [h >= 1])), solved(cvxpy.Problem(smallest, [h <= 0, h >= 1]))
    (True, False)
    """
    problem.solve(solver="CLARABEL")
    if problem.status not in ("optimal", "infeasible"):
        raise DataError(f"the solver stopped with {problem.status!r}; scale the returns or drop constraints")
    return bool(problem.status == "optimal")


def solutions(equal: Sequence[tuple[np.ndarray, np.ndarray]], k: int) -> tuple[np.ndarray, np.ndarray]:
    """One solution (k,) of a h = b for all (a, b), and a basis (k, m) of the others' differences.

    >>> base, free = solutions([(np.ones((1, 2)), np.array([1.0]))], 2)  # two ratios that add up to one
    >>> base.round(3).tolist(), free.shape
    ([0.5, 0.5], (2, 1))
    """
    if not equal:
        return np.zeros(k), np.eye(k)
    a, b = np.vstack([a for a, _ in equal]), np.concatenate([b for _, b in equal])
    base = np.linalg.lstsq(a, b)[0]
    if not np.allclose(a @ base, b, atol=1e-12):
        raise np.linalg.LinAlgError("no solution")
    return base, null_space(a)
