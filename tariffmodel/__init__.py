"""Each automaker's US tariff bill, from volumes and dated law.

The modules follow one direction, each knowing only those before it:
``facts`` → ``contribution`` → ``policy`` → ``rates`` → ``duty`` → ``exposure``, ``comparison``,
``incentives``, ``validation`` → ``market``, ``store``, ``refresh``, ``own`` → ``event_calendar``, ``events`` →
``link``, ``pricing``, ``mimicking`` → ``sensitivity``, ``currency`` → ``hedge``, ``options``, ``ticket`` → ``charts``,
``lab`` → ``changes``, ``page``, ``exports``, ``report`` → ``cli``.
They load when first used, so that ``import tariffmodel`` itself is quick.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

__version__ = "0.1.0"
__all__ = [
    "changes",
    "charts",
    "comparison",
    "contribution",
    "currency",
    "duty",
    "event_calendar",
    "events",
    "exports",
    "exposure",
    "facts",
    "hedge",
    "incentives",
    "lab",
    "link",
    "market",
    "mimicking",
    "options",
    "own",
    "own_disclosures",
    "own_facts",
    "page",
    "policy",
    "pricing",
    "rates",
    "refresh",
    "report",
    "sensitivity",
    "store",
    "ticket",
    "validation",
    "vendors",
]


def __getattr__(name: str) -> ModuleType:
    if name in __all__:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
