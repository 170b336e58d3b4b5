"""The lab as a page: who is let in, what a link can ask, and that the browser shows what the engine says."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

import tariffmodel
from tariffmodel import case, facts, lab, policy
from tariffmodel.errors import DataError, PolicyError
from tariffmodel.lab import app, links
from tariffmodel.lab.desk import Desk
from tariffmodel.lab.lanes import Lane

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
TOKEN = "token-of-the-tests-of-the-lab"
JAPAN = "japan-flexible-linear-firm"
SLOPE = "relief.japan.slope"
HOSTILE = """
title = "<script>document.title = 'mine'</script><img src=x onerror=alert(1)>"
label = "</option><b>R&D</b>"
description = "An own policy whose texts are markup."
base = "flat-25"
"""


class Server:
    def __init__(self, port: int) -> None:
        self.port, self.address = port, f"http://127.0.0.1:{port}"
        self.cookie = {"Cookie": f"tariffmodel-{port}={TOKEN}"}

    def get(
        self, path: str, headers: dict[str, str] | None = None, method: str = "GET"
    ) -> tuple[int, http.client.HTTPMessage, str]:
        """As one who was let in, unless other headers say so."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        line.request(method, path, headers=self.cookie if headers is None else headers)
        answer = line.getresponse()
        text = answer.read().decode()
        line.close()
        return answer.status, answer.headers, text


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The command itself, with an own policy; it ends as Ctrl-C ends it."""
    own = tmp_path_factory.mktemp("own") / "hostile.toml"
    own.write_text(HOSTILE, encoding="utf-8")
    settings = {"PYTHONPATH": str(Path(tariffmodel.__file__).parents[1]), app.TOKEN: TOKEN}
    command = [
        sys.executable, "-m", "tariffmodel", "app", "--port=0", "--no-browser", f"--policy={own}",
        "--allow-host=lab.example",
    ]  # fmt: skip
    process = subprocess.Popen(command, env=os.environ | settings, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(rf"http://127\.0\.0\.1:(\d+)/\?token={TOKEN}\n", line)
    try:
        assert found, line
        yield Server(int(found[1]))
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        process.stdout.close()


@pytest.fixture(scope="module")
def desk(known: facts.Facts) -> Desk:
    return Desk(links.Shelf(case(data=known)))


# Who is let in ------------------------------------------------------------------------------------


def test_nobody_comes_in_without_the_token(server):
    for path in ("/", "/lab", "/lab/chart", "/lab/figures.csv", "/tree", "/makers", "/maker/toyota.pdf"):
        for headers in ({}, {"Cookie": server.cookie["Cookie"] + "x"}, {"Cookie": "tariffmodel=x; é"}):
            status, _, text = server.get(path, headers)
            assert status == 403 and "token" in text and TOKEN not in text
    assert server.get("/lab?token=wrong", server.cookie)[0] == 403


def test_a_link_with_the_token_lets_in_and_goes_on_without_it(server):
    status, headers, _ = server.get(f"/lab?policy=flat-25&token={TOKEN}&baseline=eu-25", {})
    assert (status, headers["Location"]) == (303, "/lab?policy=flat-25&baseline=eu-25")
    cookie, *about = headers["Set-Cookie"].split("; ")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(about)
    assert server.get(headers["Location"], {"Cookie": cookie})[0] == 200


def test_a_link_from_another_site_is_opened_again_once(server):
    there = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert 'http-equiv="refresh"' in server.get("/lab?policy=flat-25", there)[2]
    here = there | {"Sec-Fetch-Site": "same-origin"}
    assert 'http-equiv="refresh"' not in server.get("/lab?policy=flat-25", here)[2]


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost:{}", 200), ("lab.example", 200), ("[::1]:{}", 200), ("evil.example:{}", 403), ("", 403)],
)
def test_another_sites_name_that_leads_here_is_refused(server, host, status):
    assert server.get("/makers", server.cookie | {"Host": host.format(server.port)})[0] == status


def test_what_a_browser_may_do_is_said_on_every_answer(server):
    for path in ("/lab", "/lab/chart", "/web/lab.js", "/nowhere", "/lab?slope=x"):
        headers = server.get(path, server.cookie | {"Origin": "https://evil.example"})[1]
        assert "default-src 'none'; script-src 'self'; style-src 'self'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Access-Control-Allow-Origin"] is None and headers["Server"] is None


def test_nothing_but_get_is_answered(server):
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "HEAD"):
        status, _, text = server.get("/lab", method=method)
        assert status == 405 and "Traceback" not in text


@pytest.mark.parametrize(
    "path",
    [
        "/web/../app.py",
        "/web/%2e%2e/app.py",
        "/web/base.html.j2",
        "/maker/..%2f..%2fpyproject",
        "/lab/../lab",
    ],
)
def test_no_path_leads_out(server, path):
    status, _, text = server.get(path)
    assert status in (400, 404) and "import" not in text


def test_a_request_too_long_is_refused_and_the_next_one_answered(server):
    with pytest.raises((http.client.HTTPException, OSError, AssertionError)):
        assert server.get("/lab/chart?" + "a=1&" * 20_000)[0] == 200
    assert server.get("/makers")[0] == 200


def test_a_port_that_is_taken_and_a_weak_token_are_refused(desk, monkeypatch):
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        pytest.raises(DataError, match=r"is taken.*--port"),
    ):
        app.serve(desk.shelf, port=other.getsockname()[1])
    with pytest.raises(DataError, match="no address of this machine"):
        app.serve(desk.shelf, host="192.0.2.1", port=0)
    monkeypatch.setenv(app.TOKEN, "short")
    with pytest.raises(DataError, match="at least"):
        app.serve(desk.shelf, port=0)


# What a link can ask ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("policy=flat25", "did you mean flat-25?"),
        ("policy=../../etc/passwd", "there is no policy"),
        ("policy=<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("baseline=nothing-like-it", "there is no policy"),
        (f"policy={JAPAN}&relief.japan.slop=0.1", "did you mean relief.japan.slope?"),
        (f"policy={JAPAN}&{SLOPE}=9", "write a number from 0 to 0.5"),
        (f"policy={JAPAN}&{SLOPE}=nan", "write a number from 0 to 0.5"),
        (f"policy={JAPAN}&{SLOPE}=1e999", "write a number from 0 to 0.5"),
        (f"policy={JAPAN}&relief.japan.from=2025-02-30", "write a day as YYYY-MM-DD"),
        (f"policy={JAPAN}&relief.japan.from=1999-01-01", "write a day from"),
        (f"policy={JAPAN}&{SLOPE}=0.1&{SLOPE}=0.2", "twice"),
        (f"policy={JAPAN}&moved={SLOPE}", "there is no moved number"),
        ("policy=%ff", "no text"),
        ("&".join(f"k{n}=1" for n in range(300)), "more than 200 numbers"),
    ],
)
def test_what_cannot_be_asked_is_answered_with_the_remedy(server, query, said):
    query = query.replace("<", "%3C").replace(">", "%3E")
    status, _, text = server.get(f"/lab?{query}")
    assert status == 400 and said in text and "Traceback" not in text and "<script>alert" not in text


def test_a_policy_that_is_not_valid_says_so_to_the_script(server):
    query = urlencode({"policy": JAPAN, "relief.japan.floor": 0.3, "relief.japan.cap": 0.1})
    status, headers, text = server.get(f"/lab/chart?{query}")
    assert status == 400 and headers["Content-Type"].startswith("application/json")
    assert "cap" in json.loads(text)["error"] and "Traceback" not in text
    assert server.get("/lab/chart?width=1000000")[0] == 400


def test_a_maker_that_there_is_none_of_is_refused_before_anything_is_computed(server):
    status, _, text = server.get("/maker/suzuky")
    assert status == 400 and "did you mean suzuki?" in text


def test_texts_of_an_own_policy_are_text(server):
    page = server.get("/lab?policy=hostile")[2]
    assert "&lt;script&gt;document.title" in page and "&lt;/option&gt;&lt;b&gt;R&amp;D" in page
    chart = json.loads(server.get("/lab/chart?policy=hostile")[2])["chart"]
    assert "&lt;b&gt;R&amp;D" in chart and "<b>" not in chart


def test_an_own_policy_takes_no_name_that_is_taken(known):
    with pytest.raises(PolicyError, match="name of a bundled policy"):
        links.shelf(case(data=known), ["own/flat-25.toml"])
    with pytest.raises(PolicyError, match="rename one"):
        links.shelf(case(data=known), ["a/mine.toml", "b/mine.toml"])
    with pytest.raises(DataError, match="did you mean flat-25"):
        links.shelf(case(data=known), ["flat25"])
    with pytest.raises(PolicyError, match=r"nowhere\.toml"):
        links.shelf(case(data=known), ["nowhere.toml"])


def test_a_weight_that_moves_makes_the_others_room_and_the_link_says_so(desk):
    built, exported = (f"relief.japan.score.{name}.weight" for name in ("local_build_share", "export_ratio"))
    found = desk.answer("chart", urlencode({"policy": JAPAN, built: 0.6, "moved": built}))
    weights = [float(value) for key, value in found["values"].items() if key.endswith(".weight")]
    assert sum(weights) == pytest.approx(1) and float(found["values"][exported]) == pytest.approx(0.16)
    again = desk.answer("chart", found["query"])
    assert again == found


def test_the_chart_and_its_files_are_what_the_engine_says(desk, known, before, law):
    query = urlencode({"policy": JAPAN, SLOPE: 0.1375, "baseline": "eu-25"})
    one = policy.load(JAPAN, settings={SLOPE: 0.1375})
    bench = lab.Workbench(case(policy.load("eu-25"), before, data=known))
    frame = lab.outcome(bench, one)
    assert f">{frame.at['Toyota', 'bill_usd'] / 1e9:,.2f}<" in desk.answer("chart", query)["chart"]
    rows = dict(line.split(",", 1) for line in desk.answer("figures", query).splitlines())
    at = list(frame).index("bill_usd")
    assert float(rows["Toyota"].split(",")[at]) == pytest.approx(frame.at["Toyota", "bill_usd"])
    assert f"{SLOPE.split('.')[2]} = 0.1375" in desk.answer("policy", query)


def test_a_tree_is_read_from_its_link_and_written_back(server):
    def ask(query: str) -> Any:
        status, _, text = server.get(f"/tree/chart?{query}")
        return json.loads(text) | {"status": status}

    tree = {"scenario": "june-2025-proposal"}
    found = ask(urlencode({**tree, "whose": "JP", "threat.probability": 0.4, "moved": "threat.probability"}))
    odds = {key: float(text) for key, text in found["values"].items() if key.endswith(".probability")}
    assert odds["threat.probability"] == 0.4 and sum(odds.values()) == pytest.approx(1)
    assert "Japan" in found["finding"] and ask(found["query"])["chart"] == found["chart"]
    for wrong, said in (
        ({"threat.probability": 0.4}, "sum to 1"),
        ({"threat.1.from": "2025-09-02"}, "out of reach"),
        ({"delay.1.hazard": 0}, "cannot be 0"),
        ({"scenario": "../x"}, "there is no scenario"),
    ):
        refused = ask(urlencode(tree | wrong))
        assert refused["status"] == 400 and said in refused["error"]


def test_a_file_that_changes_changes_what_is_shown(known, tmp_path):
    own = tmp_path / "mine.toml"
    own.write_text(HOSTILE.replace("flat-25", "flat-15"), encoding="utf-8")
    desk = Desk(links.shelf(case(data=known), [str(own)]))
    first = desk.answer("chart", "policy=mine"), desk.shelf.stamp()
    own.write_text(HOSTILE, encoding="utf-8")
    os.utime(own, ns=(1, 1))
    second = desk.answer("chart", "policy=mine"), desk.shelf.stamp()
    assert first[0]["finding"] != second[0]["finding"] and first[1] != second[1]


def _slow_or_dead(what: str) -> str:
    if what == "die":
        os._exit(1)
    if what == "wrong":
        raise DataError("write another")
    return what.upper()


def test_a_process_that_ends_is_begun_again_and_what_is_refused_is_said():
    async def asked() -> list[str]:
        with pytest.raises(RuntimeError, match="ended from outside"):
            await lane.ask("die")
        with pytest.raises(DataError, match="write another"):
            await lane.ask("wrong")
        gone = asyncio.ensure_future(lane.ask("gone"))
        await asyncio.sleep(0)
        gone.cancel()
        return [await lane.ask("a"), await lane.ask("b")]

    lane = Lane(_slow_or_dead)
    try:
        assert asyncio.run(asked()) == ["A", "B"]
    finally:
        lane.stop()


# In the browser -----------------------------------------------------------------------------------

_PAINTED = """key => new Promise(done => {
    const slider = document.getElementById(key), chart = document.getElementById("chart")
    const old = chart.innerHTML, start = performance.now()
    new MutationObserver((_, watch) => {
        if (chart.innerHTML === old) return
        watch.disconnect()
        requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)))
    }).observe(chart, { childList: true })
    slider.stepDown()
    slider.dispatchEvent(new Event("input"))
    slider.dispatchEvent(new Event("change"))
})"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install playwright")
    if CHROMIUM is None:
        pytest.skip("no Chromium here: apt install chromium")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


class Visitor:
    """A browser of its own, with all that it complains of and asks for."""

    def __init__(self, browser: Any, server: Server) -> None:
        self.context = browser.new_context(viewport={"width": 1280, "height": 900})
        self.tab, self.server = self.context.new_page(), server
        self.tab.set_default_timeout(40_000)
        self.complaints: list[str] = []
        self.hosts: set[str] = set()
        self.tab.on("console", lambda said: self.complaints.append(f"{said.type}: {said.text}"))
        self.tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.tab.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.tab.on("request", lambda asked: self.hosts.add(urlsplit(asked.url).netloc))

    def opens(self, path: str) -> None:
        self.tab.goto(self.server.address + path)
        self.tab.wait_for_selector("#chart svg")

    def row(self, maker: str) -> list[str]:
        self.tab.wait_for_selector("#details:not(.old) table")
        return self.tab.locator("#details tr", has_text=maker).locator("td").all_inner_texts()

    def leaves(self) -> None:
        assert self.complaints == [] and self.hosts <= {urlsplit(self.server.address).netloc, ""}
        self.context.close()


@pytest.mark.slow
def test_a_slider_moves_the_chart_and_its_link_shows_a_colleague_the_same(
    server, browser, known, record_property
):
    first = Visitor(browser, server)
    first.opens(f"/lab?policy={JAPAN}&token={TOKEN}")
    assert "token" not in first.tab.url
    slope = first.tab.locator(f"[id='{SLOPE}']")
    record_property("slider_to_painted_ms", [first.tab.evaluate(_PAINTED, SLOPE) for _ in range(5)])
    for _ in range(20):  # faster than the server: the last position is what counts
        slope.press("ArrowLeft")
    first.tab.wait_for_selector(f".state:text-is('{SLOPE} = 0.1375')")
    bill = lab.outcome(lab.Workbench(case(data=known)), policy.load(JAPAN, settings={SLOPE: 0.1375}))
    on_screen = first.row("Toyota")
    assert on_screen[2] == f"{bill.at['Toyota', 'bill_usd'] / 1e6:,.0f}"
    assert on_screen[5].replace("\u2212", "-") == f"{bill.at['Toyota', 'change_usd'] / 1e6:+,.0f}"
    assert slope.get_attribute("aria-valuetext") == "13.75%"

    first.tab.get_by_role("button", name="Copy link").click()
    link = first.tab.locator("#link").input_value()
    assert link == first.tab.url == f"{server.address}/lab?policy={JAPAN}&{SLOPE}=0.1375"
    slope.press("ArrowRight")
    first.tab.wait_for_selector(f".state:text-is('{SLOPE} = 0.14')")
    first.tab.go_back()
    first.tab.wait_for_selector(f".state:text-is('{SLOPE} = 0.1375')")
    assert slope.input_value() == "0.1375"
    first.tab.reload()
    first.tab.wait_for_selector(f".state:text-is('{SLOPE} = 0.1375')")
    assert first.row("Toyota") == on_screen

    second = Visitor(browser, server)
    second.opens(f"/lab?policy=hostile&token={TOKEN}")  # lets in, and its texts do nothing
    assert "mine" not in second.tab.title()
    second.opens(link.removeprefix(server.address))
    assert second.row("Toyota") == on_screen
    assert second.tab.locator(f"[id='{SLOPE}']").input_value() == "0.1375"
    second.leaves()
    first.leaves()


@pytest.mark.slow
def test_a_link_in_a_mail_of_the_browser_opens_and_a_tree_follows_its_sliders(server, browser):
    visitor = Visitor(browser, server)
    visitor.opens(f"/tree?scenario=june-2025-proposal&token={TOKEN}")
    tab = visitor.tab
    shown = tab.locator("#chart h3").inner_text()
    tab.locator("[id='threat.probability']").press("End")
    tab.wait_for_selector(".state:has-text('threat.probability = 1.0')")
    assert tab.locator("#chart h3").inner_text() != shown
    rows = tab.locator("#chart tbody tr td:first-of-type").all_inner_texts()
    assert sum(map(float, rows[:-1])) == pytest.approx(100, abs=3)  # each rounded
    tab.set_viewport_size({"width": 390, "height": 800})
    tab.wait_for_selector("#chart svg[width='340']")
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    visitor.leaves()

    mail = browser.new_context()
    page = mail.new_page()
    link = f"<a href='{server.address}/lab?policy=flat-25&token={TOKEN}'>look</a>"
    page.route("http://mail.example/", lambda route: route.fulfill(body=link, content_type="text/html"))
    page.goto("http://mail.example/")
    page.get_by_text("look").click()
    page.wait_for_selector("#chart svg")
    assert page.url == f"{server.address}/lab?policy=flat-25"
    mail.close()
