"""How the processor runs programs: compiled code that is called by address, on several threads.

Enters: source code, a lowered program, sizes. Leaves: `CpuRuntime`. A place is an address.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.emit.operations import BYTES, INTEGER, Operation
from symdl.lower.ir.integers import evaluate
from symdl.lower.ir.loops import Store, statements
from symdl.lower.kernels import ProductCall
from symdl.lower.lowered import Lowered
from symdl.lower.work import of_matrices
from symdl.run.build import Built
from symdl.run.cpu.cache import objects
from symdl.run.cpu.gemm.blas import on_one_thread, one_thread
from symdl.run.cpu.gemm.dispatch import products
from symdl.run.cpu.limits import OPERATIONS, WORTH_THREADS, Purpose
from symdl.run.cpu.point_row import Row
from symdl.run.cpu.rates import measured
from symdl.run.cpu.single_point import Point
from symdl.run.cpu.threads.epoch_threads import run_epoch
from symdl.run.cpu.threads.point_blocks import Blocks, block_size
from symdl.run.cpu.threads.sample_blocks import Parallel, worth
from symdl.run.cpu.threads.thread_pool import counters
from symdl.run.epoch import Job
from symdl.run.memory import Memory, address
from symdl.run.results import AddressedPlaces
from symdl.run.runtime import Module, ResultsIn, Runtime
from symdl.schedule.cost import Machine

Array = NDArray[Any]
_ONE_ALONE = 1 << 18
"""Multiplications in a matrix product up to which BLAS uses one thread without being told."""
_MEETINGS = 8
"""How many times the work of a product a function of a matrix must be, for BLAS's threads to pay: they wait
for each other at every block of columns."""
_OF_THE_LOOP = {Operation.CHECK, Operation.REPEAT, Operation.SHIFT, Operation.KERNEL}
"""Operations that the loop over the launch list does itself."""
_ONE_PHASE = np.array([[0, 1]])
"""The phases of a call in one piece."""


@dataclass(frozen=True, slots=True, eq=False)
class _Module:
    """Machine code: the kernels, and the loops over the launch list.

    Attributes:
        dtype: of reals.
        table: the addresses of what rows of the launch list call: matrix products, if the program has some
            (`symdl.run.cpu.gemm.dispatch`), then operations, by their codes, 0 for those that it has not.
        used: keeps the code at these addresses.
    """

    kernels: objects.Machine
    loops: objects.Machine
    dtype: str
    table: Array = field(default_factory=lambda: np.zeros(OPERATIONS + len(Operation), "int64"))
    used: dict[Operation, Any] = field(default_factory=dict)

    @property
    def products(self) -> int:
        """The address of the table."""
        return address(self.table)

    def entries(self, names: Sequence[str], operations: Set[Operation]) -> Array:
        """Return the addresses of kernels; put those of operations into the table."""
        for operation in operations - _OF_THE_LOOP - self.used.keys():
            library = objects.load(_operation(operation, self.dtype))
            self.table[OPERATIONS + operation] = library.addresses["row_entry"]
            multiplied = products(self.dtype) if operation == Operation.PRODUCT else None
            if multiplied is not None:
                self.table[: len(multiplied.table)] = multiplied.table
            self.used[operation] = library, multiplied
        known = self.kernels.addresses
        return np.array([known.get(f"{n}_entry") or known[n] for n in names], "int64")

    def call(self, name: str, *arguments: Any, alive: object = None) -> Callable[[], int]:
        """Return a call of a loop."""
        return self.loops.call(name, *arguments, alive=(self, alive))


class CpuRuntime(Runtime):
    """Compiled code on the processor."""

    samples_apart = True
    several_workers = True

    def load(self, text: str, *, lowered: Lowered, dtype: str, training: bool) -> _Module:
        """Compile, or find on disk; see `Runtime.load`."""
        loops = objects.load(_loops(lowered, training=training))
        return _Module(objects.load(text), loops, dtype)

    def place(self, array: Array) -> int:
        """Return an array's address."""
        return address(array)

    def behind(self, place: int, count: int, itemsize: int) -> int:
        """Return the address so many elements behind another one."""
        return place + count * itemsize

    def vector(self, places: Sequence[int]) -> Array:
        """Return addresses as an array."""
        return np.array(places, "int64")

    def slots(self, places: Any) -> Any:
        """Return a view of memory: it is written faster than an array."""
        return memoryview(places)

    def places(
        self, inputs: Sequence[int], outputs: Sequence[tuple[int, int]], results: ResultsIn = "alike"
    ) -> AddressedPlaces:
        """Return what writes addresses down; see `Runtime.places`."""
        return AddressedPlaces(inputs, outputs)

    def run(self, built: Built, memory: Memory, code: Array, dims: Mapping[str, int]) -> Callable[[], int]:
        """Return what runs calls on this thread; see `Runtime.run`."""
        given = (memory.places, memory.sizes, memory.factors, built.module.products)
        if built.lowered.batch:
            task = np.array([[0, len(code)]], "int64")
            arguments = (code, _ONE_PHASE, task, *given, counters(1), 0)
            run = built.module.call("share", *arguments, alive=memory.arena)
        else:
            run = built.module.call("once", code, *given, alive=memory.arena)
        return partial(on_one_thread, run) if _ONE_ALONE < _largest(built, dims) < WORTH_THREADS else run

    def cut(self, built: Built, dims: Mapping[str, int], threads: int) -> Parallel | None:
        """Return a long call in blocks of samples; see `Runtime.cut`."""
        return Parallel(built, dims, threads=threads) if worth(built.lowered, dims) else None

    def block_size(self, built: Built) -> int:
        """Return how many points fit into cache, or 0 for a program that has none."""
        return block_size(built) if built.lowered.points else 0

    def blocks(self, built: Built, threads: int) -> Blocks:
        """Return a scalar function in blocks of points."""
        return Blocks(built, threads=threads)

    def point(self, built: Built, names: Sequence[str]) -> Point:
        """Return a scalar function that makes no arrays."""
        return Point(built, names)

    def row(self, built: Built, names: Sequence[str]) -> Row | None:
        """Return a scalar function that makes arrays for its results only."""
        return Row(built, names) if built.lowered.points else None

    def epoch(self, job: Job, span: tuple[int, int, int], workers: int) -> None:
        """Take batches on several threads; see `Runtime.epoch`."""
        run_epoch(job, span, workers)

    def stretch(self, job: Job, first: int, end: int) -> Callable[[], object]:
        """Execute rows of a step; see `Runtime.stretch`."""
        built, memory = job.built, job.memory
        if built.training or not built.lowered.batch:
            return super().stretch(job, first, end)
        task = np.array([[first, end]], "int64")
        given = (job.seen_by(0), memory.sizes, memory.factors, built.module.products)
        return built.module.call("share", job.code, _ONE_PHASE, task, *given, counters(1), 0, alive=job)

    def machine(self, dtype: str, moved: int) -> Machine:
        """Measure a core; see `Runtime.machine`."""
        return measured(dtype, moved)

    def training(
        self, module: Module, given: Sequence[Any], changed: Sequence[Any]
    ) -> AbstractContextManager[Any]:
        """Keep BLAS to one thread: the products of a step are small."""
        return one_thread()


def _loops(lowered: Lowered, *, training: bool) -> objects.Library:
    """Return the loops over the launch list that a program needs."""
    called: Purpose = "pieces" if lowered.batch else "points" if lowered.points else "whole"
    purpose: Purpose = "training" if training else called

    def make() -> list[Any]:
        from symdl.run.cpu.loops.entries import entries  # with Numba, which takes half a second

        return entries(purpose)

    return objects.Library(f"loops for {purpose}", make)


def _operation(operation: Operation, dtype: str) -> objects.Library:
    """Return what does the rows of an operation."""
    of = "int64" if operation in INTEGER else "uint8" if operation in BYTES else dtype

    def make() -> list[Any]:
        from symdl.run.cpu.loops.operations import entries  # with Numba, which takes half a second

        return entries(operation, of)

    return objects.Library(f"rows of {operation.name.lower()}, {of}", make)


def _largest(built: Built, dims: Mapping[str, int]) -> int:
    """Return the multiplications in the largest matrix product or function of a matrix."""
    sizes = [c.m * c.n * c.k for c in built.lowered.calls if isinstance(c, ProductCall)]
    largest = max((evaluate(size, dims) for size in sizes), default=0)
    for step in built.lowered.steps:
        for item in statements(step.work) if isinstance(step.work, tuple) else ():
            if isinstance(item, Store):
                work = of_matrices(item.body, lambda size: evaluate(size, dims))
                largest = max(largest, work // _MEETINGS)
    if built.lowered.program.recurrences:  # products of single steps are too small for BLAS's threads
        return min(largest, WORTH_THREADS - 1)
    return largest
