"""Loaded once: the bundled facts and the two policies that most tests compare."""

from __future__ import annotations

import gc
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

# before NumPy comes: the workers share the processors, and its threads would spin beside each other
os.environ.setdefault("OMP_NUM_THREADS", "1")

import tariffmodel
from tariffmodel import facts, policy

# No test may depend on the speed of the machine.
settings.register_profile("tariffmodel", deadline=None)
settings.load_profile("tariffmodel")

gc.set_threshold(20_000, 10, 10)


def pytest_collection_finish() -> None:
    """What is imported by now stays: a twelfth of all time went into looking whether it is garbage."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def known() -> facts.Facts:
    return facts.load()


@pytest.fixture(scope="session")
def law() -> policy.Policy:
    return policy.load("current-law")


@pytest.fixture(scope="session")
def before() -> policy.Policy:
    return policy.load("before-april-2025")


@pytest.fixture(scope="session")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of every notebook with its defaults: made once, for all workers."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    with FileLock(shared / "executed.lock"):
        if not (found := list(shared.glob("executed/2*"))):
            with pytest.MonkeyPatch.context() as patch:  # the package under test, installed or not
                patch.setenv("PYTHONPATH", str(Path(tariffmodel.__file__).parents[1]))
                found = [run_of_all(shared / "executed")]
    return found[0]


def run_of_all(output: Path) -> Path:
    from tariffmodel import report  # not for a worker, or the process over them, that runs none

    question = {"policy": "current-law", "against": "before-april-2025", "period": "FY2026-03"}
    try:
        return report.run(**question, as_of=None, output=output, jobs=2, progress=False)
    except report.RunError as error:  # the tests of the notebook that failed say so
        return error.folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A copy of the bundled data that a test may spoil."""
    return shutil.copytree(facts.data_dir(), tmp_path / "data", ignore=shutil.ignore_patterns("store"))


@pytest.fixture
def judged_once(known, monkeypatch) -> None:
    """Statements of a copy whose tables are those of the bundled data are not set beside the model again."""
    from tariffmodel import validation

    tables = ("table", "makers", "financials", "disclosures", "lags")
    compute = validation._disclosed

    def disclosed(case):
        copied = case.facts is not known and case.facts.day is None
        if copied and all(getattr(case.facts, name).equals(getattr(known, name)) for name in tables):
            policies = {"policy": case.policy.name, "against": case.against.name}
            return validation.disclosed(tariffmodel.case(**policies, data=known))
        return compute(case)

    monkeypatch.setattr(validation, "_disclosed", disclosed)


@pytest.fixture
def tm(known, capsys, monkeypatch) -> Callable[..., tuple[int, str, str]]:
    """The command line: its exit code, what it printed and what it complained of.

    It has the facts that are loaded for other tests as long as no file of theirs is written to.
    """
    from tariffmodel import cli

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
