"""Powers of matrices: ``X X X`` is ``X^3``, ``S^-1 S^-1`` is ``S^-2``.

Enters: a matrix expression. Leaves: the same with equal factors side by side as a matrix power, which
has another mark than a power entry by entry.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from symdl.explain.matrix.algebra import transposed
from symdl.explain.notation.tree import (
    Call,
    Multiply,
    Negative,
    Node,
    Terms,
    Transpose,
    mapped,
    number,
    walk,
)

_LONGEST = 3  # factors of a product of transposes that is not written as the transpose of a product


def powered(node: Node) -> Node:
    """Write runs of one square matrix as a power."""

    def change(part: Node) -> Node | None:
        if not isinstance(part, Multiply):
            return None
        inner = [powered(factor) for factor in part.args]
        factors = tuple(_power(factor, len(list(run))) for factor, run in groupby(inner))
        return factors[0] if len(factors) == 1 else Multiply(factors)

    return mapped(node, change)


def _power(factor: Node, count: int) -> Node:
    if count == 1:
        return factor
    if isinstance(factor, Transpose):
        return Transpose(_power(factor.arg, count))
    if isinstance(factor, Call) and factor.name == "inverse":
        return Call("matrix_power", (factor.args[0], number(-count)))
    return Call("matrix_power", (factor, number(count)))


def gathered(node: Node) -> Node:
    """Write ``A' B' C' D'`` as ``(D C B A)'`` and ``A' B' + B' A'`` as ``(B A + A B)'``."""

    def change(part: Node) -> Node | None:
        if isinstance(part, Multiply) and len(part.args) > _LONGEST:
            whole = _untransposed([part])
            if whole is not None:
                return whole
        if isinstance(part, Multiply):
            return Multiply(tuple(_outside(gathered(factor), part.args) for factor in part.args))
        return _untransposed(part.args) if isinstance(part, Terms) else None

    return mapped(node, change)


def _outside(factor: Node, factors: Sequence[Node]) -> Node:
    """Write the sum ``X' - m 1'`` as ``(X - 1 m')'`` where that is shorter, or stands beside ``X - 1 m'``."""
    if not isinstance(factor, Terms):
        return factor
    inside = transposed(factor)
    outside = Transpose(inside)
    beside = inside in factors and _count(outside) <= _count(factor)
    return outside if beside or _count(outside) < _count(factor) else factor


def _count(node: Node) -> int:
    return sum(isinstance(part, Transpose) for part in walk(node))


def _untransposed(products: Sequence[Node]) -> Node | None:
    """Transpose a sum of products, each of transposed factors only, as a whole."""
    turned: list[Node] = []
    for term in products:
        inner = term.arg if isinstance(term, Negative) else term
        if not isinstance(inner, Multiply) or not all(isinstance(f, Transpose) for f in inner.args):
            return None
        whole = Multiply(tuple(f.arg for f in reversed(inner.args) if isinstance(f, Transpose)))
        turned.append(Negative(whole) if inner is not term else whole)
    return Transpose(turned[0] if len(turned) == 1 else Terms(tuple(turned)))
