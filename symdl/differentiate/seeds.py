"""Equations that are linear in a seed, written for every unit seed at once.

Enters: a derived equation and the seed that it depends on. Leaves: the equation with the axes of the seed
beside its own: where it reads ``s[i]`` stands Kronecker's δ of `i` and a new index, and sums over it are
contracted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import sympy as sp

from symdl.differentiate.guards import settle
from symdl.differentiate.indexforms import fresh_index
from symdl.errors import DerivativeError
from symdl.express.dims import Index
from symdl.express.equations import Equal, Equation, Guard, check
from symdl.express.operators import axis_indices
from symdl.express.tensors import Access, Tensor, map_accesses


def for_all_seeds(
    equation: Equation,
    seed: Tensor,
    new: Mapping[Tensor, Tensor],
    outer: Sequence[Index],
    *,
    behind: bool = False,
) -> Equation:
    """Write an equation for all seeds.

    Args:
        equation: linear in `seed` and in the tensors of `new`.
        seed: what becomes Kronecker's δ.
        new: for each tensor that depends on the seed the one that has the seed's axes besides.
        outer: index variables of these axes, which the equation has not.
        behind: the axes of the seed come after the tensor's own, not before them.

    Raises:
        DerivativeError: the equation is not linear in its seed.
    """
    guards: tuple[Guard, ...] = equation.guards
    body = equation.body
    for factor in sp.Mul.make_args(body):
        if isinstance(factor, Access) and factor.tensor is seed:
            guards += tuple(map(Equal, factor.indices, outer))
            body = body / factor

    def beside(own: Sequence[sp.Expr]) -> tuple[sp.Expr, ...]:
        return (*own, *outer) if behind else (*outer, *own)

    def change(access: Access) -> sp.Expr:
        if access.tensor is seed:
            same = sp.And(*map(sp.Eq, access.indices, outer))
            return sp.Piecewise((1, same), (0, True))
        tensor = new.get(access.tensor)
        return access if tensor is None else Access(tensor, *beside(access.indices))

    body = map_accesses(body, change)
    lhs = new[equation.lhs]
    indices = tuple(i for i in beside(equation.indices) if isinstance(i, Index))
    extents = {**dict(zip(outer, seed.shape, strict=True)), **equation.extents}
    if equation.reduction is not None and equation.reduction.op != "sum":
        raise DerivativeError("a derived equation is not linear in its seed", expression=equation)
    settled = settle(body, guards, equation.bound, extents, frozenset())
    if settled is None:
        return Equation(lhs, indices, sp.Integer(0), origin=equation.origin)
    return check(
        replace(
            equation,
            lhs=lhs,
            indices=indices,
            body=settled.body,
            reduction=settled.reduction,
            guards=settled.guards,
        )
    )


def outer_indices(equation: Equation, seed: Tensor) -> tuple[Index, ...]:
    """Return new index variables for the axes of the seed, named as the seeded tensor's where possible."""
    taken = set(equation.extents)
    found: list[Index] = []
    for name in axis_indices(seed.rank):
        index = fresh_index(taken, name)
        taken.add(index)
        found.append(index)
    return tuple(found)


def unused_name(name: str, taken: Collection[str]) -> str:
    """Return `name`, or one made of it that is not taken."""
    while name in taken:
        name += "_"
    return name


__all__ = ["for_all_seeds", "outer_indices", "unused_name"]
