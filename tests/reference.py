"""The bill again, the slow and plain way: one day, one maker, one origin at a time.

Nothing here uses the package's arrays. Facts come from the CSV files, policies from their validated
entries, and every rule is written out where it is applied.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from datetime import date, timedelta
from functools import cache
from pathlib import Path

from tariffmodel import periods
from tariffmodel.policy import Policy

LEVELS = ("customs_value", "us_content_share", "light_truck_share", "imported_parts", "msrp")


class Reference:
    def __init__(self, data: Path) -> None:
        self.rows = defaultdict(list)
        for name in ("volumes", "contribution", "estimates"):
            with (data / "facts" / f"{name}.csv").open(encoding="utf-8") as lines:
                for row in csv.DictReader(lines):
                    if row["selected"] == "true":
                        span = periods.parse(row["period"])
                        key = row["maker"], row["variable"], row["origin"]
                        self.rows[key].append((span.start, span.end, float(row["value"])))
        with (data / "companies" / "makers.csv").open(encoding="utf-8") as lines:
            self.makers = {row["maker"]: row for row in csv.DictReader(lines)}
        self.read = cache(self._read)
        self.origins = cache(self._origins)
        self.score = cache(self._score)
        self.shares: dict = {}

    def _read(self, maker: str, variable: str, origin: str, day: date) -> tuple[float, int]:
        """Value and length in days of the row that speaks for a day."""
        rows = self.rows[maker, variable, origin]
        if not rows:
            raise KeyError((maker, variable, origin))
        covering = [row for row in rows if row[0] <= day <= row[1]]
        if covering:
            start, end, value = min(covering, key=lambda row: row[1] - row[0])
        elif earlier := [row for row in rows if row[1] < day]:
            start, end, value = max(earlier, key=lambda row: row[1])
        else:
            start, end, value = min(rows, key=lambda row: row[0])
        return value, (end - start).days + 1

    def level(self, maker: str, variable: str, origin: str, day: date) -> float:
        return self.read(maker, variable, origin, day)[0]

    def per_day(self, maker: str, variable: str, origin: str, day: date) -> float:
        value, days = self.read(maker, variable, origin, day)
        return value / days

    def _origins(self, maker: str, variable: str) -> list[str]:
        return sorted({o for m, v, o in self.rows if m == maker and v == variable and self.rows[m, v, o]})

    # ------------------------------------------------------------------ rates

    @staticmethod
    def _in_force(entries, origin: str, product: str, day: date):
        best = None
        for entry in entries:
            if (
                entry.start <= day <= entry.end
                and product in entry.product
                and (origin in entry.origin or "*" in entry.origin)
            ):
                rank = (entry.layer, "*" not in entry.origin)
                if best is None or rank > best[0]:
                    best = rank, entry
        return best[1] if best else None

    def rate(
        self, policy: Policy, maker: str, origin: str, product: str, day: date, only: str | None = None
    ) -> float:
        """Duty on one dollar of customs value; with `only`, the part of it that one measure makes."""
        q = u = 0.0
        if origin in ("MX", "CA"):
            q = self.level(maker, f"usmca_share_{product}", origin, day)
            u = 0.0 if product == "part" else self.level(maker, "us_content_share", origin, day)
        ordinary = self._in_force([m for m in policy.mfn if not m.usmca], origin, product, day).rate
        preference = self._in_force([m for m in policy.mfn if m.usmca], origin, product, day)
        preferred = preference.rate if preference else ordinary
        duty = 0.0 if only else (1 - q) * ordinary + q * preferred
        charges = [*policy.additional, *policy.relief]
        for measure in {entry.measure for entry in charges}:
            entry = self._in_force([e for e in charges if e.measure == measure], origin, product, day)
            if entry is None or (only and measure != only):
                continue
            treatment = getattr(entry, "usmca", "full")
            if hasattr(entry, "slope"):
                charge = min(
                    max(entry.base - entry.slope * self.earned(entry, maker), entry.floor), entry.cap
                )
            else:
                charge = entry.rate
            on_ordinary = max(charge - ordinary, 0) if entry.basis == "inclusive" else charge
            on_preferred = max(charge - preferred, 0) if entry.basis == "inclusive" else charge
            if getattr(entry, "quota_rate", None) is not None:
                share = self.quota_share(entry, day.year)
                inside = entry.quota_rate
                inside = max(inside - ordinary, 0) if entry.quota_basis == "inclusive" else inside
                on_ordinary = share * inside + (1 - share) * on_ordinary
            kept = {"full": 1.0, "non_us_content": 1 - u, "exempt": 0.0}[treatment]
            duty += (1 - q) * on_ordinary + q * kept * on_preferred
        return duty

    def quota_share(self, entry, year: int) -> float:
        key = repr(entry), year
        if key not in self.shares:
            self.shares[key] = self._quota_share(entry, year)
        return self.shares[key]

    def _quota_share(self, entry, year: int) -> float:
        arriving, day = 0.0, date(year, 1, 1)
        while day.year == year:
            if entry.start <= day <= entry.end:
                for maker in self.makers:
                    for origin in self.origins(maker, "us_import_units"):
                        if origin in entry.origin:
                            units = self.per_day(maker, "us_import_units", origin, day)
                            trucks = self.level(maker, "light_truck_share", origin, day) if units else 0.0
                            arriving += units * (
                                (1 - trucks) * ("car" in entry.product)
                                + trucks * ("light_truck" in entry.product)
                            )
            day += timedelta(days=1)
        opens = max(entry.quota_counted_from or entry.start, date(year, 1, 1))
        days = (date(year, 12, 31) - opens).days + 1
        quota = (
            entry.quota_units_per_year
            * days
            / (date(year, 12, 31) - date(year, 1, 1) + timedelta(days=1)).days
        )
        return min(1.0, quota / arriving) if arriving else 1.0

    # ------------------------------------------------------------------ contribution

    def earned(self, entry, maker: str) -> float:
        if self.makers[maker]["home"] not in entry.origin and "*" not in entry.origin:
            return 0.0
        home = self.makers[maker]["home"]
        pool = tuple(
            m for m, row in self.makers.items() if row["home"] == home and not row["consolidated_in"]
        )
        weights = tuple((name, metric.weight, metric.target) for name, metric in entry.score.items())
        return entry.firm_weight * self.score((maker,), weights, entry.year) + (
            1 - entry.firm_weight
        ) * self.score(pool, weights, entry.year)

    def _score(self, makers: tuple[str, ...], weights, year: str) -> float:
        span = periods.parse(year)
        days = (span.end - span.start).days + 1

        def total(variable: str) -> float:
            return sum(
                self.per_day(m, variable, o, span.start) * days
                if variable.endswith("_units")
                else self.level(m, variable, o, span.start)
                for m in makers
                for o in self.origins(m, variable)
            )

        sold, built, exported, imported = (
            total(v) for v in ("us_sales_units", "us_production_units", "us_export_units", "us_import_units")
        )
        if sold == 0:
            return 0.0
        metric = {
            "local_build_share": min(max((built - exported) / sold, 0), 1),
            "production_ratio": built / sold,
            "export_ratio": exported / imported if imported else float("inf"),
            "jobs_intensity": 1000 * total("us_employment") / sold,
            "investment_intensity": total("us_investment_cumulative") / sold,
        }
        return sum(weight * min(metric[name] / target, 1) for name, weight, target in weights)

    # ------------------------------------------------------------------ bill

    def bill(self, policy: Policy, period: str) -> dict[str, float]:
        asked = periods.parse(period)
        first = min([asked.start, *(entry.start for entry in policy.offset)])
        out = {}
        for maker in self.makers:
            duty, balance = 0.0, 0.0
            day = first
            while day <= asked.end:
                inside = asked.start <= day
                if inside:
                    for origin in self.origins(maker, "us_import_units"):
                        units = self.per_day(maker, "us_import_units", origin, day)
                        if units == 0:
                            continue
                        worth = units * self.level(maker, "customs_value", origin, day)
                        trucks = self.level(maker, "light_truck_share", origin, day)
                        duty += worth * (1 - trucks) * self.rate(policy, maker, origin, "car", day)
                        if trucks:
                            duty += worth * trucks * self.rate(policy, maker, origin, "light_truck", day)
                built = self.per_day(maker, "us_production_units", "US", day)
                if built:
                    due = 0.0
                    for origin in self.origins(maker, "imported_parts"):
                        worth = built * self.level(maker, "imported_parts", origin, day)
                        if inside:
                            duty += worth * self.rate(policy, maker, origin, "part", day)
                        for measure in {entry.measure for entry in policy.offset}:
                            due += worth * self.rate(policy, maker, origin, "part", day, only=measure)
                    for entry in policy.offset:
                        if entry.start <= day <= entry.end:
                            balance += entry.rate * built * self.level(maker, "msrp", "US", day)
                    if any(entry.usable_from <= day for entry in policy.offset):
                        drawn = min(due, balance)
                        balance -= drawn
                        duty -= drawn * inside
                day += timedelta(days=1)
            out[maker] = duty
        return out
