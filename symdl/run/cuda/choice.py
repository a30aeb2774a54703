"""How many threads share a row.

Enters: the numbers of rows and of elements in a row, or of rows and columns of a matrix product. Leaves: the
name of a form of a kernel, a grid and a block.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from symdl.lower.cuda.flat import LONG
from symdl.lower.cuda.tiles import ALL_TILINGS, PIECES, SLICES, SPLIT, TILINGS, Tiling, pieces

WARP = 32
"""Threads of a warp, and columns of a block that is seen as columns."""
BLOCK = 256
"""Threads of a block where nothing asks for another number."""
ROWS = 16
"""The most rows of a block seen as columns: 32 would leave a thread 64 registers, too few for some."""
MATRIX_BLOCK = 64
"""Threads of a block in which each is busy with a matrix of its own: many registers, and few matrices."""
LARGEST = {
    "threads": BLOCK,
    "matrices": MATRIX_BLOCK,
    "vectors": BLOCK,
    "warps": BLOCK,
    "blocks": BLOCK,
    "columns": WARP * ROWS,
}
LARGEST |= {tiling.name: tiling.threads for tiling in ALL_TILINGS}
LARGEST |= dict.fromkeys(SPLIT, BLOCK)
"""Threads of the largest block of each form: what its registers have to suffice for."""
_LONG = 2048
"""Elements of a column from which on a block scans it, although its threads do not read neighbours."""
_ENOUGH = 96
"""Tiles from which on a device is busy enough."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A form of a kernel, how many pieces of work its blocks share, and threads of a block.

    If a sum is run up in several `pieces`, `stretch` says how long they are, and `results` how many sums.
    """

    form: str
    blocks: int
    threads: int
    pieces: int = 1
    stretch: int = 0
    results: int = 0

    @property
    def largest(self) -> int:
        """Threads of the largest block of the form."""
        return LARGEST[self.form]


def chosen(teams: Collection[str], rows: int, length: int, width: int = 0) -> Choice:
    """Return the team for so many rows of so many elements, or of one, `width` of which a thread may take.

    A long row takes a block, unless there are so many rows that warps fill the device; a short column takes
    a thread, and along a scan all but very long ones do.
    """
    if "matrices" in teams:
        return Choice("matrices", -(-rows // MATRIX_BLOCK), MATRIX_BLOCK)
    if width and "vectors" in teams and rows >= LONG:
        return Choice("vectors", -(-rows // (BLOCK * width)), BLOCK)
    if "threads" in teams and (length < _LONG or rows >= 4096):
        teams = set(teams) - {"blocks"}
    if "blocks" in teams and length > 4 * WARP and (rows < 4096 or length > 4096):
        threads = min(BLOCK, max(WARP, 1 << (length // 4 - 1).bit_length()))
        return Choice("blocks", rows, threads)
    if "warps" in teams:
        return Choice("warps", -(-rows * WARP // BLOCK), BLOCK)
    if "columns" in teams and length >= 16 and rows < 1 << 15:
        rows_of_block = min(ROWS, 1 << (max(length // 4, 1) - 1).bit_length())
        return Choice("columns", -(-rows // WARP), WARP * rows_of_block)
    return Choice("threads", -(-rows // BLOCK), BLOCK)


def chosen_tiles(
    matrices: int, rows: int, columns: int, inner: int, tilings: Sequence[Tiling] = TILINGS
) -> Choice:
    """Return the tiling for so many products of such sizes: the largest that makes tiles enough.

    Where none does and the inner axis is long, several blocks share each sum.
    """
    count, stretch = pieces(matrices, rows, columns, inner)
    if count > 1:
        tiles = count * matrices * -(-rows // SLICES.side) * -(-columns // SLICES.side)
        return Choice(PIECES, tiles, SLICES.threads, count, stretch, matrices * rows * columns)
    for tiling in tilings:
        tiles = matrices * -(-rows // tiling.side) * -(-columns // tiling.side)
        if tiles >= _ENOUGH:
            break
    return Choice(tiling.name, tiles, tiling.threads)
