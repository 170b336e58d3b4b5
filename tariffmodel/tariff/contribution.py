"""What does each maker, or a country's makers together, contribute to the US auto sector?

Ratios of METHOD's kind: vehicles built, exported, jobs and investment against vehicles sold or
imported. Country figures pool the sums over the makers at home there and then take the ratios.
A metric that cannot be computed is missing (NaN), never zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import EXPORTS, FLOWS, IMPORTS, PRODUCTION, QUALITY, SALES, Facts, periods, resolve
from tariffmodel.facts.protected import kept_with
from tariffmodel.tariff import uncertainty

METRICS = {
    "local_build_share": "(P − X) / S, clipped to 0–1: share of US sales built in the US",
    "production_ratio": "P / S: the test of the 1965 Auto Pact",
    "production_to_import_ratio": "P / M_home: vehicles built in the US per vehicle shipped in from home",
    "export_ratio": "X / ΣM: vehicles shipped out per vehicle shipped in",
    "jobs_intensity": "1000·L / S: direct US jobs per 1,000 US sales",
    "investment_intensity": "I / S: cumulative USD invested in the US per vehicle sold",
    "us_content": "US content of vehicles sold, Kogod index, share of value",
}
JOBS, INVESTMENT, CONTENT, HOME_IMPORTS = (
    "us_employment",
    "us_investment_cumulative",
    "us_content",
    "home_imports",
)
CONTRIBUTIONS = (PRODUCTION, EXPORTS, JOBS, INVESTMENT)  # what a maker can add to
_INPUTS = (SALES, IMPORTS, HOME_IMPORTS, CONTENT, *CONTRIBUTIONS)
_USES = {
    "local_build_share": (SALES, PRODUCTION, EXPORTS),
    "production_ratio": (SALES, PRODUCTION),
    "production_to_import_ratio": (PRODUCTION, HOME_IMPORTS),
    "export_ratio": (EXPORTS, IMPORTS),
    "jobs_intensity": (SALES, JOBS),
    "investment_intensity": (SALES, INVESTMENT),
    "us_content": (CONTENT,),
}
Level = Literal["firm", "country"]
Missing = Literal["error", "zero", "reweight"]
Inputs = dict[str, np.ndarray]


def metrics(facts: Facts, year: str = "CY2024", level: Level = "firm") -> pd.DataFrame:
    """Contribution of every maker, or of every home country's makers pooled.

    Parameters
    ----------
    facts : Facts
    year : str
        Period label; volumes, jobs and investment are those of that year or the nearest known, and
        volumes of part of a year are taken at their yearly rate.
    level : {'firm', 'country'}

    Returns
    -------
    DataFrame
        Indexed by maker or by home bloc. For each metric `m` of `METRICS` (dimensionless, jobs per
        1,000 sales, or USD per vehicle): `m`, `m_low`, `m_high` and `m_quality`. NaN where an
        input is missing or a denominator is zero; `export_ratio` is infinite for a maker that
        exports and imports nothing. Makers consolidated in another are not pooled.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> firms = tm.contribution.metrics(tm.facts.load())
    >>> bool(firms["local_build_share"].dropna().between(0, 1).all())
    True
    >>> "JP" in tm.contribution.metrics(tm.facts.load(), level="country").index
    True
    """
    bounds, quality = _inputs(facts, year)
    index = pd.Index(facts.makers.index, name="maker")
    ends: list[Inputs] = [{name: bounds[name][end] for name in _INPUTS} for end in range(3)]
    if level == "country":
        blocs, member, _ = _homes(facts)
        index = pd.Index(blocs, name="home")
        ends = [_pool(end, member) for end in ends]
        quality = {name: np.array([q[row > 0].max() for row in member]) for name, q in quality.items()}
    low, value, high = ends
    runs = _ratios(uncertainty.stack({name: (low[name], value[name], high[name]) for name in _INPUTS}))
    columns: dict[str, object] = {}
    for name, values in runs.items():
        with np.errstate(invalid="ignore"):
            lowest, highest = uncertainty.interval(values)
        # moves are combined as if symmetric; no ratio of volumes can fall below zero
        columns |= {name: values[0], f"{name}_low": np.maximum(lowest, 0.0), f"{name}_high": highest}
        worst = np.max([quality[part] for part in _USES[name]], axis=0)
        columns[f"{name}_quality"] = [
            None if np.isnan(v) else QUALITY[int(q)] for v, q in zip(values[0], worst, strict=True)
        ]
    return pd.DataFrame(columns, index=index)


def score(
    facts: Facts,
    weights: Mapping[str, float],
    targets: Mapping[str, float],
    year: str = "CY2024",
    level: Level = "firm",
    missing: Missing = "error",
    makers: Sequence[str] | None = None,
    relative_to: str | None = None,
) -> pd.Series:
    """Composite score C = Σ w·min(m / target, 1) in [0, 1], per maker.

    Parameters
    ----------
    weights, targets : mapping of metric name to number
        Weights sum to 1; targets are positive, in the metric's unit.
    level : {'firm', 'country'}
        ``country`` gives every maker the pooled score of its home.
    missing : {'error', 'zero', 'reweight'}
        What a missing metric does: stop, count as zero, or leave the weights to the others.
    makers : sequence of str, optional
        Makers to score; all by default. Makers without US sales score zero.
    relative_to : str, optional
        Base year: only what output, exports, jobs and investment have grown since then counts.

    Raises
    ------
    DataError
        If a metric is missing and `missing` is ``error``.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> known, weights, targets = tm.facts.load(), {"production_ratio": 1.0}, {"production_ratio": 1.0}
    >>> found = tm.contribution.score(known, weights, targets, makers=["Subaru", "Porsche AG"])
    >>> found.name, bool(found["Subaru"] > 0), float(found["Porsche AG"])
    ('score', True, 0.0)
    """
    wanted = list(facts.makers.index if makers is None else makers)
    found = measured(facts, list(weights), year, level, missing, wanted, relative_to)
    return pd.Series(composite(found, weights, targets, missing)[0], wanted, name="score")


def measured(
    facts: Facts,
    names: Sequence[str],
    year: str,
    level: Level,
    missing: Missing,
    makers: Sequence[str],
    relative_to: str | None = None,
    shift: Mapping[str, np.ndarray] | None = None,
) -> np.ndarray:
    """Metrics `names` of `makers`, (variants, makers, metrics); NaN where missing and that is allowed.

    `shift` adds to the yearly `CONTRIBUTIONS` of all makers, arrays (variants, all makers); complex
    shifts carry derivatives through (Squire and Trapp 1998).

    >>> import tariffmodel as tm
    >>> known, names = tm.facts.load(), ["local_build_share", "production_ratio"]
    >>> measured(known, names, "CY2024", "firm", "error", ["Toyota", "Honda", "Subaru"]).shape
    (1, 3, 2)
    """
    bounds, _ = _inputs(facts, year)
    inputs: Inputs = {name: bounds[name][1][None] for name in _INPUTS}
    for name, change in (shift or {}).items():
        inputs[name] = inputs[name] + change
    base = {name: ends[1][None] for name, ends in _inputs(facts, relative_to or year)[0].items()}
    known = list(facts.makers.index)
    place = [known.index(maker) for maker in makers]
    if level == "country":
        _, member, bloc = _homes(facts)
        inputs, base = _pool(inputs, member), _pool(base, member)
        place = [bloc[p] for p in place]
    if relative_to is not None:  # after pooling: what moves from one maker to another is no growth
        for name in CONTRIBUTIONS:
            grown = inputs[name] - base[name]
            inputs[name] = np.where(less(grown, 0.0), 0.0, grown)
    ratios = _ratios(inputs)
    table = np.stack(np.broadcast_arrays(*(ratios[name] for name in names)), axis=-1)[:, place]
    sells = (inputs[SALES].real > 0)[:, place, None]
    table = np.where(sells, table, 0.0)
    if missing == "error" and np.isnan(table.real).any():
        _, m, k = np.argwhere(np.isnan(table.real))[0]
        raise DataError(
            f"{names[k]} of {makers[m]} is missing for {year}; add the fact, or let the policy say "
            'missing = "zero" or missing = "reweight"'
        )
    return table


def composite(
    table: np.ndarray, weights: Mapping[str, float], targets: Mapping[str, float], missing: Missing
) -> np.ndarray:
    """Σ w·min(m / target, 1) over the last axis of `table`, whose entries follow `weights`.

    >>> weights, targets = {"built": 0.4, "exported": 0.6}, {"built": 1.0, "exported": 0.1}
    >>> float(composite(np.array([0.5, 0.2]), weights, targets, "zero"))
    0.8
    """
    w = np.array([weights[name] for name in weights])
    goals = np.array([targets[name] for name in weights])
    gaps = np.isnan(table.real)  # the imaginary part of an infinite ratio is no number
    reached = np.where(less(table, goals), table, goals)
    reached = np.where(gaps, 0.0, reached) / goals
    if missing == "reweight":
        w = np.where(gaps, 0.0, w)
        total = w.sum(axis=-1, keepdims=True)
        w = w / np.where(total > 0, total, 1.0)
    return np.asarray((reached * w).sum(axis=-1))


def less(a: np.ndarray | float, b: np.ndarray | float) -> np.ndarray:
    """A < b, or about to be: where real parts are equal the imaginary ones, which carry derivatives, decide.

    So a derivative at a kink is that of one unit more, not of one less.

    >>> less(np.array([1.0, 2.0]), 2.0).tolist(), bool(less(2.0, 2.0 + 1e-20j))
    ([True, False], True)
    """
    below: np.ndarray = np.asarray(np.real(a) < np.real(b))
    if np.iscomplexobj(a) or np.iscomplexobj(b):
        below = np.asarray(below | ((np.real(a) == np.real(b)) & (np.imag(a) < np.imag(b))))
    return below


def clip(values: np.ndarray, low: np.ndarray | float, high: np.ndarray | float) -> np.ndarray:
    """`values` within bounds, with the derivatives of one unit more; what is not known stays so.

    >>> clip(np.array([-0.1, 0.4, 2.0]), 0.0, 1.0).tolist()
    [0.0, 0.4, 1.0]
    """
    return np.where(less(values, low), low, np.where(less(high, values), high, values))


@kept_with
def _inputs(facts: Facts, year: str) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Low, value and high (3, makers) and quality (makers,) of every input, imports summed over origins."""
    span = [periods.parse(year)]
    makers = list(facts.makers.index)
    bounds: dict[str, np.ndarray] = {}
    quality: dict[str, np.ndarray] = {}
    for name in _INPUTS:
        variable = IMPORTS if name == HOME_IMPORTS else name
        keys = [(m, variable, o) for m in makers for o in facts.origins(m, variable)]
        if name == HOME_IMPORTS:
            keys = [key for key in keys if key[2] == facts.makers.at[key[0], "home"]]
        got = resolve(facts, keys, span)
        owner = np.array([makers.index(m) for m, _, _ in keys])
        known = np.bincount(owner, minlength=len(makers)) > 0
        yearly = 1.0 if variable not in FLOWS or span[0].days in (365, 366) else 365.25 / span[0].days
        sums = [yearly * np.bincount(owner, end[0], len(makers)) for end in (got.low, got.value, got.high)]
        bounds[name] = np.where(known, sums, np.nan)
        quality[name] = np.zeros(len(makers), int)
        np.maximum.at(quality[name], owner, got.quality[0])
    return bounds, quality


@kept_with
def _homes(facts: Facts) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Blocs, which maker is pooled in which (blocs, makers), and the bloc of each maker."""
    homes = facts.makers["home"].to_numpy()
    blocs = sorted(set(homes))
    whole = facts.makers["consolidated_in"].isna().to_numpy()
    member = np.array([(homes == bloc) & whole for bloc in blocs])
    return blocs, member, np.array([blocs.index(home) for home in homes])


def _pool(inputs: Inputs, member: np.ndarray) -> Inputs:
    """Sums over the makers of each bloc; a gap in any member stays a gap, content is pooled by sales."""
    pooled = {
        name: np.where(member, values[..., None, :], 0.0).sum(axis=-1)
        for name, values in inputs.items()
        if name != CONTENT
    }
    sales = np.where(member, inputs[SALES][..., None, :], 0.0)
    content = np.where(sales > 0, inputs[CONTENT][..., None, :] * sales, 0.0).sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled[CONTENT] = content / sales.sum(axis=-1)
    return pooled


def _ratios(x: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    sales, built, exported = (x[name] for name in (SALES, PRODUCTION, EXPORTS))
    with np.errstate(divide="ignore", invalid="ignore"):
        local = (built - exported) / sales
        local = clip(local, 0.0, 1.0)
        return {
            "local_build_share": local,
            "production_ratio": built / sales,
            "production_to_import_ratio": built / x[HOME_IMPORTS],
            "export_ratio": exported / x[IMPORTS],
            "jobs_intensity": 1000 * x[JOBS] / sales,
            "investment_intensity": x[INVESTMENT] / sales,
            "us_content": x[CONTENT] + 0 * sales,
        }
