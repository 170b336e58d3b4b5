"""A Yahoo Finance of our own on the loopback interface, for the real yfinance to talk to.

It answers the addresses that yfinance calls for daily bars (chart, cookie, crumb, consent) in the
form of Yahoo's v8 chart API, and for earnings dates with a page like that of Yahoo's calendar. Every
body is written here or handed in by the test.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import pandas as pd
from curl_cffi import requests

ZONES = {"T": "Asia/Tokyo", "KS": "Asia/Seoul", "DE": "Europe/Berlin", "L": "Europe/London"}
CURRENCIES = {"T": "JPY", "KS": "KRW", "DE": "EUR", "L": "GBp"}
INDEX_LINES = {
    "^N225": ("Asia/Tokyo", "JPY"),
    "^KS11": ("Asia/Seoul", "KRW"),
    "^GDAXI": ("Europe/Berlin", "EUR"),
}
_EVENING = pd.Timedelta(hours=23)  # when Yahoo quotes a line for the last time on its last day


@dataclass
class Line:
    """What the server knows of one symbol.

    `frame` is indexed by day: `close`, and optionally `open`, `high`, `low`, `adj_close`, `volume`,
    `dividend`, `split`; a close may be empty. `faults` are used up one per request for bars;
    ``"… forever"`` stays.
    """

    frame: pd.DataFrame
    currency: str = ""
    zone: str = ""
    kind: str = "EQUITY"
    faults: list[str] = field(default_factory=list)
    body: bytes | None = None  # recorded or made by hand, instead of what `frame` would give
    live: tuple[pd.Timestamp, float] | None = None  # time and price of a bar still being traded
    earnings: list[tuple[str, str]] | None = None  # date as Yahoo writes it, and reported EPS or "-"

    def fault(self) -> str:
        if not self.faults:
            return ""
        return self.faults[0] if self.faults[0].endswith("forever") else self.faults.pop(0)


@dataclass
class Yahoo:
    """The running server: its lines by symbol and the requests it has had."""

    lines: dict[str, Line]
    url: str = ""
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    stall: float = 5.0  # seconds for which a stalled answer stops in the middle
    let_go: threading.Event = field(default_factory=threading.Event)

    def session(self) -> Session:
        return Session(self.url)

    def asked(self) -> list[str]:
        """Symbols whose bars were asked for, in order."""
        return [path.rpartition("/")[2] for path, _ in self.requests if "/chart/" in path]


class Session(requests.Session):
    """A curl session whose every request goes to the loopback server, the host as first folder."""

    def __init__(self, url: str) -> None:
        super().__init__(impersonate="chrome")
        self._url = url

    def request(self, method, url, *args, **kwargs):
        parts = urlsplit(url)
        query = f"?{parts.query}" if parts.query else ""
        return super().request(method, f"{self._url}/{parts.netloc}{parts.path}{query}", *args, **kwargs)


@contextmanager
def serving(lines: dict[str, Line], **options: float) -> Iterator[Yahoo]:
    yahoo = Yahoo({symbol.upper(): line for symbol, line in lines.items()}, **options)

    class Handler(_Handler):
        state = yahoo

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    yahoo.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield yahoo
    finally:
        yahoo.let_go.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    state: Yahoo
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else head and body wait 40 ms for each other

    def log_message(self, *_: object) -> None:
        """Keep the test's output quiet."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        self.state.requests.append((path, query))
        if path.endswith("/v1/test/getcrumb"):
            self._send(200, b"crumb", "text/plain")
        elif path.endswith("/calendar/earnings"):
            self._earnings(query["symbol"].upper())
        elif "/v8/finance/chart/" in path:
            self._chart(path.rpartition("/")[2].upper(), query)
        else:  # fc.yahoo.com sets a cookie on a page that does not exist; the rest is unknown here
            self._send(404, b"<html><body>not here</body></html>", "text/html")

    def _earnings(self, symbol: str) -> None:
        line = self.state.lines.get(symbol)
        fault = line.fault().removesuffix(" forever") if line else ""
        if fault == "429":
            self._send(429, b"Too Many Requests\r\n", "text/plain")
        elif fault == "hang up":
            self.close_connection = True
        elif fault:
            raise AssertionError(f"no fault {fault!r} in this server")
        elif line is not None and line.body is not None:
            self._send(200, line.body, "text/html")
        else:
            self._send(200, earnings_page(symbol, line.earnings if line else None), "text/html")

    def _chart(self, symbol: str, query: dict[str, str]) -> None:
        line = self.state.lines.get(symbol)
        if line is None:
            self._send_error_json(404, "Not Found", "No data found, symbol may be delisted")
            return
        fault = line.fault().removesuffix(" forever")
        if fault == "429":
            self._send(429, b"Too Many Requests\r\n", "text/plain")
        elif fault == "500":
            self._send(500, b"<html><body>Internal Server Error</body></html>", "text/html")
        elif fault == "error":
            self._send_error_json(500, "Internal Server Error", "Internal server error")
        elif fault == "too late":
            self._send_error_json(
                400, "Bad Request", f"Data doesn't exist for startDate = {query['period1']}, endDate = 0"
            )
        elif fault == "no prices":
            chart = {"result": [{"meta": _about(symbol, line), "indicators": {"quote": [{}]}}], "error": None}
            self._send(200, json.dumps({"chart": chart}).encode())
        else:
            body = line.body or chart_body(symbol, line, int(query.get("period1", 0)))
            if fault == "half a document":  # as long as announced, but no JSON
                self._send(200, body[: len(body) // 2])
            elif fault in ("truncated", "stall"):
                self._break_off(body, stall=fault == "stall")
            elif fault:
                raise AssertionError(f"no fault {fault!r} in this server")
            else:
                self._send(200, body)

    def _break_off(self, body: bytes, *, stall: bool) -> None:
        """Announce the whole body, send a third, then hang up, at once or after a silence."""
        self._head(200, len(body), "application/json")
        self.wfile.write(body[: len(body) // 3])
        self.wfile.flush()
        if stall:
            self.state.let_go.wait(self.state.stall)
        self.close_connection = True

    def _send_error_json(self, status: int, code: str, text: str) -> None:
        error = {"chart": {"result": None, "error": {"code": code, "description": text}}}
        self._send(status, json.dumps(error).encode())

    def _send(self, status: int, body: bytes, kind: str = "application/json") -> None:
        self._head(status, len(body), kind)
        self.wfile.write(body)

    def _head(self, status: int, length: int, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        self.end_headers()


def earnings_page(
    symbol: str, dates: list[tuple[str, str]] | None, *, heading: str = "Earnings Date"
) -> bytes:
    """A page with the table of a line's earnings dates, or without one."""
    if dates is None:
        return b"<html><body><p>No matching results</p></body></html>"
    names = ["Symbol", "Company", heading, "EPS Estimate", "Reported EPS", "Surprise (%)"]
    head = "".join(f"<th>{name}</th>" for name in names)
    rows = "".join(
        "<tr>" + "".join(f"<td>{cell}</td>" for cell in (symbol, "A maker", day, "1.00", eps, "-")) + "</tr>"
        for day, eps in dates
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f"<!doctype html><html><body><h1>Earnings</h1>{table}</body></html>".encode()


def chart_body(symbol: str, line: Line, since: int = 0) -> bytes:
    """The line's bars from a moment on, as Yahoo's chart API writes them."""
    zone = _about(symbol, line)["exchangeTimezoneName"]
    opening = pd.Timedelta(0) if symbol.endswith("=X") else pd.Timedelta(hours=9)
    frame = line.frame
    stamps = [int((day.tz_localize(zone) + opening).timestamp()) for day in frame.index]
    events: dict[str, dict[str, dict[str, float]]] = {}
    close = [None if pd.isna(value) else float(value) for value in frame["close"]]
    adjusted = [None if pd.isna(value) else float(value) for value in frame.get("adj_close", frame["close"])]
    pair = symbol.endswith("=X")  # whose bars have no volume and no adjusted close
    volume = [int(value) for value in frame.get("volume", pd.Series(0 if pair else 1000, frame.index))]
    for stamp, dividend in zip(stamps, frame.get("dividend", pd.Series(0.0, frame.index)), strict=True):
        if dividend and stamp >= since:
            events.setdefault("dividends", {})[str(stamp)] = {"amount": float(dividend), "date": stamp}
    for stamp, split in zip(stamps, frame.get("split", pd.Series(0.0, frame.index)), strict=True):
        if split and stamp >= since:
            bits = {
                "date": stamp,
                "numerator": float(split),
                "denominator": 1.0,
                "splitRatio": f"{split:g}:1",
            }
            events.setdefault("splits", {})[str(stamp)] = bits
    if line.live:
        stamps.append(int(line.live[0].timestamp()))
        close.append(line.live[1])
        adjusted.append(line.live[1])
        volume.append(7)
    kept = [place for place, stamp in enumerate(stamps) if stamp >= since]
    close, adjusted, volume = ([values[place] for place in kept] for values in (close, adjusted, volume))
    quote = {"close": close, "volume": volume}
    opening = frame.get("open", frame["close"])
    both = pd.concat([opening, frame["close"]], axis=1)
    for name, column in (("open", opening), ("high", both.max(axis=1)), ("low", both.min(axis=1))):
        bars = [None if pd.isna(value) else float(value) for value in frame.get(name, column)]
        quote[name] = ([*bars, line.live[1]] if line.live else bars)[-len(close) :]
    result = {
        "meta": _about(symbol, line),
        "timestamp": [stamps[place] for place in kept],
        "indicators": {"quote": [quote]} | ({} if pair else {"adjclose": [{"adjclose": adjusted}]}),
    }
    if not kept:
        result |= {"indicators": {"quote": [{}], "adjclose": [{}]}}
        del result["timestamp"]
    if events:
        result["events"] = events
    return json.dumps({"chart": {"result": [result], "error": None}}).encode()


def _about(symbol: str, line: Line) -> dict[str, object]:
    suffix = symbol.rpartition(".")[2] if "." in symbol else ""
    zone, currency = INDEX_LINES.get(
        symbol, (ZONES.get(suffix, "America/New_York"), CURRENCIES.get(suffix, "USD"))
    )
    kind = "INDEX" if symbol.startswith("^") else line.kind
    if symbol.endswith("=X"):
        zone, currency, kind = "Europe/London", symbol.removesuffix("=X")[-3:], "CURRENCY"
    zone, currency = line.zone or zone, line.currency or currency
    quoted = line.live[0] if line.live else (line.frame.index[-1] + _EVENING).tz_localize(zone)
    now = int(quoted.timestamp())
    period = {"timezone": "XXX", "start": now, "end": now, "gmtoffset": 0}
    return {
        "currency": currency,
        "symbol": symbol,
        "instrumentType": kind,
        "firstTradeDate": 0,
        "regularMarketTime": now,
        "gmtoffset": 0,
        "timezone": "XXX",
        "exchangeTimezoneName": zone,
        "regularMarketPrice": 1.0,
        "priceHint": 2,
        "currentTradingPeriod": {name: dict(period) for name in ("pre", "regular", "post")},
        "dataGranularity": "1d",
        "range": "",
        "validRanges": ["1d", "5d", "1mo", "3mo", "6mo", "1y", "2y", "5y", "10y", "ytd", "max"],
    }
