"""One axis of steps as two: equations rewritten for segments.

Enters: equations in which a variable counts steps, ``t = 0 … k m - 1``. Leaves: the same with a segment `s`
and a place `r` in it, ``t = k s + r``; a tensor of shape ``(n, k m, j)`` becomes one of ``(n, m, k, j)``.
Where an equation reads the step before, that may be the end of another segment: it reads a shifted tensor,
put together from its own segment and from what was kept of the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import sympy as sp

from symdl.differentiate.indexforms import fresh_index
from symdl.express.dims import Extent, Index, as_extent
from symdl.express.equations import Equal, Equation, Guard, InRange, Origin, Reduction, check, map_guard
from symdl.express.operators import axis_indices
from symdl.express.tensors import Access, Tensor, map_accesses

Place = tuple[Tensor, int, tuple[sp.Expr, ...]]
"""What is read instead: another tensor, the axis that counted steps, the index expressions in its place."""

Read = Callable[[Access, Index, Index, Index], Place | None]
"""Maps an access, the variable of the steps and the two new ones; None where only the step is rewritten."""

ORIGIN = Origin("segments")


@dataclass(frozen=True, slots=True)
class Cut:
    """`count` segments of `length` steps each, run through in a `direction`."""

    count: Extent
    length: int
    direction: int

    @property
    def first(self) -> int:
        """The place of a segment that comes first."""
        return 0 if self.direction > 0 else self.length - 1

    @property
    def last(self) -> int:
        """The place of a segment that comes last; what it holds is kept."""
        return self.length - 1 - self.first

    @property
    def end(self) -> sp.Expr:
        """The segment that comes last."""
        return self.count - sp.Integer(1) if self.direction > 0 else sp.Integer(0)

    def shape(self, tensor: Tensor, axis: int) -> tuple[Extent, ...]:
        """Return the shape with two axes in the place of one."""
        return (*tensor.shape[:axis], self.count, self.length, *tensor.shape[axis + 1 :])

    def segment(self, step: sp.Expr) -> sp.Expr | None:
        """Return the segment that ends with a fixed step, or None if none does."""
        count = sp.expand((step - self.last) / self.length)
        return count if not count.atoms(Index, Access) and _whole(count) else None


def cut(extent: Extent, length: int, direction: int) -> Cut | None:
    """Return how an axis is cut, or None if the segments do not come out even or there is only one."""
    count = sp.expand(sp.sympify(extent, strict=True) / length)
    return Cut(as_extent(count), length, direction) if count not in (0, 1) and _whole(count) else None


def _whole(expr: sp.Expr) -> bool:
    return all(term.as_coeff_Mul()[0].is_Integer for term in sp.Add.make_args(expr))


def offset(expr: sp.Expr, step: Index) -> int | None:
    """Return `c` where `expr` is ``step + c`` with a whole number `c`."""
    gap = sp.expand(expr - step)
    return int(gap) if gap.is_Integer else None


def version(tensor: Tensor, axis: int, cut: Cut, mark: str) -> Tensor:
    """Return a tensor for the values of another one by segments."""
    name = None if tensor.name is None else tensor.name + mark
    return Tensor(name, cut.shape(tensor, axis), dtype=tensor.dtype, role=tensor.role, of=tensor.of)


def segmented(equation: Equation, step: Index, lhs: Tensor, cut: Cut, read: Read) -> Equation:
    """Return the equation for `lhs`, with a segment and a place where `step` was.

    If `step` is summed over, its places are, and the segment becomes the first index of `lhs`.
    """
    s = fresh_index(set(equation.extents), Index("s"))
    r = fresh_index({*equation.extents, s}, Index("r"))

    def index(expr: sp.Expr) -> sp.Expr:
        return sp.expand(map_accesses(expr, access).xreplace({step: cut.length * s + r}))

    def access(found: Access) -> sp.Expr:
        place = read(found, step, s, r)
        if place is None:
            return Access(found.tensor, *map(index, found.indices))
        tensor, axis, where = place
        before, after = found.indices[:axis], found.indices[axis + 1 :]
        return Access(tensor, *map(index, before), *where, *map(index, after))

    free = list(equation.indices)
    reduction = equation.reduction
    if step in free:
        at = free.index(step)
        free[at : at + 1] = [s, r]
    else:
        assert reduction is not None
        free.insert(0, s)
        axes = tuple((r, cut.length) if i == step else (i, size) for i, size in reduction.axes)
        reduction = Reduction(reduction.op, axes)
    body = map_accesses(equation.body, access).xreplace({step: cut.length * s + r})
    guards = tuple(map_guard(guard, index) for guard in equation.guards)
    return check(Equation(lhs, tuple(free), body, reduction, guards, equation.origin))


def _equation(lhs: Tensor, where: Sequence[Index], body: sp.Expr, *guards: Guard) -> Equation:
    return check(Equation(lhs, tuple(where), body, guards=guards, origin=ORIGIN))


def shifted(tensor: Tensor, kept: Tensor, axis: int, cut: Cut) -> tuple[Equation, ...]:
    """Return equations for the values one step before, the last of which defines them.

    Args:
        tensor: by segments, `axis` and the next one.
        kept: its values at the last place of each segment.
        axis: of the segments.
        cut: of the steps.
    """
    where = axis_indices(tensor.rank)
    s, r = where[axis : axis + 2]
    before, after = where[:axis], where[axis + 2 :]
    inside, edge, both = (Tensor(None, tensor.shape, dtype=tensor.dtype) for _ in range(3))
    earlier, back = r - cut.direction, s - cut.direction
    guards = (Equal(r, sp.Integer(cut.first)), InRange(back, cut.count))
    return (
        _equation(inside, where, tensor.at(*before, s, earlier, *after), InRange(earlier, cut.length)),
        _equation(edge, where, kept.at(*before, back, *after), *guards),
        _equation(both, where, inside.at(*where) + edge.at(*where)),
    )


def keeping(tensor: Tensor, kept: Tensor, axis: int, cut: Cut) -> Equation:
    """Return the equation of what is kept: a tensor by segments at the last place of each."""
    where = axis_indices(kept.rank)
    last = sp.Integer(cut.last)
    return _equation(kept, where, tensor.at(*where[: axis + 1], last, *where[axis + 1 :]))


def joined(lhs: Tensor, tensor: Tensor, axis: int, cut: Cut) -> Equation:
    """Return the equation of the values by steps from those by segments."""
    where = axis_indices(lhs.rank)
    t = where[axis]
    place = sp.floor(t / sp.Integer(cut.length)), sp.Mod(t, cut.length)
    return _equation(lhs, where, tensor.at(*where[:axis], *place, *where[axis + 1 :]))


def copied(tensor: Tensor, axis: int, cut: Cut) -> Equation:
    """Return the equation that copies the steps of a segment side by side."""
    made = Tensor(None, cut.shape(tensor, axis), dtype=tensor.dtype)
    where = axis_indices(made.rank)
    step = cut.length * where[axis] + where[axis + 1]
    return _equation(made, where, tensor.at(*where[:axis], step, *where[axis + 2 :]))


def accumulated(equation: Equation, part: Tensor, cut: Cut) -> tuple[tuple[Equation, ...], Equation]:
    """Return equations that add up the parts of a sum segment by segment, and the one of the whole sum."""
    whole, earlier = (Tensor(None, part.shape) for _ in range(2))
    s, *rest = where = axis_indices(part.rank)
    back = s - cut.direction
    run = (
        _equation(earlier, where, whole.at(back, *rest), InRange(back, cut.count)),
        _equation(whole, where, part.at(*where) + earlier.at(*where)),
    )
    total = replace(equation, body=whole.at(cut.end, *equation.indices), reduction=None, guards=())
    return run, check(total)
