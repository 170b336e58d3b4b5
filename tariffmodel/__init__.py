"""Each automaker's US tariff bill, from volumes and dated law, and what shares and currencies make of it.

The package is a house of wings, each knowing only those before it: ``facts`` (what the sources say) →
``stats`` (arrays in, results out) → ``tariff`` (what follows from the law) → ``response`` (what makers do
about it) → ``markets`` → ``hedging`` → ``scenarios`` (what could happen) → ``spillovers`` (who feels it at
second hand) → ``intake`` (what comes in from outside) → ``charts`` → ``runs`` → ``lab`` and ``cli``.
Continuous integration holds the order. The names below are public. They load when first used, so that
``import tariffmodel`` itself is quick.
about it) → ``markets`` → ``hedging`` → ``scenarios`` (what could happen) → ``watch`` (what
this year will have been) → ``intake`` (what comes in from
outside) → ``charts`` → ``runs`` → ``lab`` and ``cli``. Continuous integration holds the order.
The names below are public. They load when first used, so that ``import tariffmodel`` itself is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# public name: the module that it stands for
_HOMES = {
    "Case": "tariff.case:Case",
    "Valuation": "tariff.case:Valuation",
    "bertrand": "response.bertrand",
    "booked": "tariff.booked",
    "breaks": "stats.breaks",
    "capacity": "response.capacity",
    "calendar_time": "stats.calendar_time",
    "case": "tariff.case:case",
    "changes": "runs.changes",
    "charts": "charts",
    "columns": "columns",
    "comparison": "tariff.comparison",
    "conditional_returns": "stats.conditional_returns",
    "contribution": "tariff.contribution",
    "cross_section": "stats.cross_section",
    "customs": "tariff.customs",
    "derivatives": "hedging.derivatives",
    "difference": "stats.difference",
    "currency": "markets.currency",
    "cost": "tariff.cost",
    "parts_account": "tariff.parts_account",
    "demand": "response.demand",
    "duty": "tariff.duty",
    "ecb": "intake.ecb",
    "earnings_dates": "intake.earnings_dates",
    "equilibrium": "response.equilibrium",
    "entries": "tariff.entries",
    "errors": "errors",
    "event_calendar": "markets.event_calendar",
    "event_tests": "stats.event_tests",
    "events": "markets.events",
    "exports": "runs.exports",
    "exposure": "tariff.exposure",
    "facts": "facts",
    "fieller": "stats.fieller",
    "forecasts": "tariff.forecasts",
    "game": "response.game",
    "goods": "tariff.goods",
    "government": "response.government",
    "groups": "stats.groups",
    "hedge": "hedging",
    "homes": "markets.homes",
    "implied": "markets.implied",
    "implied_variance": "stats.implied_variance",
    "incentives": "tariff.incentives",
    "lab": "lab",
    "link": "markets.link",
    "live_workbook": "runs.live_workbook",
    "maker_sheet": "runs.maker_sheet",
    "market": "markets.market",
    "mimicking": "markets.mimicking",
    "mixture": "stats.mixture",
    "moved": "response.moved",
    "net_bill": "response.net_bill",
    "normal_returns": "stats.normal_returns",
    "notebook": "notebook",
    "options": "stats.options",
    "own": "intake.own_prices",
    "own_disclosures": "intake.own_disclosures",
    "own_events": "intake.own_events",
    "own_facts": "intake.own_facts",
    "own_news": "markets.own_news",
    "own_positions": "intake.own_positions",
    "own_panel": "intake.own_panel",
    "own_quotes": "intake.own_quotes",
    "own_rates": "intake.own_rates",
    "own_tables": "intake.own_tables",
    "page": "runs.page",
    "paths": "stats.paths",
    "periods": "facts.periods",
    "placebo": "stats.placebo",
    "plausibility": "intake.plausibility",
    "plants": "response.plants",
    "positions": "hedging.positions",
    "policy": "tariff.policy",
    "prediction": "markets.prediction",
    "pricing": "markets.pricing",
    "products": "response.products",
    "provenance": "facts.provenance",
    "published": "response.published",
    "quanto": "stats.quanto",
    "quotes": "markets.quotes",
    "rates": "tariff.rates",
    "refresh": "intake.yahoo",
    "relief": "tariff.relief",
    "regression": "stats.regression",
    "renewal": "intake.renewal",
    "relocation": "response.relocation",
    "report": "runs.run",
    "resampling": "stats.resampling",
    "scenarios": "scenarios",
    "schedule": "response.schedule",
    "schemas": "facts.schemas",
    "sensitivity": "markets.sensitivity",
    "sessions": "stats.sessions",
    "shrinkage": "stats.shrinkage",
    "spreadsheet": "intake.spreadsheet",
    "state_prices": "stats.state_prices",
    "store": "facts.store",
    "synthetic": "stats.synthetic",
    "ticket": "hedging.ticket",
    "two_way": "markets.two_way",
    "uncertainty": "tariff.uncertainty",
    "validation": "tariff.validation",
    "valuation": "markets.valuation",
    "announcements": "watch.announcements",
    "g17": "intake.g17",
    "own_announcements": "intake.own_announcements",
    "calendar": "watch.calendar",
    "nowcast": "watch.nowcast",
    "surprises": "watch.surprises",
    "trade": "intake.official",
    "vendors": "intake.vendors",
    "input_output": "spillovers.input_output",
    "places": "spillovers.places",
    "shapes": "spillovers.shapes",
    "states": "spillovers.states",
    "suppliers": "spillovers.suppliers",
    "slides": "runs.slides",
}
__all__ = ["__version__", *_HOMES]  # noqa: PLE0604  the keys are strings


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        module, _, inside = _HOMES[name].partition(":")
        found = import_module(f"{__name__}.{module}")
        return getattr(found, inside) if inside else found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
