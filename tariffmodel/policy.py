"""What does a policy charge, on which goods, from which day, and on whose authority?

A policy is a TOML file in ``data/policies/``: rates with dates and legal sources, and the
instruments that tie a duty to contribution. Rates are fractions of customs value. Five kinds of
entry can be combined:

``mfn``         the ordinary duty, or the preference (USMCA, KORUS) that replaces it
``additional``  a measure on top of it, `additive` to it or `inclusive` of it ("15% all in"), with
                its treatment of USMCA goods and, where it has one, its tariff-rate quota
``offset``      the credit of US assembly against duty on parts
``relief``      a rate that falls with contribution
``credit``      vehicles, or customs value, that enter at a lower rate because something was built,
                exported, hired, invested or promised

Entries of different measures add up. Within a measure the entry of the later layer wins on its
dates (an overlay beats its base), then the one that names the origin beats ``"*"``.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from tariffmodel import contribution, periods
from tariffmodel.errors import PolicyError, TariffModelError
from tariffmodel.facts import data_dir

PRODUCTS = ("car", "light_truck", "part")
Product = Literal["car", "light_truck", "part"]
Rate = Annotated[float, Field(ge=0, le=5)]
FOREVER = date(9999, 12, 31)
_LISTED = BeforeValidator(lambda value: [value] if isinstance(value, str) else value)
Names = Annotated[list[str], _LISTED, Field(min_length=1)]
Products = Annotated[list[Product], _LISTED, Field(min_length=1)]
Vehicles = Annotated[list[Literal["car", "light_truck"]], _LISTED, Field(min_length=1)]


def _whole_year(label: str) -> str:
    try:
        days = periods.parse(label).days
    except TariffModelError as error:
        raise ValueError(str(error)) from None
    if days not in (365, 366):
        raise ValueError(f"{label!r} has {days} days; write a year such as CY2024 or FY2025-03")
    return label


Year = Annotated[str, AfterValidator(_whole_year)]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Entry(_Document):
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
    def _dates_in_order(self) -> Entry:
        if self.end < self.start:
            raise ValueError(f"'to' ({self.end}) is before 'from' ({self.start}); swap them or drop 'to'")
        return self


class _Charge(Entry):
    origin: Names
    product: Products
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
        if self.quota_counted_from and self.quota_counted_from > self.start:
            raise ValueError(
                "quota_counted_from is after 'from'; a quota is counted from its first day or before"
            )
        return self


class Offset(Entry):
    """Credit of `rate` × MSRP per vehicle assembled in the US between the dates.

    It pays duty of `measure` on parts from `usable_from`, is not refunded, and with
    `carry_forward` survives the end of its dates until it is used up. An overlay's offset earns in
    place of its base's on its dates; what was earned before stays.
    """

    measure: str
    rate: Rate
    usable_from: date
    carry_forward: bool = True


class Metric(_Document):
    """Weight and full-marks level of one metric in a score."""

    weight: float = Field(gt=0, le=1)
    target: float = Field(gt=0)


class Bracket(_Document):
    """From this score or ratio upwards, this rate."""

    reach: float = Field(ge=0, alias="from")
    rate: Rate


def _refuse_idle(entry: Entry, keys: Sequence[str], used: bool, needs: str) -> None:
    """A key that changes nothing is a misunderstanding, and silence would hide it."""
    fields = type(entry).model_fields
    idle = [key for key in keys if getattr(entry, key) != fields[key].default]
    if idle and not used:
        raise ValueError(f"{idle[0]} has no effect here: it needs {needs}; add that or drop {idle[0]}")


class Relief(Entry):
    """A rate of `measure` that falls with contribution C, in place of what stands there.

    ``linear``  base − slope × C
    ``smooth``  base − slope × C^exponent, or with `steepness` the logistic
                base − slope / (1 + exp(−steepness × (C − midpoint)))
    ``tiered``  the rate of the highest bracket reached, `base` below the first

    kept within floor and cap. C is the composite `score` in [0, 1], or with `metric` one ratio as
    it stands. With `relative_to` only the growth since that year counts.
    """

    measure: str
    origin: Names
    product: Products
    schedule: Literal["linear", "smooth", "tiered"] = "linear"
    basis: Literal["additive", "inclusive"] = "additive"
    base: Rate
    slope: float = Field(default=0.0, ge=0, le=5)
    exponent: float = Field(default=1.0, gt=0, le=10)
    steepness: float | None = Field(default=None, gt=0)
    midpoint: float = Field(default=0.5, ge=0)
    bracket: list[Bracket] = []
    floor: Rate = 0.0
    cap: Rate = 5.0
    firm_weight: float = Field(default=1.0, ge=0, le=1)
    earned_by: Literal["home", "all"] = "home"
    year: Year = "CY2024"
    relative_to: Year | None = None
    missing: Literal["error", "zero", "reweight"] = "error"
    metric: str | None = None
    score: dict[str, Metric] = {}

    @property
    def metrics(self) -> list[str]:
        return [self.metric] if self.metric else list(self.score)

    @model_validator(mode="after")
    def _is_sound(self) -> Relief:
        if bool(self.metric) == bool(self.score):
            raise ValueError("give either score (weights and targets) or metric (one ratio), not both")
        if unknown := sorted(set(self.metrics) - set(contribution.METRICS)):
            raise ValueError(f"unknown metric {unknown[0]!r}; choose from {', '.join(contribution.METRICS)}")
        total = sum(metric.weight for metric in self.score.values())
        if self.score and abs(total - 1) > 1e-9:
            raise ValueError(f"the weights of score sum to {total:g}; they must sum to 1")
        if self.floor > self.cap:
            raise ValueError(f"floor {self.floor:g} is above cap {self.cap:g}; swap them")
        if (self.schedule == "tiered") != bool(self.bracket):
            raise ValueError('brackets and schedule = "tiered" go together; add the one or drop the other')
        steps = [step.reach for step in self.bracket]
        if steps != sorted(set(steps)):
            raise ValueError("brackets must rise in 'from', each once; sort them")
        _refuse_idle(self, ["slope"], self.schedule != "tiered", 'a schedule of "linear" or "smooth"')
        _refuse_idle(self, ["exponent", "steepness"], self.schedule == "smooth", 'schedule = "smooth"')
        _refuse_idle(self, ["midpoint"], self.steepness is not None, "steepness")
        _refuse_idle(self, ["exponent"], self.steepness is None, "a curve without steepness")
        return self


class Credit(Entry):
    """Entitlement to bring in goods at `rate` all in, instead of the duty otherwise owed.

    Each of `earned_by` earns `per_unit` vehicles (`unit = "vehicles"`) or, with
    `unit = "customs_value"`, `per_unit` USD of value. `above` counts only what exceeds that year.
    `granted` gives fixed yearly vehicles per maker instead, `multiple` times. Entitlements pay for
    the goods with the highest duty first, or for all alike (`pro_rata`), calendar year by calendar
    year: a year's entitlement pays for any goods of that year. What is left expires at the end of
    the year, carries over, or is sold at `price_usd`. With `claw_back_on`, makers of `granted` whose
    US output has not grown by what they were granted repay the missing share.
    """

    origin: Names
    product: Vehicles
    rate: Rate = 0.0
    earned_by: (
        Literal["us_production_units", "us_export_units", "us_employment", "us_investment_cumulative"] | None
    ) = None
    per_unit: float = Field(default=1.0, ge=0)
    unit: Literal["vehicles", "customs_value"] = "vehicles"
    above: Year | None = None
    granted: dict[str, float] = {}
    multiple: float = Field(default=1.0, ge=0)
    makers: Literal["home", "all"] = "all"
    order: Literal["highest_duty_first", "pro_rata"] = "highest_duty_first"
    unused: Literal["expire", "carry_over", "sell"] = "expire"
    price_usd: float = Field(default=0.0, ge=0)
    claw_back_on: date | None = None
    missing: Literal["error", "zero"] = "error"
    grown_since: Year = "CY2024"

    @model_validator(mode="after")
    def _is_sound(self) -> Credit:
        if bool(self.earned_by) == bool(self.granted):
            raise ValueError("give either earned_by or granted, not both")
        if self.above and self.granted:
            raise ValueError("above goes with earned_by; granted vehicles are what they are: drop above")
        if any(vehicles < 0 for vehicles in self.granted.values()):
            raise ValueError("granted vehicles must be >= 0")
        if self.claw_back_on and not self.granted:
            raise ValueError("claw_back_on needs granted; a credit that is earned has nothing to repay")
        if self.claw_back_on and self.claw_back_on <= self.start:
            raise ValueError(
                f"claw_back_on ({self.claw_back_on}) is not after 'from' ({self.start}): nothing is granted "
                "by then; move one of them"
            )
        _refuse_idle(self, ["per_unit"], not self.granted, "earned_by")
        _refuse_idle(self, ["multiple"], bool(self.granted), "granted")
        _refuse_idle(self, ["grown_since"], self.claw_back_on is not None, "claw_back_on")
        _refuse_idle(self, ["price_usd"], self.unused == "sell", 'unused = "sell"')
        if self.unused == "sell" and self.price_usd == 0:
            raise ValueError('unused = "sell" needs price_usd')
        return self


KINDS: dict[str, type[Entry]] = {
    "mfn": Mfn,
    "additional": Additional,
    "offset": Offset,
    "relief": Relief,
    "credit": Credit,
}


class Policy(_Document):
    """One policy, with its base folded in. Make one with `load`."""

    name: str
    title: str
    label: str  # on charts; the name of the file where it gives none
    description: str
    status: Literal["law", "proposal", "threat", "counterfactual"]
    checked_on: date | None = None
    mfn: list[Mfn] = []
    additional: list[Additional] = []
    offset: list[Offset] = []
    relief: list[Relief] = []
    credit: list[Credit] = []

    @property
    def entries(self) -> list[Entry]:
        return [*self.mfn, *self.additional, *self.offset, *self.relief, *self.credit]

    def boundaries(self) -> list[date]:
        """First days on which something changes."""
        days = {entry.start for entry in self.entries} | {o.usable_from for o in self.offset}
        days |= {c.claw_back_on for c in self.credit if c.claw_back_on}
        days |= {date.fromordinal(entry.end.toordinal() + 1) for entry in self.entries if entry.end < FOREVER}
        return sorted(days)


def names(data: str | Path | None = None) -> list[str]:
    """Policies that the data folder offers."""
    return sorted(path.stem for path in (data_dir(data) / "policies").glob("*.toml"))


def labels(several: Iterable[Policy]) -> dict[str, str]:
    """What to call policies on a chart, by name; the name itself where two have one label."""
    called = {one.name: one.label for one in several}
    count = Counter(called.values())
    return {name: label if count[label] == 1 else name for name, label in called.items()}


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
        policy = Policy.model_validate({"name": path.stem, "label": path.stem, **document})
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
    kinds = tuple(KINDS)
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
    return {field.alias or name for name, field in KINDS[kind].model_fields.items()}


def _unknown(key: str, document: dict[str, Any], path: Path) -> Any:
    known = [f"{k}.{e['id']}" for k in KINDS for e in document.get(k, []) if "id" in e]
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


def _rival(entry: Any) -> Any:
    """Entries of which only one can apply on a day: those of one measure, or of one kind of MFN."""
    return entry.usmca if isinstance(entry, Mfn) else entry.measure


def _refuse_overlaps(policy: Policy, path: Path) -> None:
    seen: dict[str, Entry] = {}
    for entry in policy.entries:
        if entry.id in seen and seen[entry.id].layer == entry.layer and type(seen[entry.id]) is type(entry):
            raise PolicyError(f"{path.name}: id {entry.id!r} occurs twice; give each entry its own")
        seen[entry.id] = entry
    for kind in (policy.mfn, policy.additional, policy.relief):
        for one, two in combinations(kind, 2):
            if (
                _rival(one) == _rival(two)
                and one.layer == two.layer
                and set(one.origin) & set(two.origin)
                and set(one.product) & set(two.product)
                and max(one.start, two.start) <= min(one.end, two.end)
            ):
                raise PolicyError(
                    f"{path.name}: {one.id} and {two.id} overlap from {max(one.start, two.start)}; "
                    "end one the day before the other starts"
                )
