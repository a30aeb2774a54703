"""A program, computed in an arithmetic of choice: numbers that record, complex ones, another library's.

Enters: a program, the values of all its tensors, an `Arithmetic`, and what the real inputs are in it. Leaves:
what each tensor is in that arithmetic. Whatever has no derivative is taken from the values: positions,
conditions, integers, which argument of a maximum is the largest.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symdl.errors import DerivativeError
from symdl.express.dims import Dim, Index
from symdl.express.equations import MATRIX_OPS, Equation, Op
from symdl.express.kinks import chosen
from symdl.express.ordering import Recurrence
from symdl.express.program import Program
from symdl.express.random import RandomUniform
from symdl.express.special.kinds import Called
from symdl.express.special.written import FORMS, written
from symdl.express.tensors import Access, Tensor
from symdl.run.reference.binding import extent_value
from symdl.run.reference.interpreter import Grid, steps_of
from symdl.run.reference.scalars import Scope

Array = NDArray[Any]
T = TypeVar("T")
_STILL = (sp.floor, sp.sign, RandomUniform)
"""Functions whose values do not move."""
Shape = tuple[int, ...]


class NotCovered(DerivativeError):
    """An arithmetic lacks a function, so that this way to a gradient is not open."""


class Arithmetic(Protocol[T]):
    """What a program is computed with. Arrays broadcast as NumPy's do.

    Attributes:
        functions: the scalar functions that `apply` knows, by their names in the reference interpreter.
    """

    @property
    def functions(self) -> Container[str]: ...

    def constant(self, value: Array) -> T:
        """Return numbers that do not move."""

    def apply(self, name: str, args: Sequence[T]) -> T:
        """Return one of `functions`."""

    def call(self, function: Callable[..., Array], args: Sequence[T]) -> T:
        """Return a special function or one of the user's: `function` takes and returns NumPy's arrays."""

    def read(self, source: T, where: tuple[Array, ...], mask: Array) -> T:
        """Return the elements at some positions, one array of integers an axis; those of `mask` count."""

    def select(self, cases: Sequence[tuple[Array, T]], otherwise: float, shape: Shape | None = None) -> T:
        """Return the first case whose mask holds, of a shape if one is given; masks do not overlap."""

    def reduce(self, op: Op, value: T, free: Shape) -> T:
        """Reduce all axes after the first ones, which are `free`."""

    def matrices(self, equation: Equation, value: T, shape: Shape) -> T:
        """Return a function of matrices: `value`, reshaped to have them in its last axes."""

    def put(self, so_far: T, block: T, where: tuple[slice, ...]) -> T:
        """Return a copy of an array in which a block is replaced."""


def walk(
    program: Program,
    arrays: Mapping[Tensor, Array],
    dims: Mapping[Dim, int],
    arithmetic: Arithmetic[T],
    start: Mapping[Tensor, T],
) -> dict[Tensor, T]:
    """Return what each tensor of a program is in an arithmetic.

    Args:
        arrays: the values of all tensors.
        dims: the symbolic sizes.
        start: the real inputs; the others are constants.

    Raises:
        DerivativeError: a function without recorded derivative, or one that the arithmetic lacks.
    """
    found = {t: arithmetic.constant(arrays[t]) for t in program.inputs} | dict(start)
    steps = _Walk(arrays, dims, arithmetic, found)
    with np.errstate(all="ignore"):
        recurrences = {r.equations: r for r in program.recurrences}
        for group in program.groups:
            if group in recurrences:
                for equation in recurrences[group].equations:
                    found[equation.lhs] = arithmetic.constant(np.full(arrays[equation.lhs].shape, np.nan))
                steps.recurrence(recurrences[group])
            else:
                (equation,) = group
                found[equation.lhs] = steps.equation(equation, {})
    return found


@dataclass(frozen=True, slots=True)
class _Walk(Generic[T]):
    """On the way through a program; `found` grows."""

    arrays: Mapping[Tensor, Array]
    dims: Mapping[Dim, int]
    arithmetic: Arithmetic[T]
    found: dict[Tensor, T]

    def recurrence(self, recurrence: Recurrence) -> None:
        """Compute a recurrence step by step; each step is put into a copy of the trajectory so far."""
        for equation, held, where in steps_of(recurrence, self.dims):
            so_far, block = self.found[equation.lhs], self.equation(equation, held, where)
            self.found[equation.lhs] = self.arithmetic.put(so_far, block, where)

    def equation(self, equation: Equation, held: Mapping[Index, range], where: tuple[slice, ...] = ()) -> T:
        """Compute an equation on its grid, or at the steps that are held."""
        ranges = {i: range(extent_value(size, self.dims)) for i, size in equation.extents.items()}
        grid = Grid(equation, ranges | dict(held), self.arrays, self.dims)
        if equation.lhs.dtype == "int64" or not all(grid.shape):
            return self.arithmetic.constant(self.arrays[equation.lhs][where])
        op = equation.reduction.op if equation.reduction else None
        if op in MATRIX_OPS:
            own = equation.own  # the body does not read them
            grid = Grid(equation, {i: range(1) if i in own else r for i, r in grid.ranges.items()},
                        self.arrays, self.dims)  # fmt: skip
        scope = grid.scope()
        body = _Body(grid, self.arithmetic, self.found).value(equation.body, scope)
        outside = {None: 0.0, "sum": 0.0, "prod": 1.0}.get(op, 0.0 if op in MATRIX_OPS else -np.inf)
        inside = self.arithmetic.select([(scope.mask, body)], outside, grid.shape)
        if op is None:
            return inside
        if op in MATRIX_OPS:
            shape = tuple(len(r) for i, r in grid.ranges.items() if i not in equation.own)
            return self.arithmetic.matrices(equation, inside, shape)
        return self.arithmetic.reduce(op, inside, grid.shape[: len(equation.indices)])


@dataclass(frozen=True, slots=True)
class _Body(Generic[T]):
    """The body of one equation, each node computed once."""

    grid: Grid
    arithmetic: Arithmetic[T]
    found: Mapping[Tensor, T]
    memo: dict[tuple[Any, int], T] = field(default_factory=dict)
    scopes: list[Scope] = field(default_factory=list)

    def value(self, expr: Any, scope: Scope) -> T:
        key = (expr, id(scope))
        if key not in self.memo:
            self.scopes.append(scope)  # keeps its id in use
            self.memo[key] = self._compute(expr, scope)
        return self.memo[key]

    def _compute(self, expr: Any, scope: Scope) -> T:
        if isinstance(expr, Access):
            return self._read(expr, scope)
        if not expr.has(Access) or expr.is_integer or isinstance(expr, _STILL):
            return self.arithmetic.constant(np.asarray(scope.value(expr)))
        kinds = [kind.__name__ for kind in type(expr).__mro__]
        if "Piecewise" in kinds:
            return self._choose(expr.args, scope)
        if isinstance(expr, sp.Max | sp.Min):
            return self._choose(chosen(expr), scope)
        name = next((kind for kind in kinds if kind in self.arithmetic.functions), None)
        if name is None and isinstance(expr, (Called, *FORMS)):
            return self._call(expr, scope)
        if name is None:
            raise NotCovered(f"{expr.func} has no recorded derivative", expression=expr)
        return self.arithmetic.apply(name, [self.value(arg, scope) for arg in expr.args])

    def _call(self, expr: Any, scope: Scope) -> T:
        moving = [arg for arg in expr.args if arg.has(Access)]
        names = {arg: sp.Dummy(real=True) for arg in moving}
        form = written(expr.func(*(names.get(arg, arg) for arg in expr.args)))

        def function(*arrays: Array) -> Array:
            table = dict(zip(names.values(), arrays, strict=True))
            found: Array = Scope(lambda leaf, mask: table[leaf], np.asarray(True)).value(form)
            return found

        return self.arithmetic.call(function, [self.value(arg, scope) for arg in names])

    def _read(self, access: Access, scope: Scope) -> T:
        if access.tensor.dtype == "int64" or not self.grid.arrays[access.tensor].size:
            return self.arithmetic.constant(np.asarray(self.grid.leaf(access, scope.mask)))
        where = self.grid.positions(access, scope.mask)
        return self.arithmetic.read(self.found[access.tensor], where, scope.mask)

    def _choose(self, cases: Any, scope: Scope) -> T:
        """Return the first value whose condition holds; NaN where none does."""
        open_ = np.asarray(True)
        branches: list[tuple[Array, T]] = []
        for branch, condition in cases:
            taken = open_ & np.asarray(scope.narrow(open_).value(condition))
            branches.append((taken, self.value(branch, scope.narrow(taken))))
            open_ = open_ & ~taken
        return self.arithmetic.select(branches, np.nan)
