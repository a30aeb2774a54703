"""A lowered program with its module: what calling and training share.

Enters: a program. Leaves: `Built`. Generated code is written, compiled or found on disk when it is made.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from symdl.emit.source import KERNEL, module_source, steps_source
from symdl.emit.table import Table, listing, table
from symdl.express.dims import Dim
from symdl.express.program import Program
from symdl.lower.cpu.lowering import CPU
from symdl.lower.ir.integers import evaluate
from symdl.lower.ir.loops import TensorInfo
from symdl.lower.kernels import ProductCall
from symdl.lower.lowered import Lowered, Schedule
from symdl.lower.pipeline import lower
from symdl.lower.python import PYTHON
from symdl.lower.splits import rows_name
from symdl.run.cpu.cache import modules as cache
from symdl.run.cpu.cache import objects as machine
from symdl.run.cpu.gemm.blas import on_one_thread
from symdl.run.cpu.gemm.dispatch import products
from symdl.run.cpu.limits import WORTH_THREADS
from symdl.run.cpu.memory import Memory, address, memory
from symdl.run.cpu.threads.helpers import counters
from symdl.run.watching import watched

Array = NDArray[Any]
LOWERINGS = {"cpu": CPU, "python": PYTHON}
_ONE_ALONE = 1 << 18
"""Multiplications in a matrix product up to which BLAS uses one thread without being told."""
_ONE_PHASE = np.array([[0, 1]])
"""The phases of a call in one piece."""


def batch_of(program: Program) -> str:
    """Return the name of the size that all given data have in front, or nothing."""
    firsts = {t.shape[0] for t in program.inputs if t.role == "input" and t.rank}
    names = {first.name for first in firsts if isinstance(first, Dim)}
    return names.pop() if len(names) == 1 else ""


class Built:
    """A lowered program with its module: what calling and training share."""

    _kernels: machine.Machine
    """The kernels of the target ``cpu``, by whose addresses they are called."""

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
        options: dict[str, Any] = {"schedule": schedule, "batch": batch, **watched()}
        self.lowered: Lowered = lower(program, lowering=LOWERINGS[target], **options)
        lowered = time.perf_counter()
        self.text = module_source(self.lowered, target=target, dtype=dtype, training=training)
        self.table: Table = table(self.lowered, checks=not training)
        emitted = time.perf_counter()
        if target == "cpu":
            self._kernels = machine.load(self.text)
            steps = steps_source(self.lowered, target=target, dtype=dtype, training=training)
            self._loops: Any = machine.load(steps)
        else:
            self._loops = cache.load(self.text)
        self.code = self.linked(self.table)
        self._shared = bool(self.lowered.batch) and not training
        multiplies = any(isinstance(call, ProductCall) for call in self.lowered.calls)
        self.blas = address(products(dtype)) if target == "cpu" and multiplies else 0
        seconds = (lowered - start, emitted - lowered, time.perf_counter() - emitted)
        self._show(seconds)

    def linked(self, made: Table) -> Array:
        """Return a table of calls with the addresses of the kernels."""
        code = np.array(made.rows or [[0, 0]], "int64")[: len(made.rows)]
        if self.target == "cpu":
            rows = code[:, 0] == KERNEL
            known = self._kernels.addresses
            names = [kernel.name for kernel in self.lowered.kernels]
            entries = np.array([known.get(f"{n}_entry") or known[n] for n in names], "int64")
            code[rows, 1] = entries[code[rows, 1]]
        return code

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
        if self.lowered.batch:
            dims = {**dims, rows_name(self.lowered.batch): dims[self.lowered.batch]}
        shapes = [program.tensors[t].shape for t in program.outputs]
        products = [c.m * c.n * c.k for c in self.lowered.calls if isinstance(c, ProductCall)]
        largest = max((evaluate(size, dims) for size in products), default=0)
        if program.recurrences:  # products of single steps are too small for BLAS's threads
            largest = min(largest, WORTH_THREADS - 1)
        buffers = self.lowered.plan.buffers
        options: dict[str, Any] = {"dtype": self.dtype, "target": self.target, "largest": largest}
        made = memory(self.table, buffers, shapes, dims, **options)
        return replace(made, run=self.runs(made, self.code))

    def runs(self, memory_: Memory, code: Array) -> Callable[[], int]:
        """Return a function that runs calls; it returns the row of a failed check, or -1."""
        given = (memory_.places, memory_.sizes, memory_.factors, self.blas)
        if self._shared and self.target == "cpu":
            task = np.array([[0, len(code)]], "int64")
            run = self.call("share", code, _ONE_PHASE, task, *given, counters(1), 0)
        else:
            run = self.call("once", code, *given)
        if self.target == "cpu" and _ONE_ALONE < memory_.largest < WORTH_THREADS:
            return partial(on_one_thread, run)
        return run

    def call(self, name: str, *arguments: Any) -> Callable[[], int]:
        """Return a call of one of the module's loops with these arguments, for one thread at a time."""
        if self.target == "cpu":
            return cast(machine.Machine, self._loops).call(name, *arguments)
        return np.errstate(all="ignore")(partial(getattr(self._loops, name), *arguments))

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
