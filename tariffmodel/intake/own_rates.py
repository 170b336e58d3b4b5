"""How do the user's own exchange rates enter the model?

A file is read and checked before anything is written. Rates are kept in the pair of
``market/currencies.csv``; those given the other way round are turned over, and crosses without the dollar
are made from two rates of one file or refused. What is accepted goes into a snapshot of `store`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import Facts, Fault, data_dir, in_use, refuse, store
from tariffmodel.intake.joining import FX_APART, FX_TOLERANCE
from tariffmodel.intake.plausibility import FX_JUMP
from tariffmodel.intake.vendors import read_prices
from tariffmodel.intake.yahoo import FX

__all__ = ["add_rates", "check_rates", "preview_rates", "read_rates"]

_REPEATED = 5  # days with one rate to the last digit that are doubted
_FRIDAY = 4
_PAIR = re.compile(r"([A-Z]{3})[/_. -]?([A-Z]{3})(?: CURNCY| BGN CURNCY|=X|=R|=)?")
_ALONE = re.compile(r"([A-Z]{3})(?: CURNCY| BGN CURNCY|=X|=)")  # of the market's own pair of a currency


def read_rates(
    path: str | Path,
    *,
    pair: str | None = None,
    base: str | None = None,
    sheet: str | None = None,
    date_format: str | None = None,
    encoding: str | None = None,
    decimal: str | None = None,
    folder: Path | None = None,
) -> pd.DataFrame:
    """Exchange rates of a CSV or Excel file, in any layout of `vendors.read_prices`.

    Pairs are named in a column or in headings (``USDJPY``, ``USD/JPY``, ``USDJPY Curncy``, ``JPY=``), by
    `pair`, or by the name of the file where it begins with one (``USD_JPY Historical Data.csv``).

    Parameters
    ----------
    pair : str, optional
        Where the file names none: ``USDJPY`` is yen per dollar.
    base : str, optional
        Headings are currencies, per unit of this one, such as ``EUR`` of a file of the European Central Bank.
    sheet, date_format, encoding, decimal, folder
        See `vendors.read_prices`.

    Returns
    -------
    DataFrame
        `row` of the file, `date`, `pair` as in ``market/currencies.csv``, `rate`. ``attrs["notes"]`` say what
        was turned over, crossed, left out, or told by the name of the file.

    Raises
    ------
    DataError
        Where the layout is not understood, or a pair is not one against the dollar.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import tariffmodel as tm
    >>> given = pd.DataFrame({"Datum": ["16.10.2026"], "Zuletzt": ["150,85"]})
    >>> with TemporaryDirectory() as place:
    ...     given.to_csv(file := Path(place) / "USD_JPY Historische Daten.csv", index=False)
    ...     rates = tm.own_rates.read_rates(file)
    >>> rates[["pair", "rate"]].to_numpy().tolist()
    [['USDJPY', 150.85]]
    """
    file = Path(path).name
    place = folder or data_dir()
    table = pd.read_csv(in_use(place, store.overlay(place), "market/currencies.csv"), keep_default_na=False)
    pairs = dict(zip(table["currency"], table["pair"], strict=True))
    named = re.match(r"([A-Z]{3})[_ /-]?([A-Z]{3})(?![A-Za-z])", file)
    told = named[1] + named[2] if named and {named[1], named[2]} <= set(pairs) else None
    frame = read_prices(
        path,
        ticker=pair or told,
        sheet=sheet,
        date_format=date_format,
        encoding=encoding,
        decimal=decimal,
        adjusted=False,
        folder=folder,
    )
    about, notes = frame.attrs, list(frame.attrs["notes"])
    if told and not pair and set(frame["ticker"]) == {told}:
        notes.append(f"{file}: the pair {told} is told by the name of the file")
    rates = frame[["row", "date", "ticker"]].assign(rate=frame["close"].fillna(frame["adj_close"]))
    if base is None:
        rates["pair"] = rates["ticker"].map(
            {name: _named(name, pairs, file) for name in rates["ticker"].unique()}
        )
    else:
        rates["pair"] = base.upper() + rates["ticker"].str.upper()
        rates = _crossed(rates, base.upper(), file)
        notes.append(
            f"{file}: rates per {base.upper()} are turned into rates against the dollar of the same day"
        )
        both = rates["pair"].str[:3].isin(pairs) & rates["pair"].str[3:].isin(pairs)
        if left := sorted(rates.loc[~both, "pair"].str[3:].unique()):
            notes.append(f"{file}: {', '.join(left)} left out, no currencies of data/market/currencies.csv")
        rates = rates[both]
    rates, turned = _turned(rates, pairs, file)
    notes += [f"{file}: {name} is turned over" for name in turned]
    rates = rates[["row", "date", "pair", "rate"]].reset_index(drop=True)
    rates.attrs = {**about, "notes": notes}
    return rates


def check_rates(rates: pd.DataFrame, facts: Facts, *, replace: bool = False) -> list[Fault]:
    """What is wrong with rates of `read_rates`, and, as warnings, what is doubtful.

    Parameters
    ----------
    replace : bool
        As in `add_rates`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> mine = pd.DataFrame({"row": [2], "date": pd.to_datetime(["2026-10-16"]), "rate": [1.5]})
    >>> mine = mine.assign(pair="USDJPY")
    >>> print(tm.own_rates.check_rates(mine, tm.facts.load())[0].expected.split(";")[0])
    about the stored rates of the same days, of which these are 0.00949
    """
    file = rates.attrs.get("file", "own rates")

    def named(rows: pd.DataFrame, column: str, expected: str, *, warning: bool = False) -> list[Fault]:
        shown = (
            rows[column] if column != "date" else rows["date"].dt.strftime("%Y-%m-%d") + " of " + rows["pair"]
        )
        cells = zip(rows["row"], shown, strict=True)
        return [Fault(file, int(row), column, value, expected, warning) for row, value in cells]

    number = pd.to_numeric(rows := rates["rate"], errors="coerce")
    if faults := named(rates[~(np.isfinite(number) & (number > 0))], "rate", "a number > 0"):
        return faults
    rates = rates.assign(rate=rows.astype(float))
    today = pd.Timestamp(date.today())
    faults += named(rates[rates["date"] > today], "date", f"a day up to today, {today.date()}")
    faults += named(
        rates[rates.duplicated(["pair", "date"], keep=False)], "date", "one rate per pair and day"
    )
    if faults:
        return faults
    weekend = rates[rates["date"].dt.day_of_week > _FRIDAY]
    if len(weekend):
        expected = f"days from Monday to Friday; {len(weekend)} rows of weekends are left out"
        faults += named(weekend[:1], "date", expected, warning=True)
    rates = rates.drop(weekend.index)
    for pair, own in rates.sort_values("date").groupby("pair"):
        faults += _of_pair(own, facts.fx.get(str(pair), pd.Series(dtype=float)).dropna(), replace, named)
    return faults


def _of_pair(
    own: pd.DataFrame, stored: pd.Series, replace: bool, named: Callable[..., list[Fault]]
) -> list[Fault]:
    """Faults and doubts of the rates of one pair beside the stored ones."""
    move = np.log(own["rate"]).diff().abs()
    gap = own["date"].diff().dt.days
    faults = named(
        own[(move > np.log(FX_JUMP)) & (gap <= 7)],
        "rate",
        f"a rate within {FX_JUMP - 1:.0%} of the one before: a typo, or another unit?",
    )
    run = own["rate"].ne(own["rate"].shift()).cumsum()
    length = run.groupby(run).transform("size")
    if (length >= _REPEATED).any():
        days = int(length.max())
        expected = f"a rate that moves: {days} days in a row have this one to the last digit"
        faults += named(own[length == days][:1], "rate", expected, warning=True)
    beside = own.assign(stored=own["date"].map(stored)).dropna(subset="stored")
    if stored.empty:
        return faults
    if beside.empty:
        left = replace and own["date"].min() <= stored.index[0] and own["date"].max() >= stored.index[-1]
        span = f"{stored.index[0].date()} to {stored.index[-1].date()}"
        expected = f"a day that the stored rates have too ({span}), to see that they are of one kind"
        return faults if left else [*faults, *named(own[:1], "date", expected)]
    ratio = beside["rate"] / beside["stored"]
    if abs(ratio.median() - 1) > FX_TOLERANCE:
        expected = (
            f"about the stored rates of the same days, of which these are {ratio.median():.3g}; "
            "is it another pair, turned over, or per 100?"
        )
        return [*faults, *named(beside[:1], "rate", expected)]
    apart = beside[np.abs(np.log(ratio)) > FX_APART]
    expected = f"a rate within {FX_APART:.0%} of the stored one of the day; replace={replace}"
    return faults + named(apart, "rate", expected, warning=True)


def preview_rates(rates: pd.DataFrame, facts: Facts, *, replace: bool = False) -> pd.DataFrame:
    """What adding rates would do, one row per pair.

    Returns
    -------
    DataFrame
        Indexed by pair: `rows`, `first`, `last`, `new_rows` (days without a stored rate), `replaced_rows`,
        `stored_last` (last stored day) and `level_ratio`, the median of own over stored rates of common days.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> mine = known.fx["USDJPY"].tail(3).rename("rate").reset_index().assign(pair="USDJPY", row=[2, 3, 4])
    >>> tm.own_rates.preview_rates(mine, known)[["rows", "new_rows", "level_ratio"]].to_numpy().tolist()
    [[3.0, 0.0, 1.0]]
    """
    rates = rates[rates["date"].dt.day_of_week <= _FRIDAY].sort_values(["pair", "date"])
    stored = facts.fx.melt(ignore_index=False, var_name="pair", value_name="stored").dropna().reset_index()
    beside = rates.astype({"rate": float}).merge(stored, on=["pair", "date"], how="left")
    held = beside["stored"].notna()
    by = beside.assign(held=held, ratio=beside["rate"] / beside["stored"]).groupby("pair")
    return pd.DataFrame(
        {
            "rows": by.size(),
            "first": by["date"].min(),
            "last": by["date"].max(),
            "new_rows": by.size() - by["held"].sum(),
            "replaced_rows": by["held"].sum() * replace,
            "stored_last": stored.groupby("pair")["date"].max().reindex(by.size().index),
            "level_ratio": by["ratio"].median(),
        }
    )


def add_rates(
    facts: Facts,
    path: str | Path,
    *,
    pair: str | None = None,
    base: str | None = None,
    replace: bool = False,
    **reading: Any,
) -> pd.DataFrame:
    """Add the exchange rates of a file to those in use, on days from Monday to Friday.

    By default they enter on days without a stored rate; fixings stay. With `replace` they take the place of
    the stored ones of the same days.

    Parameters
    ----------
    pair, base, **reading
        See `read_rates`.

    Returns
    -------
    DataFrame
        The `preview_rates` of what was added; ``attrs["warnings"]`` list what was left out or is doubtful.

    Raises
    ------
    DataError
        Listing every fault with its row; nothing has changed then.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from shutil import copytree
    >>> from tempfile import TemporaryDirectory
    >>> import tariffmodel as tm
    >>> known = tm.facts.load()
    >>> day = known.fx.index[-1]
    >>> mine = pd.DataFrame({"Date": [day, day + pd.offsets.BDay()], "USD/JPY": [157.3, 157.5]})
    >>> with TemporaryDirectory() as place:
    ...     _ = copytree(known.folder / "market", Path(place) / "market")
    ...     mine.to_csv(file := Path(place) / "mine.csv", index=False)
    ...     tm.own_rates.add_rates(replace(known, folder=Path(place)), file)["new_rows"].to_dict()
    {'USDJPY': 1}
    """
    rates = read_rates(path, pair=pair, base=base, folder=facts.folder, **reading)
    faults = check_rates(rates, facts, replace=replace)
    refuse([fault for fault in faults if not fault.warning])
    table = preview_rates(rates, facts, replace=replace)
    file = rates.attrs["file"]
    table.attrs = {"file": file, "warnings": [*rates.attrs["notes"], *map(str, faults)]}
    own = rates[rates["date"].dt.day_of_week <= _FRIDAY][["date", "pair", "rate"]].astype({"rate": float})
    with store.writing(facts.folder, f"own exchange rates from {file}") as staging:
        stored = pd.read_parquet(store.path(facts.folder, FX))
        stored = stored if "source" in stored else stored.assign(source="ECB")
        own = own.assign(source=f"own: {file}")
        both = pd.concat([own, stored] if replace else [stored, own])
        both = both.drop_duplicates(["pair", "date"]).sort_values(["pair", "date"], ignore_index=True)
        (staging / FX).parent.mkdir(exist_ok=True)
        both[stored.columns].to_parquet(staging / FX, index=False)
    return table


def _named(name: object, pairs: dict[str, str], file: str) -> str:
    """The pair that a heading or a cell means."""
    word = " ".join(str(name).upper().split())
    known = ", ".join(filter(None, pairs.values()))
    if (alone := _ALONE.fullmatch(word)) and alone[1] in pairs:
        return pairs[alone[1]]
    found = _PAIR.fullmatch(word)
    if not found:
        raise DataError(
            f"{file}: {name!r} is no pair; write one such as USDJPY (yen per dollar), or pass --pair, or "
            "--base where headings are currencies per unit of one"
        )
    for currency in found.groups():
        if currency not in pairs:
            raise DataError(
                f"{file}: {name!r}: {currency} is no currency of data/market/currencies.csv; a market in it "
                f"(`tariffmodel add market`) or a row there adds it (pairs known: {known})"
            )
    if "USD" not in found.groups():
        raise DataError(
            f"{file}: {name!r} is not against the dollar, as the model takes rates; give {known}, or a file "
            "with the dollar in it and --base"
        )
    return found[1] + found[2]


def _crossed(rates: pd.DataFrame, base: str, file: str) -> pd.DataFrame:
    """Rates per unit of a currency as rates per dollar, by the dollar's rate of the same day."""
    dollar = rates[rates["pair"] == f"{base}USD"].set_index("date")["rate"]
    if base != "USD" and dollar.empty:
        raise DataError(
            f"{file} has no column USD beside its rates per {base}; add it: the model takes rates per dollar"
        )
    if dollar.index.has_duplicates:
        raise DataError(f"{file} has a day twice; delete one of its rows")
    other = rates[~rates["pair"].eq(f"{base}USD")]
    per = 1.0 if base == "USD" else other["date"].map(dollar)
    made = other.assign(rate=other["rate"] / per, pair="USD" + other["pair"].str[3:]).dropna(subset="rate")
    return pd.concat([rates[rates["pair"].eq(f"{base}USD")], made]) if base != "USD" else made


def _turned(rates: pd.DataFrame, pairs: dict[str, str], file: str) -> tuple[pd.DataFrame, list[str]]:
    """Rates in the pairs of ``currencies.csv``, and those that were the other way round."""
    kept = set(pairs.values())
    given = rates["pair"].map(lambda pair: pair not in kept and pair[3:] + pair[:3] in kept).astype(bool)
    turned = sorted(rates.loc[given, "pair"].unique())
    unknown = sorted(set(rates["pair"][~given]) - kept)
    if unknown:
        raise DataError(
            f"{file}: {unknown[0]} is no pair of data/market/currencies.csv; add its currency there"
        )
    number = pd.to_numeric(rates["rate"], errors="coerce")
    swapped = rates["pair"].str[3:] + rates["pair"].str[:3]
    return rates.assign(
        rate=rates["rate"].mask(given, 1 / number), pair=rates["pair"].mask(given, swapped)
    ), turned
