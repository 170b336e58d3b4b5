"""Charts look as they did when somebody last looked at them.

Drawn from made-up tables, so that new data do not change them. After a change of the house style look
at the new pictures, then keep them: ``UPDATE_PICTURES=1 pytest tests/test_pictures.py``.
"""

from __future__ import annotations

import io
import os
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image
from test_charts_events import EVERY as EVENTS

from tariffmodel import charts

PICTURES = Path(__file__).parent / "pictures"
DPI = 80
LOOK = {"source": "a source", "as_of": date(2026, 10, 30)}
MAKERS = ["Toyota", "GM", "Hyundai Motor", "Volkswagen", "Porsche AG", "Suzuki"]
BILLS = pd.DataFrame(
    {
        "home": ["JP", "US", "KR", "EU", "EU", "JP"],
        "consolidated_in": [np.nan, np.nan, np.nan, np.nan, "Volkswagen", np.nan],
        "us_sales_units": 1e6,
        "vehicle_duty_usd": [4.9e9, 3.4e9, 2.6e9, 2.9e9, 1.0e9, 0.0],
        "parts_duty_usd": [1.9e9, 2.2e9, 0.8e9, 0.3e9, 0.0, 0.0],
        "offset_usd": [0.5e9, 0.3e9, 0.2e9, 0.1e9, 0.0, 0.0],
        "bill_usd": [6.3e9, 5.3e9, 3.2e9, 3.1e9, 1.0e9, 0.0],
        "bill_low_usd": [5.2e9, 4.2e9, 2.9e9, 2.6e9, 0.9e9, 0.0],
        "bill_high_usd": [7.6e9, 6.7e9, 3.6e9, 3.7e9, 1.2e9, 0.0],
        "share_of_operating_profit": [0.2, 0.36, 0.31, 0.14, 0.2, 0.0],
        "quality": ["estimated", "estimated", "derived", "estimated", "reported", "reported"],
    },
    index=pd.Index(MAKERS, name="maker"),
)
RATES = pd.DataFrame(
    {"JP": [0.025, 0.275, 0.15], "EU": [0.025, 0.275, 0.15], "MX": [0.0, 0.15, 0.15]},
    index=pd.to_datetime(["2025-01-01", "2025-04-03", "2025-09-16"]),
)
CHANGE = pd.DataFrame(
    {
        "flat-25": [6.8e9, 8.5e9, 1.4e9, 4.5e10],
        "one-to-one": [-6.6e9, -5.5e9, np.nan, -3.1e10],
        "none": [0.0] * 4,
    },
    index=["Toyota", "GM", "Kia", "US Treasury"],
)
MOVES = pd.DataFrame(
    {"fall_usd": [-8e8, -7e8, -2e8, 0.0], "rise_usd": [8e8, 5e8, 4e8, 0.0]},
    index=pd.MultiIndex.from_tuples(
        [("Toyota", "customs_value"), ("GM", "us_content_share"), ("BMW", "imported_parts"), ("GM", "msrp")],
        names=["maker", "input"],
    ),
)
NET = pd.DataFrame(
    {
        "home": ["JP", "US", "EU"],
        "bill_usd": [6.3e9, 1.8e9, 0.0],
        "net_bill_usd": [1.9e9, -1.2e9, 0.0],
        "net_bill_low_usd": [1.2e9, -1.9e9, 0.0],
        "net_bill_high_usd": [2.8e9, -0.4e9, 0.0],
        "rivals_gain_usd": [2.2e9, 2.7e9, 0.0],
    },
    index=pd.Index(["Toyota", "Ford", "Ferrari"], name="maker"),
)
DRAWN = {
    **EVENTS,
    "gross_and_net": lambda **k: charts.gross_and_net(NET, case="a case", **LOOK, **k).figure,
    "bill_bars": lambda **k: charts.bill_bars(BILLS, case="a case", **LOOK, **k).figure,
    "burden": lambda **k: charts.burden(BILLS, case="a case", **LOOK, **k).figure,
    "rate_path": lambda **k: (
        charts.rate_path(RATES, policy="law", until=date(2026, 3, 31), **LOOK, **k).figure
    ),
    "policy_comparison": lambda **k: (
        charts.policy_comparison(
            {
                "law": BILLS,
                "double": BILLS.assign(
                    bill_usd=2 * BILLS["bill_usd"], bill_high_usd=2 * BILLS["bill_high_usd"]
                ),
            },
            case="a case",
            **LOOK,
            **k,
        ).figure
    ),
    "tornado": lambda **k: charts.tornado(MOVES, case="a case", **LOOK, **k).figure,
    "gains_and_losses": lambda **k: (
        charts.gains_and_losses(CHANGE, baseline="law", case="a case", **LOOK, **k).figure
    ),
    "worth_of_one_more": lambda **k: (
        charts.worth_of_one_more(CHANGE.iloc[:-1] / 1e6, unit="vehicle", case="a case", **LOOK, **k).figure
    ),
}


def pixels(fig: Figure) -> np.ndarray:
    content = io.BytesIO()
    fig.savefig(content, dpi=DPI, format="png")
    return np.asarray(Image.open(content).convert("RGB"), dtype=float)


@pytest.mark.parametrize("name", DRAWN)
def test_chart_looks_as_it_did(name: str) -> None:
    got = pixels(DRAWN[name](width_cm=charts.COLUMN_CM))
    kept = PICTURES / f"{name}.png"
    if os.environ.get("UPDATE_PICTURES"):
        PICTURES.mkdir(exist_ok=True)
        Image.fromarray(got.astype(np.uint8)).quantize(128).save(kept, optimize=True)
    expected = np.asarray(Image.open(kept).convert("RGB"), dtype=float)
    assert got.shape == expected.shape, "another size; see the top of this file"
    # edges differ by a shade from one machine to the next; a line or a word that moved differs by far more
    off = np.abs(got - expected).max(axis=2) > 96
    assert off.mean() < 0.004, f"{off.mean():.2%} of the pixels differ; see the top of this file"


def test_a_moved_mark_would_be_noticed() -> None:
    moved = BILLS.assign(bill_usd=BILLS["bill_usd"] * 1.15, vehicle_duty_usd=BILLS["vehicle_duty_usd"] * 1.15)
    one, two = (pixels(charts.bill_bars(table, case="a case", **LOOK).figure) for table in (BILLS, moved))
    assert one.shape == two.shape and (np.abs(one - two).max(axis=2) > 96).mean() > 0.004
