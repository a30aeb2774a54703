"""The same mathematics at another size.

Enters: tensors, and an extent for some of the sizes in them. Leaves: tensors defined by the same equations
with that extent, and inputs of the new shapes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp

from symdl.express.dims import Dim, Extent, as_extent, dims_of
from symdl.express.equations import Equal, Equation, Guard, InRange, Reduction, map_guard
from symdl.express.ordering import order
from symdl.express.program import Program
from symdl.express.replacing import replaced
from symdl.express.tensors import Tensor, substitute


def resized(
    outputs: Sequence[Tensor], sizes: Mapping[Dim, Extent]
) -> tuple[tuple[Tensor, ...], dict[Tensor, Tensor]]:
    """Return `outputs` at other sizes, and for each of their inputs that has one of these the new input.

    Modes are not carried over: what comes back is the form in which the tensors are now.
    """
    found = order(outputs, lambda t: t.equation)
    new: dict[Tensor, Tensor] = {}
    for tensor in found.inputs:
        if _has(tensor.shape, sizes):
            shape = _shape(tensor.shape, sizes)
            new[tensor] = Tensor(tensor.name, shape, dtype=tensor.dtype, role=tensor.role, below=tensor.below)
    given = dict(new)
    for group in Program(found.inputs, found.equations, (), recurrences=found.recurrences).groups:
        if any(_changes(e, sizes) or any(t in new for t in e.reads()) for e in group):
            _renew(group, new, sizes)
    return tuple(new.get(y, y) for y in outputs), given


def _renew(group: Sequence[Equation], new: dict[Tensor, Tensor], sizes: Mapping[Dim, Extent]) -> None:
    for equation in group:
        old = equation.lhs
        of = None if old.of is None else new.get(old.of, old.of)
        below = None if old.below is None else _shape((old.below,), sizes)[0]
        made = Tensor(old.name, _shape(old.shape, sizes), dtype=old.dtype, role=old.role, of=of, below=below)
        made.segment = old.segment
        new[old] = made
    for equation in group:
        new[equation.lhs].attach(_at_sizes(replaced(equation, new), sizes))


def _has(shape: Sequence[Extent], sizes: Mapping[Dim, Extent]) -> bool:
    return any(not sizes.keys().isdisjoint(dims_of(size)) for size in shape)


def _shape(shape: Sequence[Extent], sizes: Mapping[Dim, Extent]) -> tuple[Extent, ...]:
    return tuple(as_extent(sp.sympify(size, strict=True).xreplace(dict(sizes))) for size in shape)


def _changes(equation: Equation, sizes: Mapping[Dim, Extent]) -> bool:
    return _has(tuple(equation.extents.values()), sizes) or any(
        dim in equation.body.free_symbols or any(_mentions(guard, dim) for guard in equation.guards)
        for dim in sizes
    )


def _mentions(guard: Guard, dim: Dim) -> bool:
    terms: tuple[Any, ...] = (guard.left, guard.right) if isinstance(guard, Equal) else (guard.expr,)
    terms += (guard.extent,) if isinstance(guard, InRange) else ()
    return any(dim in sp.sympify(term, strict=True).free_symbols for term in terms)


def _at_sizes(equation: Equation, sizes: Mapping[Dim, Extent]) -> Equation:
    values: dict[Any, Any] = {dim: sp.sympify(size, strict=True) for dim, size in sizes.items()}

    def change(guard: Guard) -> Guard:
        guard = map_guard(guard, lambda e: substitute(e, values))
        if isinstance(guard, InRange):
            return dataclasses.replace(guard, extent=_shape((guard.extent,), sizes)[0])
        return guard

    reduction = equation.reduction and Reduction(
        equation.reduction.op,
        tuple((index, _shape((size,), sizes)[0]) for index, size in equation.reduction.axes),
    )
    return dataclasses.replace(
        equation,
        body=substitute(equation.body, values),
        reduction=reduction,
        guards=tuple(map(change, equation.guards)),
    )
