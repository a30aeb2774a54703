"""How tightly formulas bind: where a printer needs brackets.

Enters: a node. Leaves: its precedence, and whether it needs some.
"""

from __future__ import annotations

from symdl.explain.matrix.monomials import shape
from symdl.explain.notation import tree as t

SUM, PRODUCT, POWER, ATOM = 1, 2, 3, 4


def precedence(node: t.Node) -> int:
    """How tightly a node binds: sums loosest."""
    if isinstance(node, t.Terms | t.Negative | t.Compare | t.Logic):
        return SUM
    if isinstance(node, t.Product | t.Multiply | t.Hadamard | t.Big | t.Diagonal | t.Kronecker):
        return PRODUCT
    if isinstance(node, t.Power | t.Fraction | t.Transpose):
        return POWER
    if isinstance(node, t.Call) and node.name == "matrix_power":
        return POWER
    return ATOM


def is_array(node: t.Node) -> bool:
    """Say whether a formula is a vector or a matrix, of which a power is taken entry by entry."""
    sizes = shape(node)
    if sizes is not None:
        return bool(sizes)
    return any(isinstance(part, t.Array | t.Ones) for part in t.walk(node)) and not isinstance(node, t.Norm)


def left_out(node: t.Big) -> tuple[t.Compare, ...]:
    """Return the conditions ``j != i`` below a sum or a product that has no others: they name its index."""
    condition = node.condition
    parts = condition.args if isinstance(condition, t.Logic) and condition.op == "and" else (condition,)
    found = tuple(p for p in parts if isinstance(p, t.Compare) and p.op == "!=")
    own = len(node.axes) == 1 and all(p.left == node.axes[0][0] for p in found)
    return found if own and len(found) == len(parts) else ()


def is_factor(node: t.Node) -> bool:
    """Say whether a factor of a Kronecker product needs no brackets."""
    simple = (t.Array, t.Symbol, t.Item, t.Ones, t.Diagonal, t.Commutation, t.Call, t.Transpose, t.Row)
    return isinstance(node, simple)


def needs_brackets(node: t.Node) -> bool:
    """Say whether a differential needs brackets around what it is of."""
    return not isinstance(node, t.Array | t.Symbol | t.Norm)
