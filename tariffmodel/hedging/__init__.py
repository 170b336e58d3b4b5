"""The wing of hedges: which instruments, how much of each, does it help, and on which ticket.

In order of knowing: ``instruments`` → ``ratios`` → ``out_of_sample`` → ``ideas``; ``positions`` → ``sizing``,
``choice``, ``threat`` → ``words`` → ``sheet`` (set by ``a4``) → ``ticket``; ``words`` → ``currency_leg``,
``betas``.

All functions take simple returns as P&L per unit of notional in one currency (`pnl` builds them): a
`position` (T,) and `instruments` (T, k). A **ratio** is the notional of an instrument *sold* per unit of
position held.
"""

from tariffmodel.hedging.betas import betas
from tariffmodel.hedging.choice import Choice, choose, combinations
from tariffmodel.hedging.currency_leg import Leg, currency_leg
from tariffmodel.hedging.ideas import basket, gaps, pairs
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
from tariffmodel.hedging.out_of_sample import (
    NO_HELP,
    Effectiveness,
    effectiveness,
    event_ratios,
    judged,
    portfolio_hedge,
    record,
    removed,
)
from tariffmodel.hedging.ratios import (
    Ratios,
    constrained,
    dcc,
    event_rows,
    ewma,
    moving,
    on_events,
    rolling,
    rolling_band,
    rolling_constrained,
    static,
)

__all__ = [
    "DAYS",
    "NO_HELP",
    "PEERS",
    "WEEKS",
    "Choice",
    "Effectiveness",
    "Leg",
    "Ratios",
    "basket",
    "betas",
    "candidates",
    "choose",
    "combinations",
    "constrained",
    "contracts",
    "currency_leg",
    "dcc",
    "effectiveness",
    "event_ratios",
    "event_rows",
    "ewma",
    "gaps",
    "judged",
    "label",
    "moving",
    "on_events",
    "one_for_one",
    "pairs",
    "peers",
    "periods_per_year",
    "pnl",
    "portfolio_hedge",
    "record",
    "removed",
    "rolling",
    "rolling_band",
    "rolling_constrained",
    "static",
]
