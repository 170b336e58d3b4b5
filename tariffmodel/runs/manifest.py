"""What went into a run, what came out, and how old were the data?"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
import re
import subprocess
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from nbformat import NotebookNode

from tariffmodel import __version__
from tariffmodel.facts import Facts, store
from tariffmodel.markets import market
from tariffmodel.runs import conclusions
from tariffmodel.runs.kernels import Ended
from tariffmodel.tariff import policy as policies
from tariffmodel.tariff.entries import Policy

PACKAGE = Path(__file__).resolve().parents[1]
OK, FAILED = "ok", "failed"  # a notebook's status


def begin(parameters: Mapping[str, Any], known: Facts, law: Policy, against: Policy) -> dict[str, Any]:
    """The manifest of a run that has not executed anything yet.

    >>> import tariffmodel as tm
    >>> asked = tm.case("flat-25", "none", "CY2025")
    >>> parameters = {"policy": "flat-25", "against": "none", "period": "CY2025", "as_of": "2026-10-30"}
    >>> about = begin(parameters, asked.facts, asked.policy, asked.against)
    >>> about["question"], about["complete"], about["as_of"]
    ('flat 25% against free trade, CY2025', False, '2026-10-30')
    """
    as_of = date.fromisoformat(parameters["as_of"]) if parameters["as_of"] else known.as_of
    today = None if parameters["as_of"] else date.today()  # a past day that was asked for is not late
    called = policies.labels((law, against))
    return {
        **_inputs(known, as_of, today),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "complete": False,
        "parameters": dict(parameters),
        "question": f"{called[law.name]} against {called[against.name]}, {parameters['period']}",
        "policies_sha256": _digest(conclusions.policies_text(law, against).encode()),
        "tariffmodel": __version__,
        "code_sha256": _digest(b"".join(path.read_bytes() for path in sorted(PACKAGE.rglob("*.py")))),
        "git": _git_state(PACKAGE.parent),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": _packages(),
        "notebooks": [],
        "outputs": [],
    }


def notebook(source: Path, node: NotebookNode, ended: Ended) -> dict[str, Any]:
    """The entry of an executed notebook.

    >>> from tariffmodel.runs.kernels import prepare
    >>> from tariffmodel.runs.run import choose, notebook_folder
    >>> [source] = choose(notebook_folder(), ["02"])
    >>> entry = notebook(source, prepare(source, {}), Ended(1.5, None))
    >>> entry["file"], entry["seconds"], entry["status"], entry["error"]
    ('02_exposure.ipynb', 1.5, 'ok', None)
    """
    return {
        **described(source, source.name),
        "title": _title(node, source.stem),
        "seconds": ended.seconds,
        "status": FAILED if ended.failure else OK,
        "failed_cell": ended.failure.cell if ended.failure else None,
        "error": ended.failure.error if ended.failure else None,
    }


def fingerprint(manifest: Mapping[str, Any]) -> str:
    """Digest of all that decides what a run writes.

    >>> file = {"file": "facts/volumes.csv", "sha256": "0a"}
    >>> about = {"parameters": {}, "as_of": "2026-10-30", "data": [file], "notebooks": []}
    >>> about |= dict.fromkeys(["policies_sha256", "tariffmodel", "code_sha256", "python", "packages"], "")
    >>> fingerprint(about) == fingerprint(about | {"created": "now"}), len(fingerprint(about))
    (True, 64)
    """
    shared = ("policies_sha256", "tariffmodel", "code_sha256", "python", "packages")
    decides = [manifest["parameters"], manifest["as_of"], [manifest[name] for name in shared]]
    decides += [
        {entry["file"]: entry["sha256"] for entry in manifest[kind]} for kind in ("data", "notebooks")
    ]
    return _digest(json.dumps(decides, sort_keys=True).encode())


def save(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write the manifest, whole or not at all.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as place:
    ...     save(Path(place), {"run": "one", "complete": True})
    ...     json.loads((Path(place) / "manifest.json").read_text(encoding="utf-8"))
    {'complete': True, 'run': 'one'}
    """
    text = json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    store.write_whole(folder / "manifest.json", text.encode())


def data_files(data: Path) -> list[dict[str, str | int]]:
    """Every file of the data folder that is in use, with its size and SHA-256.

    >>> import tariffmodel as tm
    >>> entries = data_files(tm.facts.load().folder)
    >>> list(entries[0]), "facts/volumes.csv" in {entry["file"] for entry in entries}
    (['file', 'size', 'sha256'], True)
    """
    return [described(path, name) for name, path in _in_use(data).items()]


def files(folder: Path) -> list[Path]:
    """Every file below `folder` that is not hidden, in one order on every machine.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as place:
    ...     for name in ("b.csv", "a.csv", ".lock"):
    ...         (Path(place) / name).touch()
    ...     [path.name for path in files(Path(place))]
    ['a.csv', 'b.csv']
    """
    found = (path for path in folder.rglob("*") if path.is_file())
    visible = (p for p in found if not any(part.startswith(".") for part in p.relative_to(folder).parts))
    return sorted(visible, key=lambda path: path.relative_to(folder).as_posix())


def described(path: Path, name: str) -> dict[str, str | int]:
    """A file's entry: its name in the manifest, size and SHA-256.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as place:
    ...     _ = (path := Path(place) / "a.csv").write_bytes(b"value")
    ...     entry = described(path, "tables/a.csv")
    >>> entry["file"], entry["size"], entry["sha256"][:8]
    ('tables/a.csv', 5, 'cd42404d')
    """
    content = path.read_bytes()
    return {"file": name, "size": len(content), "sha256": _digest(content)}


def _inputs(known: Facts, as_of: date, today: date | None) -> dict[str, Any]:
    """What the manifest says of the data: the files in use, and how old they are."""
    lines = market.status(known, as_of)
    return {
        "data": data_files(known.folder),
        "data_version": str(known.version),
        "snapshot": store.current(known.folder),
        "market": {
            name: {
                "last": f"{line.last:%Y-%m-%d}",
                "sessions_behind": line.sessions_behind,
                "stale": line.stale,
            }
            for name, line in zip(lines.index, lines.itertuples(index=False), strict=True)
        },
        "as_of": str(as_of),
        "stale": " ".join(
            filter(
                None,
                [
                    _stale(lines, known.makers["ticker"], as_of),
                    _beyond(known.fx.index[-1].date(), as_of) if today else None,
                    _late(as_of, today) if today else None,
                ],
            )
        )
        or None,
    }


def _beyond(fixed: date, as_of: date) -> str | None:
    """One sentence if prices, whose last day is then that of the results, go on after the exchange rates."""
    if len(pd.bdate_range(fixed, as_of)) <= 2:  # Tokyo closes before the fixing of its day
        return None
    return (
        f"Results are as of {as_of}, the last day of prices; exchange rates end on {fixed} and stand in from "
        "then on: tariffmodel refresh brings later rates."
    )


def _late(as_of: date, today: date) -> str | None:
    """One sentence if the data end long before the day of the run."""
    behind = len(pd.bdate_range(as_of, today)) - 1
    if behind <= market.STALE_SESSIONS:
        return None
    return (
        f"The data end on {as_of}, {behind} weekdays before this run: tariffmodel refresh brings later ones."
    )


def _stale(lines: pd.DataFrame, shares: pd.Series, as_of: date) -> str | None:
    """One sentence if prices or exchange rates end too long before the day results are stated for."""

    def told(some: pd.DataFrame, what: str) -> str:
        old = some[some["stale"]].sort_values("last", kind="stable")
        oldest = f", the oldest since {old['last'].iloc[0]:%Y-%m-%d} ({old.index[0]})" if len(old) else ""
        return f"{len(old)} of {len(some)} {what}{oldest}"

    if not lines["stale"].any():
        return None
    own = lines[lines.index.isin(shares)]
    return (
        f"Stale on {as_of}, with more than {market.STALE_SESSIONS} sessions since their last day: "
        f"{told(lines, 'market lines')}; {told(own, 'shares of makers')}."
    )


def _in_use(data: Path) -> dict[str, Path]:
    """Files of the data folder by their name in it, each the one in use; see `store`."""
    bundled = {path.relative_to(data).as_posix(): path for path in files(data)}
    used = {name: path for name, path in bundled.items() if not name.startswith("store/")}
    overlay = store.overlay(data)
    if overlay != data:
        held = {path.relative_to(overlay).as_posix(): path for path in files(overlay)}
        used |= {name: path for name, path in held.items() if name != store.ABOUT}
    return dict(sorted(used.items()))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _title(node: NotebookNode, default: str) -> str:
    """The notebook's first heading, in plain text."""
    for cell in node.cells:
        if cell.cell_type == "markdown" and (
            match := re.search(r"^#+\s+(.+?)[#\s]*$", cell.source, re.MULTILINE)
        ):
            return re.sub(r"[*`]", "", match[1])
    return default


def _packages() -> dict[str, str]:
    """Version of each direct dependency; none where this package is not installed."""
    try:
        requirements = importlib.metadata.requires("tariffmodel") or []
    except importlib.metadata.PackageNotFoundError:
        return {}
    direct = [requirement for requirement in requirements if "extra ==" not in requirement]
    names = [re.split(r"[^\w.-]", requirement, maxsplit=1)[0] for requirement in direct]
    return {name: importlib.metadata.version(name) for name in names}


def _git_state(checkout: Path) -> dict[str, str | bool] | None:
    """Commit of `checkout`, and whether files differ from it; None where it is no checkout."""
    if not (checkout / ".git").exists():
        return None
    try:
        commit = _git(checkout, "rev-parse", "HEAD")
        return {"commit": commit, "dirty": _git(checkout, "status", "--porcelain") != ""}
    except (OSError, subprocess.CalledProcessError):  # no git here, no commit yet, or not our folder
        return None


def _git(checkout: Path, *arguments: str) -> str:
    command = ["git", "-C", str(checkout), *arguments]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()
