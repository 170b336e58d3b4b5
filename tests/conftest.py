"""Loaded once: the bundled facts and the two policies that most tests compare."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from tariffmodel import cli, facts, policy

# No test may depend on the speed of the machine.
settings.register_profile("tariffmodel", deadline=None)
settings.load_profile("tariffmodel")


@pytest.fixture(scope="session")
def known() -> facts.Facts:
    return facts.load()


@pytest.fixture(scope="session")
def law() -> policy.Policy:
    return policy.load("current-law")


@pytest.fixture(scope="session")
def before() -> policy.Policy:
    return policy.load("before-april-2025")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A copy of the bundled data that a test may spoil."""
    return shutil.copytree(facts.data_dir(), tmp_path / "data", ignore=shutil.ignore_patterns("store"))


@pytest.fixture
def tm(capsys, monkeypatch) -> Callable[..., tuple[int, str, str]]:
    """The command line: its exit code, what it printed and what it complained of."""

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tariffmodel", *map(str, words)])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code
        out, err = capsys.readouterr()
        return code, out, err

    return call
