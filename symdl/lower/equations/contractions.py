"""What kind of work an equation is.

Enters: frozen equations. Leaves: for a matrix product, a `Contraction`; for a sum that adds to positions
read from data, the equation as a scatter; every other equation unchanged, to become loops.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from symdl.lower.ir.integers import (
    ONE,
    ZERO,
    Element,
    Pick,
    Poly,
    Size,
    atoms,
    evaluate,
    linear,
    product,
    variables,
)
from symdl.lower.ir.layout import address
from symdl.lower.ir.loops import FrozenEquation, Same, TensorInfo, Within
from symdl.lower.ir.names import Index, TensorId, Variable
from symdl.lower.ir.scalars import Body, Builder, Load, fixed, prune
from symdl.lower.ir.steps import moves
from symdl.lower.ir.visitors import with_index

Kind = TypeVar("Kind", Load, Element)
"""What an element is before kernels are made, and in them."""
_LOOPS = 2
"""How many loops over whole matrix products there may be."""


@dataclass(frozen=True, slots=True)
class Operand:
    """A matrix inside a tensor: where it starts, its row length, and the steps between matrices."""

    tensor: TensorId
    offset: Poly
    transposed: bool
    lead: Poly
    steps: tuple[Poly, ...]


@dataclass(frozen=True, slots=True)
class Contraction:
    """``result = alpha * left @ right``, row-major, for each of `batch` matrices."""

    equation: int
    left: Operand
    right: Operand
    result: Operand
    m: Poly
    n: Poly
    k: Poly
    batch: tuple[Poly, ...]
    alpha: Body


def as_contraction(equation: FrozenEquation, tensors: Sequence[TensorInfo]) -> Contraction | None:
    """Return the equation as a matrix product, or None if it is none."""
    if equation.op != "sum" or equation.guards or tensors[equation.lhs].integer:
        return None
    found = factors(equation.body, Load)
    if found is None:
        return None
    loads, alpha = found
    if any(tensors[load.tensor].storage for load in loads):  # those are multiplied in loops, or copied first
        return None
    forms = [_slopes(load.tensor, load.where, tensors) for load in loads]
    result = _slopes(equation.lhs, equation.where, tensors)
    if result is None or forms[0] is None or forms[1] is None:
        return None
    for first, second in ((forms[0], forms[1]), (forms[1], forms[0])):
        made = _Matcher(equation, first, second, result).match(alpha)
        if made is not None:
            return made
    return None


def factors(body: Body, kind: type[Kind]) -> tuple[list[Kind], Body] | None:
    """Return the two elements of a product and what they are multiplied by, if that depends on sizes only."""
    builder = Builder()
    loads: list[Kind] = []

    def walk(position: int) -> int | None:
        node = body.nodes[position]
        if len(loads) > 2:
            return None
        if isinstance(node.value, kind):
            loads.append(node.value)
            return builder.const(1)
        if node.op in ("mul", "neg"):
            args = [walk(a) for a in node.args]
            known = [a for a in args if a is not None]
            if len(known) < len(args):
                return None
            return builder.mul(*known) if node.op == "mul" else builder.neg(known[0])
        alone = prune(body.nodes, position)
        if not fixed(alone):
            return None
        place: list[int] = []
        for inner in alone.nodes:
            args_ = tuple(place[a] for a in inner.args)
            place.append(builder.add(inner.op, *args_, value=inner.value))
        return place[-1]

    alpha = walk(len(body.nodes) - 1)
    if alpha is None or len(loads) != 2:
        return None
    scale = builder.body(alpha)
    moving = any(variables(p) or moves(p) for p in scale.polys)
    return None if moving else (loads, scale)


@dataclass(frozen=True, slots=True)
class _Form:
    tensor: TensorId
    slopes: dict[Variable, Poly]
    offset: Poly


def _slopes(tensor: TensorId, where: Sequence[Poly], tensors: Sequence[TensorInfo]) -> _Form | None:
    parts = linear(address(where, tensors[tensor]))
    if parts is None:
        return None
    return _Form(tensor, {v: c for v, c in parts[0].items() if c != ZERO}, parts[1])


class _Matcher:
    """Sorts the index variables into rows, columns, inner ones and loops."""

    def __init__(self, equation: FrozenEquation, a: _Form, b: _Form, c: _Form) -> None:
        self.a, self.b, self.c = a, b, c
        self.equation = equation
        self.sizes = equation.sizes
        self.free = [v for v in equation.free if self.sizes[v] != ONE and v not in equation.fixed]
        self.bound = [v for v in equation.bound if self.sizes[v] != ONE]

    def match(self, alpha: Body) -> Contraction | None:
        """Return the matrix product with `a` on the left, or None."""
        a, b, c = self.a.slopes, self.b.slopes, self.c.slopes
        if not all(v in a and v in b for v in self.bound) or not self.bound:
            return None
        rows = [v for v in self.free if v in a and v not in b]
        columns = [v for v in self.free if v in b and v not in a]
        shared = [v for v in self.free if v in a and v in b]
        others = len(self.free) - len(rows) - len(columns) - len(shared)
        if others or not all(v in c for v in self.free) or not (rows or columns):
            return None
        inner = self.ordered(self.bound, a)
        if not self.flat(inner, a) or not self.flat(inner, b):
            return None
        rows, more = self.trim(self.ordered(rows, c), a, c)
        columns, extra = self.trim(self.ordered(columns, c), b, c)
        loops = shared + more + extra
        if len(loops) > _LOOPS:
            return None
        left = self.matrix(self.a, rows, inner, loops)
        right = self.matrix(self.b, inner, columns, loops)
        result = self.matrix(self.c, rows, columns, loops)
        if left is None or right is None or result is None or result.transposed:
            return None
        m, n, k = (product(self.sizes[v] for v in group) for group in (rows, columns, inner))
        batch = tuple(self.sizes[v] for v in loops)
        return Contraction(self.equation.number, left, right, result, m, n, k, batch, alpha)

    def ordered(self, names: list[Index], slopes: dict[Variable, Poly]) -> list[Index]:
        """Order index variables from the longest step to the shortest."""
        return sorted(names, key=lambda v: _magnitude(slopes[v]), reverse=True)

    def flat(self, names: list[Index], slopes: dict[Variable, Poly]) -> bool:
        """Say whether neighbouring variables step through memory as one."""
        return all(slopes[u] == slopes[v] * self.sizes[v] for u, v in itertools.pairwise(names))

    def trim(
        self, names: list[Index], first: dict[Variable, Poly], second: dict[Variable, Poly]
    ) -> tuple[list[Index], list[Index]]:
        """Return the variables that step as one in both tensors, and the ones before them."""
        start = 0
        while not (self.flat(names[start:], first) and self.flat(names[start:], second)):
            start += 1
        return names[start:], names[:start]

    def matrix(
        self, form: _Form, rows: list[Index], columns: list[Index], loops: list[Index]
    ) -> Operand | None:
        """Return a tensor as a matrix that BLAS can read, or None."""
        down = form.slopes[rows[-1]] if rows else None
        across = form.slopes[columns[-1]] if columns else None
        height = product(self.sizes[v] for v in rows)
        width = product(self.sizes[v] for v in columns)
        steps = tuple(form.slopes.get(v, ZERO) for v in loops)
        for inner, outer, length, turned in (
            (across, down, width, False),
            (down, across, height, True),
        ):
            if inner is not None and inner != ONE:
                continue
            lead = length if outer is None else outer
            if _covers(lead, length):
                return Operand(form.tensor, form.offset, turned, lead, steps)
        return None


def _magnitude(slope: Poly) -> int:
    # Sizes stand for something larger than any constant step inside their axis.
    names = {a.name: 1000 for a in atoms(slope) if isinstance(a, Size)}
    try:
        return evaluate(slope, names)
    except KeyError:
        return 0


def _covers(lead: Poly, length: Poly) -> bool:
    """Say whether a row of `length` is proved to fit between two row starts, which go upwards for BLAS."""
    if lead == length:
        return True
    if length == ONE:
        return all(factor > 0 for _, factor in lead.terms)
    a, b = lead.number, length.number
    if a is not None and b is not None:
        return a >= b
    gap = lead - length
    return all(factor > 0 for _, factor in gap.terms) or _multiple(lead, length)


def _multiple(lead: Poly, length: Poly) -> bool:
    if len(lead.terms) != 1 or len(length.terms) != 1:
        return False
    (big, a), (small, b) = lead.terms[0], length.terms[0]
    return a >= b > 0 and a % b == 0 and all(big.count(x) >= small.count(x) for x in small)


def as_scatter(equation: FrozenEquation) -> FrozenEquation:
    """Return a sum whose output position is read from data as a scatter; others unchanged.

    ``out[p, d] = sum_n f where ids[n] = p`` becomes a loop over ``n`` and ``d`` that adds to
    ``out[ids[n], d]``.
    """
    if equation.op != "sum":
        return equation
    for guard in equation.guards:
        if not isinstance(guard, Same):
            continue
        for side, other in ((guard.left, guard.right), (guard.right, guard.left)):
            atom = side.atom
            if not isinstance(atom, Index) or atom not in equation.free:
                continue
            if atom in variables(other) or not isinstance(other.atom, Pick):
                continue
            inside = Within(other, equation.sizes[atom])
            rest = (*(g for g in equation.guards if g is not guard), inside)
            moved = with_index(replace(equation, guards=rest), atom, other)
            return replace(moved, scattered=(*equation.scattered, atom))
    return equation
