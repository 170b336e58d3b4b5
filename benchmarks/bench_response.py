"""How fast do prices settle? `make bench`. Figures are printed, never asserted."""

from __future__ import annotations

import pytest

from tariffmodel import bertrand, case, equilibrium, net_bill, published


@pytest.fixture(scope="module")
def asked():
    one = case(period="CY2025")
    assert len(one.runs_usd)  # the gross bill is not what is measured
    return one


def test_equilibrium_once(benchmark, asked):
    """All makers, origins and segments, central inputs: calibrate and solve."""
    sold = equilibrium.case_products(asked)

    def once():
        market = equilibrium.market_of(sold).rows(slice(0, 1))
        return bertrand.solve(market, sold.duty_usd[:1])

    assert benchmark(once).converged.all()


def test_net_bill_table(benchmark, asked):
    """Every run of every input, and what rivals gain."""
    benchmark(net_bill.table, asked)


def test_ten_thousand_draws(benchmark, asked):
    """All inputs drawn, calibrated and solved."""
    benchmark.pedantic(equilibrium.sampled, args=(asked, 10_000), rounds=3)


def test_published_table(benchmark, asked):
    """Every study under its own tariff."""
    benchmark.pedantic(published.table, args=(asked,), rounds=3)
