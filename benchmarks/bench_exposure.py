"""How fast is the core? `make bench`. Figures are printed, never asserted."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from tariffmodel import case, contribution, exposure, facts, policy


@pytest.fixture(scope="module")
def known():
    return facts.load()


@pytest.fixture(scope="module")
def before():
    return policy.load("before-april-2025")


def test_import(benchmark):
    """A new interpreter that imports the package; compare with the bare one below."""
    benchmark.pedantic(
        subprocess.run, args=([sys.executable, "-c", "import tariffmodel"],), rounds=5, warmup_rounds=1
    )


def test_import_nothing(benchmark):
    benchmark.pedantic(subprocess.run, args=([sys.executable, "-c", ""],), rounds=5, warmup_rounds=1)


def test_load_and_validate(benchmark):
    benchmark.pedantic(facts.load, rounds=5, warmup_rounds=1)


def test_exposure_table(benchmark, known, before):
    """All makers under one policy, ranges included."""
    law = policy.load("current-law")
    assert len(benchmark(lambda: exposure.table(case(law, before, data=known)))) == 20


def test_first_exposure_table_after_load(benchmark, before):
    """Nothing cached: exchange rates and prices are read as well."""
    law = policy.load("current-law")
    benchmark.pedantic(
        exposure.table, setup=lambda: ((case(law, before, data=facts.load()),), {}), rounds=5, warmup_rounds=1
    )


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("japan-flexible-linear-firm", ["relief.japan.slope", "relief.japan.floor"]),
        (
            "current-law",
            ["additional.232-vehicles.rate", "additional.japan-deal.rate", "offset.msrp-offset.rate"],
        ),
    ],
)
def test_ten_thousand_variants(benchmark, known, before, name, keys):
    one = policy.load(name)
    variants = {key: np.linspace(0, 0.25, 10_000) for key in keys}
    bills = benchmark.pedantic(
        exposure.sweep, args=(case(one, before, data=known), variants), rounds=5, warmup_rounds=1
    )
    assert bills.shape == (10_000, 20)


def test_contribution(benchmark, known):
    benchmark(contribution.metrics, known)
