"""Functions of whole matrices.

Enters: equations whose reduction is a function of matrices. Leaves: for each two
equations without a reduction: one lays out the matrix, the other applies the function to it. The function is
a node of the second body that is told where the matrix begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from symdl.errors import LoweringError
from symdl.lower.ir.integers import ONE, ZERO, Poly, of, substitute
from symdl.lower.ir.loops import FrozenEquation, FrozenProgram, Stated, TensorInfo, map_condition
from symdl.lower.ir.names import Index, TensorId, Variable
from symdl.lower.ir.scalars import MATRIX, Body, Builder, Load, Node, map_body

_OWN = {
    **dict.fromkeys(("eigenvalues", "singular_values"), 1),
    **dict.fromkeys(("inverse", "cholesky", "eigenvectors", "orthogonal", "triangular"), 2),
    **dict.fromkeys(("left_vectors", "right_vectors"), 2),
}
"""How many axes the values of functions of matrices have."""


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

    def tensor(self, name: str, shape: Sequence[Poly], *, integer: bool = False) -> TensorId:
        """Add a tensor of reals, or of int64."""
        tensor = TensorId(len(self.tensors))
        self.tensors.append(TensorInfo(tensor, name, tuple(shape), integer, "intermediate"))
        return tensor

    def number(self, text: str) -> int:
        """Add what an equation says; return its number."""
        self.stated[len(self.stated)] = Stated(text)
        return len(self.stated) - 1

    def layout(self, equation: FrozenEquation) -> FrozenEquation:
        """Return the equation that lays out the matrices of which another one takes a function.

        Raises:
            LoweringError: it does so inside a recurrence.
        """
        if equation.fixed:
            raise LoweringError(
                f"{equation.op} inside a recurrence has no kernel",
                expression=self.stated[equation.number].text,
            )
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
        layout = made.layout(equation)
        outer = tuple(map(of, batch_of(equation)))
        size = equation.sizes[equation.bound[0]]
        body = _applied(str(equation.op), Load(layout.lhs, (*outer, ZERO, ZERO)), size)
        found += layout, filled(equation, body, own_of(equation))
    return made.into(program), found


def matrix_key(equation: FrozenEquation) -> Any:
    """Return what is equal for functions of the same matrices."""
    order = (*batch_of(equation), *equation.bound)
    names: dict[Variable, Poly] = {v: of(Index(-1 - at)) for at, v in enumerate(order)}

    def renamed(poly: Poly) -> Poly:
        return substitute(poly, names)

    guards = tuple(map_condition(guard, renamed) for guard in equation.guards)
    return map_body(equation.body, renamed), guards, tuple(equation.sizes[v] for v in order)


def own_of(equation: FrozenEquation) -> tuple[Index, ...]:
    """Return the free variables of the value of a matrix function: rows and columns, or numbers of values."""
    count = _OWN.get(str(equation.op), 0)
    return equation.free[len(equation.free) - count :]


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
    elif op == "logabsdet":
        value = builder.add("log", builder.add("abs", value))
    elif op == "detsign":
        zero, one = builder.const(0), builder.const(1)
        above = builder.add("select", builder.add("lt", zero, value), one, value)
        value = builder.add("select", builder.add("lt", value, zero), builder.neg(one), above)
    elif op == "inverse":
        value = builder.add("div", builder.const(1), value)
    elif op == "cholesky":
        value = builder.add("sqrt", value)
    return builder.body(value)
