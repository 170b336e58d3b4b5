"""How far did shares move because of an event, beyond what the market explains, and is that chance?

`study` estimates a normal return for each firm-event before its event window and returns an
`EventStudy`: abnormal returns, their sums over any window, and the tests of `event_tests` under
stated conventions. Event time counts the sessions of the firm's own exchange.

A missing return is never filled: it drops out of the estimation, its abnormal return is NaN and the
cumulative return is the sum over the days present (or, with ``missing="drop_event"``, the firm-event
leaves the window's tests). A firm-event that cannot be used is listed in `EventStudy.skipped`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from scipy import stats

from tariffmodel.markets import event_calendar
from tariffmodel.stats import event_tests as et
from tariffmodel.markets import market as markets
from tariffmodel.stats import normal_returns as nr
from tariffmodel.errors import DataError
from tariffmodel.stats.event_tests import Result
from tariffmodel.stats.normal_returns import Array, Window

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tariffmodel.facts import Facts

Factors = pd.Series | pd.DataFrame | Mapping[str, pd.Series | pd.DataFrame]
Dates = str | date | Sequence[str | date]
Events = pd.DataFrame | pd.Series | Mapping[Any, Dates] | Dates
Skips = list[tuple[object, object, object, str]]

MARKET = "market"
_ROWS = 1024  # firm-events diagnosed at a time


@dataclass(frozen=True, eq=False, repr=False)
class EventStudy:
    """Abnormal returns of firm-events, and what can be concluded from them.

    Attributes
    ----------
    firm_events : DataFrame
        The firm-events used, indexed by event and firm: `asked` (the date given), `date` (day 0),
        `rolled` (day 0 is another day than asked), `overlaps` (another event of the firm lies inside
        this event window), `days` (returns in the event window).
    skipped : DataFrame
        The others: `event`, `firm`, `date`, `reason`.
    settings : dict
        Arguments of `study`.
    terms : tuple of str
        Names of the coefficients.
    dates : DatetimeIndex
        Of the returns.
    estimates : Estimates
    timing : Timing
    """

    firm_events: pd.DataFrame
    skipped: pd.DataFrame
    settings: dict[str, Any]
    terms: tuple[str, ...]
    dates: pd.DatetimeIndex
    estimates: nr.Estimates
    timing: et.Timing

    def __repr__(self) -> str:
        return (
            f"EventStudy({len(self)} firm-events, {self.firm_events.index.unique('event').size} events, "
            f"{len(self.skipped)} skipped, model {self.settings['model']!r})"
        )

    def __len__(self) -> int:
        return len(self.firm_events)

    @property
    def window(self) -> Window:
        """First and last day of the event window."""
        return self.settings["window"]

    @cached_property
    def days(self) -> pd.Index:
        """Days relative to the event."""
        return pd.RangeIndex(self.window[0], self.window[1] + 1, name="day")

    @cached_property
    def ar(self) -> pd.DataFrame:
        """Abnormal returns, firm-event × relative day, fractions."""
        return self._frame(self.estimates.ar)

    @cached_property
    def ar_se(self) -> pd.DataFrame:
        """Standard errors of `ar`, prediction error included, divisor T − k."""
        return self._frame(nr.residual_sd(self.estimates)[:, None] * np.sqrt(1 + nr.leverage(self.estimates)))

    @cached_property
    def sar(self) -> pd.DataFrame:
        """Standardised abnormal returns: `ar` over `ar_se`."""
        return self.ar / self.ar_se

    def car(self, window: Window | None = None, **conventions: Any) -> pd.DataFrame:
        """Cumulative abnormal return of each firm-event: a sum over the window.

        Parameters
        ----------
        window : (first, last), optional
            Days relative to the event. Default: the whole event window.
        **conventions
            See `event_tests.Conventions`.

        Returns
        -------
        DataFrame
            Indexed by event and firm: `car`, `se`, `t`, `df`, `p_value` (Student), `scar`, `days` (returns
            in the window). NaN where no day is present.
        """
        sample = self._sample(window, et.conventions(conventions))
        t = sample.car / sample.se
        columns = {
            "car": sample.car,
            "se": sample.se,
            "t": t,
            "df": sample.df,
            "p_value": et.tail(t, sample.df, sample.conventions.alternative),
            "scar": sample.scar,
            "days": sample.length,
        }
        return pd.DataFrame(columns, index=self.firm_events.index)

    def bhar(self, window: Window | None = None) -> pd.DataFrame:
        """Buy-and-hold abnormal return: what holding the share earned beyond its normal return.

        ``Π(1 + R) − Π(1 + E[R])``, for log returns ``exp ΣR − exp ΣE[R]``, over the days present (Barber
        and Lyon 1997). `se` is that of the cumulative return times Π(1 + E[R]), a first-order
        approximation.

        Returns
        -------
        DataFrame
            Indexed by event and firm: `bhar`, `se`, `t`, `days`; NaN where a simple return lies below −1,
            so that it cannot be a fraction.
        """
        at = self._columns(window)
        ar, expected = self.estimates.ar[:, at], self.estimates.expected[:, at]
        log = self.settings["kind"] == "log"
        held, normal = (
            np.exp(np.nansum(moves, axis=1)) if log else np.nanprod(1 + moves, axis=1)
            for moves in (ar + expected, np.where(np.isfinite(ar), expected, np.nan))
        )
        cumulated = self.car(window)
        possible = (cumulated["days"] > 0) & (log | ~(ar + expected < -1).any(axis=1))
        bhar, se = (
            np.where(possible, held - normal, np.nan),
            np.where(possible, cumulated["se"] * normal, np.nan),
        )
        return pd.DataFrame({"bhar": bhar, "se": se, "t": bhar / se, "days": cumulated["days"]})

    @cached_property
    def aar(self) -> pd.DataFrame:
        """Average abnormal return by day: see `caar`."""
        return self._path([(day, day) for day in self.days])

    @cached_property
    def caar(self) -> pd.DataFrame:
        """Cumulative average abnormal return from the first day of the window.

        Returns
        -------
        DataFrame
            Indexed by day: `n`, `mean`, `se` (across firms, as if independent; of one firm-event, its
            prediction error), `se_adjusted` (for the correlation of firms), `positive` (share),
            `statistic` and `p_value` (Kolari-Pynnönen).
        """
        return self._path([(self.days[0], day) for day in self.days])

    def tests(
        self, window: Window | None = None, which: str | Sequence[str] = "all", **conventions: Any
    ) -> pd.DataFrame:
        """Test that the mean cumulative abnormal return over a window is zero.

        Parameters
        ----------
        window : (first, last), optional
            Default: the whole event window. One day: ``(0, 0)``.
        which : "all", "adjusted", a name of `event_tests.TESTS`, or several
            "adjusted": those that hold when firms share the event day. The `note` says which do not hold
            when the event adds variance.
        **conventions
            See `event_tests.Conventions`.

        Returns
        -------
        DataFrame
            Indexed by test, adjusted ones first: `label`, `statistic`, `df` (inf: standard normal; NaN:
            p-value from draws), `p_value`, `n`, `adjusted`, `note`.

        Raises
        ------
        DataError
            Unknown tests or conventions, or a window outside the event window.
        """
        names = et.chosen(which)
        sample = self._tested(window, et.conventions(conventions))[1]
        rows = {}
        for name in names:
            test, found = et.TESTS[name], et.run(name, sample)
            rows[name] = (test.label, *found, sample.n, test.adjusted, test.note(found))
        columns = ["label", "statistic", "df", "p_value", "n", "adjusted", "note"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("test")

    def windows(
        self,
        windows: Sequence[Window] = ((0, 0), (-1, 1)),
        which: str | Sequence[str] = ("kp_bmp", "crude_dependence", "corrado_zivney"),
        **conventions: Any,
    ) -> pd.DataFrame:
        """Mean cumulative abnormal return over several windows, with tests.

        Returns
        -------
        DataFrame
            Indexed by window ("[-1, 1]"): `n`, `caar`, `se`, `se_adjusted`, `positive`, `bhar` (mean), then
            for each test its statistic, under its name, and ``<name>_p``.
        """
        wanted, names = et.conventions(conventions), et.chosen(which)
        rows = {}
        for window in windows:
            study, sample = self._tested(window, wanted)
            row = sample.averages() | {"bhar": float(study.bhar(window)["bhar"].mean())}
            for name in names:
                found = et.run(name, sample)
                row |= {name: found.statistic, f"{name}_p": found.p_value}
            rows[f"[{window[0]}, {window[1]}]"] = row
        frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("window")
        return frame.rename(columns={"mean": "caar"})

    def table(self, windows: Sequence[Window] | None = None, **conventions: Any) -> pd.DataFrame:
        """`windows` over day 0, days −1 to 1, −5 to 5 and the whole window, as far as they fit."""
        first, last = self.window
        usual = [(0, 0), (0, 1), (-1, 1), (-5, 5), (first, last)]
        fitting = dict.fromkeys(w for w in usual if first <= w[0] and w[1] <= last)
        return self.windows(windows or list(fitting), **conventions)

    def by_event(
        self, window: Window | None = None, which: str = "kp_bmp", **conventions: Any
    ) -> pd.DataFrame:
        """Every event by itself, with p-values that allow for having tested all of them.

        Returns
        -------
        DataFrame
            Indexed by event, in order of date: `date` (first day 0), `n`, `caar`, `se`, `se_adjusted`,
            `positive`, `statistic`, `p_value`, `p_holm` (Holm 1979), `p_bh` (Benjamini and Hochberg 1995)
            and `p_romano_wolf`, which takes the portfolio's own estimation window, drawn by stationary
            bootstrap, for the null of ``CAAR / (S √L)``. Events of one firm have no p-value under
            most tests, those without a return in the window have nothing but ``n = 0``.
        """
        from statsmodels.stats.multitest import multipletests  # slow to import

        if which not in et.TESTS:
            raise DataError(f"by_event takes one test, not {which!r}; there are {', '.join(et.TESTS)}")
        wanted = et.conventions(conventions)
        random = np.random.default_rng(wanted.seed)
        rows, portfolio, null = {}, [], []
        usable = self._tested(window, wanted)[0]
        for event in usable.firm_events.index.unique("event"):
            study = usable.select(events=[event])
            sample = study._sample(window, wanted)
            found = et.run(which, sample)
            rows[event] = {
                "date": study.firm_events["date"].min(),
                **sample.averages(),
                "statistic": found.statistic,
                "p_value": found.p_value,
            }
            series = sample.portfolio[np.isfinite(sample.portfolio)]
            days = int(np.isfinite(sample.average).sum())
            scale = series.std(ddof=1) * np.sqrt(days)
            portfolio.append(np.nansum(sample.average) / scale)
            null.append(et.resampled_sums(series, days, wanted.draws, random, wanted.block) / scale)
        frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("event")
        known = frame["p_value"].notna().to_numpy()
        for column, method in (("p_holm", "holm"), ("p_bh", "fdr_bh")):
            frame[column] = np.nan
            if known.any():
                frame.loc[known, column] = multipletests(frame.loc[known, "p_value"], method=method)[1]
        frame["p_romano_wolf"] = et.romano_wolf(np.array(portfolio), np.column_stack(null))
        frame = frame.reindex(self.firm_events.index.unique("event")).rename(columns={"mean": "caar"})
        frame = frame.assign(n=frame["n"].fillna(0).astype(int))
        return frame.sort_values("date", kind="stable")

    @cached_property
    def estimation(self) -> pd.DataFrame:
        """What was estimated for each firm-event, and whether the residuals look as assumed.

        Returns
        -------
        DataFrame
            Indexed by event and firm. `alpha`, slopes under the factors' names, each with ``_se``; `sigma`
            (residual standard deviation a day, divisor T − k); `r_squared`; `n`; p-values of
            `jarque_bera_p` (normality), `ljung_box_p` (autocorrelation, 5 lags), `arch_lm_p` (Engle 1982,
            5 lags), `cusum_p` (coefficients constant: OLS-CUSUM, Ploberger and Krämer 1992); `gap_t`, the
            t of the sum of abnormal returns in the gap between the windows (a trend before the event).
        """
        of = self.estimates
        columns: dict[str, Array] = {}
        for place, term in enumerate(self.terms):
            columns |= {term: of.coefficients[:, place], f"{term}_se": of.errors[:, place]}
        columns |= {"sigma": nr.residual_sd(of), "r_squared": 1 - of.rss / of.tss, "n": of.observations}
        blocks = [nr.diagnostics(of.residuals[start : start + _ROWS]) for start in range(0, len(self), _ROWS)]
        columns |= {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
        return pd.DataFrame(columns | {"gap_t": of.gap_t}, index=self.firm_events.index)

    def select(self, events: Sequence[str] | None = None, firms: Sequence[str] | None = None) -> EventStudy:
        """The same study for some events or firms; nothing is estimated again.

        Raises
        ------
        DataError
            If no firm-event is left.
        """
        keep = np.ones(len(self), dtype=bool)
        for level, wanted in (("event", events), ("firm", firms)):
            if wanted is not None:
                keep &= self.firm_events.index.isin([wanted] if isinstance(wanted, str) else wanted, level)
        if not keep.any():
            raise DataError(
                "no firm-event has these events and firms; see study.firm_events and study.skipped"
            )
        left = np.ones(len(self.skipped), dtype=bool)
        for column, wanted in (("event", events), ("firm", firms)):
            if wanted is not None:
                left &= self.skipped[column].isin([wanted] if isinstance(wanted, str) else wanted).to_numpy()
        return replace(self._rows(keep), skipped=self.skipped[left].reset_index(drop=True))

    def volatility(self, window: Window | None = None) -> tuple[pd.Series, Result]:
        """Variance across firms on each day over the usual one, and its test.

        See `event_tests.abnormal_volatility`.
        """
        at = self._columns(window)
        variance = (nr.residual_sd(self.estimates)[:, None] ** 2) * (1 + nr.leverage(self.estimates)[:, at])
        ratio, test = et.abnormal_volatility(self.estimates.ar[:, at], variance)
        return pd.Series(ratio, index=self.days[at], name="variance_ratio"), test

    def calendar_time(self, window: Window | None = None) -> pd.DataFrame:
        """Portfolio of the firms that are in their event window, by calendar day (Jaffe 1974; Mandelker 1974).

        Returns
        -------
        DataFrame
            Indexed by date: `firms` and their `mean` abnormal return. The test `calendar_time` asks whether
            the mean over days is zero.
        """
        at = self._columns(window)
        ar, places = self.estimates.ar[:, at], self.timing.dates(self.days[at].to_numpy())
        here = np.isfinite(ar)
        by_date = pd.Series(ar[here], self.dates[places[here]]).groupby(level=0)
        return pd.DataFrame({"firms": by_date.size(), "mean": by_date.mean()}).rename_axis("date")

    def summary(self, window: Window | None = None, **conventions: Any) -> str:
        """The study in words: what was done, under which conventions, and what came out."""
        wanted, rows = et.conventions(conventions), self.firm_events
        first, last = self._span(window)
        text = [
            f"Event study: {len(rows)} firm-events, {rows.index.unique('event').size} events, "
            f"{rows.index.unique('firm').size} firms; day 0 from {rows['date'].min():%Y-%m-%d} "
            f"to {rows['date'].max():%Y-%m-%d}",
            *(f"  {name}: {value}" for name, value in self.settings.items()),
            f"  event time: {'sessions of each exchange' if self.settings['calendars'] else 'rows'}",
            f"  day 0 moved to another session: {rows['rolled'].sum()}; event windows with another event "
            f"of the firm inside: {rows['overlaps'].sum()}; incomplete event windows: "
            f"{(rows['days'] < len(self.days)).sum()}",
            f"  skipped: {len(self.skipped)}"
            + "".join(f"\n    {n} × {why}" for why, n in self.skipped["reason"].value_counts().items()),
            "Conventions of the tests",
            *(f"  {name}: {value}" for name, value in asdict(wanted).items()),
            f"Tests over days {first} to {last}",
        ]
        sample = self._tested(window, wanted)[1]
        average = sample.averages()
        text += [
            f"  mean cumulative abnormal return {average['mean']:+.4%} (standard error {average['se']:.4%}, "
            f"adjusted for correlation {average['se_adjusted']:.4%}); positive: {average['positive']:.0%}",
            f"  mean correlation of the firm-events' residuals: {sample.correlation:.4f}",
            self.tests(window, **conventions)[["label", "statistic", "df", "p_value", "n"]].to_string(
                index=False, float_format=lambda number: f"{number:.4f}"
            ),
        ]
        return "\n".join(text)

    def to_latex(self, windows: Sequence[Window] | None = None, **conventions: Any) -> str:
        """`table` in LaTeX, with the choices as caption."""
        frame = self.table(windows, **conventions)
        frame.columns = [str(name).replace("_", " ") for name in frame.columns]
        frame.index = [f"{{{window}}}" for window in frame.index]  # a row that begins with [ breaks LaTeX
        first, last = self.settings["estimation"]
        other = "".join(f", {name.replace('_', ' ')} {value}" for name, value in conventions.items())
        return frame.to_latex(
            float_format="%.4f",
            caption=f"{len(self)} firm-events, {self.settings['model'].replace('_', ' ')} model by "
            f"{self.settings['method']} on days {first} to {last}{other}",
        )

    def to_excel(self, path: str | Path, **conventions: Any) -> None:
        """Every result in one workbook: a sheet each, and the summary."""
        sheets = {
            "table": self.table(**conventions),
            "tests": self.tests(**conventions),
            "by_event": self.by_event(**conventions),
            "aar": self.aar,
            "caar": self.caar,
            "calendar_time": self.calendar_time(),
            "car": self.car(**conventions),
            "bhar": self.bhar(),
            "ar": self.ar,
            "estimation": self.estimation,
            "firm_events": self.firm_events,
            "skipped": self.skipped,
            "summary": pd.DataFrame({"summary": self.summary(**conventions).splitlines()}),
        }
        with pd.ExcelWriter(path) as book:
            for name, frame in sheets.items():
                frame.to_excel(book, sheet_name=name, merge_cells=False)

    def plot(self, level: float = 0.95) -> Figure:
        """Average abnormal return by day and its sum, with intervals adjusted for correlation."""
        from matplotlib import pyplot as plt  # slow to import
        from matplotlib.ticker import MaxNLocator

        first, last = self.window
        end = self.caar.loc[last]
        with plt.style.context("tariffmodel.house", after_reset=True):
            figure, (top, bottom) = plt.subplots(2, 1, sharex=True, figsize=(6.3, 4.2), layout="constrained")
            for axis, frame, label in ((top, self.aar, "mean, %"), (bottom, self.caar, "cumulated, %")):
                mean = 100 * frame["mean"]
                df = np.where(frame["n"] > 1, frame["n"] - 1, np.inf)  # one has its own, long estimation
                half = 100 * frame["se_adjusted"] * stats.t.ppf((1 + level) / 2, df)
                if axis is top:
                    axis.bar(frame.index, mean, width=0.6, color="#BBBBBB")
                    axis.vlines(frame.index, mean - half, mean + half, color="#222222", linewidth=0.9)
                else:
                    axis.fill_between(frame.index, mean - half, mean + half, color="#DDDDDD", linewidth=0)
                    axis.plot(frame.index, mean, color="#222222")
                axis.axhline(0, linewidth=0.5, color="#222222")
                axis.axvline(-0.5, linewidth=0.5, color="#666666", linestyle=":")
                axis.set_ylabel(label)
            bottom.xaxis.set_major_locator(MaxNLocator(integer=True))
            bottom.set_xlabel(
                f"sessions from the event; intervals: {level:.0%}, adjusted for the correlation of firms"
            )
            chance = "" if np.isnan(end["p_value"]) else f", p {end['p_value']:.2g}"
            figure.suptitle(
                f"Abnormal return of {end['n']:.0f} firm-events: {end['mean']:+.1%} "
                f"over days {first} to {last}{chance}"
            )
        return figure

    def _frame(self, values: Array) -> pd.DataFrame:
        return pd.DataFrame(values, index=self.firm_events.index, columns=self.days)

    def _rows(self, keep: Array) -> EventStudy:
        return replace(
            self,
            firm_events=self.firm_events[keep],
            estimates=self.estimates.take(keep),
            timing=self.timing.take(keep),
        )

    def _span(self, window: Window | None) -> Window:
        if window is None:
            return self.window
        first, last = _pair("window", window)
        if not self.window[0] <= first <= last <= self.window[1]:
            raise DataError(
                f"window ({first}, {last}) is not inside the event window {self.window}; "
                "pass a wider window to study"
            )
        return first, last

    def _columns(self, window: Window | None) -> slice:
        first, last = self._span(window)
        return slice(first - self.window[0], last - self.window[0] + 1)

    def _sample(self, window: Window | None, wanted: et.Conventions) -> et.Sample:
        at = self._columns(window)
        return et.Sample(self.estimates, self.timing, at, self.window[0], wanted, lambda: self._paired)

    def _tested(self, window: Window | None, wanted: et.Conventions) -> tuple[EventStudy, et.Sample]:
        """The firm-events with the returns that the window needs."""
        sample = self._sample(window, wanted)
        if sample.enough.all():
            return self, sample
        if not sample.enough.any():
            raise DataError(
                "no firm-event has the returns of this window; see column days of study.car(window)"
            )
        study = self._rows(sample.enough)
        return study, study._sample(window, wanted)

    def _path(self, windows: Sequence[Window]) -> pd.DataFrame:
        rows = []
        for window in windows:
            _, sample = self._tested(window, et.Conventions())
            found = et.run("kp_bmp", sample)
            rows.append(sample.averages() | {"statistic": found.statistic, "p_value": found.p_value})
        return pd.DataFrame(rows, index=self.days)

    @cached_property
    def _paired(self) -> tuple[Array, Array]:
        first, last = self.settings["estimation"]
        return et.paired_correlations(
            self.estimates.residuals, self.timing, np.arange(first, last + 1), len(self.days)
        )


def study(
    returns: pd.DataFrame | pd.Series,
    events: Events,
    *,
    market: pd.Series | pd.DataFrame | None = None,
    factors: Factors | None = None,
    model: Literal["mean", "market_adjusted", "market", "factors"] = "market",
    estimation: Window | int = (-250, -11),
    window: Window = (-10, 10),
    min_estimation: float = 0.5,
    method: Literal["ols", "scholes-williams", "dimson", "fowler-rorke", "garch"] = "ols",
    lags: int = 1,
    moments: Literal["firm", "window"] = "firm",
    risk_free: pd.Series | None = None,
    calendars: Mapping[str, str] | None = None,
    roll: Literal["next", "previous", "error"] = "next",
    duplicates: Literal["merge", "keep", "error"] = "merge",
    kind: Literal["simple", "log"] = "simple",
) -> EventStudy:
    """Estimate normal returns before each event and abnormal returns around it.

    Parameters
    ----------
    returns : DataFrame, or Series of one firm
        Date × firm, fractions; NaN is no return. Dates ascending, without time zone.
    events : DataFrame, mapping, date or list of dates
        Columns `firm`, `date` (day 0: the first session that could react) and optionally `event`, a label
        that firms hit by the same news share. Default label: the date. Or firm → date or dates. Or one or
        more dates that concern all firms of `returns`.
    market : Series or DataFrame, optional
        Benchmark return by date, one for all or one column per firm.
    factors : Series, DataFrame or mapping, optional
        By date, one set for all; or firm → frame, or a frame indexed by firm and date, for sets of the
        firm's own, whose columns may differ.
    model : str
        - "mean": R = μ + e (Brown and Warner 1980);
        - "market_adjusted": R − R_m, nothing estimated but the variance about the mean;
        - "market": R = α + βR_m + e (Sharpe 1963);
        - "factors": R = α + Σ β_j f_j + e, the market first if given (market + FX; Fama and French 1993).
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
    moments : "firm" or "window"
        Mean and variance of market and factors in the prediction error: over the days on which the firm
        has a return, as regression has it, or over all days of the estimation window. They differ only
        where a firm's returns are missing.
    risk_free : Series, optional
        Subtracted from returns and market: the market model becomes the CAPM with an intercept.
    calendars : mapping, optional
        Firm → exchange. Event time then counts sessions of the exchange: rows on which at least one of
        its firms has a return. Without it every row is a session.
    roll : "next", "previous" or "error"
        What to do with a day 0 on which the exchange has no session.
    duplicates : "merge", "keep" or "error"
        Of two events on one session of a firm: count the first; count both (only the tests for
        correlated firms allow for it); refuse.
    kind : "simple" or "log"
        What the returns are; `EventStudy.bhar` compounds accordingly.

    Raises
    ------
    DataError
        Inputs that do not fit together, or no firm-event that can be used; single ones are skipped.
    """
    if isinstance(returns, pd.Series):
        returns = returns.to_frame()
    _check(returns, "returns")
    estimation, window, needed = _check_windows(estimation, window, min_estimation)
    _check_choice("model", model, nr.MODELS)
    _check_choice("method", method, nr.METHODS)
    _check_choice("moments", moments, ("firm", "window"))
    if lags < 1:
        raise DataError(f"lags {lags}: write 1 or more leads and lags")
    _check_choice("roll", roll, ("next", "previous", "error"))
    _check_choice("duplicates", duplicates, ("merge", "keep", "error"))
    _check_choice("kind", kind, ("simple", "log"))
    if method not in ("ols", "garch") and model != "market":
        raise DataError(f"method {method!r} estimates a market beta; use it with model='market'")
    if model in ("market_adjusted", "market") and market is None:
        raise DataError(f"model {model!r} needs market=; pass the benchmark's returns")
    if model == "factors" and factors is None:
        raise DataError("model 'factors' needs factors=; pass a Series or DataFrame by date")
    if model != "factors" and factors is not None:
        raise DataError(f"factors are given but model {model!r} does not use them; use model='factors'")
    settings = {
        "model": model, "method": method, "estimation": estimation, "window": window, "needed": needed,
        "moments": moments, "kind": kind, "calendars": calendars is not None, "roll": roll, "duplicates": duplicates,
    }  # fmt: skip
    asked, skipped = _asked(_event_rows(events, returns))
    regressors = _regressors(returns, market, factors, model, risk_free)
    sessions, exchange = _sessions(returns, calendars)
    rows, more = _place(asked, returns, sessions, exchange, roll, duplicates)
    values, riskless = returns.to_numpy(dtype=float), None
    if risk_free is not None:
        riskless = _series(risk_free, "risk_free", returns).to_numpy(dtype=float)
        values = values - riskless[:, None]
    setup = nr.Setup(model, method, lags, estimation, window, moments)
    terms, estimates = nr.estimate(values, regressors, rows, sessions, setup)
    reasons = nr.unusable(estimates, needed, rows["known"].to_numpy())
    usable = pd.isna(reasons)
    skipped += more + _skips(rows, reasons)
    unused = pd.DataFrame(skipped, columns=["event", "firm", "date", "reason"])
    if not usable.any():
        found = "; ".join(f"{n} × {why}" for why, n in unused["reason"].value_counts().items())
        raise DataError(f"no firm-event can be used: {found}. Check the dates, firms and windows")
    if not usable.all():
        estimates, rows = estimates.take(usable), rows[usable].reset_index(drop=True)
    labels = list(sessions)
    timing = et.Timing(
        pd.factorize(rows["event"])[0],
        rows["exchange"].map({label: number for number, label in enumerate(labels)}).to_numpy(),
        rows["position"].to_numpy(),
        tuple(sessions.values()),
    )
    if riskless is not None:  # normal returns are of the share, not in excess of the bill
        days = timing.dates(np.arange(window[0], window[1] + 1))
        estimates = replace(estimates, expected=estimates.expected + np.append(riskless, np.nan)[days])
    table = pd.DataFrame(
        {
            "asked": rows["asked"].to_numpy(),
            "date": rows["date"].to_numpy(),
            "rolled": (rows["asked"] != rows["date"]).to_numpy(),
            "overlaps": _overlaps(rows, window),
            "days": np.isfinite(estimates.ar).sum(axis=1),
        },
        index=pd.MultiIndex.from_frame(rows[["event", "firm"]]),
    )
    return EventStudy(table, unused, settings, terms, returns.index, estimates, timing)


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
    """
    lowest = np.nanmin(volume.to_numpy(dtype=float)) + constant if volume.size else np.nan
    if not lowest > 0:
        raise DataError(
            f"volume + constant falls to {lowest}, which has no logarithm; "
            "pass a constant such as 0.000255 (turnover in percent), or NaN for days without trade"
        )
    arguments = {"model": "mean" if market is None else "market", "kind": "log"} | arguments
    logs = None if market is None else np.log(market + constant)
    return study(np.log(volume + constant), events, market=logs, **arguments)


def tariff_study(
    facts: Facts,
    *,
    events: Sequence[str] | None = None,
    tickers: Sequence[str] | None = None,
    model: Literal["mean", "market_adjusted", "market", "market_fx"] = "market",
    window: Window = (-10, 10),
    kind: Literal["simple", "log"] = "simple",
    **arguments: Any,
) -> EventStudy:
    """The events of data/events on makers' shares, each against the index of its own market.

    Parameters
    ----------
    events : sequence of str, optional
        Labels of `event_calendar.table`. Default: all.
    tickers : sequence of str, optional
        Default: the home line of every maker that has prices.
    model : str
        As `study`; "market_fx" adds the move of the home currency per dollar and, where the fixing comes
        after the close, its lag, otherwise its lead (`market.asynchrony`); dollar lines have no FX term.
    **arguments
        As `study`. Two events on one session are both kept: `EventStudy.by_event` shows each.

    Raises
    ------
    DataError
        Unknown tickers, or markets without a benchmark.
    """
    if model not in ("mean", "market_adjusted", "market", "market_fx"):
        raise DataError(f"model {model!r}: write 'mean', 'market_adjusted', 'market' or 'market_fx'")
    lines = _home_lines(facts) if tickers is None else list(tickers)
    moves = markets.returns(facts, lines, kind=kind)
    calendars = facts.instruments.loc[lines, "exchange_calendar"].to_dict()
    factors = {line: _line_factors(facts, line, kind, model == "market_fx") for line in lines}
    wanted = event_calendar.firm_events(facts, lines, events)
    common = {"window": window, "kind": kind, "calendars": calendars, "duplicates": "keep"} | arguments
    if model == "market_fx":
        return study(moves, wanted, factors=factors, model="factors", **common)
    if model == "mean":
        return study(moves, wanted, model="mean", **common)
    own = pd.DataFrame({line: frame[MARKET] for line, frame in factors.items()}).reindex(moves.index)
    return study(moves, wanted, market=own, model=model, **common)


def _line_factors(facts: Facts, line: str, kind: Literal["simple", "log"], fx: bool) -> pd.DataFrame:
    """Index of the line's market and, if asked, its currency per dollar, on the line's sessions."""
    on, currency = facts.instruments.loc[line, ["exchange_calendar", "currency"]]
    index = markets.benchmark(facts, line)
    if not fx or currency == "USD":
        return markets.factors(facts, [index], on, kind=kind).set_axis([MARKET], axis=1)
    add = markets.asynchrony(facts, [currency], on).at[currency, "add"]
    found = markets.factors(
        facts, [index, currency], on, kind=kind, lags=int(add == "lag"), leads=int(add == "lead")
    )
    columns = {index: MARKET, currency: "fx", f"{currency}_{add}1": f"fx_{add}1"}
    return found[[name for name in columns if name in found]].rename(columns=columns)


def _home_lines(facts: Facts) -> list[str]:
    return [line for line in facts.makers["ticker"].dropna() if line in facts.prices]


def _check(frame: pd.DataFrame | pd.Series, name: str) -> None:
    if not isinstance(frame, pd.DataFrame | pd.Series):
        raise DataError(f"{name} is a {type(frame).__name__}; pass a pandas Series or DataFrame by date")
    index = frame.index
    if not isinstance(index, pd.DatetimeIndex):
        raise DataError(f"{name} is indexed by {type(index).__name__}; use pd.to_datetime on its dates")
    if index.tz is not None:
        raise DataError(
            f"{name} carries the time zone {index.tz}; use dates: tz_localize(None) or tz_convert first"
        )
    if (odd := index != index.normalize()).any():
        raise DataError(f"{name} carries times of day ({index[odd][0]}); one row per date: index.normalize()")
    if not index.is_unique:
        raise DataError(f"{name} has {index[index.duplicated()][0]:%Y-%m-%d} twice; keep one row per date")
    if not index.is_monotonic_increasing:
        raise DataError(f"{name} is not in order of date; use sort_index()")
    if isinstance(frame, pd.DataFrame) and not frame.columns.is_unique:
        raise DataError(f"{name} has the column {frame.columns[frame.columns.duplicated()][0]!r} twice")
    try:
        infinite = np.isinf(frame.to_numpy(dtype=float))
    except (TypeError, ValueError):
        raise DataError(f"{name} holds values that are not numbers; convert them, NaN for none") from None
    if infinite.any():
        day = index[np.nonzero(infinite)[0][0]]
        raise DataError(f"{name} is infinite on {day:%Y-%m-%d}; a price of zero? Use NaN for no return")


def _check_windows(estimation: Window | int, window: Window, share: float) -> tuple[Window, Window, int]:
    first, last = window = _pair("window", window)
    if first > last:
        raise DataError(f"window {window} ends before it begins")
    if isinstance(estimation, int | np.integer):
        estimation = (first - int(estimation), first - 1)
    start, end = estimation = _pair("estimation", estimation)
    if start > end:
        raise DataError(f"estimation {estimation} ends before it begins; days before the event are negative")
    if end >= first:
        raise DataError(
            f"estimation {estimation} overlaps the event window {window}; let it end before day {first}"
        )
    days = end - start + 1
    if days < 10:
        raise DataError(f"estimation window of {days} days is too short; use 10 or more, better 100 to 250")
    if not 0 < share <= days:
        raise DataError(f"min_estimation {share}: a share of the {days} days (0 to 1), or a number of days")
    return estimation, window, int(np.ceil(share * days if share <= 1 else share))


def _pair(name: str, window: object) -> Window:
    days = list(window) if isinstance(window, Sequence) else []
    if len(days) != 2 or not all(isinstance(day, int | np.integer) for day in days):
        raise DataError(
            f"{name} {window!r}: write its first and last day, such as (-1, 1), or (0, 0) for one"
        )
    return int(days[0]), int(days[1])


def _check_choice(name: str, value: object, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise DataError(f"{name} {value!r}: write one of {', '.join(map(repr, allowed))}")


def _series(series: pd.Series, name: str, returns: pd.DataFrame) -> pd.Series:
    _check(series, name)
    return series.reindex(returns.index)


def _skips(rows: pd.DataFrame, reasons: Array | str) -> Skips:
    """Firm-events that have a reason, with it."""
    reasons = np.broadcast_to(np.asarray(reasons, dtype=object), len(rows))
    out = ~pd.isna(reasons)
    return list(zip(rows["event"][out], rows["firm"][out], rows["asked"][out], reasons[out]))


def _event_rows(events: Events, returns: pd.DataFrame) -> pd.DataFrame:
    """Events in any form that `study` takes as rows of firm and date."""
    if isinstance(events, pd.DataFrame):
        return events
    if isinstance(events, pd.Series | Mapping):
        pairs = list(events.items())
    else:
        pairs = [(firm, day) for day in _listed(events) for firm in returns]
    rows = [(firm, day) for firm, days in pairs for day in _listed(days)]
    return pd.DataFrame(rows, columns=["firm", "date"])


def _listed(days: Dates) -> list[Any]:
    return [days] if pd.api.types.is_scalar(days) else list(days)


def _asked(events: pd.DataFrame) -> tuple[pd.DataFrame, Skips]:
    """Firm-events as asked: columns event, firm, asked; repeated rows go to the skipped."""
    if missing := {"firm", "date"} - set(events.columns):
        raise DataError(
            f"events has no column {', '.join(sorted(missing))}; it needs firm and date, and event"
        )
    try:
        dates = pd.to_datetime(events["date"], format="ISO8601")
    except (TypeError, ValueError) as error:
        first = str(error).splitlines()[0]
        raise DataError(f"events: a date cannot be read ({first}); write 2025-07-23") from None
    if dates.dt.tz is not None:
        raise DataError(f"events: date carries the time zone {dates.dt.tz}; use the exchange's own dates")
    label = events["event"] if "event" in events else dates.dt.strftime("%Y-%m-%d")
    asked = pd.DataFrame(
        {
            "event": label.to_numpy(),
            "firm": events["firm"].to_numpy(),
            "asked": dates.dt.normalize().dt.as_unit("us").to_numpy(),
        }
    )
    if asked.empty:
        raise DataError("events is empty; pass at least one row of firm and date")
    if asked[["event", "firm"]].isna().any(axis=None):
        row = int(np.flatnonzero(asked[["event", "firm"]].isna().any(axis=1))[0])
        raise DataError(f"events row {row}: event or firm is empty; name both")
    repeated = asked.duplicated()
    skipped = _skips(asked[repeated], "repeats an earlier row")
    asked = asked[~repeated]
    twice = asked.duplicated(["event", "firm"])
    if twice.any():
        event, firm, day = asked[twice].iloc[0]
        raise DataError(
            f"events: {event!r} has {firm!r} on two dates, the second {day:%Y-%m-%d}; "
            "give each its own event label"
        )
    undated = asked["asked"].isna()
    skipped += _skips(asked[undated], "no date")
    return asked[~undated].reset_index(drop=True), skipped


def _sessions(
    returns: pd.DataFrame, calendars: Mapping[str, str] | None
) -> tuple[dict[str, Array], dict[str, str]]:
    """Rows that are sessions of each exchange, and the exchange of each firm."""
    if calendars is None:
        return {"": np.arange(len(returns))}, dict.fromkeys(returns.columns, "")
    if missing := [firm for firm in returns.columns if firm not in calendars]:
        raise DataError(f"calendars names no exchange for {', '.join(map(str, missing[:5]))}; add them")
    exchange = {firm: str(calendars[firm]) for firm in returns.columns}
    seen = np.isfinite(returns.to_numpy(dtype=float))
    labels = np.array([exchange[firm] for firm in returns.columns])
    return {
        label: np.flatnonzero(seen[:, labels == label].any(axis=1)) for label in dict.fromkeys(labels)
    }, exchange


def _place(
    asked: pd.DataFrame,
    returns: pd.DataFrame,
    sessions: dict[str, Array],
    exchange: dict[str, str],
    roll: str,
    duplicates: str,
) -> tuple[pd.DataFrame, Skips]:
    """Day 0 of each firm-event: columns column, exchange, position (a session), date, known."""
    rows = asked.assign(
        column=returns.columns.get_indexer(asked["firm"]), exchange=asked["firm"].map(exchange), position=-1
    )
    reason = np.full(len(rows), None, dtype=object)
    reason[rows["column"] < 0] = "the firm has no column in returns"
    position, date = np.full(len(rows), -1), rows["asked"].to_numpy().copy()
    for label, here in rows.groupby("exchange").indices.items():
        days = returns.index.to_numpy()[sessions[label]]
        wanted = rows["asked"].to_numpy()[here]
        found = np.searchsorted(days, wanted, side="left")
        exact = np.isin(wanted, days)
        outside = (wanted < days[0]) | (wanted > days[-1]) if len(days) else np.ones(len(here), dtype=bool)
        if roll == "error" and (~exact & ~outside).any():
            row = here[np.flatnonzero(~exact & ~outside)[0]]
            raise DataError(
                f"events: {rows['asked'].iloc[row]:%Y-%m-%d} is no session for {rows['firm'].iloc[row]}; "
                "correct the date, or use roll='next'"
            )
        if roll == "previous":
            found = np.where(exact, found, found - 1)
        reason[here[outside]] = "day 0 lies outside the returns of its exchange"
        position[here] = np.where(outside, -1, found)
        date[here[~outside]] = days[found[~outside]]
    rows = rows.assign(position=position, date=date, known=False)
    known = np.isfinite(returns.to_numpy(dtype=float)).any(axis=0)
    rows["known"] = np.where(rows["column"] >= 0, known[rows["column"]], True) if len(known) else True
    usable = pd.isna(reason)
    same = usable & rows.assign(usable=usable).duplicated(["firm", "position", "usable"]).to_numpy()
    if duplicates == "error" and same.any():
        row = rows[same].iloc[0]
        raise DataError(
            f"events: {row.firm!r} has two events on {row.date:%Y-%m-%d}; use duplicates='merge' or 'keep'"
        )
    if duplicates == "merge":
        reason[same] = "another event of the firm falls on the same session; it is counted there"
    out = ~pd.isna(reason)
    skipped = _skips(rows, reason)
    return rows[~out].reset_index(drop=True), skipped


def _overlaps(rows: pd.DataFrame, window: Window) -> Array:
    """Does another event of the firm have its day 0 inside this event window?"""
    order = rows.sort_values(["firm", "position"], kind="stable")
    after = order.groupby("firm")["position"].shift(-1) - order["position"]
    before = order["position"] - order.groupby("firm")["position"].shift(1)
    near = (after <= window[1]) | (before <= -window[0]) | (after == 0) | (before == 0)
    return near.reindex(rows.index).to_numpy()


def _regressors(
    returns: pd.DataFrame,
    market: pd.Series | pd.DataFrame | None,
    factors: Factors | None,
    model: str,
    risk_free: pd.Series | None,
) -> dict[object, pd.DataFrame]:
    """Regressors on the dates of the returns: one frame under None for all firms, or one per firm."""
    if model == "mean":
        return {None: pd.DataFrame(index=returns.index)}
    own: dict[object, list[pd.DataFrame]] = {}
    shared: list[pd.DataFrame] = []
    for given, name in ((market, MARKET), (factors, "factors")):
        if given is None:
            continue
        for firm, frame in _by_firm(given, name, returns).items():
            if name == MARKET and risk_free is not None:
                frame = frame.sub(_series(risk_free, "risk_free", returns), axis=0)
            if firm is None:
                shared.append(frame)
            else:
                own.setdefault(firm, []).append(frame)
    if not own:
        return {None: _joined(shared)}
    return {firm: _joined(shared + frames) for firm, frames in own.items()}


def _by_firm(given: Any, name: str, returns: pd.DataFrame) -> dict[object, pd.DataFrame]:
    if isinstance(given, pd.Series):
        label = MARKET if name == MARKET else str(given.name or "factor")
        _check(given, name)
        return {None: given.rename(label).to_frame().reindex(returns.index)}
    if isinstance(given, pd.DataFrame) and isinstance(given.index, pd.MultiIndex):
        given = {firm: frame.droplevel(0) for firm, frame in given.groupby(level=0)}
    if isinstance(given, Mapping):
        return {firm: one for firm, frame in given.items() for one in _by_firm(frame, name, returns).values()}
    _check(given, name)
    given = given.reindex(returns.index)
    if name != MARKET:
        return {None: given}
    if given.shape[1] == 1 and given.columns[0] not in returns:  # the index itself, in a frame
        return {None: given.set_axis([MARKET], axis=1)}
    return {firm: given[[firm]].set_axis([MARKET], axis=1) for firm in given.columns}


def _joined(frames: list[pd.DataFrame]) -> pd.DataFrame:
    joined = pd.concat(frames, axis=1)
    if not joined.columns.is_unique or "alpha" in joined:
        raise DataError(
            f"factors are named {', '.join(map(str, joined.columns))}; names must differ, none 'alpha'"
        )
    return joined
