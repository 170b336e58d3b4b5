"""Every example in a docstring gives what it shows, and every public function and method has one."""

from __future__ import annotations

import doctest
import re
from collections.abc import Callable, Iterator
from functools import cached_property
from importlib import import_module
from inspect import getdoc, isclass, isfunction, unwrap
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import tariffmodel
from tariffmodel import customs, facts, maker_sheet, scenarios, ticket
from tariffmodel.markets import implied

PACKAGE = Path(tariffmodel.__file__).parent
TEXTS = {
    ".".join([PACKAGE.name, *path.relative_to(PACKAGE).with_suffix("").parts]): path.read_text(
        encoding="utf-8"
    )
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.name not in ("__init__.py", "__main__.py")
}
PARSER = doctest.DocTestParser()
NEEDS_A_KERNEL_OR_THE_NETWORK = {
    "tariffmodel.intake.earnings_dates",
    "tariffmodel.intake.ecb",
    "tariffmodel.intake.yahoo",
    "tariffmodel.runs.kernels",
    "tariffmodel.runs.run",
    "tariffmodel.runs.warm",
}


def without_example(module: ModuleType) -> Iterator[str]:
    """Public functions without one, and methods without one that their class does not show at work."""
    for name, one in vars(module).items():
        if name.startswith("_") or getattr(one, "__module__", "") != module.__name__:
            continue
        if isfunction(unwrap(one)) and ">>>" not in (getdoc(one) or ""):
            yield name
        if isclass(one):
            shown = "".join(line.source for line in PARSER.get_examples(vars(one).get("__doc__") or ""))
            for part in own_methods(one):
                about = getdoc(vars(one)[part]) or ""
                if ">>>" not in about and not re.search(rf"\.{part}\b", shown):
                    yield f"{name}.{part}"


def own_methods(one: type) -> Iterator[str]:
    """Public methods and properties but those that another package asks for."""
    foreign = [base for base in one.__mro__[1:] if base.__module__.partition(".")[0] != PACKAGE.name]
    for name, inside in vars(one).items():
        method = isfunction(inside) or isinstance(inside, property | cached_property | classmethod)
        if method and not name.startswith("_") and not any(name in vars(base) for base in foreign):
            yield name


def once(function: Callable[..., Any], known: facts.Facts) -> Callable[..., Any]:
    """The same with these facts, worked out once for the same question."""
    kept: dict[str, Any] = {}

    def ask(first: Any, second: Any = None, **more: Any) -> Any:
        asked = [known if isinstance(one, facts.Facts) else one for one in (first, second)]
        key = repr([one for one in asked if one is not known]) + repr(more)
        if key not in kept:
            kept[key] = function(*(known if one is None else one for one in asked), **more)
        return kept[key]

    return ask


def kept(function: Callable[..., Any], known: facts.Facts) -> Callable[..., Any]:
    """The same, worked out once for the same case of these facts."""
    found: dict[str, Any] = {}

    def ask(*asked: Any, **more: Any) -> Any:
        if asked[0].facts is not known:
            return function(*asked, **more)
        key = repr(asked) + repr(more)
        if key not in found:
            found[key] = function(*asked, **more)
        return found[key]

    return ask


@pytest.fixture(scope="module")
def slow(known: facts.Facts) -> dict[ModuleType, tuple[str, Callable[..., Any]]]:
    """What many examples begin with."""
    return {
        scenarios: ("run", once(scenarios.run, known)),
        implied: ("setting", once(implied.setting, known)),
        maker_sheet: ("shared", kept(maker_sheet.shared, known)),
        ticket: ("ticket", kept(ticket.ticket, known)),
        customs: ("table", kept(customs.table, known)),
    }


@pytest.mark.parametrize("name", [name for name, text in TEXTS.items() if ">>>" in text])
def test_examples_give_what_they_show(name, known, slow, monkeypatch):
    monkeypatch.setattr(facts, "load", lambda *_, **__: known)  # once, not for each example
    for module, (function, kept) in slow.items():
        monkeypatch.setattr(module, function, kept)
    found = doctest.testmod(import_module(name))
    assert found.attempted and not found.failed


@pytest.mark.parametrize("name", [name for name in TEXTS if ".cli." not in name])
def test_every_public_function_and_method_has_an_example(name):
    assert list(without_example(import_module(name))) == []


def test_no_example_is_skipped_but_for_want_of_a_kernel_or_the_network():
    skipping = {name for name, text in TEXTS.items() if "+SKIP" in text}
    assert skipping <= NEEDS_A_KERNEL_OR_THE_NETWORK
