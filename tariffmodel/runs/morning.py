"""What came in since an earlier run, what did it move, and which conclusions are others now: one page.

Everything is worked out from the two runs' folders and the data that the later one was made from. Each part
holds so many rows that the page stays one, and says how many more there are.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tariffmodel import columns, files
from tariffmodel.charts.house import day_text, true_minus
from tariffmodel.errors import DataError
from tariffmodel.facts import Facts, store, tables
from tariffmodel.intake import renewal
from tariffmodel.runs import diff, reasons
from tariffmodel.runs.conclusions import CONCLUSIONS, INPUTS
from tariffmodel.watch import calendar

__all__ = ["Block", "Note", "note"]

AHEAD = 14  # days in which releases are listed
LEAST_USD = 0.5e6  # a bill that moves by less is the same at the digits shown
_YEAR = 250  # sessions from which a share's usual move is taken
_ROWS = {"alerts": 3, "news": 5, "bills": 8, "markets": 8, "titles": 5, "figures": 5, "next": 6, "old": 6}
_TOOLS = {"code", "package", "notebook"}  # what computes, which no market reads
_LONGEST, _TITLE, _WHAT = 200, 105, 56  # letters of a sentence, of a title, of a release
_DIRECT = ("bill_usd", "bill_rank")  # conclusions that have a table of their own
_SUBJECT = ["notebook", "quantity", "subject"]
_PARTS = {"by_facts_usd": "figures", "by_law_usd": "law", "by_rest_usd": "other"}


@dataclass(frozen=True)
class Block:
    """A part of a note: sentences, then a table whose first `words` columns hold words, the others figures.

    >>> Block("What is next", says=("Nothing within 14 days.",)).rows
    ()
    """

    title: str
    says: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    words: int = 1


@dataclass(frozen=True)
class Note:
    """What a morning note says, before it is a page, a mail or a text.

    Attributes
    ----------
    title, about : str
        What is asked; which two runs are compared, and as of which days.
    headline : str
        What changed most, or that nothing did.
    alerts : tuple of str
        What failed, or makes the comparison doubtful.
    blocks : tuple of Block
        Empty ones are left out.
    foot : str
        Where the rest stands.

    Examples
    --------
    >>> said = Note("Flat 25%", "Since run one.", "Nothing changed.", (), (), "report.html")
    >>> said.headline
    'Nothing changed.'
    """

    title: str
    about: str
    headline: str
    alerts: tuple[str, ...]
    blocks: tuple[Block, ...]
    foot: str


def note(folder: Path, before: Path | None, facts: Facts, now: datetime | None = None) -> Note:
    """The morning note of a run.

    Parameters
    ----------
    folder : Path
        Of the run; it need not have ended well.
    before : Path, optional
        Folder of the earlier run; None says that there is none.
    facts : Facts
        Those that the run was made from.
    now : datetime, optional
        With its time zone; what is next and what is old are seen from it. Default: this moment. A run that
        was asked as of a past day is seen from that day.

    Raises
    ------
    DataError
        As `diff.between`; another policy, counterfactual or period than the earlier run's.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> note(Path("output/one"), None, tm.facts.load())  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    tariffmodel.errors.DataError: ...manifest.json is not a file; check the path
    """
    moment = now or datetime.now(UTC)
    about = files.json(folder / "manifest.json")
    as_of = date.fromisoformat(about["as_of"])
    past = as_of < facts.as_of  # a question about a past day knows nothing that came later
    today = as_of if past else moment.astimezone().date()
    compared = _compared(folder, before, facts, about) if before else None
    blocks = [
        *(compared.blocks if compared else ()),
        _ahead(facts.as_known(as_of) if past else facts, today),
        *([] if past else [_old(facts, moment)]),
    ]
    question = f"{about['question'][0].upper()}{about['question'][1:]}"
    since = compared.about if compared else "No earlier run to compare with."
    return Note(
        title=f"Morning note, {day_text(today)}: {question}",
        about=f"{since} This run: {about['run']}, as of {day_text(as_of)}, data {about['data_version']}.",
        headline=compared.headline if compared else _first(about),
        alerts=_most([*_faults(about), *(compared.doubts if compared else ())], "alerts"),
        blocks=tuple(block for block in blocks if block.says or block.rows),
        foot=(
            f"tariffmodel {about['tariffmodel']}. Whole comparison, charts and sources: report.html and "
            "manifest.json of the run. Not advice to trade."
        ),
    )


def _first(about: dict[str, Any]) -> str:
    asked = about["parameters"]
    return (
        f"First finished run of this question here ({asked['policy']} against {asked['against']}, "
        f"{asked['period']}): nothing to compare with. The next run with --since last tells what changed."
    )


def _faults(about: dict[str, Any]) -> Iterable[str]:
    for entry in about["notebooks"]:
        if entry["error"]:
            yield f"Failed: {entry['file']}, cell [{entry['failed_cell']}]: {entry['error']}"
    if about["data_changed"]:
        yield "The data changed while this run was under way: run it again, or its parts may not agree."


# What changed -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Compared:
    about: str
    headline: str
    doubts: tuple[str, ...]
    blocks: tuple[Block, ...]


def _compared(folder: Path, before: Path, facts: Facts, about: dict[str, Any]) -> _Compared:
    found = diff.between(before, folder)
    then = files.json(before / "manifest.json")
    for key in ("policy", "against", "period"):
        if (old := then["parameters"][key]) != (new := about["parameters"][key]):
            raise DataError(
                f"{before.name} has {key} {old}, {folder.name} has {new}; compare runs of one question, or "
                "these two with `tariffmodel diff`"
            )
    days = tuple(date.fromisoformat(one["as_of"]) for one in (then, about))
    owed = reasons.bills(before, folder, facts)
    moved = owed[owed["change_usd"].abs() >= LEAST_USD].sort_values("change_usd", key=abs, ascending=False)
    titles = _titles(before, folder, then, about)
    figures = found.conclusions["quantity"].isin(_DIRECT)
    others = replace(found, conclusions=found.conclusions[~figures])
    news = _news(found, then, facts, days, moved)
    doubts = list(found.left_out)
    if days[1] < days[0]:
        doubts.append(f"This run is as of {days[1]}, before the earlier one's {days[0]}: it reads backwards.")
    rest = _rest(found)
    nothing = found.nothing and titles.empty  # one line, not a page of parts that say so each
    return _Compared(
        about=f"Since {found.before}, started {_moment(then['created'])}, as of {day_text(days[0])}.",
        headline=_headline(found, owed, moved, titles, len(others.moved), rest),
        doubts=tuple(doubts),
        blocks=()
        if nothing
        else (
            Block("What came in", says=_most(news, "news")),
            _bills(moved, owed, rest),
            _markets(before, folder, facts),
            _sentences(titles),
            _figures(others, _said(before), _said(folder)),
        ),
    )


def _headline(
    found: diff.Changes,
    owed: pd.DataFrame,
    moved: pd.DataFrame,
    titles: pd.DataFrame,
    figures: int,
    rest: str,
) -> str:
    """What changed most, with its sign."""
    if found.nothing and titles.empty:
        return f"Nothing changed: same inputs, same conclusions as {found.before}."
    if owed.empty:
        bills = "Bills are not compared: no run of notebook 02 in both"
    elif moved.empty:
        bills = "No bill moved"
    else:
        row, total = moved.iloc[0], moved["change_usd"].sum()
        why = _why(row, rest)
        bills = (
            f"{moved.index[0]} owes {_usd(abs(row['change_usd']))} "
            f"{'more' if row['change_usd'] > 0 else 'less'}: {_usd(row['bill_usd'])} after "
            f"{_usd(row['bill_before_usd'])}{f' ({why})' if why else ''}"
        )
        if len(moved) > 1:
            bills += f"; {len(moved)} bills moved, {_usd(total, '+')} together"
    if len(titles) or figures:
        said = f"{_count(len(titles), 'conclusion')} in words and {_count(figures, 'other figure')} changed"
    else:
        kinds = set(found.inputs["what"])
        came = "the code changed" if kinds <= _TOOLS else "inputs came in"
        said = f"{came}, and no conclusion changed" if kinds else "no conclusion changed"
    return true_minus(f"{bills}; {said}.")


def _rest(found: diff.Changes) -> str:
    """What may be behind a change that neither figures nor law explain: the other inputs that changed."""
    kinds = set(found.inputs["what"]) & {"code", "package", "notebook", "data", "fx"}
    names = {"package": "packages", "notebook": "notebooks", "data": "other data", "fx": "rates"}
    return ", ".join(sorted(names.get(kind, kind) for kind in kinds)) or "unexplained"


def _why(row: pd.Series, rest: str) -> str:
    """What a change comes from, the largest first, in USD m; empty where it could not be worked out."""
    parts = [(float(row[name]), rest if name == "by_rest_usd" else said) for name, said in _PARTS.items()]
    shown = sorted((part for part in parts if abs(part[0]) >= LEAST_USD), key=lambda part: -abs(part[0]))
    if len(shown) == 1:
        return shown[0][1]
    return true_minus(", ".join(f"{said} {usd / 1e6:+,.0f}" for usd, said in shown))


def _bills(moved: pd.DataFrame, owed: pd.DataFrame, rest: str) -> Block:
    title = "Bills that moved, USD m (range)"
    if owed.empty:
        return Block(title)
    if moved.empty:
        return Block(title, says=(f"None of {len(owed)} by as much as USD {LEAST_USD / 1e6:.1f} m.",))
    parts = {name: said for name, said in _PARTS.items() if (moved[name].abs() >= LEAST_USD).any()}
    rows = tuple(
        (
            str(maker),
            _millions(row["bill_before_usd"]),
            _ranged(row),
            _millions(row["change_usd"], "+"),
            *(_millions(row[name], "+") for name in parts),
        )
        for maker, row in moved.head(_ROWS["bills"]).iterrows()
    )
    over = moved.iloc[_ROWS["bills"] :]["change_usd"]
    more = [f"{len(over)} more, {_usd(over.sum(), '+')} together."] if len(over) else []
    if "by_rest_usd" in parts:
        more.append(f"Other: {rest}.")
    if moved["by_rest_usd"].isna().any():
        more.append("What moved them cannot be worked out: the data in use give other bills.")
    heads = ("Maker", "Earlier", "Now", "Change", *(f"by {said}" for said in parts.values()))
    return Block(title, (" ".join(more),) if more else (), heads, rows)


def _millions(usd: float, sign: str = "") -> str:
    if abs(usd) < LEAST_USD:
        return "0"
    return true_minus(f"{usd / 1e6:{sign},.0f}") if usd == usd else "–"


def _ranged(row: pd.Series) -> str:
    value, low, high = (row[f"bill{end}_usd"] / 1e6 for end in ("", "_low", "_high"))
    return f"{value:,.0f}" + (f" ({low:,.0f}–{high:,.0f})" if low == low else "")


# What came in -------------------------------------------------------------------------------------


def _news(
    found: diff.Changes, then: dict[str, Any], facts: Facts, days: Sequence[date], moved: pd.DataFrame
) -> list[str]:
    """Inputs that changed, the figures of makers whose bill moved most first, and what happened since."""
    heavy = found.facts["maker"].map(moved["change_usd"].abs()).fillna(0).astype(float)
    order = heavy.sort_values(ascending=False, kind="stable").index
    told = found.facts.loc[order].assign(variable=found.facts["variable"].map(_words))
    grown = _grown(found.inputs, then, facts.folder)
    inputs = found.inputs
    laws = {f"policies/{then['parameters'][role]}.toml" for role in ("policy", "against")}
    entries = inputs.loc[inputs["what"] == "policy", "name"].str.startswith(("policy", "against")).any()
    known = inputs["name"].isin({*grown, *(laws if entries else ())})
    known |= (inputs["what"] == "parameter") & (inputs["name"] == "as_of")
    said = replace(found, facts=told, inputs=inputs[~known]).inputs_told()
    said = [text.replace("Policy: policy: ", "Policy: ") for text in said]
    said += [f"{name}: {rows}." for name, rows in grown.items()]
    happened = sorted([*_events(facts, *days), *_announced(facts, *days)], reverse=True)
    if happened:
        dated = [f"{what} ({day})" for day, what in happened]
        said.append(f"Happened, {len(happened)}, the newest: {_few(dated, 2)}.")
    order_of = ("Selected facts", "Happened", "Policy", "Facts")
    said.sort(key=lambda text: next((n for n, w in enumerate(order_of) if text.startswith(w)), len(order_of)))
    if not said:
        return ["Nothing: no figure, price, rate, law or file changed."]
    return said


def _grown(inputs: pd.DataFrame, then: dict[str, Any], folder: Path) -> dict[str, str]:
    """Rows that came into each changed table and went out of it, where its earlier state is still there."""
    digests = {entry["file"]: entry["sha256"] for entry in then["data"]}
    told = {}
    for name in inputs.loc[inputs["name"].str.endswith(".csv"), "name"]:
        states = [folder / name, *sorted(folder.glob(f"store/[!.]*/{name}"))]
        texts = [files.content(path, files.TABLE_BYTES) for path in states if path.is_file()]
        old = next((text for text in texts if hashlib.sha256(text).hexdigest() == digests.get(name)), None)
        if old is None or not texts:
            continue
        current = files.content(store.path(folder, name), files.TABLE_BYTES)
        rows = [set(text.splitlines()[1:]) for text in (old, current)]
        told[name] = f"{_count(len(rows[1] - rows[0]), 'row')} in, {len(rows[0] - rows[1])} out"
    return told


def _events(facts: Facts, start: date, end: date) -> list[tuple[str, str]]:
    """Events of the list between two days."""
    rows = tables.read(facts, "events/events.csv")
    rows = rows[(rows["date"].astype(str) > f"{start}") & (rows["date"].astype(str) <= f"{end}")]
    return [(str(row.date)[:10], _cut(row.label, 60)) for row in rows.itertuples()]


def _announced(facts: Facts, start: date, end: date) -> list[tuple[str, str]]:
    """Announcements of plants, jobs and layoffs between two days."""
    rows = calendar.came_in(facts.as_known(min(end, facts.as_of)), start)
    rows = rows[rows["value"].isna()]
    return [(f"{row.known_day:%Y-%m-%d}", _cut(f"{row.maker}: {row.what}", 60)) for row in rows.itertuples()]


# Markets ------------------------------------------------------------------------------------------


def _markets(before: Path, after: Path, facts: Facts) -> Block:
    """Shares and currencies on the later run's panel, from the last day of the earlier one on."""
    shares = {str(line): str(maker) for maker, line in facts.makers["ticker"].dropna().items()}
    rows = []
    for kind, names in (("prices", shares), ("fx", None)):
        then, now = (files.parquet(folder / INPUTS[kind]) for folder in (before, after))
        rows += [
            (names[line] if names else f"{line[:3]}/{line[3:]}", *move)
            for line in map(str, now)
            if line in then and (not names or line in names) and (move := _move(then[line], now[line]))
        ]
    title = "Shares and currencies"
    if not rows:
        return Block(title, says=("No later price or rate than the earlier run had.",))
    found = pd.DataFrame(rows, columns=["line", "last", "change", "usual"])
    found = found.reindex(found["usual"].abs().fillna(0).sort_values(ascending=False).index)
    top: Any = found.head(_ROWS["markets"])
    cells = tuple(
        (
            str(row.line),
            f"{row.last.day} {row.last:%b}",
            true_minus(f"{row.change:+.1%}"),
            "" if pd.isna(row.usual) else f"{abs(row.usual):.1f}",
        )
        for row in top.itertuples()
    )
    rest = len(found) - len(top)
    usual = f"Since the earlier run; usual: standard deviation of the {_YEAR} sessions before."
    more = (f"{rest} more moved less. {usual}" if rest else usual,)
    return Block(title, more, ("", "Last", "Change", "× usual"), cells, words=2)


def _move(then: pd.Series, now: pd.Series) -> tuple[date, float, float] | None:
    """Last day, change since the earlier last day, and that over the usual move of so many sessions."""
    start: Any = then.last_valid_index()
    line: Any = now.dropna().astype(float)
    if start is None or start not in line.index or line.index[-1] <= start:
        return None
    returns: Any = pd.Series(np.log(line)).diff().dropna()
    since = returns.loc[returns.index > start]
    usual = returns.loc[returns.index <= start].tail(_YEAR).std() * np.sqrt(len(since))
    ratio = since.sum() / usual if usual > 0 else np.nan
    return line.index[-1].date(), float(np.expm1(since.sum())), float(ratio)


# Conclusions --------------------------------------------------------------------------------------


def _titles(before: Path, after: Path, then: dict[str, Any], about: dict[str, Any]) -> pd.DataFrame:
    """Titles of charts, which are what the notebooks conclude in words, that are others now.

    Titles that changed in their words, not in their numbers alone, come first.
    """
    well = [
        {entry["file"][:2] for entry in one["notebooks"] if entry["status"] == "ok"} for one in (then, about)
    ]
    both = sorted(
        path.name for path in (after / "charts").glob("*.json") if (before / "charts" / path.name).is_file()
    )
    pairs = []
    for name in both:
        if name[:2] in well[0] & well[1]:
            old, new = (
                str(files.json(folder / "charts" / name).get("title", "")) for folder in (before, after)
            )
            if old != new:
                pairs.append((old, new, _wording(old) != _wording(new)))
    found = pd.DataFrame(pairs, columns=["before", "after", "reworded"]).drop_duplicates(["before", "after"])
    return found.sort_values("reworded", ascending=False, kind="stable", ignore_index=True)


def _wording(title: str) -> str:
    return re.sub(r"[−+-]?\d[\d.,]*", "#", title)


def _sentences(titles: pd.DataFrame) -> Block:
    top = titles.head(_ROWS["titles"])
    rows = tuple(
        (_cut(old, _TITLE), _cut(new, _TITLE))
        for old, new in top[["before", "after"]].itertuples(index=False)
    )
    over = len(titles) - len(top)
    more = (
        (f"{_count(over, 'more sentence')} changed, most in {'its' if over == 1 else 'their'} numbers.",)
        if over
        else ()
    )
    title = "Conclusions that changed, in words"
    if titles.empty:
        return Block(title, says=("None.",))
    return Block(title, more, ("Earlier", "Now"), rows, words=2)


def _figures(others: diff.Changes, said: pd.DataFrame, now: pd.DataFrame) -> Block:
    """Betas, slopes, probabilities and other figures: changes of sign and significance first."""
    moved = others.moved
    if moved.empty:
        return Block("Other figures that changed", says=("None.",))
    counts = moved["flag"].value_counts()
    told = ", ".join(f"{flag} {counts[flag]}" for flag in diff.FLAGS if flag in counts)
    # two of a kind, or one kind would fill the page
    top: Any = moved.groupby(["flag", "quantity"], sort=False).head(2).head(_ROWS["figures"])
    cells = tuple(
        (
            _named(row.quantity),
            _cut(row.subject, 32),
            row.flag,
            _stated(row.before, row.unit, said, row),
            _stated(row.after, row.unit, now, row),
        )
        for row in top.itertuples()
    )
    title = "Other figures that changed (interval, or standard error)"
    heads = ("Figure", "Of", "", "Earlier", "Now")
    return Block(title, (f"{told[0].upper()}{told[1:]}.",), heads, cells, words=3)


def _stated(value: float, unit: str, said: pd.DataFrame, row: Any) -> str:
    """A figure of a run as it stated it, with its interval or its standard error."""
    if value != value:
        return "–"
    one: Any = said.T[row.notebook, row.quantity, row.subject]
    text = diff.figure(value, unit)
    if one["low"] == one["low"]:
        ends = [diff.figure(one[end], unit).removeprefix("USD ") for end in ("low", "high")]
        text += f" ({' to '.join(ends)})"
    elif one["standard_error"] == one["standard_error"]:
        text += f" (± {diff.figure(one['standard_error'], unit)})"
    return true_minus(text.replace("USD -", "USD −"))


def _said(folder: Path) -> pd.DataFrame:
    """What a run concludes, by notebook, quantity and subject."""
    said = files.csv(folder / CONCLUSIONS).drop_duplicates(_SUBJECT).set_index(_SUBJECT).sort_index()
    return said.astype({"low": float, "high": float, "standard_error": float})


def _words(variable: str) -> str:
    return re.sub("^us ", "US ", variable.replace("_", " "))


def _named(quantity: str) -> str:
    """What a quantity is called, where the table of result columns has it."""
    try:
        return columns.column(quantity).title
    except (DataError, KeyError):
        return quantity.replace("_", " ")


# What is next, and what is old --------------------------------------------------------------------


def _ahead(facts: Facts, today: date) -> Block:
    rows = calendar.upcoming(facts, today, AHEAD)
    soon = rows[rows["first_day"] <= pd.Timestamp(today) + pd.Timedelta(days=AHEAD)]
    title = f"Next {AHEAD} days"
    if soon.empty:
        later: Any = rows.head(1)
        told = [f"; next is {_cut(row.what)}, {day_text(row.first_day)}" for row in later.itertuples()]
        return Block(title, says=(f"Nothing of the calendar{''.join(told)}.",))
    top: Any = soon.head(_ROWS["next"])
    cells = tuple(
        (
            _span(row.first_day, row.last_day),
            _cut(row.what, _WHAT),
            _cut(str(row.countries).replace("|", ", "), 10),
        )
        for row in top.itertuples()
    )
    over = len(soon) - len(cells)
    more = (f"{over} more; tariffmodel watch lists them.",) if over else ()
    return Block(title, more, ("When", "What", "Where"), cells, words=3)


def _span(first: pd.Timestamp, last: pd.Timestamp) -> str:
    """Days of this and the next month, without their year."""
    if first == last:
        return f"{first.day} {first:%b}"
    return f"{first.day}{f' {first:%b}' if first.month != last.month else ''}–{last.day} {last:%b}"


def _old(facts: Facts, now: datetime) -> Block:
    found = renewal.status(facts, now)
    old = found[found["old"]]
    if old.empty:
        return Block("What is old", says=("Nothing.",))
    cells = tuple(
        (str(what), str(row["newest"]).rpartition("..")[2], _command(str(row["renew"])))
        for what, row in old.head(_ROWS["old"]).iterrows()
    )
    over = len(old) - len(cells)
    return Block(
        "What is old",
        (f"{over} more; tariffmodel status.",) if over else (),
        ("Data", "Newest", "tariffmodel"),
        cells,
        words=3,
    )


def _command(renew: str) -> str:
    return _cut(renew.removeprefix("tariffmodel ").partition(",")[0], 22)


# Words --------------------------------------------------------------------------------------------


def _cut(text: object, longest: int = _LONGEST) -> str:
    said = " ".join(str(text).split())
    if len(said) <= longest:
        return said
    return f"{said[:longest].rpartition(' ')[0].rstrip(' ,;:') or said[: longest - 1]}…"


def _most(said: Sequence[str], kind: str) -> tuple[str, ...]:
    """As many sentences as the page has room for, and how many more there are."""
    shown = said if len(said) <= _ROWS[kind] else said[: _ROWS[kind] - 1]
    more = [f"{len(said) - len(shown)} more, in report.html."] if len(shown) < len(said) else []
    return tuple(map(_cut, [*shown, *more]))


def _few(parts: Sequence[str], most: int = 3) -> str:
    more = f" and {len(parts) - most} more" if len(parts) > most else ""
    return "; ".join(parts[:most]) + more


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'s' * (number != 1)}"


def _usd(value: float, sign: str = "") -> str:
    scale, word, form = (1e9, "bn", ".2f") if abs(value) >= 1e9 else (1e6, "m", ",.0f")
    return true_minus(f"USD {value / scale:{sign}{form}} {word}")


def _moment(created: str) -> str:
    moment = datetime.fromisoformat(created)
    return f"{day_text(moment.date())}, {moment:%H:%M} UTC"
