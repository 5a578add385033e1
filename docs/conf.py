"""The documentation site: `make docs` builds it into build/docs, without a network."""

import os
import sys
from importlib.util import find_spec
from inspect import getmembers
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # for tests and tools

from sphinx.ext.autodoc.mock import _MockObject
from tests.project import fault_page
from tools.pages import links, llms

import smoothxent

project = "smoothxent"
author = "The smoothxent authors"
copyright = author
version = release = smoothxent.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx-mathjax-offline",  # MathJax as files of the site
    "sphinx_copybutton",
]
exclude_patterns = ["_static"]
default_role = "literal"  # `name` in a docstring is code, as in Markdown
nitpicky = True
smartquotes = False  # quotes belong to code and messages, which readers copy

myst_heading_anchors = 3
myst_enable_extensions = ["dollarmath"]

autodoc_typehints = "none"  # docstrings describe the types in words
autodoc_member_order = "bysource"
# A stand-in replaces each of these packages that is not installed. Annotations such as
# `Tensor | None` need `|`, which the stand-ins of Sphinx lack.
BRIDGED = ("dask", "jax", "sklearn", "torch")
autodoc_mock_imports = [name for name in BRIDGED if find_spec(name) is None]
_MockObject.__or__ = _MockObject.__ror__ = lambda self, other: self
autosummary_generate = False  # functions and classes have their places in docs/api/
numpydoc_show_class_members = False  # docstrings of classes list all attributes: see is_left_out
nitpick_ignore = {
    ("py:obj", name)
    for result in vars(smoothxent).values()
    if isinstance(result, type)
    for name, member in getmembers(result)
    if not callable(member)
}
numpydoc_class_members_toctree = False

# Inventories come from the network, and one that is missing is a warning: only the public site,
# which is built with a network, loads them. Elsewhere names of other projects are plain text.
INVENTORIES = {
    "python": ("https://docs.python.org/3", None),
    "numpy": ("https://numpy.org/doc/stable", None),
}
intersphinx_mapping = INVENTORIES if "READTHEDOCS" in os.environ else {}

html_theme = "furo"
html_title = f"smoothxent {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False  # some pages only include a file
html_show_sphinx = False
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def setup(app):
    """Move the links of the pages, leave out attributes, and write llms.txt."""

    def read(app, page, source):
        file = f"docs/{page}.md"
        source[0] = links.of_the_site(source[0], file, file)

    def included(app, path, page, source):
        file = (Path(app.srcdir) / path).resolve().relative_to(ROOT).as_posix()
        text = fault_page.page(source[0]) if page == "faults" else source[0]
        source[0] = links.of_the_site(text, file, f"docs/{page}.md")

    def is_left_out(app, kind, name, member, skip, options):
        return skip or not callable(member)

    app.connect("autodoc-skip-member", is_left_out)
    app.connect("source-read", read)
    app.connect("include-read", included)
    app.connect("build-finished", llms.write)
