"""What of a program belongs to single samples, and where samples meet.

Enters: a program whose inputs share an axis over samples. Leaves: a `Place` for every tensor: along which
axis its samples lie, if it has them, and on how many reductions over all samples, one reading the other, it
depends. Where samples meet in another way than in such a reduction, a tensor has no place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sympy as sp

from symdl.express.dims import Dim, Extent, Index, dims_of, in_range
from symdl.express.equations import Equation, InRange, guard_terms
from symdl.express.program import Program
from symdl.express.tensors import Access, Tensor

MERGED = ("sum", "prod", "max", "logsumexp")
"""Reductions whose value over all samples follows from their values over some of them."""

_SAMPLE, _ROW = Index("sample"), Index("row of the sample")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tensor stands between the samples and the numbers over all of them.

    Attributes:
        level: how many reductions over samples it needs first, one reading the other.
        axis: the axis along which samples lie, or None.
        rows: how many neighbouring places of that axis belong to one sample.
        reduces: whether it is itself a reduction over samples; what reads it is one level higher.
    """

    level: int
    axis: int | None = None
    rows: Extent = 1
    reduces: bool = False

    @property
    def ready(self) -> int:
        """The level of what reads it."""
        return self.level + self.reduces


def places(program: Program, samples: Dim, *, numbered: bool = False) -> dict[Tensor, Place | None]:
    """Return the place of every tensor; None where samples meet other than in a reduction of `MERGED`.

    Not `numbered`: nor where a sample's part holds its number, as random numbers do, which other samples in
    its place would not have.
    """
    found: dict[Tensor, Place | None] = {t: _declared(t, samples, 0) for t in program.inputs}
    for group in program.groups:
        members = {e.lhs for e in group}
        outside = [found[t] for e in group for t in e.reads() if t not in members]
        levels = [place.ready for place in outside if place is not None]
        if len(levels) < len(outside):
            found.update(dict.fromkeys(members))
            continue
        level = max(levels, default=0)
        declared = {t: _declared(t, samples, level) for t in members}
        loop = any(t in members for e in group for t in e.reads())
        around = found | declared
        new = {e.lhs: _placed(e, around, samples, level, numbered=numbered) for e in group}
        if loop and any(place is None or place.reduces for place in new.values()):
            new = dict.fromkeys(members)
        found.update(new)
    return found


def where_samples_mix(program: Program, samples: Dim) -> Equation | None:
    """Return the first equation in which samples meet other than in a reduction of `MERGED`, if any."""
    known = places(program, samples)
    return next((e for e in program.equations if known[e.lhs] is None), None)


def _declared(tensor: Tensor, samples: Dim, level: int) -> Place | None:
    """Return the place that the shape shows."""
    axes = [a for a, size in enumerate(tensor.shape) if samples in dims_of(size)]
    if not axes:
        return Place(level)
    rows = _rows(tensor.shape[axes[0]], samples)
    return None if len(axes) > 1 or rows is None else Place(level, axes[0], rows)


def _rows(size: Extent, samples: Dim) -> Extent | None:
    """Return `c` where `size` is ``c*samples``, or None."""
    rows = sp.cancel(size / samples)
    if rows.is_Integer:
        return int(rows)
    return None if rows.has(samples) or not rows.is_polynomial() else rows


def _placed(
    equation: Equation, known: Mapping[Tensor, Place | None], samples: Dim, level: int, *, numbered: bool
) -> Place | None:
    over = [index for index, size in equation.extents.items() if samples in dims_of(size)]
    rows = _rows(equation.extents[over[0]], samples) if over else 1
    if len(over) > 1 or rows is None or not _apart(equation, over, rows, known, samples, numbered=numbered):
        return None
    if not over:
        return Place(level)
    if over[0] in equation.indices:
        return Place(level, equation.indices.index(over[0]), rows)
    assert equation.reduction is not None
    return Place(level, reduces=True) if equation.reduction.op in MERGED else None


def _apart(
    equation: Equation,
    over: list[Index],
    rows: Extent,
    known: Mapping[Tensor, Place | None],
    samples: Dim,
    *,
    numbered: bool,
) -> bool:
    """Say whether each sample's part reads that sample only, and, if not `numbered`, not its number."""
    moved: dict[sp.Basic, sp.Expr] = dict.fromkeys(over, rows * _SAMPLE + (_ROW if rows != 1 else 0))
    extents = {**equation.extents, _ROW: rows}

    def bare(expr: sp.Basic) -> set[sp.Basic]:
        """Return the symbols of an expression outside of accesses, which are atoms."""
        found: set[sp.Basic] = expr.atoms(sp.Symbol)
        if found.isdisjoint(over):
            return found
        return sp.expand(one_sample(expr)).atoms(sp.Symbol)  # type: ignore[no-any-return]

    def one_sample(expr: sp.Basic) -> sp.Basic:
        """Return an expression with the number of the sample in it."""
        plain = expr.xreplace({a: sp.Dummy(integer=True) for a in expr.atoms(Access)})
        return plain.xreplace(moved)

    for access in equation.accesses():
        place = known[access.tensor]
        if place is None:
            return False
        for axis, where in enumerate(access.indices):
            if axis != place.axis:
                if bare(where) & {_SAMPLE, samples}:
                    return False
            elif not (over and where == over[0] and place.rows == rows):
                rest = sp.expand(one_sample(where) - place.rows * _SAMPLE)
                if where.has(Access) or _SAMPLE in rest.free_symbols:
                    return False
                if not in_range(rest, place.rows, extents):
                    return False
    if not numbered and _SAMPLE in bare(equation.body):
        return False
    for guard in equation.guards:
        sizes = dims_of(guard.extent) if isinstance(guard, InRange) else set()
        shown = {s for term in guard_terms(guard) for s in bare(term)}
        if samples in sizes or shown & {_SAMPLE, samples}:
            return False
    return True
