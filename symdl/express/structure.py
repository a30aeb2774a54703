"""Expressions as plain data, in which names do not count.

Enters: expressions, and what shall stand for their elements and leaves. Leaves: a tuple that can be compared
and hashed: equal ones are equal expressions, but for what is called otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from symdl.express.tensors import Access


def terms(
    expressions: Iterable[Any],
    element: Callable[[Access], object],
    leaf: Callable[[Any], object] = lambda node: node,
) -> tuple[object, ...]:
    """Return the nodes of expressions, each before its operands.

    Args:
        expressions: SymPy's.
        element: what stands for the tensor of an element; its positions are operands.
        leaf: what stands for a symbol or a number.
    """
    found: list[object] = []
    todo = list(expressions)
    while todo:
        node = todo.pop()
        if isinstance(node, Access):
            found.append((Access, element(node), len(node.indices)))
            todo += node.indices
        elif node.args:
            found.append((node.func, len(node.args)))
            todo += node.args
        else:
            found.append((type(node), leaf(node)))
    return tuple(found)
