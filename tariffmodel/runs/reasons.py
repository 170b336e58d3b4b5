"""Why did a bill move from one run to another: the figures, the law, or everything else?

The bill is worked out again with the law of the earlier run, then with its figures as well. What each step
changes is what that input did; what is left between the earlier run's own bill and the last step came from
the code or from files that no run keeps. Figures first and law last is one of two orders; where both change
one maker's bill at once, part of the effect belongs to both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import ValidationError

from tariffmodel import files
from tariffmodel.errors import TariffModelError
from tariffmodel.facts import KEY, Facts, periods
from tariffmodel.runs.conclusions import CONCLUSIONS, INPUTS
from tariffmodel.tariff import policy as policies
from tariffmodel.tariff.case import Case
from tariffmodel.tariff.entries import Policy

BILL = "bill_usd"
_ENDS = {"value": "", "low": "_low", "high": "_high"}


def bills(before: Path, after: Path, facts: Facts) -> pd.DataFrame:
    """Bills of two runs, and what moved them.

    Parameters
    ----------
    before, after : Path
        Folders of two runs of the same policies and period.
    facts : Facts
        Those that the later run was made from.

    Returns
    -------
    DataFrame
        Indexed by maker, for makers with a bill in both: `bill_before_usd`, `bill_usd`, each with `_low` and
        `_high`; `change_usd`, and its parts `by_facts_usd`, `by_law_usd` and `by_rest_usd`. The parts are
        missing where the later run's own bill is not found again from `facts`, or where what the earlier run
        kept cannot be read by this version.

    Examples
    --------
    >>> import json
    >>> from tempfile import TemporaryDirectory
    >>> import tariffmodel as tm
    >>> from tariffmodel.runs.conclusions import conclude, keep_inputs
    >>> asked = tm.case("flat-25", "none", "CY2025")
    >>> owed = tm.exposure.table(asked)["bill_usd"]
    >>> about = {"parameters": {"period": "CY2025"}, "as_of": str(asked.as_of)}
    >>> with TemporaryDirectory() as place:
    ...     for name, law, paid in (("one", "flat-15", 0.5 * owed), ("two", "flat-25", owed)):
    ...         folder = Path(place) / name
    ...         keep_inputs(folder, asked.facts, asked.beside(law), asked.against)
    ...         conclude("02", "bill_usd", paid, folder, unit="usd")
    ...         _ = (folder / "manifest.json").write_text(json.dumps(about), encoding="utf-8")
    ...     found = bills(Path(place) / "one", Path(place) / "two", asked.facts).loc["Kia"]
    >>> bool(found["by_law_usd"] > 0), float(found["by_facts_usd"])
    (True, 0.0)
    """
    stated = [_stated(folder) for folder in (before, after)]
    makers = stated[1].index[stated[1].index.isin(stated[0].index)]
    found = pd.DataFrame(index=pd.Index(makers, name="maker"))
    for one, name in zip(stated, ("bill_before", "bill"), strict=True):
        for end, tail in _ENDS.items():
            found[f"{name}{tail}_usd"] = one[end].reindex(makers).to_numpy()
    found["change_usd"] = found["bill_usd"] - found["bill_before_usd"]
    try:
        parts = _parts(before, after, facts).reindex(makers)
    except (TariffModelError, ValidationError):  # a law or figures that this version reads otherwise
        parts = pd.DataFrame(np.nan, makers, ["now_usd", "by_facts_usd", "by_law_usd"])
    again = (parts["now_usd"] - found["bill_usd"]).abs() <= 1e-8 * found["bill_usd"].abs() + 1
    parts = parts.drop(columns="now_usd").where(again)
    rest = found["change_usd"] - parts.sum(axis=1)
    return found.join(parts).assign(by_rest_usd=rest.where(again))


def _stated(folder: Path) -> pd.DataFrame:
    """What a run says that each maker owes, with its range."""
    said = files.csv(folder / CONCLUSIONS)
    rows = said[said["quantity"] == BILL].drop_duplicates("subject").set_index("subject")
    return rows[list(_ENDS)].astype(float)


def _parts(before: Path, after: Path, facts: Facts) -> pd.DataFrame:
    """The later bill of each maker, and what its law and its figures add to the earlier ones, USD."""
    about, then = (files.json(folder / "manifest.json") for folder in (after, before))
    day, old_day = (date.fromisoformat(one["as_of"]) for one in (about, then))
    laws, old = _laws(after, day), _laws(before, old_day)
    known = facts.as_known(day)
    now = Case(known, *laws, periods.parse(about["parameters"]["period"]), day)
    earlier_law = replace(now, policy=old[0], against=old[1])
    restored = _restored(known, files.parquet(before / INPUTS["facts"])).as_known(old_day)
    earlier_both = replace(earlier_law, facts=restored, as_of=min(day, old_day))
    owed = [pd.Series(one.runs_usd[0], one.goods.makers) for one in (now, earlier_law, earlier_both)]
    steps = {"now_usd": owed[0], "by_facts_usd": owed[1] - owed[2], "by_law_usd": owed[0] - owed[1]}
    return pd.DataFrame(steps)


def _laws(folder: Path, day: date) -> tuple[Policy, Policy]:
    """Both policies of a run, as law was known on its day."""
    kept: Mapping[str, object] = files.json(folder / INPUTS["policies"])
    mine, other = (
        policies.as_known(Policy.model_validate(kept[role]), day) for role in ("policy", "against")
    )
    return mine, other


def _restored(facts: Facts, earlier: pd.DataFrame) -> Facts:
    """The facts with the figures that an earlier run had in use."""
    cell = [*KEY, "period", "unit"]
    table, old = facts.table.copy(), earlier.set_index(cell)
    where = pd.MultiIndex.from_frame(table[cell])
    used, there = table["selected"].to_numpy(), where.isin(old.index)
    gone = old.index.difference(where[used & there])  # cells in use then: of now, take those set aside
    back = ~used & where.isin(gone) & ~where.duplicated()
    table["selected"] = (used & there) | back
    rows = table["selected"].to_numpy()
    for column in ("value", "low", "high"):
        table.loc[rows, column] = old[column].reindex(where[rows]).to_numpy()
    then = replace(facts, table=table)
    vars(then)["overlay"] = facts.overlay
    return then
