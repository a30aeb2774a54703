"""Matrix products by cuBLAS, through CuPy, where that is installed.

Enters: CuPy, a device. Leaves: `Cublas`. Matrices are row-major, cuBLAS's are column-major: what it sees in
the same memory is the transposed matrix, so the operands change places, and each is transposed again only
where it lies transposed. Numbers of float32 are multiplied as such: TF32, which keeps 10 bits, is off.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from typing import Any

import numpy as np

from symdl.run.cuda.device import Device
from symdl.run.cuda.memory import Allocator

_PLAIN, _TRANSPOSED = 0, 1
_FULL_PRECISION = 0
"""cuBLAS's default mode of float32, in which it does not round to TF32."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """A batch of matrices on a device.

    Attributes:
        address, lead: where it begins; the elements from one row in memory to the next.
        outer, inner: the elements from one matrix to the next along the two axes of a batch.
        turned: whether it lies transposed.
    """

    address: int
    lead: int
    outer: int
    inner: int
    turned: bool = False


@dataclass(frozen=True, slots=True)
class Product:
    """``result = factor * left @ right``.

    Attributes:
        dtype: of all elements.
        sizes: rows and columns of the result, and the length of the inner axis.
        batch: how many matrices there are along two axes.
    """

    dtype: str
    factor: float
    left: Matrix
    right: Matrix
    result: Matrix
    sizes: tuple[int, int, int]
    batch: tuple[int, int]

    @property
    def operands(self) -> tuple[tuple[Matrix, int], ...]:
        """The matrices in cuBLAS's order, each with its lead, or 0 if rows overlap in memory."""
        m, n, k = self.sizes
        each = (self.right, k, n), (self.left, m, k), (self.result, m, n)
        return tuple((matrix, _lead(matrix, rows, columns)) for matrix, rows, columns in each)


class Cublas:
    """cuBLAS on a device.

    Args:
        cupy: the module, or what does as it does.
        device: in whose stream products are put.
    """

    def __init__(self, cupy: Any, device: Device) -> None:
        self._cupy, self._device = cupy, device
        self._api = cupy.cuda.cublas

    @cached_property
    def _handle(self) -> int:
        handle = int(self._api.create())
        self._api.setMathMode(handle, _FULL_PRECISION)
        return handle

    def takes(self, product: Product) -> bool:
        """Say whether it is a product for cuBLAS."""
        return product.sizes[2] > 0 and all(lead for _, lead in product.operands)

    def multiply(self, product: Product) -> bool:
        """Put a product into the stream."""
        step, (m, n, k), (outer, inner) = np.dtype(product.dtype).itemsize, product.sizes, product.batch
        prefix = "d" if product.dtype == "float64" else "s"
        function = getattr(self._api, f"{prefix}gemmStridedBatched")
        scales = np.array([product.factor, 0], product.dtype)
        flags = [_TRANSPOSED if matrix.turned else _PLAIN for matrix in (product.right, product.left)]
        rows, count = (1, outer) if inner == 1 else (outer, inner)

        def put(pointer: int) -> None:
            with self._cupy.cuda.ExternalStream(pointer):
                for at in range(rows):
                    given: list[int] = []
                    for matrix, lead in product.operands:
                        apart = matrix.outer if inner == 1 else matrix.inner
                        given += [matrix.address + at * matrix.outer * step, lead, apart]
                    given.insert(6, scales.ctypes.data + step)
                    function(self._handle, *flags, n, m, k, scales.ctypes.data, *given, count)

        self._device.delegate(put)
        return True

    def warm(self, product: Product, allocator: Allocator) -> bool:
        """Multiply matrices like these that nobody needs: what cuBLAS loads then is there in a capture."""
        m, n, k = product.sizes
        room = allocator.reserve(max(m * k, k * n, m * n) * 2 * np.dtype(product.dtype).itemsize)
        self._device.fill(room.address, 0, room.nbytes)
        left, right = product.left.turned, product.right.turned
        first = Matrix(room.address, m if left else k, 0, 0, left)
        second = Matrix(room.address, k if right else n, 0, 0, right)
        made = Matrix(room.address + room.nbytes // 2, n, 0, 0)
        return self.multiply(replace(product, left=first, right=second, result=made, batch=(1, 1)))


def _lead(matrix: Matrix, rows: int, columns: int) -> int:
    """Return the lead as cuBLAS wants it, or 0 if rows in memory overlap, which it does not take."""
    lines, length = (columns, rows) if matrix.turned else (rows, columns)
    return matrix.lead if matrix.lead >= length else length if lines == 1 else 0


def installed(device: Device) -> Cublas | None:
    """Return cuBLAS if CuPy is installed and has it."""
    try:
        return Cublas(import_module("cupy"), device)
    except (ImportError, AttributeError):
        return None
