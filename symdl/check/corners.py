"""Where a program has corners at a point: ties, kinks, jumps, as its equations show them.

Enters: a program and the values of all its tensors. Leaves: a `Corner` for what stands at one:
a maximum whose largest arguments are equal, an absolute value of 0, a condition whose two sides are equal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray
from sympy.core.relational import Relational

from symdl.express.comparisons import Compared, parts
from symdl.express.dims import Dim
from symdl.express.equations import Equation
from symdl.express.program import Program
from symdl.express.tensors import Access, Tensor
from symdl.run.reference.binding import extent_value
from symdl.run.reference.interpreter import Grid
from symdl.run.reference.scalars import Scope

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Corner:
    """An equation that stands at a corner.

    Attributes:
        kind: ``"tie"`` (the largest arguments of a maximum, or the smallest of a minimum, are equal),
            ``"kink"`` (an absolute value of 0, or a maximum with a number), ``"jump"`` (a sign, a rounding)
            or ``"boundary"`` (the two sides of a condition are equal).
        tensor: what the equation computes.
        expression: what stands at the corner.
        index: the first element.
        count: how many elements there are.
    """

    kind: str
    tensor: str
    expression: str
    index: tuple[int, ...]
    count: int

    def __str__(self) -> str:
        more = f" and {self.count - 1} more" if self.count > 1 else ""
        where = f"[{', '.join(map(str, self.index))}]" if self.index else ""
        return f"{self.kind} in {self.tensor}{where}{more}: {self.expression}"


def corners_of(
    program: Program, arrays: Mapping[Tensor, Array], dims: Mapping[Dim, int]
) -> tuple[Corner, ...]:
    """Return the corners at which a program stands.

    Args:
        arrays: the values of all tensors of the program.
        dims: the symbolic sizes.
    """
    found: list[Corner] = []
    with np.errstate(all="ignore"):
        for equation in program.equations:
            if equation.lhs.dtype == "real":
                found += _corners(equation, arrays, dims)
    return tuple(found)


def _corners(equation: Equation, arrays: Mapping[Tensor, Array], dims: Mapping[Dim, int]) -> Iterator[Corner]:
    body = equation.body
    largest = equation.reduction is not None and equation.reduction.op == "max"
    nodes = body.atoms(sp.Max, sp.Min, sp.Abs, sp.sign, sp.floor, Relational, Compared)
    nodes = {node for node in nodes if any(a.tensor.dtype == "real" for a in node.atoms(Access))}
    if not nodes and not (largest and body.has(Access)):
        return
    grid = Grid(
        equation, {i: range(extent_value(n, dims)) for i, n in equation.extents.items()}, arrays, dims
    )
    if not all(grid.shape):
        return
    scope, name = grid.scope(), str(equation.lhs.name or equation.lhs)
    for node in sorted(nodes, key=str):
        kind, at = _at(node, scope)
        here = np.broadcast_to(np.asarray(at) & scope.mask, grid.shape)
        if here.any():
            first = np.unravel_index(int(here.argmax()), here.shape)[: len(equation.indices)]
            yield Corner(kind, name, str(node), tuple(map(int, first)), int(here.sum()))
    if largest:
        free = grid.shape[: len(equation.indices)]
        inside = np.where(scope.mask, scope.value(body), -np.inf)
        flat = np.broadcast_to(inside, grid.shape).reshape((*free, -1))
        many = ((flat == flat.max(-1, keepdims=True)) & np.isfinite(flat)).sum(-1) > 1
        if many.any():
            first = np.unravel_index(int(many.argmax()), many.shape)
            yield Corner("tie", name, f"max of {body}", tuple(map(int, first)), int(many.sum()))


def _at(node: sp.Basic, scope: Scope) -> tuple[str, Any]:
    """Return what kind of corner a node is, and where it stands at it."""
    if isinstance(node, sp.Max | sp.Min):
        sides = [np.asarray(scope.value(arg)) for arg in node.args]
        best = np.asarray(scope.value(node))
        equal = sum(((side == best).astype(int) for side in sides), np.zeros((), int))
        kind = "kink" if any(arg.is_number for arg in node.args) else "tie"
        return kind, equal > 1
    if isinstance(node, sp.Abs | sp.sign):
        return "kink" if isinstance(node, sp.Abs) else "jump", scope.value(node.args[0]) == 0
    if isinstance(node, sp.floor):
        inner = scope.value(node.args[0])
        return "jump", inner == np.floor(inner)
    left, right = (scope.value(side) for side in parts(node)[1:])
    return "boundary", left == right
