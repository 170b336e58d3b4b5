from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tariffmodel import periods
from tariffmodel.errors import TariffModelError


@pytest.mark.parametrize(
    ("label", "start", "end"),
    [
        ("CY2025", "2025-01-01", "2025-12-31"),
        ("2025", "2025-01-01", "2025-12-31"),
        ("FY2026-03", "2025-04-01", "2026-03-31"),
        ("FY2025-12", "2025-01-01", "2025-12-31"),
        ("2025H2", "2025-07-01", "2025-12-31"),
        ("2025Q3", "2025-07-01", "2025-09-30"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("2025-04-15", "2025-04-15", "2025-04-15"),
        ("2025-04..2025-12", "2025-04-01", "2025-12-31"),
        ("CY2024..CY2026", "2024-01-01", "2026-12-31"),
    ],
)
def test_a_label_covers_the_days_it_names(label, start, end):
    span = periods.parse(label)
    assert (span.start, span.end) == (date.fromisoformat(start), date.fromisoformat(end))


@pytest.mark.parametrize(
    "label", ["", "25", "2025Q5", "2025-13", "FY2026", "2025-12..2025-04", "2025..x", "1..2..3"]
)
def test_a_label_outside_the_grammar_is_refused_with_examples(label):
    with pytest.raises(TariffModelError, match="period"):
        periods.parse(label)


@given(year=st.integers(1990, 2100), month=st.integers(1, 12))
def test_a_fiscal_year_is_twelve_months_that_end_in_its_month(year, month):
    span = periods.parse(f"FY{year}-{month:02d}")
    assert (span.end.year, span.end.month) == (year, month) and span.days in (365, 366)
