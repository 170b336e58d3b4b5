"""How far did shares move because of an event, beyond what the market explains, and is that chance?

`study` estimates a normal return for each firm-event before its event window and returns an
`EventStudy`: abnormal returns, their sums over any window, and the tests of `event_tests` under
stated conventions. Event time counts the sessions of the firm's own exchange.

A missing return is never filled: it drops out of the estimation, its abnormal return is NaN and the
cumulative return is the sum over the days present (or, with ``missing="drop_event"``, the firm-event
leaves the window's tests). A firm-event that cannot be used is listed in `EventStudy.skipped`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.stats import event_tests as et
from tariffmodel.stats import normal_returns as nr
from tariffmodel.stats.conditional_returns import NormalReturn, fitting
from tariffmodel.stats.dynamic_correlation import LEAST
from tariffmodel.stats.event_inputs import (
    Events,
    Factors,
    asked_for,
    check,
    check_choice,
    check_model,
    check_windows,
    event_rows,
    excluded_days,
    left_out,
    on_dates,
    overlaps,
    place,
    regressors_of,
    sessions_of,
    skips,
)
from tariffmodel.stats.event_results import EventStudy
from tariffmodel.stats.moments import PARTS, Part
from tariffmodel.stats.normal_returns import Array, Window
from tariffmodel.stats.return_checks import check_scale, check_sessions

__all__ = ["EventStudy", "study", "volume_study"]


def study(
    returns: pd.DataFrame | pd.Series,
    events: Events,
    *,
    market: pd.Series | pd.DataFrame | None = None,
    factors: Factors | None = None,
    model: Literal["mean", "market_adjusted", "market", "factors", "rolling", "dcc"]
    | NormalReturn = "market",
    estimation: Window | int = (-250, -11),
    window: Window = (-10, 10),
    min_estimation: float = 0.5,
    method: Literal["ols", "scholes-williams", "dimson", "fowler-rorke", "garch"] = "ols",
    lags: int = 1,
    errors: Literal["classical", "hac"] = "classical",
    risk_free: pd.Series | None = None,
    calendars: Mapping[str, str] | Literal["union"] | None = None,
    zone: str | None = None,
    part: Part = "close_to_close",
    roll: Literal["next", "previous", "error"] = "next",
    duplicates: Literal["merge", "keep", "error"] = "merge",
    kind: Literal["simple", "log", "volume"] = "simple",
    exclude: Events | None = None,
    leave_out: pd.DataFrame | None = None,
) -> EventStudy:
    """Estimate normal returns before each event and abnormal returns around it.

    Parameters
    ----------
    returns : DataFrame, or Series of one firm
        Date × firm, fractions; NaN is no return. Dates ascending, without time zone.
    events : DataFrame, mapping, date or list of dates
        Columns `firm`, `date` (day 0: the first session that could react) and optionally `event`, a label
        that firms hit by the same news share. Default label: the date. Or firm → date or dates. Or one or
        more dates that concern all firms of `returns`. A moment (a date with its offset or time zone, or
        with a time of day and a `zone`) is placed by the hours of the firm's exchange: day 0 is the first
        session with ten minutes to go before its close.
    market : Series or DataFrame, optional
        Benchmark return by date, one for all or one column per firm.
    factors : Series, DataFrame or mapping, optional
        By date, one set for all; or firm → frame, or a frame indexed by firm and date, for sets of the
        firm's own, whose columns may differ.
    model : str or callable
        - "mean": R = μ + e (Brown and Warner 1980);
        - "market_adjusted": R − R_m, nothing estimated but the variance about the mean;
        - "market": R = α + βR_m + e (Sharpe 1963);
        - "factors": R = α + Σ β_j f_j + e, the market first if given (market + FX; Fama and French 1993);
        - "rolling": the market model, with `factors` if given, estimated anew for each day of the event
          window (`conditional_returns.rolling`);
        - "dcc": its beta and variance by dynamic conditional correlations (Engle 2002), estimation on 100
          days at least (`conditional_returns.dcc`);
        - a function of one's own: ``model(returns, regressors, days) -> predicted, error``, see
          `conditional_returns.own`.
    estimation : (first, last) or int
        Days relative to the event; a number is that many days right before the event window.
    window : (first, last)
        Event window. It must begin after the estimation window ends.
    min_estimation : float
        Returns needed in the estimation window: a share of its days, or above 1 a number.
    method : str
        "ols"; for the market model also "scholes-williams" (1977), "dimson" (1979: the sum of slopes on
        `lags` leads and lags) and "fowler-rorke" (1983: the same, weighted by the market's
        autocorrelation), which take the market of the days next to the window and leave the prediction
        error that of OLS; "garch": coefficients by maximum likelihood with GARCH(1,1) errors, σ² the mean
        variance forecast for the event window (a loop over firm-events, some 10 ms each).
    errors : "classical" or "hac"
        Of the coefficients and of cumulative returns: as if a firm's residuals were independent, or with the
        long-run variance of Newey and West (1987), see `conditional_returns.hac`.
    risk_free : Series, optional
        Subtracted from returns and market: the market model becomes the CAPM with an intercept.
    calendars : mapping, optional
        Firm → exchange. Event time then counts sessions of the exchange: rows on which at least one of
        its firms has a return. Moments need codes of the `exchange_calendars` package. Without it every
        row is a session, which is refused where the firms do not trade on the same days; "union" takes
        it so all the same.
    zone : str, optional
        Of times of day that state none, such as "Asia/Tokyo".
    part : str
        What the returns span: "close_to_close", "overnight" (close before to open) or "open_to_close". The
        overnight return can only react to what came ten minutes before the open; other moments are skipped.
    roll : "next", "previous" or "error"
        What to do with a date on which the exchange has no session; a moment goes to the next.
    duplicates : "merge", "keep" or "error"
        Of two events on one session of a firm: count the first; count both (only the tests for
        correlated firms allow for it); refuse.
    kind : "simple", "log" or "volume"
        What the returns are; `EventStudy.bhar` compounds accordingly. "volume": log volume, whose size is
        not checked.
    exclude : DataFrame, mapping, date or list of dates, optional
        Days from which no normal return is estimated, such as those of results or of other events: in
        any form of `events`, for all firms or by firm. They stay in the event window.
    leave_out : DataFrame, optional
        `event` and `firm` of firm-events that are not studied, and optionally the `reason`, under which
        `EventStudy.skipped` lists them.

    Raises
    ------
    DataError
        Inputs that do not fit together, look like prices or percents, or hold firms of several exchanges
        without `calendars`; a time of day without a zone or an exchange; or no firm-event that can be
        used. Single ones are skipped.

    Examples
    --------
    >>> random, days = np.random.default_rng(0), pd.bdate_range("2025-01-02", periods=80)
    >>> market = pd.Series(random.normal(0, 0.01, 80), days)
    >>> returns = pd.DataFrame({f: market + random.normal(0, 0.01, 80) for f in ("BMW", "VW", "F")}, days)
    >>> returns.loc["2025-04-03"] -= 0.05
    >>> found = study(returns, "2025-04-03", market=market, estimation=(-60, -6), window=(-2, 2))
    >>> found.car((0, 1))["car"].round(3).tolist()
    [-0.075, -0.024, -0.048]
    >>> found.tests((0, 1), ["kp_bmp", "crude_dependence"])["p_value"].round(3).to_dict()
    {'kp_bmp': 0.086, 'crude_dependence': 0.0}
    """
    if isinstance(returns, pd.Series):
        returns = returns.to_frame()
    check(returns, "returns")
    estimation, window, needed = check_windows(estimation, window, min_estimation)
    check_model(model, method, lags, market is not None, factors is not None, errors)
    if model == "dcc":
        needed = max(needed, LEAST)
    check_choice("roll", roll, ("next", "previous", "error"))
    check_choice("duplicates", duplicates, ("merge", "keep", "error"))
    check_choice("kind", kind, ("simple", "log", "volume"))
    check_choice("part", part, PARTS)
    if calendars is None:
        check_sessions(returns)
    form = "own" if callable(model) else str(model)
    called = getattr(model, "__name__", "own") if callable(model) else form
    settings = {
        "model": called, "method": method, "errors": errors, "estimation": estimation, "window": window,
        "needed": needed, "kind": kind, "part": part, "calendars": isinstance(calendars, Mapping),
        "roll": roll, "duplicates": duplicates,
    }  # fmt: skip
    asked, skipped = asked_for(event_rows(events, returns), zone)
    asked, unwanted = left_out(asked, leave_out)
    skipped += unwanted
    regressors = regressors_of(returns, market, factors, form, risk_free)
    if kind != "volume":
        check_scale(returns, market, risk_free)
    sessions, exchange = sessions_of(returns, calendars)
    rows, more = place(asked, returns, sessions, exchange, roll, duplicates, part)
    values, riskless = returns.to_numpy(dtype=float), None
    if risk_free is not None:
        riskless = on_dates(risk_free, "risk_free", returns).to_numpy(dtype=float)
        values = values - riskless[:, None]
    setup = nr.Setup(form, method, lags, estimation, window)
    barred = excluded_days(exclude, returns)
    terms, estimates = nr.estimate(values, regressors, rows, sessions, setup, barred, fitting(model, errors))
    reasons = nr.unusable(estimates, needed, rows["known"].to_numpy())
    usable = pd.isna(reasons)
    skipped += more + skips(rows, reasons)
    unused = pd.DataFrame(skipped, columns=["event", "firm", "date", "reason"])
    if not usable.any():
        found = "; ".join(f"{n} × {why}" for why, n in unused["reason"].value_counts().items())
        raise DataError(f"no firm-event can be used: {found}. Check the dates, firms and windows")
    if not usable.all():
        estimates, rows = estimates.take(usable), rows[usable].reset_index(drop=True)
    timing = _timing(rows, sessions)
    if riskless is not None:  # normal returns are of the share, not in excess of the bill
        days = timing.dates(np.arange(window[0], window[1] + 1))
        estimates = replace(estimates, expected=estimates.expected + np.append(riskless, np.nan)[days])
    table = _firm_events(rows, estimates, window)
    return EventStudy(table, unused, settings, terms, pd.DatetimeIndex(returns.index), estimates, timing)


def _timing(rows: pd.DataFrame, sessions: Mapping[str, Array]) -> et.Timing:
    numbers = {label: number for number, label in enumerate(sessions)}
    return et.Timing(
        pd.factorize(rows["event"])[0],
        rows["exchange"].map(numbers).to_numpy(),
        rows["position"].to_numpy(),
        tuple(sessions.values()),
    )


def _firm_events(rows: pd.DataFrame, estimates: nr.Estimates, window: Window) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "asked": rows["asked"].to_numpy(),
            "date": rows["date"].to_numpy(),
            "rolled": (rows["asked"].dt.normalize() != rows["date"]).to_numpy(),
            "overlaps": overlaps(rows, window),
            "days": np.isfinite(estimates.ar).sum(axis=1),
        },
        index=pd.MultiIndex.from_frame(rows[["event", "firm"]]),
    )


def volume_study(
    volume: pd.DataFrame,
    events: Events,
    *,
    market: pd.Series | pd.DataFrame | None = None,
    constant: float = 0.0,
    **arguments: Any,
) -> EventStudy:
    """Abnormal trading volume: a study of ``log(volume + constant)``.

    With turnover in percent of shares and ``constant=0.000255`` it is the measure of Campbell and
    Wasley (1996). The normal level is the firm's mean, or with `market` (volume, turned into logs
    alike) a market model. Other arguments as `study`.

    Raises
    ------
    DataError
        Volume that is negative, or zero without a constant.

    Examples
    --------
    >>> random, days = np.random.default_rng(0), pd.bdate_range("2025-01-02", periods=80)
    >>> volume = pd.DataFrame({f: random.lognormal(0, 0.2, 80) for f in ("BMW", "F")}, days)
    >>> volume.loc["2025-04-03"] *= 3
    >>> found = volume_study(volume, "2025-04-03", estimation=(-60, -6), window=(-2, 2))
    >>> found.car((0, 0))["car"].round(1).tolist()  # logs: ln 3 is 1.1
    [1.0, 1.0]
    """
    lowest = np.nanmin(volume.to_numpy(dtype=float)) + constant if volume.size else np.nan
    if not lowest > 0:
        raise DataError(
            f"volume + constant falls to {lowest}, which has no logarithm; "
            "pass a constant such as 0.000255 (turnover in percent), or NaN for days without trade"
        )
    arguments = {"model": "mean" if market is None else "market", "kind": "volume"} | arguments
    logs = None if market is None else (market + constant).apply(np.log)
    return study((volume + constant).apply(np.log), events, market=logs, **arguments)
