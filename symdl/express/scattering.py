"""Elements written to positions.

Enters: a tensor, positions in an integer tensor, what to write there. Leaves: the tensor with what was
written, as a sum (product, maximum) over all that goes to one place. It is the opposite of a gather, and its
gradient is one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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

Writing = Literal["set", "add", "multiply", "mean", "max", "min"]


@takes_tensors
def scatter(
    x: Tensor,
    positions: Tensor,
    updates: Tensor,
    axis: int = 0,
    *,
    op: Writing = "set",
    include_self: bool = True,
    mode: Bounds = "raise",
    name: str | None = None,
) -> Tensor:
    """Write an element to one position each: ``y[positions[n, j], j] = updates[n, j]`` along axis 0.

    The result has the shape of `x`.

    Args:
        x: what stays where nothing is written.
        positions: int64, as many axes as `x`; off `axis` no size is larger than that of `x`.
        updates: the shape of `positions`.
        axis: along which the positions count.
        op: ``"set"`` replaces (of several updates of one place the last counts, and only it gets a
            gradient; each place looks at all updates), ``"add"``, ``"multiply"``, ``"mean"``, ``"max"`` and
            ``"min"`` combine the updates with what is there.
        include_self: whether what is there takes part; without it the updates alone are combined.
        mode: of positions outside the axis: ``"raise"`` writes them nowhere, ``"wrap"`` counts them on from
            the other end.
        name: of the result.

    Raises:
        ShapeError: shapes that do not fit.
        ExpressionError: an unknown `op`, positions that are no integers, no `include_self` where what is
            there is replaced anyway.

    Example:
        >>> x, u = sd.tensor("x", (3,)), sd.tensor("u", (1,))
        >>> at = sd.tensor("at", (1,), dtype="int64")
        >>> sd.compile(sd.scatter(x, at, u), target="python")(x=[1, 2, 3], at=[2], u=[9])
        array([1., 2., 9.])
    """
    _check(op, include_self)
    along = one_axis(axis, x.rank)
    off = [a for a in range(x.rank) if a != along]
    fits = positions.rank == x.rank and updates.shape == positions.shape
    if not fits or not all(at_most(positions.shape[a], x.shape[a]) for a in off):
        raise ShapeError(
            "a scatter needs updates of the shape of the positions, no larger than the tensor off the axis",
            shapes={"tensor": x.shape, "positions": positions.shape, "updates": updates.shape},
        )
    ids, dtype = positions_within(positions, mode, x.shape[along]), joint(x, updates)
    *where, k = axis_indices(x.rank + 1)
    reads = (*where[:along], k, *where[along + 1 :])
    inside: list[Guard] = [
        InRange(where[a], ids.shape[a]) for a in off if not at_most(x.shape[a], ids.shape[a])
    ]
    if op == "set":
        return _replaced(x, ids, updates, along, inside, name)
    guards = [*inside, Equal(ids.at(*reads), where[along])]

    def gathered(kind: type[Reduce], value: sp.Expr) -> Tensor:
        body = kind(value, (k, ids.shape[along]))
        whole: DType = "int64" if value.is_Integer else dtype
        return define(None, where, body, shape=x.shape, dtype=whole, guards=guards, origin=Origin("scatter"))

    found = _Found(op, x, updates.at(*reads), gathered, "real" if op == "mean" else dtype)
    return found.joined(name) if include_self else found.alone(name)


def _check(op: Writing, include_self: bool) -> None:
    if op not in ("set", "add", "multiply", "mean", "max", "min"):
        raise ExpressionError(f"op = {op!r}", cure="use 'set', 'add', 'multiply', 'mean', 'max' or 'min'")
    if op == "set" and not include_self:
        raise ExpressionError(
            'op="set" takes no part of what is there',
            cure='leave include_self out, or use op="add" and others',
        )


@dataclass(frozen=True, slots=True)
class _Found:
    """What is to be combined at each place.

    Attributes:
        op: how.
        x: what is there.
        update: one of the updates for a place.
        gathered: reduces all updates for a place.
        dtype: of the result.
    """

    op: Writing
    x: Tensor
    update: sp.Expr
    gathered: Callable[[type[Reduce], sp.Expr], Tensor]
    dtype: DType

    def joined(self, name: str | None) -> Tensor:
        """What is there and all that is written."""
        if self.op == "mean":
            parts = self.x, self._all(), self._count()
            return self._made(lambda old, new, count: (old + new) / (1 + count), *parts, name=name)
        join = {"add": sp.Add, "multiply": sp.Mul, "max": sp.Max, "min": sp.Min}[self.op]
        return self._made(lambda old, new: join(old, self._turned(new)), self.x, self._all(), name=name)

    def alone(self, name: str | None) -> Tensor:
        """What is written, and what is there where nothing is."""

        def chosen(old: sp.Expr, new: sp.Expr, count: sp.Expr) -> sp.Expr:
            written = new / count if self.op == "mean" else self._turned(new)
            return sp.Piecewise((written, count > 0), (old, True))

        return self._made(chosen, self.x, self._all(), self._count(), name=name)

    def _all(self) -> Tensor:
        kind = {"max": Max, "min": Max, "multiply": Prod}.get(self.op, Sum)
        return self.gathered(kind, self._turned(self.update))

    def _count(self) -> Tensor:
        return self.gathered(Sum, sp.S.One)

    def _turned(self, value: sp.Expr) -> sp.Expr:
        """A minimum is the largest of the values turned round, as in `reduce`; it is turned round again."""
        if self.op != "min":
            return value
        return (-1 if self.dtype == "int64" else 0) - value

    def _made(self, formula: Callable[..., sp.Expr], *parts: Tensor, name: str | None) -> Tensor:
        return elementwise(formula, *parts, name=name, rule="scatter", dtype=self.dtype)


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
