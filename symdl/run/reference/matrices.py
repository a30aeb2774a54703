"""Functions of matrices for the reference interpreter.

Enters: an equation whose reduction is a matrix function, and the matrices that its body spans. Leaves: the
value of its left-hand side, computed by NumPy's LU factorisation.
"""

from __future__ import annotations

import numpy as np

from symdl.errors import ArgumentError
from symdl.express.equations import Equation
from symdl.run.reference.binding import Array


def matrix_function(equation: Equation, matrices: Array, *, dtype: str = "float64") -> Array:
    """Return determinants, inverses or Cholesky factors.

    Args:
        equation: its reduction is a function of matrices.
        matrices: square in the last two axes.
        dtype: of the result; the computation is in float64.

    Raises:
        ArgumentError: a matrix to be inverted is singular, or one to be factored not positive definite.
    """
    assert equation.reduction is not None
    matrices = np.asarray(matrices, "float64")
    if equation.reduction.op == "det":
        return np.asarray(np.linalg.det(matrices), dtype)
    if equation.reduction.op == "logdet":
        sign, size = np.linalg.slogdet(matrices)
        return np.asarray(np.where(sign < 0, np.nan, size), dtype)
    try:
        if equation.reduction.op == "cholesky":
            return np.asarray(np.linalg.cholesky(matrices), dtype)
        return np.asarray(np.linalg.inv(matrices), dtype)
    except np.linalg.LinAlgError as error:
        raise ArgumentError(
            "a matrix is not positive definite"
            if equation.reduction.op == "cholesky"
            else "a matrix is singular and has no inverse",
            expression=equation,
            shapes=matrices.shape,
            cure="the derivative of a determinant needs the inverse too; add a multiple of the unit matrix",
        ) from error
