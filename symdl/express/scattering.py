"""Elements written to positions.

Enters: a tensor, positions in an integer tensor, what to write there. Leaves: the tensor with what was
written, as a sum (product, maximum) over all that goes to one place. It is the opposite of a gather, and its
gradient is one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import sympy as sp

from symdl.errors import ExpressionError, ShapeError
from symdl.express.dims import at_most
from symdl.express.doors import takes_tensors
from symdl.express.equations import Equal, Guard, InRange, Origin
from symdl.express.operators import axis_indices, elementwise, joint, one_axis
from symdl.express.selecting import Bounds, positions_within
from symdl.express.surface import ArgMax, Max, Prod, Reduce, Sum, define
from symdl.express.tensors import DType, Tensor

Writing = Literal["set", "add", "multiply", "max", "min"]


@takes_tensors
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
        op: ``"set"`` replaces (of several updates of one place the last counts, and only it gets a
            gradient; each place looks at all updates), ``"add"``, ``"multiply"``, ``"max"`` and ``"min"``
            combine the updates with what is there.
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
    along = one_axis(axis, x.rank)
    off = [a for a in range(x.rank) if a != along]
    fits = positions.rank == x.rank and updates.shape == positions.shape
    if not fits or not all(at_most(positions.shape[a], x.shape[a]) for a in off):
        raise ShapeError(
            "a scatter needs updates of the shape of the positions, no larger than the tensor off the axis",
            shapes={"tensor": x.shape, "positions": positions.shape, "updates": updates.shape},
        )
    ids = positions_within(positions, mode, x.shape[along])
    where, dtype = axis_indices(x.rank), joint(x, updates)
    (k,) = axis_indices(1, skip=where)
    reads = (*where[:along], k, *where[along + 1 :])
    inside: list[Guard] = [
        InRange(where[a], ids.shape[a]) for a in off if not at_most(x.shape[a], ids.shape[a])
    ]
    if op == "set":
        return _replaced(x, ids, updates, along, inside, name)
    guards = [*inside, Equal(ids.at(*reads), where[along])]

    def gathered(kind: type[Reduce], value: sp.Expr) -> Tensor:
        body = kind(value, (k, ids.shape[along]))
        return define(None, where, body, shape=x.shape, dtype=dtype, guards=guards, origin=Origin("scatter"))

    return _combined(op, x, updates.at(*reads), gathered, name, dtype)


def _replaced(
    x: Tensor, ids: Tensor, updates: Tensor, along: int, inside: Sequence[Guard], name: str | None
) -> Tensor:
    """The last update of each place, and `x` where there is none.

    The number of the last update is where ``k`` for updates of the place, -1 for others, is largest.
    """
    where = axis_indices(x.rank)
    (k,) = axis_indices(1, skip=where)
    count = ids.shape[along]

    def reads(number: sp.Expr) -> tuple[sp.Expr, ...]:
        return (*where[:along], number, *where[along + 1 :])

    def made(body: Any, dtype: DType, rule: str) -> Tensor:
        return define(None, where, body, shape=x.shape, dtype=dtype, guards=inside, origin=Origin(rule))

    if count == 0:
        return elementwise(lambda old: old, x, name=name, rule="scatter", dtype=x.dtype)
    mine = sp.Piecewise((k, sp.Eq(ids.at(*reads(k)), where[along])), (-1, True))
    last = made(ArgMax(mine, (k, count)), "int64", "last update").at(*where)
    written = sp.Piecewise((1, sp.Eq(ids.at(*reads(last)), where[along])), (0, True))
    parts = made(updates.at(*reads(last)), updates.dtype, "update"), made(written, "real", "written")
    return elementwise(
        lambda old, new, found: sp.Piecewise((new, found > 0), (old, True)),
        *(x, *parts),
        name=name,
        rule="scatter",
        dtype=joint(x, updates),
    )


def _combined(
    op: Literal["add", "multiply", "max", "min"],
    x: Tensor,
    update: sp.Expr,
    gathered: Callable[[type[Reduce], sp.Expr], Tensor],
    name: str | None,
    dtype: DType,
) -> Tensor:
    """Join what is there with all that `gathered` finds for its place."""
    if op in ("max", "min"):
        end, sign = (0, 1) if op == "max" else (-1 if dtype == "int64" else 0, -1)  # as in `reduce`
        extreme = sp.Max if op == "max" else sp.Min
        best = gathered(Max, end + sign * update)
        return elementwise(
            lambda old, new: extreme(old, end + sign * new), x, best, name=name, rule="scatter", dtype=dtype
        )
    kind, join = (Sum, sp.Add) if op == "add" else (Prod, sp.Mul)
    return elementwise(join, x, gathered(kind, update), name=name, rule="scatter", dtype=dtype)
