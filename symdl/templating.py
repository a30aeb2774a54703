"""The one Jinja environment: strict, and without blank lines that nobody wrote.

Enters: the path of a template under ``templates/``, which lies inside the installed package or beside it in a
checkout. Leaves: the template. In ``latex/`` the marks of Jinja are ``<% %>`` and ``<< >>``, since braces
belong to LaTeX there; what ``html/`` prints is escaped.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template

_LATEX_MARKS = {
    "block_start_string": "<%",
    "block_end_string": "%>",
    "variable_start_string": "<<",
    "variable_end_string": ">>",
    "comment_start_string": "<#",
    "comment_end_string": "#>",
}


def template_root() -> Traversable:
    """Return the folder of the templates."""
    installed = files("symdl") / "templates"
    checkout = Path(__file__).resolve().parents[1] / "templates"
    return installed if installed.is_dir() else checkout


def template(name: str) -> Template:
    """Return a template by its path, such as ``cpu/module.jinja``.

    Raises:
        jinja2.TemplateNotFound: there is no such file; the installation is damaged.
    """
    return _environment(name.partition("/")[0]).get_template(name)


@cache
def _environment(folder: str) -> Environment:
    marks: dict[str, Any] = _LATEX_MARKS if folder == "latex" else {}
    return Environment(
        loader=FunctionLoader(_text),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=folder == "html",
        **marks,
    )


def _text(name: str) -> str | None:
    file = template_root().joinpath(*name.split("/"))
    return file.read_text("utf-8") if file.is_file() else None
