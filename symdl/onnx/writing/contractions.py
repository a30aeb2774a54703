"""Sums of products as Einsum, MatMul and ReduceSum.

Enters: an equation whose reduction is a sum. Leaves: its value. The factors are values with their own axes; a
guard belongs to a factor that has its indices. So nothing is ever laid over all indices at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from symdl.express.dims import Index
from symdl.express.equations import Guard, guard_terms
from symdl.express.tensors import Access
from symdl.onnx.writing.layout import Grid, guarded, indices_of
from symdl.onnx.writing.nodes import Made


@dataclass(frozen=True, slots=True)
class Factor:
    """A value and the index of each of its axes."""

    value: Made
    axes: tuple[Index, ...]


def contracted(grid: Grid) -> Made | None:
    """Return the value of a sum of products, or None where it is none, or a guard spans several factors."""
    equation = grid.equation
    assert equation.reduction is not None
    number, product = equation.body.as_coeff_Mul()
    parts = [p for p in sp.Mul.make_args(product) if indices_of(p)]
    others = [p for p in sp.Mul.make_args(product) if not indices_of(p)]
    free, bound = equation.indices, equation.bound
    covered = {i for p in parts for i in indices_of(p)}
    if equation.lhs.dtype != "real" or len(parts) < 2 or covered != {*free, *bound} or len(covered) > 26:
        return None
    guards = _divided(parts, equation.guards)
    if guards is None:
        return None
    factors = [_factor(grid, part, own) for part, own in zip(parts, guards, strict=True)]
    value = _matmul(grid, factors) or _einsum(grid, factors)
    for scale in ([] if number == 1 else [number]) + others:
        if scale != 1:
            value = grid.graph.node("Mul", value, grid.graph.real(grid.formula.value(scale)))
    return value


def _divided(parts: Sequence[sp.Expr], guards: Sequence[Guard]) -> list[list[Guard]] | None:
    """Return the guards of each factor."""
    found: list[list[Guard]] = [[] for _ in parts]
    spans = [indices_of(part) for part in parts]
    for guard in guards:
        needed = {i for term in guard_terms(guard) for i in indices_of(term)}
        # The factor that reads the guarded place, if several could be meant.
        able = [k for k, span in enumerate(spans) if needed <= span]
        if not able:
            return None
        best = next((k for k in able if _reads(parts[k], guard_terms(guard))), able[0])
        found[best].append(guard)
    return found


def _reads(part: sp.Expr, terms: Sequence[sp.Expr]) -> bool:
    return isinstance(part, Access) and any(term in part.indices for term in terms)


def _factor(grid: Grid, part: sp.Expr, guards: Sequence[Guard]) -> Factor:
    apart = grid.apart(part) if isinstance(part, Access) and not guards else None
    if apart is not None:
        return Factor(grid.graph.real(apart[0]), tuple(apart[1]))
    value = guarded(grid, grid.graph.real(grid.formula.value(part)), guards, 0)
    own = indices_of(part)
    axes = tuple(i for i in grid.indices if i in own)
    lead = grid.lead(own)
    missing = [a - lead for a, i in enumerate(grid.indices) if i not in own and a > lead]
    if missing:
        value = grid.graph.node("Squeeze", value, grid.graph.whole(missing))
    return Factor(value, axes)


def _matmul(grid: Grid, factors: Sequence[Factor]) -> Made | None:
    """Return a product of matrices, ``...ik,...kj->...ij``, if it is one; operands may be transposed."""
    free, bound = grid.equation.indices, grid.equation.bound
    if len(factors) != 2 or len(bound) != 1 or len(free) < 2:
        return None
    (*batch, row, column), (k,) = free, bound
    left, right = factors if column in factors[1].axes else factors[::-1]
    if set(left.axes) != {*batch, row, k}:
        return None
    if set(right.axes) == {*batch, k, column}:
        last = [*batch, k, column]
    elif set(right.axes) == {k, column}:
        last = [k, column]
    else:
        return None
    a = grid.ordered(left.value, left.axes, [*batch, row, k])
    b = grid.ordered(right.value, right.axes, last)
    return grid.graph.node("MatMul", a, b)


def _einsum(grid: Grid, factors: Sequence[Factor]) -> Made:
    letters = dict(zip(grid.indices, "abcdefghijklmnopqrstuvwxyz", strict=False))
    reads = ",".join("".join(letters[i] for i in factor.axes) for factor in factors)
    result = "".join(letters[i] for i in grid.equation.indices)
    return grid.graph.node("Einsum", *(f.value for f in factors), equation=f"{reads}->{result}")
