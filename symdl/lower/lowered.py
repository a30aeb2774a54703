"""What lowering leaves.

Enters: kernels, a launch list, a plan of buffers. Leaves: `Lowered`, which `schedule` cuts, `emit` prints and
`run` executes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from symdl.lower.equations.sorting import Sorting
from symdl.lower.ir.integers import Sizes
from symdl.lower.ir.loops import FrozenProgram, structure
from symdl.lower.ir.names import Rows
from symdl.lower.kernels import Call, Kernel, KernelCall
from symdl.lower.memory.buffers import Plan, Step
from symdl.lower.splits import Split

Schedule = Literal["fused", "naive"]
"""Whether equations share loops and buffers are used again, or each equation is a loop nest of its own."""


@dataclass(frozen=True, slots=True)
class Lowered:
    """A program ready to be printed and run.

    Attributes:
        program: the frozen program.
        kernels: the distinct loop kernels.
        calls: everything that is executed, in order; checks of positions come first.
        plan: the buffers.
        steps: the calls before their structures were shared; none where a function of points has rows.
        batch: the size of the batch, if blocks of samples may be computed apart.
        splits: then for every step how it is cut.
        points: the size that counts the points of a scalar function; every block of points may be computed
            apart, as if there were no others.
    """

    program: FrozenProgram
    kernels: tuple[Kernel, ...]
    calls: tuple[Call, ...]
    plan: Plan
    steps: tuple[Step, ...]
    batch: str = ""
    splits: tuple[Split, ...] = ()
    points: str = ""

    def sizes(self, dims: Sizes) -> Sizes:
        """Return the values of all sizes of a call that is not cut: the batch has all its rows."""
        return {**dims, Rows(self.batch): dims[self.batch]} if self.batch else dims

    @property
    def structures(self) -> tuple[str, ...]:
        """The loop structure of every step, such as ``i0(i1,i2)``; ``gemm`` for a product, ``sort``."""
        if not self.steps:  # calls on rows of points
            calls = (call for call in self.calls if isinstance(call, KernelCall))
            return tuple(structure(self.kernels[call.kernel].items) for call in calls)
        return tuple(
            structure(work) if isinstance(work, tuple) else "sort" if isinstance(work, Sorting) else "gemm"
            for work in (step.work for step in self.steps)
        )
