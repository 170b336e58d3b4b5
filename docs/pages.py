"""Which pages are written by what they describe?

The policies, the codebook, the result columns, the notebooks and the API: `write` makes their pages from the
files and modules themselves, into ``docs/made/``, before each build. A page that is the same is left alone.
"""

from __future__ import annotations

import csv
import inspect
import json
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import typer.main

import tariffmodel as tm
from tariffmodel import cli

TOP = Path(__file__).resolve().parents[1]
DATA, NOTEBOOKS, MADE = TOP / "data", TOP / "notebooks", TOP / "docs" / "made"
WINGS = {  # in the order in which each knows only those before it
    "facts": "What the sources say",
    "stats": "Arrays in, results out",
    "tariff": "What follows from the law",
    "response": "What makers do about a tariff",
    "markets": "Shares and currencies",
    "hedging": "What hedges a position",
    "scenarios": "What could happen",
    "spillovers": "Who feels it at second hand",
    "watch": "What the running year will have been",
    "intake": "What comes in from outside",
    "charts": "Charts",
    "runs": "Runs, reports and exports",
    "lab": "Sliders",
    "": "For all of them",
}
KINDS = {
    "mfn": "Ordinary duty and preferences",
    "additional": "Measures on top",
    "offset": "Offset for US assembly",
    "relief": "Rate that falls with contribution",
    "credit": "Credits",
}
_RATES = {"rate", "base", "slope", "floor", "cap", "quota_rate"}
_ELSEWHERE = {  # keys of an entry that have a place of their own on its row
    *("id", "origin", "product", "from", "to", "usable_from", "enacted", "to_enacted", "voided"),
    "refundable_from",
    *("source", "url", "quality", "note", "checked_through", "hts_revision"),
}
_WIDE = "---\nhtml_theme.sidebar_secondary.remove: true\n---\n\n"  # no list of headings beside the text
_BY_ROW = "see source columns of the row"

Row = Sequence[str]


def write() -> None:
    """Write every page anew, and remove those whose subject is gone."""
    texts = policies() | codebook() | results() | notebooks() | api() | commands() | reach()
    for path in MADE.rglob("*.*") if MADE.is_dir() else []:
        if path.relative_to(MADE).as_posix() not in texts:
            path.unlink()
    for name, text in texts.items():
        path = MADE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


# Policies -----------------------------------------------------------------------------------------


def policies() -> dict[str, str]:
    """A page for each policy file, and one that lists them."""
    files = {path.stem: path for path in sorted((DATA / "policies").glob("*.toml"))}
    read = {name: tomllib.loads(path.read_text(encoding="utf-8")) for name, path in files.items()}
    law_first = sorted(read.items(), key=lambda item: (_status(item[1]) != "law", item[0]))
    listed = [(f"[{one['title']}](policies/{name}.md)", f"`{name}`", _status(one)) for name, one in law_first]
    pages = {f"policies/{name}.md": _policy(name, document) for name, document in read.items()}
    pages["policies.md"] = _page(
        "Policies",
        "The law and what might replace it, as dated files in `data/policies/`. A command or a function "
        "takes a policy by its name or the path of a file; [Write a policy](../howto/policy.md) says how "
        "such a file is built. This page and those below it are made from the files.",
        _table(("Policy", "Name", "Status"), listed),
        _toctree([f"policies/{name}" for name in read]),
    )
    return pages


def _policy(name: str, document: dict[str, Any]) -> str:
    base, frozen = document.get("base"), document.get("frozen_on")
    as_it_stood = f" as it stood on {frozen}" if frozen else ""
    about = [
        f"- Name: `{name}`",
        f"- On charts: {_plain(document.get('label', name))}",
        f"- Status: {_status(document)}",
        f"- Base: [{base}]({base}.md){as_it_stood}; what is not named below is as it stands there"
        if base
        else "- Base: none; everything is named below",
    ]
    if "checked_on" in document:
        about.append(f"- Checked on: {document['checked_on']}")
    parts = [_plain(" ".join(document.get("description", "").split())), "\n".join(about)]
    for kind, title in KINDS.items():
        if entries := document.get(kind):
            rows = [(_plain(one["id"]), _rule(one), _dates(one), _source(one)) for one in entries]
            headings = ("Entry", "What it says", "Dates", "Source")
            parts += [f"## {title}", _table(headings, rows)]
    golden = DATA / "policies" / f"{name}.golden.csv"
    if golden.is_file():
        parts += ["## Result", *_golden(golden)]
    file = f"../../../data/policies/{name}.toml"
    parts += ["## The file", f":::{{literalinclude}} {file}\n:language: toml\n:::"]
    return _WIDE + _page(_plain(document["title"]), *parts)


def _status(document: dict[str, Any]) -> str:
    return str(document.get("status", "proposal"))


def _rule(entry: dict[str, Any]) -> str:
    goods = " from ".join(", ".join(_listed(entry[key])) for key in ("product", "origin") if key in entry)
    lines = [goods.replace("from *", "from everywhere")]
    lines += [f"{key} {_value(key, value)}" for key, value in entry.items() if key not in _ELSEWHERE]
    return "<br>".join(_plain(line.replace("_", " ")) for line in lines if line)


def _value(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        said = {name: _value(name, inner) for name, inner in value.items()}
        nested = any(isinstance(inner, dict) for inner in value.values())
        return "; ".join(f"{name} ({text})" if nested else f"{name} {text}" for name, text in said.items())
    if isinstance(value, list):
        return "; ".join(_value(key, inner) for inner in value)
    if isinstance(value, int | float):
        return f"{100 * value:.6g}%" if key in _RATES else f"{value:,}".removesuffix(".0")
    return str(value)


def _dates(entry: dict[str, Any]) -> str:
    """First and last day, and when an entry can be used or was enacted."""
    said = {"from": "from", "to": "to", "usable_from": "usable from"}
    said |= {"enacted": "enacted", "to_enacted": "end enacted", "voided": "held void"}
    said |= {"refundable_from": "refundable from"}
    said |= {"checked_through": "followed through"}
    lines = [f'{words} <span class="day">{entry[key]}</span>' for key, words in said.items() if key in entry]
    if entry["from"] <= date(1900, 1, 1):
        lines[0] = "always"
    return "<br>".join(lines)


def _source(entry: dict[str, Any]) -> str:
    text, quality, note = _plain(entry["source"]), entry.get("quality", "reported"), entry.get("note")
    linked = f"[{text}](<{entry['url']}>)" if entry.get("url") else text
    graded = f"{linked} ({quality})" if quality != "reported" else linked
    return f"{graded}<br>{_plain(note)}" if note else graded


def _golden(path: Path) -> list[str]:
    rows = sorted(_read(path), key=lambda row: -float(row["bill_usd"]))
    cells = [
        (
            _plain(row["maker"]),
            f"{float(row['bill_usd']) / 1e9:,.2f}",
            f"{float(row['effective_rate']):.1%}" if row["effective_rate"] else "–",
        )
        for row in rows
    ]
    what = f"Bill of each maker in {rows[0]['period']} against the law before April 2025, and average rate on"
    table = _table(("Maker", "Bill, USD bn", "Average rate"), cells)
    return [f"{what} its vehicles. The tests compute it anew.", table]


# Codebook and result columns ----------------------------------------------------------------------


def codebook() -> dict[str, str]:
    """Every variable of the data, one table for each file."""
    files: dict[str, list[Row]] = defaultdict(list)
    for row in _read(DATA / "codebook.csv"):
        name = row["variable"].replace("variable=", "")
        source = "" if row["source"] == _BY_ROW else f"<br>*{_plain(row['source'])}*"
        files[row["file"]].append((f"`{name}`", _plain(row["definition"]) + source, _plain(row["unit"])))
    parts = []
    for file, rows in files.items():
        parts += [f"## {_plain(file)}", _table(("Variable", "Definition", "Unit"), rows)]
    page = _page(
        "Codebook",
        "Every variable of the data: what it is, in which unit, and, where the row itself does not say so, "
        "where it comes from. Made from `data/codebook.csv`. Beside each data file stands a note, "
        "`*.SOURCE.md`, on where it comes from and how far to trust it. The columns of results are on "
        "[their own page](results.md).",
        *parts,
    )
    return {"codebook.md": page}


def results() -> dict[str, str]:
    """Every column of a result: what it is, its unit and its heading."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in _read(TOP / "tariffmodel" / "columns.csv"):
        said = (_plain(row[key]) for key in ("definition", "unit", "heading"))
        groups[row["result"]].append((f"`{row['name']}`", *said))
    headings, parts = ("Column", "Definition", "Unit", "Heading"), []
    for result in sorted(groups):
        title = f"Only in {_plain(result)}" if result else "In every result"
        parts += [f"## {title}", _table(headings, groups[result])]
    page = _page(
        "Result columns",
        "What each column of a result is: its definition, its unit, and its heading in tables and charts. "
        "A name means the same in every result, except where a section below says otherwise. In Python, "
        "`tm.columns.describe` says it of a frame. Made from `tariffmodel/columns.csv`.",
        *parts,
    )
    return {"results.md": page}


# Notebooks ----------------------------------------------------------------------------------------


def notebooks() -> dict[str, str]:
    """The notebooks as they are kept, each with a line on how to see its results, and a list of them."""
    pages, listed = {}, []
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        note = json.loads(path.read_text(encoding="utf-8"))
        title, _, rest = "".join(note["cells"][0]["source"]).partition("\n")
        question = " ".join(rest.strip().partition("\n\n")[0].split()).replace("](", "](notebooks/")
        listed.append((f"[{title.lstrip('# ')}](notebooks/{path.name})", f"`{path.stem}`", question))
        run = f'`make run ARGS="--only {path.name[:2]}"`' if path.name[:2].isdigit() else "`make lab`"
        how = f"*Text and code, as in `notebooks/{path.name}`; {run} computes the results.*"
        note["cells"][0]["source"] = f"{title}\n\n{how}\n{rest}"
        for cell in note["cells"]:
            cell["source"] = _anchors("".join(cell["source"]))
        pages[f"notebooks/{path.name}"] = json.dumps(note, ensure_ascii=False, indent=1)
    pages["notebooks.md"] = _page(
        "Notebooks",
        "Each reads like a short research note: it opens with its question and computes every sentence "
        "that states a result. The repository keeps them without outputs, so the pages below have text and "
        "code only. `make run` executes all of them and leaves one report, `output/latest/report.html`; "
        "`make lab` opens them in JupyterLab.",
        _table(("Question", "Notebook", "What it is about"), listed),
        _toctree([f"notebooks/{Path(name).stem}" for name in pages]),
    )
    return pages


def _anchors(text: str) -> str:
    """Links into other notebooks as Sphinx has them: Jupyter keeps capitals in an anchor."""
    return re.sub(r"(\.ipynb#)([\w-]+)", lambda found: found[1] + found[2].lower(), text)


# API ----------------------------------------------------------------------------------------------


def api() -> dict[str, str]:
    """A page for each public module, and one that lists them by wing."""
    modules = public_modules()
    wings: dict[str, list[str]] = {wing: [] for wing in WINGS}
    for name in sorted(modules):
        wings[_wing(modules[name])].append(name)
    tables, trees = [], []
    for wing, names in wings.items():
        rows = [(f"[`{_called(name, modules)}`](api/{name}.rst)", _question(modules[name])) for name in names]
        tables += [f"## {WINGS[wing]}", _table(("Module", "What it answers"), rows)]
        trees.append(_toctree([f"api/{name}" for name in names], WINGS[wing]))
    pages = {f"api/{name}.rst": _module(name, modules) for name in modules}
    pages["api.md"] = _page(
        "API",
        "```python\nimport tariffmodel as tm\n```",
        "Each module answers one question. They stand below in the order in which each knows only those "
        "before it. [Versions](../about/versions.md) says what is public and how a name is withdrawn.",
        *tables,
        *trees,
    )
    return pages


def commands() -> dict[str, str]:
    """Every command of the terminal with its arguments and options."""
    root = typer.main.get_command(cli.app)
    return {"commands.md": "\n\n".join(_commands(root, "tariffmodel")) + "\n"}


def reach() -> dict[str, str]:
    """How far the booked cost is from what companies stated, for the page on limits."""
    asked = tm.case()
    said = tm.validation.disclosed(asked)
    score, homes = tm.validation.summary(said), tm.validation.by_home(asked.facts, said)
    rows = [
        (f"{name} ({row['n']:.0f})", *_scored(row)) for name, row in (*score.iterrows(), *homes.iterrows())
    ]
    one = said[said["headline"]].set_index("maker")
    each = [
        (maker, str(row["period"]), f"{row['error']:+.0%}", "yes" if row["inside_range"] else "no")
        for maker, row in one.reindex(one["error"].abs().sort_values(ascending=False).index).iterrows()
    ]
    heads = ("Statements", "Median error", "Bias", "Inside the inputs' range", "Its median width")
    tables = [_table(heads, rows), _table(("Maker", "Period", "Error", "Inside"), each)]
    return {"reach.md": "\n\n".join([f"As of {asked.as_of}:", *tables]) + "\n"}


def _scored(row: Any) -> tuple[str, ...]:
    columns = (
        ("median_absolute_error", ".0%"),
        ("bias", "+.0%"),
        ("inside_range", ".0%"),
        ("width_range", ".0%"),
    )
    return tuple(format(row[name], form) for name, form in columns)


def _commands(command: Any, called: str) -> list[str]:
    inner = getattr(command, "commands", {})
    parts = [part for name, one in inner.items() for part in _commands(one, f"{called} {name}")]
    if inner:
        return parts
    rows = []
    for one in command.params:
        if one.name == "help":
            continue
        argument = one.param_type_name == "argument"
        words = (one.metavar or one.name) if argument else ", ".join([*one.opts, *one.secondary_opts])
        usual = one.default if isinstance(one.default, str | int | float) and one.default is not False else ""
        rows.append((f"`{words}`".replace("|", "\\|"), one.help or "", f"`{usual}`" if usual != "" else ""))
    about = " ".join((command.help or "").split())
    return [f"### `{called}`", about, *([_table(("Word", "What it is", "Default"), rows)] if rows else [])]


def public_modules() -> dict[str, ModuleType]:
    """Public modules by the name that they have on the package; that of a single object is its file's."""
    found = {}
    for name in tm.__all__:
        one = getattr(tm, name)
        if inspect.ismodule(one):
            found[name] = one
        elif home := inspect.getmodule(one):
            found[home.__name__.rpartition(".")[2]] = home
    return found


def objects(module: ModuleType) -> list[str]:
    """Names of objects of a module that are on the package themselves, such as `tm.case`."""
    return [name for name in tm.__all__ if getattr(getattr(tm, name), "__module__", None) == module.__name__]


def members(module: ModuleType) -> list[str]:
    """Public functions and classes of a module, in the order of its ``__all__`` or of the file."""
    listed = getattr(module, "__all__", None)
    return [
        name
        for name in listed or [name for name in vars(module) if not name.startswith("_")]
        if (inspect.isfunction(one := getattr(module, name)) or inspect.isclass(one))
        and inspect.getdoc(one)
        and (listed or one.__module__ == module.__name__)
    ]


def _wing(module: ModuleType) -> str:
    wing = module.__name__.split(".")[1]
    return wing if wing in WINGS else ""


def _called(name: str, modules: dict[str, ModuleType]) -> str:
    return ", ".join(f"tm.{one}" for one in objects(modules[name]) or [name])


def _question(module: ModuleType) -> str:
    return _plain((inspect.getdoc(module) or "").partition("\n\n")[0].replace("\n", " "))


def _module(name: str, modules: dict[str, ModuleType]) -> str:
    """A page in reStructuredText, which the docstrings are written in."""
    module, title = modules[name], _called(name, modules)
    lines = [title, "=" * len(title), "", f".. automodule:: {module.__name__}", ""]
    lines += [f".. currentmodule:: {module.__name__}", ""]
    elsewhere = {other.__name__ for other in modules.values()} - {module.__name__}
    found = {one: getattr(module, one) for one in members(module)}
    if found:
        lines += [".. list-table::", "   :widths: 30 70", ""]
    for one, what in found.items():
        path = f"{what.__module__}.{one}" if what.__module__ in elsewhere else f"{module.__name__}.{one}"
        first = " ".join((inspect.getdoc(what) or "").partition("\n\n")[0].split()).replace("|", r"\|")
        lines += [f"   * - :py:obj:`{one} <{path}>`", f"     - {first}"]
    for one, what in found.items():
        if what.__module__ not in elsewhere:  # else it is described there
            inside = ["   :members:"] if inspect.isclass(what) else []
            lines += ["", f".. auto{'class' if inside else 'function'}:: {one}", *inside]
    return "\n".join([*lines, ""])


# Markdown -----------------------------------------------------------------------------------------


def _page(title: str, *parts: str) -> str:
    return "\n\n".join([f"# {title}", *parts]) + "\n"


def _table(headings: Row, rows: Iterable[Row]) -> str:
    """A table, its cells as they are given."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _toctree(names: Iterable[str], caption: str = "") -> str:
    options = [":hidden:", *([f":caption: {caption}"] if caption else [])]
    return "\n".join([":::{toctree}", *options, "", *names, ":::"])


def _plain(text: str) -> str:
    r"""Text that Markdown shows as it is.

    >>> _plain("a_b * 2 < $5")
    'a\\_b \\* 2 \\< \\$5'
    """
    return re.sub(r"([\\`*_{}\[\]<>|#$~])", r"\\\1", text)


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table))
