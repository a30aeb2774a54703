"""Where an element of a tensor lies in its buffer.

Enters: the positions of an element along the axes of a tensor. Leaves: one position, row-major, or in sample
layout where the tensor has its samples innermost.
"""

from __future__ import annotations

from collections.abc import Sequence

from symdl.lower.ir.integers import ONE, ZERO, Poly, constant, floor, mod, product
from symdl.lower.ir.loops import TILE, TensorInfo


def address(where: Sequence[Poly], info: TensorInfo) -> Poly:
    """Return the position of an element: row-major, or in tiles of samples."""
    axes = list(zip(where, info.shape, strict=True))
    flat = ZERO
    for index, size in axes[1:] if info.tiled else axes:
        flat = flat * size + (ZERO if size == ONE else index)
    if not info.tiled:
        return flat
    tile, sample = constant(TILE), where[0]
    return (floor(sample, tile) * product(info.shape[1:]) + flat) * tile + mod(sample, tile)
