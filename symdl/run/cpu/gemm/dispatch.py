"""Where the matrix products are that generated code calls.

Enters: a dtype. Leaves: `Products`: the addresses of BLAS's product and of the micro-kernel
(`symdl.run.cpu.gemm.micro_kernel`), and from which sizes on which is taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from llvmlite import binding
from numpy.typing import NDArray

from symdl.run.cpu.cache import objects as machine
from symdl.run.cpu.gemm.blas import product_address
from symdl.run.cpu.limits import LARGEST_BLAS, LONGEST, WIDTHS


def registers() -> tuple[int, int]:
    """Return the bytes of a vector of this machine, and the rows of a register block that fit into its
    registers."""
    features = binding.get_host_cpu_features()
    if features.get("avx512f"):
        return 64, 8
    return (32, 4) if features.get("avx2") else (16, 4)


@dataclass(frozen=True, slots=True, eq=False)
class Products:
    """The matrix products for a dtype.

    Attributes:
        table: the addresses of BLAS's product and of that by the micro-kernel. Then come the limits of the
            micro-kernel: the least rows and columns, and the longest rows of a transposed right matrix. Then
            the address of the product in pieces, and how many elements of a matrix a piece may span.
        library: keeps the code at these addresses.
    """

    table: NDArray[np.int64]
    library: machine.Machine


@cache
def products(dtype: str) -> Products:
    """Return where the products for a dtype are.

    Raises:
        CompileError: SciPy offers no BLAS, or the micro-kernel cannot be compiled.
    """
    size, rows = registers()
    lanes = size // np.dtype(dtype).itemsize
    library = machine.load(micro_kernels(dtype, rows=rows, lanes=lanes))
    limits = (rows, lanes, LONGEST)
    places = library.addresses
    table = [product_address(dtype), places["product"], *limits, places["in_pieces"], LARGEST_BLAS]
    return Products(np.array(table, "int64"), library)


def micro_kernels(dtype: str, *, rows: int, lanes: int) -> machine.Library:
    """Return the matrix products in register blocks of so many rows, and of vectors of so many `lanes`."""

    def make() -> list[Any]:
        from symdl.run.cpu.gemm.packed import entries  # with Numba, which takes half a second

        return entries(dtype, rows=rows, lanes=lanes, widths=WIDTHS, longest=LONGEST)

    name = f"products in register blocks of {rows} rows, vectors of {lanes} lanes, {dtype}"
    return machine.Library(name, make)
