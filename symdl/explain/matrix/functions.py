"""Functions of matrices, and logarithms of sums, in matrix form.

Enters: a reader and an equation with such a reduction. Leaves: a part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy as sp

from symdl.explain.matrix.algebra import NoMatrixForm, Part, oriented
from symdl.explain.notation.tree import Call, Multiply, Node, Ones, Transpose
from symdl.express.dims import Index
from symdl.express.equations import MATRIX_OPS, Equation, Op
from symdl.express.tensors import Access, substitute

if TYPE_CHECKING:
    from symdl.explain.matrix.matrix import Reader


def reduced(reader: Reader, equation: Equation, access: Access) -> Part:
    """Read an element of a tensor that is defined by such a reduction."""
    assert equation.reduction is not None
    if equation.reduction.op in MATRIX_OPS:
        return matrix_function(reader, equation, access)
    if equation.reduction.op == "logsumexp":
        return log_sum(reader, equation, access)
    raise NoMatrixForm


def _plain(access: Access) -> tuple[Index, ...]:
    return tuple(i for i in access.indices if isinstance(i, Index))


def _inner(reader: Reader, equation: Equation, access: Access) -> tuple[sp.Expr, tuple[Index, ...]]:
    """Return the body at the place that is read, and its bound indices, named anew."""
    if equation.guards or not all(isinstance(i, Index) or i == 0 for i in access.indices):
        raise NoMatrixForm
    fresh = equation.rename({b: Index(f"{b}_{len(reader.extents)}") for b in equation.bound})
    reader.extents.update({b: fresh.extents[b] for b in fresh.bound})
    return substitute(fresh.body, dict(zip(fresh.indices, access.indices, strict=True))), fresh.bound


def matrix_function(reader: Reader, equation: Equation, access: Access) -> Part:
    """Read a function of the matrix that the body spans."""
    body, (row, column, *_) = _inner(reader, equation, access)
    assert equation.reduction is not None
    matrix = reader.full(reader.part(body, (row, column)), (row, column))
    if set(matrix.axes) != {row, column} or equation.indices != equation.own:
        raise NoMatrixForm
    node = of_matrix(equation.reduction.op, oriented(matrix, (row, column)).node)
    where = _plain(access)
    if len(set(where)) < len(equation.own):
        raise NoMatrixForm
    return Part(node, where)


def of_matrix(op: Op, matrix: Node) -> Node:
    """Return a function of a matrix as it is written."""
    determinant = Call("determinant", (matrix,))
    written: dict[str, Node] = {
        "det": determinant,
        "logdet": Call("log", (determinant,)),
        "logabsdet": Call("log", (Call("Abs", (determinant,)),)),
        "detsign": Call("sign", (determinant,)),
    }
    return written.get(op) or Call(op, (matrix,))


def log_sum(reader: Reader, equation: Equation, access: Access) -> Part:
    """Read the logarithm of a sum of exponentials, of a vector or of every row."""
    body, bound = _inner(reader, equation, access)
    if len(bound) != 1 or len(_plain(access)) > 1:
        raise NoMatrixForm
    part = reader.part(body, (*_plain(access), *bound))
    exps = Call("exp", (part.node,))
    ones = Ones(reader.extents[bound[0]])
    if part.axes == bound:
        return Part(Call("log", (Multiply((Transpose(ones), exps)),)))
    if set(part.axes) != {*_plain(access), *bound}:
        raise NoMatrixForm
    rows = oriented(Part(exps, part.axes), (*_plain(access), *bound)).node
    return Part(Call("log", (Multiply((rows, ones)),)), _plain(access))
