"""A connection to NVIDIA's driver.

Enters: nothing. Leaves: `Connection`: the first device that the driver shows, a stream on it, and calls of
the driver whose errors are raised. Everything goes through ``cuda.bindings``, which comes with numba-cuda;
no other module imports it. Stream 0 is a stream of our own that waits for no other, since the default one
cannot be captured. Threads take turns at it: what one puts into a stream while another captures it would
become part of the graph.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from threading import RLock
from typing import Any

from symdl.errors import CompileError
from symdl.run.cuda.installed import require_compiler


class Connection:
    """The first device that the driver shows.

    Attributes:
        api: the driver's functions.
        architecture: such as ``sm_90``.
        assembler: the driver's, with its version.
        multiprocessors: how many there are.
        streams: the driver's handles.

    Raises:
        CompileError: there is no driver, or no device.
    """

    def __init__(self) -> None:
        require_compiler()
        driver: Any = import_module("cuda.bindings.driver")

        self.api = driver
        try:
            self.call(driver.cuInit, 0)
            device = self.call(driver.cuDeviceGet, 0)
        except Exception as error:
            raise CompileError(
                f"there is no CUDA device here ({error})",
                cure="install NVIDIA's driver, or use target='cpu'; .source shows kernels without a device",
            ) from error
        self._context = self.call(driver.cuDevicePrimaryCtxRetain, device)
        self.call(driver.cuCtxSetCurrent, self._context)
        kinds = driver.CUdevice_attribute
        major, minor, self.multiprocessors = (
            int(self.call(driver.cuDeviceGetAttribute, kind, device))
            for kind in (
                kinds.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR,
                kinds.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR,
                kinds.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT,
            )
        )
        self.architecture = f"sm_{major}{minor}"
        self.assembler = f"driver {self.call(driver.cuDriverGetVersion)}"
        flag = driver.CUstream_flags.CU_STREAM_NON_BLOCKING
        self.streams = [self.call(driver.cuStreamCreate, flag)]
        self._mark = self.call(driver.cuEventCreate, driver.CUevent_flags.CU_EVENT_DISABLE_TIMING)
        self._turn = RLock()

    def call(self, function: Any, *arguments: Any) -> Any:
        """Call the driver; return the result, or the tuple of several.

        Raises:
            CompileError: the driver says no.
        """
        code, *results = function(*arguments)
        if int(code) != 0:
            _, text = self.api.cuGetErrorString(code)
            words = text.decode() if isinstance(text, bytes) else str(code)
            raise CompileError(f"{function.__name__} failed: {words}")
        return results[0] if len(results) == 1 else tuple(results)

    def order(self, first: Any, then: Any) -> None:
        """Let a stream wait for all that is in another one."""
        with self.alone():
            self.call(self.api.cuEventRecord, self._mark, first)
            self.call(self.api.cuStreamWaitEvent, then, self._mark, 0)

    def here(self) -> None:
        """Make the context that of this thread."""
        self.call(self.api.cuCtxSetCurrent, self._context)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other threads from the streams."""
        with self._turn:
            self.here()
            yield
