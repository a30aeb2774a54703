"""Equations in normal form.

Enters: a left-hand tensor, its index variables and a scalar body over accesses. Leaves: `Equation`, checked:

- at most one reduction, at the top; bound and free index names are disjoint;
- outside its guards an element is the identity of the reduction and is not evaluated;
- affine guards come before those that read data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import sympy as sp

from symdl.brief import brief
from symdl.errors import ExpressionError, ShapeError
from symdl.express.counting import outside_at
from symdl.express.dims import Dim, Extent, Index, at_most, bounds, in_range
from symdl.express.tensors import Access, Tensor, accesses_in, substitute

_WHOLE = 2000
"""Nodes of a body that is written whole where an equation is printed."""
Op = Literal[
    "sum",
    "prod",
    "max",
    "logsumexp",
    "argmax",
    "det",
    "logdet",
    "logabsdet",
    "detsign",
    "inverse",
    "cholesky",
    "eigenvalues",
    "eigenvectors",
    "orthogonal",
    "triangular",
    "left_vectors",
    "singular_values",
    "right_vectors",
]


@dataclass(frozen=True, slots=True)
class MatrixOp:
    """A function of the matrix that the body spans over the two reduced indices, row first.

    Attributes:
        words: what its value is.
        axes: those of the matrix (0 for rows) that are as long as the axes of the value. The last indices of
            a left-hand side belong to these; the body does not read them.
    """

    words: str
    axes: tuple[int, ...] = ()


MATRIX_OPS: Mapping[Op, MatrixOp] = {
    "det": MatrixOp("determinant"),
    "logdet": MatrixOp("log-determinant"),
    "logabsdet": MatrixOp("log of the absolute determinant"),
    "detsign": MatrixOp("sign of the determinant"),
    "inverse": MatrixOp("inverse", (1, 0)),
    "cholesky": MatrixOp("Cholesky factor", (0, 1)),
    "eigenvalues": MatrixOp("eigenvalues", (1,)),
    "eigenvectors": MatrixOp("eigenvectors", (0, 1)),
    "orthogonal": MatrixOp("orthonormal factor", (0, 1)),
    "triangular": MatrixOp("triangular factor", (1, 1)),
    "left_vectors": MatrixOp("left singular vectors", (0, 1)),
    "singular_values": MatrixOp("singular values", (1,)),
    "right_vectors": MatrixOp("right singular vectors", (1, 1)),
}
MATRIX_FACTORS = tuple(op for op, about in MATRIX_OPS.items() if about.axes and op != "inverse")
"""Those whose value is a factor of the matrix: it has no symmetry, whatever the matrix has."""
SYMMETRIC_PART = "symmetric part"
"""The rule of an equation that a function of symmetric matrices reads; it keeps a line of its own."""


@dataclass(frozen=True, slots=True)
class InRange:
    """Holds where ``0 <= expr < extent``."""

    expr: sp.Expr
    extent: Extent


@dataclass(frozen=True, slots=True)
class Divisible:
    """Holds where ``expr`` is a multiple of ``by``."""

    expr: sp.Expr
    by: int


@dataclass(frozen=True, slots=True)
class Equal:
    """Holds where ``left == right``; either side may read an integer tensor."""

    left: sp.Expr
    right: sp.Expr


Guard = InRange | Divisible | Equal


def guard_terms(guard: Guard) -> tuple[sp.Expr, ...]:
    """Return the integer expressions that a guard compares."""
    return (guard.left, guard.right) if isinstance(guard, Equal) else (guard.expr,)


def map_guard(guard: Guard, change: Callable[[sp.Expr], sp.Expr]) -> Guard:
    """Return the guard with its expressions changed."""
    if isinstance(guard, Equal):
        return Equal(change(guard.left), change(guard.right))
    return replace(guard, expr=change(guard.expr))


def reads_data(guard: Guard) -> bool:
    """Say whether a guard depends on values of a tensor."""
    return any(term.has(Access) for term in guard_terms(guard))


def exact_quotients(expr: sp.Expr, guards: Sequence[Guard]) -> sp.Expr:
    """Write ``floor(e/m)`` as ``e/m`` where a guard says that `m` divides `e`."""
    divisors = [g for g in guards if isinstance(g, Divisible)]
    if not divisors or not expr.has(sp.floor):
        return expr

    def divides(inner: sp.Expr) -> bool:
        for guard in divisors:
            for sign in (1, -1):
                gap = sp.expand(inner - sign * guard.expr / guard.by)
                if gap.is_Integer or (gap.free_symbols and gap.is_integer):
                    return True
        return False

    return expr.replace(
        lambda node: isinstance(node, sp.floor) and divides(node.args[0]), lambda node: node.args[0]
    )


@dataclass(frozen=True, slots=True)
class Reduction:
    """``op`` over ``axes``, pairs of a bound index variable and its extent."""

    op: Op
    axes: tuple[tuple[Index, Extent], ...]

    @property
    def bound(self) -> tuple[Index, ...]:
        """The bound index variables."""
        return tuple(index for index, _ in self.axes)

    @property
    def place(self) -> sp.Expr:
        """The number of a term, row-major, as an argmax counts."""
        flat: sp.Expr = sp.Integer(0)
        for index, size in self.axes:
            flat = sp.expand(flat * size + index)
        return flat


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an equation came from: the rule's name, the tensor or definition it serves, free detail."""

    rule: str
    subject: Tensor | None = None
    detail: str = ""


@dataclass(frozen=True, eq=False)
class Equation:
    """``lhs[indices] = reduction(body)`` where the guards hold. See the module for the invariants."""

    lhs: Tensor
    indices: tuple[Index, ...]
    body: sp.Expr
    reduction: Reduction | None = None
    guards: tuple[Guard, ...] = ()
    origin: Origin = field(default=Origin("definition"))

    def __post_init__(self) -> None:
        ordered = sorted(self.guards, key=reads_data)
        object.__setattr__(self, "guards", tuple(ordered))

    @property
    def bound(self) -> tuple[Index, ...]:
        """The reduced index variables."""
        return self.reduction.bound if self.reduction else ()

    @property
    def own(self) -> tuple[Index, ...]:
        """The indices of the value of a function of matrices, which its body does not read."""
        about = MATRIX_OPS.get(self.reduction.op) if self.reduction else None
        return self.indices[len(self.indices) - len(about.axes) :] if about else ()

    @property
    def extents(self) -> dict[Index, Extent]:
        """The extent of every index variable, free ones first."""
        free = dict(zip(self.indices, self.lhs.shape, strict=True))
        return free | dict(self.reduction.axes if self.reduction else ())

    @property
    def target(self) -> Access:
        """The left-hand side as an access."""
        return Access(self.lhs, *self.indices)

    def accesses(self) -> tuple[Access, ...]:
        """Return every access in body and guards, nested ones included, in a fixed order."""
        return self._accesses

    @cached_property
    def _accesses(self) -> tuple[Access, ...]:
        found = dict.fromkeys(accesses_in(self.body))
        for guard in self.guards:
            for term in guard_terms(guard):
                found.update(dict.fromkeys(accesses_in(term)))
        return tuple(found)

    def reads(self) -> list[Tensor]:
        """Return the tensors that the right-hand side reads, each once."""
        return list(dict.fromkeys(access.tensor for access in self.accesses()))

    def rename(self, names: dict[Index, Index]) -> Equation:
        """Return the equation with index variables renamed; `names` must be one-to-one on them."""

        def change(expr: sp.Expr) -> sp.Expr:
            return substitute(expr, dict(names))

        reduction = self.reduction and Reduction(
            self.reduction.op, tuple((names.get(i, i), size) for i, size in self.reduction.axes)
        )
        return replace(
            self,
            indices=tuple(names.get(i, i) for i in self.indices),
            body=change(self.body),
            reduction=reduction,
            guards=tuple(map_guard(guard, change) for guard in self.guards),
        )

    def __str__(self) -> str:
        where = ", ".join(map(str, self.indices))
        left = f"{self.lhs.name or f'#{self.lhs.serial}'}[{where}]"
        right = brief(self.body, _WHOLE)
        if self.reduction:
            right = f"{self.reduction.op}_{{{', '.join(map(str, self.bound))}}} {right}"
        conditions = "; ".join(map(str, self.guards))
        return f"{left} = {right}" + (f"  where {conditions}" if conditions else "")


def check(equation: Equation) -> Equation:
    """Return the equation if it is in normal form and every access is in range or guarded.

    Raises:
        ExpressionError: an unknown symbol, a clash of bound and free names, an index out of range.
        ShapeError: the left-hand side's rank does not fit its indices.
    """
    if len(equation.indices) != equation.lhs.rank:
        raise ShapeError(f"{equation.lhs} is defined with {len(equation.indices)} indices")
    variables = (*equation.indices, *equation.bound)
    if len(set(variables)) != len(variables):
        raise ExpressionError(
            "an index variable is used twice on the left or is both free and summed",
            expression=equation,
            cure="give every index of one equation its own name",
        )
    strangers = [
        s for s in sorted(_symbols(equation), key=str) if not isinstance(s, Dim) and s not in variables
    ]
    if strangers:
        raise ExpressionError(
            f"unknown symbols {', '.join(map(str, strangers))}",
            expression=equation,
            cure="use tensors, the equation's own indices, or sum over the index with sd.Sum",
        )
    for access in equation.accesses():
        _check_access(access, equation)
    return equation


def _symbols(equation: Equation) -> Iterator[sp.Symbol]:
    exprs = [equation.body, *(term for guard in equation.guards for term in guard_terms(guard))]
    for expr in exprs:
        yield from (s for s in expr.free_symbols if isinstance(s, sp.Symbol))


def _check_access(access: Access, equation: Equation) -> None:
    for axis, (where, size) in enumerate(zip(access.indices, access.tensor.shape, strict=True)):
        if isinstance(where, Access):
            if where.tensor.dtype != "int64":
                raise ExpressionError(
                    f"{where} is used as an index but holds no integers",
                    expression=equation,
                    cure="declare the tensor with dtype='int64'",
                )
            continue  # checked against the extent when the kernel is called
        if all(a.tensor.dtype == "int64" for a in where.atoms(Access)) and where.has(Access):
            continue  # so is what is computed from integers
        if stays_inside(where, size, equation.guards, equation.extents):
            continue
        wrong = outside_at(where, size, _counted(equation.guards), equation.extents)
        if wrong == []:
            continue
        what, cure = f"outside 0..{size}-1", "shrink the index's range"
        if wrong is None and bounds(where, equation.extents) is None:
            what = f"which is not known to stay inside 0..{size}-1"
            cure = "use integer sizes, for which all positions are looked at, or shrink the index's range"
        elif wrong and wrong[0]:
            there = ", ".join(f"{index} = {number}" for index, number in wrong[0].items())
            what = f"{where.xreplace(wrong[0])} where {there}, {what}"
        raise ShapeError(
            f"axis {axis} of {access.tensor} is read at {brief(where)}, {what}",
            expression=equation,
            shapes={str(access.tensor.name): access.tensor.shape},
            cure=f"{cure}, or guard the access with sd.where on an index condition",
        )


def _counted(guards: Sequence[Guard]) -> list[tuple[str, sp.Expr, Extent]]:
    """Return the guards that do not depend on data, for `outside_at`."""
    kinds = {InRange: "in range", Divisible: "divides", Equal: "equal"}
    sides = {InRange: ("expr", "extent"), Divisible: ("expr", "by"), Equal: ("left", "right")}
    found = (g for g in guards if not reads_data(g))
    return [(kinds[type(g)], *(getattr(g, name) for name in sides[type(g)])) for g in found]


def stays_inside(
    where: sp.Expr, size: Extent, guards: Sequence[Guard], extents: Mapping[Index, Extent]
) -> bool:
    """Say whether the guards and the ranges of the indices prove ``0 <= where < size``."""
    if in_range(where, size, extents):
        return True
    ranges = [guard for guard in guards if isinstance(guard, InRange)]
    if any(guard.extent == size and sp.expand(guard.expr - where) == 0 for guard in ranges):
        return True
    exact = [replace(g, expr=sp.expand(exact_quotients(g.expr, guards))) for g in ranges]
    place = sp.expand(exact_quotients(where, guards))
    intervals = [*_intervals(where, ranges, extents), *_intervals(place, exact, extents)]
    # The position is an integer, so a bound between two integers can be drawn inwards.
    return any(at_most(0, sp.ceiling(low)) for low, _ in intervals) and any(
        at_most(sp.floor(high) + 1, size) for _, high in intervals
    )


def _intervals(
    where: sp.Expr, guards: Sequence[InRange], extents: Mapping[Index, Extent]
) -> Iterator[tuple[sp.Expr, sp.Expr]]:
    """Yield ranges of `where`: by the indices alone, and with a guard's form in place of some terms."""
    alone = bounds(where, extents)
    if alone is not None:
        yield alone
    for number, guard in enumerate(guards):
        others = (*guards[:number], *guards[number + 1 :])
        mine = where.as_coefficients_dict()
        forms = guard.expr.as_coefficients_dict()
        factors = {mine[t] / c for t, c in forms.items() if t in mine and not t.is_number}
        for factor in sorted(factors, key=sp.default_sort_key):  # where = factor*guard.expr + rest
            ends = sp.Integer(0), factor * (guard.extent - sp.Integer(1))
            rest = sp.expand(where - factor * guard.expr)
            for low, high in _intervals(rest, others, extents):
                yield low + ends[bool(factor < 0)], high + ends[bool(factor > 0)]
        fresh = Index(f"_{number}")
        for index in sorted((s for s in guard.expr.free_symbols if isinstance(s, Index)), key=str):
            factor = guard.expr.coeff(index)
            if factor in (1, -1) and where.has(index):  # the guard's form as a variable of its own
                solved = sp.expand(index + factor * (fresh - guard.expr))
                limits = bounds(sp.expand(where.xreplace({index: solved})), {**extents, fresh: guard.extent})
                yield from () if limits is None else (limits,)
