"""What does a run conclude, and what does it keep of that which it started from?

A notebook states each conclusion with `conclude`; a run keeps them in one table, beside a copy of the
figures it started from (`keep_inputs`). `diff.between` sets two such folders side by side.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from filelock import FileLock

from tariffmodel import escapes, files
from tariffmodel.errors import DataError
from tariffmodel.facts import KEY, Facts, store
from tariffmodel.tariff.entries import Policy

CONCLUSIONS, LOCK = "conclusions.csv", ".conclusions.lock"
INPUTS = {name: f"inputs/{name}.parquet" for name in ("facts", "prices", "fx")} | {
    "policies": "inputs/policies.json"
}
NUMBERS = ["value", "standard_error", "low", "high", "p_value"]
COLUMNS = ["notebook", "quantity", "subject", *NUMBERS[:4], "unit", "p_value"]


def conclude(
    notebook: str, quantity: str, found: pd.Series | pd.DataFrame, folder: str | Path | None, *, unit: str
) -> None:
    """Record what a notebook concludes in folder/conclusions.csv.

    Without a folder nothing is written, so that a notebook runs anywhere. What the notebook said
    before about the same quantity is replaced. The same figures give the same bytes.

    Parameters
    ----------
    notebook : str
        Its number, as in its file's name: ``"02"``.
    quantity : str
        What is stated, such as ``"bill_usd"`` or ``"fx_beta"``.
    found : Series or DataFrame
        Indexed by what it is about (maker, event, pair); several levels are joined by `` / ``. A
        Series holds values; a frame has a column ``value`` and any of ``standard_error``, ``low``,
        ``high`` and ``p_value``. Rows without a finite value are left out.
    unit : str
        Unit of value, standard error and range; ``"rank"`` for places in an order.

    Raises
    ------
    DataError
        For another column, a subject that occurs twice, a negative standard error, or a p-value
        outside 0 to 1.

    Examples
    --------
    >>> bills = pd.Series({"Toyota": 5.4e9, "Kia": 1.5e9})
    >>> conclude("02", "bill_usd", bills, folder=None, unit="usd")  # with a folder: bills go to its table
    """
    where = f"conclusion {quantity!r} of notebook {notebook!r}"
    if not re.fullmatch(r"\d\d", notebook):
        raise DataError(f'{where}: write the two digits its file starts with, such as "02"')
    given = found.rename("value").to_frame() if isinstance(found, pd.Series) else found
    if "value" not in given or not set(given) <= set(NUMBERS):
        columns = ", ".join(map(str, given))
        raise DataError(f"{where}: columns are {columns}; expected value and any of {', '.join(NUMBERS[1:])}")
    try:
        rows = given.astype(float).reindex(columns=NUMBERS)
    except (TypeError, ValueError) as error:
        raise DataError(f"{where}: {error}; expected numbers") from None
    rows.insert(0, "subject", [_label(key) for key in given.index])
    rows = rows[np.isfinite(rows["value"])]
    for wrong, rule in (
        (rows["subject"].duplicated(), "each subject once; aggregate, or add a level to the index"),
        (rows["standard_error"] < 0, "standard_error >= 0"),
        (~rows["p_value"].fillna(0).between(0, 1), "p_value from 0 to 1"),
    ):
        if wrong.any():
            raise DataError(f"{where}: faulty for {rows.loc[wrong, 'subject'].iloc[0]}; expected {rule}")
    if not folder:
        return
    text = rows.astype({"subject": object}).assign(notebook=notebook, quantity=quantity, unit=unit)
    for column in NUMBERS:
        text[column] = [f"{number + 0.0:.10g}" if number == number else "" for number in rows[column]]
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    kept = text[COLUMNS]
    with FileLock(place / LOCK):  # kernels conclude side by side
        if (path := place / CONCLUSIONS).is_file():
            said = files.csv(path, na_values=[])
            old = (said["notebook"] == notebook) & (said["quantity"] == quantity)
            kept = pd.concat([said[~old], kept], ignore_index=True)
            kept = kept.sort_values(["notebook", "quantity"], kind="stable")
        store.write_whole(path, escapes.cells(kept).to_csv(index=False, lineterminator="\n").encode())


def keep_inputs(folder: Path, facts: Facts, policy: Policy, against: Policy) -> None:
    """Keep in folder/inputs what a run starts from, and an empty table for what it concludes.

    The selected facts, the prices and exchange rates up to its day (see `market.until`; seven digits),
    and both policies with their bases folded in: some 250 kB.

    >>> from tempfile import TemporaryDirectory
    >>> import tariffmodel as tm
    >>> asked = tm.case("flat-25")
    >>> with TemporaryDirectory() as place:
    ...     keep_inputs(Path(place), asked.facts, asked.policy, asked.against)
    ...     sorted(path.name for path in (Path(place) / "inputs").iterdir())
    ['facts.parquet', 'fx.parquet', 'policies.json', 'prices.parquet']
    """
    (folder / "inputs").mkdir(parents=True, exist_ok=True)
    columns = [*KEY, "period", "unit", "value", "low", "high", "quality", "source_title"]
    compact: dict[str, Any] = {"compression": "zstd", "compression_level": 15}
    compact |= {"use_dictionary": False, "use_byte_stream_split": True}  # a third of the size
    facts.selected[columns].to_parquet(folder / INPUTS["facts"], compression="zstd")
    facts.prices.astype("float32").to_parquet(folder / INPUTS["prices"], **compact)
    facts.fx.astype("float32").to_parquet(folder / INPUTS["fx"], **compact)
    (folder / INPUTS["policies"]).write_text(policies_text(policy, against), encoding="utf-8")
    (folder / CONCLUSIONS).write_text(",".join(COLUMNS) + "\n", encoding="utf-8")


def policies_text(policy: Policy, against: Policy) -> str:
    """Both policies with their bases folded in, as JSON: the same text for the same law.

    >>> import tariffmodel as tm
    >>> both = json.loads(policies_text(tm.policy.load("flat-25"), tm.policy.load("none")))
    >>> {role: law["name"] for role, law in both.items()}
    {'against': 'none', 'policy': 'flat-25'}
    """
    laws = {
        "policy": policy.model_dump(mode="json", by_alias=True),
        "against": against.model_dump(mode="json", by_alias=True),
    }
    return json.dumps(laws, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _label(key: object) -> str:
    parts = key if isinstance(key, tuple) else (key,)
    return " / ".join(f"{p:%Y-%m-%d}" if isinstance(p, pd.Timestamp) else str(p) for p in parts)
