"""What may an entry of a policy say: which duty, on which goods, from which day, on whose authority?

A policy is a TOML file in ``data/policies/``: rates with dates and legal sources, and the
instruments that tie a duty to contribution. Rates are fractions of customs value. Five kinds of
entry can be combined:

``mfn``
    the ordinary duty, or the preference (USMCA, KORUS) that replaces it
``additional``
    a measure on top of it, `additive` to it or `inclusive` of it ("15% all in"), with its treatment of USMCA
    goods and, where it has one, its tariff-rate quota
``offset``
    the credit of US assembly against duty on parts
``relief``
    a rate that falls with contribution
``credit``
    vehicles, or customs value, that enter at a lower rate because something was built, exported, hired,
    invested or promised

Entries of different measures add up. Within a measure the entry of the later layer wins on its
dates (an overlay beats its base), then the one that names the origin beats ``"*"``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    model_validator,
)

from tariffmodel.errors import TariffModelError
from tariffmodel.escapes import short
from tariffmodel.facts import EU_MEMBERS, periods
from tariffmodel.tariff import contribution

FOREVER = date(9999, 12, 31)
_TOP_RATE = 2.0  # no duty on vehicles was ever threatened above 200%; 2.5 is a slip for 2.5%
_IN_ANOTHER = {**dict.fromkeys(EU_MEMBERS, "EU"), "UK": "GB"}  # would match no goods, without a word


def _number(value: Any) -> Any:
    if isinstance(value, str | bool):
        raise ValueError("write a number such as 0.15, without quotes or percent sign")
    return value + 0.0 if isinstance(value, float) else value  # no zero below zero


def _fraction(value: float) -> float:
    if value > _TOP_RATE:
        raise ValueError(f"a rate is a fraction, at most {_TOP_RATE:g}; write 0.15 for 15%")
    return value


def _day(value: Any) -> date:
    written = str(value)
    try:
        return FOREVER if written == str(FOREVER) else periods.day(written)
    except ValueError as error:
        remedy = "write a day such as 2026-01-31"
        raise ValueError(f"{error}; {remedy}" if type(value) is date else remedy) from None


def _origin(code: str) -> str:
    if code in _IN_ANOTHER:
        raise ValueError(f"its goods are entered as those of {_IN_ANOTHER[code]}; write that")
    if code != "*" and not (len(code) == 2 and code.isalpha() and code.isupper()):
        raise ValueError('write a code of two capitals such as "JP" or "EU", or "*" for every origin')
    return code


Number = Annotated[float, BeforeValidator(_number)]
Rate = Annotated[Number, Field(ge=0), AfterValidator(_fraction)]
Day = Annotated[date, BeforeValidator(_day)]
PARTS = ("listed_part", "service_part", "certified_part", "general_part")
_ALSO = {"part": PARTS, "listed_part": ("listed_part", "service_part")}
Product = Literal["car", "light_truck", "listed_part", "service_part", "certified_part", "general_part"]
_LISTED = BeforeValidator(lambda value: [value] if isinstance(value, str) else value)


def _classes(products: Any) -> Any:
    """`part` is every class of parts; what is on the list is so for production and for dealers."""
    if not isinstance(products, list):
        return products
    named = [also for product in products for also in (_ALSO.get(product, (product,)))]
    return list(dict.fromkeys(named)) if all(isinstance(one, str) for one in products) else products


Origins = Annotated[list[Annotated[str, AfterValidator(_origin)]], _LISTED, Field(min_length=1)]
Products = Annotated[list[Product], BeforeValidator(_classes), _LISTED, Field(min_length=1)]
Vehicles = Annotated[list[Literal["car", "light_truck"]], _LISTED, Field(min_length=1)]


def _whole_year(label: str) -> str:
    try:
        days = periods.parse(label).days
    except TariffModelError as error:
        raise ValueError(str(error)) from None
    if days not in (365, 366):
        raise ValueError(f"{short(label)} has {days} days; write a year such as CY2024 or FY2025-03")
    return label


Year = Annotated[str, AfterValidator(_whole_year)]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False)


class Entry(_Document):
    """What every dated entry carries. `to` is inclusive; `layer` is 0 for the base, 1 for its overlay…

    `enacted` is the day on which an instrument became law: signed, or its notice made public. What is no
    law (a threat, a reform) has none, nor has law that was always there. `to_enacted` is the day on which
    its end became law, by default the same. `withdrawn` is the day on which a later instrument took back
    an entry that had not begun: it never applied, and only `as_known` sees it. `voided` is the day on which
    a court held an entry void from its beginning: nobody owes it, what was paid is refunded, and only
    `as_known` of an earlier day and `as_paid` see it; `refundable_from` is the day since which customs took
    requests for the refund, see `cost.bases`. `checked_through` is the day up to which the rule was
    followed, `hts_revision` the revision of the Harmonized Tariff Schedule that was read last.
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    start: Day = Field(alias="from")
    end: Day = Field(default=FOREVER, alias="to")
    enacted: Day | None = None
    to_enacted: Day | None = None
    withdrawn: Day | None = None
    voided: Day | None = None
    refundable_from: Day | None = None
    checked_through: Day | None = None
    hts_revision: str = ""
    source: str = Field(min_length=3)
    url: str = ""
    quality: Literal["reported", "derived", "estimated", "constructed"] = "reported"
    note: str = ""
    layer: int = 0

    @model_validator(mode="after")
    def _dates_in_order(self) -> Entry:
        if self.end < self.start:
            raise ValueError(f"'to' ({self.end}) is before 'from' ({self.start}); swap them or drop 'to'")
        if self.to_enacted and self.end == FOREVER:
            raise ValueError("to_enacted has no effect here: it needs 'to'; add that or drop to_enacted")
        if self.withdrawn and not (self.enacted and self.enacted < self.withdrawn <= self.start):
            raise ValueError(
                f"withdrawn ({self.withdrawn}) needs an 'enacted' before it and a 'from' not before it; what "
                "has begun is ended with 'to' and 'to_enacted'"
            )
        if self.voided and self.withdrawn:
            raise ValueError("voided and withdrawn exclude each other: what never applied cannot be void")
        if self.voided and self.voided < self.start:
            raise ValueError(f"voided ({self.voided}) is before 'from' ({self.start}); that is 'withdrawn'")
        if self.refundable_from and not (self.voided and self.voided <= self.refundable_from):
            raise ValueError(
                f"refundable_from ({self.refundable_from}) has no effect here: it needs a 'voided' not after "
                "it; add that or drop refundable_from"
            )
        return self


class _Charge(Entry):
    origin: Origins
    product: Products
    rate: Rate


class Mfn(_Charge):
    """Ordinary (column 1) duty, or with ``usmca = true`` the preference of qualifying goods."""

    usmca: bool = False


def _refuse_idle(entry: Entry, keys: Sequence[str], used: bool, needs: str) -> None:
    """A key that changes nothing is a misunderstanding, and silence would hide it."""
    fields = type(entry).model_fields
    idle = [key for key in keys if getattr(entry, key) != fields[key].default]
    if idle and not used:
        raise ValueError(f"{idle[0]} has no effect here: it needs {needs}; add that or drop {idle[0]}")


class Additional(_Charge):
    """A measure on top of the ordinary duty.

    `basis` ``additive``: rate is added to MFN. ``inclusive``: MFN and measure together come to
    `rate`, so the measure is max(rate − MFN, 0) and goods whose MFN is higher pay that.
    `usmca` says what qualifying goods pay: ``full``, on ``non_us_content`` only, or ``exempt``.
    `covers` is the share of the goods' value under the headings that the measure names. Relief for the US
    content of USMCA goods can be claimed since `claimable_from`; what was paid before comes back by a
    correction of the entry, `refund_days` after it. A quota is one of
    calendar years, or with ``quota_window = "quarter"`` a quarter of it is one of each calendar quarter.
    """

    measure: str
    basis: Literal["additive", "inclusive"] = "additive"
    usmca: Literal["full", "non_us_content", "exempt"] = "full"
    covers: Annotated[Number, Field(gt=0, le=1)] = 1.0
    claimable_from: Day | None = None
    refund_days: Annotated[Number, Field(ge=0)] | None = None
    quota_units_per_year: Annotated[Number, Field(ge=0)] | None = None
    quota_counted_from: Day | None = None
    quota_window: Literal["year", "quarter"] = "year"
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
        if (self.claimable_from is None) != (self.refund_days is None):
            raise ValueError("claimable_from and refund_days go together; add the one or drop the other")
        _refuse_idle(self, ["quota_window"], self.quota_rate is not None, "quota_units_per_year")
        return self


class Offset(Entry):
    """Credit of `rate` × MSRP per vehicle assembled in the US between the dates.

    With ``accrues_on = "engines"`` it is `rate` × value of the engines that the maker assembles in the US.
    It pays duty of `measure` on parts from `usable_from`, is not refunded, and with
    `carry_forward` survives the end of its dates until it is used up. An overlay's offset earns in
    place of its base's on its dates; what was earned before stays.
    """

    measure: str
    rate: Rate
    accrues_on: Literal["msrp", "engines"] = "msrp"
    usable_from: Day
    carry_forward: bool = True


class Metric(_Document):
    """Weight and full-marks level of one metric in a score."""

    weight: Number = Field(gt=0, le=1)
    target: Number = Field(gt=0)


class Bracket(_Document):
    """From this score or ratio upwards, this rate."""

    reach: Number = Field(ge=0, alias="from")
    rate: Rate


class Relief(Entry):
    """A rate of `measure` that falls with contribution C, in place of what stands there.

    ``linear``
        base − slope × C
    ``smooth``
        base − slope × C^exponent, or with `steepness` the logistic
        base − slope / (1 + exp(−steepness × (C − midpoint)))
    ``tiered``
        the rate of the highest bracket reached, `base` below the first

    kept within floor and cap. C is the composite `score` in [0, 1], or with `metric` one ratio as
    it stands. With `relative_to` only the growth since that year counts.
    """

    measure: str
    origin: Origins
    product: Products
    schedule: Literal["linear", "smooth", "tiered"] = "linear"
    basis: Literal["additive", "inclusive"] = "additive"
    base: Rate
    slope: Number = Field(default=0.0, ge=0, le=5)
    exponent: Number = Field(default=1.0, gt=0, le=10)
    steepness: Number | None = Field(default=None, gt=0)
    midpoint: Number = Field(default=0.5, ge=0)
    bracket: list[Bracket] = []
    floor: Rate = 0.0
    cap: Rate = _TOP_RATE
    firm_weight: Number = Field(default=1.0, ge=0, le=1)
    earned_by: Literal["home", "all"] = "home"
    year: Year = "CY2024"
    relative_to: Year | None = None
    missing: Literal["error", "zero", "reweight"] = "error"
    metric: str | None = None
    score: dict[str, Metric] = {}

    @property
    def metrics(self) -> list[str]:
        """Names of what it measures makers by.

        >>> import tariffmodel as tm
        >>> tm.policy.load("japan-flexible-linear-firm").relief[0].metrics[0]
        'local_build_share'
        """
        return [self.metric] if self.metric else list(self.score)

    @property
    def rule(self) -> str:
        """The schedule in words.

        >>> import tariffmodel as tm
        >>> tm.policy.load("japan-flexible-linear-firm").relief[0].rule
        '25% less 0.2 × score, between 0% and 25%'
        """
        earned = self.metric or "score"
        if self.relative_to:
            earned += f" of growth since {self.relative_to}"
        base, floor, cap = (f"{100 * rate:g}%" for rate in (self.base, self.floor, self.cap))
        bend = f"× {earned}" + (f" ^ {self.exponent:g}" if self.exponent != 1 else "")
        if self.steepness is not None:
            bend = f"/ (1 + exp(−{self.steepness:g} × ({earned} − {self.midpoint:g})))"
        said = f"{base} less {self.slope:.3g} {bend}"
        if self.schedule == "tiered":
            steps = ", ".join(f"from {step.reach:g} on {100 * step.rate:g}%" for step in self.bracket)
            said = f"{base}, with {earned} {steps}"
        return said if (self.floor, self.cap) == (0, _TOP_RATE) else f"{said}, between {floor} and {cap}"

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

    origin: Origins
    product: Vehicles
    rate: Rate = 0.0
    earned_by: (
        Literal["us_production_units", "us_export_units", "us_employment", "us_investment_cumulative"] | None
    ) = None
    per_unit: Number = Field(default=1.0, ge=0)
    unit: Literal["vehicles", "customs_value"] = "vehicles"
    above: Year | None = None
    granted: dict[str, Number] = {}
    multiple: Number = Field(default=1.0, ge=0)
    makers: Literal["home", "all"] = "all"
    order: Literal["highest_duty_first", "pro_rata"] = "highest_duty_first"
    unused: Literal["expire", "carry_over", "sell"] = "expire"
    price_usd: Number = Field(default=0.0, ge=0)
    claw_back_on: Day | None = None
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
    """One policy, with its base folded in. Make one with `load`.

    >>> import tariffmodel as tm
    >>> flat = tm.policy.load("flat-25")
    >>> flat.folder == tm.facts.data_dir(), len(flat.entries) == len(flat.mfn) + len(flat.additional)
    (True, True)
    >>> flat.boundaries() == sorted(flat.boundaries())
    True
    """

    name: str
    title: str = Field(min_length=1)
    label: str = Field(min_length=1)  # on charts
    description: str = ""
    status: Literal["law", "proposal", "threat", "counterfactual"] = "proposal"
    checked_on: Day | None = None
    mfn: list[Mfn] = []
    additional: list[Additional] = []
    offset: list[Offset] = []
    relief: list[Relief] = []
    credit: list[Credit] = []
    _withdrawn: tuple[Entry, ...] = ()
    _folder: Path | None = PrivateAttr(default=None)

    @property
    def folder(self) -> Path | None:
        """Data folder that it was loaded from; none for a policy made by hand."""
        return self._folder

    @property
    def void(self) -> list[Entry]:
        """Entries that were held void: `as_paid` has them back.

        >>> import tariffmodel as tm
        >>> all(entry.voided for entry in tm.policy.load("current-law").void)
        True
        """
        return [entry for entry in self._withdrawn if entry.voided]

    @property
    def quarterly(self) -> bool:
        """Whether a quota of it is one of calendar quarters.

        >>> import tariffmodel as tm
        >>> tm.policy.load("flat-25").quarterly
        False
        """
        return any(entry.quota_window == "quarter" for entry in self.additional)

    @property
    def entries(self) -> list[Entry]:
        """All that it charges, spares and credits, kind by kind."""
        return [*self.mfn, *self.additional, *self.offset, *self.relief, *self.credit]

    def boundaries(self) -> list[date]:
        """First days on which something changes."""
        days = {entry.start for entry in self.entries} | {o.usable_from for o in self.offset}
        days |= {c.claw_back_on for c in self.credit if c.claw_back_on}
        days |= {date.fromordinal(entry.end.toordinal() + 1) for entry in self.entries if entry.end < FOREVER}
        return sorted(days)
