"""What passes work on.

Enters: nothing. Leaves: `State`, which every pass takes and returns, and `Pass`, a step of lowering with its
name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from symdl.express.program import Program
from symdl.lower.equations.contractions import Contraction
from symdl.lower.equations.sorting import Sorting
from symdl.lower.ir.loops import FrozenEquation, FrozenProgram
from symdl.lower.ir.names import Index
from symdl.lower.kernels import Call, Kernel
from symdl.lower.loops.fusion import Group
from symdl.lower.lowered import Lowered
from symdl.lower.memory.buffers import Plan, Step
from symdl.lower.splits import Split

Level = Literal["program", "equations", "loops", "memory", "calls"]
"""What a pass changes: SymPy equations, frozen ones, loop trees, loop trees with buffers, the launch list."""

_NO_PROGRAM = FrozenProgram((), (), (), (), (), (), (), (), {})
_NO_PLAN = Plan((), {}, frozenset())


@dataclass(frozen=True, slots=True)
class State:
    """A program on its way to kernels. What later passes make is empty before.

    Attributes:
        source: the program as it was derived.
        naive: whether each equation shall be a loop nest of its own, with buffers of its own.
        reuse: whether the memory of what is no longer read is used again.
        storage: narrow types of given tensors, by their names.
        batch: the size of the batch, if blocks of samples may be computed apart.
        points: the size that counts the points of a scalar function.
        program: the frozen program.
        equations: its equations in the order in which they are computed, as passes have rewritten them.
        direct: the numbers of the sums over windows that become no matrix products.
        heads: equations that begin a loop nest, and the index of their outermost loop.
        apart: equations that share no loop nest with others.
        sortings: the equations that put positions in an order.
        contractions: the equations that are matrix products.
        groups: the equations of each kernel.
        steps: a loop tree, a matrix product or a sorting each.
        plan: the buffers.
        splits: for every step how it can be cut, if the size of the batch is known by name.
        kernels: the distinct ones.
        calls: the launch list; None before it is made.
    """

    source: Program
    naive: bool = False
    reuse: bool = True
    storage: Mapping[str, str] = field(default_factory=dict)
    batch: str = ""
    points: str = ""
    program: FrozenProgram = _NO_PROGRAM
    equations: tuple[FrozenEquation, ...] = ()
    direct: tuple[int, ...] = ()
    heads: Mapping[int, Index] = field(default_factory=dict)
    apart: frozenset[int] = frozenset()
    sortings: Mapping[int, Sorting] = field(default_factory=dict)
    contractions: Mapping[int, Contraction] = field(default_factory=dict)
    groups: tuple[Group, ...] = ()
    steps: tuple[Step, ...] = ()
    plan: Plan = _NO_PLAN
    splits: tuple[Split, ...] = ()
    kernels: tuple[Kernel, ...] = ()
    calls: tuple[Call, ...] | None = None

    @property
    def lowered(self) -> Lowered:
        """What is left when all passes are done."""
        made = self.calls or ()
        steps = tuple(replace(step, nested=()) for step in self.steps)
        parts = self.program, self.kernels, made, self.plan, steps
        return Lowered(*parts, batch=self.batch, splits=self.splits, points=self.points)


@dataclass(frozen=True, slots=True)
class Pass:
    """A step of lowering.

    Attributes:
        name: a verb and what it is done to.
        level: what it changes.
        purpose: one sentence.
        apply: the function.
        naive: whether the naive schedule has it.
        verified: whether what it leaves is always verified, not in tests only.
    """

    name: str
    level: Level
    purpose: str
    apply: Callable[[State], State]
    naive: bool = True
    verified: bool = False


Observer = Callable[[Pass, State, float], None]
"""Is told each pass, what it left, and the seconds it took."""
