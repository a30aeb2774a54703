"""What a program says besides the bodies of its equations.

Enters: a program, an equation. Leaves: its recurrences, its reduction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from symdl.errors import LoweringError
from symdl.express.dims import Extent
from symdl.express.equations import Equation
from symdl.express.program import Program
from symdl.lower.ir import FrozenRecurrence, Op
from symdl.lower.poly import Poly

Freeze = Callable[[Extent], Poly]


def recurrences(program: Program, extent: Freeze) -> Iterator[FrozenRecurrence]:
    """Yield the recurrences, their members by number."""
    places = {e.lhs: n for n, e in enumerate(program.equations)}
    for number, found in enumerate(program.recurrences):
        members = {places[e.lhs]: found.axes[e.lhs] for e in found.equations}
        yield FrozenRecurrence(f"@{number}", members, extent(found.extent), found.direction)


def reduction_op(equation: Equation) -> Op | None:
    """Return the reduction of an equation.

    Raises:
        LoweringError: a function of a whole matrix.
    """
    op = equation.reduction.op if equation.reduction else None
    if op == "det" or op == "logdet" or op == "inverse":
        raise LoweringError(
            f"no kernel computes the matrix function {op}",
            expression=equation,
            shapes={str(a.tensor.name): a.tensor.shape for a in equation.accesses()},
            cure="evaluate the program with the reference interpreter, symdl.run.reference.evaluate",
        )
    return op
