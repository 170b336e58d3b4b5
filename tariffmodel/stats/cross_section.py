"""Did the shares whose bill changed most move most?

The regressions take abnormal returns and changes in exposure that were computed elsewhere, as
frames labelled by maker and event. With a dozen makers and a dozen events asymptotic errors flatter, and
makers of one country move together: p-values to go by are those over days without events (see
`stats.placebo`), beside them permutations within homes and, for pooled slopes, a wild cluster bootstrap.
Makers of different countries are not exchangeable and are never permuted.

Signs: `delta` is the change of the yearly bill as a share of market value, positive when the bill
rises; a market that prices the bill has a negative slope. `car` is a fraction (0.01 is one percent).
A row with a missing value is left out and listed in `dropped`; nothing is filled in.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.stats import placebo as placebos
from tariffmodel.stats.placebo import Drawn, Reference
from tariffmodel.stats.randomisation import (
    WEBB,
    Weights,
    indicator,
    permuted_within,
    residual,
    wild_bootstrap,
)
from tariffmodel.stats.regression import (
    Least,
    inference,
    least_squares,
    long_run,
    refuse_collinear,
    white,
    within,
)
from tariffmodel.stats.resampling import TIE, Resampled, said

__all__ = ["WEBB", "CrossSection", "Pooled", "Resampled", "cross_section", "pooled"]

Covariance = Literal["HC1", "HC3"]
Cluster = Literal["event", "maker", "both"]

_ALONE = 1e-9
_EXACT = 1e-12  # of variance unexplained, below which a fit is an identity
_COLUMNS = ["estimate", "standard_error", "t", "p", "low", "high"]


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
    slope_home : float
        Slope within homes: with an effect for each; empty where homes are not given or delta is the same
        for all makers of each.
    permutation : Resampled, optional
        Permutation of makers within homes of that slope; none where it is empty.
    r2, level : float
    covariance : "HC1" or "HC3"
    dropped : Series
        Reason by maker.

    Examples
    --------
    >>> makers = ["Toyota", "Honda", "Mazda", "Subaru", "Kia", "GM"]
    >>> delta = pd.Series([-0.01, -0.02, -0.05, -0.04, 0.0, 0.01], makers)
    >>> car = pd.Series([0.02, 0.03, 0.11, 0.07, 0.01, -0.02], makers)
    >>> found = cross_section(car, delta)
    >>> round(found.slope, 2), found.table().index.tolist()
    (-1.96, ['constant', 'delta'])
    >>> print(found.summary().splitlines()[0])
    CAR on the change in exposure, one event, 6 makers
    """

    coefficients: pd.DataFrame
    makers: pd.DataFrame
    slope_home: float
    permutation: Resampled | None
    r2: float
    covariance: Covariance
    level: float
    dropped: pd.Series

    @property
    def slope(self) -> float:
        """What a unit of delta costs, as a return."""
        return float(self.coefficients["estimate"]["delta"])

    def table(self) -> pd.DataFrame:
        """Coefficients, with the p-value of the slope within homes over permutations."""
        p = math.nan if self.permutation is None else self.permutation.p
        return self.coefficients.assign(p_within=_only_slope(self.coefficients, p))

    def summary(self) -> str:
        """Result and every choice made, as text."""
        without = self.makers["slope_without"]
        return "\n".join(
            [
                f"CAR on the change in exposure, one event, {len(self.makers)} makers",
                _sentence(self.coefficients.T["delta"], self._errors(), self.level),
                *(
                    []
                    if self.permutation is None
                    else [f"slope within homes {self.slope_home:.4g}: {self.permutation}"]
                ),
                (
                    f"R² {self.r2:.2f}; slope {without.min():.4g} without {without.idxmin()}, "
                    f"{without.max():.4g} without {without.idxmax()}"
                ),
                "Makers are taken as independent; a shock common to a country is not in these errors.",
                *(f"left out: {maker} ({reason})" for maker, reason in self.dropped.items()),
            ]
        )

    def _errors(self) -> str:
        return f"{self.covariance} errors"


@dataclass(frozen=True)
class Pooled:
    """Slope of abnormal returns on changes in exposure over several events, event effects absorbed.

    Attributes
    ----------
    coefficients : DataFrame
        Indexed by delta and controls, as in `CrossSection`; clustered errors.
    placebo : Resampled, optional
        The slope among those of days without events, `placebo_interval` what they do not reject,
        `minimum_slope` what is found with a power of 80%; none where these days are not given.
    bootstrap : Resampled
        Wild cluster bootstrap of delta; `bootstrap_interval` inverts it (infinite where no value
        of the slope is rejected).
    permutation : Resampled, optional
        Permutation of makers within events and homes; none where homes are not given, or delta does not
        vary within them.
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

    Examples
    --------
    >>> events, makers = ["deal", "threat", "order"], ["Toyota", "Honda", "Mazda", "Kia"]
    >>> rows = pd.MultiIndex.from_product([events, makers]).to_frame(index=False, name=["event", "maker"])
    >>> rows["delta"] = [-0.01, -0.02, -0.05, 0, 0.01, 0.02, 0.04, 0, 0.02, 0, -0.01, 0.01]
    >>> rows["car"] = -2 * rows["delta"] + 0.001 * np.cos(np.arange(12))
    >>> found = pooled(rows, draws=99)
    >>> round(found.slope, 1), found.table().index.tolist()
    (-2.0, ['delta', 'delta (Fama-MacBeth)'])
    >>> print(found.summary().splitlines()[0])
    CAR on the change in exposure: 12 observations, 3 events (effects absorbed), 4 makers
    """

    coefficients: pd.DataFrame
    placebo: Resampled | None
    placebo_interval: tuple[float, float]
    minimum_slope: float
    bootstrap: Resampled
    bootstrap_interval: tuple[float, float]
    permutation: Resampled | None
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
        """What a unit of delta costs, as a return."""
        return float(self.coefficients["estimate"]["delta"])

    def table(self) -> pd.DataFrame:
        """Coefficients and the Fama-MacBeth mean, with resampled p-values of the pooled slope."""
        rows = pd.concat([self.coefficients, self.fama_macbeth.rename("delta (Fama-MacBeth)").to_frame().T])
        resampled = {"placebo": self.placebo, "bootstrap": self.bootstrap, "within": self.permutation}
        p = {f"p_{name}": math.nan if found is None else found.p for name, found in resampled.items()}
        return rows.assign(**{name: _only_slope(rows, value) for name, value in p.items()})

    def summary(self) -> str:
        """Result and every choice made, as text."""
        low, high = self.bootstrap_interval
        without = self.events["slope_without"]
        return "\n".join(
            [
                (
                    f"CAR on the change in exposure: {self.observations} observations, "
                    f"{len(self.events)} events (effects absorbed), {self.makers} makers"
                ),
                _sentence(self.coefficients.T["delta"], self._errors(), self.level),
                *([] if self.placebo is None else [self._placebo_sentence()]),
                f"bootstrap: {self.bootstrap}; {self.level:.0%} interval {low:.4g} to {high:.4g}",
                *([] if self.permutation is None else [f"within homes: {self.permutation}"]),
                _sentence(self.fama_macbeth, f"Fama-MacBeth, {self.lags} Newey-West lags", self.level),
                (
                    f"R² within events {self.r2:.2f}; slope {without.min():.4g} without {without.idxmin()}, "
                    f"{without.max():.4g} without {without.idxmax()}"
                ),
                *(
                    f"left out: {event}, {', '.join(rows['maker'])} ({reason})"
                    for (event, reason), rows in self.dropped.groupby(["event", "reason"], sort=False)
                ),
            ]
        )

    def _placebo_sentence(self) -> str:
        low, high = self.placebo_interval
        reach = f"{self.level:.0%} interval {low:.4g} to {high:.4g}"
        return f"placebo: {self.placebo}; {reach}; found with 80% power: {self.minimum_slope:.4g}"

    def _errors(self) -> str:
        by = "event and maker" if self.cluster == "both" else self.cluster
        return f"errors clustered by {by}, {self.clusters} clusters"


def cross_section(
    car: pd.Series,
    delta: pd.Series,
    controls: pd.DataFrame | None = None,
    *,
    home: pd.Series | None = None,
    covariance: Covariance = "HC3",
    permutations: int = 9_999,
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
    home : Series, optional
        Home of each maker: within it makers are exchangeable, and only there they are permuted.
    covariance : "HC3" or "HC1"
        MacKinnon and White (1985). HC3 is the one to trust below 250 observations (Long and Ervin
        2000); t with n − k degrees of freedom.
    permutations : int
        The p-value is exact over all orders of the makers within their homes when these are not more than
        this number; else over this many random ones.
    level : float
        Of the intervals.

    Notes
    -----
    The permutation statistic is the squared partial correlation of `car` and `delta` given the homes,
    monotone in the F statistic of b. With controls the residuals of the model without delta are permuted
    (Freedman and Lane 1983), which is exact only asymptotically. A random draw of B permutations
    gives p = (1 + #{T* ≥ T}) / (1 + B) (Phipson and Smyth 2010). The slope without maker i is
    b − (X'X)⁻¹ x_i e_i / (1 − h_i) (Belsley, Kuh and Welsch 1980, eq. 2.1).

    Raises
    ------
    DataError
        Fewer than four makers or too few for the controls, a maker without a home, delta without variance,
        collinear controls, a maker that alone determines a coefficient, car exactly linear in delta.

    Examples
    --------
    >>> car = pd.Series([-0.05, -0.02, -0.01, 0.0, 0.01], list("ABCDE"))
    >>> delta = pd.Series([0.04, 0.03, 0.01, 0.0, -0.01], list("ABCDE"))
    >>> found = cross_section(car, delta, home=pd.Series(["JP", "JP", "JP", "US", "US"], list("ABCDE")))
    >>> round(found.slope, 2), round(found.slope_home, 2), str(found.permutation)
    (-1.06, -1.19, 'p 0.1667 (± 0.0000; 12 draws, all: makers permuted within homes)')
    """
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
        if np.ptp(rows[name]) <= TIE * rows[name].abs().max():
            raise DataError(
                f"{name} is {rows[name].iloc[0]:g} for all {len(rows)} makers; "
                "choose an event that moves some of them"
            )
    moved = design.drop(columns="constant")
    refuse_collinear(moved - moved.mean(), "regressors across makers", before=moved)
    x, y = design.to_numpy(), rows["car"].to_numpy()
    found = least_squares(y, x)
    size = float(found.residuals @ found.residuals)
    r2 = 1 - size / float(((y - y.mean()) ** 2).sum())
    if r2 > 1 - _EXACT:
        raise DataError("car is an exact linear function of delta and controls; check that it is a return")
    if found.leverage.max() > 1 - _ALONE:
        alone = rows.index[int(found.leverage.argmax())]
        raise DataError(
            f"{alone} alone determines a coefficient (leverage 1): no other maker has its delta or control; "
            "drop the control, or pool several events with `pooled`"
        )
    error = pd.Series(np.sqrt(np.diag(white(found, covariance))), design.columns)
    coefficients = _coefficients(pd.Series(found.params, design.columns), error, len(x) - x.shape[1], level)
    inside, permuted = _within_homes(rows, home, permutations, np.random.default_rng(seed))
    return CrossSection(
        coefficients=coefficients,
        makers=_influence(rows, design, found).rename_axis("maker"),
        slope_home=inside,
        permutation=permuted,
        r2=r2,
        covariance=covariance,
        level=level,
        dropped=dropped,
    )


def _within_homes(
    rows: pd.DataFrame, home: pd.Series | None, permutations: int, random: np.random.Generator
) -> tuple[float, Resampled | None]:
    """Slope with home effects, and its p-value over orders of makers within their homes."""
    if home is None:
        return math.nan, None
    own = home.reindex(rows.index)
    if own.isna().any():
        raise DataError(f"home has nothing for {own.index[own.isna()][0]}; add it")
    controls = rows.drop(columns=["car", "delta"]).to_numpy()
    scheme = f"{'residuals (Freedman-Lane)' if controls.size else 'makers'} permuted within homes"
    x, y = rows["delta"].to_numpy(), rows["car"].to_numpy()
    return permuted_within(x, y, pd.factorize(own)[0], controls, permutations, random, scheme)


def _influence(rows: pd.DataFrame, design: pd.DataFrame, found: Least) -> pd.DataFrame:
    """What each maker does to the fit (Belsley, Kuh and Welsch 1980; Cook 1977)."""
    x, left, outside = design.to_numpy(), found.residuals, 1 - found.leverage
    n, k = x.shape
    step = found.influence[:, 1] / outside
    size = float(left @ left)
    without = (size - left**2 / outside) / (n - k - 1)  # residual variance when this maker is left out
    return rows[["car", "delta"]].assign(
        fitted=x @ found.params,
        residual=left,
        leverage=found.leverage,
        cook=left**2 * found.leverage / outside**2 / (k * size / (n - k)),
        dfbetas=step / np.sqrt(without * np.linalg.inv(x.T @ x)[1, 1]),
        slope_without=found.params[1] - step,
    )


def pooled(
    panel: pd.DataFrame,
    controls: Sequence[str] = (),
    *,
    placebo: Reference | None = None,
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
        value) and the controls; with `home`, makers are permuted within events and homes. Events are taken
        in the order in which they first occur.
    controls : sequence of str
        Columns of `panel`.
    placebo : Reference, optional
        Days without events, of the study that `car` is of.
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
    dropped. Errors are clustered (see `regression.within`) with the
    factors G/(G − 1) and (n − 1)/(n − k), effects nested in the clusters not counted in k.

    The bootstrap imposes b = 0 and studentises (WCR of Cameron, Gelbach and Miller 2008), computed
    from G × G cluster sums (Roodman, MacKinnon, Nielsen and Webb 2019); weights of Webb (2023).
    With two-way errors it draws by the dimension with fewer clusters (MacKinnon, Nielsen and Webb
    2021). Draws that equal the observed statistic count as exceeding it, and so does a draw whose
    two-way variance is not positive: both are cautious.

    Over days without events the same weights are set on the returns of days drawn for each event, see
    `placebo.pooled`. Permutations are of residuals within events and homes, as in `cross_section`.

    The Fama-MacBeth (1973) mean, t with events − 1 degrees of freedom, weighs events equally: one
    that hardly changed bills, and so has a noisy slope, counts as much as one that changed many.

    Raises
    ------
    DataError
        Missing columns, a maker twice in an event, fewer than two usable events or clusters, too
        few rows for the controls, controls collinear within events, a two-way variance that is
        not positive.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> rows = pd.DataFrame({"event": list("aaaabbbbcccc"), "maker": list("ABCD" * 3)})
    >>> rows["delta"] = random.normal(0, 0.02, 12)
    >>> rows["car"] = -rows["delta"] + random.normal(0, 0.005, 12)
    >>> found = pooled(rows, draws=999)
    >>> round(found.slope, 2), round(found.bootstrap.p, 3), found.clusters
    (-0.96, 0.139, 3)
    """
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
    inside = rows[["car", *names]] - rows.groupby("event")[["car", *names]].transform("mean")
    refuse_collinear(inside[names], "regressors within events", before=rows[names])
    flat = inside["car"].abs().max() <= TIE * rows["car"].abs().max()
    codes: dict[str, np.ndarray] = {"event": event, "maker": maker}
    sides = {side: code for side, code in codes.items() if cluster in (side, "both")}
    found = within(rows["car"], rows[names], event, list(sides.values()), debias=True)
    if flat or found.r_squared > 1 - _EXACT:
        raise DataError(
            "car is an exact linear function of the event, delta and controls; check that it is a return"
        )
    variance = pd.Series(np.diag(found.covariance), names)
    if not (variance > 0).all():
        raise DataError(
            f"the two-way clustered variance of {variance.idxmin()} is not positive with "
            f"{len(event_names)} events and {len(maker_names)} makers; cluster by event"
        )
    coefficients = _coefficients(found.params, variance.pow(0.5), found.df, level)

    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(np.column_stack([indicator(event), inside[list(controls)]]))[0]
    delta, left = (residual(basis, rows[name].to_numpy()) for name in ("delta", "car"))
    bootstrap, interval = wild_bootstrap(delta, left, basis, sides, weights, draws, level, rng)
    drawn = None if placebo is None else _against(placebo, rows, delta, draws, level, seed)
    events = _by_event(inside, names, event).set_index(pd.Index(event_names, name="event"))
    return Pooled(
        coefficients=coefficients,
        placebo=None if drawn is None else drawn.found,
        placebo_interval=(math.nan, math.nan) if drawn is None else drawn.interval,
        minimum_slope=math.nan if drawn is None else drawn.minimum,
        bootstrap=bootstrap,
        bootstrap_interval=interval,
        permutation=_within_events(panel, rows, inside[list(controls)], draws, rng),
        fama_macbeth=_fama_macbeth(events["slope"].dropna(), lags, level),
        events=events,
        observations=len(rows),
        makers=len(maker_names),
        cluster=cluster,
        clusters=found.df + 1,
        r2=found.r_squared,
        lags=lags,
        level=level,
        dropped=dropped,
    )


def _within_events(
    panel: pd.DataFrame, rows: pd.DataFrame, others: pd.DataFrame, draws: int, random: np.random.Generator
) -> Resampled | None:
    """p-value of the slope with an effect for every home in every event, over orders within them."""
    if "home" not in panel:
        return None
    home = panel["home"].reset_index(drop=True).reindex(rows.index)
    if home.isna().any():
        raise DataError(f"home of {rows.loc[home.isna(), 'maker'].iloc[0]} is empty; fill it in")
    group = pd.factorize(pd.Series(list(zip(rows["event"], home, strict=True))))[0]
    x, y = rows["delta"].to_numpy(), rows["car"].to_numpy()
    scheme = "residuals permuted within events and homes"
    return permuted_within(x, y, group, others.to_numpy(), draws, random, scheme)[1]


def _against(
    placebo: Reference, rows: pd.DataFrame, delta: np.ndarray, draws: int, level: float, seed: int
) -> Drawn:
    """The slope among those of days without events; `delta` is what other regressors leave of it."""
    weight = delta / (delta @ delta)
    table = rows.assign(weight=weight).pivot(index="event", columns="maker", values="weight")
    found = placebos.pooled(placebo, table, draws=draws, level=level, seed=seed)
    if not math.isclose(found.estimate, weight @ rows["car"].to_numpy(), rel_tol=1e-6, abs_tol=1e-9):
        raise DataError("placebo is of another study than car: make both with one window and model")
    return found


def _joined(
    car: pd.Series, delta: pd.Series, controls: pd.DataFrame | None
) -> tuple[pd.DataFrame, pd.Series]:
    """Makers with every input, as columns car, delta and controls; and why the others are out."""
    parts = {"car": car, "delta": delta} | ({} if controls is None else dict(controls.items()))
    if controls is not None and (taken := {"car", "delta", "constant"} & set(controls)):
        raise DataError(f"a control is named {min(taken)}; rename it")
    for name, part in parts.items():
        if not isinstance(part, pd.Series):
            raise DataError(f"{name} is a {type(part).__name__}; pass a pandas Series by maker")
        if part.index.has_duplicates:
            twice = part.index[part.index.duplicated()][0]
            raise DataError(f"{name} has {twice} twice; pass one row per maker")
    every = _numbers(pd.concat(parts, axis=1))
    _finite(every)
    empty = every.isna()
    reason = "no " + empty[empty.any(axis=1)].idxmax(axis=1).astype(str)
    return every.dropna(), reason.rename("reason").rename_axis("maker")


def _usable(panel: pd.DataFrame, names: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Complete rows of events whose delta varies, sorted by event; and why the others are out."""
    if taken := {"event", "maker", "car", "delta"} & set(names[1:]):
        raise DataError(f"a control is named {min(taken)}; rename it")
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
    reason = ("no " + empty[empty.any(axis=1)].idxmax(axis=1).astype(str)).reindex(rows.index)
    delta = rows["delta"].where(reason.isna())
    by_event = delta.groupby(rows["event"])
    same = by_event.transform("max") - by_event.transform("min") <= TIE * delta.abs().max()
    reason = reason.mask(reason.isna() & same, "delta does not vary in the event")
    dropped = rows.assign(reason=reason).loc[reason.notna(), ["event", "maker", "reason"]]
    return rows[reason.isna()], dropped.reset_index(drop=True)


def _by_event(within: pd.DataFrame, names: list[str], event: np.ndarray) -> pd.DataFrame:
    """Slope of each event alone and of all others, from cross products within events."""
    x, y = within[names].to_numpy(), within["car"].to_numpy()
    x = x / np.sqrt((x**2).sum(axis=0))  # so that a condition number means something
    member = indicator(event)
    xx, xy = np.einsum("ij,ik,ie->ejk", x, x, member), np.einsum("ij,i,ie->ej", x, y, member)
    scale = np.sqrt((within["delta"] ** 2).sum())
    makers = member.sum(axis=0).astype(int)
    alone = np.where(makers >= len(names) + 2, _first(xx, xy), np.nan)
    others = _first(xx.sum(axis=0) - xx, xy.sum(axis=0) - xy)
    return pd.DataFrame({"makers": makers, "slope": alone / scale, "slope_without": others / scale})


def _first(xx: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """First coefficient of each system, empty where it is singular."""
    singular = np.linalg.cond(xx) > 1 / _ALONE
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
    error = math.sqrt(long_run(off[:, None], lags)[0, 0] / (n * (n - 1)))
    return _coefficients(pd.Series([slopes.mean()]), pd.Series([error]), n - 1, level).iloc[0]


def _coefficients(value: pd.Series, error: pd.Series, df: int, level: float) -> pd.DataFrame:
    return inference(value, error, df, level).set_axis(_COLUMNS, axis=1).rename_axis("term")


def _only_slope(rows: pd.DataFrame, value: float) -> np.ndarray:
    return np.where(rows.index == "delta", value, np.nan)


def _sentence(row: pd.Series, how: str, level: float) -> str:
    return (
        f"slope {row['estimate']:.4g} (s.e. {row['standard_error']:.4g}, {how}), "
        f"{level:.0%} interval {row['low']:.4g} to {row['high']:.4g}, p {said(row['p'])}"
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
    bad = np.argwhere(np.isinf(frame.to_numpy(dtype=float)))
    if len(bad):
        row, column = bad[0]
        raise DataError(
            f"{frame.columns[column]} of {frame.index[row]} is infinite; leave it empty or correct it"
        )


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise DataError(f"level is {level}; write a fraction such as 0.95")


def _check_draws(name: str, count: int) -> None:
    if count < 99:
        raise DataError(f"{name} is {count}; write at least 99, or p-values have no resolution")
