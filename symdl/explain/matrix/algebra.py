"""The algebra of matrix expressions: vectors are columns, every axis has an index variable.

Enters: parts of a product in index form. Leaves: their matrix form.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import sympy as sp

from symdl.explain.notation.tree import (
    Array,
    Call,
    Cases,
    Compare,
    Diagonal,
    Fraction,
    Hadamard,
    Indicator,
    Multiply,
    Negative,
    Node,
    Norm,
    Number,
    Ones,
    Power,
    Product,
    Symbol,
    Terms,
    Transpose,
    mapped,
    number,
    product,
    walk,
)
from symdl.express.dims import Dim, Index
from symdl.express.equations import MATRIX_FACTORS
from symdl.express.tensors import Access

_OF_WHOLE = ("softmax", "diagonal", *MATRIX_FACTORS)
"""Functions that are not symmetric where their argument is, and not transposed with it."""


@dataclass(frozen=True, slots=True)
class Part:
    """A scalar, a column vector or a matrix, and the index variable of each axis."""

    node: Node
    axes: tuple[Index, ...] = ()


class NoMatrixForm(Exception):
    """Raised where index notation has to stay."""


def inner_product(parts: list[Part], bound: Sequence[Index], wish: Sequence[Index]) -> Part | None:
    """``tr(A' B)`` and the squared norm, for a sum over both axes of two matrices."""
    if len(bound) != 2 or wish or len(parts) != 2 or any(set(p.axes) != set(bound) for p in parts):
        return None
    left, right = (oriented(p, tuple(bound)).node for p in parts)
    if left == right:
        return Part(Norm(left))
    return Part(Call("trace", (multiply(transposed(left), right),)))


def elementwise(parts: Sequence[Part]) -> list[Part]:
    """Join parts over the same axes by Hadamard products."""
    groups: dict[frozenset[Index], list[Part]] = {}
    for part in parts:
        groups.setdefault(frozenset(part.axes), []).append(part)
    result = []
    for group in groups.values():
        axes = group[0].axes
        result.append(Part(hadamard([oriented(p, axes).node for p in group]), axes))
    return result


def joined(parts: Sequence[Part], wish: Sequence[Index]) -> Part:
    """Multiply parts over different axes: a vector along an axis of a matrix becomes a diagonal matrix."""
    matrices = [p for p in parts if len(p.axes) == 2]
    vectors = [p for p in parts if len(p.axes) == 1]
    if len(matrices) > 1 or len({a for p in parts for a in p.axes}) > 2:
        raise NoMatrixForm
    if not matrices:
        if len(vectors) == 1:
            return vectors[0]
        order = {w: n for n, w in enumerate(wish)}
        first, second = sorted(vectors, key=lambda p: order.get(p.axes[0], 99))
        return Part(multiply(first.node, transposed(second.node)), (first.axes[0], second.axes[0]))
    axes = tuple(w for w in wish if w in matrices[0].axes) if len(wish) >= 2 else matrices[0].axes
    matrix = oriented(matrices[0], axes if len(axes) == 2 else matrices[0].axes)
    factors: list[Node] = [matrix.node]
    for vector in vectors:
        if vector.axes[0] == matrix.axes[0]:
            factors.insert(0, Diagonal(vector.node))
        else:
            factors.append(Diagonal(vector.node))
    return Part(multiply(*factors), matrix.axes)


def oriented(part: Part, axes: tuple[Index, ...]) -> Part:
    """Return a part with its axes in this order."""
    if part.axes == axes or len(part.axes) < 2:
        return part
    if set(part.axes) != set(axes):
        raise NoMatrixForm
    return Part(transposed(part.node), axes)


def moved(part: Part, index: Index, other: Index) -> Part:
    """Call an index by another one; both at once are a diagonal."""
    if {index, other} <= set(part.axes):
        if isinstance(part.node, Diagonal):
            return Part(part.node.arg, (other,))
        return Part(Call("diagonal", (part.node,)), (other,))
    return Part(part.node, tuple(other if i == index else i for i in part.axes))


def transposed(node: Node) -> Node:
    """Return the transpose, pushed inwards where that leaves no more of them: ``(A . B)'``, but ``B' A'``."""
    if isinstance(node, Transpose):
        return node.arg
    if isinstance(node, Multiply):
        return Multiply(tuple(transposed(f) for f in reversed(node.args)))
    if isinstance(node, Array) and "symmetric" in node.properties:
        return node
    if isinstance(node, Call) and node.name == "inverse" and is_symmetric(node.args[0]):
        return node
    if isinstance(node, Negative):
        return Negative(transposed(node.arg))
    if isinstance(node, Product):
        return Product((*node.args[:-1], transposed(node.args[-1])))
    if isinstance(node, Diagonal | Norm | Symbol) or is_number(node):
        return node
    if isinstance(node, Call) and node.name in ("trace", "determinant"):
        return node
    inside = _turned_inside(node)
    return inside if inside is not None and _turns(inside) <= 1 + _turns(node) else Transpose(node)


def is_symmetric(node: Node) -> bool:
    """Say whether a matrix is its own transpose: declared so, or by its form.

    ``X' X``, ``A + A'``, a diagonal, ``A S A'`` for a symmetric S, functions, sums and inverses of such.
    """
    match node:
        case Array():
            return "symmetric" in node.properties
        case Hadamard():
            return all(is_symmetric(factor) for factor in node.args) or _pairs(node.args)
        case Power():
            return is_symmetric(node.base) and is_number(node.exponent)
        case Transpose():
            return is_symmetric(node.arg)
        case Multiply():
            return transposed(node) == node
        case Terms():
            return _pairs(node.args)
        case Diagonal():
            return True
        case Negative():
            return is_symmetric(node.arg)
        case Product():
            return is_symmetric(node.args[-1])
        case Call(name="inverse" | "matrix_power"):
            return is_symmetric(node.args[0])
        case Call(name=name) if name not in _OF_WHOLE and len(node.args) == 1:
            return is_symmetric(node.args[0])
    return False


def _pairs(parts: Sequence[Node]) -> bool:
    """Say whether each part has its transpose among them."""
    return Counter(n if is_number(n) else transposed(n) for n in parts) == Counter(parts)


def _turned_inside(node: Node) -> Node | None:
    """Transpose what a function entry by entry is applied to."""
    match node:
        case Hadamard() | Terms():
            return type(node)(tuple(n if is_number(n) else transposed(n) for n in node.args))
        case Call(name=name) if name not in ("inverse", *_OF_WHOLE):
            return Call(name, (transposed(node.args[0]), *node.args[1:]))
        case Power():
            return Power(transposed(node.base), node.exponent)
        case Fraction():
            return Fraction(*(n if is_number(n) else transposed(n) for n in (node.top, node.bottom)))
        case Indicator(condition=Compare() as sides):
            return Indicator(Compare(sides.op, transposed(sides.left), transposed(sides.right)))
        case Cases() if all(where is None or isinstance(where, Compare) for _, where in node.rows):
            tests = [
                where and replace(where, left=transposed(where.left), right=transposed(where.right))
                for _, where in node.rows
                if where is None or isinstance(where, Compare)
            ]
            values = [transposed(value) for value, _ in node.rows]
            return Cases(tuple(zip(values, tests, strict=True)))
    return None


def turned_once(node: Node) -> Node:
    """Write the factor ``A' . B'`` of a matrix product as ``(A . B)'``."""

    def change(part: Node) -> Node | None:
        return Multiply(tuple(map(gathered, part.args))) if isinstance(part, Multiply) else None

    def gathered(factor: Node) -> Node:
        inside = _turned_inside(factor)
        if inside is not None and _turns(inside) == 0 and _turns(factor) > 1:
            return Transpose(inside)
        return turned_once(factor)

    return mapped(node, change)


def _turns(node: Node) -> int:
    return sum(isinstance(part, Transpose) for part in walk(node))


def hadamard(nodes: Sequence[Node]) -> Node:
    """Return a product entry by entry."""
    flat = [n for node in nodes for n in (node.args if isinstance(node, Hadamard) else (node,))]
    return flat[0] if len(flat) == 1 else Hadamard(tuple(flat))


def squared(node: Node) -> Node:
    """Write equal factors of products entry by entry as a power."""

    def change(part: Node) -> Node | None:
        if not isinstance(part, Hadamard) or len(set(part.args)) == len(part.args):
            return None
        counts = Counter(map(squared, part.args))
        return hadamard([f if n == 1 else Power(f, number(n)) for f, n in counts.items()])

    return mapped(node, change)


def multiply(*nodes: Node) -> Node:
    """Return a matrix product, numbers and signs in front."""
    flat: list[Node] = []
    front: list[Node] = []
    negative = False
    for node in nodes:
        while isinstance(node, Negative):
            node, negative = node.arg, not negative
        if isinstance(node, Product):
            front += node.args[:-1]
            node = node.args[-1]
        flat += node.args if isinstance(node, Multiply) else (node,)
    flat = [factor for factor in flat if not is_unit(factor)] or flat[:1]
    result = flat[0] if len(flat) == 1 else Multiply(tuple(flat))
    result = product((*front, result))
    return Negative(result) if negative else result


def with_front(front: Node, part: Part) -> Part:
    """Return a part times a scalar."""
    if isinstance(front, Negative):
        return Part(Negative(with_front(front.arg, part).node), part.axes)
    if front == number(1):
        return part
    if isinstance(part.node, Number):
        return Part(scaled((front,), part.node) if part.node != number(1) else front, part.axes)
    if isinstance(part.node, Negative):
        return Part(Negative(with_front(front, Part(part.node.arg, part.axes)).node), part.axes)
    return Part(scaled((front,), part.node), part.axes)


def scaled(front: tuple[Node, ...], node: Node) -> Node:
    """Return a node with scalar factors in front."""
    return product((*front, *(node.args if isinstance(node, Product) and not node.dots else (node,))))


def is_unit(node: Node) -> bool:
    """Say whether a matrix is the unit matrix."""
    return isinstance(node, Diagonal) and isinstance(node.arg, Ones)


def is_number(node: Node) -> bool:
    """Say whether a node is a number or a scalar name."""
    if isinstance(node, Negative):
        return is_number(node.arg)
    if isinstance(node, Power):
        return is_number(node.base) and is_number(node.exponent)
    if isinstance(node, Fraction):
        return is_number(node.top) and is_number(node.bottom)
    if isinstance(node, Call):
        return (
            bool(node.args) and all(map(is_number, node.args)) and node.name not in ("trace", "determinant")
        )
    return isinstance(node, Number) or (isinstance(node, Symbol) and isinstance(node.expr, Dim | Access))


def is_fixed(expr: sp.Expr) -> bool:
    """Say whether an expression is the same at every position: it has no axes."""
    return not any(isinstance(s, Index) for s in expr.free_symbols)
