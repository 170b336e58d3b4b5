"""Under which name does a reader meet an object: the public one, ``tm.exposure.table``, or that of its file?

The public one, everywhere: in the headings of the API, in links from docstrings (`facts.load`) and in text,
where a name such as `tm.exposure.table` becomes a link. A name in the text that is not there is a warning.
"""

from __future__ import annotations

import inspect
import re
from functools import cache

import pages
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.nodes import make_refnode
from sphinx.util.typing import ExtensionMetadata

import tariffmodel as tm

_log = logging.getLogger(__name__)
_NOT_OURS = {"Path"}  # of pathlib, wherever it stands alone
_PUBLIC = re.compile(r"(tm(?:\.[A-Za-z_]\w*)+)(\(.*\))?")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Connect to the build."""
    app.connect("missing-reference", _resolve)
    app.connect("doctree-read", _name_publicly)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


@cache
def _paths() -> dict[str, str]:
    """What a name on the package stands for: ``exposure`` is ``tariffmodel.tariff.exposure``."""
    modules = pages.public_modules()
    found = {name: module.__name__ for name, module in modules.items()}
    return found | {one: f"{m.__name__}.{one}" for m in modules.values() for one in pages.objects(m)}


@cache
def _prefixes() -> dict[str, str]:
    """What stands before the objects of a module: ``tm.exposure``, or ``tm`` where it has some itself."""
    modules = pages.public_modules().items()
    return {module.__name__: "tm" if pages.objects(module) else f"tm.{name}" for name, module in modules}


def _path(name: str) -> str | None:
    """The path that a public name stands for, or None.

    >>> _path("tm.exposure.table"), _path("facts.load"), _path("nothing.at_all")
    ('tariffmodel.tariff.exposure.table', 'tariffmodel.facts.load', None)
    """
    first, dot, rest = name.removeprefix("tm.").partition(".")
    return f"{_paths()[first]}{dot}{rest}" if first in _paths() else None


def _resolve(
    app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, content: nodes.TextElement
) -> nodes.reference | None:
    """A link for a name that Python's own rules did not find."""
    asked = node["reftarget"].removesuffix("()")
    if node.get("refdomain") != "py" or asked in _NOT_OURS:
        return None
    domain = env.domains.python_domain
    found = domain.find_obj(env, "", "", _path(asked) or asked, None, 0)
    if not found and (asked[0].isupper() or "." in asked):
        found = domain.find_obj(env, "", "", asked, None, 1)
    places = {(entry.docname, entry.node_id): path for path, entry in found}
    if len(places) != 1:
        return None
    [((document, anchor), path)] = places.items()
    return make_refnode(app.builder, node["refdoc"], document, anchor, content, path)


def _name_publicly(app: Sphinx, document: nodes.document) -> None:
    """Put public names over the objects of the API, and links on those in the text."""
    for node in document.findall(addnodes.desc_addname):
        if prefix := _prefixes().get(node.astext().rstrip(".")):
            node.children = [nodes.Text(f"{prefix}.")]
    for node in document.findall(addnodes.pending_xref):
        node.attributes.pop("refspecific", None)  # what is not named in full, `_resolve` looks for
    for node in list(document.findall(nodes.literal)):
        named = _PUBLIC.fullmatch(node.astext())
        if named is None or isinstance(node.parent, nodes.reference | addnodes.pending_xref):
            continue
        if not _is_there(named[1]):
            _log.warning("there is no %s", named[1], location=node)
        asked = {"refdomain": "py", "reftype": "obj", "reftarget": named[1], "refdoc": app.env.docname}
        link = addnodes.pending_xref("", refexplicit=True, refwarn=False, **asked)
        node.replace_self(link)
        link += node


def _is_there(name: str) -> bool:
    one: object = tm
    for part in name.split(".")[1:]:
        if inspect.isclass(one) and part in inspect.get_annotations(one):
            return True  # a field of a dataclass
        if not hasattr(one, part):
            return False
        one = getattr(one, part)
    return True
