"""What can be asked from a terminal?

Exit codes: 0 done; 1 what was asked cannot be answered, for a reason in the data, a policy, a name or a
notebook: the message says which, and what to do; 2 the command was not understood; `cli.refresh` has more.
``--debug``, anywhere on the line, shows tracebacks.
"""

from __future__ import annotations

import re
import sys
from typing import Annotated

import typer

from tariffmodel import __version__
from tariffmodel.cli import (
    checks,
    data,
    event,
    forecast,
    grid,
    implied,
    makers,
    model,
    own,
    refresh,
    scenarios,
    spillovers,
    suite,
    trade,
    watch,
    workbook,
)
from tariffmodel.errors import TariffModelError
from tariffmodel.escapes import visible
from tariffmodel.files import remedy

app = typer.Typer(
    help="Each automaker's US tariff bill, from sourced volumes and dated law.",
    epilog="--debug, anywhere on the line, shows tracebacks.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


_ = own  # its commands are in the group `add`
for part in (
    *(
        suite,
        makers,
        model,
        checks,
        implied,
        scenarios,
        spillovers,
        refresh,
        data,
        trade,
        forecast,
        event,
        watch,
    ),
    *(workbook, grid),
):
    app.add_typer(part.app)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Entry point of the `tariffmodel` command."""
    debug = "--debug" in sys.argv
    sys.argv = [word for word in sys.argv if word != "--debug"]
    if sys.argv[1:2] != ["lab"] and any(re.match("--year(=|$)", word) for word in sys.argv):
        typer.echo("error: there is no --year; write --period, such as --period CY2024", err=True)
        sys.exit(2)
    try:
        app()
    except TariffModelError as error:
        if debug:
            raise
        typer.echo(f"error: {visible(error)}", err=True)
        sys.exit(1)
    except BrokenPipeError:  # the reader of our output has seen enough
        sys.exit(0)
    except (OSError, MemoryError) as error:
        if debug:
            raise
        typer.echo(f"error: {_refusal(error)}", err=True)
        sys.exit(1)
    except Exception as error:
        if debug:
            raise
        typer.echo(
            f"error: {type(error).__name__}: {visible(error)}\n"
            "This is a fault of tariffmodel; --debug shows where.",
            err=True,
        )
        sys.exit(1)


def _refusal(error: OSError | MemoryError) -> str:
    """What the machine refuses, and what to do about it."""
    if isinstance(error, MemoryError):
        return "there is not enough memory for this; ask for less at a time, or close other programs"
    where = f"{visible(error.filename)}: " if error.filename else ""
    return f"{where}{visible(error.strerror or error)}; {remedy(error)}"
