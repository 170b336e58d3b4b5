"""How are the notebooks run, opened, and two runs compared, from a terminal?"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from tariffmodel.cli.options import (
    BEFORE,
    LAW,
    YEAR,
    Against,
    AsOf,
    Data,
    Format,
    Language,
    Names,
    Output,
    PeriodLabel,
    PolicyName,
    Template,
    parse_day,
    print_table,
    write_frame,
)

START = "00_start_here.ipynb"

app = typer.Typer()


@app.command()
def run(
    policy: PolicyName = LAW,
    against: Against = BEFORE,
    period: PeriodLabel = YEAR,
    as_of: AsOf = None,
    output: Annotated[Path, typer.Option(help="Folder that receives one folder per run.")] = Path("output"),
    only: Annotated[str, typer.Option(help="Notebook numbers, comma-separated: 01,02. Default: all.")] = "",
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Notebooks at a time. Default: 2, or 1 on one processor.")
    ] = None,
    template: Template = None,
    since: Annotated[
        str | None,
        typer.Option(
            help="Write a morning note too, against the last run, one by name, or the newest up to a day: "
            "last, RUN, YYYY-MM-DD."
        ),
    ] = None,
    desk: Annotated[
        str,
        typer.Option(
            help="Print for the desk: pages of these makers, comma-separated, and the live workbook."
        ),
    ] = "",
    book: Annotated[
        Path | None, typer.Option(help="Print the ticket of these positions: CSV or .xlsx, one a row.")
    ] = None,
    threat: Annotated[
        str, typer.Option(help="Policy that the pages and the ticket hedge against, by name or title.")
    ] = "flat-25",
    language: Language = "en",
    names: Names = "",
    data: Data = None,
) -> None:
    """Execute the notebooks; write charts, tables, workbook, slides, a manifest and report.html."""
    from tariffmodel.charts.spoken import VARIABLE, ready
    from tariffmodel.runs import run as runs
    from tariffmodel.runs import since as earlier_runs

    os.environ[VARIABLE] = ready(language, names)  # kernels start with it
    try:
        with earlier_runs.alone(output) if since else nullcontext():
            done = runs.run(
                policy=policy,
                against=against,
                period=period,
                as_of=str(parse_day(as_of)) if as_of else None,
                output=output,
                data=data,
                only=_numbers(only),
                jobs=jobs,
                progress=not since or sys.stderr.isatty(),  # nothing on the way in a mail of cron
                template=template,
                since=since,
                makers=_words(desk, "--desk"),
                book=book,
                threat=threat,
            )
    except KeyboardInterrupt:
        typer.echo("interrupted; nothing is left of this run", err=True)
        raise typer.Exit(130) from None
    typer.echo(f"report: {done / 'report.html'}")
    if since:
        typer.echo(f"morning note: {done / 'morning.html'}")
        headline = (done / "morning.txt").read_text(encoding="utf-8").partition("\n\n")[0]
        typer.echo(
            f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {done.name}: {' '.join(headline.split())}", err=True
        )


def _numbers(only: str) -> list[str] | None:
    """``"2, 05"`` as ``["02", "05"]``; None for all."""
    return [word.zfill(2) for word in _words(only, "--only")] or None


def _words(text: str, option: str) -> list[str]:
    words = [word.strip() for word in text.split(",")]
    if text and not all(words):
        example = "01,02" if option == "--only" else "toyota,GM"
        raise typer.BadParameter(f"{text!r} has an empty place; write {example}", param_hint=option)
    return words if text else []


@app.command()
def diff(
    run1: Annotated[Path, typer.Argument(help="Folder of the earlier run.")],
    run2: Annotated[Path, typer.Argument(help="Folder of the later run.")],
    limit: Annotated[int, typer.Option(help="Conclusions to show.")] = 30,
    markdown: Annotated[Path | None, typer.Option(help="Write the whole comparison to this file.")] = None,
    format: Output = Format.table,
) -> None:
    """What changed between two runs: inputs, and which conclusions moved by how much."""
    from tariffmodel.facts import store
    from tariffmodel.runs import diff as runs

    found = runs.between(run1, run2)
    if markdown:
        store.write_whole(markdown, found.to_markdown().encode())
        typer.echo(f"comparison: {markdown}", err=format is not Format.table)
    if format.bare:
        about = {"before": found.before, "after": found.after, "summary": found.summary().splitlines()}
        write_frame(found.moved, format, about)
        return
    typer.echo(found.summary())
    shown = found.table(limit)
    table = Table(title=f"From {found.before} to {found.after}")
    for heading in map(str, shown):
        table.add_column(
            heading, justify="left" if heading in ("Quantity", "Subject", "Verdict") else "right"
        )
    for row in shown.itertuples(index=False):
        table.add_row(*map(str, row))
    if len(shown):
        print_table(table, 140, format)
    if len(found.moved) > len(shown):
        typer.echo(f"{len(found.moved) - len(shown)} more; --limit shows them")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab(
    context: typer.Context,
    port: Annotated[
        int | None, typer.Option(help="Port of the server. Default: 8888 or the next free one.")
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the address.")] = False,
) -> None:
    """Open the notebooks in JupyterLab, at 00_start_here; other options are passed on to it."""
    from tariffmodel.runs import manifest
    from tariffmodel.runs.run import notebook_folder

    folder = notebook_folder()
    if folder.parent == manifest.PACKAGE:  # installed from a wheel: nobody should edit in there
        folder = _own_copy(folder, Path("tariffmodel-notebooks"))
    command = [sys.executable, "-m", "jupyterlab", f"--notebook-dir={folder}"]
    command += ["--KernelSpecManager.kernel_dirs=[]"]  # notebooks run in this Python, whatever else is there
    if (folder / START).is_file():
        command += [f"--LabApp.default_url=/lab/tree/{START}"]
    command += [f"--port={port}"] if port else []
    command += [*(["--no-browser"] if no_browser else []), *context.args]
    server = subprocess.Popen(command)
    signal.signal(signal.SIGTERM, lambda number, frame: server.terminate())  # or it would outlive us
    while True:
        with suppress(KeyboardInterrupt):  # the server has heard it as well, and asks whether to stop
            raise typer.Exit(server.wait())


def _own_copy(source: Path, folder: Path) -> Path:
    """Copy the notebooks that are not in `folder` yet: what the user has edited stays."""
    folder.mkdir(exist_ok=True)
    absent = [path for path in sorted(source.glob("*.ipynb")) if not (folder / path.name).exists()]
    for path in absent:
        shutil.copyfile(path, folder / path.name)
    kept = len(list(source.glob("*.ipynb"))) - len(absent)
    typer.echo(f"notebooks: {folder.resolve()} ({len(absent)} copied, {kept} kept as they are)", err=True)
    return folder
