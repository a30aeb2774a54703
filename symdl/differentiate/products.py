"""The weight of a factor in a product: the product of the others.

Enters: an equation whose reduction is a product. Leaves: an equation for the products of all factors but
one. It is exact where factors are zero (dividing the product by the factor would be 0/0), costs one more
pass over the factors for each of them, and is an equation like any other, so it can be differentiated again.
"""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from symdl.differentiate.indexforms import fresh_index
from symdl.express.dims import Index
from symdl.express.equations import Equation, Origin
from symdl.express.tensors import Access, Tensor


def other_factors(equation: Equation) -> tuple[Equation, Access]:
    """Return the equation of the products without one factor, and its element that leaves out the own one."""
    assert equation.reduction is not None
    taken = set(equation.extents)
    left_out: dict[Index, Index] = {}
    for index in equation.bound:
        left_out[index] = fresh_index(taken)
        taken.add(left_out[index])
    same = sp.And(*(sp.Eq(index, other) for index, other in left_out.items()))
    shape = [*equation.lhs.shape, *(size for _, size in equation.reduction.axes)]
    companion = replace(
        equation,
        lhs=Tensor(None, shape, role="intermediate", of=equation.lhs),
        indices=(*equation.indices, *left_out.values()),
        body=sp.Piecewise((1, same), (equation.body, True)),
        origin=Origin("other factors", equation.lhs),
    )
    return companion, companion.lhs.at(*equation.indices, *equation.bound)
