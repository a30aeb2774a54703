"""Where a batch and the rows of a weight are cut.

Enters: how many there are, and costs in nanoseconds. Leaves: ranges. They depend on sizes only.

A batch becomes blocks of 32 samples, of 16 if it is smaller than 64, and no more than 16 blocks; where a
sample is several rows of every matrix product, a small batch becomes blocks of fewer samples, but of 4 at
least. The rows of a weight become pieces of about `_PIECE`, but of no fewer rows than `_FEWEST`, or half of
all: a matrix product of a few rows takes as long as one of a dozen more. A gradient that sums over many rows
of every sample is a sum over blocks instead, where adding up costs little.

A gradient that is used up by rows is computed in blocks of about `_SCRATCH` elements, but of about `_FEW`
rows at least, because each block reads the right matrix anew; BLAS, which copies it, gets `_FEW_OF_MANY`.
"""

from __future__ import annotations

import itertools

from symdl.lower.ir.loops import LAYOUT_BLOCK
from symdl.lower.splits import LARGEST_SUM

_PIECE = 20_000.0
_FEWEST = 32
_MOST_BLOCKS = 16
_LITTLE = 0.15
_SCRATCH = 1 << 12
_FEW, _FEW_OF_MANY, _LARGE = 32, 256, 1 << 20
COPIES = 3.0
"""Elements that are copied or added up in a nanosecond."""


def sample_blocks(count: int, rows: int = 1) -> list[tuple[int, int]]:
    """Return the blocks of a batch in whose matrix products a sample has at least so many rows."""
    size = max(4, 16 // rows) if count < 64 else max(32, -(-count // (_MOST_BLOCKS * 32)) * 32)
    return [(at, min(at + size, count)) for at in range(0, count, size)]


def layout_blocks(count: int) -> list[tuple[int, int]]:
    """Return the blocks of a batch of which tensors lie in sample layout: whole blocks of it."""
    size = LAYOUT_BLOCK * -(-count // (_MOST_BLOCKS * LAYOUT_BLOCK))
    return [(at, min(at + size, count)) for at in range(0, count, size)]


def pieces(units: int, cost: float) -> list[tuple[int, int]]:
    """Return cuts of so many units into about equal pieces of about `_PIECE`."""
    wanted = max(1, min(_MOST_BLOCKS, round(cost / _PIECE)))
    size = max(-(-units // wanted), min(_FEWEST, -(-units // 2)) if wanted > 1 else 0)
    size = -(-size // 8) * 8 if size >= 16 else size
    return [(at, min(at + size, units)) for at in range(0, units, size)]


def row_blocks(low: int, high: int, width: int, inner: int) -> list[tuple[int, int]]:
    """Return the blocks of rows in which a product with a right matrix of this size is used up."""
    few = _FEW_OF_MANY if inner * width >= _LARGE else _FEW
    most = max(few, _SCRATCH // width) + 8
    wanted = -(-(high - low) // most)
    size = -(-(high - low) // (8 * wanted)) * 8
    starts = [at for at in range(low, high, size) if at == low or high - at >= 8]  # BLAS has rests below 8
    return list(itertools.pairwise([*starts, high]))


def worth_adding(count: int, blocks: int, cost: float) -> bool:
    """Say whether each block may have its part of a sum of `count` elements, which takes `cost` in all."""
    return count <= LARGEST_SUM and count * blocks / COPIES < _LITTLE * cost
