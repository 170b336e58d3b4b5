"""What does a policy charge, on which goods, from which day, and on whose authority?

A policy is a TOML file in ``data/policies/``: rates with dates and legal sources, and the instruments that
tie a duty to contribution. `entries` says what may stand in it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from difflib import SequenceMatcher, get_close_matches
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel, ValidationError

from tariffmodel import files
from tariffmodel.errors import DataError, PolicyError
from tariffmodel.escapes import short
from tariffmodel.facts import data_dir
from tariffmodel.facts.periods import Period
from tariffmodel.tariff.entries import FOREVER, KINDS, Additional, Bracket, Entry, Metric, Mfn, Policy, Relief

_LIKE, _CLEAR = 0.7, 0.1  # how near a title must be to what is asked for, and how much nearer than the next
_BASES = 20  # files that may build on one another
_MOST = 1000  # entries of a policy: the law has a tenth of that
_ALIKE = 0.93  # of difflib: "section-232-auto" and "section-232-autos", not "-autos" and "-parts"


def names(data: str | Path | None = None) -> list[str]:
    """Policies that the data folder offers.

    >>> import tariffmodel as tm
    >>> {"current-law", "flat-25", "none"} <= set(tm.policy.names())
    True
    """
    return sorted(path.stem for path in (data_dir(data) / "policies").glob("*.toml"))


def labels(several: Iterable[Policy]) -> dict[str, str]:
    """What to call policies on a chart, by name; the name itself where two have one label.

    >>> labels([load("current-law"), load("flat-25")])
    {'current-law': 'law in force', 'flat-25': 'flat 25%'}
    """
    called = {one.name: one.label for one in several}
    count = Counter(called.values())
    return {name: label if count[label] == 1 else name for name, label in called.items()}


def acts(policy: Policy, period: Period) -> pd.DataFrame:
    """Entries of a policy that apply in a period, with their legal sources.

    Returns
    -------
    DataFrame
        `entry`, `kind`, `start`, `rate` (of a relief the one it starts from; fraction of customs value),
        `source_title`, `source_url` and `quality`, by kind and start.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> listed = tm.policy.acts(tm.policy.load("mfn-only"), tm.periods.parse("CY2025"))
    >>> list(listed), sorted(set(listed["kind"]))
    (['entry', 'kind', 'start', 'rate', 'source_title', 'source_url', 'quality'], ['additional', 'mfn'])
    """
    touching = [entry for entry in policy.entries if entry.start <= period.end and entry.end >= period.start]
    return pd.DataFrame(
        [
            {
                "entry": entry.id,
                "kind": type(entry).__name__.lower(),
                "start": str(entry.start),
                "rate": getattr(entry, "rate", getattr(entry, "base", None)),
                "source_title": entry.source,
                "source_url": entry.url or None,
                "quality": entry.quality,
            }
            for entry in sorted(touching, key=lambda entry: (type(entry).__name__, entry.start))
        ]
    )


def checked(policy: Policy, data: str | Path | None = None) -> pd.DataFrame:
    """Through which day, and which revision of the tariff schedule, each rule of a policy was followed.

    Returns
    -------
    DataFrame
        `entry`, `start`, `end` (empty: open), `standing` (``in the bill``, ``void``, or ``not modelled`` for
        the law of ``not_modelled.csv``), `checked_through` and `hts_revision`, both empty where an entry
        does not say so, as our constructions do not.

    Examples
    --------
    >>> rules = checked(load("current-law"))
    >>> rules["standing"].value_counts().index.tolist()
    ['in the bill', 'void', 'not modelled']
    """
    rows = [
        {
            "entry": entry.id,
            "start": str(entry.start),
            "end": str(entry.end) if entry.end < FOREVER else None,
            "standing": "void" if entry.voided else "in the bill",
            "checked_through": str(entry.checked_through) if entry.checked_through else None,
            "hts_revision": entry.hts_revision or None,
        }
        for entry in (*policy.entries, *policy.void)
    ]
    left_out = files.csv(data_dir(data) / "policies" / "not_modelled.csv")
    if policy.status == "law":
        rows += [
            {
                "entry": f"{row['country']}: {row['product']}",
                "start": row["valid_from"],
                "end": row["valid_to"],
                "standing": "not modelled",
                "checked_through": row["checked_through"],
                "hts_revision": row["hts_revision"],
            }
            for row in left_out.to_dict("records")
        ]
    frame = pd.DataFrame(rows)
    return frame.astype(object).where(frame.notna(), None)


def load(
    name: str | Path | Mapping[str, Any],
    data: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Policy:
    """Read a policy by name from the data folder, from the path of a TOML file, or from a mapping.

    Parameters
    ----------
    name : str, path or mapping
        ``"current-law"``, ``"my/reform.toml"``, or what such a file would hold: ``{"base":
        "current-law", "additional": [{"id": "jp-10", "origin": "JP", ...}]}``. A mapping may also
        give its ``"name"``, which is otherwise ``"reform"``.
    data : path, optional
        Data folder.
    settings : mapping, optional
        Values that replace those of the file and its base, by kind, id and field:
        ``{"relief.japan.slope": 0.15}``. The id may be left out where there is one entry of the
        kind, and steps of a bracket count from 0: ``{"relief.bracket.1.rate": 0.12}``.

    Raises
    ------
    PolicyError
        Naming the file, the key and the remedy; all faults of a file are listed.

    Examples
    --------
    >>> load("japan-flexible-linear-firm", settings={"relief.slope": 0.2}).relief[0].slope
    0.2
    """
    policy, file = _read(name, data)
    if settings:
        policy = _with_settings(policy, settings, file)
        _refuse_contradictions(policy, file)
    policy._folder = data_dir(data)
    return policy


def find(text: str, data: str | Path | None = None) -> Policy:
    """The policy that `text` means: its name, the path of its file, its title, or nearly so.

    Raises
    ------
    PolicyError
        Nothing is near enough, or two are; the message lists the nearest.

    Examples
    --------
    >>> find("flat 25").name
    'flat-25'
    """
    known = names(data)
    if text in known or text.endswith(".toml"):
        return load(text, data)
    offered = {name: load(name, data) for name in known}
    wanted = _plain(text)
    near = {
        name: max(SequenceMatcher(None, wanted, _plain(said)).ratio() for said in (name, one.title))
        for name, one in offered.items()
    }
    first, second, *rest = sorted(near, key=lambda name: -near[name])
    if near[first] == 1 or (near[first] >= _LIKE and near[first] - near[second] >= _CLEAR):
        return offered[first]
    closest = "; ".join(f"{name} ({offered[name].title})" for name in (first, second, *rest[:1]))
    raise PolicyError(f"no policy is clearly {short(text)}; the nearest are {closest}")


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))


def frozen(policy: Policy, day: date) -> Policy:
    """What is in force on a day, for ever, with nothing that would start later.

    >>> import tariffmodel as tm
    >>> still = tm.policy.frozen(tm.policy.load("current-law"), date(2025, 5, 1))
    >>> max(entry.start for entry in still.entries) <= date(2025, 5, 1)
    True
    """
    return _narrowed(policy, lambda entry: entry.start <= day, lambda entry: entry.end >= day)


def as_paid(policy: Policy, *refundable_from: date | None) -> Policy:
    """The policy as customs collected it: what was held void later is charged on its dates.

    Its bill less that of `policy` is the duty that was paid and is refunded. With `refundable_from` only what
    could be asked back since one of these days is charged, None for what has no such day.

    >>> law = load("current-law")
    >>> len(as_paid(law).additional) - len(law.additional) == len(law.void) > 0
    True
    >>> len(as_paid(law, date(2026, 4, 20)).additional) == len(as_paid(law).additional)
    True
    """
    days = refundable_from or [entry.refundable_from for entry in policy.void]
    return _restored(policy, lambda entry: entry.voided is not None and entry.refundable_from in days)


def _restored(policy: Policy, wanted: Callable[[Entry], bool]) -> Policy:
    """A copy in which remembered entries stand beside the others."""
    back = [entry for entry in policy._withdrawn if wanted(entry)]
    every = {
        kind: getattr(policy, kind) + [entry for entry in back if type(entry) is KINDS[kind]]
        for kind in KINDS
    }
    copy = policy.model_copy(update=every)
    return _with_withdrawn(copy, [entry for entry in policy._withdrawn if not wanted(entry)])


def as_known(policy: Policy, day: date) -> Policy:
    """The policy as far as its law was enacted on a day.

    What was enacted later is left out, whether it begins later or was backdated, and what it ended lasts;
    what had been enacted and was withdrawn later is in. Threats and reforms, which were never enacted,
    stay: they are what is asked.

    >>> law = load("current-law")
    >>> len(as_known(law, date(2025, 3, 1)).additional) < len(law.additional)
    True
    """

    def enacted(entry: Entry) -> bool:
        return entry.enacted is None or entry.enacted <= day < (entry.withdrawn or date.max)

    def end_unknown(entry: Entry) -> bool:
        since = entry.to_enacted or entry.enacted
        return since is not None and since > day

    # what was withdrawn later was law to come, what was void later was believed to be law
    known = _restored(policy, lambda entry: entry.voided is None or day < entry.voided)
    known = _narrowed(known, enacted, end_unknown)
    return _with_withdrawn(known, [_before_refunds(entry, day) for entry in known.void])


def _before_refunds(entry: Entry, day: date) -> Entry:
    """The entry as if nobody knew when requests for its refund will be taken, if on the day nobody did."""
    unknown = entry.refundable_from is not None and entry.refundable_from > day
    return entry.model_copy(update={"refundable_from": None}) if unknown else entry


def _narrowed(policy: Policy, stays: Callable[[Any], bool], lasts: Callable[[Any], bool]) -> Policy:
    """The entries that stay, without an end where they last, void ones apart, and none that was withdrawn."""

    def without_end(entry: Any) -> Any:
        return entry.model_copy(update={"end": FOREVER}) if lasts(entry) else entry

    kept = {kind: [without_end(entry) for entry in getattr(policy, kind) if stays(entry)] for kind in KINDS}
    void = [without_end(entry) for entry in policy.void if stays(entry)]
    return _with_withdrawn(policy.model_copy(update=kept), void)


def _with_withdrawn(policy: Policy, entries: Iterable[Entry]) -> Policy:
    """A copy that remembers entries which never applied."""
    copy = policy.model_copy()
    copy._withdrawn = tuple(entries)
    return copy


def full_key(policy: Policy, key: str, file: str = "") -> str:
    """The key of a setting with its id: ``relief.slope`` is ``relief.japan.slope`` if that is the one relief.

    Raises
    ------
    PolicyError
        If the policy has no such entry, or several that could be meant.

    Examples
    --------
    >>> full_key(load("japan-flexible-linear-firm"), "relief.slope")
    'relief.japan.slope'
    """
    kind, _, rest = key.partition(".")
    ids = [entry.id for entry in getattr(policy, kind)] if kind in KINDS else []
    first, _, more = rest.partition(".")
    if first in ids and more:
        return key
    if first in (_keys(KINDS[kind]) if ids else ()):
        if len(ids) == 1:
            return f"{kind}.{ids[0]}.{rest}"
        raise PolicyError(
            f"{file or policy.name}: {key!r} may be that of several entries; "
            f"write one of {', '.join(f'{kind}.{i}.{rest}' for i in ids)}"
        )
    known = [f"{k}.{e.id}" for k in ([kind] if ids else KINDS) for e in getattr(policy, k)]
    raise PolicyError(
        f"{file or policy.name}: no key {key!r} to set; write kind.id.field with one of {', '.join(known)}"
    )


def _read(
    source: str | Path | Mapping[str, Any], data: str | Path | None, chain: tuple[Path, ...] = ()
) -> tuple[Policy, str]:
    """A policy laid over its base, and what to call its file in a message."""
    if isinstance(source, Mapping):
        path = Path(str(source.get("name", "reform")))
        document, file = dict(source), path.name
    else:
        path = _find(source, data, chain)
        document, file = _parse(path), path.name
        if "name" in document:
            raise PolicyError(f"{file}: name: a policy is called as its file; remove it, or give a label")
    if len(chain) > _BASES:
        raise PolicyError(
            f"{file}: base: more than {_BASES} files build on one another; write one of them out"
        )
    if path in chain:
        circle = " -> ".join(one.stem for one in (*chain, path))
        raise PolicyError(f"{file}: base leads back to itself ({circle}); break the circle")
    base_name, frozen_on = document.pop("base", None), document.pop("frozen_on", None)
    if base_name is not None and not isinstance(base_name, str):
        raise PolicyError(
            f'{file}: base: write one name, such as base = "current-law" (got {short(base_name)})'
        )
    if frozen_on is not None and type(frozen_on) is not date:
        raise PolicyError(
            f"{file}: frozen_on: write a day such as 2026-01-31, without quotes (got {short(frozen_on)})"
        )
    own = _in_force(_validated({"name": path.stem, "title": path.stem, "label": path.stem, **document}, file))
    if base_name is not None:
        base = _base(base_name, data, (*chain, path))
        own = _laid_over(frozen(base, frozen_on) if frozen_on else base, own)
    elif frozen_on is not None:
        raise PolicyError(f'{file}: frozen_on needs a base to freeze; add base = "current-law"')
    elif not own.mfn:
        raise PolicyError(f'{file}: base: missing, and no [[mfn]] to start from; add base = "current-law"')
    _refuse_contradictions(_restored(own, lambda entry: entry.voided is not None), file)
    return own, file


def _base(name: str, data: str | Path | None, chain: tuple[Path, ...]) -> Policy:
    """The base that a file names, read once for all files on top of it as long as none of its own changes."""
    path = _find(name, data, chain)
    files = _files(path, data)
    if set(files) & set(chain) or len(files) + len(chain) > _BASES:
        return _read(path, data, chain)[0]  # it says what the circle is, or that there are too many
    return _unchanged(tuple((file, *_stamp(file)) for file in files), data)


def _files(path: Path, data: str | Path | None) -> list[Path]:
    """A file and those below it, as far as they can be read."""
    files: list[Path] = []
    while path not in files and len(files) <= _BASES:
        files.append(path)
        try:
            below = _parse(path).get("base")
            path = _find(below, data, tuple(files)) if isinstance(below, str) else path
        except PolicyError:
            break
    return files


@lru_cache(maxsize=256)
def _unchanged(stamps: tuple[tuple[Path, int, int], ...], data: str | Path | None) -> Policy:
    return _read(stamps[0][0], data)[0]


def _stamp(path: Path) -> tuple[int, int]:
    """What changes when a file does: when it was written last, and its size."""
    state = path.stat()
    return state.st_mtime_ns, state.st_size


def _in_force(own: Policy) -> Policy:
    """A file's entries without those that were withdrawn or held void, which are remembered."""
    kept = {kind: [e for e in getattr(own, kind) if not (e.withdrawn or e.voided)] for kind in KINDS}
    apart = [e for e in own.entries if e.withdrawn or e.voided]
    return _with_withdrawn(own.model_copy(update=kept), apart)


def _find(name: str | Path, data: str | Path | None, chain: tuple[Path, ...]) -> Path:
    """Path of a policy; that of a base is looked for beside the file that names it."""
    if Path(name).suffix == ".toml":
        path = (chain[-1].parent if chain else Path()) / name
    else:
        path = data_dir(data) / "policies" / f"{name}.toml"
    if not files.there(path):
        where = f"{chain[-1].name}: base: " if chain else ""
        raise PolicyError(f"{where}no policy {short(str(name))}{_nearest(Path(name), path, data)}")
    return path.resolve()


def _nearest(name: Path, path: Path, data: str | Path | None) -> str:
    """What to do about a policy that is not there: the names near to it, or where files are looked for."""
    known = names(data)
    if name.suffix == ".toml":
        there = sorted(path.parent.glob("*.toml")) if path.parent.is_dir() else []
        near = [str(name.with_name(f)) for f in get_close_matches(name.name, [one.name for one in there], 3)]
        near += [stem for stem in known if stem == name.stem]
    else:
        near = get_close_matches(name.name.lower().replace(" ", "-"), known, 3)
    if near:
        return f"; did you mean {' or '.join(near)}?"
    if files.there(name) or len(name.parts) > 1:
        return "; a policy of your own is the path of a file that ends in .toml"
    return f"; choose from {', '.join(known)} or give the path of a file"


def _parse(path: Path) -> dict[str, Any]:
    return dict(_parsed(path, *_stamp(path)))


@lru_cache(maxsize=256)
def _parsed(path: Path, *_: int) -> dict[str, Any]:
    try:
        return files.toml(path)
    except DataError as error:
        raise PolicyError(str(error)) from None


def _laid_over(base: Policy, own: Policy) -> Policy:
    """`own` with the entries of its base below it."""
    layer = 1 + max((entry.layer for entry in base.entries), default=0)
    update = {
        kind: getattr(base, kind)
        + [entry.model_copy(update={"layer": layer}) for entry in getattr(own, kind)]
        for kind in KINDS
    }
    return _with_withdrawn(own.model_copy(update=update), [*base._withdrawn, *own._withdrawn])


def _with_settings(policy: Policy, settings: Mapping[str, Any], file: str) -> Policy:
    """The policy with some values replaced, validated once all of them are in place."""
    document = policy.model_dump(by_alias=True, exclude_unset=True)
    for key, value in settings.items():
        kind, entry_id, way = full_key(policy, key, file).split(".", 2)
        entry = next(entry for entry in document[kind] if entry["id"] == entry_id)
        here, *inner, last = entry, *way.split(".")
        try:
            for part in inner:
                here = here[int(part) if isinstance(here, list) else part]
            if here is entry and last not in _keys(KINDS[kind]):
                raise LookupError
            here[int(last) if isinstance(here, list) else last] = value
        except (LookupError, TypeError, ValueError):
            raise PolicyError(
                f"{file}: {kind}.{entry_id} has no {way!r} to set{_hint(way, _keys(KINDS[kind]))}"
            ) from None
    return _with_withdrawn(_validated(document, file), policy._withdrawn)


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items() if name != "layer"]


def _validated(document: Mapping[str, Any], file: str) -> Policy:
    try:
        return Policy.model_validate(document)
    except ValidationError as error:
        faults = [f"{file}: {_where(document, e['loc'])}: {_remedy(e)}" for e in error.errors()]
        raise PolicyError("\n".join(faults)) from None


def _where(document: Mapping[str, Any], loc: Iterable[int | str]) -> str:
    """`additional.jp-deal.rate` rather than `additional.3.rate`."""
    parts, here = [], document
    for step in loc:
        try:
            here = here[step]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            here = {}
        parts.append(
            str(here.get("id", step)) if isinstance(step, int) and isinstance(here, dict) else str(step)
        )
    return ".".join(parts)


def _remedy(error: Mapping[str, Any]) -> str:
    loc, given = error["loc"], error["input"]
    if error["type"] == "extra_forbidden":
        return f"unknown key{_hint(str(loc[-1]), _siblings(loc))}"
    if error["type"] == "missing":
        return "missing; add it"
    if error["type"] == "list_type" and loc[0] in KINDS and len(loc) == 1:
        return f"write entries under [[{loc[0]}]], in double brackets"
    said = error["msg"].removeprefix("Value error, ")
    return said if isinstance(given, dict) else f"{said} (got {short(given)})"


def _siblings(loc: Sequence[int | str]) -> list[str]:
    """The keys that may stand where this one does."""
    if len(loc) == 1:
        return [*_keys(Policy), "base", "frozen_on"]
    inner: dict[str, type[BaseModel]] = {"score": Metric, "bracket": Bracket}
    return _keys(inner[str(loc[2])] if len(loc) > 3 else KINDS[str(loc[0])])


def _hint(wrong: str, keys: Sequence[str]) -> str:
    near = get_close_matches(wrong, keys, n=1, cutoff=0.75)
    return f"; did you mean {near[0]!r}?" if near else f"; the keys here are {', '.join(keys)}"


def _refuse_contradictions(policy: Policy, file: str) -> None:
    """What no entry can show on its own."""
    if len(policy.entries) > _MOST:
        raise PolicyError(
            f"{file}: {len(policy.entries)} entries, more than {_MOST}; give entries several origins"
        )
    seen: dict[tuple[type, str], Entry] = {}
    for entry in policy.entries:
        other = seen.setdefault((type(entry), entry.id), entry)
        if other is not entry:
            place = "" if other.layer == entry.layer else ", here and in its base"
            raise PolicyError(f"{file}: id {entry.id!r} occurs twice{place}; give each entry its own")
    rivals: dict[Any, list[Any]] = {}
    for charge in (*policy.mfn, *policy.additional, *policy.relief):
        rivals.setdefault((type(charge), _rival(charge), charge.layer), []).append(charge)
    for group in rivals.values():
        for one, two in combinations(group, 2):
            if (
                set(one.origin) & set(two.origin)
                and set(one.product) & set(two.product)
                and max(one.start, two.start) <= min(one.end, two.end)
            ):
                raise PolicyError(
                    f"{file}: {one.id} and {two.id} overlap from {max(one.start, two.start)}; "
                    "end one the day before the other starts"
                )
    charged: list[Additional | Relief] = [*policy.additional, *policy.relief]
    measures = [entry.measure for entry in charged]
    for offset in policy.offset:
        if offset.measure not in measures:
            raise PolicyError(
                f"{file}: offset.{offset.id}.measure: nothing is charged under {offset.measure!r}; "
                f"choose from {', '.join(dict.fromkeys(measures))}"
            )
    for one, two in combinations(dict.fromkeys(measures), 2):  # a slip would charge both
        if _alike(one, two):
            raise PolicyError(
                f"{file}: measure: {two!r} would be charged on top of {one!r}; write {one!r} to stand in "
                "its place, or a name that differs more"
            )


@lru_cache(maxsize=4096)
def _alike(one: str, two: str) -> bool:
    return SequenceMatcher(None, one, two).ratio() > _ALIKE


def _rival(entry: Any) -> Any:
    """Entries of which only one can apply on a day: those of one measure, or of one kind of MFN."""
    return entry.usmca if isinstance(entry, Mfn) else entry.measure
