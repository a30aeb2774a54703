"""Numbers on which compiled code and its callers agree.

They stand apart from what is compiled, because that needs Numba, and callers of finished machine code do not.
"""

from __future__ import annotations

LARGEST_RIGHT = 1 << 20
"""Elements of a right matrix, from which on it pays that BLAS copies its operands."""
LARGEST_BLAS = 1 << 29
"""Elements that a matrix for BLAS may span: it counts in 32 bits, and adds such counts up."""
WORTH_THREADS = 1 << 26
"""Multiplications in a matrix product, from which on BLAS's threads pay, where it may have any."""
WIDTHS = (1, 2, 3)
"""Vectors of columns that a tile of a matrix product may have."""
LONGEST = 512
"""Columns of a transposed right matrix in tiles, at most: strips of it are laid out anew on the stack."""
STOP = 1 << 60
"""A count of arrivals that no run reaches: lanes that wait give up."""
