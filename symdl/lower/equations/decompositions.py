"""Matrices that are decomposed into factors.

Enters: equations whose reduction is one factor of a matrix. Leaves: for each matrix its layout and one
equation that writes all its factors, in rows of n numbers below each other; and equations that read one of
them there.

The matrix has m rows and n columns::

    eigh    n rows of eigenvectors, which are columns; one row of eigenvalues
    qr      m rows of Q, n rows of R
    svd     m rows of left vectors, which are columns; one row of singular values; n right vectors

Where a program has eigenvalues or singular values of a matrix and none of its vectors, `with_values_alone`
has a function write those values only, where they are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from symdl.lower.equations.matrix_functions import Made, batch_of, filled, function, matrix_key, own_of
from symdl.lower.ir.integers import ONE, ZERO, of
from symdl.lower.ir.loops import FrozenEquation, FrozenProgram
from symdl.lower.ir.names import TensorId
from symdl.lower.ir.scalars import Builder, Load, load

_FACTORS = {
    "eigenvectors": ("eigh", 0, 0),
    "eigenvalues": ("eigh", 1, 0),
    "orthogonal": ("qr", 0, 0),
    "triangular": ("qr", 1, 0),
    "left_vectors": ("svd", 0, 0),
    "singular_values": ("svd", 1, 0),
    "right_vectors": ("svd", 1, 1),
}
"""For each factor the function that writes it, and below which rows: below m or not, and so many more."""
_VALUES = ("eigenvalues", "singular_values")
"""The factors that are numbers: what computes them alone has their name."""


def with_values_alone(
    program: FrozenProgram, equations: Sequence[FrozenEquation]
) -> tuple[FrozenProgram, list[FrozenEquation]]:
    """Return the equations with values computed alone of the matrices whose vectors nothing reads."""
    keys = {e.number: (_FACTORS[str(e.op)][0], matrix_key(e)) for e in equations if e.op in _FACTORS}
    whole = {keys[e.number] for e in equations if e.op in _FACTORS and e.op not in _VALUES}
    made = Made.of(program)
    found: list[FrozenEquation] = []
    known: dict[Any, TensorId] = {}
    for equation in equations:
        sizes = [equation.sizes[v] for v in equation.bound] if equation.op in _VALUES else []
        key = keys.get(equation.number)
        if key in whole or all(size == ONE for size in sizes) or equation.fixed:
            found.append(equation)
        elif key in known:
            values = load(known[key], tuple(map(of, equation.free)))
            extents = tuple(equation.sizes[v] for v in equation.free)
            found.append(replace(equation, bound=(), extents=extents, op=None, guards=(), body=values))
        else:
            layout = made.layout(equation)
            first = Load(layout.lhs, (*map(of, batch_of(equation)), ZERO, ZERO))
            op = str(equation.op)
            body = function(op, [first], sizes[:1] if op == "eigenvalues" else sizes)
            found += layout, filled(equation, body, own_of(equation))
            known[key] = equation.lhs
    return made.into(program), found


def with_decompositions(
    program: FrozenProgram, equations: Sequence[FrozenEquation]
) -> tuple[FrozenProgram, list[FrozenEquation]]:
    """Return the equations with every matrix decomposed once.

    Raises:
        LoweringError: a decomposition inside a recurrence.
    """
    made = Made.of(program)
    found: list[FrozenEquation] = []
    known: dict[Any, TensorId] = {}
    for equation in equations:
        op = str(equation.op)
        if op not in _FACTORS:
            found.append(equation)
            continue
        name = _FACTORS[op][0]
        if all(equation.sizes[v] == ONE for v in equation.bound):
            found += _of_number(made, equation)
            continue
        key = (name, matrix_key(equation))
        if key not in known:
            found += _decomposed(made, equation, name)
            known[key] = found[-1].lhs
        found.append(_factor(equation, known[key]))
    return made.into(program), found


def _decomposed(made: Made, equation: FrozenEquation, name: str) -> tuple[FrozenEquation, FrozenEquation]:
    """Return the equations of a matrix and of all its factors."""
    layout = made.layout(equation)
    *batch, row, column = layout.free
    m, n = equation.sizes[row], equation.sizes[column]
    height = {"eigh": m + ONE, "qr": m + n, "svd": m + n + ONE}[name]
    shape = (*(equation.sizes[v] for v in batch), height, n)
    body = function(
        name, [Load(layout.lhs, (*map(of, batch), ZERO, ZERO))], [m] if name == "eigh" else [m, n]
    )
    written = replace(
        layout,
        number=made.number(f"all factors of the matrix of {made.stated[equation.number].text}"),
        lhs=made.tensor(f"{made.tensors[equation.lhs].name} ({name})", shape),
        extents=shape,
    )
    return layout, filled(written, body, (row, column))


def _factor(equation: FrozenEquation, factors: TensorId) -> FrozenEquation:
    """Return the equation of one factor, which reads where all are."""
    _, below, more = _FACTORS[str(equation.op)]
    first = (equation.sizes[equation.bound[0]] if below else ZERO) + more
    *above, column = map(of, own_of(equation))
    where = (*map(of, batch_of(equation)), sum(above, first), column)
    extents = tuple(equation.sizes[v] for v in equation.free)
    return replace(equation, bound=(), extents=extents, op=None, guards=(), body=load(factors, where))


def _of_number(made: Made, equation: FrozenEquation) -> tuple[FrozenEquation, FrozenEquation]:
    """Return the equations of a matrix with one number, and of a factor of it: NaN where it is not finite."""
    layout = made.layout(equation)
    batch = tuple(map(of, batch_of(equation)))
    builder = Builder()
    value = builder.add("load", value=Load(layout.lhs, (*batch, ZERO, ZERO)))
    zero = builder.add("sub", value, value)
    size, one = builder.add("abs", value), builder.const(1)
    below = builder.add("lt", value, builder.const(0))
    found = {
        "eigenvalues": value,
        **dict.fromkeys(("singular_values", "triangular"), size),
        **dict.fromkeys(("eigenvectors", "right_vectors"), one),
        **dict.fromkeys(("orthogonal", "left_vectors"), builder.add("select", below, builder.neg(one), one)),
    }
    body = builder.body(builder.add("add", found[str(equation.op)], zero))
    extents = tuple(equation.sizes[v] for v in equation.free)
    return layout, replace(equation, bound=(), extents=extents, op=None, guards=(), body=body)
