"""The last look at generated code.

Enters: source text. Leaves: the same text, or `EmitError` if it holds anything that generated code never
needs: other imports, attributes of anything but math and NumPy, special names, odd identifiers.
"""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Callable, Mapping
from typing import Any

from symdl.emit.syntax import Syntax
from symdl.errors import EmitError

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_ROUTINE = re.compile(r"(special|function[0-9]+)_[A-Za-z0-9_]+")
"""What routines are called: one of SciPy's, or one that a user gave."""


def inspect_source(source: str, syntax: Syntax) -> str:
    """Return `source` if it is what symdl generates.

    Raises:
        EmitError: it is not.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise EmitError(f"generated code cannot be parsed: {error}") from error
    left: list[ast.AST] = [tree]
    while left:
        node = left.pop()
        check = _CHECKS.get(type(node))
        problem = check(node, syntax) if check else ""
        if problem:
            raise EmitError(
                f"generated code holds {problem} in line {getattr(node, 'lineno', 0)}",
                cure="please report this with the equations",
            )
        for part in node._fields:
            value = getattr(node, part, None)
            if value.__class__ is list:
                left.extend(item for item in value if isinstance(item, ast.AST))
            elif isinstance(value, ast.AST) and not isinstance(value, _PLAIN):
                left.append(value)
    return source


def _import(node: Any, syntax: Syntax) -> str:
    names = [alias.name for alias in node.names]
    return "" if all(n in syntax.imports for n in names) else f"an import of {names}"


def _import_from(node: Any, syntax: Syntax) -> str:
    allowed = syntax.imports.get(node.module or "", frozenset())
    names = [alias.name for alias in node.names]
    if node.module == syntax.routines and all(map(_ROUTINE.fullmatch, names)):
        return ""
    return "" if allowed.issuperset(names) else f"an import from {node.module}"


def _attribute(node: Any, syntax: Syntax) -> str:
    inner = node.value
    while isinstance(inner, ast.Attribute):
        inner = inner.value
    owner = inner.id if isinstance(inner, ast.Name) else ""
    good = owner in syntax.owners or node.attr in syntax.attributes
    return "" if good and not node.attr.startswith("_") else f"the attribute {node.attr}"


def _named(node: Any, syntax: Syntax) -> str:
    name = getattr(node, _NAMED[type(node)]) or "x"
    plain = _NAME.fullmatch(name) and "__" not in name and not keyword.iskeyword(name)
    good = plain or name in syntax.own
    return "" if good else f"the name {name!r}"


def _constant(node: Any, syntax: Syntax) -> str:
    return "bytes" if isinstance(node.value, bytes) else ""


def _never(node: Any, syntax: Syntax) -> str:
    return type(node).__name__


_PLAIN = (ast.expr_context, ast.operator, ast.cmpop, ast.boolop, ast.unaryop)
_NAMED = {ast.Name: "id", ast.FunctionDef: "name", ast.arg: "arg", ast.keyword: "arg"}
_CHECKS: Mapping[type[ast.AST], Callable[[Any, Syntax], str]] = {
    ast.Import: _import,
    ast.ImportFrom: _import_from,
    ast.Attribute: _attribute,
    ast.Constant: _constant,
    **dict.fromkeys(_NAMED, _named),
    **dict.fromkeys((ast.ClassDef, ast.AsyncFunctionDef, ast.Lambda, ast.Try, ast.With), _never),
}
