"""Where values by name lie in one vector.

Enters: names and shapes. Leaves: `Layout`: one vector from many arrays, and back.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.errors import ArgumentError

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Layout:
    """Arrays one after the other, each in row-major order.

    Attributes:
        shapes: the shape of each array by name, in the order in which they lie in a vector.
    """

    shapes: Mapping[str, tuple[int, ...]]

    @property
    def size(self) -> int:
        """The length of a vector."""
        return sum(map(math.prod, self.shapes.values()))

    @property
    def slices(self) -> dict[str, slice]:
        """Where each array lies: ``H[slices["W"], slices["b"]]`` is a block of a Hessian."""
        found, start = {}, 0
        for name, shape in self.shapes.items():
            found[name] = slice(start, start + math.prod(shape))
            start += math.prod(shape)
        return found

    def flatten(self, values: Mapping[str, Any]) -> Vector:
        """Return one vector of arrays by name.

        Raises:
            ArgumentError: one is missing or of another shape.
        """
        parts = []
        for name, shape in self.shapes.items():
            if name not in values:
                raise ArgumentError(f"no value for {name}", cure=f"pass {', '.join(self.shapes)}")
            array = np.asarray(values[name], "float64")
            if array.shape != shape:
                raise ArgumentError(
                    f"{name} has another shape", shapes={"declared": shape, "given": array.shape}
                )
            parts.append(array.ravel())
        return np.concatenate(parts) if parts else np.zeros(0)

    def unflatten(self, x: Any) -> dict[str, Any]:
        """Return the arrays in a vector by name; numbers for shape ``()``.

        Raises:
            ArgumentError: the vector has another length.
        """
        vector = np.asarray(x, "float64")
        if vector.shape != (self.size,):
            raise ArgumentError(
                "a vector does not fit", shapes={"needed": (self.size,), "given": vector.shape}
            )
        slices = self.slices
        return {name: vector[slices[name]].reshape(shape)[()] for name, shape in self.shapes.items()}

    def columns(self, derivatives: Mapping[str, Any], shape: Sequence[int]) -> Vector:
        """Return derivatives by name, each of a shape that begins with `shape`, side by side."""
        parts = [np.asarray(derivatives[n], "float64").reshape(*shape, -1) for n in self.shapes]
        return np.concatenate(parts, axis=-1)
