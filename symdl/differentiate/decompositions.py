"""The derivatives of factors of matrices: eigenvectors, QR, singular vectors.

Enters: an equation that is one factor of a matrix ``A[p, q]``. Leaves: the terms of its derivative, written
with the other factors, as `symdl.differentiate.primitives` says.

``A = V diag(w) V'``, symmetric (Giles, *Collected matrix derivative results*, 2008, section 3.1)::

    dw_j = (V' dA V)_jj          dV = V (F o V' dA V)          F_kj = 1/(w_j - w_k), 0 for k = j

``A = Q R`` (Walter and Lehmann, *Algorithmic differentiation of linear algebra functions*, 2010; Seeger and
others, *Auto-differentiating linear algebra*, 2017), with ``C = Q' dA R^-1`` and the upper triangle with half
the diagonal of ``C + C'``, which is T::

    dR = T R                     dQ = dA R^-1 - Q T

``A = U diag(s) W``, ``W = V'``, with no more columns than rows (Giles, section 3.2; Townsend,
*Differentiating the singular value decomposition*, 2016), with ``P = U' dA V``::

    ds_j = P_jj                  dV = V (F o (S P + P' S))     F_kj = 1/(s_j^2 - s_k^2), 0 for k = j
                                 dU = U (F o (P S + S P')) + (I - U U') dA V S^-1

All sums have an index k of their own. For as many columns as rows ``I - U U'`` is 0 and left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from symdl.differentiate.matrix_terms import MatrixFunctions, Term, between, half_above
from symdl.express.equations import Equal, Equation


def eigenvalues(equation: Equation, functions: MatrixFunctions) -> Sequence[Term]:
    """Return the terms of ``dw_j``."""
    (row, column), (*batch, j) = equation.bound, equation.indices
    vectors = functions.other(equation, "eigenvectors")
    return (Term(vectors.at(*batch, row, j) * vectors.at(*batch, column, j)),)


def eigenvectors(equation: Equation, functions: MatrixFunctions) -> Sequence[Term]:
    """Return the terms of ``dV_ij``."""
    (row, column), (*batch, i, j) = equation.bound, equation.indices
    k, size = between(equation)
    values, vectors = functions.other(equation, "eigenvalues"), equation.lhs
    gaps = functions.gaps(values, lambda one, other: one - other)
    turned = vectors.at(*batch, i, k) * gaps.at(*batch, k, j)
    return (Term(turned * vectors.at(*batch, row, k) * vectors.at(*batch, column, j), (k, size)),)


def triangular(equation: Equation, functions: MatrixFunctions) -> Sequence[Term]:
    """Return the terms of ``dR_ij``."""
    (row, column), (*batch, i, j) = equation.bound, equation.indices
    k, size = between(equation)
    orthogonal, inverse = functions.other(equation, "orthogonal"), functions.inverse(equation.lhs)
    right = half_above(i, k) * equation.lhs.at(*batch, k, j)
    return tuple(
        Term(right * orthogonal.at(*batch, row, one) * inverse.at(*batch, column, other), (k, size))
        for one, other in ((i, k), (k, i))
    )


def orthogonal(equation: Equation, functions: MatrixFunctions) -> Sequence[Term]:
    """Return the terms of ``dQ_ij``."""
    (row, column), (*batch, i, j) = equation.bound, equation.indices
    k, size = between(equation)
    own, inverse = equation.lhs, functions.inverse(functions.other(equation, "triangular"))
    left = -own.at(*batch, i, k) * half_above(k, j)
    turned = (
        Term(left * own.at(*batch, row, one) * inverse.at(*batch, column, other), (k, size))
        for one, other in ((k, j), (j, k))
    )
    return (Term(inverse.at(*batch, column, j), guards=(Equal(i, row),)), *turned)


def singular_values(equation: Equation, functions: MatrixFunctions) -> Sequence[Term]:
    """Return the terms of ``ds_j``."""
    (row, column), (*batch, j) = equation.bound, equation.indices
    left, right = (functions.other(equation, op) for op in ("left_vectors", "right_vectors"))
    return (Term(left.at(*batch, row, j) * right.at(*batch, j, column)),)


def _of_squares(one: sp.Expr, other: sp.Expr) -> sp.Expr:
    """Return the difference of two squares, accurate where that is small."""
    return (one - other) * (one + other)


def right_vectors(equation: Equation, functions: MatrixFunctions) -> Sequence[Term]:
    """Return the terms of ``dW_ji``."""
    (row, column), (*batch, j, i) = equation.bound, equation.indices
    k, size = between(equation)
    right, left = equation.lhs, functions.other(equation, "left_vectors")
    values = functions.other(equation, "singular_values")
    turned = right.at(*batch, k, i) * functions.gaps(values, _of_squares).at(*batch, k, j)
    one = values.at(*batch, k) * left.at(*batch, row, k) * right.at(*batch, j, column)
    other = values.at(*batch, j) * left.at(*batch, row, j) * right.at(*batch, k, column)
    return Term(turned * one, (k, size)), Term(turned * other, (k, size))


def left_vectors(equation: Equation, functions: MatrixFunctions) -> Sequence[Term]:
    """Return the terms of ``dU_ij``."""
    (row, column), (*batch, i, j) = equation.bound, equation.indices
    k, size = between(equation)
    left, right = equation.lhs, functions.other(equation, "right_vectors")
    values = functions.other(equation, "singular_values")
    turned = left.at(*batch, i, k) * functions.gaps(values, _of_squares).at(*batch, k, j)
    one = values.at(*batch, j) * left.at(*batch, row, k) * right.at(*batch, j, column)
    other = values.at(*batch, k) * left.at(*batch, row, j) * right.at(*batch, k, column)
    within = Term(turned * one, (k, size)), Term(turned * other, (k, size))
    if left.shape[-1] == left.shape[-2]:
        return within
    beyond = right.at(*batch, j, column) / values.at(*batch, j)
    projected = -left.at(*batch, i, k) * left.at(*batch, row, k) * beyond
    return (*within, Term(beyond, guards=(Equal(i, row),)), Term(projected, (k, size)))
