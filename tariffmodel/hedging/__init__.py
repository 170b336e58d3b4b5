"""The wing of hedges: which instruments, how much of each, does it help, and on which ticket.

In order of knowing: ``instruments`` → ``ratios`` → ``out_of_sample`` → ``ideas``; ``sizing`` → ``words`` →
``sheet`` → ``ticket``. All functions take simple returns as P&L per unit of notional in one currency
(`pnl` builds them): a `position` (T,) and `instruments` (T, k). A **ratio** is the notional of an
instrument *sold* per unit of position held.
"""

from tariffmodel.hedging.ideas import basket, pairs
from tariffmodel.hedging.instruments import (
    DAYS,
    PEERS,
    WEEKS,
    candidates,
    contracts,
    label,
    one_for_one,
    peers,
    periods_per_year,
    pnl,
)
from tariffmodel.hedging.out_of_sample import NO_HELP, Effectiveness, effectiveness, record
from tariffmodel.hedging.ratios import (
    Ratios,
    constrained,
    dcc,
    event_rows,
    ewma,
    on_events,
    rolling,
    rolling_constrained,
    static,
)

__all__ = [
    "DAYS",
    "NO_HELP",
    "PEERS",
    "WEEKS",
    "Effectiveness",
    "Ratios",
    "basket",
    "candidates",
    "constrained",
    "contracts",
    "dcc",
    "effectiveness",
    "event_rows",
    "ewma",
    "label",
    "on_events",
    "one_for_one",
    "pairs",
    "peers",
    "periods_per_year",
    "pnl",
    "record",
    "rolling",
    "rolling_constrained",
    "static",
]
