"""The wing of scenarios: what could happen, what it would cost each maker, and what drives the difference.

In order of knowing: ``tree`` (outcomes, probabilities, days) → ``draws`` → ``streams`` → ``bills`` →
``engine`` (one machine or a cluster) → ``distribution`` → ``net`` → ``results`` → ``importance``, ``hedges``.
"""

from tariffmodel.scenarios.distribution import quantile, shortfall
from tariffmodel.scenarios.engine import cluster, on_cluster
from tariffmodel.scenarios.hedges import Hedged, feared, hedged
from tariffmodel.scenarios.importance import indices, of_tree, sobol
from tariffmodel.scenarios.results import DRAWS, Result, run
from tariffmodel.scenarios.tree import Branch, Outcome, Scenario, Step, When, joined, load, names

__all__ = [
    "DRAWS",
    "Branch",
    "Hedged",
    "Outcome",
    "Result",
    "Scenario",
    "Step",
    "When",
    "cluster",
    "feared",
    "hedged",
    "indices",
    "joined",
    "load",
    "names",
    "of_tree",
    "on_cluster",
    "quantile",
    "run",
    "shortfall",
    "sobol",
]
