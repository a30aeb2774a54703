"""Numbers on which compiled code and its callers agree.

They stand apart from what is compiled, because that needs Numba, and callers of finished machine code do not.
"""

from __future__ import annotations

from typing import Literal

LARGEST_RIGHT = 1 << 20
"""Elements of a right matrix, from which on it pays that BLAS copies its operands."""
LARGEST_BLAS = 1 << 29
"""Elements that a matrix for BLAS may span: it counts in 32 bits, and adds such counts up."""
WORTH_THREADS = 1 << 26
"""Multiplications in a matrix product, from which on BLAS's threads pay, where it may have any."""
WIDTHS = (1, 2, 3)
"""Vectors of columns that a register block of a matrix product may have."""
LONGEST = 512
"""Columns of a transposed right matrix, at most, for the micro-kernel: panels of it are packed on the
stack."""
OPERATIONS = 8
"""Where the addresses of operations begin in the table of what rows of the launch list call; before them
stands what `symdl.run.cpu.gemm.dispatch` says of products."""
STOP = 1 << 60
"""A count of arrivals that no run reaches: workers that wait give up."""
APART = 16
"""Integers between two that different threads change: two cache lines, since processors fetch pairs."""
PATIENCE = 1 << 15
"""How often a thread looks for the next call until it sleeps: about a millisecond."""
Purpose = Literal["whole", "points", "pieces", "training"]
"""What loops over the launch list are for: calls in one piece, those and blocks of points, calls in pieces of
samples, epochs."""
