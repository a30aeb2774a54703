"""Kernels on their way to a device.

Enters: functions of a generated module, or of ours. Leaves: `Launcher`, which compiles a kernel when it is
first needed and puts launches into a stream, and `Loader`, which stops short of that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, cached_property
from typing import Any

import numpy as np

from symdl.run.cuda.choice import BLOCK
from symdl.run.cuda.cublas import Cublas, Product
from symdl.run.cuda.device import Device, Scalar, Size
from symdl.run.cuda.memory import KEPT, Allocator, Room

_WAVES = 8
"""Blocks that each multiprocessor gets; more would only queue."""


def kind_of(sizes: Sequence[int]) -> str:
    """Return the type that sizes are passed as: the compiler knows that unsigned ones are not below 0."""
    return "uint32" if all(0 <= size < 1 << 32 for size in sizes) else "int64"


class Launcher:
    """Compiles kernels for a device and launches them.

    Attributes:
        allocator: has the device's memory.
        blas: a library for matrix products, or None.
        rooms: memory that launches hand on to the next ones; the last one is the largest.
    """

    def __init__(self, device: Device, blas: Cublas | None = None, kept: int = KEPT) -> None:
        self.device, self.allocator, self.blas = device, Allocator(device, kept), blas
        self.function = cache(self._compiled)
        self._by_name: dict[str, Any] = {}
        self.rooms: list[Room] = []

    def _compiled(self, function: Callable[..., None], kinds: tuple[str, ...], threads: int) -> Any:
        from symdl.run.cuda.kept import load, name_of

        name = name_of(function, kinds, threads)
        if name not in self._by_name:
            self._by_name[name] = self.device.function(load(function, kinds, self.device, threads))
        return self._by_name[name]

    def launch(
        self,
        function: Callable[..., None],
        kinds: tuple[str, ...],
        arguments: Sequence[Any],
        *,
        grid: Size,
        block: int = BLOCK,
        largest: int = 0,
    ) -> None:
        """Put a launch into the stream; arguments are addresses and numbers, typed by `kinds`.

        Where the kernel is launched with other blocks, too, `largest` has the threads of the largest one.
        """
        given: list[Scalar] = [
            int(value) if kind.endswith("*") else np.dtype(kind).type(value)
            for kind, value in zip(kinds, arguments, strict=True)
        ]
        self.device.launch(self.function(function, kinds, largest or block), grid, block, 0, given)

    def multiply(self, product: Product) -> bool:
        """Put a matrix product into the stream if there is a library that takes it, and say so."""
        return self.blas is not None and self.blas.takes(product) and self.blas.multiply(product)

    def workspace(self, size: int) -> int:
        """Return where some bytes are that a few launches `in_a_row` may use; later ones use them again."""
        if not self.rooms or self.rooms[-1].nbytes < size:
            self.rooms.append(self.allocator.reserve(size))  # graphs may know those before
        return self.rooms[-1].address

    def in_a_row(self, put: Callable[[], None]) -> None:
        """Put launches into the stream between which no other thread puts one."""
        self.device.delegate(lambda _: put())

    @cached_property
    def loader(self) -> Loader:
        """What loads kernels without launching them."""
        return Loader(self)

    def blocks(self, count: int) -> int:
        """Return how many blocks share so many pieces of work."""
        return max(1, min(count, _WAVES * self.device.multiprocessors))


class Loader(Launcher):
    """Compiles and loads what would be launched, and counts it: nothing may be loaded during a capture."""

    def __init__(self, launcher: Launcher) -> None:
        self.device, self.allocator, self.function = launcher.device, launcher.allocator, launcher.function
        self.blas, self.rooms, self.count = launcher.blas, launcher.rooms, 0

    def launch(
        self,
        function: Callable[..., None],
        kinds: tuple[str, ...],
        arguments: Sequence[Any],
        *,
        grid: Size,
        block: int = BLOCK,
        largest: int = 0,
    ) -> None:
        """Load a kernel."""
        self.function(function, kinds, largest or block)
        self.count += 1

    def in_a_row(self, put: Callable[[], None]) -> None:
        """Load what launches need."""
        put()

    def multiply(self, product: Product) -> bool:
        """Let a library load what it needs for a matrix product, if it takes it."""
        if self.blas is None or not self.blas.takes(product):
            return False
        self.count += 1
        return self.blas.warm(product, self.allocator)
