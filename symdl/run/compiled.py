"""Compiled programs.

Enters: a program. Leaves: `Compiled`, which is called with arrays and returns arrays. Generated code is
written, compiled or found on disk when it is made, not when it is called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, Literal, Never, TypeVar

import numpy as np
from numpy.typing import NDArray

from symdl.errors import ArgumentError
from symdl.express.program import Program
from symdl.lower.ir.integers import evaluate, text
from symdl.lower.ir.loops import FrozenProgram
from symdl.lower.ir.names import TensorId
from symdl.lower.kernels import CheckCall
from symdl.lower.lowered import Schedule
from symdl.run import misfits
from symdl.run.arguments import Arguments, Bounds, constants, expected, outside
from symdl.run.build import Built, batch_of
from symdl.run.exported import Exported
from symdl.run.memory import Memory
from symdl.run.outputs import Outputs
from symdl.run.pool import Pool
from symdl.run.profiled import Profiled
from symdl.run.rebuilt import Rebuilt
from symdl.run.results import Layout, layout
from symdl.run.runtime import Blocks, Cut, ResultsIn, Target
from symdl.run.shown import Shown
from symdl.run.storage import Storage, chosen_storage
from symdl.targets import CPU, find

Array = NDArray[Any]
DTypeName = Literal["float32", "float64"]
TargetName = Literal["cpu", "cuda", "python"]
Result = TypeVar("Result", covariant=True)
"""What a call returns."""
_KEPT = 8
"""How many choices of sizes keep their memory."""


class Compiled(Rebuilt, Exported, Profiled, Shown, Generic[Result]):
    """A compiled program. Call it with one keyword argument an input.

    Attributes:
        program: the equations it computes.
        block: how many points of a scalar function are computed at once; 0 if all are.
    """

    def __init__(
        self,
        program: Program,
        *,
        dtype: str = "float64",
        target: str | Target = CPU,
        schedule: Schedule = "fused",
        threads: int = 1,
        pack: Callable[[list[Any]], Any] | None = None,
        dropped: frozenset[str] = frozenset(),
        results: ResultsIn = "alike",
        storage: Storage | None = None,
    ) -> None:
        self.program = program
        narrow = chosen_storage(storage, program, dropped)
        found = find(target)
        options: dict[str, Any] = {"dtype": dtype, "target": found, "schedule": schedule, "storage": narrow}
        more = {"threads": threads, "pack": pack, "dropped": dropped, "results": results}
        self.made_of = (program,), options | more
        self._runtime = found.runtime
        batch = batch_of(program) if self._runtime.samples_apart and schedule == "fused" else ""
        self._built = Built(program, **options, training=False, batch=batch)
        self.pack: Callable[[list[Any]], Any] = pack or tuple
        wanted = expected(self._built.inputs, dtype)
        self._arguments = Arguments(wanted, constants(program, wanted), dropped, self._runtime.accept)
        self._threads = threads
        self._memories: Pool[tuple[Memory | Cut, Layout]] = Pool(keys=_KEPT)
        self._blocks: Pool[Blocks] = Pool()
        lowered = self._built.lowered
        self._bounds = Bounds(lowered.program, wanted, self._arguments.names)
        self._outputs = Outputs(lowered, dtype)
        self._inputs = [lowered.plan.places[t] for t in lowered.program.inputs]
        self._places = self._runtime.places(self._inputs, self._outputs.written, results)
        self.block = self._runtime.block_size(self._built)

    @property
    def source(self) -> str:
        """The generated module and the listing of its calls."""
        return self._built.source

    @property
    def built(self) -> Built:
        """What was generated for the program: plan, calls, code."""
        return self._built

    @property
    def launch_list(self) -> tuple[tuple[int, ...], ...]:
        """The calls as numbers, one row each."""
        return self._built.launch_list.rows

    @property
    def structures(self) -> tuple[str, ...]:
        """The loop structure of each call, such as ``i0(i1)``, or ``gemm``."""
        return self._built.lowered.structures

    @property
    def kernels(self) -> int:
        """The number of distinct loop kernels."""
        return len(self._built.lowered.kernels)

    @property
    def signature(self) -> str:
        """The inputs and outputs with their shapes."""
        program = self._built.lowered.program
        return f"{_listed(program, program.inputs)} -> {_listed(program, program.outputs)}"

    def __call__(self, /, *unnamed: Never, **arrays: Any) -> Result:
        """Compute the outputs.

        Args:
            arrays: one an input, by name. They are not changed.

        Returns:
            The outputs, in new arrays; see `compile` for their arrangement, and where they lie.

        Raises:
            ArgumentError: names, shapes, dtypes, sizes or labels that do not fit; nothing is computed.
        """
        if unnamed:
            raise misfits.unnamed("the function", unnamed, [e.name for e in self._arguments.inputs])
        given, dims = self._arguments.take(arrays)
        if self._bounds.checked:
            self._bounds.take(given, dims)
        results = self._results(given, dims, tuple(dims.values()))
        self._outputs.copy(results, given, self._places)
        packed: Result = self.pack([r if r.ndim else r[()] for r in results])
        return packed

    def _results(self, given: list[Array], dims: dict[str, int], key: tuple[int, ...]) -> Sequence[Array]:
        """Compute the outputs in memory for these sizes that no other call uses."""
        found, made = mine = self._memories.take(key) or self._memory(dims)
        try:
            if isinstance(found, Memory):
                results = self._places.fill(found, given, made)
                failed = found.run()
                if failed >= 0:
                    raise self._outside(failed, given, dims)
                return results
            self._bounds.check_all(given, dims)
            results, first = self._places.new(made)
            found.run(self._places.addresses(given, made, first))
            return results
        finally:
            self._memories.give(mine, key)

    def at_points(self, count: int, given: list[Array], numbers: Sequence[int] = ()) -> Sequence[Array]:
        """Compute a program whose only size is ``points``, many of them in blocks.

        Args:
            given: a flat array of the right dtype for each input, of `count` elements.
            numbers: inputs that are the same at all points; their arrays need no more than `block` elements.
        """
        if not self.block or count <= self.block:
            results = self._results(given, {"points": count}, (count,))
            self._outputs.copy(results, given, self._places)
            return results
        made = layout([(count,)] * len(self._outputs.dtypes), self._outputs.dtypes)
        blocks = self._blocks.take() or self._runtime.blocks(self._built, self._threads)
        try:
            results, first = self._places.new(made)
            fixed = [self._inputs[at] for at in numbers]
            blocks.run(count, self._places.addresses(given, made, first), fixed)
        finally:
            self._blocks.give(blocks)
        whole = [array[:1] if at in numbers else array for at, array in enumerate(given)]
        self._outputs.copy(results, whole, self._places)
        return results

    def _memory(self, dims: dict[str, int]) -> tuple[Memory | Cut, Layout]:
        """Return new memory for these sizes, and how results lie in theirs."""
        found = self._runtime.cut(self._built, dims, self._threads) or self._built.memory(dims)
        return found, layout(found.shapes, self._outputs.dtypes)

    def wrong_names(self, given: Mapping[str, Any]) -> ArgumentError:
        """Return the error for arguments whose names are not those of the inputs."""
        return self._arguments.wrong_names(given)

    def _outside(self, row: int, given: list[Array], dims: dict[str, int]) -> ArgumentError:
        call = self._built.lowered.calls[row]
        assert isinstance(call, CheckCall)
        at = self._inputs.index(call.buffer)
        return outside(self._arguments.inputs[at].name, np.asarray(given[at]), evaluate(call.below, dims))


def _listed(program: FrozenProgram, tensors: Sequence[TensorId]) -> str:
    """Return tensors with their shapes, for people."""
    infos = [program.tensors[t] for t in tensors]
    return ", ".join(f"{info.name}({', '.join(map(text, info.shape))})" for info in infos)


__all__ = ["Built", "Compiled"]
