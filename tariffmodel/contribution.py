"""What does each maker, or a country's makers together, contribute to the US auto sector?

Ratios of METHOD's kind: vehicles built, exported, jobs and investment against vehicles sold or
imported. Country figures pool the sums over the makers at home there and then take the ratios.
A metric that cannot be computed is missing (NaN), never zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Literal

import numpy as np
import pandas as pd

from tariffmodel import periods, uncertainty
from tariffmodel.errors import DataError
from tariffmodel.facts import EXPORTS, FLOWS, IMPORTS, PRODUCTION, QUALITY, SALES, Facts, resolve

METRICS = {
    "local_build_share": "(P − X) / S, clipped to 0–1: share of US sales built in the US",
    "production_ratio": "P / S: the test of the 1965 Auto Pact",
    "export_ratio": "X / ΣM: vehicles shipped out per vehicle shipped in",
    "jobs_intensity": "1000·L / S: direct US jobs per 1,000 US sales",
    "investment_intensity": "I / S: cumulative USD invested in the US per vehicle sold",
    "us_content": "US content of vehicles sold, Kogod index, share of value",
}
_INPUTS = (SALES, PRODUCTION, EXPORTS, IMPORTS, "us_employment", "us_investment_cumulative", "us_content")
_USES = {
    "local_build_share": (SALES, PRODUCTION, EXPORTS),
    "production_ratio": (SALES, PRODUCTION),
    "export_ratio": (EXPORTS, IMPORTS),
    "jobs_intensity": (SALES, "us_employment"),
    "investment_intensity": (SALES, "us_investment_cumulative"),
    "us_content": ("us_content",),
}
Level = Literal["firm", "country"]


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
    """
    index, inputs, quality = _inputs(facts, year, level)
    runs = _ratios(uncertainty.stack(inputs))
    columns: dict[str, object] = {}
    for name, values in runs.items():
        with np.errstate(invalid="ignore"):
            low, high = uncertainty.interval(values)
        # moves are combined as if symmetric; no ratio of volumes can fall below zero
        columns |= {name: values[0], f"{name}_low": np.maximum(low, 0.0), f"{name}_high": high}
        worst = np.max([quality[part] for part in _USES[name]], axis=0)
        columns[f"{name}_quality"] = [
            None if np.isnan(v) else QUALITY[int(q)] for v, q in zip(values[0], worst)
        ]
    return pd.DataFrame(columns, index=index)


def score(
    facts: Facts,
    weights: Mapping[str, float],
    targets: Mapping[str, float],
    year: str = "CY2024",
    level: Level = "firm",
    missing: Literal["error", "zero", "reweight"] = "error",
    makers: Sequence[str] | None = None,
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

    Raises
    ------
    DataError
        If a metric is missing and `missing` is ``error``.
    """
    index, inputs, _ = _inputs(facts, year, level)
    table = pd.DataFrame(_ratios({name: bounds[1] for name, bounds in inputs.items()}), index=index)
    sells = pd.Series(inputs[SALES][1] > 0, index=index)
    wanted = list(facts.makers.index if makers is None else makers)
    if level == "country":
        home = facts.makers["home"].reindex(wanted)
        table, sells = table.reindex(home).set_axis(wanted), sells.reindex(home).set_axis(wanted)
    else:
        table, sells = table.reindex(wanted), sells.reindex(wanted)
    table = table[list(weights)].where(sells, 0.0)
    w, target = pd.Series(weights), pd.Series(targets)[list(weights)]
    gaps = table.isna()
    if missing == "error" and gaps.any(axis=None):
        maker, metric = next((m, k) for m in table.index for k in table if gaps.at[m, k])
        raise DataError(
            f"{metric} of {maker} is missing for {year}; add the fact, or let the policy say "
            'missing = "zero" or missing = "reweight"'
        )
    reached = (table / target).clip(0, 1).fillna(0.0)
    if missing == "reweight":
        known = (~gaps * w).sum(axis=1)
        return ((reached * w).sum(axis=1) / known.where(known > 0, 1.0)).rename("score")
    return (reached * w).sum(axis=1).rename("score")


@lru_cache(maxsize=64)
def _inputs(
    facts: Facts, year: str, level: Level
) -> tuple[pd.Index, dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]], dict[str, np.ndarray]]:
    """Low, value, high and quality of every input; imports summed over origins, firms over homes."""
    span = [periods.parse(year)]
    makers = list(facts.makers.index)
    bounds: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
    quality: dict[str, np.ndarray] = {}
    for name in _INPUTS:
        keys = [(m, name, o) for m in makers for o in facts.origins(m, name)]
        got = resolve(facts, keys, span)
        owner = np.array([makers.index(m) for m, _, _ in keys])
        known = np.bincount(owner, minlength=len(makers)) > 0
        yearly = 1.0 if name not in FLOWS or span[0].days in (365, 366) else 365.25 / span[0].days
        bounds[name] = tuple(
            np.where(known, yearly * np.bincount(owner, a[0], len(makers)), np.nan)
            for a in (got.low, got.value, got.high)
        )  # type: ignore[assignment]
        quality[name] = np.zeros(len(makers), int)
        np.maximum.at(quality[name], owner, got.quality[0])
    if level == "firm":
        return pd.Index(makers, name="maker"), bounds, quality
    whole = facts.makers["consolidated_in"].isna().to_numpy()
    homes = facts.makers["home"].to_numpy()
    blocs = sorted(set(homes))
    member = np.array([(homes == bloc) & whole for bloc in blocs], dtype=float)
    pooled = {
        name: tuple(np.where(member > 0, a, 0.0).sum(axis=1) for a in parts)  # NaN in any member stays NaN
        for name, parts in bounds.items()
        if name != "us_content"
    }
    # content is a level, not a sum: pool it by sales
    sales = member * bounds[SALES][1]
    pooled["us_content"] = tuple(
        np.where(sales > 0, a * sales, 0.0).sum(axis=1) / sales.sum(axis=1) for a in bounds["us_content"]
    )
    worst = {name: np.array([q[row > 0].max() for row in member]) for name, q in quality.items()}
    return pd.Index(blocs, name="home"), pooled, worst  # type: ignore[return-value]


def _ratios(x: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    sales, built, exported, imported = (x[name] for name in (SALES, PRODUCTION, EXPORTS, IMPORTS))
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "local_build_share": np.clip((built - exported) / sales, 0, 1),
            "production_ratio": built / sales,
            "export_ratio": exported / imported,
            "jobs_intensity": 1000 * x["us_employment"] / sales,
            "investment_intensity": x["us_investment_cumulative"] / sales,
            "us_content": x["us_content"] + 0 * sales,
        }
