"""The value of a matrix formula as it is shown, with differentials along a direction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symdl.explain.notation import tree as t
from symdl.express.tensors import Tensor

from .shown import Shown


@dataclass
class Matrices(Shown):
    """`moves` holds the direction that the differential of a tensor stands for."""

    moves: Mapping[Tensor, Any] = field(default_factory=dict)

    def value(self, node: t.Node, at: Mapping[Any, int] | None = None) -> Any:
        match node:
            case t.Call(name="differential"):
                return self.change(node.args[0])
        return super().value(node, at)

    def change(self, node: t.Node) -> Any:
        """The derivative of an expression along the direction, by a central difference of order six."""
        total: Any = 0.0
        for count, weight in ((1, 3 / 4), (2, -3 / 20), (3, 1 / 60)):
            for sign in (1, -1):
                step = sign * count * 1e-3
                moved = {k: a + step * self.moves.get(k, 0.0) for k, a in self.arrays.items()}
                total = total + sign * weight / 1e-3 * Matrices(moved, self.symbols).value(node)
        return total


def as_columns(array: Any) -> np.ndarray:
    """Return a vector as a column, anything else as it is."""
    array = np.asarray(array)
    return array.reshape(-1, 1) if array.ndim == 1 else array
