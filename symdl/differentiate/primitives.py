"""The derivatives of determinant, inverse and Cholesky's factor, as equations.

Enters: an equation whose reduction is a matrix function of ``A[p, q]``, its body. Leaves: what multiplies the
body's derivative, written with the inverse, which is an equation of the language too: so the result can be
differentiated again.

Of ``A = L L'`` Cholesky's factor has ``dL = L phi(V dA V')`` with ``V = L^-1``, and phi the lower triangle
with half the diagonal (Murray, *Differentiation of the Cholesky decomposition*, 2016, equation 8).

With ``d(A A^-1) = 0`` the inverse Y has ``dY = -Y dA Y``; Jacobi's formula is ``d det A = det A tr(Y dA)``,
and divided by the determinant ``d log det A = tr(Y dA)``.
"""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from symdl.differentiate.indexforms import fresh_index
from symdl.express.dims import Index
from symdl.express.equations import MATRIX_OPS, Equation, Origin, Reduction
from symdl.express.tensors import Access, Tensor


def is_matrix_function(equation: Equation) -> bool:
    """Say whether the reduction is a function of whole matrices."""
    return equation.reduction is not None and equation.reduction.op in MATRIX_OPS


def inverse_of(equation: Equation) -> Equation:
    """Return the equation of the inverse of the matrix that `equation` takes a determinant of."""
    assert equation.reduction is not None
    row = fresh_index(set(equation.extents))
    column = fresh_index({*equation.extents, row})
    sizes = [size for _, size in equation.reduction.axes]
    return replace(
        equation,
        lhs=Tensor(None, [*equation.lhs.shape, *sizes], role="intermediate", of=equation.lhs),
        indices=(*equation.indices, row, column),
        reduction=Reduction("inverse", equation.reduction.axes),
        origin=Origin("inverse", equation.lhs),
    )


def inverse_of_value(equation: Equation) -> Equation:
    """Return the equation of the inverse of the matrix that a function of a matrix has as value."""
    assert equation.reduction is not None
    own, (*batch, _, _) = equation.lhs, equation.indices
    return replace(
        equation,
        lhs=Tensor(None, own.shape, role="intermediate", of=own),
        body=Access(own, *batch, *equation.reduction.bound),
        reduction=Reduction("inverse", equation.reduction.axes),
        guards=(),
        origin=Origin("inverse", own),
    )


def widened(equation: Equation) -> Equation:
    """Return an equation with the index over which its derivative is summed, too, if there is one."""
    if equation.reduction is None or equation.reduction.op != "cholesky":
        return equation
    axis = (_between(equation), equation.extents[equation.indices[-1]])
    return replace(equation, reduction=Reduction("cholesky", (*equation.reduction.axes, axis)))


def _between(equation: Equation) -> Index:
    return fresh_index(set(equation.extents))


def cholesky_weight(equation: Equation, inverse: Tensor) -> sp.Expr:
    """Return the derivative of a Cholesky factor by the entry ``(p, q)`` of the matrix.

    It is to be summed over the index that `widened` adds.

    Args:
        equation: of the factor.
        inverse: of the factor, which `inverse_of_value` defines.
    """
    assert equation.reduction is not None
    row, column = equation.reduction.bound
    *batch, i, j = equation.indices
    k = _between(equation)
    lower = sp.Piecewise((1, k > j), (sp.Rational(1, 2), sp.Eq(k, j)), (0, True))
    left = Access(equation.lhs, *batch, i, k) * lower * Access(inverse, *batch, k, row)
    return left * Access(inverse, *batch, j, column)


def matrix_weight(equation: Equation, inverse: Tensor | None = None) -> sp.Expr:
    """Return the derivative of the left-hand side with respect to the entry ``(p, q)`` of the matrix.

    Args:
        equation: a matrix function over ``p`` and ``q``.
        inverse: for a determinant the tensor that `inverse_of` defines.
    """
    assert equation.reduction is not None
    row, column = equation.reduction.bound
    if equation.reduction.op == "inverse":
        *batch, i, j = equation.indices
        own = equation.lhs
        return -Access(own, *batch, i, row) * Access(own, *batch, column, j)
    assert inverse is not None
    turned = Access(inverse, *equation.indices, column, row)
    return equation.target * turned if equation.reduction.op == "det" else turned
