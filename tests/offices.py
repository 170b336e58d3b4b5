"""A Census Bureau and an INEGI of our own on the loopback interface.

They answer the addresses of the monthly IMDB files, of the Census API and of INEGI's open data in the layouts
that the offices document. Every body is written here, from what a test says was imported or exported.
"""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

from curl_cffi import requests

# tariff line, its industry; a used car and a lathe are neither vehicle nor part
LINES = {
    "8703230190": "336110", "8703800000": "336110", "8703900190": "930000", "8704310120": "336110",
    "8708295160": "336370", "8409919290": "336310", "8458110050": "333517",
}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """A line of IMP_DETL.TXT: amounts in USD and first units of quantity."""

    line: str
    country: str
    value: int
    duty: int = 0
    units: int = 0
    preference: str = "00"
    dutiable: int | None = None


def detail(entry: Entry, month: str) -> str:
    """A record of 688 positions, amounts padded with zeros; what nobody reads is filled too."""
    dutiable = entry.value if entry.dutiable is None and entry.duty else entry.dutiable or 0
    head = f"{entry.line}{entry.country}{entry.preference:<2}1010{'61':<2}{month[:4]}{month[5:]}"
    amounts = [1, entry.units, 0, entry.value, dutiable, entry.duty, 5, entry.value + 5]
    text = head + "".join(f"{amount:015d}" for amount in amounts)
    return text + "0" * (688 - len(text))


def country_sums(entries: Iterable[Entry], month: str) -> str:
    """IMP_CTY.TXT: the same by country."""
    sums: dict[str, list[int]] = {}
    for entry in entries:
        cell = sums.setdefault(entry.country, [0, 0])
        cell[0] += entry.value
        cell[1] += entry.duty
    lines = []
    for country, (value, duty) in sums.items():
        head = f"{country}{'A country':<30}{month[:4]}{month[5:]}"
        text = head + "".join(f"{amount:015d}" for amount in (1, value, value, duty))
        lines.append(text + "0" * (580 - len(text)))
    return "\r\n".join(lines) + "\r\n"


def concord() -> str:
    text = ""
    for line, naics in LINES.items():
        text += f"{line}{'A description':<150}{'Short':<50}NO    7812030000{naics:<6}100\r\n"
    return text


def imdb(month: str, entries: list[Entry], **changed: str) -> bytes:
    """The ZIP of a month; `changed` replaces the text of a file, by its name in small letters."""
    texts = {
        "CONCORD.TXT": concord(),
        "IMP_DETL.TXT": "\r\n".join(detail(entry, month) for entry in entries) + "\r\n",
        "imp_CTY.TXT": country_sums(entries, month),
        "COUNTRY.TXT": "1220CANADA Canada\r\n",
    }
    texts |= {name: changed.pop(name.lower()) for name in texts if name.lower() in changed}
    assert not changed
    return zipped(texts)


def zipped(texts: dict[str, str | bytes]) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in texts.items():
            archive.writestr(name, text)
    return body.getvalue()


def raiavl(rows: Iterable[tuple[int, int, str, str, int, int]], encoding: str = "utf-8") -> bytes:
    """INEGI's archive of exports: year, month, brand, model, destination, vehicles."""
    years: dict[int, str] = {}
    head = "PROD_EST,COBERTURA,ANIO,ID_MES,MARCA,MODELO,TIPO,SEGMENTO,ID_PAIS_DESTINO,UNI_VEH,ESTATUS\n"
    for year, month, brand, model, destination, units in rows:
        kind = "Camiones ligeros,SUV's"
        line = f"Mensual,Nacional,{year},{month},{brand},{model},{kind},{destination},{units},Definitivas\n"
        years[year] = years.get(year, head) + line
    folder = "conjunto_de_datos/raiavl_exportacion_mensual_tr_cifra_"
    texts: dict[str, str | bytes] = {
        f"{folder}{year}.csv": text.encode(encoding) for year, text in years.items()
    }
    return zipped(
        texts | {"catalogos/tc_pais_destino.csv": "ID_PAIS_DESTINO,DESC_PAIS_DESTINO\n66,Estados Unidos\n"}
    )


def answer(asked: list[str], month: str, rows: Iterable[tuple[str, list[int]]]) -> bytes:
    """A body of the Census API: the columns asked for, then those of the query."""
    head = ["CTY_CODE", *asked, "COMM_LVL", "time"]
    return json.dumps(
        [head, *([country, *map(str, amounts), "HS4", month] for country, amounts in rows)]
    ).encode()


@dataclass
class Offices:
    """The running server: bodies by path, what it was asked, and what it does wrong."""

    bodies: dict[str, bytes] = field(default_factory=dict)
    modified: dict[str, str] = field(default_factory=dict)
    faults: dict[str, list[str]] = field(default_factory=dict)  # used up one per request; "… forever" stays
    api: dict[tuple[str, str], list[tuple[str, list[int]]]] = field(default_factory=dict)  # by code and month
    key: str = ""
    url: str = ""
    asked: list[str] = field(default_factory=list)

    def publish(self, month: str, entries: list[Entry], modified: str = "", **changed: str) -> None:
        place = self.place(month)
        self.bodies[place] = imdb(month, entries, **changed)
        self.modified[place] = modified

    @staticmethod
    def place(month: str) -> str:
        return f"/www.census.gov/trade/downloads/{month[:4]}/Merch/im_m/IMDB{month[2:4]}{month[5:]}.ZIP"

    INEGI = (
        "/www.inegi.org.mx/contenidos/datosprimarios/iavl/datosabiertos/"
        "conjunto_de_datos_raiavl_mensual_exportacion_csv.zip"
    )
    API = "/api.census.gov/data/timeseries/intltrade/imports/"

    def session(self) -> Session:
        return Session(self.url)


class Session(requests.Session):
    """A curl session whose every request goes to the loopback server, the host as first folder."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def request(self, method, url, *args, **kwargs):
        parts = urlsplit(url)
        return super().request(method, f"{self._url}/{parts.netloc}{parts.path}", *args, **kwargs)


@contextmanager
def serving() -> Iterator[Offices]:
    offices = Offices()

    class Handler(_Handler):
        state = offices

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    offices.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield offices
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    state: Offices
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        """Keep the test's output quiet."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        self.state.asked.append(path)
        left = self.state.faults.get(path, [])
        fault = (left[0] if left[0].endswith("forever") else left.pop(0)) if left else ""
        if fault.startswith("500"):
            self._send(500, b"Internal Server Error")
        elif path.startswith(Offices.API):
            self._api({name: values[-1] for name, values in parse_qs(parts.query).items()})
        elif path not in self.state.bodies:
            self._send(404, b"<html>Page not found</html>")
        elif fault.startswith("hang up"):
            self._send(200, self.state.bodies[path], cut=True)
        elif fault.startswith("half a file"):  # as long as announced
            body = self.state.bodies[path]
            self._send(200, body[: len(body) // 2])
        else:
            self._send(200, self.state.bodies[path], self.state.modified.get(path, ""))

    def _api(self, query: dict[str, str]) -> None:
        if query.get("key") != self.state.key:
            self._send(200, b"<html><title>Invalid Key</title></html>")
            return
        code = query.get("I_COMMODITY") or query["NAICS"]
        rows = self.state.api.get((code, query["time"]))
        if rows is None:
            self._send(204, b"")
            return
        asked = query["get"].split(",")[1:]
        self._send(200, answer(asked, query["time"], [(c, values[: len(asked)]) for c, values in rows]))

    def _send(self, status: int, body: bytes, modified: str = "", *, cut: bool = False) -> None:
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        if modified:
            self.send_header("Last-Modified", modified)
        self.end_headers()
        self.wfile.write(body[: len(body) // 3] if cut else body)
        if cut:
            self.close_connection = True
