"""What changed between two runs: the inputs, or the answer?

A conclusion is *significant* if its p-value is below 0.05 or, where it has no p-value, if it lies
more than 1.96 standard errors from zero; without either it is neither significant nor not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tariffmodel import files
from tariffmodel.errors import DataError
from tariffmodel.escapes import markdown, markdown_said
from tariffmodel.facts import KEY
from tariffmodel.runs.conclusions import CONCLUSIONS, INPUTS, NUMBERS
from tariffmodel.tariff.entries import KINDS

FLAGS = (
    "sign flip", "significance lost", "significance gained", "appeared", "gone", "moved", "same",
)  # fmt: skip
RANK = "rank"  # the unit of places in an order
CRITICAL, LEVEL = 1.96, 0.05
_RELATIVE, _ABSOLUTE = 1e-8, 1e-12  # closer than this is the same: tables carry ten digits
_SEVEN_DIGITS = 1e-6  # what is kept of a price, and so the least change of one
_IDENTITY = ["notebook", "quantity", "subject", "unit"]


@dataclass(frozen=True, eq=False)
class Changes:
    """Differences between two runs.

    Attributes
    ----------
    before, after : str
        Names of the runs.
    inputs : DataFrame
        `what` (parameter, policy, facts, prices, fx, data, notebook, package or code), `name`,
        `before`, `after`: a value, a version, or the first digits of a file's SHA-256.
    facts : DataFrame
        Selected facts: `change` (added, removed, changed), `maker`, `variable`, `origin`,
        `period`, `unit`, `before`, `after`, and `fields`: which of value, low, high, quality and
        source differ.
    prices : DataFrame
        One row per price line or currency pair: `kind` (prices, fx), `name`, `rows_added`,
        `rows_removed`, `last_before`, `last_after`, `ratio` (median of after over before on
        common days: 1 unless the history was re-based), `days_changed` (common days that differ
        from that ratio by more than 1e-6) and the first of them, `first_changed`.
    conclusions : DataFrame
        All of them, `same` ones included: `notebook`, `quantity`, `subject`, `unit`, `before`,
        `after`, `change`, `relative_change` (over the size of `before`), `change_in_standard_errors` (of the
        first run), `significant_before`, `significant_after` (empty if neither a standard error
        nor a p-value is stated) and `flag`. Sign flips and changes of significance come first,
        then the largest moves: in standard errors or, where there is none, relative; ranks last.
    left_out : tuple of str
        Why conclusions of some notebooks are not compared, a sentence for each reason.

    Examples
    --------
    >>> conclusions = pd.DataFrame({"quantity": ["bill_usd"], "subject": "Toyota", "unit": "usd"})
    >>> conclusions = conclusions.assign(notebook="02", before=5.0e9, after=5.5e9, change=0.5e9)
    >>> conclusions = conclusions.assign(relative_change=0.1, change_in_standard_errors=np.nan)
    >>> conclusions = conclusions.assign(significant_before=None, significant_after=None, flag="moved")
    >>> none = pd.DataFrame({"what": [], "kind": []})
    >>> found = Changes("earlier", "later", none, none, none, conclusions, left_out=())
    >>> found.nothing, len(found.moved)
    (False, 1)
    >>> found.table().loc[0, ["Before", "After", "Change", "Relative"]].tolist()
    ['USD 5.00 bn', 'USD 5.50 bn', 'USD +0.50 bn', '+10.0%']
    >>> print(found.summary())
    No input changed.
    1 conclusion: moved 1.
    Largest moves: bill_usd of Toyota USD 5.00 bn → USD 5.50 bn (+10.0%).
    >>> found.inputs_told()
    []
    >>> found.to_markdown().splitlines()[0]
    '# What changed from earlier to later'
    """

    before: str
    after: str
    inputs: pd.DataFrame
    facts: pd.DataFrame
    prices: pd.DataFrame
    conclusions: pd.DataFrame
    left_out: tuple[str, ...]

    @property
    def nothing(self) -> bool:
        """Whether the runs had the same inputs and came to the same conclusions."""
        return self.inputs.empty and self.moved.empty and not self.left_out

    @property
    def moved(self) -> pd.DataFrame:
        """Conclusions that are not the same."""
        return self.conclusions[self.conclusions["flag"] != "same"]

    def summary(self) -> str:
        """The changes in plain sentences, one to a line."""
        inputs = self.inputs_told() or ["No input changed."]
        return "\n".join([*inputs, *map(_begun, [*_conclusions_told(self.conclusions), *self.left_out])])

    def inputs_told(self) -> list[str]:
        """The inputs that changed in plain sentences: one for each kind, then figures and prices."""
        detailed = {*self.prices["kind"], *(["facts"] if len(self.facts) else [])}
        files = self.inputs[~self.inputs["what"].isin(detailed)]
        inputs = [f"{kind}: {_few(_told(rows))}." for kind, rows in files.groupby("what", sort=False)]
        return list(map(_begun, [*inputs, *_facts_told(self.facts), *_prices_told(self.prices)]))

    def table(self, limit: int | None = None) -> pd.DataFrame:
        """The conclusions that moved, as text for people: at most `limit` of them.

        Columns: Quantity, Subject, Before, After, Change, Relative, In standard errors (unless
        empty) and Verdict.
        """
        rows = self.moved.head(len(self.moved) if limit is None else limit)
        size = rows["change_in_standard_errors"]
        table = pd.DataFrame(
            {
                "Quantity": rows["quantity"],
                "Subject": rows["subject"],
                "Before": [figure(*pair) for pair in zip(rows["before"], rows["unit"], strict=True)],
                "After": [figure(*pair) for pair in zip(rows["after"], rows["unit"], strict=True)],
                "Change": [_change(*pair) for pair in zip(rows["change"], rows["unit"], strict=True)],
                "Relative": [
                    "" if r != r or u == RANK else f"{r:+.1%}"
                    for r, u in zip(rows["relative_change"], rows["unit"], strict=True)
                ],
                "In standard errors": ["" if s != s else _errors(s) for s in size],
                "Verdict": rows["flag"],
            }
        ).reset_index(drop=True)
        return table if size.notna().any() else table.drop(columns="In standard errors")

    def to_markdown(self) -> str:
        """Summary and tables as one Markdown document."""
        parts = [f"# What changed from {self.before} to {self.after}"]
        parts.append("\n".join(f"- {markdown_said(sentence)}" for sentence in self.summary().splitlines()))
        for title, frame in (
            ("Conclusions", self.table()),
            ("Inputs", self.inputs),
            ("Selected facts", self.facts),
            ("Prices and exchange rates", self.prices),
        ):
            if len(frame):
                parts += [f"## {title}", _markdown(frame)]
        return "\n\n".join(parts) + "\n"


def between(run1: str | Path, run2: str | Path) -> Changes:
    """What changed from one run to another.

    Conclusions are compared where the notebook ended well in both runs; they are the same if they
    differ by less than one part in 10⁸.

    Parameters
    ----------
    run1, run2 : path
        Folders of finished runs, the earlier first.

    Raises
    ------
    DataError
        If a folder is none of a run, or of a run that did not end, was altered since, or was made
        before conclusions were kept.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> tm.changes.between("output/one", "output/other")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    tariffmodel.errors.DataError: ... is not the folder of a run (no manifest.json in it); ...
    """
    one, two = _open(run1), _open(run2)
    conclusions, left_out = _compare_conclusions(one, two)
    return Changes(
        one.name,
        two.name,
        inputs=_compare_inputs(one, two),
        facts=_compare_facts(one.frame("facts"), two.frame("facts")),
        prices=pd.concat(
            [_compare_levels(kind, one.frame(kind), two.frame(kind)) for kind in ("prices", "fx")],
            ignore_index=True,
        ),
        conclusions=conclusions,
        left_out=left_out,
    )


@dataclass(frozen=True)
class _Run:
    folder: Path
    manifest: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.manifest["run"])

    @property
    def ended_well(self) -> dict[str, bool]:
        """By number of notebook."""
        return {entry["file"][:2]: entry["status"] == "ok" for entry in self.manifest["notebooks"]}

    def frame(self, name: str) -> pd.DataFrame:
        return files.parquet(self.folder / INPUTS[name])


def _open(folder: str | Path) -> _Run:
    """A run's folder whose manifest can be read and whose kept tables are as the run left them."""
    place = Path(folder)
    path = place / "manifest.json"
    if not path.is_file():
        raise DataError(
            f"{place} is not the folder of a run (no manifest.json in it); name one, such as output/latest"
        )
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path} is no whole JSON file ({error}); run the question again") from None
    if not isinstance(manifest, dict) or not {"run", "notebooks", "outputs", "parameters"} <= set(manifest):
        raise DataError(f"{path} is no manifest of a run; name a folder that `tariffmodel run` made")
    if not manifest["outputs"]:
        raise DataError(f"{place} holds a run that did not end; run the question again")
    digests = {entry["file"]: entry["sha256"] for entry in manifest["outputs"]}
    for name in (CONCLUSIONS, *INPUTS.values()):
        if name not in digests:
            version = manifest.get("tariffmodel") or "an older version"
            raise DataError(
                f"{place} was made by tariffmodel {version}, which kept no {name}; run the question again"
            )
        kept = place / name
        if not kept.is_file() or hashlib.sha256(kept.read_bytes()).hexdigest() != digests[name]:
            raise DataError(
                f"{kept} is missing or not what the run wrote; restore it or run the question again"
            )
    return _Run(place, manifest)


# Inputs -------------------------------------------------------------------------------------------


def _compare_inputs(one: _Run, two: _Run) -> pd.DataFrame:
    before, after = _stated(one), _stated(two)
    once = {key for key in before.keys() ^ after.keys() if key[0] == "notebook"}  # see `left_out`
    rows = [(*key, before.get(key), after.get(key)) for key in before | after if key not in once]
    frame = pd.DataFrame(rows, columns=["what", "name", "before", "after"], dtype=object)
    frame = frame[[old != new for *_, old, new in rows]]
    order = ["parameter", "policy", "facts", "prices", "fx", "data", "notebook", "package", "code"]
    return frame.sort_values("what", key=lambda what: what.map(order.index), kind="stable", ignore_index=True)


def _stated(run: _Run) -> dict[tuple[str, str], str]:
    """Everything a run says about its inputs, by what it is and its name."""
    manifest = run.manifest
    asked = {**manifest["parameters"], "as_of": manifest["as_of"]}
    stated = {("parameter", name): str(value) for name, value in asked.items()}
    laws = json.loads((run.folder / INPUTS["policies"]).read_text(encoding="utf-8"))
    for role, law in laws.items():
        for kind in KINDS:
            for entry in law.pop(kind):
                layer, name = entry.pop("layer"), f"{role}: {kind}.{entry.pop('id')}"
                name += f" (layer {layer})" if layer else ""
                stated |= {("policy", field): value for field, value in _flat(entry, name).items()}
        stated |= {("policy", name): value for name, value in _flat(law, role).items()}
    for entry in manifest["data"]:
        stated[_kind(entry["file"]), entry["file"]] = entry["sha256"][:12]
    for entry in manifest["notebooks"]:
        stated["notebook", entry["file"]] = entry["sha256"][:12]
    stated |= {("package", name): version for name, version in manifest["packages"].items()}
    stated["package", "python"] = manifest["python"]
    stated["code", "tariffmodel"] = str(manifest["tariffmodel"])
    if git := manifest["git"]:
        stated["code", "revision"] = git["commit"][:12] + (
            " with uncommitted changes" if git["dirty"] else ""
        )
    return stated


def _flat(document: Mapping[str, Any], prefix: str) -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in document.items():
        name = f"{prefix}.{key}"
        flat |= _flat(value, name) if isinstance(value, dict) else {name: _plain(value)}
    return flat


def _plain(value: Any) -> str:
    return ", ".join(map(_plain, value)) if isinstance(value, list) else "" if value is None else str(value)


def _kind(file: str) -> str:
    named = {"market/prices.parquet": "prices", "market/fx.parquet": "fx"}
    folder = {"facts": "facts", "policies": "policy"}
    return named.get(file) or folder.get(file.partition("/")[0], "data")


def _compare_facts(one: pd.DataFrame, two: pd.DataFrame) -> pd.DataFrame:
    cell = [*KEY, "period", "unit"]
    fields = {"value": "value", "low": "low", "high": "high", "quality": "quality", "source_title": "source"}
    both = one.merge(two, how="outer", on=cell, suffixes=("_before", "_after"), indicator=True)
    differs = pd.DataFrame(
        {
            word: (old != new) & (old.notna() | new.notna())
            for name, word in fields.items()
            for old, new in [(both[f"{name}_before"], both[f"{name}_after"])]
        }
    )
    change = both["_merge"].map({"left_only": "removed", "right_only": "added", "both": "changed"})
    frame = both[cell].assign(
        change=change.astype(object),
        before=both["value_before"],
        after=both["value_after"],
        fields=[", ".join(differs.columns[row]) for row in differs.to_numpy()],
    )
    frame.loc[frame["change"] != "changed", "fields"] = ""
    frame = frame[differs.any(axis=1)]
    return frame[["change", *cell, "before", "after", "fields"]].reset_index(drop=True)


def _compare_levels(kind: str, one: pd.DataFrame, two: pd.DataFrame) -> pd.DataFrame:
    days, lines = one.index.union(two.index), one.columns.union(two.columns)
    before, after = (frame.reindex(index=days, columns=lines) for frame in (one, two))
    ratios = (after / before).astype(float)
    typical = ratios.median()
    typical = typical.mask((typical - 1).abs() < _SEVEN_DIGITS, 1.0)
    off = (ratios / typical - 1).abs() > _SEVEN_DIGITS
    last_day: Any = pd.Series.last_valid_index
    frame = pd.DataFrame(
        {
            "kind": kind,
            "rows_added": (before.isna() & after.notna()).sum(),
            "rows_removed": (before.notna() & after.isna()).sum(),
            "last_before": before.apply(last_day),
            "last_after": after.apply(last_day),
            "ratio": typical,
            "days_changed": off.sum(),
            "first_changed": off.idxmax().where(off.any()),
        }
    )
    changed = (frame[["rows_added", "rows_removed", "days_changed"]] > 0).any(axis=1)
    changed |= frame["ratio"].notna() & (frame["ratio"] != 1)
    frame = frame[changed].rename_axis("name").reset_index()
    days_of = ["last_before", "last_after", "first_changed"]
    frame[days_of] = frame[days_of].astype("datetime64[us]")
    return frame[["kind", "name", *[column for column in frame if column not in ("kind", "name")]]]


# Conclusions --------------------------------------------------------------------------------------


def _compare_conclusions(one: _Run, two: _Run) -> tuple[pd.DataFrame, tuple[str, ...]]:
    first, second = one.ended_well, two.ended_well
    shared = {number for number in first if first[number] and second.get(number)}
    reasons: dict[str, list[str]] = {}
    for number in sorted({*first, *second} - shared):
        why = " and ".join(
            f"{'failed' if number in ended else 'did not run'} in {run.name}"
            for run, ended in ((one, first), (two, second))
            if not ended.get(number)
        )
        reasons.setdefault(why, []).append(number)
    left_out = tuple(
        f"Conclusions of notebook {last} are not compared: it {why}."
        if not others
        else f"Conclusions of notebooks {', '.join(others)} and {last} are not compared: they {why}."
        for why, (*others, last) in reasons.items()
    )
    old, new = (_said(run).loc[lambda said: said["notebook"].isin(shared)] for run in (one, two))
    both = old.merge(new, how="outer", on=_IDENTITY, suffixes=("_before", "_after"))
    was, now, error = both["value_before"], both["value_after"], both["standard_error_before"]
    change = now - was
    sure_before, sure_after = (_significant(both, end) for end in ("_before", "_after"))
    same = np.isclose(was, now, rtol=_RELATIVE, atol=_ABSOLUTE)
    flag = np.select(
        [
            was.isna(),
            now.isna(),
            (np.sign(was) * np.sign(now) < 0) & ~same,
            (sure_before & ~sure_after).fillna(False).to_numpy(dtype=bool),
            (~sure_before & sure_after).fillna(False).to_numpy(dtype=bool),
            same,
        ],
        ["appeared", "gone", "sign flip", "significance lost", "significance gained", "same"],
        "moved",
    )
    frame = both[_IDENTITY].assign(
        before=was,
        after=now,
        change=change,
        relative_change=change / was.abs().where(was != 0),
        change_in_standard_errors=change / error.where(error > 0),
        significant_before=sure_before,
        significant_after=sure_after,
        flag=flag,
    )
    size = frame["change_in_standard_errors"].fillna(frame["relative_change"]).abs().fillna(0)
    order = pd.DataFrame(
        {
            "class": frame["flag"].map(FLAGS.index),
            "rank": frame["unit"] == RANK,
            "size": -size,
            **frame[_IDENTITY],
        }
    )
    return frame.loc[order.sort_values(order.columns.to_list()).index].reset_index(drop=True), left_out


def _said(run: _Run) -> pd.DataFrame:
    types = dict.fromkeys(_IDENTITY, str) | dict.fromkeys(NUMBERS, float)
    path = run.folder / CONCLUSIONS
    return pd.read_csv(path, dtype=types, na_values=[""], keep_default_na=False, encoding="utf-8")


def _significant(both: pd.DataFrame, end: str) -> pd.Series:
    value, error, p = (both[f"{name}{end}"] for name in ("value", "standard_error", "p_value"))
    by_error = (value.abs() > CRITICAL * error).astype("boolean").mask(~(error > 0))
    return by_error.mask(p.notna(), p < LEVEL)


# Sentences ----------------------------------------------------------------------------------------


def _begun(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]


def _few(parts: Sequence[str], most: int = 3) -> str:
    more = f" and {len(parts) - most} more" if len(parts) > most else ""
    return "; ".join(parts[:most]) + more


def _told(rows: pd.DataFrame) -> list[str]:
    """Changed inputs in words; of a file, its name without the digits of its hash."""
    told = []
    row: Any  # a named tuple of its columns
    for row in rows.itertuples():
        file = row.name.endswith((".csv", ".md", ".parquet", ".toml", ".ipynb"))
        if row.before is None or row.after is None:
            told.append(f"{row.name} {'added' if row.before is None else 'removed'}")
        else:
            told.append(row.name if file else f"{row.name} {row.before or 'none'} → {row.after or 'none'}")
    return told


def _facts_told(facts: pd.DataFrame) -> Iterable[str]:
    if facts.empty:
        return
    counts = facts["change"].value_counts()
    values: Any = facts[facts["fields"].str.contains("value") | (facts["change"] != "changed")]
    told = [
        f"{row.maker} {row.variable} {row.origin} {row.period} "
        + {"added": f"added, {_digits(row.after)}", "removed": f"removed, {_digits(row.before)}"}.get(
            row.change, f"{_digits(row.before)} → {_digits(row.after)}"
        )
        + f" {row.unit}"
        for row in values.itertuples()
    ]
    yield (
        f"Selected facts: {', '.join(f'{count} {change}' for change, count in counts.items())}"
        + (f": {_few(told)}." if told else ", none of them in its value.")
    )


def _prices_told(prices: pd.DataFrame) -> Iterable[str]:
    for kind, lines in prices.groupby("kind", sort=False):
        thing = "price line" if kind == "prices" else "currency pair"
        parts = [f"{_count(len(lines), thing)} changed"]
        parts += [f"{lines['rows_added'].sum():,} days added and {lines['rows_removed'].sum():,} removed"]
        last = [lines[end].max() for end in ("last_before", "last_after")]
        if last[0] != last[1]:
            parts.append("last day " + " → ".join(_cell(day) or "none" for day in last))
        if len(rebased := lines[lines["ratio"].notna() & (lines["ratio"] != 1)]):
            parts.append(
                "re-based: " + _few([f"{r.name} ×{r.ratio:.6g}" for r in rebased.itertuples(index=False)])
            )
        touched: Any = lines[lines["days_changed"] > 0]
        if len(touched):
            days = [
                f"{r.name} on {_count(r.days_changed, 'day')} from {_cell(r.first_changed)}"
                for r in touched.itertuples(index=False)
            ]
            parts.append("values changed: " + _few(days))
        yield ", ".join(parts) + "."


def _conclusions_told(conclusions: pd.DataFrame) -> Iterable[str]:
    if conclusions.empty:
        yield "No conclusion to compare."
        return
    counts = conclusions["flag"].value_counts()
    if counts.get("same") == len(conclusions):
        yield f"All {len(conclusions)} conclusions are the same."
        return
    found = ", ".join(f"{flag} {counts[flag]}" for flag in FLAGS if flag in counts)
    yield f"{_count(len(conclusions), 'conclusion')}: {found}."
    for flag in FLAGS[:5]:
        rows = conclusions[conclusions["flag"] == flag]
        if len(rows):
            yield f"{flag}: {_few(_moves(rows), 5)}."
    if conclusions["flag"].isin(FLAGS[1:3]).any():
        yield (
            f"Significant means p < {LEVEL} or, without a p-value, more than {CRITICAL} "
            "standard errors from zero."
        )
    moved = conclusions[conclusions["flag"] == "moved"]
    ranks = moved[moved["unit"] == RANK]
    if len(moved) > len(ranks):
        yield f"Largest moves: {_few(_moves(moved.drop(ranks.index)), 3)}."
    for quantity, rows in ranks.sort_values("after").groupby("quantity"):
        moves = [f"{r.subject} {r.before:.0f} → {r.after:.0f}" for r in rows.itertuples()]
        yield f"{quantity}: {_few(moves, 8)}."


def _moves(rows: pd.DataFrame) -> list[str]:
    told = []
    row: Any  # a named tuple of its columns
    for row in rows.itertuples():
        size = ""
        if row.change_in_standard_errors == row.change_in_standard_errors:
            size = f" ({_errors(row.change_in_standard_errors)} standard errors)"
        elif row.relative_change == row.relative_change and row.unit != RANK:
            size = f" ({row.relative_change:+.1%})"
        ends = [figure(value, row.unit) for value in (row.before, row.after) if value == value]
        told.append(f"{row.quantity} of {row.subject} {' → '.join(ends)}{size}")
    return told


def figure(value: float, unit: str, sign: str = "") -> str:
    """A figure as people read it: dollars in billions, or millions if small; fractions in percent.

    >>> figure(6.31e9, "usd"), figure(0.0842, "fraction"), figure(-0.3, "elasticity", "+")
    ('USD 6.31 bn', '8.42%', '-0.3')
    """
    if value != value:
        return ""
    if unit == "usd":
        scale, word = (1e9, "bn") if abs(value) >= 1e8 else (1e6, "m")
        return f"USD {value / scale:{sign},.2f} {word}"
    if unit == RANK:
        return f"{value:{sign}.0f}"
    return f"{100 * value:{sign}.3g}%" if unit == "fraction" else _digits(value, 4, sign)


def _digits(value: float, digits: int = 6, sign: str = "") -> str:
    """A number with so many digits, a large one with all before the point and no power of ten."""
    form = f"{sign},.{digits}g" if abs(value) < 10 ** (digits - 1) else f"{sign},.0f"
    return format(value, form)


def _change(value: float, unit: str) -> str:
    return figure(value, unit, "+").replace("%", " pp")


def _errors(value: float) -> str:
    return f"{value:+.1f}" if abs(value) >= 0.05 else "<0.1"


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'s' * (number != 1)}"


def _markdown(frame: pd.DataFrame) -> str:
    def line(cells: Iterable[object]) -> str:
        return "| " + " | ".join(markdown(_cell(cell)) for cell in cells) + " |"

    rows = [line(frame.columns), line("---" for _ in frame), *map(line, frame.itertuples(index=False))]
    return "\n".join(rows)


def _cell(value: object) -> str:
    if value is None or value is pd.NaT or value != value:
        return ""
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    return _digits(value) if isinstance(value, float) else str(value)
