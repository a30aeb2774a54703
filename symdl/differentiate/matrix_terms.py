"""What rules for functions of matrices are written with.

Enters: the equation of one function of a matrix. Leaves: terms of its derivative, and the equations of what
these read: other functions of the same matrix, the inverse of a factor, reciprocal differences of
eigenvalues. Each is made once, or is one that the program has already.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import sympy as sp

from symdl.differentiate.indexforms import fresh_index
from symdl.differentiate.known_values import canonical
from symdl.express.dims import Extent, Index
from symdl.express.equations import MATRIX_OPS, Equation, Guard, Op, Origin, Reduction
from symdl.express.operators import axis_indices
from symdl.express.tensors import Tensor


@dataclass(frozen=True, slots=True)
class Term:
    """A term of a derivative: a weight, and what it is summed over, where it counts.

    Attributes:
        weight: what multiplies the derivative of the body.
        axis: an index of the weight that is neither free nor bound in the equation, and its extent.
        guards: outside these the term is 0.
    """

    weight: sp.Expr
    axis: tuple[Index, Extent] | None = None
    guards: tuple[Guard, ...] = ()

    def wide(self, equation: Equation) -> Equation:
        """Return an equation that is summed over the term's index, too, and holds where the term counts."""
        assert equation.reduction is not None
        axes = equation.reduction.axes + ((self.axis,) if self.axis else ())
        reduction, guards = replace(equation.reduction, axes=axes), (*equation.guards, *self.guards)
        return replace(equation, reduction=reduction, guards=guards)


def between(equation: Equation) -> tuple[Index, Extent]:
    """Return an index for the columns of a factor that is none of an equation's, and their number."""
    return fresh_index(set(equation.extents)), equation.extents[equation.indices[-1]]


def half_above(low: sp.Expr, high: sp.Expr) -> sp.Expr:
    """Return 1 where ``low < high``, 1/2 where they are equal, 0 elsewhere."""
    return sp.Piecewise((1, high > low), (sp.Rational(1, 2), sp.Eq(high, low)), (0, True))


@dataclass(slots=True)
class MatrixFunctions:
    """The tensors that rules read besides those of the program.

    Attributes:
        equations: where the equations go that define them.
        given: those of the program, among which one may be found.
    """

    equations: list[Equation]
    given: Sequence[Equation]
    _made: dict[object, Tensor] = field(default_factory=dict)

    def other(self, equation: Equation, op: Op) -> Tensor:
        """Return another function of the same matrix."""
        reduction = equation.reduction
        assert reduction is not None
        if reduction.op == op:
            return equation.lhs
        batch = equation.indices[: len(equation.indices) - len(equation.own)]
        sizes = [reduction.axes[axis][1] for axis in MATRIX_OPS[op].axes]
        shape = [*(equation.extents[i] for i in batch), *sizes]
        own: list[Index] = []
        for _ in sizes:
            own.append(fresh_index({*equation.bound, *batch, *own}))

        def make() -> Equation:
            return replace(
                equation,
                lhs=Tensor(None, shape, role="intermediate", of=equation.lhs),
                indices=(*batch, *own),
                reduction=Reduction(op, reduction.axes),
                origin=Origin(MATRIX_OPS[op].words, equation.lhs),
            )

        return self._defined((equation.lhs, op), make)

    def inverse(self, factor: Tensor) -> Tensor:
        """Return the inverse of a factor that is a square matrix."""
        *batch, row, column = axis_indices(factor.rank)
        p, q = axis_indices(2, skip=(*batch, row, column))
        size = factor.shape[-1]

        def make() -> Equation:
            return Equation(
                Tensor(None, factor.shape, role="intermediate", of=factor),
                (*batch, row, column),
                factor.at(*batch, p, q),
                Reduction("inverse", ((p, size), (q, size))),
                origin=Origin("inverse", factor),
            )

        return self._defined((factor, "inverse"), make)

    def gaps(self, values: Tensor, difference: Callable[[sp.Expr, sp.Expr], sp.Expr]) -> Tensor:
        """Return ``1/difference(values[j], values[k])`` at ``[k, j]``, and 0 on the diagonal."""
        *batch, k, j = axis_indices(values.rank + 1)
        below = difference(values.at(*batch, j), values.at(*batch, k))

        def make() -> Equation:
            body = sp.Piecewise((0, sp.Eq(k, j)), (1 / below, True))
            shape = (*values.shape, values.shape[-1])
            lhs = Tensor(None, shape, role="intermediate", of=values)
            return Equation(lhs, (*batch, k, j), body, origin=Origin("reciprocal differences", values))

        return self._defined((values, "gaps"), make)

    def _defined(self, key: object, make: Callable[[], Equation]) -> Tensor:
        """Return the tensor of an equation, which is made where neither the program nor we have it."""
        if key not in self._made:
            new = make()
            same = [e for e in self.given if _may_be(e, new) and canonical(e) == canonical(new)]
            if not same:
                self.equations.append(new)
            self._made[key] = (same or [new])[0].lhs
        return self._made[key]


def _may_be(equation: Equation, other: Equation) -> bool:
    """Say whether two are worth comparing: only functions of matrices are."""
    if equation.reduction is None or other.reduction is None:
        return False
    return equation.reduction.op == other.reduction.op and equation.reduction.op in MATRIX_OPS
