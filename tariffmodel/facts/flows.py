"""On which days did the vehicles of a month, a quarter or a year move?

A row of vehicles gives a sum over its days. Every day belongs to the shortest row that holds it; what a
longer row has beyond the shorter ones within it goes to the days that are left, so that months add up to
their quarter and their year. Within a month days are alike. Over months

- a year is spread by the official months of its origin, or of all origins where there are none, see
  `official`; vehicles built or sold in the US, of which no official months are at hand, evenly;
- where the official year is not over, by the mean pace of each month in the maker's earlier years;
- where rows hold a part of a year only, the rest follows from what that part usually is and from the year
  before, see `seasons`; it moves at that mean pace;
- a year without rows has the pace of days of the nearest earlier year, failing that of the nearest later
  one, and that mean pace of months.

What no row holds is a forecast, and its range is one: 80% of what may be (`seasons.ends`), and the range of
the figures that it rests on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import seasons, trade
from tariffmodel.facts.faults import FLOWS, IMPORTS, KEY, ROUNDING
from tariffmodel.facts.protected import kept_with, kept_with_files
from tariffmodel.facts.tables import QUALITY, Facts

# how the vehicles of a day were found, best first
BASIS = ("own", "official", "mean", "projected", "carried")
_OWN, _OFFICIAL, _MEAN, _PROJECTED, _CARRIED = range(len(BASIS))
_GRAIN = 2.0**-24  # of a vehicle
_AHEAD = 4  # years beyond the last row that are laid out at once

Key = tuple[str, str, str]


@dataclass(frozen=True)
class Courses:
    """Vehicles of K keys up to each of G + 1 days, between which they move evenly.

    `until` is (3, K, G + 1): central, low, high. `quality` indexes `QUALITY` and `basis` `BASIS`, both
    (G, K).
    """

    place: dict[Key, int]
    days: np.ndarray
    until: np.ndarray
    quality: np.ndarray
    basis: np.ndarray

    def over(
        self, keys: Sequence[Key], first: np.ndarray, last: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Vehicles (3, S, keys), their quality and basis (S, keys), over spans from `first` to `last`.

        >>> import tariffmodel as tm
        >>> laid, key = courses(tm.facts.load(), 2025, 2025), ("Toyota", "us_sales_units", "US")
        >>> spans = [tm.periods.parse(label) for label in ("2025H1", "2025H2", "CY2025")]
        >>> first, last = (np.array([getattr(s, end).toordinal() for s in spans]) for end in ("start", "end"))
        >>> one, two, year = laid.over([key], first, last)[0][0, :, 0]
        >>> bool(np.isclose(one + two, year))
        True
        """
        chosen = np.array([self.place[key] for key in keys], dtype=int)
        until, ends = self.until[:, chosen], []
        for day in (first, last + 1):
            after = np.clip(np.searchsorted(self.days, day, side="right"), 1, len(self.days) - 1)
            part = (day - self.days[after - 1]) / (self.days[after] - self.days[after - 1])
            ends.append(until[..., after - 1] * (1 - part) + until[..., after] * part)
        opens = np.searchsorted(self.days, first, side="right") - 1
        closes = np.searchsorted(self.days, last, side="right")
        slots = np.stack([opens, closes], axis=1).ravel()

        def worst(grades: np.ndarray) -> np.ndarray:
            padded = np.concatenate([grades[:, chosen], np.zeros((1, len(chosen)), dtype=int)])
            return np.asarray(np.maximum.reduceat(padded, slots, axis=0)[::2])

        return np.swapaxes(ends[1] - ends[0], 1, 2), worst(self.quality), worst(self.basis)


def courses(facts: Facts, first: int, last: int) -> Courses:
    """Courses of all vehicles that cover the calendar years `first` to `last`.

    >>> import tariffmodel as tm
    >>> laid = courses(tm.facts.load(), 2025, 2025)
    >>> laid.until.shape == (3, len(laid.place), len(laid.days))
    True
    """
    least, most = _years_of(facts)
    return _courses(facts, min(first, least), max(last, most))


@kept_with
def _years_of(facts: Facts) -> tuple[int, int]:
    """Calendar years that are laid out in any case: those of official months, of rows and some more."""
    rows = facts.selected.loc[facts.selected["variable"].isin(FLOWS), ["start", "end"]]
    known = official(facts).index.get_level_values("year")
    years = [*known, *(day.year for day in rows["start"]), *(day.year + _AHEAD for day in rows["end"])]
    return min(years), max(years)


@kept_with_files
def official(facts: Facts) -> pd.DataFrame:
    """Official months of vehicles imported, of every origin and year of which all twelve were known.

    US customs value of cars and light trucks of an origin, failing that the vehicles that Mexico counts
    out to the US, failing that US customs value of all of HS chapter 87 of the origin; and of new vehicles
    of all origins.

    Returns
    -------
    DataFrame
        Share of the year, 1 to 12 across, by `origin` (``ALL`` for all) and `year`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> shares = official(tm.facts.load())
    >>> before, after = (shares.loc[("ALL", year), [1, 2, 3]].sum() for year in (2024, 2025))
    >>> bool(before < after)  # shipments were brought forward
    True
    """
    customs, counted = trade.in_use(facts, trade.US_IMPORTS), trade.in_use(facts, trade.MEXICO_EXPORTS)
    goods = {
        name: _years(customs[customs["goods"] == name], "value_usd", ["origin"])
        for name in ("vehicle", "car", "light_truck", "chapter_87")
    }
    trucks = goods["light_truck"].reindex(goods["car"].index).fillna(0)
    makes = counted.assign(origin="MX")
    found = [goods["vehicle"], goods["car"] + trucks, _years(makes, "units", ["origin"]), goods["chapter_87"]]
    months = pd.concat([table for table in found if len(table)])
    months = months[~months.index.duplicated()]
    return months.div(months.sum(axis=1), axis=0).astype(float).sort_index()


def _years(rows: pd.DataFrame, figure: str, by: list[str]) -> pd.DataFrame:
    """Sums by month across, of the years that have all twelve."""
    rows = rows[rows["period"].str.fullmatch(r"\d{4}-\d{2}")]
    month = [int(label[5:]) for label in rows["period"]]
    rows = rows.assign(year=[int(label[:4]) for label in rows["period"]], month=month)
    table = rows.pivot_table(figure, [*by, "year"], "month", "sum").reindex(columns=range(1, 13))
    return table.dropna()


@kept_with
def _courses(facts: Facts, first: int, last: int) -> Courses:
    rows = facts.selected[facts.selected["variable"].isin(FLOWS)]
    start, end = (
        np.array([day.toordinal() for day in rows[column]], dtype=int) for column in ("start", "end")
    )
    calendar = _Calendar.of(first, last, [*start, *(end + 1)])
    value = rows["value"].to_numpy(dtype=float)
    low, high = (rows[column].fillna(rows["value"]).to_numpy(dtype=float) for column in ("low", "high"))
    figures = np.stack([value, low, high])
    quality = np.array([QUALITY.index(word) for word in rows["quality"]], dtype=int)

    keys: dict[Key, list[int]] = {}
    for position, key in enumerate(zip(*(rows[column].to_list() for column in KEY), strict=True)):
        keys.setdefault(key, []).append(position)
    alike: dict[tuple[tuple[int, int], ...], list[Key]] = {}  # of the same days: laid out together
    for key, places in keys.items():
        places.sort(key=lambda k: (end[k] - start[k], start[k]))
        alike.setdefault(tuple((int(start[k]), int(end[k])) for k in places), []).append(key)

    shape = len(calendar.length), len(keys)
    amount = np.zeros((3, shape[1], shape[0]))
    grades, bases = np.zeros(shape, dtype=int), np.zeros(shape, dtype=int)
    place: dict[Key, int] = {}
    for spans, names in alike.items():
        here = np.arange(len(place), len(place) + len(names))
        place |= dict(zip(names, here.tolist(), strict=True))
        table = np.array([keys[name] for name in names], dtype=int)
        laid = _Layout(facts, calendar, names, spans, figures[:, table], _paces(facts, names, calendar))
        amount[:, here], row, basis = laid.out()
        worst = np.full(basis.shape, len(QUALITY) - 1)
        grades[:, here] = np.where(basis < _PROJECTED, quality[table].T[row], worst)
        bases[:, here] = basis
    until = np.concatenate([np.zeros((3, shape[1], 1)), np.cumsum(amount, axis=-1)], axis=-1)
    until = np.round(until / _GRAIN) * _GRAIN  # sums of binary fractions are exact: months are their year
    return Courses(place, calendar.days.astype(float), until, grades, bases)


@dataclass(frozen=True)
class _Calendar:
    """Calendar years cut into G stretches that no month and no row divides.

    `month` numbers the month of each stretch from 0; `month_days` (Y, 12) and `year_days` (Y,) are lengths.
    """

    first: int
    days: np.ndarray
    month: np.ndarray
    month_days: np.ndarray

    @classmethod
    def of(cls, first: int, last: int, cuts: Sequence[int]) -> _Calendar:
        """Of the years `first` to `last`, cut at months and on further days."""
        months = [
            date(year, month, 1).toordinal() for year in range(first, last + 1) for month in range(1, 13)
        ]
        months.append(date(last + 1, 1, 1).toordinal())
        days = np.unique([*months, *cuts])
        month = np.searchsorted(months, days[:-1], side="right") - 1
        return cls(first, days, month, np.diff(months).reshape(-1, 12))

    @property
    def length(self) -> np.ndarray:
        return np.diff(self.days)

    @property
    def year(self) -> np.ndarray:
        """Number of the year of each stretch, from 0."""
        return self.month // 12

    @property
    def year_days(self) -> np.ndarray:
        return np.asarray(self.month_days.sum(axis=1))

    def by_month(self, amount: np.ndarray) -> np.ndarray:
        """Sums (n, Y, 12) of stretches (n, G)."""
        first = np.searchsorted(self.month, np.arange(self.month_days.size))
        return np.asarray(np.add.reduceat(amount, first, axis=-1).reshape(len(amount), -1, 12))

    def pace(self, months: np.ndarray) -> np.ndarray:
        """Amounts of months (n, Y, 12) per day, over those of their year; NaN where it has none."""
        total = months.sum(axis=-1, keepdims=True)
        share = np.divide(months, total, out=np.full(months.shape, np.nan), where=total > 0)
        return np.asarray(share / (self.month_days / self.year_days[:, None]))

    def weights(self, pace: np.ndarray) -> np.ndarray:
        """Share (n, G) of its year that each stretch has at a pace of months (n, Y, 12)."""
        weight = pace.reshape(len(pace), -1)[:, self.month] * self.length
        first = np.searchsorted(self.year, np.arange(len(self.year_days)))
        return np.asarray(weight / np.add.reduceat(weight, first, axis=-1)[:, self.year])


@dataclass(frozen=True)
class _Layout:
    """n keys with rows of the same days, the shortest first; `figures` is (3, n, rows)."""

    facts: Facts
    calendar: _Calendar
    names: list[Key]
    spans: tuple[tuple[int, int], ...]
    figures: np.ndarray
    official: np.ndarray  # pace (n, Y, 12), NaN where the year is not known

    def out(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Vehicles (3, n, G), the row that each stretch is of (G,), -1 for none, and `BASIS` (G, n)."""
        at, complete = self.calendar, ~np.isnan(self.official[..., 0])
        even = np.ones(self.official.shape)
        pace = np.where(complete[..., None], self.official, _mean_before(self.official, even))
        amount, row = self._spread(at.weights(pace))
        stated = row >= 0
        years = range(len(at.year_days))
        some, whole = (np.array([how(stated[at.year == y]) for y in years]) for how in (np.any, np.all))
        mine = at.pace(at.by_month(amount[0]))
        mine[:, ~whole] = np.nan
        usual = _mean_before(mine, pace)
        by_official = complete & some
        weight = at.weights(np.where(by_official[..., None], self.official, usual))
        if (some & ~complete).any():
            amount, row = self._spread(weight)

        short = np.array([_within_a_month(*span) for span in self.spans])
        spread = np.where(by_official[:, at.year].T, _OFFICIAL, _MEAN)
        basis = np.where(short[row][:, None], _OWN, spread)
        for year in np.flatnonzero(some & ~whole):
            here = at.year == year
            rest, known = here & ~stated, here & stated
            amount[..., rest] = self._rest(int(year), known, amount, whole) * _shares(weight[:, rest])
            basis[rest] = _PROJECTED
        have = np.flatnonzero(some)
        for year in np.flatnonzero(~some):
            here = at.year == year
            source = have[have < year][-1] if (have < year).any() else have[0]
            total = amount[..., at.year == source].sum(axis=-1) * at.year_days[year] / at.year_days[source]
            spread = seasons.growth_sd(self.facts, int(at.first + year)) * np.sqrt(abs(year - source))
            amount[..., here] = _widened(total, spread)[..., None] * weight[:, here]
            basis[here] = _CARRIED
        return amount, row, basis

    def _rest(self, year: int, known: np.ndarray, amount: np.ndarray, whole: np.ndarray) -> np.ndarray:
        """Vehicles (3, n, 1) of the days of a year that no row holds, from those that rows hold."""
        at = self.calendar
        month = np.bincount(at.month[known] - 12 * year, at.length[known], minlength=12)
        share = month / at.month_days[year]
        before = self.official[:, :year] * (at.month_days[:year] / at.year_days[:year, None])
        there = ~np.isnan(before[..., 0])
        count = there.sum(axis=1)
        theirs = np.where(there, np.nan_to_num(before) @ share, 0.0).sum(axis=1) / np.maximum(count, 1)
        season = seasons.season(
            seasons.series(self.facts), self.names, at.first + year, share, (theirs, count)
        )
        stated = amount[..., known].sum(axis=-1)
        last = np.full(len(self.names), np.nan)
        if year and whole[year - 1]:
            last = amount[0][:, at.year == year - 1].sum(axis=-1)
        value, sd = seasons.year_end(
            stated[0],
            season,
            float(month.sum() / at.year_days[year]),
            last,
            seasons.growth_sd(self.facts, at.first + year),
        )
        low, high = seasons.ends(value, sd, stated[0])
        part = np.divide(stated, stated[0], out=np.ones_like(stated), where=stated[0] > 0)
        rest = np.stack([value, low, high]) - stated[0]
        return np.asarray((rest * part)[..., None])

    def _spread(self, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Vehicles that rows give to stretches (3, n, G), and the row that each is of (G,)."""
        at = self.calendar
        amount = np.zeros((3, *weight.shape))
        row = np.full(len(at.length), -1)
        for number, (start, end) in enumerate(self.spans):
            within = (at.days[:-1] >= start) & (at.days[1:] <= end + 1)
            free = within & (row < 0)
            if not free.any():
                continue
            rest = self.figures[..., number] - amount[..., within & ~free].sum(axis=-1)
            if (over := rest[0] < -ROUNDING * self.figures[0, :, number] - 0.5 * len(self.spans)).any():
                maker, variable, origin = self.names[int(over.argmax())]
                raise DataError(
                    f"{variable} of {maker}, origin {origin}: rows within {date.fromordinal(start)} to "
                    f"{date.fromordinal(end)} add up to more than the row of these days; change both, or "
                    "leave the longer one out"
                )
            rest = np.maximum(rest, 0.0)
            rest[1], rest[2] = np.minimum(rest[1], rest[0]), np.maximum(rest[2], rest[0])
            share = weight[:, free]
            share = np.where(share.sum(axis=-1, keepdims=True) > 0, share, at.length[free])
            amount[..., free] = rest[..., None] * (share / share.sum(axis=-1, keepdims=True))
            row[free] = number
        return amount, row


def _paces(facts: Facts, names: Sequence[Key], calendar: _Calendar) -> np.ndarray:
    """Official pace of each key's months (n, Y, 12); NaN where there is none."""
    shares = official(facts)
    years = range(calendar.first, calendar.first + len(calendar.year_days))
    origins = shares.index.get_level_values("origin")
    by_origin = {
        origin: shares.reindex([(origin, year) for year in years]).to_numpy() for origin in {*origins, "ALL"}
    }
    nothing = np.full((len(years), 12), np.nan)
    found = []
    for _, variable, origin in names:
        own, every = by_origin.get(origin, nothing), by_origin["ALL"]
        found.append(np.where(np.isnan(own), every, own) if variable == IMPORTS else nothing)
    return calendar.pace(np.array(found))


def _mean_before(pace: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
    """Mean pace of the years before each, of the first year where there are none, see `Courses`.

    A year that is not known is NaN and does not count; a key without any has `otherwise`.
    """
    there = ~np.isnan(pace[..., :1])
    total = np.cumsum(np.where(there, pace, 0.0), axis=1)
    count = np.cumsum(there, axis=1)
    before = np.concatenate([np.zeros_like(total[:, :1]), total[:, :-1]], axis=1)
    earlier = np.concatenate([np.zeros_like(count[:, :1]), count[:, :-1]], axis=1)
    opening = np.take_along_axis(pace, there.argmax(axis=1)[:, None], axis=1)
    mean = np.divide(before, earlier, out=np.broadcast_to(opening, pace.shape).copy(), where=earlier > 0)
    return np.where(np.isnan(mean), otherwise, mean)


def _shares(weight: np.ndarray) -> np.ndarray:
    """Weights (n, G) over their sum."""
    total = weight.sum(axis=-1, keepdims=True)
    return np.asarray(
        np.divide(weight, total, out=np.full_like(weight, 1 / weight.shape[1]), where=total > 0)
    )


def _widened(total: np.ndarray, sd: float) -> np.ndarray:
    """Central, low and high (3, n) of a year that another stands in for: both ranges, as if independent."""
    value = total[0]
    low, high = seasons.ends(np.ones(1), np.array([sd]))
    own = np.divide(total[1:], value, out=np.ones_like(total[1:]), where=value > 0) - 1
    down = np.minimum(np.hypot(own[0], 1 - low), 1.0)
    up = np.hypot(own[1], high - 1)
    # where nothing is, or may be, the figures stay as they are
    return np.where(value > 0, np.stack([value, value * (1 - down), value * (1 + up)]), total)


def _within_a_month(start: int, end: int) -> bool:
    first, last = date.fromordinal(start), date.fromordinal(end)
    return (first.year, first.month) == (last.year, last.month)
