"""Matrix products in tiles.

Enters: a type of reals. Leaves: a kernel for ``result = factor * left @ right``, row-major, for a batch of
matrices. A block of 256 threads computes a tile of 64 x 64 elements, a thread 4 x 4 of them in registers;
panels of both matrices, 16 deep, lie in shared memory, which saves 63 of 64 reads. Sums go over the
inner axis in one order, whatever the sizes.
"""

from __future__ import annotations

from typing import Any

from symdl.run.cuda.compiler import cuda, inlined

TILE, DEPTH, OWN = 64, 16, 4
"""Rows and columns of a block, elements of a panel, rows and columns of a thread."""
SIDE = TILE // OWN
"""Threads of a block along each axis."""
PADDED = TILE + 1
"""Elements between two rows of a panel: neighbours write to different banks of shared memory."""
THREADS = SIDE * SIDE
PANEL, SUMS = DEPTH * PADDED, OWN * OWN
PARTS = TILE * DEPTH // THREADS
"""Elements of a panel that a thread copies."""


def multiply_kernel(real: Any, *, left_turned: bool, right_turned: bool) -> Any:
    """Return the kernel for matrices of which either may be transposed: then its rows lie as columns.

    Grids have one block for each tile, and along z one for each matrix of a batch with two axes. ``…_lead``
    are the elements from one row in memory to the next, ``…_outer`` and ``…_inner`` those from one matrix to
    the next along the two axes; the inner axis has length `inner`.
    """
    zero = real(0.0)
    load_left, load_right = loader(real, turned=left_turned), loader(real, turned=not right_turned)

    def multiply(
        left: Any,
        right: Any,
        result: Any,
        factor: Any,
        m: int,
        n: int,
        k: int,
        left_lead: int,
        right_lead: int,
        lead: int,
        left_outer: int,
        right_outer: int,
        result_outer: int,
        left_inner: int,
        right_inner: int,
        result_inner: int,
        inner: int,
    ) -> None:
        p, q = cuda.blockIdx.z // inner, cuda.blockIdx.z % inner
        left_panel, right_panel = cuda.shared.array(PANEL, real), cuda.shared.array(PANEL, real)
        sums = cuda.local.array(SUMS, real)
        for e in range(SUMS):
            sums[e] = zero
        row, column = cuda.blockIdx.y * TILE, cuda.blockIdx.x * TILE
        my_row, my_column = cuda.threadIdx.x // SIDE, cuda.threadIdx.x % SIDE
        for first in range(0, k, DEPTH):
            load_left(left_panel, left, p * left_outer + q * left_inner, left_lead, row, m, first, k)
            load_right(right_panel, right, p * right_outer + q * right_inner, right_lead, column, n, first, k)
            cuda.syncthreads()
            for e in range(min(DEPTH, k - first)):
                for i in range(OWN):
                    value = left_panel[e * PADDED + my_row + i * SIDE]
                    for j in range(OWN):
                        sums[i * OWN + j] += value * right_panel[e * PADDED + my_column + j * SIDE]
            cuda.syncthreads()
        start = p * result_outer + q * result_inner
        for i in range(OWN):
            for j in range(OWN):
                i_at, j_at = row + my_row + i * SIDE, column + my_column + j * SIDE
                if i_at < m and j_at < n:
                    result[start + i_at * lead + j_at] = factor * sums[i * OWN + j]

    return multiply


def loader(real: Any, *, turned: bool) -> Any:
    """Return what copies a panel: `DEPTH` elements along the inner axis of `TILE` rows, or columns.

    Not `turned`, neighbours in memory are neighbours along the inner axis. What lies outside is 0.
    """
    zero = real(0.0)

    def load(
        panel: Any, matrix: Any, start: int, lead: int, row: int, rows: int, first: int, length: int
    ) -> None:
        for part in range(PARTS):
            at = part * THREADS + cuda.threadIdx.x
            if turned:
                i, p = at % TILE, at // TILE
            else:
                i, p = at // DEPTH, at % DEPTH
            value = zero
            if row + i < rows and first + p < length:
                if turned:
                    value = matrix[start + (first + p) * lead + row + i]
                else:
                    value = matrix[start + (row + i) * lead + first + p]
            panel[p * PADDED + i] = value

    return inlined(load)
