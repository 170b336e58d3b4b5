"""How Sphinx builds the documentation; nothing is fetched and no notebook is run."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import pages
from sphinx.application import Sphinx

pages.write()

project = "tariffmodel"
author = "The tariffmodel developers"
copyright = f"2026, {author}"
version = release = version_of("tariffmodel")

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "myst_nb",
    "sphinx_design",
    "sphinx_copybutton",
    "formulas",
    "names",
]
exclude_patterns = [
    "_build",
    "made/commands.md",
    "made/reach.md",
]  # parts of howto/command_line, about/limits
html_math_renderer = "outlines"
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True

# Docstrings: numpy's sections, and what stands in single backticks is a name
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_default_options = {"exclude-members": "model_config, model_post_init"}
napoleon_google_docstring = False
napoleon_custom_sections = [("Attributes", "params_style")]
napoleon_use_rtype = False
python_maximum_signature_line_length = 110
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"

html_theme = "pydata_sphinx_theme"
html_title = html_short_title = "tariffmodel"
html_static_path = ["_static"]
html_css_files = ["house.css"]
html_show_sourcelink = False
html_sidebars = {"index": [], "getting_started": [], "about/*": []}
html_theme_options = {
    "logo": {"text": "tariffmodel"},
    "header_links_before_dropdown": 8,
    "navbar_align": "left",
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "friendly",
    "pygments_dark_style": "github-dark",
}


def setup(app: Sphinx) -> None:
    """Let |x| in a docstring be a size, and a default that Python cannot write be an ellipsis."""
    app.connect("autodoc-process-docstring", _escape_bars)
    app.connect("autodoc-process-signature", _leave_out_factories)


def _escape_bars(*event: list[str]) -> None:
    lines = event[-1]
    lines[:] = [line.replace("|", r"\|") for line in lines]


def _leave_out_factories(*event: str | None) -> tuple[str | None, str | None]:
    arguments, returned = event[-2:]
    return arguments and arguments.replace("<factory>", "..."), returned
