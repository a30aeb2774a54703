"""A reverse-mode tape: automatic differentiation by recording.

Enters: a program and values. Leaves: gradients, found by running the program once, recording every
elementwise operation, read and reduction on arrays, and walking back over the recording. The local
derivatives are those of `symdl.check.local`; nothing is shared with the symbolic differentiator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.check.local import LOCAL, numeric
from symdl.check.matrices import matrix_cotangent
from symdl.check.walk import Shape, walk
from symdl.errors import DerivativeError
from symdl.express.equations import Equation, Op
from symdl.express.program import Program
from symdl.express.tensors import Tensor
from symdl.run.reference.binding import Values, bind_dims
from symdl.run.reference.interpreter import evaluate
from symdl.run.reference.matrices import matrix_function
from symdl.run.reference.scalars import FUNCTIONS

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
    arrays = evaluate(program, values)
    tape = Tape()
    start = {t: Node(arrays[t], constant=False) for t in program.inputs if t.dtype == "real"}
    tensors = walk(program, arrays, bind_dims(program, arrays), tape, start)
    with np.errstate(all="ignore"):
        return tape.backward(tensors, output, wrt)


@dataclass(slots=True, eq=False)
class Node:
    """A recorded array, and how a cotangent of it reaches the arrays that it was computed from."""

    value: Array
    parents: Sequence[tuple[Node, Pull]] = ()
    constant: bool = True


@dataclass(slots=True)
class Tape:
    """Everything recorded, in order: the arithmetic of reverse mode."""

    nodes: list[Node] = field(default_factory=list)
    functions = LOCAL

    def add(self, value: Any, parents: Sequence[tuple[Node, Pull]]) -> Node:
        """Record an array."""
        kept = [(parent, pull) for parent, pull in parents if not parent.constant]
        node = Node(np.asarray(value), kept, constant=not kept)
        self.nodes.append(node)
        return node

    def backward(
        self, tensors: Mapping[Tensor, Node], output: Tensor, wrt: Sequence[Tensor]
    ) -> dict[Tensor, Array]:
        """Walk back from `output`. A zero cotangent stays zero, whatever it is multiplied by."""
        cotangents: dict[int, Array] = {id(tensors[output]): np.ones(())}
        for node in reversed(self.nodes):
            cotangent = cotangents.get(id(node))
            for parent, pull in node.parents if cotangent is not None else ():
                assert cotangent is not None
                term = _unbroadcast(pull(cotangent), parent.value.shape)
                before = cotangents.get(id(parent))
                cotangents[id(parent)] = term if before is None else before + term
        zeros = {t: np.zeros(tensors[t].value.shape) for t in wrt}
        return {t: cotangents.get(id(tensors[t]), zeros[t]) for t in wrt}

    def constant(self, value: Array) -> Node:
        """Record nothing: it does not move."""
        return Node(value)

    def apply(self, name: str, args: Sequence[Node]) -> Node:
        """Record a scalar function."""
        inner = [np.asarray(arg.value) for arg in args]
        value = np.asarray(FUNCTIONS[name](*inner))
        return self.add(value, _pulls(LOCAL[name], args, inner, value))

    def call(self, function: Callable[..., Array], args: Sequence[Node]) -> Node:
        """Record a special function, or one of the user's, whose slopes are those of its values."""
        inner = [np.asarray(arg.value) for arg in args]
        value = np.asarray(function(*inner))
        return self.add(value, _pulls(numeric(function), args, inner, value))

    def read(self, source: Node, where: tuple[Array, ...], mask: Array) -> Node:
        """Record a read; its cotangent is added up where it was read."""

        def scatter(cotangent: Array) -> Array:
            target = np.zeros(source.value.shape)
            np.add.at(target, where, cotangent)
            return target

        return self.add(source.value[where], [(source, scatter)])

    def select(
        self, cases: Sequence[tuple[Array, Node]], otherwise: float, shape: Shape | None = None
    ) -> Node:
        """Record a choice."""
        value: Any = otherwise
        for taken, node in cases:
            value = np.where(taken, node.value, value)
        wide = value if shape is None else np.broadcast_to(value, shape)
        return self.add(wide, [(node, _where(taken)) for taken, node in cases])

    def reduce(self, op: Op, value: Node, free: Shape) -> Node:
        """Record a sum, product, maximum or logsumexp over all axes after the first ones."""
        found, weight = _REDUCTIONS[op](value.value.reshape((*free, -1)))

        def pull(cotangent: Array) -> Array:
            return _times(cotangent[..., None], weight).reshape(value.value.shape)

        return self.add(found, [(value, pull)])

    def matrices(self, equation: Equation, value: Node, shape: Shape) -> Node:
        """Record a function of matrices."""
        assert equation.reduction is not None
        op, matrices = equation.reduction.op, value.value.reshape(shape)
        found = matrix_function(equation, matrices)

        def pull(cotangent: Array) -> Array:
            return matrix_cotangent(op, matrices, found, cotangent).reshape(value.value.shape)

        return self.add(found, [(value, pull)])

    def put(self, so_far: Node, block: Node, where: tuple[slice, ...]) -> Node:
        """Record that a block of an array is replaced."""
        value = so_far.value.copy()
        value[where] = block.value

        def others(cotangent: Array) -> Array:
            kept = cotangent.copy()
            kept[where] = 0.0
            return kept

        return self.add(value, [(so_far, others), (block, lambda cotangent: cotangent[where])])


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
