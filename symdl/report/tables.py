"""The tables of a report.

Enters: arrays, a profile. Leaves: rows of texts, their head first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

Rows = list[tuple[str, ...]]


def of_parameters(arrays: Mapping[str, Any]) -> Rows:
    """Return names, shapes, counts, and how the values are distributed."""
    rows: Rows = [("parameter", "shape", "count", "mean", "std", "smallest", "largest")]
    for name, array in arrays.items():
        rows.append((name, _shape(array), f"{np.size(array):,}", *_spread(np.asarray(array))))
    total = sum(int(np.size(array)) for array in arrays.values())
    return [*rows, ("total", "", f"{total:,}", "", "", "", "")]


def of_data(arrays: Mapping[str, Any]) -> Rows:
    """Return the same of data: of integers how many of each are there, if they are few."""
    rows: Rows = [("input", "shape", "type", "mean", "std", "smallest", "largest", "remarks")]
    for name, given in arrays.items():
        array = np.asarray(given)
        remarks = []
        if array.dtype.kind in "iub" and array.size:
            values, counts = np.unique(array, return_counts=True)
            few, many = int(counts.min()), int(counts.max())
            remarks.append(f"{len(values)} values, each {few:,} to {many:,} times")
        elif array.dtype.kind == "f":
            bad = int(array.size - np.isfinite(array).sum())
            remarks += [f"{bad:,} not finite"] if bad else []
        rows.append((name, _shape(array), str(array.dtype), *_spread(array), "; ".join(remarks)))
    return rows


def _shape(array: Any) -> str:
    return " × ".join(map(str, np.shape(array))) or "1"


def _spread(array: np.ndarray[Any, Any]) -> tuple[str, str, str, str]:
    """Return mean, standard deviation, smallest and largest of what is finite."""
    values = array[np.isfinite(array)].astype("float64")
    if not values.size:
        return ("–",) * 4
    return (f"{values.mean():.4g}", f"{values.std():.4g}", f"{values.min():.4g}", f"{values.max():.4g}")
