"""Which numbers and dates of a policy can be turned, and how is a turned policy kept?"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import floor, log10
from pathlib import Path
from typing import Any

import tomlkit

from tariffmodel import files
from tariffmodel.errors import PolicyError
from tariffmodel.facts import data_dir
from tariffmodel.tariff import policy as policies
from tariffmodel.tariff.entries import KINDS

Value = float | date

_OPEN_SINCE = date(2000, 1, 1)  # an earlier date stands for "always"
_REACH = timedelta(days=730)  # how far a date can be moved
_RATES = ("rate", "base", "slope", "floor", "cap", "quota_rate")
_UNIT_INTERVAL = ("firm_weight", "weight")
_POSITIVE = ("target", "exponent", "steepness")
_WORDS = {
    "from": "first day",
    "start": "first day",
    "to": "last day",
    "end": "last day",
    "slope": "slope",
    "firm_weight": "firm weight",
    "per_unit": "credit per unit",
    "price_usd": "price, USD",
    "quota_units_per_year": "quota, vehicles a year",
}


@dataclass(frozen=True)
class Knob:
    """A number or a date of a policy and how far it can be turned.

    `key` is that of a setting (``relief.japan.slope``), with the place of the step in a bracket
    (``relief.japan.bracket.0.rate``). `step` is in days for a date. A number with `unit` ``"%"`` is
    a fraction that is shown in percent; other units are in the label.

    >>> Knob("relief.japan.slope", "slope", 0.2, 0.0, 0.5, 0.0025, "%").entry
    'relief.japan'
    """

    key: str
    label: str
    value: Value
    low: Value
    high: Value
    step: float
    unit: str = ""

    @property
    def entry(self) -> str:
        """The entry of the policy that it belongs to: ``relief.japan``."""
        return ".".join(self.key.split(".")[:2])


def adjustable(name: str | Path, data: str | Path | None = None) -> list[Knob]:
    """Every number and date that the file of a policy states itself; its base is left alone.

    Dates before 2000 stand for a rate that was always there, and are left out, as are the days on which
    law was enacted or followed, what was withdrawn before it applied and what was held void: they change no
    bill.

    Raises
    ------
    PolicyError
        If there is no such policy, or a fault in it.

    Examples
    --------
    >>> [knob.key for knob in adjustable("japan-flexible-linear-firm")][:3]
    ['relief.japan.from', 'relief.japan.base', 'relief.japan.slope']
    """
    policies.load(name, data)  # its faults are named before anything is shown
    document = own_text(name, data)
    return [
        _knob(f"{kind}.{entry['id']}", path, value)
        for kind in KINDS
        for entry in document.get(kind, [])
        if not {"withdrawn", "voided"} & set(entry)
        for path, value in _leaves(entry)
        if path[-1] not in ("enacted", "to_enacted", "checked_through")
        and not (isinstance(value, date) and value < _OPEN_SINCE)
    ]


def settings_of(knobs: Sequence[Knob], values: Mapping[str, Value]) -> dict[str, Any]:
    """What `policy.load` takes as settings when knobs stand at `values`: only what differs.

    The steps of a bracket go together, as one list.

    >>> slope = Knob("relief.japan.slope", "slope", 0.2, 0.0, 0.5, 0.0025, "%")
    >>> settings_of([slope], {"relief.japan.slope": 0.1}), settings_of([slope], {"relief.japan.slope": 0.2})
    ({'relief.japan.slope': 0.1}, {})
    """
    now = {knob.key: values.get(knob.key, knob.value) for knob in knobs}
    out: dict[str, Any] = {}
    for knob in knobs:
        kind, entry, name, *rest = knob.key.split(".")
        if now[knob.key] == knob.value:
            continue
        if not (name == "bracket" and rest):
            out[knob.key] = now[knob.key]
            continue
        whole = f"{kind}.{entry}.bracket"
        steps: dict[int, dict[str, Value]] = {}
        for key, value in now.items():
            if key.startswith(f"{whole}."):
                place, part = key.removeprefix(f"{whole}.").split(".")
                steps.setdefault(int(place), {})[part] = value
        out[whole] = list(steps.values())
    return out


def reweighted(weights: Mapping[str, float], moved: str, value: float) -> dict[str, float]:
    """`weights` with one of them at `value` in [0, 1] and the others scaled so that all sum to 1.

    The others keep their proportions; where all of them were zero they share alike.

    >>> reweighted({"built": 0.5, "exported": 0.3, "jobs": 0.2}, "built", 0.8)
    {'built': 0.8, 'exported': 0.12, 'jobs': 0.08}
    """
    others = {name: weight for name, weight in weights.items() if name != moved}
    total = sum(others.values())
    share = {name: weight / total if total else 1 / len(others) for name, weight in others.items()}
    return {n: value if n == moved else round((1 - value) * share[n], 12) for n in weights}


def _path(name: str | Path, data: str | Path | None) -> Path:
    return Path(name) if Path(name).suffix == ".toml" else data_dir(data) / "policies" / f"{name}.toml"


def own_text(name: str | Path, data: str | Path | None) -> tomlkit.TOMLDocument:
    """The policy's own text, comments and all.

    >>> str(own_text("flat-25", None)["base"])
    'before-april-2025'
    """
    path = _path(name, data)
    with files.reading(path):
        return tomlkit.parse(files.text(path))


def _leaves(table: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Value]]:
    """Numbers and dates below `table`, with the way to each."""
    pairs = table.items() if isinstance(table, Mapping) else enumerate(table)
    for key, item in pairs:
        here = (*path, str(key))
        if isinstance(item, Mapping | list):
            yield from _leaves(item, here)
        elif isinstance(item, date):
            yield here, date(item.year, item.month, item.day)
        elif isinstance(item, int | float) and not isinstance(item, bool):
            yield here, float(item)


def _knob(entry: str, path: tuple[str, ...], value: Value) -> Knob:
    key, name = f"{entry}.{'.'.join(path)}", path[-1]
    label = _WORDS.get(name, name.replace("_", " "))
    if path[0] == "bracket":
        place = int(path[1]) + 1
        label = f"step {place}, rate" if name == "rate" else f"step {place}, from"
    elif len(path) > 1:
        label = f"{path[-2].replace('_', ' ')}, {label}" if path[0] == "score" else f"{path[-1]}, vehicles"
    if isinstance(value, date):
        return Knob(key, label, value, value - _REACH, value + _REACH, 1)
    if name in _RATES:
        high = max(0.5, 2 * value)
        return Knob(key, label, value, 0.0, high, 0.0025 if high <= 1 else 0.01, "%")
    if name in _UNIT_INTERVAL:
        return Knob(key, label, value, 0.0, 1.0, 0.01)
    high = 3 * value or 1.0
    step = _round_step(high / 60)
    return Knob(key, label, value, step if name in _POSITIVE else 0.0, high, step)


def _round_step(about: float) -> float:
    """The largest of 1, 2 and 5 times a power of ten that is not above `about`."""
    power = 10.0 ** floor(log10(about))
    return max(m for m in (1, 2, 5) if m * power <= about * (1 + 1e-9)) * power


def write_policy(
    path: str | Path,
    name: str | Path,
    settings: Mapping[str, Any] | None = None,
    data: str | Path | None = None,
) -> Path:
    """Write a policy with `settings` as a file of its own, and return its path.

    It is the text of `name`, comments included. Entries that change are marked ``constructed`` and
    say in their note what changed; the title says so too, and the status becomes ``proposal``.
    ``policy.load(path)`` gives the numbers and dates of ``policy.load(name, settings=settings)``;
    the file appears whole, once it has been read.

    Raises
    ------
    PolicyError
        If the policy is not valid with these settings, a setting belongs to an entry of its base,
        or `path` exists or bears the name of a bundled policy.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as place:
    ...     path = Path(place) / "mine.toml"
    ...     _ = write_policy(path, "japan-flexible-linear-firm", {"relief.japan.slope": 0.1})
    ...     mine = policies.load(path)
    >>> mine.status, mine.relief[0].slope, mine.relief[0].quality
    ('proposal', 0.1, 'constructed')
    """
    path = Path(path)
    if path.suffix != ".toml":
        raise PolicyError(f"{path.name}: the name of a policy file ends in .toml; add that")
    if path.stem in policies.names(data):
        raise PolicyError(f"{path.name} is the name of a bundled policy; choose another")
    if path.exists():
        raise PolicyError(f"{path.name} exists and may hold work of yours; choose another name or remove it")
    wanted = policies.load(name, data, settings)  # its faults are named before anything is written
    document = own_text(name, data)
    if str(document.get("base", "")).endswith(".toml"):  # it is looked for beside the file that names it
        document["base"] = str((_path(name, data).parent / document["base"]).resolve())
    changed: dict[tuple[str, str], list[str]] = {}
    for key, value in (settings or {}).items():
        kind, entry_id, *way = policies.full_key(wanted, key).split(".")
        entry = _entry(document, kind, entry_id)
        if entry is None:
            raise PolicyError(
                f"{_path(name, data).name}: {kind}.{entry_id} stands in its base {document.get('base')!r}; "
                "write an entry of its own that takes its place"
            )
        changed.setdefault((kind, entry_id), []).extend(_put(entry, way, value))
    for place, said in changed.items():
        entry = _entry(document, *place)
        if said:
            news = f"changed in the policy lab (our construction): {', '.join(said)}"
            entry["note"] = f"{entry['note']}; {news}" if entry.get("note") else news
            entry["quality"] = "constructed"
    if any(changed.values()):
        suffix = " (changed in the policy lab)"
        document["title"] = document.get("title", wanted.title).removesuffix(suffix) + suffix
        document["status"] = "proposal"
        document.pop("label", None)  # that of another policy

    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".policy-lab-") as desk:
        draft = Path(desk) / path.name
        draft.write_text(tomlkit.dumps(document), encoding="utf-8")
        policies.load(draft, data)
        draft.replace(path)
    return path


def _entry(document: tomlkit.TOMLDocument, kind: str, entry_id: str) -> Any:
    return next((entry for entry in document.get(kind, []) if entry.get("id") == entry_id), None)


def _put(table: Any, way: Sequence[str], value: Any) -> Iterator[str]:
    """Set what stands at the end of `way`, and say what became of it."""
    *inner, last = way
    for part in inner:
        table = table[part]
    old = table.get(last)
    if isinstance(value, list) and isinstance(old, list) and len(old) == len(value):
        for place, (row, new) in enumerate(
            zip(old, value, strict=True)
        ):  # in place, so that their layout stays
            for part, leaf in new.items():
                if row.get(part) != leaf:
                    yield f"{'.'.join(way)}.{place}.{part} {_said(row.get(part))} → {_said(leaf)}"
                    row[part] = leaf
    elif old != value:
        yield f"{'.'.join(way)} {_said(old)} → {_said(value)}"
        table[last] = value


def _said(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.10g}"
    return "default" if value is None else str(value)
