"""Calls on a device: arguments of the host are copied there, their results back; others stay where they lie.

Enters: a program with memory for one choice of sizes, and the device's launcher, once it is asked for.
Leaves: what does a call, and what tells it where arrays are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from symdl.emit.operations import Operation
from symdl.run.cuda.arrays import DeviceArray
from symdl.run.cuda.exchange import ForeignArray
from symdl.run.cuda.launching import Launcher
from symdl.run.cuda.memory import Room
from symdl.run.resident import Resident
from symdl.run.results import Layout, Places
from symdl.run.runtime import ResultsIn

if TYPE_CHECKING:
    from symdl.run.build import Built
    from symdl.run.epoch import Job
    from symdl.run.memory import Memory

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Mirror:
    """An array of the host that gets memory on the device."""

    host: Array


def runner(built: Built, memory: Memory, code: Array, launcher: Callable[[], Launcher]) -> Callable[[], int]:
    """Return what does a call; see `symdl.run.runtime.Runtime.run`."""
    module, buffers = built.module, built.lowered.plan.buffers
    rows = code.tolist()
    width, first = code.shape[1], sum(row[0] == Operation.CHECK for row in rows)
    rooms: dict[int, Room] = {}

    def run() -> int:
        places, sizes = memory.places, memory.sizes.copy()
        failed = failed_check(rows[:first], places, sizes)
        if failed >= 0:
            return failed
        device = launcher().device
        addresses, foreign = list(places), []
        for at, place in enumerate(places):
            if isinstance(place, Mirror):
                if at not in rooms:
                    rooms[at] = launcher().allocator.reserve(place.host.nbytes)
                addresses[at] = rooms[at].address
                if buffers[at].kind == "given":
                    device.to_device(addresses[at], place.host)
            elif isinstance(place, DeviceArray):
                addresses[at] = place.address
                if isinstance(place, ForeignArray):
                    foreign.append(place.stream)
        given = (rows, width, first, len(rows), addresses, sizes, memory.factors, module.products)
        module.call("rows", launcher(), *given)()
        for stream in dict.fromkeys(foreign):  # whose memory may be used again when this returns
            device.let_wait(stream)
        for at, place in enumerate(places):
            if isinstance(place, Mirror) and buffers[at].kind == "output":
                device.to_host(place.host, addresses[at])
            if not isinstance(place, int):
                places[at] = 0  # whoever has the array decides how long it lives
        return -1

    return run


def addresses_of(job: Job, resident: Callable[[Array], int]) -> list[Any]:
    """Return where the buffers of a step are; the order of its samples is not there yet.

    Args:
        resident: returns the address on the device of an array of the host.
    """
    addresses = list(job.seen_by(0))
    for at, place in enumerate(addresses):
        if isinstance(place, DeviceArray):
            addresses[at] = place.address
        elif isinstance(place, Mirror) and at != job.order:
            addresses[at] = resident(place.host)
    return addresses


def waited(
    launcher: Launcher, job: Job, rows: tuple[int, int], to_device: Callable[[Array], int]
) -> Callable[[], None]:
    """Return what launches rows of a step and waits until they are done; see `Runtime.stretch`.

    Args:
        to_device: copies an array of the host; returns its address, which holds as long as the array is.
    """
    memory, module = job.memory, job.built.module
    places = addresses_of(job, to_device)
    order = np.append(
        0, job.arrays.get(job.order, np.zeros(0, "int64"))
    )  # begins with the position of the batch
    places[job.order : job.order + 1] = [to_device(order)]
    given = (job.code.tolist(), job.code.shape[1], *rows, places, memory.sizes, memory.factors)
    launch = module.call("rows", launcher, *given, module.products)

    def run(*, _alive: Any = order) -> None:
        launch()
        launcher.device.synchronize()

    return run


class DevicePlaces(Places):
    """Tells where the arrays of a call are; results may lie on the device.

    Args:
        inputs, outputs, place: as of `Places`.
        results: where they lie; see `Runtime.places`.
        launcher: returns that of the device.
    """

    def __init__(
        self,
        inputs: Sequence[int],
        outputs: Sequence[tuple[int, int]],
        place: Callable[[Array], Any],
        results: ResultsIn,
        launcher: Callable[[], Launcher],
    ) -> None:
        super().__init__(inputs, outputs, place)
        self._results, self._launcher = results, launcher

    def new(self, made: Layout, given: Sequence[Any] = ()) -> tuple[Sequence[Any], int]:
        """Return new arrays for the outputs."""
        alike = self._results == "alike" and any(isinstance(array, DeviceArray) for array in given)
        if not alike and self._results != "target":
            return super().new(made, given)
        launcher = self._launcher()
        return [DeviceArray.new(launcher, shape, kind) for shape, kind, _ in made.parts], 0

    def copy(self, target: Any, source: Any) -> None:
        """Copy an argument or a result to another result."""
        if isinstance(target, DeviceArray):
            target.put(source.use() if isinstance(source, Resident) else source)
        else:
            np.copyto(target, np.asarray(source))


def failed_check(checks: Sequence[Sequence[int]], places: Sequence[Any], sizes: Array) -> int:
    """Return the first check whose positions are not all in range, or -1; they are still on the host."""
    for number, row in enumerate(checks):
        place = places[row[1]]
        values = (place.host if isinstance(place, Mirror) else place.numpy()).reshape(-1)[: sizes[row[2]]]
        if ((values < 0) | (values >= sizes[row[3]])).any():
            return number
    return -1
