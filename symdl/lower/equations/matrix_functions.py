"""Functions of whole matrices.

Enters: equations whose reduction is a determinant, its logarithm, or an inverse. Leaves: for each two
equations without a reduction: one lays out the matrix, the other applies the function to it. The function is
a node of the second body that is told where the matrix begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from symdl.errors import LoweringError
from symdl.lower.ir.integers import ONE, ZERO, Poly, of
from symdl.lower.ir.loops import FrozenEquation, FrozenProgram, Stated, TensorInfo
from symdl.lower.ir.names import Index, TensorId
from symdl.lower.ir.scalars import MATRIX, Body, Builder, Load, Node


@dataclass(slots=True)
class Made:
    """The tensors and the texts of a program, to which a pass adds its own."""

    tensors: list[TensorInfo]
    stated: dict[int, Stated]

    @classmethod
    def of(cls, program: FrozenProgram) -> Made:
        """Return those of a program."""
        return cls(list(program.tensors), dict(program.stated))

    def into(self, program: FrozenProgram) -> FrozenProgram:
        """Return the program with what was added."""
        return replace(program, tensors=tuple(self.tensors), stated=self.stated)

    def tensor(self, name: str, shape: Sequence[Poly]) -> TensorId:
        """Add a tensor of reals."""
        tensor = TensorId(len(self.tensors))
        self.tensors.append(TensorInfo(tensor, name, tuple(shape), False, "intermediate"))
        return tensor

    def number(self, text: str) -> int:
        """Add what an equation says; return its number."""
        self.stated[len(self.stated)] = Stated(text)
        return len(self.stated) - 1

    def layout(self, equation: FrozenEquation) -> FrozenEquation:
        """Return the equation that lays out the matrices of which another one takes a function."""
        order, sizes = (*batch_of(equation), *equation.bound), equation.sizes
        shape = tuple(sizes[v] for v in order)
        tensor = self.tensor(f"{self.tensors[equation.lhs].name} (matrix)", shape)
        number = self.number(f"the matrix of {self.stated[equation.number].text}")
        indices = tuple(map(of, order))
        return FrozenEquation(number, tensor, order, (), shape, None, equation.guards, equation.body, indices)


def with_matrices(
    program: FrozenProgram, equations: Sequence[FrozenEquation]
) -> tuple[FrozenProgram, list[FrozenEquation]]:
    """Return the equations with every matrix function in two.

    Raises:
        LoweringError: a matrix function inside a recurrence.
    """
    made = Made.of(program)
    found: list[FrozenEquation] = []
    for equation in equations:
        if equation.op not in MATRIX:
            found.append(equation)
            continue
        if equation.fixed:
            raise LoweringError(
                f"{equation.op} inside a recurrence has no kernel",
                expression=made.stated[equation.number].text,
            )
        layout = made.layout(equation)
        outer = tuple(map(of, batch_of(equation)))
        size = equation.sizes[equation.bound[0]]
        body = _applied(str(equation.op), Load(layout.lhs, (*outer, ZERO, ZERO)), size)
        found += layout, filled(equation, body, own_of(equation))
    return made.into(program), found


def own_of(equation: FrozenEquation) -> tuple[Index, ...]:
    """Return the free variables that a matrix function fills by itself: rows and columns of a matrix."""
    return equation.free[-2:] if equation.op in ("inverse", "cholesky") else ()


def batch_of(equation: FrozenEquation) -> tuple[Index, ...]:
    """Return the free variables that count matrices."""
    own = own_of(equation)
    return tuple(v for v in equation.free if v not in own)


def filled(equation: FrozenEquation, body: Body, own: Sequence[Index]) -> FrozenEquation:
    """Return an equation with a function of matrices as body, which fills all along the axes of `own`."""
    return replace(
        equation,
        bound=(),
        extents=tuple(equation.sizes[v] for v in equation.free),
        op=None,
        guards=(),
        body=body,
        where=tuple(ZERO if v in own else of(v) for v in equation.free),
        fixed=tuple(own),
    )


def function(op: str, places: Sequence[Load], sizes: Sequence[Poly]) -> Body:
    """Return a function of matrices that begin at some elements; of these sizes."""
    leaves = [*(Node("place", (), place) for place in places), *(Node("index", (), size) for size in sizes)]
    return Body((*leaves, Node(op, tuple(range(len(leaves))))))


def _applied(op: str, first: Load, size: Poly) -> Body:
    """Return a function of the matrix that begins at an element; of one number it is simpler."""
    if size != ONE:
        return function(op, [first], [size])
    builder = Builder()
    value = builder.add("load", value=first)
    if op == "logdet":
        value = builder.add("log", value)
    elif op == "inverse":
        value = builder.add("div", builder.const(1), value)
    elif op == "cholesky":
        value = builder.add("sqrt", value)
    return builder.body(value)
