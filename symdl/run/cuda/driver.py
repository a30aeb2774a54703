"""A device of NVIDIA's, through its driver.

Enters: nothing. Leaves: `HardwareDevice`, a `symdl.run.cuda.device.Device`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.errors import CompileError
from symdl.run.cuda.connection import Connection
from symdl.run.cuda.device import Scalar, Size
from symdl.run.cuda.graphs import Graph, captured, repeated


class HardwareDevice(Connection):
    """The first device that the driver shows; see `Connection` and `Device`."""

    def allocate(self, size: int) -> int:
        """Return memory; see `Device.allocate`."""
        self.here()
        return int(self.call(self.api.cuMemAlloc, max(size, 1)))

    def free(self, address: int) -> None:
        """Give memory back."""
        self.here()
        self.call(self.api.cuMemFree, address)

    def to_device(self, address: int, source: NDArray[Any], *, stream: int = 0) -> None:
        """Copy from the host; from memory that can be paged out, that returns when the source was read."""
        if source.nbytes:
            place = (address, source.ctypes.data, source.nbytes, self.streams[stream])
            with self.alone():
                self.call(self.api.cuMemcpyHtoDAsync, *place)

    def to_host(self, target: NDArray[Any], address: int, *, stream: int = 0) -> None:
        """Copy to the host."""
        if target.nbytes:
            place = (target.ctypes.data, address, target.nbytes, self.streams[stream])
            with self.alone():
                self.call(self.api.cuMemcpyDtoHAsync, *place)
                self.call(self.api.cuStreamSynchronize, self.streams[stream])

    def copy(self, target: int, source: int, size: int, *, stream: int = 0) -> None:
        """Copy on the device."""
        if size:
            with self.alone():
                self.call(self.api.cuMemcpyDtoDAsync, target, source, size, self.streams[stream])

    def pointer(self, stream: int) -> int:
        """Return the handle of a stream."""
        return int(self.streams[stream])

    def wait_for(self, pointer: int) -> None:
        """Let our stream wait for another one."""
        self.order(pointer, self.streams[0])

    def let_wait(self, pointer: int) -> None:
        """Let another stream wait for ours."""
        self.order(self.streams[0], pointer)

    def fill(self, address: int, value: int, size: int, *, stream: int = 0) -> None:
        """Set bytes."""
        if size:
            with self.alone():
                self.call(self.api.cuMemsetD8Async, address, value, size, self.streams[stream])

    def load(self, module: str | bytes) -> Any:
        """Load PTX, which the driver translates for the device, or machine code."""
        self.here()
        image = module.encode("ascii") + b"\0" if isinstance(module, str) else module
        return self.call(self.api.cuModuleLoadData, image)

    def assemble(self, text: str) -> bytes | None:
        """Return machine code, made by the driver's linker."""
        self.here()
        data, kind = text.encode("ascii") + b"\0", self.api.CUjitInputType.CU_JIT_INPUT_PTX
        state = self.call(self.api.cuLinkCreate, 0, [], [])
        try:
            self.call(self.api.cuLinkAddData, state, kind, data, len(data), b"kernel", 0, [], [])
            place, size = self.call(self.api.cuLinkComplete, state)  # the state's, as long as that is there
            return ctypes.string_at(int(place), int(size))
        except CompileError:
            return None
        finally:
            self.call(self.api.cuLinkDestroy, state)

    def function(self, module: Any, name: str = "") -> Any:
        """Return a kernel of a module, or the only one."""
        self.here()
        if name:
            return self.call(self.api.cuModuleGetFunction, module, name.encode("ascii"))
        found = self.call(self.api.cuModuleEnumerateFunctions, 1, module)
        return found[0]

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
        """Put a launch into a stream."""
        values = [np.array(np.uint64(a) if isinstance(a, int) else a) for a in arguments]
        places = np.array([value.ctypes.data for value in values] or [0], "uint64")
        handle = self.streams[stream]
        sizes = (*_three(grid), *_three(block), shared, handle, places.ctypes.data, 0)
        with self.alone():
            self.call(self.api.cuLaunchKernel, function, *sizes)

    def delegate(self, put: Callable[[int], None], *, stream: int = 0) -> None:
        """Put what another library does into a stream."""
        with self.alone():
            put(self.pointer(stream))

    def capture(self, stream: int) -> AbstractContextManager[Graph]:
        """Collect launches in a graph."""
        return captured(self, stream)

    def repeated(self, graph: Graph, count: int) -> Graph:
        """Return a graph that does another one so many times."""
        return repeated(self, graph, count)

    def replay(self, graph: Graph, *, stream: int = 0) -> None:
        """Put a graph into a stream."""
        with self.alone():
            self.call(self.api.cuGraphLaunch, graph.handle, self.streams[stream])

    def synchronize(self) -> None:
        """Wait for everything."""
        with self.alone():
            self.call(self.api.cuCtxSynchronize)


def _three(size: Size) -> tuple[int, int, int]:
    x, y, z = (*((size,) if isinstance(size, int) else size), 1, 1)[:3]
    return x, y, z
