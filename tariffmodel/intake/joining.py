"""How does what Yahoo says of a line join what is stored of it?

Rows that came from Yahoo follow Yahoo where it revises them; the old and new values are kept among the price
records. Rows of the bundled panel and of the user's own files stay, unless the user accepts Yahoo's. A
constant ratio of levels is a later dividend or split, and the stored history is re-based by it, so that the
last row stays a traded price and no return of the past changes. What `plausibility` doubts is not joined.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from tariffmodel.intake.chart import SHOWN, Answer, Line, RefusedError, last_of, list_of
from tariffmodel.intake.plausibility import FX_JUMP, SPLIT, UNIT, doubts, ratio
from tariffmodel.markets import market

COLUMNS = [
    "ticker", "outcome", "rows_added", "first_new", "last", "behind", "ratio", "revised", "detail", "remedy",
]  # fmt: skip
YAHOO = "yahoo"  # in the column `source`
RECORD = "Yahoo Finance"  # among the price records
RETURN_TOLERANCE = 0.005  # log return: days further apart than this are a conflict
REVISION = 2e-4  # log return: what Yahoo revises by less is rounding
LEVEL_TOLERANCE = 0.002  # a ratio of levels nearer to one than this is rounding, not an action
FX_TOLERANCE = 0.015  # between a fixing and a close of the same day, median over the overlap
FX_APART = 0.03  # the same for a single day
FX_REVISION = 1e-3  # of a rate: smaller revisions are followed and not listed
SETTLED = 5  # sessions up to the join on which both sources have to agree
_REVISED_FEW, _REVISED_SHARE = 4, 1 / 3  # more revised days than both of these are another line's


REVISIONS = ["ticker", "date", "source", "old_close", "new_close", "old_dividend", "new_dividend"]


@dataclass(frozen=True)
class Joined:
    """A line after the join: its rows, its row of the report and what Yahoo revised of it.

    >>> Joined(pd.DataFrame(), {"outcome": "failed"}).revised.empty
    True
    """

    frame: pd.DataFrame
    row: dict[str, Any]
    revised: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=REVISIONS))


def join_prices(
    line: Line, answer: Answer, peers: Mapping[Any, float] | None = None, *, accept: bool = False
) -> Joined:
    """The line's rows with Yahoo's revisions and the new ones.

    `peers` is the log return of the line's market by day. With `accept` rows of every source follow Yahoo,
    and nothing is doubted.

    Raises
    ------
    RefusedError
        conflict or doubted: nothing is joined.

    Examples
    --------
    >>> days = pd.bdate_range("2026-07-06", periods=3)
    >>> closes = pd.Series((days + pd.Timedelta("16h")).tz_localize("America/New_York"), days)
    >>> line = Line("F", "F", "USD", "America/New_York", days[0], closes, pd.DataFrame(columns=["date"]))
    >>> bars = pd.DataFrame({"open": 10.0, "close": [10.0, 10.1, 10.2], "volume": 1e6}, days)
    >>> bars = bars.assign(adj_close=bars["close"], dividend=0.0, split=1.0)
    >>> join_prices(line, Answer(bars, index=False, notes=[])).row["outcome"]
    'updated'
    """
    old, seen = line.stored, answer.frame
    revised = pd.DataFrame(columns=REVISIONS)
    if old.empty:
        factor, differing, said = np.nan, list[str](), list[str]()
        new, gaps = seen, seen.iloc[:0]
        basis = "price_return" if answer.index else "total_return"
    else:
        old, revised, said = _followed(line, seen, accept)
        settled, factor, differing = _compare(line, old, seen)
        new = seen[seen.index > old["date"].iloc[-1]]
        gaps = seen.loc[settled[0] : settled[-1]].drop(settled)
        basis = old["basis"].iloc[-1] if answer.index else "total_return"
    added = gaps.index.append(new.index)
    if not accept:
        _believable(line, seen, added.append(pd.DatetimeIndex(revised["date"])), peers)
    split: Any = new["split"].where(new["split"] > 0, 1.0).prod()
    if not old.empty and not 1 / UNIT < factor * split < UNIT:
        why = f"Yahoo's prices are ×{factor:.4g} the stored ones and no split says so: another unit?"
        remedy = "if Yahoo is right, `tariffmodel add prices FILE --replace` with the whole line"
        raise RefusedError("conflict", f"{why} Nothing joined, stored rows stay", remedy)
    ends = line.behind(seen.index[-1])
    ended = f"Yahoo's last close is of {last_of(seen.index)}, {ends} sessions back" if ends else ""
    late = ends > market.STALE_SESSIONS  # a day or two are in the notes
    remedy = _accept(line) if differing else _ENDED.format(line.name) if late else ""
    if added.empty and revised.empty:
        outcome = "conflict" if differing else "unchanged"
        detail = _text(*differing, ended, *answer.notes)
        return Joined(line.stored, row(line, outcome, detail, remedy=remedy, ratio=factor))
    outcome, why = "updated", ""
    if not old.empty:
        if abs(factor - 1) > LEVEL_TOLERANCE:
            outcome, why = "rebased", _explain(factor, seen, new)
        old = _rebased(old, factor, _split_since(old.set_index("date"), seen))
        old = _overwritten(old, seen, revised)
    if len(gaps):  # linked to the day before, so that no stored level moves
        link = (old.set_index("date")["adj_close"] / seen["adj_close"]).reindex(seen.index).ffill()
        filled = gaps.assign(adj_close=gaps["adj_close"] * link[gaps.index])
        old = pd.concat([old, _rows(line, filled, basis)]).sort_values("date", ignore_index=True)
    rows = _rows(line, new, basis)
    if old.empty:
        rows.loc[0, "records"] = 0  # no return ends in the first row
    outcome = "conflict" if differing else "revised" if len(revised) else outcome
    kept = "stored rows stay, new ones joined after them" if differing else ""
    closed = f"gaps filled on {list_of(gaps.index)}" if len(gaps) else ""
    detail = _text(*said, why, *differing, kept, closed, ended if late else "", *answer.notes)
    of = row(line, outcome, detail, added, remedy=remedy, ratio=factor, revised=len(revised))
    return Joined(pd.concat([old, rows], ignore_index=True), of, revised)


_ENDED = (
    "if {0} has another symbol now, name it in data/market/instruments.csv; closes from elsewhere come in "
    "with `tariffmodel add prices FILE`"
)


def _accept(line: Line) -> str:
    yours = "`tariffmodel add prices FILE --replace` yours"
    return f"`tariffmodel refresh --accept {line.name}` takes Yahoo's, {yours}"


def _rows(line: Line, frame: pd.DataFrame, basis: str) -> pd.DataFrame:
    """Rows of the table of prices from Yahoo's bars."""
    return pd.DataFrame(
        {
            "date": frame.index,
            "ticker": line.name,
            "adj_close": frame["adj_close"].to_numpy(),
            "records": 1,
            "basis": basis,
            "open": frame["open"].to_numpy(),
            "close": frame["close"].to_numpy(),
            "volume": frame["volume"].to_numpy(),
            "source": YAHOO,
        }
    )


# ---- what Yahoo revised


def _steps(old: pd.DataFrame, seen: pd.DataFrame) -> pd.DataFrame:
    """Days that both have: log level stored, log return stored and at Yahoo, by the day on which it ends.

    A stored return without its dividend is held against Yahoo's price return of that day.
    """
    common = seen.index.intersection(old.index)
    theirs = seen.loc[common, ["close", "adj_close"]].apply(np.log).diff()
    priced = old.loc[common, "basis"] == "price_return"
    level = old.loc[common, "adj_close"].apply(np.log)
    return pd.DataFrame(
        {"level": level, "ours": level.diff(), "theirs": theirs["close"].where(priced, theirs["adj_close"])}
    )


def _followed(line: Line, seen: pd.DataFrame, accept: bool) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Stored rows whose returns follow Yahoo, old and new values of those that did, and the words."""
    old = line.stored.set_index("date")
    steps = _steps(old, seen)
    nothing = line.stored, pd.DataFrame(columns=REVISIONS), list[str]()
    if steps.empty:
        return nothing
    common = steps.index
    ours, theirs = old.loc[common], seen.loc[common]
    mine = np.full(len(common), fill_value=accept) | (ours["source"] == YAHOO).to_numpy()
    split = _split_since(old, seen)
    levels = (theirs["close"] / ours["close"] / split).apply(np.log)  # NaN where no close is stored
    apart = levels.abs().gt(REVISION).to_numpy()
    change = (steps["theirs"] - steps["ours"]).to_numpy(copy=True)
    change[0] = levels.iloc[0] if apart[0] else 0.0  # its return is not in the overlap
    moved = mine & (np.abs(change) > REVISION)
    changed = mine & (moved | apart)
    if not changed.any():
        return nothing
    if not accept and changed.sum() > max(_REVISED_FEW, _REVISED_SHARE * len(common)):
        text = f"Yahoo now says otherwise on {changed.sum()} of {len(common)} stored days: another line's?"
        raise RefusedError("conflict", f"{text} Nothing joined, stored rows stay", _accept(line))
    shift = pd.Series(np.where(moved, change, 0.0), common).cumsum()
    shift = shift.reindex(old.index).ffill().fillna(0.0)
    after = old.assign(adj_close=old["adj_close"] * np.exp(shift - shift.iloc[-1]))
    before = ours["close"].shift() * split
    bare = np.log(ours["close"] / ours["close"].shift())
    paid = (before * (1 - np.exp(bare - steps["ours"]))).where(ours["basis"] == "total_return")
    values = pd.DataFrame(
        {
            "ticker": line.name,
            "date": common,
            "source": ours["source"].to_numpy(),
            # a row of a panel has no close: its level then, which holds later dividends
            "old_close": (ours["close"] * split).fillna(ours["adj_close"]).to_numpy(),
            "new_close": theirs["close"].to_numpy(),
            "old_dividend": paid.clip(lower=0).round(4).to_numpy(),
            "new_dividend": theirs["dividend"].to_numpy(),
        }
    )
    revised = values[changed].reset_index(drop=True)
    told = [
        f"{day:%Y-%m-%d}: "
        + (f"close {o:.6g} → {n:.6g}, " if other else "")
        + f"return {np.expm1(a):+.2%} → {np.expm1(b):+.2%}"
        + (f", dividend {d:g}" if d > 0 else "")
        for day, o, n, d, other, a, b in zip(
            common[changed], values["old_close"][changed], values["new_close"][changed],
            values["new_dividend"][changed], apart[changed], steps["ours"][changed], steps["theirs"][changed],
            strict=True,
        )
    ]  # fmt: skip
    more = [f"and {len(told) - SHOWN} more days"] if len(told) > SHOWN else []
    words = f"{len(told)} stored rows follow {'Yahoo, as accepted' if accept else 'Yahoo that revised them'}"
    return (
        after.reset_index()[line.stored.columns],
        revised,
        [f"{words}: " + "; ".join([*told[:SHOWN], *more])],
    )


def _overwritten(old: pd.DataFrame, seen: pd.DataFrame, revised: pd.DataFrame) -> pd.DataFrame:
    """Stored rows with what Yahoo says of the days that it revised, beside the adjusted close."""
    if revised.empty:
        return old
    rows = old.set_index("date")
    days = pd.DatetimeIndex(revised["date"])
    for name in ("open", "close", "volume"):
        rows.loc[days, name] = seen.loc[days, name]
    first = rows.index[0]
    rows.loc[days, "source"] = YAHOO
    rows.loc[days, "records"] = np.where(days == first, 0, 1)
    return rows.reset_index()[old.columns]


def recorded(records: pd.DataFrame, revised: pd.DataFrame, now: pd.Timestamp) -> pd.DataFrame:
    """The price records with the old and new values of what Yahoo revised, each under its own version.

    A value is kept once: what was new in an earlier revision is not written again as old.

    Examples
    --------
    >>> records = pd.DataFrame(columns=["date", "ticker", "record", "close", "adjusted", "dividend"])
    >>> revised = pd.DataFrame([["F", "2026-07-06", "yahoo", 10.0, 9.9, 0.0, 0.0]], columns=REVISIONS)
    >>> now = pd.Timestamp("2026-07-08", tz="UTC")
    >>> recorded(records.astype({"record": str}), revised, now)["record"].tolist()
    ['Yahoo Finance@0:F', 'Yahoo Finance@20260708000000:F']
    """
    stamp = f"{now.tz_convert('UTC'):%Y%m%d%H%M%S}"
    yahoos = (revised["source"] == YAHOO).to_numpy()
    earlier = [
        f"{RECORD}@0:{ticker}" if source == YAHOO else f"stored {source}@{stamp}:{ticker}"
        for ticker, source in zip(revised["ticker"], revised["source"], strict=True)
    ]
    old = pd.DataFrame(
        {
            "date": pd.to_datetime(revised["date"]), "ticker": revised["ticker"],
            "record": earlier,
            "close": revised["old_close"].astype(float), "adjusted": ~yahoos,
            "dividend": revised["old_dividend"].astype(float).where(yahoos),
        }
    )  # fmt: skip
    known = records[records["record"].str.startswith(RECORD + "@")]
    keys = ["ticker", "date"]
    there = pd.MultiIndex.from_frame(old[keys]).isin(pd.MultiIndex.from_frame(known[keys])) & yahoos
    new = old.assign(
        record=[f"{RECORD}@{stamp}:{ticker}" for ticker in revised["ticker"]],
        close=revised["new_close"].astype(float), adjusted=False,
        dividend=revised["new_dividend"].astype(float),
    )  # fmt: skip
    every = pd.concat([records, old[~there], new], ignore_index=True)[records.columns]
    return every.drop_duplicates([*keys, "record"], keep="last", ignore_index=True)


# ---- what is compared


def _compare(line: Line, stored: pd.DataFrame, seen: pd.DataFrame) -> tuple[pd.Index, float, list[str]]:
    """Sessions up to the join on which both agree, Yahoo's level over the stored one there, conflicts."""
    old = stored.set_index("date")
    steps = _steps(old, seen)
    common = steps.index
    if common.empty:
        raise RefusedError("conflict", _no_day_in_common(old.index, seen.index), _BRIDGE)
    level, step = steps["level"].to_numpy(), steps["theirs"].to_numpy()[1:]
    apart = np.append(0.0, np.diff(level) - step)
    wrong = np.flatnonzero(np.abs(apart) > RETURN_TOLERANCE)
    # levels on either side of a day in dispute are not comparable: use those after the last one
    first = wrong[-1] if len(wrong) else 0
    said = [
        f"{common[day]:%Y-%m-%d}: return stored {np.expm1(level[day] - level[day - 1]):+.2%}, "
        f"Yahoo {np.expm1(step[day - 1]):+.2%}"
        for day in wrong[:SHOWN]
    ]
    said += [f"and {len(wrong) - SHOWN} more days"] if len(wrong) > SHOWN else []
    if len(common) - first < min(SETTLED, len(old)):
        few = f"sessions up to the join that agree: {len(common) - first}, fewer than {SETTLED}"
        text = _text(*said, f"{few}; nothing joined, stored rows stay")
        raise RefusedError("conflict", text, _accept(line))
    index = np.append(0.0, np.cumsum(step))  # Yahoo's level with our dividends, ending at Yahoo's
    index += np.log(float(seen["adj_close"].loc[common[-1]])) - index[-1]
    factor = float(np.exp(np.median((index - level)[first:])))
    return common[first:], factor, said


_BRIDGE = "`tariffmodel add prices FILE` with the days between"


def _split_since(old: pd.DataFrame, seen: pd.DataFrame) -> float:
    """Yahoo's closes over the stored ones of the same days, as far as a split explains them.

    Of Yahoo's splits since; where they are far from the closes, of most of these. What is left is a revision.
    """
    due: Any = 1 / seen["split"].where(seen["split"] > 0, 1.0)[seen.index > old.index[-1]].prod()
    shown = (seen["close"] / old["close"]).median()  # NaN in bundled rows
    return float(shown if abs(np.log(shown / due)) > np.log(SPLIT) else due)


def _rebased(old: pd.DataFrame, factor: float, split: float) -> pd.DataFrame:
    """Stored rows at Yahoo's level; opens, closes and volumes too, if there was a split since."""
    return old.assign(
        adj_close=old["adj_close"] * factor,
        open=old["open"] * split,
        close=old["close"] * split,
        volume=old["volume"] / split,
    )


def _explain(factor: float, seen: pd.DataFrame, new: pd.DataFrame) -> str:
    """Whether the splits and dividends since explain the ratio of levels.

    Yahoo multiplies what lies before a split by its inverse and what lies before a dividend by one
    less the dividend over the close of the day before (Yahoo Finance help, "What is the adjusted
    close?", after the standard of CRSP).
    """
    split = new["split"].where(new["split"] > 0, 1.0)
    dividend = new["dividend"]
    by_split: Any = (1 / split).prod()
    by_dividend: Any = (1 - dividend / seen["close"].shift().loc[new.index]).prod()
    due = by_split * by_dividend
    said = [f"split {ratio(value)} on {day:%Y-%m-%d}" for day, value in split[split != 1].items()]
    said += [f"dividend {value:g} on {day:%Y-%m-%d}" for day, value in dividend[dividend > 0].items()]
    text = f"re-based ×{factor:.4g}, {', '.join(said) or 'no action reported'}"
    if said and abs(factor / due - 1) > LEVEL_TOLERANCE:
        text += f", which would make ×{due:.4g}"
    return text


def _believable(line: Line, seen: pd.DataFrame, days: pd.Index, peers: Mapping[Any, float] | None) -> None:
    """Refuse what `plausibility` doubts of days that would be stored."""
    bars = seen.rename_axis("date").reset_index().assign(ticker=line.name)
    bars = bars.assign(peers=bars["date"].map(dict(peers or {})).astype(float))
    found = doubts(bars)
    found = found[found["date"].isin(days)]
    if found.empty:
        return
    more = [f"and {len(found) - SHOWN} more days"] if len(found) > SHOWN else []
    text = "; ".join([*found["doubt"].head(SHOWN), *more])
    remedy = f"look it up; if it is true, `tariffmodel refresh --accept {line.name}`"
    raise RefusedError("doubted", f"{text}; nothing joined, stored rows stay", remedy)


# ---- exchange rates


def join_rates(line: Line, answer: Answer, *, accept: bool = False) -> Joined:
    """The pair's rows with the new ones, never re-based; Yahoo's own follow Yahoo.

    Raises
    ------
    RefusedError
        conflict or doubted: nothing is joined.

    Examples
    --------
    >>> days = pd.bdate_range("2026-07-06", periods=3)
    >>> closes = pd.Series((days + pd.Timedelta("17h")).tz_localize("America/New_York"), days)
    >>> stored = pd.DataFrame({"date": days[:1], "pair": "USDJPY", "rate": 150.0, "source": "ECB"})
    >>> line = Line("USDJPY", "JPY=X", "JPY", "Europe/London", days[0], closes, stored)
    >>> bars = pd.DataFrame({"close": [150.2, 150.5, 151.0]}, days)
    >>> join_rates(line, Answer(bars, index=False, notes=[])).frame["rate"].tolist()
    [150.0, 150.5, 151.0]
    """
    old, seen = line.stored.set_index("date")["rate"], answer.frame["close"]
    common = seen.index.intersection(old.index)
    level, said, told = np.nan, list[str](), list[str]()
    stored, remedy = line.stored, ""
    revised = pd.Index([])
    if len(old):
        if common.empty:
            raise RefusedError("conflict", _no_day_in_common(old.index, seen.index), _FIXINGS)
        level = float((seen[common] / old[common]).median())
        if abs(level - 1) > FX_TOLERANCE:
            text = f"Yahoo's rates are ×{level:.4g} the stored ones of the same days; nothing joined"
            raise RefusedError("conflict", text, _FIXINGS)
        off = np.abs(np.log(seen[common] / old[common]))
        mine = stored.set_index("date")["source"][common] == YAHOO
        revised = common[mine & (off > 0)]
        apart = common[~mine & (off > FX_APART)]
        said = [f"{day:%Y-%m-%d}: stored {old[day]:g}, Yahoo {seen[day]:g}" for day in apart[:SHOWN]]
        remedy = _FIXINGS if said else ""
        listed = common[mine & (off > FX_REVISION)]
        told = [f"{day:%Y-%m-%d}: {old[day]:g} → {seen[day]:g}, revised" for day in listed[:SHOWN]]
        told += [f"and {len(listed) - SHOWN} more days"] if len(listed) > SHOWN else []
    new = answer.frame[seen.index > old.index[-1]] if len(old) else answer.frame
    if not accept:
        _steady(line, seen, revised.append(new.index))
    if len(revised):
        rates = stored["date"].map(seen[revised]).astype(float)
        stored = stored.assign(rate=rates.fillna(stored["rate"]))
    outcome = "conflict" if said else "revised" if told else "unchanged" if new.empty else "updated"
    detail = _text(*told, *said, *answer.notes)
    if new.empty:
        of = row(line, outcome, detail, remedy=remedy, ratio=level, revised=len(revised))
        return Joined(stored, of)
    rows = pd.DataFrame(
        {"date": new.index, "pair": line.name, "rate": new["close"].to_numpy(), "source": YAHOO}
    )
    of = row(line, outcome, detail, new.index, remedy=remedy, ratio=level, revised=len(revised))
    return Joined(pd.concat([stored, rows], ignore_index=True), of)


_FIXINGS = "`tariffmodel refresh rates` brings the fixings of the ECB"


def _steady(line: Line, seen: pd.Series, days: pd.Index) -> None:
    """Refuse a rate that moves in a day as none does."""
    move = np.log(seen).diff()
    bad = seen.index[(move.abs() > np.log(FX_JUMP)) & seen.index.isin(days)]
    if len(bad):
        text = f"a move of ×{np.exp(move[bad[0]]):.3g} on {bad[0]:%Y-%m-%d}; more than ×{FX_JUMP:g} in a day"
        remedy = f"look it up; if it is true, `tariffmodel refresh --accept {line.name}`"
        raise RefusedError("doubted", f"{text} is doubted, nothing joined", remedy)


# ---- words


def row(
    line: Line,
    outcome: str,
    detail: str,
    new: pd.Index | None = None,
    *,
    remedy: str = "",
    ratio: float = np.nan,
    revised: int = 0,
) -> dict[str, Any]:
    """A line's row of the report; `new` are the days that are added.

    >>> days = pd.to_datetime(["2026-07-01", "2026-07-02"])
    >>> closes = pd.Series((days + pd.Timedelta("16h")).tz_localize("America/New_York"), days)
    >>> line = Line("F", "F", "USD", "America/New_York", days[0], closes, pd.DataFrame({"date": days[:1]}))
    >>> row(line, "failed", "no answer")["behind"]
    1
    """
    last = line.stored["date"].max()
    days = (0, pd.NaT, last)
    if new is not None and len(new):
        days = (len(new), new[0], max(new[-1], last) if pd.notna(last) else new[-1])
    behind = line.behind(days[2]) if pd.notna(days[2]) else len(line.days)
    values = (line.name, outcome, *days, behind, ratio, revised, detail, remedy)
    return dict(zip(COLUMNS, values, strict=True))


def _text(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def _no_day_in_common(stored: pd.Index, seen: pd.Index) -> str:
    return f"no session in common: stored up to {last_of(stored)}, Yahoo from {seen[0]:%Y-%m-%d}"
