"""How do executed notebooks become one HTML file that never touches the network?

Code and messages are folded, formulas drawn, headings listed; a chart that the notebook exported
stands under its name, as the vector drawing of the same figure, so that it prints sharp and a note
can link to ``report.html#chart-02_bill``.
"""

from __future__ import annotations

import base64
import io
import itertools
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import matplotlib as mpl
from bs4 import BeautifulSoup, Tag
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.mathtext import MathTextParser
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode
from pygments.formatters import HtmlFormatter

from tariffmodel import escapes
from tariffmodel.errors import TariffModelError
from tariffmodel.facts import periods

TEMPLATES = Path(__file__).resolve().parent

# The notebook's cells, on top of nbconvert's bare template: code and messages are folded, and an
# SVG figure keeps its description, which nbconvert only passes on for bitmaps.
CELLS = """\
{%- extends 'basic/index.html.j2' -%}
{%- block input_group -%}
{%- if cell.source.strip() -%}
{%- set tags = cell.metadata.get('tags', []) -%}
{%- set errors = cell.outputs | selectattr('output_type', 'equalto', 'error') | list -%}
<details class="code"{% if errors %} open{% endif %}>
<summary>
{%- if 'injected-parameters' in tags %}Parameters of this run
{%- elif 'parameters' in tags %}Parameters when none are given
{%- else %}Code{% endif -%}
</summary>
{{ super() }}
</details>
{%- endif -%}
{%- endblock input_group -%}
{%- block stream_stderr -%}
<details class="code"><summary>Messages</summary>{{ super() }}</details>
{%- endblock stream_stderr -%}
{%- block data_png scoped -%}
{%- set about = output.metadata.get('image/png', {}) -%}
<div class="output_png output_subarea"><img src="data:image/png;base64,{{ output.data['image/png'] }}"
{%- for name in ('width', 'height', 'alt') if about[name] %}
{{- ' ' }}{{ name }}="{{ about[name] | string | escape_html }}"{% endfor -%}
{%- if about.chart %} data-chart="{{ about.chart | escape_html }}"{% endif %}></div>
{%- endblock data_png -%}
{%- block data_svg scoped -%}
{%- set alt = output | get_metadata('alt', 'image/svg+xml') or output | get_metadata('alt', 'image/png') -%}
<div class="output_svg output_subarea"><img src="data:image/svg+xml;base64,
{{- output.data['image/svg+xml'] | text_base64 }}"{% if alt %} alt="{{ alt | escape_html }}"{% endif %}></div>
{%- endblock data_svg -%}
"""

NUMBER = re.compile(r"[-+−(]?[$€£¥₩]?\d[\d,.\s]*(?:e[-+]?\d+)?\s?(?:%|x|pp|bp|bn|m|k)?\)?", re.IGNORECASE)
# where a link of the report may lead: the web, a heading, a file beside it
_GOES = re.compile(r"https?://[^\s]+|#.*|[^:\s][^:]*", re.IGNORECASE | re.DOTALL)
_RUNS = [
    "script", "iframe", "link", "object", "embed", "base", "meta", "video", "audio", "form", "animate", "set",
]  # fmt: skip
_ACTIVE = {"srcset", "srcdoc", "formaction", "action", "ping", "background", "poster"}
NOTHING = {"", "-", "–", "—", "...", "…", "nan", "none", "<na>", "nat"}


@dataclass(frozen=True)
class Since:
    """What changed since an earlier run: sentences, then the largest of `total` moves."""

    run: str
    sentences: list[str]
    columns: list[str]
    rows: list[list[str]]
    total: int


@dataclass(frozen=True)
class Section:
    """A notebook as a part of the report: its entry in the manifest, anchors and texts of its headings."""

    anchor: str
    entry: Mapping[str, Any]
    contents: list[tuple[str, str]]
    body: str


def render(
    manifest: Mapping[str, Any],
    notebooks: Sequence[NotebookNode],
    *,
    folder: Path,
    sources: Path,
    since: Since | None,
) -> str:
    """The report of a run as one HTML document.

    Parameters
    ----------
    manifest
        As `manifest.begin` makes it; its entries in `notebooks` go with the `notebooks` given here.
    folder
        The run's folder, to find the exported charts.
    sources
        Where the notebooks came from, to find the images they refer to.
    since
        What changed since an earlier run; None where there was none.

    Examples
    --------
    >>> import tariffmodel as tm
    >>> from tariffmodel.runs.manifest import begin
    >>> asked = tm.case("flat-25", "none", "CY2025")
    >>> parameters = {"policy": "flat-25", "against": "none", "period": "CY2025", "as_of": "2026-10-30"}
    >>> about = begin(parameters, asked.facts, asked.policy, asked.against)
    >>> about |= {"run": "one", "inputs_sha256": "", "data_changed": False}
    >>> text = render(about, [], folder=Path("output"), sources=Path("notebooks"), since=None)
    >>> text[:15], about["question"] in text
    ('<!DOCTYPE html>', False)
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    charts = {path.stem: path for path in _about_charts(folder)}
    by_alt = _by_alt(charts.values())
    elsewhere = _other_periods(charts, str(manifest["parameters"]["period"]))
    present = {Path(entry["file"]).stem for entry in manifest["notebooks"]}
    exporter = _Cells(  # type: ignore[no-untyped-call]  # nbconvert's own constructor has no types
        template_name="basic",
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
        embed_images=True,
    )
    exporter.raw_template = CELLS
    return environment.get_template("report.html.j2").render(
        manifest=manifest,
        since=since,
        elsewhere=elsewhere,
        sections=[
            _section(*pair, exporter, sources, charts, by_alt, present)
            for pair in zip(manifest["notebooks"], notebooks, strict=True)
        ],
        written={output["file"] for output in manifest["outputs"]},
        highlighting=HtmlFormatter(style="friendly").get_style_defs(".highlight"),
    )


def _section(
    entry: Mapping[str, Any],
    node: NotebookNode,
    exporter: _Cells,
    sources: Path,
    charts: dict[str, Path],
    by_alt: Mapping[str, Path],
    present: set[str],
) -> Section:
    body, _ = exporter.from_notebook_node(node, resources={"metadata": {"path": str(sources)}})
    soup = BeautifulSoup(body, "html.parser")
    anchor = Path(entry["file"]).stem
    _drop_what_fetches(soup)
    headings = soup.select(".text_cell :is(h1, h2, h3, h4, h5)")
    for heading in headings:
        heading["id"] = heading.get("id") or heading.get_text().replace(" ", "-")  # as in JupyterLab
        heading.name = f"h{int(heading.name[1]) + 1}"  # the report's own title is h1
    _keep_anchors_apart(soup, anchor, present)
    _name_charts(soup, charts, by_alt)
    _shape_tables(soup)
    contents = [
        (str(heading["id"]), heading.get_text()) for heading in headings if heading.name in {"h2", "h3"}
    ]
    if contents and headings[0].name == "h2":
        del contents[0]  # the notebook's title, which stands for the whole section
    return Section(anchor, entry, contents, str(soup))


def _about_charts(folder: Path) -> list[Path]:
    found = folder.glob("charts/*.json")
    return sorted(path for path in found if path.with_suffix(".svg").is_file())


def _other_periods(charts: Mapping[str, Path], asked: str) -> str:
    """Which charts are of other periods than the one asked for: their titles open with it."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, path in charts.items():
        opening, colon, _ = json.loads(path.read_text(encoding="utf-8"))["title"].partition(": ")
        if colon and opening != asked and _is_period(opening):
            found[opening].append(name)
    return "; ".join(f"{period} in {', '.join(names)}" for period, names in found.items())


def _is_period(text: str) -> bool:
    try:
        periods.parse(text)
    except TariffModelError:
        return False
    return True


def _by_alt(charts: Iterable[Path]) -> dict[str, Path]:
    """Charts by what describes them, where that is of one chart alone."""
    found: dict[str, list[Path]] = defaultdict(list)
    for path in charts:
        found[str(json.loads(path.read_text(encoding="utf-8")).get("alt", ""))].append(path)
    return {alt: paths[0] for alt, paths in found.items() if alt and len(paths) == 1}


def _name_charts(soup: BeautifulSoup, charts: dict[str, Path], by_alt: Mapping[str, Path]) -> None:
    """Show each exported chart as its drawing, with its name and links to its files.

    A picture says which chart it is. What is found is taken out of `charts`: an id is given once.
    A chart shown again, or exported with another notebook, is known by its description and names
    the same files.
    """
    for image in soup("img"):
        path = charts.pop(str(image.get("data-chart")), None)
        first = path is not None
        del image["data-chart"]
        path = path or by_alt.get(str(image.get("alt")))
        if path is None:
            continue
        figure = soup.new_tag("figure", attrs={"class": "chart"})
        if first:
            image["src"] = _inline(path.with_suffix(".svg").read_text(encoding="utf-8"))
            figure["id"] = f"chart-{path.stem}"
        image.wrap(figure)
        caption = soup.new_tag("figcaption")
        caption.append(path.stem)
        files = {kind.upper(): f"{path.stem}.{kind}" for kind in ("png", "svg", "pdf", "csv")}
        files |= {"9 cm": f"9cm/{path.stem}.png", "16:9": f"16x9/{path.stem}.png"}
        for said, file in files.items():
            if (path.parent / file).is_file():
                link = soup.new_tag("a", href=f"charts/{file}")
                link.string = said
                caption.append(link)
        image.insert_after(caption)


def _inline(drawing: str) -> str:
    """An SVG as the source of an image: text with few escapes is a quarter shorter than Base64."""
    short = re.sub(r"\s*\n\s*", " ", drawing)
    short = re.sub(r'="([^"\']*)"', r"='\1'", short)
    return "data:image/svg+xml," + quote(short, safe=" =':/,;.()-+!*@?[]|&$")


def _drop_what_fetches(soup: BeautifulSoup) -> None:
    """Remove everything that runs or loads; an image that is not inline becomes a link to it.

    The report's content security policy forbids it all the same. This keeps browsers from
    complaining, and mail filters from refusing the file.
    """
    for tag in soup(
        [
            "script",
            "iframe",
            "link",
            "object",
            "embed",
            "base",
            "meta",
            "video",
            "audio",
            "form",
            "animate",
            "set",
        ]
    ):
        tag.decompose()
    for image in soup("img"):
        source = str(image.get("src", ""))
        if not source.startswith("data:image/"):
            link = soup.new_tag("a", href=source)
            link.string = str(image.get("alt") or source)
            image.replace_with(link)
    for tag in soup.find_all(True):
        for name in [name for name in tag.attrs if name.startswith("on") or name in _ACTIVE]:
            del tag[name]
        for name in ("href", "xlink:href"):
            if name in tag.attrs and not _GOES.fullmatch(str(tag[name])):
                del tag[name]


def _keep_anchors_apart(  # noqa: C901  one branch per kind of reference
    soup: BeautifulSoup, prefix: str, present: set[str]
) -> None:
    """Prefix every id, number repeated ones, and let what refers to them follow.

    A link to another notebook becomes a link to its section, and plain text if that is not `present`.
    """
    renamed: dict[str, str] = {}
    taken: set[str] = set()
    for tag in soup.find_all(id=True):
        old = str(tag["id"])
        new, repeats = f"{prefix}-{old}", itertools.count(2)
        while new in taken:
            new = f"{prefix}-{old}-{next(repeats)}"
        tag["id"] = new
        taken.add(new)
        renamed.setdefault(old, new)

    def follow(match: re.Match[str]) -> str:
        return match[1] + renamed.get(match[2], match[2])

    for style in soup("style"):  # a pandas Styler addresses its cells by id
        style.string = re.sub(r"(#)([\w-]+)", follow, style.get_text())
    for tag in soup.find_all(True):
        for name, value in list(tag.attrs.items()):
            if not isinstance(value, str):
                continue
            if name in {"for", "aria-labelledby", "aria-describedby"}:
                tag[name] = " ".join(renamed.get(part, part) for part in value.split())
            elif name in {"href", "xlink:href"} and value.startswith("#"):
                target = unquote(value[1:])
                tag[name] = "#" + renamed.get(target, target)
            elif name == "href" and (match := re.fullmatch(r"(?:\./)?([^/#:]+)\.ipynb(?:#(.+))?", value)):
                if match[1] in present:
                    tag[name] = f"#{match[1]}-{unquote(match[2])}" if match[2] else f"#{match[1]}"
                else:
                    tag.unwrap()
            elif "url(#" in value:  # clips and gradients of an SVG that stands in the page
                tag[name] = re.sub(r"(url\(#)([^)]+)", follow, value)


def _shape_tables(soup: BeautifulSoup) -> None:
    """Align columns of numbers to the right; let a wide table scroll, and break only its long words."""
    for style in soup.select("style[scoped]"):  # pandas' own, older than the browsers' idea of scope
        style.decompose()
    for table in soup("table"):
        # Counted from the right: with several index levels, only the left side has merged cells.
        columns: dict[int, list[Tag]] = defaultdict(list)
        for row in table.select("tbody tr"):
            cells = row.find_all(["td", "th"], recursive=False)
            if not any(cell.has_attr("colspan") for cell in cells):
                for position, cell in enumerate(reversed(cells)):
                    columns[position].append(cell)
        numeric = {position for position, cells in columns.items() if _are_numbers(cells)}
        for position in numeric:
            _mark(columns[position])
        for row in table.select("thead tr"):
            cells = row.find_all(["td", "th"], recursive=False)
            if not any(cell.has_attr("colspan") for cell in cells):
                _mark([cell for position, cell in enumerate(reversed(cells)) if position in numeric])
        for cell in table("td"):
            words = cell.get_text().split()
            if len(words) == 1 and len(words[0]) <= 16:
                _mark([cell], "short")
            elif any(len(word) > 25 for word in words):
                _mark([cell], "long")
        table.wrap(soup.new_tag("div", attrs={"class": "table", "tabindex": "0"}))


def _are_numbers(cells: Sequence[Tag]) -> bool:
    texts = [cell.get_text(strip=True) for cell in cells if cell.name == "td"]
    filled = [text for text in texts if text.lower() not in NOTHING]
    return bool(filled) and all(NUMBER.fullmatch(text) for text in filled)


def _mark(cells: Sequence[Tag], kind: str = "number") -> None:
    for cell in cells:
        cell["class"] = " ".join([*cell.get_attribute_list("class"), kind])


class _Cells(HTMLExporter):
    """nbconvert's exporter, with formulas drawn here: the report cannot load MathJax."""

    @pass_context
    def markdown2html(self, context: Context, source: str) -> str:
        renderer = _Markdown(
            escape=False,
            attachments=context.get("cell", {}).get("attachments", {}),
            embed_images=self.embed_images,
            path=context.get("resources", {}).get("metadata", {}).get("path", ""),
            exclude_anchor_links=self.exclude_anchor_links,
        )
        return MarkdownWithMath(renderer=renderer).render(source)


class _Markdown(IPythonRenderer):
    def inline_math(self, body: str) -> str:
        return _formula(body)

    def block_math(self, body: str) -> str:
        return f'<span class="formula">{_formula(body)}</span>'

    def latex_environment(self, name: str, body: str) -> str:
        return self.block_math(f"\\begin{{{name}}}{body}\\end{{{name}}}")


def _formula(tex: str) -> str:
    """`tex` as an image in the line, or as code where matplotlib cannot set it (alignments, matrices)."""
    size = 12
    text, font = f"${' '.join(tex.split())}$", FontProperties(size=size, math_fontfamily="stix")
    drawing = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "path", "svg.hashsalt": text}):
        try:
            width, height, depth, *_ = MathTextParser("path").parse(text, dpi=72, prop=font)
        except ValueError:
            return f"<code>{escapes.html(tex.strip())}</code>"
        figure = Figure(figsize=(width / 72, height / 72))
        figure.text(0, depth / height, text, fontproperties=font)
        figure.savefig(drawing, format="svg", transparent=True, metadata={"Date": None})
    source = base64.b64encode(drawing.getvalue().encode()).decode()
    style = f"height:{height / size:.3f}em;vertical-align:{-depth / size:.3f}em"
    alt = escapes.html(tex.strip())
    return f'<img class="tex" src="data:image/svg+xml;base64,{source}" alt="{alt}" style="{style}">'
