"""Templates arrange: they print finished strings and flags, and compute nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import nodes

from symdl.templating import _environment

ROOT = Path(__file__).resolve().parents[1]
TEMPLATES = ROOT / "templates"
FILES = sorted(p for p in TEMPLATES.rglob("*") if p.is_file() and p.name != "README.md")

LONGEST = 65
"""Lines of a template of code. Pages for people hold their style, too."""
FILTERS = {"safe", "join", "indent"}
"""What may be done with a string: it is markup already, or goes between or in front of others."""
ARITHMETIC = (
    *(nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Pow),
    *(nodes.Neg, nodes.Pos, nodes.Concat),
)
TESTS = (nodes.Compare, nodes.Test)
CALLED = {"dict"}
"""The functions of Jinja that may be called; the others are macros."""


def computed(name: str, text: str) -> Iterator[str]:
    """What a template computes, with the line where it does."""
    tree = _environment(name.partition("/")[0]).parse(text)
    imported = {node.target for node in tree.find_all(nodes.Import)}
    imported |= {n if isinstance(n, str) else n[1] for f in tree.find_all(nodes.FromImport) for n in f.names}
    macros = imported | CALLED | {node.name for node in tree.find_all(nodes.Macro)}
    for node in tree.find_all(nodes.Expr):
        line = f"line {node.lineno}: "
        if isinstance(node, ARITHMETIC):
            yield f"{line}arithmetic, {type(node).__name__}"
        elif isinstance(node, TESTS):
            yield f"{line}a comparison, {type(node).__name__}"
        elif isinstance(node, nodes.Filter) and node.name not in FILTERS:
            yield f"{line}the filter {node.name}"
        elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Slice | nodes.Const):
            yield f"{line}a part of a list"
        elif isinstance(node, nodes.Call) and _called(node.node) not in macros:
            yield f"{line}a call of {_called(node.node)}"


def _called(node: nodes.Node) -> str:
    """The name of what is called: of a macro, of the module it is from, or of the table that holds it."""
    if isinstance(node, nodes.Getattr) and not isinstance(node.node, nodes.Name):
        return node.attr
    if isinstance(node, nodes.Getattr | nodes.Getitem):
        return "dict" if isinstance(node, nodes.Getitem) else _called(node.node)
    return node.name if isinstance(node, nodes.Name) else type(node).__name__


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(TEMPLATES)))
def test_templates_compute_nothing(file: Path) -> None:
    assert file.suffix == ".jinja"
    found = list(computed(file.relative_to(TEMPLATES).as_posix(), file.read_text("utf-8")))
    assert not found, "\n".join(found)


def test_templates_of_code_are_short() -> None:
    assert len(FILES) > 9
    code = [file for file in FILES if file.parent.name not in ("html", "latex")]
    assert not [file for file in code if len(file.read_text("utf-8").splitlines()) > LONGEST]


@pytest.mark.parametrize(
    "text",
    [
        "{{ 4 * apart }}",
        "{{ widths[-1] }}",
        "{{ rows // 2 - 1 }}",
        "{{ 'pick_' ~ kind }}",
        "{{ 'tile_%d' % vectors }}",
        "{{ real_array.format(place=place) }}",
        "{{ names|length }}",
        "{{ name|upper }}",
        "{{ row[1:]|join(' ') }}",
        "{% if kernels is none %}x{% endif %}",
        "{% if name == depth %}x{% endif %}",
        "{% if loop.index > 2 %}x{% endif %}",
        "{% for n in range(3) %}x{% endfor %}",
        "{{ node.text.strip() }}",
    ],
)
def test_what_is_computed_is_found(text: str) -> None:
    assert list(computed("cpu/x.jinja", text))


def test_arranging_is_not_computing() -> None:
    text = "{% macro m(a, say) %}{{ a.name }}{% endmacro %}{% import 'x' as y %}{{ m(b) if c else '' }}"
    text += "{% for n in a.body %}{{ say[n.kind](n, say) }}{{ y.body(n)|indent }}{% endfor %}"
    assert not list(computed("cpu/x.jinja", text))
