"""How a graphics processor runs programs.

Enters: source code, a lowered program. Leaves: `CudaRuntime`. A place is an address on the device, or a
`Mirror`: an array of the host with memory of its own there. A call copies what is given, launches the kernels
and copies the results back. Training copies all samples once, weights and states at the beginning and the end
of an epoch. Kernels are compiled when they are first launched, so that source code can be shown where there
is no device.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from symdl.emit.operations import Operation
from symdl.lower.lowered import Lowered
from symdl.run import modules
from symdl.run.cuda.device import Device
from symdl.run.cuda.driver import HardwareDevice
from symdl.run.cuda.installed import require_compiler
from symdl.run.cuda.launching import Launcher
from symdl.run.cuda.loops import executor
from symdl.run.cuda.memory import Room
from symdl.run.cuda.steps import Steps
from symdl.run.runtime import Module, Runtime

if TYPE_CHECKING:
    from symdl.run.build import Built
    from symdl.run.epoch import Job
    from symdl.run.memory import Memory

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Mirror:
    """An array of the host that gets memory on the device."""

    host: Array


@dataclass(slots=True, eq=False)
class CudaModule:
    """The kernels of a program, compiled as they are needed."""

    text: str
    lowered: Lowered
    dtype: str
    products: int = 0
    residents: dict[int, Room] = field(default_factory=dict)
    steps: WeakKeyDictionary[Job, Steps] = field(default_factory=WeakKeyDictionary)
    executors: dict[Launcher, Callable[..., int]] = field(default_factory=dict)

    def entries(self, names: Sequence[str]) -> Array:
        """Return the numbers of kernels."""
        return np.arange(len(names), dtype="int64")

    def call(self, name: str, *arguments: Any, alive: object = None) -> Callable[[], int]:
        """Return a call of the loop ``rows``, which launches rows of the launch list.

        Its arguments are a launcher, and those of the loop of `symdl.run.loops.execute_loop`.

        Raises:
            CompileError: there is no toolkit or no device.
        """
        launcher, *given = arguments
        return partial(self._executor(launcher), *given)

    def _executor(self, launcher: Launcher) -> Callable[..., int]:
        if launcher not in self.executors:
            require_compiler()
            from symdl.run.cuda.kept import foundation

            functions = modules.load(self.text, foundation()).kernels
            made = executor(functions, self.lowered.kernels, dtype=self.dtype, launcher=launcher)
            self.executors[launcher] = made
        return self.executors[launcher]


class CudaRuntime(Runtime):
    """The device that `find` returns, by default the first one of NVIDIA's driver."""

    def __init__(self, find: Callable[[], Device] = HardwareDevice) -> None:
        self._find = find

    @cached_property
    def launcher(self) -> Launcher:
        """What compiles and launches.

        Raises:
            CompileError: there is no device.
        """
        return Launcher(self._find())

    def load(self, text: str, *, lowered: Lowered, dtype: str, training: bool) -> CudaModule:
        """Keep the text; see `Runtime.load`."""
        return CudaModule(text, lowered, dtype)

    def place(self, array: Array) -> Mirror:
        """Return an array with memory on the device."""
        return Mirror(array)

    def behind(self, place: Any, count: int, itemsize: int) -> Any:
        """Return the address that lies so many elements behind another one."""
        return place + count * itemsize

    def vector(self, places: Sequence[Any]) -> list[Any]:
        """Return a list."""
        return list(places)

    def reserve(self, length: int) -> Room:
        """Return memory for intermediate values."""
        return self.launcher.allocator.reserve(length)

    def piece(self, room: Room, begin: int, end: int, kind: np.dtype[Any]) -> int:
        """Return the address of a piece of it."""
        return room.address + begin

    def run(self, built: Built, memory: Memory, code: Array, dims: Mapping[str, int]) -> Callable[[], int]:
        """Return what copies arguments, launches kernels and copies results."""
        module, buffers = built.module, built.lowered.plan.buffers
        assert isinstance(module, CudaModule)
        rows = code.tolist()
        width, first = code.shape[1], sum(row[0] == Operation.CHECK for row in rows)
        rooms: dict[int, Room] = {}

        def run() -> int:
            places, sizes = memory.places, memory.sizes.copy()
            failed = _failed_check(rows[:first], places, sizes)
            if failed >= 0:
                return failed
            device = self.launcher.device
            addresses = list(places)
            for at, place in enumerate(places):
                if isinstance(place, Mirror):
                    if at not in rooms:
                        rooms[at] = self.reserve(place.host.nbytes)
                    addresses[at] = rooms[at].address
                    if buffers[at].kind == "given":
                        device.to_device(addresses[at], place.host)
            given = (rows, width, first, len(rows), addresses, sizes, memory.factors, module.products)
            module.call("rows", self.launcher, *given)()
            for at, place in enumerate(places):
                if isinstance(place, Mirror) and buffers[at].kind == "output":
                    device.to_host(place.host, addresses[at])
            return -1

        return run

    @contextmanager
    def training(self, module: Module, given: Sequence[Array], changed: Sequence[Array]) -> Iterator[None]:
        """Copy arrays to the device, and those that steps change back; see `Runtime.training`."""
        assert isinstance(module, CudaModule)
        for array in (*given, *changed):
            self._to_device(module, array)
        try:
            yield
        finally:  # an interrupt leaves the weights of the last step
            for array in changed:
                self.launcher.device.to_host(array, self._resident(module, array))

    def epoch(self, job: Job, span: tuple[int, int, int], workers: int) -> None:
        """Replay a graph for the batches of a span; see `Runtime.epoch`."""
        module = job.built.module
        assert isinstance(module, CudaModule)
        if span[0] >= span[1]:
            return
        if job not in module.steps:
            module.steps[job] = self._steps(job, module)
        module.steps[job].run(job.arrays[job.order], span)

    def _steps(self, job: Job, module: CudaModule) -> Steps:
        """Return the steps of a job; all samples of its data are copied now."""
        (script,) = job.script(1)
        order, rows, width = job.order, job.code.tolist(), job.code.shape[1]
        numbers = (job.memory.sizes.copy(), job.memory.factors, module.products)
        addresses = list(job.seen_by(0))
        for at, place in enumerate(addresses):
            if isinstance(place, Mirror) and at != order:
                put = self._to_device if at >= order + 2 else self._resident
                addresses[at] = put(module, place.host)

        def launch(launcher: Launcher, place: int) -> None:
            addresses[order] = place
            for begin, end in script.tolist():
                module.call("rows", launcher, rows, width, begin, end, addresses, *numbers)()

        return Steps(launch, self.launcher)

    def _resident(self, module: CudaModule, host: Array) -> int:
        """Return the address of an array that stays on the device as long as it is on the host."""
        residents, key = module.residents, id(host)
        if key not in residents:
            residents[key] = self.reserve(host.nbytes)
            weakref.finalize(host, residents.pop, key)
        return residents[key].address

    def _to_device(self, module: CudaModule, host: Array) -> int:
        """Copy such an array; return its address."""
        address = self._resident(module, host)
        self.launcher.device.to_device(address, host)
        return address


def _failed_check(checks: Sequence[Sequence[int]], places: Sequence[Any], sizes: Array) -> int:
    """Return the first check whose positions are not all in range, or -1; they are still on the host."""
    for number, row in enumerate(checks):
        values = places[row[1]].host.reshape(-1)[: sizes[row[2]]]
        if ((values < 0) | (values >= sizes[row[3]])).any():
            return number
    return -1
