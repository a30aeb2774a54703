"""Compiled programs.

Enters: a program. Leaves: `Compiled`, which is called with arrays and returns arrays. Generated code is
written, compiled or found on disk when it is made, not when it is called.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from symdl.emit.source import module_source
from symdl.emit.table import Table, listing, table
from symdl.errors import ArgumentError
from symdl.express.program import Program
from symdl.lower.calls import CheckCall, ProductCall
from symdl.lower.ir import TensorInfo
from symdl.lower.pipeline import Lowered, Schedule, lower
from symdl.lower.poly import evaluate, text
from symdl.run import cache
from symdl.run.arguments import Arguments, check_gathers, expected, outside
from symdl.run.blas import on_one_thread
from symdl.run.blocks import Blocks
from symdl.run.memory import Memory, address, memory
from symdl.run.native import WORTH_THREADS
from symdl.run.results import Layout, Places, layout
from symdl.run.tiles import products

Array = NDArray[Any]
DTypeName = Literal["float32", "float64"]
TargetName = Literal["cpu", "python"]
_KEPT = 8
"""How many choices of sizes keep their memory."""


class Built:
    """A lowered program with its module: what calling and training share."""

    def __init__(
        self,
        program: Program,
        *,
        dtype: str,
        target: str,
        schedule: Schedule,
        training: bool,
        batch: str = "",
    ) -> None:
        start = time.perf_counter()
        self.program, self.dtype, self.target = program, dtype, target
        self.lowered: Lowered = lower(program, schedule=schedule, target=target, batch=batch)
        lowered = time.perf_counter()
        self.text = module_source(self.lowered, target=target, dtype=dtype, training=training)
        self.table: Table = table(self.lowered, checks=not training)
        emitted = time.perf_counter()
        self.module: ModuleType = cache.load(self.text)
        self.code = np.array(self.table.rows or [[0]], "int64")[: len(self.table.rows)]
        multiplies = any(isinstance(call, ProductCall) for call in self.lowered.calls)
        self.blas = address(products(dtype)) if target == "cpu" and multiplies else 0
        seconds = (lowered - start, emitted - lowered, time.perf_counter() - emitted)
        self._show(seconds)

    @property
    def source(self) -> str:
        """The generated module and the listing of its calls."""
        return f"{self.text}\n\n{listing(self.lowered)}"

    @property
    def inputs(self) -> tuple[TensorInfo, ...]:
        """The inputs in order."""
        return tuple(self.lowered.program.tensors[t] for t in self.lowered.program.inputs)

    def memory(self, dims: dict[str, int]) -> Memory:
        """Return fresh memory for a choice of sizes."""
        program = self.lowered.program
        shapes = [program.tensors[t].shape for t in program.outputs]
        products = [c.m * c.n * c.k for c in self.lowered.calls if isinstance(c, ProductCall)]
        largest = max((evaluate(size, dims) for size in products), default=0)
        buffers = self.lowered.plan.buffers
        options: dict[str, Any] = {"dtype": self.dtype, "target": self.target, "largest": largest}
        return memory(self.table, buffers, shapes, dims, **options)

    def execute(self, memory_: Memory) -> int:
        """Run the calls; return the row of a failed check, or -1."""
        run: Callable[..., int] = self.module.execute
        arguments = (self.code, 0, len(self.code), memory_.places, memory_.sizes, memory_.factors, self.blas)
        if self.target == "python":
            with np.errstate(all="ignore"):
                return run(*arguments)
        if not 0 < memory_.largest < WORTH_THREADS:
            return run(*arguments)
        return on_one_thread(run, arguments)

    def _show(self, seconds: tuple[float, float, float]) -> None:
        wanted = os.environ.get("SYMDL_SHOW", "").split(",")
        shown: dict[str, Callable[[], str]] = {
            "program": lambda: str(self.program),
            "ir": lambda: "\n".join((*self.lowered.structures, listing(self.lowered))),
            "source": lambda: self.text,
            "timing": lambda: "lower {:.3f} s, emit {:.3f} s, compile {:.3f} s".format(*seconds),
        }
        for name, stage in shown.items():
            if name in wanted:
                print(stage(), file=sys.stderr)


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
    ) -> None:
        self.program = program
        self._built = Built(program, dtype=dtype, target=target, schedule=schedule, training=False)
        self._pack = pack or _pack
        self._arguments = Arguments(expected(self._built.inputs, dtype))
        self._memories: dict[tuple[int, ...], tuple[Memory, Layout]] = {}
        self._lock = threading.Lock()
        lowered = self._built.lowered
        kinds = [lowered.program.tensors[t].integer for t in lowered.program.outputs]
        self._dtypes = [np.dtype("int64" if integer else dtype) for integer in kinds]
        places = lowered.plan.places
        self._masked = [g for g in lowered.program.gathers if g.masks]
        self._inputs = [places[t] for t in lowered.program.inputs]
        self._places = Places(self._inputs, self._output_places(), target)
        self._blocks: Blocks | None = None
        if lowered.points and target == "cpu":
            self._blocks = Blocks(lowered, self._built.table, dtype=dtype, threads=threads)

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
                found, made = self._memories.get(key) or self._new_memory(key, dims)
                results = self._places.fill(found, given, made)
                failed = self._built.execute(found)
                if failed >= 0:
                    raise self._outside(failed, given, dims)
        for at, source in self._copies:
            np.copyto(results[at], given[source] if source >= 0 else results[~source])
        return self._pack([r if r.ndim else r[()] for r in results])

    def _in_blocks(self, blocks: Blocks, given: list[Array], count: int) -> list[Array]:
        """Compute a scalar function at so many points that they are several blocks."""
        made = layout([(count,)] * len(self._dtypes), self._dtypes)
        results, first = self._places.new(made)
        places = self._places.addresses(given, made, first)
        blocks.run(self._built.module, self._built.code, count, places, self._built.blas)
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

    def _new_memory(self, key: tuple[int, ...], dims: dict[str, int]) -> tuple[Memory, Layout]:
        while len(self._memories) >= _KEPT:
            del self._memories[next(iter(self._memories))]
        found = self._built.memory(dims)
        self._memories[key] = found, layout(found.shapes, self._dtypes)
        return self._memories[key]

    def at_points(self, count: int) -> list[Array]:
        """Compute a program without inputs whose only size is ``points``; nothing else tells it."""
        found, made = self._new_memory((count,), {"points": count})
        results = self._places.fill(found, [], made)
        self._built.execute(found)
        return results

    def _outside(self, row: int, given: list[Array], dims: dict[str, int]) -> ArgumentError:
        call = self._built.lowered.calls[row]
        assert isinstance(call, CheckCall)
        at = self._inputs.index(call.buffer)
        return outside(self._arguments.inputs[at].name, given[at], evaluate(call.below, dims))


def _pack(results: list[Any]) -> Any:
    return tuple(results)


__all__ = ["Built", "Compiled"]
