"""Walks over expressions that cost what the expression is: each distinct node once, without recursion.

Enters: a SymPy expression. Leaves: its nodes, symbols, or the expression with nodes replaced. SymPy's own
``preorder_traversal``, ``has``, ``free_symbols``, ``xreplace`` and ``replace`` walk an expression as a tree:
what stands in it twice is walked twice, on each level, and a deep one exceeds Python's stack.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

import sympy as sp

from symdl.brief import longer


def nodes(expr: sp.Basic, *, enter: Callable[[sp.Basic], bool] = lambda node: True) -> list[sp.Basic]:
    """Return the distinct nodes of an expression, operands before what is made of them.

    Args:
        expr: the expression, which comes last.
        enter: says whether the operands of a node count too.
    """
    found: dict[sp.Basic, None] = {}
    todo = [(expr, False)]
    while todo:
        node, opened = todo.pop()
        if node in found:
            continue
        if opened or not node.args or not enter(node):
            found[node] = None
            continue
        todo.append((node, True))
        todo += [(part, False) for part in reversed(node.args) if part not in found]
    return list(found)


def any_of(expr: Any, kinds: type | tuple[type, ...]) -> bool:
    """Say whether a node of one of these classes is in an expression; never in what is none."""
    if not isinstance(expr, sp.Basic):
        return False
    seen = {expr}
    todo = [expr]
    while todo:
        node = todo.pop()
        if isinstance(node, kinds):
            return True
        fresh = [part for part in node.args if part not in seen]
        seen.update(fresh)
        todo += fresh
    return False


def kinds_of(expr: sp.Basic, kinds: type | tuple[type, ...]) -> list[Any]:
    """Return the distinct nodes of these classes, in no particular order."""
    seen = {expr}
    todo = [expr]
    found = []
    while todo:
        node = todo.pop()
        if isinstance(node, kinds):
            found.append(node)
        fresh = [part for part in node.args if part not in seen]
        seen.update(fresh)
        todo += fresh
    return found


def symbols_of(expr: sp.Basic) -> set[sp.Basic]:
    """Return the free symbols of an expression whose nodes bind none."""
    return {s for node in nodes(expr) if not node.args for s in node.free_symbols}


def mapped(expr: sp.Basic, change: Callable[[sp.Basic], sp.Basic]) -> sp.Basic:
    """Return an expression with each node changed, after its operands were."""
    new: dict[sp.Basic, sp.Basic] = {}
    for node in nodes(expr):
        new[node] = change(with_parts(node, [new[part] for part in node.args]))
    return new[expr]


def swapped(expr: Any, values: Mapping[Any, Any]) -> Any:
    """Return an expression with nodes replaced, as ``xreplace`` does; what is replaced is not entered."""
    new: dict[sp.Basic, sp.Basic] = dict(values)
    todo = [expr]
    while todo:  # not by `nodes`: derivations spend their time here
        node = todo[-1]
        if node in new:
            todo.pop()
            continue
        missing = []
        for part in node.args:
            if part not in new:
                if part.args:
                    missing.append(part)
                else:
                    new[part] = part
        if missing:
            todo += missing
        else:
            todo.pop()
            new[node] = with_parts(node, [new[part] for part in node.args])
    return new[expr]


def with_parts(node: sp.Basic, parts: Iterable[sp.Basic]) -> sp.Basic:
    """Return a node with other operands; the node itself where none is another."""
    parts = tuple(parts)
    if all(map(operator.is_, parts, node.args)):
        return node
    if isinstance(node, sp.Max | sp.Min):
        return _extremum(node.func, *parts)
    trivial = isinstance(node, sp.Pow) and parts[1] in (0, 1)
    if isinstance(node, sp.Function | sp.Pow) and not trivial and any(map(_is_long, parts)):
        made: sp.Basic = node.func(*parts, evaluate=False)  # it would ask for the signs of all that is inside
    else:
        made = node.func(*parts)
    return made


_LONG = 500
"""Nodes of an operand, written out, beyond which a function or power of it is left as it is."""
_NESTED = 4
"""The same for functions inside each other: each asks the next one, and some of them several times."""


def _is_long(expr: sp.Basic) -> bool:
    """Say whether SymPy's questions about an operand would take long."""
    if longer(expr, _LONG):
        return True
    todo = [(expr, 0)]
    while todo:
        node, depth = todo.pop()
        inside = depth + isinstance(node, sp.Function)
        if inside > _NESTED:
            return True
        todo += [(part, inside) for part in node.args]
    return False


@lru_cache(maxsize=1024, typed=True)
def _extremum(kind: Callable[..., sp.Basic], *parts: sp.Basic) -> sp.Basic:
    """Return a maximum or minimum: SymPy looks for the larger one each time, in sums by their factors."""
    return kind(*parts)
