"""What do the sources say, and which reading is used?

`load` reads and validates a data folder; `resolve` turns its selected rows into arrays.
"""

from tariffmodel.facts.faults import (
    EXPORTS,
    FLOWS,
    IMPORTS,
    KEY,
    PRODUCTION,
    SALES,
    Fault,
    across_rows,
    conform,
    conform_own,
    overfull,
    refuse,
)
from tariffmodel.facts.flows import BASIS
from tariffmodel.facts.readings import Resolved, identity, resolve
from tariffmodel.facts.tables import (
    EU_MEMBERS,
    FACT_FILES,
    LEDGER,
    OWN,
    OWN_DISCLOSURES,
    OWN_LEDGER,
    QUALITY,
    STATEMENT,
    Facts,
    check,
    combine,
    data_dir,
    in_use,
    load,
    with_dates_apart,
    with_statements,
)
from tariffmodel.facts.version import Version, data_version
from tariffmodel.facts.worth import fx_rate, market_value, share_counts

__all__ = [
    "BASIS",
    "EU_MEMBERS",
    "EXPORTS",
    "FACT_FILES",
    "FLOWS",
    "IMPORTS",
    "KEY",
    "LEDGER",
    "OWN",
    "OWN_DISCLOSURES",
    "OWN_LEDGER",
    "PRODUCTION",
    "QUALITY",
    "SALES",
    "STATEMENT",
    "Facts",
    "Fault",
    "Resolved",
    "Version",
    "across_rows",
    "check",
    "combine",
    "conform",
    "conform_own",
    "data_dir",
    "data_version",
    "fx_rate",
    "identity",
    "in_use",
    "load",
    "market_value",
    "overfull",
    "refuse",
    "resolve",
    "share_counts",
    "with_dates_apart",
    "with_statements",
]
