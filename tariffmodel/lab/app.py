"""How do colleagues reach the lab with nothing but a browser?

One server computes for all of them from one set of facts. A link is the whole state, so there is no session
to lose and nothing that a visitor could change: only GET is answered, and nothing is written.
"""

from __future__ import annotations

import asyncio
import errno
import hmac
import ipaddress
import os
import secrets
import socket
import sys
import traceback
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, Finish, HTTPError, RequestHandler

from tariffmodel.errors import DataError, TariffModelError
from tariffmodel.escapes import visible
from tariffmodel.lab import links
from tariffmodel.lab.desk import SHEET_FORMATS, WEB, Desk, rendered
from tariffmodel.lab.lanes import BusyError, Lane

PORT = 8765
TOKEN = "TARIFFMODEL_APP_TOKEN"
_SHORTEST = 24  # characters of a token of one's own
_KEPT = 512  # answers
_HEADER, _LIFE = 16_384, 60  # bytes of a request, seconds that an idle connection is kept
_OPEN = {"", "0.0.0.0", "::"}  # addresses that stand for all of the machine's
_TYPES = {
    **{kind: f"text/{kind}; charset=utf-8" for kind in ("html", "css", "csv")},
    "js": "text/javascript; charset=utf-8",
    "toml": "application/toml; charset=utf-8",
    "pdf": "application/pdf",
    "png": "image/png",
}
_OWN = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
_SHEET = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "  # no script, a style of its own
_CALLED = "Open the address that was printed when it began, or begin it with --allow-host and this name."
_ENTER = (
    "Open the address with the token, which was printed when the server began, once in this browser; then "
    "links work without it. After a restart the token is another one, unless it was set."
)
_FAULT = "This is a fault of tariffmodel; the server's terminal shows where."
_SOON = "What all makers share takes some seconds, once; a page then takes two. It opens by itself."
_NOWHERE = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


@dataclass(eq=False)
class _Served:
    """What the handlers share: who may come in, the lanes, and what was computed."""

    desk: Desk
    token: str
    hosts: set[str]
    lanes: dict[str, Lane]
    cookie: str = "tariffmodel"
    kept: OrderedDict[tuple[Any, ...], Any] = field(default_factory=OrderedDict)
    sheets: dict[str, asyncio.Task[dict[str, bytes]]] = field(default_factory=dict)

    def lets_in(self, token: str | None) -> bool:
        """Whether it is the token; how long the answer takes does not say how much of it is right."""
        return token is not None and hmac.compare_digest(token.encode(), self.token.encode())

    def is_host(self, header: str) -> bool:
        """Whether a request means this server: another site's name that leads here does not."""
        name = header.rsplit(":", 1)[0] if header.count(":") == 1 or "]:" in header else header
        with suppress(ValueError):
            ipaddress.ip_address(name.strip("[]"))
            return True  # a name can be made to lead here, an address is what was dialled
        return name.lower().rstrip(".") in self.hosts

    async def answer(self, lane: str, what: str, query: str) -> Any:
        """What a lane says, kept until a file changes that it may depend on; raises as `Lane.ask`."""
        key = (what, query, self.desk.shelf.stamp())
        if key in self.kept:
            self.kept.move_to_end(key)
            return self.kept[key]
        found = self.kept[key] = await self.lanes[lane].ask(what, query)
        while len(self.kept) > _KEPT:
            self.kept.popitem(last=False)
        return found

    def sheet(self, name: str) -> asyncio.Task[dict[str, bytes]]:
        """A maker's sheet, begun when it is first asked for; one that failed is tried again."""
        task = self.sheets.get(name)
        if task is None or (task.done() and task.exception()):
            task = self.sheets[name] = asyncio.ensure_future(self.lanes["sheets"].ask("sheet", name))
        return task


class _Handler(RequestHandler):
    """Who may come in, and what a browser may do with what it gets."""

    SUPPORTED_METHODS = ("GET",)
    csp: ClassVar[str] = _OWN
    answers_as = "html"
    guarded = True
    asking: asyncio.Future[Any] | None = None

    def initialize(self, served: _Served, lane: str = "", what: str = "", kind: str = "html") -> None:
        self.served, self.lane, self.what, self.kind = served, lane, what, kind

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.set_header("Content-Security-Policy", self.csp + _NOWHERE)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Cross-Origin-Opener-Policy", "same-origin")
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")
        self.set_header("Cache-Control", "no-store")
        self.set_header("Content-Type", _TYPES["html"])

    def prepare(self) -> None:
        if not self.served.is_host(self.request.host):
            self.refuse(403, "This server is not called so", _CALLED)
        if self.guarded:
            self._guard()

    def _guard(self) -> None:
        try:
            asked = parse_qsl(self.request.query, keep_blank_values=True, errors="strict")
        except ValueError:
            raise DataError("the link is no text; copy it again") from None
        tokens = [value for name, value in asked if name == "token"]
        if tokens and self.served.lets_in(tokens[0]):
            # the link goes on without it: what is copied, kept in the history or told to others has no token
            rest = urlencode([pair for pair in asked if pair[0] != "token"])
            sealed = self.request.headers.get("X-Forwarded-Proto") == "https"  # a proxy says so
            self.set_cookie(
                self.served.cookie, self.served.token, httponly=True, samesite="Strict", secure=sealed
            )
            self.redirect(self.request.path + (f"?{rest}" if rest else ""), status=303)
            raise Finish
        if not tokens and self.served.lets_in(self.get_cookie(self.served.cookie)):
            return
        said = self.request.headers.get
        if not tokens and said("Sec-Fetch-Site") == "cross-site" and said("Sec-Fetch-Mode") == "navigate":
            # a strict cookie is not sent from a mail or a chat in the browser: come again from this page
            self.refuse(403, "One moment", "Opening the link again, from this server.", 0)
        self.refuse(403, "This lab asks for its token", _ENTER, again=not tokens)

    def refuse(
        self, status: int, title: str, text: str, seconds: int | None = None, again: bool = False
    ) -> None:
        """End here, with the reason; the page opens itself again after `seconds`, or offers it."""
        self.set_status(status)
        if self.answers_as == "json":
            self.finish({"error": text})
        else:
            self.set_header("Content-Security-Policy", _OWN + _NOWHERE)
            self.finish(rendered("message.html.j2", title=title, text=text, seconds=seconds, again=again))
        raise Finish

    async def ask(self) -> Any:
        """What the lane answers to this request; nobody computes for a browser that has gone."""
        self.asking = asyncio.ensure_future(self.served.answer(self.lane, self.what, self.request.query))
        return await self.asking

    def on_connection_close(self) -> None:
        if self.asking:
            self.asking.cancel()

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """The reason in words; what went wrong inside is for the terminal."""
        error = kwargs.get("exc_info", (None, None))[1]
        title, text, status = "There is no such page", "Choose one of those below.", status_code
        if isinstance(error, TariffModelError):
            title, text, status = "The link asks what cannot be answered", visible(error), 400
        elif isinstance(error, BusyError):
            title, text, status = "Too many ask at once", "Try again in some seconds.", 503
        elif status_code == 405:
            title, text = "Nothing can be changed here", "Only GET is answered."
        elif status_code != 404:
            title, text = "This went wrong", _FAULT
        with suppress(Finish):
            self.refuse(status, title, text)

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Faults go to the terminal, without the request: it may hold the token."""
        if not isinstance(value, TariffModelError | HTTPError | BusyError | asyncio.CancelledError):
            said = "".join(traceback.format_exception(typ, value, tb))
            sys.stderr.write(f"{self.request.path}: {visible(said)}\n")


class _Missing(_Handler):
    guarded = False

    def prepare(self) -> None:
        super().prepare()
        raise HTTPError(404)


class _Start(_Handler):
    def get(self) -> None:
        shelf = self.served.desk.shelf
        start = shelf.start if shelf.start in shelf.names else shelf.names[0]
        self.redirect(f"/lab?{urlencode({'policy': start})}", status=303)


class _Asset(_Handler):
    guarded = False
    texts: ClassVar = {name: (WEB / name).read_bytes() for name in ("app.css", "lab.js")}

    def get(self, name: str) -> None:
        self.set_header("Content-Type", _TYPES[name.rsplit(".", 1)[1]])
        self.finish(self.texts[name])


class _Page(_Handler):
    """A page or a file."""

    async def get(self) -> None:
        found = await self.ask()
        self.set_header("Content-Type", _TYPES[self.kind])
        if self.kind != "html":
            self.set_header("Content-Disposition", f'attachment; filename="policy-lab.{self.kind}"')
        self.finish(found)


class _Fragment(_Handler):
    """A part of a page, for its script."""

    answers_as = "json"

    async def get(self) -> None:
        self.finish(await self.ask())


class _Sheet(_Handler):
    csp = _SHEET

    async def get(self, name: str, kind: str | None) -> None:
        kind = (kind or ".html")[1:]
        links.known(name, list(self.served.desk.shelf.makers), "maker")
        task = self.served.sheet(name)
        if not task.done():
            await asyncio.wait([task], timeout=0.5)
        if not task.done():
            self.refuse(202, "Computing", _SOON, 2)
        found = task.result()[kind]
        self.set_header("Content-Type", _TYPES[kind])
        if kind != "html":
            self.set_header("Content-Disposition", f'attachment; filename="{name}.{kind}"')
        self.finish(found)


def _application(served: _Served) -> Application:
    here, quick, slow = {"served": served}, "charts", "details"
    pages: list[Any] = [
        (r"/", _Start, here),
        (r"/web/(app\.css|lab\.js)", _Asset, here),
        (r"/lab", _Page, here | {"lane": quick, "what": "page"}),
        (r"/lab/chart", _Fragment, here | {"lane": quick, "what": "chart"}),
        (r"/lab/details", _Fragment, here | {"lane": slow, "what": "details"}),
        (r"/lab/figures\.csv", _Page, here | {"lane": slow, "what": "figures", "kind": "csv"}),
        (r"/lab/policy\.toml", _Page, here | {"lane": slow, "what": "policy", "kind": "toml"}),
        (r"/tree", _Page, here | {"lane": "trees", "what": "tree_page"}),
        (r"/tree/chart", _Fragment, here | {"lane": "trees", "what": "tree_chart"}),
        (r"/makers", _Page, here | {"lane": quick, "what": "makers"}),
        (rf"/maker/([\w-]{{1,60}})(\.(?:{'|'.join(SHEET_FORMATS)}))?", _Sheet, here),
    ]  # fmt: skip
    # requests are not logged: their addresses may hold the token
    return Application(
        pages, default_handler_class=_Missing, default_handler_args=here, log_function=lambda handler: None
    )


def token() -> str:
    """The token of the variable `TOKEN`, else a new one that nobody can guess.

    Raises
    ------
    DataError
        One's own is too short, or no token of letters and figures.

    Examples
    --------
    >>> len(token()) >= 32, token() == token()
    (True, False)
    """
    own = os.environ.get(TOKEN)
    if own is None:
        return secrets.token_urlsafe(32)
    if len(own) < _SHORTEST or not own.replace("-", "").replace("_", "").isalnum() or not own.isascii():
        raise DataError(
            f"{TOKEN} must hold {_SHORTEST} letters, figures, - or _ at least; unset, each start makes one"
        )
    return own


def serve(
    shelf: links.Shelf, host: str = "127.0.0.1", port: int = PORT, hosts: Sequence[str] = (), *,
    ready: Callable[[str], object] = print,
) -> None:  # fmt: skip
    """Serve the lab until it is interrupted.

    Parameters
    ----------
    shelf : links.Shelf
        Which question is asked, and of which policies.
    host, port
        Where to listen; port 0 for a free one.
    hosts : sequence of str
        Other names under which the server may be called, those of a proxy say.
    ready : callable
        Told the address with the token once it answers.

    Raises
    ------
    DataError
        The port is taken or the address is none of this machine's; a bad token of one's own.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> serve(links.Shelf(tm.case(period="CY2025")), port=99999)
    Traceback (most recent call last):
    tariffmodel.errors.DataError: port 99999 is none; write one from 0 to 65535
    """
    secret, sockets = token(), _bound(host, port)
    port = sockets[0].getsockname()[1]
    desk = Desk(shelf)
    names = {"localhost", socket.gethostname().lower(), *(name.lower() for name in hosts)}
    if host not in _OPEN:
        names.add(host.lower())
    desk.answer("details", "")  # what is computed for the first question, all processes have from the start
    ahead = {"charts": (2, 0), "details": (1, 5), "trees": (1, 3), "sheets": (1, 10)}
    lanes = {name: Lane(desk.answer, count, nice) for name, (count, nice) in ahead.items()}
    shown = "127.0.0.1" if host in _OPEN else host
    at = f"[{shown}]" if ":" in shown else shown
    served = _Served(desk, secret, names, lanes, f"tariffmodel-{port}")
    asyncio.run(_until_stopped(served, sockets, lambda: ready(f"http://{at}:{port}/?token={secret}")))


async def _until_stopped(served: _Served, sockets: list[socket.socket], ready: Callable[[], object]) -> None:
    server = HTTPServer(
        _application(served), max_header_size=_HEADER, max_body_size=0, idle_connection_timeout=_LIFE,
        body_timeout=_LIFE,
    )  # fmt: skip
    server.add_sockets(sockets)
    ready()
    try:
        await asyncio.Event().wait()
    finally:
        server.stop()
        for lane in served.lanes.values():  # now: their threads are waited for
            lane.stop()


def _bound(host: str, port: int) -> list[socket.socket]:
    if not 0 <= port <= 65535:
        raise DataError(f"port {port} is none; write one from 0 to 65535")
    try:
        if port == 0:
            return bind_sockets(0, host, family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        return bind_sockets(port, host)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise DataError(
                f"port {port} is taken, perhaps by another lab; choose one with --port, 0 for a free one"
            ) from None
        if error.errno == errno.EACCES:
            raise DataError(f"port {port} is not yours to open; choose one above 1023 with --port") from None
        raise DataError(
            f"cannot listen on {host}: it is no address of this machine; leave out --host or write another"
        ) from None


__all__ = ["PORT", "TOKEN", "serve", "token"]
