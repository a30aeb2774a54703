"""Elements written to positions.

Enters: a tensor, positions in an integer tensor, what to write there. Leaves: the tensor with what was
written, as a sum (product, maximum) over all that goes to one place. It is the opposite of a gather, and its
gradient is one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import sympy as sp

from symdl.errors import ExpressionError, ShapeError
from symdl.express.dims import at_most
from symdl.express.equations import Equal, Guard, InRange, Origin
from symdl.express.operators import axis_indices, elementwise, normal_axes
from symdl.express.selecting import Bounds, positions_within
from symdl.express.surface import Max, Prod, Reduce, Sum, define
from symdl.express.tensors import Tensor

Writing = Literal["set", "add", "multiply", "max", "min"]


def scatter(
    x: Tensor,
    positions: Tensor,
    updates: Tensor,
    axis: int = 0,
    *,
    op: Writing = "set",
    mode: Bounds = "raise",
    name: str | None = None,
) -> Tensor:
    """Write an element to one position each: ``y[positions[n, j], j] = updates[n, j]`` along axis 0.

    Args:
        x: what stays where nothing is written.
        positions: int64, as many axes as `x`; off `axis` no size is larger than that of `x`.
        updates: the shape of `positions`.
        axis: along which the positions count.
        op: ``"set"`` replaces (of several updates of one place the mean counts), ``"add"``, ``"multiply"``,
            ``"max"`` and ``"min"`` combine the updates with what is there.
        mode: of positions outside the axis: ``"raise"`` writes them nowhere, ``"wrap"`` counts them on from
            the other end.
        name: of the result.

    Returns:
        The shape of `x`.

    Raises:
        ShapeError: shapes that do not fit.
        ExpressionError: an unknown `op`, positions that are no integers.
    """
    if op not in ("set", "add", "multiply", "max", "min"):
        raise ExpressionError(f"op = {op!r}", cure="use 'set', 'add', 'multiply', 'max' or 'min'")
    (along,) = normal_axes(axis, x.rank)
    off = [a for a in range(x.rank) if a != along]
    fits = positions.rank == x.rank and updates.shape == positions.shape
    if not fits or not all(at_most(positions.shape[a], x.shape[a]) for a in off):
        raise ShapeError(
            "a scatter needs updates of the shape of the positions, no larger than the tensor off the axis",
            shapes={"tensor": x.shape, "positions": positions.shape, "updates": updates.shape},
        )
    ids = positions_within(positions, mode, x.shape[along])
    where = axis_indices(x.rank)
    (k,) = axis_indices(1, skip=where)
    reads = (*where[:along], k, *where[along + 1 :])
    inside: list[Guard] = [
        InRange(where[a], ids.shape[a]) for a in off if not at_most(x.shape[a], ids.shape[a])
    ]
    guards = [*inside, Equal(ids.at(*reads), where[along])]

    def gathered(kind: type[Reduce], value: sp.Expr) -> Tensor:
        body = kind(value, (k, ids.shape[along]))
        return define(None, where, body, shape=x.shape, guards=guards, origin=Origin("scatter"))

    return _combined(op, x, updates.at(*reads), gathered, name)


def _combined(
    op: Writing,
    x: Tensor,
    update: sp.Expr,
    gathered: Callable[[type[Reduce], sp.Expr], Tensor],
    name: str | None,
) -> Tensor:
    """Join what is there with all that `gathered` finds for its place."""
    if op == "set":
        count, total = gathered(Sum, sp.Integer(1)), gathered(Sum, update)
        return elementwise(
            lambda old, n, new: sp.Piecewise((new / n, n > 0), (old, True)),
            *(x, count, total),
            name=name,
            rule="scatter",
        )
    if op in ("max", "min"):
        sign, extreme = (1, sp.Max) if op == "max" else (-1, sp.Min)
        best = gathered(Max, sign * update)
        return elementwise(lambda old, new: extreme(old, sign * new), x, best, name=name, rule="scatter")
    kind, join = (Sum, sp.Add) if op == "add" else (Prod, sp.Mul)
    return elementwise(join, x, gathered(kind, update), name=name, rule="scatter")
