"""Did the shares whose bill changed most move most?

The regressions take abnormal returns and changes in exposure that were computed elsewhere, as
frames labelled by maker and event. With a dozen makers and a dozen events asymptotic errors flatter,
so every slope comes with a permutation p-value, and pooled slopes with a wild cluster bootstrap.

Signs: `delta` is the change of the yearly bill as a share of market value, positive when the bill
rises; a market that prices the bill has a negative slope. `car` is a fraction (0.01 is one percent).
A row with a missing value is left out and listed in `dropped`; nothing is filled in.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy import optimize, stats

from tariffmodel.markets import event_calendar, events
from tariffmodel.errors import DataError
from tariffmodel.markets.events import EventStudy
from tariffmodel.facts import Facts

Covariance = Literal["HC1", "HC3"]
Cluster = Literal["event", "maker", "both"]
Weights = Literal["webb", "rademacher"]

WEBB = tuple(sign * math.sqrt(step / 2) for sign in (-1, 1) for step in (1, 2, 3))
FEW_CLUSTERS = 12  # up to here two-point weights give too few distinct draws
_TIE = 1e-10  # draws this close to the observed statistic count as equal to it
_COLLINEAR = 1e-9
_EXACT = 1e-12  # of variance unexplained, below which a fit is an identity
_COLUMNS = ["estimate", "standard_error", "t", "p", "low", "high"]


@dataclass(frozen=True)
class Resampled:
    """A p-value (two-sided) from draws, with the Monte Carlo standard error that they leave."""

    p: float
    se: float  # 0 when every draw there is was made
    draws: int
    exact: bool
    scheme: str

    def __str__(self) -> str:
        count = "all" if self.exact else "random"
        return f"p {_p(self.p)} (± {self.se:.4f}; {self.draws:,} draws, {count}: {self.scheme})"


@dataclass(frozen=True)
class CrossSection:
    """Slope of abnormal returns on changes in exposure, one event.

    Attributes
    ----------
    coefficients : DataFrame
        Indexed by constant, delta and controls: `estimate`, `standard_error`, `t`, `p`, `low`,
        `high`; the slope of delta is a return per unit of delta.
    makers : DataFrame
        Indexed by maker: `car`, `delta`, `fitted`, `residual`, `leverage`, `cook`, `dfbetas` (of
        the slope) and `slope_without` (the slope when this maker is left out).
    permutation : Resampled
    rank_correlation : float
        Spearman's, without controls; `rank_permutation` is its p-value.
    r2, level : float
    covariance : "HC1" or "HC3"
    dropped : Series
        Reason by maker.
    """

    coefficients: pd.DataFrame
    makers: pd.DataFrame
    permutation: Resampled
    rank_correlation: float
    rank_permutation: Resampled
    r2: float
    covariance: Covariance
    level: float
    dropped: pd.Series

    @property
    def slope(self) -> float:
        return float(self.coefficients.at["delta", "estimate"])

    def table(self) -> pd.DataFrame:
        """Coefficients, with the permutation p-value of the slope."""
        return self.coefficients.assign(p_permutation=_only_slope(self.coefficients, self.permutation.p))

    def summary(self) -> str:
        """Result and every choice made, as text."""
        without = self.makers["slope_without"]
        return "\n".join(
            [
                f"CAR on the change in exposure, one event, {len(self.makers)} makers",
                _sentence(self.coefficients.loc["delta"], self._errors(), self.level),
                f"permutation: {self.permutation}",
                f"rank correlation {self.rank_correlation:.2f}: {self.rank_permutation}",
                f"R² {self.r2:.2f}; slope {without.min():.4g} without {without.idxmin()}, "
                f"{without.max():.4g} without {without.idxmax()}",
                "Makers are taken as independent; a shock common to a country is not in these errors.",
                *(f"left out: {maker} ({reason})" for maker, reason in self.dropped.items()),
            ]
        )

    def to_latex(self) -> str:
        """`table` in LaTeX, with the choices as caption."""
        return _latex(self.table(), f"{len(self.makers)} makers, {self._errors()}")

    def _errors(self) -> str:
        return f"{self.covariance} errors"


@dataclass(frozen=True)
class Pooled:
    """Slope of abnormal returns on changes in exposure over several events, event effects absorbed.

    Attributes
    ----------
    coefficients : DataFrame
        Indexed by delta and controls, as in `CrossSection`; clustered errors.
    bootstrap : Resampled
        Wild cluster bootstrap of delta; `bootstrap_interval` inverts it (infinite where no value
        of the slope is rejected).
    permutation : Resampled
        Permutation of makers within events.
    fama_macbeth : Series
        Mean of the slopes of single events: `estimate`, `standard_error`, `t`, `p`, `low`, `high`.
    events : DataFrame
        Indexed by event: `makers`, `slope` (this event alone, empty where it has too few makers)
        and `slope_without` (pooled, this event left out).
    clusters : int
        Of the dimension with fewer; `p`, `low` and `high` use t with one degree of freedom less.
    r2 : float
        Within events.
    dropped : DataFrame
        `event`, `maker`, `reason`.
    """

    coefficients: pd.DataFrame
    bootstrap: Resampled
    bootstrap_interval: tuple[float, float]
    permutation: Resampled
    fama_macbeth: pd.Series
    events: pd.DataFrame
    observations: int
    makers: int
    cluster: Cluster
    clusters: int
    r2: float
    lags: int
    level: float
    dropped: pd.DataFrame

    @property
    def slope(self) -> float:
        return float(self.coefficients.at["delta", "estimate"])

    def table(self) -> pd.DataFrame:
        """Coefficients and the Fama-MacBeth mean, with resampled p-values of the pooled slope."""
        rows = pd.concat([self.coefficients, self.fama_macbeth.rename("delta (Fama-MacBeth)").to_frame().T])
        return rows.assign(
            p_bootstrap=_only_slope(rows, self.bootstrap.p),
            p_permutation=_only_slope(rows, self.permutation.p),
        )

    def summary(self) -> str:
        """Result and every choice made, as text."""
        low, high = self.bootstrap_interval
        without = self.events["slope_without"]
        return "\n".join(
            [
                f"CAR on the change in exposure: {self.observations} observations, "
                f"{len(self.events)} events (effects absorbed), {self.makers} makers",
                _sentence(self.coefficients.loc["delta"], self._errors(), self.level),
                f"bootstrap: {self.bootstrap}; {self.level:.0%} interval {low:.4g} to {high:.4g}",
                f"permutation: {self.permutation}",
                "Permutations take makers as exchangeable within an event: with a shock common to a "
                "country, go by the bootstrap.",
                _sentence(self.fama_macbeth, f"Fama-MacBeth, {self.lags} Newey-West lags", self.level),
                f"R² within events {self.r2:.2f}; slope {without.min():.4g} without {without.idxmin()}, "
                f"{without.max():.4g} without {without.idxmax()}",
                *(
                    f"left out: {event}, {', '.join(rows['maker'])} ({reason})"
                    for (event, reason), rows in self.dropped.groupby(["event", "reason"], sort=False)
                ),
            ]
        )

    def to_latex(self) -> str:
        """`table` in LaTeX, with the choices as caption."""
        caption = f"{self.observations} observations, {len(self.events)} events, {self._errors()}"
        return _latex(self.table(), caption)

    def _errors(self) -> str:
        by = "event and maker" if self.cluster == "both" else self.cluster
        return f"errors clustered by {by}, {self.clusters} clusters"


def cross_section(
    car: pd.Series,
    delta: pd.Series,
    controls: pd.DataFrame | None = None,
    *,
    covariance: Covariance = "HC3",
    permutations: int = 50_000,
    level: float = 0.95,
    seed: int = 0,
) -> CrossSection:
    """``car_i = a + b · delta_i + controls_i · c + u_i`` over the makers of one event.

    Parameters
    ----------
    car, delta : Series
        Abnormal return (fraction) and change in exposure (share of market value) by maker. Makers
        in all inputs are used, the rest is in `dropped`.
    controls : DataFrame, optional
        Makers × controls.
    covariance : "HC3" or "HC1"
        MacKinnon and White (1985). HC3 is the one to trust below 250 observations (Long and Ervin
        2000); t with n − k degrees of freedom.
    permutations : int
        The p-value is exact over all n! orders of the makers when these are not more than this
        number (n ≤ 8 by default); else over this many random ones.
    level : float
        Of the intervals.

    Notes
    -----
    The permutation statistic is the squared partial correlation of `car` and `delta`, monotone in
    the F statistic of b. With controls the residuals of the model without delta are permuted
    (Freedman and Lane 1983), which is exact only asymptotically. A random draw of B permutations
    gives p = (1 + #{T* ≥ T}) / (1 + B) (Phipson and Smyth 2010). The slope without maker i is
    b − (X'X)⁻¹ x_i e_i / (1 − h_i) (Belsley, Kuh and Welsch 1980, eq. 2.1).

    Raises
    ------
    DataError
        Fewer than four makers or too few for the controls, delta without variance, collinear
        controls, a maker that alone determines a coefficient, car exactly linear in delta.
    """
    from statsmodels.regression.linear_model import OLS  # slow to import

    if covariance not in ("HC1", "HC3"):
        raise DataError(f"covariance {covariance!r}: write 'HC1' or 'HC3'")
    _check_level(level)
    _check_draws("permutations", permutations)
    rows, dropped = _joined(car, delta, controls)
    design = rows.drop(columns="car")
    design.insert(0, "constant", 1.0)
    most = max(4, design.shape[1] + 2)
    if len(rows) < most:
        raise DataError(
            f"{len(rows)} makers with car, delta and controls; a slope with {design.shape[1] - 2} controls "
            f"needs {most}: add makers, drop controls, or pool several events with `pooled`"
        )
    for name in ("delta", "car"):
        if np.ptp(rows[name]) <= _TIE * rows[name].abs().max():
            raise DataError(
                f"{name} is {rows[name].iloc[0]:g} for all {len(rows)} makers; "
                "choose an event that moves some of them"
            )
    _independent(design, design, "across makers")
    fit = OLS(rows["car"], design).fit(cov_type=covariance, use_t=True)
    if fit.rsquared > 1 - _EXACT:
        raise DataError("car is an exact linear function of delta and controls; check that it is a return")
    influence = fit.get_influence()
    leverage = influence.hat_matrix_diag
    if leverage.max() > 1 - _COLLINEAR:
        alone = rows.index[int(leverage.argmax())]
        raise DataError(
            f"{alone} alone determines a coefficient (leverage 1): no other maker has its delta or control; "
            "drop the control, or pool several events with `pooled`"
        )
    bounds = fit.conf_int(1 - level)
    coefficients = pd.DataFrame(
        dict(zip(_COLUMNS, (fit.params, fit.bse, fit.tvalues, fit.pvalues, bounds[0], bounds[1])))
    )
    x = design.to_numpy()
    step = (x @ np.linalg.inv(x.T @ x))[:, 1] * fit.resid.to_numpy() / (1 - leverage)
    makers = rows[["car", "delta"]].assign(
        fitted=fit.fittedvalues,
        residual=fit.resid,
        leverage=leverage,
        cook=influence.cooks_distance[0],
        dfbetas=influence.dfbetas[:, 1],
        slope_without=coefficients.at["delta", "estimate"] - step,
    )
    orders, exact = _orders(len(rows), permutations, np.random.default_rng(seed))
    basis = np.linalg.qr(design.drop(columns="delta").to_numpy())[0]
    tilted, left = _residual(basis, rows["delta"].to_numpy()), _residual(basis, rows["car"].to_numpy())
    scheme = "makers permuted" if controls is None else "residuals permuted (Freedman-Lane)"
    one = np.full((len(rows), 1), len(rows) ** -0.5)
    ranked = rows[["delta", "car"]].rank().to_numpy()
    rank_delta, rank_car = _residual(one, ranked.T)
    return CrossSection(
        coefficients=coefficients.rename_axis("term"),
        makers=makers.rename_axis("maker"),
        permutation=_permutation(tilted, left, basis, orders, exact, scheme),
        rank_correlation=float(stats.spearmanr(rows["delta"], rows["car"]).statistic),
        rank_permutation=_permutation(rank_delta, rank_car, one, orders, exact, "makers permuted"),
        r2=float(fit.rsquared),
        covariance=covariance,
        level=level,
        dropped=dropped,
    )


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
        `event`, `maker`, `home` country, `car`, `standard_error`, `delta` (share of market value) and
        the other columns of `event_calendar.delta_exposure`.
    """
    if list(car.index.names) != ["event", "firm"]:
        raise DataError("car is not indexed by event and firm; pass what `EventStudy.car` returns")
    rows = car[["car", "se"]].rename(columns={"se": "standard_error"}).reset_index()
    rows = rows.assign(maker=rows["firm"].map(facts.instruments["company"])).drop(columns="firm")
    rows = rows[rows["maker"].isin(facts.makers.index)]
    change = event_calendar.delta_exposure(facts, list(rows["event"].unique()))
    change = change.rename(columns={"delta_share_of_market_cap": "delta"})
    joined = rows.assign(home=rows["maker"].map(facts.makers["home"])).merge(change, on=["event", "maker"])
    first = ["event", "maker", "home", "car", "standard_error", "delta"]
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
    found = pd.DataFrame.from_dict(slopes, orient="index", columns=columns).rename_axis("event")
    frame = found.join(moved[["date", "n", "caar", "se_adjusted", "p_value", "p_holm"]]).join(
        calendar["main"]
    )
    first = ["main", "date", "n", "caar", "se_adjusted", "p_value", "p_holm"]
    return frame.assign(n=frame["n"].fillna(0).astype(int))[[*first, *columns]]


def pooled(
    panel: pd.DataFrame,
    controls: Sequence[str] = (),
    *,
    cluster: Cluster = "event",
    weights: Weights | None = None,
    draws: int = 9_999,
    lags: int = 0,
    level: float = 0.95,
    seed: int = 0,
) -> Pooled:
    """``car_ie = a_e + b · delta_ie + controls_ie · c + u_ie`` over events e and makers i.

    Parameters
    ----------
    panel : DataFrame
        One row per event and maker: `event`, `maker`, `car` (fraction), `delta` (share of market
        value) and the controls. Events are taken in the order in which they first occur.
    controls : sequence of str
        Columns of `panel`.
    cluster : "event", "maker" or "both"
        Dependence that the errors allow for: within an event (all makers hear the news on one
        day), within a maker, or both (Cameron, Gelbach and Miller 2011).
    weights : "webb" or "rademacher", optional
        Of the wild bootstrap. Default: Webb's six points up to 12 clusters, else ±1.
    draws : int
        Bootstrap draws and permutations. When there are not more combinations of weights than
        this, each is used once and the bootstrap has no Monte Carlo error.
    lags : int
        Newey-West lags for the Fama-MacBeth mean, in events.

    Notes
    -----
    Events whose delta does not vary, or with fewer than two makers, say nothing about b and are
    dropped. Coefficients and clustered covariance are those of linearmodels' PanelOLS, with the
    factors G/(G − 1) and (n − 1)/(n − k), effects nested in the clusters not counted in k.

    The bootstrap imposes b = 0 and studentises (WCR of Cameron, Gelbach and Miller 2008), computed
    from G × G cluster sums (Roodman, MacKinnon, Nielsen and Webb 2019); weights of Webb (2023).
    With two-way errors it draws by the dimension with fewer clusters (MacKinnon, Nielsen and Webb
    2021). Draws that equal the observed statistic count as exceeding it, and so does a draw whose
    two-way variance is not positive: both are cautious.

    Permutations are of residuals within events, as in `cross_section`: they hold makers to be
    exchangeable within an event, so a shock common to one country calls for a control.

    The Fama-MacBeth (1973) mean, t with events − 1 degrees of freedom, weighs events equally: one
    that hardly changed bills, and so has a noisy slope, counts as much as one that changed many.

    Raises
    ------
    DataError
        Missing columns, a maker twice in an event, fewer than two usable events or clusters, too
        few rows for the controls, controls collinear within events, a two-way variance that is
        not positive.
    """
    from linearmodels.panel import PanelOLS  # slow to import

    if cluster not in ("event", "maker", "both"):
        raise DataError(f"cluster {cluster!r}: write 'event', 'maker' or 'both'")
    if weights not in (None, "webb", "rademacher"):
        raise DataError(f"weights {weights!r}: write 'webb' or 'rademacher'")
    _check_level(level)
    _check_draws("draws", draws)
    names = ["delta", *controls]
    rows, dropped = _usable(panel, names)
    event, event_names = pd.factorize(rows["event"])
    maker, maker_names = pd.factorize(rows["maker"])
    if len(event_names) < 2:
        raise DataError(
            f"delta varies in {len(event_names)} event; a pooled slope needs two, use `cross_section` for one"
        )
    if len(rows) < len(event_names) + len(names) + 1:
        raise DataError(
            f"{len(rows)} rows for {len(event_names)} event effects and {len(names)} regressors; "
            "drop controls or add makers"
        )
    within = rows[["car", *names]] - rows.groupby("event")[["car", *names]].transform("mean")
    _independent(within[names], rows[names], "within events")

    labelled = rows.set_index(pd.MultiIndex.from_arrays([event, maker]))
    fit = PanelOLS(labelled["car"], labelled[names], entity_effects=True).fit(
        cov_type="clustered",
        cluster_entity=cluster in ("event", "both"),
        cluster_time=cluster in ("maker", "both"),
        group_debias=True,
    )
    if fit.rsquared_within > 1 - _EXACT or within["car"].abs().max() <= _TIE * rows["car"].abs().max():
        raise DataError(
            "car is an exact linear function of the event, delta and controls; check that it is a return"
        )
    variance = fit.cov.to_numpy().diagonal()
    if not (variance > 0).all():
        raise DataError(
            f"the two-way clustered variance of {names[int(variance.argmin())]} is not positive with "
            f"{len(event_names)} events and {len(maker_names)} makers; cluster by event"
        )
    codes = {"event": event, "maker": maker}
    sides = codes if cluster == "both" else {cluster: codes[cluster]}
    clusters = min(int(code.max()) + 1 for code in sides.values())
    errors = pd.Series(np.sqrt(variance), names)
    coefficients = _inference(fit.params[names], errors, clusters - 1, level).rename_axis("term")

    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(np.column_stack([_indicator(event), within[list(controls)]]))[0]
    delta, left = (_residual(basis, rows[name].to_numpy()) for name in ("delta", "car"))
    bootstrap, interval = _wild_bootstrap(delta, left, basis, sides, weights, draws, level, rng)
    # rows are sorted by event, so a uniform draw added to its code shuffles within the event only
    orders = np.argsort(event + rng.random((draws, len(rows))), axis=1)
    events = _by_event(within, names, event).set_index(pd.Index(event_names, name="event"))
    return Pooled(
        coefficients=coefficients,
        bootstrap=bootstrap,
        bootstrap_interval=interval,
        permutation=_permutation(delta, left, basis, orders, False, "residuals permuted within events"),
        fama_macbeth=_fama_macbeth(events["slope"].dropna(), lags, level),
        events=events,
        observations=len(rows),
        makers=len(maker_names),
        cluster=cluster,
        clusters=clusters,
        r2=float(fit.rsquared_within),
        lags=lags,
        level=level,
        dropped=dropped,
    )


def _joined(
    car: pd.Series, delta: pd.Series, controls: pd.DataFrame | None
) -> tuple[pd.DataFrame, pd.Series]:
    """Makers with every input, as columns car, delta and controls; and why the others are out."""
    parts = {"car": car, "delta": delta} | ({} if controls is None else dict(controls.items()))
    if controls is not None and (taken := {"car", "delta", "constant"} & set(controls)):
        raise DataError(f"a control is named {sorted(taken)[0]}; rename it")
    for name, part in parts.items():
        if not isinstance(part, pd.Series):
            raise DataError(f"{name} is a {type(part).__name__}; pass a pandas Series by maker")
        if part.index.has_duplicates:
            twice = part.index[part.index.duplicated()][0]
            raise DataError(f"{name} has {twice} twice; pass one row per maker")
    every = _numbers(pd.concat(parts, axis=1))
    _finite(every)
    empty = every.isna()
    reason = "no " + empty[empty.any(axis=1)].idxmax(axis=1)
    return every.dropna(), reason.rename("reason").rename_axis("maker")


def _usable(panel: pd.DataFrame, names: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Complete rows of events whose delta varies, sorted by event; and why the others are out."""
    if taken := {"event", "maker", "car", "delta"} & set(names[1:]):
        raise DataError(f"a control is named {sorted(taken)[0]}; rename it")
    _needs(panel, ["event", "maker", "car", *names], "panel")
    rows = panel[["event", "maker", "car", *names]].reset_index(drop=True)
    if (twice := rows.duplicated(["event", "maker"])).any():
        first = rows[twice].iloc[0]
        raise DataError(
            f"panel has {first['maker']} twice in {first['event']}; keep one row per event and maker"
        )
    rows = rows.iloc[np.argsort(pd.factorize(rows["event"])[0], kind="stable")]
    rows[["car", *names]] = _numbers(rows[["car", *names]])
    _finite(rows[["car", *names]])
    empty = rows.isna()
    reason = ("no " + empty[empty.any(axis=1)].idxmax(axis=1)).reindex(rows.index)
    delta = rows["delta"].where(reason.isna())
    by_event = delta.groupby(rows["event"])
    same = by_event.transform("max") - by_event.transform("min") <= _TIE * delta.abs().max()
    reason = reason.mask(reason.isna() & same, "delta does not vary in the event")
    dropped = rows.assign(reason=reason).loc[reason.notna(), ["event", "maker", "reason"]]
    return rows[reason.isna()], dropped.reset_index(drop=True)


def _wild_bootstrap(
    x: np.ndarray,
    car: np.ndarray,
    basis: np.ndarray,
    sides: dict[str, np.ndarray],
    weights: Weights | None,
    draws: int,
    level: float,
    rng: np.random.Generator,
) -> tuple[Resampled, tuple[float, float]]:
    """WCR bootstrap of the slope of `car` on `x`, both residuals of what `basis` spans.

    `sides` are the codes of the one or two dimensions of clustering.
    """
    by = min(sides, key=lambda side: sides[side].max())
    drawn_by = _indicator(sides[by])
    groups = drawn_by.shape[1]
    weights = weights or ("webb" if groups <= FEW_CLUSTERS else "rademacher")
    points = WEBB if weights == "webb" else (-1.0, 1.0)
    exact = len(points) ** groups <= draws
    every = itertools.product(points, repeat=groups)
    drawn = np.array(list(every)) if exact else rng.choice(points, size=(draws, groups))
    members = [_indicator(code) for code in sides.values()]
    factors = [member.shape[1] / (member.shape[1] - 1) for member in members]
    if len(sides) == 2:  # less the intersection: every row is its own event and maker
        members.append(np.eye(len(x)))
        factors.append(-len(x) / (len(x) - 1))
    size = x @ x
    slope = x @ car / size
    scores = [(x * (car - slope * x)) @ member for member in members]
    variance = sum(factor * score @ score for factor, score in zip(factors, scores)) / size**2

    def p_value(null: float) -> float:
        own = ((car - null * x)[:, None] * drawn_by).T  # residuals under the null, one row a cluster
        shift = drawn @ (own @ x) / size
        moved = _residual(basis, own) * x
        spread = np.zeros(len(drawn))
        for factor, member in zip(factors, members):
            score = drawn @ (moved @ member) - shift[:, None] * (x**2 @ member)
            spread += factor * (score**2).sum(axis=1)
        statistic = np.full(len(drawn), math.inf)
        np.divide(shift**2 * size**2, spread, out=statistic, where=spread > 0)
        return _share(statistic, (slope - null) ** 2 / variance, exact)

    scheme = f"wild cluster bootstrap by {by}, {weights} weights, null imposed"
    low, high = (_edge(p_value, slope, sign * math.sqrt(variance), 1 - level) for sign in (-1, 1))
    return _resampled(p_value(0.0), len(drawn), exact, scheme), (low, high)


def _edge(p_value: Callable[[float], float], centre: float, step: float, size: float) -> float:
    """Where the p-value of a null falls below `size`, going from `centre` by `step`.

    A bootstrap p-value need not fall monotonically: the first crossing found by doubling is taken.
    """
    reach = 1.0
    while p_value(centre + reach * step) >= size:
        reach *= 2
        if reach > 1_000:
            return math.copysign(math.inf, step)
    return centre + step * optimize.brentq(
        lambda k: p_value(centre + k * step) - size, reach / 2 if reach > 1 else 0.0, reach, xtol=1e-3
    )


def _permutation(
    x: np.ndarray, left: np.ndarray, basis: np.ndarray, orders: np.ndarray, exact: bool, scheme: str
) -> Resampled:
    """Squared partial correlation of `x` and `left` against its values when `left` is reordered."""
    drawn = _residual(basis, left[orders])
    spread = (drawn**2).sum(axis=1)
    statistic = np.divide((drawn @ x) ** 2, spread, out=np.zeros(len(drawn)), where=spread > 0)
    return _resampled(_share(statistic, (left @ x) ** 2 / (left @ left), exact), len(orders), exact, scheme)


def _share(drawn: np.ndarray, observed: float, exact: bool) -> float:
    count = int((drawn >= observed * (1 - _TIE)).sum())
    return count / len(drawn) if exact else (1 + count) / (1 + len(drawn))


def _resampled(p: float, draws: int, exact: bool, scheme: str) -> Resampled:
    return Resampled(p, 0.0 if exact else math.sqrt(p * (1 - p) / draws), draws, exact, scheme)


def _orders(n: int, most: int, rng: np.random.Generator) -> tuple[np.ndarray, bool]:
    if math.factorial(n) <= most:
        return np.array(list(itertools.permutations(range(n)))), True
    return rng.permuted(np.tile(np.arange(n), (most, 1)), axis=1), False


def _by_event(within: pd.DataFrame, names: list[str], event: np.ndarray) -> pd.DataFrame:
    """Slope of each event alone and of all others, from cross products within events."""
    x, y = within[names].to_numpy(), within["car"].to_numpy()
    x = x / np.sqrt((x**2).sum(axis=0))  # so that a condition number means something
    member = _indicator(event)
    xx, xy = np.einsum("ij,ik,ie->ejk", x, x, member), np.einsum("ij,i,ie->ej", x, y, member)
    scale = np.sqrt((within["delta"] ** 2).sum())
    makers = member.sum(axis=0).astype(int)
    alone = np.where(makers >= len(names) + 2, _first(xx, xy), np.nan)
    others = _first(xx.sum(axis=0) - xx, xy.sum(axis=0) - xy)
    return pd.DataFrame({"makers": makers, "slope": alone / scale, "slope_without": others / scale})


def _first(xx: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """First coefficient of each system, empty where it is singular."""
    singular = np.linalg.cond(xx) > 1 / _COLLINEAR
    solvable = np.where(singular[:, None, None], np.eye(xx.shape[1]), xx)
    return np.where(singular, np.nan, np.linalg.solve(solvable, xy[..., None])[:, 0, 0])


def _fama_macbeth(slopes: pd.Series, lags: int, level: float) -> pd.Series:
    """Mean of the slopes with the error of Newey and West (1987), n − 1 in place of n."""
    n = len(slopes)
    if not 0 <= lags < max(n, 1):
        raise DataError(f"lags is {lags} for {n} events with enough makers; write 0 or a number below {n}")
    if n < 2:
        return pd.Series(np.nan, _COLUMNS)
    off = slopes.to_numpy() - slopes.mean()
    weighted = sum((2 - 2 * lag / (lags + 1)) * (off[lag:] @ off[:-lag]) for lag in range(1, lags + 1))
    error = math.sqrt((off @ off + weighted) / (n * (n - 1)))
    return _inference(pd.Series([slopes.mean()]), pd.Series([error]), n - 1, level).iloc[0]


def _inference(estimate: pd.Series, error: pd.Series, df: int, level: float) -> pd.DataFrame:
    t = estimate / error
    reach = stats.t.ppf((1 + level) / 2, df) * error
    columns = (estimate, error, t, 2 * stats.t.sf(t.abs(), df), estimate - reach, estimate + reach)
    return pd.DataFrame(dict(zip(_COLUMNS, columns)))


def _indicator(code: np.ndarray) -> np.ndarray:
    """Rows × groups, 1 where the row belongs to the group."""
    return (code[:, None] == np.arange(code.max() + 1)).astype(float)


def _residual(basis: np.ndarray, values: np.ndarray) -> np.ndarray:
    """What an orthonormal basis (n, k) leaves of the vectors in the last axis of `values`."""
    return values - (values @ basis) @ basis.T


def _only_slope(rows: pd.DataFrame, value: float) -> np.ndarray:
    return np.where(rows.index == "delta", value, np.nan)


def _sentence(row: pd.Series, how: str, level: float) -> str:
    return (
        f"slope {row['estimate']:.4g} (s.e. {row['standard_error']:.4g}, {how}), "
        f"{level:.0%} interval {row['low']:.4g} to {row['high']:.4g}, p {_p(row['p'])}"
    )


def _p(value: float) -> str:
    return "below 0.0001" if value < 0.0001 else f"{value:.4f}"


def _latex(table: pd.DataFrame, caption: str) -> str:
    return table.rename(columns=lambda name: name.replace("_", " ")).to_latex(
        float_format="%.4g", na_rep="", caption=caption
    )


def _needs(frame: pd.DataFrame, columns: Sequence[str], what: str) -> None:
    absent = [name for name in columns if name not in frame]
    if absent:
        raise DataError(f"{what} has no column {absent[0]}; it has {', '.join(map(str, frame.columns))}")


def _numbers(frame: pd.DataFrame) -> pd.DataFrame:
    try:
        return frame.astype(float)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"a value is not a number ({str(error).split(':')[0]}); leave it empty instead"
        ) from None


def _finite(frame: pd.DataFrame) -> None:
    bad = np.isinf(frame)
    if bad.any(axis=None):
        row, column = np.argwhere(bad.to_numpy())[0]
        raise DataError(
            f"{frame.columns[column]} of {frame.index[row]} is infinite; leave it empty or correct it"
        )


def _independent(design: pd.DataFrame, scale: pd.DataFrame, where: str) -> None:
    """Refuse a column that those before it determine; `scale` says what counts as zero."""
    size = np.sqrt((scale**2).sum()).where(lambda norm: norm > 0, 1.0)
    diagonal = np.abs(np.diag(np.linalg.qr((design / size).to_numpy())[1]))
    if (diagonal < _COLLINEAR).any():
        name = design.columns[int(diagonal.argmin())]
        raise DataError(f"{name} is constant or a combination of the other regressors {where}; drop it")


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise DataError(f"level is {level}; write a fraction such as 0.95")


def _check_draws(name: str, count: int) -> None:
    if count < 99:
        raise DataError(f"{name} is {count}; write at least 99, or p-values have no resolution")
