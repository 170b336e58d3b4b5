"""How fast are options over outcomes priced? `make bench`. Figures are printed, never asserted."""

from __future__ import annotations

import numpy as np

from tariffmodel import implied_variance, state_prices


def test_ten_thousand_contracts_over_five_outcomes(benchmark):
    """The aim is half a second."""
    rng = np.random.default_rng(0)
    n, kinds = 10_000, np.array(["call", "put"])
    q = rng.dirichlet(np.ones(5), size=n)
    jump = state_prices.martingale(q, rng.uniform(-0.2, 0.2, (n, 5)))
    terms = (
        rng.uniform(80, 120, n),
        rng.uniform(80, 120, n),
        rng.uniform(0.1, 0.4, n),
        rng.uniform(0.1, 2, n),
    )
    found = benchmark(state_prices.mixture, kinds[rng.integers(0, 2, n)], *terms, q, jump, 0.03)
    assert found.shape == (n,) and (found > 0).all()


def test_fair_variance_of_a_strip(benchmark):
    strike = np.arange(20.0, 400.0, 0.1)
    price = state_prices.black(np.where(strike < 100, "put", "call"), 100.0, strike, 0.2, 0.5)
    assert benchmark(implied_variance.fair_variance, strike, price, 100.0, 0.5) > 0
