"""What can be concluded from the abnormal returns of firm-events?

`EventStudy` holds what `event_study.study` estimated: abnormal returns, their sums over any window,
and the tests of `event_tests` under stated conventions.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from tariffmodel.errors import DataError
from tariffmodel.stats import event_tests as et
from tariffmodel.stats import normal_returns as nr
from tariffmodel.stats.calendar_time import Errors, alpha, portfolio
from tariffmodel.stats.event_inputs import on_dates, pair
from tariffmodel.stats.event_tests import Result
from tariffmodel.stats.groups import Groups, compare, holm, split
from tariffmodel.stats.normal_returns import Array, Window
from tariffmodel.stats.regression import Fit

_ROWS = 1024  # firm-events diagnosed at a time

__all__ = ["EventStudy"]


@dataclass(frozen=True, eq=False, repr=False)
class EventStudy:
    """Abnormal returns of firm-events, and what can be concluded from them.

    Attributes
    ----------
    firm_events : DataFrame
        The firm-events used, indexed by event and firm: `asked` (the date given, with its time of day),
        `date` (day 0), `rolled` (day 0 is another day than asked), `overlaps` (another event of the firm
        lies inside this event window), `days` (returns in the event window).
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

    Examples
    --------
    >>> from tariffmodel.stats.event_study import study
    >>> random, days = np.random.default_rng(0), pd.bdate_range("2025-01-02", periods=80)
    >>> market = pd.Series(random.normal(0, 0.01, 80), days)
    >>> returns = pd.DataFrame({f: market + random.normal(0, 0.01, 80) for f in ("BMW", "VW", "F")}, days)
    >>> returns.loc["2025-04-03"] -= 0.05
    >>> found = study(returns, "2025-04-03", market=market, estimation=(-60, -6), window=(-2, 2))
    >>> found, found.window, found.days.tolist()
    (EventStudy(3 firm-events, 1 events, 0 skipped, model 'market'), (-2, 2), [-2, -1, 0, 1, 2])
    >>> found.coefficients("market").round(2).iloc[0].tolist()
    [1.06, 1.06, 1.06, 1.06, 1.06]
    >>> found.ar.shape == found.ar_se.shape == found.sar.shape, list(found.aar) == list(found.caar)
    (True, True)
    >>> list(found.car((0, 1))), list(found.bhar((0, 1)))
    (['car', 'se', 't', 'df', 'p_value', 'scar', 'days'], ['bhar', 'se', 't', 'days'])
    >>> found.tests((0, 1), "kp_bmp")["p_value"].round(3).to_dict(), list(found.by_event((0, 1)))[:3]
    ({'kp_bmp': 0.086}, ['date', 'n', 'caar'])
    >>> found.windows([(0, 0), (0, 1)], "kp_bmp")["caar"].round(3).to_dict()
    {'[0, 0]': -0.047, '[0, 1]': -0.049}
    >>> found.table().index.tolist(), found.estimation.index.tolist()[0], found.alarms.shape[0]
    (['[0, 0]', '[0, 1]', '[-1, 1]', '[-2, 2]'], ('2025-04-03', 'BMW'), 5)
    >>> len(found.rows(np.array([0, 2]))), len(found.select(firms=["BMW"]))
    (2, 1)
    >>> round(found.volatility((0, 0))[1].p_value, 3)
    0.364
    >>> list(found.calendar_time())[:2], found.summary((0, 1)).splitlines()[0]
    (['firms', 'mean'], 'Event study: 3 firm-events, 1 events, 3 firms; day 0 from 2025-04-03 to 2025-04-03')
    >>> found.calendar_alpha(market.to_frame("market"), errors="ols").params.round(3).to_dict()
    {'const': -0.018, 'market': 2.102}
    >>> found.by_group({"BMW": "EU", "VW": "EU", "F": "US"}, (0, 1))
    Traceback (most recent call last):
    tariffmodel.errors.DataError: group 'US' has one firm-event and so no spread; leave it out or join it
    >>> found.sample((0, 1), et.conventions({})).n
    3
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
        first, last = self.settings["window"]
        return first, last

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
        return self._frame(np.sqrt(self._variance))

    def coefficients(self, term: str) -> pd.DataFrame:
        """A coefficient of the normal return on each day of the event window, firm-event × relative day.

        Parameters
        ----------
        term : str
            One of `terms`, such as "market". It is the same on all days unless the model lets it move.
        """
        if term not in self.terms:
            raise DataError(f"no coefficient {term!r}; there are {', '.join(self.terms)}")
        of, place = self.estimates, self.terms.index(term)
        fixed = np.repeat(of.coefficients[:, [place]], len(self.days), axis=1)
        return self._frame(fixed if of.slopes is None else of.slopes[:, :, place])

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
            in the window). NaN where no day is present. ``attrs["window"]`` is the window.
        """
        sample = self.sample(window, et.conventions(conventions))
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
        frame = pd.DataFrame(columns, index=self.firm_events.index)
        frame.attrs = {"window": self.window if window is None else pair("window", window)}
        return frame

    def bhar(self, window: Window | None = None) -> pd.DataFrame:
        """Buy-and-hold abnormal return: what holding the share earned beyond its normal return.

        ``Π(1 + R) − Π(1 + E[R])``, for log returns ``exp ΣR − exp ΣE[R]``, over the days present (Barber
        and Lyon 1997). `se` is that of the cumulative return times Π(1 + E[R]), a first-order
        approximation.

        Returns
        -------
        DataFrame
            Indexed by event and firm: `bhar`, `se`, `t`, `days`; NaN where a simple return lies below −1,
            so that it cannot be a fraction, or no normal return is known.
        """
        at = self._columns(window)
        ar, expected = self.estimates.ar[:, at], self.estimates.expected[:, at]
        log = self.settings["kind"] != "simple"
        held, normal = (
            np.exp(np.nansum(moves, axis=1)) if log else np.nanprod(1 + moves, axis=1)
            for moves in (ar + expected, np.where(np.isfinite(ar), expected, np.nan))
        )
        cumulated = self.car(window)
        known = np.isfinite(expected) | ~np.isfinite(ar)
        possible = (cumulated["days"] > 0) & known.all(axis=1) & (log | ~(ar + expected < -1).any(axis=1))
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
        if which not in et.TESTS:
            raise DataError(f"by_event takes one test, not {which!r}; there are {', '.join(et.TESTS)}")
        wanted = et.conventions(conventions)
        random = np.random.default_rng(wanted.seed)
        rows, portfolio, null = {}, [], []
        usable = self._tested(window, wanted)[0]
        for event in usable.firm_events.index.unique("event"):
            study = usable.select(events=[event])
            sample = study.sample(window, wanted)
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
        frame["p_holm"], frame["p_bh"] = holm(frame["p_value"].to_numpy(dtype=float)), np.nan
        if known.any():
            frame.loc[known, "p_bh"] = stats.false_discovery_control(frame.loc[known, "p_value"])
        frame["p_romano_wolf"] = et.romano_wolf(np.array(portfolio), np.column_stack(null))
        frame = frame.reindex(self.firm_events.index.unique("event")).rename(columns={"mean": "caar"})
        frame = frame.assign(n=frame["n"].fillna(0).astype(int))
        return frame.sort_values("date", kind="stable")

    def by_group(
        self,
        groups: Mapping[Hashable, Hashable] | pd.Series,
        window: Window | None = None,
        **conventions: Any,
    ) -> Groups:
        """How far each group of firms moved, and whether groups differ.

        Parameters
        ----------
        groups : mapping or Series
            Firm → group, or (event, firm) → group; firms not named are left out.
        window, **conventions
            As `car`. Firm-events without a day of the window are left out.

        Returns
        -------
        Groups
            `table`, `tests` and `pairs`. Firms that share a day are correlated: p-values of Welch's t, the
            analyses of variance and ranks take firms for independent, the row "portfolio" and
            `p_adjusted` do not.

        Raises
        ------
        DataError
            Firms that are not in the study, fewer than two groups, or a group of one firm-event.
        """
        wanted = et.conventions(conventions)
        keep = self.sample(window, wanted).enough
        rows, left_out = split(self.firm_events.index[keep], groups)
        places = np.flatnonzero(keep)
        samples = {name: self.rows(places[part]).sample(window, wanted) for name, part in rows.items()}
        return compare(samples, left_out)

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
        for column, term in enumerate(self.terms):
            columns |= {term: of.coefficients[:, column], f"{term}_se": of.errors[:, column]}
        columns |= {"sigma": nr.residual_sd(of), "r_squared": 1 - of.rss / of.tss, "n": of.observations}
        blocks = [nr.diagnostics(of.residuals[start : start + _ROWS]) for start in range(0, len(self), _ROWS)]
        columns |= {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
        return pd.DataFrame(columns | {"gap_t": of.gap_t}, index=self.firm_events.index)

    @cached_property
    def alarms(self) -> pd.DataFrame:
        """How often the estimation looks unlike what the tests assume.

        Returns
        -------
        DataFrame
            Indexed by diagnostic, see `estimation`: `label` and `rejected`, the share of firm-events in
            which it rejects at 5%, where nothing is wrong 5%.
        """
        fit = self.estimation
        rejected = {
            "Jarque-Bera: not normal": fit["jarque_bera_p"] < 0.05,
            "Ljung-Box: autocorrelated": fit["ljung_box_p"] < 0.05,
            "ARCH-LM: variance clusters": fit["arch_lm_p"] < 0.05,
            "CUSUM: coefficients drift": fit["cusum_p"] < 0.05,
            "Moved before the event, |t| > 1.96": fit["gap_t"].abs() > 1.96,
        }
        names = pd.Index(["jarque_bera", "ljung_box", "arch_lm", "cusum", "gap"], name="test")
        shares = [found.mean() for found in rejected.values()]
        return pd.DataFrame({"label": list(rejected), "rejected": shares}, index=names)

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
        return replace(self.rows(keep), skipped=self.skipped[left].reset_index(drop=True))

    def volatility(self, window: Window | None = None) -> tuple[pd.Series, Result]:
        """Variance across firms on each day over the usual one, and its test.

        See `event_tests.abnormal_volatility`.
        """
        at = self._columns(window)
        ratio, test = et.abnormal_volatility(self.estimates.ar[:, at], self._variance[:, at])
        return pd.Series(ratio, index=self.days[at], name="variance_ratio"), test

    def calendar_time(self, window: Window | None = None) -> pd.DataFrame:
        """Portfolio of the firms in their event window, by calendar day (Jaffe 1974; Mandelker 1974).

        Returns
        -------
        DataFrame
            Indexed by date: `firms` and their `mean` abnormal return. The test `calendar_time` asks whether
            the mean over days is zero.
        """
        at = self._columns(window)
        return portfolio(self.estimates.ar[:, at], self._places(at), self.dates)

    def calendar_alpha(
        self,
        factors: pd.DataFrame,
        window: Window | None = None,
        *,
        errors: Errors = "hac",
        risk_free: pd.Series | None = None,
        fewest: int = 1,
    ) -> Fit:
        """What the firms in their event window earned a day beyond what factors explain (Fama 1998).

        The portfolio of `calendar_time`, but of returns, each firm once a date, regressed on factors of
        the same dates: betas are those of the event windows themselves.

        Parameters
        ----------
        factors, errors, fewest
            See `calendar_time.alpha`, which also says what is refused.
        risk_free : Series, optional
            By date, subtracted from the portfolio; factors of markets are then in excess of it too.

        Returns
        -------
        regression.Fit
            ``const`` is the abnormal return a day; times the days of the window, that of an event.
        """
        at = self._columns(window)
        returns = self.estimates.ar[:, at] + self.estimates.expected[:, at]
        firm = pd.factorize(self.firm_events.index.get_level_values("firm"))[0]
        held = portfolio(returns, self._places(at), self.dates, firm)
        if risk_free is not None:
            held["mean"] -= on_dates(risk_free, "risk_free", held)
        return alpha(held, factors, errors, fewest)

    def _places(self, at: slice) -> Array:
        return self.timing.dates(self.days[at].to_numpy())

    def summary(self, window: Window | None = None, **conventions: Any) -> str:
        """The study in words: what was done, under which conventions, and what came out."""
        wanted, rows = et.conventions(conventions), self.firm_events
        first, last = self._span(window)
        days = rows["date"].dropna().dt.strftime("%Y-%m-%d")
        text = [
            (
                f"Event study: {len(rows)} firm-events, {rows.index.unique('event').size} events, "
                f"{rows.index.unique('firm').size} firms; day 0 "
                + (f"from {days.min()} to {days.max()}" if len(days) else "of unknown dates")
            ),
            *(f"  {name}: {value}" for name, value in self.settings.items()),
            f"  event time: {'sessions of each exchange' if self.settings['calendars'] else 'rows'}",
            (
                f"  day 0 moved to another session: {rows['rolled'].sum()}; event windows with another event "
                f"of the firm inside: {rows['overlaps'].sum()}; incomplete event windows: "
                f"{(rows['days'] < len(self.days)).sum()}"
            ),
            f"  skipped: {len(self.skipped)}"
            + "".join(f"\n    {n} × {why}" for why, n in self.skipped["reason"].value_counts().items()),
            "Conventions of the tests",
            *(f"  {name}: {value}" for name, value in asdict(wanted).items()),
            f"Tests over days {first} to {last}",
        ]
        sample = self._tested(window, wanted)[1]
        average = sample.averages()
        text += [
            (
                f"  mean cumulative abnormal return {average['mean']:+.4%} (standard error "
                f"{average['se']:.4%}, adjusted for correlation {average['se_adjusted']:.4%}); "
                f"positive: {average['positive']:.0%}"
            ),
            f"  mean correlation of the firm-events' residuals: {sample.correlation:.4f}",
            self.tests(window, **conventions)[["label", "statistic", "df", "p_value", "n"]].to_string(
                index=False, float_format=lambda number: f"{number:.4f}"
            ),
        ]
        return "\n".join(text)

    def _frame(self, values: Array) -> pd.DataFrame:
        return pd.DataFrame(values, index=self.firm_events.index, columns=self.days)

    def rows(self, keep: Array) -> EventStudy:
        """The same study for some rows of `firm_events`, by place or as a mask."""
        return replace(
            self,
            firm_events=self.firm_events.iloc[keep],
            estimates=self.estimates.take(keep),
            timing=self.timing.take(keep),
        )

    def _span(self, window: Window | None) -> Window:
        if window is None:
            return self.window
        first, last = pair("window", window)
        if not self.window[0] <= first <= last <= self.window[1]:
            raise DataError(
                f"window ({first}, {last}) is not inside the event window {self.window}; "
                "pass a wider window to study"
            )
        return first, last

    def _columns(self, window: Window | None) -> slice:
        first, last = self._span(window)
        return slice(first - self.window[0], last - self.window[0] + 1)

    def sample(self, window: Window | None, wanted: et.Conventions) -> et.Sample:
        """What the tests of a window need; see `event_tests.run`."""
        at = self._columns(window)
        return et.Sample(self.estimates, self.timing, at, self.window[0], wanted, lambda: self._paired)

    def _tested(self, window: Window | None, wanted: et.Conventions) -> tuple[EventStudy, et.Sample]:
        """The firm-events with the returns that the window needs."""
        sample = self.sample(window, wanted)
        if sample.enough.all():
            return self, sample
        if not sample.enough.any():
            raise DataError(
                "no firm-event has the returns of this window; see column days of study.car(window)"
            )
        study = self.rows(sample.enough)
        return study, study.sample(window, wanted)

    def _path(self, windows: Sequence[Window]) -> pd.DataFrame:
        rows = []
        for window in windows:
            _, sample = self._tested(window, et.Conventions())
            found = et.run("kp_bmp", sample)
            rows.append(sample.averages() | {"statistic": found.statistic, "p_value": found.p_value})
        return pd.DataFrame(rows, index=self.days)

    @cached_property
    def _variance(self) -> Array:
        """Of each abnormal return."""
        of = self.estimates
        return np.asarray(nr.residual_sd(of)[:, None] ** 2 * (nr.own_noise(of) + nr.leverage(of)))

    @cached_property
    def _paired(self) -> tuple[Array, Array]:
        first, last = self.settings["estimation"]
        return et.paired_correlations(
            self.estimates.residuals, self.timing, np.arange(first, last + 1), len(self.days)
        )
