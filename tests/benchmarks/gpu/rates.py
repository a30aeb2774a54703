"""What a device can do: bytes a second of a copy, operations a second of a matrix product in float32.

Enters: a library, a place. Leaves: `rates`, measured by that library. symdl measures with kernels of its own,
so rates are known where nothing else is installed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

Rates = dict[str, float]
_COPIED, _SIDE = 64 * 2**20, 4096
"""Elements that are copied, rows and columns of matrices."""
_SAMPLES, _SECONDS = 5, 0.05


def rates(peer: str, place: str, *, tiny: bool) -> Rates:
    """Return ``copy`` in bytes a second (read and written) and ``product`` in operations a second.

    Raises:
        NotImplementedError: this way of using a library has no rates of its own.
    """
    measure = {"symdl": _symdl, "torch fused": _torch, "cupy": _cupy}.get(peer)
    if measure is None:
        raise NotImplementedError(peer)
    count, side = (1000, 20) if tiny else (_COPIED, _SIDE)
    copy, product, wait = measure(place, count, side)
    return {"copy": 8.0 * count / seconds(copy, wait), "product": 2.0 * side**3 / seconds(product, wait)}


def seconds(call: Callable[[], Any], wait: Callable[[], Any]) -> float:
    """Return the median time of a call that is put into a stream, many of them one after another."""
    call()
    wait()
    found: list[float] = []
    times = 1
    while len(found) < _SAMPLES:
        start = time.perf_counter()
        for _ in range(times):
            call()
        wait()
        took = time.perf_counter() - start
        if took < _SECONDS / 2 and times < 1 << 20:
            times *= 2
        else:
            found.append(took / times)
    return median(found)


Measured = tuple[Callable[[], Any], Callable[[], Any], Callable[[], Any]]
"""A copy, a product, and what waits for them."""


def _torch(place: str, count: int, side: int) -> Measured:
    import torch

    device = "cuda" if place == "cuda" else "cpu"
    if device == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = False
    a, b = (torch.ones(count, device=device) for _ in range(2))
    x, y, z = (torch.ones((side, side), device=device) for _ in range(3))
    wait = torch.cuda.synchronize if device == "cuda" else (lambda: None)
    return lambda: b.copy_(a), lambda: torch.mm(x, y, out=z), wait


def _cupy(place: str, count: int, side: int) -> Measured:
    import cupy

    a, b = (cupy.ones(count, "float32") for _ in range(2))
    x, y, z = (cupy.ones((side, side), "float32") for _ in range(3))
    wait = cupy.cuda.runtime.deviceSynchronize
    return lambda: cupy.copyto(b, a), lambda: cupy.matmul(x, y, out=z), wait


def _symdl(place: str, count: int, side: int) -> Measured:
    """A function of symdl on memory of the device: each is one launch, of a kernel that symdl generates."""
    import symdl as sd
    from symdl.run.cuda.runtime import CudaRuntime

    from ..peers.on_symdl import target_of

    target = target_of(place)
    runtime = target.runtime
    assert isinstance(runtime, CudaRuntime)
    X, A, B = sd.tensor("X", (count,)), sd.tensor("A", (side, side)), sd.tensor("B", (side, side))
    ones = np.ones((side, side), "float32")
    copy = _launches(sd.compile(2 * X, dtype="float32", target=target), runtime, [np.ones(count, "float32")])
    product = _launches(sd.compile(A @ B, dtype="float32", target=target), runtime, [ones, ones])
    return copy, product, runtime.launcher.device.synchronize


def _launches(function: Any, runtime: Any, given: list[Any]) -> Callable[[], Any]:
    """Return what launches the kernels of a function without symbolic sizes, on arrays that stay."""
    built = function.built
    lowered, memory = built.lowered, built.memory({})
    device, places = runtime.launcher.device, list(memory.places)
    rooms = []
    for tensor, array in zip(lowered.program.inputs, given, strict=True):
        rooms.append(runtime.reserve(array.nbytes))
        places[lowered.plan.places[tensor]] = rooms[-1].address
        device.to_device(rooms[-1].address, array)
    for tensor in lowered.program.outputs:
        rooms.append(runtime.reserve(given[0].nbytes))
        places[lowered.plan.places[tensor]] = rooms[-1].address
    rows, width = built.code.tolist(), built.code.shape[1]

    numbers = (rows, width, 0, len(rows), places, memory.sizes, memory.factors, 0)
    run = built.module.call("rows", runtime.launcher, *numbers)

    def launch() -> Any:
        run()
        return rooms

    return launch
