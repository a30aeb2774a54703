"""The cotangents of matrices, for the tape: what automatic differentiation has as rules, in NumPy.

Enters: which function of matrices, the matrices, its value and the cotangent of that. Leaves: the cotangent
of the matrices. It is computed with whole matrices, not entry by entry as in `symdl.differentiate`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from symdl.express.equations import Op
from symdl.run.decompositions import eigenvectors, orthonormal, singular_vectors
from symdl.run.reference.binding import Array

Pull = Callable[[Array, Array, Array], Any]


def matrix_cotangent(op: Op, matrices: Array, value: Array, cotangent: Array) -> Array:
    """Return the cotangent of matrices, all with axes in front that count them."""
    return np.asarray(_PULLS[op](matrices, value, cotangent))


def _inverse(matrices: Array, value: Array, cotangent: Array) -> Any:
    return -_turned(value) @ cotangent @ _turned(value)


def _det(matrices: Array, value: Array, cotangent: Array) -> Any:
    return _logdet(matrices, value, cotangent * value)


def _logdet(matrices: Array, value: Array, cotangent: Array) -> Any:
    return cotangent[..., None, None] * _turned(np.linalg.inv(matrices))


def _detsign(matrices: Array, value: Array, cotangent: Array) -> Any:
    return np.zeros_like(matrices)


def _cholesky(matrices: Array, value: Array, cotangent: Array) -> Any:
    half = np.tril(_turned(value) @ cotangent) * (1 - np.eye(value.shape[-1]) / 2)
    inverse = np.linalg.inv(value)
    return _turned(inverse) @ half @ inverse


def _eigenvalues(matrices: Array, value: Array, cotangent: Array) -> Any:
    vectors, _ = eigenvectors(matrices)
    return (vectors * cotangent[..., None, :]) @ _turned(vectors)


def _eigenvectors(matrices: Array, value: Array, cotangent: Array) -> Any:
    _, values = eigenvectors(matrices)
    inner = _gaps(values) * (_turned(value) @ cotangent)
    return value @ inner @ _turned(value)


def _orthogonal(matrices: Array, value: Array, cotangent: Array) -> Any:
    _, triangle = orthonormal(matrices)
    inner = _symmetric(-_turned(cotangent) @ value)
    return (cotangent + value @ inner) @ _turned(np.linalg.inv(triangle))


def _triangular(matrices: Array, value: Array, cotangent: Array) -> Any:
    orthogonal, _ = orthonormal(matrices)
    inner = _symmetric(value @ _turned(np.triu(cotangent)))
    return orthogonal @ inner @ _turned(np.linalg.inv(value))


def _singular_values(matrices: Array, value: Array, cotangent: Array) -> Any:
    left, _, right = singular_vectors(matrices)
    return (left * cotangent[..., None, :]) @ right


def _left_vectors(matrices: Array, value: Array, cotangent: Array) -> Any:
    left, values, right = singular_vectors(matrices)
    within = _turned(left) @ cotangent
    inner = _gaps(values**2) * within
    found = left @ ((inner + _turned(inner)) * values[..., None, :]) @ right
    if left.shape[-1] == left.shape[-2]:
        return found
    return found + ((cotangent - left @ within) / values[..., None, :]) @ right


def _right_vectors(matrices: Array, value: Array, cotangent: Array) -> Any:
    left, values, right = singular_vectors(matrices)
    inner = _gaps(values**2) * (right @ _turned(cotangent))
    return (left * values[..., None, :]) @ (inner + _turned(inner)) @ right


def _turned(matrices: Array) -> Any:
    return matrices.swapaxes(-1, -2)


def _symmetric(matrices: Array) -> Any:
    """Return the symmetric matrices with these lower triangles."""
    return np.tril(matrices) + _turned(np.tril(matrices, -1))


def _gaps(values: Array) -> Any:
    """Return ``1/(values[j] - values[k])`` at ``[k, j]``, 0 on the diagonal."""
    differences = values[..., None, :] - values[..., None]
    own = np.eye(values.shape[-1], dtype=bool)
    return np.where(own, 0.0, 1 / np.where(own, 1.0, differences))


_PULLS: Mapping[Op, Pull] = {
    "inverse": _inverse,
    "det": _det,
    "logdet": _logdet,
    "logabsdet": _logdet,
    "detsign": _detsign,
    "cholesky": _cholesky,
    "eigenvalues": _eigenvalues,
    "eigenvectors": _eigenvectors,
    "orthogonal": _orthogonal,
    "triangular": _triangular,
    "singular_values": _singular_values,
    "left_vectors": _left_vectors,
    "right_vectors": _right_vectors,
}
