"""The bill again, the slow and plain way: one day, one maker, one origin at a time.

Nothing here uses the package's arrays. Facts come from the CSV files, policies from their validated
entries, and every rule is written out where it is applied. Duty and offset are settled day by day;
credits are settled by calendar year, over the list of everything that came in on its days.
"""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from statistics import mean, stdev, variance

from scipy.special import digamma, polygamma

from tariffmodel import periods
from tariffmodel.facts import FACT_FILES
from tariffmodel.tariff.entries import Additional, Credit, Policy, Relief

ONE_DAY = timedelta(days=1)
SALES, BUILT, EXPORTS, IMPORTS = (
    "us_sales_units", "us_production_units", "us_export_units", "us_import_units",
)  # fmt: skip
FLOWS = (SALES, BUILT, EXPORTS, IMPORTS)
WATCHED = {
    "us_production_units": (BUILT, "US"),
    "us_sales_units": (SALES, "US"),
    "exports_japan_to_us_units": (IMPORTS, "JP"),
    "exports_korea_to_us_units": (IMPORTS, "KR"),
    "mexico_production_units": ("mexico_production_units", "MX"),
}
GROWING = (BUILT, EXPORTS, "us_employment", "us_investment_cumulative")


@dataclass(frozen=True)
class Owed:
    """USD of one maker over a period."""

    vehicles: float = 0.0
    parts: float = 0.0
    offset: float = 0.0
    saved: float = 0.0
    repaid: float = 0.0
    sold: float = 0.0

    @property
    def total(self) -> float:
        return self.vehicles + self.parts - self.offset - self.saved + self.repaid


@dataclass
class Shipment:
    """Vehicles of one maker that came in on one day; `left` is the share no credit has paid for yet."""

    day: date
    origin: str
    product: str
    units: float
    worth: float
    rate: float
    left: float = 1.0


def days(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += ONE_DAY


def year_days(year: int) -> int:
    return (date(year + 1, 1, 1) - date(year, 1, 1)).days


class Reference:
    """What the fact files say, and what follows from it under a policy."""

    def __init__(self, data: Path) -> None:
        self.rows, self.counted, self.watched = (defaultdict(list) for _ in range(3))
        for name in FACT_FILES:
            with (data / "facts" / f"{name}.csv").open(encoding="utf-8") as lines:
                for row in csv.DictReader(lines):
                    if row["selected"] == "true":
                        span = periods.parse(row["period"])
                        key = row["maker"], row["variable"], row["origin"]
                        self.rows[key].append((span.start, span.end, float(row["value"])))
                        if row["variable"] in FLOWS and row["quality"] != "estimated":
                            self.count(self.counted, key, span, float(row["value"]))
        with (data / "companies" / "makers.csv").open(encoding="utf-8") as lines:
            self.makers = {row["maker"]: row for row in csv.DictReader(lines)}
        self._read_watched(data)
        self._read_official(data)
        self.remember()

    def remember(self) -> None:
        """Compute each thing once."""
        self.first_said: dict[tuple[str, str, str], dict[date, float]] = {}
        self.read, self.diary, self.said = cache(self._read), cache(self._diary), cache(self._said)
        self.speed, self.official_speed = cache(self._speed), cache(self._official_speed)
        self.origins = cache(self._origins)
        self.ratios = cache(self._ratios)

    def bill(self, policy: Policy, period: str, makers: Iterable[str] | None = None) -> dict[str, float]:
        return {maker: owed.total for maker, owed in self.owed(policy, period, makers).items()}

    def owed(self, policy: Policy, period: str, makers: Iterable[str] | None = None) -> dict[str, Owed]:
        rules = Rules(self, policy)
        return {maker: rules.owed(maker, periods.parse(period)) for maker in makers or self.makers}

    # ------------------------------------------------------------------ facts

    def level(self, maker: str, variable: str, origin: str, day: date) -> float:
        return self.read(maker, variable, origin, day)

    def _read(self, maker: str, variable: str, origin: str, day: date) -> float:
        """Value of the row that speaks for a day."""
        rows = self.rows.get((maker, variable, origin))
        if not rows:
            raise KeyError((maker, variable, origin))
        covering = [row for row in rows if row[0] <= day <= row[1]]
        if covering:
            return min(covering, key=lambda row: row[1] - row[0])[2]
        if earlier := [row for row in rows if row[1] < day]:
            return max(earlier, key=lambda row: row[1])[2]
        return min(rows, key=lambda row: row[0])[2]

    # ------------------------------------------------------------------ vehicles, day by day

    def per_day(self, maker: str, variable: str, origin: str, day: date) -> float:
        if not self.rows.get((maker, variable, origin)):
            raise KeyError((maker, variable, origin))
        return self.diary(maker, variable, origin, day.year)[day]

    def _diary(self, maker: str, variable: str, origin: str, year: int) -> dict[date, float]:
        """Vehicles of every day of a year."""
        said = self.said(maker, variable, origin)
        whole = list(days(date(year, 1, 1), date(year, 12, 31)))
        known = [day for day in whole if day in said]
        speed = self.speed(maker, variable, origin, year)
        if len(known) == len(whole):
            return {day: said[day] for day in whole}
        if known:
            rest = self.year_end(maker, variable, origin, known) - sum(said[day] for day in known)
            pace = rest / sum(speed[day.month] for day in whole if day not in said)
            return {day: said.get(day, pace * speed[day.month]) for day in whole}
        years = {day.year for day in said}
        near = max((y for y in years if y < year), default=min(years))
        a_day = sum(self.diary(maker, variable, origin, near).values()) / year_days(near)
        mean = sum(speed[day.month] for day in whole) / len(whole)
        return {day: a_day * speed[day.month] / mean for day in whole}

    def year_end(self, maker: str, variable: str, origin: str, known: list[date]) -> float:
        """Vehicles of a year of which some days are known: what they usually are, and the year before."""
        year, key = known[0].year, (maker, variable, origin)
        said = self.said(*key)
        had = sum(said[day] for day in known)
        if not had:
            return 0.0
        part = {
            month: sum(day.month == month for day in known)
            / sum(day.month == month for day in days(date(year, 1, 1), date(year, 12, 31)))
            for month in range(1, 13)
        }
        shares = {}
        for *series, one in dict.fromkeys([*self.counted, *self.watched]):
            if one < year:
                both = (*series, one)
                share = self._share([*self.counted.get(both, ()), *self.watched.get(both, ())], part)
                if share is not None and 0 < share < 1:
                    shares[*series, one] = share
        own = [share for (*series, _), share in shares.items() if tuple(series) == key]
        if variable == IMPORTS and not own:
            own = [
                sum(pace[month] * part[month] * self._length(one, month) for month in part) / year_days(one)
                for one in range(2015, year)
                if (pace := self.official_speed(origin, one))
            ]
        every = list(shares.values())
        weight = len(own) / (len(own) + 2.0)
        middle = weight * (mean(own) if own else 0.0) + (1 - weight) * mean(every)
        both = max(middle * (1 - middle) / (variance(every) * (1 + 1 / len(every))) - 1, 2.0)
        log_share = float(digamma(middle * both) - digamma(both))
        sure = 1 / float(polygamma(1, middle * both) - polygamma(1, both))
        before = [said.get(day) for day in days(date(year - 1, 1, 1), date(year - 1, 12, 31))]
        reading, prior = math.log(had) - log_share, 0.0
        if all(one is not None for one in before) and sum(before) > 0:
            levels = [level for one, level in sorted(self.assembled.items()) if one < year]
            moves = [math.log(later / earlier) for earlier, later in pairwise(levels)]
            prior = 1 / (2 * stdev(moves) ** 2)
            reading = (reading * sure + math.log(sum(before)) * prior) / (sure + prior)
        return max(math.exp(reading), had)

    def _length(self, year: int, month: int) -> int:
        return sum(
            day.month == month for day in days(date(year, month, 1), date(year, month, 28) + 3 * ONE_DAY)
        )

    def _share(self, spans: list[tuple[int, int, float]], part: dict[int, float]) -> float | None:
        """Share of a year in its known part; none where spans do not bound it."""
        up_to = {0: 0.0}
        for _ in range(24):
            for first, last, value in spans:
                if first - 1 in up_to:
                    up_to.setdefault(last, up_to[first - 1] + value)
                elif up_to.get(last, -1.0) >= value:
                    up_to[first - 1] = up_to[last] - value
        if not up_to.get(12):
            return None
        total, month = 0.0, 1
        while month <= 12:
            last = month
            while last < 12 and part[last + 1] == part[month]:
                last += 1
            if part[month]:
                if not {month - 1, last} <= set(up_to):
                    return None
                total += part[month] * (up_to[last] - up_to[month - 1])
            month = last + 1
        return total / up_to[12]

    @staticmethod
    def count(into: dict, key: tuple[str, str, str], span: periods.Period, value: float) -> None:
        """Keep vehicles of whole months within one year."""
        if span.start.day == 1 == (span.end + ONE_DAY).day and span.start.year == span.end.year:
            into[*key, span.start.year].append((span.start.month, span.end.month, value))

    def _read_watched(self, data: Path) -> None:
        """Monthly and cumulative vehicles of the watch list, and the industry's years."""
        with (data / "watch" / "monthly.csv").open(encoding="utf-8") as lines:
            for row in csv.DictReader(lines):
                if row["metric"] in WATCHED and row["company"] in self.makers:
                    key = row["company"], *WATCHED[row["metric"]]
                    self.count(self.watched, key, periods.parse(row["period"]), float(row["value"]))
        self.assembled = {}
        with (data / "watch" / "us_output.csv").open(encoding="utf-8") as lines:
            for row in csv.DictReader(lines):
                if row["period"].startswith("CY"):
                    self.assembled[int(row["period"][2:])] = float(row["value"])

    def _said(self, maker: str, variable: str, origin: str) -> dict[date, float]:
        """Vehicles of the days that rows are about: months before quarters before years."""
        first = self.spread(maker, variable, origin, lambda year: self.guess(variable, origin, year))
        self.first_said[maker, variable, origin] = first
        return self.spread(maker, variable, origin, lambda year: self.speed(maker, variable, origin, year))

    def spread(self, maker: str, variable: str, origin: str, speed_of) -> dict[date, float]:
        said: dict[date, float] = {}
        rows = self.rows[maker, variable, origin]
        for start, end, value in sorted(rows, key=lambda row: (row[1] - row[0], row[0])):
            free = [day for day in days(start, end) if day not in said]
            left = value - sum(said[day] for day in days(start, end) if day in said)
            weight = {}
            for year in {day.year for day in free}:
                speed = speed_of(year)
                a_year = sum(speed[day.month] for day in days(date(year, 1, 1), date(year, 12, 31)))
                weight |= {day: speed[day.month] / a_year for day in free if day.year == year}
            total = sum(weight.values())
            for day in free:
                said[day] = left * weight[day] / total
        return said

    def _speed(self, maker: str, variable: str, origin: str, year: int) -> dict[int, float]:
        """Pace of the days of each month: official, or as it was in the maker's earlier years."""
        first = self.first_said[maker, variable, origin]
        stated = any(day.year == year for day in first)
        if variable == IMPORTS and stated and (found := self.official_speed(origin, year)):
            return found
        own = {}
        for one in sorted({day.year for day in first}):
            whole = list(days(date(one, 1, 1), date(one, 12, 31)))
            total = sum(first.get(day, 0.0) for day in whole)
            if total > 0 and all(day in first for day in whole):
                own[one] = {
                    month: sum(first[day] for day in whole if day.month == month)
                    / sum(day.month == month for day in whole)
                    / (total / len(whole))
                    for month in range(1, 13)
                }
        before = [one for one in own if one < year] or list(own)[:1]
        if not before:
            return self.guess(variable, origin, year)
        return {month: sum(own[one][month] for one in before) / len(before) for month in range(1, 13)}

    def guess(self, variable: str, origin: str, year: int) -> dict[int, float]:
        """Pace of months where nothing is known of the maker's own."""
        if variable == IMPORTS:
            if found := self.official_speed(origin, year):
                return found
            known = [one for one in range(2015, 2040) if self.official_speed(origin, one)]
            before = [one for one in known if one < year] or known[:1]
            if before:
                paces = [self.official_speed(origin, one) for one in before]
                return {month: sum(pace[month] for pace in paces) / len(paces) for month in range(1, 13)}
        return dict.fromkeys(range(1, 13), 1.0)

    def _official_speed(self, origin: str, year: int) -> dict[int, float] | None:
        """Official pace of months, in units of the year's mean day; None unless all twelve are counted."""
        cars, trucks = self.customs[origin, "car", year], self.customs[origin, "light_truck", year]
        together = {month: cars[month] + (trucks[month] if len(trucks) == 12 else 0.0) for month in cars}
        for counted in (
            self.customs[origin, "vehicle", year],
            together,
            self.shipped[year] if origin == "MX" else {},
            self.customs[origin, "chapter_87", year],
            self.customs["ALL", "vehicle", year],
        ):
            if len(counted) == 12:
                length = {m: (date(year + m // 12, m % 12 + 1, 1) - date(year, m, 1)).days for m in counted}
                mean = sum(counted.values()) / sum(length.values())
                return {month: counted[month] / length[month] / mean for month in counted}
        return None

    def _read_official(self, data: Path) -> None:
        """Months of the customs of the US, and of Mexico's exports, each in its last vintage."""
        self.customs = defaultdict(dict)
        with (data / "trade" / "us_imports.csv").open(encoding="utf-8") as lines:
            for row in sorted(csv.DictReader(lines), key=lambda row: periods.parse(row["vintage"]).start):
                if len(row["period"]) == 7:
                    year, month = map(int, row["period"].split("-"))
                    self.customs[row["origin"], row["goods"], year][month] = float(row["value_usd"])
        last, made_by, by_maker = {}, {}, defaultdict(float)
        with (data / "trade" / "mexico_exports.csv").open(encoding="utf-8") as lines:
            for row in sorted(csv.DictReader(lines), key=lambda row: periods.parse(row["vintage"]).start):
                last[row["brand"], row["period"]] = float(row["units"])
                made_by[row["brand"]] = row["maker"]
        self.shipped = defaultdict(lambda: defaultdict(float))
        for (_, label), units in last.items():
            year, month = map(int, label.split("-"))
            self.shipped[year][month] += units
        for (brand, label), units in last.items():
            by_maker[made_by[brand], label] += units
        for (maker, label), units in sorted(by_maker.items()):
            self.count(self.watched, (maker, IMPORTS, "MX"), periods.parse(label), units)

    def _origins(self, maker: str, variable: str) -> list[str]:
        return sorted({o for m, v, o in self.rows if m == maker and v == variable})

    def over(self, maker: str, variable: str, origin: str, label: str) -> float:
        """A flow summed over a period, or a level as it stands in it."""
        span = periods.parse(label)
        if variable.endswith("_units"):
            return sum(self.per_day(maker, variable, origin, day) for day in days(span.start, span.end))
        return self.level(maker, variable, origin, span.start)

    # ------------------------------------------------------------------ contribution

    def _ratios(self, makers: tuple[str, ...], year: str, since: str | None) -> dict[str, float | None]:
        """Metrics of makers taken together; None where a figure of any of them is not known."""

        def total(variable: str, label: str = year, home: bool = False) -> float | None:
            result = 0.0
            for maker in makers:
                origins = self.origins(maker, variable)
                if home:
                    origins = [o for o in origins if o == self.makers[maker]["home"]]
                if not origins:
                    return None
                result += sum(self.over(maker, variable, origin, label) for origin in origins)
            return result

        def grown(variable: str) -> float | None:
            now = total(variable)
            if since is None or now is None:
                return now
            return max(now - total(variable, since), 0.0)

        def ratio(above: float | None, below: float | None) -> float | None:
            if above is None or below is None or above == below == 0:
                return None
            return above / below if below else math.inf

        sold, imported, from_home = total(SALES), total(IMPORTS), total(IMPORTS, home=True)
        built, exported, jobs, invested = (grown(variable) for variable in GROWING)
        content = [
            (self.over(m, SALES, "US", year), self.over(m, "us_content", "US", year))
            for m in makers
            if self.over(m, SALES, "US", year) and self.origins(m, "us_content")
        ]
        selling = [m for m in makers if self.over(m, SALES, "US", year)]
        if not sold:
            return defaultdict(float)
        return {
            "local_build_share": min(max((built - exported) / sold, 0.0), 1.0),
            "production_ratio": built / sold,
            "production_to_import_ratio": ratio(built, from_home),
            "export_ratio": ratio(exported, imported),
            "jobs_intensity": ratio(None if jobs is None else 1000 * jobs, sold),
            "investment_intensity": ratio(invested, sold),
            "us_content": sum(s * c for s, c in content) / sold if len(content) == len(selling) else None,
        }

    def contribution(self, entry: Relief, makers: tuple[str, ...]) -> float:
        """C of some makers taken together, before firm and country are blended."""
        found = self.ratios(makers, entry.year, entry.relative_to)
        if entry.metric:
            return found[entry.metric] or 0.0
        points, weights = 0.0, 0.0
        for name, metric in entry.score.items():
            if found[name] is not None:
                points += metric.weight * min(found[name] / metric.target, 1.0)
                weights += metric.weight
        if entry.missing == "reweight" and makers and weights:
            return points / weights
        return points

    def earned(self, entry: Relief, maker: str) -> float:
        home = self.makers[maker]["home"]
        if entry.earned_by == "home" and home not in entry.origin and "*" not in entry.origin:
            return 0.0
        pool = tuple(
            m for m, row in self.makers.items() if row["home"] == home and not row["consolidated_in"]
        )
        own, together = self.contribution(entry, (maker,)), self.contribution(entry, pool)
        share = entry.firm_weight
        return own if share == 1 else together if share == 0 else share * own + (1 - share) * together


class Rules:
    """One policy applied to the facts."""

    def __init__(self, facts: Reference, policy: Policy) -> None:
        self.facts, self.policy = facts, policy
        self.standing = cache(self._standing)
        self.quota_share = cache(self._quota_share)
        self.relief_rate = cache(self._relief_rate)

    # ------------------------------------------------------------------ rates

    @staticmethod
    def in_force(entries: Iterable, origin: str, product: str, day: date):
        """Later layers win, then entries that name the origin, then relief over what it relieves."""
        best, highest = None, None
        for entry in entries:
            named = origin in entry.origin and "*" not in entry.origin
            if (
                entry.start <= day <= entry.end
                and product in entry.product
                and (named or "*" in entry.origin)
            ):
                rank = entry.layer, named, isinstance(entry, Relief)
                if highest is None or rank > highest:
                    best, highest = entry, rank
        return best

    def _standing(self, origin: str, product: str, day: date) -> tuple[float, float, list]:
        """Ordinary rate, preferred rate, and the entry of each measure that applies on a day."""
        ordinary = self.in_force([m for m in self.policy.mfn if not m.usmca], origin, product, day).rate
        preference = self.in_force([m for m in self.policy.mfn if m.usmca], origin, product, day)
        charges = [*self.policy.additional, *self.policy.relief]
        found = [
            self.in_force([e for e in charges if e.measure == measure], origin, product, day)
            for measure in sorted({e.measure for e in charges})
        ]
        places = [next(k for k, e in enumerate(charges) if e is entry) for entry in found if entry]
        return ordinary, preference.rate if preference else ordinary, places

    def rate(self, maker: str, origin: str, product: str, day: date, only: str | None = None) -> float:
        """Duty on one dollar of customs value; with `only`, the part of it that one measure makes."""
        q = u = 0.0
        if origin in ("MX", "CA"):
            kind = "part" if product.endswith("part") else product
            q = self.facts.level(maker, f"usmca_share_{kind}", origin, day)
            u = 0.0 if kind == "part" else self.facts.level(maker, "us_content_share", origin, day)
        ordinary, preferred, places = self.standing(origin, product, day)
        duty = 0.0 if only else (1 - q) * ordinary + q * preferred
        charges = [*self.policy.additional, *self.policy.relief]
        for place in places:
            entry = charges[place]
            if only and entry.measure != only:
                continue
            treatment, charge = "full", 0.0
            if isinstance(entry, Relief):
                charge = self.relief_rate(place - len(self.policy.additional), maker)
            else:
                treatment, charge = entry.usmca, entry.rate
            on_ordinary = max(charge - ordinary, 0) if entry.basis == "inclusive" else charge
            on_preferred = max(charge - preferred, 0) if entry.basis == "inclusive" else charge
            if isinstance(entry, Additional) and entry.quota_rate is not None:
                share = self.quota_share(place, day.year, (day.month - 1) // 3)
                inside = entry.quota_rate
                inside = max(inside - ordinary, 0) if entry.quota_basis == "inclusive" else inside
                on_ordinary = share * inside + (1 - share) * on_ordinary
            if isinstance(entry, Additional):
                on_ordinary, on_preferred = on_ordinary * entry.covers, on_preferred * entry.covers
            kept = {"full": 1.0, "non_us_content": 1 - u, "exempt": 0.0}[treatment]
            duty += (1 - q) * on_ordinary + q * kept * on_preferred
        return duty

    def _relief_rate(self, place: int, maker: str) -> float:
        entry = self.policy.relief[place]
        c = self.facts.earned(entry, maker)
        if entry.schedule == "tiered":
            rate = entry.base
            for bracket in entry.bracket:
                if c >= bracket.reach:
                    rate = bracket.rate
        elif entry.slope == 0:
            rate = entry.base
        elif entry.schedule == "linear":
            rate = entry.base - entry.slope * c
        elif entry.steepness is None:
            rate = entry.base - entry.slope * c**entry.exponent
        else:
            rate = entry.base - entry.slope / (1 + math.exp(-entry.steepness * (c - entry.midpoint)))
        return min(max(rate, entry.floor), entry.cap)

    def _quota_share(self, place: int, year: int, quarter: int) -> float:
        entry = self.policy.additional[place]
        first, last = date(year, 1, 1), date(year, 12, 31)
        if entry.quota_window == "quarter":
            ends = [(3, 31), (6, 30), (9, 30), (12, 31)][quarter]
            first, last = date(year, 3 * quarter + 1, 1), date(year, *ends)
        arriving = 0.0
        for day in days(max(entry.start, first), min(entry.end, last)):
            for maker in self.facts.makers:
                for origin in self.facts.origins(maker, IMPORTS):
                    if origin in entry.origin or "*" in entry.origin:
                        units = self.facts.per_day(maker, IMPORTS, origin, day)
                        trucks = self.facts.level(maker, "light_truck_share", origin, day) if units else 0.0
                        arriving += units * (1 - trucks) * ("car" in entry.product)
                        arriving += units * trucks * ("light_truck" in entry.product)
        opens = max(entry.quota_counted_from or entry.start, first)
        quota = entry.quota_units_per_year * ((last - opens).days + 1) / ((last - first).days + 1)
        if entry.quota_window == "quarter":
            quota /= 4
        return min(1.0, quota / arriving) if arriving else 1.0

    # ------------------------------------------------------------------ bill

    def owed(self, maker: str, asked: periods.Period) -> Owed:
        facts, policy = self.facts, self.policy
        vehicles = parts = offset = 0.0
        shipments: list[Shipment] = []
        purses = [0.0] * len(policy.offset)
        first = min([asked.start, *(entry.start for entry in (*policy.offset, *policy.credit))])
        last = date(asked.end.year, 12, 31) if policy.credit else asked.end
        for day in days(first, last):
            inside = asked.start <= day <= asked.end
            for origin in facts.origins(maker, IMPORTS) if inside or policy.credit else ():
                units = facts.per_day(maker, IMPORTS, origin, day)
                if units == 0:
                    continue
                value = facts.level(maker, "customs_value", origin, day)
                trucks = facts.level(maker, "light_truck_share", origin, day)
                for product, some in (("car", units * (1 - trucks)), ("light_truck", units * trucks)):
                    if some:
                        rate = self.rate(maker, origin, product, day)
                        shipments.append(Shipment(day, origin, product, some, some * value, rate))
                        vehicles += some * value * rate * inside
            if day <= asked.end:
                due, drawn = self.parts(maker, day, purses)
                parts += due * inside
                offset += drawn * inside
        result = Owed(vehicles, parts, offset)
        for entry in policy.credit:
            saved, repaid, sold = self.credited(entry, maker, shipments, asked)
            result = replace(
                result, saved=result.saved + saved, repaid=result.repaid + repaid, sold=result.sold + sold
            )
        return result

    def parts_of_day(self, maker: str, day: date) -> Iterator[tuple[str, str, float, float]]:
        """Product, origin, worth and share of its duty that reaches the maker, of the parts of one day."""
        facts = self.facts
        built = facts.per_day(maker, BUILT, "US", day)
        for origin in facts.origins(maker, "imported_parts") if built else ():
            listed = built * facts.level(maker, "imported_parts", origin, day)
            theirs = facts.level(maker, "supplier_parts_share", "US", day)
            passed = facts.level(maker, "supplier_pass_share", "US", day)
            borne = (1 - theirs) + theirs * passed
            yield "listed_part", origin, listed, borne
            for line in ("certified", "general"):
                ratio = facts.level(maker, f"{line}_parts_ratio", "US", day)
                yield f"{line}_part", origin, listed * ratio, borne
        for origin in facts.origins(maker, "service_parts"):
            sold = facts.per_day(maker, SALES, "US", day)
            yield "service_part", origin, sold * facts.level(maker, "service_parts", origin, day), 1.0

    def parts(self, maker: str, day: date, purses: list[float]) -> tuple[float, float]:
        """Duty on one day's parts that reaches the maker, and its part of the offset drawn from `purses`."""
        facts, policy = self.facts, self.policy
        built = facts.per_day(maker, BUILT, "US", day)
        owed = offset = 0.0
        due: dict[str, float] = defaultdict(float)
        due_of_maker: dict[str, float] = defaultdict(float)
        for product, origin, worth, borne in self.parts_of_day(maker, day):
            owed += borne * worth * self.rate(maker, origin, product, day)
            for measure in {entry.measure for entry in policy.offset}:
                duty = worth * self.rate(maker, origin, product, day, only=measure)
                due[measure] += duty
                due_of_maker[measure] += borne * duty
        if not built:
            return owed, offset
        share = {measure: due_of_maker[measure] / due[measure] for measure in due if due[measure]}
        for measure in due:
            due[measure] *= facts.level(maker, "offset_uptake", "US", day)
        # what lapses is used before what keeps
        for k, entry in sorted(enumerate(policy.offset), key=lambda p: (p[1].carry_forward, p[1].end)):
            stands = not any(
                other.measure == entry.measure
                and other.accrues_on == entry.accrues_on
                and other.layer > entry.layer
                and other.start <= day <= other.end
                for other in policy.offset
            )
            if entry.start <= day <= entry.end and stands:
                worth = facts.level(maker, "msrp", "US", day)
                if entry.accrues_on == "engines":
                    rows = facts.rows.get((maker, "us_engines_value", "US"))
                    worth = facts.level(maker, "us_engines_value", "US", day) if rows else 0.0
                purses[k] += entry.rate * built * worth
            if entry.usable_from <= day:
                drawn = min(due[entry.measure], purses[k])
                purses[k] -= drawn
                due[entry.measure] -= drawn
                offset += drawn * share.get(entry.measure, 0.0)
            if day == entry.end and not entry.carry_forward:
                purses[k] = 0.0
        return owed, offset

    # ------------------------------------------------------------------ credits

    def credited(
        self, entry: Credit, maker: str, shipments: list[Shipment], asked: periods.Period
    ) -> tuple[float, float, float]:
        """What one credit saves, what is clawed back, what is sold; marks in `shipments` what it paid for."""
        home = self.facts.makers[maker]["home"]
        if entry.makers == "home" and not {"*", home} & set(entry.origin):
            return 0.0, 0.0, 0.0
        saved = before_claw = sold = balance = 0.0
        for year in range(entry.start.year, asked.end.year + 1):
            balance += self.entitlement(entry, maker, year)
            wanting = []
            for one in shipments:
                covered = (
                    one.day.year == year
                    and entry.start <= one.day <= entry.end
                    and one.product in entry.product
                    and (one.origin in entry.origin or "*" in entry.origin)
                )
                gain = (one.rate - entry.rate) * one.worth  # USD saved by the whole shipment
                if covered and gain > 1e-9 * one.worth:
                    amount = one.units if entry.unit == "vehicles" else one.worth
                    wanting.append((gain / amount, amount, one))
            for group in self.queue(wanting, entry.order):
                need = sum(amount * one.left for _, amount, one in group)
                share = min(1.0, balance / need) if need else 0.0
                balance -= share * need
                for gain, amount, one in group:
                    spared = share * one.left * amount * gain
                    saved += spared * (asked.start <= one.day <= asked.end)
                    if entry.claw_back_on and one.day < entry.claw_back_on:
                        before_claw += spared
                    one.left -= share * one.left
            if entry.unused == "sell" and asked.start <= date(year, 12, 31) <= asked.end:
                sold += balance * entry.price_usd
            if entry.unused != "carry_over":
                balance = 0.0
        repaid = 0.0
        if entry.claw_back_on and asked.start <= entry.claw_back_on <= asked.end:
            repaid = before_claw * self.shortfall(entry, maker)
        return saved, repaid, sold

    @staticmethod
    def queue(wanting: list, order: str) -> Iterator[list]:
        """Shipments in the order in which they are served; equals are served alike."""
        group: list = []
        for one in sorted(wanting, key=lambda cell: -cell[0]):
            if order == "highest_duty_first" and group and group[0][0] - one[0] > 1e-9 * group[0][0]:
                yield group
                group = []
            group.append(one)
        if group:
            yield group

    def entitlement(self, entry: Credit, maker: str, year: int) -> float:
        """Vehicles, or USD of customs value, that a year earns."""
        open_days = list(days(max(entry.start, date(year, 1, 1)), min(entry.end, date(year, 12, 31))))
        of_year = len(open_days) / year_days(year)
        if entry.granted:
            return entry.multiple * entry.granted.get(maker, 0.0) * of_year
        variable = entry.earned_by
        if not self.facts.origins(maker, variable):
            return 0.0
        if variable.endswith("_units"):
            now = sum(self.facts.per_day(maker, variable, "US", day) for day in open_days)
        else:
            now = sum(self.facts.level(maker, variable, "US", day) for day in open_days) / year_days(year)
        if entry.above is not None:
            now = max(now - self.facts.over(maker, variable, "US", entry.above) * of_year, 0.0)
        return entry.per_unit * now

    def shortfall(self, entry: Credit, maker: str) -> float:
        """Share of the promised growth of US output that had not come by the day before."""
        promised = entry.granted.get(maker, 0.0)
        if promised == 0:
            return 0.0
        now = self.facts.over(maker, BUILT, "US", str((entry.claw_back_on - ONE_DAY).year))
        grown = now - self.facts.over(maker, BUILT, "US", entry.grown_since)
        return min(max(1 - grown / promised, 0.0), 1.0)
