"""The policy lab in the real JupyterLab, in a headless Chromium: what a user sees is what is saved."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tariffmodel
from tariffmodel import case, exposure, facts, lab, policy, report

playwright = pytest.importorskip("playwright.sync_api", reason="no playwright here: pip install playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
TOKEN = "policy-lab-test"
_READY = """() => {
    const context = window.jupyterapp?.shell.currentWidget?.sessionContext
    return context?.isReady && context.session?.kernel?.status === "idle"
}"""


def _wait(found: Any, seconds: float, what: str) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if (result := found()) is not None:
            return result
        time.sleep(0.1)
    raise AssertionError(f"no {what} within {seconds:g} s")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """Address of a JupyterLab on a copy of the notebook, with no settings of the user's."""
    (tmp_path / "work").mkdir()
    shutil.copy(report.notebook_folder() / "policy_lab.ipynb", tmp_path / "work")
    settings = {"PYTHONPATH": str(Path(tariffmodel.__file__).parents[1]), "HOME": str(tmp_path)}
    for name in ("CONFIG", "DATA", "RUNTIME"):
        settings[f"JUPYTER_{name}_DIR"] = str(tmp_path / name.lower())
    options = [
        "--no-browser", "--allow-root", "--expose-app-in-browser", "--port=0",
        f"--ServerApp.root_dir={tmp_path / 'work'}", f"--IdentityProvider.token={TOKEN}",
    ]  # fmt: skip
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options], env=os.environ | settings, stdout=log, stderr=log
        )

    def address() -> str | None:
        assert process.poll() is None, (tmp_path / "log").read_text()
        written = [path.read_text() for path in (tmp_path / "runtime").glob("jpserver-*.json")]
        return json.loads(written[0])["url"] if written and written[0].endswith("}") else None

    try:
        yield _wait(address, 40, "JupyterLab")
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def tab(server: str) -> Iterator[Any]:
    """The notebook, open and run from top to bottom."""
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1500, "height": 1300})
        tab.set_default_timeout(40_000)
        tab.goto(f"{server}lab/tree/policy_lab.ipynb?token={TOKEN}&reset")
        tab.wait_for_function(_READY)
        tab.evaluate("void window.jupyterapp.commands.execute('notebook:run-all-cells')")
        tab.wait_for_selector(".policy-lab table")
        yield tab
        browser.close()


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt install chromium")
def test_slider_moves_the_chart_and_the_saved_policy_gives_the_bill_on_screen(
    tab: Any, tmp_path: Path
) -> None:
    slider = tab.locator(".widget-slider", has_text="slope")
    handle, chart = slider.locator(".noUi-handle"), tab.locator(".policy-lab svg[role=img]").first
    took = []
    for _ in range(8):
        shown, start = chart.inner_html(), time.monotonic()
        handle.press("ArrowLeft")
        tab.wait_for_function(
            "old => document.querySelector('.policy-lab svg[role=img]').innerHTML !== old", arg=shown
        )
        took.append(time.monotonic() - start)

    for _ in range(17):  # faster than the kernel: the last position is what counts
        handle.press("ArrowLeft")
    assert slider.locator(".widget-readout").inner_text() == "13.75"
    tab.wait_for_selector(".policy-lab .state:text-is('relief.japan.slope = 0.1375')")
    if place := os.environ.get("LAB_PICTURE"):  # `make readme`
        tab.mouse.move(0, 0)
        tab.set_viewport_size({"width": 1500, "height": 2000})
        whole = tab.locator(".jp-OutputArea-output .widget-hbox").first
        whole.scroll_into_view_if_needed()
        box, table = whole.bounding_box(), tab.locator(".policy-lab table").first.bounding_box()
        tab.screenshot(path=place, clip=box | {"height": table["y"] - box["y"]})
    on_screen = tab.locator(".policy-lab tr", has_text="Toyota").locator("td").all_inner_texts()

    tab.get_by_role("button", name="Save policy").click()
    tab.get_by_text("Written: ").wait_for()
    saved = policy.load(tmp_path / "work" / "policy-lab" / "japan-flexible-linear-firm-lab.toml")
    assert saved.relief[0].slope == 0.1375
    known = facts.load()
    law = case(data=known)
    toyota = lab.outcome(lab.Workbench(law), saved).loc["Toyota"]
    assert on_screen[2] == f"{toyota['bill_usd'] / 1e6:,.0f}"
    assert on_screen[4].replace("\u2212", "-") == f"{toyota['net_bill_usd'] / 1e6:+,.0f}"
    assert on_screen[5].replace("\u2212", "-") == f"{toyota['change_usd'] / 1e6:+,.0f}"
    assert exposure.table(law.replace(policy=saved)).at["Toyota", "bill_usd"] == pytest.approx(
        toyota["bill_usd"]
    )
