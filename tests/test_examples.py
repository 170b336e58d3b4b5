"""Every example in a docstring gives what it shows; of statistics and hedges every function has one."""

from __future__ import annotations

import doctest
from importlib import import_module
from inspect import getdoc, isfunction
from pathlib import Path
from pkgutil import iter_modules

import pytest

import tariffmodel
from tariffmodel import facts

PACKAGE = Path(tariffmodel.__file__).parent
WITH_EXAMPLES = [
    ".".join([PACKAGE.name, *path.relative_to(PACKAGE).with_suffix("").parts])
    for path in sorted(PACKAGE.rglob("*.py"))
    if ">>>" in path.read_text(encoding="utf-8")
]
SHOWN_AT_WORK = [
    f"tariffmodel.{wing}.{module.name}"
    for wing in ("stats", "hedging")
    for module in iter_modules(import_module(f"tariffmodel.{wing}").__path__)
]


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_give_what_they_show(name, known, monkeypatch):
    monkeypatch.setattr(facts, "load", lambda *_, **__: known)  # once, not for each example
    found = doctest.testmod(import_module(name))
    assert found.attempted and not found.failed


@pytest.mark.parametrize("name", SHOWN_AT_WORK)
def test_every_public_function_has_an_example(name):
    module = import_module(name)
    own = [getattr(module, public) for public in module.__all__]
    own = [one for one in own if isfunction(one) and one.__module__ == name]
    assert [one.__name__ for one in own if ">>>" not in (getdoc(one) or "")] == []
