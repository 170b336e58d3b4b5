"""What does a policy charge, on which goods, from which day, and on whose authority?

A policy is a TOML file in ``data/policies/``: rates with dates and legal sources, and the
instruments that tie a rate to contribution. Rates are fractions of customs value. Four kinds of
entry can be combined:

``mfn``         the ordinary duty, or the preference (USMCA, KORUS) that replaces it
``additional``  a measure on top of it, `additive` to it or `inclusive` of it ("15% all in"), with
                its treatment of USMCA goods and, where it has one, its tariff-rate quota
``offset``      the credit of US assembly against duty on parts
``relief``      a rate that falls with contribution

Entries of different measures add up. Within a measure the entry of the later layer wins on its
dates (an overlay beats its base), then the one that names the origin beats ``"*"``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from tariffmodel import contribution
from tariffmodel.errors import PolicyError
from tariffmodel.facts import Facts, data_dir
from tariffmodel.periods import Period

PRODUCTS = ("car", "light_truck", "part")
Product = Literal["car", "light_truck", "part"]
Rate = Annotated[float, Field(ge=0, le=5)]
FOREVER = date(9999, 12, 31)
Names = Annotated[list[str], BeforeValidator(lambda v: [v] if isinstance(v, str) else v), Field(min_length=1)]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class _Entry(_Document):
    """What every dated entry carries. `to` is inclusive; `layer` is 0 for the base, 1 for its overlay…"""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    start: date = Field(alias="from")
    end: date = Field(default=FOREVER, alias="to")
    source: str = Field(min_length=3)
    url: str = ""
    quality: Literal["reported", "derived", "estimated", "constructed"] = "reported"
    note: str = ""
    layer: int = 0

    @model_validator(mode="after")
    def _dates_in_order(self) -> _Entry:
        if self.end < self.start:
            raise ValueError(f"'to' ({self.end}) is before 'from' ({self.start}); swap them or drop 'to'")
        return self


class _Charge(_Entry):
    origin: Names
    product: Annotated[
        list[Product], BeforeValidator(lambda v: [v] if isinstance(v, str) else v), Field(min_length=1)
    ]
    rate: Rate


class Mfn(_Charge):
    """Ordinary (column 1) duty, or with ``usmca = true`` the preference of qualifying goods."""

    usmca: bool = False


class Additional(_Charge):
    """A measure on top of the ordinary duty.

    `basis` ``additive``: rate is added to MFN. ``inclusive``: MFN and measure together come to
    `rate`, so the measure is max(rate − MFN, 0) and goods whose MFN is higher pay that.
    `usmca` says what qualifying goods pay: ``full``, on ``non_us_content`` only, or ``exempt``.
    """

    measure: str
    basis: Literal["additive", "inclusive"] = "additive"
    usmca: Literal["full", "non_us_content", "exempt"] = "full"
    quota_units_per_year: Annotated[float, Field(ge=0)] | None = None
    quota_counted_from: date | None = None
    quota_rate: Rate | None = None
    quota_basis: Literal["additive", "inclusive"] = "inclusive"

    @model_validator(mode="after")
    def _quota_is_whole(self) -> Additional:
        if (self.quota_units_per_year is None) != (self.quota_rate is None):
            raise ValueError("a quota needs both quota_units_per_year and quota_rate; add the missing one")
        return self


class Offset(_Entry):
    """Credit of `rate` × MSRP per vehicle assembled in the US between the dates.

    It pays duty of `measure` on parts from `usable_from`, is not refunded, and with
    `carry_forward` survives the end of its dates until it is used up.
    """

    measure: str
    rate: Rate
    usable_from: date
    carry_forward: bool = True


class Metric(_Document):
    weight: float = Field(gt=0, le=1)
    target: float = Field(gt=0)


class Relief(_Entry):
    """A rate of `measure` that falls with the contribution score, in place of what stands there.

    ``linear``: rate = clip(base − slope × score, floor, cap).
    """

    measure: str
    origin: Names
    product: Annotated[
        list[Product], BeforeValidator(lambda v: [v] if isinstance(v, str) else v), Field(min_length=1)
    ]
    schedule: Literal["linear"] = "linear"
    basis: Literal["additive", "inclusive"] = "additive"
    base: Rate
    slope: float = Field(ge=0, le=5)
    floor: Rate = 0.0
    cap: Rate = 5.0
    firm_weight: float = Field(
        default=1.0, ge=0, le=1, description="1 firm score, 0 country score, between: blend"
    )
    year: str = "CY2024"
    missing: Literal["error", "zero", "reweight"] = "error"
    score: dict[str, Metric] = Field(min_length=1)

    @model_validator(mode="after")
    def _score_is_sound(self) -> Relief:
        unknown = sorted(set(self.score) - set(contribution.METRICS))
        if unknown:
            raise ValueError(
                f"unknown metric {unknown[0]!r} in score; choose from {', '.join(contribution.METRICS)}"
            )
        total = sum(metric.weight for metric in self.score.values())
        if abs(total - 1) > 1e-9:
            raise ValueError(f"the weights of score sum to {total:g}; they must sum to 1")
        if self.floor > self.cap:
            raise ValueError(f"floor {self.floor:g} is above cap {self.cap:g}; swap them")
        return self


class Policy(_Document):
    """One policy, with its base folded in. Make one with `load`."""

    name: str
    title: str
    description: str
    status: Literal["law", "proposal", "threat", "counterfactual"]
    checked_on: date | None = None
    mfn: list[Mfn] = []
    additional: list[Additional] = []
    offset: list[Offset] = []
    relief: list[Relief] = []

    @property
    def entries(self) -> list[_Entry]:
        return [*self.mfn, *self.additional, *self.offset, *self.relief]

    def boundaries(self) -> list[date]:
        """First days on which something changes."""
        days = {entry.start for entry in self.entries} | {o.usable_from for o in self.offset}
        days |= {date.fromordinal(entry.end.toordinal() + 1) for entry in self.entries if entry.end < FOREVER}
        return sorted(days)


def names(data: str | Path | None = None) -> list[str]:
    """Policies that the data folder offers."""
    return sorted(path.stem for path in (data_dir(data) / "policies").glob("*.toml"))


def load(
    name: str | Path,
    data: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Policy:
    """Read a policy by name from the data folder, or from the path of a TOML file.

    Parameters
    ----------
    name : str or path
        ``"current-law"`` or ``"my/reform.toml"``.
    data : path, optional
        Data folder.
    settings : mapping, optional
        Values that replace those of the file, by key: ``{"relief.firm.slope": 0.15}``; the middle
        part is the entry's `id`.

    Raises
    ------
    PolicyError
        Naming the file, the key and the remedy; all faults are listed.
    """
    document, path = _read(name, data)
    for key, value in (settings or {}).items():
        _set(document, key, value, path)
    try:
        policy = Policy.model_validate({"name": path.stem, **document})
    except ValidationError as error:
        faults = [f"{path.name}: {_where(document, e['loc'])}: {_remedy(e)}" for e in error.errors()]
        raise PolicyError("\n".join(faults)) from None
    _refuse_overlaps(policy, path)
    return policy


def _read(
    name: str | Path, data: str | Path | None, chain: tuple[str, ...] = ()
) -> tuple[dict[str, Any], Path]:
    """The file with its base folded in; entries of an overlay get a higher layer."""
    path = Path(name)
    if path.suffix != ".toml":
        path = data_dir(data) / "policies" / f"{name}.toml"
    if not path.is_file():
        raise PolicyError(
            f"no policy {str(name)!r}; choose from {', '.join(names(data))} or give the path of a file"
        )
    if path.stem in chain:
        raise PolicyError(
            f"{path.name}: base leads back to itself ({' -> '.join([*chain, path.stem])}); break the circle"
        )
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PolicyError(f"{path.name}: not readable as TOML: {error}") from None
    base_name, frozen_on = document.pop("base", None), document.pop("frozen_on", None)
    if base_name is None:
        if frozen_on is not None:
            raise PolicyError(f'{path.name}: frozen_on needs a base to freeze; add base = "current-law"')
        return document, path
    base, _ = _read(base_name, data, (*chain, path.stem))
    kinds = ("mfn", "additional", "offset", "relief")
    layer = 1 + max((entry.get("layer", 0) for kind in kinds for entry in base.get(kind, [])), default=0)
    for kind in kinds:
        kept = [entry for entry in base.get(kind, []) if frozen_on is None or entry["from"] <= frozen_on]
        if frozen_on is not None:
            kept = [{k: v for k, v in e.items() if not (k == "to" and v >= frozen_on)} for e in kept]
        new = document.get(kind, [])
        if isinstance(new, list):
            document[kind] = kept + [
                {**entry, "layer": layer} if isinstance(entry, dict) else entry for entry in new
            ]
    return document, path


def _set(document: dict[str, Any], key: str, value: Any, path: Path) -> None:
    kind, _, rest = key.partition(".")
    entry_id, _, field = rest.partition(".")
    for entry in document.get(kind, []) if isinstance(document.get(kind), list) else []:
        if entry.get("id") == entry_id:
            *inner, last = field.split(".")
            for part in inner:
                entry = entry[part] if part in entry else _unknown(key, document, path)
            if last not in entry and last not in _fields(kind):
                _unknown(key, document, path)
            entry[last] = value
            return
    _unknown(key, document, path)


def _fields(kind: str) -> set[str]:
    models: dict[str, type[_Entry]] = {
        "mfn": Mfn,
        "additional": Additional,
        "offset": Offset,
        "relief": Relief,
    }
    return {field.alias or name for name, field in models[kind].model_fields.items()}


def _unknown(key: str, document: dict[str, Any], path: Path) -> Any:
    known = [
        f"{k}.{e['id']}"
        for k in ("mfn", "additional", "offset", "relief")
        for e in document.get(k, [])
        if "id" in e
    ]
    raise PolicyError(
        f"{path.name}: no key {key!r} to set; write kind.id.field with one of {', '.join(known)}"
    )


def _where(document: Mapping[str, Any], loc: Iterable[int | str]) -> str:
    """`additional.jp-deal.rate` rather than `additional.3.rate`."""
    parts, here = [], document
    for step in loc:
        try:
            here = here[step]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            here = {}
        parts.append(
            here.get("id", str(step)) if isinstance(step, int) and isinstance(here, dict) else str(step)
        )
    return ".".join(parts)


def _remedy(error: Mapping[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        return "unknown key; check its spelling against an existing policy or remove it"
    if error["type"] == "missing":
        return "missing; add it"
    return (
        f"{error['msg'].removeprefix('Value error, ')} (got {error['input']!r})"
        if not isinstance(error["input"], dict)
        else error["msg"].removeprefix("Value error, ")
    )


def _refuse_overlaps(policy: Policy, path: Path) -> None:
    seen: dict[str, _Entry] = {}
    for entry in policy.entries:
        if entry.id in seen and seen[entry.id].layer == entry.layer and type(seen[entry.id]) is type(entry):
            raise PolicyError(f"{path.name}: id {entry.id!r} occurs twice; give each entry its own")
        seen[entry.id] = entry
    for kind in (policy.mfn, policy.additional, policy.relief):
        for one, two in combinations(kind, 2):
            same = getattr(one, "measure", one.__class__) == getattr(two, "measure", two.__class__)
            same = (
                same and getattr(one, "usmca", "") == getattr(two, "usmca", "")
                if isinstance(one, Mfn)
                else same
            )
            if (
                same
                and one.layer == two.layer
                and set(one.origin) & set(two.origin)
                and set(one.product) & set(two.product)
                and max(one.start, two.start) <= min(one.end, two.end)
            ):
                raise PolicyError(
                    f"{path.name}: {one.id} and {two.id} overlap from {max(one.start, two.start)}; "
                    "end one the day before the other starts"
                )


@dataclass(frozen=True)
class Flows:
    """Labels of F streams of goods: whose, from where, what. Parts belong to the maker they are built into."""

    maker: np.ndarray
    origin: np.ndarray
    product: np.ndarray

    def __len__(self) -> int:
        return len(self.maker)


@dataclass(frozen=True)
class Rates:
    """Duty rates by component: ``"mfn"`` and every measure on top of it.

    Each component holds three arrays (variants, spans, flows), fractions of customs value. A flow
    of which a share q qualifies for USMCA, with US content u, pays
    (1 − q)·general + q·(qualifying + (1 − u)·content).
    """

    components: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]

    def effective(self, q: np.ndarray, u: np.ndarray, component: str | None = None) -> np.ndarray:
        """Rate on the whole value of each flow, of one component or of all together."""
        chosen = self.components.values() if component is None else [self.components[component]]
        return sum(
            (
                (1 - q) * general + q * (qualifying + (1 - u) * content)
                for general, qualifying, content in chosen
            ),
            start=np.zeros(1),
        )


def rates(
    policy: Policy,
    facts: Facts,
    flows: Flows,
    spans: Sequence[Period],
    units: np.ndarray,
    variants: Mapping[str, Sequence[float] | np.ndarray] | None = None,
) -> Rates:
    """Rates of `policy` for every flow and span.

    Parameters
    ----------
    flows : Flows
        F labelled streams of goods.
    spans : sequence of Period
        S spans, none of which a date of the policy divides.
    units : array (..., S, F)
        Vehicles entering, which fill tariff-rate quotas; a quota is filled correctly when the
        spans tile whole calendar years.
    variants : mapping of key to array (variants,), optional
        Numbers that vary, by key as in `load`: all variants are computed at once.

    Raises
    ------
    PolicyError
        If a flow has no MFN rate on some day or a variant names an unknown key.
    DataError
        If a score lacks a metric and the policy declares no fallback.
    """
    number = _Numbers(variants or {})
    starts = np.array([span.start.toordinal() for span in spans])
    ends = np.array([span.end.toordinal() for span in spans])

    def covered(entry: Any) -> tuple[np.ndarray, np.ndarray]:
        days = (starts >= entry.start.toordinal()) & (ends <= entry.end.toordinal())
        goods = np.isin(flows.product, entry.product) & (
            np.isin(flows.origin, entry.origin) | ("*" in entry.origin)
        )
        return np.flatnonzero(days), np.flatnonzero(goods)

    def precedence(entries: Iterable[Any]) -> list[Any]:
        return sorted(entries, key=lambda e: (e.layer, "*" not in e.origin))

    def blank(fill: float, kinds: Iterable[tuple[str, _Entry]]) -> np.ndarray:
        return np.full((number.count(kinds), len(spans), len(flows)), fill)

    mfn_entries = [("mfn", entry) for entry in policy.mfn]
    ordinary, preferred = blank(np.nan, mfn_entries), blank(np.nan, mfn_entries)
    for entry in precedence(policy.mfn):
        days, goods = covered(entry)
        (preferred if entry.usmca else ordinary)[:, days[:, None], goods] = number("mfn", entry, "rate")
    if np.isnan(ordinary).any():
        _, span, flow = np.argwhere(np.isnan(ordinary))[0]
        raise PolicyError(
            f"{policy.name}: no mfn rate for {flows.product[flow]} from {flows.origin[flow]} on {spans[span].start}; "
            'add an [[mfn]] entry, for example with origin = "*"'
        )
    preferred = np.where(np.isnan(preferred), ordinary, preferred)
    components = {"mfn": (ordinary, preferred, np.zeros((1, 1, 1)))}

    def on_top(rate: Any, basis: str, duty: np.ndarray) -> np.ndarray:
        return np.maximum(rate - duty, 0.0) if basis == "inclusive" else rate + 0.0 * duty

    charges = [("additional", entry) for entry in policy.additional] + [
        ("relief", entry) for entry in policy.relief
    ]
    for measure in sorted({entry.measure for _, entry in charges}):
        own = [(kind, entry) for kind, entry in charges if entry.measure == measure]
        general, qualifying, content = (blank(0.0, [*mfn_entries, *own]) for _ in range(3))
        for entry in precedence(entry for _, entry in own):
            days, goods = covered(entry)
            if not (days.size and goods.size):
                continue
            block = (slice(None), days[:, None], goods)
            if isinstance(entry, Relief):
                rate, treatment = _relief_rate(entry, facts, flows.maker[goods], number), "full"
            else:
                rate, treatment = number("additional", entry, "rate"), entry.usmca
            charge = on_top(rate, entry.basis, ordinary[block])
            if isinstance(entry, Additional) and entry.quota_rate is not None:
                share = _quota_share(entry, number, spans, days, units[..., goods])
                within = on_top(number("additional", entry, "quota_rate"), entry.quota_basis, ordinary[block])
                charge = share * within + (1 - share) * charge
                if len(charge) > len(general):  # the quota fills differently in each run of the volumes
                    general = np.repeat(general, len(charge), axis=0)
            general[block] = charge
            charge = on_top(rate, entry.basis, preferred[block])
            qualifying[block] = charge if treatment == "full" else 0.0
            content[block] = charge if treatment == "non_us_content" else 0.0
        components[measure] = (general, qualifying, content)
    number.refuse_unused(policy)
    return Rates(components)


class _Numbers:
    """Numbers of a policy's entries, with arrays of variants in place of those that vary."""

    def __init__(self, variants: Mapping[str, Sequence[float] | np.ndarray]) -> None:
        self.variants = {
            key: np.asarray(values, dtype=float)[:, None, None] for key, values in variants.items()
        }
        self.used: set[str] = set()

    def __call__(self, kind: str, entry: _Entry, field: str) -> Any:
        key = f"{kind}.{entry.id}.{field}"
        if key in self.variants:
            self.used.add(key)
            return self.variants[key]
        return getattr(entry, field)

    def count(self, entries: Iterable[tuple[str, _Entry]]) -> int:
        """How many variants these entries have: 1 if none of their numbers varies."""
        ids = {f"{kind}.{entry.id}" for kind, entry in entries}
        return max((len(a) for key, a in self.variants.items() if key.rpartition(".")[0] in ids), default=1)

    def refuse_unused(self, policy: Policy) -> None:
        offsets = {f"offset.{entry.id}.rate" for entry in policy.offset}
        for key in sorted(set(self.variants) - self.used - offsets):
            raise PolicyError(
                f"{policy.name}: no number {key!r} in force to vary; write kind.id.field of an entry"
            )


def _relief_rate(entry: Relief, facts: Facts, makers: np.ndarray, number: _Numbers) -> np.ndarray:
    """Rate (variants, 1, flows) that each flow's maker pays; only makers at home there earn relief."""
    weights = {name: metric.weight for name, metric in entry.score.items()}
    targets = {name: metric.target for name, metric in entry.score.items()}
    home = facts.makers["home"]
    earning = [maker for maker in np.unique(makers) if home[maker] in entry.origin or "*" in entry.origin]
    firm, country = (
        contribution.score(facts, weights, targets, entry.year, level, entry.missing, earning)
        .reindex(makers, fill_value=0.0)
        .to_numpy()
        for level in ("firm", "country")
    )
    own = number("relief", entry, "firm_weight")
    earned = own * firm + (1 - own) * country
    rate = number("relief", entry, "base") - number("relief", entry, "slope") * earned
    return np.clip(rate, number("relief", entry, "floor"), number("relief", entry, "cap"))


def _quota_share(
    entry: Additional, number: _Numbers, spans: Sequence[Period], days: np.ndarray, units: np.ndarray
) -> np.ndarray:
    """Share of imports inside the quota, pro rata to imports, calendar year by calendar year."""
    quota = number("additional", entry, "quota_units_per_year")
    arriving = units[..., days, :].sum(axis=-1, keepdims=True)
    share = np.ones_like(arriving * quota)
    years = np.array([spans[day].start.year for day in days])
    for year in np.unique(years):
        first, last = date(year, 1, 1), date(year, 12, 31)
        opens = max(entry.quota_counted_from or entry.start, first)
        open_part = ((last - opens).days + 1) / ((last - first).days + 1)
        of_year = arriving[..., years == year, :].sum(axis=-2, keepdims=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            share[..., years == year, :] = np.where(
                of_year > 0, np.minimum(quota * open_part / of_year, 1.0), 1.0
            )
    return share
