"""How is the table of a maker's monthly release read as it stands?

Regions stand down, under headings such as *1. Production*, *2. Sales* and *3. Exports*; a month, the months
of the year so far and the same of the year before stand across, with changes in percent between them. Labels
that are known are data: ``data/watch/press_labels.csv``. Rows with other labels are left out, and named.
"""

from __future__ import annotations

import re
from datetime import datetime

import numpy as np
import pandas as pd

from tariffmodel.facts import data_dir, store
from tariffmodel.intake import spreadsheet

LABELS = "watch/press_labels.csv"
_SECTIONS = {
    "production": r"production|生産",
    "sales": r"sales|販売",
    "exports": r"exports?|輸出",
}
_MONTH = r"([A-Z][a-z]{2,8})\.?"
_COUNTED = re.compile(r"[(\uff08]?(?:vehicles|units|台数?|k?units)[)\uff09]?", re.IGNORECASE)


def plain(cells: np.ndarray) -> tuple[pd.DataFrame, list[str]] | None:
    """Rows of a release with `variable`, `origin`, a column for each span of months, and `row` of the file.

    Also the labels that are left out; None where the cells are no such table.

    >>> cells = [["", "Nov. 2023 (vehicles)", "Year-on-year change (%)", "Jan. - Nov. 2023 (vehicles)"],
    ...     ["1. Production", "", "", ""], ["US", "48,056", "+16.8", "563,047"], ["UK", "30,770", "", ""]]
    >>> rows, left_out = plain(np.array(cells, dtype=object))
    >>> rows.drop(columns="row").to_dict("records")[0]
    {'variable': 'us_production_units', 'origin': 'US', '2023-11': '48,056', '2023-01..2023-11': '563,047'}
    >>> left_out
    ['UK']
    """
    words = np.vectorize(spreadsheet.text, otypes=[object])(cells)
    heads = next((at for at, line in enumerate(words) if _spans(line)), None)
    if heads is None:
        return None
    spans = _spans(words[heads])
    labels = _labels()
    section, found, left_out = "", [], []
    for at in range(len(words)):
        label = next((word for word in words[at][: min(spans)] if word), "")
        if at == heads or not label:
            continue
        figures = {period: words[at][column] for column, period in spans.items()}
        if named := _section(label):
            section = named if not any(figures.values()) else section
        known = labels.get((section, label)) or labels.get(("", label))
        if known:
            found.append({"variable": known[0], "origin": known[1], **figures, "row": at + 1})
        elif any(figures.values()):
            left_out.append(label)
    return (pd.DataFrame(found), left_out) if found else None


def _spans(line: np.ndarray) -> dict[int, str]:
    """Columns of a header that hold vehicles of months, and which, if the first column holds none."""
    found = {at: period for at, word in enumerate(line) if (period := months(word))}
    return found if found and 0 not in found and len(set(found.values())) == len(found) else {}


def months(words: str) -> str:
    """A month, or a span of months of a release, as the model writes it; empty where it is none.

    >>> [months(words) for words in ("Nov. 2023 (vehicles)", "Jan. – Nov. 2023", "2026年1月", "change (%)")]
    ['2023-11', '2023-01..2023-11', '2026-01', '']
    >>> months("Apr. 2025 - Mar. 2026"), months("2026年1~4月")
    ('2025-04..2026-03', '2026-01..2026-04')
    """
    text = _COUNTED.sub("", words).strip()
    dash = r"\s*(?:[-–—~〜\uff5e]|to)\s*"
    if match := re.fullmatch(rf"{_MONTH}(?:\s+(\d{{4}}))?(?:{dash}{_MONTH})?\s*(\d{{4}})?", text):
        first, last = _number(match[1]), _number(match[3] or match[1])
        end = int(match[4] or match[2] or 0)
        if not (first and last and end):
            return ""
        start = int(match[2]) if match[2] and match[3] else end - (first > last)
        return f"{start}-{first:02}" + (f"..{end}-{last:02}" if match[3] else "")
    if match := re.fullmatch(rf"(\d{{4}})年\s*(\d{{1,2}})月?(?:{dash}(\d{{1,2}}))?月", text):
        span = f"{match[1]}-{int(match[2]):02}"
        return span + (f"..{match[1]}-{int(match[3]):02}" if match[3] else "")
    if match := re.fullmatch(r"(\d{4})年\s*(\d{1,2})月", text):
        return f"{match[1]}-{int(match[2]):02}"
    return ""


def _number(month: str) -> int:
    """1 to 12, 0 for what is no month."""
    for pattern in ("%b", "%B"):
        try:
            return datetime.strptime(month.replace("Sept", "Sep"), pattern).month  # noqa: DTZ007  no day
        except ValueError:
            continue
    return 0


def _section(label: str) -> str:
    found = [name for name, pattern in _SECTIONS.items() if re.search(pattern, label, re.IGNORECASE)]
    return found[0] if len(found) == 1 else ""


def _labels() -> dict[tuple[str, str], tuple[str, str]]:
    table = pd.read_csv(store.path(data_dir(), LABELS), dtype=str, keep_default_na=False)
    return {
        (section, label): (variable, origin)
        for section, label, variable, origin in table[["section", "label", "variable", "origin"]].to_numpy()
    }
