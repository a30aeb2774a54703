"""The derivatives of functions of matrices, as equations.

Enters: an equation whose reduction is a function of a matrix ``A[p, q]``, its body. Leaves: what multiplies
the body's derivative, as terms that are summed. They are written with other functions of the matrix, which
are equations of the language too: so the result can be differentiated again.

With ``d(A A^-1) = 0`` the inverse Y has ``dY = -Y dA Y``; Jacobi's formula is ``d det A = det A tr(Y dA)``,
and divided by the determinant ``d log det A = tr(Y dA)``.

Of ``A = L L'`` Cholesky's factor has ``dL = L phi(V dA V')`` with ``V = L^-1``, and phi the lower triangle
with half the diagonal (Murray, *Differentiation of the Cholesky decomposition*, 2016, equation 8).

Factors that consist of vectors are in `symdl.differentiate.decompositions`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from symdl.differentiate import decompositions
from symdl.differentiate.matrix_terms import MatrixFunctions, Term, between, half_above
from symdl.express.equations import MATRIX_OPS, Equation, Op
from symdl.express.tensors import Access


def is_matrix_function(equation: Equation) -> bool:
    """Say whether the reduction is a function of whole matrices."""
    return equation.reduction is not None and equation.reduction.op in MATRIX_OPS


def matrix_terms(equation: Equation, functions: MatrixFunctions) -> Sequence[Term]:
    """Return the derivative of the left-hand side with respect to the entry ``(p, q)`` of the matrix."""
    assert equation.reduction is not None
    return _RULES[equation.reduction.op](equation, functions)


def _inverse(equation: Equation, _functions: MatrixFunctions) -> Sequence[Term]:
    own, (row, column), (*batch, i, j) = equation.lhs, equation.bound, equation.indices
    return (Term(-Access(own, *batch, i, row) * Access(own, *batch, column, j)),)


def _det(equation: Equation, functions: MatrixFunctions) -> Sequence[Term]:
    (term,) = _logdet(equation, functions)
    return (Term(equation.target * term.weight),)


def _logdet(equation: Equation, functions: MatrixFunctions) -> Sequence[Term]:
    row, column = equation.bound
    return (Term(Access(functions.other(equation, "inverse"), *equation.indices, column, row)),)


def _detsign(_equation: Equation, _functions: MatrixFunctions) -> Sequence[Term]:
    return ()


def _cholesky(equation: Equation, functions: MatrixFunctions) -> Sequence[Term]:
    (row, column), (*batch, i, j) = equation.bound, equation.indices
    inverse, (k, size) = functions.inverse(equation.lhs), between(equation)
    left = Access(equation.lhs, *batch, i, k) * half_above(j, k) * Access(inverse, *batch, k, row)
    return (Term(left * Access(inverse, *batch, j, column), (k, size)),)


_RULES: dict[Op, Callable[[Equation, MatrixFunctions], Sequence[Term]]] = {
    "inverse": _inverse,
    "det": _det,
    "logdet": _logdet,
    "logabsdet": _logdet,
    "detsign": _detsign,
    "cholesky": _cholesky,
    "eigenvalues": decompositions.eigenvalues,
    "eigenvectors": decompositions.eigenvectors,
    "orthogonal": decompositions.orthogonal,
    "triangular": decompositions.triangular,
    "left_vectors": decompositions.left_vectors,
    "singular_values": decompositions.singular_values,
    "right_vectors": decompositions.right_vectors,
}
