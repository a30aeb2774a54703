"""What a target is, and what it must be able to do when programs run.

Enters: nothing. Leaves: `Target`, one object for everything that differs between targets, and `Runtime`, the
part of it that runs programs. A new target provides the four abstract methods; everything else has a form for
one worker that does a call in one piece. Nobody asks for a target's name: where targets differ, there is a
method.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from symdl.emit.operations import Operation
from symdl.emit.syntax import Syntax
from symdl.lower.target import Lowering
from symdl.run.memory import BYTE, Reserved, aligned
from symdl.run.results import Places
from symdl.schedule.cost import Machine

if TYPE_CHECKING:
    from symdl.lower.lowered import Lowered
    from symdl.run.build import Built
    from symdl.run.epoch import Job
    from symdl.run.memory import Memory

Array = NDArray[Any]


ResultsIn: TypeAlias = Literal["alike", "host", "target"]
"""Where results lie."""
Scatter: TypeAlias = Literal["deterministic", "atomics"]
"""How sums over given positions are made."""


class Module(Protocol):
    """The code of a program, loaded.

    Attributes:
        products: what loops are told about where operations and matrix products are; 0 if they know.
    """

    @property
    def products(self) -> int: ...

    def entries(self, names: Sequence[str], operations: Set[Operation]) -> Array:
        """Return for each kernel the number by which the launch list calls it, such as its address.

        `operations` are those of the launch list: they can be done afterwards.
        """

    def call(self, name: str, *arguments: Any, alive: object = None) -> Callable[[], int]:
        """Return a call of a loop over the launch list with these arguments, for one thread at a time.

        It keeps `alive`, the memory that its arguments hold addresses of.
        """


class Cut(Protocol):
    """A program at one choice of sizes, whose calls are done in pieces.

    Attributes:
        shapes: the shape of each output.
    """

    shapes: tuple[tuple[int, ...], ...]

    def run(self, places: Iterable[tuple[int, int]]) -> None:
        """Do a call; `places` are the buffers of all arguments and results, and where each is."""


class Blocks(Protocol):
    """A scalar function in blocks of points."""

    def run(self, count: int, places: Sequence[tuple[int, int]], fixed: Sequence[int] = ()) -> None:
        """Compute so many points; `places` as in `Cut.run`, `fixed` buffers are the same for every block."""


class Point(Protocol):
    """A scalar function at one point."""

    def __call__(self, values: Mapping[str, Any]) -> list[Any] | None:
        """Return the results, or None if the arguments are not just one number a name."""


class Row(Protocol):
    """A scalar function at a few points."""

    def __call__(self, values: Mapping[str, Any]) -> Sequence[Array] | None:
        """Return the results, or None if the arguments are not just numbers and flat arrays."""


class Runtime(ABC):
    """How a target runs programs.

    A *place* is what generated code knows of an array: its address, or the array itself, flat.

    Attributes:
        samples_apart: whether calls are lowered so that blocks of samples may be computed apart.
        several_workers: whether several workers may share a step of training.
        apart: whether it computes in memory of its own, not in the host's.
    """

    apart: bool = False
    samples_apart: bool = False
    several_workers: bool = False

    @abstractmethod
    def load(self, text: str, *, lowered: Lowered, dtype: str, training: bool) -> Module:
        """Return the code of a program, compiled if need be.

        Args:
            text: the module with the kernels.
            lowered: what was printed.
            dtype: of reals.
            training: whether it is for an epoch; otherwise for calls.
        """

    @abstractmethod
    def place(self, array: Array) -> Any:
        """Return the place of a C-contiguous array, which is kept alive by others."""

    @abstractmethod
    def behind(self, place: Any, count: int, itemsize: int) -> Any:
        """Return the place that lies so many elements behind another one."""

    @abstractmethod
    def vector(self, places: Sequence[Any]) -> Any:
        """Return places in the form that the loops over the launch list take; 0 stands for none yet."""

    def accept(self, value: Any, name: str, dtype: np.dtype[Any]) -> Any:
        """Return an array that lies in the target's own memory and fits; None for all others.

        Raises:
            ArgumentError: it lies there and does not fit.
        """
        return None

    def there(self, array: Any) -> Any:
        """Return an array as one in the target's own memory, copied if need be."""
        return array

    def keep(self, array: Array) -> Any:
        """Return a `symdl.run.resident.Resident` in the target's own memory, or the array itself."""
        return array

    def reserve(self, length: int) -> Reserved:
        """Return so many bytes, from a multiple of `symdl.lower.memory.buffers.ALIGNMENT` on."""
        return aligned((length,), BYTE)

    def release(self) -> None:
        """Give back memory that nobody has and that is kept for later, if the target keeps any."""
        return

    def piece(self, room: Any, begin: int, end: int, kind: np.dtype[Any]) -> Any:
        """Return the place of some bytes of what was reserved, for elements of a type."""
        return self.place(room[begin:end].view(kind))

    def slots(self, places: Any) -> Any:
        """Return the same vector in a form in which single places are written fast."""
        return places

    def places(
        self, inputs: Sequence[int], outputs: Sequence[tuple[int, int]], results: ResultsIn = "alike"
    ) -> Places:
        """Return what tells generated code where the arrays of a call are; see `Places`.

        Results lie in the host's memory, or in that of the target if `results` says so (``"target"``), or is
        ``"alike"`` and an argument lies there.
        """
        return Places(inputs, outputs, self.place)

    def run(self, built: Built, memory: Memory, code: Array, dims: Mapping[str, int]) -> Callable[[], int]:
        """Return what runs calls with this memory: it returns the row of a failed check, or -1."""
        given = (memory.places, memory.sizes, memory.factors, built.module.products)
        return built.module.call("once", code, *given, alive=memory.arena)

    def cut(self, built: Built, dims: Mapping[str, int], threads: int) -> Cut | None:
        """Return a program for calls in pieces, or None if one piece is better for these sizes."""
        return None

    def block_size(self, built: Built) -> int:
        """Return how many points a block of a scalar function has, or 0 if there are no blocks."""
        return 0

    def blocks(self, built: Built, threads: int) -> Blocks:
        """Return a scalar function in blocks of points; only asked where `block_size` is not 0."""
        raise NotImplementedError

    def point(self, built: Built, names: Sequence[str]) -> Point | None:
        """Return a fast way to compute a scalar function at one point, or None if there is none."""
        return None

    def row(self, built: Built, names: Sequence[str]) -> Row | None:
        """Return a fast way to compute a scalar function at a few points, or None if there is none."""
        return None

    def epoch(self, job: Job, span: tuple[int, int, int], workers: int) -> None:
        """Take the batches of a span: first sample, the one after the last, samples a batch."""
        (script,) = job.script(1)
        memory, arrivals = job.memory, np.zeros(1, "int64")
        arrays = (job.code, script, job.seen_by(0), memory.sizes.copy(), memory.factors)
        limits = np.array(span, "int64")
        job.built.module.call("epoch", *arrays, job.built.module.products, arrivals, 1, job.slot, limits)()

    def stretch(self, job: Job, first: int, end: int) -> Callable[[], object]:
        """Return what executes rows `first` to `end` of a step and waits for them, for a clock.

        It reads and moves the sizes in the memory of the step, so that recurrences may be taken step by step.
        """
        built, memory = job.built, job.memory
        module = built.module
        given = (job.seen_by(0), memory.sizes, memory.factors, module.products)
        if not built.training:
            return module.call("once", job.code[first:end], *given, alive=job)
        script, limits = np.array([[first, end]], "int64"), np.array([0, 1, 1], "int64")
        arrivals = np.zeros(1, "int64")
        return module.call("epoch", job.code, script, *given, arrivals, 1, job.slot, limits, alive=job)

    def machine(self, dtype: str, moved: int) -> Machine | None:
        """Return the rates that bound a call which moves so many bytes; None if nothing is known of them."""
        return None

    def training(
        self, module: Module, given: Sequence[Any], changed: Sequence[Any]
    ) -> AbstractContextManager[Any]:
        """Return what surrounds steps of training.

        Args:
            module: the code of the steps.
            given: what steps read where it is, and others may have written before.
            changed: what steps change as well, and others may read afterwards.
        """
        return nullcontext()


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """Everything that differs between targets.

    Attributes:
        name: what users pass.
        lowering: how its loops and the layout of its tensors are made.
        syntax: how its code is written.
        runtime: how its code runs.
        atomics: how loops are made if sums over given positions may differ from call to call; None if they
            never do.
    """

    name: str
    lowering: Lowering
    syntax: Syntax
    runtime: Runtime
    atomics: Lowering | None = None
