"""A lowered program with its module: what calling and training share.

Enters: a program. Leaves: `Built`. Generated code is written, compiled or found on disk when it is made.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.emit.launch_list import LaunchList, launch_list, listing
from symdl.emit.operations import Operation
from symdl.emit.source import module_source
from symdl.express.dims import Dim
from symdl.express.program import Program
from symdl.lower.ir.integers import Sizes
from symdl.lower.ir.loops import TensorInfo
from symdl.lower.lowered import Lowered, Schedule
from symdl.lower.pipeline import lower
from symdl.run import kept
from symdl.run.memory import Memory, memory
from symdl.run.runtime import Module, Target
from symdl.run.watching import watched
from symdl.schedule.cost import CallCost, costs
from symdl.schedule.partition import partition
from symdl.schedule.plan import Partition

Array = NDArray[Any]


def batch_of(program: Program) -> str:
    """Return the name of the size that all given data have in front, or nothing."""
    firsts = {t.shape[0] for t in program.inputs if t.role == "input" and t.rank}
    names = {first.name for first in firsts if isinstance(first, Dim)}
    return names.pop() if len(names) == 1 else ""


@contextmanager
def _uncollected() -> Iterator[None]:
    """Pause the search for circles of objects: frozen data have none, and it takes a third of the time."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def _lowered(
    program: Program, target: Target, dtype: str, schedule: Schedule, batch: str, storage: Mapping[str, str]
) -> tuple[Lowered, str, float]:
    """Return a lowered program and its printed module, made or found on disk, and the seconds of lowering."""
    start = time.perf_counter()
    wanted: dict[str, Any] = {"schedule": schedule, "batch": batch, "storage": dict(storage)}
    key = kept.key_of(program, target, {**wanted, "dtype": dtype})
    found = kept.find(key)
    if found is not None:
        return *found, time.perf_counter() - start
    lowered = lower(program, lowering=target.lowering, **wanted, **watched())
    seconds = time.perf_counter() - start
    text = module_source(lowered, syntax=target.syntax, dtype=dtype)
    kept.keep(key, lowered, text)
    return lowered, text, seconds


class Built:
    """A lowered program with its module: what calling and training share.

    Attributes:
        lowered, text, launch_list: kernels and launch list; the printed module; the launch list as numbers.
        module: the code, loaded.
        code: the launch list as the module takes it.
        splits: which sums of matrix products take two launches, as `costs` counts.
        training: whether its loop takes an epoch; otherwise it does calls.
    """

    def __init__(
        self,
        program: Program,
        *,
        dtype: str,
        target: Target,
        schedule: Schedule,
        training: bool,
        batch: str = "",
        storage: Mapping[str, str] | None = None,
    ) -> None:
        start = time.perf_counter()
        self.program, self.dtype, self.runtime = program, dtype, target.runtime
        self.training = training
        self.splits = target.lowering.splits
        with _uncollected():
            self.lowered, self.text, seconds = _lowered(
                program, target, dtype, schedule, batch, storage or {}
            )
            self.launch_list: LaunchList = launch_list(self.lowered, checks=not training)
        emitted = time.perf_counter()
        self.module: Module = self.runtime.load(
            self.text, lowered=self.lowered, dtype=dtype, training=training
        )
        self.code = self.linked(self.launch_list)
        self._show((seconds, emitted - start - seconds, time.perf_counter() - emitted))

    def linked(self, made: LaunchList) -> Array:
        """Return a launch list with the numbers by which the module knows the kernels."""
        code = np.array(made.rows or [[0, 0]], "int64")[: len(made.rows)]
        rows = code[:, 0] == Operation.KERNEL
        used = {Operation(row[0]) for row in made.rows}
        entries = self.module.entries([kernel.name for kernel in self.lowered.kernels], used)
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

    def costs(self, dims: Sizes, part: Partition | None = None) -> tuple[CallCost, ...]:
        """Return what each call of a partition costs, by default of a call in one piece.

        Args:
            dims: values of the symbolic sizes.

        Raises:
            KeyError: a size has no value.
        """
        known = self.lowered.sizes(dims)
        part = part or partition(self.lowered, known, (), (), whole=True)
        size = np.dtype(self.dtype).itemsize
        return costs(part, self.lowered.kernels, known, itemsize=size, splits=self.splits)

    def memory(self, dims: dict[str, int]) -> Memory:
        """Return fresh memory for a choice of sizes."""
        program = self.lowered.program
        sizes = self.lowered.sizes(dims)
        shapes = [program.tensors[t].shape for t in program.outputs]
        buffers = self.lowered.plan.buffers
        made = memory(self.launch_list, buffers, shapes, sizes, dtype=self.dtype, runtime=self.runtime)
        return replace(made, run=self.runtime.run(self, made, self.code, dims))

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
