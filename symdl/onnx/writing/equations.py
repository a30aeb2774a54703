"""One equation as nodes.

Enters: an equation, and the values that it reads. Leaves: the value of its left-hand side: by an operator of
its own where the format has one, else by what an equation means: its body over all indices, reduced.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import sympy as sp

from symdl.express.computed import computed
from symdl.express.dims import dims_of
from symdl.express.equations import MATRIX_OPS, Equation, guard_terms
from symdl.express.tensors import Access
from symdl.onnx.nodes import Unsupported
from symdl.onnx.writing.contractions import contracted
from symdl.onnx.writing.layout import MOST, Grid, guarded, indices_of
from symdl.onnx.writing.nodes import Made
from symdl.onnx.writing.windows import convolved, pooled
from symdl.run.reference.scalars import Scope

REDUCE = {"sum": "ReduceSum", "prod": "ReduceProd", "max": "ReduceMax", "logsumexp": "ReduceLogSumExp"}
IDENTITY = {None: 0.0, "sum": 0.0, "prod": 1.0, "max": float("-inf"), "logsumexp": float("-inf")}


def written(grid: Grid) -> Made:
    """Return the value of the left-hand side.

    Raises:
        Unsupported: what it asks for has no counterpart.
    """
    equation, graph = grid.equation, grid.graph
    op = equation.reduction.op if equation.reduction else None
    if op in MATRIX_OPS:
        return _determinant(grid)
    found = (softmax(grid) or reshaped(grid)) if op is None else None
    if op == "sum":
        found = convolved(grid) or pooled(grid) or contracted(grid)
    elif op == "max":
        found = pooled(grid)
    if found is None:
        found = _reduced(grid)
    return graph.integer(found) if equation.lhs.dtype == "int64" else graph.real(found)


def _reduced(grid: Grid) -> Made:
    """Return what an equation means."""
    equation, graph = grid.equation, grid.graph
    op = equation.reduction.op if equation.reduction else None
    whole = equation.lhs.dtype == "int64"
    body = equation.body if whole else computed(equation.body)
    value = grid.formula.value(body)
    if value.kind == "truth":
        value = graph.integer(value)
    if not whole:
        value = graph.real(value)
    value = guarded(grid, value, equation.guards, IDENTITY.get(op, float("-inf")))
    value = spread(grid, value)
    free, bound = len(equation.indices), len(equation.bound)
    if op is None:
        return value
    axes = list(range(free, free + bound))
    if op != "argmax":
        return graph.node(REDUCE[op], value, graph.whole(axes), keepdims=0)
    if bound > 1:
        shape = grid.extents([*equation.lhs.shape, -1])
        value = graph.node("Reshape", value, shape)
    return graph.node("ArgMax", value, kind="int64", axis=free, keepdims=0)


def spread(grid: Grid, value: Made) -> Made:
    """Return a value stretched over the indices that it does not depend on."""
    equation = grid.equation
    found = indices_of(equation.body)
    for guard in equation.guards:
        found |= {i for term in guard_terms(guard) for i in indices_of(term)}
    missing = [i for i in grid.indices if i not in found]
    if not grid.lead(found) and all(equation.extents[i] == 1 for i in missing):
        return value
    return grid.graph.node("Expand", value, grid.extents(list(equation.extents.values())))


def softmax(grid: Grid) -> Made | None:
    """Return ``exp(z[i, j] - logsumexp_k z[i, k])`` and its logarithm by their operators."""
    equation = grid.equation
    body, op = equation.body, "LogSoftmax"
    if isinstance(body, sp.exp):
        body, op = body.args[0], "Softmax"
    if equation.guards or not isinstance(body, sp.Add) or len(body.args) != 2:
        return None
    for z, other in (body.args, body.args[::-1]):
        total = -other
        if not isinstance(z, Access) or not isinstance(total, Access) or total.tensor.equation is None:
            continue
        below = total.tensor.equation
        reduction = below.reduction
        if reduction is None or reduction.op != "logsumexp" or below.guards or len(reduction.axes) != 1:
            continue
        (k,) = reduction.bound
        rest = [i for i in equation.indices if i not in total.indices]
        if z.indices != equation.indices or len(rest) != 1 or len(total.indices) != len(below.indices):
            continue
        same = dict(zip(below.indices, total.indices, strict=True)) | {k: rest[0]}
        if not isinstance(below.body, Access) or below.body.tensor is not z.tensor:
            continue
        if (
            tuple(same.get(i) for i in below.body.indices) != z.indices
            or z.tensor.shape != equation.lhs.shape
        ):
            continue
        return grid.graph.node(op, grid.tensor(z.tensor), axis=equation.indices.index(rest[0]))
    return None


def reshaped(grid: Grid) -> Made | None:
    """Return the elements of a tensor in their order under another shape.

    That they stay in order is found by computing their places, for two values of the sizes that vary.
    """
    equation = grid.equation
    body = equation.body
    if equation.origin.rule != "reshape" or equation.guards or not isinstance(body, Access) or body.nested():
        return None
    if not all(_in_order(equation, body, size) for size in (2, 3)):
        return None
    shape = equation.lhs.shape
    varying = [size for size in shape if not isinstance(size, int)]
    wanted = [-1 if not isinstance(s, int) else s for s in shape] if len(varying) == 1 else list(shape)
    return grid.graph.node("Reshape", grid.tensor(body.tensor), grid.extents(wanted))


def _in_order(equation: Equation, access: Access, size: int) -> bool:
    """Say whether an access reads a tensor from beginning to end, where sizes that vary are `size`."""
    dims = {d: size for s in (*equation.lhs.shape, *access.tensor.shape) for d in dims_of(s)}
    new, old = (
        [int(sp.sympify(s, strict=True).subs(dims)) for s in shape]
        for shape in (equation.lhs.shape, access.tensor.shape)
    )
    if prod(new) != prod(old) or prod(new) > MOST:
        return False
    spans: dict[Any, Any] = dict(zip(equation.indices, np.indices(new), strict=True))
    spans |= dims
    # An index stands for the array of its values, with which a scope computes as with numbers.
    scope = Scope(lambda leaf, _: spans[leaf], np.True_)  # type: ignore[arg-type]
    place: Any = 0
    for expr, extent in zip(access.indices, old, strict=True):
        place = place * extent + scope.value(expr)
    return bool((np.broadcast_to(place, new).ravel() == np.arange(prod(new))).all())


def _determinant(grid: Grid) -> Made:
    equation = grid.equation
    reduction = equation.reduction
    if reduction is None or reduction.op != "det" or not isinstance(equation.body, Access) or equation.guards:
        words = MATRIX_OPS[reduction.op].words if reduction else "value"
        raise Unsupported(f"the {words} of a matrix")
    value, axes = grid.apart(equation.body) or (None, [])
    if value is None:
        raise Unsupported("the determinant of what is read twice")
    return grid.graph.node("Det", grid.ordered(value, axes, [*equation.indices, *reduction.bound]))
