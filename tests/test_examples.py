"""Every public function shows itself at work, and what its docstring shows is what it gives."""

from __future__ import annotations

import doctest
from importlib import import_module
from inspect import getdoc, isfunction
from pkgutil import iter_modules

import pytest

from tariffmodel import facts

WINGS = ("stats", "hedging")
MODULES = [
    f"tariffmodel.{wing}.{module.name}"
    for wing in WINGS
    for module in iter_modules(import_module(f"tariffmodel.{wing}").__path__)
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_show(name, known, monkeypatch):
    monkeypatch.setattr(facts, "load", lambda *_, **__: known)  # once, not for each example
    found = doctest.testmod(import_module(name))
    assert found.failed == 0


@pytest.mark.parametrize("name", MODULES)
def test_every_public_function_has_an_example(name):
    module = import_module(name)
    own = [getattr(module, public) for public in module.__all__]
    own = [one for one in own if isfunction(one) and one.__module__ == name]
    assert [one.__name__ for one in own if ">>>" not in (getdoc(one) or "")] == []
