"""The last look at generated code.

Enters: source text. Leaves: the same text, or `EmitError` if it holds anything that generated code never
needs: other imports, attributes of anything but math and NumPy, special names, odd identifiers.
"""

from __future__ import annotations

import ast
import keyword
import re

from symdl.emit.syntax import Syntax
from symdl.errors import EmitError

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_OWNERS = {"math", "np", "types"}
_OTHER_ATTRIBUTES = {"shape"}


def inspect_source(source: str, syntax: Syntax) -> str:
    """Return `source` if it is what symdl generates.

    Raises:
        EmitError: it is not.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise EmitError(f"generated code cannot be parsed: {error}") from error
    for node in ast.walk(tree):
        problem = _problem(node, syntax)
        if problem:
            raise EmitError(
                f"generated code holds {problem} in line {getattr(node, 'lineno', 0)}",
                cure="please report this with the equations",
            )
    return source


def _problem(node: ast.AST, syntax: Syntax) -> str:
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
        return "" if all(n in syntax.imports for n in names) else f"an import of {names}"
    if isinstance(node, ast.ImportFrom):
        allowed = syntax.imports.get(node.module or "", frozenset())
        names = [alias.name for alias in node.names]
        return "" if allowed.issuperset(names) else f"an import from {node.module}"
    if isinstance(node, ast.Attribute):
        owner = node.value.id if isinstance(node.value, ast.Name) else ""
        good = owner in _OWNERS or node.attr in _OTHER_ATTRIBUTES
        good = good and not node.attr.startswith("_")
        return "" if good else f"the attribute {node.attr}"
    name = _identifier(node)
    if name and (not _NAME.fullmatch(name) or "__" in name or keyword.iskeyword(name)):
        return f"the name {name!r}"
    if isinstance(node, ast.Constant) and isinstance(node.value, bytes):
        return "bytes"
    if isinstance(node, ast.ClassDef | ast.AsyncFunctionDef | ast.Lambda | ast.Try | ast.With):
        return type(node).__name__
    return ""


def _identifier(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.FunctionDef):
        return node.name
    return node.arg or "" if isinstance(node, ast.arg | ast.keyword) else ""
