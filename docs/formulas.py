"""How are formulas drawn without a network, and without a program that the reader lacks?

By matplotlib, as outlines in the page itself: they take the colour of the text around them and are read aloud
as they were written.
"""

from __future__ import annotations

from html import escape

import numpy as np
from docutils import nodes
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.textpath import TextToPath
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata
from sphinx.writers.html5 import HTML5Translator

_SIZE = 100.0  # units per em of the outline
_EM = 1.08  # of the text around it: Times looks small beside the page's font
_STEPS = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C", Path.CLOSEPOLY: "Z"}


def svg(tex: str) -> str:
    """A formula as the source of an inline SVG, its baseline on that of the text.

    Raises
    ------
    ValueError
        If matplotlib cannot set it; the message shows where.
    """
    font = FontProperties(math_fontfamily="stix", size=_SIZE)
    line = " ".join(tex.split())
    vertices, codes = TextToPath().get_text_path(font, f"${line}$", ismath=True)
    outline = Path(vertices, codes)
    box = outline.get_extents()
    pad = _SIZE / 20
    left, right = box.x0 - pad, box.x1 + pad
    above, below = max(box.y1, 0.6 * _SIZE) + pad, max(-box.y0, 0.0) + pad
    steps = "".join(
        _STEPS[code] + ("" if code == Path.CLOSEPOLY else _points(points))
        for points, code in outline.iter_segments(curves=True, simplify=False)
    )
    width, height, depth = (_EM * size / _SIZE for size in (right - left, above + below, below))
    return (
        f'<svg class="formula" role="img" aria-label="{escape(tex)}" '
        f'viewBox="{left:.0f} {-above:.0f} {right - left:.0f} {above + below:.0f}" '
        f'style="width:{width:.3f}em;height:{height:.3f}em;vertical-align:-{depth:.3f}em">'
        f'<path d="{steps}" fill="currentColor"/></svg>'
    )


def _points(points: np.ndarray) -> str:
    return " ".join(f"{x:.0f} {-y:.0f}" for x, y in points.reshape(-1, 2))  # SVG counts downwards


def _inline(writer: HTML5Translator, node: nodes.math) -> None:
    writer.body.append(svg(node.astext()))
    raise nodes.SkipNode


def _display(writer: HTML5Translator, node: nodes.math_block) -> None:
    tex = node.astext().strip().replace(r"\frac", r"\dfrac")  # there is room
    lines = [f"<div>{svg(line)}</div>" for line in tex.split(r"\\")]
    writer.body.append(f'<div class="formula">{"".join(lines)}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the renderer as ``html_math_renderer = "outlines"``."""
    app.add_html_math_renderer("outlines", (_inline, None), (_display, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
