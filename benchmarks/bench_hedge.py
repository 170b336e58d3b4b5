"""How fast are hedges sized and tested? `make bench`. Figures are printed, never asserted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tariffmodel import case, facts, hedge, ticket

MAKERS, DRAWS = 20, 10_000


@pytest.fixture(scope="module")
def known():
    return facts.load()


def _simulated(rows: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(0)
    index = pd.bdate_range("2023-01-02", periods=rows)
    x = rng.normal(size=(rows, 2)) * 0.01
    y = x @ rng.normal(0.7, 0.3, size=(2, MAKERS)) + rng.normal(size=(rows, MAKERS)) * 0.02
    return pd.DataFrame(y, index).add_prefix("maker "), pd.DataFrame(x, index, ["JPY", "TOPIX"])


@pytest.mark.parametrize(("rows", "window", "every"), [(180, 52, 4), (900, 250, 21)], ids=["weekly", "daily"])
def test_effectiveness_of_twenty_makers_with_ten_thousand_draws(benchmark, rows, window, every):
    """Walk-forward, two instruments, intervals of variance and shortfall; the aim is 10 seconds."""
    shares, instruments = _simulated(rows)

    def all_makers():
        options = {"window": window, "every": every, "draws": DRAWS}
        return [hedge.effectiveness(shares[name], instruments, **options) for name in shares]

    assert len(benchmark.pedantic(all_makers, rounds=2, warmup_rounds=1)) == MAKERS


def test_record_of_every_maker_and_instrument(benchmark, known):
    """The bundled prices: all makers with prices, all candidate hedges, 10,000 draws each."""
    found = benchmark.pedantic(hedge.record, args=(known,), rounds=2, warmup_rounds=1)
    assert found["n"].gt(50).all()


def test_rolling_ratios(benchmark):
    shares, instruments = _simulated(2500)
    benchmark(hedge.rolling, shares["maker 0"], instruments, 250)


def test_dcc_ratios(benchmark):
    shares, instruments = _simulated(900)
    benchmark.pedantic(hedge.dcc, args=(shares["maker 0"], instruments), rounds=3, warmup_rounds=1)


def test_pairs_of_twenty(benchmark):
    shares, instruments = _simulated(900)
    bills = pd.Series(np.linspace(0, 0.1, MAKERS), shares.columns)
    assert len(benchmark(hedge.pairs, shares, bills, instruments, window=60)) == 190


def test_ticket(benchmark, known):
    benchmark.pedantic(
        ticket.ticket,
        args=(case("korea-25", "current-law", "CY2027", data=known), "005380.KS"),
        rounds=3,
        warmup_rounds=1,
    )
