"""Integers that choose: which inputs hold positions, such as classes of samples, and on axes of what size.

Enters: equations. Leaves: a `LabelRange` for each integer tensor that they read at.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sympy as sp

from symdl.express.dims import Extent
from symdl.express.equations import Equation, InRange
from symdl.express.tensors import Access, Tensor, accesses_in


@dataclass(frozen=True, slots=True)
class LabelRange:
    """The values of the integer input `tensor` are positions on an axis of `size`.

    Not `always`: only those that a condition lets through, such as labels that are not ignored.
    """

    tensor: Tensor
    size: Extent
    always: bool = True


def label_ranges(equations: Iterable[Equation]) -> tuple[LabelRange, ...]:
    """Return which integer tensors choose positions, as ``t`` does in ``Z[n, t[n]]``, and how many."""
    found: dict[LabelRange, None] = {}
    for equation in equations:
        body = equation.body
        always = set(accesses_in(body.xreplace(dict.fromkeys(body.atoms(sp.Piecewise), sp.Dummy()))))
        for access in equation.accesses():
            for where, size in zip(access.indices, access.tensor.shape, strict=True):
                guarded = any(
                    isinstance(g, InRange) and g.expr == where and g.extent == size for g in equation.guards
                )
                if isinstance(where, Access) and not guarded:
                    found[LabelRange(where.tensor, size, access in always)] = None
    return tuple(found)
