"""What would a share have earned without the event, if its beta moves or the model is the reader's own?

Each function fits a block of firm-events in place of `normal_returns.fit_block`, replaces some of what that
gives, and says so; `hac` leaves the returns and replaces their errors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tariffmodel.errors import DataError
from tariffmodel.stats.dynamic_correlation import LEAST
from tariffmodel.stats.dynamic_correlation import dcc as dynamic
from tariffmodel.stats.normal_returns import Array, Block, Fitting, Setup, fit_block, spans
from tariffmodel.stats.regression import hac_lags, long_run

NormalReturn = Callable[[Array, Array, Array], tuple[Array, Any]]

_ROWS = 128  # firm-events whose rolling windows are held at once

__all__ = ["NormalReturn", "dcc", "fitting", "hac", "own", "rolling"]


def fitting(model: str | NormalReturn, errors: str) -> Fitting:
    """What fits a block under this model with these errors.

    >>> fitting("rolling", "classical").__name__, fitting("market", "hac").__name__
    ('rolling', 'hac')
    """
    if callable(model):
        return own(model)
    if errors == "hac":
        return hac
    return {"rolling": rolling, "dcc": dcc}.get(model, fit_block)


def hac(block: Block, setup: Setup) -> dict[str, Array]:
    """`fit_block` with errors that allow for autocorrelation and changing variance (Newey and West 1987).

    With Bartlett weights w_j over the lags of `regression.hac_lags`, the coefficients have the covariance
    V of `regression.fit`, and the sum of L abnormal returns the variance
    Σ_{|j|<L} (L − |j|) w_j γ_j + x'V x, with γ_j the autocovariances of the residuals (divisor T − k) and
    x the sum of the L days' regressors. Rows left out are closed up.

    >>> returns = np.array([[0.0, 1, 2, -1, -2, 1, 2, -1, -2, 3, 0]])
    >>> block = Block(returns, np.zeros((11, 0)), 1, None, None, ())
    >>> setup = Setup("mean", "ols", 1, (-8, -1), (0, 0))
    >>> fit_block(block, setup)["errors"].round(3).tolist(), hac(block, setup)["errors"].round(3).tolist()
    ([[0.598]], [[0.476]])
    """
    found = fit_block(block, setup, turned=True)
    at, _, tested = spans(setup)
    n, k = found["observations"], found["parameters"]
    used = found["here"][:, at]
    order = np.argsort(~used, axis=1, kind="stable")
    e = np.where(used, found["residuals"], 0.0)
    if setup.model == "market_adjusted":  # whose residuals keep their mean
        e = np.where(used, e - (e.sum(axis=1) / np.maximum(n, 1))[:, None], 0.0)
    e = np.take_along_axis(e, order, axis=1)
    scores = np.take_along_axis(found["design"][:, at], order[..., None], axis=1) * e[..., None]
    moment, weighted = (
        np.zeros((*scores.shape[::2], scores.shape[2])),
        np.zeros((len(e), tested.stop - tested.start)),
    )
    rules = np.array([hac_lags(int(size)) if size > 1 else 0 for size in n])
    for lags in np.unique(rules):
        rows = np.flatnonzero(rules == lags)
        moment[rows] = long_run(scores[rows], int(lags))
        for lag in range(min(int(lags) + 1, weighted.shape[1])):
            product = (e[rows, lag:] * e[rows, : e.shape[1] - lag]).sum(axis=1)
            weighted[rows, lag] = (1 - lag / (lags + 1)) * product
    with np.errstate(invalid="ignore", divide="ignore"):
        sigma2 = found["rss"] / (n - k)
        moment *= (n / (n - k) / sigma2)[:, None, None]
        weighted /= found["rss"][:, None]
    values, vectors = np.linalg.eigh(np.nan_to_num(moment))
    root = vectors * np.sqrt(np.maximum(values, 0))[:, None, :]
    apart = np.abs(np.subtract.outer(np.arange(weighted.shape[1]), np.arange(weighted.shape[1])))
    turned = found["turn"] @ root
    return found | {
        "noise": weighted[:, apart],
        "whitened": found["whitened"] @ root,
        "errors": np.sqrt(sigma2[:, None] * (turned**2).sum(axis=2)),
    }


def rolling(block: Block, setup: Setup) -> dict[str, Array]:
    """Least squares estimated anew for each day of the event window.

    The window of estimation moves with the day: it keeps its length and its distance from the day, so
    with ``estimation`` up to the day before the event window a day is told from those right before it.
    Days of the event window then enter the estimates of later days, and their errors are correlated; the
    covariance of abnormal returns, I − P − P' + HH' over σ², is exact for independent errors, with H the
    weights of all returns in the predictions and P those of the days of the event window.

    σ², residuals and `coefficients` are those of the first day; `slopes` has every day.

    >>> block = Block(np.array([[0.0, 1, -1, 1, -1, 3, 2, 0]]), np.zeros((8, 0)), 1, None, None, ())
    >>> found = rolling(block, Setup("mean", "ols", 1, (-4, -1), (0, 1)))
    >>> found["ar"].tolist(), found["noise"].round(3).tolist()
    ([[3.0, 1.5]], [[[1.25, -0.062], [-0.062, 1.25]]])
    """
    found = fit_block(block, setup, turned=True)
    returns, _ = block.inner()
    parts = [slice(start, start + _ROWS) for start in range(0, len(returns), _ROWS)]
    moved = [_roll(returns[part], found["here"][part], found["design"][part], setup) for part in parts]
    slopes, expected, noise = (np.concatenate(part) for part in zip(*moved, strict=True))
    tested = spans(setup)[2]
    ar = np.where(found["here"][:, tested], returns[:, tested] - expected, np.nan)
    return found | {
        "ar": ar,
        "expected": returns[:, tested] - ar,
        "noise": noise,
        "whitened": np.zeros_like(found["whitened"]),
        "slopes": slopes @ found["turn"].transpose(0, 2, 1),
    }


def _roll(returns: Array, here: Array, design: Array, setup: Setup) -> tuple[Array, Array, Array]:
    """Coefficients (c, W, k) of a turned design, normal returns (c, W), covariance (c, W, W) over σ²."""
    at, _, tested = spans(setup)
    days, width = at.stop, tested.stop - tested.start
    y, z = np.where(here, returns, 0.0), np.where(here[..., None], design, 0.0)
    view = np.lib.stride_tricks.sliding_window_view
    past, own = (
        view(z, days, axis=1)[:, :width],
        view(y, days, axis=1)[:, :width, :, None],
    )  # c w k t, c w t 1
    gram = past @ past.transpose(0, 1, 3, 2)
    fine = np.linalg.eigvalsh(gram)[..., 0] > 1e-8  # that of the first window is 1
    gram[~fine] = np.eye(gram.shape[-1])
    today = z[:, tested]
    slopes = np.where(fine[..., None], np.linalg.solve(gram, past @ own)[..., 0], np.nan)
    weights = np.linalg.solve(gram, today[..., None]).transpose(0, 1, 3, 2) @ past  # c w 1 t
    all_days = np.zeros((*slopes.shape[:2], y.shape[1]))
    for day in range(width):
        all_days[:, day, day : day + days] = weights[:, day, 0]
    mixed = all_days[..., tested]
    noise = np.eye(width) - mixed - mixed.transpose(0, 2, 1) + all_days @ all_days.transpose(0, 2, 1)
    return slopes, (slopes * today).sum(axis=2), noise


def dcc(block: Block, setup: Setup) -> dict[str, Array]:
    """Betas and variances from dynamic conditional correlations (`dynamic_correlation.dcc`).

    Fitted on the estimation window, then carried on with fixed parameters: a day's normal return is
    μ + β_t'(x_t − μ_x), with β_t and the variance of its abnormal return forecast from the days before
    it, those of the event among them, so that a shock on day 0 widens the error of day 1. `noise` has
    these variances over σ², the mean square of the residuals; the error of the estimated parameters is
    left out. `coefficients` are means over the estimation window, without errors. Some 50 ms for each
    firm-event; days with something missing are closed up.

    >>> import pandas as pd
    >>> random = np.random.default_rng(0)
    >>> market = random.normal(0, 0.01, 163)
    >>> returns = (1.2 * market + random.normal(0, 0.01, 163))[None]
    >>> rows = pd.DataFrame({"firm": ["F"], "date": [pd.Timestamp("2025-04-03")]})
    >>> block = Block(returns, market[:, None], 1, rows, [0], ("market",))
    >>> found = dcc(block, Setup("dcc", "ols", 1, (-160, -1), (0, 0)))
    >>> found["slopes"][0, 0].round(2).tolist(), found["noise"].round(2).tolist()
    ([-0.0, 1.34], [[[0.99]]])
    """
    found = fit_block(block, setup)
    at, gap, tested = spans(setup)
    returns, factors = block.inner()
    n, k = found["observations"], found["parameters"]
    width = tested.stop - tested.start
    ar = np.full(returns.shape, np.nan)
    variance, slopes = np.full(returns.shape, np.nan), np.full((*returns.shape, factors.shape[2] + 1), np.nan)
    done = np.isfinite(found["rss"]) & (n >= LEAST)
    for row in np.flatnonzero(done).tolist():
        here = np.flatnonzero(found["here"][row])
        values = np.column_stack([returns[row], factors[row]])[here]
        moved = _moved(values, int(n[row]), block, row)
        beta, rest = (np.concatenate([part[:1], part[:-1]]) for part in (moved.slopes(), moved.unexplained()))
        alpha = moved.mean[0] - beta @ moved.mean[1:]
        slopes[row, here] = np.column_stack([alpha, beta])
        ar[row, here] = values[:, 0] - alpha - (beta * values[:, 1:]).sum(axis=1)
        variance[row, here] = rest
    rss = np.where(done, np.nansum(ar[:, at] ** 2, axis=1), found["rss"])
    noise = np.zeros((len(returns), width, width))
    with np.errstate(invalid="ignore", divide="ignore"):
        days = np.where(np.isfinite(ar), variance, np.nan)
        noise[:, np.arange(width), np.arange(width)] = days[:, tested] / (rss / (n - k))[:, None]
        gap_t = np.nansum(ar[:, gap], axis=1) / np.sqrt(np.nansum(days[:, gap], axis=1))
        mean = np.nansum(slopes[:, at], axis=1) / np.isfinite(slopes[:, at]).sum(axis=1)
    return found | {
        "ar": ar[:, tested],
        "expected": returns[:, tested] - ar[:, tested],
        "residuals": ar[:, at],
        "rss": rss,
        "noise": np.nan_to_num(noise),
        "whitened": np.zeros_like(found["whitened"]),
        "slopes": slopes[:, tested],
        "coefficients": mean,
        "errors": np.full_like(mean, np.nan),
        "gap_t": gap_t,
    }


def _moved(values: Array, fitted: int, block: Block, row: int) -> Any:
    try:
        return dynamic(values, fitted, ["its returns", *block.factors])
    except DataError as error:
        raise DataError(f"model 'dcc' for {_who(block, row)}: {error}, or leave the firm-event out") from None


def own(model: NormalReturn) -> Fitting:
    """Fit every firm-event by a function of one's own.

    Parameters
    ----------
    model : callable
        ``model(returns, regressors, days) -> predicted, error``: from the returns (T,) of the estimation
        window and their regressors (T, k), the normal return on each row of `days` (D, k), the
        regressors of the estimation window and then of the days up to the end of the event window:
        `predicted` (D,). `error`, (D,) or one number, is the standard deviation of an abnormal return
        on these days, prediction error included. Nothing it is given is missing: days without return
        or regressor are left out before (in `days` without regressor). The regressors are the market
        and the factors given to `study`, in this order; without them k is 0.

    Notes
    -----
    Abnormal returns of different days are taken for uncorrelated. Degrees of freedom are T − k − 1.

    Raises
    ------
    DataError
        A result of another shape, not finite, or with an error that is not above zero.

    Examples
    --------
    >>> import pandas as pd
    >>> def last_week(returns, regressors, days):
    ...     return np.full(len(days), returns[-5:].mean()), returns.std(ddof=1)
    >>> rows = pd.DataFrame({"firm": ["F"], "date": [pd.Timestamp("2025-04-03")]})
    >>> block = Block(np.array([[0.0, 1, -1, 1, -1, 1, -1, 3, 0]]), np.zeros((9, 0)), 1, rows, [0], ())
    >>> found = own(last_week)(block, Setup("last_week", "ols", 1, (-6, -1), (0, 0)))
    >>> found["ar"].tolist()
    [[3.2]]
    """

    def fit(block: Block, setup: Setup) -> dict[str, Array]:
        found = fit_block(block, setup)
        at, gap, tested = spans(setup)
        returns, factors = block.inner()
        there = np.isfinite(factors).all(axis=2)  # collinear or not: that is for the model to say
        here = np.isfinite(returns) & there
        n, k = found["observations"], found["parameters"]
        predicted, error = np.full(returns.shape, np.nan), np.full(returns.shape, np.nan)
        for row in np.flatnonzero(n > k).tolist():
            used = np.flatnonzero(here[row, at])
            days = np.r_[used, at.stop + np.flatnonzero(there[row, at.stop :])]
            given = model(returns[row, used].copy(), factors[row, used].copy(), factors[row, days].copy())
            predicted[row, days], error[row, days] = _given(given, len(days), model, _who(block, row))
        ar = returns - predicted
        rss = np.where(n > k, np.nansum(ar[:, at] ** 2, axis=1), np.nan)
        width = tested.stop - tested.start
        noise = np.zeros((len(returns), width, width))
        with np.errstate(invalid="ignore", divide="ignore"):
            variance = np.where(np.isfinite(ar), error**2, 0.0)
            noise[:, np.arange(width), np.arange(width)] = variance[:, tested] / (rss / (n - k))[:, None]
            gap_t = np.nansum(ar[:, gap], axis=1) / np.sqrt(variance[:, gap].sum(axis=1))
        return found | {
            "ar": ar[:, tested],
            "expected": predicted[:, tested],
            "residuals": ar[:, at],
            "rss": rss,
            "noise": np.nan_to_num(noise),
            "whitened": np.zeros_like(found["whitened"]),
            "coefficients": np.full_like(found["coefficients"], np.nan),
            "errors": np.full_like(found["errors"], np.nan),
            "gap_t": gap_t,
        }

    return fit


def _who(block: Block, row: int) -> str:
    one = block.rows.iloc[block.at[row]]
    return f"{one['firm']} on {one['date']:%Y-%m-%d}"


def _given(given: object, days: int, model: NormalReturn, who: str) -> tuple[Array, Array]:
    """What a model of one's own gave, as arrays (D,), or a `DataError` that says what is wrong."""
    name = f"model {getattr(model, '__name__', model)!r} for {who}"
    if not isinstance(given, tuple) or len(given) != 2:
        raise DataError(f"{name} returns a {type(given).__name__}; return two arrays: predicted, error")
    try:
        predicted, error = (np.asarray(part, dtype=float) for part in given)
    except (TypeError, ValueError):
        raise DataError(f"{name}: predicted and error hold values that are not numbers") from None
    if predicted.shape != (days,):
        raise DataError(
            f"{name}: predicted has the shape {predicted.shape}, not ({days},); "
            "return one normal return for each row of its third argument"
        )
    if error.shape not in ((), (days,)):
        raise DataError(f"{name}: error has the shape {error.shape}; return one number or ({days},)")
    if not np.isfinite(predicted).all():
        raise DataError(
            f"{name}: predicted is missing or infinite in row {int((~np.isfinite(predicted)).argmax())}"
        )
    if not (np.isfinite(error) & (error > 0)).all():
        raise DataError(f"{name}: error must be above zero and finite; it is a standard deviation")
    return predicted, np.broadcast_to(error, days)
