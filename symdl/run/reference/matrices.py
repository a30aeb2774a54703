"""Functions of matrices for the reference interpreter.

Enters: an equation whose reduction is a matrix function, and the matrices that its body spans. Leaves: the
value of its left-hand side, computed by NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from symdl.errors import ArgumentError
from symdl.express.equations import Equation, Op
from symdl.run.decompositions import (
    eigenvalues,
    eigenvectors,
    orthonormal,
    singular_values,
    singular_vectors,
)
from symdl.run.reference.binding import Array


def _log_determinant(matrices: Array) -> Array:
    sign, size = np.linalg.slogdet(matrices)
    return np.where(sign < 0, np.nan, size)


FUNCTIONS: Mapping[Op, Callable[[Array], Array]] = {
    "det": np.linalg.det,
    "logdet": _log_determinant,
    "detsign": lambda m: np.linalg.slogdet(m)[0],
    "logabsdet": lambda m: np.linalg.slogdet(m)[1],
    "eigenvalues": eigenvalues,
    "eigenvectors": lambda m: eigenvectors(m)[0],
    "orthogonal": lambda m: orthonormal(m)[0],
    "triangular": lambda m: orthonormal(m)[1],
    "left_vectors": lambda m: singular_vectors(m)[0],
    "singular_values": singular_values,
    "right_vectors": lambda m: singular_vectors(m)[2],
}
"""Those that every matrix has; of some the value is NaN."""


def matrix_function(equation: Equation, matrices: Array, *, dtype: str = "float64") -> Array:
    """Return a function of matrices: determinants, inverses, factors.

    Args:
        equation: its reduction is a function of matrices.
        matrices: in the last two axes.
        dtype: of the result; the computation is in float64.

    Raises:
        ArgumentError: a matrix to be inverted is singular, or one to be factored not positive definite.
    """
    assert equation.reduction is not None
    matrices, op = np.asarray(matrices, "float64"), equation.reduction.op
    if op in FUNCTIONS:
        return np.asarray(FUNCTIONS[op](matrices), dtype)
    try:
        if op == "cholesky":
            return np.asarray(np.linalg.cholesky(matrices), dtype)
        return np.asarray(np.linalg.inv(matrices), dtype)
    except np.linalg.LinAlgError as error:
        raise ArgumentError(
            "a matrix is not positive definite"
            if op == "cholesky"
            else "a matrix is singular and has no inverse",
            expression=equation,
            shapes=matrices.shape,
            cure="the derivative of a determinant needs the inverse too; add a multiple of the unit matrix",
        ) from error
