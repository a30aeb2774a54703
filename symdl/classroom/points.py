"""Points at which gradients are compared.

Enters: a program. Leaves: values of its inputs: different numbers for different sizes, so that what only
fits by chance at one size does not fit at another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symdl.errors import ArgumentError
from symdl.express.dims import Dim
from symdl.express.program import Program
from symdl.express.tensors import Tensor
from symdl.run.reference.binding import bind_dims
from symdl.run.reference.interpreter import evaluate

Array = NDArray[Any]
_SIZES = ((3, 5, 4, 6, 2, 7), (5, 4, 3, 2, 7, 6), (4, 3, 7, 5, 6, 2))
"""Sizes for the first, second, … symbolic size, at each point."""
_TRIES = 12


@dataclass(frozen=True, slots=True)
class Point:
    """Values of a program's inputs by name, the sizes, and the values of all its tensors."""

    given: Mapping[str, Array]
    sizes: Mapping[Dim, int]
    arrays: Mapping[Tensor, Array]


def point_at(program: Program, given: Mapping[str, Any]) -> Point:
    """Return the point with these values of the inputs.

    Raises:
        ArgumentError: a value is missing, unknown, or of the wrong shape.
    """
    arrays = evaluate(program, dict(given))
    return Point({name: np.asarray(v) for name, v in given.items()}, bind_dims(program, arrays), arrays)


def points_of(program: Program, *, count: int = 3, seed: int = 0) -> list[Point]:
    """Return random points at which everything in a program is a finite number.

    Raises:
        ArgumentError: none was found: a logarithm of something negative, say.
    """
    rng = np.random.default_rng(seed)
    found: list[Point] = []
    for number in range(count):
        sizes = dict(zip(program.dims, _SIZES[number % len(_SIZES)] * len(program.dims), strict=False))
        for attempt in range(_TRIES):
            given = {
                str(t.name): _drawn(t, sizes, rng, positive=attempt >= _TRIES // 2)
                for t in program.inputs
                if t.value is None
            }
            try:
                point = point_at(program, given)
            except ArgumentError:
                continue
            if all(np.all(np.isfinite(a)) for a in point.arrays.values()):
                found.append(point)
                break
        else:
            raise ArgumentError(
                "no random point was found at which the function and its gradient are finite",
                cure="give one: at={name: array, ...}",
            )
    return found


def _drawn(tensor: Tensor, sizes: Mapping[Dim, int], rng: np.random.Generator, *, positive: bool) -> Array:
    known = {size: sp.Integer(value) for size, value in sizes.items()}
    shape = tuple(int(sp.sympify(extent, strict=True).xreplace(known)) for extent in tensor.shape)
    if tensor.dtype == "int64":
        return rng.integers(0, 2, shape)
    drawn = rng.uniform(0.2, 0.9, shape) if positive else rng.normal(0, 0.8, shape)
    properties = frozenset(map(str, tensor.properties))
    if len(shape) > 1 and shape[-1] == shape[-2]:
        turned = drawn.swapaxes(-1, -2)
        unit = np.eye(shape[-1])
        if "diagonal" in properties:
            drawn = (np.abs(drawn) + 0.5) * unit
        elif "orthogonal" in properties:
            drawn = np.linalg.qr(drawn)[0]
        elif properties & {"positive_definite"}:
            drawn = drawn @ turned + unit
        elif "symmetric" in properties:
            drawn = drawn + turned
        else:
            drawn = drawn / shape[-1] + unit  # invertible, of positive determinant, not symmetric
    return drawn
