"""How Sphinx builds the documentation; nothing is fetched and no notebook is run."""

from importlib.metadata import version as version_of

project = "tariffmodel"
author = "The tariffmodel developers"
copyright = f"2026, {author}"
version = release = version_of("tariffmodel")

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "myst_nb",
    "sphinx_design",
    "sphinx_copybutton",
]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
nb_execution_mode = "off"

html_theme = "pydata_sphinx_theme"
html_title = "tariffmodel"
