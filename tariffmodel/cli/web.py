"""The command that serves the lab to browsers."""

from __future__ import annotations

import signal
import tempfile
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from tariffmodel.cli.options import BEFORE, LAW, YEAR, Against, AsOf, Data, PeriodLabel, parse_day

app = typer.Typer()

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@app.command("app")
def app_(
    port: Annotated[int, typer.Option(help="Port of the server; 0 for a free one.")] = 8765,
    host: Annotated[
        str, typer.Option(help="Address to listen on. Default: this machine alone; 0.0.0.0 for its network.")
    ] = "127.0.0.1",
    allow_host: Annotated[
        list[str] | None,
        typer.Option("--allow-host", help="Other name that the server is called by, a proxy's; repeat it."),
    ] = None,
    policy: Annotated[
        list[str] | None,
        typer.Option(
            "--policy",
            help="Where to begin: a name, or a TOML file of your own, which is then offered too; repeat it.",
        ),
    ] = None,
    baseline: Annotated[
        str, typer.Option(help="Policy that the chosen one replaces, unless a link says.")
    ] = LAW,
    against: Against = BEFORE,
    period: PeriodLabel = YEAR,
    as_of: AsOf = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the address.")] = False,
    data: Data = None,
) -> None:
    """Serve the lab, the scenario trees and the makers' pages to browsers, until Ctrl-C."""
    from tariffmodel import facts
    from tariffmodel.lab import links
    from tariffmodel.lab.app import serve
    from tariffmodel.tariff.case import case

    known = facts.load(data)
    asked = case(baseline, against, period, parse_day(as_of) if as_of else None, known)
    shelf = links.shelf(asked, policy or [])
    if host not in _LOOPBACK:
        typer.echo(
            f"Listening on {host}: whoever reaches that address and has the token can read the policies, "
            "figures and makers' pages of this data folder. Nothing is encrypted: whoever reads the network "
            "reads the token.",
            err=True,
        )

    def ready(address: str) -> None:
        typer.echo(f"The lab is at {address}\nCtrl-C ends it.")
        if not no_browser:
            _show(address, place)

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does, processes and all
    with tempfile.TemporaryDirectory(prefix="tariffmodel-app-") as place:
        try:
            serve(shelf, host, port, allow_host or [], ready=ready)
        except KeyboardInterrupt:
            typer.echo("the lab has ended", err=True)


def _show(address: str, place: str) -> None:
    """Open the browser by a file that only its user reads: others see what programs are called with."""
    page = Path(place) / "lab.html"
    page.write_text(f'<meta http-equiv="refresh" content="0; url={address}">', encoding="utf-8")
    webbrowser.open(page.as_uri())
