"""A device of NVIDIA's, through its driver.

Enters: nothing. Leaves: `HardwareDevice`, a `symdl.run.cuda.device.Device`. Everything goes through
``cuda.bindings``, which comes with numba-cuda; no other module knows it. Stream 0 is a stream of our own that
waits for no other, since the default one cannot be captured. Threads take turns at it: what one puts into a
stream while another captures it would become part of the graph.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from threading import RLock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.errors import CompileError
from symdl.run.cuda.device import Scalar, Size
from symdl.run.cuda.installed import require_compiler


@dataclass(slots=True, weakref_slot=True, eq=False)
class Graph:
    """A captured graph, ready to be launched."""

    handle: Any = None


class HardwareDevice:
    """The first device that the driver shows.

    Raises:
        CompileError: there is no driver, or no device.
    """

    def __init__(self) -> None:
        require_compiler()
        driver: Any = import_module("cuda.bindings.driver")

        self._api = driver
        try:
            self._call(driver.cuInit, 0)
            device = self._call(driver.cuDeviceGet, 0)
        except Exception as error:
            raise CompileError(
                f"there is no CUDA device here ({error})",
                cure="install NVIDIA's driver, or use target='cpu'; .source shows kernels without a device",
            ) from error
        self._context = self._call(driver.cuDevicePrimaryCtxRetain, device)
        self._call(driver.cuCtxSetCurrent, self._context)
        kinds = driver.CUdevice_attribute
        major, minor, self.multiprocessors = (
            int(self._call(driver.cuDeviceGetAttribute, kind, device))
            for kind in (
                kinds.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR,
                kinds.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR,
                kinds.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT,
            )
        )
        self.architecture = f"sm_{major}{minor}"
        flag = driver.CUstream_flags.CU_STREAM_NON_BLOCKING
        self._streams = [self._call(driver.cuStreamCreate, flag)]
        self._turn = RLock()

    def _call(self, function: Any, *arguments: Any) -> Any:
        """Call the driver; return the result, or the tuple of several."""
        code, *results = function(*arguments)
        if int(code) != 0:
            _, text = self._api.cuGetErrorString(code)
            words = text.decode() if isinstance(text, bytes) else str(code)
            raise CompileError(f"{function.__name__} failed: {words}")
        return results[0] if len(results) == 1 else tuple(results)

    def _here(self) -> None:
        """Make the context that of this thread."""
        self._call(self._api.cuCtxSetCurrent, self._context)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other threads from the streams."""
        with self._turn:
            self._here()
            yield

    def allocate(self, size: int) -> int:
        """Return memory; see `Device.allocate`."""
        self._here()
        return int(self._call(self._api.cuMemAlloc, max(size, 1)))

    def free(self, address: int) -> None:
        """Give memory back."""
        self._here()
        self._call(self._api.cuMemFree, address)

    def to_device(self, address: int, source: NDArray[Any], *, stream: int = 0) -> None:
        """Copy from the host; from memory that can be paged out, that returns when the source was read."""
        if source.nbytes:
            place = (address, source.ctypes.data, source.nbytes, self._streams[stream])
            with self._alone():
                self._call(self._api.cuMemcpyHtoDAsync, *place)

    def to_host(self, target: NDArray[Any], address: int, *, stream: int = 0) -> None:
        """Copy to the host."""
        if target.nbytes:
            place = (target.ctypes.data, address, target.nbytes, self._streams[stream])
            with self._alone():
                self._call(self._api.cuMemcpyDtoHAsync, *place)
                self._call(self._api.cuStreamSynchronize, self._streams[stream])

    def fill(self, address: int, value: int, size: int, *, stream: int = 0) -> None:
        """Set bytes."""
        if size:
            with self._alone():
                self._call(self._api.cuMemsetD8Async, address, value, size, self._streams[stream])

    def load(self, module: str | bytes) -> Any:
        """Load PTX, which the driver translates for the device."""
        self._here()
        text = module.encode("ascii") if isinstance(module, str) else module
        return self._call(self._api.cuModuleLoadData, text + b"\0")

    def function(self, module: Any, name: str = "") -> Any:
        """Return a kernel of a module, or the only one."""
        self._here()
        if name:
            return self._call(self._api.cuModuleGetFunction, module, name.encode("ascii"))
        found = self._call(self._api.cuModuleEnumerateFunctions, 1, module)
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
        handle = self._streams[stream]
        sizes = (*_three(grid), *_three(block), shared, handle, places.ctypes.data, 0)
        with self._alone():
            self._call(self._api.cuLaunchKernel, function, *sizes)

    @contextmanager
    def capture(self, stream: int) -> Iterator[Graph]:
        """Collect launches in a graph."""
        made, mode = Graph(), self._api.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
        with self._alone():
            self._call(self._api.cuStreamBeginCapture, self._streams[stream], mode)
            try:
                yield made
            finally:
                captured = self._call(self._api.cuStreamEndCapture, self._streams[stream])
            made.handle = self._call(self._api.cuGraphInstantiate, captured, 0)
            self._call(self._api.cuGraphDestroy, captured)
        weakref.finalize(made, self._api.cuGraphExecDestroy, made.handle)

    def replay(self, graph: Graph, *, stream: int = 0) -> None:
        """Put a graph into a stream."""
        with self._alone():
            self._call(self._api.cuGraphLaunch, graph.handle, self._streams[stream])

    def synchronize(self) -> None:
        """Wait for everything."""
        with self._alone():
            self._call(self._api.cuCtxSynchronize)


def _three(size: Size) -> tuple[int, int, int]:
    x, y, z = (*((size,) if isinstance(size, int) else size), 1, 1)[:3]
    return x, y, z
