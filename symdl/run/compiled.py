"""Compiled programs.

Enters: a program. Leaves: `Compiled`, which is called with arrays and returns arrays. Generated code is
written, compiled or found on disk when it is made, not when it is called.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from symdl.errors import ArgumentError
from symdl.express.program import Program
from symdl.lower.calls import CheckCall
from symdl.lower.pipeline import Schedule
from symdl.lower.poly import evaluate, text
from symdl.run.arguments import Arguments, check_gathers, constants, expected, outside
from symdl.run.blocks import Blocks
from symdl.run.built import Built, batch_of
from symdl.run.memory import Memory
from symdl.run.parallel import Parallel, worth
from symdl.run.results import Layout, Places, layout

Array = NDArray[Any]
DTypeName = Literal["float32", "float64"]
TargetName = Literal["cpu", "python"]
_KEPT = 8
"""How many choices of sizes keep their memory."""


class Compiled:
    """A compiled program. Call it with one keyword argument an input.

    Attributes:
        program: the equations it computes.
    """

    def __init__(
        self,
        program: Program,
        *,
        dtype: str = "float64",
        target: str = "cpu",
        schedule: Schedule = "fused",
        threads: int = 1,
        pack: Callable[[list[Any]], Any] | None = None,
        dropped: frozenset[str] = frozenset(),
    ) -> None:
        self.program = program
        batch = batch_of(program) if target == "cpu" and schedule == "fused" else ""
        options: dict[str, Any] = {"dtype": dtype, "target": target, "schedule": schedule}
        self._built = Built(program, **options, training=False, batch=batch)
        self._pack = pack or _pack
        wanted = expected(self._built.inputs, dtype)
        self._arguments = Arguments(wanted, constants(program, wanted), dropped)
        self._threads = threads
        self._memories: dict[tuple[int, ...], tuple[Memory | Parallel, Layout]] = {}
        self._lock = threading.Lock()
        lowered = self._built.lowered
        kinds = [lowered.program.tensors[t].integer for t in lowered.program.outputs]
        self._dtypes = [np.dtype("int64" if integer else dtype) for integer in kinds]
        places = lowered.plan.places
        self._masked = [g for g in lowered.program.gathers if not g.plain]
        self._inputs = [places[t] for t in lowered.program.inputs]
        self._places = Places(self._inputs, self._output_places(), target)
        self._blocks: Blocks | None = None
        if lowered.points and target == "cpu":
            self._blocks = Blocks(self._built, threads=threads)

    @property
    def source(self) -> str:
        """The generated module and the listing of its calls."""
        return self._built.source

    @property
    def call_table(self) -> tuple[tuple[int, ...], ...]:
        """The calls as numbers, one row each."""
        return self._built.table.rows

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
        shown = [
            ", ".join(
                f"{program.tensors[t].name}({', '.join(map(text, program.tensors[t].shape))})"
                for t in tensors
            )
            for tensors in (program.inputs, program.outputs)
        ]
        return f"{shown[0]} -> {shown[1]}"

    def __repr__(self) -> str:
        return f"<Compiled {self.signature}>"

    def __call__(self, **arrays: Any) -> Any:
        """Compute the outputs.

        Args:
            arrays: one an input, by name. They are not changed.

        Returns:
            The outputs, in new arrays; see `compile` for their arrangement.

        Raises:
            ArgumentError: names, shapes, dtypes, sizes or labels that do not fit; nothing is computed.
        """
        given, dims = self._arguments.take(arrays)
        if self._masked:
            check_gathers(self._built.lowered.program, self._masked, given, dims)
        key = tuple(dims.values())
        with self._lock:
            if self._blocks is not None and key and key[0] > self._blocks.size:
                results = self._in_blocks(self._blocks, given, key[0])
            else:
                results = self._results(given, dims, *self._memory(key, dims))
        for at, source in self._copies:
            np.copyto(results[at], given[source] if source >= 0 else results[~source])
        return self._pack([r if r.ndim else r[()] for r in results])

    def _results(
        self, given: list[Array], dims: dict[str, int], found: Memory | Parallel, made: Layout
    ) -> list[Array]:
        """Compute the outputs in the memory for these sizes."""
        if isinstance(found, Parallel):
            program = self._built.lowered.program
            check_gathers(program, program.gathers, given, dims)
            results, first = self._places.new(made)
            found.run(self._places.addresses(given, made, first))
            return results
        results = self._places.fill(found, given, made)
        failed = found.run()
        if failed >= 0:
            raise self._outside(failed, given, dims)
        return results

    def _in_blocks(self, blocks: Blocks, given: list[Array], count: int) -> list[Array]:
        """Compute a scalar function at so many points that they are several blocks."""
        made = layout([(count,)] * len(self._dtypes), self._dtypes)
        results, first = self._places.new(made)
        places = self._places.addresses(given, made, first)
        blocks.run(count, places)
        return results

    def _output_places(self) -> list[tuple[int, int]]:
        """Return result and buffer of every output that kernels write; the others are copies."""
        program = self._built.lowered.program
        self._copies: list[tuple[int, int]] = []
        written: dict[int, int] = {}
        pairs = []
        for at, tensor in enumerate(program.outputs):
            if tensor in program.inputs:
                self._copies.append((at, program.inputs.index(tensor)))
            elif tensor in written:
                self._copies.append((at, ~written[tensor]))
            else:
                written[tensor] = at
                pairs.append((at, self._built.lowered.plan.places[tensor]))
        return pairs

    def _memory(self, key: tuple[int, ...], dims: dict[str, int]) -> tuple[Memory | Parallel, Layout]:
        """Return the memory for these sizes, and how results lie in theirs."""
        known = self._memories.get(key)
        if known is not None:
            return known
        while len(self._memories) >= _KEPT:
            del self._memories[next(iter(self._memories))]
        found: Memory | Parallel
        if worth(self._built.lowered, dims):
            found = Parallel(self._built, dims, threads=self._threads)
        else:
            found = self._built.memory(dims)
        self._memories[key] = found, layout(found.shapes, self._dtypes)
        return self._memories[key]

    def at_points(self, count: int) -> list[Array]:
        """Compute a program without inputs whose only size is ``points``; nothing else tells it."""
        dims = {"points": count}
        return self._results([], dims, *self._memory((count,), dims))

    def _outside(self, row: int, given: list[Array], dims: dict[str, int]) -> ArgumentError:
        call = self._built.lowered.calls[row]
        assert isinstance(call, CheckCall)
        at = self._inputs.index(call.buffer)
        return outside(self._arguments.inputs[at].name, given[at], evaluate(call.below, dims))


def _pack(results: list[Any]) -> Any:
    return tuple(results)


__all__ = ["Built", "Compiled"]
