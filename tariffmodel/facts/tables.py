"""What do the sources say, which reading is used, and since when was it known?

`load` reads and validates the data folder. Facts are long tables: one row is one figure about one
maker, from one origin, over one period, with its unit, quality and source. Rows that disagree all
stay; the one used carries ``selected = true`` and says why. `Facts.as_known` keeps what was public
on a day. Every file is read through `store`, so what a user has refreshed
or added stands in for what came with the package.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from tariffmodel import files
from tariffmodel.errors import DataError
from tariffmodel.facts import periods, publication, store
from tariffmodel.facts.faults import (
    KEY,
    Fault,
    across_rows,
    conform,
    not_adding_up,
    refuse,
)
from tariffmodel.facts.protected import protected
from tariffmodel.facts.version import Version, data_version

QUALITY = ("reported", "derived", "estimated")  # best first: a result inherits the worst
FACT_FILES = ("volumes", "contribution", "values", "estimates", "aggregates")
OWN = "facts/own.csv"  # the user's rows, where there are any: they go before the bundled ones
OWN_DISCLOSURES = "companies/own_disclosures.csv"  # likewise, beside the bundled ones
LEDGER = "forecasts/ledger.csv"
OWN_LEDGER = "forecasts/own_ledger.csv"  # likewise
COMPANY_NEWS = "events/company_news.csv"
OWN_COMPANY_NEWS = "events/own_company_news.csv"  # likewise
QUOTES = "market/quotes.csv"
OWN_QUOTES = "market/own_quotes.csv"  # likewise
ANNOUNCEMENTS = "watch/announcements.csv"
OWN_ANNOUNCEMENTS = "watch/own_announcements.csv"  # likewise
_SUPERSEDED = f"superseded by a row of data/{OWN}: "
_WHAT_IF = "what-if, in place of "
STATEMENT = ["company", "kind", "period", "said_on"]
_EU = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"
EU_MEMBERS = frozenset(_EU.split())  # their goods are entered as those of the EU


def data_dir(folder: str | Path | None = None) -> Path:
    """Data folder: `folder`, else ``$TARIFFMODEL_DATA``, else the checkout's, else the wheel's.

    Raises
    ------
    DataError
        If the folder does not exist or holds no facts.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> (tm.facts.data_dir() / "codebook.csv").is_file()
    True
    """
    package = Path(__file__).resolve().parents[1]
    asked = folder or os.environ.get("TARIFFMODEL_DATA")
    places = [Path(asked)] if asked else [package.parent / "data", package / "data"]
    for place in places:
        if (place / "facts").is_dir():
            return place
    raise DataError(
        f"{places[0]} is not a data folder (no facts/ in it); "
        "point --data or TARIFFMODEL_DATA at one, or leave both unset for the bundled data"
    )


@dataclass(frozen=True, eq=False, repr=False)
class Facts:
    """Validated tables of one data folder. None is edited in place; `with_values` gives a changed copy.

    Attributes
    ----------
    table : DataFrame
        Every fact row; columns as in ``data/codebook.csv`` plus `file`, `row`, `start`, `end`,
        `known_day` (from which the row was public) and `known_from` ("source", or "usual_lag" where
        no source gives the day). The user's rows have the file ``data/facts/own.csv``.
    makers : DataFrame
        One row per listed maker, indexed by `maker`.
    financials, disclosures : DataFrame
        Company figures, long form; financials with `known_day` and `known_from` as above.
    lags : DataFrame
        After how many days a figure usually becomes public, see `publication`.
    folder : Path
    day : date, optional
        Where it is given, the facts hold what was known on this day, see `as_known`.
    unknown : mapping
        (maker, variable, origin) of which nothing was known on `day`, and the first day on which it was.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> len(known.selected) == known.table["selected"].sum()
    np.True_
    >>> [table.index.name for table in (known.fx, known.prices, known.instruments, known.markets)]
    ['date', 'date', 'ticker', 'market']
    >>> known.as_of == known.fx.index[-1].date(), known.version.changed, known.overlay.is_dir()
    (True, False, True)
    >>> len(known.readings["Toyota", "us_sales_units", "US"]) > 1
    True
    """

    table: pd.DataFrame
    makers: pd.DataFrame
    financials: pd.DataFrame
    disclosures: pd.DataFrame
    lags: pd.DataFrame
    folder: Path
    day: date | None = None
    unknown: Mapping[tuple[str, str, str], date] = field(default_factory=dict)
    kept: dict[Any, Any] = field(default_factory=dict, init=False)  # what was computed from them
    kept_of_files: dict[Any, Any] = field(default_factory=dict)  # likewise; changed copies share it

    def __post_init__(self) -> None:
        for name in ("table", "makers", "financials", "disclosures", "lags"):
            object.__setattr__(self, name, protected(getattr(self, name)))

    def __repr__(self) -> str:
        known = f", as known on {self.day}" if self.day else ""
        return f"Facts({len(self.table)} rows, {len(self.makers)} makers, {self.folder}{known})"

    def as_known(self, day: date) -> Facts:
        """What was public on a day: the figures, statements, exchange rates and prices up to it.

        A reading that was set aside for a better one does not stand in where that one was not known yet:
        the nearest period of which the reading in use was known is carried, see `resolve`. Only a bundled
        row that a row of the user's superseded is in use again on days before that.

        >>> import tariffmodel as tm
        >>> then = tm.facts.load().as_known(date(2025, 6, 30))
        >>> then.as_of.isoformat(), bool((then.table["known_day"] <= "2025-06-30").all())
        ('2025-06-30', True)
        """
        day = min(day, self.day or day)
        last = pd.Timestamp(day)
        table = combine([self.table[self.table["known_day"] <= last]], self.lags)
        said = publication.last_day(self.disclosures["said_on"])
        there = set(table.loc[table["selected"], KEY].itertuples(index=False, name=None))
        first = self.selected.groupby(KEY)["known_day"].min()
        later: dict[Any, date] = {key: when.date() for key, when in first.items() if key not in there}
        kept = replace(
            self,
            table=table,
            financials=self.financials[self.financials["known_day"] <= last],
            disclosures=self.disclosures[said <= last],
            day=day,
            unknown={**self.unknown, **later},
        )
        vars(kept)["overlay"] = self.overlay  # the state that these facts were loaded from
        return kept

    @cached_property
    def overlay(self) -> Path:
        """Snapshot over the data folder when the facts were loaded, see `store`.

        What is read later, such as prices, is of the same state. `dataclasses.replace` gives a copy
        that reads the state of now.
        """
        return store.overlay(self.folder)

    @cached_property
    def version(self) -> Version:
        """State of the data folder that the facts come from, and whether figures of it were changed."""
        changed = self.table["selection_reason"].str.startswith(_WHAT_IF, na=False).any()
        return replace(data_version(self.folder, self.overlay), changed=bool(changed))

    @cached_property
    def selected(self) -> pd.DataFrame:
        """Rows in use, one per maker, variable, origin and period."""
        return protected(self.table[self.table["selected"]].reset_index(drop=True))

    @cached_property
    def fx(self) -> pd.DataFrame:
        """ECB-based fixings, date × pair (`USDJPY` = yen per dollar, `EURUSD` = dollars per euro).

        After a refresh the last rows are Yahoo's quotes; ``attrs["quotes_from"]`` is then their first day,
        and ``attrs["own_from"]`` that of rates of the user's.
        """
        long = self._until(self._panel("market/fx.parquet", "pair", "rate"))
        rates = long.pivot(index="date", columns="pair", values="rate").sort_index()
        if "source" in long:
            fixed = long["source"] == "ECB"
            later = long["date"] > long.loc[fixed, "date"].max()  # a pair without fixings may start earlier
            own = long["source"].str.startswith("own: ")
            for name, of in (("quotes_from", ~own), ("own_from", own)):
                if (later & of).any():
                    rates.attrs[name] = f"{long.loc[later & of, 'date'].min():%Y-%m-%d}"
        return protected(rates)

    @cached_property
    def prices(self) -> pd.DataFrame:
        """Adjusted closes in listing currency, date × ticker; the last value is a traded price."""
        return protected(self._prices("adj_close"))

    @cached_property
    def opens(self) -> pd.DataFrame:
        """Opens, adjusted by the factor of the day's close; no column for lines that have none.

        >>> import tariffmodel as tm
        >>> known = tm.facts.load()
        >>> bool(known.opens.columns.isin(known.prices.columns).all())
        True
        """
        return protected(self._prices("open").dropna(axis=1, how="all"))

    def _prices(self, column: str) -> pd.DataFrame:
        path = files.regular(in_use(self.folder, self.overlay, "market/prices.parquet"))
        with files.reading(path, files.RESTORE):
            there = set(pq.read_schema(path).names)
            read = ["date", "ticker", "adj_close", *(["open", "close"] if column == "open" else [])]
        long = files.parquet(
            path, *read[:3], columns=[name for name in read if name in there], read_dictionary=["ticker"]
        )
        rows = self._until(long)
        if column == "open":  # open and close of a row are in one unit, whatever was adjusted since
            traded = rows["open"] / rows["close"] if "open" in rows else np.nan
            rows = rows.assign(open=rows["adj_close"] * traded)
        names = rows["ticker"].astype("category").cat.remove_unused_categories()
        tickers = pd.Index(names.cat.categories.astype("str"), name="ticker")
        order = tickers.argsort()
        days, at = np.unique(rows["date"].to_numpy(), return_inverse=True)
        wide = np.full((len(days), len(tickers)), np.nan)
        wide[at, np.argsort(order)[names.cat.codes]] = rows[column]
        return pd.DataFrame(wide, pd.DatetimeIndex(days, name="date"), tickers[order])

    @cached_property
    def price_records(self) -> pd.DataFrame:
        """Closes of public records beside `prices`, one row per line, day and record, see its SOURCE.md.

        >>> import tariffmodel as tm
        >>> {"date", "ticker", "record", "close"} <= set(tm.facts.load().price_records)
        True
        """
        return protected(self._until(self._panel("market/price_records.parquet", "ticker", "record")))

    def _panel(self, name: str, *columns: str) -> pd.DataFrame:
        return files.parquet(in_use(self.folder, self.overlay, name), "date", *columns)

    def _until(self, dated: pd.DataFrame) -> pd.DataFrame:
        return dated if self.day is None else dated[dated["date"] <= pd.Timestamp(self.day)]

    @cached_property
    def instruments(self) -> pd.DataFrame:
        """One row per ticker: name, market, calendar, currency, role."""
        path = in_use(self.folder, self.overlay, "market/instruments.csv")
        return protected(files.csv(path, typed=True).set_index("ticker"))

    @cached_property
    def markets(self) -> pd.DataFrame:
        """One row per market: exchange calendar, currency, benchmark index."""
        path = in_use(self.folder, self.overlay, "market/markets.csv")
        return protected(files.csv(path, typed=True).set_index("market"))

    @cached_property
    def shared_errors(self) -> pd.DataFrame:
        """One row per input of the bill: how much of its error makers share, see `uncertainty.total`.

        >>> import tariffmodel as tm
        >>> bool(tm.facts.load().shared_errors["loading"].between(0, 1).all())
        True
        """
        path = in_use(self.folder, self.overlay, "facts/shared_errors.csv")
        return protected(files.csv(path, typed=True).set_index("input"))

    @cached_property
    def refunded(self) -> pd.DataFrame:
        """Void duty that companies paid and got back, as far as it was known on `day`.

        >>> import tariffmodel as tm
        >>> bool((tm.facts.load().refunded["value"] > 0).all())
        True
        """
        path = in_use(self.folder, self.overlay, "companies/refunded.csv")
        rows = files.csv(path, typed=True, dtype={"said_on": str})
        if self.day is not None:
            rows = rows[publication.last_day(rows["said_on"]) <= pd.Timestamp(self.day)]
        return protected(rows)

    @cached_property
    def forecasts(self) -> pd.DataFrame:
        """Frozen predictions, the bundled ones and the user's, in the order in which they were made.

        >>> import tariffmodel as tm
        >>> tm.facts.load().forecasts["made_on"].is_monotonic_increasing
        True
        """
        places = [self.folder / LEDGER, self.overlay / OWN_LEDGER]
        text = {
            "code": "str",
            "digest": "str",
            "version": "str",
        }  # a digest may be digits alone, or like 12e5
        held = [
            files.csv(place, typed=True, parse_dates=["made_on"], dtype=text)
            for place in places
            if place.is_file()
        ]
        if not held:
            raise DataError(f"{places[0]} is missing; restore it or point --data elsewhere")
        rows = pd.concat([one for one in held if len(one)] or held[:1], ignore_index=True)
        if self.day is not None:
            rows = rows[rows["made_on"] <= pd.Timestamp(self.day)]
        return protected(rows.sort_values("made_on", kind="stable", ignore_index=True))

    @cached_property
    def as_of(self) -> date:
        """Last day of the exchange rates, or of prices that are newer: the default of questions."""
        last: pd.Timestamp = max(self.fx.index[-1], self.prices.index[-1])
        return last.date()

    def hidden(self, day: date) -> str:
        """What is stored and not used in results as of a day, in words; empty where nothing is.

        >>> import tariffmodel as tm
        >>> known = tm.facts.load()
        >>> known.hidden(known.as_of), known.hidden(date(2025, 6, 30)).endswith(" are not used")
        ('', True)
        """
        last, held = pd.Timestamp(day), self if self.day is None else replace(self, day=None)
        later = held.prices.loc[held.prices.index > last].dropna(axis=1, how="all")
        rates = held.fx.loc[held.fx.index > last]
        said = []
        if not later.empty:
            said.append(f"prices of {later.shape[1]} lines up to {later.index[-1]:%Y-%m-%d}")
        if not rates.empty:
            said.append(f"exchange rates up to {rates.index[-1]:%Y-%m-%d}")
        return f"as of {day}, {' and '.join(said)} are not used" if said else ""

    @cached_property
    def readings(self) -> dict[tuple[str, str, str], list[int]]:
        """Positions in `selected` of every (maker, variable, origin)."""
        places: dict[tuple[str, str, str], list[int]] = {}
        for position, key in enumerate(
            zip(*(self.selected[column].to_list() for column in KEY), strict=True)
        ):
            places.setdefault(key, []).append(position)
        return places

    def figure(self, metric: str, *, latest: bool = False) -> pd.Series:
        """Company figures of one kind, such as ``operating_profit``, by company.

        Those of the last fiscal year before the tariff, or with `latest` of the newest that is over.

        >>> import tariffmodel as tm
        >>> profit = tm.facts.load().figure("operating_profit")
        >>> profit.index.name, bool(profit["Toyota"] > profit["Subaru"])
        ('company', True)
        """
        return self._figures(metric, latest)["value"]

    def fiscal_year(self, metric: str, *, latest: bool = False) -> pd.Series:
        """Label of the year, or of the day, that `figure` is of, by company.

        >>> import tariffmodel as tm
        >>> tm.facts.load().fiscal_year("operating_profit")["Toyota"]
        'FY2025-03'
        """
        return self._figures(metric, latest)["period"]

    def _figures(self, metric: str, latest: bool) -> pd.DataFrame:
        in_use = self.financials["latest" if latest else "selected"]
        return self.financials[in_use & (self.financials["metric"] == metric)].set_index("company")

    def with_values(
        self,
        values: Mapping[tuple[str, str, str], float | Callable[[float], float]],
        period: str | None = None,
    ) -> Facts:
        """A copy in which some selected figures are others: a what-if.

        Low and high move in proportion, as far as the unit allows, and the figure counts as estimated.

        Parameters
        ----------
        values : mapping of (maker, variable, origin) to number or function
            The new figure, in the unit of the old one, or what makes it from the old one.
        period : str, optional
            Only figures whose days lie within it, such as ``CY2025``. Default: all of the key.

        Raises
        ------
        DataError
            If a key has no selected figure, or none in the period; if a new figure is one that no table
            may hold: below 0, above 1 for a fraction, infinite or missing.

        Examples
        --------
        >>> import tariffmodel as tm
        >>> known = tm.facts.load()
        >>> doubled = known.with_values({("Subaru", "us_import_units", "JP"): lambda units: 2 * units})
        >>> asked = tm.case(data=doubled)
        """
        from tariffmodel.facts.schemas.model import (  # slow to import: `load` has done so
            BOUNDS,
            bounds,
            in_bounds,
        )

        table = self.table.copy()
        span = periods.parse(period) if period else None
        for (maker, variable, origin), new in values.items():
            chosen = table["selected"]
            for column, wanted in zip(KEY, (maker, variable, origin), strict=True):
                chosen = chosen & (table[column] == wanted)
            if span:
                chosen = chosen & (table["start"] >= span.start) & (table["end"] <= span.end)
            if not chosen.any():
                raise DataError(
                    f"no selected row for {variable} of {maker}, origin {origin}"
                    + (f", within {period}" if period else "")
                    + "; a what-if changes figures that are there"
                )
            held: Any  # a figure of the table
            for row in table.index[chosen]:
                held = table.at[row, "value"]
                old = float(held)
                value = float(new(old)) if callable(new) else float(new)
                scale = value / old if old else float("nan")
                for end in ("low", "high"):
                    held = table.at[row, end]
                    table.at[row, end] = held * scale if old else value
                table.at[row, "value"] = value
                table.at[row, "quality"] = "estimated"
                table.at[row, "selection_reason"] = f"{_WHAT_IF}{old:.10g}"
            rows = table[chosen]
            wrong = rows[~in_bounds(rows["value"], rows["unit"])]
            if len(wrong):
                label, value, unit = wrong[["period", "value", "unit"]].iloc[0]
                raise DataError(
                    f"{variable} of {maker}, origin {origin}, {label}: the what-if is {value:.10g} {unit}; "
                    f"expected {BOUNDS}"
                )
            table.loc[chosen, "high"] = np.minimum(rows["high"], bounds(rows["unit"])[1])
        changed = replace(self, table=table)
        changed.__dict__["overlay"] = self.overlay
        return changed

    def origins(self, maker: str, variable: str) -> list[str]:
        """Origins for which a maker has a selected reading, or has one only after `day`, which is refused.

        >>> import tariffmodel as tm
        >>> "JP" in tm.facts.load().origins("Toyota", "us_import_units")
        True
        """
        return list(self._origins.get((maker, variable), ()))

    @cached_property
    def _origins(self) -> dict[tuple[str, str], list[str]]:
        found: dict[tuple[str, str], list[str]] = {}
        for maker, variable, origin in sorted({*self.readings, *self.unknown}):
            found.setdefault((maker, variable), []).append(origin)
        return found

    @cached_property
    def _arrays(self) -> dict[str, np.ndarray]:
        """The columns of `selected` that `resolve` computes with."""
        rows = self.selected
        value = rows["value"].to_numpy(dtype=float)
        return {
            "start": np.array([day.toordinal() for day in rows["start"]]),
            "end": np.array([day.toordinal() for day in rows["end"]]),
            "value": value,
            "low": rows["low"].fillna(rows["value"]).to_numpy(dtype=float),
            "high": rows["high"].fillna(rows["value"]).to_numpy(dtype=float),
            "quality": np.array([QUALITY.index(q) for q in rows["quality"]]),
        }


def load(folder: str | Path | None = None) -> Facts:
    """Read and validate the tables that the model uses.

    Parameters
    ----------
    folder : path, optional
        Data folder, see `data_dir`.

    Raises
    ------
    DataError
        Listing every fault found: file, row, column, value and what was expected.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> known.makers.at["Subaru", "home"]
    'JP'
    """
    place = data_dir(folder)
    overlay = store.overlay(place)
    faults: list[Fault] = []
    names = ["companies/makers.csv", "companies/financials.csv", "companies/disclosures.csv"]
    makers, financials, disclosures = (_read(place, overlay, name, faults) for name in names)
    lags = _read(place, overlay, "facts/usual_lags.csv", faults)
    if (overlay / OWN_DISCLOSURES).is_file():
        disclosures = with_statements(disclosures, _read(place, overlay, OWN_DISCLOSURES, faults))
    tables = [_read(place, overlay, name, faults) for name in _fact_files(overlay)]
    refuse(faults)
    makers = makers.set_index("maker", drop=False).rename_axis(None)
    table = combine(tables, lags)
    refuse(across_rows(table, makers) or not_adding_up(table))
    financials = financials.join(publication.days(financials, lags, "financials"))
    loaded = Facts(table, makers, financials, disclosures, lags, place)
    return loaded if loaded.overlay == overlay else load(folder)  # somebody wrote meanwhile


def check(folder: str | Path | None = None) -> list[Fault]:
    """All faults in every table of the data folder, used by the model or not.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as place:
    ...     (Path(place) / "facts").mkdir()
    ...     {(fault.column, fault.value) for fault in check(place)}
    {('file', 'missing')}
    """
    from tariffmodel.facts.schemas import TABLES

    place = data_dir(folder)
    overlay = store.overlay(place)
    faults: list[Fault] = []
    held = _fact_files(overlay)
    own = [OWN_DISCLOSURES, OWN_LEDGER, OWN_COMPANY_NEWS, OWN_QUOTES, OWN_ANNOUNCEMENTS]
    own = [name for name in own if (overlay / name).is_file()]
    names = dict.fromkeys([*TABLES, *held, *own])
    tables = {name: _read(place, overlay, name, faults) for name in names}
    facts = [tables[name] for name in held]
    makers = tables["companies/makers.csv"]
    if not faults:
        lags = tables["facts/usual_lags.csv"]
        table = combine(facts, lags)
        faults += across_rows(table, makers.set_index("maker")) or not_adding_up(table)
    return faults


def read(facts: Facts, name: str) -> pd.DataFrame:
    """A table that the model does not load, such as ``trade/us_imports.csv``, as `load` reads the others.

    Raises
    ------
    DataError
        Listing every fault found.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> bool((read(tm.facts.load(), "trade/us_imports.csv")["value_usd"] >= 0).all())
    True
    """
    faults: list[Fault] = []
    table = _read(facts.folder, facts.overlay, name, faults)
    refuse(faults)
    return table


def combine(tables: Sequence[pd.DataFrame], lags: pd.DataFrame) -> pd.DataFrame:
    """Fact tables one below the other with their days, see `Facts.table`; the user's rows supersede.

    A selected row of ``facts/own.csv`` takes the place of the bundled row of the same maker,
    variable, origin and days, however the period is written; that one stays, no longer selected.

    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> again = tm.facts.combine([known.table], known.lags)
    >>> again["selected"].equals(known.table["selected"]), {"start", "end", "known_day"} < set(again)
    (True, True)
    """
    table = pd.concat(tables, ignore_index=True)
    spans = [periods.parse(label) for label in table["period"]]
    table = table.assign(start=[s.start for s in spans], end=[s.end for s in spans])
    own = table["file"] == f"data/{OWN}"
    table = table.assign(**publication.days(table, lags, "facts", stands=own))
    reason = table["selection_reason"]
    back = reason.str.startswith(_SUPERSEDED, na=False)  # a table that went through here before
    reason = reason.mask(back, reason.str.removeprefix(_SUPERSEDED))
    selected = table["selected"] | back
    key = pd.MultiIndex.from_frame(table[[*KEY, "start", "end"]])
    gone = selected & ~own & key.isin(key[own & selected])
    return table.assign(
        selected=selected & ~gone,
        selection_reason=reason.mask(gone, _SUPERSEDED + reason.fillna("")),
    )


def with_statements(disclosures: pd.DataFrame, own: pd.DataFrame) -> pd.DataFrame:
    """Disclosures and the user's, which replace those of the same company, kind, period and day.

    >>> said = {"company": "Subaru", "kind": "guidance", "period": "FY2026-03", "said_on": "2025-05-14"}
    >>> bundled, own = pd.DataFrame([said | {"value": 300}]), pd.DataFrame([said | {"value": 310}])
    >>> with_statements(bundled, own)["value"].tolist()
    [310]
    """
    key, mine = (pd.MultiIndex.from_frame(rows[STATEMENT].astype(str)) for rows in (disclosures, own))
    return pd.concat([disclosures[~key.isin(mine)], own], ignore_index=True)


def in_use(folder: Path, overlay: Path, name: str) -> Path:
    """File of a snapshot if it holds one of that name, else the bundled file.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder, TemporaryDirectory() as snapshot:
    ...     _ = (Path(snapshot) / "fx.csv").write_text("", encoding="utf-8")
    ...     found = [in_use(Path(folder), Path(snapshot), name) for name in ("fx.csv", "prices.csv")]
    ...     [path.parent == Path(snapshot) for path in found]
    [True, False]
    """
    if not overlay.is_dir():
        raise DataError(f"{overlay} has been removed since these facts were loaded; load them again")
    return overlay / name if (overlay / name).is_file() else folder / name


def _fact_files(overlay: Path) -> list[str]:
    own = [OWN] if (overlay / OWN).is_file() else []
    return [*(f"facts/{name}.csv" for name in FACT_FILES), *own]


def _read(folder: Path, overlay: Path, name: str, faults: list[Fault]) -> pd.DataFrame:
    """One validated table with `file` and `row` (as a spreadsheet counts) on every row."""
    # slow to import: only when data are read
    from tariffmodel.facts.schemas import TABLES
    from tariffmodel.facts.schemas.companies import DISCLOSURES
    from tariffmodel.facts.schemas.model import FACTS

    path = in_use(folder, overlay, name)
    if not path.is_file():
        faults.append(
            Fault(name, None, "file", "missing", f"a table at {path}; restore it or point --data elsewhere")
        )
        return pd.DataFrame()
    raw = files.parquet(path) if path.suffix == ".parquet" else files.csv(path)
    if name in (OWN, OWN_DISCLOSURES):
        raw = with_dates_apart(raw, name)
    others = {OWN: FACTS, OWN_DISCLOSURES: DISCLOSURES, OWN_LEDGER: TABLES[LEDGER]}
    others |= {OWN_COMPANY_NEWS: TABLES[COMPANY_NEWS], OWN_QUOTES: TABLES[QUOTES]}
    others |= {OWN_ANNOUNCEMENTS: TABLES[ANNOUNCEMENTS]}
    schema = others.get(name) or TABLES[name]
    table = conform(raw, schema, f"data/{name}", faults)
    faults += _unlisted(table, name, folder, overlay)
    return table


def _unlisted(table: pd.DataFrame, name: str, folder: Path, overlay: Path) -> list[Fault]:
    """Cells that must be in the list of another table, and are not."""
    from tariffmodel.facts.schemas.kinds import LISTED, LISTS

    faults = []
    for (file, column), kind in LISTED.items():
        if file != name or column not in table:
            continue
        place = in_use(folder, overlay, LISTS[kind])
        if not place.is_file():
            faults.append(Fault(LISTS[kind], None, "file", "missing", f"a table at {place}; restore it"))
            continue
        known = set(pd.read_csv(place, usecols=[kind], dtype=str, keep_default_na=False)[kind])
        cells = table[column].dropna().astype(str)
        words = cells
        if column == "unit":  # jpy_bn, jpy_per_share
            words = cells.str.extract(r"^([a-z]{3})_(?:bn|per_share)$")[0].str.upper().dropna()
        expected = f"one of {', '.join(sorted(known))}; a row of data/{LISTS[kind]} adds one"
        faults += [
            Fault(f"data/{name}", int(at) + 2, column, cells[at], expected)
            for at in words.index[~words.isin(known)]
        ]
    return faults


def with_dates_apart(raw: pd.DataFrame, name: str) -> pd.DataFrame:
    """The user's rows as they are written now; in older ones one column, `source_date`, was all there was.

    >>> older = pd.DataFrame({"value": [3], "source_date": ["2025-05-14"]})
    >>> list(with_dates_apart(older, OWN)), list(with_dates_apart(older, OWN_DISCLOSURES))
    (['value', 'known_on', 'read_on'], ['value', 'read_on'])
    """
    if "source_date" not in raw:
        return raw
    if name == OWN_DISCLOSURES:
        return raw.rename(columns={"source_date": "read_on"})
    return raw.rename(columns={"source_date": "known_on"}).assign(read_on=None)
