"""Axes of matrix expressions: stretching by ones, summing over an index.

Enters: parts with axes, the size of every index variable. Leaves: parts over other axes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sympy as sp

from symdl.explain.matrix.algebra import (
    NoMatrixForm,
    Part,
    elementwise,
    hadamard,
    is_unit,
    moved,
    multiply,
    oriented,
    scaled,
    transposed,
)
from symdl.explain.notation.tree import (
    Array,
    Call,
    Diagonal,
    Multiply,
    Negative,
    Node,
    Norm,
    Ones,
    Transpose,
    number,
)
from symdl.express.dims import Extent, Index


def stretched(extents: Mapping[Index, Extent], part: Part, axes: Sequence[Index]) -> Part:
    """Stretch a part to exactly these axes, by ones."""
    if isinstance(part.node, Negative) and set(part.axes) != set(axes):
        positive = stretched(extents, Part(part.node.arg, part.axes), axes)
        return Part(Negative(positive.node), positive.axes)
    if set(part.axes) == set(axes):
        return oriented(part, tuple(axes))
    if len(axes) == 2 and len(part.axes) == 1:
        row, column = axes
        if extents[column if part.axes[0] == row else row] == 1:
            return Part(part.node if part.axes[0] == row else transposed(part.node), (row, column))
        if part.axes[0] == row:
            return Part(multiply(part.node, Transpose(Ones(extents[column]))), (row, column))
        return Part(multiply(Ones(extents[row]), transposed(part.node)), (row, column))
    if len(axes) == 1 and not part.axes:
        return Part(_times_ones(part.node, Ones(extents[axes[0]])), tuple(axes))
    if len(axes) == 2 and not part.axes:
        row, column = axes
        ones = Multiply((Ones(extents[row]), Transpose(Ones(extents[column]))))
        return Part(_times_ones(part.node, ones), (row, column))
    raise NoMatrixForm


def _times_ones(scalar: Node, ones: Node) -> Node:
    return ones if scalar == number(1) else scaled((scalar,), ones)


def diagonal(extents: Mapping[Index, Extent], array: Array, index: sp.Expr) -> Part:
    """Return the elements ``A[i, i]`` of a square matrix."""
    if not isinstance(index, Index) or array.tensor.shape != (extents.get(index),) * 2:
        raise NoMatrixForm
    return Part(Call("diagonal", (array,)), (index,))


def summed(
    extents: Mapping[Index, Extent], parts: list[Part], index: Index, wish: Sequence[Index]
) -> list[Part]:
    """Sum a product of parts over one index."""
    units = [p for p in parts if index in p.axes and is_unit(p.node)]
    if units:  # a sum over δ
        other = next(i for i in units[0].axes if i != index)
        return [moved(p, index, other) for p in parts if p is not units[0]]
    inside = [p for p in parts if index in p.axes]
    outside = [p for p in parts if index not in p.axes]
    vectors = [p.node for p in inside if len(p.axes) == 1]
    merged = [p for p in elementwise(inside) if len(p.axes) == 2]
    ones = Ones(extents[index])
    if not merged:
        if len(vectors) == 2:
            same = vectors[0] == vectors[1]
            node = Norm(vectors[0]) if same else multiply(transposed(vectors[0]), vectors[1])
        else:
            node = multiply(Transpose(ones), hadamard(vectors) if vectors else ones)
        return [*outside, Part(node)]
    partners = [next(a for a in p.axes if a != index) for p in merged]
    if len(merged) == 1:
        matrix = oriented(merged[0], (partners[0], index))
        if not vectors and extents[index] == 1:  # one column is a vector
            return [*outside, Part(matrix.node, (partners[0],))]
        vector = hadamard(vectors) if vectors else ones
        return [*outside, Part(multiply(matrix.node, vector), (partners[0],))]
    if len(merged) > 2:
        raise NoMatrixForm
    rank = {w: n for n, w in enumerate(wish)}
    first, second = sorted(range(2), key=lambda n: rank.get(partners[n], 99))
    left = oriented(merged[first], (partners[first], index)).node
    right = oriented(merged[second], (index, partners[second])).node
    middle = (Diagonal(hadamard(vectors)),) if vectors else ()
    return [*outside, Part(multiply(left, *middle, right), (partners[first], partners[second]))]
