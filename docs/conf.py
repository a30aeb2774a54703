"""The documentation as a site, by Sphinx: ``make docs``.

Enters: the pages beside this file, and the docstrings. Leaves: ``out/docs``, a folder of static files that
asks nobody for anything: no fonts, no scripts from elsewhere. Formulas are MathML, which browsers draw
themselves, by the printer of derivations; MathJax would be a script of a megabyte that must be fetched.
"""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

from docutils import nodes

import symdl as sd
from symdl.explain.printers.mathml import mathml

HERE = Path(__file__).parent
REFERENCE = runpy.run_path(str(HERE / "make_reference.py"))
FOLDER = re.compile(r"\[([^]]*)\]\((\.\.?/[^)#]*)\)")
ROW = re.compile(r"^\| (`(sd\.[\w.]+)[^`]*`) \|", re.MULTILINE)

project = "symdl"
author = "The symdl developers"
project_copyright = "The symdl developers"
version = release = sd.__version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",  # Args:, Returns:, Raises:, Example:
    "sphinx.ext.viewcode",  # a link to the source, on the site itself
    "sphinx_copybutton",
]
myst_enable_extensions = ["dollarmath", "attrs_block"]
myst_heading_anchors = 3
napoleon_use_ivar = True  # a property is an attribute, and is described once
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
viewcode_follow_imported_members = True
default_role = "code"  # `x` in a docstring is code
html_theme = "furo"
html_title = "symdl"
html_theme_options = {"navigation_with_keys": True}
html_math_renderer = "mathml"
html_copy_source = False
html_show_sphinx = False
pygments_style, pygments_dark_style = "friendly", "monokai"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
exclude_patterns = ["_build"]


def write_names(app: Any) -> None:
    """Write a page for every public name, which autodoc fills from its docstring."""
    folder = HERE / "names"
    folder.mkdir(exist_ok=True)
    pages = REFERENCE["pages"]()
    for old in folder.glob("*.md"):
        if old.name not in pages:
            old.unlink()
    for name, text in pages.items():
        path = folder / name
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")


def linked(app: Any, page: str, source: list[str]) -> None:
    """Make links to folders, which a site has not, words, and rows of the list of names links to pages."""
    source[0] = FOLDER.sub(
        lambda m: m[1] if (HERE / page).parent.joinpath(m[2]).is_dir() else m[0], source[0]
    )
    if page == "reference":
        source[0] = ROW.sub(lambda m: f"| [{m[1]}](names/{m[2]}.md) |", source[0])


def draw(writer: Any, node: nodes.math | nodes.math_block) -> None:
    """Write a formula."""
    block = isinstance(node, nodes.math_block)
    tag = "p" if block else "span"
    writer.body.append(f"<{tag}>{mathml(node.astext(), display=block)}</{tag}>")
    raise nodes.SkipNode


def setup(app: Any) -> None:
    """Say what is ours; Sphinx calls this."""
    app.add_html_math_renderer("mathml", (draw, None), (draw, None))
    app.connect("builder-inited", write_names)
    app.connect("source-read", linked)
