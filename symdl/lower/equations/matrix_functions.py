"""Functions of whole matrices.

Enters: equations whose reduction is a determinant, its logarithm, or an inverse. Leaves: for each two
equations without a reduction: one lays out the matrix, the other applies the function to it. The function is
a node of the second body that reads the matrix from its first element on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from symdl.errors import LoweringError
from symdl.lower.ir.integers import ONE, ZERO, Poly, of
from symdl.lower.ir.loops import FrozenEquation, FrozenProgram, Stated, TensorInfo
from symdl.lower.ir.names import TensorId
from symdl.lower.ir.scalars import MATRIX, Body, Builder, Load, Node


def with_matrices(
    program: FrozenProgram, equations: Sequence[FrozenEquation]
) -> tuple[FrozenProgram, list[FrozenEquation]]:
    """Return the equations with every matrix function in two.

    Raises:
        LoweringError: a matrix function inside a recurrence.
    """
    tensors = list(program.tensors)
    stated = dict(program.stated)
    made: list[FrozenEquation] = []
    for equation in equations:
        if equation.op not in MATRIX:
            made.append(equation)
            continue
        if equation.fixed:
            raise LoweringError(
                f"{equation.op} inside a recurrence has no kernel", expression=stated[equation.number].text
            )
        number = len(stated)
        stated[number] = Stated(f"the matrix of {stated[equation.number].text}")
        made.extend(_two(equation, number, tensors))

    return replace(program, tensors=tuple(tensors), stated=stated), made


def _two(equation: FrozenEquation, number: int, tensors: list[TensorInfo]) -> list[FrozenEquation]:
    """Return the layout of the matrices and the function of each of them."""
    own = equation.free[-2:] if equation.op == "inverse" else ()
    outer = tuple(v for v in equation.free if v not in own)
    sizes = equation.sizes
    order = (*outer, *equation.bound)
    tensor = TensorId(len(tensors))
    shape = tuple(sizes[v] for v in order)
    name = f"{tensors[equation.lhs].name} (matrix)"
    tensors.append(TensorInfo(tensor, name, shape, False, "intermediate"))
    indices = tuple(of(v) for v in order)
    layout = FrozenEquation(number, tensor, order, (), shape, None, equation.guards, equation.body, indices)
    start = (*(of(v) for v in outer), ZERO, ZERO)
    body = _applied(str(equation.op), Load(tensor, start), sizes[equation.bound[0]])
    applied = replace(
        equation,
        bound=(),
        extents=tuple(sizes[v] for v in equation.free),
        op=None,
        guards=(),
        body=body,
        where=tuple(ZERO if v in own else of(v) for v in equation.free),
        fixed=own,
    )
    return [layout, applied]


def _applied(op: str, first: Load, size: Poly) -> Body:
    """Return a function of the matrix that begins at an element; of one number it is simpler."""
    if size != ONE:
        return Body((Node("index", (), size), Node(op, (0,), first)))
    builder = Builder()
    value = builder.add("load", value=first)
    if op == "logdet":
        value = builder.add("log", value)
    elif op == "inverse":
        value = builder.add("div", builder.const(1), value)
    return builder.body(value)
