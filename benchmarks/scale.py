"""How much of one's own data can be taken in? `python benchmarks/scale.py`, each in a process of its own.

Seconds, of which the processor was busy, and peak memory of: prices of 5,000 lines over 20 years, checked,
joined and stored; the exposure of 1,000 makers; 1,000 policies checked; 10,000 events placed and 10,000 rows
of own events added; and a CSV of 1,700 lines (224 MB) read, a row per day and line, and as many lines side by
side. Fewer of one: ``python benchmarks/scale.py prices 250``.
"""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from tariffmodel import case, event_calendar, exposure, facts, own, own_events, policy, vendors


def copied(place: str) -> Path:
    return shutil.copytree(
        facts.data_dir(), Path(place) / "data", ignore=shutil.ignore_patterns("store", "trade")
    )


def walks(count: int) -> tuple[pd.DatetimeIndex, np.ndarray, list[str]]:
    """Days of 20 years, closes (days, lines) and the names of the lines."""
    import exchange_calendars

    book = exchange_calendars.get_calendar("XNYS", start="2006-01-01", end="2025-12-31")
    days = book.sessions.tz_localize(None)
    random = np.random.default_rng(0)
    levels = 50 * np.exp(np.cumsum(random.normal(0, 0.01, (len(days), count)), axis=0))
    return days, levels.round(4), [f"Q{number:05d}" for number in range(count)]


def reading(count: int, place: str) -> dict[str, Callable[[], object]]:
    """A file of closes, line below line and side by side."""
    days, levels, names = walks(count)
    written = days.strftime("%Y-%m-%d")
    tall, wide = Path(place) / "long.csv", Path(place) / "wide.csv"
    with tall.open("w") as file:
        file.write("Date,Ticker,Close\n")
        for name, closes in zip(names, levels.T, strict=True):
            file.writelines(f"{day},{name},{close}\n" for day, close in zip(written, closes, strict=True))
    with wide.open("w") as file:
        file.write(",".join(["Date", *names]) + "\n")
        for day, closes in zip(written, levels, strict=True):
            file.write(",".join([day, *map(str, closes.tolist())]) + "\n")
    return {
        f"reading a long CSV of {tall.stat().st_size / 1e6:,.0f} MB": lambda: vendors.read_prices(tall),
        f"reading a wide CSV of {wide.stat().st_size / 1e6:,.0f} MB": lambda: vendors.read_prices(wide),
    }


def prices(count: int, place: str) -> dict[str, Callable[[], object]]:
    """As `vendors.read_prices` hands them on."""
    days, levels, names = walks(count)
    long = pd.DataFrame(
        {
            "row": np.tile(np.arange(len(days)) + 2, count),
            "date": np.tile(days.to_numpy(), count),
            "ticker": pd.Series(
                pd.Categorical.from_codes(np.repeat(np.arange(count), len(days)), pd.Index(names))
            ).astype("str"),
            "close": levels.ravel("F"),
        }
    )
    long.attrs["file"] = "prices.csv"
    del levels
    known = facts.load(copied(place))
    return {
        "checking, joining and storing prices": lambda: own.add_prices(known, long, market="US"),
        "reading what is stored": lambda: facts.load(known.folder).prices.shape,
    }


def makers(count: int, place: str) -> dict[str, Callable[[], object]]:
    """The makers of the data, again and again under other names."""
    known = facts.load()
    tables = {"table": "maker", "makers": "maker", "financials": "company", "disclosures": "company"}
    times = -(-count // len(known.makers))
    copies = {
        name: pd.concat(
            [
                getattr(known, name).assign(
                    **{column: getattr(known, name)[column] + f" {number}" * (number > 0)}
                )
                for number in range(times)
            ],
            ignore_index=True,
        )
        for name, column in tables.items()
    }
    listed = copies["makers"].iloc[:count]
    copies["makers"] = listed.set_index("maker", drop=False).rename_axis(None)
    for name in ("table", "financials", "disclosures"):
        copies[name] = copies[name][copies[name][tables[name]].isin(listed["maker"])].reset_index(drop=True)
    known = replace(known, **copies)
    return {"the exposure of makers": lambda: exposure.table(case(data=known))}


def policies(count: int, place: str) -> dict[str, Callable[[], object]]:
    folder = copied(place)
    text = (folder / "policies" / "eu-25.toml").read_text(encoding="utf-8")
    for number in range(count):
        mine = text.replace("rate = 0.25", f"rate = {0.1 + number / 1e4:.4f}")
        (folder / "policies" / f"own-{number:04d}.toml").write_text(mine, encoding="utf-8")

    def check() -> None:
        for name in policy.names(folder):
            policy.load(name, folder)

    return {"checking policies": check}


def events(count: int, place: str) -> dict[str, Callable[[], object]]:
    folder = copied(place)
    days = pd.Timestamp("2010-01-04") + pd.to_timedelta(
        np.random.default_rng(0).integers(0, 5800, count), "D"
    )
    for name in ("events", "policies"):
        rows = pd.read_csv(folder / "events" / f"{name}.csv", dtype=str, keep_default_na=False)
        many = rows.iloc[np.arange(count) % len(rows)].reset_index(drop=True)
        again = np.arange(count) >= len(rows)
        called = days.strftime("%Y-%m-%d") + many["event"].str[10:] + [f"-{n}" for n in range(count)]
        many["event"] = many["event"].mask(again, called)
        if name == "events":
            many["date"] = many["event"].str[:10]
        many.to_csv(folder / "events" / f"{name}.csv", index=False)
    known = facts.load(folder)
    listed = known.makers.index[known.makers["ticker"].notna()].to_numpy()
    spoken = pd.bdate_range("2010-01-04", periods=count // len(listed) + 1)
    said = pd.DataFrame(
        {
            "maker": listed[np.arange(count) % len(listed)],
            "date": spoken[np.arange(count) // len(listed)].strftime("%Y-%m-%d"),
            "time": "15:00",
            "kind": "guidance",
            "what": "a statement",
        }
    )
    said.to_csv(file := Path(place) / "said.csv", index=False)
    title = {"source_title": "a test"}
    return {
        "placing events": lambda: event_calendar.table(known),
        "adding own events": lambda: own_events.add_events(known, file, zone="exchange", **title),
    }


SIZES = {prices: 5000, makers: 1000, policies: 1000, events: 10_000, reading: 1700}


def measure(name: str, count: int) -> None:
    with TemporaryDirectory() as place:
        make = next(one for one in SIZES if one.__name__ == name)
        for what, task in make(count, place).items():
            begun = time.perf_counter(), time.process_time()
            task()
            wall, busy = time.perf_counter() - begun[0], time.process_time() - begun[1]
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
            sys.stdout.write(f"{what:<38} {count:>7,} {wall:7.1f} s, busy {busy:7.1f} s {peak:6.2f} GB\n")
            sys.stdout.flush()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        name = sys.argv[1]
        default = {one.__name__: size for one, size in SIZES.items()}[name]
        measure(name, int(sys.argv[2]) if len(sys.argv) > 2 else default)
    else:
        for one in SIZES:
            subprocess.run([sys.executable, __file__, one.__name__], check=True)
