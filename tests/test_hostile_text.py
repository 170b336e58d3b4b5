"""Text from outside stays text: in pages, notebooks, the lab, terminals, LaTeX, Markdown and spreadsheets."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import nbformat
import openpyxl
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter

import tariffmodel as tm
from tariffmodel import charts, columns, escapes, exports, lab, page, policy
from tariffmodel.errors import PolicyError
from tariffmodel.runs import manifest

ATTACK = (
    "<script>document.title='PW'+'NED'</script><img src=x onerror=\"document.title='PW'+'NED'\">"
    "<svg onload=\"document.title='PW'+'NED'\"></svg> [a](javascript:alert(1)) ![i](http://evil.example/x) "
    "[b]: javascript:alert(1) <a href=javascript:alert(1)>c</a> `</code>` | pipe \\input{/etc/passwd} "
    '$\\href{javascript:alert(1)}{x}$ {{7*7}} </style></title></textarea> [/] [bold] & "q" *e* _u_ #h'
)
REFORM = {
    "name": "hostile", "base": "current-law", "title": ATTACK, "label": f"=HYPERLINK(1) {ATTACK}",
    "description": ATTACK,
}  # fmt: skip
ENTRY = {
    "id": "japan-at-10", "measure": "section-232-autos", "origin": "JP", "product": ["car"], "rate": 0.1,
    "basis": "inclusive", "from": "2026-01-01", "source": ATTACK, "url": "javascript:alert(1)",
    "note": ATTACK,
}  # fmt: skip
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def hostile() -> policy.Policy:
    return policy.load(REFORM | {"additional": [ENTRY]})


@pytest.fixture(scope="module")
def said(hostile: policy.Policy) -> list[nbformat.NotebookNode]:
    """What a notebook puts out about a hostile policy: sentences, a table, a chart."""
    found = pd.DataFrame(
        {"bill_usd": [1.0], ATTACK: ["x"], "note": [ATTACK], "source_url": ["javascript:alert(1)"]},
        pd.Index([ATTACK], name=ATTACK),
    )
    raw = f"> **{hostile.title}** {hostile.description}\n\n{hostile.label}"
    texts = [escapes.markdown_said(raw), f"*{tm.notebook.verbatim(hostile.title)}*"]
    out = [{"text/markdown": text} for text in texts]
    out += [
        {"text/html": columns.shown(table).to_html()} for table in (found, found.set_index([ATTACK, "note"]))
    ]
    entries = policy.acts(hostile, tm.periods.parse("CY2026")).query("entry == 'japan-at-10'")
    out.append({"text/html": columns.shown(entries, "policy.acts", index=False).to_html()})
    return [nbformat.v4.new_output("display_data", data) for data in out]


@pytest.fixture(scope="module")
def pages(said: list[nbformat.NotebookNode], hostile: policy.Policy, known: tm.facts.Facts) -> dict[str, str]:
    """The same as plain notebook HTML, as a section of the report, and in the lab."""
    node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("", outputs=said)])
    plain, _ = HTMLExporter(mathjax_url="", require_js_url="").from_notebook_node(node)
    about = manifest.begin(
        {"policy": "flat-25", "against": "none", "period": "CY2025", "as_of": "2026-10-30"},
        known, hostile, hostile,
    )  # fmt: skip
    about |= {"run": ATTACK, "inputs_sha256": ATTACK, "data_changed": False, "complete": True}
    about["notebooks"] = [{"file": "01_x.ipynb", "title": ATTACK, "error": ATTACK, "failed_cell": 1}]
    report = page.render(about, [node], folder=Path("none"), sources=Path("none"), since=None)
    assert page.BeautifulSoup(report, "html.parser").find("meta", attrs={"http-equiv": True})
    unguarded = report.replace("Content-Security-Policy", "X-None")  # the escapes hold without it
    bench = lab.Workbench(tm.case(period="CY2026", data=known).replace(against=hostile))
    desk = lab.drawing.page(bench, hostile.label, lab.outcome(bench, hostile), {ATTACK: 0.1})
    return {"notebook": plain, "report": unguarded, "lab": f"<!DOCTYPE html><body>{desk}"}


def alive(text: str) -> list[str]:
    """What of the attack became more than text of a page."""
    soup = BeautifulSoup(text, "html.parser")
    found = [str(tag)[:60] for tag in soup.find_all(True) if any(name.startswith("on") for name in tag.attrs)]
    found += [str(tag)[:60] for tag in soup("script") if "NED'" in str(tag)]
    found += [str(tag)[:60] for tag in soup("img") if not str(tag.get("src", "")).startswith("data:")]
    links = [str(tag.get("href", "")) for tag in soup(["a", "link", "area"])]
    return found + [link for link in links if ":" in link and not escapes.link(link)]


def test_text_of_a_policy_is_no_part_of_a_page(pages: dict[str, str]):
    for name, text in pages.items():
        assert not alive(text), name
        assert "onerror=" in BeautifulSoup(text, "html.parser").get_text(), f"{name}: the text is lost"


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt install chromium")
def test_nothing_of_it_runs_in_a_browser(pages: dict[str, str]):
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright here")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_page()
        asked: list[str] = []
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("dialog", lambda dialog: asked.append(dialog.message) or dialog.dismiss())
        tab.set_content("<img src=x onerror=\"document.title='PW'+'NED'\">")
        tab.wait_for_function("document.title === 'PWNED'")  # the attack works where nothing stops it
        for name, text in pages.items():
            tab.goto("about:blank")
            asked.clear()
            tab.set_content(text, wait_until="load")
            for link in tab.query_selector_all("a[href^='javascript']"):
                link.click()
            assert "PWNED" not in tab.title(), name
            assert not [url for url in asked if "evil" in url or url == "1"], name
        browser.close()


def test_a_terminal_shows_it_as_text(tm: Callable[..., tuple[int, str, str]], tmp_path: Path):
    file = tmp_path / "re[form]\u202e.toml"
    file.write_text(
        'base = "current-law"\ntitle = "Japan :smile: [draft] [/] [red]x[/red]"\n', encoding="utf-8"
    )
    code, out, err = tm("exposure", "--policy", file, "--period", "CY2026")
    assert (code, err) == (0, "")
    assert "Japan :smile: [draft] [/] [red]x[/red]" in out


@pytest.mark.parametrize("code", [0x1B, 0x202E, 0x07, 0x2066, 0x7F, 0x9B, 0x200F])
def test_what_nobody_sees_is_refused_in_a_policy_and_shown_in_a_name(code: int, tmp_path: Path):
    mark = chr(code)
    file = tmp_path / "x.toml"
    file.write_text(f'base = "none"\ntitle = "a\\u{code:04x}b"\n', encoding="utf-8")
    with pytest.raises(PolicyError, match=r"x\.toml: title: .* holds .*, which nobody sees; take it out"):
        policy.load(file)
    assert mark not in escapes.visible(f"a{mark}b") and mark not in escapes.short(f"a{mark}b")


def test_charts_take_no_formulas_from_titles(tmp_path: Path):
    with charts.house.house_style():
        figure = charts.house.figure("$x^2$ \\frac", "$\\input{a}$", [], charts.COLUMN_CM, body_cm=1)
        chart = charts.house.finish(figure, ATTACK)
    charts.export(chart, "01_x", pd.DataFrame({"note": ["=1+1"]}), tmp_path)
    drawing = (tmp_path / "charts" / "01_x.svg").read_text(encoding="utf-8")
    assert not BeautifulSoup(drawing, "xml").find_all(["script", "image", "a"])
    assert "'=1+1" in (tmp_path / "charts" / "01_x.csv").read_text(encoding="utf-8")


FORMULAS = [
    "=1+1",
    "+1+1",
    "-2+3",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "+c|' /C calc'!A0",
    "\uff1d1+1",
    "-HYPERLINK(1)",
]


def test_tables_for_spreadsheets_hold_no_formula_and_read_back_as_they_were(tmp_path: Path):
    plain = ["-1.2 to 3.4", "+3% (2.1 to 4)", "Toyota", "−5", "-", "'s-Hertogenbosch"]
    frame = pd.DataFrame({"note": [*FORMULAS, *plain], "source_title": ATTACK}, [*FORMULAS, *plain])
    frame.insert(0, "=2+2", "x")
    charts.export_table(
        frame.rename_axis("maker"), "01_x", tmp_path, title=f"={ATTACK}", as_of=date(2026, 1, 1)
    )
    exports.write(tmp_path, "+source", date(2026, 1, 1))
    text = (tmp_path / "tables" / "01_x.csv").read_text(encoding="utf-8")
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0] == ["maker", "'=2+2", "note", "source_title"]
    for row, formula in zip(rows[1:], FORMULAS, strict=False):
        assert row[0] == row[2] == escapes.cell(formula) and row[0][0] in "'\\"
    assert [row[2] for row in rows[1 + len(FORMULAS) :]] == plain
    again, _ = exports.tables(tmp_path)["01_x"]
    assert again["note"].tolist() == [*map(escapes.visible, FORMULAS), *plain]
    book = openpyxl.load_workbook(tmp_path / "tables.xlsx")
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert not [cell.value for cell in cells if cell.data_type == "f"]
    assert not [cell.value for cell in cells if cell.hyperlink and not cell.hyperlink.location]
    tex = (tmp_path / "tables" / "01_x.tex").read_text(encoding="utf-8")
    assert "\\input" not in tex and "\\href" not in tex and "$" not in tex.replace("\\$", "")
    assert not alive(HTMLExporter().environment.filters["markdown2html"]({}, tex))


def test_markdown_files_hold_text(tmp_path: Path):
    frame = pd.DataFrame({"note": [ATTACK]}, pd.Index([ATTACK], name="maker"))
    charts.export_table(frame, "01_x", tmp_path, title=ATTACK, as_of=date(2026, 1, 1))
    exports.write(tmp_path, ATTACK, date(2026, 1, 1))
    made = HTMLExporter().environment.filters["markdown2html"]
    text = (tmp_path / "tables" / "01_x.md").read_text(encoding="utf-8")
    html = made({}, text)
    assert not alive(html) and BeautifulSoup(html, "html.parser").table
    assert BeautifulSoup(html, "html.parser").td.get_text() == " ".join(ATTACK.split())
