"""What the derivative of a reduction needs besides the derivative of its term.

Enters: an equation and the local derivative of its body. Leaves: the weight of the adjoint rule and where it
holds; and the equations that both need: the place of a maximum, the product of the other factors, the inverse
of a matrix. Each is made once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import sympy as sp

from symdl.differentiate.matrix_terms import MatrixFunctions
from symdl.differentiate.primitives import is_matrix_function, matrix_terms
from symdl.differentiate.products import other_factors
from symdl.errors import DerivativeError
from symdl.express.comparisons import asked
from symdl.express.dims import Index, as_extent
from symdl.express.equations import Equal, Equation, Guard, InRange, Origin, Reduction
from symdl.express.tensors import Access, Tensor


@dataclass(frozen=True, slots=True)
class Weighted:
    """What a use of a tensor adds to a derivative.

    Attributes:
        equation: the one that uses it, with an index more if the weight has one that is summed.
        weight: what multiplies the cotangent of its left-hand side.
        guards: where it counts, besides those of the equation.
    """

    equation: Equation
    weight: sp.Expr
    guards: tuple[Guard, ...] = ()


@dataclass(slots=True)
class Reductions:
    """The weights of the reductions of one program.

    Attributes:
        equations: where the equations go that a weight needs.
        given: those of the program, among which a function of a matrix may be found.
    """

    equations: list[Equation]
    given: Sequence[Equation]
    _maxima: dict[Tensor, Equal] = field(default_factory=dict)
    _factors: dict[Tensor, Access] = field(default_factory=dict)
    _matrix_functions: MatrixFunctions = field(init=False)

    def __post_init__(self) -> None:
        self._matrix_functions = MatrixFunctions(self.equations, self.given)

    def weighted(self, equation: Equation, local: sp.Expr) -> tuple[Weighted, ...]:
        """Return what is added for a term of the body whose derivative is `local`.

        Raises:
            DerivativeError: the reduction has no derivative.
        """
        if is_matrix_function(equation):
            terms = matrix_terms(equation, self._matrix_functions)
            return tuple(Weighted(t.wide(equation), local * t.weight) for t in terms)
        return (Weighted(equation, *self._weight(equation, local)),)

    def _weight(self, equation: Equation, local: sp.Expr) -> tuple[sp.Expr, tuple[Guard, ...]]:
        """Return the weight of a term, and the guards under which it counts."""
        match equation.reduction.op if equation.reduction is not None else "sum":
            case "logsumexp":
                return _share(equation.body, equation.target, local), ()
            case "argmax":
                raise DerivativeError("argmax has no derivative", expression=equation)
            case "max":
                return local, (self._chosen(equation),)
            case "prod":
                return local * self._others(equation), ()
            case _:
                return local, ()

    def _chosen(self, equation: Equation) -> Equal:
        """The guard that restricts a max to its first largest term."""
        if equation.lhs not in self._maxima:
            companion, self._maxima[equation.lhs] = _first_largest(equation)
            self.equations.append(companion)
        return self._maxima[equation.lhs]

    def _others(self, equation: Equation) -> Access:
        """The product of all factors but one."""
        if equation.lhs not in self._factors:
            companion, self._factors[equation.lhs] = other_factors(equation)
            self.equations.append(companion)
        return self._factors[equation.lhs]


def _first_largest(equation: Equation) -> tuple[Equation, Equal]:
    """Return the argmax equation of a max (the first position in a tie) and the guard that it gives."""
    assert equation.reduction is not None
    shape, axes = equation.lhs.shape, equation.reduction.axes
    count = as_extent(sp.Mul(*(size for _, size in axes)))
    tensor = Tensor(None, shape, dtype="int64", role="index", of=equation.lhs, below=count)
    origin, body = Origin("argmax", equation.lhs), _present(equation)
    companion = replace(equation, lhs=tensor, body=body, reduction=Reduction("argmax", axes), origin=origin)
    return companion, Equal(tensor.at(*equation.indices), equation.reduction.place)


def _present(equation: Equation) -> sp.Expr:
    """Return the body of a max whose position is that of an element that counts.

    What a mask or a guard leaves out is minus infinity. Where the maximum is that, too, all that counts is 0.
    """
    body = equation.body
    masked = isinstance(body, sp.Piecewise) and -sp.oo in [value for value, _ in body.args]
    if not masked and (_first_counts(equation) or _bounded(body)):
        return body
    nothing = asked(sp.Eq, equation.target, -sp.oo)
    if not masked:
        return sp.Piecewise((0, nothing), (body, True))
    pieces: list[tuple[sp.Expr, sp.Basic]] = []
    for value, condition in body.args:
        if value != -sp.oo:
            pieces.append((sp.S.Zero, sp.And(condition, nothing)))
        pieces.append((value, condition))
    return sp.Piecewise(*pieces)


def _first_counts(equation: Equation) -> bool:
    """Say whether guards hold at the first position for every element: of equal values it comes first."""

    def holds(guard: Guard) -> bool:
        first = (
            guard.expr.xreplace(dict.fromkeys(equation.bound, sp.S.Zero))
            if isinstance(guard, InRange)
            else None
        )
        return (
            isinstance(guard, InRange)
            and isinstance(first, Index)
            and equation.extents[first] == guard.extent
        )

    return all(map(holds, equation.guards))


def _bounded(body: sp.Expr) -> bool:
    """Say whether values are never minus infinity, since they are clipped from below."""
    if isinstance(body, sp.Piecewise):
        return any(value.is_number for value, _ in body.args)
    return isinstance(body, sp.Max) and any(side.is_number for side in body.args)


def _share(body: sp.Expr, total: sp.Expr, local: sp.Expr) -> sp.Expr:
    """Return ``local*exp(body - total)``, not evaluated where `body` is minus infinity, which is no part.

    If every term is, so is the total, and the difference would be NaN.
    """
    if not isinstance(body, sp.Piecewise) or -sp.oo not in [value for value, _ in body.args]:
        return local * sp.exp(body - total)
    slopes = {c: slope for slope, c in local.args} if isinstance(local, sp.Piecewise) else {}
    pieces = [
        (sp.S.Zero if value == -sp.oo else slopes.get(c, local) * sp.exp(value - total), c)
        for value, c in body.args
    ]
    return sp.Piecewise(*pieces)
