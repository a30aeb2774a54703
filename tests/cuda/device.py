"""A device made of NumPy, which stands in where there is none: memory, modules, streams, events, graphs.

`symdl.run.cuda.device.Device` is what a runtime asks of a device; `SimulatedDevice` has that, and more
streams, events and copies on the device. Rules that make the checks sharp:

- One `allocate` for each buffer, not one for many: an address belongs to the buffer it was made for, and an
  access beyond is wrong even where the next buffer would begin.
- An address is an integer. Kernels take addresses (as 64-bit integers) and NumPy scalars.
- What is put into a stream happens in order; between streams only `wait` for an event, and `synchronize`,
  make an order. `stream` 0 is a stream like others.
- Between `capture` and its end nothing is executed; a graph replays launches and copies with the arguments,
  addresses and sizes they were captured with.

The simulated device executes at once, in the order of the calls. It notes (`findings`) what the interpreter
of PTX finds in each launch, reads of memory that no copy and no earlier launch wrote, and launches and copies
that touch one array, one of them writing, with no order between them. `settled` asserts that nothing is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from symdl.run.cuda.device import Scalar
from tests.cuda.lines import located
from tests.cuda.order import Order
from tests.cuda.ptx.findings import Finding, Wrong
from tests.cuda.ptx.inline import Program
from tests.cuda.ptx.launch import Report, Size, launch, loaded, place_variables, program, short
from tests.cuda.ptx.memory import SHIFT, Memory
from tests.cuda.ptx.syntax import Place
from tests.cuda.ptx.types import PtxError


class DeviceError(Exception):
    """What a real device would refuse: a wrong address of a copy, an allocation in a capture, a bad size."""


@dataclass(frozen=True)
class Loaded:
    """A module on the device: its text, and the addresses of its variables."""

    text: str
    symbols: dict[str, int]


@dataclass(frozen=True)
class Kernel:
    """A kernel of a module that is on the device."""

    module: Loaded
    name: str


@dataclass
class Graph:
    """What was captured, in order: functions of the stream that replaces the one captured from."""

    origin: int
    nodes: list[Callable[[Callable[[int], int]], None]] = field(default_factory=list)
    streams: set[int] = field(default_factory=set)
    complete: bool = False


def packed(code: Program, arguments: Sequence[Scalar]) -> list[bytes]:
    """Return the bytes of a kernel's parameters."""
    if len(arguments) != len(code.parameters):
        raise DeviceError(f"{len(arguments)} arguments for {len(code.parameters)} of {short(code.entry)}")
    return [
        argument.tobytes()
        if isinstance(argument, np.generic)
        else argument.to_bytes(parameter.size, "little")
        for argument, parameter in zip(arguments, code.parameters, strict=True)
    ]


class Watch:
    """Looks over what operations touch, and keeps what is found."""

    def __init__(self, memory: Memory) -> None:
        self.memory, self.order = memory, Order()
        self.findings: list[Finding] = []

    def copy(
        self, name: str, stream: int, *, read: Sequence[int] = (), written: Sequence[int] = (), size: int
    ) -> None:
        """Note a copy of `size` bytes: its place in the order, and whether what it reads is there."""
        self.order.enter(stream)
        try:
            for address in read:
                store, offset = self.memory.find(address, size)
                if not store.written[offset : offset + size].all():
                    self.note("unwritten read", name, store.name, offset)
            self.touch(name, stream, read, written, size)
        except PtxError as error:
            raise DeviceError(f"{name}: {error}") from error

    def touch(
        self, name: str, stream: int, read: Sequence[int], written: Sequence[int], size: int = 0
    ) -> None:
        """Note what the last operation of a stream touched, and with whom there is no order."""
        bases = [[a - self.memory.find(a, size)[1] for a in group] for group in (read, written)]
        for base, other in self.order.touch(name, stream, *bases):
            what = f"{name} in stream {stream}"
            self.note("launch order", what, self.memory.names[base >> SHIFT], None, other)

    def note(self, kind: Wrong, what: str, array: str, offset: int | None, detail: str = "") -> None:
        self.findings.append(Finding(kind, what, what, Place(0), (0, 0), array, offset, detail))


class SimulatedDevice:
    """A `Device` that interprets PTX; see the module's text."""

    assembler = ""

    def __init__(self, *, architecture: str = "sm_90", multiprocessors: int = 4) -> None:
        self.architecture, self.multiprocessors = architecture, multiprocessors
        self.memory = Memory()
        self.reports: list[Report] = []
        self.texts: list[str] = []
        self.watch = Watch(self.memory)
        self.order, self.findings = self.watch.order, self.watch.findings
        self.graph: Graph | None = None

    def settled(self) -> None:
        """Assert that nothing was found."""
        assert not self.findings, "\n".join(str(located(found)) for found in self.findings)

    def allocate(self, size: int, *, name: str = "") -> int:
        self.refuse_in_capture("allocate")
        return self.memory.allocate(size, name)

    def free(self, address: int) -> None:
        self.refuse_in_capture("free")
        if address & ((1 << SHIFT) - 1) or address >> SHIFT not in self.memory.stores:
            raise DeviceError(f"{address:#x} is not where a buffer starts")
        self.memory.free(address)

    def to_device(self, address: int, source: npt.NDArray[Any], *, stream: int = 0) -> None:
        content = np.ascontiguousarray(source).tobytes()

        def put(of: Callable[[int], int]) -> None:
            self.watch.copy("copy to the device", of(stream), written=[address], size=len(content))
            self.memory.write(address, content)

        self.enqueue(stream, put)

    def to_host(self, target: npt.NDArray[Any], address: int, *, stream: int = 0) -> None:
        self.refuse_in_capture("copy to the host")
        if not target.flags.c_contiguous:
            raise DeviceError("the target must be C-contiguous")
        self.watch.copy("copy to the host", stream, read=[address], size=target.nbytes)
        target.reshape(-1)[:] = np.frombuffer(self.memory.read(address, target.nbytes), target.dtype)
        self.order.host_waits_for(stream)

    def copy(self, target: int, source: int, size: int, *, stream: int = 0) -> None:
        def put(of: Callable[[int], int]) -> None:
            self.watch.copy("copy", of(stream), read=[source], written=[target], size=size)
            self.memory.write(target, self.memory.read(source, size))

        self.enqueue(stream, put)

    def fill(self, address: int, value: int, size: int, *, stream: int = 0) -> None:
        def put(of: Callable[[int], int]) -> None:
            self.watch.copy("fill", of(stream), written=[address], size=size)
            self.memory.write(address, bytes([value]) * size)

        self.enqueue(stream, put)

    def load(self, module: str | bytes) -> Loaded:
        text = module if isinstance(module, str) else module.decode("utf-8")
        self.texts.append(text)
        if loaded(text).target != self.architecture:
            raise DeviceError(f"PTX for {loaded(text).target} on a device of {self.architecture}")
        return Loaded(text, place_variables(program(text, loaded(text).entries[0]), self.memory))

    def assemble(self, text: str) -> bytes | None:
        return None

    def function(self, module: Loaded, name: str = "") -> Kernel:
        """Return a kernel by its name in PTX or in Python; without one, the only one."""
        entries = loaded(module.text).entries
        fitting = [entry for entry in entries if not name or name in (entry, short(entry))]
        if len(fitting) != 1:
            raise DeviceError(f"{name or 'the kernel'}: there are {', '.join(map(short, entries))}")
        return Kernel(module, fitting[0])

    def launch(
        self,
        function: Kernel,
        grid: Size,
        block: Size,
        shared: int,
        arguments: Sequence[Scalar],
        *,
        stream: int = 0,
    ) -> None:
        code = program(function.module.text, function.name)
        given = packed(code, arguments)

        def put(of: Callable[[int], int]) -> None:
            self.order.enter(of(stream))
            report = launch(
                code, grid, block, given, self.memory, shared=shared, symbols=function.module.symbols
            )
            self.reports.append(report)
            self.findings.extend(replace(found, text=function.module.text) for found in report.findings)
            self.watch.touch(report.kernel, of(stream), sorted(report.read), sorted(report.written))

        self.enqueue(stream, put)

    def pointer(self, stream: int) -> int:
        return stream

    def wait_for(self, pointer: int) -> None:
        """Streams of other libraries are those of `new_stream`; nothing else is in any other."""
        if pointer in self.order.clocks:
            self.wait(0, self.record(pointer))

    def let_wait(self, pointer: int) -> None:
        if pointer in self.order.clocks:
            self.wait(pointer, self.record(0))

    def delegate(self, put: Callable[[int], None], *, stream: int = 0) -> None:
        self.enqueue(stream, lambda of: put(of(stream)))

    def new_stream(self) -> int:
        return self.order.new_stream()

    def record(self, stream: int) -> int:
        event = self.order.new_event()
        self.enqueue(stream, lambda of: self.order.record(event, of(stream)))
        if self.graph is not None and stream in self.graph.streams:
            self.order.captured.add(event)
        return event

    def wait(self, stream: int, event: int) -> None:
        if self.graph is not None and event in self.order.captured:
            self.graph.streams.add(stream)
        self.enqueue(stream, lambda of: self.order.wait(of(stream), event))

    @contextmanager
    def capture(self, stream: int) -> Iterator[Graph]:
        self.refuse_in_capture("capture")
        self.graph = Graph(stream, streams={stream})
        try:
            yield self.graph
            self.graph.complete = True
        finally:
            self.graph = None

    def repeated(self, graph: Graph, count: int) -> Graph:
        if not graph.complete:
            raise DeviceError("the capture of this graph did not end")
        return Graph(graph.origin, graph.nodes * count, set(graph.streams), complete=True)

    def replay(self, graph: Graph, *, stream: int = 0) -> None:
        self.refuse_in_capture("replay")
        if not graph.complete:
            raise DeviceError("the capture of this graph did not end")
        inside = {other: self.order.new_stream() for other in graph.streams - {graph.origin}}
        for node in graph.nodes:
            node(lambda asked: stream if asked == graph.origin else inside.get(asked, asked))
        loose = [other for other in inside.values() if not self.order.behind(stream, other)]
        if loose:
            raise DeviceError("a stream of the graph is not waited for at its end")

    def synchronize(self) -> None:
        self.refuse_in_capture("synchronize")
        self.order.synchronize()

    def enqueue(self, stream: int, put: Callable[[Callable[[int], int]], None]) -> None:
        """Execute, or add to the graph that is being captured."""
        if self.graph is not None and stream in self.graph.streams:
            self.graph.nodes.append(put)
            return
        try:
            put(lambda asked: asked)
        except PtxError as error:
            raise DeviceError(str(error)) from error

    def refuse_in_capture(self, what: str) -> None:
        if self.graph is not None:
            raise DeviceError(f"{what} while a graph is captured")
