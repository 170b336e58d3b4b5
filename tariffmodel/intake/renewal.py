"""What of the data is old, and how is it brought up to date?

`status` says of each part how new it is, what renews it and how long that takes; `refresh` renews all that
comes from elsewhere, one part after the other. A part that fails costs the others nothing, and one that was
done is stored before the next begins: after a break-off the same call goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import pandas as pd

from tariffmodel.errors import DataError
from tariffmodel.facts import Facts, news, periods, store, trade
from tariffmodel.facts.tables import read
from tariffmodel.intake import earnings_dates, ecb, g17, official, yahoo
from tariffmodel.markets import market
from tariffmodel.tariff import policy

Progress = Callable[[int, int, str], None]
FAULT = 1  # exit code of a part whose data or disk are at fault


@dataclass(frozen=True)
class Part:
    """Something that is renewed from elsewhere.

    Attributes
    ----------
    title : str
        What comes, and from where.
    run : callable (facts, progress, options)
        Renews it; gives a summary in words and an exit code.
    """

    title: str
    run: Callable[[Facts, Progress, Mapping[str, Any]], tuple[str, int]]


def _rates(facts: Facts, progress: Progress, options: Mapping[str, Any]) -> tuple[str, int]:
    done = ecb.refresh(facts, progress=progress, **options)
    return done.summary(), done.code


def _prices(facts: Facts, progress: Progress, options: Mapping[str, Any]) -> tuple[str, int]:
    done = yahoo.refresh(facts, progress=progress, **options)
    return done.summary(), done.code


def _trade(facts: Facts, progress: Progress, options: Mapping[str, Any]) -> tuple[str, int]:
    done = official.refresh(facts, progress=progress, **options)
    silent = len(done.table) and done.table["outcome"].isin(["failed", "skipped"]).all()
    return done.summary(), yahoo.SILENT if silent else yahoo.BEHIND if done.wrong else 0


def _news(facts: Facts, progress: Progress, options: Mapping[str, Any]) -> tuple[str, int]:
    try:
        done = earnings_dates.refresh(facts, progress=progress, **options)
    except earnings_dates.NoAnswerError as error:
        return str(error), yahoo.SILENT
    snapshot = done.attrs["snapshot"]
    kept = f"snapshot {snapshot}" if snapshot else "no snapshot written"
    added, removed = done["added"].sum(), done["removed"].sum()
    text = [f"{len(done)} lines: {added} earnings dates added, {removed} removed; {kept}."]
    row: Any  # a named tuple of the columns
    for row in done.itertuples():
        span = f", {row.first} to {row.last}" if row.listed else ""
        counts = f"{row.listed} listed, {row.added} added, {row.sourced} sourced, {row.removed} removed"
        text.append(f"  {row.Index} ({row.maker}): {counts}{span}")
    return "\n".join(text), 0


def _output(facts: Facts, _: Progress, options: Mapping[str, Any]) -> tuple[str, int]:
    changed = g17.refresh(facts, **options)
    revised = int(changed["before"].notna().sum())
    if changed.empty:
        return "Nothing new: every month is stored as it is published.", 0
    text = [f"{len(changed)} figures stored, {revised} of them revised; the old vintages stay."]
    row: Any  # a named tuple of the columns
    for row in changed.tail(6).itertuples():
        was = "" if row.before != row.before else f" (was {row.before / 1e6:.2f})"
        text.append(f"  {row.period}: {row.value / 1e6:.2f} million a year{was}")
    return "\n".join(text), 0


# in the order of a refresh of all; a further part is one line here
PARTS: dict[str, Part] = {
    "rates": Part("exchange rates, fixings of the European Central Bank", _rates),
    "prices": Part(
        "prices, opens and volumes, and quotes of exchange rates after the last fixing, from Yahoo", _prices
    ),
    "trade": Part("US imports by origin from the Census Bureau, Mexico's exports by make from INEGI", _trade),
    "output": Part("US motor vehicle assemblies from the Federal Reserve (G.17)", _output),
    "news": Part("makers' earnings dates, from Yahoo", _news),
}


def refresh(
    facts: Facts,
    parts: Sequence[str] | None = None,
    *,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Renew data, one part after the other. Load the facts again to use what came.

    Parameters
    ----------
    parts : sequence of str, optional
        Of `PARTS`. Default: all, in that order.
    options : mapping, optional
        By part: what its own refresh takes, such as ``{"prices": {"tickers": ["GM"]}}``.
    progress : callable (done, total, what), optional
        Told of steps, `total` of which make up the parts asked for: a thousand each.

    Returns
    -------
    DataFrame
        Indexed by `part`: exit `code` and `summary` in words.

    Raises
    ------
    DataError
        An unknown part.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> refresh(tm.facts.load(), ["weather"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    tariffmodel.errors.DataError: no part weather; choose from rates, prices, ...
    """
    chosen = list(PARTS) if parts is None else list(dict.fromkeys(parts))
    if unknown := [part for part in chosen if part not in PARTS]:
        raise DataError(f"no part {', '.join(unknown)}; choose from {', '.join(PARTS)}")
    rows = {}
    for place, part in enumerate(chosen):

        def step(done: int, total: int, what: str, place: int = place, part: str = part) -> None:
            if progress:
                progress(1000 * place + 1000 * done // max(total, 1), 1000 * len(chosen), f"{part}: {what}")

        step(0, 1, "")
        try:
            summary, code = PARTS[part].run(replace(facts), step, dict((options or {}).get(part, {})))
        except DataError as error:
            summary, code = str(error), FAULT
        rows[part] = {"code": code, "summary": summary}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["code", "summary"]).rename_axis("part")


def watched(facts: Facts, parts: Sequence[str] | None = None, **options: Any) -> pd.DataFrame:
    """`refresh` with one progress bar for all parts, in a terminal or a notebook; same options.

    >>> import tariffmodel as tm
    >>> watched(tm.facts.load(), ["weather"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    tariffmodel.errors.DataError: no part weather; choose from rates, prices, ...
    """
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn  # slow to import

    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn()
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task("refresh", total=None)

        def progress(done: int, total: int, what: str) -> None:
            bar.update(task, completed=done, total=total, description=what)

        return refresh(facts, parts, progress=progress, **options)


def code_of(done: pd.DataFrame) -> int:
    """Exit code of a refresh: 0; 1 if a part is at fault; 4 if no part had answers; else 3.

    >>> code_of(pd.DataFrame({"code": [0, 3, 4]})), code_of(pd.DataFrame({"code": [4, 4]}))
    (3, 4)
    """
    codes = set(done["code"])
    if FAULT in codes:
        return FAULT
    if codes == {yahoo.SILENT}:
        return yahoo.SILENT
    return yahoo.BEHIND if codes - {0} else 0


# ---- what is old


def status(facts: Facts, now: datetime | None = None) -> pd.DataFrame:
    """How new each part of the data is, and what renews it.

    Parameters
    ----------
    now : datetime, optional
        With a time zone. Default: the clock.

    Returns
    -------
    DataFrame
        Indexed by `what`: `newest` day or month, its `age_days`, `limit_days` beyond which it counts as
        `old` (a bool), the command that renews it (`renew`), how long that `takes`, and a `remark`.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> found = tm.renewal.status(tm.facts.load(), pd.Timestamp("2027-06-30", tz="UTC"))
    >>> bool(found["old"].all()), found.loc["exchange rates", "renew"]
    (True, 'tariffmodel refresh rates')
    """
    moment = pd.Timestamp(now or pd.Timestamp.now("UTC"))
    if moment.tz is None:
        raise DataError(f"now is {now!r}, without a time zone; write datetime(..., tzinfo=UTC)")
    today = moment.date()
    rows = {
        "prices": _of_prices(facts, today),
        "exchange rates": _of_rates(facts),
        "US imports": _of_trade(facts, today),
        "output": _of_output(facts),
        "makers' output": _of_makers_output(facts),
        "figures about makers": _of_facts(facts, today),
        "earnings dates": _of_news(facts, today),
        "law": _of_law(facts, today),
    }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("what")
    days = pd.to_datetime([periods.parse(str(label)).end for label in table["newest"]])
    table["age_days"] = (pd.Timestamp(today) - days).days
    table["old"] = table["old"].astype(bool) | (table["age_days"] > table["limit_days"])
    return table[["newest", "age_days", "limit_days", "old", "renew", "takes", "remark"]]


def _row(
    newest: Any, limit: int, renew: str, takes: str, remark: str = "", *, old: bool = False
) -> dict[str, Any]:
    label = newest if isinstance(newest, str) else f"{newest:%Y-%m-%d}"
    return {
        "newest": label, "limit_days": limit, "renew": renew, "takes": takes, "remark": remark, "old": old,
    }  # fmt: skip


def _minutes(seconds: float) -> str:
    return "under a minute" if seconds < 45 else f"about {max(round(seconds / 60), 1)} min"


def _of_prices(facts: Facts, today: date) -> dict[str, Any]:
    lines = market.status(facts, today).drop(index=market.FIXING)
    late = lines[lines["stale"]].sort_values("last", kind="stable")
    remark = f"{len(late)} of {len(lines)} lines more than {market.STALE_SESSIONS} sessions behind"
    remark += f", the oldest {late.index[0]} since {late['last'].iloc[0]:%Y-%m-%d}" if len(late) else ""
    empty = len(facts.instruments) - len(lines)
    remark += f"; {empty} lines without prices" if empty else ""
    if kept := store.doubts(facts.folder):
        remark += "; left behind by the last refresh: " + ", ".join(
            f"{k} ({v})" for k, v in list(kept.items())[:6]
        )
    takes = _minutes(1.0 * len(facts.instruments))
    return _row(lines["last"].max(), 7, "tariffmodel refresh prices", takes, remark, old=len(late) > 0)


def _of_rates(facts: Facts) -> dict[str, Any]:
    quotes = facts.fx.attrs.get("quotes_from")
    fixed = facts.fx.loc[facts.fx.index < quotes] if quotes else facts.fx
    remark = f"quotes of Yahoo from {quotes} to {facts.fx.index[-1]:%Y-%m-%d}" if quotes else ""
    return _row(fixed.index[-1], 7, "tariffmodel refresh rates", "seconds", remark)


def _of_trade(facts: Facts, today: date) -> dict[str, Any]:
    rows = trade.in_use(facts)
    months = rows.loc[(rows["goods"] == "vehicle") & rows["period"].str.fullmatch(r"\d{4}-\d{2}"), "period"]
    asked = official.months_to_ask(facts, today)
    remark = f"{len(asked)} months that can be out are not stored: {asked[0]} to {asked[-1]}" if asked else ""
    newest = months.max() if len(months) else official.FIRST_MONTH
    takes = f"about {max(len(asked), 1)} min by files, seconds with a key in CENSUS_API_KEY"
    limit = (official.PUBLISHED_AFTER + timedelta(days=31)).days
    return _row(newest, limit, "tariffmodel refresh trade", takes, remark, old=bool(asked))


def _of_output(facts: Facts) -> dict[str, Any]:
    newest = max(read(facts, "watch/us_output.csv")["period"], key=lambda label: periods.parse(label).end)
    return _row(newest, 75, "tariffmodel refresh output", "seconds", "assemblies of all makers in the US")


def _of_makers_output(facts: Facts) -> dict[str, Any]:
    rows = read(facts, "watch/monthly.csv")
    made = rows.loc[
        rows["metric"].str.contains("production") & rows["period"].str.fullmatch(r"\d{4}-\d{2}"), "period"
    ]
    return _row(made.max(), 75, "tariffmodel add facts", "by hand", "makers' releases have no common source")


def _of_facts(facts: Facts, today: date) -> dict[str, Any]:
    known = pd.to_datetime(facts.table["known_day"])
    known = known[known <= pd.Timestamp(today)]
    return _row(
        known.max(), 100, "tariffmodel add facts FILE", "by hand", "the newest figure that became known"
    )


def _of_news(facts: Facts, today: date) -> dict[str, Any]:
    rows = news.company(facts)
    results = rows[rows["kind"] == "results"]
    ahead = results[[periods.parse(str(label)).start > today for label in results["date"]]]
    lines = facts.makers["ticker"].dropna()
    without = len(set(lines.index) - set(ahead["maker"]))
    told = [periods.parse(str(label)).end for label in results["source_date"].dropna()]
    newest = max((day for day in told if day <= today), default=date(2000, 1, 1))
    remark = f"{without} of {len(lines)} makers without a day to come"
    takes = _minutes(1.5 * len(lines))
    return _row(newest, 31, "tariffmodel refresh news", takes, remark, old=without == len(lines))


def _of_law(facts: Facts, today: date) -> dict[str, Any]:
    rules = policy.checked(policy.load("current-law", facts.folder), facts.folder)
    rules = rules[rules["standing"] == "in the bill"].dropna(subset=["checked_through"])
    start, end = rules["start"].astype(str), rules["end"].fillna("9999-12-31").astype(str)
    seen = rules[(start <= f"{today}") & (end >= f"{today}")].sort_values("checked_through", kind="stable")
    first, last = (periods.parse(str(seen["checked_through"].iloc[place])).end for place in (0, -1))
    count = f"{len(seen)} rules in force, the first through {first} ({seen['entry'].iloc[0]})"
    renew = "data/policies/*.toml, then tariffmodel policies --check current-law"
    return _row(first, 31, renew, "by hand", f"{count}, the last through {last}")
