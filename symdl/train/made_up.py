"""Data for models that nobody has given any.

Enters: a model, how many samples. Leaves: an array for each input: normal random numbers, labels in their
range.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from symdl.errors import ArgumentError
from symdl.express.dims import Dim
from symdl.run.reference.binding import extent_value

if TYPE_CHECKING:
    from symdl.train.state import ModelState

_LABELS = 2
"""Integers that choose nothing are made 0 or 1."""


def made_up(model: ModelState, count: int, *, seed: int = 0) -> dict[str, Any]:
    """Return data that fit a model.

    Raises:
        ArgumentError: an axis besides the samples has a size that is known with data only.
    """
    rng = np.random.default_rng(seed)
    sizes: dict[Dim, int] = {model.samples: count}
    limits = {limit.tensor: limit.size for limit in model.ranges}
    found: dict[str, Any] = {}
    for tensor in model.inputs:
        shape = [_known(extent, sizes, str(tensor.name)) for extent in tensor.shape]
        if tensor.dtype.startswith("int"):
            below = _known(limits.get(tensor, _LABELS), sizes, str(tensor.name))
            found[str(tensor.name)] = rng.integers(0, below, shape)
        else:
            found[str(tensor.name)] = rng.normal(size=shape).astype(model.dtype)
    return found


def _known(extent: Any, sizes: dict[Dim, int], name: str) -> int:
    try:
        return extent_value(extent, sizes)
    except TypeError as error:  # a symbol is left
        raise ArgumentError(
            f"nobody knows how long {extent} of {name} is", cure="pass data={...}, an array for each input"
        ) from error
