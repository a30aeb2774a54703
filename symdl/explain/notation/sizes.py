"""How long a formula would be with everything in it written out.

Enters: equations in the order in which they can be computed. Leaves: for each tensor the operations and names
of its value, counted without writing it: linear in the equations, whatever they share.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sympy as sp

from symdl.express.equations import Equation
from symdl.express.tensors import Access, Tensor


def written_sizes(equations: Iterable[Equation]) -> dict[Tensor, int]:
    """Return how many operations and names each tensor has when everything in it is written out.

    Args:
        equations: in the order in which they can be computed; what has none is a name.
    """
    sizes: dict[Tensor, int] = {}
    for equation in equations:
        sizes[equation.lhs] = written_size(equation.body, sizes)
    return sizes


def written_size(body: sp.Expr, sizes: Mapping[Tensor, int]) -> int:
    """Return how many operations and names a body has, of what it reads as many as `sizes` says."""
    return int(sp.count_ops(body)) + sum(sizes.get(tensor, 1) for tensor in occurrences(body))


def occurrences(body: sp.Expr) -> list[Tensor]:
    """Return the tensors that a body reads, as often as it does."""
    return [node.tensor for node in sp.preorder_traversal(body) if isinstance(node, Access)]


__all__ = ["occurrences", "written_size", "written_sizes"]
