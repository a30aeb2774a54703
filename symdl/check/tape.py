"""A reverse-mode tape: automatic differentiation by recording.

Enters: a program and values. Leaves: gradients, found by running the program once, recording every
elementwise operation, read and reduction on arrays, and walking back over the recording. The local
derivatives are those of `symdl.check.local`; nothing is shared with the symbolic differentiator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from symdl.check.local import LOCAL, numeric
from symdl.check.matrices import matrix_cotangent
from symdl.errors import DerivativeError
from symdl.express.dims import Dim
from symdl.express.equations import MATRIX_OPS, Equation
from symdl.express.kinks import chosen
from symdl.express.ordering import Recurrence
from symdl.express.program import Program
from symdl.express.special.kinds import Called
from symdl.express.special.written import FORMS, written
from symdl.express.tensors import Access, Tensor
from symdl.run.reference.binding import Values, bind, bind_dims, extent_value
from symdl.run.reference.interpreter import Grid
from symdl.run.reference.matrices import matrix_function
from symdl.run.reference.scalars import FUNCTIONS, Scope

Array = NDArray[Any]
Pull = Callable[[Array], Array]


def tape_gradient(
    program: Program, output: Tensor, wrt: Sequence[Tensor], values: Values
) -> dict[Tensor, Array]:
    """Return the gradient of a rank-0 tensor with respect to each tensor in `wrt`, in float64.

    Args:
        program: computes `output`.
        output: the tensor to differentiate.
        wrt: tensors of the program, inputs or computed ones.
        values: an array for each input, keyed by name or tensor.

    Raises:
        DerivativeError: `output` has axes, or an operation has no recorded derivative.
        ArgumentError: the values do not fit the program.
    """
    if output.rank:
        raise DerivativeError(f"{output} is no scalar", cure="sum it or take its mean first")
    arrays = bind(program, values)
    tape = Tape({tensor: Node(array, constant=tensor.dtype == "int64") for tensor, array in arrays.items()})
    dims = bind_dims(program, arrays)
    with np.errstate(all="ignore"):
        recurrences = {r.equations: r for r in program.recurrences}
        for group in program.groups:
            if group in recurrences:
                _record_steps(recurrences[group], tape, dims)
            else:
                (equation,) = group
                tape.tensors[equation.lhs] = _record(equation, _grid(equation, tape, dims), tape)
        return tape.backward(output, wrt)


def _grid(equation: Equation, tape: Tape, dims: Mapping[Dim, int]) -> Grid:
    ranges = {i: range(extent_value(size, dims)) for i, size in equation.extents.items()}
    return Grid(equation, ranges, {t: node.value for t, node in tape.tensors.items()}, dims)


def _record_steps(recurrence: Recurrence, tape: Tape, dims: Mapping[Dim, int]) -> None:
    """Record a recurrence step by step; each step is put into a copy of the trajectory so far."""
    for equation in recurrence.equations:
        shape = [extent_value(size, dims) for size in equation.lhs.shape]
        tape.tensors[equation.lhs] = Node(np.full(shape, np.nan))
    steps = range(extent_value(recurrence.extent, dims))
    for step in steps if recurrence.direction > 0 else reversed(steps):
        for equation in recurrence.equations:
            grid = _grid(equation, tape, dims)
            here = range(step, step + 1)
            grid = replace(grid, ranges={**grid.ranges, recurrence.step_index(equation): here})
            where = (slice(None),) * recurrence.axes[equation.lhs] + (slice(step, step + 1),)
            so_far, block = tape.tensors[equation.lhs], _record(equation, grid, tape)
            tape.tensors[equation.lhs] = _put(tape, so_far, block, where)


def _put(tape: Tape, so_far: Node, block: Node, where: tuple[slice, ...]) -> Node:
    value = so_far.value.copy()
    value[where] = block.value

    def others(cotangent: Array) -> Array:
        kept = cotangent.copy()
        kept[where] = 0.0
        return kept

    return tape.add(value, [(so_far, others), (block, lambda cotangent: cotangent[where])])


@dataclass(slots=True, eq=False)
class Node:
    """A recorded array, and how a cotangent of it reaches the arrays that it was computed from."""

    value: Array
    parents: Sequence[tuple[Node, Pull]] = ()
    constant: bool = True


@dataclass(slots=True)
class Tape:
    """Everything recorded, in order; `tensors` holds the node of each finished tensor."""

    tensors: dict[Tensor, Node]
    nodes: list[Node] = field(default_factory=list)

    def add(self, value: Any, parents: Sequence[tuple[Node, Pull]]) -> Node:
        """Record an array."""
        kept = [(parent, pull) for parent, pull in parents if not parent.constant]
        node = Node(np.asarray(value), kept, constant=not kept)
        self.nodes.append(node)
        return node

    def backward(self, output: Tensor, wrt: Sequence[Tensor]) -> dict[Tensor, Array]:
        """Walk back from `output`. A zero cotangent stays zero, whatever it is multiplied by."""
        cotangents: dict[int, Array] = {id(self.tensors[output]): np.ones(())}
        for node in reversed(self.nodes):
            cotangent = cotangents.get(id(node))
            for parent, pull in node.parents if cotangent is not None else ():
                assert cotangent is not None
                term = _unbroadcast(pull(cotangent), parent.value.shape)
                before = cotangents.get(id(parent))
                cotangents[id(parent)] = term if before is None else before + term
        zeros = {t: np.zeros(self.tensors[t].value.shape) for t in wrt}
        return {t: cotangents.get(id(self.tensors[t]), zeros[t]) for t in wrt}


def _record(equation: Equation, grid: Grid, tape: Tape) -> Node:
    op = equation.reduction.op if equation.reduction else None
    free = grid.shape[: len(equation.indices)]
    if op in MATRIX_OPS:
        return _record_matrices(equation, grid, tape)
    if not all(grid.shape) or op == "argmax":
        empty = {"prod": 1.0, "max": -np.inf, "logsumexp": -np.inf}.get(str(op), 0.0)
        best = 0 if not all(grid.shape) else _masked(equation, grid, -np.inf, free).argmax(-1)
        return Node(np.broadcast_to(best if op == "argmax" else empty, free))
    scope = grid.scope()
    body = _Tracer(grid, tape).trace(equation.body, scope)
    outside = {None: 0.0, "sum": 0.0, "prod": 1.0}.get(op, -np.inf)
    masked = np.where(scope.mask, body.value, outside)
    inside = np.broadcast_to(masked, grid.shape)
    if op is None:
        return tape.add(inside, [(body, lambda g: np.where(scope.mask, g, 0.0))])
    value, weight = _REDUCTIONS[op](inside.reshape((*free, -1)))

    def pull(cotangent: Array) -> Array:
        spread = _times(cotangent[..., None], weight).reshape(grid.shape)
        return np.where(scope.mask, spread, 0.0)

    return tape.add(value, [(body, pull)])


def _record_matrices(equation: Equation, grid: Grid, tape: Tape) -> Node:
    """Record functions of the matrices that the body spans."""
    assert equation.reduction is not None
    op, own = equation.reduction.op, equation.own  # the body does not read them
    grid = replace(grid, ranges={i: range(1) if i in own else r for i, r in grid.ranges.items()})
    scope = grid.scope()
    body = _Tracer(grid, tape).trace(equation.body, scope)
    inside = np.broadcast_to(np.where(scope.mask, body.value, 0.0), grid.shape)
    matrices = inside.reshape([len(r) for i, r in grid.ranges.items() if i not in own])
    value = matrix_function(equation, matrices)

    def pull(cotangent: Array) -> Array:
        spread = matrix_cotangent(op, matrices, value, cotangent)
        return np.where(scope.mask, spread.reshape(grid.shape), 0.0)

    return tape.add(value, [(body, pull)])


def _masked(equation: Equation, grid: Grid, outside: float, free: tuple[int, ...]) -> Array:
    scope = grid.scope()
    value = np.where(scope.mask, scope.value(equation.body), outside)
    return np.broadcast_to(value, grid.shape).reshape((*free, -1))


def _sum(value: Array) -> tuple[Array, Array]:
    return value.sum(-1), np.ones(value.shape)


def _prod(value: Array) -> tuple[Array, Array]:
    size = value.shape[-1]
    others = np.where(np.eye(size, dtype=bool), 1.0, value[..., None, :]).prod(-1)
    return value.prod(-1), others


def _max(value: Array) -> tuple[Array, Array]:
    first = np.arange(value.shape[-1]) == value.argmax(-1)[..., None]
    return value.max(-1), first.astype(float)


def _logsumexp(value: Array) -> tuple[Array, Array]:
    peak = value.max(-1, keepdims=True)
    shifted = np.exp(value - np.where(np.isfinite(peak), peak, 0.0))
    total = shifted.sum(-1, keepdims=True)
    weight = np.where(total > 0, shifted / np.where(total > 0, total, 1.0), 0.0)
    finite = np.where(np.isfinite(peak), peak, 0.0)
    return (np.log(total) + finite)[..., 0], weight


_REDUCTIONS: dict[str, Callable[[Array], tuple[Array, Array]]] = {
    "sum": _sum,
    "prod": _prod,
    "max": _max,
    "logsumexp": _logsumexp,
}
"""Each returns the reduction over the last axis and the derivative with respect to each element."""


@dataclass(slots=True)
class _Tracer:
    """Records the body of one equation."""

    grid: Grid
    tape: Tape
    memo: dict[tuple[Any, int], Node] = field(default_factory=dict)
    scopes: list[Scope] = field(default_factory=list)

    def trace(self, expr: Any, scope: Scope) -> Node:
        key = (expr, id(scope))
        if key not in self.memo:
            self.scopes.append(scope)  # keeps its id in use
            self.memo[key] = self._trace(expr, scope)
        return self.memo[key]

    def _trace(self, expr: Any, scope: Scope) -> Node:
        if isinstance(expr, Access):
            return self._read(expr, scope)
        if not expr.has(Access) or expr.is_integer or isinstance(expr, sp.floor):  # whole numbers do not move
            return Node(np.asarray(scope.value(expr)))
        kinds = [kind.__name__ for kind in type(expr).__mro__]
        if "Piecewise" in kinds:
            return self._choose(expr.args, scope)
        if isinstance(expr, sp.Max | sp.Min):
            return self._choose(chosen(expr), scope)
        name = next((kind for kind in kinds if kind in LOCAL), None)
        if name is None and isinstance(expr, (Called, *FORMS)):
            return self._call(expr, scope)
        if name is None:
            raise DerivativeError(f"{expr.func} has no recorded derivative", expression=expr)
        parents = [self.trace(arg, scope) for arg in expr.args]
        inner = [np.asarray(parent.value) for parent in parents]
        value = np.asarray(FUNCTIONS[name](*inner))
        return self.tape.add(value, _pulls(LOCAL[name], parents, inner, value))

    def _call(self, expr: Any, scope: Scope) -> Node:
        """Record a special function, or one of the user's, whose slopes are those of its values."""
        moving = [arg for arg in expr.args if arg.has(Access)]
        names = {arg: sp.Dummy(real=True) for arg in moving}
        form = written(expr.func(*(names.get(arg, arg) for arg in expr.args)))

        def function(*arrays: Array) -> Array:
            table = dict(zip(names.values(), arrays, strict=True))
            found: Array = Scope(lambda leaf, mask: table[leaf], np.asarray(True)).value(form)
            return found

        parents = [self.trace(arg, scope) for arg in names]
        inner = [np.asarray(parent.value) for parent in parents]
        value = np.asarray(function(*inner))
        return self.tape.add(value, _pulls(numeric(function), parents, inner, value))

    def _read(self, access: Access, scope: Scope) -> Node:
        source = self.tape.tensors[access.tensor]
        value = np.asarray(self.grid.leaf(access, scope.mask))
        if source.constant or not source.value.size:
            return Node(value)
        where = self.grid.positions(access, scope.mask)

        def scatter(cotangent: Array) -> Array:
            target = np.zeros(source.value.shape)
            np.add.at(target, where, cotangent)
            return target

        return self.tape.add(value, [(source, scatter)])

    def _choose(self, cases: Any, scope: Scope) -> Node:
        """Record the first value whose condition holds; NaN where none does."""
        open_ = np.asarray(True)
        value: Any = np.nan
        parents: list[tuple[Node, Pull]] = []
        for branch, condition in cases:
            holds = np.asarray(scope.narrow(open_).value(condition))
            taken = open_ & holds
            node = self.trace(branch, scope.narrow(taken))
            value = np.where(taken, node.value, value)
            parents.append((node, _where(taken)))
            open_ = open_ & ~holds
        return self.tape.add(value, parents)


def _where(taken: Array) -> Pull:
    return lambda cotangent: np.where(taken, cotangent, 0.0)


def _pulls(
    local: Callable[..., Any], parents: Sequence[Node], inner: Sequence[Array], value: Array
) -> list[tuple[Node, Pull]]:
    def pull(place: int) -> Pull:
        return lambda cotangent: _times(cotangent, local(place, value, *inner))

    return [(parent, pull(place)) for place, parent in enumerate(parents)]


def _times(cotangent: Array, weight: Any) -> Array:
    return np.where(cotangent == 0, 0.0, cotangent * weight)


def _unbroadcast(array: Array, shape: tuple[int, ...]) -> Array:
    """Sum over the axes along which an array of `shape` was stretched."""
    extra = array.ndim - len(shape)
    summed = array.sum(tuple(range(extra))) if extra > 0 else array
    stretched = tuple(a for a, size in enumerate(shape) if size == 1 and summed.shape[a] != 1)
    result: Array = np.asarray(summed.sum(stretched, keepdims=True) if stretched else summed)
    return result
