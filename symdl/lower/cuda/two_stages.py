"""Long sums in two stages.

Enters: equations. Leaves: the same, in which a sum (a product, a maximum) of very many elements with few
results is two: parts, which many teams run up at the same time, and what the parts make together. Otherwise
one team would do all the work of a result. Parts come first among the axes, so that no loop over results
holds both. The order of the sums depends on sizes only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from symdl.lower.cuda.stages import Numbered, in_stages
from symdl.lower.equations.contractions import as_contraction
from symdl.lower.ir.integers import Pick, Poly, constant, evaluate, floor, of, product
from symdl.lower.ir.loops import FrozenEquation, FrozenProgram, TensorInfo, Within
from symdl.lower.ir.names import Index, TensorId
from symdl.lower.ir.scalars import Body, Load, Node
from symdl.lower.ir.visitors import with_index
from symdl.lower.loops.building import IN_MEMORY
from symdl.lower.loops.prefix_scans import as_scan

PARTS = 256
"""Parts of a sum: as many as the last team has threads."""
LONG, _FEW = 1 << 16, 1 << 10
"""From how many elements on, and up to how many results."""
_NOMINAL = 1024
"""What a size that nobody knows yet is taken to be."""


def in_two_stages(
    program: FrozenProgram, equations: Sequence[FrozenEquation]
) -> tuple[FrozenProgram, list[FrozenEquation]]:
    """Return the equations with long sums in two stages, and the program with tensors for the parts."""
    return in_stages(program, equations, _cut)


def _cut(equation: FrozenEquation, tensors: list[TensorInfo], named: Numbered) -> list[FrozenEquation] | None:
    return _stages(equation, named("parts of"), tensors) if _long(equation, tensors) else None


def _long(equation: FrozenEquation, tensors: Sequence[TensorInfo]) -> bool:
    """Say whether a sum is long, has few results, and is no matrix product or running sum."""
    if equation.op not in IN_MEMORY or equation.scattered or equation.fixed or equation.averages:
        return False
    sizes = equation.sizes
    length = nominal(product(sizes[v] for v in equation.bound))
    results = nominal(product(sizes[v] for v in equation.free))
    if length < LONG or results > _FEW:
        return False
    return as_contraction(equation, tensors) is None and as_scan(equation, IN_MEMORY) is None


def nominal(size: Poly) -> int:
    """Return a size, as far as it is known."""
    return evaluate(size, defaultdict(lambda: _NOMINAL))


def _stages(equation: FrozenEquation, number: int, tensors: list[TensorInfo]) -> list[FrozenEquation]:
    """Return the parts, each over a stretch of the longest axis, and what they make together."""
    sizes = equation.sizes
    axis = max(equation.bound, key=lambda v: nominal(sizes[v]))
    length = sizes[axis]
    stretch = floor(length + (PARTS - 1), constant(PARTS))
    last = max(v.number for v in (*equation.free, *equation.bound))
    part, inside = Index(last + 1), Index(last + 2)
    tensor = TensorId(len(tensors))
    own = tensors[equation.lhs]
    shape = (constant(PARTS), *(sizes[v] for v in equation.free))
    tensors.append(TensorInfo(tensor, f"{own.name} (parts)", shape, own.integer, "intermediate"))
    position = of(part) * stretch + of(inside)
    moved = with_index(equation, axis, position)
    free = (part, *equation.free)
    bound = tuple(inside if v == axis else v for v in equation.bound)
    parts = replace(
        moved,
        number=number,
        lhs=tensor,
        free=free,
        bound=bound,
        extents=(*shape, *(stretch if v == inside else sizes[v] for v in bound)),
        guards=(Within(position, length), *moved.guards),
        where=tuple(map(of, free)),
    )
    where = tuple(map(of, free))
    node = (
        Node("whole", (), of(Pick(tensor, where))) if own.integer else Node("load", (), Load(tensor, where))
    )
    extents = (*shape[1:], shape[0])
    together = replace(equation, bound=(part,), extents=extents, guards=(), body=Body((node,)))
    return [parts, together]
