"""Is an average abnormal return different from zero, and does the answer hold on a day firms share?

Every test of an event study by name (`TESTS`), under stated `Conventions`, on one `Sample` of
firm-events; the statistics themselves are functions on arrays, of `mean_tests`, `rank_tests` and
`correlations`, and public here too.

Firms that share an event day share its shocks. Tests built on the spread across firms take that for
independent evidence and reject too often; `kolari_pynnonen_bmp` corrects for the mean correlation of
the residuals, and `crude_dependence`, `rank_test` and `generalised_rank` measure the noise of the
average over time, which contains the correlation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np

from tariffmodel.errors import DataError
from tariffmodel.stats.correlations import Timing, average_correlation, correlation_sum, paired_correlations
from tariffmodel.stats.mean_tests import (
    Result,
    abnormal_volatility,
    brown_warner,
    calendar_time_t,
    clustered_t,
    cross_sectional_t,
    crude_dependence,
    kolari_pynnonen_bmp,
    lamb,
    mackinlay,
    patell,
    romano_wolf,
    sign_test,
    skewness_t,
    stationary_bootstrap,
    tail,
    two_sided,
    widening,
    wild_bootstrap,
)
from tariffmodel.stats.normal_returns import (
    Array,
    Estimates,
    day_mean,
    leverage,
    own_noise,
    positive_share,
    residual_sd,
)
from tariffmodel.stats.rank_tests import (
    RankDays,
    RankMissing,
    generalised_rank,
    rank_days,
    rank_test,
    ranks,
    wilcoxon,
)
from tariffmodel.stats.resampling import sums as resampled_sums

__all__ = [
    "TESTS",
    "Conventions",
    "RankDays",
    "Result",
    "Sample",
    "Statistic",
    "Timing",
    "abnormal_volatility",
    "average_correlation",
    "brown_warner",
    "calendar_time_t",
    "chosen",
    "clustered_t",
    "conventions",
    "correlation_sum",
    "cross_sectional_t",
    "crude_dependence",
    "generalised_rank",
    "kolari_pynnonen_bmp",
    "lamb",
    "mackinlay",
    "paired_correlations",
    "patell",
    "rank_days",
    "rank_test",
    "ranks",
    "resampled_sums",
    "romano_wolf",
    "run",
    "sign_test",
    "skewness_t",
    "stationary_bootstrap",
    "tail",
    "two_sided",
    "wilcoxon",
    "wild_bootstrap",
]


@dataclass(frozen=True)
class Conventions:
    """How the tests are computed; the defaults follow the papers in which each test was proposed.

    Attributes
    ----------
    prediction_error : bool
        Add to the variance of an abnormal return the error of the estimated coefficients.
    car_variance : "full", "simple" or "sar"
        Of a sum over L days: σ²(L + l'X(X'X)⁻¹X'l), which in the market model is σ²(L + L²/T +
        (Σ(m − m̄))²/S_mm) (Mikkelson and Partch 1988; Salinger 1992); σ²L; or SCAR = ΣSAR/√L, the sum of
        daily standardised returns (Patell 1976).
    distribution : "paper", "normal" or "t"
        Of all statistics that have degrees of freedom; "paper": as the `source` of each test.
    alternative : "two-sided", "greater" or "less"
    missing : "skip" or "drop_event"
        Sum over the days present, or leave out a firm-event with any day of the window missing.
    correlation : "calendar", "relative" or float
        The mean correlation r̄ of firms. "calendar": residuals of the same dates, within an event and, so
        far as their windows overlap, between events; other pairs count zero (Kolari, Pape and Pynnönen
        2018). "relative": all pairs by day relative to the event, whatever its date. Or a given number.
    rank_sample : "event_window" or "tested_window"
        Days ranked together with the estimation window.
    rank_missing : "corrado-zivney", "kolari-pynnonen" or "mean"
        See `rank_test`.
    skewness : "hall" or "johnson"
    draws, seed, block
        Of the bootstraps; `block` is the mean block length in days.
    """

    prediction_error: bool = True
    car_variance: Literal["full", "simple", "sar"] = "full"
    distribution: Literal["paper", "normal", "t"] = "paper"
    alternative: Literal["two-sided", "greater", "less"] = "two-sided"
    missing: Literal["skip", "drop_event"] = "skip"
    correlation: Literal["calendar", "relative"] | float = "calendar"
    rank_sample: Literal["event_window", "tested_window"] = "event_window"
    rank_missing: RankMissing = "corrado-zivney"
    skewness: Literal["hall", "johnson"] = "hall"
    draws: int = 999
    seed: int = 0
    block: float | None = None

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            value = getattr(self, name)
            number = name == "correlation" and isinstance(value, int | float)
            if value not in allowed and not number:
                raise DataError(f"{name} {value!r}: write one of {', '.join(map(repr, allowed))}")
        if isinstance(self.correlation, int | float) and not -1 < self.correlation < 1:
            raise DataError(f"correlation {self.correlation}: a mean correlation lies between -1 and 1")
        if self.draws < 1:
            raise DataError(f"draws {self.draws}: use at least 1, better 999")


_CHOICES: dict[str, tuple[str, ...]] = {
    "car_variance": ("full", "simple", "sar"),
    "distribution": ("paper", "normal", "t"),
    "alternative": ("two-sided", "greater", "less"),
    "missing": ("skip", "drop_event"),
    "correlation": ("calendar", "relative"),
    "rank_sample": ("event_window", "tested_window"),
    "rank_missing": ("corrado-zivney", "kolari-pynnonen", "mean"),
    "skewness": ("hall", "johnson"),
}


@dataclass(frozen=True, eq=False)
class Sample:
    """What the tests need to know of the firm-events and the days tested.

    Attributes
    ----------
    at : slice
        Columns of the event window that are tested.
    first_day : int
        Day of the first column of the event window.
    paired : callable
        Gives what `paired_correlations` gives; called only if a test needs it.

    Examples
    --------
    >>> import pandas as pd
    >>> from tariffmodel.stats.event_study import study
    >>> random, days = np.random.default_rng(0), pd.bdate_range("2025-01-02", periods=80)
    >>> market = pd.Series(random.normal(0, 0.01, 80), days)
    >>> returns = pd.DataFrame({f: market + random.normal(0, 0.01, 80) for f in ("BMW", "VW", "F")}, days)
    >>> found = study(returns, "2025-04-03", market=market, estimation=(-60, -6), window=(-2, 2))
    >>> sample = found.sample((0, 1), conventions({}))
    >>> sample.n, sample.ar.shape, sample.length.tolist(), sample.enough.tolist(), sample.df.tolist()
    (3, (3, 2), [2, 2, 2], [True, True, True], [53.0, 53.0, 53.0])
    >>> bool(np.allclose(sample.car, sample.ar.sum(axis=1)))
    True
    >>> bool(np.allclose(sample.scar, sample.car / sample.se))
    True
    >>> sample.sigma.shape, sample.prediction_error.shape == sample.noise.shape, -1 < sample.correlation < 1
    ((3,), True, True)
    >>> sample.average.shape, sample.average_error.shape, sample.portfolio.shape
    ((2,), (2,), (55,))
    >>> len(sample.ranked), len(sample.rescaled), [round(test.p_value, 2) for test in sample.grank]
    (2, 2, [0.8, 0.79])
    >>> list(sample.averages())
    ['n', 'mean', 'se', 'se_adjusted', 'positive']
    """

    estimates: Estimates
    timing: Timing
    at: slice
    first_day: int
    conventions: Conventions
    paired: Callable[[], tuple[Array, Array]]

    @property
    def n(self) -> int:
        """Firm-events."""
        return len(self.ar)

    @cached_property
    def ar(self) -> Array:
        """Abnormal returns of the days tested."""
        return self.estimates.ar[:, self.at]

    @cached_property
    def length(self) -> Array:
        """Days present."""
        return np.asarray(np.isfinite(self.ar).sum(axis=1))

    @cached_property
    def enough(self) -> Array:
        """Has the firm-event the days it needs?"""
        needed = self.ar.shape[1] if self.conventions.missing == "drop_event" else 1
        return np.asarray(self.length >= needed)

    @cached_property
    def car(self) -> Array:
        """Their sum over the days present; NaN without the days needed."""
        return np.where(self.enough, np.nansum(self.ar, axis=1), np.nan)

    @cached_property
    def df(self) -> Array:
        """Degrees of freedom of each firm's own variance."""
        return np.asarray(self.estimates.observations - self.estimates.parameters)

    @cached_property
    def sigma(self) -> Array:
        """Standard deviation of the residuals."""
        return residual_sd(self.estimates)

    @cached_property
    def noise(self) -> Array:
        """Variance of each day tested by its own noise, over σ²."""
        return own_noise(self.estimates)[:, self.at]

    @cached_property
    def prediction_error(self) -> Array:
        """Of each day tested, over σ²."""
        return np.asarray(leverage(self.estimates)[:, self.at] * self.conventions.prediction_error)

    @cached_property
    def se(self) -> Array:
        """Standard error of each cumulative return."""
        here = np.isfinite(self.ar)
        error, noise = np.zeros(self.n), self.estimates.noise
        own = self.length if noise is None else np.where(here, self.noise, 0).sum(axis=1)
        if noise is not None and self.conventions.car_variance == "full":  # days may be correlated
            own = np.einsum("nd,nde,ne->n", here, noise[:, self.at, self.at], here, dtype=float)
        if self.conventions.prediction_error and self.conventions.car_variance == "full":
            summed = np.einsum("nd,ndk->nk", here.astype(float), self.estimates.whitened[:, self.at])
            error = (summed**2).sum(axis=1)
        elif self.conventions.car_variance == "sar":
            error = np.where(here, self.prediction_error, 0).sum(axis=1)
        return np.where(self.enough, self.sigma * np.sqrt(own + error), np.nan)

    @cached_property
    def scar(self) -> Array:
        """Cumulative return over its standard error."""
        if self.conventions.car_variance != "sar":
            return np.asarray(self.car / self.se)
        sar = self.ar / (self.sigma[:, None] * np.sqrt(self.noise + self.prediction_error))
        return np.where(self.enough, np.nansum(sar, axis=1) / np.sqrt(np.maximum(self.length, 1)), np.nan)

    @cached_property
    def correlation(self) -> float:
        """Mean correlation r̄ over all pairs of firm-events."""
        chosen = self.conventions.correlation
        if isinstance(chosen, int | float):
            return float(chosen)
        if self.n < 2:
            return 0.0
        if chosen == "relative":
            return average_correlation(self.estimates.residuals)
        distance, total = self.paired()
        overlap = np.maximum(0, 1 - distance / self.ar.shape[1])
        return float((overlap * total).sum() / (self.n * (self.n - 1)))

    @cached_property
    def average(self) -> Array:
        """Average abnormal return of each day tested."""
        return day_mean(self.ar)

    @cached_property
    def average_error(self) -> Array:
        """Average prediction error of each day tested, over σ²."""
        return day_mean(np.where(np.isfinite(self.ar), self.prediction_error, np.nan))

    @cached_property
    def portfolio(self) -> Array:
        """Average residual of each day of estimation."""
        return day_mean(self.estimates.residuals)

    @cached_property
    def ranked(self) -> tuple[RankDays, dict[str, Any]]:
        """Ranks by day, and the arguments of `rank_test`."""
        return self._rank(self.estimates.ar)

    @cached_property
    def rescaled(self) -> tuple[RankDays, dict[str, Any]]:
        """Abnormal returns of the event window over their spread across firms that day.

        Standardised first, and then brought back to the size of the residuals, for ranking among them.
        """
        error = leverage(self.estimates) * self.conventions.prediction_error
        sar = self.estimates.ar / (self.sigma[:, None] * np.sqrt(own_noise(self.estimates) + error))
        here = np.isfinite(sar)
        squares = np.where(here, (sar - day_mean(sar)) ** 2, 0).sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = np.sqrt(squares / (here.sum(axis=0) - 1))
            return self._rank(sar / np.where(spread > 0, spread, np.nan) * self.sigma[:, None])

    def _rank(self, window: Array) -> tuple[RankDays, dict[str, Any]]:
        """Ranks by day, and the arguments of `rank_test`."""
        chosen, residuals = self.conventions, self.estimates.residuals
        alone = chosen.rank_sample == "tested_window"
        table = rank_days(residuals, window[:, self.at] if alone else window)
        start = residuals.shape[1] + (0 if alone else self.at.start)
        return table, {
            "window": slice(start, start + self.ar.shape[1]),
            "missing": chosen.rank_missing,
        }

    @cached_property
    def grank(self) -> tuple[Result, Result]:
        """GRANK-T and GRANK-Z."""
        return generalised_rank(self.scar, self.estimates.residuals, self.sigma)

    def averages(self) -> dict[str, float]:
        """Mean cumulative return with its standard errors; one firm-event has its own."""
        n, r = self.n, self.correlation
        se = float(self.car.std(ddof=1) / np.sqrt(n)) if n > 1 else float(self.se[0])
        widen = np.sqrt(widening(n, r) / (1 - r)) if r < 1 else np.nan
        mean, positive = float(self.car.mean()), float((self.car > 0).mean())
        return {"n": n, "mean": mean, "se": se, "se_adjusted": se * widen, "positive": positive}


class Statistic(NamedTuple):
    """A test of an event study: what it is called, whose it is and what it withstands.

    >>> TESTS["patell"].note(Result(2.0, np.inf, 0.05)).split("; ")[1:]
    ['rejects too often when firms share the event day', 'rejects too often when the event adds variance']
    """

    label: str
    source: str
    adjusted: bool  #: holds when firms share the event day
    variance: bool  #: holds when the event adds variance
    law: Literal["normal", "t", "exact", "draws"]  #: of the statistic in the source
    compute: Callable[[Sample], Result]

    def note(self, found: Result) -> str:
        """Source, what the test takes for granted, and why a result is missing."""
        parts = [self.source]
        if not self.adjusted:
            parts.append("rejects too often when firms share the event day")
        if not self.variance:
            parts.append("rejects too often when the event adds variance")
        if np.isnan(found.p_value):
            parts.append("not defined for so few firm-events, events or days")
        return "; ".join(parts)


def _ranked(field: str, rescaled: bool = False, **fixed: Any) -> Callable[[Sample], Result]:
    def compute(sample: Sample) -> Result:
        if rescaled and sample.n < 2:
            return two_sided(np.nan)
        table, arguments = sample.rescaled if rescaled else sample.ranked
        return rank_test(getattr(table, field), table.n, **arguments | fixed)

    return compute


TESTS: dict[str, Statistic] = {
    "kp_bmp": Statistic(
        "Kolari-Pynnönen adjusted BMP", "Kolari and Pynnönen 2010", True, True, "t",
        lambda s: kolari_pynnonen_bmp(s.scar, s.correlation),
    ),
    "kp_patell": Statistic(
        "Kolari-Pynnönen adjusted Patell", "Kolari and Pynnönen 2010", True, False, "normal",
        lambda s: patell(s.scar, s.df, s.correlation),
    ),
    "grank_t": Statistic(
        "GRANK-T", "Kolari and Pynnönen 2011", True, True, "t", lambda s: s.grank[0],
    ),
    "crude_dependence": Statistic(
        "Crude dependence (portfolio t)", "Brown and Warner 1980, 1985", True, False, "t",
        lambda s: crude_dependence(s.average, s.portfolio),
    ),
    "lamb": Statistic(
        "Crude dependence, prediction error", "Lamb 1995", True, False, "normal",
        lambda s: lamb(s.average, s.average_error, s.portfolio),
    ),
    "corrado": Statistic(
        "Corrado rank", "Corrado 1989", True, False, "normal", _ranked("rank", missing="mean"),
    ),
    "corrado_zivney": Statistic(
        "Corrado-Zivney rank", "Corrado and Zivney 1992", True, False, "normal", _ranked("scaled"),
    ),
    "corrado_zivney_adjusted": Statistic(
        "Corrado-Zivney rank, rescaled", "Corrado and Zivney 1992", True, True, "normal",
        _ranked("scaled", True),
    ),
    "corrado_sign": Statistic(
        "Corrado-Zivney sign", "Corrado and Zivney 1992", True, True, "normal", _ranked("sign"),
    ),
    "stationary_bootstrap": Statistic(
        "Stationary bootstrap", "Politis and Romano 1994", True, False, "draws",
        lambda s: stationary_bootstrap(
            s.average, s.portfolio, s.conventions.draws, s.conventions.seed, s.conventions.block
        ),
    ),
    "calendar_time": Statistic(
        "Calendar-time portfolio", "Jaffe 1974; Mandelker 1974", True, True, "t",
        lambda s: calendar_time_t(s.ar, s.timing.dates(s.first_day + np.arange(s.at.start, s.at.stop))),
    ),
    "clustered": Statistic(
        "Event-clustered t", "Liang and Zeger 1986", True, True, "t",
        lambda s: clustered_t(s.car, s.timing.event),
    ),
    "wild_cluster": Statistic(
        "Wild cluster bootstrap", "Cameron, Gelbach and Miller 2008", True, True, "draws",
        lambda s: wild_bootstrap(s.car, s.timing.event, s.conventions.draws, s.conventions.seed),
    ),
    "cross_sectional": Statistic(
        "Cross-sectional t", "Brown and Warner 1980", False, True, "t", lambda s: cross_sectional_t(s.car),
    ),
    "skewness": Statistic(
        "Skewness-adjusted t", "Johnson 1978; Hall 1992", False, True, "t",
        lambda s: skewness_t(s.car, s.conventions.skewness),
    ),
    "brown_warner": Statistic(
        "Brown-Warner, independent firms", "Brown and Warner 1980", False, False, "t",
        lambda s: brown_warner(s.car, s.length, s.sigma, s.df),
    ),
    "mackinlay": Statistic(
        "MacKinlay θ₁ (J₁)", "MacKinlay 1997", False, False, "normal", lambda s: mackinlay(s.car, s.se),
    ),
    "patell": Statistic(
        "Patell", "Patell 1976", False, False, "normal",
        lambda s: patell(s.scar, s.df),
    ),
    "bmp": Statistic(
        "BMP standardised cross-sectional", "Boehmer, Musumeci and Poulsen 1991", False, True, "t",
        lambda s: kolari_pynnonen_bmp(s.scar),
    ),
    "grank_z": Statistic("GRANK-Z", "Kolari and Pynnönen 2011", False, True, "normal", lambda s: s.grank[1]),
    "sign": Statistic("Sign", "Brown and Warner 1980", False, True, "normal", lambda s: sign_test(s.car)),
    "generalised_sign": Statistic(
        "Generalised sign", "Cowan 1992", False, True, "normal",
        lambda s: sign_test(s.car, positive_share(s.estimates.residuals)),
    ),
    "wilcoxon": Statistic(
        "Wilcoxon signed rank", "Wilcoxon 1945", False, True, "exact", lambda s: wilcoxon(s.car),
    ),
    "wild_bootstrap": Statistic(
        "Wild bootstrap, independent firms", "Wu 1986; Mammen 1993", False, True, "draws",
        lambda s: wild_bootstrap(s.car, np.arange(s.n), s.conventions.draws, s.conventions.seed),
    ),
}  # fmt: skip


def conventions(changes: dict[str, Any]) -> Conventions:
    """Conventions with some changed by name.

    Raises
    ------
    DataError
        Unknown names or values.

    Examples
    --------
    >>> conventions({"alternative": "greater"}).alternative
    'greater'
    """
    known = [field.name for field in fields(Conventions)]
    if unknown := sorted(set(changes) - set(known)):
        raise DataError(f"no convention {', '.join(unknown)}; there are {', '.join(known)}")
    return Conventions(**changes)


def chosen(which: str | Sequence[str]) -> list[str]:
    """Names of tests: "all", "adjusted", one or several; in the order of `TESTS`.

    Raises
    ------
    DataError
        Unknown names.

    Examples
    --------
    >>> chosen(["patell", "kp_bmp"])  # in the order of `TESTS`
    ['kp_bmp', 'patell']
    """
    if isinstance(which, str) and which in ("all", "adjusted"):
        return [name for name, test in TESTS.items() if which == "all" or test.adjusted]
    names = [which] if isinstance(which, str) else list(which)
    if unknown := [name for name in names if name not in TESTS]:
        raise DataError(f"no test {', '.join(map(repr, unknown))}; there are {', '.join(TESTS)}")
    return [name for name in TESTS if name in names]


def run(name: str, sample: Sample) -> Result:
    """One test, its distribution and alternative as the sample's conventions have it.

    >>> import pandas
    >>> from tariffmodel.stats.event_study import study
    >>> random, days = np.random.default_rng(0), pandas.bdate_range("2025-01-02", periods=80)
    >>> returns = pandas.DataFrame(random.normal(0, 0.01, (80, 3)), days, ["BMW", "VW", "F"])
    >>> found = study(returns, "2025-04-03", model="mean", estimation=(-60, -6), window=(-2, 2))
    >>> round(run("patell", found.sample((0, 1), Conventions())).p_value, 3)
    0.561
    """
    test, wanted = TESTS[name], sample.conventions
    found = test.compute(sample)
    if test.law == "draws" or (test.law == "exact" and wanted.distribution == "paper"):
        if wanted.alternative == "two-sided":
            return found
        agrees = (found.statistic > 0) == (wanted.alternative == "greater")
        return found._replace(p_value=found.p_value / 2 if agrees else 1 - found.p_value / 2)
    student = wanted.distribution == "t" or (wanted.distribution == "paper" and test.law == "t")
    df = found.df if student else np.inf
    p = tail(found.statistic, df, wanted.alternative) if np.isfinite(found.statistic) else np.nan
    return Result(found.statistic, df, float(p))
