"""Where an element of a tensor lies in its buffer.

Enters: the positions of an element along the axes of a tensor. Leaves: one position, row-major, or in sample
layout where the tensor has its samples innermost.
"""

from __future__ import annotations

from collections.abc import Sequence

from symdl.lower.ir.integers import ONE, ZERO, Poly, constant, floor, mod, product
from symdl.lower.ir.loops import LAYOUT_BLOCK, TensorInfo


def address(where: Sequence[Poly], info: TensorInfo) -> Poly:
    """Return the position of an element: row-major, or in sample layout."""
    axes = list(zip(where, info.shape, strict=True))
    flat = ZERO
    for index, size in axes[1:] if info.sample_layout else axes:
        flat = flat * size + (ZERO if size == ONE else index)
    if not info.sample_layout:
        return flat
    block, sample = constant(LAYOUT_BLOCK), where[0]
    return (floor(sample, block) * product(info.shape[1:]) + flat) * block + mod(sample, block)
