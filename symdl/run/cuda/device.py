"""What running asks of a device.

Enters: nothing. Leaves: `Device`, which `symdl.run.cuda.driver` fills for NVIDIA's driver. Whoever hands
in another object with these methods sees every allocation, copy and launch, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Size: TypeAlias = int | tuple[int, ...]
Scalar: TypeAlias = "int | np.generic"
"""An argument of a kernel: an address, or a value of the parameter's own type."""


class Device(Protocol):
    """A device. What is put into a stream happens in order; addresses are integers.

    Attributes:
        architecture: such as ``sm_90``.
        assembler: what makes machine code of PTX, with its version, or nothing.
        multiprocessors: how many blocks are worked on at once, or a small multiple of that.
    """

    @property
    def architecture(self) -> str: ...

    @property
    def assembler(self) -> str: ...

    @property
    def multiprocessors(self) -> int: ...

    def allocate(self, size: int) -> int:
        """Return the address of `size` bytes that hold nothing yet."""

    def free(self, address: int) -> None:
        """Give back what `allocate` returned."""

    def to_device(self, address: int, source: NDArray[Any], *, stream: int = 0) -> None:
        """Copy a C-contiguous array to an address; it may be changed as soon as this returns."""

    def to_host(self, target: NDArray[Any], address: int, *, stream: int = 0) -> None:
        """Copy into a C-contiguous array, behind all that is in the stream; waits for it."""

    def copy(self, target: int, source: int, size: int, *, stream: int = 0) -> None:
        """Copy on the device."""

    def pointer(self, stream: int) -> int:
        """Return the driver's handle of a stream, by which other libraries know it."""

    def wait_for(self, pointer: int) -> None:
        """Let stream 0 wait for all that is in another library's stream, by its handle."""

    def let_wait(self, pointer: int) -> None:
        """Let another library's stream wait for all that is in stream 0."""

    def fill(self, address: int, value: int, size: int, *, stream: int = 0) -> None:
        """Set `size` bytes to `value`."""

    def load(self, module: str | bytes) -> Any:
        """Load PTX, or machine code that `assemble` made in this or another process."""

    def assemble(self, text: str) -> bytes | None:
        """Return machine code for PTX, or None if it cannot be made without loading it."""

    def function(self, module: Any, name: str = "") -> Any:
        """Return a kernel of a module; without a name, the only one."""

    def launch(
        self,
        function: Any,
        grid: Size,
        block: Size,
        shared: int,
        arguments: Sequence[Scalar],
        *,
        stream: int = 0,
    ) -> None:
        """Put a launch into a stream; `shared` are bytes of dynamic shared memory."""

    def delegate(self, put: Callable[[int], None], *, stream: int = 0) -> None:
        """Put what another library does into a stream: `put` is called with its handle."""

    def capture(self, stream: int) -> AbstractContextManager[Any]:
        """Collect what is put into `stream` into a graph."""

    def repeated(self, graph: Any, count: int) -> Any:
        """Return a graph that does another one so many times, one after the other."""

    def replay(self, graph: Any, *, stream: int = 0) -> None:
        """Put all of a graph into a stream."""

    def synchronize(self) -> None:
        """Wait for everything."""
