"""Factors of matrices by NumPy, with the signs that every target gives them.

Enters: matrices in the last two axes of an array. Leaves: their factors, in float64. Those of a matrix with
an entry that is not finite, or with fewer rows than columns, are NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Factors = TypeVar("Factors", bound=tuple[Array, ...])
SMALL = 2.0**-10
"""What is no more than so much of the largest entry of a vector does not decide its sign."""


def eigenvectors(matrices: Array) -> tuple[Array, Array]:
    """Return the eigenvectors of symmetric matrices, as columns, and the eigenvalues, rising."""

    def factors(finite: Array) -> tuple[Array, Array]:
        values, vectors = np.linalg.eigh(finite)
        return vectors * _signs(vectors), values

    columns = matrices.shape[-1]
    return _where_finite(matrices, factors, (columns, columns), (columns,))


def eigenvalues(matrices: Array) -> Array:
    """Return the eigenvalues of symmetric matrices, rising."""

    def factors(finite: Array) -> tuple[Array]:
        return (np.asarray(np.linalg.eigvalsh(finite), np.float64),)

    return _where_finite(matrices, factors, matrices.shape[-1:])[0]


def singular_values(matrices: Array) -> Array:
    """Return the singular values of matrices, falling."""

    def factors(finite: Array) -> tuple[Array]:
        return (np.asarray(np.linalg.svd(finite, compute_uv=False), np.float64),)

    return _where_finite(matrices, factors, matrices.shape[-1:])[0]


def orthonormal(matrices: Array) -> tuple[Array, Array]:
    """Return orthonormal columns and an upper triangle without negative numbers on its diagonal."""

    def factors(finite: Array) -> tuple[Array, Array]:
        orthogonal, triangle = np.linalg.qr(finite)
        signs = np.where(np.diagonal(triangle, axis1=-2, axis2=-1) < 0, -1.0, 1.0)
        return orthogonal * signs[..., None, :], triangle * signs[..., None]

    rows, columns = matrices.shape[-2:]
    return _where_finite(matrices, factors, (rows, columns), (columns, columns))


def singular_vectors(matrices: Array) -> tuple[Array, Array, Array]:
    """Return left vectors as columns, singular values, falling, and right vectors as rows."""

    def factors(finite: Array) -> tuple[Array, Array, Array]:
        left, values, right = np.linalg.svd(finite, full_matrices=False)
        signs = _signs(right.swapaxes(-1, -2))
        return left * signs, values, right * signs.swapaxes(-1, -2)

    rows, columns = matrices.shape[-2:]
    shapes = (rows, columns), (columns,), (columns, columns)
    return _where_finite(matrices, factors, *shapes)


def _signs(vectors: Array) -> Array:
    """Return the signs of the first entries of columns that are not small."""
    sizes = np.abs(vectors)
    first = np.argmax(sizes > SMALL * sizes.max(axis=-2, keepdims=True), axis=-2, keepdims=True)
    return np.where(np.take_along_axis(vectors, first, axis=-2) < 0, -1.0, 1.0)


def _where_finite(matrices: Array, factors: Callable[[Array], Factors], *shapes: tuple[int, ...]) -> Factors:
    """Return the factors of matrices that have some, and NaN in place of others."""
    *batch, rows, columns = matrices.shape
    found = tuple(np.full((*batch, *shape), np.nan) for shape in shapes)
    finite = np.isfinite(matrices).all(axis=(-1, -2))
    if rows >= columns and finite.any():
        for whole, part in zip(found, factors(matrices[finite]), strict=True):
            whole[finite] = part
    return cast("Factors", found)
