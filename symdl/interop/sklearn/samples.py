"""Samples as scikit-learn hands them over: dense or sparse, with weights.

Enters: arrays, or sparse matrices whose rows are samples. Leaves: the samples that count; dense parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.errors import ArgumentError, require_extra
from symdl.train.feeds.tables import is_sparse

validation = require_extra("sklearn.utils.validation", "train")

Array = NDArray[Any]
CHECKED: Mapping[str, Any] = {"dtype": (np.float64, np.float32), "accept_sparse": "csr"}
"""How scikit-learn checks samples."""
NUMBERS_AT_ONCE = 1 << 22
"""Of a sparse matrix so many numbers are made dense at a time."""


def dense_blocks(X: Any) -> Iterator[Array]:
    """Yield samples in blocks of rows that are dense; an array is one block."""
    if not is_sparse(X):
        yield X
        return
    count, features = X.shape
    rows = max(NUMBERS_AT_ONCE // features, 1)
    for start in range(0, count, rows):
        yield X[start : start + rows].toarray()


def positive(
    estimator: Any, arrays: Mapping[str, Any], sample_weight: Any
) -> tuple[dict[str, Any], Array | None]:
    """Return the samples that count, with their weights; None if all count the same.

    Raises:
        ArgumentError: a weight is negative, or all are 0.
    """
    if sample_weight is None:
        return dict(arrays), None
    X = arrays["X"]
    weights = validation._check_sample_weight(sample_weight, X, dtype=np.float64)
    counts = weights > 0
    if (weights < 0).any() or not counts.any():
        raise ArgumentError(
            f"the weights of samples are {weights.min()} to {weights.max()}",
            cure="weights are not negative, and at least one is positive",
        )
    return {name: array[counts] for name, array in arrays.items()}, weights[counts]
