"""How a graphics processor runs programs.

Enters: source code, a lowered program. Leaves: `CudaRuntime`. A place is an address on the device, or a
`Mirror`: an array of the host with memory of its own there. A call copies what is given, launches the kernels
and copies the results back. Training copies all samples once, weights and states at the beginning and the end
of an epoch. Kernels are compiled when they are first launched, so that source code can be shown where there
is no device.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
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
from symdl.run.cuda.arrays import DeviceArray
from symdl.run.cuda.calls import DevicePlaces, Mirror, addresses_of, runner, waited
from symdl.run.cuda.cublas import Cublas, installed
from symdl.run.cuda.device import Device
from symdl.run.cuda.driver import HardwareDevice
from symdl.run.cuda.exchange import on_device, shared
from symdl.run.cuda.installed import require_compiler
from symdl.run.cuda.launching import Launcher
from symdl.run.cuda.loops import executor
from symdl.run.cuda.memory import KEPT, Room
from symdl.run.cuda.steps import Steps
from symdl.run.resident import Resident
from symdl.run.runtime import Module, ResultsIn, Runtime

if TYPE_CHECKING:
    from symdl.run.build import Built
    from symdl.run.epoch import Job
    from symdl.run.memory import Memory

Array = NDArray[Any]


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

    def entries(self, names: Sequence[str], operations: Set[Operation]) -> Array:
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
    """The device that `find` returns, the first of the driver; up to `kept` bytes are kept for later."""

    apart = True

    def __init__(
        self,
        find: Callable[[], Device] = HardwareDevice,
        blas: Callable[[Device], Cublas | None] = installed,
        kept: int = KEPT,
    ) -> None:
        self._find, self._blas, self._kept = find, blas, kept

    @cached_property
    def launcher(self) -> Launcher:
        """What compiles and launches.

        Raises:
            CompileError: there is no device.
        """
        device = self._find()
        return Launcher(device, self._blas(device), self._kept)

    def load(self, text: str, *, lowered: Lowered, dtype: str, training: bool) -> CudaModule:
        """Keep the text; see `Runtime.load`."""
        return CudaModule(text, lowered, dtype)

    def place(self, array: Any) -> Any:
        """Return an array of the host with memory on the device, or the array that lies there."""
        if isinstance(array, Resident):
            return array.use()
        return Mirror(array) if isinstance(array, np.ndarray) else array

    def places(
        self, inputs: Sequence[int], outputs: Sequence[tuple[int, int]], results: ResultsIn = "alike"
    ) -> DevicePlaces:
        """Return what tells where arrays are; see `Runtime.places`."""
        return DevicePlaces(inputs, outputs, self.place, results, lambda: self.launcher)

    def accept(self, value: Any, name: str, dtype: np.dtype[Any]) -> DeviceArray | Resident | None:
        """Return an array on the device; see `Runtime.accept`."""
        if isinstance(value, Resident):
            value.use()
            return value
        if isinstance(value, np.ndarray) or not on_device(value):
            return None
        return shared(value, name, dtype, self.launcher)

    def there(self, array: Any) -> DeviceArray:
        """Return an array on the device; see `Runtime.there`."""
        if isinstance(array, DeviceArray):
            return array
        made = DeviceArray.new(self.launcher, array.shape, array.dtype)
        made.put(array)
        return made

    def keep(self, array: Array) -> Resident:
        """Return an array that stays on the device; see `Runtime.keep`."""
        return Resident(array, self.there)

    def behind(self, place: Any, count: int, itemsize: int) -> Any:
        """Return the address that lies so many elements behind another one."""
        return place + count * itemsize

    def vector(self, places: Sequence[Any]) -> list[Any]:
        """Return a list."""
        return list(places)

    def reserve(self, length: int) -> Room:
        """Return memory for intermediate values."""
        return self.launcher.allocator.reserve(length)

    def release(self) -> None:
        """Give back memory that is kept for later; see `Runtime.release`."""
        if "launcher" in self.__dict__:  # otherwise no device was asked for anything
            self.launcher.allocator.empty()

    def piece(self, room: Room, begin: int, end: int, kind: np.dtype[Any]) -> int:
        """Return the address of a piece of it."""
        return room.address + begin

    def run(self, built: Built, memory: Memory, code: Array, dims: Mapping[str, int]) -> Callable[[], int]:
        """Return what copies arguments, launches kernels and copies results."""
        return runner(built, memory, code, lambda: self.launcher)

    @contextmanager
    def training(self, module: Module, given: Sequence[Any], changed: Sequence[Any]) -> Iterator[None]:
        """Copy arrays to the device, and those that steps change back; see `Runtime.training`."""
        assert isinstance(module, CudaModule)
        moving = [array for array in changed if isinstance(array, Resident)]
        copied = [array for array in changed if isinstance(array, np.ndarray)]
        for array in (*given, *changed):
            if isinstance(array, Resident):
                array.use()
            elif isinstance(array, np.ndarray):
                self._to_device(module, array)
        for resident in moving:
            resident.change()
        try:
            yield
        finally:  # an interrupt leaves the weights of the last step
            for array in copied:
                self.launcher.device.to_host(array, self._resident(module, array))
            for resident in moving:
                resident.settle()

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
        """Return the steps of a job."""
        (script,) = job.script(1)
        order, rows, width = job.order, job.code.tolist(), job.code.shape[1]
        numbers = (job.memory.sizes.copy(), job.memory.factors, module.products)
        addresses = addresses_of(job, partial(self._resident, module))

        def launch(launcher: Launcher, place: int) -> None:
            addresses[order] = place
            for begin, end in script.tolist():
                module.call("rows", launcher, rows, width, begin, end, addresses, *numbers)()

        return Steps(launch, self.launcher)

    def stretch(self, job: Job, first: int, end: int) -> Callable[[], object]:
        """Launch rows of a step and wait for the device; see `Runtime.stretch`."""
        module = job.built.module
        assert isinstance(module, CudaModule)
        return waited(self.launcher, job, (first, end), partial(self._to_device, module))

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
