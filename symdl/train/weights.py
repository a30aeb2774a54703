"""The values of parameters: first values, copies, checks.

Enters: parameter tensors. Leaves: arrays by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.errors import ArgumentError, TrainingError
from symdl.express.tensors import Tensor
from symdl.express.values import numbers
from symdl.nn.initializers import glorot, zeros
from symdl.run.resident import Resident

Weights = dict[str, Any]
"""Arrays by name: NumPy's, or a `Resident` each where the target has memory of its own."""


def initial(tensors: Sequence[Tensor], *, seed: int, dtype: str) -> Weights:
    """Return the first values of parameters or states, in the order of `tensors`.

    A tensor with an ``init`` is filled by ``init(shape, rng)``. Otherwise matrices and larger are
    uniform with Glorot's bounds, vectors and scalars zero. Each tensor draws from a generator of its
    own, so that a change to one leaves the others as they were.

    Raises:
        TrainingError: an ``init`` returns another shape, or values that are not finite.
    """
    generators = [np.random.default_rng([seed, place]) for place in range(len(tensors))]
    return {
        str(tensor.name): _first_values(tensor, rng, dtype)
        for tensor, rng in zip(tensors, generators, strict=True)
    }


def _first_values(tensor: Tensor, rng: np.random.Generator, dtype: str) -> NDArray[Any]:
    shape = tuple(int(size) for size in tensor.shape)
    init = tensor.init or (glorot() if len(shape) > 1 else zeros())
    drawn = numbers(init(shape, rng), f"the initializer of {tensor.name}", error=TrainingError)
    values = np.array(drawn, dtype=dtype, order="C")
    if values.shape != shape or not np.isfinite(values).all():
        raise TrainingError(
            f"the initializer of {tensor.name} returned values that do not fit",
            shapes={"declared": shape, "returned": values.shape},
            cure="return finite numbers of the declared shape",
        )
    return values


def copies(weights: Weights) -> Weights:
    """Return the arrays, copied."""
    return {name: array.copy() for name, array in weights.items()}


def put_back(weights: Weights, values: Weights) -> None:
    """Write `values` into the arrays of `weights`, in place."""
    for name, array in weights.items():
        array[...] = values[name]


def all_finite(weights: Weights) -> bool:
    """Say whether no array holds NaN or infinity."""
    each = weights.values()
    return all(a.finite() if isinstance(a, Resident) else bool(np.isfinite(a).all()) for a in each)


def checked_weights(tensors: Sequence[Tensor], weights: Mapping[str, Any], dtype: str) -> Weights:
    """Return arrays that a kernel takes, the same ones where they fit already.

    Raises:
        ArgumentError: one is missing, unknown, or of another shape.
    """
    names = {str(t.name): tuple(int(size) for size in t.shape) for t in tensors}
    for name in [*names, *weights]:
        if name not in weights or name not in names:
            word = "missing" if name in names else "unknown"
            raise ArgumentError(f"the parameter {name!r} is {word}", cure=f"the model has {', '.join(names)}")
    given = {n: w if isinstance(w, Resident) else numbers(w, n) for n, w in weights.items()}
    result = {n: w if isinstance(w, Resident) else np.require(w, dtype, ["C", "W"]) for n, w in given.items()}
    result = {name: result[name] for name in names}
    for name, array in result.items():
        if array.shape != names[name]:
            raise ArgumentError(
                f"the parameter {name!r} has the wrong shape",
                shapes={"declared": names[name], "given": array.shape},
                cure="change values in place: model.parameters[name][...] = values",
            )
    return result
