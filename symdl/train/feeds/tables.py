"""Tables and other kinds of data as arrays by name.

Enters: a data frame, a mapping with sparse matrices in it. Leaves: a dictionary of arrays.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.errors import ArgumentError
from symdl.express.values import numbers


def columns(frame: Any, **inputs: str | Sequence[str]) -> dict[str, NDArray[Any]]:
    """Return columns of a data frame as arrays for a model's inputs.

    Args:
        frame: a frame of pandas or polars, or another with ``frame.columns`` and ``frame[name]``.
        inputs: for each input the column it is, an array of rank 1, or a list of columns, an array of rank 2
            with one axis over them; none: each column is the input of its name.

    Raises:
        ArgumentError: there is no such column, or one holds no numbers.

    Example:
        >>> data = sd.train.columns(frame, X=["height", "weight"], t="species")
        >>> history = model.fit(data, optimizer=sd.nn.Adam(1e-3))
    """
    known = [str(name) for name in frame.columns]
    wanted: Mapping[str, str | Sequence[str]] = inputs or {name: name for name in known}
    return {name: _array(frame, known, each) for name, each in wanted.items()}


def _array(frame: Any, known: Sequence[str], wanted: str | Sequence[str]) -> NDArray[Any]:
    if isinstance(wanted, str):
        return _column(frame, known, wanted)
    return np.stack([_column(frame, known, name) for name in wanted], axis=1)


def _column(frame: Any, known: Sequence[str], name: str) -> NDArray[Any]:
    if name not in known:
        close = difflib.get_close_matches(str(name), known, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise ArgumentError(f"the table has no column {name!r}", cure=f"{hint}it has {', '.join(known)}")
    column = frame[name]
    return numbers(column.to_numpy() if hasattr(column, "to_numpy") else column, f"the column {name!r}")


def is_frame(data: Any) -> bool:
    """Say whether data are a table with named columns."""
    return hasattr(data, "columns") and hasattr(data, "dtypes") and hasattr(data, "__getitem__")


def is_sparse(value: Any) -> bool:
    """Say whether a value is a sparse matrix or array, as SciPy has them."""
    return hasattr(value, "toarray") and hasattr(value, "tocsr")


def by_rows(data: Any) -> bool:
    """Say whether samples are taken from arrays batch by batch: some are sparse, or lie in a file."""
    return isinstance(data, Mapping) and any(
        isinstance(value, np.memmap) or is_sparse(value) for value in data.values()
    )


def dense(value: Any) -> Any:
    """Return a sparse matrix with its zeros; anything else as it is."""
    return value.toarray() if is_sparse(value) else value


def held(data: Any) -> Any:
    """Return a table, or a mapping with sparse matrices in it, as a mapping of arrays."""
    if is_frame(data):
        return columns(data)
    if isinstance(data, Mapping) and any(map(is_sparse, data.values())):
        return {name: dense(value) for name, value in data.items()}
    return data
