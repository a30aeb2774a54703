"""The reference interpreter: slow, simple, and the oracle of every kernel.

Enters: a program and values of its inputs. Leaves: the value of every tensor in it. Each equation
is evaluated over its whole index grid by broadcasting, in blocks of the first axis if it is large.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdl.errors import ArgumentError
from symdl.express.computed import computed
from symdl.express.dims import Dim, Index
from symdl.express.equations import MATRIX_OPS, Divisible, Equation, Guard, InRange
from symdl.express.ordering import Recurrence
from symdl.express.program import Program
from symdl.express.tensors import Access, Tensor
from symdl.express.wholes import is_whole
from symdl.run.reference.binding import Array, Values, bind, bind_dims, extent_value
from symdl.run.reference.matrices import matrix_function
from symdl.run.reference.scalars import Scope

_LARGEST_GRID = 1 << 22


def evaluate(program: Program, values: Values, *, dtype: str = "float64") -> dict[Tensor, Array]:
    """Return the value of every tensor of the program, its inputs included.

    Args:
        program: what to compute.
        values: an array for each input, keyed by name or tensor.
        dtype: ``"float64"`` or ``"float32"``, for all real tensors.

    Returns:
        Arrays of the declared shapes; tensors of dtype ``int64`` hold integers.

    Raises:
        ArgumentError: values that are missing, unknown or of the wrong kind or shape, or a position
            read from data that lies outside its tensor.
        UnknownFunctionError: a scalar function without a numerical meaning.
    """
    arrays = bind(program, values, dtype=dtype)
    dims = bind_dims(program, arrays)
    with np.errstate(all="ignore"):
        recurrences = {r.equations: r for r in program.recurrences}
        for group in program.groups:
            if group in recurrences:
                arrays |= evaluate_recurrence(recurrences[group], arrays, dims, dtype=dtype)
                continue
            (equation,) = group
            found = evaluate_equation(equation, arrays, dims, dtype=dtype)
            below = equation.lhs.below
            if (
                below is not None
                and found.size
                and not 0 <= found.min() <= found.max() < extent_value(below, dims)
            ):
                raise ArgumentError(f"{equation} is outside 0..{extent_value(below, dims) - 1}")
            arrays[equation.lhs] = found
    return arrays


def outputs(program: Program, values: Values, *, dtype: str = "float64") -> tuple[Array, ...]:
    """Return the values of the program's outputs, in order. Raises as `evaluate` does."""
    arrays = evaluate(program, values, dtype=dtype)
    return tuple(arrays[tensor] for tensor in program.outputs)


def evaluate_equation(
    equation: Equation,
    arrays: Mapping[Tensor, Array],
    dims: Mapping[Dim, int],
    *,
    dtype: str = "float64",
) -> Array:
    """Return the value of one equation's left-hand side; `arrays` holds what it reads."""
    sizes = {index: extent_value(size, dims) for index, size in equation.extents.items()}
    shape = tuple(sizes[index] for index in equation.indices)
    if equation.reduction is not None and equation.reduction.op in MATRIX_OPS:
        return matrix_function(equation, spanned(equation, sizes, arrays, dims), dtype=dtype)
    result = np.empty(shape, "int64" if equation.lhs.dtype == "int64" else dtype)
    rows = shape[0] if shape else 1
    total = int(np.prod(list(sizes.values()), dtype=object))
    step = max(1, rows * _LARGEST_GRID // max(total, 1))
    for start in range(0, rows, step):
        ranges = {index: range(size) for index, size in sizes.items()}
        if shape:
            ranges[equation.indices[0]] = range(start, min(start + step, rows))
        block = Grid(equation, ranges, arrays, dims)
        result[slice(start, start + step) if shape else ()] = _block(equation, block)
    return result


def spanned(
    equation: Equation, sizes: Mapping[Index, int], arrays: Mapping[Tensor, Array], dims: Mapping[Dim, int]
) -> Array:
    """Return the matrices that the body of a matrix function spans, in the last two axes."""
    own = equation.own
    grid = Grid(equation, {i: range(1 if i in own else n) for i, n in sizes.items()}, arrays, dims)
    scope = grid.scope()
    value = np.broadcast_to(np.where(scope.mask, scope.value(computed(equation.body)), 0.0), grid.shape)
    return value.reshape([n for i, n in sizes.items() if i not in own])


def evaluate_recurrence(
    recurrence: Recurrence,
    arrays: Mapping[Tensor, Array],
    dims: Mapping[Dim, int],
    *,
    dtype: str = "float64",
) -> dict[Tensor, Array]:
    """Return the values of what a recurrence defines, computed step by step."""
    found: dict[Tensor, Array] = {}
    for equation in recurrence.equations:
        shape = [extent_value(size, dims) for size in equation.lhs.shape]
        integer = equation.lhs.dtype == "int64"
        found[equation.lhs] = np.full(shape, 0 if integer else np.nan, "int64" if integer else dtype)
    known = {**arrays, **found}
    for equation, held, where in steps_of(recurrence, dims):
        ranges = {i: range(extent_value(size, dims)) for i, size in equation.extents.items()}
        known[equation.lhs][where] = _block(equation, Grid(equation, ranges | held, known, dims))
    return found


def steps_of(
    recurrence: Recurrence, dims: Mapping[Dim, int], outer: Mapping[Recurrence, int] | None = None
) -> Iterator[tuple[Equation, dict[Index, range], tuple[slice, ...]]]:
    """Yield what is computed, in order: an equation, its indices that are held, and where its block stands.

    Args:
        recurrence: whose steps are taken, with those of recurrences in it.
        dims: the sizes.
        outer: the present step of the recurrences around it.
    """
    steps = range(extent_value(recurrence.extent, dims))
    for step in steps if recurrence.direction > 0 else reversed(steps):
        now = {**(outer or {}), recurrence: step}
        for item in recurrence.items:
            if isinstance(item, Recurrence):
                yield from steps_of(item, dims, now)
                continue
            held = {loop.step_index(item): range(place, place + 1) for loop, place in now.items()}
            where = [slice(None)] * item.lhs.rank
            for loop, place in now.items():
                where[loop.axes[item.lhs]] = slice(place, place + 1)
            yield item, held, tuple(where)


@dataclass(frozen=True, slots=True)
class Grid:
    """The index grid of an equation, or a block of it.

    Attributes:
        equation: whose index variables span the grid, free ones first.
        ranges: the values of each index variable.
        arrays: the tensors that may be read.
        dims: the symbolic sizes.
    """

    equation: Equation
    ranges: Mapping[Index, range]
    arrays: Mapping[Tensor, Array]
    dims: Mapping[Dim, int]

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of values of each index variable."""
        return tuple(map(len, self.ranges.values()))

    def scope(self) -> Scope:
        """Return the scope of the elements inside all guards."""
        scope = Scope(self.leaf, np.ones((1,) * len(self.ranges), bool))
        for guard in self.equation.guards:  # in order: what a later one reads, an earlier one allows
            scope = scope.narrow(_holds(guard, scope, self.dims))
        return scope

    def leaf(self, expr: Any, mask: Array) -> Any:
        """Return the values of an index variable, a size or an access on the grid."""
        if isinstance(expr, Access):
            array = self.arrays[expr.tensor]
            where = self.positions(expr, mask)
            return array[where] if array.size else np.zeros((1,) * mask.ndim, array.dtype)
        if isinstance(expr, Dim):
            return self.dims[expr]
        axis = list(self.ranges).index(expr)
        span = self.ranges[expr]
        values = np.arange(span.start, span.stop)
        return values.reshape([-1 if a == axis else 1 for a in range(len(self.ranges))])

    def positions(self, access: Access, mask: Array) -> tuple[Array, ...]:
        """Return where an access reads, one integer array an axis; anything valid outside `mask`.

        Raises:
            ArgumentError: a wanted element lies outside the tensor.
        """
        scope = Scope(self.leaf, mask)
        where = []
        for expr, size in zip(access.indices, np.shape(self.arrays[access.tensor]), strict=True):
            position = np.asarray(scope.value(expr)).astype("int64")
            outside = mask & ((position < 0) | (position >= size))
            if outside.any():
                worst = np.broadcast_to(position, np.broadcast_shapes(position.shape, mask.shape))
                raise ArgumentError(
                    f"{access} reads position {worst[np.broadcast_to(outside, worst.shape)][0]}"
                    f" of an axis of size {size}",
                    expression=self.equation,
                )
            where.append(np.clip(position, 0, max(size - 1, 0)))
        return tuple(where)


def _holds(guard: Guard, scope: Scope, dims: Mapping[Dim, int]) -> Array:
    if isinstance(guard, InRange):
        value = scope.value(guard.expr)
        holds = (0 <= value) & (value < extent_value(guard.extent, dims))
    elif isinstance(guard, Divisible):
        holds = np.mod(scope.value(guard.expr), guard.by) == 0
    else:
        holds = np.equal(scope.value(guard.left), scope.value(guard.right))
    return np.asarray(holds)


def _block(equation: Equation, grid: Grid) -> Array:
    op = equation.reduction.op if equation.reduction else None
    free = grid.shape[: len(equation.indices)]
    integer = equation.lhs.dtype == "int64" and is_whole(equation.body)
    identity = _WHOLE[op] if integer else _IDENTITY[op]
    if not all(grid.shape):
        return np.full(free, 0 if op == "argmax" else identity)
    scope = grid.scope()
    value = np.where(scope.mask, scope.value(equation.body if integer else computed(equation.body)), identity)
    value = np.broadcast_to(value, grid.shape)
    return value if op is None else _REDUCE[op](value.reshape((*free, -1)))


def _logsumexp(value: Array) -> Array:
    peak = value.max(-1, keepdims=True)
    shift = np.where(np.isfinite(peak), peak, 0.0)
    result: Array = np.log(np.exp(value - shift).sum(-1)) + shift[..., 0]
    return result


_IDENTITY = {None: 0, "sum": 0, "prod": 1, "max": -np.inf, "logsumexp": -np.inf, "argmax": -np.inf}

_WHOLE = _IDENTITY | {"max": -(2**63), "argmax": -(2**63)}
"""The same for int64."""

_REDUCE: Mapping[str, Callable[[Array], Array]] = {
    "sum": lambda value: value.sum(-1),
    "prod": lambda value: value.prod(-1),
    "max": lambda value: value.max(-1),
    "logsumexp": _logsumexp,
    "argmax": lambda value: value.argmax(-1),
}
"""Each reduces the last axis, which holds all reduced ones in row-major order."""
