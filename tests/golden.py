"""Results that stand beside the policies: `.venv/bin/python tests/golden.py` writes them anew.

A file `<policy>.golden.csv` holds the bill of every maker against the law before April 2025, for a
period in which the policy bites. Change one only with a reason in the commit message.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from tariffmodel import case, exposure, facts, policy

AGAINST = "before-april-2025"
USUAL = "FY2026-03"
PERIODS = {  # policies that begin later
    "canada-50-from-2027": "CY2027",
    "eu-25": "CY2027",
    "korea-25": "CY2027",
    "offset-as-enacted": "CY2028",
    "plan-rate-snap-back": "CY2027",
    "repeal": "CY2027",
    "taiwan-capacity-multiple": "CY2028",
    "usmca-content-rule-ends": "CY2027",
}


def compute(name: str, known: facts.Facts) -> pd.DataFrame:
    """Bill and average rate of every maker under one policy, makers in their usual order."""
    period = PERIODS.get(name, USUAL)
    bills = exposure.table(case(policy.load(name), policy.load(AGAINST), period, data=known))
    frame = bills.loc[known.makers.index, ["bill_usd", "effective_rate"]]
    return frame.assign(period=period).rename_axis("maker").reset_index()


def path(name: str) -> Path:
    return facts.data_dir() / "policies" / f"{name}.golden.csv"


def main() -> None:
    known = facts.load()
    for name in sys.argv[1:] or policy.names():
        compute(name, known).to_csv(path(name), index=False, float_format="%.10g", lineterminator="\n")


if __name__ == "__main__":
    main()
