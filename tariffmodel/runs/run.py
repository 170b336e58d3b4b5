"""What is a run: which notebooks, in what order, in which folder, and what stands in it at the end?

`run` executes the numbered notebooks with the parameters of one question (policy, counterfactual,
period, date of knowledge) and leaves one folder that can be read, archived or sent:

    output/20261123-142210-current_law-CY2025/
        report.html      every notebook in one file that never touches the network
        morning.html     what changed since an earlier run on one page, if asked; .eml and .txt beside it
        manifest.json    what went in and what came out, with hashes
        conclusions.csv  what the notebooks conclude, one figure to a row
        tables.xlsx      every exported table, formatted
        charts.pptx      every exported chart, editable where PowerPoint can draw it
        inputs/          the figures that the run started from, for a later comparison
        notebooks/       the executed notebooks
        charts/          each as PNG, SVG and PDF, with its data
        tables/          each as CSV, Markdown and LaTeX
        desk/            pages of makers, the live workbook and the ticket of a book, if asked

The folder is built under a hidden name and appears only when it is complete, so whatever is called
`output/<run>` is whole. A run in which a cell failed ends in `-failed`: mend the notebook and ask for it
alone with `only`. `output/latest` points at the newest run that did not fail.
"""

from __future__ import annotations

import errno
import itertools
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import nbformat

from tariffmodel import __version__, facts
from tariffmodel.errors import DataError, TariffModelError
from tariffmodel.facts import periods, store
from tariffmodel.files import remedy, there, writing
from tariffmodel.markets import market
from tariffmodel.runs import conclusions, diff, exports, kernels, manifest, page, slide_template
from tariffmodel.runs import since as earlier_runs
from tariffmodel.tariff import policy as policies
from tariffmodel.tariff.case import Case
from tariffmodel.tariff.case import case as ask

_KINDS = ("charts", "tables", "inputs", "desk")  # folders of a run for its readers
SHOWN = 12  # conclusions that moved since the run before, in the report


class RunError(TariffModelError):
    """A notebook failed. Everything is written all the same, into `folder`."""

    def __init__(self, message: str, folder: Path) -> None:
        super().__init__(message)
        self.folder = folder


def run(
    *,
    policy: str,
    against: str,
    period: str,
    as_of: str | None,
    output: Path = Path("output"),
    data: Path | None = None,
    only: Sequence[str] | None = None,
    jobs: int | None = None,
    progress: bool = True,
    template: Path | None = None,
    since: str | None = None,
    makers: Sequence[str] = (),
    book: Path | None = None,
    threat: str = "flat-25",
) -> Path:
    """Execute the notebooks and write the run's folder.

    If `output` holds a finished run of the same policies and period, the report says what changed
    since the newest of them, whatever its notebooks and its `as_of`.

    Parameters
    ----------
    policy, against
        The policy and the counterfactual it is compared with, by name or as a policy file.
    period
        A period label such as ``CY2025``; see `tariffmodel.periods`.
    as_of
        Ignore what was published after this ISO day; None for everything in the data.
    output
        Where runs are kept; made if missing.
    data
        A data folder to use in place of the one that comes with the package.
    only
        Numbers of the notebooks to run, such as ``["02", "05"]``; all of them by default.
    jobs
        Notebooks to execute at a time; two by default, where there are two processors. The results
        do not depend on it.
    progress
        Show a bar on a terminal, one line per notebook elsewhere. Goes to stderr.
    template
        A desk's .pptx for the slides, see `slide_template.opened`.
    since
        Write a morning note as well, see `morning`: ``"last"``, the name of a run in `output`, or a day,
        which means the newest run up to it. The report then compares with that run. Its mail is copied to
        `output`/morning.eml, that of a run in which a cell failed too; an older one there is removed first.
    makers, book, threat
        What a desk prints, into ``desk/``: pages of these makers and the live workbook; the ticket of a file
        of positions against a threat, see `desk`.

    Returns
    -------
    Path
        The finished folder, `output`/<UTC time>-<policy>-<period>.

    Raises
    ------
    RunError
        After everything is written, if a cell failed. The other notebooks have run.
    KeyboardInterrupt
        On Ctrl-C; nothing is left of the run.
    TariffModelError
        Before anything is written, if the period, a policy, the data, `jobs`, a number in `only` or
        the template is not understood, or if a fact that the bill takes was not known on `as_of`; if `since`
        is a name or a day without a run of this question; if a maker, a position or the threat is none, or a
        book cannot be hedged.

    Examples
    --------
    >>> question = {"policy": "current-law", "against": "before-april-2025", "period": "FY2026-03"}
    >>> run(**question, as_of=None, only=["02"])  # doctest: +SKIP
    PosixPath('output/20261123-142210-current-law-FY2026-03')
    """
    if since:  # whoever sends it must not send yesterday's, whatever happens today
        (Path(output) / earlier_runs.MAIL).unlink(missing_ok=True)
    jobs = kernels.processors(jobs)
    sources = choose(notebook_folder(), only)
    periods.parse(period)
    slide_template.opened(template)
    known = facts.load(facts.data_dir(data).resolve())
    # Kernels work inside the run's folder, so "." is that folder before and after it gets its name,
    # and no path of this machine is stored in the notebooks.
    parameters = {
        "policy": _portable(policy),
        "against": _portable(against),
        "period": period,
        "as_of": as_of,
        "output": ".",
    }
    law, other = (policies.load(_portable(named), known.folder) for named in (policy, against))
    asked = ask(law, other, period, as_of, known)
    _ = asked.owed  # refuses now what would fail in each notebook
    about = manifest.begin(parameters, known, law, other)
    as_of_day = date.fromisoformat(about["as_of"])
    write_desk = _desk(asked, makers, book, threat) if makers or book else None
    previous = earlier_runs.earlier(Path(output), since, parameters, "~") if since else None
    name, partial = _claim(Path(output), f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{_slug(policy)}-{_slug(period)}")
    try:
        conclusions.keep_inputs(partial, market.until(asked.facts, as_of_day), law, other)
        if write_desk:  # before what takes longest, since a book may be refused
            about["desk"] = write_desk(partial / "desk")
        notebooks = {source.name: kernels.prepare(source, parameters) for source in sources}
        ended = kernels.execute(notebooks, partial, known.folder, jobs, progress)
        (partial / "notebooks").mkdir()
        for file, node in notebooks.items():
            nbformat.write(node, partial / "notebooks" / file)
        (partial / conclusions.LOCK).unlink(missing_ok=True)
        about["notebooks"] = [manifest.notebook(s, notebooks[s.name], ended[s.name]) for s in sources]
        failed = [entry for entry in about["notebooks"] if entry["status"] != manifest.OK]
        about["run"] = name + "-failed" * bool(failed)
        about["complete"] = not failed
        about["inputs_sha256"] = manifest.fingerprint(about)
        # not the run's name: the same inputs give the same tables to the byte
        made_by = f"tariffmodel {__version__}, data {about['data_version']} as of {about['as_of']}"
        exports.write(partial, f"{made_by}, inputs {about['inputs_sha256'][:12]}.", as_of_day, template)
        about["outputs"] = [
            manifest.described(path, path.relative_to(partial).as_posix()) for path in _written(partial)
        ]
        about["data_changed"] = manifest.data_files(known.folder) != about["data"]
        manifest.save(partial, about)
        previous = previous if since else earlier_runs.last(partial.parent, parameters, name)
        text = page.render(
            about,
            list(notebooks.values()),
            folder=partial,
            sources=notebook_folder(),
            since=_since(previous, partial),
        )
        (partial / "report.html").write_text(text, encoding="utf-8")
        if since:
            written = _morning(previous, partial, known)
            about["outputs"] += [manifest.described(path, path.name) for path in written]
            manifest.save(partial, about)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise DataError(f"{error.filename or output}: {error.strerror or error}; {remedy(error)}") from error
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    folder = partial.rename(partial.with_name(about["run"]))
    if since:
        store.write_whole(folder.parent / earlier_runs.MAIL, (folder / earlier_runs.MAIL).read_bytes())
    if failed:
        places = "; ".join(
            f"notebook {entry['file']}, cell [{entry['failed_cell']}]: {entry['error']}" for entry in failed
        )
        numbers = ",".join(entry["file"][:2] for entry in failed)
        raise RunError(
            f"{places}. See {folder / 'report.html'}; `tariffmodel run --only {numbers}` runs only what "
            "failed",
            folder,
        )
    _point_latest_at(folder)
    return folder


def notebook_folder() -> Path:
    """`notebooks` inside an installed package, or beside the package in a checkout.

    Examples
    --------
    >>> notebook_folder().name
    'notebooks'
    """
    packaged = manifest.PACKAGE / "notebooks"
    return packaged if packaged.is_dir() else manifest.PACKAGE.parent / "notebooks"


def choose(folder: Path, only: Sequence[str] | None = None) -> list[Path]:
    """The numbered notebooks of a folder in their order, or those that `only` names by number.

    Examples
    --------
    >>> [path.name for path in choose(notebook_folder(), ["03", "02"])]
    ['02_exposure.ipynb', '03_validation.ipynb']
    """
    found = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    if not found:
        raise TariffModelError(f"no notebooks in {folder}; expected names such as 01_facts.ipynb")
    if not only:
        return found
    prefixes = (only,) if isinstance(only, str) else tuple(only)
    for prefix in prefixes:
        if not any(path.name.startswith(prefix) for path in found):
            names = ", ".join(path.stem for path in found)
            raise TariffModelError(f"no notebook starts with {prefix!r}; there are {names}")
    return [path for path in found if path.name.startswith(prefixes)]


# Folder -------------------------------------------------------------------------------------------


def _slug(text: str) -> str:
    """`text` as a part of a folder's name; of a policy file, its name without folder and suffix."""
    stem = Path(text).stem if _is_file(text) else text
    return re.sub(r"[^\w.]+", "-", stem).strip("-.") or "unnamed"


def _is_file(policy: str) -> bool:
    return Path(policy).suffix != "" and there(policy)


def _portable(policy: str) -> str:
    """A policy file's absolute path, because a kernel works in another folder; else the name."""
    return str(Path(policy).resolve()) if _is_file(policy) else policy


def _claim(output: Path, wanted: str) -> tuple[str, Path]:
    """A name no other run has, and its hidden folder, made: `mkdir` settles who gets the name."""
    with writing(output):
        output.mkdir(parents=True, exist_ok=True)
    for attempt in itertools.count(1):
        name = wanted if attempt == 1 else f"{wanted}-{attempt}"
        partial = output / f".{name}.partial"
        if (output / name).exists() or (output / f"{name}-failed").exists():
            continue
        try:
            partial.mkdir()
        except FileExistsError:
            continue
        except OSError as error:
            raise DataError(f"{output}: {error.strerror}; {remedy(error)}") from error
        return name, partial
    raise AssertionError("itertools.count does not end")


def _written(folder: Path) -> list[Path]:
    """What a run has made for its readers, besides the report and the notebooks."""
    single = [folder / name for name in (conclusions.CONCLUSIONS, exports.WORKBOOK, exports.DECK)]
    several = [path for kind in _KINDS for path in manifest.files(folder / kind)]
    return [path for path in single if path.is_file()] + several


def _point_latest_at(folder: Path) -> None:
    latest = folder.with_name("latest")
    if latest.exists() and latest.resolve().name > folder.name:  # names start with the time
        return  # one that was started later has ended before
    link = folder.with_name(f".latest-{folder.name}")
    try:
        link.symlink_to(folder.name, target_is_directory=True)
    except OSError as error:
        # FAT volumes, some network shares, and Windows without the privilege
        unsupported = {errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
        if error.errno in unsupported or getattr(error, "winerror", None) == 1314:
            return
        raise
    link.replace(latest)


# The run before -----------------------------------------------------------------------------------


def _since(previous: Path | None, folder: Path) -> page.Since | None:
    if previous is None:
        return None
    try:
        found = diff.between(previous, folder)
    except DataError as error:
        return page.Since(previous.name, [f"The two runs cannot be compared: {error}"], [], [], 0)
    shown = found.table(SHOWN)
    return page.Since(
        found.before,
        ["Nothing: same inputs, same conclusions."] if found.nothing else found.summary().splitlines(),
        list(shown.columns),
        shown.values.tolist(),
        len(found.moved),
    )


def _morning(previous: Path | None, folder: Path, known: facts.Facts) -> list[Path]:
    from tariffmodel.runs import morning, morning_files  # slow to import

    try:
        said = morning.note(folder, previous, known)
    except TariffModelError as error:  # a run before that was damaged does not stop this one
        told = f"The earlier run cannot be compared: {error}"
        said = replace(morning.note(folder, None, known), headline=told)
    return morning_files.write(said, folder)


def _desk(asked: Case, makers: Sequence[str], book: Path | None, threat: str) -> Callable[[Path], list[str]]:
    """Look at what is to be printed, and give what prints it."""
    from tariffmodel.runs import desk  # slow to import

    printed = desk.desk(asked, makers, book, threat)
    return lambda folder: desk.write(printed, folder)
