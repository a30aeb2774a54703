"""Freeze: from SymPy to frozen equations. No room after this one knows SymPy.

Enters: `Program`. Leaves: `FrozenProgram`. Index variables are renamed by position, so equations of one
structure freeze alike.
"""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp

from symdl.errors import LoweringError
from symdl.express.computed import computed
from symdl.express.equations import Divisible, Equation, Guard, InRange
from symdl.express.program import Program
from symdl.express.tensors import Tensor
from symdl.express.wholes import holds_labels, is_whole
from symdl.express.written import written
from symdl.lower.freeze.bodies import Bodies
from symdl.lower.freeze.indices import extent
from symdl.lower.freeze.recurrences import recurrences
from symdl.lower.ir.integers import constant, of
from symdl.lower.ir.loops import (
    Condition,
    Divides,
    FrozenEquation,
    FrozenProgram,
    Same,
    Stated,
    TensorInfo,
    Within,
)
from symdl.lower.ir.names import Index, TensorId
from symdl.lower.ir.scalars import Body


def freeze(program: Program) -> FrozenProgram:
    """Return the program without SymPy.

    Raises:
        LoweringError: an expression that no kernel can compute.
    """
    tensors = (*program.inputs, *(e.lhs for e in program.equations))
    numbers = {tensor: TensorId(number) for number, tensor in enumerate(tensors)}
    names = program.names
    limits = {t: extent(t.below) for t in tensors if t.below is not None}
    infos = tuple(
        TensorInfo(n, names[t], tuple(map(extent, t.shape)), t.dtype == "int64", t.role, below=limits.get(t))
        for t, n in numbers.items()
    )
    equations = tuple(_Freezer(e, numbers).equation(n) for n, e in enumerate(program.equations))
    return FrozenProgram(
        infos,
        equations,
        tuple(numbers[t] for t in program.inputs),
        tuple(numbers[t] for t in program.outputs),
        tuple((numbers[old], numbers[new]) for old, new in program.updates),
        tuple(d.name for d in program.dims),
        (),
        tuple(recurrences(program, extent)),
        {n: _stated(e, names) for n, e in enumerate(program.equations)},
    )


def _stated(equation: Equation, names: Mapping[Tensor, str]) -> Stated:
    return Stated(written(equation, names), tuple(map(str, (*equation.indices, *equation.bound))))


class _Freezer(Bodies):
    """Freezes one equation."""

    def __init__(self, equation: Equation, numbers: Mapping[Tensor, TensorId]) -> None:
        indices = (*equation.indices, *equation.bound)
        super().__init__({index: Index(n) for n, index in enumerate(indices)}, numbers)
        self.source = equation

    def equation(self, number: int) -> FrozenEquation:
        """Return the frozen equation."""
        source = self.source
        try:
            return FrozenEquation(
                number,
                self.numbers[source.lhs],
                tuple(self.variables[i] for i in source.indices),
                tuple(self.variables[i] for i in source.bound),
                tuple(extent(size) for size in source.extents.values()),
                source.reduction.op if source.reduction else None,
                tuple(map(self.guard, source.guards)),
                self.body(source.body),
                tuple(of(self.variables[i]) for i in source.indices),
            )
        except LoweringError as error:
            if error.expression is not None:
                raise
            raise LoweringError(error.message, expression=source, cure=error.cure) from None

    def guard(self, guard: Guard) -> Condition:
        """Return a guard as a condition."""
        if isinstance(guard, InRange):
            return Within(self.poly(sp.expand(guard.expr)), extent(guard.extent))
        if isinstance(guard, Divisible):
            return Divides(self.poly(guard.expr), constant(guard.by))
        left, right = guard.left, guard.right
        scale = sp.ilcm(1, 1, *(c.q for s in (left, right) for c in s.atoms(sp.Rational)))
        if scale != 1 and not (left.has(sp.floor, sp.Mod) or right.has(sp.floor, sp.Mod)):
            left, right = sp.expand(left * scale), sp.expand(right * scale)
        return Same(self.poly(left), self.poly(right))

    def body(self, expr: sp.Expr) -> Body:
        """Return the body; of an int64 tensor it is an int64, as is what labels are compared by."""
        op = self.source.reduction.op if self.source.reduction else None
        integer = self.source.lhs.dtype == "int64"
        if integer and is_whole(expr) and (op != "argmax" or holds_labels(expr)):
            return self.builder.body(self.whole(expr))
        if integer and op != "argmax":
            raise LoweringError("an integer tensor is defined by an expression that is no integer")
        return self.builder.body(self.value(computed(expr)))
